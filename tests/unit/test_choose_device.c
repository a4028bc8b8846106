/* What "auto" means for products of matrices. */
#include "session/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* A device without float64. */
static void bytes(gp_device *device, gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, uint64_t *host, uint64_t *there)
{
    (void)device;
    bool has = dtype == GPUPROC_FLOAT32 || dtype == GPUPROC_COMPLEX64;
    *host = *there = has ? (m * k + k * n + m * n) * 4 : UINT64_MAX;
}

static const gp_device_matrix_api matrix = {.bytes = bytes};

static gp_work work_of(gp_dtype dtype, uint64_t m, uint64_t k, uint64_t n)
{
    gp_plan_stored stored[] = {{.product = false},
                               {.product = true, .spec = {.dtype = dtype, .operand = {dtype, dtype}, .stack = 1,
                                                          .m = m, .k = k, .n = n}}};
    gp_plan plan = {.stored = stored, .storeds = 2};
    gp_work work;
    gp_work_of_plan(&plan, &work);
    return work;
}

static void only_large_products_are_for_a_gpu(void **state)
{
    (void)state;
    gp_device gpu = {.matrix = &matrix, .info = {.kind = GPUPROC_DEVICE_OPENCL_GPU}};
    gp_work large = work_of(GPUPROC_FLOAT32, 16384, 16384, 16384);
    assert_int_equal(large.products, 1);
    assert_true(large.operations == 2.0 * 16384 * 16384 * 16384);
    assert_true(large.bytes == 3.0 * 4 * 16384 * 16384);
    assert_true(gp_work_is_for(&large, &gpu));
    gp_work complex = work_of(GPUPROC_COMPLEX64, 16384, 16384, 16384);
    assert_true(complex.operations == 4 * large.operations);
    assert_true(gp_work_is_for(&complex, &gpu));
    gp_work doubles = work_of(GPUPROC_FLOAT64, 16384, 16384, 16384), integers = work_of(GPUPROC_INT32, 16384, 16384, 16384);
    assert_false(gp_work_is_for(&doubles, &gpu));
    assert_false(gp_work_is_for(&integers, &gpu));
    gp_work small = work_of(GPUPROC_FLOAT32, 1024, 1024, 1024), thin = work_of(GPUPROC_FLOAT32, 1 << 20, 1 << 20, 8);
    assert_false(gp_work_is_for(&small, &gpu));
    assert_true(thin.operations > large.operations);
    assert_false(gp_work_is_for(&thin, &gpu));
}

static void only_a_gpu_with_memory_and_a_library(void **state)
{
    (void)state;
    gp_work large = work_of(GPUPROC_FLOAT32, 16384, 16384, 16384);
    gp_device without = {.info = {.kind = GPUPROC_DEVICE_OPENCL_GPU}};
    gp_device processor = {.matrix = &matrix, .info = {.kind = GPUPROC_DEVICE_OPENCL_CPU}};
    gp_device shared = {.matrix = &matrix, .info = {.kind = GPUPROC_DEVICE_OPENCL_GPU, .unified_memory = true}};
    assert_false(gp_work_is_for(&large, &without));
    assert_false(gp_work_is_for(&large, &processor));
    assert_false(gp_work_is_for(&large, &shared));
}

static void nothing_to_multiply(void **state)
{
    gp_plan plan = {0};
    gp_work work;
    gp_device gpu = {.matrix = &matrix, .info = {.kind = GPUPROC_DEVICE_OPENCL_GPU}};
    (void)state;
    gp_work_of_plan(&plan, &work);
    assert_int_equal(work.products, 0);
    assert_false(gp_work_is_for(&work, &gpu));
    work = work_of(GPUPROC_FLOAT32, 0, 5, 0);
    assert_false(gp_work_is_for(&work, &gpu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_large_products_are_for_a_gpu),
        cmocka_unit_test(only_a_gpu_with_memory_and_a_library),
        cmocka_unit_test(nothing_to_multiply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
