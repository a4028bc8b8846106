/* What the files of lapack share: how a routine is found and called, and how scratch memory is cut up.
 *
 * LAPACK has its matrices in column order: it sees ours transposed. Fortran takes everything by address, and the
 * lengths of character arguments at the end. */
#ifndef GP_LINALG_LAPACK_IMPL_H
#define GP_LINALG_LAPACK_IMPL_H

#include "linalg/lapack.h"

#include <stdbool.h>
#include <stddef.h>

/* What the routines of the four dtypes differ in. */
typedef struct gp_lapack_type {
    char prefix;
    bool complex, single;
    size_t wide, real; /* bytes of an element and of its part */
    double eps;        /* NumPy's finfo.eps */
} gp_lapack_type;
gp_lapack_type gp_lapack_type_of(gp_dtype dtype);

typedef int gp_int; /* Fortran's INTEGER */

/* "getrf" of float64 is dgetrf_; gp_lapack_check has seen that it is there. */
#define GP_ROUTINE(type, variable, linalg, dtype, name) \
    type *variable = (type *)(uintptr_t)gp_lapack_routine(linalg, dtype, name)
void *gp_lapack_routine(const gp_linalg *linalg, gp_dtype dtype, const char *name);

/* Scratch memory, laid out by the same function that counts it. What an operation does not need is NULL. */
typedef struct gp_lapack_scratch {
    gp_int *pivot, *iwork;
    void *work, *rwork; /* elements, reals */
    uint64_t lwork, lrwork, liwork;
    void *values;       /* singular or eigenvalues, tau */
    void *a, *u, *vh, *ub; /* LSTSQ */
} gp_lapack_scratch;
/* The bytes, UINT64_MAX where they do not fit; base NULL: only counted. */
uint64_t gp_lapack_lay(gp_op op, gp_dtype dtype, uint64_t m, uint64_t n, int64_t size, void *base,
                       gp_lapack_scratch *scratch);

/* The parts of gp_lapack_run: job, and its scratch memory. */
typedef gpuproc_status gp_lapack_part(gp_lapack_job *job, const gp_lapack_scratch *scratch, gpuproc_error *err);
gp_lapack_part gp_lapack_solve, gp_lapack_inv, gp_lapack_cholesky, gp_lapack_det; /* lapack_solve.c; det: and slogdet */
gp_lapack_part gp_lapack_eigh, gp_lapack_svd, gp_lapack_lstsq;                    /* lapack_spectral.c */
gp_lapack_part gp_lapack_qr;                                                      /* lapack_qr.c */

/* Whether `count` elements are neither NaN nor infinite: LAPACK prints messages of its own about those. */
bool gp_lapack_finite(gp_dtype dtype, const void *data, uint64_t count);

/* Real number i of an array of them, two for each complex element. */
double gp_lapack_real(gp_dtype dtype, const void *data, uint64_t i);
void gp_lapack_set_real(gp_dtype dtype, void *data, uint64_t i, double value);
/* Element i = value (+ 0j). */
void gp_lapack_set(gp_dtype dtype, void *data, uint64_t i, double value);

#endif
