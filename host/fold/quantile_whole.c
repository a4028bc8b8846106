/* Quantiles over all elements, of which there may be more than fit into memory.
 *
 * Elements become order-preserving integers, keys. The first pass counts them by their upper 16 bits. Then it
 * shows in which of these buckets the wanted ranks lie; the next pass looks only at those: it collects
 * a bucket's keys where they fit, else it counts them by their next 16 bits, and so on. Where few
 * elements are expected, the first pass collects all. So float32 needs at most 2 passes, float64 at most 4, and usually 2;
 * more only where the q's are so many that the buckets' tables do not fit at once: buckets
 * then wait for a later pass.
 *
 * Keys of float32 stand in the upper half of 64 bits here, so that both dtypes go one way. */
#include "fold/quantile.h"

#include "base/error.h"
#include "base/memory.h"
#include "fold/float_keys.h"
#include "base/clones.h"
#include "fold/share.h"

#include <stdatomic.h>
#include <string.h>

#define BINS 65536u
#define TABLE_BYTES (BINS * sizeof(uint64_t))
#define BLOCK 1024u /* elements that are made keys at once */
#define GATHER 64u  /* keys that a part collects before it asks for room among the others' */
/* A first pass collects all where they are no more than this. */
#define ALL_BYTES (UINT64_C(128) << 20)

/* Keys low + [0, 2^width) with the wanted ranks rank[first .. first + ranks). */
typedef struct bucket {
    uint64_t low, below, count; /* below: keys smaller than `low` */
    size_t first, ranks;
    int width;
    enum { WAITING, COUNTING, COLLECTING } now;
    size_t slot;    /* of its table, or of its gatherer, in this pass */
    uint64_t start; /* COLLECTING: its place among the collected keys */
    _Atomic uint64_t filled;
} bucket;

typedef struct gatherer {
    uint64_t key[GATHER];
    size_t keys;
} gatherer;

typedef struct whole {
    gp_quantile quantile;
    uint64_t total, taken, budget;
    unsigned workers;
    bool narrow; /* float32 */
    enum { ALL, TOP, NARROW } pass;
    void *all;   /* ALL: keys of the operand's width */
    uint64_t *table;
    unsigned parts, lanes; /* TOP: tables per part, against waiting for one's own last increment */
    _Atomic uint64_t nans;
    gp_quantile_plan plan;
    void *plan_memory;
    uint64_t *value; /* keys at the ranks, as far as they are known */
    bucket *bucket, *next;
    size_t buckets;
    /* NARROW */
    uint32_t *which; /* by a key's upper 16 bits: 1 + the first bucket that begins so; 0: none */
    uint64_t lowest, span;
    size_t tables, gatherers;
    gatherer *gatherer;
    uint64_t *collected;
    unsigned char *result;
} whole;

/* What is held in all passes. */
static bool fixed_bytes(const gp_fold_spec *spec, uint64_t *bytes)
{
    uint64_t plan = gp_quantile_plan_bytes(spec->qs);
    size_t each = gpuproc_dtype_bytes(spec->dtype) + 2 * sizeof(uint64_t) + 4 * sizeof(bucket);
    return gp_mul_u64(spec->qs, each, bytes) && gp_add_u64(*bytes, plan, bytes) &&
           gp_add_u64(*bytes, 4096, bytes);
}

#define LEAST_NARROW (TABLE_BYTES + BINS * sizeof(uint32_t) + sizeof(gatherer))

static uint64_t all_bytes(const gp_fold_spec *spec)
{
    uint64_t bytes, count = gp_shape_size(&spec->shape);
    return gp_mul_u64(count, gpuproc_dtype_bytes(spec->operand[0]), &bytes) ? bytes : UINT64_MAX;
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    uint64_t fixed, total;
    if (!fixed_bytes(spec, &fixed)) return UINT64_MAX;
    return gp_add_u64(fixed, gp_min_u64(all_bytes(spec), LEAST_NARROW), &total) ? total : UINT64_MAX;
}

static void free_pass(whole *w)
{
    free(w->table);
    free(w->gatherer);
    free(w->collected);
    w->table = NULL;
    w->gatherer = NULL;
    w->collected = NULL;
}

static void close(gp_fold *fold)
{
    whole *w = (whole *)fold;
    free_pass(w);
    free(w->all);
    free(w->plan_memory);
    free(w->value);
    free(w->bucket);
    free(w->next);
    free(w->which);
    free(w->result);
    free(w);
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    uint64_t fixed = 0, all = all_bytes(spec);
    (void)fixed_bytes(spec, &fixed); /* it fits: bytes() said so */
    whole *w = gp_calloc(1, sizeof *w);
    if (w == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "quantile: out of memory");
    w->total = gp_shape_size(&spec->shape);
    w->narrow = spec->operand[0] == GPUPROC_FLOAT32;
    w->budget = budget - fixed;
    w->workers = workers;
    w->pass = all <= gp_min_u64(w->budget, ALL_BYTES) ? ALL : TOP;
    w->plan_memory = malloc(gp_quantile_plan_bytes(spec->qs) + 1);
    w->value = gp_calloc(spec->qs, 2 * sizeof *w->value);
    w->bucket = gp_calloc(spec->qs + 1, 2 * sizeof *w->bucket);
    w->next = gp_calloc(spec->qs + 1, 2 * sizeof *w->next);
    w->result = gp_calloc(spec->qs, gpuproc_dtype_bytes(spec->dtype));
    bool ok = w->plan_memory != NULL && w->value != NULL && w->bucket != NULL && w->next != NULL &&
              w->result != NULL;
    if (w->pass == ALL) {
        w->parts = workers;
        w->all = malloc(all + 1);
        ok = ok && w->all != NULL;
    } else {
        uint64_t tables = w->budget / TABLE_BYTES;
        w->lanes = tables >= 2 ? 2 : 1;
        w->parts = (unsigned)gp_min_u64(workers, tables / w->lanes);
        w->table = gp_calloc(w->parts * w->lanes, TABLE_BYTES);
        ok = ok && w->table != NULL;
    }
    if (!ok) {
        close(&w->quantile.base);
        return gp_fail(err, GPUPROC_NO_MEMORY, "%s() could not have the memory that it needs",
                       gp_op_info_of(spec->op)->spelling);
    }
    gp_quantile_plan_init(&w->plan, spec->qs, w->plan_memory);
    *fold = &w->quantile.base;
    return GPUPROC_OK;
}

typedef struct job {
    whole *w;
    const unsigned char *in;
} job;

/* ---- ALL ---- */

static void keep_all(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    (void)part;
    const job *j = arg;
    whole *w = j->w;
    size_t nans =
        w->narrow ? gp_keys_of_f32(j->in + from * 4, to - from, (uint32_t *)w->all + w->taken + from)
                  : gp_keys_of_f64(j->in + from * 8, to - from, (uint64_t *)w->all + w->taken + from);
    if (nans > 0) w->nans += nans;
}

/* ---- TOP ---- */

static GP_CLONES void tops_f32(const uint32_t *restrict bits, size_t n, uint16_t *restrict top)
{
    for (size_t i = 0; i < n; i++) top[i] = (uint16_t)(gp_key_of_f32(bits[i]) >> 16);
}

static GP_CLONES void tops_f64(const uint64_t *restrict bits, size_t n, uint16_t *restrict top)
{
    for (size_t i = 0; i < n; i++) top[i] = (uint16_t)(gp_key_of_f64(bits[i]) >> 48);
}

static void count_tops(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const job *j = arg;
    const whole *w = j->w;
    uint64_t *table = w->table + (size_t)part * w->lanes * BINS;
    uint64_t *other = w->lanes > 1 ? table + BINS : table;
    uint16_t top[BLOCK];
    for (uint64_t at = from; at < to; at += BLOCK) {
        size_t n = gp_min_u64(BLOCK, to - at), i = 0;
        if (w->narrow)
            tops_f32((const uint32_t *)j->in + at, n, top);
        else
            tops_f64((const uint64_t *)j->in + at, n, top);
        for (; i + 2 <= n; i += 2) {
            table[top[i]]++;
            other[top[i + 1]]++;
        }
        if (i < n) table[top[i]]++;
    }
}

/* ---- NARROW ---- */

/* The keys of `n` elements that lie in [lowest, lowest + span], to `out`; how many they are. Mostly there are
 * none among 32, which is found out without branches. */
#define NEAR(type, word, shift)                                                                         \
    static GP_CLONES size_t near_##type(const word *bits, size_t n, word lowest, word span,                 \
                                        uint64_t *restrict out)                                             \
    {                                                                                                   \
        size_t m = 0;                                                                                   \
        for (size_t at = 0; at < n; at += 32) {                                                         \
            word key[32], inside = 0;                                                                   \
            size_t step = n - at < 32 ? n - at : 32;                                                    \
            if (step == 32) {                                                                           \
                for (size_t i = 0; i < 32; i++) {                                                       \
                    key[i] = gp_key_of_##type(bits[at + i]);                                            \
                    inside += key[i] - lowest <= span;                                                  \
                }                                                                                       \
                if (inside == 0) continue;                                                              \
            } else {                                                                                    \
                for (size_t i = 0; i < step; i++) key[i] = gp_key_of_##type(bits[at + i]);              \
            }                                                                                           \
            for (size_t i = 0; i < step; i++) {                                                         \
                out[m] = (uint64_t)key[i] << shift;                                                     \
                m += key[i] - lowest <= span;                                                           \
            }                                                                                           \
        }                                                                                               \
        return m;                                                                                       \
    }
NEAR(f32, uint32_t, 32)
NEAR(f64, uint64_t, 0)
#undef NEAR

/* A file may change while it is read: there may come more keys than were counted. They are not stored, and the end
 * sees it. */
static void flush(whole *w, bucket *b, gatherer *g)
{
    uint64_t at = atomic_fetch_add_explicit(&b->filled, g->keys, memory_order_relaxed);
    if (at <= b->count && g->keys <= b->count - at)
        memcpy(w->collected + b->start + at, g->key, g->keys * sizeof *g->key);
    g->keys = 0;
}

/* The bucket that `key` is in; NULL: none. */
static bucket *find_bucket(const whole *w, uint64_t key)
{
    size_t low = w->which[key >> 48], high = w->buckets;
    if (low-- == 0) return NULL;
    if (low + 1 < high && w->bucket[low + 1].low > key) high = low + 1; /* so it mostly is */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (w->bucket[middle].low <= key)
            low = middle;
        else
            high = middle;
    }
    bucket *b = &w->bucket[low];
    return key >= b->low && (key - b->low) >> b->width == 0 ? b : NULL;
}

static void sort_in(whole *w, unsigned part, uint64_t key)
{
    bucket *b = find_bucket(w, key);
    if (b == NULL) return;
    if (b->now == COUNTING) {
        w->table[(part * w->tables + b->slot) * BINS + ((key - b->low) >> (b->width - 16))]++;
    } else if (b->now == COLLECTING) {
        gatherer *g = &w->gatherer[part * w->gatherers + b->slot];
        g->key[g->keys++] = key;
        if (g->keys == GATHER) flush(w, b, g);
    }
}

static void narrow_down(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const job *j = arg;
    whole *w = j->w;
    uint64_t near[BLOCK + 1];
    for (uint64_t at = from; at < to; at += BLOCK) {
        size_t n = gp_min_u64(BLOCK, to - at);
        size_t found = w->narrow ? near_f32((const uint32_t *)j->in + at, n, (uint32_t)(w->lowest >> 32),
                                            (uint32_t)(w->span >> 32), near)
                                 : near_f64((const uint64_t *)j->in + at, n, w->lowest, w->span, near);
        for (size_t i = 0; i < found; i++) sort_in(w, part, near[i]);
    }
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    whole *w = (whole *)fold;
    job j = {w, piece->operand[0]};
    if (piece->count > w->total - w->taken)
        return gp_fail(err, GPUPROC_INTERNAL, "quantile: more elements than the shape has");
    gp_fold_part *run = w->pass == ALL ? keep_all : w->pass == TOP ? count_tops : narrow_down;
    gp_fold_share(fold->workers, w->parts, piece->count, run, &j);
    w->taken += piece->count;
    return GPUPROC_OK;
}

/* ---- Between passes ---- */

/* The buckets that the wanted ranks of `from` are in, by its table; appended to w->next. */
static void split(whole *w, const bucket *from, const uint64_t *table, size_t *nexts)
{
    int width = from->width - 16, last = w->narrow ? 32 : 0;
    uint64_t before = from->below;
    size_t bin = 0, r = from->first, stop = from->first + from->ranks;
    while (r < stop) {
        for (; bin < BINS - 1 && before + table[bin] <= w->plan.rank[r]; bin++) before += table[bin];
        bucket b = {.low = from->low + ((uint64_t)bin << width),
                    .below = before,
                    .count = table[bin],
                    .first = r,
                    .width = width};
        for (; r < stop && w->plan.rank[r] < before + table[bin]; r++) b.ranks++;
        if (b.ranks == 0) return; /* counts that do not fit those of the pass before: the caller checks them */
        if (width > last) {
            w->next[(*nexts)++] = b;
            continue;
        }
        for (size_t i = 0; i < b.ranks; i++) w->value[b.first + i] = b.low;
    }
}

static gpuproc_status changed(const gp_fold *fold, gpuproc_error *err)
{
    return gp_fail(err, GPUPROC_IO_READ, "%s(): the data changed between two passes over it",
                   gp_op_info_of(fold->spec.op)->spelling);
}

/* The parts' tables of one slot are summed up in the first. */
static uint64_t *sum_tables(const whole *w, size_t slot, size_t tables, size_t parts, uint64_t *total)
{
    uint64_t *sum = w->table + slot * BINS;
    *total = 0;
    for (size_t p = 1; p < parts; p++) {
        const uint64_t *add = w->table + (p * tables + slot) * BINS;
        for (size_t i = 0; i < BINS; i++) sum[i] += add[i];
    }
    for (size_t i = 0; i < BINS; i++) *total += sum[i];
    return sum;
}

/* What this pass has found out about its buckets; the rest of the buckets, narrower, is in w->next. */
static gpuproc_status end_narrow(whole *w, size_t *nexts, gpuproc_error *err)
{
    for (size_t i = 0; i < w->buckets; i++) {
        bucket *b = &w->bucket[i];
        if (b->now != COLLECTING) continue;
        for (unsigned p = 0; p < w->parts; p++) flush(w, b, &w->gatherer[p * w->gatherers + b->slot]);
    }
    for (size_t i = 0; i < w->buckets; i++) {
        bucket *b = &w->bucket[i];
        if (b->now == WAITING) {
            w->next[(*nexts)++] = *b;
        } else if (b->now == COUNTING) {
            uint64_t total;
            const uint64_t *table = sum_tables(w, b->slot, w->tables, w->parts, &total);
            if (total != b->count) return changed(&w->quantile.base, err);
            split(w, b, table, nexts);
        } else {
            if (b->filled != b->count) return changed(&w->quantile.base, err);
            uint64_t *rank = &w->plan.rank[b->first];
            for (size_t r = 0; r < b->ranks; r++) rank[r] -= b->below;
            gp_ranks_u64(w->collected + b->start, b->count, rank, b->ranks, &w->value[b->first]);
            for (size_t r = 0; r < b->ranks; r++) rank[r] += b->below;
        }
    }
    return GPUPROC_OK;
}

/* What to do with each bucket in the next pass. */
static gpuproc_status begin_narrow(whole *w, gpuproc_error *err)
{
    uint64_t left = w->budget - BINS * sizeof *w->which, sum = 0, buckets = w->buckets;
    uint64_t tables = gp_max_u64(left / TABLE_BYTES / buckets, 1);
    w->pass = NARROW;
    w->parts = (unsigned)gp_min_u64(w->workers, tables);
    uint64_t gatherers = w->parts * sizeof(gatherer), table = w->parts * TABLE_BYTES;
    for (size_t i = 0; i < w->buckets; i++) sum += w->bucket[i].count;
    bool last = sum <= left / 8 && sum * 8 + gatherers * buckets <= left;

    uint64_t keys = 0;
    w->tables = w->gatherers = 0;
    for (size_t i = 0; i < w->buckets; i++) {
        bucket *b = &w->bucket[i];
        b->now = WAITING;
        b->filled = 0;
        bool small = b->count <= table / 8;
        if ((last || small) && b->count * 8 + gatherers <= left) {
            b->now = COLLECTING;
            b->slot = w->gatherers++;
            b->start = keys;
            keys += b->count;
            left -= b->count * 8 + gatherers;
        } else if (table <= left) {
            b->now = COUNTING;
            b->slot = w->tables++;
            left -= table;
        }
    }
    if (w->which == NULL) w->which = malloc(BINS * sizeof *w->which);
    w->table = gp_calloc(w->tables * w->parts, TABLE_BYTES);
    w->gatherer = gp_calloc(w->gatherers * w->parts, sizeof *w->gatherer);
    w->collected = malloc(keys * 8 + 1);
    if (w->which == NULL || w->table == NULL || w->gatherer == NULL || w->collected == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "quantile: out of memory");

    memset(w->which, 0, BINS * sizeof *w->which);
    for (size_t i = w->buckets; i-- > 0;) w->which[w->bucket[i].low >> 48] = (uint32_t)i + 1;
    const bucket *top = &w->bucket[w->buckets - 1];
    w->lowest = w->bucket[0].low;
    w->span = top->low - w->lowest + ((UINT64_C(1) << top->width) - 1);
    return GPUPROC_OK;
}

static double value_of(const whole *w, size_t at)
{
    return w->narrow ? (double)gp_f32_of_key((uint32_t)(w->value[at] >> 32)) : gp_f64_of_key(w->value[at]);
}

static void write_all(whole *w)
{
    const gp_fold_spec *spec = &w->quantile.base.spec;
    size_t wide = gpuproc_dtype_bytes(spec->dtype);
    for (size_t q = 0; q < spec->qs; q++)
        gp_quantile_write(spec, &w->plan.place[q], value_of(w, w->plan.at[2 * q]),
                          value_of(w, w->plan.at[2 * q + 1]), w->result + q * wide);
}

/* After the first pass: are there elements to choose from? Then w->plan says which. */
static bool anything(whole *w)
{
    gp_fold *fold = &w->quantile.base;
    const gp_fold_spec *spec = &fold->spec;
    uint64_t numbers = w->total - w->nans;
    if (numbers > 0 && (w->nans == 0 || spec->op == GP_OP_NANQUANTILE)) {
        gp_quantile_plan_make(&w->plan, spec, numbers);
        return true;
    }
    if (w->total == 0)
        fold->warning = GP_QUANTILE_EMPTY;
    else if (spec->op == GP_OP_NANQUANTILE)
        fold->warning = GP_QUANTILE_ALL_NAN;
    for (size_t q = 0; q < spec->qs; q++)
        gp_quantile_write_nan(spec, w->result + q * gpuproc_dtype_bytes(spec->dtype));
    return false;
}

static void end_all(whole *w)
{
    if (w->narrow) {
        uint32_t *value = (uint32_t *)w->value;
        gp_ranks_u32(w->all, w->total, w->plan.rank, w->plan.ranks, value);
        for (size_t i = w->plan.ranks; i-- > 0;) {
            uint32_t key;
            memcpy(&key, (const char *)w->value + 4 * i, sizeof key);
            w->value[i] = (uint64_t)key << 32;
        }
    } else {
        gp_ranks_u64(w->all, w->total, w->plan.rank, w->plan.ranks, w->value);
    }
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    whole *w = (whole *)fold;
    gpuproc_status st = GPUPROC_OK;
    size_t nexts = 0;
    if (w->taken != w->total)
        return gp_fail(err, GPUPROC_INTERNAL, "quantile: expected %llu elements, found %llu",
                       (unsigned long long)w->total, (unsigned long long)w->taken);
    w->taken = 0;
    if (w->pass == ALL) {
        if (!anything(w)) return GPUPROC_OK;
        end_all(w);
    } else if (w->pass == TOP) {
        uint64_t total;
        const uint64_t *table = sum_tables(w, 0, 1, w->parts * w->lanes, &total);
        w->nans = table[BINS - 1];
        if (!anything(w)) return GPUPROC_OK;
        const bucket root = {.width = 64, .count = total - w->nans, .ranks = w->plan.ranks};
        split(w, &root, table, &nexts);
    } else {
        GP_TRY(end_narrow(w, &nexts, err));
    }
    free_pass(w);
    bucket *spent = w->bucket;
    w->bucket = w->next;
    w->next = spent;
    w->buckets = nexts;
    *again = nexts > 0;
    if (*again)
        GP_TRY(begin_narrow(w, err));
    else
        write_all(w);
out:
    return st;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    *data = ((const whole *)fold)->result;
    *first = 0;
    *count = fold->spec.qs;
}

const gp_fold_kind gp_quantile_whole = {.bytes = bytes,
                                        .open = open,
                                        .close = close,
                                        .take = take,
                                        .end = end,
                                        .rest = rest};
