/* Arrays in Fortran order stream in their own order where the pass may walk its axes backwards. */
#include "plan/planner.h"

static void reverse_walk(gp_walk *walk)
{
    gp_walk w = *walk;
    int n = walk->shape.ndim;
    for (int d = 0; d < n; d++) {
        walk->shape.dim[d] = w.shape.dim[n - 1 - d];
        walk->stride[d] = w.stride[n - 1 - d];
        walk->lo[d] = w.lo[n - 1 - d];
        walk->hi[d] = w.hi[n - 1 - d];
    }
}

static void reverse(int64_t *value, int n)
{
    for (int d = 0; d < n / 2; d++) {
        int64_t other = value[n - 1 - d];
        value[n - 1 - d] = value[d];
        value[d] = other;
    }
}

static int axes_of(uint32_t mask) { return __builtin_popcount(mask); }

/* Whether a fold's result is the same, but in Fortran order, where its operand comes so. */
static bool fold_allows(const gp_planner *p, const gp_root *root)
{
    const gp_node *node = gp_planner_node(p, root->fold);
    if (p->array_of[root->fold] >= 0) return false; /* views of it count on C order */
    if (root->target != SIZE_MAX && p->plan->target[root->target].c_order) return false;
    switch (node->op) {
    case GP_OP_ARGMIN:
    case GP_OP_ARGMAX: return axes_of(node->axes) == 1;
    case GP_OP_SELECT:
    case GP_OP_STORE:
#define X(name, kinds) case GP_OP_##name:
    GP_OPS_MATRIX_FOLD(X)
#undef X
        return false;
    case GP_OP_QUANTILE:
    case GP_OP_NANQUANTILE: return node->axes == 0;
    default: return true;
    }
}

/* Asks every fold over this shape, those in passes of their own as well: whether they need one depends on
 * the memory budget, and the order of a result shall not. */
static bool folds_allow(const gp_planner *p, const gp_pass *pass)
{
    for (size_t i = 0; i < p->roots; i++) {
        const gp_root *root = &p->root[i];
        if (root->fold < 0 || root->level != pass->level) continue;
        if (gp_shape_equal(&gp_planner_node(p, root->operand)->shape, &pass->shape) && !fold_allows(p, root))
            return false;
    }
    return true;
}

static bool allows(const gp_planner *p, const gp_plan_pass *out)
{
    const gp_pass *pass = &out->pass;
    for (size_t o = 0; o < pass->outputs; o++) {
        size_t target = out->output_target[o];
        if (target != SIZE_MAX && p->plan->target[target].c_order) return false;
    }
    for (size_t r = 0; r < pass->reduces; r++) {
        if (pass->reduce[r].kind == GP_REDUCE_ARGMIN || pass->reduce[r].kind == GP_REDUCE_ARGMAX) return false;
    }
    return folds_allow(p, pass);
}

/* Every element of the pass is another one of the array. */
static bool is_full(const gp_walk *walk)
{
    for (int d = 0; d < walk->shape.ndim; d++) {
        if (walk->shape.dim[d] > 1 && walk->stride[d] == 0) return false;
    }
    return true;
}

/* Does not look at the memory budget, so that the order of a result does not depend on it. */
static bool helps(const gp_pass *pass)
{
    bool any = false;
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_pass_input *in = &pass->input[i];
        if (in->table || !is_full(&in->walk)) continue;
        gp_walk reversed = in->walk;
        reverse_walk(&reversed);
        if (!gp_walk_contiguous(&reversed)) return false;
        any = any || !gp_walk_contiguous(&in->walk);
    }
    return any;
}

static void reverse_fold(gp_plan *plan, gp_plan_fold *fold)
{
    gp_fold_spec *spec = &fold->spec;
    uint32_t axes = 0;
    int n = spec->shape.ndim;
    for (int d = 0; d < n; d++) {
        if (spec->axes >> d & 1) axes |= (uint32_t)1 << (n - 1 - d);
    }
    spec->axes = axes;
    reverse(spec->shape.dim, n);
    if (spec->op == GP_OP_BINCOUNT || spec->op == GP_OP_UNIQUE || spec->op == GP_OP_UNIQUE_COUNTS ||
        gp_op_is_quantile(spec->op))
        return;
    reverse(spec->result.dim, spec->result.ndim);
    if (fold->target != SIZE_MAX) plan->target_fortran[fold->target] = spec->result.ndim > 1;
}

void gp_planner_try_fortran(gp_planner *p, gp_plan_pass *out)
{
    gp_pass *pass = &out->pass;
    int n = pass->shape.ndim;
    if (n < 2 || pass->count == 0 || !helps(pass) || !allows(p, out)) return;
    out->fortran = true;
    reverse(pass->shape.dim, n);
    for (size_t i = 0; i < pass->inputs; i++) {
        if (!pass->input[i].table) reverse_walk(&pass->input[i].walk);
        reverse(pass->input[i].stride, n);
    }
    for (size_t i = 0; i < pass->indices; i++) reverse(pass->index[i].stride, n);
    for (size_t o = 0; o < pass->outputs; o++) {
        if (out->output_target[o] != SIZE_MAX) p->plan->target_fortran[out->output_target[o]] = true;
    }
    for (size_t f = 0; f < out->folds; f++) reverse_fold(p->plan, &out->fold[f]);
}
