/* Between the files that write a pass as OpenCL C. */
#ifndef GP_EMIT_CL_EMIT_H
#define GP_EMIT_CL_EMIT_H

#include "base/text.h"
#include "emit/cl_source.h"

typedef enum gp_cl_role {
    GP_CL_UNUSED,
    GP_CL_INPUT,   /* index: into pass->input */
    GP_CL_TABLE,   /* the same; only TAKE and SEARCH* have it */
    GP_CL_INDEX,   /* index: into pass->index */
    GP_CL_CONST,
    GP_CL_UNIFORM, /* index: into pass->uniform */
    GP_CL_COMPUTED,
} gp_cl_role;

typedef struct gp_cl_node {
    gp_cl_role role;
    int index;
} gp_cl_node;

typedef struct gp_cl_emit {
    const gp_pass *pass;
    gp_cl_node *node; /* per node of the program */
    /* What the pass needs of the device and of kernels/. */
    bool fp64, float32, divide32, integers, floats, casts, special;
    gp_text *out;
} gp_cl_emit;

/* "float"; float16 is a ushort with its bits. */
const char *gp_cl_type(gp_dtype dtype);

/* ---- cl_expr.c: values of nodes ---- */

/* The operands' dtype; WHERE's second and third, a table's element. */
gp_dtype gp_cl_operand_dtype(const gp_program *program, const gp_node *n);

/* What is the same for every element: "const float n3 = ...;" before the loop. */
void gp_cl_emit_hoisted(gp_cl_emit *emit);
/* The nodes of element `i` of the chunk, and the stores to the outputs. */
void gp_cl_emit_element(gp_cl_emit *emit, const char *indent);

/* ---- cl_reduce.c: the parts of gp_reduce ---- */

/* Bytes of local memory that the pass's reductions take. */
size_t gp_cl_reduce_local_bytes(const gp_pass *pass);
bool gp_cl_reduce_needs_fp64(const gp_pass_reduce *reduce);
void gp_cl_emit_reduce_body(gp_cl_emit *emit);

#endif
