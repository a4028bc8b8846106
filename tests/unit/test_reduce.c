/* Reductions: the CPU's loops of every instruction set against loops that follow the definition
 * to the letter, and states merged from any chunks against each other. */
#include "base/memory.h"
#include "device/cpu/cpu_ops.h"
#include "emit/reduce_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double uniform(void) { return ldexp((double)(next_random() >> 11), -52) - 1; }

static size_t reducer_sets(const gp_cpu_reducers **sets)
{
    size_t n = 0;
    sets[n++] = &gp_cpu_reducers_base;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) sets[n++] = &gp_cpu_reducers_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        sets[n++] = &gp_cpu_reducers_avx512;
#endif
    return n;
}

/* ---- Data ---- */

enum { STYLES = 12 };

static double element(int style, size_t i)
{
    double x = uniform();
    switch (style) {
    case 0: return x;
    case 1: return x * x * x * x;
    case 2: return ldexp(x, (int)(next_random() % 240) - 130);   /* all of float32 and beyond */
    case 3: return ldexp(x, (int)(next_random() % 2090) - 1070); /* all of float64 */
    case 4: return (double[]){1, 1e100, 1, -1e100}[i % 4];
    case 5: return (double[]){1, 1e30, 1, -1e30}[i % 4];
    case 6: return i % 3 != 0 ? 0.0 : -0.0;
    case 7: return -0.0;
    case 8: return 1e9 + x * 1e-2;
    case 9: return next_random() % 100 == 0 ? (double)NAN : x;
    case 10: return next_random() % 300 == 0 ? (x < 0 ? -(double)INFINITY : (double)INFINITY) : x;
    default: return (double)(int64_t)(x * 5);
    }
}

static void fill(gp_dtype dtype, void *v, size_t n, int style)
{
    for (size_t i = 0; i < n; i++) {
        switch (dtype) {
        case GPUPROC_FLOAT64: ((double *)v)[i] = element(style, i); break;
        case GPUPROC_FLOAT32: ((float *)v)[i] = (float)element(style, i); break;
        case GPUPROC_BOOL: ((uint8_t *)v)[i] = (uint8_t)(next_random() >> 40) % 5 == 0; break;
        default: {
            /* Full range, or few values so that there are ties. */
            uint64_t bits = style % 2 == 0 ? next_random() : next_random() % 7;
            size_t bytes = gpuproc_dtype_bytes(dtype);
            memcpy((char *)v + i * bytes, &bits, bytes);
        }
        }
    }
}

static double float_at(gp_dtype dtype, const void *v, size_t i)
{
    return dtype == GPUPROC_FLOAT32 ? (double)((const float *)v)[i] : ((const double *)v)[i];
}

static __int128 integer_at(gp_dtype dtype, const void *v, size_t i)
{
    switch (dtype) {
#define X(name, type, kind) \
    case GPUPROC_##name: return ((const type *)v)[i];
        GP_DTYPES_BOOL(X) GP_DTYPES_INTEGER(X)
#undef X
    default: return 0;
    }
}

/* ---- The definition, to the letter ---- */

static double halved(double *lane, bool product)
{
    for (int w = GP_LANES / 2; w > 0; w /= 2) {
        for (int j = 0; j < w; j++) lane[j] = product ? lane[j] * lane[j + w] : lane[j] + lane[j + w];
    }
    return lane[0];
}

static gp_partial_moments plain_moments(gp_dtype dtype, const void *v, size_t n)
{
    double s[GP_LANES] = {0}, d[GP_LANES] = {0}, q[GP_LANES] = {0};
    for (size_t i = 0; i < n; i++) s[i % GP_LANES] += float_at(dtype, v, i);
    double m = halved(s, false) / (double)n;
    if (!isfinite(m)) return (gp_partial_moments){(double)NAN, (double)NAN, (double)NAN};
    for (size_t i = 0; i < n; i++) {
        double distance = float_at(dtype, v, i) - m;
        d[i % GP_LANES] += distance;
        q[i % GP_LANES] += distance * distance;
    }
    double sum = halved(d, false), squares = halved(q, false);
    return (gp_partial_moments){m, sum / (double)n, squares - sum * (sum / (double)n)};
}

static double plain_product(gp_dtype dtype, const void *v, size_t n)
{
    double p[GP_LANES];
    for (int j = 0; j < GP_LANES; j++) p[j] = 1;
    for (size_t i = 0; i < n; i++) p[i % GP_LANES] *= float_at(dtype, v, i);
    return halved(p, true);
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static const size_t SIZES[] = {1, 2, 3, 15, 63, 64, 65, 100, 128, 500, 960, 1000, 1023, 1024};
#define SIZE_COUNT (sizeof SIZES / sizeof *SIZES)
static const gp_dtype FLOATS[] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64};

/* Calls check(set, dtype, elements, n) over everything; the elements are aligned to their
 * dtype and no more. */
static void over_floats(void (*check)(const gp_cpu_reducers *, gp_dtype, const void *, size_t))
{
    static double room[GP_BLOCK + 8];
    const gp_cpu_reducers *sets[3];
    size_t count = reducer_sets(sets);
    for (int t = 0; t < 2; t++) {
        for (int style = 0; style < STYLES; style++) {
            for (size_t k = 0; k < SIZE_COUNT; k++) {
                char *v = (char *)room + gpuproc_dtype_bytes(FLOATS[t]) * (1 + k % 3);
                fill(FLOATS[t], v, SIZES[k], style);
                for (size_t s = 0; s < count; s++) check(sets[s], FLOATS[t], v, SIZES[k]);
            }
        }
    }
}

static void check_ordered(const gp_cpu_reducers *set, gp_dtype dtype, const void *v, size_t n)
{
    gp_partial_moments found, expected = plain_moments(dtype, v, n);
    set->reduce[GP_REDUCE_MOMENTS][dtype](&found, v, n, 0);
    assert_true(same_bits(found.mean, expected.mean));
    assert_true(same_bits(found.low, expected.low));
    assert_true(same_bits(found.m2, expected.m2));
    gp_partial_prod prod;
    set->reduce[GP_REDUCE_PROD][dtype](&prod, v, n, 0);
    assert_true(same_bits(prod.value, plain_product(dtype, v, n)));
}

static void check_sum(const gp_cpu_reducers *set, gp_dtype dtype, const void *v, size_t n)
{
    gp_exact found, expected;
    gp_exact_init(&expected);
    gp_reduce_partial_init(GP_REDUCE_SUM, dtype, &found, 1);
    /* Twice, so that something is there before. */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < n; i++) gp_exact_add(&expected, float_at(dtype, v, i));
        set->reduce[GP_REDUCE_SUM][dtype](&found, v, n, 0);
    }
    gp_exact_normalise(&expected);
    gp_exact_normalise(&found);
    assert_int_equal(found.flags, expected.flags);
    if ((expected.flags & (GP_EXACT_NAN | GP_EXACT_PINF | GP_EXACT_NINF)) == 0)
        assert_memory_equal(found.limb, expected.limb, sizeof found.limb);
}

/* NaN first, then order, then place; for MIN and MAX -0.0 < +0.0. */
static gp_partial_extreme plain_extreme(gp_reduce_kind kind, gp_dtype dtype, const void *v, size_t n,
                                        uint64_t first)
{
    bool least = kind == GP_REDUCE_MIN || kind == GP_REDUCE_ARGMIN;
    bool signs = kind == GP_REDUCE_MIN || kind == GP_REDUCE_MAX;
    gp_partial_extreme best = {.index = -1};
    for (size_t i = 0; i < n; i++) {
        double x = float_at(dtype, v, i), y = best.value.f;
        bool wins = best.index < 0 || (isnan(x) && !isnan(y)) ||
                    (!isnan(y) && (least ? x < y : x > y)) ||
                    (signs && x == y && (least ? signbit(x) > signbit(y) : signbit(x) < signbit(y)));
        if (wins) best = (gp_partial_extreme){.value.f = x, .index = (int64_t)(first + i)};
    }
    return best;
}

static void check_extremes(const gp_cpu_reducers *set, gp_dtype dtype, const void *v, size_t n)
{
    for (gp_reduce_kind kind = GP_REDUCE_MIN; kind <= GP_REDUCE_ARGMAX; kind++) {
        gp_partial_extreme expected = plain_extreme(kind, dtype, v, n, 7168);
        /* In one go, and in two parts, either first. */
        for (int way = 0; way < 3; way++) {
            gp_partial_extreme found;
            size_t cut = way == 0 ? 0 : n / 3, bytes = gpuproc_dtype_bytes(dtype);
            const char *second = (const char *)v + cut * bytes;
            gp_reduce_partial_init(kind, dtype, &found, 1);
            if (way == 1) set->reduce[kind][dtype](&found, v, cut, 7168);
            set->reduce[kind][dtype](&found, second, n - cut, 7168 + cut);
            if (way == 2) set->reduce[kind][dtype](&found, v, cut, 7168);
            assert_true(same_bits(found.value.f, expected.value.f));
            if (kind >= GP_REDUCE_ARGMIN)
                assert_int_equal(found.index, expected.index);
            else
                assert_true(found.index >= 0);
        }
    }
}

/* All at once: the same partials, bit for bit. */
static void check_summary(const gp_cpu_reducers *set, gp_dtype dtype, const void *v, size_t n)
{
    if (set->summary[dtype] == NULL) return;
    for (int wanted = 0; wanted < 16; wanted++) {
        static gp_exact sum[2];
        gp_partial_moments moments[2] = {{0}};
        gp_partial_extreme min[2], max[2];
        gp_reduce_partial_init(GP_REDUCE_SUM, dtype, sum, 2);
        gp_reduce_partial_init(GP_REDUCE_MIN, dtype, min, 2);
        gp_reduce_partial_init(GP_REDUCE_MAX, dtype, max, 2);
        for (int round = 0; round < 2; round++)
            set->summary[dtype](wanted & 1 ? &sum[0] : NULL, wanted & 2 ? &moments[0] : NULL,
                                wanted & 4 ? &min[0] : NULL, wanted & 8 ? &max[0] : NULL, v, n, 0);
        for (int round = 0; round < 2; round++) {
            if (wanted & 1) set->reduce[GP_REDUCE_SUM][dtype](&sum[1], v, n, 0);
            if (wanted & 2) set->reduce[GP_REDUCE_MOMENTS][dtype](&moments[1], v, n, 0);
            if (wanted & 4) set->reduce[GP_REDUCE_MIN][dtype](&min[1], v, n, 0);
            if (wanted & 8) set->reduce[GP_REDUCE_MAX][dtype](&max[1], v, n, 0);
        }
        gp_exact_normalise(&sum[0]);
        gp_exact_normalise(&sum[1]);
        assert_memory_equal(&sum[0], &sum[1], sizeof sum[0]);
        assert_true(same_bits(moments[0].mean, moments[1].mean));
        assert_true(same_bits(moments[0].low, moments[1].low));
        assert_true(same_bits(moments[0].m2, moments[1].m2));
        assert_memory_equal(&min[0], &min[1], sizeof min[0]);
        assert_memory_equal(&max[0], &max[1], sizeof max[0]);
    }
}

static void ordered_floats(void **unused)
{
    (void)unused;
    over_floats(check_ordered);
}

static void float_summaries(void **unused)
{
    (void)unused;
    over_floats(check_summary);
}

static void float_sums(void **unused)
{
    (void)unused;
    over_floats(check_sum);
}

/* The worst blocks for the proofs that a sum is exact: one sign, so that nothing cancels, two sizes
 * of elements at every distance from each other, and low bits that are all needed. */
static void sums_at_the_edge(void **unused)
{
    (void)unused;
    static double wide[GP_BLOCK];
    static float narrow[GP_BLOCK];
    const gp_cpu_reducers *sets[3];
    size_t count = reducer_sets(sets);
    for (int distance = 0; distance < 130; distance++) {
        for (int shape = 0; shape < 6; shape++) {
            for (int t = 0; t < 2; t++) {
                int digits = t == 0 ? 24 : 53;
                int base = t == 0 && distance > 100 ? -149 : -60;
                for (size_t i = 0; i < GP_BLOCK; i++) {
                    bool small = shape < 2 || shape > 3 ? i == 0 : i % 2 == 0;
                    int up = small ? 0 : distance;
                    /* One large element, and then all that the split leaves whole. */
                    if (shape > 3 && i > 1) up = distance > 43 ? distance - 43 : 0;
                    uint64_t most = (UINT64_C(1) << digits) - 1, bits = most;
                    if (shape % 2 != 0) bits = (next_random() & most) | (most + 1) / 2 | 1;
                    double x = ldexp((double)bits, base - digits + 1 + up);
                    wide[i] = shape == 3 ? -x : x;
                    narrow[i] = (float)wide[i];
                }
                const void *v = t == 0 ? (void *)narrow : wide;
                for (size_t s = 0; s < count; s++) {
                    check_sum(sets[s], FLOATS[t], v, GP_BLOCK);
                    check_summary(sets[s], FLOATS[t], v, GP_BLOCK);
                }
            }
        }
    }
    /* The top of float64's range, and its bottom. */
    for (int e = 1000; e < 1024; e++) {
        for (size_t i = 0; i < GP_BLOCK; i++) wide[i] = ldexp(2 - 0x1p-52, e);
        for (size_t s = 0; s < count; s++) check_sum(sets[s], GPUPROC_FLOAT64, wide, GP_BLOCK);
        for (size_t i = 0; i < GP_BLOCK; i++) wide[i] = ldexp(2 - 0x1p-52, e - 2070);
        for (size_t s = 0; s < count; s++) check_sum(sets[s], GPUPROC_FLOAT64, wide, GP_BLOCK);
    }
}

/* Many blocks at once: the same exact sum as of one after the other. */
static void check_many(const gp_cpu_reducers *set, const float *v)
{
    static gp_exact sum[2];
    gp_cpu_reduce_fn many = set->many[GP_REDUCE_SUM][GPUPROC_FLOAT32];
    if (many == NULL) return;
    gp_reduce_partial_init(GP_REDUCE_SUM, GPUPROC_FLOAT32, sum, 2);
    many(&sum[0], v, GP_MANY_BLOCKS * GP_BLOCK, 0);
    for (size_t i = 0; i < GP_MANY_BLOCKS * GP_BLOCK; i += GP_BLOCK)
        set->reduce[GP_REDUCE_SUM][GPUPROC_FLOAT32](&sum[1], v + i, GP_BLOCK, i);
    for (int k = 0; k < 2; k++) gp_exact_normalise(&sum[k]);
    assert_memory_equal(&sum[0], &sum[1], sizeof sum[0]);
}

static void sums_of_many_blocks(void **unused)
{
    (void)unused;
    enum { COUNT = GP_MANY_BLOCKS * GP_BLOCK };
    static float v[COUNT + 1];
    const gp_cpu_reducers *sets[3];
    size_t count = reducer_sets(sets);
    for (int style = 0; style < STYLES; style++) {
        for (size_t i = 0; i < COUNT; i += GP_BLOCK) fill(GPUPROC_FLOAT32, v + 1 + i, GP_BLOCK, style);
        for (size_t s = 0; s < count; s++) check_many(sets[s], v + 1);
        fill(GPUPROC_FLOAT32, v + 1, GP_BLOCK, 0); /* one block of another kind */
        for (size_t s = 0; s < count; s++) check_many(sets[s], v + 1);
    }
    /* As at the edge: one sign, all digits, a few small ones at every distance. */
    for (int distance = 0; distance < 60; distance++) {
        for (size_t small = 1; small <= COUNT; small *= 64) {
            for (size_t i = 0; i < COUNT; i++)
                v[i] = ldexpf(0x1.fffffep0f, (i % small == small - 1 ? 0 : distance) - 40);
            for (size_t s = 0; s < count; s++) check_many(sets[s], v);
        }
    }
}

static void float_extremes(void **unused)
{
    (void)unused;
    over_floats(check_extremes);
}

static void check_integers(const gp_cpu_reducers *set, gp_dtype dtype, const void *v, size_t n)
{
    __int128 sum = 0, least = integer_at(dtype, v, 0), most = least;
    int64_t least_at = 0, most_at = 0;
    uint64_t product = 1;
    for (size_t i = 0; i < n; i++) {
        __int128 x = integer_at(dtype, v, i);
        sum += x;
        product *= (uint64_t)x;
        if (x < least) least = x, least_at = (int64_t)i;
        if (x > most) most = x, most_at = (int64_t)i;
    }
    gp_partial_isum total;
    gp_partial_iprod prod;
    gp_partial_extreme extreme;
    gp_reduce_partial_init(GP_REDUCE_SUM, dtype, &total, 1);
    for (int i = 0; i < 3; i++) set->reduce[GP_REDUCE_SUM][dtype](&total, v, n, 0);
    assert_true((__int128)total.hi * ((__int128)1 << 32) + (__int128)total.lo == 3 * sum);
    gp_reduce_partial_init(GP_REDUCE_PROD, dtype, &prod, 1);
    for (int i = 0; i < 2; i++) set->reduce[GP_REDUCE_PROD][dtype](&prod, v, n, 0);
    assert_true(prod.value == product * product);
    for (gp_reduce_kind kind = GP_REDUCE_MIN; kind <= GP_REDUCE_ARGMAX; kind++) {
        bool low = kind == GP_REDUCE_MIN || kind == GP_REDUCE_ARGMIN;
        gp_reduce_partial_init(kind, dtype, &extreme, 1);
        set->reduce[kind][dtype](&extreme, v, n, 3 * GP_BLOCK);
        set->reduce[kind][dtype](&extreme, v, n, 9 * GP_BLOCK); /* equal and later: loses */
        set->reduce[kind][dtype](&extreme, v, n, GP_BLOCK);     /* equal and earlier: wins */
        assert_true((int64_t)(low ? least : most) == extreme.value.i);
        assert_int_equal(extreme.index, GP_BLOCK + (low ? least_at : most_at));
    }
}

static void integers(void **unused)
{
    (void)unused;
    static uint64_t room[GP_BLOCK];
    const gp_cpu_reducers *sets[3];
    size_t count = reducer_sets(sets);
    for (gp_dtype dtype = GPUPROC_BOOL; dtype <= GPUPROC_UINT64; dtype++) {
        for (size_t k = 0; k < 2 * SIZE_COUNT; k++) {
            size_t n = SIZES[k / 2];
            fill(dtype, room, n, (int)k % 2);
            for (size_t s = 0; s < count; s++) check_integers(sets[s], dtype, room, n);
            if (dtype != GPUPROC_BOOL) continue;
            uint64_t expected = 0;
            for (size_t i = 0; i < n; i++) expected += ((uint8_t *)room)[i];
            for (size_t s = 0; s < count; s++) {
                gp_partial_count found = {0};
                for (int i = 0; i < 2; i++) sets[s]->reduce[GP_REDUCE_COUNT][dtype](&found, room, n, 0);
                assert_int_equal(found.count, 2 * expected);
            }
        }
    }
    /* The ends of the ranges, where a carry is lost most easily. */
    for (size_t i = 0; i < GP_BLOCK; i++) room[i] = UINT64_MAX;
    for (size_t s = 0; s < count; s++) check_integers(sets[s], GPUPROC_UINT64, room, GP_BLOCK);
    for (size_t i = 0; i < GP_BLOCK; i++) room[i] = UINT64_C(1) << 63;
    for (size_t s = 0; s < count; s++) check_integers(sets[s], GPUPROC_INT64, room, GP_BLOCK);
}

static void tables_are_complete(void **unused)
{
    (void)unused;
    static const int kinds_of[] = {[GP_KIND_BOOL] = GP_B, [GP_KIND_INT] = GP_I,
                                   [GP_KIND_UINT] = GP_I, [GP_KIND_FLOAT] = GP_F,
                                   [GP_KIND_COMPLEX] = GP_C};
    const gp_cpu_reducers *sets[3];
    size_t count = reducer_sets(sets);
    for (size_t s = 0; s < count; s++) {
#define X(name, kind, kinds)                                                                   \
    for (gp_dtype t = 0; t < GP_DTYPE_COUNT; t++) {                                            \
        if (t != GPUPROC_FLOAT16 && (kinds_of[gp_dtype_kind(t)] & (kinds)) != 0)            \
            assert_non_null((const void *)(uintptr_t)sets[s]->reduce[GP_REDUCE_##kind][t]);    \
    }
        GP_OPS_REDUCE(X)
#undef X
    }
    assert_string_equal(sets[0]->name, "base");
}

/* ---- States ---- */

/* Reduces elements [first, first + n) as one chunk with `workers` partials. */
static void merge_chunk(gp_reduce_state *state, const gp_cpu_reducers *set, gp_reduce_kind kind,
                        gp_dtype dtype, const void *v, uint64_t first, uint64_t n, size_t workers)
{
    size_t bytes = gp_reduce_partial_bytes(kind, dtype), size = gpuproc_dtype_bytes(dtype);
    bool ordered = gp_reduce_ordered(kind, dtype);
    uint64_t blocks = gp_ceil_div(n, GP_BLOCK);
    size_t partials = ordered ? (size_t)blocks : workers;
    char *partial = gp_calloc(partials + 1, bytes);
    assert_non_null(partial);
    gp_reduce_partial_init(kind, dtype, partial, partials);
    for (uint64_t b = 0; b < blocks; b++) {
        uint64_t at = first + b * GP_BLOCK, m = gp_min_u64(GP_BLOCK, first + n - at);
        size_t to = ordered ? (size_t)b : (size_t)(b * 7 % workers);
        set->reduce[kind][dtype](partial + to * bytes, (const char *)v + at * size, (size_t)m, at);
    }
    gpuproc_error err;
    assert_int_equal(gp_reduce_merge(state, partial, partials, first, n, &err), GPUPROC_OK);
    free(partial);
}

static gpuproc_scalar finished(gp_reduce_state *state, gp_op op, gp_dtype dtype, uint64_t count)
{
    gpuproc_scalar value = {0};
    gpuproc_error err;
    assert_int_equal(gp_reduce_finish(state, op, dtype, count, 1, &value, NULL, &err), GPUPROC_OK);
    return value;
}

enum { BLOCKS = 9, COUNT = (BLOCKS - 1) * GP_BLOCK + 77 };

/* Every set of cuts at block borders, with the chunks in a random order. */
static void check_chunkings(gp_op op, gp_dtype operand, gp_dtype dtype, int style)
{
    static double v[COUNT];
    const gp_cpu_reducers *sets[3];
    size_t count = reducer_sets(sets);
    gp_reduce_kind kind = gp_reduce_kind_of(op);
    fill(operand, v, COUNT, style);
    gpuproc_scalar expected = {0};
    for (unsigned cuts = 0; cuts < 1u << (BLOCKS - 1); cuts++) {
        int border[BLOCKS + 1], chunks = 0, order[BLOCKS];
        for (int b = 0; b <= BLOCKS; b++) {
            if (b == 0 || b == BLOCKS || (cuts >> (b - 1) & 1) != 0) border[chunks++] = b;
        }
        chunks--;
        for (int i = 0; i < chunks; i++) order[i] = i;
        for (int i = chunks - 1; i > 0; i--) {
            int j = (int)(next_random() % (unsigned)(i + 1)), t = order[i];
            order[i] = order[j], order[j] = t;
        }
        gp_reduce_state *state = gp_reduce_state_new(kind, operand);
        assert_non_null(state);
        for (int i = 0; i < chunks; i++) {
            uint64_t first = (uint64_t)border[order[i]] * GP_BLOCK;
            uint64_t end = gp_min_u64((uint64_t)border[order[i] + 1] * GP_BLOCK, COUNT);
            merge_chunk(state, sets[(cuts + (unsigned)i) % count], kind, operand, v, first,
                        end - first, 1 + cuts % 4);
        }
        gpuproc_scalar value = finished(state, op, dtype, COUNT);
        gp_reduce_state_free(state);
        if (cuts == 0) expected = value;
        assert_int_equal(value.dtype, dtype);
        assert_memory_equal(&value.value, &expected.value, sizeof(double));
    }
}

static void any_chunking(void **unused)
{
    (void)unused;
    static const gp_op ops[] = {GP_OP_SUM, GP_OP_MEAN, GP_OP_PROD, GP_OP_MIN, GP_OP_MAX,
                                GP_OP_ARGMIN, GP_OP_ARGMAX, GP_OP_VAR, GP_OP_STD};
    static const int styles[] = {0, 2, 5, 6, 7, 8, 9, 10};
    for (size_t o = 0; o < sizeof ops / sizeof *ops; o++) {
        bool place = ops[o] == GP_OP_ARGMIN || ops[o] == GP_OP_ARGMAX;
        for (int t = 0; t < 2; t++) {
            for (size_t s = 0; s < sizeof styles / sizeof *styles; s++)
                check_chunkings(ops[o], FLOATS[t], place ? GPUPROC_INT64 : FLOATS[t], styles[s]);
        }
        if (ops[o] == GP_OP_VAR || ops[o] == GP_OP_STD) continue;
        gp_dtype of_int = ops[o] == GP_OP_MEAN ? GPUPROC_FLOAT64 : GPUPROC_INT64;
        check_chunkings(ops[o], GPUPROC_INT64, of_int, 0);
    }
    check_chunkings(GP_OP_COUNT_NONZERO, GPUPROC_BOOL, GPUPROC_INT64, 0);
}

static gpuproc_scalar reduce_all(gp_op op, gp_dtype operand, gp_dtype dtype, const void *v,
                                 uint64_t n, double ddof, const char **warning)
{
    gp_reduce_kind kind = gp_reduce_kind_of(op);
    gp_reduce_state *state = gp_reduce_state_new(kind, operand);
    assert_non_null(state);
    if (n > 0) merge_chunk(state, &gp_cpu_reducers_base, kind, operand, v, 0, n, 2);
    gpuproc_scalar value = {0};
    gpuproc_error err;
    assert_int_equal(gp_reduce_finish(state, op, dtype, n, ddof, &value, warning, &err), GPUPROC_OK);
    gp_reduce_state_free(state);
    return value;
}

#define F4 GPUPROC_FLOAT32
#define F8 GPUPROC_FLOAT64

static void known_values(void **unused)
{
    (void)unused;
    const char *warning;
    static double v[40000];
    for (int i = 0; i < 40000; i++) v[i] = (double[]){1, 1e100, 1, -1e100}[i % 4];
    assert_true(reduce_all(GP_OP_SUM, F8, F8, v, 40000, 0, NULL).value.f == 20000);

    /* 1e9 plus small noise, against the variance of the noise alone (both exact in float64). */
    static double noise[40000];
    for (int i = 0; i < 40000; i++) {
        noise[i] = floor(uniform() * 1024) / 1048576; /* less than 0.001 */
        v[i] = 1e9 + noise[i];
    }
    double big = reduce_all(GP_OP_VAR, F8, F8, v, 40000, 0, NULL).value.f;
    double small = reduce_all(GP_OP_VAR, F8, F8, noise, 40000, 0, NULL).value.f;
    assert_true(fabs(big - small) <= 1e-11 * small);
    assert_true(same_bits(reduce_all(GP_OP_STD, F8, F8, v, 40000, 0, NULL).value.f, sqrt(big)));

    /* The sum is beyond float64, the mean is not. */
    for (int i = 0; i < 40000; i++) v[i] = 1.5e308;
    double mean = reduce_all(GP_OP_MEAN, F8, F8, v, 40000, 0, &warning).value.f;
    assert_true(fabs(mean / 1.5e308 - 1) <= 0x1p-52);
    assert_null(warning);
    assert_true(isinf(reduce_all(GP_OP_SUM, F8, F8, v, 40000, 0, &warning).value.f));
    assert_non_null(warning);
    static float f[5000];
    for (int i = 0; i < 5000; i++) f[i] = 3e38f;
    assert_true(reduce_all(GP_OP_MEAN, F4, F4, f, 5000, 0, NULL).value.f == (double)3e38f);
    assert_true(isinf(reduce_all(GP_OP_SUM, F4, F4, f, 5000, 0, NULL).value.f));
    for (int i = 0; i < 5000; i++) f[i] = 0.1f;
    assert_true(reduce_all(GP_OP_VAR, F4, F4, f, 5000, 0, NULL).value.f == 0);

    /* Integers: wrapping, narrower results, exact means. */
    int64_t w[] = {INT64_MAX, INT64_MAX, INT64_MAX};
    assert_true(reduce_all(GP_OP_SUM, GPUPROC_INT64, GPUPROC_INT64, w, 3, 0, NULL).value.i ==
                INT64_MAX - 2);
    assert_true(reduce_all(GP_OP_MEAN, GPUPROC_INT64, F8, w, 3, 0, NULL).value.f == 0x1p63);
    uint64_t u[] = {UINT64_MAX, UINT64_MAX};
    assert_true(reduce_all(GP_OP_MEAN, GPUPROC_UINT64, F8, u, 2, 0, NULL).value.f == 0x1p64);
    int8_t b[] = {100, 100, 3};
    assert_true(reduce_all(GP_OP_SUM, GPUPROC_INT8, GPUPROC_INT8, b, 3, 0, NULL).value.i == -53);
    assert_true(reduce_all(GP_OP_SUM, GPUPROC_INT8, GPUPROC_INT64, b, 3, 0, NULL).value.i == 203);
    assert_true(reduce_all(GP_OP_PROD, GPUPROC_INT8, GPUPROC_INT64, b, 3, 0, NULL).value.i == 30000);
    assert_true(reduce_all(GP_OP_PROD, GPUPROC_INT8, GPUPROC_UINT8, b, 3, 0, NULL).value.u == 48);

    uint8_t t[] = {1, 0, 1};
    assert_true(reduce_all(GP_OP_ANY, GPUPROC_BOOL, GPUPROC_BOOL, t, 3, 0, NULL).value.u == 1);
    assert_true(reduce_all(GP_OP_ALL, GPUPROC_BOOL, GPUPROC_BOOL, t, 3, 0, NULL).value.u == 0);
    assert_true(reduce_all(GP_OP_ALL, GPUPROC_BOOL, GPUPROC_BOOL, t, 1, 0, NULL).value.u == 1);
    assert_true(reduce_all(GP_OP_COUNT_NONZERO, GPUPROC_BOOL, GPUPROC_INT64, t, 3, 0, NULL).value.i == 2);
    assert_true(reduce_all(GP_OP_MAX, GPUPROC_BOOL, GPUPROC_BOOL, t, 3, 0, NULL).value.u == 1);
}

static void empty_and_degenerate(void **unused)
{
    (void)unused;
    const char *warning;
    double v[] = {1, 2, -0.0};
    assert_true(same_bits(reduce_all(GP_OP_SUM, F8, F8, v, 0, 0, &warning).value.f, 0.0));
    assert_null(warning);
    assert_true(reduce_all(GP_OP_PROD, F8, F8, v, 0, 0, NULL).value.f == 1);
    assert_true(reduce_all(GP_OP_PROD, GPUPROC_INT64, GPUPROC_INT64, v, 0, 0, NULL).value.i == 1);
    assert_true(reduce_all(GP_OP_ANY, GPUPROC_BOOL, GPUPROC_BOOL, v, 0, 0, NULL).value.u == 0);
    assert_true(reduce_all(GP_OP_ALL, GPUPROC_BOOL, GPUPROC_BOOL, v, 0, 0, NULL).value.u == 1);
    assert_true(isnan(reduce_all(GP_OP_MEAN, F4, F4, v, 0, 0, &warning).value.f));
    assert_string_equal(warning, "mean of empty slice");
    assert_true(isnan(reduce_all(GP_OP_MEAN, GPUPROC_INT32, F8, v, 0, 0, &warning).value.f));
    assert_non_null(warning);
    assert_true(isnan(reduce_all(GP_OP_VAR, F8, F8, v, 0, 0, &warning).value.f));
    assert_string_equal(warning, "degrees of freedom <= 0");
    assert_true(isnan(reduce_all(GP_OP_VAR, F8, F8, v, 1, 1, &warning).value.f));
    assert_non_null(warning);
    assert_true(isinf(reduce_all(GP_OP_STD, F8, F8, v, 2, 3, &warning).value.f));
    assert_non_null(warning);
    assert_true(reduce_all(GP_OP_VAR, F8, F8, v, 2, 1, &warning).value.f == 0.5);
    assert_null(warning);
    assert_true(reduce_all(GP_OP_VAR, F8, F8, v, 2, 0.5, NULL).value.f == 0.5 / 1.5);
    assert_true(same_bits(reduce_all(GP_OP_SUM, F8, F4, v + 2, 1, 0, NULL).value.f, -0.0));

    double extremes[] = {0.0, -0.0, 0.0};
    assert_true(signbit(reduce_all(GP_OP_MIN, F8, F8, extremes, 3, 0, NULL).value.f));
    assert_false(signbit(reduce_all(GP_OP_MAX, F8, F8, extremes + 1, 2, 0, NULL).value.f));
    assert_true(reduce_all(GP_OP_ARGMIN, F8, GPUPROC_INT64, extremes, 3, 0, NULL).value.i == 0);

    static const gp_op ops[] = {GP_OP_MIN, GP_OP_MAX, GP_OP_ARGMIN, GP_OP_ARGMAX};
    for (int i = 0; i < 4; i++) {
        gp_reduce_state *state = gp_reduce_state_new(gp_reduce_kind_of(ops[i]), F8);
        gpuproc_scalar value;
        gpuproc_error err;
        assert_int_equal(gp_reduce_finish(state, ops[i], F8, 0, 0, &value, &warning, &err),
                         GPUPROC_DOMAIN);
        gp_reduce_state_free(state);
    }
    gp_reduce_state_free(NULL);
}

/* NaNs of every sign and payload come out as one. */
static void one_nan(void **unused)
{
    (void)unused;
    double strange, v[3] = {1, 0, 2};
    memcpy(&strange, &(uint64_t){UINT64_C(0xfff0000000000123)}, sizeof strange);
    v[1] = strange;
    static const gp_op ops[] = {GP_OP_SUM, GP_OP_MEAN, GP_OP_PROD, GP_OP_MIN,
                                GP_OP_MAX, GP_OP_VAR,  GP_OP_STD};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        gpuproc_scalar value = reduce_all(ops[i], F8, F8, v, 3, 0, NULL);
        assert_int_equal(value.value.u, UINT64_C(0x7ff8000000000000));
    }
    assert_int_equal(reduce_all(GP_OP_ARGMAX, F8, GPUPROC_INT64, v, 3, 0, NULL).value.i, 1);
}

/* ---- The tree at sizes that no test could fill with data ---- */

static void huge_trees(void **unused)
{
    (void)unused;
    enum { RUN = 1 << 16 };
    uint64_t runs = 70, last = 3 * GP_BLOCK + 5;
    uint64_t count = runs * RUN * GP_BLOCK + last;
    assert_true(count > UINT64_C(1) << 32);
    gp_partial_moments *partial = gp_calloc(RUN, sizeof *partial);
    assert_non_null(partial);
    gp_reduce_node total[2];
    for (int way = 0; way < 2; way++) {
        gp_reduce_tree tree = {.kind = GP_REDUCE_MOMENTS};
        uint64_t step = way == 0 ? 1 : 29; /* coprime to 71: every run once, far out of order */
        for (uint64_t i = 0, run = 0; i <= runs; i++, run = (run + step) % (runs + 1)) {
            uint64_t n = run < runs ? (uint64_t)RUN * GP_BLOCK : last;
            size_t blocks = (size_t)gp_ceil_div(n, GP_BLOCK);
            for (size_t b = 0; b < blocks; b++) {
                uint64_t x = (run * RUN + b) * UINT64_C(0x9e3779b97f4a7c15);
                partial[b] = (gp_partial_moments){.mean = (double)(x >> 40), .m2 = (double)(x >> 50)};
            }
            assert_int_equal(gp_reduce_tree_merge(&tree, partial, blocks, run * RUN * GP_BLOCK, n, NULL),
                             GPUPROC_OK);
            assert_true(tree.nodes <= 2 * runs);
        }
        assert_true(tree.nodes <= 40);
        assert_int_equal(gp_reduce_tree_fold(&tree, count, &total[way], NULL), GPUPROC_OK);
        assert_int_equal(total[way].count, count);
        gp_reduce_tree_free(&tree);
    }
    free(partial);
    assert_true(same_bits(total[0].value, total[1].value));
    assert_true(same_bits(total[0].m2, total[1].m2));
    /* Block means are spread evenly over [0, 2^24). */
    assert_true(fabs(total[0].value / 0x1p23 - 1) < 1e-3);
    assert_true(fabs(total[0].m2 / (double)count / (0x1p48 / 12) - 1) < 1e-3);
}

/* The shape of the tree itself, with values that round: (b0 b1)(b2 b3), (b4 b5), b6, folded from the right. */
static void tree_shape(void **unused)
{
    (void)unused;
    for (int trial = 0; trial < 50; trial++) {
        gp_partial_prod b[7];
        double v[7];
        for (int i = 0; i < 7; i++) v[i] = b[i].value = 1 + uniform() / 2;
        double expected = ((v[0] * v[1]) * (v[2] * v[3])) * ((v[4] * v[5]) * v[6]);
        gp_reduce_tree tree = {.kind = GP_REDUCE_PROD};
        static const int order[] = {6, 1, 3, 4, 0, 5, 2};
        for (int i = 0; i < 7; i++) {
            uint64_t n = order[i] == 6 ? 10 : GP_BLOCK;
            assert_int_equal(gp_reduce_tree_merge(&tree, &b[order[i]], 1,
                                                  (uint64_t)order[i] * GP_BLOCK, n, NULL),
                             GPUPROC_OK);
        }
        gp_reduce_node total;
        assert_int_equal(tree.nodes, 3);
        assert_int_equal(gp_reduce_tree_fold(&tree, 6 * GP_BLOCK + 10, &total, NULL), GPUPROC_OK);
        assert_true(same_bits(total.value, expected));
        gp_reduce_tree_free(&tree);
    }
}

static void misuse_is_told(void **unused)
{
    (void)unused;
    gp_partial_prod p[3] = {{1}, {1}, {1}};
    gp_reduce_state *state = gp_reduce_state_new(GP_REDUCE_PROD, F8);
    gpuproc_scalar value;
    gpuproc_error err;
    assert_int_equal(gp_reduce_merge(state, p, 1, 5, 7, &err), GPUPROC_INTERNAL);
    assert_int_equal(gp_reduce_merge(state, p, 3, 0, 2 * GP_BLOCK, &err), GPUPROC_INTERNAL);
    assert_int_equal(gp_reduce_merge(state, p, 2, GP_BLOCK, 2 * GP_BLOCK, &err), GPUPROC_OK);
    assert_int_equal(gp_reduce_merge(state, p, 3, 0, 3 * GP_BLOCK, &err), GPUPROC_INTERNAL);
    assert_int_equal(gp_reduce_merge(state, p, 1, 2 * GP_BLOCK, GP_BLOCK, &err), GPUPROC_INTERNAL);
    assert_int_equal(gp_reduce_finish(state, GP_OP_PROD, F8, 2 * GP_BLOCK, 0, &value, NULL, &err),
                     GPUPROC_INTERNAL); /* block 0 is missing */
    assert_int_equal(gp_reduce_merge(state, p, 1, 0, GP_BLOCK, &err), GPUPROC_OK);
    assert_int_equal(gp_reduce_finish(state, GP_OP_PROD, F8, 2 * GP_BLOCK, 0, &value, NULL, &err),
                     GPUPROC_INTERNAL); /* one block too many */
    assert_int_equal(gp_reduce_finish(state, GP_OP_SUM, F8, 3 * GP_BLOCK, 0, &value, NULL, &err),
                     GPUPROC_INTERNAL);
    assert_int_equal(gp_reduce_finish(state, GP_OP_PROD, F8, 3 * GP_BLOCK, 0, &value, NULL, &err),
                     GPUPROC_OK);
    assert_true(value.value.f == 1);
    gp_reduce_state_free(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordered_floats), cmocka_unit_test(float_sums),
        cmocka_unit_test(sums_at_the_edge), cmocka_unit_test(sums_of_many_blocks), cmocka_unit_test(float_summaries), cmocka_unit_test(float_extremes), cmocka_unit_test(integers),
        cmocka_unit_test(tables_are_complete), cmocka_unit_test(any_chunking),
        cmocka_unit_test(known_values),   cmocka_unit_test(empty_and_degenerate),
        cmocka_unit_test(one_nan),        cmocka_unit_test(huge_trees),
        cmocka_unit_test(tree_shape),     cmocka_unit_test(misuse_is_told),
    };
    return cmocka_run_group_tests_name("reduce", tests, NULL, NULL);
}
