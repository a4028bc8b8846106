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
typedef float vh __attribute__((vector_size(VECTOR_BYTES / 2))); /* as many floats as vd has doubles */

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

static inline vd vd_widen(const float *p)
{
    vh x;
    memcpy(&x, p, sizeof x);
    return __builtin_convertvector(x, vd);
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

/* Over the lanes of a vector; none of them NaN. */
static inline float vf_min_lanes(vf x)
{
    float lane[VF];
    memcpy(lane, &x, sizeof lane);
    for (int w = VF / 2; w > 0; w /= 2) {
        for (int i = 0; i < w; i++) lane[i] = lane[i + w] < lane[i] ? lane[i + w] : lane[i];
    }
    return lane[0];
}

static inline float vf_max_lanes(vf x)
{
    float lane[VF];
    memcpy(lane, &x, sizeof lane);
    for (int w = VF / 2; w > 0; w /= 2) {
        for (int i = 0; i < w; i++) lane[i] = lane[i + w] > lane[i] ? lane[i + w] : lane[i];
    }
    return lane[0];
}

static inline double vd_min_lanes(vd x)
{
    double lane[VD];
    memcpy(lane, &x, sizeof lane);
    for (int w = VD / 2; w > 0; w /= 2) {
        for (int i = 0; i < w; i++) lane[i] = lane[i + w] < lane[i] ? lane[i + w] : lane[i];
    }
    return lane[0];
}

static inline double vd_max_lanes(vd x)
{
    double lane[VD];
    memcpy(lane, &x, sizeof lane);
    for (int w = VD / 2; w > 0; w /= 2) {
        for (int i = 0; i < w; i++) lane[i] = lane[i + w] > lane[i] ? lane[i + w] : lane[i];
    }
    return lane[0];
}

static inline double vd_sum_lanes(vd x)
{
    double lane[VD];
    memcpy(lane, &x, sizeof lane);
    for (int w = VD / 2; w > 0; w /= 2) {
        for (int i = 0; i < w; i++) lane[i] += lane[i + w];
    }
    return lane[0];
}

#endif
