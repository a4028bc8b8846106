/* Python's own numbers: what a literal is until it meets an array. Arithmetic
 * between them is Python's; where it meets a dtype it takes that dtype (NEP 50). */
#ifndef GP_LANG_LITERAL_H
#define GP_LANG_LITERAL_H

#include "lang/functions.h"

typedef enum gp_value_kind {
    GP_VAL_NODE,   /* typed: a node of the program */
    GP_VAL_BOOL,   /* Python's bool, int and float */
    GP_VAL_INT,
    GP_VAL_FLOAT,
    GP_VAL_NONE,
    GP_VAL_DTYPE,
    GP_VAL_STRING,
} gp_value_kind;

/* What an expression of the text means. */
typedef struct gp_value {
    gp_value_kind kind;
    int node;       /* NODE */
    __int128 i;     /* BOOL, INT */
    double f;       /* FLOAT */
    gp_dtype dtype; /* DTYPE */
    int token;      /* STRING */
} gp_value;

static inline bool gp_value_is_literal(const gp_value *v)
{
    return v->kind == GP_VAL_BOOL || v->kind == GP_VAL_INT || v->kind == GP_VAL_FLOAT;
}

/* A BOOL, INT or FLOAT as Python's float(). */
double gp_literal_double(const gp_value *v);
bool gp_literal_truth(const gp_value *v);

/* a OP b by Python's rules; `id` names the operator's function. On failure *problem is
 * a static text. */
gpuproc_status gp_literal_binary(gp_function_id id, const gp_value *a, const gp_value *b,
                                 gp_value *out, const char **problem);
gpuproc_status gp_literal_unary(gp_function_id id, const gp_value *a, gp_value *out,
                                const char **problem);

#endif
