/* An input that becomes shorter while it is mapped: the system tells by SIGBUS where
 * the bytes are used. The job is stopped instead of the process, so that this ends in a
 * message like other truncated inputs, and nothing is left behind. */
#ifndef VANISHED_H
#define VANISHED_H

#include <gpuproc/gpuproc.h>
#include <stdbool.h>

/* From here on the signal is caught. The job whose data may vanish follows by vanished_watch. */
void vanished_setup(void);
/* NULL: none any more. Call with NULL before it is freed. */
void vanished_watch(gpuproc_job *job);

/* Bytes were missing: whatever the job says, its results are not to be used. */
bool vanished(void);

#endif
