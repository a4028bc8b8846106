/* How a submission ends: well, failed, or half-way. */
#include "device/opencl/cl_device.h"

#include "base/clock.h"
#include "base/memory.h"

#include <string.h>
#include <time.h>

/* What a device that answers no question gets before its memory is given up. */
#define GRACE_NS 250000000

static uint64_t profile(const gp_cl_api *api, cl_event event, cl_profiling_info what)
{
    cl_ulong ns = 0;
    if (api->clGetEventProfilingInfo(event, what, sizeof ns, &ns, NULL) != CL_SUCCESS) return 0;
    return ns;
}

/* The device's clock and ours differ by an unknown amount. A command that has just ended ended
 * before now, so now - end is never less than the difference; the least one seen is the best. In the same way
 * nothing began before it was submitted: the greatest submitted - begin bounds the difference from below, and
 * what is between the two is the error. (Clocks that run at different speeds are not seen.) */
static int64_t clock_offset(gp_device_program *program, uint64_t device_end, uint64_t now)
{
    int64_t seen = (int64_t)(now - device_end);
    int64_t best = atomic_load(&program->clock_offset);
    while (seen < best && !atomic_compare_exchange_weak(&program->clock_offset, &best, seen)) {
    }
    return seen < best ? seen : best;
}

static uint64_t clock_error(gp_device_program *program, uint64_t device_begin, uint64_t submitted, int64_t offset)
{
    int64_t seen = (int64_t)(submitted - device_begin);
    int64_t least = atomic_load(&program->clock_least);
    while (device_begin != 0 && seen > least && seen <= offset &&
           !atomic_compare_exchange_weak(&program->clock_least, &least, seen)) {
    }
    if (device_begin != 0 && seen > least && seen <= offset) least = seen;
    return least == INT64_MIN ? UINT64_MAX : (uint64_t)(offset - least);
}

static uint64_t host_time(const gp_cl_slot *slot, uint64_t device_ns, int64_t offset, uint64_t now)
{
    uint64_t t = device_ns + (uint64_t)offset;
    /* Drivers were seen to report nonsense: nothing can be outside of this. */
    if ((int64_t)(t - slot->submitted_ns) < 0) return slot->submitted_ns;
    return (int64_t)(now - t) < 0 ? now : t;
}

static gp_span span(const gp_cl_slot *slot, size_t first, size_t end, int64_t offset, uint64_t now)
{
    const gp_cl_api *api = slot->base.program->device->api;
    if (first == end) return (gp_span){0};
    uint64_t a = profile(api, slot->event[first], CL_PROFILING_COMMAND_START);
    uint64_t b = profile(api, slot->event[end - 1], CL_PROFILING_COMMAND_END);
    if (a == 0 || b < a) return (gp_span){0};
    return (gp_span){host_time(slot, a, offset, now), host_time(slot, b, offset, now)};
}

static void fill_spans(gp_cl_slot *slot, gp_chunk *chunk)
{
    gp_device_program *program = slot->base.program;
    uint64_t now = gp_now_ns(), end = 0;
    if (program->profiling) {
        end = profile(program->device->api, slot->event[slot->events - 1],
                      CL_PROFILING_COMMAND_END);
    }
    if (end == 0) { /* no times from the device: all of it, under the kernel's name */
        chunk->kernel = (gp_span){slot->submitted_ns, now};
        return;
    }
    int64_t offset = clock_offset(program, end, now);
    size_t k = slot->kernel_event;
    chunk->clock_error_ns =
        clock_error(program, profile(program->device->api, slot->event[0], CL_PROFILING_COMMAND_START),
                    slot->submitted_ns, offset);
    chunk->upload = span(slot, 0, k, offset, now);
    chunk->kernel = span(slot, k, k + 1, offset, now);
    chunk->download = span(slot, k + 1, slot->events, offset, now);
}

/* The worst state of the chunk's commands. An in-order queue need not pass a failure on to what
 * comes after, so each is asked. */
static cl_int worst_state(const gp_cl_slot *slot)
{
    const gp_cl_api *api = slot->base.program->device->api;
    for (size_t i = 0; i < slot->events; i++) {
        cl_int state = CL_COMPLETE;
        cl_int rc = api->clGetEventInfo(slot->event[i], CL_EVENT_COMMAND_EXECUTION_STATUS,
                                        sizeof state, &state, NULL);
        if (rc != CL_SUCCESS) return rc;
        if (state < 0) return state;
    }
    return CL_COMPLETE;
}

/* Everything is over: tells the stream. Nothing of the slot may be touched afterwards. */
static void complete(gp_cl_slot *slot, cl_int state)
{
    gp_chunk *chunk = slot->chunk;
    if (state == CL_COMPLETE) state = worst_state(slot);
    slot->flags_dirty = true;
    if (state < 0) {
        slot->uniform_sent = false;
        chunk->status = gp_cl_fail(&chunk->error, GPUPROC_DEVICE_FAILED, state,
                                   "a command ended with an error");
    } else {
        cl_uint flags;
        memcpy(&flags, slot->host.data, sizeof flags);
        chunk->flags = flags;
        slot->flags_dirty = flags != 0;
        slot->uniform_sent = true;
        for (size_t i = 0; i < slot->base.program->inputs; i++) {
            if (slot->input[i].kept != NULL) atomic_store(&slot->input[i].kept->whole, true);
        }
        fill_spans(slot, chunk);
        atomic_store(&slot->base.program->ran, true);
    }
    slot->chunk = NULL;
    chunk->done(chunk);
}

static void CL_CALLBACK on_complete(cl_event event, cl_int state, void *data)
{
    gp_cl_slot *slot = data;
    (void)event; /* released by the reaper: not all drivers bear it in here */
    if (!atomic_exchange(&slot->ended, true))
        complete(slot, state < 0 ? state : CL_COMPLETE);
    else if (atomic_exchange(&slot->left, true))
        gp_cl_slot_free_memory(slot); /* came late, and the slot was given up before */
}

static bool wait_for_events(const gp_cl_slot *slot)
{
    const gp_cl_api *api = slot->base.program->device->api;
    for (size_t i = 0; i < slot->events; i++) {
        cl_int rc = CL_SUCCESS;
        for (int attempt = 0; attempt < 2; attempt++) {
            rc = api->clWaitForEvents(1, &slot->event[i]);
            /* The command failed, so it is over as well. */
            if (rc == CL_SUCCESS || rc == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST) break;
        }
        if (rc != CL_SUCCESS && rc != CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST) return false;
    }
    return true;
}

/* The commands may be running and cannot be waited for: gives them a moment. True: the callback
 * came. False: it will find the chunk ended, and the memory is never used or freed again. */
static bool grace(gp_cl_slot *slot)
{
    struct timespec moment = {0, GRACE_NS};
    nanosleep(&moment, NULL);
    if (atomic_exchange(&slot->ended, true)) return true;
    slot->lost = true;
    slot->callback_due = slot->armed;
    atomic_store(&slot->base.program->lost, true);
    return false;
}

gpuproc_status gp_cl_finish_arm(gp_cl_slot *slot, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    const gp_cl_api *api = program->device->api;
    cl_int rc = api->clSetEventCallback(slot->event[slot->events - 1], CL_COMPLETE, on_complete,
                                        slot);
    slot->armed = rc == CL_SUCCESS;
    if (!slot->armed) {
        /* No callback: wait in place. Slow, but the chunk is computed. */
        if (!wait_for_events(slot) && !gp_cl_program_drain(program))
            return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clSetEventCallback");
        complete(slot, CL_COMPLETE);
        return GPUPROC_OK;
    }
    /* Only now: a driver that runs commands while it flushes may forget callbacks that come
     * later. A wait flushes too. Where neither works the callback may come or not; whichever of
     * the two is first ends the chunk. */
    rc = api->clFlush(program->down);
    if (rc == CL_SUCCESS || gp_cl_program_drain(program)) return GPUPROC_OK;
    if (!grace(slot)) complete(slot, rc);
    return GPUPROC_OK;
}

void gp_cl_finish_abandon(gp_cl_slot *slot)
{
    slot->flags_dirty = true;
    slot->uniform_sent = false;
    if (slot->events == 0) return;
    if (!gp_cl_program_drain(slot->base.program) && !wait_for_events(slot)) (void)grace(slot);
}
