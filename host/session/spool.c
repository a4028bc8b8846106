/* A pipe can be read once only, from front to back. Where the plan needs more passes over it,
 * or its order is not C's, its bytes are kept in a temporary file without a name. */
#include "base/memory.h"
#include "base/text.h"
#include "io/temporary.h"
#include "session/session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 20)
#define WAIT_MS 50

static gpuproc_status write_all(int fd, const char *data, size_t bytes, const char *where,
                                gpuproc_error *err)
{
    while (bytes > 0) {
        ssize_t n = write(fd, data, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return gp_fail_errno(err, GPUPROC_IO_WRITE, errno, where,
                                 "cannot keep a stream's bytes in %s", where);
        data += n;
        bytes -= (size_t)n;
    }
    return GPUPROC_OK;
}

gpuproc_status gp_spool(gp_origin *origin, const _Atomic bool *cancelled, int *fd,
                        gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const char *dir = gp_temporary_directory();
    uint64_t left = origin->count * gpuproc_dtype_bytes(origin->dtype), total = left;
    const char *where = origin->path, *name = strcmp(where, "-") == 0 ? "standard input" : where;
    char *piece = NULL;
    char path[64];
    GP_TRY(gp_temporary_open(dir, fd, err));
    piece = gp_calloc(PIECE, 1);
    if (piece == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
        goto out;
    }
    while (left > 0) {
        if (atomic_load(cancelled)) {
            st = gp_fail(err, GPUPROC_CANCELLED, "cancelled");
            goto out;
        }
        struct pollfd ready = {.fd = origin->fd, .events = POLLIN};
        /* A pipe may never deliver: only what has something is read, and the flag looked at. */
        int polled = poll(&ready, 1, WAIT_MS);
        if (polled == 0 || (polled < 0 && errno == EINTR)) continue;
        ssize_t n = read(origin->fd, piece, (size_t)gp_min_u64(left, PIECE));
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0) {
            st = gp_fail_errno(err, GPUPROC_IO_READ, errno, where, "cannot read %s", name);
            goto out;
        }
        if (n == 0) {
            st = gp_fail_where(err, GPUPROC_TRUNCATED, where,
                               "%s ended after %" PRIu64 " of %" PRIu64 " bytes of data", name,
                               total - left, total);
            goto out;
        }
        GP_TRY(write_all(*fd, piece, (size_t)n, dir, err));
        left -= (uint64_t)n;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
    free(origin->path);
    origin->path = gp_strdup(path);
    origin->kind = GP_ORIGIN_FILE;
    origin->data_offset = 0;
    if (origin->path == NULL) st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
out:
    free(piece);
    if (st != GPUPROC_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return st;
}
