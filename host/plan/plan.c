#include "plan/planner.h"

#include "base/memory.h"

#include <string.h>

static gpuproc_status no_memory(gpuproc_error *err)
{
    return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
}

/* ---- Roots ---------------------------------------------------------------- */

/* Everything that a target needs, through reductions too. */
static void find_needed(gp_planner *p)
{
    for (size_t t = 0; t < p->plan->targets; t++) p->needed[p->plan->target[t].node] = true;
    for (size_t i = p->program->nodes; i-- > 0;) {
        const gp_node *n = gp_planner_node(p, (int)i);
        for (int k = 0; k < 3 && p->needed[i]; k++) {
            if (n->arg[k] >= 0) p->needed[n->arg[k]] = true;
        }
    }
}

static bool is_stored_array(const gp_node *n) { return gp_node_is_stored(n) && !n->uniform; }

static gpuproc_status need_array(gp_planner *p, int node, gpuproc_error *err)
{
    gp_plan *plan = p->plan;
    int base = gp_node_base(p->program, node);
    const gp_node *n = gp_planner_node(p, base);
    if (!is_stored_array(n) || p->array_of[base] >= 0) return GPUPROC_OK;
    if (!gp_grow(&plan->stored, &p->stored_capacity, plan->storeds + 1, sizeof *plan->stored))
        return no_memory(err);
    plan->stored[plan->storeds] = (gp_plan_stored){.node = base, .dtype = n->dtype, .shape = n->shape,
                                                   .product = gp_op_info_of(n->op)->product};
    p->array_of[base] = (int)(p->program->inputs + plan->storeds++);
    return GPUPROC_OK;
}

/* The first target that is exactly this stored node; the others read its array. */
static size_t target_of(const gp_planner *p, int node)
{
    for (size_t t = 0; t < p->plan->targets; t++) {
        if (p->plan->target[t].node == node) return t;
    }
    return SIZE_MAX;
}

/* A fold makes the target itself: what grows is made for every target anew, as nothing can read it. */
static bool is_made_by_fold(const gp_planner *p, size_t target)
{
    const gp_node *n = gp_planner_node(p, p->plan->target[target].node);
    if (gp_op_info_of(n->op)->product) return false;
    return is_stored_array(n) && (n->growing || target_of(p, p->plan->target[target].node) == target);
}

static gpuproc_status find_arrays(gp_planner *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = gp_planner_node(p, (int)i);
        bool over = n->op == GP_OP_VIEW || n->op == GP_OP_TABLE;
        for (int k = 0; k < 3 && p->needed[i] && !over; k++) {
            if (n->arg[k] >= 0) GP_TRY(need_array(p, n->arg[k], err));
        }
    }
    for (size_t t = 0; t < p->plan->targets; t++) {
        int node = p->plan->target[t].node;
        if (!is_made_by_fold(p, t)) GP_TRY(need_array(p, node, err));
    }
out:
    return st;
}

static void add_root(gp_planner *p, gp_root root)
{
    root.level = gp_planner_node(p, root.operand)->level;
    if (root.fold >= 0) { /* a second operand may be known later */
        int second = gp_planner_node(p, root.fold)->arg[1];
        if (second >= 0 && gp_planner_node(p, second)->level > root.level)
            root.level = gp_planner_node(p, second)->level;
    }
    p->root[p->roots++] = root;
}

static void collect_roots(gp_planner *p)
{
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = gp_planner_node(p, (int)i);
        if (!p->needed[i]) continue;
        gp_root root = {.operand = n->arg[0], .reduction = -1, .fold = -1, .target = SIZE_MAX};
        if (gp_op_info_of(n->op)->product) continue; /* what reads it makes it; else gp_planner_products adds a root */
        if (gp_node_is_stored(n)) {
            root.fold = (int)i;
            if (!n->uniform) root.target = target_of(p, (int)i);
            if (!n->growing) add_root(p, root);
        } else if (gp_op_info_of(n->op)->reduction) {
            root.reduction = (int)i;
            add_root(p, root);
        }
    }
    for (size_t t = 0; t < p->plan->targets; t++) {
        const gp_plan_target *target = &p->plan->target[t];
        const gp_node *n = gp_planner_node(p, target->node);
        gp_root root = {.operand = target->node, .reduction = -1, .fold = -1, .target = t};
        if (n->growing) {
            root.operand = n->arg[0];
            root.fold = target->node;
        } else if (target->scalar || is_made_by_fold(p, t)) {
            continue;
        }
        add_root(p, root);
    }
}

/* ---- Folds ---------------------------------------------------------------- */

static gp_fold_spec spec_of(const gp_planner *p, int node)
{
    const gp_node *n = gp_planner_node(p, node);
    const gp_node *a = gp_planner_node(p, n->arg[0]);
    gp_fold_spec spec = {.op = n->op, .operand = {a->dtype}, .operands = 1, .shape = a->shape,
                         .axes = n->axes, .size = n->size, .ddof = n->ddof, .dtype = n->dtype,
                         .result = n->shape, .growing = n->growing};
    if (n->arg[1] < 0) return spec;
    const gp_node *b = gp_planner_node(p, n->arg[1]);
    if (gp_op_is_quantile(n->op)) {
        spec.q = p->program->input[b->input].data;
        spec.qs = (size_t)gp_shape_size(&b->shape);
    } else {
        spec.operands = 2;
        spec.operand[1] = b->dtype;
    }
    return spec;
}

/* Puts the reduced axes last, so that the cells of a quantile come one after the other. False:
 * they are. */
static bool reduced_last(gp_fold_spec *spec, int order[GPUPROC_MAX_NDIM])
{
    gp_shape shape = {0};
    uint32_t axes = 0;
    bool moved = false;
    for (int reduced = 0; reduced < 2; reduced++) {
        for (int d = 0; d < spec->shape.ndim; d++) {
            if ((spec->axes >> d & 1) != (uint32_t)reduced) continue;
            moved = moved || shape.ndim != d;
            if (reduced) axes |= (uint32_t)1 << shape.ndim;
            order[shape.ndim] = d;
            shape.dim[shape.ndim++] = spec->shape.dim[d];
        }
    }
    spec->shape = shape;
    spec->axes = axes;
    return moved;
}

/* ---- Passes over data ------------------------------------------------------- */

static size_t accumulator_for(gp_pass *pass, gp_reduce_kind kind, gp_dtype operand, int node)
{
    for (size_t r = 0; r < pass->reduces; r++) {
        if (pass->reduce[r].kind == (int)kind && pass->reduce[r].node == node) return r;
    }
    pass->reduce[pass->reduces] = (gp_pass_reduce){.kind = (int)kind, .node = node, .operand = operand};
    return pass->reduces++;
}

/* The output of a node for a fold: one that is there for a target will do. */
static size_t output_for(gp_planner *p, gp_plan_pass *out, int node)
{
    for (size_t o = 0; o < out->pass.outputs; o++) {
        if (out->pass.output[o].node == node) return o;
    }
    out->output_target[out->pass.outputs] = out->output_stored[out->pass.outputs] = SIZE_MAX;
    out->pass.output[out->pass.outputs] =
        (gp_pass_output){.node = node, .dtype = gp_planner_node(p, node)->dtype};
    return out->pass.outputs++;
}

static gpuproc_status add_pass(gp_planner *p, const gp_shape *shape, int level, size_t roots,
                               gp_plan_pass **made, gpuproc_error *err)
{
    gp_plan *plan = p->plan;
    if (!gp_grow(&plan->pass, &p->pass_capacity, plan->passes + 1, sizeof *plan->pass)) return no_memory(err);
    gp_plan_pass *out = &plan->pass[plan->passes++];
    *out = (gp_plan_pass){0};
    gp_pass *pass = &out->pass;
    pass->program = p->program;
    pass->shape = *shape;
    pass->count = gp_shape_size(shape);
    pass->level = level;
    pass->output = gp_calloc(2 * roots, sizeof *pass->output);
    pass->reduce = gp_calloc(roots, sizeof *pass->reduce);
    out->output_target = gp_calloc(2 * roots, sizeof *out->output_target);
    out->output_stored = gp_calloc(2 * roots, sizeof *out->output_stored);
    out->finish = gp_calloc(roots, sizeof *out->finish);
    out->fold = gp_calloc(roots, sizeof *out->fold);
    if (pass->output == NULL || pass->reduce == NULL || out->output_target == NULL || out->output_stored == NULL ||
        out->finish == NULL || out->fold == NULL)
        return no_memory(err);
    memset(p->mark, 0, p->program->nodes);
    *made = out;
    return GPUPROC_OK;
}

static void add_fold(gp_planner *p, gp_plan_pass *out, const gp_root *root, const gp_fold_spec *spec,
                     uint64_t first)
{
    const gp_node *n = gp_planner_node(p, root->fold);
    gp_plan_fold *fold = &out->fold[out->folds++];
    *fold = (gp_plan_fold){.node = root->fold, .spec = *spec, .target = root->target,
                           .array = n->uniform ? -1 : p->array_of[root->fold], .first = first};
    for (int k = 0; k < spec->operands; k++) {
        fold->output[k] = output_for(p, out, n->arg[k]);
        p->mark[n->arg[k]] = true;
    }
    if (fold->array >= 0) {
        gp_plan_stored *stored = &p->plan->stored[(size_t)fold->array - p->program->inputs];
        stored->made = p->plan->passes - 1;
        if (first == 0) stored->first_made = stored->made;
    }
}

/* The array of a product that is stored, made by the present pass. */
static size_t stored_by(gp_planner *p, int product)
{
    size_t s = (size_t)p->array_of[product] - p->program->inputs;
    p->plan->stored[s].made = p->plan->passes - 1;
    return s;
}

static void add_to_pass(gp_planner *p, gp_plan_pass *out, const gp_root *r, bool backwards)
{
    gp_pass *pass = &out->pass;
    const gp_node *operand = gp_planner_node(p, r->operand);
    p->mark[r->operand] = true;
    if (r->fold >= 0) {
        gp_fold_spec spec = spec_of(p, r->fold);
        bool fortran = backwards && gp_planner_fold_backwards(&spec);
        if (r->target != SIZE_MAX) p->plan->target_fortran[r->target] = fortran;
        add_fold(p, out, r, &spec, 0);
    } else if (r->reduction < 0) {
        if (r->target != SIZE_MAX) p->plan->target_fortran[r->target] = backwards;
        out->output_target[pass->outputs] = r->target;
        out->output_stored[pass->outputs] = r->target == SIZE_MAX ? stored_by(p, r->operand) : SIZE_MAX;
        pass->output[pass->outputs++] = (gp_pass_output){.node = r->operand, .dtype = operand->dtype};
    } else {
        gp_reduce_kind kind = gp_reduce_kind_of(gp_planner_node(p, r->reduction)->op);
        out->finish[out->finishes++] = (gp_plan_finish){
            .node = r->reduction, .reduce = accumulator_for(pass, kind, operand->dtype, r->operand)};
    }
}

/* What the marked nodes need; then the scalars that the pass reads. */
static gpuproc_status complete(gp_planner *p, gp_plan_pass *out, const gp_frame *frame, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    bool *wanted = gp_calloc(p->program->nodes, 1);
    if (wanted == NULL) return no_memory(err);
    gp_planner_mark_operands(p, false);
    GP_TRY(gp_planner_fill_inputs(p, &out->pass, frame, err));
    for (size_t u = 0; u < out->pass.uniforms; u++) wanted[out->pass.uniform[u]] = true;
    GP_TRY(gp_planner_scalars(p, wanted, &out->scalars, err));
    for (size_t i = 0; i < out->pass.inputs; i++) {
        size_t array = (size_t)out->pass.input[i].input, inputs = p->program->inputs;
        out->products = out->products || (array >= inputs && p->plan->stored[array - inputs].product);
    }
out:
    free(wanted);
    return st;
}

/* How a root that needs passes of its own goes through its operand: in another order of axes, or in tiles. */
typedef struct own_way {
    gp_fold_spec spec;
    gp_tiling tiling;
    bool moved;     /* in `order` */
    bool fortran;   /* that is from the last axis to the first, and so comes the result */
    int order[GPUPROC_MAX_NDIM];
} own_way;

static gpuproc_status find_own_way(gp_planner *p, const gp_root *root, own_way *way, bool *own, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    *way = (own_way){.tiling = {.axis = -1, .count = 1}};
    *own = false;
    if (root->fold < 0) return GPUPROC_OK;
    way->spec = spec_of(p, root->fold);
    if (gp_op_is_quantile(way->spec.op) && way->spec.axes != 0) {
        *own = way->moved = reduced_last(&way->spec, way->order);
    } else if (gp_planner_goes_backwards(p, root)) {
        gp_shape shape = way->spec.shape, reversed;
        gp_planner_backwards(&shape, &reversed, way->order);
        way->moved = true;
        way->fortran = gp_planner_fold_backwards(&way->spec);
    }
    GP_TRY(gp_planner_tile(p, &way->spec, &way->tiling, err));
    *own = *own || way->tiling.axis >= 0;
out:
    return st;
}

gpuproc_status gp_planner_has_own_passes(gp_planner *p, const gp_root *root, bool *own, gpuproc_error *err)
{
    own_way way;
    return find_own_way(p, root, &way, own, err);
}

static gpuproc_status make_own_passes(gp_planner *p, gp_root *root, const own_way *way, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_shape operand = gp_planner_node(p, root->operand)->shape;
    root->taken = true;
    if (root->target != SIZE_MAX) p->plan->target_fortran[root->target] = way->fortran;
    for (uint64_t t = 0; t < way->tiling.count; t++) {
        int64_t lo[GPUPROC_MAX_NDIM] = {0};
        gp_fold_spec spec = way->spec;
        uint64_t first = 0;
        gp_plan_pass *out;
        if (way->tiling.axis >= 0) {
            gp_planner_tile_at(&way->spec, &way->tiling, t, lo, &spec.shape, &first);
            spec.result = (gp_shape){0};
            for (int d = 0; d < spec.shape.ndim; d++) {
                if (!(spec.axes >> d & 1)) spec.result.dim[spec.result.ndim++] = spec.shape.dim[d];
            }
        }
        GP_TRY(add_pass(p, &spec.shape, root->level, 1, &out, err));
        out->backwards = way->fortran;
        add_fold(p, out, root, &spec, first);
        gp_frame frame = {.whole = operand, .lo = way->tiling.axis >= 0 ? lo : NULL,
                          .order = way->moved ? way->order : NULL};
        GP_TRY(complete(p, out, &frame, err));
    }
out:
    return st;
}

/* The passes of a root that needs some of its own. */
static gpuproc_status make_special(gp_planner *p, gp_root *root, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    own_way way;
    bool own;
    GP_TRY(find_own_way(p, root, &way, &own, err));
    if (own) GP_TRY(make_own_passes(p, root, &way, err));
out:
    return st;
}

bool gp_planner_shares_pass(const gp_planner *p, const gp_root *a, const gp_root *b)
{
    return !a->taken && a->level == b->level &&
           gp_shape_equal(&gp_planner_node(p, a->operand)->shape, &gp_planner_node(p, b->operand)->shape);
}

/* Makes one pass of every root of this level that has the shape of root[first]. */
static gpuproc_status make_pass(gp_planner *p, size_t first, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_root like = p->root[first];
    gp_frame frame = {.whole = gp_planner_node(p, like.operand)->shape};
    gp_plan_pass *out;
    gp_shape shape = frame.whole;
    int order[GPUPROC_MAX_NDIM];
    size_t count = 0;
    uint64_t columns;
    for (size_t i = first; i < p->roots; i++) count += gp_planner_shares_pass(p, &p->root[i], &like);
    GP_TRY(gp_planner_columns(p, first, &columns, err));
    bool backwards = columns == 0 && gp_planner_goes_backwards(p, &like);
    if (backwards) {
        gp_planner_backwards(&frame.whole, &shape, order);
        frame.order = order;
    }
    GP_TRY(add_pass(p, &shape, like.level, count, &out, err));
    out->backwards = backwards;
    out->columns = columns;
    frame.in_blocks = columns != 0;
    /* Targets first: their outputs serve folds of the same node, too. */
    for (int folds = 0; folds < 2; folds++) {
        for (size_t i = first; i < p->roots; i++) {
            gp_root *r = &p->root[i];
            if (!gp_planner_shares_pass(p, r, &like) || (r->fold >= 0) != folds) continue;
            add_to_pass(p, out, r, backwards);
            if (i != first) r->taken = true; /* `first` stays what the others are compared with */
        }
    }
    p->root[first].taken = true;
    GP_TRY(complete(p, out, &frame, err));
out:
    return st;
}

/* ---- The whole ---------------------------------------------------------- */

static gpuproc_status start(gp_planner *p, gpuproc_error *err)
{
    gp_plan *plan = p->plan;
    size_t nodes = p->program->nodes;
    p->root = gp_calloc(nodes + plan->targets, sizeof *p->root);
    p->needed = gp_calloc(nodes, 1);
    p->mark = gp_calloc(nodes, 1);
    p->known = gp_calloc(nodes, 1);
    p->array_of = gp_calloc(nodes, sizeof *p->array_of);
    p->product_of = gp_calloc(nodes, sizeof *p->product_of);
    plan->target_fortran = gp_calloc(plan->targets, sizeof *plan->target_fortran);
    if (p->root == NULL || p->needed == NULL || p->mark == NULL || p->known == NULL || p->array_of == NULL ||
        p->product_of == NULL || plan->target_fortran == NULL)
        return no_memory(err);
    for (size_t i = 0; i < nodes; i++) p->array_of[i] = p->product_of[i] = -1;
    find_needed(p);
    gpuproc_status st = find_arrays(p, err);
    if (st != GPUPROC_OK) return st;
    collect_roots(p);
    st = gp_planner_products(p, err);
    if (st != GPUPROC_OK) return st;
    plan->input_reads = gp_calloc(p->program->inputs + plan->storeds, sizeof *plan->input_reads);
    if (plan->input_reads == NULL) return no_memory(err);
    return GPUPROC_OK;
}

static gpuproc_status make_level(gp_planner *p, int level, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < p->roots; i++) {
        if (p->root[i].taken || p->root[i].level != level) continue;
        GP_TRY(make_special(p, &p->root[i], err));
    }
    for (size_t i = 0; i < p->roots; i++) {
        if (!p->root[i].taken && p->root[i].level == level) GP_TRY(make_pass(p, i, err));
    }
out:
    return st;
}

gpuproc_status gp_plan_make(const gp_program *program, const gp_plan_target *target, size_t targets,
                            uint64_t memory, gp_plan *plan, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_planner p = {.program = program, .plan = plan, .memory = memory};
    bool *wanted = NULL;
    int last_level = 0;
    *plan = (gp_plan){.program = program, .target = target, .targets = targets};
    GP_TRY(start(&p, err));
    for (size_t i = 0; i < p.roots; i++) {
        if (p.root[i].level > last_level) last_level = p.root[i].level;
    }
    for (int level = 0; level <= last_level; level++) GP_TRY(make_level(&p, level, err));
    wanted = gp_calloc(program->nodes, 1);
    if (wanted == NULL) {
        st = no_memory(err);
        goto out;
    }
    for (size_t t = 0; t < targets; t++) {
        if (target[t].scalar) wanted[target[t].node] = true;
    }
    GP_TRY(gp_planner_scalars(&p, wanted, &plan->last_scalars, err));
out:
    free(p.root);
    free(p.needed);
    free(p.mark);
    free(p.known);
    free(p.array_of);
    free(p.product_of);
    free(wanted);
    if (st != GPUPROC_OK) gp_plan_free(plan);
    return st;
}

static void pass_free(gp_pass *pass)
{
    free(pass->input);
    free(pass->index);
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
        free(plan->pass[i].output_stored);
        free(plan->pass[i].finish);
        free(plan->pass[i].fold);
    }
    pass_free(&plan->last_scalars);
    free(plan->pass);
    free(plan->stored);
    free(plan->target_fortran);
    free(plan->input_reads);
    *plan = (gp_plan){0};
}
