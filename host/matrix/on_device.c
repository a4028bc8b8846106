/* Tiles on a device: panels are copied to its staging, two places in turn, and added up there. */
#include "matrix/product_impl.h"

#include "base/clock.h"
#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

#define LEAST_ROWS 32 /* of a tile that is worth the way to a device */

/* Whether a tile of so many rows fits; its bytes. */
static bool fits(const gp_on_device *d, gp_dtype dtype, uint64_t rows, const gp_product_tiling *t, uint64_t budget,
                 uint64_t *bytes)
{
    uint64_t host;
    d->device->matrix->bytes(d->device, dtype, rows, t->strip, t->depth, &host, bytes);
    return *bytes <= budget;
}

gpuproc_status gp_on_device_open(gp_on_device *d, const gp_panels *panels, uint64_t budget, gp_product_tiling *tiling,
                                 gpuproc_error *err)
{
    const gp_device_matrix_api *api = d->device->matrix;
    const gp_product_spec *s = panels->spec;
    uint64_t all = panels->form.joined ? tiling->rows : gp_min_u64(tiling->rows, s->m), rows = all, bytes;
    gpuproc_status st = GPUPROC_OK;
    if (tiling->items > 1)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "many small matrices are multiplied on the CPU");
    for (;; rows /= 2) {
        bool room = fits(d, s->dtype, rows, tiling, budget, &bytes), last = rows < 2 * LEAST_ROWS;
        /* What has not the dtype says so itself. */
        if (room || bytes == UINT64_MAX) st = api->tile_new(d->device, s->dtype, rows, tiling->strip, tiling->depth, &d->tile, err);
        else if (last)
            return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                           "a tile of %" PRIu64 " x %" PRIu64 " takes %" PRIu64 " bytes of its memory, of which there "
                           "are %" PRIu64 " for it", rows, tiling->strip, bytes, budget);
        else continue;
        if (st != GPUPROC_DEVICE_MEMORY || last) break;
    }
    if (st == GPUPROC_OK && rows < all) tiling->rows = rows;
    return st;
}

void gp_on_device_close(gp_on_device *d)
{
    if (d->tile != NULL) d->device->matrix->tile_free(d->tile);
    d->tile = NULL;
}

/* The imaginary parts of n complex numbers with the other sign. */
static void conjugate(gp_dtype dtype, void *data, uint64_t n)
{
    if (dtype == GPUPROC_COMPLEX64)
        for (uint64_t i = 0; i < n; i++) ((float *)data)[2 * i + 1] = -((float *)data)[2 * i + 1];
    if (dtype == GPUPROC_COMPLEX128)
        for (uint64_t i = 0; i < n; i++) ((double *)data)[2 * i + 1] = -((double *)data)[2 * i + 1];
}

/* Lines as they lie: rows, or columns where these are the ones whose elements are side by side. */
static void fill(gp_device_panel *panel, gp_dtype dtype, const gp_matrix *m, uint64_t rows, uint64_t columns)
{
    size_t wide = gpuproc_dtype_bytes(dtype);
    panel->transposed = columns > 1 && m->column != 1;
    uint64_t lines = panel->transposed ? columns : rows, length = panel->transposed ? rows : columns;
    int64_t step = panel->transposed ? m->column : m->row;
    if (lines == 1 || (uint64_t)step == length) {
        memcpy(panel->data, m->data, lines * length * wide);
    } else {
        for (uint64_t i = 0; i < lines; i++)
            memcpy((char *)panel->data + i * length * wide, (const char *)m->data + (int64_t)i * step * (int64_t)wide,
                   length * wide);
    }
    if (m->conjugate) conjugate(dtype, panel->data, lines * length);
}

/* ---- times ---- */

static void note(const gp_on_device *d, const gp_panels *panels, gpuproc_stage stage, gp_span when, uint64_t bytes,
                 const gp_read *read, uint64_t error_ns)
{
    gp_product_spans_add(panels->spans, &(gp_product_span){.stage = stage, .begin_ns = when.begin_ns, .bytes = bytes,
                                                           .end_ns = when.end_ns, .device = d->device, .read = read,
                                                           .error_ns = error_ns});
}

/* What was added from a place has ended. */
static void note_added(gp_on_device *d, const gp_panels *panels, unsigned which)
{
    gp_device_tile_times t = {0};
    const gp_read *read = d->added[which].read;
    if (read == NULL) return;
    d->device->matrix->times(d->tile, which, &t);
    uint64_t bytes = d->added[which].bytes;
    gp_span up = d->added[which].filled; /* the way to staging is a part of the way up */
    up.end_ns = gp_max_u64(up.end_ns, t.upload.end_ns);
    note(d, panels, GPUPROC_STAGE_PROGRAM, t.program, 0, read, 0);
    note(d, panels, GPUPROC_STAGE_UPLOAD, up, bytes, read, t.error_ns);
    note(d, panels, GPUPROC_STAGE_KERNEL, t.kernel, bytes, read, t.error_ns);
    d->added[which].read = NULL;
}

static void note_taken(const gp_on_device *d, const gp_panels *panels, const gp_product_step *s)
{
    gp_device_tile_times t = {0};
    d->device->matrix->times(d->tile, 0, &t);
    note(d, panels, GPUPROC_STAGE_DOWNLOAD, t.download, s->rows * s->job->width * gpuproc_dtype_bytes(panels->spec->dtype),
         s->job->read, 0);
}

gpuproc_status gp_on_device_step(gp_on_device *d, const gp_panels *panels, const gp_product_step *s, unsigned which,
                                 void *c, gpuproc_error *err)
{
    const gp_device_matrix_api *api = d->device->matrix;
    const gp_product_spec *spec = panels->spec;
    gp_device_panel panel[GP_OPERANDS] = {{0}};
    gpuproc_status st;
    uint64_t n = s->job->width;
    gp_matrix a = gp_panels_matrix(panels, GP_LEFT, s, which, 0), b = gp_panels_matrix(panels, GP_RIGHT, s, which, 0);
    GP_TRY(api->panels(d->tile, d->place, &panel[GP_LEFT], &panel[GP_RIGHT], err));
    if (api->times != NULL) note_added(d, panels, d->place);
    uint64_t begin = gp_now_ns();
    fill(&panel[GP_LEFT], spec->dtype, &a, s->rows, s->depth);
    fill(&panel[GP_RIGHT], spec->dtype, &b, s->depth, n);
    uint64_t end = gp_now_ns();
    GP_TRY(api->add(d->tile, d->place, &panel[GP_LEFT], &panel[GP_RIGHT], s->rows, n, s->depth, s->k == 0, err));
    if (api->times != NULL) {
        d->added[d->place].read = s->job->read;
        d->added[d->place].bytes = gp_panels_bytes(panels, s);
        d->added[d->place].filled = (gp_span){begin, end};
    }
    d->place ^= 1;
    if (s->k + s->depth < spec->k) goto out;
    GP_TRY(api->take(d->tile, c, (int64_t)n, s->rows, n, err));
    if (api->times == NULL) goto out;
    note_added(d, panels, d->place);
    note_added(d, panels, d->place ^ 1);
    note_taken(d, panels, s);
out:
    return st;
}
