/* Arrays behind one another: concatenate, stack and its relatives. */
#include "lang/structure.h"

#include "base/memory.h"

#include <inttypes.h>

static gp_value of(int node) { return gp_value_node(node); }

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
    gp_value whole = list ? *v : gp_structure_array(b, fn, v);
    *p = (parts){0};
    if (!list && whole.node < 0) return false;
    gp_shape shape = list ? (gp_shape){0} : gp_structure_shape(b, &whole);
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
            p->value[k] = gp_structure_array(b, fn, &item);
        } else {
            gp_mapping m = {.to = {.ndim = shape.ndim - 1}};
            m.map[0] = (gp_axis_map){-1, k, 0, -1};
            for (int d = 1; d < shape.ndim; d++) {
                m.map[d] = (gp_axis_map){d - 1, 0, 1, -1};
                m.to.dim[d - 1] = shape.dim[d];
            }
            p->value[k] = gp_structure_map(b, whole, &m, false);
        }
        if (p->value[k].node < 0) return false;
        p->complex = p->complex || p->value[k].complex;
    }
    return true;
}

static bool shapes_agree(gp_builder *b, const parts *p, int axis)
{
    gp_shape first = gp_structure_shape(b, &p->value[0]);
    for (int k = 1; k < p->count; k++) {
        gp_shape own = gp_structure_shape(b, &p->value[k]);
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
        gp_shape shape = gp_structure_shape(b, &p->value[k]);
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
            p->value[k] = gp_structure_ravel(b, p->value[k]);
            if (p->value[k].node < 0) return of(-1);
        }
        return joined(b, p, 0, typed, dtype);
    }
    int axis = 0, ndim = gp_structure_shape(b, &p->value[0]).ndim;
    if (ndim == 0) return of(gp_build_fail(b, GPUPROC_VALUE, "zero-dimensional arrays cannot be concatenated"));
    if (given[1] && !gp_argument_axis(b, fn, &args[1], ndim, &axis)) return of(-1);
    return joined(b, p, axis, typed, dtype);
}

static gp_value stack(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, parts *p)
{
    gp_shape first = gp_structure_shape(b, &p->value[0]);
    int axis = 0;
    if (given[1] && !gp_argument_axis(b, fn, &args[1], first.ndim + 1, &axis)) return of(-1);
    for (int k = 0; k < p->count; k++) {
        gp_shape own = gp_structure_shape(b, &p->value[k]);
        if (!gp_shape_equal(&first, &own)) return of(gp_build_fail(b, GPUPROC_SHAPE, "all input arrays must have the same shape"));
    }
    for (int k = 0; k < p->count; k++) {
        p->value[k] = gp_structure_with_axes(b, p->value[k], (uint64_t)1 << axis, 1);
        if (p->value[k].node < 0) return of(-1);
    }
    return joined(b, p, axis, false, GPUPROC_BOOL);
}

/* hstack, vstack, dstack, column_stack: of at least so many axes, then along one. */
static gp_value stack_rows(gp_builder *b, const gp_function *fn, parts *p)
{
    int axis = fn->id == GP_FN_vstack ? 0 : fn->id == GP_FN_dstack ? 2 : 1;
    for (int k = 0; k < p->count; k++) {
        int own = gp_structure_shape(b, &p->value[k]).ndim;
        if (fn->id == GP_FN_column_stack) {
            if (own < 2) p->value[k] = gp_structure_at_least(b, p->value[k], 2);
            if (own < 2 && p->value[k].node >= 0) p->value[k] = gp_structure_swap_axes(b, p->value[k], 0, 1);
        } else {
            p->value[k] = gp_structure_at_least(b, p->value[k], fn->id == GP_FN_hstack ? 1 : axis == 2 ? 3 : 2);
        }
        if (p->value[k].node < 0) return of(-1);
    }
    if (fn->id == GP_FN_hstack && gp_structure_shape(b, &p->value[0]).ndim == 1) axis = 0;
    return joined(b, p, axis, false, GPUPROC_BOOL);
}

gp_value gp_check_join(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
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
