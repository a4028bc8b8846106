/* How a product is cut so that the least is read. A tile of C is rows x strip; it stays while panels along k come, so
 * A is read once per strip and B once per row of tiles, and large square tiles read least. Where B's strip fits, it
 * is read once and rows need not be many. */
#include "matrix/product_impl.h"

#include "base/memory.h"
#include "emit/pass.h"

#include <math.h>

enum {
    DEPTH = 256,               /* of a panel, at least, where k has it: BLAS cuts k like that */
    SIDE = 32,                 /* rows are a multiple, where there are many */
    TOGETHER = 32 << 10,       /* elements of small matrices that are read together */
    NARROW = 128, STRIPS = 512, /* strips are a multiple, where there are several */
    LOW_ROWS = 256,            /* of a tile that is not too low for BLAS */
    SPLIT_ROWS = 1024,         /* of a tile that is large enough for BLAS */
};

typedef struct search {
    const gp_product_spec *spec;
    const gp_product_need *need;
    gp_product_form form;
    uint64_t rows;    /* of all matrices */
    uint64_t stored[GP_OPERANDS], wide; /* bytes of elements */
    double best;
    gp_product_tiling *tiling;
    uint64_t least;   /* bytes of the smallest tiling seen */
} search;

static uint64_t divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Rows of this many columns that fill blocks. */
static uint64_t rows_of_blocks(uint64_t columns) { return GP_BLOCK / divisor(gp_max_u64(columns, 1), GP_BLOCK); }

/* ---- what a tiling costs ---- */

static uint64_t pages_of(uint64_t elements, uint64_t width) { return gp_plus(gp_times(elements, width), GP_STAGING_SLACK); }

static uint64_t panel_bytes(const search *s, const gp_product_tiling *t)
{
    uint64_t room[GP_OPERANDS], bytes = 0, devices = s->need->devices;
    uint64_t rows = s->form.joined ? t->rows : gp_min_u64(t->rows, s->spec->m), host, there;
    if (!gp_product_room(s->spec, &s->form, t, room)) return UINT64_MAX;
    for (int o = 0; o < GP_OPERANDS; o++) {
        bool converts = s->spec->operand[o] != s->spec->dtype, kept = o == GP_RIGHT && t->keep_b;
        uint64_t raw = gp_times(2, pages_of(room[o], s->stored[o])), converted = pages_of(room[o], s->wide);
        if (kept) bytes = gp_plus(bytes, gp_times(gp_ceil_div(s->spec->k, t->depth), converted));
        else if (converts) bytes = gp_plus(bytes, gp_times(converted, 1 + devices));
        if (!kept || converts) bytes = gp_plus(bytes, gp_times(raw, 1 + devices));
    }
    for (size_t d = 0; d < devices; d++) {
        gp_device *device = s->need->device[d];
        device->matrix->bytes(device, s->spec->dtype, rows, t->strip, t->depth, &host, &there);
        bytes = gp_plus(bytes, host);
    }
    return bytes;
}

/* How often a tile and a matrix of the stack meet. */
static uint64_t meetings(const search *s, uint64_t rows)
{
    uint64_t m = s->spec->m, tiles = gp_ceil_div(s->rows, rows);
    if (s->form.joined) return tiles;
    uint64_t common = gp_times(rows / divisor(rows, m), m);
    return tiles + s->spec->stack - 1 - (s->rows - 1) / common;
}

static uint64_t read_bytes(const search *s, const gp_product_tiling *t)
{
    const gp_product_spec *x = s->spec;
    uint64_t a = gp_times(gp_times(s->rows, x->k), s->stored[GP_LEFT]), b = gp_times(gp_times(x->k, x->n), s->stored[GP_RIGHT]);
    return gp_plus(gp_times(gp_ceil_div(x->n, t->strip), a), gp_times(t->keep_b ? 1 : meetings(s, t->rows), b));
}

/* The bound: what must be read with tiles of any shape that take all of the budget, or with as much of B in memory as
 * leaves room for tiles of LOW_ROWS. A is read a whole number of times, and so is B. */
static uint64_t least_bytes(const search *s)
{
    const gp_product_spec *x = s->spec;
    double m = (double)(s->form.joined ? s->rows : x->m), n = (double)x->n, k = (double)x->k;
    double a = (double)s->rows * k * (double)s->stored[GP_LEFT];
    double b = (s->form.joined ? 1 : (double)x->stack) * k * n * (double)s->stored[GP_RIGHT];
    double budget = (double)s->need->budget, tile = (double)gp_max_u64(s->need->tile_bytes, 1), least = HUGE_VAL;
    double kept = ceil(n * (k * (double)s->wide + fmin(m, LOW_ROWS) * tile) / budget);
    if (s->form.joined && (kept <= 1 || s->need->strips)) least = a * fmax(kept, 1) + b;
    for (double strips = 1; strips <= (s->need->strips ? fmin(n, 1 << 16) : 1); strips++)
        least = fmin(least, a * strips + b * fmax(ceil(m * n / strips * tile / budget), 1));
    return least < 0x1p63 ? (uint64_t)least : UINT64_MAX;
}

/* What a read of its own costs beside its bytes, in part of what the bytes do to the product as a whole. */
static double cost_of_runs(const search *s, int operand, uint64_t length, uint64_t line)
{
    return length < line ? 128.0 / (double)(length * s->stored[operand]) : 0;
}

/* Short runs are more reads, and low or narrow tiles are slow: BLAS brings the other operand into an order of its own
 * for each. */
static double cost_of(const search *s, const gp_product_tiling *t)
{
    const gp_product_spec *x = s->spec;
    bool lines = s->form.joined || t->rows < x->m; /* else its rows are those of whole matrices */
    double worse = 1;
    if (!s->form.swapped[GP_LEFT]) worse += cost_of_runs(s, GP_LEFT, t->depth, x->k);
    else if (lines) worse += cost_of_runs(s, GP_LEFT, t->rows, s->rows);
    if (s->form.swapped[GP_RIGHT]) worse += cost_of_runs(s, GP_RIGHT, t->depth, x->k);
    else worse += cost_of_runs(s, GP_RIGHT, t->strip, x->n);
    double packing = fmin(72, (double)x->n / 4); /* less where all is bound by reading A */
    if (lines && t->rows < s->rows) worse += packing / (double)t->rows;
    if (t->strip < x->n) worse += 24.0 / (double)t->strip;
    return (double)t->read_bytes * worse;
}

static uint64_t all_bytes(const search *s, const gp_product_tiling *t)
{
    return gp_plus(panel_bytes(s, t), gp_times(gp_times(t->rows, t->strip), s->need->tile_bytes));
}

/* ---- the search ---- */

/* Small matrices of a stack are read together, if they are whole. */
static uint64_t items_of(const search *s, const gp_product_tiling *t)
{
    uint64_t m = s->spec->m;
    if (s->form.joined || t->depth < s->spec->k || t->rows < m) return 1;
    return gp_max_u64(gp_min_u64(t->rows / m, TOGETHER / gp_times(gp_max_u64(m, t->strip), t->depth)), 1);
}

static bool fits(search *s, gp_product_tiling *t, uint64_t rows)
{
    t->rows = rows;
    t->items = items_of(s, t);
    uint64_t bytes = all_bytes(s, t);
    s->least = gp_min_u64(s->least, bytes);
    return bytes <= s->need->budget;
}

/* The same number of tiles, as even as they can be; matrices of a stack whole where that is possible. */
static uint64_t even_out(const search *s, uint64_t rows, uint64_t unit)
{
    uint64_t m = s->spec->m, both = gp_times(unit / divisor(unit, m), m);
    if (!s->form.joined && both <= rows) return rows / both * both;
    uint64_t tiles = gp_ceil_div(s->rows, rows);
    return gp_min_u64(rows, gp_ceil_div(gp_ceil_div(s->rows, tiles), unit) * unit);
}

/* The most rows that fit; 0: none. */
static uint64_t most_rows(search *s, gp_product_tiling *t)
{
    if (fits(s, t, s->rows)) return s->rows;
    uint64_t unit = rows_of_blocks(t->strip), low = 0, high = s->rows / unit + 1;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (fits(s, t, middle * unit)) low = middle;
        else high = middle;
    }
    uint64_t rows = low * unit;
    if (unit < SIDE && rows >= 2 * SIDE) {
        unit = SIDE;
        rows = rows / SIDE * SIDE;
    }
    return rows == 0 ? 0 : even_out(s, rows, unit);
}

static void try(search *s, uint64_t strip, uint64_t depth, bool keep_b)
{
    gp_product_tiling t = {.strip = strip, .depth = depth, .keep_b = keep_b, .whole = s->need->whole};
    uint64_t rows = most_rows(s, &t);
    if (rows == 0 || !fits(s, &t, rows)) return;
    if (gp_product_rows(s->spec, &t, s->spec->n % strip) == 0) return; /* what remains is no block */
    t.read_bytes = read_bytes(s, &t);
    double cost = cost_of(s, &t);
    /* Of what reads the same, the larger tile. */
    if (s->best >= 0 && (cost > s->best || (cost == s->best && rows * strip <= s->tiling->rows * s->tiling->strip)))
        return;
    s->best = cost;
    t.panel_bytes = panel_bytes(s, &t);
    *s->tiling = t;
}

static void try_strip(search *s, uint64_t strip)
{
    uint64_t k = gp_max_u64(s->spec->k, 1);
    for (int keep = 0; keep <= (s->form.joined ? 1 : 0); keep++) {
        for (uint64_t depth = DEPTH; depth < k && depth <= 64 * DEPTH; depth *= 2) try(s, strip, depth, keep);
        try(s, strip, k, keep);
    }
}

/* What is read once anyway may be made in several tiles, so that one is written while the next is made. */
static void split(search *s)
{
    gp_product_tiling t = *s->tiling;
    uint64_t unit = gp_max_u64(rows_of_blocks(t.strip), SIDE);
    if (t.rows < s->rows || s->rows < 2 * SPLIT_ROWS || !(t.keep_b || s->need->whole)) return;
    uint64_t tiles = gp_min_u64(s->rows / SPLIT_ROWS, 8);
    uint64_t rows = even_out(s, gp_ceil_div(gp_ceil_div(s->rows, tiles), unit) * unit, unit);
    if (rows >= s->rows) return;
    t.keep_b = s->form.joined;
    if (!fits(s, &t, rows)) t.keep_b = s->tiling->keep_b;
    if (!fits(s, &t, rows)) return;
    uint64_t reads = read_bytes(s, &t);
    if (reads > s->tiling->read_bytes && !s->need->whole) return;
    t.read_bytes = reads;
    t.panel_bytes = panel_bytes(s, &t);
    *s->tiling = t;
}

bool gp_product_tile(const gp_product_spec *spec, const gp_product_need *need, gp_product_tiling *tiling,
                     uint64_t *least_budget)
{
    uint64_t n = gp_max_u64(spec->n, 1), strips = gp_ceil_div(n, NARROW);
    search s = {.spec = spec, .need = need, .wide = gpuproc_dtype_bytes(spec->dtype), .best = -1, .tiling = tiling,
                .rows = gp_times(spec->stack, spec->m), .least = UINT64_MAX};
    *tiling = (gp_product_tiling){.strip = n, .rows = gp_max_u64(s.rows, 1), .depth = gp_max_u64(spec->k, 1),
                                  .items = 1, .whole = need->whole};
    for (int o = 0; o < GP_OPERANDS; o++) s.stored[o] = gpuproc_dtype_bytes(spec->operand[o]);
    *least_budget = 0;
    if (s.rows == 0 || spec->n == 0 || s.rows == UINT64_MAX) return s.rows != UINT64_MAX;
    if (spec->k == 0) { /* zeros: no panels, and rows do not matter */
        gp_product_tiling t = *tiling;
        uint64_t unit = rows_of_blocks(n), room = need->budget / gp_max_u64(need->tile_bytes, 1) / n;
        *least_budget = gp_times(gp_times(gp_min_u64(unit, s.rows), n), need->tile_bytes);
        t.rows = room >= s.rows ? s.rows : room / unit * unit;
        if (t.rows > 0) {
            *tiling = t;
            return true;
        }
    }
    gp_product_form_of(spec, &s.form);
    try_strip(&s, n);
    if (need->strips && n > NARROW) {
        uint64_t last = n;
        for (uint64_t i = 2; i <= gp_min_u64(strips, STRIPS); i++) {
            uint64_t strip = gp_ceil_div(strips, i) * NARROW;
            if (strip < last) try_strip(&s, strip);
            last = gp_min_u64(last, strip);
        }
        for (uint64_t strip = NARROW; strip < last; strip *= 2) try_strip(&s, strip);
    }
    *least_budget = s.least;
    if (s.best < 0) return false;
    split(&s);
    tiling->least_bytes = gp_min_u64(least_bytes(&s), tiling->read_bytes);
    return true;
}

uint64_t gp_product_rows(const gp_product_spec *spec, const gp_product_tiling *tiling, uint64_t width)
{
    uint64_t all = gp_times(spec->stack, spec->m), unit = rows_of_blocks(width);
    if (width == tiling->strip || width == 0) return tiling->rows;
    uint64_t most = gp_times(tiling->rows, tiling->strip) / width;
    if (most >= all) return all;
    return gp_max_u64(gp_min_u64(tiling->rows, most) / unit, most >= unit ? 1 : 0) * unit;
}
