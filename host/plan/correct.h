/* Figures that running jobs correct with what they saw: the last few observations of each are kept,
 * and once there are enough of them the figure goes towards their median, by a bounded step for
 * each job more. So one spike teaches nothing, and a lasting change is learnt after some jobs.
 * Pure. */
#ifndef GP_PLAN_CORRECT_H
#define GP_PLAN_CORRECT_H

#include "plan/cost.h"

#define GP_CORRECT_KEPT 9
#define GP_CORRECT_ENOUGH 5

#define GP_CORRECTED_HOST(X) X(disk_read) X(cache_read) X(mapped) X(memory) X(write) X(commit)
#define GP_CORRECTED_DEVICE(X) X(upload) X(download) X(memory)
#define GP_CORRECTED_MOST 6

typedef struct gp_correction {
    int figure;                   /* GP_RATE_HOST_ or GP_RATE_DEVICE_ */
    double base, value;           /* as calibrated, and as it is now */
    double seen[GP_CORRECT_KEPT]; /* the last ones, `next` is where the next one goes */
    unsigned count, next;
    uint64_t jobs; /* that told something of it */
} gp_correction;

/* Of a machine or of a device. */
typedef struct gp_corrections {
    bool device;
    size_t figures;
    gp_correction figure[GP_CORRECTED_MOST];
} gp_corrections;

/* Nothing learnt yet; `base`: the calibrated figures, by GP_RATE_. */
void gp_corrections_begin(gp_corrections *corrections, bool device, const double *base);
/* What one job saw of a figure; nothing where it is none of these, or the value is no rate. */
void gp_corrections_add(gp_corrections *corrections, int figure, double seen);
/* Puts the values over the calibrated ones. */
void gp_corrections_apply(const gp_corrections *corrections, double *values);
/* NULL: not among them. */
const gp_correction *gp_corrections_find(const gp_corrections *corrections, int figure);

/* The text in which they are kept, as in rates.h. Reading leaves *corrections as it was where
 * anything is odd; what was learnt about figures that have been calibrated anew since is left out.
 */
void gp_corrections_write(const gp_corrections *corrections, const char *key, gp_text *text);
bool gp_corrections_read(const char *text, const char *key, gp_corrections *corrections);

typedef struct gp_observation {
    bool device;
    int figure;
    double value;
} gp_observation;

/* What a job of one pass tells of figures: stages that took long enough, and that one figure alone
 * decides. `said` is what was predicted with `rates` and `device` (NULL: the CPU computed). Returns
 * how many. */
size_t gp_observe(const gp_cost_pass *pass, const gp_cost *said,
                  const gpuproc_stage_report stage[GPUPROC_STAGES], const double *rates,
                  const double *device, gp_observation observation[GP_CORRECTED_MOST]);

#endif
