#include "linalg/multiply_impl.h"

#include "base/memory.h"

#include <limits.h>
#include <string.h>

static void upper(const gp_blas *blas, gp_dtype dtype, int k, int n, const void *a, int row, void *c)
{
    const int order = GP_BLAS_ROW_MAJOR, up = GP_BLAS_UPPER, t = GP_BLAS_TRANS, h = GP_BLAS_CONJ_TRANS;
    switch (dtype) {
    case GPUPROC_FLOAT32: blas->s.syrk(order, up, t, n, k, 1, a, row, 1, c, n); break;
    case GPUPROC_FLOAT64: blas->d.syrk(order, up, t, n, k, 1, a, row, 1, c, n); break;
    case GPUPROC_COMPLEX64: blas->c.herk(order, up, h, n, k, 1, a, row, 1, c, n); break;
    default: blas->z.herk(order, up, h, n, k, 1, a, row, 1, c, n); break;
    }
}

/* OpenBLAS has kernels of their own for small gemm, which need half the time of a small syrk. */
static void small(const gp_blas *blas, gp_dtype dtype, int k, int n, const void *a, int row, void *c)
{
    const int order = GP_BLAS_ROW_MAJOR, t = GP_BLAS_TRANS, no = GP_BLAS_NO_TRANS;
    if (dtype == GPUPROC_FLOAT32) blas->s.gemm(order, t, no, n, n, k, 1, a, row, a, row, 1, c, n);
    else blas->d.gemm(order, t, no, n, n, k, 1, a, row, a, row, 1, c, n);
}

/* The lower triangle is the upper one's mirror image: the same bits, whoever computed them. */
#define MIRROR(R, parts)                                              \
    for (uint64_t i = 0; i < n; i++)                                  \
        for (uint64_t j = i + 1; j < n; j++)                          \
            for (int part = 0; part < parts; part++) {                \
                R x = ((const R *)c)[parts * (i * n + j) + part];     \
                ((R *)c)[parts * (j * n + i) + part] = part ? -x : x; \
            }

static void mirror(gp_dtype dtype, uint64_t n, void *c)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: MIRROR(float, 1) break;
    case GPUPROC_FLOAT64: MIRROR(double, 1) break;
    case GPUPROC_COMPLEX64: MIRROR(float, 2) break;
    default: MIRROR(double, 2) break;
    }
}

void gp_multiply_gram(const gp_linalg *linalg, gp_dtype dtype, uint64_t k, uint64_t n, const void *a, int64_t row,
                      void *c, bool add)
{
    size_t wide = gpuproc_dtype_bytes(dtype);
    if (linalg->products && k <= INT_MAX && n <= INT_MAX && row <= INT_MAX && k > 0 && n > 0) {
        if (!add) memset(c, 0, n * n * wide);
        const int ld = (int)gp_max_u64((uint64_t)row, n);
        const bool little = gp_dtype_kind(dtype) == GP_KIND_FLOAT && (double)n * (double)n * (double)k <= 1e6;
        (little ? small : upper)(&linalg->blas, dtype, (int)k, (int)n, a, ld, c);
    } else {
        char scratch[GP_MULTIPLY_LEAST];
        gp_multiply product = {.dtype = dtype, .m = n, .n = n, .k = k, .a = {a, 1, row, true}, .b = {a, row, 1, false},
                               .c = c, .c_row = (int64_t)n, .add = add};
        gp_multiply_plain(&product, scratch, sizeof scratch);
    }
    mirror(dtype, n, c);
}
