#include "linalg/multiply_impl.h"

#include "base/memory.h"

#include <limits.h>
#include <string.h>

/* A matrix as BLAS names it: rows lie `ld` apart, or those of its transpose do. */
typedef struct operand {
    const void *data;
    int transposed, ld;
} operand;

static bool describe(const gp_matrix *m, uint64_t rows, uint64_t columns, operand *o)
{
    if (!gp_multiply_takes(m, rows, columns)) return false;
    bool plain = (columns == 1 || m->column == 1) && (rows == 1 || m->row >= (int64_t)columns);
    int64_t ld = plain ? (rows == 1 ? (int64_t)columns : m->row) : (columns == 1 ? (int64_t)rows : m->column);
    if (ld > INT_MAX) return false;
    static const int names[2][2] = {{GP_BLAS_TRANS, GP_BLAS_CONJ_TRANS}, {GP_BLAS_NO_TRANS, GP_BLAS_CONJ_NO_TRANS}};
    *o = (operand){m->data, names[plain][m->conjugate], (int)ld};
    return true;
}

/* The way of a vector: the stride between its elements. */
static bool vector(const gp_matrix *m, uint64_t length, int64_t stride, int *inc)
{
    if (m->conjugate || stride <= 0 || stride > INT_MAX) return false;
    *inc = length == 1 ? 1 : (int)stride;
    return true;
}

static void gemm(const gp_blas *blas, gp_dtype dtype, int m, int n, int k, const operand *a, const operand *b, void *c,
                 int ldc)
{
    static const float one_c[2] = {1, 0};
    static const double one_z[2] = {1, 0};
    const int order = GP_BLAS_ROW_MAJOR, ta = a->transposed, tb = b->transposed, lda = a->ld, ldb = b->ld;
    switch (dtype) {
    case GPUPROC_FLOAT32: blas->s.gemm(order, ta, tb, m, n, k, 1, a->data, lda, b->data, ldb, 1, c, ldc); break;
    case GPUPROC_FLOAT64: blas->d.gemm(order, ta, tb, m, n, k, 1, a->data, lda, b->data, ldb, 1, c, ldc); break;
    case GPUPROC_COMPLEX64: blas->c.gemm(order, ta, tb, m, n, k, one_c, a->data, lda, b->data, ldb, one_c, c, ldc); break;
    default: blas->z.gemm(order, ta, tb, m, n, k, one_z, a->data, lda, b->data, ldb, one_z, c, ldc); break;
    }
}

static void gemv(const gp_blas *blas, gp_dtype dtype, int rows, int columns, const operand *a, const void *x, int incx,
                 void *y, int incy)
{
    static const float one_c[2] = {1, 0};
    static const double one_z[2] = {1, 0};
    const int order = GP_BLAS_ROW_MAJOR, t = a->transposed, lda = a->ld;
    switch (dtype) {
    case GPUPROC_FLOAT32: blas->s.gemv(order, t, rows, columns, 1, a->data, lda, x, incx, 1, y, incy); break;
    case GPUPROC_FLOAT64: blas->d.gemv(order, t, rows, columns, 1, a->data, lda, x, incx, 1, y, incy); break;
    case GPUPROC_COMPLEX64: blas->c.gemv(order, t, rows, columns, one_c, a->data, lda, x, incx, one_c, y, incy); break;
    default: blas->z.gemv(order, t, rows, columns, one_z, a->data, lda, x, incx, one_z, y, incy); break;
    }
}

/* c = a @ b as y = M x, which reads the matrix once and packs nothing. */
static bool by_vector(const gp_blas *blas, const gp_multiply *p)
{
    operand matrix;
    int incx;
    if (p->n == 1) { /* M = a: stored as it is named */
        if (!vector(&p->b, p->k, p->b.row, &incx) || !describe(&p->a, p->m, p->k, &matrix)) return false;
        bool plain = matrix.transposed == GP_BLAS_NO_TRANS || matrix.transposed == GP_BLAS_CONJ_NO_TRANS;
        gemv(blas, p->dtype, (int)(plain ? p->m : p->k), (int)(plain ? p->k : p->m), &matrix, p->b.data, incx, p->c,
             (int)p->c_row);
        return true;
    }
    /* M = b^T */
    gp_matrix turned = {p->b.data, p->b.column, p->b.row, p->b.conjugate};
    if (!vector(&p->a, p->k, p->a.column, &incx) || !describe(&turned, p->n, p->k, &matrix)) return false;
    bool plain = matrix.transposed == GP_BLAS_NO_TRANS || matrix.transposed == GP_BLAS_CONJ_NO_TRANS;
    gemv(blas, p->dtype, (int)(plain ? p->n : p->k), (int)(plain ? p->k : p->n), &matrix, p->a.data, incx, p->c, 1);
    return true;
}

bool gp_multiply_blas(const gp_blas *blas, const gp_multiply *p)
{
    operand a, b;
    if (p->m > INT_MAX || p->n > INT_MAX || p->k > INT_MAX || p->c_row > INT_MAX ||
        !describe(&p->a, p->m, p->k, &a) || !describe(&p->b, p->k, p->n, &b))
        return false;
    /* Zeros of our own and beta = 1: whether beta = 0 lets a NaN in c live depends on the release. */
    size_t wide = gpuproc_dtype_bytes(p->dtype);
    if (!p->add)
        for (uint64_t i = 0; i < p->m; i++) memset((char *)p->c + i * (uint64_t)p->c_row * wide, 0, p->n * wide);
    if ((p->m == 1 || p->n == 1) && by_vector(blas, p)) return true;
    int ldc = p->m == 1 ? (int)p->n : (int)p->c_row;
    gemm(blas, p->dtype, (int)p->m, (int)p->n, (int)p->k, &a, &b, p->c, ldc);
    return true;
}
