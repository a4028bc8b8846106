#include "fold/cells.h"

#include "base/clones.h"
#include "base/memory.h"
#include "fold/double_double.h"
#include "fold/keys.h"

#include <math.h>

/* Each kind of state is a struct of its words with functions load, store, step (one more element) and
 * merge (a later state of the same cell). */

#define WORD(cells, p, type, j) (((type *)(cells).plane[p])[j])

typedef struct plain { double sum; } plain;
GP_INTO plain plain_load(gp_cells c, uint64_t j) { return (plain){WORD(c, 0, double, j)}; }
GP_INTO void plain_store(gp_cells c, uint64_t j, plain s) { WORD(c, 0, double, j) = s.sum; }
GP_INTO plain plain_merge(plain a, plain b) { return (plain){a.sum + b.sum}; }
#define plain_step(s, x, row) ((plain){(s).sum + (double)(x)})
#define plain_identity ((plain){-0.0})

typedef struct twice { double high, low; } twice;
GP_INTO twice twice_load(gp_cells c, uint64_t j)
{
    return (twice){WORD(c, 0, double, j), WORD(c, 1, double, j)};
}
GP_INTO void twice_store(gp_cells c, uint64_t j, twice s)
{
    WORD(c, 0, double, j) = s.high;
    WORD(c, 1, double, j) = s.low;
}
GP_INTO twice twice_add(twice a, double x)
{
    double high = a.high + x;
    return (twice){high, a.low + gp_two_sum_error(a.high, x, high)};
}
GP_INTO twice twice_merge(twice a, twice b)
{
    twice sum = twice_add(a, b.high);
    sum.low += b.low;
    return sum;
}
#define twice_step(s, x, row) twice_add(s, x)
#define twice_identity ((twice){-0.0, 0})

typedef struct word { uint64_t sum; } word;
GP_INTO word word_load(gp_cells c, uint64_t j) { return (word){WORD(c, 0, uint64_t, j)}; }
GP_INTO void word_store(gp_cells c, uint64_t j, word s) { WORD(c, 0, uint64_t, j) = s.sum; }
GP_INTO word word_merge(word a, word b) { return (word){a.sum + b.sum}; }
#define word_step(s, x, row) ((word){(s).sum + (uint64_t)(x)})
#define word_identity ((word){0})

typedef struct halves { int64_t high; uint64_t low; } halves;
GP_INTO halves halves_load(gp_cells c, uint64_t j)
{
    return (halves){WORD(c, 0, int64_t, j), WORD(c, 1, uint64_t, j)};
}
GP_INTO void halves_store(gp_cells c, uint64_t j, halves s)
{
    WORD(c, 0, int64_t, j) = s.high;
    WORD(c, 1, uint64_t, j) = s.low;
}
GP_INTO halves halves_merge(halves a, halves b) { return (halves){a.high + b.high, a.low + b.low}; }
/* For uint64 the shift is of an unsigned number, for the signed types of a signed one. */
#define halves_step(s, x, row) ((halves){(s).high + (int64_t)((x) >> 16 >> 16), (s).low + ((uint64_t)(x) & 0xffffffffu)})
#define halves_identity ((halves){0, 0})

typedef struct product { double value; } product;
GP_INTO product product_load(gp_cells c, uint64_t j) { return (product){WORD(c, 0, double, j)}; }
GP_INTO void product_store(gp_cells c, uint64_t j, product s) { WORD(c, 0, double, j) = s.value; }
GP_INTO product product_merge(product a, product b) { return (product){a.value * b.value}; }
#define product_step(s, x, row) ((product){(s).value * (double)(x)})
#define product_identity ((product){1})

typedef struct power { uint64_t value; } power;
GP_INTO power power_load(gp_cells c, uint64_t j) { return (power){WORD(c, 0, uint64_t, j)}; }
GP_INTO void power_store(gp_cells c, uint64_t j, power s) { WORD(c, 0, uint64_t, j) = s.value; }
GP_INTO power power_merge(power a, power b) { return (power){a.value * b.value}; }
#define power_step(s, x, row) ((power){(s).value * (uint64_t)(x)})
#define power_identity ((power){1})

typedef struct least { int64_t key; } least;
GP_INTO least least_load(gp_cells c, uint64_t j) { return (least){WORD(c, 0, int64_t, j)}; }
GP_INTO void least_store(gp_cells c, uint64_t j, least s) { WORD(c, 0, int64_t, j) = s.key; }
GP_INTO least least_merge(least a, least b) { return b.key < a.key ? b : a; }
#define least_step(s, x, row) least_merge(s, (least){x})
#define least_identity ((least){INT64_MAX})

typedef struct where { int64_t key, index; } where;
GP_INTO where where_load(gp_cells c, uint64_t j)
{
    return (where){WORD(c, 0, int64_t, j), WORD(c, 1, int64_t, j)};
}
GP_INTO void where_store(gp_cells c, uint64_t j, where s)
{
    WORD(c, 0, int64_t, j) = s.key;
    WORD(c, 1, int64_t, j) = s.index;
}
GP_INTO where where_merge(where a, where b)
{
    bool better = (b.key < a.key) | ((b.key == a.key) & (b.index < a.index));
    return (where){better ? b.key : a.key, better ? b.index : a.index};
}
/* Rows come in order, so what is there wins where keys are equal. The largest key of all is never found, which
 * leaves cells of nothing else without an index: theirs is 0. */
GP_INTO where where_step(where s, int64_t key, int64_t row)
{
    bool better = key < s.key;
    return (where){better ? key : s.key, better ? row : s.index};
}
#define where_identity ((where){INT64_MAX, INT64_MAX})

typedef struct moments { double first; twice sum, squares; } moments;
GP_INTO moments moments_load(gp_cells c, uint64_t j)
{
    return (moments){WORD(c, 0, double, j), {WORD(c, 1, double, j), WORD(c, 2, double, j)},
                     {WORD(c, 3, double, j), WORD(c, 4, double, j)}};
}
GP_INTO void moments_store(gp_cells c, uint64_t j, moments s)
{
    WORD(c, 0, double, j) = s.first;
    WORD(c, 1, double, j) = s.sum.high;
    WORD(c, 2, double, j) = s.sum.low;
    WORD(c, 3, double, j) = s.squares.high;
    WORD(c, 4, double, j) = s.squares.low;
}
GP_INTO moments moments_merge(moments a, moments b)
{
    return (moments){a.first, twice_merge(a.sum, b.sum), twice_merge(a.squares, b.squares)};
}
GP_INTO moments moments_add(moments s, double x)
{
    double d = x - s.first, square = d * d;
    s.sum = twice_add(s.sum, d);
    s.squares = twice_add(s.squares, square);
    s.squares.low += gp_two_product_error(d, d, square);
    return s;
}
#define moments_step(s, x, row) moments_add(s, (double)(x))
#define moments_identity ((moments){0, {0, 0}, {0, 0}})

/* ---- The loops ---- */

#define CELLS_LOOPS(kind)                                              \
    GP_CLONES static void kind##_init(gp_cells cells, uint64_t n)      \
    {                                                                  \
        GP_APART for (uint64_t j = 0; j < n; j++)          \
            kind##_store(cells, j, kind##_identity);                   \
    }                                                                  \
    GP_CLONES static void kind##_join(gp_cells to, gp_cells from, uint64_t n)                  \
    {                                                                  \
        GP_APART for (uint64_t j = 0; j < n; j++)          \
            kind##_store(to, j, kind##_merge(kind##_load(to, j), kind##_load(from, j)));       \
    }                                                                  \
    /* What is written is never behind what is still to be read. */                            \
    GP_INTO void kind##_pairs(gp_cells lanes, uint64_t half, uint64_t groups)                  \
    {                                                                                          \
        for (uint64_t g = 0; g < groups; g++) {                                                \
            GP_APART for (uint64_t j = 0; j < half; j++)                                       \
                kind##_store(lanes, g * half + j, kind##_merge(kind##_load(lanes, 2 * g * half + j), \
                                                               kind##_load(lanes, (2 * g + 1) * half + j))); \
        }                                                                                      \
    }                                                                                          \
    GP_CLONES static void kind##_halve(gp_cells lanes, uint64_t n, uint64_t inner, uint64_t groups) \
    {                                                                                          \
        for (; n > 1; n /= 2) {                                                                \
            uint64_t half = n / 2 * inner;                                                     \
            if (half == 1) kind##_pairs(lanes, 1, groups);                                     \
            else if (half == 2) kind##_pairs(lanes, 2, groups);                                \
            else if (half == 4) kind##_pairs(lanes, 4, groups);                                \
            else if (half == 8) kind##_pairs(lanes, 8, groups);                                \
            else if (half == 16) kind##_pairs(lanes, 16, groups);                              \
            else kind##_pairs(lanes, half, groups);                                            \
        }                                                                                      \
    }

/* Rows go by in strips of so many elements, before each of which memory is asked for what comes some strips on:
 * left alone it idles while the loops run in the cache. `near` bytes on into the first cache, `far` bytes on into
 * the second. Strips are short, for a processor takes few such wishes at a time, and stands still for more. Four rows that
 * lie together are asked for from end to end, whatever the order of their strips: a processor's own prefetching
 * helps with what is in order. Of rows that are long each goes on for itself. */
#define STRIP 32
#define NEAR 1024u
#define FAR 8192u
#define FAR_MOST 32768u
#define TOGETHER_MOST 12288u

typedef struct asking {
    bool together;
    uint64_t near, far;
} asking;

GP_INTO asking asking_for(const gp_tile *tile, uint64_t size)
{
    uint64_t four = 4 * tile->step * size;
    if (tile->step == tile->width && four <= TOGETHER_MOST) return (asking){true, four > NEAR ? four : NEAR, four + FAR};
    return (asking){false, NEAR, 4 * tile->width * size > FAR_MOST ? FAR : four};
}

/* `bytes` from x on. */
GP_INTO void ask(const void *x, const asking *a, uint64_t bytes)
{
    for (uint64_t k = 0; k < bytes; k += 64) __builtin_prefetch((const char *)x + a->near + k, 0, 3);
    for (uint64_t k = 0; k < bytes; k += 64) __builtin_prefetch((const char *)x + a->far + k, 0, 2);
}

/* For a strip of n elements from column j of four rows on. */
GP_INTO void ask_for_four(const void *x, const asking *a, uint64_t step, uint64_t j, uint64_t n, uint64_t size)
{
    if (a->together) {
        ask((const char *)x + 4 * j * size, a, 4 * n * size);
        return;
    }
    for (uint64_t k = 0; k < 4; k++) ask((const char *)x + (k * step + j) * size, a, n * size);
}

/* Single cells stay in registers, four of them side by side; else four rows are added at a time, in
 * order, so that the states are fetched once for them. */
#define CELLS_ADD(kind, name, type, value)                                                       \
    GP_INTO void kind##_four_##name(gp_cells cells, const type *x, uint64_t step, uint64_t n, int64_t row)   \
    {                                                                                            \
        (void)row; /* only arg* look at it */                                                   \
        GP_APART for (uint64_t j = 0; j < n; j++) {                                              \
            kind s = kind##_load(cells, j);                                                      \
            s = kind##_step(s, value(x[j]), row);                                                \
            s = kind##_step(s, value(x[j + step]), row + 1);                                     \
            s = kind##_step(s, value(x[j + 2 * step]), row + 2);                                 \
            s = kind##_step(s, value(x[j + 3 * step]), row + 3);                                 \
            kind##_store(cells, j, s);                                                           \
        }                                                                                        \
    }                                                                                            \
    GP_INTO void kind##_strip_##name(gp_cells cells, const type *x, uint64_t j, uint64_t step, uint64_t n, int64_t row, \
                                     const asking *four)                                         \
    {                                                                                            \
        ask_for_four(x, four, step, j, n, sizeof(type));                                         \
        kind##_four_##name(cells, x + j, step, n, row);                                          \
    }                                                                                            \
    GP_INTO void kind##_one_##name(gp_cells cells, const type *x, uint64_t n, int64_t row)       \
    {                                                                                            \
        (void)row;                                                                               \
        GP_APART for (uint64_t j = 0; j < n; j++)                                                \
            kind##_store(cells, j, kind##_step(kind##_load(cells, j), value(x[j]), row));        \
    }                                                                                            \
    GP_CLONES static void kind##_##name(gp_cells cells, const void *data, const gp_tile *tile)   \
    {                                                                                            \
        const uint64_t rows = tile->rows, width = tile->width, step = tile->step;                \
        const asking four = asking_for(tile, sizeof(type)), one = {false, NEAR, FAR};             \
        uint64_t g = 0;                                                                          \
        for (; width == 1 && tile->cell_step == 1 && tile->groups - g >= 4; g += 4) {                                 \
            const type *x = (const type *)data + g * tile->group_step;                           \
            const type *y = x + tile->group_step, *z = y + tile->group_step;                     \
            const type *w = z + tile->group_step;                                                \
            kind s = kind##_load(cells, g), t = kind##_load(cells, g + 1);                       \
            kind u = kind##_load(cells, g + 2), v = kind##_load(cells, g + 3);                   \
            for (uint64_t r = 0; r < rows; r++) {                                                \
                s = kind##_step(s, value(x[r * step]), tile->row + (int64_t)r);                  \
                t = kind##_step(t, value(y[r * step]), tile->row + (int64_t)r);                  \
                u = kind##_step(u, value(z[r * step]), tile->row + (int64_t)r);                  \
                v = kind##_step(v, value(w[r * step]), tile->row + (int64_t)r);                  \
            }                                                                                    \
            kind##_store(cells, g, s);                                                           \
            kind##_store(cells, g + 1, t);                                                       \
            kind##_store(cells, g + 2, u);                                                       \
            kind##_store(cells, g + 3, v);                                                       \
        }                                                                                        \
        for (; g < tile->groups; g++) {                                                          \
            const type *x = (const type *)data + g * tile->group_step;                           \
            const gp_cells to = gp_cells_at(cells, g * tile->cell_step);                                  \
            int64_t row = tile->row;                                                             \
            uint64_t r = 0;                                                                      \
            for (; rows - r >= 4; r += 4, x += 4 * step, row += 4) {                             \
                for (uint64_t j = 0; j < width; j += STRIP) {                                    \
                    if (width - j >= STRIP) kind##_strip_##name(gp_cells_at(to, j), x, j, step, STRIP, row, &four); \
                    else if (width == 16) kind##_strip_##name(to, x, 0, 16, 16, row, &four);     \
                    else if (width == 8) kind##_strip_##name(to, x, 0, 8, 8, row, &four);        \
                    else kind##_strip_##name(gp_cells_at(to, j), x, j, step, width - j, row, &four); \
                }                                                                                \
            }                                                                                    \
            for (; r < rows; r++, x += step, row++) {                                            \
                for (uint64_t j = 0; j < width; j += STRIP) {                                    \
                    ask(x + j, &one, gp_min_u64(width - j, STRIP) * sizeof(type));               \
                    if (width - j >= STRIP) kind##_one_##name(gp_cells_at(to, j), x + j, STRIP, row); \
                    else kind##_one_##name(gp_cells_at(to, j), x + j, width - j, row);           \
                }                                                                                \
            }                                                                                    \
        }                                                                                        \
    }

#define AS_IS(x) (x)

CELLS_LOOPS(plain)
CELLS_LOOPS(twice)
CELLS_LOOPS(word)
CELLS_LOOPS(halves)
CELLS_LOOPS(product)
CELLS_LOOPS(power)
CELLS_LOOPS(least)
CELLS_LOOPS(where)
CELLS_LOOPS(moments)

CELLS_ADD(plain, FLOAT32, float, AS_IS)
CELLS_ADD(twice, FLOAT64, double, AS_IS)
CELLS_ADD(product, FLOAT32, float, AS_IS)
CELLS_ADD(product, FLOAT64, double, AS_IS)
CELLS_ADD(moments, FLOAT32, float, AS_IS)
CELLS_ADD(moments, FLOAT64, double, AS_IS)
CELLS_ADD(word, BOOL, uint8_t, AS_IS)

#define X(name, type, k)                    \
    CELLS_ADD(word, name, type, AS_IS)      \
    CELLS_ADD(power, name, type, AS_IS)
GP_DTYPES_INTEGER(X)
#undef X
#define X(name, type, k) CELLS_ADD(halves, name, type, (int64_t))
GP_DTYPES_SIGNED(X)
#undef X
#define X(name, type, k) CELLS_ADD(halves, name, type, (uint64_t))
GP_DTYPES_UNSIGNED(X)
#undef X

/* least and where, once for the minimum and once for the maximum (whose keys are turned round). */
#define X(name, type, k)                               \
    CELLS_ADD(least, MIN_##name, type, gp_key_min_##name)      \
    CELLS_ADD(least, MAX_##name, type, gp_key_max_##name)      \
    CELLS_ADD(where, MIN_##name, type, gp_key_argmin_##name)   \
    CELLS_ADD(where, MAX_##name, type, gp_key_argmax_##name)
GP_DTYPES(X)
#undef X

GP_CLONES static void begin_FLOAT32(gp_cells cells, const void *x, uint64_t n)
{
    for (uint64_t j = 0; j < n; j++) WORD(cells, 0, double, j) = (double)((const float *)x)[j];
}

static void begin_FLOAT64(gp_cells cells, const void *x, uint64_t n)
{
    for (uint64_t j = 0; j < n; j++) WORD(cells, 0, double, j) = ((const double *)x)[j];
}

/* ---- The table ---- */

#define FEW_CHEAP 63
#define FEW 31

#define ACCUMULATOR(planes, kind, name, few) \
    [GPUPROC_##name] = {planes, kind##_init, kind##_##name, kind##_join, kind##_halve, NULL, false, few},

static const gp_accumulator sums[GP_DTYPE_COUNT] = {
#define X(name, type, k) ACCUMULATOR(1, word, name, FEW_CHEAP)
    GP_DTYPES_BOOL(X) GP_DTYPES_INTEGER(X)
#undef X
    ACCUMULATOR(1, plain, FLOAT32, FEW_CHEAP)
    ACCUMULATOR(2, twice, FLOAT64, FEW)
};

static const gp_accumulator means[GP_DTYPE_COUNT] = {
#define X(name, type, k) ACCUMULATOR(2, halves, name, FEW_CHEAP)
    GP_DTYPES_INTEGER(X)
#undef X
    ACCUMULATOR(1, plain, FLOAT32, FEW_CHEAP)
    ACCUMULATOR(2, twice, FLOAT64, FEW)
};

static const gp_accumulator products[GP_DTYPE_COUNT] = {
#define X(name, type, k) ACCUMULATOR(1, power, name, FEW_CHEAP)
    GP_DTYPES_INTEGER(X)
#undef X
    ACCUMULATOR(1, product, FLOAT32, FEW_CHEAP)
    ACCUMULATOR(1, product, FLOAT64, FEW_CHEAP)
};

static const gp_accumulator spreads[GP_DTYPE_COUNT] = {
    [GPUPROC_FLOAT32] = {5, moments_init, moments_FLOAT32, moments_join, moments_halve, begin_FLOAT32, false, FEW},
    [GPUPROC_FLOAT64] = {5, moments_init, moments_FLOAT64, moments_join, moments_halve, begin_FLOAT64, false, FEW},
};

static const gp_accumulator extremes[4][GP_DTYPE_COUNT] = {
#define X(name, type, k) \
    [GPUPROC_##name] = {1, least_init, least_MIN_##name, least_join, least_halve, NULL, false, FEW},
    {GP_DTYPES(X)},
#undef X
#define X(name, type, k) \
    [GPUPROC_##name] = {1, least_init, least_MAX_##name, least_join, least_halve, NULL, false, FEW},
    {GP_DTYPES(X)},
#undef X
#define X(name, type, k) \
    [GPUPROC_##name] = {2, where_init, where_MIN_##name, where_join, where_halve, NULL, true, FEW},
    {GP_DTYPES(X)},
#undef X
#define X(name, type, k) \
    [GPUPROC_##name] = {2, where_init, where_MAX_##name, where_join, where_halve, NULL, true, FEW},
    {GP_DTYPES(X)},
#undef X
};

const gp_accumulator *gp_accumulator_of(gp_op op, gp_dtype operand)
{
    switch (op) {
    case GP_OP_MEAN: return &means[operand];
    case GP_OP_PROD: return &products[operand];
    case GP_OP_VAR:
    case GP_OP_STD: return &spreads[operand];
    case GP_OP_MIN: return &extremes[0][operand];
    case GP_OP_MAX: return &extremes[1][operand];
    case GP_OP_ARGMIN: return &extremes[2][operand];
    case GP_OP_ARGMAX: return &extremes[3][operand];
    default: return &sums[operand];
    }
}
