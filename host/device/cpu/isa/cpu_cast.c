/* Casts between all dtypes. Integers wrap; floats become integers by truncation, saturated,
 * NaN as 0; anything becomes a bool by x != 0. */
#include "array/half.h"
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
    CAST(FROM, F, FLOAT64, double, (double)(X))                                 \
    /* What is below 65520 is exact in float32; the rest is infinite. */        \
    CAST(FROM, F, FLOAT16, uint16_t, gp_half_from_f32((float)(X)))

#define PLAIN_INT(DT, T, U) PLAIN(DT, T, x)
GP_EACH_INTEGER(PLAIN_INT)
PLAIN(BOOL, uint8_t, x != 0)

/* From floats to integers. low and high are the first floats outside on either
 * side, or the last inside where truncation gives the same; VIA is the type that
 * the processor converts to. A comparison with NaN is false, so it falls to the last 0. */
#define SATURATE(x, F, T, VIA, MIN, MAX, low, high)                             \
    ((x) >= (F)(high)  ? (T)(MAX)                                               \
     : (x) > (F)(low)  ? (T)(VIA)(x)                                            \
     : (x) <= (F)(low) ? (T)(MIN)                                               \
                       : (T)0)
#define SATURATED(FROM, F, TO, T, ...) CAST(FROM, F, TO, T, SATURATE(x, F, T, __VA_ARGS__))
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
CAST(FLOAT32, float, FLOAT16, uint16_t, gp_half_from_f32(x))
CAST(FLOAT64, double, FLOAT16, uint16_t, gp_half_from_f64(x))

/* From float16, through float32, which holds every one. */
#define FROM_HALF(TO, T, ...)                                                   \
    static inline T from_half_##TO(uint16_t h)                                  \
    {                                                                           \
        const float x = gp_half_to_f32(h);                                      \
        return SATURATE(x, float, T, __VA_ARGS__);                              \
    }                                                                           \
    CAST(FLOAT16, uint16_t, TO, T, from_half_##TO(x))
FROM_HALF(INT8, int8_t, int32_t, INT8_MIN, INT8_MAX, -0x1p7, 0x1p7)
FROM_HALF(INT16, int16_t, int32_t, INT16_MIN, INT16_MAX, -0x1p15, 0x1p15)
FROM_HALF(INT32, int32_t, int32_t, INT32_MIN, INT32_MAX, -0x1p31, 0x1p31)
FROM_HALF(INT64, int64_t, int64_t, INT64_MIN, INT64_MAX, -0x1p63, 0x1p63)
FROM_HALF(UINT8, uint8_t, int32_t, 0, UINT8_MAX, 0, 0x1p8)
FROM_HALF(UINT16, uint16_t, int32_t, 0, UINT16_MAX, 0, 0x1p16)
FROM_HALF(UINT32, uint32_t, uint32_t, 0, UINT32_MAX, 0, 0x1p32)
FROM_HALF(UINT64, uint64_t, uint64_t, 0, UINT64_MAX, 0, 0x1p64)
CAST(FLOAT16, uint16_t, BOOL, uint8_t, (uint8_t)((x & 0x7fff) != 0))
CAST(FLOAT16, uint16_t, FLOAT32, float, gp_half_to_f32(x))
CAST(FLOAT16, uint16_t, FLOAT64, double, gp_half_to_f64(x))
