/* Threads, slots and chunks by the cost model: against paper, and a job against what explain said.
 */
#include "cost_example.h"

#include "base/memory.h"
#include "base/text.h"
#include "device/cpu/cpu_pool.h"
#include "emit/pass.h"
#include "lang/compile.h"
#include "plan/choose.h"

#include <gpuproc/gpuproc.h>

#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Paper ------------------------------------------------------------------------ */

/* A machine of 8 threads: 1 ns an element and addition on one thread, memory next to free, waking
 * one takes 50 us and handing over 20 us. */
static void machine(gp_rates *r)
{
    gp_rates_cautious(r, 8);
    r->measured = true;
    for (int op = 0; op < GP_OP_COUNT; op++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++) r->op[op][d] = r->fold[op][d] = 0;
    }
    r->op[GP_OP_ADD][1] = 1;
    static const int free[] = {GP_RATE_HOST_memory, GP_RATE_HOST_memory_one, GP_RATE_HOST_mapped, GP_RATE_HOST_mapped_one,
                               GP_RATE_HOST_near,   GP_RATE_HOST_near_one,   GP_RATE_HOST_store,  GP_RATE_HOST_fresh};
    for (size_t i = 0; i < sizeof free / sizeof free[0]; i++) r->host[free[i]] = 1e6;
    r->host[GP_RATE_HOST_disk_read] = r->host[GP_RATE_HOST_write] = 1;
    r->host[GP_RATE_HOST_write_cores] = r->host[GP_RATE_HOST_read_cores] = 0;
    r->host[GP_RATE_HOST_pass_ns] = 50000;
    r->host[GP_RATE_HOST_chunk_ns] = 5000;
    r->host[GP_RATE_HOST_hand_ns] = 20000;
    r->host[GP_RATE_HOST_wake_ns] = 50000;
}

/* The first pass of a text over x of so many elements, as the rule would have it. */
static void make(example *e, const char *text, int64_t n, gp_cost_from from, uint64_t chunk)
{
    gp_input x = {.name = "x", .dtype = GPUPROC_FLOAT64, .shape = {1, {n}}};
    memset(e, 0, sizeof *e);
    assert_int_equal(gp_compile(text, &x, 1, &e->program, NULL), GPUPROC_OK);
    int node = e->program.result[0].node;
    e->target = (gp_plan_target){.node = node, .scalar = e->program.node[node].uniform};
    assert_int_equal(gp_plan_make(&e->program, &e->target, 1, UINT64_C(1) << 30, &e->plan, NULL),
                     GPUPROC_OK);
    machine(&e->rates);
    uint64_t chunks = gp_ceil_div((uint64_t)n, chunk);
    e->pass = (gp_cost_pass){.plan = &e->plan.pass[0],
                             .chunks = chunks,
                             .chunk_elements = chunk,
                             .threads = 8,
                             .slots = (unsigned)gp_min_u64(chunks, 6),
                             .input = e->input,
                             .product = e->product,
                             .output_in_memory = e->in_memory,
                             .output_copied = e->copied,
                             .fold_in_memory = e->fold_in_memory};
    e->input[0] = (gp_cost_input){.from = from, .bytes = 8 * (uint64_t)n};
    assert_int_equal(gp_cost_ops(&e->rates, NULL, &e->pass, NULL), GPUPROC_OK);
}

static bool choose(example *e, const gp_choose_free *open, gp_chosen *c)
{
    gp_cost_machine m = {.rates = &e->rates, .threads = 8, .cores = 8, .scale = 1};
    bool other = gp_choose(&e->pass, &m, open, c);
    assert_true(c->ns <= c->rule_ns);
    if (!other) {
        assert_int_equal(c->choice.threads, 0);
        assert_int_equal(c->choice.slots, 0);
        assert_int_equal(c->choice.chunk_elements, 0);
    }
    gp_plan_free(&e->plan);
    gp_program_free(&e->program);
    return other;
}

static const gp_choose_free everything = {
    .threads = true, .slots = true, .chunk = true, .unit = GP_BLOCK};

/* 1000 elements: 1 us, which is not worth a worker. A million, 1 ms: it is. */
static void small_work_wakes_nobody(void **state)
{
    (void)state;
    example e;
    gp_chosen c;
    make(&e, "max(x + 1)", 1000, GP_FROM_MEMORY, 1024);
    assert_true(choose(&e, &everything, &c));
    assert_int_equal(c.choice.threads, 1);
    assert_int_equal(c.choice.chunk_elements, 0);
    make(&e, "max(x + 1)", 1000000, GP_FROM_MEMORY, 1000448);
    assert_false(choose(&e, &everything, &c));
}

/* Reading 80 MB takes 80 ms and writing as long, in five chunks: a fifth of the one shows beside
 * the other. */
static void short_streams_take_smaller_chunks(void **state)
{
    (void)state;
    example e;
    gp_chosen c;
    make(&e, "x + 1", 10000000, GP_FROM_DISK, 2097152);
    assert_true(choose(&e, &everything, &c));
    assert_true(c.choice.chunk_elements > 0 && c.choice.chunk_elements < 2097152);
    assert_int_equal(c.choice.chunk_elements % GP_BLOCK, 0);
    assert_true(c.choice.chunk_elements * 8 >= 1 << 20);
    make(&e, "x + 1", 1000000000, GP_FROM_DISK, 1048576); /* of a thousand chunks nothing shows */
    assert_false(choose(&e, &everything, &c));
    make(&e, "max(x + 1)", 10000000, GP_FROM_MEMORY, 1048576); /* and there is nothing to overlap */
    assert_false(choose(&e, &everything, &c));
}

static void what_is_asked_for_stays(void **state)
{
    (void)state;
    example e;
    gp_chosen c;
    gp_choose_free none = {.unit = GP_BLOCK}, pipeline = everything, threads = none;
    pipeline.threads = false;
    threads.threads = true;
    make(&e, "max(x + 1)", 1000, GP_FROM_MEMORY, 1024);
    assert_false(choose(&e, &pipeline, &c));
    make(&e, "x + 1", 10000000, GP_FROM_DISK, 2097152);
    assert_false(choose(&e, &threads, &c));
    make(&e, "x + 1", 10000000, GP_FROM_DISK, 2097152);
    assert_false(choose(&e, &none, &c));
}

/* ---- Workers ------------------------------------------------------------------------ */

typedef struct limited {
    gp_cpu_task task;
    atomic_uint now, most, done;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
} limited;

static void work(gp_cpu_task *task, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    limited *l = (limited *)task;
    unsigned now = atomic_fetch_add(&l->now, 1) + 1, most = atomic_load(&l->most);
    while (now > most && !atomic_compare_exchange_weak(&l->most, &most, now)) {
    }
    usleep(200);
    atomic_fetch_add(&l->done, (unsigned)(to - from));
    atomic_fetch_sub(&l->now, 1);
}

static void finish(gp_cpu_task *task)
{
    limited *l = (limited *)task;
    pthread_mutex_lock(&l->lock);
    l->ended = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

/* Each task has no more workers at once than it may, all of them end, and one does not hold up the
 * others. */
static void tasks_keep_to_their_workers(void **state)
{
    (void)state;
    gp_cpu_pool *pool;
    limited l[12];
    assert_int_equal(gp_cpu_pool_new(4, &pool, NULL), GPUPROC_OK);
    for (unsigned i = 0; i < 12; i++) {
        l[i] = (limited){
            .task = {.units = 40 + i, .least = 1, .most = i % 5, .run = work, .finish = finish}};
        pthread_mutex_init(&l[i].lock, NULL);
        pthread_cond_init(&l[i].changed, NULL);
        assert_int_equal(gp_cpu_pool_submit(pool, &l[i].task, NULL), GPUPROC_OK);
    }
    for (unsigned i = 0; i < 12; i++) {
        pthread_mutex_lock(&l[i].lock);
        while (!l[i].ended) pthread_cond_wait(&l[i].changed, &l[i].lock);
        pthread_mutex_unlock(&l[i].lock);
        assert_int_equal(l[i].done, 40 + i);
        assert_true(l[i].most <= (i % 5 == 0 ? 4 : i % 5));
        pthread_cond_destroy(&l[i].changed);
        pthread_mutex_destroy(&l[i].lock);
    }
    gp_cpu_pool_free(pool);
}

/* ---- Jobs ---------------------------------------------------------------------------- */

#define N 600000

static double data[N], result[2][N];

typedef struct done {
    gpuproc_report report;
    gpuproc_explained_pass pass; /* the last one */
    char choice[160];
    gpuproc_scalar scalar;
} done;

static void run(gpuproc_session *s, const char *text, double *out, const gpuproc_job_options *o,
                done *d)
{
    int64_t n = N;
    gpuproc_array *x;
    gpuproc_job *job;
    gpuproc_explanation *e;
    gpuproc_explained all = {.struct_size = sizeof all};
    gpuproc_result r = {.struct_size = sizeof r};
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_FLOAT64, 1, &n, data, &x, NULL), GPUPROC_OK);
    gpuproc_input in = {"x", x};
    gpuproc_output output = {.kind = GPUPROC_OUTPUT_MEMORY, .data = out, .bytes = sizeof data};
    assert_int_equal(gpuproc_explain(s, text, &in, 1, &output, out != NULL, o, &e, NULL),
                     GPUPROC_OK);
    gpuproc_explanation_get(e, &all);
    d->pass = (gpuproc_explained_pass){.struct_size = sizeof d->pass};
    assert_int_equal(gpuproc_explanation_pass(e, all.passes - 1, &d->pass, NULL), GPUPROC_OK);
    gpuproc_explanation_free(e);
    assert_int_equal(gpuproc_submit(s, text, &in, 1, &output, out != NULL, o, &job, NULL),
                     GPUPROC_OK);
    assert_int_equal(gpuproc_job_wait(job, UINT64_MAX, NULL), GPUPROC_OK);
    d->report = (gpuproc_report){.struct_size = sizeof d->report};
    gpuproc_job_report(job, &d->report);
    assert_int_equal(gpuproc_job_result(job, 0, &r, NULL), GPUPROC_OK);
    d->scalar = r.scalar;
    gpuproc_job_free(job);
    gpuproc_array_free(x);
    /* What was said is what was done. */
    assert_int_equal(d->pass.slots, d->report.slots);
    assert_int_equal(d->pass.threads, d->report.threads);
    assert_int_equal(d->pass.chunk_elements, d->report.chunk_elements);
}

/* Figures in a file, with which waking a worker takes `wake` ns. */
static void write_figures(const char *path, double wake)
{
    gp_rates *r = calloc(1, sizeof *r);
    gp_text text = {0};
    machine(r);
    r->host[GP_RATE_HOST_wake_ns] = r->host[GP_RATE_HOST_hand_ns] = wake;
    for (int op = 0; op < GP_OP_COUNT; op++) r->fold[op][1] = 1;
    r->host[GP_RATE_HOST_pass_ns] = wake;
    r->host[GP_RATE_HOST_write_cores] = r->host[GP_RATE_HOST_read_cores] = 1;
    gp_rates_write(r, "*", &text);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.data, 1, text.length, f), text.length);
    assert_int_equal(fclose(f), 0);
    gp_text_free(&text);
    free(r);
}

static void jobs_do_what_explain_says(void **state)
{
    (void)state;
    static const char *const text[] = {"sum(x*x)",  "x + 1",     "(x - mean(x)) / std(x)",
                                       "cumsum(x)", "median(x)", "argmax(x)",
                                       "var(x)"};
    static const bool array[] = {false, true, true, true, false, false, false},
                      folds[] = {false, false, false, true, true, false, false};
    char path[] = "/tmp/gpuproc-test-figures-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_figures(path, 1e8);
    setenv("GPUPROC_RATES", path, 1);
    gpuproc_session_options so = {.struct_size = sizeof so, .threads = 4, .cache_dir = ""};
    gpuproc_session *s;
    assert_int_equal(gpuproc_session_open(&so, &s, NULL), GPUPROC_OK);
    for (size_t i = 0; i < N; i++) data[i] = (double)(i * 7919 % 10007) / 100;
    for (size_t k = 0; k < sizeof text / sizeof text[0]; k++) {
        gpuproc_job_options o = {.struct_size = sizeof o, .device = "cpu"};
        done chosen, rule, asked;
        run(s, text[k], array[k] ? result[0] : NULL, &o, &chosen);
        if (chosen.report.threads !=
            (folds[k] ? 4 : 1)) /* a fold has a thread of its own in any case */
            fail_msg("%s in %u slots of %llu chunks on %u threads, %llu and %llu ns: %s", text[k], chosen.report.slots, (unsigned long long)chosen.report.chunks, chosen.report.threads,
                     (unsigned long long)chosen.pass.wall_ns, (unsigned long long)chosen.pass.rule_wall_ns,
                     chosen.pass.choice);
        assert_int_equal(chosen.pass.choice[0] != '\0', !folds[k]);
        assert_int_equal(chosen.pass.rule_wall_ns > chosen.pass.wall_ns, !folds[k]);
        o.flags = GPUPROC_JOB_BY_RULE;
        run(s, text[k], array[k] ? result[1] : NULL, &o, &rule);
        assert_int_equal(rule.report.threads, 4);
        assert_true(rule.pass.choice[0] == '\0');
        if (array[k]) assert_memory_equal(result[0], result[1], sizeof data);
        assert_memory_equal(&chosen.scalar, &rule.scalar, sizeof rule.scalar);
        o.flags = 0;
        o.threads = 3; /* what is asked for is not chosen */
        run(s, text[k], array[k] ? result[1] : NULL, &o, &asked);
        assert_int_equal(asked.report.threads, 3);
        if (array[k]) assert_memory_equal(result[0], result[1], sizeof data);
        o.threads = 1;
        o.flags = GPUPROC_JOB_SYNC; /* on the job's own thread */
        o.chunk_bytes = 65536;
        run(s, text[k], array[k] ? result[1] : NULL, &o, &asked);
        assert_int_equal(asked.report.slots, 1);
        if (array[k]) assert_memory_equal(result[0], result[1], sizeof data);
        assert_memory_equal(&chosen.scalar, &asked.scalar, sizeof asked.scalar);
    }
    gpuproc_session_close(s);
    unsetenv("GPUPROC_RATES");
    unlink(path);
}

/* Which thread makes elements. */
static int made_by(void *ctx, uint64_t first, size_t count, void *dst)
{
    *(pthread_t *)ctx = pthread_self();
    for (size_t i = 0; i < count; i++) ((double *)dst)[i] = (double)(first + i);
    return 0;
}

/* The smallest have ended when they are submitted, and leave the caller's thread as it was; what may wait for
 * something has a thread of its own. */
static void the_smallest_run_at_once(void **state)
{
    (void)state;
    char path[] = "/tmp/gpuproc-test-figures-XXXXXX";
    int fd = mkstemp(path);
    const int64_t n = 1000;
    pthread_t maker = 0;
    gpuproc_session *s;
    gpuproc_array *x, *made;
    gpuproc_job *job;
    assert_true(fd >= 0);
    close(fd);
    write_figures(path, 20000);
    setenv("GPUPROC_RATES", path, 1);
    gpuproc_session_options so = {.struct_size = sizeof so, .threads = 4, .cache_dir = ""};
    assert_int_equal(gpuproc_session_open(&so, &s, NULL), GPUPROC_OK);
    for (size_t i = 0; i < (size_t)n; i++) data[i] = (double)(i % 7);
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_FLOAT64, 1, &n, data, &x, NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_array_from_function(GPUPROC_FLOAT64, 1, &n, made_by, &maker, &made, NULL), GPUPROC_OK);
    gpuproc_input in = {"x", x};
    gpuproc_output out = {.kind = GPUPROC_OUTPUT_MEMORY, .data = result[0], .bytes = sizeof result[0]};
    gpuproc_job_options o = {.struct_size = sizeof o, .device = "cpu"};
    assert_int_equal(fesetround(FE_UPWARD), 0);
    assert_int_equal(feclearexcept(FE_ALL_EXCEPT), 0);
    for (int i = 0; i < 20; i++) {
        gpuproc_result r = {.struct_size = sizeof r};
        assert_int_equal(gpuproc_submit(s, "(1 / x)[1:] * 0.1", &in, 1, &out, 1, &o, &job, NULL), GPUPROC_OK);
        assert_int_equal(gpuproc_job_wait(job, 0, NULL), GPUPROC_OK);
        assert_true(result[0][0] == 0.1 && result[0][1] == 0.5 * 0.1);
        gpuproc_job_free(job);
        assert_int_equal(gpuproc_submit(s, "sum(x)", &in, 1, NULL, 0, &o, &job, NULL), GPUPROC_OK);
        assert_int_equal(gpuproc_job_wait(job, 0, NULL), GPUPROC_OK);
        assert_int_equal(gpuproc_job_result(job, 0, &r, NULL), GPUPROC_OK);
        assert_true(r.scalar.value.f == 2997);
        gpuproc_job_free(job);
    }
    assert_int_equal(fegetround(), FE_UPWARD);
    assert_int_equal(fetestexcept(FE_DIVBYZERO), 0);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    in.array = made;
    assert_int_equal(gpuproc_submit(s, "sum(x)", &in, 1, NULL, 0, &o, &job, NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_job_wait(job, UINT64_MAX, NULL), GPUPROC_OK);
    gpuproc_job_free(job);
    assert_false(pthread_equal(maker, pthread_self()));
    gpuproc_array_free(x);
    gpuproc_array_free(made);
    gpuproc_session_close(s);
    unsetenv("GPUPROC_RATES");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_work_wakes_nobody),
        cmocka_unit_test(short_streams_take_smaller_chunks),
        cmocka_unit_test(what_is_asked_for_stays),
        cmocka_unit_test(tasks_keep_to_their_workers),
        cmocka_unit_test(jobs_do_what_explain_says),
        cmocka_unit_test(the_smallest_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
