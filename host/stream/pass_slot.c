/* The stages of one slot: what computing, writing and retiring a chunk are. Reading is in pass_read.c,
 * folding in pass_fold.c. */
#include "stream/run_pass.h"

#include "array/dtype.h"
#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"

#include <string.h>

void gp_pass_keep_error(gp_pass_run *p, const gpuproc_error *err)
{
    if (p->first_error.status == GPUPROC_OK) p->first_error = *err;
}

static void post(gp_operation *op) { gp_mailbox_post(&op->pass->run->box, &op->mail); }
static void write_done(gp_write *write) { post(write->ctx); }
static void compute_done(gp_chunk *chunk) { post(chunk->ctx); }
static void nobody_waits(gp_chunk *chunk) { (void)chunk; }

/* ---- Making and freeing -------------------------------------------------- */

gpuproc_status gp_pass_slot_new(gp_pass_run *p, gp_pass_device *device, unsigned index,
                                gp_pass_slot *slot, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t inputs = p->pass->inputs, outputs = p->pass->outputs, folds = p->folds;
    bool *want = NULL;
    *slot = (gp_pass_slot){.pass = p, .device = device, .index = index};
    slot->in_staging = gp_calloc(inputs, sizeof *slot->in_staging);
    slot->out_staging = gp_calloc(outputs, sizeof *slot->out_staging);
    slot->view = gp_calloc(inputs, sizeof *slot->view);
    slot->viewed = gp_calloc(inputs, sizeof *slot->viewed);
    slot->input = gp_calloc(inputs, sizeof *slot->input);
    slot->output = gp_calloc(outputs, sizeof *slot->output);
    slot->work_output = gp_calloc(outputs, sizeof *slot->work_output);
    slot->fold_out = gp_calloc(folds, sizeof *slot->fold_out);
    slot->piece = gp_calloc(folds, sizeof *slot->piece);
    slot->read = gp_calloc(inputs, sizeof *slot->read);
    slot->block_walk = gp_calloc(p->in_blocks ? inputs : 0, sizeof *slot->block_walk);
    slot->write = gp_calloc(outputs + 2 * folds, sizeof *slot->write);
    want = gp_calloc(inputs + outputs, sizeof *want);
    if (slot->in_staging == NULL || slot->out_staging == NULL || slot->view == NULL ||
        slot->viewed == NULL || slot->input == NULL || slot->output == NULL ||
        slot->work_output == NULL || slot->fold_out == NULL || slot->piece == NULL ||
        slot->block_walk == NULL || slot->read == NULL || slot->write == NULL || want == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a slot");
        goto out;
    }
    for (size_t i = 0; i < inputs; i++) {
        want[i] = !device->device->in_place && p->pass->input[i].streamed;
        slot->read[i] = (gp_operation){.kind = GP_OPERATION_READ, .pass = p, .slot = slot, .index = i};
    }
    for (size_t o = 0; o < p->work->outputs; o++) want[inputs + o] = !device->device->in_place;
    for (size_t w = 0; w < outputs + 2 * folds; w++)
        slot->write[w] = (gp_operation){.kind = GP_OPERATION_WRITE, .pass = p, .slot = slot};
    slot->fold = (gp_operation){.kind = GP_OPERATION_FOLD, .pass = p, .slot = slot};
    slot->compute = (gp_operation){.kind = GP_OPERATION_COMPUTE, .pass = p, .slot = slot};
    if (device->program == NULL) goto out;
    pthread_mutex_lock(p->run->device_lock);
    st = device->device->api->slot_new(device->program, p->chunk_elements, want, want + inputs,
                                       &slot->slot, err);
    pthread_mutex_unlock(p->run->device_lock);
out:
    free(want);
    if (st != GPUPROC_OK) gp_pass_slot_free(slot);
    return st;
}

void gp_pass_slot_free(gp_pass_slot *slot)
{
    gp_pass_run *p = slot->pass;
    if (p == NULL) return;
    pthread_mutex_lock(p->run->device_lock);
    if (slot->slot != NULL) slot->device->device->api->slot_free(slot->slot);
    if (slot->cpu_slot != NULL) p->run->cpu->api->slot_free(slot->cpu_slot);
    pthread_mutex_unlock(p->run->device_lock);
    for (size_t i = 0; slot->in_staging != NULL && i < p->pass->inputs; i++)
        gp_pages_free(slot->in_staging[i].pages, slot->in_staging[i].bytes);
    for (size_t o = 0; slot->out_staging != NULL && o < p->pass->outputs; o++)
        gp_pages_free(slot->out_staging[o].pages, slot->out_staging[o].bytes);
    for (size_t f = 0; slot->fold_out != NULL && f < p->folds; f++)
        gp_pages_free(slot->fold_out[f].pages, slot->fold_out[f].bytes);
    free(slot->in_staging);
    free(slot->out_staging);
    free(slot->fold_out);
    free(slot->piece);
    free(slot->work_output);
    free(slot->view);
    free(slot->viewed);
    free(slot->input);
    free(slot->output);
    free(slot->block_walk);
    free(slot->read);
    free(slot->write);
    *slot = (gp_pass_slot){0};
}

void gp_pass_devices_free(gp_pass_run *p)
{
    pthread_mutex_lock(p->run->device_lock);
    for (size_t d = 0; d < p->devices; d++) {
        gp_pass_reads_free(&p->device[d]);
        if (p->device[d].program == NULL) continue;
        uint64_t begin = gp_now_ns(); /* it may be kept for another time, which may take long */
        p->device[d].device->api->program_free(p->device[d].program);
        gp_run_trace(p->run, GPUPROC_STAGE_PROGRAM, p->device[d].device, begin, gp_now_ns(), 0, 0);
    }
    if (p->cpu_program != NULL) p->run->cpu->api->program_free(p->cpu_program);
    pthread_mutex_unlock(p->run->device_lock);
    p->cpu_program = NULL;
    p->devices = 0;
}

/* ---- Compute ------------------------------------------------------------- */

/* Where output o of the present chunk goes, the work-th of those that are computed; NULL when out of
 * memory. */
static void *output_place(gp_pass_slot *slot, size_t o, size_t work)
{
    gp_pass_run *p = slot->pass;
    const gp_pass_output *out = &p->pass->output[o];
    gp_sink *sink = gp_pass_output_sink(p, o);
    if (slot->device->device->in_place && sink != NULL && !p->in_blocks) {
        void *place = gp_sink_place(sink, slot->first * gpuproc_dtype_bytes(out->dtype));
        if (place != NULL) return place;
    }
    return gp_pass_staging(slot->slot->output ? slot->slot->output[work] : NULL, &slot->out_staging[o],
                           p->chunk_elements, out->dtype);
}

/* Finds the places of all outputs; false when out of memory. */
static bool place_outputs(gp_pass_slot *slot)
{
    const gp_pass_run *p = slot->pass;
    for (size_t o = 0, work = 0; o < p->pass->outputs; o++) {
        size_t i = p->input_of[o];
        if (i != SIZE_MAX) {
            /* It is only read: by writes, and by folds that keep it. */
            slot->output[o] = (void *)(uintptr_t)slot->input[i];
            continue;
        }
        slot->output[o] = slot->work_output[work] = output_place(slot, o, work);
        if (slot->output[o] == NULL) return false;
        work++;
    }
    return true;
}

static gp_chunk *make_chunk(gp_pass_slot *slot, void (*done)(gp_chunk *chunk))
{
    gp_pass_run *p = slot->pass;
    gp_chunk *chunk = &slot->compute.chunk;
    *chunk = (gp_chunk){.first = slot->first, .count = slot->count, .input = slot->input,
                        .key = p->key, .keep = p->keep, .output = slot->work_output, .uniform = p->uniform,
                        .threads = p->threads, .done = done, .ctx = &slot->compute};
    slot->submitted_ns = gp_now_ns();
    return chunk;
}

static gpuproc_status submit(gp_pass_slot *slot, gp_device *device, gp_slot *where,
                             gpuproc_error *err)
{
    gp_pass_run *p = slot->pass;
    gp_chunk *chunk = make_chunk(slot, compute_done);
    pthread_mutex_lock(p->run->device_lock);
    gpuproc_status st = device->api->submit(where, chunk, err);
    pthread_mutex_unlock(p->run->device_lock);
    return st;
}

bool gp_pass_compute_on_cpu(gp_pass_slot *slot)
{
    gpuproc_error err = {0};
    slot->for_cpu = false;
    slot->pending = 1;
    slot->on_cpu = submit(slot, slot->pass->run->cpu, slot->cpu_slot, &err) == GPUPROC_OK;
    if (!slot->on_cpu) gp_pass_keep_error(slot->pass, &err);
    return slot->on_cpu;
}

/* Starts the present chunk on the CPU after its device failed with `why`. */
static bool start_on_cpu(gp_pass_slot *slot, const gpuproc_error *why)
{
    gp_pass_run *p = slot->pass;
    gp_run *run = p->run;
    gpuproc_status st = GPUPROC_OK;
    gpuproc_error err = *why;
    gp_pass_trace_failed(slot);
    if (slot->device->device == run->cpu || run->no_fallback || slot->on_cpu) {
        gp_pass_keep_error(p, why);
        return false;
    }
    pthread_mutex_lock(run->device_lock);
    if (p->cpu_program == NULL) st = run->cpu->api->program_new(run->cpu, p->work, &p->cpu_program, &err);
    if (st == GPUPROC_OK && slot->cpu_slot == NULL) {
        bool *none = gp_calloc(p->pass->inputs + p->pass->outputs, sizeof *none);
        st = none == NULL ? gp_fail(&err, GPUPROC_NO_MEMORY, "out of memory for a slot")
                          : run->cpu->api->slot_new(p->cpu_program, p->chunk_elements, none,
                                                    none + p->pass->inputs, &slot->cpu_slot, &err);
        free(none);
    }
    pthread_mutex_unlock(run->device_lock);
    if (st != GPUPROC_OK) {
        gp_pass_keep_error(p, &err);
        return false;
    }
    if (!gp_pass_read_held(slot) && (slot->failed || !gp_pass_compute_on_cpu(slot))) return false;
    if (run->counters.fallbacks++ == 0)
        gp_run_log(run, GPUPROC_LOG_WARNING, "%s failed (%s): its chunks are done again on the CPU",
                   slot->device->device->info.name, why->message);
    return true;
}

/* On this thread: it has ended when this returns. */
static gp_step compute_here(gp_pass_slot *slot)
{
    gpuproc_error err = {0};
    slot->pending = 0;
    if (gp_cpu_slot_run(slot->slot, make_chunk(slot, nobody_waits), &err) != GPUPROC_OK) {
        gp_pass_keep_error(slot->pass, &err);
        return GP_STEP_FAILED;
    }
    return gp_pass_compute_ended(slot) ? GP_STEP_DONE : GP_STEP_FAILED;
}

static gp_step start_compute(void *ctx, unsigned index, uint64_t chunk)
{
    (void)chunk;
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    gpuproc_error err = {0};
    slot->failed = false;
    slot->pending = 1;
    if (!place_outputs(slot)) {
        gp_fail(&err, GPUPROC_NO_MEMORY, "out of memory for staging");
        gp_pass_keep_error(p, &err);
        return GP_STEP_FAILED;
    }
    if (p->copies) return GP_STEP_DONE;
    if (p->here) return compute_here(slot);
    /* A device that has failed gets no more work in this pass. */
    bool broken = slot->cpu_slot != NULL;
    if (broken) slot->on_cpu = submit(slot, p->run->cpu, slot->cpu_slot, &err) == GPUPROC_OK;
    if (broken && slot->on_cpu) {
        p->run->counters.fallbacks++;
        return GP_STEP_STARTED;
    }
    if (!broken && submit(slot, slot->device->device, slot->slot, &err) == GPUPROC_OK)
        return GP_STEP_STARTED;
    return start_on_cpu(slot, &err) ? GP_STEP_STARTED : GP_STEP_FAILED;
}

bool gp_pass_compute_again(gp_pass_slot *slot)
{
    const gp_chunk *chunk = &slot->compute.chunk;
    if (chunk->status == GPUPROC_OK || slot->on_cpu) return false;
    gpuproc_error why = chunk->error;
    return start_on_cpu(slot, &why);
}

bool gp_pass_compute_ended(gp_pass_slot *slot)
{
    gp_pass_run *p = slot->pass;
    const gp_chunk *chunk = &slot->compute.chunk;
    gp_pass_trace_computed(slot);
    if (chunk->status != GPUPROC_OK) {
        gp_pass_keep_error(p, &chunk->error);
        return false;
    }
    gp_run_warn_flags(p->run, chunk->flags);
    gpuproc_error err;
    if (gp_run_check_flags(chunk->flags, &err) == GPUPROC_OK) return true;
    gp_pass_keep_error(p, &err);
    return false;
}

/* ---- Write --------------------------------------------------------------- */

static void start_one_write(gp_pass_slot *slot, gp_operation *op, gp_sink *sink, uint64_t offset,
                            const void *data, size_t bytes)
{
    slot->pending++;
    op->write = (gp_write){.sink = sink, .offset = offset, .data = data, .bytes = bytes,
                           .done = write_done, .ctx = op};
    gp_sink_write(&op->write);
}

static void start_block_write(gp_pass_slot *slot, gp_operation *op, gp_sink *sink, const void *data, size_t item)
{
    const gp_block *block = &slot->block;
    slot->pending++;
    op->write = (gp_write){.sink = sink, .offset = (uint64_t)block->place.offset * item, .data = data,
                           .bytes = slot->count * item, .walk = block->together ? NULL : &block->place,
                           .width = item, .done = write_done, .ctx = op};
    gp_sink_write(&op->write);
}

static void write_output(gp_pass_slot *slot, size_t o)
{
    gp_pass_run *p = slot->pass;
    const gp_pass_output *out = &p->pass->output[o];
    size_t item = gpuproc_dtype_bytes(out->dtype), bytes = slot->count * item;
    size_t target = p->plan_pass->output_target[o];
    gp_sink *sink = gp_pass_output_sink(p, o);
    if (target == SIZE_MAX && sink == NULL) return;
    if (sink == NULL) {
        /* A 0-d target without a destination: its one element becomes a value. */
        gp_run_keep_value(p->run, out->node, out->dtype, slot->output[o]);
        return;
    }
    if (p->in_blocks) {
        start_block_write(slot, &slot->write[o], sink, slot->output[o], item);
        return;
    }
    if (slot->output[o] == gp_sink_place(sink, slot->first * item)) {
        gp_pass_trace_moved(slot, (gp_span){0}, 0, bytes); /* it is there */
        return;
    }
    start_one_write(slot, &slot->write[o], sink, slot->first * item, slot->output[o], bytes);
}

static void write_folded(gp_pass_slot *slot, size_t f)
{
    gp_pass_run *p = slot->pass;
    const gp_pass_fold *fold = &p->fold[f];
    const gp_fold_piece *piece = &slot->piece[f];
    size_t item = gpuproc_dtype_bytes(fold->plan->spec.dtype);
    uint64_t offset = (fold->plan->first + piece->out_first) * item;
    if (piece->out_count == 0) return;
    if (fold->plan->spec.result.ndim == 0)
        gp_run_keep_value(p->run, fold->plan->node, fold->plan->spec.dtype, piece->out);
    for (size_t k = 0; k < 2; k++) {
        if (fold->sink[k] == NULL || offset >= fold->room[k]) continue;
        size_t bytes = gp_min_u64(piece->out_count * item, fold->room[k] - offset);
        if (piece->out == gp_sink_place(fold->sink[k], offset)) {
            gp_pass_trace_moved(slot, (gp_span){0}, 0, bytes); /* it is there */
            continue;
        }
        start_one_write(slot, &slot->write[p->pass->outputs + 2 * f + k], fold->sink[k], offset, piece->out,
                        bytes);
    }
}

static gp_step start_write(void *ctx, unsigned index, uint64_t chunk)
{
    (void)chunk;
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    slot->pending = 0;
    slot->failed = false;
    gp_pass_trace_moving(slot, GPUPROC_STAGE_WRITE);
    for (size_t o = 0; p->round == 0 && o < p->pass->outputs; o++) write_output(slot, o);
    for (size_t f = 0; f < p->folds; f++) write_folded(slot, f);
    if (slot->pending > 0) return GP_STEP_STARTED;
    gp_pass_trace_ended(slot);
    return GP_STEP_DONE;
}

bool gp_pass_write_ended(gp_pass_slot *slot, gp_operation *op)
{
    gp_pass_trace_moved(slot, (gp_span){op->write.begin_ns, op->write.end_ns}, op->write.bytes, 0);
    if (op->write.status != GPUPROC_OK) gp_pass_keep_error(slot->pass, &op->write.error);
    return op->write.status == GPUPROC_OK;
}

/* ---- Retire -------------------------------------------------------------- */

static void retire(void *ctx, unsigned index, uint64_t chunk, bool ok)
{
    (void)chunk;
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    const gp_slot *done_by = slot->on_cpu ? slot->cpu_slot : slot->slot;
    for (size_t r = 0; ok && p->round == 0 && r < p->pass->reduces; r++) {
        gpuproc_error err = {0};
        const gp_pass_reduce *reduce = &p->pass->reduce[r];
        bool ordered = gp_reduce_ordered((gp_reduce_kind)reduce->kind, reduce->operand);
        size_t partials = ordered ? (size_t)gp_ceil_div(slot->count, GP_BLOCK) : done_by->partials;
        if (gp_pass_merge(slot, r, done_by->partial[r], partials, &err) != GPUPROC_OK) {
            gp_pass_keep_error(p, &err);
            gp_sched_stop(&p->sched);
        }
    }
    gp_pass_unview(slot);
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        if (p->pass->input[i].streamed) bytes += slot->count * gpuproc_dtype_bytes(p->pass->input[i].dtype);
    }
    for (size_t o = 0; p->round == 0 && o < p->pass->outputs; o++) {
        if (p->plan_pass->output_target[o] != SIZE_MAX)
            bytes += slot->count * gpuproc_dtype_bytes(p->pass->output[o].dtype);
    }
    for (size_t f = 0; f < p->folds; f++)
        bytes += slot->piece[f].out_count * gpuproc_dtype_bytes(p->fold[f].plan->spec.dtype);
    if (!ok) return;
    atomic_fetch_add(&p->run->counters.bytes_done, bytes);
    bool by_cpu = slot->on_cpu || slot->device->device == p->run->cpu;
    if (by_cpu && !(p->plan_pass->products && p->copies)) p->run->counters.used_cpu = true;
    for (size_t d = 0; d < p->run->devices && d < 64; d++) {
        if (!slot->on_cpu && p->run->device[d] == slot->device->device)
            p->run->counters.used_device[d] = true;
    }
}

const gp_sched_actions gp_pass_actions = {
    .read = gp_pass_start_read, .compute = start_compute, .fold = gp_pass_start_fold, .write = start_write, .retire = retire};
