/* The machine's figures: memory, threads, what any job costs, matrices, files. Measured as jobs meet them: by jobs of
 * all threads and of one, by the first jobs of sessions, on files that were just written. */
#include "session/calibrate.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "linalg/linalg.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEAR_ELEMENTS (1 << 20)
#define TURNED_SIDE 1024
#define TURNED_FAR_SIDE 4096
#define FRESH_BYTES ((size_t)32 << 20)

static double rate(double bytes, double ns) { return bytes / fmax(ns, 1); }

static double busy(const gpuproc_report *r, gpuproc_stage stage) { return (double)r->stage[stage].busy_ns; }

/* ---- Memory and threads ----------------------------------------------------------------- */

/* The rates of kernels that move more than they compute: with all threads, and with one. */
static gpuproc_status time_moving(gp_calibration *c, const gp_trial *trial, double bytes, int all, int one, gp_rates *rates,
                                  gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report r;
    gp_trial t = *trial;
    t.repeat = 4;
    t.enough_ns = 15000000;
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    rates->host[all] = rates->host[one] = rate(bytes, busy(&r, GPUPROC_STAGE_KERNEL));
    if (c->alone == NULL) return GPUPROC_OK;
    t.alone = true;
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    rates->host[one] = rate(bytes, busy(&r, GPUPROC_STAGE_KERNEL));
out:
    return st;
}

static gpuproc_status measure_turned(gp_calibration *c, int64_t side, int repeat, int figure, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_report r;
    gp_trial t = {.expression = "x.T", .shape = {side, side}, .output = true, .repeat = repeat};
    gpuproc_status st = gp_calibration_run(c, &t, &r, err);
    if (st != GPUPROC_OK) return st;
    double read = busy(&r, GPUPROC_STAGE_READ);
    rates->host[figure] = rate(4.0 * (double)side * (double)side, read > 0 ? read : busy(&r, GPUPROC_STAGE_KERNEL));
    return GPUPROC_OK;
}

static gpuproc_status measure_memory(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report r;
    int64_t elements = (int64_t)(c->bytes / 4);
    gp_trial far = {.expression = "max(maximum(x, y))", .shape = {elements}};
    GP_TRY(time_moving(c, &far, 2 * (double)c->bytes, GP_RATE_HOST_memory, GP_RATE_HOST_memory_one, rates, err));
    gp_trial near = {.expression = "max(maximum(x, y))", .shape = {NEAR_ELEMENTS}};
    GP_TRY(time_moving(c, &near, 8.0 * NEAR_ELEMENTS, GP_RATE_HOST_near, GP_RATE_HOST_near_one, rates, err));
    /* Two arrays are read and one is written. */
    gp_trial store = {.expression = "maximum(x, y)", .shape = {elements}, .output = true, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &store, &r, err));
    double reading = 2 * (double)c->bytes / rates->host[GP_RATE_HOST_memory], both = busy(&r, GPUPROC_STAGE_KERNEL);
    rates->host[GP_RATE_HOST_store] = rate((double)c->bytes, fmax(both - reading, reading / 4));
    GP_TRY(measure_turned(c, TURNED_SIDE, 7, GP_RATE_HOST_turned, rates, err));
    GP_TRY(measure_turned(c, TURNED_FAR_SIDE, 3, GP_RATE_HOST_turned_far, rates, err));
    gp_trial copy = {.expression = "x", .shape = {elements}, .output = true, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &copy, &r, err));
    rates->host[GP_RATE_HOST_copy] =
        rate((double)c->bytes, fmax(busy(&r, GPUPROC_STAGE_KERNEL), busy(&r, GPUPROC_STAGE_WRITE)));
out:
    return st;
}

/* In the caches it is computing, of far memory that and moving, which takes not quite as long. */
static gpuproc_status measure_unhidden(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report near, far;
    double more = (double)c->bytes / 4 / NEAR_ELEMENTS;
    gp_trial t = {.expression = "sum(exp(x))", .shape = {NEAR_ELEMENTS}, .repeat = 4};
    GP_TRY(gp_calibration_run(c, &t, &near, err));
    t.shape[0] = (int64_t)(c->bytes / 4);
    t.repeat = 2;
    GP_TRY(gp_calibration_run(c, &t, &far, err));
    double computed = busy(&near, GPUPROC_STAGE_KERNEL) * more, moved = (double)c->bytes / rates->host[GP_RATE_HOST_memory];
    double shown = busy(&far, GPUPROC_STAGE_KERNEL) - fmax(computed, moved);
    rates->host[GP_RATE_HOST_unhidden] = fmin(fmax(shown / fmin(computed, moved), 0.2), 0.8);
out:
    return st;
}

static gpuproc_status measure_crowd(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report all, one;
    gp_trial t = {.expression = "max(exp(x)*sin(y))", .shape = {NEAR_ELEMENTS}, .repeat = 4};
    if (c->alone == NULL) return GPUPROC_OK;
    GP_TRY(gp_calibration_run(c, &t, &all, err));
    t.alone = true;
    GP_TRY(gp_calibration_run(c, &t, &one, err));
    double times = busy(&all, GPUPROC_STAGE_KERNEL) * c->threads / fmax(busy(&one, GPUPROC_STAGE_KERNEL), 1);
    rates->host[GP_RATE_HOST_crowd] = fmin(fmax(times, 1), c->threads);
out:
    return st;
}

/* As slots are made (device/cpu/cpu_slot.c). */
static gpuproc_status measure_fresh(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    double ns[5];
    for (int i = 0; i < 5; i++) {
        uint64_t begin = gp_now_ns();
        void *pages = gp_pages_alloc(FRESH_BYTES);
        if (pages == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for %zu bytes to measure with", FRESH_BYTES);
        memset(pages, 0, FRESH_BYTES);
        gp_pages_free(pages, FRESH_BYTES);
        ns[i] = (double)(gp_now_ns() - begin);
    }
    rates->host[GP_RATE_HOST_fresh] = rate((double)FRESH_BYTES, gp_calibration_median(c, ns, 5));
    return GPUPROC_OK;
}

/* ---- Fixed costs ------------------------------------------------------------------------ */

#define FIRST_SESSIONS 5
static const gp_trial nothing = {.expression = "max(x)", .shape = {1024}};

/* Of sessions that have run nothing yet. The first of this process runs code that nobody has run yet, too: so
 * do most sessions, of programs that run one job and end. */
static gpuproc_status measure_first(gp_calibration *c, double usual, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_session *session = c->session;
    double ns[FIRST_SESSIONS];
    for (int i = 0; i < FIRST_SESSIONS && st == GPUPROC_OK; i++) {
        gpuproc_report r;
        gpuproc_session_options options = {.struct_size = sizeof options, .threads = c->threads, .cache_dir = ""};
        st = gpuproc_session_open(&options, &c->session, err);
        if (st != GPUPROC_OK) break;
        st = gp_calibration_run(c, &nothing, &r, err);
        ns[i] = (double)r.wall_ns;
        gpuproc_session_close(c->session);
    }
    c->session = session;
    if (st != GPUPROC_OK) return st;
    double more = fmax(gp_calibration_median(c, ns, FIRST_SESSIONS) - usual, 1000);
    rates->host[GP_RATE_HOST_first_ns] = fmin(fmax(c->first_ns - usual, more), 3 * more);
    return GPUPROC_OK;
}

static gpuproc_status measure_fixed(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report own, two, one, many;
    gp_trial t = nothing;
    /* On the job's own thread, which is steadier than waking others. */
    t.threads = 1;
    t.sync = true;
    t.repeat = 31;
    GP_TRY(gp_calibration_run(c, &t, &own, err));
    t.expression = "max(x - max(x))";
    GP_TRY(gp_calibration_run(c, &t, &two, err));
    double pass = fmin(fmax((double)two.wall_ns - (double)own.wall_ns, 1000), (double)own.wall_ns / 2);
    rates->host[GP_RATE_HOST_pass_ns] = pass;
    rates->host[GP_RATE_HOST_job_ns] = fmax((double)own.wall_ns - pass, 1000);
    t = nothing;
    t.repeat = 31;
    GP_TRY(gp_calibration_run(c, &t, &one, err));
    rates->host[GP_RATE_HOST_hand_ns] = fmax((double)one.wall_ns - (double)own.wall_ns, 100);
    t = (gp_trial){.expression = "sum(x, axis=0)", .shape = {4, 256}, .output = true, .repeat = 15};
    GP_TRY(gp_calibration_run(c, &t, &two, err));
    rates->host[GP_RATE_HOST_folds_ns] = fmax((double)two.wall_ns - (double)one.wall_ns, 1000);
    /* Without the library for matrices it keeps its guess. */
    t = (gp_trial){.expression = "x @ y", .shape = {16, 16}, .output = true, .repeat = 15};
    if (gp_calibration_run(c, &t, &two, NULL) == GPUPROC_OK)
        rates->host[GP_RATE_HOST_products_ns] = fmax((double)two.wall_ns - (double)one.wall_ns, 1000);
    t = (gp_trial){.expression = "max(x)", .shape = {NEAR_ELEMENTS}, .chunk_bytes = 8192, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &many, err));
    rates->host[GP_RATE_HOST_chunk_ns] = fmax(((double)many.wall_ns - (double)one.wall_ns) / (double)many.chunks, 100);
    GP_TRY(measure_first(c, (double)one.wall_ns, rates, err));
out:
    return st;
}

/* ---- Matrices --------------------------------------------------------------------------- */

#define PRODUCT_SIDE 1024
#define THIN_ROWS 65536
#define THIN_COLUMNS 64

static double cube(double n) { return n * n * n; }

/* What this installation cannot do keeps its guess. */
static void measure_products(gp_calibration *c, gp_rates *rates)
{
    gpuproc_report r;
    for (size_t d = 0; d < 2; d++) {
        const int64_t side = d == 0 ? PRODUCT_SIDE : PRODUCT_SIDE * 3 / 4;
        gp_trial t = {.expression = "x @ y", .dtype = d, .shape = {side, side}, .output = true, .repeat = 3};
        if (gp_calibration_run(c, &t, &r, NULL) != GPUPROC_OK) continue;
        rates->host[d == 0 ? GP_RATE_HOST_gemm_f4 : GP_RATE_HOST_gemm_f8] =
            rate(2 * cube((double)side), busy(&r, GPUPROC_STAGE_KERNEL));
    }
}

/* As thin as operands of cov and regressions are. */
static void measure_gram(gp_calibration *c, gp_rates *rates)
{
    gpuproc_report r;
    const double operations = (double)THIN_ROWS * THIN_COLUMNS * THIN_COLUMNS;
    gp_trial t = {.expression = "x.T @ x", .shape = {THIN_ROWS, THIN_COLUMNS}, .output = true, .repeat = 4};
    if (gp_calibration_run(c, &t, &r, NULL) != GPUPROC_OK) return;
    rates->host[GP_RATE_HOST_gram] = rates->host[GP_RATE_HOST_gram_one] = rate(operations, busy(&r, GPUPROC_STAGE_FOLD));
    t.alone = true;
    if (c->alone != NULL && gp_calibration_run(c, &t, &r, NULL) == GPUPROC_OK)
        rates->host[GP_RATE_HOST_gram_one] = rate(operations, busy(&r, GPUPROC_STAGE_FOLD));
}

/* Once: later it is there already. */
static void measure_library(gp_calibration *c, gp_rates *rates)
{
    gp_linalg *linalg = NULL;
    uint64_t begin = gp_now_ns();
    if (c->library_known) return;
    c->library_known = true;
    if (gp_linalg_open(&linalg, NULL) == GPUPROC_OK) rates->host[GP_RATE_HOST_linalg_ns] = (double)(gp_now_ns() - begin);
    gp_linalg_close(linalg);
}

static void measure_decompositions(gp_calibration *c, gp_rates *rates)
{
    static const struct {
        const char *text;
        bool array;
        int64_t side;
        double operations; /* over side^3, as cost.c counts them */
        int rate;
    } table[] = {
        {"linalg.det(x)", false, 512, 2.0 / 3, GP_RATE_HOST_lapack_lu},
        {"linalg.inv(x)", true, 512, 2, GP_RATE_HOST_lapack_inv},
        {"linalg.cholesky(x @ x.T + 512 * eye(512))", true, 512, 1.0 / 3, GP_RATE_HOST_lapack_cholesky},
        {"linalg.qr(x, mode='r')", true, 512, 2, GP_RATE_HOST_lapack_qr},
        {"sum(linalg.eigh(x + x.T)[1])", false, 256, 9, GP_RATE_HOST_lapack_eigh},
        {"sum(linalg.svd(x)[0])", false, 256, 20, GP_RATE_HOST_lapack_svd},
    };
    gpuproc_report r;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        gp_trial t = {.expression = table[i].text, .dtype = 1, .shape = {table[i].side, table[i].side},
                      .output = table[i].array, .repeat = 3, .enough_ns = 20000000};
        if (gp_calibration_run(c, &t, &r, NULL) != GPUPROC_OK) continue;
        rates->host[table[i].rate] =
            rate(table[i].operations * cube((double)table[i].side), busy(&r, GPUPROC_STAGE_FOLD));
    }
}

/* ---- Files ------------------------------------------------------------------------------ */

static double cores_used(double cpu_ns, double ns, unsigned threads)
{
    return fmin(fmax(cpu_ns / fmax(ns, 1), 0.1), threads);
}

/* A file that is less than what writing lags behind: all of it is made safe at the end (io/writeback.h). It replaces
 * the last one, as most results do; the first two may get pages that the system had not used before. */
static gpuproc_status measure_writing(gp_calibration *c, const char *path, double bytes, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report small, large;
    gp_trial t = {.expression = "x", .shape = {1024}, .file_out = path, .repeat = 4};
    GP_TRY(gp_calibration_run(c, &t, &small, err));
    t = (gp_trial){.expression = "x", .shape = {(int64_t)(bytes / 4)}, .file_out = path, .repeat = 5};
    GP_TRY(gp_calibration_run(c, &t, &large, err));
    double write = busy(&large, GPUPROC_STAGE_WRITE), commit = busy(&small, GPUPROC_STAGE_COMMIT);
    rates->host[GP_RATE_HOST_write] = rate(bytes, write);
    rates->host[GP_RATE_HOST_write_cores] = cores_used(c->cpu_ns, write, c->threads);
    rates->host[GP_RATE_HOST_commit_ns] = fmax(commit, 1000);
    rates->host[GP_RATE_HOST_commit] = fmin(rate(bytes, busy(&large, GPUPROC_STAGE_COMMIT) - commit), 1000);
out:
    return st;
}

static gpuproc_status measure_reading(gp_calibration *c, const char *path, double bytes, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report r;
    int64_t elements = (int64_t)(bytes / 4);
    gp_trial t = {.expression = "x", .shape = {elements}, .file_out = path};
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    t = (gp_trial){.expression = "max(x)", .shape = {elements}, .file_in = path};
    GP_TRY(time_moving(c, &t, bytes, GP_RATE_HOST_mapped, GP_RATE_HOST_mapped_one, rates, err));
    /* What is not aligned cannot be mapped, and is copied. */
    t = (gp_trial){.expression = "max(x)", .shape = {elements - 1}, .file_in = path, .offset = 2, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    double ns = busy(&r, GPUPROC_STAGE_READ), kernel = bytes / rates->host[GP_RATE_HOST_memory] * c->threads;
    rates->host[GP_RATE_HOST_cache_read] = rate(bytes, ns);
    rates->host[GP_RATE_HOST_read_cores] = cores_used(c->cpu_ns - kernel, ns, c->threads);
    t = (gp_trial){.expression = "max(x)", .shape = {elements}, .file_in = path, .cold = true, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    ns = busy(&r, GPUPROC_STAGE_READ); /* 0: the file system keeps its pages */
    rates->host[GP_RATE_HOST_disk_read] = ns > 0 ? rate(bytes, ns) : rates->host[GP_RATE_HOST_cache_read];
out:
    return st;
}

static gpuproc_status measure_files(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_text path = {0};
    const char *folder = getenv("TMPDIR");
    gp_text_add(&path, "%s/gpuproc-calibrate-XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
    int fd = path.failed ? -1 : mkstemp(path.data);
    if (fd < 0) {
        st = gp_fail_errno(err, GPUPROC_IO_OPEN, errno, path.data ? path.data : "", "cannot make a file to measure with");
        goto out;
    }
    close(fd);
    GP_TRY(gp_calibration_step(c, "writing", 6, err));
    GP_TRY(measure_writing(c, path.data, (double)c->bytes / 4, rates, err));
    GP_TRY(gp_calibration_step(c, "reading out of the page cache and past it", 4, err));
    GP_TRY(measure_reading(c, path.data, (double)c->bytes / 2, rates, err));
out:
    if (fd >= 0) unlink(path.data);
    gp_text_free(&path);
    return st;
}

/* ---- All of it -------------------------------------------------------------------------- */

gpuproc_status gp_calibrate_machine(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report first;
    if (c->first_ns <= 0) {
        GP_TRY(gp_calibration_run(c, &nothing, &first, err));
        c->first_ns = (double)first.wall_ns;
        c->times = 0;
    }
    GP_TRY(gp_calibration_step(c, "memory", 4, err));
    GP_TRY(measure_memory(c, rates, err));
    GP_TRY(measure_unhidden(c, rates, err));
    GP_TRY(measure_crowd(c, rates, err));
    GP_TRY(measure_fresh(c, rates, err));
    GP_TRY(gp_calibration_step(c, "what a job costs", 3, err));
    GP_TRY(measure_fixed(c, rates, err));
    GP_TRY(measure_files(c, rates, err));
    GP_TRY(gp_calibration_step(c, "matrices", 10, err));
    measure_library(c, rates);
    measure_products(c, rates);
    measure_gram(c, rates);
    measure_decompositions(c, rates);
out:
    return st;
}
