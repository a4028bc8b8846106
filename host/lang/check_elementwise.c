/* Element-wise operators and functions: NumPy's rules for what dtype each computes in, and
 * the operations that it is made of. */
#include "lang/build.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }

static bool is_float(const gp_builder *b, int node) { return gp_dtype_is_float(gp_build_dtype(b, node)); }
static bool is_bool(gp_dtype dtype) { return dtype == GPUPROC_BOOL; }

static int unary(gp_builder *b, gp_op op, gp_dtype dtype, int x) { return gp_build_op(b, op, dtype, x, -1, -1); }

/* Both operands in one dtype, and the operation on them. */
static int binary(gp_builder *b, gp_op op, gp_dtype operands, gp_dtype result, const gp_value *v)
{
    int x = gp_build_as(b, &v[0], operands), y = x < 0 ? -1 : gp_build_as(b, &v[1], operands);
    return y < 0 ? -1 : gp_build_op(b, op, result, x, y, -1);
}

static bool is_one(const gp_builder *b, int node)
{
    double value;
    return gp_build_is_const(b, node, &value) && value == 1;
}

static int arithmetic(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    gp_dtype dtype = gp_build_common(b, v, 2);
    if (is_bool(dtype)) {
        if (fn->op == GP_OP_SUB)
            return gp_build_fail(b, GPUPROC_TYPE,
                                 "NumPy has no '-' between bools: write ^ (bitwise_xor) or logical_xor");
        return binary(b, fn->op == GP_OP_ADD ? GP_OP_BITOR : GP_OP_BITAND, dtype, dtype, v);
    }
    int x = gp_build_as(b, &v[0], dtype), y = x < 0 ? -1 : gp_build_as(b, &v[1], dtype);
    if (y < 0) return -1;
    /* x * 1 is x to the last bit. x + 0 is not: -0.0 + 0 is 0.0. */
    if (fn->op == GP_OP_MUL && is_one(b, y)) return x;
    if (fn->op == GP_OP_MUL && is_one(b, x)) return y;
    return gp_build_op(b, fn->op, dtype, x, y, -1);
}

static int divide(gp_builder *b, const gp_value *v)
{
    gp_dtype dtype = gp_build_common(b, v, 2);
    if (!gp_dtype_is_float(dtype)) dtype = GPUPROC_FLOAT64;
    int x = gp_build_as(b, &v[0], dtype), y = x < 0 ? -1 : gp_build_as(b, &v[1], dtype);
    if (y >= 0 && is_one(b, y)) return x;
    return y < 0 ? -1 : gp_build_op(b, GP_OP_DIV, dtype, x, y, -1);
}

static int float2(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    gp_dtype dtype = gp_build_float_common(b, v, 2);
    return binary(b, fn->op, dtype, dtype, v);
}

static int power(gp_builder *b, const gp_value *v)
{
    gp_dtype dtype = gp_build_common(b, v, 2);
    if (is_bool(dtype)) dtype = GPUPROC_INT8;
    int x = gp_build_as(b, &v[0], dtype), y = x < 0 ? -1 : gp_build_as(b, &v[1], dtype);
    double exponent;
    if (y < 0) return -1;
    if (gp_build_is_const(b, y, &exponent)) {
        if (!gp_dtype_is_float(dtype) && exponent < 0)
            return gp_build_fail(b, GPUPROC_VALUE, "integers to negative integer powers are not allowed");
        if (exponent == 1) return x;
        if (exponent == 2) return unary(b, GP_OP_SQUARE, dtype, x);
        if (exponent == -1) return unary(b, GP_OP_RECIPROCAL, dtype, x);
        /* NumPy does so for arrays only; for its scalars it calls pow, which differs at -inf and -0. */
        if (exponent == 0.5 && !b->program->node[x].uniform) return unary(b, GP_OP_SQRT, dtype, x);
    }
    return gp_build_op(b, GP_OP_POW, dtype, x, y, -1);
}

/* Every element false (or true), with the shape of x, which is an integer or a bool. */
static int all_alike(gp_builder *b, int x, bool value)
{
    return gp_build_op(b, value ? GP_OP_EQ : GP_OP_NE, GPUPROC_BOOL, x, x, -1);
}

static gp_op swapped(gp_op op)
{
    switch (op) {
    case GP_OP_LT: return GP_OP_GT;
    case GP_OP_LE: return GP_OP_GE;
    case GP_OP_GT: return GP_OP_LT;
    case GP_OP_GE: return GP_OP_LE;
    default: return op;
    }
}

/* x OP y, x uint64 and y signed, without the float64 in which a large number would be lost:
 * where y is negative the answer is known, elsewhere both are unsigned. */
static int compare_exactly(gp_builder *b, gp_op op, int x, int y)
{
    y = gp_build_cast(b, y, GPUPROC_INT64);
    bool when_negative = op == GP_OP_GT || op == GP_OP_GE || op == GP_OP_NE;
    int zero = gp_build_int(b, GPUPROC_INT64, 0);
    int sign = gp_build_op(b, when_negative ? GP_OP_LT : GP_OP_GE, GPUPROC_BOOL, y, zero, -1);
    int same = gp_build_op(b, op, GPUPROC_BOOL, x, gp_build_cast(b, y, GPUPROC_UINT64), -1);
    return gp_build_op(b, when_negative ? GP_OP_BITOR : GP_OP_BITAND, GPUPROC_BOOL, sign, same, -1);
}

static int compare(gp_builder *b, gp_op op, const gp_value *v)
{
    gp_dtype dtype = gp_build_common(b, v, 2);
    for (int k = 0; k < 2; k++) {
        /* An integer literal outside of the array's dtype compares by its sign. */
        if (v[k].kind != GP_VAL_INT || v[1 - k].kind != GP_VAL_NODE || gp_dtype_is_float(dtype) ||
            gp_build_fits(v[k].i, dtype) || gp_build_dtype(b, v[1 - k].node) == GPUPROC_BOOL)
            continue;
        gp_op from_array = k == 1 ? op : swapped(op);
        bool array_is_less = v[k].i > 0;
        bool result = from_array == GP_OP_NE ||
                      (array_is_less ? from_array == GP_OP_LT || from_array == GP_OP_LE
                                     : from_array == GP_OP_GT || from_array == GP_OP_GE);
        return all_alike(b, v[1 - k].node, result);
    }
    if (v[0].kind == GP_VAL_NODE && v[1].kind == GP_VAL_NODE) {
        int x = v[0].node, y = v[1].node;
        gp_dtype dx = gp_build_dtype(b, x), dy = gp_build_dtype(b, y);
        if (dx == GPUPROC_UINT64 && gp_dtype_kind(dy) == GP_KIND_INT) return compare_exactly(b, op, x, y);
        if (dy == GPUPROC_UINT64 && gp_dtype_kind(dx) == GP_KIND_INT)
            return compare_exactly(b, swapped(op), y, x);
    }
    return binary(b, op, dtype, GPUPROC_BOOL, v);
}

static int integer2(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    gp_dtype dtype = gp_build_common(b, v, 2);
    if (is_bool(dtype) && fn->rule == GP_RULE_SHIFT) dtype = GPUPROC_INT8;
    bool fits = fn->rule == GP_RULE_BITS2 && is_bool(dtype);
    if (!fits && !gp_dtype_is_integer(dtype)) {
        if (v[0].kind == GP_VAL_NODE && v[1].kind == GP_VAL_NODE && gp_dtype_is_float(dtype) &&
            !is_float(b, v[0].node) && !is_float(b, v[1].node))
            return gp_build_fail(b, GPUPROC_TYPE,
                                 "%s is not possible between uint64 and a signed integer: cast one of them, "
                                 "as in int64(x)",
                                 fn->name);
        return gp_build_fail(b, GPUPROC_TYPE, "%s needs integers%s, found %s%s", fn->name,
                             fn->rule == GP_RULE_BITS2 ? " or bools" : "", gpuproc_dtype_name(dtype),
                             fn->id == GP_FN_bitwise_xor ? ": a power is written x ** y" : "");
    }
    return binary(b, fn->op, dtype, dtype, v);
}

static int extreme2(gp_builder *b, gp_op op, const gp_value *v)
{
    gp_dtype dtype = gp_build_common(b, v, 2);
    if (!gp_dtype_is_float(dtype)) op = op == GP_OP_FMIN ? GP_OP_MINIMUM : op == GP_OP_FMAX ? GP_OP_MAXIMUM : op;
    return binary(b, op, dtype, dtype, v);
}

static int logic2(gp_builder *b, gp_op op, const gp_value *v)
{
    for (int k = 0; k < 2; k++) { /* a Python integer becomes int64 on the way */
        if (v[k].kind == GP_VAL_INT && gp_build_as(b, &v[k], GPUPROC_INT64) < 0) return -1;
    }
    return binary(b, op, GPUPROC_BOOL, GPUPROC_BOOL, v);
}

/* One operand as floats of at least its precision. */
static int as_float(gp_builder *b, int x)
{
    gp_value v = of(x);
    return gp_build_cast(b, x, gp_build_float_common(b, &v, 1));
}

static int float1(gp_builder *b, const gp_function *fn, int x)
{
    x = as_float(b, x);
    return x < 0 ? -1 : unary(b, fn->op, gp_build_dtype(b, x), x);
}

static int angle(gp_builder *b, const gp_function *fn, int x)
{
    x = as_float(b, x);
    if (x < 0) return -1;
    gp_dtype dtype = gp_build_dtype(b, x);
    bool to_radians = fn->op == GP_OP_MUL;
    double factor = to_radians ? M_PI / 180.0 : 180.0 / M_PI;
    /* As NumPy: the factor itself is computed in the dtype, float16's in float32. */
    if (dtype == GPUPROC_FLOAT16) {
        x = gp_build_cast(b, x, GPUPROC_FLOAT32);
        return gp_build_cast(b, angle(b, fn, x), dtype);
    }
    if (dtype == GPUPROC_FLOAT32) {
        float pi = (float)M_PI;
        factor = to_radians ? pi / 180.0f : 180.0f / pi;
    }
    return gp_build_op(b, GP_OP_MUL, dtype, x, gp_build_float(b, dtype, factor), -1);
}

/* NumPy's formula: sin(y) / y with y = pi * x, and a tiny number in the place of 0. */
static int sinc(gp_builder *b, int x)
{
    gp_value factors[2] = {gp_value_float(M_PI), of(x)};
    int y = arithmetic(b, gp_function_by_id(GP_FN_multiply), factors);
    if (y < 0) return -1;
    gp_dtype dtype = gp_build_dtype(b, y);
    int tiny = gp_build_float(b, dtype, dtype == GPUPROC_FLOAT16 ? 0x1p-10 : dtype == GPUPROC_FLOAT32 ? 0x1p-23 : 0x1p-52);
    y = gp_build_op(b, GP_OP_WHERE, dtype, gp_build_cast(b, y, GPUPROC_BOOL), y, tiny);
    return gp_build_op(b, GP_OP_DIV, dtype, unary(b, GP_OP_SIN, dtype, y), y, -1);
}

static int sign_is_set(gp_builder *b, int x)
{
    gp_dtype dtype = gp_build_dtype(b, x);
    if (gp_dtype_is_float(dtype)) return unary(b, GP_OP_SIGNBIT, GPUPROC_BOOL, x);
    if (gp_dtype_kind(dtype) != GP_KIND_INT) return all_alike(b, x, false);
    return gp_build_op(b, GP_OP_LT, GPUPROC_BOOL, x, gp_build_int(b, dtype, 0), -1);
}

static int infinity1(gp_builder *b, gp_op op, int x)
{
    gp_dtype dtype = gp_build_dtype(b, x);
    if (!gp_dtype_is_float(dtype)) return all_alike(b, x, false);
    int inf = gp_build_float(b, dtype, op == GP_OP_GT ? INFINITY : -INFINITY);
    return gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, x, inf, -1);
}

static int not_for_bool(gp_builder *b, const gp_function *fn)
{
    return gp_build_fail(b, GPUPROC_TYPE, "%s is not possible for bool: convert it first, as in int8(x)", fn->name);
}

static int one_operand(gp_builder *b, const gp_function *fn, int x)
{
    gp_dtype dtype = gp_build_dtype(b, x);
    gp_kind kind = gp_dtype_kind(dtype);
    switch (fn->rule) {
    case GP_RULE_LOGIC_NOT: return unary(b, GP_OP_INVERT, GPUPROC_BOOL, gp_build_cast(b, x, GPUPROC_BOOL));
    case GP_RULE_NEGATIVE:
        if (is_bool(dtype))
            return gp_build_fail(b, GPUPROC_TYPE, "NumPy has no '-' of a bool: write ~ (invert) or logical_not");
        return unary(b, GP_OP_NEG, dtype, x);
    case GP_RULE_POSITIVE: return is_bool(dtype) ? not_for_bool(b, fn) : x;
    case GP_RULE_ABSOLUTE:
        return kind == GP_KIND_BOOL || kind == GP_KIND_UINT ? x : unary(b, GP_OP_ABS, dtype, x);
    case GP_RULE_NUMBER1: return is_bool(dtype) ? not_for_bool(b, fn) : unary(b, fn->op, dtype, x);
    case GP_RULE_SMALL1:
        if (is_bool(dtype)) dtype = GPUPROC_INT8;
        return unary(b, fn->op, dtype, gp_build_cast(b, x, dtype));
    case GP_RULE_INVERT:
        if (gp_dtype_is_float(dtype))
            return gp_build_fail(b, GPUPROC_TYPE, "'~' (invert) needs integers or bools, found %s",
                                 gpuproc_dtype_name(dtype));
        return unary(b, GP_OP_INVERT, dtype, x);
    case GP_RULE_BITCOUNT:
        if (gp_dtype_is_float(dtype))
            return gp_build_fail(b, GPUPROC_TYPE, "bitwise_count needs integers, found %s", gpuproc_dtype_name(dtype));
        if (is_bool(dtype)) x = gp_build_cast(b, x, GPUPROC_UINT8);
        return unary(b, GP_OP_BITCOUNT, GPUPROC_UINT8, x);
    case GP_RULE_FLOAT1: return float1(b, fn, x);
    case GP_RULE_ERF: /* SciPy's: integers and float16 in float64 */
        if (!gp_dtype_is_float(dtype) || dtype == GPUPROC_FLOAT16) dtype = GPUPROC_FLOAT64;
        return unary(b, GP_OP_ERF, dtype, gp_build_cast(b, x, dtype));
    case GP_RULE_KEEP1: return gp_dtype_is_float(dtype) ? unary(b, fn->op, dtype, x) : x;
    case GP_RULE_CLASSIFY:
        if (gp_dtype_is_float(dtype)) return unary(b, fn->op, GPUPROC_BOOL, x);
        return all_alike(b, x, fn->op == GP_OP_ISFINITE);
    case GP_RULE_INFINITY1: return infinity1(b, fn->op, x);
    case GP_RULE_SIGNBIT: return sign_is_set(b, x);
    case GP_RULE_ANGLE: return angle(b, fn, x);
    case GP_RULE_SINC: return sinc(b, x);
    default: return gp_build_fail(b, GPUPROC_INTERNAL, "no rule for %s", fn->name);
    }
}

static int two_operands(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    gp_dtype dtype;
    switch (fn->rule) {
    case GP_RULE_ARITHMETIC: return arithmetic(b, fn, v);
    case GP_RULE_DIVIDE: return divide(b, v);
    case GP_RULE_BOOL_TO_I1:
        dtype = gp_build_common(b, v, 2);
        if (is_bool(dtype)) dtype = GPUPROC_INT8;
        return binary(b, fn->op, dtype, dtype, v);
    case GP_RULE_POWER: return power(b, v);
    case GP_RULE_FLOAT_POWER: return binary(b, GP_OP_POW, GPUPROC_FLOAT64, GPUPROC_FLOAT64, v);
    case GP_RULE_FLOAT2: return float2(b, fn, v);
    case GP_RULE_EXTREME2: return extreme2(b, fn->op, v);
    case GP_RULE_BITS2:
    case GP_RULE_SHIFT:
    case GP_RULE_INTEGER2: return integer2(b, fn, v);
    case GP_RULE_COMPARE: return compare(b, fn->op, v);
    case GP_RULE_LOGIC2: return logic2(b, fn->op, v);
    default: return gp_build_fail(b, GPUPROC_INTERNAL, "no rule for %s", fn->name);
    }
}

/* A number; tells what is wrong otherwise. */
static bool is_number(gp_builder *b, const gp_value *v)
{
    if (v->kind == GP_VAL_NODE) return v->node >= 0;
    return gp_value_is_literal(v) || v->kind == GP_VAL_COMPLEX || v->kind == GP_VAL_TUPLE || gp_build_strong(b, v) >= 0;
}

gp_value gp_check_elementwise(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    int count = strchr(fn->parameters, ' ') == NULL ? 1 : 2;
    gp_value plain[2], selection, result;
    bool complex = false;
    for (int k = 0; k < count; k++) {
        if (!is_number(b, &v[k])) return of(-1);
        plain[k] = v[k].kind == GP_VAL_TUPLE ? of(gp_build_strong(b, &v[k])) : v[k]; /* a list is an array */
        complex = complex || gp_value_is_complex(b, &v[k]);
    }
    if (!gp_selection_take(b, plain, count, &selection)) return of(-1);
    if (complex) {
        result = gp_check_complex(b, fn, plain, count);
    } else if (count == 2) {
        result = of(two_operands(b, fn, plain));
    } else {
        int x = gp_build_strong(b, plain);
        result = of(x < 0 ? -1 : one_operand(b, fn, x));
    }
    return gp_selection_apply(b, result, &selection);
}

gp_value gp_check_operator(gp_builder *b, gp_function_id id, const gp_value *v, int count)
{
    bool literals = true, complex = false;
    for (int k = 0; k < count; k++) {
        complex = complex || v[k].kind == GP_VAL_COMPLEX;
        literals = literals && (gp_value_is_literal(&v[k]) || v[k].kind == GP_VAL_COMPLEX);
    }
    /* The operator, unlike power(), has a way of its own for squares. */
    if (id == GP_FN_power && v[0].kind == GP_VAL_NODE && v[1].kind == GP_VAL_INT && v[1].i == 2)
        return gp_check_elementwise(b, gp_function_by_id(GP_FN_square), v);
    if (!literals) return gp_check_elementwise(b, gp_function_by_id(id), v);
    if (complex) return gp_check_complex_literal(b, id, v, count);
    gp_value result;
    const char *problem = "";
    gpuproc_status st = count == 2 ? gp_literal_binary(id, &v[0], &v[1], &result, &problem)
                                   : gp_literal_unary(id, &v[0], &result, &problem);
    return st == GPUPROC_OK ? result : of(gp_build_fail(b, st, "%s", problem));
}
