#include "fold/float_keys.h"

#include "base/clones.h"

static GP_CLONES size_t keys_of_f32(const void *in, size_t n, uint32_t *restrict out)
{
    const uint32_t *restrict bits = in;
    uint32_t nans = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t key = gp_key_of_f32(bits[i]);
        out[i] = key;
        nans += key == GP_KEY_NAN32;
    }
    return nans;
}

static GP_CLONES size_t keys_of_f64(const void *in, size_t n, uint64_t *restrict out)
{
    const uint64_t *restrict bits = in;
    uint64_t nans = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = gp_key_of_f64(bits[i]);
        out[i] = key;
        nans += key == GP_KEY_NAN64;
    }
    return nans;
}

/* What chooses a clone is seen outside the library whatever its visibility is, so clones are static. */
size_t gp_keys_of_f32(const void *in, size_t n, uint32_t *restrict out) { return keys_of_f32(in, n, out); }
size_t gp_keys_of_f64(const void *in, size_t n, uint64_t *restrict out) { return keys_of_f64(in, n, out); }

#define KEY uint32_t
#define KEY_BITS 32
#define NAME(name) name##_u32
#include "fold/ranks_of.h"
#undef KEY
#undef KEY_BITS
#undef NAME

#define KEY uint64_t
#define KEY_BITS 64
#define NAME(name) name##_u64
#include "fold/ranks_of.h"
#undef KEY
#undef KEY_BITS
#undef NAME

void gp_ranks_u32(uint32_t *key, size_t n, const uint64_t *rank, size_t ranks, uint32_t *value)
{
    ranks_u32(key, n, rank, ranks, 0, value);
}

void gp_ranks_u64(uint64_t *key, size_t n, const uint64_t *rank, size_t ranks, uint64_t *value)
{
    ranks_u64(key, n, rank, ranks, 0, value);
}
