/* One ring, filled by whoever submits, emptied by one completion thread. */
#include "io/uring.h"

#include "base/memory.h"
#include "io/crew.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <time.h>

/* Reads do not wait behind writes, nor writes behind reads: each has its own line. */
enum { LANE_READ, LANE_WRITE, LANES };

typedef struct slot {
    gp_io_piece piece;
    struct slot *next; /* free ones */
} slot;

struct gp_uring {
    struct io_uring ring;
    pthread_mutex_t lock;
    pthread_t thread;
    gp_io_queue lane[LANES];
    unsigned under_way[LANES], depth;
    slot *slots, *free;
};

static void pause_ms(void)
{
    struct timespec t = {.tv_nsec = 1000000};
    nanosleep(&t, NULL);
}

/* The kernel may be short of memory for a moment. */
static int submit_ring(struct io_uring *ring, unsigned tries)
{
    int n;
    while ((n = io_uring_submit(ring)) < 0 && tries-- > 0) {
        if (n != -EINTR) pause_ms();
    }
    return n < 0 ? n : 0;
}

/* Puts what is left of a piece into the ring; there is always room, one entry per slot. */
static struct io_uring_sqe *enter(gp_uring *u, slot *s)
{
    gp_io_piece *p = &s->piece;
    gp_io_request *r = p->request;
    size_t at = p->at + p->got;
    unsigned bytes = (unsigned)(p->bytes - p->got);
    char *buffer = (char *)r->buffer + at;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (sqe == NULL) return NULL;
    if (r->op == GP_IO_READ) io_uring_prep_read(sqe, r->fd, buffer, bytes, r->offset + at);
    else io_uring_prep_write(sqe, r->fd, buffer, bytes, r->offset + at);
    io_uring_sqe_set_data(sqe, s);
    /* The page cache would be copied inside the submitter's call: a kernel thread does it. */
    if (!r->direct) io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
    return sqe;
}

static void give_back(gp_uring *u, slot *s)
{
    u->under_way[s->piece.request->op == GP_IO_READ ? LANE_READ : LANE_WRITE]--;
    s->next = u->free;
    u->free = s;
}

/* Ends a piece; a request that has ended with it joins *ended. */
static void end_piece(gp_uring *u, slot *s, int64_t result, gp_io_request **ended)
{
    gp_io_request *r = s->piece.request;
    give_back(u, s);
    if (gp_io_queue_end(&u->lane[r->op == GP_IO_READ ? LANE_READ : LANE_WRITE], &s->piece, result)) {
        r->next = *ended;
        *ended = r;
    }
}

/* Submits the piece; where the kernel persistently refuses, the piece ends with its errno. */
static void start_piece(gp_uring *u, slot *s, gp_io_request **ended)
{
    struct io_uring_sqe *sqe = enter(u, s);
    int e = sqe == NULL ? -EBUSY : submit_ring(&u->ring, 100);
    if (e == 0) return;
    if (sqe != NULL) { /* it stays in the ring and goes out some day: as nothing */
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data(sqe, u);
    }
    end_piece(u, s, e, ended);
}

static void fill(gp_uring *u, gp_io_request **ended)
{
    for (int lane = 0; lane < LANES; lane++) {
        while (u->under_way[lane] < u->depth && u->free != NULL) {
            slot *s = u->free;
            if (!gp_io_queue_take(&u->lane[lane], &s->piece)) break;
            u->free = s->next;
            u->under_way[lane]++;
            start_piece(u, s, ended);
        }
    }
}

static void finish_all(gp_io_request *ended)
{
    while (ended != NULL) {
        gp_io_request *next = ended->next; /* `done` may free or reuse it */
        gp_io_finish(ended);
        ended = next;
    }
}

static void *complete(void *arg)
{
    gp_uring *u = arg;
    struct io_uring_cqe *cqe;
    for (bool stop = false; !stop;) {
        int e = io_uring_wait_cqe(&u->ring, &cqe);
        if (e < 0) {
            if (e != -EINTR) pause_ms();
            continue;
        }
        gp_io_request *ended = NULL;
        pthread_mutex_lock(&u->lock);
        do {
            void *data = io_uring_cqe_get_data(cqe);
            int64_t n = cqe->res, result;
            io_uring_cqe_seen(&u->ring, cqe);
            if (data == NULL) {
                stop = true;
            } else if (data != u) {
                slot *s = data;
                if (gp_io_piece_step(&s->piece, n, &result)) end_piece(u, s, result, &ended);
                else start_piece(u, s, &ended);
            }
        } while (io_uring_peek_cqe(&u->ring, &cqe) == 0);
        fill(u, &ended);
        pthread_mutex_unlock(&u->lock);
        finish_all(ended);
    }
    return NULL;
}

gp_uring *gp_uring_new(unsigned depth)
{
    gp_uring *u = gp_calloc(1, sizeof *u);
    if (u == NULL) return NULL;
    u->depth = depth;
    u->slots = gp_calloc((size_t)depth * LANES, sizeof *u->slots);
    if (u->slots == NULL) goto no_slots;
    for (unsigned i = 0; i < depth * LANES; i++) {
        u->slots[i].next = u->free;
        u->free = &u->slots[i];
    }
    /* Room for the words of farewell, too. */
    if (io_uring_queue_init(depth * LANES * 2, &u->ring, 0) != 0) goto no_ring;
    pthread_mutex_init(&u->lock, NULL);
    if (gp_io_thread_start(&u->thread, complete, u) != 0) goto no_thread;
    return u;

no_thread:
    pthread_mutex_destroy(&u->lock);
    io_uring_queue_exit(&u->ring);
no_ring:
    free(u->slots);
no_slots:
    free(u);
    return NULL;
}

void gp_uring_free(gp_uring *u)
{
    if (u == NULL) return;
    pthread_mutex_lock(&u->lock);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (sqe != NULL) {
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data(sqe, NULL);
    }
    (void)submit_ring(&u->ring, UINT32_MAX);
    pthread_mutex_unlock(&u->lock);
    pthread_join(u->thread, NULL);
    io_uring_queue_exit(&u->ring);
    pthread_mutex_destroy(&u->lock);
    free(u->slots);
    free(u);
}

void gp_uring_submit(gp_uring *u, gp_io_request *request)
{
    gp_io_request *ended = NULL;
    pthread_mutex_lock(&u->lock);
    gp_io_queue_push(&u->lane[request->op == GP_IO_READ ? LANE_READ : LANE_WRITE], request);
    fill(u, &ended);
    pthread_mutex_unlock(&u->lock);
    finish_all(ended);
}
