/* Quantiles of cells that are too large to be held: each cell is narrowed down on its own (quantile_whole.c), all of
 * them in the same passes, with an even share of the memory. */
#include "fold/quantile.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

typedef struct many {
    gp_quantile quantile;
    uint64_t cells, cell, taken;
    gp_fold **one; /* per cell */
    bool *done;    /* per cell: it needs no more passes */
    unsigned char *result;
} many;

static gp_fold_spec spec_of_one(const gp_fold_spec *spec, uint64_t cell)
{
    gp_fold_spec one = *spec;
    one.shape = (gp_shape){1, {(int64_t)cell}};
    one.result = (gp_shape){1, {(int64_t)spec->qs}};
    one.axes = 0;
    return one;
}

/* Beside the cells' own. */
static bool fixed_bytes(const gp_fold_spec *spec, uint64_t cells, uint64_t *bytes)
{
    return gp_mul_u64(spec->qs, gpuproc_dtype_bytes(spec->dtype), bytes) &&
           gp_add_u64(*bytes, sizeof(gp_fold *) + sizeof(bool), bytes) && gp_mul_u64(*bytes, cells, bytes) &&
           gp_add_u64(*bytes, sizeof(many), bytes);
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    uint64_t cells, cell, fixed, total;
    gp_quantile_cut(spec, &cells, &cell);
    gp_fold_spec one = spec_of_one(spec, cell);
    return fixed_bytes(spec, cells, &fixed) && gp_mul_u64(cells, gp_quantile_whole.bytes(&one), &total) &&
                   gp_add_u64(total, fixed, &total)
               ? total
               : UINT64_MAX;
}

static void close(gp_fold *fold)
{
    many *m = (many *)fold;
    for (uint64_t i = 0; m->one != NULL && i < m->cells; i++) {
        if (m->one[i] != NULL) gp_quantile_whole.close(m->one[i]);
    }
    free(m->one);
    free(m->done);
    free(m->result);
    free(m);
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    uint64_t fixed = 0;
    many *m = gp_calloc(1, sizeof *m);
    if (m == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "quantile: out of memory");
    gp_quantile_cut(spec, &m->cells, &m->cell);
    (void)fixed_bytes(spec, m->cells, &fixed); /* it fits: bytes() said so */
    m->one = gp_calloc(m->cells, sizeof(gp_fold *));
    m->done = gp_calloc(m->cells, sizeof *m->done);
    m->result = gp_calloc(m->cells * spec->qs, gpuproc_dtype_bytes(spec->dtype));
    if (m->one == NULL || m->done == NULL || m->result == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "quantile: out of memory");
        goto out;
    }
    gp_fold_spec one = spec_of_one(spec, m->cell);
    for (uint64_t i = 0; i < m->cells; i++) {
        GP_TRY(gp_quantile_whole.open(&one, (budget - fixed) / m->cells, workers, &m->one[i], err));
        m->one[i]->spec = one;
    }
    *fold = &m->quantile.base;
out:
    if (st != GPUPROC_OK) close(&m->quantile.base);
    return st;
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    many *m = (many *)fold;
    size_t element = gpuproc_dtype_bytes(fold->spec.operand[0]);
    const unsigned char *in = piece->operand[0];
    if (piece->count > m->cells * m->cell - m->taken)
        return gp_fail(err, GPUPROC_INTERNAL, "quantile: more elements than the shape has");
    for (uint64_t left = piece->count; left > 0;) {
        uint64_t i = m->taken / m->cell, at = m->taken % m->cell;
        gp_fold_piece part = {.first = at, .count = gp_min_u64(left, m->cell - at), .operand = {in}};
        m->one[i]->workers = fold->workers;
        if (!m->done[i]) {
            gpuproc_status st = gp_quantile_whole.take(m->one[i], &part, err);
            if (st != GPUPROC_OK) return st;
        }
        m->taken += part.count;
        in += part.count * element;
        left -= part.count;
    }
    return GPUPROC_OK;
}

static void gather(many *m, uint64_t cell)
{
    size_t wide = gpuproc_dtype_bytes(m->quantile.base.spec.dtype);
    const void *data;
    uint64_t first, count;
    gp_quantile_whole.rest(m->one[cell], &data, &first, &count);
    for (uint64_t q = 0; q < count; q++)
        memcpy(m->result + (q * m->cells + cell) * wide, (const unsigned char *)data + q * wide, wide);
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    many *m = (many *)fold;
    m->taken = 0;
    for (uint64_t i = 0; i < m->cells; i++) {
        bool more = false;
        if (m->done[i]) continue;
        gpuproc_status st = gp_quantile_whole.end(m->one[i], &more, err);
        if (st != GPUPROC_OK) return st;
        m->done[i] = !more;
        *again |= more;
        if (more) continue;
        gather(m, i);
        if (m->one[i]->warning != NULL) fold->warning = m->one[i]->warning;
    }
    return GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    const many *m = (const many *)fold;
    *data = m->result;
    *first = 0;
    *count = m->cells * fold->spec.qs;
}

const gp_fold_kind gp_quantile_many = {.bytes = bytes,
                                       .open = open,
                                       .close = close,
                                       .take = take,
                                       .end = end,
                                       .rest = rest};
