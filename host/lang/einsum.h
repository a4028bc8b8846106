/* Einstein sums: products of arrays whose axes have labels, summed over the labels that the result does not have.
 * tensordot, and dot and inner of stacks, are the same with labels of their own. */
#ifndef GP_LANG_EINSUM_H
#define GP_LANG_EINSUM_H

#include "lang/matrix.h"

#define GP_EINSUM_LABELS 256 /* labels are below this */

typedef struct gp_term {
    gp_value v;
    int label[GPUPROC_MAX_NDIM]; /* of each axis */
} gp_term;

/* Products are made from left to right; those that sum over something go to MATMUL where one array has an axis that the
 * other has not. The terms are used up. A label of `out` must be one of a term's. */
gp_value gp_build_einsum(gp_builder *b, const char *name, gp_term *term, int count, const int *out, int outs);

#endif
