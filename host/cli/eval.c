/* gpuproc eval: an expression over files. */
#include "commands.h"
#include "eval_bind.h"
#include "eval_options.h"
#include "interrupt.h"
#include "json_text.h"
#include "out_file.h"
#include "report.h"
#include "spans.h"
#include "stdout.h"
#include "term.h"
#include "timeline.h"
#include "trace_json.h"
#include "values.h"
#include "vanished.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void on_log(void *ctx, gpuproc_log_level level, const char *message)
{
    (void)ctx;
    if (level == GPUPROC_LOG_WARNING) term_warning("%s", message);
    else term_note("%s", message);
}

/* ---- Before anything starts ---------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0) return false;
    if (stat(a, &sa) != 0 || stat(b, &sb) != 0) return strcmp(a, b) == 0;
    return S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* A trace or a timeline has a file of its own. */
static bool check_told(const char *path, const char *what, const char *other, const eval_options *e)
{
    bool shared = path != NULL && other != NULL && same_file(path, other);
    if (path == NULL) return true;
    for (size_t i = 0; i < e->output_count; i++) shared = shared || same_file(path, e->outputs[i].path);
    for (size_t i = 0; i < e->input_count; i++) shared = shared || same_file(path, e->inputs[i].path);
    if (shared) term_error("--%s %s: expected a file that is nothing else of this command", what, path);
    return !shared && out_file_check(path, (e->job.flags & GPUPROC_JOB_OVERWRITE) != 0);
}

/* Replacing an input is safe (the new file appears when it is complete) but seldom
 * meant; two results in one file never is. */
static bool check_outputs(const eval_options *e)
{
    bool overwrite = (e->job.flags & GPUPROC_JOB_OVERWRITE) != 0;
    for (size_t i = 0; i < e->output_count; i++) {
        const char *path = e->outputs[i].path;
        if (strcmp(path, "-") == 0 && stdout_is_terminal() && !overwrite) {
            term_error("standard output is a terminal: redirect it, or give -f to write an array there");
            return false;
        }
        for (size_t k = 0; k < e->input_count && !overwrite; k++) {
            if (!same_file(path, e->inputs[k].path)) continue;
            term_error("output %s is the input '%s' too: give -f to replace it when the result is "
                       "complete", path, e->inputs[k].name);
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (!same_file(path, e->outputs[k].path)) continue;
            term_error("two results cannot go to the same file %s", path);
            return false;
        }
    }
    return check_told(e->trace, "trace", e->timeline, e) && check_told(e->timeline, "timeline", e->trace, e);
}

static bool writes_stdout(const eval_options *e)
{
    for (size_t i = 0; i < e->output_count; i++) {
        if (strcmp(e->outputs[i].path, "-") == 0) return true;
    }
    return false;
}

/* ---- What is told at the end ---------------------------------------------- */

static void print_scalars(gpuproc_job *job, FILE *out)
{
    size_t count = gpuproc_job_result_count(job), scalars = 0;
    gpuproc_result r = {.struct_size = sizeof r};
    for (size_t i = 0; i < count; i++) {
        if (gpuproc_job_result(job, i, &r, NULL) == GPUPROC_OK && r.is_scalar) scalars++;
    }
    for (size_t i = 0; i < count; i++) {
        char text[VALUE_TEXT];
        if (gpuproc_job_result(job, i, &r, NULL) != GPUPROC_OK || !r.is_scalar) continue;
        if (scalars == 1 && !r.named) fprintf(out, "%s\n", value_text(&r.scalar, text));
        else fprintf(out, "%s = %s\n", r.name, value_text(&r.scalar, text));
    }
}

static json_object *results_json(gpuproc_job *job)
{
    json_object *list = json_object_new_array();
    size_t count = gpuproc_job_result_count(job);
    for (size_t i = 0; i < count; i++) {
        gpuproc_result r = {.struct_size = sizeof r};
        if (gpuproc_job_result(job, i, &r, NULL) != GPUPROC_OK) continue;
        json_object *o = json_object_new_object();
        json_add_string(o, "name", r.name);
        json_add_string(o, "dtype", gpuproc_dtype_name(r.dtype));
        json_object_object_add(o, "shape", json_shape(r.ndim, r.shape));
        if (r.is_scalar) json_object_object_add(o, "value", json_value(&r.scalar));
        else json_add_string(o, "path", r.path);
        json_object_array_add(list, o);
    }
    return list;
}

/* ---- What was asked for of the run: report, trace, timelines --------------- */

static bool write_picture(const char *path, const eval_options *e, const spans *s,
                          void (*write)(const spans *s, FILE *out))
{
    out_file file;
    if (path == NULL) return true;
    if (!out_file_open(&file, path, (e->job.flags & GPUPROC_JOB_OVERWRITE) != 0)) return false;
    write(s, file.stream);
    return out_file_commit(&file);
}

/* False, told, where a file could not be written. */
static bool tell_spans(const gpuproc_job *job, const eval_options *e)
{
    spans s;
    if (e->job.trace_spans == 0) return true;
    bool fine = spans_take(&s, job, e->expression);
    if (!fine) term_error("out of memory for the trace");
    if (fine && s.report.spans_dropped > 0)
        term_warning("the trace ends early: %" PRIu64 " more spans are not in it", s.report.spans_dropped);
    if (fine && e->timeline_here) timeline_print(&s);
    bool traced = fine && write_picture(e->trace, e, &s, trace_json_write);
    bool drawn = fine && write_picture(e->timeline, e, &s, timeline_svg_write);
    spans_free(&s);
    return traced && drawn;
}

/* ---- Results ---------------------------------------------------------------- */

static void tell_results(gpuproc_job *job, const eval_options *e)
{
    gpuproc_report report = {.struct_size = sizeof report};
    gpuproc_job_report(job, &report);
    if (e->json) {
        json_object *all = json_object_new_object();
        json_object_object_add(all, "results", results_json(job));
        json_object_object_add(all, "report", json_report(&report));
        if (writes_stdout(e)) { /* standard output has the array: do not mix */
            fprintf(stderr, "%s\n", json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
            json_object_put(all);
        } else {
            json_print(all);
        }
    } else {
        print_scalars(job, writes_stdout(e) ? stderr : stdout_stream());
    }
    report_note(&report);
    if (e->report && !e->json) report_print(&report);
    if (report.warnings[0] != '\0') term_warning("%s", report.warnings);
}

/* An error about the expression is often about what stands around it. */
static int tell_failure(const gpuproc_error *err, const eval_options *e)
{
    int code = term_failure(err, e->expression);
    if (err->status == GPUPROC_UNKNOWN_NAME && e->input_count == 0)
        term_hint("inputs are bound behind the expression: NAME=FILE");
    return code;
}

/* ---- The run ---------------------------------------------------------------- */

static int run_job(gpuproc_session *session, const eval_options *e, const gpuproc_input *inputs,
                   const gpuproc_output *outputs)
{
    gpuproc_error err = {0};
    gpuproc_job *job = NULL;
    if (writes_stdout(e)) stdout_release();
    interrupt_hold();
    vanished_setup();
    gpuproc_status st = gpuproc_submit(session, e->expression, inputs, e->input_count, outputs,
                                       e->output_count, &e->job, &job, &err);
    interrupt_watch(job);
    vanished_watch(job);
    if (st == GPUPROC_OK) st = progress_wait(job, e->progress, &err);
    int code = 0;
    if (vanished()) {
        term_error("an input became shorter while it was read");
        code = EXIT_FAILED;
    } else if (st == GPUPROC_OK) {
        tell_results(job, e);
        if (!tell_spans(job, e)) code = EXIT_FAILED;
    } else if (st == GPUPROC_CANCELLED && interrupt_exit_code() != 0) {
        term_error("interrupted");
        code = interrupt_exit_code();
    } else {
        code = tell_failure(&err, e);
    }
    interrupt_watch(NULL);
    vanished_watch(NULL);
    gpuproc_job_free(job);
    return code;
}

static int evaluate(const eval_options *e)
{
    gpuproc_session_options so = {.struct_size = sizeof so, .threads = e->threads, .log = on_log};
    gpuproc_session *session = NULL;
    gpuproc_error err = {0};
    eval_bound bound;
    int code = eval_bind(e, &bound);
    if (code == 0) {
        gpuproc_status st = gpuproc_session_open(&so, &session, &err);
        code = st == GPUPROC_OK ? run_job(session, e, bound.inputs, bound.outputs) : term_failure(&err, NULL);
    }
    gpuproc_session_close(session);
    eval_unbind(&bound);
    return code;
}

int command_eval(int argc, char **argv)
{
    eval_options e;
    int code = eval_options_read(argc, argv, "eval", &e);
    if (code == 0 && e.help) code = help_print("eval");
    else if (code == 0) code = check_outputs(&e) ? evaluate(&e) : EXIT_USAGE;
    eval_options_free(&e);
    return code;
}
