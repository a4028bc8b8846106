/* How much of a file's range is in the page cache. */
#ifndef GP_IO_RESIDENCY_H
#define GP_IO_RESIDENCY_H

#include <stdint.h>

/* 0 to 100, rounded down; 0 where it cannot be told. */
unsigned gp_resident_percent(int fd, uint64_t offset, uint64_t bytes);

#endif
