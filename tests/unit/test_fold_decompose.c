/* Folds that decompose whole matrices and stacks of them, against what defines their results. */
#include "fold_matrix.h"

static const int stacks[] = {1, 0, 3, 700};
static const int sizes[][2] = {{0, 0}, {1, 1}, {2, 2}, {3, 5}, {5, 3}, {0, 4}, {4, 0}, {9, 9}, {40, 40}, {70, 20}, {20, 70}};

typedef struct whole {
    gp_dtype dtype;
    uint64_t m, n, stack, results;
    void *data, *result;
    random_state r;
} whole;

/* Runs a stack of them and calls `check` for each. */
static void whole_run(whole *w, gp_op op, int64_t size, void (*check)(const whole *w, const void *data, const void *result))
{
    gp_fold_spec spec = spec_of(op, w->dtype, 0, 0, size, w->results * w->stack);
    spec.shape = (gp_shape){4, {(int64_t)w->stack, 1, (int64_t)w->m, (int64_t)w->n}};
    if (w->stack == 1 && w->m % 2) spec.shape = (gp_shape){2, {(int64_t)w->m, (int64_t)w->n}};
    w->result = result_of(&spec, w->data, &w->r);
    size_t bytes = gpuproc_dtype_bytes(w->dtype);
    for (uint64_t i = 0; i < w->stack && i < 50; i++)
        check(w, (char *)w->data + i * w->m * w->n * bytes, (char *)w->result + i * w->results * bytes);
    free(w->result);
}

static long double scale(const whole *w) { return 200 * eps_of(w->dtype) * (long double)(w->m + w->n + 1); }

static const void *part(const whole *w, const void *result, uint64_t at_element)
{
    return (const char *)result + at_element * gpuproc_dtype_bytes(w->dtype);
}

static void check_qr(const whole *w, const void *data, const void *result)
{
    uint64_t m = w->m, n = w->n, k = m < n ? m : n;
    const void *q = result, *r = part(w, result, m * k);
    number *a = wide(w->dtype, data, 0, m * n);
    number *qr = product(w->dtype, m, n, k, (operand){q, k, 1, false}, (operand){r, n, 1, false});
    number *qq = product(w->dtype, k, k, m, (operand){q, 1, k, true}, (operand){q, k, 1, false});
    near("q r", qr, a, m, n, scale(w));
    near("q^H q", qq, NULL, k, k, scale(w));
    for (uint64_t i = 0; i < k; i++)
        for (uint64_t j = 0; j < i; j++) assert_true(at(w->dtype, r, i * n + j) == 0);
    free(a);
    free(qr);
    free(qq);
}

static void check_svd(const whole *w, const void *data, const void *result)
{
    uint64_t m = w->m, n = w->n, k = m < n ? m : n;
    const void *u = result, *s = part(w, result, m * k), *vh = part(w, result, m * k + k);
    void *us = exactly(m * k * gpuproc_dtype_bytes(w->dtype));
    for (uint64_t i = 0; i < m * k; i++) set(w->dtype, us, i, at(w->dtype, u, i) * at(w->dtype, s, i % k));
    for (uint64_t i = 0; i + 1 < k; i++) assert_true(creall(at(w->dtype, s, i)) >= creall(at(w->dtype, s, i + 1)));
    if (k > 0) assert_true(creall(at(w->dtype, s, k - 1)) >= 0);
    number *a = wide(w->dtype, data, 0, m * n);
    number *usv = product(w->dtype, m, n, k, (operand){us, k, 1, false}, (operand){vh, n, 1, false});
    number *uu = product(w->dtype, k, k, m, (operand){u, 1, k, true}, (operand){u, k, 1, false});
    number *vv = product(w->dtype, k, k, n, (operand){vh, n, 1, false}, (operand){vh, 1, n, true});
    near("u s vh", usv, a, m, n, scale(w));
    near("u^H u", uu, NULL, k, k, scale(w));
    near("vh v", vv, NULL, k, k, scale(w));
    free(us);
    free(a);
    free(usv);
    free(uu);
    free(vv);
}

/* The lower triangle is what counts. */
static number *hermitian(const whole *w, const void *data)
{
    uint64_t n = w->n;
    number *a = wide(w->dtype, data, 0, n * n);
    for (uint64_t i = 0; i < n; i++) {
        a[i * n + i] = creall(a[i * n + i]);
        for (uint64_t j = i + 1; j < n; j++) a[i * n + j] = conjl(a[j * n + i]);
    }
    return a;
}

static void check_eigh(const whole *w, const void *data, const void *result)
{
    uint64_t n = w->n;
    const void *v = part(w, result, n);
    void *h = exactly(n * n * gpuproc_dtype_bytes(w->dtype));
    number *a = hermitian(w, data), *vw = wide(w->dtype, v, 0, n * n);
    for (uint64_t i = 0; i < n * n; i++) set(w->dtype, h, i, a[i]);
    for (uint64_t i = 0; i < n * n; i++) vw[i] *= at(w->dtype, result, i % n);
    for (uint64_t i = 0; i + 1 < n; i++) assert_true(creall(at(w->dtype, result, i)) <= creall(at(w->dtype, result, i + 1)));
    number *hv = product(w->dtype, n, n, n, (operand){h, n, 1, false}, (operand){v, n, 1, false});
    number *vv = product(w->dtype, n, n, n, (operand){v, 1, n, true}, (operand){v, n, 1, false});
    near("h v", hv, vw, n, n, scale(w));
    near("v^H v", vv, NULL, n, n, scale(w));
    free(h);
    free(a);
    free(vw);
    free(hv);
    free(vv);
}

static void check_cholesky(const whole *w, const void *data, const void *result)
{
    uint64_t n = w->n;
    number *a = hermitian(w, data), *ll = product(w->dtype, n, n, n, (operand){result, n, 1, false}, (operand){result, 1, n, true});
    near("l l^H", ll, a, n, n, scale(w) * 3 * (long double)(n + 1));
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = i + 1; j < n; j++) assert_true(at(w->dtype, result, i * n + j) == 0);
    free(a);
    free(ll);
}

static void check_inv(const whole *w, const void *data, const void *result)
{
    uint64_t n = w->n;
    number *one = product(w->dtype, n, n, n, (operand){data, n, 1, false}, (operand){result, n, 1, false});
    near("a inv(a)", one, NULL, n, n, scale(w));
    free(one);
}

static void check_solve(const whole *w, const void *data, const void *result)
{
    uint64_t m = w->m, columns = w->n - m;
    number *ax = product(w->dtype, m, columns, m, (operand){data, w->n, 1, false}, (operand){result, columns, 1, false});
    number *b = calloc(m * columns + 1, sizeof *b);
    for (uint64_t i = 0; i < m * columns; i++) b[i] = at(w->dtype, data, i / columns * w->n + m + i % columns);
    near("a x", ax, b, m, columns, scale(w) * 3);
    free(ax);
    free(b);
}

/* By elimination, with the largest of each column. */
static number determinant(const whole *w, const void *data)
{
    uint64_t n = w->n;
    number *a = wide(w->dtype, data, 0, n * n), det = 1;
    for (uint64_t k = 0; k < n; k++) {
        uint64_t best = k;
        for (uint64_t i = k; i < n; i++)
            if (cabsl(a[i * n + k]) > cabsl(a[best * n + k])) best = i;
        for (uint64_t j = 0; j < n && best != k; j++) {
            number x = a[k * n + j];
            a[k * n + j] = a[best * n + j];
            a[best * n + j] = x;
        }
        det *= best == k ? a[k * n + k] : -a[k * n + k];
        for (uint64_t i = k + 1; i < n; i++) {
            number f = a[i * n + k] / a[k * n + k];
            for (uint64_t j = k; j < n; j++) a[i * n + j] -= f * a[k * n + j];
        }
    }
    free(a);
    return det;
}

static void check_det(const whole *w, const void *data, const void *result)
{
    number det = determinant(w, data);
    near("det", &(number){at(w->dtype, result, 0)}, &det, 1, 1, scale(w) * cabsl(det));
}

static void check_slogdet(const whole *w, const void *data, const void *result)
{
    number det = determinant(w, data), sign = det / cabsl(det), log = logl(cabsl(det));
    near("sign", &(number){at(w->dtype, result, 0)}, &sign, 1, 1, scale(w));
    near("logdet", &(number){at(w->dtype, result, 1)}, &log, 1, 1, scale(w) * (long double)(w->n + 1));
}

/* A diagonal that makes matrices definite and their condition small. */
static void strengthen(whole *w, long double by)
{
    for (uint64_t s = 0; s < w->stack; s++)
        for (uint64_t i = 0; i < w->m; i++) {
            uint64_t k = s * w->m * w->n + i * w->n + i;
            set(w->dtype, w->data, k, at(w->dtype, w->data, k) + by * (long double)(w->m + 2));
        }
}

static void whole_matrices(void **state)
{
    (void)state;
    if (!gp_linalg_has_lapack(linalg)) skip();
    whole w = {.r = {7}};
    for (size_t t = 0; t < 4; t++)
        for (size_t k = 0; k < sizeof stacks / sizeof stacks[0]; k++)
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
                w.dtype = dtypes[t];
                w.stack = (uint64_t)stacks[k];
                w.m = (uint64_t)sizes[s][0];
                w.n = (uint64_t)sizes[s][1];
                if (w.stack > 10 && w.m + w.n > 10) continue;
                uint64_t least = w.m < w.n ? w.m : w.n;
                w.data = matrices(&w.r, w.dtype, w.stack * w.m * w.n);
                w.results = w.m * least + least * w.n;
                whole_run(&w, GP_OP_QR, 0, check_qr);
                w.results += least;
                whole_run(&w, GP_OP_SVD, 0, check_svd);
                if (w.m == w.n) {
                    w.results = w.n + w.n * w.n;
                    whole_run(&w, GP_OP_EIGH, 0, check_eigh);
                    strengthen(&w, 1.2L);
                    w.results = w.n * w.n;
                    whole_run(&w, GP_OP_CHOLESKY, 0, check_cholesky);
                    whole_run(&w, GP_OP_INV, 0, check_inv);
                    w.results = 2;
                    whole_run(&w, GP_OP_SLOGDET, 0, check_slogdet);
                    w.results = 1;
                    if (w.n < 20 || !is_single(w.dtype)) whole_run(&w, GP_OP_DET, 0, check_det);
                }
                if (w.m <= w.n) {
                    if (w.m < w.n) strengthen(&w, 1);
                    w.results = w.m * (w.n - w.m);
                    whole_run(&w, GP_OP_SOLVE, (int64_t)(w.n - w.m), check_solve);
                }
                free(w.data);
            }
}

/* ---- What is refused, what is said ---- */

static gpuproc_status whole_of(gp_op op, int m, int n, const double *data, uint64_t results, double *result, const char **warning, gpuproc_error *err)
{
    random_state r = {8};
    gpuproc_status st;
    gp_fold_spec spec = spec_of(op, GPUPROC_FLOAT64, m, n, n - m, results);
    double *x = fold_run_with(&spec, data, &r, 0, 1, false, 0, warning, &st, err);
    if (st == GPUPROC_OK) memcpy(result, x, results * sizeof *x);
    free(x);
    return st;
}

static void refused(void **state)
{
    (void)state;
    if (!gp_linalg_has_lapack(linalg)) skip();
    gpuproc_error err;
    const char *warning;
    double x[16];
    static const double low[] = {1, 2, 2, 4}, solve[] = {1, 2, 1, 2, 4, 1}, negative[] = {1, 2, 2, 1}, odd[] = {NAN, 1, 1, 1}, infinite[] = {1, 1, INFINITY, 1};
    assert_int_equal(whole_of(GP_OP_INV, 2, 2, low, 4, x, &warning, &err), GPUPROC_DOMAIN);
    assert_string_equal(err.message, "singular matrix");
    assert_int_equal(whole_of(GP_OP_SOLVE, 2, 3, solve, 2, x, &warning, &err), GPUPROC_DOMAIN);
    assert_string_equal(err.message, "singular matrix");
    assert_int_equal(whole_of(GP_OP_CHOLESKY, 2, 2, negative, 4, x, &warning, &err), GPUPROC_DOMAIN);
    assert_string_equal(err.message, "matrix is not positive definite");
    static const double *const no_numbers[] = {odd, infinite};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(whole_of(GP_OP_SVD, 2, 2, no_numbers[i], 10, x, &warning, &err), GPUPROC_DOMAIN);
        assert_non_null(strstr(err.message, "did not converge"));
        assert_int_equal(whole_of(GP_OP_EIGH, 2, 2, no_numbers[i], 6, x, &warning, &err), GPUPROC_DOMAIN);
        assert_non_null(strstr(err.message, "did not converge"));
    }
    /* What stands in the upper triangle does not matter. */
    static const double upper[] = {1, NAN, 0, 1};
    assert_int_equal(whole_of(GP_OP_EIGH, 2, 2, upper, 6, x, &warning, &err), GPUPROC_OK);
    assert_true(x[0] == 1 && x[1] == 1);
    assert_int_equal(whole_of(GP_OP_CHOLESKY, 2, 2, upper, 4, x, &warning, &err), GPUPROC_OK);
    assert_true(x[1] == 0 && x[3] == 1);
    /* NaN goes through the others, and nothing is said of it. */
    assert_int_equal(whole_of(GP_OP_DET, 2, 2, odd, 1, x, &warning, &err), GPUPROC_OK);
    assert_true(isnan(x[0]) && warning == NULL);
    assert_int_equal(whole_of(GP_OP_INV, 2, 2, odd, 4, x, &warning, &err), GPUPROC_OK);
    assert_true(isnan(x[0]) && warning == NULL);
    assert_int_equal(whole_of(GP_OP_QR, 2, 2, odd, 8, x, &warning, &err), GPUPROC_OK);
    assert_true(isnan(x[0]));
}

static void determinants_of_singular_and_large(void **state)
{
    (void)state;
    if (!gp_linalg_has_lapack(linalg)) skip();
    gpuproc_error err;
    const char *warning;
    double x[2];
    static const double low[] = {1, 2, 2, 4}, large[] = {1e200, 0, 0, 0, 1e200, 0, 0, 0, 1e-300}, larger[] = {-1e200, 0, 0, 1e200};
    assert_int_equal(whole_of(GP_OP_DET, 2, 2, low, 1, x, &warning, &err), GPUPROC_OK);
    assert_true(x[0] == 0);
    assert_int_equal(whole_of(GP_OP_SLOGDET, 2, 2, low, 2, x, &warning, &err), GPUPROC_OK);
    assert_true(x[0] == 0 && x[1] == -INFINITY);
    assert_int_equal(whole_of(GP_OP_DET, 3, 3, large, 1, x, &warning, &err), GPUPROC_OK);
    assert_true(fabs(x[0] / 1e100 - 1) < 1e-14);
    assert_int_equal(whole_of(GP_OP_DET, 2, 2, larger, 1, x, &warning, &err), GPUPROC_OK);
    assert_true(x[0] == -INFINITY);
}

static void nearly_singular(void **state)
{
    (void)state;
    if (!gp_linalg_has_lapack(linalg)) skip();
    gpuproc_error err;
    const char *warning;
    double x[4];
    static const double good[] = {1, 1, 1, 2}, bad[] = {1, 1, 1, 1 + DBL_EPSILON}, bad_solve[] = {1, 1, 1, 1, 1 + DBL_EPSILON, 2};
    assert_int_equal(whole_of(GP_OP_INV, 2, 2, good, 4, x, &warning, &err), GPUPROC_OK);
    assert_null(warning);
    assert_int_equal(whole_of(GP_OP_INV, 2, 2, bad, 4, x, &warning, &err), GPUPROC_OK);
    assert_non_null(strstr(warning, "nearly singular"));
    assert_int_equal(whole_of(GP_OP_SOLVE, 2, 3, bad_solve, 2, x, &warning, &err), GPUPROC_OK);
    assert_non_null(strstr(warning, "nearly singular"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_matrices),
        cmocka_unit_test(refused),
        cmocka_unit_test(determinants_of_singular_and_large),
        cmocka_unit_test(nearly_singular),
    };
    return cmocka_run_group_tests(tests, open_linalg, close_linalg);
}
