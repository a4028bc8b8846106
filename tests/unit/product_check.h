/* Matrices in every layout, and their products element by element in wider arithmetic; for the tests of linalg. */
#ifndef TESTS_UNIT_PRODUCT_CHECK_H
#define TESTS_UNIT_PRODUCT_CHECK_H

#include "fold_run.h"

#include "linalg/multiply.h"

static gp_linalg *linalgs[2]; /* without, with OpenBLAS; the latter may be built-in too */

static inline int open_both(void **state)
{
    (void)state;
    char *before = getenv("GPUPROC_BLAS") ? strdup(getenv("GPUPROC_BLAS")) : NULL;
    setenv("GPUPROC_BLAS", "none", 1);
    if (gp_linalg_open(&linalgs[0], NULL) != GPUPROC_OK) return 1;
    if (before)
        setenv("GPUPROC_BLAS", before, 1);
    else
        unsetenv("GPUPROC_BLAS");
    free(before);
    return gp_linalg_open(&linalgs[1], NULL) != GPUPROC_OK;
}

static inline int close_both(void **state)
{
    (void)state;
    gp_linalg_close(linalgs[0]);
    gp_linalg_close(linalgs[1]);
    return 0;
}

static const gp_dtype dtypes[] = {
    GPUPROC_BOOL,    GPUPROC_INT8,      GPUPROC_INT16,      GPUPROC_INT32,  GPUPROC_INT64,
    GPUPROC_UINT8,   GPUPROC_UINT16,    GPUPROC_UINT32,     GPUPROC_UINT64, GPUPROC_FLOAT32,
    GPUPROC_FLOAT64, GPUPROC_COMPLEX64, GPUPROC_COMPLEX128,
};
#define DTYPES (sizeof dtypes / sizeof dtypes[0])

static inline bool is_complex(gp_dtype d)
{
    return gp_dtype_kind(d) == GP_KIND_COMPLEX;
}
static inline bool is_real(gp_dtype d)
{
    return gp_dtype_kind(d) == GP_KIND_FLOAT;
}
static inline double unit_of(gp_dtype d)
{
    return d == GPUPROC_FLOAT32 || d == GPUPROC_COMPLEX64 ? 0x1p-24 : 0x1p-53;
}

/* ---- Matrices in many layouts ---- */

enum { C_ORDER, C_PADDED, F_ORDER, F_PADDED, LAYOUTS_TAKEN, APART = LAYOUTS_TAKEN, BACKWARDS, LAYOUTS };
enum { SMALL_INTEGERS, NUMBERS, SPECIAL };

typedef struct matrix {
    gp_matrix m;
    void *memory;
} matrix;

static inline void put(gp_dtype dtype, void *to, random_state *random, int values)
{
    int64_t bits = (int64_t)random_bits(random);
    int parts = is_complex(dtype) ? 2 : 1;
    for (int part = 0; part < parts; part++, bits = (int64_t)random_bits(random)) {
        double x =
            values == SMALL_INTEGERS ? (double)(bits % 16) : ldexp((double)bits, -63 + (int)(random_bits(random) % 9));
        if (values == SPECIAL) {
            static const double some[] = {0, -0.0, 1, NAN, INFINITY, -INFINITY, 2};
            x = random_below(random, 12) ? (double)(bits % 3) : some[random_below(random, 7)];
        }
        switch (dtype) {
        case GPUPROC_BOOL: *(uint8_t *)to = bits % 7 == 0; break;
        case GPUPROC_FLOAT32:
        case GPUPROC_COMPLEX64: ((float *)to)[part] = (float)x; break;
        case GPUPROC_FLOAT64:
        case GPUPROC_COMPLEX128: ((double *)to)[part] = x; break;
        default: memcpy(to, &bits, gpuproc_dtype_bytes(dtype)); break;
        }
    }
}

static inline matrix make(gp_dtype dtype, uint64_t rows, uint64_t columns, int layout, random_state *random, int values)
{
    int64_t r = (int64_t)rows, c = (int64_t)columns, elements = r * c, first = 0;
    size_t wide = gpuproc_dtype_bytes(dtype);
    matrix m = {0};
    switch (layout) {
    case C_ORDER:
        m.m.row = c;
        m.m.column = 1;
        break;
    case C_PADDED:
        m.m.row = c + 3;
        m.m.column = 1;
        elements = r * (c + 3);
        break;
    case F_ORDER:
        m.m.row = 1;
        m.m.column = r;
        break;
    case F_PADDED:
        m.m.row = 1;
        m.m.column = r + 5;
        elements = (r + 5) * c;
        break;
    case APART:
        m.m.row = 3 * c;
        m.m.column = 3;
        elements = 3 * r * c;
        break;
    default:
        m.m.row = -c;
        m.m.column = 1;
        first = r > 0 ? (r - 1) * c : 0;
        break;
    }
    m.memory = malloc((size_t)elements * wide + 1);
    memset(m.memory, 0xff, (size_t)elements * wide); /* NaN between the rows */
    m.m.data = (char *)m.memory + (size_t)first * wide;
    for (int64_t i = 0; i < r; i++)
        for (int64_t j = 0; j < c; j++)
            put(dtype, (char *)m.m.data + (i * m.m.row + j * m.m.column) * (int64_t)wide, random, values);
    return m;
}

/* ---- The plain triple loop ---- */

typedef long double wide; /* 11 bits more than float64: 0.1 % of the bound is its own error */
typedef struct number {
    wide re, im;
} number;

static inline number number_at(gp_dtype dtype, const void *data, int64_t at)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: return (number){((const float *)data)[at], 0};
    case GPUPROC_FLOAT64: return (number){((const double *)data)[at], 0};
    case GPUPROC_COMPLEX64: return (number){((const float *)data)[2 * at], ((const float *)data)[2 * at + 1]};
    default: return (number){((const double *)data)[2 * at], ((const double *)data)[2 * at + 1]};
    }
}

static inline uint64_t bits_at(gp_dtype dtype, const void *data, int64_t at)
{
    size_t bytes = gpuproc_dtype_bytes(dtype);
    uint64_t bits = 0;
    memcpy(&bits, (const char *)data + at * (int64_t)bytes, bytes);
    return bits;
}

static inline int64_t place(const gp_matrix *m, uint64_t i, uint64_t j)
{
    return (int64_t)i * m->row + (int64_t)j * m->column;
}

static inline double size_of(number x)
{
    return x.im == 0 ? fabs((double)x.re) : sqrt((double)(x.re * x.re + x.im * x.im));
}

static inline bool same_class(double x, double y)
{
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    return isinf(x) || isinf(y) ? x == y : true;
}

/* `old`: c before, for add. */
static inline void check_element(const gp_multiply *p, const void *old, uint64_t i, uint64_t j, bool exact)
{
    int64_t at = (int64_t)i * p->c_row + (int64_t)j;
    if (!is_real(p->dtype) && !is_complex(p->dtype)) {
        size_t bytes = gpuproc_dtype_bytes(p->dtype);
        uint64_t sum = p->add ? bits_at(p->dtype, old, at) : 0;
        for (uint64_t q = 0; q < p->k; q++) {
            uint64_t x = bits_at(p->dtype, p->a.data, place(&p->a, i, q)),
                     y = bits_at(p->dtype, p->b.data, place(&p->b, q, j));
            if (p->dtype == GPUPROC_BOOL)
                sum |= x & y;
            else
                sum += x * y;
        }
        if (bytes < 8) sum &= (UINT64_C(1) << 8 * bytes) - 1;
        assert_int_equal(bits_at(p->dtype, p->c, at), sum);
        return;
    }
    number sum = p->add ? number_at(p->dtype, old, at) : (number){0, 0};
    double sizes = size_of(sum);
    for (uint64_t q = 0; q < p->k; q++) {
        number x = number_at(p->dtype, p->a.data, place(&p->a, i, q)),
               y = number_at(p->dtype, p->b.data, place(&p->b, q, j));
        if (p->a.conjugate) x.im = -x.im;
        if (p->b.conjugate) y.im = -y.im;
        if (is_complex(p->dtype)) {
            sum.re += x.re * y.re - x.im * y.im;
            sum.im += x.re * y.im + x.im * y.re;
        } else {
            sum.re += x.re * y.re;
        }
        sizes += size_of(x) * size_of(y);
    }
    number is = number_at(p->dtype, p->c, at);
    if (is_complex(p->dtype) &&
        !isfinite(sizes)) { /* inf by (1, 0) makes a NaN beside it: which of both is not ours to say */
        assert_true(!isfinite((double)sum.re + (double)sum.im) == !isfinite((double)is.re + (double)is.im));
        return;
    }
    assert_true(same_class((double)sum.re, (double)is.re));
    if (!isfinite((double)sum.re)) return;
    double error = size_of((number){is.re - sum.re, is.im - sum.im});
    double bound = exact ? 0 : 1.001 * ((double)p->k + 2) * unit_of(p->dtype) * sizes;
    if (!(error <= bound))
        fail_msg("%s (%lu, %lu, %lu): element (%lu, %lu) is %g, off by %g, at most %g", gpuproc_dtype_name(p->dtype),
                 (unsigned long)p->m, (unsigned long)p->n, (unsigned long)p->k, (unsigned long)i, (unsigned long)j,
                 (double)is.re, error, bound);
}

#endif
