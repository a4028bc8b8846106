/* Walking a resident operand, or the numbers of an INDEX node: element i of the pass's shape, in C
 * order, for an operand that is a slice, broadcast or laid out in another order. */
#ifndef GP_DEVICE_CPU_CPU_WALK_H
#define GP_DEVICE_CPU_CPU_WALK_H

#include "emit/pass.h"

typedef enum gp_cpu_walk_kind {
    GP_CPU_WALK_LINEAR,  /* element i of the pass is element offset + i of the operand */
    GP_CPU_WALK_SCALAR,  /* one element for all */
    GP_CPU_WALK_ROW,     /* d elements again and again: (N, d) with strides (0, 1) */
    GP_CPU_WALK_STRIDED, /* anything else */
} gp_cpu_walk_kind;

/* Axes that are walked as one are merged, so there are few. */
typedef struct gp_cpu_walk {
    gp_cpu_walk_kind kind;
    int ndim; /* >= 1 */
    int64_t offset; /* in elements, as the strides; any of them may be negative */
    uint64_t dim[GPUPROC_MAX_NDIM];
    int64_t stride[GPUPROC_MAX_NDIM];
} gp_cpu_walk;

void gp_cpu_walk_init(gp_cpu_walk *walk, const gp_shape *shape, int64_t offset,
                      const int64_t *stride);

/* Where elements first to first+n-1 of the pass lie one behind the other: inside the operand, if
 * they do, else in `buffer`, to which they are copied. bytes: of one element. */
const void *gp_cpu_walk_get(const gp_cpu_walk *walk, const void *operand, size_t bytes,
                            uint64_t first, size_t n, void *buffer);

/* The walk's numbers themselves for elements first to first+n-1 of the pass, modulo 2^64. */
void gp_cpu_walk_numbers(const gp_cpu_walk *walk, uint64_t first, size_t n, int64_t *dst);

/* dst[i] = *element for i < n. */
void gp_cpu_fill(void *dst, const void *element, size_t bytes, size_t n);

#endif
