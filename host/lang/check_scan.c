/* Scans, and what is made of neighbours: cumsum and its like, diff, gradient, trapezoid. */
#include "lang/operand.h"

#include <inttypes.h>
#include <string.h>

static gp_value failed(void) { return gp_value_node(-1); }

/* The operand of a function that needs to know its length. */
static bool take_whole(gp_builder *b, const gp_function *fn, const gp_value *v, gp_operand *x)
{
    if (!gp_operand_take(b, fn, v, x)) return false;
    if (!x->selected) return true;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of a selection is not possible: how many elements it has shows only when all are read", fn->name);
    return false;
}

static int flat(gp_builder *b, int node)
{
    const gp_shape *shape = gp_build_shape(b, node);
    if (shape->ndim == 1) return node;
    gp_shape line = {1, {(int64_t)gp_shape_size(shape)}};
    return b->program->node[node].uniform ? gp_build_fill(b, node, &line) : gp_build_reshape(b, node, &line);
}

static bool ravel(gp_builder *b, gp_operand *x)
{
    x->re = flat(b, x->re);
    if (x->re >= 0 && x->im >= 0) x->im = flat(b, x->im);
    if (b->st != GPUPROC_OK || x->re < 0) return false;
    x->shape = *gp_build_shape(b, x->re);
    return true;
}

/* ---- Scans ---- */

/* The axis of a scan; what NumPy does without one differs. */
static bool scan_axis(gp_builder *b, const gp_function *fn, const gp_value *axis, gp_operand *x, int *k)
{
    bool accumulate = strstr(fn->name, "accumulate") != NULL, array_api = strncmp(fn->name, "cumulative", 10) == 0;
    *k = 0;
    if (accumulate && x->shape.ndim == 0) {
        gp_build_fail(b, GPUPROC_TYPE, "cannot accumulate on a scalar");
        return false;
    }
    if (axis->kind != GP_VAL_NONE) {
        if (x->shape.ndim == 0 && axis->kind == GP_VAL_INT && (axis->i == 0 || axis->i == -1)) return ravel(b, x);
        return gp_argument_axis(b, fn, axis, x->shape.ndim, k);
    }
    if (accumulate) return true;
    if (array_api && x->shape.ndim > 1) {
        gp_build_fail(b, GPUPROC_VALUE, "For arrays which have more than one dimension ``axis`` argument is required.");
        return false;
    }
    return ravel(b, x);
}

static gp_dtype widened(gp_dtype dtype)
{
    gp_kind kind = gp_dtype_kind(dtype);
    if (kind == GP_KIND_FLOAT || kind == GP_KIND_COMPLEX) return dtype;
    return kind == GP_KIND_UINT ? GPUPROC_UINT64 : GPUPROC_INT64;
}

static int scanned(gp_builder *b, const gp_operand *x, gp_op op, int node, gp_dtype dtype, int axis)
{
    if (x->dtype != dtype) node = gp_build_cast(b, node, dtype);
    dtype = gp_dtype_worked(dtype);
    node = gp_build_cast(b, node, dtype);
    return gp_operand_fold(b, op, dtype, node, -1, (uint32_t)1 << axis, 0, &x->shape, false);
}

/* The neutral element, and then the scan. */
static int with_first(gp_builder *b, int node, int axis, bool one)
{
    if (node < 0) return -1;
    gp_dtype dtype = gp_build_dtype(b, node);
    gp_shape shape = *gp_build_shape(b, node);
    shape.dim[axis] = 1;
    int neutral = gp_dtype_is_float(dtype) ? gp_build_float(b, dtype, one) : gp_build_int(b, dtype, one);
    int both[2] = {gp_build_fill(b, neutral, &shape), node};
    return both[0] < 0 ? -1 : gp_build_concatenate(b, both, 2, axis);
}

static gp_value scan(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_operand x;
    gp_op op = fn->op;
    bool extreme = op == GP_OP_CUMMAX || op == GP_OP_CUMMIN, first = false;
    const gp_value *to = gp_argument_named(fn, args, "dtype"), *include = gp_argument_named(fn, args, "include_initial");
    int axis;
    if (!take_whole(b, fn, &args[0], &x) || !gp_argument_refuse(b, fn, args, "out")) return failed();
    if (include->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "include_initial", include, &first)) return failed();
    if (!scan_axis(b, fn, gp_argument_named(fn, args, "axis"), &x, &axis)) return failed();
    gp_dtype dtype = extreme ? x.dtype : widened(x.dtype);
    if (to->kind != GP_VAL_NONE && !gp_check_dtype(b, to, &dtype)) return failed();
    if (x.im >= 0 && op != GP_OP_CUMSUM && !gp_operand_no_complex(b, fn, &x)) return failed();
    /* inf + 0i times a real number is NaN in one part. */
    if (op == GP_OP_CUMPROD && gp_dtype_kind(dtype) == GP_KIND_COMPLEX)
        return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of complex numbers is not supported", fn->name));
    if (dtype == GPUPROC_BOOL && !extreme) op = op == GP_OP_CUMSUM ? GP_OP_CUMMAX : GP_OP_CUMMIN; /* or, and */
    gp_dtype one = gp_dtype_kind(dtype) == GP_KIND_COMPLEX ? gp_dtype_worked(dtype) : dtype; /* of a part */
    int part[2] = {x.re, x.im};
    if (strncmp(fn->name, "nan", 3) == 0 && gp_operand_nan(b, &x) >= 0) {
        int neutral = gp_build_float(b, gp_build_dtype(b, x.re), op == GP_OP_CUMPROD), nan = gp_operand_nan(b, &x);
        part[0] = gp_build_op(b, GP_OP_WHERE, gp_build_dtype(b, x.re), nan, neutral, x.re);
        if (x.im >= 0) part[1] = gp_build_op(b, GP_OP_WHERE, gp_build_dtype(b, x.re), nan, neutral, x.im);
    }
    bool pair = x.im >= 0 && gp_dtype_kind(dtype) == GP_KIND_COMPLEX;
    int re = scanned(b, &x, op, part[0], one, axis), im = pair ? scanned(b, &x, op, part[1], one, axis) : -1;
    if (first) {
        re = with_first(b, re, axis, op == GP_OP_CUMPROD);
        if (pair) im = with_first(b, im, axis, false);
    }
    return gp_value_of_parts(b, re, im, dtype);
}

/* ---- Neighbours ---- */

/* Elements [start, start + length) along an axis, of a value with its parts. */
static gp_value part_of(gp_builder *b, gp_value v, int axis, int64_t start, int64_t length)
{
    if (v.node < 0) return v;
    v.node = gp_build_slice(b, v.node, axis, start, 1, length);
    if (v.complex && v.node >= 0) v.im = gp_build_slice(b, v.im, axis, start, 1, length);
    return v;
}

static int64_t length_of(const gp_builder *b, gp_value v, int axis) { return gp_build_shape(b, v.node)->dim[axis]; }

static gp_value differences(gp_builder *b, gp_value v, int axis)
{
    int64_t n = length_of(b, v, axis), less = n > 0 ? n - 1 : 0;
    bool is_bool = !v.complex && gp_build_dtype(b, v.node) == GPUPROC_BOOL;
    if (less == 0) return part_of(b, v, axis, 0, 0);
    return gp_value_apply(b, is_bool ? GP_FN_not_equal : GP_FN_subtract, part_of(b, v, axis, 1, less), part_of(b, v, axis, 0, less));
}

/* One part of a value and of what comes before or behind it. */
static int joined_parts(gp_builder *b, int node, int more, gp_dtype dtype, int axis, bool before)
{
    node = gp_build_cast(b, node, dtype);
    more = gp_build_cast(b, more, dtype);
    int both[2] = {before ? more : node, before ? node : more};
    return node < 0 || more < 0 ? -1 : gp_build_concatenate(b, both, 2, axis);
}

/* prepend= and append=: a number is stretched to one element along the axis. */
static gp_value joined(gp_builder *b, const gp_function *fn, gp_value v, const gp_value *more, int axis, bool before)
{
    if (more->kind == GP_VAL_NONE || v.node < 0) return v;
    gp_operand x;
    if (!take_whole(b, fn, more, &x)) return failed();
    gp_dtype dtype = gp_dtype_promote(gp_value_dtype(b, &v), x.dtype), work = gp_dtype_worked(dtype);
    gp_value y = gp_value_of_parts(b, x.re, x.im, dtype);
    gp_value parts = gp_build_convert(b, &v, dtype);
    if (b->st == GPUPROC_OK && parts.node >= 0) parts = gp_build_window_view(b, &parts); /* both parts in one shape */
    int *part[2] = {&y.node, &y.im};
    for (int k = 0; k < (y.complex ? 2 : 1) && x.shape.ndim == 0 && b->st == GPUPROC_OK; k++) {
        gp_shape one = *gp_build_shape(b, v.node);
        one.dim[axis] = 1;
        *part[k] = b->program->node[*part[k]].uniform ? gp_build_fill(b, *part[k], &one) : gp_build_broadcast(b, *part[k], &one);
    }
    if (b->st != GPUPROC_OK || y.node < 0 || parts.node < 0) return failed();
    int re = joined_parts(b, parts.node, y.node, work, axis, before);
    int im = parts.complex ? joined_parts(b, parts.im, y.im, work, axis, before) : -1;
    return gp_value_of_parts(b, re, im, dtype);
}

/* A value that has axes, and the axis that is meant; -1 where none is given. */
static bool take_line(gp_builder *b, const gp_function *fn, const gp_value *v, const gp_value *axis, gp_value *line, int *k)
{
    gp_operand x;
    if (!take_whole(b, fn, v, &x)) return false;
    *line = gp_value_of_parts(b, x.re, x.im, x.dtype);
    if (line->node < 0) return false;
    if (x.shape.ndim == 0) {
        gp_build_fail(b, GPUPROC_VALUE, "%s() needs an array of at least one dimension", fn->name);
        return false;
    }
    *k = x.shape.ndim - 1;
    return axis->kind == GP_VAL_NONE || gp_argument_axis(b, fn, axis, x.shape.ndim, k);
}

static gp_value diff(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *times = gp_argument_named(fn, args, "n");
    gp_value v;
    int64_t n = 1;
    int axis;
    if (times->kind != GP_VAL_NONE && !gp_argument_int(b, fn, "n", times, &n)) return failed();
    if (n < 0) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "order must be non-negative but got %" PRId64, n));
    if (n > 64) return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "diff() takes n up to 64"));
    if (n == 0) return args[0];
    if (!take_line(b, fn, &args[0], gp_argument_named(fn, args, "axis"), &v, &axis)) return failed();
    v = joined(b, fn, v, gp_argument_named(fn, args, "prepend"), axis, true);
    v = joined(b, fn, v, gp_argument_named(fn, args, "append"), axis, false);
    for (; n > 0 && v.node >= 0; n--) v = differences(b, v, axis);
    return v;
}

static gp_value ediff1d(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_operand x;
    if (!gp_argument_refuse(b, fn, args, "to_end") || !gp_argument_refuse(b, fn, args, "to_begin")) return failed();
    if (!take_whole(b, fn, &args[0], &x) || !ravel(b, &x)) return failed();
    if (x.dtype == GPUPROC_BOOL) return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "NumPy has no '-' between bools"));
    return differences(b, gp_value_of_parts(b, x.re, x.im, x.dtype), 0);
}

static gp_value trapezoid(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *at = gp_argument_named(fn, args, "x"), *dx = gp_argument_named(fn, args, "dx");
    gp_value y, d = gp_value_float(1);
    int axis;
    if (!take_line(b, fn, &args[0], gp_argument_named(fn, args, "axis"), &y, &axis)) return failed();
    int ndim = gp_build_shape(b, y.node)->ndim;
    if (at->kind != GP_VAL_NONE) {
        int k;
        if (!take_line(b, fn, at, &(gp_value){.kind = GP_VAL_NONE}, &d, &k)) return failed();
        bool line = gp_build_shape(b, d.node)->ndim == 1;
        if (!line) k = axis;
        if (!line && gp_build_shape(b, d.node)->ndim != ndim)
            return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "trapezoid() needs x of one dimension, or with as many as y"));
        d = differences(b, d, k);
        for (int n = axis + 1; line && n < ndim && d.node >= 0; n++) {
            d.node = gp_build_insert_axis(b, d.node, 1);
            if (d.complex && d.node >= 0) d.im = gp_build_insert_axis(b, d.im, 1);
        }
    } else if (dx->kind != GP_VAL_NONE) {
        d = *dx;
    }
    if (d.kind == GP_VAL_NODE && d.node < 0) return failed();
    int64_t n = length_of(b, y, axis), less = n > 0 ? n - 1 : 0;
    gp_value pairs = gp_value_apply(b, GP_FN_add, part_of(b, y, axis, n > 0, less), part_of(b, y, axis, 0, less));
    gp_value areas = gp_value_apply(b, GP_FN_divide, gp_value_apply(b, GP_FN_multiply, d, pairs), gp_value_float(2));
    gp_value along = gp_value_int(axis);
    return gp_value_reduced(b, GP_FN_sum, areas, &along, false);
}

/* f * factor, and a sum of three such: the edges of gradient in second order. */
static gp_value edge(gp_builder *b, gp_value f, int axis, int64_t first, const double *factor, double dx)
{
    gp_value total = {.kind = GP_VAL_NONE};
    for (int k = 0; k < 3; k++) {
        gp_value term = gp_value_apply(b, GP_FN_multiply, gp_value_float(factor[k] / dx), part_of(b, f, axis, first + k, 1));
        total = k == 0 ? term : gp_value_apply(b, GP_FN_add, total, term);
    }
    return total;
}

static gp_value slope(gp_builder *b, gp_value f, int axis, double dx, int order)
{
    static const double low[3] = {-1.5, 2, -0.5}, high[3] = {0.5, -2, 1.5};
    int64_t n = length_of(b, f, axis);
    gp_value piece[3];
    if (order == 2) {
        piece[0] = edge(b, f, axis, 0, low, dx);
        piece[2] = edge(b, f, axis, n - 3, high, dx);
    } else {
        gp_value by = gp_value_float(dx);
        piece[0] = gp_value_apply(b, GP_FN_divide, gp_value_apply(b, GP_FN_subtract, part_of(b, f, axis, 1, 1), part_of(b, f, axis, 0, 1)), by);
        piece[2] = gp_value_apply(b, GP_FN_divide, gp_value_apply(b, GP_FN_subtract, part_of(b, f, axis, n - 1, 1), part_of(b, f, axis, n - 2, 1)), by);
    }
    gp_value inside = gp_value_apply(b, GP_FN_subtract, part_of(b, f, axis, n > 2 ? 2 : n, n - 2), part_of(b, f, axis, 0, n - 2));
    piece[1] = gp_value_apply(b, GP_FN_divide, inside, gp_value_float(2.0 * dx));
    int re[3], im[3];
    for (int k = 0; k < 3; k++) {
        if (piece[k].node < 0) return failed();
        re[k] = piece[k].node;
        im[k] = piece[k].im;
    }
    gp_value all = piece[0];
    all.node = gp_build_concatenate(b, re, 3, axis);
    if (all.complex && all.node >= 0) all.im = gp_build_concatenate(b, im, 3, axis);
    return all;
}

static gp_value gradient(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *axis = gp_argument_named(fn, args, "axis"), *order = gp_argument_named(fn, args, "edge_order");
    const gp_value *spacing = gp_argument_named(fn, args, "spacing");
    gp_value f, result[GPUPROC_MAX_NDIM];
    double dx = 1;
    int64_t edge_order = 1;
    uint32_t axes;
    int last, count = 0;
    if (!take_line(b, fn, &args[0], &(gp_value){.kind = GP_VAL_NONE}, &f, &last)) return failed();
    if (spacing->kind != GP_VAL_NONE && !gp_argument_number(b, fn, "the distance of neighbours", spacing, &dx)) return failed();
    if (order->kind != GP_VAL_NONE && !gp_argument_int(b, fn, "edge_order", order, &edge_order)) return failed();
    if (edge_order != 1 && edge_order != 2) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "gradient() takes 1 or 2 as edge_order"));
    if (!gp_argument_axes(b, fn, axis, last + 1, &axes)) return failed();
    gp_dtype dtype = gp_build_dtype(b, f.node);
    if (dtype == GPUPROC_BOOL) return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "NumPy has no '-' between bools"));
    if (gp_dtype_is_integer(dtype)) f.node = gp_build_cast(b, f.node, GPUPROC_FLOAT64);
    for (int k = 0; k <= last; k++) {
        if (axes != 0 && !(axes >> k & 1)) continue;
        if (length_of(b, f, k) < edge_order + 1)
            return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "Shape of array too small to calculate a numerical gradient, at least "
                                               "(edge_order + 1) elements are required."));
        result[count++] = slope(b, f, k, dx, (int)edge_order);
        if (b->st != GPUPROC_OK) return failed();
    }
    return count == 1 ? result[0] : gp_build_tuple(b, result, count);
}

gp_value gp_check_scan(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    switch (fn->id) {
    case GP_FN_diff: return diff(b, fn, args);
    case GP_FN_ediff1d: return ediff1d(b, fn, args);
    case GP_FN_trapezoid: return trapezoid(b, fn, args);
    case GP_FN_gradient: return gradient(b, fn, args);
    default: return scan(b, fn, args);
    }
}
