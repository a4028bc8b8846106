/* The generated text itself: byte for byte as in tests/golden/, and what a device must have.
 * Needs no device. GPUPROC_WRITE_GOLDEN=1 writes the files anew. */
#include "passes.h"

#include "emit/cl_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const gp_cl_caps gpu = {.fp64 = true, .correctly_rounded_divide_sqrt = true,
                               .denormals_f32 = true};
static const gp_cl_caps cpu = {.fp64 = true, .denormals_f32 = true, .is_cpu = true};

static void compare(const char *name, const gp_pass *pass, const gp_cl_caps *caps)
{
    gp_cl_source source, again;
    gpuproc_error err = {0};
    assert_int_equal(gp_cl_source_make(pass, caps, &source, &err), GPUPROC_OK);
    assert_int_equal(gp_cl_source_make(pass, caps, &again, &err), GPUPROC_OK);
    assert_int_equal(source.length, strlen(source.text));
    assert_string_equal(source.text, again.text);
    const char *own = strstr(source.text, "/* The pass. */");
    assert_non_null(own);

    const char *tests = getenv("GPUPROC_TEST_SOURCE");
    char path[1024], want[16384];
    snprintf(path, sizeof path, "%s/golden/%s.cl.txt", tests != NULL ? tests : ".", name);
    if (getenv("GPUPROC_WRITE_GOLDEN") != NULL) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fprintf(out, "%s\n%s", source.options, own);
        fclose(out);
    }
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("%s is missing", path);
    const size_t n = fread(want, 1, sizeof want - 1, file);
    fclose(file);
    want[n] = 0;
    const size_t options = strlen(source.options);
    assert_memory_equal(want, source.options, options);
    assert_string_equal(want + options + 1, own);
    gp_cl_source_free(&source);
    gp_cl_source_free(&again);
}

/* sqrt(u*u + v*v) / 3 */
static void make_map(hand_pass *h)
{
    hand_init(h, 1, (int64_t[]){5000});
    const gp_dtype t = GPUPROC_FLOAT32;
    const int u = hand_input(h, t), v = hand_input(h, t);
    const int uu = gp_ir_op(&h->program, GP_OP_MUL, t, u, u, -1);
    const int vv = gp_ir_op(&h->program, GP_OP_MUL, t, v, v, -1);
    const int sum = gp_ir_op(&h->program, GP_OP_ADD, t, uu, vv, -1);
    const int root = gp_ir_op(&h->program, GP_OP_SQRT, t, sum, -1, -1);
    const int three = gp_ir_const(&h->program, (gpuproc_scalar){.dtype = t, .value.f = 3.0});
    hand_output(h, gp_ir_op(&h->program, GP_OP_DIV, t, root, three, -1));
}

static void map(void **state)
{
    (void)state;
    static hand_pass h;
    make_map(&h);
    compare("cl_map_gpu", &h.pass, &gpu);
    compare("cl_map_cpu", &h.pass, &cpu);
    hand_free(&h);
}

/* Broadcast operands, a uniform, an integer division: x[:, None] // row + uniform. */
static void walked(void **state)
{
    (void)state;
    static hand_pass h;
    hand_init(&h, 2, (int64_t[]){300, 40});
    const gp_dtype t = GPUPROC_INT32;
    const int column = hand_resident(&h, t, 2, (int64_t[]){300, 1}, false);
    const int row = hand_resident(&h, t, 1, (int64_t[]){40}, false);
    const int scalar = hand_resident(&h, t, 0, NULL, false);
    const int one = gp_ir_const(&h.program, (gpuproc_scalar){.dtype = t, .value.i = -1});
    const int uniform = gp_ir_op(&h.program, GP_OP_NEG, t, one, -1, -1);
    hand_uniform(&h, uniform);
    const int q = gp_ir_op(&h.program, GP_OP_FLOORDIV, t, column, row, -1);
    const int sum = gp_ir_op(&h.program, GP_OP_ADD, t, q, uniform, -1);
    hand_output(&h, gp_ir_op(&h.program, GP_OP_MUL, t, sum, scalar, -1));
    compare("cl_walked", &h.pass, &gpu);
    hand_free(&h);
}

/* A reversed slice, index numbers, a table, float16: take(t, index) + x[::-1] * h. */
static void sliced(void **state)
{
    (void)state;
    static hand_pass h;
    hand_init(&h, 2, (int64_t[]){300, 40});
    const gp_dtype t = GPUPROC_FLOAT32;
    const int slice = hand_walked(&h, t, 12000, 11999, (int64_t[]){-40, -1});
    const int table = hand_table(&h, t, 77), half = hand_input(&h, GPUPROC_FLOAT16);
    const int index = hand_index(&h, -3, (int64_t[]){0, 2});
    const int taken = gp_ir_op(&h.program, GP_OP_TAKE, t, table, index, -1);
    const int wide = gp_ir_op(&h.program, GP_OP_CAST, t, half, -1, -1);
    const int product = gp_ir_op(&h.program, GP_OP_MUL, t, slice, wide, -1);
    hand_output(&h, gp_ir_op(&h.program, GP_OP_ADD, t, taken, product, -1));
    compare("cl_sliced", &h.pass, &gpu);
    hand_free(&h);
}

/* mean, var, min, argmax of x, count of x > 0, and x > 0 itself. */
static void make_reduce(hand_pass *h)
{
    hand_init(h, 1, (int64_t[]){5000});
    const int x = hand_input(h, GPUPROC_FLOAT32);
    const int zero = gp_ir_const(&h->program, (gpuproc_scalar){.dtype = GPUPROC_FLOAT32});
    const int positive = gp_ir_op(&h->program, GP_OP_GT, GPUPROC_BOOL, x, zero, -1);
    const int whole = gp_ir_op(&h->program, GP_OP_CAST, GPUPROC_INT64, positive, -1, -1);
    hand_reduce(h, GP_REDUCE_SUM, x);
    hand_reduce(h, GP_REDUCE_MOMENTS, x);
    hand_reduce(h, GP_REDUCE_MIN, x);
    hand_reduce(h, GP_REDUCE_ARGMAX, x);
    hand_reduce(h, GP_REDUCE_COUNT, positive);
    hand_reduce(h, GP_REDUCE_SUM, whole);
    hand_output(h, positive);
}

static void reduce(void **state)
{
    (void)state;
    static hand_pass h;
    make_reduce(&h);
    compare("cl_reduce", &h.pass, &gpu);
    hand_free(&h);
}

static void refused(const gp_pass *pass, gp_cl_caps caps, const char *part)
{
    gp_cl_source source;
    gpuproc_error err = {0};
    assert_int_equal(gp_cl_source_make(pass, &caps, &source, &err), GPUPROC_DEVICE_UNSUPPORTED);
    assert_null(source.text);
    if (strstr(err.message, part) == NULL) fail_msg("'%s' lacks '%s'", err.message, part);
}

static void what_a_device_lacks(void **state)
{
    (void)state;
    static hand_pass h;
    gp_cl_source source;
    make_map(&h);
    refused(&h.pass, (gp_cl_caps){.denormals_f32 = true}, "division");
    refused(&h.pass, (gp_cl_caps){.correctly_rounded_divide_sqrt = true, .fp64 = true}, "denormals");
    /* No float64, and none needed. */
    const gp_cl_caps narrow = {.correctly_rounded_divide_sqrt = true, .denormals_f32 = true};
    assert_int_equal(gp_cl_source_make(&h.pass, &narrow, &source, NULL), GPUPROC_OK);
    assert_non_null(strstr(source.text, "#define GP_NO_FP64"));
    assert_string_equal(source.kernel, "gp_map");
    assert_int_equal(source.local_size, 64);
    gp_cl_source_free(&source);
    hand_free(&h);

    make_reduce(&h);
    refused(&h.pass, narrow, "float64");
    hand_free(&h);

    /* A normal quantile is made of float64; random bits are not. */
    hand_init(&h, 1, (int64_t[]){5000});
    const int bits = hand_input(&h, GPUPROC_UINT64);
    hand_output(&h, gp_ir_op(&h.program, GP_OP_RANDBITS, GPUPROC_UINT64, bits, bits, -1));
    assert_int_equal(gp_cl_source_make(&h.pass, &narrow, &source, NULL), GPUPROC_OK);
    gp_cl_source_free(&source);
    hand_output(&h, gp_ir_op(&h.program, GP_OP_NORMAL, GPUPROC_FLOAT64, bits, -1, -1));
    refused(&h.pass, narrow, "float64");
    hand_free(&h);

    /* More operations than a compiler gets through in a moment. */
    hand_init(&h, 1, (int64_t[]){5000});
    int chain = hand_input(&h, GPUPROC_INT32);
    for (int k = 0; k < 2001; k++) {
        if (k == 2000) {
            hand_output(&h, chain);
            assert_int_equal(gp_cl_source_make(&h.pass, &gpu, &source, NULL), GPUPROC_OK);
            gp_cl_source_free(&source);
        }
        chain = gp_ir_op(&h.program, GP_OP_NEG, GPUPROC_INT32, chain, -1, -1);
    }
    h.output[0].node = chain;
    refused(&h.pass, gpu, "2000 operations");
    hand_free(&h);

    /* More exact sums than local memory holds. */
    hand_init(&h, 1, (int64_t[]){5000});
    const int x = hand_input(&h, GPUPROC_FLOAT32);
    for (int k = 0; k < 70; k++) hand_reduce(&h, GP_REDUCE_SUM, x);
    refused(&h.pass, gpu, "local memory");
    hand_free(&h);
}

/* A node that nothing gives is our own fault, not the device's. */
static void missing_uniform(void **state)
{
    (void)state;
    static hand_pass h;
    gp_cl_source source;
    gpuproc_error err = {0};
    hand_init(&h, 1, (int64_t[]){10});
    const int x = hand_input(&h, GPUPROC_INT64);
    const int sum = gp_ir_reduce(&h.program, GP_OP_SUM, GPUPROC_INT64, x, 0);
    hand_output(&h, gp_ir_op(&h.program, GP_OP_ADD, GPUPROC_INT64, x, sum, -1));
    assert_int_equal(gp_cl_source_make(&h.pass, &gpu, &source, &err), GPUPROC_INTERNAL);
    hand_uniform(&h, sum);
    assert_int_equal(gp_cl_source_make(&h.pass, &gpu, &source, &err), GPUPROC_OK);
    gp_cl_source_free(&source);
    hand_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map),    cmocka_unit_test(walked),
        cmocka_unit_test(sliced),
        cmocka_unit_test(reduce), cmocka_unit_test(what_a_device_lacks),
        cmocka_unit_test(missing_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
