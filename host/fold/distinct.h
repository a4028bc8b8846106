/* A set of distinct 64-bit keys with how often each was added, built by several parts at once. Each part
 * collects keys in a hash table of its own, small enough for the cache; a full table becomes a sorted run, and runs are merged. */
#ifndef GP_FOLD_DISTINCT_H
#define GP_FOLD_DISTINCT_H

#include "base/workers.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct gp_distinct gp_distinct;

/* The least budget that a set can live with, whatever is added. */
#define GP_DISTINCT_LEAST (UINT64_C(64) << 10)

typedef enum gp_distinct_result { GP_DISTINCT_OK, GP_DISTINCT_FULL, GP_DISTINCT_NO_MEMORY } gp_distinct_result;

/* budget >= GP_DISTINCT_LEAST. NULL: no memory. */
gp_distinct *gp_distinct_new(uint64_t budget, unsigned workers);
void gp_distinct_free(gp_distinct *set);

unsigned gp_distinct_parts(const gp_distinct *set);
/* How many keys may be added, by all parts together, before gp_distinct_settle is called. */
uint64_t gp_distinct_step(const gp_distinct *set);
void gp_distinct_add(gp_distinct *set, unsigned part, const uint64_t *key, size_t n); /* parts at once */
/* FULL: what has been found does not fit; see gp_distinct_found. `end`: nothing more will be added. */
gp_distinct_result gp_distinct_settle(gp_distinct *set, bool end);
uint64_t gp_distinct_found(const gp_distinct *set, uint64_t *bytes); /* keys, and the bytes that they take */

/* After the last settle: keys in ascending order and their counts; the caller may overwrite them. */
uint64_t gp_distinct_all(gp_distinct *set, uint64_t **key, uint64_t **count);

#endif
