#include "base/memory.h"
#include "fold/cells.h"

#include "base/clones.h"
#include "fold/double_double.h"
#include "fold/keys.h"

#include <math.h>

#define BATCH 256 /* cells at a time: values go through the stack, as `out` may be the cells themselves */

/* ---- Values to the result's dtype: integers wrap, floats are rounded once, one NaN for all ---- */

GP_CLONES static void put_doubles(gp_dtype dtype, const double *v, uint64_t n, void *out)
{
    if (dtype == GPUPROC_FLOAT32) {
        for (uint64_t i = 0; i < n; i++) {
            float x = (float)v[i];
            ((float *)out)[i] = x != x ? __builtin_nanf("") : x;
        }
    } else {
        for (uint64_t i = 0; i < n; i++) ((double *)out)[i] = v[i] != v[i] ? __builtin_nan("") : v[i];
    }
}

GP_CLONES static void put_words(gp_dtype dtype, bool is_signed, const uint64_t *v, uint64_t n, void *out)
{
    switch (dtype) {
    case GPUPROC_BOOL:
        for (uint64_t i = 0; i < n; i++) ((uint8_t *)out)[i] = v[i] != 0;
        break;
#define X(name, type, kind)                                               \
    case GPUPROC_##name:                                                  \
        for (uint64_t i = 0; i < n; i++) ((type *)out)[i] = (type)v[i];   \
        break;
        GP_DTYPES_INTEGER(X)
#undef X
#define X(name, type, kind)                                                                \
    case GPUPROC_##name:                                                                   \
        for (uint64_t i = 0; i < n; i++)                                                   \
            ((type *)out)[i] = is_signed ? (type)(int64_t)v[i] : (type)v[i];               \
        break;
        GP_DTYPES_FLOAT(X)
#undef X
    default: break;
    }
}

/* ---- Values ---- */

/* The sums of floats, rounded to float64. */
GP_CLONES static void float_sums(gp_dtype operand, uint64_t count, gp_cells cells, uint64_t n, double *v)
{
    const double *high = cells.plane[0], *low = cells.plane[1];
    if (count == 0) {
        for (uint64_t i = 0; i < n; i++) v[i] = 0;
    } else if (operand == GPUPROC_FLOAT32) {
        for (uint64_t i = 0; i < n; i++) v[i] = high[i];
    } else {
        for (uint64_t i = 0; i < n; i++) v[i] = gp_dd_round(high[i], low[i]);
    }
}

static double mean_of_halves(const int64_t *high, const uint64_t *low, bool is_signed, uint64_t count)
{
    __int128 upper = is_signed ? (__int128)*high : (__int128)(uint64_t)*high;
    return (double)(upper * ((__int128)1 << 32) + (__int128)*low) / (double)count;
}

static void means(const gp_fold_spec *spec, uint64_t count, gp_cells cells, uint64_t n, double *v)
{
    gp_dtype operand = spec->operand[0];
    if (gp_dtype_is_float(operand)) {
        float_sums(operand, count, cells, n, v);
        for (uint64_t i = 0; i < n; i++) v[i] /= (double)count;
        return;
    }
    const int64_t *high = cells.plane[0];
    const uint64_t *low = cells.plane[1];
    bool is_signed = gp_dtype_kind(operand) == GP_KIND_INT;
    for (uint64_t i = 0; i < n; i++) v[i] = mean_of_halves(high + i, low + i, is_signed, count);
}

/* Sum of squared distances from the mean, S2 - S1 * S1 / n: what S2 and the product share is
 * taken away before anything is rounded. */
static double spread(gp_cells cells, uint64_t i, double count)
{
    double s1 = gp_dd_round(((double *)cells.plane[1])[i], ((double *)cells.plane[2])[i]);
    double high = ((double *)cells.plane[3])[i], low = ((double *)cells.plane[4])[i];
    double rest1 = (((double *)cells.plane[1])[i] - s1) + ((double *)cells.plane[2])[i];
    double mean = s1 / count;
    double mean_rest = (fma(-mean, count, s1) + rest1) / count; /* of S1 / n */
    if (isinf(high) && isfinite(s1)) return high; /* the squares were too large, the elements were not */
    double p = s1 * mean, p_rest = fma(s1, mean, -p) + s1 * mean_rest + rest1 * mean;
    double d = high - p;
    double value = d + (gp_two_sum_error(high, -p, d) + (low - p_rest));
    return value < 0 ? 0 : value; /* NaN stays */
}

static void variances(const gp_fold_spec *spec, uint64_t count, gp_cells cells, uint64_t n, double *v)
{
    double divisor = (double)count - spec->ddof;
    if (!(divisor > 0)) divisor = isnan(spec->ddof) ? spec->ddof : 0;
    for (uint64_t i = 0; i < n; i++) {
        double var = (count == 0 ? 0 : spread(cells, i, (double)count)) / divisor;
        v[i] = spec->op == GP_OP_STD ? sqrt(var) : var;
    }
}

GP_CLONES static void extremes(gp_dtype operand, bool turned, gp_cells cells, uint64_t n, void *out)
{
    int64_t key[BATCH];
    memcpy(key, cells.plane[0], n * sizeof key[0]);
    switch (operand) {
#define X(name, type, kind)                                                                     \
    case GPUPROC_##name:                                                                        \
        for (uint64_t i = 0; i < n; i++) ((type *)out)[i] = gp_key_value_##name(key[i], turned); \
        break;
        GP_DTYPES(X)
#undef X
    default: break;
    }
}

static void finish(const gp_fold_spec *spec, uint64_t count, gp_cells cells, uint64_t n, void *out)
{
    double v[BATCH];
    uint64_t w[BATCH];
    gp_dtype operand = spec->operand[0];
    switch (spec->op) {
    case GP_OP_MIN:
    case GP_OP_MAX: extremes(operand, spec->op == GP_OP_MAX, cells, n, out); return;
    case GP_OP_MEAN:
        means(spec, count, cells, n, v);
        put_doubles(spec->dtype, v, n, out);
        return;
    case GP_OP_VAR:
    case GP_OP_STD:
        variances(spec, count, cells, n, v);
        put_doubles(spec->dtype, v, n, out);
        return;
    case GP_OP_SUM:
    case GP_OP_PROD:
        if (gp_dtype_is_float(operand)) {
            if (spec->op == GP_OP_SUM)
                float_sums(operand, count, cells, n, v);
            else
                memcpy(v, cells.plane[0], n * sizeof v[0]);
            put_doubles(spec->dtype, v, n, out);
            return;
        }
        memcpy(w, cells.plane[0], n * sizeof w[0]);
        break;
    case GP_OP_ARGMIN:
    case GP_OP_ARGMAX:
        for (uint64_t i = 0; i < n; i++) {
            uint64_t index = ((const uint64_t *)cells.plane[1])[i];
            w[i] = index == INT64_MAX ? 0 : index;
        }
        break;
    case GP_OP_ALL:
        for (uint64_t i = 0; i < n; i++) w[i] = ((const uint64_t *)cells.plane[0])[i] == count;
        break;
    default: memcpy(w, cells.plane[0], n * sizeof w[0]); break; /* ANY: not 0; COUNT_NONZERO */
    }
    put_words(spec->dtype, gp_dtype_kind(operand) == GP_KIND_INT, w, n, out);
}

void gp_cells_finish(const gp_fold_spec *spec, uint64_t count, gp_cells cells, uint64_t n, void *out)
{
    size_t size = gpuproc_dtype_bytes(spec->dtype);
    for (uint64_t i = 0; i < n; i += BATCH)
        finish(spec, count, gp_cells_at(cells, i), gp_min_u64(BATCH, n - i), (char *)out + i * size);
}
