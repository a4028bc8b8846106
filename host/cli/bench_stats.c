#include "bench_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the two nearest, as NumPy's quantile does. */
static double quantile(const double *ordered, size_t count, double q)
{
    double at = q * (double)(count - 1);
    size_t i = (size_t)at;
    if (i + 1 >= count) return ordered[count - 1];
    return ordered[i] + (at - (double)i) * (ordered[i + 1] - ordered[i]);
}

bench_summary bench_summarise(double *seconds, size_t count)
{
    bench_summary s = {.count = count};
    if (count == 0) return s;
    qsort(seconds, count, sizeof *seconds, ascending);
    s.median = quantile(seconds, count, 0.5);
    s.least = seconds[0];
    s.most = seconds[count - 1];
    /* Few have no middle half to speak of: then all of them. */
    double low = count < 4 ? s.least : quantile(seconds, count, 0.25);
    double high = count < 4 ? s.most : quantile(seconds, count, 0.75);
    if (s.median > 0) s.spread = (high - low) / 2 / s.median;
    return s;
}

/* Half the width that the rounds' medians (in order) take. Of five and more the one that is farthest out is left out,
 * as a moment in which somebody else was busy; two or three say little of how far apart others would be. */
static double between_rounds(const double *median, size_t count, double middle)
{
    size_t first = 0, last = count - 1;
    if (count >= 5 && middle - median[first] > median[last] - middle) first++;
    else if (count >= 5) last--;
    double few = count == 2 ? 3 : count == 3 ? 1.5 : 1;
    return few * (median[last] - median[first]) / 2;
}

bench_summary bench_summarise_rounds(const double *seconds, const size_t *end, size_t rounds, double *scratch)
{
    double median[BENCH_ROUNDS];
    size_t medians = 0, begin = 0;
    for (size_t k = 0; k < rounds; begin = end[k++]) {
        if (end[k] == begin) continue;
        memcpy(scratch, seconds + begin, (end[k] - begin) * sizeof *scratch);
        median[medians++] = bench_summarise(scratch, end[k] - begin).median;
    }
    if (begin > 0) memcpy(scratch, seconds, begin * sizeof *scratch);
    bench_summary s = bench_summarise(scratch, begin), between = bench_summarise(median, medians);
    if (s.median > 0 && medians > 0) s.spread = fmax(s.spread, between_rounds(median, medians, between.median) / s.median);
    return s;
}

bench_change bench_compare_times(double old, double old_spread, double now, double now_spread)
{
    double a = fmax(old_spread, BENCH_LEAST_SPREAD), b = fmax(now_spread, BENCH_LEAST_SPREAD);
    if (now * (1 + b) < old * (1 - a)) return BENCH_FASTER;
    if (now * (1 - b) > old * (1 + a)) return BENCH_SLOWER;
    return BENCH_SAME;
}

/* T(p) = u + v / p with u = T1 f and v = T1 (1 - f): linear in u and v. Each time has the weight 1 / T^2. */
bool bench_fit_amdahl(const double *threads, const double *seconds, size_t count, bench_amdahl *fit)
{
    double w = 0, wx = 0, wxx = 0, wy = 0, wxy = 0, wyy = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(threads[i] >= 1) || !(seconds[i] > 0)) return false;
        double weight = 1 / (seconds[i] * seconds[i]), x = 1 / threads[i], y = seconds[i];
        w += weight;
        wx += weight * x;
        wxx += weight * x * x;
        wy += weight * y;
        wxy += weight * x * y;
        wyy += weight * y * y;
    }
    double d = w * wxx - wx * wx;
    if (count < 2 || !(d > 1e-12 * w * wxx)) return false;
    double u = (wxx * wy - wx * wxy) / d, v = (w * wxy - wx * wy) / d;
    /* Outside of 0..1 the best fit is at the border. */
    if (v < 0) {
        v = 0;
        u = wy / w;
    } else if (u < 0) {
        u = 0;
        v = wxy / wxx;
    }
    fit->single = u + v;
    fit->serial = u / (u + v);
    fit->most = u > 0 ? (u + v) / u : INFINITY;
    return true;
}

bench_break bench_break_even(const double size[2], const double first[2], const double second[2], double *at)
{
    double before = second[0] - first[0], after = second[1] - first[1];
    double slope = (after - before) / (size[1] - size[0]);
    *at = slope != 0 ? size[0] - before / slope : 0;
    if (before <= 0) {
        if (slope <= 0) return BENCH_ALWAYS;
        return BENCH_UP_TO;
    }
    return slope < 0 ? BENCH_FROM : BENCH_NEVER;
}
