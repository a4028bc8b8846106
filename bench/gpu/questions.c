/* gpu_questions [--question N] [DEVICE]: asks the first GPU (else the first device, or the one whose name has DEVICE in
 * it) all of them, or one. One line of JSON for each answer: question, what, value, unit.
 *
 *  0 what is it?
 *  1 do two small kernels run together, in one out-of-order queue or in two in-order ones?
 *  2 how fast is each way to move bytes, and when does the call return?
 *  3 does a pipeline of three queues overlap, with clFlush and without?
 *  4 how large may one buffer be?
 *  5 which instructions for matrices does inline assembly reach?
 *  6 does `half` work without the extension, and how fast is it?
 *  7 is asked elsewhere: gpuproc tune, gpuproc bench.
 *  8 what does waiting cost, and what do events cost that nobody releases?
 *  9 may a file be read straight into mapped memory, past the page cache?
 * 10 what does a program cost: from source, again, from its binary? */
#include "gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static void quoted(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    putchar('"');
}

static void begin(int question, const char *what)
{
    printf("{\"question\": %d, \"what\": ", question);
    quoted(what);
}

void tell(int question, const char *what, double value, const char *unit)
{
    begin(question, what);
    printf(", \"value\": %.6g, \"unit\": \"%s\"}\n", value, unit);
    fflush(stdout);
}

void tell_failed(int question, const char *what, cl_int code)
{
    begin(question, what);
    printf(", \"error\": %d}\n", (int)code);
    fflush(stdout);
}

void tell_text(int question, const char *what, const char *text)
{
    begin(question, what);
    printf(", \"text\": ");
    quoted(text);
    printf("}\n");
    fflush(stdout);
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double cpu_time(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double median(double *value, size_t count)
{
    qsort(value, count, sizeof *value, compare);
    return count % 2 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

cl_command_queue queue_new(const gpu *g, cl_command_queue_properties properties)
{
    cl_int code;
    return clCreateCommandQueue(g->context, g->device, properties, &code);
}

cl_kernel kernel_new(const gpu *g, int question, const char *what, const char *source, const char *name)
{
    cl_int code;
    char log[512] = "";
    cl_program program = clCreateProgramWithSource(g->context, 1, &source, NULL, &code);
    if (program == NULL) {
        tell_failed(question, what, code);
        return NULL;
    }
    code = clBuildProgram(program, 1, &g->device, "-cl-std=CL1.2", NULL, NULL);
    cl_kernel kernel = code == CL_SUCCESS ? clCreateKernel(program, name, &code) : NULL;
    if (kernel == NULL) {
        tell_failed(question, what, code);
        size_t size = 0;
        clGetProgramBuildInfo(program, g->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
        char *all = size > 0 ? malloc(size) : NULL;
        if (all != NULL && clGetProgramBuildInfo(program, g->device, CL_PROGRAM_BUILD_LOG, size, all, NULL) == CL_SUCCESS)
            snprintf(log, sizeof log, "%s", all);
        free(all);
        if (log[0] != '\0') tell_text(question, what, log);
    }
    clReleaseProgram(program);
    return kernel;
}

/* ---- A kernel of a known length ---- */

static const char *const busy_source =
    "__kernel void busy(__global float *out, uint rounds)\n"
    "{\n"
    "    float x = (float)get_global_id(0) * 1e-9f;\n"
    "    for (uint i = 0; i < rounds; i++) x = fma(x, 0.999f, 0.5f);\n"
    "    out[get_global_id(0)] = x;\n"
    "}\n";

cl_int busy_start(const busy *b, cl_command_queue queue, cl_event *event)
{
    size_t local = b->items < 64 ? b->items : 64;
    clSetKernelArg(b->kernel, 0, sizeof b->out, &b->out);
    clSetKernelArg(b->kernel, 1, sizeof b->rounds, &b->rounds);
    return clEnqueueNDRangeKernel(queue, b->kernel, 1, NULL, &b->items, &local, 0, NULL, event);
}

bool busy_new(const gpu *g, int question, double seconds, size_t items, busy *b)
{
    cl_int code;
    *b = (busy){.items = items, .rounds = 1000};
    b->kernel = kernel_new(g, question, "a kernel of a known length", busy_source, "busy");
    b->out = clCreateBuffer(g->context, CL_MEM_WRITE_ONLY, items * sizeof(float), NULL, &code);
    cl_command_queue queue = queue_new(g, 0);
    bool good = b->kernel != NULL && b->out != NULL && queue != NULL;
    for (int k = 0; good && k < 12; k++) {
        good = busy_start(b, queue, NULL) == CL_SUCCESS && clFinish(queue) == CL_SUCCESS;
        double begin_s = now();
        good = good && busy_start(b, queue, NULL) == CL_SUCCESS && clFinish(queue) == CL_SUCCESS;
        double took = now() - begin_s;
        if (took > 0.8 * seconds && took < 1.25 * seconds) break;
        double factor = seconds / (took > 1e-7 ? took : 1e-7);
        double rounds = (double)b->rounds * (factor > 50 ? 50 : factor);
        b->rounds = rounds < 1 ? 1 : rounds > 4e9 ? 4000000000u : (cl_uint)rounds;
    }
    if (queue != NULL) clReleaseCommandQueue(queue);
    if (!good) busy_free(b);
    return good;
}

void busy_free(busy *b)
{
    if (b->kernel != NULL) clReleaseKernel(b->kernel);
    if (b->out != NULL) clReleaseMemObject(b->out);
    *b = (busy){0};
}

/* ---- Who is asked ---- */

static bool is_wanted(cl_device_id device, const char *name)
{
    char own[256] = "";
    cl_device_type type = 0;
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof own, own, NULL);
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    return name != NULL ? strstr(own, name) != NULL : (type & CL_DEVICE_TYPE_GPU) != 0;
}

static bool find(const char *name, gpu *g)
{
    cl_platform_id platform[16];
    cl_device_id device[32];
    cl_uint platforms = 0, devices;
    if (clGetPlatformIDs(16, platform, &platforms) != CL_SUCCESS) return false;
    for (int any = 0; any < (name == NULL ? 2 : 1); any++) {
        for (cl_uint p = 0; p < platforms && p < 16; p++) {
            devices = 0;
            if (clGetDeviceIDs(platform[p], CL_DEVICE_TYPE_ALL, 32, device, &devices) != CL_SUCCESS) continue;
            for (cl_uint d = 0; d < devices && d < 32; d++) {
                if (!any && !is_wanted(device[d], name)) continue;
                g->platform = platform[p];
                g->device = device[d];
                return true;
            }
        }
    }
    return false;
}

/* Sets what questions go by, and tells it (question 0) where it is asked. */
static void introduce(gpu *g, bool asked)
{
    static const struct {
        cl_device_info key;
        const char *what;
    } texts[] = {{CL_DEVICE_NAME, "device"}, {CL_DEVICE_VENDOR, "vendor"}, {CL_DEVICE_VERSION, "version"},
                 {CL_DRIVER_VERSION, "driver"}, {CL_DEVICE_EXTENSIONS, "extensions"}};
    char text[8192];
    cl_command_queue_properties queues = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        text[0] = '\0';
        clGetDeviceInfo(g->device, texts[i].key, sizeof text, text, NULL);
        if (asked) tell_text(0, texts[i].what, text);
        if (texts[i].key == CL_DEVICE_EXTENSIONS) g->fp16 = strstr(text, "cl_khr_fp16") != NULL;
    }
    clGetDeviceInfo(g->device, CL_DEVICE_QUEUE_PROPERTIES, sizeof queues, &queues, NULL);
    clGetDeviceInfo(g->device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof g->memory, &g->memory, NULL);
    clGetDeviceInfo(g->device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof g->largest, &g->largest, NULL);
    g->out_of_order = (queues & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
    if (!asked) return;
    tell(0, "memory", (double)g->memory, "B");
    tell(0, "largest buffer, as it says", (double)g->largest, "B");
    tell(0, "out-of-order queues", g->out_of_order, "yes");
}

static const struct {
    int number;
    void (*ask)(const gpu *g);
} questions[] = {{1, ask_pairs}, {2, ask_transfers}, {3, ask_pipeline}, {4, ask_memory}, {5, ask_assembly},
                 {6, ask_half}, {8, ask_waiting}, {9, ask_direct_read}, {10, ask_building}};

/* The question's number, -1 for all, -2 where there is no such question. */
static int number_of(const char *text)
{
    if (strcmp(text, "0") == 0) return 0;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (atoi(text) == questions[i].number) return questions[i].number;
    }
    return -2;
}

int main(int argc, char **argv)
{
    gpu g = {0};
    cl_int code;
    int only = -1;
    if (argc > 2 && strcmp(argv[1], "--question") == 0) {
        only = number_of(argv[2]);
        argc -= 2;
        argv += 2;
    }
    if (argc > 2 || only == -2 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(stderr, "usage: gpu_questions [--question N] [DEVICE]\n");
        return 2;
    }
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!find(name, &g)) {
        fprintf(stderr, "gpu_questions: no OpenCL device%s%s\n", name != NULL ? " with a name like " : "", name != NULL ? name : "");
        return 1;
    }
    introduce(&g, only <= 0);
    g.context = clCreateContext(NULL, 1, &g.device, NULL, NULL, &code);
    if (g.context == NULL) {
        tell_failed(0, "context", code);
        return 1;
    }
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (only < 0 || only == questions[i].number) questions[i].ask(&g);
    }
    clReleaseContext(g.context);
    return 0;
}
