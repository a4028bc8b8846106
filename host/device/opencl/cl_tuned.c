#include "device/opencl/cl_tuned.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* The first line of what is stored. Another version's is not read. */
#define HEAD "xgemm 1\n"

const gp_dtype gp_cl_tuned_dtype[GP_CL_TUNED_DTYPES] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_COMPLEX64,
                                                        GPUPROC_COMPLEX128};

void gp_cl_xgemm_limits(const gp_cl_device *device, gp_dtype dtype, gp_xgemm_limits *limits)
{
    cl_ulong local = 0;
    size_t items = 0, side[16] = {0};
    const gp_cl_api *api = device->api;
    /* What cannot be asked is none: then no set is valid. */
    if (api->clGetDeviceInfo(device->id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, NULL) != CL_SUCCESS)
        local = 0;
    if (api->clGetDeviceInfo(device->id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof items, &items, NULL) != CL_SUCCESS)
        items = 0;
    if (api->clGetDeviceInfo(device->id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof side, side, NULL) != CL_SUCCESS)
        side[0] = side[1] = 0;
    *limits = (gp_xgemm_limits){.element_bytes = gpuproc_dtype_bytes(dtype), .local_bytes = local,
                                .group_items = items, .group_side = {side[0], side[1]}};
}

gpuproc_status gp_cl_tuned_set(const gp_cl_device *device, gp_dtype dtype, const gp_cl_tuned *tuned,
                               gpuproc_error *err)
{
    const gp_cl_blast *blast = device->blast;
    const char *name[GP_XGEMM_COUNT], *routine = "XGEMM_MIN_INDIRECT_SIZE";
    size_t value[GP_XGEMM_COUNT], from = tuned->indirect_from;
    int precision = gp_cl_blast_precision(dtype);
    for (size_t i = 0; i < GP_XGEMM_COUNT; i++) {
        name[i] = gp_xgemm_name(i);
        value[i] = tuned->xgemm.value[i];
    }
    int rc = blast->override_parameters(device->id, "Xgemm", precision, GP_XGEMM_COUNT, name, value);
    if (rc == 0 && from != 0)
        rc = blast->override_parameters(device->id, "GemmRoutine", precision, 1, &routine, &from);
    return rc == 0 ? GPUPROC_OK : gp_cl_blast_fail(err, rc, "CLBlast's override of parameters");
}

void gp_cl_tuned_text(const gp_xgemm *x, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < GP_XGEMM_COUNT && used < bytes; i++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%s=%u", i ? " " : "", gp_xgemm_name(i),
                                 (unsigned)x->value[i]);
    }
}

static void make_key(const gp_cl_device *device, gp_cl_key *key)
{
    const char *part[] = {HEAD, device->blast->name, device->identity};
    gp_cl_cache_key(part, sizeof part / sizeof part[0], key);
    key->lasting = true;
}

/* "float32 from=512 GEMMK=0 ...": exactly what store wrote. */
static void read_line(const gp_cl_device *device, const char *line, gp_cl_tuned tuned[GP_CL_TUNED_DTYPES])
{
    for (size_t d = 0; d < GP_CL_TUNED_DTYPES; d++) {
        const char *name = gpuproc_dtype_name(gp_cl_tuned_dtype[d]);
        size_t length = strlen(name);
        gp_cl_tuned t = {.found = true};
        gp_xgemm_limits limits;
        unsigned number = 0;
        int used = 0;
        if (strncmp(line, name, length) != 0 || line[length] != ' ') continue;
        const char *p = line + length + 1;
        if (sscanf(p, "from=%u%n", &number, &used) != 1) return;
        t.indirect_from = number;
        p += used;
        for (size_t i = 0; i < GP_XGEMM_COUNT; i++) {
            const char *want = gp_xgemm_name(i);
            size_t n = strlen(want);
            if (p[0] != ' ' || strncmp(p + 1, want, n) != 0 || sscanf(p + 1 + n, "=%u%n", &number, &used) != 1 ||
                number > UINT16_MAX)
                return;
            t.xgemm.value[i] = (uint16_t)number;
            p += 1 + n + (size_t)used;
        }
        gp_cl_xgemm_limits(device, gp_cl_tuned_dtype[d], &limits);
        if (*p == '\0' && gp_xgemm_valid(&t.xgemm, &limits)) tuned[d] = t;
        return;
    }
}

void gp_cl_tuned_load(const gp_cl_device *device, gp_cl_tuned tuned[GP_CL_TUNED_DTYPES])
{
    gp_cl_key key;
    void *data = NULL;
    size_t bytes = 0;
    memset(tuned, 0, GP_CL_TUNED_DTYPES * sizeof *tuned);
    if (device->cache == NULL) return;
    make_key(device, &key);
    if (!gp_cl_cache_load(device->cache, &key, &data, &bytes)) return;
    char *text = gp_strndup(data, bytes);
    free(data);
    if (text != NULL && strncmp(text, HEAD, sizeof HEAD - 1) == 0) {
        char *save = NULL;
        for (char *line = strtok_r(text + sizeof HEAD - 1, "\n", &save); line != NULL;
             line = strtok_r(NULL, "\n", &save)) {
            read_line(device, line, tuned);
        }
    }
    free(text);
}

bool gp_cl_tuned_store(const gp_cl_device *device, const gp_cl_tuned tuned[GP_CL_TUNED_DTYPES])
{
    gp_cl_tuned all[GP_CL_TUNED_DTYPES];
    gp_text text = {0};
    gp_cl_key key;
    bool stored = false;
    if (device->cache == NULL) return false;
    gp_cl_tuned_load(device, all);
    gp_text_add(&text, HEAD);
    for (size_t d = 0; d < GP_CL_TUNED_DTYPES; d++) {
        char line[256];
        if (tuned[d].found) all[d] = tuned[d];
        if (!all[d].found) continue;
        gp_cl_tuned_text(&all[d].xgemm, line, sizeof line);
        gp_text_add(&text, "%s from=%u %s\n", gpuproc_dtype_name(gp_cl_tuned_dtype[d]),
                    (unsigned)all[d].indirect_from, line);
    }
    make_key(device, &key);
    if (!text.failed) stored = gp_cl_cache_store(device->cache, &key, text.data, strlen(text.data));
    gp_text_free(&text);
    return stored;
}

void gp_cl_tuned_apply(gp_cl_device *device)
{
    pthread_mutex_lock(&device->lock);
    if (!device->tuned) {
        gp_cl_tuned tuned[GP_CL_TUNED_DTYPES];
        gp_cl_tuned_load(device, tuned);
        for (size_t d = 0; d < GP_CL_TUNED_DTYPES; d++) {
            /* Without them it is slower, not wrong. */
            if (tuned[d].found) (void)gp_cl_tuned_set(device, gp_cl_tuned_dtype[d], &tuned[d], NULL);
        }
    }
    device->tuned = true;
    pthread_mutex_unlock(&device->lock);
}
