#include "io/io_fixture.h"

#include "base/clock.h"

#include <time.h>

typedef struct many {
    waiter w;
    _Atomic int under_way, most;
} many;

static void request_ended(gp_io_request *r) { ended(r->ctx); }

static void run(fixture *f, gp_io_request *r)
{
    waiter w = WAITER;
    r->done = request_ended;
    r->ctx = &w;
    gp_io_submit(f->engine, r);
    wait_for(&w, 1);
}

static void *pattern(size_t bytes)
{
    uint32_t *p = malloc(bytes + 4), x = 12345;
    for (size_t i = 0; i < bytes / 4 + 1; i++) p[i] = x = x * 1664525u + 1013904223u;
    return p;
}

/* Many pieces, an odd size, an odd offset: all arrive where they belong. */
static void writes_and_reads(void **state)
{
    fixture *f = *state;
    size_t bytes = 13 * 1024 * 1024 + 77;
    char *data = pattern(bytes), *back = calloc(bytes, 1);
    int fd = open(path_in(f, "a"), O_RDWR | O_CREAT, 0600);
    gp_io_request r = {.op = GP_IO_WRITE, .fd = fd, .buffer = data, .bytes = bytes, .offset = 5};
    uint64_t before = gp_now_ns();
    run(f, &r);
    assert_int_equal(r.result, bytes);
    assert_true(r.begin_ns >= before && r.end_ns >= r.begin_ns && gp_now_ns() >= r.end_ns);
    r = (gp_io_request){.op = GP_IO_READ, .fd = fd, .buffer = back, .bytes = bytes, .offset = 5};
    run(f, &r);
    assert_int_equal(r.result, bytes);
    assert_memory_equal(data, back, bytes);
    close(fd);
    free(data);
    free(back);
}

static void reads_to_the_end_only(void **state)
{
    fixture *f = *state;
    size_t bytes = 5 * 1024 * 1024 + 3;
    char *data = pattern(bytes), *back = calloc(2 * bytes, 1);
    put_file(path_in(f, "a"), data, bytes);
    int fd = open(path_in(f, "a"), O_RDONLY);
    gp_io_request r = {.op = GP_IO_READ, .fd = fd, .buffer = back, .bytes = 2 * bytes, .offset = 10};
    run(f, &r);
    assert_int_equal(r.result, bytes - 10);
    assert_memory_equal(data + 10, back, bytes - 10);
    r = (gp_io_request){.op = GP_IO_READ, .fd = fd, .buffer = back, .bytes = 100, .offset = 1 << 30};
    run(f, &r);
    assert_int_equal(r.result, 0);
    r = (gp_io_request){.op = GP_IO_READ, .fd = fd, .buffer = back, .bytes = 0};
    run(f, &r);
    assert_int_equal(r.result, 0);
    close(fd);
    free(data);
    free(back);
}

static void tells_errors(void **state)
{
    fixture *f = *state;
    char *buffer = malloc(8 << 20);
    gp_io_request r = {.op = GP_IO_READ, .fd = -1, .buffer = buffer, .bytes = 8 << 20};
    run(f, &r);
    assert_int_equal(r.result, -EBADF);
    int fd = open(path_in(f, "a"), O_RDONLY | O_CREAT, 0600);
    memset(buffer, 0, 8 << 20);
    r = (gp_io_request){.op = GP_IO_WRITE, .fd = fd, .buffer = buffer, .bytes = 8 << 20};
    run(f, &r);
    assert_int_equal(r.result, -EBADF);
    r = (gp_io_request){.op = GP_IO_READ, .fd = fd, .stream = true, .buffer = buffer, .bytes = 8};
    run(f, &r);
    assert_int_equal(r.result, 0);
    close(fd);
    free(buffer);
}

static int64_t count_calls(gp_io_request *r)
{
    many *m = r->call_ctx;
    int now = ++m->under_way, most = m->most;
    while (now > most && !atomic_compare_exchange_weak(&m->most, &most, now)) {
    }
    struct timespec t = {.tv_nsec = 1000000};
    nanosleep(&t, NULL);
    m->under_way--;
    return (int64_t)r->offset;
}

static void calls_run_at_bounded_depth(void **state)
{
    fixture *f = *state;
    enum { N = 100 };
    many m = {.w = WAITER};
    gp_io_request *r = calloc(N, sizeof *r);
    for (int i = 0; i < N; i++) {
        r[i] = (gp_io_request){.op = GP_IO_CALL, .call = count_calls, .call_ctx = &m,
                               .done = request_ended, .ctx = &m.w, .offset = (uint64_t)i};
        gp_io_submit(f->engine, &r[i]);
    }
    wait_for(&m.w, N);
    for (int i = 0; i < N; i++) assert_int_equal(r[i].result, i);
    assert_true(m.most >= 1 && m.most <= 8);
    free(r);
}

/* Several threads submit, requests mix, all end, each once. */
typedef struct submitter {
    fixture *f;
    int fd;
    char *data;
    unsigned seed;
    int wrong;
} submitter;

static void *submit_many(void *arg)
{
    submitter *s = arg;
    enum { N = 60, MAX = 3 << 20 };
    char *buffer = malloc(MAX);
    for (int i = 0; i < N; i++) {
        size_t bytes = (size_t)rand_r(&s->seed) % MAX, offset = (size_t)rand_r(&s->seed) % MAX;
        gp_io_request r = {.op = GP_IO_READ, .fd = s->fd, .buffer = buffer, .bytes = bytes,
                           .offset = offset};
        run(s->f, &r);
        s->wrong += r.result != (int64_t)bytes || memcmp(buffer, s->data + offset, bytes) != 0;
    }
    free(buffer);
    return NULL;
}

static void many_threads_submit(void **state)
{
    fixture *f = *state;
    size_t bytes = 6 << 20;
    char *data = pattern(bytes);
    put_file(path_in(f, "a"), data, bytes);
    int fd = open(path_in(f, "a"), O_RDONLY);
    submitter s[4];
    pthread_t t[4];
    for (unsigned i = 0; i < 4; i++) {
        s[i] = (submitter){f, fd, data, i, 0};
        pthread_create(&t[i], NULL, submit_many, &s[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(s[i].wrong, 0);
    }
    close(fd);
    free(data);
}

static void *drip(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < 1000; i++) {
        if (write(fd, "0123456789", 10) != 10) break;
    }
    close(fd);
    return NULL;
}

static void streams_are_read_whole(void **state)
{
    fixture *f = *state;
    int p[2];
    pthread_t t;
    char buffer[12000];
    assert_int_equal(pipe(p), 0);
    pthread_create(&t, NULL, drip, &p[1]);
    gp_io_request r = {.op = GP_IO_READ, .fd = p[0], .stream = true, .buffer = buffer, .bytes = 9995};
    run(f, &r);
    assert_int_equal(r.result, 9995);
    assert_memory_equal(buffer + 9980, "012345678901234", 15);
    r.bytes = 100;
    run(f, &r);
    assert_int_equal(r.result, 5);
    pthread_join(t, NULL);
    close(p[0]);
}

/* A reader that has gone is an errno here, whatever the caller does with SIGPIPE. */
static void broken_pipe_is_no_signal(void **state)
{
    fixture *f = *state;
    int p[2];
    char *buffer = calloc(1 << 20, 1);
    assert_int_equal(pipe(p), 0);
    close(p[0]);
    gp_io_request r = {.op = GP_IO_WRITE, .fd = p[1], .stream = true, .buffer = buffer,
                       .bytes = 1 << 20};
    run(f, &r);
    assert_int_equal(r.result, -EPIPE);
    close(p[1]);
    free(buffer);
}

static void waiting_streams_can_be_stopped(void **state)
{
    fixture *f = *state;
    int p[2];
    char *buffer = calloc(1 << 20, 1);
    atomic_bool stop = false;
    waiter w = WAITER;
    assert_int_equal(pipe(p), 0);
    gp_io_request in = {.op = GP_IO_READ, .fd = p[0], .stream = true, .stop = &stop,
                        .buffer = buffer, .bytes = 8, .done = request_ended, .ctx = &w};
    gp_io_submit(f->engine, &in);
    int q[2];
    assert_int_equal(pipe(q), 0);
    gp_io_request out = {.op = GP_IO_WRITE, .fd = q[1], .stream = true, .stop = &stop,
                         .buffer = buffer, .bytes = 1 << 20, .done = request_ended, .ctx = &w};
    gp_io_submit(f->engine, &out);
    atomic_store(&stop, true);
    wait_for(&w, 2);
    assert_int_equal(in.result, -ECANCELED);
    assert_int_equal(out.result, -ECANCELED);
    close(p[0]);
    close(p[1]);
    close(q[0]);
    close(q[1]);
    free(buffer);
}

static void names_what_it_is(void **state)
{
    fixture *f = *state;
    const char *name = gp_io_engine_name(f->engine);
    if (strcmp(getenv("GPUPROC_IO"), "threads") == 0) assert_string_equal(name, "threads");
    else assert_true(strcmp(name, "io_uring") == 0 || strcmp(name, "threads") == 0);
}

typedef struct parts {
    _Atomic unsigned done[1000];
    _Atomic int most, under_way, begun;
    uint64_t fails_at;
    gp_io_engine *engine;
} parts;

static int64_t do_part(gp_io_request *r, uint64_t from, uint64_t to)
{
    parts *p = r->call_ctx;
    int now = ++p->under_way;
    for (int most = p->most; now > most && !atomic_compare_exchange_weak(&p->most, &most, now);) {
    }
    p->begun++;
    unsigned char *scratch = gp_io_scratch_take(p->engine);
    if (scratch == NULL) return -ENOMEM;
    memset(scratch, now, GP_IO_SCRATCH_BYTES);
    for (int i = 0; from == 0 && p->begun < 2 && i < 10000; i++) /* another one comes meanwhile */
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    bool mine = scratch[0] == now && scratch[GP_IO_SCRATCH_BYTES - 1] == now;
    gp_io_scratch_give(p->engine, scratch);
    for (uint64_t i = from; i < to; i++) p->done[i]++;
    if (p->fails_at < from) nanosleep(&(struct timespec){0, 2000000}, NULL); /* the failing one has the processor */
    p->under_way--;
    if (!mine) return -EIO;
    return from <= p->fails_at && p->fails_at < to ? -EDOM : 0;
}

/* Every unit once, several at the same time; a failure ends it. */
static void calls_are_done_in_parts(void **state)
{
    fixture *f = *state;
    parts p = {.fails_at = UINT64_MAX, .engine = f->engine};
    gp_io_request r = {.op = GP_IO_CALL, .part = do_part, .call_ctx = &p, .bytes = 1000, .part_units = 30};
    run(f, &r);
    assert_int_equal(r.result, 0);
    assert_int_equal(p.begun, 34);
    assert_true(p.most >= 2 && p.most <= 8);
    for (int i = 0; i < 1000; i++) assert_int_equal(p.done[i], 1);
    parts bad = {.fails_at = 31, .engine = f->engine};
    r = (gp_io_request){.op = GP_IO_CALL, .part = do_part, .call_ctx = &bad, .bytes = 1000, .part_units = 10};
    run(f, &r);
    assert_int_equal(r.result, -EDOM);
    assert_true(bad.begun < 100 && bad.under_way == 0);
}

static void refuses_a_senseless_depth(void **state)
{
    (void)state;
    gp_io_engine *engine = NULL;
    gpuproc_error err;
    assert_int_equal(gp_io_engine_new(0, &engine, &err), GPUPROC_INVALID_ARGUMENT);
    assert_null(engine);
    gp_io_engine_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(writes_and_reads),
        BOTH(reads_to_the_end_only),
        BOTH(tells_errors),
        BOTH(calls_run_at_bounded_depth),
        BOTH(many_threads_submit),
        BOTH(streams_are_read_whole),
        BOTH(broken_pipe_is_no_signal),
        BOTH(waiting_streams_can_be_stopped),
        BOTH(calls_are_done_in_parts),
        BOTH(names_what_it_is),
        cmocka_unit_test(refuses_a_senseless_depth),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
