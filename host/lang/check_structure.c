/* Functions that give elements another place: shapes and windows here, what else there is in files of its own. */
#include "lang/structure.h"

#include <inttypes.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }

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
    gp_shape from = gp_structure_shape(b, &x), to;
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
    return gp_structure_reshape(b, x, &to);
}

/* Without the axes of the mask, which have length 1. */
static gp_value without_axes(gp_builder *b, gp_value x, uint32_t axes)
{
    gp_shape from = gp_structure_shape(b, &x);
    gp_mapping m = {.to = {0}};
    for (int d = 0; d < from.ndim; d++) {
        bool gone = axes >> d & 1;
        m.map[d] = (gp_axis_map){gone ? -1 : m.to.ndim, 0, gone ? 0 : 1, -1};
        if (!gone) m.to.dim[m.to.ndim++] = from.dim[d];
    }
    return gp_structure_map(b, x, &m, false);
}

static gp_value squeeze(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape from = gp_structure_shape(b, &x);
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
    int count = args[1].kind == GP_VAL_TUPLE ? args[1].items : 1, ndim = gp_structure_shape(b, &x).ndim + count;
    uint32_t axes = 0;
    if (ndim > GPUPROC_MAX_NDIM)
        return of(gp_build_fail(b, GPUPROC_VALUE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM));
    if (count == 0) return x;
    if (args[1].kind == GP_VAL_NONE)
        return of(gp_build_fail(b, GPUPROC_TYPE, "expand_dims() needs an integer or a tuple of them as axis"));
    if (!gp_argument_axes(b, fn, &args[1], ndim, &axes)) return of(-1);
    return gp_structure_with_axes(b, x, axes, count);
}


/* ---- Windows ---- */

static gp_value windows(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_value x = gp_structure_array(b, fn, &args[0]);
    if (x.node < 0) return x;
    gp_shape from = gp_structure_shape(b, &x), window;
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
    return gp_structure_array(b, fn, &args[0]);
}

gp_value gp_check_structure(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_shape shape;
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
    case GP_FN_column_stack: return gp_check_join(b, fn, args, given);
    case GP_FN_sliding_window_view: return windows(b, fn, args, given);
    case GP_FN_ravel:
    case GP_FN_reshape:
        if (args[0].kind == GP_VAL_NODE && args[0].selected && (fn->id == GP_FN_ravel || is_minus_one(b, &args[1])))
            return ravel_selected(b, fn, args);
        break;
    default: break;
    }
    gp_value x = gp_structure_array(b, fn, &args[0]);
    if (x.node < 0) return of(-1);
    switch (fn->id) {
    case GP_FN_reshape: return reshape(b, fn, args, x);
    case GP_FN_ravel: return order_is_c(b, fn, &args[1]) ? gp_structure_ravel(b, x) : of(-1);
    case GP_FN_squeeze: return squeeze(b, fn, args, x);
    case GP_FN_expand_dims: return expand_dims(b, fn, args, x);
    case GP_FN_broadcast_to: return gp_argument_shape(b, fn, &args[1], &shape) ? gp_structure_broadcast(b, x, &shape) : of(-1);
    case GP_FN_atleast_1d: return gp_structure_at_least(b, x, 1);
    case GP_FN_atleast_2d: return gp_structure_at_least(b, x, 2);
    case GP_FN_atleast_3d: return gp_structure_at_least(b, x, 3);
    case GP_FN_transpose:
    case GP_FN_matrix_transpose:
    case GP_FN_swapaxes:
    case GP_FN_moveaxis:
    case GP_FN_flip:
    case GP_FN_fliplr:
    case GP_FN_flipud:
    case GP_FN_rot90:
    case GP_FN_diagonal:
    case GP_FN_tril:
    case GP_FN_triu: return gp_check_axes(b, fn, args, given, x);
    case GP_FN_tile:
    case GP_FN_repeat:
    case GP_FN_roll: return gp_check_repeat(b, fn, args, given, x);
    case GP_FN_pad: return gp_check_pad(b, fn, args, x);
    default: return of(gp_build_fail(b, GPUPROC_INTERNAL, "no rule for %s", fn->name));
    }
}
