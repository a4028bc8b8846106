/* From a pass's source to a built program: out of the cache, or by the compiler. */
#include "device/opencl/cl_device.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define MAX_BINARY_BYTES (256u << 20)

static void drop_program(gp_device_program *program)
{
    if (program->program != NULL) program->device->api->clReleaseProgram(program->program);
    program->program = NULL;
}

/* The kernel is there and runs with the work-group size that the source needs. */
static gpuproc_status check_kernel(const gp_device_program *program, gpuproc_error *err)
{
    const gp_cl_api *api = program->device->api;
    gpuproc_status st = GPUPROC_OK;
    size_t largest = 0;
    cl_int rc = CL_SUCCESS;
    cl_kernel kernel = api->clCreateKernel(program->program, program->kernel, &rc);
    if (kernel == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clCreateKernel");
    rc = api->clGetKernelWorkGroupInfo(kernel, program->device->id, CL_KERNEL_WORK_GROUP_SIZE,
                                       sizeof largest, &largest, NULL);
    if (rc != CL_SUCCESS) {
        st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clGetKernelWorkGroupInfo");
    } else if (largest < program->local) {
        st = gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                     "the kernel needs work-groups of %zu, the device allows %zu", program->local,
                     largest);
    }
    api->clReleaseKernel(kernel);
    return st;
}

/* Appends the log's first lines to the message, on one line. */
static void add_build_log(const gp_device_program *program, gpuproc_error *err)
{
    const gp_cl_api *api = program->device->api;
    size_t bytes = 0;
    if (err == NULL) return;
    if (api->clGetProgramBuildInfo(program->program, program->device->id, CL_PROGRAM_BUILD_LOG, 0,
                                   NULL, &bytes) != CL_SUCCESS)
        return;
    char *log = gp_calloc(bytes + 1, 1);
    if (log != NULL &&
        api->clGetProgramBuildInfo(program->program, program->device->id, CL_PROGRAM_BUILD_LOG,
                                   bytes, log, NULL) == CL_SUCCESS) {
        size_t used = strlen(err->message);
        const char *separator = ": ";
        char *save = NULL;
        for (char *line = strtok_r(log, "\r\n", &save); line != NULL && used < sizeof err->message;
             line = strtok_r(NULL, "\r\n", &save)) {
            if (line[strspn(line, " \t")] == '\0') continue;
            used += (size_t)snprintf(err->message + used, sizeof err->message - used, "%s%s",
                                     separator, line);
            separator = "; ";
        }
    }
    free(log);
}

static gpuproc_status from_source(gp_device_program *program, const gp_cl_source *source,
                                  gpuproc_error *err)
{
    const gp_cl_device *device = program->device;
    const gp_cl_api *api = device->api;
    const char *text = source->text;
    cl_int rc = CL_SUCCESS;
    program->program = api->clCreateProgramWithSource(device->context, 1, &text, &source->length,
                                                      &rc);
    if (program->program == NULL)
        return gp_cl_fail(err, GPUPROC_DEVICE_BUILD, rc, "clCreateProgramWithSource");
    rc = api->clBuildProgram(program->program, 1, &device->id, source->options, NULL, NULL);
    if (rc != CL_SUCCESS) {
        gpuproc_status st = gp_cl_fail(err, GPUPROC_DEVICE_BUILD, rc, "clBuildProgram");
        if (st == GPUPROC_DEVICE_BUILD) add_build_log(program, err);
        return st;
    }
    return check_kernel(program, err);
}

/* False: not there, or refused; nothing is left behind then. */
static bool from_cache(gp_device_program *program, const gp_cl_source *source)
{
    const gp_cl_device *device = program->device;
    const gp_cl_api *api = device->api;
    void *binary = NULL;
    size_t bytes = 0;
    cl_int rc = CL_SUCCESS, binary_rc = CL_SUCCESS;
    if (device->cache == NULL || !gp_cl_cache_load(device->cache, &program->key, &binary, &bytes))
        return false;
    const unsigned char *data = binary;
    program->program = api->clCreateProgramWithBinary(device->context, 1, &device->id, &bytes,
                                                      &data, &binary_rc, &rc);
    bool ok = program->program != NULL && rc == CL_SUCCESS && binary_rc == CL_SUCCESS &&
              api->clBuildProgram(program->program, 1, &device->id, source->options, NULL, NULL) ==
                  CL_SUCCESS &&
              check_kernel(program, NULL) == GPUPROC_OK;
    free(binary);
    if (!ok) {
        drop_program(program);
        gp_cl_cache_drop(device->cache, &program->key);
    }
    return ok;
}

static void make_key(const gp_cl_device *device, const gp_cl_source *source, gp_cl_key *key)
{
    char local[32];
    snprintf(local, sizeof local, "%zu", source->local_size);
    const char *part[] = {source->text, source->kernel, source->options ? source->options : "",
                          local, device->identity};
    gp_cl_cache_key(part, sizeof part / sizeof part[0], key);
}

bool gp_cl_program_known(gp_device *base, const gp_pass *pass)
{
    const gp_cl_device *device = (const gp_cl_device *)base;
    gp_cl_source source;
    gp_cl_key key;
    if (device->cache == NULL || gp_cl_source_make(pass, &device->caps, &source, NULL) != GPUPROC_OK) return false;
    make_key(device, &source, &key);
    gp_cl_source_free(&source);
    return gp_cl_cache_has(device->cache, &key);
}

gpuproc_status gp_cl_program_build(gp_device_program *program, const gp_cl_source *source,
                                   gpuproc_error *err)
{
    make_key(program->device, source, &program->key);
    program->cached = from_cache(program, source);
    return program->cached ? GPUPROC_OK : from_source(program, source, err);
}

void gp_cl_program_keep(const gp_device_program *program)
{
    const gp_cl_device *device = program->device;
    size_t bytes = 0;
    if (device->cache == NULL || program->cached || !program->ran || program->lost) return;
    if (device->api->clGetProgramInfo(program->program, CL_PROGRAM_BINARY_SIZES, sizeof bytes,
                                      &bytes, NULL) != CL_SUCCESS ||
        bytes == 0 || bytes > MAX_BINARY_BYTES)
        return;
    unsigned char *binary = malloc(bytes);
    if (binary != NULL &&
        device->api->clGetProgramInfo(program->program, CL_PROGRAM_BINARIES, sizeof binary,
                                      &binary, NULL) == CL_SUCCESS)
        (void)gp_cl_cache_store(device->cache, &program->key, binary, bytes);
    free(binary);
}
