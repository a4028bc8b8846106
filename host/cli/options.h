/* Options anywhere on the line, and an expression that may begin with a minus. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <popt.h>
#include <stdbool.h>

typedef struct options {
    poptContext context;
    const char **argv; /* what the context reads: options first, the rest behind "--" */
} options;

/* Sorts argv (argv[0] is not looked at) by `table`. Where `expression` is set, an
 * argument that begins with '-' and is no known option is taken as the expression as
 * long as there is none. False, with a word on standard error: an option that is not
 * known or lacks its value. Free with options_end, also after a failure. */
bool options_begin(options *o, const char *command, int argc, char **argv,
                   const struct poptOption *table, bool expression);

/* The next option's value, with its argument (malloc'ed, or NULL) in *argument; 0
 * behind the last; negative after a failure, which has been told. */
int options_next(options *o, char **argument);

/* The arguments that are no options, NULL at the end; they live until options_end. */
const char **options_rest(options *o);
void options_end(options *o);

#endif
