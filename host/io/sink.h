/* Where the bytes of a result go. A file sink writes to a temporary sibling and
 * appears under its name only with gp_sink_commit. */
#ifndef GP_IO_SINK_H
#define GP_IO_SINK_H

#include "array/dtype.h"
#include "array/shape.h"
#include "array/walk.h"
#include "io/engine.h"
#include "io/source.h"

typedef struct gp_sink gp_sink;

/* SPOOL: a file without a name in $TMPDIR (else /var/tmp) that is never committed: what was written
 * can be read back (gp_sink_origin) until the sink is closed. */
typedef enum gp_target_kind {
    GP_TARGET_FILE,
    GP_TARGET_STREAM,
    GP_TARGET_MEMORY,
    GP_TARGET_SPOOL,
} gp_target_kind;

typedef struct gp_target {
    gp_target_kind kind;
    const char *path;      /* FILE; STREAM: for messages */
    int fd;                /* STREAM; not owned */
    void *data;            /* MEMORY; borrowed */
    const void *header;    /* bytes before the data, or NULL; borrowed during open */
    size_t header_bytes;
    bool overwrite;        /* FILE: an existing one may be replaced; else IO_EXISTS at open */
    /* data_bytes is only the most that may come (MEMORY: the room there is; more is
     * INVALID_ARGUMENT): nothing is reserved, and gp_sink_set_length tells the real length. FILE,
     * MEMORY and SPOOL only; UNSUPPORTED for streams, devices and pipes. */
    bool growing;
} gp_target;

/* Opens it for data_bytes of data. A file's space is reserved where the filesystem
 * can (no space: an error here, before any work). */
gpuproc_status gp_sink_open(const gp_target *target, uint64_t data_bytes, gp_io_engine *engine,
                            gp_sink **sink, gpuproc_error *err);

bool gp_sink_is_stream(const gp_sink *sink);

/* A growing sink, after the last write and before commit: data_bytes were written, and the header is
 * this one instead, as long as the first (NULL: the first stays). */
gpuproc_status gp_sink_set_length(gp_sink *sink, uint64_t data_bytes, const void *header,
                                  gpuproc_error *err);

/* SPOOL and MEMORY: a description of what was written, as a C-order array, for gp_source_open; it
 * borrows the sink. Free with gp_origin_free's rules: `path` is the caller's to free. False: no memory. */
bool gp_sink_origin(gp_sink *sink, gp_dtype dtype, const gp_shape *shape, gp_origin *origin);

/* Both would become the same file, by whatever names and links. */
bool gp_sink_same_file(const gp_sink *a, const gp_sink *b);

/* MEMORY: where byte `offset` of the data is, so that a device may write there
 * itself; NULL for the others. */
void *gp_sink_place(gp_sink *sink, uint64_t offset);

typedef struct gp_write gp_write;
struct gp_write {
    gp_sink *sink;
    uint64_t offset;      /* in the data; streams: must be written in order, one at a time */
    const void *data;
    size_t bytes;
    /* NULL: the bytes go side by side to `offset`. Else they are elements of `width` in C order of the
     * walk, which says where in the data each goes: offset is not looked at. Unbounded; borrowed until
     * done; not for streams. */
    const gp_walk *walk;
    size_t width;
    void (*done)(gp_write *write); /* from an engine thread */
    void *ctx;
    gpuproc_status status;
    gpuproc_error error;
    uint64_t begin_ns, end_ns;
    gp_io_request request; /* the sink's */
};
/* Starts it; everything, failure too, comes through `done`. */
void gp_sink_write(gp_write *write);

/* Gives up waiting for a stream's reader: writes that wait or follow end with CANCELLED.
 * Thread-safe. */
void gp_sink_cancel(gp_sink *sink);

/* Syncs a file and gives it its name; refused where less was written than announced.
 * All writes have ended. The sink must still be closed. */
gpuproc_status gp_sink_commit(gp_sink *sink, gpuproc_error *err);
/* Frees; a file that was not committed is removed, what stood there before is untouched. */
void gp_sink_close(gp_sink *sink);

#endif
