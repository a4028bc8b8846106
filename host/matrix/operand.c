#include "matrix/product_impl.h"

#include "base/memory.h"

/* The axes in front of the matrix and its rows are one, of evenly spaced rows. */
static bool even_rows(const gp_walk *walk, int64_t *step, uint64_t *length)
{
    int rows = walk->shape.ndim - 2;
    int64_t n = walk->shape.dim[rows], next;
    *step = walk->stride[rows];
    for (int d = rows; d-- > 0;) {
        if (walk->shape.dim[d] == 1) continue;
        if (n == 1) *step = walk->stride[d];
        else if (__builtin_mul_overflow(*step, n, &next) || walk->stride[d] != next) return false;
        n *= walk->shape.dim[d];
    }
    *length = (uint64_t)n;
    return true;
}

void gp_operand_open(gp_operand *o, bool map, bool joined)
{
    uint64_t first = 0, last = 0;
    int rows = o->walk.shape.ndim - 2;
    uint64_t length = (uint64_t)o->walk.shape.dim[rows];
    gp_matrix m = {NULL, o->walk.stride[rows], o->walk.stride[rows + 1], o->conjugate};
    if (o->stored != o->dtype || o->walk.bounded || !gp_walk_span(&o->walk, &first, &last) || last == UINT64_MAX)
        return;
    if (joined && !even_rows(&o->walk, &m.row, &length)) return;
    if (!gp_multiply_takes(&m, length, (uint64_t)o->walk.shape.dim[rows + 1])) return;
    if (!map && gp_source_is_file(o->source)) return;
    if (!gp_source_view_storage(o->source, first, last - first + 1, &o->view)) return;
    o->base = (const char *)o->view.data + (o->walk.offset - (int64_t)first) * (int64_t)gpuproc_dtype_bytes(o->stored);
    o->step = m.row;
}

void gp_operand_close(gp_operand *o)
{
    if (o->base != NULL) gp_source_unview(o->source, &o->view);
    o->base = NULL;
}

gp_matrix gp_operand_place(const gp_operand *o, const gp_part *part, uint64_t nth)
{
    int rows = o->walk.shape.ndim - 2;
    gp_matrix m = {NULL, o->step, o->walk.stride[rows + 1], o->conjugate};
    uint64_t item = part->item + nth;
    int64_t at = (int64_t)part->row * m.row + (int64_t)part->column * m.column;
    for (int d = rows; item > 0 && d-- > 0;) {
        uint64_t n = (uint64_t)o->walk.shape.dim[d];
        at += (int64_t)(item % n) * o->walk.stride[d];
        item /= n;
    }
    m.data = o->base + at * (int64_t)gpuproc_dtype_bytes(o->stored);
    return m;
}

static void swap_last_axes(gp_walk *w)
{
    int r = w->shape.ndim - 2, c = r + 1;
    int64_t dim = w->shape.dim[r], stride = w->stride[r], lo = w->lo[r], hi = w->hi[r];
    w->shape.dim[r] = w->shape.dim[c];
    w->stride[r] = w->stride[c];
    w->lo[r] = w->lo[c];
    w->hi[r] = w->hi[c];
    w->shape.dim[c] = dim;
    w->stride[c] = stride;
    w->lo[c] = lo;
    w->hi[c] = hi;
}

void gp_operand_read(const gp_operand *o, const gp_part *part, gp_walk *walk, gp_read *read)
{
    int64_t lo[GPUPROC_MAX_NDIM] = {0};
    gp_shape shape = o->walk.shape;
    int r = shape.ndim - 2, c = r + 1;
    lo[r] = (int64_t)part->row;
    lo[c] = (int64_t)part->column;
    shape.dim[r] = (int64_t)part->rows;
    shape.dim[c] = (int64_t)part->columns;
    gp_walk_box(&o->walk, lo, &shape, walk);
    if (o->swapped) swap_last_axes(walk);
    read->source = o->source;
    read->walk = walk;
    read->first = part->item * part->rows * part->columns;
    read->count = part->items * part->rows * part->columns;
}

void gp_operand_read_rows(const gp_operand *o, const gp_part *part, gp_walk *walk, gp_read *read)
{
    gp_part all = *part;
    all.item = all.row = 0;
    all.rows = (uint64_t)o->walk.shape.dim[o->walk.shape.ndim - 2];
    gp_operand_read(o, &all, walk, read);
    read->first = part->row * part->columns;
    read->count = part->rows * part->columns;
}

gp_matrix gp_operand_panel(const gp_operand *o, const gp_part *part, const void *data, uint64_t nth)
{
    gp_matrix m = {.conjugate = o->conjugate, .row = 1, .column = 1};
    if (o->swapped) m.column = (int64_t)part->rows;
    else m.row = (int64_t)part->columns;
    m.data = (const char *)data + nth * part->rows * part->columns * gpuproc_dtype_bytes(o->dtype);
    return m;
}
