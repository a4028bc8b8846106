/* How far a job is, on standard error. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <gpuproc/gpuproc.h>

typedef enum progress_mode {
    PROGRESS_AUTO,   /* a bar, on a terminal, after a second */
    PROGRESS_ALWAYS, /* a bar, at once and everywhere */
    PROGRESS_NEVER,
    PROGRESS_JSON,   /* one JSON object per line, twice a second and at the end */
} progress_mode;

/* The argument of --progress; false, told, where it is none. */
bool progress_parse(const char *text, progress_mode *mode);

/* Waits for the job to end, showing how far it is. */
gpuproc_status progress_wait(gpuproc_job *job, progress_mode mode, gpuproc_error *err);

/* Shows how far a search for parameters is, or measuring; then progress_end. */
void progress_tune(const gpuproc_tune_progress *progress, progress_mode mode);
/* Shows how far a bench is, `part` of 1, and what it is at; then progress_end. */
void progress_bench(double part, const char *text, progress_mode mode);
void progress_calibrate(const gpuproc_calibrate_progress *progress, progress_mode mode);
void progress_end(void);

#endif
