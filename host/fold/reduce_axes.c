/* Reductions along axes.
 *
 * How the elements of a cell are put together depends on the shape and the axes only. A row of a run
 * (fold/axes.h) has one element for each of `inner` cells, and where that is few, several rows side by side
 * make a wider one: `lanes` lanes per cell, a power of two. Wide rows are added one to the
 * other, BLOCK_ROWS or so of them; then the lanes of each cell are joined by halves; then this
 * block joins the cell. Where there is one lane, and many cells or few rows, the rows join the cells at once. Runs that
 * are a block each, and next to one another with their cells, are added together: each alone has too little.
 *
 * Pieces end anywhere: cells that are not finished, and the lanes of the block that is open, are kept.
 *
 * The workers share a piece in one of these ways:
 *   groups: each takes groups with all their cells; what is begun or left open is copied from
 *     and to what is kept.
 *   columns: each takes some of a row's columns, all rows of them.
 *   slabs: each takes some indices of the outermost kept axis inside the groups.
 *   blocks: each takes blocks, whose lanes join the cells in order, as soon as those before them have. */
#include "fold/fold_impl.h"

#include "base/clones.h"
#include "base/memory.h"
#include "fold/reduce_layout.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define UNIT 16384        /* elements that are worth a worker's while */
#define SLAB 4096         /* elements that lie together, for more units than workers */
#define TILE_COLUMNS 4096 /* whose cells a cache holds */
#define LARGE (4u << 20)  /* bytes that are touched sooner as large pages */

/* What one worker adds to: cells of a group, and lanes of a block. */
typedef struct set {
    gp_cells cells, lanes;
} set;

/* Elements [in, in + n) of a run, cut into blocks. Each block has a set until it has joined the cells. */
typedef struct cut_run {
    gp_cells cells;
    uint64_t visit, in, n;
    const char *x;
    uint64_t blocks;
    atomic_uint_fast64_t taken, joined; /* blocks that somebody has; those that have joined */
    pthread_mutex_t lock;               /* for `state`, and for the cells */
    enum { OPEN, ENDED, CLOSED } state[GP_REDUCE_SETS]; /* of a set's block: at work; all there is of it; all of it */
} cut_run;

typedef struct reduce {
    gp_fold base;
    gp_reduce_layout l;
    set kept, set[GP_REDUCE_SETS];
    void *memory;
    size_t pages; /* bytes, where it is whole pages */
    uint64_t item; /* bytes of an element */

    /* The piece, for the workers. */
    const gp_fold_piece *piece;
    uint64_t units;
    uint64_t group0, groups;   /* groups that the piece touches */
    cut_run run;               /* blocks */
    set *open;                 /* slabs: whose lanes are of a block that goes on */
} reduce;

/* Results that come when all is over: those of a single group, and those of elements that do not exist. */
static bool at_the_end(const gp_reduce_layout *l) { return l->axes.groups <= 1 || l->axes.reduced == 0; }

static uint64_t bytes(const gp_fold_spec *spec)
{
    gp_reduce_layout l = gp_reduce_layout_of(spec);
    uint64_t n;
    return gp_reduce_layout_bytes(&l, spec, &n) ? n : UINT64_MAX;
}

static set carve(uint64_t **at, const gp_reduce_layout *l, uint64_t cells)
{
    set s = {.cells = gp_cells_in(*at, l->acc->planes, cells)};
    *at += (uint64_t)l->acc->planes * cells;
    if (!l->direct) {
        s.lanes = gp_cells_in(*at, l->acc->planes, gp_reduce_lanes_of_set(l));
        *at += (uint64_t)l->acc->planes * gp_reduce_lanes_of_set(l);
    }
    return s;
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    (void)budget;
    (void)workers;
    gp_reduce_layout l = gp_reduce_layout_of(spec);
    uint64_t size;
    reduce *r = gp_calloc(1, sizeof *r);
    if (r == NULL || !gp_reduce_layout_bytes(&l, spec, &size) || size > SIZE_MAX) goto none;
    r->pages = size >= LARGE ? size : 0;
    r->memory = r->pages > 0 ? gp_pages_alloc(size) : gp_calloc(1, size);
    if (r->memory == NULL) goto none;
    pthread_mutex_init(&r->run.lock, NULL);
    r->l = l;
    r->item = gpuproc_dtype_bytes(spec->operand[0]);
    if (gp_shape_size(&spec->shape) == 0) {
        r->kept.cells = gp_cells_in(r->memory, l.acc->planes, gp_shape_size(&spec->result));
    } else {
        uint64_t *at = r->memory;
        r->kept = carve(&at, &l, l.axes.cells);
        for (unsigned i = 0; i < l.sets; i++) {
            r->set[i] = carve(&at, &l, l.set_cells);
            if (l.set_cells == 0) r->set[i].cells = r->kept.cells;
        }
    }
    *fold = &r->base;
    return GPUPROC_OK;
none:
    free(r);
    return gp_fail(err, GPUPROC_NO_MEMORY, "%s() along axes: out of memory",
                   gp_op_info_of(spec->op)->spelling);
}

static void close(gp_fold *fold)
{
    reduce *r = (reduce *)fold;
    pthread_mutex_destroy(&r->run.lock);
    if (r->pages > 0) gp_pages_free(r->memory, r->pages);
    else free(r->memory);
    free(r);
}

static uint64_t room(const gp_fold *fold, uint64_t count)
{
    const gp_reduce_layout *l = &((const reduce *)fold)->l;
    if (at_the_end(l) || count == 0) return 0;
    return gp_min_u64(1 + (count - 1) / l->axes.group, l->axes.groups) * l->axes.cells;
}

/* ---- Adding ---- */

/* The part of the cells that a worker takes: columns of the rows, and rows of cells. */
typedef struct part {
    uint64_t column, columns, row, rows;
} part;

static part whole(const gp_reduce_layout *l)
{
    return (part){0, l->axes.inner, 0, l->axes.cells / l->axes.inner};
}

static void copy_cells(const gp_reduce_layout *l, gp_cells to, gp_cells from, uint64_t n)
{
    for (int p = 0; p < l->acc->planes; p++) memcpy(to.plane[p], from.plane[p], n * 8);
}

static void init_cells(const gp_reduce_layout *l, gp_cells cells, const part *w)
{
    const gp_axes *a = &l->axes;
    if (w->columns == a->inner) {
        l->acc->init(gp_cells_at(cells, w->row * a->inner), w->rows * a->inner);
        return;
    }
    for (uint64_t row = w->row; row < w->row + w->rows; row++)
        l->acc->init(gp_cells_at(cells, row * a->inner + w->column), w->columns);
}

/* Adds n elements that begin at element `at` of rows of `width` (columns [c0, c0 + cn) of them only).
 * `row`: the number of the first row that is touched. */
static void add_rows(const gp_reduce_layout *l, uint64_t item, gp_cells cells, uint64_t width, uint64_t c0,
                     uint64_t cn, const char *x, uint64_t at, uint64_t n, uint64_t row)
{
    gp_tile tile = {.groups = 1, .step = width, .cell_step = width, .row = (int64_t)row};
    uint64_t phase = at % width;
    while (n > 0) {
        /* A part of a row, or all whole rows that there are. */
        uint64_t part_of_row = gp_min_u64(width - phase, n);
        bool full = part_of_row == width;
        uint64_t rows = full ? n / width : 1;
        uint64_t from = gp_max_u64(phase, c0), to = gp_min_u64(phase + part_of_row, c0 + cn);
        if (from < to) {
            tile.rows = rows;
            tile.width = to - from;
            l->acc->add(gp_cells_at(cells, from), x + (from - phase) * item, &tile);
        }
        uint64_t done = full ? rows * width : part_of_row;
        x += done * item;
        n -= done;
        phase = 0;
        tile.row += (int64_t)rows;
    }
}

/* Rows of lanes become the rows that they had been. */
GP_INTO int64_t row_of(int64_t index, uint64_t lanes, uint64_t lane)
{
    return index == INT64_MAX ? INT64_MAX : index * (int64_t)lanes + (int64_t)lane;
}

GP_CLONES static void to_rows(int64_t *index, uint64_t runs, uint64_t lanes, uint64_t inner, uint64_t before)
{
    for (; runs > 0; runs--, index += lanes * inner) {
        for (uint64_t k = 0; k < lanes && inner == 1; k++) index[k] = row_of(index[k], lanes, before + k);
        for (uint64_t k = 0; k < lanes && inner > 1; k++) {
            for (uint64_t j = 0; j < inner; j++) index[k * inner + j] = row_of(index[k * inner + j], lanes, before + k);
        }
    }
}

/* The lanes of a block become the cells' share of it; so do those of `runs` blocks of runs that are next to one another. */
static void close_blocks(const gp_reduce_layout *l, gp_cells lanes, uint64_t rows_before, uint64_t runs)
{
    const gp_axes *a = &l->axes;
    if (l->acc->indexed) to_rows(lanes.plane[1], runs, l->lanes, a->inner, rows_before);
    l->acc->halve(lanes, l->lanes, a->inner, runs);
}

/* What the cells must know of their first elements before these are added. */
static void begin_cells(const reduce *r, gp_cells cells, gp_cells lanes, const part *w, const char *x,
                        uint64_t in, uint64_t n)
{
    const gp_reduce_layout *l = &r->l;
    uint64_t from = gp_max_u64(in, w->column);
    uint64_t to = gp_min_u64(gp_min_u64(in + n, l->axes.inner), w->column + w->columns);
    if (from >= to) return;
    l->acc->begin(gp_cells_at(cells, from), x + (from - in) * r->item, to - from);
    if (l->direct) return;
    for (uint64_t k = 0; k < l->lanes; k++)
        memcpy((double *)lanes.plane[0] + k * l->axes.inner + from, (double *)cells.plane[0] + from,
               (to - from) * 8);
}

static void init_lanes(const gp_reduce_layout *l, gp_cells lanes, gp_cells cells)
{
    l->acc->init(lanes, l->width);
    if (l->acc->begin == NULL) return;
    for (uint64_t k = 0; k < l->lanes; k++)
        memcpy((double *)lanes.plane[0] + k * l->axes.inner, cells.plane[0], l->axes.inner * 8);
}

/* Elements [in, in + n) of a run, all in one block, whose cells have had `visit` runs before. Where the block begins
 * here its lanes have been made ready. True: the block is complete, and they are to join the cells. */
static bool add_segment(const reduce *r, gp_cells cells, gp_cells lanes, const part *w, uint64_t visit,
                        const char *x, uint64_t in, uint64_t n)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    if (l->direct) {
        add_rows(l, r->item, cells, a->inner, w->column, w->columns, x, in, n,
                 visit * a->rows + in / a->inner);
        return false;
    }
    add_rows(l, r->item, lanes, l->width, 0, l->width, x, in, n, in / l->width);
    if (in + n != a->run && (in + n) % l->block != 0) return false;
    close_blocks(l, lanes, visit * a->rows, 1);
    return true;
}

/* Whole runs, of one block each, that are next to one another, and their cells as well: at once, for each has little. */
static void add_runs(const reduce *r, gp_cells cells, gp_cells lanes, uint64_t visit, const char *x, uint64_t runs)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    uint64_t left = a->rows % l->lanes * a->inner, rows = a->rows / l->lanes;
    gp_tile tile = {.groups = runs, .rows = rows, .width = l->width, .step = l->width, .group_step = a->run,
                    .cell_step = l->width};
    l->acc->init(lanes, runs * l->width);
    for (uint64_t i = 0; i < runs && l->acc->begin != NULL; i++) {
        gp_cells of_run = gp_cells_at(cells, i * a->inner);
        if (visit == 0) l->acc->begin(of_run, x + i * a->run * r->item, a->inner);
        init_lanes(l, gp_cells_at(lanes, i * l->width), of_run);
    }
    l->acc->add(lanes, x, &tile);
    if (left > 0) {
        tile.rows = 1;
        tile.width = left;
        tile.row = (int64_t)rows;
        l->acc->add(lanes, x + rows * l->width * r->item, &tile);
    }
    close_blocks(l, lanes, visit * a->rows, runs);
    l->acc->merge(cells, lanes, runs * a->inner);
}

/* The same without lanes. */
static void add_runs_directly(const reduce *r, gp_cells cells, uint64_t visit, const char *x, uint64_t runs)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    gp_tile tile = {.groups = runs, .rows = a->rows, .width = a->inner, .step = a->inner, .group_step = a->run,
                    .cell_step = a->inner, .row = (int64_t)(visit * a->rows)};
    for (uint64_t i = 0; i < runs && visit == 0 && l->acc->begin != NULL; i++)
        l->acc->begin(gp_cells_at(cells, i * a->inner), x + i * a->run * r->item, a->inner);
    l->acc->add(cells, x, &tile);
}

/* Runs from `run` of a group on whose cells are behind one another, of `most`. */
static uint64_t neighbours(const gp_reduce_layout *l, uint64_t run, uint64_t most)
{
    const gp_axes *a = &l->axes;
    uint64_t kept = a->pairs == 0 ? 1 : a->pair[a->pairs - 1][1];
    return gp_min_u64(most, kept - run % kept);
}

/* Elements [from, to) of a group, x being the first of them. */
static void walk(const reduce *r, const set *s, const part *w, const char *x, uint64_t from, uint64_t to)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    while (from < to) {
        uint64_t in = from % a->run, n = gp_min_u64(a->run - in, to - from), row, visit;
        if (!l->direct) n = gp_min_u64(n, l->block - in % l->block);
        gp_axes_run(a, from / a->run, &row, &visit);
        gp_cells cells = gp_cells_at(s->cells, row * a->inner);
        if (in == 0 && n == a->run && w->columns == a->inner && (l->direct || l->together > 1)) {
            uint64_t runs = neighbours(l, from / a->run, (to - from) / a->run);
            if (!l->direct) runs = gp_min_u64(runs, l->together);
            if (l->direct) add_runs_directly(r, cells, visit, x, runs);
            else add_runs(r, cells, s->lanes, visit, x, runs);
            from += runs * n;
            x += runs * n * r->item;
            continue;
        }
        if (l->acc->begin != NULL && visit == 0) begin_cells(r, cells, s->lanes, w, x, in, n);
        if (!l->direct && in % l->block == 0) init_lanes(l, s->lanes, cells);
        if (add_segment(r, cells, s->lanes, w, visit, x, in, n)) l->acc->merge(cells, s->lanes, a->inner);
        from += n;
        x += n * r->item;
    }
}

/* Does the piece's part of a group end or begin (at element `at` of the group) inside a block? */
static bool inside_block(const gp_reduce_layout *l, uint64_t at)
{
    return !l->direct && at % l->axes.run % l->block != 0;
}

/* ---- A piece and its groups ---- */

/* Elements [from, to) of group g are in the piece; x: where they begin. */
typedef struct stretch {
    uint64_t from, to;
    const char *x;
} stretch;

static stretch stretch_of(const reduce *r, uint64_t g)
{
    const gp_fold_piece *p = r->piece;
    uint64_t start = g * r->l.axes.group, from = gp_max_u64(start, p->first);
    uint64_t to = gp_min_u64(start + r->l.axes.group, p->first + p->count);
    return (stretch){from - start, to - start,
                     (const char *)p->operand[0] + (from - p->first) * r->item};
}

/* Where a worker's part of a group's results go; nowhere where they come at the end. */
static void give(const reduce *r, uint64_t g, gp_cells cells, const part *w)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    if (at_the_end(l)) return;
    size_t size = gpuproc_dtype_bytes(r->base.spec.dtype);
    char *out = (char *)r->piece->out + (g * a->cells - r->base.given) * size;
    bool rows_are_whole = w->columns == a->inner;
    uint64_t step = rows_are_whole ? w->rows : 1, n = rows_are_whole ? w->rows * a->inner : w->columns;
    for (uint64_t row = w->row; row < w->row + w->rows; row += step) {
        uint64_t at = row * a->inner + w->column;
        gp_cells_finish(&r->base.spec, a->reduced, gp_cells_at(cells, at), n, out + at * size);
    }
}

/* ---- Sharing by groups ---- */

/* n groups that are whole in the piece, as many as a set has cells for. */
static void add_whole_groups(const reduce *r, const set *s, uint64_t g, uint64_t n)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    const char *x = stretch_of(r, g).x;
    bool one_run = a->pairs == 0; /* a group: they lie side by side */
    l->acc->init(s->cells, n * a->cells);
    if (one_run && l->direct) add_runs_directly(r, s->cells, 0, x, n);
    for (uint64_t i = 0; i < n && one_run && l->together > 1; i += l->together)
        add_runs(r, gp_cells_at(s->cells, i * a->cells), s->lanes, 0, x + i * a->group * r->item, gp_min_u64(l->together, n - i));
    for (uint64_t i = 0; i < n && !(one_run && (l->direct || l->together > 1)); i++) {
        const part all = whole(l);
        const set one = {gp_cells_at(s->cells, i * a->cells), s->lanes};
        walk(r, &one, &all, x + i * a->group * r->item, 0, a->group);
    }
    const part all = {0, a->inner, 0, n * a->cells / a->inner};
    give(r, g, s->cells, &all);
}

/* A group of which the piece has not all. */
static void add_part_of_group(const reduce *r, const set *s, uint64_t g)
{
    const gp_reduce_layout *l = &r->l;
    const part all = whole(l);
    stretch e = stretch_of(r, g);
    if (e.from == 0)
        init_cells(l, s->cells, &all);
    else
        copy_cells(l, s->cells, r->kept.cells, l->axes.cells);
    if (inside_block(l, e.from)) copy_cells(l, s->lanes, r->kept.lanes, l->width);
    walk(r, s, &all, e.x, e.from, e.to);
    if (e.to == l->axes.group) give(r, g, s->cells, &all);
}

static void take_groups(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    const reduce *r = arg;
    const gp_reduce_layout *l = &r->l;
    uint64_t piece_end = r->piece->first + r->piece->count;
    for (uint64_t u = from; u < to; u++) {
        uint64_t g = r->group0 + u * r->groups / r->units, end = r->group0 + (u + 1) * r->groups / r->units;
        while (g < end) {
            uint64_t whole_ones = 0;
            if (stretch_of(r, g).from == 0) whole_ones = gp_min_u64(end, piece_end / l->axes.group) - g;
            if (whole_ones == 0) {
                add_part_of_group(r, &r->set[u], g++);
                continue;
            }
            whole_ones = gp_min_u64(whole_ones, l->set_cells / l->axes.cells);
            add_whole_groups(r, &r->set[u], g, whole_ones);
            g += whole_ones;
        }
    }
}

static void share_groups(reduce *r)
{
    const gp_reduce_layout *l = &r->l;
    r->units = gp_min_u64(gp_min_u64(l->sets, r->groups), gp_ceil_div(r->piece->count, UNIT));
    r->base.workers->each(r->base.workers, r->units, take_groups, r);
    uint64_t end = (r->piece->first + r->piece->count) % l->axes.group;
    if (end == 0) return;
    const set *last = &r->set[r->units - 1];
    copy_cells(l, r->kept.cells, last->cells, l->axes.cells);
    if (inside_block(l, end)) copy_cells(l, r->kept.lanes, last->lanes, l->width);
}

/* ---- Sharing by columns and by slabs: parts of the kept cells ---- */

/* All rows of some columns. */
static void add_columns(const reduce *r, const part *w)
{
    const gp_reduce_layout *l = &r->l;
    for (uint64_t g = r->group0; g < r->group0 + r->groups; g++) {
        stretch e = stretch_of(r, g);
        if (e.from == 0) init_cells(l, r->kept.cells, w);
        walk(r, &r->kept, w, e.x, e.from, e.to);
        if (e.to == l->axes.group) give(r, g, r->kept.cells, w);
    }
}

static void take_columns(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    const reduce *r = arg;
    const gp_reduce_layout *l = &r->l;
    part w = whole(l);
    /* Neighbouring units are one: the ends stand at multiples of a cache line. */
    uint64_t step = gp_ceil_div(gp_ceil_div(l->axes.inner, r->units), 64) * 64;
    uint64_t column = gp_min_u64(from * step, l->axes.inner), end = gp_min_u64(to * step, l->axes.inner);
    /* Of several rows as many columns at a time as keep their cells in a cache. */
    uint64_t tile = r->piece->count >= 2 * l->axes.inner ? TILE_COLUMNS : UINT64_MAX;
    for (; column < end; column += w.columns) {
        w.column = column;
        w.columns = gp_min_u64(tile, end - column);
        add_columns(r, &w);
    }
}

/* Slabs [b0, b1) of one group. A slab lies in one piece for each index of the axis outside it. */
static void walk_slabs(reduce *r, set *s, const part *w, uint64_t b0, uint64_t b1, const stretch *e)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    uint64_t slabs = a->pairs == 0 ? 1 : a->pair[0][1];
    uint64_t outer = a->group / (a->pairs == 0 ? 1 : a->pair[0][0]), slab = outer / slabs;
    for (uint64_t k = e->from / outer; k * outer < e->to; k++) {
        uint64_t from = gp_max_u64(k * outer + b0 * slab, e->from);
        uint64_t to = gp_min_u64(k * outer + b1 * slab, e->to);
        if (from >= to) continue;
        if (from == e->from && inside_block(l, from)) copy_cells(l, s->lanes, r->kept.lanes, l->width);
        walk(r, s, w, e->x + (from - e->from) * r->item, from, to);
        if (to == e->to && inside_block(l, to)) r->open = s;
    }
}

static void take_slabs(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    reduce *r = arg;
    const gp_reduce_layout *l = &r->l;
    uint64_t slabs = l->axes.pairs == 0 ? 1 : l->axes.pair[0][1];
    for (uint64_t u = from; u < to; u++) {
        uint64_t b0 = u * slabs / r->units, b1 = (u + 1) * slabs / r->units;
        part w = whole(l);
        uint64_t rows = w.rows / slabs;
        w.row = b0 * rows;
        w.rows = (b1 - b0) * rows;
        for (uint64_t g = r->group0; g < r->group0 + r->groups; g++) {
            stretch e = stretch_of(r, g);
            if (e.from == 0) init_cells(l, r->kept.cells, &w);
            walk_slabs(r, &r->set[u], &w, b0, b1, &e);
            if (e.to == l->axes.group) give(r, g, r->kept.cells, &w);
        }
    }
}

static void share_slabs(reduce *r)
{
    const gp_reduce_layout *l = &r->l;
    uint64_t slabs = l->axes.pairs == 0 ? 1 : l->axes.pair[0][1];
    uint64_t together = l->axes.group / (l->axes.pairs == 0 ? 1 : l->axes.pair[0][0]); /* elements of all slabs */
    uint64_t most = gp_max_u64(r->base.workers->count, gp_min_u64(4 * (uint64_t)r->base.workers->count, together / SLAB));
    r->units = gp_min_u64(gp_min_u64(slabs, l->sets), gp_min_u64(most, gp_ceil_div(r->piece->count, UNIT)));
    r->open = NULL;
    r->base.workers->each(r->base.workers, r->units, take_slabs, r);
    if (r->open != NULL) copy_cells(l, r->kept.lanes, r->open->lanes, l->width);
}

/* ---- Sharing by blocks ---- */

/* With the lock: those that are ready, in order. */
static void join_blocks(reduce *r)
{
    const gp_reduce_layout *l = &r->l;
    cut_run *c = &r->run;
    for (uint64_t b = c->joined; b < c->blocks && c->state[b % l->sets] != OPEN; b++) {
        const set *s = &r->set[b % l->sets];
        if (c->state[b % l->sets] == CLOSED)
            l->acc->merge(c->cells, s->lanes, l->axes.inner);
        else
            copy_cells(l, r->kept.lanes, s->lanes, l->width);
        c->state[b % l->sets] = OPEN;
        atomic_store_explicit(&c->joined, b + 1, memory_order_release);
    }
}

/* Some lanes begin with what the cells have, which others may just join. */
static void begin_block(reduce *r, const set *s)
{
    bool looks = r->l.acc->begin != NULL;
    if (looks) pthread_mutex_lock(&r->run.lock);
    init_lanes(&r->l, s->lanes, r->run.cells);
    if (looks) pthread_mutex_unlock(&r->run.lock);
}

/* As many blocks, whichever are next: those of several workers lie side by side. */
static void take_blocks(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    reduce *r = arg;
    const gp_reduce_layout *l = &r->l;
    cut_run *c = &r->run;
    const part all = whole(l);
    for (; from < to; from++) {
        uint64_t b = atomic_fetch_add_explicit(&c->taken, 1, memory_order_relaxed);
        uint64_t skip = b == 0 ? 0 : b * l->block - c->in % l->block;
        uint64_t in = c->in + skip, n = gp_min_u64(l->block - in % l->block, c->n - skip);
        /* Whoever has the block before whose set this is must have come that far. */
        while (b >= atomic_load_explicit(&c->joined, memory_order_acquire) + l->sets) (void)sched_yield();
        set *s = &r->set[b % l->sets];
        if (in % l->block != 0) copy_cells(l, s->lanes, r->kept.lanes, l->width);
        else begin_block(r, s);
        bool closed = add_segment(r, c->cells, s->lanes, &all, c->visit, c->x + skip * r->item, in, n);
        pthread_mutex_lock(&c->lock);
        c->state[b % l->sets] = closed ? CLOSED : ENDED;
        join_blocks(r);
        pthread_mutex_unlock(&c->lock);
    }
}

/* Elements [in, in + n) of one run. */
static void share_run(reduce *r, gp_cells cells, uint64_t visit, const char *x, uint64_t in, uint64_t n)
{
    const gp_reduce_layout *l = &r->l;
    const part all = whole(l);
    cut_run *c = &r->run;
    if (l->acc->begin != NULL && visit == 0) begin_cells(r, cells, r->kept.lanes, &all, x, in, n);
    c->cells = cells;
    c->visit = visit;
    c->x = x;
    c->in = in;
    c->n = n;
    c->blocks = gp_ceil_div(in % l->block + n, l->block);
    atomic_store_explicit(&c->taken, 0, memory_order_relaxed);
    atomic_store_explicit(&c->joined, 0, memory_order_relaxed);
    r->base.workers->each(r->base.workers, c->blocks, take_blocks, r);
}

static void share_blocks(reduce *r)
{
    const gp_reduce_layout *l = &r->l;
    const gp_axes *a = &l->axes;
    const part all = whole(l);
    for (uint64_t g = r->group0; g < r->group0 + r->groups; g++) {
        stretch e = stretch_of(r, g);
        if (e.from == 0) init_cells(l, r->kept.cells, &all);
        for (uint64_t at = e.from; at < e.to;) {
            uint64_t in = at % a->run, n = gp_min_u64(a->run - in, e.to - at), row, visit;
            gp_axes_run(a, at / a->run, &row, &visit);
            share_run(r, gp_cells_at(r->kept.cells, row * a->inner), visit, e.x + (at - e.from) * r->item, in, n);
            at += n;
        }
        if (e.to == a->group) give(r, g, r->kept.cells, &all);
    }
}

/* ---- The fold ---- */

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    (void)err;
    reduce *r = (reduce *)fold;
    const gp_axes *a = &r->l.axes;
    if (piece->count == 0) return GPUPROC_OK;
    uint64_t end = piece->first + piece->count;
    r->piece = piece;
    r->group0 = piece->first / a->group;
    r->groups = gp_ceil_div(end, a->group) - r->group0;
    switch (r->l.how) {
    case GP_REDUCE_BY_GROUPS: share_groups(r); break;
    case GP_REDUCE_BY_COLUMNS:
        r->units = gp_min_u64(gp_ceil_div(a->inner, 256), 4 * (uint64_t)fold->workers->count);
        fold->workers->each(fold->workers, r->units, take_columns, r);
        break;
    case GP_REDUCE_BY_SLABS: share_slabs(r); break;
    case GP_REDUCE_BY_BLOCKS: share_blocks(r); break;
    }
    if (!at_the_end(&r->l)) piece->out_count = (end / a->group - r->group0) * a->cells;
    return GPUPROC_OK;
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    (void)again;
    reduce *r = (reduce *)fold;
    const gp_fold_spec *spec = &fold->spec;
    const gp_axes *a = &r->l.axes;
    bool extreme = spec->op == GP_OP_MIN || spec->op == GP_OP_MAX || spec->op == GP_OP_ARGMIN ||
                   spec->op == GP_OP_ARGMAX;
    if (a->reduced == 0 && extreme)
        return gp_fail(err, GPUPROC_DOMAIN, "%s: expected at least one element, found none",
                       gp_op_info_of(spec->op)->spelling);
    if (a->reduced == 0 && spec->op == GP_OP_MEAN) fold->warning = "mean of empty slice";
    if ((spec->op == GP_OP_VAR || spec->op == GP_OP_STD) && !((double)a->reduced - spec->ddof > 0))
        fold->warning = "degrees of freedom <= 0";
    if (at_the_end(&r->l)) {
        uint64_t n = gp_shape_size(&spec->result);
        if (gp_shape_size(&spec->shape) == 0) r->l.acc->init(r->kept.cells, n);
        gp_cells_finish(spec, a->reduced, r->kept.cells, n, r->kept.cells.plane[0]);
    }
    return GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    const reduce *r = (const reduce *)fold;
    if (!at_the_end(&r->l)) return;
    *first = 0;
    *count = gp_shape_size(&fold->spec.result);
    *data = r->kept.cells.plane[0];
}

const gp_fold_kind gp_fold_reduce = {
    .bytes = bytes, .open = open, .close = close, .room = room, .take = take, .end = end, .rest = rest};
