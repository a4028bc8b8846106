/* Selection by truth: x[mask], compress, extract, nonzero and what they are made of. Tables are looked up in
 * check_take.c and check_search.c. */
#include "lang/check_selection.h"

#include <inttypes.h>

static gp_value of(int node) { return gp_value_node(node); }

/* mask with an axis of length 1 for each axis of x behind its own. */
static int spread(gp_builder *b, int mask, int ndim)
{
    for (int d = gp_build_shape(b, mask)->ndim; mask >= 0 && d < ndim; d++) mask = gp_build_insert_axis(b, mask, d);
    return mask;
}

gp_value gp_check_select(gp_builder *b, const gp_value *x, const gp_value *mask)
{
    gp_value v = *x;
    int m = gp_build_strong(b, mask);
    if (m < 0) return of(-1);
    if (gp_build_dtype(b, m) != GPUPROC_BOOL)
        return of(gp_build_fail(b, GPUPROC_TYPE, "a mask is made of bools, found %s", gpuproc_dtype_name(gp_build_dtype(b, m))));
    if (!gp_value_is_complex(b, &v) || v.selected) v = of(gp_build_strong(b, &v)); /* which refuses a selection */
    if (v.node < 0) return of(-1);
    const gp_shape *whole = gp_build_shape(b, v.node), *own = gp_build_shape(b, m);
    int ndim = whole->ndim, axes = own->ndim;
    if (axes == 0 && ndim > 0) return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "a mask needs at least one axis"));
    if (axes > ndim)
        return of(gp_build_fail(b, GPUPROC_SHAPE, "too many indices for array: array is %d-dimensional, but the mask is %d-dimensional",
                                ndim, axes));
    for (int d = 0; d < axes; d++) {
        if (own->dim[d] == whole->dim[d]) continue;
        return of(gp_build_fail(b, GPUPROC_SHAPE,
                                "boolean index did not match indexed array along axis %d; size of axis is %" PRId64
                                " but size of corresponding boolean axis is %" PRId64, d, whole->dim[d], own->dim[d]));
    }
    v.mask = spread(b, m, ndim);
    if (v.mask < 0) return of(-1);
    v.selected = true;
    v.mask_axes = axes;
    return v;
}

/* An index, selected where x is true. */
static gp_value selected_index(int index, int mask, int axes)
{
    gp_value v = of(index);
    if (index < 0) return v;
    v.selected = true;
    v.mask = mask;
    v.mask_axes = axes;
    return v;
}

/* x as bools, not of shape (). */
static int truth_of(gp_builder *b, const gp_value *x)
{
    gp_value v = *x;
    if (v.kind == GP_VAL_TUPLE || v.selected || v.windowed) v = of(gp_build_strong(b, &v));
    if (v.kind == GP_VAL_NODE && v.node < 0) return -1;
    int truth = gp_build_as(b, &v, GPUPROC_BOOL);
    if (truth < 0 || gp_build_shape(b, truth)->ndim > 0) return truth;
    return gp_build_fail(b, GPUPROC_VALUE, "nonzero of a single number is not possible: it has no axes");
}

gp_value gp_check_nonzero(gp_builder *b, const gp_value *x)
{
    gp_value item[GPUPROC_MAX_NDIM];
    int truth = truth_of(b, x);
    if (truth < 0) return of(-1);
    const gp_shape shape = *gp_build_shape(b, truth);
    for (int d = 0; d < shape.ndim; d++) {
        item[d] = selected_index(gp_build_index(b, &shape, d), truth, shape.ndim);
        if (item[d].node < 0) return of(-1);
    }
    return gp_build_tuple(b, item, shape.ndim);
}

static gp_value flatnonzero(gp_builder *b, const gp_value *x)
{
    gp_value flat = x->kind == GP_VAL_NODE && !x->selected && x->node >= 0 && gp_build_shape(b, x->node)->ndim == 0 ? gp_check_flattened(b, x) : *x;
    int truth = truth_of(b, &flat);
    if (truth < 0) return of(-1);
    const gp_shape shape = *gp_build_shape(b, truth);
    return selected_index(gp_build_number(b, &shape), truth, shape.ndim);
}

/* Rows of indices: the last axis goes through the axes of x. */
static gp_value argwhere(gp_builder *b, const gp_value *x)
{
    int truth = truth_of(b, x);
    if (truth < 0) return of(-1);
    gp_shape shape = *gp_build_shape(b, truth);
    int axes = shape.ndim;
    if (axes == GPUPROC_MAX_NDIM) return of(gp_build_fail(b, GPUPROC_SHAPE, "argwhere() would need one axis more than there can be"));
    shape.dim[shape.ndim++] = axes;
    int node = gp_build_index(b, &shape, axes - 1), which = gp_build_index(b, &shape, axes);
    for (int d = axes - 2; d >= 0; d--) {
        int here = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, which, gp_build_int(b, GPUPROC_INT64, d), -1);
        node = gp_build_op(b, GP_OP_WHERE, GPUPROC_INT64, here, gp_build_index(b, &shape, d), node);
    }
    return selected_index(node, spread(b, truth, shape.ndim), axes);
}

static int flattened(gp_builder *b, int node)
{
    if (node < 0) return -1;
    gp_shape flat = {.ndim = 1, .dim = {(int64_t)gp_shape_size(gp_build_shape(b, node))}};
    return gp_build_reshape(b, node, &flat);
}

gp_value gp_check_flattened(gp_builder *b, const gp_value *v)
{
    gp_value flat = *v;
    bool complex = gp_value_is_complex(b, v);
    if (complex && v->kind == GP_VAL_COMPLEX) flat = gp_build_convert(b, v, GPUPROC_COMPLEX128);
    if (!complex || flat.selected) flat = of(gp_build_strong(b, v));
    flat.node = flattened(b, flat.node);
    if (complex && flat.node >= 0) flat.im = flattened(b, flat.im);
    return complex && flat.im < 0 ? of(-1) : flat;
}

/* compress(condition, a, axis): a condition that is shorter than the axis leaves the rest out. */
static gp_value compress(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value x = args[1];
    int axis = 0, condition = truth_of(b, &args[0]);
    if (condition < 0) return of(-1);
    if (args[2].kind == GP_VAL_NONE) x = gp_check_flattened(b, &x);
    else if (!gp_value_is_complex(b, &x) || x.selected) x = of(gp_build_strong(b, &x));
    if (x.node < 0) return of(-1);
    if (args[2].kind != GP_VAL_NONE && !gp_argument_axis(b, fn, &args[2], gp_build_shape(b, x.node)->ndim, &axis)) return of(-1);
    if (axis != 0)
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "compress() goes along the first axis only: transpose the array before"));
    if (gp_build_shape(b, condition)->ndim != 1) return of(gp_build_fail(b, GPUPROC_SHAPE, "compress() needs a condition with one axis"));
    int64_t length = gp_build_shape(b, condition)->dim[0], all = gp_build_shape(b, x.node)->dim[0];
    if (length > all)
        return of(gp_build_fail(b, GPUPROC_SHAPE, "compress(): the condition has %" PRId64 " elements, the axis only %" PRId64, length, all));
    if (length < all) {
        x.node = gp_build_slice(b, x.node, 0, 0, 1, length);
        if (x.complex && x.node >= 0) x.im = gp_build_slice(b, x.im, 0, 0, 1, length);
        if (x.node < 0) return of(-1);
    }
    gp_value mask = of(condition);
    return gp_check_select(b, &x, &mask);
}

static gp_value extract(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    int condition = truth_of(b, &args[0]);
    gp_value mask = of(condition), x = args[1], both[3] = {mask, x, {.kind = GP_VAL_NONE}};
    if (condition < 0) return mask;
    if (!gp_value_is_complex(b, &x) || x.selected) x = of(gp_build_strong(b, &x));
    if (x.kind == GP_VAL_NODE && x.node < 0) return x;
    if (x.kind == GP_VAL_NODE && gp_shape_equal(gp_build_shape(b, x.node), gp_build_shape(b, condition)))
        return gp_check_select(b, &x, &mask);
    both[0] = gp_check_flattened(b, &mask);
    both[1] = gp_check_flattened(b, &x);
    return both[0].node < 0 || both[1].node < 0 ? of(-1) : compress(b, fn, both);
}

gp_value gp_check_selection(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    switch (fn->id) {
    case GP_FN_compress: return compress(b, fn, args);
    case GP_FN_extract: return extract(b, fn, args);
    case GP_FN_nonzero: return gp_check_nonzero(b, &args[0]);
    case GP_FN_flatnonzero: return flatnonzero(b, &args[0]);
    case GP_FN_argwhere: return argwhere(b, &args[0]);
    case GP_FN_take:
    case GP_FN_take_along_axis:
    case GP_FN_choose:
    case GP_FN_select: return gp_check_take_function(b, fn, args, given);
    default: return gp_check_search_function(b, fn, args, given);
    }
}
