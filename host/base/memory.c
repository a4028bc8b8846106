#include "base/memory.h"

#include <string.h>
#include <sys/mman.h>

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

void *gp_pages_alloc(size_t bytes)
{
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);
    if (p == MAP_FAILED) return NULL;
    /* Fewer faults on the first touch; refusal does no harm. */
    (void)madvise(p, bytes ? bytes : 1, MADV_HUGEPAGE);
    return p;
}

void gp_pages_free(void *pages, size_t bytes)
{
    if (pages != NULL) munmap(pages, bytes ? bytes : 1);
}
