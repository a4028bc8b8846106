/* A range of C order is cut into boxes: a range on one axis, everything on the axes behind it. A
 * box is cut into tiles that a strip of memory holds, and a tile comes from storage in one of the
 * ways below and is then put in order. */
#include "io/gather.h"

#include "base/memory.h"
#include "io/pick.h"

#include <errno.h>
#include <string.h>

#define STRIP_BYTES (GP_IO_SCRATCH_BYTES - GP_STORAGE_SLACK)
/* Reading across a gap is cheaper than one more system call up to about here; making elements
 * that nobody needs is not as cheap. */
#define GAP_BYTES 4096
#define MADE_GAP_BYTES 64
/* Columns farther apart than this, side by side, make rows in memory worth their cache lines. */
#define FAR_BYTES 4096
#define TILE_RUNS 64
/* Elements that share cache lines. */
#define NEAR_BYTES 64
/* A run as long as that needs no detour through a strip. */
#define LONG_RUN_BYTES ((size_t)32 << 10)
/* Elements that are repeated cost no reading: so much larger may a tile be. */
#define REPEAT 16
/* Tiles that a cold file is told of in advance. */
#define AHEAD 16

typedef enum way {
    WAY_SPAN, /* one read over all gaps, or the place in memory */
    WAY_RUNS, /* one read for each column, which are far apart */
    WAY_INTO, /* one run, read to where it belongs */
} way;

typedef struct box {
    int64_t from;                    /* element of storage; of the part inside the walk's box */
    size_t to, zeros_to;             /* elements of `out`; of that part; of the whole */
    int64_t n[GPUPROC_MAX_NDIM];     /* of that part, on every axis; 1 where the index is fixed */
    int64_t low[GPUPROC_MAX_NDIM];   /* where it begins */
    int64_t whole[GPUPROC_MAX_NDIM]; /* of all */
    bool empty, zeros;               /* nothing is inside; something is outside */
    int64_t tile[GPUPROC_MAX_NDIM];
    way way;
    int64_t pitch;                   /* RUNS: elements from run to run in the strip */
    bool shares;
    uint64_t first, units;           /* the first is for the zeros, if there are any */
} box;

struct gp_gather {
    gp_storage storage;
    gp_walk walk;
    int64_t out_step[GPUPROC_MAX_NDIM];
    unsigned char *out;
    gp_io_engine *engine;
    uint64_t units;
    size_t boxes;
    box box[];
};

bool gp_gather_needed(const gp_shape *shape)
{
    int longer = 0;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] == 0) return false;
        longer += shape->dim[d] > 1;
    }
    return longer > 1;
}

static int64_t absolute(int64_t step) { return step < 0 ? -step : step; }

/* ---- a range into boxes ---- */

/* The box of axis `axis` from index[axis] for n, the axes in front of it fixed, those behind it
 * whole. */
static void make_box(const gp_walk *walk, const int64_t *out_step, const int64_t *index, int axis,
                     int64_t n, size_t at, box *b)
{
    *b = (box){.from = walk->offset, .to = at, .zeros_to = at};
    for (int d = 0; d < walk->shape.ndim; d++) {
        int64_t from = d <= axis ? index[d] : 0, size = d < axis ? 1 : d == axis ? n : walk->shape.dim[d];
        int64_t lo = from, hi = from + size;
        if (walk->bounded) {
            lo = lo > walk->lo[d] ? lo : walk->lo[d];
            hi = hi < walk->hi[d] ? hi : walk->hi[d];
            if (hi <= lo) {
                b->empty = true;
                hi = lo = from;
            }
        }
        b->whole[d] = size;
        b->low[d] = lo - from;
        b->n[d] = hi - lo;
        b->zeros |= b->n[d] < size;
        b->from += lo * walk->stride[d];
        b->to += (size_t)(b->low[d] * out_step[d]);
    }
}

/* Boxes from the first element up to whole rows of ever larger axes, then down again to the last
 * element: at most two for each axis. Returns how many; only counts where `boxes` is NULL. */
static size_t cut_range(const gp_walk *walk, const int64_t *out_step, uint64_t first, uint64_t end,
                        box *boxes)
{
    int64_t index[GPUPROC_MAX_NDIM];
    int ndim = walk->shape.ndim;
    size_t made = 0;
    for (uint64_t at = first; at < end;) {
        uint64_t rest = at;
        for (int d = 0; d < ndim; d++) {
            index[d] = (int64_t)(rest / (uint64_t)out_step[d]);
            rest %= (uint64_t)out_step[d];
        }
        /* The outermost axis on which a whole step begins here and fits. */
        int axis = ndim - 1;
        while (axis > 0 && index[axis] == 0 && at + (uint64_t)out_step[axis - 1] <= end) axis--;
        uint64_t step = (uint64_t)out_step[axis];
        uint64_t n = gp_min_u64((end - at) / step, (uint64_t)(walk->shape.dim[axis] - index[axis]));
        if (boxes != NULL)
            make_box(walk, out_step, index, axis, (int64_t)n, at - first, &boxes[made]);
        made++;
        at += n * step;
    }
    return made;
}

/* What the elements n[] from the walk's element `from` span in storage. */
static int64_t span_of(const gp_walk *walk, const int64_t *n, int ndim, int64_t *below)
{
    int64_t span = 1;
    *below = 0;
    for (int d = 0; d < ndim; d++) {
        int64_t far = (n[d] - 1) * walk->stride[d];
        span += absolute(far);
        if (far < 0) *below -= far;
    }
    return span;
}

gp_gather *gp_gather_new(const gp_walk *walk, uint64_t first, uint64_t count)
{
    int64_t out_step[GPUPROC_MAX_NDIM];
    gp_shape_strides(&walk->shape, false, out_step);
    size_t boxes = cut_range(walk, out_step, first, first + count, NULL);
    gp_gather *g = gp_calloc(1, sizeof *g + boxes * sizeof g->box[0]);
    if (g == NULL) return NULL;
    g->walk = *walk;
    memcpy(g->out_step, out_step, sizeof out_step);
    g->boxes = cut_range(walk, out_step, first, first + count, g->box);
    return g;
}

void gp_gather_free(gp_gather *g) { free(g); }

bool gp_gather_span(const gp_gather *g, uint64_t *low, uint64_t *high)
{
    bool any = false;
    for (size_t i = 0; i < g->boxes; i++) {
        const box *b = &g->box[i];
        int64_t below, span = span_of(&g->walk, b->n, g->walk.shape.ndim, &below);
        if (b->empty) continue;
        uint64_t from = (uint64_t)(b->from - below), to = from + (uint64_t)span - 1;
        *low = any ? gp_min_u64(*low, from) : from;
        *high = any ? gp_max_u64(*high, to) : to;
        any = true;
    }
    return any;
}

/* ---- a box into tiles ---- */

/* Axes longer than 1 whose elements differ, the nearest first; of equal ones the last, whose
 * elements lie side by side in `out`. */
static int order_axes(const gp_walk *walk, const box *b, int *order)
{
    int axes = 0;
    for (int d = walk->shape.ndim; d-- > 0;) {
        if (b->n[d] == 1 || walk->stride[d] == 0) continue;
        int at = axes++;
        for (; at > 0 && absolute(walk->stride[order[at - 1]]) > absolute(walk->stride[d]); at--)
            order[at] = order[at - 1];
        order[at] = d;
    }
    return axes;
}

/* Takes as many axes into the tile, from the nearest on, as gaps and room allow. */
static void choose_tile(const gp_gather *g, box *b)
{
    const gp_walk *w = &g->walk;
    const int64_t width = (int64_t)g->storage.width, strip = (int64_t)STRIP_BYTES / width;
    int order[GPUPROC_MAX_NDIM], axes = order_axes(w, b, order), last = w->shape.ndim - 1;
    bool there = g->storage.base != NULL, last_in = b->n[last] == 1, full = true;
    bool transposed = axes > 0 && order[0] != last && w->stride[last] != 0;
    /* In memory, rows worth a detour through the strip. */
    bool dense = there && transposed && absolute(w->stride[order[0]]) * width <= NEAR_BYTES;
    int64_t gap_most = g->storage.generate != NULL ? MADE_GAP_BYTES : GAP_BYTES;
    if (there) gap_most = dense ? NEAR_BYTES : INT64_MAX;
    int64_t span_most = there && !dense ? INT64_MAX : strip;
    int64_t columns = (int64_t)gp_min_u64((uint64_t)b->n[last], TILE_RUNS);
    int64_t span = 1, elements = 1;
    b->way = WAY_SPAN;
    for (int d = 0; d <= last; d++) b->tile[d] = 1;
    for (int i = 0; i < axes && full; i++) {
        int a = order[i];
        int64_t step = absolute(w->stride[a]);
        if (step > span && (step - span) > gap_most / width) break;
        if (a == last && transposed && step > FAR_BYTES / width && span < step && (dense || !there)) break;
        /* Room for columns that are still to come. */
        int64_t keep = a != last && !last_in ? columns : 1;
        int64_t room = (span_most / keep - span) / step + 1;
        int64_t n = b->n[a] < room ? b->n[a] : room;
        room = strip / keep / elements;
        n = n < room ? n : room;
        if (n < 1) n = 1;
        /* Equal parts rather than a short rest. */
        if (!there && n > 1) n = (int64_t)gp_ceil_div((uint64_t)b->n[a], gp_ceil_div((uint64_t)b->n[a], (uint64_t)n));
        b->tile[a] = n;
        span += (n - 1) * step;
        elements *= n;
        full = n == b->n[a];
        if (a != last) continue;
        last_in = true;
        if (i == 0 && step == 1 && !there && (size_t)(n * width) >= LONG_RUN_BYTES) break;
    }
    if (w->stride[last] == 0) last_in = true;
    for (int d = last; d >= 0; d--) { /* repeated ones */
        if (b->n[d] == 1 || w->stride[d] != 0) continue;
        int64_t room = strip * REPEAT / elements;
        b->tile[d] = b->n[d] < room ? b->n[d] : room < 1 ? 1 : room;
        elements *= b->tile[d];
    }
    if (!last_in) {
        b->way = WAY_RUNS;
        /* Runs a power of two apart would compete for the same lines of a cache. */
        int64_t line = 64 / width;
        b->pitch = span == 1 ? 1 : (span + line - 1) / line * line + line;
        int64_t room = strip / b->pitch, most = span == 1 ? 4096 : 1024;
        if (room > most) room = most;
        b->tile[last] = b->n[last] < room ? b->n[last] : room < 1 ? 1 : room;
        b->shares = transposed;
    } else if (!there && elements == b->tile[last] && w->stride[last] == 1) {
        b->way = WAY_INTO;
    }
}

static void plan_box(const gp_gather *g, box *b, uint64_t *units)
{
    b->first = *units;
    b->units = b->zeros;
    if (!b->empty) {
        uint64_t tiles = 1;
        choose_tile(g, b);
        for (int d = 0; d < g->walk.shape.ndim; d++)
            tiles *= gp_ceil_div((uint64_t)b->n[d], (uint64_t)b->tile[d]);
        b->units += tiles;
    }
    *units += b->units;
}

void gp_gather_plan(gp_gather *g, const gp_storage *storage, void *out,
                    gp_io_engine *engine)
{
    g->storage = *storage;
    g->out = out;
    g->engine = engine;
    g->units = 0;
    for (size_t i = 0; i < g->boxes; i++) plan_box(g, &g->box[i], &g->units);
}

const gp_walk *gp_gather_walk(const gp_gather *g) { return &g->walk; }
uint64_t gp_gather_units(const gp_gather *g) { return g->units; }

bool gp_gather_shares_pages(const gp_gather *g)
{
    for (size_t i = 0; i < g->boxes; i++) {
        if (g->box[i].shares) return true;
    }
    return false;
}

/* ---- a tile ---- */

typedef struct tile {
    const box *box;
    int64_t from; /* in storage: its first element, which need not be the lowest */
    size_t to;
    int64_t n[GPUPROC_MAX_NDIM];
} tile;

static void tile_of(const gp_gather *g, const box *b, uint64_t number, tile *t)
{
    *t = (tile){.box = b, .from = b->from, .to = b->to};
    for (int d = g->walk.shape.ndim; d-- > 0;) {
        uint64_t tiles = gp_ceil_div((uint64_t)b->n[d], (uint64_t)b->tile[d]);
        int64_t at = (int64_t)(number % tiles) * b->tile[d];
        number /= tiles;
        t->n[d] = b->n[d] - at < b->tile[d] ? b->n[d] - at : b->tile[d];
        t->from += at * g->walk.stride[d];
        t->to += (size_t)(at * g->out_step[d]);
    }
}

static int64_t run_span(const gp_gather *g, const tile *t, void *strip)
{
    const gp_storage *s = &g->storage;
    int64_t below, span = span_of(&g->walk, t->n, g->walk.shape.ndim, &below), e = 0;
    uint64_t low = (uint64_t)(t->from - below);
    const void *at = NULL;
    if (s->base != NULL) at = (const char *)s->base + low * s->width;
    else e = gp_storage_fetch(s, low, (uint64_t)span, strip, &at);
    if (e == 0)
        gp_pick(s->width, g->walk.shape.ndim, t->n, g->out + t->to * s->width, g->out_step,
                (const char *)at + (size_t)below * s->width, g->walk.stride);
    return e;
}

static int64_t run_runs(const gp_gather *g, const tile *t, unsigned char *strip)
{
    const gp_storage *s = &g->storage;
    int last = g->walk.shape.ndim - 1;
    int64_t below, span = span_of(&g->walk, t->n, last, &below), step[GPUPROC_MAX_NDIM];
    size_t run = (size_t)t->box->pitch * s->width;
    for (int64_t k = 0; s->cold && k < t->n[last]; k++) /* all, before the first is waited for */
        gp_storage_expect(s, (uint64_t)(t->from - below + k * g->walk.stride[last]), (uint64_t)span);
    for (int64_t k = 0; k < t->n[last]; k++) {
        uint64_t low = (uint64_t)(t->from - below + k * g->walk.stride[last]);
        int64_t e = gp_storage_read(s, low, (uint64_t)span, strip + (size_t)k * run);
        if (e != 0) return e;
    }
    memcpy(step, g->walk.stride, sizeof step);
    step[last] = t->box->pitch;
    gp_pick(s->width, g->walk.shape.ndim, t->n, g->out + t->to * s->width, g->out_step,
            strip + (size_t)below * s->width, step);
    return 0;
}

/* Elements outside the walk's box, from axis d on. */
static void fill_zeros(const gp_gather *g, const box *b, int d, size_t to)
{
    size_t step = (size_t)g->out_step[d] * g->storage.width, low = (size_t)b->low[d] * step;
    size_t high = low + (size_t)b->n[d] * step, end = (size_t)b->whole[d] * step;
    unsigned char *out = g->out + to * g->storage.width;
    bool more = false;
    memset(out, 0, low);
    memset(out + high, 0, end - high);
    for (int k = d + 1; k < g->walk.shape.ndim; k++) more |= b->n[k] < b->whole[k];
    for (int64_t i = 0; more && i < b->n[d]; i++)
        fill_zeros(g, b, d + 1, to + (size_t)((b->low[d] + i) * g->out_step[d]));
}

static void all_zeros(const gp_gather *g, const box *b)
{
    size_t count = 1;
    for (int d = 0; d < g->walk.shape.ndim; d++) count *= (size_t)b->whole[d];
    memset(g->out + b->zeros_to * g->storage.width, 0, count * g->storage.width);
}

/* Large spans of a file are read past the page cache where that is possible; a run to its place
 * cannot, as its place has any address. */
static bool goes_direct(const gp_gather *g, const tile *t)
{
    int64_t below, span = span_of(&g->walk, t->n, g->walk.shape.ndim, &below);
    return g->storage.direct_fd >= 0 && (size_t)span * g->storage.width >= GP_STORAGE_DIRECT_MIN_BYTES;
}

static int64_t run_tile(const gp_gather *g, const tile *t, void *strip)
{
    if (t->box->way == WAY_RUNS) return run_runs(g, t, strip);
    if (t->box->way != WAY_INTO || goes_direct(g, t)) return run_span(g, t, strip);
    return gp_storage_read(&g->storage, (uint64_t)t->from, (uint64_t)t->n[g->walk.shape.ndim - 1],
                           g->out + t->to * g->storage.width);
}

static void expect_tile(const gp_gather *g, const tile *t)
{
    int64_t below, span = span_of(&g->walk, t->n, g->walk.shape.ndim, &below);
    if (t->box->way == WAY_RUNS || goes_direct(g, t)) return;
    gp_storage_expect(&g->storage, (uint64_t)(t->from - below), (uint64_t)span);
}

static int64_t run_box(const gp_gather *g, const box *b, uint64_t from, uint64_t to, void *strip)
{
    uint64_t expected = from, zeros = b->zeros;
    tile t;
    if (b->zeros && from == 0) {
        if (b->empty) all_zeros(g, b);
        else fill_zeros(g, b, 0, b->zeros_to);
        from++;
    }
    for (uint64_t i = from; i < to; i++) {
        for (expected = gp_max_u64(expected, i); g->storage.cold && expected < gp_min_u64(to, i + AHEAD); expected++) {
            tile_of(g, b, expected - zeros, &t);
            expect_tile(g, &t);
        }
        tile_of(g, b, i - zeros, &t);
        int64_t e = run_tile(g, &t, strip);
        if (e != 0) return e;
    }
    return 0;
}

int64_t gp_gather_run(const gp_gather *g, uint64_t from, uint64_t to)
{
    int64_t e = 0;
    void *strip = gp_io_scratch_take(g->engine);
    if (strip == NULL) return -ENOMEM;
    for (size_t i = 0; i < g->boxes && e == 0; i++) {
        const box *b = &g->box[i];
        uint64_t low = gp_max_u64(from, b->first), high = gp_min_u64(to, b->first + b->units);
        if (low < high) e = run_box(g, b, low - b->first, high - b->first, strip);
    }
    gp_io_scratch_give(g->engine, strip);
    return e;
}
