#include "clrun.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GUARD 4096
#define MAX_BUFFERS 128

bool clrun_open(clrun *run)
{
    cl_platform_id platform[8];
    cl_uint platforms = 0;
    *run = (clrun){0};
    if (clGetPlatformIDs(8, platform, &platforms) != CL_SUCCESS) return false;
    if (platforms > 8) platforms = 8;
    for (cl_uint p = 0; p < platforms && run->device == NULL; p++)
        if (clGetDeviceIDs(platform[p], CL_DEVICE_TYPE_ALL, 1, &run->device, NULL) != CL_SUCCESS)
            run->device = NULL;
    if (run->device == NULL) return false;

    cl_device_fp_config f4 = 0, f8 = 0;
    cl_device_type type = 0;
    clGetDeviceInfo(run->device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof f4, &f4, NULL);
    clGetDeviceInfo(run->device, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof f8, &f8, NULL);
    clGetDeviceInfo(run->device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    run->caps = (gp_cl_caps){.fp64 = f8 != 0,
                             .correctly_rounded_divide_sqrt =
                                 (f4 & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0,
                             .denormals_f32 = (f4 & CL_FP_DENORM) != 0,
                             .is_cpu = (type & CL_DEVICE_TYPE_CPU) != 0};
    run->context = clCreateContext(NULL, 1, &run->device, NULL, NULL, NULL);
    if (run->context != NULL) run->queue = clCreateCommandQueue(run->context, run->device, 0, NULL);
    if (run->queue == NULL) {
        clrun_close(run);
        return false;
    }
    return true;
}

void clrun_close(clrun *run)
{
    if (run->queue != NULL) clReleaseCommandQueue(run->queue);
    if (run->context != NULL) clReleaseContext(run->context);
    *run = (clrun){0};
}

typedef struct guarded {
    cl_mem whole, part;
    size_t bytes;
    void *back; /* where to copy it to afterwards, or NULL */
} guarded;

/* `data` (or a pattern) between two guard zones. */
static void guarded_new(clrun *run, guarded *g, const void *data, size_t bytes, void *back)
{
    cl_int code = 0;
    const size_t size = bytes == 0 ? 1 : bytes;
    unsigned char *image = malloc(size + 2 * GUARD);
    assert_non_null(image);
    memset(image, 0xa5, size + 2 * GUARD);
    if (data != NULL && bytes > 0) memcpy(image + GUARD, data, bytes);
    g->whole = clCreateBuffer(run->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                              size + 2 * GUARD, image, &code);
    assert_int_equal(code, CL_SUCCESS);
    const cl_buffer_region region = {GUARD, size};
    g->part = clCreateSubBuffer(g->whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region,
                                &code);
    assert_int_equal(code, CL_SUCCESS);
    g->bytes = bytes;
    g->back = back;
    free(image);
}

static void guarded_end(clrun *run, guarded *g)
{
    const size_t size = g->bytes == 0 ? 1 : g->bytes;
    unsigned char *image = malloc(size + 2 * GUARD);
    assert_non_null(image);
    assert_int_equal(clEnqueueReadBuffer(run->queue, g->whole, CL_TRUE, 0, size + 2 * GUARD, image,
                                         0, NULL, NULL), CL_SUCCESS);
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(image[i], 0xa5);
        assert_int_equal(image[GUARD + size + i], 0xa5);
    }
    if (g->back != NULL) memcpy(g->back, image + GUARD, g->bytes);
    free(image);
    clReleaseMemObject(g->part);
    clReleaseMemObject(g->whole);
}

static cl_program build(clrun *run, const gp_cl_source *source)
{
    cl_int code = 0;
    const char *text = source->text;
    cl_program program = clCreateProgramWithSource(run->context, 1, &text, &source->length, &code);
    assert_int_equal(code, CL_SUCCESS);
    if (clBuildProgram(program, 1, &run->device, source->options, NULL, NULL) != CL_SUCCESS) {
        static char log[1 << 16];
        clGetProgramBuildInfo(program, run->device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
        print_error("%s\n", log);
        fail_msg("the program does not build");
    }
    return program;
}

void clrun_pass(clrun *run, clrun_job *job)
{
    const gp_pass *pass = job->pass;
    gp_cl_source source;
    gpuproc_error err = {0};
    const gpuproc_status st = gp_cl_source_make(pass, &run->caps, &source, &err);
    if (st != GPUPROC_OK) fail_msg("%s", err.message);
    cl_program program = build(run, &source);
    cl_int code = 0;
    cl_kernel kernel = clCreateKernel(program, source.kernel, &code);
    assert_int_equal(code, CL_SUCCESS);

    guarded buffer[MAX_BUFFERS];
    size_t buffers = 0;
    cl_uint arg = 0;
    const cl_ulong first = job->first, count = job->count;
    code |= clSetKernelArg(kernel, arg++, sizeof first, &first);
    code |= clSetKernelArg(kernel, arg++, sizeof count, &count);
    for (size_t k = 0; k < pass->inputs; k++) {
        guarded_new(run, &buffer[buffers], job->input[k], job->input_bytes[k], NULL);
        code |= clSetKernelArg(kernel, arg++, sizeof(cl_mem), &buffer[buffers++].part);
    }
    for (size_t k = 0; k < pass->outputs; k++) {
        guarded_new(run, &buffer[buffers], NULL,
                    job->count * gpuproc_dtype_bytes(pass->output[k].dtype), job->output[k]);
        code |= clSetKernelArg(kernel, arg++, sizeof(cl_mem), &buffer[buffers++].part);
    }
    if (pass->uniforms > 0) {
        guarded_new(run, &buffer[buffers], job->uniform, pass->uniforms * 8, NULL);
        code |= clSetKernelArg(kernel, arg++, sizeof(cl_mem), &buffer[buffers++].part);
    }
    job->flags = 0;
    const uint32_t no_flags = 0;
    guarded_new(run, &buffer[buffers], &no_flags, 4, &job->flags);
    code |= clSetKernelArg(kernel, arg++, sizeof(cl_mem), &buffer[buffers++].part);
    for (size_t k = 0; k < pass->reduces; k++) {
        guarded_new(run, &buffer[buffers], NULL, job->partial_bytes[k], job->partial[k]);
        code |= clSetKernelArg(kernel, arg++, sizeof(cl_mem), &buffer[buffers++].part);
    }
    assert_int_equal(code, CL_SUCCESS);
    const size_t local = source.local_size, global = job->groups * local;
    assert_int_equal(clEnqueueNDRangeKernel(run->queue, kernel, 1, NULL, &global, &local, 0, NULL,
                                            NULL), CL_SUCCESS);
    assert_int_equal(clFinish(run->queue), CL_SUCCESS);
    for (size_t k = 0; k < buffers; k++) guarded_end(run, &buffer[k]);
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    gp_cl_source_free(&source);
}
