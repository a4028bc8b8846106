#include "io/piece.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>

/* A regular file does not say EAGAIN for ever; a descriptor that does is the caller's error. */
#define AGAIN_MAX 1000u

void gp_io_queue_push(gp_io_queue *queue, gp_io_request *request)
{
    request->next = NULL;
    request->issued = 0;
    request->end = SIZE_MAX;
    request->under_way = 0;
    request->error = 0;
    request->stopped = false;
    request->begin_ns = request->end_ns = 0;
    request->result = 0;
    if (queue->tail != NULL) queue->tail->next = request;
    else queue->head = request;
    queue->tail = request;
}

static void pop(gp_io_queue *queue)
{
    queue->head = queue->head->next;
    if (queue->head == NULL) queue->tail = NULL;
}

bool gp_io_queue_remove(gp_io_queue *queue, gp_io_request *request)
{
    gp_io_request *before = NULL;
    for (gp_io_request *r = queue->head; r != NULL; before = r, r = r->next) {
        if (r != request) continue;
        if (before == NULL) {
            pop(queue);
        } else {
            before->next = r->next;
            if (queue->tail == r) queue->tail = before;
        }
        return true;
    }
    return false;
}

bool gp_io_queue_take(gp_io_queue *queue, gp_io_piece *piece)
{
    gp_io_request *r = queue->head;
    if (r == NULL) return false;
    size_t rest = r->bytes - r->issued;
    size_t most = r->op != GP_IO_CALL ? GP_IO_PIECE_BYTES : r->part_units;
    bool whole = r->stream || (r->op == GP_IO_CALL && r->part == NULL);
    *piece = (gp_io_piece){.request = r, .at = r->issued, .bytes = whole || rest < most ? rest : most};
    if (r->begin_ns == 0) r->begin_ns = gp_now_ns();
    r->issued += piece->bytes;
    r->under_way++;
    if (r->issued == r->bytes) {
        r->stopped = true;
        pop(queue);
    }
    return true;
}

bool gp_io_queue_end(gp_io_queue *queue, const gp_io_piece *piece, int64_t result)
{
    gp_io_request *r = piece->request;
    bool call = r->op == GP_IO_CALL;
    bool cut = false;
    if (result < 0) {
        if (r->error == 0) r->error = (int)-result;
        cut = true;
    } else if (!call && (uint64_t)result < piece->bytes) {
        r->end = gp_min_u64(r->end, piece->at + (uint64_t)result);
        cut = true;
    }
    /* Only the first in line has pieces out and others still to come. */
    if (cut && !r->stopped) {
        r->stopped = true;
        pop(queue);
    }
    r->under_way--;
    if (r->under_way > 0 || !r->stopped) return false;
    if (r->error != 0) r->result = -(int64_t)r->error;
    else r->result = call ? result : (int64_t)gp_min_u64(r->end, r->bytes);
    return true;
}

void gp_io_finish(gp_io_request *request)
{
    request->end_ns = gp_now_ns();
    if (request->begin_ns == 0) request->begin_ns = request->end_ns;
    request->done(request);
}

bool gp_io_piece_step(gp_io_piece *piece, int64_t transferred, int64_t *result)
{
    const gp_io_request *r = piece->request;
    if (transferred == -EINTR) return false;
    if (transferred == -EAGAIN && piece->again++ < AGAIN_MAX) return false;
    if (transferred < 0) {
        *result = transferred;
        return true;
    }
    piece->got += (size_t)transferred;
    *result = (int64_t)piece->got;
    if (piece->got >= piece->bytes) return true;
    if (transferred == 0) { /* the end of a file that is read; a write has no such thing */
        if (r->op == GP_IO_WRITE) *result = -EIO;
        return true;
    }
    /* A direct read stops inside a sector only where the file ends, and could not go on. */
    return r->direct && r->op == GP_IO_READ && transferred % 512 != 0;
}
