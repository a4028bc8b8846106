/* The CPU's form of a pass: a straight list of instructions over blocks of at
 * most GP_BLOCK elements. Knows no instruction set; host/device/cpu binds each
 * instruction to a loop. */
#ifndef GP_EMIT_VEC_H
#define GP_EMIT_VEC_H

#include "emit/pass.h"
#include "emit/reduce.h"

typedef enum gp_vec_kind {
    GP_VEC_INPUT,   /* index: into pass->input; points at the chunk's bytes, or at a filled scratch */
    GP_VEC_TABLE,   /* index: into pass->input; the first operand of TAKE and SEARCH* */
    GP_VEC_INDEX,   /* index: into pass->index; a scratch, filled for each block */
    GP_VEC_CONST,   /* index: into constant[]; a block filled once per worker */
    GP_VEC_UNIFORM, /* index: into pass->uniform; a block filled once per worker and job */
    GP_VEC_TEMP,    /* index: scratch slot, reused when its value is dead */
} gp_vec_kind;

typedef struct gp_vec_value {
    uint8_t kind; /* gp_vec_kind */
    uint8_t dtype;
    int32_t index;
} gp_vec_value;

typedef struct gp_vec_instr {
    gp_op op;          /* element-wise */
    gp_dtype type;     /* of the operands (WHERE: of the second and third; TAKE: of the table) */
    gp_dtype to;       /* of the result */
    int32_t dst;       /* value index, a TEMP */
    int32_t arg[3];    /* value indices, -1 where unused */
} gp_vec_instr;

typedef struct gp_vec_program {
    gp_vec_value *value;
    size_t values;
    gp_vec_instr *instr;
    size_t instrs;
    gpuproc_scalar *constant;
    size_t constants;
    size_t scratch;  /* slots of GP_BLOCK * slot_bytes bytes each */
    size_t slot_bytes; /* of the widest element that they hold: 8 or 16 */
    int32_t *output; /* value index per pass->output (may be an INPUT, CONST or UNIFORM) */
    int32_t *reduce; /* value index per pass->reduce */
} gp_vec_program;

/* Makes the vector program of a pass. A uniform node that the pass lists in
 * pass->uniform is a UNIFORM; CONST nodes need not be listed. Free with gp_vec_free. */
gpuproc_status gp_vec_compile(const gp_pass *pass, gp_vec_program *vec, gpuproc_error *err);
void gp_vec_free(gp_vec_program *vec);
void gp_vec_print(const gp_pass *pass, const gp_vec_program *vec, gp_text *out);

#endif
