/* Tiles on a device: panels are copied to its staging, two places in turn, and added up there. */
#include "matrix/product_impl.h"

#include "base/memory.h"

#include <string.h>

gpuproc_status gp_on_device_open(gp_on_device *d, const gp_panels *panels, const gp_product_tiling *tiling,
                                 gpuproc_error *err)
{
    const gp_product_spec *s = panels->spec;
    uint64_t rows = panels->form.joined ? tiling->rows : gp_min_u64(tiling->rows, s->m);
    if (tiling->items > 1)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "many small matrices are multiplied on the CPU");
    return d->device->matrix->tile_new(d->device, s->dtype, rows, tiling->strip, tiling->depth, &d->tile, err);
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
    fill(&panel[GP_LEFT], spec->dtype, &a, s->rows, s->depth);
    fill(&panel[GP_RIGHT], spec->dtype, &b, s->depth, n);
    GP_TRY(api->add(d->tile, d->place, &panel[GP_LEFT], &panel[GP_RIGHT], s->rows, n, s->depth, s->k == 0, err));
    d->place ^= 1;
    if (s->k + s->depth == spec->k) GP_TRY(api->take(d->tile, c, (int64_t)n, s->rows, n, err));
out:
    return st;
}
