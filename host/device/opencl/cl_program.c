#include "device/opencl/cl_device.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>

/* Work-groups per compute unit: enough to fill the device. Reductions pay for each
 * group with a partial that the host merges. */
#define GROUPS_CPU 4
#define GROUPS_MAP 32
#define GROUPS_REDUCE 16
/* A CPU's threads take runs of neighbouring groups, so a block per group keeps each thread's
 * memory together (up to three times as fast as striding). Not more of them: PoCL compiles once
 * more for grids beyond 16 bits. */
#define GROUPS_CPU_MAP 32768u

gpuproc_status gp_cl_device_context(gp_cl_device *device, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    cl_int rc = CL_SUCCESS;
    pthread_mutex_lock(&device->lock);
    if (device->context == NULL) {
        const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                    (cl_context_properties)device->platform, 0};
        device->context =
            device->api->clCreateContext(properties, 1, &device->id, NULL, NULL, &rc);
        if (device->context == NULL)
            st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clCreateContext");
    }
    pthread_mutex_unlock(&device->lock);
    return st;
}

static gpuproc_status copy_pass(gp_device_program *program, const gp_pass *pass,
                                gpuproc_error *err)
{
    program->inputs = pass->inputs;
    program->outputs = pass->outputs;
    program->reduces = pass->reduces;
    program->uniforms = pass->uniforms;
    program->input = gp_calloc(pass->inputs, sizeof *program->input);
    program->output = gp_calloc(pass->outputs, sizeof *program->output);
    program->reduce = gp_calloc(pass->reduces, sizeof *program->reduce);
    if (program->input == NULL || program->output == NULL || program->reduce == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    uint64_t largest = program->device->base.info.max_buffer_bytes;
    for (size_t i = 0; i < pass->inputs; i++) {
        gp_cl_operand *o = &program->input[i];
        o->element_bytes = gpuproc_dtype_bytes(pass->input[i].dtype);
        o->streamed = pass->input[i].streamed;
        o->count = pass->input[i].count;
        uint64_t bytes;
        if (!o->streamed && (!gp_mul_u64(o->count, o->element_bytes, &bytes) || bytes > largest)) {
            return gp_fail(err, GPUPROC_DEVICE_MEMORY,
                           "an operand of %llu elements that has to stay on the device is larger "
                           "than its largest buffer, %llu bytes",
                           (unsigned long long)o->count, (unsigned long long)largest);
        }
    }
    for (size_t i = 0; i < pass->outputs; i++) {
        program->output[i].element_bytes = gpuproc_dtype_bytes(pass->output[i].dtype);
        program->output[i].streamed = true;
    }
    for (size_t i = 0; i < pass->reduces; i++) {
        gp_reduce_kind kind = (gp_reduce_kind)pass->reduce[i].kind;
        program->reduce[i].bytes = gp_reduce_partial_bytes(kind, pass->reduce[i].operand);
        program->reduce[i].ordered = gp_reduce_ordered(kind, pass->reduce[i].operand);
    }
    return GPUPROC_OK;
}

static gpuproc_status make_queue(gp_device_program *program, cl_command_queue *queue,
                                 gpuproc_error *err)
{
    const gp_cl_device *device = program->device;
    cl_int rc = CL_SUCCESS;
    *queue = NULL;
    if (program->profiling) {
        *queue = device->api->clCreateCommandQueue(device->context, device->id,
                                                   CL_QUEUE_PROFILING_ENABLE, &rc);
        /* Without it the spans are coarser, nothing else. */
        if (*queue == NULL) program->profiling = false;
    }
    if (*queue == NULL)
        *queue = device->api->clCreateCommandQueue(device->context, device->id, 0, &rc);
    if (*queue == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clCreateCommandQueue");
    return GPUPROC_OK;
}

static gpuproc_status make_queues(gp_device_program *program, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    program->profiling = true;
    GP_TRY(make_queue(program, &program->compute, err));
    if (program->device->unified) {
        program->up = program->down = program->compute;
    } else {
        GP_TRY(make_queue(program, &program->up, err));
        GP_TRY(make_queue(program, &program->down, err));
    }
out:
    return st;
}

static size_t choose_groups(const gp_device_program *program)
{
    const gp_cl_device *device = program->device;
    size_t units = device->base.info.compute_units;
    if (device->caps.is_cpu) return units * GROUPS_CPU;
    return units * (program->reduces ? GROUPS_REDUCE : GROUPS_MAP);
}

size_t gp_cl_groups(const gp_device_program *program, uint64_t count)
{
    if (!program->device->caps.is_cpu || program->reduces > 0) return program->groups;
    uint64_t blocks = gp_ceil_div(count, GP_BLOCK);
    return (size_t)gp_min_u64(blocks, GROUPS_CPU_MAP);
}

gpuproc_status gp_cl_program_new(gp_device *base, const gp_pass *pass,
                                 gp_device_program **program, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cl_device *device = (gp_cl_device *)base;
    gp_cl_source source = {0};
    gp_device_program *p = NULL;
    uint64_t begin = gp_now_ns();
    /* first, count and a pointer per operand, the uniforms and the flags */
    size_t parameters = (4 + pass->inputs + pass->outputs + pass->reduces) * 8;

    if (base->info.note[0] != '\0')
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "%s", base->info.note);
    if (parameters > device->max_parameter_bytes)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                       "the kernel has %zu bytes of arguments, the device allows %zu", parameters,
                       device->max_parameter_bytes);
    p = gp_calloc(1, sizeof *p);
    if (p == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    p->device = device;
    atomic_store(&p->clock_offset, INT64_MAX);
    atomic_store(&p->clock_least, INT64_MIN);
    GP_TRY(copy_pass(p, pass, err));
    GP_TRY(gp_cl_source_make(pass, &device->caps, &source, err));
    snprintf(p->kernel, sizeof p->kernel, "%s", source.kernel);
    p->local = source.local_size;
    p->groups = choose_groups(p);
    GP_TRY(gp_cl_device_context(device, err));
    GP_TRY(make_queues(p, err));
    GP_TRY(gp_cl_program_build(p, &source, err));
    base->program_ns = gp_now_ns() - begin;
    base->program_cached = p->cached;
    *program = p;
    p = NULL;
out:
    gp_cl_source_free(&source);
    gp_cl_program_free(p);
    return st;
}

/* Asked twice: a call that failed once for a reason of its own says nothing about the work. */
static bool finish(const gp_cl_api *api, cl_command_queue queue)
{
    return api->clFinish(queue) == CL_SUCCESS || api->clFinish(queue) == CL_SUCCESS;
}

bool gp_cl_program_drain(gp_device_program *program)
{
    const gp_cl_api *api = program->device->api;
    bool ok = finish(api, program->up);
    if (program->compute != program->up) {
        ok = finish(api, program->compute) && ok;
        ok = finish(api, program->down) && ok;
    }
    return ok;
}

void gp_cl_program_free(gp_device_program *program)
{
    if (program == NULL) return;
    const gp_cl_api *api = program->device->api;
    gp_cl_program_keep(program);
    for (size_t i = 0; program->input != NULL && i < program->inputs; i++) {
        if (program->input[i].resident != NULL) api->clReleaseMemObject(program->input[i].resident);
    }
    if (program->program != NULL) api->clReleaseProgram(program->program);
    if (program->down != NULL && program->down != program->compute)
        api->clReleaseCommandQueue(program->down);
    if (program->up != NULL && program->up != program->compute)
        api->clReleaseCommandQueue(program->up);
    if (program->compute != NULL) api->clReleaseCommandQueue(program->compute);
    free(program->reduce);
    free(program->output);
    free(program->input);
    free(program);
}
