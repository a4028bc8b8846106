/* Products of matrices in the plan: which ones come tile by tile into the pass that reads them and which are
 * stored first, and the tiles of a pass over some. */
#include "plan/planner.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

/* What a pass over a product may take of the budget: the rest is for residents and what is stored. */
static uint64_t budget_of(const gp_planner *p, size_t products) { return p->memory / 8 * 7 / products; }

static bool is_product(const gp_planner *p, int node)
{
    return gp_op_info_of(gp_planner_node(p, node)->op)->product;
}

static uint64_t dim_from_end(const gp_shape *shape, int k) { return (uint64_t)shape->dim[shape->ndim - k]; }

static void describe_operand(const gp_planner *p, int node, gp_plan_stored *stored, int k)
{
    int base = gp_node_base(p->program, node);
    const gp_node *from = gp_planner_node(p, base);
    stored->operand[k] = from->op == GP_OP_INPUT ? from->input : p->array_of[base];
    stored->spec.operand[k] = from->dtype;
    gp_node_walk(p->program, node, &stored->spec.walk[k]);
}

/* Operands stand before their product, so their arrays have numbers by now. */
static void describe(gp_planner *p, gp_plan_stored *stored)
{
    const gp_node *n = gp_planner_node(p, stored->node);
    gp_product_spec *spec = &stored->spec;
    spec->dtype = n->dtype;
    spec->conjugate[0] = (n->size & GP_MATMUL_CONJ_A) != 0;
    spec->conjugate[1] = (n->size & GP_MATMUL_CONJ_B) != 0;
    for (int k = 0; k < 2; k++) describe_operand(p, n->arg[k], stored, k);
    const gp_shape *a = &spec->walk[0].shape;
    spec->m = dim_from_end(a, 2);
    spec->k = dim_from_end(a, 1);
    spec->n = dim_from_end(&spec->walk[1].shape, 1);
    spec->stack = 1;
    for (int d = 0; d < a->ndim - 2; d++) spec->stack *= (uint64_t)a->dim[d];
}

const gp_plan_stored *gp_planner_product(const gp_planner *p, int node)
{
    return &p->plan->stored[(size_t)p->product_of[node] - p->program->inputs];
}

/* ---- Which are stored ------------------------------------------------------- */

void gp_planner_mark_root(const gp_planner *p, const gp_root *root)
{
    p->mark[root->operand] = true;
    if (root->fold < 0) return;
    for (int k = 0; k < 2; k++) {
        int arg = gp_planner_node(p, root->fold)->arg[k];
        if (arg >= 0) p->mark[arg] = true;
    }
}

static bool reads(gp_planner *p, const gp_root *root, int node)
{
    memset(p->mark, 0, p->program->nodes);
    gp_planner_mark_root(p, root);
    gp_planner_mark_operands(p, false);
    return p->mark[node];
}

/* Something walks it in another order, or needs it as an operand of a product. */
static bool is_viewed(const gp_planner *p, int node)
{
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = gp_planner_node(p, (int)i);
        bool as_array = n->op == GP_OP_VIEW || n->op == GP_OP_TABLE || is_product(p, (int)i);
        for (int k = 0; k < 2 && p->needed[i] && as_array; k++) {
            if (n->arg[k] == node) return true;
        }
    }
    return false;
}

/* One pass reads it, from the first row to the last, and nothing else does. */
static gpuproc_status is_read_once(gp_planner *p, int node, bool *once, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_node *n = gp_planner_node(p, node);
    *once = false;
    if (is_viewed(p, node)) return GPUPROC_OK;
    for (size_t r = 0; r < p->roots; r++) {
        const gp_root *root = &p->root[r];
        bool own = false;
        if (!reads(p, root, node)) continue;
        if (root->level != n->level || !gp_shape_equal(&gp_planner_node(p, root->operand)->shape, &n->shape))
            return GPUPROC_OK;
        GP_TRY(gp_planner_has_own_passes(p, root, &own, err));
        if (own) return GPUPROC_OK;
    }
    *once = true;
out:
    return st;
}

/* It gets an array, made by a pass in front of those that read it; targets that are exactly it come from there, but
 * for streams, which would keep it from being made in blocks. */
static gpuproc_status store(gp_planner *p, int node, gpuproc_error *err)
{
    gp_plan *plan = p->plan;
    const gp_node *n = gp_planner_node(p, node);
    if (!gp_grow(&plan->stored, &p->stored_capacity, plan->storeds + 1, sizeof *plan->stored))
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
    plan->stored[plan->storeds] = (gp_plan_stored){.node = node, .dtype = n->dtype, .shape = n->shape};
    p->array_of[node] = (int)(p->program->inputs + plan->storeds++);
    for (size_t r = 0; r < p->roots; r++) {
        const gp_root *root = &p->root[r];
        bool is_target = root->operand == node && root->fold < 0 && root->reduction < 0;
        if (is_target && !plan->target[root->target].in_order) p->root[r].level = n->level - 1;
    }
    p->root[p->roots++] = (gp_root){.operand = node, .reduction = -1, .fold = -1, .target = SIZE_MAX,
                                    .level = n->level - 1};
    return GPUPROC_OK;
}

/* ---- Tiles ------------------------------------------------------------------ */

/* Marks what the group of root `first` reads; counts its products. */
static size_t mark_group(gp_planner *p, size_t first)
{
    size_t products = 0;
    memset(p->mark, 0, p->program->nodes);
    for (size_t r = first; r < p->roots; r++) {
        if (r == first || gp_planner_shares_pass(p, &p->root[r], &p->root[first])) gp_planner_mark_root(p, &p->root[r]);
    }
    gp_planner_mark_operands(p, false);
    for (size_t i = 0; i < p->program->nodes; i++) products += p->mark[i] && gp_planner_makes(p, (int)i, p->root[first].level);
    return products;
}

bool gp_planner_makes(const gp_planner *p, int node, int level)
{
    return is_product(p, node) &&
           (p->array_of[node] == p->product_of[node] || level < gp_planner_node(p, node)->level);
}

/* Bytes of a slot for one element of the pass: what it reads and what it gives. */
static uint64_t element_bytes(const gp_planner *p, size_t first)
{
    uint64_t bytes = 0;
    bool only_copies = true;
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (p->mark[i] && gp_planner_is_array(gp_planner_node(p, (int)i)))
            bytes += gpuproc_dtype_bytes(gp_planner_node(p, (int)i)->dtype);
    }
    uint64_t outputs = 0;
    for (size_t r = first; r < p->roots; r++) {
        const gp_root *root = &p->root[r];
        if (r != first && !gp_planner_shares_pass(p, root, &p->root[first])) continue;
        bool copied = root->reduction < 0 && root->fold < 0 && is_product(p, root->operand);
        only_copies = only_copies && copied;
        outputs += gpuproc_dtype_bytes(gp_planner_node(p, root->operand)->dtype);
    }
    return bytes + (only_copies ? 0 : outputs);
}

static bool is_ordered(const gp_planner *p, const gp_root *root)
{
    return gp_reduce_ordered(gp_reduce_kind_of(gp_planner_node(p, root->reduction)->op),
                             gp_planner_node(p, root->operand)->dtype);
}

/* Nothing in the group depends on the order of elements, and every product's columns are the last axis. */
static bool may_be_in_blocks(const gp_planner *p, size_t first)
{
    const gp_shape *shape = &gp_planner_node(p, p->root[first].operand)->shape;
    for (size_t r = first; r < p->roots; r++) {
        const gp_root *root = &p->root[r];
        if (r != first && !gp_planner_shares_pass(p, root, &p->root[first])) continue;
        if (root->fold >= 0 || (root->reduction >= 0 && is_ordered(p, root))) return false;
        if (root->target != SIZE_MAX && p->plan->target[root->target].in_order) return false;
    }
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (p->mark[i] && gp_planner_node(p, (int)i)->op == GP_OP_INDEX) return false;
        if (!p->mark[i] || !gp_planner_makes(p, (int)i, p->root[first].level)) continue;
        const gp_product_spec *spec = &gp_planner_product(p, (int)i)->spec;
        if (spec->stack != 1 || shape->ndim != 2 || spec->n != dim_from_end(shape, 1)) return false;
    }
    return true;
}

gpuproc_status gp_planner_columns(gp_planner *p, size_t first, uint64_t *columns, gpuproc_error *err)
{
    size_t products = mark_group(p, first);
    const gp_shape *shape = &gp_planner_node(p, p->root[first].operand)->shape;
    *columns = 0;
    if (products == 0 || gp_shape_size(shape) == 0) return GPUPROC_OK;
    gp_product_need need = {.budget = budget_of(p, products), .tile_bytes = element_bytes(p, first) / products,
                            .strips = may_be_in_blocks(p, first)};
    if (need.tile_bytes == 0) need.tile_bytes = 1;
    for (size_t i = 0; i < p->program->nodes; i++) {
        gp_product_tiling tiling;
        uint64_t least = 0;
        if (!p->mark[i] || !gp_planner_makes(p, (int)i, p->root[first].level)) continue;
        const gp_product_spec *spec = &gp_planner_product(p, (int)i)->spec;
        if (!gp_product_tile(spec, &need, &tiling, &least))
            return gp_fail(err, GPUPROC_BUDGET,
                           "a tile of the matrix product takes %" PRIu64 " bytes, but the memory budget leaves %" PRIu64,
                           least, need.budget);
        if (tiling.strip < spec->n && (*columns == 0 || tiling.strip < *columns)) *columns = tiling.strip;
    }
    return GPUPROC_OK;
}

gpuproc_status gp_planner_products(gp_planner *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t arrays = p->plan->storeds;
    for (size_t s = 0; s < arrays; s++) {
        if (!p->plan->stored[s].product) continue;
        int node = p->plan->stored[s].node;
        bool once;
        p->product_of[node] = p->array_of[node];
        describe(p, &p->plan->stored[s]);
        GP_TRY(is_read_once(p, node, &once, err));
        if (!once) GP_TRY(store(p, node, err));
    }
    /* Where a tile of whole rows is too large and what reads it needs whole rows, it is stored after all. */
    for (size_t s = 0; s < arrays; s++) {
        int node = p->plan->stored[s].node;
        if (!p->plan->stored[s].product || p->array_of[node] != p->product_of[node]) continue;
        for (size_t r = 0; r < p->roots; r++) {
            uint64_t columns;
            if (!reads(p, &p->root[r], node)) continue;
            if (gp_planner_columns(p, r, &columns, NULL) != GPUPROC_OK) GP_TRY(store(p, node, err));
            break;
        }
    }
out:
    return st;
}
