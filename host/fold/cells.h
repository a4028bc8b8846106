/* What reductions along axes keep for each cell of the result, and the loops that add to it.
 *
 * The state of a cell is one to five words of 64 bits. Words of the same kind lie side by side in a
 * plane, so that the loops go through many cells at once.
 *
 *   sum of float32: float64. Of float64: a double-double (high word; low word: the sum of what the
 *     high one's roundings lost). Both begin with -0.0, which leaves every number as it is.
 *   sum of integers, counts: modulo 2^64. Mean of integers: the sums of the upper and of the lower
 *     32 bits, so that nothing is lost.
 *   product: float64, or modulo 2^64.
 *   minimum and the like: a *key*, an int64 that is least for the winner, so that all of them are
 *     the minimum of keys; then, for arg*, the index.
 *   moments: K, the cell's first element; then, of the differences from K, the sum and the sum of
 *     squares, both double-double. */
#ifndef GP_FOLD_CELLS_H
#define GP_FOLD_CELLS_H

#include "fold/fold.h"

#define GP_CELL_PLANES 5

typedef struct gp_cells {
    void *plane[GP_CELL_PLANES];
} gp_cells;

/* Elements that are added: `rows` rows, the elements of each side by side, the rows `step` elements
 * apart; element j of each row goes to cell j, row after row. As many groups of that, `group_step`
 * apart, as `groups` says; each has cells of its own, `cell_step` behind the others'. row: the number of the
 * first row, for arg*. */
typedef struct gp_tile {
    uint64_t groups, rows, width, step, group_step, cell_step;
    int64_t row;
} gp_tile;

typedef struct gp_accumulator {
    int planes;
    void (*init)(gp_cells cells, uint64_t n);
    void (*add)(gp_cells cells, const void *x, const gp_tile *tile);
    /* Adds cells that come after (arg*: any) to cells; the states of unlike cells do not mix. */
    void (*merge)(gp_cells to, gp_cells from, uint64_t n);
    /* The lanes of `inner` cells, n (a power of two) of each, `inner` apart, become one. So for each of `groups` that lie
     * behind one another; what becomes of them does, too. */
    void (*halve)(gp_cells lanes, uint64_t n, uint64_t inner, uint64_t groups);
    /* The cells' first elements, before they are added; NULL where they do not matter. */
    void (*begin)(gp_cells cells, const void *x, uint64_t n);
    bool indexed; /* the second word is an index */
    uint64_t few; /* elements of a single cell that are added one after the other as fast as by lanes */
} gp_accumulator;

const gp_accumulator *gp_accumulator_of(gp_op op, gp_dtype operand);

/* The same planes from cell `i` on. */
static inline gp_cells gp_cells_at(gp_cells cells, uint64_t i)
{
    for (int p = 0; p < GP_CELL_PLANES; p++) {
        if (cells.plane[p] != NULL) cells.plane[p] = (uint64_t *)cells.plane[p] + i;
    }
    return cells;
}

/* Planes of n cells each in one piece of memory. */
static inline gp_cells gp_cells_in(void *memory, int planes, uint64_t n)
{
    gp_cells cells = {{0}};
    for (int p = 0; p < planes; p++) cells.plane[p] = (uint64_t *)memory + (uint64_t)p * n;
    return cells;
}

/* The values of n cells, each made of `count` elements, as the spec's operation and dtype say.
 * `out` may be plane 0 itself. */
void gp_cells_finish(const gp_fold_spec *spec, uint64_t count, gp_cells cells, uint64_t n, void *out);

#endif
