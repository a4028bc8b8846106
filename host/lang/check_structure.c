/* Functions that give elements another place: shapes, axes, joining, padding. */
#include "lang/build.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }

/* What is done to a node, and to both parts of a complex one. */
typedef int (*change)(gp_builder *b, int node, const void *how);

static gp_value changed(gp_builder *b, gp_value v, change f, const void *how)
{
    if (v.node < 0) return of(-1);
    v.node = f(b, v.node, how);
    if (v.complex && v.node >= 0) v.im = f(b, v.im, how);
    return v.node < 0 || (v.complex && v.im < 0) ? of(-1) : v;
}

/* An argument as an array that has a shape. */
static gp_value array(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    if (v->kind != GP_VAL_NODE) return of(gp_build_strong(b, v));
    if (v->selected)
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of x[mask] is not possible: how many elements it has shows only when it runs", fn->name));
    return gp_build_window_view(b, v);
}

static gp_shape shape_of(const gp_builder *b, const gp_value *v) { return *gp_build_shape(b, v->node); }

static int reshape_node(gp_builder *b, int node, const void *how) { return gp_build_reshape(b, node, how); }
static int broadcast_node(gp_builder *b, int node, const void *how) { return gp_build_broadcast(b, node, how); }
static int transpose_node(gp_builder *b, int node, const void *how) { return gp_build_transpose(b, node, how); }

static gp_value reshaped(gp_builder *b, gp_value v, const gp_shape *shape) { return changed(b, v, reshape_node, shape); }

typedef struct mapping {
    gp_axis_map map[GPUPROC_MAX_NDIM];
    gp_shape to;
} mapping;

static int map_node(gp_builder *b, int node, const void *how)
{
    const mapping *m = how;
    return gp_build_map(b, node, m->map, &m->to, false);
}

static mapping plain(const gp_shape *shape)
{
    mapping m = {.to = *shape};
    for (int d = 0; d < shape->ndim; d++) m.map[d] = (gp_axis_map){d, 0, 1, -1};
    return m;
}

/* ---- Shapes ---- */

static bool order_is_c(gp_builder *b, const gp_function *fn, const gp_value *order)
{
    if (order->kind == GP_VAL_NONE) return true;
    size_t n;
    const char *text = gp_argument_string(b, fn, order, &n);
    if (text == NULL) return false;
    if (n == 1 && strchr("CKAcka", *text) != NULL) return true;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() is possible in C order only: transpose before and after it", fn->name);
    return false;
}

static gp_value reshape(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape from = shape_of(b, &x), to;
    int open = -1;
    char text[200];
    if (!gp_argument_shape(b, fn, &args[1], &to) || !order_is_c(b, fn, &args[2])) return of(-1);
    int64_t size = (int64_t)gp_shape_size(&from), known = 1;
    bool fits = true;
    gp_shape asked = to;
    for (int d = 0; d < to.ndim; d++) {
        if (to.dim[d] == -1 && open >= 0)
            return of(gp_build_fail(b, GPUPROC_VALUE, "can only specify one unknown dimension"));
        if (to.dim[d] == -1) open = d;
        else if (__builtin_mul_overflow(known, to.dim[d], &known)) fits = false;
    }
    for (int d = 0; d < to.ndim; d++) {
        if (to.dim[d] == 0) { /* whatever the others are */
            known = 0;
            fits = true;
        }
    }
    if (open >= 0 && fits && known > 0 && size % known == 0) to.dim[open] = size / known;
    else if (open >= 0 || !fits || known != size)
        return of(gp_build_fail(b, GPUPROC_VALUE, "cannot reshape array of size %" PRId64 " into shape %s", size,
                                gp_shape_text(&asked, text, sizeof text)));
    return reshaped(b, x, &to);
}

static gp_value ravel(gp_builder *b, gp_value x)
{
    gp_shape from = shape_of(b, &x), to = {.ndim = 1};
    to.dim[0] = (int64_t)gp_shape_size(&from);
    return reshaped(b, x, &to);
}

/* Without the axes of the mask, which have length 1. */
static gp_value without_axes(gp_builder *b, gp_value x, uint32_t axes)
{
    gp_shape from = shape_of(b, &x);
    mapping m = {.to = {0}};
    for (int d = 0; d < from.ndim; d++) {
        bool gone = axes >> d & 1;
        m.map[d] = (gp_axis_map){gone ? -1 : m.to.ndim, 0, gone ? 0 : 1, -1};
        if (!gone) m.to.dim[m.to.ndim++] = from.dim[d];
    }
    return changed(b, x, map_node, &m);
}

/* With axes of length 1 at the places of the mask. */
static gp_value with_axes(gp_builder *b, gp_value x, uint64_t axes, int count)
{
    gp_shape from = shape_of(b, &x);
    mapping m = {.to = {.ndim = from.ndim + count}};
    if (m.to.ndim > GPUPROC_MAX_NDIM)
        return of(gp_build_fail(b, GPUPROC_VALUE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM));
    for (int d = 0, k = 0; d < m.to.ndim; d++) {
        m.to.dim[d] = 1;
        if (axes >> d & 1) continue;
        m.to.dim[d] = from.dim[k];
        m.map[k++] = (gp_axis_map){d, 0, 1, -1};
    }
    return changed(b, x, map_node, &m);
}

static gp_value squeeze(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape from = shape_of(b, &x);
    uint32_t axes = 0;
    bool none = args[1].kind == GP_VAL_NONE;
    if (args[1].kind == GP_VAL_TUPLE && args[1].items == 0) return x;
    if (!gp_argument_axes(b, fn, &args[1], from.ndim, &axes)) return of(-1);
    for (int d = 0; d < from.ndim; d++) {
        if (none && from.dim[d] == 1) axes |= 1u << d;
        if (axes >> d & 1 && from.dim[d] != 1)
            return of(gp_build_fail(b, GPUPROC_VALUE, "cannot select an axis to squeeze out which has size not equal to one"));
    }
    return without_axes(b, x, axes);
}

static gp_value expand_dims(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    int count = args[1].kind == GP_VAL_TUPLE ? args[1].items : 1, ndim = shape_of(b, &x).ndim + count;
    uint32_t axes = 0;
    if (ndim > GPUPROC_MAX_NDIM)
        return of(gp_build_fail(b, GPUPROC_VALUE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM));
    if (count == 0) return x;
    if (args[1].kind == GP_VAL_NONE)
        return of(gp_build_fail(b, GPUPROC_TYPE, "expand_dims() needs an integer or a tuple of them as axis"));
    if (!gp_argument_axes(b, fn, &args[1], ndim, &axes)) return of(-1);
    return with_axes(b, x, axes, count);
}

static gp_value at_least(gp_builder *b, gp_value x, int ndim)
{
    int own = shape_of(b, &x).ndim, count = ndim - own;
    if (count <= 0) return x;
    /* NumPy's atleast_3d puts them around: (n,) is (1, n, 1), (m, n) is (m, n, 1). */
    uint64_t axes = ndim < 3 || own == 0 ? ((uint64_t)1 << count) - 1 : own == 1 ? 1 | 4 : 4;
    return with_axes(b, x, axes, count);
}

/* ---- Axes ---- */

static gp_value transpose(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    int ndim = shape_of(b, &x).ndim, axes[GPUPROC_MAX_NDIM];
    uint32_t seen = 0;
    if (args[1].kind == GP_VAL_NONE) return gp_check_reversed_axes(b, &x, ndim);
    bool one = args[1].kind != GP_VAL_TUPLE;
    if ((one ? 1 : args[1].items) != ndim) return of(gp_build_fail(b, GPUPROC_VALUE, "axes don't match array"));
    for (int k = 0; k < ndim; k++) {
        if (!gp_argument_axis(b, fn, one ? &args[1] : gp_build_item(b, &args[1], k), ndim, &axes[k])) return of(-1);
        if (seen >> axes[k] & 1) return of(gp_build_fail(b, GPUPROC_VALUE, "repeated axis in transpose"));
        seen |= 1u << axes[k];
    }
    return changed(b, x, transpose_node, axes);
}

static gp_value swap_axes(gp_builder *b, gp_value x, int a, int c)
{
    int axes[GPUPROC_MAX_NDIM];
    for (int d = 0; d < shape_of(b, &x).ndim; d++) axes[d] = d == a ? c : d == c ? a : d;
    return changed(b, x, transpose_node, axes);
}

static gp_value moveaxis(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    int ndim = shape_of(b, &x).ndim, axes[GPUPROC_MAX_NDIM], place[2][GPUPROC_MAX_NDIM], count[2];
    uint32_t seen[2] = {0, 0};
    for (int side = 0; side < 2; side++) {
        const gp_value *v = &args[1 + side];
        bool one = v->kind != GP_VAL_TUPLE;
        count[side] = one ? 1 : v->items;
        for (int k = 0; k < count[side]; k++) {
            int axis;
            if (!gp_argument_axis(b, fn, one ? v : gp_build_item(b, v, k), ndim, &axis)) return of(-1);
            if (seen[side] >> axis & 1)
                return of(gp_build_fail(b, GPUPROC_VALUE, "repeated axis in `%s` argument", side ? "destination" : "source"));
            seen[side] |= 1u << axis;
            place[side][k] = axis;
        }
    }
    if (count[0] != count[1])
        return of(gp_build_fail(b, GPUPROC_VALUE, "`source` and `destination` arguments must have the same number of elements"));
    for (int d = 0; d < ndim; d++) axes[d] = -1;
    for (int k = 0; k < count[0]; k++) axes[place[1][k]] = place[0][k];
    for (int d = 0, next = 0; d < ndim; d++) {
        if (axes[d] >= 0) continue;
        while (seen[0] >> next & 1) next++;
        axes[d] = next++;
    }
    return changed(b, x, transpose_node, axes);
}

static gp_value flip_axes(gp_builder *b, gp_value x, uint32_t axes)
{
    gp_shape from = shape_of(b, &x);
    mapping m = plain(&from);
    for (int d = 0; d < from.ndim; d++) {
        if (axes >> d & 1 && from.dim[d] > 1) m.map[d] = (gp_axis_map){d, from.dim[d] - 1, -1, -1};
    }
    return changed(b, x, map_node, &m);
}

static gp_value flip(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    int ndim = shape_of(b, &x).ndim;
    uint32_t axes = 0;
    if (fn->id == GP_FN_fliplr || fn->id == GP_FN_flipud) {
        int axis = fn->id == GP_FN_fliplr;
        if (ndim <= axis) return of(gp_build_fail(b, GPUPROC_VALUE, "Input must be >= %d-d.", axis + 1));
        return flip_axes(b, x, 1u << axis);
    }
    if (args[1].kind == GP_VAL_NONE) return flip_axes(b, x, ~0u);
    if (args[1].kind == GP_VAL_TUPLE && args[1].items == 0) return x;
    return gp_argument_axes(b, fn, &args[1], ndim, &axes) ? flip_axes(b, x, axes) : of(-1);
}

static gp_value rot90(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    int ndim = shape_of(b, &x).ndim, axis[2] = {0, 1};
    int64_t k = 1;
    if (given[1] && !gp_argument_int(b, fn, "k", &args[1], &k)) return of(-1);
    if (given[2] && (args[2].kind != GP_VAL_TUPLE || args[2].items != 2))
        return of(gp_build_fail(b, GPUPROC_VALUE, "len(axes) must be 2."));
    if (ndim < 2) return of(gp_build_fail(b, GPUPROC_VALUE, "rot90() needs an array of at least 2 dimensions"));
    for (int i = 0; i < 2 && given[2]; i++) {
        if (!gp_argument_axis(b, fn, gp_build_item(b, &args[2], i), ndim, &axis[i])) return of(-1);
    }
    if (axis[0] == axis[1]) return of(gp_build_fail(b, GPUPROC_VALUE, "Axes must be different."));
    switch (k & 3) {
    case 0: return x;
    case 1: return swap_axes(b, flip_axes(b, x, 1u << axis[1]), axis[0], axis[1]);
    case 2: return flip_axes(b, x, 1u << axis[0] | 1u << axis[1]);
    default: x = swap_axes(b, x, axis[0], axis[1]); return x.node < 0 ? x : flip_axes(b, x, 1u << axis[1]);
    }
}

static gp_value diagonal(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    gp_shape from = shape_of(b, &x);
    int64_t offset = 0;
    int a = 0, c = 1;
    if (from.ndim < 2) return of(gp_build_fail(b, GPUPROC_VALUE, "diag requires an array of at least two dimensions"));
    if (given[1] && !gp_argument_int(b, fn, "offset", &args[1], &offset)) return of(-1);
    if (given[2] && !gp_argument_axis(b, fn, &args[2], from.ndim, &a)) return of(-1);
    if (given[3] && !gp_argument_axis(b, fn, &args[3], from.ndim, &c)) return of(-1);
    if (a == c) return of(gp_build_fail(b, GPUPROC_VALUE, "axis1 and axis2 cannot be the same"));
    int64_t rows = from.dim[a], columns = from.dim[c], length = 0;
    int64_t down = offset < 0 ? (offset <= -rows ? rows : -offset) : 0, right = offset > 0 ? (offset >= columns ? columns : offset) : 0;
    length = rows - down < columns - right ? rows - down : columns - right;
    mapping m = {.to = {0}};
    for (int d = 0; d < from.ndim; d++) {
        if (d == a || d == c) continue;
        m.map[d] = (gp_axis_map){m.to.ndim, 0, 1, -1};
        m.to.dim[m.to.ndim++] = from.dim[d];
    }
    m.map[a] = (gp_axis_map){m.to.ndim, length > 0 ? down : 0, 1, -1};
    m.map[c] = (gp_axis_map){m.to.ndim, length > 0 ? right : 0, 1, -1};
    m.to.dim[m.to.ndim++] = length;
    return changed(b, x, map_node, &m);
}

/* tril and triu: zero above or below the k-th diagonal. */
typedef struct triangle {
    int64_t k;
    bool lower;
} triangle;

static int triangle_node(gp_builder *b, int node, const void *how)
{
    const triangle *t = how;
    gp_shape shape = *gp_build_shape(b, node);
    int last = shape.ndim - 1;
    int column = gp_build_axis_index(b, &shape, last, 0), row = gp_build_axis_index(b, &shape, last - 1, t->k);
    int keep = gp_build_op(b, t->lower ? GP_OP_LE : GP_OP_GE, GPUPROC_BOOL, column, row, -1);
    gp_value none = {.kind = GP_VAL_BOOL};
    gp_dtype dtype = gp_build_dtype(b, node);
    int zero = gp_build_cast(b, gp_build_as(b, &none, dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype), dtype);
    return gp_build_where(b, keep, node, zero);
}

static gp_value triangular(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    triangle t = {0, fn->id == GP_FN_tril};
    int64_t most = INT64_MAX / 4;
    if (given[1] && !gp_argument_int(b, fn, "k", &args[1], &t.k)) return of(-1);
    gp_shape shape = shape_of(b, &x);
    if (shape.ndim == 0) return of(gp_build_fail(b, GPUPROC_VALUE, "%s() needs an array of at least 1 dimension", fn->name));
    if (t.k > most) t.k = most;
    if (t.k < -most) t.k = -most;
    if (shape.ndim == 1) { /* as many rows of it */
        gp_shape square = {.ndim = 2, .dim = {shape.dim[0], shape.dim[0]}};
        x = changed(b, x, broadcast_node, &square);
    }
    return changed(b, x, triangle_node, &t);
}

/* ---- Joining ---- */

typedef struct parts {
    gp_value *value;
    int count;
    bool complex;
    gp_dtype dtype; /* of a part, where complex */
} parts;

static gp_dtype promoted(const gp_builder *b, const parts *p)
{
    gp_dtype dtype = GPUPROC_BOOL;
    for (int k = 0; k < p->count; k++) {
        gp_dtype own = gp_build_dtype(b, p->value[k].node);
        if (p->value[k].complex) own = own == GPUPROC_FLOAT32 ? GPUPROC_COMPLEX64 : GPUPROC_COMPLEX128;
        dtype = k == 0 ? own : gp_dtype_promote(dtype, own);
    }
    if (!p->complex) return dtype;
    return dtype == GPUPROC_COMPLEX64 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
}

/* The arrays of a list or a tuple; an array is taken as the list of its rows. Free with free(p->value). */
static bool arrays_of(gp_builder *b, const gp_function *fn, const gp_value *v, parts *p)
{
    bool list = v->kind == GP_VAL_TUPLE;
    gp_value whole = list ? *v : array(b, fn, v);
    *p = (parts){0};
    if (!list && whole.node < 0) return false;
    gp_shape shape = list ? (gp_shape){0} : shape_of(b, &whole);
    int64_t count = list ? v->items : shape.ndim > 0 ? shape.dim[0] : 0;
    if (count == 0) {
        gp_build_fail(b, GPUPROC_VALUE, "need at least one array to %s", fn->id == GP_FN_concatenate ? "concatenate" : "stack");
        return false;
    }
    if (count > 4096) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() takes at most 4096 arrays, found %" PRId64, fn->name, count);
        return false;
    }
    p->value = gp_calloc((size_t)count, sizeof *p->value);
    if (p->value == NULL) {
        gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
        return false;
    }
    p->count = (int)count;
    for (int k = 0; k < p->count; k++) {
        if (list) {
            gp_value item = *gp_build_item(b, v, k);
            p->value[k] = array(b, fn, &item);
        } else {
            mapping m = {.to = {.ndim = shape.ndim - 1}};
            m.map[0] = (gp_axis_map){-1, k, 0, -1};
            for (int d = 1; d < shape.ndim; d++) {
                m.map[d] = (gp_axis_map){d - 1, 0, 1, -1};
                m.to.dim[d - 1] = shape.dim[d];
            }
            p->value[k] = changed(b, whole, map_node, &m);
        }
        if (p->value[k].node < 0) return false;
        p->complex = p->complex || p->value[k].complex;
    }
    return true;
}

static bool shapes_agree(gp_builder *b, const parts *p, int axis)
{
    gp_shape first = shape_of(b, &p->value[0]);
    for (int k = 1; k < p->count; k++) {
        gp_shape own = shape_of(b, &p->value[k]);
        if (own.ndim != first.ndim) {
            gp_build_fail(b, GPUPROC_SHAPE, "all the input arrays must have same number of dimensions, but the array at index 0 has %d "
                          "dimension(s) and the array at index %d has %d dimension(s)", first.ndim, k, own.ndim);
            return false;
        }
        for (int d = 0; d < own.ndim; d++) {
            if (d == axis || own.dim[d] == first.dim[d]) continue;
            gp_build_fail(b, GPUPROC_SHAPE, "all the input array dimensions except for the concatenation axis must match exactly, but along "
                          "dimension %d, the array at index 0 has size %" PRId64 " and the array at index %d has size %" PRId64,
                          d, first.dim[d], k, own.dim[d]);
            return false;
        }
    }
    return true;
}

static gp_value joined(gp_builder *b, const parts *p, int axis, bool typed, gp_dtype dtype)
{
    if (!shapes_agree(b, p, axis)) return of(-1);
    if (!typed) dtype = promoted(b, p);
    int *node = gp_calloc((size_t)p->count, sizeof *node);
    if (node == NULL) return of(gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory"));
    gp_value v = {.kind = GP_VAL_NODE, .complex = p->complex};
    for (int k = 0; k < p->count; k++) node[k] = gp_build_cast(b, p->value[k].node, dtype);
    v.node = gp_build_concatenate(b, node, p->count, axis);
    for (int k = 0; k < p->count && p->complex && b->st == GPUPROC_OK; k++) {
        gp_shape shape = shape_of(b, &p->value[k]);
        node[k] = p->value[k].complex ? gp_build_cast(b, p->value[k].im, dtype)
                                      : gp_build_fill(b, gp_build_float(b, dtype, 0), &shape);
    }
    if (p->complex && b->st == GPUPROC_OK) v.im = gp_build_concatenate(b, node, p->count, axis);
    free(node);
    return b->st != GPUPROC_OK ? of(-1) : v;
}

static gp_value concatenate(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, parts *p)
{
    gp_dtype dtype = GPUPROC_BOOL;
    bool typed = given[2] && args[2].kind != GP_VAL_NONE;
    if (typed && !gp_check_dtype(b, &args[2], &dtype)) return of(-1);
    if (typed && p->complex) return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "concatenate() of complex arrays takes no dtype"));
    if (given[1] && args[1].kind == GP_VAL_NONE) { /* of all, flat */
        for (int k = 0; k < p->count; k++) {
            p->value[k] = ravel(b, p->value[k]);
            if (p->value[k].node < 0) return of(-1);
        }
        return joined(b, p, 0, typed, dtype);
    }
    int axis = 0, ndim = shape_of(b, &p->value[0]).ndim;
    if (ndim == 0) return of(gp_build_fail(b, GPUPROC_VALUE, "zero-dimensional arrays cannot be concatenated"));
    if (given[1] && !gp_argument_axis(b, fn, &args[1], ndim, &axis)) return of(-1);
    return joined(b, p, axis, typed, dtype);
}

static gp_value stack(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, parts *p)
{
    gp_shape first = shape_of(b, &p->value[0]);
    int axis = 0;
    if (given[1] && !gp_argument_axis(b, fn, &args[1], first.ndim + 1, &axis)) return of(-1);
    for (int k = 0; k < p->count; k++) {
        gp_shape own = shape_of(b, &p->value[k]);
        if (!gp_shape_equal(&first, &own)) return of(gp_build_fail(b, GPUPROC_SHAPE, "all input arrays must have the same shape"));
    }
    for (int k = 0; k < p->count; k++) {
        p->value[k] = with_axes(b, p->value[k], (uint64_t)1 << axis, 1);
        if (p->value[k].node < 0) return of(-1);
    }
    return joined(b, p, axis, false, GPUPROC_BOOL);
}

/* hstack, vstack, dstack, column_stack: of at least so many axes, then along one. */
static gp_value stack_rows(gp_builder *b, const gp_function *fn, parts *p)
{
    int axis = fn->id == GP_FN_vstack ? 0 : fn->id == GP_FN_dstack ? 2 : 1;
    for (int k = 0; k < p->count; k++) {
        int own = shape_of(b, &p->value[k]).ndim;
        if (fn->id == GP_FN_column_stack) {
            if (own < 2) p->value[k] = at_least(b, p->value[k], 2);
            if (own < 2 && p->value[k].node >= 0) p->value[k] = swap_axes(b, p->value[k], 0, 1);
        } else {
            p->value[k] = at_least(b, p->value[k], fn->id == GP_FN_hstack ? 1 : axis == 2 ? 3 : 2);
        }
        if (p->value[k].node < 0) return of(-1);
    }
    if (fn->id == GP_FN_hstack && shape_of(b, &p->value[0]).ndim == 1) axis = 0;
    return joined(b, p, axis, false, GPUPROC_BOOL);
}

static gp_value join(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    parts p;
    gp_value v = of(-1);
    if (arrays_of(b, fn, &args[0], &p)) {
        if (fn->id == GP_FN_concatenate) v = concatenate(b, fn, args, given, &p);
        else if (fn->id == GP_FN_stack) v = stack(b, fn, args, given, &p);
        else v = stack_rows(b, fn, &p);
    }
    free(p.value);
    return v;
}

/* ---- Again and again ---- */

static gp_value tile(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape reps;
    if (!gp_argument_shape(b, fn, &args[1], &reps)) return of(-1);
    for (int d = 0; d < reps.ndim; d++) {
        if (reps.dim[d] < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "negative dimensions are not allowed"));
    }
    gp_shape from = shape_of(b, &x);
    int ndim = from.ndim > reps.ndim ? from.ndim : reps.ndim;
    mapping m = {.to = {0}};
    gp_shape flat = {.ndim = ndim};
    /* (n) is (r, n), then one axis of r * n. */
    if (2 * ndim > GPUPROC_MAX_NDIM) return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "tile() of so many dimensions is not possible"));
    for (int d = 0; d < ndim; d++) {
        int own = d - (ndim - from.ndim), r = d - (ndim - reps.ndim);
        int64_t times = r < 0 ? 1 : reps.dim[r], length = own < 0 ? 1 : from.dim[own];
        m.to.dim[m.to.ndim++] = times;
        if (own >= 0) m.map[own] = (gp_axis_map){m.to.ndim, 0, 1, -1};
        m.to.dim[m.to.ndim++] = length;
        if (__builtin_mul_overflow(times, length, &flat.dim[d]))
            return of(gp_build_fail(b, GPUPROC_SHAPE, "tile() would make an array that is too large"));
    }
    x = changed(b, x, map_node, &m);
    return x.node < 0 ? x : reshaped(b, x, &flat);
}

static gp_value repeat(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    int64_t times;
    int axis = 0;
    if (args[1].kind == GP_VAL_TUPLE && args[1].items != 1)
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "repeat() takes one number of times for all elements"));
    const gp_value *count = args[1].kind == GP_VAL_TUPLE ? gp_build_item(b, &args[1], 0) : &args[1];
    if (!gp_argument_int(b, fn, "repeats", count, &times)) return of(-1);
    if (times < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "repeats may not contain negative values."));
    if (!given[2] || args[2].kind == GP_VAL_NONE) x = ravel(b, x);
    else if (!gp_argument_axis(b, fn, &args[2], shape_of(b, &x).ndim, &axis)) return of(-1);
    if (x.node < 0) return x;
    gp_shape from = shape_of(b, &x), flat = from;
    mapping m = {.to = {.ndim = from.ndim + 1}};
    if (m.to.ndim > GPUPROC_MAX_NDIM || __builtin_mul_overflow(times, flat.dim[axis], &flat.dim[axis]))
        return of(gp_build_fail(b, GPUPROC_SHAPE, "repeat() would make an array that is too large"));
    m.to.dim[axis + 1] = times;
    for (int d = 0; d < from.ndim; d++) {
        int to = d + (d > axis);
        m.map[d] = (gp_axis_map){to, 0, 1, -1};
        m.to.dim[to] = from.dim[d];
    }
    x = changed(b, x, map_node, &m);
    return x.node < 0 ? x : reshaped(b, x, &flat);
}

typedef struct rolling {
    int axis;
    int64_t shift; /* 0 <= shift < length */
} rolling;

static int roll_node(gp_builder *b, int node, const void *how)
{
    const rolling *r = how;
    int64_t length = gp_build_shape(b, node)->dim[r->axis];
    const gp_piece piece[2] = {{node, length - r->shift, 1, r->shift}, {node, 0, 1, length - r->shift}};
    return gp_build_pieces(b, piece, 2, r->axis);
}

static gp_value roll_axis(gp_builder *b, gp_value x, int axis, int64_t shift)
{
    int64_t length = shape_of(b, &x).dim[axis];
    if (length == 0) return x;
    rolling r = {axis, shift % length};
    if (r.shift < 0) r.shift += length;
    return r.shift == 0 ? x : changed(b, x, roll_node, &r);
}

static gp_value roll(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    const gp_value *by = &args[1], *along = &args[2];
    gp_shape shape = shape_of(b, &x);
    bool flat = !given[2] || along->kind == GP_VAL_NONE;
    int shifts = by->kind == GP_VAL_TUPLE ? by->items : 1, axes = along->kind == GP_VAL_TUPLE ? along->items : 1;
    if (shifts != axes && shifts != 1 && axes != 1)
        return of(gp_build_fail(b, GPUPROC_VALUE, "'shift' and 'axis' should be scalars or 1D sequences"));
    if (flat) x = ravel(b, x);
    for (int k = 0; k < (shifts > axes ? shifts : axes) && x.node >= 0; k++) {
        int64_t shift;
        int axis = 0;
        const gp_value *s = by->kind == GP_VAL_TUPLE ? gp_build_item(b, by, shifts == 1 ? 0 : k) : by;
        const gp_value *a = along->kind == GP_VAL_TUPLE ? gp_build_item(b, along, axes == 1 ? 0 : k) : along;
        if (!gp_argument_int(b, fn, "shift", s, &shift)) return of(-1);
        if (!flat && !gp_argument_axis(b, fn, a, shape.ndim, &axis)) return of(-1);
        x = roll_axis(b, x, axis, shift);
    }
    return flat && x.node >= 0 ? reshaped(b, x, &shape) : x;
}

/* ---- Padding ---- */

typedef enum pad_mode { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_SYMMETRIC, PAD_WRAP, PAD_EMPTY, PAD_MODES } pad_mode;

typedef struct padding {
    pad_mode mode;
    int axis;
    int64_t before, after;
    int constant[2]; /* nodes */
} padding;

static bool pad_mode_of(gp_builder *b, const gp_function *fn, const gp_value *v, pad_mode *mode)
{
    static const char *const name[PAD_MODES] = {"constant", "edge", "reflect", "symmetric", "wrap", "empty"};
    size_t n;
    *mode = PAD_CONSTANT;
    if (v->kind == GP_VAL_NONE) return true;
    const char *text = gp_argument_string(b, fn, v, &n);
    if (text == NULL) return false;
    for (int k = 0; k < PAD_MODES; k++) {
        *mode = (pad_mode)k;
        if (strlen(name[k]) == n && memcmp(text, name[k], n) == 0) return true;
    }
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "pad() has the modes constant, edge, reflect, symmetric and wrap, found '%.*s'", n > 40 ? 40 : (int)n, text);
    return false;
}

static bool item_pair(gp_builder *b, const gp_value *v, int d, int ndim, const gp_value **pair)
{
    /* n; (n,); (before, after); ((before, after),); one pair or (n,) for each axis */
    pair[0] = pair[1] = v;
    if (v->kind != GP_VAL_TUPLE) return true;
    bool nested = v->items > 0 && gp_build_item(b, v, 0)->kind == GP_VAL_TUPLE;
    if (nested && (v->items == 1 || v->items == ndim)) {
        v = gp_build_item(b, v, v->items == 1 ? 0 : d);
        if (v->kind != GP_VAL_TUPLE) v = NULL;
    } else if (nested) {
        v = NULL;
    }
    if (v != NULL && (v->items == 1 || v->items == 2)) {
        pair[0] = gp_build_item(b, v, 0);
        pair[1] = gp_build_item(b, v, v->items - 1);
        return true;
    }
    gp_build_fail(b, GPUPROC_VALUE, "pad() needs one number, a pair, or a pair for each of the %d axes", ndim);
    return false;
}

/* The pieces before the array: from the outermost in. Reflections of what is mirrored over and over. */
static int mirrored(const padding *p, int node, int64_t length, bool before, gp_piece *piece, int most)
{
    /* Going outwards from the edge: lengths of runs and where each begins. */
    int64_t left = before ? p->before : p->after;
    int64_t inner = p->mode == PAD_REFLECT ? length - 1 : length;
    int count = 0;
    if (left > 0 && p->mode == PAD_EDGE) piece[count++] = (gp_piece){node, before ? 0 : length - 1, 0, left};
    else if (left > 0 && inner == 0) piece[count++] = (gp_piece){node, 0, 0, left};
    for (bool back = true; left > 0 && inner > 0 && p->mode != PAD_EDGE; back = !back) {
        if (count == most) return -1;
        int64_t run = left < inner ? left : inner, skip = p->mode == PAD_REFLECT, start, step;
        bool same_way = p->mode == PAD_WRAP || !back;
        /* The elements outwards: index from + way * i. */
        int64_t from, way;
        if (before) {
            from = same_way ? length - 1 : 0;
            way = same_way ? -1 : 1;
        } else {
            from = same_way ? 0 : length - 1;
            way = same_way ? 1 : -1;
        }
        from += skip * way;
        start = before ? from + way * (run - 1) : from; /* in the order of the array */
        step = before ? -way : way;
        piece[count++] = (gp_piece){node, start, step, run};
        left -= run;
    }
    return count;
}

enum { MOST_RUNS = 64 };

static int pad_mirrored(gp_builder *b, int node, const padding *p)
{
    gp_piece side[MOST_RUNS], piece[2 * MOST_RUNS + 1];
    int64_t length = gp_build_shape(b, node)->dim[p->axis];
    if (length == 0 && p->before + p->after > 0)
        return gp_build_fail(b, GPUPROC_VALUE, "can't extend empty axis %d using modes other than 'constant' or 'empty'", p->axis);
    int lead = mirrored(p, node, length, true, side, MOST_RUNS), count = 0;
    for (int k = lead; k-- > 0;) piece[count++] = side[k];
    piece[count++] = (gp_piece){node, 0, 1, length};
    int tail = lead < 0 ? -1 : mirrored(p, node, length, false, piece + count, MOST_RUNS);
    if (tail < 0)
        return gp_build_fail(b, GPUPROC_UNSUPPORTED, "pad() that repeats the array more than %d times on one side is not possible", MOST_RUNS);
    return gp_build_pieces(b, piece, count + tail, p->axis);
}

static int pad_node(gp_builder *b, int node, const void *how)
{
    const padding *p = how;
    if (p->before == 0 && p->after == 0) return node;
    if (p->mode != PAD_CONSTANT) return pad_mirrored(b, node, p);
    gp_shape shape = *gp_build_shape(b, node);
    gp_piece piece[3] = {{-1, 0, 1, p->before}, {node, 0, 1, shape.dim[p->axis]}, {-1, 0, 1, p->after}};
    for (int k = 0; k < 3; k += 2) {
        gp_shape side = shape;
        side.dim[p->axis] = piece[k].length;
        piece[k].node = gp_build_fill(b, p->constant[k / 2], &side);
    }
    return gp_build_pieces(b, piece, 3, p->axis);
}

static int constant_node(gp_builder *b, const gp_value *v, gp_dtype dtype)
{
    gp_value zero = {.kind = GP_VAL_INT};
    if (v->kind == GP_VAL_NONE) v = &zero;
    if (v->kind != GP_VAL_NODE && !gp_value_is_literal(v)) return gp_build_fail(b, GPUPROC_TYPE, "pad() needs numbers as constant_values");
    if (v->kind == GP_VAL_NODE && (v->complex || v->selected || v->windowed || v->node < 0 || !b->program->node[v->node].uniform || gp_build_shape(b, v->node)->ndim > 0))
        return gp_build_fail(b, GPUPROC_TYPE, "pad() needs single numbers as constant_values");
    if (dtype == GPUPROC_FLOAT16) return gp_build_cast(b, gp_build_as(b, v, GPUPROC_FLOAT32), dtype);
    return gp_build_as(b, v, dtype);
}

static int bounded_map_node(gp_builder *b, int node, const void *how)
{
    const mapping *m = how;
    return gp_build_map(b, node, m->map, &m->to, true);
}

static bool is_zero(const gp_value *v)
{
    return v->kind == GP_VAL_NONE || (gp_value_is_literal(v) && !gp_literal_truth(v) && !signbit(gp_literal_double(v)));
}

/* With zeros around: one view with a box. */
static gp_value pad_zeros(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape from = shape_of(b, &x);
    mapping m = plain(&from);
    for (int d = 0; d < from.ndim; d++) {
        const gp_value *width[2];
        int64_t side[2];
        if (!item_pair(b, &args[1], d, from.ndim, width)) return of(-1);
        for (int k = 0; k < 2; k++) {
            if (!gp_argument_int(b, fn, "pad_width", width[k], &side[k])) return of(-1);
            if (side[k] < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "index can't contain negative values"));
            if (__builtin_add_overflow(m.to.dim[d], side[k], &m.to.dim[d]))
                return of(gp_build_fail(b, GPUPROC_SHAPE, "pad() would make an array that is too large"));
        }
        m.map[d].start = -side[0];
    }
    return changed(b, x, bounded_map_node, &m);
}

static gp_value pad(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    padding p;
    int ndim = shape_of(b, &x).ndim;
    if (!pad_mode_of(b, fn, &args[2], &p.mode)) return of(-1);
    if (p.mode == PAD_EMPTY) p.mode = PAD_CONSTANT;
    else if (p.mode != PAD_CONSTANT && args[3].kind != GP_VAL_NONE)
        return of(gp_build_fail(b, GPUPROC_VALUE, "unsupported keyword arguments for mode: constant_values"));
    if (ndim == 0 && args[1].kind == GP_VAL_INT && args[1].i < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "index can't contain negative values"));
    if (p.mode == PAD_CONSTANT && is_zero(&args[3])) return pad_zeros(b, fn, args, x);
    for (p.axis = 0; p.axis < ndim && x.node >= 0; p.axis++) {
        const gp_value *width[2], *constant[2];
        if (!item_pair(b, &args[1], p.axis, ndim, width) || !item_pair(b, &args[3], p.axis, ndim, constant)) return of(-1);
        if (!gp_argument_int(b, fn, "pad_width", width[0], &p.before) || !gp_argument_int(b, fn, "pad_width", width[1], &p.after))
            return of(-1);
        if (p.before < 0 || p.after < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "index can't contain negative values"));
        gp_value im = x;
        for (int k = 0; k < 2; k++) {
            p.constant[k] = constant_node(b, constant[k], gp_build_dtype(b, x.node));
            if (p.constant[k] < 0) return of(-1);
        }
        x.node = pad_node(b, im.node, &p);
        if (!x.complex || x.node < 0) continue;
        p.constant[0] = p.constant[1] = gp_build_float(b, gp_build_dtype(b, im.im), 0);
        x.im = pad_node(b, im.im, &p);
        if (x.im < 0) return of(-1);
    }
    return x;
}

/* ---- Windows ---- */

static gp_value windows(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_value x = array(b, fn, &args[0]);
    if (x.node < 0) return x;
    gp_shape from = shape_of(b, &x), window;
    int axis[GPUPROC_MAX_NDIM];
    if (!gp_argument_shape(b, fn, &args[1], &window)) return of(-1);
    bool all = !given[2] || args[2].kind == GP_VAL_NONE;
    int count = all ? from.ndim : args[2].kind == GP_VAL_TUPLE ? args[2].items : 1;
    if (count != window.ndim && all)
        return of(gp_build_fail(b, GPUPROC_VALUE, "Since axis is None, must provide window_shape for all dimensions of `x`; got %d "
                                "window_shape elements and `x.ndim` is %d.", window.ndim, from.ndim));
    if (count != window.ndim)
        return of(gp_build_fail(b, GPUPROC_VALUE, "Must provide matching length window_shape and axis; got %d window_shape elements and %d "
                                "axes elements.", window.ndim, count));
    for (int k = 0; k < count; k++) {
        axis[k] = k;
        if (!all && !gp_argument_axis(b, fn, args[2].kind == GP_VAL_TUPLE ? gp_build_item(b, &args[2], k) : &args[2], from.ndim, &axis[k]))
            return of(-1);
        if (window.dim[k] < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "`window_shape` cannot contain negative values"));
        from.dim[axis[k]] -= window.dim[k] - 1;
        if (window.dim[k] > INT32_MAX || from.dim[axis[k]] <= 0)
            return of(gp_build_fail(b, GPUPROC_VALUE, "window shape cannot be larger than input array shape"));
    }
    for (int k = 0; k < count && x.node >= 0; k++) {
        x.windowed = true;
        x.window_axis = axis[k];
        x.window = window.dim[k];
        if (count > 1 || x.window == 0) x = gp_build_window_view(b, &x);
    }
    return x;
}

/* ---- All of them ---- */

static gp_value length_of(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_shape shape;
    int axis;
    if (fn->id == GP_FN_len && args[0].kind == GP_VAL_TUPLE) return (gp_value){.kind = GP_VAL_INT, .i = args[0].items};
    if (!gp_check_shape(b, &args[0], &shape)) return of(-1);
    if (fn->id == GP_FN_len && shape.ndim == 0) return of(gp_build_fail(b, GPUPROC_TYPE, "len() of unsized object"));
    if (fn->id == GP_FN_len) return (gp_value){.kind = GP_VAL_INT, .i = shape.dim[0]};
    if (fn->id == GP_FN_ndim) return (gp_value){.kind = GP_VAL_INT, .i = shape.ndim};
    if (fn->id == GP_FN_size) {
        if (!given[1] || args[1].kind == GP_VAL_NONE) return (gp_value){.kind = GP_VAL_INT, .i = (__int128)gp_shape_size(&shape)};
        return gp_argument_axis(b, fn, &args[1], shape.ndim, &axis) ? (gp_value){.kind = GP_VAL_INT, .i = shape.dim[axis]} : of(-1);
    }
    gp_value length[GPUPROC_MAX_NDIM];
    for (int d = 0; d < shape.ndim; d++) length[d] = (gp_value){.kind = GP_VAL_INT, .i = shape.dim[d]};
    return gp_build_tuple(b, length, shape.ndim);
}

static bool is_minus_one(const gp_builder *b, const gp_value *shape)
{
    if (shape->kind == GP_VAL_TUPLE && shape->items == 1) shape = gp_build_item(b, shape, 0);
    return shape->kind == GP_VAL_INT && shape->i == -1;
}

/* x[mask] has one axis where the mask has as many as x. */
static gp_value ravel_selected(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    if (!order_is_c(b, fn, &args[fn->id == GP_FN_ravel ? 1 : 2])) return of(-1);
    if (args[0].mask_axes == gp_build_shape(b, args[0].node)->ndim) return args[0];
    return array(b, fn, &args[0]);
}

gp_value gp_check_structure(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_shape shape;
    int axis[2];
    switch (fn->id) {
    case GP_FN_len:
    case GP_FN_shape:
    case GP_FN_ndim:
    case GP_FN_size: return length_of(b, fn, args, given);
    case GP_FN_concatenate:
    case GP_FN_stack:
    case GP_FN_hstack:
    case GP_FN_vstack:
    case GP_FN_dstack:
    case GP_FN_column_stack: return join(b, fn, args, given);
    case GP_FN_sliding_window_view: return windows(b, fn, args, given);
    case GP_FN_ravel:
    case GP_FN_reshape:
        if (args[0].kind == GP_VAL_NODE && args[0].selected && (fn->id == GP_FN_ravel || is_minus_one(b, &args[1])))
            return ravel_selected(b, fn, args);
        break;
    default: break;
    }
    gp_value x = array(b, fn, &args[0]);
    if (x.node < 0) return of(-1);
    int ndim = shape_of(b, &x).ndim;
    switch (fn->id) {
    case GP_FN_reshape: return reshape(b, fn, args, x);
    case GP_FN_ravel: return order_is_c(b, fn, &args[1]) ? ravel(b, x) : of(-1);
    case GP_FN_squeeze: return squeeze(b, fn, args, x);
    case GP_FN_expand_dims: return expand_dims(b, fn, args, x);
    case GP_FN_broadcast_to: return gp_argument_shape(b, fn, &args[1], &shape) ? changed(b, x, broadcast_node, &shape) : of(-1);
    case GP_FN_atleast_1d: return at_least(b, x, 1);
    case GP_FN_atleast_2d: return at_least(b, x, 2);
    case GP_FN_atleast_3d: return at_least(b, x, 3);
    case GP_FN_transpose: return transpose(b, fn, args, x);
    case GP_FN_matrix_transpose:
        if (ndim < 2) return of(gp_build_fail(b, GPUPROC_VALUE, "matrix transpose with ndim < 2 is undefined"));
        return gp_check_reversed_axes(b, &x, 2);
    case GP_FN_swapaxes:
        for (int k = 0; k < 2; k++) {
            if (!gp_argument_axis(b, fn, &args[1 + k], ndim, &axis[k])) return of(-1);
        }
        return swap_axes(b, x, axis[0], axis[1]);
    case GP_FN_moveaxis: return moveaxis(b, fn, args, x);
    case GP_FN_flip:
    case GP_FN_fliplr:
    case GP_FN_flipud: return flip(b, fn, args, x);
    case GP_FN_rot90: return rot90(b, fn, args, given, x);
    case GP_FN_diagonal: return diagonal(b, fn, args, given, x);
    case GP_FN_tril:
    case GP_FN_triu: return triangular(b, fn, args, given, x);
    case GP_FN_tile: return tile(b, fn, args, x);
    case GP_FN_repeat: return repeat(b, fn, args, given, x);
    case GP_FN_roll: return roll(b, fn, args, given, x);
    case GP_FN_pad: return pad(b, fn, args, x);
    default: return of(gp_build_fail(b, GPUPROC_INTERNAL, "no rule for %s", fn->name));
    }
}
