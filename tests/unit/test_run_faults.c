/* Runs of whole plans on devices that fail at every step in turn: nothing is lost, nothing
 * hangs, nothing leaks, and the first error is the one that is told. The devices compute with
 * the CPU's code behind a thread that ends submissions late and out of order. */
#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "lang/compile.h"
#include "stream/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT 50021u /* 49 blocks of GP_BLOCK, and some */
#define MAX_WAITING 64
#define FOR_EVER SIZE_MAX

/* ---- The fake device ------------------------------------------------------ */

typedef enum fault_step { NOWHERE, AT_PROGRAM, AT_SLOT, AT_SUBMIT, AT_END } fault_step;

typedef struct fake {
    gp_device device;
    gp_device *behind; /* does the work */
    fault_step step;
    gpuproc_status status;
    size_t from, times; /* which of the step's calls fail */
    atomic_size_t calls[AT_END + 1];
    atomic_int programs, slots, under_way;
    bool wrecks; /* outputs are spoilt where it fails */
    /* Submissions that have ended in truth and are told later. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t teller;
    bool stop;
    gp_chunk *waiting[MAX_WAITING];
    size_t waiting_count;
    unsigned random;
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
} fake_slot;

static bool fails(fake *f, fault_step step)
{
    size_t n = atomic_fetch_add(&f->calls[step], 1);
    return f->step == step && n >= f->from && n - f->from < f->times;
}

static gpuproc_status refuse(fake *f, gpuproc_error *err)
{
    return gp_fail(err, f->status, "%s broke at step %d", f->device.info.name, (int)f->step);
}

static gpuproc_status fake_program_new(gp_device *device, const gp_pass *pass,
                                       gp_device_program **program, gpuproc_error *err)
{
    fake *f = (fake *)device;
    if (fails(f, AT_PROGRAM)) return refuse(f, err);
    gp_device_program *p = gp_calloc(1, sizeof *p);
    *p = (gp_device_program){.owner = f, .pass = pass};
    assert_int_equal(f->behind->api->program_new(f->behind, pass, &p->behind, err), GPUPROC_OK);
    atomic_fetch_add(&f->programs, 1);
    *program = p;
    return GPUPROC_OK;
}

static void fake_program_free(gp_device_program *p)
{
    if (p == NULL) return;
    p->owner->behind->api->program_free(p->behind);
    atomic_fetch_sub(&p->owner->programs, 1);
    free(p);
}

static void fake_slot_bytes(const gp_device_program *p, uint64_t max_count, uint64_t *host,
                            uint64_t *device)
{
    p->owner->behind->api->slot_bytes(p->behind, max_count, host, device);
}

static gpuproc_status fake_slot_new(gp_device_program *p, uint64_t max_count, const bool *want_input,
                                    const bool *want_output, gp_slot **slot, gpuproc_error *err)
{
    fake *f = p->owner;
    if (fails(f, AT_SLOT)) return refuse(f, err);
    fake_slot *s = gp_calloc(1, sizeof *s);
    assert_int_equal(f->behind->api->slot_new(p->behind, max_count, want_input, want_output, &s->behind,
                                              err),
                     GPUPROC_OK);
    s->base = *s->behind;
    s->base.program = p;
    atomic_fetch_add(&f->slots, 1);
    *slot = &s->base;
    return GPUPROC_OK;
}

static void fake_slot_free(gp_slot *slot)
{
    if (slot == NULL) return;
    fake_slot *s = (fake_slot *)slot;
    fake *f = slot->program->owner;
    f->behind->api->slot_free(s->behind);
    atomic_fetch_sub(&f->slots, 1);
    free(s);
}

static void fake_done(gp_chunk *inner)
{
    fake_slot *s = inner->ctx;
    gp_chunk *outer = s->outer;
    fake *f = s->base.program->owner;
    const gp_pass *pass = s->base.program->pass;
    outer->status = inner->status;
    outer->error = inner->error;
    outer->flags = inner->flags;
    s->base.partial = s->behind->partial;
    s->base.partials = s->behind->partials;
    pthread_mutex_lock(&f->lock);
    if (fails(f, AT_END)) {
        outer->status = refuse(f, &outer->error);
        for (size_t o = 0; f->wrecks && o < pass->outputs; o++)
            memset(outer->output[o], 0x5a, outer->count * gpuproc_dtype_bytes(pass->output[o].dtype));
    }
    assert_true(f->waiting_count < MAX_WAITING);
    f->waiting[f->waiting_count++] = outer;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static gpuproc_status fake_submit(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err)
{
    fake_slot *s = (fake_slot *)slot;
    fake *f = slot->program->owner;
    if (fails(f, AT_SUBMIT)) return refuse(f, err);
    s->outer = chunk;
    s->inner = *chunk;
    s->inner.done = fake_done;
    s->inner.ctx = s;
    atomic_fetch_add(&f->under_way, 1);
    assert_int_equal(f->behind->api->submit(s->behind, &s->inner, err), GPUPROC_OK);
    return GPUPROC_OK;
}

/* Tells any one of those that wait, now and then after others had time to join them. */
static void *tell(void *ctx)
{
    fake *f = ctx;
    pthread_mutex_lock(&f->lock);
    for (;;) {
        while (f->waiting_count == 0 && !f->stop) pthread_cond_wait(&f->changed, &f->lock);
        if (f->waiting_count == 0) break;
        f->random = f->random * 1103515245u + 12345u;
        if (f->random >> 16 & 1) {
            pthread_mutex_unlock(&f->lock);
            sched_yield();
            usleep(f->random >> 18 & 63);
            pthread_mutex_lock(&f->lock);
        }
        size_t at = (f->random >> 16) % f->waiting_count;
        gp_chunk *chunk = f->waiting[at];
        f->waiting[at] = f->waiting[--f->waiting_count];
        pthread_mutex_unlock(&f->lock);
        atomic_fetch_sub(&f->under_way, 1);
        chunk->done(chunk);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static const gp_device_api fake_api = {.program_new = fake_program_new,
                                       .program_free = fake_program_free,
                                       .slot_bytes = fake_slot_bytes,
                                       .slot_new = fake_slot_new,
                                       .slot_free = fake_slot_free,
                                       .submit = fake_submit};

static void fake_open(fake *f, gp_device *behind, const char *name, bool in_place)
{
    *f = (fake){.behind = behind, .wrecks = true, .random = 7};
    f->device.api = &fake_api;
    f->device.info = behind->info;
    snprintf(f->device.info.name, sizeof f->device.info.name, "%s", name);
    f->device.in_place = in_place;
    f->device.memory_budget = behind->memory_budget;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    assert_int_equal(pthread_create(&f->teller, NULL, tell, f), 0);
}

static void fake_close(fake *f)
{
    assert_int_equal(atomic_load(&f->programs), 0);
    assert_int_equal(atomic_load(&f->slots), 0);
    assert_int_equal(atomic_load(&f->under_way), 0);
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->teller, NULL);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
}

/* ---- A run ------------------------------------------------------------------ */

static const char text[] = "m = mean(x); s = sum(x * t); p = prod(x / x); k = argmax(x)\n"
                           "y = (x - m) * t; z = x > m; q = std(x - m)";
enum { RESULTS = 7 };
/* And two that are folded: f, y as it was stored, and g, the differences of its neighbours. */
enum { STORED = RESULTS, DIFFERENCES, TARGETS };

typedef struct world {
    gp_io_engine *engine;
    gp_device *cpu;
    double *x;
    double t[1];
} world;

typedef struct outcome {
    gpuproc_status status;
    gpuproc_error error;
    double *y, *f, *g;
    bool *z;
    gpuproc_scalar value[RESULTS];
    uint64_t fallbacks;
} outcome;

static void outcome_free(outcome *o)
{
    free(o->y);
    free(o->f);
    free(o->g);
    free(o->z);
}

static gp_source *source_of(world *w, gp_dtype dtype, const gp_shape *shape, uint64_t count,
                            const void *data)
{
    gp_source *source = NULL;
    gp_origin origin = {.kind = GP_ORIGIN_MEMORY, .dtype = dtype, .shape = *shape, .count = count,
                        .fd = -1, .data = data};
    assert_int_equal(gp_source_open(&origin, w->engine, false, &source, NULL), GPUPROC_OK);
    return source;
}

/* The targets that the text cannot name. */
static void add_folded(gp_program *program, int y, gp_plan_target *target)
{
    const gp_shape shape = program->node[y].shape;
    int f = gp_ir_fold(program, GP_OP_STORE, GPUPROC_FLOAT64, y, -1, 0, 0, &shape, false), v[2];
    for (int k = 0; k < 2; k++) {
        gp_walk walk = {.shape = {1, {COUNT - 1}}, .offset = k, .stride = {1}};
        v[k] = gp_ir_view(program, f, &walk);
    }
    target[STORED] = (gp_plan_target){.node = f};
    target[DIFFERENCES] =
        (gp_plan_target){.node = gp_ir_op(program, GP_OP_SUB, GPUPROC_FLOAT64, v[1], v[0], -1)};
}

static outcome run_on(world *w, gp_device *const *device, size_t devices, bool no_fallback,
                      unsigned slots, uint64_t chunk_bytes)
{
    outcome o = {.y = malloc(COUNT * sizeof *o.y), .f = malloc(COUNT * sizeof *o.f),
                 .g = malloc(COUNT * sizeof *o.g), .z = malloc(COUNT)};
    gp_input bound[2] = {{.name = "x", .dtype = GPUPROC_FLOAT64, .shape = {1, {COUNT}}},
                         {.name = "t", .dtype = GPUPROC_FLOAT64, .shape = {1, {1}}}};
    gp_program program = {0};
    gp_plan plan = {0};
    gp_plan_target target[TARGETS];
    gp_source *source[3] = {source_of(w, GPUPROC_FLOAT64, &bound[0].shape, COUNT, w->x),
                            source_of(w, GPUPROC_FLOAT64, &bound[1].shape, 1, w->t)};
    gp_sink *sink[TARGETS] = {0};
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    memset(o.y, 0xee, COUNT * sizeof *o.y);
    memset(o.f, 0xee, COUNT * sizeof *o.f);
    memset(o.g, 0xee, COUNT * sizeof *o.g);
    memset(o.z, 0xee, COUNT);
    assert_int_equal(gp_compile(text, bound, 2, &program, &o.error), GPUPROC_OK);
    assert_int_equal(program.results, RESULTS);
    for (size_t i = 0; i < RESULTS; i++) {
        const gp_node *node = &program.node[program.result[i].node];
        target[i] = (gp_plan_target){.node = program.result[i].node, .scalar = node->shape.ndim == 0};
        if (strcmp(program.result[i].name, "y") == 0) add_folded(&program, program.result[i].node, target);
    }
    for (size_t i = 0; i < TARGETS; i++) {
        const gp_node *node = &program.node[target[i].node];
        double *array = i == STORED ? o.f : i == DIFFERENCES ? o.g : o.y;
        if (target[i].scalar) continue;
        gp_target to = {.kind = GP_TARGET_MEMORY, .fd = -1,
                        .data = node->dtype == GPUPROC_BOOL ? (void *)o.z : (void *)array};
        assert_int_equal(gp_sink_open(&to, gp_shape_size(&node->shape) * gpuproc_dtype_bytes(node->dtype),
                                      w->engine, &sink[i], NULL),
                         GPUPROC_OK);
    }
    assert_int_equal(gp_plan_make(&program, target, TARGETS, UINT64_C(1) << 30, &plan, NULL), GPUPROC_OK);
    assert_int_equal(plan.storeds, 1);
    gp_run run = {.plan = &plan, .engine = w->engine, .cpu = w->cpu, .device = device,
                  .devices = devices, .device_lock = &lock, .source = source, .sink = sink,
                  .host_budget = 1u << 28, .chunk_bytes = chunk_bytes, .slots = slots,
                  .no_fallback = no_fallback};
    run.value = gp_calloc(program.nodes, sizeof *run.value);
    assert_true(gp_mailbox_init(&run.box));
    o.status = gp_run_plan(&run, &o.error);
    for (size_t i = 0; i < RESULTS; i++) {
        if (target[i].scalar) o.value[i] = run.value[target[i].node];
    }
    o.fallbacks = run.counters.fallbacks;
    gp_mailbox_destroy(&run.box);
    gp_text_free(&run.warnings);
    free(run.value);
    gp_plan_free(&plan);
    gp_program_free(&program);
    for (size_t i = 0; i < TARGETS; i++) gp_sink_close(sink[i]);
    assert_null(source[2]); /* the stored array's */
    gp_source_close(source[0]);
    gp_source_close(source[1]);
    pthread_mutex_destroy(&lock);
    return o;
}

static void assert_same(const outcome *a, const outcome *b)
{
    assert_int_equal(a->status, GPUPROC_OK);
    assert_memory_equal(a->y, b->y, COUNT * sizeof *a->y);
    assert_memory_equal(a->z, b->z, COUNT);
    assert_memory_equal(a->f, a->y, COUNT * sizeof *a->f);
    assert_memory_equal(a->g, b->g, COUNT * sizeof *a->g);
    for (size_t i = 0; i + 1 < COUNT; i++) assert_true(a->g[i] == a->y[i + 1] - a->y[i]);
    for (size_t i = 0; i < RESULTS; i++) {
        assert_int_equal(a->value[i].dtype, b->value[i].dtype);
        assert_true(a->value[i].value.u == b->value[i].value.u);
    }
}

static const gpuproc_status statuses[] = {GPUPROC_DEVICE_UNSUPPORTED, GPUPROC_DEVICE_MEMORY,
                                          GPUPROC_DEVICE_FAILED};
static const uint64_t chunk_sizes[] = {8192, 65536}; /* 49 and 7 chunks */

/* One device that breaks at every call of every step. */
static void break_one(world *w, const outcome *right, bool in_place, bool no_fallback)
{
    for (fault_step step = AT_PROGRAM; step <= AT_END; step++) {
        size_t last = step == AT_PROGRAM ? 3 : step == AT_SLOT ? 7 : 16;
        for (size_t k = 0; k < 3; k++) {
            for (size_t from = 0; from < last; from++) {
                fake f;
                fake_open(&f, w->cpu, "fake", in_place);
                f.step = step;
                f.status = statuses[k];
                f.from = from * (step >= AT_SUBMIT ? 5 : 1);
                f.times = from % 3 == 0 ? FOR_EVER : 1;
                gp_device *device[] = {&f.device};
                outcome o = run_on(w, device, 1, no_fallback, 1 + (unsigned)from % 4,
                                   chunk_sizes[from % 2]);
                bool broke = atomic_load(&f.calls[step]) > f.from;
                if (!broke || !no_fallback) {
                    assert_same(&o, right);
                } else {
                    char expected[64];
                    snprintf(expected, sizeof expected, "fake broke at step %d", (int)step);
                    assert_int_equal(o.status, f.status);
                    assert_int_equal(o.error.status, f.status);
                    assert_string_equal(o.error.message, expected);
                }
                outcome_free(&o);
                fake_close(&f);
            }
        }
    }
}

static void one_device(void **state)
{
    world *w = *state;
    gp_device *cpu[] = {w->cpu};
    outcome right = run_on(w, cpu, 1, true, 3, 1u << 20);
    assert_int_equal(right.status, GPUPROC_OK);
    for (int in_place = 0; in_place < 2; in_place++) {
        break_one(w, &right, in_place, false);
        break_one(w, &right, in_place, true);
    }
    outcome_free(&right);
}

/* Two that share the work, both breaking at different times; and one beside the CPU itself. */
static void two_devices(void **state)
{
    world *w = *state;
    gp_device *cpu[] = {w->cpu};
    outcome right = run_on(w, cpu, 1, true, 3, 1u << 20);
    for (unsigned i = 0; i < 240; i++) {
        fake f, g;
        fake_open(&f, w->cpu, "first", i & 1);
        fake_open(&g, w->cpu, "second", i & 2);
        f.step = (fault_step)(i % 5);
        g.step = (fault_step)(i / 5 % 5);
        f.status = statuses[i % 3];
        g.status = statuses[i / 3 % 3];
        f.from = i % 7;
        g.from = i % 11;
        f.times = i % 4 == 0 ? FOR_EVER : 1;
        g.times = i % 6 == 0 ? FOR_EVER : 1;
        gp_device *both[] = {&f.device, &g.device}, *mixed[] = {w->cpu, &g.device};
        bool no_fallback = i % 8 == 7;
        outcome o = run_on(w, i % 3 ? both : mixed, 2, no_fallback, 1 + i % 3, chunk_sizes[i % 2]);
        if (o.status == GPUPROC_OK) {
            assert_same(&o, &right);
        } else {
            assert_true(no_fallback);
            assert_int_equal(o.error.status, o.status);
            assert_non_null(strstr(o.error.message, "broke at step"));
        }
        outcome_free(&o);
        fake_close(&f);
        fake_close(&g);
    }
    outcome_free(&right);
}

/* A device on which no chunk fits at all. */
static void no_device_memory(void **state)
{
    world *w = *state;
    gp_device *cpu[] = {w->cpu};
    outcome right = run_on(w, cpu, 1, true, 3, 1u << 20);
    fake f;
    fake_open(&f, w->cpu, "tiny", false);
    f.step = AT_SLOT;
    f.status = GPUPROC_DEVICE_MEMORY;
    f.times = FOR_EVER;
    gp_device *device[] = {&f.device};
    outcome o = run_on(w, device, 1, false, 2, 1u << 18);
    assert_same(&o, &right);
    assert_true(o.fallbacks > 0);
    outcome_free(&o);
    fake_close(&f);
    outcome_free(&right);
}

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    if (gp_io_engine_new(4, &w->engine, NULL) != GPUPROC_OK) return -1;
    if (gp_cpu_device_new(2, &w->cpu, NULL) != GPUPROC_OK) return -1;
    w->x = malloc(COUNT * sizeof *w->x);
    w->t[0] = 0.3;
    uint64_t random = 1;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        w->x[i] = 0.5 + (double)(random >> 11) * 0x1p-53;
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
        cmocka_unit_test(one_device),
        cmocka_unit_test(two_devices),
        cmocka_unit_test(no_device_memory),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
