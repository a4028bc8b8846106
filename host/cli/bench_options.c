#include "bench_options.h"

#include "options.h"
#include "out_file.h"
#include "term.h"

#include <stdlib.h>
#include <string.h>

#define SECONDS 140u
#define SECONDS_QUICK 12u
#define SECONDS_GIVEN 20u

enum {
    OPT_DEVICE = 1,
    OPT_FILTER,
    OPT_SECONDS,
    OPT_QUICK,
    OPT_THREADS,
    OPT_JSON,
    OPT_CSV,
    OPT_MARKDOWN,
    OPT_HTML,
    OPT_OVERWRITE,
    OPT_COMPARE,
    OPT_QUIET,
    OPT_PROGRESS,
    OPT_HELP
};

static const struct poptOption table[] = {{"device", 'd', POPT_ARG_STRING, NULL, OPT_DEVICE, NULL, NULL},
                                          {"filter", '\0', POPT_ARG_STRING, NULL, OPT_FILTER, NULL, NULL},
                                          {"seconds", '\0', POPT_ARG_STRING, NULL, OPT_SECONDS, NULL, NULL},
                                          {"quick", '\0', POPT_ARG_NONE, NULL, OPT_QUICK, NULL, NULL},
                                          {"threads", '\0', POPT_ARG_STRING, NULL, OPT_THREADS, NULL, NULL},
                                          {"json", '\0', POPT_ARG_NONE, NULL, OPT_JSON, NULL, NULL},
                                          {"csv", '\0', POPT_ARG_NONE, NULL, OPT_CSV, NULL, NULL},
                                          {"markdown", '\0', POPT_ARG_NONE, NULL, OPT_MARKDOWN, NULL, NULL},
                                          {"html", '\0', POPT_ARG_STRING, NULL, OPT_HTML, NULL, NULL},
                                          {"overwrite", 'f', POPT_ARG_NONE, NULL, OPT_OVERWRITE, NULL, NULL},
                                          {"compare", '\0', POPT_ARG_STRING, NULL, OPT_COMPARE, NULL, NULL},
                                          {"quiet", 'q', POPT_ARG_NONE, NULL, OPT_QUIET, NULL, NULL},
                                          {"progress", '\0', POPT_ARG_STRING, NULL, OPT_PROGRESS, NULL, NULL},
                                          {"help", 'h', POPT_ARG_NONE, NULL, OPT_HELP, NULL, NULL},
                                          POPT_TABLEEND};

static bool keep(char **place, char **argument)
{
    free(*place);
    *place = *argument;
    *argument = NULL;
    return true;
}

static bool choose_form(bench_options *o, bench_form form)
{
    if (o->form != BENCH_TEXT && o->form != form) {
        term_error("standard output has one form: expected one of --json, --csv and --markdown");
        return false;
    }
    o->form = form;
    return true;
}

/* Takes the argument where it keeps it (and leaves NULL). */
static bool take_option(bench_options *o, int value, char **argument)
{
    unsigned seconds = 0;
    switch (value) {
    case OPT_DEVICE: return keep(&o->device, argument);
    case OPT_FILTER: return keep(&o->filter, argument);
    case OPT_SECONDS:
        if (!spec_count(*argument, "--seconds", 86400, &seconds)) return false;
        o->plan.seconds = seconds;
        return true;
    case OPT_QUICK: o->plan.quick = true; return true;
    case OPT_THREADS: return spec_count(*argument, "--threads", 4096, &o->threads);
    case OPT_JSON: return choose_form(o, BENCH_JSON);
    case OPT_CSV: return choose_form(o, BENCH_CSV);
    case OPT_MARKDOWN: return choose_form(o, BENCH_MARKDOWN);
    case OPT_HTML:
        if (strcmp(*argument, "-") != 0) return keep(&o->html, argument);
        term_error("--html '-': expected a file; standard output has the table");
        return false;
    case OPT_OVERWRITE: o->overwrite = true; return true;
    case OPT_COMPARE: return keep(&o->old_path, argument);
    case OPT_QUIET: o->plan.progress = PROGRESS_NEVER; return true;
    case OPT_PROGRESS: return progress_parse(*argument, &o->plan.progress);
    default: o->help = true; return true;
    }
}

static bool take_inputs(bench_options *o, const char **rest)
{
    size_t count = 0;
    while (rest[count] != NULL) count++;
    o->inputs = calloc(count + 1, sizeof *o->inputs);
    if (o->inputs == NULL) {
        term_error("out of memory");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        file_spec *spec = &o->inputs[o->input_count++];
        if (!spec_input(rest[i], spec)) return false;
        if (strcmp(spec->path, "-") == 0) {
            term_error("%s=-: expected a file, standard input can be read once only", spec->name);
            return false;
        }
    }
    return true;
}

static bool take_arguments(bench_options *o, const char **rest)
{
    if (o->old_path != NULL) {
        if (rest[0] != NULL && rest[1] != NULL) {
            term_error("--compare OLD.json [NEW.json]: found '%s' behind them", rest[1]);
            return false;
        }
        o->new_path = rest[0] != NULL ? strdup(rest[0]) : NULL;
        if (o->form == BENCH_CSV || o->form == BENCH_MARKDOWN) {
            term_error("--compare prints text, or JSON with --json");
            return false;
        }
        return true;
    }
    if (rest[0] == NULL) return true;
    if (o->filter != NULL || o->plan.quick) {
        term_error("%s is for the suite: expected no expression with it", o->filter != NULL ? "--filter" : "--quick");
        return false;
    }
    o->expression = strdup(rest[0]);
    if (o->expression == NULL) term_error("out of memory");
    return o->expression != NULL && take_inputs(o, rest + 1);
}

/* As a shell would take it, with quotes where they are needed; in ASCII, since it goes into JSON and may be cut. */
static void note_command(bench_options *o, int argc, char **argv)
{
    size_t used = (size_t)snprintf(o->command, sizeof o->command, "gpuproc");
    for (int i = 0; i < argc && used < sizeof o->command; i++) {
        bool plain = argv[i][0] != '\0' && strpbrk(argv[i], " \t\n'\"\\$`*?()[]{}<>|&;!~#") == NULL;
        int n = snprintf(o->command + used, sizeof o->command - used, plain ? " %s" : " '%s'", argv[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    for (char *p = o->command; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) *p = '?';
    }
}

/* What it cannot do is not passed over. */
static bool check_compare(const bench_options *o)
{
    if (o->old_path != NULL && (o->form == BENCH_CSV || o->form == BENCH_MARKDOWN)) {
        term_error("--compare tells what has changed as text or with --json");
        return false;
    }
    if (o->new_path != NULL && o->html != NULL) {
        term_error("--html shows a new run: of two files nothing is measured");
        return false;
    }
    return true;
}

int bench_options_read(int argc, char **argv, bench_options *o)
{
    options line;
    int value, code = EXIT_USAGE;
    char *argument;
    const char *device = getenv("GPUPROC_DEVICE"), *threads = getenv("GPUPROC_THREADS");
    *o = (bench_options){0};
    note_command(o, argc, argv);
    if (!options_begin(&line, "bench", argc, argv, table, true)) goto out;
    if (device != NULL && device[0] != '\0') o->device = strdup(device);
    if (threads != NULL && threads[0] != '\0' && !spec_count(threads, "GPUPROC_THREADS", 4096, &o->threads)) goto out;
    while ((value = options_next(&line, &argument)) > 0) {
        bool fine = take_option(o, value, &argument);
        free(argument);
        if (!fine) goto out;
    }
    if (value < 0) goto out;
    if (!o->help && !take_arguments(o, options_rest(&line))) goto out;
    if (!o->help && !check_compare(o)) goto out;
    if (!o->help && o->html != NULL && !out_file_check(o->html, o->overwrite)) goto out;
    if (o->plan.seconds == 0)
        o->plan.seconds = o->expression != NULL ? SECONDS_GIVEN : o->plan.quick ? SECONDS_QUICK : SECONDS;
    o->plan.filter = o->filter;
    code = 0;
out:
    options_end(&line);
    return code;
}

void bench_options_free(bench_options *o)
{
    for (size_t i = 0; i < o->input_count; i++) spec_free(&o->inputs[i]);
    free(o->inputs);
    free(o->expression);
    free(o->device);
    free(o->filter);
    free(o->html);
    free(o->old_path);
    free(o->new_path);
    *o = (bench_options){0};
}
