/* Reductions along axes, against plain sums in a wider type, for many shapes, axes, dtypes and ways
 * to cut; the bits may depend on neither the pieces nor the threads. */
#include "cases.h"
#include "fold_run.h"

#include <math.h>

static gp_dtype result_dtype(gp_op op, gp_dtype operand)
{
    switch (op) {
    case GP_OP_SUM:
    case GP_OP_PROD:
        return gp_dtype_is_float(operand) ? operand
               : gp_dtype_kind(operand) == GP_KIND_UINT ? GPUPROC_UINT64
                                                        : GPUPROC_INT64;
    case GP_OP_MEAN: return gp_dtype_is_float(operand) ? operand : GPUPROC_FLOAT64;
    case GP_OP_ARGMIN:
    case GP_OP_ARGMAX:
    case GP_OP_COUNT_NONZERO: return GPUPROC_INT64;
    case GP_OP_ANY:
    case GP_OP_ALL: return GPUPROC_BOOL;
    default: return operand;
    }
}

static gp_fold_spec spec_of(gp_op op, gp_dtype operand, const gp_shape *shape, uint32_t axes)
{
    gp_fold_spec spec = {.op = op, .operand = {operand}, .operands = 1, .shape = *shape, .axes = axes,
                         .dtype = result_dtype(op, operand)};
    for (int d = 0; d < shape->ndim; d++) {
        if ((axes >> d & 1) == 0) spec.result.dim[spec.result.ndim++] = shape->dim[d];
    }
    return spec;
}

/* The elements of one cell, in order: their indices in the operand. */
static uint64_t gather(const gp_fold_spec *spec, uint64_t cell, uint64_t *index)
{
    const gp_shape *s = &spec->shape;
    uint64_t count = gp_shape_size(s), n = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = i, at = 0, scale = 1;
        for (int d = s->ndim; d-- > 0;) {
            uint64_t k = left % (uint64_t)s->dim[d];
            left /= (uint64_t)s->dim[d];
            if (spec->axes >> d & 1) continue;
            at += k * scale;
            scale *= (uint64_t)s->dim[d];
        }
        if (at == cell) index[n++] = i;
    }
    return n;
}

static bool close_to(gp_dtype dtype, const void *result, uint64_t at, long double expected, long double scale)
{
    long double found = element(dtype, result, at);
    if (isnan(expected) || isnan(found)) return isnan(expected) && isnan(found);
    if (dtype == GPUPROC_FLOAT32 && isinf((float)expected)) expected = (long double)(float)expected;
    if (isinf((double)expected)) expected = (long double)(double)expected;
    if (isinf(expected) || isinf(found)) return expected == found;
    long double unit = dtype == GPUPROC_FLOAT32 ? 0x1p-24L : 0x1p-52L;
    return fabsl(found - expected) <= unit * (fabsl(expected) * 1.01L) + 0x1p-51L * scale + 0x1p-149L;
}

static bool is_less(gp_dtype dtype, const void *data, uint64_t i, uint64_t j)
{
    if (dtype == GPUPROC_UINT64) return ((const uint64_t *)data)[i] < ((const uint64_t *)data)[j];
    if (dtype == GPUPROC_INT64) return ((const int64_t *)data)[i] < ((const int64_t *)data)[j];
    return element(dtype, data, i) < element(dtype, data, j);
}

static void check_extreme(const gp_fold_spec *spec, const void *data, const void *result, uint64_t cell,
                          const uint64_t *index, uint64_t n)
{
    gp_dtype dtype = spec->operand[0];
    bool most = spec->op == GP_OP_MAX || spec->op == GP_OP_ARGMAX;
    uint64_t best = 0;
    for (uint64_t k = 1; k < n; k++) {
        if (isnan(element(dtype, data, index[best]))) break;
        if (isnan(element(dtype, data, index[k])) ||
            (most ? is_less(dtype, data, index[best], index[k]) : is_less(dtype, data, index[k], index[best])))
            best = k;
    }
    if (spec->op == GP_OP_ARGMIN || spec->op == GP_OP_ARGMAX) {
        assert_int_equal(((const int64_t *)result)[cell], best);
        return;
    }
    long double expected = element(dtype, data, index[best]), found = element(dtype, result, cell);
    if (isnan(expected)) {
        assert_true(isnan(found));
        return;
    }
    if (expected == 0 && gp_dtype_is_float(dtype)) {
        bool any = false; /* of the sign that wins */
        for (uint64_t k = 0; k < n; k++) {
            long double x = element(dtype, data, index[k]);
            any = any || (x == 0 && (signbit(x) != 0) == !most);
        }
        assert_int_equal(signbit(found) != 0, any ? !most : most);
    }
    assert_true(expected == found);
}

static void check_cell(const gp_fold_spec *spec, const void *data, const void *result, uint64_t cell,
                       const uint64_t *index, uint64_t n)
{
    gp_dtype dtype = spec->operand[0];
    long double sum = 0, size = 0, product = 1;
    uint64_t word = 0, power = 1, trues = 0;
    bool negative_zero = n > 0;
    for (uint64_t k = 0; k < n; k++) {
        long double x = element(dtype, data, index[k]);
        sum += x;
        size += fabsl(x);
        product *= x;
        negative_zero = negative_zero && x == 0 && signbit(x);
        word += element_word(dtype, data, index[k]);
        power *= element_word(dtype, data, index[k]);
        trues += x != 0;
    }
    switch (spec->op) {
    case GP_OP_SUM:
        if (!gp_dtype_is_float(dtype)) {
            assert_int_equal(((const uint64_t *)result)[cell], word);
            return;
        }
        assert_true(close_to(spec->dtype, result, cell, sum, dtype == GPUPROC_FLOAT64 ? 0x1p-11L * size : size));
        if (negative_zero) assert_true(signbit(element(spec->dtype, result, cell)));
        return;
    case GP_OP_MEAN: assert_true(close_to(spec->dtype, result, cell, n == 0 ? (long double)NAN : sum / (long double)n, size)); return;
    case GP_OP_PROD:
        if (!gp_dtype_is_float(dtype))
            assert_int_equal(((const uint64_t *)result)[cell], power);
        else if (isnan(product) || n < 40) /* else the float64 in between may overflow */
            assert_true(close_to(spec->dtype, result, cell, product, fabsl(product) * 64));
        return;
    case GP_OP_ANY: assert_int_equal(((const uint8_t *)result)[cell], trues != 0); return;
    case GP_OP_ALL: assert_int_equal(((const uint8_t *)result)[cell], trues == n); return;
    case GP_OP_COUNT_NONZERO: assert_int_equal(((const int64_t *)result)[cell], trues); return;
    case GP_OP_VAR:
    case GP_OP_STD: {
        long double mean = sum / (long double)n, squares = 0, divisor = (long double)n - (long double)spec->ddof;
        for (uint64_t k = 0; k < n; k++) {
            long double d = element(dtype, data, index[k]) - mean;
            squares += d * d;
        }
        long double var = (n == 0 ? 0 : squares) / (divisor > 0 ? divisor : 0);
        if (divisor <= 0 && squares < 0x1p-100L * size * size) return; /* 0 / 0 or nearly so */
        if (spec->op == GP_OP_STD) var = sqrtl(var);
        /* What the reference itself rounds. */
        assert_true(close_to(spec->dtype, result, cell, var, isnan(var) || isinf(var) ? 0 : 0x1p-10L * size + fabsl(var) * 4));
        return;
    }
    default: check_extreme(spec, data, result, cell, index, n); return;
    }
}

/* All ways to cut give the same bits; the cells (some of them) are right. */
static void check(const gp_fold_spec *spec, const void *data, random_state *r, bool every_style)
{
    gpuproc_status st;
    uint64_t count = gp_shape_size(&spec->shape), cells = gp_shape_size(&spec->result);
    void *result = fold_run(spec, data, r, 0, 1, false, NULL, &st);
    uint64_t reduced = 1;
    for (int d = 0; d < spec->shape.ndim; d++) {
        if (spec->axes >> d & 1) reduced *= (uint64_t)spec->shape.dim[d];
    }
    bool extreme = spec->op == GP_OP_MIN || spec->op == GP_OP_MAX || spec->op == GP_OP_ARGMIN || spec->op == GP_OP_ARGMAX;
    assert_int_equal(st, extreme && reduced == 0 ? GPUPROC_DOMAIN : GPUPROC_OK);
    if (st == GPUPROC_OK) {
        for (int style = every_style ? 0 : 2; style < 4; style++) {
            if (style == 1 && count > 3000) continue;
            /* Threads are started for each piece: not for thousands of them. */
            unsigned threads = style == 2 && count > 1000 ? 1 : 1 + (unsigned)random_below(r, 4);
            void *other = fold_run(spec, data, r, style, style == 1 ? 1 : threads, false, NULL, &st);
            if (memcmp(other, result, cells * gpuproc_dtype_bytes(spec->dtype)) != 0) {
                char text[200];
                print_message("%s of %s %s axes %x style %d threads %u\n", gp_op_info_of(spec->op)->name,
                              gpuproc_dtype_name(spec->operand[0]), gp_shape_text(&spec->shape, text, sizeof text),
                              spec->axes, style, threads);
                fail();
            }
            free(other);
        }
        uint64_t *index = exactly((count + 1) * sizeof *index);
        for (int k = 0; k < 12 && cells > 0; k++) {
            uint64_t cell = cells <= 12 ? (uint64_t)k : random_below(r, cells);
            if (cell >= cells) break;
            uint64_t n = gather(spec, cell, index);
            check_cell(spec, data, result, cell, index, n);
        }
        free(index);
    }
    free(result);
}

static const gp_op all_ops[] = {GP_OP_SUM, GP_OP_MEAN, GP_OP_PROD, GP_OP_MIN, GP_OP_MAX, GP_OP_ARGMIN, GP_OP_ARGMAX,
                                GP_OP_VAR, GP_OP_STD, GP_OP_ANY, GP_OP_ALL, GP_OP_COUNT_NONZERO};

static void small_shapes(void **state)
{
    (void)state;
    random_state r = {1};
    for (int round = 0; round < RANDOM_CASES(1500); round++) {
        gp_shape shape = {.ndim = 1 + (int)random_below(&r, 5)};
        for (int d = 0; d < shape.ndim; d++) {
            static const int64_t lengths[] = {1, 2, 3, 4, 5, 7, 9, 16};
            shape.dim[d] = random_below(&r, 40) == 0 ? 0 : lengths[random_below(&r, 8)];
        }
        if (random_below(&r, 3) == 0) shape.dim[random_below(&r, (uint64_t)shape.ndim)] = 1 + (int64_t)random_below(&r, 80);
        if (gp_shape_size(&shape) > 20000) continue;
        gp_op op = all_ops[random_below(&r, 12)];
        gp_dtype dtype = all_dtypes[random_below(&r, 11)];
        if (!fold_takes(op, dtype)) dtype = fold_takes(op, GPUPROC_BOOL) ? GPUPROC_BOOL : round & 1 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
        uint32_t axes = 1 + (uint32_t)random_below(&r, (1u << shape.ndim) - 1);
        gp_fold_spec spec = spec_of(op, dtype, &shape, axes);
        spec.ddof = (double)random_below(&r, 2);
        void *data = random_elements(&r, dtype, gp_shape_size(&shape), random_below(&r, 2) == 0 && op != GP_OP_PROD);
        check(&spec, data, &r, true);
        free(data);
    }
}

/* Shapes that reach every way in which the workers share a piece, blocks and lanes too. */
static void large_shapes(void **state)
{
    (void)state;
    static const struct { gp_shape shape; uint32_t axes; } cases[] = {
        {{2, {700, 1100}}, 1}, {{2, {2500, 100}}, 1}, {{2, {100, 2500}}, 2}, {{2, {100000, 3}}, 1},
        {{2, {100000, 3}}, 2}, {{2, {3, 100000}}, 2}, {{2, {7, 40000}}, 1}, {{3, {2, 50, 2000}}, 2},
        {{4, {4, 6, 50, 130}}, 5}, {{4, {6, 5, 50, 130}}, 10}, {{3, {300, 70, 11}}, 5}, {{3, {300, 70, 11}}, 2},
        {{3, {2, 70000, 1}}, 2}, {{3, {2, 70000, 2}}, 2}, {{2, {90, 1500}}, 2}, {{1, {200000}}, 1},
        {{4, {3, 3, 5, 5000}}, 9}, {{3, {4, 3, 40000}}, 5}, {{3, {3, 40000, 2}}, 2}, {{2, {5, 1030}}, 1},
        /* Runs that are added together. */
        {{2, {1000, 67}}, 2}, {{2, {700, 129}}, 2}, {{3, {40, 7, 65}}, 5}, {{3, {50, 200, 3}}, 2}, {{4, {6, 50, 9, 33}}, 10},
        /* Columns of which a cache does not hold all. */
        {{2, {5, 10000}}, 1}, {{3, {2, 5, 9000}}, 2},
    };
    random_state r = {2};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int k = 0; k < 12; k++) {
            gp_op op = all_ops[k];
            gp_dtype dtype = fold_takes(op, GPUPROC_FLOAT32) ? (i + (size_t)k) & 1 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64 : GPUPROC_BOOL;
            if (fold_takes(op, GPUPROC_INT32) && random_below(&r, 3) == 0) dtype = all_dtypes[1 + random_below(&r, 8)];
            gp_fold_spec spec = spec_of(op, dtype, &cases[i].shape, cases[i].axes);
            void *data = random_elements(&r, dtype, gp_shape_size(&cases[i].shape), false);
            check(&spec, data, &r, false);
            free(data);
        }
    }
}

static void one_cell(gp_op op, const double *x, int64_t n, double ddof, double expected, const char *expected_warning)
{
    random_state r = {3};
    gp_shape shape = {.ndim = 2, .dim = {2, n}};
    gp_fold_spec spec = spec_of(op, GPUPROC_FLOAT64, &shape, 2);
    spec.ddof = ddof;
    double *twice = exactly(2 * (size_t)n * sizeof *twice);
    for (int64_t i = 0; i < 2 * n; i++) twice[i] = x[i % n];
    const char *warning;
    gpuproc_status st;
    double *result = fold_run(&spec, twice, &r, 2, 2, false, &warning, &st);
    for (int i = 0; i < 2; i++) {
        if (isnan(expected))
            assert_true(isnan(result[i]));
        else
            assert_true(result[i] == expected);
    }
    if (expected_warning == NULL)
        assert_null(warning);
    else
        assert_string_equal(warning, expected_warning);
    free(result);
    free(twice);
}

static void numbers(void **state)
{
    (void)state;
    double inf = (double)INFINITY, nan = (double)NAN;
    one_cell(GP_OP_SUM, (double[]){1, 1e100, 1, -1e100}, 4, 0, 2, NULL);
    one_cell(GP_OP_SUM, (double[]){1, inf, 1}, 3, 0, inf, NULL);
    one_cell(GP_OP_SUM, (double[]){inf, -inf, 1}, 3, 0, nan, NULL);
    one_cell(GP_OP_SUM, (double[]){1e308, 1e308}, 2, 0, inf, NULL);
    one_cell(GP_OP_MEAN, NULL, 0, 0, nan, "mean of empty slice");
    one_cell(GP_OP_VAR, NULL, 0, 0, nan, "degrees of freedom <= 0");
    one_cell(GP_OP_VAR, (double[]){5}, 1, 1, nan, "degrees of freedom <= 0");
    one_cell(GP_OP_VAR, (double[]){5, 7}, 2, 2, inf, "degrees of freedom <= 0");
    one_cell(GP_OP_VAR, (double[]){5, 7}, 2, 0, 1, NULL);
    one_cell(GP_OP_VAR, (double[]){5, inf}, 2, 0, nan, NULL);
    one_cell(GP_OP_VAR, (double[]){nan, 5}, 2, 0, nan, NULL);
    one_cell(GP_OP_VAR, (double[]){1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4}, 4, 0, 1.25, NULL);
    one_cell(GP_OP_VAR, (double[]){1e200, -1e200}, 2, 0, inf, NULL);
    one_cell(GP_OP_STD, (double[]){3, 7}, 2, 0, 2, NULL);
    one_cell(GP_OP_PROD, NULL, 0, 0, 1, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(small_shapes),
        cmocka_unit_test(large_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
