/* Sums of floats without any rounding: one wide fixed-point number. */
#include "emit/reduce.h"

#include <math.h>
#include <string.h>

#define SIGN_BIT (UINT64_C(1) << 63)
#define LIMB_MASK INT64_C(0xffffffff)

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void gp_exact_init(gp_exact *sum) { *sum = (gp_exact){0}; }

void gp_exact_normalise(gp_exact *sum)
{
    int64_t carry = 0;
    for (int i = 0; i < GP_EXACT_LIMBS - 1; i++) {
        int64_t limb = sum->limb[i] + carry;
        sum->limb[i] = limb & LIMB_MASK;
        carry = limb >> 32;
    }
    sum->limb[GP_EXACT_LIMBS - 1] += carry;
    sum->adds = 0;
}

void gp_exact_add(gp_exact *sum, double x)
{
    uint64_t bits = bits_of(x);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    unsigned exponent = (unsigned)(bits >> 52) & 0x7ff;

    sum->flags |= bits == SIGN_BIT ? GP_EXACT_SEEN : GP_EXACT_SEEN | GP_EXACT_NOT_NEGZERO;
    if (exponent == 0x7ff) {
        sum->flags |= mantissa != 0         ? GP_EXACT_NAN
                      : (bits & SIGN_BIT) != 0 ? GP_EXACT_NINF
                                               : GP_EXACT_PINF;
        return;
    }
    if (exponent != 0)
        mantissa |= UINT64_C(1) << 52;
    else
        exponent = 1;

    /* The unit of the mantissa is 2^(exponent - 1075). */
    unsigned position = exponent - 1075 + GP_EXACT_BIAS;
    unsigned __int128 wide = (unsigned __int128)mantissa << (position & 31);
    int64_t *limb = &sum->limb[position >> 5];
    int64_t negative = -(int64_t)(bits >> 63); /* 0 or -1 */
    limb[0] += ((int64_t)((uint64_t)wide & 0xffffffff) ^ negative) - negative;
    limb[1] += (((int64_t)((uint64_t)wide >> 32)) ^ negative) - negative;
    limb[2] += ((int64_t)(uint64_t)(wide >> 64) ^ negative) - negative;
    if (++sum->adds >= (UINT32_C(1) << 30) - 1) gp_exact_normalise(sum);
}

void gp_exact_merge(gp_exact *sum, const gp_exact *other)
{
    /* Merging is rare beside adding, so both sides are always brought down first. */
    gp_exact copy = *other;
    gp_exact_normalise(&copy);
    gp_exact_normalise(sum);
    for (int i = 0; i < GP_EXACT_LIMBS; i++) sum->limb[i] += copy.limb[i];
    sum->flags |= copy.flags;
    sum->adds = 1;
}

/* The bits [low, low + 32) of a normalised, non-negative value. */
static uint64_t bits_at(const gp_exact *sum, int low)
{
    int i = low >> 5, shift = low & 31;
    uint64_t pair = (uint64_t)sum->limb[i];
    if (i + 1 < GP_EXACT_LIMBS) pair |= (uint64_t)sum->limb[i + 1] << 32;
    return (pair >> shift) & 0xffffffff;
}

/* Is any bit below position `end` set? */
static bool any_below(const gp_exact *sum, int end)
{
    for (int i = 0; i < end >> 5; i++) {
        if (sum->limb[i] != 0) return true;
    }
    return (end & 31) != 0 && (sum->limb[end >> 5] & ((INT64_C(1) << (end & 31)) - 1)) != 0;
}

/* sum * 2^-scale, to nearest even with `digits` bits and no bit below 2^lowest; the
 * caller takes care of overflow. Special values come out as they are. */
static double rounded(const gp_exact *sum, int digits, int lowest, int scale)
{
    if ((sum->flags & GP_EXACT_NAN) != 0 ||
        ((sum->flags & GP_EXACT_PINF) != 0 && (sum->flags & GP_EXACT_NINF) != 0))
        return (double)NAN;
    if ((sum->flags & GP_EXACT_PINF) != 0) return (double)INFINITY;
    if ((sum->flags & GP_EXACT_NINF) != 0) return -(double)INFINITY;

    gp_exact magnitude = *sum;
    gp_exact_normalise(&magnitude);
    bool negative = magnitude.limb[GP_EXACT_LIMBS - 1] < 0;
    if (negative) {
        for (int i = 0; i < GP_EXACT_LIMBS; i++) magnitude.limb[i] = -magnitude.limb[i];
        gp_exact_normalise(&magnitude);
    }
    int top = GP_EXACT_LIMBS - 1;
    while (top >= 0 && magnitude.limb[top] == 0) top--;
    if (top < 0)
        return (sum->flags & (GP_EXACT_SEEN | GP_EXACT_NOT_NEGZERO)) == GP_EXACT_SEEN ? -0.0 : 0.0;

    int high = 32 * top + 63 - __builtin_clzll((uint64_t)magnitude.limb[top]);
    int low = high - digits + 1;
    if (low < lowest + GP_EXACT_BIAS) low = lowest + GP_EXACT_BIAS;
    uint64_t mantissa = bits_at(&magnitude, low);
    if (digits > 32 && low + 32 < 32 * GP_EXACT_LIMBS) mantissa |= bits_at(&magnitude, low + 32) << 32;
    bool half = (bits_at(&magnitude, low - 1) & 1) != 0;
    if (half && ((mantissa & 1) != 0 || any_below(&magnitude, low - 1))) mantissa++;
    double value = ldexp((double)mantissa, low - GP_EXACT_BIAS - scale);
    return negative ? -value : value;
}

double gp_exact_round(const gp_exact *sum) { return rounded(sum, 53, -1074, 0); }

float gp_exact_round_f32(const gp_exact *sum) { return (float)rounded(sum, 24, -149, 0); }

double gp_exact_mean(const gp_exact *sum, uint64_t n)
{
    if (n == 0) return (double)NAN;
    double value = gp_exact_round(sum);
    bool infinite = (sum->flags & (GP_EXACT_NAN | GP_EXACT_PINF | GP_EXACT_NINF)) != 0;
    if (!isinf(value) || infinite) return value / (double)n;
    /* The sum is beyond float64, the mean is not: divide 64 binary orders further down. */
    return ldexp(rounded(sum, 53, -1074, 64) / (double)n, 64);
}
