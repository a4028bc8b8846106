#include "base/text.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(gp_text *text, size_t extra)
{
    size_t need;
    if (text->failed || __builtin_add_overflow(text->length, extra, &need) ||
        __builtin_add_overflow(need, (size_t)1, &need) ||
        !gp_grow(&text->data, &text->capacity, need, 1)) {
        text->failed = true;
        return false;
    }
    return true;
}

void gp_text_add_bytes(gp_text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length)) return;
    if (length > 0) memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void gp_text_add(gp_text *text, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) {
        text->failed = true;
    } else if (reserve(text, (size_t)n)) {
        vsnprintf(text->data + text->length, (size_t)n + 1, fmt, again);
        text->length += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void gp_text_free(gp_text *text)
{
    free(text->data);
    *text = (gp_text){0};
}

char *gp_strdup(const char *s) { return gp_strndup(s, strlen(s)); }

char *gp_strndup(const char *s, size_t length)
{
    size_t n = strnlen(s, length);
    char *copy = gp_calloc(n + 1, 1);
    if (copy != NULL) memcpy(copy, s, n);
    return copy;
}
