/* The CPU's loops for float16, complex parts, random bits, the normal quantile and tables, on every
 * instruction set of this processor, against plain references; array/half.h on every value. */
#include "array/half.h"
#include "device/cpu/cpu_ops.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const gp_cpu_ops *set[3];
static size_t sets;

static void find_sets(void)
{
    static const char *const name[] = {"base", "avx2", "avx512"};
    for (size_t i = 0; i < 3; i++) {
        const gp_cpu_ops *ops = gp_cpu_ops_select(name[i]);
        if (sets == 0 || set[sets - 1] != ops) set[sets++] = ops;
    }
}

static uint64_t random_next(uint64_t *s)
{
    *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
    return *s * 0x2545F4914F6CDD1Du;
}

/* ---- float16 ---- */

/* By the format's definition. */
static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double magnitude = exponent == 31 ? (mantissa ? (double)NAN : (double)INFINITY)
                       : exponent == 0 ? ldexp(mantissa, -24)
                                       : ldexp(1024 + mantissa, exponent - 25);
    return h & 0x8000 ? -magnitude : magnitude;
}

/* By scaling to integers, which rint rounds to even. */
static uint16_t half_nearest(double x)
{
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    double magnitude = fabs(x);
    if (isnan(x)) return 0x7e00;
    if (magnitude >= 65520) return sign | 0x7c00;
    int exponent = magnitude < 0x1p-14 ? -14 : ilogb(magnitude);
    int steps = (int)rint(ldexp(magnitude, 10 - exponent)); /* of 2^(exponent - 10) */
    return (uint16_t)(sign | (steps < 1024 ? steps : ((exponent + 15) << 10) + steps - 1024));
}

static bool same_half(uint16_t a, uint16_t b)
{
    return a == b || ((a & 0x7fff) > 0x7c00 && (b & 0x7fff) > 0x7c00);
}

static void halves_become_what_they_are(void **state)
{
    (void)state;
    for (uint32_t u = 0; u < 65536; u++) {
        uint16_t h = (uint16_t)u;
        double want = half_value(h), wide = gp_half_to_f64(h);
        float narrow = gp_half_to_f32(h);
        if (isnan(want)) {
            assert_true(isnan(wide) && isnan(narrow));
            assert_int_equal(gp_half_from_f64(wide), h | 0x200);
            assert_int_equal(gp_half_from_f32(narrow), h | 0x200);
            continue;
        }
        assert_memory_equal(&wide, &want, sizeof want);
        assert_true((double)narrow == want && !signbit(narrow) == !signbit(want));
        assert_int_equal(gp_half_from_f64(wide), h);
        assert_int_equal(gp_half_from_f32(narrow), h);
    }
}

/* Between every two neighbours: the middle goes to the even one, the next numbers to their side. */
static void halves_are_rounded_to_even(void **state)
{
    (void)state;
    for (uint16_t h = 0; h < 0x7c00; h++) {
        double low = half_value(h), high = h == 0x7bff ? 65536.0 : half_value(h + 1);
        double middle = (low + high) / 2;
        uint16_t even = h & 1 ? h + 1 : h;
        for (int negative = 0; negative < 2; negative++) {
            uint16_t sign = negative ? 0x8000 : 0;
            double s = negative ? -1 : 1;
            assert_int_equal(gp_half_from_f64(s * middle), sign | even);
            assert_int_equal(gp_half_from_f64(s * nextafter(middle, 0)), sign | h);
            assert_int_equal(gp_half_from_f64(s * nextafter(middle, 1e9)), sign | (h + 1));
            assert_int_equal(gp_half_from_f32((float)(s * middle)), sign | even);
            assert_int_equal(gp_half_from_f32((float)s * nextafterf((float)middle, 0)), sign | h);
            assert_int_equal(gp_half_from_f32((float)s * nextafterf((float)middle, 1e9f)), sign | (h + 1));
        }
    }
    assert_int_equal(gp_half_from_f64(1e300), 0x7c00);
    assert_int_equal(gp_half_from_f64(-5e-324), 0x8000);
    assert_int_equal(gp_half_from_f32(-1e-45f), 0x8000);
}

static void run_cast(const gp_cpu_ops *ops, gp_dtype from, gp_dtype to, void *dst, const void *src, size_t n)
{
    size_t size_to = gpuproc_dtype_bytes(to), size_from = gpuproc_dtype_bytes(from);
    for (size_t i = 0; i < n; i += GP_BLOCK) {
        size_t part = n - i < GP_BLOCK ? n - i : GP_BLOCK;
        ops->cast[from][to]((char *)dst + i * size_to, (const char *)src + i * size_from, NULL, NULL, part);
    }
}

#define SATURATED(type, low, high, x) \
    (isnan(x) ? (type)0 : (x) <= (double)(low) ? (type)(low) : (x) >= (double)(high) ? (type)(high) : (type)(x))

static void every_half_is_cast(void **state)
{
    (void)state;
    static uint16_t in[65536], back[65536];
    static unsigned char out[65536 * 8];
    for (uint32_t i = 0; i < 65536; i++) in[i] = (uint16_t)i;
    for (size_t s = 0; s < sets; s++) {
#define CHECK(DT, type, want)                                                                      \
    run_cast(set[s], GPUPROC_FLOAT16, GPUPROC_##DT, out, in, 65536);                               \
    for (uint32_t i = 0; i < 65536; i++) {                                                         \
        double x = half_value(in[i]);                                                              \
        type got, wanted = (type)(want);                                                           \
        memcpy(&got, out + i * sizeof got, sizeof got);                                            \
        if (got != wanted && !isnan(x)) fail_msg("%s: %04x to " #DT, set[s]->name, i);             \
        if (isnan(x) && got == got && wanted == wanted && got != wanted) fail_msg("NaN to " #DT);  \
    }
        CHECK(BOOL, uint8_t, x != 0)
        CHECK(INT8, int8_t, SATURATED(int8_t, INT8_MIN, INT8_MAX, x))
        CHECK(INT16, int16_t, SATURATED(int16_t, INT16_MIN, INT16_MAX, x))
        CHECK(INT32, int32_t, SATURATED(int32_t, INT32_MIN, INT32_MAX, x))
        CHECK(INT64, int64_t, SATURATED(int64_t, INT64_MIN, INT64_MAX, x))
        CHECK(UINT8, uint8_t, SATURATED(uint8_t, 0, UINT8_MAX, x))
        CHECK(UINT16, uint16_t, SATURATED(uint16_t, 0, UINT16_MAX, x))
        CHECK(UINT32, uint32_t, SATURATED(uint32_t, 0, UINT32_MAX, x))
        CHECK(UINT64, uint64_t, SATURATED(uint64_t, 0, UINT64_MAX, x))
        CHECK(FLOAT32, float, x)
        CHECK(FLOAT64, double, x)
#undef CHECK
        run_cast(set[s], GPUPROC_FLOAT16, GPUPROC_FLOAT64, out, in, 65536);
        run_cast(set[s], GPUPROC_FLOAT64, GPUPROC_FLOAT16, back, out, 65536);
        for (uint32_t i = 0; i < 65536; i++) assert_true(same_half(back[i], in[i]));
        run_cast(set[s], GPUPROC_FLOAT16, GPUPROC_FLOAT32, out, in, 65536);
        run_cast(set[s], GPUPROC_FLOAT32, GPUPROC_FLOAT16, back, out, 65536);
        for (uint32_t i = 0; i < 65536; i++) assert_true(same_half(back[i], in[i]));
    }
}

static void everything_becomes_half(void **state)
{
    (void)state;
    enum { N = 40 * GP_BLOCK };
    static uint64_t bits[N];
    static uint16_t out[N];
    uint64_t seed = 16;
    for (size_t i = 0; i < N; i++) bits[i] = random_next(&seed);
    for (size_t s = 0; s < sets; s++) {
#define CHECK(DT, type, prepare)                                                                   \
    {                                                                                              \
        static type in[N];                                                                         \
        memcpy(in, bits, sizeof in);                                                               \
        for (size_t i = 0; i < N; i++) {                                                           \
            prepare;                                                                               \
        }                                                                                          \
        run_cast(set[s], GPUPROC_##DT, GPUPROC_FLOAT16, out, in, N);                               \
        for (size_t i = 0; i < N; i++) {                                                           \
            uint16_t want = half_nearest((double)in[i]);                                           \
            if (!same_half(out[i], want))                                                          \
                fail_msg("%s: " #DT " %.17g gave %04x, want %04x", set[s]->name, (double)in[i],    \
                         out[i], want);                                                            \
        }                                                                                          \
    }
        CHECK(INT8, int8_t, )
        CHECK(INT16, int16_t, )
        CHECK(INT32, int32_t, if (i & 1) in[i] %= 70000)
        CHECK(INT64, int64_t, if (i & 1) in[i] %= 70000)
        CHECK(UINT8, uint8_t, )
        CHECK(UINT16, uint16_t, )
        CHECK(UINT32, uint32_t, if (i & 1) in[i] %= 70000)
        CHECK(UINT64, uint64_t, if (i & 1) in[i] %= 70000)
        CHECK(FLOAT32, float, if (i & 1) in[i] = (float)(int32_t)bits[i] * 0x1p-31f * (i & 2 ? 7e4f : 1e-4f))
        CHECK(FLOAT64, double, if (i & 1) in[i] = (double)(int64_t)bits[i] * 0x1p-63 * (i & 2 ? 7e4 : 1e-4))
#undef CHECK
        static uint8_t truth[GP_BLOCK];
        for (size_t i = 0; i < GP_BLOCK; i++) truth[i] = (uint8_t)i;
        run_cast(set[s], GPUPROC_BOOL, GPUPROC_FLOAT16, out, truth, GP_BLOCK);
        for (size_t i = 0; i < GP_BLOCK; i++) assert_int_equal(out[i], truth[i] ? 0x3c00 : 0);
    }
}

/* ---- Complex numbers ---- */

static void parts_come_apart_and_together(void **state)
{
    (void)state;
    enum { N = 1000 };
    static float f[2 * N], fr[N], fi[N], fp[2 * N];
    static double d[2 * N], dr[N], di[N], dp[2 * N];
    for (size_t i = 0; i < 2 * N; i++) {
        f[i] = i == 6 ? NAN : (float)i - 7.5f;
        d[i] = i == 7 ? -0.0 : (double)i * 1e-3;
    }
    for (size_t s = 0; s < sets; s++) {
        const gp_cpu_ops *o = set[s];
        o->op[GP_OP_REAL][GPUPROC_COMPLEX64](fr, f, NULL, NULL, N);
        o->op[GP_OP_IMAG][GPUPROC_COMPLEX64](fi, f, NULL, NULL, N);
        o->op[GP_OP_PACK][GPUPROC_FLOAT32](fp, fr, fi, NULL, N);
        o->op[GP_OP_REAL][GPUPROC_COMPLEX128](dr, d, NULL, NULL, N);
        o->op[GP_OP_IMAG][GPUPROC_COMPLEX128](di, d, NULL, NULL, N);
        o->op[GP_OP_PACK][GPUPROC_FLOAT64](dp, dr, di, NULL, N);
        for (size_t i = 0; i < N; i++) {
            assert_memory_equal(&fr[i], &f[2 * i], 4);
            assert_memory_equal(&di[i], &d[2 * i + 1], 8);
        }
        assert_memory_equal(fp, f, sizeof f);
        assert_memory_equal(dp, d, sizeof d);
    }
}

/* ---- Random bits ---- */

/* Word by word, as it was published. */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4], k[2] = {key[0], key[1]};
    memcpy(c, counter, sizeof c);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53 * c[0], b = (uint64_t)0xCD9E8D57 * c[2];
        uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b,
                            (uint32_t)(a >> 32) ^ c[3] ^ k[1], (uint32_t)a};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9;
        k[1] += 0xBB67AE85;
    }
    memcpy(out, c, sizeof c);
}

static void random_bits_are_philox(void **state)
{
    (void)state;
    static const uint32_t zero[6], ones[6] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
    /* The published answers. */
    static const uint32_t of_zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    static const uint32_t of_ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    uint32_t out[4];
    philox(zero, zero + 4, out);
    assert_memory_equal(out, of_zero, sizeof out);
    philox(ones, ones + 4, out);
    assert_memory_equal(out, of_ones, sizeof out);

    uint64_t seed = 3, counter[GP_BLOCK], key[GP_BLOCK], got[GP_BLOCK];
    for (size_t i = 0; i < GP_BLOCK; i++) {
        counter[i] = i < 8 ? i / 2 * UINT64_MAX : random_next(&seed);
        key[i] = i < 8 ? i % 2 * UINT64_MAX : random_next(&seed);
    }
    counter[0] = key[0] = 0;
    for (size_t s = 0; s < sets; s++) {
        set[s]->op[GP_OP_RANDBITS][GPUPROC_UINT64](got, counter, key, NULL, GP_BLOCK);
        assert_true(got[0] == 0xe169c58d6627e8d5);
        for (size_t i = 0; i < GP_BLOCK; i++) {
            uint32_t c[4] = {(uint32_t)counter[i], (uint32_t)(counter[i] >> 32), 0, 0};
            uint32_t k[2] = {(uint32_t)key[i], (uint32_t)(key[i] >> 32)};
            philox(c, k, out);
            assert_true(got[i] == (out[0] | (uint64_t)out[1] << 32));
        }
        /* In place. */
        uint64_t same[GP_BLOCK];
        memcpy(same, key, sizeof same);
        set[s]->op[GP_OP_RANDBITS][GPUPROC_UINT64](same, counter, same, NULL, GP_BLOCK);
        assert_memory_equal(same, got, sizeof same);
        set[s]->op[GP_OP_MULHI][GPUPROC_UINT64](got, counter, key, NULL, GP_BLOCK);
        for (size_t i = 0; i < GP_BLOCK; i++)
            assert_true(got[i] == (uint64_t)((unsigned __int128)counter[i] * key[i] >> 64));
    }
}

/* ---- The normal quantile ---- */

static size_t read_normal(uint64_t *x, double *want, size_t room)
{
    const char *folder = getenv("GPUPROC_TEST_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/normal.txt", folder != NULL ? folder : "tests");
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("cannot open %s", path);
    size_t n = 0;
    uint64_t bits;
    while (n < room && fscanf(file, "%" SCNx64 " %" SCNx64, &x[n], &bits) == 2)
        memcpy(&want[n++], &bits, sizeof bits);
    fclose(file);
    assert_true(n > 900 && n < room);
    return n;
}

static void normal_quantiles_are_near_and_the_same(void **state)
{
    (void)state;
    enum { ROOM = 4096 };
    static uint64_t x[ROOM];
    static double want[ROOM], got[3][ROOM];
    size_t n = read_normal(x, want, ROOM);
    for (size_t s = 0; s < sets; s++) {
        gp_cpu_fn loop = set[s]->op[GP_OP_NORMAL][GPUPROC_UINT64];
        for (size_t i = 0; i < n; i += GP_BLOCK)
            loop(got[s] + i, x + i, NULL, NULL, n - i < GP_BLOCK ? n - i : GP_BLOCK);
        double worst = 0;
        for (size_t i = 0; i < n; i++) {
            double error = fabs(got[s][i] - want[i]) / fabs(want[i]);
            if (!(error <= 1e-15))
                fail_msg("%s: normal of %016" PRIx64 " is %.17g, want %.17g", set[s]->name, x[i],
                         got[s][i], want[i]);
            worst = error > worst ? error : worst;
        }
        print_message("%s: largest error of normal %.2g\n", set[s]->name, worst);
        assert_memory_equal(got[s], got[0], n * sizeof(double));
    }

    /* Elsewhere the sets agree, a value does not depend on its neighbours or on n, and there
     * is symmetry. */
    uint64_t seed = 5, a[GP_BLOCK], mirror[GP_BLOCK];
    double r[GP_BLOCK], m[GP_BLOCK], one;
    for (int block = 0; block < 40; block++) {
        for (size_t i = 0; i < GP_BLOCK; i++) {
            a[i] = random_next(&seed) >> (block % 4 == 3 ? i % 40 : 0);
            mirror[i] = ~a[i];
        }
        set[0]->op[GP_OP_NORMAL][GPUPROC_UINT64](r, a, NULL, NULL, GP_BLOCK);
        set[0]->op[GP_OP_NORMAL][GPUPROC_UINT64](m, mirror, NULL, NULL, GP_BLOCK);
        for (size_t i = 0; i < GP_BLOCK; i++) assert_true(m[i] == -r[i]);
        for (size_t s = 0; s < sets; s++) {
            memcpy(m, a, sizeof m);
            set[s]->op[GP_OP_NORMAL][GPUPROC_UINT64](m, m, NULL, NULL, GP_BLOCK);
            assert_memory_equal(m, r, sizeof r);
            set[s]->op[GP_OP_NORMAL][GPUPROC_UINT64](&one, &a[block], NULL, NULL, 1);
            assert_memory_equal(&one, &r[block], sizeof one);
        }
    }
}

/* ---- Tables ---- */

static void taking_from_tables(void **state)
{
    (void)state;
    static const int64_t at[] = {0, 6, 3, 7, -1, INT64_MIN, INT64_MAX, 2};
    unsigned char element[7 * 16], got[8 * 16];
    for (size_t i = 0; i < sizeof element; i++) element[i] = (unsigned char)(i * 37 + 1);
    for (size_t s = 0; s < sets; s++) {
        for (int t = 0; t < GP_DTYPE_COUNT; t++) {
            size_t size = gpuproc_dtype_bytes((gp_dtype)t);
            gp_cpu_table table = {element, 7};
            gp_cpu_fn take = set[s]->op[GP_OP_TAKE][t];
            assert_int_equal(take(got, &table, at, NULL, 3), 0);
            memset(got, 0xAA, sizeof got);
            assert_int_equal(take(got, &table, at, NULL, 8), GP_FLAG_INDEX);
            for (size_t i = 0; i < 8; i++) {
                unsigned char want[16] = {0};
                if (at[i] >= 0 && at[i] < 7) memcpy(want, element + (size_t)at[i] * size, size);
                if (t == GPUPROC_BOOL) want[0] = want[0] != 0;
                assert_memory_equal(got + i * size, want, size);
            }
            table.count = 0;
            assert_int_equal(take(got, &table, at, NULL, 1), GP_FLAG_INDEX);
        }
    }
}

static void checks_have_a_flag_each(void **state)
{
    (void)state;
    static const uint8_t fine[5] = {0}, bad[5] = {0, 0, 200, 1, 0};
    static const int64_t third[5] = {3, 3, 3, 3, 3};
    uint8_t got[5];
    for (size_t s = 0; s < sets; s++) {
        gp_cpu_fn check = set[s]->op[GP_OP_CHECK][GPUPROC_BOOL];
        assert_int_equal(check(got, fine, third, NULL, 5), 0);
        assert_memory_equal(got, fine, 5);
        assert_int_equal(check(got, bad, third, NULL, 5), 1u << (GP_FLAG_CHECK + 3));
        assert_memory_equal(got, ((uint8_t[]){0, 0, 1, 1, 0}), 5);
    }
}

/* Sorted as NumPy sorts: NaN last. */
static bool comes_before(double a, double b) { return a < b || (b != b && a == a); }

static int compare_doubles(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;
    return comes_before(a, b) ? -1 : comes_before(b, a);
}

static void put(gp_dtype t, void *to, size_t i, double x)
{
    switch (t) {
#define X(name, type, kind) \
    case GPUPROC_##name: ((type *)to)[i] = (type)x; break;
        GP_DTYPES(X)
#undef X
    default: break;
    }
}

static void searching_tables(void **state)
{
    (void)state;
    static const gp_dtype dtypes[] = {
#define X(name, type, kind) GPUPROC_##name,
        GP_DTYPES(X)
#undef X
    };
    uint64_t seed = 11;
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        gp_dtype t = dtypes[d];
        for (uint64_t count = 0; count < 70; count++) {
            double sorted[70], value[100];
            uint64_t table_bytes[70], value_bytes[100];
            int64_t got[100];
            bool real = gp_dtype_is_float(t);
            for (size_t i = 0; i < 170; i++) {
                double x = (double)(random_next(&seed) % (t == GPUPROC_BOOL ? 2 : 40));
                if (real && i % 17 == 0) x = i % 2 ? (double)NAN : -(double)INFINITY;
                if (gp_dtype_kind(t) == GP_KIND_INT) x -= 20;
                if (i < 70) sorted[i] = x;
                else value[i - 70] = x;
            }
            qsort(sorted, count, sizeof *sorted, compare_doubles);
            for (size_t i = 0; i < count; i++) put(t, table_bytes, i, sorted[i]);
            for (size_t i = 0; i < 100; i++) put(t, value_bytes, i, value[i]);
            if (t == GPUPROC_BOOL) ((uint8_t *)value_bytes)[99] = 0x80, value[99] = 1;
            gp_cpu_table table = {table_bytes, count};
            for (size_t s = 0; s < sets; s++) {
                for (int right = 0; right < 2; right++) {
                    gp_op op = right ? GP_OP_SEARCHRIGHT : GP_OP_SEARCHLEFT;
                    assert_int_equal(set[s]->op[op][t](got, &table, value_bytes, NULL, 100), 0);
                    for (size_t i = 0; i < 100; i++) {
                        int64_t want = 0;
                        for (size_t k = 0; k < count; k++)
                            want += right ? !comes_before(value[i], sorted[k])
                                          : comes_before(sorted[k], value[i]);
                        assert_int_equal(got[i], want);
                    }
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_become_what_they_are),
        cmocka_unit_test(halves_are_rounded_to_even),
        cmocka_unit_test(every_half_is_cast),
        cmocka_unit_test(everything_becomes_half),
        cmocka_unit_test(parts_come_apart_and_together),
        cmocka_unit_test(random_bits_are_philox),
        cmocka_unit_test(normal_quantiles_are_near_and_the_same),
        cmocka_unit_test(taking_from_tables),
        cmocka_unit_test(checks_have_a_flag_each),
        cmocka_unit_test(searching_tables),
    };
    find_sets();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
