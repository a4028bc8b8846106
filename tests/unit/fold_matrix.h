/* Matrices for the tests of folds over them: elements of the four dtypes in long double, products of the definition.
 * base/memory.c is replaced by the functions below: what is allocated is counted, and can fail. */
#ifndef TESTS_UNIT_FOLD_MATRIX_H
#define TESTS_UNIT_FOLD_MATRIX_H

#include "base/memory.h"

#include <complex.h>
#include <float.h>

#include "fold_run.h"

static int allocations, failing; /* the number of the one that fails; 0: none */
static uint64_t allocated;       /* bytes, all together */

void *gp_calloc(size_t count, size_t size)
{
    if (__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == failing) return NULL;
    __atomic_add_fetch(&allocated, count * size, __ATOMIC_RELAXED);
    return calloc(count ? count : 1, size ? size : 1);
}

void *gp_aligned_alloc(size_t count, size_t size)
{
    if (__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == failing) return NULL;
    __atomic_add_fetch(&allocated, count * size, __ATOMIC_RELAXED);
    return aligned_alloc(GP_ALIGNED, gp_aligned_bytes(count * size > 0 ? count * size : 1));
}

bool gp_grow(void *array, size_t *capacity, size_t need, size_t size)
{
    (void)array;
    (void)size;
    return need <= *capacity;
}

typedef long double complex number;

static const gp_dtype dtypes[] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_COMPLEX64, GPUPROC_COMPLEX128};
static gp_linalg *linalg;

static inline number at(gp_dtype dtype, const void *data, uint64_t i)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: return ((const float *)data)[i];
    case GPUPROC_FLOAT64: return ((const double *)data)[i];
    case GPUPROC_COMPLEX64: return ((const float complex *)data)[i];
    default: return ((const double complex *)data)[i];
    }
}

static inline void set(gp_dtype dtype, void *data, uint64_t i, number x)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: ((float *)data)[i] = (float)creall(x); break;
    case GPUPROC_FLOAT64: ((double *)data)[i] = (double)creall(x); break;
    case GPUPROC_COMPLEX64: ((float complex *)data)[i] = (float complex)x; break;
    default: ((double complex *)data)[i] = (double complex)x; break;
    }
}

static inline bool is_single(gp_dtype dtype) { return dtype == GPUPROC_FLOAT32 || dtype == GPUPROC_COMPLEX64; }
static inline long double eps_of(gp_dtype dtype) { return is_single(dtype) ? FLT_EPSILON : DBL_EPSILON; }
static inline bool is_complex(gp_dtype dtype) { return gp_dtype_kind(dtype) == GP_KIND_COMPLEX; }

static inline void *matrices(random_state *r, gp_dtype dtype, uint64_t count)
{
    void *data = exactly(count * gpuproc_dtype_bytes(dtype));
    for (uint64_t i = 0; i < count; i++) {
        long double re = (long double)(random_bits(r) >> 11) * 0x1p-52L - 1, im = (long double)(random_bits(r) >> 11) * 0x1p-52L - 1;
        set(dtype, data, i, is_complex(dtype) ? re + im * I : re);
    }
    return data;
}

static inline gp_fold_spec spec_of(gp_op op, gp_dtype dtype, int64_t m, int64_t n, int64_t size, uint64_t results)
{
    return (gp_fold_spec){.op = op, .operand = {dtype}, .operands = 1, .shape = {2, {m, n}}, .size = size, .ddof = -1,
                          .dtype = dtype, .result = {1, {(int64_t)results}}, .linalg = linalg};
}

static inline void *result_of(const gp_fold_spec *spec, const void *data, random_state *r)
{
    gpuproc_status st;
    gpuproc_error err;
    allocated = 0;
    void *result = fold_run_with(spec, data, r, 0, 1, false, 0, NULL, &st, &err);
    if (st != GPUPROC_OK) print_message("%s: %s\n", gp_op_info_of(spec->op)->name, err.message);
    assert_int_equal(st, GPUPROC_OK);
    assert_true(allocated <= gp_fold_bytes(spec));
    assert_true(2 * allocated + 4096 >= gp_fold_bytes(spec)); /* and not much more was asked for */
    fold_same_when_cut(spec, data, result, false, r);
    return result;
}

/* (m, n) += scale * op(a) @ b with strides in elements; conj: of a. */
typedef struct operand {
    const void *data;
    uint64_t row, column;
    bool conj;
} operand;

static inline number *product(gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, operand a, operand b)
{
    number *c = calloc(m * n + 1, sizeof *c);
    for (uint64_t i = 0; i < m; i++)
        for (uint64_t l = 0; l < k; l++) {
            number x = at(dtype, a.data, i * a.row + l * a.column);
            if (a.conj) x = conjl(x);
            for (uint64_t j = 0; j < n; j++) {
                number y = at(dtype, b.data, l * b.row + j * b.column);
                c[i * n + j] += x * (b.conj ? conjl(y) : y);
            }
        }
    return c;
}

/* Every element of a - b is at most `bound`; b NULL: the identity. */
static inline void near(const char *what, const number *a, const number *b, uint64_t m, uint64_t n, long double bound)
{
    for (uint64_t i = 0; i < m; i++)
        for (uint64_t j = 0; j < n; j++) {
            number y = b != NULL ? b[i * n + j] : i == j;
            long double d = cabsl(a[i * n + j] - y);
            if (!(d <= bound)) {
                print_message("%s: element (%d, %d) of (%d, %d) is off by %Lg, %Lg is allowed\n", what, (int)i, (int)j,
                              (int)m, (int)n, d, bound);
                fail();
            }
        }
}

static inline number *wide(gp_dtype dtype, const void *data, uint64_t first, uint64_t count)
{
    number *x = calloc(count + 1, sizeof *x);
    for (uint64_t i = 0; i < count; i++) x[i] = at(dtype, data, first + i);
    return x;
}

static inline int open_linalg(void **state)
{
    (void)state;
    return gp_linalg_open(&linalg, NULL) == GPUPROC_OK ? 0 : -1;
}

static inline int close_linalg(void **state)
{
    (void)state;
    gp_linalg_close(linalg);
    return 0;
}

#endif
