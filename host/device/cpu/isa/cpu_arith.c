/* Arithmetic whose result is exact or exactly rounded: one instruction or a few each. */
#include "device/cpu/isa/isa.h"

#define ARITH(DT, T, U)                                                         \
    GP_LOOP2(ADD, DT, T, T, (T)((U)x + (U)y))                                   \
    GP_LOOP2(SUB, DT, T, T, (T)((U)x - (U)y))                                   \
    GP_LOOP2(MUL, DT, T, T, (T)((U)x * (U)y))                                   \
    GP_LOOP1(NEG, DT, T, T, (T)(0 - (U)x))                                      \
    GP_LOOP1(SQUARE, DT, T, T, (T)((U)x * (U)x))                                \
    GP_LOOP2(MINIMUM, DT, T, T, x < y ? x : y)                                  \
    GP_LOOP2(MAXIMUM, DT, T, T, x > y ? x : y)
GP_EACH_INTEGER(ARITH)

#define ARITH_SIGNED(DT, T, U)                                                  \
    GP_LOOP1(ABS, DT, T, T, x < 0 ? (T)(0 - (U)x) : x)                          \
    GP_LOOP1(SIGN, DT, T, T, (T)((x > 0) - (x < 0)))
GP_EACH_SIGNED(ARITH_SIGNED)

#define ARITH_UNSIGNED(DT, T, U)                                                \
    GP_LOOP1(ABS, DT, T, T, x)                                                  \
    GP_LOOP1(SIGN, DT, T, T, (T)(x > 0))
GP_EACH_UNSIGNED(ARITH_UNSIGNED)

/* Where the operands are equal (+0 and -0) the second is the result, as in NumPy's
 * vector loops. A NaN wins in MINIMUM and MAXIMUM, the first one if both are; it
 * loses in FMIN and FMAX. */
#define MIN_MAX(DT, T, U)                                                       \
    GP_LOOP2(MINIMUM, DT, T, T, ((x < y) | (x != x)) ? x : y)                   \
    GP_LOOP2(MAXIMUM, DT, T, T, ((x > y) | (x != x)) ? x : y)                   \
    GP_LOOP2(FMIN, DT, T, T, ((x < y) | (y != y)) ? x : y)                      \
    GP_LOOP2(FMAX, DT, T, T, ((x > y) | (y != y)) ? x : y)
GP_EACH_FLOAT(MIN_MAX)

/* f: the suffix of math.h's functions; s: of our helpers. */
#define SIGN_F4 0x80000000u
#define SIGN_F8 0x8000000000000000u
#define FLOATS(DT, T, U, f, s, SIGN_BIT)                                        \
    GP_LOOP2(ADD, DT, T, T, x + y)                                              \
    GP_LOOP2(SUB, DT, T, T, x - y)                                              \
    GP_LOOP2(MUL, DT, T, T, x * y)                                              \
    GP_LOOP2(DIV, DT, T, T, x / y)                                              \
    GP_LOOP1(NEG, DT, T, T, -x)                                                 \
    GP_LOOP1(ABS, DT, T, T, fabs##f(x))                                         \
    GP_LOOP1(SQUARE, DT, T, T, x * x)                                           \
    GP_LOOP1(RECIPROCAL, DT, T, T, 1 / x)                                       \
    GP_LOOP1(SQRT, DT, T, T, sqrt##f(x))                                        \
    GP_LOOP1(SIGN, DT, T, T, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x)           \
    GP_LOOP2(HEAVISIDE, DT, T, T, x > 0 ? 1 : x < 0 ? 0 : x == 0 ? y : x)       \
    GP_LOOP2(COPYSIGN, DT, T, T,                                                \
             from_bits_##s((bits_##s(x) & ~SIGN_BIT) | (bits_##s(y) & SIGN_BIT))) \
    GP_LOOP1(FLOOR, DT, T, T, floor##f(x))                                      \
    GP_LOOP1(CEIL, DT, T, T, ceil##f(x))                                        \
    GP_LOOP1(TRUNC, DT, T, T, trunc##f(x))                                      \
    GP_LOOP1(RINT, DT, T, T, rint##f(x))                                        \
    GP_LOOP2(NEXTAFTER, DT, T, T, next_##s(x, y))                               \
    GP_LOOP1(SPACING, DT, T, T, spacing_##s(x))

/* The bits of the neighbours of x != 0 differ by one: up in magnitude when y lies
 * on the far side of x from zero. */
#define NEXT(s, T, U, SIGN_BIT)                                                 \
    static inline T next_##s(T x, T y)                                          \
    {                                                                           \
        U u = bits_##s(x);                                                      \
        U step = (x < y) == (x > 0) ? (U)1 : (U)-1;                             \
        U moved = x == 0 ? (bits_##s(y) & SIGN_BIT) | 1 : u + step;             \
        T r = x == y ? y : from_bits_##s(moved);                                \
        return ((x != x) | (y != y)) ? x + y : r;                               \
    }                                                                           \
    /* The distance to the neighbour that is further from zero, with x's sign. */ \
    static inline T spacing_##s(T x)                                            \
    {                                                                           \
        T r = from_bits_##s(bits_##s(x) + 1) - x;                               \
        r = x == 0 ? from_bits_##s(1) : r;                                      \
        return x - x == 0 ? r : x - x;                                          \
    }
NEXT(f4, float, uint32_t, SIGN_F4)
NEXT(f8, double, uint64_t, SIGN_F8)
FLOATS(FLOAT32, float, uint32_t, f, f4, SIGN_F4)
FLOATS(FLOAT64, double, uint64_t, , f8, SIGN_F8)

/* NumPy's view of a bool: any byte that is not zero is true. */
GP_LOOP2(MINIMUM, BOOL, uint8_t, uint8_t, (uint8_t)((x != 0) & (y != 0)))
GP_LOOP2(MAXIMUM, BOOL, uint8_t, uint8_t, (uint8_t)((x | y) != 0))
