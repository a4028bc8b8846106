/* The command line of gpuproc eval, and of what takes the same, understood. */
#ifndef EVAL_OPTIONS_H
#define EVAL_OPTIONS_H

#include "progress.h"
#include "spec.h"

typedef struct eval_options {
    char *expression;
    file_spec *inputs, *outputs;
    size_t input_count, output_count;
    char *device;
    gpuproc_job_options job; /* its device is `device` */
    unsigned threads;
    bool json, quiet, verbose, help;
    /* What is told of the run: in text; as a trace; as a picture in a file, and on the terminal. */
    bool report, timeline_here;
    char *trace, *timeline;
    progress_mode progress;
} eval_options;

/* `command`: the name in messages. Returns 0, or the exit code of what has been told. Free with eval_options_free
 * in either case. */
int eval_options_read(int argc, char **argv, const char *command, eval_options *e);
void eval_options_free(eval_options *e);

#endif
