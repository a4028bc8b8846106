#include "io/residency.h"

#include "base/memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYS_CACHESTAT 451 /* the same number on every architecture; Linux 6.5 */
/* Looked at through mincore at a time: one byte per page. */
#define WINDOW ((uint64_t)16 << 20)

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
    unsigned char resident[4096];
    uint64_t n = 0, step = gp_min_u64(WINDOW, sizeof resident * page);
    for (uint64_t at = 0; at < bytes; at += step) {
        uint64_t size = gp_min_u64(step, bytes - at);
        void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)(offset + at));
        if (map == MAP_FAILED) return false;
        int e = mincore(map, size, resident);
        munmap(map, size);
        if (e != 0) return false;
        for (uint64_t i = 0; i < gp_ceil_div(size, page); i++) n += resident[i] & 1;
    }
    *pages = n;
    return true;
}

unsigned gp_resident_percent(int fd, uint64_t offset, uint64_t bytes)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages;
    uint64_t low = offset / page * page;
    uint64_t size = gp_ceil_div(offset + bytes, page) * page - low;
    if (bytes == 0) return 100;
    if (!count_by_cachestat(fd, low, size, &pages) &&
        !count_by_mincore(fd, low, size, page, &pages))
        return 0;
    return (unsigned)gp_min_u64(100, pages * 100 / (size / page));
}
