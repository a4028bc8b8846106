/* The buffers of one chunk under way. */
#include "device/opencl/cl_device.h"

#include "base/memory.h"

#include <string.h>

#define PAGE 4096u

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/* ---- Host memory ---- */

gpuproc_status gp_cl_host_new(const gp_cl_device *device, cl_command_queue queue, size_t bytes,
                              gp_cl_host *host, gpuproc_error *err)
{
    cl_int rc = CL_SUCCESS;
    host->bytes = bytes;
    if (device->unified) {
        host->pages = gp_pages_alloc(bytes);
        if (host->pages == NULL)
            return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory: %zu bytes of staging", bytes);
        host->data = host->pages;
    } else {
        /* Only memory that came from the driver is surely pinned, which is what lets transfers
         * run beside everything else. One page more, to align what the driver returns. */
        host->pinned = device->api->clCreateBuffer(
            device->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes + PAGE, NULL, &rc);
        if (host->pinned == NULL)
            return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer for staging");
        host->mapped = device->api->clEnqueueMapBuffer(queue, host->pinned, CL_TRUE,
                                                       CL_MAP_READ | CL_MAP_WRITE, 0, bytes + PAGE,
                                                       0, NULL, NULL, &rc);
        if (host->mapped == NULL || rc != CL_SUCCESS)
            return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clEnqueueMapBuffer for staging");
        uintptr_t address = (uintptr_t)host->mapped;
        host->data = (char *)host->mapped + (round_up(address, PAGE) - address);
    }
    /* Touched now, while nobody waits for it. */
    memset(host->data, 0, bytes);
    return GPUPROC_OK;
}

void gp_cl_host_free(const gp_cl_device *device, cl_command_queue queue, gp_cl_host *host)
{
    const gp_cl_api *api = device->api;
    if (host->mapped != NULL)
        api->clEnqueueUnmapMemObject(queue, host->pinned, host->mapped, 0, NULL, NULL);
    if (host->pinned != NULL) api->clReleaseMemObject(host->pinned);
    gp_pages_free(host->pages, host->bytes);
    *host = (gp_cl_host){0};
}

/* ---- Sizes ---- */

/* Bytes of one streamed operand; 1 at least, since there are no empty buffers. */
static bool operand_bytes(const gp_cl_operand *operand, uint64_t max_count, uint64_t *bytes)
{
    uint64_t count = operand->streamed ? max_count : operand->count;
    if (!gp_mul_u64(count, operand->element_bytes, bytes)) return false;
    if (*bytes == 0) *bytes = 1;
    return true;
}

static bool staging_bytes(const gp_cl_operand *operand, uint64_t max_count, uint64_t *bytes)
{
    return operand_bytes(operand, max_count, bytes) &&
           gp_add_u64(*bytes, GP_STAGING_SLACK, bytes) && *bytes <= SIZE_MAX / 2;
}

/* Where each view of the result buffer begins (offset may be NULL); the whole size in *bytes. */
static bool result_layout(const gp_device_program *program, uint64_t max_count, size_t *offset,
                          uint64_t *bytes)
{
    uint64_t align = program->device->address_align;
    uint64_t end = sizeof(cl_uint);
    if (offset != NULL) offset[0] = 0;
    for (size_t i = 0; i < program->reduces; i++) {
        const gp_cl_partials *r = &program->reduce[i];
        uint64_t count = r->ordered ? gp_ceil_div(max_count, GP_BLOCK) : program->groups;
        uint64_t size, begin;
        if (!gp_add_u64(end, align - 1, &begin)) return false;
        begin = begin / align * align;
        if (offset != NULL) offset[i + 1] = begin;
        if (!gp_mul_u64(count ? count : 1, r->bytes, &size) || !gp_add_u64(begin, size, &end))
            return false;
    }
    *bytes = end;
    return end <= SIZE_MAX / 2;
}

static void add_bytes(uint64_t *sum, bool known, uint64_t bytes)
{
    if (!known || !gp_add_u64(*sum, bytes, sum)) *sum = UINT64_MAX;
}

void gp_cl_slot_bytes(const gp_device_program *program, uint64_t max_count, uint64_t *host,
                      uint64_t *device)
{
    uint64_t h = 0, d = 0, bytes = 0;
    for (size_t i = 0; i < program->inputs + program->outputs; i++) {
        const gp_cl_operand *o =
            i < program->inputs ? &program->input[i] : &program->output[i - program->inputs];
        if (o->streamed) {
            bool known = staging_bytes(o, max_count, &bytes);
            add_bytes(&h, known, bytes);
        }
        /* A resident operand is shared by the slots; counting it in each errs on the safe side.
         * A CPU device has nothing but the host's bytes; another unified one may need copies. */
        if (!program->device->unified || !program->device->caps.is_cpu) {
            bool known = operand_bytes(o, max_count, &bytes);
            add_bytes(&d, known, bytes);
        }
    }
    bool known = result_layout(program, max_count, NULL, &bytes);
    add_bytes(&h, known, bytes);
    add_bytes(&d, known, bytes);
    *host = h;
    *device = d;
}

/* ---- Making ---- */

static gpuproc_status make_buffer(const gp_device_program *program, cl_mem_flags flags,
                                  uint64_t bytes, cl_mem *buffer, gpuproc_error *err)
{
    const gp_cl_device *device = program->device;
    cl_int rc = CL_SUCCESS;
    if (bytes > device->base.info.max_buffer_bytes)
        return gp_fail(err, GPUPROC_DEVICE_MEMORY,
                       "a buffer of %llu bytes is larger than the device's largest, %llu",
                       (unsigned long long)bytes,
                       (unsigned long long)device->base.info.max_buffer_bytes);
    *buffer = device->api->clCreateBuffer(device->context, flags, (size_t)bytes, NULL, &rc);
    if (*buffer == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer");
    return GPUPROC_OK;
}

static gpuproc_status make_area(gp_cl_slot *slot, const gp_cl_operand *operand, bool want,
                                cl_mem_flags flags, gp_cl_area *area, void **staging,
                                gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    gpuproc_status st = GPUPROC_OK;
    uint64_t bytes = 0, host = 0;
    bool unified = program->device->unified;
    if (!operand_bytes(operand, slot->max_count, &bytes) ||
        !staging_bytes(operand, slot->max_count, &host))
        return gp_fail(err, GPUPROC_DEVICE_MEMORY, "a chunk of %llu elements is too large",
                       (unsigned long long)slot->max_count);
    if (bytes > program->device->base.info.max_buffer_bytes)
        return gp_fail(err, GPUPROC_DEVICE_MEMORY,
                       "a chunk of %llu bytes is larger than the device's largest buffer, %llu",
                       (unsigned long long)bytes,
                       (unsigned long long)program->device->base.info.max_buffer_bytes);
    if (want || (operand->streamed && !unified)) {
        GP_TRY(gp_cl_host_new(program->device, program->up, (size_t)host, &area->staging, err));
        *staging = area->staging.data;
    }
    if (operand->streamed && !unified)
        GP_TRY(make_buffer(program, flags, bytes, &area->buffer, err));
out:
    return st;
}

static gpuproc_status make_areas(gp_cl_slot *slot, const bool *want_input, const bool *want_output,
                                 gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < program->inputs; i++) {
        GP_TRY(make_area(slot, &program->input[i], want_input != NULL && want_input[i],
                         CL_MEM_READ_ONLY, &slot->input[i], &slot->base.input[i], err));
    }
    for (size_t i = 0; i < program->outputs; i++) {
        /* Read-write: a kernel may well read back what it wrote. */
        GP_TRY(make_area(slot, &program->output[i], want_output != NULL && want_output[i],
                         CL_MEM_READ_WRITE, &slot->output[i], &slot->base.output[i], err));
    }
out:
    return st;
}

static gpuproc_status make_results(gp_cl_slot *slot, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    const gp_cl_api *api = program->device->api;
    gpuproc_status st = GPUPROC_OK;
    cl_int rc = CL_SUCCESS;
    uint64_t bytes = 0;
    if (!result_layout(program, slot->max_count, slot->offset, &bytes))
        return gp_fail(err, GPUPROC_DEVICE_MEMORY, "a chunk of %llu elements is too large",
                       (unsigned long long)slot->max_count);
    slot->result_bytes = (size_t)bytes;
    GP_TRY(make_buffer(program, CL_MEM_READ_WRITE, bytes, &slot->result, err));
    for (size_t i = 0; i < slot->views; i++) {
        size_t end = i + 1 < slot->views ? slot->offset[i + 1] : slot->result_bytes;
        cl_buffer_region region = {slot->offset[i], end - slot->offset[i]};
        slot->view[i] = api->clCreateSubBuffer(slot->result, CL_MEM_READ_WRITE,
                                               CL_BUFFER_CREATE_TYPE_REGION, &region, &rc);
        if (slot->view[i] == NULL) {
            st = gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateSubBuffer");
            goto out;
        }
    }
    size_t zero_at = round_up(slot->result_bytes, GP_CL_ZERO_BYTES);
    size_t uniform_at = zero_at + GP_CL_ZERO_BYTES;
    GP_TRY(gp_cl_host_new(program->device, program->up,
                          uniform_at + program->uniforms * sizeof(uint64_t), &slot->host, err));
    slot->uniform_host = (uint64_t *)(void *)((char *)slot->host.data + uniform_at);
    if (program->uniforms > 0)
        GP_TRY(make_buffer(program, CL_MEM_READ_ONLY, program->uniforms * sizeof(uint64_t),
                           &slot->uniform, err));
    for (size_t i = 0; i < program->reduces; i++) {
        slot->base.partial[i] = (char *)slot->host.data + slot->offset[i + 1];
    }
    slot->base.partials = program->groups;
    slot->flags_dirty = true;
out:
    return st;
}

static gpuproc_status make_kernel(gp_cl_slot *slot, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    cl_int rc = CL_SUCCESS;
    /* One per slot, so that its arguments are this slot's business alone. */
    slot->kernel =
        program->device->api->clCreateKernel(program->program, program->kernel, &rc);
    if (slot->kernel == NULL)
        return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clCreateKernel");
    return GPUPROC_OK;
}

gpuproc_status gp_cl_slot_new(gp_device_program *program, uint64_t max_count,
                              const bool *want_input, const bool *want_output, gp_slot **slot,
                              gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cl_slot *s = gp_calloc(1, sizeof *s);
    if (s == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    s->base.program = program;
    s->max_count = max_count;
    s->views = program->reduces + 1;
    /* Uploads: inputs, uniforms, the flags' zero. Then the kernel, outputs and the results. */
    s->event_capacity = program->inputs + program->outputs + 4;
    s->input = gp_calloc(program->inputs, sizeof *s->input);
    s->output = gp_calloc(program->outputs, sizeof *s->output);
    s->base.input = gp_calloc(program->inputs, sizeof *s->base.input);
    s->base.output = gp_calloc(program->outputs, sizeof *s->base.output);
    s->base.partial = gp_calloc(program->reduces, sizeof *s->base.partial);
    s->view = gp_calloc(s->views, sizeof(cl_mem));
    s->offset = gp_calloc(s->views, sizeof *s->offset);
    s->event = gp_calloc(s->event_capacity, sizeof(cl_event));
    if (s->input == NULL || s->output == NULL || s->base.input == NULL || s->base.output == NULL ||
        s->base.partial == NULL || s->view == NULL || s->offset == NULL || s->event == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
        goto out;
    }
    GP_TRY(make_kernel(s, err));
    GP_TRY(make_areas(s, want_input, want_output, err));
    GP_TRY(make_results(s, err));
    *slot = &s->base;
    s = NULL;
out:
    if (s != NULL) gp_cl_slot_free(&s->base);
    return st;
}

/* ---- Freeing ---- */

void gp_cl_slot_reap(gp_cl_slot *slot)
{
    gp_device_program *program = slot->base.program;
    const gp_cl_api *api = program->device->api;
    for (size_t i = 0; slot->event != NULL && i < slot->events; i++) {
        if (slot->event[i] != NULL) api->clReleaseEvent(slot->event[i]);
        slot->event[i] = NULL;
    }
    slot->events = 0;
    for (size_t i = 0; slot->input != NULL && i < program->inputs; i++) {
        gp_cl_kept **kept = &slot->input[i].kept;
        if (*kept != NULL && !atomic_load(&(*kept)->whole)) gp_cl_kept_drop(program->device, *kept);
        *kept = NULL;
    }
    if (!program->device->unified) return;
    for (size_t i = 0; slot->output != NULL && i < program->outputs; i++) {
        gp_cl_area *area = &slot->output[i];
        if (area->mapped != NULL)
            api->clEnqueueUnmapMemObject(program->compute, area->buffer, area->mapped, 0, NULL,
                                         NULL);
        if (area->buffer != NULL) api->clReleaseMemObject(area->buffer);
        area->mapped = NULL;
        area->buffer = NULL;
    }
    for (size_t i = 0; slot->input != NULL && i < program->inputs; i++) {
        if (slot->input[i].buffer != NULL) api->clReleaseMemObject(slot->input[i].buffer);
        slot->input[i].buffer = NULL;
    }
}

static void area_free(gp_device_program *program, gp_cl_area *area)
{
    if (area->buffer != NULL) program->device->api->clReleaseMemObject(area->buffer);
    gp_cl_host_free(program->device, program->up, &area->staging);
}

static void release_buffers(gp_cl_slot *slot)
{
    gp_device_program *program = slot->base.program;
    const gp_cl_api *api = program->device->api;
    for (size_t i = 0; slot->view != NULL && i < slot->views; i++) {
        if (slot->view[i] != NULL) api->clReleaseMemObject(slot->view[i]);
    }
    if (slot->result != NULL) api->clReleaseMemObject(slot->result);
    if (slot->uniform != NULL) api->clReleaseMemObject(slot->uniform);
    gp_cl_host_free(program->device, program->up, &slot->host);
    for (size_t i = 0; slot->output != NULL && i < program->outputs; i++) {
        area_free(program, &slot->output[i]);
    }
    for (size_t i = 0; slot->input != NULL && i < program->inputs; i++) {
        area_free(program, &slot->input[i]);
    }
}

void gp_cl_slot_free_memory(gp_cl_slot *slot)
{
    free(slot->event);
    free(slot->offset);
    free(slot->view);
    free(slot->base.partial);
    free(slot->base.output);
    free(slot->base.input);
    free(slot->output);
    free(slot->input);
    free(slot);
}

void gp_cl_slot_free(gp_slot *base)
{
    if (base == NULL) return;
    gp_cl_slot *slot = (gp_cl_slot *)base;
    gp_device_program *program = base->program;
    if (!slot->lost) {
        gp_cl_slot_reap(slot);
        /* The unmapping has to be over before our pages go. */
        if (program->device->unified && !gp_cl_program_drain(program)) slot->lost = true;
    }
    /* Memory that a device may still be writing to stays where it is: a leak is the smaller harm. */
    if (!slot->lost) release_buffers(slot);
    if (!slot->lost && slot->kernel != NULL)
        program->device->api->clReleaseKernel(slot->kernel);
    if (slot->callback_due && !atomic_exchange(&slot->left, true)) return;
    gp_cl_slot_free_memory(slot);
}
