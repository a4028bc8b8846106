#include "golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

unsigned char *golden_load(const char *name, size_t *bytes)
{
    const char *folder = getenv("GPUPROC_TEST_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/%s", folder != NULL ? folder : "tests", name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail_msg("cannot open %s", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    assert_true(size > 0);
    rewind(f);
    unsigned char *file = malloc((size_t)size + 1);
    assert_int_equal(fread(file, 1, (size_t)size, f), size);
    fclose(f);
    file[size] = 0;
    *bytes = (size_t)size;
    return file;
}

gp_dtype golden_dtype(const char *name)
{
    gpuproc_dtype dtype;
    gpuproc_error err;
    if (gpuproc_dtype_parse(name, &dtype, NULL, &err) != GPUPROC_OK) fail_msg("no dtype %s", name);
    return dtype;
}

static gp_op op_named(const char *name)
{
    for (int op = 0; op < GP_OP_COUNT; op++) {
        if (strcmp(gp_op_info_of((gp_op)op)->name, name) == 0) return (gp_op)op;
    }
    fail_msg("no operation %s", name);
    return GP_OP_COUNT;
}

static const golden_set *set_named(const golden *g, const char *name)
{
    for (size_t i = 0; i < g->sets; i++) {
        if (strcmp(g->set[i].name, name) == 0) return &g->set[i];
    }
    fail_msg("no set %s", name);
    return NULL;
}

golden *golden_read_elementwise(void)
{
    golden *g = calloc(1, sizeof *g);
    g->file = golden_load("elementwise.bin", &g->bytes);
    const unsigned char *p = g->file, *end = g->file + g->bytes;
    bool ended = false;
    while (!ended) {
        char text[256], word[6][32];
        const unsigned char *eol = memchr(p, '\n', (size_t)(end - p));
        assert_non_null(eol);
        assert_true((size_t)(eol - p) < sizeof text);
        memcpy(text, p, (size_t)(eol - p));
        text[eol - p] = 0;
        p = eol + 1;
        ended = strcmp(text, "end") == 0;
        if (ended || strncmp(text, "gpuproc elementwise 1 ", 22) == 0) continue;
        size_t n, bytes;
        if (sscanf(text, "set %31s %31s %zu", word[0], word[1], &n) == 3) {
            assert_true(g->sets < MAX_SETS);
            golden_set *s = &g->set[g->sets++];
            *s = (golden_set){.dtype = golden_dtype(word[1]), .n = n, .bytes = p};
            memcpy(s->name, word[0], sizeof s->name);
            bytes = n * gpuproc_dtype_bytes(s->dtype);
        } else {
            int words = sscanf(text, "op %31s %31s %31s %zu %31s %31s %31s", word[0], word[1], word[2], &n, word[3],
                               word[4], word[5]);
            assert_true(words >= 5 && g->items < MAX_CASES);
            golden_case *c = &g->item[g->items++];
            *c = (golden_case){.op = op_named(word[0]), .operand = golden_dtype(word[1]),
                               .result = golden_dtype(word[2]), .arity = words - 4, .n = n, .want = p};
            for (int i = 0; i < c->arity; i++) c->arg[i] = set_named(g, word[3 + i]);
            bytes = n * gpuproc_dtype_bytes(c->result);
        }
        assert_true(bytes <= (size_t)(end - p));
        p += bytes;
    }
    return g;
}

void golden_free(golden *g)
{
    free(g->file);
    free(g);
}

/* ---- comparing ------------------------------------------------------------------- */

double golden_value(const void *p, gp_dtype dtype)
{
    float f;
    double d;
    if (dtype == GPUPROC_FLOAT32) {
        memcpy(&f, p, sizeof f);
        return (double)f;
    }
    memcpy(&d, p, sizeof d);
    return d;
}

/* Floats in a row: neighbours differ by 1, infinity follows the largest. */
static int64_t order(const void *p, gp_dtype dtype)
{
    if (dtype == GPUPROC_FLOAT32) {
        int32_t i;
        memcpy(&i, p, sizeof i);
        return i < 0 ? -(int64_t)(i & INT32_MAX) : i;
    }
    int64_t i;
    memcpy(&i, p, sizeof i);
    return i < 0 ? -(i & INT64_MAX) : i;
}

bool golden_close(const void *got, const void *want, gp_dtype dtype, int ulp)
{
    if (memcmp(got, want, gpuproc_dtype_bytes(dtype)) == 0) return true;
    if (!gp_dtype_is_float(dtype)) return false;
    double g = golden_value(got, dtype), w = golden_value(want, dtype);
    if (isnan(w)) return isnan(g);
    if (isnan(g) || (w == 0 && signbit(w) != signbit(g))) return false;
    int64_t distance;
    return !__builtin_sub_overflow(order(got, dtype), order(want, dtype), &distance) && distance >= -ulp &&
           distance <= ulp;
}

/* ---- guarded buffers ------------------------------------------------------------- */

guarded guarded_new(size_t bytes)
{
    guarded g = {.bytes = bytes};
    size_t whole = (bytes + 2 * GUARD + 63) / 64 * 64;
    g.memory = aligned_alloc(64, whole);
    assert_non_null(g.memory);
    memset(g.memory, GUARD_BYTE, whole);
    g.data = g.memory + GUARD;
    return g;
}

void guarded_fill(guarded *g, const void *pool, size_t pool_n, size_t size, size_t n)
{
    for (size_t i = 0; i < n; i++) memcpy(g->data + i * size, (const char *)pool + i % pool_n * size, size);
}

bool guarded_intact(const guarded *g)
{
    for (size_t i = 0; i < GUARD; i++) {
        if (g->memory[i] != GUARD_BYTE || g->data[g->bytes + i] != GUARD_BYTE) return false;
    }
    return true;
}

void guarded_free(guarded *g)
{
    free(g->memory);
    *g = (guarded){0};
}
