/* One part of a product, on one thread. */
#ifndef GP_LINALG_MULTIPLY_IMPL_H
#define GP_LINALG_MULTIPLY_IMPL_H

#include "linalg/multiply.h"
#include "linalg/openblas.h"

/* By OpenBLAS: float and complex dtypes. False where it cannot (a stride that is no int, an operand that
 * gp_multiply_takes refuses): nothing has happened then. */
bool gp_multiply_blas(const gp_blas *blas, const gp_multiply *part);

/* By our own loops: every dtype, any strides. `scratch` holds packed blocks of the operands; the bits do not
 * depend on how large it is. */
#define GP_MULTIPLY_LEAST (40u << 10)    /* bytes that there have to be */
size_t gp_multiply_scratch(const gp_multiply *part); /* what is worth having, no less than that */
void gp_multiply_plain(const gp_multiply *part, void *scratch, size_t bytes);

/* c += x, both (m, n), x without gaps: how slices of k are put together. */
void gp_multiply_add(const gp_multiply *part, const void *x);

#endif
