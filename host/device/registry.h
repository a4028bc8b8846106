/* The devices of a session: the CPU at once, OpenCL's when somebody asks. */
#ifndef GP_DEVICE_REGISTRY_H
#define GP_DEVICE_REGISTRY_H

#include "device/device.h"

typedef struct gp_registry gp_registry;

typedef void (*gp_log_fn)(void *ctx, int level, const char *message);

/* threads: CPU workers, 0: one per available core. cache_dir: "" for none. */
gpuproc_status gp_registry_new(unsigned threads, const char *cache_dir, gp_registry **registry,
                               gpuproc_error *err);
void gp_registry_free(gp_registry *registry);

/* Device 0, the CPU. Never touches OpenCL. */
gp_device *gp_registry_cpu(gp_registry *registry);

/* All devices; the first call loads OpenCL. Thread-safe. *count >= 1. */
gp_device *const *gp_registry_all(gp_registry *registry, size_t *count);

/* Whether OpenCL has been loaded. */
bool gp_registry_loaded(gp_registry *registry);

/* Why there is no OpenCL ("libOpenCL.so.1 is not installed"), or "". After gp_registry_all. */
const char *gp_registry_note(const gp_registry *registry);

#endif
