#include "device/cpu/cpu_device.h"

#include "array/half.h"
#include "base/memory.h"
#include "device/cpu/cpu_slot.h"

#include <fenv.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void cpu_close(gp_device *device)
{
    if (device == NULL) return;
    gp_cpu_pool_free(((gp_cpu_device *)device)->pool);
    free(device);
}

static const gp_device_api api = {
    .program_new = gp_cpu_program_new,
    .program_free = gp_cpu_program_free,
    .slot_bytes = gp_cpu_slot_bytes,
    .slot_new = gp_cpu_slot_new,
    .slot_free = gp_cpu_slot_free,
    .submit = gp_cpu_slot_submit,
    .close = cpu_close,
};

/* Copies what stands behind "key : " on `line` to `to`, if it is that line and there is nothing yet. */
static void take_field(const char *line, const char *key, char *to, size_t size)
{
    size_t n = strlen(key);
    if (to[0] != '\0' || strncmp(line, key, n) != 0) return;
    line += n + strspn(line + n, " \t");
    if (*line++ != ':') return;
    line += strspn(line, " \t");
    snprintf(to, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* Names as the kernel tells them; what it does not tell stays general. */
static void fill_names(gpuproc_device_info *info)
{
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "re");
    for (int i = 0; file != NULL && i < 64 && fgets(line, sizeof line, file) != NULL; i++) {
        take_field(line, "model name", info->name, sizeof info->name);
        take_field(line, "vendor_id", info->vendor, sizeof info->vendor);
    }
    if (file != NULL) fclose(file);
    struct utsname uts;
    if (info->name[0] == '\0' && uname(&uts) == 0)
        snprintf(info->name, sizeof info->name, "%s", uts.machine);
    if (info->name[0] == '\0') snprintf(info->name, sizeof info->name, "cpu");
}

static void fill_info(gp_cpu_device *cpu)
{
    gpuproc_device_info *info = &cpu->device.info;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    info->struct_size = sizeof *info;
    info->kind = GPUPROC_DEVICE_CPU;
    fill_names(info);
    snprintf(info->driver, sizeof info->driver, "%s", cpu->ops->name);
    snprintf(info->platform, sizeof info->platform, "native");
    info->memory_bytes = info->max_buffer_bytes = memory;
    info->compute_units = cpu->threads;
    info->fp64 = info->unified_memory = true;
}

gpuproc_status gp_cpu_device_new_with(const gp_cpu_ops *ops, const gp_cpu_reducers *reducers,
                                      unsigned threads, gp_device **device, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cpu_device *cpu = NULL;
    if (threads > GP_CPU_MAX_THREADS)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "at most %u threads are possible, not %u",
                       GP_CPU_MAX_THREADS, threads);
    cpu = gp_calloc(1, sizeof *cpu);
    if (cpu == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for the cpu device");
    cpu->ops = ops;
    cpu->reducers = reducers;
    cpu->threads = threads > 0 ? threads : gp_cpu_cores();
    if (cpu->threads > GP_CPU_MAX_THREADS) cpu->threads = GP_CPU_MAX_THREADS;
    cpu->device.api = &api;
    cpu->device.in_place = true;
    GP_TRY(gp_cpu_pool_new(cpu->threads, &cpu->pool, err));
    fill_info(cpu);
    cpu->device.memory_budget = cpu->device.info.memory_bytes;
    *device = &cpu->device;
    return GPUPROC_OK;
out:
    cpu_close(&cpu->device);
    return st;
}

gpuproc_status gp_cpu_device_new(unsigned threads, gp_device **device, gpuproc_error *err)
{
    const char *limit = getenv("GPUPROC_ISA");
    if (limit != NULL && *limit == '\0') limit = NULL;
    if (limit != NULL && strcmp(limit, "base") != 0 && strcmp(limit, "avx2") != 0 &&
        strcmp(limit, "avx512") != 0)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "GPUPROC_ISA is '%.32s', expected base, avx2 or avx512", limit);
    return gp_cpu_device_new_with(gp_cpu_ops_select(limit), gp_cpu_reducers_select(limit), threads,
                                  device, err);
}

unsigned gp_cpu_device_threads(const gp_device *device)
{
    return ((const gp_cpu_device *)device)->threads;
}

/* For an element of any dtype. */
typedef struct scalar_room {
    _Alignas(16) unsigned char bytes[16];
} scalar_room;

/* Widens the element at `from`. */
static gpuproc_scalar load_scalar(gp_dtype dtype, const void *from)
{
    gpuproc_scalar s = {.dtype = dtype};
#define LOAD(field, type)              \
    {                                  \
        type v;                        \
        memcpy(&v, from, sizeof v);    \
        s.value.field = v;             \
        break;                         \
    }
#define FIELD_BOOL u
#define FIELD_INT i
#define FIELD_UINT u
#define FIELD_FLOAT f
#define X(name, type, kind) case GPUPROC_##name: LOAD(FIELD_##kind, type)
    switch (dtype) {
        GP_DTYPES(X)
    case GPUPROC_FLOAT16: {
        uint16_t half;
        memcpy(&half, from, sizeof half);
        s.value.f = gp_half_to_f64(half);
        break;
    }
    case GPUPROC_COMPLEX64: {
        float part[2];
        memcpy(part, from, sizeof part);
        s.value.c[0] = (double)part[0];
        s.value.c[1] = (double)part[1];
        break;
    }
    case GPUPROC_COMPLEX128: memcpy(s.value.c, from, sizeof s.value.c); break;
    default: break;
    }
#undef X
#undef LOAD
    return s;
}

gpuproc_status gp_cpu_evaluate_scalars(gp_device *device, const gp_pass *pass,
                                       const uint64_t *uniform, gpuproc_scalar *value,
                                       uint32_t *flags, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cpu_device *cpu = (gp_cpu_device *)device;
    gp_cpu_code code = {0};
    gp_cpu_block *block = NULL;
    scalar_room *element = NULL;
    void **output = NULL;
    uint8_t *store = NULL;
    fenv_t env;

    if (pass->reduces > 0 || pass->inputs > 0 || pass->count != 1)
        return gp_fail(err, GPUPROC_INTERNAL,
                       "a scalar pass has %zu inputs, %zu reductions and %llu elements",
                       pass->inputs, pass->reduces, (unsigned long long)pass->count);
    GP_TRY(gp_cpu_code_init(&code, pass, cpu->ops, cpu->reducers, err));
    block = gp_cpu_block_new(&code, 1);
    element = gp_calloc(pass->outputs, sizeof *element);
    output = gp_calloc(pass->outputs, sizeof *output);
    store = gp_calloc(pass->outputs, sizeof *store);
    if (block == NULL || element == NULL || output == NULL || store == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a scalar pass");
        goto out;
    }
    for (size_t i = 0; i < pass->outputs; i++) {
        output[i] = &element[i];
        store[i] = (uint8_t)gp_cpu_store_choose(&code, i, output[i], false);
    }
    gp_cpu_job job = {.count = 1, .output = output, .store = store, .uniform = uniform};

    /* The caller's thread may flush subnormals or round another way; our numbers may not. */
    fegetenv(&env);
    fesetenv(FE_DFL_ENV);
    uint32_t seen = gp_cpu_block_run(block, &job, 0, 0, 1);
    fesetenv(&env);

    for (size_t i = 0; i < pass->outputs; i++)
        value[i] = load_scalar(pass->output[i].dtype, &element[i]);
    if (flags != NULL) *flags = seen;
out:
    free(store);
    free(output);
    free(element);
    gp_cpu_block_free(block);
    gp_cpu_code_free(&code);
    return st;
}
