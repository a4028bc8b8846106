/* What choosing threads, slots and chunks goes by (plan/choose.h), beside the rates: what it costs
 * to hand work over. */
#include "session/calibrate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* Some tenths of a millisecond of one thread: about where a second one begins to pay. */
#define MIDDLE_ELEMENTS (1 << 16)
#define FILE_BYTES ((size_t)32 << 20)
#define FEW_BYTES ((uint64_t)1 << 20)
#define MANY_BYTES ((uint64_t)8 << 20)

static gpuproc_status measure_threads(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report all, own;
    gp_trial t = {.expression = "max(exp(x)*exp(y)*exp(x*y)*exp(-x))", .shape = {MIDDLE_ELEMENTS}, .repeat = 31};
    gp_trial one = t;
    one.threads = 1;
    one.sync = true;
    const double hand = rates->host[GP_RATE_HOST_hand_ns];
    if (c->threads < 2) return GPUPROC_OK;
    GP_TRY(gp_calibration_run(c, &t, &all, err));
    GP_TRY(gp_calibration_run(c, &one, &own, err));
    /* all = base + work / n + wake * (1 - 1/n); own = base - hand + work */
    double work = (double)own.stage[GPUPROC_STAGE_KERNEL].busy_ns, part = 1 - 1.0 / c->threads;
    double wake = ((double)all.wall_ns - (double)own.wall_ns - hand) / part + work;
    rates->host[GP_RATE_HOST_wake_ns] = fmin(fmax(wake, 100), 1e6);
out:
    return st;
}

static gpuproc_status measure_mapping(gp_calibration *c, const char *path, gp_rates *rates,
                                      gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report few, many;
    int64_t elements = (int64_t)(FILE_BYTES / 4);
    gp_trial make = {.expression = "x", .shape = {elements}, .file_out = path, .repeat = 1};
    gp_trial t = {.expression = "max(x)",
                  .shape = {elements},
                  .file_in = path,
                  .chunk_bytes = MANY_BYTES,
                  .repeat = 9};
    GP_TRY(gp_calibration_run(c, &make, &few, err));
    GP_TRY(gp_calibration_run(c, &t, &few, err));
    t.chunk_bytes = FEW_BYTES;
    GP_TRY(gp_calibration_run(c, &t, &many, err));
    double more = ((double)many.wall_ns - (double)few.wall_ns) /
                  (double)(FILE_BYTES / FEW_BYTES - FILE_BYTES / MANY_BYTES);
    rates->host[GP_RATE_HOST_map_ns] =
        fmin(fmax(more - rates->host[GP_RATE_HOST_chunk_ns], 100), 1e6);
out:
    return st;
}

gpuproc_status gp_calibrate_ways(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_text path = {0};
    int fd = -1;
    const char *folder = getenv("TMPDIR");
    GP_TRY(gp_calibration_step(c, "handing work over", 1, err));
    GP_TRY(measure_threads(c, rates, err));
    if (c->round > 0) return GPUPROC_OK; /* mapping is measured once: it takes long */
    gp_text_add(&path, "%s/gpuproc-calibrate-XXXXXX",
                folder != NULL && *folder != '\0' ? folder : "/tmp");
    fd = path.failed ? -1 : mkstemp(path.data);
    if (fd < 0) {
        st = gp_fail_errno(err, GPUPROC_IO_OPEN, errno, path.data ? path.data : "",
                           "cannot make a file to measure with");
        goto out;
    }
    close(fd);
    GP_TRY(measure_mapping(c, path.data, rates, err));
out:
    if (fd >= 0) unlink(path.data);
    gp_text_free(&path);
    return st;
}
