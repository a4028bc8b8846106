/* What is called of OpenBLAS. Declared here, so that nothing of it is needed to build. */
#ifndef GP_LINALG_OPENBLAS_H
#define GP_LINALG_OPENBLAS_H

#include "linalg/linalg.h"

/* cblas.h's numbers. */
enum {
    GP_BLAS_ROW_MAJOR = 101,
    GP_BLAS_NO_TRANS = 111, GP_BLAS_TRANS, GP_BLAS_CONJ_TRANS, GP_BLAS_CONJ_NO_TRANS, /* the last is OpenBLAS' own */
    GP_BLAS_UPPER = 121,
};

/* Sizes are int. `real` is passed by value, complex scalars by pointer. */
#define GP_BLAS_REAL(real)                                                                                            \
    void (*gemm)(int order, int ta, int tb, int m, int n, int k, real alpha, const real *a, int lda, const real *b,   \
                 int ldb, real beta, real *c, int ldc);                                                               \
    void (*gemv)(int order, int t, int m, int n, real alpha, const real *a, int lda, const real *x, int incx,         \
                 real beta, real *y, int incy);                                                                       \
    void (*syrk)(int order, int uplo, int t, int n, int k, real alpha, const real *a, int lda, real beta, real *c,    \
                 int ldc)
#define GP_BLAS_COMPLEX(real)                                                                                         \
    void (*gemm)(int order, int ta, int tb, int m, int n, int k, const real *alpha, const real *a, int lda,           \
                 const real *b, int ldb, const real *beta, real *c, int ldc);                                         \
    void (*gemv)(int order, int t, int m, int n, const real *alpha, const real *a, int lda, const real *x, int incx,  \
                 const real *beta, real *y, int incy);                                                                \
    void (*herk)(int order, int uplo, int t, int n, int k, real alpha, const real *a, int lda, real beta, real *c,    \
                 int ldc)

typedef struct gp_blas {
    struct { GP_BLAS_REAL(float); } s;
    struct { GP_BLAS_REAL(double); } d;
    struct { GP_BLAS_COMPLEX(float); } c;
    struct { GP_BLAS_COMPLEX(double); } z;
} gp_blas;

struct gp_linalg {
    void *library; /* NULL: built-in; `blas` is whole where it is not */
    gp_blas blas;
    bool products; /* that `blas` is to be used for them */
    bool lapack;
    char name[256];
};

/* A function of the library, such as "dgeqrf_"; NULL where it is not there. */
void *gp_linalg_symbol(const gp_linalg *linalg, const char *name);

#endif
