/* Our own loops. Both operands are packed, block by block, into panels that the innermost loop reads in order:
 * MR rows of a, NR columns of b, their MR x NR sums in registers. Sums of k are cut at multiples of KC, whatever
 * the sizes of blocks, so that bits depend on the shape alone. */
#include "linalg/multiply_impl.h"

#include "base/clones.h"
#include "base/memory.h"

#include <string.h>

enum { KC = 256, MR = 4, NR_BYTES = 64, VECTOR = 32, STRIP = 1024 };

/* Where c lies; columns may be apart here, for a product that was turned. */
typedef struct target {
    char *c;
    int64_t row, column;
} target;

typedef struct kernel {
    unsigned packed;  /* bytes of an element in a panel */
    unsigned columns; /* NR */
    /* `width` lanes from `lanes` of them: element (lane, p) is at src[lane*across + p*along]. */
    void (*pack)(void *to, const void *from, uint64_t lanes, uint64_t k, int64_t across, int64_t along, bool conjugate,
                 unsigned width);
    /* rows x columns of panels a and b, packed `k` deep. */
    void (*block)(const void *a, const void *b, uint64_t rows, uint64_t columns, uint64_t k, target c, bool add);
    void (*add)(void *c, const void *x, uint64_t count);
    /* c (1, n) of a (1, k): nothing is packed; or NULL. b's rows or its columns are without gaps. */
    void (*row)(const gp_multiply *p, target c);
} kernel;

/* S: element in memory; P: element in a panel; LOAD: one into the other; MAC(sum, a, b); PUT(old, sum). W: what one
 * element is computed in, never int, which must not overflow. DOT: see below. */
#define REAL_KERNEL(name, S, P, W, LOAD, MAC, PUT, DOT)                                                               \
    typedef P name##_v __attribute__((vector_size(VECTOR), aligned(sizeof(P)), may_alias));                           \
    enum { name##_lanes = VECTOR / sizeof(P), name##_nr = NR_BYTES / sizeof(P) };                                     \
    GP_INTO void name##_pack_width(P *to, const S *from, uint64_t lanes, uint64_t k, int64_t across, int64_t along,   \
                                   unsigned width)                                                                    \
    {                                                                                                                 \
        for (uint64_t at = 0; at < lanes; at += width, to += k * width, from += (int64_t)width * across) {            \
            unsigned real = (unsigned)gp_min_u64(lanes - at, width);                                                  \
            if (real < width) memset(to, 0, k * width * sizeof(P));                                                   \
            if (across == 1 && real == width) {                                                                       \
                for (uint64_t p = 0; p < k; p++)                                                                      \
                    for (unsigned i = 0; i < width; i++) to[p * width + i] = LOAD(from[(int64_t)p * along + i]);      \
            } else {                                                                                                  \
                for (unsigned i = 0; i < real; i++)                                                                   \
                    for (uint64_t p = 0; p < k; p++)                                                                  \
                        to[p * width + i] = LOAD(from[(int64_t)i * across + (int64_t)p * along]);                     \
            }                                                                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    GP_CLONES static void name##_pack(void *to, const void *from, uint64_t lanes, uint64_t k, int64_t across,         \
                                      int64_t along, bool conjugate, unsigned width)                                  \
    {                                                                                                                 \
        (void)conjugate;                                                                                              \
        if (width == MR) name##_pack_width(to, from, lanes, k, across, along, MR);                                    \
        else name##_pack_width(to, from, lanes, k, across, along, name##_nr);                                         \
    }                                                                                                                 \
    GP_INTO void name##_tile(const P *a, const P *b, uint64_t k, P *out)                                              \
    {                                                                                                                 \
        name##_v sum[MR][2] = {{{0}}};                                                                                \
        for (uint64_t p = 0; p < k; p++, a += MR, b += name##_nr) {                                                   \
            name##_v b0 = *(const name##_v *)b, b1 = *(const name##_v *)(b + name##_lanes);                           \
            for (int i = 0; i < MR; i++) {                                                                            \
                name##_v x = a[i] - (name##_v){0};                                                                    \
                sum[i][0] = MAC(sum[i][0], x, b0);                                                                    \
                sum[i][1] = MAC(sum[i][1], x, b1);                                                                    \
            }                                                                                                         \
        }                                                                                                             \
        for (int i = 0; i < MR; i++) memcpy(out + i * name##_nr, sum[i], NR_BYTES);                                   \
    }                                                                                                                 \
    GP_CLONES static void name##_block(const void *pa, const void *pb, uint64_t rows, uint64_t columns, uint64_t k,   \
                                       target c, bool add)                                                            \
    {                                                                                                                 \
        P sum[MR * name##_nr];                                                                                        \
        for (uint64_t j = 0; j < columns; j += name##_nr)                                                             \
            for (uint64_t i = 0; i < rows; i += MR) {                                                                 \
                name##_tile((const P *)pa + i * k, (const P *)pb + j * k, k, sum);                                    \
                uint64_t high = gp_min_u64(rows - i, MR), wide = gp_min_u64(columns - j, name##_nr);                  \
                for (uint64_t y = 0; y < high; y++) {                                                                 \
                    S *to = (S *)c.c + (int64_t)(i + y) * c.row + (int64_t)j * c.column;                              \
                    const P *from = sum + y * name##_nr;                                                              \
                    if (c.column == 1 && add)                                                                         \
                        for (uint64_t x = 0; x < wide; x++) to[x] = (S)PUT(to[x], from[x]);                           \
                    else if (add)                                                                                     \
                        for (uint64_t x = 0; x < wide; x++)                                                           \
                            to[(int64_t)x * c.column] = (S)PUT(to[(int64_t)x * c.column], from[x]);                   \
                    else                                                                                              \
                        for (uint64_t x = 0; x < wide; x++) to[(int64_t)x * c.column] = (S)from[x];                   \
                }                                                                                                     \
            }                                                                                                         \
    }                                                                                                                 \
    GP_CLONES static void name##_add(void *c, const void *x, uint64_t count)                                          \
    {                                                                                                                 \
        S *to = c;                                                                                                    \
        const S *from = x;                                                                                            \
        for (uint64_t i = 0; i < count; i++) to[i] = (S)PUT(to[i], from[i]);                                          \
    }                                                                                                                 \
    /* Sums of STRIP columns at once, four rows of b in a turn. */                                                    \
    GP_INTO void name##_by_rows(const gp_multiply *p, uint64_t first, uint64_t count, S *sum)                         \
    {                                                                                                                 \
        const S *a = p->a.data, *b = (const S *)p->b.data + first;                                                    \
        const int64_t step = p->a.column, row = p->b.row;                                                             \
        uint64_t q = 0;                                                                                               \
        for (; q + 4 <= p->k; q += 4, a += 4 * step, b += 4 * row) {                                                  \
            const W x0 = LOAD(a[0]), x1 = LOAD(a[step]), x2 = LOAD(a[2 * step]), x3 = LOAD(a[3 * step]);              \
            const S *b1 = b + row, *b2 = b1 + row, *b3 = b2 + row;                                                    \
            for (uint64_t j = 0; j < count; j++) {                                                                    \
                W s = MAC((W)sum[j], x0, (W)LOAD(b[j]));                                                              \
                s = MAC(s, x1, (W)LOAD(b1[j]));                                                                       \
                s = MAC(s, x2, (W)LOAD(b2[j]));                                                                       \
                sum[j] = (S)MAC(s, x3, (W)LOAD(b3[j]));                                                               \
            }                                                                                                         \
        }                                                                                                             \
        for (; q < p->k; q++, a += step, b += row)                                                                    \
            for (uint64_t j = 0; j < count; j++) sum[j] = (S)MAC((W)sum[j], (W)LOAD(a[0]), (W)LOAD(b[j]));            \
    }                                                                                                                 \
    GP_INTO void name##_by_columns(const gp_multiply *p, uint64_t first, uint64_t count, S *sum)                      \
    {                                                                                                                 \
        S x[STRIP];                                                                                                   \
        for (uint64_t q = 0; q < p->k; q += STRIP) {                                                                  \
            const uint64_t k = gp_min_u64(p->k - q, STRIP);                                                           \
            const S *a = (const S *)p->a.data + (int64_t)q * p->a.column;                                             \
            for (uint64_t i = 0; i < k; i++) x[i] = (S)LOAD(a[(int64_t)i * p->a.column]);                             \
            for (uint64_t j = 0; j < count; j++) {                                                                    \
                const S *b = (const S *)p->b.data + (int64_t)(first + j) * p->b.column + q;                           \
                DOT(name, S, W, LOAD, MAC)                                                                            \
                sum[j] = (S)PUT(sum[j], s);                                                                           \
            }                                                                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    GP_CLONES static void name##_row(const gp_multiply *p, target c)                                                  \
    {                                                                                                                 \
        for (uint64_t first = 0; first < p->n; first += STRIP) {                                                      \
            const uint64_t count = gp_min_u64(p->n - first, STRIP);                                                   \
            S sum[STRIP] = {0}, *to = (S *)c.c + (int64_t)first * c.column;                                           \
            if (p->b.column == 1) name##_by_rows(p, first, count, sum);                                               \
            else name##_by_columns(p, first, count, sum);                                                             \
            for (uint64_t j = 0; j < count; j++, to += c.column) *to = p->add ? (S)PUT(*to, sum[j]) : sum[j];         \
        }                                                                                                             \
    }                                                                                                                 \
    static const kernel name##_kernel = {sizeof(P), name##_nr, name##_pack, name##_block, name##_add, name##_row};

#define SAME(x) (x)
#define TRUTH(x) ((x) != 0)
#define MAC_SUM(s, a, b) ((s) + (a) * (b))
#define MAC_OR(s, a, b) ((s) | ((a) & (b)))
#define PUT_SUM(s, x) ((s) + (x))
#define PUT_OR(s, x) ((s) | (x))

/* s: the sum of x[i] b[i], i < k. Integers in any order, which the compiler chooses; floats in lanes. */
#define DOT_INTEGER(name, S, W, LOAD, MAC) \
    W s = 0;                               \
    for (uint64_t i = 0; i < k; i++) s = MAC(s, (W)x[i], (W)LOAD(b[i]));
#define DOT_FLOAT(name, S, W, LOAD, MAC)                                                                              \
    name##_v sums[4] = {{0}};                                                                                         \
    S lane[name##_lanes], s = 0;                                                                                      \
    uint64_t i = 0;                                                                                                   \
    for (; i + 4 * name##_lanes <= k; i += 4 * name##_lanes)                                                          \
        for (int l = 0; l < 4; l++)                                                                                   \
            sums[l] += *(const name##_v *)(x + i + l * name##_lanes) * *(const name##_v *)(b + i + l * name##_lanes); \
    sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);                                                              \
    memcpy(lane, sums, sizeof lane);                                                                                  \
    for (int l = 0; l < name##_lanes; l++) s += lane[l];                                                              \
    for (; i < k; i++) s += x[i] * b[i];

/* Signed or not makes no difference to the low bits; bytes are multiplied as 16-bit words, which vectors can. */
REAL_KERNEL(bools, uint8_t, uint8_t, uint8_t, TRUTH, MAC_OR, PUT_OR, DOT_INTEGER)
REAL_KERNEL(u8, uint8_t, uint16_t, uint32_t, SAME, MAC_SUM, PUT_SUM, DOT_INTEGER)
REAL_KERNEL(u16, uint16_t, uint16_t, uint32_t, SAME, MAC_SUM, PUT_SUM, DOT_INTEGER)
REAL_KERNEL(u32, uint32_t, uint32_t, uint32_t, SAME, MAC_SUM, PUT_SUM, DOT_INTEGER)
REAL_KERNEL(u64, uint64_t, uint64_t, uint64_t, SAME, MAC_SUM, PUT_SUM, DOT_INTEGER)
REAL_KERNEL(f32, float, float, float, SAME, MAC_SUM, PUT_SUM, DOT_FLOAT)
REAL_KERNEL(f64, double, double, double, SAME, MAC_SUM, PUT_SUM, DOT_FLOAT)

/* R: one part. A panel holds, for each p, the real parts of its lanes and then the imaginary ones. */
#define COMPLEX_KERNEL(name, R)                                                                                       \
    typedef R name##_v __attribute__((vector_size(VECTOR), aligned(sizeof(R)), may_alias));                           \
    enum { name##_nr = VECTOR / sizeof(R) };                                                                          \
    GP_CLONES static void name##_pack(void *to, const void *from, uint64_t lanes, uint64_t k, int64_t across,         \
                                      int64_t along, bool conjugate, unsigned width)                                  \
    {                                                                                                                 \
        R *panel = to;                                                                                                \
        const R *first = from;                                                                                        \
        const R sign = conjugate ? -1 : 1;                                                                            \
        for (uint64_t at = 0; at < lanes; at += width, panel += 2 * k * width, first += 2 * (int64_t)width * across) {\
            uint64_t real = gp_min_u64(lanes - at, width);                                                            \
            if (real < width) memset(panel, 0, 2 * k * width * sizeof(R));                                            \
            for (uint64_t i = 0; i < real; i++)                                                                       \
                for (uint64_t p = 0; p < k; p++) {                                                                    \
                    const R *x = first + 2 * ((int64_t)i * across + (int64_t)p * along);                              \
                    panel[2 * p * width + i] = x[0];                                                                  \
                    panel[(2 * p + 1) * width + i] = sign * x[1];                                                     \
                }                                                                                                     \
        }                                                                                                             \
    }                                                                                                                 \
    GP_INTO void name##_tile(const R *a, const R *b, uint64_t k, R out[2][MR * name##_nr])                            \
    {                                                                                                                 \
        name##_v re[MR] = {{0}}, im[MR] = {{0}};                                                                      \
        for (uint64_t p = 0; p < k; p++, a += 2 * MR, b += 2 * name##_nr) {                                           \
            name##_v br = *(const name##_v *)b, bi = *(const name##_v *)(b + name##_nr);                              \
            for (int i = 0; i < MR; i++) {                                                                            \
                name##_v ar = a[i] - (name##_v){0}, ai = a[MR + i] - (name##_v){0};                                   \
                re[i] += ar * br - ai * bi;                                                                           \
                im[i] += ar * bi + ai * br;                                                                           \
            }                                                                                                         \
        }                                                                                                             \
        memcpy(out[0], re, sizeof re);                                                                                \
        memcpy(out[1], im, sizeof im);                                                                                \
    }                                                                                                                 \
    GP_CLONES static void name##_block(const void *pa, const void *pb, uint64_t rows, uint64_t columns, uint64_t k,   \
                                       target c, bool add)                                                            \
    {                                                                                                                 \
        R sum[2][MR * name##_nr];                                                                                     \
        for (uint64_t j = 0; j < columns; j += name##_nr)                                                             \
            for (uint64_t i = 0; i < rows; i += MR) {                                                                 \
                name##_tile((const R *)pa + 2 * i * k, (const R *)pb + 2 * j * k, k, sum);                            \
                uint64_t high = gp_min_u64(rows - i, MR), wide = gp_min_u64(columns - j, name##_nr);                  \
                for (uint64_t y = 0; y < high; y++)                                                                   \
                    for (uint64_t x = 0; x < wide; x++) {                                                             \
                        R *to = (R *)c.c + 2 * ((int64_t)(i + y) * c.row + (int64_t)(j + x) * c.column);              \
                        R re = sum[0][y * name##_nr + x], im = sum[1][y * name##_nr + x];                             \
                        to[0] = add ? to[0] + re : re;                                                                \
                        to[1] = add ? to[1] + im : im;                                                                \
                    }                                                                                                 \
            }                                                                                                         \
    }                                                                                                                 \
    GP_CLONES static void name##_add(void *c, const void *x, uint64_t count)                                          \
    {                                                                                                                 \
        R *to = c;                                                                                                    \
        const R *from = x;                                                                                            \
        for (uint64_t i = 0; i < 2 * count; i++) to[i] += from[i];                                                    \
    }                                                                                                                 \
    static const kernel name##_kernel = {2 * sizeof(R), name##_nr, name##_pack, name##_block, name##_add, NULL};

COMPLEX_KERNEL(c64, float)
COMPLEX_KERNEL(c128, double)

static const kernel *kernel_of(gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_BOOL: return &bools_kernel;
    case GPUPROC_FLOAT32: return &f32_kernel;
    case GPUPROC_FLOAT64: return &f64_kernel;
    case GPUPROC_COMPLEX64: return &c64_kernel;
    case GPUPROC_COMPLEX128: return &c128_kernel;
    default: break;
    }
    switch (gpuproc_dtype_bytes(dtype)) {
    case 1: return &u8_kernel;
    case 2: return &u16_kernel;
    case 4: return &u32_kernel;
    default: return &u64_kernel;
    }
}

static uint64_t up(uint64_t x, uint64_t step) { return gp_ceil_div(x, step) * step; }

size_t gp_multiply_scratch(const gp_multiply *part)
{
    const uint64_t most = 768u << 10; /* blocks that second-level caches hold */
    const kernel *kern = kernel_of(part->dtype);
    uint64_t row = gp_min_u64(part->k, KC) * kern->packed;
    uint64_t lanes = gp_min_u64(part->m, most) + gp_min_u64(part->n, most) + 2 * kern->columns;
    return gp_max_u64(gp_min_u64(up(lanes * row * 5, 64), most), GP_MULTIPLY_LEAST);
}

void gp_multiply_plain(const gp_multiply *part, void *scratch, size_t bytes)
{
    gp_multiply p = *part;
    const kernel *kern = kernel_of(p.dtype);
    const size_t wide = gpuproc_dtype_bytes(p.dtype);
    target c = {p.c, p.c_row, 1};
    if (p.n < p.m && p.n < kern->columns) { /* c^T = b^T a^T, so that the vectors are full */
        p = (gp_multiply){.dtype = p.dtype, .m = part->n, .n = part->m, .k = p.k, .add = p.add,
                          .a = {part->b.data, part->b.column, part->b.row, part->b.conjugate},
                          .b = {part->a.data, part->a.column, part->a.row, part->a.conjugate}};
        c = (target){part->c, 1, part->c_row};
    }
    if (p.k == 0) {
        if (!p.add)
            for (uint64_t i = 0; i < part->m; i++)
                memset((char *)part->c + i * (uint64_t)part->c_row * wide, 0, part->n * wide);
        return;
    }
    if (p.m == 1 && kern->row != NULL && (p.b.column == 1 || p.b.row == 1)) {
        kern->row(&p, c);
        return;
    }
    /* A fifth of the scratch for a's block, the rest for b's. */
    const uint64_t deep = gp_min_u64(p.k, KC), row = deep * kern->packed;
    const uint64_t mc = gp_max_u64(gp_min_u64(up(p.m, MR), bytes / 5 / row / MR * MR), MR);
    const uint64_t fit = (bytes - mc * row) / row / kern->columns * kern->columns;
    const uint64_t nc = gp_max_u64(gp_min_u64(up(p.n, kern->columns), fit), kern->columns);
    char *panel_a = scratch, *panel_b = panel_a + mc * row;
    for (uint64_t j = 0; j < p.n; j += nc) {
        const uint64_t columns = gp_min_u64(p.n - j, nc);
        for (uint64_t q = 0; q < p.k; q += KC) {
            const uint64_t k = gp_min_u64(p.k - q, KC);
            const char *b = (const char *)p.b.data + ((int64_t)q * p.b.row + (int64_t)j * p.b.column) * (int64_t)wide;
            kern->pack(panel_b, b, columns, k, p.b.column, p.b.row, p.b.conjugate, kern->columns);
            for (uint64_t i = 0; i < p.m; i += mc) {
                const uint64_t rows = gp_min_u64(p.m - i, mc);
                const int64_t corner = (int64_t)i * p.a.row + (int64_t)q * p.a.column;
                const char *a = (const char *)p.a.data + corner * (int64_t)wide;
                kern->pack(panel_a, a, rows, k, p.a.row, p.a.column, p.a.conjugate, MR);
                target to = {c.c + ((int64_t)i * c.row + (int64_t)j * c.column) * (int64_t)wide, c.row, c.column};
                kern->block(panel_a, panel_b, rows, columns, k, to, p.add || q > 0);
            }
        }
    }
}

void gp_multiply_add(const gp_multiply *part, const void *x)
{
    const kernel *kern = kernel_of(part->dtype);
    const size_t wide = gpuproc_dtype_bytes(part->dtype);
    for (uint64_t i = 0; i < part->m; i++)
        kern->add((char *)part->c + i * (uint64_t)part->c_row * wide, (const char *)x + i * part->n * wide, part->n);
}
