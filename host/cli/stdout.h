/* Standard output carries results and nothing else. What libraries and drivers
 * print to it goes to standard error: descriptor 1 is pointed there, and results
 * are written to a private copy of the real one. */
#ifndef STDOUT_H
#define STDOUT_H

#include <stdbool.h>
#include <stdio.h>

/* Call first thing. False where there is no way to go on; told. */
bool stdout_claim(void);

/* Where results are printed. */
FILE *stdout_stream(void);
bool stdout_is_terminal(void);

/* Points descriptor 1 at the real standard output again: the library is going to
 * write an array to it ("-"). Nothing must be printed to it then. */
void stdout_release(void);

/* Flushes and closes. Returns `code`, or 1 where not everything could be written;
 * that the reader has gone is not worth a word. */
int stdout_finish(int code);

#endif
