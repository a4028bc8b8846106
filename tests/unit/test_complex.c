/* Complex expressions as real NumPy evaluates them (tests/golden/complex.txt): each program of float
 * operations is carried out here, node by node, in double. */
#include "lang/compile.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct z {
    double re, im;
} z;

static double rint_even(double x) { return rint(x); }

static bool compared(gp_op op, double x, double y)
{
    switch (op) {
    case GP_OP_EQ: return x == y;
    case GP_OP_NE: return x != y;
    case GP_OP_LT: return x < y;
    case GP_OP_LE: return x <= y;
    case GP_OP_GT: return x > y;
    default: return x >= y;
    }
}

static double real_function(gp_op op, double x)
{
    switch (op) {
    case GP_OP_NEG: return -x;
    case GP_OP_ABS: return fabs(x);
    case GP_OP_SQRT: return sqrt(x);
    case GP_OP_EXP: return exp(x);
    case GP_OP_EXPM1: return expm1(x);
    case GP_OP_LOG: return log(x);
    case GP_OP_LOG1P: return log1p(x);
    case GP_OP_SIN: return sin(x);
    case GP_OP_COS: return cos(x);
    case GP_OP_TAN: return tan(x);
    case GP_OP_SINH: return sinh(x);
    case GP_OP_COSH: return cosh(x);
    case GP_OP_ARCSINH: return asinh(x);
    case GP_OP_RINT: return rint_even(x);
    case GP_OP_FLOOR: return floor(x);
    case GP_OP_ISNAN: return isnan(x) != 0;
    case GP_OP_ISINF: return isinf(x) != 0;
    case GP_OP_ISFINITE: return isfinite(x) != 0;
    case GP_OP_SIGNBIT: return signbit(x) != 0;
    case GP_OP_INVERT: return x == 0; /* bools only */
    default: fail_msg("no operation %d here", (int)op); return 0;
    }
}

static double real_operation(gp_op op, double x, double y)
{
    switch (op) {
    case GP_OP_ADD: return x + y;
    case GP_OP_SUB: return x - y;
    case GP_OP_MUL: return x * y;
    case GP_OP_DIV: return x / y;
    case GP_OP_HYPOT: return hypot(x, y);
    case GP_OP_ARCTAN2: return atan2(x, y);
    case GP_OP_COPYSIGN: return copysign(x, y);
    case GP_OP_MAXIMUM: return isnan(x) ? x : isnan(y) ? y : x > y ? x : y;
    case GP_OP_MINIMUM: return isnan(x) ? x : isnan(y) ? y : x < y ? x : y;
    case GP_OP_FMAX: return fmax(x, y);
    case GP_OP_FMIN: return fmin(x, y);
    case GP_OP_BITAND: return x != 0 && y != 0;
    case GP_OP_BITOR: return x != 0 || y != 0;
    case GP_OP_BITXOR: return (x != 0) != (y != 0);
    default: return compared(op, x, y);
    }
}

static z evaluated(const gp_node *n, const z *value, const z *input)
{
    z a = n->arg[0] >= 0 ? value[n->arg[0]] : (z){0, 0}, b = n->arg[1] >= 0 ? value[n->arg[1]] : (z){0, 0};
    switch (n->op) {
    case GP_OP_INPUT: return input[n->input];
    case GP_OP_CONST: return (z){n->dtype == GPUPROC_FLOAT64 ? n->value.value.f : (double)n->value.value.i, 0};
    case GP_OP_REAL: return (z){a.re, 0};
    case GP_OP_IMAG: return (z){a.im, 0};
    case GP_OP_PACK: return (z){a.re, b.re};
    case GP_OP_WHERE: return a.re != 0 ? b : value[n->arg[2]];
    case GP_OP_CAST: return (z){n->dtype == GPUPROC_BOOL ? a.re != 0 : a.re, 0};
    default: break;
    }
    return (z){n->arg[1] >= 0 ? real_operation(n->op, a.re, b.re) : real_function(n->op, a.re), 0};
}

static bool near(double got, double expected, double size)
{
    if (isnan(expected)) return isnan(got);
    if (isinf(expected) || expected == 0) return got == expected || (expected == 0 && fabs(got) <= size * 4 * DBL_EPSILON);
    if (fabs(expected) < 1e-300) return fabs(got - expected) < 1e-305;
    return fabs(got - expected) <= 16 * DBL_EPSILON * size;
}

/* C leaves the sign of an infinity beside a NaN open. */
static void drop_signs(z *value)
{
    if (isnan(value->re) && isinf(value->im)) value->im = fabs(value->im);
    if (isnan(value->im) && isinf(value->re)) value->re = fabs(value->re);
}

/* Complains and returns 1 where the result is another one. */
static int check(const char *text, const z *operand, const z *expected, bool complex)
{
    gp_input inputs[2] = {{.name = "x", .dtype = GPUPROC_COMPLEX128, .shape = {1, {3}}},
                          {.name = "y", .dtype = GPUPROC_COMPLEX128, .shape = {1, {3}}}};
    gp_program program = {0};
    gpuproc_error err = {0};
    z value[2000];
    if (gp_compile(text, inputs, 2, &program, &err) != GPUPROC_OK) {
        printf("%s: %s\n", text, err.message);
        return 1;
    }
    assert_true(program.nodes <= 2000);
    for (size_t i = 0; i < program.nodes; i++) value[i] = evaluated(&program.node[i], value, operand);
    z got = value[program.result[0].node], wanted = *expected;
    drop_signs(&got);
    drop_signs(&wanted);
    expected = &wanted;
    bool is_complex = program.node[program.result[0].node].dtype == GPUPROC_COMPLEX128;
    gp_program_free(&program);
    /* Where one part is far smaller, its error may be of the size of the other's last place. */
    double size = isfinite(expected->re) && isfinite(expected->im) ? hypot(expected->re, expected->im) : 0;
    if (strcmp(text, "x**y") == 0) size *= 8; /* errors of the logarithm grow with the exponent */
    bool ok = is_complex == complex && near(got.re, expected->re, size > 0 ? size : fabs(expected->re)) &&
              (!complex || near(got.im, expected->im, size > 0 ? size : fabs(expected->im)));
    if (!ok)
        printf("%s of %g%+gj, %g%+gj: expected %.17g%+.17gj, got %.17g%+.17gj\n", text, operand[0].re, operand[0].im,
               operand[1].re, operand[1].im, expected->re, expected->im, got.re, got.im);
    return !ok;
}

static void as_numpy(void **state)
{
    (void)state;
    char path[4096], line[1024];
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/golden/complex.txt", source);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int failures = 0, checked = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#') continue;
        char *at = strchr(line, '|');
        z operand[2], expected = {0, 0};
        assert_non_null(at);
        *at++ = '\0';
        double *into[4] = {&operand[0].re, &operand[0].im, &operand[1].re, &operand[1].im};
        for (int k = 0; k < 4; k++) *into[k] = strtod(at, &at);
        assert_int_equal(*at, '|');
        expected.re = strtod(at + 1, &at);
        bool complex = *at == ' ';
        if (complex) expected.im = strtod(at, &at);
        failures += check(line, operand, &expected, complex);
        checked++;
    }
    fclose(file);
    assert_int_equal(failures, 0);
    assert_true(checked > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
