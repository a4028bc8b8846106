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

/* What other programs use from a call with begin to one without, as b->machine.others and, if it is much, a note. */
typedef struct bench_others {
    double cpu, at; /* seconds: of all others' processor time, and of the clock */
} bench_others;
void bench_watch_others(bench *b, bench_others *o, bool begin);

#endif
