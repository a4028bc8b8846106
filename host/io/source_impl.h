/* What source.c and file_source.c share. */
#ifndef GP_IO_SOURCE_IMPL_H
#define GP_IO_SOURCE_IMPL_H

#include "io/gather.h"
#include "io/source.h"

struct gp_source {
    gp_origin origin; /* with a path of its own */
    gp_io_engine *engine;
    size_t width, align; /* of an element */
    const char *where;   /* for messages */
    bool gathers;      /* C order is not the order of storage: it is walked so: */
    gp_walk c_order;
    /* STREAM */
    atomic_bool stop;
    uint64_t stream_bytes; /* consumed; only the read under way touches it */
    /* FILE */
    int fd, direct_fd; /* direct_fd -1: the filesystem has none */
    bool regular;      /* has a size to look at */
    bool keep_cached;
    atomic_bool load;  /* gathers: the page cache can take all that is walked, and should */
    atomic_flag loading;
    atomic_bool direct_refused;
    uint64_t page;
};

gpuproc_status gp_file_open(gp_source *source, gpuproc_error *err);
void gp_file_close(gp_source *source);
bool gp_file_view(gp_source *source, uint64_t first, uint64_t count, gp_view *view);
void gp_file_read(gp_read *read);
/* How to fetch what read->gather needs. */
void gp_file_plan(gp_read *read);
/* On an engine thread, before it is fetched: -ENODATA where the file is too short by now, else 0. */
int64_t gp_file_prepare(gp_source *source, const gp_gather *gather);
/* The error of a read that ended with errnum. */
gpuproc_status gp_file_failed(gp_read *read, int errnum);

/* Runs `call` on an engine thread; then `done`. */
void gp_read_call(gp_read *read, int64_t (*call)(gp_io_request *), void (*done)(gp_io_request *));
/* The data is in place: swaps bytes and aligns, if that is to be done, and ends the read. */
void gp_read_settle(gp_read *read);

#endif
