/* Filling the caller's error record. Every function takes err == NULL. */
#ifndef GP_BASE_ERROR_H
#define GP_BASE_ERROR_H

#include <gpuproc/gpuproc.h>
#include <stdarg.h>

#define GP_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Sets status and message and clears the rest; returns `status`. What the message quotes is made
 * one line of UTF-8: control characters and bytes that are no UTF-8 become '?'. The
 * arguments must not point into *err. */
gpuproc_status gp_fail(gpuproc_error *err, gpuproc_status status, const char *fmt, ...)
    GP_PRINTF(3, 4);

/* The same with the file or array that it is about in err->where. */
gpuproc_status gp_fail_where(gpuproc_error *err, gpuproc_status status, const char *where,
                             const char *fmt, ...) GP_PRINTF(4, 5);

/* The same for a failed system call: appends ": <text of errnum>" and chooses
 * IO_NO_SPACE or IO_PIPE over `status` where errnum says so. */
gpuproc_status gp_fail_errno(gpuproc_error *err, gpuproc_status status, int errnum,
                             const char *where, const char *fmt, ...) GP_PRINTF(5, 6);

/* The one shape of cleanup: GP_TRY(call) jumps to `out:` with `st` set. */
#define GP_TRY(call)                                                            \
    do {                                                                        \
        st = (call);                                                            \
        if (st != GPUPROC_OK) goto out;                                         \
    } while (0)

#endif
