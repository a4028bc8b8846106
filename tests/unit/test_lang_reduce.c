/* Dtypes and shapes of reductions, statistics, order statistics and scans as real NumPy gives them:
 * tests/golden/lang_reduce.txt, made by make_lang_reduce.py; and what they are made of. */
#include "lang/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DTYPES = 12, INPUTS = 4, X = 0, Y, W, M };

static const gp_dtype dtypes[DTYPES] = {GPUPROC_BOOL,   GPUPROC_INT8,    GPUPROC_INT32,   GPUPROC_INT64,   GPUPROC_UINT8,     GPUPROC_UINT32,
                                        GPUPROC_UINT64, GPUPROC_FLOAT16, GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_COMPLEX64, GPUPROC_COMPLEX128};

/* "f4:(3,4)", several joined by '+', or "E". */
static void compiled(const char *text, const gp_input *inputs, char *out, size_t size, gpuproc_error *err)
{
    gp_program program = {0};
    char shape[256];
    size_t used = 0;
    snprintf(out, size, "E");
    if (gp_compile(text, inputs, INPUTS, &program, err) != GPUPROC_OK) return;
    for (size_t i = 0; i < program.results; i++) {
        const gp_node *n = &program.node[program.result[i].node];
        used += (size_t)snprintf(out + used, size - used, "%s%s:", i > 0 ? "+" : "", gp_dtype_code(n->dtype));
        gp_shape_text(&n->shape, shape, sizeof shape);
        for (const char *c = n->growing ? "(?,)" : shape; *c != '\0' && used + 1 < size; c++) {
            if (*c != ' ') out[used++] = *c;
        }
        out[used] = '\0';
    }
    gp_program_free(&program);
}

/* What is refused on purpose: complex numbers where there is no order among them or no product yet, ... */
static bool may_refuse(const char *text, gp_dtype x, const gpuproc_error *err)
{
    if (err->status != GPUPROC_UNSUPPORTED) return false;
    if (gp_dtype_kind(x) == GP_KIND_COMPLEX || strstr(text, "complex") != NULL) return true;
    static const char *const names[] = {"unique", "bool", "prepend", "append"}; /* of float16; initial= of bools */
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (strstr(text, names[k]) != NULL) return true;
    }
    return false;
}

/* Complaints about one expression with one dtype; returns how many. */
static int check(const char *text, const gp_input *inputs, const char *expected, int *refused)
{
    gpuproc_error err = {0};
    char got[512];
    compiled(text, inputs, got, sizeof got, &err);
    bool ok = strcmp(got, expected) == 0;
    if (!ok && *got == 'E' && may_refuse(text, inputs[X].dtype, &err)) {
        ++*refused;
        return 0;
    }
    if (ok && *got == 'E') ok = ((err.status >= 200 && err.status < 300) || err.status == GPUPROC_UNSUPPORTED) && err.line == 1 && err.column >= 1;
    if (!ok) {
        char shape[256];
        printf("%s with x %s %s: expected %s, got %s %s\n", text, gpuproc_dtype_name(inputs[X].dtype),
               gp_shape_text(&inputs[X].shape, shape, sizeof shape), expected, got, err.message);
    }
    return !ok;
}

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

static int check_line(char *line, int *checked, int *refused)
{
    char *save = NULL, *shape = strtok_r(line, "|", &save), *text = save, *end = strrchr(save, '|');
    int failures = 0, column = 0;
    *end = '\0';
    gp_input inputs[INPUTS] = {{.name = "x"}, {.name = "y"}, {.name = "w", .dtype = GPUPROC_FLOAT32}, {.name = "m", .dtype = GPUPROC_BOOL}};
    for (int k = 0; k < INPUTS; k++) inputs[k].shape = shape_of(shape);
    for (char *expected = strtok_r(end + 1, " \n", &save); expected != NULL; expected = strtok_r(NULL, " \n", &save)) {
        assert_true(column < DTYPES);
        inputs[X].dtype = inputs[Y].dtype = dtypes[column++];
        failures += check(text, inputs, expected, refused);
        ++*checked;
    }
    assert_int_equal(column, DTYPES);
    return failures;
}

static void as_numpy(void **state)
{
    (void)state;
    char path[4096], line[2048];
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/golden/lang_reduce.txt", source);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int failures = 0, checked = 0, refused = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#') failures += check_line(line, &checked, &refused);
    }
    fclose(file);
    printf("%d checked, %d refused\n", checked, refused);
    assert_int_equal(failures, 0);
    assert_true(checked > 20000);
    assert_true(refused < checked / 8);
}

static void lists(const char *text, const char *expected)
{
    const gp_input inputs[INPUTS] = {{.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {2, {3, 5}}},
                                     {.name = "y", .dtype = GPUPROC_FLOAT64, .shape = {1, {8}}},
                                     {.name = "w", .dtype = GPUPROC_INT32, .shape = {1, {8}}},
                                     {.name = "m", .dtype = GPUPROC_BOOL, .shape = {1, {8}}}};
    gp_program program = {0};
    gpuproc_error err = {0};
    gp_text out = {0};
    if (gp_compile(text, inputs, INPUTS, &program, &err) != GPUPROC_OK) fail_msg("%s: %s", text, err.message);
    gp_program_print(&program, &out);
    assert_non_null(out.data);
    assert_string_equal(strstr(out.data, "%"), expected);
    gp_text_free(&out);
    gp_program_free(&program);
}

/* Windows cost one fold, masks one where, quantiles one fold; nothing is stored that need not be. */
static void made_of(void **state)
{
    (void)state;
    lists("x.sum(axis=0)", "%0 = input float32 (3, 5) x\n"
                           "%1 = sum float32 (5,) %0 axes=0x1\n"
                           "value 'x.sum(axis=0)' = %1\n");
    lists("sum(x, axis=(0, 1))", "%0 = input float32 (3, 5) x\n"
                                 "%1 = sum float32 () %0\n"
                                 "value 'sum(x, axis=(0, 1))' = %1\n");
    lists("sum(w, where=m)", "%0 = input int32 (8,) w\n"
                             "%1 = input bool (8,) m\n"
                             "%2 = const int32 () 0\n"
                             "%3 = where int32 (8,) %1 %0 %2\n"
                             "%4 = sum int64 () %3\n"
                             "value 'sum(w, where=m)' = %4\n");
    lists("sum(sliding_window_view(y, 3), axis=-1)", "%0 = input float64 (8,) y\n"
                                                     "%1 = winsum float64 (6,) %0 axes=0x1 size=3\n"
                                                     "value 'sum(sliding_window_view(y, 3), axis=-1)' = %1\n");
    lists("median(x, axis=1)", "%0 = input float32 (3, 5) x\n"
                               "%1 = input float64 () \n"
                               "%2 = quantile float32 (3,) %0 %1 axes=0x2 size=13\n"
                               "value 'median(x, axis=1)' = %2\n");
    lists("maximum.accumulate(y)", "%0 = input float64 (8,) y\n"
                                   "%1 = cummax float64 (8,) %0 axes=0x1\n"
                                   "value 'maximum.accumulate(y)' = %1\n");
    lists("unique(w)", "%0 = input int32 (8,) w\n"
                       "%1 = unique int32 (8,) %0\n"
                       "value 'unique(w)' = %1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy), cmocka_unit_test(made_of)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
