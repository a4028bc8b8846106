#include "device/opencl/cl_device.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static char *trimmed(char *text)
{
    size_t length = strlen(text), begin = 0;
    while (length > 0 && (unsigned char)text[length - 1] <= ' ') length--;
    while (begin < length && (unsigned char)text[begin] <= ' ') begin++;
    memmove(text, text + begin, length - begin);
    text[length - begin] = '\0';
    return text;
}

char *gp_cl_platform_text(const gp_cl_api *api, cl_platform_id platform, cl_platform_info param)
{
    size_t bytes = 0;
    if (api->clGetPlatformInfo(platform, param, 0, NULL, &bytes) != CL_SUCCESS) return NULL;
    char *text = gp_calloc(bytes + 1, 1);
    if (text == NULL) return NULL;
    if (api->clGetPlatformInfo(platform, param, bytes, text, NULL) != CL_SUCCESS) {
        free(text);
        return NULL;
    }
    return trimmed(text);
}

static char *device_text(const gp_cl_api *api, cl_device_id device, cl_device_info param)
{
    size_t bytes = 0;
    if (api->clGetDeviceInfo(device, param, 0, NULL, &bytes) != CL_SUCCESS) return NULL;
    char *text = gp_calloc(bytes + 1, 1);
    if (text == NULL) return NULL;
    if (api->clGetDeviceInfo(device, param, bytes, text, NULL) != CL_SUCCESS) {
        free(text);
        return NULL;
    }
    return trimmed(text);
}

/* A number, or `otherwise`; the first failure is noted where `needed`. */
static uint64_t number(gp_cl_device *device, cl_device_info param, const char *name, size_t bytes,
                       bool needed, uint64_t otherwise)
{
    uint64_t value = 0;
    cl_int rc = device->api->clGetDeviceInfo(device->id, param, bytes, &value, NULL);
    if (rc == CL_SUCCESS) return value; /* little-endian hosts only: see below */
    char *note = device->base.info.note;
    if (needed && note[0] == '\0') {
        snprintf(note, sizeof device->base.info.note, "%s cannot be asked: %s (%d)", name,
                 gp_cl_error_name(rc), (int)rc);
    }
    return otherwise;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "number() widens in place");

#define NUMBER(device, param, type, needed, otherwise) \
    number(device, param, #param, sizeof(type), needed, otherwise)

/* A CPU device's binaries hold that very CPU's instructions, and its OpenCL name may not tell. */
static void host_cpu(gp_text *out)
{
    static const char *const wanted[] = {"vendor_id", "cpu family",      "model",    "stepping",
                                         "flags",     "CPU implementer", "CPU part", "CPU variant",
                                         "Features",  "isa",             "uarch"};
    char buf[8192];
    FILE *f = fopen("/proc/cpuinfo", "re");
    if (f == NULL) return;
    size_t bytes = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[bytes] = '\0';
    char *save = NULL;
    for (char *line = strtok_r(buf, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "processor", 9) == 0 && line != buf) break; /* the first one is enough */
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) gp_text_add(out, "%s\n", line);
        }
    }
}

static gpuproc_status make_identity(gp_cl_device *device, const char *platform_name,
                                    const char *platform_version, gpuproc_error *err)
{
    gp_text id = {0};
    uint64_t vendor = NUMBER(device, CL_DEVICE_VENDOR_ID, cl_uint, false, 0);
    char *version = device_text(device->api, device->id, CL_DEVICE_VERSION);
    char *name = device_text(device->api, device->id, CL_DEVICE_NAME);
    char *driver = device_text(device->api, device->id, CL_DRIVER_VERSION);
    char *extensions = device_text(device->api, device->id, CL_DEVICE_EXTENSIONS);
    bool known = version != NULL && name != NULL && driver != NULL && extensions != NULL;
    gp_text_add(&id, "platform %s %s\ndevice %s %s %llx\ndriver %s\nextensions %s\n", platform_name,
                platform_version, name ? name : "", version ? version : "",
                (unsigned long long)vendor, driver ? driver : "", extensions ? extensions : "");
    gp_text_add(&id, "gpuproc %d.%d.%d\n", GPUPROC_VERSION_MAJOR, GPUPROC_VERSION_MINOR,
                GPUPROC_VERSION_PATCH);
    if (device->caps.is_cpu) host_cpu(&id);
    free(version);
    free(name);
    free(driver);
    free(extensions);
    if (id.failed) {
        gp_text_free(&id);
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    }
    device->identity = id.data;
    /* A device that does not say what it is could be taken for another one. */
    if (!known) device->cache = NULL;
    return GPUPROC_OK;
}

static void copy_text(const gp_cl_device *device, cl_device_info param, char *out, size_t bytes)
{
    char *text = device_text(device->api, device->id, param);
    snprintf(out, bytes, "%s", text != NULL ? text : "?");
    free(text);
}

static void note(gp_cl_device *device, const char *text)
{
    gpuproc_device_info *info = &device->base.info;
    if (info->note[0] == '\0') snprintf(info->note, sizeof info->note, "%s", text);
}

static void query_numbers(gp_cl_device *device)
{
    gpuproc_device_info *info = &device->base.info;
    device->type = NUMBER(device, CL_DEVICE_TYPE, cl_device_type, true, CL_DEVICE_TYPE_CUSTOM);
    info->kind = device->type & CL_DEVICE_TYPE_GPU   ? GPUPROC_DEVICE_OPENCL_GPU
                 : device->type & CL_DEVICE_TYPE_CPU ? GPUPROC_DEVICE_OPENCL_CPU
                                                     : GPUPROC_DEVICE_OPENCL_OTHER;
    info->memory_bytes = NUMBER(device, CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong, true, 0);
    info->max_buffer_bytes = NUMBER(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong, true, 0);
    info->compute_units =
        (unsigned)NUMBER(device, CL_DEVICE_MAX_COMPUTE_UNITS, cl_uint, true, 1);
    if (info->compute_units == 0) info->compute_units = 1;
    /* Out of use since OpenCL 2.0; a driver that no longer knows the word gets copies, which are always right. */
    info->unified_memory = NUMBER(device, CL_DEVICE_HOST_UNIFIED_MEMORY, cl_bool, false, CL_FALSE);

    uint64_t f32 =
        NUMBER(device, CL_DEVICE_SINGLE_FP_CONFIG, cl_device_fp_config, true, 0);
    /* Asking for doubles may be refused by a device that has none. */
    uint64_t f64 =
        NUMBER(device, CL_DEVICE_DOUBLE_FP_CONFIG, cl_device_fp_config, false, 0);
    char *extensions = device_text(device->api, device->id, CL_DEVICE_EXTENSIONS);
    info->fp64 = f64 != 0;
    info->fp16 = extensions != NULL && strstr(extensions, "cl_khr_fp16") != NULL;
    free(extensions);
    device->caps = (gp_cl_caps){
        .fp64 = info->fp64,
        .correctly_rounded_divide_sqrt = (f32 & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0,
        .denormals_f32 = (f32 & CL_FP_DENORM) != 0,
        .is_cpu = info->kind == GPUPROC_DEVICE_OPENCL_CPU,
    };

    device->unified = info->unified_memory;
    uint64_t align_bits = NUMBER(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, cl_uint, true, 0);
    device->address_align = align_bits >= 8 ? (size_t)align_bits / 8 : 128;
    device->max_parameter_bytes =
        (size_t)NUMBER(device, CL_DEVICE_MAX_PARAMETER_SIZE, size_t, true, 1024);

    if (NUMBER(device, CL_DEVICE_AVAILABLE, cl_bool, true, CL_FALSE) == CL_FALSE)
        note(device, "the device is not available");
    if (NUMBER(device, CL_DEVICE_COMPILER_AVAILABLE, cl_bool, true, CL_FALSE) == CL_FALSE)
        note(device, "the device has no compiler");
    if (NUMBER(device, CL_DEVICE_ENDIAN_LITTLE, cl_bool, true, CL_FALSE) == CL_FALSE)
        note(device, "the device's byte order is not the host's");
}

gpuproc_status gp_cl_device_query(gp_cl_device *device, const char *platform_name,
                                  const char *platform_version, gpuproc_error *err)
{
    gpuproc_device_info *info = &device->base.info;
    info->struct_size = sizeof *info;
    snprintf(info->platform, sizeof info->platform, "%s", platform_name);
    copy_text(device, CL_DEVICE_NAME, info->name, sizeof info->name);
    copy_text(device, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    copy_text(device, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    query_numbers(device);
    device->base.in_place = device->unified;
    /* Shared memory is the host's too, so less of it is ours. */
    device->base.memory_budget =
        device->unified ? info->memory_bytes / 4 : info->memory_bytes / 8 * 3;
    device->kept_budget = device->unified ? 0 : info->memory_bytes / 8 * 3;
    return make_identity(device, platform_name, platform_version, err);
}
