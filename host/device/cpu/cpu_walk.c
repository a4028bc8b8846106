#include "device/cpu/cpu_walk.h"

#include "base/memory.h"

#include <string.h>

void gp_cpu_walk_init(gp_cpu_walk *walk, const gp_shape *shape, const int64_t *stride)
{
    *walk = (gp_cpu_walk){0};
    for (int d = 0; d < shape->ndim; d++) {
        uint64_t dim = (uint64_t)shape->dim[d];
        if (dim == 1) continue; /* its stride means nothing */
        int last = walk->ndim - 1;
        if (last >= 0 && walk->stride[last] == stride[d] * (int64_t)dim) {
            walk->dim[last] *= dim;
            walk->stride[last] = stride[d];
        } else {
            walk->dim[walk->ndim] = dim;
            walk->stride[walk->ndim++] = stride[d];
        }
    }
    if (walk->ndim == 0) walk->dim[walk->ndim++] = 1;

    walk->kind = GP_CPU_WALK_STRIDED;
    if (walk->ndim == 1 && walk->stride[0] == 0) walk->kind = GP_CPU_WALK_SCALAR;
    if (walk->ndim == 1 && walk->stride[0] == 1) walk->kind = GP_CPU_WALK_LINEAR;
    if (walk->ndim == 2 && walk->stride[0] == 0 && walk->stride[1] == 1) walk->kind = GP_CPU_WALK_ROW;
}

/* n elements of `stride` from src; the switch makes the element's size known to the loop. */
static void copy_run(unsigned char *dst, const unsigned char *src, int64_t stride, size_t bytes,
                     size_t n)
{
    if (stride == 1) {
        memcpy(dst, src, n * bytes);
        return;
    }
    ptrdiff_t step = (ptrdiff_t)stride * (ptrdiff_t)bytes;
#define RUN(size)                                        \
    case size:                                           \
        for (size_t i = 0; i < n; i++, src += step)      \
            memcpy(dst + i * (size), src, (size));       \
        break
    switch (bytes) {
        RUN(1);
        RUN(2);
        RUN(4);
        RUN(8);
    default:
        for (size_t i = 0; i < n; i++, src += step) memcpy(dst + i * bytes, src, bytes);
    }
#undef RUN
}

void gp_cpu_fill(void *dst, const void *element, size_t bytes, size_t n)
{
    copy_run(dst, element, 0, bytes, n);
}

/* An odometer over the merged axes: the position of `first` costs divisions, the rest additions. */
static void copy_strided(const gp_cpu_walk *walk, const unsigned char *src, size_t bytes,
                         uint64_t first, size_t n, unsigned char *dst)
{
    uint64_t at[GPUPROC_MAX_NDIM];
    int64_t offset = 0;
    for (int d = walk->ndim - 1; d >= 0; d--) {
        at[d] = first % walk->dim[d];
        first /= walk->dim[d];
        offset += (int64_t)at[d] * walk->stride[d];
    }
    int inner = walk->ndim - 1;
    while (n > 0) {
        size_t run = (size_t)gp_min_u64(n, walk->dim[inner] - at[inner]);
        copy_run(dst, src + offset * (int64_t)bytes, walk->stride[inner], bytes, run);
        dst += run * bytes;
        n -= run;
        at[inner] += run;
        offset += (int64_t)run * walk->stride[inner];
        for (int d = inner; d > 0 && at[d] == walk->dim[d]; d--) {
            offset += walk->stride[d - 1] - (int64_t)walk->dim[d] * walk->stride[d];
            at[d] = 0;
            at[d - 1]++;
        }
    }
}

/* Short rows would make short runs, so what was copied once is copied on, doubling. */
static const void *get_row(const gp_cpu_walk *walk, const unsigned char *src, size_t bytes,
                           uint64_t first, size_t n, unsigned char *dst)
{
    uint64_t row = walk->dim[1], at = first % row;
    if (n <= row - at) return src + at * bytes;
    size_t have = (size_t)gp_min_u64(n, row);
    copy_strided(walk, src, bytes, first, have, dst);
    while (have < n) {
        size_t more = n - have < have ? n - have : have;
        memcpy(dst + have * bytes, dst, more * bytes);
        have += more;
    }
    return dst;
}

const void *gp_cpu_walk_get(const gp_cpu_walk *walk, const void *operand, size_t bytes,
                            uint64_t first, size_t n, void *buffer)
{
    switch (walk->kind) {
    case GP_CPU_WALK_LINEAR: return (const unsigned char *)operand + first * bytes;
    case GP_CPU_WALK_SCALAR: gp_cpu_fill(buffer, operand, bytes, n); return buffer;
    case GP_CPU_WALK_ROW: return get_row(walk, operand, bytes, first, n, buffer);
    case GP_CPU_WALK_STRIDED: break;
    }
    copy_strided(walk, operand, bytes, first, n, buffer);
    return buffer;
}
