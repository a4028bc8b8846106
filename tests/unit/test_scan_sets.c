/* The loops of scans and windows are there once per instruction set: all give the same bits. */
#include "fold_run.h"

#include "fold/scan_ops.h"

#define COUNT 1040 /* more than a block; no whole groups */
#define WIDTH 40

typedef const gp_scan_ops *lookup(gp_op op, gp_dtype dtype);

/* The sets that this processor can run; the first is for any. */
static size_t find_sets(lookup *set[3])
{
    size_t n = 0;
    set[n++] = gp_scan_ops_base;
#ifdef GP_SCAN_avx2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))
        set[n++] = gp_scan_ops_avx2;
#endif
#ifdef GP_SCAN_avx512
    /* The choice between them is gp_scan_ops_of's: where it is another than these, it is this one. */
    const gp_scan_ops *best = gp_scan_ops_of(GP_OP_CUMSUM, GPUPROC_FLOAT32);
    if (best == gp_scan_ops_avx512(GP_OP_CUMSUM, GPUPROC_FLOAT32)) set[n++] = gp_scan_ops_avx512;
#endif
    return n;
}

/* Everything that the loops write. */
typedef struct results {
    unsigned char out[5][COUNT * 8];
    gp_scan_word after[2 * GP_SCAN_AFTER(COUNT)], rows_after[2 * (COUNT + WIDTH)], value[2 * WIDTH], one[2], total[2];
    gp_line line;
} results;

static void run(const gp_scan_ops *ops, const void *x, size_t item, results *r)
{
    memset(r, 0, sizeof *r);
    size_t planes = (size_t)ops->planes;
    memcpy(r->one, ops->identity, sizeof r->one);
    ops->sequence(r->one, x, r->out[0], COUNT);
    for (size_t p = 0; p < planes; p++) {
        for (size_t j = 0; j < WIDTH; j++) r->value[p * WIDTH + j] = ops->identity[p];
        r->after[p * GP_SCAN_AFTER(COUNT) + COUNT] = ops->identity[p];
        for (size_t j = 0; j < WIDTH; j++) r->rows_after[p * (COUNT + WIDTH) + COUNT + j] = ops->identity[p];
    }
    ops->rows(r->value, WIDTH, x, r->out[1], COUNT / WIDTH, WIDTH, WIDTH);
    memcpy(r->line.before, ops->identity, sizeof r->line.before);
    memcpy(r->line.local, ops->identity, sizeof r->line.local);
    if (ops->line != NULL) { /* cut where no group of eight ends */
        r->line.kept = x;
        ops->line(&r->line, NULL, 0, x, r->out[2], 509);
        ops->total(r->total, x);
        ops->line(&r->line, NULL, 0, (const char *)x + 509 * item, r->out[2] + 509 * item, COUNT - 509);
    }
    if (ops->after == NULL) return;
    gp_line line = {0};
    memcpy(line.before, ops->identity, sizeof line.before);
    memcpy(line.local, ops->identity, sizeof line.local);
    ops->after(r->after, GP_SCAN_AFTER(COUNT), x, COUNT);
    ops->line(&line, r->after, GP_SCAN_AFTER(COUNT), x, r->out[3], COUNT);
    ops->after_rows(r->rows_after, COUNT + WIDTH, x, COUNT / WIDTH, WIDTH, WIDTH);
    ops->direct(x, r->out[4], COUNT - 4, 5, 1);
}

/* Which NaN it is does not matter: it does not go out as it is. */
static bool same_total(const results *a, const results *b, gp_dtype dtype)
{
    if (gp_dtype_is_float(dtype) && isnan(a->total[0].f)) return isnan(b->total[0].f);
    return memcmp(a->total, b->total, sizeof a->total) == 0;
}

static void same_bits(void **state)
{
    (void)state;
    static const gp_op all_ops[] = {GP_OP_CUMSUM, GP_OP_CUMPROD, GP_OP_CUMMAX, GP_OP_CUMMIN};
    lookup *set[3];
    size_t sets = find_sets(set);
    random_state r = {31};
    results *expected = malloc(sizeof *expected), *found = malloc(sizeof *found);
    assert_non_null(expected);
    assert_non_null(found);
    for (int dtype = 0; dtype <= GPUPROC_FLOAT64; dtype++) {
        for (int k = 0; k < 16; k++) {
            const gp_scan_ops *base = gp_scan_ops_base(all_ops[k % 4], (gp_dtype)dtype);
            if (base == NULL) continue;
            size_t item = gpuproc_dtype_bytes((gp_dtype)dtype);
            void *x = random_elements(&r, (gp_dtype)dtype, COUNT, k >= 8);
            run(base, x, item, expected);
            for (size_t s = 1; s < sets; s++) {
                run(set[s](all_ops[k % 4], (gp_dtype)dtype), x, item, found);
                bool floats_are_keys = k % 4 >= 2;
                assert_true(same_total(found, expected, floats_are_keys ? GPUPROC_INT64 : (gp_dtype)dtype));
                for (int o = 0; o < 5; o++) assert_memory_equal(found->out[o], expected->out[o], sizeof found->out[o]);
            }
            free(x);
        }
    }
    free(expected);
    free(found);
}

static void line_of(const gp_scan_ops *ops, const void *x, double by, void *out)
{
    gp_line line = {.by = by, .kept = x};
    memcpy(line.before, ops->identity, sizeof line.before);
    memcpy(line.local, ops->identity, sizeof line.local);
    ops->line(&line, NULL, 0, x, out, COUNT);
}

/* A line's results divided on the way are those that a division makes of its results. */
static void quotients(void **state)
{
    (void)state;
    static const double by[] = {1, 2, 3, 7, 10, 97, 1000, 4095, 65537, 999983, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, 1 << 24};
    lookup *set[3];
    size_t sets = find_sets(set);
    random_state r = {32};
    float *x = malloc(COUNT * sizeof *x), *sum = malloc(COUNT * sizeof *sum), *mean = malloc(COUNT * sizeof *mean);
    double *x2 = malloc(COUNT * sizeof *x2), *sum2 = malloc(COUNT * sizeof *sum2), *mean2 = malloc(COUNT * sizeof *mean2);
    assert_true(x != NULL && sum != NULL && mean != NULL && x2 != NULL && sum2 != NULL && mean2 != NULL);
    for (int round = 0; round < 40; round++) {
        /* From where quotients are subnormal to where sums overflow. */
        int scale = -149 + 7 * round;
        for (int i = 0; i < COUNT; i++) x2[i] = x[i] = ldexpf((float)random_below(&r, 1 << 24) - (1 << 23), scale - 23);
        for (size_t s = 0; s < sets; s++) {
            const gp_scan_ops *ops = set[s](GP_OP_CUMSUM, GPUPROC_FLOAT32), *ops2 = set[s](GP_OP_CUMSUM, GPUPROC_FLOAT64);
            line_of(ops, x, 0, sum);
            line_of(ops2, x2, 0, sum2);
            for (size_t k = 0; k < sizeof by / sizeof by[0]; k++) {
                line_of(ops, x, by[k], mean);
                line_of(ops2, x2, by[k], mean2);
                for (int i = 0; i < COUNT; i++) {
                    volatile float expected = sum[i] / (float)by[k];
                    volatile double expected2 = sum2[i] / by[k];
                    if (isnan(expected) ? !isnan(mean[i]) : expected != mean[i])
                        fail_msg("set %zu: %a / %g: expected %a, found %a", s, (double)sum[i], by[k], (double)expected, (double)mean[i]);
                    if (isnan(expected2) ? !isnan(mean2[i]) : expected2 != mean2[i])
                        fail_msg("set %zu: %a / %g: expected %a, found %a", s, sum2[i], by[k], expected2, mean2[i]);
                }
            }
        }
    }
    free(x), free(sum), free(mean), free(x2), free(sum2), free(mean2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotients),
        cmocka_unit_test(same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
