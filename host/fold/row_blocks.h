/* The rows of a matrix in blocks of a height that the shape alone decides, counted from its first row: what is
 * computed of a block does not depend on how the matrix is cut into pieces. A block that lies whole in a piece is
 * used where it is; others are held until they are whole.
 *
 * Block b belongs to lane b % lanes. A lane takes its blocks in order, and lanes do not depend on one another, so
 * that the workers may share them: the same bits for any number of workers. */
#ifndef GP_FOLD_ROW_BLOCKS_H
#define GP_FOLD_ROW_BLOCKS_H

#include "fold/fold.h"

typedef struct gp_row_cut {
    uint64_t rows, columns; /* of the matrix */
    size_t wide;            /* bytes of an element */
    uint64_t height;        /* rows of a block */
    uint64_t lanes;
    uint64_t tasks;         /* into which each block's work is cut: units are (lane, task) */
} gp_row_cut;

/* How many blocks there are; bytes of one; UINT64_MAX where they do not fit. */
uint64_t gp_row_cut_blocks(const gp_row_cut *cut);
uint64_t gp_row_cut_bytes(const gp_row_cut *cut);

/* One block's task; part < parts: two with one part number never run at once. */
typedef void gp_row_task(void *arg, unsigned part, uint64_t lane, uint64_t task, const void *block, uint64_t rows);

typedef struct gp_row_blocks {
    gp_row_cut cut;
    unsigned parts;     /* that may run at once: each has memory of its own */
    uint64_t slots;     /* blocks that `held` has room for */
    gp_row_task *run;
    void *arg;
    char *held;         /* elements of blocks first and on */
    uint64_t first, count; /* `count` elements are there */
} gp_row_blocks;

/* The rest of the struct is filled in by the caller. NO_MEMORY. */
gpuproc_status gp_row_blocks_open(gp_row_blocks *blocks, gpuproc_error *err);
void gp_row_blocks_close(gp_row_blocks *blocks);
void gp_row_blocks_take(gp_row_blocks *blocks, const gp_workers *workers, const void *elements, uint64_t count);
void gp_row_blocks_end(gp_row_blocks *blocks, const gp_workers *workers);

#endif
