#include "base/memory.h"

#include <sys/mman.h>

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
