/* What one pass over the data computes: the contract between the planner, both
 * emitters and the devices.
 *
 * A pass walks an iteration space of `shape` in C order (element index 0 to
 * count-1). For each element it evaluates the nodes that its outputs and
 * reductions need. Uniform nodes are not evaluated in a pass: they come in as a
 * table of scalars. */
#ifndef GP_EMIT_PASS_H
#define GP_EMIT_PASS_H

#include "lang/ir.h"

/* The fixed unit of reduction and of block-wise evaluation, in elements: block b
 * covers elements [b*GP_BLOCK, (b+1)*GP_BLOCK). Chunks begin at block borders. */
#define GP_BLOCK 1024
/* Lanes inside a block: lane j takes elements j, j+GP_LANES, j+2*GP_LANES, ... */
#define GP_LANES 64

/* What a kernel may meet in the data; ORed over a chunk. */
#define GP_FLAG_DIVIDE 1u    /* an integer was divided by zero: a warning */
#define GP_FLAG_NEG_POWER 2u /* an integer had a negative integer power: an error */
#define GP_FLAG_INDEX 32u    /* TAKE met an index outside the table: an error */
/* Bit 6 + number of a gp_check: CHECK met a true operand: an error. */
#define GP_FLAG_CHECK 6
/* Float arithmetic (+ - * / sqrt and what is made of them), told by the CPU only: warnings. */
#define GP_FLAG_FLOAT_DIVIDE 4u
#define GP_FLAG_FLOAT_OVERFLOW 8u
#define GP_FLAG_FLOAT_INVALID 16u

/* Arrays are numbered: the program's inputs first, then the plan's stored arrays. */
typedef struct gp_pass_input {
    int input;   /* the array's number */
    int node;    /* the INPUT, VIEW, TABLE or stored node */
    gp_dtype dtype;
    /* True: it comes chunk by chunk, and element i of a chunk is element i of the chunk's bytes,
     * however the array lies in storage: `walk`, over the pass's shape, is how the stream brings it.
     * False: elements [first, first + count) of the array are resident for the pass, and
     * (where it is no table) the device walks them: element index is
     * offset + i0*stride[0] + ..., counted from `first`, over the pass's shape. */
    bool streamed;
    bool table;  /* resident, for TAKE and SEARCH*: not walked */
    gp_walk walk;
    uint64_t first, count;
    int64_t offset, stride[GPUPROC_MAX_NDIM];
} gp_pass_input;

/* An INDEX node: its value at an element of the pass is offset + i0*stride[0] + ... */
typedef struct gp_pass_index {
    int node;
    int64_t offset, stride[GPUPROC_MAX_NDIM];
} gp_pass_index;

typedef struct gp_pass_output {
    int node;
    gp_dtype dtype;
} gp_pass_output;

/* One accumulator; several reduction nodes may share it (sum and mean). */
typedef struct gp_pass_reduce {
    int kind;          /* gp_reduce_kind */
    int node;          /* the operand */
    gp_dtype operand;  /* its dtype */
} gp_pass_reduce;

typedef struct gp_pass {
    const gp_program *program; /* borrowed */
    gp_shape shape;
    uint64_t count; /* elements */
    int level;

    gp_pass_input *input;
    size_t inputs;
    gp_pass_index *index;
    size_t indices;
    gp_pass_output *output;
    size_t outputs;
    gp_pass_reduce *reduce;
    size_t reduces;
    int *uniform; /* uniform nodes whose values the pass reads */
    size_t uniforms;
} gp_pass;

#endif
