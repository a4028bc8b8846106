/* Inputs that stay on a discrete device between the passes of a job. */
#include "device/opencl/cl_device.h"

#include "base/memory.h"

static size_t bucket_of(const void *key, uint64_t first)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)key / 16 + first / GP_BLOCK) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) % GP_CL_KEPT_BUCKETS;
}

static gp_cl_kept *find(const gp_cl_device *device, const void *key, uint64_t first,
                        uint64_t count)
{
    gp_cl_kept *k = device->kept[bucket_of(key, first)];
    while (k != NULL && (k->key != key || k->first != first || k->count != count)) k = k->next;
    return k;
}

gp_cl_kept *gp_cl_kept_find(const gp_cl_device *device, const void *key, uint64_t first,
                            uint64_t count)
{
    gp_cl_kept *k = find(device, key, first, count);
    return k != NULL && atomic_load(&k->whole) ? k : NULL;
}

gp_cl_kept *gp_cl_kept_new(gp_cl_device *device, const void *key, uint64_t first, uint64_t count,
                           size_t element_bytes)
{
    uint64_t bytes;
    cl_int rc = CL_SUCCESS;
    if (!gp_mul_u64(count, element_bytes, &bytes) || bytes == 0 ||
        bytes > device->kept_budget - device->kept_bytes)
        return NULL;
    /* On its way already, as another input of this chunk: once is enough. */
    if (find(device, key, first, count) != NULL) return NULL;
    gp_cl_kept *k = gp_calloc(1, sizeof *k);
    if (k == NULL) return NULL;
    *k = (gp_cl_kept){.key = key, .first = first, .count = count, .bytes = bytes};
    k->buffer = device->api->clCreateBuffer(device->context, CL_MEM_READ_ONLY, (size_t)bytes, NULL,
                                            &rc);
    if (k->buffer == NULL) {
        free(k);
        return NULL;
    }
    gp_cl_kept **bucket = &device->kept[bucket_of(key, first)];
    k->next = *bucket;
    *bucket = k;
    device->kept_bytes += bytes;
    return k;
}

void gp_cl_kept_drop(gp_cl_device *device, gp_cl_kept *kept)
{
    gp_cl_kept **link = &device->kept[bucket_of(kept->key, kept->first)];
    while (*link != kept) link = &(*link)->next;
    *link = kept->next;
    device->kept_bytes -= kept->bytes;
    /* Lives on for commands that use it. */
    device->api->clReleaseMemObject(kept->buffer);
    free(kept);
}

bool gp_cl_holds(const gp_device_program *program, const void *key, uint64_t first,
                 uint64_t count)
{
    return !atomic_load(&program->lost) &&
           gp_cl_kept_find(program->device, key, first, count) != NULL;
}

void gp_cl_forget(gp_device *base, const void *key)
{
    gp_cl_device *device = (gp_cl_device *)base;
    for (size_t b = 0; b < GP_CL_KEPT_BUCKETS; b++) {
        for (gp_cl_kept *k = device->kept[b], *next; k != NULL; k = next) {
            next = k->next;
            if (k->key == key) gp_cl_kept_drop(device, k);
        }
    }
}
