#include "device/cpu/cpu_slot.h"

#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"

#include <stdatomic.h>
#include <string.h>

/* An output of a pass that makes this much is larger than the caches that would hold it. */
#define LARGE_OUTPUT (32u << 20)

struct gp_device_program {
    gp_cpu_device *device;
    gp_cpu_code code;
    gp_cpu_block **block; /* one per worker */
};

typedef struct cpu_slot {
    gp_slot slot; /* first: a gp_slot is cast to this */
    uint64_t max_count;
    size_t *input_bytes, *output_bytes; /* of the staging areas */
    unsigned char **partial;

    /* The chunk under way. */
    gp_cpu_task task;
    gp_chunk *chunk;
    gp_cpu_job job;
    uint8_t *store;
    atomic_uint flags;
} cpu_slot;

gpuproc_status gp_cpu_program_new(gp_device *device, const gp_pass *pass,
                                  gp_device_program **program, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    uint64_t begin = gp_now_ns();
    gp_cpu_device *cpu = (gp_cpu_device *)device;
    gp_device_program *p = gp_calloc(1, sizeof *p);
    if (p == NULL) goto no_memory;
    p->device = cpu;
    GP_TRY(gp_cpu_code_init(&p->code, pass, cpu->ops, cpu->reducers, err));
    p->block = gp_calloc(cpu->threads, sizeof(gp_cpu_block *));
    if (p->block == NULL) goto no_memory;
    for (unsigned i = 0; i < cpu->threads; i++) {
        p->block[i] = gp_cpu_block_new(&p->code, GP_BLOCK);
        if (p->block[i] == NULL) goto no_memory;
    }
    *program = p;
    device->program_ns = gp_now_ns() - begin;
    device->program_cached = false;
    return GPUPROC_OK;

no_memory:
    st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a cpu program");
out:
    gp_cpu_program_free(p);
    return st;
}

void gp_cpu_program_free(gp_device_program *program)
{
    if (program == NULL) return;
    if (program->block != NULL) {
        for (unsigned i = 0; i < program->device->threads; i++)
            gp_cpu_block_free(program->block[i]);
    }
    free(program->block);
    gp_cpu_code_free(&program->code);
    free(program);
}

/* count * bytes + extra, or UINT64_MAX where that does not fit. */
static uint64_t room(uint64_t count, uint64_t bytes, uint64_t extra)
{
    uint64_t n;
    return gp_mul_u64(count, bytes, &n) && gp_add_u64(n, extra, &n) ? n : UINT64_MAX;
}

static uint64_t partial_count(const gp_device_program *program, const gp_cpu_reduce *red,
                              uint64_t max_count)
{
    return red->ordered ? gp_ceil_div(max_count, GP_BLOCK) : program->device->threads;
}

void gp_cpu_slot_bytes(const gp_device_program *program, uint64_t max_count, uint64_t *host,
                       uint64_t *device)
{
    const gp_cpu_code *code = &program->code;
    uint64_t sum = room(gp_cpu_block_bytes(code, GP_BLOCK), program->device->threads,
                        sizeof(cpu_slot));
    for (size_t i = 0; i < code->inputs; i++) {
        if (code->input[i].streamed)
            sum = room(1, room(max_count, code->input[i].bytes, GP_STAGING_SLACK), sum);
    }
    for (size_t i = 0; i < code->outputs; i++)
        sum = room(1, room(max_count, code->output[i].bytes, GP_STAGING_SLACK), sum);
    for (size_t i = 0; i < code->reduces; i++) {
        const gp_cpu_reduce *red = &code->reduce[i];
        sum = room(partial_count(program, red, max_count), red->partial_bytes, sum);
    }
    *host = sum;
    *device = 0;
}

/* One staging area, touched now so that the first chunk does not pay for it. */
static gpuproc_status new_staging(uint64_t count, size_t bytes, void **area, size_t *area_bytes,
                                  gpuproc_error *err)
{
    uint64_t n = room(count, bytes, GP_STAGING_SLACK);
    *area = n < SIZE_MAX / 2 ? gp_pages_alloc((size_t)n) : NULL;
    if (*area == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a staging buffer of %llu bytes",
                       (unsigned long long)n);
    *area_bytes = (size_t)n;
    memset(*area, 0, (size_t)n);
    return GPUPROC_OK;
}

static gpuproc_status new_partials(cpu_slot *slot, gpuproc_error *err)
{
    gp_device_program *program = slot->slot.program;
    for (size_t r = 0; r < program->code.reduces; r++) {
        const gp_cpu_reduce *red = &program->code.reduce[r];
        uint64_t n = room(partial_count(program, red, slot->max_count), red->partial_bytes, 64);
        n -= n % 64;
        slot->partial[r] = n < SIZE_MAX / 2 ? aligned_alloc(64, (size_t)n) : NULL;
        if (slot->partial[r] == NULL)
            return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for %llu bytes of partial results",
                           (unsigned long long)n);
        memset(slot->partial[r], 0, (size_t)n);
        slot->slot.partial[r] = slot->partial[r];
    }
    return GPUPROC_OK;
}

/* The tables of a slot, all empty. */
static cpu_slot *new_tables(gp_device_program *program, uint64_t max_count)
{
    const gp_cpu_code *code = &program->code;
    cpu_slot *slot = gp_calloc(1, sizeof *slot);
    if (slot == NULL) return NULL;
    slot->max_count = max_count;
    slot->slot.program = program;
    slot->slot.partials = program->device->threads;
    slot->slot.input = gp_calloc(code->inputs, sizeof(void *));
    slot->slot.output = gp_calloc(code->outputs, sizeof(void *));
    slot->slot.partial = gp_calloc(code->reduces, sizeof(void *));
    slot->input_bytes = gp_calloc(code->inputs, sizeof(size_t));
    slot->output_bytes = gp_calloc(code->outputs, sizeof(size_t));
    slot->partial = gp_calloc(code->reduces, sizeof(void *));
    slot->store = gp_calloc(code->outputs, 1);
    if (slot->slot.input != NULL && slot->slot.output != NULL && slot->slot.partial != NULL &&
        slot->input_bytes != NULL && slot->output_bytes != NULL && slot->partial != NULL &&
        slot->store != NULL)
        return slot;
    gp_cpu_slot_free(&slot->slot);
    return NULL;
}

gpuproc_status gp_cpu_slot_new(gp_device_program *program, uint64_t max_count,
                               const bool *want_input, const bool *want_output, gp_slot **slot,
                               gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_cpu_code *code = &program->code;
    cpu_slot *s = new_tables(program, max_count);
    if (s == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a slot");
    for (size_t i = 0; i < code->inputs; i++) {
        const gp_cpu_input *in = &code->input[i];
        if (want_input != NULL && want_input[i])
            GP_TRY(new_staging(in->streamed ? max_count : in->count, in->bytes, &s->slot.input[i],
                               &s->input_bytes[i], err));
    }
    for (size_t i = 0; i < code->outputs; i++) {
        if (want_output != NULL && want_output[i])
            GP_TRY(new_staging(max_count, code->output[i].bytes, &s->slot.output[i],
                               &s->output_bytes[i], err));
    }
    GP_TRY(new_partials(s, err));
    *slot = &s->slot;
    return GPUPROC_OK;
out:
    gp_cpu_slot_free(&s->slot);
    return st;
}

void gp_cpu_slot_free(gp_slot *slot)
{
    if (slot == NULL) return;
    cpu_slot *s = (cpu_slot *)slot;
    const gp_cpu_code *code = &slot->program->code;
    for (size_t i = 0; slot->input != NULL && s->input_bytes != NULL && i < code->inputs; i++)
        gp_pages_free(slot->input[i], s->input_bytes[i]);
    for (size_t i = 0; slot->output != NULL && s->output_bytes != NULL && i < code->outputs; i++)
        gp_pages_free(slot->output[i], s->output_bytes[i]);
    for (size_t i = 0; s->partial != NULL && i < code->reduces; i++) free(s->partial[i]);
    free(slot->input);
    free(slot->output);
    free(slot->partial);
    free(s->input_bytes);
    free(s->output_bytes);
    free(s->partial);
    free(s->store);
    free(s);
}

static cpu_slot *slot_of(gp_cpu_task *task)
{
    return (cpu_slot *)((unsigned char *)task - offsetof(cpu_slot, task));
}

static void run_units(gp_cpu_task *task, unsigned worker, uint64_t from, uint64_t to)
{
    cpu_slot *s = slot_of(task);
    uint32_t flags =
        gp_cpu_block_run(s->slot.program->block[worker], &s->job, worker, from, to);
    if (flags != 0) atomic_fetch_or_explicit(&s->flags, flags, memory_order_relaxed);
}

static void finish_chunk(gp_cpu_task *task)
{
    cpu_slot *s = slot_of(task);
    gp_chunk *chunk = s->chunk;
    s->chunk = NULL;
    chunk->status = GPUPROC_OK;
    chunk->flags = atomic_load_explicit(&s->flags, memory_order_relaxed);
    chunk->kernel = (gp_span){task->begin_ns, gp_now_ns()};
    chunk->done(chunk); /* from here on the slot is the stream's again */
}

/* The slot is set up for the chunk, but for who runs it. */
static gpuproc_status begin_chunk(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err)
{
    cpu_slot *s = (cpu_slot *)slot;
    const gp_cpu_code *code = &slot->program->code;
    if (chunk->first % GP_BLOCK != 0 || chunk->count > s->max_count || s->chunk != NULL)
        return gp_fail(err, GPUPROC_INTERNAL,
                       "a chunk of %llu elements from %llu on does not fit a%s slot of %llu",
                       (unsigned long long)chunk->count, (unsigned long long)chunk->first,
                       s->chunk != NULL ? " busy" : "", (unsigned long long)s->max_count);

    for (size_t i = 0; i < code->outputs; i++) {
        /* Staging is read at once, by whoever writes the file: that should stay in the cache. */
        bool large = chunk->output[i] != slot->output[i] &&
                     room(code->count, code->output[i].bytes, 0) > LARGE_OUTPUT;
        s->store[i] = (uint8_t)gp_cpu_store_choose(code, i, chunk->output[i], large);
    }
    for (size_t r = 0; r < code->reduces; r++) {
        const gp_cpu_reduce *red = &code->reduce[r];
        if (!red->ordered)
            gp_reduce_partial_init(red->kind, red->operand, s->partial[r], slot->partials);
    }
    s->job = (gp_cpu_job){.first = chunk->first,
                          .count = chunk->count,
                          .input = chunk->input,
                          .output = chunk->output,
                          .store = s->store,
                          .uniform = chunk->uniform,
                          .partial = s->partial};
    s->chunk = chunk;
    atomic_store_explicit(&s->flags, 0, memory_order_relaxed);
    chunk->upload = chunk->download = chunk->kernel = (gp_span){0, 0};
    s->task = (gp_cpu_task){.units = gp_ceil_div(chunk->count, GP_BLOCK),
                            .most = chunk->threads,
                            .run = run_units,
                            .finish = finish_chunk};
    return GPUPROC_OK;
}

gpuproc_status gp_cpu_slot_submit(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err)
{
    cpu_slot *s = (cpu_slot *)slot;
    gpuproc_status st = begin_chunk(slot, chunk, err);
    if (st != GPUPROC_OK) return st;
    st = gp_cpu_pool_submit(slot->program->device->pool, &s->task, err);
    if (st != GPUPROC_OK) s->chunk = NULL;
    return st;
}

gpuproc_status gp_cpu_slot_run(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err)
{
    cpu_slot *s = (cpu_slot *)slot;
    gpuproc_status st = begin_chunk(slot, chunk, err);
    if (st != GPUPROC_OK) return st;
    s->task.begin_ns = gp_now_ns();
    run_units(&s->task, 0, 0, s->task.units);
    finish_chunk(&s->task);
    return GPUPROC_OK;
}
