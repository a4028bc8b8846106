/* What times say: medians and their spread, the part that does not parallelise, sizes from which something pays. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* Seconds of one thing that was done `count` times. `spread` is half the width of the middle half over the
 * median: half of all times lie about within median * (1 - spread) and median * (1 + spread). */
typedef struct bench_summary {
    size_t count;
    double median, spread, least, most;
} bench_summary;

/* `seconds` is put into order. All zero where there are none. */
bench_summary bench_summarise(double *seconds, size_t count);

/* Times that were taken in several rounds, at most BENCH_ROUNDS, the k-th up to seconds[end[k]]. A machine is calm
 * or busy for minutes, which the times of one round do not show: the spread is half the range of the rounds' medians
 * over the median of all, where that is more. (Their middle half is too narrow for that: of two runs in a row many
 * rows would differ.) `scratch` is as long as `seconds`. */
#define BENCH_ROUNDS 16
bench_summary bench_summarise_rounds(const double *seconds, const size_t *end, size_t rounds, double *scratch);

/* How far apart two medians are beyond their noise. */
typedef enum bench_change { BENCH_SAME, BENCH_FASTER, BENCH_SLOWER } bench_change;

/* FASTER or SLOWER where the ranges old * (1 -+ spread) and now * (1 -+ spread) do not meet; spreads of less than
 * BENCH_LEAST_SPREAD count as that much, since no run is as calm as a lucky one looks. */
#define BENCH_LEAST_SPREAD 0.02
bench_change bench_compare_times(double old, double old_spread, double now, double now_spread);

/* Amdahl: T(p) = T(1) * (f + (1 - f) / p) for the times of p threads, f the part that does not parallelise, by
 * least squares of the relative errors, in 0..1. False without two different numbers of threads. */
typedef struct bench_amdahl {
    double serial; /* f */
    double single; /* the fitted T(1) */
    double most;   /* the speed-up that is left for any number of threads, 1 / f; INFINITY for f = 0 */
} bench_amdahl;
bool bench_fit_amdahl(const double *threads, const double *seconds, size_t count, bench_amdahl *fit);

/* Where two lines T = fixed + size * each cross, each through its times at two sizes. */
typedef enum bench_break {
    BENCH_NEVER,  /* the second is never the faster one */
    BENCH_ALWAYS, /* it is already at the smallest size */
    BENCH_FROM,   /* from *size on */
    BENCH_UP_TO,  /* up to *size, but not beyond */
} bench_break;
bench_break bench_break_even(const double size[2], const double first[2], const double second[2], double *at);

#endif
