/* Regular files: mapped where they are cached, else read past the page cache or through it. */
#include "io/source_impl.h"

#include "base/memory.h"
#include "io/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VIEW_MIN_PERCENT 95u
#define CACHED_MIN_PERCENT 50u

static int open_again(const char *path, int flags)
{
    int fd;
    do fd = open(path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Linux's estimate of what can be had without swapping; 0 where it gives none. */
static uint64_t available_memory(void)
{
    char text[1024] = "";
    unsigned long long kib = 0;
    int fd = open_again("/proc/meminfo", 0);
    if (fd < 0) return 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    const char *line = n > 0 ? strstr(text, "MemAvailable:") : NULL;
    if (line == NULL || sscanf(line, "MemAvailable: %llu", &kib) != 1) return 0;
    return kib * 1024;
}

static uint64_t offset_of(const gp_source *s, uint64_t first)
{
    return s->origin.data_offset + first * s->width;
}

gpuproc_status gp_file_open(gp_source *s, gpuproc_error *err)
{
    const char *path = s->origin.path;
    struct stat st, again;
    uint64_t bytes, end;
    if (!gp_mul_u64(s->origin.count, s->width, &bytes) ||
        !gp_add_u64(bytes, s->origin.data_offset, &end) || end > INT64_MAX - GP_STAGING_SLACK)
        return gp_fail_where(err, GPUPROC_BAD_SHAPE, s->where,
                             "the data would end behind byte 2^63");
    s->page = (uint64_t)sysconf(_SC_PAGESIZE);
    /* A FIFO would hold open() until somebody writes to it. */
    s->fd = open_again(path, O_NONBLOCK);
    if (s->fd < 0)
        return gp_fail_errno(err, GPUPROC_IO_OPEN, errno, s->where, "cannot open for reading");
    if (fstat(s->fd, &st) != 0)
        return gp_fail_errno(err, GPUPROC_IO_OPEN, errno, s->where, "cannot look at the file");
    if (S_ISDIR(st.st_mode))
        return gp_fail_where(err, GPUPROC_IO_OPEN, s->where,
                             "cannot open for reading: expected a file, found a directory");
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return gp_fail_where(err, GPUPROC_IO_OPEN, s->where,
                             "cannot open for reading: expected a regular file, found a device or "
                             "pipe");
    s->regular = S_ISREG(st.st_mode);
    /* Pieces of a read arrive in any order: each is read as it is, without guesses. */
    (void)posix_fadvise(s->fd, 0, 0, s->gathers ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM);
    if (s->keep_cached) return GPUPROC_OK;
    s->direct_fd = open_again(path, O_DIRECT);
    if (s->direct_fd >= 0 && (fstat(s->direct_fd, &again) != 0 || again.st_ino != st.st_ino ||
                              again.st_dev != st.st_dev)) { /* replaced in between */
        close(s->direct_fd);
        s->direct_fd = -1;
    }
    return GPUPROC_OK;
}

void gp_file_close(gp_source *s)
{
    if (s->direct_fd >= 0) close(s->direct_fd);
    if (s->fd >= 0) close(s->fd);
}

bool gp_file_view(gp_source *s, uint64_t first, uint64_t count, gp_view *view)
{
    struct stat st;
    uint64_t offset = offset_of(s, first), bytes = count * s->width;
    if (count == 0 || offset % s->align != 0) return false;
    if (s->origin.big_endian && s->align > 1) return false;
    /* A page behind the end of the file would be a SIGBUS. */
    if (!s->regular || fstat(s->fd, &st) != 0 || (uint64_t)st.st_size < offset + bytes) return false;
    if (gp_resident_percent(s->fd, offset, bytes) < VIEW_MIN_PERCENT) return false;
    uint64_t low = offset / s->page * s->page;
    size_t size = offset + bytes - low;
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, s->fd, (off_t)low);
    if (map == MAP_FAILED) return false;
    *view = (gp_view){.data = (char *)map + (offset - low), .map = map, .map_bytes = size};
    return true;
}

void gp_source_unview(gp_source *s, gp_view *view)
{
    (void)s;
    if (view->map != NULL) munmap(view->map, view->map_bytes);
    *view = (gp_view){0};
}

/* The bytes that a read is about. */
static void bytes_of(const gp_read *read, uint64_t *from, uint64_t *to)
{
    const gp_source *s = read->source;
    uint64_t low = read->at, high = read->at + read->count - (read->count > 0);
    if (read->gather != NULL) (void)gp_gather_span(read->gather, &low, &high);
    *from = offset_of(s, low);
    *to = offset_of(s, high + 1);
}

static gpuproc_status truncated(gp_read *read)
{
    const gp_source *s = read->source;
    struct stat st;
    uint64_t end = offset_of(s, s->origin.count), low, high;
    if (fstat(s->fd, &st) == 0 && (uint64_t)st.st_size < end)
        return gp_fail_where(&read->error, GPUPROC_TRUNCATED, s->where,
                             "the file ends early: expected %" PRIu64 " bytes, found %" PRIu64
                             ", %" PRIu64 " are missing",
                             end, (uint64_t)st.st_size, end - (uint64_t)st.st_size);
    bytes_of(read, &low, &high);
    return gp_fail_where(&read->error, GPUPROC_TRUNCATED, s->where,
                         "the file ended within the data at bytes %" PRIu64 " to %" PRIu64
                         " while it was read",
                         low, high);
}

gpuproc_status gp_file_failed(gp_read *read, int errnum)
{
    uint64_t low, high;
    if (errnum == ENODATA) return truncated(read);
    gpuproc_status st = errnum == ENOMEM ? GPUPROC_NO_MEMORY : GPUPROC_IO_READ;
    bytes_of(read, &low, &high);
    st = gp_fail_errno(&read->error, st, errnum, read->source->where,
                       "cannot read bytes %" PRIu64 " to %" PRIu64, low, high);
    read->error.offset = low;
    return st;
}

/* ---- plain reads ---- */

static void transferred(gp_io_request *request);

static void read_buffered(gp_read *read)
{
    gp_source *s = read->source;
    read->skip = 0;
    read->request = (gp_io_request){.op = GP_IO_READ,
                                    .fd = s->fd,
                                    .buffer = read->buffer,
                                    .bytes = read->count * s->width,
                                    .offset = offset_of(s, read->at),
                                    .done = transferred,
                                    .ctx = read};
    gp_io_submit(s->engine, &read->request);
}

static void read_direct(gp_read *read)
{
    gp_source *s = read->source;
    uint64_t offset = offset_of(s, read->at), bytes = read->count * s->width;
    uint64_t low = offset / GP_IO_ALIGN * GP_IO_ALIGN;
    read->skip = offset - low;
    read->request = (gp_io_request){
        .op = GP_IO_READ,
        .fd = s->direct_fd,
        .direct = true,
        .buffer = read->buffer,
        .bytes = gp_ceil_div(read->skip + bytes, GP_IO_ALIGN) * GP_IO_ALIGN,
        .offset = low,
        .done = transferred,
        .ctx = read,
    };
    gp_io_submit(s->engine, &read->request);
}

static void transferred(gp_io_request *request)
{
    gp_read *read = request->ctx;
    gp_source *s = read->source;
    uint64_t need = read->skip + read->count * s->width;
    if (read->begin_ns == 0) read->begin_ns = request->begin_ns;
    if (request->result >= 0 && (uint64_t)request->result >= need) {
        read->data = (char *)read->buffer + read->skip;
        gp_read_settle(read);
    } else if (request->direct) {
        /* Refused, or short at the end of a file that says so in its own way: the page
         * cache knows better, and its word is final. */
        if (request->result == -EINVAL || request->result == -EOPNOTSUPP)
            atomic_store(&s->direct_refused, true);
        read_buffered(read);
    } else if (request->result >= 0) {
        gp_read_end(read, truncated(read));
    } else {
        gp_read_end(read, gp_file_failed(read, (int)-request->result));
    }
}

void gp_file_read(gp_read *read)
{
    gp_source *s = read->source;
    uint64_t bytes = read->count * s->width;
    bool direct = s->direct_fd >= 0 && bytes >= GP_STORAGE_DIRECT_MIN_BYTES &&
                  !atomic_load_explicit(&s->direct_refused, memory_order_relaxed) &&
                  gp_resident_percent(s->fd, offset_of(s, read->at), bytes) < CACHED_MIN_PERCENT;
    if (direct) read_direct(read);
    else read_buffered(read);
}

/* ---- gathered reads ---- */

void gp_file_plan(gp_read *read)
{
    gp_source *s = read->source;
    gp_storage storage = {.width = s->width, .fd = s->fd, .direct_fd = -1, .data_offset = s->origin.data_offset,
                          .direct_refused = &s->direct_refused};
    uint64_t low = 0, high = 0;
    unsigned cached = 100;
    if (gp_gather_span(read->gather, &low, &high))
        cached = gp_resident_percent(s->fd, offset_of(s, low), (high - low + 1) * s->width);
    storage.cold = cached < VIEW_MIN_PERCENT;
    if (cached < CACHED_MIN_PERCENT) storage.direct_fd = s->direct_fd;
    gp_gather_plan(read->gather, &storage, read->buffer, s->engine);
    if (!storage.cold || !gp_gather_shares_pages(read->gather)) return;
    /* Every chunk needs a little of nearly every page. A disk reads all of them in order much
     * sooner than one by one, so the first chunk asks for everything where it fits. */
    if (!atomic_load(&s->load) && s->origin.count * s->width <= available_memory() / 2)
        atomic_store(&s->load, true);
    storage.cold = !atomic_load(&s->load);
    storage.direct_fd = -1;
    gp_gather_plan(read->gather, &storage, read->buffer, s->engine);
}

static void load(gp_source *s, const gp_gather *gather)
{
    const uint64_t step = (uint64_t)8 << 20;
    uint64_t first = 0, last = 0;
    if (!atomic_load(&s->load) || atomic_flag_test_and_set(&s->loading)) return;
    if (!gp_walk_span(gp_gather_walk(gather), &first, &last)) return;
    uint64_t end = offset_of(s, last + 1);
    for (uint64_t at = offset_of(s, first); at < end; at += step) {
        if (atomic_load_explicit(&s->stop, memory_order_relaxed)) return;
        (void)posix_fadvise(s->fd, (off_t)at, (off_t)gp_min_u64(step, end - at), POSIX_FADV_WILLNEED);
    }
}

int64_t gp_file_prepare(gp_source *s, const gp_gather *gather)
{
    struct stat st;
    if (s->regular && fstat(s->fd, &st) == 0 && (uint64_t)st.st_size < offset_of(s, s->origin.count))
        return -ENODATA;
    load(s, gather);
    return 0;
}
