#include "device/opencl/cl_driver.h"

#include "base/memory.h"
#include "device/opencl/cl_device.h"

#include <stdio.h>
#include <string.h>

struct gp_cl_driver {
    gp_cl_api api;
    gp_cl_blast blast;
    gp_cl_cache *cache;
    gp_device **device; /* each a gp_cl_device */
    size_t devices, capacity;
};

static void device_free(gp_cl_device *device)
{
    if (device == NULL) return;
    if (device->context != NULL) device->api->clReleaseContext(device->context);
    pthread_mutex_destroy(&device->lock);
    free(device->identity);
    free(device);
}

/* The driver owns its devices: closing one alone is nothing. */
static void device_close(gp_device *device) { (void)device; }

static const gp_device_api device_api = {
    .program_new = gp_cl_program_new,
    .program_free = gp_cl_program_free,
    .program_known = gp_cl_program_known,
    .slot_bytes = gp_cl_slot_bytes,
    .slot_new = gp_cl_slot_new,
    .slot_free = gp_cl_slot_free,
    .submit = gp_cl_submit,
    .holds = gp_cl_holds,
    .forget = gp_cl_forget,
    .ways = gp_cl_ways,
    .close = device_close,
};

static gpuproc_status add_device(gp_cl_driver *driver, cl_platform_id platform, cl_device_id id,
                                 const char *platform_name, const char *platform_version,
                                 gpuproc_error *err)
{
    gp_cl_device *device = gp_calloc(1, sizeof *device);
    if (device == NULL ||
        !gp_grow(&driver->device, &driver->capacity, driver->devices + 1, sizeof *driver->device)) {
        free(device);
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    }
    device->base.api = &device_api;
    device->api = &driver->api;
    device->cache = driver->cache;
    device->platform = platform;
    device->id = id;
    pthread_mutex_init(&device->lock, NULL);
    gpuproc_status st = gp_cl_device_query(device, platform_name, platform_version, err);
    if (st != GPUPROC_OK) {
        device_free(device);
        return st;
    }
    if (driver->blast.library != NULL && device->base.info.note[0] == '\0') {
        device->blast = &driver->blast;
        device->base.matrix = &gp_cl_matrix_api;
        snprintf(device->base.info.matrices, sizeof device->base.info.matrices, "%s",
                 driver->blast.name);
    }
    driver->device[driver->devices++] = &device->base;
    return GPUPROC_OK;
}

static void add_note(char note[256], const char *what, const char *name, cl_int rc)
{
    size_t used = strlen(note);
    snprintf(note + used, 256 - used, "%s%s%s%s: %s (%d)", used ? "; " : "", name,
             name[0] ? ": " : "", what, gp_cl_error_name(rc), (int)rc);
}

static gpuproc_status add_platform(gp_cl_driver *driver, cl_platform_id platform, char note[256],
                                   gpuproc_error *err)
{
    const gp_cl_api *api = &driver->api;
    gpuproc_status st = GPUPROC_OK;
    cl_device_id *id = NULL;
    cl_uint count = 0;
    char *name = gp_cl_platform_text(api, platform, CL_PLATFORM_NAME);
    char *version = gp_cl_platform_text(api, platform, CL_PLATFORM_VERSION);
    const char *shown = name != NULL ? name : "?";

    cl_int rc = api->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
    if (rc == CL_SUCCESS && count > 0) {
        id = gp_calloc(count, sizeof(cl_device_id));
        if (id == NULL) {
            st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
            goto out;
        }
        rc = api->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, id, NULL);
    }
    if (rc == CL_DEVICE_NOT_FOUND) goto out; /* a platform without devices is no news */
    if (rc != CL_SUCCESS) {
        add_note(note, "clGetDeviceIDs", shown, rc);
        goto out;
    }
    for (cl_uint i = 0; i < count; i++) {
        GP_TRY(add_device(driver, platform, id[i], shown, version != NULL ? version : "?", err));
    }
out:
    free(id);
    free(version);
    free(name);
    return st;
}

static gpuproc_status add_platforms(gp_cl_driver *driver, char note[256], gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    cl_platform_id *platform = NULL;
    cl_uint count = 0;
    cl_int rc = driver->api.clGetPlatformIDs(0, NULL, &count);
    if (rc == CL_SUCCESS && count > 0) {
        platform = gp_calloc(count, sizeof(cl_platform_id));
        if (platform == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
        rc = driver->api.clGetPlatformIDs(count, platform, NULL);
    }
    /* Loaders say -1001 where no driver is installed. */
    if (rc == CL_SUCCESS || rc == -1001) {
        for (cl_uint i = 0; rc == CL_SUCCESS && i < count; i++) {
            GP_TRY(add_platform(driver, platform[i], note, err));
        }
        if (count == 0 || rc != CL_SUCCESS) {
            snprintf(note, 256, "no OpenCL driver is installed");
        } else if (driver->devices == 0 && note[0] == '\0') {
            snprintf(note, 256, "no OpenCL driver has a device");
        }
    } else {
        add_note(note, "clGetPlatformIDs", "", rc);
    }
out:
    free(platform);
    return st;
}

gpuproc_status gp_cl_driver_new(const char *cache_dir, gp_cl_driver **driver, gp_device ***devices,
                                size_t *count, char note[256], gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    note[0] = '\0';
    gp_cl_driver *d = gp_calloc(1, sizeof *d);
    if (d == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    if (gp_cl_api_load(&d->api, note, 256)) {
        d->cache = gp_cl_cache_new(cache_dir, 0);
        (void)gp_cl_blast_load(&d->blast);
        GP_TRY(add_platforms(d, note, err));
    }
    *driver = d;
    *devices = d->device;
    *count = d->devices;
    return GPUPROC_OK;
out:
    gp_cl_driver_free(d);
    return st;
}

void gp_cl_driver_free(gp_cl_driver *driver)
{
    if (driver == NULL) return;
    for (size_t i = driver->devices; i-- > 0;) device_free((gp_cl_device *)driver->device[i]);
    free(driver->device);
    gp_cl_cache_free(driver->cache);
    gp_cl_blast_unload(&driver->blast);
    gp_cl_api_unload(&driver->api);
    free(driver);
}
