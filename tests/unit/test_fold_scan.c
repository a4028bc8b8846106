/* Scans along an axis, against running sums in a wider type; the bits may depend on neither the
 * pieces nor the threads, nor on whether the result is written over the operand. */
#include "cases.h"
#include "fold_run.h"

static void reference_check(const gp_fold_spec *spec, int axis, const void *data, const void *result)
{
    const gp_shape *s = &spec->shape;
    gp_dtype dtype = spec->dtype;
    uint64_t inner = 1, rows = (uint64_t)s->dim[axis], count = gp_shape_size(s);
    for (int d = axis + 1; d < s->ndim; d++) inner *= (uint64_t)s->dim[d];
    bool is_float = gp_dtype_is_float(dtype);
    long double unit = dtype == GPUPROC_FLOAT32 ? 0x1p-24L : 0x1p-53L;
    for (uint64_t i = 0; i < count; i++) {
        if (i / inner % rows != 0) continue;
        long double sum = 0, size = 0, product = 1;
        uint64_t word = 0, power = 1, best = i;
        for (uint64_t k = 0; k < rows; k++) {
            uint64_t at = i + k * inner;
            long double x = element(dtype, data, at), found = element(dtype, result, at);
            word += element_word(dtype, data, at);
            power *= element_word(dtype, data, at);
            sum += x;
            size += fabsl(x);
            product *= x;
            uint64_t bits = 0;
            memcpy(&bits, (const char *)result + at * gpuproc_dtype_bytes(dtype), gpuproc_dtype_bytes(dtype));
            uint64_t mask = UINT64_MAX >> (64 - 8 * gpuproc_dtype_bytes(dtype));
            switch (spec->op) {
            case GP_OP_CUMSUM:
            case GP_OP_CUMPROD: {
                if (!is_float) {
                    assert_int_equal(bits, (spec->op == GP_OP_CUMSUM ? word : power) & mask);
                    break;
                }
                long double expected = spec->op == GP_OP_CUMSUM ? sum : product;
                if (isnan(expected) || isnan(found)) {
                    /* A product that is 0 or infinite in float64 only. */
                    assert_true((isnan(expected) && isnan(found)) || spec->op == GP_OP_CUMPROD);
                    break;
                }
                if (spec->op == GP_OP_CUMPROD && !(fabsl(expected) > 1e-290L && fabsl(expected) < 1e290L)) break;
                if (dtype == GPUPROC_FLOAT32) expected = (long double)(float)expected;
                long double allowed = spec->op == GP_OP_CUMPROD ? fabsl(expected) * (unit * 2.01L + (long double)(k + 1) * 0x1p-53L) + 0x1p-149L
                                      : fabsl(expected) * unit * 2.01L + size * (dtype == GPUPROC_FLOAT32 ? 0x1p-42L : 0x1p-62L);
                assert_true(expected == found || fabsl(found - expected) <= allowed);
                break;
            }
            default: {
                bool most = spec->op == GP_OP_CUMMAX;
                long double b = element(dtype, data, best);
                if (!isnan(b) && (isnan(x) || (most ? x > b : x < b))) best = at;
                b = element(dtype, data, best);
                assert_true(isnan(b) ? isnan(found) : b == found);
                break;
            }
            }
        }
    }
}

static void check(gp_op op, gp_dtype dtype, const gp_shape *shape, int axis, random_state *r, bool wild)
{
    gp_fold_spec spec = {.op = op, .operand = {dtype}, .operands = 1, .shape = *shape, .result = *shape,
                         .axes = 1u << axis, .dtype = dtype};
    uint64_t count = gp_shape_size(shape);
    void *data = random_elements(r, dtype, count, wild);
    gpuproc_status st;
    void *result = fold_run(&spec, data, r, 0, 1, false, NULL, &st);
    fold_same_when_cut(&spec, data, result, true, r);
    reference_check(&spec, axis, data, result);
    free(result);
    free(data);
}

static const gp_op all_ops[] = {GP_OP_CUMSUM, GP_OP_CUMPROD, GP_OP_CUMMAX, GP_OP_CUMMIN};

static void small_shapes(void **state)
{
    (void)state;
    random_state r = {11};
    for (int round = 0; round < RANDOM_CASES(1200); round++) {
        int axis;
        gp_shape shape = random_small_shape(&r, &axis);
        if (gp_shape_size(&shape) > 20000) continue;
        gp_op op = all_ops[random_below(&r, 4)];
        gp_dtype dtype = all_dtypes[random_below(&r, 11)];
        if (random_below(&r, 2) == 0) dtype = round & 2 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
        if (!fold_takes(op, dtype)) continue;
        check(op, dtype, &shape, axis, &r, random_below(&r, 2) == 0);
    }
}

static void large_shapes(void **state)
{
    (void)state;
    static const struct { gp_shape shape; int axis; } cases[] = {
        {{1, {300001}}, 0}, {{2, {5, 60000}}, 1}, {{2, {300, 900}}, 1}, {{2, {100, 3000}}, 0},
        {{2, {60000, 3}}, 0}, {{3, {3000, 9, 7}}, 1}, {{2, {60000, 3}}, 1}, {{3, {4, 100, 700}}, 1},
    };
    random_state r = {12};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int k = 0; k < 4; k++) {
            check(all_ops[k], GPUPROC_FLOAT32, &cases[i].shape, cases[i].axis, &r, false);
            check(all_ops[k], GPUPROC_FLOAT64, &cases[i].shape, cases[i].axis, &r, false);
            check(all_ops[k], all_dtypes[1 + random_below(&r, 8)], &cases[i].shape, cases[i].axis, &r, false);
        }
    }
}

/* A product that would underflow in its block alone, but does not after what stands before it. */
static void products_in_order(void **state)
{
    (void)state;
    enum { N = 1100 };
    double x[N];
    for (int i = 0; i < N; i++) x[i] = i < 500 ? 1.5 : i < 510 ? 1e20 : i < 1020 ? 1 : i < 1035 ? 1e-20 : 1;
    gp_shape shape = {1, {N}};
    gp_fold_spec spec = {.op = GP_OP_CUMPROD, .operand = {GPUPROC_FLOAT64}, .operands = 1, .shape = shape, .result = shape,
                         .axes = 1, .dtype = GPUPROC_FLOAT64};
    random_state r = {13};
    gpuproc_status st;
    double *result = fold_run(&spec, x, &r, 3, 2, true, NULL, &st), product = 1;
    for (int i = 0; i < N; i++) {
        product *= x[i];
        assert_true(result[i] == product);
    }
    free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_in_order),
        cmocka_unit_test(small_shapes),
        cmocka_unit_test(large_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
