/* Threads, slots and chunk size of a pass by the cost model: the rule's (chunking.h) stay unless
 * the model says that others are faster, and clearly so. Pure, and cheap: some dozens of
 * evaluations. */
#ifndef GP_PLAN_CHOOSE_H
#define GP_PLAN_CHOOSE_H

#include "plan/cost.h"

/* Work up to which a job needs no thread of its own, where it waits for nothing. */
#define GP_CHOOSE_SMALL_NS 1e5

/* Zeros: by rule. One thread and one slot: the pass computes on the job's own thread and wakes no
 * worker. */
typedef struct gp_choice {
    unsigned threads, slots;
    uint64_t chunk_elements;
} gp_choice;

/* What is left to choose. */
typedef struct gp_choose_free {
    bool threads, slots, chunk;
    uint64_t unit; /* chunks are multiples of so many elements */
    double away_ns; /* what a thread of the job's own costs, where a small pass that wakes no worker would save it */
} gp_choose_free;

typedef struct gp_chosen {
    gp_choice choice;
    double rule_ns, ns; /* what the model says of the rule's way, and of this one; with away_ns where that is to be paid */
} gp_chosen;

/* `pass` is as the rule has it, on `machine`, whose threads are all that there are. More memory
 * than that takes is never chosen. True: something else than the rule's way. */
bool gp_choose(const gp_cost_pass *pass, const gp_cost_machine *machine, const gp_choose_free *free,
               gp_chosen *chosen);

#endif
