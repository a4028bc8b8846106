/* gpuproc eval: an expression over files. */
#include "commands.h"
#include "eval_options.h"
#include "interrupt.h"
#include "json_text.h"
#include "stdout.h"
#include "term.h"
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
    return true;
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

static void note_times(const gpuproc_report *r)
{
    const struct {
        const char *name;
        uint64_t ns;
    } stages[] = {{"read", r->read_ns},         {"upload", r->upload_ns}, {"kernel", r->kernel_ns},
                  {"download", r->download_ns}, {"write", r->write_ns}};
    char text[256] = "";
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        size_t n = strlen(text);
        if (stages[i].ns > 0)
            snprintf(text + n, sizeof text - n, ", %s %.3f s", stages[i].name,
                     (double)stages[i].ns / 1e9);
    }
    double wall = (double)r->wall_ns / 1e9;
    uint64_t moved = r->bytes_read + r->bytes_written;
    term_note("time: %.3f s in all%s (stages overlap); %.2f GB/s", wall, text,
              wall > 0 ? (double)moved / wall / 1e9 : 0.0);
}

static void note_report(const gpuproc_report *r)
{
    char a[VALUE_TEXT], b[VALUE_TEXT], c[VALUE_TEXT];
    term_note("device: %s%s%s%s", r->device, r->reason[0] ? " (" : "", r->reason,
              r->reason[0] ? ")" : "");
    term_note("plan: passes %u, chunks %" PRIu64 " of %" PRIu64 " elements, slots %u", r->passes,
              r->chunks, r->chunk_elements, r->slots);
    term_note("data: %s read (%s of it in place), %s written", bytes_text(r->bytes_read, a),
              bytes_text(r->bytes_viewed, b), bytes_text(r->bytes_written, c));
    note_times(r);
    if (r->program_ns > 100000) /* the CPU's take microseconds */
        term_note("program: %.1f ms, %s", (double)r->program_ns / 1e6,
                  r->program_cached ? "from the cache" : "compiled");
    term_note("memory: %s", bytes_text(r->memory_bytes, a));
    if (r->fallbacks > 0)
        term_note("fallbacks: %" PRIu64 " chunks were done again on the CPU", r->fallbacks);
}

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
    note_report(&report);
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
    size_t opened = 0;
    int code = EXIT_FAILED;
    gpuproc_input *inputs = calloc(e->input_count + 1, sizeof *inputs);
    gpuproc_output *outputs = calloc(e->output_count + 1, sizeof *outputs);
    gpuproc_array **arrays = calloc(e->input_count + 1, sizeof *arrays);
    if (inputs == NULL || outputs == NULL || arrays == NULL) {
        term_error("out of memory");
        goto out;
    }
    for (; opened < e->input_count; opened++) {
        const file_spec *spec = &e->inputs[opened];
        gpuproc_status st = spec_open(spec, &arrays[opened], &err);
        if (st != GPUPROC_OK) {
            code = term_failure(&err, NULL);
            goto out;
        }
        inputs[opened] = (gpuproc_input){spec->name, arrays[opened]};
        gpuproc_array_info info = {.struct_size = sizeof info};
        /* Who gives a raw file a shape has chosen how much of it to read. */
        if (!spec->raw && gpuproc_array_info_get(arrays[opened], &info, NULL) == GPUPROC_OK &&
            info.extra_bytes > 0)
            term_warning("%s: %" PRIu64 " bytes behind the last element are ignored", spec->path,
                         info.extra_bytes);
    }
    for (size_t i = 0; i < e->output_count; i++) {
        const file_spec *spec = &e->outputs[i];
        outputs[i] = (gpuproc_output){.name = spec->name,
                                      .kind = spec->raw ? GPUPROC_OUTPUT_RAW : GPUPROC_OUTPUT_NPY,
                                      .path = spec->path};
    }
    gpuproc_status st = gpuproc_session_open(&so, &session, &err);
    code = st == GPUPROC_OK ? run_job(session, e, inputs, outputs) : term_failure(&err, NULL);
out:
    gpuproc_session_close(session);
    for (size_t i = 0; arrays != NULL && i < opened; i++) gpuproc_array_free(arrays[i]);
    free(arrays);
    free(outputs);
    free(inputs);
    return code;
}

int command_eval(int argc, char **argv)
{
    eval_options e;
    int code = eval_options_read(argc, argv, &e);
    if (code == 0 && e.help) code = help_print("eval");
    else if (code == 0) code = check_outputs(&e) ? evaluate(&e) : EXIT_USAGE;
    eval_options_free(&e);
    return code;
}
