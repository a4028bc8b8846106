/* Exponentials, logarithms, roots and the functions of angles of complex numbers, made of the real ones
 * so that neither an overflow on the way nor a cancellation near a branch point shows. */
#include "lang/complex_parts.h"

#include <math.h>

static bool single(const gp_zc *c) { return c->part == GPUPROC_FLOAT32; }
static int is(const gp_zc *c, gp_op op, int x, double value) { return gp_ris(c, op, x, gp_rc(c, value)); }
static int signed_as(const gp_zc *c, int size, int sign) { return gp_r2(c, GP_OP_COPYSIGN, size, sign); }
static int is_finite(const gp_zc *c, int x) { return gp_rtest(c, GP_OP_ISFINITE, x); }

/* i*z and -i*z */
static gp_z turned(const gp_zc *c, gp_z x) { return (gp_z){gp_rneg(c, x.im), x.re}; }
static gp_z turned_back(const gp_zc *c, gp_z x) { return (gp_z){x.im, gp_rneg(c, x.re)}; }

/* e to the power of (re, im): the size in two factors, so that it may be larger than a float. */
static gp_z exponential(const gp_zc *c, gp_z x)
{
    double part = single(c) ? 16 : 64, most = single(c) ? 88 : 709;
    int large = is(c, GP_OP_GT, x.re, most);
    int size = gp_r1(c, GP_OP_EXP, gp_rif(c, large, gp_rsub(c, x.re, gp_rc(c, part)), x.re));
    int factor = gp_rif(c, large, gp_rc(c, exp(part)), gp_rc(c, 1));
    int re = gp_rmul(c, gp_rmul(c, size, gp_r1(c, GP_OP_COS, x.im)), factor);
    int im = gp_rmul(c, gp_rmul(c, size, gp_r1(c, GP_OP_SIN, x.im)), factor);
    /* Real: exp(re) with the zero as it is. exp(-inf + im*i) is 0 for any im, exp(inf + NaN*i) is inf + NaN*i. */
    int real = is(c, GP_OP_EQ, x.im, 0), lost = gp_rnot(c, is_finite(c, x.im));
    int vanishes = gp_rand(c, is(c, GP_OP_EQ, x.re, -INFINITY), lost);
    int explodes = gp_rand(c, is(c, GP_OP_EQ, x.re, INFINITY), lost);
    re = gp_rif(c, vanishes, gp_rc(c, 0), gp_rif(c, explodes, gp_rc(c, INFINITY), re));
    im = gp_rif(c, vanishes, signed_as(c, gp_rc(c, 0), x.im), im);
    return (gp_z){gp_rif(c, real, gp_rmul(c, size, factor), re), gp_rif(c, real, x.im, im)};
}

/* log|z|: near |z| = 1 by log1p, without which all digits would cancel; halved where hypot overflows,
 * enlarged where it loses digits. */
static int log_size(const gp_zc *c, gp_z x)
{
    double huge = single(c) ? 0x1p126 : 0x1p1022, tiny = single(c) ? 0x1p-100 : 0x1p-960;
    int a = gp_rabs(c, x.re), b = gp_rabs(c, x.im);
    int large = gp_r2(c, GP_OP_MAXIMUM, a, b), small = gp_r2(c, GP_OP_MINIMUM, a, b), one = gp_rc(c, 1);
    int is_huge = is(c, GP_OP_GT, large, huge), is_tiny = is(c, GP_OP_LT, large, tiny);
    int factor = gp_rif(c, is_huge, gp_rc(c, 0x1p-2), gp_rif(c, is_tiny, gp_rc(c, 1 / tiny), one));
    int back = gp_rif(c, is_huge, gp_rc(c, 2 * M_LN2), gp_rif(c, is_tiny, gp_rc(c, log(tiny)), gp_rc(c, 0)));
    int size = gp_r2(c, GP_OP_HYPOT, gp_rmul(c, a, factor), gp_rmul(c, b, factor));
    int far = gp_radd(c, gp_r1(c, GP_OP_LOG, size), back);
    int excess = gp_radd(c, gp_rmul(c, gp_rsub(c, large, one), gp_radd(c, large, one)), gp_rmul(c, small, small));
    int near = gp_rscale(c, gp_r1(c, GP_OP_LOG1P, excess), 0.5);
    int is_near = gp_rand(c, is(c, GP_OP_GT, size, 0.5), is(c, GP_OP_LT, size, 1.7));
    is_near = gp_rand(c, is_near, gp_rand(c, gp_rnot(c, is_huge), gp_rnot(c, is_tiny)));
    return gp_rif(c, is_near, near, far);
}

static gp_z logarithm(const gp_zc *c, gp_z x) { return (gp_z){log_size(c, x), gp_r2(c, GP_OP_ARCTAN2, x.im, x.re)}; }

static gp_z scaled(const gp_zc *c, gp_z x, double by) { return (gp_z){gp_rscale(c, x.re, by), gp_rscale(c, x.im, by)}; }

static gp_z root(const gp_zc *c, gp_z x)
{
    double huge = single(c) ? 0x1p124 : 0x1p1020, tiny = single(c) ? 0x1p-100 : 0x1p-960;
    double up = single(c) ? 0x1p60 : 0x1p120;
    int large = gp_r2(c, GP_OP_MAXIMUM, gp_rabs(c, x.re), gp_rabs(c, x.im)); /* NaN where there is one */
    int is_huge = is(c, GP_OP_GT, large, huge), is_tiny = is(c, GP_OP_LT, large, tiny), one = gp_rc(c, 1);
    int factor = gp_rif(c, is_huge, gp_rc(c, 0x1p-4), gp_rif(c, is_tiny, gp_rc(c, up), one));
    int back = gp_rif(c, is_huge, gp_rc(c, 4), gp_rif(c, is_tiny, gp_rc(c, 1 / sqrt(up)), one));
    int re = gp_rmul(c, x.re, factor), im = gp_rmul(c, x.im, factor), zero = gp_rc(c, 0);
    int half = gp_rscale(c, gp_radd(c, gp_rabs(c, re), gp_r2(c, GP_OP_HYPOT, re, im)), 0.5);
    int t = gp_r1(c, GP_OP_SQRT, half);
    int other = gp_rdiv(c, gp_rabs(c, im), gp_rscale(c, t, 2));
    int negative = gp_rtest(c, GP_OP_SIGNBIT, x.re);
    gp_z result = {gp_rmul(c, gp_rif(c, negative, other, t), back),
                   signed_as(c, gp_rmul(c, gp_rif(c, negative, t, other), back), x.im)};
    /* NaN + NaN*i would have come of them */
    result.im = gp_rif(c, gp_rtest(c, GP_OP_ISNAN, x.im), x.im, result.im);
    int infinite_re = gp_rtest(c, GP_OP_ISINF, x.re), endless = gp_rc(c, INFINITY), lost = gp_rsub(c, x.im, x.im);
    gp_z of_infinite = {gp_rif(c, negative, gp_rabs(c, lost), endless),
                        gp_rif(c, negative, signed_as(c, endless, x.im), signed_as(c, gp_rabs(c, lost), x.im))};
    result = gp_zif(c, infinite_re, of_infinite, result);
    result = gp_zif(c, gp_rtest(c, GP_OP_ISINF, x.im), (gp_z){endless, x.im}, result);
    return gp_zif(c, is(c, GP_OP_EQ, large, 0), (gp_z){zero, x.im}, result);
}

/* x * y, where a factor of 0 gives 0 also with an infinite x. */
static int product(const gp_zc *c, int x, int y) { return gp_rif(c, is(c, GP_OP_EQ, y, 0), y, gp_rmul(c, x, y)); }

static int infinite(const gp_zc *c, int x) { return gp_rtest(c, GP_OP_ISINF, x); }
static int nan_of(const gp_zc *c, int x) { return gp_rtest(c, GP_OP_ISNAN, x); }

/* inf + NaN*i where the real part is infinite and the angle is none. */
static gp_z without_angle(const gp_zc *c, gp_z x, gp_z result)
{
    int none = gp_rand(c, infinite(c, x.re), gp_rnot(c, is_finite(c, x.im)));
    return gp_zif(c, none, (gp_z){gp_rc(c, INFINITY), gp_rc(c, NAN)}, result);
}

/* sinh(re) and cosh(re), each without *factor: together they may be larger than a float. */
static void hyperbolic(const gp_zc *c, int re, int *sinh, int *cosh, int *factor)
{
    double part = single(c) ? 16 : 64, most = single(c) ? 88 : 709;
    int size = gp_rabs(c, re), large = is(c, GP_OP_GT, size, most);
    int less = gp_r1(c, GP_OP_EXP, gp_rsub(c, size, gp_rc(c, part)));
    *sinh = gp_rif(c, large, signed_as(c, less, re), gp_r1(c, GP_OP_SINH, re));
    *cosh = gp_rif(c, large, less, gp_r1(c, GP_OP_COSH, re));
    *factor = gp_rif(c, large, gp_rc(c, exp(part) / 2), gp_rc(c, 1));
}

static gp_z sinus_h(const gp_zc *c, gp_z x)
{
    int s, h, factor, cosine = gp_r1(c, GP_OP_COS, x.im);
    hyperbolic(c, x.re, &s, &h, &factor);
    int re = gp_rmul(c, gp_rmul(c, s, cosine), factor), im = gp_rmul(c, product(c, h, gp_r1(c, GP_OP_SIN, x.im)), factor);
    int without = gp_rand(c, is(c, GP_OP_EQ, x.re, 0), gp_rnot(c, is_finite(c, x.im)));
    return without_angle(c, x, (gp_z){gp_rif(c, without, x.re, re), im});
}

static gp_z cosinus_h(const gp_zc *c, gp_z x)
{
    int s, h, factor, sine = gp_r1(c, GP_OP_SIN, x.im);
    hyperbolic(c, x.re, &s, &h, &factor);
    int one = gp_rc(c, 1), sign = gp_rif(c, nan_of(c, x.re), one, signed_as(c, one, x.re));
    int im = gp_rif(c, is(c, GP_OP_EQ, x.im, 0), gp_rmul(c, sign, x.im), gp_rmul(c, gp_rmul(c, s, sine), factor));
    int zero = gp_rif(c, is_finite(c, x.im), gp_rmul(c, x.re, signed_as(c, one, sine)), gp_rc(c, 0));
    im = gp_rif(c, is(c, GP_OP_EQ, x.re, 0), zero, im);
    return without_angle(c, x, (gp_z){gp_rmul(c, gp_rmul(c, h, gp_r1(c, GP_OP_COS, x.im)), factor), im});
}

static gp_z sinus(const gp_zc *c, gp_z x)
{
    gp_z result = turned_back(c, sinus_h(c, turned(c, x)));
    int none = gp_rand(c, infinite(c, x.im), gp_rnot(c, is_finite(c, x.re)));
    return (gp_z){result.re, gp_rif(c, none, gp_rc(c, INFINITY), result.im)};
}

/* Kahan's: with t = tan(im) and s = sinh(re); far out it is +-1. */
static gp_z tangent_h(const gp_zc *c, gp_z x)
{
    int one = gp_rc(c, 1), t = gp_r1(c, GP_OP_TAN, x.im), s = gp_r1(c, GP_OP_SINH, x.re);
    int beta = gp_radd(c, one, gp_rmul(c, t, t)), square = gp_rmul(c, s, s);
    int rho = gp_r1(c, GP_OP_SQRT, gp_radd(c, one, square));
    int below = gp_radd(c, one, gp_rmul(c, beta, square));
    gp_z result = {gp_rdiv(c, gp_rmul(c, gp_rmul(c, beta, rho), s), below), gp_rdiv(c, t, below)};
    int far = is(c, GP_OP_GT, gp_rabs(c, x.re), single(c) ? 11 : 22);
    int small = gp_rscale(c, gp_r1(c, GP_OP_EXP, gp_rscale(c, gp_rabs(c, x.re), -2)), 4);
    int angle = gp_rmul(c, gp_r1(c, GP_OP_SIN, x.im), gp_r1(c, GP_OP_COS, x.im));
    int zero = signed_as(c, gp_rc(c, 0), gp_rif(c, is_finite(c, x.im), angle, x.im));
    /* x + inf*i and x + NaN*i have no angle, of which an infinite x has no need. */
    int lost = gp_rsub(c, x.im, x.im), end = gp_rif(c, infinite(c, x.re), one, gp_radd(c, one, gp_rabs(c, lost)));
    gp_z at_end = {signed_as(c, end, x.re), gp_rif(c, infinite(c, x.re), zero, gp_rmul(c, small, angle))};
    result = gp_zif(c, far, at_end, result);
    return (gp_z){gp_rif(c, is(c, GP_OP_EQ, x.re, 0), x.re, result.re), gp_rif(c, is(c, GP_OP_EQ, x.im, 0), x.im, result.im)};
}

/* sqrt(1 - z) and sqrt(1 + z), the signs of zeros kept: what the inverse functions are made of (Kahan). */
static void roots(const gp_zc *c, gp_z x, gp_z *minus, gp_z *plus)
{
    int one = gp_rc(c, 1);
    *minus = root(c, (gp_z){gp_rsub(c, one, x.re), gp_rneg(c, x.im)});
    *plus = root(c, (gp_z){gp_radd(c, one, x.re), x.im});
}

/* The imaginary part of conj(x) * y, and its real part. */
static int cross(const gp_zc *c, gp_z x, gp_z y) { return gp_rsub(c, gp_rmul(c, x.re, y.im), gp_rmul(c, x.im, y.re)); }
static int dot(const gp_zc *c, gp_z x, gp_z y) { return gp_radd(c, gp_rmul(c, x.re, y.re), gp_rmul(c, x.im, y.im)); }

/* Far out, log(2|z|) and the angle are all that is left; roots might overflow there. */
static gp_z far_out(const gp_zc *c, gp_z x, gp_z there, gp_z result)
{
    int large = gp_r2(c, GP_OP_FMAX, gp_rabs(c, x.re), gp_rabs(c, x.im));
    return gp_zif(c, is(c, GP_OP_GT, large, single(c) ? 0x1p40 : 0x1p100), there, result);
}
static int log_twice(const gp_zc *c, gp_z x) { return gp_radd(c, log_size(c, x), gp_rc(c, M_LN2)); }

/* On the imaginary axis one part is known, even if x.im is NaN. */
static int on_axis(const gp_zc *c, gp_z x, int known, int part)
{
    return gp_rif(c, gp_rand(c, is(c, GP_OP_EQ, x.re, 0), nan_of(c, x.im)), known, part);
}

static gp_z arc_sinus(const gp_zc *c, gp_z x)
{
    gp_z minus, plus;
    roots(c, x, &minus, &plus);
    int re = gp_rsub(c, gp_rmul(c, minus.re, plus.re), gp_rmul(c, minus.im, plus.im));
    gp_z result = {gp_r2(c, GP_OP_ARCTAN2, x.re, re), gp_r1(c, GP_OP_ARCSINH, cross(c, minus, plus))};
    gp_z there = {gp_r2(c, GP_OP_ARCTAN2, x.re, gp_rabs(c, x.im)), signed_as(c, log_twice(c, x), x.im)};
    result = far_out(c, x, there, result);
    return (gp_z){on_axis(c, x, x.re, result.re), result.im};
}

static gp_z arc_cosinus(const gp_zc *c, gp_z x)
{
    gp_z minus, plus;
    roots(c, x, &minus, &plus);
    gp_z result = {gp_rscale(c, gp_r2(c, GP_OP_ARCTAN2, minus.re, plus.re), 2),
                   gp_r1(c, GP_OP_ARCSINH, cross(c, plus, minus))};
    gp_z there = {gp_r2(c, GP_OP_ARCTAN2, gp_rabs(c, x.im), x.re), gp_rneg(c, signed_as(c, log_twice(c, x), x.im))};
    result = far_out(c, x, there, result);
    return (gp_z){on_axis(c, x, gp_rc(c, M_PI_2), result.re), result.im};
}

static gp_z arc_cosinus_h(const gp_zc *c, gp_z x)
{
    gp_z minus = root(c, (gp_z){gp_rsub(c, x.re, gp_rc(c, 1)), x.im});
    gp_z plus = root(c, (gp_z){gp_radd(c, x.re, gp_rc(c, 1)), x.im});
    gp_z result = {gp_r1(c, GP_OP_ARCSINH, dot(c, minus, plus)),
                   gp_rscale(c, gp_r2(c, GP_OP_ARCTAN2, minus.im, plus.re), 2)};
    result = far_out(c, x, (gp_z){log_twice(c, x), gp_r2(c, GP_OP_ARCTAN2, x.im, x.re)}, result);
    return (gp_z){result.re, on_axis(c, x, gp_rc(c, M_PI_2), result.im)};
}

/* log1p(4 re / ((1 - re)^2 + im^2)) / 4, arctan2(2 im, (1 - re)(1 + re) - im^2) / 2; far out (0, +-pi/2) and
 * the reciprocal. */
static gp_z arc_tangent_h(const gp_zc *c, gp_z x)
{
    int one = gp_rc(c, 1), size = gp_rabs(c, x.re), less = gp_rsub(c, one, size), square = gp_rmul(c, x.im, x.im);
    int below = gp_radd(c, gp_rmul(c, less, less), square);
    int re = gp_rscale(c, gp_r1(c, GP_OP_LOG1P, gp_rdiv(c, gp_rscale(c, size, 4), below)), 0.25);
    /* Close to 1 the square of im may vanish. */
    int at_pole = gp_rand(c, is(c, GP_OP_EQ, less, 0), is(c, GP_OP_LT, gp_rabs(c, x.im), single(c) ? 0x1p-20 : 0x1p-40));
    re = gp_rif(c, at_pole, gp_rscale(c, gp_rsub(c, gp_rc(c, M_LN2), gp_r1(c, GP_OP_LOG, gp_rabs(c, x.im))), 0.5), re);
    int turn = gp_rsub(c, gp_rmul(c, less, gp_radd(c, one, size)), square);
    int im = gp_rscale(c, gp_r2(c, GP_OP_ARCTAN2, gp_rscale(c, x.im, 2), turn), 0.5);
    int large = gp_r2(c, GP_OP_FMAX, size, gp_rabs(c, x.im));
    int far = is(c, GP_OP_GT, large, single(c) ? 0x1p40 : 0x1p400);
    gp_z away = gp_zreciprocal(c, x);
    int finite_z = is_finite(c, large);
    gp_z at_end = {gp_rif(c, finite_z, away.re, gp_rc(c, 0)), signed_as(c, gp_rc(c, M_PI_2), x.im)};
    at_end.im = gp_rif(c, nan_of(c, x.im), x.im, at_end.im);
    at_end.im = gp_rif(c, gp_rand(c, nan_of(c, x.re), is_finite(c, x.im)), x.re, at_end.im);
    gp_z result = gp_zif(c, far, at_end, (gp_z){re, im});
    int size_re = gp_rif(c, is(c, GP_OP_EQ, x.re, 0), gp_rc(c, 0), gp_rabs(c, result.re));
    return (gp_z){signed_as(c, size_re, x.re), result.im};
}

static gp_z exponential_less_1(const gp_zc *c, gp_z x)
{
    int s = gp_r1(c, GP_OP_SIN, gp_rscale(c, x.im, 0.5));
    int re = gp_rmul(c, gp_r1(c, GP_OP_EXPM1, x.re), gp_r1(c, GP_OP_COS, x.im));
    return (gp_z){gp_rsub(c, re, gp_rscale(c, gp_rmul(c, s, s), 2)),
                  gp_rmul(c, gp_r1(c, GP_OP_EXP, x.re), gp_r1(c, GP_OP_SIN, x.im))};
}

static gp_z logarithm_of_1_more(const gp_zc *c, gp_z x)
{
    int more = gp_radd(c, x.re, gp_rc(c, 1));
    /* |1 + z|^2 - 1 = re (2 + re) + im^2 */
    int excess = gp_radd(c, gp_rmul(c, x.re, gp_radd(c, x.re, gp_rc(c, 2))), gp_rmul(c, x.im, x.im));
    int near = gp_rscale(c, gp_r1(c, GP_OP_LOG1P, excess), 0.5);
    int is_near = is(c, GP_OP_LT, gp_rabs(c, excess), 0.5);
    gp_z far = logarithm(c, (gp_z){more, x.im});
    return (gp_z){gp_rif(c, is_near, near, far.re), far.im};
}

bool gp_zfunction(const gp_zc *c, gp_op op, gp_z x, gp_z *r)
{
    switch (op) {
    case GP_OP_SQRT: *r = root(c, x); return true;
    case GP_OP_EXP: *r = exponential(c, x); return true;
    case GP_OP_EXP2: *r = exponential(c, scaled(c, x, M_LN2)); return true;
    case GP_OP_EXPM1: *r = exponential_less_1(c, x); return true;
    case GP_OP_LOG: *r = logarithm(c, x); return true;
    case GP_OP_LOG2: *r = scaled(c, logarithm(c, x), M_LOG2E); return true;
    case GP_OP_LOG10: *r = scaled(c, logarithm(c, x), M_LOG10E); return true;
    case GP_OP_LOG1P: *r = logarithm_of_1_more(c, x); return true;
    case GP_OP_SINH: *r = sinus_h(c, x); return true;
    case GP_OP_COSH: *r = cosinus_h(c, x); return true;
    case GP_OP_TANH: *r = tangent_h(c, x); return true;
    case GP_OP_SIN: *r = sinus(c, x); return true;
    case GP_OP_COS: *r = cosinus_h(c, turned(c, x)); return true;
    case GP_OP_TAN: *r = turned_back(c, tangent_h(c, turned(c, x))); return true;
    case GP_OP_ARCSIN: *r = arc_sinus(c, x); return true;
    case GP_OP_ARCCOS: *r = arc_cosinus(c, x); return true;
    case GP_OP_ARCCOSH: *r = arc_cosinus_h(c, x); return true;
    case GP_OP_ARCTANH: *r = arc_tangent_h(c, x); return true;
    case GP_OP_ARCSINH: *r = turned_back(c, arc_sinus(c, turned(c, x))); return true;
    case GP_OP_ARCTAN: *r = turned_back(c, arc_tangent_h(c, turned(c, x))); return true;
    case GP_OP_RINT: *r = (gp_z){gp_r1(c, op, x.re), gp_r1(c, op, x.im)}; return true;
    default: return false;
    }
}
