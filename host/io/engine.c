#include "io/engine.h"

#include "base/memory.h"
#include "io/crew.h"
#include "io/uring.h"

#include <pthread.h>
#include <string.h>

/* Streams block for as long as the other end likes: each one under way has a thread. */
#define STREAMS_MAX 64u

struct gp_io_engine {
    unsigned depth;
    gp_io_crew reads, writes, calls, streams;
    pthread_mutex_t lock; /* for the choice and the scratch */
    bool chosen;
    gp_uring *uring; /* NULL: threads */
    void *scratch;   /* not in use; each begins with the address of the next */
};

gpuproc_status gp_io_engine_new(unsigned depth, gp_io_engine **engine, gpuproc_error *err)
{
    gpuproc_status st;
    if (depth == 0 || depth > 1024)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "the file engine's depth is %u: expected 1 to 1024", depth);
    gp_io_engine *e = gp_calloc(1, sizeof *e);
    if (e == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for the file engine");
    e->depth = depth;
    pthread_mutex_init(&e->lock, NULL);
    GP_TRY(gp_io_crew_init(&e->reads, depth, err));
    GP_TRY(gp_io_crew_init(&e->writes, depth, err));
    GP_TRY(gp_io_crew_init(&e->calls, depth, err));
    GP_TRY(gp_io_crew_init(&e->streams, STREAMS_MAX, err));
    *engine = e;
    e = NULL;
out:
    gp_io_engine_free(e);
    return st;
}

void gp_io_engine_free(gp_io_engine *e)
{
    if (e == NULL) return;
#ifdef GP_HAVE_URING
    gp_uring_free(e->uring);
#endif
    gp_io_crew_free(&e->streams);
    gp_io_crew_free(&e->calls);
    gp_io_crew_free(&e->writes);
    gp_io_crew_free(&e->reads);
    while (e->scratch != NULL) {
        void *next = *(void **)e->scratch;
        gp_pages_free(e->scratch, GP_IO_SCRATCH_BYTES);
        e->scratch = next;
    }
    pthread_mutex_destroy(&e->lock);
    free(e);
}

/* Made once, at the first transfer: a job that views its files never needs a ring. */
static gp_uring *choose(gp_io_engine *e)
{
    pthread_mutex_lock(&e->lock);
#ifdef GP_HAVE_URING
    if (!e->chosen) {
        const char *wish = getenv("GPUPROC_IO");
        if (wish == NULL || strcmp(wish, "threads") != 0) e->uring = gp_uring_new(e->depth);
    }
#endif
    e->chosen = true;
    gp_uring *uring = e->uring;
    pthread_mutex_unlock(&e->lock);
    return uring;
}

void gp_io_submit(gp_io_engine *e, gp_io_request *request)
{
    if (request->op == GP_IO_CALL) {
        gp_io_crew_submit(&e->calls, request);
    } else if (request->stream) {
        gp_io_crew_submit(&e->streams, request);
    } else {
        gp_uring *uring = choose(e);
#ifdef GP_HAVE_URING
        if (uring != NULL) {
            gp_uring_submit(uring, request);
            return;
        }
#endif
        (void)uring;
        gp_io_crew_submit(request->op == GP_IO_READ ? &e->reads : &e->writes, request);
    }
}

void *gp_io_scratch_take(gp_io_engine *e)
{
    pthread_mutex_lock(&e->lock);
    void *scratch = e->scratch;
    if (scratch != NULL) e->scratch = *(void **)scratch;
    pthread_mutex_unlock(&e->lock);
    return scratch != NULL ? scratch : gp_pages_alloc(GP_IO_SCRATCH_BYTES);
}

void gp_io_scratch_give(gp_io_engine *e, void *scratch)
{
    if (scratch == NULL) return;
    pthread_mutex_lock(&e->lock);
    *(void **)scratch = e->scratch;
    e->scratch = scratch;
    pthread_mutex_unlock(&e->lock);
}

typedef struct latch {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool open;
} latch;

static void open_latch(gp_io_request *request)
{
    latch *l = request->ctx;
    pthread_mutex_lock(&l->lock);
    l->open = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
}

void gp_io_run(gp_io_engine *e, gp_io_request *request)
{
    latch l = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    request->done = open_latch;
    request->ctx = &l;
    gp_io_submit(e, request);
    pthread_mutex_lock(&l.lock);
    while (!l.open) pthread_cond_wait(&l.wake, &l.lock);
    pthread_mutex_unlock(&l.lock);
    pthread_cond_destroy(&l.wake);
    pthread_mutex_destroy(&l.lock);
}

const char *gp_io_engine_name(gp_io_engine *e)
{
    return choose(e) != NULL ? "io_uring" : "threads";
}
