/* Copies elements between strided places in memory. */
#ifndef GP_IO_PICK_H
#define GP_IO_PICK_H

#include <gpuproc/gpuproc.h>
#include <stddef.h>
#include <stdint.h>

/* out[sum i_d * to[d]] = in[sum i_d * from[d]] for all 0 <= i_d < n[d]; all n[d] > 0. Elements of
 * `width` bytes (1, 2, 4, 8, 16), steps in elements, on any address; to[ndim - 1] is 1. */
void gp_pick(size_t width, int ndim, const int64_t *n, void *out, const int64_t *to, const void *in,
             const int64_t *from);

#endif
