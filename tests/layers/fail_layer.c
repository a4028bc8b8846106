/* An OpenCL layer that makes the n-th call fail, once or for ever.
 *
 *   GPUPROC_FAIL_AT     which call fails, from 1 (0 or unset: none)
 *   GPUPROC_FAIL_MODE   "once" (default) or "forever": that call and all later ones
 *   GPUPROC_FAIL_COUNT  file that receives the number of calls at the end
 *   GPUPROC_FAIL_TELL   file to which the name of each call that fails is appended
 *
 * Only calls that can fail for reasons outside of the program are counted; releasing
 * always works, as the driver would have it. A failing call does nothing else. */
#include "layer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static atomic_long calls;
static long fail_at;
static bool for_ever;

static void tell_name(const char *name)
{
    const char *path = getenv("GPUPROC_FAIL_TELL");
    FILE *f = path != NULL ? fopen(path, "ae") : NULL;
    if (f == NULL) return;
    fprintf(f, "%s\n", name);
    fclose(f);
}

static bool fails(const char *name)
{
    long n = atomic_fetch_add(&calls, 1) + 1;
    bool now = fail_at > 0 && (for_ever ? n >= fail_at : n == fail_at);
    if (now) tell_name(name);
    return now;
}

/* Functions that return a code: X(name, parameters, arguments, code when failing) */
#define FAILING(X)                                                                                 \
    X(clGetDeviceIDs,                                                                              \
      (cl_platform_id a, cl_device_type b, cl_uint c, cl_device_id * d, cl_uint * e),              \
      (a, b, c, d, e), CL_OUT_OF_HOST_MEMORY)                                                      \
    X(clGetPlatformInfo, (cl_platform_id a, cl_platform_info b, size_t c, void *d, size_t *e),     \
      (a, b, c, d, e), CL_OUT_OF_HOST_MEMORY)                                                      \
    X(clGetDeviceInfo, (cl_device_id a, cl_device_info b, size_t c, void *d, size_t *e),           \
      (a, b, c, d, e), CL_OUT_OF_HOST_MEMORY)                                                      \
    X(clBuildProgram,                                                                              \
      (cl_program a, cl_uint b, const cl_device_id *c, const char *d,                              \
       void(CL_CALLBACK * e)(cl_program, void *), void *f),                                        \
      (a, b, c, d, e, f), CL_BUILD_PROGRAM_FAILURE)                                                \
    X(clGetProgramInfo, (cl_program a, cl_program_info b, size_t c, void *d, size_t *e),           \
      (a, b, c, d, e), CL_OUT_OF_RESOURCES)                                                        \
    X(clGetProgramBuildInfo,                                                                       \
      (cl_program a, cl_device_id b, cl_program_build_info c, size_t d, void *e, size_t *f),       \
      (a, b, c, d, e, f), CL_OUT_OF_RESOURCES)                                                     \
    X(clSetKernelArg, (cl_kernel a, cl_uint b, size_t c, const void *d), (a, b, c, d),             \
      CL_OUT_OF_RESOURCES)                                                                         \
    X(clEnqueueNDRangeKernel,                                                                      \
      (cl_command_queue a, cl_kernel b, cl_uint c, const size_t *d, const size_t *e,               \
       const size_t *f, cl_uint g, const cl_event *h, cl_event *i),                                \
      (a, b, c, d, e, f, g, h, i), CL_OUT_OF_RESOURCES)                                            \
    X(clEnqueueWriteBuffer,                                                                        \
      (cl_command_queue a, cl_mem b, cl_bool c, size_t d, size_t e, const void *f, cl_uint g,      \
       const cl_event *h, cl_event *i),                                                            \
      (a, b, c, d, e, f, g, h, i), CL_MEM_OBJECT_ALLOCATION_FAILURE)                               \
    X(clEnqueueReadBuffer,                                                                         \
      (cl_command_queue a, cl_mem b, cl_bool c, size_t d, size_t e, void *f, cl_uint g,            \
       const cl_event *h, cl_event *i),                                                            \
      (a, b, c, d, e, f, g, h, i), CL_OUT_OF_RESOURCES)                                            \
    X(clEnqueueFillBuffer,                                                                         \
      (cl_command_queue a, cl_mem b, const void *c, size_t d, size_t e, size_t f, cl_uint g,       \
       const cl_event *h, cl_event *i),                                                            \
      (a, b, c, d, e, f, g, h, i), CL_OUT_OF_RESOURCES)                                            \
    X(clEnqueueUnmapMemObject,                                                                     \
      (cl_command_queue a, cl_mem b, void *c, cl_uint d, const cl_event *e, cl_event *f),          \
      (a, b, c, d, e, f), CL_OUT_OF_RESOURCES)                                                     \
    X(clEnqueueMarkerWithWaitList,                                                                 \
      (cl_command_queue a, cl_uint b, const cl_event *c, cl_event *d), (a, b, c, d),               \
      CL_OUT_OF_RESOURCES)                                                                         \
    X(clSetEventCallback,                                                                          \
      (cl_event a, cl_int b, void(CL_CALLBACK * c)(cl_event, cl_int, void *), void *d),            \
      (a, b, c, d), CL_OUT_OF_RESOURCES)                                                           \
    X(clGetEventProfilingInfo,                                                                     \
      (cl_event a, cl_profiling_info b, size_t c, void *d, size_t *e), (a, b, c, d, e),            \
      CL_PROFILING_INFO_NOT_AVAILABLE)                                                             \
    X(clFlush, (cl_command_queue a), (a), CL_OUT_OF_RESOURCES)                                     \
    X(clFinish, (cl_command_queue a), (a), CL_OUT_OF_RESOURCES)                                    \
    X(clWaitForEvents, (cl_uint a, const cl_event *b), (a, b), CL_OUT_OF_RESOURCES)

/* Functions that return an object: X(name, type, parameters, arguments, code parameter, code) */
#define FAILING_OBJECT(X)                                                                          \
    X(clCreateContext, cl_context,                                                                 \
      (const cl_context_properties *a, cl_uint b, const cl_device_id *c,                           \
       void(CL_CALLBACK * d)(const char *, const void *, size_t, void *), void *e, cl_int *code),  \
      (a, b, c, d, e, code), CL_OUT_OF_HOST_MEMORY)                                                \
    X(clCreateCommandQueue, cl_command_queue,                                                      \
      (cl_context a, cl_device_id b, cl_command_queue_properties c, cl_int *code),                 \
      (a, b, c, code), CL_OUT_OF_RESOURCES)                                                        \
    X(clCreateBuffer, cl_mem, (cl_context a, cl_mem_flags b, size_t c, void *d, cl_int *code),     \
      (a, b, c, d, code), CL_MEM_OBJECT_ALLOCATION_FAILURE)                                        \
    X(clCreateProgramWithSource, cl_program,                                                       \
      (cl_context a, cl_uint b, const char **c, const size_t *d, cl_int *code),                    \
      (a, b, c, d, code), CL_OUT_OF_HOST_MEMORY)                                                   \
    X(clCreateProgramWithBinary, cl_program,                                                       \
      (cl_context a, cl_uint b, const cl_device_id *c, const size_t *d, const unsigned char **e,   \
       cl_int *f, cl_int *code),                                                                   \
      (a, b, c, d, e, f, code), CL_INVALID_BINARY)                                                 \
    X(clCreateKernel, cl_kernel, (cl_program a, const char *b, cl_int *code), (a, b, code),        \
      CL_OUT_OF_HOST_MEMORY)                                                                       \
    X(clEnqueueMapBuffer, void *,                                                                  \
      (cl_command_queue a, cl_mem b, cl_bool c, cl_map_flags d, size_t e, size_t f, cl_uint g,     \
       const cl_event *h, cl_event *i, cl_int *code),                                              \
      (a, b, c, d, e, f, g, h, i, code), CL_MAP_FAILURE)

#define X(name, parameters, arguments, failure)             \
    static cl_int CL_API_CALL fail_##name parameters        \
    {                                                       \
        return fails(#name) ? failure : target->name arguments;  \
    }
FAILING(X)
#undef X
#define X(name, type, parameters, arguments, failure)       \
    static type CL_API_CALL fail_##name parameters          \
    {                                                       \
        if (!fails(#name)) return target->name arguments;        \
        if (code != NULL) *code = failure;                  \
        return NULL;                                        \
    }
FAILING_OBJECT(X)
#undef X

static void tell_count(void)
{
    FILE *f = fopen(getenv("GPUPROC_FAIL_COUNT"), "we");
    if (f == NULL) return;
    fprintf(f, "%ld\n", atomic_load(&calls));
    fclose(f);
}

EXPORT cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t room, void *value, size_t *needed)
{
    return layer_info("failing calls", what, room, value, needed);
}

EXPORT cl_int CL_API_CALL clInitLayer(cl_uint count, const cl_icd_dispatch *next, cl_uint *filled,
                                      const cl_icd_dispatch **mine)
{
    if (layer_begin(count, next, filled, mine) != CL_SUCCESS) return CL_INVALID_VALUE;
    const char *at = getenv("GPUPROC_FAIL_AT"), *mode = getenv("GPUPROC_FAIL_MODE");
    fail_at = at != NULL ? strtol(at, NULL, 10) : 0;
    for_ever = mode != NULL && strcmp(mode, "forever") == 0;
    if (getenv("GPUPROC_FAIL_COUNT") != NULL) atexit(tell_count);
#define X(name, ...) layer.name = fail_##name;
    FAILING(X)
    FAILING_OBJECT(X)
#undef X
    return CL_SUCCESS;
}
