/* How a reduction along axes goes: what is added to what, in which order, and how the workers share it. The order is
 * the shape's and the axes' alone (fold/reduce_axes.c). */
#ifndef GP_FOLD_REDUCE_LAYOUT_H
#define GP_FOLD_REDUCE_LAYOUT_H

#include "fold/axes.h"
#include "fold/cells.h"

#define GP_REDUCE_SETS 64u /* at most */

typedef enum gp_reduce_sharing {
    GP_REDUCE_BY_GROUPS, GP_REDUCE_BY_COLUMNS, GP_REDUCE_BY_SLABS, GP_REDUCE_BY_BLOCKS
} gp_reduce_sharing;

typedef struct gp_reduce_layout {
    gp_axes axes;
    const gp_accumulator *acc;
    uint64_t lanes, width; /* per cell; of a wide row */
    uint64_t block;        /* elements */
    uint64_t together;     /* whole runs whose lanes a set has room for */
    bool direct;           /* rows join the cells at once */
    gp_reduce_sharing how;
    uint64_t set_cells;    /* capacity of a set's cells; 0: they use the kept ones */
    unsigned sets;
} gp_reduce_layout;

gp_reduce_layout gp_reduce_layout_of(const gp_fold_spec *spec);

/* Lanes that a set has. */
uint64_t gp_reduce_lanes_of_set(const gp_reduce_layout *layout);

/* Memory for the cells and the sets; false: more than there can be. */
bool gp_reduce_layout_bytes(const gp_reduce_layout *layout, const gp_fold_spec *spec, uint64_t *bytes);

#endif
