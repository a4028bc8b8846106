#include "lang/build.h"

#include "lang/compile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int gp_build_fail(gp_builder *b, gpuproc_status status, const char *fmt, ...)
{
    if (b->st != GPUPROC_OK) return -1; /* the first one counts */
    char message[sizeof b->err->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    b->st = gp_fail_at(b->err, status, b->tokens->text, b->place.start, b->place.end, b->place.line,
                       b->place.column, "%s", message);
    return -1;
}

gp_dtype gp_build_dtype(const gp_builder *b, int node) { return b->program->node[node].dtype; }

bool gp_build_is_const(const gp_builder *b, int node, double *value)
{
    if (node < 0) return false;
    const gp_node *n = &b->program->node[node];
    if (n->op != GP_OP_CONST) return false;
    gp_kind kind = gp_dtype_kind(n->dtype);
    *value = kind == GP_KIND_FLOAT ? n->value.value.f
             : kind == GP_KIND_INT ? (double)n->value.value.i : (double)n->value.value.u;
    return true;
}

int gp_build_no_length(gp_builder *b)
{
    return gp_build_fail(b, GPUPROC_UNSUPPORTED,
                         "how many elements this has shows only when it has been computed: it can only be a result");
}

int gp_build_placed(gp_builder *b, int node)
{
    if (node < 0) return gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    if (b->program->nodes > GP_LANG_MAX_NODES)
        return gp_build_fail(b, GPUPROC_LIMIT, "the expression needs more than %d operations",
                             GP_LANG_MAX_NODES);
    gp_node *n = &b->program->node[node];
    for (int k = 0; k < gp_op_info_of(n->op)->arity; k++) {
        if (n->arg[k] >= 0 && b->program->node[n->arg[k]].growing)
            return gp_build_fail(b, GPUPROC_UNSUPPORTED,
                                 "how many elements this has shows only when it has been computed: it can only be a result");
    }
    if (n->line == 0) {
        n->line = b->place.line;
        n->column = b->place.column;
    }
    for (int k = 0; k < 3; k++) {
        if (n->arg[k] >= 0 && b->program->node[n->arg[k]].growing) return gp_build_no_length(b);
    }
    return node;
}

/* True where two operands' shapes fit, and their broadcast is no larger than memory can count. */
static bool shapes_fit(gp_builder *b, const int *arg)
{
    gp_shape shape = b->program->node[arg[0]].shape;
    gpuproc_error why;
    uint64_t count;
    for (int k = 1; k < 3 && arg[k] >= 0; k++) {
        gpuproc_status st = gp_shape_broadcast(&shape, &b->program->node[arg[k]].shape, &shape, &why);
        if (st == GPUPROC_OK) st = gp_shape_count(&shape, sizeof(double), &count, &why);
        if (st == GPUPROC_OK) continue;
        gp_build_fail(b, GPUPROC_SHAPE, "%s", why.message);
        return false;
    }
    return true;
}

/* An operation on float16 that only float32 has. */
static bool in_float32(const gp_builder *b, gp_op op, const int *arg)
{
    const gp_op_info *info = gp_op_info_of(op);
    int operand = op == GP_OP_WHERE ? 1 : 0;
    return info->arity > 0 && !(info->kinds & GP_H) && gp_build_dtype(b, arg[operand]) == GPUPROC_FLOAT16;
}

int gp_build_op(gp_builder *b, gp_op op, gp_dtype dtype, int x, int y, int z)
{
    int arg[3] = {x, y, z}, arity = gp_op_info_of(op)->arity;
    for (int k = 0; k < arity; k++) {
        if (arg[k] < 0) return -1;
    }
    if (b->st != GPUPROC_OK || !shapes_fit(b, arg)) return -1;
    if (in_float32(b, op, arg)) return gp_build_half_op(b, op, dtype, arg);
    return gp_build_placed(b, gp_ir_op(b->program, op, dtype, x, y, z));
}

int gp_build_reduce(gp_builder *b, gp_op op, gp_dtype dtype, int x, double ddof)
{
    return x < 0 ? -1 : gp_build_placed(b, gp_ir_reduce(b->program, op, dtype, x, ddof));
}

static int constant(gp_builder *b, gpuproc_scalar value)
{
    return b->st != GPUPROC_OK ? -1 : gp_build_placed(b, gp_ir_const(b->program, value));
}

int gp_build_int(gp_builder *b, gp_dtype dtype, int64_t value)
{
    gpuproc_scalar s = {.dtype = dtype};
    s.value.i = value;
    return constant(b, s);
}

int gp_build_float(gp_builder *b, gp_dtype dtype, double value)
{
    gpuproc_scalar s = {.dtype = dtype};
    s.value.f = dtype == GPUPROC_FLOAT32   ? (double)(float)value
                : dtype == GPUPROC_FLOAT16 ? gp_half_round(value) : value;
    return constant(b, s);
}

bool gp_build_fits(__int128 i, gp_dtype dtype)
{
    if (dtype == GPUPROC_BOOL) return i == 0 || i == 1;
    int bits = (int)gpuproc_dtype_bytes(dtype) * 8;
    if (gp_dtype_kind(dtype) == GP_KIND_UINT) return i >= 0 && i < (__int128)1 << bits;
    return i >= -((__int128)1 << (bits - 1)) && i < (__int128)1 << (bits - 1);
}

/* The bits of an integer in a narrower dtype, kept as 64 bits. */
static int64_t wrapped(int64_t i, gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_INT8: return (int8_t)i;
    case GPUPROC_INT16: return (int16_t)i;
    case GPUPROC_INT32: return (int32_t)i;
    case GPUPROC_UINT8: return (uint8_t)i;
    case GPUPROC_UINT16: return (uint16_t)i;
    case GPUPROC_UINT32: return (uint32_t)i;
    default: return i;
    }
}

/* A float as an integer: towards zero, held at the dtype's ends, NaN is 0. */
static int64_t saturated(double f, gp_dtype dtype)
{
    bool is_unsigned = gp_dtype_kind(dtype) == GP_KIND_UINT;
    int bits = (int)gpuproc_dtype_bytes(dtype) * 8 - !is_unsigned;
    double end = bits == 64 ? 0x1p64 : (double)((uint64_t)1 << bits);
    int64_t highest = bits == 64 ? -1 : (int64_t)(((uint64_t)1 << bits) - 1);
    if (f != f) return 0;
    if (f >= end) return highest;
    if (is_unsigned) return f <= 0 ? 0 : (int64_t)(uint64_t)f;
    return f <= -end ? -highest - 1 : (int64_t)f;
}

static int cast_constant(gp_builder *b, gpuproc_scalar from, gp_dtype dtype)
{
    gp_kind kind = gp_dtype_kind(from.dtype);
    if (kind == GP_KIND_FLOAT) {
        if (gp_dtype_is_float(dtype)) return gp_build_float(b, dtype, from.value.f);
        if (dtype == GPUPROC_BOOL) return gp_build_int(b, dtype, from.value.f != 0);
        return gp_build_int(b, dtype, saturated(from.value.f, dtype));
    }
    if (dtype == GPUPROC_BOOL) return gp_build_int(b, dtype, from.value.i != 0);
    if (!gp_dtype_is_float(dtype)) return gp_build_int(b, dtype, wrapped(from.value.i, dtype));
    if (dtype == GPUPROC_FLOAT16)
        return gp_build_float(b, dtype, kind == GP_KIND_INT ? (double)from.value.i : (double)from.value.u);
    /* Rounded once: an integer goes to float32 directly. */
    gpuproc_scalar to = {.dtype = dtype};
    if (kind == GP_KIND_INT)
        to.value.f = dtype == GPUPROC_FLOAT32 ? (double)(float)from.value.i : (double)from.value.i;
    else
        to.value.f = dtype == GPUPROC_FLOAT32 ? (double)(float)from.value.u : (double)from.value.u;
    return constant(b, to);
}

int gp_build_cast(gp_builder *b, int node, gp_dtype dtype)
{
    if (node < 0) return -1;
    const gp_node *n = &b->program->node[node];
    if (n->dtype == dtype) return node;
    if (n->op == GP_OP_CONST) return cast_constant(b, n->value, dtype);
    return gp_build_op(b, GP_OP_CAST, dtype, node, -1, -1);
}

/* An integer of up to 127 bits in decimal. */
static const char *int_text(__int128 i, char buf[48])
{
    char *p = buf + 47;
    unsigned __int128 n = i < 0 ? -(unsigned __int128)i : (unsigned __int128)i;
    *p = '\0';
    do {
        *--p = (char)('0' + (int)(n % 10));
        n /= 10;
    } while (n != 0);
    if (i < 0) *--p = '-';
    return p;
}

int gp_build_as(gp_builder *b, const gp_value *v, gp_dtype dtype)
{
    char buf[48];
    if (gp_value_is_complex(b, v) && dtype == GPUPROC_BOOL) return gp_complex_truth(b, v);
    if (v->kind == GP_VAL_NODE) return gp_build_cast(b, gp_build_strong(b, v), dtype);
    if (!gp_value_is_literal(v)) return gp_build_strong(b, v); /* which tells what is wrong */
    if (dtype == GPUPROC_BOOL) return gp_build_int(b, dtype, gp_literal_truth(v));
    if (gp_dtype_is_float(dtype)) return gp_build_float(b, dtype, gp_literal_double(v));
    if (v->kind == GP_VAL_FLOAT) return gp_build_int(b, dtype, saturated(v->f, dtype));
    if (!gp_build_fits(v->i, dtype))
        return gp_build_fail(b, GPUPROC_VALUE, "Python integer %s out of bounds for %s",
                             int_text(v->i, buf), gpuproc_dtype_name(dtype));
    return gp_build_int(b, dtype, (int64_t)v->i);
}

int gp_build_strong(gp_builder *b, const gp_value *v)
{
    switch (v->kind) {
    case GP_VAL_NODE:
        if (v->complex || gp_dtype_kind(gp_build_dtype(b, v->node)) == GP_KIND_COMPLEX) break;
        if (v->selected)
            return gp_build_fail(b, GPUPROC_UNSUPPORTED,
                                 "how many elements x[mask] has shows only when it runs: it can be a result, be reduced, and be "
                                 "computed with element by element, but not used here");
        return v->windowed ? gp_build_window_view(b, v).node : v->node;
    case GP_VAL_COMPLEX: break;
    case GP_VAL_BOOL: return gp_build_as(b, v, GPUPROC_BOOL);
    case GP_VAL_FLOAT: return gp_build_as(b, v, GPUPROC_FLOAT64);
    case GP_VAL_INT: return gp_build_as(b, v, GPUPROC_INT64);
    case GP_VAL_NONE: return gp_build_fail(b, GPUPROC_TYPE, "None is not a number");
    case GP_VAL_DTYPE: return gp_build_fail(b, GPUPROC_TYPE, "the dtype %s is not a value: to convert, write %s(x)",
                                            gpuproc_dtype_name(v->dtype), gpuproc_dtype_name(v->dtype));
    case GP_VAL_STRING: return gp_build_fail(b, GPUPROC_TYPE, "a string can only name a dtype, as in x.astype('f4')");
    case GP_VAL_TUPLE: return gp_argument_array(b, NULL, v);
    default: return gp_build_fail(b, GPUPROC_TYPE, "expected an array or a number here");
    }
    return gp_build_fail(b, GPUPROC_TYPE, "complex numbers are not possible here");
}

gp_dtype gp_value_dtype(const gp_builder *b, const gp_value *v)
{
    gp_dtype own = gp_build_dtype(b, v->node);
    if (!v->complex) return own;
    return own == GPUPROC_FLOAT32 ? GPUPROC_COMPLEX64 : GPUPROC_COMPLEX128;
}

gp_dtype gp_build_common(const gp_builder *b, const gp_value *v, int count)
{
    bool strong = false, weak_int = false, weak_float = false, weak_complex = false;
    gp_dtype dtype = GPUPROC_BOOL;
    for (int k = 0; k < count; k++) {
        if (v[k].kind == GP_VAL_NODE) {
            gp_dtype own = gp_value_dtype(b, &v[k]);
            dtype = strong ? gp_dtype_promote(dtype, own) : own;
            strong = true;
        }
        weak_int = weak_int || v[k].kind == GP_VAL_INT;
        weak_float = weak_float || v[k].kind == GP_VAL_FLOAT;
        weak_complex = weak_complex || v[k].kind == GP_VAL_COMPLEX;
    }
    if (gp_dtype_kind(dtype) == GP_KIND_COMPLEX) return dtype;
    if (weak_complex)
        return dtype == GPUPROC_FLOAT16 || dtype == GPUPROC_FLOAT32 ? GPUPROC_COMPLEX64 : GPUPROC_COMPLEX128;
    if (gp_dtype_is_float(dtype)) return dtype;
    if (weak_float) return GPUPROC_FLOAT64;
    return weak_int && dtype == GPUPROC_BOOL ? GPUPROC_INT64 : dtype;
}

static gp_dtype float_of(gp_dtype dtype)
{
    if (gp_dtype_is_float(dtype)) return dtype;
    size_t bytes = gpuproc_dtype_bytes(dtype);
    return bytes == 1 ? GPUPROC_FLOAT16 : bytes == 2 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
}

gp_dtype gp_build_float_common(const gp_builder *b, const gp_value *v, int count)
{
    bool strong = false;
    gp_dtype dtype = GPUPROC_FLOAT16;
    for (int k = 0; k < count; k++) {
        if (v[k].kind != GP_VAL_NODE) continue;
        strong = true;
        dtype = gp_dtype_promote(dtype, float_of(gp_build_dtype(b, v[k].node)));
    }
    gp_dtype common = gp_build_common(b, v, count);
    if (!strong) return float_of(common);
    /* A float literal takes an integer array to float64; an integer literal goes along, except
     * that it makes an integer of a bool. */
    for (int k = 0; k < count; k++) {
        if (v[k].kind == GP_VAL_FLOAT && common == GPUPROC_FLOAT64) return GPUPROC_FLOAT64;
        if (v[k].kind == GP_VAL_INT && common == GPUPROC_INT64) return GPUPROC_FLOAT64;
    }
    return dtype;
}
