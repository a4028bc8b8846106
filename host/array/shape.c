#include "array/shape.h"

#include <inttypes.h>
#include <stdio.h>

gpuproc_status gp_shape_count(const gp_shape *shape, size_t element_bytes, uint64_t *count,
                              gpuproc_error *err)
{
    if (shape->ndim < 0 || shape->ndim > GPUPROC_MAX_NDIM)
        return gp_fail(err, GPUPROC_BAD_SHAPE, "%d dimensions: at most %d are possible",
                       shape->ndim, GPUPROC_MAX_NDIM);
    uint64_t n = 1;
    bool zero = false, fits = true;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] < 0)
            return gp_fail(err, GPUPROC_BAD_SHAPE, "axis %d has the negative length %" PRId64, d,
                           shape->dim[d]);
        /* A zero length empties the array, however long the others are: no overflow then. */
        if (shape->dim[d] == 0) zero = true;
        else if (__builtin_mul_overflow(n, (uint64_t)shape->dim[d], &n)) fits = false;
    }
    uint64_t bytes;
    if (!zero && (!fits || __builtin_mul_overflow(n, (uint64_t)element_bytes, &bytes) ||
                  bytes > INT64_MAX)) {
        char buf[256];
        return gp_fail(err, GPUPROC_BAD_SHAPE, "shape %s has more bytes than 2^63",
                       gp_shape_text(shape, buf, sizeof buf));
    }
    *count = zero ? 0 : n;
    return GPUPROC_OK;
}

uint64_t gp_shape_size(const gp_shape *shape)
{
    uint64_t n = 1;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] == 0) return 0;
        n *= (uint64_t)shape->dim[d];
    }
    return n;
}

bool gp_shape_equal(const gp_shape *a, const gp_shape *b)
{
    if (a->ndim != b->ndim) return false;
    for (int d = 0; d < a->ndim; d++) {
        if (a->dim[d] != b->dim[d]) return false;
    }
    return true;
}

gpuproc_status gp_shape_broadcast(const gp_shape *a, const gp_shape *b, gp_shape *out,
                                  gpuproc_error *err)
{
    gp_shape s = {.ndim = a->ndim > b->ndim ? a->ndim : b->ndim};
    for (int d = 0; d < s.ndim; d++) { /* from the right */
        int64_t da = d < a->ndim ? a->dim[a->ndim - 1 - d] : 1;
        int64_t db = d < b->ndim ? b->dim[b->ndim - 1 - d] : 1;
        if (da != db && da != 1 && db != 1) {
            char ta[256], tb[256];
            return gp_fail(err, GPUPROC_SHAPE, "shapes %.120s and %.120s do not broadcast",
                           gp_shape_text(a, ta, sizeof ta), gp_shape_text(b, tb, sizeof tb));
        }
        s.dim[s.ndim - 1 - d] = da == 1 ? db : da;
    }
    *out = s;
    return GPUPROC_OK;
}

void gp_shape_strides(const gp_shape *shape, bool fortran, int64_t stride[GPUPROC_MAX_NDIM])
{
    uint64_t step = 1; /* may wrap where another length is 0: nothing is walked then */
    for (int k = 0; k < shape->ndim; k++) {
        int d = fortran ? k : shape->ndim - 1 - k;
        stride[d] = (int64_t)step;
        step *= shape->dim[d] > 0 ? (uint64_t)shape->dim[d] : 1;
    }
}

void gp_shape_broadcast_strides(const gp_shape *from, bool fortran, const gp_shape *to,
                                int64_t stride[GPUPROC_MAX_NDIM])
{
    int64_t own[GPUPROC_MAX_NDIM];
    gp_shape_strides(from, fortran, own);
    int lead = to->ndim - from->ndim;
    for (int d = 0; d < to->ndim; d++) {
        stride[d] = d < lead || from->dim[d - lead] == 1 ? 0 : own[d - lead];
    }
}

const char *gp_shape_text(const gp_shape *shape, char *buf, size_t size)
{
    size_t used = 0;
    int n = snprintf(buf, size, "(");
    for (int d = 0; d < shape->ndim; d++) {
        if (n > 0) used += (size_t)n;
        if (used >= size) return buf;
        n = snprintf(buf + used, size - used, "%s%" PRId64, d ? ", " : "", shape->dim[d]);
    }
    if (n > 0) used += (size_t)n;
    if (used < size) snprintf(buf + used, size - used, shape->ndim == 1 ? ",)" : ")");
    return buf;
}
