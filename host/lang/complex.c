/* Complex values: pairs of nodes, how they come about, and which function is which formula. */
#include "lang/complex_parts.h"

#include <complex.h>
#undef complex
#include <math.h>

static gp_value failed(void) { return gp_value_node(-1); }

static gp_value pair(gp_z z)
{
    if (z.re < 0 || z.im < 0) return failed();
    return (gp_value){.kind = GP_VAL_NODE, .node = z.re, .im = z.im, .complex = true};
}

bool gp_value_is_complex(const gp_builder *b, const gp_value *v)
{
    (void)b;
    return v->kind == GP_VAL_COMPLEX || (v->kind == GP_VAL_NODE && v->complex);
}

/* A value in the parts' dtype; a real one has the imaginary part 0. */
static gp_z parts(const gp_zc *c, const gp_value *v)
{
    if (v->kind == GP_VAL_COMPLEX) return (gp_z){gp_rc(c, v->f), gp_rc(c, v->f_im)};
    if (v->kind == GP_VAL_NODE && v->complex)
        return (gp_z){gp_build_cast(c->b, v->node, c->part), gp_build_cast(c->b, v->im, c->part)};
    return (gp_z){gp_build_as(c->b, v, c->part), gp_rc(c, 0)};
}

/* x.real and x.imag of any value: 0 as the imaginary part of what is real. */
static gp_value part_of(gp_builder *b, const gp_value *v, bool imaginary)
{
    gp_value result = *v;
    if (v->kind == GP_VAL_COMPLEX) return gp_value_float(imaginary ? v->f_im : v->f);
    if (v->kind == GP_VAL_NODE && v->complex) {
        result = gp_build_window_view(b, v); /* both parts in one shape */
        if (imaginary && result.node >= 0) result.node = result.im;
        result.complex = false;
        return result;
    }
    if (!imaginary) return *v;
    if (gp_value_is_literal(v)) return v->kind == GP_VAL_FLOAT ? gp_value_float(0) : (gp_value){.kind = GP_VAL_INT};
    if (v->kind != GP_VAL_NODE) return gp_value_node(gp_build_strong(b, v));
    gp_dtype dtype = gp_build_dtype(b, v->node);
    int zero = gp_dtype_is_float(dtype) ? gp_build_float(b, dtype, 0) : gp_build_int(b, dtype, 0);
    result.node = gp_build_fill(b, zero, gp_build_shape(b, v->node));
    return result;
}

static int part_is_true(gp_builder *b, int part)
{
    return gp_build_op(b, GP_OP_NE, GPUPROC_BOOL, part, gp_build_float(b, gp_build_dtype(b, part), 0), -1);
}

int gp_complex_truth(gp_builder *b, const gp_value *v)
{
    if (v->kind == GP_VAL_COMPLEX) return gp_build_int(b, GPUPROC_BOOL, v->f != 0 || v->f_im != 0);
    int re = part_is_true(b, v->node);
    return gp_build_op(b, GP_OP_BITOR, GPUPROC_BOOL, re, part_is_true(b, v->im), -1);
}

gp_value gp_build_convert(gp_builder *b, const gp_value *v, gp_dtype dtype)
{
    gp_value plain = *v, selection;
    if (!gp_selection_take(b, &plain, 1, &selection)) return failed();
    gp_value result;
    if (gp_dtype_kind(dtype) == GP_KIND_COMPLEX) {
        gp_zc c = {b, gp_complex_part_dtype(dtype)};
        result = pair(parts(&c, &plain));
    } else if (gp_value_is_complex(b, &plain) && dtype != GPUPROC_BOOL) {
        gp_value real = part_of(b, &plain, false);
        result = gp_value_node(gp_build_as(b, &real, dtype));
    } else {
        result = gp_value_node(gp_build_as(b, &plain, dtype));
    }
    return gp_selection_apply(b, result, &selection);
}

/* ---- Functions ---- */

static gp_value unsupported(gp_builder *b, const gp_function *fn)
{
    return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "%s is not possible for complex numbers: NumPy has none, either", fn->name));
}

static gp_value truth_function(gp_builder *b, const gp_function *fn, const gp_value *v, int count)
{
    for (int k = 0; k < count; k++) { /* a Python integer becomes int64 on the way */
        if (v[k].kind == GP_VAL_INT && gp_build_as(b, &v[k], GPUPROC_INT64) < 0) return failed();
    }
    int x = gp_build_as(b, &v[0], GPUPROC_BOOL), y = count > 1 ? gp_build_as(b, &v[1], GPUPROC_BOOL) : -1;
    return gp_value_node(gp_build_op(b, fn->op, GPUPROC_BOOL, x, y, -1));
}

static gp_value classify(gp_builder *b, gp_op op, gp_z x)
{
    int re = gp_build_op(b, op, GPUPROC_BOOL, x.re, -1, -1), im = gp_build_op(b, op, GPUPROC_BOOL, x.im, -1, -1);
    return gp_value_node(gp_build_op(b, op == GP_OP_ISFINITE ? GP_OP_BITAND : GP_OP_BITOR, GPUPROC_BOOL, re, im, -1));
}

/* sin(pi z) / (pi z), where 0 stands for 1e-20. */
static gp_z sinc(const gp_zc *c, gp_z x)
{
    gp_z y = gp_zmul(c, (gp_z){gp_rc(c, M_PI), gp_rc(c, 0)}, x), sine;
    gp_z zero = {gp_rc(c, 0), gp_rc(c, 0)}, tiny = {gp_rc(c, 1e-20), gp_rc(c, 0)};
    y = gp_zif(c, gp_zcompare(c, GP_OP_EQ, y, zero), tiny, y);
    gp_zfunction(c, GP_OP_SIN, y, &sine);
    return gp_zdiv(c, sine, y);
}

static gp_value one_operand(const gp_zc *c, const gp_function *fn, gp_z x)
{
    gp_z result;
    switch (fn->rule) {
    case GP_RULE_NEGATIVE: return pair((gp_z){gp_rneg(c, x.re), gp_rneg(c, x.im)});
    case GP_RULE_POSITIVE: return pair(x);
    case GP_RULE_ABSOLUTE: return gp_value_node(gp_r2(c, GP_OP_HYPOT, x.re, x.im));
    case GP_RULE_NUMBER1: return pair(gp_zsign(c, x));
    case GP_RULE_SMALL1: return pair(fn->op == GP_OP_SQUARE ? gp_zmul(c, x, x) : gp_zreciprocal(c, x));
    case GP_RULE_CLASSIFY: return classify(c->b, fn->op, x);
    case GP_RULE_SINC: return pair(sinc(c, x));
    case GP_RULE_FLOAT1: return gp_zfunction(c, fn->op, x, &result) ? pair(result) : unsupported(c->b, fn);
    default: return unsupported(c->b, fn);
    }
}

static gp_value two_operands(const gp_zc *c, const gp_function *fn, gp_z x, gp_z y)
{
    switch (fn->rule) {
    case GP_RULE_ARITHMETIC:
        return pair(fn->op == GP_OP_ADD ? gp_zadd(c, x, y) : fn->op == GP_OP_SUB ? gp_zsub(c, x, y) : gp_zmul(c, x, y));
    case GP_RULE_DIVIDE: return pair(gp_zdiv(c, x, y));
    case GP_RULE_POWER:
    case GP_RULE_FLOAT_POWER: return pair(gp_zpower(c, x, y));
    case GP_RULE_COMPARE: return gp_value_node(gp_zcompare(c, fn->op, x, y));
    case GP_RULE_EXTREME2: return pair(gp_zextreme(c, fn->op, x, y));
    default: return unsupported(c->b, fn);
    }
}

gp_value gp_check_complex(gp_builder *b, const gp_function *fn, const gp_value *v, int count)
{
    if (fn->rule == GP_RULE_LOGIC2 || fn->rule == GP_RULE_LOGIC_NOT) return truth_function(b, fn, v, count);
    gp_dtype dtype = gp_build_common(b, v, count);
    if (fn->rule == GP_RULE_FLOAT_POWER) dtype = GPUPROC_COMPLEX128;
    gp_zc c = {b, gp_complex_part_dtype(dtype)};
    gp_z x = parts(&c, &v[0]), y = {-1, -1};
    if (count > 1) y = parts(&c, &v[1]);
    if (b->st != GPUPROC_OK) return failed();
    return count > 1 ? two_operands(&c, fn, x, y) : one_operand(&c, fn, x);
}

/* NumPy's angle(): arctan2(im, re), with 0 as the imaginary part of what is real; times 180/pi for degrees. */
static gp_value angle(gp_builder *b, const gp_value *v, bool degrees)
{
    bool complex = gp_value_is_complex(b, v);
    gp_value z = complex ? gp_build_convert(b, v, gp_build_common(b, v, 1)) : *v;
    gp_value xy[2] = {{.kind = GP_VAL_INT}, z};
    if (complex) xy[0] = part_of(b, &z, true);
    if (complex) xy[1] = part_of(b, &z, false);
    gp_value radians = gp_check_elementwise(b, gp_function_by_id(GP_FN_arctan2), xy);
    gp_value scaled[2] = {radians, gp_value_float(180 / M_PI)};
    return degrees && radians.node >= 0 ? gp_check_operator(b, GP_FN_multiply, scaled, 2) : radians;
}

gp_value gp_check_complex_function(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value v = args[0], selection;
    bool degrees = false;
    if (!gp_selection_take(b, &v, 1, &selection)) return failed();
    if (!gp_value_is_complex(b, &v) && !gp_value_is_literal(&v) && gp_build_strong(b, &v) < 0) return failed();
    if (fn->id == GP_FN_angle) {
        if (args[1].kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "deg", &args[1], &degrees)) return failed();
        v = angle(b, &v, degrees);
    } else if (fn->id == GP_FN_real || fn->id == GP_FN_imag) {
        v = part_of(b, &v, fn->id == GP_FN_imag);
    } else if (v.kind == GP_VAL_COMPLEX) { /* conjugate */
        v.f_im = -v.f_im;
    } else if (v.kind == GP_VAL_NODE && v.complex) {
        v.im = gp_build_op(b, GP_OP_NEG, gp_build_dtype(b, v.im), v.im, -1, -1);
        if (v.im < 0) return failed();
    } else if (v.kind == GP_VAL_NODE && gp_build_dtype(b, v.node) == GPUPROC_BOOL) {
        v = gp_value_node(gp_build_cast(b, v.node, GPUPROC_INT8));
    }
    return gp_selection_apply(b, v, &selection);
}

/* ---- Python's complex numbers ---- */

static gp_value literal(double re, double im) { return (gp_value){.kind = GP_VAL_COMPLEX, .f = re, .f_im = im}; }

static double re_of(const gp_value *v) { return v->kind == GP_VAL_COMPLEX ? v->f : gp_literal_double(v); }
static double im_of(const gp_value *v) { return v->kind == GP_VAL_COMPLEX ? v->f_im : 0; }

/* Smith's algorithm, as Python does; the divisor is not 0. */
static gp_value quotient(double a, double ai, double d, double di)
{
    bool wide = fabs(d) >= fabs(di);
    double large = wide ? d : di, ratio = (wide ? di : d) / large, below = large + (wide ? di : d) * ratio;
    if (wide) return literal((a + ai * ratio) / below, (ai - a * ratio) / below);
    return literal((a * ratio + ai) / below, (ai * ratio - a) / below);
}

gp_value gp_check_complex_literal(gp_builder *b, gp_function_id id, const gp_value *v, int count)
{
    double x = re_of(&v[0]), xi = im_of(&v[0]), y = count > 1 ? re_of(&v[1]) : 0, yi = count > 1 ? im_of(&v[1]) : 0;
    bool zero = y == 0 && yi == 0;
    switch (id) {
    case GP_FN_negative: return literal(-x, -xi);
    case GP_FN_positive: return v[0];
    case GP_FN_add: return literal(x + y, xi + yi);
    case GP_FN_subtract: return literal(x - y, xi - yi);
    case GP_FN_multiply: return literal(x * y - xi * yi, x * yi + xi * y);
    case GP_FN_divide:
        if (zero) break;
        return quotient(x, xi, y, yi);
    case GP_FN_equal: return (gp_value){.kind = GP_VAL_BOOL, .i = x == y && xi == yi};
    case GP_FN_not_equal: return (gp_value){.kind = GP_VAL_BOOL, .i = x != y || xi != yi};
    case GP_FN_power: {
        if (zero) return literal(1, 0);
        if (x == 0 && xi == 0) {
            if (yi != 0 || y < 0) break;
            return literal(0, 0);
        }
        double _Complex base, exponent, power = 1;
        __real__ base = x;
        __imag__ base = xi;
        __real__ exponent = y;
        __imag__ exponent = yi;
        if (yi == 0 && y == floor(y) && fabs(y) <= 100) {
            for (int n = (int)fabs(y); n > 0; n >>= 1, base *= base) power = n & 1 ? power * base : power;
            return y < 0 ? quotient(1, 0, creal(power), cimag(power)) : literal(creal(power), cimag(power));
        }
        power = cpow(base, exponent);
        return literal(creal(power), cimag(power));
    }
    default:
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "%s is not possible between complex numbers",
                                           gp_function_by_id(id)->name));
    }
    return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "division by zero, or a power of 0 that is not defined"));
}
