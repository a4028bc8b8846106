/* Sums of float64 with what their roundings lose kept in a second number. */
#ifndef GP_FOLD_DOUBLE_DOUBLE_H
#define GP_FOLD_DOUBLE_DOUBLE_H

#include "base/clones.h"

/* The rounding error of s = a + b, exactly. NaN where s is not finite. */
GP_INTO double gp_two_sum_error(double a, double b, double s)
{
    double part = s - a;
    return (a - (s - part)) + (b - part);
}

/* The rounding error of p = a * b (Dekker's halves: fma() is a slow call on the oldest processors; for
 * |a|, |b| < 2^996). */
GP_INTO double gp_two_product_error(double a, double b, double p)
{
    double ca = 134217729.0 * a, cb = 134217729.0 * b;
    double ah = ca - (ca - a), bh = cb - (cb - b);
    double al = a - ah, bl = b - bh;
    return al * bl - (((p - ah * bh) - al * bh) - ah * bl);
}

/* high + low, rounded once; the high word where it has overflowed or is no number, or -0.0. */
GP_INTO double gp_dd_round(double high, double low)
{
    double sum = high + low;
    return low == 0 || sum != sum ? high : sum;
}

#endif
