/* The OpenCL calls that are used, found at run time: nothing is linked. */
#ifndef GP_DEVICE_CL_API_H
#define GP_DEVICE_CL_API_H

#include "base/error.h"

#include <CL/cl.h>

#define GP_CL_CALLS(X)                                                          \
    X(clGetPlatformIDs)                                                         \
    X(clGetPlatformInfo)                                                        \
    X(clGetDeviceIDs)                                                           \
    X(clGetDeviceInfo)                                                          \
    X(clCreateContext)                                                          \
    X(clReleaseContext)                                                         \
    X(clCreateCommandQueue)                                                     \
    X(clReleaseCommandQueue)                                                    \
    X(clCreateBuffer)                                                           \
    X(clCreateSubBuffer)                                                        \
    X(clReleaseMemObject)                                                       \
    X(clCreateProgramWithSource)                                                \
    X(clCreateProgramWithBinary)                                                \
    X(clBuildProgram)                                                           \
    X(clGetProgramInfo)                                                         \
    X(clGetProgramBuildInfo)                                                    \
    X(clReleaseProgram)                                                         \
    X(clCreateKernel)                                                           \
    X(clSetKernelArg)                                                           \
    X(clGetKernelWorkGroupInfo)                                                 \
    X(clReleaseKernel)                                                          \
    X(clEnqueueWriteBuffer)                                                     \
    X(clEnqueueReadBuffer)                                                      \
    X(clEnqueueMapBuffer)                                                       \
    X(clEnqueueUnmapMemObject)                                                  \
    X(clEnqueueNDRangeKernel)                                                   \
    X(clEnqueueBarrierWithWaitList)                                             \
    X(clSetEventCallback)                                                       \
    X(clGetEventInfo)                                                           \
    X(clGetEventProfilingInfo)                                                  \
    X(clWaitForEvents)                                                          \
    X(clReleaseEvent)                                                           \
    X(clFlush)                                                                  \
    X(clFinish)

typedef struct gp_cl_api {
    void *library;
#define GP_CL_FIELD(name) __typeof__(name) *name;
    GP_CL_CALLS(GP_CL_FIELD)
#undef GP_CL_FIELD
} gp_cl_api;

/* False, with the reason in `note`, where the library or one of its calls is missing. */
bool gp_cl_api_load(gp_cl_api *api, char *note, size_t note_bytes);
void gp_cl_api_unload(gp_cl_api *api);

/* "CL_OUT_OF_RESOURCES"; never NULL. Static. */
const char *gp_cl_error_name(cl_int code);

/* Reports that `call` returned `code`: "clBuildProgram: CL_OUT_OF_RESOURCES (-5)", with the code
 * in native_code. Codes that mean lack of memory become DEVICE_MEMORY, others `status`. */
gpuproc_status gp_cl_fail(gpuproc_error *err, gpuproc_status status, cl_int code,
                          const char *call);

#endif
