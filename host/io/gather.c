/* A range of C order is cut into boxes (a range on one axis, everything on the axes behind
 * it); a box is a stack of matrices, and a matrix is transposed tile by tile through a
 * strip of memory. */
#include "io/gather.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STRIP_BYTES ((size_t)512 << 10)
/* Reading across a gap is cheaper than one more system call up to about here. */
#define GAP_BYTES 4096u
/* Runs that a tile reads side by side, so that its rows in memory are worth their lines. */
#define TILE_RUNS 64u

typedef struct gather {
    int fd;
    uint64_t data_offset;
    size_t width, strip_elements;
    bool prefetch;
    int ndim;                          /* without axes of length 1 */
    int64_t dim[GPUPROC_MAX_NDIM];
    int64_t file_step[GPUPROC_MAX_NDIM]; /* elements */
    int64_t out_step[GPUPROC_MAX_NDIM];
    unsigned char *strip, *out;
} gather;

/* Rows of a matrix run along one axis of the file, columns are the last axis. */
typedef struct matrix {
    uint64_t from;                /* element in the file */
    size_t to;                    /* element in `out` */
    uint64_t rows, columns;
    uint64_t row_step, column_step; /* in the file */
    uint64_t out_row_step;          /* in `out`; its columns are side by side */
} matrix;

bool gp_gather_needed(const gp_shape *shape)
{
    int longer = 0;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] == 0) return false;
        longer += shape->dim[d] > 1;
    }
    return longer > 1;
}

static int64_t read_elements(const gather *g, uint64_t from, size_t count, void *to)
{
    size_t bytes = count * g->width, got = 0;
    uint64_t offset = g->data_offset + from * g->width;
    while (got < bytes) {
        ssize_t n = pread(g->fd, (char *)to + got, bytes - got, (off_t)(offset + got));
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return -errno;
        if (n == 0) return -ENODATA;
        got += (size_t)n;
    }
    return 0;
}

static void expect(const gather *g, uint64_t from, size_t count)
{
    if (g->prefetch)
        (void)posix_fadvise(g->fd, (off_t)(g->data_offset + from * g->width),
                            (off_t)(count * g->width), POSIX_FADV_WILLNEED);
}

/* out[i * out_step + k] = strip[i * row + k * column], in squares that stay in the cache. */
#define SPREAD(type)                                                                        \
    static void spread_##type(type *out, size_t out_step, const type *strip, size_t rows,   \
                              size_t columns, size_t row, size_t column)                    \
    {                                                                                       \
        for (size_t i0 = 0; i0 < rows; i0 += 16) {                                          \
            size_t i1 = rows - i0 < 16 ? rows : i0 + 16;                                    \
            for (size_t k0 = 0; k0 < columns; k0 += 64) {                                   \
                size_t k1 = columns - k0 < 64 ? columns : k0 + 64;                          \
                for (size_t i = i0; i < i1; i++) {                                          \
                    for (size_t k = k0; k < k1; k++)                                        \
                        out[i * out_step + k] = strip[i * row + k * column];                \
                }                                                                           \
            }                                                                               \
        }                                                                                   \
    }
typedef struct pair {
    uint64_t a, b;
} pair;
SPREAD(uint8_t)
SPREAD(uint16_t)
SPREAD(uint32_t)
SPREAD(uint64_t)
SPREAD(pair)

static void spread(const gather *g, size_t to, size_t out_step, size_t rows, size_t columns,
                   size_t row, size_t column)
{
    void *out = g->out + to * g->width, *strip = g->strip;
    switch (g->width) {
    case 1: spread_uint8_t(out, out_step, strip, rows, columns, row, column); break;
    case 2: spread_uint16_t(out, out_step, strip, rows, columns, row, column); break;
    case 4: spread_uint32_t(out, out_step, strip, rows, columns, row, column); break;
    case 8: spread_uint64_t(out, out_step, strip, rows, columns, row, column); break;
    default: spread_pair(out, out_step, strip, rows, columns, row, column); break;
    }
}

/* How a tile comes from the file: in one read over all gaps, one read per run, or one per
 * element where even a run has wide gaps. */
typedef enum fetch { FETCH_SPAN, FETCH_RUNS, FETCH_ELEMENTS } fetch;

static fetch fetch_of(const gather *g, const matrix *m)
{
    if (m->columns == 1 || m->column_step * g->width > GAP_BYTES)
        return m->row_step * g->width <= GAP_BYTES ? FETCH_RUNS : FETCH_ELEMENTS;
    return FETCH_SPAN;
}

/* The largest tile that the strip holds. */
static void tile_size(const gather *g, const matrix *m, fetch way, uint64_t *rows,
                      uint64_t *columns)
{
    uint64_t room = g->strip_elements;
    if (way == FETCH_SPAN) { /* all rows lie within the step of a column, which is short */
        *rows = m->rows;
        *columns = gp_min_u64(m->columns, room / m->column_step);
        return;
    }
    *columns = gp_min_u64(m->columns, TILE_RUNS);
    uint64_t each = room / *columns;
    *rows = gp_min_u64(m->rows, way == FETCH_RUNS ? (each - 1) / m->row_step + 1 : each);
}

static int64_t fetch_tile(const gather *g, const matrix *m, fetch way, uint64_t from,
                          uint64_t rows, uint64_t columns)
{
    uint64_t run = (rows - 1) * m->row_step + 1;
    if (way == FETCH_SPAN) {
        size_t span = (columns - 1) * m->column_step + run;
        expect(g, from, span);
        return read_elements(g, from, span, g->strip);
    }
    /* All are asked for before the first is waited for. */
    for (uint64_t k = 0; k < columns; k++) {
        uint64_t at = from + k * m->column_step;
        if (way == FETCH_RUNS) expect(g, at, run);
        for (uint64_t i = 0; way == FETCH_ELEMENTS && i < rows; i++)
            expect(g, at + i * m->row_step, 1);
    }
    for (uint64_t k = 0; k < columns; k++) {
        uint64_t at = from + k * m->column_step;
        if (way == FETCH_RUNS) {
            int64_t e = read_elements(g, at, run, g->strip + k * run * g->width);
            if (e != 0) return e;
            continue;
        }
        for (uint64_t i = 0; i < rows; i++) {
            int64_t e = read_elements(g, at + i * m->row_step, 1,
                                      g->strip + (k * rows + i) * g->width);
            if (e != 0) return e;
        }
    }
    return 0;
}

static int64_t gather_matrix(const gather *g, const matrix *m)
{
    fetch way = fetch_of(g, m);
    uint64_t tile_rows, tile_columns;
    tile_size(g, m, way, &tile_rows, &tile_columns);
    for (uint64_t i = 0; i < m->rows; i += tile_rows) {
        uint64_t rows = gp_min_u64(tile_rows, m->rows - i);
        uint64_t run = (rows - 1) * m->row_step + 1;
        size_t row = way == FETCH_ELEMENTS ? 1 : m->row_step;
        size_t column = way == FETCH_SPAN ? m->column_step : way == FETCH_RUNS ? run : rows;
        for (uint64_t k = 0; k < m->columns; k += tile_columns) {
            uint64_t columns = gp_min_u64(tile_columns, m->columns - k);
            int64_t e = fetch_tile(g, m, way, m->from + i * m->row_step + k * m->column_step,
                                   rows, columns);
            if (e != 0) return e;
            spread(g, m->to + i * m->out_row_step + k, m->out_row_step, rows, columns, row,
                   column);
        }
    }
    return 0;
}

/* Axis `axis` from low to high, the axes in front of it fixed by `index`, those behind it
 * whole. `to`: where it begins in `out`. */
static int64_t gather_box(const gather *g, const int64_t *index, int axis, int64_t low,
                          int64_t high, size_t to)
{
    int last = g->ndim - 1;
    int64_t walk[GPUPROC_MAX_NDIM] = {0};
    if (low >= high) return 0;
    matrix m = {.rows = (uint64_t)(high - low),
                .columns = axis == last ? 1 : (uint64_t)g->dim[last],
                .row_step = (uint64_t)g->file_step[axis],
                .column_step = axis == last ? 1 : (uint64_t)g->file_step[last],
                .out_row_step = (uint64_t)g->out_step[axis]};
    uint64_t base = (uint64_t)(low * g->file_step[axis]);
    for (int d = 0; d < axis; d++) base += (uint64_t)(index[d] * g->file_step[d]);
    for (;;) { /* over the axes between */
        m.from = base;
        m.to = to;
        for (int d = axis + 1; d < last; d++) {
            m.from += (uint64_t)(walk[d] * g->file_step[d]);
            m.to += (size_t)(walk[d] * g->out_step[d]);
        }
        int64_t e = gather_matrix(g, &m);
        if (e != 0) return e;
        int d = last - 1;
        while (d > axis && ++walk[d] == g->dim[d]) walk[d--] = 0;
        if (d <= axis) return 0;
    }
}

static void index_of(const gather *g, uint64_t element, int64_t *index)
{
    for (int d = 0; d < g->ndim; d++) {
        index[d] = (int64_t)(element / (uint64_t)g->out_step[d]);
        element %= (uint64_t)g->out_step[d];
    }
}

/* Boxes from the first element up to whole rows of ever larger axes, then down again to
 * the last element. */
static int64_t gather_range(const gather *g, uint64_t first, uint64_t end)
{
    int64_t index[GPUPROC_MAX_NDIM];
    uint64_t at = first;
    int64_t e = 0;
    while (at < end && e == 0) {
        index_of(g, at, index);
        /* The outermost axis on which a whole step begins here and fits. */
        int axis = g->ndim - 1;
        while (axis > 0 && index[axis] == 0 && at + (uint64_t)g->out_step[axis - 1] <= end) axis--;
        uint64_t step = (uint64_t)g->out_step[axis];
        uint64_t n = gp_min_u64((end - at) / step, (uint64_t)(g->dim[axis] - index[axis]));
        e = gather_box(g, index, axis, index[axis], index[axis] + (int64_t)n, at - first);
        at += n * step;
    }
    return e;
}

int64_t gp_gather(int fd, uint64_t data_offset, const gp_shape *shape, size_t width,
                  bool prefetch, uint64_t first, uint64_t count, void *out)
{
    gather g = {.fd = fd,
                .data_offset = data_offset,
                .width = width,
                .strip_elements = STRIP_BYTES / width,
                .prefetch = prefetch,
                .out = out};
    gp_shape packed = {0};
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] != 1) packed.dim[packed.ndim++] = shape->dim[d];
    }
    g.ndim = packed.ndim;
    memcpy(g.dim, packed.dim, sizeof g.dim);
    gp_shape_strides(&packed, true, g.file_step);
    gp_shape_strides(&packed, false, g.out_step);
    g.strip = malloc(STRIP_BYTES);
    if (g.strip == NULL) return -ENOMEM;
    int64_t e = gather_range(&g, first, first + count);
    free(g.strip);
    return e;
}
