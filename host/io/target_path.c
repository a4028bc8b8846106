#include "io/target_path.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40

/* The path that the link at `path` means, relative to the link's directory. */
static gpuproc_status follow(const char *path, const char *link, char **out, gpuproc_error *err)
{
    gp_text text = {0};
    const char *slash = strrchr(path, '/');
    if (link[0] != '/' && slash != NULL) gp_text_add_bytes(&text, path, (size_t)(slash - path) + 1);
    gp_text_add(&text, "%s", link);
    if (text.failed) {
        gp_text_free(&text);
        return gp_fail_where(err, GPUPROC_NO_MEMORY, path, "out of memory for a path");
    }
    *out = text.data;
    return GPUPROC_OK;
}

static gpuproc_status split(const char *path, char **directory, char **name, gpuproc_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    if (*base == '\0')
        return gp_fail_where(err, GPUPROC_IO_OPEN, path,
                             "cannot open for writing: expected the name of a file");
    *directory = slash == NULL ? gp_strdup(".")
                 : slash == path ? gp_strdup("/")
                                 : gp_strndup(path, (size_t)(slash - path));
    *name = gp_strdup(base);
    if (*directory != NULL && *name != NULL) return GPUPROC_OK;
    free(*directory);
    free(*name);
    *directory = *name = NULL;
    return gp_fail_where(err, GPUPROC_NO_MEMORY, path, "out of memory for a path");
}

gpuproc_status gp_target_resolve(const char *path, char **directory, char **name,
                                 gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    char link[PATH_MAX];
    char *now = gp_strdup(path), *next = NULL;
    if (now == NULL) {
        st = gp_fail_where(err, GPUPROC_NO_MEMORY, path, "out of memory for a path");
        goto out;
    }
    for (int i = 0;; i++) {
        ssize_t n = readlink(now, link, sizeof link - 1);
        if (n < 0) break; /* no link */
        if (i == LINKS_MAX) {
            st = gp_fail_errno(err, GPUPROC_IO_OPEN, ELOOP, path, "cannot open for writing");
            goto out;
        }
        link[n] = '\0';
        GP_TRY(follow(now, link, &next, err));
        free(now);
        now = next;
        next = NULL;
    }
    GP_TRY(split(now, directory, name, err));
out:
    free(now);
    return st;
}

int gp_target_descriptor(const char *path)
{
    static const char *const folder[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++) {
        size_t n = strlen(folder[i]);
        if (strncmp(path, folder[i], n) != 0) continue;
        char *end;
        long fd = path[n] >= '0' && path[n] <= '9' ? strtol(path + n, &end, 10) : -1;
        if (fd >= 0 && fd <= INT_MAX && *end == '\0') return (int)fd;
    }
    return -1;
}
