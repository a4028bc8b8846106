#include "array/walk.h"

void gp_walk_whole(const gp_shape *shape, bool fortran, gp_walk *walk)
{
    *walk = (gp_walk){.shape = *shape};
    gp_shape_strides(shape, fortran, walk->stride);
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] <= 1) walk->stride[d] = 0;
    }
}

bool gp_walk_contiguous(const gp_walk *walk)
{
    int64_t step = 1;
    if (walk->bounded) return false;
    if (gp_shape_size(&walk->shape) == 0) return true;
    for (int d = walk->shape.ndim; d-- > 0;) {
        if (walk->shape.dim[d] == 1) continue;
        if (walk->stride[d] != step) return false;
        step *= walk->shape.dim[d];
    }
    return true;
}

bool gp_walk_equal(const gp_walk *a, const gp_walk *b)
{
    if (!gp_shape_equal(&a->shape, &b->shape) || a->offset != b->offset || a->bounded != b->bounded)
        return false;
    for (int d = 0; d < a->shape.ndim; d++) {
        if (a->stride[d] != b->stride[d]) return false;
        if (a->bounded && (a->lo[d] != b->lo[d] || a->hi[d] != b->hi[d])) return false;
    }
    return true;
}

void gp_walk_broadcast(const gp_walk *walk, const gp_shape *to, gp_walk *out)
{
    gp_walk w = {.shape = *to, .offset = walk->offset, .bounded = walk->bounded};
    int added = to->ndim - walk->shape.ndim;
    for (int d = 0; d < to->ndim; d++) {
        int from = d - added;
        bool stretched = from < 0 || (walk->shape.dim[from] == 1 && to->dim[d] != 1);
        w.stride[d] = stretched ? 0 : walk->stride[from];
        w.hi[d] = to->dim[d];
        if (!walk->bounded || from < 0) continue;
        if (!stretched) {
            w.lo[d] = walk->lo[from];
            w.hi[d] = walk->hi[from];
        } else if (walk->lo[from] > 0 || walk->hi[from] < 1) {
            w.hi[d] = 0; /* the one element is a zero, and so are all */
        }
    }
    *out = w;
}

void gp_walk_box(const gp_walk *walk, const int64_t *lo, const gp_shape *shape, gp_walk *out)
{
    gp_walk w = *walk;
    w.shape = *shape;
    for (int d = 0; d < shape->ndim; d++) {
        w.offset += lo[d] * walk->stride[d];
        if (!walk->bounded) continue;
        int64_t low = walk->lo[d] - lo[d], high = walk->hi[d] - lo[d];
        w.lo[d] = low < 0 ? 0 : low > shape->dim[d] ? shape->dim[d] : low;
        w.hi[d] = high < w.lo[d] ? w.lo[d] : high > shape->dim[d] ? shape->dim[d] : high;
    }
    *out = w;
}

bool gp_walk_span(const gp_walk *walk, uint64_t *first, uint64_t *last)
{
    int64_t low = walk->offset, high = walk->offset;
    for (int d = 0; d < walk->shape.ndim; d++) {
        int64_t from = walk->bounded ? walk->lo[d] : 0;
        int64_t to = walk->bounded ? walk->hi[d] : walk->shape.dim[d];
        if (to <= from || walk->shape.dim[d] == 0) return false;
        int64_t a = from * walk->stride[d], b = (to - 1) * walk->stride[d];
        low += a < b ? a : b;
        high += a < b ? b : a;
    }
    *first = (uint64_t)low;
    *last = (uint64_t)high;
    return true;
}
