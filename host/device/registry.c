#include "device/registry.h"

#include "base/memory.h"
#include "base/text.h"
#include "device/cpu/cpu_device.h"
#include "device/opencl/cl_driver.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct gp_registry {
    char *cache_dir; /* NULL: the default place */
    gp_device *cpu;
    pthread_mutex_t lock; /* of everything below */
    bool loaded;
    gp_cl_driver *driver;
    gp_device **all;
    size_t count;
    char note[256];
};

gpuproc_status gp_registry_new(unsigned threads, const char *cache_dir, gp_registry **registry,
                               gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_registry *r = gp_calloc(1, sizeof *r);
    if (r == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    pthread_mutex_init(&r->lock, NULL);
    if (cache_dir != NULL && (r->cache_dir = gp_strdup(cache_dir)) == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
        goto out;
    }
    GP_TRY(gp_cpu_device_new(threads, &r->cpu, err));
    *registry = r;
    return GPUPROC_OK;
out:
    gp_registry_free(r);
    return st;
}

void gp_registry_free(gp_registry *registry)
{
    if (registry == NULL) return;
    gp_cl_driver_free(registry->driver);
    free(registry->all);
    if (registry->cpu != NULL) registry->cpu->api->close(registry->cpu);
    pthread_mutex_destroy(&registry->lock);
    free(registry->cache_dir);
    free(registry);
}

gp_device *gp_registry_cpu(gp_registry *registry) { return registry->cpu; }

/* Whatever goes wrong here, there is still the CPU: the reason becomes the note. */
static void load(gp_registry *r)
{
    gp_device **found = NULL;
    size_t count = 0;
    gpuproc_error err = {0};
    if (gp_cl_driver_new(r->cache_dir, &r->driver, &found, &count, r->note, &err) != GPUPROC_OK) {
        snprintf(r->note, sizeof r->note, "%.255s", err.message);
        return;
    }
    if (count == 0) return;
    r->all = gp_calloc(count + 1, sizeof(gp_device *));
    if (r->all == NULL) {
        snprintf(r->note, sizeof r->note, "out of memory");
        return;
    }
    r->all[0] = r->cpu;
    memcpy(r->all + 1, found, count * sizeof(gp_device *));
    r->count = count + 1;
}

gp_device *const *gp_registry_all(gp_registry *registry, size_t *count)
{
    pthread_mutex_lock(&registry->lock);
    if (!registry->loaded) load(registry);
    registry->loaded = true;
    pthread_mutex_unlock(&registry->lock);
    if (registry->all == NULL) {
        *count = 1;
        return &registry->cpu;
    }
    *count = registry->count;
    return registry->all;
}

bool gp_registry_loaded(gp_registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    bool loaded = registry->loaded;
    pthread_mutex_unlock(&registry->lock);
    return loaded;
}

const char *gp_registry_note(const gp_registry *registry) { return registry->note; }
