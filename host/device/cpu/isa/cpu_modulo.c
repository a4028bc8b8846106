/* // and % and fmod of floats, by the rules of NumPy's npy_divmod. All stand on an exact
 * fmod; its usual case is vectors, the rest goes to the C library, which is exact too. */
#include "device/cpu/isa/isa.h"

/* Where the quotient is below the limit, q = trunc(x / y) is right or one too far,
 * and x - q * y is exact: for float32 in float64 (q * y has at most 53 bits), for
 * float64 by a fused multiply-add, which only the newer sets have; without it every lane is odd. */
#define LIMIT_F4 0x1p28f
#ifdef __FMA__
#define LIMIT_F8 0x1p52
static inline double rest_f8(double q, double x, double y) { return __builtin_fma(-q, y, x); }
#else
#define LIMIT_F8 -1.0
static inline double rest_f8(double q, double x, double y) { return x - q * y; }
#endif

static inline float usual_f4(float x, float y)
{
    double by = (double)y, q = __builtin_trunc((double)x / by);
    double r = q == 0 ? (double)x : (double)x - q * by; /* by may be infinite */
    r += (r < 0) != (x < 0) && r != 0 ? __builtin_copysign(by, (double)x) : 0;
    return __builtin_copysignf((float)r, x);
}
static inline double usual_f8(double x, double y)
{
    double q = __builtin_trunc(x / y), r = q == 0 ? x : rest_f8(q, x, y);
    r += (r < 0) != (x < 0) && r != 0 ? __builtin_copysign(y, x) : 0;
    return __builtin_copysign(r, x);
}
/* False for NaN, too, so that NaN, infinities and y == 0 go the long way. */
static inline int plain_f4(float x, float y) { return __builtin_fabsf(x / y) < LIMIT_F4; }
static inline int plain_f8(double x, double y) { return __builtin_fabs(x / y) < LIMIT_F8; }

#define MODULO(DT, T, f, s)                                                     \
    /* rest[i] = fmod(a[i], b[i]); rest is no operand. */                       \
    static void fmod_##s(T *restrict rest, const T *a, const T *b, size_t n)    \
    {                                                                           \
        unsigned odd = 0;                                                       \
        for (size_t i = 0; i < n; i++) {                                        \
            rest[i] = usual_##s(a[i], b[i]);                                    \
            odd |= !plain_##s(a[i], b[i]);                                      \
        }                                                                       \
        if (!odd) return;                                                       \
        for (size_t i = 0; i < n; i++) {                                        \
            if (!plain_##s(a[i], b[i])) rest[i] = fmod##f(a[i], b[i]);          \
        }                                                                       \
    }                                                                           \
    static inline T mod_##s(T r, T y)                                           \
    {                                                                           \
        T m = r == 0 ? __builtin_copysign##f(0, y)                              \
                     : r + ((r < 0) != (y < 0) ? y : 0);                        \
        return y == 0 ? r : m;                                                  \
    }                                                                           \
    static inline T floordiv_##s(T x, T y, T r)                                 \
    {                                                                           \
        T div = (x - r) / y - (((r != 0) & ((r < 0) != (y < 0))) ? 1 : 0);      \
        T down = __builtin_floor##f(div);                                       \
        down += div - down > (T)0.5 ? 1 : 0;                                    \
        down = div == 0 ? __builtin_copysign##f(0, x / y) : down;               \
        return y == 0 ? x / y : down;                                           \
    }                                                                           \
    uint32_t GP_FN(FMOD, DT)(GP_LOOP_ARGS)                                      \
    {                                                                           \
        (void)pc;                                                               \
        T rest[GP_BLOCK];                                                       \
        fmod_##s(rest, pa, pb, n);                                              \
        memcpy(dst, rest, n * sizeof(T));                                       \
        return 0;                                                               \
    }                                                                           \
    uint32_t GP_FN(MOD, DT)(GP_LOOP_ARGS)                                       \
    {                                                                           \
        (void)pc;                                                               \
        T rest[GP_BLOCK], *d = dst;                                             \
        const T *b = pb;                                                        \
        fmod_##s(rest, pa, b, n);                                               \
        GP_IVDEP for (size_t i = 0; i < n; i++) { d[i] = mod_##s(rest[i], b[i]); } \
        return 0;                                                               \
    }                                                                           \
    uint32_t GP_FN(FLOORDIV, DT)(GP_LOOP_ARGS)                                  \
    {                                                                           \
        (void)pc;                                                               \
        T rest[GP_BLOCK], *d = dst;                                             \
        const T *a = pa, *b = pb;                                               \
        fmod_##s(rest, a, b, n);                                                \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            d[i] = floordiv_##s(a[i], b[i], rest[i]);                           \
        }                                                                       \
        return 0;                                                               \
    }

MODULO(FLOAT32, float, f, f4)
MODULO(FLOAT64, double, , f8)
