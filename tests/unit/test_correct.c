/* Figures that jobs correct: one spike teaches nothing, a lasting change is learnt, and nothing
 * goes out of bounds. */
#include "plan/correct.h"

#include "lang/compile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double base[GP_RATES_HOST_COUNT];

static void begin(gp_corrections *c)
{
    for (int i = 0; i < GP_RATES_HOST_COUNT; i++) base[i] = 10;
    gp_corrections_begin(c, false, base);
}

static double value(const gp_corrections *c)
{
    double values[GP_RATES_HOST_COUNT];
    memcpy(values, base, sizeof values);
    gp_corrections_apply(c, values);
    assert_true(values[GP_RATE_HOST_lapack_qr] == 10); /* none of those that are corrected */
    return values[GP_RATE_HOST_disk_read];
}

static void see(gp_corrections *c, double v)
{
    gp_corrections_add(c, GP_RATE_HOST_disk_read, v);
}

static void one_spike_teaches_nothing(void **state)
{
    (void)state;
    static const double spike[] = {0.001, 1e9, (double)INFINITY, (double)NAN, 0, -5};
    for (size_t s = 0; s < sizeof spike / sizeof spike[0]; s++) {
        for (int at = 0; at < 12; at++) {
            gp_corrections c;
            begin(&c);
            for (int k = 0; k < 12; k++) {
                see(&c, k == at ? spike[s] : 10 + 0.02 * (k % 3));
                assert_true(value(&c) == 10);
            }
        }
    }
}

static void few_jobs_teach_nothing(void **state)
{
    (void)state;
    gp_corrections c;
    begin(&c);
    for (int k = 0; k < GP_CORRECT_ENOUGH - 1; k++) see(&c, 3);
    assert_true(value(&c) == 10);
    gp_corrections_add(&c, GP_RATE_HOST_job_ns, 3); /* nothing that is corrected */
    assert_true(value(&c) == 10);
}

static void a_lasting_change_is_learnt(void **state)
{
    (void)state;
    gp_corrections c;
    begin(&c);
    for (int k = 0; k < GP_CORRECT_KEPT; k++) see(&c, 10);
    double last = 10;
    int jobs = 0;
    while (fabs(value(&c) - 4) > 0.25 && jobs < 40) {
        see(&c, 4);
        jobs++;
        assert_true(value(&c) <= last && value(&c) >= last / 1.2501); /* by bounded steps */
        last = value(&c);
    }
    assert_in_range(jobs, GP_CORRECT_KEPT / 2 + 1, 12);
    assert_int_equal(gp_corrections_find(&c, GP_RATE_HOST_disk_read)->jobs, GP_CORRECT_KEPT + jobs);
}

static void bounds_are_kept(void **state)
{
    (void)state;
    gp_corrections c;
    begin(&c);
    for (int k = 0; k < 200; k++) see(&c, 1e-6);
    assert_true(value(&c) >= 10 / 16.01);
    for (int k = 0; k < 200; k++) see(&c, 1e12);
    assert_true(value(&c) <= 160.1);
}

static void text_goes_there_and_back(void **state)
{
    (void)state;
    gp_corrections c, back;
    gp_text text = {0};
    begin(&c);
    for (int k = 0; k < 13; k++) see(&c, 5 + 0.01 * k);
    gp_corrections_add(&c, GP_RATE_HOST_write, 7);
    gp_corrections_write(&c, "this machine", &text);
    assert_false(text.failed);
    gp_corrections_begin(&back, false, base);
    assert_true(gp_corrections_read(text.data, "this machine", &back));
    assert_true(fabs(value(&back) - value(&c)) < 1e-5);
    see(&c, 9); /* the oldest one goes, in both */
    see(&back, 9);
    assert_true(fabs(value(&back) - value(&c)) < 1e-5);
    assert_int_equal(gp_corrections_find(&back, GP_RATE_HOST_write)->jobs, 1);

    gp_corrections_begin(&back, false, base);
    assert_false(gp_corrections_read(text.data, "another machine", &back));
    assert_true(value(&back) == 10);
    /* Cut off, or with another byte: nothing of it is taken, or nothing that is out of bounds. */
    for (size_t n = 0; n < text.length; n++) {
        char *cut = strndup(text.data, n), *other = strndup(text.data, text.length);
        assert_false(gp_corrections_read(cut, "this machine", &back));
        assert_true(value(&back) == 10);
        other[n] = other[n] == 'x' ? '-' : 'x';
        assert_false(gp_corrections_read(other, "this machine", &back));
        assert_true(value(&back) == 10);
        free(cut);
        free(other);
    }
    static const char *const odd[] = {
        "gpuproc corrections 1\nfor this machine\ndisk_read 10000000 99000000000 5 5000000\nend\n",
        "gpuproc corrections 1\nfor this machine\ndisk_read 10000000 0 5 5000000\nend\n",
        "gpuproc corrections 1\nfor this machine\ndisk_read 10000000 10000000 5 1 1 1 1 1 1 1 1 1 "
        "1\nend\n",
        "gpuproc corrections 1\nfor this machine\ndisk_read 10000000 10000000 5 0\nend\n",
        "gpuproc corrections 1\nfor this machine\nlapack_qr 10000000 20000000 5 5000000\nend\n",
        ""};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        assert_false(gp_corrections_read(odd[i], "this machine", &back));
        assert_true(value(&back) == 10);
    }
    /* Calibrated anew since. */
    base[GP_RATE_HOST_disk_read] = 11;
    gp_corrections_begin(&back, false, base);
    assert_true(gp_corrections_read(text.data, "this machine", &back));
    assert_true(value(&back) == 11);
    gp_text_free(&text);
}

/* A pass over x, 512 MiB, which reading limits. */
static void only_clear_stages_are_told(void **state)
{
    (void)state;
    const gp_input x = {.name = "x", .dtype = GPUPROC_FLOAT64, .shape = {1, {1 << 26}}};
    gp_program program;
    gp_plan plan;
    assert_int_equal(gp_compile("max(x)", &x, 1, &program, NULL), GPUPROC_OK);
    gp_plan_target target = {.node = program.result[0].node, .scalar = true};
    assert_int_equal(gp_plan_make(&program, &target, 1, UINT64_C(1) << 30, &plan, NULL),
                     GPUPROC_OK);
    gp_cost_input input = {.from = GP_FROM_DISK, .bytes = UINT64_C(8) << 26};
    gp_cost_pass pass = {.plan = &plan.pass[0], .input = &input};
    gp_cost said = {.ns = {[GPUPROC_STAGE_READ] = 400e6, [GPUPROC_STAGE_KERNEL] = 50e6},
                    .memory_ns = 50e6,
                    .compute_ns = 1e6};
    gpuproc_stage_report stage[GPUPROC_STAGES] = {{0}};
    gp_observation o[GP_CORRECTED_MOST];
    double rates[GP_RATES_HOST_COUNT];
    for (int i = 0; i < GP_RATES_HOST_COUNT; i++) rates[i] = 2;
    stage[GPUPROC_STAGE_READ].busy_ns = 800000000;
    stage[GPUPROC_STAGE_KERNEL] =
        (gpuproc_stage_report){.busy_ns = 60000000, .bytes = UINT64_C(8) << 26};
    assert_int_equal(gp_observe(&pass, &said, stage, rates, NULL, o), 1);
    assert_int_equal(o[0].figure, GP_RATE_HOST_disk_read);
    assert_true(!o[0].device && fabs(o[0].value - 1) < 1e-9); /* half as fast as was said */
    input.from = GP_FROM_CACHE;
    assert_int_equal(gp_observe(&pass, &said, stage, rates, NULL, o), 1);
    assert_int_equal(o[0].figure, GP_RATE_HOST_cache_read);
    input.from = GP_FROM_STREAM; /* whose rate is nobody's */
    assert_int_equal(gp_observe(&pass, &said, stage, rates, NULL, o), 0);
    input.from = GP_FROM_MAPPED;
    stage[GPUPROC_STAGE_READ].busy_ns = 0;
    assert_int_equal(gp_observe(&pass, &said, stage, rates, NULL, o), 1);
    assert_int_equal(o[0].figure, GP_RATE_HOST_mapped);
    said.compute_ns = 40e6; /* it computes as well */
    assert_int_equal(gp_observe(&pass, &said, stage, rates, NULL, o), 0);
    said.compute_ns = 1e6;
    stage[GPUPROC_STAGE_KERNEL].busy_ns = 5000000; /* it is short */
    assert_int_equal(gp_observe(&pass, &said, stage, rates, NULL, o), 0);
    gp_plan_free(&plan);
    gp_program_free(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_spike_teaches_nothing),  cmocka_unit_test(few_jobs_teach_nothing),
        cmocka_unit_test(a_lasting_change_is_learnt), cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(text_goes_there_and_back),   cmocka_unit_test(only_clear_stages_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
