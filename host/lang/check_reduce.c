/* Reductions: the dtype that they work in and the dtype that they give, which elements count, and the
 * operations that they are made of. The nan* forms are the plain ones with a mask. */
#include "lang/operand.h"

#include <math.h>
#include <string.h>

typedef struct reduction {
    const gp_function *fn;
    gp_op op;
    gp_operand x;
    bool typed;      /* dtype= is given */
    gp_dtype dtype;
    bool nan;        /* nan*: NaN do not count */
    bool where;      /* where= is given */
    int selected;    /* the mask of x[mask], without what nan* leave out; -1: none */
    double ddof;
    const gp_value *initial;
} reduction;

static gp_value failed(void) { return gp_value_node(-1); }

static gp_value as_result(gp_builder *b, const reduction *r, int re, int im, gp_dtype dtype)
{
    return gp_operand_value(b, &r->x, re, im, dtype);
}

static bool is_complex(gp_dtype dtype) { return gp_dtype_kind(dtype) == GP_KIND_COMPLEX; }

/* ---- initial= ---- */

/* NumPy makes initial= a number of the result's dtype first: infinity and NaN are no integers. */
static bool initial_fits(gp_builder *b, const reduction *r, gp_dtype dtype)
{
    const gp_value *v = r->initial;
    if (!gp_dtype_is_integer(dtype) || v->kind != GP_VAL_FLOAT || isfinite(v->f)) return true;
    gp_build_fail(b, GPUPROC_VALUE, "%s(): initial= has to be a finite number for %s", r->fn->name, gpuproc_dtype_name(dtype));
    return false;
}

/* The real (or imaginary) part of initial= in a dtype. */
static int initial_part(gp_builder *b, const reduction *r, bool imaginary, gp_dtype dtype)
{
    gp_value v = *r->initial;
    if (!initial_fits(b, r, dtype)) return -1;
    if (v.kind == GP_VAL_COMPLEX) return gp_build_float(b, dtype, imaginary ? v.f_im : v.f);
    if (v.kind == GP_VAL_NODE && v.node >= 0) {
        const gp_node *n = &b->program->node[v.node];
        if (!n->uniform || n->shape.ndim != 0 || v.selected)
            return gp_build_fail(b, GPUPROC_TYPE, "%s() needs a single number as initial=", r->fn->name);
        if (imaginary && v.complex) v.node = v.im;
        else if (imaginary) return gp_build_float(b, dtype, 0);
    } else if (!gp_value_is_literal(&v)) {
        return gp_build_fail(b, GPUPROC_TYPE, "%s() needs a number as initial=", r->fn->name);
    } else if (imaginary) {
        return gp_build_float(b, dtype, 0);
    }
    return gp_build_as(b, &v, dtype);
}

static bool has_initial(const reduction *r) { return r->initial->kind != GP_VAL_NONE; }

static int with_initial(gp_builder *b, const reduction *r, gp_op op, bool imaginary, int node)
{
    if (!has_initial(r) || node < 0) return node;
    gp_dtype dtype = gp_build_dtype(b, node);
    return gp_build_binary(b, op, dtype, node, initial_part(b, r, imaginary, dtype));
}

/* ---- Truth ---- */

static int truth_of(gp_builder *b, const gp_operand *x)
{
    int t = gp_build_cast(b, x->re, GPUPROC_BOOL);
    if (x->im < 0) return t;
    return gp_build_binary(b, GP_OP_BITOR, GPUPROC_BOOL, t, gp_build_cast(b, x->im, GPUPROC_BOOL));
}

static gp_value truth(gp_builder *b, const reduction *r, gp_op op)
{
    int t = truth_of(b, &r->x);
    t = gp_operand_masked(b, &r->x, t, gp_build_int(b, GPUPROC_BOOL, op == GP_OP_ALL));
    gp_dtype dtype = op == GP_OP_COUNT_NONZERO ? GPUPROC_INT64 : GPUPROC_BOOL;
    return as_result(b, r, gp_operand_reduce(b, &r->x, op, dtype, t, 0), -1, dtype);
}

/* ---- Sums and products ---- */

static gp_dtype widened(gp_dtype dtype)
{
    gp_kind kind = gp_dtype_kind(dtype);
    if (kind == GP_KIND_FLOAT || kind == GP_KIND_COMPLEX) return dtype;
    return kind == GP_KIND_UINT ? GPUPROC_UINT64 : GPUPROC_INT64;
}

/* One part, in `dtype` (which has no parts and is not float16); what does not count is `neutral`. */
static int sum_part(gp_builder *b, const reduction *r, gp_op op, int part, gp_dtype dtype)
{
    gp_dtype own = gp_build_dtype(b, part);
    /* The integer accumulators take narrow integers as they are; bool counts as uint8. */
    if (!gp_dtype_is_float(own) && dtype == widened(own)) {
        if (own == GPUPROC_BOOL) part = gp_build_cast(b, part, GPUPROC_UINT8);
    } else {
        part = gp_build_cast(b, part, dtype);
    }
    if (part < 0) return -1;
    if (r->x.mask >= 0) {
        own = gp_build_dtype(b, part);
        int neutral = gp_dtype_is_float(own) ? gp_build_float(b, own, op == GP_OP_PROD) : gp_build_int(b, own, op == GP_OP_PROD);
        part = gp_operand_masked(b, &r->x, part, neutral);
    }
    return gp_operand_reduce(b, &r->x, op, dtype, part, 0);
}

/* The operand's part as dtype= of a reduction makes it: rounded to float16 where that is asked for. */
static int rounded_to(gp_builder *b, int part, gp_dtype dtype)
{
    if (dtype != GPUPROC_FLOAT16) return part;
    return gp_build_cast(b, gp_build_cast(b, part, GPUPROC_FLOAT16), GPUPROC_FLOAT32);
}

static gp_value sum(gp_builder *b, const reduction *r)
{
    const gp_operand *x = &r->x;
    gp_dtype dtype = r->typed ? r->dtype : widened(x->dtype), work = gp_dtype_worked(dtype);
    gp_op combine = r->op == GP_OP_SUM ? GP_OP_ADD : GP_OP_MUL;
    if (r->op == GP_OP_PROD && x->im >= 0 && is_complex(dtype)) {
        gp_operand_no_complex(b, r->fn, x);
        return failed();
    }
    if (dtype == GPUPROC_BOOL) {
        if (has_initial(r)) return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of bools does not take initial=", r->fn->name));
        return truth(b, r, r->op == GP_OP_SUM ? GP_OP_ANY : GP_OP_ALL);
    }
    int re = x->re, im = -1;
    if (r->typed && x->dtype != GPUPROC_FLOAT16) re = rounded_to(b, re, dtype);
    re = with_initial(b, r, combine, false, re < 0 ? -1 : sum_part(b, r, r->op, re, work));
    if (x->im >= 0 && is_complex(dtype)) im = with_initial(b, r, combine, true, sum_part(b, r, r->op, x->im, work));
    return as_result(b, r, re, im, dtype);
}

/* ---- Means ---- */

/* Sum by count, both known only to those elements that count. float32 adds in float64, so that
 * nothing is rounded or overflows on the way, as in the mean of everything. */
static int masked_mean(gp_builder *b, const reduction *r, int part)
{
    int total = sum_part(b, r, GP_OP_SUM, gp_build_cast(b, part, GPUPROC_FLOAT64), GPUPROC_FLOAT64);
    return gp_build_binary(b, GP_OP_DIV, GPUPROC_FLOAT64, total, gp_operand_count(b, &r->x, GPUPROC_FLOAT64));
}

static int mean_part(gp_builder *b, const reduction *r, int part, gp_dtype dtype)
{
    if (r->x.mask >= 0) return masked_mean(b, r, part);
    gp_dtype own = gp_build_dtype(b, part);
    /* Over everything the integer accumulator is exact, however large the integers. */
    if (gp_dtype_is_float(own) || !r->x.whole || dtype != GPUPROC_FLOAT64) part = gp_build_cast(b, part, dtype);
    else if (own == GPUPROC_BOOL) part = gp_build_cast(b, part, GPUPROC_UINT8);
    return gp_operand_reduce(b, &r->x, GP_OP_MEAN, dtype, part, 0);
}

/* NumPy divides by the complex number count + 0j: what is infinite or NaN in one part makes the other NaN. */
static void divided_as_complex(gp_builder *b, int *re, int *im)
{
    if (*re < 0) return;
    gp_dtype dtype = gp_build_dtype(b, *re);
    int zero = gp_build_float(b, dtype, 0), other = *im < 0 ? zero : *im, one = *re;
    *re = gp_build_binary(b, GP_OP_ADD, dtype, one, gp_build_binary(b, GP_OP_MUL, dtype, other, zero));
    *im = gp_build_binary(b, GP_OP_SUB, dtype, other, gp_build_binary(b, GP_OP_MUL, dtype, one, zero));
}

static gp_value mean(gp_builder *b, const reduction *r)
{
    const gp_operand *x = &r->x;
    gp_kind kind = gp_dtype_kind(x->dtype);
    gp_dtype natural = kind == GP_KIND_FLOAT || kind == GP_KIND_COMPLEX ? x->dtype : GPUPROC_FLOAT64;
    gp_dtype dtype = r->typed ? r->dtype : natural, work = gp_dtype_worked(dtype);
    if (dtype == GPUPROC_BOOL) return truth(b, r, GP_OP_ANY);
    if (gp_dtype_is_integer(dtype)) {
        /* As NumPy: the sum in the integer dtype, which may wrap, then the quotient, cut off. */
        int total = gp_build_cast(b, sum_part(b, r, GP_OP_SUM, x->re, dtype), GPUPROC_FLOAT64);
        int quotient = gp_build_binary(b, GP_OP_DIV, GPUPROC_FLOAT64, total, gp_operand_count(b, x, GPUPROC_FLOAT64));
        return as_result(b, r, quotient, -1, dtype);
    }
    int re = x->re, im = -1;
    /* float16: the mean of integers, too, is taken of what float16 can hold of them. */
    if (r->typed && x->dtype != GPUPROC_FLOAT16) re = rounded_to(b, re, dtype);
    re = re < 0 ? -1 : mean_part(b, r, re, work);
    if (!is_complex(dtype)) return as_result(b, r, re, -1, dtype);
    im = x->im >= 0 ? mean_part(b, r, x->im, work) : -1;
    divided_as_complex(b, &re, &im);
    return as_result(b, r, re, im, dtype);
}

/* ---- Variances ---- */

/* The sum of the squared distances from the mean, of those elements that count. */
static int masked_squares(gp_builder *b, const reduction *r, int part)
{
    const gp_dtype f8 = GPUPROC_FLOAT64;
    part = gp_build_cast(b, part, f8);
    int center = part < 0 ? -1 : gp_operand_put_back(b, &r->x, masked_mean(b, r, part));
    int distance = gp_build_binary(b, GP_OP_SUB, f8, part, center);
    distance = gp_operand_masked(b, &r->x, distance, gp_build_float(b, f8, 0));
    return gp_operand_reduce(b, &r->x, GP_OP_SUM, f8, gp_build_unary(b, GP_OP_SQUARE, f8, distance), 0);
}

static int masked_variance(gp_builder *b, const reduction *r)
{
    const gp_dtype f8 = GPUPROC_FLOAT64;
    int squares = masked_squares(b, r, r->x.re), zero = gp_build_float(b, f8, 0);
    if (r->x.im >= 0) squares = gp_build_binary(b, GP_OP_ADD, f8, squares, masked_squares(b, r, r->x.im));
    int divisor = gp_build_binary(b, GP_OP_SUB, f8, gp_operand_count(b, &r->x, f8), gp_build_float(b, f8, r->ddof));
    if (!r->nan) return gp_build_binary(b, GP_OP_DIV, f8, squares, gp_build_binary(b, GP_OP_MAXIMUM, f8, divisor, zero));
    /* NumPy's nanvar gives NaN where no degree of freedom is left, var infinity. */
    int some = gp_build_binary(b, GP_OP_GT, GPUPROC_BOOL, divisor, zero);
    int quotient = gp_build_binary(b, GP_OP_DIV, f8, squares, divisor);
    return gp_build_op(b, GP_OP_WHERE, f8, some, quotient, gp_build_float(b, f8, NAN));
}

static gp_value variance(gp_builder *b, const reduction *r)
{
    const gp_operand *x = &r->x;
    gp_kind kind = gp_dtype_kind(x->dtype);
    gp_dtype dtype = kind == GP_KIND_FLOAT ? x->dtype : kind == GP_KIND_COMPLEX ? gp_dtype_worked(x->dtype) : GPUPROC_FLOAT64;
    if (r->typed) dtype = r->dtype;
    if (r->typed && gp_dtype_kind(dtype) != GP_KIND_FLOAT && gp_dtype_kind(dtype) != GP_KIND_COMPLEX)
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "%s() works in floats: dtype= must be a float, found %s", r->fn->name,
                                           gpuproc_dtype_name(dtype)));
    gp_dtype work = gp_dtype_worked(dtype);
    int result;
    if (x->mask >= 0) {
        result = gp_build_cast(b, masked_variance(b, r), work);
        if (r->op == GP_OP_STD) result = gp_build_unary(b, GP_OP_SQRT, work, result);
    } else if (x->im < 0) {
        result = gp_operand_reduce(b, x, r->op, work, gp_build_cast(b, x->re, work), r->ddof);
    } else { /* |z - mean|**2 is the sum of both parts' */
        int re = gp_operand_reduce(b, x, GP_OP_VAR, work, gp_build_cast(b, x->re, work), r->ddof);
        int im = gp_operand_reduce(b, x, GP_OP_VAR, work, gp_build_cast(b, x->im, work), r->ddof);
        result = gp_build_binary(b, GP_OP_ADD, work, re, im);
        if (r->op == GP_OP_STD) result = gp_build_unary(b, GP_OP_SQRT, work, result);
    }
    return as_result(b, r, result, -1, dtype);
}

/* ---- Extremes ---- */

/* What loses against everything. */
static int loser(gp_builder *b, bool for_min, gp_dtype dtype)
{
    if (gp_dtype_is_float(dtype)) return gp_build_float(b, dtype, for_min ? INFINITY : -INFINITY);
    if (dtype == GPUPROC_BOOL) return gp_build_int(b, dtype, for_min);
    int bits = (int)gpuproc_dtype_bytes(dtype) * 8;
    bool is_unsigned = gp_dtype_kind(dtype) == GP_KIND_UINT;
    uint64_t highest = UINT64_MAX >> (64 - bits + !is_unsigned);
    if (for_min) return gp_build_int(b, dtype, (int64_t)highest);
    return gp_build_int(b, dtype, is_unsigned ? 0 : -(int64_t)highest - 1);
}

/* Whether a mask is nowhere true. */
static int none_of(gp_builder *b, const gp_operand *x, int mask)
{
    return gp_build_unary(b, GP_OP_INVERT, GPUPROC_BOOL, gp_operand_reduce(b, x, GP_OP_ANY, GPUPROC_BOOL, mask, 0));
}

static gp_value extreme(gp_builder *b, const reduction *r)
{
    const gp_operand *x = &r->x;
    bool is_min = r->op == GP_OP_MIN, floats = gp_dtype_is_float(gp_build_dtype(b, x->re));
    const char *name = r->nan ? (is_min ? "fmin" : "fmax") : is_min ? "minimum" : "maximum";
    if (!gp_operand_no_complex(b, r->fn, x)) return failed();
    gp_dtype dtype = gp_build_dtype(b, x->re);
    if (r->where && !has_initial(r))
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "reduction operation '%s' does not have an identity, so to use a "
                                           "where mask one has to specify 'initial'", name));
    if (gp_operand_length(x) == 0) {
        if (!has_initial(r))
            return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "zero-size array to reduction operation %s which has no identity", name));
        return as_result(b, r, gp_operand_filled(b, x, initial_part(b, r, false, dtype)), -1, x->dtype);
    }
    int lost = loser(b, is_min, dtype);
    int result = gp_operand_reduce(b, x, r->op, dtype, gp_operand_masked(b, x, x->re, lost), 0);
    if (has_initial(r)) {
        gp_op combine = is_min ? GP_OP_MINIMUM : GP_OP_MAXIMUM;
        if (r->nan && floats) combine = is_min ? GP_OP_FMIN : GP_OP_FMAX;
        result = with_initial(b, r, combine, false, result);
    } else if (x->mask >= 0) {
        if (r->nan && floats) { /* all are NaN: so is the result */
            int some = gp_operand_reduce(b, x, GP_OP_ANY, GPUPROC_BOOL, x->mask, 0);
            result = gp_build_op(b, GP_OP_WHERE, dtype, some, result, gp_build_float(b, dtype, NAN));
        }
        gp_check_id none = is_min ? GP_CHECK_MINIMUM_OF_NONE : GP_CHECK_MAXIMUM_OF_NONE;
        if (r->nan) none = is_min ? GP_CHECK_FMIN_OF_NONE : GP_CHECK_FMAX_OF_NONE;
        if (r->selected >= 0) result = gp_operand_guard(b, result, none_of(b, x, r->selected), none);
    }
    return as_result(b, r, result, -1, x->dtype);
}

/* Of x[mask] the place among the selected elements is asked for: how many of them stand before the first
 * that is the extreme, or before the first NaN. */
static int selected_place(gp_builder *b, const reduction *r, bool is_min)
{
    const gp_operand *x = &r->x;
    gp_dtype dtype = gp_build_dtype(b, x->re);
    int masked = gp_operand_masked(b, x, x->re, loser(b, is_min, dtype));
    int best = gp_operand_reduce(b, x, is_min ? GP_OP_MIN : GP_OP_MAX, dtype, masked, 0);
    int hit = gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, x->re, best), nan = gp_operand_nan(b, x);
    if (nan >= 0) hit = gp_build_binary(b, GP_OP_BITOR, GPUPROC_BOOL, hit, nan);
    hit = gp_build_binary(b, GP_OP_BITAND, GPUPROC_BOOL, hit, x->mask);
    int first = gp_operand_reduce(b, x, GP_OP_ARGMAX, GPUPROC_INT64, hit, 0);
    int before = gp_build_binary(b, GP_OP_LT, GPUPROC_BOOL, gp_build_number(b, &x->shape), first);
    before = gp_build_binary(b, GP_OP_BITAND, GPUPROC_BOOL, before, x->mask);
    return gp_operand_reduce(b, x, GP_OP_COUNT_NONZERO, GPUPROC_INT64, before, 0);
}

static gp_value argument(gp_builder *b, const reduction *r)
{
    const gp_operand *x = &r->x;
    bool is_min = r->op == GP_OP_ARGMIN;
    if (!gp_operand_no_complex(b, r->fn, x)) return failed();
    if (gp_operand_length(x) == 0)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "attempt to get %s of an empty sequence", is_min ? "argmin" : "argmax"));
    gp_dtype dtype = gp_build_dtype(b, x->re);
    int place = gp_operand_masked(b, x, x->re, loser(b, is_min, dtype)); /* nanargmin: as NumPy, infinities for NaN */
    place = x->selected ? selected_place(b, r, is_min) : gp_operand_reduce(b, x, r->op, GPUPROC_INT64, place, 0);
    if (r->selected >= 0) /* nothing is selected: there is no answer */
        place = gp_operand_guard(b, place, none_of(b, x, r->selected),
                                 is_min ? GP_CHECK_ARGMIN_OF_NONE : GP_CHECK_ARGMAX_OF_NONE);
    if (r->nan && x->mask >= 0) place = gp_operand_guard(b, place, none_of(b, x, x->mask), GP_CHECK_ALL_NAN);
    return as_result(b, r, place, -1, GPUPROC_INT64);
}

static gp_value peak_to_peak(gp_builder *b, const reduction *r)
{
    const gp_operand *x = &r->x;
    if (!gp_operand_no_complex(b, r->fn, x)) return failed();
    if (x->dtype == GPUPROC_BOOL)
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "ptp() needs numbers: NumPy has no '-' between bools"));
    reduction low = *r, high = *r;
    low.op = GP_OP_MIN;
    high.op = GP_OP_MAX;
    low.x.keepdims = high.x.keepdims = false;
    gp_value bottom = extreme(b, &low), top = b->st == GPUPROC_OK ? extreme(b, &high) : failed();
    if (bottom.node < 0 || top.node < 0) return failed();
    gp_dtype work = gp_dtype_worked(x->dtype);
    int range = gp_build_binary(b, GP_OP_SUB, work, gp_build_cast(b, top.node, work), gp_build_cast(b, bottom.node, work));
    return as_result(b, r, range, -1, x->dtype);
}

/* ---- Over the windows of sliding_window_view ---- */

/* One fold along the axis that the windows slide along; it makes no windows, so it costs O(n). */
static int window_fold(gp_builder *b, const gp_value *v, gp_op op, int node, gp_dtype dtype)
{
    node = gp_build_cast(b, node, dtype);
    if (node < 0) return -1;
    gp_shape shape = *gp_build_shape(b, node);
    shape.dim[v->window_axis] -= v->window - 1;
    return gp_operand_fold(b, op, dtype, node, -1, (uint32_t)1 << v->window_axis, v->window, &shape, false);
}

/* True where the windows' axis alone is reduced by something that has a fold of its own. */
static bool has_window_fold(const gp_builder *b, const reduction *r, const gp_value *v, const gp_value *axis)
{
    int ndim = gp_build_shape(b, v->node)->ndim;
    if (axis->kind == GP_VAL_TUPLE && axis->items == 1) axis = gp_build_item(b, axis, 0);
    if (axis->kind != GP_VAL_INT || (axis->i != -1 && axis->i != ndim)) return false;
    if (v->selected || r->nan || r->where || has_initial(r) || r->typed || v->window < 1) return false;
    bool only_real = r->op == GP_OP_MIN || r->op == GP_OP_MAX;
    if (only_real && v->complex) return false;
    return only_real || r->op == GP_OP_SUM || r->op == GP_OP_MEAN || r->op == GP_OP_ANY || r->op == GP_OP_ALL;
}

static gp_value over_windows(gp_builder *b, const reduction *r, const gp_value *v, bool keepdims)
{
    gp_value whole = *v; /* x itself */
    whole.windowed = false;
    gp_operand x;
    if (!gp_operand_take(b, r->fn, &whole, &x)) return failed();
    int re = -1, im = -1;
    gp_dtype dtype = x.dtype, work = gp_dtype_worked(dtype);
    bool number = gp_dtype_kind(dtype) == GP_KIND_FLOAT || is_complex(dtype);
    switch (r->fn->rule == GP_RULE_PTP ? GP_OP_SUB : r->op) {
    case GP_OP_SUM:
        dtype = widened(dtype);
        work = gp_dtype_worked(dtype);
        re = window_fold(b, v, GP_OP_WINSUM, x.re, work);
        if (x.im >= 0) im = window_fold(b, v, GP_OP_WINSUM, x.im, work);
        break;
    case GP_OP_MEAN:
        if (!number) dtype = work = GPUPROC_FLOAT64;
        re = window_fold(b, v, GP_OP_WINMEAN, x.re, work);
        if (x.im >= 0) im = window_fold(b, v, GP_OP_WINMEAN, x.im, work);
        break;
    case GP_OP_MIN: re = window_fold(b, v, GP_OP_WINMIN, x.re, work); break;
    case GP_OP_MAX: re = window_fold(b, v, GP_OP_WINMAX, x.re, work); break;
    case GP_OP_SUB:
        if (dtype == GPUPROC_BOOL)
            return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "ptp() needs numbers: NumPy has no '-' between bools"));
        re = window_fold(b, v, GP_OP_WINMAX, x.re, work);
        re = gp_build_binary(b, GP_OP_SUB, work, re, window_fold(b, v, GP_OP_WINMIN, x.re, work));
        break;
    default:
        dtype = GPUPROC_BOOL;
        re = window_fold(b, v, r->op == GP_OP_ANY ? GP_OP_WINMAX : GP_OP_WINMIN, truth_of(b, &x), dtype);
    }
    if (keepdims && re >= 0) re = gp_build_insert_axis(b, re, x.shape.ndim);
    if (keepdims && im >= 0) im = gp_build_insert_axis(b, im, x.shape.ndim);
    return gp_value_of_parts(b, re, im, dtype);
}

/* ---- The call ---- */

/* max(a, b) and the like: what was meant are the larger ones. */
static bool axis_is_axis(gp_builder *b, const gp_function *fn, const gp_value *axis)
{
    if (axis->kind != GP_VAL_NODE && axis->kind != GP_VAL_FLOAT) return true;
    bool is_min = fn->id == GP_FN_min;
    if (is_min || fn->id == GP_FN_max)
        gp_build_fail(b, GPUPROC_TYPE, "the second argument of %s() is the axis: for the %s of two values write %s(a, b)", fn->name,
                      is_min ? "smaller" : "larger", is_min ? "minimum" : "maximum");
    else
        gp_build_fail(b, GPUPROC_TYPE, "%s() needs an integer or None as axis", fn->name);
    return false;
}

static bool take_ddof(gp_builder *b, const gp_value *v, reduction *r)
{
    if (v->kind == GP_VAL_NONE) return true;
    if (!gp_value_is_literal(v)) {
        gp_build_fail(b, GPUPROC_TYPE, "%s() needs a literal number as ddof", r->fn->name);
        return false;
    }
    r->ddof = gp_literal_double(v);
    if (isfinite(r->ddof)) return true;
    gp_build_fail(b, GPUPROC_VALUE, "%s() needs a finite ddof", r->fn->name);
    return false;
}

gp_value gp_check_reduction(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    const gp_value *dtype = gp_argument_named(fn, args, "dtype"), *axis = gp_argument_named(fn, args, "axis");
    const gp_value *keepdims = gp_argument_named(fn, args, "keepdims"), *where = gp_argument_named(fn, args, "where");
    reduction r = {.fn = fn, .op = fn->op, .dtype = GPUPROC_FLOAT64, .initial = gp_argument_named(fn, args, "initial"),
                   .nan = strncmp(fn->name, "nan", 3) == 0, .where = where->kind != GP_VAL_NONE && !(where->kind == GP_VAL_BOOL && where->i)};
    if (!axis_is_axis(b, fn, axis) || !gp_argument_refuse(b, fn, args, "out")) return failed();
    r.typed = dtype->kind != GP_VAL_NONE;
    if (r.typed && !gp_check_dtype(b, dtype, &r.dtype)) return failed();
    if (args[0].kind == GP_VAL_NODE && args[0].node >= 0 && args[0].windowed && has_window_fold(b, &r, &args[0], axis)) {
        gp_operand keep = {0};
        if (!gp_operand_keepdims(b, fn, keepdims, &keep)) return failed();
        return over_windows(b, &r, &args[0], keep.keepdims);
    }
    if (!gp_operand_take(b, fn, &args[0], &r.x) || !gp_operand_where(b, fn, where, &r.x)) return failed();
    if (!gp_operand_axes(b, fn, axis, fn->rule == GP_RULE_ARGUMENT, &r.x) || !gp_operand_keepdims(b, fn, keepdims, &r.x)) return failed();
    r.selected = r.x.selected ? r.x.mask : -1;
    if (r.nan && !gp_operand_narrow(b, &r.x, gp_operand_nan(b, &r.x) < 0 ? -1
                                    : gp_build_unary(b, GP_OP_INVERT, GPUPROC_BOOL, gp_operand_nan(b, &r.x))))
        return failed();
    /* NumPy's nanmean and nanvar of floats refuse what mean and var would cut off. */
    bool cuts = r.nan && r.typed && (fn->rule == GP_RULE_MEAN || fn->rule == GP_RULE_VARIANCE) && gp_dtype_kind(r.dtype) < GP_KIND_FLOAT;
    if (cuts && gp_operand_nan(b, &r.x) >= 0)
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "If a is inexact, then dtype must be inexact"));
    switch (fn->rule) {
    case GP_RULE_SUM: return sum(b, &r);
    case GP_RULE_MEAN: return mean(b, &r);
    case GP_RULE_VARIANCE: return take_ddof(b, gp_argument_named(fn, args, "ddof"), &r) ? variance(b, &r) : failed();
    case GP_RULE_TRUTH: return truth(b, &r, r.op);
    case GP_RULE_PTP: return peak_to_peak(b, &r);
    case GP_RULE_ARGUMENT: return argument(b, &r);
    default: return extreme(b, &r);
    }
}
