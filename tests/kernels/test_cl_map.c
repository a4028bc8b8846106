/* Every operation, dtype and cast, and the ways in which operands come, on a device. */
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

static const gp_dtype all_dtypes[] = {
#define X(name, type, kind) GPUPROC_##name,
    GP_DTYPES(X)
#undef X
};
#define ALL (sizeof all_dtypes / sizeof all_dtypes[0])

static void store(gp_dtype dtype, void *data, size_t i, double f, uint64_t u)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: ((float *)data)[i] = (float)f; break;
    case GPUPROC_FLOAT64: ((double *)data)[i] = f; break;
    default:
        memcpy((char *)data + i * gpuproc_dtype_bytes(dtype), &u, gpuproc_dtype_bytes(dtype));
    }
}

static const double floats[] = {
    0.0,    -0.0,   1.0,     -1.0,     0.5,      -0.5,    1.5,     2.5,      -2.5,      3.0,
    -7.0,   0.1,    3.14159, 1e-30,    1e30,     -1e30,   1e10,    20.0,     87.5,      -103.5,
    255.5,  -128.5, 65536.0, 2147483647.0, 0x1p31, -0x1p31, 0x1p63, 0x1p64,   0x1p-149,  0x1p-130,
    0x1.fffffep127, -0x1.fffffep127, INFINITY, -INFINITY, NAN, 1e-5, 0.9999999, 709.5, 8388609.0,
    1e300, 0x1p-1074, -0x1p-1022, 0x1.fffffffffffffp1023,
};
#define FLOATS (sizeof floats / sizeof floats[0])

/* As many special values as there are; returns how many. */
static size_t specials(gp_dtype dtype, void *data)
{
    if (gp_dtype_is_float(dtype)) {
        for (size_t i = 0; i < FLOATS; i++) store(dtype, data, i, floats[i], 0);
        return FLOATS;
    }
    const unsigned bits = 8 * (unsigned)gpuproc_dtype_bytes(dtype);
    const uint64_t top = (uint64_t)1 << (bits - 1);
    const uint64_t values[] = {0, 1, 2, 3, 5, 7, 8, 12, 31, 32, 63, 64, 100, top, top - 1, top + 1,
                               (uint64_t)-1, (uint64_t)-2, (uint64_t)-3, (uint64_t)-100, 0x55,
                               0x3f5a92c1d3e4b687u};
    const size_t n = sizeof values / sizeof values[0];
    for (size_t i = 0; i < n; i++) store(dtype, data, i, 0, values[i]);
    return n;
}

typedef struct op_case {
    gp_op op;
    gp_dtype to;
} op_case;

static size_t cases_of(gp_dtype dtype, op_case *out)
{
    const int kind = dtype == GPUPROC_BOOL ? GP_B : gp_dtype_is_float(dtype) ? GP_F : GP_I;
    size_t n = 0;
#define RESULT_T dtype
#define RESULT_B GPUPROC_BOOL
#define RESULT_U8 GPUPROC_UINT8
#define X(name, arity, kinds, result, ...) \
    if (((kinds) & kind) != 0) out[n++] = (op_case){GP_OP_##name, RESULT_##result};
    GP_OPS_BINARY(X)
    GP_OPS_UNARY(X)
#undef X
    for (size_t k = 0; k < ALL; k++)
        if (run.caps.fp64 || all_dtypes[k] != GPUPROC_FLOAT64)
            out[n++] = (op_case){GP_OP_CAST, all_dtypes[k]};
    return n;
}

/* All operations of a dtype in one kernel, on all pairs of its special values. */
static void every_operation(gp_dtype dtype)
{
    static op_case cases[PASS_MAX];
    static hand_pass h;
    static void *output[PASS_MAX];
    uint64_t space[FLOATS];
    /* A stride that shares no factor with n still meets every value on both sides. */
    const size_t n = specials(dtype, space), step = small ? 19 : 1, pairs = n * n / step;
    const size_t bytes = gpuproc_dtype_bytes(dtype), size = pairs * bytes;

    char *a = malloc(size), *b = malloc(size);
    assert_true(a != NULL && b != NULL);
    for (size_t i = 0; i < pairs; i++) {
        memcpy(a + i * bytes, (char *)space + i * step / n * bytes, bytes);
        memcpy(b + i * bytes, (char *)space + i * step % n * bytes, bytes);
    }
    hand_init(&h, 1, (int64_t[]){(int64_t)pairs});
    const int x = hand_input(&h, dtype), y = hand_input(&h, dtype);
    const size_t count = cases_of(dtype, cases);
    for (size_t k = 0; k < count; k++) {
        const bool two = gp_op_info_of(cases[k].op)->arity == 2;
        hand_output(&h, gp_ir_op(&h.program, cases[k].op, cases[k].to, x, two ? y : -1, -1));
        output[k] = malloc(pairs * 8);
        assert_non_null(output[k]);
    }
    clrun_job job = {.pass = &h.pass, .count = pairs, .groups = 3,
                     .input = (const void *[]){a, b}, .input_bytes = (size_t[]){size, size},
                     .output = output};
    clrun_pass(&run, &job);

    uint32_t flags = 0;
    size_t wrong = 0;
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < pairs; i++) {
            const gpuproc_scalar p = oracle_load(dtype, a, i), q = oracle_load(dtype, b, i);
            const gpuproc_scalar got = oracle_load(cases[k].to, output[k], i);
            if (oracle_check(cases[k].op, cases[k].to, p, q, got, &flags)) continue;
            if (++wrong < 30)
                print_error("%s %s -> %s: %.17g/%#llx, %.17g/%#llx gave %.17g/%#llx\n",
                            gp_op_info_of(cases[k].op)->name, gp_dtype_code(dtype),
                            gp_dtype_code(cases[k].to), p.value.f, (unsigned long long)p.value.u,
                            q.value.f, (unsigned long long)q.value.u, got.value.f,
                            (unsigned long long)got.value.u);
        }
        free(output[k]);
    }
    free(a);
    free(b);
    hand_free(&h);
    assert_int_equal(wrong, 0);
    assert_int_equal(job.flags, flags);
}

static void each_dtype(void **state)
{
    (void)state;
    for (size_t k = 0; k < ALL; k++)
        if (run.caps.fp64 || all_dtypes[k] != GPUPROC_FLOAT64) every_operation(all_dtypes[k]);
}

/* where() of every dtype, constants and uniforms in every dtype, one kernel. */
static void where_constants_uniforms(void **state)
{
    (void)state;
    static hand_pass h;
    enum { N = 1500 };
    static uint8_t cond[N];
    static uint64_t out[3 * ALL][N];
    static void *output[3 * ALL];
    uint64_t uniform[ALL];
    size_t k = 0;
    hand_init(&h, 1, (int64_t[]){N});
    const int c = hand_input(&h, GPUPROC_BOOL);
    for (int i = 0; i < N; i++) cond[i] = (uint8_t)(i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 0x80);
    gpuproc_scalar one[ALL], two[ALL];
    for (size_t d = 0; d < ALL; d++) {
        const gp_dtype t = all_dtypes[d];
        if (t == GPUPROC_FLOAT64 && !run.caps.fp64) continue;
        const gp_kind kind = gp_dtype_kind(t);
        const uint64_t top = (uint64_t)1 << (8 * gpuproc_dtype_bytes(t) - 1);
        one[d] = two[d] = (gpuproc_scalar){.dtype = t};
        if (kind == GP_KIND_FLOAT) {
            one[d].value.f = t == GPUPROC_FLOAT32 ? -0x1p-149 : -0x1.23456789abcdep-1030;
            two[d].value.f = t == GPUPROC_FLOAT32 ? -0x1.2p-140 : INFINITY;
        } else if (kind == GP_KIND_INT) {
            one[d].value.i = -(int64_t)(top - 1) - 1;
            two[d].value.i = -3;
        } else {
            one[d].value.u = kind == GP_KIND_BOOL ? 1 : top;
            two[d].value.u = kind == GP_KIND_BOOL ? 0 : 2 * top - 1;
        }
        const int p = gp_ir_const(&h.program, one[d]);
        /* A uniform: some node whose value comes from outside. */
        const int q = gp_ir_op(&h.program, GP_OP_CAST, t, gp_ir_const(&h.program, two[d]), -1, -1);
        uniform[h.pass.uniforms] = two[d].value.u;
        hand_uniform(&h, q);
        hand_output(&h, gp_ir_op(&h.program, GP_OP_WHERE, t, c, p, q));
        hand_output(&h, p);
        hand_output(&h, q);
        for (int j = 0; j < 3; j++, k++) output[k] = out[k];
    }
    clrun_job job = {.pass = &h.pass, .count = N, .groups = 2, .input = (const void *[]){cond},
                     .input_bytes = (size_t[]){N}, .output = output, .uniform = uniform};
    clrun_pass(&run, &job);
    k = 0;
    for (size_t d = 0; d < ALL; d++) {
        const gp_dtype t = all_dtypes[d];
        if (t == GPUPROC_FLOAT64 && !run.caps.fp64) continue;
        for (size_t i = 0; i < N; i++) {
            const uint64_t want_where = cond[i] != 0 ? one[d].value.u : two[d].value.u;
            assert_int_equal(oracle_load(t, out[k], i).value.u, want_where);
            assert_int_equal(oracle_load(t, out[k + 1], i).value.u, one[d].value.u);
            assert_int_equal(oracle_load(t, out[k + 2], i).value.u, two[d].value.u);
        }
        k += 3;
    }
    hand_free(&h);
}

/* Resident operands: a scalar, a row, a column, a middle axis, a Fortran one, the whole; for
 * a chunk in the middle of the pass. */
static void resident_operands(void **state)
{
    (void)state;
    static hand_pass h;
    enum { A = 7, B = 30, C = 23, ALL_OF_IT = A * B * C, FIRST = 1024, N = 2048 + 5 };
    static int32_t scalar[1] = {77}, row[C], column[A], middle[B], fortran[ALL_OF_IT], whole[ALL_OF_IT];
    static int32_t out[6][N];
    for (int i = 0; i < ALL_OF_IT; i++) {
        fortran[i] = i * 3;
        whole[i] = i * 5;
    }
    for (int i = 0; i < C; i++) row[i] = 1000 + i;
    for (int i = 0; i < A; i++) column[i] = 2000 + i;
    for (int i = 0; i < B; i++) middle[i] = 3000 + i;
    hand_init(&h, 3, (int64_t[]){A, B, C});
    const int node[6] = {
        hand_resident(&h, GPUPROC_INT32, 0, NULL, false),
        hand_resident(&h, GPUPROC_INT32, 1, (int64_t[]){C}, false),
        hand_resident(&h, GPUPROC_INT32, 3, (int64_t[]){A, 1, 1}, false),
        hand_resident(&h, GPUPROC_INT32, 2, (int64_t[]){B, 1}, false),
        hand_resident(&h, GPUPROC_INT32, 3, (int64_t[]){A, B, C}, true),
        hand_resident(&h, GPUPROC_INT32, 3, (int64_t[]){A, B, C}, false),
    };
    void *output[6];
    for (int k = 0; k < 6; k++) {
        hand_output(&h, node[k]);
        output[k] = out[k];
    }
    clrun_job job = {.pass = &h.pass, .first = FIRST, .count = N, .groups = 2,
                     .input = (const void *[]){scalar, row, column, middle, fortran, whole},
                     .input_bytes = (size_t[]){4, sizeof row, sizeof column, sizeof middle,
                                               sizeof fortran, sizeof whole},
                     .output = output};
    clrun_pass(&run, &job);
    for (int i = 0; i < N; i++) {
        const int e = FIRST + i, a = e / (B * C), b = e / C % B, c = e % C;
        assert_int_equal(out[0][i], 77);
        assert_int_equal(out[1][i], row[c]);
        assert_int_equal(out[2][i], column[a]);
        assert_int_equal(out[3][i], middle[b]);
        assert_int_equal(out[4][i], fortran[a + A * b + A * B * c]);
        assert_int_equal(out[5][i], whole[e]);
    }
    hand_free(&h);
}

/* Borders: fewer and more elements than work-items, blocks and groups have. */
static void sizes(void **state)
{
    (void)state;
    static hand_pass h;
    static float x[5000], out[5000];
    static const size_t size[] = {0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 4999};
    hand_init(&h, 1, (int64_t[]){5000});
    const int node = hand_input(&h, GPUPROC_FLOAT32);
    hand_output(&h, gp_ir_op(&h.program, GP_OP_NEG, GPUPROC_FLOAT32, node, -1, -1));
    for (int i = 0; i < 5000; i++) x[i] = (float)i + 0.5f;
    for (size_t k = 0; k < sizeof size / sizeof size[0]; k++) {
        memset(out, 0, sizeof out);
        clrun_job job = {.pass = &h.pass, .count = size[k], .groups = 2,
                         .input = (const void *[]){x}, .input_bytes = (size_t[]){size[k] * 4},
                         .output = (void *[]){out}};
        clrun_pass(&run, &job);
        for (size_t i = 0; i < size[k]; i++) assert_true(out[i] == -x[i]);
    }
    hand_free(&h);
}

/* The text for other kinds of device gives the same. */
static void other_capabilities(void **state)
{
    (void)state;
    if (!run.caps.fp64) skip();
    const gp_cl_caps own = run.caps;
    run.caps.is_cpu = !own.is_cpu;
    run.caps.correctly_rounded_divide_sqrt = false;
    every_operation(GPUPROC_FLOAT32);
    run.caps = own;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_dtype),        cmocka_unit_test(where_constants_uniforms),
        cmocka_unit_test(resident_operands), cmocka_unit_test(sizes),
        cmocka_unit_test(other_capabilities),
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
