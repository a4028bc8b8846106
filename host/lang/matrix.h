/* What the functions of matrices share: arrays as factors of a product, values as the operands of folds over matrices.
 * Everything passes a failure on: false, -1, or a value whose node is -1. */
#ifndef GP_LANG_MATRIX_H
#define GP_LANG_MATRIX_H

#include "lang/operand.h"

/* An argument with a shape: lists as arrays, windows as views, complex ones with both parts in one shape; selections
 * are refused. Numbers have shape (). */
gp_value gp_matrix_value(gp_builder *b, const gp_function *fn, const gp_value *v);
static inline gp_shape gp_matrix_shape(const gp_builder *b, const gp_value *v) { return *gp_build_shape(b, v->node); }
static inline bool gp_matrix_failed(const gp_builder *b, const gp_value *v)
{
    return b->st != GPUPROC_OK || (v->kind == GP_VAL_NODE && v->node < 0);
}

/* The same views as in build.h, of both parts. */
gp_value gp_matrix_map(gp_builder *b, gp_value v, const gp_axis_map *map, const gp_shape *to, bool bounded);
gp_value gp_matrix_reshape(gp_builder *b, gp_value v, const gp_shape *shape);
gp_value gp_matrix_broadcast(gp_builder *b, gp_value v, const gp_shape *shape);
gp_value gp_matrix_transpose(gp_builder *b, gp_value v, const int *axes);
gp_value gp_matrix_swap(gp_builder *b, gp_value v); /* the last two axes */
gp_value gp_matrix_adjoint(gp_builder *b, gp_value v); /* and conjugated */
/* Elements start, start + 1, ... of an axis. */
gp_value gp_matrix_slice(gp_builder *b, gp_value v, int axis, int64_t start, int64_t length);
/* One index of the last axis, which is gone. */
gp_value gp_matrix_last(gp_builder *b, gp_value v, int64_t index);

gp_value gp_matrix_zeros(gp_builder *b, gp_dtype dtype, const gp_shape *shape);

/* One array of a product: a node that lies in storage (of a complex dtype, where it is complex). */
typedef struct gp_factor {
    int node;
    bool conjugate;
} gp_factor;
bool gp_factor_take(gp_builder *b, const gp_value *v, gp_factor *factor);

/* Factors with at least two axes; the stacks are broadcast. Bits of `drop`: GP_DROP_ROW, GP_DROP_COLUMN. */
#define GP_DROP_ROW 1    /* the rows' axis, of length 1, is left out of the result */
#define GP_DROP_COLUMN 2 /* the columns' */
gp_value gp_build_product(gp_builder *b, const char *name, gp_factor x, gp_factor y, int drop);
/* x @ y of values with at least two axes; x^H x becomes one fold over x. */
gp_value gp_build_matmul(gp_builder *b, const char *name, gp_value x, gp_value y);
/* The sum of all products of values of one shape along axes, rounded once; NULL: all axes. */
gp_value gp_build_sum_of_products(gp_builder *b, gp_value x, gp_value y, const gp_value *axes);

/* A node of the value's own dtype, complex ones put together; what a node of a complex dtype is as a value. */
int gp_matrix_node(gp_builder *b, const gp_value *v);
gp_value gp_value_of_node(gp_builder *b, int node);
/* x^H x, (n, n), by a fold over the rows of x. */
gp_value gp_build_gram(gp_builder *b, gp_value x);
/* x @ y that way, where it can be; false where it cannot. */
bool gp_try_gram(gp_builder *b, gp_value x, gp_value y, gp_value *product);

/* matmul with NumPy's rules for one axis, two, and stacks. */
gp_value gp_check_matmul(gp_builder *b, const gp_function *fn, const gp_value *v);
gp_value gp_check_matrix(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given); /* check_matrix.c */
gp_value gp_check_einsum(gp_builder *b, const gp_function *fn, const gp_value *args);                    /* check_einsum.c */
gp_value gp_check_linalg(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given); /* check_linalg.c */

#endif
