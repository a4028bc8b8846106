/* gpuproc bench: what this machine makes of it. */
#include "bench_json.h"
#include "bench_limits.h"
#include "bench_machine.h"
#include "bench_options.h"
#include "commands.h"
#include "interrupt.h"
#include "out_file.h"
#include "stdout.h"
#include "term.h"
#include "vanished.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROOM (UINT64_C(8) << 20)       /* elements with which the machine's limits are measured */
#define ROOM_QUICK (UINT64_C(1) << 20)
#define GIVEN_FILE (UINT64_C(1) << 30) /* bytes of a file that are read to learn its rate */

const char *bench_compiler(void)
{
#if defined(__clang__)
    return __VERSION__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

/* ---- What it is about ------------------------------------------------------------ */

/* The files of cached and cold cases are made first, and the machine's rate is taken from the largest. */
static bool make_files(bench *b, bench_lab *lab)
{
    char path[600];
    uint64_t largest = 0;
    for (size_t i = 0; i < b->row_count && interrupt_exit_code() == 0; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c->data != BENCH_CACHED && r->c->data != BENCH_COLD) continue;
        for (unsigned k = 0; k < r->c->inputs; k++) {
            if (!bench_lab_file(lab, (int)k, r->elements, path)) return false;
        }
        if (r->elements > largest) largest = r->elements;
    }
    if (largest == 0 || interrupt_exit_code() != 0) return true;
    if (!bench_lab_file(lab, 0, largest, path)) return false;
    bench_measure_files(b, path, largest * sizeof(float), true);
    return true;
}

/* Elements of each array in memory: what rows need, and what the machine's limits are measured with. */
static uint64_t room_of(const bench *b, uint64_t least)
{
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c->data <= BENCH_SMALL && r->elements > least) least = r->elements;
    }
    return least;
}

static int run_suite(bench *b, const bench_options *o, double until)
{
    bench_lab lab = {0};
    int code = bench_plan_suite(b, &o->plan);
    if (code != 0) return code;
    code = EXIT_FAILED;
    if (bench_lab_open(&lab, b, room_of(b, o->plan.quick ? ROOM_QUICK : ROOM))) {
        progress_bench(0, "the machine's own limits", o->plan.progress);
        bench_measure_limits(b, &lab);
        progress_bench(0, "writing files", o->plan.progress);
        if (make_files(b, &lab)) code = bench_run(b, &lab, &o->plan, until);
    }
    progress_end();
    bench_lab_close(&lab);
    return code;
}

/* The bytes of the inputs, and the elements of the largest. */
static int look_at_inputs(const bench_options *o, uint64_t *elements, uint64_t *bytes)
{
    for (size_t i = 0; i < o->input_count; i++) {
        gpuproc_array *array = NULL;
        gpuproc_error err;
        gpuproc_array_info info = {.struct_size = sizeof info};
        gpuproc_status st = spec_open(&o->inputs[i], &array, &err);
        if (st == GPUPROC_OK) st = gpuproc_array_info_get(array, &info, &err);
        gpuproc_array_free(array);
        if (st != GPUPROC_OK) return term_failure(&err, NULL);
        *bytes += info.bytes;
        if (info.count > *elements) *elements = info.count;
    }
    return 0;
}

/* Whether it can be run, and has an array as result: found by submitting it. */
static int look_at_expression(bench_lab *lab, const bench_row *row, const char *expression)
{
    gpuproc_error err = {0}, first;
    double seconds;
    gpuproc_status st = bench_run_once(lab, row, true, &seconds, NULL, NULL, &err);
    if (st == GPUPROC_INVALID_ARGUMENT) {
        first = err;
        lab->given_array = true;
        st = bench_run_once(lab, row, true, &seconds, NULL, NULL, &err);
        if (st == GPUPROC_INVALID_ARGUMENT) err = first;
    }
    return st == GPUPROC_OK || interrupt_exit_code() != 0 ? 0 : term_failure(&err, expression);
}

static int run_given(bench *b, const bench_options *o, double until)
{
    bench_lab lab = {0};
    uint64_t elements = 0, bytes = 0;
    const bench_case given = {.name = "given", .group = "given", .expression = o->expression, .data = BENCH_GIVEN};
    bench_case *c = malloc(sizeof *c);
    int code = c == NULL ? EXIT_FAILED : look_at_inputs(o, &elements, &bytes);
    if (code == 0) {
        *c = given;
        b->given = c; /* rows point to it */
        c = NULL;
        code = bench_plan_given(b, b->given, elements, bytes) && bench_lab_open(&lab, b, ROOM) ? 0 : EXIT_FAILED;
        lab.given = o->inputs;
        lab.given_count = o->input_count;
    }
    if (code == 0) code = look_at_expression(&lab, &b->rows[0], o->expression);
    if (code == 0) {
        bench_measure_limits(b, &lab);
        struct stat s;
        const char *path = o->input_count > 0 ? o->inputs[0].path : "";
        if (stat(path, &s) == 0 && S_ISREG(s.st_mode) && s.st_size > 0)
            bench_measure_files(b, path, (uint64_t)s.st_size < GIVEN_FILE ? (uint64_t)s.st_size : GIVEN_FILE, false);
        code = bench_run(b, &lab, &o->plan, until);
    }
    free(c);
    bench_lab_close(&lab);
    return code;
}

/* ---- What is told --------------------------------------------------------------------- */

static bool write_page(const bench *b, const bench_options *o)
{
    out_file file;
    if (o->html == NULL) return true;
    if (!out_file_open(&file, o->html, o->overwrite)) return false;
    bench_print_html(b, file.stream);
    return out_file_commit(&file);
}

/* On standard output: the results, or, with `old`, what has changed. */
static int print(const bench *b, const bench_options *o, json_object *old)
{
    if (old != NULL) {
        json_object *now = bench_json(b);
        int code = bench_compare(old, now, o->form == BENCH_JSON, stdout_stream());
        json_object_put(now);
        return code;
    }
    switch (o->form) {
    case BENCH_TEXT: bench_print_text(b, stdout_stream()); break;
    case BENCH_JSON: json_print(bench_json(b)); break;
    case BENCH_CSV: bench_print_csv(b, stdout_stream()); break;
    case BENCH_MARKDOWN: bench_print_markdown(b, stdout_stream()); break;
    }
    return 0;
}

static int tell(bench *b, const bench_options *o, json_object *old)
{
    bench_apply_limits(b);
    if (!bench_derive(b)) {
        term_error("out of memory");
        return EXIT_FAILED;
    }
    int code = print(b, o, old);
    return write_page(b, o) && b->wrong == 0 ? code : EXIT_FAILED;
}

static void bench_free(bench *b)
{
    for (size_t i = 0; i < b->row_count; i++) free(b->rows[i].seconds);
    free(b->rows);
    free(b->findings);
    free(b->notes);
    free(b->given);
    bench_close_configs(b);
}

/* Measures, and tells, or compares with `old`. */
static int measure(const bench_options *o, json_object *old)
{
    bench b = {0};
    double begin = bench_now();
    bench_others others;
    interrupt_hold();
    vanished_setup();
    bench_look_at_machine(&b);
    bench_watch_others(&b, &others, true);
    snprintf(b.machine.command, sizeof b.machine.command, "%s", o->command);
    int code = bench_open_configs(&b, o->threads, o->device);
    if (code == 0)
        code = o->expression != NULL ? run_given(&b, o, begin + o->plan.seconds)
                                     : run_suite(&b, o, begin + o->plan.seconds);
    b.seconds = bench_now() - begin;
    bench_watch_others(&b, &others, false);
    if (interrupt_exit_code() != 0) {
        term_error("interrupted");
        code = interrupt_exit_code();
    } else if (code == 0) {
        code = tell(&b, o, old);
    }
    bench_free(&b);
    return code;
}

static int compare(const bench_options *o)
{
    json_object *old = bench_json_read(o->old_path), *now = NULL;
    int code = EXIT_FAILED;
    if (old != NULL && o->new_path != NULL) {
        now = bench_json_read(o->new_path);
        if (now != NULL) code = bench_compare(old, now, o->form == BENCH_JSON, stdout_stream());
    } else if (old != NULL) {
        code = measure(o, old);
    }
    json_object_put(now);
    json_object_put(old);
    return code;
}

int command_bench(int argc, char **argv)
{
    bench_options o;
    int code = bench_options_read(argc, argv, &o);
    if (code == 0 && o.help)
        code = help_print("bench");
    else if (code == 0)
        code = o.old_path != NULL ? compare(&o) : measure(&o, NULL);
    bench_options_free(&o);
    return code;
}
