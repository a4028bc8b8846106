/* gpuproc tune: better parameters for products of matrices on a device. */
#include "commands.h"
#include "interrupt.h"
#include "json_text.h"
#include "options.h"
#include "progress.h"
#include "spec.h"
#include "stdout.h"
#include "term.h"

#include <stdlib.h>
#include <string.h>

#define MOST_SECONDS 86400u

static const struct poptOption table[] = {
    {"device", 'd', POPT_ARG_STRING, NULL, 'd', NULL, NULL},
    {"seconds", '\0', POPT_ARG_STRING, NULL, 's', NULL, NULL},
    {"quick", '\0', POPT_ARG_NONE, NULL, 'k', NULL, NULL},
    {"json", '\0', POPT_ARG_NONE, NULL, 'j', NULL, NULL},
    {"quiet", 'q', POPT_ARG_NONE, NULL, 'q', NULL, NULL},
    {"progress", '\0', POPT_ARG_STRING, NULL, 'p', NULL, NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, 'h', NULL, NULL},
    POPT_TABLEEND};

typedef struct tune_options {
    gpuproc_tune_options tune;
    char *device;
    progress_mode progress;
    bool json, help;
} tune_options;

/* Between two sets of parameters. */
static bool on_progress(void *ctx, const gpuproc_tune_progress *p)
{
    progress_tune(p, *(const progress_mode *)ctx);
    return interrupt_exit_code() == 0;
}

static json_object *as_json(const gpuproc_tune_result *r)
{
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    json_add_string(o, "device", r->device);
    json_add_string(o, "library", r->library);
    json_add_count(o, "tried", r->tried);
    json_add_count(o, "refused", r->refused);
    json_add_bool(o, "stopped", r->stopped);
    json_add_bool(o, "stored", r->stored);
    for (size_t i = 0; i < r->count; i++) {
        const gpuproc_tuned *t = &r->tuned[i];
        json_object *one = json_object_new_object();
        json_add_string(one, "dtype", gpuproc_dtype_name(t->dtype));
        json_add_count(one, "length", t->length);
        json_object_object_add(one, "gflops_before", json_object_new_double(t->gflops_before));
        json_object_object_add(one, "gflops_after", json_object_new_double(t->gflops_after));
        json_object_object_add(one, "ratio", json_object_new_double(t->gflops_after / t->gflops_before));
        json_add_bool(one, "better", t->better);
        json_add_string(one, "parameters", t->parameters);
        json_object_array_add(list, one);
    }
    json_object_object_add(o, "tuned", list);
    return o;
}

static void print_result(const gpuproc_tune_result *r)
{
    FILE *out = stdout_stream();
    bool better = false;
    fprintf(out, "%s on %s: %u sets of parameters tried, %u of them refused\n", r->library, r->device, r->tried,
            r->refused);
    for (size_t i = 0; i < r->count; i++) {
        const gpuproc_tuned *t = &r->tuned[i];
        better = better || t->better;
        fprintf(out, "%-8s (%llu, %llu)  %.4g GFLOP/s before, ", gpuproc_dtype_name(t->dtype),
                (unsigned long long)t->length, (unsigned long long)t->length, t->gflops_before);
        if (t->better)
            fprintf(out, "%.4g after: %.2f times as fast\n", t->gflops_after, t->gflops_after / t->gflops_before);
        else fprintf(out, "none better found\n");
    }
    if (r->stored) fprintf(out, "kept: later sessions use them on this device\n");
    else if (better) term_warning("the parameters found could not be kept: there is no cache directory to write to");
}

static int tune(tune_options *t)
{
    gpuproc_session *session = NULL;
    gpuproc_error err = {0};
    gpuproc_tune_result result = {.struct_size = sizeof result};
    t->tune.progress = on_progress;
    t->tune.progress_ctx = &t->progress;
    gpuproc_status st = gpuproc_session_open(NULL, &session, &err);
    interrupt_hold(); /* from here on the first Ctrl-C ends the search, and keeps what was found */
    if (st == GPUPROC_OK) st = gpuproc_session_tune(session, &t->tune, &result, &err);
    progress_end();
    gpuproc_session_close(session);
    if (st != GPUPROC_OK) return term_failure(&err, NULL);
    if (t->json) json_print(as_json(&result));
    else print_result(&result);
    return interrupt_exit_code();
}

/* Takes the argument where it keeps it (and leaves NULL). */
static bool take(tune_options *t, int value, char **argument)
{
    unsigned seconds = 0;
    switch (value) {
    case 'd':
        free(t->device);
        t->device = *argument;
        *argument = NULL;
        return true;
    case 's':
        if (!spec_count(*argument, "--seconds", MOST_SECONDS, &seconds)) return false;
        t->tune.limit_ns = seconds * UINT64_C(1000000000);
        return true;
    case 'k': t->tune.quick = true; return true;
    case 'j': t->json = true; return true;
    case 'q': t->progress = PROGRESS_NEVER; return true;
    case 'p': return progress_parse(*argument, &t->progress);
    default: t->help = true; return true;
    }
}

int command_tune(int argc, char **argv)
{
    options o;
    tune_options t = {.tune.struct_size = sizeof t.tune};
    const char *device = getenv("GPUPROC_DEVICE");
    int value, code = EXIT_USAGE;
    char *argument;
    if (!options_begin(&o, "tune", argc, argv, table, false)) goto out;
    while ((value = options_next(&o, &argument)) > 0) {
        bool fine = take(&t, value, &argument);
        free(argument);
        if (!fine) goto out;
    }
    if (value < 0) goto out;
    if (t.help) {
        code = help_print("tune");
    } else if (options_rest(&o)[0] != NULL) {
        term_error("tune takes no arguments, found '%s'", options_rest(&o)[0]);
    } else {
        t.tune.device = t.device != NULL ? t.device : device;
        code = tune(&t);
    }
out:
    free(t.device);
    options_end(&o);
    return code;
}
