#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 character that begins at s, 0 where it is none or not whole. */
static size_t character(const unsigned char *s)
{
    if (*s < 0x80) return *s >= 0x20 && *s != 0x7f;
    size_t n = *s >= 0xc2 && *s <= 0xdf ? 2 : (*s & 0xf0) == 0xe0 ? 3 : *s >= 0xf0 && *s <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) ||
        (*s == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* Ends the text before a character that stands at its end in part only. */
static void drop_part(char *text)
{
    size_t length = strlen(text), tail = 0;
    while (tail < 3 && tail < length && ((unsigned char)text[length - 1 - tail] & 0xc0) == 0x80) tail++;
    if (tail == length) return;
    char *lead = text + length - 1 - tail;
    if ((unsigned char)*lead >= 0xc0 && character((const unsigned char *)lead) == 0) *lead = '\0';
}

/* One line of UTF-8, whatever bytes a file's name or an expression brought in. */
static void clean(char *text, bool was_cut)
{
    if (was_cut) drop_part(text);
    for (unsigned char *p = (unsigned char *)text; *p != '\0';) {
        size_t n = character(p);
        if (n == 0) *p = '?';
        p += n > 0 ? n : 1;
    }
}

static void fill(gpuproc_error *err, gpuproc_status status, int native, const char *where,
                 const char *fmt, va_list ap)
{
    memset(err, 0, sizeof *err);
    err->status = status;
    err->native_code = native;
    int n = where != NULL ? snprintf(err->where, sizeof err->where, "%s", where) : 0;
    clean(err->where, n >= (int)sizeof err->where);
    n = vsnprintf(err->message, sizeof err->message, fmt, ap);
    clean(err->message, n >= (int)sizeof err->message);
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
        /* A long name must not push the reason out. */
        size_t used = strlen(err->message), most = sizeof err->message - strlen(reason) - 3;
        if (used > most) {
            err->message[used = most] = '\0';
            drop_part(err->message);
            used = strlen(err->message);
        }
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    }
    return status;
}
