/* The small things that everything stands on. */
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

/* ---- Checked arithmetic ---- */

static void arithmetic(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_true(gp_mul_u64(UINT32_MAX, UINT32_MAX, &n) && n == UINT64_C(0xfffffffe00000001));
    assert_true(gp_mul_u64(UINT64_MAX, 1, &n) && n == UINT64_MAX);
    assert_false(gp_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &n));
    assert_false(gp_mul_u64(UINT64_MAX, 2, &n));
    assert_true(gp_add_u64(UINT64_MAX - 1, 1, &n) && n == UINT64_MAX);
    assert_false(gp_add_u64(UINT64_MAX, 1, &n));
    assert_true(gp_min_u64(3, 5) == 3 && gp_max_u64(3, 5) == 5);
    assert_true(gp_ceil_div(0, 7) == 0 && gp_ceil_div(7, 7) == 1 && gp_ceil_div(8, 7) == 2);
    assert_true(gp_ceil_div(UINT64_MAX, 2) == (UINT64_C(1) << 63));
    assert_true(gp_ceil_div(UINT64_MAX, UINT64_MAX) == 1);
}

static void memory(void **state)
{
    (void)state;
    void *none = gp_calloc(0, 16);
    assert_non_null(none);
    free(none);
    assert_null(gp_calloc(SIZE_MAX / 2, 4));

    int *numbers = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(gp_grow(&numbers, &capacity, (size_t)i + 1, sizeof *numbers));
        assert_true(capacity > (size_t)i);
        numbers[i] = i;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(numbers[i], i);
    /* What cannot be leaves everything as it was. */
    int *before = numbers;
    size_t room = capacity;
    assert_false(gp_grow(&numbers, &capacity, SIZE_MAX, sizeof *numbers));
    assert_false(gp_grow(&numbers, &capacity, SIZE_MAX / 8, sizeof *numbers));
    assert_ptr_equal(numbers, before);
    assert_int_equal(capacity, room);
    free(numbers);

    for (size_t bytes = 0; bytes < 200; bytes += 7) {
        void *aligned = gp_aligned_alloc(bytes, 1);
        assert_true(aligned != NULL && (uintptr_t)aligned % GP_ALIGNED == 0);
        free(aligned);
        assert_true(gp_aligned_bytes(bytes) % GP_ALIGNED == 0 && gp_aligned_bytes(bytes) - bytes < GP_ALIGNED);
    }
    assert_null(gp_aligned_alloc(SIZE_MAX / 2, 3));
    assert_null(gp_aligned_alloc(SIZE_MAX, 1));
    assert_true(gp_aligned_bytes(UINT64_MAX - 1) == UINT64_MAX);

    unsigned char *pages = gp_pages_alloc(10000);
    assert_non_null(pages);
    assert_true((uintptr_t)pages % 4096 == 0 && pages[9999] == 0);
    gp_pages_free(pages, 10000);
    gp_pages_free(NULL, 10000);
}

static void text(void **state)
{
    (void)state;
    gp_text t = {0};
    gp_text_add_bytes(&t, NULL, 0);
    assert_string_equal(t.data, "");
    gp_text_add(&t, "%d-%s", 7, "x");
    gp_text_add_bytes(&t, "abc", 2);
    assert_string_equal(t.data, "7-xab");
    assert_int_equal(t.length, 5);
    for (int i = 0; i < 500; i++) gp_text_add(&t, "%d,", i % 10);
    assert_int_equal(t.length, 5 + 1000);
    assert_int_equal(strlen(t.data), t.length);
    /* A failure sticks, and what was there stays whole. */
    gp_text_add_bytes(&t, "x", SIZE_MAX);
    assert_true(t.failed);
    gp_text_add(&t, "lost");
    assert_int_equal(t.length, 1005);
    gp_text_free(&t);
    assert_true(t.data == NULL && !t.failed);

    const char unterminated[3] = {'a', 'b', 'c'};
    char *copy = gp_strndup(unterminated, 3);
    assert_string_equal(copy, "abc");
    free(copy);
    copy = gp_strndup("ab", 50);
    assert_string_equal(copy, "ab");
    free(copy);
}

/* ---- Errors ---- */

static void records(void **state)
{
    (void)state;
    gpuproc_error err;
    memset(&err, 0x55, sizeof err);
    assert_int_equal(gp_fail(&err, GPUPROC_BUDGET, "%d of %s", 3, "four"), GPUPROC_BUDGET);
    assert_int_equal(err.status, GPUPROC_BUDGET);
    assert_string_equal(err.message, "3 of four");
    assert_string_equal(err.where, "");
    assert_true(err.native_code == 0 && err.line == 0 && err.column == 0 && err.length == 0 && err.offset == 0);
    assert_int_equal(gp_fail(NULL, GPUPROC_TYPE, "nobody listens"), GPUPROC_TYPE);
    assert_int_equal(gp_fail_where(NULL, GPUPROC_TYPE, "a", "nobody"), GPUPROC_TYPE);
    assert_int_equal(gp_fail_errno(NULL, GPUPROC_IO_READ, ENOSPC, "a", "nobody"), GPUPROC_IO_NO_SPACE);

    assert_int_equal(gp_fail_errno(&err, GPUPROC_IO_OPEN, ENOENT, "file", "cannot open 'file'"), GPUPROC_IO_OPEN);
    assert_int_equal(err.native_code, ENOENT);
    assert_string_equal(err.where, "file");
    assert_string_equal(err.message, "cannot open 'file': No such file or directory");
    const struct {
        int number;
        gpuproc_status status;
    } known[] = {{ENOSPC, GPUPROC_IO_NO_SPACE}, {EDQUOT, GPUPROC_IO_NO_SPACE}, {EFBIG, GPUPROC_IO_NO_SPACE},
                 {EPIPE, GPUPROC_IO_PIPE},      {EIO, GPUPROC_IO_WRITE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(gp_fail_errno(&err, GPUPROC_IO_WRITE, known[i].number, "f", "x"), known[i].status);
        assert_int_equal(err.status, known[i].status);
    }
}

/* Cuts fall between characters, and the reason of a failed call survives a long name. */
static void long_messages(void **state)
{
    (void)state;
    gpuproc_error err;
    char name[3001];
    for (size_t lead = 0; lead < 4; lead++) {
        for (size_t i = 0; i < lead; i++) name[i] = 'x';
        for (size_t i = lead; i + 3 < sizeof name; i += 3) memcpy(name + i, "\xe2\x82\xac", 4); /* a euro */
        (void)gp_fail_where(&err, GPUPROC_IO_OPEN, name, "%s", name);
        size_t n = strlen(err.message), w = strlen(err.where);
        assert_true(n <= sizeof err.message - 1 && n >= sizeof err.message - 3 && (n - lead) % 3 == 0);
        assert_true(w <= sizeof err.where - 1 && w >= sizeof err.where - 3 && (w - lead) % 3 == 0);
        assert_null(strchr(err.message, '?'));

        (void)gp_fail_errno(&err, GPUPROC_IO_OPEN, ENOENT, name, "%s", name);
        n = strlen(err.message);
        static const char reason[] = ": No such file or directory";
        assert_string_equal(err.message + n - strlen(reason), reason);
        assert_int_equal((n - lead - strlen(reason)) % 3, 0);
        assert_null(strchr(err.message, '?'));
    }
}

static void odd_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *given, *told;
    } of[] = {
        {"a\nb\tc\x1b[31m\x7f", "a?b?c?[31m?"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82"},
        {"\xff\xfe", "??"},
        {"\xc3(", "?("},
        {"\xc0\xaf", "??"},         /* overlong */
        {"\xe0\x80\xaf", "???"},    /* overlong */
        {"\xed\xa0\x80", "???"},    /* a surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* behind the last character */
        {"end\xe2\x82", "end??"},   /* broken, not cut */
        {"\x80", "?"},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        gpuproc_error err;
        (void)gp_fail_where(&err, GPUPROC_IO_OPEN, of[i].given, "%s", of[i].given);
        assert_string_equal(err.message, of[i].told);
        assert_string_equal(err.where, of[i].told);
    }
}

/* ---- Statuses ---- */

static void statuses(void **state)
{
    (void)state;
    static const struct {
        gpuproc_status status;
        const char *text;
        int code;
    } all[] = {
#define X(name, value, text, code) {GPUPROC_##name, text, code},
        GPUPROC_STATUS_MAP(X)
#undef X
    };
    size_t count = sizeof all / sizeof *all;
    for (size_t i = 0; i < count; i++) {
        int v = all[i].status, code = gpuproc_status_exit_code(all[i].status);
        assert_string_equal(gpuproc_status_text(all[i].status), all[i].text);
        assert_int_equal(code, all[i].code);
        assert_true(v == 0 || (v >= 1 && v < 500) || v >= 900);
        assert_true((v == 0) == (code == 0));
        assert_true(code == 0 || code == 1 || code == 2 || code == 130);
        /* Wrong usage and wrong expressions are 2; what the data says is not. */
        if (v >= 200 && v < 300) assert_int_equal(code, v == GPUPROC_DOMAIN ? 1 : 2);
        else if (v >= 100) assert_int_equal(code, 1);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(v, all[k].status);
            assert_string_not_equal(all[i].text, all[k].text);
        }
    }
    /* Pinned: programs compare these numbers. */
    assert_int_equal(GPUPROC_INVALID_ARGUMENT, 1);
    assert_int_equal(GPUPROC_CANCELLED, 4);
    assert_int_equal(GPUPROC_BAD_HEADER, 100);
    assert_int_equal(GPUPROC_SYNTAX, 200);
    assert_int_equal(GPUPROC_DOMAIN, 206);
    assert_int_equal(GPUPROC_DEVICE_FAILED, 304);
    assert_int_equal(GPUPROC_IO_EXISTS, 405);
    assert_int_equal(GPUPROC_INTERNAL, 900);
    assert_int_equal(gpuproc_status_exit_code(GPUPROC_CANCELLED), 130);
    assert_string_equal(gpuproc_status_text((gpuproc_status)77), "unknown status");
    assert_int_equal(gpuproc_status_exit_code((gpuproc_status)77), 1);
    assert_string_equal(gpuproc_version(), "0.1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic), cmocka_unit_test(memory),    cmocka_unit_test(text),
        cmocka_unit_test(records),    cmocka_unit_test(long_messages), cmocka_unit_test(odd_bytes),
        cmocka_unit_test(statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
