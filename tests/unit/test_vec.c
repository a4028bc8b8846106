/* emit/vec: what is compiled, and that slots are never reused too early. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "emit/vec.h"

#include <stdlib.h>
#include <string.h>

static const gp_shape shape5 = {1, {5}};

#define MAX 64
typedef struct fixture {
    gp_program program;
    gp_pass pass;
    gp_pass_input input[MAX];
    gp_pass_output output[MAX];
    gp_pass_reduce reduce[MAX];
    int uniform[MAX];
} fixture;

static void init(fixture *f)
{
    memset(f, 0, sizeof *f);
    f->pass.program = &f->program;
    f->pass.shape = shape5;
    f->pass.count = 5;
    f->pass.input = f->input;
    f->pass.output = f->output;
    f->pass.reduce = f->reduce;
    f->pass.uniform = f->uniform;
}

static int input(fixture *f, const char *name, gp_dtype dtype)
{
    int node = gp_ir_input(&f->program, name, dtype, &shape5);
    f->input[f->pass.inputs++] = (gp_pass_input){
        .input = (int)f->program.inputs - 1, .node = node, .dtype = dtype, .streamed = true, .count = 5};
    return node;
}

static int constant(fixture *f, double value)
{
    return gp_ir_const(&f->program, (gpuproc_scalar){.dtype = GPUPROC_FLOAT32, .value.f = value});
}

static int op1(fixture *f, gp_op op, gp_dtype dtype, int a)
{
    return gp_ir_op(&f->program, op, dtype, a, -1, -1);
}

static int op2(fixture *f, gp_op op, gp_dtype dtype, int a, int b)
{
    return gp_ir_op(&f->program, op, dtype, a, b, -1);
}

static void output(fixture *f, int node)
{
    f->output[f->pass.outputs++] = (gp_pass_output){node, f->program.node[node].dtype};
}

static void expect(const fixture *f, const char *want)
{
    gp_vec_program vec;
    gp_text text = {0};
    assert_int_equal(gp_vec_compile(&f->pass, &vec, NULL), GPUPROC_OK);
    gp_vec_print(&f->pass, &vec, &text);
    assert_false(text.failed);
    assert_string_equal(text.data ? text.data : "", want);
    gp_text_free(&text);
    gp_vec_free(&vec);
}

static void test_hypot(void **state)
{
    (void)state;
    fixture f;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT32), y = input(&f, "y", GPUPROC_FLOAT32);
    int xx = op2(&f, GP_OP_MUL, GPUPROC_FLOAT32, x, x), yy = op2(&f, GP_OP_MUL, GPUPROC_FLOAT32, y, y);
    output(&f, op1(&f, GP_OP_SQRT, GPUPROC_FLOAT32, op2(&f, GP_OP_ADD, GPUPROC_FLOAT32, xx, yy)));
    expect(&f, "i0 = x streamed float32\n"
               "i1 = y streamed float32\n"
               "t0 = mul float32 i0 i0\n"
               "t1 = mul float32 i1 i1\n"
               "t0 = add float32 t0 t1\n"
               "t0 = sqrt float32 t0\n"
               "output 0 = t0\n");
    gp_program_free(&f.program);
}

/* A result with elements of another size must not lie on its operand. */
static void test_sizes(void **state)
{
    (void)state;
    fixture f;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT32);
    int a = op2(&f, GP_OP_MUL, GPUPROC_FLOAT32, x, x);
    int b = op1(&f, GP_OP_CAST, GPUPROC_FLOAT64, a);
    int c = op2(&f, GP_OP_LT, GPUPROC_BOOL, b, b);
    int d = op1(&f, GP_OP_SQRT, GPUPROC_FLOAT32, x);
    output(&f, gp_ir_op(&f.program, GP_OP_WHERE, GPUPROC_FLOAT32, c, d, d));
    expect(&f, "i0 = x streamed float32\n"
               "t0 = mul float32 i0 i0\n"
               "t1 = cast float32->float64 t0\n"
               "t0 = lt float64->bool t1 t1\n"
               "t1 = sqrt float32 i0\n"
               "t1 = where float32 t0 t1 t1\n"
               "output 0 = t1\n");
    gp_program_free(&f.program);
}

static void test_only_what_is_needed(void **state)
{
    (void)state;
    fixture f;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT32), y = input(&f, "y", GPUPROC_FLOAT32);
    op2(&f, GP_OP_MUL, GPUPROC_FLOAT32, y, y);
    int two = constant(&f, 2);
    constant(&f, 3);
    int a = op2(&f, GP_OP_MUL, GPUPROC_FLOAT32, x, two);
    op1(&f, GP_OP_EXP, GPUPROC_FLOAT32, a);
    /* Two outputs of one value, an input and a constant as outputs, a cast to the same dtype. */
    output(&f, a);
    output(&f, a);
    output(&f, x);
    output(&f, two);
    output(&f, op1(&f, GP_OP_CAST, GPUPROC_FLOAT32, a));
    f.reduce[f.pass.reduces++] = (gp_pass_reduce){0, a, GPUPROC_FLOAT32};
    expect(&f, "i0 = x streamed float32\n"
               "c0 = 2 float32\n"
               "t0 = mul float32 i0 c0\n"
               "output 0 = t0\n"
               "output 1 = t0\n"
               "output 2 = i0\n"
               "output 3 = c0\n"
               "output 4 = t0\n"
               "reduce 0 = t0\n");
    gp_program_free(&f.program);
}

static void test_uniforms(void **state)
{
    (void)state;
    fixture f;
    gpuproc_error err;
    gp_vec_program vec;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT32);
    int mean = gp_ir_reduce(&f.program, GP_OP_MEAN, GPUPROC_FLOAT32, x, 0);
    int twice = op2(&f, GP_OP_ADD, GPUPROC_FLOAT32, mean, mean);
    output(&f, op2(&f, GP_OP_SUB, GPUPROC_FLOAT32, x, twice));

    /* A reduction that the pass does not get as a scalar is a planner's fault. */
    assert_int_equal(gp_vec_compile(&f.pass, &vec, &err), GPUPROC_INTERNAL);
    assert_null(vec.value);

    f.uniform[0] = mean;
    f.pass.uniforms = 1;
    expect(&f, "i0 = x streamed float32\n"
               "u0 = %1 float32\n"
               "t0 = add float32 u0 u0\n"
               "t0 = sub float32 i0 t0\n"
               "output 0 = t0\n");
    f.uniform[0] = twice;
    expect(&f, "i0 = x streamed float32\n"
               "u0 = %2 float32\n"
               "t0 = sub float32 i0 u0\n"
               "output 0 = t0\n");
    gp_program_free(&f.program);
}

/* Views and stored nodes are inputs found by their node; a fill is its operand; tables come first. */
static void test_leaves(void **state)
{
    (void)state;
    fixture f;
    gp_vec_program vec;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT32);
    gp_walk back = {.shape = shape5, .offset = 4, .stride = {-1}};
    int view = gp_ir_view(&f.program, x, &back);
    f.input[f.pass.inputs++] = (gp_pass_input){.input = 0, .node = view, .dtype = GPUPROC_FLOAT32, .streamed = true};
    int table = gp_ir_table(&f.program, x);
    f.input[f.pass.inputs++] = (gp_pass_input){.input = 0, .node = table, .dtype = GPUPROC_FLOAT32,
                                               .table = true, .count = 5};
    int sums = gp_ir_fold(&f.program, GP_OP_CUMSUM, GPUPROC_FLOAT32, x, -1, 1, 0, &shape5, false);
    f.input[f.pass.inputs++] = (gp_pass_input){.input = 1, .node = sums, .dtype = GPUPROC_FLOAT32, .count = 5};
    gp_pass_index index = {.node = gp_ir_index(&f.program, &back), .offset = 4, .stride = {-1}};
    f.pass.index = &index;
    f.pass.indices = 1;
    int filled = gp_ir_fill(&f.program, constant(&f, 2), &shape5);
    int taken = op2(&f, GP_OP_TAKE, GPUPROC_FLOAT32, table, index.node);
    int a = op2(&f, GP_OP_ADD, GPUPROC_FLOAT32, op2(&f, GP_OP_MUL, GPUPROC_FLOAT32, view, filled), taken);
    output(&f, op2(&f, GP_OP_PACK, GPUPROC_COMPLEX64, a, sums));
    output(&f, filled);
    expect(&f, "i1 = x streamed float32\n"
               "i2 = x table float32\n"
               "i3 = stored %3 resident float32\n"
               "x0 = index int64\n"
               "c0 = 2 float32\n"
               "t0 = take float32 i2 x0\n"
               "t1 = mul float32 i1 c0\n"
               "t1 = add float32 t1 t0\n"
               "t0 = pack float32->complex64 t1 i3\n"
               "output 0 = t0\n"
               "output 1 = c0\n");
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_OK);
    assert_int_equal(vec.slot_bytes, 8);
    gp_vec_free(&vec);

    /* Not listed: nothing gives their values. */
    f.pass.indices = 0;
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    f.pass.indices = 1;
    f.pass.inputs = 3;
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    f.pass.inputs = 4;
    f.input[1].node = x;
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    f.input[1].node = view;
    f.input[1].table = true;
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    gp_program_free(&f.program);
}

/* complex128 elements are wider than the slots of all others. */
static void test_wide_slots(void **state)
{
    (void)state;
    fixture f;
    gp_vec_program vec;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT64);
    int packed = op2(&f, GP_OP_PACK, GPUPROC_COMPLEX128, x, x);
    output(&f, packed);
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_OK);
    assert_int_equal(vec.slot_bytes, 16);
    gp_vec_free(&vec);
    f.uniform[f.pass.uniforms++] = packed;
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    gp_program_free(&f.program);
}

static void test_broken_passes(void **state)
{
    (void)state;
    fixture f;
    gp_vec_program vec;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT32);
    output(&f, x);
    f.output[0].dtype = GPUPROC_FLOAT64;
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    f.output[0] = (gp_pass_output){7, GPUPROC_FLOAT32};
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    f.output[0] = (gp_pass_output){x, GPUPROC_FLOAT32};
    f.pass.inputs = 0;
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_INTERNAL);
    f.pass.outputs = 0;
    expect(&f, "");
    gp_program_free(&f.program);
}

/* Runs the program on value numbers in place of numbers: every operand must still be in its slot. */
static void check_slots(const fixture *f, const gp_vec_program *vec)
{
    int32_t holds[512];
    for (size_t s = 0; s < 512; s++) holds[s] = -1;
    assert_true(vec->scratch <= 512);
    for (size_t i = 0; i < vec->instrs; i++) {
        const gp_vec_instr *in = &vec->instr[i];
        int32_t slot = vec->value[in->dst].index;
        assert_int_equal(vec->value[in->dst].kind, GP_VEC_TEMP);
        assert_in_range(slot, 0, vec->scratch - 1);
        for (int k = 0; k < 3 && in->arg[k] >= 0; k++) {
            gp_vec_value arg = vec->value[in->arg[k]];
            if (arg.kind != GP_VEC_TEMP) continue;
            assert_int_equal(holds[arg.index], in->arg[k]);
            if (arg.index == slot)
                assert_int_equal(gpuproc_dtype_bytes((gpuproc_dtype)arg.dtype),
                                 gpuproc_dtype_bytes(in->to));
        }
        holds[slot] = in->dst;
    }
    for (size_t o = 0; o < f->pass.outputs; o++) {
        if (vec->value[vec->output[o]].kind == GP_VEC_TEMP)
            assert_int_equal(holds[vec->value[vec->output[o]].index], vec->output[o]);
    }
    for (size_t r = 0; r < f->pass.reduces; r++) {
        if (vec->value[vec->reduce[r]].kind == GP_VEC_TEMP)
            assert_int_equal(holds[vec->value[vec->reduce[r]].index], vec->reduce[r]);
    }
}

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void test_random_programs(void **state)
{
    (void)state;
    static const gp_dtype dtypes[] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_INT32, GPUPROC_BOOL};
    for (unsigned seed = 1; seed <= 300; seed++) {
        fixture f;
        unsigned s = seed;
        init(&f);
        int by[4][256];
        unsigned n[4] = {0};
        for (int d = 0; d < 4; d++) by[d][n[d]++] = input(&f, "x", dtypes[d]);
        for (int i = 0; i < 100; i++) {
            unsigned d = next(&s) % 3, to = next(&s) % 4;
            int a = by[d][next(&s) % n[d]], b = by[d][next(&s) % n[d]];
            int c = by[3][next(&s) % n[3]], node;
            if (next(&s) % 4 == 0) {
                to = d;
                node = gp_ir_op(&f.program, GP_OP_WHERE, dtypes[d], c, a, b);
            } else if (to == 3) {
                node = op2(&f, GP_OP_LT, GPUPROC_BOOL, a, b);
            } else if (to != d) {
                node = op1(&f, GP_OP_CAST, dtypes[to], a);
            } else {
                node = op2(&f, GP_OP_ADD, dtypes[d], a, b);
            }
            by[to][n[to]++] = node;
        }
        for (int o = 0; o < 4; o++) output(&f, (int)(next(&s) % f.program.nodes));
        int r = (int)(next(&s) % f.program.nodes);
        f.reduce[f.pass.reduces++] = (gp_pass_reduce){0, r, f.program.node[r].dtype};

        gp_vec_program vec, again;
        assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_OK);
        check_slots(&f, &vec);
        assert_int_equal(gp_vec_compile(&f.pass, &again, NULL), GPUPROC_OK);
        assert_int_equal(again.instrs, vec.instrs);
        assert_memory_equal(again.instr, vec.instr, vec.instrs * sizeof *vec.instr);
        assert_memory_equal(again.value, vec.value, vec.values * sizeof *vec.value);
        gp_vec_free(&again);
        gp_vec_free(&vec);
        gp_program_free(&f.program);
    }
}

/* However long the chain, two slots are enough for it. */
static void test_chain(void **state)
{
    (void)state;
    fixture f;
    gp_vec_program vec;
    init(&f);
    int x = input(&f, "x", GPUPROC_FLOAT32), y = x;
    for (int i = 0; i < 1000; i++)
        y = op2(&f, GP_OP_ADD, GPUPROC_FLOAT32, op1(&f, GP_OP_SQRT, GPUPROC_FLOAT32, y), y);
    output(&f, y);
    assert_int_equal(gp_vec_compile(&f.pass, &vec, NULL), GPUPROC_OK);
    assert_int_equal(vec.instrs, 2000);
    assert_int_equal(vec.scratch, 2);
    gp_vec_free(&vec);
    gp_program_free(&f.program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hypot),          cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_only_what_is_needed), cmocka_unit_test(test_uniforms),
        cmocka_unit_test(test_broken_passes),  cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_wide_slots),      cmocka_unit_test(test_random_programs),
        cmocka_unit_test(test_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
