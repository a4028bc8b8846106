/* A pass on paper, and the machine that it is for: what the tests of the cost model and of choosing by it look at. */
#ifndef TESTS_UNIT_COST_EXAMPLE_H
#define TESTS_UNIT_COST_EXAMPLE_H

#include "plan/cost.h"

typedef struct example {
    gp_program program;
    gp_plan_target target;
    gp_plan plan;
    gp_rates rates;
    gp_cost_pass pass;
    gp_cost_input input[4];
    const gp_product_spec *product[4];
    bool in_memory[4], copied[4], fold_in_memory[4];
} example;

#endif
