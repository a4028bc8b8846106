#include "io/sink.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/scatter.h"
#include "io/sink_impl.h"
#include "io/target_path.h"
#include "io/temporary.h"
#include "io/writeback.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct gp_sink {
    gp_target_kind kind; /* FILE only for regular files */
    gp_io_engine *engine;
    char *where; /* for messages */
    uint64_t data_bytes; /* growing: the most, then what was told */
    bool growing, settled;
    atomic_uint_fast64_t written;
    atomic_bool stop;
    /* STREAM */
    int fd;
    bool own_fd;
    char *header; /* NULL: none, or written */
    /* FILE, SPOOL (only its descriptor); the header of a stream, too */
    size_t header_bytes;
    gp_new_file file;
    gp_writeback writeback;
    /* MEMORY */
    char *data;
};

/* ---- opening ---- */

static gpuproc_status refuse_to_grow(const gp_sink *s, gpuproc_error *err)
{
    return gp_fail_where(err, GPUPROC_UNSUPPORTED, s->where,
                         "the length of the output is known only at the end, when its header would "
                         "be out already: expected a regular file, found a device or pipe");
}

/* Devices, pipes and the like are written where they are. */
static gpuproc_status open_special(gp_sink *s, const char *path, gpuproc_error *err)
{
    if (s->growing) return refuse_to_grow(s, err);
    s->kind = GP_TARGET_STREAM;
    int number = gp_target_descriptor(path);
    if (number >= 0) s->fd = fcntl(number, F_DUPFD_CLOEXEC, 3);
    else do s->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        while (s->fd < 0 && errno == EINTR);
    if (s->fd < 0)
        return gp_fail_errno(err, GPUPROC_IO_OPEN, errno, s->where, "cannot open for writing");
    s->own_fd = true;
    return GPUPROC_OK;
}

/* The user knows nothing of temporary files: what they are for and what can be done. */
static gpuproc_status spool_status(const gp_sink *s, int errnum, gpuproc_error *err)
{
    return gp_fail_errno(err, GPUPROC_IO_WRITE, errnum, s->where,
                         "cannot keep %" PRIu64 " bytes of an intermediate result in %s (set TMPDIR)",
                         s->data_bytes, s->where);
}

/* Before the data. */
static gpuproc_status write_header(const gp_sink *s, const void *header, gpuproc_error *err)
{
    size_t done = 0;
    while (done < s->header_bytes) {
        ssize_t n = pwrite(s->file.fd, (const char *)header + done, s->header_bytes - done,
                           (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return s->kind == GP_TARGET_SPOOL
                       ? spool_status(s, n < 0 ? errno : EIO, err)
                       : gp_fail_errno(err, GPUPROC_IO_WRITE, n < 0 ? errno : EIO, s->where,
                                       "cannot write the header");
        done += (size_t)n;
    }
    return GPUPROC_OK;
}

/* What is done to a file besides the writes of data, on an engine thread: a file-size limit would be
 * a signal (SIGXFSZ) on the caller's. */
typedef struct preparation {
    gp_sink *sink;
    uint64_t bytes; /* all of the file */
    const void *header;
    gpuproc_status status;
    gpuproc_error *err;
} preparation;

static gpuproc_status reserve(gp_sink *s, uint64_t bytes, gpuproc_error *err)
{
    gpuproc_error whole = {0};
    gpuproc_status st = gp_new_file_reserve(&s->file, s->where, bytes, &whole);
    if (st != GPUPROC_OK && s->kind == GP_TARGET_SPOOL) return spool_status(s, whole.native_code, err);
    if (st != GPUPROC_OK && err != NULL) *err = whole;
    return st;
}

static int64_t prepare(gp_io_request *request)
{
    preparation *p = request->call_ctx;
    gp_sink *s = p->sink;
    if (!s->growing) p->status = reserve(s, p->bytes, p->err);
    if (p->status == GPUPROC_OK) p->status = write_header(s, p->header, p->err);
    return 0;
}

static int64_t settle_length(gp_io_request *request)
{
    preparation *p = request->call_ctx;
    gp_sink *s = p->sink;
    int e;
    do e = ftruncate(s->file.fd, (off_t)p->bytes) == 0 ? 0 : errno;
    while (e == EINTR);
    if (e != 0)
        p->status = gp_fail_errno(p->err, GPUPROC_IO_WRITE, e, s->where,
                                  "cannot cut the file to %" PRIu64 " bytes", p->bytes);
    if (p->status == GPUPROC_OK && p->header != NULL) p->status = write_header(s, p->header, p->err);
    return 0;
}

static gpuproc_status run_preparation(preparation *p, int64_t (*work)(gp_io_request *))
{
    gp_io_request request = {.op = GP_IO_CALL, .call = work, .call_ctx = p};
    gp_io_run(p->sink->engine, &request);
    if (request.result < 0)
        p->status = gp_fail_errno(p->err, GPUPROC_IO_OPEN, (int)-request.result, p->sink->where,
                                  "cannot open for writing");
    return p->status;
}

static gpuproc_status open_file(gp_sink *s, const gp_target *target, gpuproc_error *err)
{
    gpuproc_status st;
    struct stat now;
    uint64_t bytes;
    bool exists = stat(target->path, &now) == 0;
    if (gp_target_descriptor(target->path) >= 0 ||
        (exists && !S_ISREG(now.st_mode) && !S_ISDIR(now.st_mode)))
        return open_special(s, target->path, err);
    if (!gp_add_u64(s->data_bytes, s->header_bytes, &bytes) || bytes > INT64_MAX)
        return gp_fail_where(err, GPUPROC_IO_NO_SPACE, s->where,
                             "the file would be larger than 2^63 bytes");
    GP_TRY(gp_new_file_open(target->path, target->overwrite, &s->file, err));
    preparation p = {s, bytes, target->header, GPUPROC_OK, err};
    st = run_preparation(&p, prepare);
    gp_writeback_init(&s->writeback, s->engine, s->file.fd);
out:
    return st;
}

static gpuproc_status open_spool(gp_sink *s, const gp_target *target, gpuproc_error *err)
{
    gpuproc_status st;
    uint64_t bytes;
    if (!gp_add_u64(s->data_bytes, s->header_bytes, &bytes) || bytes > INT64_MAX)
        return gp_fail_where(err, GPUPROC_IO_NO_SPACE, s->where,
                             "a temporary file would be larger than 2^63 bytes");
    GP_TRY(gp_temporary_open(s->where, &s->file.fd, err));
    preparation p = {s, bytes, target->header, GPUPROC_OK, err};
    st = run_preparation(&p, prepare);
out:
    return st;
}

gpuproc_status gp_sink_open(const gp_target *target, uint64_t data_bytes, gp_io_engine *engine,
                            gp_sink **sink, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const char *where = target->path != NULL ? target->path : "";
    if (target->kind == GP_TARGET_SPOOL) where = gp_temporary_directory();
    if (strcmp(where, "-") == 0) where = "standard output";
    gp_sink *s = gp_calloc(1, sizeof *s);
    if (s == NULL) goto no_memory;
    s->kind = target->kind;
    s->engine = engine;
    s->data_bytes = data_bytes;
    s->fd = s->file.fd = s->file.directory_fd = -1;
    s->data = target->data;
    s->header_bytes = target->header != NULL ? target->header_bytes : 0;
    s->where = gp_strdup(where);
    if (s->where == NULL) goto no_memory;
    s->growing = target->growing;
    if (s->kind == GP_TARGET_STREAM) {
        s->fd = target->fd;
        if (s->growing) GP_TRY(refuse_to_grow(s, err));
    }
    if (s->kind == GP_TARGET_FILE) GP_TRY(open_file(s, target, err));
    if (s->kind == GP_TARGET_SPOOL) GP_TRY(open_spool(s, target, err));
    /* A stream's header goes out with the first data: writing may block, and fail with a
     * signal, which only the engine's threads are safe from. */
    if (s->kind == GP_TARGET_STREAM && s->header_bytes > 0) {
        s->header = malloc(s->header_bytes);
        if (s->header == NULL) goto no_memory;
        memcpy(s->header, target->header, s->header_bytes);
    }
    *sink = s;
    s = NULL;
    goto out;
no_memory:
    st = gp_fail_where(err, GPUPROC_NO_MEMORY, where, "out of memory for an output");
out:
    gp_sink_close(s);
    return st;
}

void gp_sink_close(gp_sink *s)
{
    if (s == NULL) return;
    gp_writeback_end(&s->writeback);
    gp_new_file_close(&s->file);
    if (s->own_fd) close(s->fd);
    free(s->header);
    free(s->where);
    free(s);
}

bool gp_sink_same_file(const gp_sink *a, const gp_sink *b)
{
    struct stat at, bt;
    if (a->kind != GP_TARGET_FILE || b->kind != GP_TARGET_FILE) return false;
    if (strcmp(a->file.name, b->file.name) != 0) return false;
    return fstat(a->file.directory_fd, &at) == 0 && fstat(b->file.directory_fd, &bt) == 0 &&
           at.st_dev == bt.st_dev && at.st_ino == bt.st_ino;
}

bool gp_sink_is_stream(const gp_sink *s) { return s->kind == GP_TARGET_STREAM; }
void gp_sink_cancel(gp_sink *s) { atomic_store(&s->stop, true); }

void *gp_sink_place(gp_sink *s, uint64_t offset)
{
    return s->kind == GP_TARGET_MEMORY && offset <= s->data_bytes ? s->data + offset : NULL;
}

/* ---- reading back ---- */

bool gp_sink_origin(gp_sink *s, gp_dtype dtype, const gp_shape *shape, gp_origin *origin)
{
    char path[64];
    *origin = (gp_origin){.kind = GP_ORIGIN_MEMORY, .dtype = dtype, .shape = *shape, .fd = -1,
                          .count = gp_shape_size(shape), .data = s->data};
    if (s->kind == GP_TARGET_MEMORY) return true;
    if (s->kind != GP_TARGET_SPOOL) return false;
    snprintf(path, sizeof path, "/proc/self/fd/%d", s->file.fd);
    origin->kind = GP_ORIGIN_FILE;
    origin->data_offset = s->header_bytes;
    origin->path = gp_strdup(path);
    return origin->path != NULL;
}

/* ---- writing ---- */

static gpuproc_status write_status(const gp_sink *s, int errnum, gpuproc_error *err)
{
    if (errnum == ECANCELED)
        return gp_fail_where(err, GPUPROC_CANCELLED, s->where,
                             "cancelled while waiting for the reader");
    if (errnum == EPIPE)
        return gp_fail_errno(err, GPUPROC_IO_PIPE, errnum, s->where, "the reader has gone");
    if (s->kind == GP_TARGET_SPOOL) return spool_status(s, errnum, err);
    return gp_fail_errno(err, GPUPROC_IO_WRITE, errnum, s->where, "cannot write");
}

static void end(gp_write *w, gpuproc_status status)
{
    w->status = status;
    if (status == GPUPROC_OK) atomic_fetch_add(&w->sink->written, w->bytes);
    w->end_ns = gp_now_ns();
    if (w->begin_ns == 0) w->begin_ns = w->end_ns;
    w->done(w);
}

static void data_written(gp_io_request *request)
{
    gp_write *w = request->ctx;
    if (w->begin_ns == 0) w->begin_ns = request->begin_ns;
    gpuproc_status st = GPUPROC_OK;
    if (request->result < 0) {
        st = write_status(w->sink, (int)-request->result, &w->error);
        w->error.offset = w->sink->header_bytes + w->offset;
    } else if (w->sink->kind == GP_TARGET_FILE) {
        /* Before the first run of a block nothing is still to come, where blocks go in order. */
        gp_writeback_reached(&w->sink->writeback, w->walk != NULL ? w->offset : w->offset + w->bytes);
    }
    end(w, st);
}

static void write_stream(gp_sink *s, gp_io_request *request, const void *bytes, size_t count,
                         void (*done)(gp_io_request *), void *ctx)
{
    *request = (gp_io_request){.op = GP_IO_WRITE,
                               .fd = s->fd,
                               .stream = true,
                               .stop = &s->stop,
                               .buffer = (void *)(uintptr_t)bytes,
                               .bytes = count,
                               .done = done,
                               .ctx = ctx};
    gp_io_submit(s->engine, request);
}

static void header_written(gp_io_request *request)
{
    gp_write *w = request->ctx;
    gp_sink *s = w->sink;
    w->begin_ns = request->begin_ns;
    if (request->result < 0) {
        end(w, write_status(s, (int)-request->result, &w->error));
        return;
    }
    free(s->header);
    s->header = NULL;
    write_stream(s, &w->request, w->data, w->bytes, data_written, w);
}

static int64_t copy(gp_io_request *request)
{
    gp_write *w = request->ctx;
    char *to = w->sink->data + w->offset;
    if (w->bytes > 0 && to != w->data) memcpy(to, w->data, w->bytes);
    return 0;
}

static int64_t scatter(gp_io_request *request)
{
    gp_write *w = request->ctx;
    const gp_sink *s = w->sink;
    gp_scatter to = {.fd = s->file.fd, .offset = s->header_bytes, .width = w->width,
                     .memory = s->kind == GP_TARGET_MEMORY ? s->data : NULL};
    return gp_scatter_run(&to, w->walk, w->data);
}

/* Where the data of a write begins and ends. */
static bool range_of(gp_write *w, uint64_t *end)
{
    uint64_t first = 0, last = 0;
    if (w->walk == NULL) return gp_add_u64(w->offset, w->bytes, end);
    if (w->sink->kind == GP_TARGET_STREAM || w->walk->bounded) return false;
    w->offset = *end = 0;
    if (!gp_walk_span(w->walk, &first, &last)) return w->bytes == 0;
    w->offset = first * w->width;
    return last != UINT64_MAX && w->bytes == gp_shape_size(&w->walk->shape) * w->width &&
           gp_mul_u64(last + 1, w->width, end);
}

static int64_t nothing(gp_io_request *request)
{
    (void)request;
    return 0;
}

static void out_of_range(gp_io_request *request)
{
    gp_write *w = request->ctx;
    const gp_sink *s = w->sink;
    if (s->growing && s->kind == GP_TARGET_MEMORY && !s->settled)
        end(w, gp_fail_where(&w->error, GPUPROC_INVALID_ARGUMENT, s->where,
                             "the result is larger than the memory that was given for it: expected "
                             "at least %" PRIu64 " bytes, found %" PRIu64,
                             w->offset + w->bytes, s->data_bytes));
    else end(w, gp_fail_where(&w->error, GPUPROC_INTERNAL, w->sink->where,
                         "a write of %zu bytes at %" PRIu64 " of %" PRIu64, w->bytes, w->offset,
                         w->sink->data_bytes));
}

static void call(gp_write *w, int64_t (*fn)(gp_io_request *), void (*done)(gp_io_request *))
{
    w->request = (gp_io_request){.op = GP_IO_CALL, .call = fn, .done = done, .ctx = w};
    gp_io_submit(w->sink->engine, &w->request);
}

void gp_sink_write(gp_write *w)
{
    gp_sink *s = w->sink;
    uint64_t end_of_data;
    w->status = GPUPROC_OK;
    w->error = (gpuproc_error){0};
    w->begin_ns = w->end_ns = 0;
    if (!range_of(w, &end_of_data) || end_of_data > s->data_bytes) {
        call(w, nothing, out_of_range);
    } else if (w->walk != NULL) {
        call(w, scatter, data_written);
    } else if (s->kind == GP_TARGET_MEMORY) {
        call(w, copy, data_written);
    } else if (s->kind == GP_TARGET_STREAM) {
        if (s->header != NULL)
            write_stream(s, &w->request, s->header, s->header_bytes, header_written, w);
        else write_stream(s, &w->request, w->data, w->bytes, data_written, w);
    } else {
        w->request = (gp_io_request){.op = GP_IO_WRITE,
                                     .fd = s->file.fd,
                                     .buffer = (void *)(uintptr_t)w->data,
                                     .bytes = w->bytes,
                                     .offset = s->header_bytes + w->offset,
                                     .done = data_written,
                                     .ctx = w};
        gp_io_submit(s->engine, &w->request);
    }
}

/* ---- commit ---- */

/* A stream of no elements has its header still. */
static gpuproc_status write_lone_header(gp_sink *s, gpuproc_error *err)
{
    gp_io_request request = {.op = GP_IO_WRITE,
                             .fd = s->fd,
                             .stream = true,
                             .stop = &s->stop,
                             .buffer = s->header,
                             .bytes = s->header_bytes};
    gp_io_run(s->engine, &request);
    if (request.result < 0) return write_status(s, (int)-request.result, err);
    free(s->header);
    s->header = NULL;
    return GPUPROC_OK;
}

gpuproc_status gp_sink_set_length(gp_sink *s, uint64_t data_bytes, const void *header,
                                  gpuproc_error *err)
{
    uint64_t written = atomic_load(&s->written);
    if (!s->growing)
        return gp_fail_where(err, GPUPROC_INTERNAL, s->where, "the length of an output is fixed");
    if (data_bytes > s->data_bytes || (s->kind != GP_TARGET_MEMORY && data_bytes > written))
        return gp_fail_where(err, GPUPROC_INTERNAL, s->where,
                             "an output ends after %" PRIu64 " bytes: expected at most %" PRIu64
                             ", %" PRIu64 " were written",
                             data_bytes, s->data_bytes, written);
    s->data_bytes = data_bytes;
    s->settled = true;
    if (s->kind == GP_TARGET_MEMORY) return GPUPROC_OK;
    preparation p = {s, s->header_bytes + data_bytes, header, GPUPROC_OK, err};
    return run_preparation(&p, settle_length);
}

gpuproc_status gp_sink_commit(gp_sink *s, gpuproc_error *err)
{
    uint64_t written = atomic_load(&s->written);
    if (s->kind != GP_TARGET_MEMORY && written < s->data_bytes)
        return gp_fail_where(err, GPUPROC_INTERNAL, s->where,
                             "the output is not complete: expected %" PRIu64
                             " bytes of data, %" PRIu64 " were written",
                             s->data_bytes, written);
    gp_writeback_end(&s->writeback);
    if (s->kind == GP_TARGET_FILE) return gp_new_file_commit(&s->file, s->where, err);
    if (s->header != NULL) return write_lone_header(s, err);
    return GPUPROC_OK;
}
