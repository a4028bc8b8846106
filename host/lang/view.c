/* Views of nodes: what is asked of an element-wise node is asked of its leaves instead.
 *
 * A rewriting builds the part of the program that makes a node once more, over leaves that are
 * walked another way. Nodes stand behind their operands, so one loop down marks what is needed and
 * one loop up builds it; shared nodes stay shared. */
#include "lang/build.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

const gp_shape *gp_build_shape(const gp_builder *b, int node) { return &b->program->node[node].shape; }

typedef struct rewriting {
    gp_builder *b;
    gp_shape from, to;
    const gp_axis_map *map; /* NULL: a reshape */
    bool bounded;
    bool exact;   /* zeros outside the box are wanted; else only that nothing is read there */
    bool full;    /* leaves have the whole shape; else axes that they do not vary along have length 1 */
    int piece;    /* only lo <= i < hi of this axis is wanted; -1: all */
    int64_t lo, hi;
} rewriting;

typedef enum composed { COMPOSED, ALL_ZERO, CANNOT } composed;

static int64_t times(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static int64_t plus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

/* ---- Walks ---- */

static bool narrowed(const gp_walk *w, int d) { return w->bounded && (w->lo[d] > 0 || w->hi[d] < w->shape.dim[d]); }

static bool box_is_empty(const gp_walk *w)
{
    for (int d = 0; w->bounded && d < w->shape.ndim; d++) {
        if (w->lo[d] >= w->hi[d]) return true;
    }
    return false;
}

/* No box where it holds everything. */
static void settle_box(gp_walk *w)
{
    bool needed = false;
    for (int d = 0; d < w->shape.ndim; d++) needed = needed || narrowed(w, d);
    w->bounded = needed;
    for (int d = 0; d < w->shape.ndim && !needed; d++) w->lo[d] = w->hi[d] = 0;
}

static void unnarrowed(gp_walk *w)
{
    w->bounded = true;
    for (int d = 0; d < w->shape.ndim; d++) {
        w->lo[d] = 0;
        w->hi[d] = w->shape.dim[d];
    }
}

static __int128 floor_div(__int128 a, __int128 b) { return a >= 0 ? a / b : -((-a + b - 1) / b); } /* b > 0 */

/* Leaves of axis k's box the indices i for which lo <= start + step * i < hi. */
static void narrow(gp_walk *w, int k, int64_t start, int64_t step, int64_t lo, int64_t hi)
{
    __int128 first = 0, last = w->shape.dim[k]; /* [first, last) */
    if (step == 0) {
        if (start < lo || start >= hi) last = 0;
    } else if (step > 0) {
        first = -floor_div((__int128)start - lo, step);
        last = -floor_div((__int128)start - hi, step);
    } else {
        first = floor_div((__int128)start - hi, -(__int128)step) + 1;
        last = floor_div((__int128)start - lo, -(__int128)step) + 1;
    }
    if (first > w->lo[k]) w->lo[k] = first > w->shape.dim[k] ? w->shape.dim[k] : (int64_t)first;
    if (last < w->hi[k]) w->hi[k] = last < w->lo[k] ? w->lo[k] : (int64_t)last;
}

/* `w` goes over rw->from. `arithmetic`: it is a number's, which nothing bounds. */
static composed compose_map(const rewriting *rw, const gp_walk *w, bool arithmetic, gp_walk *out)
{
    gp_walk o = {.shape = rw->to, .offset = w->offset};
    unnarrowed(&o);
    for (int d = 0; d < rw->from.ndim; d++) {
        const gp_axis_map *m = &rw->map[d];
        bool outside = rw->bounded && !arithmetic && (rw->exact || w->stride[d] != 0);
        int64_t lo = narrowed(w, d) ? w->lo[d] : 0, hi = narrowed(w, d) ? w->hi[d] : rw->from.dim[d];
        bool limited = outside || narrowed(w, d);
        if (m->to2 >= 0 && limited) return CANNOT; /* what is inside is no box */
        o.offset = plus(o.offset, times(m->start, w->stride[d]));
        if (m->to >= 0 && rw->to.dim[m->to] > 1)
            o.stride[m->to] = plus(o.stride[m->to], times(m->step, w->stride[d]));
        if (m->to2 >= 0 && rw->to.dim[m->to2] > 1) o.stride[m->to2] = plus(o.stride[m->to2], w->stride[d]);
        if (limited && m->to >= 0) narrow(&o, m->to, m->start, m->step, lo, hi);
        else if (limited && (m->start < lo || m->start >= hi)) return ALL_ZERO;
    }
    if (rw->piece >= 0 && !arithmetic && o.stride[rw->piece] != 0) narrow(&o, rw->piece, 0, 1, rw->lo, rw->hi);
    if (box_is_empty(&o)) return ALL_ZERO;
    settle_box(&o);
    *out = o;
    return COMPOSED;
}

/* Axes are taken in the smallest blocks that have as many elements on both sides. A block of several
 * old axes must go through storage evenly, and may have no box. */
static composed compose_reshape(const rewriting *rw, const gp_walk *w, gp_walk *out)
{
    int from[GPUPROC_MAX_NDIM], to[GPUPROC_MAX_NDIM], olds = 0, news = 0;
    gp_walk o = {.shape = rw->to, .offset = w->offset};
    unnarrowed(&o);
    for (int d = 0; d < rw->from.ndim; d++) {
        if (rw->from.dim[d] != 1) from[olds++] = d;
    }
    for (int d = 0; d < rw->to.ndim; d++) {
        if (rw->to.dim[d] != 1) to[news++] = d;
    }
    for (int i = 0, k = 0, i_end, k_end; i < olds && k < news; i = i_end, k = k_end) {
        int64_t a = rw->from.dim[from[i]], c = rw->to.dim[to[k]];
        i_end = i + 1;
        k_end = k + 1;
        while (a != c) {
            if (a < c) a *= rw->from.dim[from[i_end++]];
            else c *= rw->to.dim[to[k_end++]];
        }
        bool single = i_end == i + 1 && k_end == k + 1;
        for (int n = i; n < i_end; n++) {
            if (narrowed(w, from[n]) && !single) return CANNOT;
            if (n + 1 < i_end && w->stride[from[n]] != times(w->stride[from[n + 1]], rw->from.dim[from[n + 1]]))
                return CANNOT;
        }
        int64_t stride = w->stride[from[i_end - 1]];
        for (int n = k_end; n-- > k; stride = times(stride, rw->to.dim[to[n]])) o.stride[to[n]] = stride;
        if (single && narrowed(w, from[i])) {
            o.lo[to[k]] = w->lo[from[i]];
            o.hi[to[k]] = w->hi[from[i]];
        }
    }
    settle_box(&o);
    *out = o;
    return COMPOSED;
}

/* Axes along which nothing changes get length 1, and those in front go. */
static void shrink(gp_walk *w)
{
    gp_walk o = {.offset = w->offset, .bounded = w->bounded};
    for (int d = 0; d < w->shape.ndim; d++) {
        bool still = w->stride[d] == 0 && !narrowed(w, d);
        if (still && o.shape.ndim == 0) continue;
        int k = o.shape.ndim++;
        o.shape.dim[k] = still ? 1 : w->shape.dim[d];
        o.stride[k] = w->stride[d];
        o.lo[k] = w->lo[d];
        o.hi[k] = still && w->bounded ? 1 : w->hi[d];
    }
    *w = o;
}

static composed compose(const rewriting *rw, int leaf, gp_walk *out)
{
    const gp_program *program = rw->b->program;
    gp_walk own, w;
    gp_node_walk(program, leaf, &own);
    gp_walk_broadcast(&own, &rw->from, &w);
    if (gp_shape_size(&rw->to) == 0) { /* nothing to walk */
        *out = (gp_walk){.shape = rw->to};
        return COMPOSED;
    }
    if (box_is_empty(&w)) return ALL_ZERO;
    composed how = rw->map != NULL ? compose_map(rw, &w, program->node[leaf].op == GP_OP_INDEX, out)
                                   : compose_reshape(rw, &w, out);
    if (how == COMPOSED && !rw->full) shrink(out);
    return how;
}

/* ---- Small nodes ---- */

static int zero(gp_builder *b, gp_dtype dtype)
{
    if (gp_dtype_kind(dtype) == GP_KIND_COMPLEX) {
        int part = gp_build_float(b, dtype == GPUPROC_COMPLEX64 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64, 0);
        return gp_build_op(b, GP_OP_PACK, dtype, part, part, -1);
    }
    if (dtype == GPUPROC_FLOAT16) return gp_build_cast(b, gp_build_float(b, GPUPROC_FLOAT32, 0), dtype);
    return gp_dtype_is_float(dtype) ? gp_build_float(b, dtype, 0) : gp_build_int(b, dtype, 0);
}

int gp_build_where(gp_builder *b, int condition, int x, int y)
{
    if (condition < 0 || x < 0 || y < 0) return -1;
    gp_dtype dtype = gp_build_dtype(b, x);
    gp_dtype works = dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype;
    x = gp_build_cast(b, x, works);
    y = gp_build_cast(b, y, works);
    return gp_build_cast(b, gp_build_op(b, GP_OP_WHERE, works, condition, x, y), dtype);
}

static int index_of(gp_builder *b, const gp_walk *walk)
{
    return b->st != GPUPROC_OK ? -1 : gp_build_placed(b, gp_ir_index(b->program, walk));
}

/* offset + the index along one axis of a shape of `ndim` axes, the others having length 1. */
int gp_build_axis_index(gp_builder *b, const gp_shape *shape, int axis, int64_t offset)
{
    gp_walk walk = {.shape = {.ndim = shape->ndim}, .offset = offset};
    for (int d = 0; d < shape->ndim; d++) walk.shape.dim[d] = d == axis ? shape->dim[d] : 1;
    walk.stride[axis] = shape->dim[axis] > 1;
    return index_of(b, &walk);
}

int gp_build_index(gp_builder *b, const gp_shape *shape, int axis)
{
    gp_walk walk = {.shape = *shape};
    walk.stride[axis] = shape->dim[axis] > 1;
    return index_of(b, &walk);
}

int gp_build_number(gp_builder *b, const gp_shape *shape)
{
    gp_walk walk;
    gp_walk_whole(shape, false, &walk);
    return index_of(b, &walk);
}

int gp_build_array(gp_builder *b, gp_dtype dtype, const gp_shape *shape, const void *data)
{
    gpuproc_error why;
    uint64_t count;
    if (b->st != GPUPROC_OK) return -1;
    if (gp_shape_count(shape, gpuproc_dtype_bytes(dtype), &count, &why) != GPUPROC_OK)
        return gp_build_fail(b, GPUPROC_SHAPE, "%s", why.message);
    return gp_build_placed(b, gp_ir_array(b->program, dtype, shape, data));
}

/* ---- Rewriting ---- */

static bool is_leaf(const gp_node *n)
{
    return n->op == GP_OP_INPUT || n->op == GP_OP_VIEW || n->op == GP_OP_INDEX ||
           (gp_node_is_stored(n) && !n->uniform);
}

/* A leaf that is walked: not a number made of indices. */
static bool is_data(const gp_node *n) { return is_leaf(n) && n->op != GP_OP_INDEX; }

/* An INDEX whose walk cannot be reshaped: from the number of the element. */
static int renumbered(const rewriting *rw, int leaf)
{
    gp_builder *b = rw->b;
    gp_walk own, w;
    gp_node_walk(b->program, leaf, &own);
    gp_walk_broadcast(&own, &rw->from, &w);
    int number = gp_build_number(b, &rw->to), sum = gp_build_int(b, GPUPROC_INT64, w.offset);
    int64_t inner = 1;
    for (int d = rw->from.ndim; d-- > 0; inner *= rw->from.dim[d]) {
        if (w.stride[d] == 0) continue;
        int k = gp_build_op(b, GP_OP_FLOORDIV, GPUPROC_INT64, number, gp_build_int(b, GPUPROC_INT64, inner), -1);
        k = gp_build_op(b, GP_OP_MOD, GPUPROC_INT64, k, gp_build_int(b, GPUPROC_INT64, rw->from.dim[d]), -1);
        k = gp_build_op(b, GP_OP_MUL, GPUPROC_INT64, k, gp_build_int(b, GPUPROC_INT64, w.stride[d]), -1);
        sum = gp_build_op(b, GP_OP_ADD, GPUPROC_INT64, sum, k, -1);
    }
    return sum;
}

enum { IMPOSSIBLE = -2 };

static int rewritten_leaf(const rewriting *rw, int leaf, bool root)
{
    gp_builder *b = rw->b;
    gp_walk walk;
    gp_op op = b->program->node[leaf].op;
    composed how = compose(rw, leaf, &walk);
    if (how == CANNOT && op == GP_OP_INDEX) return renumbered(rw, leaf);
    if (how == CANNOT && rw->map == NULL) return IMPOSSIBLE;
    if (how == CANNOT) {
        leaf = gp_build_store(b, leaf);
        if (leaf < 0) return -1;
        how = compose(rw, leaf, &walk);
        if (how == CANNOT) return gp_build_fail(b, GPUPROC_INTERNAL, "a view that cannot be made");
    }
    if (how == ALL_ZERO) return zero(b, gp_build_dtype(b, leaf));
    if (op == GP_OP_INDEX) {
        bool varies = rw->full && !root; /* its shape is needed */
        for (int d = 0; d < walk.shape.ndim; d++) varies = varies || walk.stride[d] != 0 || walk.shape.dim[d] == 0;
        return varies ? index_of(b, &walk) : gp_build_int(b, GPUPROC_INT64, walk.offset);
    }
    return gp_build_placed(b, gp_ir_view(b->program, gp_node_base(b->program, leaf), &walk));
}

/* The new node for node i, whose operands' new nodes are place[] - 3. */
static int rewritten_node(const rewriting *rw, int i, const int *place)
{
    gp_builder *b = rw->b;
    const gp_node n = b->program->node[i];
    if (is_leaf(&n)) return rewritten_leaf(rw, i, false);
    if (n.op == GP_OP_TABLE || (n.uniform && n.shape.ndim == 0)) return i;
    if (n.op == GP_OP_FILL) return place[n.arg[0]] - 3;
    int arg[3] = {-1, -1, -1};
    for (int k = 0; k < 3 && n.arg[k] >= 0; k++) arg[k] = place[n.arg[k]] - 3;
    return gp_build_op(b, n.op, n.dtype, arg[0], arg[1], arg[2]);
}

/* Marks with 1 what the root is made of, down to leaves and uniform values: a list of root + 1, to be
 * freed. *lowest: the first one marked. */
static int *needed(gp_builder *b, int root, int *lowest)
{
    int *mark = gp_calloc((size_t)root + 1, sizeof *mark);
    if (mark == NULL) {
        gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
        return NULL;
    }
    mark[root] = 1;
    *lowest = root;
    for (int i = root; i >= *lowest; i--) {
        const gp_node *n = &b->program->node[i];
        if (mark[i] == 0 || is_leaf(n) || n->op == GP_OP_TABLE || (n->uniform && n->shape.ndim == 0)) continue;
        for (int k = 0; k < 3 && n->arg[k] >= 0; k++) {
            mark[n->arg[k]] = 1;
            if (n->arg[k] < *lowest) *lowest = n->arg[k];
        }
    }
    return mark;
}

static int rewrite(const rewriting *rw, int root)
{
    gp_builder *b = rw->b;
    if (is_leaf(&b->program->node[root])) return rewritten_leaf(rw, root, true);
    int lowest, made = -1, *place = needed(b, root, &lowest); /* 0: not needed, 1: needed, else the new node + 3 */
    if (place == NULL) return -1;
    for (int i = lowest; i <= root; i++) {
        if (place[i] == 0) continue;
        made = rewritten_node(rw, i, place);
        if (made < 0) break;
        place[i] = made + 3;
    }
    free(place);
    return made;
}

/* A node of the wanted shape: leaves that do not vary along an axis may have left it out. */
static int rewrite_whole(rewriting *rw, int root)
{
    gp_builder *b = rw->b;
    rw->full = rw->full || is_leaf(&b->program->node[root]);
    for (;;) {
        int made = rewrite(rw, root);
        if (made < 0 || gp_shape_equal(gp_build_shape(b, made), &rw->to)) return made;
        if (b->program->node[made].uniform) return gp_build_fill(b, made, &rw->to);
        if (rw->full) return gp_build_fail(b, GPUPROC_INTERNAL, "a view of the wrong shape");
        rw->full = true;
    }
}

int gp_build_fill(gp_builder *b, int uniform, const gp_shape *shape)
{
    gpuproc_error why;
    uint64_t count;
    if (uniform < 0 || b->st != GPUPROC_OK) return -1;
    if (gp_shape_count(shape, gpuproc_dtype_bytes(gp_build_dtype(b, uniform)), &count, &why) != GPUPROC_OK)
        return gp_build_fail(b, GPUPROC_SHAPE, "%s", why.message);
    if (gp_build_shape(b, uniform)->ndim > 0) {
        rewriting rw = {.b = b, .piece = -1};
        uniform = rewrite(&rw, uniform);
        if (uniform < 0) return -1;
    }
    return gp_build_placed(b, gp_ir_fill(b->program, uniform, shape));
}

int gp_build_store(gp_builder *b, int node)
{
    if (node < 0 || b->st != GPUPROC_OK) return -1;
    const gp_node n = b->program->node[node];
    if (n.growing)
        return gp_build_no_length(b);
    if (n.op == GP_OP_INPUT || gp_node_is_stored(&n)) return node;
    return gp_build_placed(b, gp_ir_fold(b->program, GP_OP_STORE, n.dtype, node, -1, 0, 0, &n.shape, false));
}

static bool may_be_viewed(gp_builder *b, int node, const gp_shape *result)
{
    gpuproc_error why;
    uint64_t count;
    if (node < 0 || b->st != GPUPROC_OK) return false;
    if (b->program->node[node].growing) {
        gp_build_no_length(b);
        return false;
    }
    if (gp_shape_count(result, gpuproc_dtype_bytes(gp_build_dtype(b, node)), &count, &why) == GPUPROC_OK) return true;
    gp_build_fail(b, GPUPROC_SHAPE, "%s", why.message);
    return false;
}

/* ---- Maps ---- */

/* What is computed from the zeros outside a box is not used, but a warning or an error of it would
 * be told. */
static bool complains_about_zeros(gp_builder *b, int root)
{
    int lowest, *mark = needed(b, root, &lowest);
    bool complains = false;
    for (int i = root; mark != NULL && i >= lowest && !complains; i--) {
        if (mark[i] == 0) continue;
        switch (b->program->node[i].op) {
        case GP_OP_DIV: case GP_OP_FLOORDIV: case GP_OP_MOD: case GP_OP_FMOD: case GP_OP_POW:
        case GP_OP_RECIPROCAL: case GP_OP_LOG: case GP_OP_LOG2: case GP_OP_LOG10: case GP_OP_TAKE:
        case GP_OP_CHECK:
            complains = true;
            break;
        default: break;
        }
    }
    free(mark);
    return complains;
}

/* Where a bounded map takes elements of the node, by result axis; false where nowhere. */
static bool inside(const rewriting *rw, gp_walk *box)
{
    *box = (gp_walk){.shape = rw->to};
    unnarrowed(box);
    for (int d = 0; d < rw->from.ndim; d++) {
        const gp_axis_map *m = &rw->map[d];
        if (m->to >= 0) narrow(box, m->to, m->start, m->step, 0, rw->from.dim[d]);
        else if (m->start < 0 || m->start >= rw->from.dim[d]) return false;
    }
    return !box_is_empty(box);
}

static int within(gp_builder *b, int condition, gp_op op, int index, int64_t limit)
{
    int test = gp_build_op(b, op, GPUPROC_BOOL, index, gp_build_int(b, GPUPROC_INT64, limit), -1);
    return condition < 0 ? test : gp_build_op(b, GP_OP_BITAND, GPUPROC_BOOL, condition, test, -1);
}

/* A bounded map of what is computed: computed everywhere, taken where it is inside. */
static int bounded_map(rewriting *rw, int node)
{
    gp_builder *b = rw->b;
    gp_walk box;
    int condition = -1, none = zero(b, gp_build_dtype(b, node));
    if (!inside(rw, &box)) return gp_build_fill(b, none, &rw->to);
    int made = rewrite_whole(rw, node);
    for (int d = 0; d < rw->to.ndim && b->st == GPUPROC_OK; d++) {
        if (!narrowed(&box, d)) continue;
        int index = gp_build_axis_index(b, &rw->to, d, 0);
        if (box.lo[d] > 0) condition = within(b, condition, GP_OP_GE, index, box.lo[d]);
        if (box.hi[d] < rw->to.dim[d]) condition = within(b, condition, GP_OP_LT, index, box.hi[d]);
    }
    return condition < 0 || made < 0 ? made : gp_build_where(b, condition, made, none);
}

static bool is_identity(const rewriting *rw)
{
    if (!gp_shape_equal(&rw->from, &rw->to)) return false;
    for (int d = 0; d < rw->from.ndim; d++) {
        const gp_axis_map *m = &rw->map[d];
        if (m->to != d || m->start != 0 || m->step != 1 || m->to2 >= 0) return false;
    }
    return true;
}

int gp_build_map(gp_builder *b, int node, const gp_axis_map *map, const gp_shape *result, bool bounded)
{
    if (!may_be_viewed(b, node, result)) return -1;
    rewriting rw = {.b = b, .from = *gp_build_shape(b, node), .to = *result, .map = map, .bounded = bounded, .piece = -1};
    if (is_identity(&rw)) return node;
    if (bounded && gp_shape_size(result) > 0 && !is_leaf(&b->program->node[node]) &&
        complains_about_zeros(b, node))
        node = gp_build_store(b, node);
    if (node < 0) return -1;
    rw.exact = is_data(&b->program->node[node]);
    if (bounded && !rw.exact && gp_shape_size(result) > 0) return bounded_map(&rw, node);
    return rewrite_whole(&rw, node);
}

int gp_build_reshape(gp_builder *b, int node, const gp_shape *shape)
{
    if (!may_be_viewed(b, node, shape)) return -1;
    rewriting rw = {.b = b, .from = *gp_build_shape(b, node), .to = *shape, .piece = -1};
    if (gp_shape_size(&rw.from) != gp_shape_size(shape)) {
        char from[200], to[200];
        return gp_build_fail(b, GPUPROC_SHAPE, "cannot reshape %s into %s", gp_shape_text(&rw.from, from, sizeof from),
                             gp_shape_text(shape, to, sizeof to));
    }
    if (gp_shape_equal(&rw.from, shape)) return node;
    int made = rewrite_whole(&rw, node);
    if (made != IMPOSSIBLE) return made;
    int stored = gp_build_placed(b, gp_ir_fold(b->program, GP_OP_STORE, gp_build_dtype(b, node), node, -1, 0, 0, &rw.from, false));
    return stored < 0 ? -1 : rewrite_whole(&rw, stored);
}

int gp_build_broadcast(gp_builder *b, int node, const gp_shape *shape)
{
    if (node < 0) return -1;
    gp_shape from = *gp_build_shape(b, node), both;
    gp_axis_map map[GPUPROC_MAX_NDIM];
    int added = shape->ndim - from.ndim;
    if (gp_shape_broadcast(&from, shape, &both, NULL) != GPUPROC_OK || !gp_shape_equal(&both, shape)) {
        char a[200], c[200];
        return gp_build_fail(b, GPUPROC_SHAPE, "shape %s cannot be broadcast to %s", gp_shape_text(&from, a, sizeof a),
                             gp_shape_text(shape, c, sizeof c));
    }
    for (int d = 0; d < from.ndim; d++)
        map[d] = (gp_axis_map){d + added, 0, from.dim[d] == shape->dim[d + added], -1};
    return gp_build_map(b, node, map, shape, false);
}

/* The map that changes nothing. */
static void plain_map(const gp_shape *shape, gp_axis_map *map)
{
    for (int d = 0; d < shape->ndim; d++) map[d] = (gp_axis_map){d, 0, 1, -1};
}

int gp_build_transpose(gp_builder *b, int node, const int *axes)
{
    if (node < 0) return -1;
    gp_shape from = *gp_build_shape(b, node), to = from;
    gp_axis_map map[GPUPROC_MAX_NDIM];
    plain_map(&from, map);
    for (int k = 0; k < from.ndim; k++) {
        to.dim[k] = from.dim[axes[k]];
        map[axes[k]].to = k;
    }
    return gp_build_map(b, node, map, &to, false);
}

int gp_build_insert_axis(gp_builder *b, int node, int axis)
{
    if (node < 0) return -1;
    gp_shape from = *gp_build_shape(b, node), to = {.ndim = from.ndim + 1};
    gp_axis_map map[GPUPROC_MAX_NDIM];
    if (to.ndim > GPUPROC_MAX_NDIM)
        return gp_build_fail(b, GPUPROC_SHAPE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM);
    plain_map(&from, map);
    to.dim[axis] = 1;
    for (int d = 0; d < from.ndim; d++) {
        map[d].to = d + (d >= axis);
        to.dim[map[d].to] = from.dim[d];
    }
    return gp_build_map(b, node, map, &to, false);
}

int gp_build_remove_axis(gp_builder *b, int node, int axis)
{
    if (node < 0) return -1;
    gp_shape from = *gp_build_shape(b, node), to = {.ndim = from.ndim - 1};
    gp_axis_map map[GPUPROC_MAX_NDIM];
    plain_map(&from, map);
    for (int d = 0; d < from.ndim; d++) {
        map[d].to = d == axis ? -1 : d - (d > axis);
        if (d != axis) to.dim[map[d].to] = from.dim[d];
    }
    return gp_build_map(b, node, map, &to, false);
}

int gp_build_slice(gp_builder *b, int node, int axis, int64_t start, int64_t step, int64_t length)
{
    if (node < 0) return -1;
    gp_shape from = *gp_build_shape(b, node), to = from;
    gp_axis_map map[GPUPROC_MAX_NDIM];
    plain_map(&from, map);
    to.dim[axis] = length;
    map[axis] = (gp_axis_map){axis, start, step, -1};
    return gp_build_map(b, node, map, &to, false);
}

static int window_node(gp_builder *b, int node, int axis, int64_t window)
{
    if (node < 0) return -1;
    gp_shape from = *gp_build_shape(b, node), to = from;
    gp_axis_map map[GPUPROC_MAX_NDIM];
    if (from.ndim == GPUPROC_MAX_NDIM)
        return gp_build_fail(b, GPUPROC_SHAPE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM);
    plain_map(&from, map);
    to.dim[axis] = from.dim[axis] - window + 1;
    to.dim[to.ndim++] = window;
    map[axis].to2 = from.ndim;
    return gp_build_map(b, node, map, &to, false);
}

/* Both parts in one shape: x + 2j has an imaginary part of shape (). */
static gp_value same_parts(gp_builder *b, gp_value v)
{
    gp_shape shape;
    if (gp_shape_equal(gp_build_shape(b, v.node), gp_build_shape(b, v.im))) return v;
    if (gp_shape_broadcast(gp_build_shape(b, v.node), gp_build_shape(b, v.im), &shape, NULL) != GPUPROC_OK)
        return gp_value_node(gp_build_fail(b, GPUPROC_INTERNAL, "parts of different shapes"));
    v.node = gp_build_broadcast(b, v.node, &shape);
    v.im = gp_build_broadcast(b, v.im, &shape);
    return v.node < 0 || v.im < 0 ? gp_value_node(-1) : v;
}

gp_value gp_build_window_view(gp_builder *b, const gp_value *v)
{
    gp_value whole = *v;
    if (v->kind == GP_VAL_NODE && v->node >= 0 && v->complex && !v->windowed) return same_parts(b, whole);
    if (v->kind != GP_VAL_NODE || v->node < 0 || !v->windowed) return whole;
    whole.windowed = false;
    whole.node = window_node(b, v->node, v->window_axis, v->window);
    if (v->complex) whole.im = window_node(b, v->im, v->window_axis, v->window);
    return whole.node < 0 || (v->complex && whole.im < 0) ? gp_value_node(-1) : whole;
}

/* ---- Pieces, one after the other ---- */

static int placed_piece(gp_builder *b, const gp_piece *p, int axis, int64_t at, const gp_shape *to, bool full)
{
    gp_axis_map map[GPUPROC_MAX_NDIM];
    int node = p->node;
    if (!may_be_viewed(b, node, to)) return -1;
    if (!is_leaf(&b->program->node[node]) && complains_about_zeros(b, node)) node = gp_build_store(b, node);
    if (node < 0) return -1;
    rewriting rw = {.b = b, .from = *gp_build_shape(b, node), .to = *to, .map = map, .bounded = true,
                    .full = full, .piece = axis, .lo = at, .hi = at + p->length};
    plain_map(&rw.from, map);
    map[axis] = (gp_axis_map){axis, p->start - times(p->step, at), p->step, -1};
    return full ? rewrite_whole(&rw, node) : rewrite(&rw, node);
}

/* Element by element the piece that it lies in. */
static int choose_piece(gp_builder *b, const gp_piece *piece, int count, int axis, const gp_shape *to, bool full)
{
    int made = -1, index = gp_build_axis_index(b, to, axis, 0);
    int64_t at = to->dim[axis];
    for (int k = count; k-- > 0 && b->st == GPUPROC_OK;) {
        at -= piece[k].length;
        if (piece[k].length == 0) continue;
        int part = placed_piece(b, &piece[k], axis, at, to, full);
        if (made < 0) made = part;
        else made = gp_build_where(b, within(b, -1, GP_OP_LT, index, at + piece[k].length), part, made);
        if (made < 0) return -1;
    }
    return made;
}

int gp_build_pieces(gp_builder *b, const gp_piece *piece, int count, int axis)
{
    int only = -1, parts = 0;
    int64_t length = 0;
    for (int k = 0; k < count; k++) {
        if (piece[k].node < 0) return -1;
        if (only < 0 || piece[k].length > 0) only = k;
        parts += piece[k].length > 0;
        if (__builtin_add_overflow(length, piece[k].length, &length))
            return gp_build_fail(b, GPUPROC_SHAPE, "the result is too long");
    }
    if (parts <= 1)
        return gp_build_slice(b, piece[only].node, axis, piece[only].start, piece[only].step, piece[only].length);
    gp_shape to = *gp_build_shape(b, piece[0].node);
    to.dim[axis] = length;
    if (gp_shape_size(&to) == 0) return gp_build_fill(b, zero(b, gp_build_dtype(b, piece[0].node)), &to);
    int made = choose_piece(b, piece, count, axis, &to, false);
    if (made >= 0 && !gp_shape_equal(gp_build_shape(b, made), &to)) made = choose_piece(b, piece, count, axis, &to, true);
    return made;
}

int gp_build_concatenate(gp_builder *b, const int *node, int count, int axis)
{
    gp_piece *piece = gp_calloc((size_t)count, sizeof *piece);
    if (piece == NULL) return gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    int made = -1;
    bool all = count > 0;
    for (int k = 0; k < count && all; k++) {
        all = node[k] >= 0;
        if (all) piece[k] = (gp_piece){node[k], 0, 1, gp_build_shape(b, node[k])->dim[axis]};
    }
    if (all) made = gp_build_pieces(b, piece, count, axis);
    free(piece);
    return made;
}
