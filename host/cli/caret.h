/* The line of an expression that an error is about, and the mark below it. */
#ifndef CARET_H
#define CARET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Line `line` (from 1) of `text` into `shown`, and "   ^~~~" into `mark`, both
 * terminated and at most about 100 columns wide: a long line is cut around the
 * place. Column and length count characters, column from 1. False where the text
 * has no such place. */
bool caret_lines(const char *text, int64_t line, int64_t column, int64_t length, char *shown,
                 char *mark, size_t size);

#endif
