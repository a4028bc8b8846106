#include "suggest.h"

#include <string.h>

#define LONGEST 40

/* Letters to insert, remove, replace or swap. */
static size_t edits(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST || nb > LONGEST) return LONGEST;
    size_t row[3][LONGEST + 1];
    for (size_t j = 0; j <= nb; j++) row[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[na % 3][nb];
}

void suggest(const char *word, const char *candidate, const char **best, size_t *distance)
{
    size_t n = edits(word, candidate), limit = strlen(word) > 5 ? 3 : strlen(word) > 2 ? 2 : 1;
    if (n >= limit + (limit > 1 ? 0 : 1)) return;
    if (*best == NULL || n < *distance) {
        *best = candidate;
        *distance = n;
    }
}
