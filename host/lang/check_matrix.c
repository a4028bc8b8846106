/* Products of arrays, on top of matrix.c and einsum.c; diag. */
#include "lang/einsum.h"

#include <inttypes.h>
#include <string.h>

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

/* What one mask selects, x[mask], has one axis: sums of products of it need no length. */
static gp_value dot_selected(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value x = args[0];
    if (fn->id == GP_FN_vdot && x.kind == GP_VAL_NODE && x.complex)
        x = gp_check_complex_function(b, gp_function_by_id(GP_FN_conjugate), &x);
    return gp_build_sum_of_products(b, x, args[1], NULL);
}

/* An axis of x with one of y; the others in their order. */
static gp_value along_axes(gp_builder *b, const char *name, gp_value x, gp_value y, int of_x, int of_y)
{
    gp_term term[2] = {{.v = x}, {.v = y}};
    int out[2 * GPUPROC_MAX_NDIM], outs = 0, of[2] = {of_x, of_y};
    for (int k = 0; k < 2; k++) {
        int ndim = gp_matrix_shape(b, &term[k].v).ndim;
        for (int d = 0; d < ndim; d++) {
            term[k].label[d] = d == of[k] ? 0 : 1 + d + k * GPUPROC_MAX_NDIM;
            if (d != of[k]) out[outs++] = term[k].label[d];
        }
    }
    if (outs > GPUPROC_MAX_NDIM)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "%s: an array can have at most %d dimensions", name, GPUPROC_MAX_NDIM));
    return gp_build_einsum(b, name, term, 2, out, outs);
}

static gp_value dot(gp_builder *b, const gp_function *fn, gp_value x, gp_value y)
{
    gp_shape from = gp_matrix_shape(b, &x), to = gp_matrix_shape(b, &y);
    if (from.ndim == 0 || to.ndim == 0) return gp_value_apply(b, GP_FN_multiply, x, y);
    int last = from.ndim - 1, along = fn->id == GP_FN_inner || to.ndim == 1 ? to.ndim - 1 : to.ndim - 2;
    if (from.dim[last] != to.dim[along]) {
        char a[200], c[200];
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "shapes %s and %s not aligned: %" PRId64 " (dim %d) != %" PRId64 " (dim %d)",
                                           gp_shape_text(&from, a, sizeof a), gp_shape_text(&to, c, sizeof c), from.dim[last], last,
                                           to.dim[along], along));
    }
    if (from.ndim == 1 && to.ndim == 1) return gp_build_sum_of_products(b, x, y, NULL);
    return along_axes(b, fn->name, x, y, last, along);
}

static gp_value vdot(gp_builder *b, gp_value x, gp_value y)
{
    gp_shape from = gp_matrix_shape(b, &x), to = gp_matrix_shape(b, &y);
    if (gp_shape_size(&from) != gp_shape_size(&to))
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "vdot() needs as many elements in both arrays, found %" PRIu64 " and %" PRIu64,
                                           gp_shape_size(&from), gp_shape_size(&to)));
    return gp_build_sum_of_products(b, flat(b, conjugated(b, x)), flat(b, y), NULL);
}

static gp_value outer(gp_builder *b, gp_value x, gp_value y)
{
    gp_shape from = gp_matrix_shape(b, &x), to = gp_matrix_shape(b, &y);
    x = gp_matrix_reshape(b, x, &(gp_shape){2, {(int64_t)gp_shape_size(&from), 1}});
    y = gp_matrix_reshape(b, y, &(gp_shape){2, {1, (int64_t)gp_shape_size(&to)}});
    return gp_value_apply(b, GP_FN_multiply, x, y);
}

/* ---- vecdot, matvec, vecmat ---- */

/* A vector as the last axis; of vecdot and vecmat the first operand is conjugated. */
static gp_value vectors(gp_builder *b, const gp_function *fn, gp_value x, gp_value y)
{
    int cores[2] = {fn->id == GP_FN_matvec ? 2 : 1, fn->id == GP_FN_vecmat ? 2 : 1};
    gp_value v[2] = {fn->id == GP_FN_matvec ? x : conjugated(b, x), y};
    gp_shape shape[2] = {gp_matrix_shape(b, &x), gp_matrix_shape(b, &y)};
    for (int k = 0; k < 2; k++) {
        if (shape[k].ndim < cores[k])
            return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "%s: operand %d needs at least %d dimension%s, found %d", fn->name, k + 1, cores[k],
                                               cores[k] > 1 ? "s" : "", shape[k].ndim));
    }
    int64_t of_x = shape[0].dim[shape[0].ndim - 1], of_y = shape[1].dim[shape[1].ndim - cores[1]];
    if (of_x != of_y) {
        char a[200], c[200];
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "%s: shapes %s and %s do not fit: %" PRId64 " is not %" PRId64, fn->name,
                                           gp_shape_text(&shape[0], a, sizeof a), gp_shape_text(&shape[1], c, sizeof c), of_x, of_y));
    }
    gp_value last = gp_value_int(-1);
    if (fn->id == GP_FN_vecdot) return gp_build_sum_of_products(b, v[0], v[1], &last);
    gp_factor f[2];
    if (!gp_factor_take(b, &v[0], &f[0]) || !gp_factor_take(b, &v[1], &f[1])) return failed();
    int one = fn->id == GP_FN_matvec; /* the operand of vectors: a column, or a row */
    f[one].node = gp_build_insert_axis(b, f[one].node, one ? shape[1].ndim : shape[0].ndim - 1);
    return gp_build_product(b, fn->name, f[0], f[1], one ? GP_DROP_COLUMN : GP_DROP_ROW);
}

/* ---- tensordot ---- */

/* The axes of one array; a number n: its last n, or its first. */
static bool tensor_axes(gp_builder *b, const gp_function *fn, const gp_value *v, int ndim, int *axis, int *count)
{
    bool one = v->kind != GP_VAL_TUPLE;
    *count = one ? 1 : v->items;
    if (*count > ndim) {
        gp_build_fail(b, GPUPROC_VALUE, "tensordot() got %d axes of an array of %d dimensions", *count, ndim);
        return false;
    }
    for (int k = 0; k < *count; k++) {
        if (!gp_argument_axis(b, fn, one ? v : gp_build_item(b, v, k), ndim, &axis[k])) return false;
    }
    return true;
}

static gp_value tensordot(gp_builder *b, const gp_function *fn, const gp_value *axes, gp_value x, gp_value y)
{
    gp_term term[2] = {{.v = x}, {.v = y}};
    gp_shape shape[2] = {gp_matrix_shape(b, &x), gp_matrix_shape(b, &y)};
    int axis[2][GPUPROC_MAX_NDIM], count[2], out[2 * GPUPROC_MAX_NDIM], outs = 0;
    if (axes->kind == GP_VAL_TUPLE) {
        if (axes->items != 2) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "tensordot() needs a number as axes, or a pair: of a and of b"));
        for (int k = 0; k < 2; k++) {
            if (!tensor_axes(b, fn, gp_build_item(b, axes, k), shape[k].ndim, axis[k], &count[k])) return failed();
        }
    } else {
        int64_t n = 2;
        if (axes->kind != GP_VAL_NONE && !gp_argument_int(b, fn, "axes", axes, &n)) return failed();
        if (n < 0 || n > shape[0].ndim || n > shape[1].ndim)
            return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "tensordot() over %" PRId64 " axes of arrays of %d and %d dimensions", n, shape[0].ndim,
                                               shape[1].ndim));
        count[0] = count[1] = (int)n;
        for (int k = 0; k < (int)n; k++) {
            axis[0][k] = shape[0].ndim - (int)n + k;
            axis[1][k] = k;
        }
    }
    bool fits = count[0] == count[1];
    for (int k = 0; k < 2; k++) {
        for (int d = 0; d < shape[k].ndim; d++) term[k].label[d] = GPUPROC_MAX_NDIM * (1 + k) + d;
    }
    for (int n = 0; fits && n < count[0]; n++) {
        fits = shape[0].dim[axis[0][n]] == shape[1].dim[axis[1][n]];
        for (int k = 0; k < 2; k++) {
            if (term[k].label[axis[k][n]] < GPUPROC_MAX_NDIM)
                return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "tensordot() got an axis twice"));
            term[k].label[axis[k][n]] = n;
        }
    }
    if (!fits) {
        char text[2][256];
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "shape-mismatch for sum: the axes of tensordot() do not have the same lengths in %s and %s",
                                           gp_shape_text(&shape[0], text[0], sizeof text[0]), gp_shape_text(&shape[1], text[1], sizeof text[1])));
    }
    for (int k = 0; k < 2; k++) {
        for (int d = 0; d < shape[k].ndim; d++) {
            if (term[k].label[d] >= GPUPROC_MAX_NDIM) out[outs++] = term[k].label[d];
        }
    }
    if (outs > GPUPROC_MAX_NDIM)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "tensordot: an array can have at most %d dimensions", GPUPROC_MAX_NDIM));
    return gp_build_einsum(b, fn->name, term, 2, out, outs);
}

/* ---- kron ---- */

/* Each element of x becomes a block. */
static gp_value kron(gp_builder *b, gp_value x, gp_value y)
{
    gp_shape from = gp_matrix_shape(b, &x), to = gp_matrix_shape(b, &y), outer = {0}, block = {0}, whole = {0};
    int ndim = from.ndim > to.ndim ? from.ndim : to.ndim;
    if (2 * ndim > GPUPROC_MAX_NDIM)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "kron() takes arrays of at most %d dimensions", GPUPROC_MAX_NDIM / 2));
    for (int d = 0; d < ndim; d++) {
        int i = d - (ndim - from.ndim), j = d - (ndim - to.ndim);
        int64_t m = i < 0 ? 1 : from.dim[i], n = j < 0 ? 1 : to.dim[j];
        outer.dim[outer.ndim++] = m;
        outer.dim[outer.ndim++] = 1;
        block.dim[block.ndim++] = 1;
        block.dim[block.ndim++] = n;
        if (__builtin_mul_overflow(m, n, &whole.dim[whole.ndim++]))
            return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "the result of kron() is too long"));
    }
    return gp_matrix_reshape(b, gp_value_apply(b, GP_FN_multiply, gp_matrix_reshape(b, x, &outer), gp_matrix_reshape(b, y, &block)), &whole);
}

/* ---- diag ---- */

/* A part of a vector on the k-th diagonal of a square, zeros elsewhere. */
static int on_diagonal(gp_builder *b, int node, int64_t k, const gp_shape *square)
{
    /* Above the diagonal the rows count the elements, below it the columns. */
    gp_axis_map map = {.to = k < 0, .start = 0, .step = 1, .to2 = -1};
    gp_dtype dtype = gp_build_dtype(b, node);
    gp_value none = {.kind = GP_VAL_BOOL};
    int zero = gp_build_cast(b, gp_build_as(b, &none, dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype), dtype);
    int wide = gp_build_map(b, node, &map, square, true);
    int column = gp_build_axis_index(b, square, 1, 0), row = gp_build_axis_index(b, square, 0, k);
    return gp_build_where(b, gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, column, row), wide, zero);
}

static gp_value diag(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape shape = gp_matrix_shape(b, &x);
    int64_t k = 0, n;
    if (args[1].kind != GP_VAL_NONE && !gp_argument_int(b, fn, "k", &args[1], &k)) return failed();
    if (fn->id == GP_FN_diagflat) {
        x = flat(b, x);
        shape = gp_matrix_shape(b, &x);
    }
    if (shape.ndim == 2) {
        gp_value diagonal[GP_MAX_PARAMETERS] = {x, args[1]};
        bool given[GP_MAX_PARAMETERS] = {true, args[1].kind != GP_VAL_NONE};
        return gp_check_structure(b, gp_function_by_id(GP_FN_diagonal), diagonal, given);
    }
    if (shape.ndim != 1) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "Input must be 1- or 2-d."));
    if (k < -INT64_MAX || __builtin_add_overflow(shape.dim[0], k < 0 ? -k : k, &n))
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "diag(): the result is too long"));
    gp_shape square = {2, {n, n}};
    x.node = on_diagonal(b, x.node, k, &square);
    if (x.complex) x.im = on_diagonal(b, x.im, k, &square);
    return x.node < 0 || (x.complex && x.im < 0) ? failed() : x;
}

gp_value gp_check_matrix(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    if (fn->id == GP_FN_matmul) return gp_check_matmul(b, fn, args);
    if (fn->id == GP_FN_einsum) return gp_check_einsum(b, fn, args);
    bool dots = fn->id == GP_FN_dot || fn->id == GP_FN_vdot || fn->id == GP_FN_inner;
    if (dots && (is_selected(&args[0]) || is_selected(&args[1]))) return dot_selected(b, fn, args);
    gp_value x = gp_matrix_value(b, fn, &args[0]);
    if (gp_matrix_failed(b, &x)) return failed();
    if (fn->id == GP_FN_diag || fn->id == GP_FN_diagflat) return diag(b, fn, args, x);
    gp_value y = gp_matrix_value(b, fn, &args[1]);
    if (gp_matrix_failed(b, &y)) return failed();
    switch (fn->id) {
    case GP_FN_vdot: return vdot(b, x, y);
    case GP_FN_outer: return outer(b, x, y);
    case GP_FN_kron: return kron(b, x, y);
    case GP_FN_vecdot:
    case GP_FN_matvec:
    case GP_FN_vecmat: return vectors(b, fn, x, y);
    case GP_FN_tensordot: return tensordot(b, fn, &args[2], x, y);
    default: return dot(b, fn, x, y);
    }
}
