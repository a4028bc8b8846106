/* An OpenCL layer that makes any device behave like a discrete GPU in time.
 *
 * The device reports itself as a GPU without unified memory. Each command queue is
 * a stream with a thread of its own; each copy direction and the compute engine does
 * one thing at a time. A command really happens, and then its engine stays busy,
 * asleep, until the time that the set rates give is over. Results are therefore
 * real; only time is simulated.
 *
 *   GPUPROC_SIM_UP, GPUPROC_SIM_DOWN   bytes per second of the copies (default 1e9)
 *   GPUPROC_SIM_KERNEL                 bytes per second of kernels, over the sizes of
 *                                      their buffer arguments (default 1e9)
 *   GPUPROC_SIM_MEMORY                 bytes that the device says it has (default: its own)
 *   GPUPROC_SIM_LOG                    file for one line per command: engine begin end (ns)
 *
 * Loaded by the ICD loader: OPENCL_LAYERS=/path/to/libgpu_layer.so. */
#include "layer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_ARGS 256 /* of a kernel: tests of kernels have many buffers */
#define MAX_ARG_BYTES 64


static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
}

/* ---- Engines ---------------------------------------------------------------- */

typedef enum engine_id { ENGINE_UP, ENGINE_COMPUTE, ENGINE_DOWN, ENGINE_NONE } engine_id;

typedef struct engine {
    const char *name, *variable;
    pthread_mutex_t busy;
    double rate;
} engine;

static engine engines[3] = {
    {"up", "GPUPROC_SIM_UP", PTHREAD_MUTEX_INITIALIZER, 1e9},
    {"compute", "GPUPROC_SIM_KERNEL", PTHREAD_MUTEX_INITIALIZER, 1e9},
    {"down", "GPUPROC_SIM_DOWN", PTHREAD_MUTEX_INITIALIZER, 1e9},
};

static FILE *log_file;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- Tables: queues, kernels, events ---------------------------------------- */

typedef struct arg {
    size_t size;
    bool is_null, set;
    unsigned char bytes[MAX_ARG_BYTES];
} arg;

typedef struct command command;
struct command {
    command *next;
    engine_id engine;
    cl_event event; /* user event that tells the end; retained by the command */
    cl_event *wait;
    cl_uint waits;
    uint64_t queued;
    cl_int result;
    cl_int (*work)(command *c, cl_command_queue queue);
    /* Operands of whatever it is. */
    cl_mem memory;
    size_t offset, bytes;
    void *to;
    const void *from;
    void *mapped;
    cl_map_flags flags;
    cl_kernel kernel;
    cl_uint dims;
    size_t global[3], local[3];
    bool has_local;
    arg args[MAX_ARGS];
    cl_mem held[MAX_ARGS]; /* its buffers: kernel and buffers may be released once it is enqueued */
    cl_uint helds;
    unsigned char pattern[128];
    size_t pattern_bytes;
};

typedef struct stream {
    struct stream *next;
    cl_command_queue queue;
    cl_context context;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    command *first, *last;
    bool working, ending;
    unsigned references;
} stream;

typedef struct kernel_args {
    struct kernel_args *next;
    cl_kernel kernel;
    unsigned references;
    arg args[MAX_ARGS];
} kernel_args;

typedef struct event_times {
    struct event_times *next;
    cl_event event;
    uint64_t queued, begin, end;
} event_times;

static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;
static stream *streams;
static kernel_args *kernels;
static event_times *times;

static stream *find_stream(cl_command_queue queue)
{
    pthread_mutex_lock(&tables);
    stream *s = streams;
    while (s != NULL && s->queue != queue) s = s->next;
    pthread_mutex_unlock(&tables);
    return s;
}

static void set_times(cl_event event, uint64_t queued, uint64_t begin, uint64_t end)
{
    pthread_mutex_lock(&tables);
    event_times *t = times;
    while (t != NULL && t->event != event) t = t->next;
    if (t == NULL) {
        t = calloc(1, sizeof *t);
        t->event = event;
        t->next = times;
        times = t;
    }
    t->queued = queued;
    t->begin = begin;
    t->end = end;
    pthread_mutex_unlock(&tables);
}

static void forget_times(cl_event event)
{
    pthread_mutex_lock(&tables);
    for (event_times **at = &times; *at != NULL; at = &(*at)->next) {
        if ((*at)->event != event) continue;
        event_times *gone = *at;
        *at = gone->next;
        free(gone);
        break;
    }
    pthread_mutex_unlock(&tables);
}

/* ---- A stream's thread ------------------------------------------------------- */

static void perform(stream *s, command *c)
{
    for (cl_uint i = 0; i < c->waits; i++) {
        target->clWaitForEvents(1, &c->wait[i]);
        layer.clReleaseEvent(c->wait[i]);
    }
    engine *e = c->engine == ENGINE_NONE ? NULL : &engines[c->engine];
    if (e != NULL) pthread_mutex_lock(&e->busy);
    uint64_t begin = now_ns();
    c->result = c->work(c, s->queue);
    if (e != NULL) sleep_until(begin + (uint64_t)((double)c->bytes / e->rate * 1e9));
    uint64_t end = now_ns();
    if (e != NULL) pthread_mutex_unlock(&e->busy);
    if (e != NULL && log_file != NULL) {
        pthread_mutex_lock(&log_lock);
        fprintf(log_file, "%s %llu %llu\n", e->name, (unsigned long long)begin,
                (unsigned long long)end);
        fflush(log_file);
        pthread_mutex_unlock(&log_lock);
    }
    set_times(c->event, c->queued, begin, end);
    target->clSetUserEventStatus(c->event, c->result == CL_SUCCESS ? CL_COMPLETE : c->result);
}

static void *stream_main(void *ctx)
{
    stream *s = ctx;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->first == NULL && !s->ending) pthread_cond_wait(&s->changed, &s->lock);
        if (s->first == NULL) break;
        command *c = s->first;
        s->first = c->next;
        if (s->first == NULL) s->last = NULL;
        s->working = true;
        pthread_mutex_unlock(&s->lock);
        perform(s, c);
        layer.clReleaseEvent(c->event);
        free(c->wait);
        free(c);
        pthread_mutex_lock(&s->lock);
        s->working = false;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Queues the command; blocking: waits for its end. Takes over `c`. */
static cl_int enqueue(cl_command_queue queue, command *c, cl_uint waits, const cl_event *wait,
                      cl_event *event, bool blocking)
{
    stream *s = find_stream(queue);
    cl_int code = CL_SUCCESS;
    if (s == NULL || c == NULL) {
        free(c);
        return CL_INVALID_COMMAND_QUEUE;
    }
    c->queued = now_ns();
    c->event = target->clCreateUserEvent(s->context, &code);
    if (code != CL_SUCCESS) {
        free(c);
        return code;
    }
    cl_event done = c->event;
    if (event != NULL || blocking) target->clRetainEvent(done);
    if (waits > 0) {
        c->wait = calloc(waits, sizeof *c->wait);
        memcpy(c->wait, wait, waits * sizeof *wait);
        c->waits = waits;
        for (cl_uint i = 0; i < waits; i++) target->clRetainEvent(wait[i]);
    }
    pthread_mutex_lock(&s->lock);
    if (s->last != NULL) s->last->next = c;
    else s->first = c;
    s->last = c;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (blocking) code = target->clWaitForEvents(1, &done);
    if (event != NULL) *event = done;
    else if (blocking) layer.clReleaseEvent(done);
    return code;
}

/* ---- What commands do ---------------------------------------------------------- */

static cl_int work_nothing(command *c, cl_command_queue queue)
{
    (void)c;
    (void)queue;
    return CL_SUCCESS;
}

static cl_int work_write(command *c, cl_command_queue queue)
{
    return target->clEnqueueWriteBuffer(queue, c->memory, CL_TRUE, c->offset, c->bytes, c->from, 0,
                                        NULL, NULL);
}

static cl_int work_read(command *c, cl_command_queue queue)
{
    return target->clEnqueueReadBuffer(queue, c->memory, CL_TRUE, c->offset, c->bytes, c->to, 0, NULL,
                                       NULL);
}

static cl_int work_fill(command *c, cl_command_queue queue)
{
    cl_int code = target->clEnqueueFillBuffer(queue, c->memory, c->pattern, c->pattern_bytes,
                                              c->offset, c->bytes, 0, NULL, NULL);
    return code == CL_SUCCESS ? target->clFinish(queue) : code;
}

static cl_int work_unmap(command *c, cl_command_queue queue)
{
    cl_int code = target->clEnqueueUnmapMemObject(queue, c->memory, c->to, 0, NULL, NULL);
    return code == CL_SUCCESS ? target->clFinish(queue) : code;
}

static cl_int work_kernel(command *c, cl_command_queue queue)
{
    /* One kernel object may stand in several commands: its arguments are set at launch. */
    static pthread_mutex_t launching = PTHREAD_MUTEX_INITIALIZER;
    cl_int code = CL_SUCCESS;
    pthread_mutex_lock(&launching);
    for (cl_uint i = 0; i < MAX_ARGS && code == CL_SUCCESS; i++) {
        const arg *a = &c->args[i];
        if (a->set) code = target->clSetKernelArg(c->kernel, i, a->size, a->is_null ? NULL : a->bytes);
    }
    if (code == CL_SUCCESS)
        code = target->clEnqueueNDRangeKernel(queue, c->kernel, c->dims, NULL, c->global,
                                              c->has_local ? c->local : NULL, 0, NULL, NULL);
    pthread_mutex_unlock(&launching);
    if (code == CL_SUCCESS) code = target->clFinish(queue);
    for (cl_uint i = 0; i < c->helds; i++) target->clReleaseMemObject(c->held[i]);
    target->clReleaseKernel(c->kernel);
    return code;
}

/* ---- The layer's functions ------------------------------------------------------- */

static cl_int CL_API_CALL get_device_ids(cl_platform_id platform, cl_device_type type, cl_uint count,
                                         cl_device_id *devices, cl_uint *found)
{
    if (type & (CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_DEFAULT)) type = CL_DEVICE_TYPE_ALL;
    else if (type == CL_DEVICE_TYPE_CPU) return CL_DEVICE_NOT_FOUND;
    return target->clGetDeviceIDs(platform, type, count, devices, found);
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info what, size_t room,
                                          void *value, size_t *needed)
{
    cl_device_type gpu = CL_DEVICE_TYPE_GPU;
    cl_bool no = CL_FALSE;
    if (what == CL_DEVICE_TYPE) return answer(&gpu, sizeof gpu, room, value, needed);
    if (what == CL_DEVICE_HOST_UNIFIED_MEMORY) return answer(&no, sizeof no, room, value, needed);
    const char *memory = getenv("GPUPROC_SIM_MEMORY");
    if (what == CL_DEVICE_GLOBAL_MEM_SIZE && memory != NULL) {
        cl_ulong bytes = strtoull(memory, NULL, 10);
        return answer(&bytes, sizeof bytes, room, value, needed);
    }
    return target->clGetDeviceInfo(device, what, room, value, needed);
}

static cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id device,
                                                 cl_command_queue_properties properties, cl_int *code)
{
    cl_command_queue queue = target->clCreateCommandQueue(context, device, properties, code);
    if (queue == NULL) return NULL;
    stream *s = calloc(1, sizeof *s);
    s->queue = queue;
    s->context = context;
    s->references = 1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_create(&s->thread, NULL, stream_main, s);
    pthread_mutex_lock(&tables);
    s->next = streams;
    streams = s;
    pthread_mutex_unlock(&tables);
    return queue;
}

static cl_int CL_API_CALL retain_queue(cl_command_queue queue)
{
    stream *s = find_stream(queue);
    if (s != NULL) __atomic_add_fetch(&s->references, 1, __ATOMIC_SEQ_CST);
    return target->clRetainCommandQueue(queue);
}

static cl_int CL_API_CALL release_queue(cl_command_queue queue)
{
    stream *s = find_stream(queue);
    if (s != NULL && __atomic_sub_fetch(&s->references, 1, __ATOMIC_SEQ_CST) == 0) {
        pthread_mutex_lock(&tables);
        stream **at = &streams;
        while (*at != s) at = &(*at)->next;
        *at = s->next;
        pthread_mutex_unlock(&tables);
        pthread_mutex_lock(&s->lock);
        s->ending = true;
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
        free(s);
    }
    return target->clReleaseCommandQueue(queue);
}

static cl_int CL_API_CALL finish(cl_command_queue queue)
{
    stream *s = find_stream(queue);
    if (s == NULL) return CL_INVALID_COMMAND_QUEUE;
    pthread_mutex_lock(&s->lock);
    while (s->first != NULL || s->working) pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return target->clFinish(queue);
}

static cl_int CL_API_CALL flush(cl_command_queue queue) { return target->clFlush(queue); }

static command *new_command(engine_id id, cl_int (*work)(command *, cl_command_queue))
{
    command *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->engine = id;
    c->work = work;
    return c;
}

static cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                                       size_t offset, size_t bytes, const void *from, cl_uint waits,
                                       const cl_event *wait, cl_event *event)
{
    command *c = new_command(ENGINE_UP, work_write);
    if (c == NULL) return CL_OUT_OF_HOST_MEMORY;
    c->memory = memory;
    c->offset = offset;
    c->bytes = bytes;
    c->from = from;
    return enqueue(queue, c, waits, wait, event, blocking);
}

static cl_int CL_API_CALL read_buffer(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                                      size_t offset, size_t bytes, void *to, cl_uint waits,
                                      const cl_event *wait, cl_event *event)
{
    command *c = new_command(ENGINE_DOWN, work_read);
    if (c == NULL) return CL_OUT_OF_HOST_MEMORY;
    c->memory = memory;
    c->offset = offset;
    c->bytes = bytes;
    c->to = to;
    return enqueue(queue, c, waits, wait, event, blocking);
}

static cl_int CL_API_CALL fill_buffer(cl_command_queue queue, cl_mem memory, const void *pattern,
                                      size_t pattern_bytes, size_t offset, size_t bytes,
                                      cl_uint waits, const cl_event *wait, cl_event *event)
{
    command *c = new_command(ENGINE_COMPUTE, work_fill);
    if (c == NULL || pattern_bytes > sizeof c->pattern) {
        free(c);
        return CL_OUT_OF_HOST_MEMORY;
    }
    c->memory = memory;
    c->offset = offset;
    c->bytes = bytes;
    memcpy(c->pattern, pattern, pattern_bytes);
    c->pattern_bytes = pattern_bytes;
    return enqueue(queue, c, waits, wait, event, false);
}

/* Staging memory, which the driver has on the host, costs nothing to map. What is the device's goes down where it is
 * mapped to be read, and up where it was mapped to be written. */
static bool is_staging(cl_mem memory)
{
    cl_mem_flags flags = 0;
    return target->clGetMemObjectInfo(memory, CL_MEM_FLAGS, sizeof flags, &flags, NULL) == CL_SUCCESS &&
           (flags & CL_MEM_ALLOC_HOST_PTR) != 0;
}

#define MOST_WRITTEN 64
static struct {
    void *mapped;
    size_t bytes;
} written[MOST_WRITTEN]; /* mapped to be written, and not unmapped yet; beyond so many they go up for nothing */

static void note_written(void *mapped, size_t bytes)
{
    pthread_mutex_lock(&tables);
    for (int i = 0; i < MOST_WRITTEN; i++) {
        if (written[i].mapped != NULL) continue;
        written[i].mapped = mapped;
        written[i].bytes = bytes;
        break;
    }
    pthread_mutex_unlock(&tables);
}

static size_t take_written(const void *mapped)
{
    size_t bytes = 0;
    pthread_mutex_lock(&tables);
    for (int i = 0; i < MOST_WRITTEN && bytes == 0; i++) {
        if (written[i].mapped != mapped) continue;
        bytes = written[i].bytes;
        written[i].mapped = NULL;
    }
    pthread_mutex_unlock(&tables);
    return bytes;
}

/* It keeps its place in the stream. */
static void *CL_API_CALL map_buffer(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                                    cl_map_flags flags, size_t offset, size_t bytes, cl_uint waits,
                                    const cl_event *wait, cl_event *event, cl_int *code)
{
    bool staging = is_staging(memory);
    command *c = new_command((flags & CL_MAP_READ) && !staging ? ENGINE_DOWN : ENGINE_NONE, work_nothing);
    void *mapped = NULL;
    (void)blocking;
    if (c != NULL) c->bytes = bytes;
    cl_int result = c != NULL ? enqueue(queue, c, waits, wait, NULL, true) : CL_OUT_OF_HOST_MEMORY;
    if (result == CL_SUCCESS)
        mapped = target->clEnqueueMapBuffer(queue, memory, CL_TRUE, flags, offset, bytes, 0, NULL,
                                            NULL, &result);
    if (result == CL_SUCCESS && event != NULL)
        result = enqueue(queue, new_command(ENGINE_NONE, work_nothing), 0, NULL, event, false);
    if (!staging && mapped != NULL && (flags & (CL_MAP_WRITE | CL_MAP_WRITE_INVALIDATE_REGION)))
        note_written(mapped, bytes);
    if (code != NULL) *code = result;
    return mapped;
}

static cl_int CL_API_CALL unmap(cl_command_queue queue, cl_mem memory, void *mapped, cl_uint waits,
                                const cl_event *wait, cl_event *event)
{
    size_t bytes = take_written(mapped);
    command *c = new_command(bytes > 0 ? ENGINE_UP : ENGINE_NONE, work_unmap);
    if (c == NULL) return CL_OUT_OF_HOST_MEMORY;
    c->bytes = bytes;
    c->memory = memory;
    c->to = mapped;
    return enqueue(queue, c, waits, wait, event, false);
}

static cl_int CL_API_CALL marker(cl_command_queue queue, cl_uint waits, const cl_event *wait,
                                 cl_event *event)
{
    return enqueue(queue, new_command(ENGINE_NONE, work_nothing), waits, wait, event, false);
}

static kernel_args *args_of(cl_kernel kernel, bool make)
{
    kernel_args *k = kernels;
    while (k != NULL && k->kernel != kernel) k = k->next;
    if (k == NULL && make) {
        k = calloc(1, sizeof *k);
        k->kernel = kernel;
        k->references = 1;
        k->next = kernels;
        kernels = k;
    }
    return k;
}

static cl_int CL_API_CALL set_arg(cl_kernel kernel, cl_uint index, size_t size, const void *value)
{
    if (index >= MAX_ARGS || (value != NULL && size > MAX_ARG_BYTES)) return CL_INVALID_ARG_SIZE;
    pthread_mutex_lock(&tables);
    arg *a = &args_of(kernel, true)->args[index];
    *a = (arg){.size = size, .is_null = value == NULL, .set = true};
    if (value != NULL) memcpy(a->bytes, value, size);
    pthread_mutex_unlock(&tables);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL release_kernel(cl_kernel kernel)
{
    pthread_mutex_lock(&tables);
    for (kernel_args **at = &kernels; *at != NULL; at = &(*at)->next) {
        if ((*at)->kernel != kernel) continue;
        kernel_args *gone = *at;
        *at = gone->next;
        free(gone);
        break;
    }
    pthread_mutex_unlock(&tables);
    return target->clReleaseKernel(kernel);
}

/* The bytes that a kernel is charged for: its buffer arguments. Values of a pointer's size are
 * asked whether they are buffers by looking them up among the live ones. */
typedef struct live_buffer {
    struct live_buffer *next;
    cl_mem memory;
    size_t bytes;
} live_buffer;
static live_buffer *buffers;

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes,
                                        void *host, cl_int *code)
{
    cl_mem memory = target->clCreateBuffer(context, flags, bytes, host, code);
    if (memory == NULL) return NULL;
    live_buffer *b = calloc(1, sizeof *b);
    pthread_mutex_lock(&tables);
    *b = (live_buffer){.next = buffers, .memory = memory, .bytes = bytes};
    buffers = b;
    pthread_mutex_unlock(&tables);
    return memory;
}

static cl_int CL_API_CALL release_memory(cl_mem memory)
{
    pthread_mutex_lock(&tables);
    for (live_buffer **at = &buffers; *at != NULL; at = &(*at)->next) {
        if ((*at)->memory != memory) continue;
        live_buffer *gone = *at;
        *at = gone->next;
        free(gone);
        break;
    }
    pthread_mutex_unlock(&tables);
    return target->clReleaseMemObject(memory);
}

static cl_int CL_API_CALL launch(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                 const size_t *offset, const size_t *global, const size_t *local,
                                 cl_uint waits, const cl_event *wait, cl_event *event)
{
    command *c = new_command(ENGINE_COMPUTE, work_kernel);
    if (c == NULL || offset != NULL || dims > 3) {
        free(c);
        return CL_INVALID_VALUE;
    }
    c->kernel = kernel;
    c->dims = dims;
    c->has_local = local != NULL;
    for (cl_uint d = 0; d < dims; d++) {
        c->global[d] = global[d];
        if (local != NULL) c->local[d] = local[d];
    }
    pthread_mutex_lock(&tables);
    kernel_args *k = args_of(kernel, false);
    if (k != NULL) memcpy(c->args, k->args, sizeof c->args);
    for (int i = 0; i < MAX_ARGS; i++) {
        if (!c->args[i].set || c->args[i].size != sizeof(cl_mem)) continue;
        cl_mem memory;
        memcpy(&memory, c->args[i].bytes, sizeof memory);
        for (live_buffer *b = buffers; b != NULL; b = b->next) {
            if (b->memory != memory) continue;
            c->bytes += b->bytes;
            if (target->clRetainMemObject(memory) == CL_SUCCESS) c->held[c->helds++] = memory;
        }
    }
    pthread_mutex_unlock(&tables);
    target->clRetainKernel(kernel);
    return enqueue(queue, c, waits, wait, event, false);
}

static cl_int CL_API_CALL profile(cl_event event, cl_profiling_info what, size_t room, void *value,
                                  size_t *needed)
{
    cl_ulong ns = 0;
    cl_int code = CL_PROFILING_INFO_NOT_AVAILABLE;
    pthread_mutex_lock(&tables);
    for (event_times *t = times; t != NULL; t = t->next) {
        if (t->event != event) continue;
        code = CL_SUCCESS;
        ns = what == CL_PROFILING_COMMAND_START ? t->begin
             : what == CL_PROFILING_COMMAND_END ? t->end
                                                : t->queued;
    }
    pthread_mutex_unlock(&tables);
    return code == CL_SUCCESS ? answer(&ns, sizeof ns, room, value, needed) : code;
}

static cl_int CL_API_CALL release_event(cl_event event)
{
    cl_uint references = 0;
    target->clGetEventInfo(event, CL_EVENT_REFERENCE_COUNT, sizeof references, &references, NULL);
    if (references == 1) forget_times(event);
    return target->clReleaseEvent(event);
}

/* ---- Entry points ------------------------------------------------------------------ */

EXPORT cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t room, void *value, size_t *needed)
{
    return layer_info("simulated discrete GPU", what, room, value, needed);
}

EXPORT cl_int CL_API_CALL clInitLayer(cl_uint count, const cl_icd_dispatch *next, cl_uint *filled,
                                      const cl_icd_dispatch **mine)
{
    if (layer_begin(count, next, filled, mine) != CL_SUCCESS) return CL_INVALID_VALUE;
    for (int i = 0; i < 3; i++) {
        const char *text = getenv(engines[i].variable);
        if (text != NULL && strtod(text, NULL) > 0) engines[i].rate = strtod(text, NULL);
    }
    if (getenv("GPUPROC_SIM_LOG") != NULL) log_file = fopen(getenv("GPUPROC_SIM_LOG"), "we");
    layer.clGetDeviceIDs = get_device_ids;
    layer.clGetDeviceInfo = get_device_info;
    layer.clCreateCommandQueue = create_queue;
    layer.clRetainCommandQueue = retain_queue;
    layer.clReleaseCommandQueue = release_queue;
    layer.clFinish = finish;
    layer.clFlush = flush;
    layer.clEnqueueWriteBuffer = write_buffer;
    layer.clEnqueueReadBuffer = read_buffer;
    layer.clEnqueueFillBuffer = fill_buffer;
    layer.clEnqueueMapBuffer = map_buffer;
    layer.clEnqueueUnmapMemObject = unmap;
    layer.clEnqueueMarkerWithWaitList = marker;
    layer.clEnqueueBarrierWithWaitList = marker;
    layer.clSetKernelArg = set_arg;
    layer.clReleaseKernel = release_kernel;
    layer.clCreateBuffer = create_buffer;
    layer.clReleaseMemObject = release_memory;
    layer.clEnqueueNDRangeKernel = launch;
    layer.clGetEventProfilingInfo = profile;
    layer.clReleaseEvent = release_event;
    return CL_SUCCESS;
}
