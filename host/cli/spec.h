/* What stands for a file or a size on the command line: NAME=FILE, raw layouts,
 * formats of outputs, 512M, 25%. */
#ifndef SPEC_H
#define SPEC_H

#include <gpuproc/gpuproc.h>

typedef struct file_spec {
    char *name; /* of the input or the result; NULL where none was given */
    char *path;
    bool raw;
    gpuproc_raw_layout layout; /* of raw inputs; its `shape` is set by spec_open */
    int64_t shape[GPUPROC_MAX_NDIM];
} file_spec;

/* Each tells what is wrong on standard error and returns false. Free with
 * spec_free, also after a failure. */
bool spec_input(const char *text, file_spec *spec);  /* NAME=FILE[,dtype=...] */
bool spec_file(const char *text, file_spec *spec);   /* FILE[,dtype=...] */
bool spec_output(const char *text, file_spec *spec); /* [NAME=]FILE[,format=raw] */
void spec_free(file_spec *spec);

/* Opens an input. */
gpuproc_status spec_open(const file_spec *spec, gpuproc_array **array, gpuproc_error *err);

/* Whether a raw input begins where a .npy file has its header: somebody has given a layout to what needs none. */
bool spec_takes_header(const file_spec *spec);

/* True where `text` is a name as the language has it. */
bool spec_is_name(const char *text, size_t length);

/* Bytes: a number, with K, M, G or T (Ki, Mi, Gi, Ti and a B behind are the same:
 * all are powers of 1024). `whole` is what a percentage is of; 0: none is possible. */
bool spec_size(const char *text, const char *option, uint64_t whole, uint64_t *bytes);

/* A count from 1 to `most`. */
bool spec_count(const char *text, const char *option, unsigned most, unsigned *count);

#endif
