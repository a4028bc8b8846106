/* Running sums, products and extremes: the loops, one set per operation and dtype.
 *
 * Values are held as in fold/cells.h: float64 for float32, a double-double for sums of float64, 64-bit
 * words for integers, keys for extremes; what comes out is rounded once.
 *
 * A *line* goes through elements that lie one behind the other. It is cut into blocks of
 * GP_SCAN_BLOCK elements from where it begins; inside a block, groups of eight are summed in three steps
 * and joined to what the block has before them; the block's sums are joined to the sum of the blocks before
 * it. So blocks can be worked on side by side, and where pieces end does not show. */
#ifndef GP_FOLD_SCAN_OPS_H
#define GP_FOLD_SCAN_OPS_H

#include "fold/fold.h"

#define GP_SCAN_BLOCK 1024

typedef union gp_scan_word {
    double f;
    int64_t i;
    uint64_t u;
} gp_scan_word;

typedef struct gp_line {
    gp_scan_word before[2]; /* of the blocks before this one */
    gp_scan_word local[2];  /* of the block's whole groups of eight */
    uint64_t at;            /* elements of the block so far */
    uint64_t open[8];       /* the elements of the group that is not whole, in their dtype, 8 bytes each */
} gp_line;

typedef struct gp_scan_ops {
    int planes; /* words of a value */
    /* n elements, one after the other, all joined to one value. */
    void (*sequence)(gp_scan_word value[2], const void *x, void *out, uint64_t n);
    /* `rows` rows, `step` elements apart: column j is joined to value j. Plane p of value j is
     * value[p * plane + j]. */
    void (*rows)(gp_scan_word *value, uint64_t plane, const void *x, void *out, uint64_t rows, uint64_t width,
                 uint64_t step);
    /* The next n elements of one block; out may be NULL, where only the block's sum is wanted. NULL: only
     * the sequence will do (products of floats round, and overflow on the way). */
    void (*line)(gp_line *line, const void *x, void *out, uint64_t n);
    void (*join)(gp_scan_word to[2], const gp_scan_word next[2]);
    gp_scan_word identity[2];
} gp_scan_ops;

/* NULL where there is no such scan. */
const gp_scan_ops *gp_scan_ops_of(gp_op op, gp_dtype dtype);

#endif
