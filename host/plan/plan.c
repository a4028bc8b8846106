#include "plan/plan.h"

#include "base/memory.h"

#include <string.h>

/* One root of a pass: a reduction node (finish) or a target (output). */
typedef struct root {
    int operand;   /* node that the pass evaluates */
    int reduction; /* reduction node, or -1 */
    size_t target; /* target index, where reduction is -1 */
    int level;
    bool taken;
} root;

typedef struct planner {
    const gp_program *program;
    gp_plan *plan;
    root *roots;
    size_t count;
    bool *needed; /* per node: something wants its value */
    bool *mark;   /* scratch per node */
    bool *known;  /* uniform nodes whose value is known by now */
} planner;

static const gp_node *node_of(const planner *p, int index) { return &p->program->node[index]; }

/* ---- Which nodes of a set of roots a pass evaluates --------------------- */

/* Marks the operands of marked nodes, not going below uniform ones (unless told to):
 * operands stand before their node, so one sweep from the end does it. */
static void mark_operands(const planner *p, bool through_uniform)
{
    for (size_t i = p->program->nodes; i-- > 0;) {
        const gp_node *n = node_of(p, (int)i);
        if (!p->mark[i]) continue;
        bool stop = gp_op_info_of(n->op)->reduction || (n->uniform && !through_uniform);
        for (int k = 0; k < 3 && !stop; k++) {
            if (n->arg[k] >= 0) p->mark[n->arg[k]] = true;
        }
    }
}

static bool is_scalar_value(const gp_node *n) { return n->uniform && n->op != GP_OP_CONST; }

/* Fills pass->input and pass->uniform from the marks. */
static gpuproc_status fill_operands(const planner *p, gp_pass *pass, gpuproc_error *err)
{
    size_t inputs = 0, uniforms = 0;
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (!p->mark[i]) continue;
        inputs += node_of(p, (int)i)->op == GP_OP_INPUT;
        uniforms += is_scalar_value(node_of(p, (int)i));
    }
    pass->input = gp_calloc(inputs, sizeof *pass->input);
    pass->uniform = gp_calloc(uniforms, sizeof *pass->uniform);
    if (pass->input == NULL || pass->uniform == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = node_of(p, (int)i);
        if (!p->mark[i]) continue;
        if (is_scalar_value(n)) pass->uniform[pass->uniforms++] = (int)i;
        if (n->op != GP_OP_INPUT) continue;
        gp_pass_input *in = &pass->input[pass->inputs++];
        *in = (gp_pass_input){.input = n->input, .node = (int)i, .dtype = n->dtype,
                              .streamed = gp_shape_equal(&n->shape, &pass->shape),
                              .count = gp_shape_size(&n->shape)};
        gp_shape_broadcast_strides(&n->shape, false, &pass->shape, in->stride);
        gp_walk_whole(&pass->shape, false, &in->walk);
        p->plan->input_reads[n->input]++;
    }
    return GPUPROC_OK;
}

/* ---- Passes over data --------------------------------------------------- */

static size_t accumulator_for(gp_pass *pass, gp_reduce_kind kind, const gp_node *operand, int node)
{
    for (size_t r = 0; r < pass->reduces; r++) {
        if (pass->reduce[r].kind == (int)kind && pass->reduce[r].node == node) return r;
    }
    pass->reduce[pass->reduces] =
        (gp_pass_reduce){.kind = (int)kind, .node = node, .operand = operand->dtype};
    return pass->reduces++;
}

static bool shares_pass(const planner *p, const root *a, const root *b)
{
    return !a->taken && a->level == b->level &&
           gp_shape_equal(&node_of(p, a->operand)->shape, &node_of(p, b->operand)->shape);
}

/* Makes one pass of every root of this level that has the shape of roots[first]. */
static gpuproc_status make_pass(planner *p, size_t first, gpuproc_error *err)
{
    gp_plan_pass *out = &p->plan->pass[p->plan->passes++];
    gp_pass *pass = &out->pass;
    const root like = p->roots[first];
    size_t count = 0;
    for (size_t i = first; i < p->count; i++) count += shares_pass(p, &p->roots[i], &like);
    pass->program = p->program;
    pass->shape = node_of(p, like.operand)->shape;
    pass->count = gp_shape_size(&pass->shape);
    pass->level = like.level;
    pass->output = gp_calloc(count, sizeof *pass->output);
    pass->reduce = gp_calloc(count, sizeof *pass->reduce);
    out->output_target = gp_calloc(count, sizeof *out->output_target);
    out->finish = gp_calloc(count, sizeof *out->finish);
    if (pass->output == NULL || pass->reduce == NULL || out->output_target == NULL ||
        out->finish == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");

    memset(p->mark, 0, p->program->nodes);
    for (size_t i = first; i < p->count; i++) {
        root *r = &p->roots[i];
        const gp_node *operand = node_of(p, r->operand);
        if (!shares_pass(p, r, &like)) continue;
        r->taken = true;
        p->mark[r->operand] = true;
        if (r->reduction < 0) {
            out->output_target[pass->outputs] = r->target;
            pass->output[pass->outputs++] =
                (gp_pass_output){.node = r->operand, .dtype = operand->dtype};
        } else {
            gp_reduce_kind kind = gp_reduce_kind_of(node_of(p, r->reduction)->op);
            out->finish[out->finishes++] = (gp_plan_finish){
                .node = r->reduction, .reduce = accumulator_for(pass, kind, operand, r->operand)};
        }
    }
    mark_operands(p, false);
    return fill_operands(p, pass, err);
}

/* ---- Scalars between passes --------------------------------------------- */

/* Makes a pass of shape () that computes the `wanted` uniform nodes, as far as they
 * are not known; what it reads is reductions and known ones. */
static gpuproc_status make_scalars(planner *p, const bool *wanted, gp_pass *pass,
                                   gpuproc_error *err)
{
    size_t outputs = 0;
    pass->program = p->program;
    pass->count = 1;
    memset(p->mark, 0, p->program->nodes);
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = node_of(p, (int)i);
        bool compute = wanted[i] && n->uniform && !p->known[i] && !gp_op_info_of(n->op)->reduction;
        p->mark[i] = compute;
        outputs += compute;
    }
    pass->output = gp_calloc(outputs, sizeof *pass->output);
    if (pass->output == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (!p->mark[i]) continue;
        pass->output[pass->outputs++] =
            (gp_pass_output){.node = (int)i, .dtype = node_of(p, (int)i)->dtype};
        p->known[i] = true;
    }
    mark_operands(p, true);
    /* Only reductions are read from the table; everything above them is evaluated anew. */
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (!gp_op_info_of(node_of(p, (int)i)->op)->reduction) p->mark[i] = false;
    }
    return fill_operands(p, pass, err);
}

static gpuproc_status scalars_for_pass(planner *p, gp_plan_pass *pass, gpuproc_error *err)
{
    bool *wanted = gp_calloc(p->program->nodes, 1);
    if (wanted == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
    for (size_t u = 0; u < pass->pass.uniforms; u++) wanted[pass->pass.uniform[u]] = true;
    gpuproc_status st = make_scalars(p, wanted, &pass->scalars, err);
    free(wanted);
    return st;
}

/* ---- The whole ---------------------------------------------------------- */

/* Everything that a target needs, through reductions too. */
static void find_needed(planner *p, const gp_plan_target *target, size_t targets)
{
    for (size_t t = 0; t < targets; t++) p->needed[target[t].node] = true;
    for (size_t i = p->program->nodes; i-- > 0;) {
        const gp_node *n = node_of(p, (int)i);
        for (int k = 0; k < 3 && p->needed[i]; k++) {
            if (n->arg[k] >= 0) p->needed[n->arg[k]] = true;
        }
    }
}

static void collect_roots(planner *p, const gp_plan_target *target, size_t targets)
{
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = node_of(p, (int)i);
        if (p->needed[i] && gp_op_info_of(n->op)->reduction)
            p->roots[p->count++] = (root){.operand = n->arg[0], .reduction = (int)i,
                                          .level = node_of(p, n->arg[0])->level};
    }
    for (size_t t = 0; t < targets; t++) {
        if (target[t].scalar) continue;
        p->roots[p->count++] = (root){.operand = target[t].node, .reduction = -1, .target = t,
                                      .level = node_of(p, target[t].node)->level};
    }
}

gpuproc_status gp_plan_make(const gp_program *program, const gp_plan_target *target, size_t targets,
                            uint64_t memory, gp_plan *plan, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    (void)memory;
    planner p = {.program = program, .plan = plan};
    bool *wanted = NULL;
    int last_level = 0;
    *plan = (gp_plan){.program = program, .target = target, .targets = targets};

    size_t most = program->nodes + targets;
    p.roots = gp_calloc(most, sizeof *p.roots);
    p.needed = gp_calloc(program->nodes, 1);
    p.mark = gp_calloc(program->nodes, 1);
    p.known = gp_calloc(program->nodes, 1);
    wanted = gp_calloc(program->nodes, 1);
    plan->input_reads = gp_calloc(program->inputs, sizeof *plan->input_reads);
    if (p.roots == NULL || p.needed == NULL || p.mark == NULL || p.known == NULL ||
        wanted == NULL || plan->input_reads == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
        goto out;
    }
    find_needed(&p, target, targets);
    collect_roots(&p, target, targets);
    plan->pass = gp_calloc(p.count, sizeof *plan->pass);
    if (plan->pass == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
        goto out;
    }
    for (size_t i = 0; i < p.count; i++) {
        if (p.roots[i].level > last_level) last_level = p.roots[i].level;
    }
    for (int level = 0; level <= last_level; level++) {
        for (size_t i = 0; i < p.count; i++) {
            if (p.roots[i].taken || p.roots[i].level != level) continue;
            GP_TRY(make_pass(&p, i, err));
            GP_TRY(scalars_for_pass(&p, &plan->pass[plan->passes - 1], err));
        }
    }
    for (size_t t = 0; t < targets; t++) {
        if (target[t].scalar) wanted[target[t].node] = true;
    }
    GP_TRY(make_scalars(&p, wanted, &plan->last_scalars, err));
out:
    free(p.roots);
    free(p.needed);
    free(p.mark);
    free(p.known);
    free(wanted);
    if (st != GPUPROC_OK) gp_plan_free(plan);
    return st;
}

static void pass_free(gp_pass *pass)
{
    free(pass->input);
    free(pass->output);
    free(pass->reduce);
    free(pass->uniform);
}

void gp_plan_free(gp_plan *plan)
{
    for (size_t i = 0; i < plan->passes; i++) {
        pass_free(&plan->pass[i].pass);
        pass_free(&plan->pass[i].scalars);
        free(plan->pass[i].output_target);
        free(plan->pass[i].finish);
    }
    pass_free(&plan->last_scalars);
    free(plan->pass);
    free(plan->input_reads);
    *plan = (gp_plan){0};
}
