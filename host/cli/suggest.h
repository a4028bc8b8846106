/* "did you mean": the nearest of some words. */
#ifndef SUGGEST_H
#define SUGGEST_H

#include <stddef.h>

/* Offers `candidate` for `word`; keeps the nearest in *best (NULL at first) and its
 * distance in *distance. Only what is near enough to be a slip is kept. */
void suggest(const char *word, const char *candidate, const char **best, size_t *distance);

#endif
