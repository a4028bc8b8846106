/* Matrices as operands of folds, and their results taken apart: eigh, svd, qr.
 *
 * Of a tall matrix X that is large, only what goes by row after row is done, so that it need not fit into memory: see
 * `tall_basis`. */
#include "lang/linalg.h"

#include "lang/check_generator.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static gp_value failed(void) { return gp_value_node(-1); }

gp_value gp_linalg_value(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    gp_value x = gp_matrix_value(b, fn, v);
    if (gp_matrix_failed(b, &x) || x.complex) return x;
    gp_dtype dtype = gp_build_dtype(b, x.node);
    if (dtype == GPUPROC_FLOAT16)
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "array type float16 is unsupported in linalg: convert it, float32(x)"));
    return gp_dtype_is_float(dtype) ? x : gp_build_convert(b, &x, GPUPROC_FLOAT64);
}

bool gp_linalg_is_matrix(gp_builder *b, const gp_function *fn, const gp_shape *shape, bool square)
{
    if (shape->ndim < 2) {
        gp_build_fail(b, GPUPROC_VALUE, "%s: %d-dimensional array given. Array must be at least two-dimensional", fn->name, shape->ndim);
        return false;
    }
    int64_t m = shape->dim[shape->ndim - 2], n = shape->dim[shape->ndim - 1];
    if (!square || m == n) return true;
    gp_build_fail(b, GPUPROC_VALUE, "%s: Last 2 dimensions of the array must be square, found (%" PRId64 ", %" PRId64 ")", fn->name, m, n);
    return false;
}

bool gp_matrix_operand_take(gp_builder *b, const gp_function *fn, const gp_value *v, bool square, gp_matrix_operand *a)
{
    *a = (gp_matrix_operand){.v = gp_linalg_value(b, fn, v)};
    if (gp_matrix_failed(b, &a->v)) return false;
    a->stack = gp_matrix_shape(b, &a->v);
    if (!gp_linalg_is_matrix(b, fn, &a->stack, square)) return false;
    a->stack.ndim -= 2;
    a->m = a->stack.dim[a->stack.ndim];
    a->n = a->stack.dim[a->stack.ndim + 1];
    return true;
}

int gp_matrix_fold(gp_builder *b, gp_op op, gp_value v, int64_t size, const gp_shape *result)
{
    int node = gp_matrix_node(b, &v);
    if (node < 0) return -1;
    gp_dtype dtype = gp_build_dtype(b, node);
    if (gp_shape_size(result) == 0) {
        gp_value none = gp_matrix_zeros(b, dtype, result);
        return gp_matrix_node(b, &none);
    }
    return gp_build_placed(b, gp_ir_fold(b->program, op, dtype, node, -1, 0, size, result, false));
}

gp_value gp_linalg_part(gp_builder *b, int node, int64_t at, const gp_shape *shape)
{
    if (node < 0 || b->st != GPUPROC_OK) return failed();
    gp_shape to = *gp_build_shape(b, node);
    node = gp_build_slice(b, node, to.ndim - 1, at, 1, (int64_t)gp_shape_size(shape));
    to.ndim--;
    for (int d = 0; d < shape->ndim; d++) to.dim[to.ndim++] = shape->dim[d];
    return gp_value_of_node(b, node < 0 ? -1 : gp_build_reshape(b, node, &to));
}

static gp_value none(void) { return (gp_value){.kind = GP_VAL_NONE}; }

gp_value gp_linalg_eye(gp_builder *b, int64_t n)
{
    gp_value args[GP_MAX_PARAMETERS];
    for (int k = 0; k < GP_MAX_PARAMETERS; k++) args[k] = none();
    args[0] = gp_value_int(n);
    return gp_check_generator(b, gp_function_by_id(GP_FN_identity), args, (bool[GP_MAX_PARAMETERS]){true});
}

/* The stack's shape with one more axis, of `length`. */
static gp_shape flat_of(const gp_matrix_operand *a, int64_t length)
{
    gp_shape shape = a->stack;
    shape.dim[shape.ndim++] = length;
    return shape;
}

static int64_t least(const gp_matrix_operand *a) { return a->m < a->n ? a->m : a->n; }

/* Elements of results that together do not fit 63 bits. */
static bool too_large(gp_builder *b, const gp_matrix_operand *a)
{
    __int128 k = least(a), all = (__int128)a->m * k + k * k + k * a->n + k;
    if (all < INT64_MAX / 16) return false;
    gp_build_fail(b, GPUPROC_SHAPE, "a matrix of shape (%" PRId64 ", %" PRId64 ") is too large to be decomposed", a->m, a->n);
    return true;
}

/* ---- Tall ones, row by row ---- */

#define TALL_ELEMENTS ((int64_t)1 << 18) /* what keeps the whole takes up to 18 times as many bytes */

static bool is_tall(const gp_matrix_operand *a)
{
    return a->stack.ndim == 0 && a->m / 4 >= a->n && a->n > 0 && a->m > TALL_ELEMENTS / a->n;
}

static gp_value r_of(gp_builder *b, gp_value x, int64_t n)
{
    return gp_value_of_node(b, gp_matrix_fold(b, GP_OP_QRR, x, 0, &(gp_shape){2, {n, n}}));
}

static gp_value inverse_of(gp_builder *b, gp_value r, int64_t n)
{
    return gp_value_of_node(b, gp_matrix_fold(b, GP_OP_INV, r, 0, &(gp_shape){2, {n, n}}));
}

/* ---- Singular values ---- */

static bool svd_fold(gp_builder *b, const gp_matrix_operand *a, gp_value *u, gp_value *s, gp_value *vh)
{
    int64_t k = least(a);
    if (too_large(b, a)) return false;
    gp_shape flat = flat_of(a, a->m * k + k + k * a->n);
    int node = gp_matrix_fold(b, GP_OP_SVD, a->v, 0, &flat);
    *u = gp_linalg_part(b, node, 0, &(gp_shape){2, {a->m, k}});
    *s = gp_linalg_real(gp_linalg_part(b, node, a->m * k, &(gp_shape){1, {k}}));
    *vh = gp_linalg_part(b, node, a->m * k + k, &(gp_shape){2, {k, a->n}});
    return !gp_matrix_failed(b, u) && !gp_matrix_failed(b, s) && !gp_matrix_failed(b, vh);
}

/* ---- The basis of a tall one ---- */

/* A vector as factors of rows. */
static gp_value by_row(gp_builder *b, gp_value v)
{
    return gp_matrix_failed(b, &v) ? failed() : gp_value_node(gp_build_insert_axis(b, v.node, 1));
}

/* The largest magnitude in each column, 1 where there is none to speak of. */
static gp_value column_sizes(gp_builder *b, gp_value r, gp_dtype dtype)
{
    gp_value first = gp_value_int(0), size = gp_value_reduced(b, GP_FN_max, gp_check_operator(b, GP_FN_absolute, &r, 1), &first, false);
    if (gp_matrix_failed(b, &size)) return failed();
    int least = gp_build_float(b, dtype, dtype == GPUPROC_FLOAT32 ? 0x1p-100 : 0x1p-1000);
    int tiny = gp_build_op(b, GP_OP_LT, GPUPROC_BOOL, size.node, least, -1);
    return gp_value_node(gp_build_where(b, tiny, gp_build_float(b, dtype, 1), size.node));
}

/* Columns of about length 1. */
static gp_value random_columns(gp_builder *b, int64_t m, int64_t n, gp_dtype dtype)
{
    gp_value args[GP_MAX_PARAMETERS], length[2] = {gp_value_int(m), gp_value_int(n)};
    for (int k = 0; k < GP_MAX_PARAMETERS; k++) args[k] = none();
    args[0] = gp_build_tuple(b, length, 2);
    args[1] = gp_value_int(1);
    if (gp_matrix_failed(b, &args[0])) return failed();
    gp_value v = gp_check_random(b, gp_function_by_id(GP_FN_random_random), args, (bool[GP_MAX_PARAMETERS]){true, true});
    v = gp_value_apply(b, GP_FN_multiply, gp_value_apply(b, GP_FN_subtract, v, gp_value_float(0.5)), gp_value_float(sqrt(12 / (double)m)));
    return gp_matrix_failed(b, &v) ? failed() : gp_build_convert(b, &v, dtype);
}

static gp_value inverse_where(gp_builder *b, gp_value large, gp_value s, gp_dtype dtype)
{
    if (gp_matrix_failed(b, &large) || gp_matrix_failed(b, &s)) return failed();
    int one = gp_build_float(b, dtype, 1), zero = gp_build_float(b, dtype, 0);
    int inverse = gp_build_op(b, GP_OP_DIV, dtype, one, gp_build_where(b, large.node, s.node, one), -1);
    return gp_value_node(gp_build_where(b, large.node, inverse, zero));
}

/* s > part * max(s) */
static gp_value larger_than(gp_builder *b, gp_value s, double part)
{
    gp_value last = gp_value_int(-1), most = gp_value_reduced(b, GP_FN_max, s, &last, true);
    return gp_value_apply(b, GP_FN_greater, s, gp_value_apply(b, GP_FN_multiply, most, gp_value_float(part)));
}

/* As numbers: 1 where the R's columns are not made of those before them. */
static gp_value independent(gp_builder *b, gp_value r, int64_t n, gp_dtype dtype)
{
    gp_value first = gp_value_int(0), eye = gp_linalg_eye(b, n);
    if (gp_matrix_failed(b, &eye) || gp_matrix_failed(b, &r)) return failed();
    gp_value diagonal = gp_value_apply(b, GP_FN_multiply, gp_check_operator(b, GP_FN_absolute, &r, 1), gp_build_convert(b, &eye, dtype));
    gp_value is = gp_value_apply(b, GP_FN_greater, gp_value_reduced(b, GP_FN_max, diagonal, &first, false), gp_value_float(0.25));
    return gp_matrix_failed(b, &is) ? failed() : gp_build_convert(b, &is, dtype);
}

/* The c for which r * kept @ c is r, as nearly as can be; rows of zeros where nothing is kept. */
static gp_value by_kept(gp_builder *b, gp_value r, gp_value kept, int64_t n, gp_dtype dtype)
{
    gp_value w, s, vh;
    gp_matrix_operand part = {.v = gp_value_apply(b, GP_FN_multiply, r, kept), .m = n, .n = n};
    if (gp_matrix_failed(b, &part.v) || !svd_fold(b, &part, &w, &s, &vh)) return failed();
    gp_value inverse = inverse_where(b, larger_than(b, s, 1e-3), s, dtype);
    gp_value v = gp_value_apply(b, GP_FN_multiply, gp_matrix_adjoint(b, vh), inverse);
    v = gp_value_apply(b, GP_FN_multiply, by_row(b, kept), v);
    return gp_build_matmul(b, "qr", v, gp_build_matmul(b, "qr", gp_matrix_adjoint(b, w), r));
}

/* X = basis @ finish @ r, with basis (m, n) times finish orthonormal and r (n, n).
 *
 * The R of X is found by TSQR. With R = W S V^H the columns of X V / S are roughly orthonormal, and those of the same
 * times inv(its own R) are so to working precision: "twice is enough". But where S is not much more than rounding,
 * a column may be made of those before it: the R of X V / S tells. X says nothing about such a direction, and random
 * numbers take its place, which the second step makes orthogonal to the others. X V / S is made again rather than
 * stored. Columns of X are scaled to one size first, so that small ones are not taken for rounding. */
static bool tall_basis(gp_builder *b, const gp_matrix_operand *a, gp_value *basis, gp_value *finish, gp_value *r)
{
    gp_value w, s, vh, first = r_of(b, a->v, a->n);
    if (gp_matrix_failed(b, &first)) return false;
    gp_dtype dtype = gp_build_dtype(b, first.node); /* of its parts, where it is complex */
    gp_value size = column_sizes(b, first, dtype);
    gp_matrix_operand scaled = {.v = gp_value_apply(b, GP_FN_divide, first, size), .m = a->n, .n = a->n};
    if (gp_matrix_failed(b, &scaled.v) || !svd_fold(b, &scaled, &w, &s, &vh)) return false;
    gp_value inverse = inverse_where(b, larger_than(b, s, dtype == GPUPROC_FLOAT32 ? 0x1p-23 : 0x1p-52), s, dtype);
    gp_value to_rough = gp_value_apply(b, GP_FN_multiply, gp_matrix_adjoint(b, vh), inverse);
    to_rough = gp_value_apply(b, GP_FN_divide, to_rough, by_row(b, size));
    gp_value from_rough = gp_value_apply(b, GP_FN_multiply, gp_value_apply(b, GP_FN_multiply, by_row(b, s), vh), size);
    if (gp_matrix_failed(b, &to_rough) || gp_matrix_failed(b, &from_rough)) return false;

    gp_value second = r_of(b, gp_build_matmul(b, "qr", a->v, to_rough), a->n);
    gp_value kept = independent(b, second, a->n, dtype), missing = gp_value_apply(b, GP_FN_equal, kept, gp_value_float(0));
    if (gp_matrix_failed(b, &missing)) return false;
    gp_value known = gp_build_matmul(b, "qr", a->v, gp_value_apply(b, GP_FN_multiply, to_rough, kept));
    *basis = gp_value_apply(b, GP_FN_add, known, gp_value_apply(b, GP_FN_multiply, random_columns(b, a->m, a->n, dtype), missing));
    if (gp_matrix_failed(b, basis)) return false;
    gp_value third = r_of(b, *basis, a->n);
    *finish = inverse_of(b, third, a->n);
    *r = gp_build_matmul(b, "qr", third, gp_build_matmul(b, "qr", by_kept(b, second, kept, a->n, dtype), from_rough));
    return !gp_matrix_failed(b, finish) && !gp_matrix_failed(b, r);
}

bool gp_linalg_svd(gp_builder *b, const gp_matrix_operand *a, gp_value *u, gp_value *s, gp_value *vh)
{
    gp_value basis, finish;
    gp_matrix_operand r = {.m = a->n, .n = a->n};
    if (!is_tall(a)) return svd_fold(b, a, u, s, vh);
    if (!tall_basis(b, a, &basis, &finish, &r.v) || !svd_fold(b, &r, u, s, vh)) return false;
    *u = gp_build_matmul(b, "svd", basis, gp_build_matmul(b, "svd", finish, *u));
    return !gp_matrix_failed(b, u);
}

gp_value gp_linalg_singular_values(gp_builder *b, const gp_matrix_operand *a)
{
    gp_value u, s, vh;
    gp_matrix_operand r = *a;
    if (is_tall(a)) r = (gp_matrix_operand){.v = r_of(b, a->v, a->n), .m = a->n, .n = a->n};
    if (gp_matrix_failed(b, &r.v)) return failed();
    return svd_fold(b, &r, &u, &s, &vh) ? s : failed();
}

#define FULL_BYTES ((int64_t)64 << 20)

/* Orthonormal columns (m, k) and more of them, up to (m, m): those in the space that is left, I - q q^H, which are its
 * eigenvectors of eigenvalue 1. */
static gp_value completed(gp_builder *b, const gp_function *fn, const char *advice, gp_value q)
{
    if (gp_matrix_failed(b, &q)) return failed();
    gp_shape shape = gp_matrix_shape(b, &q);
    int64_t m = shape.dim[shape.ndim - 2], k = shape.dim[shape.ndim - 1];
    gp_dtype dtype = gp_value_dtype(b, &q);
    __int128 bytes = (__int128)m * m * (int64_t)gpuproc_dtype_bytes(dtype);
    if (m == k) return q;
    if (bytes > FULL_BYTES)
        return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s: a square matrix of %" PRId64 " rows (%.3g GiB) is asked for: write %s", fn->name,
                                           m, (double)bytes / 0x1p30, advice));
    gp_value eye = gp_linalg_eye(b, m);
    if (gp_matrix_failed(b, &eye)) return failed();
    gp_matrix_operand left = {.m = m, .n = m, .stack = shape};
    left.stack.ndim -= 2;
    left.v = gp_build_convert(b, &eye, dtype);
    if (k > 0) left.v = gp_value_apply(b, GP_FN_subtract, left.v, gp_build_matmul(b, fn->name, q, gp_matrix_adjoint(b, q)));
    gp_shape flat = flat_of(&left, m + m * m);
    if (k == 0) {
        shape.dim[shape.ndim - 1] = m;
        return gp_matrix_broadcast(b, left.v, &shape);
    }
    int node = gp_matrix_failed(b, &left.v) ? -1 : gp_matrix_fold(b, GP_OP_EIGH, left.v, 0, &flat);
    gp_value rest = gp_matrix_slice(b, gp_linalg_part(b, node, m, &(gp_shape){2, {m, m}}), shape.ndim - 1, k, m - k);
    if (gp_matrix_failed(b, &rest)) return failed();
    int re[2] = {q.node, rest.node}, im[2] = {q.im, rest.im};
    q.node = gp_build_concatenate(b, re, 2, shape.ndim - 1);
    if (q.complex) q.im = gp_build_concatenate(b, im, 2, shape.ndim - 1);
    return q.node < 0 || (q.complex && q.im < 0) ? failed() : q;
}

static gp_value tuple_of(gp_builder *b, const gp_value *part, int count)
{
    for (int k = 0; k < count; k++) {
        if (gp_matrix_failed(b, &part[k])) return failed();
    }
    return gp_build_tuple(b, part, count);
}

static gp_value svd(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *full_of = gp_argument_named(fn, args, "full_matrices"), *uv = gp_argument_named(fn, args, "compute_uv");
    static const char advice[] = "full_matrices=False";
    bool full = true, vectors = true;
    gp_matrix_operand a;
    gp_value part[3];
    if (full_of->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "full_matrices", full_of, &full)) return failed();
    if (uv->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "compute_uv", uv, &vectors)) return failed();
    if (!gp_argument_refuse(b, fn, args, "hermitian") || !gp_matrix_operand_take(b, fn, &args[0], false, &a)) return failed();
    if (!vectors) return gp_linalg_singular_values(b, &a);
    if (!gp_linalg_svd(b, &a, &part[0], &part[1], &part[2])) return failed();
    if (full && a.m > a.n) part[0] = completed(b, fn, advice, part[0]);
    if (full && a.m < a.n) part[2] = gp_matrix_adjoint(b, completed(b, fn, advice, gp_matrix_adjoint(b, part[2])));
    return tuple_of(b, part, 3);
}

/* ---- QR ---- */

/* Rows of zeros below. */
static gp_value extended(gp_builder *b, gp_value r, int64_t rows)
{
    gp_axis_map map[GPUPROC_MAX_NDIM];
    if (gp_matrix_failed(b, &r)) return failed();
    gp_shape to = gp_matrix_shape(b, &r);
    for (int d = 0; d < to.ndim; d++) map[d] = (gp_axis_map){d, 0, 1, -1};
    to.dim[to.ndim - 2] = rows;
    return gp_matrix_map(b, r, map, &to, true);
}

static bool qr_fold(gp_builder *b, const gp_matrix_operand *a, gp_value part[2])
{
    int64_t k = least(a);
    gp_shape flat = flat_of(a, a->m * k + k * a->n);
    int node = gp_matrix_fold(b, GP_OP_QR, a->v, 0, &flat);
    part[0] = gp_linalg_part(b, node, 0, &(gp_shape){2, {a->m, k}});
    part[1] = gp_linalg_part(b, node, a->m * k, &(gp_shape){2, {k, a->n}});
    return !gp_matrix_failed(b, &part[0]) && !gp_matrix_failed(b, &part[1]);
}

static gp_value qr(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    size_t length = 7;
    const char *mode = args[1].kind == GP_VAL_NONE ? "reduced" : gp_argument_string(b, fn, &args[1], &length);
    gp_matrix_operand a;
    gp_value part[2], basis, finish;
    if (mode == NULL || !gp_matrix_operand_take(b, fn, &args[0], false, &a) || too_large(b, &a)) return failed();
    bool reduced = length == 7 && memcmp(mode, "reduced", 7) == 0, only_r = length == 1 && *mode == 'r';
    bool complete = length == 8 && memcmp(mode, "complete", 8) == 0;
    int64_t k = least(&a);
    if (!reduced && !only_r && !complete)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "qr() has the modes 'reduced', 'r' and 'complete', found '%.*s'", (int)(length < 20 ? length : 20), mode));
    if (only_r && a.stack.ndim == 0 && k > 0) {
        gp_value r = r_of(b, a.v, a.n);
        return gp_matrix_slice(b, r, 0, 0, k);
    }
    if (is_tall(&a) && !complete) {
        gp_matrix_operand r = {.m = a.n, .n = a.n};
        if (!tall_basis(b, &a, &basis, &finish, &r.v) || !qr_fold(b, &r, part)) return failed();
        part[0] = gp_build_matmul(b, "qr", basis, gp_build_matmul(b, "qr", finish, part[0]));
        return tuple_of(b, part, 2);
    }
    if (!qr_fold(b, &a, part)) return failed();
    if (only_r) return part[1];
    if (complete) {
        part[0] = completed(b, fn, "mode='reduced'", part[0]);
        part[1] = extended(b, part[1], a.m);
    }
    return tuple_of(b, part, 2);
}

/* ---- Eigenvalues ---- */

static gp_value eigh(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_matrix_operand a;
    gp_value part[2];
    size_t length = 1;
    const char *triangle = args[1].kind == GP_VAL_NONE ? "L" : gp_argument_string(b, fn, &args[1], &length);
    if (triangle == NULL || !gp_matrix_operand_take(b, fn, &args[0], true, &a) || too_large(b, &a)) return failed();
    if (length != 1 || strchr("LlUu", *triangle) == NULL)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "UPLO argument must be 'L' or 'U'"));
    gp_value lower = strchr("Uu", *triangle) != NULL ? gp_matrix_adjoint(b, a.v) : a.v; /* the fold looks at the lower triangle */
    gp_shape flat = flat_of(&a, a.n + a.n * a.n);
    int node = gp_matrix_failed(b, &lower) ? -1 : gp_matrix_fold(b, GP_OP_EIGH, lower, 0, &flat);
    part[0] = gp_linalg_real(gp_linalg_part(b, node, 0, &(gp_shape){1, {a.n}}));
    if (fn->id == GP_FN_linalg_eigvalsh) return part[0];
    part[1] = gp_linalg_part(b, node, a.n, &(gp_shape){2, {a.n, a.n}});
    return tuple_of(b, part, 2);
}

gp_value gp_check_decomposition(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_matrix_operand a;
    switch (fn->id) {
    case GP_FN_linalg_qr: return qr(b, fn, args);
    case GP_FN_linalg_svd: return svd(b, fn, args);
    case GP_FN_linalg_svdvals: return gp_matrix_operand_take(b, fn, &args[0], false, &a) ? gp_linalg_singular_values(b, &a) : failed();
    default: return eigh(b, fn, args);
    }
}
