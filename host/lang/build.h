/* Between the tree and the program: what the checker's files share. Every function
 * that returns a node or a value returns -1 (or a value whose node is -1) after a failure, which then
 * stands in `st` and in the caller's error record. */
#ifndef GP_LANG_BUILD_H
#define GP_LANG_BUILD_H

#include "lang/ir.h"
#include "lang/literal.h"
#include "lang/parse.h"

typedef struct gp_place {
    int start, end, line, column;
} gp_place;

typedef struct gp_variable {
    int token; /* its name */
    gp_value value;
    bool named;        /* false: an expression statement */
    bool replaced;     /* assigned again later */
    bool used;
    int statement;
} gp_variable;

typedef struct gp_builder {
    const gp_tokens *tokens;
    const gp_ast *ast;
    gp_program *program;
    gpuproc_error *err;
    gpuproc_status st;
    gp_place place;        /* what is being checked, for messages and nodes */
    gp_value *value;       /* per node of the tree */
    int *input_node;       /* per input; -1: not used yet */
    gp_variable *variable; /* one per statement, in order */
    size_t variables, variable_capacity;
} gp_builder;

int gp_build_fail(gp_builder *b, gpuproc_status status, const char *fmt, ...) GP_PRINTF(3, 4);

gp_dtype gp_build_dtype(const gp_builder *b, int node);
bool gp_build_is_const(const gp_builder *b, int node, double *value);

/* Nodes. Operands are cast and broadcast-checked by the caller's choice of dtype: gp_build_op
 * checks shapes, not dtypes. */
int gp_build_op(gp_builder *b, gp_op op, gp_dtype dtype, int x, int y, int z);
int gp_build_reduce(gp_builder *b, gp_op op, gp_dtype dtype, int x, double ddof);
int gp_build_int(gp_builder *b, gp_dtype dtype, int64_t value);     /* dtype: an integer or bool */
int gp_build_float(gp_builder *b, gp_dtype dtype, double value);    /* dtype: float32 or float64 */
int gp_build_cast(gp_builder *b, int node, gp_dtype dtype);

/* A value as a node of `dtype`: cast, or a literal that takes the dtype (VALUE where an integer
 * does not fit it). */
int gp_build_as(gp_builder *b, const gp_value *v, gp_dtype dtype);
/* A value as a node in its own dtype; literals become int64, float64 or bool. */
int gp_build_strong(gp_builder *b, const gp_value *v);
/* Whether a Python integer fits an integer dtype (bool: 0 and 1). */
bool gp_build_fits(__int128 i, gp_dtype dtype);

/* NumPy's common dtype of values, literals being weak. */
gp_dtype gp_build_common(const gp_builder *b, const gp_value *v, int count);
/* The float dtype in which NumPy computes a function of floats: may be FLOAT16. */
gp_dtype gp_build_float_common(const gp_builder *b, const gp_value *v, int count);
/* TYPE error where dtype is float16: NumPy has it, gpuproc does not. */
bool gp_build_no_float16(gp_builder *b, gp_dtype dtype, const char *function);

static inline gp_value gp_value_node(int node) { return (gp_value){.kind = GP_VAL_NODE, .node = node}; }
static inline gp_value gp_value_float(double f) { return (gp_value){.kind = GP_VAL_FLOAT, .f = f}; }

/* Functions whose arguments are all operands. `v` has as many as the function's arity. */
gp_value gp_check_elementwise(gp_builder *b, const gp_function *fn, const gp_value *v);
/* An operator: Python's arithmetic where all operands are literals, else the function. */
gp_value gp_check_operator(gp_builder *b, gp_function_id id, const gp_value *v, int count);
/* A call of the tree: binds the arguments. */
gp_value gp_check_call(gp_builder *b, const gp_ast_node *call);
/* Everything else that has arguments of its own; args[i].kind is NONE where left out. */
gp_value gp_check_special(gp_builder *b, const gp_function *fn, const gp_value *args,
                          const bool *given);
gp_value gp_check_reduction(gp_builder *b, const gp_function *fn, const gp_value *args,
                            const bool *given);
/* A dtype from a dtype's name or a string; false after a failure. */
bool gp_check_dtype(gp_builder *b, const gp_value *v, gp_dtype *dtype);
/* UNKNOWN_NAME with "did you mean". */
void gp_check_unknown(gp_builder *b, const char *what, int token, bool callable);



gpuproc_status gp_check(const gp_tokens *tokens, const gp_ast *ast, gp_program *program,
                        gpuproc_error *err);

#endif
