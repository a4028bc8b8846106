/* Inputs that a device keeps from pass to pass: read once, read again where the device has no
 * room or fails, and dropped in the end. The device computes with the CPU's code, on copies. */
#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "lang/compile.h"
#include "stream/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 50021u /* 49 blocks of GP_BLOCK: 7 chunks of 8 blocks */
#define CHUNKS 7
#define CHUNK_BYTES (8u * GP_BLOCK * 8)
#define MOST 256 /* inputs kept, in all */

/* ---- The fake device ------------------------------------------------------ */

typedef enum fault { NOWHERE, AT_SUBMIT, AT_END } fault;

typedef struct kept {
    const void *key;
    uint64_t first, count;
    void *data;
    size_t bytes;
    atomic_bool whole;
} kept;

typedef struct fake {
    gp_device device;
    gp_device *behind;
    kept kept[MOST];
    size_t keeps, room; /* inputs */
    size_t uploads, hits;
    fault fault;
    size_t from, times; /* which submissions fail, of all */
    size_t submissions;
    uint64_t bytes_per_output; /* device bytes of an element that a slot says it takes */
} fake;

struct gp_device_program {
    fake *owner;
    gp_device_program *behind;
    const gp_pass *pass;
};

typedef struct fake_slot {
    gp_slot base;
    gp_slot *behind;
    gp_chunk inner;
    gp_chunk *outer;
    const void **input;
    kept **keeping; /* per input */
    bool broken;
} fake_slot;

static kept *find(fake *f, const void *key, uint64_t first, uint64_t count)
{
    for (size_t k = 0; k < f->keeps; k++) {
        kept *e = &f->kept[k];
        if (e->key == key && e->first == first && e->count == count) return e;
    }
    return NULL;
}

static gpuproc_status fake_program_new(gp_device *device, const gp_pass *pass,
                                       gp_device_program **program, gpuproc_error *err)
{
    fake *f = (fake *)device;
    gp_device_program *p = gp_calloc(1, sizeof *p);
    *p = (gp_device_program){.owner = f, .pass = pass};
    assert_int_equal(f->behind->api->program_new(f->behind, pass, &p->behind, err), GPUPROC_OK);
    *program = p;
    return GPUPROC_OK;
}

static void fake_program_free(gp_device_program *p)
{
    if (p == NULL) return;
    p->owner->behind->api->program_free(p->behind);
    free(p);
}

static void fake_slot_bytes(const gp_device_program *p, uint64_t max_count, uint64_t *host,
                            uint64_t *device)
{
    p->owner->behind->api->slot_bytes(p->behind, max_count, host, device);
    *device = max_count * p->owner->bytes_per_output * p->pass->outputs;
}

static void fake_slot_free(gp_slot *slot)
{
    if (slot == NULL) return;
    fake_slot *s = (fake_slot *)slot;
    slot->program->owner->behind->api->slot_free(s->behind);
    free(s->input);
    free(s->keeping);
    free(s);
}

static gpuproc_status fake_slot_new(gp_device_program *p, uint64_t max_count,
                                    const bool *want_input, const bool *want_output, gp_slot **slot,
                                    gpuproc_error *err)
{
    fake_slot *s = gp_calloc(1, sizeof *s);
    s->input = gp_calloc(p->pass->inputs, sizeof *s->input);
    s->keeping = gp_calloc(p->pass->inputs, sizeof *s->keeping);
    assert_int_equal(p->owner->behind->api->slot_new(p->behind, max_count, want_input, want_output,
                                                     &s->behind, err),
                     GPUPROC_OK);
    s->base = *s->behind;
    s->base.program = p;
    *slot = &s->base;
    return GPUPROC_OK;
}

static void fake_done(gp_chunk *inner)
{
    fake_slot *s = inner->ctx;
    gp_chunk *outer = s->outer;
    const gp_pass *pass = s->base.program->pass;
    outer->status = inner->status;
    outer->error = inner->error;
    outer->flags = inner->flags;
    s->base.partial = s->behind->partial;
    s->base.partials = s->behind->partials;
    for (size_t i = 0; i < pass->inputs; i++) {
        if (s->keeping[i] != NULL && !s->broken) atomic_store(&s->keeping[i]->whole, true);
    }
    if (s->broken) {
        outer->status = gp_fail(&outer->error, GPUPROC_DEVICE_FAILED, "the fake broke at the end");
        for (size_t o = 0; o < pass->outputs; o++)
            memset(outer->output[o], 0x5a,
                   outer->count * gpuproc_dtype_bytes(pass->output[o].dtype));
    }
    outer->done(outer);
}

static gpuproc_status fake_submit(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err)
{
    fake_slot *s = (fake_slot *)slot;
    fake *f = slot->program->owner;
    const gp_pass *pass = slot->program->pass;
    size_t n = f->submissions++;
    bool fails = n >= f->from && n - f->from < f->times;
    if (fails && f->fault == AT_SUBMIT)
        return gp_fail(err, GPUPROC_DEVICE_FAILED, "the fake broke at once");
    s->broken = fails && f->fault == AT_END;
    for (size_t i = 0; i < pass->inputs; i++) {
        s->input[i] = chunk->input[i];
        s->keeping[i] = NULL;
        if (!pass->input[i].streamed) continue;
        kept *e = find(f, chunk->key[i], chunk->first, chunk->count);
        if (chunk->input[i] == NULL) {
            assert_non_null(e);
            assert_true(atomic_load(&e->whole));
            s->input[i] = e->data;
            f->hits++;
            continue;
        }
        f->uploads++;
        if (!chunk->keep[i] || e != NULL || f->keeps == f->room) continue;
        size_t bytes = chunk->count * gpuproc_dtype_bytes(pass->input[i].dtype);
        e = &f->kept[f->keeps++];
        *e = (kept){.key = chunk->key[i], .first = chunk->first, .count = chunk->count,
                    .bytes = bytes + GP_STAGING_SLACK};
        e->data = gp_pages_alloc(e->bytes);
        memcpy(e->data, chunk->input[i], bytes);
        s->keeping[i] = e;
    }
    s->outer = chunk;
    s->inner = *chunk;
    s->inner.input = s->input;
    s->inner.done = fake_done;
    s->inner.ctx = s;
    return f->behind->api->submit(s->behind, &s->inner, err);
}

static bool fake_holds(const gp_device_program *program, const void *key, uint64_t first,
                       uint64_t count)
{
    kept *e = find(program->owner, key, first, count);
    return e != NULL && atomic_load(&e->whole);
}

static void fake_forget(gp_device *device, const void *key)
{
    fake *f = (fake *)device;
    for (size_t k = 0; k < f->keeps;) {
        kept *e = &f->kept[k];
        if (e->key != key) {
            k++;
            continue;
        }
        gp_pages_free(e->data, e->bytes);
        *e = f->kept[--f->keeps];
    }
}

static const gp_device_api fake_api = {.program_new = fake_program_new,
                                       .program_free = fake_program_free,
                                       .slot_bytes = fake_slot_bytes,
                                       .slot_new = fake_slot_new,
                                       .slot_free = fake_slot_free,
                                       .submit = fake_submit,
                                       .holds = fake_holds,
                                       .forget = fake_forget};

/* ---- A run ------------------------------------------------------------------ */

typedef struct world {
    gp_io_engine *engine;
    gp_device *cpu;
    float *x;
    fake *fake; /* a fresh one for each run */
} world;

typedef struct outcome {
    gpuproc_status status;
    gpuproc_error error;
    double *y;
    uint64_t bytes_read, fallbacks, chunks;
} outcome;

/* How often elements may be read before reading fails. */
typedef struct generator {
    const float *x;
    atomic_size_t left;
} generator;

static int generate(void *ctx, uint64_t first, size_t count, void *dst)
{
    generator *g = ctx;
    if (atomic_fetch_sub(&g->left, 1) == 0) return 5; /* EIO */
    memcpy(dst, g->x + first, count * sizeof *g->x);
    return 0;
}

typedef struct setting {
    const char *text;
    bool no_fallback, sync, any_chunks;
    size_t reads; /* that work; 0: all */
} setting;

static outcome run_on(world *w, gp_device *device, const setting *s)
{
    outcome o = {.y = malloc(COUNT * sizeof *o.y)};
    gp_input bound = {.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {1, {COUNT}}};
    gp_program program = {0};
    gp_plan plan = {0};
    generator g = {.x = w->x, .left = s->reads ? s->reads : SIZE_MAX};
    gp_source *source = NULL;
    gp_origin origin = {.kind = GP_ORIGIN_FUNCTION, .dtype = bound.dtype, .shape = bound.shape,
                        .count = COUNT, .fd = -1, .generate = generate, .generate_ctx = &g};
    gp_sink *sink = NULL;
    gp_target to = {.kind = GP_TARGET_MEMORY, .fd = -1, .data = o.y};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    memset(o.y, 0xee, COUNT * sizeof *o.y);
    assert_int_equal(gp_source_open(&origin, w->engine, false, &source, NULL), GPUPROC_OK);
    assert_int_equal(gp_compile(s->text, &bound, 1, &program, &o.error), GPUPROC_OK);
    assert_int_equal(program.results, 1);
    gp_plan_target target = {.node = program.result[0].node};
    assert_int_equal(gp_sink_open(&to, COUNT * sizeof *o.y, w->engine, &sink, NULL), GPUPROC_OK);
    assert_int_equal(gp_plan_make(&program, &target, 1, UINT64_C(1) << 30, &plan, NULL), GPUPROC_OK);
    gp_run run = {.plan = &plan, .engine = w->engine, .cpu = w->cpu, .device = &device,
                  .devices = 1,
                  .device_lock = &lock, .source = &source, .sink = &sink, .host_budget = 1u << 28,
                  .chunk_bytes = s->any_chunks ? 0 : CHUNK_BYTES,
                  .no_fallback = s->no_fallback, .sync = s->sync};
    run.value = gp_calloc(program.nodes, sizeof *run.value);
    assert_true(gp_mailbox_init(&run.box));
    o.status = gp_run_plan(&run, &o.error);
    o.bytes_read = run.trace.stage[GPUPROC_STAGE_READ].bytes;
    o.fallbacks = run.counters.fallbacks;
    o.chunks = run.counters.chunks;
    gp_mailbox_destroy(&run.box);
    gp_text_free(&run.warnings);
    free(run.value);
    gp_plan_free(&plan);
    gp_program_free(&program);
    gp_sink_close(sink);
    gp_source_close(source);
    pthread_mutex_destroy(&lock);
    return o;
}

static fake *fresh(world *w, size_t room)
{
    memset(w->fake, 0, sizeof *w->fake);
    w->fake->behind = w->cpu;
    w->fake->device.api = &fake_api;
    w->fake->device.info = w->cpu->info;
    w->fake->device.memory_budget = 1u << 30;
    w->fake->room = room;
    return w->fake;
}

/* The output is wider than the input: each pass by itself would have other chunks. */
static const char two_passes[] = "(float64(x) - mean(x)) / std(x)";

/* Runs it on the fake and compares with the CPU; in every case nothing stays kept. */
static outcome check(world *w, const setting *s)
{
    setting easy = *s;
    easy.reads = 0;
    outcome right = run_on(w, w->cpu, &easy);
    assert_int_equal(right.status, GPUPROC_OK);
    outcome o = run_on(w, &w->fake->device, s);
    assert_int_equal(w->fake->keeps, 0);
    if (o.status == GPUPROC_OK) assert_memory_equal(o.y, right.y, COUNT * sizeof *o.y);
    free(o.y);
    free(right.y);
    o.y = NULL;
    return o;
}

#define SETTING(...) (&(setting){__VA_ARGS__})

static void test_read_once(void **state)
{
    world *w = *state;
    for (int sync = 0; sync < 2; sync++) {
        fake *f = fresh(w, MOST);
        outcome o = check(w, SETTING(.text = two_passes, .sync = sync, .reads = CHUNKS));
        assert_int_equal(o.status, GPUPROC_OK);
        assert_int_equal(o.chunks, 2 * CHUNKS);
        assert_int_equal(f->uploads, CHUNKS);
        assert_int_equal(f->hits, CHUNKS);
        assert_int_equal(o.bytes_read, COUNT * sizeof(float));
        assert_int_equal(o.fallbacks, 0);
    }
}

static void test_one_pass_keeps_nothing(void **state)
{
    world *w = *state;
    fake *f = fresh(w, 0);
    outcome o = check(w, SETTING(.text = "float64(x) * 2"));
    assert_int_equal(o.status, GPUPROC_OK);
    assert_int_equal(f->uploads, CHUNKS);
    assert_int_equal(f->hits, 0);
}

static void test_three_passes(void **state)
{
    world *w = *state;
    fake *f = fresh(w, MOST);
    outcome o = check(w, SETTING(.text = "float64(x) / std(x - mean(x))"));
    assert_int_equal(o.status, GPUPROC_OK);
    assert_true(o.chunks >= 3 * CHUNKS);
    assert_int_equal(f->uploads, CHUNKS);
    assert_int_equal(f->hits + CHUNKS, o.chunks);
    assert_int_equal(o.bytes_read, COUNT * sizeof(float));
}

static void test_short_of_room(void **state)
{
    world *w = *state;
    for (size_t room = 0; room <= CHUNKS; room++) {
        fake *f = fresh(w, room);
        outcome o = check(w, SETTING(.text = two_passes));
        assert_int_equal(o.status, GPUPROC_OK);
        assert_int_equal(f->hits, room);
        assert_int_equal(f->uploads, 2 * CHUNKS - room);
    }
}

/* The second pass's slots are so large that it cannot have the first one's chunks. */
static void test_other_chunks(void **state)
{
    world *w = *state;
    fake *f = fresh(w, MOST);
    f->bytes_per_output = f->device.memory_budget / (20 * GP_BLOCK);
    outcome o = check(w, SETTING(.text = two_passes, .any_chunks = true));
    assert_int_equal(o.status, GPUPROC_OK);
    assert_true(o.chunks > 2);
    assert_int_equal(f->hits, 0);
    assert_int_equal(f->uploads, o.chunks);
}

static void test_failures(void **state)
{
    world *w = *state;
    uint64_t all = COUNT * sizeof(float);
    for (int step = AT_SUBMIT; step <= AT_END; step++) {
        for (size_t from = 0; from < 2 * CHUNKS; from++) {
            for (int k = 0; k < 6; k++) {
                fake *f = fresh(w, k & 4 ? CHUNKS / 2 : MOST);
                f->fault = (fault)step;
                f->from = from;
                f->times = k & 1 ? SIZE_MAX / 2 : 1;
                bool no_fallback = k & 2;
                outcome o = check(w, SETTING(.text = two_passes, .no_fallback = no_fallback));
                if (f->submissions <= from) continue; /* the CPU had taken over before */
                assert_int_equal(o.status, no_fallback ? GPUPROC_DEVICE_FAILED : GPUPROC_OK);
                if (no_fallback) continue;
                assert_true(o.fallbacks > 0);
                /* No chunk is read twice in a pass; one that only the device had is once. */
                assert_true(o.bytes_read > all && o.bytes_read <= 2 * all);
            }
        }
    }
}

/* What only the device had cannot be read any more. */
static void test_failing_read(void **state)
{
    world *w = *state;
    for (int step = AT_SUBMIT; step <= AT_END; step++) {
        for (size_t from = CHUNKS; from < 2 * CHUNKS; from++) {
            fake *f = fresh(w, MOST);
            f->fault = (fault)step;
            f->from = from;
            f->times = 1;
            outcome o = check(w, SETTING(.text = two_passes, .reads = CHUNKS));
            assert_int_equal(o.status, GPUPROC_IO_READ);
        }
    }
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    w->x = malloc(COUNT * sizeof *w->x);
    w->fake = malloc(sizeof *w->fake);
    for (size_t i = 0; i < COUNT; i++) w->x[i] = (float)((i * 2654435761u) % 100003) / 7.0f;
    assert_int_equal(gp_io_engine_new(4, &w->engine, NULL), GPUPROC_OK);
    assert_int_equal(gp_cpu_device_new(2, &w->cpu, NULL), GPUPROC_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    w->cpu->api->close(w->cpu);
    gp_io_engine_free(w->engine);
    free(w->fake);
    free(w->x);
    free(w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_once),
        cmocka_unit_test(test_one_pass_keeps_nothing),
        cmocka_unit_test(test_three_passes),
        cmocka_unit_test(test_short_of_room),
        cmocka_unit_test(test_other_chunks),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_failing_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
