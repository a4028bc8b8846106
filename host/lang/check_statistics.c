/* Statistics that are made of reductions: average, cov, corrcoef, linalg.norm, trace. */
#include "lang/linalg.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const gp_dtype f8 = GPUPROC_FLOAT64;

static gp_value failed(void) { return gp_value_node(-1); }

/* ---- average ---- */

/* One-dimensional weights along the one axis of the operand; weights with the shape of the reduced axes. */
static bool weights_fit(gp_builder *b, const gp_operand *x, gp_operand *w)
{
    if (gp_shape_equal(&w->shape, &x->shape)) return true;
    if (x->whole && x->shape.ndim != w->shape.ndim) {
        gp_build_fail(b, GPUPROC_TYPE, "Axis must be specified when shapes of a and weights differ.");
        return false;
    }
    gp_shape along = {0};
    for (int d = 0; d < x->shape.ndim; d++) {
        if (x->axes >> d & 1) along.dim[along.ndim++] = x->shape.dim[d];
    }
    if (!gp_shape_equal(&w->shape, &along)) {
        gp_build_fail(b, GPUPROC_VALUE, "Shape of weights must be consistent with shape of a along specified axis.");
        return false;
    }
    for (int d = 0; d < x->shape.ndim && w->re >= 0; d++) {
        if (!(x->axes >> d & 1)) w->re = gp_build_insert_axis(b, w->re, d);
    }
    if (w->re >= 0) w->re = gp_build_broadcast(b, w->re, &x->shape);
    return w->re >= 0;
}

static gp_value average(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *weights = gp_argument_named(fn, args, "weights"), *returned = gp_argument_named(fn, args, "returned");
    const gp_value *axis = gp_argument_named(fn, args, "axis");
    bool both = false;
    gp_operand x, w;
    if (returned->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "returned", returned, &both)) return failed();
    if (!gp_operand_take(b, fn, &args[0], &x) || !gp_operand_axes(b, fn, axis, false, &x) ||
        !gp_operand_keepdims(b, fn, gp_argument_named(fn, args, "keepdims"), &x))
        return failed();
    if (weights->kind == GP_VAL_NONE) {
        gp_value result = gp_value_reduced(b, GP_FN_mean, args[0], axis, x.keepdims);
        if (!both || result.node < 0) return result;
        gp_dtype dtype = x.im >= 0 ? x.dtype : gp_build_dtype(b, result.node);
        int count = gp_operand_filled(b, &x, gp_operand_count(b, &x, gp_dtype_worked(dtype)));
        return gp_build_tuple(b, (gp_value[2]){result, gp_operand_value(b, &x, count, -1, dtype)}, 2);
    }
    if (!gp_operand_take(b, fn, weights, &w) || !gp_operand_no_complex(b, fn, &w) || !gp_operand_no_complex(b, fn, &x)) return failed();
    const gp_shape kept = gp_operand_kept(&x);
    if (gp_operand_length(&x) == 0 && gp_shape_size(&kept) > 0)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "Weights sum to zero, can't be normalized"));
    if (x.selected || w.selected) {
        if (!(x.selected && w.selected && x.mask == w.mask))
            return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "average() of a selection needs weights that are selected by the same mask"));
    }
    if (!weights_fit(b, &x, &w)) return failed();
    gp_dtype dtype = gp_dtype_promote(x.dtype, w.dtype);
    if (!gp_dtype_is_float(x.dtype)) dtype = gp_dtype_promote(dtype, f8);
    /* Products and sums in float64, so that only the result is rounded. */
    int weight = gp_build_cast(b, w.re, f8), zero = gp_build_float(b, f8, 0);
    int product = gp_build_binary(b, GP_OP_MUL, f8, gp_build_cast(b, x.re, f8), weight);
    int total = gp_operand_reduce(b, &x, GP_OP_SUM, f8, gp_operand_masked(b, &x, product, zero), 0);
    int scale = gp_operand_reduce(b, &x, GP_OP_SUM, f8, gp_operand_masked(b, &x, weight, zero), 0);
    scale = gp_operand_guard(b, scale, gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, scale, zero), GP_CHECK_WEIGHTS_SUM_TO_ZERO);
    gp_value result = gp_operand_value(b, &x, gp_build_binary(b, GP_OP_DIV, f8, total, scale), -1, dtype);
    if (!both || result.node < 0) return result;
    gp_value scales = gp_operand_value(b, &x, scale, -1, dtype);
    return scales.node < 0 ? failed() : gp_build_tuple(b, (gp_value[2]){result, scales}, 2);
}

/* ---- cov, corrcoef ---- */

#define FEW_VARIABLES 4 /* whose products are summed exactly: the effort grows with their square */

typedef struct covariance {
    int distance;       /* from each variable's mean; shape (n,) or of two axes */
    int weighted;       /* the same times the observations' weights */
    bool line;          /* one variable, of one axis */
    int along;          /* the axis of the observations */
    int64_t variables;
    int scale;          /* a scalar: 1 / NumPy's divisor, which is not negative */
} covariance;

/* One of the arguments as float64 with one or two axes, the observations along *along. */
static int take_variables(gp_builder *b, const gp_function *fn, const gp_value *v, bool rows, int *along)
{
    gp_operand x;
    if (!gp_operand_take(b, fn, v, &x) || !gp_operand_no_complex(b, fn, &x)) return -1;
    if (x.selected) return gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of a selection is not possible", fn->name);
    if (x.shape.ndim > 2)
        return gp_build_fail(b, GPUPROC_VALUE, "%s() takes arrays of at most two dimensions, found %d", fn->name, x.shape.ndim);
    if (x.shape.ndim == 0) {
        x.shape = (gp_shape){1, {1}};
        x.re = b->program->node[x.re].uniform ? gp_build_fill(b, x.re, &x.shape) : gp_build_reshape(b, x.re, &x.shape);
    }
    *along = x.shape.ndim == 1 || rows ? x.shape.ndim - 1 : 0;
    return gp_build_cast(b, x.re, f8);
}

/* Gives a second axis to what has one, so that the observations lie along `along`. */
static int two_axes(gp_builder *b, int node, int along)
{
    if (node < 0 || gp_build_shape(b, node)->ndim == 2) return node;
    return gp_build_insert_axis(b, node, along == 1 ? 0 : 1);
}

static int mean_along(gp_builder *b, const covariance *c, int node, gp_op what)
{
    uint32_t axes = (uint32_t)1 << c->along;
    return node < 0 ? -1 : c->line ? gp_build_reduce(b, what, f8, node, 0)
                         : gp_build_placed(b, gp_ir_reduce_axes(b->program, what, f8, node, axes, 0));
}

/* One of fweights and aweights as float64; -1 where it is not there. */
static bool take_weights(gp_builder *b, const gp_function *fn, const gp_value *args, const char *name, int64_t count, int *weights)
{
    const gp_value *v = gp_argument_named(fn, args, name);
    gp_operand w;
    *weights = -1;
    if (v->kind == GP_VAL_NONE) return true;
    if (!gp_operand_take(b, fn, v, &w) || !gp_operand_no_complex(b, fn, &w)) return false;
    bool frequencies = *name == 'f';
    if (w.selected)
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of selected %s is not possible", fn->name, name);
    else if (frequencies && gp_dtype_kind(w.dtype) > GP_KIND_UINT)
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() needs integers as fweights, found %s", fn->name, gpuproc_dtype_name(w.dtype));
    else if (w.shape.ndim != 1)
        gp_build_fail(b, GPUPROC_SHAPE, "%s() needs %s with one axis, found %d", fn->name, name, w.shape.ndim);
    else if (w.shape.dim[0] != count)
        gp_build_fail(b, GPUPROC_SHAPE, "%s() needs as many %s as observations, %" PRId64 ", found %" PRId64, fn->name, name, count, w.shape.dim[0]);
    else
        *weights = gp_build_cast(b, w.re, f8);
    if (*weights < 0) return false;
    int bad = gp_build_binary(b, GP_OP_LT, GPUPROC_BOOL, *weights, gp_build_float(b, f8, 0));
    *weights = gp_operand_guard(b, *weights, bad, GP_CHECK_WEIGHTS_NEGATIVE);
    return *weights >= 0;
}

static int sum_of(gp_builder *b, int node) { return node < 0 ? -1 : gp_build_reduce(b, GP_OP_SUM, f8, node, 0); }

/* The mean, the distances from it and the divisor, with weights as NumPy has them. */
static bool weigh(gp_builder *b, const gp_function *fn, const gp_value *args, covariance *c, int x, double less)
{
    int64_t count = gp_build_shape(b, x)->dim[c->along];
    int frequency, weight, center, zero = gp_build_float(b, f8, 0);
    if (!take_weights(b, fn, args, "fweights", count, &frequency) || !take_weights(b, fn, args, "aweights", count, &weight)) return false;
    int both = frequency < 0 ? weight : weight < 0 ? frequency : gp_build_binary(b, GP_OP_MUL, f8, frequency, weight);
    if (both < 0) {
        center = mean_along(b, c, x, GP_OP_MEAN);
        c->scale = gp_build_float(b, f8, 1 / fmax((double)count - less, 0));
    } else {
        int total = sum_of(b, both), lost = gp_build_float(b, f8, less);
        total = gp_operand_guard(b, total, gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, total, zero), GP_CHECK_WEIGHTS_SUM_TO_ZERO);
        if (weight >= 0) {
            int squares = sum_of(b, gp_build_binary(b, GP_OP_MUL, f8, both, weight));
            lost = gp_build_binary(b, GP_OP_DIV, f8, gp_build_binary(b, GP_OP_MUL, f8, lost, squares), total);
        }
        int divisor = gp_build_binary(b, GP_OP_MAXIMUM, f8, gp_build_binary(b, GP_OP_SUB, f8, total, lost), zero);
        c->scale = gp_build_binary(b, GP_OP_DIV, f8, gp_build_float(b, f8, 1), divisor);
        if (!c->line && both >= 0) both = gp_build_insert_axis(b, both, 1 - c->along);
        center = both < 0 ? -1 : mean_along(b, c, gp_build_binary(b, GP_OP_MUL, f8, x, both), GP_OP_SUM);
        center = gp_build_binary(b, GP_OP_DIV, f8, center, total);
    }
    if (center >= 0 && !b->program->node[center].uniform) center = gp_build_insert_axis(b, center, c->along);
    c->distance = c->weighted = gp_build_binary(b, GP_OP_SUB, f8, x, center);
    if (both >= 0) c->weighted = gp_build_binary(b, GP_OP_MUL, f8, c->distance, both);
    return c->weighted >= 0 && c->scale >= 0;
}

static bool take_covariance(gp_builder *b, const gp_function *fn, const gp_value *args, covariance *c)
{
    const gp_value *rowvar = gp_argument_named(fn, args, "rowvar"), *bias = gp_argument_named(fn, args, "bias");
    const gp_value *ddof = gp_argument_named(fn, args, "ddof"), *y = gp_argument_named(fn, args, "y");
    bool rows = true, biased = false;
    double less = 1;
    if (rowvar->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "rowvar", rowvar, &rows)) return false;
    if (bias->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "bias", bias, &biased)) return false;
    if (biased) less = 0;
    if (ddof->kind != GP_VAL_NONE && !gp_argument_number(b, fn, "ddof", ddof, &less)) return false;
    if (!gp_argument_refuse(b, fn, args, "dtype")) return false;
    int x = take_variables(b, fn, &args[0], rows, &c->along);
    if (x >= 0 && y->kind != GP_VAL_NONE) {
        int along = rows ? 1 : 0, other, both[2];
        both[0] = two_axes(b, x, along);
        both[1] = take_variables(b, fn, y, rows, &other);
        const gp_shape *shape = both[1] < 0 ? NULL : gp_build_shape(b, both[1]);
        /* As NumPy: a single row of y is a variable, even where the columns are. */
        if (shape != NULL && !rows && shape->ndim == 2 && shape->dim[0] == 1)
            both[1] = gp_build_reshape(b, both[1], &(gp_shape){1, {shape->dim[1]}});
        both[1] = two_axes(b, both[1], along);
        if (both[0] < 0 || both[1] < 0) return false;
        if (gp_build_shape(b, both[0])->dim[along] != gp_build_shape(b, both[1])->dim[along]) {
            gp_build_fail(b, GPUPROC_SHAPE, "%s() needs as many observations in y as in m", fn->name);
            return false;
        }
        c->along = along;
        x = gp_build_concatenate(b, both, 2, 1 - along);
    }
    if (x < 0) return false;
    const gp_shape *shape = gp_build_shape(b, x); /* nothing is built while it is looked at */
    c->line = shape->ndim == 1;
    c->variables = c->line ? 1 : shape->dim[1 - c->along];
    return weigh(b, fn, args, c, x, less);
}

static int scaled(gp_builder *b, const covariance *c, int sum)
{
    return gp_build_binary(b, GP_OP_MUL, f8, sum, c->scale);
}

/* Each variable's variance; one value where there is one variable. */
static int variances(gp_builder *b, const covariance *c)
{
    int sum = mean_along(b, c, gp_build_binary(b, GP_OP_MUL, f8, c->distance, c->weighted), GP_OP_SUM);
    if (sum >= 0 && c->variables == 1 && !c->line && !b->program->node[sum].uniform) sum = gp_build_remove_axis(b, sum, 0);
    return sum < 0 ? -1 : scaled(b, c, sum);
}

/* Of many variables as a product of matrices: one fold over the observations. */
static int product_of_distances(gp_builder *b, const covariance *c)
{
    gp_value columns = gp_value_node(c->distance);
    gp_value weighted = gp_value_node(c->weighted);
    if (c->along == 1) {
        columns = gp_matrix_swap(b, columns);
        weighted = c->weighted == c->distance ? columns : gp_matrix_swap(b, weighted);
    }
    gp_value product = gp_build_matmul(b, "cov", gp_matrix_swap(b, columns), weighted);
    return gp_matrix_failed(b, &product) ? -1 : scaled(b, c, product.node);
}

/* All products of two variables' distances, summed over the observations; of few ones exactly, in one walk over them. */
static int covariances(gp_builder *b, const covariance *c)
{
    if (c->variables == 1) return variances(b, c);
    if (c->variables > FEW_VARIABLES && gp_build_shape(b, c->distance)->dim[c->along] > 0) return product_of_distances(b, c);
    int rows = gp_build_insert_axis(b, c->distance, c->along == 1 ? 1 : 2);
    int columns = rows < 0 ? -1 : gp_build_insert_axis(b, c->weighted, c->along == 1 ? 0 : 1);
    int product = gp_build_binary(b, GP_OP_MUL, f8, rows, columns);
    if (product < 0) return -1;
    uint32_t axes = c->along == 1 ? 4 : 1;
    return scaled(b, c, gp_build_placed(b, gp_ir_reduce_axes(b->program, GP_OP_SUM, f8, product, axes, 0)));
}

static gp_value cov(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    covariance c = {0};
    return gp_value_node(take_covariance(b, fn, args, &c) ? covariances(b, &c) : -1);
}

static gp_value corrcoef(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    covariance c = {0};
    if (!take_covariance(b, fn, args, &c)) return failed();
    int all = covariances(b, &c);
    if (all < 0) return failed();
    if (c.variables == 1) return gp_value_node(gp_build_binary(b, GP_OP_DIV, f8, all, all));
    gp_axis_map both[2] = {{0, 0, 1, -1}, {0, 0, 1, -1}}; /* the diagonal */
    int variance = gp_build_map(b, all, both, &(gp_shape){1, {c.variables}}, false);
    int deviation = gp_build_unary(b, GP_OP_SQRT, f8, variance);
    if (deviation < 0) return failed();
    all = gp_build_binary(b, GP_OP_DIV, f8, all, gp_build_insert_axis(b, deviation, 1));
    if (all >= 0) all = gp_build_binary(b, GP_OP_DIV, f8, all, gp_build_insert_axis(b, deviation, 0));
    all = gp_build_binary(b, GP_OP_MAXIMUM, f8, all, gp_build_float(b, f8, -1));
    return gp_value_node(gp_build_binary(b, GP_OP_MINIMUM, f8, all, gp_build_float(b, f8, 1)));
}

/* ---- linalg.norm ---- */

static int magnitude(gp_builder *b, const gp_operand *x)
{
    gp_dtype dtype = gp_build_dtype(b, x->re);
    if (x->im < 0) return gp_build_unary(b, GP_OP_ABS, dtype, x->re);
    return gp_build_binary(b, GP_OP_HYPOT, dtype, x->re, x->im);
}

/* The others become zero before they are scaled: overflow of what is not used would be told. */
static int sum_of_squares(gp_builder *b, const gp_operand *x, int a, double scale, int chosen)
{
    int zero = gp_build_float(b, f8, 0);
    a = gp_build_op(b, GP_OP_WHERE, f8, chosen, a, zero);
    if (scale != 1) a = gp_build_binary(b, GP_OP_MUL, f8, a, gp_build_float(b, f8, scale));
    a = gp_build_unary(b, GP_OP_SQUARE, f8, a);
    return gp_operand_reduce(b, x, GP_OP_SUM, f8, gp_operand_masked(b, x, a, zero), 0);
}

/* The root of the sum of squares of float64 without overflow or underflow on the way, in one pass: the
 * squares of large, of small and of other numbers are added apart, the first two scaled by powers of two. */
static int root_of_squares(gp_builder *b, const gp_operand *x, int a)
{
    const double down = 0x1p-538, up = 0x1p537;
    int zero = gp_build_float(b, f8, 0), shrink = gp_build_float(b, f8, down), small = gp_build_float(b, f8, 1 / up);
    int is_large = gp_build_binary(b, GP_OP_GT, GPUPROC_BOOL, a, gp_build_float(b, f8, 0x1p486));
    int is_small = gp_build_binary(b, GP_OP_LT, GPUPROC_BOOL, a, gp_build_float(b, f8, 0x1p-511));
    int is_other = gp_build_unary(b, GP_OP_INVERT, GPUPROC_BOOL, gp_build_binary(b, GP_OP_BITOR, GPUPROC_BOOL, is_large, is_small)); /* NaN, too */
    int large = sum_of_squares(b, x, a, down, is_large), tiny = sum_of_squares(b, x, a, up, is_small);
    int other = sum_of_squares(b, x, a, 1, is_other);
    int most = gp_build_binary(b, GP_OP_MUL, f8, gp_build_binary(b, GP_OP_MUL, f8, other, shrink), shrink);
    most = gp_build_unary(b, GP_OP_SQRT, f8, gp_build_binary(b, GP_OP_ADD, f8, large, most));
    most = gp_build_binary(b, GP_OP_MUL, f8, most, gp_build_float(b, f8, 1 / down));
    int common = gp_build_binary(b, GP_OP_MUL, f8, gp_build_binary(b, GP_OP_MUL, f8, tiny, small), small);
    common = gp_build_unary(b, GP_OP_SQRT, f8, gp_build_binary(b, GP_OP_ADD, f8, other, common));
    int least = gp_build_binary(b, GP_OP_MUL, f8, gp_build_unary(b, GP_OP_SQRT, f8, tiny), small);
    int result = gp_build_op(b, GP_OP_WHERE, f8, gp_build_binary(b, GP_OP_NE, GPUPROC_BOOL, other, zero), common, least);
    return gp_build_op(b, GP_OP_WHERE, f8, gp_build_binary(b, GP_OP_NE, GPUPROC_BOOL, large, zero), most, result);
}

static int euclidean(gp_builder *b, const gp_operand *x)
{
    gp_dtype dtype = gp_build_dtype(b, x->re);
    if (dtype == f8) return root_of_squares(b, x, magnitude(b, x));
    /* A float32's square is exact in float64 and cannot overflow there. */
    int squares = gp_build_unary(b, GP_OP_SQUARE, f8, gp_build_cast(b, x->re, f8));
    if (x->im >= 0) squares = gp_build_binary(b, GP_OP_ADD, f8, squares, gp_build_unary(b, GP_OP_SQUARE, f8, gp_build_cast(b, x->im, f8)));
    squares = gp_operand_masked(b, x, squares, gp_build_float(b, f8, 0));
    int root = gp_build_unary(b, GP_OP_SQRT, f8, gp_operand_reduce(b, x, GP_OP_SUM, f8, squares, 0));
    return gp_build_cast(b, root, dtype);
}

static gp_value extreme_magnitude(gp_builder *b, const gp_operand *x, gp_op op)
{
    gp_dtype dtype = gp_build_dtype(b, x->re);
    if (gp_operand_length(x) == 0) {
        if (op == GP_OP_MAX) return gp_value_node(gp_operand_filled(b, x, gp_build_float(b, dtype, 0)));
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "zero-size array to reduction operation minimum which has no identity"));
    }
    int lost = gp_build_float(b, dtype, op == GP_OP_MIN ? INFINITY : -INFINITY);
    return gp_value_node(gp_operand_reduce(b, x, op, dtype, gp_operand_masked(b, x, magnitude(b, x), lost), 0));
}

static int vector_norm(gp_builder *b, const gp_operand *x, double ord)
{
    gp_dtype dtype = gp_build_dtype(b, x->re);
    if (ord == 2) return euclidean(b, x);
    if (isinf(ord)) return extreme_magnitude(b, x, ord > 0 ? GP_OP_MAX : GP_OP_MIN).node;
    int zero = gp_build_float(b, dtype, 0), a = magnitude(b, x);
    if (ord == 0) {
        int nonzero = gp_build_binary(b, GP_OP_NE, GPUPROC_BOOL, a, zero);
        nonzero = gp_operand_masked(b, x, nonzero, gp_build_int(b, GPUPROC_BOOL, 0));
        return gp_build_cast(b, gp_operand_reduce(b, x, GP_OP_COUNT_NONZERO, GPUPROC_INT64, nonzero, 0), dtype);
    }
    if (ord == 1) return gp_operand_reduce(b, x, GP_OP_SUM, dtype, gp_operand_masked(b, x, a, zero), 0);
    a = gp_build_binary(b, GP_OP_POW, dtype, a, gp_build_float(b, dtype, ord));
    int total = gp_operand_reduce(b, x, GP_OP_SUM, dtype, gp_operand_masked(b, x, a, zero), 0);
    return gp_build_binary(b, GP_OP_POW, dtype, total, gp_build_float(b, dtype, 1 / ord));
}

/* The largest (or smallest) sum of magnitudes along one of a matrix' axes. */
static int matrix_norm(gp_builder *b, const gp_operand *x, double ord, int row, int column)
{
    int along = fabs(ord) == 1 ? row : column, other = along == row ? column : row;
    gp_dtype dtype = gp_build_dtype(b, x->re);
    gp_operand first = *x, second;
    first.axes = (uint32_t)1 << along;
    first.whole = false;
    int sums = gp_operand_reduce(b, &first, GP_OP_SUM, dtype, magnitude(b, x), 0);
    if (sums < 0) return -1;
    second = (gp_operand){.re = sums, .im = -1, .mask = -1, .dtype = dtype, .shape = *gp_build_shape(b, sums)};
    second.axes = (uint32_t)1 << (other - (along < other));
    second.whole = second.shape.ndim == 1;
    return extreme_magnitude(b, &second, ord > 0 ? GP_OP_MAX : GP_OP_MIN).node;
}

/* The axes of a matrix in their order, which a set of bits does not tell. */
static bool matrix_axes(gp_builder *b, const gp_function *fn, const gp_value *axis, const gp_operand *x, int *row, int *column)
{
    *row = 0;
    *column = 1;
    if (axis->kind == GP_VAL_NONE) return true;
    return gp_argument_axis(b, fn, gp_build_item(b, axis, 0), x->shape.ndim, row) &&
           gp_argument_axis(b, fn, gp_build_item(b, axis, 1), x->shape.ndim, column);
}

/* Of the singular values. */
static int spectral_norm(gp_builder *b, const gp_function *fn, const gp_operand *x, gp_function_id what, int row, int column)
{
    int axes[GPUPROC_MAX_NDIM], count = 0;
    gp_matrix_operand a;
    for (int d = 0; d < x->shape.ndim; d++) {
        if (d != row && d != column) axes[count++] = d;
    }
    axes[count++] = row;
    axes[count++] = column;
    gp_value v = gp_matrix_transpose(b, gp_value_of_parts(b, x->re, x->im, x->dtype), axes), last = gp_value_int(-1);
    if (gp_matrix_failed(b, &v) || !gp_matrix_operand_take(b, fn, &v, false, &a)) return -1;
    if ((a.m == 0 || a.n == 0) && what == GP_FN_max) what = GP_FN_sum; /* 0 */
    return gp_value_reduced(b, what, gp_linalg_singular_values(b, &a), &last, false).node;
}

/* Of vectors: whatever lies along the axes is one vector, also where there are two of them or more. */
static gp_value norm(gp_builder *b, const gp_function *fn, const gp_value *args, bool vectors)
{
    const gp_value *axis = gp_argument_named(fn, args, "axis"), *which = gp_argument_named(fn, args, "ord");
    bool text = which->kind == GP_VAL_STRING, none = which->kind == GP_VAL_NONE, frobenius = false, nuclear = false;
    gp_operand x;
    double ord = 2;
    if (!gp_operand_take(b, fn, &args[0], &x)) return failed();
    if (!vectors && axis->kind == GP_VAL_TUPLE && (axis->items < 1 || axis->items > 2))
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "Improper number of dimensions to norm."));
    if (!gp_operand_axes(b, fn, axis, false, &x) || !gp_operand_keepdims(b, fn, gp_argument_named(fn, args, "keepdims"), &x))
        return failed();
    if (text) {
        size_t n;
        const char *name = gp_argument_string(b, fn, which, &n);
        frobenius = name != NULL && (((n == 3) && memcmp(name, "fro", 3) == 0) || (n == 1 && *name == 'f'));
        nuclear = name != NULL && n == 3 && memcmp(name, "nuc", 3) == 0;
    } else if (!none && !gp_argument_number(b, fn, "ord", which, &ord)) {
        return failed();
    }
    if (!gp_dtype_is_float(x.dtype) && x.im < 0) {
        x.dtype = f8;
        x.re = gp_build_cast(b, x.re, f8);
    }
    int axes = __builtin_popcount(x.axes), result = -1, row, column;
    if (x.selected || vectors) axes = 1;
    if (axis->kind == GP_VAL_NONE && none) axes = 0; /* of all elements, whatever the shape */
    else if (!vectors && axis->kind == GP_VAL_NONE && (axes < 1 || axes > 2))
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "Improper number of dimensions to norm."));
    if (axes == 1 && text) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "Invalid norm order for vectors"));
    if (axes != 2 || none || frobenius) {
        result = vector_norm(b, &x, ord);
    } else if (nuclear || (!text && fabs(ord) == 2)) {
        if (!matrix_axes(b, fn, axis, &x, &row, &column)) return failed();
        result = spectral_norm(b, fn, &x, nuclear ? GP_FN_sum : ord > 0 ? GP_FN_max : GP_FN_min, row, column);
    } else if (text || (fabs(ord) != 1 && fabs(ord) != 2 && !isinf(ord))) {
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "Invalid norm order for matrices."));
    } else if (matrix_axes(b, fn, axis, &x, &row, &column)) {
        result = matrix_norm(b, &x, ord, row, column);
    }
    return gp_operand_value(b, &x, result, -1, gp_dtype_kind(x.dtype) == GP_KIND_COMPLEX ? gp_dtype_worked(x.dtype) : x.dtype);
}

/* matrix_norm and vector_norm as norm with the axes and the order that it would take. */
static gp_value norm_along(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *ord = gp_argument_named(fn, args, "ord"), *axis = gp_argument_named(fn, args, "axis");
    gp_value own[GP_MAX_PARAMETERS];
    bool matrix = fn->id == GP_FN_linalg_matrix_norm;
    for (int k = 0; k < GP_MAX_PARAMETERS; k++) own[k] = (gp_value){.kind = GP_VAL_NONE};
    gp_value last[2] = {gp_value_int(-2), gp_value_int(-1)};
    own[0] = args[0];
    own[1] = *ord;
    own[2] = matrix ? gp_build_tuple(b, last, 2) : *axis;
    own[3] = *gp_argument_named(fn, args, "keepdims");
    return b->st != GPUPROC_OK ? failed() : norm(b, gp_function_by_id(GP_FN_linalg_norm), own, !matrix);
}

/* ---- trace ---- */

/* The diagonal as the last axis. */
static int diagonal_of(gp_builder *b, int node, int offset, int axis1, int axis2)
{
    gp_shape from = *gp_build_shape(b, node), to = {0};
    gp_axis_map map[GPUPROC_MAX_NDIM];
    for (int d = 0; d < from.ndim; d++) {
        bool in = d == axis1 || d == axis2;
        map[d] = (gp_axis_map){.to = in ? from.ndim - 2 : to.ndim, .start = 0, .step = 1, .to2 = -1};
        if (!in) to.dim[to.ndim++] = from.dim[d];
    }
    int64_t rows = from.dim[axis1], columns = from.dim[axis2];
    if (offset < 0) map[axis1].start = -(int64_t)offset;
    else map[axis2].start = offset;
    rows -= map[axis1].start;
    columns -= map[axis2].start;
    int64_t n = rows < columns ? rows : columns;
    if (n <= 0) {
        n = 0;
        map[axis1].start = map[axis2].start = 0;
    }
    to.dim[to.ndim++] = n;
    return gp_build_map(b, node, map, &to, false);
}

static gp_value trace(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    static const char *const names[2] = {"axis1", "axis2"};
    const gp_value *off = gp_argument_named(fn, args, "offset");
    int axis[2] = {0, 1};
    int64_t offset = 0;
    gp_operand x;
    if (!gp_argument_refuse(b, fn, args, "out") || !gp_operand_take(b, fn, &args[0], &x)) return failed();
    if (x.selected || x.shape.ndim < 2)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "diag requires an array of at least two dimensions"));
    if (off->kind != GP_VAL_NONE && !gp_argument_int(b, fn, "offset", off, &offset)) return failed();
    if (offset > INT32_MAX || offset < -INT32_MAX) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "trace() takes offsets of 31 bits"));
    for (int k = 0; k < 2; k++) {
        const gp_value *v = gp_argument_named(fn, args, names[k]);
        if (v->kind != GP_VAL_NONE && !gp_argument_axis(b, fn, v, x.shape.ndim, &axis[k])) return failed();
    }
    if (axis[0] == axis[1]) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "axis1 and axis2 cannot be the same"));
    int re = diagonal_of(b, x.re, (int)offset, axis[0], axis[1]);
    int im = x.im < 0 || re < 0 ? -1 : diagonal_of(b, x.im, (int)offset, axis[0], axis[1]);
    gp_value last = gp_value_int(-1), diagonal = gp_value_of_parts(b, re, im, x.dtype);
    const gp_value *dtype = gp_argument_named(fn, args, "dtype");
    if (diagonal.node < 0) return failed();
    const gp_function *sum = gp_function_by_id(GP_FN_sum);
    gp_value sum_args[GP_MAX_PARAMETERS] = {diagonal, last, *dtype};
    for (int k = 3; k < GP_MAX_PARAMETERS; k++) sum_args[k] = (gp_value){.kind = GP_VAL_NONE};
    return gp_check_reduction(b, sum, sum_args, (bool[GP_MAX_PARAMETERS]){true, true});
}

gp_value gp_check_statistics(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    switch (fn->id) {
    case GP_FN_average: return average(b, fn, args);
    case GP_FN_cov: return cov(b, fn, args);
    case GP_FN_corrcoef: return corrcoef(b, fn, args);
    case GP_FN_trace: return trace(b, fn, args);
    case GP_FN_linalg_matrix_norm:
    case GP_FN_linalg_vector_norm: return norm_along(b, fn, args);
    default: return norm(b, fn, args, false);
    }
}
