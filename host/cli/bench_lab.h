/* What bench runs on: values in memory and in files of its own, sessions; and one run of one row. */
#ifndef BENCH_LAB_H
#define BENCH_LAB_H

#include "bench.h"
#include "spec.h"

#define BENCH_SCALARS 8

/* What a run gave: values, or an array in memory that is mapped or the lab's own. */
typedef struct bench_result {
    gpuproc_scalar scalar[BENCH_SCALARS];
    size_t scalars;
    gpuproc_dtype dtype;
    uint64_t count;
    void *data;
    size_t mapped; /* bytes to unmap; 0: the lab's */
    void *map;
} bench_result;

typedef struct bench_lab {
    bench *b;
    float *x, *y, *out, *reference;
    uint64_t room;    /* elements of each */
    char folder[512]; /* with the files; "": none yet */
    /* The user's expression: */
    const file_spec *given;
    size_t given_count;
    bool given_array; /* its result is one */
} bench_lab;

/* Buffers for `room` elements. Errors are told. Close also after a failure: it removes the files. */
bool bench_lab_open(bench_lab *lab, bench *b, uint64_t room);
void bench_lab_close(bench_lab *lab);

/* The path of the file that has n elements of x (which = 0) or y, made where there is none. False, told. */
bool bench_lab_file(bench_lab *lab, int which, uint64_t elements, char path[600]);
/* Drops a file's own pages from the page cache; false where they stay. */
bool bench_drop(const char *path);
/* Reads it through, so that it is cached. */
void bench_warm(const char *path);

/* One run; `result` may be NULL, else it is filled (reference: from the lab's second buffer) and given back by
 * bench_result_end. `report` may be NULL. */
gpuproc_status bench_run_once(bench_lab *lab, const bench_row *row, bool reference, double *seconds,
                              bench_result *result, gpuproc_report *report, gpuproc_error *err);
void bench_result_end(bench_result *result);

/* Seconds that the library predicts for one run; 0 where the figures for that were not measured. */
double bench_predict_once(bench_lab *lab, const bench_row *row);
/* All rows that were measured. */
void bench_predict_rows(bench *b, bench_lab *lab);

/* By how many units in the last place the results differ at most; of the largest value if `whole`, otherwise
 * of each. INFINITY where they cannot be compared or differ in what has no such units. */
double bench_difference(const bench_result *a, const bench_result *b, bool whole);

#endif
