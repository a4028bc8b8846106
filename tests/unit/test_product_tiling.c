/* How products are cut: what fits, what is read, and that nothing much better was overlooked. */
#include "emit/pass.h"
#include "matrix/product.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#define MIB ((uint64_t)1 << 20)

static gp_product_spec spec_of(gp_dtype dtype, uint64_t stack, uint64_t m, uint64_t n, uint64_t k)
{
    gp_product_spec s = {.dtype = dtype, .operand = {dtype, dtype}, .stack = stack, .m = m, .n = n, .k = k};
    gp_walk_whole(&(gp_shape){3, {(int64_t)stack, (int64_t)m, (int64_t)k}}, false, &s.walk[0]);
    gp_walk_whole(&(gp_shape){3, {(int64_t)stack, (int64_t)k, (int64_t)n}}, false, &s.walk[1]);
    return s;
}

/* Written down once more: the tile, two panels of each operand or all of B's strip. */
static double bytes_of(const gp_product_spec *s, const gp_product_need *need, const gp_product_tiling *t)
{
    double e = (double)gpuproc_dtype_bytes(s->dtype), items = (double)t->items;
    double rows = (double)(s->stack > 1 ? gp_min_u64(t->rows, s->m) : t->rows);
    double a = 2 * rows * (double)t->depth * items * e;
    double b = t->keep_b ? (double)(s->k * t->strip) * e : 2 * (double)(t->depth * t->strip) * items * e;
    return a + b + (double)(t->rows * t->strip) * (double)need->tile_bytes;
}

static double read_of(const gp_product_spec *s, const gp_product_tiling *t)
{
    double e = (double)gpuproc_dtype_bytes(s->dtype), k = (double)s->k;
    uint64_t all = s->stack * s->m;
    double tiles = (double)gp_ceil_div(all, t->rows), strips = (double)gp_ceil_div(s->n, t->strip);
    return strips * (double)all * k * e + (t->keep_b ? 1 : tiles) * k * (double)s->n * e;
}

/* With what short panels and low tiles are worth. */
static double cost_of(const gp_product_spec *s, const gp_product_tiling *t)
{
    double worse = 1 + (t->depth < s->k ? 32.0 / (double)t->depth : 0) + (t->rows < s->m ? fmin(72, (double)s->n / 4) / (double)t->rows : 0) +
                   (t->strip < s->n ? 56.0 / (double)t->strip : 0);
    return worse * read_of(s, t);
}

static void check_tiling(const gp_product_spec *s, const gp_product_need *need, const gp_product_tiling *t)
{
    uint64_t all = s->stack * s->m;
    assert_true(t->strip == s->n || (t->strip % 128 == 0 && t->strip < s->n));
    assert_true(t->strip == s->n || need->strips);
    assert_true(t->rows > 0 && t->rows <= all);
    assert_true(t->rows == all || t->rows * t->strip % GP_BLOCK == 0);
    assert_true(t->depth == s->k || t->depth % 256 == 0);
    assert_true(t->depth <= s->k && t->items >= 1);
    assert_false(t->keep_b && s->stack > 1);
    double bytes = bytes_of(s, need, t);
    assert_true(bytes <= (double)need->budget);
    double panels = bytes - (double)(t->rows * t->strip) * (double)need->tile_bytes;
    assert_true((double)t->panel_bytes >= panels);
    assert_true(t->panel_bytes + t->rows * t->strip * need->tile_bytes <= need->budget);
    if (s->stack == 1) assert_true((double)t->read_bytes == read_of(s, t));
    assert_true(t->read_bytes >= t->least_bytes);
}

static bool tile(const gp_product_spec *s, const gp_product_need *need, gp_product_tiling *t)
{
    uint64_t least = 0;
    bool ok = gp_product_tile(s, need, t, &least);
    assert_true(least > 0 || s->m * s->n == 0);
    if (ok) assert_true(least <= need->budget);
    else assert_true(least > need->budget);
    return ok;
}

/* Nothing on a grid of tilings is better. */
static void nothing_better_is_overlooked(void **state)
{
    uint64_t sides[] = {64, 1000, 3000, 9000, 40000}, budgets[] = {4 * MIB, 16 * MIB, 64 * MIB};
    (void)state;
    for (int c = 0; c < 125 * 3; c++) {
        gp_product_spec s = spec_of(GPUPROC_FLOAT32, 1, sides[c % 5], sides[c / 5 % 5], sides[c / 25 % 5]);
        gp_product_need need = {.budget = budgets[c / 125], .tile_bytes = 12, .strips = true};
        gp_product_tiling t, x;
        double best = HUGE_VAL;
        bool ok = tile(&s, &need, &t);
        if (ok) check_tiling(&s, &need, &t);
        for (uint64_t strip = GP_BLOCK; strip < s.n + 2 * GP_BLOCK; strip += 2 * GP_BLOCK)
            for (uint64_t rows = 256; rows < s.m + 256; rows += 256)
                for (uint64_t depth = 256; depth < s.k + 1024; depth += 1024)
                    for (int keep = 0; keep < 2; keep++) {
                        x = (gp_product_tiling){.strip = gp_min_u64(strip, s.n), .rows = gp_min_u64(rows, s.m), .items = 1,
                                                .depth = gp_min_u64(depth, s.k), .keep_b = keep};
                        uint64_t slack = 8 * GP_STAGING_SLACK + gp_ceil_div(s.k, x.depth) * GP_STAGING_SLACK;
                        if (x.rows < s.m && x.rows * x.strip % GP_BLOCK != 0) continue;
                        if (bytes_of(&s, &need, &x) + (double)slack > (double)need.budget) continue;
                        best = fmin(best, cost_of(&s, &x));
                    }
        if (!ok) assert_true(best == HUGE_VAL);
        else if (cost_of(&s, &t) > 1.06 * best) fail_msg("%d: costs %g, %g is possible", c, cost_of(&s, &t), best);
    }
}

/* Operands of many times the budget: close to the bound. */
static void reads_little_out_of_core(void **state)
{
    const struct {
        gp_dtype dtype;
        uint64_t tile_bytes, m, n, k;
    } cases[] = {
        {GPUPROC_FLOAT32, 12, 8192, 8192, 8192},    {GPUPROC_FLOAT32, 8, 16384, 16384, 16384},
        {GPUPROC_FLOAT32, 16, 32768, 32768, 32768}, {GPUPROC_FLOAT64, 24, 8192, 8192, 8192},
        {GPUPROC_FLOAT64, 16, 16384, 16384, 16384}, {GPUPROC_FLOAT64, 24, 22000, 22000, 22000},
        {GPUPROC_FLOAT32, 12, 5000000, 64, 64},     {GPUPROC_FLOAT32, 12, 64, 5000000, 64},
        {GPUPROC_FLOAT32, 12, 100, 100, 5000000},   {GPUPROC_FLOAT64, 24, 1000000, 1000, 300},
        {GPUPROC_FLOAT32, 12, 300, 1000000, 1000},  {GPUPROC_FLOAT32, 12, 10007, 10007, 10007},
        {GPUPROC_COMPLEX128, 48, 6000, 6000, 6000}, {GPUPROC_FLOAT32, 12, 1, 100000, 100000},
        {GPUPROC_FLOAT32, 12, 100000, 1, 100000},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        gp_product_spec s = spec_of(cases[c].dtype, 1, cases[c].m, cases[c].n, cases[c].k);
        gp_product_need need = {.budget = 64 * MIB, .tile_bytes = cases[c].tile_bytes, .strips = true};
        gp_product_tiling t;
        assert_true(tile(&s, &need, &t));
        check_tiling(&s, &need, &t);
        double ratio = (double)t.read_bytes / (double)t.least_bytes;
        if (ratio > 1.3) fail_msg("case %zu reads %.2f of the least", c, ratio);
    }
}

static void small_budgets_are_refused(void **state)
{
    gp_product_spec s = spec_of(GPUPROC_FLOAT64, 1, 100000, 100000, 100000);
    gp_product_need need = {.budget = MIB, .tile_bytes = 24};
    gp_product_tiling t;
    uint64_t least = 0;
    (void)state;
    assert_false(gp_product_tile(&s, &need, &t, &least));
    assert_true(least > MIB);
    need.budget = least;
    assert_true(gp_product_tile(&s, &need, &t, &least));
    check_tiling(&s, &need, &t);
    need.budget = least - 1;
    assert_false(gp_product_tile(&s, &need, &t, &least));
    need.budget = 8 * MIB; /* what one strip cannot, many can */
    assert_false(gp_product_tile(&s, &need, &t, &least));
    need.strips = true;
    assert_true(gp_product_tile(&s, &need, &t, &least));
    check_tiling(&s, &need, &t);
}

/* A device whose memory is the host's. */
static void bytes_of_tile(gp_device *device, gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, uint64_t *host,
                          uint64_t *there)
{
    (void)device;
    *host = *there = (2 * (m * k + k * n) + m * n) * gpuproc_dtype_bytes(dtype);
}

static void stacks_and_limits(void **state)
{
    gp_product_need need = {.budget = 16 * MIB, .tile_bytes = 12, .strips = true};
    gp_product_tiling t;
    (void)state;
    gp_product_spec s = spec_of(GPUPROC_FLOAT32, 100000, 4, 4, 4);
    assert_true(tile(&s, &need, &t));
    check_tiling(&s, &need, &t);
    assert_true(t.items > 100);
    assert_int_equal(t.read_bytes, 100000 * 32 * 4);
    s = spec_of(GPUPROC_FLOAT32, 7, 3000, 500, 800);
    assert_true(tile(&s, &need, &t));
    check_tiling(&s, &need, &t);
    s = spec_of(GPUPROC_FLOAT32, 1, 50, 60, 0);
    assert_true(tile(&s, &need, &t));
    assert_int_equal(t.read_bytes, 0);
    s = spec_of(GPUPROC_FLOAT32, 1, 0, 60, 5);
    assert_true(tile(&s, &need, &t));
    s = spec_of(GPUPROC_FLOAT32, 1, 5, 0, 5);
    assert_true(tile(&s, &need, &t));
    s = spec_of(GPUPROC_FLOAT32, 1, (uint64_t)1 << 61, 1, 1);
    assert_true(tile(&s, &need, &t));
    check_tiling(&s, &need, &t);
    s = spec_of(GPUPROC_FLOAT32, 1, 1, (uint64_t)1 << 61, 1);
    assert_true(tile(&s, &need, &t));
    check_tiling(&s, &need, &t);
    /* Other dtypes are converted beside: more panels, but never more than there is. */
    s = spec_of(GPUPROC_FLOAT64, 1, 9000, 9000, 9000);
    s.operand[0] = GPUPROC_FLOAT16;
    s.operand[1] = GPUPROC_FLOAT32;
    const gp_device_matrix_api matrix = {.bytes = bytes_of_tile};
    gp_device device = {.matrix = &matrix};
    gp_device *devices[] = {&device, &device};
    need.budget = 64 * MIB;
    assert_true(tile(&s, &need, &t));
    uint64_t alone = t.rows * t.strip;
    need.device = devices;
    need.devices = 2;
    assert_true(tile(&s, &need, &t));
    uint64_t host, there;
    bytes_of_tile(&device, GPUPROC_FLOAT64, t.rows, t.strip, t.depth, &host, &there);
    assert_true(t.panel_bytes > 2 * host);
    assert_true(t.panel_bytes + t.rows * t.strip * need.tile_bytes <= need.budget);
    assert_true(t.rows * t.strip < alone);
}

static void last_strips_begin_at_blocks(void **state)
{
    gp_product_need need = {.budget = 64 * MIB, .tile_bytes = 12, .strips = true};
    (void)state;
    for (uint64_t n = 8000; n < 8100; n++) {
        gp_product_spec s = spec_of(GPUPROC_FLOAT32, 1, 12345, n, 7000);
        gp_product_tiling t;
        assert_true(tile(&s, &need, &t));
        assert_true(t.strip < n);
        uint64_t width = n % t.strip, rows = gp_product_rows(&s, &t, width);
        assert_int_equal(gp_product_rows(&s, &t, t.strip), t.rows);
        if (width == 0) continue;
        assert_true(rows > 0 && rows * width <= t.rows * t.strip);
        assert_true(rows == s.m || rows * width % GP_BLOCK == 0);
    }
}

/* What fits is made in a few tiles that BLAS likes. */
static void what_fits_is_made_in_large_tiles(void **state)
{
    gp_product_need need = {.budget = 1024 * MIB, .tile_bytes = 12, .strips = true, .whole = true};
    gp_product_spec s = spec_of(GPUPROC_FLOAT32, 1, 4096, 4096, 4096);
    gp_product_tiling t;
    (void)state;
    assert_true(tile(&s, &need, &t));
    check_tiling(&s, &need, &t);
    assert_true(t.whole);
    assert_int_equal(t.strip, 4096);
    assert_int_equal(t.rows, 1024);
    s = spec_of(GPUPROC_FLOAT32, 1, 500, 500, 500);
    assert_true(tile(&s, &need, &t));
    assert_int_equal(t.rows, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_better_is_overlooked), cmocka_unit_test(reads_little_out_of_core),
        cmocka_unit_test(small_budgets_are_refused),    cmocka_unit_test(stacks_and_limits),
        cmocka_unit_test(last_strips_begin_at_blocks),  cmocka_unit_test(what_fits_is_made_in_large_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
