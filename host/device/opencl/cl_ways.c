/* How fast bytes go to the device and back, by each way that OpenCL has. Slots use one of them (cl_slot.c); the others
 * are measured to be compared with it. */
#include "device/opencl/cl_device.h"

#include "base/clock.h"
#include "base/memory.h"

#include <string.h>

#define TIMES 5

typedef struct lane {
    gp_cl_device *device;
    cl_command_queue queue;
    cl_mem there;   /* on the device */
    cl_mem pinned;  /* memory that the driver has on the host */
    void *staging;  /* `pinned`, mapped for good */
    void *pageable; /* memory as anybody has it */
    size_t bytes;
} lane;

static cl_int copy(const lane *l, void *host, bool up)
{
    const gp_cl_api *api = l->device->api;
    return up ? api->clEnqueueWriteBuffer(l->queue, l->there, CL_TRUE, 0, l->bytes, host, 0, NULL, NULL)
              : api->clEnqueueReadBuffer(l->queue, l->there, CL_TRUE, 0, l->bytes, host, 0, NULL, NULL);
}

/* The bytes are copied where the device's buffer shows up on the host: nobody else would do it. */
static cl_int copy_mapped(const lane *l, bool up)
{
    const gp_cl_api *api = l->device->api;
    cl_int rc = CL_SUCCESS;
    void *here = api->clEnqueueMapBuffer(l->queue, l->there, CL_TRUE, up ? CL_MAP_WRITE_INVALIDATE_REGION : CL_MAP_READ, 0,
                                         l->bytes, 0, NULL, NULL, &rc);
    if (here == NULL || rc != CL_SUCCESS) return rc != CL_SUCCESS ? rc : CL_MAP_FAILURE;
    if (up) memcpy(here, l->pageable, l->bytes);
    else memcpy(l->pageable, here, l->bytes);
    rc = api->clEnqueueUnmapMemObject(l->queue, l->there, here, 0, NULL, NULL);
    return rc != CL_SUCCESS ? rc : api->clFinish(l->queue);
}

/* GB/s of the quickest of a few times, behind one that does not count; 0: it does not go. */
static double measure(const lane *l, void *host, bool up)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i <= TIMES; i++) {
        uint64_t begin = gp_now_ns();
        cl_int rc = host != NULL ? copy(l, host, up) : copy_mapped(l, up);
        if (rc != CL_SUCCESS) return 0;
        if (i > 0) least = gp_min_u64(least, gp_now_ns() - begin);
    }
    return (double)l->bytes / (double)gp_max_u64(least, 1);
}

static gpuproc_status open_lane(lane *l, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_cl_api *api = l->device->api;
    cl_int rc = CL_SUCCESS;
    GP_TRY(gp_cl_device_context(l->device, err));
    l->queue = api->clCreateCommandQueue(l->device->context, l->device->id, 0, &rc);
    if (l->queue == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clCreateCommandQueue");
    l->there = api->clCreateBuffer(l->device->context, CL_MEM_READ_WRITE, l->bytes, NULL, &rc);
    if (l->there == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer");
    l->pinned = api->clCreateBuffer(l->device->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, l->bytes, NULL, &rc);
    if (l->pinned == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer for staging");
    l->staging = api->clEnqueueMapBuffer(l->queue, l->pinned, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, l->bytes, 0, NULL, NULL,
                                         &rc);
    if (l->staging == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clEnqueueMapBuffer for staging");
    l->pageable = gp_pages_alloc(l->bytes);
    if (l->pageable == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory: %zu bytes to measure with", l->bytes);
    memset(l->pageable, 1, l->bytes);
    memset(l->staging, 1, l->bytes);
out:
    return st;
}

static void close_lane(lane *l)
{
    const gp_cl_api *api = l->device->api;
    gp_pages_free(l->pageable, l->bytes);
    if (l->staging != NULL) (void)api->clEnqueueUnmapMemObject(l->queue, l->pinned, l->staging, 0, NULL, NULL);
    if (l->queue != NULL) (void)api->clFinish(l->queue);
    if (l->pinned != NULL) api->clReleaseMemObject(l->pinned);
    if (l->there != NULL) api->clReleaseMemObject(l->there);
    if (l->queue != NULL) api->clReleaseCommandQueue(l->queue);
}

gpuproc_status gp_cl_ways(gp_device *device, size_t bytes, gp_device_ways *ways, gpuproc_error *err)
{
    lane l = {.device = (gp_cl_device *)device, .bytes = bytes};
    gpuproc_status st = open_lane(&l, err);
    if (st == GPUPROC_OK) {
        *ways = (gp_device_ways){.pageable = {measure(&l, l.pageable, true), measure(&l, l.pageable, false)},
                                 .staged = {measure(&l, l.staging, true), measure(&l, l.staging, false)},
                                 .mapped = {measure(&l, NULL, true), measure(&l, NULL, false)}};
    }
    close_lane(&l);
    return st;
}
