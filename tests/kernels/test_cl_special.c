/* What has the same bits on every device beyond arithmetic: float16, complex parts, random bits,
 * the normal quantile, tables, index numbers, slices. Each pass runs here and on the CPU device. */
#include "clrun.h"
#include "device/cpu/cpu_device.h"
#include "passes.h"

#include <math.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static clrun run;
static gp_device *cpu;
static bool small; /* under a slow interpreter */

static const gp_dtype all_dtypes[] = {
#define X(name, type, kind) GPUPROC_##name,
    GP_DTYPES(X)
#undef X
};
#define ALL (sizeof all_dtypes / sizeof all_dtypes[0])

static bool has(gp_dtype t)
{
    return run.caps.fp64 || (t != GPUPROC_FLOAT64 && t != GPUPROC_COMPLEX128);
}

static uint64_t random_next(uint64_t *s)
{
    *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
    return *s * 0x2545F4914F6CDD1Du;
}

static void post(gp_chunk *chunk) { sem_post(chunk->ctx); }

static uint32_t run_on_cpu(const gp_pass *pass, uint64_t first, uint64_t count,
                           const void *const *input, void *const *output, const uint64_t *uniform)
{
    gp_device_program *program;
    gp_slot *slot;
    gpuproc_error err = {0};
    static const bool none[PASS_MAX];
    sem_t sem;
    sem_init(&sem, 0, 0);
    if (cpu->api->program_new(cpu, pass, &program, &err) != GPUPROC_OK) fail_msg("%s", err.message);
    assert_int_equal(cpu->api->slot_new(program, count, none, none, &slot, &err), GPUPROC_OK);
    gp_chunk chunk = {.first = first, .count = count, .input = input, .output = output,
                      .uniform = uniform, .done = post, .ctx = &sem};
    assert_int_equal(cpu->api->submit(slot, &chunk, &err), GPUPROC_OK);
    while (sem_wait(&sem) != 0) continue;
    sem_destroy(&sem);
    assert_int_equal(chunk.status, GPUPROC_OK);
    cpu->api->slot_free(slot);
    cpu->api->program_free(program);
    return chunk.flags & (GP_FLAG_DIVIDE | GP_FLAG_NEG_POWER | GP_FLAG_INDEX | ~0u << GP_FLAG_CHECK);
}

/* The pass on both, for both kinds of kernel text; returns the flags, and frees the pass. input:
 * from element `first` on where it is streamed. */
static uint32_t both(hand_pass *h, uint64_t first, uint64_t count, const void *const *input,
                     const uint64_t *uniform)
{
    void *want[PASS_MAX] = {0}, *got[PASS_MAX] = {0};
    size_t bytes[PASS_MAX], size[PASS_MAX];
    for (size_t k = 0; k < h->pass.inputs; k++) {
        const gp_pass_input *in = &h->input[k];
        bytes[k] = (in->streamed ? count : in->count) * gpuproc_dtype_bytes(in->dtype);
    }
    for (size_t k = 0; k < h->pass.outputs; k++) {
        size[k] = count * gpuproc_dtype_bytes(h->output[k].dtype);
        want[k] = malloc(size[k]);
        got[k] = malloc(size[k]);
        assert_true(want[k] != NULL && got[k] != NULL);
    }
    uint32_t flags = run_on_cpu(&h->pass, first, count, input, want, uniform);
    const gp_cl_caps own = run.caps;
    for (int other = 0; other < (small ? 1 : 2); other++) {
        run.caps.is_cpu = own.is_cpu != (other == 1);
        clrun_job job = {.pass = &h->pass, .first = first, .count = count, .groups = 3,
                         .input = input, .input_bytes = bytes, .output = got, .uniform = uniform};
        clrun_pass(&run, &job);
        assert_int_equal(job.flags, flags);
        for (size_t k = 0; k < h->pass.outputs; k++) {
            if (memcmp(got[k], want[k], size[k]) == 0) continue;
            size_t element = gpuproc_dtype_bytes(h->output[k].dtype), i = 0;
            while (memcmp((char *)got[k] + i * element, (char *)want[k] + i * element, element) == 0) i++;
            uint64_t g[2] = {0}, w[2] = {0};
            memcpy(g, (char *)got[k] + i * element, element);
            memcpy(w, (char *)want[k] + i * element, element);
            fail_msg("output %zu (node %d, %s) at %zu: got %#llx, the cpu has %#llx", k, h->output[k].node,
                     gpuproc_dtype_name(h->output[k].dtype), i, (unsigned long long)g[0],
                     (unsigned long long)w[0]);
        }
    }
    run.caps = own;
    for (size_t k = 0; k < h->pass.outputs; k++) {
        free(want[k]);
        free(got[k]);
    }
    hand_free(h);
    return flags;
}

static int op1(hand_pass *h, gp_op op, gp_dtype to, int a) { return gp_ir_op(&h->program, op, to, a, -1, -1); }
static int op2(hand_pass *h, gp_op op, gp_dtype to, int a, int b) { return gp_ir_op(&h->program, op, to, a, b, -1); }

static void every_half_to_every_dtype(void **state)
{
    (void)state;
    static hand_pass h;
    static uint16_t in[65536];
    const uint32_t step = small ? 61 : 1, n = 65536 / step;
    for (uint32_t i = 0; i < n; i++) in[i] = (uint16_t)(i * step);
    hand_init(&h, 1, (int64_t[]){n});
    const int x = hand_input(&h, GPUPROC_FLOAT16);
    for (size_t d = 0; d < ALL; d++)
        if (has(all_dtypes[d])) hand_output(&h, op1(&h, GP_OP_CAST, all_dtypes[d], x));
    hand_output(&h, x);
    both(&h, 0, n, (const void *[]){in}, NULL);
}

static void every_dtype_to_half(void **state)
{
    (void)state;
    enum { N = 65536 };
    static hand_pass h;
    static uint64_t in[ALL][N];
    const void *input[ALL];
    const size_t n = small ? 1000 : N;
    uint64_t seed = 99;
    size_t inputs = 0;
    hand_init(&h, 1, (int64_t[]){(int64_t)n});
    for (size_t d = 0; d < ALL; d++) {
        const gp_dtype t = all_dtypes[d];
        if (!has(t)) continue;
        for (size_t i = 0; i < n; i++) {
            uint64_t r = random_next(&seed);
            /* Half of them in the middle between two float16s, or next to it. */
            double middle = ldexp((double)(2049 + 2 * (r % 1024)), (int)(r >> 16) % 45 - 38) * (r >> 63 ? -1 : 1);
            double wide = i % 8 == 0 ? nextafter(middle, 1e9) : middle;
            float narrow = i % 8 == 0 ? nextafterf((float)middle, -1e9f) : (float)middle;
            if (t == GPUPROC_FLOAT64 && i % 2 == 0) memcpy((double *)in[d] + i, &wide, 8);
            else if (t == GPUPROC_FLOAT32 && i % 2 == 0) memcpy((float *)in[d] + i, &narrow, 4);
            else if (t == GPUPROC_FLOAT64) memcpy((double *)in[d] + i, &r, 8);
            else {
                if (i % 2 == 0 && gp_dtype_is_integer(t)) r %= 70000;
                memcpy((char *)in[d] + i * gpuproc_dtype_bytes(t), &r, gpuproc_dtype_bytes(t));
            }
        }
        input[inputs++] = in[d];
        hand_output(&h, op1(&h, GP_OP_CAST, GPUPROC_FLOAT16, hand_input(&h, t)));
    }
    both(&h, 0, n, input, NULL);
}

static void random_bits_and_normals(void **state)
{
    (void)state;
    enum { N = 100000 };
    static hand_pass h;
    static uint64_t a[N], b[N];
    const size_t n = small ? 1500 : N;
    uint64_t seed = 4;
    for (size_t i = 0; i < n; i++) {
        a[i] = random_next(&seed);
        if (i % 3 == 1) a[i] >>= i / 3 % 64; /* a tail */
        if (i % 6 == 1) a[i] = ~a[i];
        b[i] = i % 5 == 0 ? 12345 : random_next(&seed);
    }
    memset(a, 0, 16), memset(b, 0, 8);
    a[2] = b[1] = b[2] = UINT64_MAX;
    hand_init(&h, 1, (int64_t[]){(int64_t)n});
    const int x = hand_input(&h, GPUPROC_UINT64), y = hand_input(&h, GPUPROC_UINT64);
    hand_output(&h, op2(&h, GP_OP_RANDBITS, GPUPROC_UINT64, x, y));
    hand_output(&h, op2(&h, GP_OP_MULHI, GPUPROC_UINT64, x, y));
    if (run.caps.fp64) hand_output(&h, op1(&h, GP_OP_NORMAL, GPUPROC_FLOAT64, x));
    both(&h, 0, n, (const void *[]){a, b}, NULL);
}

static void complex_parts(void **state)
{
    (void)state;
    enum { N = 3000 };
    static hand_pass h;
    static double wide[2 * N];
    static float narrow[2 * N];
    for (int i = 0; i < 2 * N; i++) {
        wide[i] = i == 5 ? (double)-INFINITY : i * 0.1;
        narrow[i] = (float)-wide[i];
    }
    hand_init(&h, 1, (int64_t[]){N});
    const int x = hand_input(&h, GPUPROC_COMPLEX64);
    const int re = op1(&h, GP_OP_REAL, GPUPROC_FLOAT32, x), im = op1(&h, GP_OP_IMAG, GPUPROC_FLOAT32, x);
    hand_output(&h, re);
    hand_output(&h, op2(&h, GP_OP_PACK, GPUPROC_COMPLEX64, im, re));
    hand_output(&h, x);
    if (run.caps.fp64) {
        const int y = hand_input(&h, GPUPROC_COMPLEX128);
        const int re8 = op1(&h, GP_OP_REAL, GPUPROC_FLOAT64, y), im8 = op1(&h, GP_OP_IMAG, GPUPROC_FLOAT64, y);
        hand_output(&h, op2(&h, GP_OP_PACK, GPUPROC_COMPLEX128, op2(&h, GP_OP_ADD, GPUPROC_FLOAT64, im8, re8), re8));
    }
    both(&h, 0, N, (const void *[]){narrow, wide}, NULL);
}

/* Every dtype as a table; one index in the middle is outside. */
static void tables(void **state)
{
    (void)state;
    enum { N = 2500, COUNT = 137 };
    static const gp_dtype more[] = {GPUPROC_FLOAT16, GPUPROC_COMPLEX64, GPUPROC_COMPLEX128};
    for (int outside = 0; outside < 2; outside++) {
        static hand_pass h;
        static int64_t at[N];
        static uint64_t element[ALL + 3][2 * COUNT], value[ALL][N];
        const void *input[2 * ALL + 4];
        uint64_t seed = 8;
        hand_init(&h, 1, (int64_t[]){N});
        for (int i = 0; i < N; i++) at[i] = (int64_t)(random_next(&seed) % COUNT);
        if (outside) at[1500] = COUNT, at[1501] = -1;
        const int index = hand_input(&h, GPUPROC_INT64);
        input[0] = at;
        for (size_t d = 0; d < ALL + 3; d++) {
            const gp_dtype t = d < ALL ? all_dtypes[d] : more[d - ALL];
            if (!has(t)) continue;
            const int table = hand_table(&h, t, COUNT);
            input[h.pass.inputs - 1] = element[d];
            for (int i = 0; i < COUNT; i++) {
                /* Sorted, with equals, NaN last. */
                const int64_t v = t == GPUPROC_BOOL ? i > 70 : i / 2 * 2 - (gp_dtype_kind(t) == GP_KIND_UINT ? 0 : 60);
                if (t == GPUPROC_FLOAT32) ((float *)element[d])[i] = i > 130 ? NAN : (float)v;
                else if (t == GPUPROC_FLOAT64) ((double *)element[d])[i] = i > 130 ? (double)NAN : (double)v;
                else if (d >= ALL) element[d][i] = random_next(&seed);
                else memcpy((char *)element[d] + (size_t)i * gpuproc_dtype_bytes(t), &v, gpuproc_dtype_bytes(t));
            }
            hand_output(&h, op2(&h, GP_OP_TAKE, t, table, index));
            if (d >= ALL) continue;
            const int v = hand_input(&h, t);
            input[h.pass.inputs - 1] = value[d];
            for (int i = 0; i < N; i++) {
                const int64_t r = (int64_t)(random_next(&seed) % 160) - (gp_dtype_kind(t) == GP_KIND_UINT ? 0 : 70);
                if (t == GPUPROC_FLOAT32) ((float *)value[d])[i] = i % 9 == 0 ? NAN : (float)r + (i % 2 ? 0.5f : 0);
                else if (t == GPUPROC_FLOAT64) ((double *)value[d])[i] = i % 9 == 0 ? (double)NAN : (double)r;
                else memcpy((char *)value[d] + (size_t)i * gpuproc_dtype_bytes(t), &r, gpuproc_dtype_bytes(t));
            }
            hand_output(&h, op2(&h, GP_OP_SEARCHLEFT, GPUPROC_INT64, table, v));
            hand_output(&h, op2(&h, GP_OP_SEARCHRIGHT, GPUPROC_INT64, table, v));
        }
        assert_int_equal(both(&h, 0, N, input, NULL), outside ? GP_FLAG_INDEX : 0);
    }
}

static void checks(void **state)
{
    (void)state;
    enum { N = 3000 };
    for (int bad = 0; bad < 2; bad++) {
        static hand_pass h;
        static uint8_t in[N];
        const void *input[1] = {in};
        memset(in, 0, sizeof in);
        if (bad) in[1700] = 1;
        hand_init(&h, 1, (int64_t[]){N});
        const int x = hand_input(&h, GPUPROC_BOOL);
        const int id = gp_ir_const(&h.program, (gpuproc_scalar){.dtype = GPUPROC_INT64, .value.i = 4});
        hand_output(&h, op2(&h, GP_OP_CHECK, GPUPROC_BOOL, x, id));
        assert_int_equal(both(&h, 0, N, input, NULL), bad ? 1u << (GP_FLAG_CHECK + 4) : 0);
    }
}

/* Offsets, negative strides, transpositions, a middle axis that does not move; numbers and elements. */
static void walks(void **state)
{
    (void)state;
    enum { A = 7, B = 30, C = 23, ALL_OF_IT = A * B * C, FIRST = 1024, N = 2048 + 5 };
    static const struct {
        int64_t offset, stride[3];
    } walk[] = {
        {0, {B * C, C, 1}},
        {ALL_OF_IT - 1, {-B * C, -C, -1}},
        {A * B * (C - 1) + 5, {1, 0, -A * B}},
        {300, {0, 0, 0}},
        {17, {0, 0, 3}},
        {22, {C, 0, -1}},
        {100 * 29, {300, -100, 2}},
        {3, {0, 5, 1}},
        {6, {-1, 0, 0}},
    };
    enum { WALKS = sizeof walk / sizeof *walk };
    static hand_pass h;
    static int16_t element[ALL_OF_IT];
    const void *input[WALKS];
    for (int i = 0; i < ALL_OF_IT; i++) element[i] = (int16_t)(i * 7);
    hand_init(&h, 3, (int64_t[]){A, B, C});
    for (size_t k = 0; k < WALKS; k++) {
        input[k] = element;
        hand_output(&h, hand_walked(&h, GPUPROC_INT16, ALL_OF_IT, walk[k].offset, walk[k].stride));
        hand_output(&h, hand_index(&h, walk[k].offset - 1000, walk[k].stride));
    }
    /* Beyond what any array has. */
    hand_output(&h, hand_index(&h, INT64_MIN, (int64_t[]){INT64_MAX, INT64_MIN, -1}));
    both(&h, FIRST, N, input, NULL);
}

/* A filled uniform of each dtype; index numbers and fills without any input; a reduction of them. */
static void fills(void **state)
{
    (void)state;
    static hand_pass h;
    uint64_t uniform[ALL + 1];
    hand_init(&h, 2, (int64_t[]){60, 50});
    for (size_t d = 0; d <= ALL; d++) {
        const gp_dtype t = d < ALL ? all_dtypes[d] : GPUPROC_FLOAT16;
        if (!has(t)) continue;
        const int one = gp_ir_const(&h.program, (gpuproc_scalar){.dtype = GPUPROC_INT8, .value.i = (int)d});
        const int u = op1(&h, GP_OP_CAST, t, one);
        double value = -0x1.ff8p-16; /* float16: subnormal */
        uniform[h.pass.uniforms] = t == GPUPROC_BOOL;
        if (gp_dtype_is_float(t)) memcpy(&uniform[h.pass.uniforms], &value, sizeof value);
        if (gp_dtype_is_integer(t)) uniform[h.pass.uniforms] = 100 + d;
        hand_uniform(&h, u);
        hand_output(&h, gp_ir_fill(&h.program, u, &h.pass.shape));
    }
    const int constant = gp_ir_const(&h.program, (gpuproc_scalar){.dtype = GPUPROC_FLOAT16, .value.f = -1.5});
    hand_output(&h, constant);
    hand_output(&h, op1(&h, GP_OP_CAST, GPUPROC_FLOAT32, constant));
    both(&h, 1024, 1976, NULL, uniform);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_to_every_dtype), cmocka_unit_test(every_dtype_to_half),
        cmocka_unit_test(random_bits_and_normals),   cmocka_unit_test(complex_parts),
        cmocka_unit_test(tables),                    cmocka_unit_test(checks),
        cmocka_unit_test(walks),
        cmocka_unit_test(fills),
    };
    small = getenv("GPUPROC_TEST_SMALL") != NULL;
    if (!clrun_open(&run)) {
        const char *required = getenv("GPUPROC_REQUIRE_DEVICE");
        fprintf(stderr, "no OpenCL device\n");
        return required != NULL && strcmp(required, "1") == 0 ? 1 : 77;
    }
    if (gp_cpu_device_new(2, &cpu, NULL) != GPUPROC_OK) return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cpu->api->close(cpu);
    clrun_close(&run);
    return failed;
}
