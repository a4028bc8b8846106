/* The tree of the ordered reductions (PROD of floats, MOMENTS).
 *
 * Leaves are blocks. Node (level l, index i) covers blocks [i*2^l, (i+1)*2^l); its
 * value is combine(node(l-1, 2i), node(l-1, 2i+1)). The nodes that have no
 * sibling yet are kept sorted by where they begin.
 *
 * When everything was merged, what is left are the nodes of the ones in the number
 * of blocks, the largest on the left. They are folded from the right: the last two
 * give one value, that and the third last the next, and so on:
 * combine(n0, combine(n1, combine(n2, n3))). So the shape of the tree follows
 * from the element count alone.
 *
 * combine of PROD: a * b. Of MOMENTS, with counts na and nb, n = na + nb and
 * d = mean_b - mean_a: mean = mean_a + d * (nb / n),
 * m2 = (m2_a + m2_b) + (d * d) * (na * (nb / n)), with each node's mean kept as a
 * pair of float64, since the rounding of means shows where the noise is small. */
#ifndef GP_EMIT_REDUCE_TREE_H
#define GP_EMIT_REDUCE_TREE_H

#include "emit/reduce.h"

typedef struct gp_reduce_node {
    uint64_t index;
    uint64_t count; /* elements */
    double value;   /* PROD: the product; MOMENTS: the mean */
    double low;     /* MOMENTS: what rounding took from the mean */
    double m2;      /* MOMENTS */
    int level;
} gp_reduce_node;

typedef struct gp_reduce_tree {
    gp_reduce_node *node; /* sorted, disjoint, no two siblings */
    gp_reduce_node *spare; /* where the next merge builds its list */
    size_t nodes, capacity, spare_capacity;
    gp_reduce_kind kind;
} gp_reduce_tree;

/* A zeroed tree with its kind set is an empty one. */
void gp_reduce_tree_free(gp_reduce_tree *tree);

/* Adds the blocks of elements [first, first + count); see gp_reduce_merge. On failure the
 * tree is as it was. */
gpuproc_status gp_reduce_tree_merge(gp_reduce_tree *tree, const void *partial, size_t partials,
                                    uint64_t first, uint64_t count, gpuproc_error *err);

/* The value over elements [0, count), count > 0. INTERNAL where some are missing. */
gpuproc_status gp_reduce_tree_fold(const gp_reduce_tree *tree, uint64_t count,
                                   gp_reduce_node *total, gpuproc_error *err);

#endif
