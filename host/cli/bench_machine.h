/* What the bench runs on. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "bench.h"

void bench_look_at_machine(bench *b);

/* Sessions of 1, 2, 4, ... `threads` workers (0: one for each core), devices and the ways to run: of the CPU
 * with each of these numbers, --sync, and each OpenCL device that `device` (NULL: all) names. The first is the
 * reference: the CPU with all threads. Returns 0, or the exit code of what has been told. */
int bench_open_configs(bench *b, unsigned threads, const char *device);
void bench_close_configs(bench *b);

#endif
