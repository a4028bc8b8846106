/* Where an output path really leads. */
#ifndef GP_IO_TARGET_PATH_H
#define GP_IO_TARGET_PATH_H

#include "base/error.h"

/* What stands at `path` behind its symbolic links, or would: directory and name (both to be
 * freed). A link that leads nowhere is followed to where a new file would be made. */
gpuproc_status gp_target_resolve(const char *path, char **directory, char **name,
                                 gpuproc_error *err);

/* The descriptor that "/dev/stdout", "/dev/stderr", "/dev/fd/N" or "/proc/self/fd/N" names,
 * else -1. */
int gp_target_descriptor(const char *path);

#endif
