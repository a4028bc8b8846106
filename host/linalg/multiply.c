#include "linalg/multiply.h"

#include "base/memory.h"
#include "linalg/multiply_impl.h"

#include <string.h>

bool gp_multiply_takes(const gp_matrix *matrix, uint64_t rows, uint64_t columns)
{
    if (rows == 0 || columns == 0) return true;
    bool along_rows = columns == 1 || matrix->column == 1, along_columns = rows == 1 || matrix->row == 1;
    return (along_rows && (rows == 1 || (matrix->row > 0 && (uint64_t)matrix->row >= columns))) ||
           (along_columns && (columns == 1 || (matrix->column > 0 && (uint64_t)matrix->column >= rows)));
}

static bool has_blas(const gp_linalg *linalg, gp_dtype dtype)
{
    gp_kind kind = gp_dtype_kind(dtype);
    return linalg->products && (kind == GP_KIND_FLOAT || kind == GP_KIND_COMPLEX);
}

/* How a product is cut. Nothing but its shape and dtype decides. */
typedef struct grid {
    uint64_t rows, columns, depth;       /* of a part */
    uint64_t across, down, slices, parts; /* how many of them: over n, over m, over k; m and n together */
} grid;

enum {
    WORTH_CUTTING = 1 << 20, /* multiplications: a fraction of a millisecond, well above what waking a thread costs */
    SIDE = 1024,             /* of a part: each packs its own panels again, which costs 1 to 3 % */
    LEAST_COLUMNS = 128, LEAST_ROWS = 64,
    LEAST_DEPTH = 2048,
    MOST_SLICES = 16,
    SLICES_BYTES = 2 << 20,  /* of scratch for the sums of slices */
};

/* Pieces of about `side`, of the same length but for the last, a multiple of `step`. */
static uint64_t piece_of(uint64_t length, uint64_t side, uint64_t step)
{
    uint64_t pieces = gp_max_u64((length + side / 2) / side, 1);
    return gp_max_u64(gp_ceil_div(gp_ceil_div(length, pieces), step) * step, 1);
}

static double work_of(uint64_t m, uint64_t n, uint64_t k) { return (double)m * (double)n * (double)k; }

static grid cut(const gp_multiply *m)
{
    grid g = {m->m, m->n, m->k, 1, 1, 1, 1};
    double work = work_of(m->m, m->n, m->k);
    if (work < 2 * WORTH_CUTTING) return g;
    /* The longer side is halved until there are some parts to share, or they get too small. Eight of a 2048^3
     * product take 5 % longer than four, on two threads. */
    const uint64_t wanted = work < (double)(UINT64_C(1) << 34) ? 4 : 8;
    uint64_t rows = SIDE, columns = SIDE;
    if (m->m == 1 || m->n == 1) rows = columns = UINT64_C(1) << 20; /* nothing is packed */
    for (;;) {
        g.rows = gp_min_u64(piece_of(m->m, rows, 64), m->m);
        g.columns = gp_min_u64(piece_of(m->n, columns, 64), m->n);
        g.down = gp_ceil_div(m->m, g.rows);
        g.across = gp_ceil_div(m->n, g.columns);
        if (g.down * g.across >= wanted || work_of(g.rows, g.columns, m->k) < 2 * WORTH_CUTTING) break;
        if (g.columns > LEAST_COLUMNS && (g.columns >= g.rows || g.rows <= LEAST_ROWS))
            columns = gp_min_u64(columns, g.columns) / 2;
        else if (g.rows > LEAST_ROWS)
            rows = gp_min_u64(rows, g.rows) / 2;
        else
            break;
    }
    g.parts = g.down * g.across;
    if (g.parts < 4 && m->k >= 2 * LEAST_DEPTH) {
        uint64_t bytes = m->m * m->n * gpuproc_dtype_bytes(m->dtype); /* few parts: this is small */
        double most = work / WORTH_CUTTING;
        g.slices = gp_min_u64(gp_min_u64(MOST_SLICES, m->k / LEAST_DEPTH), 1 + SLICES_BYTES / bytes);
        if (most < (double)g.slices) g.slices = gp_max_u64((uint64_t)most, 1);
        g.depth = gp_ceil_div(gp_ceil_div(m->k, g.slices), 256) * 256;
        g.slices = gp_ceil_div(m->k, g.depth);
    }
    return g;
}

typedef struct run {
    const gp_linalg *linalg;
    const gp_multiply *whole;
    grid grid;
    bool blas;
    char *scratch; /* of our own loops, `each` bytes for every worker; or NULL */
    size_t each;
    char *sums;    /* of all slices but the first */
} run;

static gp_matrix corner(const gp_matrix *m, uint64_t row, uint64_t column, size_t wide)
{
    gp_matrix at = *m;
    at.data = (const char *)m->data + ((int64_t)row * m->row + (int64_t)column * m->column) * (int64_t)wide;
    return at;
}

/* Where OpenBLAS cannot, which is rare, or little room is enough, that is on the stack. */
static void plain(const gp_multiply *part)
{
    char scratch[GP_MULTIPLY_LEAST];
    gp_multiply_plain(part, scratch, sizeof scratch);
}

static void one(const run *r, uint64_t unit, void *scratch)
{
    const gp_multiply *w = r->whole;
    const grid *g = &r->grid;
    size_t wide = gpuproc_dtype_bytes(w->dtype);
    uint64_t slice = unit / g->parts, part = unit % g->parts;
    uint64_t row = part / g->across * g->rows, column = part % g->across * g->columns, deep = slice * g->depth;
    gp_multiply p = *w;
    p.m = gp_min_u64(g->rows, w->m - row);
    p.n = gp_min_u64(g->columns, w->n - column);
    p.k = gp_min_u64(g->depth, w->k - deep);
    p.a = corner(&w->a, row, deep, wide);
    p.b = corner(&w->b, deep, column, wide);
    if (slice == 0) {
        p.c = (char *)w->c + (row * (uint64_t)w->c_row + column) * wide;
    } else {
        p.c = r->sums + (((slice - 1) * w->m + row) * w->n + column) * wide;
        p.c_row = (int64_t)w->n;
        p.add = false;
    }
    if (r->blas && gp_multiply_blas(&r->linalg->blas, &p)) return;
    if (scratch == NULL) plain(&p);
    else gp_multiply_plain(&p, scratch, r->each);
}

static void some(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    const run *r = arg;
    for (uint64_t u = from; u < to; u++) one(r, u, r->scratch == NULL ? NULL : r->scratch + worker * r->each);
}

gpuproc_status gp_multiply_run(const gp_linalg *linalg, const gp_multiply *multiply, const gp_workers *workers,
                               gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_multiply whole = *multiply;
    run r = {.linalg = linalg, .whole = &whole, .blas = has_blas(linalg, whole.dtype) && whole.k > 0};
    size_t wide = gpuproc_dtype_bytes(whole.dtype);
    if (whole.m == 0 || whole.n == 0) return GPUPROC_OK;
    if (gp_dtype_kind(whole.dtype) != GP_KIND_COMPLEX) whole.a.conjugate = whole.b.conjugate = false;
    r.grid = cut(&whole);
    uint64_t units = r.grid.parts * r.grid.slices;
    if (units == 1 && r.blas && gp_multiply_blas(&linalg->blas, &whole)) return GPUPROC_OK;
    r.each = r.blas ? 0 : gp_multiply_scratch(&whole);
    if (units == 1 && r.each <= GP_MULTIPLY_LEAST) {
        one(&r, 0, NULL);
        return GPUPROC_OK;
    }
    if (r.each > 0) {
        r.scratch = gp_calloc(workers->count, r.each);
        if (r.scratch == NULL) GP_TRY(gp_fail(err, GPUPROC_NO_MEMORY, "no memory for the panels of a product"));
    }
    if (r.grid.slices > 1) {
        r.sums = gp_calloc((r.grid.slices - 1) * whole.m * whole.n, wide);
        if (r.sums == NULL) GP_TRY(gp_fail(err, GPUPROC_NO_MEMORY, "no memory for the sums of a product"));
    }
    workers->each(workers, units, some, &r);
    for (uint64_t s = 1; s < r.grid.slices; s++)
        gp_multiply_add(&whole, r.sums + (s - 1) * whole.m * whole.n * wide);
out:
    free(r.scratch);
    free(r.sums);
    return st;
}

void gp_multiply_alone(const gp_linalg *linalg, const gp_multiply *multiply)
{
    gp_multiply whole = *multiply;
    if (whole.m == 0 || whole.n == 0) return;
    if (gp_dtype_kind(whole.dtype) != GP_KIND_COMPLEX) whole.a.conjugate = whole.b.conjugate = false;
    if (whole.k == 0 || !has_blas(linalg, whole.dtype) || !gp_multiply_blas(&linalg->blas, &whole)) plain(&whole);
}
