/* Decompositions of one matrix in memory: what the folds over matrices do in the end. float32, float64, complex64,
 * complex128; C order; single-threaded. */
#ifndef GP_LINALG_LAPACK_H
#define GP_LINALG_LAPACK_H

#include "lang/ops.h"
#include "linalg/linalg.h"

/* Elements (of the dtype) of the result for one (m, n) matrix; bytes of scratch memory that gp_lapack_run takes
 * beside matrix and result. UINT64_MAX where they do not fit. `size`: columns of b. LSTSQ: m = n. */
uint64_t gp_lapack_elements(gp_op op, uint64_t m, uint64_t n, int64_t size);
uint64_t gp_lapack_scratch_bytes(gp_op op, gp_dtype dtype, uint64_t m, uint64_t n, int64_t size);

/* Whether gp_lapack_run can do this at all: UNSUPPORTED without LAPACK, or where the sizes do not fit its
 * integers. */
gpuproc_status gp_lapack_check(const gp_linalg *linalg, gp_op op, gp_dtype dtype, uint64_t m, uint64_t n,
                               int64_t size, gpuproc_error *err);

/* `matrix` (m, n) is overwritten; `result` is laid out as lang/ops.h says. DOMAIN where NumPy raises LinAlgError
 * ("singular matrix", "matrix is not positive definite", "did not converge"). LSTSQ: the matrix is the (n, n) R of
 * [A | b] with `rows` the rows of A; `rcond` as NumPy's, < 0 for its default. */
typedef struct gp_lapack_job {
    const gp_linalg *linalg;
    gp_op op;
    gp_dtype dtype;
    uint64_t m, n, rows;
    int64_t size;
    double rcond;
    void *matrix, *result;
    void *scratch;    /* gp_lapack_scratch_bytes, aligned to 64 */
    double condition; /* filled: an estimate for SOLVE and INV, LSTSQ; 0 else or where unknown */
    uint64_t rank;    /* filled: LSTSQ */
} gp_lapack_job;
gpuproc_status gp_lapack_run(gp_lapack_job *job, gpuproc_error *err);

/* A static text where the condition says that no digit of the result can be trusted; else NULL. */
const char *gp_lapack_warning(const gp_lapack_job *job);

/* One step of TSQR: R of the QR decomposition of [r; a], in place of r (n, n), a: (k, n). With `first`, r is only
 * written: R of a, rows of zeros where k < n. gp_lapack_check of QRR goes before. */
uint64_t gp_lapack_qr_step_bytes(gp_dtype dtype, uint64_t k, uint64_t n);
void gp_lapack_qr_step(const gp_linalg *linalg, gp_dtype dtype, uint64_t k, uint64_t n, bool first, void *r,
                       const void *a, void *scratch);

#endif
