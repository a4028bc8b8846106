#include "device/cpu/cpu_walk.h"

#include "base/memory.h"

#include <string.h>

/* The numbers of an INDEX wrap round where they must; those of operands never come near. */
static int64_t wrapping_mul(int64_t a, uint64_t b) { return (int64_t)((uint64_t)a * b); }
static int64_t wrapping_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

void gp_cpu_walk_init(gp_cpu_walk *walk, const gp_shape *shape, int64_t offset,
                      const int64_t *stride)
{
    *walk = (gp_cpu_walk){.offset = offset};
    for (int d = 0; d < shape->ndim; d++) {
        uint64_t dim = (uint64_t)shape->dim[d];
        if (dim == 1) continue; /* its stride means nothing */
        int last = walk->ndim - 1;
        if (last >= 0 && walk->stride[last] == wrapping_mul(stride[d], dim)) {
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
        RUN(16);
    default:
        for (size_t i = 0; i < n; i++, src += step) memcpy(dst + i * bytes, src, bytes);
    }
#undef RUN
}

void gp_cpu_fill(void *dst, const void *element, size_t bytes, size_t n)
{
    copy_run(dst, element, 0, bytes, n);
}

/* Where a walk is: finding `first` costs divisions, going on additions. */
typedef struct position {
    uint64_t at[GPUPROC_MAX_NDIM];
    int64_t offset;
} position;

static void find_position(const gp_cpu_walk *walk, uint64_t first, position *p)
{
    p->offset = walk->offset;
    for (int d = walk->ndim - 1; d >= 0; d--) {
        p->at[d] = first % walk->dim[d];
        first /= walk->dim[d];
        p->offset = wrapping_add(p->offset, wrapping_mul(walk->stride[d], p->at[d]));
    }
}

/* Elements from here to the end of the innermost axis, at most n. */
static size_t run_length(const gp_cpu_walk *walk, const position *p, size_t n)
{
    return (size_t)gp_min_u64(n, walk->dim[walk->ndim - 1] - p->at[walk->ndim - 1]);
}

static void go_on(const gp_cpu_walk *walk, position *p, size_t run)
{
    int d = walk->ndim - 1;
    p->at[d] += run;
    p->offset = wrapping_add(p->offset, wrapping_mul(walk->stride[d], run));
    for (; d > 0 && p->at[d] == walk->dim[d]; d--) {
        p->offset = wrapping_add(p->offset, wrapping_mul(walk->stride[d], 0 - walk->dim[d]));
        p->offset = wrapping_add(p->offset, walk->stride[d - 1]);
        p->at[d] = 0;
        p->at[d - 1]++;
    }
}

static void copy_strided(const gp_cpu_walk *walk, const unsigned char *src, size_t bytes,
                         uint64_t first, size_t n, unsigned char *dst)
{
    const int64_t step = walk->stride[walk->ndim - 1];
    position p;
    find_position(walk, first, &p);
    while (n > 0) {
        size_t run = run_length(walk, &p, n);
        copy_run(dst, src + p.offset * (int64_t)bytes, step, bytes, run);
        dst += run * bytes;
        n -= run;
        go_on(walk, &p, run);
    }
}

void gp_cpu_walk_numbers(const gp_cpu_walk *walk, uint64_t first, size_t n, int64_t *dst)
{
    const uint64_t step = (uint64_t)walk->stride[walk->ndim - 1];
    position p;
    find_position(walk, first, &p);
    while (n > 0) {
        size_t run = run_length(walk, &p, n);
        for (size_t i = 0; i < run; i++) dst[i] = (int64_t)((uint64_t)p.offset + i * step);
        dst += run;
        n -= run;
        go_on(walk, &p, run);
    }
}

/* Short rows would make short runs, so what was copied once is copied on, doubling. */
static const void *get_row(const gp_cpu_walk *walk, const unsigned char *src, size_t bytes,
                           uint64_t first, size_t n, unsigned char *dst)
{
    uint64_t row = walk->dim[1], at = first % row;
    if (n <= row - at) return src + (walk->offset + (int64_t)at) * (int64_t)bytes;
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
    const unsigned char *src = operand;
    const int64_t width = (int64_t)bytes;
    switch (walk->kind) {
    case GP_CPU_WALK_LINEAR: return src + (walk->offset + (int64_t)first) * width;
    case GP_CPU_WALK_SCALAR:
        gp_cpu_fill(buffer, src + walk->offset * width, bytes, n);
        return buffer;
    case GP_CPU_WALK_ROW: return get_row(walk, src, bytes, first, n, buffer);
    case GP_CPU_WALK_STRIDED: break;
    }
    copy_strided(walk, src, bytes, first, n, buffer);
    return buffer;
}
