#include "out_file.h"

#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_special(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

bool out_file_check(const char *path, bool overwrite)
{
    struct stat s;
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    int error = folder == NULL ? ENOMEM : access(folder, W_OK) != 0 ? errno : 0;
    free(folder);
    if (stat(path, &s) == 0) {
        if (S_ISDIR(s.st_mode)) {
            term_error("cannot write %s: it is a folder", path);
            return false;
        }
        if (S_ISREG(s.st_mode) && !overwrite) {
            term_error("%s exists already: give -f to replace it", path);
            return false;
        }
        if (!S_ISREG(s.st_mode)) error = access(path, W_OK) != 0 ? errno : 0;
    }
    if (error != 0) term_error("cannot write %s: %s", path, strerror(error));
    return error == 0;
}

bool out_file_open(out_file *file, const char *path, bool overwrite)
{
    *file = (out_file){.path = path, .overwrite = overwrite};
    int fd = -1;
    if (is_special(path)) {
        fd = open(path, O_WRONLY | O_CLOEXEC);
    } else if (asprintf(&file->temporary, "%s.%ld.part", path, (long)getpid()) < 0) {
        file->temporary = NULL;
        errno = ENOMEM;
    } else {
        fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    if (fd >= 0) file->stream = fdopen(fd, "w");
    if (file->stream != NULL) return true;
    term_error("cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) {
        close(fd);
        if (file->temporary != NULL) unlink(file->temporary);
    }
    free(file->temporary);
    return false;
}

/* Gives the complete file its name. */
static bool appear(const out_file *file)
{
    if (file->overwrite) return rename(file->temporary, file->path) == 0;
    if (link(file->temporary, file->path) == 0) return unlink(file->temporary) == 0;
    if (errno == EEXIST) return false;
    return rename(file->temporary, file->path) == 0; /* no links there */
}

bool out_file_commit(out_file *file)
{
    errno = 0;
    bool fine = !ferror(file->stream);
    fine = fflush(file->stream) == 0 && fine;
    if (fine && file->temporary != NULL && fsync(fileno(file->stream)) != 0) fine = false;
    int error = errno;
    if (fclose(file->stream) != 0 && fine) {
        fine = false;
        error = errno;
    }
    if (fine && file->temporary != NULL && !appear(file)) {
        fine = false;
        error = errno;
    }
    if (!fine) {
        if (file->temporary != NULL) unlink(file->temporary);
        term_error("cannot write %s: %s", file->path, strerror(error != 0 ? error : EIO));
    }
    free(file->temporary);
    *file = (out_file){0};
    return fine;
}
