/* Every result dtype as real NumPy gives it: tests/golden/types.txt, made by make_types.py. */
#include "lang/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DTYPES = 14 };

static const gp_dtype dtypes[DTYPES] = {GPUPROC_BOOL,   GPUPROC_INT8,   GPUPROC_INT16,  GPUPROC_INT32,
                                        GPUPROC_INT64,  GPUPROC_UINT8,  GPUPROC_UINT16, GPUPROC_UINT32,
                                        GPUPROC_UINT64, GPUPROC_FLOAT16, GPUPROC_FLOAT32, GPUPROC_FLOAT64,
                                        GPUPROC_COMPLEX64, GPUPROC_COMPLEX128};

/* "f4", or "E" with the status in err. */
static const char *compiled(const char *text, const gp_input *inputs, size_t count, gpuproc_error *err)
{
    gp_program program = {0};
    if (gp_compile(text, inputs, count, &program, err) != GPUPROC_OK) return "E";
    const char *code = program.results == 1 ? gp_dtype_code(program.node[program.result[0].node].dtype) : "?";
    gp_program_free(&program);
    return code;
}

/* Complaints about one expression with one pair of dtypes; returns how many. */
static int check(const char *text, const gp_input *inputs, size_t count, const char *expected)
{
    gpuproc_error err = {0};
    const char *got = compiled(text, inputs, count, &err);
    bool ok = strcmp(got, expected) == 0;
    if (ok && *got == 'E') /* a message of ours about the expression, at a place of it */
        ok = err.status >= 200 && err.status < 300 && err.line == 1 && err.column >= 1 && err.length >= 1;
    /* Reductions that complex numbers do not have say so. */
    if (!ok && *got == 'E') ok = strstr(err.message, "of complex numbers is not there") != NULL;
    if (!ok)
        printf("%s with x %s, y %s: expected %s, got %s %s\n", text,
               count > 0 ? gpuproc_dtype_name(inputs[0].dtype) : "-",
               count > 1 ? gpuproc_dtype_name(inputs[1].dtype) : "-", expected, got, err.message);
    return !ok;
}

static int check_line(char *line, int *checked)
{
    char *save = NULL, *y = strtok_r(line, "|", &save);
    /* The expression may contain '|': the last one ends it. */
    char *text = save, *end = strrchr(save, '|');
    int failures = 0, column = 0;
    *end = '\0';
    gp_input inputs[2] = {{.name = "x", .dtype = GPUPROC_BOOL, .shape = {1, {3}}},
                          {.name = "y", .dtype = GPUPROC_BOOL, .shape = {1, {3}}}};
    size_t count = 2;
    if (strcmp(y, "-") == 0) count = 1;
    else assert_int_equal(gpuproc_dtype_parse(y, &inputs[1].dtype, NULL, NULL), GPUPROC_OK);
    bool single = strchr(end + 1, ' ') == NULL;
    for (char *expected = strtok_r(end + 1, " \n", &save); expected != NULL; expected = strtok_r(NULL, " \n", &save)) {
        assert_true(column < DTYPES);
        inputs[0].dtype = dtypes[column++];
        failures += check(text, inputs, single ? 0 : count, expected);
        ++*checked;
    }
    return failures;
}

static void as_numpy(void **state)
{
    (void)state;
    char path[4096], line[1024];
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/golden/types.txt", source);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int failures = 0, checked = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#') failures += check_line(line, &checked);
    }
    fclose(file);
    assert_int_equal(failures, 0);
    assert_true(checked > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
