/* SELECT against a plain loop, for every dtype, and how elements are cut. */
#include "fold_pieces.h"

static void compacts(void **unused)
{
    (void)unused;
    uint64_t random = 20260301;
    for (int d = 0; d < GP_DTYPE_COUNT; d++) {
        size_t element = gpuproc_dtype_bytes((gp_dtype)d);
        for (int round = 0; round < 24; round++) {
            uint64_t n = round < 4 ? (uint64_t)round : fold_random(&random) % 100000;
            unsigned char *in = malloc(n * element + 1), *mask = malloc(n + 1), *expected = malloc(n * element + 1);
            uint64_t selected = 0, likely = fold_random(&random) % 257;
            for (uint64_t i = 0; i < n * element; i++) in[i] = (unsigned char)fold_random(&random);
            for (uint64_t i = 0; i < n; i++) {
                /* Also long stretches of one kind. */
                bool run = round % 3 == 0 && i % 1000 > 0;
                mask[i] = run ? mask[i - 1] : fold_random(&random) % 256 < likely;
                if (mask[i] != 0) memcpy(expected + selected++ * element, in + i * element, element);
            }
            gp_fold_spec spec = {.op = GP_OP_SELECT,
                                 .operand = {(gp_dtype)d, GPUPROC_BOOL},
                                 .operands = 2,
                                 .shape = {1, {(int64_t)n}},
                                 .dtype = (gp_dtype)d,
                                 .result = {1, {(int64_t)n}},
                                 .growing = true};
            fold_ran ran = fold_run_pieces(&spec, in, mask, gp_fold_bytes(&spec), 1 + round % 4,
                                    round % 2 == 0 ? 70000 : 900, &random);
            assert_int_equal(ran.status, GPUPROC_OK);
            assert_int_equal(ran.passes, 1);
            assert_int_equal(ran.count, selected);
            assert_memory_equal(ran.data, expected, selected * element);
            free(ran.data);
            free(in);
            free(mask);
            free(expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(compacts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
