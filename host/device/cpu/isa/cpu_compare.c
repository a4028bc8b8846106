/* Comparisons and tests, which give bools, and the choice between two operands. */
#include "device/cpu/isa/isa.h"

#define COMPARE(DT, T, U)                                                       \
    GP_LOOP2(EQ, DT, T, uint8_t, (uint8_t)(x == y))                             \
    GP_LOOP2(NE, DT, T, uint8_t, (uint8_t)(x != y))                             \
    GP_LOOP2(LT, DT, T, uint8_t, (uint8_t)(x < y))                              \
    GP_LOOP2(LE, DT, T, uint8_t, (uint8_t)(x <= y))                             \
    GP_LOOP2(GT, DT, T, uint8_t, (uint8_t)(x > y))                              \
    GP_LOOP2(GE, DT, T, uint8_t, (uint8_t)(x >= y))
GP_EACH_NUMBER(COMPARE)

/* Bytes that are not zero are true, and all trues are equal. */
GP_LOOP2(EQ, BOOL, uint8_t, uint8_t, (uint8_t)((x != 0) == (y != 0)))
GP_LOOP2(NE, BOOL, uint8_t, uint8_t, (uint8_t)((x != 0) != (y != 0)))
GP_LOOP2(LT, BOOL, uint8_t, uint8_t, (uint8_t)((x == 0) & (y != 0)))
GP_LOOP2(LE, BOOL, uint8_t, uint8_t, (uint8_t)((x == 0) | (y != 0)))
GP_LOOP2(GT, BOOL, uint8_t, uint8_t, (uint8_t)((x != 0) & (y == 0)))
GP_LOOP2(GE, BOOL, uint8_t, uint8_t, (uint8_t)((x != 0) | (y == 0)))

/* On the bits: the same everywhere, whatever a compiler thinks of NaN. */
typedef int32_t __attribute__((may_alias)) bits_i4;
typedef int64_t __attribute__((may_alias)) bits_i8;
#define TESTS(DT, I, MAGNITUDE, INF)                                            \
    GP_LOOP1(ISNAN, DT, I, uint8_t, (uint8_t)((x & (MAGNITUDE)) > (INF)))       \
    GP_LOOP1(ISINF, DT, I, uint8_t, (uint8_t)((x & (MAGNITUDE)) == (INF)))      \
    GP_LOOP1(ISFINITE, DT, I, uint8_t, (uint8_t)((x & (MAGNITUDE)) < (INF)))    \
    GP_LOOP1(SIGNBIT, DT, I, uint8_t, (uint8_t)(x < 0))
TESTS(FLOAT32, bits_i4, INT32_MAX, 0x7f800000)
TESTS(FLOAT64, bits_i8, INT64_MAX, 0x7ff0000000000000)

/* Bits are chosen, not values, so that a NaN keeps its payload. */
#define WHERE(DT, T, EXPR)                                                      \
    uint32_t GP_FN(WHERE, DT)(GP_LOOP_ARGS)                                     \
    {                                                                           \
        T *d = dst;                                                             \
        const uint8_t *c = pa;                                                  \
        const T *a = pb, *b = pc;                                               \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            const T x = a[i], y = b[i];                                         \
            d[i] = EXPR;                                                        \
        }                                                                       \
        return 0;                                                               \
    }
#define WHERE_INT(DT, T, U) WHERE(DT, T, c[i] != 0 ? x : y)
GP_EACH_INTEGER(WHERE_INT)
WHERE(FLOAT32, bits_i4, c[i] != 0 ? x : y)
WHERE(FLOAT64, bits_i8, c[i] != 0 ? x : y)
WHERE(BOOL, uint8_t, (uint8_t)((c[i] != 0 ? x : y) != 0))
