/* What goes by eigenvalues or singular values. NaN and infinity are refused before LAPACK sees them: it would not
 * converge, print messages, or, for some NaN, give numbers that mean nothing. */
#include "linalg/lapack_impl.h"

#include "base/memory.h"
#include "linalg/multiply.h"
#include "linalg/transpose.h"

#include <math.h>
#include <string.h>

typedef void syevd_routine(const char *jobz, const char *uplo, const gp_int *n, void *a, const gp_int *lda, void *w,
                           void *work, const gp_int *lwork, gp_int *iwork, const gp_int *liwork, gp_int *info, size_t,
                           size_t);
typedef void heevd_routine(const char *jobz, const char *uplo, const gp_int *n, void *a, const gp_int *lda, void *w,
                           void *work, const gp_int *lwork, void *rwork, const gp_int *lrwork, gp_int *iwork,
                           const gp_int *liwork, gp_int *info, size_t, size_t);
typedef void gesdd_routine(const char *jobz, const gp_int *m, const gp_int *n, void *a, const gp_int *lda, void *s,
                           void *u, const gp_int *ldu, void *vt, const gp_int *ldvt, void *work, const gp_int *lwork,
                           void *rwork_or_iwork, void *iwork_or_info, gp_int *info, size_t);
typedef void real_gesdd_routine(const char *jobz, const gp_int *m, const gp_int *n, void *a, const gp_int *lda,
                                void *s, void *u, const gp_int *ldu, void *vt, const gp_int *ldvt, void *work,
                                const gp_int *lwork, gp_int *iwork, gp_int *info, size_t);

/* Our lower triangle is LAPACK's upper one; of complex numbers it sees the conjugated matrix, whose eigenvectors are
 * the conjugates. */
gpuproc_status gp_lapack_eigh(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    gp_lapack_type t = gp_lapack_type_of(job->dtype);
    uint64_t n = job->n;
    gp_int order = (gp_int)n, lwork = (gp_int)s->lwork, lrwork = (gp_int)s->lrwork, liwork = (gp_int)s->liwork;
    gp_int info = 0;
    if (n == 0) return GPUPROC_OK;
    for (uint64_t i = 0; i < n; i++)
        if (!gp_lapack_finite(job->dtype, (char *)job->matrix + i * n * t.wide, i + 1))
            return gp_fail(err, GPUPROC_DOMAIN, "eigenvalues did not converge: the matrix has NaN or infinity");
    if (t.complex) {
        GP_ROUTINE(heevd_routine, heevd, job->linalg, job->dtype, "heevd");
        heevd("V", "U", &order, job->matrix, &order, s->values, s->work, &lwork, s->rwork, &lrwork, s->iwork, &liwork,
              &info, 1, 1);
    } else {
        GP_ROUTINE(syevd_routine, syevd, job->linalg, job->dtype, "syevd");
        syevd("V", "U", &order, job->matrix, &order, s->values, s->work, &lwork, s->iwork, &liwork, &info, 1, 1);
    }
    if (info != 0) return gp_fail(err, GPUPROC_DOMAIN, "eigenvalues did not converge");
    for (uint64_t i = 0; i < n; i++)
        gp_lapack_set(job->dtype, job->result, i, gp_lapack_real(job->dtype, s->values, i));
    char *v = (char *)job->result + n * t.wide;
    gp_transpose(t.wide, n, n, job->matrix, n, v, n);
    for (uint64_t i = 0; t.complex && i < n * n; i++)
        gp_lapack_set_real(job->dtype, v, 2 * i + 1, -gp_lapack_real(job->dtype, v, 2 * i + 1));
    return GPUPROC_OK;
}

/* A thin SVD of the row-major (m, n) `a`: u (m, k), reals s (k), vh (k, n). LAPACK sees a^T = V S U^T, so that its u
 * is our vh and its vt our u, as they lie. */
static bool svd(const gp_lapack_job *job, uint64_t m, uint64_t n, void *a, void *u, void *vh,
                const gp_lapack_scratch *s)
{
    gp_int rows = (gp_int)n, columns = (gp_int)m, least = (gp_int)gp_min_u64(m, n), lwork = (gp_int)s->lwork, info = 0;
    if (gp_lapack_type_of(job->dtype).complex) {
        GP_ROUTINE(gesdd_routine, gesdd, job->linalg, job->dtype, "gesdd");
        gesdd("S", &rows, &columns, a, &rows, s->values, vh, &rows, u, &least, s->work, &lwork, s->rwork, s->iwork,
              &info, 1);
    } else {
        GP_ROUTINE(real_gesdd_routine, gesdd, job->linalg, job->dtype, "gesdd");
        gesdd("S", &rows, &columns, a, &rows, s->values, vh, &rows, u, &least, s->work, &lwork, s->iwork, &info, 1);
    }
    return info == 0;
}

gpuproc_status gp_lapack_svd(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    size_t wide = gp_lapack_type_of(job->dtype).wide;
    uint64_t m = job->m, n = job->n, k = gp_min_u64(m, n);
    if (k == 0) return GPUPROC_OK;
    if (!gp_lapack_finite(job->dtype, job->matrix, m * n))
        return gp_fail(err, GPUPROC_DOMAIN, "SVD did not converge: the matrix has NaN or infinity");
    char *u = job->result, *values = u + m * k * wide, *vh = values + k * wide;
    if (!svd(job, m, n, job->matrix, u, vh, s)) return gp_fail(err, GPUPROC_DOMAIN, "SVD did not converge");
    for (uint64_t i = 0; i < k; i++) gp_lapack_set(job->dtype, values, i, gp_lapack_real(job->dtype, s->values, i));
    return GPUPROC_OK;
}

/* ---- Least squares ---------------------------------------------------------- */

static void divide_row(gp_dtype dtype, void *data, uint64_t row, uint64_t columns, double divisor)
{
    uint64_t reals = gp_lapack_type_of(dtype).complex ? 2 * columns : columns;
    for (uint64_t i = row * reals; i < (row + 1) * reals; i++)
        gp_lapack_set_real(dtype, data, i, gp_lapack_real(dtype, data, i) / divisor);
}

/* Sums of squares of what is left of each column of b, rows k and on of R. */
static void residuals(const gp_lapack_job *job, uint64_t k, void *out)
{
    bool complex = gp_lapack_type_of(job->dtype).complex;
    for (uint64_t j = k; j < job->n; j++) {
        double sum = 0;
        for (uint64_t i = k; i <= j; i++) {
            uint64_t at = i * job->n + j;
            double re = gp_lapack_real(job->dtype, job->matrix, complex ? 2 * at : at);
            double im = complex ? gp_lapack_real(job->dtype, job->matrix, 2 * at + 1) : 0;
            sum += re * re + im * im;
        }
        gp_lapack_set(job->dtype, out, j - k, sum);
    }
}

/* x = v s^-1 u^H b with R = [a b] of k rows; singular values below the bound are left out. Where A has fewer rows
 * than columns, R has rows of zeros, and the singular values that those add are left out, too. */
gpuproc_status gp_lapack_lstsq(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    gp_lapack_type t = gp_lapack_type_of(job->dtype);
    uint64_t columns = (uint64_t)job->size, k = job->n - columns, values = gp_min_u64(job->rows, k);
    char *x = job->result, *left = x + k * columns * t.wide, *rank = left + columns * t.wide, *out = rank + t.wide;
    for (uint64_t i = 0; i < k; i++)
        memcpy((char *)s->a + i * k * t.wide, (char *)job->matrix + i * job->n * t.wide, k * t.wide);
    if (!gp_lapack_finite(job->dtype, s->a, k * k))
        return gp_fail(err, GPUPROC_DOMAIN,
                       "SVD did not converge in linear least squares: the matrix has NaN or infinity, or overflows");
    if (k > 0 && !svd(job, k, k, s->a, s->u, s->vh, s))
        return gp_fail(err, GPUPROC_DOMAIN, "SVD did not converge in linear least squares");

    /* As LAPACK's gelsd has it: what is no proper fraction is eps. */
    double rcond = job->rcond < 0 ? t.eps * (double)gp_max_u64(job->rows, k) : job->rcond;
    if (!(rcond > 0 && rcond < 1)) rcond = t.eps;
    double most = k > 0 ? gp_lapack_real(job->dtype, s->values, 0) : 0;
    for (uint64_t i = 0; i < k; i++) {
        double value = i < values ? gp_lapack_real(job->dtype, s->values, i) : 0;
        gp_lapack_set(job->dtype, out, i, value);
        if (value > rcond * most) job->rank = i + 1;
    }
    gp_lapack_set(job->dtype, rank, 0, (double)job->rank);
    if (values > 0) {
        double least = gp_lapack_real(job->dtype, s->values, values - 1);
        job->condition = least > 0 ? most / least : INFINITY;
    }

    /* Of full rank: what is left of b below. Else NumPy says nothing. */
    if (job->rank == k && job->rows > k)
        residuals(job, k, left);
    else
        for (uint64_t j = 0; j < columns; j++) gp_lapack_set(job->dtype, left, j, NAN);

    const char *b = (const char *)job->matrix + k * t.wide;
    gp_multiply ub = {.dtype = job->dtype, .m = job->rank, .n = columns, .k = k, .a = {s->u, 1, (int64_t)k, true},
                      .b = {b, (int64_t)job->n, 1, false}, .c = s->ub, .c_row = (int64_t)columns};
    gp_multiply_alone(job->linalg, &ub);
    for (uint64_t i = 0; i < job->rank; i++)
        divide_row(job->dtype, s->ub, i, columns, gp_lapack_real(job->dtype, s->values, i));
    gp_multiply vub = {.dtype = job->dtype, .m = k, .n = columns, .k = job->rank, .a = {s->vh, 1, (int64_t)k, true},
                       .b = {s->ub, (int64_t)columns, 1, false}, .c = x, .c_row = (int64_t)columns};
    gp_multiply_alone(job->linalg, &vub);
    return GPUPROC_OK;
}
