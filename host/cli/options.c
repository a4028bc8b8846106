#include "options.h"

#include "suggest.h"
#include "term.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool takes_value(const struct poptOption *o) { return (o->argInfo & POPT_ARG_MASK) != POPT_ARG_NONE; }

static const struct poptOption *find_long(const struct poptOption *table, const char *name,
                                          size_t length)
{
    for (; table->longName != NULL || table->shortName != '\0'; table++) {
        if (table->longName != NULL && strlen(table->longName) == length &&
            memcmp(table->longName, name, length) == 0)
            return table;
    }
    return NULL;
}

static const struct poptOption *find_short(const struct poptOption *table, char name)
{
    for (; table->longName != NULL || table->shortName != '\0'; table++) {
        if (table->shortName == name) return table;
    }
    return NULL;
}

/* What an argument that begins with '-' is. */
typedef enum shape { NO_OPTION, OPTION, OPTION_AND_NEXT } shape;

static shape shape_of(const struct poptOption *table, const char *arg)
{
    if (arg[1] == '-') {
        size_t n = strcspn(arg + 2, "=");
        const struct poptOption *o = find_long(table, arg + 2, n);
        if (o == NULL) return NO_OPTION;
        return takes_value(o) && arg[2 + n] == '\0' ? OPTION_AND_NEXT : OPTION;
    }
    for (const char *p = arg + 1; *p != '\0'; p++) {
        const struct poptOption *o = find_short(table, *p);
        if (o == NULL) return NO_OPTION;
        if (takes_value(o)) return p[1] == '\0' ? OPTION_AND_NEXT : OPTION;
    }
    return OPTION;
}

static bool looks_like_long_option(const char *arg)
{
    if (strncmp(arg, "--", 2) != 0 || !isalpha((unsigned char)arg[2])) return false;
    const char *p = arg + 2;
    while (isalnum((unsigned char)*p) || *p == '-') p++;
    return *p == '\0' || *p == '=';
}

static void tell_unknown(const struct poptOption *table, const char *command, const char *arg)
{
    const char *best = NULL;
    size_t distance = 0;
    char word[64] = "";
    if (arg[1] == '-') strncat(word, arg + 2, strcspn(arg + 2, "=") < 60 ? strcspn(arg + 2, "=") : 60);
    for (const struct poptOption *o = table; word[0] != '\0' && (o->longName || o->shortName); o++) {
        if (o->longName != NULL) suggest(word, o->longName, &best, &distance);
    }
    if (best != NULL) term_error("unknown option '%s', did you mean '--%s'?", arg, best);
    else term_error("unknown option '%s': see gpuproc help %s", arg, command);
}

bool options_begin(options *o, const char *command, int argc, char **argv,
                   const struct poptOption *table, bool expression)
{
    *o = (options){0};
    const char **rest = calloc((size_t)argc + 1, sizeof *rest);
    o->argv = calloc((size_t)argc + 3, sizeof *o->argv);
    bool fine = rest != NULL && o->argv != NULL;
    if (!fine) term_error("out of memory");
    int n = 0, rests = 0, i = 1;
    if (fine) o->argv[n++] = command;
    for (; fine && i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *arg = argv[i];
        shape s = arg[0] == '-' && arg[1] != '\0' ? shape_of(table, arg) : NO_OPTION;
        if (s == OPTION_AND_NEXT && i + 1 >= argc) {
            fine = false;
            term_error("option '%s' needs a value: see gpuproc help %s", arg, command);
        } else if (s != NO_OPTION) {
            o->argv[n++] = arg;
            if (s == OPTION_AND_NEXT) o->argv[n++] = argv[++i];
        } else if (arg[0] == '-' && arg[1] != '\0' &&
                   (!expression || rests > 0 || looks_like_long_option(arg))) {
            fine = false;
            tell_unknown(table, command, arg);
        } else {
            rest[rests++] = arg;
        }
    }
    if (fine) {
        if (i < argc) i++; /* the "--" */
        o->argv[n++] = "--";
        for (int k = 0; k < rests; k++) o->argv[n++] = rest[k];
        while (i < argc) o->argv[n++] = argv[i++];
        o->context = poptGetContext(command, n, o->argv, table, 0);
        fine = o->context != NULL;
        if (!fine) term_error("out of memory");
    }
    free(rest);
    return fine;
}

int options_next(options *o, char **argument)
{
    int value = poptGetNextOpt(o->context);
    *argument = value > 0 ? poptGetOptArg(o->context) : NULL;
    if (value == -1) return 0;
    if (value < 0)
        term_error("option '%s': %s", poptBadOption(o->context, POPT_BADOPTION_NOALIAS),
                   poptStrerror(value));
    return value;
}

const char **options_rest(options *o)
{
    static const char *none[] = {NULL};
    const char **rest = poptGetArgs(o->context);
    return rest != NULL ? rest : none;
}

void options_end(options *o)
{
    if (o->context != NULL) poptFreeContext(o->context);
    free(o->argv);
    *o = (options){0};
}
