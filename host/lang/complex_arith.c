/* Arithmetic and comparisons of complex numbers, by NumPy's formulas. */
#include "lang/complex_parts.h"

#include <math.h>

gp_z gp_zadd(const gp_zc *c, gp_z x, gp_z y) { return (gp_z){gp_radd(c, x.re, y.re), gp_radd(c, x.im, y.im)}; }
gp_z gp_zsub(const gp_zc *c, gp_z x, gp_z y) { return (gp_z){gp_rsub(c, x.re, y.re), gp_rsub(c, x.im, y.im)}; }

gp_z gp_zmul(const gp_zc *c, gp_z x, gp_z y)
{
    return (gp_z){gp_rsub(c, gp_rmul(c, x.re, y.re), gp_rmul(c, x.im, y.im)),
                  gp_radd(c, gp_rmul(c, x.re, y.im), gp_rmul(c, x.im, y.re))};
}

/* Smith's algorithm. By 0+0j: each part by 0. */
gp_z gp_zdiv(const gp_zc *c, gp_z x, gp_z y)
{
    int size_re = gp_rabs(c, y.re), size_im = gp_rabs(c, y.im), zero = gp_rc(c, 0);
    int wide = gp_ris(c, GP_OP_GE, size_re, size_im);
    int large = gp_rif(c, wide, y.re, y.im), small = gp_rif(c, wide, y.im, y.re);
    int ratio = gp_rdiv(c, small, large);
    int scale = gp_rdiv(c, gp_rc(c, 1), gp_radd(c, large, gp_rmul(c, small, ratio)));
    /* Where wide: (re + im*ratio, im - re*ratio), else (re*ratio + im, im*ratio - re). */
    int re = gp_radd(c, gp_rif(c, wide, x.re, x.im), gp_rmul(c, gp_rif(c, wide, x.im, x.re), ratio));
    int im_wide = gp_rsub(c, x.im, gp_rmul(c, x.re, ratio));
    int im_high = gp_rsub(c, gp_rmul(c, x.im, ratio), x.re);
    gp_z result = {gp_rmul(c, re, scale), gp_rmul(c, gp_rif(c, wide, im_wide, im_high), scale)};
    int by_zero = gp_rand(c, gp_ris(c, GP_OP_EQ, size_re, zero), gp_ris(c, GP_OP_EQ, size_im, zero));
    return gp_zif(c, by_zero, (gp_z){gp_rdiv(c, x.re, size_re), gp_rdiv(c, x.im, size_re)}, result);
}

gp_z gp_zreciprocal(const gp_zc *c, gp_z x)
{
    int wide = gp_ris(c, GP_OP_LE, gp_rabs(c, x.im), gp_rabs(c, x.re)), one = gp_rc(c, 1);
    int large = gp_rif(c, wide, x.re, x.im), small = gp_rif(c, wide, x.im, x.re);
    int ratio = gp_rdiv(c, small, large);
    int scale = gp_radd(c, large, gp_rmul(c, small, ratio));
    return (gp_z){gp_rdiv(c, gp_rif(c, wide, one, ratio), scale),
                  gp_rdiv(c, gp_rneg(c, gp_rif(c, wide, ratio, one)), scale)};
}

/* z / |z|; 0 of 0, and for one infinite part that part's direction. */
gp_z gp_zsign(const gp_zc *c, gp_z x)
{
    int size = gp_r2(c, GP_OP_HYPOT, x.re, x.im), zero = gp_rc(c, 0);
    gp_z unit = {gp_rdiv(c, x.re, size), gp_rdiv(c, x.im, size)};
    int infinite_re = gp_rtest(c, GP_OP_ISINF, x.re), infinite_im = gp_rtest(c, GP_OP_ISINF, x.im);
    gp_z direction = {gp_rif(c, infinite_re, gp_r2(c, GP_OP_COPYSIGN, gp_rc(c, 1), x.re), zero),
                      gp_rif(c, infinite_im, gp_r2(c, GP_OP_COPYSIGN, gp_rc(c, 1), x.im), zero)};
    unit = gp_zif(c, gp_ris(c, GP_OP_BITXOR, infinite_re, infinite_im), direction, unit);
    return gp_zif(c, gp_ris(c, GP_OP_EQ, size, zero), (gp_z){zero, zero}, unit);
}

/* Integer powers below this go by squaring. */
#define WHOLE_POWERS 100

/* An integer power, 0 < |n| < WHOLE_POWERS. From 4 on, and below 0, one is multiplied first: infinite parts become NaN. */
static gp_z whole_power(const gp_zc *c, gp_z x, int n)
{
    int zero = gp_rc(c, 0), nan = gp_rc(c, __builtin_nan(""));
    gp_z one = {gp_rc(c, 1), zero}, result = one, square = x;
    if (n == 1) return x;
    if (n == 2 || n == 3) {
        square = gp_zmul(c, x, x);
        return n == 2 ? square : gp_zmul(c, x, square);
    }
    for (int rest = n < 0 ? -n : n; rest > 0; rest >>= 1) {
        if (rest & 1) result = gp_zmul(c, result, square);
        if (rest > 1) square = gp_zmul(c, square, square);
    }
    if (n > 0) return result;
    int of_zero = gp_rand(c, gp_ris(c, GP_OP_EQ, x.re, zero), gp_ris(c, GP_OP_EQ, x.im, zero));
    return gp_zif(c, of_zero, (gp_z){nan, nan}, gp_zdiv(c, one, result));
}

/* The same where the powers, whole numbers of that size or 0, are elements. What a power does not need is a product of
 * ones, so that nothing overflows for nothing. */
static gp_z whole_powers(const gp_zc *c, gp_z x, int n)
{
    int zero = gp_rc(c, 0), half = gp_rc(c, 0.5), rest = gp_rabs(c, n);
    gp_z one = {gp_rc(c, 1), zero}, result = one, square = x, second = one;
    for (int power = 1; power < WHOLE_POWERS; power *= 2) {
        int halved = gp_r1(c, GP_OP_FLOOR, gp_rmul(c, rest, half)), more = gp_ris(c, GP_OP_GT, halved, zero);
        int odd = gp_ris(c, GP_OP_NE, gp_radd(c, halved, halved), rest);
        result = gp_zif(c, odd, gp_zmul(c, result, gp_zif(c, odd, square, one)), result);
        if (2 * power >= WHOLE_POWERS) break;
        square = gp_zif(c, more, square, one);
        square = gp_zmul(c, square, square);
        if (power == 1) second = square;
        rest = halved;
    }
    int is_third = gp_ris(c, GP_OP_EQ, n, gp_rc(c, 3));
    gp_z third = gp_zmul(c, gp_zif(c, is_third, x, one), gp_zif(c, is_third, second, one));
    result = gp_zif(c, is_third, third, result);
    result = gp_zif(c, gp_ris(c, GP_OP_EQ, n, gp_rc(c, 2)), second, result);
    result = gp_zif(c, gp_ris(c, GP_OP_EQ, n, gp_rc(c, 1)), x, result);
    int below = gp_ris(c, GP_OP_LT, n, zero);
    return gp_zif(c, below, gp_zdiv(c, one, gp_zif(c, below, result, one)), result);
}

/* A number with an infinite part, as its direction; of others, what is not lost. */
static gp_z direction_of(const gp_zc *c, gp_z x, int infinite)
{
    int zero = gp_rc(c, 0), one = gp_rc(c, 1), part[2] = {x.re, x.im};
    for (int k = 0; k < 2; k++) {
        int unit = gp_rif(c, gp_rtest(c, GP_OP_ISINF, part[k]), one, zero);
        int goes = gp_ror(c, infinite, gp_rtest(c, GP_OP_ISNAN, part[k]));
        part[k] = gp_rif(c, goes, gp_r2(c, GP_OP_COPYSIGN, unit, part[k]), part[k]);
    }
    return (gp_z){part[0], part[1]};
}

static int has_infinity(const gp_zc *c, gp_z x)
{
    return gp_ror(c, gp_rtest(c, GP_OP_ISINF, x.re), gp_rtest(c, GP_OP_ISINF, x.im));
}

/* The product of C's annex G, in which infinity times NaN need not be lost. */
static gp_z product_with_infinities(const gp_zc *c, gp_z x, gp_z y)
{
    gp_z plain = gp_zmul(c, x, y);
    int infinite_x = has_infinity(c, x), infinite_y = has_infinity(c, y);
    int lost = gp_rand(c, gp_rtest(c, GP_OP_ISNAN, plain.re), gp_rtest(c, GP_OP_ISNAN, plain.im));
    int endless = gp_rif(c, lost, gp_rc(c, INFINITY), gp_rc(c, 1)); /* 0 times infinity would be told of */
    gp_z far = gp_zmul(c, direction_of(c, x, infinite_x), direction_of(c, y, infinite_y));
    far = (gp_z){gp_rmul(c, far.re, endless), gp_rmul(c, far.im, endless)};
    return gp_zif(c, gp_rand(c, lost, gp_ror(c, infinite_x, infinite_y)), far, plain);
}

gp_z gp_zpower(const gp_zc *c, gp_z x, gp_z y)
{
    double re, im;
    gp_z log, result;
    int zero = gp_rc(c, 0), one = gp_rc(c, 1), nan = gp_rc(c, __builtin_nan(""));
    bool is_const = gp_build_is_const(c->b, y.re, &re) && gp_build_is_const(c->b, y.im, &im);
    if (is_const && im == 0) {
        if (re == 0.5 && gp_zfunction(c, GP_OP_SQRT, x, &result)) return result;
        if (re == -1) return gp_zreciprocal(c, x);
        if (re == 0) { /* in the shape of x */
            int same = gp_ris(c, GP_OP_EQ, gp_rmul(c, x.re, zero), nan);
            return (gp_z){gp_rif(c, same, one, one), gp_rif(c, same, zero, zero)};
        }
        if (re > -WHOLE_POWERS && re < WHOLE_POWERS && re == (double)(int)re) return whole_power(c, x, (int)re);
    }
    gp_zfunction(c, GP_OP_LOG, x, &log);
    gp_zfunction(c, GP_OP_EXP, product_with_infinities(c, y, log), &result);
    /* 0 ** y is 0 where the real part of y is positive, else NaN; x ** 0 is 1. */
    int real = gp_ris(c, GP_OP_EQ, y.im, zero);
    if (!is_const) {
        int whole = gp_rand(c, real, gp_ris(c, GP_OP_LT, gp_rabs(c, y.re), gp_rc(c, WHOLE_POWERS)));
        whole = gp_rand(c, whole, gp_ris(c, GP_OP_EQ, gp_r1(c, GP_OP_FLOOR, y.re), y.re));
        result = gp_zif(c, whole, whole_powers(c, x, gp_rif(c, whole, y.re, zero)), result);
    }
    int of_zero = gp_rand(c, gp_ris(c, GP_OP_EQ, x.re, zero), gp_ris(c, GP_OP_EQ, x.im, zero));
    int zero_or_nan = gp_rif(c, gp_ris(c, GP_OP_GT, y.re, zero), zero, nan);
    result = gp_zif(c, of_zero, (gp_z){zero_or_nan, zero_or_nan}, result);
    return gp_zif(c, gp_rand(c, real, gp_ris(c, GP_OP_EQ, y.re, zero)), (gp_z){one, zero}, result);
}

/* By the real parts, then by the imaginary ones; NaN anywhere is false but for !=. */
int gp_zcompare(const gp_zc *c, gp_op op, gp_z x, gp_z y)
{
    int im = gp_ris(c, op, x.im, y.im);
    if (op == GP_OP_EQ) return gp_rand(c, gp_ris(c, op, x.re, y.re), im);
    if (op == GP_OP_NE) return gp_ror(c, gp_ris(c, op, x.re, y.re), im);
    gp_op strict = op == GP_OP_LE ? GP_OP_LT : op == GP_OP_GE ? GP_OP_GT : op;
    int ordered = gp_rnot(c, gp_ror(c, gp_rtest(c, GP_OP_ISNAN, x.im), gp_rtest(c, GP_OP_ISNAN, y.im)));
    return gp_ror(c, gp_rand(c, gp_ris(c, strict, x.re, y.re), ordered),
                  gp_rand(c, gp_ris(c, GP_OP_EQ, x.re, y.re), im));
}

static int is_nan(const gp_zc *c, gp_z x)
{
    return gp_ror(c, gp_rtest(c, GP_OP_ISNAN, x.re), gp_rtest(c, GP_OP_ISNAN, x.im));
}

gp_z gp_zextreme(const gp_zc *c, gp_op op, gp_z x, gp_z y)
{
    bool most = op == GP_OP_MAXIMUM || op == GP_OP_FMAX, nan_loses = op == GP_OP_FMAX || op == GP_OP_FMIN;
    int first = gp_zcompare(c, most ? GP_OP_GE : GP_OP_LE, x, y);
    return gp_zif(c, gp_ror(c, first, is_nan(c, nan_loses ? y : x)), x, y);
}
