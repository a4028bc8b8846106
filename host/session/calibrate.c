/* gpuproc_calibrate: the jobs that measure, the figures that it leaves, and asking for them. */
#include "session/calibrate.h"

#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "lang/ir.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_BYTES ((size_t)96 << 20) /* beyond the caches of most machines */
#define OTHER_BYTES ((size_t)8 << 20) /* of each array that is not float32 */
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

static size_t bytes_of(const gp_calibration *c, size_t dtype) { return dtype == 0 ? c->bytes : OTHER_BYTES; }

static gpuproc_status open_array(const gp_calibration *c, const gp_trial *t, int which, gpuproc_array **array,
                                 gpuproc_error *err)
{
    int ndim = t->shape[1] > 0 ? 2 : 1;
    uint64_t count = (uint64_t)t->shape[0] * (uint64_t)(ndim == 2 ? t->shape[1] : 1);
    if (which == 0 && t->file_in != NULL) {
        gpuproc_raw_layout layout = {.struct_size = sizeof layout, .dtype = gp_rates_dtype[t->dtype], .ndim = ndim,
                                     .shape = t->shape, .offset = t->offset};
        return gpuproc_array_open_raw(t->file_in, &layout, array, err);
    }
    if (count * gpuproc_dtype_bytes(gp_rates_dtype[t->dtype]) > bytes_of(c, t->dtype))
        return gp_fail(err, GPUPROC_INTERNAL, "%s: more elements than there are to measure with", t->expression);
    return gpuproc_array_from_memory(gp_rates_dtype[t->dtype], ndim, t->shape, c->data[which][t->dtype], array, err);
}

static void forget_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fdatasync(fd);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static gpuproc_status run_once(gp_calibration *c, const gp_trial *t, const gpuproc_input *input, gpuproc_report *report,
                               gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_job *job = NULL;
    gpuproc_job_options options = {.struct_size = sizeof options, .device = c->device, .chunk_bytes = t->chunk_bytes,
                                   .threads = t->threads,
                                   .flags = GPUPROC_JOB_OVERWRITE | GPUPROC_JOB_NO_FALLBACK |
                                            (t->choosing ? 0u : GPUPROC_JOB_BY_RULE) | (t->sync ? GPUPROC_JOB_SYNC : 0u)};
    gpuproc_output output = {.kind = t->file_out != NULL ? GPUPROC_OUTPUT_RAW : GPUPROC_OUTPUT_MEMORY,
                             .path = t->file_out, .data = c->out, .bytes = c->bytes};
    gpuproc_session *session = t->alone && c->alone != NULL ? c->alone : c->session;
    if (t->cold) forget_file(t->file_in);
    uint64_t begin = gp_now_ns();
    GP_TRY(gpuproc_submit(session, t->expression, input, 2, &output, t->output || t->file_out != NULL, &options, &job,
                          err));
    GP_TRY(gpuproc_job_wait(job, UINT64_MAX, err));
    uint64_t end = gp_now_ns();
    gpuproc_job_report(job, report);
    report->wall_ns = end - begin;
out:
    gpuproc_job_free(job);
    return st;
}

static double processor_ns(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 ? (double)t.tv_sec * 1e9 + (double)t.tv_nsec : 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[(count - 1) / 2];
}

/* Between the middle one and the next quicker: others' work only ever makes a round slower, and lasts for longer than one. */
static double typical_round(double *rounds, int count)
{
    double typical = middle(rounds, count); /* they are in order now */
    int k = (count - 1) / 2;
    return k > 0 ? (rounds[k - 1] + typical) / 2 : typical;
}

double gp_calibration_median(gp_calibration *c, double *values, int count)
{
    double now = middle(values, count), rounds[GP_CALIBRATION_ROUNDS];
    if (c->times == GP_CALIBRATION_TIMES) return now;
    double *found = c->found[c->times++];
    found[c->round] = now;
    memcpy(rounds, found, sizeof rounds);
    return typical_round(rounds, c->round + 1);
}

/* Of every time that is looked at: the repetitions'. */
typedef struct times {
    double wall[GP_CALIBRATION_MOST], cpu[GP_CALIBRATION_MOST], stage[GPUPROC_STAGES][GP_CALIBRATION_MOST];
    int count;
} times;

static void note_times(times *all, const gpuproc_report *r, double cpu_ns)
{
    all->wall[all->count] = (double)r->wall_ns;
    all->cpu[all->count] = cpu_ns;
    for (int s = 0; s < GPUPROC_STAGES; s++) all->stage[s][all->count] = (double)r->stage[s].busy_ns;
    all->count++;
}

static void take_medians(gp_calibration *c, times *all, gpuproc_report *typical)
{
    typical->wall_ns = (uint64_t)gp_calibration_median(c, all->wall, all->count);
    c->cpu_ns = gp_calibration_median(c, all->cpu, all->count);
    for (int s = 0; s < GPUPROC_STAGES; s++)
        typical->stage[s].busy_ns = (uint64_t)gp_calibration_median(c, all->stage[s], all->count);
}

static bool is_enough(const gp_trial *t, int count, uint64_t begin)
{
    int most = t->repeat < GP_CALIBRATION_MOST ? t->repeat : GP_CALIBRATION_MOST;
    if (count >= (most > 1 ? most : 1)) return true;
    return t->enough_ns > 0 && count >= GP_CALIBRATION_LEAST && gp_now_ns() - begin >= t->enough_ns;
}

gpuproc_status gp_calibration_run(gp_calibration *c, const gp_trial *t, gpuproc_report *typical, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_array *array[2] = {NULL, NULL};
    gpuproc_input input[2];
    times all = {.count = 0};
    for (int k = 0; k < 2; k++) {
        GP_TRY(open_array(c, t, k, &array[k], err));
        input[k] = (gpuproc_input){k == 0 ? "x" : "y", array[k]};
    }
    *typical = (gpuproc_report){.struct_size = sizeof *typical};
    /* The first run finds caches full of something else. What is about files has its own way. */
    if (t->repeat > 1 && t->file_in == NULL && t->file_out == NULL) GP_TRY(run_once(c, t, input, typical, err));
    uint64_t begin = gp_now_ns();
    do {
        double before = processor_ns();
        GP_TRY(run_once(c, t, input, typical, err));
        note_times(&all, typical, processor_ns() - before);
    } while (!is_enough(t, all.count, begin));
    take_medians(c, &all, typical);
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

static gpuproc_status make_data(gp_calibration *c, gpuproc_error *err)
{
    c->bytes = ARRAY_BYTES;
    c->out = gp_pages_alloc(c->bytes);
    bool made = c->out != NULL;
    for (int k = 0; k < 2; k++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
            size_t bytes = bytes_of(c, d);
            c->data[k][d] = gp_pages_alloc(bytes);
            if (c->data[k][d] != NULL) fill(c->data[k][d], bytes, d, 2 * d + (uint64_t)k + 1);
            made = made && c->data[k][d] != NULL;
        }
    }
    if (made) memset(c->out, 0, c->bytes); /* touched */
    return made ? GPUPROC_OK : gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for %zu bytes to measure with", 3 * c->bytes + 6 * OTHER_BYTES);
}

static void free_data(gp_calibration *c)
{
    gp_pages_free(c->out, c->bytes);
    for (int k = 0; k < 2; k++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++)
            gp_pages_free(c->data[k][d], bytes_of(c, d));
    }
}

/* ---- The call ---------------------------------------------------------------------- */

static gpuproc_status choose(gpuproc_session *session, const char *wish, gp_device ***device, size_t *count,
                             gpuproc_error *err)
{
    char reason[256];
    return gp_choose_devices(session->registry, wish, NULL, device, count, reason, err);
}

/* A tenth of a millisecond and more of one thread: a job that has a thread of its own (predict.c). */
#define NOT_SMALL_ELEMENTS (1 << 18)

/* What having figures costs: the first job of a session looks for them, and each predicts and chooses by them, whether
 * it needs a thread, too. */
static gpuproc_status measure_choosing(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_session_options options = {.struct_size = sizeof options, .threads = c->threads, .cache_dir = c->session->cache_dir};
    gpuproc_session *session = c->session;
    gpuproc_report r, four, larger;
    gp_trial t = {.expression = "max(x)", .shape = {1024}, .threads = 1, .sync = true, .choosing = true,
                  .repeat = GP_CALIBRATION_MOST};
    gpuproc_status st = gpuproc_session_open(&options, &c->session, err);
    if (st == GPUPROC_OK) {
        uint64_t begin = gp_now_ns();
        gp_session_rates(c->session, rates);
        rates->host[GP_RATE_HOST_first_ns] += (double)(gp_now_ns() - begin);
        st = gp_calibration_run(c, &t, &r, err);
        t.expression = "min(x); max(x); sum(x); std(x)";
        if (st == GPUPROC_OK) st = gp_calibration_run(c, &t, &four, err);
        t.expression = "max(exp(x)*exp(y)*exp(x*y)*exp(-x))";
        t.shape[0] = NOT_SMALL_ELEMENTS;
        if (st == GPUPROC_OK) st = gp_calibration_run(c, &t, &larger, err);
        gpuproc_session_close(c->session);
    }
    c->session = session;
    if (st != GPUPROC_OK) return st;
    rates->host[GP_RATE_HOST_job_ns] = fmax((double)r.wall_ns - rates->host[GP_RATE_HOST_pass_ns], 1000);
    rates->host[GP_RATE_HOST_root_ns] = fmax(((double)four.wall_ns - (double)r.wall_ns) / 3, 100);
    rates->host[GP_RATE_HOST_thread_ns] =
        fmax((double)larger.wall_ns - (double)larger.stage[GPUPROC_STAGE_KERNEL].busy_ns - (double)r.wall_ns, 1000);
    (void)gp_session_keep_rates(session, rates);
    return GPUPROC_OK;
}

static gpuproc_status calibrate_cpu(gp_calibration *c, bool *stored, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_rates *rates = gp_calloc(1, sizeof *rates);
    if (rates == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for figures");
    gp_rates_cautious(rates, c->threads);
    snprintf(c->device, sizeof c->device, "cpu");
    c->device_name = gp_registry_cpu(c->session->registry)->info.name;
    for (c->round = 0; c->round < GP_CALIBRATION_ROUNDS; c->round++) {
        c->times = 0;
        GP_TRY(gp_calibrate_cpu(c, rates, err));
        GP_TRY(gp_calibrate_ways(c, rates, err));
        rates->measured = true;
        *stored = gp_session_keep_rates(c->session, rates) && *stored;
        if (*stored) GP_TRY(measure_choosing(c, rates, err));
    }
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
    c->quick = 0;
    for (c->round = 0; c->round < GP_CALIBRATION_ROUNDS; c->round++) {
        c->times = 0;
        GP_TRY(gp_calibrate_device(c, device, &rates, err));
    }
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
    bool found = gp_registry_loaded(session->registry);
    uint64_t begin = gp_now_ns();
    GP_TRY(choose(session, device, &list, &count, err));
    if (!found) c.load_ns = (double)(gp_now_ns() - begin);
    c.threads = gp_cpu_device_threads(cpu);
    if (c.threads > 1) {
        gpuproc_session_options one = {.struct_size = sizeof one, .threads = 1, .cache_dir = ""};
        GP_TRY(gpuproc_session_open(&one, &c.alone, err));
    }
    c.begin_ns = gp_now_ns();
    c.parts = GP_CALIBRATION_CPU_PARTS * GP_CALIBRATION_ROUNDS;
    for (size_t d = 0; d < count; d++) c.parts += list[d] != cpu ? GP_CALIBRATION_DEVICE_PARTS * GP_CALIBRATION_ROUNDS : 0;
    GP_TRY(gp_calibration_step(&c, "making data", 0, err));
    GP_TRY(make_data(&c, err));
    GP_TRY(calibrate_cpu(&c, &kept, err));
    for (size_t d = 0; d < count; d++) {
        if (list[d] != cpu) GP_TRY(calibrate_device(&c, list[d], &kept, err));
    }
    if (stored != NULL) *stored = kept;
out:
    free_data(&c);
    gpuproc_session_close(c.alone);
    free(list);
    return st;
}

/* ---- The figures ------------------------------------------------------------------- */

static bool is_measured(gp_op op) { return gp_op_info_of(op)->elementwise || gp_op_info_of(op)->special || gp_op_info_of(op)->reduction; }
static bool is_fold(gp_op op) { return gp_op_info_of(op)->fold || gp_op_info_of(op)->reduction; }
static bool has_figure(gp_op op, size_t kind)
{
    return kind == 0 ? is_measured(op) : kind < 3 ? is_fold(op) : gp_op_info_of(op)->reduction;
}

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
static bool op_figure(gp_rates *rates, size_t index, gpuproc_figure *f)
{
    static const char *const text[GP_RATES_KINDS] = {
        "an element of it, on a thread of all", "an element of it, by all threads", "an element of it, by one thread",
        "the same along the last axis, all threads", "the same along the last axis, one thread"};
    for (size_t k = 0; k < GP_RATES_KINDS; k++) {
        for (int op = 0; op < GP_OP_COUNT; op++) {
            if (!has_figure((gp_op)op, k)) continue;
            for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
                if (index-- > 0) continue;
                snprintf(f->name, sizeof f->name, "%s.%s.%s", gp_rates_kind[k], gp_op_info_of((gp_op)op)->name,
                         gpuproc_dtype_name(gp_rates_dtype[d]));
                snprintf(f->unit, sizeof f->unit, "ns");
                snprintf(f->text, sizeof f->text, "%s", text[k]);
                f->value = gp_rates_table(rates, k)[op][d];
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
    for (int op = 0; op < GP_OP_COUNT; op++) {
        for (size_t k = 0; k < GP_RATES_KINDS; k++) count += has_figure((gp_op)op, k);
    }
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
