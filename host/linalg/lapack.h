/* Decompositions of one matrix in memory: what the folds over matrices do in the end. float32, float64, complex64,
 * complex128; C order; single-threaded. */
#ifndef GP_LINALG_LAPACK_H
#define GP_LINALG_LAPACK_H

#include "lang/ops.h"
#include "linalg/linalg.h"

/* Elements (of the dtype) of the result for one (m, n) matrix; bytes of scratch memory, the most that
 * gp_lapack_run takes beside matrix and result. UINT64_MAX where they do not fit. `size`: columns of b. */
uint64_t gp_lapack_elements(gp_op op, uint64_t m, uint64_t n, int64_t size);
uint64_t gp_lapack_scratch_bytes(gp_op op, gp_dtype dtype, uint64_t m, uint64_t n, int64_t size);

/* `matrix` (m, n) is overwritten; `result` is laid out as lang/ops.h says. DOMAIN where NumPy raises LinAlgError
 * ("singular matrix", "matrix is not positive definite", "did not converge"), UNSUPPORTED without LAPACK. For
 * LSTSQ the matrix may be any with the same normal equations: the R of [A | b], with `rows` the real number of
 * rows; `rcond` < 0: NumPy's default. */
typedef struct gp_lapack_job {
    gp_op op;
    gp_dtype dtype;
    uint64_t m, n, rows;
    int64_t size;
    double rcond;
    void *matrix, *result;
    double condition; /* filled: an estimate for SOLVE and INV (of the 1-norm), LSTSQ; 0 else */
} gp_lapack_job;
gpuproc_status gp_lapack_run(const gp_linalg *linalg, gp_lapack_job *job, gpuproc_error *err);

/* R (n, n) of the QR decomposition of [r; a], in place of r: one step of TSQR. a: (k, n), overwritten. */
gpuproc_status gp_lapack_qr_step(const gp_linalg *linalg, gp_dtype dtype, uint64_t k, uint64_t n, void *r, void *a,
                                 gpuproc_error *err);

#endif
