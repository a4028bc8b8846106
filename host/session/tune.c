/* Tuning a device's library of matrices: the public call. */
#include "base/memory.h"
#include "session/session.h"

#include <string.h>

/* The first of all devices that can be tuned. */
static gpuproc_status choose_any(gp_registry *registry, gp_device **device, gpuproc_error *err)
{
    size_t count;
    gp_device *const *all = gp_registry_all(registry, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->matrix == NULL) continue;
        *device = all[i];
        return GPUPROC_OK;
    }
    if (count == 1)
        return gp_fail(err, GPUPROC_DEVICE_NOT_FOUND, "nothing to tune: there is no OpenCL device: %s",
                       gp_registry_note(registry));
    return gp_fail(err, GPUPROC_UNSUPPORTED, "nothing to tune: products on OpenCL devices need libclblast.so.1");
}

static gpuproc_status choose(gp_registry *registry, const char *wish, gp_device **device, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_device **chosen = NULL;
    size_t count = 0;
    char reason[256];
    if (wish == NULL || *wish == '\0' || strcasecmp(wish, "auto") == 0 || strcasecmp(wish, "all") == 0)
        return choose_any(registry, device, err);
    GP_TRY(gp_choose_devices(registry, wish, NULL, &chosen, &count, reason, err));
    if (chosen[0] == gp_registry_cpu(registry)) {
        st = gp_fail(err, GPUPROC_UNSUPPORTED,
                     "nothing to tune on the CPU: its matrix library chooses by itself; expected an OpenCL device");
    } else if (chosen[0]->matrix == NULL) {
        st = gp_fail(err, GPUPROC_UNSUPPORTED, "nothing to tune on '%s': %s", chosen[0]->info.name,
                     chosen[0]->info.note[0] ? chosen[0]->info.note
                                             : "products on OpenCL devices need libclblast.so.1");
    } else {
        *device = chosen[0];
    }
out:
    free(chosen);
    return st;
}

gpuproc_status gpuproc_session_tune(gpuproc_session *session, const gpuproc_tune_options *options,
                                    gpuproc_tune_result *result, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_tune_options none = {.struct_size = sizeof none};
    gp_device *device = NULL;
    if (session == NULL) return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "session is NULL");
    if (options != NULL && options->struct_size < sizeof *options)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "tune options: struct_size is %zu, expected %zu",
                       options->struct_size, sizeof *options);
    if (result == NULL || result->struct_size < sizeof *result)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "tune result: struct_size is not set");
    if (options == NULL) options = &none;
    gpuproc_tune_result r = {.struct_size = result->struct_size};
    GP_TRY(choose(session->registry, options->device, &device, err));
    GP_TRY(device->matrix->tune(device, options, &r, err));
    *result = r;
out:
    return st;
}
