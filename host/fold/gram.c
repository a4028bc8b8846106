/* GRAM: x^H x of a matrix whose rows go by.
 *
 * Products of blocks of rows are made in the dtype and added up in float64, block after block. Only the upper half is
 * computed, in square tiles of columns, which workers share where there are several; the lower one is its mirror
 * image. Lanes (row_blocks.h) are added up in the end. Where there is but one block, nothing is added up. */
#include "fold/fold_impl.h"

#include "base/clones.h"
#include "base/memory.h"
#include "fold/row_blocks.h"
#include "linalg/multiply.h"
#include "linalg/transpose.h"

#include <string.h>

#define BLOCK_ELEMENTS 131072u
#define TILE 512u /* columns, at most */

typedef struct gram {
    gp_fold base;
    gp_row_blocks blocks;
    uint64_t n, tile, tiles, pairs; /* pairs of tiles (i, j), i <= j */
    uint64_t reals;                 /* of a pair of tiles: its sums' float64, two for each complex element */
    bool complex, single;
    double *sum;                    /* lanes * pairs of those; NULL: one block */
    char *product;                  /* for each part: the product of one block, a pair of tiles of it */
    uint64_t product_bytes;
    void *result;
} gram;

static uint64_t tiles_of(uint64_t n) { return gp_max_u64(gp_ceil_div(n, TILE), 1); }

/* Lanes for narrow matrices, whose sums are small; tiles are enough to share for wide ones. */
static gp_row_cut cut_of(const gp_fold_spec *spec)
{
    uint64_t rows = (uint64_t)spec->shape.dim[0], n = (uint64_t)spec->shape.dim[1], tiles = tiles_of(n);
    gp_row_cut cut = {.rows = rows, .columns = n, .wide = gpuproc_dtype_bytes(spec->operand[0])};
    uint64_t least = n > TILE ? 2048 : 1024;
    cut.height = gp_max_u64(gp_min_u64(gp_max_u64(BLOCK_ELEMENTS / gp_max_u64(n, 1), least), 4096), 1);
    cut.height = gp_max_u64(gp_min_u64(cut.height, rows), 1);
    cut.lanes = n <= 128 ? 16 : n <= TILE ? 8 : n <= 2 * TILE ? 2 : 1;
    cut.lanes = gp_max_u64(gp_min_u64(cut.lanes, gp_row_cut_blocks(&cut)), 1);
    cut.tasks = tiles * (tiles + 1) / 2;
    return cut;
}

/* A multiple of 16 columns, so that tiles have much the same width. */
static uint64_t tile_of(uint64_t n)
{
    uint64_t even = gp_ceil_div(gp_ceil_div(n, tiles_of(n)), 16) * 16;
    return gp_max_u64(gp_min_u64(even, n), 1);
}

static uint64_t sums_bytes(const gp_fold_spec *spec, const gp_row_cut *cut)
{
    uint64_t tile = tile_of(cut->columns), bytes;
    unsigned parts = gp_dtype_kind(spec->operand[0]) == GP_KIND_COMPLEX ? 2 : 1;
    if (gp_row_cut_blocks(cut) <= 1) return 0;
    if (!gp_mul_u64(tile * tile * parts * sizeof(double), cut->tasks, &bytes)) return UINT64_MAX;
    return gp_mul_u64(bytes, cut->lanes, &bytes) ? bytes : UINT64_MAX;
}

static uint64_t per_part(const gp_fold_spec *spec)
{
    uint64_t tile = tile_of((uint64_t)spec->shape.dim[1]);
    return tile * tile * gpuproc_dtype_bytes(spec->operand[0]);
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    gp_row_cut cut = cut_of(spec);
    uint64_t total = sizeof(gram), result = 0;
    bool ok = gp_mul_u64(cut.columns, cut.columns, &result) && gp_mul_u64(result, cut.wide, &result) &&
              gp_add_u64(total, result, &total) && gp_add_u64(total, sums_bytes(spec, &cut), &total) &&
              gp_add_u64(total, gp_row_cut_bytes(&cut), &total) && gp_add_u64(total, per_part(spec), &total);
    return ok ? total : UINT64_MAX;
}

static void close_gram(gp_fold *fold)
{
    gram *g = (gram *)fold;
    gp_row_blocks_close(&g->blocks);
    free(g->sum);
    free(g->product);
    free(g->result);
    free(g);
}

/* The tiles of pair `pair`: rows of the result from tile i, columns from tile j. */
static void tiles_of_pair(const gram *g, uint64_t pair, uint64_t *i, uint64_t *j)
{
    *i = 0;
    for (uint64_t row = g->tiles; pair >= row; row--) {
        pair -= row;
        ++*i;
    }
    *j = *i + pair;
}

static uint64_t width_of(const gram *g, uint64_t tile) { return gp_min_u64(g->tile, g->n - tile * g->tile); }

static GP_CLONES void add_floats(double *sum, const float *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) sum[i] += (double)x[i];
}

static GP_CLONES void add_doubles(double *sum, const double *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) sum[i] += x[i];
}

/* Writes a pair of tiles, which lies without gaps, to the result, and what mirrors it. A tile that mirrors itself is
 * whole. */
static void write_tiles(gram *g, uint64_t pair, const char *product)
{
    size_t wide = g->blocks.cut.wide;
    gp_dtype dtype = g->base.spec.operand[0];
    uint64_t i, j;
    tiles_of_pair(g, pair, &i, &j);
    uint64_t rows = width_of(g, i), columns = width_of(g, j);
    char *to = (char *)g->result + (i * g->n + j) * g->tile * wide;
    char *mirror = (char *)g->result + (j * g->n + i) * g->tile * wide;
    for (uint64_t r = 0; r < rows; r++) memcpy(to + r * g->n * wide, product + r * columns * wide, columns * wide);
    if (i == j) return;
    gp_transpose(wide, rows, columns, product, columns, mirror, g->n);
    for (uint64_t r = 0; g->complex && r < columns; r++) {
        for (uint64_t c = 0; c < rows; c++) {
            char *x = mirror + (r * g->n + c) * wide;
            if (dtype == GPUPROC_COMPLEX64)
                ((float *)(void *)x)[1] *= -1;
            else
                ((double *)(void *)x)[1] *= -1;
        }
    }
}

static void add_block(void *arg, unsigned part, uint64_t lane, uint64_t task, const void *block, uint64_t rows)
{
    gram *g = arg;
    const gp_fold_spec *spec = &g->base.spec;
    gp_dtype dtype = spec->operand[0];
    size_t wide = g->blocks.cut.wide;
    uint64_t i, j;
    tiles_of_pair(g, task, &i, &j);
    uint64_t m = width_of(g, i), n = width_of(g, j);
    const char *a = (const char *)block + i * g->tile * wide, *b = (const char *)block + j * g->tile * wide;
    char *product = g->product + part * g->product_bytes;
    if (i == j) {
        gp_multiply_gram(spec->linalg, dtype, rows, n, b, (int64_t)g->n, product, false);
    } else {
        gp_multiply multiply = {.dtype = dtype, .m = m, .n = n, .k = rows, .a = {a, 1, (int64_t)g->n, true},
                                .b = {b, (int64_t)g->n, 1, false}, .c = product, .c_row = (int64_t)n};
        gp_multiply_alone(spec->linalg, &multiply);
    }
    if (g->sum == NULL) {
        write_tiles(g, task, product);
        return;
    }
    double *sum = g->sum + (lane * g->pairs + task) * g->reals;
    uint64_t reals = m * n * (g->complex ? 2 : 1);
    if (g->single)
        add_floats(sum, (const float *)(const void *)product, reals);
    else
        add_doubles(sum, (const double *)(const void *)product, reals);
}

static gpuproc_status open_gram(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                                gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gram *g = gp_calloc(1, sizeof *g);
    if (g == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "gram: out of memory");
    gp_row_cut cut = cut_of(spec);
    g->n = cut.columns;
    g->tile = tile_of(g->n);
    g->tiles = tiles_of(g->n);
    g->pairs = cut.tasks;
    g->complex = gp_dtype_kind(spec->operand[0]) == GP_KIND_COMPLEX;
    g->single = cut.wide == (g->complex ? 8 : 4);
    g->reals = g->tile * g->tile * (g->complex ? 2 : 1);
    g->product_bytes = g->tile * g->tile * cut.wide;
    unsigned parts = 1 + (unsigned)gp_min_u64(workers - 1, (budget - bytes(spec)) / per_part(spec));
    g->blocks = (gp_row_blocks){.cut = cut, .parts = parts, .slots = 1, .run = add_block, .arg = g};
    GP_TRY(gp_row_blocks_open(&g->blocks, err));
    bool sums = gp_row_cut_blocks(&cut) > 1;
    if (sums) g->sum = gp_calloc(cut.lanes, g->pairs * g->reals * sizeof(double));
    g->product = gp_calloc(parts, g->product_bytes);
    g->result = gp_calloc(g->n, g->n * cut.wide);
    if ((sums && g->sum == NULL) || g->product == NULL || g->result == NULL)
        st = gp_fail(err, GPUPROC_NO_MEMORY, "gram: out of memory for a (%llu, %llu) matrix", (unsigned long long)g->n,
                     (unsigned long long)g->n);

out:
    if (st != GPUPROC_OK)
        close_gram(&g->base);
    else
        *fold = &g->base;
    return st;
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    (void)err;
    gram *g = (gram *)fold;
    gp_row_blocks_take(&g->blocks, fold->workers, piece->operand[0], piece->count);
    return GPUPROC_OK;
}

static GP_CLONES void round_to_floats(float *out, const double *sum, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) out[i] = (float)sum[i];
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    (void)again;
    (void)err;
    gram *g = (gram *)fold;
    gp_row_blocks_end(&g->blocks, fold->workers);
    if (g->sum == NULL) return GPUPROC_OK;
    for (uint64_t lane = 1; lane < g->blocks.cut.lanes; lane++)
        add_doubles(g->sum, g->sum + lane * g->pairs * g->reals, g->pairs * g->reals);
    for (uint64_t pair = 0; pair < g->pairs; pair++) {
        const double *sum = g->sum + pair * g->reals;
        if (g->single) round_to_floats((float *)(void *)g->product, sum, g->reals);
        write_tiles(g, pair, g->single ? g->product : (const char *)sum);
    }
    return GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    const gram *g = (const gram *)fold;
    *data = g->result;
    *first = 0;
    *count = g->n * g->n;
}

const gp_fold_kind gp_fold_gram = {
    .bytes = bytes, .open = open_gram, .close = close_gram, .take = take, .end = end, .rest = rest};
