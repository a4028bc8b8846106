/* A growing string with a sticky out-of-memory flag: append freely, check once. */
#ifndef GP_BASE_TEXT_H
#define GP_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct gp_text {
    char *data; /* NUL-terminated, or NULL while empty */
    size_t length, capacity;
    bool failed; /* an append ran out of memory */
} gp_text;

void gp_text_add(gp_text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gp_text_add_bytes(gp_text *text, const char *bytes, size_t length);
void gp_text_free(gp_text *text);

/* strdup and strndup that never read past `length`; NULL when out of memory. */
char *gp_strdup(const char *s);
char *gp_strndup(const char *s, size_t length);

#endif
