/* Asynchronous file reads and writes: io_uring, or a few threads with pread and
 * pwrite where the machine bars it; the same interface. */
#ifndef GP_IO_ENGINE_H
#define GP_IO_ENGINE_H

#include "base/error.h"

typedef struct gp_io_engine gp_io_engine;
typedef struct gp_io_request gp_io_request;

typedef enum gp_io_op { GP_IO_READ, GP_IO_WRITE, GP_IO_CALL } gp_io_op;

/* Owned by the caller, who keeps it unchanged until `done`. The engine repeats
 * short transfers and EINTR itself: on success `result` is `bytes`, for a read less
 * where the file ends there; on failure -errno. */
struct gp_io_request {
    gp_io_op op;
    int fd;
    bool stream;     /* pipe: no offset; the caller has one request per fd under way at a time */
    void *buffer;
    size_t bytes;
    uint64_t offset;
    /* GP_IO_CALL: runs on an engine thread and returns the result; for work that
     * blocks (gathering from a mapping, a generator function). */
    int64_t (*call)(gp_io_request *request);
    void *call_ctx;
    void (*done)(gp_io_request *request); /* from an engine thread */
    void *ctx;
    int64_t result;
    uint64_t begin_ns, end_ns;
    gp_io_request *next; /* the engine's */
};

/* depth: requests under way at once (8 is good). Starts nothing until the first submit. */
gpuproc_status gp_io_engine_new(unsigned depth, gp_io_engine **engine, gpuproc_error *err);
/* All requests must have ended. */
void gp_io_engine_free(gp_io_engine *engine);
/* Never blocks, never fails: what cannot be started ends through `done` with an errno. Thread-safe. */
void gp_io_submit(gp_io_engine *engine, gp_io_request *request);
/* "io_uring" or "threads". */
const char *gp_io_engine_name(const gp_io_engine *engine);

#endif
