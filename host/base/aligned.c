#include "base/memory.h"

void *gp_aligned_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    uint64_t rounded = gp_aligned_bytes(bytes ? bytes : 1);
    return rounded > SIZE_MAX / 2 ? NULL : aligned_alloc(GP_ALIGNED, (size_t)rounded);
}
