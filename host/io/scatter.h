/* Elements that lie side by side, brought to where a walk says: the counterpart of gather.h for writes. */
#ifndef GP_IO_SCATTER_H
#define GP_IO_SCATTER_H

#include "array/walk.h"

#include <stddef.h>

/* Where runs go: a file from byte `offset` on, or memory. */
typedef struct gp_scatter {
    int fd;
    uint64_t offset;
    char *memory; /* NULL: the file */
    size_t width; /* of an element */
} gp_scatter;

/* All elements of an unbounded walk, which lie in C order at `from`; 0 or -errno. Blocks. */
int64_t gp_scatter_run(const gp_scatter *to, const gp_walk *walk, const void *from);

#endif
