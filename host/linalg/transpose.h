/* Transposition of matrices in memory. */
#ifndef GP_LINALG_TRANSPOSE_H
#define GP_LINALG_TRANSPOSE_H

#include <stddef.h>
#include <stdint.h>

/* out[j*out_row + i] = in[i*in_row + j] for i < rows and j < columns; elements of `wide` (4, 8 or 16) bytes. */
void gp_transpose(size_t wide, uint64_t rows, uint64_t columns, const void *in, uint64_t in_row, void *out,
                  uint64_t out_row);

/* The same in place, for the leading (n, n) of a matrix whose rows are `row` elements apart. */
void gp_transpose_square(size_t wide, uint64_t n, void *data, uint64_t row);

#endif
