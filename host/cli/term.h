/* What goes to standard error: errors, warnings, notes, colours; and the one line
 * of progress that must give way to them. */
#ifndef TERM_H
#define TERM_H

#include <gpuproc/gpuproc.h>
#include <stdio.h>

#define EXIT_FAILED 1
#define EXIT_USAGE 2

typedef enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } color_mode;

/* Colours on a terminal only, unless NO_COLOR is set or TERM is dumb. */
void term_set_color(color_mode mode);
/* Quiet: no warnings. Verbose: notes as well. */
void term_set_level(bool quiet, bool verbose);
/* True where standard error is a terminal that understands cursor movements. */
bool term_is_interactive(void);
/* Its width in columns, 80 where that is not known. */
int term_width(void);

void term_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void term_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void term_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What was asked for. */
void term_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* An indented line below an error, or below what was asked for. */
void term_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An error of wrong usage; returns the exit code EXIT_USAGE. */
int term_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Tells a failure of the library, with the place in the expression (which may be
 * NULL) where it has one; returns the exit code. A broken pipe is not worth a word. */
int term_failure(const gpuproc_error *err, const char *expression);

/* Draws `line` in place of the last one; NULL erases it. */
void term_progress(const char *line);

#endif
