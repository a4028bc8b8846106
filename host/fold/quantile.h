/* The ways of QUANTILE and NANQUANTILE; quantile.c chooses. */
#ifndef GP_FOLD_QUANTILE_H
#define GP_FOLD_QUANTILE_H

#include "fold/fold_impl.h"
#include "fold/quantile_method.h"

/* What all begin with. */
typedef struct gp_quantile {
    gp_fold base;
    const gp_fold_kind *how;
} gp_quantile;

#define GP_QUANTILE_ALL_NAN "All-NaN slice encountered"
#define GP_QUANTILE_EMPTY "Mean of empty slice."

extern const gp_fold_kind gp_quantile_whole; /* quantile_whole.c: over all elements, narrowing down */
extern const gp_fold_kind gp_quantile_cells; /* quantile_cells.c: over each run of consecutive elements */
extern const gp_fold_kind gp_quantile_many;  /* quantile_many.c: the same, for cells that do not fit into memory */

/* How many results there are per q, and of how many elements each is made. */
void gp_quantile_cut(const gp_fold_spec *spec, uint64_t *cells, uint64_t *cell);

#endif
