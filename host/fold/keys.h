/* Keys: elements as int64 numbers whose order is what minimum and maximum go by. The least key wins,
 * for maxima too (their keys are turned round). NaN is below all; -0.0 is below +0.0 for
 * minimum and maximum, and equal to it for arg*. */
#ifndef GP_FOLD_KEYS_H
#define GP_FOLD_KEYS_H

#include "array/dtype.h"
#include "base/clones.h"

#include <string.h>

/* The bits of a float in the order of their values: negative ones are turned round. */
GP_INTO int64_t gp_key_of_FLOAT32(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 31) & INT32_MAX);
}

GP_INTO int64_t gp_key_of_FLOAT64(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ ((bits >> 63) & INT64_MAX);
}

/* Such a key as a float again. */
GP_INTO float gp_key_back_FLOAT32(int64_t key)
{
    int32_t bits = (int32_t)key;
    bits ^= (bits >> 31) & INT32_MAX;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

GP_INTO double gp_key_back_FLOAT64(int64_t key)
{
    key ^= (key >> 63) & INT64_MAX;
    double x;
    memcpy(&x, &key, sizeof x);
    return x;
}

#define X(name, type, kind)                                                                              \
    GP_INTO int64_t gp_key_min_##name(type x) { return x != x ? INT64_MIN : gp_key_of_##name(x); }       \
    GP_INTO int64_t gp_key_max_##name(type x) { return x != x ? INT64_MIN : ~gp_key_of_##name(x); }      \
    GP_INTO int64_t gp_key_argmin_##name(type x) { return gp_key_min_##name(x + 0); }                    \
    GP_INTO int64_t gp_key_argmax_##name(type x) { return gp_key_max_##name(x + 0); }
GP_DTYPES_FLOAT(X)
#undef X

/* 64-bit unsigned numbers: the upper half becomes the positive keys. */
#define GP_KEY_FLIP(type) ((type)-1 > 0 && sizeof(type) == 8 ? INT64_MIN : 0)

#define X(name, type, kind)                                                                               \
    GP_INTO int64_t gp_key_min_##name(type x) { return (int64_t)((uint64_t)x ^ (uint64_t)GP_KEY_FLIP(type)); } \
    GP_INTO int64_t gp_key_max_##name(type x) { return ~gp_key_min_##name(x); }                           \
    GP_INTO int64_t gp_key_argmin_##name(type x) { return gp_key_min_##name(x); }                         \
    GP_INTO int64_t gp_key_argmax_##name(type x) { return gp_key_max_##name(x); }                         \
    GP_INTO type gp_key_back_##name(int64_t key) { return (type)((uint64_t)key ^ (uint64_t)GP_KEY_FLIP(type)); }
GP_DTYPES_BOOL(X)
GP_DTYPES_INTEGER(X)
#undef X

/* The element of a key, its NaN in the one way the library writes it. */
GP_INTO float gp_key_value_FLOAT32(int64_t key, bool turned)
{
    return key == INT64_MIN ? __builtin_nanf("") : gp_key_back_FLOAT32(turned ? ~key : key);
}
GP_INTO double gp_key_value_FLOAT64(int64_t key, bool turned)
{
    return key == INT64_MIN ? __builtin_nan("") : gp_key_back_FLOAT64(turned ? ~key : key);
}
#define X(name, type, kind) \
    GP_INTO type gp_key_value_##name(int64_t key, bool turned) { return gp_key_back_##name(turned ? ~key : key); }
GP_DTYPES_BOOL(X)
GP_DTYPES_INTEGER(X)
#undef X

#endif
