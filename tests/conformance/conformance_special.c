/* What is not in the golden file, through the public API: float16, complex parts, tables, slices, index
 * numbers, random numbers. Exact, on the CPU and on every OpenCL device, in one chunk and in many. */
#include "golden.h"

#include "array/half.h"
#include "emit/pass.h"

#include <gpuproc/gpuproc.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 5003, TABLE = 101 };

static uint16_t h[N];
static float f[N];
static double d[N], z[2 * N], t[TABLE];
static float c[2 * N];
static int32_t i4[N];
static int64_t k[N];
static size_t n; /* elements of the present run */

static const struct {
    const char *name;
    gp_dtype dtype;
    void *data;
    int64_t count; /* 0: n */
} array[] = {
    {"h", GPUPROC_FLOAT16, h, 0}, {"f", GPUPROC_FLOAT32, f, 0},    {"d", GPUPROC_FLOAT64, d, 0},
    {"i", GPUPROC_INT32, i4, 0},  {"z", GPUPROC_COMPLEX128, z, 0}, {"c", GPUPROC_COMPLEX64, c, 0},
    {"k", GPUPROC_INT64, k, 0},   {"t", GPUPROC_FLOAT64, t, TABLE},
};
#define ARRAYS (sizeof array / sizeof *array)

/* ---- what is expected of element e ---- */

#define WANT(name, type, ...)                                                   \
    static void name(size_t e, void *out)                                       \
    {                                                                           \
        type *to = out;                                                         \
        __VA_ARGS__;                                                            \
    }
#define RE z[2 * e]
#define IM z[2 * e + 1]
WANT(half_f4, float, *to = gp_half_to_f32(h[e]))
WANT(half_f8, double, *to = gp_half_to_f64(h[e]))
WANT(half_i2, int16_t, *to = (int16_t)fmaxf(INT16_MIN, fminf(INT16_MAX, gp_half_to_f32(h[e]))))
WANT(half_b1, uint8_t, *to = gp_half_to_f32(h[e]) != 0)
WANT(f4_half, uint16_t, *to = gp_half_from_f32(f[e]))
WANT(f8_half, uint16_t, *to = gp_half_from_f64(d[e]))
WANT(i4_half, uint16_t, *to = gp_half_from_f64(i4[e]))
WANT(half_sum, uint16_t, *to = gp_half_from_f32(gp_half_to_f32(h[e]) + gp_half_to_f32(h[n - 1 - e])))
WANT(half_same, uint16_t, *to = h[e])
WANT(real_c16, double, *to = RE)
WANT(imag_c8, float, *to = c[2 * e + 1])
WANT(conj_c16, double, to[0] = RE; to[1] = -IM)
WANT(same_c8, float, to[0] = c[2 * e]; to[1] = c[2 * e + 1])
WANT(back_c16, double, to[0] = z[2 * (n - 1 - e)]; to[1] = z[2 * (n - 1 - e) + 1])
WANT(sum_c16, double, to[0] = RE + RE; to[1] = IM + IM)
WANT(taken, double, *to = t[k[e]])
WANT(back_f4, float, *to = f[n - 1 - e] - f[e])
WANT(counted, int64_t, *to = 5 + 3 * (int64_t)e)
WANT(filled, uint16_t, (void)e; *to = 0x4248) /* 3.140625 */
#undef RE
#undef IM

static void searched(size_t e, void *out, bool right)
{
    int64_t *to = out;
    *to = 0;
    for (int j = 0; j < TABLE; j++) *to += right ? !(d[e] < t[j]) : t[j] < d[e];
}
static void left(size_t e, void *out) { searched(e, out, false); }
static void right(size_t e, void *out) { searched(e, out, true); }

/* N stands for the number of elements. Without `want`: the same everywhere as on the CPU, whole. */
static const struct {
    const char *text;
    gp_dtype dtype;
    void (*want)(size_t e, void *out);
} program[] = {
    {"h.astype(float32)", GPUPROC_FLOAT32, half_f4},
    {"h.astype(float64)", GPUPROC_FLOAT64, half_f8},
    {"h.astype(int16)", GPUPROC_INT16, half_i2},
    {"h.astype(bool)", GPUPROC_BOOL, half_b1},
    {"f.astype(float16)", GPUPROC_FLOAT16, f4_half},
    {"d.astype(float16)", GPUPROC_FLOAT16, f8_half},
    {"i.astype(float16)", GPUPROC_FLOAT16, i4_half},
    {"h + h[::-1]", GPUPROC_FLOAT16, half_sum},
    {"h.astype(float64).astype(float16)", GPUPROC_FLOAT16, half_same},
    {"z.real", GPUPROC_FLOAT64, real_c16},
    {"c.imag", GPUPROC_FLOAT32, imag_c8},
    {"conj(z)", GPUPROC_COMPLEX128, conj_c16},
    {"c.astype(complex64)", GPUPROC_COMPLEX64, same_c8},
    {"z[::-1]", GPUPROC_COMPLEX128, back_c16},
    {"z + z", GPUPROC_COMPLEX128, sum_c16},
    {"take(t, k)", GPUPROC_FLOAT64, taken},
    {"searchsorted(t, d)", GPUPROC_INT64, left},
    {"searchsorted(t, d, 'right')", GPUPROC_INT64, right},
    {"f[::-1] - f", GPUPROC_FLOAT32, back_f4},
    {"5 + 3 * arange(N)", GPUPROC_INT64, counted},
    {"full(N, 3.1404, float16)", GPUPROC_FLOAT16, filled},
    {"random.random(N, 3)", GPUPROC_FLOAT64, NULL},
    {"random.standard_normal(N, 3)", GPUPROC_FLOAT64, NULL},
    {"random.integers(-5, 1000, N, 3)", GPUPROC_INT64, NULL},
};
#define PROGRAMS (sizeof program / sizeof *program)

/* ---- running ---- */

typedef struct fixture {
    gpuproc_session *session;
    char device[8][24];
    size_t devices; /* the first is the CPU */
    unsigned char *reference[PROGRAMS];
} fixture;

static void check(fixture *x, size_t p, const unsigned char *got, const char *way)
{
    size_t bytes = gpuproc_dtype_bytes(program[p].dtype);
    for (size_t e = 0; e < n; e++) {
        unsigned char want[16];
        if (program[p].want != NULL) program[p].want(e, want);
        else memcpy(want, x->reference[p] + e * bytes, bytes);
        if (memcmp(got + e * bytes, want, bytes) == 0) continue;
        uint64_t g[2] = {0}, w[2] = {0};
        memcpy(g, got + e * bytes, bytes);
        memcpy(w, want, bytes);
        fail_msg("%s: %s [%zu] is %#llx %#llx, want %#llx %#llx", way, program[p].text, e,
                 (unsigned long long)g[0], (unsigned long long)g[1], (unsigned long long)w[0],
                 (unsigned long long)w[1]);
    }
}

/* All programs in one text. */
static void run_all(fixture *x, size_t device, uint64_t chunk, bool first)
{
    char text[4096] = "", name[PROGRAMS][24], way[64], number[24];
    gpuproc_input input[ARRAYS];
    gpuproc_output output[PROGRAMS] = {0};
    guarded out[PROGRAMS];
    gpuproc_error err = {0};
    size_t used = 0;
    snprintf(way, sizeof way, "device %s, n %zu, chunk %llu", x->device[device], n, (unsigned long long)chunk);
    snprintf(number, sizeof number, "%zu", n);
    for (size_t a = 0; a < ARRAYS; a++) {
        int64_t shape = array[a].count != 0 ? array[a].count : (int64_t)n;
        gpuproc_array *made = NULL;
        assert_int_equal(gpuproc_array_from_memory(array[a].dtype, 1, &shape, array[a].data, &made, &err), GPUPROC_OK);
        input[a] = (gpuproc_input){array[a].name, made};
    }
    for (size_t p = 0; p < PROGRAMS; p++) {
        snprintf(name[p], sizeof name[p], "o%zu", p);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s = ", p > 0 ? "; " : "", name[p]);
        for (const char *s = program[p].text; *s != 0; s++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%.*s", *s == 'N' ? 24 : 1, *s == 'N' ? number : s);
        assert_true(used < sizeof text);
        out[p] = guarded_new(n * gpuproc_dtype_bytes(program[p].dtype));
        output[p] = (gpuproc_output){.name = name[p], .kind = GPUPROC_OUTPUT_MEMORY, .data = out[p].data,
                                     .bytes = out[p].bytes};
    }
    gpuproc_job_options options = {.struct_size = sizeof options, .device = x->device[device],
                                   .chunk_bytes = chunk, .flags = GPUPROC_JOB_NO_FALLBACK};
    gpuproc_job *job = NULL;
    gpuproc_status status = gpuproc_submit(x->session, text, input, ARRAYS, output, PROGRAMS, &options, &job, &err);
    if (status == GPUPROC_OK) status = gpuproc_job_wait(job, UINT64_MAX, &err);
    if (status != GPUPROC_OK) fail_msg("%s: %s: %s", way, text, err.message);
    for (size_t p = 0; p < PROGRAMS; p++) {
        gpuproc_result result = {.struct_size = sizeof result};
        assert_int_equal(gpuproc_job_result(job, p, &result, &err), GPUPROC_OK);
        if (result.dtype != program[p].dtype) fail_msg("%s has dtype %s", program[p].text, gpuproc_dtype_name(result.dtype));
        if (!guarded_intact(&out[p])) fail_msg("%s: %s wrote beside its result", way, program[p].text);
        if (first) memcpy(x->reference[p], out[p].data, out[p].bytes);
        check(x, p, out[p].data, way);
        guarded_free(&out[p]);
    }
    gpuproc_job_free(job);
    for (size_t a = 0; a < ARRAYS; a++) gpuproc_array_free((gpuproc_array *)(uintptr_t)input[a].array);
}

static void every_program_everywhere(void **state)
{
    fixture *x = *state;
    static const size_t sizes[] = {2, GP_BLOCK - 1, GP_BLOCK + 1, N};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        n = sizes[s];
        for (size_t v = 0; v < x->devices; v++) {
            run_all(x, v, 0, v == 0);
            if (n > GP_BLOCK) run_all(x, v, 1, false); /* the smallest: one block */
        }
    }
}

/* An index outside the table is an error, wherever it comes. */
static void indices_out_of_bounds(void **state)
{
    fixture *x = *state;
    n = N;
    for (size_t v = 0; v < x->devices; v++) {
        int64_t shape = N, count = TABLE;
        static int64_t at[N];
        static double out[N];
        gpuproc_array *index = NULL, *table = NULL;
        gpuproc_error err = {0};
        memcpy(at, k, sizeof at);
        at[4000] = TABLE;
        assert_int_equal(gpuproc_array_from_memory(GPUPROC_INT64, 1, &shape, at, &index, &err), GPUPROC_OK);
        assert_int_equal(gpuproc_array_from_memory(GPUPROC_FLOAT64, 1, &count, t, &table, &err), GPUPROC_OK);
        gpuproc_input in[] = {{"t", table}, {"k", index}};
        gpuproc_output o = {.kind = GPUPROC_OUTPUT_MEMORY, .data = out, .bytes = sizeof out};
        gpuproc_job_options options = {.struct_size = sizeof options, .device = x->device[v], .chunk_bytes = 1};
        gpuproc_job *job = NULL;
        gpuproc_status status = gpuproc_submit(x->session, "take(t, k)", in, 2, &o, 1, &options, &job, &err);
        if (status == GPUPROC_OK) status = gpuproc_job_wait(job, UINT64_MAX, &err);
        assert_int_equal(status, GPUPROC_DOMAIN);
        assert_non_null(strstr(err.message, "out of bounds"));
        gpuproc_job_free(job);
        gpuproc_array_free(index);
        gpuproc_array_free(table);
    }
}

static void fill_arrays(void)
{
    uint64_t s = 77;
    for (size_t e = 0; e < N; e++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        h[e] = (uint16_t)(s >> 40);
        if ((h[e] & 0x7c00) == 0x7c00) h[e] &= 0xbfff; /* finite */
        f[e] = (float)(int32_t)(s >> 32) * (e % 2 ? 0x1p-31f * 70000 : 0x1p-45f);
        d[e] = (double)(int64_t)s * 0x1p-63 * (e % 2 ? 150 : 1e-6);
        i4[e] = (int32_t)(s >> 32) % 70000;
        k[e] = (int64_t)(s >> 33) % TABLE;
        z[2 * e] = d[e], z[2 * e + 1] = -3 * d[e];
        c[2 * e] = f[e], c[2 * e + 1] = 2 * f[e];
    }
    for (int j = 0; j < TABLE; j++) t[j] = floor(j / 2.0) * 3 - 70;
    for (size_t e = 0; e < N; e += 50) d[e] = t[e % TABLE];
}

static int open_all(void **state)
{
    fixture *x = calloc(1, sizeof *x);
    gpuproc_error err;
    gpuproc_session_options options = {.struct_size = sizeof options, .threads = 2, .cache_dir = "conformance-cache"};
    if (x == NULL || gpuproc_session_open(&options, &x->session, &err) != GPUPROC_OK) return -1;
    for (size_t v = 0; v < gpuproc_device_count(x->session) && x->devices < 8; v++) {
        gpuproc_device_info info = {.struct_size = sizeof info};
        if (gpuproc_device_info_get(x->session, v, &info, &err) != GPUPROC_OK) return -1;
        if (info.note[0] != 0 || !info.fp64) continue;
        snprintf(x->device[x->devices++], sizeof x->device[0], "%zu", v);
    }
    const char *required = getenv("GPUPROC_REQUIRE_DEVICE");
    if (x->devices < 2 && required != NULL && strcmp(required, "1") == 0) return -1;
    for (size_t p = 0; p < PROGRAMS; p++) x->reference[p] = calloc(N, 16);
    fill_arrays();
    *state = x;
    return 0;
}

static int close_all(void **state)
{
    fixture *x = *state;
    gpuproc_session_close(x->session);
    for (size_t p = 0; p < PROGRAMS; p++) free(x->reference[p]);
    free(x);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_program_everywhere),
        cmocka_unit_test(indices_out_of_bounds),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
