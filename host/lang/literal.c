#include "lang/literal.h"

#include <math.h>

static const char too_large[] = "a Python integer of more than 127 bits: write a float, 1e40 for example";
static const char no_zero_division[] = "division by zero";
static const char no_bits[] = "bit operations and shifts need integers, not a float";

double gp_literal_double(const gp_value *v) { return v->kind == GP_VAL_FLOAT ? v->f : (double)v->i; }
bool gp_literal_truth(const gp_value *v) { return v->kind == GP_VAL_FLOAT ? v->f != 0 : v->i != 0; }

static gp_value of_int(__int128 i) { return (gp_value){.kind = GP_VAL_INT, .i = i}; }
static gp_value of_float(double f) { return (gp_value){.kind = GP_VAL_FLOAT, .f = f}; }
static gp_value of_bool(bool b) { return (gp_value){.kind = GP_VAL_BOOL, .i = b}; }

/* a / b, correctly rounded, b != 0: long division to more bits than a double has,
 * the rest shown by one more bit. */
static double divide_int(__int128 a, __int128 b)
{
    bool negative = (a < 0) != (b < 0);
    unsigned __int128 n = a < 0 ? -(unsigned __int128)a : (unsigned __int128)a;
    unsigned __int128 d = b < 0 ? -(unsigned __int128)b : (unsigned __int128)b;
    unsigned __int128 q = n / d, r = n % d;
    int shift = 0;
    while (r != 0 && q < ((unsigned __int128)1 << 62)) {
        r <<= 1; /* r < d <= 2^127, so this fits */
        q = q << 1 | (r >= d);
        if (r >= d) r -= d;
        shift++;
    }
    double value = ldexp((double)(q | (r != 0)), -shift);
    return negative ? -value : value;
}

static void floor_divide_int(__int128 a, __int128 b, __int128 *quotient, __int128 *rest)
{
    *quotient = a / b;
    *rest = a % b;
    if (*rest != 0 && (*rest < 0) != (b < 0)) {
        *rest += b;
        *quotient -= 1;
    }
}

/* Python's float divmod, b != 0. */
static void floor_divide_float(double a, double b, double *quotient, double *rest)
{
    double mod = fmod(a, b), div = (a - mod) / b;
    if (mod != 0) {
        if ((b < 0) != (mod < 0)) {
            mod += b;
            div -= 1;
        }
    } else {
        mod = copysign(0, b);
    }
    double floored = div != 0 ? floor(div) : copysign(0, a / b);
    if (div != 0 && div - floored > 0.5) floored += 1;
    *quotient = floored;
    *rest = mod;
}

static gpuproc_status int_power(__int128 base, __int128 exponent, gp_value *out, const char **problem)
{
    __int128 result = 1;
    if (base == 0 || base == 1 || base == -1) { /* any exponent */
        result = exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base;
        *out = of_int(result);
        return GPUPROC_OK;
    }
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) goto overflow;
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) goto overflow;
    }
    *out = of_int(result);
    return GPUPROC_OK;
overflow:
    *problem = too_large;
    return GPUPROC_VALUE;
}

static gpuproc_status float_power(double a, double b, gp_value *out, const char **problem)
{
    if (a == 0 && b < 0) {
        *problem = "0 cannot be raised to a negative power";
        return GPUPROC_VALUE;
    }
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b)) {
        *problem = "a negative number to a fractional power is complex: add 0j to the number";
        return GPUPROC_UNSUPPORTED;
    }
    double r = pow(a, b);
    if (isinf(r) && isfinite(a) && isfinite(b)) {
        *problem = "the power is too large for a float";
        return GPUPROC_VALUE;
    }
    *out = of_float(r);
    return GPUPROC_OK;
}

/* -1, 0, 1; 2 where not comparable (NaN). Exact, also for large integers. */
static int compare(const gp_value *a, const gp_value *b)
{
    if (a->kind != GP_VAL_FLOAT && b->kind != GP_VAL_FLOAT) return (a->i > b->i) - (a->i < b->i);
    if (a->kind == GP_VAL_FLOAT && b->kind == GP_VAL_FLOAT)
        return isnan(a->f) || isnan(b->f) ? 2 : (a->f > b->f) - (a->f < b->f);
    if (a->kind == GP_VAL_FLOAT) {
        int swapped = compare(b, a);
        return swapped == 2 ? 2 : -swapped;
    }
    double f = b->f;
    if (isnan(f)) return 2;
    if (f >= 0x1p127) return -1;
    if (f < -0x1p127) return 1;
    __int128 whole = (__int128)floor(f);
    if (a->i != whole) return a->i > whole ? 1 : -1;
    return f > floor(f) ? -1 : 0;
}

static gpuproc_status bits(gp_function_id id, const gp_value *a, const gp_value *b, gp_value *out,
                           const char **problem)
{
    if (a->kind == GP_VAL_FLOAT || b->kind == GP_VAL_FLOAT) {
        *problem = no_bits;
        return GPUPROC_TYPE;
    }
    bool logic = a->kind == GP_VAL_BOOL && b->kind == GP_VAL_BOOL;
    __int128 x = a->i, y = b->i;
    switch (id) {
    case GP_FN_bitwise_and: x &= y; break;
    case GP_FN_bitwise_or: x |= y; break;
    case GP_FN_bitwise_xor: x ^= y; break;
    default: /* shifts */
        logic = false;
        if (y < 0) {
            *problem = "negative shift count";
            return GPUPROC_VALUE;
        }
        if (id == GP_FN_right_shift) {
            x = y > 126 ? (x < 0 ? -1 : 0) : x >> (int)y;
        } else if (x != 0 && (y > 126 || __builtin_mul_overflow(x, (__int128)1 << (int)y, &x))) {
            *problem = too_large;
            return GPUPROC_VALUE;
        }
    }
    *out = logic ? of_bool(x != 0) : of_int(x);
    return GPUPROC_OK;
}

static gpuproc_status int_arithmetic(gp_function_id id, __int128 a, __int128 b, gp_value *out,
                                     const char **problem)
{
    __int128 r = 0, rest;
    bool overflow = false;
    switch (id) {
    case GP_FN_add: overflow = __builtin_add_overflow(a, b, &r); break;
    case GP_FN_subtract: overflow = __builtin_sub_overflow(a, b, &r); break;
    case GP_FN_multiply: overflow = __builtin_mul_overflow(a, b, &r); break;
    case GP_FN_power:
        if (b >= 0) return int_power(a, b, out, problem);
        return float_power((double)a, (double)b, out, problem);
    default:
        if (b == 0) {
            *problem = no_zero_division;
            return GPUPROC_VALUE;
        }
        if (id == GP_FN_divide) {
            *out = of_float(divide_int(a, b));
            return GPUPROC_OK;
        }
        /* The one quotient that does not fit. */
        overflow = b == -1 && __builtin_sub_overflow((__int128)0, a, &r);
        if (overflow) break;
        floor_divide_int(a, b, &r, &rest);
        if (id == GP_FN_remainder) r = rest;
    }
    if (overflow) {
        *problem = too_large;
        return GPUPROC_VALUE;
    }
    *out = of_int(r);
    return GPUPROC_OK;
}

static gpuproc_status float_arithmetic(gp_function_id id, double a, double b, gp_value *out,
                                       const char **problem)
{
    double quotient, rest;
    switch (id) {
    case GP_FN_add: *out = of_float(a + b); return GPUPROC_OK;
    case GP_FN_subtract: *out = of_float(a - b); return GPUPROC_OK;
    case GP_FN_multiply: *out = of_float(a * b); return GPUPROC_OK;
    case GP_FN_power: return float_power(a, b, out, problem);
    default: break;
    }
    if (b == 0) {
        *problem = no_zero_division;
        return GPUPROC_VALUE;
    }
    if (id == GP_FN_divide) {
        *out = of_float(a / b);
    } else {
        floor_divide_float(a, b, &quotient, &rest);
        *out = of_float(id == GP_FN_remainder ? rest : quotient);
    }
    return GPUPROC_OK;
}

gpuproc_status gp_literal_binary(gp_function_id id, const gp_value *a, const gp_value *b,
                                 gp_value *out, const char **problem)
{
    int order;
    switch (id) {
    case GP_FN_bitwise_and:
    case GP_FN_bitwise_or:
    case GP_FN_bitwise_xor:
    case GP_FN_left_shift:
    case GP_FN_right_shift: return bits(id, a, b, out, problem);
    case GP_FN_equal: *out = of_bool(compare(a, b) == 0); return GPUPROC_OK;
    case GP_FN_not_equal: *out = of_bool(compare(a, b) != 0); return GPUPROC_OK;
    case GP_FN_less: *out = of_bool(compare(a, b) == -1); return GPUPROC_OK;
    case GP_FN_greater: *out = of_bool(compare(a, b) == 1); return GPUPROC_OK;
    case GP_FN_less_equal:
        order = compare(a, b);
        *out = of_bool(order == -1 || order == 0);
        return GPUPROC_OK;
    case GP_FN_greater_equal:
        order = compare(a, b);
        *out = of_bool(order == 1 || order == 0);
        return GPUPROC_OK;
    default: break;
    }
    if (a->kind != GP_VAL_FLOAT && b->kind != GP_VAL_FLOAT)
        return int_arithmetic(id, a->i, b->i, out, problem);
    return float_arithmetic(id, gp_literal_double(a), gp_literal_double(b), out, problem);
}

gpuproc_status gp_literal_unary(gp_function_id id, const gp_value *a, gp_value *out,
                                const char **problem)
{
    if (id == GP_FN_invert) {
        if (a->kind == GP_VAL_FLOAT) {
            *problem = no_bits;
            return GPUPROC_TYPE;
        }
        *out = of_int(~a->i);
    } else if (a->kind == GP_VAL_FLOAT) {
        *out = of_float(id == GP_FN_negative ? -a->f : a->f);
    } else {
        __int128 r = a->i;
        if (id == GP_FN_negative && __builtin_sub_overflow((__int128)0, a->i, &r)) {
            *problem = too_large;
            return GPUPROC_VALUE;
        }
        *out = of_int(r);
    }
    return GPUPROC_OK;
}
