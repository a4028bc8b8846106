/* The engine's threads: every request where io_uring is barred, calls and streams always. */
#include "io/crew.h"

#include "base/memory.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* How long a stream waits before it looks at its stop flag again. */
#define STREAM_WAIT_MS 50
/* A pipe with any room takes this much without blocking (PIPE_BUF). */
#define PIPE_ROOM 4096u

int gp_io_thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    /* Faults must still reach whoever handles them. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    int e = pthread_sigmask(SIG_SETMASK, &all, &old);
    if (e != 0) return e;
    e = pthread_create(thread, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return e;
}

static bool is_stopped(const gp_io_request *r)
{
    return r->stop != NULL && atomic_load_explicit(r->stop, memory_order_relaxed);
}

/* 0 when the descriptor is ready or broken (the transfer then says how), else -errno. */
static int64_t wait_ready(const gp_io_request *r, short events)
{
    struct pollfd p = {.fd = r->fd, .events = events};
    for (;;) {
        if (is_stopped(r)) return -ECANCELED;
        int n = poll(&p, 1, STREAM_WAIT_MS);
        if (n > 0) return 0;
        if (n < 0 && errno != EINTR && errno != EAGAIN) return -errno;
    }
}

/* A write of a pipe blocks until all is taken, deaf to the stop flag; so only what it
 * takes at once is written. */
static ssize_t write_some(int fd, const char *from, size_t bytes, bool waits, bool *nowait)
{
    if (!waits) return write(fd, from, bytes < GP_IO_PIECE_BYTES ? bytes : GP_IO_PIECE_BYTES);
    if (*nowait) {
        struct iovec v = {.iov_base = (void *)(uintptr_t)from, .iov_len = bytes};
        ssize_t n = pwritev2(fd, &v, 1, -1, RWF_NOWAIT);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != ESPIPE && errno != EINVAL))
            return n;
        *nowait = false;
    }
    return write(fd, from, bytes < PIPE_ROOM ? bytes : PIPE_ROOM);
}

static int64_t stream_transfer(gp_io_request *r)
{
    struct stat s;
    char *buffer = r->buffer;
    size_t got = 0;
    bool nowait = true;
    if (fstat(r->fd, &s) != 0) return -errno;
    bool waits = !S_ISREG(s.st_mode) && !S_ISBLK(s.st_mode);
    while (got < r->bytes) {
        if (is_stopped(r)) return -ECANCELED;
        int64_t e = waits ? wait_ready(r, r->op == GP_IO_READ ? POLLIN : POLLOUT) : 0;
        if (e < 0) return e;
        ssize_t n = r->op == GP_IO_READ ? read(r->fd, buffer + got, r->bytes - got)
                                        : write_some(r->fd, buffer + got, r->bytes - got, waits,
                                                     &nowait);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return -errno;
        if (n == 0 && r->op == GP_IO_READ) break;
        if (n == 0) return -EIO;
        got += (size_t)n;
    }
    return (int64_t)got;
}

static int64_t transfer(gp_io_piece *piece)
{
    gp_io_request *r = piece->request;
    int64_t result = 0;
    if (r->op == GP_IO_CALL && r->part != NULL) return r->part(r, piece->at, piece->at + piece->bytes);
    if (r->op == GP_IO_CALL) return r->call(r);
    if (r->stream) return stream_transfer(r);
    for (bool ended = piece->bytes == 0; !ended;) {
        size_t at = piece->at + piece->got, rest = piece->bytes - piece->got;
        char *buffer = (char *)r->buffer + at;
        off_t offset = (off_t)(r->offset + at);
        ssize_t n = r->op == GP_IO_READ ? pread(r->fd, buffer, rest, offset)
                                        : pwrite(r->fd, buffer, rest, offset);
        ended = gp_io_piece_step(piece, n < 0 ? -errno : n, &result);
    }
    return result;
}

static void *work(void *arg);

/* Somebody for the work that waits: one who idles, or a new thread. 0 or an errno. */
static int call_hand(gp_io_crew *crew)
{
    if (crew->idle > 0) {
        pthread_cond_signal(&crew->wake);
        return 0;
    }
    if (crew->started == crew->limit) return 0;
    int e = gp_io_thread_start(&crew->threads[crew->started], work, crew);
    if (e == 0) crew->started++;
    return crew->started > 0 ? 0 : e;
}

static void *work(void *arg)
{
    gp_io_crew *crew = arg;
    gp_io_piece piece;
    pthread_mutex_lock(&crew->lock);
    for (;;) {
        while (crew->queue.head == NULL && !crew->stop) {
            crew->idle++;
            pthread_cond_wait(&crew->wake, &crew->lock);
            crew->idle--;
        }
        if (!gp_io_queue_take(&crew->queue, &piece)) break;
        if (crew->queue.head != NULL) (void)call_hand(crew);
        pthread_mutex_unlock(&crew->lock);
        int64_t result = transfer(&piece);
        pthread_mutex_lock(&crew->lock);
        if (gp_io_queue_end(&crew->queue, &piece, result)) {
            pthread_mutex_unlock(&crew->lock);
            gp_io_finish(piece.request);
            pthread_mutex_lock(&crew->lock);
        }
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

gpuproc_status gp_io_crew_init(gp_io_crew *crew, unsigned limit, gpuproc_error *err)
{
    *crew = (gp_io_crew){.limit = limit};
    crew->threads = gp_calloc(limit, sizeof *crew->threads);
    if (crew->threads == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for %u threads of the file engine",
                       limit);
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->wake, NULL);
    return GPUPROC_OK;
}

void gp_io_crew_free(gp_io_crew *crew)
{
    if (crew->threads == NULL) return;
    pthread_mutex_lock(&crew->lock);
    crew->stop = true;
    pthread_cond_broadcast(&crew->wake);
    pthread_mutex_unlock(&crew->lock);
    for (unsigned i = 0; i < crew->started; i++) pthread_join(crew->threads[i], NULL);
    pthread_cond_destroy(&crew->wake);
    pthread_mutex_destroy(&crew->lock);
    free(crew->threads);
    *crew = (gp_io_crew){0};
}

void gp_io_crew_submit(gp_io_crew *crew, gp_io_request *request)
{
    pthread_mutex_lock(&crew->lock);
    gp_io_queue_push(&crew->queue, request);
    int e = call_hand(crew);
    if (e != 0) (void)gp_io_queue_remove(&crew->queue, request);
    pthread_mutex_unlock(&crew->lock);
    if (e != 0) {
        request->result = -e;
        gp_io_finish(request);
    }
}
