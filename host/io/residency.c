#include "io/residency.h"

#include "base/memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYS_CACHESTAT 451 /* the same number on every architecture; Linux 6.5 */
/* One sample in each step; what is evicted is evicted in larger parts than that. */
#define SAMPLE ((uint64_t)64 << 10)
#define STEP ((uint64_t)1 << 20)
#define SAMPLES_MAX 256u

typedef struct range {
    uint64_t offset, bytes;
} range;

typedef struct counts {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
} counts;

static bool count_by_cachestat(int fd, uint64_t offset, uint64_t bytes, uint64_t *pages)
{
    range r = {offset, bytes};
    counts c;
    if (syscall(SYS_CACHESTAT, fd, &r, &c, 0) != 0) return false;
    *pages = c.cached;
    return true;
}

static bool count_by_mincore(int fd, uint64_t offset, uint64_t bytes, uint64_t page, uint64_t *pages)
{
    unsigned char resident[SAMPLE / 4096];
    uint64_t n = 0;
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, (off_t)offset);
    if (map == MAP_FAILED) return false;
    int e = mincore(map, bytes, resident);
    munmap(map, bytes);
    if (e != 0) return false;
    for (uint64_t i = 0; i < gp_ceil_div(bytes, page); i++) n += resident[i] & 1;
    *pages = n;
    return true;
}

unsigned gp_resident_percent(int fd, uint64_t offset, uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), found = 0, looked = 0;
    if (bytes == 0) return 100;
    uint64_t end = gp_ceil_div(offset + bytes, page) * page, at = offset / page * page;
    uint64_t step = (end - at) / SAMPLES_MAX / STEP * STEP + STEP;
    if (end - at <= STEP) step = SAMPLE; /* all of a small one */
    for (; at < end; at += step) {
        uint64_t size = gp_min_u64(SAMPLE, end - at), pages;
        if (!count_by_cachestat(fd, at, size, &pages) &&
            !count_by_mincore(fd, at, size, page, &pages))
            return 0;
        found += pages;
        looked += gp_ceil_div(size, page);
    }
    return (unsigned)gp_min_u64(100, found * 100 / looked);
}
