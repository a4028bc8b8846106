/* QR decompositions: of a whole matrix, and step by step for tall ones (TSQR). */
#include "linalg/lapack_impl.h"

#include "base/memory.h"
#include "linalg/transpose.h"

#include <string.h>

typedef void qrf_routine(const gp_int *m, const gp_int *n, void *a, const gp_int *lda, void *tau, void *work,
                         const gp_int *lwork, gp_int *info); /* geqrf, gelqf */
typedef void orglq_routine(const gp_int *m, const gp_int *n, const gp_int *k, void *a, const gp_int *lda,
                           const void *tau, void *work, const gp_int *lwork, gp_int *info);

/* The LQ decomposition of the matrix that LAPACK sees is the QR of ours: a^T = L Q, so a = Q^T L^T. */
gpuproc_status gp_lapack_qr(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    (void)err;
    size_t wide = gp_lapack_type_of(job->dtype).wide;
    uint64_t m = job->m, n = job->n, k = gp_min_u64(m, n);
    if (k == 0) return GPUPROC_OK;
    gp_int rows = (gp_int)n, columns = (gp_int)m, least = (gp_int)k, lwork = (gp_int)s->lwork, info = 0;
    char *q = job->result, *r = q + m * k * wide, *a = job->matrix;
    GP_ROUTINE(qrf_routine, gelqf, job->linalg, job->dtype, "gelqf");
    gelqf(&rows, &columns, a, &rows, s->values, s->work, &lwork, &info);
    for (uint64_t i = 0; i < k; i++) {
        memset(r + i * n * wide, 0, i * wide);
        memcpy(r + (i * n + i) * wide, a + (i * n + i) * wide, (n - i) * wide);
    }
    for (uint64_t i = 0; i < m; i++) memcpy(q + i * k * wide, a + i * n * wide, k * wide);
    GP_ROUTINE(orglq_routine, orglq, job->linalg, job->dtype, gp_lapack_type_of(job->dtype).complex ? "unglq" : "orglq");
    orglq(&least, &columns, &least, q, &least, s->values, s->work, &lwork, &info);
    return GPUPROC_OK;
}

uint64_t gp_lapack_qr_step_bytes(gp_dtype dtype, uint64_t k, uint64_t n)
{
    return gp_lapack_scratch_bytes(GP_OP_QRR, dtype, k, n, 0);
}

/* LAPACK's geqrf is twice as fast as its gelqf, so that it pays to transpose: the rows have to be copied anyway. */
void gp_lapack_qr_step(const gp_linalg *linalg, gp_dtype dtype, uint64_t k, uint64_t n, bool first, void *r,
                       const void *a, void *scratch)
{
    size_t wide = gp_lapack_type_of(dtype).wide;
    gp_lapack_scratch s;
    gp_lapack_lay(GP_OP_QRR, dtype, k, n, 0, scratch, &s);
    uint64_t above = first ? 0 : n, rows = above + k;
    if (n == 0) return;
    if (!first) gp_transpose(wide, n, n, r, n, s.a, rows);
    gp_transpose(wide, k, n, a, n, (char *)s.a + above * wide, rows);
    gp_int m = (gp_int)rows, columns = (gp_int)n, lda = (gp_int)gp_max_u64(rows, 1), lwork = (gp_int)s.lwork, info = 0;
    GP_ROUTINE(qrf_routine, geqrf, linalg, dtype, "geqrf");
    geqrf(&m, &columns, s.a, &lda, s.values, s.work, &lwork, &info);
    uint64_t height = gp_min_u64(rows, n);
    gp_transpose(wide, n, height, s.a, rows, r, n);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t zeros = i < height ? i : n;
        memset((char *)r + i * n * wide, 0, zeros * wide);
    }
}
