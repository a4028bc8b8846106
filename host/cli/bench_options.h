/* The command line of gpuproc bench, understood. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench_run.h"

typedef enum bench_form { BENCH_TEXT, BENCH_JSON, BENCH_CSV, BENCH_MARKDOWN } bench_form;

typedef struct bench_options {
    char *expression; /* NULL: the suite */
    file_spec *inputs;
    size_t input_count;
    char *device, *filter, *html, *old_path, *new_path; /* new_path: of --compare OLD NEW */
    unsigned threads;
    bench_plan plan; /* its filter is `filter` */
    bench_form form;
    bool overwrite, help;
    char command[512]; /* as it was typed */
} bench_options;

/* Returns 0, or the exit code of what has been told. Free in either case. */
int bench_options_read(int argc, char **argv, bench_options *o);
void bench_options_free(bench_options *o);

#endif
