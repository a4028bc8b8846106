#include "emit/reduce_tree.h"

#include "base/memory.h"

#include <math.h>

/* Longest list that one run of blocks can leave: two nodes per level. */
#define RUN_NODES 128

void gp_reduce_tree_free(gp_reduce_tree *tree)
{
    free(tree->node);
    free(tree->spare);
    *tree = (gp_reduce_tree){.kind = tree->kind};
}

static uint64_t first_block(const gp_reduce_node *node) { return node->index << node->level; }
static uint64_t end_block(const gp_reduce_node *node) { return (node->index + 1) << node->level; }

static gp_reduce_node combine(gp_reduce_kind kind, const gp_reduce_node *a, const gp_reduce_node *b)
{
    gp_reduce_node sum = {.index = a->index, .level = a->level, .count = a->count + b->count};
    if (kind == GP_REDUCE_PROD) {
        sum.value = a->value * b->value;
        return sum;
    }
    double share = (double)b->count / (double)sum.count;
    double distance = (b->value - a->value) + (b->low - a->low);
    double shift = distance * share;

    /* a->value + shift without loss, then the low parts. */
    double high = a->value + shift;
    double back = high - a->value;
    double low = (a->value - (high - back)) + (shift - back) + a->low;
    sum.value = high + low;
    sum.low = isfinite(sum.value) ? low - (sum.value - high) : 0.0;
    sum.m2 = (a->m2 + b->m2) + (distance * distance) * ((double)a->count * share);
    return sum;
}

static bool siblings(const gp_reduce_node *a, const gp_reduce_node *b)
{
    return a->level == b->level && (a->index & 1) == 0 && b->index == a->index + 1;
}

/* Appends a node and closes every parent that is complete by it. */
static void push(gp_reduce_kind kind, gp_reduce_node *list, size_t *length, gp_reduce_node node)
{
    while (*length > 0 && siblings(&list[*length - 1], &node)) {
        (*length)--;
        node = combine(kind, &list[*length], &node);
        node.index = list[*length].index / 2;
        node.level = list[*length].level + 1;
    }
    list[(*length)++] = node;
}

static gp_reduce_node leaf(const gp_reduce_tree *tree, const void *partial, size_t i)
{
    gp_reduce_node node = {0};
    if (tree->kind == GP_REDUCE_PROD) {
        node.value = ((const gp_partial_prod *)partial)[i].value;
    } else {
        node.value = ((const gp_partial_moments *)partial)[i].mean;
        node.low = ((const gp_partial_moments *)partial)[i].low;
        node.m2 = ((const gp_partial_moments *)partial)[i].m2;
        if (node.m2 < 0) node.m2 = 0; /* rounding, where all elements are nearly equal */
    }
    return node;
}

gpuproc_status gp_reduce_tree_merge(gp_reduce_tree *tree, const void *partial, size_t partials,
                                    uint64_t first, uint64_t count, gpuproc_error *err)
{
    if (count == 0) return GPUPROC_OK;
    uint64_t begin = first / GP_BLOCK, blocks = gp_ceil_div(count, GP_BLOCK), end = begin + blocks;
    if (first % GP_BLOCK != 0 || partials != blocks)
        return gp_fail(err, GPUPROC_INTERNAL, "reduction: expected %llu blocks from a block border, found %zu from element %llu",
                       (unsigned long long)blocks, partials, (unsigned long long)first);

    size_t before = 0; /* nodes to the left of the chunk */
    while (before < tree->nodes && first_block(&tree->node[before]) < begin) before++;
    if ((before > 0 && end_block(&tree->node[before - 1]) > begin) ||
        (before < tree->nodes && first_block(&tree->node[before]) < end))
        return gp_fail(err, GPUPROC_INTERNAL, "reduction: elements from %llu on were merged twice",
                       (unsigned long long)first);
    if (!gp_grow(&tree->spare, &tree->spare_capacity, tree->nodes + RUN_NODES, sizeof *tree->spare))
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for the reduction's tree");

    /* What stands left of the chunk cannot merge by itself, so only the chunk and what follows is pushed. */
    gp_reduce_node *list = tree->spare;
    size_t length = 0;
    for (size_t i = 0; i < before; i++) list[length++] = tree->node[i];
    for (uint64_t b = 0; b < blocks; b++) {
        gp_reduce_node node = leaf(tree, partial, (size_t)b);
        node.index = begin + b;
        node.count = gp_min_u64(GP_BLOCK, count - b * GP_BLOCK);
        push(tree->kind, list, &length, node);
    }
    for (size_t i = before; i < tree->nodes; i++) push(tree->kind, list, &length, tree->node[i]);

    size_t capacity = tree->spare_capacity;
    tree->spare = tree->node;
    tree->spare_capacity = tree->capacity;
    tree->node = list;
    tree->capacity = capacity;
    tree->nodes = length;
    return GPUPROC_OK;
}

gpuproc_status gp_reduce_tree_fold(const gp_reduce_tree *tree, uint64_t count,
                                   gp_reduce_node *total, gpuproc_error *err)
{
    uint64_t block = 0, elements = 0;
    for (size_t i = 0; i < tree->nodes && first_block(&tree->node[i]) == block; i++) {
        block = end_block(&tree->node[i]);
        elements += tree->node[i].count;
    }
    if (elements != count || block != gp_ceil_div(count, GP_BLOCK) || count == 0)
        return gp_fail(err, GPUPROC_INTERNAL, "reduction: expected %llu elements, found %llu",
                       (unsigned long long)count, (unsigned long long)elements);

    size_t i = tree->nodes - 1;
    gp_reduce_node sum = tree->node[i];
    while (i-- > 0) sum = combine(tree->kind, &tree->node[i], &sum);
    *total = sum;
    return GPUPROC_OK;
}
