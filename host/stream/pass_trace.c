/* The spans of a chunk: what its slot's stages tell the trace. */
#include "stream/run_pass.h"

#include "array/dtype.h"
#include "base/clock.h"

/* Nothing of a slot overlaps: the stages of a chunk follow one another. Device times, mapped to our clock,
 * may seem to by their error. */
static void keep(gp_pass_slot *slot, gp_trace_span *span)
{
    gp_run *run = slot->pass->run;
    span->begin_ns = gp_max_u64(span->begin_ns, slot->traced_ns);
    span->end_ns = gp_max_u64(span->end_ns, span->begin_ns);
    slot->traced_ns = span->end_ns;
    gp_trace_add(&run->trace, span);
}

static gp_trace_span span_of(const gp_pass_slot *slot, gpuproc_stage stage)
{
    const gp_pass_run *p = slot->pass;
    return (gp_trace_span){.stage = (uint8_t)stage, .pass = atomic_load(&p->run->counters.pass),
                           .chunk = slot->first / p->chunk_elements, .slot = (int16_t)slot->index,
                           .device = -1};
}

/* ---- Reads and writes ------------------------------------------------------ */

void gp_pass_trace_moving(gp_pass_slot *slot, gpuproc_stage stage)
{
    slot->moving = span_of(slot, stage);
    slot->moving.begin_ns = UINT64_MAX;
}

void gp_pass_trace_moved(gp_pass_slot *slot, gp_span when, uint64_t bytes, uint64_t bytes_in_place)
{
    gp_trace_span *span = &slot->moving;
    if (when.end_ns == 0) when.begin_ns = when.end_ns = gp_now_ns();
    span->begin_ns = gp_min_u64(span->begin_ns, when.begin_ns);
    span->end_ns = gp_max_u64(span->end_ns, when.end_ns);
    span->bytes += bytes + bytes_in_place;
    span->bytes_in_place += bytes_in_place;
}

void gp_pass_trace_ended(gp_pass_slot *slot)
{
    if (slot->moving.end_ns > 0) keep(slot, &slot->moving);
}

/* ---- Computing ------------------------------------------------------------- */

static void of_device(gp_pass_slot *slot, gpuproc_stage stage, gp_span when, uint64_t bytes, unsigned flags)
{
    const gp_run *run = slot->pass->run;
    const gp_chunk *chunk = &slot->compute.chunk;
    gp_trace_span span = span_of(slot, stage);
    if (when.end_ns == 0) return;
    span.begin_ns = when.begin_ns;
    span.end_ns = when.end_ns;
    span.bytes = bytes;
    span.error_ns = (uint32_t)gp_min_u64(chunk->clock_error_ns, UINT32_MAX);
    const gp_device *device = slot->on_cpu ? run->cpu : slot->device->device;
    span.device = gp_run_device_number(run, device);
    /* Where host and device share their memory, going up and down is a change of hands. */
    if (stage != GPUPROC_STAGE_KERNEL && device->info.unified_memory) span.bytes_in_place = bytes;
    span.flags = (uint8_t)(flags | (slot->on_cpu ? GPUPROC_SPAN_FALLBACK : 0));
    keep(slot, &span);
}

void gp_pass_trace_computed(gp_pass_slot *slot)
{
    const gp_pass_run *p = slot->pass;
    const gp_chunk *chunk = &slot->compute.chunk;
    uint64_t in = 0, held = 0, out = 0;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        uint64_t bytes = slot->count * gpuproc_dtype_bytes(p->pass->input[i].dtype);
        if (!p->pass->input[i].streamed) continue;
        if (slot->input[i] == NULL) held += bytes;
        else in += bytes;
    }
    for (size_t o = 0; o < p->work->outputs; o++)
        out += slot->count * gpuproc_dtype_bytes(p->work->output[o].dtype);
    of_device(slot, GPUPROC_STAGE_UPLOAD, chunk->upload, in, 0);
    of_device(slot, GPUPROC_STAGE_KERNEL, chunk->kernel, in + held + out, 0);
    of_device(slot, GPUPROC_STAGE_DOWNLOAD, chunk->download, out, 0);
}

void gp_pass_trace_failed(gp_pass_slot *slot)
{
    of_device(slot, GPUPROC_STAGE_KERNEL, (gp_span){slot->submitted_ns, gp_now_ns()}, 0, GPUPROC_SPAN_FAILED);
}

void gp_pass_trace_folded(gp_pass_slot *slot, gp_span when)
{
    const gp_pass_run *p = slot->pass;
    gp_trace_span span = span_of(slot, GPUPROC_STAGE_FOLD);
    for (size_t f = 0; f < p->folds; f++) {
        const gp_fold_spec *spec = &p->fold[f].plan->spec;
        for (int k = 0; p->fold[f].fed && k < spec->operands; k++)
            span.bytes += slot->count * gpuproc_dtype_bytes(spec->operand[k]);
    }
    span.begin_ns = when.begin_ns;
    span.end_ns = when.end_ns;
    keep(slot, &span);
}
