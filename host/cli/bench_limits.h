/* What the machine itself can do, measured in the same run. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include "bench_lab.h"

/* Memory and arithmetic, about two seconds. */
void bench_measure_limits(bench *b, const bench_lab *lab);
/* Of a file: cold, where it is its `own` and its pages can be dropped, then cached. */
void bench_measure_files(bench *b, const char *path, uint64_t bytes, bool own);

#endif
