/* Passes in blocks: every element once, no block too large, and only where that is clearly cheaper. */
#include "base/memory.h"
#include "plan/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A pass of one output over `shape`, with one input that is a stored array whose axes are taken in the
 * order axis[], and, where `straight`, one in C order. */
typedef struct made {
    gp_pass_input input[2];
    gp_pass_output output;
    gp_pass pass;
} made;

static void make(made *m, int ndim, const int64_t *dim, const int *axis, gp_dtype dtype, bool straight)
{
    *m = (made){0};
    gp_shape shape = {.ndim = ndim}, stored = {.ndim = ndim};
    int64_t stride[GPUPROC_MAX_NDIM];
    for (int d = 0; d < ndim; d++) {
        shape.dim[d] = dim[d];
        stored.dim[axis[d]] = dim[d];
    }
    gp_shape_strides(&stored, false, stride);
    gp_walk walk = {.shape = shape}, whole;
    for (int d = 0; d < ndim; d++) walk.stride[d] = dim[d] > 1 ? stride[axis[d]] : 0;
    gp_walk_whole(&shape, false, &whole);
    uint64_t count = gp_shape_size(&shape);
    m->input[0] = (gp_pass_input){.dtype = dtype, .streamed = true, .walk = walk, .count = count};
    m->input[1] = (gp_pass_input){.dtype = dtype, .streamed = true, .walk = whole, .count = count};
    m->output.dtype = dtype;
    m->pass = (gp_pass){.shape = shape, .count = count, .input = m->input, .inputs = straight ? 2 : 1,
                        .output = &m->output, .outputs = 1};
}

static void check(const gp_blocks *b, const gp_shape *shape, uint64_t most)
{
    uint64_t count = gp_shape_size(shape), sum = 0;
    unsigned char *seen = gp_calloc(count, 1);
    int64_t step[GPUPROC_MAX_NDIM];
    gp_shape_strides(shape, false, step);
    assert_non_null(seen);
    for (uint64_t i = 0; i < b->count; i++) {
        int64_t lo[GPUPROC_MAX_NDIM];
        gp_shape box;
        gp_blocks_at(b, i, lo, &box);
        uint64_t size = gp_shape_size(&box);
        assert_in_range(size, 1, most);
        for (uint64_t k = 0; k < size; k++) {
            uint64_t rest = k;
            int64_t at = 0;
            for (int d = shape->ndim; d-- > 0;) {
                int64_t index = lo[d] + (int64_t)(rest % (uint64_t)box.dim[d]);
                rest /= (uint64_t)box.dim[d];
                assert_in_range(index, 0, shape->dim[d] - 1);
                at += index * step[d];
            }
            assert_int_equal(seen[at]++, 0);
        }
        sum += size;
    }
    assert_int_equal(sum, count);
    free(seen);
}

static void every_element_once(void **state)
{
    (void)state;
    static const struct {
        int ndim;
        int64_t dim[4];
        int axis[4];
    } cases[] = {
        {2, {701, 1033}, {1, 0}},  {2, {3, 200001}, {1, 0}},         {2, {200001, 3}, {1, 0}},
        {3, {97, 31, 211}, {2, 1, 0}}, {3, {97, 31, 211}, {1, 0, 2}}, {3, {97, 31, 211}, {2, 0, 1}},
        {4, {5, 1, 700, 301}, {3, 1, 2, 0}}, {4, {64, 64, 16, 16}, {2, 3, 0, 1}},
    };
    unsigned used = 0;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        for (uint64_t most = 1024; most <= 65536; most *= 4) {
            for (int straight = 0; straight < 2; straight++) {
                made m;
                gp_blocks b;
                make(&m, cases[c].ndim, cases[c].dim, cases[c].axis, GPUPROC_FLOAT64, straight);
                if (!gp_blocks_choose(&m.pass, most, false, &b)) continue;
                check(&b, &m.pass.shape, most);
                used++;
            }
        }
    }
    assert_true(used > 20);
}

static void runs_are_long_both_ways(void **state)
{
    (void)state;
    static const int64_t square[] = {32768, 16384}, flat[] = {128, 4194304}, tall[] = {5368709, 100};
    static const int reversed[] = {1, 0};
    const uint64_t most = (uint64_t)4 << 20;
    made m;
    gp_blocks b;
    make(&m, 2, square, reversed, GPUPROC_FLOAT32, false);
    assert_true(gp_blocks_choose(&m.pass, most, false, &b));
    assert_in_range(b.most.dim[0], 1024, most / 1024);
    assert_in_range(b.most.dim[1], 1024, most / 1024);
    /* All of the short axis, which is side by side in storage. */
    make(&m, 2, flat, reversed, GPUPROC_FLOAT32, false);
    assert_true(gp_blocks_choose(&m.pass, most, false, &b));
    assert_int_equal(b.most.dim[0], 128);
    assert_in_range(b.most.dim[1], 16384, most / 128);
    make(&m, 2, tall, reversed, GPUPROC_FLOAT32, false);
    assert_true(!gp_blocks_choose(&m.pass, most, false, &b) || b.most.dim[1] == 100);
}

static void only_where_they_help(void **state)
{
    (void)state;
    static const int64_t dim[] = {4096, 4096}, planes[] = {64, 64, 4096};
    static const int same[] = {0, 1}, swapped[] = {1, 0, 2}, reversed[] = {1, 0};
    made m;
    gp_blocks b;
    make(&m, 2, dim, same, GPUPROC_FLOAT32, true);
    assert_false(gp_blocks_choose(&m.pass, 65536, false, &b));
    make(&m, 3, planes, swapped, GPUPROC_FLOAT32, false); /* rows of 16 KiB are long enough */
    assert_false(gp_blocks_choose(&m.pass, 65536, false, &b));
    make(&m, 2, dim, reversed, GPUPROC_FLOAT32, false);
    assert_false(gp_blocks_choose(&m.pass, (uint64_t)1 << 24, false, &b)); /* all of it at once */
    assert_true(gp_blocks_choose(&m.pass, (uint64_t)1 << 16, false, &b));
    /* In memory 16 elements in a row are not enough, and 64 are. */
    assert_true(gp_blocks_choose(&m.pass, (uint64_t)1 << 16, true, &b));
    assert_false(gp_blocks_choose(&m.pass, (uint64_t)1 << 18, true, &b));
}

static void cost_counts_what_is_read(void **state)
{
    (void)state;
    static const int64_t flat[] = {128, 1 << 20};
    static const int reversed[] = {1, 0};
    made m;
    make(&m, 2, flat, reversed, GPUPROC_FLOAT32, false);
    uint64_t all = m.pass.count * 4;
    /* A row of the result is all of the file. */
    assert_in_range(gp_pass_input_cost_in_order(&m.pass, 0, 1 << 20), 127 * all, 130 * all);
    assert_in_range(gp_pass_input_cost_in_order(&m.pass, 0, m.pass.count), all, all + all / 100);
    make(&m, 2, flat, (const int[]){0, 1}, GPUPROC_FLOAT32, false);
    assert_in_range(gp_pass_input_cost_in_order(&m.pass, 0, 1 << 20), all, all + all / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_element_once),
        cmocka_unit_test(runs_are_long_both_ways),
        cmocka_unit_test(only_where_they_help),
        cmocka_unit_test(cost_counts_what_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
