/* Integers: division and its kin, powers, bits, shifts, common divisors. */
#include "device/cpu/isa/isa.h"

/* Quotients. 8 and 16 bits go through float32 and 32 bits through float64, where
 * the truncated quotient is right (a quotient that is no integer is further from
 * the next one than the rounding error), because processors divide vectors of floats
 * only. The caller sees to y != 0 and to INT_MIN / -1. */
#define QUOTIENT_INT8 float
#define QUOTIENT_UINT8 float
#define QUOTIENT_INT16 float
#define QUOTIENT_UINT16 float
#define QUOTIENT_INT32 double
#define QUOTIENT_UINT32 double
#define QUOTIENT_INT64 int64_t
#define QUOTIENT_UINT64 uint64_t

/* A divisor that is 0 or -1 is handled apart: safe() replaces it by 1. */
#define SIGNED(DT, T, U)                                                        \
    static inline T quotient_##DT(T x, T y)                                     \
    {                                                                           \
        T by = ((y == 0) | (y == -1)) ? 1 : y;                                  \
        T q = (T)((QUOTIENT_##DT)x / (QUOTIENT_##DT)by);                        \
        return y == 0 ? 0 : y == -1 ? (T)(0 - (U)x) : q;                        \
    }                                                                           \
    /* C's remainder, 0 for y == 0. */                                          \
    static inline T fmod_##DT(T x, T y)                                         \
    {                                                                           \
        T r = (T)((U)x - (U)quotient_##DT(x, y) * (U)y);                        \
        return y == 0 ? 0 : r;                                                  \
    }                                                                           \
    static inline T mod_##DT(T x, T y)                                          \
    {                                                                           \
        T r = fmod_##DT(x, y);                                                  \
        U other_side = (U)((r != 0) & ((r < 0) != (y < 0)));                    \
        return (T)((U)r + (-other_side & (U)y));                                \
    }                                                                           \
    static inline T floordiv_##DT(T x, T y)                                     \
    {                                                                           \
        T q = quotient_##DT(x, y);                                              \
        T r = (T)((U)x - (U)q * (U)y);                                          \
        return (T)((U)q - ((y != 0) & (r != 0) & ((r < 0) != (y < 0))));        \
    }                                                                           \
    static inline T reciprocal_##DT(T x) { return (T)((x == 1) - (x == -1)); }
GP_EACH_SIGNED(SIGNED)

#define UNSIGNED(DT, T, U)                                                      \
    static inline T floordiv_##DT(T x, T y)                                     \
    {                                                                           \
        T q = (T)((QUOTIENT_##DT)x / (QUOTIENT_##DT)(y == 0 ? 1 : y));          \
        return y == 0 ? 0 : q;                                                  \
    }                                                                           \
    static inline T fmod_##DT(T x, T y)                                         \
    {                                                                           \
        T r = (T)((U)x - (U)floordiv_##DT(x, y) * (U)y);                        \
        return y == 0 ? 0 : r;                                                  \
    }                                                                           \
    static inline T mod_##DT(T x, T y) { return fmod_##DT(x, y); }              \
    static inline T reciprocal_##DT(T x) { return (T)(x == 1); }
GP_EACH_UNSIGNED(UNSIGNED)

/* Reciprocal of 0: NumPy leaves it to the processor; here 0, like every other
 * integer division by 0. */
#define DIVISION(DT, T, U)                                                      \
    GP_LOOP2_FLAG(FLOORDIV, DT, T, GP_FLAG_DIVIDE, y == 0, floordiv_##DT(x, y)) \
    GP_LOOP2_FLAG(MOD, DT, T, GP_FLAG_DIVIDE, y == 0, mod_##DT(x, y))           \
    GP_LOOP2_FLAG(FMOD, DT, T, GP_FLAG_DIVIDE, y == 0, fmod_##DT(x, y))         \
    uint32_t GP_FN(RECIPROCAL, DT)(GP_LOOP_ARGS)                                \
    {                                                                           \
        (void)pb, (void)pc;                                                     \
        T *d = dst;                                                             \
        const T *a = pa;                                                        \
        T zero = 0;                                                             \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            const T x = a[i];                                                   \
            zero |= (T)(x == 0);                                                \
            d[i] = reciprocal_##DT(x);                                          \
        }                                                                       \
        return zero ? GP_FLAG_DIVIDE : 0;                                       \
    }
GP_EACH_INTEGER(DIVISION)

/* By squaring; wraps modulo 2^64, so the low bits are right for every width. */
static inline uint64_t power(uint64_t base, uint64_t exponent)
{
    uint64_t r = 1;
    for (; exponent != 0; exponent >>= 1, base *= base) {
        if (exponent & 1) r *= base;
    }
    return r;
}

/* One exponent for the whole block (x**2) is the usual case: square all elements together. */
#define POWER(DT, T, U)                                                         \
    static void power_##DT(T *d, const T *a, T exponent, size_t n)              \
    {                                                                           \
        U base[GP_BLOCK], r[GP_BLOCK];                                          \
        for (size_t i = 0; i < n; i++) base[i] = (U)a[i], r[i] = 1;             \
        for (U e = (U)exponent; e != 0; e >>= 1) {                              \
            for (size_t i = 0; (e & 1) != 0 && i < n; i++) r[i] *= base[i];     \
            for (size_t i = 0; e > 1 && i < n; i++) base[i] *= base[i];         \
        }                                                                       \
        for (size_t i = 0; i < n; i++) d[i] = (T)r[i];                          \
    }                                                                           \
    uint32_t GP_FN(POW, DT)(GP_LOOP_ARGS)                                       \
    {                                                                           \
        (void)pc;                                                               \
        T *d = dst;                                                             \
        const T *a = pa, *b = pb;                                               \
        int negative = 0, differ = 0;                                           \
        for (size_t i = 0; i < n; i++) {                                        \
            negative |= BELOW_ZERO_##DT(b[i]);                                  \
            differ |= b[i] != b[0];                                             \
        }                                                                       \
        if (!differ && !negative && n > 0) {                                    \
            power_##DT(d, a, b[0], n);                                          \
            return 0;                                                           \
        }                                                                       \
        for (size_t i = 0; i < n; i++) {                                        \
            const T x = a[i], y = b[i];                                         \
            d[i] = BELOW_ZERO_##DT(y) ? 0 : (T)power((uint64_t)x, (uint64_t)y); \
        }                                                                       \
        return negative ? GP_FLAG_NEG_POWER : 0;                                \
    }
#define BELOW_ZERO_INT8(x) ((x) < 0)
#define BELOW_ZERO_INT16(x) ((x) < 0)
#define BELOW_ZERO_INT32(x) ((x) < 0)
#define BELOW_ZERO_INT64(x) ((x) < 0)
#define BELOW_ZERO_UINT8(x) 0
#define BELOW_ZERO_UINT16(x) 0
#define BELOW_ZERO_UINT32(x) 0
#define BELOW_ZERO_UINT64(x) 0
GP_EACH_INTEGER(POWER)

#define WIDTH(T) ((unsigned)(8 * sizeof(T)))
#define BITS(DT, T, U)                                                          \
    GP_LOOP2(BITAND, DT, T, T, (T)(x & y))                                      \
    GP_LOOP2(BITOR, DT, T, T, (T)(x | y))                                       \
    GP_LOOP2(BITXOR, DT, T, T, (T)(x ^ y))                                      \
    GP_LOOP1(INVERT, DT, T, T, (T)~x)                                           \
    /* A negative count is a huge one when read as unsigned. */                 \
    GP_LOOP2(SHL, DT, T, T, (T)((U)y < WIDTH(T) ? (U)x << ((U)y % WIDTH(T)) : 0))
GP_EACH_INTEGER(BITS)

#define SHR_SIGNED(DT, T, U)                                                    \
    GP_LOOP2(SHR, DT, T, T, (T)(x >> ((U)y < WIDTH(T) ? (U)y : WIDTH(T) - 1)))
GP_EACH_SIGNED(SHR_SIGNED)
#define SHR_UNSIGNED(DT, T, U)                                                  \
    GP_LOOP2(SHR, DT, T, T, (T)((U)y < WIDTH(T) ? (U)x >> ((U)y % WIDTH(T)) : 0))
GP_EACH_UNSIGNED(SHR_UNSIGNED)

/* Of the magnitude, as NumPy's bitwise_count. The sums by halves vectorise. */
static inline uint8_t ones_u4(uint32_t v)
{
    v -= (v >> 1) & 0x55555555u;
    v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
    v = (v + (v >> 4)) & 0x0f0f0f0fu;
    v += v >> 8;
    return (uint8_t)((v + (v >> 16)) & 63);
}
static inline uint8_t ones_u8(uint64_t v)
{
    v -= (v >> 1) & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + ((v >> 2) & 0x3333333333333333u);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    v += v >> 8;
    v += v >> 16;
    return (uint8_t)((v + (v >> 32)) & 127);
}
#define ONES(T, v) (sizeof(T) == 8 ? ones_u8((uint64_t)(v)) : ones_u4((uint32_t)(v)))
#define COUNT_SIGNED(DT, T, U)                                                  \
    GP_LOOP1(BITCOUNT, DT, T, uint8_t, ONES(T, x < 0 ? 0 - (U)x : (U)x))
GP_EACH_SIGNED(COUNT_SIGNED)
#define COUNT_UNSIGNED(DT, T, U) GP_LOOP1(BITCOUNT, DT, T, uint8_t, ONES(T, x))
GP_EACH_UNSIGNED(COUNT_UNSIGNED)

/* Stein's algorithm: shifts and subtractions only. */
static inline uint64_t gcd(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0) return a | b;
    int twos = __builtin_ctzll(a | b);
    a >>= __builtin_ctzll(a);
    while (b != 0) {
        b >>= __builtin_ctzll(b);
        uint64_t low = a < b ? a : b;
        b = a < b ? b - a : a - b;
        a = low;
    }
    return a << twos;
}
static inline uint64_t lcm(uint64_t a, uint64_t b)
{
    uint64_t g = gcd(a, b);
    return g == 0 ? 0 : a / g * b;
}

/* Magnitude in 64 bits: of INT_MIN too. The result wraps into T. */
#define MAGNITUDE(x) ((x) < 0 ? 0 - (uint64_t)(x) : (uint64_t)(x))
#define DIVISORS_SIGNED(DT, T, U)                                               \
    GP_LOOP2(GCD, DT, T, T, (T)gcd(MAGNITUDE(x), MAGNITUDE(y)))                 \
    GP_LOOP2(LCM, DT, T, T, (T)lcm(MAGNITUDE(x), MAGNITUDE(y)))
GP_EACH_SIGNED(DIVISORS_SIGNED)
#define DIVISORS_UNSIGNED(DT, T, U)                                             \
    GP_LOOP2(GCD, DT, T, T, (T)gcd(x, y))                                       \
    GP_LOOP2(LCM, DT, T, T, (T)lcm(x, y))
GP_EACH_UNSIGNED(DIVISORS_UNSIGNED)

/* Bools: bytes that are not zero are true, results are 0 or 1. */
GP_LOOP2(BITAND, BOOL, uint8_t, uint8_t, (uint8_t)((x != 0) & (y != 0)))
GP_LOOP2(BITOR, BOOL, uint8_t, uint8_t, (uint8_t)((x | y) != 0))
GP_LOOP2(BITXOR, BOOL, uint8_t, uint8_t, (uint8_t)((x != 0) ^ (y != 0)))
GP_LOOP1(INVERT, BOOL, uint8_t, uint8_t, (uint8_t)(x == 0))
