/* The elements of a walk side by side, without holding more of the array than strips. */
#ifndef GP_IO_GATHER_H
#define GP_IO_GATHER_H

#include "array/walk.h"
#include "io/storage.h"

/* True where Fortran order is not C order anyway: two axes or more are longer than 1. */
bool gp_gather_needed(const gp_shape *shape);

typedef struct gp_gather gp_gather;

/* For elements [first, first+count) of a normalised walk whose span lies in the array; count > 0.
 * NULL: no memory. */
gp_gather *gp_gather_new(const gp_walk *walk, uint64_t first, uint64_t count);

/* The storage elements [*low, *high] that they lie between; false where all of them are zeros. */
bool gp_gather_span(const gp_gather *gather, uint64_t *low, uint64_t *high);

/* Plans to bring them from `storage` to `out`. `engine` lends the strips. */
void gp_gather_plan(gp_gather *gather, const gp_storage *storage, void *out, gp_io_engine *engine);
void gp_gather_free(gp_gather *gather);

/* The walk that it is part of. */
const gp_walk *gp_gather_walk(const gp_gather *gather);

/* The work is units that threads may do in any order, all at once. */
uint64_t gp_gather_units(const gp_gather *gather);
/* Units [from, to); 0 or -errno. */
int64_t gp_gather_run(const gp_gather *gather, uint64_t from, uint64_t to);

/* The file's pages will be wanted again for neighbouring ranges of the walk. */
bool gp_gather_shares_pages(const gp_gather *gather);

#endif
