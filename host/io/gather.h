/* Elements of a Fortran-order file in C order, without holding more of the file than a
 * strip. */
#ifndef GP_IO_GATHER_H
#define GP_IO_GATHER_H

#include "array/shape.h"

/* True where Fortran order is not C order anyway: two axes or more are longer than 1. */
bool gp_gather_needed(const gp_shape *shape);

/* Reads elements [first, first+count) of C order from `fd`, whose data begins at
 * data_offset in Fortran order, to `out`. Blocks. 0; -errno; or -ENODATA where the file
 * ends too early. `prefetch`: the range is not in the page cache. */
int64_t gp_gather(int fd, uint64_t data_offset, const gp_shape *shape, size_t width,
                  bool prefetch, uint64_t first, uint64_t count, void *out);

#endif
