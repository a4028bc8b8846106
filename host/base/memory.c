#include "base/memory.h"

#include <string.h>

void *gp_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return calloc(bytes ? bytes : 1, 1);
}

bool gp_grow(void *array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) return true;
    size_t cap = *capacity ? *capacity : 8;
    while (cap < need) {
        if (__builtin_mul_overflow(cap, (size_t)2, &cap)) return false;
    }
    size_t bytes;
    if (__builtin_mul_overflow(cap, size, &bytes)) return false;
    void *old, *grown;
    memcpy(&old, array, sizeof old);
    grown = realloc(old, bytes);
    if (grown == NULL) return false;
    memcpy(array, &grown, sizeof grown);
    *capacity = cap;
    return true;
}
