/* Dtypes against NumPy's promotion; shapes, broadcasting, strides. */
#include "array/dtype.h"
#include "array/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Dtypes ---- */

static gp_dtype dtype_of(const char *code)
{
    gp_dtype d;
    if (gpuproc_dtype_parse(code, &d, NULL, NULL) != GPUPROC_OK) fail_msg("no dtype '%s'", code);
    return d;
}

static void promotion(void **state)
{
    (void)state;
    char path[512], line[512];
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/golden/promotion.txt", source != NULL ? source : "..");
    FILE *f = fopen(path, "r");
    if (f == NULL) fail_msg("cannot open %s", path);
    int rows = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        if (line[0] == '#') continue;
        char *save = NULL, *word = strtok_r(line, " \n", &save);
        gp_dtype left = dtype_of(word);
        assert_int_equal(left, rows++);
        for (int right = 0; right < GP_DTYPE_COUNT; right++) {
            word = strtok_r(NULL, " \n", &save);
            assert_non_null(word);
            const char *got = gp_dtype_code(gp_dtype_promote(left, (gp_dtype)right));
            if (strcmp(got, word) != 0)
                fail_msg("%s with %s: %s, NumPy has %s", gp_dtype_code(left),
                         gp_dtype_code((gp_dtype)right), got, word);
        }
    }
    fclose(f);
    assert_int_equal(rows, GP_DTYPE_COUNT);
}

static void names(void **state)
{
    (void)state;
    static const int pinned[] = {GPUPROC_BOOL, GPUPROC_INT8, GPUPROC_INT16, GPUPROC_INT32, GPUPROC_INT64,
                                 GPUPROC_UINT8, GPUPROC_UINT16, GPUPROC_UINT32, GPUPROC_UINT64, GPUPROC_FLOAT16,
                                 GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_COMPLEX64, GPUPROC_COMPLEX128};
    for (int i = 0; i < GP_DTYPE_COUNT; i++) {
        gp_dtype d;
        char text[32];
        bool big;
        size_t bytes = gpuproc_dtype_bytes((gp_dtype)i);
        assert_int_equal(pinned[i], i);
        assert_int_equal(dtype_of(gpuproc_dtype_name((gp_dtype)i)), i);
        assert_int_equal(atoi(gp_dtype_code((gp_dtype)i) + 1), bytes);
        for (const char *order = "<>=|"; *order != '\0'; order++) {
            snprintf(text, sizeof text, "%c%s", *order, gp_dtype_code((gp_dtype)i));
            assert_int_equal(gpuproc_dtype_parse(text, &d, &big, NULL), GPUPROC_OK);
            assert_int_equal(d, i);
            assert_int_equal(big, *order == '>' && bytes > 1);
        }
    }
    static const char *const bad[] = {"", "f", "f3", "float", "<", "<<f4", "f4 ", " f4", "F4", "f44", "i16", "O",
                                      "M8", "float32x", ">bool8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        gp_dtype d = GPUPROC_INT8;
        gpuproc_error err;
        assert_int_equal(gpuproc_dtype_parse(bad[i], &d, NULL, &err), GPUPROC_BAD_DTYPE);
        assert_int_equal(err.status, GPUPROC_BAD_DTYPE);
        assert_int_equal(d, GPUPROC_INT8);
    }
    assert_string_equal(gpuproc_dtype_name((gp_dtype)14), "?");
    assert_string_equal(gpuproc_dtype_name((gp_dtype)-1), "?");
    assert_int_equal(gpuproc_dtype_bytes((gp_dtype)14), 0);
}

/* ---- Shapes ---- */

static gp_shape shape_of(int ndim, ...)
{
    gp_shape s = {.ndim = ndim};
    va_list ap;
    va_start(ap, ndim);
    for (int d = 0; d < ndim; d++) s.dim[d] = va_arg(ap, int);
    va_end(ap);
    return s;
}

static void counts(void **state)
{
    (void)state;
    uint64_t n = 0;
    gpuproc_error err;
    gp_shape s = shape_of(0);
    assert_true(gp_shape_count(&s, 8, &n, &err) == GPUPROC_OK && n == 1 && gp_shape_size(&s) == 1);
    s = shape_of(3, 2, 3, 4);
    assert_true(gp_shape_count(&s, 8, &n, &err) == GPUPROC_OK && n == 24 && gp_shape_size(&s) == 24);
    s = shape_of(2, 0, 3);
    s.dim[1] = INT64_MAX;
    assert_true(gp_shape_count(&s, 8, &n, &err) == GPUPROC_OK && n == 0 && gp_shape_size(&s) == 0);
    /* Empty, however far the others overflow, on either side of the zero. */
    s = shape_of(3, 1, 0, 1);
    s.dim[0] = s.dim[2] = INT64_MAX;
    assert_true(gp_shape_count(&s, 8, &n, &err) == GPUPROC_OK && n == 0);
    int64_t stride[GPUPROC_MAX_NDIM];
    gp_shape_strides(&s, false, stride); /* for the sanitizer */
    gp_shape_strides(&s, true, stride);

    s = shape_of(1, 0);
    s.dim[0] = INT64_MAX;
    assert_true(gp_shape_count(&s, 1, &n, &err) == GPUPROC_OK && n == INT64_MAX);
    n = 5;
    assert_int_equal(gp_shape_count(&s, 2, &n, &err), GPUPROC_BAD_SHAPE);
    s.dim[0] = INT64_MAX / 8 + 1;
    assert_int_equal(gp_shape_count(&s, 8, &n, &err), GPUPROC_BAD_SHAPE);
    s = shape_of(3, 1 << 30, 1 << 30, 1 << 30);
    assert_int_equal(gp_shape_count(&s, 1, &n, &err), GPUPROC_BAD_SHAPE);
    assert_non_null(strstr(err.message, "(1073741824, 1073741824, 1073741824)"));
    s = shape_of(2, 3, -1);
    assert_int_equal(gp_shape_count(&s, 1, &n, &err), GPUPROC_BAD_SHAPE);
    s = shape_of(2, 0, -1); /* a zero hides no negative length */
    assert_int_equal(gp_shape_count(&s, 1, &n, &err), GPUPROC_BAD_SHAPE);
    s.ndim = GPUPROC_MAX_NDIM + 1;
    assert_int_equal(gp_shape_count(&s, 1, &n, &err), GPUPROC_BAD_SHAPE);
    s.ndim = -1;
    assert_int_equal(gp_shape_count(&s, 1, &n, &err), GPUPROC_BAD_SHAPE);
    assert_int_equal(n, 5); /* written on success only */
}

static void check_broadcast(gp_shape a, gp_shape b, gp_shape want)
{
    gp_shape got;
    assert_int_equal(gp_shape_broadcast(&a, &b, &got, NULL), GPUPROC_OK);
    assert_true(gp_shape_equal(&got, &want));
    assert_int_equal(gp_shape_broadcast(&b, &a, &got, NULL), GPUPROC_OK);
    assert_true(gp_shape_equal(&got, &want));
    assert_int_equal(gp_shape_broadcast(&a, &b, &a, NULL), GPUPROC_OK); /* in place */
    assert_true(gp_shape_equal(&a, &want));
}

static void broadcasting(void **state)
{
    (void)state;
    check_broadcast(shape_of(0), shape_of(0), shape_of(0));
    check_broadcast(shape_of(0), shape_of(2, 3, 4), shape_of(2, 3, 4));
    check_broadcast(shape_of(1, 4), shape_of(2, 3, 4), shape_of(2, 3, 4));
    check_broadcast(shape_of(2, 3, 1), shape_of(1, 4), shape_of(2, 3, 4));
    check_broadcast(shape_of(3, 8, 1, 6), shape_of(2, 7, 1), shape_of(3, 8, 7, 6));
    check_broadcast(shape_of(1, 1), shape_of(1, 0), shape_of(1, 0));
    check_broadcast(shape_of(2, 0, 1), shape_of(2, 1, 5), shape_of(2, 0, 5));
    gp_shape deep = {.ndim = GPUPROC_MAX_NDIM}, one = shape_of(1, 5), want;
    for (int d = 0; d < GPUPROC_MAX_NDIM; d++) deep.dim[d] = 1;
    deep.dim[0] = 2;
    want = deep;
    want.dim[GPUPROC_MAX_NDIM - 1] = 5;
    check_broadcast(deep, one, want);

    static const int bad[][2] = {{3, 4}, {0, 2}, {2, 0}};
    for (size_t i = 0; i < 3; i++) {
        gp_shape a = shape_of(2, 7, bad[i][0]), b = shape_of(1, bad[i][1]), out = shape_of(1, 9);
        gpuproc_error err;
        assert_int_equal(gp_shape_broadcast(&a, &b, &out, &err), GPUPROC_SHAPE);
        assert_true(out.ndim == 1 && out.dim[0] == 9);
        assert_int_equal(err.status, GPUPROC_SHAPE);
    }
    gp_shape a = shape_of(2, 3, 4), b = shape_of(1, 3), out;
    gpuproc_error err;
    (void)!gp_shape_broadcast(&a, &b, &out, &err);
    assert_string_equal(err.message, "shapes (3, 4) and (3,) do not broadcast");
}

static void strides(void **state)
{
    (void)state;
    gp_shape s = shape_of(3, 2, 3, 4), to = shape_of(4, 5, 2, 3, 4), row = shape_of(2, 3, 1);
    int64_t t[GPUPROC_MAX_NDIM];
    gp_shape_strides(&s, false, t);
    assert_true(t[0] == 12 && t[1] == 4 && t[2] == 1);
    gp_shape_strides(&s, true, t);
    assert_true(t[0] == 1 && t[1] == 2 && t[2] == 6);
    gp_shape_broadcast_strides(&s, false, &to, t);
    assert_true(t[0] == 0 && t[1] == 12 && t[2] == 4 && t[3] == 1);
    gp_shape_broadcast_strides(&s, true, &to, t);
    assert_true(t[0] == 0 && t[1] == 1 && t[2] == 2 && t[3] == 6);
    gp_shape_broadcast_strides(&row, false, &to, t);
    assert_true(t[0] == 0 && t[1] == 0 && t[2] == 1 && t[3] == 0);
}

static void texts(void **state)
{
    (void)state;
    char buf[256];
    gp_shape s = shape_of(0);
    assert_string_equal(gp_shape_text(&s, buf, sizeof buf), "()");
    s = shape_of(1, 5);
    assert_string_equal(gp_shape_text(&s, buf, sizeof buf), "(5,)");
    s = shape_of(2, 3, 4);
    assert_string_equal(gp_shape_text(&s, buf, sizeof buf), "(3, 4)");
    s = (gp_shape){.ndim = GPUPROC_MAX_NDIM};
    for (int d = 0; d < s.ndim; d++) s.dim[d] = INT64_MAX;
    for (size_t size = 1; size < 40; size++) {
        memset(buf, 'Z', sizeof buf);
        gp_shape_text(&s, buf, size);
        assert_true(strlen(buf) < size);
        assert_int_equal(buf[size], 'Z');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promotion), cmocka_unit_test(names),   cmocka_unit_test(counts),
        cmocka_unit_test(broadcasting), cmocka_unit_test(strides), cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
