#include "io/source.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/byteswap.h"
#include "io/source_impl.h"
#include "io/residency.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

gpuproc_status gp_source_open(const gp_origin *origin, gp_io_engine *engine, bool keep_cached,
                              gp_source **source, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const char *where = origin->path != NULL ? origin->path : "";
    gp_source *s = gp_calloc(1, sizeof *s);
    if (s == NULL) return gp_fail_where(err, GPUPROC_NO_MEMORY, where, "out of memory for a source");
    s->origin = *origin;
    s->origin.path = NULL;
    s->fd = s->direct_fd = -1;
    s->engine = engine;
    s->keep_cached = keep_cached;
    s->width = gpuproc_dtype_bytes(origin->dtype);
    /* Also the unit of swapping: each part of a complex number by itself. */
    s->align = gp_dtype_kind(origin->dtype) == GP_KIND_COMPLEX ? s->width / 2 : s->width;
    s->gathers = origin->fortran && gp_gather_needed(&origin->shape);
    if (s->gathers) {
        gp_walk whole;
        gp_walk_whole(&origin->shape, true, &whole);
        gp_walk_normalise(&whole, &s->c_order);
    }
    s->where = "";
    if (origin->path != NULL) {
        s->origin.path = gp_strdup(origin->path);
        if (s->origin.path == NULL) {
            st = gp_fail_where(err, GPUPROC_NO_MEMORY, where, "out of memory for a source");
            goto out;
        }
        s->where = strcmp(origin->path, "-") == 0 ? "standard input" : s->origin.path;
    }
    if (origin->kind == GP_ORIGIN_STREAM && s->gathers) {
        st = gp_fail_where(err, GPUPROC_UNSUPPORTED, s->where,
                           "the data is in Fortran order, which a stream cannot be read in: "
                           "expected C order or a file");
        goto out;
    }
    if (origin->kind == GP_ORIGIN_FILE) GP_TRY(gp_file_open(s, err));
    *source = s;
    s = NULL;
out:
    gp_source_close(s);
    return st;
}

void gp_source_close(gp_source *s)
{
    if (s == NULL) return;
    if (s->origin.kind == GP_ORIGIN_MADE) s->origin.maker->close(s->origin.maker_ctx);
    gp_file_close(s);
    free(s->origin.path);
    free(s);
}

bool gp_source_is_file(const gp_source *s) { return s->origin.kind == GP_ORIGIN_FILE; }
bool gp_source_in_memory(const gp_source *s) { return s->origin.kind == GP_ORIGIN_MEMORY; }

unsigned gp_source_cached_percent(const gp_source *s)
{
    if (s->origin.kind != GP_ORIGIN_FILE) return s->origin.kind == GP_ORIGIN_STREAM ? 0 : 100;
    return s->regular ? gp_resident_percent(s->fd, s->origin.data_offset, s->origin.count * s->width) : 0;
}

bool gp_source_is_stream(const gp_source *s) { return s->origin.kind == GP_ORIGIN_STREAM; }
void gp_source_cancel(gp_source *s)
{
    atomic_store(&s->stop, true);
    if (s->origin.kind == GP_ORIGIN_MADE && s->origin.maker->cancel != NULL)
        s->origin.maker->cancel(s->origin.maker_ctx);
}

void *gp_source_maker_ctx(const gp_source *s, const gp_maker *maker)
{
    return s->origin.kind == GP_ORIGIN_MADE && s->origin.maker == maker ? s->origin.maker_ctx : NULL;
}

static bool in_range(const gp_source *s, uint64_t first, uint64_t count)
{
    return first <= s->origin.count && count <= s->origin.count - first;
}

bool gp_source_view_storage(gp_source *s, uint64_t first, uint64_t count, gp_view *view)
{
    *view = (gp_view){0};
    if (!in_range(s, first, count)) return false;
    if (s->origin.kind == GP_ORIGIN_MEMORY) {
        view->data = (const char *)s->origin.data + first * s->width;
        return true;
    }
    return s->origin.kind == GP_ORIGIN_FILE && gp_file_view(s, first, count, view);
}

bool gp_source_view(gp_source *s, uint64_t first, uint64_t count, gp_view *view)
{
    *view = (gp_view){0};
    return !s->gathers && gp_source_view_storage(s, first, count, view);
}

/* ---- the end of a read ---- */

void gp_read_end(gp_read *read, gpuproc_status status)
{
    gp_gather_free(read->gather);
    read->gather = NULL;
    read->status = status;
    if (status != GPUPROC_OK) {
        read->bytes = 0;
        read->data = NULL;
    }
    read->end_ns = gp_now_ns();
    if (read->begin_ns == 0) read->begin_ns = read->end_ns;
    read->done(read);
}

void gp_read_call(gp_read *read, int64_t (*call)(gp_io_request *), void (*done)(gp_io_request *))
{
    read->request = (gp_io_request){.op = GP_IO_CALL, .call = call, .done = done, .ctx = read};
    gp_io_submit(read->source->engine, &read->request);
}

static void note_begin(gp_read *read)
{
    if (read->begin_ns == 0) read->begin_ns = read->request.begin_ns;
}

static int64_t settle(gp_io_request *request)
{
    gp_read *read = request->ctx;
    const gp_source *s = read->source;
    size_t bytes = read->count * s->width;
    if ((uintptr_t)read->data % s->align != 0) {
        memmove(read->buffer, read->data, bytes);
        read->data = read->buffer;
    }
    /* Complex numbers are swapped part by part. */
    bool parts = gp_dtype_kind(s->origin.dtype) == GP_KIND_COMPLEX;
    if (s->origin.big_endian) gp_byteswap(read->data, bytes, parts ? s->width / 2 : s->width);
    return 0;
}

/* A call that only a missing thread can make fail. */
static void settled(gp_io_request *request)
{
    gp_read *read = request->ctx;
    gpuproc_status st = GPUPROC_OK;
    if (request->result < 0)
        st = gp_fail_errno(&read->error, GPUPROC_IO_READ, (int)-request->result, read->source->where,
                           "cannot read");
    gp_read_end(read, st);
}

void gp_read_settle(gp_read *read)
{
    const gp_source *s = read->source;
    read->bytes = read->count * s->width;
    bool aligned = (uintptr_t)read->data % s->align == 0;
    if (aligned && (!s->origin.big_endian || s->align == 1)) gp_read_end(read, GPUPROC_OK);
    else gp_read_call(read, settle, settled);
}

/* ---- memory, functions, streams ---- */

static int64_t copy_memory(gp_io_request *request)
{
    gp_read *read = request->ctx;
    const gp_source *s = read->source;
    if (read->count > 0)
        memcpy(read->buffer, (const char *)s->origin.data + read->at * s->width,
               read->count * s->width);
    return 0;
}

static int64_t generate(gp_io_request *request)
{
    gp_read *read = request->ctx;
    const gp_origin *o = &read->source->origin;
    if (read->count == 0) return 0;
    return -(int64_t)o->generate(o->generate_ctx, read->at, read->count, read->buffer);
}

/* Memory and functions are native already, and no bytes come from a file. */
static void made(gp_io_request *request)
{
    gp_read *read = request->ctx;
    gpuproc_status st = GPUPROC_OK;
    note_begin(read);
    read->data = read->buffer;
    if (request->result != 0) {
        int64_t e = request->result < 0 ? -request->result : request->result;
        st = gp_fail_errno(&read->error, GPUPROC_IO_READ, (int)e, read->source->where,
                           "making elements %" PRIu64 " to %" PRIu64 " failed", read->first,
                           read->first + read->count);
    }
    gp_read_end(read, st);
}

static void streamed(gp_io_request *request)
{
    gp_read *read = request->ctx;
    gp_source *s = read->source;
    note_begin(read);
    if (request->result == -ECANCELED) {
        gp_read_end(read, gp_fail_where(&read->error, GPUPROC_CANCELLED, s->where,
                                        "cancelled while waiting for data"));
        return;
    }
    if (request->result < 0) {
        gp_read_end(read, gp_fail_errno(&read->error, GPUPROC_IO_READ, (int)-request->result,
                                        s->where, "cannot read"));
        return;
    }
    s->stream_bytes += (uint64_t)request->result;
    if ((uint64_t)request->result < request->bytes) {
        gp_read_end(read, gp_fail_where(&read->error, GPUPROC_TRUNCATED, s->where,
                                        "the stream ends early: expected %" PRIu64
                                        " bytes of data, found %" PRIu64,
                                        s->origin.count * s->width, s->stream_bytes));
        return;
    }
    read->data = read->buffer;
    gp_read_settle(read);
}

static void stream_read(gp_read *read)
{
    gp_source *s = read->source;
    read->request = (gp_io_request){.op = GP_IO_READ,
                                    .fd = s->origin.fd,
                                    .stream = true,
                                    .stop = &s->stop,
                                    .buffer = read->buffer,
                                    .bytes = read->count * s->width,
                                    .done = streamed,
                                    .ctx = read};
    gp_io_submit(s->engine, &read->request);
}

/* ---- gathered reads ---- */

/* Enough for every core, none so small that handing it out would show. */
#define PARTS 16u
#define PART_MIN_BYTES ((uint64_t)256 << 10)

static int64_t gather_part(gp_io_request *request, uint64_t from, uint64_t to)
{
    gp_read *read = request->ctx;
    if (read->source->origin.kind == GP_ORIGIN_FILE) {
        int64_t e = gp_file_prepare(read->source, read->gather);
        if (e != 0) return e;
    }
    return gp_gather_run(read->gather, from, to);
}

static void gathered(gp_io_request *request)
{
    gp_read *read = request->ctx;
    if (request->result == -ENOMEM) {
        gp_read_end(read, gp_fail_where(&read->error, GPUPROC_NO_MEMORY, read->source->where,
                                        "out of memory for reading elements in another order"));
    } else if (read->source->origin.kind != GP_ORIGIN_FILE) {
        made(request);
    } else if (request->result < 0) {
        note_begin(read);
        gp_read_end(read, gp_file_failed(read, (int)-request->result));
    } else {
        note_begin(read);
        read->data = read->buffer;
        gp_read_settle(read);
    }
}

static void gather(gp_read *read)
{
    gp_source *s = read->source;
    const gp_origin *o = &s->origin;
    gp_storage storage = {.width = s->width, .fd = -1, .direct_fd = -1};
    if (o->kind == GP_ORIGIN_MEMORY) storage.base = o->data;
    storage.generate = o->kind == GP_ORIGIN_FUNCTION ? o->generate : NULL;
    storage.generate_ctx = o->generate_ctx;
    if (o->kind == GP_ORIGIN_FILE) gp_file_plan(read);
    else gp_gather_plan(read->gather, &storage, read->buffer, s->engine);
    uint64_t units = gp_gather_units(read->gather), bytes = read->count * s->width;
    uint64_t parts = gp_min_u64(gp_min_u64(bytes / PART_MIN_BYTES + 1, PARTS), units);
    read->request = (gp_io_request){.op = GP_IO_CALL,
                                    .part = gather_part,
                                    .part_units = gp_ceil_div(units, parts),
                                    .bytes = units,
                                    .done = gathered,
                                    .ctx = read};
    gp_io_submit(s->engine, &read->request);
}

/* ---- any read ---- */

static int64_t nothing(gp_io_request *request)
{
    (void)request;
    return 0;
}

static void out_of_range(gp_io_request *request)
{
    gp_read *read = request->ctx;
    uint64_t count = read->source->origin.count, low = 0, high = 0;
    gpuproc_status st;
    if (read->walk == NULL)
        st = gp_fail_where(&read->error, GPUPROC_INTERNAL, read->source->where,
                           "a read of %" PRIu64 " elements from %" PRIu64 " of an array of %" PRIu64,
                           read->count, read->first, count);
    else if (gp_source_is_stream(read->source))
        st = gp_fail_where(&read->error, GPUPROC_INTERNAL, read->source->where,
                           "a stream was to be read in another order than its own");
    else if (gp_walk_span(read->walk, &low, &high) && high >= count)
        st = gp_fail_where(&read->error, GPUPROC_INTERNAL, read->source->where,
                           "a walk leads to element %" PRIu64 " of an array of %" PRIu64, high, count);
    else
        st = gp_fail_where(&read->error, GPUPROC_INTERNAL, read->source->where,
                           "a read of %" PRIu64 " elements from %" PRIu64 " of a walk of %" PRIu64,
                           read->count, read->first, gp_shape_size(&read->walk->shape));
    gp_read_end(read, st);
}

static void out_of_memory(gp_io_request *request)
{
    gp_read *read = request->ctx;
    gp_read_end(read, gp_fail_where(&read->error, GPUPROC_NO_MEMORY, read->source->where,
                                    "out of memory for a read"));
}

/* Elements from read->at on, side by side in storage. */
static void read_plain(gp_read *read)
{
    switch (read->source->origin.kind) {
    case GP_ORIGIN_FILE: gp_file_read(read); break;
    case GP_ORIGIN_STREAM: stream_read(read); break;
    case GP_ORIGIN_MEMORY: gp_read_call(read, copy_memory, made); break;
    case GP_ORIGIN_FUNCTION: gp_read_call(read, generate, made); break;
    case GP_ORIGIN_MADE: break; /* has been taken */
    }
}

static void read_walk(gp_read *read, const gp_walk *walk)
{
    const gp_source *s = read->source;
    uint64_t size = gp_shape_size(&walk->shape), low, high;
    bool touches = gp_walk_span(walk, &low, &high);
    if (gp_source_is_stream(s) || read->first > size || read->count > size - read->first ||
        (touches && high >= s->origin.count)) {
        gp_read_call(read, nothing, out_of_range);
        return;
    }
    if (read->count == 0 || gp_walk_contiguous(walk)) {
        read->at = read->count == 0 ? 0 : (uint64_t)walk->offset + read->first;
        read_plain(read);
        return;
    }
    read->gather = gp_gather_new(walk, read->first, read->count);
    if (read->gather != NULL) gather(read);
    else gp_read_call(read, nothing, out_of_memory);
}

void gp_source_read(gp_read *read)
{
    gp_source *s = read->source;
    gp_walk walk;
    read->data = NULL;
    read->status = GPUPROC_OK;
    read->error = (gpuproc_error){0};
    read->bytes = read->begin_ns = read->end_ns = 0;
    read->skip = 0;
    read->at = read->first;
    read->gather = NULL;
    if (s->origin.kind == GP_ORIGIN_MADE) {
        s->origin.maker->read(s->origin.maker_ctx, read);
    } else if (read->walk != NULL) {
        gp_walk_normalise(read->walk, &walk);
        read_walk(read, &walk);
    } else if (!in_range(s, read->first, read->count)) {
        gp_read_call(read, nothing, out_of_range);
    } else if (s->gathers) {
        read_walk(read, &s->c_order);
    } else {
        read_plain(read);
    }
}

bool gp_source_is_fortran(const gp_source *source) { return source->origin.fortran; }
