/* Which buffer each operand of a chunk has. */
#include "device/opencl/cl_device.h"

#include "base/memory.h"

/* Whether the device can use these bytes in place. A CPU device takes any pointer that C does;
 * others copy behind our back, or refuse, what is not aligned to their taste. */
static bool suits(const gp_cl_device *device, const void *from, size_t element_bytes)
{
    size_t align = device->caps.is_cpu ? element_bytes : device->address_align;
    return (uintptr_t)from % align == 0;
}

/* A buffer over the host's bytes, or, with *copied set, one that they must be copied to. */
static gpuproc_status make_buffer(const gp_cl_device *device, cl_mem_flags flags, const void *from,
                                  size_t bytes, size_t element_bytes, cl_mem *buffer, bool *copied,
                                  gpuproc_error *err)
{
    cl_int rc = CL_SUCCESS;
    *copied = false;
    *buffer = NULL;
    if (device->unified && suits(device, from, element_bytes)) {
        void *host = (void *)(uintptr_t)from; /* a read-only buffer does not write to it */
        *buffer = device->api->clCreateBuffer(device->context, flags | CL_MEM_USE_HOST_PTR, bytes,
                                              host, &rc);
    }
    if (*buffer == NULL) {
        *copied = true;
        *buffer = device->api->clCreateBuffer(device->context, flags, bytes, NULL, &rc);
    }
    if (*buffer == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer");
    return GPUPROC_OK;
}

/* A resident operand goes to the device once, and again where the caller shows other bytes. */
static gpuproc_status prepare_resident(gp_cl_slot *slot, gp_cl_operand *operand, const void *from,
                                       gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    const gp_cl_api *api = program->device->api;
    if (operand->resident != NULL && operand->resident_from == from) return GPUPROC_OK;
    if (operand->resident != NULL) {
        api->clReleaseMemObject(operand->resident); /* lives on for the kernels that use it */
        operand->resident = NULL;
    }
    size_t bytes = (size_t)operand->count * operand->element_bytes;
    bool copied = false;
    cl_mem buffer = NULL;
    gpuproc_status st = make_buffer(program->device, CL_MEM_READ_ONLY, from, bytes ? bytes : 1,
                                    operand->element_bytes, &buffer, &copied, err);
    if (st != GPUPROC_OK) return st;
    if (copied && bytes > 0) {
        /* Once per pass: waiting here keeps the caller's bytes out of every later question. */
        cl_int rc = api->clEnqueueWriteBuffer(program->up, buffer, CL_TRUE, 0, bytes, from, 0, NULL,
                                              NULL);
        if (rc != CL_SUCCESS) {
            api->clReleaseMemObject(buffer);
            return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueWriteBuffer");
        }
    }
    operand->resident = buffer;
    operand->resident_from = from;
    return GPUPROC_OK;
}

/* An input that another one of the chunk shows too has one buffer: overlapping ones over the same
 * bytes are not allowed. */
static bool is_repeated(const gp_device_program *program, const gp_chunk *chunk, size_t input)
{
    for (size_t i = 0; i < input; i++) {
        if (program->input[i].streamed && chunk->input[i] == chunk->input[input] &&
            program->input[i].element_bytes == program->input[input].element_bytes)
            return true;
    }
    return false;
}

/* An input that came without its bytes was kept; one that will be read again is, if it fits. */
static gpuproc_status prepare_kept(gp_cl_slot *slot, size_t input, const gp_chunk *chunk,
                                   gpuproc_error *err)
{
    const gp_device_program *program = slot->base.program;
    gp_cl_kept **kept = &slot->input[input].kept;
    if (chunk->input[input] == NULL) {
        if (chunk->key != NULL)
            *kept = gp_cl_kept_find(program->device, chunk->key[input], chunk->first, chunk->count);
        if (*kept == NULL)
            return gp_fail(err, GPUPROC_INTERNAL, "input %zu has no bytes and was not kept", input);
    } else if (chunk->keep != NULL && chunk->keep[input]) {
        *kept = gp_cl_kept_new(program->device, chunk->key[input], chunk->first, chunk->count,
                               program->input[input].element_bytes);
    }
    return GPUPROC_OK;
}

gpuproc_status gp_cl_buffers_prepare(gp_cl_slot *slot, const gp_chunk *chunk, gpuproc_error *err)
{
    gp_device_program *program = slot->base.program;
    gp_cl_device *device = program->device;
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < program->inputs; i++) {
        gp_cl_operand *o = &program->input[i];
        gp_cl_area *area = &slot->input[i];
        area->copied = o->streamed && chunk->input[i] != NULL;
        if (!o->streamed) {
            GP_TRY(prepare_resident(slot, o, chunk->input[i], err));
        } else if (!device->unified) {
            GP_TRY(prepare_kept(slot, i, chunk, err));
        } else {
            area->copied = false;
            if (is_repeated(program, chunk, i)) continue;
            GP_TRY(make_buffer(device, CL_MEM_READ_ONLY, chunk->input[i],
                               (size_t)chunk->count * o->element_bytes, o->element_bytes,
                               &area->buffer, &area->copied, err));
        }
    }
    for (size_t i = 0; i < program->outputs; i++) {
        gp_cl_area *area = &slot->output[i];
        size_t element = program->output[i].element_bytes;
        area->copied = true;
        if (!device->unified) continue;
        GP_TRY(make_buffer(device, CL_MEM_READ_WRITE, chunk->output[i],
                           (size_t)chunk->count * element, element, &area->buffer, &area->copied,
                           err));
    }
out:
    return st;
}
