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

/* ---- What "auto" is ---------------------------------------------------------- */

/* A product of fewer operations has ended on the CPU before a device has its kernels; with fewer for each byte
 * that goes there the way is longer than the work. (Guesses, on the safe side.) */
#define MANY_OPERATIONS 4e11
#define PER_BYTE 32

static double elements_of(const gp_product_spec *s, uint64_t rows, uint64_t columns)
{
    return (double)s->stack * (double)rows * (double)columns;
}

void gp_work_of_plan(const gp_plan *plan, gp_work *work)
{
    *work = (gp_work){0};
    for (size_t i = 0; i < plan->storeds; i++) {
        const gp_product_spec *s = &plan->stored[i].spec;
        if (!plan->stored[i].product) continue;
        double bytes = elements_of(s, s->m, s->k) * (double)gpuproc_dtype_bytes(s->operand[0]) +
                       elements_of(s, s->k, s->n) * (double)gpuproc_dtype_bytes(s->operand[1]) +
                       elements_of(s, s->m, s->n) * (double)gpuproc_dtype_bytes(s->dtype);
        double operations = elements_of(s, s->m, s->n) * (double)s->k *
                            (gp_dtype_kind(s->dtype) == GP_KIND_COMPLEX ? 8 : 2);
        if (operations >= work->operations) work->dtype = s->dtype; /* the largest one's */
        work->operations += operations;
        work->bytes += bytes;
        work->products++;
    }
}

static double per_byte(const gp_work *work) { return work->bytes > 0 ? work->operations / work->bytes : 0; }

bool gp_work_is_for(const gp_work *work, const gp_device *device)
{
    uint64_t host, there;
    if (device->info.kind != GPUPROC_DEVICE_OPENCL_GPU || device->info.unified_memory || device->matrix == NULL)
        return false;
    device->matrix->bytes((gp_device *)device, work->dtype, 1, 1, 1, &host, &there);
    return there != UINT64_MAX && work->operations >= MANY_OPERATIONS && per_byte(work) >= PER_BYTE;
}

/* A GPU where the products are large enough for it, or NULL: the CPU. OpenCL is not loaded for anything else. */
static gp_device *choose(gp_registry *registry, const gp_work *work, char reason[256])
{
    size_t all = 0;
    if (work == NULL || work->products == 0) {
        snprintf(reason, 256, "element-wise work and reductions are bound by memory and I/O: the CPU does them in place");
    } else if (per_byte(work) < PER_BYTE) {
        snprintf(reason, 256, "the matrix products do %.3g operations per byte, which are bound by memory: the CPU does "
                 "them in place", per_byte(work));
    } else if (work->operations < MANY_OPERATIONS) {
        snprintf(reason, 256, "the matrix products are %.3g operations, too few for the way to a device: the CPU "
                 "multiplies", work->operations);
    } else {
        gp_device *const *device = gp_registry_all(registry, &all);
        for (size_t i = 0; i < all; i++) {
            if (!gp_work_is_for(work, device[i])) continue;
            snprintf(reason, 256, "the matrix products do %.3g operations per byte: worth the way to the GPU",
                     per_byte(work));
            return device[i];
        }
        snprintf(reason, 256, "the matrix products are %.3g operations, but no GPU with memory of its own multiplies "
                 "%s: the CPU's library does", work->operations, gpuproc_dtype_name(work->dtype));
    }
    return NULL;
}

gpuproc_status gp_choose_devices(gp_registry *registry, const char *wish, const gp_work *work, gp_device ***devices,
                                 size_t *count, char reason[256], gpuproc_error *err)
{
    bool automatic = gp_is_auto(wish);
    bool cpu = automatic || strcasecmp(wish, "cpu") == 0 || strcmp(wish, "0") == 0;
    size_t all = 1;
    gp_device *native = gp_registry_cpu(registry);
    snprintf(reason, 256, "as asked");
    gp_device *gpu = automatic ? choose(registry, work, reason) : NULL;
    if (gpu != NULL) native = gpu;
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
    return GPUPROC_OK;
}
