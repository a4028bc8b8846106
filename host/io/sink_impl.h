/* What sink.c and file_sink.c share. */
#ifndef GP_IO_SINK_IMPL_H
#define GP_IO_SINK_IMPL_H

#include "io/sink.h"

/* A file that does not have its name yet. */
typedef struct gp_new_file {
    int fd, directory_fd;
    char *name;      /* it will have, in the directory */
    char *part;      /* it has until then; NULL: none (O_TMPFILE) */
    bool replaces;   /* a file stood there, or may */
    bool committed;
} gp_new_file;

gpuproc_status gp_new_file_open(const char *path, bool overwrite, gp_new_file *file,
                                gpuproc_error *err);
/* Reserves `bytes`, where the filesystem can. */
gpuproc_status gp_new_file_reserve(gp_new_file *file, const char *path, uint64_t bytes,
                                   gpuproc_error *err);
gpuproc_status gp_new_file_commit(gp_new_file *file, const char *path, gpuproc_error *err);
/* Removes what was not committed; closes. NULL-tolerant for zeroed fields with fds of -1. */
void gp_new_file_close(gp_new_file *file);

#endif
