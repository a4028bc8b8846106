/* The cost model against paper: a machine of round figures, and passes whose times one can work out by hand. */
#include "cost_example.h"

#include "lang/compile.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 1000000

/* Nothing is free, and everything round. */
static void machine(gp_rates *r)
{
    gp_rates_cautious(r, 4);
    for (int i = 0; i < GP_RATES_HOST_COUNT; i++) r->host[i] = 1;
    for (int op = 0; op < GP_OP_COUNT; op++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++) r->op[op][d] = r->fold[op][d] = r->row[op][d] = 0;
    }
    r->host[GP_RATE_HOST_memory] = r->host[GP_RATE_HOST_mapped] = 1e6;
    r->host[GP_RATE_HOST_memory_one] = r->host[GP_RATE_HOST_mapped_one] = 1e6;
    r->host[GP_RATE_HOST_folds_ns] = 0;
    r->host[GP_RATE_HOST_store] = r->host[GP_RATE_HOST_near] = r->host[GP_RATE_HOST_near_one] = r->host[GP_RATE_HOST_fresh] = 1e6;
    r->host[GP_RATE_HOST_write_cores] = r->host[GP_RATE_HOST_read_cores] = 0;
    r->host[GP_RATE_HOST_job_ns] = r->host[GP_RATE_HOST_pass_ns] = r->host[GP_RATE_HOST_chunk_ns] = r->host[GP_RATE_HOST_hand_ns] = 0;
    r->host[GP_RATE_HOST_commit_ns] = 0;
    r->host[GP_RATE_HOST_thread_ns] = r->host[GP_RATE_HOST_root_ns] = r->host[GP_RATE_HOST_products_ns] = 0;
    r->op[GP_OP_ADD][1] = 4;  /* float64 */
    r->op[GP_OP_EXP][1] = 40;
    r->op[GP_OP_SUM][1] = 8;
    r->fold[GP_OP_CUMSUM][1] = 3;
    r->fold_one[GP_OP_CUMSUM][1] = 6;
}

/* The first pass of a text over x, in ten chunks, x being read from a cold disk at 1 byte a nanosecond. */
static void make(example *e, const char *text)
{
    static const gp_input x = {.name = "x", .dtype = GPUPROC_FLOAT64, .shape = {1, {N}}};
    memset(e, 0, sizeof *e);
    assert_int_equal(gp_compile(text, &x, 1, &e->program, NULL), GPUPROC_OK);
    int node = e->program.result[0].node;
    e->target = (gp_plan_target){.node = node, .scalar = e->program.node[node].uniform};
    assert_int_equal(gp_plan_make(&e->program, &e->target, 1, UINT64_C(1) << 30, &e->plan, NULL), GPUPROC_OK);
    machine(&e->rates);
    e->pass = (gp_cost_pass){.plan = &e->plan.pass[0], .chunks = 10, .chunk_elements = N / 10, .slots = 3,
                             .input = e->input, .product = e->product, .output_in_memory = e->in_memory,
                             .output_copied = e->copied, .fold_in_memory = e->fold_in_memory};
    for (size_t i = 0; i < e->plan.pass[0].pass.inputs; i++)
        e->input[i] = (gp_cost_input){.from = GP_FROM_DISK, .bytes = 8 * N};
}

static void release(example *e)
{
    gp_plan_free(&e->plan);
    gp_program_free(&e->program);
}

static gp_cost cost_of(example *e, const gp_device_rates *device, bool sync, double scale)
{
    gp_cost_machine m = {.rates = &e->rates, .device = device, .threads = 4, .cores = 4, .sync = sync, .scale = scale};
    gp_cost cost = {0};
    assert_int_equal(gp_cost_ops(&e->rates, device, &e->pass, NULL), GPUPROC_OK);
    (void)gp_cost_of_pass(&e->pass, &m, &cost);
    return cost;
}

static gp_cost cost_on(example *e, unsigned threads)
{
    gp_cost_machine m = {.rates = &e->rates, .threads = threads, .cores = threads, .scale = 1};
    gp_cost cost = {0};
    assert_int_equal(gp_cost_ops(&e->rates, NULL, &e->pass, NULL), GPUPROC_OK);
    (void)gp_cost_of_pass(&e->pass, &m, &cost);
    return cost;
}

static void near(double found, double expected)
{
    if (fabs(found - expected) > 1e-3 * expected) fail_msg("found %g, expected %g", found, expected);
}

/* (4 + 8) ns an element on 4 threads: 3 ms; reading 8 MB at 1 GB/s: 8 ms. */
static void stages_overlap(void **state)
{
    (void)state;
    example e;
    make(&e, "sum(x + 1)");
    gp_cost c = cost_of(&e, NULL, false, 1);
    near(e.pass.op_ns, 12);
    near(c.ns[GPUPROC_STAGE_READ], 8e6);
    near(c.ns[GPUPROC_STAGE_KERNEL], 3e6);
    assert_int_equal(c.bytes[GPUPROC_STAGE_READ], 8 * N);
    assert_int_equal(gp_cost_limit(&c), GPUPROC_STAGE_READ);
    near(c.wall_ns, 8e6 + 3e6 / 10); /* the last chunk is computed when all is read */
    c = cost_of(&e, NULL, true, 1);
    near(c.wall_ns, 11e6);
    c = cost_of(&e, NULL, false, 10);
    near(c.wall_ns, 80e6 + 30e6 / 100);
    e.rates.host[GP_RATE_HOST_pass_ns] = 5e6;
    e.rates.host[GP_RATE_HOST_chunk_ns] = 1e6; /* 10 of them take longer than reading does */
    c = cost_of(&e, NULL, false, 1);
    near(c.wall_ns, 10e6 + 3e6 / 10 + 5e6);
    release(&e);
}

static void writing_and_commit(void **state)
{
    (void)state;
    example e;
    make(&e, "exp(x)");
    gp_cost c = cost_of(&e, NULL, false, 1);
    near(c.ns[GPUPROC_STAGE_KERNEL], 10e6);
    near(c.ns[GPUPROC_STAGE_WRITE], 8e6);
    assert_int_equal(gp_cost_limit(&c), GPUPROC_STAGE_KERNEL);
    near(c.wall_ns, 10e6 + 16e6 / 10);
    /* Where writing keeps two processors busy, computing does not have them: 40 + 16 ms of 4 processors. */
    e.rates.host[GP_RATE_HOST_write_cores] = 2;
    c = cost_of(&e, NULL, false, 1);
    near(c.wall_ns, 14e6 + 16e6 / 10);
    e.in_memory[0] = true;
    c = cost_of(&e, NULL, false, 1);
    near(c.ns[GPUPROC_STAGE_WRITE] + 1, 1);
    assert_int_equal(c.in_place[GPUPROC_STAGE_WRITE], 8 * N);
    gp_cost_machine m = {.rates = &e.rates, .threads = 4, .scale = 1};
    gp_cost job = {0};
    e.rates.host[GP_RATE_HOST_commit_ns] = 1e6;
    e.rates.host[GP_RATE_HOST_job_ns] = 2e6;
    gp_cost_of_job(&m, 2, 8 * N, 0, &job);
    near(job.ns[GPUPROC_STAGE_COMMIT], 10e6);
    near(job.wall_ns, 12e6);
    m.once_ns = 5e6;
    job = (gp_cost){0};
    gp_cost_of_job(&m, 0, 0, 0, &job);
    near(job.ns[GPUPROC_STAGE_OPEN], 7e6);
    /* Of 640 MiB the disk has got some while 450 ms of passes wrote them: 9 in 10 of these. */
    job = (gp_cost){.wall_ns = 450e6};
    gp_cost_of_job(&m, 1, UINT64_C(640) << 20, 0, &job);
    near(job.ns[GPUPROC_STAGE_COMMIT], 1e6 + (double)(UINT64_C(640) << 20) - 405e6);
    release(&e);
}

/* What is in memory takes no reading; the kernel waits for it. */
static void memory_bounds(void **state)
{
    (void)state;
    example e;
    make(&e, "sum(x)");
    e.input[0].from = GP_FROM_MAPPED;
    e.rates.host[GP_RATE_HOST_mapped] = 2;
    e.rates.op[GP_OP_SUM][1] = 0;
    gp_cost c = cost_of(&e, NULL, false, 1);
    near(c.ns[GPUPROC_STAGE_READ] + 1, 1);
    assert_int_equal(c.in_place[GPUPROC_STAGE_READ], 8 * N);
    near(c.ns[GPUPROC_STAGE_KERNEL], 4e6);
    /* One thread is as slow at it as four. */
    e.rates.host[GP_RATE_HOST_mapped_one] = 2;
    near(cost_on(&e, 1).ns[GPUPROC_STAGE_KERNEL], 4e6);
    near(cost_on(&e, 8).ns[GPUPROC_STAGE_KERNEL], 4e6);
    /* In memory, 8 MB are in the caches. */
    e.input[0].from = GP_FROM_MEMORY;
    e.rates.host[GP_RATE_HOST_near] = 4;
    e.rates.host[GP_RATE_HOST_memory] = 0.001;
    near(cost_of(&e, NULL, false, 1).ns[GPUPROC_STAGE_KERNEL], 2e6);
    release(&e);
}

/* Along the last axis a reduction has a figure of its own; a scan has none. */
static void rows_differ_from_columns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double ns;
    } row[] = {{"sum(reshape(x, (1000, 1000)), axis=0)", 5}, {"sum(reshape(x, (1000, 1000)), axis=1)", 2},
               {"sum(reshape(x, (1000, 1000, 1)), axis=(1, 2))", 2}, {"cumsum(reshape(x, (1000, 1000)), axis=1)", 3}};
    for (size_t k = 0; k < 4; k++) {
        example e;
        make(&e, row[k].text);
        e.rates.host[GP_RATE_HOST_wake_ns] = 1e-6;
        e.rates.fold[GP_OP_SUM][1] = 5;
        e.rates.row[GP_OP_SUM][1] = 2;
        e.rates.row[GP_OP_CUMSUM][1] = 100;
        near(cost_of(&e, NULL, false, 1).ns[GPUPROC_STAGE_FOLD] / N, row[k].ns);
        release(&e);
    }
}

static void folds_count(void **state)
{
    (void)state;
    example e;
    make(&e, "cumsum(x)");
    e.copied[0] = true;
    e.pass.copies = true;
    gp_cost c = cost_of(&e, NULL, false, 1);
    near(c.ns[GPUPROC_STAGE_FOLD], 3e6);
    near(c.ns[GPUPROC_STAGE_KERNEL] + 1, 1);
    near(c.ns[GPUPROC_STAGE_WRITE], 8e6);
    /* 6 ns on one thread and 3 on four: 4 are shared, 2 are not. */
    near(cost_on(&e, 1).ns[GPUPROC_STAGE_FOLD], 6e6);
    near(cost_on(&e, 2).ns[GPUPROC_STAGE_FOLD], 4e6);
    near(cost_on(&e, 1000000).ns[GPUPROC_STAGE_FOLD], 2e6);
    /* Nothing was computed before: the fold looks at the file's pages, and half of the shorter shows. */
    e.input[0].from = GP_FROM_MAPPED;
    e.rates.host[GP_RATE_HOST_mapped] = 2;
    e.rates.host[GP_RATE_HOST_unhidden] = 0.5;
    near(cost_of(&e, NULL, false, 1).ns[GPUPROC_STAGE_FOLD], 4e6 + 1.5e6);
    /* Of fewer elements waking the workers takes as long; but one alone takes no longer than that. */
    e.input[0].from = GP_FROM_DISK;
    near(cost_of(&e, NULL, false, 0.5).ns[GPUPROC_STAGE_FOLD], 3e6 - 0.5e6 * 6 / 4);
    near(cost_of(&e, NULL, false, 0.1).ns[GPUPROC_STAGE_FOLD], 0.6e6);
    release(&e);
}

static void devices_have_ways(void **state)
{
    (void)state;
    example e;
    gp_device_rates d = {0};
    make(&e, "exp(x)");
    d.value[GP_RATE_DEVICE_upload] = 2;
    d.value[GP_RATE_DEVICE_download] = 4;
    d.value[GP_RATE_DEVICE_memory] = 16;
    d.value[GP_RATE_DEVICE_function_f8] = 0.5;
    d.value[GP_RATE_DEVICE_launch_ns] = 1e4;
    d.value[GP_RATE_DEVICE_program_ns] = 7e6;
    gp_cost c = cost_of(&e, &d, false, 1);
    near(c.ns[GPUPROC_STAGE_UPLOAD], 4e6);
    near(c.ns[GPUPROC_STAGE_DOWNLOAD], 2e6);
    near(c.ns[GPUPROC_STAGE_KERNEL], 1e6 + 10 * 1e4); /* its memory takes as long as exp */
    near(c.ns[GPUPROC_STAGE_PROGRAM], 7e6);
    near(c.wall_ns, 8e6 + (4e6 + 2e6 + 1.1e6 + 8e6) / 10 + 7e6);
    release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_overlap),  cmocka_unit_test(writing_and_commit), cmocka_unit_test(memory_bounds),
        cmocka_unit_test(rows_differ_from_columns), cmocka_unit_test(folds_count),     cmocka_unit_test(devices_have_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
