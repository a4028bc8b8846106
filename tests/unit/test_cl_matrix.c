/* Tiles of products on a real OpenCL device (PoCL in CI) by CLBlast, as a unified device and, by telling it
 * otherwise, as a discrete one. Calls of OpenCL and of CLBlast are made to fail through their tables. */
#include "base/memory.h"
#include "device/opencl/cl_driver.h"
#include "device/opencl/cl_tuned.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- OpenCL calls that fail on demand; what they make is counted ---- */

static gp_cl_api real;
static long calls, fail_at, live; /* fail_at 0: never */

static bool fails(void) { return __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == fail_at; }
static void count(long change) { __atomic_add_fetch(&live, change, __ATOMIC_SEQ_CST); }

static cl_command_queue CL_API_CALL my_queue(cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int *rc)
{
    *rc = CL_OUT_OF_HOST_MEMORY;
    cl_command_queue made = fails() ? NULL : real.clCreateCommandQueue(c, d, p, rc);
    if (made != NULL) count(1);
    return made;
}

static cl_mem CL_API_CALL my_buffer(cl_context c, cl_mem_flags f, size_t n, void *h, cl_int *rc)
{
    *rc = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    cl_mem made = fails() ? NULL : real.clCreateBuffer(c, f, n, h, rc);
    if (made != NULL) count(1);
    return made;
}

static void *CL_API_CALL my_map(cl_command_queue q, cl_mem m, cl_bool b, cl_map_flags f, size_t o, size_t n, cl_uint w,
                                const cl_event *l, cl_event *e, cl_int *rc)
{
    *rc = CL_MAP_FAILURE;
    return fails() ? NULL : real.clEnqueueMapBuffer(q, m, b, f, o, n, w, l, e, rc);
}

static cl_int made_event(cl_int rc, const cl_event *event)
{
    if (rc == CL_SUCCESS && event != NULL) count(1);
    return rc;
}

static cl_int CL_API_CALL my_unmap(cl_command_queue q, cl_mem m, void *p, cl_uint n, const cl_event *l, cl_event *e)
{
    if (fails()) return CL_OUT_OF_RESOURCES;
    return made_event(real.clEnqueueUnmapMemObject(q, m, p, n, l, e), e);
}

static cl_int CL_API_CALL my_write(cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, const void *p,
                                   cl_uint w, const cl_event *l, cl_event *e)
{
    if (fails()) return CL_OUT_OF_RESOURCES;
    return made_event(real.clEnqueueWriteBuffer(q, m, b, o, n, p, w, l, e), e);
}

static cl_int CL_API_CALL my_read(cl_command_queue q, cl_mem m, cl_bool b, size_t o, size_t n, void *p, cl_uint w,
                                  const cl_event *l, cl_event *e)
{
    if (fails()) return CL_OUT_OF_RESOURCES;
    return made_event(real.clEnqueueReadBuffer(q, m, b, o, n, p, w, l, e), e);
}

static cl_int CL_API_CALL my_barrier(cl_command_queue q, cl_uint n, const cl_event *l, cl_event *e)
{
    return fails() ? CL_OUT_OF_RESOURCES : made_event(real.clEnqueueBarrierWithWaitList(q, n, l, e), e);
}

static cl_int CL_API_CALL my_flush(cl_command_queue q) { return fails() ? CL_OUT_OF_RESOURCES : real.clFlush(q); }

static cl_int CL_API_CALL my_wait(cl_uint n, const cl_event *l)
{
    return fails() ? CL_OUT_OF_RESOURCES : real.clWaitForEvents(n, l);
}

static cl_int CL_API_CALL my_event_info(cl_event e, cl_event_info i, size_t n, void *p, size_t *r)
{
    return fails() ? CL_OUT_OF_RESOURCES : real.clGetEventInfo(e, i, n, p, r);
}

static cl_int CL_API_CALL my_release_queue(cl_command_queue q)
{
    count(-1);
    return real.clReleaseCommandQueue(q);
}

static cl_int CL_API_CALL my_release_buffer(cl_mem m)
{
    count(-1);
    return real.clReleaseMemObject(m);
}

static cl_int CL_API_CALL my_release_event(cl_event e)
{
    count(-1);
    return real.clReleaseEvent(e);
}

/* ---- CLBlast, whose status is chosen ---- */

static gp_cl_blast real_blast, blast;
static int blast_status, blast_calls, blast_fails_at;

#define GEMM(name, scalar)                                                                                         \
    static int my_##name(int layout, int at, int bt, size_t m, size_t n, size_t k, scalar alpha, cl_mem a,         \
                         size_t ao, size_t ar, cl_mem b, size_t bo, size_t br, scalar beta, cl_mem c, size_t co,   \
                         size_t cr, cl_command_queue *q, cl_event *e, cl_mem scratch)                              \
    {                                                                                                              \
        if (__atomic_add_fetch(&blast_calls, 1, __ATOMIC_SEQ_CST) == blast_fails_at) return blast_status;          \
        int rc = real_blast.name(layout, at, bt, m, n, k, alpha, a, ao, ar, b, bo, br, beta, c, co, cr, q, e,      \
                                 scratch);                                                                         \
        if (*e != NULL) count(1);                                                                                  \
        return rc;                                                                                                 \
    }
GEMM(sgemm, float)
GEMM(zgemm, cl_double2)

static int overrides;
static int my_override(cl_device_id id, const char *kernel, int precision, size_t n, const char **name,
                       const size_t *value)
{
    (void)id, (void)kernel, (void)precision, (void)n, (void)name, (void)value;
    overrides++;
    return 0;
}

/* ---- Fixture ---- */

static gp_cl_driver *driver;
static gp_device *device;

static gp_device *open_driver(const char *cache_dir)
{
    gp_device **all = NULL;
    size_t n = 0;
    char note[256];
    gpuproc_error err = {0};
    assert_int_equal(gp_cl_driver_new(cache_dir, &driver, &all, &n, note, &err), GPUPROC_OK);
    return n > 0 ? all[0] : NULL;
}

static void set_discrete(bool discrete)
{
    ((gp_cl_device *)device)->unified = !discrete;
    fail_at = calls = 0;
    blast_fails_at = blast_calls = 0;
}

static void hook(void)
{
    gp_cl_device *d = (gp_cl_device *)device;
    gp_cl_api *api = (gp_cl_api *)(uintptr_t)d->api;
    real = *api;
    api->clCreateCommandQueue = my_queue;
    api->clCreateBuffer = my_buffer;
    api->clEnqueueMapBuffer = my_map;
    api->clEnqueueUnmapMemObject = my_unmap;
    api->clEnqueueWriteBuffer = my_write;
    api->clEnqueueReadBuffer = my_read;
    api->clEnqueueBarrierWithWaitList = my_barrier;
    api->clFlush = my_flush;
    api->clWaitForEvents = my_wait;
    api->clGetEventInfo = my_event_info;
    api->clReleaseCommandQueue = my_release_queue;
    api->clReleaseMemObject = my_release_buffer;
    api->clReleaseEvent = my_release_event;
    real_blast = blast = *d->blast;
    blast.sgemm = my_sgemm;
    blast.zgemm = my_zgemm;
    d->blast = &blast;
}

/* Element (i, j) of matrix `which`; part 1 is the imaginary one. */
static double element(unsigned which, uint64_t i, uint64_t j, int part)
{
    uint64_t z = (i * 7919 + j * 104729 + which * 31 + (uint64_t)part * 17 + 1) * 0x9e3779b97f4a7c15u;
    return (double)(float)((double)(z >> 40) / (1 << 23) - 1);
}

static void put(gp_dtype dtype, void *data, uint64_t at, double re, double im)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: ((float *)data)[at] = (float)re; break;
    case GPUPROC_FLOAT64: ((double *)data)[at] = re; break;
    case GPUPROC_COMPLEX64: ((float *)data)[2 * at] = (float)re, ((float *)data)[2 * at + 1] = (float)im; break;
    default: ((double *)data)[2 * at] = re, ((double *)data)[2 * at + 1] = im;
    }
}

static double get(gp_dtype dtype, const void *data, uint64_t at, int part)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: return ((const float *)data)[at];
    case GPUPROC_FLOAT64: return ((const double *)data)[at];
    case GPUPROC_COMPLEX64: return ((const float *)data)[2 * at + (uint64_t)part];
    default: return ((const double *)data)[2 * at + (uint64_t)part];
    }
}

typedef struct shape {
    gp_dtype dtype;
    uint64_t m, n, k, step; /* step: of k, in one panel */
    bool a_transposed, b_transposed;
} shape;

/* Multiplies as the product engine does: panels in turn, then the tile, into rows `gap` elements further apart. */
static gpuproc_status multiply(const shape *s, void *c, uint64_t gap, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_device_tile *tile = NULL;
    bool complex = s->dtype == GPUPROC_COMPLEX64 || s->dtype == GPUPROC_COMPLEX128;
    GP_TRY(device->matrix->tile_new(device, s->dtype, s->m, s->n, s->step, &tile, err));
    for (uint64_t at = 0, i = 0; at < s->k; at += s->step, i++) {
        uint64_t k = gp_min_u64(s->step, s->k - at);
        gp_device_panel a, b;
        GP_TRY(device->matrix->panels(tile, i % 2, &a, &b, err));
        a.transposed = s->a_transposed;
        b.transposed = s->b_transposed;
        for (uint64_t p = 0; p < k; p++) {
            for (uint64_t r = 0; r < s->m; r++)
                put(s->dtype, a.data, s->a_transposed ? p * s->m + r : r * k + p, element(0, r, at + p, 0),
                    complex ? element(0, r, at + p, 1) : 0);
            for (uint64_t r = 0; r < s->n; r++)
                put(s->dtype, b.data, s->b_transposed ? r * k + p : p * s->n + r, element(1, at + p, r, 0),
                    complex ? element(1, at + p, r, 1) : 0);
        }
        GP_TRY(device->matrix->add(tile, i % 2, &a, &b, s->m, s->n, k, i == 0, err));
    }
    GP_TRY(device->matrix->take(tile, c, (int64_t)(s->n + gap), s->m, s->n, err));
out:
    device->matrix->tile_free(tile);
    return st;
}

static void check(const shape *s, const void *c, uint64_t gap)
{
    bool complex = s->dtype == GPUPROC_COMPLEX64 || s->dtype == GPUPROC_COMPLEX128;
    double u = s->dtype == GPUPROC_FLOAT32 || s->dtype == GPUPROC_COMPLEX64 ? FLT_EPSILON / 2 : DBL_EPSILON / 2;
    for (uint64_t i = 0; i < s->m; i++) {
        for (uint64_t j = 0; j < s->n; j++) {
            for (int part = 0; part <= complex; part++) {
                long double exact = 0, size = 0;
                for (uint64_t p = 0; p < s->k; p++) {
                    double a = element(0, i, p, 0), b = element(1, p, j, part);
                    exact += (long double)a * b;
                    size += fabsl((long double)a * b);
                    if (!complex) continue;
                    a = element(0, i, p, 1), b = element(1, p, j, !part);
                    exact += (part ? 1 : -1) * (long double)a * b;
                    size += fabsl((long double)a * b);
                }
                long double off = fabsl(get(s->dtype, c, i * (s->n + gap) + j, part) - exact);
                /* A complex product adds 2k terms. */
                if (!(off <= (long double)((complex ? 2 * s->k : s->k) + 2) * u * size))
                    fail_msg("(%llu, %llu): off by %Lg", (unsigned long long)i, (unsigned long long)j, off);
            }
        }
    }
}

static void run(const shape *s)
{
    uint64_t gap = 3, bytes = s->m * (s->n + gap) * gpuproc_dtype_bytes(s->dtype);
    unsigned char *c = malloc(bytes);
    gpuproc_error err = {0};
    memset(c, 0x5a, bytes);
    if (multiply(s, c, gap, &err) != GPUPROC_OK) fail_msg("%s", err.message);
    check(s, c, gap);
    /* What lies between the rows is not the tile's. */
    size_t element_bytes = gpuproc_dtype_bytes(s->dtype);
    for (uint64_t i = 0; i < s->m; i++) {
        for (size_t g = 0; g < gap * element_bytes; g++)
            assert_int_equal(c[(i * (s->n + gap) + s->n) * element_bytes + g], 0x5a);
    }
    free(c);
    assert_int_equal(live, 0);
}

/* ---- Tests ---- */

static void test_products(void **state)
{
    (void)state;
    for (int discrete = 0; discrete < 2; discrete++) {
        set_discrete(discrete);
        for (int t = 0; t < 4; t++) {
            shape s = {GPUPROC_FLOAT32, 37, 53, 71, 20, t & 1, t & 2};
            run(&s);
        }
        shape one = {GPUPROC_FLOAT32, 1, 1, 1, 1, false, false};
        run(&one);
        if (device->info.fp64) {
            shape s = {GPUPROC_COMPLEX128, 19, 23, 31, 16, false, true};
            run(&s);
        }
    }
}

/* The kernel for large products, with its copies of operands, and several pieces on the way back. */
static void test_large_kernel(void **state)
{
    (void)state;
    gpuproc_error err = {0};
    gp_cl_tuned tuned = {.found = true, .indirect_from = 1,
                         .xgemm = {{0, 1, 16, 2, 8, 8, 16, 8, 8, 16, 0, 0, 0, 0, 1, 1}}};
    gp_xgemm_limits limits;
    gp_cl_xgemm_limits((gp_cl_device *)device, GPUPROC_FLOAT32, &limits);
    if (!gp_xgemm_valid(&tuned.xgemm, &limits)) skip();
    assert_int_equal(gp_cl_tuned_set((gp_cl_device *)device, GPUPROC_FLOAT32, &tuned, &err), GPUPROC_OK);
    for (int discrete = 0; discrete < 2; discrete++) {
        set_discrete(discrete);
        for (int t = 0; t < 4; t++) {
            shape s = {GPUPROC_FLOAT32, 37, 64, 71, 32, t & 1, t & 2};
            run(&s);
        }
    }
    /* Three pieces, 4 MiB each. */
    shape back = {GPUPROC_FLOAT32, 2200, 1024, 3, 2, false, false};
    run(&back);
}

/* A new tile's memory may hold anything; so does one that is begun anew. */
static void test_old_contents(void **state)
{
    (void)state;
    gpuproc_error err = {0};
    for (int discrete = 0; discrete < 2; discrete++) {
        set_discrete(discrete);
        gp_device_tile *tile = NULL;
        gp_device_panel a, b;
        float c[9];
        assert_int_equal(device->matrix->tile_new(device, GPUPROC_FLOAT32, 3, 3, 2, &tile, &err), GPUPROC_OK);
        for (unsigned round = 0; round < 3; round++) {
            assert_int_equal(device->matrix->panels(tile, round & 1, &a, &b, &err), GPUPROC_OK);
            for (int i = 0; i < 6; i++) ((float *)a.data)[i] = round == 0 ? NAN : 2, ((float *)b.data)[i] = 3;
            assert_int_equal(device->matrix->add(tile, round & 1, &a, &b, 3, 3, 2, round < 2, &err), GPUPROC_OK);
            assert_int_equal(device->matrix->take(tile, c, 3, 3, 3, &err), GPUPROC_OK);
            for (int i = 0; i < 9; i++) assert_true(round == 0 ? isnan(c[i]) : c[i] == 12 * (float)round);
        }
        /* k = 0 is a product as well: of zeros. */
        assert_int_equal(device->matrix->panels(tile, 0, &a, &b, &err), GPUPROC_OK);
        assert_int_equal(device->matrix->add(tile, 0, &a, &b, 3, 3, 0, true, &err), GPUPROC_OK);
        assert_int_equal(device->matrix->take(tile, c, 3, 3, 3, &err), GPUPROC_OK);
        for (int i = 0; i < 9; i++) assert_true(c[i] == 0);
        assert_int_equal(device->matrix->add(tile, 0, &a, &b, 0, 3, 2, true, &err), GPUPROC_OK);
        assert_int_equal(device->matrix->take(tile, c, 3, 0, 3, &err), GPUPROC_OK);
        device->matrix->tile_free(tile);
        assert_int_equal(live, 0);
    }
}

static void test_refused(void **state)
{
    (void)state;
    gp_device_tile *tile = NULL;
    gpuproc_error err = {0};
    set_discrete(false);
    assert_int_equal(device->matrix->tile_new(device, GPUPROC_INT32, 4, 4, 4, &tile, &err), GPUPROC_DEVICE_UNSUPPORTED);
    assert_int_equal(device->matrix->tile_new(device, GPUPROC_FLOAT32, 1u << 16, 1u << 16, 4, &tile, &err),
                     GPUPROC_DEVICE_UNSUPPORTED);
    assert_non_null(strstr(err.message, "32 bits"));
    assert_int_equal(device->matrix->tile_new(device, GPUPROC_FLOAT32, UINT64_MAX, 4, 4, &tile, &err),
                     GPUPROC_DEVICE_UNSUPPORTED);
    uint64_t host, there;
    device->matrix->bytes(device, GPUPROC_FLOAT32, UINT64_MAX, 4, 4, &host, &there);
    assert_true(host == UINT64_MAX && there == UINT64_MAX);
    device->matrix->bytes(device, GPUPROC_INT32, 4, 4, 4, &host, &there);
    assert_true(host == UINT64_MAX && there == UINT64_MAX);
    bool fp64 = device->info.fp64;
    device->info.fp64 = false;
    assert_int_equal(device->matrix->tile_new(device, GPUPROC_COMPLEX128, 4, 4, 4, &tile, &err), GPUPROC_DEVICE_UNSUPPORTED);
    device->matrix->bytes(device, GPUPROC_COMPLEX128, 4, 4, 4, &host, &there);
    assert_true(there == UINT64_MAX);
    device->info.fp64 = fp64;
    uint64_t largest = device->info.max_buffer_bytes;
    device->info.max_buffer_bytes = 1000;
    assert_int_equal(device->matrix->tile_new(device, GPUPROC_FLOAT32, 40, 40, 4, &tile, &err), GPUPROC_DEVICE_MEMORY);
    device->info.max_buffer_bytes = largest;
    assert_int_equal(live, 0);
    device->matrix->bytes(device, GPUPROC_FLOAT32, 512, 512, 256, &host, &there);
    assert_true(there >= (4 * 512 * 256 + 512 * 512) * 4);
    assert_int_equal(host, there);
    set_discrete(true);
    device->matrix->bytes(device, GPUPROC_FLOAT32, 512, 512, 256, &host, &there);
    assert_true(host >= 4 * 512 * 256 * 4 && host < there);
    set_discrete(false);
}

#define THREADS 4

typedef struct thread_job {
    shape s;
    gpuproc_status status;
    void *c;
} thread_job;

static void *thread_main(void *arg)
{
    thread_job *job = arg;
    for (int round = 0; round < 5 && job->status == GPUPROC_OK; round++) {
        memset(job->c, 0xff, job->s.m * job->s.n * gpuproc_dtype_bytes(job->s.dtype));
        job->status = multiply(&job->s, job->c, 0, NULL);
    }
    return NULL;
}

/* A tile each, at the same time, without a lock. */
static void test_threads(void **state)
{
    (void)state;
    for (int discrete = 0; discrete < 2; discrete++) {
        pthread_t thread[THREADS];
        thread_job job[THREADS];
        set_discrete(discrete);
        for (size_t i = 0; i < THREADS; i++) {
            job[i] = (thread_job){.s = {GPUPROC_FLOAT32, 37 + i, 64, 71, 20, i & 1, i & 2}};
            job[i].c = malloc(job[i].s.m * job[i].s.n * sizeof(float));
            assert_int_equal(pthread_create(&thread[i], NULL, thread_main, &job[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(job[i].status, GPUPROC_OK);
            check(&job[i].s, job[i].c, 0);
            free(job[i].c);
        }
        assert_int_equal(live, 0);
    }
}

/* Every single call, once: an error with a message or the right result, and nothing left. */
static void test_failing_calls(void **state)
{
    (void)state;
    shape s = {GPUPROC_FLOAT32, 37, 64, 71, 32, false, false};
    float *c = malloc(37 * 64 * sizeof *c);
    for (int discrete = 0; discrete < 2; discrete++) {
        long all = 1;
        unsigned errors = 0;
        for (long at = 0; at <= all; at++) {
            gpuproc_error err = {0};
            set_discrete(discrete);
            fail_at = at;
            gpuproc_status st = multiply(&s, c, 0, &err);
            if (at == 0) all = calls;
            if (st == GPUPROC_OK) check(&s, c, 0);
            else assert_true(err.message[0] != '\0' && err.status == st);
            assert_true(st == GPUPROC_OK || st == GPUPROC_DEVICE_MEMORY || st == GPUPROC_DEVICE_FAILED);
            errors += st != GPUPROC_OK;
            assert_int_equal(live, 0);
        }
        assert_true(all > 20 && errors > (unsigned)all / 2);
    }
    free(c);
}

static void test_failing_library(void **state)
{
    (void)state;
    static const struct {
        int code;
        gpuproc_status status;
        const char *text;
    } cases[] = {{-4, GPUPROC_DEVICE_MEMORY, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
                 {-5, GPUPROC_DEVICE_MEMORY, "CL_OUT_OF_RESOURCES"},
                 {-11, GPUPROC_DEVICE_BUILD, "CL_BUILD_PROGRAM_FAILURE"},
                 {-2044, GPUPROC_DEVICE_UNSUPPORTED, "NoDoublePrecision"},
                 {-2050, GPUPROC_DEVICE_FAILED, "InsufficientMemoryTemp"},
                 {-2039, GPUPROC_DEVICE_FAILED, "UnexpectedError"},
                 {-77777, GPUPROC_DEVICE_FAILED, "-77777"}};
    shape s = {GPUPROC_FLOAT32, 8, 8, 24, 8, false, false};
    float c[64];
    for (size_t i = 0; i < 3 * sizeof cases / sizeof *cases; i++) {
        gpuproc_error err = {0};
        set_discrete(i % 2);
        blast_status = cases[i / 3].code;
        blast_fails_at = 1 + (int)(i % 3);
        assert_int_equal(multiply(&s, c, 0, &err), cases[i / 3].status);
        assert_int_equal(err.native_code, cases[i / 3].code);
        assert_non_null(strstr(err.message, cases[i / 3].text));
        assert_int_equal(live, 0);
    }
}

static void test_parameters(void **state)
{
    (void)state;
    gp_xgemm_limits limits = {.element_bytes = 4, .local_bytes = 32768, .group_items = 256, .group_side = {256, 256}};
    gp_xgemm good = {{0, 1, 32, 2, 8, 8, 64, 8, 8, 64, 1, 1, 0, 0, 4, 4}}, x;
    uint64_t seed = 1;
    assert_true(gp_xgemm_valid(&good, &limits));
    static const struct {
        gp_xgemm_parameter parameter;
        uint16_t value;
    } wrong[] = {{GP_XGEMM_KWI, 3}, {GP_XGEMM_VWM, 16}, {GP_XGEMM_NDIMC, 64}, {GP_XGEMM_SA, 2}, {GP_XGEMM_MWG, 0},
                 {GP_XGEMM_MDIMC, 128}, {GP_XGEMM_KREG, 4}, {GP_XGEMM_GEMMK, 1}, {GP_XGEMM_MDIMA, 3}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        x = good;
        x.value[wrong[i].parameter] = wrong[i].value;
        assert_false(gp_xgemm_valid(&x, &limits));
    }
    limits.local_bytes = 16383; /* (64 + 64) * 32 * 4 is one more */
    assert_false(gp_xgemm_valid(&good, &limits));
    for (int i = 0; i < 200; i++) {
        assert_true(gp_xgemm_random(&limits, &seed, &x));
        assert_true(gp_xgemm_valid(&x, &limits));
        gp_xgemm from = x;
        if (gp_xgemm_near(&from, &limits, &seed, &x)) assert_true(gp_xgemm_valid(&x, &limits));
    }
    limits.group_items = 1;
    assert_false(gp_xgemm_random(&limits, &seed, &x));
}

/* What is stored comes back; what another device, or nobody, wrote does not. */
static void test_kept(void **state)
{
    (void)state;
    char dir[] = "/tmp/gp-tuned-XXXXXX", path[600];
    gp_cl_device *d = (gp_cl_device *)device;
    const gp_cl_cache *before = d->cache;
    assert_non_null(mkdtemp(dir));
    gp_cl_cache *cache = gp_cl_cache_new(dir, 0);
    d->cache = cache;
    gp_cl_tuned out[GP_CL_TUNED_DTYPES] = {0}, in[GP_CL_TUNED_DTYPES];
    out[1] = (gp_cl_tuned){.found = true, .xgemm = {{0, 1, 16, 2, 8, 8, 16, 8, 8, 16, 0, 0, 0, 0, 1, 1}}};
    assert_true(gp_cl_tuned_store(d, out));
    out[1].found = false;
    out[0] = (gp_cl_tuned){.found = true, .indirect_from = 512,
                           .xgemm = {{0, 1, 32, 2, 8, 8, 64, 8, 8, 64, 0, 0, 0, 0, 4, 4}}};
    assert_true(gp_cl_tuned_store(d, out));
    gp_cl_tuned_load(d, in);
    assert_true(in[0].found && in[1].found && !in[2].found && !in[3].found);
    assert_memory_equal(&in[0].xgemm, &out[0].xgemm, sizeof in[0].xgemm);
    assert_int_equal(in[0].indirect_from, 512);
    /* The library gets them once: two kernels for one dtype, one for the other. */
    blast.override_parameters = my_override;
    d->tuned = false;
    gp_cl_tuned_apply(d);
    gp_cl_tuned_apply(d);
    assert_int_equal(overrides, 3);
    blast.override_parameters = real_blast.override_parameters;
    /* It is not a program among others, which would be dropped for want of room. */
    snprintf(path, sizeof path, "ls %s | grep -c '[.]tuned$' | grep -qx 1", dir);
    assert_int_equal(system(path), 0);
    char *identity = d->identity, other[] = "another driver";
    d->identity = other;
    gp_cl_tuned_load(d, in);
    assert_false(in[0].found || in[1].found);
    d->identity = identity;
    snprintf(path, sizeof path, "for f in %s/*.tuned; do sed -i 's/MWG=64/MWG=96/' \"$f\"; done", dir);
    assert_int_equal(system(path), 0);
    gp_cl_tuned_load(d, in);
    assert_false(in[0].found || in[1].found);
    d->cache = before;
    gp_cl_cache_free(cache);
    snprintf(path, sizeof path, "rm -r %s", dir);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),      cmocka_unit_test(test_kept),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_old_contents),
        cmocka_unit_test(test_products),        cmocka_unit_test(test_large_kernel),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_failing_library), cmocka_unit_test(test_failing_calls),
    };
    device = open_driver("");
    if (device == NULL || device->matrix == NULL) {
        const char *required = getenv("GPUPROC_REQUIRE_DEVICE");
        gp_cl_driver_free(driver);
        fprintf(stderr, "no OpenCL device with CLBlast\n");
        return required != NULL && strcmp(required, "1") == 0 ? 1 : 77;
    }
    hook();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ((gp_cl_device *)device)->blast = &real_blast;
    gp_cl_driver_free(driver);
    return failed;
}
