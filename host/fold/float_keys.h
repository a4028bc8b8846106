/* Order-preserving integers of floats: a < b for numbers means key(a) < key(b); -0.0 is just below +0.0. Every
 * NaN has the largest key, which no number has. */
#ifndef GP_FOLD_FLOAT_KEYS_H
#define GP_FOLD_FLOAT_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GP_KEY_NAN32 UINT32_MAX
#define GP_KEY_NAN64 UINT64_MAX

static inline uint32_t gp_key_of_f32(uint32_t bits)
{
    uint32_t key = bits ^ ((uint32_t)((int32_t)bits >> 31) | UINT32_C(0x80000000));
    return (bits & UINT32_C(0x7fffffff)) > UINT32_C(0x7f800000) ? GP_KEY_NAN32 : key;
}

static inline uint64_t gp_key_of_f64(uint64_t bits)
{
    uint64_t key = bits ^ ((uint64_t)((int64_t)bits >> 63) | UINT64_C(1) << 63);
    return (bits & (UINT64_MAX >> 1)) > UINT64_C(0x7ff0000000000000) ? GP_KEY_NAN64 : key;
}

static inline float gp_f32_of_key(uint32_t key)
{
    uint32_t bits = (key & UINT32_C(0x80000000)) != 0 ? key ^ UINT32_C(0x80000000) : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double gp_f64_of_key(uint64_t key)
{
    uint64_t bits = key >> 63 != 0 ? key ^ UINT64_C(1) << 63 : ~key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* `n` keys of floats; how many of them are NaN. `in` and `out` do not overlap. */
size_t gp_keys_of_f32(const void *in, size_t n, uint32_t *out);
size_t gp_keys_of_f64(const void *in, size_t n, uint64_t *out);

/* The keys at the places rank[0] < rank[1] < ... < n that they would have in order. Changes the order of
 * `key`. Time is linear in n for any keys. */
void gp_ranks_u32(uint32_t *key, size_t n, const uint64_t *rank, size_t ranks, uint32_t *value);
void gp_ranks_u64(uint64_t *key, size_t n, const uint64_t *rank, size_t ranks, uint64_t *value);

#endif
