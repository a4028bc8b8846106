/* Exact sums against goldens made with Python's fractions (golden/make_sums.py), and
 * against 128-bit integers. */
#include "emit/reduce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void assert_same_bits(double found, double expected, const char *what)
{
    if (memcmp(&found, &expected, sizeof found) != 0)
        fail_msg("%s: expected %a, found %a", what, expected, found);
}

static void goldens(void **unused)
{
    (void)unused;
    const char *folder = getenv("GPUPROC_TEST_SOURCE");
    assert_non_null(folder);
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/sums.txt", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t room = 0;
    int lines = 0;
    while (getline(&line, &room, file) > 0) {
        char name[64], dtype[8], sum[64], mean[64];
        int used = 0;
        assert_int_equal(sscanf(line, "%63s %7s %63s %63s : %n", name, dtype, sum, mean, &used), 4);
        assert_true(used > 0);
        bool narrow = strcmp(dtype, "f4") == 0;
        gp_exact forward, backward;
        gp_exact_init(&forward);
        gp_exact_init(&backward);
        uint64_t n = 0;
        double element[1024];
        for (char *at = line + used, *end; n < 1024; at = end) {
            element[n] = strtod(at, &end);
            if (end == at) break;
            n++;
        }
        for (uint64_t i = 0; i < n; i++) {
            gp_exact_add(&forward, element[i]);
            gp_exact_add(&backward, element[n - 1 - i]);
        }
        double expected = strtod(sum, NULL);
        if (narrow) {
            assert_same_bits((double)gp_exact_round_f32(&forward), expected, name);
            assert_same_bits((double)gp_exact_round_f32(&backward), expected, name);
            assert_same_bits((double)(float)gp_exact_mean(&forward, n), strtod(mean, NULL), name);
        } else {
            assert_same_bits(gp_exact_round(&forward), expected, name);
            assert_same_bits(gp_exact_round(&backward), expected, name);
            assert_same_bits(gp_exact_mean(&forward, n), strtod(mean, NULL), name);
        }
        lines++;
    }
    free(line);
    fclose(file);
    assert_true(lines >= 40);
}

/* Integers times 2^shift have an exact sum in 128 bits, of which the compiler's cast rounds. */
static void integers(void **unused)
{
    (void)unused;
    uint64_t state = 12345;
    for (int shift = -1000; shift <= 800; shift += 150) {
        for (int trial = 0; trial < 20; trial++) {
            gp_exact sum;
            gp_exact_init(&sum);
            __int128 oracle = 0;
            int n = 1 + (int)(next_random(&state) % 200);
            for (int i = 0; i < n; i++) {
                int64_t x = (int64_t)(next_random(&state) >> 11) - (INT64_C(1) << 52);
                int up = (int)(next_random(&state) % 60);
                oracle += (__int128)x * ((__int128)1 << up);
                gp_exact_add(&sum, ldexp((double)x, up + shift));
            }
            assert_same_bits(gp_exact_round(&sum), ldexp((double)oracle, shift), "integers");
        }
    }
}

static void any_grouping(void **unused)
{
    (void)unused;
    enum { N = 300 };
    uint64_t state = 99;
    double x[N];
    for (int i = 0; i < N; i++) {
        uint64_t bits = next_random(&state);
        memcpy(&x[i], &bits, sizeof bits);
        if (!isfinite(x[i])) x[i] = 1;
    }
    gp_exact all;
    gp_exact_init(&all);
    for (int i = 0; i < N; i++) gp_exact_add(&all, x[i]);
    double expected = gp_exact_round(&all);
    for (int parts = 1; parts <= 7; parts++) {
        gp_exact part[7], total;
        for (int p = 0; p < parts; p++) gp_exact_init(&part[p]);
        for (int i = 0; i < N; i++) gp_exact_add(&part[next_random(&state) % (unsigned)parts], x[i]);
        gp_exact_init(&total);
        for (int p = parts - 1; p >= 0; p--) gp_exact_merge(&total, &part[p]);
        assert_same_bits(gp_exact_round(&total), expected, "grouping");
        gp_exact_normalise(&total);
        for (int i = 0; i < GP_EXACT_LIMBS - 1; i++)
            assert_true(total.limb[i] >= 0 && total.limb[i] <= INT64_C(0xffffffff));
        assert_same_bits(gp_exact_round(&total), expected, "normalised");
    }
}

static double sum_of(const double *x, int n)
{
    gp_exact sum;
    gp_exact_init(&sum);
    for (int i = 0; i < n; i++) gp_exact_add(&sum, x[i]);
    return gp_exact_round(&sum);
}

static void special_values(void **unused)
{
    (void)unused;
    assert_same_bits(sum_of(NULL, 0), 0.0, "empty");
    assert_same_bits(sum_of((double[]){-0.0, -0.0}, 2), -0.0, "-0 -0");
    assert_same_bits(sum_of((double[]){-0.0, 0.0}, 2), 0.0, "-0 +0");
    assert_same_bits(sum_of((double[]){1, -1}, 2), 0.0, "1 -1");
    assert_same_bits(sum_of((double[]){-0.0, 1, -1}, 3), 0.0, "-0 1 -1");
    assert_same_bits(sum_of((double[]){INFINITY, 1}, 2), INFINITY, "inf");
    assert_same_bits(sum_of((double[]){-INFINITY, DBL_MAX}, 2), -INFINITY, "-inf");
    assert_true(isnan(sum_of((double[]){INFINITY, -INFINITY}, 2)));
    assert_true(isnan(sum_of((double[]){(double)NAN, INFINITY}, 2)));

    gp_exact sum, other;
    gp_exact_init(&sum);
    gp_exact_init(&other);
    gp_exact_add(&other, -0.0);
    gp_exact_merge(&sum, &other);
    assert_same_bits(gp_exact_round(&sum), -0.0, "empty merged with -0");
    assert_same_bits((double)gp_exact_round_f32(&sum), -0.0, "float32 -0");
    assert_true(isnan(gp_exact_mean(&sum, 0)));
    gp_exact_add(&other, -(double)INFINITY);
    gp_exact_merge(&sum, &other);
    assert_same_bits(gp_exact_mean(&sum, 2), -INFINITY, "mean of -inf");
}

/* Many merges stand for more elements than one could add: the top limb has to hold them. */
static void huge_counts(void **unused)
{
    (void)unused;
    gp_exact sum;
    gp_exact_init(&sum);
    gp_exact_add(&sum, -DBL_MAX);
    for (int i = 0; i < 40; i++) {
        gp_exact copy = sum;
        gp_exact_merge(&sum, &copy);
    }
    assert_same_bits(gp_exact_round(&sum), -INFINITY, "overflow");
    assert_same_bits(gp_exact_mean(&sum, UINT64_C(1) << 40), -DBL_MAX, "mean");

    /* Carries: limbs that are full of additions before they are normalised. */
    gp_exact_init(&sum);
    for (int i = 0; i < 5000000; i++) gp_exact_add(&sum, 0x1.fffffffffffffp0);
    assert_same_bits(gp_exact_round(&sum), ldexp((double)((__int128)0x1fffffffffffff * 5000000), -52), "carries");
    sum.adds = (1u << 30) - 2; /* the next ones have to normalise */
    gp_exact_add(&sum, 1);
    gp_exact_add(&sum, 1);
    assert_true(sum.adds < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens),      cmocka_unit_test(integers),
        cmocka_unit_test(any_grouping), cmocka_unit_test(special_values),
        cmocka_unit_test(huge_counts),
    };
    return cmocka_run_group_tests_name("exact", tests, NULL, NULL);
}
