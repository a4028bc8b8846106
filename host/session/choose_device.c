/* From the words "auto", "cpu", "gpu", "all", a name or an index to devices. */
#include "base/memory.h"
#include "session/session.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text != '\0'; text++) {
        if (strncasecmp(text, part, n) == 0) return true;
    }
    return false;
}

static bool matches(const gp_device *device, size_t index, const char *wish)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(wish, &end, 10);
    if (isdigit((unsigned char)*wish) && *end == '\0') return errno == 0 && number == index;
    if (strcasecmp(wish, "all") == 0) return true;
    if (strcasecmp(wish, "gpu") == 0) return device->info.kind == GPUPROC_DEVICE_OPENCL_GPU;
    if (index == 0) return false; /* the native CPU goes by "cpu", "0" and "all" only */
    if (strcasecmp(wish, "opencl") == 0) return true;
    return contains(device->info.name, wish) || contains(device->info.platform, wish) ||
           contains(device->info.vendor, wish);
}

bool gp_is_auto(const char *wish) { return wish == NULL || *wish == '\0' || strcasecmp(wish, "auto") == 0; }

gpuproc_status gp_choose_devices(gp_registry *registry, const char *wish, gp_device ***devices,
                                 size_t *count, char reason[256], gpuproc_error *err)
{
    bool automatic = gp_is_auto(wish);
    bool cpu = automatic || strcasecmp(wish, "cpu") == 0 || strcmp(wish, "0") == 0;
    size_t all = 1;
    gp_device *native = gp_registry_cpu(registry);
    /* The native CPU never loads OpenCL. */
    gp_device *const *device = cpu ? &native : gp_registry_all(registry, &all);
    gp_device **chosen = gp_calloc(all, sizeof(gp_device *));
    if (chosen == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a list of devices");
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        if (!cpu && !matches(device[i], i, wish)) continue;
        chosen[(*count)++] = device[i];
        if (!cpu && strcasecmp(wish, "all") != 0) break; /* the first that fits */
    }
    if (*count == 0) {
        const char *note = gp_registry_note(registry);
        free(chosen);
        return gp_fail(err, GPUPROC_DEVICE_NOT_FOUND,
                       "no device '%.100s': there %s %zu, see 'gpuproc devices'%s%s", wish,
                       all == 1 ? "is only" : "are", all, *note ? "; " : "", note);
    }
    *devices = chosen;
    snprintf(reason, 256, "%s",
             automatic ? "element-wise work and reductions are bound by memory and I/O: the CPU "
                         "does them in place"
                       : "as asked");
    return GPUPROC_OK;
}
