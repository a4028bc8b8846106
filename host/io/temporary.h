/* Files for what does not fit into memory, and that nobody else sees. */
#ifndef GP_IO_TEMPORARY_H
#define GP_IO_TEMPORARY_H

#include "base/error.h"

/* $TMPDIR, else /var/tmp: on a disk, where /tmp often is memory. */
const char *gp_temporary_directory(void);

/* A file without a name in `directory`, for reading and writing. Its space returns when the last
 * descriptor is closed, however the process ends. */
gpuproc_status gp_temporary_open(const char *directory, int *fd, gpuproc_error *err);

#endif
