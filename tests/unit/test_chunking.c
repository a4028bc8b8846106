/* How much travels at once: never past a budget, never odd sizes, always an answer. */
#include "base/memory.h"
#include "emit/pass.h"
#include "plan/chunking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct costs {
    uint64_t host_fixed, host_each, device_fixed, device_each; /* of a slot; per element */
    uint64_t asked;                                            /* the most elements asked about */
    unsigned calls;
} costs;

static void slot_bytes(void *ctx, uint64_t elements, uint64_t *host, uint64_t *device)
{
    costs *c = ctx;
    c->calls++;
    c->asked = gp_max_u64(c->asked, elements);
    *host = c->host_fixed + elements * c->host_each;
    *device = c->device_fixed + elements * c->device_each;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Numbers of every magnitude, up to `bits` bits. */
static uint64_t of_any_size(uint64_t *state, unsigned bits)
{
    uint64_t n = next_random(state) << 31 ^ next_random(state);
    unsigned keep = (unsigned)(next_random(state) % (bits + 1));
    return keep == 0 ? 0 : n & (UINT64_MAX >> (64 - keep));
}

static void check(const gp_chunking_request *r, const gp_chunking *c)
{
    const costs *cost = r->ctx;
    uint64_t host = cost->host_fixed + c->elements * cost->host_each;
    uint64_t device = cost->device_fixed + c->elements * cost->device_each;
    assert_true(c->elements >= GP_BLOCK && c->elements % GP_BLOCK == 0);
    assert_true(c->elements <= UINT64_C(1) << 30);
    assert_true(c->slots >= 1 && c->slots <= 1024);
    assert_true(c->host_bytes == host * c->slots && c->host_bytes <= r->host_budget);
    assert_true(r->device_budget == 0 || device * c->slots <= r->device_budget);
    assert_true(c->slots <= gp_max_u64(gp_ceil_div(r->count, c->elements), 1));
    assert_true(c->elements < r->count + GP_BLOCK || c->elements == GP_BLOCK); /* none larger than all */
    if (r->sync) assert_int_equal(c->slots, 1);
    if (r->slots != 0) assert_true(c->slots <= r->slots);
    if (r->chunk_bytes != 0)
        assert_true(c->elements * r->widest_bytes <= gp_max_u64(r->chunk_bytes, GP_BLOCK * r->widest_bytes));
}

static void random_requests(void **state)
{
    (void)state;
    uint64_t seed = 20;
    unsigned chosen = 0, refused = 0;
    for (int i = 0; i < 50000; i++) {
        costs cost = {of_any_size(&seed, 24), 1 + of_any_size(&seed, 9), of_any_size(&seed, 24),
                      of_any_size(&seed, 9), 0, 0};
        gp_chunking_request r = {.count = of_any_size(&seed, 60),
                                 .widest_bytes = (size_t)1 << next_random(&seed) % 5,
                                 .chunk_bytes = next_random(&seed) % 2 ? of_any_size(&seed, 62) : 0,
                                 .slots = next_random(&seed) % 2 ? (unsigned)of_any_size(&seed, 31) : 0,
                                 .sync = next_random(&seed) % 4 == 0,
                                 .host_budget = of_any_size(&seed, 40),
                                 .device_budget = next_random(&seed) % 2 ? of_any_size(&seed, 40) : 0,
                                 .slot_bytes = slot_bytes, .ctx = &cost};
        gp_chunking c;
        gpuproc_error err;
        gpuproc_status st = gp_chunking_choose(&r, &c, &err);
        assert_true(cost.calls < 2000);
        if (st == GPUPROC_OK) {
            check(&r, &c);
            chosen++;
            continue;
        }
        assert_int_equal(st, GPUPROC_BUDGET);
        assert_int_equal(err.status, GPUPROC_BUDGET);
        refused++;
        /* It was not refused lightly: one slot of the smallest chunk that may be does not fit. */
        uint64_t blocks = gp_max_u64(gp_ceil_div(r.count, GP_BLOCK), 1);
        uint64_t least = r.chunk_bytes == 0 ? GP_BLOCK
                                            : gp_min_u64(gp_max_u64(r.chunk_bytes / r.widest_bytes / GP_BLOCK, 1), blocks) * GP_BLOCK;
        least = gp_min_u64(least, UINT64_C(1) << 30);
        uint64_t host = cost.host_fixed + least * cost.host_each;
        uint64_t device = cost.device_fixed + least * cost.device_each;
        assert_true(host > r.host_budget || (r.device_budget != 0 && device > r.device_budget));
    }
    assert_true(chosen > 5000 && refused > 5000);
}

static gp_chunking choose(gp_chunking_request r)
{
    costs cost = {0, 16, 0, 0, 0, 0};
    gp_chunking c;
    r.slot_bytes = slot_bytes;
    r.ctx = &cost;
    assert_int_equal(gp_chunking_choose(&r, &c, NULL), GPUPROC_OK);
    check(&r, &c);
    return c;
}

static void what_is_asked_for(void **state)
{
    (void)state;
    gp_chunking_request r = {.count = 1 << 28, .widest_bytes = 8, .host_budget = UINT64_C(1) << 40};
    gp_chunking c = choose(r);
    assert_int_equal(c.elements * 8, 8 << 20);
    assert_true(c.slots >= 3);
    r.chunk_bytes = 3 * GP_BLOCK * 8 + 5; /* down to whole blocks */
    r.slots = 7;
    c = choose(r);
    assert_true(c.elements == 3 * GP_BLOCK && c.slots == 7);
    r.chunk_bytes = 1;
    c = choose(r);
    assert_int_equal(c.elements, GP_BLOCK);
    r.sync = true;
    c = choose(r);
    assert_int_equal(c.slots, 1);
    /* No chunk larger than the array, no more slots than chunks. */
    r = (gp_chunking_request){.count = 2 * GP_BLOCK + 1, .widest_bytes = 8, .host_budget = UINT64_C(1) << 40, .slots = 9};
    c = choose(r);
    assert_true(c.elements == 3 * GP_BLOCK && c.slots == 1);
    r.chunk_bytes = GP_BLOCK * 8;
    c = choose(r);
    assert_true(c.elements == GP_BLOCK && c.slots == 3);
    r.count = 0;
    c = choose(r);
    assert_true(c.elements == GP_BLOCK && c.slots == 1);
    /* Very many streams have less each, down to a least; what is asked for counts all the same. */
    r = (gp_chunking_request){.count = 1 << 28, .widest_bytes = 4, .host_budget = UINT64_C(1) << 40, .streams = 1000};
    c = choose(r);
    assert_true(c.elements * 4 * 1000 <= UINT64_C(256) << 20 && c.elements >= 8 * GP_BLOCK);
    r.streams = 100000;
    assert_true(choose(r).elements >= 8 * GP_BLOCK);
    r.chunk_bytes = 8 << 20;
    assert_int_equal(choose(r).elements, 2 << 20);
    /* Chunks that are handed on as they are may be larger. */
    r = (gp_chunking_request){.count = 1 << 28, .widest_bytes = 8, .host_budget = UINT64_C(1) << 40, .memory_bytes = 32 << 20};
    assert_true(choose(r).elements * 8 > 8 << 20);
    /* Nothing overflows, whatever is asked for. */
    r = (gp_chunking_request){.count = INT64_MAX, .widest_bytes = 1, .host_budget = UINT64_MAX,
                              .chunk_bytes = UINT64_MAX, .slots = UINT32_MAX};
    c = choose(r);
    assert_true(c.elements == UINT64_C(1) << 30);
}

static void what_is_told(void **state)
{
    (void)state;
    costs cost = {500, 16, 700, 16, 0, 0};
    gp_chunking_request r = {.count = 1 << 20, .widest_bytes = 8, .host_budget = 1000, .slots = 4,
                             .slot_bytes = slot_bytes, .ctx = &cost};
    gp_chunking c = {.elements = 77};
    gpuproc_error err;
    assert_int_equal(gp_chunking_choose(&r, &c, &err), GPUPROC_BUDGET);
    assert_int_equal(c.elements, 77);
    assert_non_null(strstr(err.message, "1024 elements takes 16884 bytes, but the memory budget leaves 1000"));
    r.host_budget = 16884; /* exactly */
    assert_int_equal(gp_chunking_choose(&r, &c, &err), GPUPROC_OK);
    assert_true(c.elements == 1024 && c.slots == 1);
    r.host_budget = 1 << 30;
    r.device_budget = 17083;
    assert_int_equal(gp_chunking_choose(&r, &c, &err), GPUPROC_BUDGET);
    assert_non_null(strstr(err.message, "17084 bytes on the device, but there are 17083"));
    /* A chunk that was asked for is not made smaller in silence. */
    r.host_budget = 1 << 20;
    r.device_budget = 0;
    r.chunk_bytes = 1 << 20;
    assert_int_equal(gp_chunking_choose(&r, &c, &err), GPUPROC_BUDGET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_requests),
        cmocka_unit_test(what_is_asked_for),
        cmocka_unit_test(what_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
