/* NumPy's rules for quantiles: which elements of the sorted operand, and what is made of them. */
#ifndef GP_FOLD_QUANTILE_METHOD_H
#define GP_FOLD_QUANTILE_METHOD_H

#include "fold/fold.h"

/* Between which elements of the sorted operand a quantile lies, and where. */
typedef struct gp_quantile_place {
    uint64_t prev, next;
    double gamma; /* how far from prev to next; not always in [0, 1] */
    bool taken;   /* prev itself: nothing is computed */
} gp_quantile_place;

/* q's places in n >= 1 elements. */
gp_quantile_place gp_quantile_place_of(gp_quantile_method method, uint64_t n, double q);

/* What all q's of a spec need of n elements. Memory of the caller: place[qs], rank[2 * qs], at[2 * qs]. */
typedef struct gp_quantile_plan {
    gp_quantile_place *place;
    uint64_t *rank; /* sorted, distinct */
    size_t *at;     /* per q: prev's and next's index in rank */
    size_t ranks;
} gp_quantile_plan;

/* The bytes of one plan's memory, and its arrays in `memory` of so many bytes, aligned to 8. */
uint64_t gp_quantile_plan_bytes(size_t qs);
void gp_quantile_plan_init(gp_quantile_plan *plan, size_t qs, void *memory);
void gp_quantile_plan_make(gp_quantile_plan *plan, const gp_fold_spec *spec, uint64_t n);

/* Writes q number `i`, an element of spec->dtype; prev and next are values of spec->operand[0]. */
void gp_quantile_write(const gp_fold_spec *spec, const gp_quantile_place *place, double prev, double next,
                       void *out);
void gp_quantile_write_nan(const gp_fold_spec *spec, void *out);

#endif
