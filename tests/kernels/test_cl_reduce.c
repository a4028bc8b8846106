/* Partials of reductions as a device makes them, against plain definitions. */
#include "clrun.h"
#include "oracle.h"
#include "passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static clrun run;
static bool small; /* under a slow interpreter */

#define MAX_COUNT 9000
#define MAX_GROUPS 16

static uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- Exact sums: a long two's-complement number with its unit at 2^-1088 ---- */

#define DIGITS 72
typedef struct number {
    uint32_t digit[DIGITS];
} number;

/* Adds x * 2^(32 * at), carrying to the end. */
static void number_add(number *n, size_t at, __int128 x)
{
    for (; at < DIGITS; at++) {
        x += n->digit[at];
        n->digit[at] = (uint32_t)x;
        x >>= 32;
    }
}

static void number_add_double(number *n, double x)
{
    int exponent;
    const double fraction = frexp(x, &exponent);
    if (fraction == 0) return;
    /* x = whole * 2^(exponent - 53), the unit is at 2^-1088; denormals end in zeros. */
    __int128 whole = (__int128)ldexp(fraction, 53);
    int at = exponent - 53 + 1088;
    if (at < 0) {
        whole >>= -at;
        at = 0;
    }
    number_add(n, (size_t)at / 32, whole * ((__int128)1 << (at % 32)));
}

static uint32_t flags_of(double x)
{
    uint32_t f = GP_EXACT_SEEN;
    if (!(x == 0 && signbit(x))) f |= GP_EXACT_NOT_NEGZERO;
    if (isnan(x)) f |= GP_EXACT_NAN;
    if (isinf(x)) f |= x > 0 ? GP_EXACT_PINF : GP_EXACT_NINF;
    return f;
}

static void check_exact(const gp_exact *partial, size_t groups, const double *v, size_t n)
{
    number want = {0}, got = {0};
    uint32_t want_flags = 0, got_flags = 0;
    for (size_t i = 0; i < n; i++) {
        want_flags |= flags_of(v[i]);
        if (isfinite(v[i])) number_add_double(&want, v[i]);
    }
    for (size_t g = 0; g < groups; g++) {
        got_flags |= partial[g].flags;
        assert_true(partial[g].adds < 1u << 30);
        for (size_t l = 0; l < GP_EXACT_LIMBS; l++) number_add(&got, l, partial[g].limb[l]);
    }
    assert_int_equal(got_flags, want_flags);
    assert_memory_equal(&got, &want, sizeof want);
}

/* ---- Ordered ones, as emit/reduce.h defines them ---- */

static double halve(double lane[GP_LANES], bool product)
{
    for (int h = GP_LANES / 2; h > 0; h /= 2)
        for (int j = 0; j < h; j++)
            lane[j] = product ? lane[j] * lane[j + h] : lane[j] + lane[j + h];
    return lane[0];
}

static bool same(double x, double y)
{
    return isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof x) == 0;
}

static void check_block(const gp_partial_prod *prod, const gp_partial_moments *moments,
                        const double *v, size_t n)
{
    double lane[GP_LANES], square[GP_LANES];
    for (int j = 0; j < GP_LANES; j++) lane[j] = 1.0;
    for (size_t i = 0; i < n; i++) lane[i % GP_LANES] *= v[i];
    const double product = halve(lane, true);
    assert_true(same(product, prod->value));

    memset(lane, 0, sizeof lane);
    for (size_t i = 0; i < n; i++) lane[i % GP_LANES] += v[i];
    const double m = halve(lane, false) / (double)n;
    memset(lane, 0, sizeof lane);
    memset(square, 0, sizeof square);
    for (size_t i = 0; i < n; i++) {
        const double d = v[i] - m;
        lane[i % GP_LANES] += d;
        square[i % GP_LANES] += d * d;
    }
    const double d1 = halve(lane, false), d2 = halve(square, false), over = d1 / (double)n;
    assert_true(same(isfinite(m) ? m : NAN, moments->mean));
    assert_true(same(isfinite(m) ? over : NAN, moments->low));
    assert_true(same(isfinite(m) ? d2 - d1 * over : NAN, moments->m2));
}

/* ---- Extremes ---- */

/* True where a comes before b for the kind. */
static bool before(gp_reduce_kind kind, gpuproc_scalar a, gpuproc_scalar b)
{
    const bool most = kind == GP_REDUCE_MAX || kind == GP_REDUCE_ARGMAX;
    const bool arg = kind == GP_REDUCE_ARGMIN || kind == GP_REDUCE_ARGMAX;
    switch (gp_dtype_kind(a.dtype)) {
    case GP_KIND_INT: return most ? a.value.i > b.value.i : a.value.i < b.value.i;
    case GP_KIND_FLOAT:
        if (isnan(b.value.f)) return false;
        if (isnan(a.value.f)) return true;
        if (!arg && a.value.f == 0 && b.value.f == 0)
            return signbit(a.value.f) != signbit(b.value.f) && (signbit(a.value.f) != 0) != most;
        return most ? a.value.f > b.value.f : a.value.f < b.value.f;
    default: return most ? a.value.u > b.value.u : a.value.u < b.value.u;
    }
}

static void check_extreme(gp_reduce_kind kind, gp_dtype t, const gp_partial_extreme *partial,
                          size_t groups, const void *data, size_t n, uint64_t first)
{
    size_t want = 0;
    int64_t index = -1;
    gpuproc_scalar best = {.dtype = t};
    for (size_t i = 1; i < n; i++)
        if (before(kind, oracle_load(t, data, i), oracle_load(t, data, want))) want = i;
    for (size_t g = 0; g < groups; g++) {
        gpuproc_scalar s = {.dtype = t};
        s.value.u = partial[g].value.u;
        if (partial[g].index < 0) {
            assert_int_equal(partial[g].index, -1);
            continue;
        }
        assert_true(partial[g].index >= (int64_t)first && partial[g].index < (int64_t)(first + n));
        if (index < 0 || before(kind, s, best) ||
            (!before(kind, best, s) && partial[g].index < index)) {
            best = s;
            index = partial[g].index;
        }
    }
    if (n == 0) {
        assert_int_equal(index, -1);
        return;
    }
    const gpuproc_scalar right = oracle_load(t, data, want);
    if (kind == GP_REDUCE_ARGMIN || kind == GP_REDUCE_ARGMAX)
        assert_int_equal(index, first + want);
    if (gp_dtype_kind(t) == GP_KIND_FLOAT) {
        /* Of equal zeros, the arg kinds may show either. */
        if (kind == GP_REDUCE_ARGMIN || kind == GP_REDUCE_ARGMAX)
            assert_true(best.value.f == right.value.f || isnan(right.value.f));
        else
            assert_true(same(best.value.f, right.value.f));
        if (isnan(right.value.f)) assert_true(isnan(best.value.f));
    } else {
        assert_true(best.value.u == right.value.u);
    }
}

/* ---- Floats: every kind over the same operand, and an output, in one kernel ---- */

static double value_of(int set, gp_dtype t, size_t i, size_t n, uint64_t *seed)
{
    const uint64_t r = random_bits(seed);
    const double unit = (double)(int64_t)r * 0x1p-63;
    const bool f4 = t == GPUPROC_FLOAT32;
    switch (set) {
    case 0: return f4 ? (double)(float)unit : unit;
    case 1: { /* any bits: the whole range, denormals too, no NaN or infinity */
        if (f4) {
            const uint32_t bits = (uint32_t)(r >> 32);
            float f;
            memcpy(&f, &bits, 4);
            return isfinite(f) ? (double)f : -0.0;
        }
        double d;
        memcpy(&d, &r, 8);
        return isfinite(d) ? d : -0.0;
    }
    case 2: return i % 4 == 0 || i % 4 == 2 ? 1.0 : i % 4 == 1 ? (f4 ? 1e30f : 1e100) : -(f4 ? 1e30f : 1e100);
    case 3: return -0.0;
    case 4: return f4 ? (double)0x1.fffffep127f : (i % 3 ? 0x1.fffffffffffffp1023 : -0x1.fffffffffffffp1023);
    case 5: { /* denormals only */
        if (f4) return (double)ldexpf((float)(r >> 41), -149) * (r & 1 ? 1 : -1);
        return ldexp((double)(r >> 12), -1074) * (r & 1 ? 1 : -1);
    }
    case 6: return i == n / 2 ? NAN : i == n / 3 || i == n / 3 + 1 ? INFINITY : i % 2 ? 0.0 : -0.0;
    case 7: return i == n - 1 ? -INFINITY : f4 ? (double)(float)(unit * 1e-40) : unit * 1e-310;
    default: return i % 2 ? 0.0 : -0.0;
    }
}
#define SETS 9

static void floats_of(gp_dtype t, int set, size_t n, size_t groups, uint64_t first)
{
    static hand_pass h;
    static double v[MAX_COUNT];
    static float v4[MAX_COUNT];
    static double out8[MAX_COUNT];
    static float out4[MAX_COUNT];
    static gp_exact sum[MAX_GROUPS], sum2[MAX_GROUPS];
    static gp_partial_extreme extreme[4][MAX_GROUPS];
    static gp_partial_prod prod[MAX_COUNT / GP_BLOCK + 1];
    static gp_partial_moments moments[MAX_COUNT / GP_BLOCK + 1];
    static gp_partial_count positive[MAX_GROUPS];
    const bool f4 = t == GPUPROC_FLOAT32;
    const void *data = f4 ? (const void *)v4 : v;
    uint64_t seed = (uint64_t)set * 1000 + n;
    for (size_t i = 0; i < n; i++) {
        v[i] = value_of(set, t, i, n, &seed);
        v4[i] = f4 ? (float)v[i] : 0;
    }
    const size_t blocks = (n + GP_BLOCK - 1) / GP_BLOCK;

    hand_init(&h, 1, (int64_t[]){1 << 20});
    const int x = hand_input(&h, t);
    const int zero = gp_ir_const(&h.program, (gpuproc_scalar){.dtype = t});
    const int neg = gp_ir_op(&h.program, GP_OP_NEG, t, x, -1, -1);
    hand_output(&h, neg);
    hand_reduce(&h, GP_REDUCE_SUM, x);
    hand_reduce(&h, GP_REDUCE_MIN, x);
    hand_reduce(&h, GP_REDUCE_MAX, x);
    hand_reduce(&h, GP_REDUCE_ARGMIN, x);
    hand_reduce(&h, GP_REDUCE_ARGMAX, x);
    hand_reduce(&h, GP_REDUCE_PROD, x);
    hand_reduce(&h, GP_REDUCE_MOMENTS, x);
    hand_reduce(&h, GP_REDUCE_COUNT, gp_ir_op(&h.program, GP_OP_GT, GPUPROC_BOOL, x, zero, -1));
    hand_reduce(&h, GP_REDUCE_SUM, neg);
    clrun_job job = {
        .pass = &h.pass, .first = first, .count = n, .groups = groups,
        .input = &data, .input_bytes = (size_t[]){n * gpuproc_dtype_bytes(t)},
        .output = (void *[]){f4 ? (void *)out4 : out8},
        .partial = (void *[]){sum, extreme[0], extreme[1], extreme[2], extreme[3], prod, moments,
                              positive, sum2},
        .partial_bytes = (size_t[]){groups * sizeof(gp_exact), groups * 16, groups * 16, groups * 16,
                                    groups * 16, blocks * 8, blocks * sizeof(gp_partial_moments), groups * 8,
                                    groups * sizeof(gp_exact)},
    };
    clrun_pass(&run, &job);

    check_exact(sum, groups, v, n);
    for (size_t i = 0; i < n; i++) assert_true(same(f4 ? (double)out4[i] : out8[i], -v[i]));
    for (int k = 0; k < 4; k++)
        check_extreme((gp_reduce_kind)(GP_REDUCE_MIN + k), t, extreme[k], groups, data, n, first);
    for (size_t b = 0; b < blocks; b++)
        check_block(&prod[b], &moments[b], v + b * GP_BLOCK,
                    n - b * GP_BLOCK < GP_BLOCK ? n - b * GP_BLOCK : GP_BLOCK);
    uint64_t want = 0, got = 0;
    for (size_t i = 0; i < n; i++) want += v[i] > 0;
    for (size_t g = 0; g < groups; g++) got += positive[g].count;
    assert_int_equal(got, want);
    for (size_t i = 0; i < n; i++) v[i] = -v[i];
    check_exact(sum2, groups, v, n);
    hand_free(&h);
}

static void floats(gp_dtype t)
{
    static const size_t size[] = {0, 1, 2, 63, 64, 65, 1000, 1023, 1024, 1025, 2049, 8191};
    const size_t largest = small ? 1100 : MAX_COUNT;
    for (size_t k = 0; k < sizeof size / sizeof size[0]; k++)
        if (size[k] <= largest) floats_of(t, (int)(k % 2), size[k], 1 + k % 4, 1024 * k);
    for (int set = 0; set < SETS; set++) floats_of(t, set, small ? 70 : 5000, small ? 2 : 3, 4096);
}

static void float32(void **state)
{
    (void)state;
    if (!run.caps.fp64) skip();
    floats(GPUPROC_FLOAT32);
}

static void float64(void **state)
{
    (void)state;
    if (!run.caps.fp64) skip();
    floats(GPUPROC_FLOAT64);
}

/* ---- Integers and bool: all of them in one kernel ---- */

static const gp_dtype whole_dtypes[] = {
#define X(name, type, kind) GPUPROC_##name,
    GP_DTYPES_INTEGER(X)
#undef X
};
#define WHOLE (sizeof whole_dtypes / sizeof whole_dtypes[0])

static void integers_of(size_t n, size_t groups, int set)
{
    static hand_pass h;
    static uint64_t data[WHOLE + 1][MAX_COUNT];
    static uint64_t partial[WHOLE * 6 + 5][2 * MAX_GROUPS];
    void *to[WHOLE * 6 + 5];
    size_t to_bytes[WHOLE * 6 + 5], bytes[WHOLE + 1], r = 0;
    const void *from[WHOLE + 1];
    uint64_t seed = n;
    const uint64_t first = 1024;

    hand_init(&h, 1, (int64_t[]){1 << 20});
    for (size_t d = 0; d <= WHOLE; d++) {
        const gp_dtype t = d < WHOLE ? whole_dtypes[d] : GPUPROC_BOOL;
        const size_t size = gpuproc_dtype_bytes(t);
        const int x = hand_input(&h, t);
        for (size_t i = 0; i < n; i++) {
            uint64_t bits = set == 0 ? random_bits(&seed) : set == 1 ? ~(uint64_t)0 : (uint64_t)1 << 63 | i % 3;
            if (t == GPUPROC_BOOL) bits = set == 0 ? bits & 2 : set == 1;
            memcpy((char *)data[d] + i * size, &bits, size);
        }
        from[d] = data[d];
        bytes[d] = n * size;
        if (d < WHOLE) {
            hand_reduce(&h, GP_REDUCE_SUM, x);
            hand_reduce(&h, GP_REDUCE_PROD, x);
        }
        for (int k = GP_REDUCE_MIN; k <= GP_REDUCE_ARGMAX; k++) hand_reduce(&h, (gp_reduce_kind)k, x);
        if (d == WHOLE) hand_reduce(&h, GP_REDUCE_COUNT, x);
    }
    for (size_t k = 0; k < h.pass.reduces; k++) {
        const int kind = h.reduce[k].kind;
        to[k] = partial[k];
        to_bytes[k] = groups * (kind == GP_REDUCE_PROD || kind == GP_REDUCE_COUNT ? 8 : 16);
    }
    clrun_job job = {.pass = &h.pass, .first = first, .count = n, .groups = groups, .input = from,
                     .input_bytes = bytes, .partial = to, .partial_bytes = to_bytes};
    clrun_pass(&run, &job);

    for (size_t d = 0; d <= WHOLE; d++) {
        const gp_dtype t = d < WHOLE ? whole_dtypes[d] : GPUPROC_BOOL;
        /* The kernel takes any byte for true: so must the check. */
        if (t == GPUPROC_BOOL)
            for (size_t i = 0; i < n; i++) ((uint8_t *)data[d])[i] = ((uint8_t *)data[d])[i] != 0;
        if (d < WHOLE) {
            __int128 want = 0, got = 0;
            uint64_t product = 1, got_product = 1;
            for (size_t i = 0; i < n; i++) {
                const gpuproc_scalar s = oracle_load(t, data[d], i);
                want += gp_dtype_kind(t) == GP_KIND_INT ? (__int128)s.value.i : (__int128)s.value.u;
                product *= s.value.u;
            }
            for (size_t g = 0; g < groups; g++) {
                got += (__int128)(int64_t)partial[r][2 * g] * ((__int128)1 << 32) + partial[r][2 * g + 1];
                got_product *= partial[r + 1][g];
            }
            assert_true(want == got);
            assert_true(product == got_product);
            r += 2;
        }
        for (int k = GP_REDUCE_MIN; k <= GP_REDUCE_ARGMAX; k++, r++)
            check_extreme((gp_reduce_kind)k, t, (const gp_partial_extreme *)partial[r], groups,
                          data[d], n, first);
    }
    uint64_t want = 0, got = 0;
    for (size_t i = 0; i < n; i++) want += ((uint8_t *)data[WHOLE])[i];
    for (size_t g = 0; g < groups; g++) got += partial[r][g];
    assert_int_equal(got, want);
    hand_free(&h);
}

static void integers(void **state)
{
    (void)state;
    if (small) {
        integers_of(70, 2, 0);
        return;
    }
    for (int set = 0; set < 3; set++) integers_of(5000, 3, set);
    integers_of(0, 2, 0);
    integers_of(1, 2, 0);
    integers_of(1025, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float32),
        cmocka_unit_test(float64),
        cmocka_unit_test(integers),
    };
    small = getenv("GPUPROC_TEST_SMALL") != NULL;
    if (!clrun_open(&run)) {
        const char *required = getenv("GPUPROC_REQUIRE_DEVICE");
        fprintf(stderr, "no OpenCL device\n");
        return required != NULL && strcmp(required, "1") == 0 ? 1 : 77;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clrun_close(&run);
    return failed;
}
