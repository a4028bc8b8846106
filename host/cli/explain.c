/* gpuproc explain: what an expression would do and take, before it does. */
#include "commands.h"
#include "eval_bind.h"
#include "json_text.h"
#include "stdout.h"
#include "term.h"
#include "values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- As text ------------------------------------------------------------------------ */

static const char *shape_text(int ndim, const int64_t *shape, char buf[160])
{
    size_t n = (size_t)snprintf(buf, 160, "(");
    for (int i = 0; i < ndim && n < 150; i++)
        n += (size_t)snprintf(buf + n, 160 - n, "%s%" PRId64, i > 0 ? ", " : "", shape[i]);
    snprintf(buf + (n < 158 ? n : 158), 3, ndim == 1 ? ",)" : ")");
    return buf;
}

static void print_stages(FILE *out, const gpuproc_explained_stage *stage, gpuproc_stage limit, bool mark)
{
    for (int i = 0; i < GPUPROC_STAGES; i++) {
        char bytes[VALUE_TEXT] = "", time[VALUE_TEXT] = "", line[256];
        const gpuproc_explained_stage *s = &stage[i];
        if (s->ns == 0 && s->bytes == 0) continue;
        bool in_place = s->bytes > 0 && s->bytes_in_place == s->bytes;
        if (s->bytes > 0) bytes_text(s->bytes, bytes);
        int n = snprintf(line, sizeof line, "    %-9s %10s %10s%s%s", gpuproc_stage_name((gpuproc_stage)i),
                         s->ns > 0 ? time_text(s->ns, time) : "-", bytes, in_place ? "  in place" : "",
                         mark && s->ns > 0 && i == (int)limit ? "  <- limits" : "");
        while (n > 0 && line[n - 1] == ' ') line[--n] = '\0';
        fprintf(out, "%s\n", line);
    }
}

static void print_pass(FILE *out, const gpuproc_explanation *x, size_t index, gpuproc_stage limit, bool mark)
{
    char shape[160], a[VALUE_TEXT], b[VALUE_TEXT];
    gpuproc_explained_pass p = {.struct_size = sizeof p};
    if (gpuproc_explanation_pass(x, index, &p, NULL) != GPUPROC_OK) return;
    fprintf(out, "pass %zu  over %s: %" PRIu64 " chunk%s of %" PRIu64 " elements%s, %u slot%s, %u thread%s%s\n", index + 1,
            shape_text(p.ndim, p.shape, shape), p.chunks, p.chunks == 1 ? "" : "s", p.chunk_elements,
            p.in_blocks ? " (blocks)" : "", p.slots, p.slots == 1 ? "" : "s", p.threads, p.threads == 1 ? "" : "s",
            p.copies ? ", only copies" : "");
    if (p.reads[0]) fprintf(out, "    reads     %s\n", p.reads);
    if (p.folds[0]) fprintf(out, "    in order  %s\n", p.folds);
    if (p.reductions > 0) fprintf(out, "    makes     %u value%s\n", p.reductions, p.reductions == 1 ? "" : "s");
    if (p.writes[0]) fprintf(out, "    writes    %s\n", p.writes);
    fprintf(out, "    takes     %s, %s of memory%s\n", time_text(p.wall_ns, a), bytes_text(p.memory_bytes, b),
            p.fortran ? "; backwards through its axes" : "");
    if (p.choice[0]) fprintf(out, "    chosen    %s (%s by rule)\n", p.choice, time_text(p.rule_wall_ns, a));
    print_stages(out, p.stage, limit, mark);
}

static void print_devices(FILE *out, const gpuproc_explanation *x, const gpuproc_explained *e)
{
    fprintf(out, "devices\n");
    for (size_t i = 0; i < e->candidates; i++) {
        char time[VALUE_TEXT], memory[VALUE_TEXT];
        gpuproc_explained_device d = {.struct_size = sizeof d};
        if (gpuproc_explanation_device(x, i, &d, NULL) != GPUPROC_OK) continue;
        fprintf(out, "  %c %-40.40s ", i == e->chosen ? '*' : ' ', d.device);
        if (d.usable)
            fprintf(out, "%9s  limited by %-8s %10s", time_text(d.wall_ns, time), gpuproc_stage_name(d.limit),
                    bytes_text(d.memory_bytes, memory));
        else fprintf(out, "%9s", "no work");
        fprintf(out, "%s%s%s\n", d.calibrated ? "" : "  (guessed)", d.note[0] ? "  " : "", d.note);
    }
    if (e->other_elements > 0) {
        gpuproc_explained_device d = {.struct_size = sizeof d};
        if (gpuproc_explanation_device(x, e->other, &d, NULL) == GPUPROC_OK)
            fprintf(out, "    %s %" PRIu64 " elements %s would win\n", e->other_below ? "below" : "from",
                    e->other_elements, d.device);
    } else if (e->candidates > 1) {
        fprintf(out, "    no other would win at any size\n");
    }
}

static void print_program(FILE *out, const gpuproc_explanation *x, gpuproc_program_text kind, size_t pass, const char *title)
{
    char *text = gpuproc_explanation_program(x, kind, pass);
    if (text != NULL) fprintf(out, "\n%s\n%s%s", title, text, text[0] && text[strlen(text) - 1] == '\n' ? "" : "\n");
    free(text);
}

static void print_programs(FILE *out, const gpuproc_explanation *x, size_t passes)
{
    print_program(out, x, GPUPROC_PROGRAM_IR, 0, "nodes");
    for (size_t i = 0; i < passes; i++) {
        char title[64];
        snprintf(title, sizeof title, "pass %zu on the CPU", i + 1);
        print_program(out, x, GPUPROC_PROGRAM_CPU, i, title);
        snprintf(title, sizeof title, "pass %zu in OpenCL C", i + 1);
        print_program(out, x, GPUPROC_PROGRAM_OPENCL, i, title);
    }
}

static void print_text(const gpuproc_explanation *x, bool verbose)
{
    FILE *out = stdout_stream();
    char time[VALUE_TEXT], memory[VALUE_TEXT], budget[VALUE_TEXT];
    gpuproc_explained e = {.struct_size = sizeof e};
    gpuproc_explanation_get(x, &e);
    fprintf(out, "%s\n", e.reason);
    fprintf(out, "time      %s%s\n", time_text(e.wall_ns, time),
            e.calibrated ? "" : ", guessed (not calibrated: 'gpuproc calibrate' takes some seconds, once)");
    fprintf(out, "memory    %s of %s that may be taken\n", bytes_text(e.memory_bytes, memory),
            bytes_text(e.budget_bytes, budget));
    fprintf(out, "parallel  %.0f %% of the work does not share out among threads; more than the %u would make it at most "
            "%.2f times as fast\n\n", 100 * e.serial_share, e.threads, e.speedup_left);
    for (size_t i = 0; i < e.passes; i++) print_pass(out, x, i, e.limit, true);
    if (e.product_bytes > 0) {
        fprintf(out, "products read %s of operands; with this memory none could read less than %s\n",
                bytes_text(e.product_bytes, memory), bytes_text(e.product_least_bytes, budget));
    }
    fprintf(out, "around them\n");
    gpuproc_explained_stage around[GPUPROC_STAGES] = {{0}};
    for (int i = GPUPROC_STAGE_PROGRAM; i < GPUPROC_STAGES; i++) around[i] = e.stage[i];
    print_stages(out, around, e.limit, true);
    print_devices(out, x, &e);
    if (verbose) print_programs(out, x, e.passes);
}

/* ---- As JSON ------------------------------------------------------------------------ */

static json_object *stages_json(const gpuproc_explained_stage *stage)
{
    json_object *o = json_object_new_object();
    for (int i = 0; i < GPUPROC_STAGES; i++) {
        json_object *s = json_object_new_object();
        json_add_count(s, "ns", stage[i].ns);
        json_add_count(s, "bytes", stage[i].bytes);
        json_add_count(s, "bytes_in_place", stage[i].bytes_in_place);
        json_object_object_add(o, gpuproc_stage_name((gpuproc_stage)i), s);
    }
    return o;
}

static void add_number(json_object *o, const char *key, double value)
{
    json_object_object_add(o, key, json_object_new_double(value));
}

static void add_program(json_object *o, const char *key, const gpuproc_explanation *x, gpuproc_program_text kind, size_t pass)
{
    char *text = gpuproc_explanation_program(x, kind, pass);
    json_add_string(o, key, text);
    free(text);
}

static json_object *pass_json(const gpuproc_explanation *x, size_t index, bool verbose)
{
    gpuproc_explained_pass p = {.struct_size = sizeof p};
    json_object *o = json_object_new_object();
    if (gpuproc_explanation_pass(x, index, &p, NULL) != GPUPROC_OK) return o;
    json_object_object_add(o, "shape", json_shape(p.ndim, p.shape));
    json_add_count(o, "elements", p.elements);
    json_add_count(o, "chunks", p.chunks);
    json_add_count(o, "chunk_elements", p.chunk_elements);
    json_add_count(o, "slots", p.slots);
    json_add_count(o, "threads", p.threads);
    json_add_string(o, "choice", p.choice);
    json_add_count(o, "rule_wall_ns", p.rule_wall_ns);
    json_add_bool(o, "blocks", p.in_blocks);
    json_add_bool(o, "copies", p.copies);
    json_add_string(o, "reads", p.reads);
    json_add_string(o, "writes", p.writes);
    json_add_string(o, "folds", p.folds);
    json_add_count(o, "reductions", p.reductions);
    json_add_count(o, "resident_bytes", p.resident_bytes);
    json_add_count(o, "fold_bytes", p.fold_bytes);
    json_add_count(o, "memory_bytes", p.memory_bytes);
    json_add_count(o, "wall_ns", p.wall_ns);
    json_object_object_add(o, "stages", stages_json(p.stage));
    if (verbose) {
        add_program(o, "cpu", x, GPUPROC_PROGRAM_CPU, index);
        add_program(o, "opencl", x, GPUPROC_PROGRAM_OPENCL, index);
    }
    return o;
}

static json_object *device_json(const gpuproc_explanation *x, size_t index)
{
    gpuproc_explained_device d = {.struct_size = sizeof d};
    json_object *o = json_object_new_object();
    if (gpuproc_explanation_device(x, index, &d, NULL) != GPUPROC_OK) return o;
    json_add_string(o, "device", d.device);
    json_add_bool(o, "calibrated", d.calibrated);
    json_add_bool(o, "usable", d.usable);
    json_add_string(o, "note", d.note);
    json_add_count(o, "wall_ns", d.wall_ns);
    json_add_string(o, "limit", gpuproc_stage_name(d.limit));
    json_add_count(o, "memory_bytes", d.memory_bytes);
    json_object_object_add(o, "stages", stages_json(d.stage));
    return o;
}

static json_object *as_json(const gpuproc_explanation *x, bool verbose)
{
    gpuproc_explained e = {.struct_size = sizeof e};
    gpuproc_explanation_get(x, &e);
    json_object *o = json_object_new_object(), *passes = json_object_new_array(), *devices = json_object_new_array();
    json_add_string(o, "reason", e.reason);
    json_add_bool(o, "calibrated", e.calibrated);
    json_add_count(o, "chosen", e.chosen);
    json_add_count(o, "wall_ns", e.wall_ns);
    json_add_string(o, "limit", gpuproc_stage_name(e.limit));
    json_add_count(o, "memory_bytes", e.memory_bytes);
    json_add_count(o, "budget_bytes", e.budget_bytes);
    json_add_count(o, "threads", e.threads);
    add_number(o, "serial_share", e.serial_share);
    add_number(o, "speedup_left", e.speedup_left);
    if (e.other_elements > 0) {
        json_add_count(o, "other", e.other);
        json_add_count(o, "other_elements", e.other_elements);
        json_add_bool(o, "other_below", e.other_below);
    }
    json_add_count(o, "product_bytes", e.product_bytes);
    json_add_count(o, "product_least_bytes", e.product_least_bytes);
    json_object_object_add(o, "stages", stages_json(e.stage));
    for (size_t i = 0; i < e.passes; i++) json_object_array_add(passes, pass_json(x, i, verbose));
    for (size_t i = 0; i < e.candidates; i++) json_object_array_add(devices, device_json(x, i));
    json_object_object_add(o, "passes", passes);
    json_object_object_add(o, "devices", devices);
    if (verbose) add_program(o, "nodes", x, GPUPROC_PROGRAM_IR, 0);
    return o;
}

/* ---- The command --------------------------------------------------------------------- */

static int explain(const eval_options *e)
{
    gpuproc_session_options so = {.struct_size = sizeof so, .threads = e->threads};
    gpuproc_session *session = NULL;
    gpuproc_explanation *x = NULL;
    gpuproc_error err = {0};
    eval_bound b;
    int code = eval_bind(e, &b);
    if (code != 0) goto out;
    gpuproc_status st = gpuproc_session_open(&so, &session, &err);
    if (st == GPUPROC_OK)
        st = gpuproc_explain(session, e->expression, b.inputs, e->input_count, b.outputs, e->output_count, &e->job, &x, &err);
    if (st != GPUPROC_OK) {
        code = term_failure(&err, e->expression);
        if (err.status == GPUPROC_UNKNOWN_NAME && e->input_count == 0)
            term_hint("inputs are bound behind the expression: NAME=FILE");
    } else if (e->json) {
        json_print(as_json(x, e->verbose));
    } else {
        print_text(x, e->verbose);
    }
out:
    gpuproc_explanation_free(x);
    gpuproc_session_close(session);
    eval_unbind(&b);
    return code;
}

int command_explain(int argc, char **argv)
{
    eval_options e;
    int code = eval_options_read(argc, argv, "explain", &e);
    if (code == 0) code = e.help ? help_print("explain") : explain(&e);
    eval_options_free(&e);
    return code;
}
