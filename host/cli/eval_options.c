#include "eval_options.h"

#include "options.h"
#include "spans.h"
#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_EXPRESSION (1 << 20) /* bytes of an expression file */

enum {
    OPT_OUTPUT = 1, OPT_DEVICE, OPT_MEMORY, OPT_CHUNK, OPT_SLOTS, OPT_THREADS, OPT_SYNC, OPT_BY_RULE,
    OPT_NO_FALLBACK, OPT_OVERWRITE, OPT_JSON, OPT_QUIET, OPT_VERBOSE, OPT_PROGRESS, OPT_COLOR,
    OPT_EXPRESSION, OPT_REPORT, OPT_TRACE, OPT_TIMELINE, OPT_HELP
};

static const struct poptOption table[] = {
    {"output", 'o', POPT_ARG_STRING, NULL, OPT_OUTPUT, NULL, NULL},
    {"device", 'd', POPT_ARG_STRING, NULL, OPT_DEVICE, NULL, NULL},
    {"memory", '\0', POPT_ARG_STRING, NULL, OPT_MEMORY, NULL, NULL},
    {"chunk", '\0', POPT_ARG_STRING, NULL, OPT_CHUNK, NULL, NULL},
    {"slots", '\0', POPT_ARG_STRING, NULL, OPT_SLOTS, NULL, NULL},
    {"threads", '\0', POPT_ARG_STRING, NULL, OPT_THREADS, NULL, NULL},
    {"sync", '\0', POPT_ARG_NONE, NULL, OPT_SYNC, NULL, NULL},
    {"by-rule", '\0', POPT_ARG_NONE, NULL, OPT_BY_RULE, NULL, NULL},
    {"no-fallback", '\0', POPT_ARG_NONE, NULL, OPT_NO_FALLBACK, NULL, NULL},
    {"overwrite", 'f', POPT_ARG_NONE, NULL, OPT_OVERWRITE, NULL, NULL},
    {"json", '\0', POPT_ARG_NONE, NULL, OPT_JSON, NULL, NULL},
    {"quiet", 'q', POPT_ARG_NONE, NULL, OPT_QUIET, NULL, NULL},
    {"verbose", 'v', POPT_ARG_NONE, NULL, OPT_VERBOSE, NULL, NULL},
    {"progress", '\0', POPT_ARG_STRING, NULL, OPT_PROGRESS, NULL, NULL},
    {"color", '\0', POPT_ARG_STRING, NULL, OPT_COLOR, NULL, NULL},
    {"expression-file", 'e', POPT_ARG_STRING, NULL, OPT_EXPRESSION, NULL, NULL},
    {"report", '\0', POPT_ARG_NONE, NULL, OPT_REPORT, NULL, NULL},
    {"trace", '\0', POPT_ARG_STRING, NULL, OPT_TRACE, NULL, NULL},
    {"timeline", '\0', POPT_ARG_STRING, NULL, OPT_TIMELINE, NULL, NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, OPT_HELP, NULL, NULL},
    POPT_TABLEEND};

/* The index of `text` among `words`; -1, told, where it is none of them. */
static int choose(const char *option, const char *text, const char *const *words)
{
    char all[128] = "";
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) return i;
        if (i > 0) strncat(all, words[i + 1] != NULL ? ", " : " or ", sizeof all - strlen(all) - 1);
        strncat(all, words[i], sizeof all - strlen(all) - 1);
    }
    term_error("%s '%s': expected %s", option, text, all);
    return -1;
}

static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static char *read_expression(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = f != NULL ? malloc(MOST_EXPRESSION + 1) : NULL;
    size_t n = text != NULL ? fread(text, 1, MOST_EXPRESSION + 1, f) : 0;
    bool bad = text == NULL || ferror(f);
    if (bad) term_error("cannot read the expression from %s: %s", path, strerror(errno));
    else if (n > MOST_EXPRESSION || memchr(text, '\0', n) != NULL) {
        term_error("%s is not an expression: expected text of at most %d bytes", path, MOST_EXPRESSION);
        bad = true;
    }
    if (f != NULL) fclose(f);
    if (bad) {
        free(text);
        return NULL;
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
    text[n] = '\0';
    return text;
}

static bool add_spec(bool (*parse)(const char *, file_spec *), const char *text, file_spec **specs,
                     size_t *count)
{
    file_spec *more = realloc(*specs, (*count + 1) * sizeof **specs);
    if (more == NULL) {
        term_error("out of memory");
        return false;
    }
    *specs = more;
    more[*count] = (file_spec){0};
    return parse(text, &more[(*count)++]);
}

/* Keeps the argument (and leaves NULL). */
static bool keep(char **place, char **argument)
{
    free(*place);
    *place = *argument;
    *argument = NULL;
    return true;
}

/* Takes the argument where it keeps it (and leaves NULL). */
static bool take_option(eval_options *e, int value, char **argument)
{
    static const char *const color[] = {"auto", "always", "never", NULL};
    const char *text = *argument;
    int n;
    switch (value) {
    case OPT_OUTPUT: return add_spec(spec_output, text, &e->outputs, &e->output_count);
    case OPT_DEVICE: return keep(&e->device, argument);
    case OPT_MEMORY: return spec_size(text, "--memory", machine_memory(), &e->job.memory_bytes);
    case OPT_CHUNK: return spec_size(text, "--chunk", 0, &e->job.chunk_bytes);
    case OPT_SLOTS: return spec_count(text, "--slots", 64, &e->job.slots);
    case OPT_THREADS: return spec_count(text, "--threads", 4096, &e->threads);
    case OPT_SYNC: e->job.flags |= GPUPROC_JOB_SYNC; return true;
    case OPT_BY_RULE: e->job.flags |= GPUPROC_JOB_BY_RULE; return true;
    case OPT_NO_FALLBACK: e->job.flags |= GPUPROC_JOB_NO_FALLBACK; return true;
    case OPT_OVERWRITE: e->job.flags |= GPUPROC_JOB_OVERWRITE; return true;
    case OPT_JSON: e->json = true; return true;
    case OPT_QUIET: e->quiet = true; return true;
    case OPT_VERBOSE: e->verbose = true; return true;
    case OPT_REPORT: e->report = true; return true;
    case OPT_TRACE:
        if (strcmp(text, "-") != 0) return keep(&e->trace, argument);
        term_error("--trace '-': expected a file; standard output is for results");
        return false;
    case OPT_TIMELINE:
        e->timeline_here = e->timeline_here || strcmp(text, "-") == 0;
        return strcmp(text, "-") == 0 || keep(&e->timeline, argument);
    case OPT_HELP: e->help = true; return true;
    case OPT_PROGRESS: return progress_parse(text, &e->progress);
    case OPT_COLOR:
        n = choose("--color", text, color);
        if (n >= 0) term_set_color((color_mode)n);
        return n >= 0;
    case OPT_EXPRESSION:
        free(e->expression);
        e->expression = read_expression(text);
        return e->expression != NULL;
    default: return false;
    }
}

/* What the environment says, below the options. */
static bool take_environment(eval_options *e)
{
    const char *device = getenv("GPUPROC_DEVICE"), *memory = getenv("GPUPROC_MEMORY"),
               *threads = getenv("GPUPROC_THREADS");
    if (device != NULL && device[0] != '\0') e->device = strdup(device);
    if (memory != NULL && memory[0] != '\0' &&
        !spec_size(memory, "GPUPROC_MEMORY", machine_memory(), &e->job.memory_bytes))
        return false;
    return threads == NULL || threads[0] == '\0' ||
           spec_count(threads, "GPUPROC_THREADS", 4096, &e->threads);
}

/* The expression, then the inputs. */
static bool take_arguments(eval_options *e, const char *command, const char **rest)
{
    if (e->expression == NULL && *rest == NULL) {
        term_error("%s needs an expression: gpuproc %s EXPRESSION NAME=FILE...", command, command);
        return false;
    }
    bool given = e->expression == NULL;
    if (given && (e->expression = strdup(*rest++)) == NULL) {
        term_error("out of memory");
        return false;
    }
    for (; *rest != NULL; rest++) {
        const char *equals = strchr(*rest, '=');
        if (equals == NULL || !spec_is_name(*rest, (size_t)(equals - *rest))) {
            term_error("'%s' is not an input: expected NAME=FILE", *rest);
            if (given) term_hint("the expression is '%s': it comes before the inputs", e->expression);
            return false;
        }
        if (!add_spec(spec_input, *rest, &e->inputs, &e->input_count)) return false;
    }
    return true;
}

static bool check_names(const file_spec *specs, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (specs[i].name != NULL && specs[k].name != NULL &&
                strcmp(specs[i].name, specs[k].name) == 0) {
                term_error("%s '%s' is given twice", what, specs[i].name);
                return false;
            }
            if (strcmp(specs[i].path, "-") == 0 && strcmp(specs[k].path, "-") == 0) {
                term_error("'-' is given twice: there is one standard %s", what);
                return false;
            }
        }
    }
    return true;
}

int eval_options_read(int argc, char **argv, const char *command, eval_options *e)
{
    options o;
    int value = -2, code = EXIT_USAGE;
    char *argument;
    *e = (eval_options){.job.struct_size = sizeof e->job};
    if (!options_begin(&o, command, argc, argv, table, true)) goto out;
    if (!take_environment(e)) goto out;
    while ((value = options_next(&o, &argument)) > 0) {
        bool fine = take_option(e, value, &argument);
        free(argument);
        if (!fine) goto out;
    }
    if (value < 0) goto out;
    if (e->help) code = 0;
    else if (take_arguments(e, command, options_rest(&o)) && check_names(e->inputs, e->input_count, "input") &&
             check_names(e->outputs, e->output_count, "output"))
        code = 0;
    e->job.device = e->device;
    e->job.threads = e->threads; /* what was asked for is not chosen */
    if (e->report || e->json) e->job.flags |= GPUPROC_JOB_PREDICT;
    if (e->trace != NULL || e->timeline != NULL || e->timeline_here) e->job.trace_spans = SPANS_MOST;
    if (e->quiet && e->progress == PROGRESS_AUTO) e->progress = PROGRESS_NEVER;
    term_set_level(e->quiet, e->verbose);
out:
    options_end(&o);
    return code;
}

void eval_options_free(eval_options *e)
{
    for (size_t i = 0; i < e->input_count; i++) spec_free(&e->inputs[i]);
    for (size_t i = 0; i < e->output_count; i++) spec_free(&e->outputs[i]);
    free(e->inputs);
    free(e->outputs);
    free(e->expression);
    free(e->device);
    free(e->trace);
    free(e->timeline);
    *e = (eval_options){0};
}
