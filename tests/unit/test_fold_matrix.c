/* Folds over matrices whose rows go by, against what defines their results; and what all folds over matrices do
 * about memory, failures and a missing LAPACK. */
#include "fold_matrix.h"

static const int tall[][2] = {{1, 1}, {3, 2}, {2, 3}, {17, 17}, {40, 7}, {7, 40}, {0, 3}, {3, 0}, {0, 0}, {9001, 3}, {1300, 33},
                              {4100, 5}, {20000, 1}, {70, 530}, {2100, 520}};
#define TALL (sizeof tall / sizeof tall[0])

/* So many rows of a result are compared, from the first and from the last. */
static uint64_t probe(uint64_t n) { return n < 100 ? n : 5; }

static bool too_slow(gp_dtype dtype, size_t shape) { return shape + 1 == TALL && dtype != GPUPROC_FLOAT32; }

static void gram(void **state)
{
    (void)state;
    random_state r = {1};
    for (size_t t = 0; t < 4; t++)
        for (size_t s = 0; s < TALL; s++) {
            gp_dtype dtype = dtypes[t];
            uint64_t m = (uint64_t)tall[s][0], n = (uint64_t)tall[s][1];
            if (too_slow(dtype, s)) continue;
            void *a = matrices(&r, dtype, m * n);
            gp_fold_spec spec = spec_of(GP_OP_GRAM, dtype, (int64_t)m, (int64_t)n, 0, n * n);
            void *result = result_of(&spec, a, &r);
            for (int end = 0; end < 2; end++) {
                uint64_t rows = probe(n), from = end ? n - rows : 0;
                const void *first = (char *)a + from * gpuproc_dtype_bytes(dtype);
                number *x = wide(dtype, result, from * n, rows * n), *y = product(dtype, rows, n, m, (operand){first, 1, n, true}, (operand){a, n, 1, false});
                near("gram", x, y, rows, n, 16 * eps_of(dtype) * (long double)(m + 10));
                for (uint64_t i = 0; i < rows; i++) assert_true(cimagl(x[i * n + from + i]) == 0);
                free(x);
                free(y);
            }
            free(a);
            free(result);
        }
}

/* Integers come out exactly; NaN stays in its row and column. */
static void gram_exact(void **state)
{
    (void)state;
    random_state r = {2};
    enum { M = 50000, N = 5 };
    float *a = exactly(M * N * sizeof *a);
    for (int i = 0; i < M * N; i++) a[i] = (float)(int)random_below(&r, 9) - 4;
    gp_fold_spec spec = spec_of(GP_OP_GRAM, GPUPROC_FLOAT32, M, N, 0, N * N);
    float *result = result_of(&spec, a, &r);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int64_t sum = 0;
            for (int k = 0; k < M; k++) sum += (int64_t)(a[k * N + i] * a[k * N + j]);
            assert_true(result[i * N + j] == (float)sum);
        }
    free(result);
    a[33333 * N + 2] = NAN;
    result = result_of(&spec, a, &r);
    for (int i = 0; i < N * N; i++) assert_int_equal(isnan(result[i]) != 0, i / N == 2 || i % N == 2);
    free(result);
    free(a);
}

static void qr_of_rows(void **state)
{
    (void)state;
    random_state r = {3};
    if (!gp_linalg_has_lapack(linalg)) skip();
    for (size_t t = 0; t < 4; t++)
        for (size_t s = 0; s < TALL; s++) {
            gp_dtype dtype = dtypes[t];
            uint64_t m = (uint64_t)tall[s][0], n = (uint64_t)tall[s][1];
            if (too_slow(dtype, s)) continue;
            void *a = matrices(&r, dtype, m * n);
            gp_fold_spec spec = spec_of(GP_OP_QRR, dtype, (int64_t)m, (int64_t)n, 0, n * n);
            void *result = result_of(&spec, a, &r);
            for (uint64_t i = 0; i < n; i++)
                for (uint64_t j = 0; j < n; j++)
                    if (j < i || i >= m) assert_true(at(dtype, result, i * n + j) == 0);
            for (int end = 0; end < 2; end++) {
                uint64_t rows = probe(n), from = (end ? n - rows : 0) * gpuproc_dtype_bytes(dtype);
                number *x = product(dtype, rows, n, n, (operand){(char *)result + from, 1, n, true}, (operand){result, n, 1, false});
                number *y = product(dtype, rows, n, m, (operand){(char *)a + from, 1, n, true}, (operand){a, n, 1, false});
                near("r^H r", x, y, rows, n, 60 * eps_of(dtype) * (long double)(m + 1));
                free(x);
                free(y);
            }
            free(a);
            free(result);
        }
}

/* Columns that differ by 1e-7: R keeps what the product of the matrix with itself has lost. */
static void qr_is_sound(void **state)
{
    (void)state;
    random_state r = {4};
    if (!gp_linalg_has_lapack(linalg)) skip();
    enum { M = 30000 };
    double *a = exactly(M * 2 * sizeof *a), sum = 0;
    for (int i = 0; i < M; i++) {
        a[2 * i] = 1;
        a[2 * i + 1] = 1 + (i % 2 ? 0x1p-30 : -0x1p-30);
        sum += 0x1p-60;
    }
    gp_fold_spec spec = spec_of(GP_OP_QRR, GPUPROC_FLOAT64, M, 2, 0, 4);
    double *result = result_of(&spec, a, &r);
    assert_true(fabs(fabs(result[3]) - sqrt(sum)) < 1e-5 * sqrt(sum));
    free(result);
    free(a);
}

static void least_squares(void **state)
{
    (void)state;
    random_state r = {5};
    if (!gp_linalg_has_lapack(linalg)) skip();
    for (size_t t = 0; t < 4; t++)
        for (size_t s = 0; s < TALL; s++)
            for (uint64_t columns = 0; columns < 3; columns++) {
                gp_dtype dtype = dtypes[t];
                uint64_t m = (uint64_t)tall[s][0], k = (uint64_t)tall[s][1], n = k + columns, least = m < k ? m : k;
                if (k > 300) continue;
                void *ab = matrices(&r, dtype, m * n);
                gp_fold_spec spec = spec_of(GP_OP_LSTSQ, dtype, (int64_t)m, (int64_t)n, (int64_t)columns, k * columns + columns + 1 + k);
                void *result = result_of(&spec, ab, &r);
                operand a = {ab, n, 1, false}, ah = {ab, 1, n, true};
                const char *b = (const char *)ab + k * gpuproc_dtype_bytes(dtype);
                number *ax = product(dtype, m, columns, k, a, (operand){result, columns, 1, false});
                void *left = exactly(m * columns * gpuproc_dtype_bytes(dtype));
                long double largest = 1;
                for (uint64_t i = 0; i < k * columns; i++) largest = fmaxl(largest, cabsl(at(dtype, result, i)));
                for (uint64_t i = 0; i < m * columns; i++) set(dtype, left, i, at(dtype, b, i / columns * n + i % columns) - ax[i]);
                /* What is left is orthogonal to the columns of a; nothing is left where there are as many unknowns. */
                number *normal = product(dtype, k, columns, m, ah, (operand){left, columns, 1, false}), *zero = calloc(k * columns + m * columns + 1, sizeof *zero);
                long double bound = 100 * eps_of(dtype) * (long double)(m + k) * largest;
                near("a^H (b - a x)", normal, zero, k, columns, bound * (long double)(k + 10));
                if (m <= k) {
                    number *rest = wide(dtype, left, 0, m * columns);
                    near("b - a x", rest, zero, m, columns, bound * 10);
                    free(rest);
                }
                for (uint64_t j = 0; j < columns; j++) {
                    number sum = 0, given = at(dtype, result, k * columns + j);
                    for (uint64_t i = 0; i < m; i++) sum += cabsl(at(dtype, left, i * columns + j)) * cabsl(at(dtype, left, i * columns + j));
                    if (m > k) assert_true(cabsl(sum - given) <= bound * (long double)(m + 1));
                    else assert_true(isnan((double)creall(given)));
                }
                assert_true(at(dtype, result, k * columns + columns) == least);
                /* The squares of the singular values are those of the elements, together. */
                long double squares = 0, all = 0;
                for (uint64_t i = 0; i < k; i++) {
                    number value = at(dtype, result, k * columns + columns + 1 + i);
                    assert_true(i < least ? creall(value) > 0 : value == 0);
                    squares += creall(value) * creall(value);
                }
                for (uint64_t i = 0; i < m * k; i++) all += cabsl(at(dtype, ab, i / k * n + i % k)) * cabsl(at(dtype, ab, i / k * n + i % k));
                assert_true(fabsl(squares - all) <= 100 * eps_of(dtype) * all);
                free(normal);
                free(zero);
                free(left);
                free(ax);
                free(ab);
                free(result);
            }
}

static double *lstsq_of(int m, int n, const double *ab, double rcond, const char **warning, gpuproc_status *st, gpuproc_error *err)
{
    random_state r = {6};
    gp_fold_spec spec = spec_of(GP_OP_LSTSQ, GPUPROC_FLOAT64, m, n, 1, 2 * (uint64_t)n - 2 + 2);
    spec.ddof = rcond;
    return fold_run_with(&spec, ab, &r, 0, 1, false, 0, warning, st, err);
}

static void least_squares_of_low_rank(void **state)
{
    (void)state;
    const char *warning;
    gpuproc_status st;
    gpuproc_error err;
    if (!gp_linalg_has_lapack(linalg)) skip();
    static const double same[] = {1, 1, 1, 1, 1, 2, 1, 1, 3};
    double *x = lstsq_of(3, 3, same, -1, &warning, &st, &err);
    assert_true(st == GPUPROC_OK && fabs(x[0] - 1) < 1e-14 && fabs(x[1] - 1) < 1e-14 && isnan(x[2]) && x[3] == 1);
    assert_non_null(strstr(warning, "full rank"));
    free(x);

    /* The bound is the caller's. */
    static const double unequal[] = {1, 0, 2, 0, 1e-3, 1, 0, 0, 5};
    x = lstsq_of(3, 3, unequal, -1, &warning, &st, &err);
    assert_true(st == GPUPROC_OK && fabs(x[0] - 2) < 1e-12 && fabs(x[1] - 1000) < 1e-9 && fabs(x[2] - 25) < 1e-12 && x[3] == 2);
    assert_null(warning);
    free(x);
    x = lstsq_of(3, 3, unequal, 0.01, &warning, &st, &err);
    assert_true(st == GPUPROC_OK && fabs(x[0] - 2) < 1e-12 && fabs(x[1]) < 1e-12 && isnan(x[2]) && x[3] == 1 && fabs(x[5] - 1e-3) < 1e-15);
    free(x);

    static const double odd[] = {1, NAN, 2, 0, 1e-3, 1, 0, 0, 5}, odd_b[] = {1, 0, NAN, 0, 1e-3, 1, 0, 0, 5};
    x = lstsq_of(3, 3, odd, -1, &warning, &st, &err);
    assert_int_equal(st, GPUPROC_DOMAIN);
    assert_non_null(strstr(err.message, "did not converge"));
    free(x);
    x = lstsq_of(3, 3, odd_b, -1, &warning, &st, &err);
    assert_true(st == GPUPROC_OK && isnan(x[0]) && x[3] == 2);
    free(x);
}

static const gp_op matrix_folds[] = {
#define X(name, kinds) GP_OP_##name,
    GP_OPS_MATRIX_FOLD(X)
#undef X
};
#define FOLDS (sizeof matrix_folds / sizeof matrix_folds[0])

static gp_fold_spec any_spec(gp_op op, int64_t m, int64_t n)
{
    static const int results[] = {9, 9, 2 + 1 + 1 + 2, 3, 9, 9, 1, 2, 12, 21, 18};
    int64_t size = op == GP_OP_LSTSQ || op == GP_OP_SOLVE;
    gp_fold_spec spec = spec_of(op, GPUPROC_FLOAT64, m, op == GP_OP_SOLVE ? n + 1 : n, size, 0);
    for (size_t i = 0; i < FOLDS; i++)
        if (matrix_folds[i] == op) spec.result.dim[0] = results[i];
    return spec;
}

static void without_lapack(void **state)
{
    (void)state;
    gp_linalg *none = NULL;
    gpuproc_error err;
    setenv("GPUPROC_BLAS", "none", 1);
    assert_int_equal(gp_linalg_open(&none, &err), GPUPROC_OK);
    unsetenv("GPUPROC_BLAS");
    gp_workers workers = {.count = 1, .each = each_threads};
    random_state r = {9};
    gpuproc_status st;
    for (size_t i = 0; i < FOLDS; i++) {
        gp_fold_spec spec = any_spec(matrix_folds[i], 3, 3);
        spec.linalg = none;
        gp_fold *fold = NULL;
        if (spec.op == GP_OP_GRAM) {
            static const double a[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
            double *x = fold_run(&spec, a, &r, 1, 1, false, NULL, &st);
            assert_true(st == GPUPROC_OK && x[0] == 66 && x[1] == 78 && x[3] == 78 && x[8] == 126);
            free(x);
            continue;
        }
        assert_int_equal(gp_fold_new(&spec, gp_fold_bytes(&spec), &workers, &fold, &err), GPUPROC_UNSUPPORTED);
        assert_non_null(strstr(err.message, "LAPACK"));
        assert_non_null(strstr(err.message, gp_op_info_of(spec.op)->spelling));
    }
    gp_linalg_close(none);
}

static void too_little_memory(void **state)
{
    (void)state;
    gp_workers workers = {.count = 2, .each = each_threads};
    for (size_t i = 0; i < FOLDS; i++) {
        gpuproc_error err;
        gp_fold *fold = NULL;
        gp_fold_spec spec = any_spec(matrix_folds[i], 3, 3);
        assert_int_equal(gp_fold_new(&spec, gp_fold_bytes(&spec) - 1, &workers, &fold, &err), GPUPROC_BUDGET);
        /* What cannot be counted is too much for any budget. */
        spec = any_spec(matrix_folds[i], INT64_C(1) << 40, INT64_C(1) << 40);
        assert_true(gp_fold_bytes(&spec) == UINT64_MAX);
    }
}

static void every_allocation(void **state)
{
    (void)state;
    if (!gp_linalg_has_lapack(linalg)) skip();
    static const double a[] = {4, 2, 3, 1, 4, 1, 7, 1, 9, 1, 2, 3};
    gp_workers workers = {.count = 2, .each = each_threads};
    for (size_t i = 0; i < FOLDS; i++) {
        gp_fold_spec spec = any_spec(matrix_folds[i], 3, 3);
        for (failing = 1;; failing++) {
            gpuproc_error err = {0};
            gp_fold *fold = NULL;
            bool again;
            allocations = 0;
            gpuproc_status st = gp_fold_new(&spec, gp_fold_bytes(&spec), &workers, &fold, &err);
            gp_fold_piece piece = {.count = gp_shape_size(&spec.shape), .operand = {a}};
            if (st == GPUPROC_OK) st = gp_fold_take(fold, &piece, &err);
            if (st == GPUPROC_OK) st = gp_fold_end(fold, &again, &err);
            gp_fold_free(fold);
            bool done = allocations < failing;
            if (done && spec.op == GP_OP_CHOLESKY) st = GPUPROC_OK;
            assert_int_equal(st, done ? GPUPROC_OK : GPUPROC_NO_MEMORY);
            if (done) break;
            assert_int_equal(err.status, GPUPROC_NO_MEMORY);
        }
        assert_true(failing > 2);
    }
    failing = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gram),
        cmocka_unit_test(gram_exact),
        cmocka_unit_test(qr_of_rows),
        cmocka_unit_test(qr_is_sound),
        cmocka_unit_test(least_squares),
        cmocka_unit_test(least_squares_of_low_rank),
        cmocka_unit_test(without_lapack),
        cmocka_unit_test(too_little_memory),
        cmocka_unit_test(every_allocation),
    };
    return cmocka_run_group_tests(tests, open_linalg, close_linalg);
}
