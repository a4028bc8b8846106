#include "base/machine.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* The number in a one-line file; UINT64_MAX where there is none ("max"). */
static uint64_t number_in(const char *path)
{
    uint64_t value = UINT64_MAX;
    FILE *f = fopen(path, "re");
    if (f == NULL) return value;
    if (fscanf(f, "%" SCNu64, &value) != 1) value = UINT64_MAX;
    fclose(f);
    return value;
}

uint64_t gp_machine_memory_available(void)
{
    uint64_t available = (uint64_t)1 << 30;
    FILE *f = fopen("/proc/meminfo", "re");
    if (f != NULL) {
        char line[128];
        uint64_t kib;
        bool found = false;
        while (!found && fgets(line, sizeof line, f) != NULL) {
            found = sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1;
            if (found) available = kib * 1024;
        }
        fclose(f);
    }
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max");
    uint64_t used = number_in("/sys/fs/cgroup/memory.current");
    if (limit != UINT64_MAX && used != UINT64_MAX) {
        uint64_t left = limit > used ? limit - used : 0;
        if (left < available) available = left;
    }
    return available;
}
