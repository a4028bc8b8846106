/* The shape of a fold along axes, brought to a normal form. */
#ifndef GP_FOLD_AXES_H
#define GP_FOLD_AXES_H

#include "fold/fold.h"

/* Axes of length 1 are left out and neighbours of the same kind are one, so that kept and reduced
 * ones alternate:
 *
 *   [outer kept] (reduced, kept)... reduced [inner kept]
 *
 * A *run* is the innermost reduced axis with the kept one inside it: rows of `inner` elements. A *group* is
 * all that lies inside the outer kept axis: `runs` of them, which make `cells` cells. */
typedef struct gp_axes {
    uint64_t groups;  /* length of the outer kept axis */
    uint64_t runs;    /* in a group */
    uint64_t rows;    /* in a run */
    uint64_t inner;   /* elements of a row */
    uint64_t run, group; /* elements of a run and of a group */
    uint64_t cells;   /* of a group */
    uint64_t reduced; /* elements that make one cell */
    /* The (reduced, kept) pairs, as lengths, from the outermost. */
    int pairs;
    uint64_t pair[GPUPROC_MAX_NDIM][2];
} gp_axes;

/* Lengths of 0 are legal; then nothing but `groups`, `cells` and `reduced` means anything. */
gp_axes gp_axes_of(const gp_shape *shape, uint32_t axes);

/* Where run `run` of a group lies: its cells begin at *row * inner; it is number *visit of the runs
 * for these cells. */
void gp_axes_run(const gp_axes *axes, uint64_t run, uint64_t *row, uint64_t *visit);

#endif
