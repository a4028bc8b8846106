/* A few threads that take pieces from a queue and do them with blocking calls. */
#ifndef GP_IO_CREW_H
#define GP_IO_CREW_H

#include "io/piece.h"

#include <pthread.h>

typedef struct gp_io_crew {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    gp_io_queue queue;
    pthread_t *threads;
    unsigned started, idle, limit;
    bool stop;
} gp_io_crew;

/* At most `limit` threads, each started when it is needed. */
gpuproc_status gp_io_crew_init(gp_io_crew *crew, unsigned limit, gpuproc_error *err);
/* Does nothing to a zeroed crew. */
void gp_io_crew_free(gp_io_crew *crew);
void gp_io_crew_submit(gp_io_crew *crew, gp_io_request *request);

/* A thread that takes none of the process's signals: SIGPIPE and SIGXFSZ become EPIPE and
 * EFBIG there, and the caller's handlers run on the caller's threads. 0 or an errno. */
int gp_io_thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
