/* A pass bound to loops: what the workers run, block by block. Immutable once made. */
#ifndef GP_DEVICE_CPU_CPU_CODE_H
#define GP_DEVICE_CPU_CPU_CODE_H

#include "device/cpu/cpu_ops.h"
#include "device/cpu/cpu_walk.h"
#include "emit/vec.h"

/* Indices are of vec.value; an unused operand is vec.values, which points nowhere. */
typedef struct gp_cpu_step {
    gp_cpu_fn fn;
    int32_t dst, arg[3];
    /* A run of plain float arithmetic begins, ends here: its flags are looked at. Other
     * loops (SLEEF's, comparisons) raise flags that mean nothing to a user. */
    bool watch_begins, watch_ends;
} gp_cpu_step;

typedef struct gp_cpu_input {
    int32_t value; /* -1: nothing needs it */
    size_t bytes;  /* of an element */
    bool streamed, table;
    uint64_t count; /* elements of the operand */
    gp_cpu_walk walk; /* where it is neither */
} gp_cpu_input;

typedef struct gp_cpu_index {
    int32_t value; /* -1: nothing needs it */
    gp_cpu_walk walk;
} gp_cpu_index;

typedef struct gp_cpu_output {
    int32_t value;
    size_t bytes;
    /* The value may be made in the destination: a temporary, and no output before this one has it. */
    bool direct;
} gp_cpu_output;

typedef struct gp_cpu_reduce {
    int32_t value;
    size_t bytes; /* of an element */
    gp_reduce_kind kind;
    gp_dtype operand;
    bool ordered;
    size_t partial_bytes;
    gp_cpu_reduce_fn fn, many; /* many: NULL where there is none */
    /* MOMENTS with a SUM of the same value beside it: one loop makes both, and MIN
     * and MAX where they are wanted. with: their indices, -1 where there is none. */
    gp_cpu_summary_fn summary;
    int32_t with_sum, with_min, with_max;
    bool taken_along; /* by such a one */
} gp_cpu_reduce;

/* Does not point into the pass that it was made from. */
typedef struct gp_cpu_code {
    const gp_cpu_ops *ops;
    uint64_t count; /* elements of the pass */
    gp_vec_program vec;
    gp_cpu_step *step; /* vec.instrs of them */
    gp_cpu_input *input;
    gp_cpu_index *index;
    gp_cpu_output *output;
    gp_cpu_reduce *reduce;
    size_t inputs, indices, outputs, reduces, uniforms;
    bool many; /* nothing but reductions of streamed inputs, each of which takes many blocks at once */
} gp_cpu_code;

/* DEVICE_UNSUPPORTED where the tables have no loop for something. */
gpuproc_status gp_cpu_code_init(gp_cpu_code *code, const gp_pass *pass, const gp_cpu_ops *ops,
                                const gp_cpu_reducers *reducers, gpuproc_error *err);
void gp_cpu_code_free(gp_cpu_code *code);

#endif
