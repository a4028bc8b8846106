/* Asynchronous file reads and writes: io_uring, or a few threads with pread and
 * pwrite where the machine bars it; the same interface. */
#ifndef GP_IO_ENGINE_H
#define GP_IO_ENGINE_H

#include "base/error.h"

#include <stdatomic.h>

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
    bool direct;     /* fd is O_DIRECT: offset, bytes and buffer are multiples of GP_IO_ALIGN */
    atomic_bool *stop; /* stream, may be NULL: once true, waiting for the other end is given up
                        * (-ECANCELED) within a fraction of a second */
    void *buffer;
    size_t bytes;
    uint64_t offset;
    /* GP_IO_CALL: runs on an engine thread and returns the result; for work that
     * blocks (gathering from a mapping, a generator function). */
    int64_t (*call)(gp_io_request *request);
    /* Or, instead of `call`: work of `bytes` units that threads do in parts of `part_units` at the
     * same time, in any order; 0 or -errno, and after the first failure no more parts are begun. */
    int64_t (*part)(gp_io_request *request, uint64_t from, uint64_t to);
    size_t part_units;
    void *call_ctx;
    void (*done)(gp_io_request *request); /* from an engine thread */
    void *ctx;
    int64_t result;
    uint64_t begin_ns, end_ns; /* of the transfer; waiting for its turn is not in it */
    /* The engine's. */
    gp_io_request *next;
    size_t issued, end;  /* bytes handed out in pieces; where the file ended */
    unsigned under_way;  /* pieces */
    int error;
    bool stopped;        /* no more pieces: an error, or the end of the file */
};

/* What a direct transfer is aligned to. */
#define GP_IO_ALIGN 4096u

/* depth: transfers under way at once, for reads and for writes (8 is good); a large
 * request is cut into pieces that are under way together. Starts nothing until the first
 * submit. $GPUPROC_IO, "threads" or "uring", forces one way. */
gpuproc_status gp_io_engine_new(unsigned depth, gp_io_engine **engine, gpuproc_error *err);
/* Memory of GP_IO_SCRATCH_BYTES, page-aligned, for a part of a call while it runs: there are never
 * more of them than threads. NULL: out of memory. */
#define GP_IO_SCRATCH_BYTES ((size_t)512 << 10)
void *gp_io_scratch_take(gp_io_engine *engine);
void gp_io_scratch_give(gp_io_engine *engine, void *scratch);

/* All requests must have ended. */
void gp_io_engine_free(gp_io_engine *engine);
/* Never blocks, never fails. Thread-safe, from `done` too. Only where no thread can be
 * started does `done` come from the calling thread, with -errno, before this returns. */
void gp_io_submit(gp_io_engine *engine, gp_io_request *request);
/* Submits and waits for the end; `done` and `ctx` are its own. */
void gp_io_run(gp_io_engine *engine, gp_io_request *request);
/* "io_uring" or "threads"; sets the ring up to know. */
const char *gp_io_engine_name(gp_io_engine *engine);

#endif
