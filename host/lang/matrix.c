#include "lang/matrix.h"

#include <inttypes.h>

static gp_value failed(void) { return gp_value_node(-1); }

/* ---- Values with a shape ---- */

gp_value gp_matrix_value(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    gp_operand x;
    if (!gp_operand_take(b, fn, v, &x)) return failed();
    if (x.selected)
        return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of x[mask] is not possible: how many elements it has shows only when it runs",
                                           fn->name));
    if (x.dtype == GPUPROC_FLOAT16 && v->kind == GP_VAL_NODE) return gp_build_window_view(b, v); /* and not as float32 */
    return x.im < 0 ? gp_value_node(x.re) : (gp_value){.kind = GP_VAL_NODE, .node = x.re, .im = x.im, .complex = true};
}

gp_value gp_matrix_map(gp_builder *b, gp_value v, const gp_axis_map *map, const gp_shape *to, bool bounded)
{
    if (gp_matrix_failed(b, &v)) return failed();
    v.node = gp_build_map(b, v.node, map, to, bounded);
    if (v.complex && v.node >= 0) v.im = gp_build_map(b, v.im, map, to, bounded);
    return v.node < 0 || (v.complex && v.im < 0) ? failed() : v;
}

gp_value gp_matrix_reshape(gp_builder *b, gp_value v, const gp_shape *shape)
{
    if (gp_matrix_failed(b, &v)) return failed();
    v.node = gp_build_reshape(b, v.node, shape);
    if (v.complex && v.node >= 0) v.im = gp_build_reshape(b, v.im, shape);
    return v.node < 0 || (v.complex && v.im < 0) ? failed() : v;
}

gp_value gp_matrix_broadcast(gp_builder *b, gp_value v, const gp_shape *shape)
{
    if (gp_matrix_failed(b, &v)) return failed();
    v.node = gp_build_broadcast(b, v.node, shape);
    if (v.complex && v.node >= 0) v.im = gp_build_broadcast(b, v.im, shape);
    return v.node < 0 || (v.complex && v.im < 0) ? failed() : v;
}

gp_value gp_matrix_transpose(gp_builder *b, gp_value v, const int *axes)
{
    gp_axis_map map[GPUPROC_MAX_NDIM];
    if (gp_matrix_failed(b, &v)) return failed();
    gp_shape from = gp_matrix_shape(b, &v), to = from;
    for (int k = 0; k < from.ndim; k++) {
        to.dim[k] = from.dim[axes[k]];
        map[axes[k]] = (gp_axis_map){k, 0, 1, -1};
    }
    return gp_matrix_map(b, v, map, &to, false);
}

gp_value gp_matrix_swap(gp_builder *b, gp_value v)
{
    int axes[GPUPROC_MAX_NDIM];
    if (gp_matrix_failed(b, &v)) return failed();
    int ndim = gp_matrix_shape(b, &v).ndim;
    for (int d = 0; d < ndim; d++) axes[d] = d < ndim - 2 ? d : d == ndim - 2 ? ndim - 1 : ndim - 2;
    return gp_matrix_transpose(b, v, axes);
}

gp_value gp_matrix_adjoint(gp_builder *b, gp_value v)
{
    v = gp_matrix_swap(b, v);
    if (gp_matrix_failed(b, &v) || !v.complex) return v;
    v.im = gp_build_unary(b, GP_OP_NEG, gp_build_dtype(b, v.im), v.im);
    return v.im < 0 ? failed() : v;
}

gp_value gp_matrix_slice(gp_builder *b, gp_value v, int axis, int64_t start, int64_t length)
{
    gp_axis_map map[GPUPROC_MAX_NDIM];
    if (gp_matrix_failed(b, &v)) return failed();
    gp_shape to = gp_matrix_shape(b, &v);
    for (int d = 0; d < to.ndim; d++) map[d] = (gp_axis_map){d, d == axis ? start : 0, 1, -1};
    to.dim[axis] = length;
    return gp_matrix_map(b, v, map, &to, false);
}

gp_value gp_matrix_last(gp_builder *b, gp_value v, int64_t index)
{
    gp_axis_map map[GPUPROC_MAX_NDIM];
    if (gp_matrix_failed(b, &v)) return failed();
    gp_shape to = gp_matrix_shape(b, &v);
    to.ndim--;
    for (int d = 0; d < to.ndim; d++) map[d] = (gp_axis_map){d, 0, 1, -1};
    map[to.ndim] = (gp_axis_map){-1, index, 0, -1};
    return gp_matrix_map(b, v, map, &to, false);
}

int gp_matrix_node(gp_builder *b, const gp_value *v)
{
    return gp_matrix_failed(b, v) ? -1 : gp_build_result(b, v);
}

gp_value gp_value_of_node(gp_builder *b, int node)
{
    if (node < 0 || b->st != GPUPROC_OK) return failed();
    gp_dtype dtype = gp_build_dtype(b, node);
    if (gp_dtype_kind(dtype) != GP_KIND_COMPLEX) return gp_value_node(node);
    gp_dtype part = gp_dtype_worked(dtype);
    gp_value v = {.kind = GP_VAL_NODE, .complex = true};
    v.node = gp_build_unary(b, GP_OP_REAL, part, node);
    v.im = gp_build_unary(b, GP_OP_IMAG, part, node);
    return v.im < 0 ? failed() : v;
}

/* ---- Factors ---- */

/* It has elements in storage that a walk reaches, without zeros around. */
static bool is_array(const gp_program *p, int node)
{
    const gp_node *n = &p->node[node];
    if (n->op == GP_OP_VIEW) return !p->walk[n->walk].bounded;
    return n->op == GP_OP_INPUT || (gp_node_is_stored(n) && !n->uniform);
}

/* The imaginary part without the sign that conjugate() gave it. */
static bool take_sign(const gp_program *p, int *im)
{
    const gp_node *n = &p->node[*im];
    if (n->op != GP_OP_NEG) return false;
    *im = n->arg[0];
    return true;
}

bool gp_factor_take(gp_builder *b, const gp_value *v, gp_factor *factor)
{
    gp_value whole = *v;
    *factor = (gp_factor){.node = -1};
    if (gp_matrix_failed(b, v)) return false;
    if (v->complex) factor->conjugate = take_sign(b->program, &whole.im);
    int node = gp_matrix_node(b, &whole);
    if (node < 0) return false;
    factor->node = is_array(b->program, node) ? node : gp_build_store(b, node);
    return factor->node >= 0;
}

/* ---- Products ---- */

gp_value gp_matrix_zeros(gp_builder *b, gp_dtype dtype, const gp_shape *shape)
{
    gp_dtype part = gp_dtype_worked(dtype);
    int zero = gp_dtype_is_float(part) ? gp_build_float(b, part, 0) : gp_build_int(b, part, 0);
    int filled = gp_build_fill(b, zero, shape);
    return gp_value_of_parts(b, filled, -1, dtype);
}

/* The stack that both have, before their last two axes. */
static bool common_stack(gp_builder *b, const char *name, const gp_shape *x, const gp_shape *y, gp_shape *stack)
{
    gp_shape a = *x, c = *y;
    gpuproc_error why;
    a.ndim -= 2;
    c.ndim -= 2;
    if (gp_shape_broadcast(&a, &c, stack, &why) == GPUPROC_OK) return true;
    gp_build_fail(b, GPUPROC_SHAPE, "%s: the stacks of matrices do not fit: %s", name, why.message);
    return false;
}

gp_value gp_build_product(gp_builder *b, const char *name, gp_factor x, gp_factor y, int drop)
{
    if (x.node < 0 || y.node < 0 || b->st != GPUPROC_OK) return failed();
    gp_shape from[2] = {*gp_build_shape(b, x.node), *gp_build_shape(b, y.node)}, stack, result;
    gp_factor *factor[2] = {&x, &y};
    int64_t m = from[0].dim[from[0].ndim - 2], k = from[0].dim[from[0].ndim - 1], n = from[1].dim[from[1].ndim - 1];
    gp_dtype dtype = gp_dtype_promote(gp_build_dtype(b, x.node), gp_build_dtype(b, y.node));
    if (!common_stack(b, name, &from[0], &from[1], &stack)) return failed();
    result = stack;
    if (stack.ndim + 2 > GPUPROC_MAX_NDIM)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "%s: an array can have at most %d dimensions", name, GPUPROC_MAX_NDIM));
    if (!(drop & GP_DROP_ROW)) result.dim[result.ndim++] = m;
    if (!(drop & GP_DROP_COLUMN)) result.dim[result.ndim++] = n;
    gpuproc_error why;
    uint64_t count;
    if (gp_shape_count(&result, gpuproc_dtype_bytes(dtype), &count, &why) != GPUPROC_OK)
        return gp_value_node(gp_build_fail(b, GPUPROC_SHAPE, "%s: %s", name, why.message));
    if (k == 0 || count == 0) return gp_matrix_zeros(b, dtype, &result);
    for (int side = 0; side < 2; side++) {
        gp_shape full = stack;
        full.dim[full.ndim++] = from[side].dim[from[side].ndim - 2];
        full.dim[full.ndim++] = from[side].dim[from[side].ndim - 1];
        factor[side]->node = gp_build_broadcast(b, factor[side]->node, &full);
    }
    if (x.node < 0 || y.node < 0) return failed();
    int64_t bits = (x.conjugate ? GP_MATMUL_CONJ_A : 0) | (y.conjugate ? GP_MATMUL_CONJ_B : 0);
    gp_dtype made = dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype;
    int node = gp_build_placed(b, gp_ir_product(b->program, GP_OP_MATMUL, made, x.node, y.node, bits, &result));
    return gp_value_of_node(b, node < 0 ? -1 : gp_build_cast(b, node, dtype));
}

/* ---- x^H x ---- */

#define GRAM_MOST (4u << 20) /* bytes of the result, which stays in memory; past them tiles do better */

static bool same_nodes(const gp_builder *b, const gp_value *x, const gp_value *y)
{
    return !gp_matrix_failed(b, x) && x->node == y->node && (!x->complex || x->im == y->im);
}

/* Whether x is y^H, and a fold over the rows of y gives the product: views make one node of equal ones. */
static bool is_gram(gp_builder *b, gp_value x, gp_value y)
{
    gp_shape shape = gp_matrix_shape(b, &y);
    gp_dtype dtype = gp_value_dtype(b, &y);
    if (shape.ndim != 2 || gp_matrix_shape(b, &x).ndim != 2 || x.complex != y.complex || gp_value_dtype(b, &x) != dtype) return false;
    if (dtype == GPUPROC_FLOAT16 || !(gp_dtype_is_float(dtype) || y.complex)) return false;
    int64_t rows = shape.dim[0], columns = shape.dim[1];
    if (columns == 0 || rows < columns || columns > INT32_MAX) return false;
    if ((uint64_t)(columns * columns) > GRAM_MOST / gpuproc_dtype_bytes(dtype)) return false;
    gp_value back = gp_matrix_adjoint(b, x), there = gp_matrix_adjoint(b, y); /* x.T @ x, x @ x.T */
    return same_nodes(b, &there, &x) || same_nodes(b, &back, &y);
}

gp_value gp_build_gram(gp_builder *b, gp_value x)
{
    int node = gp_matrix_node(b, &x);
    if (node < 0) return failed();
    gp_shape shape = *gp_build_shape(b, node);
    shape.dim[0] = shape.dim[1];
    return gp_value_of_node(b, gp_build_placed(b, gp_ir_fold(b->program, GP_OP_GRAM, gp_build_dtype(b, node), node, -1, 0, 0, &shape, false)));
}

bool gp_try_gram(gp_builder *b, gp_value x, gp_value y, gp_value *product)
{
    if (gp_matrix_failed(b, &x) || gp_matrix_failed(b, &y) || !is_gram(b, x, y)) return false;
    *product = gp_build_gram(b, y);
    return true;
}

static bool fits(gp_builder *b, const char *name, const gp_shape *x, const gp_shape *y)
{
    char from[200], to[200];
    int64_t k = x->dim[x->ndim - 1], l = y->dim[y->ndim - (y->ndim > 1 ? 2 : 1)];
    if (k == l) return true;
    gp_build_fail(b, GPUPROC_SHAPE, "%s: shapes %s and %s do not fit: %" PRId64 " is not %" PRId64, name, gp_shape_text(x, from, sizeof from),
                  gp_shape_text(y, to, sizeof to), k, l);
    return false;
}

static gp_value matmul(gp_builder *b, const char *name, gp_value x, gp_value y, int drop)
{
    gp_factor f[2];
    gp_value product;
    if (gp_try_gram(b, x, y, &product)) return product;
    if (!gp_factor_take(b, &x, &f[0]) || !gp_factor_take(b, &y, &f[1])) return failed();
    return gp_build_product(b, name, f[0], f[1], drop);
}

gp_value gp_build_matmul(gp_builder *b, const char *name, gp_value x, gp_value y)
{
    if (gp_matrix_failed(b, &x) || gp_matrix_failed(b, &y)) return failed();
    gp_shape from = gp_matrix_shape(b, &x), to = gp_matrix_shape(b, &y);
    return fits(b, name, &from, &to) ? matmul(b, name, x, y, 0) : failed();
}

/* ---- Sums of products ---- */

/* A dtype in which the products and the sum of them round little: only the result is rounded. */
static gp_dtype wide(gp_dtype dtype)
{
    if (gp_dtype_kind(dtype) == GP_KIND_COMPLEX) return GPUPROC_COMPLEX128;
    return gp_dtype_is_float(dtype) ? GPUPROC_FLOAT64 : dtype;
}

gp_value gp_build_sum_of_products(gp_builder *b, gp_value x, gp_value y, const gp_value *axes)
{
    gp_value both[2] = {x, y};
    if (gp_matrix_failed(b, &x) || gp_matrix_failed(b, &y)) return failed();
    gp_dtype dtype = gp_build_common(b, both, 2);
    gp_value left = gp_build_convert(b, &x, wide(dtype)), right = gp_build_convert(b, &y, wide(dtype));
    gp_value product = gp_value_apply(b, GP_FN_multiply, left, right);
    gp_value total = gp_value_reduced(b, dtype == GPUPROC_BOOL ? GP_FN_any : GP_FN_sum, product, axes, false);
    return gp_matrix_failed(b, &total) ? failed() : gp_build_convert(b, &total, dtype);
}

/* ---- matmul ---- */

/* An axis of length 1 in front of (row) or behind the only one. */
static gp_factor as_matrix(gp_builder *b, gp_factor f, bool row)
{
    f.node = gp_build_insert_axis(b, f.node, row ? 0 : 1);
    return f;
}

gp_value gp_check_matmul(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value v[2];
    gp_shape shape[2];
    gp_factor f[2];
    for (int k = 0; k < 2; k++) {
        v[k] = gp_matrix_value(b, fn, &args[k]);
        if (gp_matrix_failed(b, &v[k])) return failed();
        shape[k] = gp_matrix_shape(b, &v[k]);
        if (shape[k].ndim > 0) continue;
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "matmul: operand %d is a single number, which has no axis: to multiply, write *", k + 1));
    }
    if (!fits(b, "matmul", &shape[0], &shape[1])) return failed();
    if (shape[0].ndim == 1 && shape[1].ndim == 1) return gp_build_sum_of_products(b, v[0], v[1], NULL);
    if (shape[0].ndim > 1 && shape[1].ndim > 1) return matmul(b, "matmul", v[0], v[1], 0);
    if (!gp_factor_take(b, &v[0], &f[0]) || !gp_factor_take(b, &v[1], &f[1])) return failed();
    if (shape[0].ndim == 1) return gp_build_product(b, "matmul", as_matrix(b, f[0], true), f[1], GP_DROP_ROW);
    return gp_build_product(b, "matmul", f[0], as_matrix(b, f[1], false), GP_DROP_COLUMN);
}
