/* The stages of one slot: what reading, computing, writing and retiring a chunk are. */
#include "stream/run_pass.h"

#include "array/dtype.h"
#include "base/memory.h"

#include <string.h>

static void keep_error(gp_pass_run *p, const gpuproc_error *err)
{
    if (p->first_error.status == GPUPROC_OK) p->first_error = *err;
}

static void post(gp_operation *op) { gp_mailbox_post(&op->pass->run->box, &op->mail); }
static void read_done(gp_read *read) { post(read->ctx); }
static void write_done(gp_write *write) { post(write->ctx); }
static void compute_done(gp_chunk *chunk) { post(chunk->ctx); }

/* ---- Making and freeing -------------------------------------------------- */

gpuproc_status gp_pass_slot_new(gp_pass_run *p, gp_pass_device *device, unsigned index,
                                gp_pass_slot *slot, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t inputs = p->pass->inputs, outputs = p->pass->outputs;
    bool *want = NULL;
    *slot = (gp_pass_slot){.pass = p, .device = device, .index = index};
    slot->in_staging = gp_calloc(inputs, sizeof *slot->in_staging);
    slot->out_staging = gp_calloc(outputs, sizeof *slot->out_staging);
    slot->view = gp_calloc(inputs, sizeof *slot->view);
    slot->viewed = gp_calloc(inputs, sizeof *slot->viewed);
    slot->input = gp_calloc(inputs, sizeof *slot->input);
    slot->output = gp_calloc(outputs, sizeof *slot->output);
    slot->read = gp_calloc(inputs, sizeof *slot->read);
    slot->write = gp_calloc(outputs, sizeof *slot->write);
    want = gp_calloc(inputs + outputs, sizeof *want);
    if (slot->in_staging == NULL || slot->out_staging == NULL || slot->view == NULL ||
        slot->viewed == NULL || slot->input == NULL || slot->output == NULL ||
        slot->read == NULL || slot->write == NULL || want == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a slot");
        goto out;
    }
    for (size_t i = 0; i < inputs; i++) {
        want[i] = !device->device->in_place && p->pass->input[i].streamed;
        slot->read[i] = (gp_operation){.kind = GP_OPERATION_READ, .pass = p, .slot = slot, .index = i};
    }
    for (size_t o = 0; o < outputs; o++) {
        want[inputs + o] = !device->device->in_place;
        slot->write[o] = (gp_operation){.kind = GP_OPERATION_WRITE, .pass = p, .slot = slot, .index = o};
    }
    slot->compute = (gp_operation){.kind = GP_OPERATION_COMPUTE, .pass = p, .slot = slot};
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
    free(slot->in_staging);
    free(slot->out_staging);
    free(slot->view);
    free(slot->viewed);
    free(slot->input);
    free(slot->output);
    free(slot->read);
    free(slot->write);
    *slot = (gp_pass_slot){0};
}

void gp_pass_devices_free(gp_pass_run *p)
{
    pthread_mutex_lock(p->run->device_lock);
    for (size_t d = 0; d < p->devices; d++) {
        p->device[d].device->api->program_free(p->device[d].program);
    }
    if (p->cpu_program != NULL) p->run->cpu->api->program_free(p->cpu_program);
    pthread_mutex_unlock(p->run->device_lock);
    p->cpu_program = NULL;
    p->devices = 0;
}

/* The device's staging, or our own, taken on first use (untouched pages cost nothing
 * until then). NULL when out of memory. */
static void *staging(gp_pass_slot *slot, void *device_staging, gp_staging *own, gp_dtype dtype)
{
    if (device_staging != NULL) return device_staging;
    if (own->pages == NULL) {
        own->bytes = slot->pass->chunk_elements * gpuproc_dtype_bytes(dtype) + GP_STAGING_SLACK;
        own->pages = gp_pages_alloc(own->bytes);
    }
    return own->pages;
}

/* ---- Read ---------------------------------------------------------------- */

/* Starts the read of input i of the present chunk into its staging. */
static bool read_input(gp_pass_slot *slot, size_t i)
{
    gp_pass_run *p = slot->pass;
    const gp_pass_input *in = &p->pass->input[i];
    void *buffer = staging(slot, slot->slot->input ? slot->slot->input[i] : NULL,
                           &slot->in_staging[i], in->dtype);
    if (buffer == NULL) {
        gpuproc_error err;
        gp_fail(&err, GPUPROC_NO_MEMORY, "out of memory for staging");
        keep_error(p, &err);
        slot->failed = true;
        return false;
    }
    slot->pending++;
    slot->read[i].read = (gp_read){.source = p->run->source[in->input], .first = slot->first,
                                   .count = slot->count, .buffer = buffer, .done = read_done,
                                   .ctx = &slot->read[i]};
    gp_source_read(&slot->read[i].read);
    return true;
}

/* Whether the slot's device has the chunk's elements of input i since an earlier pass. */
static bool is_held(gp_pass_slot *slot, size_t i)
{
    gp_pass_run *p = slot->pass;
    const gp_device_api *api = slot->device->device->api;
    /* A device that has failed in this pass is not used. */
    if (!p->ask[i] || api->holds == NULL || slot->cpu_slot != NULL) return false;
    pthread_mutex_lock(p->run->device_lock);
    bool held = api->holds(slot->device->program, p->key[i], slot->first, slot->count);
    pthread_mutex_unlock(p->run->device_lock);
    return held;
}

static gp_step start_read(void *ctx, unsigned index, uint64_t chunk)
{
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    slot->first = chunk * p->chunk_elements;
    slot->count = gp_min_u64(p->chunk_elements, p->pass->count - slot->first);
    slot->pending = 0;
    slot->failed = false;
    slot->on_cpu = slot->for_cpu = false;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        const gp_pass_input *in = &p->pass->input[i];
        if (!in->streamed) {
            slot->input[i] = p->resident[i].data;
            continue;
        }
        gp_source *source = p->run->source[in->input];
        uint64_t bytes = slot->count * gpuproc_dtype_bytes(in->dtype);
        if (slot->device->device->in_place &&
            gp_source_view(source, slot->first, slot->count, &slot->view[i])) {
            slot->viewed[i] = true;
            slot->input[i] = slot->view[i].data;
            p->run->counters.bytes_viewed += bytes;
            p->run->counters.bytes_read += bytes;
            continue;
        }
        if (is_held(slot, i)) {
            slot->input[i] = NULL;
            continue;
        }
        if (!read_input(slot, i)) break;
    }
    if (slot->pending > 0) return GP_STEP_STARTED;
    return slot->failed ? GP_STEP_FAILED : GP_STEP_DONE;
}

bool gp_pass_read_ended(gp_pass_slot *slot, gp_operation *op)
{
    gp_counters *c = &slot->pass->run->counters;
    c->read_ns += op->read.end_ns - op->read.begin_ns;
    c->bytes_read += slot->count * gpuproc_dtype_bytes(slot->pass->pass->input[op->index].dtype);
    slot->input[op->index] = op->read.data;
    if (op->read.status != GPUPROC_OK) keep_error(slot->pass, &op->read.error);
    return op->read.status == GPUPROC_OK;
}

/* ---- Compute ------------------------------------------------------------- */

/* Where output o of the present chunk goes; NULL when out of memory. */
static void *output_place(gp_pass_slot *slot, size_t o)
{
    gp_pass_run *p = slot->pass;
    const gp_pass_output *out = &p->pass->output[o];
    size_t target = p->plan_pass->output_target[o];
    gp_sink *sink = p->run->sink[target];
    if (slot->device->device->in_place && sink != NULL) {
        void *place = gp_sink_place(sink, slot->first * gpuproc_dtype_bytes(out->dtype));
        if (place != NULL) return place;
    }
    return staging(slot, slot->slot->output ? slot->slot->output[o] : NULL, &slot->out_staging[o],
                   out->dtype);
}

static gpuproc_status submit(gp_pass_slot *slot, gp_device *device, gp_slot *where,
                             gpuproc_error *err)
{
    gp_pass_run *p = slot->pass;
    gp_chunk *chunk = &slot->compute.chunk;
    *chunk = (gp_chunk){.first = slot->first, .count = slot->count, .input = slot->input,
                        .key = p->key, .keep = p->keep, .output = slot->output,
                        .uniform = p->uniform, .done = compute_done, .ctx = &slot->compute};
    pthread_mutex_lock(p->run->device_lock);
    gpuproc_status st = device->api->submit(where, chunk, err);
    pthread_mutex_unlock(p->run->device_lock);
    return st;
}

/* Reads what only the device that failed has; gp_pass_compute_on_cpu follows. False: it
 * was there already, or failed (slot->failed). */
static bool read_held(gp_pass_slot *slot)
{
    slot->pending = 0;
    slot->failed = false;
    for (size_t i = 0; i < slot->pass->pass->inputs; i++) {
        bool missing = slot->pass->pass->input[i].streamed && slot->input[i] == NULL;
        if (missing && !read_input(slot, i)) break;
    }
    slot->for_cpu = slot->pending > 0;
    if (!slot->for_cpu) slot->pending = 1; /* the computation itself, still */
    return slot->for_cpu;
}

bool gp_pass_compute_on_cpu(gp_pass_slot *slot)
{
    gpuproc_error err = {0};
    slot->for_cpu = false;
    slot->pending = 1;
    slot->on_cpu = submit(slot, slot->pass->run->cpu, slot->cpu_slot, &err) == GPUPROC_OK;
    if (!slot->on_cpu) keep_error(slot->pass, &err);
    return slot->on_cpu;
}

/* Starts the present chunk on the CPU after its device failed with `why`. */
static bool start_on_cpu(gp_pass_slot *slot, const gpuproc_error *why)
{
    gp_pass_run *p = slot->pass;
    gp_run *run = p->run;
    gpuproc_status st = GPUPROC_OK;
    gpuproc_error err = *why;
    if (slot->device->device == run->cpu || run->no_fallback || slot->on_cpu) {
        keep_error(p, why);
        return false;
    }
    pthread_mutex_lock(run->device_lock);
    if (p->cpu_program == NULL) st = run->cpu->api->program_new(run->cpu, p->pass, &p->cpu_program, &err);
    if (st == GPUPROC_OK && slot->cpu_slot == NULL) {
        bool *none = gp_calloc(p->pass->inputs + p->pass->outputs, sizeof *none);
        st = none == NULL ? gp_fail(&err, GPUPROC_NO_MEMORY, "out of memory for a slot")
                          : run->cpu->api->slot_new(p->cpu_program, p->chunk_elements, none,
                                                    none + p->pass->inputs, &slot->cpu_slot, &err);
        free(none);
    }
    pthread_mutex_unlock(run->device_lock);
    if (st != GPUPROC_OK) {
        keep_error(p, &err);
        return false;
    }
    if (!read_held(slot) && (slot->failed || !gp_pass_compute_on_cpu(slot))) return false;
    if (run->counters.fallbacks++ == 0)
        gp_run_log(run, GPUPROC_LOG_WARNING, "%s failed (%s): its chunks are done again on the CPU",
                   slot->device->device->info.name, why->message);
    return true;
}

static gp_step start_compute(void *ctx, unsigned index, uint64_t chunk)
{
    (void)chunk;
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    gpuproc_error err = {0};
    slot->failed = false;
    slot->pending = 1;
    for (size_t o = 0; o < p->pass->outputs; o++) {
        slot->output[o] = output_place(slot, o);
        if (slot->output[o] != NULL) continue;
        gp_fail(&err, GPUPROC_NO_MEMORY, "out of memory for staging");
        keep_error(p, &err);
        return GP_STEP_FAILED;
    }
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

static uint64_t span_ns(const gp_span *span) { return span->end_ns - span->begin_ns; }

bool gp_pass_compute_ended(gp_pass_slot *slot)
{
    gp_pass_run *p = slot->pass;
    gp_counters *c = &p->run->counters;
    const gp_chunk *chunk = &slot->compute.chunk;
    c->upload_ns += span_ns(&chunk->upload);
    c->kernel_ns += span_ns(&chunk->kernel);
    c->download_ns += span_ns(&chunk->download);
    if (chunk->status != GPUPROC_OK) {
        keep_error(p, &chunk->error);
        return false;
    }
    gp_run_warn_flags(p->run, chunk->flags);
    if (chunk->flags & GP_FLAG_NEG_POWER) {
        gpuproc_error err;
        gp_fail(&err, GPUPROC_DOMAIN, "integers to negative integer powers are not allowed");
        keep_error(p, &err);
        return false;
    }
    return true;
}

/* ---- Write --------------------------------------------------------------- */

/* A 0-d target without a destination: its one element becomes a value. */
static void keep_value(gp_pass_run *p, size_t o, const void *element)
{
    const gp_pass_output *out = &p->pass->output[o];
    gpuproc_scalar *value = &p->run->value[out->node];
    value->dtype = out->dtype;
    switch (out->dtype) {
#define X(name, type, kind)                                                      \
    case GPUPROC_##name: {                                                       \
        type v;                                                                  \
        memcpy(&v, element, sizeof v);                                           \
        if (GP_KIND_##kind == GP_KIND_FLOAT) value->value.f = (double)v;         \
        else if (GP_KIND_##kind == GP_KIND_INT) value->value.i = (int64_t)v;     \
        else value->value.u = (uint64_t)v;                                       \
        break;                                                                   \
    }
        GP_DTYPES(X)
#undef X
    default: break;
    }
}

static gp_step start_write(void *ctx, unsigned index, uint64_t chunk)
{
    (void)chunk;
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    slot->pending = 0;
    slot->failed = false;
    for (size_t o = 0; o < p->pass->outputs; o++) {
        size_t item = gpuproc_dtype_bytes(p->pass->output[o].dtype);
        size_t bytes = slot->count * item;
        gp_sink *sink = p->run->sink[p->plan_pass->output_target[o]];
        p->run->counters.bytes_written += bytes;
        if (sink == NULL) {
            keep_value(p, o, slot->output[o]);
            continue;
        }
        if (slot->output[o] == gp_sink_place(sink, slot->first * item)) continue; /* is there */
        slot->pending++;
        slot->write[o].write = (gp_write){.sink = sink, .offset = slot->first * item,
                                          .data = slot->output[o], .bytes = bytes,
                                          .done = write_done, .ctx = &slot->write[o]};
        gp_sink_write(&slot->write[o].write);
    }
    return slot->pending > 0 ? GP_STEP_STARTED : GP_STEP_DONE;
}

bool gp_pass_write_ended(gp_pass_slot *slot, gp_operation *op)
{
    slot->pass->run->counters.write_ns += op->write.end_ns - op->write.begin_ns;
    if (op->write.status != GPUPROC_OK) keep_error(slot->pass, &op->write.error);
    return op->write.status == GPUPROC_OK;
}

/* ---- Retire -------------------------------------------------------------- */

static void retire(void *ctx, unsigned index, uint64_t chunk, bool ok)
{
    (void)chunk;
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    const gp_slot *done_by = slot->on_cpu ? slot->cpu_slot : slot->slot;
    for (size_t r = 0; ok && r < p->pass->reduces; r++) {
        gpuproc_error err = {0};
        const gp_pass_reduce *reduce = &p->pass->reduce[r];
        bool ordered = gp_reduce_ordered((gp_reduce_kind)reduce->kind, reduce->operand);
        size_t partials = ordered ? (size_t)gp_ceil_div(slot->count, GP_BLOCK) : done_by->partials;
        if (gp_reduce_merge(p->state[r], done_by->partial[r], partials, slot->first, slot->count,
                            &err) != GPUPROC_OK) {
            keep_error(p, &err);
            gp_sched_stop(&p->sched);
        }
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        if (p->pass->input[i].streamed) bytes += slot->count * gpuproc_dtype_bytes(p->pass->input[i].dtype);
        if (!slot->viewed[i]) continue;
        gp_source_unview(p->run->source[p->pass->input[i].input], &slot->view[i]);
        slot->viewed[i] = false;
    }
    for (size_t o = 0; o < p->pass->outputs; o++)
        bytes += slot->count * gpuproc_dtype_bytes(p->pass->output[o].dtype);
    if (!ok) return;
    atomic_fetch_add(&p->run->counters.bytes_done, bytes);
    bool by_cpu = slot->on_cpu || slot->device->device == p->run->cpu;
    if (by_cpu) p->run->counters.used_cpu = true;
    for (size_t d = 0; d < p->run->devices && d < 64; d++) {
        if (!slot->on_cpu && p->run->device[d] == slot->device->device)
            p->run->counters.used_device[d] = true;
    }
}

const gp_sched_actions gp_pass_actions = {
    .read = start_read, .compute = start_compute, .write = start_write, .retire = retire};
