/* .npy headers: what real NumPy wrote (tests/golden/npy), what people and other
 * programs write, and what must be refused with a message that names the place. */
#include "format/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned char file_bytes[GP_NPY_MAX_HEADER + 1024];

static size_t load_golden(const char *name)
{
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/npy/%s.npy", source ? source : "tests", name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail_msg("%s: %s", path, strerror(errno));
    size_t n = fread(file_bytes, 1, sizeof file_bytes, f);
    fclose(f);
    return n;
}

static void parse_golden_line(const char *line)
{
    char name[64], dtype[32], endian[16], order[4], shape_text[256];
    uint64_t offset;
    assert_int_equal(sscanf(line, "%63s %31s %15s %3s %255s %" SCNu64, name, dtype, endian, order,
                            shape_text, &offset),
                     6);
    size_t size = load_golden(name);
    gp_npy_header h;
    gpuproc_error err = {0};
    uint64_t total = 0;
    assert_int_equal(gp_npy_header_bytes(file_bytes, GP_NPY_PREFIX, name, &total, &err), GPUPROC_OK);
    assert_int_equal(total, offset);
    gpuproc_status st = gp_npy_parse(file_bytes, size, name, &h, &err);
    if (st != GPUPROC_OK) fail_msg("%s: %s", name, err.message);
    assert_string_equal(gpuproc_dtype_name(h.dtype), dtype);
    assert_int_equal(h.big_endian, strcmp(endian, "big") == 0);
    assert_int_equal(h.fortran, strcmp(order, "F") == 0);
    assert_int_equal(h.data_offset, offset);
    char found[256] = "", *p = found;
    for (int d = 0; d < h.shape.ndim; d++)
        p += sprintf(p, "%s%" PRId64, d ? "x" : "", h.shape.dim[d]);
    assert_string_equal(h.shape.ndim == 0 ? "-" : found, shape_text);
    /* And back, byte for byte. */
    if (h.big_endian || file_bytes[6] != 1) return;
    gp_text text = {0};
    assert_int_equal(gp_npy_make_header(h.dtype, &h.shape, h.fortran, &text), GPUPROC_OK);
    assert_int_equal(text.length, offset);
    assert_memory_equal(text.data, file_bytes, text.length);
    gp_text_free(&text);
}

static void test_numpy_wrote_it(void **state)
{
    (void)state;
    char path[4096], line[512];
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    snprintf(path, sizeof path, "%s/golden/npy/INDEX", source ? source : "tests");
    FILE *f = fopen(path, "r");
    if (f == NULL) fail_msg("%s: %s", path, strerror(errno));
    int lines = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        parse_golden_line(line);
        lines++;
    }
    fclose(f);
    assert_true(lines > 30);
}

static void test_numpy_wrote_what_is_refused(void **state)
{
    (void)state;
    static const struct { const char *name, *says; } cases[] = {
        {"bad_object", "|O (Python objects)"},
        {"bad_bytes", "|S2 (byte strings)"},
        {"bad_unicode", "<U2 (strings)"},
        {"bad_structured", "[('a', '<f4'), ('b', '<i2', (2,))]"},
        {"bad_void", "|V7 (raw bytes (void))"},
        {"bad_datetime", "<M8[ns] (dates)"},
        {"bad_timedelta", "<m8[s] (time differences)"},
        {"bad_longdouble", "<f16 (long double)"},
        {"bad_clongdouble", "<c32 (long double)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = load_golden(cases[i].name);
        gp_npy_header h = {.data_offset = 77};
        gpuproc_error err = {0};
        assert_int_equal(gp_npy_parse(file_bytes, size, "bad.npy", &h, &err), GPUPROC_BAD_DTYPE);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s: '%s' does not say '%s'", cases[i].name, err.message, cases[i].says);
        assert_string_equal(err.where, "bad.npy");
        assert_int_equal(h.data_offset, 77);
    }
}

/* A version 1.0 file around a dict that is given as text. */
static gpuproc_status parse_text(const char *dict, gp_npy_header *h, gpuproc_error *err)
{
    size_t n = strlen(dict);
    assert_true(n < 2000);
    memcpy(file_bytes, "\x93NUMPY\x01\x00", 8);
    file_bytes[8] = (unsigned char)(n & 0xff);
    file_bytes[9] = (unsigned char)(n >> 8);
    memcpy(file_bytes + 10, dict, n);
    return gp_npy_parse(file_bytes, 10 + n, "t.npy", h, err);
}

static void test_other_writers(void **state)
{
    (void)state;
    static const struct { const char *dict; gp_dtype dtype; bool big, fortran; int ndim; int64_t first; } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n", GPUPROC_FLOAT32, 0, 0, 2, 3},
        {"{\"shape\":(7,),\"fortran_order\":True,\"descr\":\">i2\"}", GPUPROC_INT16, 1, 1, 1, 7},
        {"  {'shape' : ( 3 , 4 , ) , 'descr':'=u8' , 'fortran_order' : False}   \n", GPUPROC_UINT64, 0, 0, 2, 3},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (3L, 4L), }\n", GPUPROC_INT64, 0, 0, 2, 3},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (), }", GPUPROC_BOOL, 0, 0, 0, 0},
        {"{'descr': '?', 'fortran_order': False, 'shape': (2,)}", GPUPROC_BOOL, 0, 0, 1, 2},
        {"{'descr': '>u1', 'fortran_order': False, 'shape': (2,)}", GPUPROC_UINT8, 0, 0, 1, 2},
        {"{'descr': 'f8', 'fortran_order': False,\n\t'shape': (0, 9223372036854775807)}", GPUPROC_FLOAT64, 0, 0, 2, 0},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (2,)}", GPUPROC_COMPLEX128, 0, 0, 1, 2},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}", GPUPROC_FLOAT16, 0, 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_npy_header h;
        gpuproc_error err = {0};
        if (parse_text(cases[i].dict, &h, &err) != GPUPROC_OK)
            fail_msg("%s: %s", cases[i].dict, err.message);
        assert_int_equal(h.dtype, cases[i].dtype);
        assert_int_equal(h.big_endian, cases[i].big);
        assert_int_equal(h.fortran, cases[i].fortran);
        assert_int_equal(h.shape.ndim, cases[i].ndim);
        if (h.shape.ndim > 0) assert_int_equal(h.shape.dim[0], cases[i].first);
        assert_int_equal(h.data_offset, 10 + strlen(cases[i].dict));
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct { const char *dict; gpuproc_status status; const char *says; } cases[] = {
        {"", GPUPROC_BAD_HEADER, "at byte 10: expected '{', the beginning of a dict, found its end"},
        {"[]", GPUPROC_BAD_HEADER, "at byte 10: expected '{', the beginning of a dict, found '['"},
        {"{}", GPUPROC_BAD_HEADER, "the key 'descr' is missing"},
        {"{'descr': '<f4', 'shape': (3,)}", GPUPROC_BAD_HEADER, "the key 'fortran_order' is missing"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", GPUPROC_BAD_HEADER, "at byte 66: expected one of the keys"},
        {"{'descr': '<f4', 'descr': '<f4'}", GPUPROC_BAD_HEADER, "at byte 27: expected each key once"},
        {"{'descr' '<f4'}", GPUPROC_BAD_HEADER, "expected ':' behind a key, found '''"},
        {"{'descr': '<f4' 'shape': (3,)}", GPUPROC_BAD_HEADER, "expected ',' or '}', found '''"},
        {"{'descr': '<f4', 'fortran_order': Falsey, 'shape': (3,)}", GPUPROC_BAD_HEADER, "expected True or False as fortran_order, found 'F'"},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,)}", GPUPROC_BAD_HEADER, "expected True or False as fortran_order, found '0'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", GPUPROC_BAD_HEADER, "expected ',': a tuple of one needs it, found ')'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [3]}", GPUPROC_BAD_HEADER, "expected '(', the beginning of the shape, found '['"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", GPUPROC_BAD_HEADER, "expected a length in the shape, found ','"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3.5,)}", GPUPROC_BAD_HEADER, "expected ',' or ')' in the shape, found '.'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}", GPUPROC_BAD_HEADER, "expected ',' or ')' in the shape, found '4'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}", GPUPROC_BAD_HEADER, "expected a length in the shape, found 'T'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}", GPUPROC_BAD_SHAPE, "axis 0 of the .npy header has a negative length"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", GPUPROC_BAD_SHAPE, "axis 0 of the .npy header is longer than"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", GPUPROC_BAD_SHAPE, "more bytes than 2^63"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}", GPUPROC_BAD_SHAPE, "more than 32 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} x", GPUPROC_BAD_HEADER, "expected nothing behind the dict, found 'x'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)", GPUPROC_BAD_HEADER, "expected ',' or '}', found its end"},
        {"{'descr': '<f4", GPUPROC_BAD_HEADER, "expected the rest of a string, found its end"},
        {"{'de\\x73cr': '<f4'}", GPUPROC_BAD_HEADER, "expected the rest of a string, found '\\'"},
        {"{'descr': <f4}", GPUPROC_BAD_HEADER, "expected a dtype in quotes, found '<'"},
        {"{'descr': 'q7'}", GPUPROC_BAD_DTYPE, "dtype q7 is not supported"},
        {"{'descr': ''}", GPUPROC_BAD_DTYPE, "is not supported"},
        {"{'descr': '<f4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}", GPUPROC_BAD_DTYPE, "aaa... is not supported"},
        {"{'descr': '\xe2\x82\xac'}", GPUPROC_BAD_DTYPE, "dtype ??? is not supported"},
        {"{'descr': ('<f4', (2,))}", GPUPROC_BAD_DTYPE, "sub-arrays"},
        {"\xe2{'descr': '<f4'}", GPUPROC_BAD_HEADER, "found the byte 0xe2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_npy_header h;
        gpuproc_error err = {0};
        gpuproc_status st = parse_text(cases[i].dict, &h, &err);
        if (st != cases[i].status || strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s: status %d, '%s' does not say '%s'", cases[i].dict, st, err.message,
                     cases[i].says);
        assert_string_equal(err.where, "t.npy");
        assert_int_equal(parse_text(cases[i].dict, &h, NULL), cases[i].status);
    }
}

static void test_prefix(void **state)
{
    (void)state;
    gpuproc_error err;
    uint64_t total;
    assert_int_equal(gp_npy_header_bytes("", 0, "f", &total, &err), GPUPROC_TRUNCATED);
    assert_int_equal(gp_npy_header_bytes("\x93NUM", 4, "f", &total, &err), GPUPROC_TRUNCATED);
    assert_int_equal(gp_npy_header_bytes("PK\x03\x04", 4, "f", &total, &err), GPUPROC_BAD_HEADER);
    assert_non_null(strstr(err.message, "dtype="));
    assert_int_equal(gp_npy_header_bytes("\x93NUMPY\x04\x00\x10\x00\x00\x00", 12, "f", &total, &err),
                     GPUPROC_BAD_HEADER);
    assert_non_null(strstr(err.message, "4.0"));
    assert_int_equal(gp_npy_header_bytes("\x93NUMPY\x02\x00\x10\x00", 10, "f", &total, &err),
                     GPUPROC_TRUNCATED);
    assert_int_equal(gp_npy_header_bytes("\x93NUMPY\x01\x00\x10\x00", 10, "f", &total, &err), GPUPROC_OK);
    assert_int_equal(total, 26);
    assert_int_equal(gp_npy_header_bytes("\x93NUMPY\x01\x00\x10\x27", 10, "f", &total, &err), GPUPROC_OK);
    assert_int_equal(total, 10010);
    assert_int_equal(gp_npy_header_bytes("\x93NUMPY\x01\x00\x11\x27", 10, "f", &total, &err),
                     GPUPROC_BAD_HEADER);
    assert_int_equal(gp_npy_header_bytes("\x93NUMPY\x03\x00\xff\xff\xff\xff", 12, "f", &total, &err),
                     GPUPROC_BAD_HEADER);
    assert_non_null(strstr(err.message, "4294967295"));
}

/* However short the file is: an error, never a read behind its end (asan sees that). */
static void test_truncated_everywhere(void **state)
{
    (void)state;
    load_golden("fortran_cube");
    for (size_t n = 0; n < 128; n++) {
        unsigned char *copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, file_bytes, n);
        gp_npy_header h;
        gpuproc_error err = {0};
        assert_int_equal(gp_npy_parse(copy, n, "f", &h, &err), GPUPROC_TRUNCATED);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numpy_wrote_it),
        cmocka_unit_test(test_numpy_wrote_what_is_refused),
        cmocka_unit_test(test_other_writers),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_truncated_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
