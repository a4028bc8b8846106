/* A file that appears under its name when it is complete, or not at all: nameless
 * (O_TMPFILE) where the filesystem can, so that not even kill -9 leaves anything; else a
 * hidden sibling. */
#include "io/sink_impl.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/target_path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NAME_TRIES 100

static gpuproc_status refuse(gpuproc_error *err, const char *path)
{
    return gp_fail_where(err, GPUPROC_IO_EXISTS, path,
                         "the output file exists already, and overwriting was not asked for");
}

/* ".name.0123456789abcdef.part", the name shortened where the whole would be too long. */
static char *part_name(const char *name)
{
    uint64_t random = 0;
    gp_text text = {0};
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = gp_now_ns() ^ (uint64_t)getpid() << 40;
    gp_text_add(&text, ".%.*s.%016" PRIx64 ".part", NAME_MAX - 40, name, random);
    if (!text.failed) return text.data;
    gp_text_free(&text);
    return NULL;
}

static void link_path(int fd, char *path, size_t size)
{
    snprintf(path, size, "/proc/self/fd/%d", fd);
}

/* True with a file that gp_new_file_commit can give a name to later. */
static bool open_nameless(gp_new_file *file)
{
    char proc[64];
    int fd = openat(file->directory_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    link_path(fd, proc, sizeof proc);
    struct stat st;
    if (fstatat(AT_FDCWD, proc, &st, 0) != 0) { /* no /proc: it could never be named */
        close(fd);
        return false;
    }
    file->fd = fd;
    return true;
}

static gpuproc_status open_part(gp_new_file *file, const char *path, gpuproc_error *err)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        char *part = part_name(file->name);
        if (part == NULL) return gp_fail_where(err, GPUPROC_NO_MEMORY, path, "out of memory for a path");
        file->fd = openat(file->directory_fd, part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        if (file->fd >= 0) {
            file->part = part;
            return GPUPROC_OK;
        }
        int e = errno;
        free(part);
        if (e != EEXIST && e != EINTR)
            return gp_fail_errno(err, GPUPROC_IO_OPEN, e, path, "cannot open for writing");
    }
    return gp_fail_errno(err, GPUPROC_IO_OPEN, EEXIST, path, "cannot open for writing");
}

gpuproc_status gp_new_file_open(const char *path, bool overwrite, gp_new_file *file,
                                gpuproc_error *err)
{
    gpuproc_status st;
    char *directory = NULL;
    struct stat old;
    file->fd = file->directory_fd = -1;
    file->replaces = overwrite;
    GP_TRY(gp_target_resolve(path, &directory, &file->name, err));
    file->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Enough to make files in a directory that may not be listed. */
    if (file->directory_fd < 0 && errno == EACCES)
        file->directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file->directory_fd < 0) {
        st = gp_fail_errno(err, GPUPROC_IO_OPEN, errno, path, "cannot open the output's directory");
        goto out;
    }
    bool exists = fstatat(file->directory_fd, file->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && S_ISDIR(old.st_mode)) {
        st = gp_fail_errno(err, GPUPROC_IO_OPEN, EISDIR, path, "cannot open for writing");
        goto out;
    }
    if (exists && !overwrite) {
        st = refuse(err, path);
        goto out;
    }
    if (!open_nameless(file)) GP_TRY(open_part(file, path, err));
    if (exists) { /* what others may do with it stays as it was, as far as we are allowed */
        if (fchown(file->fd, old.st_uid, old.st_gid) != 0) { /* not root */
        }
        (void)fchmod(file->fd, old.st_mode & 0777);
    }
out:
    free(directory);
    return st;
}

gpuproc_status gp_new_file_reserve(gp_new_file *file, const char *path, uint64_t bytes,
                                   gpuproc_error *err)
{
    struct statvfs fs;
    int e;
    if (bytes == 0) return GPUPROC_OK;
    do e = fallocate(file->fd, 0, 0, (off_t)bytes) == 0 ? 0 : errno;
    while (e == EINTR);
    if (e != ENOSPC && e != EDQUOT && e != EFBIG) return GPUPROC_OK; /* else the writes will tell */
    if (e == ENOSPC && fstatvfs(file->fd, &fs) == 0)
        return gp_fail_errno(err, GPUPROC_IO_NO_SPACE, e, path,
                             "the output needs %" PRIu64 " bytes, %" PRIu64 " are free", bytes,
                             (uint64_t)fs.f_bavail * fs.f_frsize);
    return gp_fail_errno(err, GPUPROC_IO_NO_SPACE, e, path, "the output needs %" PRIu64 " bytes",
                         bytes);
}

/* Gives the nameless file the name `name`, which must not be there. 0 or an errno. */
static int link_as(const gp_new_file *file, const char *name)
{
    char proc[64];
    link_path(file->fd, proc, sizeof proc);
    return linkat(AT_FDCWD, proc, file->directory_fd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* From nameless to a hidden sibling: there is no call that replaces a file by a nameless one. */
static int name_part(gp_new_file *file)
{
    int e = EEXIST;
    for (int i = 0; i < NAME_TRIES && e == EEXIST; i++) {
        char *part = part_name(file->name);
        if (part == NULL) return ENOMEM;
        e = link_as(file, part);
        if (e == 0) file->part = part;
        else free(part);
    }
    return e;
}

/* The hidden sibling takes the final name, which must be free. */
static int rename_new(gp_new_file *file)
{
    int dir = file->directory_fd;
    if (renameat2(dir, file->part, dir, file->name, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return errno;
    if (linkat(dir, file->part, dir, file->name, 0) == 0) {
        (void)unlinkat(dir, file->part, 0);
        return 0;
    }
    if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS) return errno;
    struct stat st; /* a filesystem without hard links: as good as can be */
    if (fstatat(dir, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
    return renameat(dir, file->part, dir, file->name) == 0 ? 0 : errno;
}

gpuproc_status gp_new_file_commit(gp_new_file *file, const char *path, gpuproc_error *err)
{
    int e;
    /* The name must not be on disk before the data. */
    do e = fdatasync(file->fd) == 0 ? 0 : errno;
    while (e == EINTR);
    if (e != 0 && e != EINVAL && e != ENOTSUP)
        return gp_fail_errno(err, GPUPROC_IO_WRITE, e, path, "cannot bring the data to the disk");
    e = 0;
    if (file->part == NULL && !file->replaces) {
        e = link_as(file, file->name);
    } else {
        if (file->part == NULL) e = name_part(file);
        if (e == 0 && !file->replaces) e = rename_new(file);
        else if (e == 0)
            e = renameat(file->directory_fd, file->part, file->directory_fd, file->name) == 0 ? 0 : errno;
    }
    if (e == EEXIST) return refuse(err, path);
    if (e == ENOMEM) return gp_fail_where(err, GPUPROC_NO_MEMORY, path, "out of memory for a path");
    if (e != 0)
        return gp_fail_errno(err, GPUPROC_IO_WRITE, e, path, "cannot give the finished file its name");
    file->committed = true;
    /* The file is there; that the directory cannot be synced is no reason to deny it. */
    (void)fsync(file->directory_fd);
    return GPUPROC_OK;
}

void gp_new_file_close(gp_new_file *file)
{
    if (file->part != NULL && !file->committed) (void)unlinkat(file->directory_fd, file->part, 0);
    if (file->fd >= 0) close(file->fd);
    if (file->directory_fd >= 0) close(file->directory_fd);
    free(file->part);
    free(file->name);
    *file = (gp_new_file){.fd = -1, .directory_fd = -1};
}
