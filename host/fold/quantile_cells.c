/* Quantiles of cells: each is made of the next `cell` elements. A cell is chosen from in memory, so it
 * has to fit; cells are shared among the workers. */
#include "fold/quantile.h"

#include "base/error.h"
#include "base/memory.h"
#include "fold/float_keys.h"
#include "fold/share.h"

#include <string.h>

/* What one worker needs for a cell. */
typedef struct bench {
    void *key;            /* the cell's elements, as keys */
    void *value;          /* keys at the wanted ranks */
    gp_quantile_plan own; /* for cells that have NaNs to leave out */
    bool all_nan;
} bench;

typedef struct cells {
    gp_quantile quantile;
    const gp_fold_spec *spec;
    uint64_t cells, cell, done;
    size_t element;
    unsigned char *carry; /* the beginning of a cell whose end has not come yet */
    uint64_t carried;
    gp_quantile_plan plan; /* of a cell without NaNs */
    unsigned parts;
    bench *bench;
    unsigned char *all; /* the results, where they do not come in the order of the cells, or of none */
    void *memory;       /* of everything above */
} cells;

/* Sizes of the arrays that `memory` is made of, each a multiple of 64. */
typedef struct layout {
    uint64_t carry, plan, all, key, value; /* the plan once more, key and value: per part */
} layout;

static bool round_up(uint64_t *bytes) { return gp_add_u64(*bytes, 63, bytes) && ((*bytes &= ~UINT64_C(63)), true); }

static bool lay_out(const gp_fold_spec *spec, layout *lay)
{
    uint64_t count, cell, element = gpuproc_dtype_bytes(spec->operand[0]);
    gp_quantile_cut(spec, &count, &cell);
    *lay = (layout){.plan = gp_quantile_plan_bytes(spec->qs)};
    bool fits = gp_mul_u64(cell, element, &lay->carry) && gp_mul_u64(spec->qs, 2 * element, &lay->value);
    if (spec->qs != 1 || cell == 0)
        fits = fits && gp_mul_u64(count, spec->qs, &lay->all) &&
               gp_mul_u64(lay->all, gpuproc_dtype_bytes(spec->dtype), &lay->all);
    lay->key = lay->carry;
    return fits && round_up(&lay->carry) && round_up(&lay->plan) && round_up(&lay->all) &&
           round_up(&lay->key) && round_up(&lay->value);
}

static bool layout_bytes(const layout *lay, unsigned parts, uint64_t *total)
{
    uint64_t part;
    return gp_add_u64(lay->key, lay->value, &part) && gp_add_u64(part, lay->plan, &part) &&
           gp_add_u64(part, sizeof(bench), &part) && gp_mul_u64(part, parts, total) &&
           gp_add_u64(*total, lay->carry, total) && gp_add_u64(*total, lay->plan, total) &&
           gp_add_u64(*total, lay->all, total) && gp_add_u64(*total, 128, total);
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    layout lay;
    uint64_t total;
    return lay_out(spec, &lay) && layout_bytes(&lay, 1, &total) ? total : UINT64_MAX;
}

static void close(gp_fold *fold)
{
    cells *c = (cells *)fold;
    free(c->memory);
    free(c->bench);
    free(c);
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    layout lay;
    uint64_t total = 0;
    unsigned parts = workers;
    (void)lay_out(spec, &lay); /* it fits: bytes() said so */
    while (parts > 1 && (!layout_bytes(&lay, parts, &total) || total > budget)) parts--;
    (void)layout_bytes(&lay, parts, &total);

    cells *c = gp_calloc(1, sizeof *c);
    if (c == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "quantile: out of memory");
    gp_quantile_cut(spec, &c->cells, &c->cell);
    c->element = gpuproc_dtype_bytes(spec->operand[0]);
    c->spec = &c->quantile.base.spec;
    c->parts = parts;
    c->bench = gp_calloc(parts, sizeof *c->bench);
    c->memory = malloc(total);
    if (c->bench == NULL || c->memory == NULL) {
        close(&c->quantile.base);
        return gp_fail(err, GPUPROC_NO_MEMORY, "%s() could not have the %llu bytes that it needs",
                       gp_op_info_of(spec->op)->spelling, (unsigned long long)total);
    }
    unsigned char *at = c->memory;
    at += (64 - (uintptr_t)at % 64) % 64;
    c->carry = at;
    gp_quantile_plan_init(&c->plan, spec->qs, at += lay.carry);
    c->all = lay.all > 0 ? at + lay.plan : NULL;
    at += lay.plan + lay.all;
    for (unsigned i = 0; i < parts; i++) {
        c->bench[i].key = at;
        c->bench[i].value = at + lay.key;
        gp_quantile_plan_init(&c->bench[i].own, spec->qs, at + lay.key + lay.value);
        at += lay.key + lay.value + lay.plan;
    }
    if (c->cell > 0) gp_quantile_plan_make(&c->plan, spec, c->cell);
    *fold = &c->quantile.base;
    return GPUPROC_OK;
}

static uint64_t room(const gp_fold *fold, uint64_t count)
{
    const cells *c = (const cells *)fold;
    return c->spec->qs != 1 || c->cell == 0 ? 0 : gp_min_u64(count / c->cell + 1, c->cells);
}

static double value_of(const cells *c, const bench *b, size_t at)
{
    return c->element == 4 ? (double)gp_f32_of_key(((const uint32_t *)b->value)[at])
                           : gp_f64_of_key(((const uint64_t *)b->value)[at]);
}

/* Writes the cell's q's to out, out + stride, ...; stride in bytes. */
static void choose(const cells *c, bench *b, const void *elements, unsigned char *out, uint64_t stride)
{
    size_t n = c->cell;
    size_t nans = c->element == 4 ? gp_keys_of_f32(elements, n, b->key) : gp_keys_of_f64(elements, n, b->key);
    const gp_quantile_plan *plan = &c->plan;
    if (nans > 0 && (c->spec->op == GP_OP_QUANTILE || nans == n)) {
        b->all_nan |= c->spec->op == GP_OP_NANQUANTILE;
        for (size_t q = 0; q < c->spec->qs; q++) gp_quantile_write_nan(c->spec, out + q * stride);
        return;
    }
    if (nans > 0) {
        gp_quantile_plan_make(&b->own, c->spec, n - nans);
        plan = &b->own;
    }
    if (c->element == 4)
        gp_ranks_u32(b->key, n, plan->rank, plan->ranks, b->value);
    else
        gp_ranks_u64(b->key, n, plan->rank, plan->ranks, b->value);
    for (size_t q = 0; q < c->spec->qs; q++)
        gp_quantile_write(c->spec, &plan->place[q], value_of(c, b, plan->at[2 * q]),
                          value_of(c, b, plan->at[2 * q + 1]), out + q * stride);
}

typedef struct several {
    cells *c;
    const unsigned char *elements;
    unsigned char *out;
    uint64_t stride;
} several;

static void choose_several(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const several *s = arg;
    const cells *c = s->c;
    size_t wide = gpuproc_dtype_bytes(c->spec->dtype);
    for (uint64_t i = from; i < to; i++)
        choose(c, &s->c->bench[part], s->elements + i * c->cell * c->element, s->out + i * wide, s->stride);
}

/* The next `count` whole cells. */
static void take_cells(cells *c, const unsigned char *elements, uint64_t count, gp_fold_piece *piece)
{
    uint64_t wide = gpuproc_dtype_bytes(c->spec->dtype);
    bool in_order = c->all == NULL;
    several s = {c, elements,
                 in_order ? (unsigned char *)piece->out + piece->out_count * wide : c->all + c->done * wide,
                 in_order ? 0 : c->cells * wide};
    if (in_order) piece->out_count += count;
    c->done += count;
    gp_fold_share_costly(c->quantile.base.workers, c->parts, count, c->cell, choose_several, &s);
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    cells *c = (cells *)fold;
    const unsigned char *in = piece->operand[0];
    uint64_t left = piece->count;
    if (left > (c->cells - c->done) * c->cell - c->carried)
        return gp_fail(err, GPUPROC_INTERNAL, "quantile: more elements than the shape has");
    if (c->carried > 0) {
        uint64_t part = gp_min_u64(left, c->cell - c->carried);
        memcpy(c->carry + c->carried * c->element, in, part * c->element);
        c->carried += part;
        in += part * c->element;
        left -= part;
        if (c->carried < c->cell) return GPUPROC_OK;
        c->carried = 0;
        take_cells(c, c->carry, 1, piece);
    }
    uint64_t whole = left / c->cell;
    if (whole > 0) take_cells(c, in, whole, piece);
    c->carried = left - whole * c->cell;
    if (c->carried > 0) memcpy(c->carry, in + whole * c->cell * c->element, c->carried * c->element);
    return GPUPROC_OK;
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    (void)again;
    cells *c = (cells *)fold;
    if (c->cell == 0 && c->cells > 0) {
        /* Quantiles of nothing, one for each cell. */
        size_t wide = gpuproc_dtype_bytes(c->spec->dtype);
        for (uint64_t i = 0; i < c->cells * c->spec->qs; i++)
            gp_quantile_write_nan(c->spec, c->all + i * wide);
        fold->warning = GP_QUANTILE_EMPTY;
        return GPUPROC_OK;
    }
    if (c->done != c->cells || c->carried > 0)
        return gp_fail(err, GPUPROC_INTERNAL, "quantile: expected %llu cells, found %llu",
                       (unsigned long long)c->cells, (unsigned long long)c->done);
    for (unsigned i = 0; i < c->parts; i++) {
        if (c->bench[i].all_nan) fold->warning = GP_QUANTILE_ALL_NAN;
    }
    return GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    cells *c = (cells *)fold;
    if (c->all == NULL) return;
    *data = c->all;
    *first = 0;
    *count = c->cells * c->spec->qs;
}

const gp_fold_kind gp_quantile_cells = {.bytes = bytes,
                                        .open = open,
                                        .close = close,
                                        .room = room,
                                        .take = take,
                                        .end = end,
                                        .rest = rest};
