/* Where the bytes of an array come from. A source serves elements in C order of the array's shape
 * or in the order of a walk over its storage, side by side and in native byte order, whatever the
 * file has: it swaps bytes and gathers on the way. */
#ifndef GP_IO_SOURCE_H
#define GP_IO_SOURCE_H

#include "array/dtype.h"
#include "array/walk.h"
#include "io/engine.h"

typedef struct gp_source gp_source;

/* What an array says of itself; the session keeps one per gpuproc_array. */
typedef enum gp_origin_kind {
    GP_ORIGIN_FILE,
    GP_ORIGIN_STREAM,
    GP_ORIGIN_MEMORY,
    GP_ORIGIN_FUNCTION,
    GP_ORIGIN_MADE,
} gp_origin_kind;

typedef struct gp_read gp_read;

/* MADE: somebody above io makes the elements when they are read. `read` gets reads as they come (read->walk
 * too), may block no caller, fills data (and bytes, begin_ns), and ends each with gp_read_end, from any thread.
 * `cancel` (or NULL): reads that wait or follow end with CANCELLED. `close`: the source is closed. */
typedef struct gp_maker {
    void (*read)(void *ctx, gp_read *read);
    void (*cancel)(void *ctx);
    void (*close)(void *ctx);
} gp_maker;

typedef struct gp_origin {
    gp_origin_kind kind;
    gp_dtype dtype;
    gp_shape shape;
    uint64_t count;
    char *path;           /* FILE, STREAM ("-"): owned */
    int fd;               /* STREAM: positioned at the first element; not owned. else -1 */
    uint64_t data_offset; /* FILE */
    bool big_endian, fortran;
    const void *data;     /* MEMORY: borrowed */
    gpuproc_generate_fn generate; /* FUNCTION */
    void *generate_ctx;
    const gp_maker *maker; /* MADE */
    void *maker_ctx;
} gp_origin;

/* Opens it; `origin` is copied, what it borrows must live until close. keep_cached: the data
 * will be wanted again soon and fits into memory: cold reads go through the page cache. */
gpuproc_status gp_source_open(const gp_origin *origin, gp_io_engine *engine, bool keep_cached,
                              gp_source **source, gpuproc_error *err);
void gp_source_close(gp_source *source);

/* Whether the array lies in Fortran order in storage. */
bool gp_source_is_fortran(const gp_source *source);

/* Whether elements come from a file that has any of them at any time. */
bool gp_source_is_file(const gp_source *source);
/* Whether they lie in memory. */
bool gp_source_in_memory(const gp_source *source);

/* How much of a file's data is in the page cache, 0 to 100; 100 for what is in memory anyway. */
unsigned gp_source_cached_percent(const gp_source *source);

/* True for a stream: chunks must be read in order, one read at a time. */
bool gp_source_is_stream(const gp_source *source);

/* A range of elements used where it is. */
typedef struct gp_view {
    const void *data; /* element `first` */
    void *map;        /* what to unmap, or NULL */
    size_t map_bytes;
} gp_view;

/* Maps elements [first, first+count) without copying, where that is possible and
 * pays: memory always, a file whose range is in the page cache, native order and
 * aligned. False: read it. Looks at residency and at the file's size each time. */
bool gp_source_view(gp_source *source, uint64_t first, uint64_t count, gp_view *view);
/* The same for elements as they lie in storage: for a contiguous walk, from its offset on. */
bool gp_source_view_storage(gp_source *source, uint64_t first, uint64_t count, gp_view *view);
void gp_source_unview(gp_source *source, gp_view *view);

/* One read of a range into a buffer; the caller keeps it until `done`. */
struct gp_read {
    gp_source *source;
    /* NULL: elements [first, first+count) of the array in C order. Else elements [first, first+count) of
     * the walk in its C order, over the array as it lies in storage (a Fortran file's own order);
     * borrowed until done. Not for streams. */
    const gp_walk *walk;
    uint64_t first, count;
    void *buffer;         /* room for count elements + GP_STAGING_SLACK; page-aligned */
    void (*done)(gp_read *read); /* from an engine thread */
    void *ctx;
    /* Filled. */
    void *data;           /* where element `first` is: in `buffer`, not always at its start */
    gpuproc_status status;
    gpuproc_error error;
    uint64_t bytes;       /* that came from the file */
    uint64_t begin_ns, end_ns;
    /* The source's. */
    gp_io_request request;
    size_t skip; /* bytes in front of the data in `buffer` */
    uint64_t at; /* where the elements lie side by side: the first of them in storage */
    void *gather; /* where they do not */
};
/* Starts it; everything, failure too, comes through `done`. */
void gp_source_read(gp_read *read);
/* The way out of every read: the error of `read` is filled where status is not OK. For makers. */
void gp_read_end(gp_read *read, gpuproc_status status);
/* A MADE source's maker_ctx, where `maker` is its maker; else NULL. */
void *gp_source_maker_ctx(const gp_source *source, const gp_maker *maker);
/* Gives up waiting for a stream: reads that wait or follow end with CANCELLED. Thread-safe. */
void gp_source_cancel(gp_source *source);

#endif
