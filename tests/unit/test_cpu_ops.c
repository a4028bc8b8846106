/* Every loop of the CPU's tables against golden/elementwise.bin, on every instruction set
 * of this processor: values, guard zones, odd sizes, in place; and dense random
 * bits against the C library's wider types. */
#include "device/cpu/cpu_ops.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GUARD 64
#define GUARD_BYTE 0xA5
#define MAX_SETS 64
#define MAX_CASES 1024

typedef struct set {
    char name[32];
    gp_dtype dtype;
    size_t n;
    const unsigned char *bytes;
} set;

typedef struct golden_case {
    gp_op op;
    gp_dtype operand, result;
    int arity;
    size_t n;
    const set *arg[3];
    const unsigned char *want;
} golden_case;

typedef struct golden {
    unsigned char *file;
    set set[MAX_SETS];
    golden_case item[MAX_CASES];
    size_t sets, items;
} golden;

static const gp_cpu_ops *supported[3];
static size_t supported_count;

static void find_supported(void)
{
    supported_count = 0;
    supported[supported_count++] = &gp_cpu_ops_base;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        supported[supported_count++] = &gp_cpu_ops_avx2;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd")) {
        supported[supported_count++] = &gp_cpu_ops_avx512;
    }
#endif
}

/* ---- reading the file ------------------------------------------------------------ */

static gp_op op_named(const char *name)
{
    for (int op = 0; op < GP_OP_COUNT; op++) {
        if (strcmp(gp_op_info_of((gp_op)op)->name, name) == 0) return (gp_op)op;
    }
    fail_msg("no operation %s", name);
    return GP_OP_COUNT;
}

static gp_dtype dtype_named(const char *name)
{
    gpuproc_dtype dtype;
    gpuproc_error err;
    assert_int_equal(gpuproc_dtype_parse(name, &dtype, NULL, &err), GPUPROC_OK);
    return dtype;
}

static const set *set_named(const golden *g, const char *name)
{
    for (size_t i = 0; i < g->sets; i++) {
        if (strcmp(g->set[i].name, name) == 0) return &g->set[i];
    }
    fail_msg("no set %s", name);
    return NULL;
}

static golden *golden_read(void)
{
    const char *folder = getenv("GPUPROC_TEST_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/elementwise.bin", folder != NULL ? folder : "tests");
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail_msg("cannot open %s", path);
    golden *g = calloc(1, sizeof *g);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    assert_true(size > 0);
    rewind(f);
    g->file = malloc((size_t)size + 1);
    assert_int_equal(fread(g->file, 1, (size_t)size, f), size);
    fclose(f);
    g->file[size] = 0;

    const unsigned char *p = g->file, *end = g->file + size;
    bool ended = false;
    while (p < end) {
        char text[256], word[6][32] = {{0}};
        const unsigned char *eol = memchr(p, '\n', (size_t)(end - p));
        assert_non_null(eol);
        assert_true((size_t)(eol - p) < sizeof text);
        memcpy(text, p, (size_t)(eol - p));
        text[eol - p] = 0;
        p = eol + 1;
        if (strcmp(text, "end") == 0) {
            ended = true;
            break;
        }
        if (strncmp(text, "gpuproc elementwise 1 ", 22) == 0) continue;
        size_t n, bytes;
        if (sscanf(text, "set %31s %31s %zu", word[0], word[1], &n) == 3) {
            assert_true(g->sets < MAX_SETS);
            set *s = &g->set[g->sets++];
            *s = (set){.dtype = dtype_named(word[1]), .n = n, .bytes = p};
            memcpy(s->name, word[0], sizeof s->name);
            bytes = n * gpuproc_dtype_bytes(s->dtype);
        } else {
            int words = sscanf(text, "op %31s %31s %31s %zu %31s %31s %31s", word[0], word[1],
                               word[2], &n, word[3], word[4], word[5]);
            assert_true(words >= 5);
            assert_true(g->items < MAX_CASES);
            golden_case *c = &g->item[g->items++];
            *c = (golden_case){.op = op_named(word[0]),
                               .operand = dtype_named(word[1]),
                               .result = dtype_named(word[2]),
                               .arity = words - 4,
                               .n = n,
                               .want = p};
            for (int i = 0; i < c->arity; i++) {
                c->arg[i] = set_named(g, word[3 + i]);
                assert_int_equal(c->arg[i]->n, n);
            }
            bytes = n * gpuproc_dtype_bytes(c->result);
        }
        assert_true(bytes <= (size_t)(end - p));
        p += bytes;
    }
    assert_true(ended);
    return g;
}

static void golden_free(golden *g)
{
    free(g->file);
    free(g);
}

static gp_cpu_fn loop_of(const gp_cpu_ops *ops, const golden_case *c)
{
    return c->op == GP_OP_CAST ? ops->cast[c->operand][c->result] : ops->op[c->op][c->operand];
}

/* ---- comparing ------------------------------------------------------------------- */

static int64_t order(const unsigned char *p, gp_dtype dtype)
{
    if (dtype == GPUPROC_FLOAT32) {
        int32_t i;
        memcpy(&i, p, sizeof i);
        return i < 0 ? -(int64_t)(i & INT32_MAX) : i;
    }
    int64_t i;
    memcpy(&i, p, sizeof i);
    return i < 0 ? -(i & INT64_MAX) : i;
}

static double value(const unsigned char *p, gp_dtype dtype)
{
    float f;
    double d;
    memcpy(&f, p, sizeof f);
    if (dtype == GPUPROC_FLOAT32) return (double)f;
    memcpy(&d, p, sizeof d);
    return d;
}

/* True where `got` is at most `ulp` steps from `want`; NaN equals NaN; signs of zeros count. */
static bool close_enough(const unsigned char *got, const unsigned char *want, gp_dtype dtype,
                         int ulp)
{
    size_t bytes = gpuproc_dtype_bytes(dtype);
    if (memcmp(got, want, bytes) == 0) return true;
    if (!gp_dtype_is_float(dtype)) return false;
    double g = value(got, dtype), w = value(want, dtype);
    if (isnan(w)) return isnan(g);
    if (isnan(g) || (w == 0 && signbit(w) != signbit(g)) || isinf(w) != isinf(g)) return false;
    int64_t distance = order(got, dtype) - order(want, dtype);
    return distance >= -ulp && distance <= ulp;
}

/* lang/ops.h: where the sum of a logaddexp cancels, its bound is one on the operands. */
static bool cancelled(const golden_case *c, size_t k, const unsigned char *got,
                      const unsigned char *want)
{
    if (c->op != GP_OP_LOGADDEXP && c->op != GP_OP_LOGADDEXP2) return false;
    size_t at = k * gpuproc_dtype_bytes(c->operand);
    double x = value(c->arg[0]->bytes + at, c->operand);
    double y = value(c->arg[1]->bytes + at, c->operand);
    double g = value(got, c->operand), w = value(want, c->operand);
    return fabs(g - w) <= 0x1p-62 * fmax(fabs(x), fabs(y));
}

static uint32_t flags_of(const golden_case *c, unsigned char *const arg[3], size_t n)
{
    bool divides = c->op == GP_OP_FLOORDIV || c->op == GP_OP_MOD || c->op == GP_OP_FMOD;
    bool inverts = c->op == GP_OP_RECIPROCAL, powers = c->op == GP_OP_POW;
    if (!gp_dtype_is_integer(c->operand) || !(divides || inverts || powers)) return 0;
    size_t size = gpuproc_dtype_bytes(c->operand);
    const unsigned char *v = inverts ? arg[0] : arg[1];
    uint32_t flags = 0;
    for (size_t i = 0; i < n; i++) {
        bool zero = true;
        for (size_t j = 0; j < size; j++) zero &= v[i * size + j] == 0;
        bool negative = gp_dtype_kind(c->operand) == GP_KIND_INT && v[i * size + size - 1] >= 0x80;
        if (zero && (divides || inverts)) flags |= GP_FLAG_DIVIDE;
        if (negative && powers) flags |= GP_FLAG_NEG_POWER;
    }
    return flags;
}

/* ---- running --------------------------------------------------------------------- */

/* n elements of each operand, from element `first` on and round again, in blocks of
 * their own that are aligned to the dtype only. */
typedef struct work {
    unsigned char *memory[4];
    unsigned char *arg[3], *dst;
} work;

static void work_fill(work *w, const golden_case *c, size_t n, size_t first)
{
    for (int k = 0; k < c->arity; k++) {
        size_t size = gpuproc_dtype_bytes(c->arg[k]->dtype);
        w->memory[k] = malloc(n * size + size);
        w->arg[k] = w->memory[k] + size;
        for (size_t i = 0; i < n; i++) {
            memcpy(w->arg[k] + i * size, c->arg[k]->bytes + (first + i) % c->n * size, size);
        }
    }
    size_t bytes = n * gpuproc_dtype_bytes(c->result);
    w->memory[3] = malloc(bytes + 2 * GUARD);
    memset(w->memory[3], GUARD_BYTE, bytes + 2 * GUARD);
    w->dst = w->memory[3] + GUARD - gpuproc_dtype_bytes(c->result);
}

static void work_free(work *w)
{
    for (int k = 0; k < 4; k++) free(w->memory[k]);
}

static void check_guards(const work *w, size_t bytes, const char *what)
{
    const unsigned char *end = w->memory[3] + bytes + 2 * GUARD;
    for (const unsigned char *p = w->memory[3]; p < end; p++) {
        if (p == w->dst) p += bytes;
        if (*p != GUARD_BYTE) fail_msg("%s wrote outside its %zu bytes", what, bytes);
    }
}

static void check_case(const gp_cpu_ops *ops, const golden_case *c, size_t n, size_t first)
{
    const gp_op_info *info = gp_op_info_of(c->op);
    gp_cpu_fn loop = loop_of(ops, c);
    char what[128];
    snprintf(what, sizeof what, "%s: %s %s -> %s, n %zu", ops->name, info->name,
             gpuproc_dtype_name(c->operand), gpuproc_dtype_name(c->result), n);
    if (loop == NULL) fail_msg("%s: no loop", what);
    work w = {0};
    work_fill(&w, c, n, first);
    size_t size = gpuproc_dtype_bytes(c->result);

    uint32_t flags = loop(w.dst, w.arg[0], w.arg[1], w.arg[2], n);
    if (flags != flags_of(c, w.arg, n)) fail_msg("%s: flags %u", what, flags);
    check_guards(&w, n * size, what);
    for (size_t i = 0; i < n; i++) {
        size_t k = (first + i) % c->n;
        const unsigned char *got = w.dst + i * size, *want = c->want + k * size;
        if (close_enough(got, want, c->result, info->cpu_ulp)) continue;
        if (cancelled(c, k, got, want)) continue;
        char operands[200] = "";
        for (int j = 0; j < c->arity; j++) {
            size_t bytes = gpuproc_dtype_bytes(c->arg[j]->dtype), used = strlen(operands);
            int64_t raw = 0;
            memcpy(&raw, w.arg[j] + i * bytes, bytes);
            snprintf(operands + used, sizeof operands - used, " %#llx", (unsigned long long)raw);
        }
        uint64_t got_raw = 0, want_raw = 0;
        memcpy(&got_raw, got, size);
        memcpy(&want_raw, want, size);
        fail_msg("%s: operands%s: got %#llx, want %#llx", what, operands,
                 (unsigned long long)got_raw, (unsigned long long)want_raw);
    }
    /* In place, over each operand of the result's size. */
    for (int j = 0; j < c->arity; j++) {
        if (gpuproc_dtype_bytes(c->arg[j]->dtype) != size) continue;
        unsigned char *kept = malloc(n * size + 1);
        memcpy(kept, w.arg[j], n * size);
        loop(w.arg[j], w.arg[0], w.arg[1], w.arg[2], n);
        if (memcmp(w.arg[j], w.dst, n * size) != 0) {
            fail_msg("%s: other bits in place of operand %d", what, j);
        }
        memcpy(w.arg[j], kept, n * size);
        free(kept);
    }
    work_free(&w);
}

/* ---- tests ----------------------------------------------------------------------- */

static void every_case_matches(void **state)
{
    const golden *g = *state;
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, GP_BLOCK - 1, GP_BLOCK};
    for (size_t s = 0; s < supported_count; s++) {
        for (size_t i = 0; i < g->items; i++) {
            const golden_case *c = &g->item[i];
            for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
                check_case(supported[s], c, sizes[k], 7 * k);
            }
            for (size_t first = 0; first < c->n; first += GP_BLOCK) {
                check_case(supported[s], c, GP_BLOCK, first);
            }
        }
    }
}

/* The special operations have dtypes of their own (test_cpu_special has their values). */
static bool special_there(gp_op op, gp_dtype t)
{
    bool is_complex = gp_dtype_kind(t) == GP_KIND_COMPLEX;
    switch (op) {
    case GP_OP_REAL:
    case GP_OP_IMAG: return is_complex;
    case GP_OP_PACK: return t == GPUPROC_FLOAT32 || t == GPUPROC_FLOAT64;
    case GP_OP_RANDBITS:
    case GP_OP_MULHI:
    case GP_OP_NORMAL: return t == GPUPROC_UINT64;
    case GP_OP_TAKE: return true;
    case GP_OP_CHECK: return t == GPUPROC_BOOL;
    case GP_OP_SEARCHLEFT:
    case GP_OP_SEARCHRIGHT: return !is_complex && t != GPUPROC_FLOAT16;
    default: return false;
    }
}

static void tables_cover_the_special_operations(void **state)
{
    (void)state;
    for (int op = 0; op < GP_OP_COUNT; op++) {
        for (int t = 0; t < GP_DTYPE_COUNT; t++) {
            bool computed = gp_dtype_is_float((gp_dtype)t) ? t != GPUPROC_FLOAT16
                                                           : gp_dtype_kind((gp_dtype)t) != GP_KIND_COMPLEX;
            if (computed && !gp_op_info_of((gp_op)op)->special) continue;
            for (size_t s = 0; s < supported_count; s++) {
                if ((supported[s]->op[op][t] != NULL) != special_there((gp_op)op, (gp_dtype)t))
                    fail_msg("%s: %s %s", supported[s]->name, gp_op_info_of((gp_op)op)->name,
                             gpuproc_dtype_name((gp_dtype)t));
            }
        }
    }
    for (int from = 0; from < GP_DTYPE_COUNT; from++) {
        for (int to = 0; to < GP_DTYPE_COUNT; to++) {
            bool there = gp_dtype_kind((gp_dtype)from) != GP_KIND_COMPLEX &&
                         gp_dtype_kind((gp_dtype)to) != GP_KIND_COMPLEX;
            for (size_t s = 0; s < supported_count; s++)
                assert_int_equal(supported[s]->cast[from][to] != NULL,
                                 there && (from != GPUPROC_FLOAT16 || to != GPUPROC_FLOAT16));
        }
    }
}

static void tables_and_golden_cover_every_operation(void **state)
{
    const golden *g = *state;
    static const gp_dtype computed[] = {
#define X(name, type, kind) GPUPROC_##name,
        GP_DTYPES(X)
#undef X
    };
    for (int op = 0; op < GP_OP_COUNT; op++) {
        const gp_op_info *info = gp_op_info_of((gp_op)op);
        if (gp_op_info_of((gp_op)op)->special) continue;
        for (size_t d = 0; d < sizeof computed / sizeof *computed; d++) {
            gp_dtype t = computed[d];
            int kind = t == GPUPROC_BOOL ? GP_B : gp_dtype_is_float(t) ? GP_F : GP_I;
            bool there = info->elementwise && (info->kinds & kind) != 0 && op != GP_OP_CAST;
            for (size_t s = 0; s < supported_count; s++) {
                if ((supported[s]->op[op][t] != NULL) != there) {
                    fail_msg("%s: %s %s", supported[s]->name, info->name, gpuproc_dtype_name(t));
                }
            }
            if (!there && op != GP_OP_CAST) continue;
            size_t seen = 0;
            for (size_t i = 0; i < g->items; i++) {
                seen += g->item[i].op == (gp_op)op && g->item[i].operand == t;
            }
            if (seen < (op == GP_OP_CAST ? 11 : 1)) {
                fail_msg("golden file lacks %s %s", info->name, gpuproc_dtype_name(t));
            }
        }
    }
}

static uint64_t random_next(uint64_t *s)
{
    *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
    return *s * 0x2545F4914F6CDD1Du;
}

/* Random bit patterns, and for floats every second block of ordinary size. */
static void random_fill(void *v, gp_dtype dtype, uint64_t *seed, int block)
{
    for (size_t i = 0; i < GP_BLOCK; i++) {
        uint64_t r = random_next(seed);
        size_t size = gpuproc_dtype_bytes(dtype);
        double d = (double)(int64_t)r * 0x1p-63 * (double[]){1, 4, 90, 1e4}[block / 2 % 4];
        float f = (float)d;
        if (block % 2 == 0 || !gp_dtype_is_float(dtype)) memcpy((char *)v + i * size, &r, size);
        else if (size == 4) memcpy((char *)v + i * size, &f, size);
        else memcpy((char *)v + i * size, &d, size);
    }
}

static bool same(const unsigned char *x, const unsigned char *y, gp_dtype dtype, bool nan_bits)
{
    return nan_bits ? memcmp(x, y, gpuproc_dtype_bytes(dtype)) == 0 : close_enough(x, y, dtype, 0);
}

/* AVX2 and AVX-512 give the same bits in everything, NaNs too; the base set gives the same
 * values in what the table calls exact (one NaN may differ from another). */
static void instruction_sets_agree(void **state)
{
    const golden *g = *state;
    uint64_t seed = 42, a[GP_BLOCK], b[GP_BLOCK], c[GP_BLOCK], r[3][GP_BLOCK];
    for (size_t k = 0; k < g->items; k++) {
        const golden_case *item = &g->item[k];
        const gp_op_info *info = gp_op_info_of(item->op);
        for (int block = 0; block < 8; block++) {
            random_fill(a, item->op == GP_OP_WHERE ? GPUPROC_BOOL : item->operand, &seed, block);
            random_fill(b, item->operand, &seed, block);
            random_fill(c, item->operand, &seed, block);
            size_t bytes = GP_BLOCK * gpuproc_dtype_bytes(item->result);
            for (size_t s = 0; s < supported_count; s++) {
                memset(r[s], 0, sizeof r[s]);
                loop_of(supported[s], item)(r[s], a, b, c, GP_BLOCK);
                size_t other = s == 2 ? 1 : 0;
                if (s == 0 || (s == 1 && info->cpu_ulp != 0)) continue;
                if (memcmp(r[s], r[other], bytes) == 0) continue;
                size_t i = 0, size = gpuproc_dtype_bytes(item->result);
                const unsigned char *x = (unsigned char *)r[s], *y = (unsigned char *)r[other];
                while (i < GP_BLOCK && same(x + i * size, y + i * size, item->result, s == 2)) i++;
                if (i == GP_BLOCK) continue;
                fail_msg("%s and %s differ: %s %s, %#llx %#llx: %#llx %#llx", supported[s]->name,
                         supported[other]->name, info->name, gpuproc_dtype_name(item->operand),
                         size == 8 ? (unsigned long long)a[i] : ((uint32_t *)a)[i],
                         size == 8 ? (unsigned long long)b[i] : ((uint32_t *)b)[i],
                         size == 8 ? (unsigned long long)r[s][i] : ((uint32_t *)r[s])[i],
                         size == 8 ? (unsigned long long)r[other][i] : ((uint32_t *)r[other])[i]);
            }
        }
    }
}

/* Dense random operands against the C library in a type with at least 11 more bits. */
typedef struct reference {
    gp_op op;
    double (*d1)(double);
    long double (*l1)(long double);
    double (*d2)(double, double);
    long double (*l2)(long double, long double);
} reference;

typedef unsigned char bytes;

static double wanted(const reference *ref, double x, double y, bool wide)
{
    if (!wide) return ref->d1 != NULL ? ref->d1(x) : ref->d2(x, y);
    long double lx = (long double)x, ly = (long double)y;
    return (double)(ref->l1 != NULL ? ref->l1(lx) : ref->l2(lx, ly));
}

/* One block on every instruction set. a, b: GP_BLOCK operands of dtype t. */
static void check_reference(const reference *ref, gp_dtype t, const bytes *a, const bytes *b)
{
    bool wide = t == GPUPROC_FLOAT64;
    size_t size = gpuproc_dtype_bytes(t);
    const gp_op_info *info = gp_op_info_of(ref->op);
    for (size_t s = 0; s < supported_count; s++) {
        uint64_t result[GP_BLOCK];
        supported[s]->op[ref->op][t](result, a, b, NULL, GP_BLOCK);
        for (size_t i = 0; i < GP_BLOCK; i++) {
            double x = value(a + i * size, t), y = value(b + i * size, t);
            double w = wanted(ref, x, y, wide);
            float narrow = (float)w;
            const bytes *want = wide ? (const bytes *)&w : (const bytes *)&narrow;
            const bytes *got = (const bytes *)result + i * size;
            if (close_enough(got, want, t, info->cpu_ulp)) continue;
            fail_msg("%s: %s %s of %a, %a: got %a, want %a", supported[s]->name, info->name,
                     gpuproc_dtype_name(t), x, y, value(got, t), value(want, t));
        }
    }
}

static void transcendental_functions_are_within_their_bound(void **state)
{
    (void)state;
    static const reference list[] = {
#define R1(OP, c) {GP_OP_##OP, c, c##l, NULL, NULL},
#define R2(OP, c) {GP_OP_##OP, NULL, NULL, c, c##l},
        R1(CBRT, cbrt) R1(EXP, exp) R1(EXP2, exp2) R1(EXPM1, expm1) R1(LOG, log) R1(LOG2, log2)
        R1(LOG10, log10) R1(LOG1P, log1p) R1(SIN, sin) R1(COS, cos) R1(TAN, tan) R1(ARCSIN, asin)
        R1(ARCCOS, acos) R1(ARCTAN, atan) R1(SINH, sinh) R1(COSH, cosh) R1(TANH, tanh)
        R1(ARCSINH, asinh) R1(ARCCOSH, acosh) R1(ARCTANH, atanh) R1(ERF, erf)
        R2(POW, pow) R2(ARCTAN2, atan2) R2(HYPOT, hypot)
    };
    uint64_t seed = 7, a[GP_BLOCK], b[GP_BLOCK];
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        for (int block = 0; block < 16; block++) {
            for (int wide = 0; wide < (LDBL_MANT_DIG >= 64 ? 2 : 1); wide++) {
                gp_dtype t = wide ? GPUPROC_FLOAT64 : GPUPROC_FLOAT32;
                random_fill(a, t, &seed, block);
                random_fill(b, t, &seed, block);
                check_reference(&list[k], t, (const bytes *)a, (const bytes *)b);
            }
        }
    }
}

static void copy_stream_copies_exactly(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 1000, 4096, 5000};
    unsigned char *src = malloc(6000), *dst = malloc(6000);
    for (size_t i = 0; i < 6000; i++) src[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t s = 0; s < supported_count; s++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            for (size_t offset = 0; offset < 130; offset += 13) {
                memset(dst, GUARD_BYTE, 6000);
                supported[s]->copy_stream(dst + GUARD + offset, src + k, sizes[k]);
                assert_memory_equal(dst + GUARD + offset, src + k, sizes[k]);
                for (size_t i = 0; i < GUARD + offset; i++) assert_int_equal(dst[i], GUARD_BYTE);
                for (size_t i = GUARD + offset + sizes[k]; i < 6000; i++) {
                    assert_int_equal(dst[i], GUARD_BYTE);
                }
            }
        }
    }
    free(src);
    free(dst);
}

static int setup(void **state)
{
    find_supported();
    *state = golden_read();
    return 0;
}

static int teardown(void **state)
{
    golden_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_cover_the_special_operations),
        cmocka_unit_test(tables_and_golden_cover_every_operation),
        cmocka_unit_test(every_case_matches),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(transcendental_functions_are_within_their_bound),
        cmocka_unit_test(copy_stream_copies_exactly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
