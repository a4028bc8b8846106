/* One chunk onto the queues: uploads, the kernel, downloads. */
#include "device/opencl/cl_device.h"

#include "base/clock.h"
#include "base/memory.h"

#include <string.h>

/* Set again for each chunk: a handful of calls that cost less than knowing what changed. */
static gpuproc_status set_args(gp_cl_slot *slot, const gp_chunk *chunk, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    const gp_cl_api *api = program->device->api;
    cl_uint index = 0;
    cl_ulong first = chunk->first, count = chunk->count;
    cl_int rc = api->clSetKernelArg(slot->kernel, index++, sizeof first, &first);
    if (rc == CL_SUCCESS) rc = api->clSetKernelArg(slot->kernel, index++, sizeof count, &count);
    for (size_t i = 0; rc == CL_SUCCESS && i < program->inputs; i++) {
        cl_mem *buffer = !program->input[i].streamed ? &program->input[i].resident
                         : slot->input[i].kept       ? &slot->input[i].kept->buffer
                                                     : &slot->input[i].buffer;
        /* NULL: a repeated one, whose buffer is that of the first with the same bytes. */
        for (size_t j = 0; *buffer == NULL && j < i; j++) {
            if (program->input[j].streamed && chunk->input[j] == chunk->input[i] &&
                program->input[j].element_bytes == program->input[i].element_bytes)
                buffer = &slot->input[j].buffer;
        }
        rc = api->clSetKernelArg(slot->kernel, index++, sizeof(cl_mem), buffer);
    }
    for (size_t i = 0; rc == CL_SUCCESS && i < program->outputs; i++) {
        rc = api->clSetKernelArg(slot->kernel, index++, sizeof(cl_mem), &slot->output[i].buffer);
    }
    if (rc == CL_SUCCESS && program->uniforms > 0)
        rc = api->clSetKernelArg(slot->kernel, index++, sizeof(cl_mem), &slot->uniform);
    for (size_t i = 0; rc == CL_SUCCESS && i < slot->views; i++) {
        rc = api->clSetKernelArg(slot->kernel, index++, sizeof(cl_mem), &slot->view[i]);
    }
    if (rc != CL_SUCCESS) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clSetKernelArg");
    return GPUPROC_OK;
}

static gpuproc_status enqueue_write(gp_cl_slot *slot, cl_mem buffer, const void *from, size_t bytes,
                            gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    cl_int rc = program->device->api->clEnqueueWriteBuffer(program->up, buffer, CL_FALSE, 0, bytes,
                                                           from, 0, NULL,
                                                           &slot->event[slot->events]);
    if (rc != CL_SUCCESS)
        return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueWriteBuffer");
    slot->events++;
    return GPUPROC_OK;
}

/* A command that another queue waits for has to be flushed first. */
static gpuproc_status flush(const gp_device_program *program, cl_command_queue queue,
                            gpuproc_error *err)
{
    cl_int rc = program->device->api->clFlush(queue);
    if (rc != CL_SUCCESS) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clFlush");
    return GPUPROC_OK;
}

static gpuproc_status upload(gp_cl_slot *slot, const gp_chunk *chunk, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    gpuproc_status st = GPUPROC_OK;
    size_t uniform_bytes = program->uniforms * sizeof(uint64_t);
    for (size_t i = 0; i < program->inputs; i++) {
        gp_cl_area *area = &slot->input[i];
        size_t bytes = (size_t)chunk->count * program->input[i].element_bytes;
        if (!area->copied || chunk->count == 0) continue;
        if (area->kept != NULL) {
            if (enqueue_write(slot, area->kept->buffer, chunk->input[i], bytes, NULL) == GPUPROC_OK)
                continue;
            /* Drivers find out only now that there is no room: then it is not kept. */
            gp_cl_kept_drop(program->device, area->kept);
            area->kept = NULL;
        }
        GP_TRY(enqueue_write(slot, area->buffer, chunk->input[i], bytes, err));
    }
    /* What does not change stays where it is: uniforms hold for a pass, flags are rare. */
    if (uniform_bytes > 0 && (!slot->uniform_sent ||
                              memcmp(slot->uniform_host, chunk->uniform, uniform_bytes) != 0)) {
        memcpy(slot->uniform_host, chunk->uniform, uniform_bytes);
        slot->uniform_sent = false;
        GP_TRY(enqueue_write(slot, slot->uniform, slot->uniform_host, uniform_bytes, err));
    }
    if (slot->flags_dirty) {
        const char *zero = (const char *)slot->uniform_host - GP_CL_ZERO_BYTES;
        GP_TRY(enqueue_write(slot, slot->view[0], zero, sizeof(cl_uint), err));
    }
    if (slot->events > 0 && program->up != program->compute)
        GP_TRY(flush(program, program->up, err));
out:
    return st;
}

static gpuproc_status launch(gp_cl_slot *slot, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    size_t global = gp_cl_groups(program, slot->chunk->count) * program->local;
    size_t local = program->local;
    size_t waits = slot->events;
    cl_int rc = program->device->api->clEnqueueNDRangeKernel(
        program->compute, slot->kernel, 1, NULL, &global, &local, (cl_uint)waits,
        waits ? slot->event : NULL, &slot->event[waits]);
    if (rc != CL_SUCCESS)
        return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueNDRangeKernel");
    slot->kernel_event = slot->events++;
    return flush(program, program->compute, err);
}

/* Every command waits for the kernel itself, so that its failure becomes theirs. */
static gpuproc_status download(gp_cl_slot *slot, const gp_chunk *chunk, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    const gp_cl_api *api = program->device->api;
    const cl_event *kernel = &slot->event[slot->kernel_event];
    for (size_t i = 0; i < program->outputs; i++) {
        gp_cl_area *area = &slot->output[i];
        size_t bytes = (size_t)chunk->count * program->output[i].element_bytes;
        cl_int rc = CL_SUCCESS;
        cl_event *event = &slot->event[slot->events];
        if (area->copied) {
            rc = api->clEnqueueReadBuffer(program->down, area->buffer, CL_FALSE, 0, bytes,
                                          chunk->output[i], 1, kernel, event);
        } else {
            /* Mapped until the slot is reaped: as long as the host may read the bytes. */
            area->mapped = api->clEnqueueMapBuffer(program->down, area->buffer, CL_FALSE,
                                                   CL_MAP_READ, 0, bytes, 1, kernel, event, &rc);
        }
        if (rc != CL_SUCCESS)
            return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc,
                              area->copied ? "clEnqueueReadBuffer" : "clEnqueueMapBuffer");
        slot->events++;
    }
    cl_int rc = api->clEnqueueReadBuffer(program->down, slot->result, CL_FALSE, 0,
                                         slot->result_bytes, slot->host.data, 1, kernel,
                                         &slot->event[slot->events]);
    if (rc != CL_SUCCESS)
        return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueReadBuffer");
    slot->events++;
    return GPUPROC_OK;
}

gpuproc_status gp_cl_submit(gp_slot *base, gp_chunk *chunk, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cl_slot *slot = (gp_cl_slot *)base;
    if (base->program->lost)
        return gp_fail(err, GPUPROC_DEVICE_FAILED, "the device stopped answering");
    if (chunk->count == 0 || chunk->count > slot->max_count)
        return gp_fail(err, GPUPROC_INTERNAL, "a chunk of %llu elements on a slot for 1 to %llu",
                       (unsigned long long)chunk->count, (unsigned long long)slot->max_count);
    gp_cl_slot_reap(slot);
    chunk->status = GPUPROC_OK;
    chunk->flags = 0;
    chunk->upload = chunk->kernel = chunk->download = (gp_span){0};
    slot->chunk = chunk;
    slot->armed = false;
    atomic_store(&slot->ended, false);
    slot->submitted_ns = gp_now_ns();
    GP_TRY(gp_cl_buffers_prepare(slot, chunk, err));
    GP_TRY(upload(slot, chunk, err));
    GP_TRY(set_args(slot, chunk, err));
    GP_TRY(launch(slot, err));
    GP_TRY(download(slot, chunk, err));
    GP_TRY(gp_cl_finish_arm(slot, err));
    return GPUPROC_OK;
out:
    gp_cl_finish_abandon(slot);
    return st;
}
