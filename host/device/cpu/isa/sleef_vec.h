/* SLEEF's vectors and functions for the instruction set at hand.
 *
 * Only the deterministic variants are used: finz_ (with fused multiply-add) gives the
 * same bits at any vector width, so AVX2 and AVX-512 agree bit for bit. The base set must run
 * without fused multiply-add and takes cinz_, which is as accurate but not the same
 * in every last bit. */
#ifndef GP_DEVICE_CPU_ISA_SLEEF_VEC_H
#define GP_DEVICE_CPU_ISA_SLEEF_VEC_H

#include <sleef.h>

#if defined(GP_ISA_avx512)
typedef __m512 gp_v4;  /* of float32 */
typedef __m512d gp_v8; /* of float64 */
#define SLEEF_F4(name, ulp) Sleef_finz_##name##f16_##ulp##avx512f
#define SLEEF_F8(name, ulp) Sleef_finz_##name##d8_##ulp##avx512f
#elif defined(GP_ISA_avx2)
typedef __m256 gp_v4;
typedef __m256d gp_v8;
#define SLEEF_F4(name, ulp) Sleef_finz_##name##f8_##ulp##avx2
#define SLEEF_F8(name, ulp) Sleef_finz_##name##d4_##ulp##avx2
#elif defined(__SSE2__)
typedef __m128 gp_v4;
typedef __m128d gp_v8;
#define SLEEF_F4(name, ulp) Sleef_cinz_##name##f4_##ulp##sse2
#define SLEEF_F8(name, ulp) Sleef_cinz_##name##d2_##ulp##sse2
#else
#define GP_NO_VECTORS
typedef float gp_v4;
typedef double gp_v8;
#define SLEEF_F4(name, ulp) Sleef_cinz_##name##f1_##ulp##purec
#define SLEEF_F8(name, ulp) Sleef_cinz_##name##d1_##ulp##purec
#endif

/* Any NaN becomes the one quiet NaN: SLEEF's are not the same at every width. */
#ifdef GP_NO_VECTORS
static inline gp_v4 gp_quiet_f4(gp_v4 x) { return x == x ? x : __builtin_nanf(""); }
static inline gp_v8 gp_quiet_f8(gp_v8 x) { return x == x ? x : __builtin_nan(""); }
#else
typedef int32_t gp_i4 __attribute__((vector_size(sizeof(gp_v4))));
typedef int64_t gp_i8 __attribute__((vector_size(sizeof(gp_v8))));
static inline gp_v4 gp_quiet_f4(gp_v4 x)
{
    gp_i4 nan = (gp_i4)(x != x);
    return (gp_v4)(((gp_i4)x & ~nan) | (nan & 0x7fc00000));
}
static inline gp_v8 gp_quiet_f8(gp_v8 x)
{
    gp_i8 nan = (gp_i8)(x != x);
    return (gp_v8)(((gp_i8)x & ~nan) | (nan & 0x7ff8000000000000));
}
#endif

#endif
