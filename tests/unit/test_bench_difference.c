/* How far gpuproc bench says two results are from each other. */
#include "cli/bench_lab.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bench_result floats(float *data, uint64_t count)
{
    return (bench_result){.dtype = GPUPROC_FLOAT32, .count = count, .data = data};
}

static void test_units_of_each(void **state)
{
    (void)state;
    float a[] = {1, 2, NAN, INFINITY, 0}, b[5];
    memcpy(b, a, sizeof a);
    bench_result x = floats(a, 5), y = floats(b, 5);
    assert_true(bench_difference(&x, &y, false) == 0);
    b[0] = nextafterf(1, 2);
    assert_true(bench_difference(&x, &y, false) == 1);
    b[1] = nextafterf(nextafterf(nextafterf(2, 3), 3), 3);
    assert_true(bench_difference(&x, &y, false) == 3);
    /* Of the largest value each is less: its unit is 2^-22. */
    float c[] = {1, 2}, d[] = {nextafterf(1, 2), 2};
    x = floats(c, 2);
    y = floats(d, 2);
    assert_true(bench_difference(&x, &y, true) == 0.5);
}

static void test_what_is_no_number(void **state)
{
    (void)state;
    float a[] = {NAN, 1}, b[] = {1, 1}, c[] = {INFINITY, 1}, zero[] = {0, 1}, minus[] = {-0.0f, 1};
    bench_result x = floats(a, 2), y = floats(b, 2), z = floats(c, 2), p = floats(zero, 2), m = floats(minus, 2);
    assert_true(isinf(bench_difference(&x, &y, false)));
    assert_true(isinf(bench_difference(&y, &z, false)));
    assert_true(isinf(bench_difference(&z, &y, true)));
    assert_true(bench_difference(&p, &m, false) == 0);
    bench_result fewer = floats(b, 1);
    assert_true(isinf(bench_difference(&y, &fewer, false)));
}

static void test_scalars_and_integers(void **state)
{
    (void)state;
    bench_result a = {.scalars = 2, .scalar = {{.dtype = GPUPROC_FLOAT64, .value.f = 1}, {.dtype = GPUPROC_INT64, .value.i = 7}}};
    bench_result b = a;
    assert_true(bench_difference(&a, &b, false) == 0);
    b.scalar[0].value.f = nextafter(1, 0);
    assert_true(bench_difference(&a, &b, false) == 1); /* of the unit below 1 */
    b = a;
    b.scalar[1].value.i = 8;
    assert_true(isinf(bench_difference(&a, &b, false)));
    b = a;
    b.scalars = 1;
    assert_true(isinf(bench_difference(&a, &b, false)));
    b = a;
    b.scalar[0].dtype = GPUPROC_FLOAT32;
    assert_true(isinf(bench_difference(&a, &b, false)));
    int32_t i[] = {1, 2}, k[] = {1, 3};
    bench_result u = {.dtype = GPUPROC_INT32, .count = 2, .data = i}, v = {.dtype = GPUPROC_INT32, .count = 2, .data = k};
    assert_true(isinf(bench_difference(&u, &v, false)));
    assert_true(bench_difference(&u, &u, false) == 0);
    double e[] = {1, 1}, f[] = {1, nextafter(1, 2)};
    bench_result w = {.dtype = GPUPROC_COMPLEX128, .count = 1, .data = e}, s = {.dtype = GPUPROC_COMPLEX128, .count = 1, .data = f};
    assert_true(bench_difference(&s, &w, false) == 1);
    bench_result g = {.scalars = 1, .scalar = {{.dtype = GPUPROC_COMPLEX128, .value.c = {1, 1}}}}, h = g;
    assert_true(bench_difference(&g, &h, false) == 0);
    h.scalar[0].value.c[1] = nextafter(1, 2);
    assert_true(bench_difference(&h, &g, false) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units_of_each),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_scalars_and_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
