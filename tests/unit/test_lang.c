/* From text to program: listings, messages with their places, limits. */
#include "lang/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const gp_input inputs[] = {
    {.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {1, {4}}},   {.name = "y", .dtype = GPUPROC_FLOAT64, .shape = {1, {4}}},
    {.name = "i", .dtype = GPUPROC_INT32, .shape = {1, {4}}},     {.name = "l", .dtype = GPUPROC_INT64, .shape = {1, {4}}},
    {.name = "u", .dtype = GPUPROC_UINT8, .shape = {1, {4}}},     {.name = "ul", .dtype = GPUPROC_UINT64, .shape = {1, {4}}},
    {.name = "b", .dtype = GPUPROC_BOOL, .shape = {1, {4}}},      {.name = "m", .dtype = GPUPROC_FLOAT32, .shape = {2, {3, 5}}},
    {.name = "col", .dtype = GPUPROC_FLOAT32, .shape = {2, {3, 1}}}, {.name = "h", .dtype = GPUPROC_FLOAT16, .shape = {1, {4}}},
    {.name = "c", .dtype = GPUPROC_COMPLEX64, .shape = {1, {4}}}, {.name = "none", .dtype = GPUPROC_FLOAT32, .shape = {1, {0}}},
    {.name = "speed", .dtype = GPUPROC_FLOAT32, .shape = {1, {4}}}, {.name = "größe", .dtype = GPUPROC_FLOAT32, .shape = {1, {4}}},
    {.name = "long", .dtype = GPUPROC_FLOAT32, .shape = {2, {INT64_C(4000000000), 1}}},
    {.name = "wide", .dtype = GPUPROC_FLOAT32, .shape = {2, {1, INT64_C(4000000000)}}},
    {.name = "p", .dtype = GPUPROC_FLOAT64, .shape = {0, {0}}},
};
#define INPUTS (sizeof inputs / sizeof *inputs)

static void lists(const char *text, const char *expected)
{
    gp_program program = {0};
    gpuproc_error err = {0};
    gp_text out = {0};
    if (gp_compile(text, inputs, INPUTS, &program, &err) != GPUPROC_OK) fail_msg("%s: %s", text, err.message);
    gp_program_print(&program, &out);
    assert_non_null(out.data);
    assert_string_equal(out.data, expected);
    assert_true(program.inputs >= INPUTS); /* and lists */
    gp_text_free(&out);
    gp_program_free(&program);
}

/* The message begins with (or, after "...", contains) `message`. */
static void fails(const char *text, gpuproc_status status, int line, int column, int length, const char *message)
{
    gp_program program = {0};
    gpuproc_error err = {0};
    gpuproc_status st = gp_compile(text, inputs, INPUTS, &program, &err);
    bool said = strncmp(message, "...", 3) == 0 ? strstr(err.message, message + 3) != NULL
                                                : strncmp(err.message, message, strlen(message)) == 0;
    if (st != status || err.status != status || err.line != line || err.column != column ||
        err.length != length || !said)
        fail_msg("%.200s: status %d at %d:%d+%d: %s", text, (int)st, (int)err.line, (int)err.column,
                 (int)err.length, err.message);
    assert_string_equal(err.where, "expression");
    assert_null(program.node);
}

static void programs(void **state)
{
    (void)state;
    lists("mean(sqrt(x*x + x*x))", "%0 = input float32 (4,) x\n"
                                   "%1 = mul float32 (4,) %0 %0\n"
                                   "%2 = add float32 (4,) %1 %1\n"
                                   "%3 = sqrt float32 (4,) %2\n"
                                   "%4 = mean float32 () %3\n"
                                   "value 'mean(sqrt(x*x + x*x))' = %4\n");
    lists("m + col # stretched", "%0 = input float32 (3, 5) m\n"
                                 "%1 = input float32 (3, 1) col\n"
                                 "%2 = add float32 (3, 5) %0 %1\n"
                                 "value 'm + col' = %2\n");
    lists("lo = x.min(); hi = np.max(x)\nn = (x - lo) / (hi - lo)",
          "%0 = input float32 (4,) x\n"
          "%1 = min float32 () %0\n"
          "%2 = max float32 () %0\n"
          "%3 = sub float32 (4,) %0 %1\n"
          "%4 = sub float32 () %2 %1\n"
          "%5 = div float32 (4,) %3 %4\n"
          "result 'lo' = %1 (used)\n"
          "result 'hi' = %2 (used)\n"
          "result 'n' = %5\n");
    /* Only the last of several assignments is a result; earlier uses keep their meaning. */
    lists("a = 1; r = x + a; a = 2", "%0 = input float32 (4,) x\n"
                                     "%1 = const float32 () 1.0\n"
                                     "%2 = add float32 (4,) %0 %1\n"
                                     "%3 = const int64 () 2\n"
                                     "result 'r' = %2\n"
                                     "result 'a' = %3\n");
    lists("x = x + x; x", "%0 = input float32 (4,) x\n"
                          "%1 = add float32 (4,) %0 %0\n"
                          "result 'x' = %1 (used)\n"
                          "value 'x' = %1\n");
    lists("(x , sum(x,\n dtype='f8'))", "%0 = input float32 (4,) x\n"
                                        "%1 = cast float64 (4,) %0\n"
                                        "%2 = sum float64 () %1\n"
                                        "value 'x' = %0\n"
                                        "value 'sum(x,\n dtype='f8')' = %2\n");
    lists("std(i, ddof=1)", "%0 = input int32 (4,) i\n"
                            "%1 = cast float64 (4,) %0\n"
                            "%2 = std float64 () %1 ddof=1.0\n"
                            "value 'std(i, ddof=1)' = %2\n");
    lists("b.sum() + b.mean()", "%0 = input bool (4,) b\n"
                                "%1 = cast uint8 (4,) %0\n"
                                "%2 = sum int64 () %1\n"
                                "%3 = mean float64 () %1\n"
                                "%4 = cast float64 () %2\n"
                                "%5 = add float64 () %4 %3\n"
                                "value 'b.sum() + b.mean()' = %5\n");
    lists("größe*2", "%0 = input float32 (4,) größe\n"
                     "%1 = const float32 () 2.0\n"
                     "%2 = mul float32 (4,) %0 %1\n"
                     "value 'größe*2' = %2\n");
    lists("ul > l", "%0 = input uint64 (4,) ul\n"
                    "%1 = input int64 (4,) l\n"
                    "%2 = const int64 () 0\n"
                    "%3 = lt bool (4,) %1 %2\n"
                    "%4 = cast uint64 (4,) %1\n"
                    "%5 = gt bool (4,) %0 %4\n"
                    "%6 = bitor bool (4,) %3 %5\n"
                    "value 'ul > l' = %6\n");
    lists("300 > u", "%0 = input uint8 (4,) u\n"
                     "%1 = eq bool (4,) %0 %0\n"
                     "value '300 > u' = %1\n");
    lists("clip(i, None, 2**40)", "%0 = input int32 (4,) i\nvalue 'clip(i, None, 2**40)' = %0\n");
    lists("a, d = x, (y, 1)[0]; [1, 2.5]", "%0 = input float32 (4,) x\n"
                                           "%1 = input float64 (4,) y\n"
                                           "%2 = input float64 (2,) \n"
                                           "result 'a' = %0\n"
                                           "result 'd' = %1\n"
                                           "value '[1, 2.5]' = %2\n");
    lists("m.shape", "%0 = const int64 () 3\n"
                     "%1 = const int64 () 5\n"
                     "value 'm.shape[0]' = %0\n"
                     "value 'm.shape[1]' = %1\n");
    lists("t = float32; y.astype(t)", "%0 = input float64 (4,) y\n"
                                      "%1 = cast float32 (4,) %0\n"
                                      "value 'y.astype(t)' = %1\n");
}

/* The tree that is meant, shown by explicit parentheses: both sides give one program. */
static void same(const char *a, const char *b)
{
    gp_program pa = {0}, pb = {0};
    gpuproc_error err = {0};
    if (gp_compile(a, inputs, INPUTS, &pa, &err) != GPUPROC_OK) fail_msg("%s: %s", a, err.message);
    if (gp_compile(b, inputs, INPUTS, &pb, &err) != GPUPROC_OK) fail_msg("%s: %s", b, err.message);
    gp_text ta = {0}, tb = {0};
    for (size_t k = 0; k < pa.results; k++) pa.result[k].name[0] = '\0';
    for (size_t k = 0; k < pb.results; k++) pb.result[k].name[0] = '\0';
    gp_program_print(&pa, &ta);
    gp_program_print(&pb, &tb);
    if (strcmp(ta.data, tb.data) != 0) fail_msg("%s and %s:\n%s%s", a, b, ta.data, tb.data);
    gp_text_free(&ta);
    gp_text_free(&tb);
    gp_program_free(&pa);
    gp_program_free(&pb);
}

static void precedence(void **state)
{
    (void)state;
    same("-x**2", "-(x**2)");
    same("2**-x", "2**(-x)");
    same("x**y**y", "x**(y**y)");
    same("x-y-x", "(x-y)-x");
    same("x/y*x", "(x/y)*x");
    same("x-y*x", "x-(y*x)");
    same("-x*y", "(-x)*y");
    same("i&l == l", "(i&l) == l");
    same("i|l^i&l", "i|(l^(i&l))");
    same("i<<1+2", "i<<(1+2)");
    same("i&l<<1", "i&(l<<1)");
    same("~i+1", "(~i)+1");
    same("i//2%3", "(i//2)%3");
    same("i<l|i", "i<(l|i)");
    same("x.sum()**2", "(x.sum())**2");
}

static void literals(void **state)
{
    (void)state;
    lists("0x1F, 0o17, 0b101, 1_000, .5, 1e3, 1.", "%0 = const int64 () 31\n"
                                                   "%1 = const int64 () 15\n"
                                                   "%2 = const int64 () 5\n"
                                                   "%3 = const int64 () 1000\n"
                                                   "%4 = const float64 () 0.5\n"
                                                   "%5 = const float64 () 1000.0\n"
                                                   "%6 = const float64 () 1.0\n"
                                                   "value '0x1F' = %0\n"
                                                   "value '0o17' = %1\n"
                                                   "value '0b101' = %2\n"
                                                   "value '1_000' = %3\n"
                                                   "value '.5' = %4\n"
                                                   "value '1e3' = %5\n"
                                                   "value '1.' = %6\n");
    lists("-7//2, -7%3, 7.5//-2, 2**-1, 10**30/10**29, 2**63, -2**63",
          "%0 = const int64 () -4\n"
          "%1 = const int64 () 2\n"
          "%2 = const float64 () -4.0\n"
          "%3 = const float64 () 0.5\n"
          "%4 = const float64 () 10.0\n"
          "%5 = const uint64 () 9223372036854775808\n"
          "%6 = const int64 () -9223372036854775808\n"
          "value '-7//2' = %0\n"
          "value '-7%3' = %1\n"
          "value '7.5//-2' = %2\n"
          "value '2**-1' = %3\n"
          "value '10**30/10**29' = %4\n"
          "value '2**63' = %5\n"
          "value '-2**63' = %6\n");
    /* Exact beyond 2**53, and an int against a float. */
    lists("2**53 + 1 == 2.0**53, 2**64 - 1 < 2.0**64, 1 == True",
          "%0 = const bool () False\n"
          "%1 = const bool () True\n"
          "value '2**53 + 1 == 2.0**53' = %0\n"
          "value '2**64 - 1 < 2.0**64' = %1\n"
          "value '1 == True' = %1\n");
    lists("int8(-1).astype(uint16), float32(2**24+1), uint8(300.7), int32(nan), float32(1e300)",
          "%0 = const uint16 () 65535\n"
          "%1 = const float32 () 16777216.0\n"
          "%2 = const uint8 () 255\n"
          "%3 = const int32 () 0\n"
          "%4 = const float32 () inf\n"
          "value 'int8(-1).astype(uint16)' = %0\n"
          "value 'float32(2**24+1)' = %1\n"
          "value 'uint8(300.7)' = %2\n"
          "value 'int32(nan)' = %3\n"
          "value 'float32(1e300)' = %4\n");
}

static void syntax_messages(void **state)
{
    (void)state;
    const gpuproc_status syntax = GPUPROC_SYNTAX;
    fails("", syntax, 1, 1, 1, "the expression is empty");
    fails(" # nothing", syntax, 1, 11, 1, "the expression is empty");
    fails("x +", syntax, 1, 4, 1, "the text ends where a value was expected");
    fails("x + ; y", syntax, 1, 5, 1, "the statement ends where a value was expected");
    fails("x y", syntax, 1, 3, 1, "expected an operator");
    fails("(x + (y)", syntax, 1, 1, 1, "this '(' is never closed");
    fails("sqrt(x", syntax, 1, 5, 1, "this '(' is never closed");
    fails("x)", syntax, 1, 2, 1, "')' without a '('");
    fails("x and y", syntax, 1, 3, 3, "...logical_and(a, b)");
    fails("x or y", syntax, 1, 3, 2, "...logical_or(a, b)");
    fails("not x", syntax, 1, 1, 3, "...logical_not(x)");
    fails("x && y", syntax, 1, 3, 2, "...logical_and(a, b)");
    fails("x || y", syntax, 1, 3, 2, "...logical_or(a, b)");
    fails("!x", syntax, 1, 1, 1, "...logical_not(x)");
    fails("x < y < x", syntax, 1, 7, 1, "comparisons cannot be chained");
    fails("x if b else y", syntax, 1, 3, 2, "...where(condition, a, b)");
    fails("b ? x : y", syntax, 1, 3, 1, "...where(condition, a, b)");
    fails("lambda x: x", syntax, 1, 1, 6, "'lambda' is not possible here");
    fails("x is y", syntax, 1, 3, 2, "'is' does not compare values");
    fails("x in y", syntax, 1, 3, 2, "'in' is not possible here");
    fails("x[0", syntax, 1, 2, 1, "this '[' is never closed");
    fails("[x", syntax, 1, 1, 1, "this '[' is never closed");
    fails("x]", syntax, 1, 2, 1, "']' without a '['");
    fails("x[]", syntax, 1, 2, 1, "empty square brackets");
    fails("x[1:2:3:4]", syntax, 1, 8, 1, "':' is possible only between square brackets");
    fails("x[1:2 3]", syntax, 1, 7, 1, "expected ',' or ']', found '3'");
    fails("x[(1:2)]", syntax, 1, 5, 1, "':' is possible only");
    fails("x + ...", syntax, 1, 5, 3, "'...' is possible only between square brackets");
    fails("x + ()", GPUPROC_SHAPE, 1, 3, 1, "shapes (4,) and (0,)");
    fails("()", syntax, 1, 1, 2, "the expression computes nothing");
    fails("x @ 2", GPUPROC_VALUE, 1, 3, 1, "matmul: operand 2 is a single number");
    fails("sqrt(x = y = 2)", syntax, 1, 12, 1, "'=' cannot stand inside an expression");
    fails("x + y = 2", syntax, 1, 7, 1, "only names can stand left");
    fails("a = b2 = x", syntax, 1, 8, 1, "one statement assigns one name");
    fails("a, d = x", GPUPROC_TYPE, 1, 8, 1, "2 names stand left of '=', found 1 value for them");
    fails("a, d = x, y, x", GPUPROC_TYPE, 1, 8, 7, "2 names stand left of '=', found 3 values for them");
    fails("a, True = x, y", syntax, 1, 4, 4, "'True' cannot be assigned to");
    fails("x += 1", syntax, 1, 3, 2, "'+=' is not possible here");
    fails("(x, y) + 1", GPUPROC_TYPE, 1, 8, 1, "operators do not work on lists");
    fails("import os", syntax, 1, 1, 6, "'import' is a word of Python");
    fails("3x", syntax, 1, 1, 2, "...write 3*x");
    fails("012", syntax, 1, 1, 3, "leading zeros");
    fails("1__0", syntax, 1, 1, 4, "malformed number");
    fails("0xG", syntax, 1, 1, 3, "malformed number");
    fails("x.men", GPUPROC_UNKNOWN_NAME, 1, 3, 3, "arrays have no attribute 'men'");
    fails("x.mean", GPUPROC_UNKNOWN_NAME, 1, 3, 4, "'mean' is a method: write x.mean()");
    fails("np.linalg.nrm(x)", GPUPROC_UNKNOWN_NAME, 1, 4, 10, "unknown function 'linalg.nrm'");
    fails("x(2)", syntax, 1, 1, 1, "'x' is a value and cannot be called");
    fails("2(x)", syntax, 1, 2, 1, "a value cannot be called");
    fails("'f4", syntax, 1, 1, 3, "this string is not closed");
    fails("x + 'f4'", GPUPROC_TYPE, 1, 3, 1, "a string can only name a dtype");
    fails("größe × 2", syntax, 1, 7, 1, "...write *");
    fails("x\n+ größe $", syntax, 2, 9, 1, "unexpected character '$'");
    fails("x \xff", syntax, 1, 3, 1, "byte 0xff is not valid UTF-8");
    fails("x \xc3", syntax, 1, 3, 1, "byte 0xc3 is not valid UTF-8");
    fails("x # \xed\xa0\x80", syntax, 1, 5, 1, "byte 0xed is not valid UTF-8");
    fails("x \x01", syntax, 1, 3, 1, "unexpected control character");
    fails("sqrt", syntax, 1, 1, 4, "'sqrt' is a function");
    fails("sqrt()", syntax, 1, 1, 6, "sqrt() needs its argument 'x'");
    fails("sqrt(x, y)", syntax, 1, 9, 1, "sqrt() takes at most 1 argument");
    fails("sum(x, into=y)", syntax, 1, 8, 4, "sum() has no keyword 'into'");
    fails("var(x, ddof=1, correction=1)", syntax, 1, 16, 10, "var() got 'correction' twice");
    fails("clip(min=1, x)", syntax, 1, 13, 1, "a positional argument cannot follow");
}

static void other_messages(void **state)
{
    (void)state;
    fails("x + spead", GPUPROC_UNKNOWN_NAME, 1, 5, 5, "unknown name 'spead', did you mean 'speed'?");
    fails("sqr(x)", GPUPROC_UNKNOWN_NAME, 1, 1, 3, "unknown function 'sqr', did you mean 'sqrt'?");
    fails("np.arctn(x)", GPUPROC_UNKNOWN_NAME, 1, 4, 5, "unknown function 'arctn', did you mean 'arctan'?");
    fails("lo = 1; x - lp", GPUPROC_UNKNOWN_NAME, 1, 13, 2, "unknown name 'lp', did you mean 'lo'?");
    fails("x.men()", GPUPROC_UNKNOWN_NAME, 1, 3, 3, "unknown method 'men', did you mean 'mean'?");
    fails("x.sqrt()", GPUPROC_UNKNOWN_NAME, 1, 3, 4, "arrays have no method 'sqrt': write sqrt(x)");
    fails("qqqqqqqq", GPUPROC_UNKNOWN_NAME, 1, 1, 8, "unknown name 'qqqqqqqq'");
    fails("x + m", GPUPROC_SHAPE, 1, 3, 1, "shapes (4,) and (3, 5) do not broadcast");
    fails("where(b, x, m)", GPUPROC_SHAPE, 1, 1, 14, "shapes (4,) and (3, 5)");
    fails("long + wide", GPUPROC_SHAPE, 1, 6, 1, "shape (4000000000, 4000000000)");
    fails("u + 300", GPUPROC_VALUE, 1, 3, 1, "Python integer 300 out of bounds for uint8");
    fails("i ** -1", GPUPROC_VALUE, 1, 3, 2, "integers to negative integer powers");
    fails("1 // 0", GPUPROC_VALUE, 1, 3, 2, "division by zero");
    fails("2**200", GPUPROC_VALUE, 1, 2, 2, "a Python integer of more than 127 bits");
    fails("2**64", GPUPROC_VALUE, 1, 1, 5, "Python integer 18446744073709551616 out of bounds");
    fails("b - b", GPUPROC_TYPE, 1, 3, 1, "NumPy has no '-' between bools");
    fails("-b", GPUPROC_TYPE, 1, 1, 1, "NumPy has no '-' of a bool");
    fails("x & 1", GPUPROC_TYPE, 1, 3, 1, "bitwise_and needs integers or bools, found float32");
    fails("ul << l", GPUPROC_TYPE, 1, 4, 2, "...between uint64 and a signed integer");
    fails("x.astype('q9')", GPUPROC_TYPE, 1, 1, 14, "'q9' is not a dtype");
    fails("none.min()", GPUPROC_VALUE, 1, 1, 10, "zero-size array to reduction operation minimum");
    fails("argmax(none)", GPUPROC_VALUE, 1, 1, 12, "attempt to get argmax of an empty sequence");
    fails("sum(m, axis=2)", GPUPROC_VALUE, 1, 1, 14, "axis 2 is out of bounds for array of dimension 2");
    fails("sum(x, out=y)", GPUPROC_UNSUPPORTED, 1, 1, 13, "sum() does not take out= here");
    fails("sort(m)", GPUPROC_UNSUPPORTED, 1, 1, 7, "sort() of 15 elements would need all of them in memory at once, 60 bytes");
    fails("floor(c)", GPUPROC_TYPE, 1, 1, 8, "floor is not possible for complex numbers");
    fails("c // 2", GPUPROC_TYPE, 1, 3, 2, "floor_divide is not possible for complex numbers");
    fails("1j < 2", GPUPROC_TYPE, 1, 4, 1, "less is not possible between complex numbers");
    fails("x[x > 0] + x", GPUPROC_UNSUPPORTED, 1, 10, 1, "...shows only when it runs");
    fails("searchsorted(x, 1, side='middle')", GPUPROC_VALUE, 1, 1, 33, "...'left' and 'right'");
    fails("digitize(x, [1, 3, 2])", GPUPROC_VALUE, 1, 1, 22, "...monotonically");
    fails("take(x, [0, 1000000])", GPUPROC_VALUE, 1, 1, 21, "index 1000000 is out of bounds for axis 0");
    fails("take(x, 1.5)", GPUPROC_TYPE, 1, 1, 12, "indices are integers");
    fails("nonzero(3)", GPUPROC_VALUE, 1, 1, 10, "...it has no axes");
    fails("arange(0, 1, 0)", GPUPROC_VALUE, 1, 1, 15, "...division by zero");
    fails("zeros((2, -1))", GPUPROC_VALUE, 1, 1, 14, "negative dimensions");
    fails("random.integers(3, 3)", GPUPROC_VALUE, 1, 1, 21, "random.integers(): low >= high");
    fails("random.random(3, seed=-1)", GPUPROC_VALUE, 1, 1, 25, "...seed that is not negative");
    fails("max(x, y)", GPUPROC_TYPE, 1, 1, 9, "...write maximum(a, b)");
    fails("float(x)", GPUPROC_TYPE, 1, 1, 8, "...write float64(x)");
    fails("float32", GPUPROC_TYPE, 1, 1, 7, "the dtype float32 is not a value");
    fails("x + None", GPUPROC_TYPE, 1, 3, 1, "None is not a number");
}

/* `count` times `unit`, then `tail`. */
static char *repeated(const char *unit, size_t count, const char *tail)
{
    size_t n = strlen(unit);
    char *text = malloc(n * count + strlen(tail) + 1);
    assert_non_null(text);
    for (size_t k = 0; k < count; k++) memcpy(text + k * n, unit, n);
    strcpy(text + n * count, tail);
    return text;
}

static gpuproc_status compiles(char *text)
{
    gp_program program = {0};
    gpuproc_error err = {0};
    gpuproc_status st = gp_compile(text, inputs, INPUTS, &program, &err);
    gp_program_free(&program);
    free(text);
    return st;
}

static void limits(void **state)
{
    (void)state;
    const size_t most = GP_LANG_MAX_TEXT;
    assert_int_equal(compiles(repeated("(", most, "")), GPUPROC_LIMIT);
    assert_int_equal(compiles(repeated("-", most - 1, "x")), GPUPROC_LIMIT);
    assert_int_equal(compiles(repeated("2**", most / 3 - 1, "2")), GPUPROC_LIMIT);
    assert_int_equal(compiles(repeated("sin(", most / 4, "")), GPUPROC_LIMIT);
    assert_int_equal(compiles(repeated("x<(", most / 3, "")), GPUPROC_LIMIT);
    assert_int_equal(compiles(repeated(" ", most + 1, "x")), GPUPROC_LIMIT);
    assert_int_equal(compiles(repeated(" ", most - 1, "x")), GPUPROC_OK);
    assert_int_equal(compiles(repeated("~", GP_LANG_MAX_DEPTH, "i")), GPUPROC_OK);
    assert_int_equal(compiles(repeated("~", GP_LANG_MAX_DEPTH + 1, "i")), GPUPROC_LIMIT);
    /* Long, but not deep: each step is a new operation, 19998 of them fit. */
    assert_int_equal(compiles(repeated("x+", 19999, "x")), GPUPROC_OK);
    assert_int_equal(compiles(repeated("x+", 20010, "x")), GPUPROC_LIMIT);
    assert_int_equal(compiles(repeated("x.", most / 2, "")), GPUPROC_SYNTAX);
    assert_int_equal(compiles(repeated("x.round()", most / 9, "")), GPUPROC_SYNTAX);
    assert_int_equal(compiles(repeated("x;", most / 2, "")), GPUPROC_OK);
    assert_int_equal(compiles(repeated("1", most, "")), GPUPROC_VALUE);
    assert_int_equal(compiles(repeated("1.5e", 1, "999999999999999999999")), GPUPROC_OK);
}

/* Texts of pseudo-random tokens: any answer is right, as long as it is an answer. */
static void nonsense(void **state)
{
    (void)state;
    static const char *const token[] = {
        "x", "y", "i", "u", "b", "m", "none", "(", ")", "(", ")", ",", "+", "-", "*", "/", "//", "%", "**", "&", "|",
        "^", "~", "<<", ">>", "<", ">", "==", "!=", "=", ";", "\n", ".", "sum", "mean", "where", "clip", "sqrt",
        "astype", "float32", "int8", "'f4'", "1", "0", "-1", "2.5", "1e400", "0x7fffffffffffffffffff", "True",
        "None", "np", "np.", "dtype", "ddof", "axis", "min", "max", "round", "isclose", "nan_to_num", "#", "ü", "\xff", "[", "]", ":", "::-1", "...", "[1:", "[0]", "[None", "2j", "T", ".T", ".shape", "reshape(", "axis=", "roll", "pad", "concatenate([", "linalg", "linalg.norm(", "[1, 2]", "[[1], [2]]", "x[", "a, b2 =",
        "sum(", "x.", "(x)", "sqrt(x)", "and", "a", "a="};
    uint64_t seed = 1;
    for (int round = 0; round < 6000; round++) {
        char text[400] = "";
        size_t used = 0;
        int count = 1 + round % 24;
        for (int k = 0; k < count; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            const char *t = token[(seed >> 33) % (sizeof token / sizeof *token)];
            if (used + strlen(t) + 2 > sizeof text) break;
            memcpy(text + used, t, strlen(t) + 1);
            used += strlen(t);
            if (seed >> 63) text[used++] = ' ';
            text[used] = '\0';
        }
        gp_program program = {0};
        gpuproc_error err = {0};
        gpuproc_status st = gp_compile(text, inputs, INPUTS, &program, &err);
        if (st != GPUPROC_OK && (st == GPUPROC_INTERNAL || err.line < 1 || err.column < 1 || err.length < 1 || err.message[0] == '\0'))
            fail_msg("%s: %d %s", text, (int)st, err.message);
        gp_program_free(&program);
    }
}

static void without_a_record(void **state)
{
    (void)state;
    gp_program program = {0};
    assert_int_equal(gp_compile("x + m", inputs, INPUTS, &program, NULL), GPUPROC_SHAPE);
    assert_int_equal(gp_compile("x + $", inputs, INPUTS, &program, NULL), GPUPROC_SYNTAX);
    assert_int_equal(gp_compile("u + 300", inputs, INPUTS, &program, NULL), GPUPROC_VALUE);
    assert_int_equal(gp_compile("x", inputs, INPUTS, &program, NULL), GPUPROC_OK);
    gp_program_free(&program);
}

static void broken_programs(void **state)
{
    (void)state;
    gp_program p = {0};
    gpuproc_error err = {0};
    assert_int_equal(gp_compile("where(x > 0, -x, y) + mean(x)", inputs, INPUTS, &p, &err), GPUPROC_OK);
    for (size_t i = 0; i < p.nodes; i++) {
        gp_node kept = p.node[i];
        p.node[i].dtype = kept.dtype == GPUPROC_INT16 ? GPUPROC_INT32 : GPUPROC_INT16;
        assert_int_equal(gp_program_verify(&p, &err), GPUPROC_INTERNAL);
        p.node[i] = kept;
        p.node[i].arg[2] = (int)i;
        assert_int_equal(gp_program_verify(&p, &err), GPUPROC_INTERNAL);
        p.node[i] = kept;
        p.node[i].level++;
        assert_int_equal(gp_program_verify(&p, &err), GPUPROC_INTERNAL);
        p.node[i] = kept;
        p.node[i].uniform = !kept.uniform;
        assert_int_equal(gp_program_verify(&p, &err), GPUPROC_INTERNAL);
        p.node[i] = kept;
        p.node[i].shape.ndim = 2;
        assert_int_equal(gp_program_verify(&p, &err), GPUPROC_INTERNAL);
        p.node[i] = kept;
    }
    p.result[0].node = (int)p.nodes;
    assert_int_equal(gp_program_verify(&p, &err), GPUPROC_INTERNAL);
    gp_program_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs),         cmocka_unit_test(precedence),
        cmocka_unit_test(literals),         cmocka_unit_test(syntax_messages),
        cmocka_unit_test(other_messages),   cmocka_unit_test(limits),
        cmocka_unit_test(nonsense),         cmocka_unit_test(without_a_record),
        cmocka_unit_test(broken_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
