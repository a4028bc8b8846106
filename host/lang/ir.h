/* The program: a typed, verified list of nodes in SSA form. A node's operands
 * stand before it. All operands of an element-wise node have one dtype; casts are
 * nodes of their own. Shapes broadcast as NumPy's do: a node's shape is the
 * broadcast of its operands' shapes; a reduction's is (). */
#ifndef GP_LANG_IR_H
#define GP_LANG_IR_H

#include "array/dtype.h"
#include "array/shape.h"
#include "base/text.h"
#include "lang/ops.h"

typedef struct gp_node {
    gp_op op;
    gp_dtype dtype;
    int arg[3];           /* node indices, -1 where unused */
    int input;            /* INPUT: index into gp_program.input */
    gpuproc_scalar value; /* CONST */
    double ddof;          /* VAR, STD */
    gp_shape shape;
    /* The pass after which the node can be known: 0 from the inputs alone, k+1
     * where it needs a reduction over something of level k. */
    int level;
    /* One value for the whole array that does not depend on array elements other
     * than through reductions: constants, reductions, and what is made of them. */
    bool uniform;
    int64_t line, column; /* in the text, for messages; 0: none */
} gp_node;

typedef struct gp_input {
    char *name;
    gp_dtype dtype;
    gp_shape shape;
} gp_input;

typedef struct gp_result {
    char *name;  /* the assigned name, or the text of the statement */
    bool named;
    bool used;   /* a later statement uses this name */
    int node;
} gp_result;

typedef struct gp_program {
    gp_node *node;
    size_t nodes, node_capacity;
    gp_input *input;
    size_t inputs, input_capacity;
    gp_result *result;
    size_t results, result_capacity;
    int *bucket; /* hash table of the nodes but inputs: index + 1, 0 where free */
    size_t buckets;
} gp_program;

const gp_op_info *gp_op_info_of(gp_op op);

void gp_program_free(gp_program *program);

/* Appending; each returns the new node's index, or -1 when out of memory. They
 * fill shape, level and uniform from the operands. gp_ir_* do not check types:
 * gp_program_verify does. gp_ir_op reuses an equal node that is there already. */
int gp_ir_declare(gp_program *program, const char *name, gp_dtype dtype,
                  const gp_shape *shape); /* an input without a node; returns the input's index */
int gp_ir_input_node(gp_program *program, int input); /* its node */
int gp_ir_input(gp_program *program, const char *name, gp_dtype dtype, const gp_shape *shape);
int gp_ir_const(gp_program *program, gpuproc_scalar value);
int gp_ir_op(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, int c);
int gp_ir_reduce(gp_program *program, gp_op op, gp_dtype dtype, int a, double ddof);
/* Adds a result; false when out of memory. */
bool gp_ir_result(gp_program *program, const char *name, bool named, int node);

/* Drops the nodes that no result needs, and renumbers. */
gpuproc_status gp_ir_sweep(gp_program *program, gpuproc_error *err);

/* Checks every rule above; INTERNAL with the node's number where one is broken. */
gpuproc_status gp_program_verify(const gp_program *program, gpuproc_error *err);

/* A readable listing, one node a line: "%3 = mul float32 (4,) %1 %2". */
void gp_program_print(const gp_program *program, gp_text *out);

#endif
