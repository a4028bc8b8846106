/* The program cut into passes over the data.
 *
 * Nodes have a level (lang/ir.h): level 0 needs the inputs only, level k+1 needs a
 * reduction over level k. Stage k is the set of passes that read data at
 * level k: it makes the reductions whose operands are of level k and the outputs of
 * level k. Roots of one stage and one shape share one pass, and so one read of the
 * data. Between stages the scalars that the next stage reads are computed from the
 * reductions. */
#ifndef GP_PLAN_PLAN_H
#define GP_PLAN_PLAN_H

#include "emit/pass.h"
#include "emit/reduce.h"
#include "fold/fold.h"
#include "matrix/product.h"

/* A reduction node whose value is made from one of the pass's accumulators. */
typedef struct gp_plan_finish {
    int node;
    size_t reduce; /* index into pass.reduce */
} gp_plan_finish;

/* A stored node's array: made by one pass, read by later ones. Or a product's elements, which are made while
 * a pass reads them: the one that stores them, where the product has an array as well, or the only one. */
typedef struct gp_plan_stored {
    int node;
    gp_dtype dtype;
    gp_shape shape;
    bool product;
    gp_product_spec spec; /* of a product; and the arrays that are its operands: */
    int operand[2];
    /* Passes, by index: the first and the last that write it (several: tiles), the last that reads it. */
    size_t first_made, made, last_read;
} gp_plan_stored;

/* A fold that takes outputs of a pass on the host. */
typedef struct gp_plan_fold {
    int node;          /* the stored node */
    gp_fold_spec spec; /* budget and workers are the run's */
    size_t output[2];  /* the pass's outputs that are its operands, spec.operands of them */
    /* Where the result goes: either or both. */
    size_t target;     /* a target that is exactly this node; SIZE_MAX: none */
    int array;         /* the stored array's number (pass.h); -1: no pass reads it; a node of shape ()
                          goes to gp_run.value */
    uint64_t first;    /* the result's element 0 is this element of the array (a tile) */
} gp_plan_fold;

typedef struct gp_plan_pass {
    gp_pass pass;
    size_t *output_target; /* per pass.output: index into the plan's targets; SIZE_MAX: none */
    size_t *output_stored; /* per pass.output: index of the stored array that it is; SIZE_MAX: none */
    bool backwards;   /* it goes through its axes from the last to the first, as Fortran arrays lie */
    bool products;    /* it reads some products; its chunks are their tiles: */
    uint64_t columns; /* of a tile, where one of whole rows would read more: the pass may be in blocks; else 0 */
    gp_plan_finish *finish;
    size_t finishes;
    gp_plan_fold *fold;
    size_t folds;
    /* Scalars to compute before this pass, as a pass of shape () whose outputs they are. */
    gp_pass scalars;
} gp_plan_pass;

/* A node whose elements (or value, for a 0-d one) are wanted. */
typedef struct gp_plan_target {
    int node;
    bool scalar;  /* wanted as a value, not as elements: the node is uniform and 0-d */
    bool c_order;  /* the elements must come in C order (they may come in Fortran order else) */
    bool in_order; /* and one after the other: a stream */
} gp_plan_target;

typedef struct gp_plan {
    const gp_program *program; /* borrowed */
    const gp_plan_target *target; /* borrowed */
    size_t targets;
    bool *target_fortran; /* per target: its elements come in Fortran order */
    gp_plan_stored *stored; /* array number program->inputs + i */
    size_t storeds;
    gp_plan_pass *pass;
    size_t passes;
    gp_pass last_scalars;  /* computed behind the last pass */
    /* Per array (inputs, then stored): how often it is read from front to back; 2 more where it is walked
     * in another way, so that a stream with 1 can be read as it comes. */
    unsigned *input_reads;
} gp_plan;

/* `program` and `targets` are borrowed and must outlive the plan. `memory`: the host budget in
 * bytes (where it is short, reductions along axes are cut into tiles). Free with gp_plan_free. */
gpuproc_status gp_plan_make(const gp_program *program, const gp_plan_target *target, size_t targets,
                            uint64_t memory, gp_plan *plan, gpuproc_error *err);
void gp_plan_free(gp_plan *plan);

#endif
