/* Transcendental functions: SLEEF's, at most 1 ULP from the correctly rounded result.
 *
 * SLEEF 3.5 has gaps at the ends of some ranges (arcsinh of large values is
 * infinite, sinh overflows too early, ...). For each function a test says which
 * elements are odd, that is, lie in a gap; they are computed again one by one in a wider
 * type. The tests are loops of their own over the block, which costs next to nothing where
 * no element is odd. */
#include "device/cpu/isa/isa.h"
#include "device/cpu/isa/sleef_vec.h"

#include <float.h>

#define INLINE static inline __attribute__((always_inline))

/* vectors1, vectors2: d = f(a), d = f(a, b); apply1, apply2: the same with the odd
 * elements mended. Whole vectors go straight from memory, the last elements through
 * padded copies, so that nothing outside the n elements is touched. */
#define DRIVERS(s, T, V)                                                        \
    INLINE void vectors1_##s(T *d, const T *a, size_t n, V (*f)(V))             \
    {                                                                           \
        enum { W = sizeof(V) / sizeof(T) };                                     \
        size_t i = 0;                                                           \
        V x;                                                                    \
        for (; i + W <= n; i += W) {                                            \
            memcpy(&x, a + i, sizeof x);                                        \
            x = gp_quiet_##s(f(x));                                             \
            memcpy(d + i, &x, sizeof x);                                        \
        }                                                                       \
        if (i == n) return;                                                     \
        T pad[W] = {0};                                                         \
        memcpy(pad, a + i, (n - i) * sizeof(T));                                \
        memcpy(&x, pad, sizeof x);                                              \
        x = gp_quiet_##s(f(x));                                                 \
        memcpy(pad, &x, sizeof x);                                              \
        memcpy(d + i, pad, (n - i) * sizeof(T));                                \
    }                                                                           \
    INLINE void vectors2_##s(T *d, const T *a, const T *b, size_t n, V (*f)(V, V)) \
    {                                                                           \
        enum { W = sizeof(V) / sizeof(T) };                                     \
        size_t i = 0;                                                           \
        V x, y;                                                                 \
        for (; i + W <= n; i += W) {                                            \
            memcpy(&x, a + i, sizeof x);                                        \
            memcpy(&y, b + i, sizeof y);                                        \
            x = gp_quiet_##s(f(x, y));                                          \
            memcpy(d + i, &x, sizeof x);                                        \
        }                                                                       \
        if (i == n) return;                                                     \
        T pa[W] = {0}, pb[W] = {0};                                             \
        memcpy(pa, a + i, (n - i) * sizeof(T));                                 \
        memcpy(pb, b + i, (n - i) * sizeof(T));                                 \
        memcpy(&x, pa, sizeof x);                                               \
        memcpy(&y, pb, sizeof y);                                               \
        x = gp_quiet_##s(f(x, y));                                              \
        memcpy(pa, &x, sizeof x);                                               \
        memcpy(d + i, pa, (n - i) * sizeof(T));                                 \
    }                                                                           \
    /* The operands are kept where something is odd: d may be one of them. */   \
    INLINE void apply1_##s(T *d, const T *a, size_t n, V (*f)(V), int (*odd)(T), T (*slow)(T)) \
    {                                                                           \
        T kept[GP_BLOCK];                                                       \
        int any = 0;                                                            \
        for (size_t i = 0; i < n; i++) any |= odd(a[i]);                        \
        if (any) memcpy(kept, a, n * sizeof(T));                                \
        vectors1_##s(d, a, n, f);                                               \
        for (size_t i = 0; any && i < n; i++) {                                 \
            if (odd(kept[i])) d[i] = slow(kept[i]);                             \
        }                                                                       \
    }                                                                           \
    /* Here odd() sees the result, too, so all are made aside: d may be an operand. */ \
    INLINE void apply2_##s(T *d, const T *a, const T *b, size_t n, V (*f)(V, V), \
                           int (*odd)(T, T, T), T (*slow)(T, T))                \
    {                                                                           \
        T r[GP_BLOCK];                                                          \
        int any = 0;                                                            \
        vectors2_##s(r, a, b, n, f);                                            \
        for (size_t i = 0; i < n; i++) any |= odd(a[i], b[i], r[i]);            \
        for (size_t i = 0; any && i < n; i++) {                                 \
            if (odd(a[i], b[i], r[i])) r[i] = slow(a[i], b[i]);                 \
        }                                                                       \
        memcpy(d, r, n * sizeof(T));                                            \
    }
DRIVERS(f4, float, gp_v4)
DRIVERS(f8, double, gp_v8)

#define NEVER 0
#define ABS4(x) __builtin_fabsf(x)
#define ABS8(x) __builtin_fabs(x)

/* One function in both dtypes: its C name (f4: computed in double, f8: in long double,
 * where that is wider), SLEEF's name, and what is odd for float32 and for float64.
 * NaN must not be odd (SLEEF has it right, and it is frequent in real data). */
#define MATH1(OP, c, name, odd4, odd8)                                          \
    INLINE int odd4_##OP(float x) { return (void)x, odd4; }                     \
    INLINE int odd8_##OP(double x) { return (void)x, odd8; }                    \
    static float slow4_##OP(float x) { return (float)c((double)x); }            \
    static double slow8_##OP(double x) { return (double)c##l((long double)x); } \
    uint32_t GP_FN(OP, FLOAT32)(GP_LOOP_ARGS)                                   \
    {                                                                           \
        (void)pb, (void)pc;                                                     \
        apply1_f4(dst, pa, n, SLEEF_F4(name, u10), odd4_##OP, slow4_##OP);      \
        return 0;                                                               \
    }                                                                           \
    uint32_t GP_FN(OP, FLOAT64)(GP_LOOP_ARGS)                                   \
    {                                                                           \
        (void)pb, (void)pc;                                                     \
        apply1_f8(dst, pa, n, SLEEF_F8(name, u10), odd8_##OP, slow8_##OP);      \
        return 0;                                                               \
    }

MATH1(CBRT, cbrt, cbrt, NEVER, NEVER)
MATH1(EXP, exp, exp, NEVER, NEVER)
MATH1(EXP2, exp2, exp2, NEVER, NEVER)
MATH1(EXPM1, expm1, expm1, NEVER, NEVER)
MATH1(LOG, log, log, NEVER, NEVER)
MATH1(LOG2, log2, log2, NEVER, NEVER)
MATH1(LOG10, log10, log10, NEVER, NEVER)
/* What is denormal: some round it to 0, where its function is itself. */
#define DENORMAL4(x) ((ABS4(x) < FLT_MIN) & ((x) != 0))
#define DENORMAL8(x) ((ABS8(x) < DBL_MIN) & ((x) != 0))

/* Infinite above 1e38 and 1e307. */
MATH1(LOG1P, log1p, log1p, (x > 0x1p125f) | DENORMAL4(x), (x > 0x1p1019) | DENORMAL8(x))
MATH1(SIN, sin, sin, NEVER, NEVER)
MATH1(COS, cos, cos, NEVER, NEVER)
MATH1(TAN, tan, tan, NEVER, DENORMAL8(x))
MATH1(ARCSIN, asin, asin, NEVER, NEVER)
MATH1(ARCCOS, acos, acos, NEVER, NEVER)
MATH1(ARCTAN, atan, atan, NEVER, NEVER)
/* Infinite before their result is. */
MATH1(SINH, sinh, sinh, ABS4(x) > 88, ABS8(x) > 709)
MATH1(COSH, cosh, cosh, ABS4(x) > 88, ABS8(x) > 709)
MATH1(TANH, tanh, tanh, NEVER, NEVER)
/* Infinite where the square of x is. */
MATH1(ARCSINH, asinh, asinh, (ABS4(x) > 0x1p63f) | DENORMAL4(x), (ABS8(x) > 0x1p511) | DENORMAL8(x))
MATH1(ARCCOSH, acosh, acosh, x > 0x1p63f, x > 0x1p511)
MATH1(ARCTANH, atanh, atanh, NEVER, NEVER)
/* Denormal results are 2 ULP off without fused multiply-add. */
MATH1(ERF, erf, erf, (ABS4(x) < 0x1p-120f) & (x != 0), NEVER)

#define MATH2(OP, c, name, ulp, odd4, odd8)                                     \
    INLINE int odd4_##OP(float x, float y, float r) { return (void)x, (void)y, (void)r, odd4; } \
    INLINE int odd8_##OP(double x, double y, double r) { return (void)x, (void)y, (void)r, odd8; } \
    static float slow4_##OP(float x, float y) { return (float)c((double)x, (double)y); } \
    static double slow8_##OP(double x, double y)                                \
    {                                                                           \
        return (double)c##l((long double)x, (long double)y);                    \
    }                                                                           \
    uint32_t GP_FN(OP, FLOAT32)(GP_LOOP_ARGS)                                   \
    {                                                                           \
        (void)pc;                                                               \
        apply2_f4(dst, pa, pb, n, SLEEF_F4(name, ulp), odd4_##OP, slow4_##OP);  \
        return 0;                                                               \
    }                                                                           \
    uint32_t GP_FN(OP, FLOAT64)(GP_LOOP_ARGS)                                   \
    {                                                                           \
        (void)pc;                                                               \
        apply2_f8(dst, pa, pb, n, SLEEF_F8(name, ulp), odd8_##OP, slow8_##OP);  \
        return 0;                                                               \
    }

/* The quotient is denormal and loses bits before the last step. */
MATH2(ARCTAN2, atan2, atan2, u10, (ABS4(x) < ABS4(y) * 0x1p-120f) & (x != 0),
      (ABS8(x) < ABS8(y) * 0x1p-1000) & (x != 0))
/* The same for a denormal sum. */
MATH2(HYPOT, hypot, hypot, u05,
      (ABS4(x) < 0x1p-100f) & (ABS4(y) < 0x1p-100f) & ((x != 0) | (y != 0)),
      (ABS8(x) < 0x1p-960) & (ABS8(y) < 0x1p-960) & ((x != 0) | (y != 0)))

/* Powers. x**2 is frequent and is x * x in every element with y == 2, so that a
 * result does not depend on its neighbours. Without fused multiply-add SLEEF is infinite
 * for some finite results near the largest. */
#define POWER(DT, T, s, ABS, MAX, name, wider, c)                               \
    INLINE int odd_power_##s(T x, T y, T r)                                     \
    {                                                                           \
        return (ABS(r) > MAX) & (ABS(x) <= MAX) & (ABS(y) <= MAX) & (x != 0);   \
    }                                                                           \
    static T slow_power_##s(T x, T y) { return (T)c((wider)x, (wider)y); }      \
    uint32_t GP_FN(POW, DT)(GP_LOOP_ARGS)                                       \
    {                                                                           \
        (void)pc;                                                               \
        T r[GP_BLOCK], *d = dst;                                                \
        const T *a = pa, *b = pb;                                               \
        int others = 0;                                                         \
        for (size_t i = 0; i < n; i++) others |= b[i] != 2;                     \
        if (!others) {                                                          \
            GP_IVDEP for (size_t i = 0; i < n; i++) { d[i] = a[i] * a[i]; }     \
            return 0;                                                           \
        }                                                                       \
        apply2_##s(r, a, b, n, name, odd_power_##s, slow_power_##s);            \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            const T square = a[i] * a[i];                                       \
            d[i] = b[i] == 2 ? square : r[i];                                   \
        }                                                                       \
        return 0;                                                               \
    }
POWER(FLOAT32, float, f4, ABS4, FLT_MAX, SLEEF_F4(pow, u10), double, pow)
POWER(FLOAT64, double, f8, ABS8, DBL_MAX, SLEEF_F8(pow, u10), long double, powl)
