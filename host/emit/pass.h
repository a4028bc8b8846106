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
/* Float arithmetic (+ - * / sqrt and what is made of them), told by the CPU only: warnings. */
#define GP_FLAG_FLOAT_DIVIDE 4u
#define GP_FLAG_FLOAT_OVERFLOW 8u
#define GP_FLAG_FLOAT_INVALID 16u

typedef struct gp_pass_input {
    int input;   /* index into program->input */
    int node;    /* its INPUT node */
    gp_dtype dtype;
    /* True: the operand has the pass's shape; element i of a chunk is element i of the
     * chunk's bytes. False: the whole operand is resident for the pass and element
     * index is walked with `stride` (in elements, 0 on stretched axes). */
    bool streamed;
    int64_t stride[GPUPROC_MAX_NDIM];
    uint64_t count; /* elements of the operand itself */
} gp_pass_input;

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
    gp_pass_output *output;
    size_t outputs;
    gp_pass_reduce *reduce;
    size_t reduces;
    int *uniform; /* uniform nodes whose values the pass reads */
    size_t uniforms;
} gp_pass;

#endif
