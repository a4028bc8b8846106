/* The files of a command line like eval's, opened and bound. */
#ifndef EVAL_BIND_H
#define EVAL_BIND_H

#include "eval_options.h"

typedef struct eval_bound {
    gpuproc_input *inputs;
    gpuproc_output *outputs;
    gpuproc_array **arrays;
    size_t opened;
} eval_bound;

/* 0, or the exit code of what has been told. Free with eval_unbind in either case. */
int eval_bind(const eval_options *e, eval_bound *b);
void eval_unbind(eval_bound *b);

#endif
