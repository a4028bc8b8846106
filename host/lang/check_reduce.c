/* Whole-array reductions: the dtype they work in and the dtype they give. */
#include "lang/build.h"

#include <math.h>

static gp_value of(int node) { return gp_value_node(node); }

/* axis=None, or the only axis that there is. */
static bool axis_is_whole(gp_builder *b, const gp_function *fn, const gp_value *axis, int x)
{
    if (axis->kind == GP_VAL_NONE) return true;
    if (axis->kind == GP_VAL_NODE || axis->kind == GP_VAL_FLOAT) {
        const char *instead = fn->id == GP_FN_min ? "minimum" : fn->id == GP_FN_max ? "maximum" : NULL;
        if (instead != NULL)
            gp_build_fail(b, GPUPROC_TYPE, "the second argument of %s() is the axis: for the %s of two values write %s(a, b)",
                          fn->name, fn->id == GP_FN_min ? "smaller" : "larger", instead);
        else
            gp_build_fail(b, GPUPROC_TYPE, "%s() needs an integer or None as axis", fn->name);
        return false;
    }
    int ndim = b->program->node[x].shape.ndim;
    if (axis->kind == GP_VAL_INT && ndim == 1 && (axis->i == 0 || axis->i == -1)) return true;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "reductions along an axis are not built yet: %s() takes axis=None only", fn->name);
    return false;
}

/* bool works as uint8: the integer accumulators count it as they are. */
static int as_number(gp_builder *b, int x)
{
    return gp_build_dtype(b, x) == GPUPROC_BOOL ? gp_build_cast(b, x, GPUPROC_UINT8) : x;
}

static gp_dtype widened(gp_dtype dtype)
{
    if (gp_dtype_is_float(dtype)) return dtype;
    return gp_dtype_kind(dtype) == GP_KIND_UINT ? GPUPROC_UINT64 : GPUPROC_INT64;
}

static int truth(gp_builder *b, gp_op op, int x)
{
    return gp_build_reduce(b, op, op == GP_OP_COUNT_NONZERO ? GPUPROC_INT64 : GPUPROC_BOOL,
                           gp_build_cast(b, x, GPUPROC_BOOL), 0);
}

/* SUM and PROD; dtype is where the adding takes place. */
static int sum(gp_builder *b, gp_op op, int x, bool given, gp_dtype dtype)
{
    gp_dtype natural = widened(gp_build_dtype(b, x));
    if (!given || dtype == natural) return gp_build_reduce(b, op, natural, as_number(b, x), 0);
    if (dtype == GPUPROC_BOOL) return truth(b, op == GP_OP_SUM ? GP_OP_ANY : GP_OP_ALL, x);
    return gp_build_reduce(b, op, dtype, gp_build_cast(b, x, dtype), 0);
}

static int mean(gp_builder *b, int x, bool given, gp_dtype dtype)
{
    gp_dtype own = gp_build_dtype(b, x), natural = gp_dtype_is_float(own) ? own : GPUPROC_FLOAT64;
    if (!given || dtype == natural) return gp_build_reduce(b, GP_OP_MEAN, natural, as_number(b, x), 0);
    if (gp_dtype_is_float(dtype)) return gp_build_reduce(b, GP_OP_MEAN, dtype, gp_build_cast(b, x, dtype), 0);
    if (dtype == GPUPROC_BOOL) return truth(b, GP_OP_ANY, x);
    /* As NumPy: the sum in the integer dtype, which may wrap, then the quotient, cut off. */
    double count = (double)gp_shape_size(&b->program->node[x].shape);
    int total = gp_build_cast(b, sum(b, GP_OP_SUM, x, true, dtype), GPUPROC_FLOAT64);
    int quotient = gp_build_op(b, GP_OP_DIV, GPUPROC_FLOAT64, total, gp_build_float(b, GPUPROC_FLOAT64, count), -1);
    return gp_build_cast(b, quotient, dtype);
}

static int variance(gp_builder *b, const gp_function *fn, int x, bool given, gp_dtype dtype, const gp_value *ddof)
{
    double divisor_less = 0;
    if (gp_value_is_literal(ddof)) divisor_less = gp_literal_double(ddof);
    else if (ddof->kind != GP_VAL_NONE)
        return gp_build_fail(b, GPUPROC_TYPE, "%s() needs a literal number as ddof", fn->name);
    if (!isfinite(divisor_less)) return gp_build_fail(b, GPUPROC_VALUE, "%s() needs a finite ddof", fn->name);
    if (given && !gp_dtype_is_float(dtype))
        return gp_build_fail(b, GPUPROC_TYPE, "%s() works in floats: dtype= must be float32 or float64, found %s",
                             fn->name, gpuproc_dtype_name(dtype));
    if (!given) {
        dtype = gp_build_dtype(b, x);
        if (!gp_dtype_is_float(dtype)) dtype = GPUPROC_FLOAT64;
    }
    return gp_build_reduce(b, fn->op, dtype, gp_build_cast(b, x, dtype), divisor_less);
}

static int extreme(gp_builder *b, const gp_function *fn, int x)
{
    if (gp_shape_size(&b->program->node[x].shape) == 0) {
        if (fn->rule == GP_RULE_ARGUMENT)
            return gp_build_fail(b, GPUPROC_VALUE, "attempt to get %s of an empty array", fn->name);
        return gp_build_fail(b, GPUPROC_VALUE,
                             "zero-size array to reduction operation %s which has no identity",
                             fn->op == GP_OP_MIN ? "minimum" : "maximum");
    }
    return gp_build_reduce(b, fn->op, fn->rule == GP_RULE_ARGUMENT ? GPUPROC_INT64 : gp_build_dtype(b, x), x, 0);
}

gp_value gp_check_reduction(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    bool has_dtype = fn->rule == GP_RULE_SUM || fn->rule == GP_RULE_MEAN || fn->rule == GP_RULE_VARIANCE;
    bool typed = has_dtype && given[2] && args[2].kind != GP_VAL_NONE;
    int keepdims = fn->rule == GP_RULE_VARIANCE ? 4 : has_dtype ? 3 : 2;
    gp_dtype dtype = GPUPROC_FLOAT64;
    int x = gp_build_strong(b, &args[0]);
    if (x < 0 || !axis_is_whole(b, fn, &args[1], x)) return of(-1);
    if (typed && !gp_check_dtype(b, &args[2], &dtype)) return of(-1);
    if (given[keepdims] && args[keepdims].kind != GP_VAL_NONE &&
        !(args[keepdims].kind == GP_VAL_BOOL && args[keepdims].i == 0))
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "keepdims=True is not built yet"));
    switch (fn->rule) {
    case GP_RULE_SUM: return of(sum(b, fn->op, x, typed, dtype));
    case GP_RULE_MEAN: return of(mean(b, x, typed, dtype));
    case GP_RULE_VARIANCE: return of(variance(b, fn, x, typed, dtype, &args[3]));
    case GP_RULE_TRUTH: return of(truth(b, fn->op, x));
    default: return of(extreme(b, fn, x));
    }
}
