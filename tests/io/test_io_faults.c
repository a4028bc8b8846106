/* Lets the n-th call of each function fail, for n = 1, 2, ... until it is not reached any
 * more, and looks: a right result or a status, never a wrong result, a leftover or a leak. */
#include "io/io_fixture.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#ifdef GP_HAVE_URING
#include <liburing.h>
#endif

/* ---- the switch in front of every wrapped function ---- */

#define FUNCTIONS(X)                                                                          \
    X(malloc) X(calloc) X(realloc) X(open) X(openat) X(pread) X(pwrite) X(pwritev2) X(read)   \
        X(write) X(poll) X(mmap) X(mincore) X(syscall) X(fallocate) X(renameat) X(renameat2)  \
        X(linkat) X(fstat) X(fstatat) X(fdatasync) X(fsync) X(getrandom) X(pthread_create)    \
        X(posix_fadvise) X(ftruncate) X(io_uring_queue_init) X(io_uring_submit)

enum {
#define X(name) AT_##name,
    FUNCTIONS(X)
#undef X
    NONE
};

/* Instead of an errno: the call does half of its work, or says "end of file". */
#define HALF (-1)
#define ENDED (-2)

static struct {
    _Atomic int function, countdown, calls;
    int error, burst; /* calls in a row that fail */
} fault = {.function = NONE};

static void arm(int function, int nth, int error, int burst)
{
    fault.error = error;
    fault.burst = burst;
    fault.countdown = nth;
    fault.calls = 0;
    fault.function = function;
}

/* How often it fired. */
static int disarm(void)
{
    fault.function = NONE;
    return fault.calls;
}

static int fails(int function)
{
    if (fault.function != function) return 0;
    if (fault.countdown > 1) {
        fault.countdown--;
        return 0;
    }
    if (fault.calls >= fault.burst) return 0;
    fault.calls++;
    errno = fault.error > 0 ? fault.error : 0;
    return fault.error;
}

#define WRAP(type, name, args, names, failed)                    \
    type __real_##name args;                                     \
    type __wrap_##name args;                                     \
    type __wrap_##name args                                      \
    {                                                            \
        return fails(AT_##name) ? (failed) : __real_##name names; \
    }

#define WRAP_TRANSFER(name, args, names, halved)  \
    ssize_t __real_##name args;                   \
    ssize_t __wrap_##name args;                   \
    ssize_t __wrap_##name args                    \
    {                                             \
        int e = fails(AT_##name);                 \
        if (e == ENDED) return 0;                 \
        if (e == HALF) return __real_##name halved; \
        return e != 0 ? -1 : __real_##name names;   \
    }

WRAP(void *, malloc, (size_t n), (n), NULL)
WRAP(void *, calloc, (size_t n, size_t s), (n, s), NULL)
WRAP(void *, realloc, (void *p, size_t n), (p, n), NULL)
WRAP_TRANSFER(pread, (int fd, void *b, size_t n, off_t o), (fd, b, n, o), (fd, b, (n + 1) / 2, o))
WRAP_TRANSFER(pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), (fd, b, (n + 1) / 2, o))
WRAP_TRANSFER(read, (int fd, void *b, size_t n), (fd, b, n), (fd, b, (n + 1) / 2))
WRAP_TRANSFER(write, (int fd, const void *b, size_t n), (fd, b, n), (fd, b, (n + 1) / 2))
WRAP(ssize_t, pwritev2, (int fd, const struct iovec *v, int n, off_t o, int f), (fd, v, n, o, f), -1)
WRAP(int, poll, (struct pollfd *p, nfds_t n, int t), (p, n, t), -1)
WRAP(void *, mmap, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o), MAP_FAILED)
WRAP(int, mincore, (void *a, size_t n, unsigned char *v), (a, n, v), -1)
WRAP(int, fallocate, (int fd, int m, off_t o, off_t n), (fd, m, o, n), -1)
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d), -1)
WRAP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned f), (a, b, c, d, f), -1)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), -1)
WRAP(int, linkat, (int a, const char *b, int c, const char *d, int f), (a, b, c, d, f), -1)
WRAP(int, fstat, (int fd, struct stat *s), (fd, s), -1)
WRAP(int, fstatat, (int d, const char *p, struct stat *s, int f), (d, p, s, f), -1)
WRAP(int, fdatasync, (int fd), (fd), -1)
WRAP(int, fsync, (int fd), (fd), -1)
WRAP(ssize_t, getrandom, (void *b, size_t n, unsigned f), (b, n, f), -1)
WRAP(int, pthread_create, (pthread_t * t, const pthread_attr_t *a, void *(*r)(void *), void *g),
     (t, a, r, g), fault.error)
WRAP(int, posix_fadvise, (int fd, off_t o, off_t n, int a), (fd, o, n, a), fault.error)
#ifdef GP_HAVE_URING
WRAP(int, io_uring_queue_init, (unsigned n, struct io_uring *r, unsigned f), (n, r, f), -fault.error)
WRAP(int, io_uring_submit, (struct io_uring * r), (r), -fault.error)
#endif

int __real_open(const char *p, int f, ...);
int __wrap_open(const char *p, int f, int mode);
int __wrap_open(const char *p, int f, int mode)
{
    return fails(AT_open) ? -1 : __real_open(p, f, mode);
}
int __real_openat(int d, const char *p, int f, ...);
int __wrap_openat(int d, const char *p, int f, int mode);
int __wrap_openat(int d, const char *p, int f, int mode)
{
    return fails(AT_openat) ? -1 : __real_openat(d, p, f, mode);
}
long __real_syscall(long n, ...);
long __wrap_syscall(long n, long a, long b, long c, long d);
long __wrap_syscall(long n, long a, long b, long c, long d)
{
    return fails(AT_syscall) ? -1 : __real_syscall(n, a, b, c, d);
}

/* ---- scenarios: each makes an engine of its own, so that its start can fail, too ---- */

#define CHUNK ((size_t)1500000)
#define CHUNKS 2
#define WIDTH 500 /* columns of the Fortran-order scenario */

typedef gpuproc_status scenario(const fixture *f, const char *data, bool *right);

/* The old file or the whole new one, and nothing else in the folder. */
static gpuproc_status write_scenario(const fixture *f, const char *data, bool *right, bool old)
{
    gpuproc_status st;
    gp_io_engine *engine = NULL;
    gp_sink *s = NULL;
    gp_target t = {.kind = GP_TARGET_FILE, .path = path_in(f, "out"), .fd = -1, .header = "HEAD",
                   .header_bytes = 4, .overwrite = old};
    if (old) put_file(t.path, "old", 3);
    else unlink(t.path);
    GP_TRY(gp_io_engine_new(8, &engine, NULL));
    GP_TRY(gp_sink_open(&t, CHUNK * CHUNKS, engine, &s, NULL));
    for (size_t i = 0; i < CHUNKS; i++)
        GP_TRY(write_now(s, i * CHUNK, data + i * CHUNK, CHUNK, NULL));
    GP_TRY(gp_sink_commit(s, NULL));
out:
    gp_sink_close(s);
    gp_io_engine_free(engine);
    int function = fault.function;
    fault.function = NONE; /* what follows is the test's own */
    size_t n = 0;
    char *now = get_file(path_in(f, "out"), &n);
    if (st == GPUPROC_OK)
        *right = now != NULL && n == CHUNK * CHUNKS + 4 && memcmp(now, "HEAD", 4) == 0 &&
                 memcmp(now + 4, data, n - 4) == 0;
    else *right = old ? now != NULL && n == 3 && memcmp(now, "old", 3) == 0 : now == NULL;
    free(now);
    *right = *right && count_files(f) == 1 + (st == GPUPROC_OK || old); /* "in" is there, too */
    fault.function = function;
    return st;
}

static gpuproc_status writes_new(const fixture *f, const char *data, bool *right)
{
    return write_scenario(f, data, right, false);
}

static gpuproc_status replaces_old(const fixture *f, const char *data, bool *right)
{
    return write_scenario(f, data, right, true);
}

static gpuproc_status read_scenario(const fixture *f, const char *data, bool *right, bool cold,
                                    bool big_endian, bool fortran)
{
    gpuproc_status st;
    gp_io_engine *engine = NULL;
    gp_source *s = NULL;
    size_t bytes = CHUNK * CHUNKS, count = bytes / 4, rows = count / WIDTH;
    gp_read r = {.buffer = gp_pages_alloc(CHUNK + GP_STAGING_SLACK)};
    gp_view view;
    gp_origin origin = {.kind = GP_ORIGIN_FILE, .dtype = GPUPROC_UINT32, .count = count, .fd = -1,
                        .shape = {2, {(int64_t)rows, WIDTH}}, .path = (char *)(uintptr_t)path_in(f, "in"),
                        .big_endian = big_endian, .fortran = fortran};
    if (cold) make_cold(origin.path);
    *right = true;
    if (r.buffer == NULL) return GPUPROC_NO_MEMORY;
    GP_TRY(gp_io_engine_new(8, &engine, NULL));
    GP_TRY(gp_source_open(&origin, engine, false, &s, NULL));
    for (size_t i = 0; i < CHUNKS; i++) {
        size_t first = i * CHUNK / 4, n = CHUNK / 4;
        bool viewed = gp_source_view(s, first, n, &view);
        const uint32_t *got = view.data;
        if (!viewed) {
            read_now(&r, s, first, n);
            GP_TRY(r.status);
            got = r.data;
        }
        for (size_t k = 0; k < n; k++) {
            size_t e = first + k, at = fortran ? e % WIDTH * rows + e / WIDTH : e;
            uint32_t v;
            memcpy(&v, data + at * 4, 4);
            *right = *right && got[k] == (big_endian ? __builtin_bswap32(v) : v);
        }
        if (viewed) gp_source_unview(s, &view);
    }
out:
    gp_source_close(s);
    gp_io_engine_free(engine);
    gp_pages_free(r.buffer, CHUNK + GP_STAGING_SLACK);
    return st;
}

static gpuproc_status reads_cached(const fixture *f, const char *data, bool *right)
{
    return read_scenario(f, data, right, false, false, false);
}
static gpuproc_status reads_cold(const fixture *f, const char *data, bool *right)
{
    return read_scenario(f, data, right, true, false, false);
}
static gpuproc_status reads_swapped(const fixture *f, const char *data, bool *right)
{
    return read_scenario(f, data, right, false, true, false);
}
static gpuproc_status reads_gathered(const fixture *f, const char *data, bool *right)
{
    return read_scenario(f, data, right, false, true, true);
}
static gpuproc_status reads_gathered_cold(const fixture *f, const char *data, bool *right)
{
    return read_scenario(f, data, right, true, true, true);
}

/* Along walks that need each way of gathering. */
static gpuproc_status reads_walks(const fixture *f, const char *data, bool *right)
{
    static const gp_walk walks[] = {
        {.shape = {1, {300000}}, .stride = {-2}, .offset = 700000},
        {.shape = {2, {120, 3000}}, .stride = {6001, 1}, .offset = 3},
        {.shape = {2, {2, 100000}}, .stride = {300000, 1}, .offset = 3},
        {.shape = {2, {200, 300}}, .stride = {1, 2400}},
        {.shape = {2, {40, 60}}, .stride = {9000, 3000}},
        {.shape = {2, {5, 70000}}, .stride = {0, 1}, .bounded = true, .lo = {1, 5}, .hi = {4, 60000}},
    };
    gpuproc_status st = GPUPROC_NO_MEMORY;
    gp_io_engine *engine = NULL;
    gp_source *s = NULL;
    size_t room = 4 * 400000 + GP_STAGING_SLACK, count = CHUNK * CHUNKS / 4;
    gp_read r = {.buffer = gp_pages_alloc(room)};
    gp_origin origin = {.kind = GP_ORIGIN_FILE, .dtype = GPUPROC_UINT32, .count = count, .fd = -1,
                        .shape = {1, {(int64_t)count}}, .path = (char *)(uintptr_t)path_in(f, "in")};
    *right = true;
    if (r.buffer == NULL) goto out;
    GP_TRY(gp_io_engine_new(8, &engine, NULL));
    GP_TRY(gp_source_open(&origin, engine, false, &s, NULL));
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        const gp_walk *w = &walks[i];
        uint64_t first = 1, n = gp_shape_size(&w->shape) - 2;
        int64_t columns = w->shape.dim[w->shape.ndim - 1];
        r.walk = w;
        read_now(&r, s, first, n);
        GP_TRY(r.status);
        for (uint64_t k = 0; k < n; k++) {
            int64_t e = (int64_t)(first + k), row = e / columns, column = e % columns;
            int64_t at = w->offset + (w->shape.ndim == 1 ? e * w->stride[0] : row * w->stride[0] + column * w->stride[1]);
            bool zero = w->bounded && (row < w->lo[0] || row >= w->hi[0] || column < w->lo[1] || column >= w->hi[1]);
            uint32_t v = 0;
            if (!zero) memcpy(&v, data + at * 4, 4);
            *right = *right && ((const uint32_t *)r.data)[k] == v;
        }
    }
out:
    gp_source_close(s);
    gp_io_engine_free(engine);
    gp_pages_free(r.buffer, room);
    return st;
}

static gpuproc_status reads_walks_cold(const fixture *f, const char *data, bool *right)
{
    make_cold(path_in(f, "in"));
    return reads_walks(f, data, right);
}

/* Into a spool and back, and the same into a file whose length is told at the end. */
static gpuproc_status grow(const fixture *f, const char *data, bool *right, gp_target_kind kind)
{
    gpuproc_status st;
    gp_io_engine *engine = NULL;
    gp_sink *s = NULL;
    gp_source *source = NULL;
    gp_origin origin = {0};
    gp_read r = {.buffer = gp_pages_alloc(CHUNK + GP_STAGING_SLACK)};
    gp_target t = {.kind = kind, .path = path_in(f, "out"), .fd = -1, .header = "HEAD", .header_bytes = 4,
                   .growing = kind == GP_TARGET_FILE};
    setenv("TMPDIR", f->dir, 1);
    unlink(t.path);
    st = GPUPROC_NO_MEMORY;
    *right = true;
    if (r.buffer == NULL) goto out;
    GP_TRY(gp_io_engine_new(8, &engine, NULL));
    GP_TRY(gp_sink_open(&t, CHUNK, engine, &s, NULL));
    GP_TRY(write_now(s, 0, data, CHUNK, NULL));
    if (kind == GP_TARGET_FILE) GP_TRY(gp_sink_set_length(s, CHUNK - 10, "TAIL", NULL));
    GP_TRY(gp_sink_commit(s, NULL));
    if (kind == GP_TARGET_FILE) goto out;
    st = gp_sink_origin(s, GPUPROC_UINT8, &(gp_shape){1, {CHUNK}}, &origin) ? GPUPROC_OK : GPUPROC_NO_MEMORY;
    if (st == GPUPROC_OK) GP_TRY(gp_source_open(&origin, engine, true, &source, NULL));
    else goto out;
    read_now(&r, source, 0, CHUNK);
    GP_TRY(r.status);
    *right = memcmp(r.data, data, CHUNK) == 0;
out:
    gp_source_close(source);
    gp_sink_close(s);
    gp_io_engine_free(engine);
    gp_pages_free(r.buffer, CHUNK + GP_STAGING_SLACK);
    free(origin.path);
    int function = fault.function;
    fault.function = NONE; /* what follows is the test's own */
    size_t n = 0;
    char *now = get_file(path_in(f, "out"), &n);
    if (kind == GP_TARGET_SPOOL || st != GPUPROC_OK) *right = *right && now == NULL;
    else *right = now != NULL && n == CHUNK - 6 && memcmp(now, "TAIL", 4) == 0 && memcmp(now + 4, data, n - 4) == 0;
    *right = *right && count_files(f) == 1 + (now != NULL);
    free(now);
    fault.function = function;
    return st;
}

static gpuproc_status spools(const fixture *f, const char *data, bool *right)
{
    return grow(f, data, right, GP_TARGET_SPOOL);
}
static gpuproc_status grows(const fixture *f, const char *data, bool *right)
{
    return grow(f, data, right, GP_TARGET_FILE);
}

/* Through a pipe that has room for all of it. */
static gpuproc_status streams(const fixture *f, const char *data, bool *right)
{
    gpuproc_status st;
    gp_io_engine *engine = NULL;
    gp_sink *sink = NULL;
    gp_source *source = NULL;
    char buffer[20000 + GP_STAGING_SLACK];
    int p[2];
    (void)f;
    *right = true;
    if (pipe(p) != 0) return GPUPROC_INTERNAL;
    gp_target t = {.kind = GP_TARGET_STREAM, .path = "-", .fd = p[1], .header = data, .header_bytes = 4};
    gp_origin origin = {.kind = GP_ORIGIN_STREAM, .dtype = GPUPROC_UINT8, .count = 20000, .fd = p[0],
                        .shape = {1, {20000}}, .path = (char *)(uintptr_t)"-"};
    gp_read r = {.buffer = buffer};
    GP_TRY(gp_io_engine_new(8, &engine, NULL));
    GP_TRY(gp_sink_open(&t, 19996, engine, &sink, NULL));
    GP_TRY(gp_source_open(&origin, engine, false, &source, NULL));
    GP_TRY(write_now(sink, 0, data + 4, 19996, NULL));
    GP_TRY(gp_sink_commit(sink, NULL));
    read_now(&r, source, 0, 20000);
    st = r.status;
    if (st == GPUPROC_OK) *right = memcmp(r.data, data, 20000) == 0;
out:
    gp_sink_close(sink);
    gp_source_close(source);
    gp_io_engine_free(engine);
    close(p[0]);
    close(p[1]);
    return st;
}

/* ---- the runs ---- */

#define ANY 9999 /* a right result or some status */

static void torture(fixture *f, const char *name, scenario *run, int function, int error, int burst,
                    int expected)
{
    size_t bytes = CHUNK * CHUNKS;
    char *data = malloc(bytes);
    uint32_t x = 7;
    for (size_t i = 0; i < bytes; i++) data[i] = (char)((x = x * 1664525u + 1013904223u) >> 24);
    put_file(path_in(f, "in"), data, bytes);
    bool fired = true;
    for (int n = 1; fired && n <= 400; n++) {
        bool right = false;
        arm(function, n, error, burst);
        gpuproc_status st = run(f, data, &right);
        fired = disarm() > 0;
        bool fits = expected == ANY || !fired || st == GPUPROC_OK || (int)st == expected;
        if (expected == GPUPROC_OK) fits = st == GPUPROC_OK;
        if (!fired) fits = st == GPUPROC_OK;
        if (!right || !fits) {
            print_error("%s: call %d of function %d fails with %d: status %d, %s\n", name, n,
                        function, error, (int)st, right ? "but right" : "wrong result or leftovers");
            fail();
        }
        /* Threads take pieces in any order, so a late call may or may not come. */
        if (fired && burst > 100 && n >= 4) break;
    }
    free(data);
}

#define TORTURE(scenario, name, error, burst, expected) \
    torture(f, #name, scenario, AT_##name, error, burst, expected)

static void short_of_memory(void **state)
{
    fixture *f = *state;
    scenario *all[] = {writes_new, replaces_old, reads_cached, reads_cold, reads_gathered, streams,
                       reads_walks, spools, grows};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        TORTURE(all[i], malloc, ENOMEM, 1, GPUPROC_NO_MEMORY);
        TORTURE(all[i], calloc, ENOMEM, 1, GPUPROC_NO_MEMORY);
        TORTURE(all[i], realloc, ENOMEM, 1, GPUPROC_NO_MEMORY);
        TORTURE(all[i], mmap, ENOMEM, 1, GPUPROC_NO_MEMORY);
    }
}

static void no_more_threads(void **state)
{
    fixture *f = *state;
    scenario *all[] = {writes_new, reads_cold, reads_swapped, reads_gathered, streams, reads_walks, spools};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        TORTURE(all[i], pthread_create, EAGAIN, 1, ANY);
        TORTURE(all[i], pthread_create, EAGAIN, 1000, ANY);
    }
}

static void failing_writes(void **state)
{
    fixture *f = *state;
    scenario *both[] = {writes_new, replaces_old};
    for (int i = 0; i < 2; i++) {
        TORTURE(both[i], pwrite, ENOSPC, 1, GPUPROC_IO_NO_SPACE);
        TORTURE(both[i], pwrite, EIO, 1, GPUPROC_IO_WRITE);
        TORTURE(both[i], pwrite, EINTR, 1, GPUPROC_OK);
        TORTURE(both[i], pwrite, HALF, 1, GPUPROC_OK);
        TORTURE(both[i], pwrite, ENDED, 1, GPUPROC_IO_WRITE);
        TORTURE(both[i], fallocate, ENOSPC, 1, GPUPROC_IO_NO_SPACE);
        TORTURE(both[i], fallocate, EOPNOTSUPP, 1, GPUPROC_OK);
        TORTURE(both[i], fallocate, EINTR, 1, GPUPROC_OK);
        TORTURE(both[i], fdatasync, EIO, 1, GPUPROC_IO_WRITE);
        TORTURE(both[i], fdatasync, ENOSPC, 1, GPUPROC_IO_NO_SPACE);
        TORTURE(both[i], fsync, EIO, 1, GPUPROC_OK);
        TORTURE(both[i], openat, EOPNOTSUPP, 1, ANY); /* no O_TMPFILE: a hidden sibling */
        TORTURE(both[i], openat, EACCES, 2, GPUPROC_IO_OPEN);
        TORTURE(both[i], open, EMFILE, 1, GPUPROC_IO_OPEN);
        TORTURE(both[i], linkat, EIO, 1, GPUPROC_IO_WRITE);
        TORTURE(both[i], renameat, EIO, 1, GPUPROC_IO_WRITE);
        TORTURE(both[i], fstatat, EIO, 1, ANY);
        TORTURE(both[i], getrandom, EAGAIN, 1, GPUPROC_OK);
    }
}

/* The same where the filesystem knows no nameless files. */
static gpuproc_status with_sibling(const fixture *f, const char *data, bool *right, bool old,
                                   int function, int error)
{
    arm(AT_openat, 1, EOPNOTSUPP, 1);
    fault.function = AT_openat;
    gpuproc_status st;
    gp_io_engine *engine = NULL;
    gp_sink *s = NULL;
    gp_target t = {.kind = GP_TARGET_FILE, .path = path_in(f, "out"), .fd = -1, .overwrite = old};
    if (old) put_file(t.path, "old", 3);
    else unlink(t.path);
    GP_TRY(gp_io_engine_new(8, &engine, NULL));
    GP_TRY(gp_sink_open(&t, CHUNK, engine, &s, NULL));
    assert_int_equal(count_files(f), 1 + old); /* the sibling */
    GP_TRY(write_now(s, 0, data, CHUNK, NULL));
    arm(function, 1, error, 1);
    GP_TRY(gp_sink_commit(s, NULL));
out:
    gp_sink_close(s);
    gp_io_engine_free(engine);
    disarm();
    size_t n = 0;
    char *now = get_file(path_in(f, "out"), &n);
    if (st == GPUPROC_OK) *right = now != NULL && n == CHUNK && memcmp(now, data, n) == 0;
    else *right = old ? n == 3 : now == NULL;
    free(now);
    *right = *right && count_files(f) == (st == GPUPROC_OK || old);
    return st;
}

static void siblings(void **state)
{
    fixture *f = *state;
    bool right;
    char *data = calloc(CHUNK, 1);
    assert_int_equal(with_sibling(f, data, &right, false, NONE, 0), GPUPROC_OK);
    assert_true(right);
    assert_int_equal(with_sibling(f, data, &right, true, NONE, 0), GPUPROC_OK);
    assert_true(right);
    assert_int_equal(with_sibling(f, data, &right, false, AT_renameat2, EINVAL), GPUPROC_OK);
    assert_true(right);
    assert_int_equal(with_sibling(f, data, &right, false, AT_renameat2, EEXIST), GPUPROC_IO_EXISTS);
    assert_true(right);
    assert_int_equal(with_sibling(f, data, &right, false, AT_renameat2, EIO), GPUPROC_IO_WRITE);
    assert_true(right);
    assert_int_equal(with_sibling(f, data, &right, true, AT_renameat, EIO), GPUPROC_IO_WRITE);
    assert_true(right);
    assert_int_equal(with_sibling(f, data, &right, true, AT_fdatasync, EIO), GPUPROC_IO_WRITE);
    assert_true(right);
    free(data);
}

static void failing_reads(void **state)
{
    fixture *f = *state;
    scenario *all[] = {reads_cached, reads_cold, reads_swapped, reads_gathered};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int burst = all[i] == reads_gathered ? 200 : 1; /* thousands of calls: a sample */
        TORTURE(all[i], open, EMFILE, 1, GPUPROC_IO_OPEN);
        TORTURE(all[i], fstat, EIO, 1, ANY);
        TORTURE(all[i], mmap, ENOMEM, 1, ANY);
        TORTURE(all[i], syscall, ENOSYS, 1, GPUPROC_OK); /* no cachestat: mincore */
        TORTURE(all[i], syscall, EPERM, 1000, GPUPROC_OK);
        TORTURE(all[i], pread, EIO, burst, ANY);
        TORTURE(all[i], pread, EINTR, burst, GPUPROC_OK);
        TORTURE(all[i], pread, HALF, burst, GPUPROC_OK);
        TORTURE(all[i], pread, EINVAL, burst, ANY);
        TORTURE(all[i], pread, ENDED, burst, ANY);
    }
    TORTURE(reads_cached, posix_fadvise, EINVAL, 1, GPUPROC_OK);
    TORTURE(reads_gathered_cold, posix_fadvise, EINVAL, 200, GPUPROC_OK);
}

static void failing_walks(void **state)
{
    fixture *f = *state;
    scenario *all[] = {reads_walks, reads_walks_cold};
    for (size_t i = 0; i < 2; i++) {
        TORTURE(all[i], fstat, EIO, 1, ANY);
        TORTURE(all[i], syscall, EPERM, 1000, GPUPROC_OK);
        TORTURE(all[i], pread, EIO, 200, ANY);
        TORTURE(all[i], pread, EINTR, 200, GPUPROC_OK);
        TORTURE(all[i], pread, HALF, 200, GPUPROC_OK);
        TORTURE(all[i], pread, ENDED, 200, ANY);
    }
    TORTURE(reads_walks_cold, pread, EINVAL, 1, ANY); /* O_DIRECT is refused */
    TORTURE(reads_walks_cold, posix_fadvise, EINVAL, 200, GPUPROC_OK);
}

static void failing_spools(void **state)
{
    fixture *f = *state;
    scenario *both[] = {spools, grows};
    for (int i = 0; i < 2; i++) {
        TORTURE(both[i], pwrite, ENOSPC, 1, GPUPROC_IO_NO_SPACE);
        TORTURE(both[i], pwrite, EIO, 1, GPUPROC_IO_WRITE);
        TORTURE(both[i], pwrite, HALF, 1, GPUPROC_OK);
        TORTURE(both[i], fallocate, ENOSPC, 1, GPUPROC_IO_NO_SPACE);
        TORTURE(both[i], ftruncate, EIO, 1, GPUPROC_IO_WRITE);
        TORTURE(both[i], ftruncate, EINTR, 1, GPUPROC_OK);
    }
    TORTURE(spools, open, EOPNOTSUPP, 1, ANY); /* no O_TMPFILE: a name for a moment */
    TORTURE(spools, open, EOPNOTSUPP, 2, GPUPROC_IO_OPEN);
    TORTURE(spools, open, EACCES, 1, GPUPROC_IO_OPEN);
}

/* O_DIRECT that is accepted at open and refused at the transfer. */
static void direct_refused(void **state)
{
    fixture *f = *state;
    TORTURE(reads_cold, pread, EINVAL, 1, GPUPROC_OK);
}

static void failing_streams(void **state)
{
    fixture *f = *state;
    TORTURE(streams, read, EIO, 1, GPUPROC_IO_READ);
    TORTURE(streams, read, EINTR, 1, GPUPROC_OK);
    TORTURE(streams, read, HALF, 1, GPUPROC_OK);
    TORTURE(streams, read, ENDED, 1, GPUPROC_TRUNCATED);
    TORTURE(streams, pwritev2, EPIPE, 1, GPUPROC_IO_PIPE);
    TORTURE(streams, pwritev2, EAGAIN, 1, GPUPROC_OK);
    TORTURE(streams, pwritev2, EOPNOTSUPP, 1000, GPUPROC_OK); /* write() then */
    TORTURE(streams, poll, EINTR, 1, GPUPROC_OK);
    TORTURE(streams, poll, ENOMEM, 1, ANY);
    TORTURE(streams, fstat, EIO, 1, ANY);
}

#ifdef GP_HAVE_URING
static void ring_refused(void **state)
{
    fixture *f = *state;
    int errors[] = {EPERM, ENOSYS, ENOMEM};
    for (int i = 0; i < 3; i++) {
        TORTURE(writes_new, io_uring_queue_init, errors[i], 1, GPUPROC_OK);
        TORTURE(reads_cold, io_uring_queue_init, errors[i], 1, GPUPROC_OK);
    }
    gp_io_engine *engine = NULL;
    arm(AT_io_uring_queue_init, 1, EPERM, 1);
    assert_int_equal(gp_io_engine_new(8, &engine, NULL), GPUPROC_OK);
    assert_string_equal(gp_io_engine_name(engine), "threads");
    gp_io_engine_free(engine);
    disarm();
}

static void ring_stalls(void **state)
{
    fixture *f = *state;
    TORTURE(writes_new, io_uring_submit, EAGAIN, 1, GPUPROC_OK);
    TORTURE(reads_cold, io_uring_submit, EINTR, 1, GPUPROC_OK);
    TORTURE(reads_cold, io_uring_submit, EBUSY, 3, GPUPROC_OK);
    TORTURE(writes_new, io_uring_submit, EAGAIN, 101, ANY); /* a piece is given up */
    TORTURE(reads_cold, io_uring_submit, EAGAIN, 101, ANY);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(short_of_memory),
        BOTH(no_more_threads),
        BOTH(failing_writes),
        BOTH(siblings),
        BOTH(failing_reads),
        BOTH(failing_walks),
        BOTH(failing_spools),
        {"direct_refused/threads", direct_refused, with_threads, fixture_close, NULL},
        BOTH(failing_streams),
#ifdef GP_HAVE_URING
        {"ring_refused", ring_refused, with_uring, fixture_close, NULL},
        {"ring_stalls", ring_stalls, with_uring, fixture_close, NULL},
#endif
    };
    return cmocka_run_group_tests_name("io_faults", tests, NULL, NULL);
}
