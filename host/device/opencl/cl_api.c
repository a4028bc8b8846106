#include "device/opencl/cl_api.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libOpenCL.so.1"

#define CL_ERRORS(X)                                                            \
    X(CL_SUCCESS)                                                               \
    X(CL_DEVICE_NOT_FOUND)                                                      \
    X(CL_DEVICE_NOT_AVAILABLE)                                                  \
    X(CL_COMPILER_NOT_AVAILABLE)                                                \
    X(CL_MEM_OBJECT_ALLOCATION_FAILURE)                                         \
    X(CL_OUT_OF_RESOURCES)                                                      \
    X(CL_OUT_OF_HOST_MEMORY)                                                    \
    X(CL_PROFILING_INFO_NOT_AVAILABLE)                                          \
    X(CL_MEM_COPY_OVERLAP)                                                      \
    X(CL_IMAGE_FORMAT_MISMATCH)                                                 \
    X(CL_IMAGE_FORMAT_NOT_SUPPORTED)                                            \
    X(CL_BUILD_PROGRAM_FAILURE)                                                 \
    X(CL_MAP_FAILURE)                                                           \
    X(CL_MISALIGNED_SUB_BUFFER_OFFSET)                                          \
    X(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)                             \
    X(CL_COMPILE_PROGRAM_FAILURE)                                               \
    X(CL_LINKER_NOT_AVAILABLE)                                                  \
    X(CL_LINK_PROGRAM_FAILURE)                                                  \
    X(CL_DEVICE_PARTITION_FAILED)                                               \
    X(CL_KERNEL_ARG_INFO_NOT_AVAILABLE)                                         \
    X(CL_INVALID_VALUE)                                                         \
    X(CL_INVALID_DEVICE_TYPE)                                                   \
    X(CL_INVALID_PLATFORM)                                                      \
    X(CL_INVALID_DEVICE)                                                        \
    X(CL_INVALID_CONTEXT)                                                       \
    X(CL_INVALID_QUEUE_PROPERTIES)                                              \
    X(CL_INVALID_COMMAND_QUEUE)                                                 \
    X(CL_INVALID_HOST_PTR)                                                      \
    X(CL_INVALID_MEM_OBJECT)                                                    \
    X(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR)                                       \
    X(CL_INVALID_IMAGE_SIZE)                                                    \
    X(CL_INVALID_SAMPLER)                                                       \
    X(CL_INVALID_BINARY)                                                        \
    X(CL_INVALID_BUILD_OPTIONS)                                                 \
    X(CL_INVALID_PROGRAM)                                                       \
    X(CL_INVALID_PROGRAM_EXECUTABLE)                                            \
    X(CL_INVALID_KERNEL_NAME)                                                   \
    X(CL_INVALID_KERNEL_DEFINITION)                                             \
    X(CL_INVALID_KERNEL)                                                        \
    X(CL_INVALID_ARG_INDEX)                                                     \
    X(CL_INVALID_ARG_VALUE)                                                     \
    X(CL_INVALID_ARG_SIZE)                                                      \
    X(CL_INVALID_KERNEL_ARGS)                                                   \
    X(CL_INVALID_WORK_DIMENSION)                                                \
    X(CL_INVALID_WORK_GROUP_SIZE)                                               \
    X(CL_INVALID_WORK_ITEM_SIZE)                                                \
    X(CL_INVALID_GLOBAL_OFFSET)                                                 \
    X(CL_INVALID_EVENT_WAIT_LIST)                                               \
    X(CL_INVALID_EVENT)                                                         \
    X(CL_INVALID_OPERATION)                                                     \
    X(CL_INVALID_GL_OBJECT)                                                     \
    X(CL_INVALID_BUFFER_SIZE)                                                   \
    X(CL_INVALID_MIP_LEVEL)                                                     \
    X(CL_INVALID_GLOBAL_WORK_SIZE)                                              \
    X(CL_INVALID_PROPERTY)                                                      \
    X(CL_INVALID_IMAGE_DESCRIPTOR)                                              \
    X(CL_INVALID_COMPILER_OPTIONS)                                              \
    X(CL_INVALID_LINKER_OPTIONS)                                                \
    X(CL_INVALID_DEVICE_PARTITION_COUNT)                                        \
    /* Extensions that loaders and drivers return from core calls. */           \
    X(CL_PLATFORM_NOT_FOUND_KHR)

#ifndef CL_PLATFORM_NOT_FOUND_KHR
#define CL_PLATFORM_NOT_FOUND_KHR (-1001)
#endif

bool gp_cl_api_load(gp_cl_api *api, char *note, size_t note_bytes)
{
    memset(api, 0, sizeof *api);
    /* RTLD_NODELETE: drivers leave threads behind that must not lose their code, so closing
     * only gives the reference back. */
    api->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (api->library == NULL) {
        const char *reason = dlerror();
        bool missing = reason == NULL || strstr(reason, "No such file") != NULL;
        if (missing) snprintf(note, note_bytes, "%s is not installed", LIBRARY);
        else snprintf(note, note_bytes, "%s cannot be loaded: %s", LIBRARY, reason);
        return false;
    }
    struct {
        const char *name;
        void *slot;
    } calls[] = {
#define CL_CALL(call) {#call, &api->call},
        GP_CL_CALLS(CL_CALL)
#undef CL_CALL
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        void *address = dlsym(api->library, calls[i].name);
        if (address == NULL) {
            snprintf(note, note_bytes, "%s lacks %s: OpenCL 1.2 is needed", LIBRARY,
                     calls[i].name);
            gp_cl_api_unload(api);
            return false;
        }
        memcpy(calls[i].slot, &address, sizeof address);
    }
    return true;
}

void gp_cl_api_unload(gp_cl_api *api)
{
    if (api->library != NULL) dlclose(api->library);
    memset(api, 0, sizeof *api);
}

const char *gp_cl_error_name(cl_int code)
{
    switch (code) {
#define CL_NAME(name) \
    case name: return #name;
        CL_ERRORS(CL_NAME)
#undef CL_NAME
    default: return "an OpenCL error without a name";
    }
}

static bool means_memory(cl_int code)
{
    return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
           code == CL_OUT_OF_HOST_MEMORY || code == CL_INVALID_BUFFER_SIZE;
}

gpuproc_status gp_cl_fail(gpuproc_error *err, gpuproc_status status, cl_int code, const char *call)
{
    if (means_memory(code)) status = GPUPROC_DEVICE_MEMORY;
    gp_fail(err, status, "%s: %s (%d)", call, gp_cl_error_name(code), (int)code);
    if (err != NULL) err->native_code = code;
    return status;
}
