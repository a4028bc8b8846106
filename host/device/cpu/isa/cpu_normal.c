/* NORMAL: the quantile of the standard normal distribution, by the rational approximations of
 * algorithm AS 241 (Wichura, 1988; PPND16), their logarithm made here. Only + - * / and sqrt, each
 * rounded by itself, in an order that kernels/special.cl keeps, too: the same bits everywhere. */
#include "device/cpu/isa/isa.h"

/* The 53 bits k that the quantile is of, less 2^52 - 1/2: (p - 1/2) * 2^53, exactly. */
static inline double centred(uint64_t x)
{
    const uint64_t k = x >> 11, low = k & ((UINT64_C(1) << 52) - 1);
    const double whole = from_bits_f8(UINT64_C(0x4330000000000000) | low); /* 2^52 + low */
    return (whole - (k >> 52 != 0 ? 0x1p52 : 0x1p53)) + 0.5;
}

#define CENTRE (0.425 * 0x1p53)

/* |p - 1/2| <= 0.425. */
static inline double central(double c)
{
    const double q = c * 0x1p-53, r = 0.180625 - q * q;
    double a = 2509.0809287301226727, b = 5226.495278852854561;
    a = a * r + 33430.575583588128105;
    a = a * r + 67265.770927008700853;
    a = a * r + 45921.953931549871457;
    a = a * r + 13731.693765509461125;
    a = a * r + 1971.5909503065514427;
    a = a * r + 133.14166789178437745;
    a = a * r + 3.387132872796366608;
    b = b * r + 28729.085735721942674;
    b = b * r + 39307.89580009271061;
    b = b * r + 21213.794301586595867;
    b = b * r + 5394.1960214247511077;
    b = b * r + 687.1870074920579083;
    b = b * r + 42.313330701600911252;
    b = b * r + 1.0;
    return q * a / b;
}

/* sqrt(-log(p)) of the nearer tail's p = t * 2^-53, 1/2 <= t < 2^52. */
static inline double tail_root(double t)
{
    /* t = f * 2^e with f near 1: between sqrt(1/2) and sqrt(2). */
    const uint64_t bits = bits_f8(t), from = UINT64_C(0x3fe6a09e667f3bcd);
    const uint64_t e = (bits - from + (UINT64_C(1024) << 52)) >> 52; /* + 1024 */
    const double f = from_bits_f8(bits - (e << 52) + (UINT64_C(1024) << 52));
    const double up = 0x1p52 + (53 + 1024) - from_bits_f8(UINT64_C(0x4330000000000000) | e);
    const double s = (f - 1.0) / (f + 1.0), z = s * s;
    double w = 1.0 / 21;
    w = w * z + 1.0 / 19;
    w = w * z + 1.0 / 17;
    w = w * z + 1.0 / 15;
    w = w * z + 1.0 / 13;
    w = w * z + 1.0 / 11;
    w = w * z + 1.0 / 9;
    w = w * z + 1.0 / 7;
    w = w * z + 1.0 / 5;
    w = w * z + 1.0 / 3;
    const double log_f = 2.0 * s + 2.0 * (s * z * w);
    /* log(2) in two parts, of which the first times a small integer is exact. */
    return __builtin_sqrt(up * 0x1.62e42feep-1 + (up * 0x1.a39ef35793c76p-33 - log_f));
}

static inline double near_tail(double root)
{
    const double r = root - 1.6;
    double a = 7.7454501427834140764e-4, b = 1.05075007164441684324e-9;
    a = a * r + 0.0227238449892691845833;
    a = a * r + 0.24178072517745061177;
    a = a * r + 1.27045825245236838258;
    a = a * r + 3.64784832476320460504;
    a = a * r + 5.7694972214606914055;
    a = a * r + 4.6303378461565452959;
    a = a * r + 1.42343711074968357734;
    b = b * r + 5.475938084995344946e-4;
    b = b * r + 0.0151986665636164571966;
    b = b * r + 0.14810397642748007459;
    b = b * r + 0.68976733498510000455;
    b = b * r + 1.6763848301838038494;
    b = b * r + 2.05319162663775882187;
    b = b * r + 1.0;
    return a / b;
}

static inline double far_tail(double root)
{
    const double r = root - 5.0;
    double a = 2.01033439929228813265e-7, b = 2.04426310338993978564e-15;
    a = a * r + 2.71155556874348757815e-5;
    a = a * r + 0.0012426609473880784386;
    a = a * r + 0.026532189526576123093;
    a = a * r + 0.29656057182850489123;
    a = a * r + 1.7848265399172913358;
    a = a * r + 5.4637849111641143699;
    a = a * r + 6.6579046435011037772;
    b = b * r + 1.4215117583164458887e-7;
    b = b * r + 1.8463183175100546818e-5;
    b = b * r + 7.868691311456132591e-4;
    b = b * r + 0.0148753612908506148525;
    b = b * r + 0.13692988092273580531;
    b = b * r + 0.59983220655588793769;
    b = b * r + 1.0;
    return a / b;
}

/* Most elements are central; the others are gathered, so that both go in vectors. */
uint32_t GP_FN(NORMAL, UINT64)(GP_LOOP_ARGS)
{
    (void)pb, (void)pc;
    double at[GP_BLOCK], root[GP_BLOCK], *d = dst;
    uint16_t where[GP_BLOCK];
    const uint64_t *a = pa;
    size_t tails = 0;
    for (size_t i = 0; i < n; i++) {
        const double c = centred(a[i]);
        where[tails] = (uint16_t)i;
        at[tails] = c;
        tails += __builtin_fabs(c) > CENTRE;
    }
    GP_IVDEP for (size_t i = 0; i < n; i++) { d[i] = central(centred(a[i])); }
    GP_IVDEP for (size_t k = 0; k < tails; k++) { root[k] = tail_root(0x1p52 - __builtin_fabs(at[k])); }
    GP_IVDEP for (size_t k = 0; k < tails; k++)
    {
        const double near = near_tail(root[k]);
        at[k] = __builtin_copysign(near, at[k]);
    }
    for (size_t k = 0; k < tails; k++) {
        if (root[k] > 5.0) at[k] = __builtin_copysign(far_tail(root[k]), at[k]);
        d[where[k]] = at[k];
    }
    return 0;
}
