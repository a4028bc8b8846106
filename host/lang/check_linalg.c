/* linalg.*: folds over matrices (lang/ops.h), views that take their results apart, and what is made of them. */
#include "lang/linalg.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static gp_value failed(void) { return gp_value_node(-1); }

/* ---- solve, inv, det, cholesky ---- */

static gp_value one_fold(gp_builder *b, const gp_function *fn, const gp_value *arg, gp_op op)
{
    gp_matrix_operand a;
    if (!gp_matrix_operand_take(b, fn, arg, true, &a)) return failed();
    gp_shape shape = gp_matrix_shape(b, &a.v);
    return gp_value_of_node(b, gp_matrix_fold(b, op, a.v, 0, &shape));
}

static gp_value cholesky(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_matrix_operand a;
    bool upper = false;
    if (args[1].kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "upper", &args[1], &upper)) return failed();
    if (!gp_matrix_operand_take(b, fn, &args[0], true, &a)) return failed();
    gp_shape shape = gp_matrix_shape(b, &a.v);
    gp_value v = upper ? gp_matrix_adjoint(b, a.v) : a.v; /* the fold looks at the lower triangle */
    v = gp_value_of_node(b, gp_matrix_fold(b, GP_OP_CHOLESKY, v, 0, &shape));
    return upper ? gp_matrix_adjoint(b, v) : v;
}

static gp_value det(gp_builder *b, const gp_function *fn, const gp_value *arg)
{
    gp_matrix_operand a;
    if (!gp_matrix_operand_take(b, fn, arg, true, &a)) return failed();
    gp_shape shape = a.stack;
    if (shape.ndim > 0 || !a.v.complex) return gp_value_of_node(b, gp_matrix_fold(b, GP_OP_DET, a.v, 0, &shape));
    shape = (gp_shape){1, {1}}; /* a single value is real */
    return gp_matrix_last(b, gp_value_of_node(b, gp_matrix_fold(b, GP_OP_DET, a.v, 0, &shape)), 0);
}

static gp_value slogdet(gp_builder *b, const gp_function *fn, const gp_value *arg)
{
    gp_matrix_operand a;
    if (!gp_matrix_operand_take(b, fn, arg, true, &a)) return failed();
    gp_shape shape = a.stack;
    shape.dim[shape.ndim++] = 2;
    gp_value both = gp_value_of_node(b, gp_matrix_fold(b, GP_OP_SLOGDET, a.v, 0, &shape));
    gp_value part[2] = {gp_matrix_last(b, both, 0), gp_matrix_last(b, both, 1)};
    part[1].complex = false;
    return gp_matrix_failed(b, &part[0]) || gp_matrix_failed(b, &part[1]) ? failed() : gp_build_tuple(b, part, 2);
}

/* [x | y]: both of one dtype, their stacks broadcast. */
static gp_value side_by_side(gp_builder *b, const char *name, gp_value x, gp_value y)
{
    gp_value v[2] = {x, y};
    gp_dtype dtype = gp_build_common(b, v, 2);
    gp_shape shape[2] = {gp_matrix_shape(b, &x), gp_matrix_shape(b, &y)}, a = shape[0], c = shape[1], stack;
    gpuproc_error why;
    a.ndim -= 2;
    c.ndim -= 2;
    if (gp_shape_broadcast(&a, &c, &stack, &why) != GPUPROC_OK)
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "%s: the stacks of matrices do not fit: %s", name, why.message));
    for (int k = 0; k < 2; k++) {
        gp_shape full = stack;
        for (int d = 2; d > 0; d--) full.dim[full.ndim++] = shape[k].dim[shape[k].ndim - d];
        v[k] = gp_build_convert(b, &v[k], dtype);
        v[k] = gp_matrix_broadcast(b, v[k], &full);
        if (gp_matrix_failed(b, &v[k])) return failed();
    }
    int re[2] = {v[0].node, v[1].node}, im[2] = {v[0].im, v[1].im};
    v[0].node = gp_build_concatenate(b, re, 2, stack.ndim + 1);
    if (v[0].complex) v[0].im = gp_build_concatenate(b, im, 2, stack.ndim + 1);
    return v[0].node < 0 || (v[0].complex && v[0].im < 0) ? failed() : v[0];
}

/* A vector as a column. */
static gp_value column_of(gp_builder *b, gp_value v)
{
    gp_shape shape = gp_matrix_shape(b, &v);
    if (shape.ndim != 1) return v;
    return gp_matrix_reshape(b, v, &(gp_shape){2, {shape.dim[0], 1}});
}

/* The right side of equations: a vector, or columns. */
static bool take_right(gp_builder *b, const gp_function *fn, const gp_value *arg, const gp_matrix_operand *a, gp_value *right, bool *line)
{
    *right = gp_linalg_value(b, fn, arg);
    if (gp_matrix_failed(b, right)) return false;
    gp_shape shape = gp_matrix_shape(b, right);
    *line = shape.ndim == 1;
    if (shape.ndim == 0) {
        gp_build_fail(b, GPUPROC_VALUE, "%s: b is a single number: a vector or a matrix is needed", fn->name);
        return false;
    }
    int64_t rows = shape.dim[*line ? 0 : shape.ndim - 2];
    if (rows != a->m) {
        gp_build_fail(b, GPUPROC_SHAPE, "%s: a and b do not fit: a has %" PRId64 " rows, b %" PRId64, fn->name, a->m, rows);
        return false;
    }
    *right = column_of(b, *right);
    return !gp_matrix_failed(b, right);
}

static gp_value solve(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_matrix_operand a;
    gp_value right;
    bool line;
    if (!gp_matrix_operand_take(b, fn, &args[0], true, &a) || !take_right(b, fn, &args[1], &a, &right, &line)) return failed();
    gp_shape of_right = gp_matrix_shape(b, &right);
    int64_t columns = of_right.dim[of_right.ndim - 1];
    gp_value both = side_by_side(b, fn->name, a.v, right);
    if (gp_matrix_failed(b, &both)) return failed();
    gp_shape shape = gp_matrix_shape(b, &both);
    shape.dim[shape.ndim - 1] = columns;
    if (line) shape.ndim--;
    return gp_value_of_node(b, gp_matrix_fold(b, GP_OP_SOLVE, both, columns, &shape));
}

/* ---- lstsq ---- */

/* NumPy has no residuals where the rank is not full; that shows only when it runs, so they are NaN. */
static gp_value residuals(gp_builder *b, gp_value sums, gp_value rank, int64_t full)
{
    if (gp_matrix_failed(b, &sums) || gp_matrix_failed(b, &rank)) return failed();
    gp_dtype dtype = gp_build_dtype(b, sums.node);
    int is_full = gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, rank.node, gp_build_float(b, dtype, (double)full));
    return gp_value_node(gp_build_where(b, is_full, sums.node, gp_build_float(b, dtype, NAN)));
}

static gp_value lstsq(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_matrix_operand a;
    gp_value right;
    bool line;
    double rcond = -1;
    if (args[2].kind != GP_VAL_NONE && !gp_argument_number(b, fn, "rcond", &args[2], &rcond)) return failed();
    if (!gp_matrix_operand_take(b, fn, &args[0], false, &a) || !take_right(b, fn, &args[1], &a, &right, &line)) return failed();
    if (a.stack.ndim > 0 || gp_matrix_shape(b, &right).ndim > 2)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "lstsq() takes a matrix and a vector or a matrix, found arrays of %d and %d dimensions",
                                           a.stack.ndim + 2, gp_matrix_shape(b, &right).ndim));
    if (a.m == 0 || a.n == 0) return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "lstsq() of an empty matrix is not possible"));
    int64_t columns = gp_matrix_shape(b, &right).dim[1], least = a.m < a.n ? a.m : a.n;
    gp_value both = side_by_side(b, fn->name, a.v, right);
    int node = gp_matrix_node(b, &both);
    if (node < 0) return failed();
    gp_shape flat = {1, {a.n * columns + columns + 1 + a.n}}, x = {2, {a.n, columns}}, line_of_x = {1, {a.n}}, sums = {1, {columns}};
    node = gp_build_placed(b, gp_ir_lstsq(b->program, gp_build_dtype(b, node), node, columns, rcond, &flat));
    gp_value part[4];
    int64_t at = a.n * columns;
    part[0] = gp_linalg_part(b, node, 0, line ? &line_of_x : &x);
    part[2] = gp_linalg_real(gp_linalg_part(b, node, at + columns, &(gp_shape){0}));
    part[1] = residuals(b, gp_linalg_real(gp_linalg_part(b, node, at, &sums)), part[2], a.n);
    part[3] = gp_linalg_real(gp_linalg_part(b, node, at + columns + 1, &(gp_shape){1, {least}}));
    if (a.m <= a.n && !gp_matrix_failed(b, &part[3]))
        part[1] = gp_matrix_zeros(b, gp_build_dtype(b, part[3].node), &(gp_shape){1, {0}});
    part[2] = gp_matrix_failed(b, &part[2]) ? failed() : gp_value_node(gp_build_cast(b, part[2].node, GPUPROC_INT32));
    for (int k = 0; k < 4; k++) {
        if (gp_matrix_failed(b, &part[k])) return failed();
    }
    return gp_build_tuple(b, part, 4);
}

/* ---- pinv, matrix_rank, cond ---- */

/* The largest of the singular values, along an axis of length 1, times a number. */
static gp_value scaled_largest(gp_builder *b, gp_value s, double by)
{
    gp_value last = gp_value_int(-1);
    return gp_value_apply(b, GP_FN_multiply, gp_value_reduced(b, GP_FN_max, s, &last, true), gp_value_float(by));
}

static double epsilon(const gp_builder *b, const gp_value *s) { return gp_build_dtype(b, s->node) == GPUPROC_FLOAT32 ? 0x1p-23 : 0x1p-52; }

static gp_value pinv(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *rtol = gp_argument_named(fn, args, "rtol"), *rcond = gp_argument_named(fn, args, "rcond");
    gp_matrix_operand a;
    gp_value u, s, vh;
    double cut = 1e-15;
    if (rtol->kind != GP_VAL_NONE) rcond = rtol;
    if (rcond->kind != GP_VAL_NONE && !gp_argument_number(b, fn, "rcond", rcond, &cut)) return failed();
    if (!gp_argument_refuse(b, fn, args, "hermitian") || !gp_matrix_operand_take(b, fn, &args[0], false, &a)) return failed();
    if (a.m == 0 || a.n == 0) {
        gp_shape shape = a.stack;
        shape.dim[shape.ndim++] = a.n;
        shape.dim[shape.ndim++] = a.m;
        gp_value own = gp_matrix_value(b, fn, &args[0]);
        return gp_matrix_failed(b, &own) ? failed() : gp_matrix_zeros(b, gp_value_dtype(b, &own), &shape);
    }
    if (!gp_linalg_svd(b, &a, &u, &s, &vh)) return failed();
    gp_dtype dtype = gp_build_dtype(b, s.node);
    gp_value large = gp_value_apply(b, GP_FN_greater, s, scaled_largest(b, s, cut));
    if (gp_matrix_failed(b, &large)) return failed();
    int one = gp_build_float(b, dtype, 1), zero = gp_build_float(b, dtype, 0);
    int inverse = gp_build_binary(b, GP_OP_DIV, dtype, one, gp_build_where(b, large.node, s.node, one));
    inverse = gp_build_where(b, large.node, inverse, zero);
    if (inverse >= 0) inverse = gp_build_insert_axis(b, inverse, a.stack.ndim + 1);
    gp_value scaled = gp_value_apply(b, GP_FN_multiply, gp_value_node(inverse), gp_matrix_adjoint(b, u));
    return gp_build_matmul(b, fn->name, gp_matrix_adjoint(b, vh), scaled);
}

static gp_value matrix_rank(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *tol = gp_argument_named(fn, args, "tol"), *rtol = gp_argument_named(fn, args, "rtol");
    gp_value x = gp_matrix_value(b, fn, &args[0]), last = gp_value_int(-1), limit;
    double relative = 0, absolute = 0;
    if (gp_matrix_failed(b, &x) || !gp_argument_refuse(b, fn, args, "hermitian")) return failed();
    if (gp_matrix_shape(b, &x).ndim < 2) { /* 1 where anything is not 0 */
        gp_value any = gp_value_reduced(b, GP_FN_any, x, NULL, false);
        return gp_matrix_failed(b, &any) ? failed() : gp_build_convert(b, &any, GPUPROC_INT64);
    }
    gp_matrix_operand a;
    if (!gp_matrix_operand_take(b, fn, &x, false, &a)) return failed();
    if (a.m == 0 || a.n == 0) return gp_matrix_zeros(b, GPUPROC_INT64, &a.stack);
    gp_value s = gp_linalg_singular_values(b, &a);
    if (gp_matrix_failed(b, &s)) return failed();
    if (tol->kind != GP_VAL_NONE && !gp_argument_number(b, fn, "tol", tol, &absolute)) return failed();
    relative = (double)(a.m > a.n ? a.m : a.n) * epsilon(b, &s);
    if (rtol->kind != GP_VAL_NONE && !gp_argument_number(b, fn, "rtol", rtol, &relative)) return failed();
    limit = tol->kind != GP_VAL_NONE ? gp_value_float(absolute) : scaled_largest(b, s, relative);
    return gp_value_reduced(b, GP_FN_count_nonzero, gp_value_apply(b, GP_FN_greater, s, limit), &last, false);
}

static gp_value norm_of(gp_builder *b, gp_value x, const gp_value *ord)
{
    gp_value args[GP_MAX_PARAMETERS];
    for (int k = 0; k < GP_MAX_PARAMETERS; k++) args[k] = (gp_value){.kind = GP_VAL_NONE};
    gp_value axes[2] = {gp_value_int(-2), gp_value_int(-1)};
    args[0] = x;
    args[1] = *ord;
    args[2] = gp_build_tuple(b, axes, 2);
    if (gp_matrix_failed(b, &x)) return failed();
    return gp_check_statistics(b, gp_function_by_id(GP_FN_linalg_norm), args, (bool[GP_MAX_PARAMETERS]){true, true, true});
}

static gp_value cond(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_matrix_operand a;
    double p = 2;
    bool spectral = args[1].kind == GP_VAL_NONE;
    if (!spectral && args[1].kind != GP_VAL_STRING) {
        if (!gp_argument_number(b, fn, "p", &args[1], &p)) return failed();
        spectral = fabs(p) == 2;
    }
    if (!gp_matrix_operand_take(b, fn, &args[0], !spectral, &a)) return failed();
    if (a.m == 0 || a.n == 0) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "cond is not defined on empty arrays"));
    if (!spectral) {
        gp_shape shape = gp_matrix_shape(b, &a.v);
        gp_value inverse = gp_value_of_node(b, gp_matrix_fold(b, GP_OP_INV, a.v, 0, &shape));
        return gp_value_apply(b, GP_FN_multiply, norm_of(b, a.v, &args[1]), norm_of(b, inverse, &args[1]));
    }
    gp_value s = gp_linalg_singular_values(b, &a);
    gp_value most = gp_matrix_last(b, s, 0), least = gp_matrix_last(b, s, (a.m < a.n ? a.m : a.n) - 1);
    if (gp_matrix_failed(b, &most) || gp_matrix_failed(b, &least)) return failed();
    gp_dtype dtype = gp_build_dtype(b, s.node);
    int zero = gp_build_float(b, dtype, 0), one = gp_build_float(b, dtype, 1), infinite = gp_build_float(b, dtype, INFINITY);
    int singular = gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, least.node, zero);
    int divisor = gp_build_where(b, singular, one, least.node);
    if (p == 2) return gp_value_node(gp_build_where(b, singular, infinite, gp_build_binary(b, GP_OP_DIV, dtype, most.node, divisor)));
    singular = gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, most.node, zero);
    divisor = gp_build_where(b, singular, one, most.node);
    return gp_value_node(gp_build_where(b, singular, infinite, gp_build_binary(b, GP_OP_DIV, dtype, least.node, divisor)));
}

/* ---- Powers and chains ---- */

static gp_value matrix_power(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value x = gp_matrix_value(b, fn, &args[0]), result = failed();
    int64_t n;
    if (gp_matrix_failed(b, &x) || !gp_argument_int(b, fn, "n", &args[1], &n)) return failed();
    gp_shape shape = gp_matrix_shape(b, &x);
    if (!gp_linalg_is_matrix(b, fn, &shape, true)) return failed();
    if (n > 1 << 20 || n < -(1 << 20)) return gp_value_node(gp_build_fail(b, GPUPROC_LIMIT, "matrix_power() takes powers up to %d", 1 << 20));
    if (n == 0) {
        gp_value eye = gp_linalg_eye(b, shape.dim[shape.ndim - 1]);
        if (gp_matrix_failed(b, &eye)) return failed();
        return gp_matrix_broadcast(b, gp_build_convert(b, &eye, gp_value_dtype(b, &x)), &shape);
    }
    if (n < 0) {
        x = one_fold(b, fn, &x, GP_OP_INV);
        n = -n;
    }
    for (bool begun = false; n > 0; n >>= 1) {
        if (n & 1) result = begun ? gp_build_matmul(b, fn->name, result, x) : x;
        begun = begun || (n & 1);
        if (n > 1) x = gp_build_matmul(b, fn->name, x, x);
    }
    return result;
}

#define CHAIN_MOST 16

typedef struct chain {
    gp_builder *b;
    gp_value v[CHAIN_MOST];
    int split[CHAIN_MOST][CHAIN_MOST];
} chain;

static gp_value multiplied(const chain *c, int first, int last)
{
    if (first == last) return c->v[first];
    int at = c->split[first][last];
    gp_value both[2] = {multiplied(c, first, at), multiplied(c, at + 1, last)};
    if (gp_matrix_failed(c->b, &both[0]) || gp_matrix_failed(c->b, &both[1])) return failed();
    return gp_check_matmul(c->b, gp_function_by_id(GP_FN_matmul), both);
}

/* The order in which the fewest products of numbers are needed. */
static gp_value multi_dot(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    chain c = {.b = b};
    double cost[CHAIN_MOST][CHAIN_MOST] = {{0}}, length[CHAIN_MOST + 1];
    int count = args[0].kind == GP_VAL_TUPLE ? args[0].items : 0;
    if (count < 2 || count > CHAIN_MOST)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "multi_dot() needs a list of 2 to %d arrays", CHAIN_MOST));
    if (count == 2) {
        gp_value both[GP_MAX_PARAMETERS] = {*gp_build_item(b, &args[0], 0), *gp_build_item(b, &args[0], 1)};
        return gp_check_matrix(b, gp_function_by_id(GP_FN_dot), both, (bool[GP_MAX_PARAMETERS]){true, true});
    }
    for (int k = 0; k < count; k++) {
        c.v[k] = gp_matrix_value(b, fn, gp_build_item(b, &args[0], k));
        if (gp_matrix_failed(b, &c.v[k])) return failed();
        gp_shape shape = gp_matrix_shape(b, &c.v[k]);
        bool end = k == 0 || k == count - 1;
        if (shape.ndim != 2 && !(end && shape.ndim == 1))
            return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "multi_dot() takes matrices, the first and the last may be vectors; array %d has %d dimensions",
                                               k + 1, shape.ndim));
        if (k == 0) length[0] = shape.ndim == 1 ? 1 : (double)shape.dim[0];
        length[k + 1] = shape.ndim == 1 && k > 0 ? 1 : (double)shape.dim[shape.ndim - 1];
    }
    for (int span = 1; span < count; span++) {
        for (int i = 0; i + span < count; i++) {
            int j = i + span;
            cost[i][j] = INFINITY;
            for (int at = i; at < j; at++) {
                double own = cost[i][at] + cost[at + 1][j] + length[i] * length[at + 1] * length[j + 1];
                if (own >= cost[i][j]) continue;
                cost[i][j] = own;
                c.split[i][j] = at;
            }
        }
    }
    return multiplied(&c, 0, count - 1);
}

gp_value gp_check_linalg(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    switch (fn->id) {
    case GP_FN_linalg_solve: return solve(b, fn, args);
    case GP_FN_linalg_inv: return one_fold(b, fn, &args[0], GP_OP_INV);
    case GP_FN_linalg_cholesky: return cholesky(b, fn, args);
    case GP_FN_linalg_det: return det(b, fn, &args[0]);
    case GP_FN_linalg_slogdet: return slogdet(b, fn, &args[0]);
    case GP_FN_linalg_lstsq: return lstsq(b, fn, args);
    case GP_FN_linalg_pinv: return pinv(b, fn, args);
    case GP_FN_linalg_matrix_rank: return matrix_rank(b, fn, args);
    case GP_FN_linalg_cond: return cond(b, fn, args);
    case GP_FN_linalg_matrix_power: return matrix_power(b, fn, args);
    case GP_FN_linalg_multi_dot: return multi_dot(b, fn, args);
    default: return gp_check_decomposition(b, fn, args);
    }
}
