/* The search for CLBlast's parameters: sets by chance, and near the best so far, each timed on one product.
 *
 * The matrices hold small whole numbers, so that the product is exact in any order of summation: a set whose product
 * differs in one bit from what the library's own parameters give is refused. */
#include "device/opencl/cl_tuned.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define LEAST_LENGTH 256u
#define MOST_LENGTH 4096u
#define LONG_ENOUGH (SECOND / 50) /* of one product: longer ones are not needed to tell sets apart */
#define RUNS 6
#define RUNS_NS (SECOND / 4)   /* of one set, at most, but for the first run */
#define WORTH_IT 1.02          /* a gain below is noise */
#define SEED 20

typedef struct tuner {
    gp_cl_device *device;
    const gpuproc_tune_options *options;
    gpuproc_tune_result *result;
    cl_command_queue queue;
    cl_mem scratch;
    size_t scratch_bytes;
    gp_cl_gemm gemm; /* a product of square matrices */
    void *expected;  /* NULL: not known yet */
    void *got;
    uint64_t begin_ns, limit_ns;
    double before, best; /* GFLOP/s of the present dtype */
    gp_cl_tuned winner;  /* the best of the sets, though the library's own may be better still */
    double winner_gflops;
    gp_xgemm *tried;
    size_t tries, capacity;
} tuner;

/* Sets to begin with: one for CPUs and small GPUs, one for large ones. In the order of GP_XGEMM_PARAMETERS. */
static const gp_xgemm beginnings[] = {
    {{0, 1, 32, 2, 8, 8, 64, 8, 8, 64, 0, 0, 0, 0, 4, 4}},
    {{0, 1, 32, 2, 16, 16, 128, 16, 16, 128, 1, 1, 0, 0, 4, 4}},
    {{0, 1, 16, 2, 16, 8, 32, 8, 16, 64, 1, 1, 1, 1, 2, 2}},
};
#define BEGINNINGS (sizeof beginnings / sizeof beginnings[0])

static uint64_t elapsed(const tuner *t) { return gp_now_ns() - t->begin_ns; }

/* ---- One product ---- */

static uint64_t matrix_bytes(const tuner *t) { return t->gemm.n * t->gemm.n * gpuproc_dtype_bytes(t->gemm.dtype); }

static void release_matrices(tuner *t)
{
    const gp_cl_api *api = t->device->api;
    if (t->gemm.a != NULL) api->clReleaseMemObject(t->gemm.a);
    if (t->gemm.b != NULL) api->clReleaseMemObject(t->gemm.b);
    if (t->gemm.c != NULL) api->clReleaseMemObject(t->gemm.c);
    t->gemm.a = t->gemm.b = t->gemm.c = NULL;
    free(t->expected);
    free(t->got);
    t->expected = t->got = NULL;
}

static void fill(const tuner *t, void *data, unsigned step)
{
    uint64_t count = matrix_bytes(t) / (t->gemm.dtype == GPUPROC_FLOAT64 ? 8 : 4);
    for (uint64_t i = 0; i < count; i++) {
        int value = (int)((i * step ^ i / t->gemm.n * 31) % 9) - 4;
        if (t->gemm.dtype == GPUPROC_FLOAT64) ((double *)data)[i] = value;
        else ((float *)data)[i] = (float)value;
    }
}

static gpuproc_status put(const tuner *t, cl_mem *buffer, const void *data, gpuproc_error *err)
{
    const gp_cl_device *device = t->device;
    cl_int rc = CL_SUCCESS;
    if (*buffer == NULL)
        *buffer = device->api->clCreateBuffer(device->context, CL_MEM_READ_WRITE, (size_t)matrix_bytes(t), NULL, &rc);
    if (*buffer == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer for a matrix");
    rc = device->api->clEnqueueWriteBuffer(t->queue, *buffer, CL_TRUE, 0, (size_t)matrix_bytes(t), data, 0, NULL,
                                           NULL);
    return rc == CL_SUCCESS ? GPUPROC_OK : gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueWriteBuffer");
}

static gpuproc_status make_matrices(tuner *t, uint64_t length, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    release_matrices(t);
    t->gemm.m = t->gemm.n = t->gemm.k = length;
    t->got = malloc((size_t)matrix_bytes(t));
    if (t->got == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    fill(t, t->got, 7);
    GP_TRY(put(t, &t->gemm.a, t->got, err));
    fill(t, t->got, 5);
    GP_TRY(put(t, &t->gemm.b, t->got, err));
    memset(t->got, 0xff, (size_t)matrix_bytes(t));
    GP_TRY(put(t, &t->gemm.c, t->got, err));
out:
    return st;
}

/* Once, from the call to the end of the work. */
static gpuproc_status multiply(tuner *t, uint64_t *ns, gpuproc_error *err)
{
    const gp_cl_api *api = t->device->api;
    uint64_t begin = gp_now_ns();
    cl_event event = NULL;
    gpuproc_status st = gp_cl_gemm_enqueue(t->device->blast, &t->gemm, t->queue, t->scratch, &event, err);
    /* Also after a failure: something may be under way. */
    cl_int state = CL_COMPLETE, rc = api->clFinish(t->queue);
    *ns = gp_now_ns() - begin;
    if (event != NULL) {
        if (api->clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL) == CL_SUCCESS &&
            state < 0)
            rc = state;
        api->clReleaseEvent(event);
    }
    if (st == GPUPROC_OK && rc != CL_SUCCESS) st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "multiplying matrices");
    return st;
}

static gpuproc_status make_scratch(tuner *t, gpuproc_error *err)
{
    const gp_cl_device *device = t->device;
    size_t bytes = 0;
    cl_int rc = CL_SUCCESS;
    gpuproc_status st = gp_cl_gemm_scratch(device->blast, &t->gemm, t->queue, &bytes, err);
    if (st != GPUPROC_OK || bytes <= t->scratch_bytes) return st;
    if (t->scratch != NULL) device->api->clReleaseMemObject(t->scratch);
    t->scratch_bytes = 0;
    t->scratch = device->api->clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &rc);
    if (t->scratch == NULL) return gp_cl_fail(err, GPUPROC_DEVICE_MEMORY, rc, "clCreateBuffer for a matrix");
    t->scratch_bytes = bytes;
    return GPUPROC_OK;
}

/* What the present parameters compute: kept the first time, compared from then on. */
static gpuproc_status check(tuner *t, gpuproc_error *err)
{
    const gp_cl_api *api = t->device->api;
    size_t bytes = (size_t)matrix_bytes(t);
    cl_int rc = api->clEnqueueReadBuffer(t->queue, t->gemm.c, CL_TRUE, 0, bytes, t->got, 0, NULL, NULL);
    if (rc != CL_SUCCESS) return gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clEnqueueReadBuffer");
    if (t->expected == NULL) {
        t->expected = t->got;
        t->got = malloc(bytes);
        return t->got != NULL ? GPUPROC_OK : gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    }
    if (memcmp(t->expected, t->got, bytes) != 0)
        return gp_fail(err, GPUPROC_DEVICE_FAILED, "the product is not that of the library's own parameters");
    return GPUPROC_OK;
}

/* GFLOP/s of the present parameters; 0 where they are surely not the best. */
static gpuproc_status measure(tuner *t, double *gflops, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    uint64_t ns = 0, least = UINT64_MAX, sum = 0;
    double flop = 2.0 * (double)t->gemm.m * (double)t->gemm.n * (double)t->gemm.k;
    GP_TRY(make_scratch(t, err));
    /* Nothing of an earlier set's product must be there to be compared. */
    if (t->got == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    memset(t->got, 0xff, (size_t)matrix_bytes(t));
    GP_TRY(put(t, &t->gemm.c, t->got, err));
    GP_TRY(multiply(t, &ns, err)); /* compiles */
    GP_TRY(check(t, err));
    for (int run = 0; run < RUNS && sum < RUNS_NS; run++) {
        GP_TRY(multiply(t, &ns, err));
        if (ns < least) least = ns;
        sum += ns;
        if (flop / (double)least * 1.5 < t->best) break;
    }
    *gflops = flop / (double)(least ? least : 1);
out:
    return st;
}

/* ---- The search ---- */

/* False: enough. */
static bool tell(tuner *t)
{
    gpuproc_tune_progress p = {.struct_size = sizeof p, .dtype = t->gemm.dtype, .tried = t->result->tried,
                               .elapsed_ns = elapsed(t), .limit_ns = t->limit_ns, .gflops_before = t->before,
                               .gflops_best = t->best};
    if (t->options->progress != NULL && !t->options->progress(t->options->progress_ctx, &p)) t->result->stopped = true;
    return !t->result->stopped;
}

/* The library's own parameters, on matrices long enough to tell sets apart by. */
static gpuproc_status measure_before(tuner *t, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    uint64_t largest = t->device->base.info.max_buffer_bytes / 4;
    double again = 0;
    for (uint64_t length = LEAST_LENGTH;; length *= 2) {
        GP_TRY(make_matrices(t, length, err));
        GP_TRY(measure(t, &t->before, err));
        double ns = 2.0 * (double)(length * length * length) / t->before;
        if (ns > (double)LONG_ENOUGH || length >= MOST_LENGTH || matrix_bytes(t) * 4 > largest) break;
    }
    /* As often as the winner will have been. */
    GP_TRY(measure(t, &again, err));
    if (again > t->before) t->before = again;
out:
    return st;
}

static bool was_tried(const tuner *t, const gp_xgemm *x)
{
    for (size_t i = 0; i < t->tries; i++) {
        if (memcmp(&t->tried[i], x, sizeof *x) == 0) return true;
    }
    return false;
}

/* The next set that was not tried yet. False: there is none. */
static bool next_set(tuner *t, const gp_xgemm_limits *limits, const gp_cl_tuned *kept, uint64_t *seed, gp_xgemm *x)
{
    for (size_t i = 0; i <= BEGINNINGS; i++) {
        if (i == 0 && !kept->found) continue;
        *x = i == 0 ? kept->xgemm : beginnings[i - 1];
        if (gp_xgemm_valid(x, limits) && !was_tried(t, x)) return true;
    }
    for (int attempt = 0; attempt < 1000; attempt++) {
        bool near = t->winner.found && (*seed & 3) != 0;
        bool made = near ? gp_xgemm_near(&t->winner.xgemm, limits, seed, x) : gp_xgemm_random(limits, seed, x);
        if (made && !was_tried(t, x)) return true;
        if (!made) ++*seed;
    }
    return false;
}

static gpuproc_status try_set(tuner *t, const gp_cl_tuned *set, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_error why = {0};
    double gflops = 0;
    if (!gp_grow(&t->tried, &t->capacity, t->tries + 1, sizeof *t->tried))
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    t->tried[t->tries++] = set->xgemm;
    t->result->tried++;
    st = gp_cl_tuned_set(t->device, t->gemm.dtype, set, &why);
    if (st == GPUPROC_OK) st = measure(t, &gflops, &why);
    if (st == GPUPROC_NO_MEMORY) return gp_fail(err, st, "%s", why.message);
    if (st != GPUPROC_OK) {
        t->result->refused++;
    } else if (gflops > t->winner_gflops) {
        t->winner = *set;
        t->winner_gflops = gflops;
        t->best = gflops > t->best ? gflops : t->best;
    }
    return GPUPROC_OK;
}

/* Until `until` (elapsed ns); a set that would probably last longer is not begun, but for the first. */
static gpuproc_status search(tuner *t, const gp_cl_tuned *kept, uint64_t until, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_xgemm_limits limits;
    gp_cl_tuned set = {.found = true};
    uint64_t seed = SEED, began = elapsed(t), probably = 0;
    size_t bytes = 0;
    gp_cl_xgemm_limits(t->device, t->gemm.dtype, &limits);
    /* Without scratch memory it was the other kernel that the library chose for this length. */
    GP_TRY(gp_cl_gemm_scratch(t->device->blast, &t->gemm, t->queue, &bytes, err));
    if (bytes == 0) set.indirect_from = (uint32_t)t->gemm.n;
    for (size_t i = 0; tell(t) && (i == 0 || elapsed(t) + probably < until); i++) {
        if (!next_set(t, &limits, kept, &seed, &set.xgemm)) break;
        GP_TRY(try_set(t, &set, err));
        probably = (elapsed(t) - began) / (i + 1);
    }
out:
    return st;
}

/* Leaves the library with the best set, measured once more, and says what came out. */
static gpuproc_status conclude(tuner *t, gp_cl_tuned *keep, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_tuned *out = &t->result->tuned[t->result->count];
    double after = 0;
    *out = (gpuproc_tuned){.dtype = t->gemm.dtype, .length = t->gemm.n, .gflops_before = t->before,
                           .gflops_after = t->before};
    if (t->winner.found) {
        t->best = 0;
        GP_TRY(gp_cl_tuned_set(t->device, t->gemm.dtype, &t->winner, err));
        GP_TRY(measure(t, &after, err));
        /* Whatever else the machine did can only have made it slower. */
        if (after < t->winner_gflops) after = t->winner_gflops;
    }
    if (after > t->before * WORTH_IT) {
        out->better = true;
        out->gflops_after = after;
        gp_cl_tuned_text(&t->winner.xgemm, out->parameters, sizeof out->parameters);
        *keep = t->winner;
    }
    t->result->count++;
out:
    return st;
}

static gpuproc_status tune_dtype(tuner *t, size_t which, const gp_cl_tuned *kept, uint64_t until, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cl_tuned keep[GP_CL_TUNED_DTYPES] = {0};
    t->gemm.dtype = gp_cl_tuned_dtype[which];
    t->before = t->best = 0;
    t->winner = (gp_cl_tuned){0};
    t->winner_gflops = 0;
    t->tries = 0;
    if (!tell(t)) return GPUPROC_OK;
    GP_TRY(measure_before(t, err));
    t->best = t->before;
    GP_TRY(search(t, &kept[which], until, err));
    GP_TRY(conclude(t, &keep[which], err));
    if (keep[which].found) t->result->stored = gp_cl_tuned_store(t->device, keep);
out:
    release_matrices(t);
    return st;
}

gpuproc_status gp_cl_tune(gp_device *base, const gpuproc_tune_options *options, gpuproc_tune_result *result,
                          gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_cl_device *device = (gp_cl_device *)base;
    tuner t = {.device = device, .options = options, .result = result, .begin_ns = gp_now_ns()};
    gp_cl_tuned kept[GP_CL_TUNED_DTYPES];
    size_t dtypes = options->quick || !base->info.fp64 ? 1 : 2;
    cl_int rc = CL_SUCCESS;
    t.limit_ns = options->limit_ns ? options->limit_ns : options->quick ? 15 * SECOND : 60 * SECOND;
    snprintf(result->device, sizeof result->device, "%s", base->info.name);
    snprintf(result->library, sizeof result->library, "%s", device->blast->name);
    GP_TRY(gp_cl_device_context(device, err));
    gp_cl_tuned_load(device, kept);
    /* What is kept is a set to begin with; it is the library's own parameters that are to be beaten. */
    pthread_mutex_lock(&device->lock);
    device->tuned = true;
    pthread_mutex_unlock(&device->lock);
    t.queue = device->api->clCreateCommandQueue(device->context, device->id, 0, &rc);
    if (t.queue == NULL) {
        st = gp_cl_fail(err, GPUPROC_DEVICE_FAILED, rc, "clCreateCommandQueue");
        goto out;
    }
    for (size_t i = 0; i < dtypes && !result->stopped; i++) {
        uint64_t now = gp_min_u64(elapsed(&t), t.limit_ns);
        GP_TRY(tune_dtype(&t, i, kept, now + (t.limit_ns - now) / (dtypes - i), err));
    }
out:
    if (t.scratch != NULL) device->api->clReleaseMemObject(t.scratch);
    if (t.queue != NULL) device->api->clReleaseCommandQueue(t.queue);
    free(t.tried);
    return st;
}
