/* BINCOUNT: how often each integer is there, or the sums of the weights of each.
 *
 * Counts are kept by each part of the workers and added up at the end; that no order shows in sums of weights
 * is seen to in bin_weights.c. */
#include "fold/fold_impl.h"

#include "base/error.h"
#include "base/memory.h"
#include "fold/bin_weights.h"
#include "base/clones.h"
#include "fold/share.h"

#include <string.h>

typedef struct bincount {
    gp_fold base;
    bool growing;
    uint64_t budget, most;
    uint64_t bins;     /* growing: so far, largest value + 1, or the least that is asked for */
    uint64_t capacity; /* of each table */
    unsigned parts;
    uint64_t **count;  /* a table for each part */
    gp_bin_weights *weights;
    int64_t *lowest, *highest; /* found by each part */
    void *result;
} bincount;

/* 0 where only the data say how many. */
static int64_t known_bins(const gp_fold_spec *spec) { return spec->growing ? 0 : spec->size; }

static uint64_t per_bin(const gp_fold_spec *spec)
{
    return spec->operands == 2 ? gp_bin_weights_bytes(known_bins(spec)) : sizeof(uint64_t);
}

/* The parts' own and the least number of bins. */
static uint64_t bytes(const gp_fold_spec *spec)
{
    uint64_t bins = spec->size > 0 ? (uint64_t)spec->size : 1, total;
    if (!gp_mul_u64(bins, per_bin(spec) + (spec->operands == 2 ? sizeof(double) : 0), &total)) return UINT64_MAX;
    return gp_add_u64(total, sizeof(bincount) + 4096, &total) ? total : UINT64_MAX;
}

static void close(gp_fold *fold)
{
    bincount *b = (bincount *)fold;
    for (unsigned p = 0; b->count != NULL && p < b->parts; p++) free(b->count[p]);
    free(b->count);
    gp_bin_weights_free(b->weights);
    free(b->lowest);
    free(b->highest);
    free(b->result);
    free(b);
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    bincount *b = gp_calloc(1, sizeof *b);
    if (b == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "bincount: out of memory");
    b->growing = spec->growing;
    b->bins = (uint64_t)spec->size;
    b->most = spec->result.ndim == 1 ? (uint64_t)spec->result.dim[0] : UINT64_MAX;
    b->budget = budget - sizeof(bincount) - 4096;
    b->capacity = gp_max_u64(b->bins, 1);
    b->parts = (unsigned)gp_max_u64(gp_min_u64(workers, b->budget / (b->capacity * per_bin(spec))), 1);
    b->lowest = gp_calloc(workers, sizeof *b->lowest);
    b->highest = gp_calloc(workers, sizeof *b->highest);
    bool ok = b->lowest != NULL && b->highest != NULL;
    if (spec->operands == 2) {
        uint64_t left = b->budget - b->capacity * sizeof(double);
        b->parts = (unsigned)gp_max_u64(gp_min_u64(workers, left / (b->capacity * per_bin(spec))), 1);
        b->weights = gp_bin_weights_new(known_bins(spec), b->capacity, b->parts);
        ok = ok && b->weights != NULL;
    } else {
        b->count = gp_calloc(b->parts, sizeof *b->count);
        ok = ok && b->count != NULL;
        for (unsigned p = 0; ok && p < b->parts; p++) {
            b->count[p] = gp_calloc(b->capacity, sizeof **b->count);
            ok = b->count[p] != NULL;
        }
    }
    if (!ok) {
        close(&b->base);
        return gp_fail(err, GPUPROC_NO_MEMORY, "bincount: out of memory for %llu bins",
                       (unsigned long long)spec->size);
    }
    *fold = &b->base;
    return GPUPROC_OK;
}

typedef struct job {
    bincount *b;
    const int64_t *in;
    const double *weight;
} job;

static GP_CLONES void extremes(const int64_t *in, uint64_t n, int64_t *lowest, int64_t *highest)
{
    int64_t low = *lowest, high = *highest;
    for (uint64_t i = 0; i < n; i++) {
        low = in[i] < low ? in[i] : low;
        high = in[i] > high ? in[i] : high;
    }
    *lowest = low;
    *highest = high;
}

static void find_extremes(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const job *j = arg;
    extremes(j->in + from, to - from, &j->b->lowest[part], &j->b->highest[part]);
}

static void count_values(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const job *j = arg;
    uint64_t *count = j->b->count[part], bins = j->b->bins;
    for (uint64_t i = from; i < to; i++) {
        uint64_t value = (uint64_t)j->in[i]; /* those below 0 become too large */
        if (value < bins) count[value]++;
    }
}

static void add_weights(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const job *j = arg;
    gp_bin_weights_add(j->b->weights, part, j->in + from, j->weight + from, to - from, j->b->bins);
}

/* Adds every part's counts to those of the first, down to `parts` parts. */
static void merge_counts(bincount *b, unsigned parts)
{
    for (unsigned p = parts; p < b->parts; p++) {
        for (uint64_t i = 0; i < b->capacity; i++) b->count[0][i] += b->count[p][i];
        free(b->count[p]);
        b->count[p] = NULL;
    }
    if (parts < b->parts) b->parts = parts;
}

/* Tables for `bins` bins: twice as large as before where that fits, to be moved seldom. A new table stands
 * beside the old one while it is filled. */
static gpuproc_status grow(bincount *b, uint64_t bins, gpuproc_error *err)
{
    uint64_t size = b->base.spec.operands == 2 ? per_bin(&b->base.spec) + sizeof(double) : sizeof(uint64_t);
    uint64_t fits = b->budget / size, old = b->capacity;
    if (bins > b->most || bins > fits || old > fits - bins)
        return gp_fail(err, GPUPROC_BUDGET,
                       "bincount() found the value %llu: its bins need more than the %llu bytes that the memory "
                       "budget leaves",
                       (unsigned long long)(bins - 1), (unsigned long long)b->budget);
    uint64_t capacity = gp_max_u64(bins, gp_min_u64(2 * b->capacity, (fits - old) / 2));
    capacity = gp_min_u64(capacity, b->most);
    if (b->weights != NULL) {
        if (!gp_bin_weights_grow(b->weights, capacity)) goto no_memory;
    } else {
        uint64_t parts = (fits - gp_min_u64(old, fits)) / capacity;
        merge_counts(b, (unsigned)gp_max_u64(gp_min_u64(parts, b->parts), 1));
        for (unsigned p = 0; p < b->parts; p++) {
            uint64_t *larger = gp_calloc(capacity, sizeof *larger);
            if (larger == NULL) goto no_memory;
            memcpy(larger, b->count[p], old * sizeof *larger);
            free(b->count[p]);
            b->count[p] = larger;
        }
    }
    b->capacity = capacity;
    return GPUPROC_OK;

no_memory:
    return gp_fail(err, GPUPROC_NO_MEMORY, "bincount: out of memory for %llu bins", (unsigned long long)bins);
}

static gpuproc_status make_room(bincount *b, job *j, uint64_t count, gpuproc_error *err)
{
    unsigned parts = b->parts;
    memset(b->lowest, 0, parts * sizeof *b->lowest);
    for (unsigned p = 0; p < parts; p++) b->highest[p] = -1;
    gp_fold_share(b->base.workers, parts, count, find_extremes, j);
    int64_t highest = -1;
    for (unsigned p = 0; p < parts; p++) {
        if (b->lowest[p] < 0)
            return gp_fail(err, GPUPROC_DOMAIN, "'list' argument must have no negative elements");
        if (b->highest[p] > highest) highest = b->highest[p];
    }
    uint64_t bins = (uint64_t)highest + 1;
    if (bins > b->capacity) {
        gpuproc_status st = grow(b, bins, err);
        if (st != GPUPROC_OK) return st;
    }
    b->bins = gp_max_u64(b->bins, bins);
    return GPUPROC_OK;
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    bincount *b = (bincount *)fold;
    job j = {b, piece->operand[0], piece->operand[1]};
    if (b->growing) {
        gpuproc_status st = make_room(b, &j, piece->count, err);
        if (st != GPUPROC_OK) return st;
    }
    if (b->weights != NULL)
        gp_fold_share(fold->workers, gp_bin_weights_exact(b->weights) ? b->parts : 1, piece->count, add_weights, &j);
    else
        gp_fold_share(fold->workers, b->parts, piece->count, count_values, &j);
    return GPUPROC_OK;
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    (void)again;
    bincount *b = (bincount *)fold;
    if (b->weights == NULL) {
        merge_counts(b, 1);
        return GPUPROC_OK;
    }
    b->result = gp_calloc(b->bins, sizeof(double));
    if (b->result == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "bincount: out of memory");
    gp_bin_weights_round(b->weights, b->bins, b->result);
    return GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    const bincount *b = (const bincount *)fold;
    *data = b->weights != NULL ? b->result : b->count[0];
    *first = 0;
    *count = b->bins;
}

const gp_fold_kind gp_fold_bincount = {.bytes = bytes,
                                       .open = open,
                                       .close = close,
                                       .take = take,
                                       .end = end,
                                       .rest = rest};
