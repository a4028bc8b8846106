/* Elements again and again, and around: tile, repeat, roll. */
#include "lang/structure.h"

static gp_value of(int node) { return gp_value_node(node); }

static gp_value tile(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape reps;
    if (!gp_argument_shape(b, fn, &args[1], &reps)) return of(-1);
    for (int d = 0; d < reps.ndim; d++) {
        if (reps.dim[d] < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "negative dimensions are not allowed"));
    }
    gp_shape from = gp_structure_shape(b, &x);
    int ndim = from.ndim > reps.ndim ? from.ndim : reps.ndim;
    gp_mapping m = {.to = {0}};
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
    x = gp_structure_map(b, x, &m, false);
    return x.node < 0 ? x : gp_structure_reshape(b, x, &flat);
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
    if (!given[2] || args[2].kind == GP_VAL_NONE) x = gp_structure_ravel(b, x);
    else if (!gp_argument_axis(b, fn, &args[2], gp_structure_shape(b, &x).ndim, &axis)) return of(-1);
    if (x.node < 0) return x;
    gp_shape from = gp_structure_shape(b, &x), flat = from;
    gp_mapping m = {.to = {.ndim = from.ndim + 1}};
    if (m.to.ndim > GPUPROC_MAX_NDIM || __builtin_mul_overflow(times, flat.dim[axis], &flat.dim[axis]))
        return of(gp_build_fail(b, GPUPROC_SHAPE, "repeat() would make an array that is too large"));
    m.to.dim[axis + 1] = times;
    for (int d = 0; d < from.ndim; d++) {
        int to = d + (d > axis);
        m.map[d] = (gp_axis_map){to, 0, 1, -1};
        m.to.dim[to] = from.dim[d];
    }
    x = gp_structure_map(b, x, &m, false);
    return x.node < 0 ? x : gp_structure_reshape(b, x, &flat);
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
    int64_t length = gp_structure_shape(b, &x).dim[axis];
    if (length == 0) return x;
    rolling r = {axis, shift % length};
    if (r.shift < 0) r.shift += length;
    return r.shift == 0 ? x : gp_structure_change(b, x, roll_node, &r);
}

static gp_value roll(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    const gp_value *by = &args[1], *along = &args[2];
    gp_shape shape = gp_structure_shape(b, &x);
    bool flat = !given[2] || along->kind == GP_VAL_NONE;
    int shifts = by->kind == GP_VAL_TUPLE ? by->items : 1, axes = along->kind == GP_VAL_TUPLE ? along->items : 1;
    if (shifts != axes && shifts != 1 && axes != 1)
        return of(gp_build_fail(b, GPUPROC_VALUE, "'shift' and 'axis' should be scalars or 1D sequences"));
    if (flat) x = gp_structure_ravel(b, x);
    for (int k = 0; k < (shifts > axes ? shifts : axes) && x.node >= 0; k++) {
        int64_t shift;
        int axis = 0;
        const gp_value *s = by->kind == GP_VAL_TUPLE ? gp_build_item(b, by, shifts == 1 ? 0 : k) : by;
        const gp_value *a = along->kind == GP_VAL_TUPLE ? gp_build_item(b, along, axes == 1 ? 0 : k) : along;
        if (!gp_argument_int(b, fn, "shift", s, &shift)) return of(-1);
        if (!flat && !gp_argument_axis(b, fn, a, shape.ndim, &axis)) return of(-1);
        x = roll_axis(b, x, axis, shift);
    }
    return flat && x.node >= 0 ? gp_structure_reshape(b, x, &shape) : x;
}

gp_value gp_check_repeat(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    switch (fn->id) {
    case GP_FN_tile: return tile(b, fn, args, x);
    case GP_FN_repeat: return repeat(b, fn, args, given, x);
    default: return roll(b, fn, args, given, x);
    }
}
