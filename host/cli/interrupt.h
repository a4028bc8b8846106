/* Ctrl-C, SIGTERM and a terminal that is closed: the first stops the job at its next chunk, so that nothing
 * is left behind; the second quits at once, if it is not the same one that came in two ways. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <gpuproc/gpuproc.h>

/* Call before any other thread exists: blocks the signals and starts the one thread
 * that waits for them. Signals that the process was told to ignore stay ignored. */
void interrupt_setup(void);

/* From here on there may be half-made outputs: a signal is kept for the job that is
 * about to be watched. Before, it quits at once. */
void interrupt_hold(void);

/* The job that a signal stops; NULL: none any more, and a signal is kept as after interrupt_hold.
 * Call with NULL before it is freed. A signal that came since interrupt_hold stops it at once. */
void interrupt_watch(gpuproc_job *job);

/* The exit code for the signal that came, 129, 130 or 143; 0 where none did. */
int interrupt_exit_code(void);

#endif
