/* The rules of a program, checked: what every later stage relies on. */
#include "lang/ir.h"

#include <string.h>

static int kind_bit(gp_dtype dtype)
{
    switch (gp_dtype_kind(dtype)) {
    case GP_KIND_BOOL: return GP_B;
    case GP_KIND_INT:
    case GP_KIND_UINT: return GP_I;
    case GP_KIND_COMPLEX: return GP_C;
    default: return dtype == GPUPROC_FLOAT16 ? GP_H : GP_F;
    }
}

typedef enum result_kind { RESULT_T, RESULT_B, RESULT_U8, RESULT_TO } result_kind;

static result_kind result_of(gp_op op)
{
    static const char table[GP_OP_COUNT] = {
#define X(name, arity, kinds, result, ...) [GP_OP_##name] = RESULT_##result,
        GP_OPS_ELEMENTWISE(X)
        GP_OPS_SPECIAL(X)
#undef X
    };
    return (result_kind)table[op];
}

/* NULL, or what is wrong with the dtypes of an element-wise node. */
static const char *elementwise_dtypes(const gp_program *p, const gp_node *n, const gp_op_info *info)
{
    int first = n->op == GP_OP_WHERE ? 1 : 0;
    if (first == 1 && p->node[n->arg[0]].dtype != GPUPROC_BOOL) return "condition is not bool";
    gp_dtype operands = p->node[n->arg[first]].dtype;
    for (int k = first; k < info->arity; k++) {
        if (p->node[n->arg[k]].dtype != operands) return "operands of different dtypes";
    }
    if (!(kind_bit(operands) & info->kinds)) return "operation not defined for this dtype";
    switch (result_of(n->op)) {
    case RESULT_T: return n->dtype == operands ? NULL : "result dtype is not the operands'";
    case RESULT_B: return n->dtype == GPUPROC_BOOL ? NULL : "result dtype is not bool";
    case RESULT_U8: return n->dtype == GPUPROC_UINT8 ? NULL : "result dtype is not uint8";
    case RESULT_TO: return n->dtype != operands ? NULL : "cast to the same dtype";
    }
    return "unknown result rule";
}

static gp_dtype part_of(gp_dtype dtype)
{
    return dtype == GPUPROC_COMPLEX64 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
}

/* NULL, or what is wrong with the dtypes of one of GP_OPS_SPECIAL. */
static const char *special_dtypes(const gp_program *p, const gp_node *n, const gp_op_info *info)
{
    const gp_node *a = &p->node[n->arg[0]], *b = info->arity > 1 ? &p->node[n->arg[1]] : NULL;
    bool right = false;
    if (!(kind_bit(a->dtype) & info->kinds)) return "operation not defined for this dtype";
    switch (n->op) {
    case GP_OP_REAL:
    case GP_OP_IMAG: right = n->dtype == part_of(a->dtype); break;
    case GP_OP_PACK:
        right = gp_dtype_kind(n->dtype) == GP_KIND_COMPLEX && a->dtype == part_of(n->dtype) && b->dtype == a->dtype;
        break;
    case GP_OP_RANDBITS:
    case GP_OP_MULHI:
        right = n->dtype == GPUPROC_UINT64 && a->dtype == GPUPROC_UINT64 && b->dtype == GPUPROC_UINT64;
        break;
    case GP_OP_NORMAL: right = n->dtype == GPUPROC_FLOAT64 && a->dtype == GPUPROC_UINT64; break;
    case GP_OP_TAKE:
        right = a->op == GP_OP_TABLE && n->dtype == a->dtype && b->dtype == GPUPROC_INT64;
        break;
    case GP_OP_CHECK: right = n->dtype == GPUPROC_BOOL && b->op == GP_OP_CONST && b->dtype == GPUPROC_INT64; break;
    default: right = a->op == GP_OP_TABLE && n->dtype == GPUPROC_INT64 && b->dtype == a->dtype; break;
    }
    return right ? NULL : "wrong dtypes for this operation";
}

/* Rows, columns and inner length belong together, with as many matrices on both sides. */
static bool multiplies(const gp_shape *a, const gp_shape *b, const gp_shape *c)
{
    if (a->ndim < 2 || a->ndim != b->ndim) return false;
    int row = a->ndim - 2, column = a->ndim - 1;
    gp_shape full = *a;
    full.dim[column] = b->dim[column];
    for (int d = 0; d < row; d++) {
        if (a->dim[d] != b->dim[d]) return false;
    }
    int at = 0;
    for (int d = 0; d < full.ndim; d++) { /* c: full, where ones may be left out */
        if (at < c->ndim && c->dim[at] == full.dim[d]) at++;
        else if (full.dim[d] != 1) return false;
    }
    return at == c->ndim && a->dim[column] == b->dim[row];
}

static const char *bad_product(const gp_program *p, const gp_node *n)
{
    int level = 0;
    for (int k = 0; k < 2; k++) {
        const gp_node *a = &p->node[n->arg[k]];
        bool array = a->op == GP_OP_INPUT || a->op == GP_OP_VIEW || (gp_node_is_stored(a) && !a->uniform);
        if (!array) return "product of what is not stored";
        if (a->level > level) level = a->level;
    }
    if (!multiplies(&p->node[n->arg[0]].shape, &p->node[n->arg[1]].shape, &n->shape)) return "wrong shape";
    if (n->uniform) return "wrong uniform mark";
    return n->level == level + 1 ? NULL : "wrong level";
}

static bool is_matrix_fold(gp_op op)
{
    switch (op) {
#define X(name, ...) case GP_OP_##name:
    GP_OPS_MATRIX_FOLD(X)
#undef X
        return true;
    default: return false;
    }
}

/* NULL, or what is wrong with a VIEW, INDEX, FILL, TABLE, fold or product. */
static const char *bad_structure(const gp_program *p, const gp_node *n)
{
    if (n->op == GP_OP_INDEX) {
        if (n->walk < 0 || (size_t)n->walk >= p->walks || p->walk[n->walk].bounded) return "wrong walk";
        return gp_shape_equal(&n->shape, &p->walk[n->walk].shape) && n->level == 0 ? NULL : "wrong shape or level";
    }
    const gp_node *a = &p->node[n->arg[0]];
    bool leaf = a->op == GP_OP_INPUT || gp_node_is_stored(a);
    if (gp_op_info_of(n->op)->product) return bad_product(p, n);
    if (gp_op_info_of(n->op)->fold) {
        int level = a->level;
        if (a->op == GP_OP_TABLE) return "fold of a table";
        if (is_matrix_fold(n->op) && (a->shape.ndim < 2 || a->dtype != n->dtype)) return "fold of what is no matrix";
        if (!(kind_bit(a->dtype) & gp_op_info_of(n->op)->kinds)) return "operation not defined for this dtype";
        if (n->arg[1] >= 0 && p->node[n->arg[1]].level > level) level = p->node[n->arg[1]].level;
        if (n->uniform != (n->shape.ndim == 0)) return "wrong uniform mark";
        return n->level == level + 1 ? NULL : "wrong level";
    }
    if (n->dtype != a->dtype) return "view in another dtype";
    if (n->level != a->level) return "wrong level";
    switch (n->op) {
    case GP_OP_VIEW:
        if (!leaf) return "view of what is not stored";
        if (n->walk < 0 || (size_t)n->walk >= p->walks) return "wrong walk";
        return gp_shape_equal(&n->shape, &p->walk[n->walk].shape) && !n->uniform ? NULL : "wrong shape";
    case GP_OP_TABLE: return leaf && n->shape.ndim == 0 && !n->uniform ? NULL : "wrong table";
    default: return a->uniform && n->uniform ? NULL : "filled with what is not uniform";
    }
}

static const char *reduction_dtypes(const gp_program *p, const gp_node *n, const gp_op_info *info)
{
    gp_dtype operand = p->node[n->arg[0]].dtype;
    bool same = n->dtype == operand, floats = gp_dtype_is_float(n->dtype);
    if (!(kind_bit(operand) & info->kinds)) return "operation not defined for this dtype";
    switch (n->op) {
    case GP_OP_SUM:
    case GP_OP_PROD:
        if (gp_dtype_is_float(operand)) return same ? NULL : "sum of floats in another dtype";
        return same || n->dtype == GPUPROC_INT64 || n->dtype == GPUPROC_UINT64 ? NULL : "sum of integers in another dtype";
    case GP_OP_MEAN:
        if (gp_dtype_is_float(operand)) return same ? NULL : "mean of floats in another dtype";
        return n->dtype == GPUPROC_FLOAT64 ? NULL : "mean of integers is not float64";
    case GP_OP_VAR:
    case GP_OP_STD: return same && floats ? NULL : "variance in another dtype";
    case GP_OP_MIN:
    case GP_OP_MAX: return same ? NULL : "extreme in another dtype";
    case GP_OP_ARGMIN:
    case GP_OP_ARGMAX:
    case GP_OP_COUNT_NONZERO: return n->dtype == GPUPROC_INT64 ? NULL : "index or count is not int64";
    default: return n->dtype == GPUPROC_BOOL ? NULL : "truth is not bool";
    }
}

static const char *bad_operands(const gp_program *p, size_t i, const gp_op_info *info)
{
    const gp_node *n = &p->node[i];
    for (int k = 0; k < 3; k++) {
        if (info->fold && k == 1 && n->arg[k] != -1) {
            if (n->arg[k] < 0 || (size_t)n->arg[k] >= i) return "operand that does not stand before it";
            continue;
        }
        if (k < info->arity && n->arg[k] >= 0 && (size_t)n->arg[k] < i && p->node[n->arg[k]].growing)
            return "use of what has no fixed length";
        if (k >= info->arity && n->arg[k] != -1) return "too many operands";
        if (k < info->arity && (n->arg[k] < 0 || (size_t)n->arg[k] >= i)) return "operand that does not stand before it";
    }
    return NULL;
}

static const char *bad_leaf(const gp_program *p, const gp_node *n)
{
    if (n->level != 0) return "leaf with a level";
    if (n->op == GP_OP_CONST) {
        if (n->value.dtype != n->dtype) return "constant of another dtype";
        if (n->shape.ndim != 0 || !n->uniform) return "constant that is not uniform";
        if (n->dtype == GPUPROC_BOOL && n->value.value.u > 1) return "bool constant beyond 1";
        return NULL;
    }
    if (n->input < 0 || (size_t)n->input >= p->inputs) return "input that is not there";
    const gp_input *in = &p->input[n->input];
    if (in->dtype != n->dtype || !gp_shape_equal(&in->shape, &n->shape)) return "input unlike its declaration";
    return n->uniform ? "input marked uniform" : NULL;
}

/* Shape, level and uniform must be what the operands make of them. */
static const char *bad_derived(const gp_program *p, const gp_node *n, const gp_op_info *info)
{
    gp_shape shape = {0};
    int level = 0;
    bool uniform = true;
    for (int k = 0; k < info->arity; k++) {
        const gp_node *arg = &p->node[n->arg[k]];
        if (arg->level > level) level = arg->level;
        uniform = uniform && arg->uniform;
        if (gp_shape_broadcast(&shape, &arg->shape, &shape, NULL) != GPUPROC_OK) return "shapes that do not broadcast";
    }
    if (info->reduction) {
        gp_shape from = shape;
        shape = (gp_shape){0};
        for (int d = 0; d < from.ndim && n->axes != 0; d++) {
            if (!(n->axes >> d & 1)) shape.dim[shape.ndim++] = from.dim[d];
        }
        level++;
        uniform = n->axes == 0;
    }
    if (!gp_shape_equal(&shape, &n->shape)) return "wrong shape";
    if (level != n->level) return "wrong level";
    return uniform == n->uniform ? NULL : "wrong uniform mark";
}

static const char *bad_node(const gp_program *p, size_t i)
{
    const gp_node *n = &p->node[i];
    if ((unsigned)n->op >= GP_OP_COUNT) return "unknown operation";
    if ((unsigned)n->dtype >= GP_DTYPE_COUNT) return "unknown dtype";
    const gp_op_info *info = gp_op_info_of(n->op);
    const char *wrong = bad_operands(p, i, info);
    if (wrong == NULL && (info->fold || (!info->elementwise && !info->reduction && n->op != GP_OP_INPUT && n->op != GP_OP_CONST)))
        return bad_structure(p, n);
    if (wrong == NULL && info->arity == 0) return bad_leaf(p, n);
    if (wrong == NULL && info->special) wrong = special_dtypes(p, n, info);
    else if (wrong == NULL) wrong = info->reduction ? reduction_dtypes(p, n, info) : elementwise_dtypes(p, n, info);
    return wrong != NULL ? wrong : bad_derived(p, n, info);
}

gpuproc_status gp_program_verify(const gp_program *program, gpuproc_error *err)
{
    for (size_t i = 0; i < program->nodes; i++) {
        const char *wrong = bad_node(program, i);
        if (wrong != NULL) return gp_fail(err, GPUPROC_INTERNAL, "node %%%zu: %s", i, wrong);
    }
    for (size_t i = 0; i < program->results; i++) {
        int node = program->result[i].node;
        if (node < 0 || (size_t)node >= program->nodes)
            return gp_fail(err, GPUPROC_INTERNAL, "result %zu: no such node", i);
    }
    return GPUPROC_OK;
}
