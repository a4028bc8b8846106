/* How much of a file's range is in the page cache. */
#ifndef GP_IO_RESIDENCY_H
#define GP_IO_RESIDENCY_H

#include <stdint.h>

/* 0 to 100, rounded down; 0 where it cannot be told. Large ranges are judged by samples: to
 * look at every page of a chunk would cost more than to copy some of it. */
unsigned gp_resident_percent(int fd, uint64_t offset, uint64_t bytes);

#endif
