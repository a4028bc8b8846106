/* Programs cut into passes: how many, what each reads, what is shared. */
#include "base/memory.h"
#include "lang/compile.h"
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Replaces the library's, so that the linker leaves base/memory.c out. */
static int allocations, failing; /* the number of the one that fails; 0: none */

void *gp_calloc(size_t count, size_t size)
{
    if (++allocations == failing) return NULL;
    return calloc(count ? count : 1, size ? size : 1);
}

bool gp_grow(void *array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity) return true;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = realloc(old, 2 * need * size);
    if (grown == NULL) return false;
    memcpy(array, &grown, sizeof grown);
    *capacity = 2 * need;
    return true;
}

#define MOST_TARGETS 8

/* The plan of a text; every result is a target: arrays as elements, the rest as values. */
typedef struct planned {
    gp_program program;
    gp_plan_target target[MOST_TARGETS];
    gp_plan plan;
} planned;

static const gp_input inputs[] = {
    {.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {2, {30, 40}}}, {.name = "y", .dtype = GPUPROC_FLOAT64, .shape = {2, {30, 40}}},
    {.name = "r", .dtype = GPUPROC_FLOAT64, .shape = {1, {40}}},     {.name = "s", .dtype = GPUPROC_FLOAT64, .shape = {0, {0}}},
    {.name = "e", .dtype = GPUPROC_FLOAT64, .shape = {2, {0, 40}}},
};
enum { X, Y, R, S, E, INPUTS };

static gpuproc_status try_plan(planned *p, const char *text, gpuproc_error *err)
{
    gpuproc_error why = {0};
    *p = (planned){0};
    if (gp_compile(text, inputs, INPUTS, &p->program, &why) != GPUPROC_OK) fail_msg("%s: %s", text, why.message);
    assert_in_range(p->program.results, 1, MOST_TARGETS);
    for (size_t i = 0; i < p->program.results; i++) {
        int node = p->program.result[i].node;
        p->target[i] = (gp_plan_target){.node = node, .scalar = p->program.node[node].uniform};
    }
    allocations = 0;
    return gp_plan_make(&p->program, p->target, p->program.results, UINT64_C(1) << 30, &p->plan, err);
}

static void release(planned *p)
{
    gp_plan_free(&p->plan);
    gp_program_free(&p->program);
}

/* What holds for every plan. */
static void check(const planned *p)
{
    const gp_program *program = &p->program;
    bool known[256] = {false};
    size_t outputs[MOST_TARGETS] = {0};
    unsigned reads[INPUTS] = {0};
    assert_in_range(program->nodes, 1, 256);
    for (size_t i = 0; i <= p->plan.passes; i++) {
        const gp_plan_pass *plan_pass = i < p->plan.passes ? &p->plan.pass[i] : NULL;
        const gp_pass *scalars = plan_pass ? &plan_pass->scalars : &p->plan.last_scalars;
        /* Scalars are made of reductions that are known, once each. */
        for (size_t u = 0; u < scalars->uniforms; u++) assert_true(known[scalars->uniform[u]]);
        for (size_t o = 0; o < scalars->outputs; o++) {
            assert_false(known[scalars->output[o].node]);
            assert_true(program->node[scalars->output[o].node].uniform);
            known[scalars->output[o].node] = true;
        }
        assert_int_equal(scalars->inputs, 0);
        assert_true(scalars->outputs == 0 || (scalars->count == 1 && scalars->shape.ndim == 0));
        if (plan_pass == NULL) break;

        const gp_pass *pass = &plan_pass->pass;
        assert_true(pass->outputs + plan_pass->finishes > 0);
        assert_int_equal(pass->count, gp_shape_size(&pass->shape));
        for (size_t u = 0; u < pass->uniforms; u++) assert_true(known[pass->uniform[u]]);
        for (size_t k = 0; k < pass->inputs; k++) {
            const gp_pass_input *in = &pass->input[k];
            const gp_shape *shape = &program->input[in->input].shape;
            reads[in->input]++;
            assert_int_equal(program->node[in->node].op, GP_OP_INPUT);
            assert_int_equal(program->node[in->node].input, in->input);
            assert_int_equal(in->streamed, gp_shape_equal(shape, &pass->shape));
            assert_int_equal(in->count, gp_shape_size(shape));
            for (size_t other = 0; other < k; other++)
                assert_int_not_equal(pass->input[other].input, in->input);
        }
        for (size_t o = 0; o < pass->outputs; o++) {
            assert_int_equal(p->target[plan_pass->output_target[o]].node, pass->output[o].node);
            assert_true(gp_shape_equal(&program->node[pass->output[o].node].shape, &pass->shape));
            outputs[plan_pass->output_target[o]]++;
        }
        for (size_t f = 0; f < plan_pass->finishes; f++) {
            const gp_node *node = &program->node[plan_pass->finish[f].node];
            const gp_pass_reduce *reduce = &pass->reduce[plan_pass->finish[f].reduce];
            assert_true(plan_pass->finish[f].reduce < pass->reduces);
            assert_int_equal(reduce->node, node->arg[0]);
            assert_int_equal(reduce->kind, gp_reduce_kind_of(node->op));
            assert_int_equal(reduce->operand, program->node[node->arg[0]].dtype);
            assert_false(known[plan_pass->finish[f].node]);
            known[plan_pass->finish[f].node] = true;
        }
    }
    for (size_t t = 0; t < p->plan.targets; t++) {
        if (p->target[t].scalar) assert_true(known[p->target[t].node]);
        assert_int_equal(outputs[t], !p->target[t].scalar);
    }
    for (int i = 0; i < INPUTS; i++) assert_int_equal(p->plan.input_reads[i], reads[i]);
}

static planned plan_of(const char *text)
{
    planned p;
    gpuproc_error err = {0};
    if (try_plan(&p, text, &err) != GPUPROC_OK) fail_msg("%s: %s", text, err.message);
    p.plan.target = NULL; /* p moves */
    check(&p);
    return p;
}

static void numbers_of_passes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned passes, reads_of_x;
    } all[] = {
        {"x + 1", 1, 1},
        {"x", 1, 1},
        {"mean(x); std(x); min(x); max(x)", 1, 1},
        {"sum(x); sum(x * x); x + y; count_nonzero(x > y)", 1, 1},
        {"mean(x) + std(x) * max(x)", 1, 1},
        {"(x - mean(x)) / std(x)", 2, 2},
        {"lo = min(x); hi = max(x); (x - lo) / (hi - lo)", 2, 2},
        {"x - mean(y)", 2, 1},
        {"n = (x - mean(x)) / std(x); sum(n * n)", 2, 2},
        {"sum(abs(x - mean(abs(x - mean(x)))))", 3, 3},
        {"a = mean(x); b = mean(x - a); c = mean(x - b); mean(x - c)", 4, 4},
        {"sum(x); sum(r)", 2, 1},          /* two shapes */
        {"sum(x + r); sum(r); sum(x)", 2, 1}, /* the broadcast one goes with x */
        {"sum(x); sum(x + r - mean(r))", 3, 2},
        {"sum(e); sum(x)", 2, 1},
        {"s + 1", 1, 0},
        {"s + sum(x)", 2, 1},
        {"1 + 2", 0, 0},
        {"mean(3.0)", 1, 0},
        {"sum(mean(x))", 2, 1},
        {"max(x) - min(x); max(x)", 1, 1},
        {"sum(y)", 1, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        planned p = plan_of(all[i].text);
        unsigned passes = all[i].passes;
        /* Constants may be folded, reductions of them too. */
        bool fine = p.plan.passes == passes || (strcmp(all[i].text, "mean(3.0)") == 0 && p.plan.passes == 0);
        if (!fine) fail_msg("%s: %zu passes, expected %u", all[i].text, p.plan.passes, passes);
        if (p.plan.input_reads[X] != all[i].reads_of_x)
            fail_msg("%s: x is read %u times, expected %u", all[i].text, p.plan.input_reads[X], all[i].reads_of_x);
        release(&p);
    }
}

static void shared_accumulators(void **state)
{
    (void)state;
    planned p = plan_of("sum(y); mean(y); std(y); var(y); var(y, ddof=1); min(y); max(y)");
    const gp_plan_pass *pass = &p.plan.pass[0];
    assert_int_equal(pass->finishes, 7);
    assert_int_equal(pass->pass.reduces, 4); /* sum, moments, min, max */
    assert_int_equal(pass->pass.outputs, 0);
    release(&p);
    /* Other operands are other accumulators. */
    p = plan_of("sum(y); sum(y + 1); sum(x)");
    assert_int_equal(p.plan.passes, 1);
    assert_int_equal(p.plan.pass[0].pass.reduces, 3);
    assert_int_equal(p.plan.pass[0].pass.inputs, 2);
    release(&p);
}

static void operands(void **state)
{
    (void)state;
    planned p = plan_of("x * r + s");
    const gp_pass *pass = &p.plan.pass[0].pass;
    assert_int_equal(pass->inputs, 3);
    for (size_t i = 0; i < 3; i++) {
        const gp_pass_input *in = &pass->input[i];
        assert_int_equal(in->streamed, in->input == X);
        if (in->input == R) assert_true(in->stride[0] == 0 && in->stride[1] == 1);
        if (in->input == S) assert_true(in->stride[0] == 0 && in->stride[1] == 0);
    }
    assert_int_equal(p.plan.input_reads[Y], 0); /* bound, not used */
    release(&p);

    /* What a later pass knows comes in as one scalar, not as the data behind it. */
    p = plan_of("x - (mean(y) + 1) * 2");
    assert_int_equal(p.plan.passes, 2);
    assert_int_equal(p.plan.pass[1].pass.inputs, 1);
    assert_int_equal(p.plan.pass[1].pass.uniforms, 1);
    assert_int_equal(p.plan.pass[1].scalars.outputs, 1);
    assert_int_equal(p.plan.pass[1].scalars.uniforms, 1);
    assert_int_equal(p.plan.last_scalars.outputs, 0);
    release(&p);
}

/* One node as the value of one result and the elements of another, in either order. */
static void values_and_elements(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        gp_program program = {0};
        gp_plan plan;
        assert_int_equal(gp_compile("a = mean(x) * 2; b = a", inputs, INPUTS, &program, NULL), GPUPROC_OK);
        int node = program.result[0].node;
        assert_int_equal(program.result[1].node, node);
        const gp_plan_target target[2] = {{.node = node, .scalar = first == 0}, {.node = node, .scalar = first == 1}};
        allocations = 0;
        assert_int_equal(gp_plan_make(&program, target, 2, UINT64_C(1) << 30, &plan, NULL), GPUPROC_OK);
        bool computed = false;
        assert_int_equal(plan.passes, 2);
        const gp_pass *pass = &plan.pass[1].pass;
        assert_true(pass->outputs == 1 && pass->uniforms == 1 && pass->uniform[0] == node);
        const gp_pass *scalars[] = {&plan.pass[1].scalars, &plan.last_scalars};
        for (int k = 0; k < 2; k++) {
            for (size_t o = 0; o < scalars[k]->outputs; o++) computed = computed || scalars[k]->output[o].node == node;
        }
        assert_true(computed);
        gp_plan_free(&plan);
        gp_program_free(&program);
    }
    /* A constant as a file. */
    gp_program program = {0};
    gp_plan plan;
    assert_int_equal(gp_compile("2.5", inputs, INPUTS, &program, NULL), GPUPROC_OK);
    const gp_plan_target target = {.node = program.result[0].node};
    assert_int_equal(gp_plan_make(&program, &target, 1, UINT64_C(1) << 30, &plan, NULL), GPUPROC_OK);
    assert_int_equal(plan.passes, 1);
    assert_int_equal(plan.pass[0].pass.outputs, 1);
    assert_int_equal(plan.pass[0].pass.uniforms, 0);
    gp_plan_free(&plan);
    gp_program_free(&program);
}

/* Complex values that are the same everywhere come into a pass as their parts. */
static void complex_values(void **state)
{
    (void)state;
    gp_program program = {0};
    gp_plan plan;
    const gp_shape shape = {1, {3000}};
    int x = gp_ir_input(&program, "x", GPUPROC_FLOAT64, &shape);
    int mean = gp_ir_reduce(&program, GP_OP_MEAN, GPUPROC_FLOAT64, x, 0);
    int filled = gp_ir_fill(&program, mean, &shape);
    int packed = gp_ir_op(&program, GP_OP_PACK, GPUPROC_COMPLEX128, filled, mean, -1);
    assert_true(program.node[packed].uniform);
    assert_true(gp_ir_result(&program, "z", true, packed));
    const gp_plan_target target = {.node = packed};
    assert_int_equal(gp_plan_make(&program, &target, 1, UINT64_C(1) << 30, &plan, NULL), GPUPROC_OK);
    assert_int_equal(plan.passes, 2);
    assert_int_equal(plan.pass[1].pass.uniforms, 1);
    assert_int_equal(plan.pass[1].pass.uniform[0], mean);
    gp_plan_free(&plan);
    gp_program_free(&program);
}

static void every_allocation(void **state)
{
    (void)state;
    for (failing = 1;; failing++) {
        planned p;
        gpuproc_error err = {0};
        int wanted = failing;
        failing = 0; /* not in the compiler */
        gp_program once = {0};
        assert_int_equal(gp_compile("n = (x - mean(x)) / std(x); sum(n); mean(r)", inputs, INPUTS, &once, NULL), GPUPROC_OK);
        p = (planned){.program = once};
        for (size_t i = 0; i < once.results; i++)
            p.target[i] = (gp_plan_target){.node = once.result[i].node,
                                            .scalar = once.node[once.result[i].node].uniform};
        allocations = 0;
        failing = wanted;
        gpuproc_status st = gp_plan_make(&p.program, p.target, once.results, UINT64_C(1) << 30, &p.plan, &err);
        bool reached = allocations >= failing;
        assert_int_equal(st, reached ? GPUPROC_NO_MEMORY : GPUPROC_OK);
        assert_int_equal(err.status, st);
        release(&p);
        if (!reached) break;
    }
    assert_true(failing > 20);
    failing = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_passes), cmocka_unit_test(shared_accumulators),
        cmocka_unit_test(operands),          cmocka_unit_test(values_and_elements),
        cmocka_unit_test(complex_values),    cmocka_unit_test(every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
