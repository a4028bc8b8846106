/* What gpuproc bench makes of its times. */
#include "cli/bench_stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void near(double got, double want) { assert_true(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))); }

static void test_median_and_spread(void **state)
{
    (void)state;
    double none[1], one[] = {3}, three[] = {5, 1, 3}, odd[] = {9, 1, 5, 3, 7}, even[] = {4, 1, 2, 3};
    bench_summary s = bench_summarise(none, 0);
    assert_int_equal(s.count, 0);
    near(s.median, 0);
    s = bench_summarise(one, 1);
    near(s.median, 3);
    near(s.spread, 0);
    s = bench_summarise(three, 3); /* too few for a middle half: all of them */
    near(s.median, 3);
    near(s.spread, (5 - 1) / 2.0 / 3);
    s = bench_summarise(odd, 5); /* quartiles 3 and 7 */
    near(s.median, 5);
    near(s.spread, (7 - 3) / 2.0 / 5);
    near(s.least, 1);
    near(s.most, 9);
    s = bench_summarise(even, 4); /* quartiles 1.75 and 3.25 */
    near(s.median, 2.5);
    near(s.spread, 1.5 / 2 / 2.5);
}

static void test_one_spike_changes_little(void **state)
{
    (void)state;
    double v[] = {1.00, 1.01, 0.99, 1.02, 0.98, 1.00, 50};
    bench_summary s = bench_summarise(v, 7);
    near(s.median, 1.0);
    assert_true(s.spread < 0.02);
    near(s.most, 50);
}

/* Each round is calm, but they are not alike. */
static void test_spread_between_rounds(void **state)
{
    (void)state;
    const double v[] = {1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    double scratch[15];
    size_t ends[] = {5, 10, 15};
    bench_summary s = bench_summarise_rounds(v, ends, 3, scratch);
    near(s.median, 2);
    near(s.spread, 1.5 * 0.25); /* three rounds only */
    assert_int_equal(s.count, 15);
    s = bench_summarise_rounds(v, ends, 1, scratch);
    near(s.median, 1);
    near(s.spread, 0);
    s = bench_summarise_rounds(v, ends, 0, scratch);
    assert_int_equal(s.count, 0);
    size_t with_empty[] = {5, 5, 10};
    s = bench_summarise_rounds(v, with_empty, 3, scratch);
    near(s.median, 1.5);
    near(s.spread, 3 * 1 / 2.0 / 1.5);
    assert_true(v[0] == 1 && v[14] == 2);
    /* A round in which somebody else was busy, among five, is no spread. */
    const double w[] = {1, 1.1, 50, 0.9, 1};
    size_t each[] = {1, 2, 3, 4, 5};
    s = bench_summarise_rounds(w, each, 5, scratch);
    near(s.median, 1);
    near(s.spread, 0.1);
    const double low[] = {1, 1.1, 0.2, 0.9, 1};
    near(bench_summarise_rounds(low, each, 5, scratch).spread, 0.1);
    near(bench_summarise_rounds(w, each, 4, scratch).spread, (50 - 0.9) / 2 / 1.05); /* of four each counts */
}

/* From -1 to 1, the same ones each time. */
static double noise(uint32_t *seed)
{
    double sum = 0; /* of several, as noise has many causes */
    for (int i = 0; i < 4; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        sum += (double)(*seed >> 8) / 8388608.0 - 1;
    }
    return sum / 4;
}

static bench_summary a_run(uint32_t *seed, size_t rounds)
{
    double v[5 * BENCH_ROUNDS], scratch[5 * BENCH_ROUNDS];
    size_t end[BENCH_ROUNDS];
    for (size_t k = 0, n = 0; k < rounds; end[k++] = n) {
        double moment = 1 + 0.1 * noise(seed);
        for (int i = 0; i < 5; i++) v[n++] = moment * (1 + 0.02 * noise(seed));
    }
    return bench_summarise_rounds(v, end, rounds, scratch);
}

/* Two runs of the same thing, whose rounds differ more than the times of one: hardly any is a change. */
static void test_two_runs_in_a_row(void **state)
{
    (void)state;
    uint32_t seed = 5;
    const int runs = 2000;
    for (size_t rounds = 2; rounds <= BENCH_ROUNDS; rounds++) {
        int changes = 0;
        for (int i = 0; i < runs; i++) {
            bench_summary a = a_run(&seed, rounds), b = a_run(&seed, rounds);
            changes += bench_compare_times(a.median, a.spread, b.median, b.spread) != BENCH_SAME;
        }
        if (changes > runs * 4 / 100) fail_msg("%zu rounds: %d of %d runs are a change", rounds, changes, runs);
    }
}

static void test_change_beyond_noise(void **state)
{
    (void)state;
    assert_int_equal(bench_compare_times(1, 0.05, 1.1, 0.05), BENCH_SAME);   /* 1.05 and 1.045 meet */
    assert_int_equal(bench_compare_times(1, 0.05, 1.12, 0.05), BENCH_SLOWER);
    assert_int_equal(bench_compare_times(1.12, 0.05, 1, 0.05), BENCH_FASTER);
    assert_int_equal(bench_compare_times(1, 0, 1.03, 0), BENCH_SAME);        /* no run is that calm */
    assert_int_equal(bench_compare_times(1, 0, 1.05, 0), BENCH_SLOWER);
    assert_int_equal(bench_compare_times(1, 1.5, 100, 0.01), BENCH_SLOWER);
    assert_int_equal(bench_compare_times(1, 1.5, 2.4, 0.01), BENCH_SAME);
    assert_int_equal(bench_compare_times(1, 0.01, 0.2, 3), BENCH_FASTER);  /* however wide: 0.8 at most */
    assert_int_equal(bench_compare_times(1, 0.01, 0.5, 3), BENCH_SAME);
}

static void test_amdahl(void **state)
{
    (void)state;
    const double threads[] = {1, 2, 4, 8, 16};
    double seconds[5];
    bench_amdahl fit;
    for (int part = 0; part <= 10; part++) {
        double f = part / 10.0;
        for (int i = 0; i < 5; i++) seconds[i] = 3 * (f + (1 - f) / threads[i]);
        for (size_t count = 2; count <= 5; count++) {
            assert_true(bench_fit_amdahl(threads, seconds, count, &fit));
            near(fit.serial, f);
            near(fit.single, 3);
            if (f > 0) near(fit.most, 1 / f);
        }
    }
    for (int i = 0; i < 5; i++) seconds[i] = 1 / threads[i];
    assert_true(bench_fit_amdahl(threads, seconds, 5, &fit));
    assert_true(fit.serial < 1e-9 && fit.most > 1e8);
}

static void test_amdahl_stays_within_its_law(void **state)
{
    (void)state;
    bench_amdahl fit;
    const double threads[] = {1, 2, 4};
    assert_true(bench_fit_amdahl(threads, (const double[]){1, 1.3, 1.6}, 3, &fit)); /* slower with more */
    near(fit.serial, 1);
    near(fit.most, 1);
    assert_true(bench_fit_amdahl(threads, (const double[]){1, 0.4, 0.15}, 3, &fit)); /* better than threads */
    near(fit.serial, 0);
    assert_true(isinf(fit.most));
    assert_false(bench_fit_amdahl(threads, (const double[]){1}, 1, &fit));
    assert_false(bench_fit_amdahl((const double[]){2, 2}, (const double[]){1, 1}, 2, &fit));
    assert_false(bench_fit_amdahl(threads, (const double[]){1, 0, 1}, 3, &fit));
    assert_false(bench_fit_amdahl((const double[]){0, 1}, (const double[]){1, 1}, 2, &fit));
}

static void test_break_even(void **state)
{
    (void)state;
    const double size[] = {100, 1100};
    double at;
    /* 1 + n / 100 against 6 + n / 1000: they cross at n = 5000 / 9. */
    assert_int_equal(bench_break_even(size, (const double[]){2, 12}, (const double[]){6.1, 7.1}, &at), BENCH_FROM);
    near(at, 5000 / 9.0);
    assert_int_equal(bench_break_even(size, (const double[]){6.1, 7.1}, (const double[]){2, 12}, &at), BENCH_UP_TO);
    near(at, 5000 / 9.0);
    assert_int_equal(bench_break_even(size, (const double[]){1, 2}, (const double[]){2, 4}, &at), BENCH_NEVER);
    assert_int_equal(bench_break_even(size, (const double[]){1, 2}, (const double[]){2, 3}, &at), BENCH_NEVER);
    assert_int_equal(bench_break_even(size, (const double[]){2, 4}, (const double[]){1, 2}, &at), BENCH_ALWAYS);
    /* Beyond both sizes: where the lines go on to. */
    assert_int_equal(bench_break_even(size, (const double[]){1, 2}, (const double[]){3, 3.5}, &at), BENCH_FROM);
    near(at, 4100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_median_and_spread),
        cmocka_unit_test(test_one_spike_changes_little),
        cmocka_unit_test(test_spread_between_rounds),
        cmocka_unit_test(test_two_runs_in_a_row),
        cmocka_unit_test(test_change_beyond_noise),
        cmocka_unit_test(test_amdahl),
        cmocka_unit_test(test_amdahl_stays_within_its_law),
        cmocka_unit_test(test_break_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
