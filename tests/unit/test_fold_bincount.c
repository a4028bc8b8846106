/* BINCOUNT against plain loops; sums of weights against exact ones and against each other. */
#include "fold_pieces.h"

#include "emit/reduce.h"

#include <math.h>

static gp_fold_spec spec_of(uint64_t n, int64_t bins, int64_t least, int64_t most, bool weighted)
{
    return (gp_fold_spec){.op = GP_OP_BINCOUNT,
                          .operand = {GPUPROC_INT64, GPUPROC_FLOAT64},
                          .operands = weighted ? 2 : 1,
                          .shape = {1, {(int64_t)n}},
                          .size = bins > 0 ? bins : least,
                          .dtype = weighted ? GPUPROC_FLOAT64 : GPUPROC_INT64,
                          .result = {1, {bins > 0 ? bins : most}},
                          .growing = bins == 0};
}

static void counts(void **unused)
{
    (void)unused;
    uint64_t random = 20260304;
    for (int round = 0; round < 60; round++) {
        uint64_t n = round < 6 ? (uint64_t)round / 2 : fold_random(&random) % 50000;
        int64_t range = 1 + (int64_t)(fold_random(&random) % (round % 3 == 0 ? 10 : 20000));
        bool fixed = round % 2 == 0;
        int64_t bins = fixed ? 1 + (int64_t)(fold_random(&random) % 12000) : 0;
        int64_t least = round % 5 == 0 ? 30 : 0, highest = -1;
        int64_t *in = malloc(n * sizeof *in + 1), *expected = calloc(40000, sizeof *expected);
        for (uint64_t i = 0; i < n; i++) {
            in[i] = (int64_t)(fold_random(&random) % (uint64_t)range);
            if (fixed && i % 7 == 0) in[i] = -in[i];
            if (fixed && i % 1001 == 0) in[i] = i % 2 == 0 ? INT64_MAX : INT64_MIN;
            if (in[i] > highest) highest = in[i];
            if (in[i] >= 0 && (!fixed || in[i] < bins)) expected[in[i]]++;
        }
        uint64_t length = fixed ? (uint64_t)bins : (uint64_t)(highest + 1 > least ? highest + 1 : least);
        gp_fold_spec spec = spec_of(n, bins, least, 40000, false);
        uint64_t budget = gp_fold_bytes(&spec) + (round % 4 == 0 ? 0 : 4 << 20);
        if (!fixed) budget += 20000 * 16;
        fold_ran ran = fold_run_pieces(&spec, in, NULL, budget, 1 + round % 4, 10000, &random);
        if (ran.status != GPUPROC_OK) fail_msg("%s", ran.err.message);
        assert_int_equal(ran.count, length);
        assert_memory_equal(ran.data, expected, length * sizeof *expected);
        free(ran.data);
        free(in);
        free(expected);
    }
}

static void refusals(void **unused)
{
    (void)unused;
    uint64_t random = 20260305;
    int64_t in[3] = {4, -1, 2};
    gp_fold_spec spec = spec_of(3, 0, 0, 1000, false);
    fold_ran ran = fold_run_pieces(&spec, in, NULL, 1 << 20, 2, 3, &random);
    assert_int_equal(ran.status, GPUPROC_DOMAIN);
    free(ran.data);
    assert_string_equal(ran.err.message, "'list' argument must have no negative elements");
    in[1] = INT64_MAX;
    ran = fold_run_pieces(&spec, in, NULL, 1 << 20, 2, 3, &random);
    assert_int_equal(ran.status, GPUPROC_BUDGET);
    free(ran.data);
    in[1] = 1000;
    ran = fold_run_pieces(&spec, in, NULL, 1 << 20, 2, 3, &random);
    assert_int_equal(ran.status, GPUPROC_BUDGET);
    free(ran.data);
    in[1] = 999;
    ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec) + 5000, 2, 3, &random);
    assert_int_equal(ran.status, GPUPROC_BUDGET);
    free(ran.data);
    spec = spec_of(3, INT64_C(1) << 61, 0, 0, false);
    assert_true(gp_fold_bytes(&spec) == UINT64_MAX);
}

static void weights(void **unused)
{
    (void)unused;
    uint64_t random = 20260306;
    enum { N = 30000, BINS = 50 };
    int64_t *in = malloc(N * sizeof *in);
    double *weight = malloc(N * sizeof *weight);
    gp_exact *exact = calloc(BINS, sizeof *exact);
    for (int i = 0; i < N; i++) {
        in[i] = (int64_t)(fold_random(&random) % BINS);
        weight[i] = ldexp((double)(int64_t)fold_random(&random), (int)(fold_random(&random) % 90) - 100);
        if (in[i] == 3) weight[i] = -0.0;
        if (in[i] == 4 && i > N / 2) weight[i] = INFINITY;
        if (in[i] == 5 && i > N / 2) weight[i] = i % 2 == 0 ? INFINITY : -INFINITY;
        gp_exact_add(&exact[in[i]], weight[i]);
    }
    /* Few bins; more than have exact sums; an unknown number. */
    for (int kind = 0; kind < 3; kind++) {
        double *before = NULL;
        for (unsigned threads = 1; threads < 5; threads++) {
            gp_fold_spec spec = spec_of(N, kind == 0 ? BINS : kind == 1 ? 5000 : 0, 0, 10000, true);
            fold_ran ran = fold_run_pieces(&spec, in, weight, gp_fold_bytes(&spec) + (threads < 3 ? 20000 : 1 << 20), threads,
                                    1 + fold_random(&random) % 20000, &random);
            if (ran.status != GPUPROC_OK) fail_msg("%s", ran.err.message);
            assert_int_equal(ran.count, kind == 1 ? 5000 : BINS);
            double *found = (double *)ran.data;
            for (int i = 0; i < BINS; i++) {
                double sum = gp_exact_round(&exact[i]) + 0.0;
                if (isnan(sum))
                    assert_true(isnan(found[i]));
                else
                    assert_memory_equal(&found[i], &sum, sizeof sum);
            }
            if (kind == 1) assert_true(found[4999] == 0);
            free(before);
            before = found;
        }
        free(before);
    }
    free(in);
    free(weight);
    free(exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts), cmocka_unit_test(refusals),
                                       cmocka_unit_test(weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
