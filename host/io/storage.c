#include "io/storage.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static uint64_t offset_of(const gp_storage *s, uint64_t element)
{
    return s->data_offset + element * s->width;
}

/* Bytes [offset, offset+bytes) of a file; fewer, where it ends before; or -errno. */
static int64_t read_bytes(int fd, uint64_t offset, size_t bytes, void *to)
{
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = pread(fd, (char *)to + got, bytes - got, (off_t)(offset + got));
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        got += (size_t)n;
    }
    return (int64_t)got;
}

int64_t gp_storage_read(const gp_storage *s, uint64_t from, uint64_t count, void *to)
{
    size_t bytes = count * s->width;
    if (s->base != NULL) {
        memcpy(to, (const char *)s->base + from * s->width, bytes);
        return 0;
    }
    if (s->generate != NULL) {
        int e = s->generate(s->generate_ctx, from, count, to);
        return e < 0 ? e : -(int64_t)e;
    }
    int64_t n = read_bytes(s->fd, offset_of(s, from), bytes, to);
    if (n < 0) return n;
    return (uint64_t)n < bytes ? -ENODATA : 0;
}

int64_t gp_storage_fetch(const gp_storage *s, uint64_t from, uint64_t count, void *strip,
                         const void **at)
{
    size_t bytes = count * s->width;
    *at = strip;
    if (s->direct_fd >= 0 && bytes >= GP_STORAGE_DIRECT_MIN_BYTES &&
        !atomic_load_explicit(s->direct_refused, memory_order_relaxed)) {
        uint64_t offset = offset_of(s, from), low = offset / GP_IO_ALIGN * GP_IO_ALIGN;
        size_t skip = offset - low, whole = gp_ceil_div(skip + bytes, GP_IO_ALIGN) * GP_IO_ALIGN;
        ssize_t n;
        do n = pread(s->direct_fd, strip, whole, (off_t)low);
        while (n < 0 && errno == EINTR);
        if (n < 0 && (errno == EINVAL || errno == EOPNOTSUPP)) atomic_store(s->direct_refused, true);
        if (n >= 0 && (size_t)n >= skip + bytes) {
            *at = (char *)strip + skip;
            return 0;
        }
        /* Refused or short: the page cache knows better, and its word is final. */
    }
    return gp_storage_read(s, from, count, strip);
}

void gp_storage_expect(const gp_storage *s, uint64_t from, uint64_t count)
{
    (void)posix_fadvise(s->fd, (off_t)offset_of(s, from), (off_t)(count * s->width), POSIX_FADV_WILLNEED);
}
