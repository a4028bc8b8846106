/* How far two results are from each other. */
#include "bench_lab.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The distance of a float32 or float64 to the next one. */
static double unit_of(double v, bool single)
{
    int e;
    v = fabs(v);
    if (!isfinite(v)) return INFINITY;
    frexp(v, &e);
    int digits = single ? FLT_MANT_DIG : DBL_MANT_DIG, least = single ? FLT_MIN_EXP : DBL_MIN_EXP;
    return ldexp(1, (v == 0 || e < least ? least : e) - digits);
}

static double number(const void *data, uint64_t i, bool single)
{
    return single ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static double float_difference(const void *a, const void *b, uint64_t count, bool single, bool whole)
{
    double most = 0, unit = 0;
    for (uint64_t i = 0; whole && i < count; i++) {
        double v = fabs(number(b, i, single));
        if (isfinite(v)) unit = fmax(unit, v);
    }
    unit = whole ? unit_of(unit, single) : 0;
    for (uint64_t i = 0; i < count; i++) {
        double x = number(a, i, single), y = number(b, i, single);
        if (x == y || (isnan(x) && isnan(y))) continue;
        if (!isfinite(x) || !isfinite(y)) return INFINITY;
        most = fmax(most, fabs(x - y) / (whole ? unit : unit_of(y, single)));
    }
    return most;
}

/* Count is of the dtype's elements; complex ones are pairs of floats. */
static double array_difference(gpuproc_dtype dtype, const void *a, const void *b, uint64_t count, bool whole)
{
    uint64_t bytes = count * gpuproc_dtype_bytes(dtype);
    if (count == 0 || memcmp(a, b, (size_t)bytes) == 0) return 0;
    switch (dtype) {
    case GPUPROC_FLOAT32:
    case GPUPROC_COMPLEX64: return float_difference(a, b, bytes / 4, true, whole);
    case GPUPROC_FLOAT64:
    case GPUPROC_COMPLEX128: return float_difference(a, b, bytes / 8, false, whole);
    default: return INFINITY;
    }
}

double bench_difference(const bench_result *a, const bench_result *b, bool whole)
{
    double most = 0;
    if (a->scalars != b->scalars || a->count != b->count || a->dtype != b->dtype) return INFINITY;
    for (size_t i = 0; i < a->scalars; i++) {
        const gpuproc_scalar *x = &a->scalar[i], *y = &b->scalar[i];
        if (x->dtype != y->dtype) return INFINITY;
        /* A scalar holds a float32 as a double. */
        if (x->dtype == GPUPROC_FLOAT32) {
            float u = (float)x->value.f, v = (float)y->value.f;
            most = fmax(most, float_difference(&u, &v, 1, true, whole));
        } else if (x->dtype == GPUPROC_FLOAT64) {
            most = fmax(most, float_difference(&x->value.f, &y->value.f, 1, false, whole));
        } else if (gpuproc_dtype_bytes(x->dtype) > 8 || x->dtype == GPUPROC_COMPLEX64) {
            most = fmax(most, float_difference(x->value.c, y->value.c, 2, false, whole));
        } else if (x->value.u != y->value.u) {
            most = INFINITY;
        }
    }
    if (a->data != NULL && b->data != NULL)
        most = fmax(most, array_difference(a->dtype, a->data, b->data, a->count, whole));
    return most;
}
