/* Matrices: dtypes and shapes as real NumPy gives them (tests/golden/lang_matrix.txt, made by make_lang_matrix.py), and
 * what products are made of. */
#include "lang/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAIRS = 12 };

static const char *const pairs[PAIRS][2] = {{"b1", "b1"}, {"i1", "u1"}, {"i4", "i4"}, {"u8", "i8"}, {"f2", "f2"},   {"f2", "f4"},
                                            {"f4", "i4"}, {"f4", "f4"}, {"f8", "f4"}, {"c8", "f4"}, {"f8", "c8"}, {"c16", "c16"}};

/* "(2,3)" */
static gp_shape shape_of(const char *text)
{
    gp_shape shape = {0};
    for (const char *c = text + 1; *c != ')' && *c != '\0';) {
        char *end;
        shape.dim[shape.ndim++] = strtoll(c, &end, 10);
        c = *end == ',' ? end + 1 : end;
    }
    return shape;
}

/* "f4:(2,3)+i8:()", or "E" with the error in err. */
static void compiled(const char *text, const gp_input *inputs, gp_text *out, gpuproc_error *err)
{
    gp_program program = {0};
    if (gp_compile(text, inputs, 2, &program, err) != GPUPROC_OK) {
        gp_text_add(out, "E");
        return;
    }
    for (size_t i = 0; i < program.results; i++) {
        const gp_node *n = &program.node[program.result[i].node];
        gp_text_add(out, "%s%s:(", i > 0 ? "+" : "", gp_dtype_code(n->dtype));
        for (int d = 0; d < n->shape.ndim; d++) gp_text_add(out, "%s%lld", d > 0 ? "," : "", (long long)n->shape.dim[d]);
        gp_text_add(out, n->shape.ndim == 1 ? ",)" : ")");
    }
    gp_program_free(&program);
}

static int check(const char *text, const gp_input *inputs, const char *expected)
{
    gpuproc_error err = {0};
    gp_text got = {0};
    compiled(text, inputs, &got, &err);
    assert_non_null(got.data);
    bool ok = strcmp(got.data, expected) == 0;
    /* What cannot be done says so, at a place of the text. */
    if (strcmp(got.data, "E") == 0) {
        bool placed = err.line == 1 && err.column >= 1 && err.message[0] != '\0' && err.status != GPUPROC_INTERNAL;
        ok = placed && (ok || err.status == GPUPROC_UNSUPPORTED ||
                        strstr(text, "pinv") != NULL); /* of nothing in float16 */
    }
    if (!ok) {
        char x[128], y[128];
        printf("%s with x %s %s, y %s %s: expected %s, got %s %s\n", text, gpuproc_dtype_name(inputs[0].dtype),
               gp_shape_text(&inputs[0].shape, x, sizeof x), gpuproc_dtype_name(inputs[1].dtype),
               gp_shape_text(&inputs[1].shape, y, sizeof y), expected, got.data, err.message);
    }
    gp_text_free(&got);
    return !ok;
}

static int check_line(char *line, int *checked)
{
    char *save = NULL, *x = strtok_r(line, "|", &save), *y = strtok_r(NULL, "|", &save), *text = strtok_r(NULL, "|", &save);
    gp_input inputs[2] = {{.name = "x", .shape = shape_of(x)}, {.name = "y", .shape = shape_of(y)}};
    int failures = 0, column = 0;
    for (char *expected = strtok_r(NULL, " \n", &save); expected != NULL; expected = strtok_r(NULL, " \n", &save)) {
        assert_true(column < PAIRS);
        for (int k = 0; k < 2; k++) assert_int_equal(gpuproc_dtype_parse(pairs[column][k], &inputs[k].dtype, NULL, NULL), GPUPROC_OK);
        column++;
        failures += check(text, inputs, expected);
        ++*checked;
    }
    assert_int_equal(column, PAIRS);
    return failures;
}

static void as_numpy(void **state)
{
    (void)state;
    char path[4096], line[4096];
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/golden/lang_matrix.txt", source);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int failures = 0, checked = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#') failures += check_line(line, &checked);
    }
    fclose(file);
    printf("%d checked\n", checked);
    assert_int_equal(failures, 0);
    assert_true(checked > 10000);
}

static void lists(const char *text, const char *expected)
{
    const gp_input inputs[4] = {{.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {2, {9, 4}}},
                                {.name = "y", .dtype = GPUPROC_FLOAT16, .shape = {2, {4, 5}}},
                                {.name = "z", .dtype = GPUPROC_COMPLEX64, .shape = {2, {4, 9}}},
                                {.name = "v", .dtype = GPUPROC_INT32, .shape = {1, {4}}}};
    gp_program program = {0};
    gpuproc_error err = {0};
    gp_text out = {0};
    if (gp_compile(text, inputs, 4, &program, &err) != GPUPROC_OK) fail_msg("%s: %s", text, err.message);
    gp_program_print(&program, &out);
    assert_non_null(out.data);
    assert_string_equal(strstr(out.data, "%"), expected);
    gp_text_free(&out);
    gp_program_free(&program);
}

/* Nothing is copied that lies in storage; what is computed is stored once; x.T @ x reads x once. */
static void made_of(void **state)
{
    (void)state;
    lists("x @ y", "%0 = input float32 (9, 4) x\n"
                   "%1 = input float16 (4, 5) y\n"
                   "%2 = matmul float32 (9, 5) %0 %1\n"
                   "value 'x @ y' = %2\n");
    lists("y.T @ y", "%0 = input float16 (4, 5) y\n"
                     "%1 = view float16 (5, 4) %0 from 0 by (1, 5)\n"
                     "%2 = matmul float32 (5, 5) %1 %0\n"
                     "%3 = cast float16 (5, 5) %2\n"
                     "value 'y.T @ y' = %3\n");
    lists("(x + 1).T @ (x + 1)", "%0 = input float32 (9, 4) x\n"
                                 "%1 = const float32 () 1.0\n"
                                 "%2 = add float32 (9, 4) %0 %1\n"
                                 "%3 = gram float32 (4, 4) %2\n"
                                 "value '(x + 1).T @ (x + 1)' = %3\n");
    lists("conj(z).T @ z", "%0 = input complex64 (4, 9) z\n"
                           "%1 = view complex64 (9, 4) %0 from 0 by (1, 9)\n"
                           "%2 = matmul complex64 (9, 9) %1 %0 size=1\n"
                           "value 'conj(z).T @ z' = %2\n");
    lists("x @ v", "%0 = input float32 (9, 4) x\n"
                   "%1 = input int32 (4,) v\n"
                   "%2 = view int32 (4, 1) %1 from 0 by (1, 0)\n"
                   "%3 = matmul float64 (9,) %0 %2\n"
                   "value 'x @ v' = %3\n");
}

/* A product with an axis left out is not the one that has it. */
static void kept_apart(void **state)
{
    (void)state;
    const gp_input inputs[2] = {{.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {2, {4, 5}}},
                                {.name = "y", .dtype = GPUPROC_FLOAT32, .shape = {1, {4}}}};
    gp_text got = {0};
    gpuproc_error err = {0};
    compiled("y @ x; y[None] @ x; y @ x[:, :1]; y[None] @ x[:, :1]", inputs, &got, &err);
    assert_string_equal(got.data, "f4:(5,)+f4:(1,5)+f4:(1,)+f4:(1,1)");
    gp_text_free(&got);
}

/* '@' binds as '*' does, from the left. */
static void precedence(void **state)
{
    (void)state;
    lists("x @ y * 2", "%0 = input float32 (9, 4) x\n"
                       "%1 = input float16 (4, 5) y\n"
                       "%2 = matmul float32 (9, 5) %0 %1\n"
                       "%3 = const float32 () 2.0\n"
                       "%4 = mul float32 (9, 5) %2 %3\n"
                       "value 'x @ y * 2' = %4\n");
    lists("-x @ y", "%0 = input float32 (9, 4) x\n"
                    "%1 = neg float32 (9, 4) %0\n"
                    "%2 = input float16 (4, 5) y\n"
                    "%3 = store float32 (9, 4) %1\n"
                    "%4 = matmul float32 (9, 5) %3 %2\n"
                    "value '-x @ y' = %4\n");
}

static void refuses(const char *text, gpuproc_status status, const char *message)
{
    const gp_input inputs[3] = {{.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {2, {3, 4}}},
                                {.name = "y", .dtype = GPUPROC_FLOAT32, .shape = {2, {5, 6}}},
                                {.name = "t", .dtype = GPUPROC_FLOAT64, .shape = {2, {1 << 20, 64}}}};
    gp_program program = {0};
    gpuproc_error err = {0};
    assert_int_equal(gp_compile(text, inputs, 3, &program, &err), status);
    if (strstr(err.message, message) == NULL) fail_msg("%s: %s", text, err.message);
}

static void refusals(void **state)
{
    (void)state;
    refuses("x @ y", GPUPROC_SHAPE, "matmul: shapes (3, 4) and (5, 6) do not fit: 4 is not 5");
    refuses("dot(x, y)", GPUPROC_SHAPE, "shapes (3, 4) and (5, 6) not aligned: 4 (dim 1) != 5 (dim 0)");
    refuses("x @ 2", GPUPROC_VALUE, "operand 2 is a single number");
    refuses("x[x > 0] @ x", GPUPROC_UNSUPPORTED, "x[mask]");
    refuses("unique(x) @ x", GPUPROC_SHAPE, "do not fit");
    refuses("einsum('ij,jk', x)", GPUPROC_VALUE, "found subscripts for more");
    refuses("einsum('ijk', x)", GPUPROC_VALUE, "3 subscripts, found an array of 2 dimensions");
    refuses("einsum('ij->ik', x)", GPUPROC_VALUE, "in none of the arrays");
    refuses("linalg.inv(x)", GPUPROC_VALUE, "must be square");
    refuses("linalg.inv(float16(x[:, :3]))", GPUPROC_TYPE, "float16 is unsupported in linalg");
    refuses("linalg.svd(t)", GPUPROC_UNSUPPORTED, "8.19e+03 GiB");
    refuses("linalg.solve(x[:, :3], y)", GPUPROC_SHAPE, "a has 3 rows, b 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy), cmocka_unit_test(made_of), cmocka_unit_test(kept_apart),
                                       cmocka_unit_test(precedence), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
