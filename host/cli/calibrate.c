/* gpuproc calibrate: measures what the machine can do. */
#include "commands.h"
#include "interrupt.h"
#include "json_text.h"
#include "options.h"
#include "progress.h"
#include "spec.h"
#include "stdout.h"
#include "term.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct poptOption table[] = {
    {"device", 'd', POPT_ARG_STRING, NULL, 'd', NULL, NULL},
    {"threads", '\0', POPT_ARG_STRING, NULL, 't', NULL, NULL},
    {"show", '\0', POPT_ARG_NONE, NULL, 's', NULL, NULL},
    {"verbose", 'v', POPT_ARG_NONE, NULL, 'v', NULL, NULL},
    {"json", '\0', POPT_ARG_NONE, NULL, 'j', NULL, NULL},
    {"quiet", 'q', POPT_ARG_NONE, NULL, 'q', NULL, NULL},
    {"progress", '\0', POPT_ARG_STRING, NULL, 'p', NULL, NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, 'h', NULL, NULL},
    POPT_TABLEEND};

typedef struct calibrate_options {
    char *device;
    unsigned threads;
    progress_mode progress;
    bool show, verbose, json, help;
} calibrate_options;

static bool on_progress(void *ctx, const gpuproc_calibrate_progress *p)
{
    progress_calibrate(p, *(const progress_mode *)ctx);
    return interrupt_exit_code() == 0;
}

/* Those of the machine itself have no dots. */
static bool is_operation(const gpuproc_figure *f) { return strchr(f->name, '.') != NULL; }

/* Those that one would ask for; all with -v. */
static bool is_shown(const gpuproc_figure *f)
{
    static const char *const some[] = {"op.ADD.", "op.DIV.", "op.SQRT.", "op.EXP.", "op.SIN.", "op.POW.", "op.SUM.",
                                       "fold.SUM.", "row.SUM.", "fold.CUMSUM.", "fold.QUANTILE."};
    if (!is_operation(f)) return true;
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        if (strncmp(f->name, some[i], strlen(some[i])) == 0 && strstr(f->name, "float") != NULL) return true;
    }
    return false;
}

static json_object *as_json(gpuproc_session *session, const calibrate_options *c, size_t count, bool stored)
{
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        gpuproc_figure f = {.struct_size = sizeof f};
        if (gpuproc_figure_get(session, c->device, i, &f, NULL) != GPUPROC_OK) continue;
        json_object *one = json_object_new_object();
        json_add_string(one, "device", f.device);
        json_add_string(one, "name", f.name);
        json_object_object_add(one, "value", json_object_new_double(f.value));
        json_add_string(one, "unit", f.unit);
        json_add_bool(one, "measured", f.measured);
        json_add_count(one, "jobs", f.jobs);
        json_object_object_add(one, "calibrated", json_object_new_double(f.calibrated));
        json_add_string(one, "text", f.text);
        json_object_array_add(list, one);
    }
    json_add_bool(o, "stored", stored);
    json_object_object_add(o, "figures", list);
    return o;
}

static void print_figures(gpuproc_session *session, const calibrate_options *c, size_t count)
{
    FILE *out = stdout_stream();
    char device[sizeof((gpuproc_figure *)0)->device] = "";
    bool measured = true;
    for (size_t i = 0; i < count; i++) {
        gpuproc_figure f = {.struct_size = sizeof f};
        if (gpuproc_figure_get(session, c->device, i, &f, NULL) != GPUPROC_OK) continue;
        if (!c->verbose && !is_shown(&f)) continue;
        measured = measured && f.measured;
        if (i == 0) fprintf(out, "this machine and its CPU%s\n", f.measured ? "" : " (not measured: guesses)");
        if (strcmp(device, f.device) != 0) {
            memcpy(device, f.device, sizeof device);
            fprintf(out, "\n%s%s\n", device, f.measured ? "" : " (not measured: guesses)");
        }
        fprintf(out, "  %-24s %10.4g %-8s %s", f.name, f.value, f.unit, f.text);
        if (f.jobs > 0) fprintf(out, "; from %" PRIu64 " job%s, calibrated %.4g", f.jobs, f.jobs == 1 ? "" : "s", f.calibrated);
        fprintf(out, "\n");
    }
    if (!measured) term_hint("'gpuproc calibrate' measures in some seconds");
}

static int calibrate(calibrate_options *c)
{
    gpuproc_session_options so = {.struct_size = sizeof so, .threads = c->threads};
    gpuproc_session *session = NULL;
    gpuproc_error err = {0};
    bool stored = false;
    int code = 0;
    gpuproc_status st = gpuproc_session_open(&so, &session, &err);
    if (!c->show) interrupt_hold();
    if (st == GPUPROC_OK && !c->show)
        st = gpuproc_calibrate(session, c->device, on_progress, &c->progress, &stored, &err);
    progress_end();
    if (st == GPUPROC_CANCELLED && interrupt_exit_code() != 0) {
        term_error("interrupted: nothing was kept");
        code = interrupt_exit_code();
    } else if (st != GPUPROC_OK) {
        code = term_failure(&err, NULL);
    } else {
        size_t count = gpuproc_figure_count(session, c->device);
        if (count == 0) {
            term_error("no device '%s': see 'gpuproc devices'", c->device != NULL ? c->device : "");
            code = EXIT_FAILED;
        } else if (c->json) {
            json_print(as_json(session, c, count, stored));
        } else {
            print_figures(session, c, count);
        }
        if (!c->show && !stored)
            term_warning("the figures could not be kept: there is no cache directory to write to");
    }
    gpuproc_session_close(session);
    return code;
}

/* Takes the argument where it keeps it (and leaves NULL). */
static bool take(calibrate_options *c, int value, char **argument)
{
    switch (value) {
    case 'd':
        free(c->device);
        c->device = *argument;
        *argument = NULL;
        return true;
    case 't': return spec_count(*argument, "--threads", 4096, &c->threads);
    case 's': c->show = true; return true;
    case 'v': c->verbose = true; return true;
    case 'j': c->json = true; return true;
    case 'q': c->progress = PROGRESS_NEVER; return true;
    case 'p': return progress_parse(*argument, &c->progress);
    default: c->help = true; return true;
    }
}

int command_calibrate(int argc, char **argv)
{
    options o;
    calibrate_options c = {0};
    int value, code = EXIT_USAGE;
    char *argument;
    const char *threads = getenv("GPUPROC_THREADS");
    if (!options_begin(&o, "calibrate", argc, argv, table, false)) goto out;
    if (threads != NULL && *threads != '\0' && !spec_count(threads, "GPUPROC_THREADS", 4096, &c.threads)) goto out;
    while ((value = options_next(&o, &argument)) > 0) {
        bool fine = take(&c, value, &argument);
        free(argument);
        if (!fine) goto out;
    }
    if (value < 0) goto out;
    if (c.help) code = help_print("calibrate");
    else if (options_rest(&o)[0] != NULL) term_error("calibrate takes no arguments, found '%s'", options_rest(&o)[0]);
    else code = calibrate(&c);
out:
    free(c.device);
    options_end(&o);
    return code;
}
