/* Requests waiting in line, handed out in pieces. No locks: the owner of a queue has one. */
#ifndef GP_IO_PIECE_H
#define GP_IO_PIECE_H

#include "io/engine.h"

/* Small enough that one chunk fills the disk's queue, large enough to cost nothing. */
#define GP_IO_PIECE_BYTES ((size_t)1 << 20)

typedef struct gp_io_queue {
    gp_io_request *head, *tail;
} gp_io_queue;

typedef struct gp_io_piece {
    gp_io_request *request;
    size_t at, bytes; /* in the request */
    size_t got;       /* transferred so far */
    unsigned again;   /* EAGAIN seen */
} gp_io_piece;

void gp_io_queue_push(gp_io_queue *queue, gp_io_request *request);
/* Takes a request out that has no piece under way; false: it was not there. */
bool gp_io_queue_remove(gp_io_queue *queue, gp_io_request *request);
/* The next piece of the first request; false: nothing waits. */
bool gp_io_queue_take(gp_io_queue *queue, gp_io_piece *piece);
/* Enters what came of a piece, bytes or -errno. True: the request has ended, and the
 * caller calls gp_io_finish, without its lock. */
bool gp_io_queue_end(gp_io_queue *queue, const gp_io_piece *piece, int64_t result);
void gp_io_finish(gp_io_request *request);

/* One transfer's result enters the piece. True: the piece has ended with *result;
 * false: the rest must be transferred. */
bool gp_io_piece_step(gp_io_piece *piece, int64_t transferred, int64_t *result);

#endif
