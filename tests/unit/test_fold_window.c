/* Windows along an axis, against each window's sum or extreme in a wider type; the bits may depend
 * on neither the pieces nor the threads. */
#include "cases.h"
#include "fold_run.h"

static void reference_check(const gp_fold_spec *spec, int axis, const void *data, const void *result)
{
    const gp_shape *s = &spec->shape;
    gp_dtype dtype = spec->dtype;
    uint64_t inner = 1, rows = (uint64_t)s->dim[axis], count = gp_shape_size(&spec->result), size = (uint64_t)spec->size;
    for (int d = axis + 1; d < s->ndim; d++) inner *= (uint64_t)s->dim[d];
    uint64_t given = (rows - size + 1) * inner;
    uint64_t step = 1 + count * size / 4000000; /* some of them, where the windows are large */
    for (uint64_t i = 0; i < count; i += step) {
        uint64_t first = i / given * rows * inner + i % given, word = 0, best = first;
        long double sum = 0, scale = 0, found = element(dtype, result, i);
        for (uint64_t k = 0; k < size; k++) {
            uint64_t at = first + k * inner;
            long double x = element(dtype, data, at), b = element(dtype, data, best);
            word += element_word(dtype, data, at);
            sum += x;
            scale += fabsl(x);
            if (!isnan(b) && (isnan(x) || (spec->op == GP_OP_WINMAX ? x > b : x < b))) best = at;
        }
        if (spec->op == GP_OP_WINMAX || spec->op == GP_OP_WINMIN) {
            long double b = element(dtype, data, best);
            assert_true(isnan(b) ? isnan(found) : b == found);
        } else if (!gp_dtype_is_float(dtype)) {
            uint64_t bits = 0;
            memcpy(&bits, (const char *)result + i * gpuproc_dtype_bytes(dtype), gpuproc_dtype_bytes(dtype));
            assert_int_equal(bits, word & (UINT64_MAX >> (64 - 8 * gpuproc_dtype_bytes(dtype))));
        } else if (isnan(sum) || isnan(found)) {
            assert_true(isnan(sum) && isnan(found));
        } else {
            if (spec->op == GP_OP_WINMEAN) {
                sum /= (long double)size;
                scale /= (long double)size;
            }
            if (dtype == GPUPROC_FLOAT32) sum = (long double)(float)sum;
            long double allowed = dtype == GPUPROC_FLOAT32 ? fabsl(sum) * 0x1p-23L + scale * 0x1p-45L : fabsl(sum) * 0x1p-52L + scale * 0x1p-62L;
            assert_true(sum == found || fabsl(found - sum) <= allowed);
        }
    }
}

static void check(gp_op op, gp_dtype dtype, const gp_shape *shape, int axis, int64_t size, random_state *r, bool wild)
{
    gp_fold_spec spec = {.op = op, .operand = {dtype}, .operands = 1, .shape = *shape, .result = *shape,
                         .axes = 1u << axis, .size = size, .dtype = dtype};
    spec.result.dim[axis] -= size - 1;
    uint64_t count = gp_shape_size(shape);
    void *data = random_elements(r, dtype, count, wild);
    gpuproc_status st;
    void *result = fold_run(&spec, data, r, 0, 1, false, NULL, &st);
    fold_same_when_cut(&spec, data, result, false, r);
    reference_check(&spec, axis, data, result);
    free(result);
    free(data);
}

static const gp_op all_ops[] = {GP_OP_WINSUM, GP_OP_WINMEAN, GP_OP_WINMAX, GP_OP_WINMIN};

static void small_shapes(void **state)
{
    (void)state;
    random_state r = {21};
    for (int round = 0; round < RANDOM_CASES(1200); round++) {
        int axis;
        gp_shape shape = random_small_shape(&r, &axis);
        if (gp_shape_size(&shape) > 20000) continue;
        gp_op op = all_ops[random_below(&r, 4)];
        gp_dtype dtype = all_dtypes[random_below(&r, 11)];
        if (random_below(&r, 2) == 0) dtype = round & 2 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
        if (!fold_takes(op, dtype)) continue;
        if (shape.dim[axis] == 0) continue;
        int64_t size = 1 + (int64_t)random_below(&r, (uint64_t)shape.dim[axis]);
        if (size > 30 && random_below(&r, 2) == 0) size = 1 + size % 30;
        check(op, dtype, &shape, axis, size, &r, random_below(&r, 2) == 0);
    }
}

static void large_shapes(void **state)
{
    (void)state;
    static const struct { gp_shape shape; int axis; int64_t size; } cases[] = {
        {{1, {300001}}, 0, 1000}, {{1, {300001}}, 0, 5}, {{1, {100001}}, 0, 40000}, {{1, {50000}}, 0, 17}, {{2, {2, 150000}}, 1, 33}, {{2, {3000, 100}}, 1, 7}, {{2, {100, 5000}}, 0, 9}, {{2, {300, 900}}, 1, 33}, {{2, {100, 3000}}, 0, 40},
        {{2, {60000, 3}}, 0, 40}, {{3, {3000, 9, 7}}, 1, 4}, {{2, {60000, 3}}, 1, 2}, {{3, {4, 100, 700}}, 1, 33},
    };
    random_state r = {22};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int k = 0; k < 4; k++) {
            check(all_ops[k], GPUPROC_FLOAT32, &cases[i].shape, cases[i].axis, cases[i].size, &r, false);
            check(all_ops[k], GPUPROC_FLOAT64, &cases[i].shape, cases[i].axis, cases[i].size, &r, false);
            gp_dtype dtype = all_dtypes[1 + random_below(&r, 8)];
            if (fold_takes(all_ops[k], dtype)) check(all_ops[k], dtype, &cases[i].shape, cases[i].axis, cases[i].size, &r, false);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_shapes),
        cmocka_unit_test(large_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
