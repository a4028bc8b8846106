/* The public interface as a guest uses it: many jobs, many threads, two sessions, cancelling,
 * waiting, freeing early, and arguments that are missing. */
#include <gpuproc/gpuproc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define COUNT 100003
#define FOR_EVER UINT64_MAX

static const int64_t shape[] = {COUNT};
static const gpuproc_job_options on_cpu = {.struct_size = sizeof on_cpu, .device = "cpu",
                                           .chunk_bytes = 65536};

static gpuproc_session *open_session(void)
{
    gpuproc_session *s = NULL;
    gpuproc_session_options o = {.struct_size = sizeof o, .threads = 2, .cache_dir = ""};
    assert_int_equal(gpuproc_session_open(&o, &s, NULL), GPUPROC_OK);
    return s;
}

/* Element i is i. */
static int count_up(void *ctx, uint64_t first, size_t count, void *dst)
{
    int64_t *to = dst;
    (void)ctx;
    for (size_t i = 0; i < count; i++) to[i] = (int64_t)(first + i);
    return 0;
}

/* Holds every call until the gate is opened. */
typedef struct gate {
    atomic_bool open;
    atomic_int calls;
} gate;

static int gated(void *ctx, uint64_t first, size_t count, void *dst)
{
    gate *g = ctx;
    atomic_fetch_add(&g->calls, 1);
    while (!atomic_load(&g->open)) usleep(1000);
    return count_up(NULL, first, count, dst);
}

static int broken(void *ctx, uint64_t first, size_t count, void *dst)
{
    return first >= COUNT / 2 ? EIO : count_up(ctx, first, count, dst);
}

static gpuproc_array *generated(gpuproc_generate_fn fn, void *ctx)
{
    gpuproc_array *a = NULL;
    assert_int_equal(gpuproc_array_from_function(GPUPROC_INT64, 1, shape, fn, ctx, &a, NULL), GPUPROC_OK);
    return a;
}

static gpuproc_job *submit(gpuproc_session *s, const char *text, const gpuproc_array *x)
{
    gpuproc_job *job = NULL;
    gpuproc_error err = {0};
    gpuproc_input in = {"x", x};
    if (gpuproc_submit(s, text, &in, 1, NULL, 0, &on_cpu, &job, &err) != GPUPROC_OK) fail_msg("%s", err.message);
    return job;
}

static int64_t value_of(gpuproc_job *job, size_t index)
{
    gpuproc_result r = {.struct_size = sizeof r};
    assert_int_equal(gpuproc_job_result(job, index, &r, NULL), GPUPROC_OK);
    assert_true(r.is_scalar);
    return r.scalar.value.i;
}

static const int64_t whole_sum = (int64_t)COUNT * (COUNT - 1) / 2;

/* ---- Many at once ---- */

typedef struct crowd {
    gpuproc_session *session;
    const gpuproc_array *x;
    unsigned seed;
    atomic_int *wrong;
} crowd;

static void *member(void *ctx)
{
    crowd *c = ctx;
    for (unsigned i = 0; i < 12; i++) {
        gpuproc_job *jobs[3] = {0};
        int64_t *y = malloc(COUNT * sizeof *y);
        gpuproc_input in = {"x", c->x};
        gpuproc_output out = {.name = "y", .kind = GPUPROC_OUTPUT_MEMORY, .data = y, .bytes = COUNT * sizeof *y};
        if (gpuproc_submit(c->session, "sum(x)", &in, 1, NULL, 0, &on_cpu, &jobs[0], NULL) != GPUPROC_OK ||
            gpuproc_submit(c->session, "y = x - min(x) + 1", &in, 1, &out, 1, &on_cpu, &jobs[1], NULL) !=
                GPUPROC_OK ||
            gpuproc_submit(c->session, "max(x)", &in, 1, NULL, 0, &on_cpu, &jobs[2], NULL) != GPUPROC_OK) {
            atomic_fetch_add(c->wrong, 1);
        } else {
            if ((c->seed + i) % 3 == 0) gpuproc_job_cancel(jobs[2]);
            gpuproc_status st = gpuproc_job_wait(jobs[0], FOR_EVER, NULL);
            if (st != GPUPROC_OK || value_of(jobs[0], 0) != whole_sum) atomic_fetch_add(c->wrong, 1);
            st = gpuproc_job_wait(jobs[1], FOR_EVER, NULL);
            for (int64_t k = 0; k < COUNT; k++) {
                if (st != GPUPROC_OK || y[k] != k + 1) {
                    atomic_fetch_add(c->wrong, 1);
                    break;
                }
            }
            if ((c->seed + i) % 2 == 0) {
                st = gpuproc_job_wait(jobs[2], FOR_EVER, NULL);
                if (st != GPUPROC_CANCELLED && (st != GPUPROC_OK || value_of(jobs[2], 0) != COUNT - 1))
                    atomic_fetch_add(c->wrong, 1);
            }
        }
        for (int k = 0; k < 3; k++) gpuproc_job_free(jobs[k]); /* the third perhaps under way */
        free(y);
    }
    return NULL;
}

static void many_jobs_of_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    gpuproc_session *session[2] = {open_session(), open_session()};
    gpuproc_array *x = generated(count_up, NULL);
    pthread_t thread[THREADS];
    crowd c[THREADS];
    atomic_int wrong = 0;
    for (unsigned t = 0; t < THREADS; t++) {
        c[t] = (crowd){session[t % 2], x, t, &wrong};
        assert_int_equal(pthread_create(&thread[t], NULL, member, &c[t]), 0);
    }
    for (unsigned t = 0; t < THREADS; t++) pthread_join(thread[t], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    gpuproc_array_free(x);
    gpuproc_session_close(session[0]);
    gpuproc_session_close(session[1]);
}

/* ---- Waiting, progress, cancelling ---- */

static void waiting_and_progress(void **state)
{
    (void)state;
    gate g = {0};
    gpuproc_session *s = open_session();
    gpuproc_array *x = generated(gated, &g);
    gpuproc_job *job = submit(s, "n = sum(x)", x);
    gpuproc_error err = {0};
    gpuproc_array_free(x); /* the job is not disturbed */
    assert_int_equal(gpuproc_job_wait(job, 0, &err), GPUPROC_TIMEOUT);
    assert_int_equal(err.status, GPUPROC_TIMEOUT);
    assert_int_equal(gpuproc_job_wait(job, 20000000, NULL), GPUPROC_TIMEOUT);
    gpuproc_progress p = {.struct_size = sizeof p};
    gpuproc_job_progress(job, &p);
    assert_int_equal(p.passes, 1);
    assert_int_equal(p.bytes_done, 0);
    assert_int_equal(p.bytes_total, COUNT * 8);
    gpuproc_report report = {.struct_size = sizeof report};
    gpuproc_job_report(job, &report);
    assert_int_equal(report.chunks, 0);
    gpuproc_result r = {.struct_size = sizeof r};
    assert_int_equal(gpuproc_job_result_count(job), 1);
    assert_int_equal(gpuproc_job_result(job, 0, &r, NULL), GPUPROC_OK);
    assert_string_equal(r.name, "n");
    assert_int_equal(r.dtype, GPUPROC_INT64);
    assert_int_equal(gpuproc_job_result(job, 1, &r, &err), GPUPROC_INVALID_ARGUMENT);
    atomic_store(&g.open, true);
    assert_int_equal(gpuproc_job_wait(job, FOR_EVER, NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_job_wait(job, 0, NULL), GPUPROC_OK); /* as often as one likes */
    assert_true(value_of(job, 0) == whole_sum);
    gpuproc_job_progress(job, &p);
    assert_int_equal(p.bytes_done, p.bytes_total);
    gpuproc_job_report(job, &report);
    assert_int_equal(report.chunks, (COUNT + report.chunk_elements - 1) / report.chunk_elements);
    gpuproc_job_cancel(job); /* too late: changes nothing */
    assert_int_equal(gpuproc_job_wait(job, FOR_EVER, NULL), GPUPROC_OK);
    gpuproc_job_free(job);
    gpuproc_session_close(s);
}

static void *open_gate_later(void *ctx)
{
    gate *g = ctx;
    usleep(20000);
    atomic_store(&g->open, true);
    return NULL;
}

static void cancelled_jobs(void **state)
{
    (void)state;
    static const char *const text[] = {
        "sum(x)", "std(x) + max(x)", "p = x[:90000].reshape(300, 300); sum(p @ p)", "p = x[:90000].reshape(300, 300); sum(float64(p) @ p.T)",
        "p = x[:90000].reshape(300, 300); q = p @ p; sum(q.T @ q)", "p = x[:90000].reshape(9000, 10); linalg.det(float64(p).T @ p)"};
    gpuproc_session *s = open_session();
    for (int i = 0; i < 12; i++) {
        gate g = {0};
        pthread_t thread;
        gpuproc_error err = {0};
        gpuproc_array *x = generated(gated, &g);
        gpuproc_job *job = submit(s, text[i / 2], x);
        assert_int_equal(pthread_create(&thread, NULL, open_gate_later, &g), 0);
        while (i % 2 == 0 && atomic_load(&g.calls) == 0) usleep(1000); /* in the middle, or early */
        if (i % 4 < 2) {
            gpuproc_job_cancel(job);
            assert_int_equal(gpuproc_job_wait(job, FOR_EVER, &err), GPUPROC_CANCELLED);
            assert_int_equal(err.status, GPUPROC_CANCELLED);
            assert_true(err.message[0] != '\0');
        }
        gpuproc_job_free(job); /* else cancels by itself */
        pthread_join(thread, NULL);
        gpuproc_array_free(x);
    }
    gpuproc_session_close(s);
}

static void session_closed_with_jobs(void **state)
{
    (void)state;
    gate g = {0};
    pthread_t thread;
    gpuproc_session *s = open_session();
    gpuproc_array *x = generated(gated, &g), *y = generated(count_up, NULL);
    gpuproc_job *held[3] = {submit(s, "sum(x)", x), submit(s, "max(x)", y), submit(s, "mean(x - mean(x))", x)};
    assert_int_equal(pthread_create(&thread, NULL, open_gate_later, &g), 0);
    gpuproc_session_close(s);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++) {
        gpuproc_status st = gpuproc_job_wait(held[i], FOR_EVER, NULL);
        assert_true(st == GPUPROC_CANCELLED || (i == 1 && st == GPUPROC_OK));
        assert_int_equal(gpuproc_job_result_count(held[i]), 1);
        gpuproc_job_cancel(held[i]);
        /* What is told of a device does not need the session either. */
        gpuproc_report report = {.struct_size = sizeof report};
        gpuproc_job_report(held[i], &report);
        assert_true(report.wall_ns > 0);
        assert_true(st != GPUPROC_OK || report.device[0] != '\0');
        gpuproc_job_free(held[i]);
    }
    gpuproc_array_free(x);
    gpuproc_array_free(y);
}

static void *free_jobs(void *ctx)
{
    gpuproc_job **job = ctx;
    for (int i = 0; i < 4; i++) gpuproc_job_free(job[i]);
    return NULL;
}

static void session_closed_while_jobs_are_freed(void **state)
{
    (void)state;
    gpuproc_array *x = generated(count_up, NULL);
    for (int round = 0; round < 30; round++) {
        gpuproc_session *s = open_session();
        gpuproc_job *job[4];
        pthread_t thread;
        for (int i = 0; i < 4; i++) job[i] = submit(s, "sum(x - mean(x))", x);
        assert_int_equal(pthread_create(&thread, NULL, free_jobs, job), 0);
        gpuproc_session_close(s);
        pthread_join(thread, NULL);
    }
    gpuproc_array_free(x);
}

/* ---- Failures ---- */

static void failing_function(void **state)
{
    (void)state;
    gpuproc_session *s = open_session();
    gpuproc_array *x = generated(broken, NULL);
    gpuproc_job *job = submit(s, "sum(x)", x);
    gpuproc_error err = {0};
    assert_int_equal(gpuproc_job_wait(job, FOR_EVER, &err), GPUPROC_IO_READ);
    assert_int_equal(err.status, GPUPROC_IO_READ);
    assert_int_equal(err.native_code, EIO);
    assert_int_equal(gpuproc_job_wait(job, FOR_EVER, NULL), GPUPROC_IO_READ);
    gpuproc_job_free(job);
    gpuproc_array_free(x);
    gpuproc_session_close(s);
}

static void error_records(void **state)
{
    (void)state;
    gpuproc_session *s = open_session();
    gpuproc_array *x = generated(count_up, NULL), *none = NULL;
    gpuproc_input in[2] = {{"x", x}, {"x", x}};
    gpuproc_job *job = NULL;
    gpuproc_error err;
    int64_t small[4];
    gpuproc_output out = {.kind = GPUPROC_OUTPUT_MEMORY, .data = small, .bytes = sizeof small};

    memset(&err, 0x55, sizeof err);
    assert_int_equal(gpuproc_submit(s, "a = 1\na + spead", in, 1, NULL, 0, &on_cpu, &job, &err), GPUPROC_UNKNOWN_NAME);
    assert_int_equal(err.status, GPUPROC_UNKNOWN_NAME);
    assert_null(job);
    assert_true(err.line == 2 && err.column == 5 && err.length == 5);
    assert_null(strchr(err.message, '\n'));

    assert_int_equal(gpuproc_submit(s, "x + 1", in, 1, &out, 1, &on_cpu, &job, &err), GPUPROC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "32 bytes"));
    assert_int_equal(gpuproc_submit(s, "x + 1", in, 1, NULL, 0, &on_cpu, &job, &err), GPUPROC_INVALID_ARGUMENT);
    assert_int_equal(gpuproc_submit(s, "sum(x)", in, 2, NULL, 0, &on_cpu, &job, &err), GPUPROC_INVALID_ARGUMENT);
    gpuproc_output bad = out;
    bad.kind = (gpuproc_output_kind)7;
    assert_int_equal(gpuproc_submit(s, "sum(x)", in, 1, &bad, 1, &on_cpu, &job, &err), GPUPROC_INVALID_ARGUMENT);
    bad = out;
    bad.data = (char *)small + 1;
    bad.bytes -= 1;
    assert_int_equal(gpuproc_submit(s, "sum(x)", in, 1, &bad, 1, &on_cpu, &job, &err), GPUPROC_INVALID_ARGUMENT);
    out.name = "nobody";
    assert_int_not_equal(gpuproc_submit(s, "y = x + 1", in, 1, &out, 1, &on_cpu, &job, &err), GPUPROC_OK);

    gpuproc_job_options o = on_cpu;
    o.device = "no such device";
    assert_int_equal(gpuproc_submit(s, "sum(x)", in, 1, NULL, 0, &o, &job, &err), GPUPROC_DEVICE_NOT_FOUND);
    o = on_cpu;
    o.memory_bytes = 1;
    gpuproc_status st = gpuproc_submit(s, "sum(x)", in, 1, NULL, 0, &o, &job, &err);
    if (st == GPUPROC_OK) st = gpuproc_job_wait(job, FOR_EVER, &err);
    assert_int_equal(st, GPUPROC_BUDGET);
    gpuproc_job_free(job);
    job = NULL;

    assert_int_equal(gpuproc_array_open_npy("/nobody/has/this.npy", &none, &err), GPUPROC_IO_OPEN);
    assert_int_equal(err.native_code, ENOENT);
    assert_string_equal(err.where, "/nobody/has/this.npy");
    assert_null(none);
    const int64_t huge[] = {INT64_MAX, 2};
    assert_int_not_equal(gpuproc_array_from_memory(GPUPROC_INT8, 2, huge, small, &none, &err), GPUPROC_OK);
    const int64_t negative[] = {-1};
    assert_int_not_equal(gpuproc_array_from_memory(GPUPROC_INT8, 1, negative, small, &none, &err), GPUPROC_OK);
    const int64_t two[] = {2};
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_INT64, 1, two, (char *)small + 1, &none, &err),
                     GPUPROC_INVALID_ARGUMENT);
    assert_int_not_equal(gpuproc_array_from_memory((gpuproc_dtype)99, 1, two, small, &none, &err), GPUPROC_OK);
    assert_null(none);
    gpuproc_array_free(x);
    gpuproc_session_close(s);
}

/* Whatever is missing is answered, not followed. */
static void nothing_given(void **state)
{
    (void)state;
    gpuproc_session *s = open_session();
    gpuproc_array *x = generated(count_up, NULL), *a = NULL;
    gpuproc_input in = {"x", x}, no_name = {NULL, x}, no_array = {"x", NULL};
    gpuproc_job *job = NULL;
    gpuproc_dtype dtype;
    gpuproc_device_info device = {.struct_size = sizeof device};
    gpuproc_array_info info = {.struct_size = sizeof info};
    gpuproc_session_options small = {.struct_size = 4};
    gpuproc_job_options small_job = {.struct_size = 4};
    gpuproc_session *t = NULL;
#define REFUSED(call) assert_int_equal(call, GPUPROC_INVALID_ARGUMENT)
    REFUSED(gpuproc_session_open(NULL, NULL, NULL));
    REFUSED(gpuproc_session_open(&small, &t, NULL));
    REFUSED(gpuproc_submit(NULL, "1", NULL, 0, NULL, 0, NULL, &job, NULL));
    REFUSED(gpuproc_submit(s, NULL, NULL, 0, NULL, 0, NULL, &job, NULL));
    REFUSED(gpuproc_submit(s, "1", NULL, 0, NULL, 0, NULL, NULL, NULL));
    REFUSED(gpuproc_submit(s, "1", NULL, 1, NULL, 0, NULL, &job, NULL));
    REFUSED(gpuproc_submit(s, "1", NULL, 0, NULL, 1, NULL, &job, NULL));
    REFUSED(gpuproc_submit(s, "sum(x)", &no_name, 1, NULL, 0, NULL, &job, NULL));
    REFUSED(gpuproc_submit(s, "sum(x)", &no_array, 1, NULL, 0, NULL, &job, NULL));
    REFUSED(gpuproc_submit(s, "sum(x)", &in, 1, NULL, 0, &small_job, &job, NULL));
    gpuproc_output nowhere = {.kind = GPUPROC_OUTPUT_NPY}, empty = {.kind = GPUPROC_OUTPUT_MEMORY};
    REFUSED(gpuproc_submit(s, "x + 1", &in, 1, &nowhere, 1, &on_cpu, &job, NULL));
    REFUSED(gpuproc_submit(s, "x + 1", &in, 1, &empty, 1, &on_cpu, &job, NULL));
    REFUSED(gpuproc_job_wait(NULL, 0, NULL));
    REFUSED(gpuproc_job_result(NULL, 0, NULL, NULL));
    REFUSED(gpuproc_array_open_npy(NULL, &a, NULL));
    REFUSED(gpuproc_array_open_npy("x.npy", NULL, NULL));
    REFUSED(gpuproc_array_open_npy("", &a, NULL));
    REFUSED(gpuproc_array_open_raw("x", NULL, &a, NULL));
    REFUSED(gpuproc_array_from_memory(GPUPROC_INT8, 1, NULL, NULL, &a, NULL));
    REFUSED(gpuproc_array_from_memory(GPUPROC_INT8, 1, shape, NULL, &a, NULL));
    REFUSED(gpuproc_array_from_memory(GPUPROC_INT8, 33, shape, shape, &a, NULL));
    REFUSED(gpuproc_array_from_function(GPUPROC_INT8, 1, shape, NULL, NULL, &a, NULL));
    REFUSED(gpuproc_array_from_function(GPUPROC_INT8, 1, shape, count_up, NULL, NULL, NULL));
    REFUSED(gpuproc_array_info_get(NULL, &info, NULL));
    REFUSED(gpuproc_array_info_get(x, NULL, NULL));
    REFUSED(gpuproc_device_info_get(NULL, 0, &device, NULL));
    REFUSED(gpuproc_device_info_get(s, 0, NULL, NULL));
    gpuproc_tune_options tune = {0};
    gpuproc_tune_result tuned = {0};
    REFUSED(gpuproc_session_tune(s, NULL, NULL, NULL));
    REFUSED(gpuproc_session_tune(s, NULL, &tuned, NULL));
    tuned.struct_size = sizeof tuned;
    REFUSED(gpuproc_session_tune(NULL, NULL, &tuned, NULL));
    REFUSED(gpuproc_session_tune(s, &tune, &tuned, NULL));
    tune = (gpuproc_tune_options){.struct_size = sizeof tune, .device = "cpu"};
    assert_int_equal(gpuproc_session_tune(s, &tune, &tuned, NULL), GPUPROC_UNSUPPORTED);
    REFUSED(gpuproc_dtype_parse(NULL, &dtype, NULL, NULL));
    REFUSED(gpuproc_dtype_parse("f4", NULL, NULL, NULL));
    assert_null(a);
    assert_null(job);
    assert_null(t);
    assert_int_equal(gpuproc_device_count(NULL), 0);
    assert_int_equal(gpuproc_job_result_count(NULL), 0);
    gpuproc_job_cancel(NULL);
    gpuproc_job_progress(NULL, NULL);
    gpuproc_job_report(NULL, NULL);
    gpuproc_job_free(NULL);
    gpuproc_array_free(NULL);
    gpuproc_session_close(NULL);
    assert_string_equal(gpuproc_dtype_name((gpuproc_dtype)-1), "?");
    assert_non_null(gpuproc_status_text((gpuproc_status)12345));
    gpuproc_array_free(x);
    gpuproc_session_close(s);
}

static void functions_are_listed(void **state)
{
    (void)state;
    gpuproc_error err = {0};
    gpuproc_function_info info = {.struct_size = sizeof info};
    const char *group = "";
    size_t groups = 0, found = 0;
    for (size_t i = 0; i < gpuproc_function_count(); i++) {
        assert_int_equal(gpuproc_function_info_get(i, &info, &err), GPUPROC_OK);
        assert_true(info.name[0] != '\0' && info.doc[0] != '\0' && info.parameters[0] != '\0');
        groups += strcmp(group, info.group) != 0;
        group = info.group;
        if (strcmp(info.name, "linalg.norm") != 0) continue;
        assert_string_equal(info.parameters, "x, ord=, axis=, keepdims=");
        found++;
    }
    assert_int_equal(found, 1);
    assert_int_equal(groups, 11); /* each in one piece */
    assert_int_equal(gpuproc_function_info_get(gpuproc_function_count(), &info, &err), GPUPROC_INVALID_ARGUMENT);
    info.struct_size = 0;
    assert_int_equal(gpuproc_function_info_get(0, &info, &err), GPUPROC_INVALID_ARGUMENT);
    assert_int_equal(gpuproc_function_info_get(0, NULL, &err), GPUPROC_INVALID_ARGUMENT);
}

/* ---- Standard input ---- */

static void one_stream_twice(void **state)
{
    (void)state;
    int ends[2], before = dup(STDIN_FILENO);
    gpuproc_session *s = open_session();
    gpuproc_array *x = NULL;
    gpuproc_error err = {0};
    const int64_t four[] = {4};
    const int32_t data[] = {1, 2, 3, 4};
    gpuproc_raw_layout layout = {.struct_size = sizeof layout, .dtype = GPUPROC_INT32, .ndim = 1, .shape = four};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], data, sizeof data), sizeof data);
    close(ends[1]);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
    close(ends[0]);
    assert_int_equal(gpuproc_array_open_raw("-", &layout, &x, &err), GPUPROC_OK);
    /* Under two names each would get a part of it. */
    gpuproc_job *job = NULL;
    gpuproc_input both[] = {{"x", x}, {"y", x}};
    assert_int_equal(gpuproc_submit(s, "sum(x - y)", both, 2, NULL, 0, &on_cpu, &job, &err),
                     GPUPROC_INVALID_ARGUMENT);
    /* Twice in one expression is one reading; nothing is left for a second job. */
    job = submit(s, "sum(x * x - mean(x))", x);
    assert_int_equal(gpuproc_job_wait(job, FOR_EVER, &err), GPUPROC_OK);
    gpuproc_result r = {.struct_size = sizeof r};
    assert_int_equal(gpuproc_job_result(job, 0, &r, NULL), GPUPROC_OK);
    assert_true(r.scalar.value.f == 20);
    gpuproc_job_free(job);
    assert_int_equal(gpuproc_submit(s, "sum(x)", both, 1, NULL, 0, &on_cpu, &job, &err),
                     GPUPROC_INVALID_ARGUMENT);
    gpuproc_array_free(x);
    gpuproc_session_close(s);
    assert_true(dup2(before, STDIN_FILENO) >= 0);
    close(before);
}

/* ---- Results whose length depends on the data, and arrays in the text ------------- */

static gpuproc_status select_to(gpuproc_session *s, const gpuproc_array *x, const char *text,
                                const gpuproc_output *out, int64_t *most, int64_t *length, gpuproc_error *err)
{
    gpuproc_job *job = NULL;
    gpuproc_input in = {"x", x};
    gpuproc_job_options o = on_cpu;
    o.flags = GPUPROC_JOB_OVERWRITE;
    gpuproc_status st = gpuproc_submit(s, text, &in, 1, out, 1, &o, &job, err);
    if (st != GPUPROC_OK) return st;
    gpuproc_result r = {.struct_size = sizeof r};
    st = gpuproc_job_wait(job, FOR_EVER, err);
    assert_int_equal(gpuproc_job_result(job, 0, &r, NULL), GPUPROC_OK);
    assert_int_equal(r.ndim, 1);
    *length = r.shape[0];
    gpuproc_job_free(job);
    /* Before it has run: on elements that do not come. */
    gate g = {0};
    gpuproc_array *held = generated(gated, &g);
    in.array = held;
    assert_int_equal(gpuproc_submit(s, text, &in, 1, out, 1, &o, &job, NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_job_result(job, 0, &r, NULL), GPUPROC_OK);
    *most = r.shape[0];
    gpuproc_job_cancel(job);
    atomic_store(&g.open, true);
    gpuproc_job_free(job);
    gpuproc_array_free(held);
    return st;
}

static void growing_results(void **state)
{
    (void)state;
    gpuproc_session *s = open_session();
    gpuproc_array *x = generated(count_up, NULL);
    static int64_t buffer[COUNT + 1];
    gpuproc_error err = {0};
    int64_t most = 0, length = 0;
    const size_t n = (COUNT + 2) / 3; /* multiples of 3 */
    const char *text = "x[x % 3 == 0]";

    gpuproc_output memory = {.kind = GPUPROC_OUTPUT_MEMORY, .data = buffer, .bytes = n * 8};
    memset(buffer, 0xee, sizeof buffer);
    if (select_to(s, x, text, &memory, &most, &length, &err) != GPUPROC_OK) fail_msg("%s", err.message);
    assert_int_equal(most, COUNT);
    assert_int_equal(length, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(buffer[i], 3 * i);
    assert_int_equal(((unsigned char *)buffer)[n * 8], 0xee);

    /* One element too small: told at the end, and nothing behind it is touched. */
    memset(buffer, 0xee, sizeof buffer);
    memory.bytes = (n - 1) * 8;
    assert_int_equal(select_to(s, x, text, &memory, &most, &length, &err), GPUPROC_INVALID_ARGUMENT);
    char expected[128];
    snprintf(expected, sizeof expected, "the buffer for the result has %zu bytes, %zu are needed", (n - 1) * 8,
             n * 8);
    assert_string_equal(err.message, expected);
    assert_int_equal(((unsigned char *)buffer)[(n - 1) * 8], 0xee);

    /* Into a file, with the header that NumPy would write. */
    char path[] = "/tmp/gpuproc-api-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    gpuproc_output file = {.kind = GPUPROC_OUTPUT_NPY, .path = path};
    static const struct {
        const char *text;
        size_t step, n;
    } all[] = {{"x[x % 3 == 0]", 3, (COUNT + 2) / 3}, {"x[x < 0]", 1, 0}, {"x[x >= 0]", 1, COUNT}};
    for (size_t k = 0; k < 3; k++) {
        if (select_to(s, x, all[k].text, &file, &most, &length, &err) != GPUPROC_OK) fail_msg("%s", err.message);
        assert_int_equal(length, all[k].n);
        gpuproc_array *back = NULL;
        assert_int_equal(gpuproc_array_open_npy(path, &back, &err), GPUPROC_OK);
        gpuproc_array_info info = {.struct_size = sizeof info};
        assert_int_equal(gpuproc_array_info_get(back, &info, NULL), GPUPROC_OK);
        assert_int_equal(info.ndim, 1);
        assert_int_equal(info.shape[0], all[k].n);
        assert_int_equal(info.extra_bytes, 0);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        assert_int_equal(fseek(f, (long)info.data_offset, SEEK_SET), 0);
        assert_int_equal(fread(buffer, 8, COUNT, f), all[k].n);
        for (size_t i = 0; i < all[k].n; i++) assert_int_equal(buffer[i], all[k].step * i);
        fclose(f);
        gpuproc_array_free(back);
    }
    unlink(path);
    close(fd);

    gpuproc_input in = {"x", x};
    gpuproc_job *job = NULL;
    assert_int_equal(gpuproc_submit(s, text, &in, 1, NULL, 0, &on_cpu, &job, &err), GPUPROC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "of at most (100003,)"));
    gpuproc_array_free(x);
    gpuproc_session_close(s);
}

/* Arrays of the text itself are no inputs of the caller's; a name that is bound and not used is one. */
static void arrays_in_the_text(void **state)
{
    (void)state;
    gpuproc_session *s = open_session();
    gpuproc_array *x = generated(count_up, NULL);
    gpuproc_job *job = NULL;
    gpuproc_error err = {0};
    double quarter[3] = {0};
    gpuproc_input in[] = {{"unused", x}, {"x", x}};
    gpuproc_output out = {.kind = GPUPROC_OUTPUT_MEMORY, .data = quarter, .bytes = sizeof quarter};
    if (gpuproc_submit(s, "quantile(x, [0, 0.5, 1])", in, 2, &out, 1, &on_cpu, &job, &err) != GPUPROC_OK ||
        gpuproc_job_wait(job, FOR_EVER, &err) != GPUPROC_OK)
        fail_msg("%s", err.message);
    assert_true(quarter[0] == 0 && quarter[1] == (COUNT - 1) / 2 && quarter[2] == COUNT - 1);
    gpuproc_job_free(job);
    gpuproc_array_free(x);
    gpuproc_session_close(s);
}

/* From memory to memory in another order: made where it stays, twice where two results are the same, and also
 * read from there by what is computed of it. */
static void turned_in_memory(void **state)
{
    (void)state;
    enum { ROWS = 700, COLUMNS = 333, ALL = ROWS * COLUMNS };
    static float x[ALL + 64], y[ALL + 64], z[ALL + 64], more[ALL + 64];
    static const uint64_t chunk[] = {0, 4096, 65536, 300000};
    const int64_t dim[] = {ROWS, COLUMNS};
    gpuproc_session *s = open_session();
    gpuproc_array *a = NULL;
    for (int i = 0; i < ALL; i++) x[i] = (float)i;
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_FLOAT32, 2, dim, x, &a, NULL), GPUPROC_OK);
    gpuproc_input in = {"x", a};
    gpuproc_output out[] = {{.name = "y", .kind = GPUPROC_OUTPUT_MEMORY, .data = y, .bytes = ALL * sizeof *y},
                            {.name = "z", .kind = GPUPROC_OUTPUT_MEMORY, .data = z, .bytes = ALL * sizeof *z},
                            {.name = "more", .kind = GPUPROC_OUTPUT_MEMORY, .data = more, .bytes = ALL * sizeof *more}};
    for (int k = 0; k < 8; k++) {
        gpuproc_job_options o = {.struct_size = sizeof o, .device = "cpu", .chunk_bytes = chunk[k % 4], .slots = k < 4 ? 0 : 1};
        const bool computed = k % 2;
        gpuproc_job *job = NULL;
        gpuproc_error err = {0};
        for (int i = 0; i < ALL + 64; i++) y[i] = z[i] = more[i] = -1;
        if (gpuproc_submit(s, computed ? "y = x.T; z = y; more = y * 2 + 1" : "y = x.T; z = x.T; more = x.T[::-1]", &in, 1,
                           out, 3, &o, &job, &err) != GPUPROC_OK ||
            gpuproc_job_wait(job, FOR_EVER, &err) != GPUPROC_OK)
            fail_msg("%s", err.message);
        gpuproc_job_free(job);
        for (int c = 0; c < COLUMNS; c++) {
            for (int r = 0; r < ROWS; r++) {
                const float want = x[r * COLUMNS + c], *turned = &more[(computed ? c : COLUMNS - 1 - c) * ROWS + r];
                if (y[c * ROWS + r] != want || z[c * ROWS + r] != want || *turned != (computed ? want * 2 + 1 : want))
                    fail_msg("way %d: row %d, column %d", k, c, r);
            }
        }
        for (int i = ALL; i < ALL + 64; i++) assert_true(y[i] == -1 && z[i] == -1 && more[i] == -1);
    }
    gpuproc_array_free(a);
    gpuproc_session_close(s);
}

/* Every view of an array in memory, put into memory, is what computing with it says. */
static void views_into_memory(void **state)
{
    (void)state;
    static const char *const view[] = {
        "x.T", "x[::-1, ::3]", "x[:, 5]", "pad(x, ((2, 300), (7, 0)))", "roll(x, 12345)", "roll(x, -3, axis=1)",
        "sliding_window_view(x[:40], 5, axis=1)", "broadcast_to(x[:, :1], (311, 513))", "x.T.reshape(-1)[100:-7]",
        "x[None, :200].T", "concatenate([x.T, x.T])", "diagonal(x)", "swapaxes(x.reshape(311, 27, 19), 0, 2)"};
    static const gpuproc_dtype dtype[] = {GPUPROC_INT8, GPUPROC_FLOAT16, GPUPROC_FLOAT32, GPUPROC_INT64, GPUPROC_COMPLEX128};
    enum { ROWS = 311, COLUMNS = 513, MOST = 16 * 600000 };
    static char out[2][MOST];
    static unsigned char x[16 * ROWS * COLUMNS];
    const int64_t dim[] = {ROWS, COLUMNS};
    gpuproc_session *s = open_session();
    for (size_t i = 0; i < sizeof x; i++) x[i] = (unsigned char)(i * 31 % 57 + 3); /* no NaN of any dtype */
    for (size_t k = 0; k < sizeof view / sizeof view[0] * 5; k++) {
        char text[200];
        gpuproc_array *a = NULL;
        gpuproc_job *job = NULL;
        gpuproc_error err = {0};
        gpuproc_job_options o = {.struct_size = sizeof o, .device = "cpu", .chunk_bytes = k % 3 == 0 ? 0 : k % 3 == 1 ? 8192 : 262144};
        gpuproc_output to[] = {{.name = "v", .kind = GPUPROC_OUTPUT_MEMORY, .data = out[0], .bytes = MOST},
                               {.name = "w", .kind = GPUPROC_OUTPUT_MEMORY, .data = out[1], .bytes = MOST}};
        assert_int_equal(gpuproc_array_from_memory(dtype[k % 5], 2, dim, x, &a, NULL), GPUPROC_OK);
        gpuproc_input in = {"x", a};
        memset(out, 0x55, sizeof out);
        for (int w = 0; w < 2; w++) { /* apart, so that the first is but a copy */
            snprintf(text, sizeof text, w == 0 ? "v = %s" : "w = (%s) * 1", view[k / 5]);
            if (gpuproc_submit(s, text, &in, 1, &to[w], 1, &o, &job, &err) != GPUPROC_OK ||
                gpuproc_job_wait(job, FOR_EVER, &err) != GPUPROC_OK)
                fail_msg("%s: %s", text, err.message);
            gpuproc_job_free(job);
        }
        if (memcmp(out[0], out[1], MOST) != 0) fail_msg("%s of %s", view[k / 5], gpuproc_dtype_name(dtype[k % 5]));
        gpuproc_array_free(a);
    }
    gpuproc_session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_jobs_of_many_threads),
        cmocka_unit_test(waiting_and_progress),
        cmocka_unit_test(cancelled_jobs),
        cmocka_unit_test(session_closed_with_jobs),
        cmocka_unit_test(session_closed_while_jobs_are_freed),
        cmocka_unit_test(failing_function),
        cmocka_unit_test(error_records),
        cmocka_unit_test(nothing_given),
        cmocka_unit_test(functions_are_listed),
        cmocka_unit_test(one_stream_twice),
        cmocka_unit_test(growing_results),
        cmocka_unit_test(arrays_in_the_text),
        cmocka_unit_test(turned_in_memory),
        cmocka_unit_test(views_into_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
