/* gpuproc_calibrate: the jobs that measure, the figures that it leaves, and asking for them. */
#include "session/calibrate.h"

#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "lang/ir.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ARRAY_BYTES ((size_t)96 << 20) /* beyond the caches of most machines */
#define PERIOD_BYTES ((size_t)4 << 20)

/* ---- Jobs ------------------------------------------------------------------------ */

gpuproc_status gp_calibration_step(gp_calibration *c, const char *what, double parts, gpuproc_error *err)
{
    gpuproc_calibrate_progress p = {.struct_size = sizeof p, .what = what, .device = c->device_name,
                                    .part = c->part / c->parts, .elapsed_ns = gp_now_ns() - c->begin_ns};
    if (c->progress != NULL && !c->progress(c->ctx, &p)) return gp_fail(err, GPUPROC_CANCELLED, "cancelled");
    c->part += parts;
    return GPUPROC_OK;
}

static gpuproc_status open_array(const gp_calibration *c, const gp_trial *t, int which, gpuproc_array **array,
                                 gpuproc_error *err)
{
    int ndim = t->shape[1] > 0 ? 2 : 1;
    if (which == 0 && t->file_in != NULL) {
        gpuproc_raw_layout layout = {.struct_size = sizeof layout, .dtype = gp_rates_dtype[t->dtype], .ndim = ndim,
                                     .shape = t->shape, .offset = t->offset};
        return gpuproc_array_open_raw(t->file_in, &layout, array, err);
    }
    return gpuproc_array_from_memory(gp_rates_dtype[t->dtype], ndim, t->shape, c->data[which][t->dtype], array, err);
}

static gpuproc_status run_once(gp_calibration *c, const gp_trial *t, const gpuproc_input *input, gpuproc_report *report,
                               gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_job *job = NULL;
    gpuproc_job_options options = {.struct_size = sizeof options, .device = c->device, .chunk_bytes = t->chunk_bytes,
                                   .threads = t->threads,
                                   .flags = GPUPROC_JOB_OVERWRITE | GPUPROC_JOB_NO_FALLBACK | GPUPROC_JOB_BY_RULE |
                                            (t->sync ? GPUPROC_JOB_SYNC : 0)};
    gpuproc_output output = {.kind = t->file_out != NULL ? GPUPROC_OUTPUT_RAW : GPUPROC_OUTPUT_MEMORY,
                             .path = t->file_out, .data = c->out, .bytes = c->bytes};
    GP_TRY(gpuproc_submit(c->session, t->expression, input, 2, &output, t->output || t->file_out != NULL, &options, &job,
                          err));
    GP_TRY(gpuproc_job_wait(job, UINT64_MAX, err));
    gpuproc_job_report(job, report);
out:
    gpuproc_job_free(job);
    return st;
}

static double processor_ns(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 ? (double)t.tv_sec * 1e9 + (double)t.tv_nsec : 0;
}

double gp_calibration_thread_ns(const gp_calibration *c, uint64_t busy_ns)
{
    return fmax(fmin((double)busy_ns * c->threads, c->cpu_ns), 1);
}

gpuproc_status gp_calibration_run(gp_calibration *c, const gp_trial *t, gpuproc_report *best, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_array *array[2] = {NULL, NULL};
    gpuproc_input input[2];
    for (int k = 0; k < 2; k++) {
        GP_TRY(open_array(c, t, k, &array[k], err));
        input[k] = (gpuproc_input){k == 0 ? "x" : "y", array[k]};
    }
    uint64_t begin = gp_now_ns();
    for (int i = 0; i == 0 || (i < t->repeat && (t->enough_ns == 0 || gp_now_ns() - begin < t->enough_ns)); i++) {
        gpuproc_report r = {.struct_size = sizeof r};
        double before = processor_ns();
        GP_TRY(run_once(c, t, input, &r, err));
        double taken = processor_ns() - before;
        if (i == 0) *best = r;
        if (i == 0 || taken < c->cpu_ns) c->cpu_ns = taken;
        best->wall_ns = gp_min_u64(best->wall_ns, r.wall_ns);
        for (int s = 0; s < GPUPROC_STAGES; s++)
            best->stage[s].busy_ns = gp_min_u64(best->stage[s].busy_ns, r.stage[s].busy_ns);
    }
out:
    gpuproc_array_free(array[0]);
    gpuproc_array_free(array[1]);
    return st;
}

/* ---- Data ------------------------------------------------------------------------- */

/* A few megabytes, over and over. */
static void fill(void *data, size_t bytes, size_t dtype, uint64_t state)
{
    size_t width = gpuproc_dtype_bytes(gp_rates_dtype[dtype]), period = PERIOD_BYTES;
    for (size_t i = 0; i < period / width; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double part = (double)(state >> 11) * 0x1p-53;
        if (dtype == 0) ((float *)data)[i] = (float)(0.1 + 0.8 * part);
        else if (dtype == 1) ((double *)data)[i] = 0.1 + 0.8 * part;
        else if (dtype == 2) ((int32_t *)data)[i] = 1 + (int32_t)(part * 999);
        else ((int64_t *)data)[i] = 1 + (int64_t)(part * 999);
    }
    for (size_t at = period; at < bytes; at += period) memcpy((char *)data + at, data, gp_min_u64(period, bytes - at));
}

/* All bytes of float32 arrays are wanted, and the first quarter of the others. */
static gpuproc_status make_data(gp_calibration *c, gpuproc_error *err)
{
    c->bytes = ARRAY_BYTES;
    c->out = gp_pages_alloc(c->bytes);
    bool made = c->out != NULL;
    for (int k = 0; k < 2; k++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
            size_t bytes = d == 0 ? c->bytes : c->bytes / 4;
            c->data[k][d] = gp_pages_alloc(bytes);
            if (c->data[k][d] != NULL) fill(c->data[k][d], bytes, d, 2 * d + (uint64_t)k + 1);
            made = made && c->data[k][d] != NULL;
        }
    }
    if (made) memset(c->out, 0, c->bytes); /* touched */
    return made ? GPUPROC_OK : gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for %zu bytes to measure with", 5 * c->bytes);
}

static void free_data(gp_calibration *c)
{
    gp_pages_free(c->out, c->bytes);
    for (int k = 0; k < 2; k++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++)
            gp_pages_free(c->data[k][d], d == 0 ? c->bytes : c->bytes / 4);
    }
}

/* ---- The call ---------------------------------------------------------------------- */

static gpuproc_status choose(gpuproc_session *session, const char *wish, gp_device ***device, size_t *count,
                             gpuproc_error *err)
{
    char reason[256];
    return gp_choose_devices(session->registry, wish, NULL, device, count, reason, err);
}

static gpuproc_status calibrate_cpu(gp_calibration *c, bool *stored, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_rates *rates = gp_calloc(1, sizeof *rates);
    if (rates == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for figures");
    gp_rates_cautious(rates, c->threads);
    snprintf(c->device, sizeof c->device, "cpu");
    c->device_name = gp_registry_cpu(c->session->registry)->info.name;
    GP_TRY(gp_calibrate_cpu(c, rates, err));
    GP_TRY(gp_calibrate_ways(c, rates, err));
    rates->measured = true;
    *stored = gp_session_keep_rates(c->session, rates) && *stored;
out:
    free(rates);
    return st;
}

static gpuproc_status calibrate_device(gp_calibration *c, const gp_device *device, bool *stored, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t count, index = 0;
    gp_device *const *all = gp_registry_all(c->session->registry, &count);
    gp_device_rates rates;
    while (index < count && all[index] != device) index++;
    snprintf(c->device, sizeof c->device, "%zu", index);
    c->device_name = device->info.name;
    gp_device_rates_cautious(&rates);
    GP_TRY(gp_calibrate_device(c, device, &rates, err));
    rates.measured = true;
    *stored = gp_session_keep_device_rates(c->session, device, &rates) && *stored;
out:
    return st;
}

gpuproc_status gpuproc_calibrate(gpuproc_session *session, const char *device, gpuproc_calibrate_fn progress, void *ctx,
                                 bool *stored, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_calibration c = {.session = session, .progress = progress, .ctx = ctx};
    gp_device **list = NULL, *cpu;
    size_t count = 0;
    bool kept = true;
    if (session == NULL) return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "session is NULL");
    cpu = gp_registry_cpu(session->registry);
    GP_TRY(choose(session, device, &list, &count, err));
    c.threads = gp_cpu_device_threads(cpu);
    c.begin_ns = gp_now_ns();
    c.parts = GP_CALIBRATION_CPU_PARTS;
    for (size_t d = 0; d < count; d++) c.parts += list[d] != cpu ? GP_CALIBRATION_DEVICE_PARTS : 0;
    GP_TRY(gp_calibration_step(&c, "making data", 0, err));
    GP_TRY(make_data(&c, err));
    GP_TRY(calibrate_cpu(&c, &kept, err));
    for (size_t d = 0; d < count; d++) {
        if (list[d] != cpu) GP_TRY(calibrate_device(&c, list[d], &kept, err));
    }
    if (stored != NULL) *stored = kept;
out:
    free_data(&c);
    free(list);
    return st;
}

/* ---- The figures ------------------------------------------------------------------- */

static bool is_measured(gp_op op) { return gp_op_info_of(op)->elementwise || gp_op_info_of(op)->special || gp_op_info_of(op)->reduction; }
static bool is_fold(gp_op op) { return gp_op_info_of(op)->fold || gp_op_info_of(op)->reduction; }

/* What jobs taught of it. */
static void fill_correction(gpuproc_session *session, const gp_device *device, int figure, gpuproc_figure *f)
{
    gp_correction c;
    f->calibrated = f->value;
    if (gp_session_correction(session, device, figure, &c) == NULL) return;
    f->jobs = c.jobs;
    f->calibrated = c.base;
}

static void fill_figure(gpuproc_figure *f, const char *device, const gp_rate_info *info, double value, bool measured)
{
    snprintf(f->device, sizeof f->device, "%s", device);
    snprintf(f->name, sizeof f->name, "%s", info->name);
    snprintf(f->unit, sizeof f->unit, "%s", info->unit);
    snprintf(f->text, sizeof f->text, "%s", info->text);
    f->value = value;
    f->measured = measured;
}

/* The operations' figures one after the other; false behind the last. */
static bool op_figure(const gp_rates *rates, size_t index, gpuproc_figure *f)
{
    for (int fold = 0; fold < 2; fold++) {
        for (int op = 0; op < GP_OP_COUNT; op++) {
            if (fold ? !is_fold((gp_op)op) : !is_measured((gp_op)op)) continue;
            for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
                if (index-- > 0) continue;
                snprintf(f->name, sizeof f->name, "%s.%s.%s", fold ? "fold" : "op", gp_op_info_of((gp_op)op)->name,
                         gpuproc_dtype_name(gp_rates_dtype[d]));
                snprintf(f->unit, sizeof f->unit, "ns");
                snprintf(f->text, sizeof f->text, "an element of it, on one thread");
                f->value = fold ? rates->fold[op][d] : rates->op[op][d];
                f->measured = rates->measured;
                return true;
            }
        }
    }
    return false;
}

static size_t op_figures(void)
{
    size_t count = 0;
    for (int op = 0; op < GP_OP_COUNT; op++) count += is_measured((gp_op)op) + is_fold((gp_op)op);
    return count * GP_RATES_DTYPES;
}

size_t gpuproc_figure_count(gpuproc_session *session, const char *device)
{
    gp_device **list = NULL;
    size_t count = 0, figures = GP_RATES_HOST_COUNT + op_figures();
    if (session == NULL || choose(session, device, &list, &count, NULL) != GPUPROC_OK) return 0;
    for (size_t d = 0; d < count; d++)
        figures += list[d] != gp_registry_cpu(session->registry) ? GP_RATES_DEVICE_COUNT : 0;
    free(list);
    return figures;
}

gpuproc_status gpuproc_figure_get(gpuproc_session *session, const char *device, size_t index, gpuproc_figure *figure,
                                  gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_device **list = NULL;
    size_t count = 0, wanted = index, size = figure != NULL ? figure->struct_size : 0;
    gp_rates *rates = NULL;
    bool found = false;
    if (session == NULL || size < sizeof *figure)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "figure %zu: session is NULL, or struct_size is not set", index);
    GP_TRY(choose(session, device, &list, &count, err));
    rates = gp_calloc(1, sizeof *rates);
    if (rates == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for figures");
        goto out;
    }
    gp_session_rates(session, rates);
    gpuproc_figure f = {.struct_size = size};
    if (index < GP_RATES_HOST_COUNT) {
        fill_figure(&f, "", &gp_rates_host_info[index], rates->host[index], rates->measured);
        fill_correction(session, NULL, (int)index, &f);
        found = true;
    } else if (index -= GP_RATES_HOST_COUNT, index < op_figures()) {
        found = op_figure(rates, index, &f);
    } else {
        index -= op_figures();
        for (size_t d = 0; d < count && !found; d++) {
            gp_device_rates own;
            if (list[d] == gp_registry_cpu(session->registry)) continue;
            if (index >= GP_RATES_DEVICE_COUNT) {
                index -= GP_RATES_DEVICE_COUNT;
                continue;
            }
            gp_session_device_rates(session, list[d], &own);
            fill_figure(&f, list[d]->info.name, &gp_rates_device_info[index], own.value[index], own.measured);
            fill_correction(session, list[d], (int)index, &f);
            found = true;
        }
    }
    if (f.jobs == 0) f.calibrated = f.value;
    if (found) *figure = f;
    else st = gp_fail(err, GPUPROC_INVALID_ARGUMENT, "no figure %zu", wanted);
out:
    free(rates);
    free(list);
    return st;
}
