/* UNIQUE, UNIQUE_COUNTS: the distinct values in order, and how often each is there.
 *
 * Values become order-preserving integers: all NaNs are one, behind everything else; -0.0 is +0.0, and the sign of
 * the first zero is kept aside, as NumPy shows that one. One and two bytes are counted in a table that has a place for each value. */
#include "fold/fold_impl.h"

#include "base/error.h"
#include "base/memory.h"
#include "fold/distinct.h"
#include "fold/float_keys.h"
#include "base/clones.h"
#include "fold/share.h"

#include <stdatomic.h>
#include <string.h>

#define BLOCK 1024u

typedef struct unique {
    gp_fold base;
    size_t element;
    gp_kind kind;
    unsigned parts;
    uint64_t values; /* of a small dtype: 256 or 65536; else 0 */
    uint64_t *count; /* small: a table for each part */
    gp_distinct *set;
    uint64_t *key, *often; /* the result's own before it is made the dtype's */
    uint64_t found;
    uint64_t taken;
    _Atomic uint64_t zero; /* 2 * index of the first zero of a float + its sign; UINT64_MAX: none yet */
} unique;

static uint64_t small_values(gp_dtype dtype)
{
    size_t element = gpuproc_dtype_bytes(dtype);
    return element <= 2 ? UINT64_C(1) << 8 * element : 0;
}

/* A table, and the result. */
static uint64_t bytes(const gp_fold_spec *spec)
{
    uint64_t values = small_values(spec->operand[0]);
    return sizeof(unique) + 4096 + (values > 0 ? 3 * values * sizeof(uint64_t) : GP_DISTINCT_LEAST);
}

static void close(gp_fold *fold)
{
    unique *u = (unique *)fold;
    gp_distinct_free(u->set);
    free(u->count);
    if (u->values > 0) {
        free(u->key);
        free(u->often);
    }
    free(u);
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    unique *u = gp_calloc(1, sizeof *u);
    if (u == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "unique: out of memory");
    uint64_t left = budget - sizeof *u - 4096;
    u->element = gpuproc_dtype_bytes(spec->operand[0]);
    u->kind = gp_dtype_kind(spec->operand[0]);
    u->values = small_values(spec->operand[0]);
    u->zero = UINT64_MAX;
    if (u->values > 0) {
        uint64_t table = u->values * sizeof *u->count;
        u->parts = (unsigned)gp_min_u64(workers, left / table - 2);
        u->count = gp_calloc(u->parts, table);
    } else {
        u->set = gp_distinct_new(left, workers);
        if (u->set != NULL) u->parts = gp_distinct_parts(u->set);
    }
    if (u->count == NULL && u->set == NULL) {
        close(&u->base);
        return gp_fail(err, GPUPROC_NO_MEMORY, "unique: out of memory");
    }
    *fold = &u->base;
    return GPUPROC_OK;
}

typedef struct job {
    unique *u;
    const unsigned char *in;
    uint64_t first;
} job;

#define SIGN32 UINT32_C(0x80000000)
#define SIGN64 (UINT64_C(1) << 63)

static uint64_t sign_of(const unique *u) { return UINT64_C(1) << (8 * u->element - 1); }

static void note_zero(unique *u, const unsigned char *in, uint64_t n, uint64_t first)
{
    if (u->zero / 2 <= first) return;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        memcpy(&bits, in + i * u->element, u->element);
        bool negative = bits == sign_of(u);
        if (bits != 0 && !negative) continue;
        uint64_t found = 2 * (first + i) + negative, known = u->zero;
        while (found < known && !atomic_compare_exchange_weak(&u->zero, &known, found)) continue;
        return;
    }
}

static void count_small(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const job *j = arg;
    uint64_t *count = j->u->count + part * j->u->values;
    if (j->u->kind == GP_KIND_FLOAT) note_zero(j->u, j->in + from * j->u->element, to - from, j->first + from);
    if (j->u->element == 1) {
        for (uint64_t i = from; i < to; i++) count[j->in[i]]++;
    } else {
        const uint16_t *in = (const uint16_t *)j->in;
        for (uint64_t i = from; i < to; i++) count[in[i]]++;
    }
}

/* True where there are zeros among them; their keys are +0.0's. */
static GP_CLONES bool keys_f32(const uint32_t *restrict in, size_t n, uint64_t *restrict key)
{
    uint32_t zeros = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = in[i] == SIGN32 ? 0 : in[i];
        zeros |= bits == 0;
        key[i] = gp_key_of_f32(bits);
    }
    return zeros != 0;
}

static GP_CLONES bool keys_f64(const uint64_t *restrict in, size_t n, uint64_t *restrict key)
{
    uint64_t zeros = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = in[i] == SIGN64 ? 0 : in[i];
        zeros |= bits == 0;
        key[i] = gp_key_of_f64(bits);
    }
    return zeros != 0;
}

static GP_CLONES void keys_int32(const uint32_t *restrict in, size_t n, uint32_t flip, uint64_t *restrict key)
{
    for (size_t i = 0; i < n; i++) key[i] = in[i] ^ flip;
}

static GP_CLONES void keys_int64(const uint64_t *restrict in, size_t n, uint64_t flip, uint64_t *restrict key)
{
    for (size_t i = 0; i < n; i++) key[i] = in[i] ^ flip;
}

static void add_keys(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const job *j = arg;
    unique *u = j->u;
    uint64_t key[BLOCK];
    bool flip = u->kind == GP_KIND_INT, zeros = false;
    for (uint64_t at = from; at < to; at += BLOCK) {
        size_t n = gp_min_u64(BLOCK, to - at);
        const unsigned char *in = j->in + at * u->element;
        const void *words = in;
        if (u->kind == GP_KIND_FLOAT)
            zeros = u->element == 4 ? keys_f32(words, n, key) : keys_f64(words, n, key);
        else if (u->element == 4)
            keys_int32(words, n, flip ? SIGN32 : 0, key);
        else
            keys_int64(words, n, flip ? SIGN64 : 0, key);
        if (zeros) note_zero(u, in, n, j->first + at);
        gp_distinct_add(u->set, part, key, n);
    }
}

static gpuproc_status settle(unique *u, bool end, gpuproc_error *err)
{
    uint64_t memory, found;
    switch (gp_distinct_settle(u->set, end)) {
    case GP_DISTINCT_OK: return GPUPROC_OK;
    case GP_DISTINCT_NO_MEMORY: return gp_fail(err, GPUPROC_NO_MEMORY, "unique: out of memory");
    default: break;
    }
    found = gp_distinct_found(u->set, &memory);
    return gp_fail(err, GPUPROC_BUDGET,
                   "unique() found %llu distinct values in the first %llu elements; with what it takes to merge "
                   "more they need %llu bytes, which the memory budget does not leave",
                   (unsigned long long)found, (unsigned long long)u->taken, (unsigned long long)memory);
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    unique *u = (unique *)fold;
    job j = {u, piece->operand[0], u->taken};
    if (u->values > 0) {
        gp_fold_share(fold->workers, u->parts, piece->count, count_small, &j);
        u->taken += piece->count;
        return GPUPROC_OK;
    }
    for (uint64_t left = piece->count; left > 0;) {
        uint64_t n = gp_min_u64(left, gp_distinct_step(u->set));
        gp_fold_share(fold->workers, u->parts, n, add_keys, &j);
        u->taken += n;
        j.first += n;
        j.in += n * u->element;
        left -= n;
        gpuproc_status st = settle(u, false, err);
        if (st != GPUPROC_OK) return st;
    }
    return GPUPROC_OK;
}

/* The bits of the i-th value of a small dtype in their order: integers with a sign begin with the lowest;
 * floats with NaNs and the lowest, and end with other NaNs. */
static uint64_t small_bits(const unique *u, uint64_t i)
{
    uint64_t half = u->values / 2;
    if (u->kind == GP_KIND_INT) return i ^ half;
    if (u->kind != GP_KIND_FLOAT) return i;
    return i < half ? u->values - 1 - i : i - half;
}

/* Adds how often -0.0 is there to +0.0, and all NaNs to one behind everything else. */
static void merge_halves(uint64_t *count, bool negative)
{
    enum { SIGN = 0x8000, INFINITE = 0x7C00, NAN16 = 0x7E00 };
    uint64_t zeros = count[0] + count[SIGN], nans = 0;
    count[0] = count[SIGN] = 0;
    count[negative ? SIGN : 0] = zeros;
    for (unsigned bits = INFINITE + 1; bits < SIGN; bits++) {
        nans += count[bits] + count[bits | SIGN];
        count[bits] = count[bits | SIGN] = 0;
    }
    count[NAN16] = nans;
}

static gpuproc_status end_small(unique *u, gpuproc_error *err)
{
    u->key = gp_calloc(u->values, sizeof *u->key);
    u->often = gp_calloc(u->values, sizeof *u->often);
    if (u->key == NULL || u->often == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "unique: out of memory");
    for (uint64_t i = 0; i < u->values; i++) {
        for (unsigned p = 1; p < u->parts; p++) u->count[i] += u->count[p * u->values + i];
    }
    if (u->kind == GP_KIND_FLOAT) merge_halves(u->count, u->zero & 1);
    for (uint64_t i = 0; i < u->values; i++) {
        uint64_t bits = small_bits(u, i);
        if (u->count[bits] == 0) continue;
        u->key[u->found] = bits;
        u->often[u->found++] = u->count[bits];
    }
    return GPUPROC_OK;
}

static uint64_t bits_of(const unique *u, uint64_t key)
{
    if (u->values > 0 || u->kind == GP_KIND_UINT) return key;
    if (u->kind == GP_KIND_INT) return key ^ (u->element == 4 ? SIGN32 : SIGN64);
    uint64_t bits = 0;
    if (u->element == 4) {
        float value = key == GP_KEY_NAN32 ? __builtin_nanf("") : gp_f32_of_key((uint32_t)key);
        memcpy(&bits, &value, sizeof value);
        if (bits == 0) bits = (u->zero & 1) != 0 ? SIGN32 : 0;
    } else {
        double value = key == GP_KEY_NAN64 ? __builtin_nan("") : gp_f64_of_key(key);
        memcpy(&bits, &value, sizeof value);
        if (bits == 0) bits = (u->zero & 1) != 0 ? SIGN64 : 0;
    }
    return bits;
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    (void)again;
    unique *u = (unique *)fold;
    gpuproc_status st = u->values > 0 ? end_small(u, err) : settle(u, true, err);
    if (st != GPUPROC_OK) return st;
    if (u->values == 0) u->found = gp_distinct_all(u->set, &u->key, &u->often);
    if (fold->spec.op == GP_OP_UNIQUE_COUNTS) return GPUPROC_OK;
    /* In place: what is written is not longer than what was read. */
    unsigned char *out = (unsigned char *)u->key;
    for (uint64_t i = 0; i < u->found; i++) {
        uint64_t key, bits;
        memcpy(&key, out + i * sizeof key, sizeof key);
        bits = bits_of(u, key);
        memcpy(out + i * u->element, &bits, u->element); /* little end first */
    }
    return GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    const unique *u = (const unique *)fold;
    *data = fold->spec.op == GP_OP_UNIQUE_COUNTS ? u->often : u->key;
    *first = 0;
    *count = u->found;
}

const gp_fold_kind gp_fold_unique = {.bytes = bytes,
                                     .open = open,
                                     .close = close,
                                     .take = take,
                                     .end = end,
                                     .rest = rest};
