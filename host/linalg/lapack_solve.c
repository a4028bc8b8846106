/* What goes by an LU or a Cholesky decomposition. */
#include "linalg/lapack_impl.h"

#include "base/memory.h"
#include "linalg/transpose.h"

#include <math.h>
#include <string.h>

typedef void getrf_routine(const gp_int *m, const gp_int *n, void *a, const gp_int *lda, gp_int *pivot, gp_int *info);
typedef void getri_routine(const gp_int *n, void *a, const gp_int *lda, const gp_int *pivot, void *work,
                           const gp_int *lwork, gp_int *info);
typedef void gecon_routine(const char *norm, const gp_int *n, const void *a, const gp_int *lda, const void *anorm,
                           void *rcond, void *work, void *other, gp_int *info, size_t);
typedef void trsm_routine(const char *side, const char *uplo, const char *trans, const char *diag, const gp_int *m,
                          const gp_int *n, const void *alpha, const void *a, const gp_int *lda, void *b,
                          const gp_int *ldb, size_t, size_t, size_t, size_t);
typedef void potrf_routine(const char *uplo, const gp_int *n, void *a, const gp_int *lda, gp_int *info, size_t);

/* Absolute value of element i; for the norm, so that it need not be exact. */
static double magnitude(gp_dtype dtype, bool complex, const void *data, uint64_t i)
{
    if (!complex) return fabs(gp_lapack_real(dtype, data, i));
    return hypot(gp_lapack_real(dtype, data, 2 * i), gp_lapack_real(dtype, data, 2 * i + 1));
}

/* The largest sum of magnitudes of m rows, m each, that begin `row` elements apart. */
static double norm_of(gp_dtype dtype, uint64_t m, const void *a, uint64_t row)
{
    bool complex = gp_lapack_type_of(dtype).complex;
    double norm = 0;
    for (uint64_t i = 0; i < m; i++) {
        double sum = 0;
        for (uint64_t j = 0; j < m; j++) sum += magnitude(dtype, complex, a, i * row + j);
        if (!(sum <= norm) && !isnan(norm)) norm = sum; /* NaN stays */
    }
    return norm;
}

/* Transposes the leading (m, m) of the matrix into LAPACK's order, as NumPy does, so that the same matrices turn out
 * to be singular, and decomposes it in place. */
static bool decompose(const gp_lapack_job *job, const gp_lapack_scratch *s)
{
    gp_int m = (gp_int)job->m, lda = (gp_int)job->n, info = 0;
    GP_ROUTINE(getrf_routine, getrf, job->linalg, job->dtype, "getrf");
    gp_transpose_square(gp_lapack_type_of(job->dtype).wide, job->m, job->matrix, job->n);
    getrf(&m, &m, job->matrix, &lda, s->pivot, &info);
    return info == 0;
}

/* An estimate of the condition number from the decomposition and the norm before it. Nothing is said about
 * matrices of NaN and infinity. */
static double condition_of(const gp_lapack_job *job, const gp_lapack_scratch *s, double norm)
{
    gp_int m = (gp_int)job->m, lda = (gp_int)job->n, info = 0;
    double anorm, reciprocal; /* or float */
    if (!isfinite(norm)) return 0;
    GP_ROUTINE(gecon_routine, gecon, job->linalg, job->dtype, "gecon");
    gp_lapack_set_real(job->dtype, &anorm, 0, norm);
    gecon("I", &m, job->matrix, &lda, &anorm, &reciprocal, s->work, s->rwork != NULL ? s->rwork : s->iwork, &info, 1);
    if (info != 0) return 0;
    double r = gp_lapack_real(job->dtype, &reciprocal, 0);
    return isnan(r) ? 0 : r > 0 ? 1 / r : INFINITY;
}

static gpuproc_status singular(gpuproc_error *err) { return gp_fail(err, GPUPROC_DOMAIN, "singular matrix"); }

/* The columns of [a | b] lie as rows of LAPACK's matrix, below each other: a @ x = b is x^T a^T = b^T there, which
 * needs no copy of b but the result. */
gpuproc_status gp_lapack_solve(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    gp_lapack_type t = gp_lapack_type_of(job->dtype);
    uint64_t m = job->m, columns = job->n - m;
    if (m == 0) return GPUPROC_OK;
    double norm = norm_of(job->dtype, m, job->matrix, job->n);
    for (uint64_t i = 0; i < m; i++)
        memcpy((char *)job->result + i * columns * t.wide, (char *)job->matrix + (i * job->n + m) * t.wide,
               columns * t.wide);
    if (!decompose(job, s)) return singular(err);
    job->condition = condition_of(job, s, norm);
    if (columns == 0) return GPUPROC_OK;

    size_t bytes = columns * t.wide;
    for (uint64_t i = 0; i < m; i++) {
        char *a = (char *)job->result + i * bytes, *b = (char *)job->result + ((uint64_t)s->pivot[i] - 1) * bytes;
        for (size_t k = 0; a != b && k < bytes; k++) {
            char x = a[k];
            a[k] = b[k];
            b[k] = x;
        }
    }
    double one[2]; /* or float */
    gp_lapack_set(job->dtype, one, 0, 1);
    gp_int rows = (gp_int)columns, order = (gp_int)m, lda = (gp_int)job->n;
    GP_ROUTINE(trsm_routine, trsm, job->linalg, job->dtype, "trsm");
    trsm("R", "L", "T", "U", &rows, &order, one, job->matrix, &lda, job->result, &rows, 1, 1, 1, 1);
    trsm("R", "U", "T", "N", &rows, &order, one, job->matrix, &lda, job->result, &rows, 1, 1, 1, 1);
    return GPUPROC_OK;
}

gpuproc_status gp_lapack_inv(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    gp_lapack_type t = gp_lapack_type_of(job->dtype);
    gp_int m = (gp_int)job->m, lwork = (gp_int)s->lwork, info = 0;
    if (m == 0) return GPUPROC_OK;
    double norm = norm_of(job->dtype, job->m, job->matrix, job->n);
    if (!decompose(job, s)) return singular(err);
    job->condition = condition_of(job, s, norm);
    GP_ROUTINE(getri_routine, getri, job->linalg, job->dtype, "getri");
    getri(&m, job->matrix, &m, s->pivot, s->work, &lwork, &info);
    if (info != 0) return singular(err);
    gp_transpose(t.wide, job->m, job->m, job->matrix, job->m, job->result, job->m);
    return GPUPROC_OK;
}

/* Our lower triangle is LAPACK's upper one. */
gpuproc_status gp_lapack_cholesky(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    (void)s;
    size_t wide = gp_lapack_type_of(job->dtype).wide;
    gp_int n = (gp_int)job->n, info = 0;
    if (n == 0) return GPUPROC_OK;
    GP_ROUTINE(potrf_routine, potrf, job->linalg, job->dtype, "potrf");
    potrf("U", &n, job->matrix, &n, &info, 1);
    if (info != 0) return gp_fail(err, GPUPROC_DOMAIN, "matrix is not positive definite");
    for (uint64_t i = 0; i < job->n; i++) {
        char *row = (char *)job->result + i * job->n * wide;
        memcpy(row, (char *)job->matrix + i * job->n * wide, (i + 1) * wide);
        memset(row + (i + 1) * wide, 0, (job->n - i - 1) * wide);
    }
    return GPUPROC_OK;
}

/* ---- Determinants ----------------------------------------------------------- */

/* A product of complex numbers as one of about length 1 times exp2(exponent): it neither overflows nor vanishes on
 * the way. */
typedef struct scaled {
    double re, im;
    int64_t exponent;
    double log; /* the sum of the logarithms of the magnitudes */
} scaled;

static void multiply(scaled *p, double re, double im)
{
    int exponent = 0;
    double x = p->re * re - p->im * im, y = p->re * im + p->im * re;
    if (p->im == 0 && im == 0) { /* no NaN from 0 * infinity */
        x = p->re * re;
        y = 0;
    }
    p->log += log(im == 0 ? fabs(re) : hypot(re, im));
    frexp(fmax(fabs(x), fabs(y)), &exponent);
    if (!isfinite(x) || !isfinite(y) || (x == 0 && y == 0)) exponent = 0;
    p->re = ldexp(x, -exponent);
    p->im = ldexp(y, -exponent);
    p->exponent += exponent;
}

static double unscale(double x, int64_t exponent)
{
    if (exponent > 5000) exponent = 5000;
    if (exponent < -5000) exponent = -5000;
    return ldexp(x, (int)exponent);
}

gpuproc_status gp_lapack_det(gp_lapack_job *job, const gp_lapack_scratch *s, gpuproc_error *err)
{
    (void)err;
    gp_lapack_type t = gp_lapack_type_of(job->dtype);
    scaled det = {1, 0, 0, 0};
    bool whole = job->m == 0 || decompose(job, s);
    for (uint64_t i = 0; whole && i < job->m; i++) {
        uint64_t at = i * job->n + i;
        double re = gp_lapack_real(job->dtype, job->matrix, t.complex ? 2 * at : at);
        double im = t.complex ? gp_lapack_real(job->dtype, job->matrix, 2 * at + 1) : 0;
        if (s->pivot[i] != (gp_int)(i + 1)) {
            re = -re;
            im = im == 0 ? 0 : -im;
        }
        multiply(&det, re, im);
    }
    if (!whole) det = (scaled){0, 0, 0, -INFINITY};
    if (job->op == GP_OP_DET) {
        gp_lapack_set(job->dtype, job->result, 0, unscale(det.re, det.exponent));
        if (t.complex) gp_lapack_set_real(job->dtype, job->result, 1, unscale(det.im, det.exponent));
        return GPUPROC_OK;
    }
    /* NumPy's sign of a real NaN is a 1; which one does not matter. */
    double length = t.complex ? hypot(det.re, det.im) : 1;
    if (det.re == 0 && det.im == 0) length = 1;
    double sign = t.complex ? det.re / length : isnan(det.re) ? 1 : (det.re > 0) - (det.re < 0);
    gp_lapack_set(job->dtype, job->result, 0, sign);
    if (t.complex) gp_lapack_set_real(job->dtype, job->result, 1, det.im / length);
    gp_lapack_set(job->dtype, job->result, 1, det.log);
    return GPUPROC_OK;
}
