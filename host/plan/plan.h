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

/* A reduction node whose value is made from one of the pass's accumulators. */
typedef struct gp_plan_finish {
    int node;
    size_t reduce; /* index into pass.reduce */
} gp_plan_finish;

typedef struct gp_plan_pass {
    gp_pass pass;
    size_t *output_target; /* per pass.output: index into the plan's targets */
    gp_plan_finish *finish;
    size_t finishes;
    /* Scalars to compute before this pass, as a pass of shape () whose outputs they are. */
    gp_pass scalars;
} gp_plan_pass;

/* A node whose elements (or value, for a 0-d one) are wanted. */
typedef struct gp_plan_target {
    int node;
    bool scalar; /* wanted as a value, not as elements: the node is uniform */
} gp_plan_target;

typedef struct gp_plan {
    const gp_program *program; /* borrowed */
    const gp_plan_target *target; /* borrowed */
    size_t targets;
    gp_plan_pass *pass;
    size_t passes;
    gp_pass last_scalars;  /* computed behind the last pass */
    unsigned *input_reads; /* per program->input: passes that read it */
} gp_plan;

/* `program` and `targets` are borrowed and must outlive the plan. Free with gp_plan_free. */
gpuproc_status gp_plan_make(const gp_program *program, const gp_plan_target *target, size_t targets,
                            gp_plan *plan, gpuproc_error *err);
void gp_plan_free(gp_plan *plan);

#endif
