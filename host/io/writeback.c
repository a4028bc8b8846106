#include "io/writeback.h"

#include <fcntl.h>

void gp_writeback_init(gp_writeback *w, gp_io_engine *engine, int fd)
{
    *w = (gp_writeback){.engine = engine, .fd = fd};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->idle, NULL);
}

/* On an engine thread: it blocks where the disk's queue is full. */
static int64_t start(gp_io_request *request)
{
    const gp_writeback *w = request->call_ctx;
    (void)sync_file_range(w->fd, (off_t)request->offset, (off_t)request->bytes,
                          SYNC_FILE_RANGE_WRITE);
    return 0;
}

static void started(gp_io_request *request)
{
    gp_writeback *w = request->call_ctx;
    pthread_mutex_lock(&w->lock);
    w->busy = false;
    pthread_cond_broadcast(&w->idle);
    pthread_mutex_unlock(&w->lock);
}

void gp_writeback_reached(gp_writeback *w, uint64_t end)
{
    pthread_mutex_lock(&w->lock);
    if (end > w->high) w->high = end;
    bool go = !w->busy && w->high >= w->started + GP_WRITEBACK_STEP + GP_WRITEBACK_LAG;
    if (go) {
        uint64_t bytes = w->high - GP_WRITEBACK_LAG - w->started;
        w->busy = true;
        w->request = (gp_io_request){.op = GP_IO_CALL, .call = start, .call_ctx = w, .done = started,
                                     .offset = w->started, .bytes = (size_t)bytes};
        w->started += bytes;
    }
    pthread_mutex_unlock(&w->lock);
    if (go) gp_io_submit(w->engine, &w->request); /* outside: `started` may run at once */
}

void gp_writeback_end(gp_writeback *w)
{
    if (w->engine == NULL) return;
    pthread_mutex_lock(&w->lock);
    while (w->busy) pthread_cond_wait(&w->idle, &w->lock);
    pthread_mutex_unlock(&w->lock);
    pthread_cond_destroy(&w->idle);
    pthread_mutex_destroy(&w->lock);
    *w = (gp_writeback){0};
}
