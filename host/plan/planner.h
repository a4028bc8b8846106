/* What the files of plan/ share. Private to plan/. */
#ifndef GP_PLAN_PLANNER_H
#define GP_PLAN_PLANNER_H

#include "plan/plan.h"

/* One root of a pass: something that needs a node's elements. */
typedef struct gp_root {
    int operand;   /* the node whose elements are needed */
    int reduction; /* a whole reduction over it, or -1 */
    int fold;      /* the stored node that is made from it, or -1 */
    size_t target; /* index of the target that it is, or (fold) that the stored node is; SIZE_MAX: none */
    int level;
    bool taken;
} gp_root;

typedef struct gp_planner {
    const gp_program *program;
    gp_plan *plan;
    size_t pass_capacity, stored_capacity;
    uint64_t memory;
    gp_root *root;
    size_t roots;
    bool *needed;  /* per node: something wants its value */
    bool *mark;    /* scratch per node */
    bool *known;   /* uniform nodes whose value is known by now */
    int *array_of; /* per stored node: its array's number; -1: no pass reads it */
    int *product_of; /* per product: the number of what is made as it is read; array_of where it is not stored */
} gp_planner;

static inline const gp_node *gp_planner_node(const gp_planner *p, int index)
{
    return &p->program->node[index];
}

/* Marks the nodes that the marked ones are made of in a pass; `through_uniform`: below uniform
 * ones, too. */
void gp_planner_mark_operands(const gp_planner *p, bool through_uniform);
void gp_planner_mark_root(const gp_planner *p, const gp_root *root); /* what it takes (products.c) */

/* Fills a pass's inputs, indices and uniforms from the marks (pass_inputs.c). `lo`: where the pass's
 * shape begins in the operands' shape `whole` (a tile), NULL for all of it; `order`: axis k of the pass is
 * axis order[k] of that, NULL: the same. */
typedef struct gp_frame {
    gp_shape whole;
    const int64_t *lo;
    const int *order;
    bool in_blocks; /* it may be: then nothing is resident */
} gp_frame;
gpuproc_status gp_planner_fill_inputs(gp_planner *p, gp_pass *pass, const gp_frame *frame,
                                      gpuproc_error *err);

/* Whether what goes over a root's shape walks its axes backwards, since that lets arrays in Fortran order
 * stream in their own order and nothing shows it (fortran.c). Changes the marks. */
bool gp_planner_goes_backwards(gp_planner *p, const gp_root *root);
/* The shape that such passes go through, and gp_frame.order. */
void gp_planner_backwards(const gp_shape *shape, gp_shape *out, int order[GPUPROC_MAX_NDIM]);
/* The fold over it; true: its result comes in Fortran order. */
bool gp_planner_fold_backwards(gp_fold_spec *spec);

/* The tiles of a fold that would hold too much at once (tiles.c): the result's elements in runs of C order.
 * Fills lo and shape (of the operand) and the first element of the result for tile `index`; false behind the last. */
typedef struct gp_tiling {
    int64_t run;   /* kept axes: all before `axis` go one by one, `axis` in steps of `run` */
    int axis;
    uint64_t count;
} gp_tiling;
gpuproc_status gp_planner_tile(const gp_planner *p, const gp_fold_spec *spec, gp_tiling *tiling,
                               gpuproc_error *err);
void gp_planner_tile_at(const gp_fold_spec *spec, const gp_tiling *tiling, uint64_t index,
                        int64_t lo[GPUPROC_MAX_NDIM], gp_shape *shape, uint64_t *first);

/* Whether a root needs passes of its own (plan.c); whether two share one. */
gpuproc_status gp_planner_has_own_passes(gp_planner *p, const gp_root *root, bool *own, gpuproc_error *err);
bool gp_planner_shares_pass(const gp_planner *p, const gp_root *a, const gp_root *b);
bool gp_planner_is_array(const gp_node *n); /* pass_inputs.c */

/* Products (products.c): describes them and decides which are stored; whether a pass of this level makes
 * the node's elements; gp_plan_pass.columns of the pass of root `first` and those that share it. */
gpuproc_status gp_planner_products(gp_planner *p, gpuproc_error *err);
bool gp_planner_makes(const gp_planner *p, int node, int level);
const gp_plan_stored *gp_planner_product(const gp_planner *p, int node);
gpuproc_status gp_planner_columns(gp_planner *p, size_t first, uint64_t *columns, gpuproc_error *err);

/* The scalars before and behind passes (scalars.c). */
gpuproc_status gp_planner_scalars(gp_planner *p, const bool *wanted, gp_pass *pass, gpuproc_error *err);

#endif
