/* Folds over matrices against what defines their results, in long double; the same bits however they are cut; memory
 * as they said; every allocation failing in turn. base/memory.c is replaced by the functions below. */
#include "base/memory.h"

#include <complex.h>
#include <float.h>

#include "fold_run.h"

static int allocations, failing; /* the number of the one that fails; 0: none */
static uint64_t allocated;       /* bytes, all together */

void *gp_calloc(size_t count, size_t size)
{
    if (__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == failing) return NULL;
    __atomic_add_fetch(&allocated, count * size, __ATOMIC_RELAXED);
    return calloc(count ? count : 1, size ? size : 1);
}

bool gp_grow(void *array, size_t *capacity, size_t need, size_t size)
{
    (void)array;
    (void)size;
    return need <= *capacity;
}

typedef long double complex number;

static const gp_dtype dtypes[] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_COMPLEX64, GPUPROC_COMPLEX128};
static gp_linalg *linalg;

static number at(gp_dtype dtype, const void *data, uint64_t i)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: return ((const float *)data)[i];
    case GPUPROC_FLOAT64: return ((const double *)data)[i];
    case GPUPROC_COMPLEX64: return ((const float complex *)data)[i];
    default: return ((const double complex *)data)[i];
    }
}

static void set(gp_dtype dtype, void *data, uint64_t i, number x)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: ((float *)data)[i] = (float)creall(x); break;
    case GPUPROC_FLOAT64: ((double *)data)[i] = (double)creall(x); break;
    case GPUPROC_COMPLEX64: ((float complex *)data)[i] = (float complex)x; break;
    default: ((double complex *)data)[i] = (double complex)x; break;
    }
}

static bool is_single(gp_dtype dtype) { return dtype == GPUPROC_FLOAT32 || dtype == GPUPROC_COMPLEX64; }
static long double eps_of(gp_dtype dtype) { return is_single(dtype) ? FLT_EPSILON : DBL_EPSILON; }
static bool is_complex(gp_dtype dtype) { return gp_dtype_kind(dtype) == GP_KIND_COMPLEX; }

static void *matrices(random_state *r, gp_dtype dtype, uint64_t count)
{
    void *data = exactly(count * gpuproc_dtype_bytes(dtype));
    for (uint64_t i = 0; i < count; i++) {
        long double re = (long double)(random_bits(r) >> 11) * 0x1p-52L - 1, im = (long double)(random_bits(r) >> 11) * 0x1p-52L - 1;
        set(dtype, data, i, is_complex(dtype) ? re + im * I : re);
    }
    return data;
}

static gp_fold_spec spec_of(gp_op op, gp_dtype dtype, int64_t m, int64_t n, int64_t size, uint64_t results)
{
    return (gp_fold_spec){.op = op, .operand = {dtype}, .operands = 1, .shape = {2, {m, n}}, .size = size, .ddof = -1,
                          .dtype = dtype, .result = {1, {(int64_t)results}}, .linalg = linalg};
}

static void *result_of(const gp_fold_spec *spec, const void *data, random_state *r)
{
    gpuproc_status st;
    gpuproc_error err;
    allocated = 0;
    void *result = fold_run_with(spec, data, r, 0, 1, false, 0, NULL, &st, &err);
    if (st != GPUPROC_OK) print_message("%s: %s\n", gp_op_info_of(spec->op)->name, err.message);
    assert_int_equal(st, GPUPROC_OK);
    assert_true(allocated <= gp_fold_bytes(spec));
    assert_true(2 * allocated + 4096 >= gp_fold_bytes(spec)); /* and not much more was asked for */
    fold_same_when_cut(spec, data, result, false, r);
    return result;
}

/* (m, n) += scale * op(a) @ b with strides in elements; conj: of a. */
typedef struct operand {
    const void *data;
    uint64_t row, column;
    bool conj;
} operand;

static number *product(gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, operand a, operand b)
{
    number *c = calloc(m * n + 1, sizeof *c);
    for (uint64_t i = 0; i < m; i++)
        for (uint64_t l = 0; l < k; l++) {
            number x = at(dtype, a.data, i * a.row + l * a.column);
            if (a.conj) x = conjl(x);
            for (uint64_t j = 0; j < n; j++) {
                number y = at(dtype, b.data, l * b.row + j * b.column);
                c[i * n + j] += x * (b.conj ? conjl(y) : y);
            }
        }
    return c;
}

/* Every element of a - b is at most `bound`; b NULL: the identity. */
static void near(const char *what, const number *a, const number *b, uint64_t m, uint64_t n, long double bound)
{
    for (uint64_t i = 0; i < m; i++)
        for (uint64_t j = 0; j < n; j++) {
            number y = b != NULL ? b[i * n + j] : i == j;
            long double d = cabsl(a[i * n + j] - y);
            if (!(d <= bound)) {
                print_message("%s: element (%d, %d) of (%d, %d) is off by %Lg, %Lg is allowed\n", what, (int)i, (int)j,
                              (int)m, (int)n, d, bound);
                fail();
            }
        }
}

static number *wide(gp_dtype dtype, const void *data, uint64_t first, uint64_t count)
{
    number *x = calloc(count + 1, sizeof *x);
    for (uint64_t i = 0; i < count; i++) x[i] = at(dtype, data, first + i);
    return x;
}

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
                near("gram", x, y, rows, n, (long double)(m + 2) * eps_of(dtype) * 2);
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

/* ---- Whole matrices ---- */

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

static int open_linalg(void **state)
{
    (void)state;
    return gp_linalg_open(&linalg, NULL) == GPUPROC_OK ? 0 : -1;
}

static int close_linalg(void **state)
{
    (void)state;
    gp_linalg_close(linalg);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gram),           cmocka_unit_test(gram_exact),
        cmocka_unit_test(qr_of_rows),     cmocka_unit_test(qr_is_sound),
        cmocka_unit_test(least_squares),  cmocka_unit_test(least_squares_of_low_rank),
        cmocka_unit_test(whole_matrices), cmocka_unit_test(refused),
        cmocka_unit_test(determinants_of_singular_and_large), cmocka_unit_test(nearly_singular),
        cmocka_unit_test(without_lapack), cmocka_unit_test(too_little_memory),
        cmocka_unit_test(every_allocation),
    };
    return cmocka_run_group_tests(tests, open_linalg, close_linalg);
}
