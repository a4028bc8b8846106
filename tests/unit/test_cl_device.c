/* The OpenCL backend on a real device (PoCL in CI), as a unified device and, by telling it
 * otherwise, as a discrete one. The kernels are this test's own: what is tested is how
 * bytes and failures travel. Calls are counted and made to fail through the table. */
#include "base/clock.h"
#include "base/memory.h"
#include "device/opencl/cl_device.h"
#include "device/opencl/cl_driver.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- What stands in for the emitter ---- */

#define HEAD "__kernel __attribute__((reqd_work_group_size(64, 1, 1))) void "
#define LOOP "for (ulong i = get_global_id(0); i < count; i += get_global_size(0)) "

/* out = x * 2 + y + uniform + index; flags bit 0 where x is 1000 */
static const char map_text[] =
    HEAD "gp_map(ulong first, ulong count, __global const int *x, __global const int *y,\n"
    "  __global int *out, __constant ulong *u, __global uint *flags) {\n"
    LOOP "{ if (x[i] == 1000) atomic_or(flags, 1u);\n"
    "  out[i] = x[i] * 2 + y[i] + (int)u[0] + (int)(first + i); } }\n";

/* out = x + table[index % 7] */
static const char resident_text[] =
    HEAD "gp_map(ulong first, ulong count, __global const int *x, __global const int *t,\n"
    "  __global int *out, __global uint *flags) {\n" LOOP "out[i] = x[i] + t[(first + i) % 7]; }\n";

/* Partial 0: a sum per group; partial 1: the number of elements per block. */
static const char reduce_text[] =
    HEAD "gp_reduce(ulong first, ulong count, __global const int *x, __global uint *flags,\n"
    "  __global uchar *p0, __global uchar *p1) {\n"
    "  __global long *sum = (__global long *)p0; __global ulong *n = (__global ulong *)p1;\n"
    "  if (get_local_id(0) != 0) return;\n"
    "  long s = 0; ulong blocks = (count + 1023) / 1024;\n"
    "  for (ulong b = get_group_id(0); b < blocks; b += get_num_groups(0)) {\n"
    "    ulong end = min((b + 1) * 1024, count);\n"
    "    for (ulong i = b * 1024; i < end; i++) s += x[i];\n"
    "    n[b] = end - b * 1024; }\n"
    "  sum[get_group_id(0)] = s; }\n";

static const char *source_text, *source_kernel;

gpuproc_status gp_cl_source_make(const gp_pass *pass, const gp_cl_caps *caps, gp_cl_source *source,
                                 gpuproc_error *err)
{
    (void)pass;
    (void)caps;
    (void)err;
    *source = (gp_cl_source){.text = strdup(source_text),
                             .length = strlen(source_text),
                             .kernel = source_kernel,
                             .options = "-cl-std=CL1.2",
                             .local_size = 64};
    return GPUPROC_OK;
}

void gp_cl_source_free(gp_cl_source *source) { free(source->text); }

size_t gp_reduce_partial_bytes(gp_reduce_kind kind, gp_dtype operand)
{
    (void)kind;
    (void)operand;
    return 8;
}

bool gp_reduce_ordered(gp_reduce_kind kind, gp_dtype operand)
{
    (void)operand;
    return kind == GP_REDUCE_PROD;
}

/* ---- Calls that are counted and fail on demand ---- */

static gp_cl_api real;
static long call_number, fail_at; /* fail_at 0: never */
static bool fail_forever;
static const char *fail_only; /* NULL: any call */
static const char *failed_call;
static long live_events, live_objects, live_contexts;

static bool fails(const char *name)
{
    if (fail_at == 0 || (fail_only != NULL && strcmp(fail_only, name) != 0)) return false;
    long n = __atomic_add_fetch(&call_number, 1, __ATOMIC_SEQ_CST);
    bool now = n == fail_at || (fail_forever && n > fail_at);
    if (now && failed_call == NULL) failed_call = name;
    return now;
}

static void live(long *count, long change) { __atomic_add_fetch(count, change, __ATOMIC_SEQ_CST); }

#define PARAMS(...) (__VA_ARGS__)
#define ARGS(...) (__VA_ARGS__)
#define STATUS_CALL(name, params, args) \
    static cl_int CL_API_CALL my_##name params \
    { \
        if (fails(#name)) return CL_OUT_OF_RESOURCES; \
        return real.name args; \
    }
#define OBJECT_CALL(type, name, params, args, rc, counter) \
    static type CL_API_CALL my_##name params \
    { \
        type made; \
        if (fails(#name)) { \
            if (rc != NULL) *rc = CL_OUT_OF_RESOURCES; \
            return NULL; \
        } \
        made = real.name args; \
        if (made != NULL) live(&counter, 1); \
        return made; \
    }
#define EVENT_CALL(name, params, args) \
    static cl_int CL_API_CALL my_##name params \
    { \
        if (fails(#name)) return CL_OUT_OF_RESOURCES; \
        cl_int rc = real.name args; \
        if (rc == CL_SUCCESS && event != NULL) live(&live_events, 1); \
        return rc; \
    }
#define RELEASE_CALL(name, type, counter) \
    static cl_int CL_API_CALL my_##name(type object) \
    { \
        live(&counter, -1); \
        return real.name(object); \
    }

OBJECT_CALL(cl_context, clCreateContext,
            PARAMS(const cl_context_properties *p, cl_uint n, const cl_device_id *d,
                   void(CL_CALLBACK *f)(const char *, const void *, size_t, void *), void *u,
                   cl_int *rc),
            ARGS(p, n, d, f, u, rc), rc, live_contexts)
OBJECT_CALL(cl_command_queue, clCreateCommandQueue,
            PARAMS(cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int *rc),
            ARGS(c, d, p, rc), rc, live_objects)
OBJECT_CALL(cl_mem, clCreateBuffer,
            PARAMS(cl_context c, cl_mem_flags f, size_t n, void *h, cl_int *rc),
            ARGS(c, f, n, h, rc), rc, live_objects)
OBJECT_CALL(cl_mem, clCreateSubBuffer,
            PARAMS(cl_mem m, cl_mem_flags f, cl_buffer_create_type t, const void *r, cl_int *rc),
            ARGS(m, f, t, r, rc), rc, live_objects)
OBJECT_CALL(cl_program, clCreateProgramWithSource,
            PARAMS(cl_context c, cl_uint n, const char **s, const size_t *l, cl_int *rc),
            ARGS(c, n, s, l, rc), rc, live_objects)
OBJECT_CALL(cl_program, clCreateProgramWithBinary,
            PARAMS(cl_context c, cl_uint n, const cl_device_id *d, const size_t *l,
                   const unsigned char **b, cl_int *s, cl_int *rc),
            ARGS(c, n, d, l, b, s, rc), rc, live_objects)
OBJECT_CALL(cl_kernel, clCreateKernel, PARAMS(cl_program p, const char *n, cl_int *rc),
            ARGS(p, n, rc), rc, live_objects)
STATUS_CALL(clBuildProgram,
            PARAMS(cl_program p, cl_uint n, const cl_device_id *d, const char *o,
                   void(CL_CALLBACK *f)(cl_program, void *), void *u),
            ARGS(p, n, d, o, f, u))
STATUS_CALL(clGetProgramInfo,
            PARAMS(cl_program p, cl_program_info i, size_t n, void *v, size_t *r),
            ARGS(p, i, n, v, r))
STATUS_CALL(clGetKernelWorkGroupInfo,
            PARAMS(cl_kernel k, cl_device_id d, cl_kernel_work_group_info i, size_t n, void *v,
                   size_t *r),
            ARGS(k, d, i, n, v, r))
STATUS_CALL(clSetKernelArg, PARAMS(cl_kernel k, cl_uint i, size_t n, const void *v),
            ARGS(k, i, n, v))
EVENT_CALL(clEnqueueWriteBuffer,
           PARAMS(cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, const void *p,
                  cl_uint w, const cl_event *l, cl_event *event),
           ARGS(q, m, b, o, n, p, w, l, event))
EVENT_CALL(clEnqueueReadBuffer,
           PARAMS(cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, void *p, cl_uint w,
                  const cl_event *l, cl_event *event),
           ARGS(q, m, b, o, n, p, w, l, event))
EVENT_CALL(clEnqueueNDRangeKernel,
           PARAMS(cl_command_queue q, cl_kernel k, cl_uint d, const size_t *o, const size_t *g,
                  const size_t *s, cl_uint w, const cl_event *l, cl_event *event),
           ARGS(q, k, d, o, g, s, w, l, event))
EVENT_CALL(clEnqueueUnmapMemObject,
           PARAMS(cl_command_queue q, cl_mem m, void *p, cl_uint w, const cl_event *l,
                  cl_event *event),
           ARGS(q, m, p, w, l, event))
STATUS_CALL(clSetEventCallback,
            PARAMS(cl_event e, cl_int s, void(CL_CALLBACK *f)(cl_event, cl_int, void *), void *u),
            ARGS(e, s, f, u))
STATUS_CALL(clGetEventInfo, PARAMS(cl_event e, cl_event_info i, size_t n, void *v, size_t *r),
            ARGS(e, i, n, v, r))
STATUS_CALL(clGetEventProfilingInfo,
            PARAMS(cl_event e, cl_profiling_info i, size_t n, void *v, size_t *r),
            ARGS(e, i, n, v, r))
STATUS_CALL(clWaitForEvents, PARAMS(cl_uint n, const cl_event *e), ARGS(n, e))
STATUS_CALL(clFlush, PARAMS(cl_command_queue q), ARGS(q))
STATUS_CALL(clFinish, PARAMS(cl_command_queue q), ARGS(q))
RELEASE_CALL(clReleaseContext, cl_context, live_contexts)
RELEASE_CALL(clReleaseCommandQueue, cl_command_queue, live_objects)
RELEASE_CALL(clReleaseMemObject, cl_mem, live_objects)
RELEASE_CALL(clReleaseProgram, cl_program, live_objects)
RELEASE_CALL(clReleaseKernel, cl_kernel, live_objects)
RELEASE_CALL(clReleaseEvent, cl_event, live_events)

static void *CL_API_CALL my_clEnqueueMapBuffer(cl_command_queue q, cl_mem m, cl_bool b,
                                               cl_map_flags f, size_t o, size_t n, cl_uint w,
                                               const cl_event *l, cl_event *event, cl_int *rc)
{
    if (fails("clEnqueueMapBuffer")) {
        *rc = CL_OUT_OF_RESOURCES;
        return NULL;
    }
    void *p = real.clEnqueueMapBuffer(q, m, b, f, o, n, w, l, event, rc);
    if (*rc == CL_SUCCESS && event != NULL) live(&live_events, 1);
    return p;
}

static void hook(gp_device *device)
{
    gp_cl_api *api = (gp_cl_api *)(uintptr_t)((gp_cl_device *)device)->api;
    real = *api;
#define HOOK(name) api->name = my_##name;
    HOOK(clCreateContext) HOOK(clCreateCommandQueue) HOOK(clCreateBuffer) HOOK(clCreateSubBuffer)
    HOOK(clCreateProgramWithSource) HOOK(clCreateProgramWithBinary) HOOK(clCreateKernel)
    HOOK(clBuildProgram) HOOK(clGetProgramInfo) HOOK(clGetKernelWorkGroupInfo) HOOK(clSetKernelArg)
    HOOK(clEnqueueWriteBuffer) HOOK(clEnqueueReadBuffer) HOOK(clEnqueueNDRangeKernel)
    HOOK(clEnqueueUnmapMemObject) HOOK(clEnqueueMapBuffer) HOOK(clSetEventCallback)
    HOOK(clGetEventInfo) HOOK(clGetEventProfilingInfo) HOOK(clWaitForEvents) HOOK(clFlush)
    HOOK(clFinish) HOOK(clReleaseContext) HOOK(clReleaseCommandQueue) HOOK(clReleaseMemObject)
    HOOK(clReleaseProgram) HOOK(clReleaseKernel) HOOK(clReleaseEvent)
#undef HOOK
}

static void fail_call(long at, bool forever, const char *only)
{
    call_number = 0;
    fail_forever = forever;
    fail_only = only;
    failed_call = NULL;
    fail_at = at;
}

/* ---- Fixture ---- */

typedef struct fixture {
    gp_cl_driver *driver;
    gp_device *device;
    char dir[64];
} fixture;

static void open_device(fixture *f, const char *cache_dir, bool discrete)
{
    gp_device **all = NULL;
    size_t count = 0;
    char note[256];
    gpuproc_error err;
    assert_int_equal(gp_cl_driver_new(cache_dir, &f->driver, &all, &count, note, &err), GPUPROC_OK);
    assert_true(count >= 1);
    f->device = all[0];
    hook(f->device);
    if (discrete) {
        ((gp_cl_device *)f->device)->unified = false;
        f->device->in_place = false;
    }
}

static void close_device(fixture *f)
{
    gp_cl_driver_free(f->driver);
    assert_int_equal(live_events, 0);
    assert_int_equal(live_objects, 0);
    assert_int_equal(live_contexts, 0);
}

typedef struct wait {
    sem_t sem;
    int calls;
} wait;

static void on_done(gp_chunk *chunk)
{
    wait *w = chunk->ctx;
    w->calls++;
    sem_post(&w->sem);
}

static gp_pass_input map_input[2] = {{.dtype = GPUPROC_INT32, .streamed = true},
                                     {.dtype = GPUPROC_INT32, .streamed = true}};
static gp_pass_output map_output[1] = {{.dtype = GPUPROC_INT32}};
static int map_uniform[1] = {0};

static gp_pass map_pass(void)
{
    source_text = map_text;
    source_kernel = "gp_map";
    return (gp_pass){.input = map_input, .inputs = 2, .output = map_output, .outputs = 1,
                     .uniform = map_uniform, .uniforms = 1};
}

static int expected(const int *x, const int *y, uint64_t first, uint64_t i, uint64_t u)
{
    return x[i] * 2 + y[i] + (int)u + (int)(first + i);
}

/* Runs one chunk of the map pass; returns the status wherever it showed up. */
static gpuproc_status run_map(gp_device *device, gp_slot *slot, const int *x, const int *y, int *out,
                              uint64_t first, uint64_t count, uint64_t u, gp_chunk *chunk,
                              gpuproc_error *err)
{
    const void *input[] = {x, y};
    void *output[] = {out};
    wait w = {0};
    sem_init(&w.sem, 0, 0);
    *chunk = (gp_chunk){.first = first, .count = count, .input = input, .output = output,
                        .uniform = &u, .done = on_done, .ctx = &w};
    gpuproc_status st = device->api->submit(slot, chunk, err);
    if (st == GPUPROC_OK) {
        sem_wait(&w.sem);
        assert_int_equal(w.calls, 1);
        st = chunk->status;
        if (st != GPUPROC_OK) *err = chunk->error;
    } else {
        assert_int_equal(w.calls, 0);
    }
    sem_destroy(&w.sem);
    return st;
}

static void check_map(const int *x, const int *y, const int *out, uint64_t first, uint64_t count,
                      uint64_t u)
{
    for (uint64_t i = 0; i < count; i++) {
        if (out[i] != expected(x, y, first, i, u))
            fail_msg("element %llu: %d, not %d", (unsigned long long)i, out[i],
                     expected(x, y, first, i, u));
    }
}

/* ---- Tests ---- */

static void test_listing(void **state)
{
    (void)state;
    fixture f;
    open_device(&f, "", false);
    const gpuproc_device_info *info = &f.device->info;
    assert_int_equal(info->struct_size, sizeof *info);
    assert_true(info->name[0] != '\0' && info->platform[0] != '\0' && info->driver[0] != '\0');
    assert_string_equal(info->note, "");
    assert_true(info->kind != GPUPROC_DEVICE_CPU);
    assert_true(info->memory_bytes > 0 && info->max_buffer_bytes > 0 && info->compute_units > 0);
    assert_true(f.device->memory_budget > 0 && f.device->memory_budget < info->memory_bytes);
    assert_int_equal(f.device->in_place, info->unified_memory);
    close_device(&f);
}

static void run_slots(bool discrete)
{
    fixture f;
    open_device(&f, "", discrete);
    gpuproc_error err;
    gp_pass pass = map_pass();
    gp_device_program *program = NULL;
    gp_slot *slot[3] = {0};
    const bool want[2] = {true, true};
    enum { MAX = 5000 };
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err), GPUPROC_OK);
    assert_true(f.device->program_ns > 0);
    assert_false(f.device->program_cached);
    uint64_t host = 0, device = 0;
    f.device->api->slot_bytes(program, MAX, &host, &device);
    assert_true(host >= 3 * (MAX * 4 + GP_STAGING_SLACK));
    assert_true(discrete ? device >= 3 * MAX * 4 : device > 0);
    for (int s = 0; s < 3; s++) {
        assert_int_equal(f.device->api->slot_new(program, MAX, want, want, &slot[s], &err),
                         GPUPROC_OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal((uintptr_t)slot[s]->input[i] % 4096, 0);
            memset(slot[s]->input[i], 1, MAX * 4 + GP_STAGING_SLACK);
        }
        assert_int_equal((uintptr_t)slot[s]->output[0] % 4096, 0);
    }
    /* All slots at once, several rounds, odd places in the staging. */
    static const uint64_t counts[] = {1, 2, 1023, 1024, 1025, 4999, MAX};
    for (size_t r = 0; r < 2 * sizeof counts / sizeof counts[0]; r++) {
        gp_chunk chunk[3];
        const void *input[3][2];
        void *output[3][1];
        uint64_t u[3], count = counts[r % 7];
        wait w[3] = {0};
        for (int s = 0; s < 3; s++) {
            int *x = (int *)slot[s]->input[0] + r, *y = (int *)slot[s]->input[1] + 2 * r;
            for (uint64_t i = 0; i < count; i++) x[i] = (int)(i + r), y[i] = (int)(i * 7) - s;
            if (r % 3 == 1 && count > 1) x[count - 1] = 1000;
            else for (uint64_t i = 0; i < count; i++) if (x[i] == 1000) x[i] = 0;
            memset(slot[s]->output[0], 0x55, MAX * 4);
            input[s][0] = x;
            input[s][1] = y;
            output[s][0] = slot[s]->output[0];
            u[s] = r / 4;
            sem_init(&w[s].sem, 0, 0);
            chunk[s] = (gp_chunk){.first = (r + (size_t)s) * GP_BLOCK, .count = count,
                                  .input = input[s], .output = output[s], .uniform = &u[s],
                                  .done = on_done, .ctx = &w[s]};
            uint64_t before = gp_now_ns();
            assert_int_equal(f.device->api->submit(slot[s], &chunk[s], &err), GPUPROC_OK);
            (void)before;
        }
        for (int s = 0; s < 3; s++) {
            sem_wait(&w[s].sem);
            uint64_t now = gp_now_ns();
            assert_int_equal(chunk[s].status, GPUPROC_OK);
            check_map(input[s][0], input[s][1], output[s][0], chunk[s].first, count, u[s]);
            if (count < MAX) assert_int_equal(((int *)output[s][0])[count], 0x55555555);
            assert_int_equal(chunk[s].flags, r % 3 == 1 && count > 1 ? 1 : 0);
            assert_true(chunk[s].kernel.begin_ns > 0);
            assert_true(chunk[s].kernel.begin_ns <= chunk[s].kernel.end_ns);
            assert_true(chunk[s].kernel.end_ns <= now);
            assert_true(chunk[s].download.begin_ns <= chunk[s].download.end_ns);
            if (discrete) {
                assert_true(chunk[s].upload.begin_ns > 0);
                assert_true(chunk[s].upload.begin_ns <= chunk[s].kernel.end_ns);
            }
            sem_destroy(&w[s].sem);
        }
    }
    for (int s = 0; s < 3; s++) f.device->api->slot_free(slot[s]);
    f.device->api->slot_free(NULL);
    f.device->api->program_free(program);
    f.device->api->program_free(NULL);
    close_device(&f);
}

static void test_slots_unified(void **state)
{
    (void)state;
    run_slots(false);
}

static void test_slots_discrete(void **state)
{
    (void)state;
    run_slots(true);
}

/* Bytes that are not the slot's: at every alignment of an int, and one input twice. */
static void run_foreign(bool discrete)
{
    fixture f;
    open_device(&f, "", discrete);
    gpuproc_error err;
    gp_pass pass = map_pass();
    gp_device_program *program = NULL;
    gp_slot *slot = NULL;
    gp_chunk chunk;
    enum { N = 3000 };
    int *x = calloc(N + 64, 4), *y = calloc(N + 64, 4), *out = calloc(N + 64, 4);
    for (int i = 0; i < N + 64; i++) x[i] = i * 3, y[i] = -i;
    const bool none[2] = {false, false};
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err), GPUPROC_OK);
    assert_int_equal(f.device->api->slot_new(program, N, none, none, &slot, &err), GPUPROC_OK);
    if (f.device->in_place) assert_null(slot->input[0]);
    for (int shift = 0; shift < 40; shift++) {
        const int *second = shift % 2 ? y + 3 : x + shift;
        if (discrete && shift > 3) break;
        memset(out, 0, (N + 64) * 4);
        assert_int_equal(run_map(f.device, slot, x + shift, second, out + shift, 0, N, 7, &chunk,
                                 &err),
                         GPUPROC_OK);
        check_map(x + shift, second, out + shift, 0, N, 7);
        if (shift > 0) assert_int_equal(out[shift - 1], 0);
        assert_int_equal(out[N + shift], 0);
    }
    /* A device that is particular about alignment gets copies. */
    gp_cl_device *device = (gp_cl_device *)f.device;
    device->caps.is_cpu = false;
    device->address_align = 4096;
    assert_int_equal(run_map(f.device, slot, x + 1, y + 1, out + 1, 2048, N, 9, &chunk, &err),
                     GPUPROC_OK);
    check_map(x + 1, y + 1, out + 1, 2048, N, 9);
    f.device->api->slot_free(slot);
    f.device->api->program_free(program);
    free(out);
    free(y);
    free(x);
    close_device(&f);
}

static void test_foreign_memory(void **state)
{
    (void)state;
    run_foreign(false);
    run_foreign(true);
}

static void run_resident(bool discrete)
{
    fixture f;
    open_device(&f, "", discrete);
    gpuproc_error err;
    gp_device_program *program = NULL;
    gp_slot *slot[2] = {0};
    int table[2][7] = {{1, 2, 3, 4, 5, 6, 7}, {70, 60, 50, 40, 30, 20, 10}};
    enum { N = 2048 };
    static int x[N], out[N];
    gp_pass_input input[2] = {{.dtype = GPUPROC_INT32, .streamed = true},
                              {.dtype = GPUPROC_INT32, .streamed = false, .count = 7}};
    gp_pass pass = {.input = input, .inputs = 2, .output = map_output, .outputs = 1};
    const bool none[2] = {false, false};
    source_text = resident_text;
    source_kernel = "gp_map";
    for (int i = 0; i < N; i++) x[i] = i * 100;
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err), GPUPROC_OK);
    for (int s = 0; s < 2; s++)
        assert_int_equal(f.device->api->slot_new(program, N, none, none, &slot[s], &err),
                         GPUPROC_OK);
    for (int r = 0; r < 8; r++) {
        const int *t = table[r / 3 % 2];
        gp_chunk chunk;
        memset(out, 0, sizeof out);
        assert_int_equal(run_map(f.device, slot[r % 2], x, t, out, 1024, N, 0, &chunk, &err),
                         GPUPROC_OK);
        for (int i = 0; i < N; i++) assert_int_equal(out[i], x[i] + t[(1024 + i) % 7]);
    }
    for (int s = 0; s < 2; s++) f.device->api->slot_free(slot[s]);
    f.device->api->program_free(program);
    close_device(&f);
}

static void test_resident(void **state)
{
    (void)state;
    run_resident(false);
    run_resident(true);
}

static void run_reduce(bool discrete)
{
    fixture f;
    open_device(&f, "", discrete);
    gpuproc_error err;
    gp_device_program *program = NULL;
    gp_slot *slot = NULL;
    enum { N = 100000 };
    static int x[N];
    gp_pass_reduce reduce[2] = {{.kind = GP_REDUCE_SUM, .operand = GPUPROC_INT32},
                                {.kind = GP_REDUCE_PROD, .operand = GPUPROC_FLOAT32}};
    gp_pass pass = {.input = map_input, .inputs = 1, .reduce = reduce, .reduces = 2};
    const bool none[1] = {false};
    source_text = reduce_text;
    source_kernel = "gp_reduce";
    for (int i = 0; i < N; i++) x[i] = i;
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err), GPUPROC_OK);
    assert_int_equal(f.device->api->slot_new(program, N, none, none, &slot, &err), GPUPROC_OK);
    static const uint64_t counts[] = {1, 1024, 1025, 50000, N};
    for (size_t r = 0; r < sizeof counts / sizeof counts[0]; r++) {
        gp_chunk chunk;
        uint64_t count = counts[r], left = count;
        assert_int_equal(run_map(f.device, slot, x, NULL, NULL, 0, count, 0, &chunk, &err),
                         GPUPROC_OK);
        int64_t sum = 0;
        for (size_t i = 0; i < slot->partials; i++) sum += ((const int64_t *)slot->partial[0])[i];
        assert_true(sum == (int64_t)(count * (count - 1) / 2));
        for (uint64_t b = 0; b < (count + 1023) / 1024; b++) {
            uint64_t n = left < 1024 ? left : 1024;
            assert_true(((const uint64_t *)slot->partial[1])[b] == n);
            left -= n;
        }
    }
    f.device->api->slot_free(slot);
    f.device->api->program_free(program);
    close_device(&f);
}

static void test_partials(void **state)
{
    (void)state;
    run_reduce(false);
    run_reduce(true);
}

static void test_refusals(void **state)
{
    (void)state;
    fixture f;
    open_device(&f, "", false);
    gpuproc_error err = {0};
    gp_pass pass = map_pass();
    gp_device_program *program = NULL;
    gp_slot *slot = NULL;
    gp_chunk chunk;
    const bool want[2] = {true, true};

    source_text = "__kernel void gp_map(ulong first) { this is not C }";
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err),
                     GPUPROC_DEVICE_BUILD);
    assert_non_null(strstr(err.message, "CL_BUILD_PROGRAM_FAILURE"));
    assert_non_null(strstr(err.message, "error"));
    assert_null(strchr(err.message, '\n'));
    assert_int_equal(err.native_code, CL_BUILD_PROGRAM_FAILURE);
    source_text = "__kernel void another(ulong first) { }";
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err),
                     GPUPROC_DEVICE_FAILED);

    pass = map_pass();
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err), GPUPROC_OK);
    static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX / 4, 1ull << 45};
    for (int i = 0; i < 3; i++) {
        uint64_t host = 0, device = 0;
        assert_int_equal(f.device->api->slot_new(program, counts[i], want, want, &slot, &err),
                         GPUPROC_DEVICE_MEMORY);
        f.device->api->slot_bytes(program, counts[i], &host, &device);
        assert_true(host > 1ull << 45);
    }
    assert_int_equal(f.device->api->slot_new(program, 100, want, want, &slot, &err), GPUPROC_OK);
    int x[200] = {0}, out[200] = {0};
    assert_int_equal(run_map(f.device, slot, x, x, out, 0, 101, 0, &chunk, &err),
                     GPUPROC_INTERNAL);
    assert_int_equal(run_map(f.device, slot, x, x, out, 0, 0, 0, &chunk, &err), GPUPROC_INTERNAL);
    f.device->api->slot_free(slot);
    f.device->api->program_free(program);

    strcpy(f.device->info.note, "it is broken");
    assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err),
                     GPUPROC_DEVICE_UNSUPPORTED);
    assert_string_equal(err.message, "it is broken");
    close_device(&f);
}

/* One job: program, slot, two chunks. The first status that is not OK. */
static gpuproc_status run_job(gp_device *device, bool *cached, gpuproc_error *err)
{
    enum { N = 2000 };
    static int x[N], y[N], out[N];
    gp_pass pass = map_pass();
    gp_device_program *program = NULL;
    gp_slot *slot = NULL;
    const bool want[2] = {true, true};
    for (int i = 0; i < N; i++) x[i] = i, y[i] = 2 * i;
    gpuproc_status st = device->api->program_new(device, &pass, &program, err);
    if (st == GPUPROC_OK) *cached = device->program_cached;
    if (st == GPUPROC_OK) st = device->api->slot_new(program, N, want, want, &slot, err);
    for (int r = 0; st == GPUPROC_OK && r < 2; r++) {
        gp_chunk chunk;
        memset(out, 0, sizeof out);
        st = run_map(device, slot, x, y, out, 0, N - (uint64_t)r, 5 + (uint64_t)r, &chunk, err);
        /* Whatever failed on the way: what is called good is right. */
        if (st == GPUPROC_OK) check_map(x, y, out, 0, N - (uint64_t)r, 5 + (uint64_t)r);
        if (st == GPUPROC_OK) assert_int_equal(chunk.flags, 1);
    }
    device->api->slot_free(slot);
    device->api->program_free(program);
    return st;
}

static void remove_dir(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void test_cached_program(void **state)
{
    (void)state;
    fixture f;
    gpuproc_error err;
    bool cached = true;
    strcpy(f.dir, "/tmp/gpuproc-device-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    for (int round = 0; round < 2; round++) {
        open_device(&f, f.dir, false);
        assert_int_equal(run_job(f.device, &cached, &err), GPUPROC_OK);
        assert_int_equal(cached, round > 0);
        close_device(&f);
    }
    /* A binary that the driver refuses is dropped, and the next run is cached again. */
    open_device(&f, f.dir, false);
    fail_call(1, false, "clCreateProgramWithBinary");
    assert_int_equal(run_job(f.device, &cached, &err), GPUPROC_OK);
    assert_non_null(failed_call);
    assert_false(cached);
    fail_call(0, false, NULL);
    assert_int_equal(run_job(f.device, &cached, &err), GPUPROC_OK);
    assert_true(cached);
    /* The work-group size is part of the key; so is the driver. */
    free(((gp_cl_device *)f.device)->identity);
    ((gp_cl_device *)f.device)->identity = strdup("another driver");
    assert_int_equal(run_job(f.device, &cached, &err), GPUPROC_OK);
    assert_false(cached);
    close_device(&f);
    remove_dir(f.dir);
}

/* Each call in turn fails, once or from then on: a right result or one clear error. */
static void run_failures(bool discrete, bool forever)
{
    fixture f;
    strcpy(f.dir, "/tmp/gpuproc-device-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    open_device(&f, f.dir, discrete);
    gpuproc_error err;
    bool cached = false;
    assert_int_equal(run_job(f.device, &cached, &err), GPUPROC_OK);
    int failed = 0;
    for (long at = 1;; at++) {
        assert_true(at < 1000);
        memset(&err, 0, sizeof err);
        fail_call(at, forever, NULL);
        gpuproc_status st = run_job(f.device, &cached, &err);
        const char *call = failed_call;
        fail_call(0, false, NULL);
        if (call == NULL) {
            assert_int_equal(st, GPUPROC_OK);
            break;
        }
        if (st != GPUPROC_OK) {
            failed++;
            assert_true(st >= GPUPROC_DEVICE_NOT_FOUND && st <= GPUPROC_DEVICE_FAILED);
            assert_int_equal(err.status, st);
            assert_true(err.message[0] != '\0');
        }
    }
    assert_true(failed > 10);
    /* Only memory that a command may still be using is left behind. */
    if (!forever) {
        close_device(&f);
    } else {
        gp_cl_driver_free(f.driver);
        live_events = live_objects = live_contexts = 0;
    }
    remove_dir(f.dir);
}

static void test_each_call_fails_once(void **state)
{
    (void)state;
    run_failures(false, false);
    run_failures(true, false);
}

static void test_each_call_fails_for_ever(void **state)
{
    (void)state;
    run_failures(false, true);
    run_failures(true, true);
}

/* A callback that cannot be set costs overlap, nothing else. */
static void test_no_callback(void **state)
{
    (void)state;
    for (int discrete = 0; discrete < 2; discrete++) {
        fixture f;
        gpuproc_error err;
        bool cached;
        open_device(&f, "", discrete);
        fail_call(1, true, "clSetEventCallback");
        assert_int_equal(run_job(f.device, &cached, &err), GPUPROC_OK);
        assert_non_null(failed_call);
        fail_call(1, true, "clGetEventProfilingInfo");
        assert_int_equal(run_job(f.device, &cached, &err), GPUPROC_OK);
        assert_non_null(failed_call);
        fail_call(0, false, NULL);
        close_device(&f);
    }
}

/* Objects under way stay as many as one chunk has. */
static void test_many_chunks(void **state)
{
    (void)state;
    for (int discrete = 0; discrete < 2; discrete++) {
        fixture f;
        gpuproc_error err;
        gp_pass pass = map_pass();
        gp_device_program *program = NULL;
        gp_slot *slot = NULL;
        gp_chunk chunk;
        static int x[64], y[64], out[64];
        const bool want[2] = {true, true};
        open_device(&f, "", discrete);
        assert_int_equal(f.device->api->program_new(f.device, &pass, &program, &err), GPUPROC_OK);
        assert_int_equal(f.device->api->slot_new(program, 64, want, want, &slot, &err), GPUPROC_OK);
        long events = 0, objects = 0;
        uint64_t begin = gp_now_ns();
        for (int i = 0; i < 10000; i++) {
            x[0] = i;
            assert_int_equal(run_map(f.device, slot, x, y, out, 0, 64, (uint64_t)i / 100, &chunk,
                                     &err),
                             GPUPROC_OK);
            assert_int_equal(out[0], 2 * i + i / 100);
            if (i == 10) events = live_events, objects = live_objects;
            if (i > 10) assert_true(live_events <= events + 2 && live_objects == objects);
        }
        print_message("%s: %.1f us a chunk\n", discrete ? "discrete" : "unified",
                      (double)(gp_now_ns() - begin) / 1e7);
        f.device->api->slot_free(slot);
        f.device->api->program_free(program);
        close_device(&f);
    }
}

static void test_error_names(void **state)
{
    (void)state;
    gpuproc_error err;
    assert_string_equal(gp_cl_error_name(-54), "CL_INVALID_WORK_GROUP_SIZE");
    assert_non_null(gp_cl_error_name(-4321));
    assert_int_equal(gp_cl_fail(&err, GPUPROC_DEVICE_FAILED, -36, "clFlush"), GPUPROC_DEVICE_FAILED);
    assert_string_equal(err.message, "clFlush: CL_INVALID_COMMAND_QUEUE (-36)");
    assert_int_equal(err.native_code, -36);
    assert_int_equal(gp_cl_fail(NULL, GPUPROC_DEVICE_FAILED, -5, "x"), GPUPROC_DEVICE_MEMORY);
    assert_int_equal(gp_cl_fail(NULL, GPUPROC_DEVICE_BUILD, -4, "x"), GPUPROC_DEVICE_MEMORY);
}

static bool have_device(void)
{
    gp_cl_driver *driver = NULL;
    gp_device **all = NULL;
    size_t count = 0;
    char note[256];
    if (gp_cl_driver_new("", &driver, &all, &count, note, NULL) != GPUPROC_OK) return false;
    gp_cl_driver_free(driver);
    if (count == 0) fprintf(stderr, "no OpenCL device: %s\n", note);
    return count > 0;
}

int main(void)
{
    const char *require = getenv("GPUPROC_REQUIRE_DEVICE");
    if (!have_device()) return require != NULL && strcmp(require, "1") == 0 ? 1 : 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listing),          cmocka_unit_test(test_error_names),
        cmocka_unit_test(test_slots_unified),    cmocka_unit_test(test_slots_discrete),
        cmocka_unit_test(test_foreign_memory),   cmocka_unit_test(test_resident),
        cmocka_unit_test(test_partials),         cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_cached_program),   cmocka_unit_test(test_no_callback),
        cmocka_unit_test(test_many_chunks),      cmocka_unit_test(test_each_call_fails_once),
        cmocka_unit_test(test_each_call_fails_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
