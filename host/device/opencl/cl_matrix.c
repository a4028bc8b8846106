/* Products of matrices on a device, by CLBlast: one tile of C, and two places where panels of A and B come in turn.
 *
 * A discrete device has a buffer for each panel and pinned staging before it; `up` carries panels while `compute`
 * multiplies. On a unified one the buffers are the staging: mapped while the host fills them, and nothing is copied. */
#include "device/opencl/cl_device.h"

#include "base/clock.h"
#include "base/memory.h"

#include <string.h>

#define BACK_BYTES (UINT64_C(4) << 20) /* of the way back, at a time: half of its staging */

/* One panel of one place. */
typedef struct panel {
    cl_mem buffer;
    gp_cl_host staging; /* discrete */
    void *mapped;       /* unified: while the host fills it */
    uint64_t bytes;
} panel;

typedef struct place {
    panel panel[2]; /* A, B */
    cl_event added; /* the last product from here is done with it; NULL: nothing under way */
    /* For the times of that one: its panels were up; both were, and what was before it had ended. */
    cl_event up[2], ready;
    uint64_t asked_ns, up_asked_ns, asked_error_ns; /* when `add` was called, when its second panel was sent */
    uint64_t enqueued_ns;  /* the kernels were handed over */
    gp_device_tile_times times;
} place;

struct gp_device_tile {
    gp_cl_device *device;
    gp_dtype dtype;
    uint64_t element, max_m, max_n, max_k;
    place place[2];
    cl_mem c, scratch;
    size_t scratch_bytes;
    gp_cl_host back; /* discrete: two halves that take turns */
    cl_command_queue up, compute;
    bool zero; /* C is nothing but zeros, which no buffer holds: a product with k = 0 */
    bool compiled; /* something was added: the library has its kernels */
    gp_span download;
};

/* ---- Sizes ---- */

/* Bytes of A's and B's panel and of C. */
static bool tile_sizes(gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, uint64_t bytes[3])
{
    uint64_t element = gpuproc_dtype_bytes(dtype);
    return gp_mul_u64(m, k, &bytes[0]) && gp_mul_u64(k, n, &bytes[1]) && gp_mul_u64(m, n, &bytes[2]) &&
           gp_mul_u64(bytes[0], element, &bytes[0]) && gp_mul_u64(bytes[1], element, &bytes[1]) &&
           gp_mul_u64(bytes[2], element, &bytes[2]);
}

static bool has_dtype(const gp_device *device, gp_dtype dtype)
{
    bool doubles = dtype == GPUPROC_FLOAT64 || dtype == GPUPROC_COMPLEX128;
    return gp_cl_blast_precision(dtype) != 0 && (!doubles || device->info.fp64);
}

/* Of C, on its way back: half of what is staged. */
static uint64_t back_half(uint64_t element, uint64_t m, uint64_t n)
{
    return gp_min_u64(m * n * element, gp_max_u64(BACK_BYTES, n * element));
}

static void matrix_bytes(gp_device *base, gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, uint64_t *host_bytes,
                         uint64_t *device_bytes)
{
    const gp_cl_device *device = (const gp_cl_device *)base;
    uint64_t bytes[3], panels, sum, scratch, element = gpuproc_dtype_bytes(dtype);
    *host_bytes = *device_bytes = UINT64_MAX;
    if (!has_dtype(base, dtype) || !tile_sizes(dtype, m, n, k, bytes) ||
        !gp_mul_u64(gp_cl_gemm_scratch_most(m, n, k), element, &scratch) || !gp_add_u64(bytes[0], bytes[1], &panels) ||
        !gp_mul_u64(panels, 2, &panels) || !gp_add_u64(panels, bytes[2], &sum) || !gp_add_u64(sum, scratch, &sum))
        return;
    *device_bytes = sum;
    *host_bytes = device->unified ? sum : panels + 2 * back_half(element, m, n);
}

/* ---- Making and freeing ---- */

static gpuproc_status make_buffer(const gp_cl_device *device, uint64_t bytes, cl_mem *buffer, gpuproc_error *err)
{
    cl_int rc = CL_SUCCESS;
    cl_mem_flags flags = CL_MEM_READ_WRITE | (device->unified ? CL_MEM_ALLOC_HOST_PTR : 0);
    if (bytes == 0) bytes = 1;
    if (bytes > device->base.info.max_buffer_bytes)
        return gp_fail(err, GPUPROC_DEVICE_MEMORY,
                       "a matrix of %llu bytes is larger than the device's largest buffer, %llu",
                       (unsigned long long)bytes, (unsigned long long)device->base.info.max_buffer_bytes);
    *buffer = device->api->clCreateBuffer(device->context, flags, (size_t)bytes, NULL, &rc);
    if (*buffer == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer for a matrix");
    return GPUPROC_OK;
}

static gpuproc_status make_queue(const gp_cl_device *device, cl_command_queue *queue, gpuproc_error *err)
{
    cl_int rc = CL_SUCCESS;
    *queue = device->api->clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &rc);
    if (*queue == NULL) *queue = device->api->clCreateCommandQueue(device->context, device->id, 0, &rc);
    if (*queue == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clCreateCommandQueue");
    return GPUPROC_OK;
}

static gpuproc_status make_panels(gp_device_tile *tile, const uint64_t bytes[3], gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < 4; i++) {
        panel *p = &tile->place[i / 2].panel[i % 2];
        p->bytes = bytes[i % 2] ? bytes[i % 2] : 1;
        GP_TRY(make_buffer(tile->device, p->bytes, &p->buffer, err));
        if (!tile->device->unified)
            GP_TRY(gp_cl_host_new(tile->device, tile->up, (size_t)p->bytes, &p->staging, err));
    }
out:
    return st;
}

/* What is known of the last product from a place, but that it is under way. */
static void forget_events(const gp_cl_api *api, place *p)
{
    cl_event *const event[] = {&p->up[0], &p->up[1], &p->ready};
    for (size_t i = 0; i < 3; i++) {
        if (*event[i] != NULL) api->clReleaseEvent(*event[i]);
        *event[i] = NULL;
    }
}

static void tile_free(gp_device_tile *tile)
{
    if (tile == NULL) return;
    const gp_cl_api *api = tile->device->api;
    /* The memory is the driver's, which keeps it for as long as commands use it. */
    if (tile->up != NULL) (void)api->clFinish(tile->up);
    if (tile->compute != NULL) (void)api->clFinish(tile->compute);
    for (size_t i = 0; i < 4; i++) {
        panel *p = &tile->place[i / 2].panel[i % 2];
        if (p->mapped != NULL) api->clEnqueueUnmapMemObject(tile->up, p->buffer, p->mapped, 0, NULL, NULL);
        gp_cl_host_free(tile->device, tile->up, &p->staging);
        if (p->buffer != NULL) api->clReleaseMemObject(p->buffer);
    }
    for (size_t i = 0; i < 2; i++) {
        if (tile->place[i].added != NULL) api->clReleaseEvent(tile->place[i].added);
        forget_events(api, &tile->place[i]);
    }
    gp_cl_host_free(tile->device, tile->compute, &tile->back);
    if (tile->scratch != NULL) api->clReleaseMemObject(tile->scratch);
    if (tile->c != NULL) api->clReleaseMemObject(tile->c);
    if (tile->up != NULL) api->clReleaseCommandQueue(tile->up);
    if (tile->compute != NULL) api->clReleaseCommandQueue(tile->compute);
    free(tile);
}

static gpuproc_status tile_new(gp_device *base, gp_dtype dtype, uint64_t max_m, uint64_t max_n, uint64_t max_k,
                               gp_device_tile **tile, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cl_device *device = (gp_cl_device *)base;
    uint64_t bytes[3];
    if (gp_cl_blast_precision(dtype) == 0)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "%s has no matrices of %s", device->blast->name,
                       gpuproc_dtype_name(dtype));
    if (!has_dtype(base, dtype)) return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "the device has no float64");
    if (!gp_cl_gemm_fits(dtype, max_m, max_n, max_k) || !tile_sizes(dtype, max_m, max_n, max_k, bytes))
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                       "%s counts elements in 32 bits, too few for a tile of (%llu, %llu) @ (%llu, %llu)",
                       device->blast->name, (unsigned long long)max_m, (unsigned long long)max_k,
                       (unsigned long long)max_k, (unsigned long long)max_n);
    gp_device_tile *t = gp_calloc(1, sizeof *t);
    if (t == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    *t = (gp_device_tile){.device = device, .dtype = dtype, .element = gpuproc_dtype_bytes(dtype),
                          .max_m = max_m, .max_n = max_n, .max_k = max_k, .zero = true};
    GP_TRY(gp_cl_device_context(device, err));
    gp_cl_tuned_apply(device);
    GP_TRY(make_queue(device, &t->up, err));
    GP_TRY(make_queue(device, &t->compute, err));
    GP_TRY(make_panels(t, bytes, err));
    GP_TRY(make_buffer(device, bytes[2], &t->c, err));
    if (!device->unified)
        GP_TRY(gp_cl_host_new(device, t->compute, (size_t)(2 * back_half(t->element, max_m, max_n)), &t->back, err));
    *tile = t;
    t = NULL;
out:
    tile_free(t);
    return st;
}

/* ---- Times ---- */

static uint64_t profile(const gp_cl_api *api, cl_event event, cl_profiling_info what)
{
    cl_ulong ns = 0;
    if (event == NULL || api->clGetEventProfilingInfo(event, what, sizeof ns, &ns, NULL) != CL_SUCCESS) return 0;
    return ns;
}

/* The device's clock is put beside ours where the second panel was sent: a command is queued while the call that
 * queues it lasts. */
static void note_times(gp_device_tile *tile, place *p)
{
    const gp_cl_api *api = tile->device->api;
    uint64_t now = gp_now_ns(), queued = profile(api, p->up[1], CL_PROFILING_COMMAND_QUEUED);
    uint64_t up[] = {profile(api, p->up[0], CL_PROFILING_COMMAND_START), profile(api, p->up[1], CL_PROFILING_COMMAND_END)};
    uint64_t run[] = {profile(api, p->ready, CL_PROFILING_COMMAND_END), profile(api, p->added, CL_PROFILING_COMMAND_END)};
    gp_device_tile_times *t = &p->times;
    t->error_ns = p->asked_error_ns;
    t->kernel = (gp_span){p->enqueued_ns, now}; /* without times of the device's: no later than this */
    t->upload = (gp_span){p->asked_ns, p->up_asked_ns};
    if (queued == 0 || up[0] == 0 || up[1] < up[0] || run[0] == 0 || run[1] < run[0]) return;
    uint64_t *const from[] = {&up[0], &up[1], &run[0], &run[1]};
    for (size_t i = 0; i < 4; i++) {
        uint64_t ns = *from[i] + (p->up_asked_ns - queued);
        /* Drivers were seen to report nonsense: nothing can be outside of this. */
        *from[i] = (int64_t)(ns - p->asked_ns) < 0 ? p->asked_ns : (int64_t)(now - ns) < 0 ? now : ns;
    }
    uint64_t least = t->program.end_ns != 0 ? t->program.end_ns : p->asked_ns;
    t->upload = (gp_span){up[0], up[1]};
    t->kernel = (gp_span){gp_min_u64(gp_max_u64(run[0], least), run[1]), run[1]};
}

static void times(const gp_device_tile *tile, unsigned which, gp_device_tile_times *times)
{
    *times = tile->place[which & 1].times;
    times->download = tile->download;
}

/* ---- Adding ---- */

/* Waits until nothing that was added from this place is under way. */
static gpuproc_status settle(gp_device_tile *tile, place *p, gpuproc_error *err)
{
    const gp_cl_api *api = tile->device->api;
    cl_int state = CL_COMPLETE;
    if (p->added == NULL) return GPUPROC_OK;
    cl_int rc = api->clWaitForEvents(1, &p->added);
    cl_int asked = api->clGetEventInfo(p->added, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    if (rc == CL_SUCCESS) note_times(tile, p);
    forget_events(api, p);
    api->clReleaseEvent(p->added);
    p->added = NULL;
    /* What went wrong is the more useful word, where it can be had. */
    if (asked == CL_SUCCESS && state < 0) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, state, "multiplying matrices");
    if (rc != CL_SUCCESS) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clWaitForEvents");
    if (asked != CL_SUCCESS) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, asked, "clGetEventInfo");
    return GPUPROC_OK;
}

static gpuproc_status open_panel(gp_device_tile *tile, panel *p, gp_device_panel *out, gpuproc_error *err)
{
    const gp_cl_api *api = tile->device->api;
    cl_int rc = CL_SUCCESS;
    *out = (gp_device_panel){.data = p->staging.data};
    if (!tile->device->unified) return GPUPROC_OK;
    if (p->mapped == NULL)
        p->mapped = api->clEnqueueMapBuffer(tile->up, p->buffer, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0,
                                            (size_t)p->bytes, 0, NULL, NULL, &rc);
    if (p->mapped == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueMapBuffer for a matrix");
    out->data = p->mapped;
    return GPUPROC_OK;
}

static gpuproc_status panels(gp_device_tile *tile, unsigned which, gp_device_panel *a, gp_device_panel *b,
                             gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    place *p = &tile->place[which & 1];
    GP_TRY(settle(tile, p, err));
    GP_TRY(open_panel(tile, &p->panel[0], a, err));
    GP_TRY(open_panel(tile, &p->panel[1], b, err));
out:
    return st;
}

static gpuproc_status upload(gp_device_tile *tile, panel *p, uint64_t elements, cl_event *event, gpuproc_error *err)
{
    const gp_cl_api *api = tile->device->api;
    cl_int rc;
    if (!tile->device->unified) {
        rc = api->clEnqueueWriteBuffer(tile->up, p->buffer, CL_FALSE, 0, (size_t)(elements * tile->element),
                                       p->staging.data, 0, NULL, event);
        return rc == CL_SUCCESS ? GPUPROC_OK : gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueWriteBuffer");
    }
    if (p->mapped == NULL) return gp_fail(err, GPUPROC_INTERNAL, "a panel is added that was not asked for");
    rc = api->clEnqueueUnmapMemObject(tile->up, p->buffer, p->mapped, 0, NULL, event);
    if (rc != CL_SUCCESS) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueUnmapMemObject");
    p->mapped = NULL;
    return GPUPROC_OK;
}

/* What CLBlast needs depends on its parameters, on the sizes and on which operands are transposed, so it is asked
 * each time; the buffer grows to the most. */
static gpuproc_status make_scratch(gp_device_tile *tile, const gp_cl_gemm *gemm, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t bytes = 0;
    GP_TRY(gp_cl_gemm_scratch(tile->device->blast, gemm, tile->compute, &bytes, err));
    if (bytes <= tile->scratch_bytes) return GPUPROC_OK;
    if (tile->scratch != NULL) tile->device->api->clReleaseMemObject(tile->scratch);
    tile->scratch = NULL;
    tile->scratch_bytes = 0;
    GP_TRY(make_buffer(tile->device, bytes, &tile->scratch, err));
    tile->scratch_bytes = bytes;
out:
    return st;
}

static gpuproc_status add(gp_device_tile *tile, unsigned which, const gp_device_panel *a, const gp_device_panel *b,
                          uint64_t m, uint64_t n, uint64_t k, bool first, gpuproc_error *err)
{
    const gp_cl_api *api = tile->device->api;
    gpuproc_status st = GPUPROC_OK;
    place *p = &tile->place[which & 1];
    cl_int rc;
    p->times = (gp_device_tile_times){0};
    if (m > tile->max_m || n > tile->max_n || k > tile->max_k)
        return gp_fail(err, GPUPROC_INTERNAL, "panels of (%llu, %llu) @ (%llu, %llu) are larger than the tile's",
                       (unsigned long long)m, (unsigned long long)k, (unsigned long long)k, (unsigned long long)n);
    if (first) tile->zero = true;
    if (m == 0 || n == 0 || k == 0) return GPUPROC_OK;
    gp_cl_gemm gemm = {.dtype = tile->dtype, .m = m, .n = n, .k = k, .a = p->panel[0].buffer,
                       .b = p->panel[1].buffer, .c = tile->c, .a_transposed = a->transposed,
                       .b_transposed = b->transposed, .add = !tile->zero};
    GP_TRY(make_scratch(tile, &gemm, err));
    p->asked_ns = gp_now_ns();
    GP_TRY(upload(tile, &p->panel[0], m * k, &p->up[0], err));
    uint64_t before = gp_now_ns();
    GP_TRY(upload(tile, &p->panel[1], k * n, &p->up[1], err));
    p->up_asked_ns = gp_now_ns();
    p->asked_error_ns = p->up_asked_ns - before;
    rc = api->clFlush(tile->up);
    if (rc == CL_SUCCESS) rc = api->clEnqueueBarrierWithWaitList(tile->compute, 2, p->up, &p->ready);
    if (rc != CL_SUCCESS) {
        st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueBarrierWithWaitList");
        goto out;
    }
    before = gp_now_ns();
    GP_TRY(gp_cl_gemm_enqueue(tile->device->blast, &gemm, tile->compute, tile->scratch, &p->added, err));
    p->enqueued_ns = gp_now_ns();
    if (!tile->compiled) p->times.program = (gp_span){before, p->enqueued_ns};
    tile->compiled = true;
    tile->zero = false;
    rc = api->clFlush(tile->compute);
    if (rc != CL_SUCCESS) st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clFlush");
out:
    if (p->added == NULL) forget_events(api, p);
    return st;
}

/* ---- Taking ---- */

static void copy_rows(const gp_device_tile *tile, void *c, int64_t c_row, const void *from, uint64_t rows, uint64_t n)
{
    size_t bytes = (size_t)(n * tile->element);
    for (uint64_t i = 0; i < rows; i++) {
        char *to = (char *)c + (int64_t)i * c_row * (int64_t)tile->element;
        if (from != NULL) memcpy(to, (const char *)from + i * bytes, bytes);
        else memset(to, 0, bytes);
    }
}

static gpuproc_status take_mapped(gp_device_tile *tile, void *c, int64_t c_row, uint64_t m, uint64_t n,
                                  gpuproc_error *err)
{
    const gp_cl_api *api = tile->device->api;
    cl_int rc = CL_SUCCESS;
    void *mapped = api->clEnqueueMapBuffer(tile->compute, tile->c, CL_TRUE, CL_MAP_READ, 0,
                                           (size_t)(m * n * tile->element), 0, NULL, NULL, &rc);
    if (mapped == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueMapBuffer for a matrix");
    copy_rows(tile, c, c_row, mapped, m, n);
    rc = api->clEnqueueUnmapMemObject(tile->compute, tile->c, mapped, 0, NULL, NULL);
    return rc == CL_SUCCESS ? GPUPROC_OK : gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueUnmapMemObject");
}

/* Piece by piece: one is copied to where it belongs while the next one comes. */
static gpuproc_status take_read(gp_device_tile *tile, void *c, int64_t c_row, uint64_t m, uint64_t n,
                                gpuproc_error *err)
{
    const gp_cl_api *api = tile->device->api;
    gpuproc_status st = GPUPROC_OK;
    uint64_t half = back_half(tile->element, tile->max_m, tile->max_n), row = n * tile->element, step = half / row, begun = 0;
    cl_event event[2] = {NULL, NULL};
    for (uint64_t at = 0; at < m; at += step) {
        for (; begun < m && begun <= at + step; begun += step) {
            unsigned which = (unsigned)(begun / step & 1);
            cl_int rc = api->clEnqueueReadBuffer(tile->compute, tile->c, CL_FALSE, (size_t)(begun * row),
                                                 (size_t)(gp_min_u64(step, m - begun) * row),
                                                 (char *)tile->back.data + which * half, 0, NULL, &event[which]);
            if (rc == CL_SUCCESS) rc = api->clFlush(tile->compute);
            if (rc != CL_SUCCESS) {
                st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueReadBuffer");
                goto out;
            }
        }
        unsigned which = (unsigned)(at / step & 1);
        cl_int rc = api->clWaitForEvents(1, &event[which]);
        api->clReleaseEvent(event[which]);
        event[which] = NULL;
        if (rc != CL_SUCCESS) {
            st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "reading a matrix back");
            goto out;
        }
        copy_rows(tile, (char *)c + (int64_t)at * c_row * (int64_t)tile->element, c_row,
                  (char *)tile->back.data + which * half, gp_min_u64(step, m - at), n);
    }
out:
    for (size_t i = 0; i < 2; i++) {
        if (event[i] != NULL) api->clReleaseEvent(event[i]);
    }
    return st;
}

static gpuproc_status take(gp_device_tile *tile, void *c, int64_t c_row, uint64_t m, uint64_t n,
                           gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    if (m == 0 || n == 0) return GPUPROC_OK;
    /* Reading alone would not tell that a product went wrong. */
    GP_TRY(settle(tile, &tile->place[0], err));
    GP_TRY(settle(tile, &tile->place[1], err));
    tile->download.begin_ns = gp_now_ns();
    if (tile->zero) copy_rows(tile, c, c_row, NULL, m, n);
    else if (tile->device->unified) GP_TRY(take_mapped(tile, c, c_row, m, n, err));
    else GP_TRY(take_read(tile, c, c_row, m, n, err));
    tile->download.end_ns = gp_now_ns();
out:
    return st;
}

const gp_device_matrix_api gp_cl_matrix_api = {
    .bytes = matrix_bytes,
    .tile_new = tile_new,
    .tile_free = tile_free,
    .panels = panels,
    .add = add,
    .take = take,
    .times = times,
    .tune = gp_cl_tune,
};
