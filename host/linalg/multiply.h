/* Products of matrices in memory. */
#ifndef GP_LINALG_MULTIPLY_H
#define GP_LINALG_MULTIPLY_H

#include "base/workers.h"
#include "linalg/linalg.h"

/* One operand in memory: element (i, j) is data[i*row + j*column], strides in elements. */
typedef struct gp_matrix {
    const void *data;
    int64_t row, column;
    bool conjugate;
} gp_matrix;

/* c = a @ b, or c += a @ b: (m, k) and (k, n) to (m, n), all of `dtype`: float32, float64, complex64, complex128,
 * bool, or an integer. Integers wrap in their own dtype, bool is an or of ands, as in NumPy. No operand
 * overlaps c. k = 0 gives zeros (or leaves c). */
typedef struct gp_multiply {
    gp_dtype dtype;
    uint64_t m, n, k;
    gp_matrix a, b;
    void *c;
    int64_t c_row; /* from row to row, >= n; columns lie side by side */
    bool add;
} gp_multiply;

/* Whether an operand can be taken as it is: one of its strides is 1 (or its axis has one element) and the other
 * is not negative and no less than the length. Others must be copied first. */
bool gp_multiply_takes(const gp_matrix *matrix, uint64_t rows, uint64_t columns);

/* Blocks until it is done. C is cut into parts by its shape alone, so that the bits do not depend on the number of
 * workers. NO_MEMORY only. */
gpuproc_status gp_multiply_run(const gp_linalg *linalg, const gp_multiply *multiply, const gp_workers *workers,
                               gpuproc_error *err);

/* The same as one part on the calling thread: for those who share out parts of their own. It cannot fail. */
void gp_multiply_alone(const gp_linalg *linalg, const gp_multiply *multiply);

/* c (n, n) = a^H a or c += a^H a for a (k, n) with rows `row` elements apart: both triangles. float and complex
 * dtypes. One thread. */
void gp_multiply_gram(const gp_linalg *linalg, gp_dtype dtype, uint64_t k, uint64_t n, const void *a, int64_t row,
                      void *c, bool add);

#endif
