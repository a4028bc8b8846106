/* The rows of a bench: which there are, and their times. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench_lab.h"
#include "progress.h"

typedef struct bench_plan {
    const char *filter; /* of cases by name and group; NULL: all */
    bool quick;
    double seconds; /* for everything */
    progress_mode progress;
} bench_plan;

/* The rows of the suite. Returns 0, or the exit code of what has been told. */
int bench_plan_suite(bench *b, const bench_plan *plan);
/* Of one expression of the user's, whose inputs have `bytes` bytes and `elements` elements at most. */
bool bench_plan_given(bench *b, const bench_case *c, uint64_t elements, uint64_t bytes);
/* Prepares each row once, compares its result, and takes times in rounds until they are steady or `until` has come.
 * Returns 0, or the exit code of what has been told. */
int bench_run(bench *b, bench_lab *lab, const bench_plan *plan, double until);

#endif
