/* Preloaded into a program, makes the n-th call of one kind fail, once or for ever.
 *
 *   GPUPROC_CALL_KIND   "memory": malloc, calloc, realloc, posix_memalign, aligned_alloc, strdup,
 *                       mmap; "file": open, read, write and their kin; "thread": pthread_create
 *   GPUPROC_CALL_AT     which call fails, from 1 (0 or unset: none)
 *   GPUPROC_CALL_MODE   "once" (default) or "forever"
 *   GPUPROC_CALL_ERRNO  of failing file calls (default EIO)
 *   GPUPROC_CALL_COUNT  file that receives the number of calls at the end
 *   GPUPROC_CALL_PLACE  when set, the stack of the failing call goes to standard error
 *
 * Only the program's own calls are seen, not those of the libraries that it loads: not all of
 * them survive that their memory ends. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum kind { MEMORY = 1, FILES, THREAD };

static enum kind failing;
static long fail_at;
static bool for_ever, ready, tells_place;
static int file_errno = EIO;
static atomic_long calls;

/* FROM_PROGRAM: in a function that stands in for another, tells who called it. */
#define FROM_PROGRAM() is_program((uintptr_t)__builtin_return_address(0))
static uintptr_t program_begin, program_end;

static bool is_program(uintptr_t code) { return code >= program_begin && code < program_end; }

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD || !(info->dlpi_phdr[i].p_flags & PF_X)) continue;
        program_begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        program_end = program_begin + info->dlpi_phdr[i].p_memsz;
    }
    return 1; /* the first one is the program */
}

static bool fails(enum kind kind, bool from_program)
{
    if (!ready || kind != failing || !from_program) return false;
    long n = atomic_fetch_add(&calls, 1) + 1;
    if (n == fail_at && tells_place) { /* glibc's backtrace allocates at its first use */
        void *frame[24];
        ready = false;
        backtrace_symbols_fd(frame, backtrace(frame, 24), STDERR_FILENO);
        ready = true;
    }
    return fail_at > 0 && (for_ever ? n >= fail_at : n == fail_at);
}

/* The next definitions. All are looked up before main: a library that makes threads while it is loaded, and waits for
 * them, has the lock that dlsym takes. */
#define CALLS(X) \
    X(strdup) X(strndup) X(aligned_alloc) X(posix_memalign) X(mmap) X(read) X(pread) X(write) \
    X(pwrite) X(pwritev2) X(fallocate) X(ftruncate) X(fsync) X(fdatasync) X(fstat) X(rename) \
    X(renameat) X(renameat2) X(linkat) X(lseek) X(open) X(openat) X(fcntl) X(dup2) \
    X(pthread_create)

#define DECLARE(name) static __typeof__(&name) next_##name;
#define LOOK_UP(name) next_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);
CALLS(DECLARE)

/* Calls may come before `begin`. */
#define NEXT(name)                                \
    if (next_##name == NULL) LOOK_UP(name)        \
    __typeof__(&name) next = next_##name

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

/* Before main, and behind what libraries do to get ready. */
__attribute__((constructor)) static void begin(void)
{
    CALLS(LOOK_UP)
    dl_iterate_phdr(find_program, NULL);
    const char *kind = getenv("GPUPROC_CALL_KIND"), *mode = getenv("GPUPROC_CALL_MODE");
    if (kind == NULL) return;
    failing = strcmp(kind, "memory") == 0 ? MEMORY : strcmp(kind, "file") == 0 ? FILES : THREAD;
    fail_at = number("GPUPROC_CALL_AT", 0);
    file_errno = (int)number("GPUPROC_CALL_ERRNO", EIO);
    for_ever = mode != NULL && strcmp(mode, "forever") == 0;
    tells_place = getenv("GPUPROC_CALL_PLACE") != NULL;
    ready = true;
}

__attribute__((destructor)) static void end(void)
{
    ready = false;
    const char *path = getenv("GPUPROC_CALL_COUNT");
    if (path == NULL) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd >= 0) dprintf(fd, "%ld\n", atomic_load(&calls));
    if (fd >= 0) close(fd);
}

/* ---- Memory ---- */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

EXPORT void *malloc(size_t bytes) { return fails(MEMORY, FROM_PROGRAM()) ? no_memory() : __libc_malloc(bytes); }

EXPORT void *calloc(size_t count, size_t bytes)
{
    return fails(MEMORY, FROM_PROGRAM()) ? no_memory() : __libc_calloc(count, bytes);
}

EXPORT void *realloc(void *old, size_t bytes)
{
    return fails(MEMORY, FROM_PROGRAM()) ? no_memory() : __libc_realloc(old, bytes);
}

EXPORT char *strdup(const char *text)
{
    NEXT(strdup);
    return fails(MEMORY, FROM_PROGRAM()) ? no_memory() : next(text);
}

EXPORT char *strndup(const char *text, size_t length)
{
    NEXT(strndup);
    return fails(MEMORY, FROM_PROGRAM()) ? no_memory() : next(text, length);
}

EXPORT void *aligned_alloc(size_t alignment, size_t bytes)
{
    NEXT(aligned_alloc);
    return fails(MEMORY, FROM_PROGRAM()) ? no_memory() : next(alignment, bytes);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    NEXT(posix_memalign);
    return fails(MEMORY, FROM_PROGRAM()) ? ENOMEM : next(out, alignment, bytes);
}

EXPORT void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    NEXT(mmap);
    if (!fails(MEMORY, FROM_PROGRAM())) return next(at, bytes, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

/* ---- Files ---- */

#define FILE_CALL(type, name, parameters, arguments) \
    EXPORT type name parameters                      \
    {                                                \
        NEXT(name);                                  \
        if (!fails(FILES, FROM_PROGRAM())) return next arguments;    \
        errno = file_errno;                          \
        return -1;                                   \
    }

FILE_CALL(ssize_t, read, (int fd, void *to, size_t bytes), (fd, to, bytes))
FILE_CALL(ssize_t, pread, (int fd, void *to, size_t bytes, off_t at), (fd, to, bytes, at))
FILE_CALL(ssize_t, write, (int fd, const void *from, size_t bytes), (fd, from, bytes))
FILE_CALL(ssize_t, pwrite, (int fd, const void *from, size_t bytes, off_t at), (fd, from, bytes, at))
FILE_CALL(ssize_t, pwritev2, (int fd, const struct iovec *v, int n, off_t at, int flags),
          (fd, v, n, at, flags))
FILE_CALL(int, fallocate, (int fd, int mode, off_t at, off_t bytes), (fd, mode, at, bytes))
FILE_CALL(int, ftruncate, (int fd, off_t bytes), (fd, bytes))
FILE_CALL(int, fsync, (int fd), (fd))
FILE_CALL(int, fdatasync, (int fd), (fd))
FILE_CALL(int, fstat, (int fd, struct stat *to), (fd, to))
FILE_CALL(int, rename, (const char *from, const char *to), (from, to))
FILE_CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
FILE_CALL(int, renameat2, (int a, const char *from, int b, const char *to, unsigned f),
          (a, from, b, to, f))
FILE_CALL(int, linkat, (int a, const char *from, int b, const char *to, int f), (a, from, b, to, f))
FILE_CALL(off_t, lseek, (int fd, off_t at, int from), (fd, at, from))

EXPORT int open(const char *path, int flags, ...)
{
    NEXT(open);
    va_list ap;
    va_start(ap, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if (!fails(FILES, FROM_PROGRAM())) return next(path, flags, mode);
    errno = file_errno;
    return -1;
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
    NEXT(openat);
    va_list ap;
    va_start(ap, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if (!fails(FILES, FROM_PROGRAM())) return next(folder, path, flags, mode);
    errno = file_errno;
    return -1;
}

EXPORT int fcntl(int fd, int command, ...)
{
    NEXT(fcntl);
    va_list ap;
    va_start(ap, command);
    void *argument = va_arg(ap, void *);
    va_end(ap);
    if (!fails(FILES, FROM_PROGRAM())) return next(fd, command, argument);
    errno = file_errno;
    return -1;
}

EXPORT int dup2(int from, int to)
{
    NEXT(dup2);
    if (!fails(FILES, FROM_PROGRAM())) return next(from, to);
    errno = file_errno;
    return -1;
}

/* ---- Threads ---- */

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *ctx)
{
    NEXT(pthread_create);
    return fails(THREAD, FROM_PROGRAM()) ? EAGAIN : next(thread, attributes, run, ctx);
}
