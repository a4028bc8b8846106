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
        if (shape->dim[d] == 1) w.stride[d] = 0;
        if (!walk->bounded) continue;
        int64_t low = walk->lo[d] - lo[d], high = walk->hi[d] - lo[d];
        w.lo[d] = low < 0 ? 0 : low > shape->dim[d] ? shape->dim[d] : low;
        w.hi[d] = high < w.lo[d] ? w.lo[d] : high > shape->dim[d] ? shape->dim[d] : high;
    }
    *out = w;
}

/* The index arithmetic of a walk whose numbers nobody has checked must not overflow. */
static uint64_t clamp(__int128 element)
{
    return element < 0 || element > INT64_MAX ? UINT64_MAX : (uint64_t)element;
}

bool gp_walk_span(const gp_walk *walk, uint64_t *first, uint64_t *last)
{
    __int128 low = walk->offset, high = walk->offset;
    for (int d = 0; d < walk->shape.ndim; d++) {
        int64_t from = walk->bounded ? walk->lo[d] : 0;
        int64_t to = walk->bounded ? walk->hi[d] : walk->shape.dim[d];
        if (to <= from || walk->shape.dim[d] == 0) return false;
        __int128 a = (__int128)from * walk->stride[d], b = (__int128)(to - 1) * walk->stride[d];
        low += a < b ? a : b;
        high += a < b ? b : a;
    }
    *first = clamp(low);
    *last = *first == UINT64_MAX ? UINT64_MAX : clamp(high);
    return true;
}

bool gp_walk_misses_box(const gp_walk *walk, uint64_t first, uint64_t count)
{
    uint64_t step = gp_shape_size(&walk->shape), last = first + count - 1;
    if (!walk->bounded || count == 0 || step == 0) return false;
    for (int d = 0; d < walk->shape.ndim; d++) {
        step /= (uint64_t)walk->shape.dim[d];
        int64_t from = (int64_t)(first / step), to = (int64_t)(last / step);
        if (to < walk->lo[d] || from >= walk->hi[d] || walk->hi[d] <= walk->lo[d]) return true;
        if (from != to) return false; /* all of the next axes come by */
        first %= step;
        last %= step;
    }
    return false;
}

static void without_elements(gp_walk *out)
{
    *out = (gp_walk){.shape = {.ndim = 1}};
}

static void zeros(uint64_t count, gp_walk *out)
{
    *out = (gp_walk){.shape = {1, {(int64_t)count}}, .bounded = true};
}

void gp_walk_normalise(const gp_walk *walk, gp_walk *out)
{
    gp_walk w = {.offset = walk->offset};
    uint64_t first, last, count = gp_shape_size(&walk->shape);
    if (count == 0) {
        without_elements(out);
        return;
    }
    if (!gp_walk_span(walk, &first, &last)) {
        zeros(count, out);
        return;
    }
    for (int d = 0; d < walk->shape.ndim; d++) {
        int64_t dim = walk->shape.dim[d], stride = walk->stride[d];
        int64_t lo = walk->bounded ? walk->lo[d] : 0, hi = walk->bounded ? walk->hi[d] : dim;
        bool boxed = lo > 0 || hi < dim;
        if (dim == 1) continue; /* index 0 is in the box: the span was not empty */
        int k = w.shape.ndim, outer = k - 1;
        int64_t step;
        w.bounded |= boxed;
        if (k > 0 && !boxed && !__builtin_mul_overflow(stride, dim, &step) && step == w.stride[outer]) {
            w.shape.dim[outer] *= dim; /* one run with the axis in front of it */
            w.stride[outer] = stride;
            w.lo[outer] *= dim;
            w.hi[outer] *= dim;
            continue;
        }
        w.shape.dim[k] = dim;
        w.stride[k] = stride;
        w.lo[k] = lo;
        w.hi[k] = hi;
        w.shape.ndim++;
    }
    for (int d = 0; !w.bounded && d < w.shape.ndim; d++) w.lo[d] = w.hi[d] = 0;
    *out = w;
}
