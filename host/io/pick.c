/* All work is done by a loop over two axes; the axes of the walk beyond two are an odometer
 * around it. The columns of the two are always the last axis, side by side in `out`; the rows
 * are the axis that suits best. */
#include "io/pick.h"

#include <stdbool.h>
#include <string.h>

/* Runs from here on are copied by memcpy. */
#define MEMCPY_MIN_BYTES 32u
/* A step in `in` up to here uses most of what a cache line brings. */
#define NEAR_BYTES 64
/* Squares of a transposition, small enough for the first cache. */
#define SQUARE_ROWS 16u
#define SQUARE_COLUMNS 64u

/* Data may begin at any byte of a file. */
typedef uint8_t w1 __attribute__((may_alias));
typedef uint16_t w2 __attribute__((may_alias, aligned(1)));
typedef uint32_t w4 __attribute__((may_alias, aligned(1)));
typedef uint64_t w8 __attribute__((may_alias, aligned(1)));
typedef struct pair {
    uint64_t a, b;
} __attribute__((may_alias, packed)) w16;

typedef struct plane {
    size_t rows, columns;
    ptrdiff_t to;          /* from row to row in `out` */
    ptrdiff_t row, column; /* steps in `in` */
} plane;

/* Squares as wide as a vector are transposed in registers: rounds of interleaving the first half of the
 * lines with the second. */
#define VECTOR 16u
typedef uint8_t v1 __attribute__((vector_size(16)));
typedef uint16_t v2 __attribute__((vector_size(16)));
typedef uint32_t v4 __attribute__((vector_size(16)));

#define LOW1 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH1 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW2 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH2 4, 12, 5, 13, 6, 14, 7, 15
#define LOW4 0, 4, 1, 5
#define HIGH4 2, 6, 3, 7

#define REGISTERS(size)                                                                            \
    static inline void turn_w##size(w##size *out, ptrdiff_t to, const w##size *in, ptrdiff_t column) \
    {                                                                                              \
        enum { N = VECTOR / size };                                                                \
        v##size a[N], b[N];                                                                        \
        for (int k = 0; k < N; k++) memcpy(&a[k], in + k * column, VECTOR);                        \
        for (int round = 1; round < N; round *= 2) {                                               \
            for (int k = 0; k < N / 2; k++) {                                                      \
                b[2 * k] = __builtin_shuffle(a[k], a[k + N / 2], (v##size){LOW##size});            \
                b[2 * k + 1] = __builtin_shuffle(a[k], a[k + N / 2], (v##size){HIGH##size});       \
            }                                                                                      \
            for (int k = 0; k < N; k++) a[k] = b[k];                                               \
        }                                                                                          \
        for (int k = 0; k < N; k++) memcpy(out + k * to, &a[k], VECTOR);                           \
    }                                                                                              \
    /* What is a multiple of a vector both ways; says how much that was. */                        \
    static void vectors_w##size(const plane *p, w##size *out, const w##size *in, size_t *rows, size_t *columns) \
    {                                                                                              \
        const size_t n = VECTOR / size;                                                            \
        *rows = p->row == 1 ? p->rows / n * n : 0;                                                 \
        *columns = p->columns / n * n;                                                             \
        for (size_t i = 0; i < *rows; i += n) {                                                    \
            for (size_t k = 0; k < *columns; k += n)                                               \
                turn_w##size(out + (ptrdiff_t)i * p->to + k, p->to, in + i + (ptrdiff_t)k * p->column, p->column); \
        }                                                                                          \
    }
REGISTERS(1)
REGISTERS(2)
REGISTERS(4)

/* Wider elements gain nothing. */
#define NO_REGISTERS(type)                                                                         \
    static void vectors_##type(const plane *p, type *out, const type *in, size_t *rows, size_t *columns) \
    {                                                                                              \
        (void)p, (void)out, (void)in;                                                              \
        *rows = *columns = 0;                                                                      \
    }
NO_REGISTERS(w8)
NO_REGISTERS(w16)

/* `column` is a constant in each call of a line: the compiler makes a loop for each. */
#define KERNELS(type)                                                                              \
    static inline __attribute__((always_inline)) void line_##type(                                 \
        type *restrict out, const type *restrict in, ptrdiff_t column, size_t n)                   \
    {                                                                                              \
        for (size_t k = 0; k < n; k++) out[k] = in[(ptrdiff_t)k * column];                         \
    }                                                                                              \
    static void runs_##type(const plane *p, type *out, const type *in)                             \
    {                                                                                              \
        size_t n = p->columns;                                                                     \
        if (n * sizeof(type) >= MEMCPY_MIN_BYTES) {                                                \
            for (size_t i = 0; i < p->rows; i++, out += p->to, in += p->row)                       \
                memcpy(out, in, n * sizeof(type));                                                 \
            return;                                                                                \
        }                                                                                          \
        for (size_t i = 0; i < p->rows; i++, out += p->to, in += p->row) {                         \
            for (size_t k = 0; k < n; k++) out[k] = in[k];                                         \
        }                                                                                          \
    }                                                                                              \
    static void lines_##type(const plane *p, type *out, const type *in)                            \
    {                                                                                              \
        for (size_t i = 0; i < p->rows; i++, out += p->to, in += p->row) {                         \
            switch (p->column) {                                                                   \
            case 0: line_##type(out, in, 0, p->columns); break;                                    \
            case -1: line_##type(out, in, -1, p->columns); break;                                  \
            case 2: line_##type(out, in, 2, p->columns); break;                                    \
            case -2: line_##type(out, in, -2, p->columns); break;                                  \
            case 3: line_##type(out, in, 3, p->columns); break;                                    \
            case 4: line_##type(out, in, 4, p->columns); break;                                    \
            default: line_##type(out, in, p->column, p->columns); break;                           \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void squares_##type(const plane *p, type *out, const type *in)                          \
    {                                                                                              \
        for (size_t i0 = 0; i0 < p->rows; i0 += SQUARE_ROWS) {                                     \
            size_t i1 = p->rows - i0 < SQUARE_ROWS ? p->rows : i0 + SQUARE_ROWS;                   \
            for (size_t k0 = 0; k0 < p->columns; k0 += SQUARE_COLUMNS) {                           \
                size_t k1 = p->columns - k0 < SQUARE_COLUMNS ? p->columns : k0 + SQUARE_COLUMNS;   \
                for (size_t i = i0; i < i1; i++) {                                                 \
                    const type *from = in + (ptrdiff_t)i * p->row + (ptrdiff_t)k0 * p->column;     \
                    line_##type(out + (ptrdiff_t)i * p->to + k0, from, p->column, k1 - k0);        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void transpose_##type(const plane *p, type *out, const type *in)                        \
    {                                                                                              \
        size_t rows, columns;                                                                      \
        vectors_##type(p, out, in, &rows, &columns);                                               \
        plane right = *p, below = *p;                                                              \
        right.rows = rows;                                                                         \
        right.columns = p->columns - columns;                                                      \
        below.rows = p->rows - rows;                                                               \
        squares_##type(&right, out + columns, in + (ptrdiff_t)columns * p->column);                \
        squares_##type(&below, out + (ptrdiff_t)rows * p->to, in + (ptrdiff_t)rows * p->row);      \
    }                                                                                              \
    static void plane_##type(const plane *p, void *out, const void *in, bool transposed)           \
    {                                                                                              \
        if (p->column == 1) runs_##type(p, out, in);                                               \
        else if (transposed) transpose_##type(p, out, in);                                         \
        else lines_##type(p, out, in);                                                             \
    }
KERNELS(w1)
KERNELS(w2)
KERNELS(w4)
KERNELS(w8)
KERNELS(w16)

static int64_t absolute(int64_t step) { return step < 0 ? -step : step; }

void gp_pick(size_t width, int ndim, const int64_t *n, void *out, const int64_t *to, const void *in,
             const int64_t *from)
{
    int axis[GPUPROC_MAX_NDIM], axes = 0, last = ndim - 1, rows = -1;
    int64_t index[GPUPROC_MAX_NDIM] = {0};
    plane p = {.rows = 1, .columns = ndim > 0 ? (size_t)n[last] : 1, .column = ndim > 0 ? (ptrdiff_t)from[last] : 1};
    bool transposed = false;
    if (p.columns == 1) p.column = 1;
    bool far = absolute(p.column) * (int64_t)width > NEAR_BYTES;
    bool narrow = p.columns * width < NEAR_BYTES;
    for (int d = last - 1; d >= 0; d--) {
        if (n[d] == 1) continue;
        /* Far columns want rows that are near, narrow ones many of them. */
        if (rows < 0 || (far ? absolute(from[d]) < absolute(from[rows]) : narrow && n[d] > n[rows])) rows = d;
    }
    if (rows >= 0) {
        p.rows = (size_t)n[rows];
        p.row = (ptrdiff_t)from[rows];
        p.to = (ptrdiff_t)to[rows];
        transposed = far && absolute(p.row) < absolute(p.column);
    }
    for (int d = 0; d < last; d++) {
        if (d != rows && n[d] > 1) axis[axes++] = d;
    }
    const char *source = in;
    char *target = out;
    for (;;) {
        switch (width) {
        case 1: plane_w1(&p, target, source, transposed); break;
        case 2: plane_w2(&p, target, source, transposed); break;
        case 4: plane_w4(&p, target, source, transposed); break;
        case 8: plane_w8(&p, target, source, transposed); break;
        default: plane_w16(&p, target, source, transposed); break;
        }
        int a = axes - 1;
        for (; a >= 0; a--) {
            int d = axis[a];
            source += from[d] * (int64_t)width;
            target += to[d] * (int64_t)width;
            if (++index[d] < n[d]) break;
            source -= n[d] * from[d] * (int64_t)width;
            target -= n[d] * to[d] * (int64_t)width;
            index[d] = 0;
        }
        if (a < 0) return;
    }
}
