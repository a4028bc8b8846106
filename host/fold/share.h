/* Sharing a piece among workers. */
#ifndef GP_FOLD_SHARE_H
#define GP_FOLD_SHARE_H

#include "base/workers.h"

typedef void gp_fold_part(void *arg, unsigned part, uint64_t from, uint64_t to);

/* Cuts [0, count) into `parts` even ranges and runs them on the workers. Two ranges with one part number
 * never run at once, so that a part may have memory of its own; parts may be fewer than workers where there
 * is memory for no more. */
void gp_fold_share(const gp_workers *workers, unsigned parts, uint64_t count, gp_fold_part *run,
                   void *arg);
/* The same where each of the `count` costs as much as `each` elements. */
void gp_fold_share_costly(const gp_workers *workers, unsigned parts, uint64_t count, uint64_t each,
                          gp_fold_part *run, void *arg);

#endif
