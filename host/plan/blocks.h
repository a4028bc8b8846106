/* A pass that walks an array across its storage order reads badly in runs of C order: a little of each
 * page for every chunk. Cut into boxes (blocks of a matrix) instead, every piece has runs that are long
 * both where it is read and where it is written. */
#ifndef GP_PLAN_BLOCKS_H
#define GP_PLAN_BLOCKS_H

#include "emit/pass.h"

typedef struct gp_blocks {
    gp_shape whole; /* the pass's shape */
    gp_shape most;  /* of a block; those at the ends are smaller */
    uint64_t count;
    bool columns_first; /* of a matrix: those below one another follow each other */
} gp_blocks;

/* The blocks of a matrix (two axes) of so many rows and columns, columns first. */
void gp_blocks_of_matrix(const gp_shape *shape, uint64_t rows, uint64_t columns, gp_blocks *blocks);

/* About what it costs to read all streamed inputs, and to write the outputs, in chunks of so many elements
 * of C order: bytes that are moved, with what a system call costs in bytes; in memory, what a cache line does. */
uint64_t gp_pass_cost_in_order(const gp_pass *pass, uint64_t elements, bool in_memory);

/* The part of streamed input i in that, which is a file. */
uint64_t gp_pass_input_cost_in_order(const gp_pass *pass, size_t i, uint64_t elements);

/* Blocks of at most `elements`; false where they would not cost clearly less than chunks do. in_memory: all that
 * is read and written is, so that short runs cost little. */
bool gp_blocks_choose(const gp_pass *pass, uint64_t elements, bool in_memory, gp_blocks *blocks);

/* Where block `index` begins, and its shape. They come in C order of blocks. */
void gp_blocks_at(const gp_blocks *blocks, uint64_t index, int64_t lo[GPUPROC_MAX_NDIM], gp_shape *shape);

#endif
