/* A machine's figures as text: what was written is read back, and nothing else is. */
#include "plan/rates.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void fill(gp_rates *r)
{
    gp_rates_cautious(r, 4);
    for (int i = 0; i < GP_RATES_HOST_COUNT; i++) r->host[i] = 1 + i * 0.25;
    r->op[GP_OP_EXP][0] = 0.125;
    r->op[GP_OP_SUM][3] = 0;
    r->fold[GP_OP_CUMSUM][1] = 7.5;
    r->fold_one[GP_OP_CUMSUM][1] = 9.5;
    r->row[GP_OP_SUM][0] = 2.5;
    r->row_one[GP_OP_SUM][0] = 3.5;
}

static void comes_back(void **state)
{
    (void)state;
    gp_rates a, b;
    gp_text text = {0};
    fill(&a);
    gp_rates_write(&a, "a machine; of 4 threads", &text);
    assert_false(text.failed);
    assert_true(gp_rates_read(text.data, "a machine; of 4 threads", &b));
    assert_true(b.measured);
    assert_int_equal(b.threads, 4);
    for (int i = 0; i < GP_RATES_HOST_COUNT; i++) assert_true(a.host[i] == b.host[i]);
    for (int op = 0; op < GP_OP_COUNT; op++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
            for (size_t k = 0; k < GP_RATES_KINDS; k++)
                assert_true(gp_rates_table(&a, k)[op][d] == gp_rates_table(&b, k)[op][d]);
        }
    }
    gp_text_free(&text);
}

/* Replaces the first `from` by `to`; the caller frees. */
static char *with(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    char *made = calloc(1, strlen(text) + strlen(to) + 1);
    memcpy(made, text, (size_t)(at - text));
    strcat(made, to);
    strcat(made, at + strlen(from));
    return made;
}

static void others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } harm[] = {
        {"rates 3", "rates 2"},          {"for me", "for you"},           {"threads 4000000", "threads 0"},
        {"threads 4000000", "threads -1"}, {"threads 4000000", "threads many"}, {"disk_read", "disc_read"},
        {"disk_read 1000000\n", ""},     {"disk_read 1000000", "disk_read 0"}, {"disk_read 1000000", "disk_read 1e6"},
        {"disk_read 1000000", "disk_read"}, {"disk_read 1000000", "disk_read 99999999999999999999999"},
        {"op.EXP.float32", "op.EXPO.float32"}, {"op.EXP.float32", "op.EXP.float16"}, {"op.EXP.float32", "op."},
        {"end\n", ""},                   {"end\n", "end"},                {"end\n", "end\nend\n"},
    };
    gp_rates a, b = {.threads = 77};
    gp_text text = {0};
    fill(&a);
    gp_rates_write(&a, "me", &text);
    for (size_t i = 0; i < sizeof harm / sizeof harm[0]; i++) {
        char *bad = with(text.data, harm[i].from, harm[i].to);
        if (gp_rates_read(bad, "me", &b)) fail_msg("'%s' for '%s' was taken", harm[i].to, harm[i].from);
        assert_int_equal(b.threads, 77);
        free(bad);
    }
    /* Cut off anywhere. */
    for (size_t n = 0; n < text.length; n++) {
        char *cut = gp_strndup(text.data, n);
        assert_false(gp_rates_read(cut, "me", &b));
        free(cut);
    }
    assert_true(gp_rates_read(text.data, "me", &b));
    gp_text_free(&text);
}

static void devices_too(void **state)
{
    (void)state;
    gp_device_rates a, b;
    gp_text text = {0};
    gp_device_rates_cautious(&a);
    a.value[GP_RATE_DEVICE_gemm_f4] = 0; /* it has no library for products */
    a.value[GP_RATE_DEVICE_upload] = 12.5;
    gp_device_rates_write(&a, "gpu; driver 1", &text);
    assert_false(gp_device_rates_read(text.data, "gpu; driver 2", &b));
    assert_true(gp_device_rates_read(text.data, "gpu; driver 1", &b));
    assert_true(b.measured);
    for (int i = 0; i < GP_RATES_DEVICE_COUNT; i++) assert_true(a.value[i] == b.value[i]);
    for (size_t n = 0; n < text.length; n++) {
        char *cut = gp_strndup(text.data, n);
        assert_false(gp_device_rates_read(cut, "gpu; driver 1", &b));
        free(cut);
    }
    gp_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(devices_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
