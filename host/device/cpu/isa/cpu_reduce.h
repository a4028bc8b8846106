/* Inside of the CPU's reductions: vectors of the instruction set that the file is
 * compiled for (GP_ISA), and the names of its loops. */
#ifndef GP_DEVICE_CPU_ISA_REDUCE_H
#define GP_DEVICE_CPU_ISA_REDUCE_H

#include "device/cpu/cpu_ops.h"

#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define GP_PASTE_(a, b) a##_##b
#define GP_PASTE(a, b) GP_PASTE_(a, b)
#define GP_ISA_NAME(name) GP_PASTE(name, GP_ISA)

/* The loops, compiled under one name per instruction set. */
#define cpu_sum_f4 GP_ISA_NAME(gp_cpu_sum_f4)
#define cpu_sum_many_f4 GP_ISA_NAME(gp_cpu_sum_many_f4)
#define cpu_sum_f8 GP_ISA_NAME(gp_cpu_sum_f8)
#define cpu_prod_f4 GP_ISA_NAME(gp_cpu_prod_f4)
#define cpu_prod_f8 GP_ISA_NAME(gp_cpu_prod_f8)
#define cpu_moments_f4 GP_ISA_NAME(gp_cpu_moments_f4)
#define cpu_moments_f8 GP_ISA_NAME(gp_cpu_moments_f8)
#define cpu_min_f4 GP_ISA_NAME(gp_cpu_min_f4)
#define cpu_min_f8 GP_ISA_NAME(gp_cpu_min_f8)
#define cpu_max_f4 GP_ISA_NAME(gp_cpu_max_f4)
#define cpu_max_f8 GP_ISA_NAME(gp_cpu_max_f8)
#define cpu_argmin_f4 GP_ISA_NAME(gp_cpu_argmin_f4)
#define cpu_argmin_f8 GP_ISA_NAME(gp_cpu_argmin_f8)
#define cpu_argmax_f4 GP_ISA_NAME(gp_cpu_argmax_f4)
#define cpu_argmax_f8 GP_ISA_NAME(gp_cpu_argmax_f8)

void cpu_sum_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_sum_many_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_sum_f8(void *partial, const void *v, size_t n, uint64_t first);
void cpu_prod_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_prod_f8(void *partial, const void *v, size_t n, uint64_t first);
void cpu_moments_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_moments_f8(void *partial, const void *v, size_t n, uint64_t first);
void cpu_min_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_min_f8(void *partial, const void *v, size_t n, uint64_t first);
void cpu_max_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_max_f8(void *partial, const void *v, size_t n, uint64_t first);
void cpu_argmin_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_argmin_f8(void *partial, const void *v, size_t n, uint64_t first);
void cpu_argmax_f4(void *partial, const void *v, size_t n, uint64_t first);
void cpu_argmax_f8(void *partial, const void *v, size_t n, uint64_t first);

#if defined(GP_ISA_avx512)
#define VECTOR_BYTES 64
#elif defined(GP_ISA_avx2)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define VF (VECTOR_BYTES / 4) /* floats in a vector */
#define VD (VECTOR_BYTES / 8) /* doubles in a vector */

typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef double vd __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vfi __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t vdi __attribute__((vector_size(VECTOR_BYTES)));

static inline vf vf_load(const float *p)
{
    vf x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline vd vd_load(const double *p)
{
    vd x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void vd_store(double *p, vd x) { memcpy(p, &x, sizeof x); }

/* Intrinsics, since the compilers make several instructions of a conversion of vectors. */
static inline vd vd_widen(const float *p)
{
#if defined(GP_ISA_avx512)
    return (vd)_mm512_cvtps_pd(_mm256_loadu_ps(p));
#elif defined(GP_ISA_avx2)
    return (vd)_mm256_cvtps_pd(_mm_loadu_ps(p));
#elif defined(__SSE2__)
    double two;
    memcpy(&two, p, sizeof two);
    return (vd)_mm_cvtps_pd(_mm_castpd_ps(_mm_set_sd(two)));
#else
    return (vd){p[0], p[1]};
#endif
}

static inline vd vd_splat(double x) { return (vd){0} + x; }
static inline vf vf_splat(float x) { return (vf){0} + x; }

/* x < m ? x : m, so that a NaN in x is passed over. max: x > m ? x : m. */
static inline vf vf_min(vf x, vf m)
{
#if defined(GP_ISA_avx512)
    return (vf)_mm512_min_ps((__m512)x, (__m512)m);
#elif defined(GP_ISA_avx2)
    return (vf)_mm256_min_ps((__m256)x, (__m256)m);
#elif defined(__SSE2__)
    return (vf)_mm_min_ps((__m128)x, (__m128)m);
#else
    vfi less = x < m;
    return (vf)(((vfi)x & less) | ((vfi)m & ~less));
#endif
}

static inline vf vf_max(vf x, vf m)
{
#if defined(GP_ISA_avx512)
    return (vf)_mm512_max_ps((__m512)x, (__m512)m);
#elif defined(GP_ISA_avx2)
    return (vf)_mm256_max_ps((__m256)x, (__m256)m);
#elif defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)x, (__m128)m);
#else
    vfi more = x > m;
    return (vf)(((vfi)x & more) | ((vfi)m & ~more));
#endif
}

static inline vd vd_min(vd x, vd m)
{
#if defined(GP_ISA_avx512)
    return (vd)_mm512_min_pd((__m512d)x, (__m512d)m);
#elif defined(GP_ISA_avx2)
    return (vd)_mm256_min_pd((__m256d)x, (__m256d)m);
#elif defined(__SSE2__)
    return (vd)_mm_min_pd((__m128d)x, (__m128d)m);
#else
    vdi less = x < m;
    return (vd)(((vdi)x & less) | ((vdi)m & ~less));
#endif
}

static inline vd vd_max(vd x, vd m)
{
#if defined(GP_ISA_avx512)
    return (vd)_mm512_max_pd((__m512d)x, (__m512d)m);
#elif defined(GP_ISA_avx2)
    return (vd)_mm256_max_pd((__m256d)x, (__m256d)m);
#elif defined(__SSE2__)
    return (vd)_mm_max_pd((__m128d)x, (__m128d)m);
#else
    vdi more = x > m;
    return (vd)(((vdi)x & more) | ((vdi)m & ~more));
#endif
}

/* Lanes where a or b is NaN, to be ORed; *_any tells whether there was one. */
#if defined(GP_ISA_avx512)
typedef uint32_t vf_flags, vd_flags;
static inline vf_flags vf_unordered(vf a, vf b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_UNORD_Q);
}
static inline vd_flags vd_unordered(vd a, vd b)
{
    return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_UNORD_Q);
}
static inline bool vf_any(vf_flags x) { return x != 0; }
static inline bool vd_any(vd_flags x) { return x != 0; }
#else
typedef vfi vf_flags;
typedef vdi vd_flags;
static inline vf_flags vf_unordered(vf a, vf b)
{
#if defined(GP_ISA_avx2)
    return (vfi)_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_UNORD_Q);
#elif defined(__SSE2__)
    return (vfi)_mm_cmpunord_ps((__m128)a, (__m128)b);
#else
    return (a != a) | (b != b);
#endif
}
static inline vd_flags vd_unordered(vd a, vd b)
{
#if defined(GP_ISA_avx2)
    return (vdi)_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_UNORD_Q);
#elif defined(__SSE2__)
    return (vdi)_mm_cmpunord_pd((__m128d)a, (__m128d)b);
#else
    return (a != a) | (b != b);
#endif
}
static inline bool vd_any(vd_flags x)
{
    int64_t any = 0;
    for (int i = 0; i < VD; i++) any |= x[i];
    return any != 0;
}
static inline bool vf_any(vf_flags x) { return vd_any((vdi)x); }
#endif

/* Over the lanes of a vector, by halving: lane j with lane j + w/2. None is NaN for min and max. */
#if defined(GP_ISA_avx512)
#define DOUBLE_HALVES(x) \
    _mm512_castpd512_pd256((__m512d)(x)), _mm512_extractf64x4_pd((__m512d)(x), 1)
#define FLOAT_HALVES(x) \
    _mm512_castps512_ps256((__m512)(x)), _mm512_extractf32x8_ps((__m512)(x), 1)
#endif
#if defined(GP_ISA_avx512) || defined(GP_ISA_avx2)
#define DOUBLE_QUARTERS(x) _mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1)
#define FLOAT_QUARTERS(x) _mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)
#endif

#if defined(GP_ISA_avx512)
#define DEFINE_LANES(order)                                                     \
    static inline __m128d order##_pd128(vd x)                                   \
    {                                                                           \
        __m256d half = _mm256_##order##_pd(DOUBLE_HALVES(x));                   \
        return _mm_##order##_pd(DOUBLE_QUARTERS(half));                         \
    }                                                                           \
    static inline __attribute__((unused)) __m128 order##_ps128(vf x)                                    \
    {                                                                           \
        __m256 half = _mm256_##order##_ps(FLOAT_HALVES(x));                     \
        return _mm_##order##_ps(FLOAT_QUARTERS(half));                          \
    }
#elif defined(GP_ISA_avx2)
#define DEFINE_LANES(order)                                                     \
    static inline __m128d order##_pd128(vd x)                                   \
    {                                                                           \
        return _mm_##order##_pd(DOUBLE_QUARTERS((__m256d)x));                   \
    }                                                                           \
    static inline __attribute__((unused)) __m128 order##_ps128(vf x)                                    \
    {                                                                           \
        return _mm_##order##_ps(FLOAT_QUARTERS((__m256)x));                     \
    }
#else
#define DEFINE_LANES(order)                                                     \
    static inline vd order##_pd128(vd x) { return x; }                          \
    static inline __attribute__((unused)) vf order##_ps128(vf x) { return x; }
#endif
DEFINE_LANES(add)
DEFINE_LANES(mul)
DEFINE_LANES(min)
DEFINE_LANES(max)

static inline double vd_sum_lanes(vd x) { return add_pd128(x)[0] + add_pd128(x)[1]; }
static inline double vd_product_lanes(vd x) { return mul_pd128(x)[0] * mul_pd128(x)[1]; }

static inline double lesser(double a, double b) { return b < a ? b : a; }
static inline double greater(double a, double b) { return b > a ? b : a; }
static inline double vd_min_lanes(vd x) { return lesser(min_pd128(x)[0], min_pd128(x)[1]); }
static inline double vd_max_lanes(vd x) { return greater(max_pd128(x)[0], max_pd128(x)[1]); }

static inline float vf_min_lanes(vf x)
{
    float a = min_ps128(x)[0], b = min_ps128(x)[1], c = min_ps128(x)[2], d = min_ps128(x)[3];
    return (float)lesser(lesser(a, b), lesser(c, d));
}

static inline float vf_max_lanes(vf x)
{
    float a = max_ps128(x)[0], b = max_ps128(x)[1], c = max_ps128(x)[2], d = max_ps128(x)[3];
    return (float)greater(greater(a, b), greater(c, d));
}

/* floor(log2(x)) for x >= 0; -1022 for zero and subnormal numbers. */
static inline int exponent_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int biased = (int)(bits >> 52);
    return (biased > 0 ? biased : 1) - 1023;
}

/* The lanes of a block: lane j takes lane j + 32, then j + 16, and so on down to one. */
static inline double halve_sums(const double *lane)
{
    vd x[GP_LANES / VD];
    for (size_t k = 0; k < GP_LANES / VD; k++) x[k] = vd_load(lane + k * VD);
    for (size_t w = GP_LANES / VD / 2; w > 0; w /= 2) {
        for (size_t k = 0; k < w; k++) x[k] += x[k + w];
    }
    return vd_sum_lanes(x[0]);
}

/* In cpu_reduce_extreme.c: takes the extreme of a block that has no NaN, as MIN and MAX do. */
#define cpu_settle_extreme GP_ISA_NAME(gp_cpu_settle_extreme)
void cpu_settle_extreme(gp_partial_extreme *best, double value, const void *v, size_t n,
                        uint64_t first, bool wide, bool max);

/* In cpu_reduce_summary.c. */
#define cpu_summary_f4 GP_ISA_NAME(gp_cpu_summary_f4)
void cpu_summary_f4(gp_exact *sum, gp_partial_moments *moments, gp_partial_extreme *min,
                    gp_partial_extreme *max, const void *v, size_t n, uint64_t first);

#endif
