#include "lang/operand.h"

#include <string.h>

/* ---- Arguments ---- */

/* "a axis? ddof/correction? ..." */
static int parameter_of(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (int slot = 0; *list != '\0'; slot++) {
        while (*list == ' ') list++;
        for (;;) {
            size_t n = strcspn(list, " ?/");
            if (n == length && memcmp(list, name, n) == 0) return slot;
            list += n;
            if (*list != '/') break;
            list++;
        }
        list += strcspn(list, " ");
    }
    return -1;
}

const gp_value *gp_argument_named(const gp_function *fn, const gp_value *args, const char *name)
{
    static const gp_value none = {.kind = GP_VAL_NONE};
    int slot = parameter_of(fn->parameters, name);
    return slot < 0 ? &none : &args[slot];
}

bool gp_argument_refuse(gp_builder *b, const gp_function *fn, const gp_value *args, const char *name)
{
    const gp_value *v = gp_argument_named(fn, args, name);
    if (v->kind == GP_VAL_NONE || (v->kind == GP_VAL_BOOL && v->i == 0)) return true;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() does not take %s= here", fn->name, name);
    return false;
}

/* ---- Taking apart ---- */

gp_dtype gp_dtype_worked(gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_FLOAT16:
    case GPUPROC_COMPLEX64: return GPUPROC_FLOAT32;
    case GPUPROC_COMPLEX128: return GPUPROC_FLOAT64;
    default: return dtype;
    }
}

bool gp_operand_take(gp_builder *b, const gp_function *fn, const gp_value *v, gp_operand *x)
{
    *x = (gp_operand){.re = -1, .im = -1, .mask = -1};
    gp_value value = *v;
    if (v->kind == GP_VAL_COMPLEX) {
        value = gp_value_node(gp_build_float(b, GPUPROC_FLOAT64, v->f));
        value.complex = true;
        value.im = gp_build_float(b, GPUPROC_FLOAT64, v->f_im);
    } else if (v->kind == GP_VAL_TUPLE) {
        value = gp_value_node(gp_argument_array(b, fn, v));
    } else if (v->kind != GP_VAL_NODE) {
        value = gp_value_node(gp_build_strong(b, v));
    }
    if (value.node < 0 || b->st != GPUPROC_OK) return false;
    if (value.windowed || value.complex) value = gp_build_window_view(b, &value); /* both parts in one shape */
    if (value.node < 0) return false;
    x->re = value.node;
    x->dtype = gp_build_dtype(b, value.node);
    if (value.complex) {
        x->im = value.im;
        x->dtype = x->dtype == GPUPROC_FLOAT32 ? GPUPROC_COMPLEX64 : GPUPROC_COMPLEX128;
    } else if (gp_dtype_kind(x->dtype) == GP_KIND_COMPLEX) {
        gp_dtype part = gp_dtype_worked(x->dtype);
        x->im = gp_build_unary(b, GP_OP_IMAG, part, value.node);
        x->re = gp_build_unary(b, GP_OP_REAL, part, value.node);
    } else if (x->dtype == GPUPROC_FLOAT16) {
        x->re = gp_build_cast(b, value.node, GPUPROC_FLOAT32);
    }
    if (b->st != GPUPROC_OK) return false;
    x->selected = value.selected;
    x->shape = *gp_build_shape(b, x->re);
    if (value.selected) {
        x->mask = gp_build_broadcast(b, value.mask, &x->shape); /* a mask of rows is narrower */
        if (x->mask < 0) return false;
    }
    x->mask_axes = value.mask_axes > 0 ? value.mask_axes : x->shape.ndim;
    x->axes = x->shape.ndim == 0 ? 0 : (uint32_t)(((uint64_t)1 << x->shape.ndim) - 1);
    x->whole = true;
    return true;
}

/* As NumPy counts them. */
static int ndim_of(const gp_operand *x)
{
    return x->selected ? 1 + x->shape.ndim - x->mask_axes : x->shape.ndim - x->extra;
}

bool gp_operand_narrow(gp_builder *b, gp_operand *x, int mask)
{
    if (mask < 0) return b->st == GPUPROC_OK;
    x->mask = x->mask < 0 ? mask : gp_build_binary(b, GP_OP_BITAND, GPUPROC_BOOL, x->mask, mask);
    return x->mask >= 0;
}

bool gp_operand_where(gp_builder *b, const gp_function *fn, const gp_value *v, gp_operand *x)
{
    if (v->kind == GP_VAL_NONE || (v->kind == GP_VAL_BOOL && v->i != 0)) return true;
    gp_value mask = *v;
    if (v->kind == GP_VAL_TUPLE) mask = gp_value_node(gp_argument_array(b, fn, v));
    else if (v->kind == GP_VAL_BOOL) mask = gp_value_node(gp_build_strong(b, v));
    if (mask.kind != GP_VAL_NODE || (mask.node >= 0 && (mask.complex || gp_build_dtype(b, mask.node) != GPUPROC_BOOL))) {
        gp_build_fail(b, GPUPROC_TYPE, "%s() needs bools as where=", fn->name);
        return false;
    }
    if (mask.node < 0) return false;
    if (x->selected || mask.selected || mask.windowed) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of a selection does not take where=: put both conditions into the mask", fn->name);
        return false;
    }
    const gp_shape *shape = gp_build_shape(b, mask.node);
    if (shape->ndim > x->shape.ndim) {
        char from[128], to[128];
        gp_build_fail(b, GPUPROC_SHAPE, "where= of %s() has shape %s, which does not fit into %s", fn->name,
                      gp_shape_text(shape, from, sizeof from), gp_shape_text(&x->shape, to, sizeof to));
        return false;
    }
    if (!gp_shape_equal(shape, &x->shape)) {
        bool uniform = b->program->node[mask.node].uniform && shape->ndim == 0;
        mask.node = uniform ? gp_build_fill(b, mask.node, &x->shape) : gp_build_broadcast(b, mask.node, &x->shape);
    }
    return mask.node >= 0 && gp_operand_narrow(b, x, mask.node);
}

/* One more axis of length 1 at the end. */
static int stretched(gp_builder *b, int node, const gp_shape *shape)
{
    if (node < 0) return -1;
    gp_shape longer = *shape;
    longer.dim[longer.ndim++] = 1;
    if (b->program->node[node].uniform) return gp_build_fill(b, node, &longer);
    return gp_build_insert_axis(b, node, shape->ndim);
}

/* Selected rows, and not all of them made one: what goes along the rows counts only those, as with where=. */
static bool axes_of_rows(gp_builder *b, const gp_function *fn, uint32_t axes, bool one, gp_operand *x)
{
    if (one || x->mask_axes != 1 || !(axes & 1)) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of selected rows goes along all axes or, where it can, along the first ones: "
                      "what goes along others can be done before x[mask]", fn->name);
        return false;
    }
    x->axes = axes;
    x->whole = x->selected = false;
    return true;
}

bool gp_operand_axes(gp_builder *b, const gp_function *fn, const gp_value *axis, bool one, gp_operand *x)
{
    int ndim = ndim_of(x);
    uint32_t axes = 0;
    if (axis->kind == GP_VAL_NONE) return true;
    if (ndim == 0 && axis->kind == GP_VAL_INT && (axis->i == 0 || axis->i == -1)) return true; /* as NumPy's ufuncs */
    if (axis->kind == GP_VAL_TUPLE && axis->items == 0 && !one && !x->selected) {
        if (ndim == 0) return true;
        if (ndim == GPUPROC_MAX_NDIM) {
            gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() with axis=() needs one more axis, but there are %d already", fn->name, ndim);
            return false;
        }
        x->re = stretched(b, x->re, &x->shape);
        if (x->im >= 0) x->im = stretched(b, x->im, &x->shape);
        if (x->mask >= 0) x->mask = stretched(b, x->mask, &x->shape);
        x->shape.dim[x->shape.ndim++] = 1;
        x->axes = (uint32_t)1 << ndim;
        x->whole = false;
        x->extra = true;
        return b->st == GPUPROC_OK;
    }
    if (one && axis->kind == GP_VAL_TUPLE) {
        gp_build_fail(b, GPUPROC_TYPE, "%s() goes along one axis: it needs an integer or None as axis, not a tuple", fn->name);
        return false;
    }
    if (one) {
        int k;
        if (!gp_argument_axis(b, fn, axis, ndim, &k)) return false;
        axes = (uint32_t)1 << k;
    } else if (!gp_argument_axes(b, fn, axis, ndim, &axes)) {
        return false;
    }
    uint32_t all = x->axes;
    if (x->selected && axes == ((uint32_t)1 << ndim) - 1) return true; /* all of them */
    if (x->selected) return axes_of_rows(b, fn, axes, one, x);
    x->axes = axes;
    x->whole = axes == all;
    return true;
}

bool gp_operand_keepdims(gp_builder *b, const gp_function *fn, const gp_value *v, gp_operand *x)
{
    if (v->kind == GP_VAL_NONE) return true;
    return gp_argument_bool(b, fn, "keepdims", v, &x->keepdims);
}

uint64_t gp_operand_length(const gp_operand *x)
{
    uint64_t length = 1;
    for (int d = 0; d < x->shape.ndim; d++) {
        if (x->axes >> d & 1) length *= (uint64_t)x->shape.dim[d];
    }
    return length;
}

bool gp_operand_no_complex(gp_builder *b, const gp_function *fn, const gp_operand *x)
{
    if (x->im < 0) return true;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of complex numbers is not there: take abs(x), x.real or x.imag", fn->name);
    return false;
}

int gp_operand_nan(gp_builder *b, const gp_operand *x)
{
    if (!gp_dtype_is_float(gp_build_dtype(b, x->re))) return -1;
    int nan = gp_build_unary(b, GP_OP_ISNAN, GPUPROC_BOOL, x->re);
    if (x->im < 0) return nan;
    return gp_build_binary(b, GP_OP_BITOR, GPUPROC_BOOL, nan, gp_build_unary(b, GP_OP_ISNAN, GPUPROC_BOOL, x->im));
}

/* ---- Going along the axes ---- */

gp_shape gp_operand_kept(const gp_operand *x)
{
    gp_shape kept = {0};
    for (int d = 0; d < x->shape.ndim; d++) {
        if (!(x->axes >> d & 1)) kept.dim[kept.ndim++] = x->shape.dim[d];
    }
    return kept;
}

int gp_operand_reduce(gp_builder *b, const gp_operand *x, gp_op op, gp_dtype dtype, int node, double ddof)
{
    if (node < 0 || b->st != GPUPROC_OK) return -1;
    if (x->whole) return gp_build_reduce(b, op, dtype, node, ddof);
    return gp_build_placed(b, gp_ir_reduce_axes(b->program, op, dtype, node, x->axes, ddof));
}

int gp_operand_fold(gp_builder *b, gp_op op, gp_dtype dtype, int a, int second, uint32_t axes, int64_t size,
                    const gp_shape *shape, bool growing)
{
    if (a < 0 || b->st != GPUPROC_OK) return -1;
    return gp_build_placed(b, gp_ir_fold(b->program, op, dtype, a, second, axes, size, shape, growing));
}

int gp_operand_put_back(gp_builder *b, const gp_operand *x, int node)
{
    if (node < 0 || b->program->node[node].uniform) return node; /* a uniform one fits everything */
    for (int d = 0; d < x->shape.ndim && node >= 0; d++) {
        if (x->axes >> d & 1) node = gp_build_insert_axis(b, node, d);
    }
    return node;
}

int gp_operand_count(gp_builder *b, const gp_operand *x, gp_dtype dtype)
{
    if (x->mask < 0) return gp_build_float(b, dtype, (double)gp_operand_length(x));
    return gp_build_cast(b, gp_operand_reduce(b, x, GP_OP_COUNT_NONZERO, GPUPROC_INT64, x->mask, 0), dtype);
}

int gp_operand_masked(gp_builder *b, const gp_operand *x, int node, int otherwise)
{
    if (x->mask < 0 || node < 0) return node;
    return gp_build_op(b, GP_OP_WHERE, gp_build_dtype(b, node), x->mask, node, otherwise);
}

/* The value goes through a choice between itself and itself, which keeps its bits. */
int gp_operand_guard(gp_builder *b, int node, int bad, gp_check_id id)
{
    int checked = gp_build_binary(b, GP_OP_CHECK, GPUPROC_BOOL, bad, gp_build_int(b, GPUPROC_INT64, id));
    return gp_build_where(b, checked, node, node);
}

int gp_operand_filled(gp_builder *b, const gp_operand *x, int uniform)
{
    gp_shape kept = gp_operand_kept(x);
    return uniform < 0 || kept.ndim == 0 ? uniform : gp_build_fill(b, uniform, &kept);
}

/* ---- The way back ---- */

static int with_axes(gp_builder *b, const gp_operand *x, int node)
{
    if (node < 0 || !x->keepdims || x->extra) return node;
    if (b->program->node[node].uniform) {
        gp_shape kept = {.ndim = ndim_of(x)};
        for (int d = 0; d < kept.ndim; d++) kept.dim[d] = x->selected || (x->axes >> d & 1) ? 1 : x->shape.dim[d];
        return kept.ndim == 0 ? node : gp_build_fill(b, node, &kept);
    }
    return gp_operand_put_back(b, x, node);
}

gp_value gp_value_of_parts(gp_builder *b, int re, int im, gp_dtype dtype)
{
    gp_value v = gp_value_node(re);
    if (re < 0 || b->st != GPUPROC_OK) return gp_value_node(-1);
    if (gp_dtype_kind(dtype) != GP_KIND_COMPLEX) {
        v.node = gp_build_cast(b, re, dtype);
        return v;
    }
    gp_dtype part = gp_dtype_worked(dtype);
    v.node = gp_build_cast(b, re, part);
    v.im = im >= 0 ? gp_build_cast(b, im, part) : gp_build_float(b, part, 0);
    v.complex = true;
    if (im < 0 && v.im >= 0 && b->program->node[re].shape.ndim > 0) v.im = gp_build_fill(b, v.im, gp_build_shape(b, re));
    return v.im < 0 ? gp_value_node(-1) : v;
}

gp_value gp_operand_value(gp_builder *b, const gp_operand *x, int re, int im, gp_dtype dtype)
{
    re = with_axes(b, x, re);
    if (im >= 0) im = with_axes(b, x, im);
    return gp_value_of_parts(b, re, im, dtype);
}

/* ---- Functions made of functions ---- */

gp_value gp_value_apply(gp_builder *b, gp_function_id id, gp_value x, gp_value y)
{
    gp_value v[2] = {x, y};
    if (b->st != GPUPROC_OK || (x.kind == GP_VAL_NODE && x.node < 0) || (y.kind == GP_VAL_NODE && y.node < 0))
        return gp_value_node(-1);
    return gp_check_operator(b, id, v, 2);
}

gp_value gp_value_reduced(gp_builder *b, gp_function_id id, gp_value x, const gp_value *axis, bool keepdims)
{
    const gp_function *fn = gp_function_by_id(id);
    gp_value args[GP_MAX_PARAMETERS];
    bool given[GP_MAX_PARAMETERS] = {true};
    if (b->st != GPUPROC_OK || (x.kind == GP_VAL_NODE && x.node < 0)) return gp_value_node(-1);
    for (int k = 0; k < GP_MAX_PARAMETERS; k++) args[k] = (gp_value){.kind = GP_VAL_NONE};
    args[0] = x;
    if (axis != NULL) args[1] = *axis;
    if (keepdims) args[parameter_of(fn->parameters, "keepdims")] = (gp_value){.kind = GP_VAL_BOOL, .i = 1};
    return gp_check_reduction(b, fn, args, given);
}
