#include "emit/reduce.h"

#include "base/memory.h"
#include "emit/reduce_tree.h"

#include <limits.h>
#include <math.h>
#include <string.h>

struct gp_reduce_state {
    gp_reduce_kind kind;
    gp_dtype operand;
    uint64_t count; /* elements merged */
    union {
        gp_exact exact;
        __int128 integer;
        uint64_t word; /* COUNT and PROD of integers */
        gp_partial_extreme extreme;
        gp_reduce_tree tree;
    } u;
};

gp_reduce_kind gp_reduce_kind_of(gp_op op)
{
    switch (op) {
#define X(name, kind, kinds) \
    case GP_OP_##name: return GP_REDUCE_##kind;
        GP_OPS_REDUCE(X)
#undef X
    default: return GP_REDUCE_COUNT;
    }
}

bool gp_reduce_ordered(gp_reduce_kind kind, gp_dtype operand)
{
    return kind == GP_REDUCE_MOMENTS || (kind == GP_REDUCE_PROD && gp_dtype_is_float(operand));
}

size_t gp_reduce_partial_bytes(gp_reduce_kind kind, gp_dtype operand)
{
    bool is_float = gp_dtype_is_float(operand);
    switch (kind) {
    case GP_REDUCE_SUM: return is_float ? sizeof(gp_exact) : sizeof(gp_partial_isum);
    case GP_REDUCE_PROD: return is_float ? sizeof(gp_partial_prod) : sizeof(gp_partial_iprod);
    case GP_REDUCE_MIN:
    case GP_REDUCE_MAX:
    case GP_REDUCE_ARGMIN:
    case GP_REDUCE_ARGMAX: return sizeof(gp_partial_extreme);
    case GP_REDUCE_MOMENTS: return sizeof(gp_partial_moments);
    case GP_REDUCE_COUNT: break;
    }
    return sizeof(gp_partial_count);
}

void gp_reduce_partial_init(gp_reduce_kind kind, gp_dtype operand, void *partials, size_t count)
{
    memset(partials, 0, count * gp_reduce_partial_bytes(kind, operand));
    if (kind == GP_REDUCE_PROD && !gp_dtype_is_float(operand)) {
        for (size_t i = 0; i < count; i++) ((gp_partial_iprod *)partials)[i].value = 1;
    } else if (kind >= GP_REDUCE_MIN && kind <= GP_REDUCE_ARGMAX) {
        for (size_t i = 0; i < count; i++) ((gp_partial_extreme *)partials)[i].index = -1;
    }
}

gp_reduce_state *gp_reduce_state_new(gp_reduce_kind kind, gp_dtype operand)
{
    gp_reduce_state *state = gp_calloc(1, sizeof *state);
    if (state == NULL) return NULL;
    state->kind = kind;
    state->operand = operand;
    if (gp_reduce_ordered(kind, operand))
        state->u.tree.kind = kind;
    else if (kind == GP_REDUCE_PROD)
        state->u.word = 1;
    else if (kind >= GP_REDUCE_MIN && kind <= GP_REDUCE_ARGMAX)
        state->u.extreme.index = -1;
    return state;
}

void gp_reduce_state_free(gp_reduce_state *state)
{
    if (state == NULL) return;
    if (gp_reduce_ordered(state->kind, state->operand)) gp_reduce_tree_free(&state->u.tree);
    free(state);
}

/* ---- Merging ---- */

/* Does extreme `a` beat `b`? Both have seen something. */
static bool beats(gp_reduce_kind kind, gp_dtype operand, const gp_partial_extreme *a,
                  const gp_partial_extreme *b)
{
    bool least = kind == GP_REDUCE_MIN || kind == GP_REDUCE_ARGMIN;
    bool less, more;
    switch (gp_dtype_kind(operand)) {
    case GP_KIND_FLOAT: {
        double x = a->value.f, y = b->value.f;
        if (isnan(x) || isnan(y)) return isnan(x) && (!isnan(y) || a->index < b->index);
        less = x < y, more = x > y;
        if (x == y && (kind == GP_REDUCE_MIN || kind == GP_REDUCE_MAX))
            less = signbit(x) && !signbit(y), more = !signbit(x) && signbit(y);
        break;
    }
    case GP_KIND_INT: less = a->value.i < b->value.i, more = a->value.i > b->value.i; break;
    default: less = a->value.u < b->value.u, more = a->value.u > b->value.u; break;
    }
    if (less || more) return least ? less : more;
    return a->index < b->index;
}

static void merge_one(gp_reduce_state *state, const void *partial)
{
    switch (state->kind) {
    case GP_REDUCE_SUM:
        if (gp_dtype_is_float(state->operand)) {
            gp_exact_merge(&state->u.exact, partial);
        } else {
            const gp_partial_isum *sum = partial;
            state->u.integer += (__int128)sum->hi * ((__int128)1 << 32) + (__int128)sum->lo;
        }
        break;
    case GP_REDUCE_PROD: state->u.word *= ((const gp_partial_iprod *)partial)->value; break;
    case GP_REDUCE_MIN:
    case GP_REDUCE_MAX:
    case GP_REDUCE_ARGMIN:
    case GP_REDUCE_ARGMAX: {
        const gp_partial_extreme *extreme = partial;
        if (extreme->index >= 0 && (state->u.extreme.index < 0 ||
                                    beats(state->kind, state->operand, extreme, &state->u.extreme)))
            state->u.extreme = *extreme;
        break;
    }
    case GP_REDUCE_COUNT: state->u.word += ((const gp_partial_count *)partial)->count; break;
    case GP_REDUCE_MOMENTS: break; /* ordered, never comes here */
    }
}

gpuproc_status gp_reduce_merge(gp_reduce_state *state, const void *partial, size_t partials,
                               uint64_t first, uint64_t count, gpuproc_error *err)
{
    if (gp_reduce_ordered(state->kind, state->operand)) {
        gpuproc_status st =
            gp_reduce_tree_merge(&state->u.tree, partial, partials, first, count, err);
        if (st != GPUPROC_OK) return st;
    } else {
        size_t bytes = gp_reduce_partial_bytes(state->kind, state->operand);
        for (size_t i = 0; i < partials; i++)
            merge_one(state, (const unsigned char *)partial + i * bytes);
    }
    state->count += count;
    return GPUPROC_OK;
}

/* ---- Finishing ---- */

/* Casts as the CAST operation does: NaN to 0, saturating; one NaN for all. */
static gpuproc_scalar scalar_of_double(gp_dtype dtype, double x)
{
    gpuproc_scalar value = {.dtype = dtype};
    int bits = (int)(8 * gpuproc_dtype_bytes(dtype));
    switch (gp_dtype_kind(dtype)) {
    case GP_KIND_BOOL: value.value.u = x != 0; break;
    case GP_KIND_INT: {
        double limit = ldexp(1, bits - 1);
        int64_t most = (int64_t)(UINT64_MAX >> (65 - bits));
        value.value.i = isnan(x) ? 0 : x >= limit ? most : x < -limit ? -most - 1 : (int64_t)x;
        break;
    }
    case GP_KIND_UINT: {
        uint64_t most = UINT64_MAX >> (64 - bits);
        value.value.u = !(x > 0) ? 0 : x >= ldexp(1, bits) ? most : (uint64_t)x;
        break;
    }
    default:
        if (dtype == GPUPROC_FLOAT32) x = (double)(float)x;
        value.value.f = isnan(x) ? (double)NAN : x;
        break;
    }
    return value;
}

/* Integers wrap, floats are rounded once. */
static gpuproc_scalar scalar_of_integer(gp_dtype dtype, __int128 x)
{
    gpuproc_scalar value = {.dtype = dtype};
    switch (dtype) {
    case GPUPROC_BOOL: value.value.u = x != 0; break;
#define X(name, type, kind) \
    case GPUPROC_##name: value.value.i = (type)x; break;
        GP_DTYPES_SIGNED(X)
#undef X
#define X(name, type, kind) \
    case GPUPROC_##name: value.value.u = (type)x; break;
        GP_DTYPES_UNSIGNED(X)
#undef X
    case GPUPROC_FLOAT32: value.value.f = (double)(float)x; break;
    default: value.value.f = (double)x; break;
    }
    return value;
}

static gpuproc_scalar finish_sum(const gp_reduce_state *state, gp_dtype dtype, const char **warning)
{
    if (!gp_dtype_is_float(state->operand)) return scalar_of_integer(dtype, state->u.integer);

    const gp_exact *sum = &state->u.exact;
    double value = dtype == GPUPROC_FLOAT32 ? (double)gp_exact_round_f32(sum) : gp_exact_round(sum);
    if (isnan(value) && (sum->flags & GP_EXACT_NAN) == 0)
        *warning = "invalid value in sum";
    else if (isinf(value) && (sum->flags & (GP_EXACT_PINF | GP_EXACT_NINF)) == 0)
        *warning = "overflow in sum";
    return scalar_of_double(dtype, value);
}

static gpuproc_scalar finish_mean(const gp_reduce_state *state, gp_dtype dtype,
                                  const char **warning)
{
    double mean;
    if (state->count == 0) {
        *warning = "mean of empty slice";
        mean = (double)NAN;
    } else if (gp_dtype_is_float(state->operand)) {
        mean = gp_exact_mean(&state->u.exact, state->count);
        if (isnan(mean) && (state->u.exact.flags & GP_EXACT_NAN) == 0)
            *warning = "invalid value in mean";
    } else {
        mean = (double)state->u.integer / (double)state->count;
    }
    return scalar_of_double(dtype, mean);
}

static gpuproc_status finish_extreme(const gp_reduce_state *state, gp_op op, gp_dtype dtype,
                                     gpuproc_scalar *value, gpuproc_error *err)
{
    const gp_partial_extreme *extreme = &state->u.extreme;
    if (extreme->index < 0) {
        const char *name = op == GP_OP_MIN      ? "min"
                           : op == GP_OP_MAX    ? "max"
                           : op == GP_OP_ARGMIN ? "argmin"
                                                : "argmax";
        return gp_fail(err, GPUPROC_DOMAIN, "%s: expected at least one element, found none", name);
    }
    if (op == GP_OP_ARGMIN || op == GP_OP_ARGMAX) {
        *value = scalar_of_integer(dtype, extreme->index);
    } else {
        switch (gp_dtype_kind(state->operand)) {
        case GP_KIND_FLOAT: *value = scalar_of_double(dtype, extreme->value.f); break;
        case GP_KIND_INT: *value = scalar_of_integer(dtype, extreme->value.i); break;
        default: *value = scalar_of_integer(dtype, (__int128)extreme->value.u); break;
        }
    }
    return GPUPROC_OK;
}

/* NumPy's rule: the divisor is max(n - ddof, 0), and x / 0 is what IEEE says. */
static gpuproc_status finish_moments(const gp_reduce_state *state, gp_op op, gp_dtype dtype,
                                     double ddof, gpuproc_scalar *value, const char **warning,
                                     gpuproc_error *err)
{
    gp_reduce_node total = {0};
    if (state->count > 0) {
        gpuproc_status st = gp_reduce_tree_fold(&state->u.tree, state->count, &total, err);
        if (st != GPUPROC_OK) return st;
    }
    double divisor = (double)state->count - ddof;
    if (!(divisor > 0)) {
        divisor = isnan(ddof) ? ddof : 0;
        *warning = "degrees of freedom <= 0";
    }
    double var = total.m2 / divisor;
    *value = scalar_of_double(dtype, op == GP_OP_STD ? sqrt(var) : var);
    return GPUPROC_OK;
}

static gpuproc_status finish_prod(const gp_reduce_state *state, gp_dtype dtype,
                                  gpuproc_scalar *value, gpuproc_error *err)
{
    if (!gp_dtype_is_float(state->operand)) {
        bool is_signed = gp_dtype_kind(state->operand) == GP_KIND_INT;
        *value = scalar_of_integer(dtype, is_signed ? (__int128)(int64_t)state->u.word
                                                    : (__int128)state->u.word);
        return GPUPROC_OK;
    }
    gp_reduce_node total = {.value = 1};
    if (state->count > 0) {
        gpuproc_status st = gp_reduce_tree_fold(&state->u.tree, state->count, &total, err);
        if (st != GPUPROC_OK) return st;
    }
    *value = scalar_of_double(dtype, total.value);
    return GPUPROC_OK;
}

gpuproc_status gp_reduce_finish(gp_reduce_state *state, gp_op op, gp_dtype dtype, uint64_t count,
                                double ddof, gpuproc_scalar *value, const char **warning,
                                gpuproc_error *err)
{
    const char *ignored;
    if (warning == NULL) warning = &ignored;
    *warning = NULL;
    if (state->count != count)
        return gp_fail(err, GPUPROC_INTERNAL, "reduction: expected %llu elements, found %llu",
                       (unsigned long long)count, (unsigned long long)state->count);
    if (gp_reduce_kind_of(op) != state->kind)
        return gp_fail(err, GPUPROC_INTERNAL, "reduction: operation %d on an accumulator of kind %d",
                       (int)op, (int)state->kind);

    switch (op) {
    case GP_OP_SUM: *value = finish_sum(state, dtype, warning); return GPUPROC_OK;
    case GP_OP_MEAN: *value = finish_mean(state, dtype, warning); return GPUPROC_OK;
    case GP_OP_PROD: return finish_prod(state, dtype, value, err);
    case GP_OP_MIN:
    case GP_OP_MAX:
    case GP_OP_ARGMIN:
    case GP_OP_ARGMAX: return finish_extreme(state, op, dtype, value, err);
    case GP_OP_VAR:
    case GP_OP_STD: return finish_moments(state, op, dtype, ddof, value, warning, err);
    case GP_OP_ANY: *value = scalar_of_integer(dtype, state->u.word != 0); return GPUPROC_OK;
    case GP_OP_ALL: *value = scalar_of_integer(dtype, state->u.word == count); return GPUPROC_OK;
    case GP_OP_COUNT_NONZERO:
        *value = scalar_of_integer(dtype, (__int128)state->u.word);
        return GPUPROC_OK;
    default: return gp_fail(err, GPUPROC_INTERNAL, "operation %d is not a reduction", (int)op);
    }
}
