/* Arrays in Fortran order stream in their own order where the passes over a shape may walk its axes backwards. */
#include "plan/planner.h"

#include <string.h>

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

static bool in_group(const gp_planner *p, const gp_root *root, const gp_root *like)
{
    return root->level == like->level &&
           gp_shape_equal(&gp_planner_node(p, root->operand)->shape, &gp_planner_node(p, like->operand)->shape);
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

static bool allows(const gp_planner *p, const gp_root *root)
{
    if (root->fold >= 0) return fold_allows(p, root);
    if (root->reduction >= 0) {
        gp_op op = gp_planner_node(p, root->reduction)->op;
        return op != GP_OP_ARGMIN && op != GP_OP_ARGMAX;
    }
    return root->target == SIZE_MAX || !p->plan->target[root->target].c_order;
}

/* Every element of the pass is another one of the array. */
static bool is_full(const gp_walk *walk)
{
    for (int d = 0; d < walk->shape.ndim; d++) {
        if (walk->shape.dim[d] > 1 && walk->stride[d] == 0) return false;
    }
    return true;
}

/* Some marked array lies backwards, and all that have as many elements as the shape do. */
static bool helps(const gp_planner *p, const gp_shape *shape)
{
    bool any = false;
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = gp_planner_node(p, (int)i);
        gp_walk own, walk, reversed;
        if (!p->mark[i] || !gp_planner_is_array(n) || n->op == GP_OP_TABLE) continue;
        gp_node_walk(p->program, (int)i, &own);
        gp_walk_broadcast(&own, shape, &walk);
        if (!is_full(&walk)) continue;
        reversed = walk;
        reverse_walk(&reversed);
        if (!gp_walk_contiguous(&reversed)) return false;
        any = any || !gp_walk_contiguous(&walk);
    }
    return any;
}

static void mark_group(gp_planner *p, const gp_root *like)
{
    memset(p->mark, 0, p->program->nodes);
    for (size_t i = 0; i < p->roots; i++) {
        const gp_root *root = &p->root[i];
        if (in_group(p, root, like)) gp_planner_mark_root(p, root);
    }
    gp_planner_mark_operands(p, false);
}

/* Asks all that goes over this shape, what has passes of its own as well: whether it needs them depends on
 * the memory budget, and the order in which elements are taken shall not. */
bool gp_planner_goes_backwards(gp_planner *p, const gp_root *like)
{
    const gp_shape *shape = &gp_planner_node(p, like->operand)->shape;
    if (shape->ndim < 2 || gp_shape_size(shape) == 0) return false;
    for (size_t i = 0; i < p->roots; i++) {
        if (in_group(p, &p->root[i], like) && !allows(p, &p->root[i])) return false;
    }
    mark_group(p, like);
    return helps(p, shape);
}

void gp_planner_backwards(const gp_shape *shape, gp_shape *out, int order[GPUPROC_MAX_NDIM])
{
    int n = shape->ndim;
    out->ndim = n;
    for (int d = 0; d < n; d++) {
        order[d] = n - 1 - d;
        out->dim[d] = shape->dim[n - 1 - d];
    }
}

bool gp_planner_fold_backwards(gp_fold_spec *spec)
{
    int order[GPUPROC_MAX_NDIM], n = spec->shape.ndim;
    gp_shape shape = spec->shape, result = spec->result;
    uint32_t axes = 0;
    for (int d = 0; d < n; d++) {
        if (spec->axes >> d & 1) axes |= (uint32_t)1 << (n - 1 - d);
    }
    spec->axes = axes;
    gp_planner_backwards(&shape, &spec->shape, order);
    if (spec->op == GP_OP_BINCOUNT || spec->op == GP_OP_UNIQUE || spec->op == GP_OP_UNIQUE_COUNTS ||
        gp_op_is_quantile(spec->op))
        return false;
    gp_planner_backwards(&result, &spec->result, order);
    return spec->result.ndim > 1;
}
