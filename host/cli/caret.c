#include "caret.h"

#include <string.h>

#define WIDEST 100 /* columns of an expression that are shown */
#define BEFORE 60  /* of them before the place, where the line is cut */

/* One character of UTF-8: its bytes, and the columns that it takes. What is not
 * UTF-8 counts as one byte and one column. */
static size_t one_character(const char *p, int *columns)
{
    unsigned char c = (unsigned char)p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    uint32_t code = n == 1 ? c : c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)p[i] & 0xc0) != 0x80) {
            *columns = 1;
            return 1;
        }
        code = code << 6 | ((unsigned char)p[i] & 0x3f);
    }
    bool none = (code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f) ||
                (code >= 0xfe00 && code <= 0xfe0f);
    bool two = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
               (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
               (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
               (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd);
    *columns = none ? 0 : two ? 2 : 1;
    return n;
}

static const char *find_line(const char *text, int64_t line)
{
    for (; line > 1; line--) {
        text = strchr(text, '\n');
        if (text == NULL) return NULL;
        text++;
    }
    return text;
}

bool caret_lines(const char *text, int64_t line, int64_t column, int64_t length, char *shown,
                 char *mark, size_t size)
{
    const char *p = find_line(text, line);
    if (p == NULL || column < 1) return false;
    const char *end = p + strcspn(p, "\r\n");
    if (length < 1) length = 1;

    int64_t skip = column > BEFORE ? column - BEFORE / 2 : 1; /* the first character shown */
    size_t ns = 0, nm = 0;
    int64_t at = 1;
    int width = 0;
    if (skip > 1) {
        memcpy(shown, "...", ns = 3);
        memcpy(mark, "   ", nm = 3);
    }
    for (; p < end && width < WIDEST && ns + 8 < size && nm + 8 < size; at++) {
        int columns;
        size_t n = one_character(p, &columns);
        if (n > (size_t)(end - p)) n = (size_t)(end - p);
        if (at >= skip) {
            /* A tab takes one column here, so that the mark stands right. */
            if (*p == '\t') shown[ns++] = ' ';
            else {
                memcpy(shown + ns, p, n);
                ns += n;
            }
            char m = at < column || at >= column + length ? ' ' : at == column ? '^' : '~';
            for (int k = 0; k < columns; k++) mark[nm++] = k > 0 && m == '^' ? '~' : m;
            width += columns;
        }
        p += n;
    }
    if (p < end && ns + 4 < size) {
        memcpy(shown + ns, "...", 3);
        ns += 3;
    }
    if (at <= column) { /* the place is the end of the line */
        if (column > at + 1) return false;
        mark[nm++] = '^';
    }
    while (nm > 0 && mark[nm - 1] == ' ') nm--;
    shown[ns] = mark[nm] = '\0';
    return true;
}
