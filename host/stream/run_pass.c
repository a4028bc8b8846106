/* One pass: devices made ready, slots filled, and the loop that drives them. */
#include "stream/run_pass.h"

#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"

#include <string.h>

/* Chunks in memory of short programs, and of at most so many nodes; of folds, and of those that make little of an
 * element. */
#define SHORT_PROGRAM 12
#define SHORT_PROGRAM_BYTES ((uint64_t)64 << 20)
#define FOLDS_BYTES ((uint64_t)32 << 20)
#define QUICK_FOLDS_BYTES ((uint64_t)256 << 20)

uint64_t gp_pass_budget(const gp_pass_run *p)
{
    uint64_t budget = gp_run_budget(p->run), taken = p->resident_bytes + p->fold_bytes;
    return budget - gp_min_u64(budget, taken);
}

/* What was chosen for the pass; NULL: nothing. A copy on the way to it goes by rule. */
static const gp_choice *choice_of(const gp_pass_run *p)
{
    const gp_run *run = p->run;
    return run->choice != NULL && p->copy_to == NULL ? &run->choice[p->plan_pass - run->plan->pass] : NULL;
}

static unsigned threads_of(const gp_pass_run *p)
{
    const gp_choice *choice = choice_of(p);
    unsigned all = gp_cpu_device_threads(p->run->cpu);
    unsigned threads = p->run->threads != 0 ? p->run->threads : choice != NULL ? choice->threads : 0;
    return threads == 0 || threads > all ? all : threads;
}

void gp_pass_workers(const gp_pass_run *p, gp_workers *workers)
{
    gp_cpu_device_workers(p->run->cpu, workers);
    if (p->threads < workers->count) workers->count = p->threads;
}

/* ---- Resident operands: broadcast ones and tables, there for the length of the pass ---- */

static gpuproc_status load_resident(gp_pass_run *p, size_t i, gpuproc_error *err)
{
    const gp_pass_input *in = &p->pass->input[i];
    gp_resident *r = &p->resident[i];
    gp_source *source = p->run->source[in->input];
    /* Walked as it lies in storage; a table is in C order, whatever its file is in. */
    bool stored_order = gp_source_is_fortran(source) && !in->table;
    gp_walk walk = {.shape = {1, {(int64_t)in->count}}, .offset = (int64_t)in->first, .stride = {1}};
    uint64_t bytes = in->count * gpuproc_dtype_bytes(in->dtype);
    atomic_fetch_add(&p->run->counters.bytes_done, bytes);
    if (!stored_order && gp_source_view(source, in->first, in->count, &r->view)) {
        uint64_t now = gp_now_ns();
        r->viewed = true;
        gp_run_trace(p->run, GPUPROC_STAGE_READ, NULL, now, now, bytes, bytes);
        r->data = r->view.data;
        if (r->view.map == NULL) return GPUPROC_OK; /* memory that somebody has anyway */
    }
    size_t inputs = p->run->plan->program->inputs;
    if (p->run->survey != NULL && (size_t)in->input >= inputs && p->run->survey->store_in_memory[(size_t)in->input - inputs])
        return GPUPROC_OK;
    if (bytes > gp_pass_budget(p)) return gp_run_fail_resident(p->run, in, gp_pass_budget(p), err);
    p->resident_bytes += bytes;
    if (r->viewed || p->run->survey != NULL) return GPUPROC_OK;
    r->page_bytes = bytes + GP_STAGING_SLACK;
    r->pages = gp_pages_alloc(r->page_bytes);
    if (r->pages == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a broadcast operand");
    gp_read read = {.source = source, .walk = stored_order ? &walk : NULL,
                    .first = stored_order ? 0 : in->first, .count = in->count, .buffer = r->pages};
    gpuproc_status st = gp_run_read(p->run, &read, bytes, err);
    r->data = read.data;
    return st;
}

static gpuproc_status load_residents(gp_pass_run *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        if (!p->pass->input[i].streamed && p->pass->count > 0) GP_TRY(load_resident(p, i, err));
    }
out:
    return st;
}

/* ---- Devices ------------------------------------------------------------ */

/* A device counts staging for every streamed input and output, whoever provides it in the end. */
static void slot_bytes(void *ctx, uint64_t elements, uint64_t *host, uint64_t *device)
{
    const gp_pass_device *d = ctx;
    const gp_pass *pass = d->pass->pass;
    *host = *device = 0;
    if (d->program != NULL) d->device->api->slot_bytes(d->program, elements, host, device);
    /* A device of a survey has no program, and stages what it computes. */
    for (size_t o = 0; d->program == NULL && !d->pass->copies && o < d->pass->work->outputs; o++)
        *host += elements * gpuproc_dtype_bytes(d->pass->work->output[o].dtype) + GP_STAGING_SLACK;
    for (size_t i = 0; d->program == NULL && i < pass->inputs; i++) {
        if (pass->input[i].streamed)
            *host += elements * gpuproc_dtype_bytes(pass->input[i].dtype) + GP_STAGING_SLACK;
    }
    if (d->program == NULL && !d->device->in_place) *device = *host;
    *host += gp_pass_fold_room(d->pass, elements);
}

static size_t streams_of(const gp_pass *pass)
{
    size_t streams = pass->outputs;
    for (size_t i = 0; i < pass->inputs; i++) streams += pass->input[i].streamed;
    return streams;
}

static size_t widest_of(const gp_pass *pass)
{
    size_t bytes = 1;
    for (size_t i = 0; i < pass->inputs; i++) {
        size_t own = gpuproc_dtype_bytes(pass->input[i].dtype);
        if (pass->input[i].streamed && own > bytes) bytes = own;
    }
    for (size_t o = 0; o < pass->outputs; o++) {
        size_t own = gpuproc_dtype_bytes(pass->output[o].dtype);
        if (own > bytes) bytes = own;
    }
    return bytes;
}

/* Over the later passes too where they are to have the same chunks. */
static size_t widest(const gp_pass_run *p)
{
    const gp_plan *plan = p->run->plan;
    size_t bytes = widest_of(p->pass);
    bool keeps = false;
    for (size_t i = 0; i < p->pass->inputs; i++) keeps = keeps || p->keep[i];
    for (const gp_plan_pass *q = p->plan_pass; keeps && q < plan->pass + plan->passes; q++) {
        if (!gp_shape_equal(&q->pass.shape, &p->pass->shape)) continue;
        size_t own = widest_of(&q->pass);
        if (own > bytes) bytes = own;
    }
    return bytes;
}

static gpuproc_status prepare_device(gp_pass_run *p, gp_device *device, gpuproc_error *err)
{
    gp_pass_device *d = &p->device[p->devices];
    *d = (gp_pass_device){.pass = p, .device = device};
    if (p->run->survey != NULL && device != p->run->cpu) { /* compiling is not worth it yet */
        p->devices++;
        return GPUPROC_OK;
    }
    pthread_mutex_lock(p->run->device_lock);
    uint64_t begin = gp_now_ns();
    gpuproc_status st = device->api->program_new(device, p->work, &d->program, err);
    gp_run_trace(p->run, GPUPROC_STAGE_PROGRAM, device, begin, gp_now_ns(), 0, 0);
    if (device != p->run->cpu) p->run->counters.program_cached = device->program_cached;
    pthread_mutex_unlock(p->run->device_lock);
    if (st == GPUPROC_OK) p->devices++;
    return st;
}

/* Makes the pass ready on the run's devices; one that cannot do it is left out. */
static gpuproc_status prepare_devices(gp_pass_run *p, gpuproc_error *err)
{
    gp_run *run = p->run;
    if (p->copies) {
        p->device[p->devices++] = (gp_pass_device){.pass = p, .device = run->cpu};
        return GPUPROC_OK;
    }
    for (size_t i = 0; i < run->devices && !p->plan_pass->products; i++) {
        gp_device *device = run->device[i];
        gpuproc_error why = {0};
        gpuproc_status st = prepare_device(p, device, &why);
        if (st == GPUPROC_OK) continue;
        if (device == run->cpu || run->no_fallback) {
            if (err != NULL) *err = why;
            return st;
        }
        /* "Cannot" is a normal answer; a build that fails is not. */
        gp_run_log(run, st == GPUPROC_DEVICE_UNSUPPORTED ? GPUPROC_LOG_INFO : GPUPROC_LOG_WARNING,
                   "%s does not do this pass (%s): the CPU does it", device->info.name, why.message);
        if (st != GPUPROC_DEVICE_UNSUPPORTED) run->counters.fallbacks++;
    }
    return p->devices > 0 ? GPUPROC_OK : prepare_device(p, run->cpu, err);
}

static void drop_slots(gp_pass_run *p)
{
    for (unsigned s = 0; s < p->slots; s++) gp_pass_slot_free(&p->slot[s]);
    p->slots = 0;
}

/* Slots of every device for one chunk size; DEVICE_MEMORY where a device has not enough. */
static gpuproc_status make_slots(gp_pass_run *p, const gp_chunking *chunking, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t d = 0; d < p->devices; d++) {
        GP_TRY(gp_pass_reads_make(p, &p->device[d], err));
        for (unsigned k = 0; k < chunking->slots; k++) {
            GP_TRY(gp_pass_slot_new(p, &p->device[d], p->slots, &p->slot[p->slots], err));
            p->slots++;
        }
    }
out:
    if (st != GPUPROC_OK) drop_slots(p);
    return st;
}

static bool reads_memory(const gp_pass_run *p)
{
    for (size_t i = 0; i < p->pass->inputs; i++) {
        if (p->pass->input[i].streamed && !gp_run_in_memory(p->run, &p->pass->input[i])) return false;
    }
    return true;
}

/* Chunks of what lies in memory, on the CPU: each wakes all workers and waits for the last of them. Not so large where
 * an element may take long, for a job is cancelled between chunks. */
static uint64_t memory_chunk(const gp_pass_run *p, const gp_pass_device *d)
{
    if (d->device != p->run->cpu) return 0;
    if (d->program != NULL)
        return p->run->plan->program->nodes <= SHORT_PROGRAM && gp_pass_is_in_memory(p) ? SHORT_PROGRAM_BYTES : 0;
    if (p->folds == 0 || !reads_memory(p)) return 0;
    return gp_pass_folds_are_quick(p) ? QUICK_FOLDS_BYTES : FOLDS_BYTES;
}

static gpuproc_status choose_for_all(gp_pass_run *p, uint64_t chunk_bytes, unsigned slots, gp_chunking *out,
                                     gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_chunking least = {0};
    for (size_t d = 0; d < p->devices; d++) {
        gp_chunking own;
        gp_chunking_request request = {
            .count = p->pass->count, .widest_bytes = widest(p), .chunk_bytes = chunk_bytes,
            .large_bytes = gp_pass_large_chunk(p, widest(p)), .streams = streams_of(p->pass),
            .slots = slots, .sync = p->run->sync,
            .transfers = !p->device[d].device->in_place,
            .memory_bytes = memory_chunk(p, &p->device[d]),
            .host_budget = gp_pass_budget(p) / p->devices,
            .device_budget = p->device[d].device->memory_budget, .slot_bytes = slot_bytes,
            .ctx = &p->device[d]};
        GP_TRY(gp_chunking_choose(&request, &own, err));
        if (d == 0 || own.elements < least.elements) least.elements = own.elements;
        if (d == 0 || own.slots < least.slots) least.slots = own.slots;
        least.host_bytes += own.host_bytes;
    }
    *out = least;
out:
    return st;
}

/* The size that an earlier pass had, where it fits: devices keep its chunks. */
static gpuproc_status choose_chunking(gp_pass_run *p, uint64_t chunk_bytes, gp_chunking *out,
                                      gpuproc_error *err)
{
    if (p->plan_pass->products) return gp_pass_products_chunking(p, slot_bytes, out, err);
    if (p->kept_elements != 0 &&
        choose_for_all(p, p->kept_elements * widest(p), p->run->slots, out, NULL) == GPUPROC_OK)
        return GPUPROC_OK;
    const gp_choice *choice = choice_of(p);
    /* Not where device memory was short already (chunk_bytes is less than was asked for then). */
    if (choice != NULL && chunk_bytes == p->run->chunk_bytes) {
        uint64_t chosen = chunk_bytes != 0 ? chunk_bytes : choice->chunk_elements * widest(p);
        unsigned slots = p->run->slots != 0 ? p->run->slots : choice->slots;
        if (choose_for_all(p, chosen, slots, out, NULL) == GPUPROC_OK) return GPUPROC_OK;
    }
    return choose_for_all(p, chunk_bytes, p->run->slots, out, err);
}

/* One thread and one chunk at a time wake nobody. A fold has a thread of its own, and a product its workers. */
static bool is_here(const gp_pass_run *p, const gp_chunking *chunking)
{
    return p->threads == 1 && chunking->slots == 1 && p->devices == 1 && p->device[0].device == p->run->cpu &&
           p->device[0].program != NULL && p->folds == 0 && !p->plan_pass->products;
}

/* Chooses the chunk size and makes the slots; smaller chunks where device memory is
 * short, the CPU where even they do not fit. */
static gpuproc_status prepare_slots(gp_pass_run *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_run *run = p->run;
    gp_chunking chunking;
    uint64_t chunk_bytes = run->chunk_bytes;
    for (;;) {
        GP_TRY(choose_chunking(p, chunk_bytes, &chunking, err));
        p->chunk_elements = chunking.elements;
        gp_pass_choose_blocks(p);
        p->here = is_here(p, &chunking);
        if (run->survey != NULL) return gp_pass_note(p, &chunking, err);
        if (p->plan_pass->products) GP_TRY(gp_pass_products_open(p, err));
        p->slot = gp_calloc((size_t)chunking.slots * p->devices, sizeof *p->slot);
        if (p->slot == NULL) {
            st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for %u slots", chunking.slots);
            goto out;
        }
        gpuproc_error why = {0};
        st = make_slots(p, &chunking, &why);
        if (st == GPUPROC_OK) break;
        free(p->slot);
        p->slot = NULL;
        bool only_cpu = p->devices == 1 && p->device[0].device == run->cpu;
        if (only_cpu || run->no_fallback || st == GPUPROC_NO_MEMORY) {
            if (err != NULL) *err = why;
            goto out;
        }
        uint64_t half = chunking.elements / 2 * widest(p);
        p->kept_elements = 0;
        run->counters.retries++;
        /* What earlier passes left there may have taken the room. */
        if (st == GPUPROC_DEVICE_MEMORY && gp_kept_forget(run, run->plan->passes)) continue;
        if (st == GPUPROC_DEVICE_MEMORY && chunking.elements > 64 * GP_BLOCK) {
            gp_run_log(run, GPUPROC_LOG_WARNING, "%s: chunks are halved", why.message);
            chunk_bytes = half;
            continue;
        }
        gp_run_log(run, GPUPROC_LOG_WARNING, "%s: the CPU does this pass", why.message);
        run->counters.fallbacks++;
        gp_pass_devices_free(p);
        GP_TRY(prepare_device(p, run->cpu, err));
        chunk_bytes = run->chunk_bytes;
    }
    run->counters.memory_bytes =
        gp_max_u64(run->counters.memory_bytes, chunking.host_bytes + p->resident_bytes +
                                                   run->stored_bytes + p->fold_least);
    run->counters.slots = p->slots;
    run->counters.threads = p->threads;
    run->counters.chunk_elements = p->chunk_elements;
    gp_kept_begin(p);
out:
    return st;
}

/* ---- The loop ----------------------------------------------------------- */

static void handle(gp_pass_run *p, gp_operation *op)
{
    gp_pass_slot *slot = op->slot;
    bool ok = true;
    gp_pass_products_trace(p);
    switch (op->kind) {
    case GP_OPERATION_READ: ok = gp_pass_read_ended(slot, op); break;
    case GP_OPERATION_WRITE: ok = gp_pass_write_ended(slot, op); break;
    case GP_OPERATION_COMPUTE:
        if (gp_pass_compute_again(slot)) return; /* under way on the CPU now */
        ok = gp_pass_compute_ended(slot);
        break;
    case GP_OPERATION_FOLD: ok = gp_pass_fold_ended(slot, op); break;
    }
    if (!ok) slot->failed = true;
    if (--slot->pending > 0) return;
    if (op->kind == GP_OPERATION_READ || op->kind == GP_OPERATION_WRITE) gp_pass_trace_ended(slot);
    if (slot->for_cpu && !slot->failed) {
        if (gp_pass_compute_on_cpu(slot)) return;
        slot->failed = true;
    }
    gp_sched_ended(&p->sched, slot->index, !slot->failed);
}

gp_sink *gp_pass_sink(const gp_pass_run *p, size_t target)
{
    if (target == SIZE_MAX) return NULL;
    return p->copy_to != NULL ? p->copy_to : p->run->sink[target];
}

gp_sink *gp_pass_output_sink(const gp_pass_run *p, size_t o)
{
    size_t stored = p->copy_to == NULL ? p->plan_pass->output_stored[o] : SIZE_MAX;
    return stored != SIZE_MAX ? p->run->store[stored].sink : gp_pass_sink(p, p->plan_pass->output_target[o]);
}

bool gp_pass_in_memory(const gp_pass_run *p, size_t target, size_t stored)
{
    if (p->run->survey != NULL && stored != SIZE_MAX) return p->run->survey->store_in_memory[stored];
    gp_sink *sink = stored != SIZE_MAX ? p->run->store[stored].sink : gp_pass_sink(p, target);
    return sink != NULL && gp_sink_place(sink, 0) != NULL;
}

/* A pipe may have nothing to give, and nobody to take, for ever: what waits for one
 * would keep a pass from ending that is to stop. */
static void leave_streams(gp_pass_run *p)
{
    const gp_run *run = p->run;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        gp_source *source = run->source[p->pass->input[i].input];
        if (source != NULL) gp_source_cancel(source);
    }
    for (size_t o = 0; o < p->pass->outputs; o++) {
        gp_sink *sink = gp_pass_sink(p, p->plan_pass->output_target[o]);
        if (sink != NULL) gp_sink_cancel(sink);
    }
    for (size_t f = 0; f < p->folds; f++) {
        gp_sink *sink = gp_pass_sink(p, p->fold[f].plan->target);
        if (sink != NULL) gp_sink_cancel(sink);
    }
}

/* Chunks must be read, or written, in order where a stream is among what they go through. */
static bool reads_in_order(const gp_pass_run *p)
{
    for (size_t i = 0; i < p->pass->inputs; i++) {
        const gp_pass_input *in = &p->pass->input[i];
        if (in->streamed && gp_source_is_stream(p->run->source[in->input])) return true;
    }
    return false;
}

static bool writes_in_order(const gp_pass_run *p)
{
    for (size_t o = 0; o < p->pass->outputs; o++) {
        gp_sink *sink = gp_pass_sink(p, p->plan_pass->output_target[o]);
        if (sink != NULL && gp_sink_is_stream(sink)) return true;
    }
    for (size_t f = 0; f < p->folds; f++) {
        gp_sink *sink = gp_pass_sink(p, p->fold[f].plan->target);
        if (sink != NULL && gp_sink_is_stream(sink)) return true;
    }
    return false;
}

/* All chunks, once. */
static gpuproc_status drive(gp_pass_run *p, gpuproc_error *err)
{
    gp_run *run = p->run;
    gp_sched_slot *states = gp_calloc(p->slots, sizeof *states);
    if (states == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for the scheduler");
    uint64_t chunks = gp_pass_chunks(p);
    gp_sched_init(&p->sched, &gp_pass_actions, p, states, p->slots, chunks, reads_in_order(p), p->folds > 0,
                  writes_in_order(p));
    bool streams_told = false;
    for (;;) {
        if (atomic_load(&run->cancelled)) gp_sched_stop(&p->sched);
        gp_sched_advance(&p->sched);
        if (p->sched.stopping && !streams_told) {
            leave_streams(p);
            streams_told = true;
        }
        if (gp_sched_finished(&p->sched)) break;
        gp_mail *mail = gp_mailbox_take(&run->box);
        if (mail != NULL) handle(p, (gp_operation *)mail);
    }
    run->counters.chunks += chunks;
    free(states);
    if (p->first_error.status != GPUPROC_OK) {
        if (err != NULL) *err = p->first_error;
        return p->first_error.status;
    }
    if (atomic_load(&run->cancelled)) return gp_fail(err, GPUPROC_CANCELLED, "cancelled");
    return GPUPROC_OK;
}

/* All chunks, and again as long as folds want them. */
static gpuproc_status drive_rounds(gp_pass_run *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    bool again = true;
    for (p->round = 0; again; p->round++) {
        if (p->pass->count > 0) GP_TRY(drive(p, err));
        GP_TRY(gp_pass_folds_end(p, &again, err));
        p->run->counters.rounds += again;
    }
    GP_TRY(gp_pass_folds_finish(p, err));
out:
    return st;
}

/* The reductions' values from what was merged. */
static gpuproc_status finish_reductions(gp_pass_run *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t f = 0; f < p->plan_pass->finishes; f++) {
        const gp_plan_finish *finish = &p->plan_pass->finish[f];
        const gp_node *node = &p->run->plan->program->node[finish->node];
        const char *warning = NULL;
        GP_TRY(gp_reduce_finish(p->state[finish->reduce], node->op, node->dtype, p->pass->count,
                                node->ddof, &p->run->value[finish->node], &warning, err));
        if (warning != NULL) gp_run_warn(p->run, warning);
    }
out:
    return st;
}

static gpuproc_status make_states(gp_pass_run *p, gpuproc_error *err)
{
    p->state = gp_calloc(p->pass->reduces, sizeof *p->state);
    if (p->state == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for reductions");
    for (size_t r = 0; r < p->pass->reduces; r++) {
        const gp_pass_reduce *reduce = &p->pass->reduce[r];
        p->state[r] = gp_reduce_state_new((gp_reduce_kind)reduce->kind, reduce->operand);
        if (p->state[r] == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for reductions");
    }
    return GPUPROC_OK;
}

static gpuproc_status run_pass(gp_run *run, const gp_plan_pass *plan_pass, gp_sink *copy_to, uint64_t taken,
                               gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_pass_run p = {.run = run, .plan_pass = plan_pass, .pass = &plan_pass->pass, .copy_to = copy_to,
                     .resident_bytes = taken};
    p.threads = threads_of(&p);
    p.device = gp_calloc(run->devices + 1, sizeof *p.device);
    p.resident = gp_calloc(p.pass->inputs, sizeof *p.resident);
    p.uniform = gp_calloc(p.pass->uniforms, sizeof *p.uniform);
    if (p.device == NULL || p.resident == NULL || p.uniform == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
        goto out;
    }
    for (size_t u = 0; u < p.pass->uniforms; u++)
        p.uniform[u] = gp_run_uniform_bits(&run->value[p.pass->uniform[u]]);
    GP_TRY(make_states(&p, err));
    GP_TRY(gp_pass_find_copies(&p, err));
    if (p.pass->count > 0) GP_TRY(load_residents(&p, err));
    GP_TRY(gp_pass_folds_make(&p, err));
    if (p.pass->count > 0) {
        GP_TRY(gp_kept_prepare(&p, err));
        if (run->survey == NULL) GP_TRY(gp_pass_straighten(&p, widest_of(p.pass), err));
        GP_TRY(prepare_devices(&p, err));
        GP_TRY(prepare_slots(&p, err));
    }
    if (run->survey != NULL) goto out;
    GP_TRY(drive_rounds(&p, err));
    GP_TRY(finish_reductions(&p, err));
out:
    drop_slots(&p);
    gp_pass_products_close(&p);
    free(p.slot);
    if (p.device != NULL) gp_pass_devices_free(&p);
    gp_pass_folds_free(&p);
    gp_pass_straight_free(&p);
    free(p.less.output);
    free(p.input_of);
    for (size_t r = 0; p.state != NULL && r < p.pass->reduces; r++) gp_reduce_state_free(p.state[r]);
    for (size_t i = 0; p.resident != NULL && i < p.pass->inputs; i++) {
        gp_resident *r = &p.resident[i];
        if (r->viewed) gp_source_unview(run->source[p.pass->input[i].input], &r->view);
        gp_pages_free(r->pages, r->page_bytes);
    }
    free(p.state);
    free(p.resident);
    gp_pages_free(p.zeros.pages, p.zeros.bytes);
    free(p.key);
    free(p.keep);
    free(p.ask);
    free(p.uniform);
    free(p.device);
    return st;
}

gpuproc_status gp_run_pass(gp_run *run, const gp_plan_pass *plan_pass, gpuproc_error *err)
{
    return run_pass(run, plan_pass, NULL, 0, err);
}

gpuproc_status gp_run_copy(gp_run *run, const gp_plan_pass *copy, gp_sink *sink, uint64_t taken,
                           gpuproc_error *err)
{
    return run_pass(run, copy, sink, taken, err);
}
