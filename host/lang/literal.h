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
    GP_VAL_COMPLEX,  /* Python's complex: f + f_im j */
    GP_VAL_TUPLE,    /* (a, b), [a, b] and what returns several values */
    GP_VAL_SLICE,    /* a:b:c, inside [] only: items are the three, NONE where left out */
    GP_VAL_ELLIPSIS,
} gp_value_kind;

/* What an expression of the text means. */
typedef struct gp_value {
    gp_value_kind kind;
    int node;       /* NODE */
    /* NODE, complex: `node` and `im` are the real and the imaginary part, floats of one dtype and
     * shape; the value is complex64 or complex128. A node's own dtype is complex only in INPUTs and in
     * PACKs that make results. */
    bool complex;
    int im;
    /* NODE, selected: x[mask]. What is selected are the elements of `node` where `mask`, a bool node of the
     * same shape, is true; how many shows only when it runs. Element-wise operations keep the mask,
     * reductions take only those elements. */
    bool selected;
    int mask;
    /* How many leading axes the mask goes along. Where those are fewer than node has, mask has length 1 on the
     * others (so it broadcasts), and what is selected keeps them: (N, ...). */
    int mask_axes;
    /* NODE, a window: sliding_window_view(x, width, axis). `node` is x itself, the axis of the windows is
     * behind all others; anything but a reduction along it takes it as a real view first. */
    bool windowed;
    int window_axis;
    int64_t window;
    __int128 i;     /* BOOL, INT */
    double f, f_im; /* FLOAT, COMPLEX */
    gp_dtype dtype; /* DTYPE */
    int token;      /* STRING */
    int items, item; /* TUPLE, SLICE: how many, and the first one's place in gp_builder.item */
    bool list;      /* TUPLE: written with [] */
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
