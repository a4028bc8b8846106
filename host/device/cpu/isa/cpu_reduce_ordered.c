/* The ordered reductions of floats: PROD and MOMENTS. */
#include "device/cpu/isa/cpu_reduce.h"

#include <math.h>

/* A block goes into GP_LANES lanes of float64, which are then halved. The lanes are worked off
 * GROUP at a time, so that their sums stay in registers. */

#define GROUP_VECTORS (VD >= 8 ? 8 : 4) /* vectors under way at once */
#define GROUP (GROUP_VECTORS * VD)

static inline __attribute__((always_inline)) vd load_lanes(const float *narrow, const double *wide,
                                                           size_t at)
{
    return narrow != NULL ? vd_widen(narrow + at) : vd_load(wide + at);
}

static inline double scalar_at(const float *narrow, const double *wide, size_t at)
{
    return narrow != NULL ? (double)narrow[at] : wide[at];
}

static double halve_products(const double *lane)
{
    vd x[GP_LANES / VD];
    for (size_t k = 0; k < GP_LANES / VD; k++) x[k] = vd_load(lane + k * VD);
    for (size_t w = GP_LANES / VD / 2; w > 0; w /= 2) {
        for (size_t k = 0; k < w; k++) x[k] *= x[k + w];
    }
    return vd_product_lanes(x[0]);
}

/* `widened` (may be NULL) takes the elements as float64, so that they are converted once. */
static inline __attribute__((always_inline)) double block_sum(const float *narrow,
                                                              const double *wide, double *widened,
                                                              size_t n)
{
    double lane[GP_LANES];
    size_t whole = n - n % GP_LANES;
    for (size_t g = 0; g < GP_LANES; g += GROUP) {
        vd s[GROUP_VECTORS];
        for (size_t k = 0; k < GROUP_VECTORS; k++) s[k] = vd_splat(0);
        for (size_t i = g; i < whole; i += GP_LANES) {
            for (size_t k = 0; k < GROUP_VECTORS; k++) {
                vd x = load_lanes(narrow, wide, i + k * VD);
                s[k] += x;
                if (widened != NULL) vd_store(widened + i + k * VD, x);
            }
        }
        for (size_t k = 0; k < GROUP_VECTORS; k++) vd_store(lane + g + k * VD, s[k]);
    }
    for (size_t i = whole; i < n; i++) {
        double x = scalar_at(narrow, wide, i);
        lane[i - whole] += x;
        if (widened != NULL) widened[i] = x;
    }
    return halve_sums(lane);
}

static inline __attribute__((always_inline)) void moments(gp_partial_moments *out,
                                                          const float *narrow, const double *wide,
                                                          size_t n)
{
    double widened[GP_BLOCK];
    double m = block_sum(narrow, wide, narrow != NULL ? widened : NULL, n) / (double)n;
    if (narrow != NULL) wide = widened;
    if (!isfinite(m)) {
        out->mean = out->low = out->m2 = (double)NAN;
        return;
    }
    double d_lane[GP_LANES], q_lane[GP_LANES];
    size_t whole = n - n % GP_LANES;
    enum { HALF_VECTORS = GROUP_VECTORS / 2, HALF = HALF_VECTORS * VD };
    for (size_t g = 0; g < GP_LANES; g += HALF) {
        vd d[HALF_VECTORS], q[HALF_VECTORS];
        for (size_t k = 0; k < HALF_VECTORS; k++) d[k] = q[k] = vd_splat(0);
        for (size_t i = g; i < whole; i += GP_LANES) {
            for (size_t k = 0; k < HALF_VECTORS; k++) {
                vd distance = vd_load(wide + i + k * VD) - m;
                d[k] += distance;
                q[k] += distance * distance;
            }
        }
        for (size_t k = 0; k < HALF_VECTORS; k++) {
            vd_store(d_lane + g + k * VD, d[k]);
            vd_store(q_lane + g + k * VD, q[k]);
        }
    }
    for (size_t i = whole; i < n; i++) {
        double distance = wide[i] - m;
        d_lane[i - whole] += distance;
        q_lane[i - whole] += distance * distance;
    }
    double d = halve_sums(d_lane), q = halve_sums(q_lane), shift = d / (double)n;
    out->mean = m;
    out->low = shift;
    out->m2 = q - d * shift;
}

static inline __attribute__((always_inline)) double product(const float *narrow, const double *wide,
                                                            size_t n)
{
    double lane[GP_LANES];
    size_t whole = n - n % GP_LANES;
    for (size_t g = 0; g < GP_LANES; g += GROUP) {
        vd p[GROUP_VECTORS];
        for (size_t k = 0; k < GROUP_VECTORS; k++) p[k] = vd_splat(1);
        for (size_t i = g; i < whole; i += GP_LANES) {
            for (size_t k = 0; k < GROUP_VECTORS; k++) p[k] *= load_lanes(narrow, wide, i + k * VD);
        }
        for (size_t k = 0; k < GROUP_VECTORS; k++) vd_store(lane + g + k * VD, p[k]);
    }
    for (size_t i = whole; i < n; i++) lane[i - whole] *= scalar_at(narrow, wide, i);
    return halve_products(lane);
}

void cpu_moments_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    moments(partial, v, NULL, n);
}

void cpu_moments_f8(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    moments(partial, NULL, v, n);
}

void cpu_prod_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    ((gp_partial_prod *)partial)->value = product(v, NULL, n);
}

void cpu_prod_f8(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    ((gp_partial_prod *)partial)->value = product(NULL, v, n);
}
