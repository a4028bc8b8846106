#include "lang/einsum.h"

#include <inttypes.h>
#include <string.h>

static gp_value failed(void) { return gp_value_node(-1); }

typedef struct labels {
    int count, at[GPUPROC_MAX_NDIM];
} labels;

static int find(const int *list, int count, int label)
{
    for (int k = 0; k < count; k++) {
        if (list[k] == label) return k;
    }
    return -1;
}

static int ndim_of(const gp_builder *b, const gp_term *t) { return gp_build_shape(b, t->v.node)->ndim; }

static int axis_of(const gp_builder *b, const gp_term *t, int label) { return find(t->label, ndim_of(b, t), label); }

/* There is room: gp_build_einsum looks at that. */
static void add(labels *l, int label)
{
    if (l->count < GPUPROC_MAX_NDIM) l->at[l->count++] = label;
}

static bool too_many(gp_builder *b, const char *name)
{
    gp_build_fail(b, GPUPROC_LIMIT, "%s: more than %d axes at once", name, GPUPROC_MAX_NDIM);
    return false;
}

/* ---- One term ---- */

/* Axes of one label become one, the diagonal; those of length 1 that are longer elsewhere go: they fit anything. */
static bool settle(gp_builder *b, const char *name, gp_term *t, const int64_t *length)
{
    gp_axis_map map[GPUPROC_MAX_NDIM];
    gp_shape from = gp_matrix_shape(b, &t->v), to = {0};
    int label[GPUPROC_MAX_NDIM];
    for (int d = 0; d < from.ndim; d++) {
        int before = find(t->label, d, t->label[d]), at = find(label, to.ndim, t->label[d]);
        if (before >= 0 && from.dim[before] != from.dim[d]) {
            gp_build_fail(b, GPUPROC_VALUE, "%s: an array has one label at axes of lengths %" PRId64 " and %" PRId64, name, from.dim[before],
                          from.dim[d]);
            return false;
        }
        bool gone = from.dim[d] == 1 && length[t->label[d]] != 1;
        if (!gone && at < 0) {
            at = to.ndim++;
            label[at] = t->label[d];
            to.dim[at] = from.dim[d];
        }
        map[d] = (gp_axis_map){gone ? -1 : at, 0, gone ? 0 : 1, -1};
    }
    memcpy(t->label, label, sizeof label);
    t->v = gp_matrix_map(b, t->v, map, &to, false);
    return !gp_matrix_failed(b, &t->v);
}

/* The sum over the axes of a mask. */
static bool sum_over(gp_builder *b, gp_term *t, uint32_t axes)
{
    gp_value axis[GPUPROC_MAX_NDIM];
    int count = 0, kept = 0, ndim = ndim_of(b, t);
    gp_dtype dtype = gp_value_dtype(b, &t->v);
    for (int d = 0; d < ndim; d++) {
        if (axes >> d & 1) axis[count++] = gp_value_int(d);
        else t->label[kept++] = t->label[d];
    }
    if (count == 0) return true;
    gp_value all = gp_build_tuple(b, axis, count);
    t->v = gp_value_reduced(b, dtype == GPUPROC_BOOL ? GP_FN_any : GP_FN_sum, t->v, &all, false);
    if (!gp_matrix_failed(b, &t->v)) t->v = gp_build_convert(b, &t->v, dtype);
    return !gp_matrix_failed(b, &t->v);
}

/* Over the labels that nobody else has. */
static bool sum_alone(gp_builder *b, gp_term *t, const labels *wanted, const gp_term *other)
{
    uint32_t axes = 0;
    for (int d = 0; d < ndim_of(b, t); d++) {
        bool needed = find(wanted->at, wanted->count, t->label[d]) >= 0 || (other != NULL && axis_of(b, other, t->label[d]) >= 0);
        if (!needed) axes |= (uint32_t)1 << d;
    }
    return sum_over(b, t, axes);
}

/* Its axes in the order of a list, those it does not have with length 1 where `spread`, else left out. */
static gp_value in_order(gp_builder *b, const gp_term *t, const int *order, int count, bool spread)
{
    gp_axis_map map[GPUPROC_MAX_NDIM];
    gp_shape from = gp_matrix_shape(b, &t->v), to = {0};
    for (int k = 0; k < count; k++) {
        int d = find(t->label, from.ndim, order[k]);
        if (d < 0 && !spread) continue;
        if (d >= 0) map[d] = (gp_axis_map){to.ndim, 0, 1, -1};
        to.dim[to.ndim++] = d < 0 ? 1 : from.dim[d];
    }
    return gp_matrix_map(b, t->v, map, &to, false);
}

/* ---- Two terms ---- */

typedef struct pair {
    labels batch, left, right, inner; /* in both and kept; in one only; in both and summed over */
} pair;

/* `order`: the result's, as far as it is known. */
static pair sorted(const gp_builder *b, const gp_term *x, const gp_term *y, const labels *order)
{
    pair p = {0};
    for (int k = 0; k < order->count; k++) {
        bool in_x = axis_of(b, x, order->at[k]) >= 0, in_y = axis_of(b, y, order->at[k]) >= 0;
        if (in_x && in_y) add(&p.batch, order->at[k]);
        else if (in_x) add(&p.left, order->at[k]);
        else if (in_y) add(&p.right, order->at[k]);
    }
    for (int d = 0; d < ndim_of(b, x); d++) {
        if (axis_of(b, y, x->label[d]) >= 0 && find(order->at, order->count, x->label[d]) < 0) add(&p.inner, x->label[d]);
    }
    return p;
}

static labels joined(const labels *a, const labels *c)
{
    labels all = *a;
    for (int k = 0; k < c->count; k++) add(&all, c->at[k]);
    return all;
}

static void name_axes(gp_term *t, const labels *l) { memcpy(t->label, l->at, sizeof l->at); }

static bool multiplied(gp_builder *b, gp_term *x, const gp_term *y, const labels *order)
{
    labels own = {0};
    for (int k = 0; k < order->count; k++) {
        if (axis_of(b, x, order->at[k]) >= 0 || axis_of(b, y, order->at[k]) >= 0) add(&own, order->at[k]);
    }
    gp_value left = in_order(b, x, own.at, own.count, true), right = in_order(b, y, own.at, own.count, true);
    x->v = gp_value_apply(b, GP_FN_multiply, left, right);
    name_axes(x, &own);
    return !gp_matrix_failed(b, &x->v);
}

/* Every axis is in both: an element-wise product, summed. */
static bool summed(gp_builder *b, gp_term *x, const gp_term *y, const pair *p)
{
    labels all = joined(&p->batch, &p->inner);
    gp_value axis[GPUPROC_MAX_NDIM];
    for (int k = 0; k < p->inner.count; k++) axis[k] = gp_value_int(p->batch.count + k);
    gp_value axes = gp_build_tuple(b, axis, p->inner.count);
    x->v = gp_build_sum_of_products(b, in_order(b, x, all.at, all.count, false), in_order(b, y, all.at, all.count, false), &axes);
    name_axes(x, &p->batch);
    return !gp_matrix_failed(b, &x->v);
}

/* The factor's axes: the stack's, then `first` as one axis, then `second` as one. */
static gp_factor arranged(gp_builder *b, const gp_term *t, const labels *batch, const labels *first, const labels *second)
{
    gp_factor f;
    int axes[GPUPROC_MAX_NDIM], count = 0;
    const labels *all[3] = {batch, first, second};
    gp_shape to = {0};
    if (!gp_factor_take(b, &t->v, &f)) return f;
    gp_shape from = *gp_build_shape(b, f.node);
    for (int part = 0; part < 3; part++) {
        int64_t length = 1;
        for (int k = 0; k < all[part]->count; k++) {
            axes[count] = axis_of(b, t, all[part]->at[k]);
            length *= from.dim[axes[count]];
            if (part == 0) to.dim[to.ndim++] = from.dim[axes[count]];
            count++;
        }
        if (part > 0) to.dim[to.ndim++] = length;
    }
    f.node = gp_build_transpose(b, f.node, axes);
    if (f.node >= 0) f.node = gp_build_reshape(b, f.node, &to);
    return f;
}

static bool matrix_product(gp_builder *b, const char *name, gp_term *x, const gp_term *y, const pair *p)
{
    gp_shape from = gp_matrix_shape(b, &x->v), to = gp_matrix_shape(b, &y->v), result = {0};
    labels all = joined(&p->batch, &p->left);
    all = joined(&all, &p->right);
    for (int k = 0; k < all.count; k++) {
        int d = axis_of(b, x, all.at[k]);
        result.dim[result.ndim++] = d >= 0 ? from.dim[d] : to.dim[axis_of(b, y, all.at[k])];
    }
    if (p->batch.count + 2 > GPUPROC_MAX_NDIM) return too_many(b, name);
    bool plain = p->batch.count == 0 && p->left.count == 1 && p->right.count == 1 && p->inner.count == 1, done = false;
    gp_value v = failed();
    if (plain) {
        gp_value left = in_order(b, x, (int[]){p->left.at[0], p->inner.at[0]}, 2, false);
        gp_value right = in_order(b, y, (int[]){p->inner.at[0], p->right.at[0]}, 2, false);
        done = gp_try_gram(b, left, right, &v);
    }
    if (!done) {
        gp_factor left = arranged(b, x, &p->batch, &p->left, &p->inner), right = arranged(b, y, &p->batch, &p->inner, &p->right);
        int drop = (p->left.count == 0 ? GP_DROP_ROW : 0) | (p->right.count == 0 ? GP_DROP_COLUMN : 0);
        v = gp_build_product(b, name, left, right, drop);
    }
    x->v = gp_matrix_reshape(b, v, &result);
    name_axes(x, &all);
    return !gp_matrix_failed(b, &x->v);
}

/* x becomes the product of both, with the labels of `order` that they have. */
static bool pair_up(gp_builder *b, const char *name, gp_term *x, gp_term *y, const labels *order)
{
    if (!sum_alone(b, x, order, y) || !sum_alone(b, y, order, x)) return false;
    pair p = sorted(b, x, y, order);
    if (p.inner.count == 0) return multiplied(b, x, y, order);
    if (p.left.count == 0 && p.right.count == 0) return summed(b, x, y, &p);
    bool turned = p.right.count > 0 && p.left.count > 0 &&
                  find(order->at, order->count, p.right.at[0]) < find(order->at, order->count, p.left.at[0]);
    if (turned) { /* so that the result's axes are in order */
        gp_term other = *x;
        labels l = p.left;
        *x = *y;
        *y = other;
        p.left = p.right;
        p.right = l;
    }
    return matrix_product(b, name, x, y, &p);
}

/* ---- All terms ---- */

static bool take_lengths(gp_builder *b, const char *name, const gp_term *term, int count, int64_t *length)
{
    for (int k = 0; k < GP_EINSUM_LABELS; k++) length[k] = 1;
    for (int k = 0; k < count; k++) {
        gp_shape shape = gp_matrix_shape(b, &term[k].v);
        for (int d = 0; d < shape.ndim; d++) {
            int64_t *known = &length[term[k].label[d]];
            if (*known != 1 && shape.dim[d] != 1 && *known != shape.dim[d]) {
                gp_build_fail(b, GPUPROC_SHAPE, "%s: axes that belong together have lengths %" PRId64 " and %" PRId64, name, *known, shape.dim[d]);
                return false;
            }
            if (shape.dim[d] != 1) *known = shape.dim[d];
        }
    }
    return true;
}

gp_value gp_build_einsum(gp_builder *b, const char *name, gp_term *term, int count, const int *out, int outs)
{
    int64_t length[GP_EINSUM_LABELS];
    labels result = {.count = outs};
    for (int k = 0; k < count; k++) {
        if (gp_matrix_failed(b, &term[k].v)) return failed();
    }
    memcpy(result.at, out, (size_t)outs * sizeof *out);
    gp_dtype dtype = gp_value_dtype(b, &term[0].v);
    for (int k = 1; k < count; k++) dtype = gp_dtype_promote(dtype, gp_value_dtype(b, &term[k].v));
    if (!take_lengths(b, name, term, count, length)) return failed();
    for (int k = 0; k < count; k++) {
        if (!settle(b, name, &term[k], length)) return failed();
    }
    if (count == 1 && !sum_alone(b, &term[0], &result, NULL)) return failed();
    for (int k = 1; k < count; k++) {
        labels order = result;
        for (int later = k + 1; later < count; later++) {
            for (int d = 0; d < ndim_of(b, &term[later]); d++) {
                if (find(order.at, order.count, term[later].label[d]) >= 0) continue;
                if (order.count == GPUPROC_MAX_NDIM) {
                    too_many(b, name);
                    return failed();
                }
                add(&order, term[later].label[d]);
            }
        }
        if (!pair_up(b, name, &term[0], &term[k], &order)) return failed();
    }
    gp_value v = in_order(b, &term[0], out, outs, true);
    return gp_matrix_failed(b, &v) || gp_value_dtype(b, &v) == dtype ? v : gp_build_convert(b, &v, dtype);
}
