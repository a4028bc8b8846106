/* UNIQUE and UNIQUE_COUNTS against sorting, for every dtype, with memory that is just enough or too little. */
#include "fold_pieces.h"

#include "array/half.h"

#include <math.h>
#include <stdio.h>

static gp_dtype sorting;

static long double number_of(const void *at, gp_dtype dtype)
{
    switch (dtype) {
#define X(name, type, kind) \
    case GPUPROC_##name: { type v; memcpy(&v, at, sizeof v); return (long double)v; }
        GP_DTYPES(X)
#undef X
    case GPUPROC_FLOAT16: { uint16_t v; memcpy(&v, at, sizeof v); return (long double)gp_half_to_f64(v); }
    default: return 0;
    }
}

static int compare(const void *a, const void *b)
{
    long double x = number_of(a, sorting), y = number_of(b, sorting);
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

/* Element bytes of one of `pool` values; pool 0: any bits. */
static void draw(unsigned char *at, gp_dtype dtype, uint64_t pool, uint64_t *random)
{
    size_t element = gpuproc_dtype_bytes(dtype);
    uint64_t bits = fold_random(random);
    if (pool > 0) bits = (bits >> 20) % pool * UINT64_C(0x9e3779b97f4a7c15);
    if (dtype == GPUPROC_BOOL) bits = bits >> 40 & 1;
    if (gp_dtype_is_float(dtype) && fold_random(random) % 16 == 0) {
        static const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 5e-324, 1e-40, -1e-40, 1.0};
        double v = special[fold_random(random) % 9];
        if (fold_random(random) % 2 == 0) v = -v;
        float narrow = (float)v;
        uint16_t half = gp_half_from_f64(v);
        memcpy(&bits, element == 2 ? (void *)&half : element == 4 ? (void *)&narrow : (void *)&v, element);
    }
    memcpy(at, &bits, element);
}

static gp_fold_spec spec_of(gp_op op, gp_dtype dtype, uint64_t n)
{
    return (gp_fold_spec){.op = op,
                          .operand = {dtype},
                          .operands = 1,
                          .shape = {1, {(int64_t)n}},
                          .dtype = op == GP_OP_UNIQUE_COUNTS ? GPUPROC_INT64 : dtype,
                          .result = {1, {(int64_t)n}},
                          .growing = true};
}

static void check(gp_dtype dtype, const unsigned char *in, uint64_t n, uint64_t budget, unsigned threads,
                  uint64_t most, uint64_t *random)
{
    size_t element = gpuproc_dtype_bytes(dtype);
    unsigned char *sorted = malloc(n * element + 1);
    memcpy(sorted, in, n * element);
    sorting = dtype;
    qsort(sorted, n, element, compare);
    gp_fold_spec spec = spec_of(GP_OP_UNIQUE, dtype, n), counts = spec_of(GP_OP_UNIQUE_COUNTS, dtype, n);
    fold_ran values = fold_run_pieces(&spec, in, NULL, budget, threads, most, random);
    fold_ran often = fold_run_pieces(&counts, in, NULL, budget, threads, most, random);
    if (values.status != GPUPROC_OK) fail_msg("%s: %s", gpuproc_dtype_name(dtype), values.err.message);
    assert_int_equal(often.status, GPUPROC_OK);
    assert_int_equal(values.count, often.count);
    uint64_t found = 0;
    for (uint64_t i = 0, j; i < n; i = j, found++) {
        for (j = i; j < n && compare(sorted + i * element, sorted + j * element) == 0;) j++;
        assert_true(found < values.count);
        assert_int_equal(compare(sorted + i * element, values.data + found * element), 0);
        int64_t count;
        memcpy(&count, often.data + found * 8, 8);
        assert_int_equal(count, j - i);
        if (!gp_dtype_is_float(dtype) || number_of(sorted + i * element, dtype) != 0) continue;
        /* The zero is the first one. */
        uint64_t first = 0;
        while (number_of(in + first * element, dtype) != 0) first++;
        assert_memory_equal(values.data + found * element, in + first * element, element);
    }
    assert_int_equal(found, values.count);
    free(values.data);
    free(often.data);
    free(sorted);
}

static void any_values(void **unused)
{
    (void)unused;
    uint64_t random = 20260302;
    static const gp_dtype dtypes[] = {
#define X(name, type, kind) GPUPROC_##name,
        GP_DTYPES(X)
#undef X
        GPUPROC_FLOAT16,
    };
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        for (int round = 0; round < 14; round++) {
            uint64_t n = round < 3 ? (uint64_t)round : 3000 + fold_random(&random) % 30000;
            static const uint64_t pools[] = {1, 2, 10, 1000, 20000, 0};
            size_t element = gpuproc_dtype_bytes(dtypes[d]);
            unsigned char *in = malloc(n * element + 1);
            for (uint64_t i = 0; i < n; i++) draw(in + i * element, dtypes[d], pools[round % 6], &random);
            check(dtypes[d], in, n, UINT64_C(6) << 20, 1 + round % 4, round % 2 == 0 ? 50000 : 700, &random);
            free(in);
        }
    }
}

/* Values that fit the least memory, in data that is much longer. */
static void little_memory(void **unused)
{
    (void)unused;
    uint64_t random = 20260303, n = 60000;
    float *in = malloc(n * sizeof *in);
    for (uint64_t i = 0; i < n; i++) in[i] = (float)(fold_random(&random) % 300) - 100;
    gp_fold_spec spec = spec_of(GP_OP_UNIQUE, GPUPROC_FLOAT32, n);
    for (unsigned threads = 1; threads < 5; threads++)
        check(GPUPROC_FLOAT32, (unsigned char *)in, n, gp_fold_bytes(&spec), threads, 20000, &random);
    for (uint64_t i = 0; i < n; i++) in[i] = (float)i;
    fold_ran ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec), 2, 20000, &random);
    assert_int_equal(ran.status, GPUPROC_BUDGET);
    assert_non_null(strstr(ran.err.message, "distinct values"));
    free(ran.data);
    ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec) - 1, 2, 20000, &random);
    assert_int_equal(ran.status, GPUPROC_BUDGET);
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_values), cmocka_unit_test(little_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
