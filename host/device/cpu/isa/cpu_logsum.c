/* logaddexp and logaddexp2: max + log(1 + exp(min - max)), which cannot overflow.
 *
 * float32 is computed in float64. In float64 some elements lose too many bits (see odd());
 * they are computed again in long double. */
#include "device/cpu/isa/isa.h"
#include "device/cpu/isa/sleef_vec.h"

enum { W = sizeof(gp_v8) / sizeof(double) };

/* v[i] = log1p(exp(v[i])) or log1p(exp2(v[i])); v has room for W more. */
static void log1p_exp(double *v, size_t n, int base2)
{
    for (size_t i = 0; i < W; i++) v[n + i] = 0;
    for (size_t i = 0; i < n; i += W) {
        gp_v8 x;
        memcpy(&x, v + i, sizeof x);
        x = base2 ? SLEEF_F8(exp2, u10)(x) : SLEEF_F8(exp, u10)(x);
        x = SLEEF_F8(log1p, u10)(x);
        memcpy(v + i, &x, sizeof x);
    }
}

#define LOG2E 1.44269504088896340735992468100189214

/* The distance to the larger operand: not inf - inf for equal infinities, and NaN for NaN. */
static inline double below(double x, double y) { return x == y ? 0 : -__builtin_fabs(x - y); }
static inline double larger(double x, double y) { return x > y ? x : y; }

/* True where r = high + sum lost bits: the two cancel, or the rounding of x - y,
 * which exp makes |x - y| times as large, shows in the result. */
static inline int odd(double x, double y, double high, double sum, double r)
{
    double size = __builtin_fabs(r);
    return (size < 0.5 * __builtin_fabs(high)) | (sum * __builtin_fabs(x - y) > size);
}

static double slow_e(double x, double y)
{
    long double high = x > y ? x : y, low = x > y ? y : x;
    return (double)(high + log1pl(expl(low - high)));
}
static double slow_2(double x, double y)
{
    long double high = x > y ? x : y, low = x > y ? y : x;
    return (double)(high + log1pl(exp2l(low - high)) * 1.44269504088896340735992468100189214L);
}

#define LOGSUM(OP, base2, factor, slow)                                         \
    uint32_t GP_FN(OP, FLOAT32)(GP_LOOP_ARGS)                                   \
    {                                                                           \
        (void)pc;                                                               \
        double v[GP_BLOCK + W];                                                 \
        float *d = dst;                                                         \
        const float *a = pa, *b = pb;                                           \
        for (size_t i = 0; i < n; i++) v[i] = below((double)a[i], (double)b[i]); \
        log1p_exp(v, n, base2);                                                 \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            d[i] = (float)(larger((double)a[i], (double)b[i]) + v[i] * (factor)); \
        }                                                                       \
        return 0;                                                               \
    }                                                                           \
    uint32_t GP_FN(OP, FLOAT64)(GP_LOOP_ARGS)                                   \
    {                                                                           \
        (void)pc;                                                               \
        double v[GP_BLOCK + W], *d = dst;                                       \
        const double *a = pa, *b = pb;                                          \
        for (size_t i = 0; i < n; i++) v[i] = below(a[i], b[i]);                \
        log1p_exp(v, n, base2);                                                 \
        for (size_t i = 0; i < n; i++) {                                        \
            double x = a[i], y = b[i], high = larger(x, y);                     \
            double sum = v[i] * (factor), r = high + sum;                       \
            d[i] = odd(x, y, high, sum, r) ? slow(x, y) : r;                    \
        }                                                                       \
        return 0;                                                               \
    }
LOGSUM(LOGADDEXP, 0, 1, slow_e)
LOGSUM(LOGADDEXP2, 1, LOG2E, slow_2)
