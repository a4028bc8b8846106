/* SUM, MOMENTS, MIN and MAX of a block of float32 in two turns instead of five.
 *
 * Where the plain sum of the block proves exact (see cpu_reduce_sum.c), it is the exact sum and
 * also what the lanes of MOMENTS come to, whatever the order. Every other block goes
 * through the loops one by one. */
#include "device/cpu/isa/cpu_reduce.h"

#include <math.h>

#define STEP 64

typedef struct first_turn {
    double sum, least, most;
    bool exact; /* no NaN, not only zeros, and nothing was rounded */
} first_turn;

/* n is a multiple of STEP; `wide` receives the elements. */
static inline first_turn sum_and_extremes(const float *v, double *wide, size_t n)
{
    vf least[2], most[2], smallest[2];
    vd plain[4];
    vf_flags bad = {0};
    for (int k = 0; k < 2; k++) {
        least[k] = smallest[k] = vf_splat(INFINITY);
        most[k] = vf_splat(-INFINITY);
    }
    for (int k = 0; k < 4; k++) plain[k] = vd_splat(0);
    for (size_t i = 0; i < n; i += STEP) {
        for (int j = 0; j < STEP / VF; j += 2) {
            vf x[2];
            for (int k = 0; k < 2; k++) {
                x[k] = vf_load(v + i + (j + k) * VF);
                vfi magnitude = (vfi)x[k] & INT32_MAX;
                smallest[k] = vf_min((vf)(magnitude - 1), smallest[k]);
                least[k] = vf_min(x[k], least[k]);
                most[k] = vf_max(x[k], most[k]);
            }
            bad |= vf_unordered(x[0], x[1]);
        }
        for (int j = 0; j < STEP / VD; j++) {
            vd x = vd_widen(v + i + j * VD);
            plain[j % 4] += x;
            vd_store(wide + i + j * VD, x);
        }
    }
    first_turn turn = {
        .sum = vd_sum_lanes((plain[0] + plain[1]) + (plain[2] + plain[3])),
        .least = vf_min_lanes(vf_min(least[1], least[0])),
        .most = vf_max_lanes(vf_max(most[1], most[0])),
    };
    double largest = fmax(fabs(turn.least), fabs(turn.most));
    int unit = exponent_of(vf_min_lanes(vf_min(smallest[1], smallest[0]))) - 23;
    if (unit < -149) unit = -149;
    turn.exact = !vf_any(bad) && largest > 0 && isfinite(largest) &&
                 exponent_of(largest) + 11 - unit <= 53;
    return turn;
}

/* The second turn of MOMENTS, as its definition has it. n is a multiple of GP_LANES. */
static inline gp_partial_moments moments_about(const double *v, size_t n, double m)
{
    enum { VECTORS = VD >= 8 ? 4 : 2, GROUP = VECTORS * VD };
    double d_lane[GP_LANES], q_lane[GP_LANES];
    for (size_t g = 0; g < GP_LANES; g += GROUP) {
        vd d[VECTORS], q[VECTORS];
        for (size_t k = 0; k < VECTORS; k++) d[k] = q[k] = vd_splat(0);
        for (size_t i = g; i < n; i += GP_LANES) {
            for (size_t k = 0; k < VECTORS; k++) {
                vd distance = vd_load(v + i + k * VD) - m;
                d[k] += distance;
                q[k] += distance * distance;
            }
        }
        for (size_t k = 0; k < VECTORS; k++) {
            vd_store(d_lane + g + k * VD, d[k]);
            vd_store(q_lane + g + k * VD, q[k]);
        }
    }
    double d = halve_sums(d_lane), q = halve_sums(q_lane), shift = d / (double)n;
    return (gp_partial_moments){.mean = m, .low = shift, .m2 = q - d * shift};
}

void cpu_summary_f4(gp_exact *sum, gp_partial_moments *moments, gp_partial_extreme *min,
                    gp_partial_extreme *max, const void *v, size_t n, uint64_t first)
{
    double wide[GP_BLOCK];
    first_turn turn = {0};
    if (n % STEP == 0 && n > 0) turn = sum_and_extremes(v, wide, n);
    if (!turn.exact) {
        if (sum != NULL) cpu_sum_f4(sum, v, n, first);
        if (moments != NULL) cpu_moments_f4(moments, v, n, first);
        if (min != NULL) cpu_min_f4(min, v, n, first);
        if (max != NULL) cpu_max_f4(max, v, n, first);
        return;
    }
    if (sum != NULL) gp_exact_add(sum, turn.sum);
    if (moments != NULL) *moments = moments_about(wide, n, turn.sum / (double)n);
    if (min != NULL) cpu_settle_extreme(min, turn.least, v, n, first, false, false);
    if (max != NULL) cpu_settle_extreme(max, turn.most, v, n, first, false, true);
}
