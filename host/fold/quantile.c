/* Quantiles: exact, by choosing elements, never by sorting all of them. */
#include "fold/quantile.h"

#include "base/error.h"
#include "base/memory.h"

void gp_quantile_cut(const gp_fold_spec *spec, uint64_t *cells, uint64_t *cell)
{
    /* Products of parts of a shape fit where there are elements at all; where there are none, the kept
     * axes' fits since the result has a shape. */
    *cells = *cell = 1;
    for (int d = 0; d < spec->shape.ndim; d++) {
        bool reduced = spec->axes == 0 || (spec->axes >> d & 1) != 0;
        *(reduced ? cell : cells) *= (uint64_t)spec->shape.dim[d];
    }
}

static const gp_fold_kind *way_of(const gp_fold_spec *spec, uint64_t budget)
{
    uint64_t cells, cell;
    gp_quantile_cut(spec, &cells, &cell);
    if (cells == 1) return &gp_quantile_whole;
    return gp_quantile_cells.bytes(spec) <= budget || cells == 0 || cell == 0 ? &gp_quantile_cells
                                                                             : &gp_quantile_many;
}

/* The reduced axes are behind the kept ones, those of length 1 aside. */
static bool innermost(const gp_fold_spec *spec)
{
    bool reducing = false;
    for (int d = 0; d < spec->shape.ndim; d++) {
        bool reduced = spec->axes == 0 || (spec->axes >> d & 1) != 0;
        if (spec->shape.dim[d] == 1) continue;
        if (reducing && !reduced) return false;
        reducing = reduced;
    }
    return true;
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    return gp_min_u64(way_of(spec, UINT64_MAX)->bytes(spec), way_of(spec, 0)->bytes(spec));
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    const gp_fold_kind *how = way_of(spec, budget);
    if (!innermost(spec) && gp_shape_size(&spec->shape) > 0)
        return gp_fail(err, GPUPROC_UNSUPPORTED,
                       "%s() goes along the last axes of its operand, but was given others",
                       gp_op_info_of(spec->op)->spelling);
    gpuproc_status st = how->open(spec, budget, workers, fold, err);
    if (st == GPUPROC_OK) ((gp_quantile *)*fold)->how = how;
    return st;
}

static const gp_fold_kind *how_of(const gp_fold *fold) { return ((const gp_quantile *)fold)->how; }

static void close(gp_fold *fold) { how_of(fold)->close(fold); }

static uint64_t room(const gp_fold *fold, uint64_t count)
{
    return how_of(fold)->room != NULL ? how_of(fold)->room(fold, count) : 0;
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    return how_of(fold)->take(fold, piece, err);
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    return how_of(fold)->end(fold, again, err);
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    how_of(fold)->rest(fold, data, first, count);
}

const gp_fold_kind gp_fold_quantile = {.bytes = bytes,
                                       .open = open,
                                       .close = close,
                                       .room = room,
                                       .take = take,
                                       .end = end,
                                       .rest = rest};
