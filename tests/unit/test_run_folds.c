/* Runs of programs whose nodes are folded, stored and walked: what comes out, how much is read, and that
 * every failure on the way is told and leaves nothing behind. Numbers are small integers, so that
 * every sum is exact and the expected values are plain loops. */
#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "stream/run.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS 211
#define COLS 97
#define COUNT (ROWS * COLS) /* 20 blocks of GP_BLOCK */
#define MOST 4

typedef struct world {
    gp_io_engine *engine;
    gp_device *cpu;
    double *x;
} world;

typedef struct trial {
    gp_program program;
    gp_plan_target target[MOST];
    void *data[MOST];      /* filled by the run */
    uint64_t bytes[MOST];
    uint64_t length[MOST]; /* of growing results */
    uint64_t room[MOST];
    size_t targets;
    /* How. */
    uint64_t chunk_bytes, budget;
    unsigned slots;
    bool by_function; /* x is made on demand, and cannot be looked at where it is */
    int fail_read;    /* errno of the fail_at-th request for elements */
    size_t fail_at;
    /* What came. */
    gpuproc_status status;
    gpuproc_error error;
    gp_counters counters;
    gp_trace trace; /* its sums */
    gpuproc_scalar value[64];
} trial;

typedef struct maker {
    const double *x;
    trial *t;
    atomic_size_t calls;
} maker;

static int make(void *ctx, uint64_t first, size_t count, void *dst)
{
    maker *m = ctx;
    size_t n = atomic_fetch_add(&m->calls, 1) + 1;
    if (m->t->fail_at != 0 && n >= m->t->fail_at) return m->t->fail_read;
    memcpy(dst, m->x + first, count * sizeof *m->x);
    return 0;
}

static void begin(trial *t, const gp_shape *shape, int *x)
{
    *t = (trial){.budget = UINT64_C(1) << 26};
    assert_int_equal(gp_ir_declare(&t->program, "x", GPUPROC_FLOAT64, shape), 0);
    *x = gp_ir_input_node(&t->program, 0);
}

static void want(trial *t, int node, bool scalar)
{
    assert_true(node >= 0);
    const gp_node *n = &t->program.node[node];
    t->bytes[t->targets] = gp_shape_size(&n->shape) * gpuproc_dtype_bytes(n->dtype);
    t->length[t->targets] = UINT64_MAX;
    t->room[t->targets] = UINT64_MAX;
    t->target[t->targets++] = (gp_plan_target){.node = node, .scalar = scalar, .c_order = true};
}

/* Runs it all; the results' memory has a guard behind it. */
static void run(world *w, trial *t)
{
    gp_plan plan = {0};
    gp_sink *sink[MOST] = {0};
    gp_source *source[16] = {0};
    maker m = {.x = w->x, .t = t};
    const gp_shape *shape = &t->program.input[0].shape;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    gp_device *device[] = {w->cpu};
    assert_int_equal(gp_program_verify(&t->program, &t->error), GPUPROC_OK);
    assert_true(t->program.nodes <= 64);
    t->status = gp_plan_make(&t->program, t->target, t->targets, t->budget, &plan, &t->error);
    assert_int_equal(t->status, GPUPROC_OK);
    assert_true(t->program.inputs + plan.storeds <= 16);
    gp_origin origin = {.kind = t->by_function ? GP_ORIGIN_FUNCTION : GP_ORIGIN_MEMORY,
                        .dtype = GPUPROC_FLOAT64, .shape = *shape, .count = gp_shape_size(shape), .fd = -1,
                        .data = w->x, .generate = make, .generate_ctx = &m};
    assert_int_equal(gp_source_open(&origin, w->engine, false, &source[0], NULL), GPUPROC_OK);
    for (size_t i = 1; i < t->program.inputs; i++) {
        const gp_input *in = &t->program.input[i];
        gp_origin constant = {.kind = GP_ORIGIN_MEMORY, .dtype = in->dtype, .shape = in->shape,
                              .count = gp_shape_size(&in->shape), .fd = -1, .data = in->data};
        assert_int_equal(gp_source_open(&constant, w->engine, false, &source[i], NULL), GPUPROC_OK);
    }
    for (size_t i = 0; i < t->targets; i++) {
        if (t->target[i].scalar) continue;
        bool growing = t->program.node[t->target[i].node].growing;
        size_t bytes = (size_t)gp_min_u64(t->bytes[i], t->room[i]);
        free(t->data[i]);
        t->data[i] = malloc(bytes + 64);
        memset(t->data[i], 0xee, bytes + 64);
        gp_target to = {.kind = GP_TARGET_MEMORY, .fd = -1, .data = t->data[i], .growing = growing};
        assert_int_equal(gp_sink_open(&to, bytes, w->engine, &sink[i], NULL), GPUPROC_OK);
    }
    gp_run r = {.plan = &plan, .engine = w->engine, .cpu = w->cpu, .device = device, .devices = 1,
                .device_lock = &lock, .source = source, .sink = sink, .room = t->room,
                .length = t->length, .host_budget = t->budget, .chunk_bytes = t->chunk_bytes,
                .slots = t->slots};
    r.value = gp_calloc(t->program.nodes, sizeof *r.value);
    assert_true(gp_mailbox_init(&r.box));
    t->error = (gpuproc_error){0};
    t->status = gp_run_plan(&r, &t->error);
    assert_int_equal(t->error.status, t->status);
    assert_int_equal(r.stored_bytes, 0);
    for (size_t i = 0; i < plan.storeds; i++) assert_null(source[t->program.inputs + i]);
    if (t->status == GPUPROC_OK)
        assert_true(atomic_load(&r.counters.bytes_done) ==
                    gp_run_bytes(&plan) + atomic_load(&r.counters.bytes_again));
    t->counters = r.counters;
    t->trace = r.trace;
    memcpy(t->value, r.value, t->program.nodes * sizeof *t->value);
    for (size_t i = 0; i < t->targets; i++) {
        size_t bytes = (size_t)gp_min_u64(t->bytes[i], t->room[i]);
        for (size_t b = 0; t->data[i] != NULL && b < 64; b++)
            assert_int_equal(((unsigned char *)t->data[i])[bytes + b], 0xee);
        gp_sink_close(sink[i]);
    }
    for (size_t i = 0; i < t->program.inputs; i++) gp_source_close(source[i]);
    gp_mailbox_destroy(&r.box);
    gp_text_free(&r.warnings);
    free(r.value);
    gp_plan_free(&plan);
    pthread_mutex_destroy(&lock);
}

static void end(trial *t)
{
    for (size_t i = 0; i < t->targets; i++) free(t->data[i]);
    gp_program_free(&t->program);
}

static void assert_well(const trial *t)
{
    if (t->status != GPUPROC_OK) fail_msg("%s", t->error.message);
}

/* Every way to cut and to read. */
#define WAYS 12
static void set_way(trial *t, size_t way)
{
    static const uint64_t chunk[] = {8192, 3 * 8192, 1 << 20};
    t->chunk_bytes = chunk[way % 3];
    t->slots = way / 3 % 2 ? 1 : 4;
    t->by_function = way / 6;
}

static gp_shape shape_of(int ndim, int64_t a, int64_t b)
{
    return (gp_shape){ndim, {a, b}};
}

static int constant(trial *t, double value)
{
    gpuproc_scalar v = {.dtype = GPUPROC_FLOAT64};
    v.value.f = value;
    return gp_ir_const(&t->program, v);
}

static int op2(trial *t, gp_op op, int a, int b)
{
    return gp_ir_op(&t->program, op, GPUPROC_FLOAT64, a, b, -1);
}

/* ---- What comes out ----------------------------------------------------------- */

/* y = STORE(x * 2)[::-1] + x; the stored array is a result, too. */
static void stored_and_reversed(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(1, COUNT, 0);
    begin(&t, &shape, &x);
    int s = gp_ir_fold(&t.program, GP_OP_STORE, GPUPROC_FLOAT64, op2(&t, GP_OP_MUL, x, constant(&t, 2)),
                       -1, 0, 0, &shape, false);
    gp_walk back = {.shape = shape, .offset = COUNT - 1, .stride = {-1}};
    int y = op2(&t, GP_OP_ADD, gp_ir_view(&t.program, s, &back), x);
    want(&t, y, false);
    want(&t, s, false);
    for (size_t way = 0; way < WAYS; way++) {
        set_way(&t, way);
        /* In memory, and in a file. */
        for (int small = 0; small < 2; small++) {
            t.budget = small ? 1000000 : UINT64_C(1) << 26;
            run(w, &t);
            assert_well(&t);
            const double *got = t.data[0], *kept = t.data[1];
            for (size_t i = 0; i < COUNT; i++) {
                assert_true(got[i] == 2 * w->x[COUNT - 1 - i] + w->x[i]);
                assert_true(kept[i] == 2 * w->x[i]);
            }
        }
    }
    end(&t);
}

/* y = x - mean(x, axis=0) and sum(x, axis=1): sums by folds of the file as it is, then a row that is
 * kept for the second pass. */
static void axis_sums(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(2, ROWS, COLS);
    begin(&t, &shape, &x);
    int down = gp_ir_reduce_axes(&t.program, GP_OP_SUM, GPUPROC_FLOAT64, x, 1, 0);
    int along = gp_ir_reduce_axes(&t.program, GP_OP_SUM, GPUPROC_FLOAT64, x, 2, 0);
    int y = op2(&t, GP_OP_SUB, x, down);
    want(&t, y, false);
    want(&t, along, false);
    want(&t, down, false);
    double sum[COLS] = {0}, rows[ROWS] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        sum[i % COLS] += w->x[i];
        rows[i / COLS] += w->x[i];
    }
    for (size_t way = 0; way < WAYS; way++) {
        set_way(&t, way);
        run(w, &t);
        assert_well(&t);
        assert_memory_equal(t.data[1], rows, sizeof rows);
        assert_memory_equal(t.data[2], sum, sizeof sum);
        const double *got = t.data[0];
        for (size_t i = 0; i < COUNT; i++) assert_true(got[i] == w->x[i] - sum[i % COLS]);
        if (!t.by_function) assert_true(t.trace.stage[GPUPROC_STAGE_READ].bytes_in_place >= 2 * COUNT * 8);
    }
    end(&t);
}

/* x[x > 0], into a buffer for all of it, and into smaller ones. */
static void growing(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(1, COUNT, 0);
    begin(&t, &shape, &x);
    int mask = gp_ir_op(&t.program, GP_OP_GT, GPUPROC_BOOL, x, constant(&t, 0), -1);
    int s = gp_ir_fold(&t.program, GP_OP_SELECT, GPUPROC_FLOAT64, x, mask, 0, 0, &shape, true);
    want(&t, s, false);
    double *right = malloc(COUNT * sizeof *right);
    size_t n = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (w->x[i] > 0) right[n++] = w->x[i];
    }
    assert_true(n > COUNT / 4 && n < COUNT);
    for (size_t way = 0; way < WAYS; way++) {
        static const uint64_t rooms[] = {UINT64_MAX, 8 * 5000, 0};
        set_way(&t, way);
        t.room[0] = rooms[way % 3];
        run(w, &t);
        assert_well(&t);
        assert_int_equal(t.length[0], n);
        assert_memory_equal(t.data[0], right, (size_t)gp_min_u64(n * 8, t.room[0]));
    }
    free(right);
    end(&t);
}

/* A scan into memory, over its operand where that is a pass's own (x + 1), beside it where it is x. */
static void scans(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(1, COUNT, 0);
    begin(&t, &shape, &x);
    int s = gp_ir_fold(&t.program, GP_OP_CUMSUM, GPUPROC_FLOAT64, x, -1, 1, 0, &shape, false);
    int s1 = gp_ir_fold(&t.program, GP_OP_CUMSUM, GPUPROC_FLOAT64, op2(&t, GP_OP_ADD, x, constant(&t, 1)), -1,
                        1, 0, &shape, false);
    want(&t, s, false);
    want(&t, op2(&t, GP_OP_SUB, s1, s), false);
    for (size_t way = 0; way < WAYS; way++) {
        set_way(&t, way);
        run(w, &t);
        assert_well(&t);
        const double *got = t.data[0], *ramp = t.data[1];
        double sum = 0;
        for (size_t i = 0; i < COUNT; i++) {
            sum += w->x[i];
            assert_true(got[i] == sum);
            assert_true(ramp[i] == (double)(i + 1));
        }
    }
    end(&t);
}

/* A median in so little memory that the data is gone through several times: a value, and uniform. */
static void median_again(void **state)
{
    world *w = *state;
    trial t;
    int x;
    const double half = 0.5;
    gp_shape shape = shape_of(1, COUNT, 0), none = {0};
    begin(&t, &shape, &x);
    int q = gp_ir_array(&t.program, GPUPROC_FLOAT64, &none, &half);
    int m = gp_ir_fold(&t.program, GP_OP_QUANTILE, GPUPROC_FLOAT64, x, q, 0, 0, &none, false);
    want(&t, m, true);
    want(&t, op2(&t, GP_OP_SUB, x, m), false);
    for (size_t way = 0; way < WAYS; way++) {
        set_way(&t, way);
        t.budget = way % 2 ? 1 << 22 : 1 << 26;
        run(w, &t);
        assert_well(&t);
        double median = t.value[m].value.f;
        size_t below = 0, same = 0;
        for (size_t i = 0; i < COUNT; i++) {
            below += w->x[i] < median;
            same += w->x[i] == median;
            assert_true(((double *)t.data[1])[i] == w->x[i] - median);
        }
        assert_true(below <= COUNT / 2 && below + same > COUNT / 2);
    }
    end(&t);
}

/* ---- What is read --------------------------------------------------------------- */

static void neighbours(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(1, COUNT, 0), inner = shape_of(1, COUNT - 2, 0);
    begin(&t, &shape, &x);
    int v[3];
    for (int k = 0; k < 3; k++) {
        gp_walk walk = {.shape = inner, .offset = k, .stride = {1}};
        v[k] = gp_ir_view(&t.program, x, &walk);
    }
    want(&t, op2(&t, GP_OP_SUB, op2(&t, GP_OP_ADD, v[0], v[2]), v[1]), false);
    for (size_t way = 0; way < WAYS; way++) {
        set_way(&t, way);
        run(w, &t);
        assert_well(&t);
        const double *got = t.data[0];
        for (size_t i = 0; i + 2 < COUNT; i++) assert_true(got[i] == w->x[i] + w->x[i + 2] - w->x[i + 1]);
        /* One read of the data, and two elements more for each chunk. */
        assert_true(t.trace.stage[GPUPROC_STAGE_READ].bytes >= COUNT * 8);
        assert_true(t.trace.stage[GPUPROC_STAGE_READ].bytes <= COUNT * 8 + t.counters.chunks * 2 * 8);
    }
    end(&t);
}

/* Halves that lie far apart are two reads, of each element once. */
static void far_apart(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(1, COUNT, 0), half = shape_of(1, COUNT / 2, 0);
    gp_walk low = {.shape = half, .stride = {1}}, high = {.shape = half, .offset = COUNT / 2, .stride = {1}};
    begin(&t, &shape, &x);
    want(&t, op2(&t, GP_OP_ADD, gp_ir_view(&t.program, x, &high), gp_ir_view(&t.program, x, &low)), false);
    for (size_t way = 0; way < WAYS; way++) {
        set_way(&t, way);
        if (t.chunk_bytes > COUNT) continue;
        run(w, &t);
        assert_well(&t);
        const double *got = t.data[0];
        for (size_t i = 0; i < COUNT / 2; i++) assert_true(got[i] == w->x[i] + w->x[i + COUNT / 2]);
        assert_int_equal(t.trace.stage[GPUPROC_STAGE_READ].bytes, COUNT / 2 * 2 * 8);
    }
    end(&t);
}

/* A transposition, gathered, beside what lies in order. */
static void walked(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(2, ROWS, COLS);
    gp_walk turned = {.shape = shape_of(2, COLS, ROWS), .stride = {1, COLS}};
    begin(&t, &shape, &x);
    int v = gp_ir_view(&t.program, x, &turned);
    want(&t, v, false);
    want(&t, op2(&t, GP_OP_ADD, v, constant(&t, 1)), false);
    for (size_t way = 0; way < WAYS; way++) {
        set_way(&t, way);
        run(w, &t);
        assert_well(&t);
        const double *got = t.data[0], *more = t.data[1];
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(got[i] == w->x[i % ROWS * COLS + i / ROWS]);
            assert_true(more[i] == got[i] + 1);
        }
    }
    end(&t);
}

/* ---- What fails ----------------------------------------------------------------- */

/* A source that fails at every request in turn. */
static void failing_reads(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(1, COUNT, 0);
    begin(&t, &shape, &x);
    int s = gp_ir_fold(&t.program, GP_OP_STORE, GPUPROC_FLOAT64, x, -1, 0, 0, &shape, false);
    gp_walk back = {.shape = shape, .offset = COUNT - 1, .stride = {-1}};
    want(&t, op2(&t, GP_OP_ADD, gp_ir_view(&t.program, s, &back), x), false);
    t.by_function = true;
    t.fail_read = EIO;
    t.chunk_bytes = 3 * 8192;
    size_t fails = 0;
    for (t.fail_at = 1; t.fail_at < 20; t.fail_at++) {
        t.slots = 1 + (unsigned)t.fail_at % 4;
        run(w, &t);
        if (t.status == GPUPROC_OK) continue;
        fails++;
        assert_int_equal(t.status, GPUPROC_IO_READ);
    }
    assert_true(fails >= 14); /* two passes of seven chunks */
    end(&t);
}

/* Folds that fail: at the end (the least of nothing), and for want of memory (before anything is read). */
static void failing_folds(void **state)
{
    world *w = *state;
    trial t;
    int x;
    gp_shape shape = shape_of(2, 0, COLS);
    begin(&t, &shape, &x);
    want(&t, gp_ir_reduce_axes(&t.program, GP_OP_MIN, GPUPROC_FLOAT64, x, 1, 0), false);
    run(w, &t);
    assert_int_equal(t.status, GPUPROC_DOMAIN);
    end(&t);

    begin(&t, &shape, &x);
    want(&t, gp_ir_reduce_axes(&t.program, GP_OP_SUM, GPUPROC_FLOAT64, x, 1, 0), false);
    run(w, &t);
    assert_well(&t);
    for (size_t i = 0; i < COLS; i++) assert_true(((double *)t.data[0])[i] == 0);
    end(&t);

    gp_shape wide = shape_of(2, 2, 1 << 20);
    begin(&t, &wide, &x);
    int n = gp_ir_op(&t.program, GP_OP_CAST, GPUPROC_INT64, x, -1, -1);
    gp_shape bins = shape_of(1, 1 << 22, 0);
    want(&t, gp_ir_fold(&t.program, GP_OP_BINCOUNT, GPUPROC_INT64, n, -1, 0, 1 << 22, &bins, false), false);
    t.by_function = true;
    t.budget = 1 << 22;
    run(w, &t);
    assert_int_equal(t.status, GPUPROC_BUDGET);
    assert_int_equal(t.trace.stage[GPUPROC_STAGE_READ].bytes, 0);
    end(&t);
}

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    if (gp_io_engine_new(4, &w->engine, NULL) != GPUPROC_OK) return -1;
    if (gp_cpu_device_new(2, &w->cpu, NULL) != GPUPROC_OK) return -1;
    w->x = malloc(COUNT * sizeof *w->x);
    uint64_t random = 1;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        w->x[i] = (double)(int64_t)(random >> 48) - 20000;
    }
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    w->cpu->api->close(w->cpu);
    gp_io_engine_free(w->engine);
    free(w->x);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_and_reversed), cmocka_unit_test(axis_sums),
        cmocka_unit_test(growing),             cmocka_unit_test(scans),
        cmocka_unit_test(median_again),        cmocka_unit_test(neighbours),
        cmocka_unit_test(far_apart),           cmocka_unit_test(walked),
        cmocka_unit_test(failing_reads),       cmocka_unit_test(failing_folds),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
