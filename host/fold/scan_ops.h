/* Running sums, products and extremes: the loops, one set per operation and dtype.
 *
 * Values are held as in fold/cells.h: float64 for float32, a double-double for sums of float64, 64-bit
 * words for integers, keys for extremes; what comes out is rounded once.
 *
 * A *line* goes through elements that lie one behind the other. It is cut into blocks of
 * GP_SCAN_BLOCK elements from where it begins. Inside a block, groups of elements (64 of floats, else 8) are
 * summed side by side and joined to what the block has before them; to the whole the sum of the blocks
 * before it is joined. A block's own sum for that is found apart, in the quickest order there is: it need
 * not be, bit by bit, what the last element has. So blocks can be worked on side by side, and where
 * pieces end does not show. */
#ifndef GP_FOLD_SCAN_OPS_H
#define GP_FOLD_SCAN_OPS_H

#include "fold/fold.h"

#define GP_SCAN_BLOCK 1024

/* Words for the ends of a block of n elements: whole groups from word 1 on. */
#define GP_SCAN_AFTER(n) (((n) + 63) / 64 * 64 + 1)

typedef union gp_scan_word {
    double f;
    int64_t i;
    uint64_t u;
} gp_scan_word;

typedef struct gp_line {
    gp_scan_word before[2]; /* of the blocks before this one */
    gp_scan_word local[2];  /* of the block's whole groups */
    uint64_t at;            /* elements of the block so far */
    const void *kept;       /* the block's elements; those of the group that is not whole are looked at */
    double by;              /* floats: what results are divided by, rounded to their dtype before and behind; 0: nothing */
    ptrdiff_t past;         /* from the results to where they go past the caches, whole lines of these; 0: nowhere */
    ptrdiff_t ask;          /* bytes from an element to what memory is asked for meanwhile */
    uint64_t gone[2];       /* told: result bytes that have gone there, the others are the caller's */
} gp_line;

typedef struct gp_scan_ops {
    int planes; /* words of a value */
    void (*copy)(void *to, const void *from, size_t bytes); /* past the caches (base/past_cache.h) */
    /* n elements, one after the other, all joined to one value. */
    void (*sequence)(gp_scan_word value[2], const void *x, void *out, uint64_t n);
    /* `rows` rows, `step` elements apart: column j is joined to value j. Plane p of value j is
     * value[p * plane + j]. */
    void (*rows)(gp_scan_word *value, uint64_t plane, const void *x, void *out, uint64_t rows, uint64_t width,
                 uint64_t step);
    /* The next n elements of one block; out may be NULL. Where `after` is not NULL, element `at` of the block is
     * joined to after[at + 1] in place of line->before. NULL: only the sequence will do (products of
     * floats round, and overflow on the way). */
    void (*line)(gp_line *line, const gp_scan_word *after, uint64_t plane, const void *x, void *out, uint64_t n);
    void (*total)(gp_scan_word total[2], const void *x); /* of a block's GP_SCAN_BLOCK elements */
    void (*join)(gp_scan_word to[2], const gp_scan_word next[2]);

    /* Windows of w elements are cut at multiples of w from where the line begins: what a window has before the cut
     * is the end of a block, after[k] = elements k to w-1; what it has behind, the beginning of the next block.
     * after: fills after[1 .. n-1] of n elements, where after[n] is the identity. In which places is between
     * `after` and `line`; planes are GP_SCAN_AFTER(n) words apart. */
    void (*after)(gp_scan_word *after, uint64_t plane, const void *x, uint64_t n);
    /* The same for columns: one more row joins the values, whose joins with `after` go out (where out is not
     * NULL); and all rows from the last, after + r * step being row r. */
    void (*window_row)(gp_scan_word *value, uint64_t plane, const gp_scan_word *after, uint64_t after_plane,
                       const void *x, void *out, uint64_t width);
    void (*after_rows)(gp_scan_word *after, uint64_t plane, const void *x, uint64_t rows, uint64_t width, uint64_t step);
    /* Small windows: n results, each of `size` elements `step` apart, one after the other. */
    void (*direct)(const void *x, void *out, uint64_t n, uint64_t size, uint64_t step);
    gp_scan_word identity[2];
} gp_scan_ops;

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GP_SCAN_avx2 1
#define GP_SCAN_avx512 1
#endif
/* ops->line for at most GP_SCAN_BLOCK elements whose results go past the caches (base/past_cache.h). */
void gp_scan_line_past(const gp_scan_ops *ops, gp_line *line, const gp_scan_word *after, uint64_t plane, const void *x,
                       void *out, uint64_t n, size_t item);

const gp_scan_ops *gp_scan_ops_base(gp_op op, gp_dtype dtype);
const gp_scan_ops *gp_scan_ops_avx2(gp_op op, gp_dtype dtype);
const gp_scan_ops *gp_scan_ops_avx512(gp_op op, gp_dtype dtype);

/* NULL where there is no such scan. */
const gp_scan_ops *gp_scan_ops_of(gp_op op, gp_dtype dtype);

#endif
