/* A run that stops before it begins: every pass is made ready as far as its chunks, slots and memory are known, by
 * the same code that runs it; nothing is read, written, or computed. The cost model calculates with that. */
#ifndef GP_STREAM_SURVEY_H
#define GP_STREAM_SURVEY_H

#include "plan/cost.h"
#include "stream/run.h"

struct gp_survey {
    gp_cost_pass *pass; /* as many as the plan has */
    size_t passes;
    uint64_t memory_bytes; /* that the run will say it took */
    uint64_t stored_bytes; /* of arrays between passes that are in memory, at most at once */
    bool *store_in_memory; /* per stored array */
    bool *spooled;         /* per input of the program: a stream that is kept in a file before the first pass */
    uint64_t product_bytes, product_least_bytes;
};

/* `run` as for gp_run_plan; sinks may be NULL where files would be opened. It may be run afterwards. */
gpuproc_status gp_run_survey(gp_run *run, gp_survey *survey, gpuproc_error *err);
void gp_survey_free(gp_survey *survey);

#endif
