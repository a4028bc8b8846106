/* Exact sums of blocks of floats at the speed of plain ones.
 *
 * A few float64 numbers are found whose sum is exactly the block's, and only those go to
 * the wide accumulator. Let 2^top <= max|x| < 2^(top+1), and let every element be a
 * multiple of 2^unit. Adding up to 1024 elements in float64 loses nothing while
 * (top + 11) - unit <= 53. That holds for most float32 data as it is. Where it does not,
 * each element is split: adding it to a large number of the form 1.5 * 2^k rounds it to
 * a multiple of a power of two (its high part, summed in that very number); what was
 * rounded away is found without error and summed by itself, or split again.
 *
 * Every path gives the exact sum, so all instruction sets agree. */
#include "device/cpu/isa/cpu_reduce.h"

#include <math.h>

#define STEP 64 /* elements per turn of a loop; n is padded with zeros to a multiple */

/* 2^e for a normal result. */
static double power_of_two(int e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- float64 ---- */

typedef struct range {
    double largest;  /* max |x|; NaNs are passed over */
    double smallest; /* at most min |x| over x != 0, and at least its half; infinity where there is none */
} range;

static inline void range_step(vd x, vd *largest, vd *smallest)
{
    vdi magnitude = (vdi)x & INT64_MAX;
    *largest = vd_max((vd)magnitude, *largest);
    /* One less makes a NaN of zero, which min passes over. */
    *smallest = vd_min((vd)(magnitude - 1), *smallest);
}

static range range_of(const double *v, size_t n)
{
    vd largest[4], smallest[4];
    for (int k = 0; k < 4; k++) {
        largest[k] = vd_splat(0);
        smallest[k] = vd_splat((double)INFINITY);
    }
    for (size_t i = 0; i < n; i += STEP) {
        for (int j = 0; j < STEP / VD; j++)
            range_step(vd_load(v + i + j * VD), &largest[j % 4], &smallest[j % 4]);
    }
    for (int k = 1; k < 4; k++) {
        largest[0] = vd_max(largest[k], largest[0]);
        smallest[0] = vd_min(smallest[k], smallest[0]);
    }
    return (range){.largest = vd_max_lanes(largest[0]), .smallest = vd_min_lanes(smallest[0])};
}

/* Splits every element into a multiple of 2^(top - 41) and the rest, of which the sums are
 * *high (exact) and *low (exact where the rest's range allows). rest may be NULL. */
static inline __attribute__((always_inline)) void split_sum(const float *narrow, const double *v,
                                                            double *rest, size_t n, int top,
                                                            double *high, double *low)
{
    double large = 1.5 * power_of_two(top + 11);
    vd h[4], l[4];
    for (int k = 0; k < 4; k++) {
        h[k] = vd_splat(large);
        l[k] = vd_splat(0);
    }
    for (size_t i = 0; i < n; i += STEP) {
        for (int j = 0; j < STEP / VD; j++) {
            size_t at = i + (size_t)j * VD;
            vd x = narrow != NULL ? vd_widen(narrow + at) : vd_load(v + at);
            vd sum = h[j % 4] + x;
            vd remainder = x - (sum - h[j % 4]);
            h[j % 4] = sum;
            l[j % 4] += remainder;
            if (rest != NULL) vd_store(rest + at, remainder);
        }
    }
    vd highs = vd_splat(0), lows = vd_splat(0);
    for (int k = 0; k < 4; k++) {
        highs += h[k] - large;
        lows += l[k];
    }
    *high = vd_sum_lanes(highs);
    *low = vd_sum_lanes(lows);
}

static void add_each(gp_exact *sum, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) gp_exact_add(sum, v[i]);
}

/* For a block without a number other than zero: NaNs, or zeros, where only the signs matter. */
static void add_zeros(gp_exact *sum, const double *v, size_t n)
{
    uint64_t any = 0, all = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, v + i, sizeof bits);
        any |= bits;
        all &= bits;
    }
    if (any << 1 != 0)
        add_each(sum, v, n);
    else
        sum->flags |= (all >> 63) != 0 ? GP_EXACT_SEEN : GP_EXACT_SEEN | GP_EXACT_NOT_NEGZERO;
}

/* n is a multiple of STEP; all elements are known to be multiples of 2^unit. */
static void add_doubles(gp_exact *sum, const double *v, size_t n, int unit)
{
    double rest[GP_BLOCK];
    for (int round = 0; round < 8; round++) {
        range r = range_of(v, n);
        if (r.largest == 0) {
            if (round == 0) add_zeros(sum, v, n);
            return;
        }
        int top = exponent_of(r.largest), least = exponent_of(r.smallest) - 52;
        if (top > 1011) break; /* the large number would overflow; infinities too */
        if (unit < least) unit = least;

        double high, low;
        bool complete = top - 32 - unit <= 53; /* the rest's sum is exact */
        if (complete)
            split_sum(NULL, v, NULL, n, top, &high, &low);
        else
            split_sum(NULL, v, rest, n, top, &high, &low);
        if (isnan(high)) break;
        gp_exact_add(sum, high);
        if (complete) {
            gp_exact_add(sum, low);
            return;
        }
        v = rest;
    }
    add_each(sum, v, n);
}

void cpu_sum_f8(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    if (n == 0) return;
    if (n % STEP == 0) {
        add_doubles(partial, v, n, -1074);
        return;
    }
    double padded[GP_BLOCK];
    memcpy(padded, v, n * sizeof *padded);
    while (n % STEP != 0) padded[n++] = -0.0; /* the only number that never shows in a sum */
    add_doubles(partial, padded, n, -1074);
}

/* ---- float32 ---- */

static void add_widened(gp_exact *sum, const float *v, size_t n, int unit)
{
    double wide[GP_BLOCK];
    for (size_t i = 0; i < n; i += VD) vd_store(wide + i, vd_widen(v + i));
    add_doubles(sum, wide, n, unit);
}

/* The same as for float64, with the plain sum made in the same turn as the range, in the hope
 * that it will prove exact. n is a multiple of STEP. */
static void add_floats(gp_exact *sum, const float *v, size_t n)
{
    vf largest[2], smallest[2];
    vd plain[4];
    for (int k = 0; k < 2; k++) {
        largest[k] = vf_splat(0);
        smallest[k] = vf_splat(INFINITY);
    }
    for (int k = 0; k < 4; k++) plain[k] = vd_splat(0);
    for (size_t i = 0; i < n; i += STEP) {
        for (int j = 0; j < STEP / VF; j++) {
            vfi magnitude = (vfi)vf_load(v + i + j * VF) & INT32_MAX;
            largest[j % 2] = vf_max((vf)magnitude, largest[j % 2]);
            smallest[j % 2] = vf_min((vf)(magnitude - 1), smallest[j % 2]);
        }
        for (int j = 0; j < STEP / VD; j++) plain[j % 4] += vd_widen(v + i + j * VD);
    }
    double most = vf_max_lanes(vf_max(largest[1], largest[0]));
    double least = vf_min_lanes(vf_min(smallest[1], smallest[0]));
    double high = vd_sum_lanes((plain[0] + plain[1]) + (plain[2] + plain[3])), low = 0;

    if (most == 0 || isinf(most) || isnan(high)) {
        add_widened(sum, v, n, -149);
        return;
    }
    /* A subnormal float32 is an ordinary float64, but its unit is that of the smallest normal one. */
    int top = exponent_of(most), unit = exponent_of(least) - 23;
    if (unit < -149) unit = -149;
    if (top + 11 - unit > 53) {
        if (top - 32 - unit > 53) {
            add_widened(sum, v, n, unit);
            return;
        }
        split_sum(v, NULL, NULL, n, top, &high, &low);
        gp_exact_add(sum, low);
    }
    gp_exact_add(sum, high);
}

/* Several blocks at once, the same as one after the other. Lines of all of them are read in turn: that many
 * pages keep memory busier than one does, and their ends are taken together. Exact where no element needs
 * more digits than the block with the most has; else it is left to the blocks. */
void cpu_sum_many_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    enum { NEAR = 256, SIDE = GP_MANY_BLOCKS, PER_LINE = 64 / sizeof(float), BITS = 12 };
    _Static_assert(SIDE * GP_BLOCK == 1 << BITS, "the logarithm of their number");
    const float *x = v;
    vf largest[SIDE], smallest[SIDE];
    vd plain[SIDE];
    for (int k = 0; k < SIDE; k++) {
        largest[k] = vf_splat(0);
        smallest[k] = vf_splat(INFINITY);
        plain[k] = vd_splat(0);
    }
    for (size_t i = 0; i < GP_BLOCK; i += PER_LINE) {
        for (int k = 0; k < SIDE; k++) {
            const float *line = x + k * GP_BLOCK + i;
            __builtin_prefetch(line + NEAR, 0, 3);
            __builtin_prefetch(line + SIDE * GP_BLOCK, 0, 2);
            for (int j = 0; j < PER_LINE; j += VF) {
                vfi magnitude = (vfi)vf_load(line + j) & INT32_MAX;
                largest[k] = vf_max((vf)magnitude, largest[k]);
                smallest[k] = vf_min((vf)(magnitude - 1), smallest[k]);
            }
            for (int j = 0; j < PER_LINE; j += VD) plain[k] += vd_widen(line + j);
        }
    }
    for (int k = 1; k < SIDE; k++) {
        largest[0] = vf_max(largest[k], largest[0]);
        smallest[0] = vf_min(smallest[k], smallest[0]);
    }
    double most = vf_max_lanes(largest[0]), sum = vd_sum_lanes((plain[0] + plain[1]) + (plain[2] + plain[3]));
    int top = exponent_of(most), unit = exponent_of(vf_min_lanes(smallest[0])) - 23;
    if (unit < -149) unit = -149;
    if (most != 0 && !isinf(most) && !isnan(sum) && top + BITS + 1 - unit <= 53) {
        gp_exact_add(partial, sum);
        return;
    }
    for (size_t i = 0; i < n; i += GP_BLOCK) cpu_sum_f4(partial, x + i, GP_BLOCK, first + i);
}

void cpu_sum_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    if (n == 0) return;
    if (n % STEP == 0) {
        add_floats(partial, v, n);
        return;
    }
    float padded[GP_BLOCK];
    memcpy(padded, v, n * sizeof *padded);
    while (n % STEP != 0) padded[n++] = -0.0f;
    add_floats(partial, padded, n);
}
