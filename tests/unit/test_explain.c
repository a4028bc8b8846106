/* What explain says against what the job then does: passes, chunks, slots, bytes, and memory, which it never
 * exceeds. Figures are guesses, so that nothing is measured here. */
#include <gpuproc/gpuproc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIDE 700

static double x[SIDE * SIDE];
static float y[SIDE * SIDE];
static int64_t i[SIDE * SIDE];

typedef struct guest {
    gpuproc_session *session;
    gpuproc_input input[3];
} guest;

static void open_guest(guest *g)
{
    static const int64_t shape[] = {SIDE, SIDE};
    gpuproc_session_options o = {.struct_size = sizeof o, .threads = 2, .cache_dir = ""};
    assert_int_equal(gpuproc_session_open(&o, &g->session, NULL), GPUPROC_OK);
    for (size_t k = 0; k < (size_t)SIDE * SIDE; k++) {
        x[k] = 0.1 + (double)(k * 7919 % 1000) / 1000 + (k % (SIDE + 1) == 0 ? SIDE : 0); /* a dominant diagonal */
        y[k] = (float)x[k];
        i[k] = (int64_t)(k * 31 % 500);
    }
    gpuproc_array *a[3];
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_FLOAT64, 2, shape, x, &a[0], NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_FLOAT32, 2, shape, y, &a[1], NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_INT64, 2, shape, i, &a[2], NULL), GPUPROC_OK);
    g->input[0] = (gpuproc_input){"x", a[0]};
    g->input[1] = (gpuproc_input){"y", a[1]};
    g->input[2] = (gpuproc_input){"i", a[2]};
}

static void close_guest(guest *g)
{
    for (int k = 0; k < 3; k++) gpuproc_array_free((gpuproc_array *)g->input[k].array);
    gpuproc_session_close(g->session);
}

static const struct {
    const char *text;
    bool array;
} examples[] = {
    {"sum(x)", false},           {"mean(sqrt(x*x + y))", false},   {"(x - mean(x)) / std(x)", true},
    {"x + y", true},             {"x.T + y", true},                {"sum(x, axis=0)", true},
    {"x - mean(x, axis=0)", true}, {"x / sum(x, axis=1, keepdims=True)", true}, {"cumsum(x)", true},
    {"median(x)", false},        {"quantile(y, [0.1, 0.9], axis=0)", true}, {"x[x > 0.5]", true},
    {"unique(i)", true},         {"bincount(reshape(i, -1))", true}, {"x[1:] - x[:-1]", true},
    {"x @ x", true},             {"sum(maximum(x @ x, 1))", false}, {"(x @ x).T + 1", true},
    {"x + x[0]", true},          {"argmax(y)", false},             {"var(x, axis=1)", true},
};

static void agrees(guest *g, const char *text, bool array, uint64_t memory, uint64_t chunk, unsigned flags)
{
    static char out[sizeof x];
    gpuproc_output output = {.kind = GPUPROC_OUTPUT_MEMORY, .data = out, .bytes = sizeof out};
    gpuproc_job_options o = {.struct_size = sizeof o, .device = "cpu", .memory_bytes = memory, .chunk_bytes = chunk,
                             .flags = flags | GPUPROC_JOB_PREDICT};
    gpuproc_explanation *e = NULL;
    gpuproc_job *job = NULL;
    gpuproc_error err = {0};
    gpuproc_explained all = {.struct_size = sizeof all};
    gpuproc_report r = {.struct_size = sizeof r};
    gpuproc_status said = gpuproc_explain(g->session, text, g->input, 3, &output, array, &o, &e, &err);
    gpuproc_status did = gpuproc_submit(g->session, text, g->input, 3, &output, array, &o, &job, &err);
    if (did == GPUPROC_OK) did = gpuproc_job_wait(job, UINT64_MAX, &err);
    /* What it refuses, a run refuses. */
    if (said != did) fail_msg("%s with %llu bytes: explain gives %d, the job %d: %s", text, (unsigned long long)memory, (int)said, (int)did, err.message);
    if (did != GPUPROC_OK) goto out;
    gpuproc_explanation_get(e, &all);
    gpuproc_job_report(job, &r);
    uint64_t chunks = 0;
    for (size_t p = 0; p < all.passes; p++) {
        gpuproc_explained_pass pass = {.struct_size = sizeof pass};
        assert_int_equal(gpuproc_explanation_pass(e, p, &pass, NULL), GPUPROC_OK);
        chunks += pass.chunks;
        assert_true(pass.memory_bytes <= all.memory_bytes);
        if (p + 1 == all.passes) {
            if (pass.chunk_elements != r.chunk_elements || pass.slots != r.slots)
                fail_msg("%s, %llu, %llu: chunks of %llu in %u slots, not %llu in %u", text, (unsigned long long)memory, (unsigned long long)chunk, (unsigned long long)r.chunk_elements, r.slots, (unsigned long long)pass.chunk_elements, pass.slots);
        }
    }
    if (r.memory_bytes > all.memory_bytes || all.memory_bytes > memory)
        fail_msg("%s: %llu bytes stated, %llu taken, of %llu", text, (unsigned long long)all.memory_bytes,
                 (unsigned long long)r.memory_bytes, (unsigned long long)memory);
    assert_int_equal(all.passes, r.passes);
    assert_int_equal(chunks * (r.rounds == 0 ? 1 : 0), r.rounds == 0 ? r.chunks : 0);
    assert_true(all.wall_ns > 0 && r.predicted_wall_ns > 0);
    assert_true(all.serial_share > 0 && all.serial_share <= 1 && all.speedup_left >= 1);
    assert_true(all.reason[0] != '\0' && strchr(all.reason, '\n') == NULL);
    if (r.rounds == 0 && all.product_bytes == 0) assert_int_equal(all.stage[GPUPROC_STAGE_KERNEL].bytes > 0, r.stage[GPUPROC_STAGE_KERNEL].bytes > 0);
out:
    gpuproc_explanation_free(e);
    gpuproc_job_free(job);
}

static void memory_is_not_exceeded(void **state)
{
    (void)state;
    static const uint64_t budgets[] = {UINT64_C(64) << 20, UINT64_C(12) << 20, UINT64_C(3) << 20};
    guest g;
    open_guest(&g);
    for (size_t k = 0; k < sizeof examples / sizeof examples[0]; k++) {
        for (size_t b = 0; b < 3; b++) {
            agrees(&g, examples[k].text, examples[k].array, budgets[b], 0, 0);
            agrees(&g, examples[k].text, examples[k].array, budgets[b], 65536, 0);
        }
        agrees(&g, examples[k].text, examples[k].array, budgets[0], 0, GPUPROC_JOB_SYNC);
    }
    close_guest(&g);
}

static void programs_are_told(void **state)
{
    (void)state;
    guest g;
    gpuproc_explanation *e = NULL;
    gpuproc_job_options o = {.struct_size = sizeof o, .device = "cpu"};
    open_guest(&g);
    assert_int_equal(gpuproc_explain(g.session, "sum(exp(x))", g.input, 3, NULL, 0, &o, &e, NULL), GPUPROC_OK);
    static const struct {
        gpuproc_program_text kind;
        const char *word;
    } told[] = {{GPUPROC_PROGRAM_IR, "= exp float64"}, {GPUPROC_PROGRAM_CPU, "exp"}, {GPUPROC_PROGRAM_OPENCL, "gp_exp_f8"}};
    for (int k = 0; k < 3; k++) {
        char *text = gpuproc_explanation_program(e, told[k].kind, 0);
        assert_non_null(text);
        assert_non_null(strstr(text, told[k].word));
        free(text);
        if (k > 0) assert_null(gpuproc_explanation_program(e, told[k].kind, 1));
    }
    gpuproc_explained_pass p = {.struct_size = sizeof p};
    assert_int_equal(gpuproc_explanation_pass(e, 0, &p, NULL), GPUPROC_OK);
    assert_string_equal(p.reads, "x");
    assert_string_equal(p.writes, "");
    assert_int_equal(p.reductions, 1);
    assert_int_equal(gpuproc_explanation_pass(e, 1, &p, NULL), GPUPROC_INVALID_ARGUMENT);
    gpuproc_explained_device d = {.struct_size = sizeof d};
    assert_int_equal(gpuproc_explanation_device(e, 0, &d, NULL), GPUPROC_OK);
    assert_true(d.usable);
    assert_int_equal(gpuproc_explanation_device(e, 1, &d, NULL), GPUPROC_INVALID_ARGUMENT);
    gpuproc_explanation_free(e);
    gpuproc_explanation_free(NULL);
    close_guest(&g);
}

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    guest g;
    gpuproc_explanation *e = NULL;
    gpuproc_error err = {0};
    gpuproc_job_options o = {.struct_size = sizeof o, .device = "no such device"};
    open_guest(&g);
    assert_int_equal(gpuproc_explain(g.session, "sum(x)", g.input, 3, NULL, 0, &o, &e, &err), GPUPROC_DEVICE_NOT_FOUND);
    o.device = "cpu";
    assert_int_equal(gpuproc_explain(g.session, "sum(q)", g.input, 3, NULL, 0, &o, &e, &err), GPUPROC_UNKNOWN_NAME);
    assert_int_equal(gpuproc_explain(g.session, "sum(x", g.input, 3, NULL, 0, &o, &e, &err), GPUPROC_SYNTAX);
    assert_int_equal(gpuproc_explain(g.session, "sum(x)", g.input, 3, NULL, 0, &o, NULL, &err), GPUPROC_INVALID_ARGUMENT);
    assert_null(e);
    close_guest(&g);
}

static void figures_are_told(void **state)
{
    (void)state;
    guest g;
    open_guest(&g);
    size_t count = gpuproc_figure_count(g.session, NULL);
    assert_true(count > 100);
    for (size_t k = 0; k < count; k++) {
        gpuproc_figure f = {.struct_size = sizeof f};
        assert_int_equal(gpuproc_figure_get(g.session, NULL, k, &f, NULL), GPUPROC_OK);
        assert_true(f.value >= 0 && f.name[0] != '\0' && f.unit[0] != '\0' && !f.measured);
    }
    gpuproc_figure f = {.struct_size = sizeof f};
    assert_int_equal(gpuproc_figure_get(g.session, NULL, count, &f, NULL), GPUPROC_INVALID_ARGUMENT);
    assert_int_equal(gpuproc_figure_count(g.session, "no such device"), 0);
    close_guest(&g);
}

static bool stop(void *ctx, const gpuproc_calibrate_progress *p)
{
    assert_in_range((int)(p->part * 100), 0, 100);
    return ++*(int *)ctx < 3;
}

/* The callback's no is an end, and nothing has changed. */
static void calibrating_can_be_stopped(void **state)
{
    (void)state;
    guest g;
    int calls = 0;
    gpuproc_error err = {0};
    open_guest(&g);
    assert_int_equal(gpuproc_calibrate(g.session, NULL, stop, &calls, NULL, &err), GPUPROC_CANCELLED);
    assert_int_equal(calls, 3);
    gpuproc_figure f = {.struct_size = sizeof f};
    assert_int_equal(gpuproc_figure_get(g.session, NULL, 0, &f, NULL), GPUPROC_OK);
    assert_false(f.measured);
    close_guest(&g);
}

int main(void)
{
    unsetenv("GPUPROC_RATES");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_not_exceeded), cmocka_unit_test(programs_are_told),
        cmocka_unit_test(wrong_ones_are_refused), cmocka_unit_test(figures_are_told),
        cmocka_unit_test(calibrating_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
