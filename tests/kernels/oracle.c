#include "oracle.h"

#include <math.h>
#include <string.h>

gpuproc_scalar oracle_load(gp_dtype dtype, const void *data, size_t i)
{
    gpuproc_scalar s = {.dtype = dtype};
    switch (dtype) {
    case GPUPROC_BOOL: s.value.u = ((const uint8_t *)data)[i]; break;
    case GPUPROC_INT8: s.value.i = ((const int8_t *)data)[i]; break;
    case GPUPROC_INT16: s.value.i = ((const int16_t *)data)[i]; break;
    case GPUPROC_INT32: s.value.i = ((const int32_t *)data)[i]; break;
    case GPUPROC_INT64: s.value.i = ((const int64_t *)data)[i]; break;
    case GPUPROC_UINT8: s.value.u = ((const uint8_t *)data)[i]; break;
    case GPUPROC_UINT16: s.value.u = ((const uint16_t *)data)[i]; break;
    case GPUPROC_UINT32: s.value.u = ((const uint32_t *)data)[i]; break;
    case GPUPROC_UINT64: s.value.u = ((const uint64_t *)data)[i]; break;
    case GPUPROC_FLOAT32: s.value.f = (double)((const float *)data)[i]; break;
    default: s.value.f = ((const double *)data)[i]; break;
    }
    return s;
}

typedef __int128 wide;

static bool is_signed(gp_dtype t) { return gp_dtype_kind(t) == GP_KIND_INT; }
static bool is_float(gp_dtype t) { return gp_dtype_kind(t) == GP_KIND_FLOAT; }

static wide integer(gpuproc_scalar s)
{
    return is_signed(s.dtype) ? (wide)s.value.i : (wide)s.value.u;
}

/* What an integer becomes in dtype t: its low bits. */
static wide wrapped(gp_dtype t, wide x)
{
    const unsigned bits = 8 * (unsigned)gpuproc_dtype_bytes(t);
    const unsigned __int128 range = (unsigned __int128)1 << bits;
    unsigned __int128 low = (unsigned __int128)x & (range - 1);
    if (is_signed(t) && low >= range / 2) return (wide)low - (wide)range;
    return (wide)low;
}

static wide floor_mod(wide a, wide b)
{
    const wide r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static wide magnitude(wide x) { return x < 0 ? -x : x; }

/* Modulo 2^128, of which the low bits are wanted. */
static wide product(wide a, wide b)
{
    return (wide)((unsigned __int128)a * (unsigned __int128)b);
}

static wide gcd(wide a, wide b)
{
    a = magnitude(a);
    b = magnitude(b);
    while (b != 0) {
        const wide t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* One multiplication per bit, modulo 2^64 throughout. */
static wide power(wide a, wide b)
{
    uint64_t out = 1, base = (uint64_t)a;
    for (int bit = 63; bit >= 0; bit--) {
        out *= out;
        if ((b >> bit) & 1) out *= base;
    }
    return (wide)out;
}

static wide on_integers(gp_op op, gp_dtype t, wide a, wide b, uint32_t *flags)
{
    const int bits = 8 * (int)gpuproc_dtype_bytes(t);
    const bool by_zero = b == 0;
    switch (op) {
    case GP_OP_ADD: return a + b;
    case GP_OP_SUB: return a - b;
    case GP_OP_MUL: return product(a, b);
    case GP_OP_FLOORDIV:
    case GP_OP_MOD:
    case GP_OP_FMOD:
        if (by_zero) {
            *flags |= GP_FLAG_DIVIDE;
            return 0;
        }
        if (op == GP_OP_MOD) return floor_mod(a, b);
        return op == GP_OP_FMOD ? a % b : (a - floor_mod(a, b)) / b;
    case GP_OP_POW:
        if (b < 0) {
            *flags |= GP_FLAG_NEG_POWER;
            return 0;
        }
        return power(a, b);
    case GP_OP_MINIMUM: return a < b ? a : b;
    case GP_OP_MAXIMUM: return a > b ? a : b;
    case GP_OP_BITAND: return a & b;
    case GP_OP_BITOR: return a | b;
    case GP_OP_BITXOR: return a ^ b;
    case GP_OP_SHL: return b < 0 || b >= bits ? 0 : a * ((wide)1 << b);
    case GP_OP_SHR: return b < 0 || b >= bits ? (a < 0 ? -1 : 0) : a >> b;
    case GP_OP_GCD: return gcd(a, b);
    case GP_OP_LCM: return a == 0 || b == 0 ? 0 : product(magnitude(a) / gcd(a, b), magnitude(b));
    case GP_OP_EQ: return a == b;
    case GP_OP_NE: return a != b;
    case GP_OP_LT: return a < b;
    case GP_OP_LE: return a <= b;
    case GP_OP_GT: return a > b;
    case GP_OP_GE: return a >= b;
    case GP_OP_NEG: return -a;
    case GP_OP_ABS: return magnitude(a);
    case GP_OP_SIGN: return (a > 0) - (a < 0);
    case GP_OP_SQUARE: return product(a, a);
    case GP_OP_RECIPROCAL:
        if (a == 0) *flags |= GP_FLAG_DIVIDE;
        return a == 1 || a == -1 ? a : 0;
    case GP_OP_INVERT: return t == GPUPROC_BOOL ? a == 0 : -a - 1;
    case GP_OP_BITCOUNT: {
        int n = 0;
        for (wide m = magnitude(a); m != 0; m >>= 1) n += (int)(m & 1);
        return n;
    }
    default: return -12345;
    }
}

/* To the precision of dtype t. Of basic operations in float64 this gives the correctly
 * rounded float32. */
static double to(gp_dtype t, double x) { return t == GPUPROC_FLOAT32 ? (double)(float)x : x; }

static double fmod_of(double a, double b) { return fmod(a, b); }

static double mod_of(gp_dtype t, double a, double b)
{
    const double r = fmod_of(a, b);
    if (b == 0) return r;
    if (r == 0) return copysign(0.0, b);
    return (b < 0) != (r < 0) ? to(t, r + b) : r;
}

static double floordiv_of(gp_dtype t, double a, double b)
{
    if (b == 0) return to(t, a / b);
    const double r = fmod_of(a, b);
    double q = to(t, to(t, a - r) / b);
    if (r != 0 && (b < 0) != (r < 0)) q = to(t, q - 1);
    if (q == 0) return copysign(0.0, a / b);
    return q - floor(q) > 0.5 ? floor(q) + 1 : floor(q);
}

/* Operations with one right answer; false where op is not one of them. */
static bool exact(gp_op op, gp_dtype t, double a, double b, double *out)
{
    const bool f4 = t == GPUPROC_FLOAT32;
    switch (op) {
    case GP_OP_ADD: *out = to(t, a + b); return true;
    case GP_OP_SUB: *out = to(t, a - b); return true;
    case GP_OP_MUL: *out = to(t, a * b); return true;
    case GP_OP_DIV: *out = to(t, a / b); return true;
    case GP_OP_SQRT: *out = to(t, sqrt(a)); return true;
    case GP_OP_SQUARE: *out = to(t, a * a); return true;
    case GP_OP_RECIPROCAL: *out = to(t, 1 / a); return true;
    case GP_OP_FLOORDIV: *out = floordiv_of(t, a, b); return true;
    case GP_OP_MOD: *out = mod_of(t, a, b); return true;
    case GP_OP_FMOD: *out = fmod_of(a, b); return true;
    case GP_OP_COPYSIGN: *out = copysign(a, b); return true;
    case GP_OP_NEXTAFTER:
        *out = f4 ? (double)nextafterf((float)a, (float)b) : nextafter(a, b);
        return true;
    case GP_OP_SPACING: {
        const double up = a < 0 ? -INFINITY : INFINITY;
        const double next = f4 ? (double)nextafterf((float)a, (float)up) : nextafter(a, up);
        *out = isfinite(a) ? next - a : NAN;
        return true;
    }
    case GP_OP_HEAVISIDE: *out = isnan(a) ? a : a == 0 ? b : a < 0 ? 0 : 1; return true;
    case GP_OP_MINIMUM: *out = isnan(a) || isnan(b) ? NAN : a < b ? a : b; return true;
    case GP_OP_MAXIMUM: *out = isnan(a) || isnan(b) ? NAN : a > b ? a : b; return true;
    case GP_OP_FMIN: *out = isnan(a) ? b : isnan(b) ? a : a < b ? a : b; return true;
    case GP_OP_FMAX: *out = isnan(a) ? b : isnan(b) ? a : a > b ? a : b; return true;
    case GP_OP_NEG: *out = -a; return true;
    case GP_OP_ABS: *out = fabs(a); return true;
    case GP_OP_SIGN: *out = isnan(a) ? a : (a > 0) - (a < 0); return true;
    case GP_OP_FLOOR: *out = floor(a); return true;
    case GP_OP_CEIL: *out = ceil(a); return true;
    case GP_OP_TRUNC: *out = trunc(a); return true;
    case GP_OP_RINT: *out = rint(a); return true;
    default: return false;
    }
}

static bool truth(gp_op op, double a, double b, bool *out)
{
    switch (op) {
    case GP_OP_EQ: *out = a == b; return true;
    case GP_OP_NE: *out = a != b; return true;
    case GP_OP_LT: *out = a < b; return true;
    case GP_OP_LE: *out = a <= b; return true;
    case GP_OP_GT: *out = a > b; return true;
    case GP_OP_GE: *out = a >= b; return true;
    case GP_OP_ISNAN: *out = isnan(a); return true;
    case GP_OP_ISINF: *out = isinf(a); return true;
    case GP_OP_ISFINITE: *out = isfinite(a); return true;
    case GP_OP_SIGNBIT: *out = signbit(a); return true;
    default: return false;
    }
}

static long double log_add(long double a, long double b, bool two)
{
    const long double one = two ? 1.0L : logl(2.0L);
    if (a == b) return a + one;
    const long double d = a - b, m = d > 0 ? a : b, less = d > 0 ? -d : d;
    if (isnan(d)) return d;
    return two ? m + log1pl(exp2l(less)) / logl(2.0L) : m + log1pl(expl(less));
}

static long double smooth(gp_op op, long double a, long double b)
{
    switch (op) {
    case GP_OP_POW: return powl(a, b);
    case GP_OP_ARCTAN2: return atan2l(a, b);
    case GP_OP_HYPOT: return hypotl(a, b);
    case GP_OP_LOGADDEXP: return log_add(a, b, false);
    case GP_OP_LOGADDEXP2: return log_add(a, b, true);
    case GP_OP_CBRT: return cbrtl(a);
    case GP_OP_EXP: return expl(a);
    case GP_OP_EXP2: return exp2l(a);
    case GP_OP_EXPM1: return expm1l(a);
    case GP_OP_LOG: return logl(a);
    case GP_OP_LOG2: return log2l(a);
    case GP_OP_LOG10: return log10l(a);
    case GP_OP_LOG1P: return log1pl(a);
    case GP_OP_SIN: return sinl(a);
    case GP_OP_COS: return cosl(a);
    case GP_OP_TAN: return tanl(a);
    case GP_OP_ARCSIN: return asinl(a);
    case GP_OP_ARCCOS: return acosl(a);
    case GP_OP_ARCTAN: return atanl(a);
    case GP_OP_SINH: return sinhl(a);
    case GP_OP_COSH: return coshl(a);
    case GP_OP_TANH: return tanhl(a);
    case GP_OP_ARCSINH: return asinhl(a);
    case GP_OP_ARCCOSH: return acoshl(a);
    case GP_OP_ARCTANH: return atanhl(a);
    case GP_OP_ERF: return erfl(a);
    default: return 12345.0L;
    }
}

static bool same_double(double x, double y)
{
    return isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof x) == 0;
}

/* Within `ulps` of the smooth operation's value. */
static bool near(gp_op op, gp_dtype t, double a, double b, double got, int ulps)
{
    const long double want = smooth(op, a, b);
    const double rounded = t == GPUPROC_FLOAT32 ? (double)(float)want : (double)want;
    if (isnan(rounded) || isnan(got)) return isnan(rounded) && isnan(got);
    if (rounded == got) return true;
    const int digits = t == GPUPROC_FLOAT32 ? 24 : 53, least = t == GPUPROC_FLOAT32 ? -149 : -1074;
    const double most = t == GPUPROC_FLOAT32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
    long double size = want, reached = got;
    /* Where two terms cancel, the error is measured by the terms. */
    if (op == GP_OP_LOGADDEXP || op == GP_OP_LOGADDEXP2)
        size = fmaxl(fabsl(size), fmaxl(fabsl((long double)a), fabsl((long double)b)));
    if (isinf(rounded) != isinf(got)) {
        if (fabsl(want) > 2.0L * (long double)most) return false;
        reached = isinf(got) ? copysignl(ldexpl(1.0L, t == GPUPROC_FLOAT32 ? 128 : 1024), reached)
                             : reached;
    }
    int exponent = size == 0 ? least : ilogbl(size) - digits + 1;
    if (exponent < least) exponent = least;
    return fabsl(reached - want) <= ldexpl((long double)ulps + 0.01L, exponent);
}

static bool cast_right(gp_dtype to_type, gpuproc_scalar a, gpuproc_scalar got)
{
    const bool from_float = is_float(a.dtype);
    if (is_float(to_type)) {
        const double want = from_float ? to(to_type, a.value.f)
                            : to_type == GPUPROC_FLOAT32 ? (double)(float)integer(a)
                                                         : (double)integer(a);
        return same_double(want, got.value.f);
    }
    if (to_type == GPUPROC_BOOL)
        return got.value.u == (from_float ? a.value.f != 0 : integer(a) != 0);
    if (!from_float) return integer(got) == wrapped(to_type, integer(a));
    const int bits = 8 * (int)gpuproc_dtype_bytes(to_type);
    const wide most = ((wide)1 << (is_signed(to_type) ? bits - 1 : bits)) - 1;
    const wide less = is_signed(to_type) ? -most - 1 : 0;
    if (isnan(a.value.f)) return integer(got) == 0;
    if (a.value.f >= 0x1p70) return integer(got) == most;
    if (a.value.f <= -0x1p70) return integer(got) == less;
    const wide x = (wide)a.value.f;
    return integer(got) == (x > most ? most : x < less ? less : x);
}

bool oracle_check(gp_op op, gp_dtype to_type, gpuproc_scalar a, gpuproc_scalar b,
                  gpuproc_scalar got, uint32_t *flags)
{
    const gp_op_info *info = gp_op_info_of(op);
    const gp_dtype t = a.dtype;
    if (to_type == GPUPROC_BOOL && got.value.u > 1) return false;
    if (t == GPUPROC_BOOL) a.value.u = a.value.u != 0;
    if (b.dtype == GPUPROC_BOOL) b.value.u = b.value.u != 0;
    if (op == GP_OP_CAST) return cast_right(to_type, a, got);
    if (!is_float(t))
        return integer(got) == wrapped(to_type, on_integers(op, t, integer(a), integer(b), flags));
    bool yes;
    if (truth(op, a.value.f, b.value.f, &yes)) return got.value.u == yes;
    double want;
    if (exact(op, t, a.value.f, b.value.f, &want)) return same_double(want, got.value.f);
    return near(op, t, a.value.f, b.value.f, got.value.f,
                t == GPUPROC_FLOAT32 ? info->cl_ulp_f32 : info->cl_ulp_f64);
}
