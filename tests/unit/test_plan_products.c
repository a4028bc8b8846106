/* Matrix products in plans: which come tile by tile, which are stored first, and tiles of some columns. */
#include "emit/pass.h"
#include "lang/ir.h"
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

typedef struct planned {
    gp_program program;
    gp_plan_target target[4];
    size_t targets;
    gp_plan plan;
} planned;

static int matrix(planned *p, const char *name, int64_t rows, int64_t columns)
{
    gp_shape shape = {2, {rows, columns}};
    return gp_ir_input(&p->program, name, GPUPROC_FLOAT32, &shape);
}

static int product(planned *p, int a, int b)
{
    gp_shape shape = {2, {p->program.node[a].shape.dim[0], p->program.node[b].shape.dim[1]}};
    return gp_ir_product(&p->program, GP_OP_MATMUL, GPUPROC_FLOAT32, a, b, 0, &shape);
}

static int op(planned *p, gp_op which, int a, int b)
{
    return gp_ir_op(&p->program, which, GPUPROC_FLOAT32, a, b, -1);
}

static int transposed(planned *p, int a)
{
    gp_shape shape = p->program.node[a].shape;
    gp_walk walk = {.shape = {2, {shape.dim[1], shape.dim[0]}}, .stride = {1, shape.dim[1]}};
    return gp_ir_view(&p->program, a, &walk);
}

static void want(planned *p, int node)
{
    p->target[p->targets++] = (gp_plan_target){.node = node, .scalar = p->program.node[node].uniform};
}

static gpuproc_status try_plan(planned *p, uint64_t memory, gpuproc_error *err)
{
    gpuproc_error why = {0};
    if (gp_program_verify(&p->program, &why) != GPUPROC_OK) fail_msg("%s", why.message);
    return gp_plan_make(&p->program, p->target, p->targets, memory, &p->plan, err);
}

static void plan(planned *p, uint64_t memory)
{
    gpuproc_error err = {0};
    if (try_plan(p, memory, &err) != GPUPROC_OK) fail_msg("%s", err.message);
}

static void release(planned *p)
{
    gp_plan_free(&p->plan);
    gp_program_free(&p->program);
    *p = (planned){0};
}

static const gp_plan_stored *array(const planned *p, int number)
{
    assert_true((size_t)number >= p->program.inputs);
    return &p->plan.stored[(size_t)number - p->program.inputs];
}

/* The pass reads just the product, as it is made. */
static void check_reads_product(const planned *p, size_t pass, int node)
{
    const gp_pass *it = &p->plan.pass[pass].pass;
    bool found = false;
    for (size_t i = 0; i < it->inputs; i++) {
        if (it->input[i].node != node) continue;
        assert_true(it->input[i].streamed);
        assert_true(array(p, it->input[i].input)->product);
        found = true;
    }
    assert_true(found);
    assert_true(p->plan.pass[pass].products);
}

static void is_made_where_it_is_read(void **state)
{
    (void)state;
    planned p = {0};
    int a = matrix(&p, "a", 300, 200), b = matrix(&p, "b", 200, 100), c = matrix(&p, "c", 300, 100);
    int ab = product(&p, a, b), sum = op(&p, GP_OP_ADD, ab, c);
    want(&p, sum);
    want(&p, gp_ir_reduce(&p.program, GP_OP_SUM, GPUPROC_FLOAT32, ab, 0));
    plan(&p, 64 * MIB);
    assert_int_equal(p.plan.passes, 1); /* element-wise work and sum on the tile */
    assert_int_equal(p.plan.storeds, 1);
    check_reads_product(&p, 0, ab);
    const gp_product_spec *spec = &array(&p, p.plan.pass[0].pass.input[0].node == ab
                                                ? p.plan.pass[0].pass.input[0].input
                                                : p.plan.pass[0].pass.input[1].input)->spec;
    assert_int_equal(spec->m, 300);
    assert_int_equal(spec->n, 100);
    assert_int_equal(spec->k, 200);
    assert_int_equal(spec->stack, 1);
    assert_true(p.plan.input_reads[0] > 1); /* a stream has to be kept: its tiles are read in another order */
    assert_true(p.plan.input_reads[1] > 1);
    release(&p);
}

static void is_stored_where_it_is_viewed_or_read_twice(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        planned p = {0};
        int a = matrix(&p, "a", 300, 200), b = matrix(&p, "b", 200, 300), ab = product(&p, a, b);
        if (way == 0) want(&p, op(&p, GP_OP_ADD, ab, transposed(&p, ab)));
        if (way == 1) want(&p, op(&p, GP_OP_SUB, ab, gp_ir_reduce(&p.program, GP_OP_MEAN, GPUPROC_FLOAT32, ab, 0)));
        if (way == 2) want(&p, product(&p, ab, a)); /* an operand of another one */
        want(&p, ab);
        plan(&p, 64 * MIB);
        const gp_plan_pass *first = &p.plan.pass[0];
        check_reads_product(&p, 0, ab);
        size_t stored = SIZE_MAX, target = SIZE_MAX;
        for (size_t o = 0; o < first->pass.outputs; o++) {
            assert_int_equal(first->pass.output[o].node, ab);
            if (first->output_stored[o] != SIZE_MAX) stored = first->output_stored[o];
            if (first->output_target[o] != SIZE_MAX) target = first->output_target[o];
        }
        assert_int_equal(target, 1); /* the result comes from there, not from the array */
        assert_true(stored != SIZE_MAX);
        assert_false(p.plan.stored[stored].product);
        assert_int_equal(p.plan.stored[stored].made, 0);
        assert_true(p.plan.stored[stored].last_read > 0);
        for (size_t i = 1; i < p.plan.passes; i++) { /* nobody makes it again */
            for (size_t k = 0; k < p.plan.pass[i].pass.inputs; k++) {
                const gp_pass_input *in = &p.plan.pass[i].pass.input[k];
                if (gp_node_base(&p.program, in->node) == ab)
                    assert_int_equal((size_t)in->input, p.program.inputs + stored);
            }
        }
        release(&p);
    }
}

static void is_in_blocks_where_rows_are_long(void **state)
{
    (void)state;
    planned p = {0};
    int a = matrix(&p, "a", 20000, 20000), b = matrix(&p, "b", 20000, 20001), c = matrix(&p, "c", 20000, 20001);
    int ab = product(&p, a, b);
    want(&p, op(&p, GP_OP_ADD, ab, c));
    want(&p, gp_ir_reduce(&p.program, GP_OP_SUM, GPUPROC_FLOAT32, ab, 0)); /* in any order */
    plan(&p, 64 * MIB);
    assert_int_equal(p.plan.passes, 1);
    assert_in_range(p.plan.pass[0].columns, GP_BLOCK, 20000);
    for (size_t i = 0; i < p.plan.pass[0].pass.inputs; i++) assert_true(p.plan.pass[0].pass.input[i].streamed);
    release(&p);

    /* A product of all needs whole rows, and a stream too: whole rows, or it is stored first. */
    a = matrix(&p, "a", 20000, 20000), b = matrix(&p, "b", 20000, 20001);
    ab = product(&p, a, b);
    want(&p, gp_ir_reduce(&p.program, GP_OP_PROD, GPUPROC_FLOAT32, ab, 0));
    want(&p, ab);
    p.target[1].in_order = true;
    plan(&p, 64 * MIB);
    for (size_t i = 0; i < p.plan.passes; i++) {
        const gp_plan_pass *pass = &p.plan.pass[i];
        if (pass->columns == 0) continue;
        assert_int_equal(pass->pass.reduces, 0);
        for (size_t o = 0; o < pass->pass.outputs; o++) {
            assert_true(pass->output_stored[o] != SIZE_MAX);
            assert_true(pass->output_target[o] == SIZE_MAX);
        }
    }
    release(&p);
}

static void too_small_a_budget_is_told(void **state)
{
    (void)state;
    planned p = {0};
    gpuproc_error err = {0};
    int a = matrix(&p, "a", 5000, 5000), b = matrix(&p, "b", 5000, 5000);
    want(&p, product(&p, a, b));
    assert_int_equal(try_plan(&p, 20000, &err), GPUPROC_BUDGET);
    assert_non_null(strstr(err.message, "matrix product"));
    release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_made_where_it_is_read),
        cmocka_unit_test(is_stored_where_it_is_viewed_or_read_twice),
        cmocka_unit_test(is_in_blocks_where_rows_are_long),
        cmocka_unit_test(too_small_a_budget_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
