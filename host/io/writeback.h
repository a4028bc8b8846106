/* Starts writing a file's dirty pages to its disk while the job still runs, so that
 * the sync at the end has little left to wait for. Only a hint: what fails here shows in
 * that sync. */
#ifndef GP_IO_WRITEBACK_H
#define GP_IO_WRITEBACK_H

#include "io/engine.h"

#include <pthread.h>

/* It goes in steps: enough that starting costs nothing beside it. */
#define GP_WRITEBACK_STEP ((uint64_t)16 << 20)
/* What was written last is left alone: a page on its way to the disk cannot be written, so
 * neighbours that share one would wait for the disk. */
#define GP_WRITEBACK_LAG ((uint64_t)64 << 20)

typedef struct gp_writeback {
    gp_io_engine *engine;
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    uint64_t high;    /* end of what was written so far, wherever */
    uint64_t started; /* bytes before this were told to go */
    bool busy;
    gp_io_request request;
} gp_writeback;

void gp_writeback_init(gp_writeback *w, gp_io_engine *engine, int fd);
/* Bytes before `end` were written, but for a few chunks. From any thread; must not be called any more when _end is. */
void gp_writeback_reached(gp_writeback *w, uint64_t end);
/* Waits for what is under way and frees. A zeroed struct is left alone. */
void gp_writeback_end(gp_writeback *w);

#endif
