#include "fold/reduce_layout.h"

#include "base/memory.h"

#define WIDE 64              /* elements of a wide row, at least */
#define MANY_CELLS 1024      /* in a row: no lanes, no blocks; columns are shared */
#define BLOCK_ROWS 64        /* wide rows in a block, at least, and: */
#define BLOCK_ELEMENTS 16384 /* at least */
#define SMALL_GROUP 131072   /* elements */
#define SMALL_CELLS 1024     /* cells of a group, for groups to be shared */
#define UNIT 16384           /* elements that are worth a worker's while */
#define TOGETHER 2048        /* lanes of runs that are added at once */
#define SETS_BYTES (1u << 20)
#define SETS_MIN 8u

uint64_t gp_reduce_lanes_of_set(const gp_reduce_layout *l) { return l->direct ? 0 : l->width * l->together; }

static uint64_t words_of_set(const gp_reduce_layout *l, uint64_t cells)
{
    return (uint64_t)l->acc->planes * (cells + gp_reduce_lanes_of_set(l));
}

gp_reduce_layout gp_reduce_layout_of(const gp_fold_spec *spec)
{
    gp_reduce_layout l = {.axes = gp_axes_of(&spec->shape, spec->axes)};
    const gp_axes *a = &l.axes;
    l.acc = gp_accumulator_of(spec->op, spec->operand[0]);
    l.lanes = 1;
    if (a->rows > l.acc->few) {
        while (l.lanes * a->inner < WIDE && l.lanes * (l.lanes < 8 ? 4 : 8) <= a->rows) l.lanes *= 2;
    }
    l.width = l.lanes * a->inner;
    uint64_t rows = gp_max_u64(BLOCK_ROWS, BLOCK_ELEMENTS / gp_max_u64(l.width, 1));
    if (gp_mul_u64(rows, l.width, &l.block) == false) l.block = UINT64_MAX;
    l.direct = l.lanes == 1 && (a->inner > MANY_CELLS || a->run <= BLOCK_ELEMENTS);

    if (a->groups > 1 && a->group <= SMALL_GROUP && a->cells <= SMALL_CELLS)
        l.how = GP_REDUCE_BY_GROUPS;
    else if (a->inner > MANY_CELLS)
        l.how = GP_REDUCE_BY_COLUMNS;
    else if (!l.direct && a->run > 2 * l.block)
        l.how = GP_REDUCE_BY_BLOCKS;
    else
        l.how = GP_REDUCE_BY_SLABS;

    l.together = 1;
    if (!l.direct && a->run <= l.block)
        l.together = gp_max_u64(gp_min_u64(TOGETHER / gp_max_u64(l.width, 1), a->groups * a->runs), 1);
    if (l.how == GP_REDUCE_BY_GROUPS) {
        uint64_t groups = gp_min_u64(UNIT / 8 / gp_max_u64(a->cells, 1), a->groups);
        l.set_cells = a->cells * gp_max_u64(1, groups);
    }
    uint64_t bytes = 8 * words_of_set(&l, l.set_cells);
    uint64_t sets = SETS_BYTES / gp_max_u64(bytes, 1);
    sets = gp_min_u64(gp_max_u64(sets, SETS_MIN), GP_REDUCE_SETS);
    /* No more than the operand can keep busy: units of groups or slabs, or blocks and parts of them. */
    uint64_t all = gp_shape_size(&spec->shape);
    uint64_t busy = l.how == GP_REDUCE_BY_BLOCKS ? all / l.block + 2 : gp_ceil_div(all, UNIT);
    l.sets = (unsigned)gp_max_u64(gp_min_u64(sets, busy), 1);
    return l;
}

bool gp_reduce_layout_bytes(const gp_reduce_layout *l, const gp_fold_spec *spec, uint64_t *bytes)
{
    const gp_axes *a = &l->axes;
    uint64_t cells = a->cells;
    if (gp_shape_size(&spec->shape) == 0)
        return gp_mul_u64(gp_shape_size(&spec->result), 8 * (uint64_t)l->acc->planes, bytes);
    if (!gp_add_u64(cells, gp_reduce_lanes_of_set(l), bytes) ||
        !gp_mul_u64(*bytes, 8 * (uint64_t)l->acc->planes, bytes))
        return false;
    return gp_add_u64(*bytes, 8 * l->sets * words_of_set(l, l->set_cells), bytes);
}
