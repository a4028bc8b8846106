/* Casts between all dtypes. Integers wrap; floats become integers by truncation, saturated,
 * NaN as 0; anything becomes a bool by x != 0. */
#include "device/cpu/isa/isa.h"

/* GP_LOOP1's shape under a cast's name. */
#define CAST(FROM, F, TO, T, EXPR)                                              \
    uint32_t GP_CAST_FN(FROM, TO)(GP_LOOP_ARGS)                                 \
    {                                                                           \
        (void)pb, (void)pc;                                                     \
        T *d = dst;                                                             \
        const F *a = pa;                                                        \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            const F x = a[i];                                                   \
            d[i] = EXPR;                                                        \
        }                                                                       \
        return 0;                                                               \
    }

/* From bool and integers to everything: C's conversion is NumPy's. */
#define PLAIN(FROM, F, X)                                                       \
    CAST(FROM, F, BOOL, uint8_t, (uint8_t)(x != 0))                             \
    CAST(FROM, F, INT8, int8_t, (int8_t)(X))                                    \
    CAST(FROM, F, INT16, int16_t, (int16_t)(X))                                 \
    CAST(FROM, F, INT32, int32_t, (int32_t)(X))                                 \
    CAST(FROM, F, INT64, int64_t, (int64_t)(X))                                 \
    CAST(FROM, F, UINT8, uint8_t, (uint8_t)(X))                                 \
    CAST(FROM, F, UINT16, uint16_t, (uint16_t)(X))                              \
    CAST(FROM, F, UINT32, uint32_t, (uint32_t)(X))                              \
    CAST(FROM, F, UINT64, uint64_t, (uint64_t)(X))                              \
    CAST(FROM, F, FLOAT32, float, (float)(X))                                   \
    CAST(FROM, F, FLOAT64, double, (double)(X))

#define PLAIN_INT(DT, T, U) PLAIN(DT, T, x)
GP_EACH_INTEGER(PLAIN_INT)
PLAIN(BOOL, uint8_t, x != 0)

/* From floats to integers. low and high are the first floats outside on either
 * side, or the last inside where truncation gives the same; VIA is the type that
 * the processor converts to. A comparison with NaN is false, so it falls to the last 0. */
#define SATURATED(FROM, F, TO, T, VIA, MIN, MAX, low, high)                     \
    CAST(FROM, F, TO, T,                                                        \
         x >= (F)(high)  ? (T)(MAX)                                             \
         : x > (F)(low)  ? (T)(VIA)x                                            \
         : x <= (F)(low) ? (T)(MIN)                                             \
                         : (T)0)
#define FLOATS(FROM, F)                                                         \
    SATURATED(FROM, F, INT8, int8_t, int32_t, INT8_MIN, INT8_MAX, -0x1p7, 0x1p7) \
    SATURATED(FROM, F, INT16, int16_t, int32_t, INT16_MIN, INT16_MAX, -0x1p15, 0x1p15) \
    SATURATED(FROM, F, INT32, int32_t, int32_t, INT32_MIN, INT32_MAX, -0x1p31, 0x1p31) \
    SATURATED(FROM, F, INT64, int64_t, int64_t, INT64_MIN, INT64_MAX, -0x1p63, 0x1p63) \
    SATURATED(FROM, F, UINT8, uint8_t, int32_t, 0, UINT8_MAX, 0, 0x1p8)         \
    SATURATED(FROM, F, UINT16, uint16_t, int32_t, 0, UINT16_MAX, 0, 0x1p16)     \
    SATURATED(FROM, F, UINT32, uint32_t, uint32_t, 0, UINT32_MAX, 0, 0x1p32)    \
    SATURATED(FROM, F, UINT64, uint64_t, uint64_t, 0, UINT64_MAX, 0, 0x1p64)    \
    CAST(FROM, F, BOOL, uint8_t, (uint8_t)(x != 0))                             \
    CAST(FROM, F, FLOAT32, float, (float)x)                                     \
    CAST(FROM, F, FLOAT64, double, (double)x)
FLOATS(FLOAT32, float)
FLOATS(FLOAT64, double)
