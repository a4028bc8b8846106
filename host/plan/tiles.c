/* Reductions along axes that would hold too many cells at once are made tile by tile: runs of the
 * result's C order, each by a pass of its own over the part of the operand that it needs. */
#include "plan/planner.h"

#include "base/memory.h"

#include <inttypes.h>

/* The part of the budget that a fold's state may take. */
#define FOLD_SHARE 4
#define MOST_TILES ((uint64_t)1 << 16)

static bool is_kept(const gp_fold_spec *spec, int axis) { return !(spec->axes >> axis & 1); }

/* The spec of one tile's fold. */
static void tile_spec(const gp_fold_spec *spec, const gp_shape *shape, gp_fold_spec *out)
{
    *out = *spec;
    out->shape = *shape;
    out->result = (gp_shape){0};
    for (int d = 0; d < shape->ndim; d++) {
        if (is_kept(spec, d)) out->result.dim[out->result.ndim++] = shape->dim[d];
    }
}

static uint64_t bytes_of_tile(const gp_fold_spec *spec, const gp_tiling *tiling)
{
    gp_fold_spec tile;
    int64_t lo[GPUPROC_MAX_NDIM];
    gp_shape shape;
    uint64_t first;
    gp_planner_tile_at(spec, tiling, 0, lo, &shape, &first);
    tile_spec(spec, &shape, &tile);
    return gp_fold_bytes(&tile);
}

static uint64_t tiles_of(const gp_fold_spec *spec, const gp_tiling *t)
{
    uint64_t count = 1;
    for (int d = 0; d < t->axis; d++) {
        if (is_kept(spec, d) && !gp_mul_u64(count, (uint64_t)spec->shape.dim[d], &count)) return UINT64_MAX;
    }
    uint64_t runs = gp_ceil_div((uint64_t)spec->shape.dim[t->axis], (uint64_t)t->run);
    return gp_mul_u64(count, runs, &count) ? count : UINT64_MAX;
}

gpuproc_status gp_planner_tile(const gp_planner *p, const gp_fold_spec *spec, gp_tiling *tiling,
                               gpuproc_error *err)
{
    uint64_t most = p->memory / FOLD_SHARE;
    *tiling = (gp_tiling){.axis = -1, .count = 1};
    if (!gp_op_info_of(spec->op)->reduction || gp_fold_bytes(spec) <= most) return GPUPROC_OK;
    /* The first kept axis behind which everything fits is cut into runs. */
    for (int d = 0; d < spec->shape.ndim; d++) {
        if (!is_kept(spec, d)) continue;
        gp_tiling t = {.axis = d, .run = 1};
        if (bytes_of_tile(spec, &t) > most) continue;
        while (t.run < spec->shape.dim[d]) {
            gp_tiling larger = {.axis = d, .run = t.run * 2};
            if (bytes_of_tile(spec, &larger) > most) break;
            t = larger;
        }
        t.count = tiles_of(spec, &t);
        if (t.count > MOST_TILES) break;
        *tiling = t;
        return GPUPROC_OK;
    }
    return gp_fail(err, GPUPROC_BUDGET,
                   "%s() along these axes keeps %" PRIu64 " bytes, but the memory budget is %" PRIu64,
                   gp_op_info_of(spec->op)->spelling, gp_fold_bytes(spec), p->memory);
}

void gp_planner_tile_at(const gp_fold_spec *spec, const gp_tiling *tiling, uint64_t index,
                        int64_t lo[GPUPROC_MAX_NDIM], gp_shape *shape, uint64_t *first)
{
    uint64_t inner = 1; /* elements of the result behind one index of the axis */
    *shape = spec->shape;
    for (int d = 0; d < spec->shape.ndim; d++) lo[d] = 0;
    for (int d = spec->shape.ndim; d-- > tiling->axis + 1;) {
        if (is_kept(spec, d)) inner *= (uint64_t)spec->shape.dim[d];
    }
    int64_t length = spec->shape.dim[tiling->axis];
    uint64_t runs = gp_ceil_div((uint64_t)length, (uint64_t)tiling->run), rest = index / runs;
    lo[tiling->axis] = (int64_t)(index % runs) * tiling->run;
    int64_t left = length - lo[tiling->axis];
    shape->dim[tiling->axis] = left < tiling->run ? left : tiling->run;
    *first = (uint64_t)lo[tiling->axis] * inner;
    inner *= (uint64_t)length;
    for (int d = tiling->axis; d-- > 0;) {
        if (!is_kept(spec, d)) continue;
        lo[d] = (int64_t)(rest % (uint64_t)spec->shape.dim[d]);
        rest /= (uint64_t)spec->shape.dim[d];
        shape->dim[d] = 1;
        *first += (uint64_t)lo[d] * inner;
        inner *= (uint64_t)spec->shape.dim[d];
    }
}
