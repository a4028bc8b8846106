#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fill(gpuproc_error *err, gpuproc_status status, int native, const char *where,
                 const char *fmt, va_list ap)
{
    memset(err, 0, sizeof *err);
    err->status = status;
    err->native_code = native;
    if (where != NULL) snprintf(err->where, sizeof err->where, "%s", where);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
}

gpuproc_status gp_fail(gpuproc_error *err, gpuproc_status status, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        fill(err, status, 0, NULL, fmt, ap);
        va_end(ap);
    }
    return status;
}

gpuproc_status gp_fail_where(gpuproc_error *err, gpuproc_status status, const char *where,
                             const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        fill(err, status, 0, where, fmt, ap);
        va_end(ap);
    }
    return status;
}

gpuproc_status gp_fail_errno(gpuproc_error *err, gpuproc_status status, int errnum,
                             const char *where, const char *fmt, ...)
{
    if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG) status = GPUPROC_IO_NO_SPACE;
    if (errnum == EPIPE) status = GPUPROC_IO_PIPE;
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        fill(err, status, errnum, where, fmt, ap);
        va_end(ap);
        char text[128] = "";
        /* GNU strerror_r is thread-safe and may return a static string. */
        const char *reason = strerror_r(errnum, text, sizeof text);
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    }
    return status;
}
