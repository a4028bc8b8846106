/* Axes in another order or direction: transpose, flip, rot90; diagonals and triangles. */
#include "lang/structure.h"

static gp_value of(int node) { return gp_value_node(node); }

static gp_value transpose(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    int ndim = gp_structure_shape(b, &x).ndim, axes[GPUPROC_MAX_NDIM];
    uint32_t seen = 0;
    if (args[1].kind == GP_VAL_NONE) return gp_check_reversed_axes(b, &x, ndim);
    bool one = args[1].kind != GP_VAL_TUPLE;
    if ((one ? 1 : args[1].items) != ndim) return of(gp_build_fail(b, GPUPROC_VALUE, "axes don't match array"));
    for (int k = 0; k < ndim; k++) {
        if (!gp_argument_axis(b, fn, one ? &args[1] : gp_build_item(b, &args[1], k), ndim, &axes[k])) return of(-1);
        if (seen >> axes[k] & 1) return of(gp_build_fail(b, GPUPROC_VALUE, "repeated axis in transpose"));
        seen |= 1u << axes[k];
    }
    return gp_structure_transpose(b, x, axes);
}

static gp_value moveaxis(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    int ndim = gp_structure_shape(b, &x).ndim, axes[GPUPROC_MAX_NDIM], place[2][GPUPROC_MAX_NDIM], count[2];
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
    return gp_structure_transpose(b, x, axes);
}

static gp_value flip_axes(gp_builder *b, gp_value x, uint32_t axes)
{
    gp_shape from = gp_structure_shape(b, &x);
    gp_mapping m = gp_mapping_of(&from);
    for (int d = 0; d < from.ndim; d++) {
        if (axes >> d & 1 && from.dim[d] > 1) m.map[d] = (gp_axis_map){d, from.dim[d] - 1, -1, -1};
    }
    return gp_structure_map(b, x, &m, false);
}

static gp_value flip(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    int ndim = gp_structure_shape(b, &x).ndim;
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
    int ndim = gp_structure_shape(b, &x).ndim, axis[2] = {0, 1};
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
    case 1: return gp_structure_swap_axes(b, flip_axes(b, x, 1u << axis[1]), axis[0], axis[1]);
    case 2: return flip_axes(b, x, 1u << axis[0] | 1u << axis[1]);
    default: x = gp_structure_swap_axes(b, x, axis[0], axis[1]); return x.node < 0 ? x : flip_axes(b, x, 1u << axis[1]);
    }
}

static gp_value diagonal(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    gp_shape from = gp_structure_shape(b, &x);
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
    gp_mapping m = {.to = {0}};
    for (int d = 0; d < from.ndim; d++) {
        if (d == a || d == c) continue;
        m.map[d] = (gp_axis_map){m.to.ndim, 0, 1, -1};
        m.to.dim[m.to.ndim++] = from.dim[d];
    }
    m.map[a] = (gp_axis_map){m.to.ndim, length > 0 ? down : 0, 1, -1};
    m.map[c] = (gp_axis_map){m.to.ndim, length > 0 ? right : 0, 1, -1};
    m.to.dim[m.to.ndim++] = length;
    return gp_structure_map(b, x, &m, false);
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
    gp_shape shape = gp_structure_shape(b, &x);
    if (shape.ndim == 0) return of(gp_build_fail(b, GPUPROC_VALUE, "%s() needs an array of at least 1 dimension", fn->name));
    if (t.k > most) t.k = most;
    if (t.k < -most) t.k = -most;
    if (shape.ndim == 1) { /* as many rows of it */
        gp_shape square = {.ndim = 2, .dim = {shape.dim[0], shape.dim[0]}};
        x = gp_structure_broadcast(b, x, &square);
    }
    return gp_structure_change(b, x, triangle_node, &t);
}

gp_value gp_check_axes(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x)
{
    int ndim = gp_structure_shape(b, &x).ndim, axis[2];
    switch (fn->id) {
    case GP_FN_transpose: return transpose(b, fn, args, x);
    case GP_FN_matrix_transpose:
        if (ndim < 2) return of(gp_build_fail(b, GPUPROC_VALUE, "matrix transpose with ndim < 2 is undefined"));
        return gp_check_reversed_axes(b, &x, 2);
    case GP_FN_swapaxes:
        for (int k = 0; k < 2; k++) {
            if (!gp_argument_axis(b, fn, &args[1 + k], ndim, &axis[k])) return of(-1);
        }
        return gp_structure_swap_axes(b, x, axis[0], axis[1]);
    case GP_FN_moveaxis: return moveaxis(b, fn, args, x);
    case GP_FN_flip:
    case GP_FN_fliplr:
    case GP_FN_flipud: return flip(b, fn, args, x);
    case GP_FN_rot90: return rot90(b, fn, args, given, x);
    case GP_FN_diagonal: return diagonal(b, fn, args, given, x);
    case GP_FN_tril:
    case GP_FN_triu: return triangular(b, fn, args, given, x);
    default: return of(gp_build_fail(b, GPUPROC_INTERNAL, "no rule for %s", fn->name));
    }
}
