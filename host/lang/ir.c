#include "lang/ir.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

void gp_program_free(gp_program *program)
{
    for (size_t i = 0; i < program->inputs; i++) free(program->input[i].name);
    for (size_t i = 0; i < program->results; i++) free(program->result[i].name);
    free(program->node);
    free(program->input);
    free(program->result);
    *program = (gp_program){0};
}

/* A node without operands' properties filled in; -1 when out of memory. */
static int append(gp_program *program, gp_node node)
{
    if (!gp_grow(&program->node, &program->node_capacity, program->nodes + 1, sizeof node)) return -1;
    program->node[program->nodes] = node;
    return (int)program->nodes++;
}

int gp_ir_input(gp_program *program, const char *name, gp_dtype dtype, const gp_shape *shape)
{
    if (!gp_grow(&program->input, &program->input_capacity, program->inputs + 1, sizeof(gp_input)))
        return -1;
    char *copy = gp_strdup(name);
    if (copy == NULL) return -1;
    int index = append(program, (gp_node){.op = GP_OP_INPUT, .dtype = dtype, .arg = {-1, -1, -1},
                                          .input = (int)program->inputs, .shape = *shape});
    if (index < 0) {
        free(copy);
        return -1;
    }
    program->input[program->inputs++] = (gp_input){copy, dtype, *shape};
    return index;
}

static bool same(const gp_node *a, const gp_node *b)
{
    return a->op == b->op && a->dtype == b->dtype &&
           memcmp(a->arg, b->arg, sizeof a->arg) == 0 &&
           memcmp(&a->ddof, &b->ddof, sizeof a->ddof) == 0 &&
           memcmp(&a->value.value, &b->value.value, sizeof a->value.value) == 0;
}

/* Common subexpressions are one node: an equal one that is there already is taken. */
static int append_once(gp_program *program, gp_node node)
{
    for (size_t i = program->nodes; i-- > 0;) {
        const gp_node *old = &program->node[i];
        if (old->op != GP_OP_INPUT && same(old, &node)) return (int)i;
    }
    return append(program, node);
}

int gp_ir_const(gp_program *program, gpuproc_scalar value)
{
    gp_node node = {.op = GP_OP_CONST, .dtype = value.dtype, .arg = {-1, -1, -1}, .uniform = true};
    node.value.dtype = value.dtype;
    node.value.value.u = value.value.u;
    return append_once(program, node);
}

int gp_ir_op(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, int c)
{
    gp_node node = {.op = op, .dtype = dtype, .arg = {a, b, c}, .uniform = true};
    for (int k = 0; k < 3 && node.arg[k] >= 0; k++) {
        const gp_node *arg = &program->node[node.arg[k]];
        if (arg->level > node.level) node.level = arg->level;
        node.uniform = node.uniform && arg->uniform;
        /* The checker has broadcast them already; a failure shows in the verifier. */
        (void)gp_shape_broadcast(&node.shape, &arg->shape, &node.shape, NULL);
    }
    return append_once(program, node);
}

int gp_ir_reduce(gp_program *program, gp_op op, gp_dtype dtype, int a, double ddof)
{
    return append_once(program, (gp_node){.op = op, .dtype = dtype, .arg = {a, -1, -1}, .ddof = ddof,
                                          .level = program->node[a].level + 1, .uniform = true});
}

bool gp_ir_result(gp_program *program, const char *name, bool named, int node)
{
    if (!gp_grow(&program->result, &program->result_capacity, program->results + 1,
                 sizeof(gp_result)))
        return false;
    char *copy = gp_strdup(name);
    if (copy == NULL) return false;
    program->result[program->results++] = (gp_result){copy, named, false, node};
    return true;
}
