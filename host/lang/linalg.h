/* What the functions of linalg share: matrices as operands of folds, and their results taken apart. */
#ifndef GP_LANG_LINALG_H
#define GP_LANG_LINALG_H

#include "lang/matrix.h"

/* A matrix or a stack of them, (stack..., m, n), in a dtype in which there is linear algebra. */
typedef struct gp_matrix_operand {
    gp_value v;
    gp_shape stack;
    int64_t m, n;
} gp_matrix_operand;

/* An array of numbers: integers and bools as float64; float16 is refused, as by NumPy. */
gp_value gp_linalg_value(gp_builder *b, const gp_function *fn, const gp_value *v);
bool gp_linalg_is_matrix(gp_builder *b, const gp_function *fn, const gp_shape *shape, bool square);
bool gp_matrix_operand_take(gp_builder *b, const gp_function *fn, const gp_value *v, bool square, gp_matrix_operand *a);

/* A fold over the value's matrices; zeros where the result has no elements. A node. */
int gp_matrix_fold(gp_builder *b, gp_op op, gp_value v, int64_t size, const gp_shape *result);
/* Of a result (stack..., elements): the elements from `at` on, as (stack..., shape). */
gp_value gp_linalg_part(gp_builder *b, int node, int64_t at, const gp_shape *shape);
static inline gp_value gp_linalg_real(gp_value v)
{
    v.complex = false;
    return v;
}
gp_value gp_linalg_eye(gp_builder *b, int64_t n); /* float64 */

/* u (m, k), s (k), vh (k, n) with k = min(m, n). */
bool gp_linalg_svd(gp_builder *b, const gp_matrix_operand *a, gp_value *u, gp_value *s, gp_value *vh);
gp_value gp_linalg_singular_values(gp_builder *b, const gp_matrix_operand *a);

gp_value gp_check_decomposition(gp_builder *b, const gp_function *fn, const gp_value *args); /* qr, svd, eigh and their values */

#endif
