/* Products of arrays: dot and its like, on top of matrix.c. */
#include "lang/matrix.h"

#include <inttypes.h>

static gp_value failed(void) { return gp_value_node(-1); }

static gp_value conjugated(gp_builder *b, gp_value v)
{
    if (gp_matrix_failed(b, &v) || !v.complex) return v;
    return gp_check_complex_function(b, gp_function_by_id(GP_FN_conjugate), &v);
}

static gp_value flat(gp_builder *b, gp_value v)
{
    if (gp_matrix_failed(b, &v)) return failed();
    gp_shape shape = gp_matrix_shape(b, &v);
    return gp_matrix_reshape(b, v, &(gp_shape){1, {(int64_t)gp_shape_size(&shape)}});
}

/* ---- dot, vdot, inner, outer ---- */

static bool is_selected(const gp_value *v) { return v->kind == GP_VAL_NODE && v->selected; }

/* What one mask selects, x[mask], has one axis: sums of products of them need no length. */
static gp_value dot_selected(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value x = args[0];
    if (fn->id == GP_FN_vdot && x.kind == GP_VAL_NODE && x.complex)
        x = gp_check_complex_function(b, gp_function_by_id(GP_FN_conjugate), &x);
    return gp_build_sum_of_products(b, x, args[1], NULL);
}

static gp_value dot(gp_builder *b, const gp_function *fn, gp_value x, gp_value y)
{
    gp_shape from = gp_matrix_shape(b, &x), to = gp_matrix_shape(b, &y);
    if (from.ndim == 0 || to.ndim == 0) return gp_value_apply(b, GP_FN_multiply, x, y);
    int along = fn->id == GP_FN_inner || to.ndim == 1 ? to.ndim - 1 : to.ndim - 2;
    if (from.dim[from.ndim - 1] != to.dim[along]) {
        char a[200], c[200];
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "shapes %s and %s not aligned: %" PRId64 " (dim %d) != %" PRId64 " (dim %d)",
                                           gp_shape_text(&from, a, sizeof a), gp_shape_text(&to, c, sizeof c), from.dim[from.ndim - 1],
                                           from.ndim - 1, to.dim[along], along));
    }
    if (from.ndim == 1 && to.ndim == 1) return gp_build_sum_of_products(b, x, y, NULL);
    if (to.ndim <= 2) {
        gp_value both[2] = {x, to.ndim == 2 && fn->id == GP_FN_inner ? gp_matrix_swap(b, y) : y};
        return gp_check_matmul(b, fn, both);
    }
    return failed();
}

static gp_value outer(gp_builder *b, gp_value x, gp_value y)
{
    gp_shape from = gp_matrix_shape(b, &x), to = gp_matrix_shape(b, &y);
    x = gp_matrix_reshape(b, x, &(gp_shape){2, {(int64_t)gp_shape_size(&from), 1}});
    y = gp_matrix_reshape(b, y, &(gp_shape){2, {1, (int64_t)gp_shape_size(&to)}});
    return gp_value_apply(b, GP_FN_multiply, x, y);
}

gp_value gp_check_matrix(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    if (fn->id == GP_FN_matmul) return gp_check_matmul(b, fn, args);
    if (fn->id != GP_FN_outer && (is_selected(&args[0]) || is_selected(&args[1]))) return dot_selected(b, fn, args);
    gp_value x = gp_matrix_value(b, fn, &args[0]), y = gp_matrix_value(b, fn, &args[1]);
    if (gp_matrix_failed(b, &x) || gp_matrix_failed(b, &y)) return failed();
    switch (fn->id) {
    case GP_FN_vdot: return gp_build_sum_of_products(b, flat(b, conjugated(b, x)), flat(b, y), NULL);
    case GP_FN_outer: return outer(b, x, y);
    default: return dot(b, fn, x, y);
    }
}
