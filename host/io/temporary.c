#include "io/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define NAME_TRIES 100

const char *gp_temporary_directory(void)
{
    const char *directory = getenv("TMPDIR");
    return directory != NULL && *directory != '\0' ? directory : "/var/tmp";
}

/* Where the filesystem has no nameless files: one that loses its name at once. */
static int open_and_unlink(const char *directory)
{
    int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    if (at < 0) return -1;
    errno = EEXIST;
    for (int i = 0; i < NAME_TRIES && fd < 0 && (errno == EEXIST || errno == EINTR); i++) {
        char name[64];
        uint64_t random = (uint64_t)getpid() << 16 | (unsigned)i;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
            random = (uint64_t)getpid() << 16 | (unsigned)i;
        snprintf(name, sizeof name, ".gpuproc.%016" PRIx64 ".spool", random);
        fd = openat(at, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0) (void)unlinkat(at, name, 0);
    }
    int e = errno;
    close(at);
    errno = e;
    return fd;
}

gpuproc_status gp_temporary_open(const char *directory, int *fd, gpuproc_error *err)
{
    do *fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    while (*fd < 0 && errno == EINTR);
    if (*fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOSYS))
        *fd = open_and_unlink(directory);
    if (*fd >= 0) return GPUPROC_OK;
    return gp_fail_errno(err, GPUPROC_IO_OPEN, errno, directory,
                         "cannot make a temporary file in %s (set TMPDIR)", directory);
}
