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

/* Waits for the job to end, showing how far it is. */
gpuproc_status progress_wait(gpuproc_job *job, progress_mode mode, gpuproc_error *err);

#endif
