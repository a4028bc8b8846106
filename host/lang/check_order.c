/* Order statistics: medians and quantiles as folds; and sorting, which is refused. */
#include "lang/operand.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static gp_value failed(void) { return gp_value_node(-1); }

/* In the order of gp_quantile_method. */
static const char *const methods[GP_QUANTILE_METHODS] = {
    "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
    "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased",
};

static bool take_method(gp_builder *b, const gp_function *fn, const gp_value *v, gp_quantile_method *method)
{
    *method = GP_QUANTILE_LINEAR;
    if (v->kind == GP_VAL_NONE) return true;
    size_t n;
    const char *text = gp_argument_string(b, fn, v, &n);
    for (int k = 0; text != NULL && k < GP_QUANTILE_METHODS; k++) {
        if (strlen(methods[k]) != n || memcmp(methods[k], text, n) != 0) continue;
        *method = (gp_quantile_method)k;
        return true;
    }
    if (text != NULL)
        gp_build_fail(b, GPUPROC_VALUE, "'%.*s' is not a valid method of %s(): linear, lower, higher, midpoint, nearest, inverted_cdf, "
                      "averaged_inverted_cdf, closest_observation, interpolated_inverted_cdf, hazen, weibull, median_unbiased or "
                      "normal_unbiased", n > 40 ? 40 : (int)n, text, fn->name);
    return false;
}

/* Whether the method gives an element as it is. */
static bool takes_elements(gp_quantile_method method)
{
    return method == GP_QUANTILE_LOWER || method == GP_QUANTILE_HIGHER || method == GP_QUANTILE_NEAREST ||
           method == GP_QUANTILE_INVERTED_CDF || method == GP_QUANTILE_CLOSEST_OBSERVATION;
}

/* Where an integer q ends at an element, NumPy's sum of it and of nothing has the dtype of that and of q, an int64. */
static bool adds_nothing(gp_quantile_method method)
{
    return method == GP_QUANTILE_AVERAGED_INVERTED_CDF || method == GP_QUANTILE_INTERPOLATED_INVERTED_CDF ||
           method == GP_QUANTILE_WEIBULL;
}

typedef struct wanted {
    gp_quantile_method method;
    gp_shape form; /* of q; no axes: one number */
    bool integers; /* all of them are */
    int node;      /* the constant INPUT: the numbers in a row */
} wanted;

/* The numbers of a list of lists, as NumPy's array of them; the first of each level tells the lengths. */
static bool take_numbers(gp_builder *b, const gp_function *fn, const gp_value *v, int level, wanted *w, double **q)
{
    bool percent = strstr(fn->name, "percentile") != NULL;
    if ((v->kind == GP_VAL_TUPLE) != (level < w->form.ndim) || (v->kind == GP_VAL_TUPLE && v->items != w->form.dim[level]))
        return gp_build_fail(b, GPUPROC_VALUE, "%s() needs lists of the same length within q", fn->name) >= 0;
    for (int k = 0; v->kind == GP_VAL_TUPLE && k < v->items; k++) {
        if (!take_numbers(b, fn, gp_build_item(b, v, k), level + 1, w, q)) return false;
    }
    if (v->kind == GP_VAL_TUPLE) return true;
    double *to = (*q)++;
    if (!gp_argument_number(b, fn, "q", v, to)) return false;
    if (v->kind != GP_VAL_INT && v->kind != GP_VAL_BOOL) w->integers = false;
    if (percent) *to /= 100;
    if (*to >= 0 && *to <= 1) return true;
    return gp_build_fail(b, GPUPROC_VALUE, percent ? "Percentiles must be in the range [0, 100]" : "Quantiles must be in the range [0, 1]") >= 0;
}

static bool take_q(gp_builder *b, const gp_function *fn, const gp_value *v, wanted *w)
{
    bool ok = true, percent = strstr(fn->name, "percentile") != NULL;
    for (const gp_value *in = v; ok && in->kind == GP_VAL_TUPLE; in = gp_build_item(b, in, 0)) {
        ok = w->form.ndim < 2 && !(w->form.ndim == 1 && in->items == 0);
        if (ok) w->form.dim[w->form.ndim++] = in->items;
        else gp_build_fail(b, GPUPROC_VALUE, "%s() takes a number, a list of numbers or a list of lists of them as q", fn->name);
        if (in->items == 0) break;
    }
    size_t count = (size_t)gp_shape_size(&w->form);
    double *q = ok ? gp_calloc(count + 1, sizeof *q) : NULL, *to = q;
    if (ok && q == NULL) gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    w->integers = !percent && count > 0;
    ok = q != NULL && take_numbers(b, fn, v, 0, w, &to);
    if (ok) {
        /* Of no numbers, too, there is a fold with one: of its result nothing is taken. */
        gp_shape row = {w->form.ndim > 0, {count > 0 ? (int64_t)count : 1}};
        w->node = gp_build_array(b, GPUPROC_FLOAT64, &row, q);
        ok = w->node >= 0;
    }
    free(q);
    return ok;
}

/* A result whose first axis is the row of q's, with q's own axes instead. */
static int in_form(gp_builder *b, int node, const wanted *w)
{
    if (node < 0 || w->form.ndim == 0) return node;
    if (gp_shape_size(&w->form) == 0) node = gp_build_slice(b, node, 0, 0, 1, 0);
    if (node < 0 || w->form.ndim == 1) return node;
    gp_shape shape = w->form, from = *gp_build_shape(b, node);
    if (shape.ndim + from.ndim - 1 > GPUPROC_MAX_NDIM)
        return gp_build_fail(b, GPUPROC_LIMIT, "an array has at most %d dimensions", GPUPROC_MAX_NDIM);
    for (int d = 1; d < from.ndim; d++) shape.dim[shape.ndim++] = from.dim[d];
    return gp_build_reshape(b, node, &shape);
}

/* The fold, without the axes of keepdims. */
static int quantiles(gp_builder *b, const gp_operand *x, const wanted *w, bool nan, gp_dtype work)
{
    gp_shape shape = {0}, kept = gp_operand_kept(x);
    if (w->form.ndim > 0) shape.dim[shape.ndim++] = gp_build_shape(b, w->node)->dim[0];
    if (shape.ndim + kept.ndim > GPUPROC_MAX_NDIM) return gp_build_fail(b, GPUPROC_LIMIT, "an array has at most %d dimensions", GPUPROC_MAX_NDIM);
    for (int d = 0; d < kept.ndim; d++) shape.dim[shape.ndim++] = kept.dim[d];
    /* float32 stays what it is, also where q's make float64 of it: NumPy takes the difference of two elements
     * in their own dtype. */
    gp_dtype own = gp_dtype_is_float(x->dtype) ? gp_dtype_worked(x->dtype) : GPUPROC_FLOAT64;
    int node = gp_build_cast(b, x->re, own), missing = gp_build_float(b, own, NAN);
    if (x->mask < 0)
        return gp_operand_fold(b, nan ? GP_OP_NANQUANTILE : GP_OP_QUANTILE, work, node, w->node, x->whole ? 0 : x->axes,
                               w->method, &shape, false);
    /* Of x[mask] only how many there are is not known: what is left out becomes NaN and does not count.
     * A NaN among what is selected must then be looked for. */
    int found = gp_operand_fold(b, GP_OP_NANQUANTILE, work, gp_operand_masked(b, x, node, missing), w->node,
                                x->whole ? 0 : x->axes, w->method, &shape, false);
    if (nan || found < 0) return found;
    int bad = gp_operand_nan(b, x);
    if (bad < 0) return found;
    bad = gp_build_binary(b, GP_OP_BITAND, GPUPROC_BOOL, bad, x->mask);
    bad = gp_operand_reduce(b, x, GP_OP_ANY, GPUPROC_BOOL, bad, 0);
    return gp_build_op(b, GP_OP_WHERE, work, bad, gp_build_float(b, work, NAN), found);
}

/* Folds choose among floats: where the result is an integer of 64 bits again, it must have come through
 * float64 unchanged. */
static int exact_in_float64(gp_builder *b, int node)
{
    gp_dtype dtype = gp_build_dtype(b, node);
    if (dtype != GPUPROC_INT64 && dtype != GPUPROC_UINT64) return node;
    const int64_t most = INT64_C(1) << 53;
    int bad = gp_build_binary(b, GP_OP_GT, GPUPROC_BOOL, node, gp_build_int(b, dtype, most));
    if (dtype == GPUPROC_INT64) {
        int low = gp_build_binary(b, GP_OP_LT, GPUPROC_BOOL, node, gp_build_int(b, dtype, -most));
        bad = gp_build_binary(b, GP_OP_BITOR, GPUPROC_BOOL, bad, low);
    }
    return gp_operand_guard(b, node, bad, GP_CHECK_QUANTILE_LOSES_DIGITS);
}

static gp_value quantile(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    bool nan = strncmp(fn->name, "nan", 3) == 0, median = strstr(fn->name, "median") != NULL;
    gp_operand x;
    wanted w = {.method = (gp_quantile_method)GP_QUANTILE_MEDIAN};
    if (!gp_argument_refuse(b, fn, args, "out") || !gp_argument_refuse(b, fn, args, "weights") ||
        !gp_argument_refuse(b, fn, args, "interpolation") || !gp_operand_take(b, fn, &args[0], &x) ||
        !gp_operand_axes(b, fn, gp_argument_named(fn, args, "axis"), false, &x) ||
        !gp_operand_keepdims(b, fn, gp_argument_named(fn, args, "keepdims"), &x) || !gp_operand_no_complex(b, fn, &x))
        return failed();
    if (median) {
        w.node = gp_build_array(b, GPUPROC_FLOAT64, &(gp_shape){0}, &(double){0.5});
        if (w.node < 0) return failed();
    } else if (!take_method(b, fn, gp_argument_named(fn, args, "method"), &w.method) ||
               !take_q(b, fn, gp_argument_named(fn, args, "q"), &w)) {
        return failed();
    }
    if (nan && !x.selected && gp_shape_size(&x.shape) == 0) /* as NumPy has it, without q's axes */
        return gp_value_reduced(b, GP_FN_nanmean, args[0], gp_argument_named(fn, args, "axis"), x.keepdims);
    bool floats = gp_dtype_is_float(x.dtype), element = !median && takes_elements(w.method);
    if (!median && x.dtype == GPUPROC_BOOL && !element && !(w.integers && w.method == GP_QUANTILE_LINEAR))
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "%s() of bools has nothing between two of them: choose a method such as 'lower'", fn->name));
    if (!median && !nan && gp_operand_length(&x) == 0)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "%s() of an empty array", fn->name));
    /* What interpolates gives floats: the array's own where q is one number, else q's float64. An integer q
     * (0 or 1) of NumPy's default method takes an element as it is. */
    gp_dtype dtype = x.dtype;
    bool own = element || (w.integers && w.method == GP_QUANTILE_LINEAR && !median);
    if (!own) dtype = floats && w.form.ndim == 0 ? x.dtype : GPUPROC_FLOAT64;
    if (w.integers && w.form.ndim > 0 && adds_nothing(w.method) && gp_dtype_is_integer(x.dtype) && x.dtype != GPUPROC_UINT64) {
        own = true;
        dtype = GPUPROC_INT64;
    }
    gp_dtype work = gp_dtype_is_float(dtype) ? gp_dtype_worked(dtype) : GPUPROC_FLOAT64;
    if (own) x.re = exact_in_float64(b, x.re);
    int node = x.re < 0 ? -1 : quantiles(b, &x, &w, nan, work);
    if (w.form.ndim == 0) return gp_operand_value(b, &x, node, -1, dtype);
    int first = x.selected ? x.mask_axes - 1 : 0; /* all axes of a mask are one */
    for (int d = first; d < x.shape.ndim && node >= 0 && x.keepdims && !x.extra; d++) {
        if (x.axes >> d & 1) node = gp_build_insert_axis(b, node, d - first + 1); /* behind q's axis */
    }
    return gp_value_of_parts(b, in_form(b, node, &w), -1, dtype);
}

/* What needs all elements at once. */
static gp_value refused(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_operand x;
    if (!gp_operand_take(b, fn, &args[0], &x)) return failed();
    uint64_t count = gp_shape_size(&x.shape);
    size_t each = gpuproc_dtype_bytes(x.dtype);
    if (strncmp(fn->name, "arg", 3) == 0 || fn->id == GP_FN_lexsort) each += sizeof(int64_t); /* and the indices */
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED,
                                       "%s() of %" PRIu64 " elements would need all of them in memory at once, %" PRIu64
                                       " bytes: median, quantile, histogram and unique do with less",
                                       fn->name, count, count * each));
}

gp_value gp_check_order(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    switch (fn->id) {
    case GP_FN_median:
    case GP_FN_nanmedian:
    case GP_FN_quantile:
    case GP_FN_nanquantile:
    case GP_FN_percentile:
    case GP_FN_nanpercentile: return quantile(b, fn, args);
    case GP_FN_sort:
    case GP_FN_argsort:
    case GP_FN_partition:
    case GP_FN_argpartition:
    case GP_FN_lexsort: return refused(b, fn, args);
    default: return gp_check_count(b, fn, args);
    }
}
