/* What a chunk reads: which inputs share one read, which outputs are read and not computed, and the
 * first stage of a slot. */
#include "stream/run_pass.h"

#include "base/memory.h"

#include <string.h>

/* ---- Outputs that are inputs ---------------------------------------------- */

static size_t streamed_input_of(const gp_pass *pass, int node)
{
    for (size_t i = 0; i < pass->inputs; i++) {
        if (pass->input[i].streamed && pass->input[i].node == node) return i;
    }
    return SIZE_MAX;
}

/* The input that output o is; SIZE_MAX: it is computed. Into memory all workers copy, with the
 * pass; products, and what is read in another order, are made there. */
static size_t copied_from(const gp_pass_run *p, size_t o)
{
    gp_sink *sink = gp_pass_output_sink(p, o);
    size_t i = streamed_input_of(p->pass, p->pass->output[o].node);
    if (i != SIZE_MAX && (gp_pass_product(p, p->pass->input[i].input) != NULL ||
                          !gp_walk_contiguous(&p->pass->input[i].walk)))
        return i;
    return sink != NULL && gp_sink_place(sink, 0) != NULL ? SIZE_MAX : i;
}

gpuproc_status gp_pass_find_copies(gp_pass_run *p, gpuproc_error *err)
{
    const gp_pass *pass = p->pass;
    size_t copies = 0;
    bool in_place = true;
    for (size_t d = 0; d < p->run->devices && !p->plan_pass->products; d++) in_place = in_place && p->run->device[d]->in_place;
    p->input_of = gp_calloc(pass->outputs, sizeof *p->input_of);
    p->less = *pass;
    p->less.output = gp_calloc(pass->outputs, sizeof *p->less.output);
    p->less.outputs = 0;
    p->work = &p->less;
    if (p->input_of == NULL || p->less.output == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
    for (size_t o = 0; o < pass->outputs; o++) {
        p->input_of[o] = copied_from(p, o);
        copies += p->input_of[o] != SIZE_MAX;
    }
    p->copies = copies == pass->outputs && pass->reduces == 0 && pass->outputs > 0;
    /* A device behind a bus may have an input of its own, from an earlier pass, that is nowhere else. */
    for (size_t o = 0; o < pass->outputs; o++) {
        if (!p->copies && !in_place) p->input_of[o] = SIZE_MAX;
        if (p->input_of[o] == SIZE_MAX) p->less.output[p->less.outputs++] = pass->output[o];
    }
    return GPUPROC_OK;
}

/* ---- Which inputs share a read -------------------------------------------- */

static bool is_plain(const gp_pass_run *p, size_t i)
{
    const gp_pass_input *in = &p->pass->input[i];
    return in->streamed && gp_walk_contiguous(&in->walk) && !gp_source_is_fortran(gp_pass_source(p, i));
}

/* The plain input of the array that nothing reads yet and that begins first; SIZE_MAX: none. */
static size_t first_left(const gp_pass_run *p, const gp_source *array, const bool *taken)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        const gp_pass_input *in = &p->pass->input[i];
        if (taken[i] || !is_plain(p, i) || gp_pass_source(p, i) != array) continue;
        if (first == SIZE_MAX || in->walk.offset < p->pass->input[first].walk.offset) first = i;
    }
    return first;
}

/* Takes plain inputs of the array into one read as long as that reads less than two would: the memory
 * for it, too, is no more than theirs together. */
static void make_plain(gp_pass_run *p, gp_pass_device *d, size_t i, bool *taken)
{
    const gp_pass_input *in = &p->pass->input[i];
    gp_pass_read *r = &d->read[d->reads++];
    uint64_t from = (uint64_t)in->walk.offset;
    *r = (gp_pass_read){.source = gp_pass_source(p, i), .dtype = in->dtype, .from = from, .input = i};
    taken[i] = true;
    /* Where the device has staging of its own for each input, each has its own read. */
    for (size_t k = i; d->device->in_place;) {
        size_t next = first_left(p, r->source, taken);
        if (next == SIZE_MAX) return;
        uint64_t lag = (uint64_t)p->pass->input[next].walk.offset - from;
        if (lag - r->more >= p->chunk_elements) return;
        r->more = lag;
        taken[next] = true;
        d->place[next].lag = lag;
        d->place[k].next = next;
        k = next;
    }
}

gpuproc_status gp_pass_reads_make(gp_pass_run *p, gp_pass_device *d, gpuproc_error *err)
{
    size_t inputs = p->pass->inputs;
    gp_pass_reads_free(d);
    d->read = gp_calloc(inputs, sizeof *d->read);
    d->place = gp_calloc(inputs, sizeof *d->place);
    bool *taken = gp_calloc(inputs, sizeof *taken);
    if (d->read == NULL || d->place == NULL || taken == NULL) {
        free(taken);
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
    }
    for (size_t i = 0; i < inputs; i++) d->place[i].next = SIZE_MAX;
    for (size_t i = 0; i < inputs; i++) {
        const gp_pass_input *in = &p->pass->input[i];
        if (!in->streamed || taken[i]) continue;
        if (is_plain(p, i) && !p->in_blocks) {
            /* Whichever comes first in the array; i itself has its turn in one of the next. */
            while (!taken[i]) make_plain(p, d, d->device->in_place ? first_left(p, gp_pass_source(p, i), taken) : i, taken);
        } else {
            d->read[d->reads++] = (gp_pass_read){.source = gp_pass_source(p, i), .dtype = in->dtype,
                                                 .walk = &in->walk, .input = i};
        }
    }
    free(taken);
    return GPUPROC_OK;
}

void gp_pass_reads_free(gp_pass_device *d)
{
    free(d->read);
    free(d->place);
    d->read = NULL;
    d->place = NULL;
    d->reads = 0;
}

/* ---- The stage ------------------------------------------------------------- */

void *gp_pass_staging(void *device_staging, gp_staging *own, uint64_t elements, gp_dtype dtype)
{
    if (device_staging != NULL) return device_staging;
    if (own->pages == NULL) {
        own->bytes = elements * gpuproc_dtype_bytes(dtype) + GP_STAGING_SLACK;
        own->pages = gp_pages_alloc(own->bytes);
    }
    return own->pages;
}

static void read_done(gp_read *read)
{
    gp_operation *op = read->ctx;
    gp_mailbox_post(&op->pass->run->box, &op->mail);
}

/* The inputs that read r is for are in what begins at `data`. */
static void set_inputs(gp_pass_slot *slot, const gp_pass_read *r, const void *data)
{
    size_t item = gpuproc_dtype_bytes(r->dtype);
    for (size_t i = r->input; i != SIZE_MAX; i = slot->device->place[i].next)
        slot->input[i] = (const char *)data + slot->device->place[i].lag * item;
}

static bool reads_product(const gp_pass_run *p, const gp_pass_read *r)
{
    return gp_pass_product(p, p->pass->input[r->input].input) != NULL;
}

/* Where elements go at once that are made as they are asked for, and so need no room around them:
 * the memory of the result that they are; NULL: to staging. */
static void *place_of_result(const gp_pass_slot *slot, const gp_pass_read *r)
{
    const gp_pass_run *p = slot->pass;
    if (p->in_blocks || r->more > 0 || !(reads_product(p, r) || gp_source_in_memory(r->source)))
        return NULL;
    for (size_t o = 0; o < p->pass->outputs; o++) {
        gp_sink *sink = gp_pass_output_sink(p, o);
        void *place = p->input_of[o] == r->input && sink != NULL
                          ? gp_sink_place(sink, slot->first * gpuproc_dtype_bytes(r->dtype)) : NULL;
        if (place != NULL) return place;
    }
    return NULL;
}

/* What the chunk's elements are where its walk has none but zeros; memory that is never written takes none. */
static const void *zeros_of(gp_pass_slot *slot, const gp_pass_read *r)
{
    gp_pass_run *p = slot->pass;
    if (r->walk == NULL || !r->walk->bounded || !(slot->device->device->in_place || p->copies)) return NULL;
    uint64_t low, high;
    gp_walk block;
    if (p->in_blocks) gp_walk_box(r->walk, slot->block.lo, &slot->block.shape, &block);
    if (p->in_blocks ? gp_walk_span(&block, &low, &high) : !gp_walk_misses_box(r->walk, slot->first, slot->count))
        return NULL;
    return gp_pass_staging(NULL, &p->zeros, p->chunk_elements, GPUPROC_COMPLEX128);
}

static bool start_one(gp_pass_slot *slot, size_t index)
{
    gp_pass_run *p = slot->pass;
    const gp_pass_read *r = &slot->device->read[index];
    bool alone = slot->device->place[r->input].next == SIZE_MAX;
    void *theirs = alone && slot->slot != NULL && slot->slot->input != NULL ? slot->slot->input[r->input] : NULL;
    void *buffer = place_of_result(slot, r);
    if (buffer == NULL)
        buffer = gp_pass_staging(theirs, &slot->in_staging[index], p->chunk_elements + r->more, r->dtype);
    if (buffer == NULL) {
        gpuproc_error err;
        gp_fail(&err, GPUPROC_NO_MEMORY, "out of memory for staging");
        gp_pass_keep_error(p, &err);
        slot->failed = true;
        return false;
    }
    slot->pending++;
    const gp_walk *walk = r->walk;
    if (p->in_blocks) {
        gp_walk_box(walk, slot->block.lo, &slot->block.shape, &slot->block_walk[index]);
        walk = &slot->block_walk[index];
    }
    slot->read[index].read = (gp_read){.source = r->source, .walk = walk,
                                       .first = slot->first + r->from, .count = slot->count + r->more,
                                       .buffer = buffer, .done = read_done, .ctx = &slot->read[index]};
    gp_source_read(&slot->read[index].read);
    return true;
}

/* Whether the slot's device has the chunk's elements of input i since an earlier pass. */
static bool is_held(gp_pass_slot *slot, size_t i)
{
    gp_pass_run *p = slot->pass;
    const gp_device_api *api = slot->device->device->api;
    /* A device that has failed in this pass is not used. */
    if (!p->ask[i] || api->holds == NULL || slot->cpu_slot != NULL || slot->slot == NULL) return false;
    pthread_mutex_lock(p->run->device_lock);
    bool held = api->holds(slot->device->program, p->key[i], slot->first, slot->count);
    pthread_mutex_unlock(p->run->device_lock);
    return held;
}

/* Uses the read's bytes where they are. */
static bool look_at(gp_pass_slot *slot, size_t index)
{
    gp_pass_run *p = slot->pass;
    const gp_pass_read *r = &slot->device->read[index];
    uint64_t count = slot->count + r->more, bytes = count * gpuproc_dtype_bytes(r->dtype);
    bool in_place = slot->device->device->in_place || p->copies;
    if (!in_place || r->walk != NULL ||
        !gp_source_view(r->source, slot->first + r->from, count, &slot->view[index]))
        return false;
    slot->viewed[index] = true;
    gp_pass_trace_moved(slot, (gp_span){0}, 0, bytes);
    set_inputs(slot, r, slot->view[index].data);
    return true;
}

gp_step gp_pass_start_read(void *ctx, unsigned index, uint64_t chunk)
{
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    gp_pass_begin_chunk(slot, chunk);
    slot->pending = 0;
    slot->failed = false;
    slot->on_cpu = slot->for_cpu = false;
    gp_pass_trace_moving(slot, GPUPROC_STAGE_READ);
    for (size_t i = 0; i < p->pass->inputs; i++) {
        if (!p->pass->input[i].streamed) slot->input[i] = p->resident[i].data;
    }
    for (size_t r = 0; r < slot->device->reads; r++) {
        if (look_at(slot, r)) continue;
        const void *zeros = zeros_of(slot, &slot->device->read[r]);
        if (zeros != NULL) {
            set_inputs(slot, &slot->device->read[r], zeros);
            continue;
        }
        if (is_held(slot, slot->device->read[r].input)) {
            slot->input[slot->device->read[r].input] = NULL;
            continue;
        }
        if (!start_one(slot, r)) break;
    }
    if (slot->pending > 0) return GP_STEP_STARTED;
    gp_pass_trace_ended(slot);
    return slot->failed ? GP_STEP_FAILED : GP_STEP_DONE;
}

bool gp_pass_read_held(gp_pass_slot *slot)
{
    slot->pending = 0;
    slot->failed = false;
    gp_pass_trace_moving(slot, GPUPROC_STAGE_READ);
    slot->moving.flags = GPUPROC_SPAN_FALLBACK;
    for (size_t r = 0; r < slot->device->reads; r++) {
        if (slot->input[slot->device->read[r].input] == NULL && !start_one(slot, r)) break;
    }
    slot->for_cpu = slot->pending > 0;
    if (!slot->for_cpu) slot->pending = 1; /* the computation itself, still */
    return slot->for_cpu;
}

/* The product tells itself what was read and multiplied for it. */
static bool product_ended(gp_pass_slot *slot, const gp_pass_read *r, const gp_read *read)
{
    if (read->status != GPUPROC_OK) gp_pass_keep_error(slot->pass, &read->error);
    else set_inputs(slot, r, read->data);
    return read->status == GPUPROC_OK;
}

bool gp_pass_read_ended(gp_pass_slot *slot, gp_operation *op)
{
    const gp_pass_read *r = &slot->device->read[op->index];
    const gp_read *read = &op->read;
    if (reads_product(slot->pass, r)) return product_ended(slot, r, read);
    /* A walk may take fewer bytes from the file than it has elements, or more. */
    uint64_t bytes = r->walk != NULL && read->bytes > 0 ? read->bytes
                                                        : read->count * gpuproc_dtype_bytes(r->dtype);
    gp_pass_trace_moved(slot, (gp_span){read->begin_ns, read->end_ns}, bytes, 0);
    if (read->status != GPUPROC_OK) gp_pass_keep_error(slot->pass, &read->error);
    else set_inputs(slot, r, read->data);
    return read->status == GPUPROC_OK;
}

void gp_pass_unview(gp_pass_slot *slot)
{
    for (size_t r = 0; r < slot->device->reads; r++) {
        if (!slot->viewed[r]) continue;
        gp_source_unview(slot->device->read[r].source, &slot->view[r]);
        slot->viewed[r] = false;
    }
}
