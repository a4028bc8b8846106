#include "bench_run.h"

#include "interrupt.h"
#include "term.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_TIMES 5   /* of a round, where there is time */
#define FEWEST_TIMES 3  /* of a row, where there is none */
#define LONG_TIME 0.01  /* of the time that one run takes: then two are enough */
#define MOST_TIMES 1000 /* of a round */
#define STEADY 0.01     /* a spread that needs no more times */
#define ROUNDS 4        /* over which a row's share is spread, so that it sees more than one moment */
#define PREPARING 0.5   /* of the time, until devices that need long for it are left out */
#define MEASURING 0.3   /* of the time, which is taken even where preparing took more */
#define HUGE_SHARE 0.08 /* of the time that one run may take where nothing is stored */
#define GIVEN_ULP 64

uint64_t bench_moved(const bench_row *row)
{
    return row->bytes_in + row->bytes_out;
}

const char *bench_where(bench_data data)
{
    switch (data) {
    case BENCH_CACHED: return "cached file";
    case BENCH_COLD: return "cold file";
    case BENCH_GENERATED: return "generated";
    case BENCH_GIVEN: return "given";
    default: return "memory";
    }
}

/* ---- Which rows ------------------------------------------------------------------ */

static bench_row *add_row(bench *b)
{
    if (b->row_count == b->row_room) {
        size_t room = b->row_room * 2 + 64;
        bench_row *more = realloc(b->rows, room * sizeof *more);
        if (more == NULL) return NULL;
        b->rows = more;
        b->row_room = room;
    }
    b->rows[b->row_count] = (bench_row){0};
    return &b->rows[b->row_count++];
}

static void size_row(bench_row *r)
{
    double n = (double)r->elements, side = sqrt(n);
    r->bytes_in = r->elements * sizeof(float) * r->c->inputs * (r->c->data == BENCH_SMALL ? BENCH_BATCH : 1);
    r->flops = r->c->flops * n * (r->c->data == BENCH_SQUARE ? side : 1);
    if (r->c->data == BENCH_SMALL) r->flops *= BENCH_BATCH;
    r->allowed = 0;
    if (r->config->opencl) r->allowed = r->c->ulp >= 0 ? r->c->ulp : side;
}

/* Thread numbers in between, and --sync, are worth their time at the largest size only. */
static bool wanted(const bench *b, const bench_config *config, bool largest, bool beyond)
{
    bool reference = config == &b->configs[0];
    if (beyond) return reference;
    return largest || reference || (config->opencl && !config->sync) || (config->threads == 1 && !config->sync);
}

static bool matches(const bench_case *c, const char *filter)
{
    return filter == NULL || strcasestr(c->name, filter) != NULL || strcasestr(c->group, filter) != NULL ||
           strcasestr(bench_where(c->data), filter) != NULL;
}

static bool add_rows(bench *b, const bench_case *c, uint64_t elements, bool largest)
{
    bool beyond = elements == UINT64_MAX;
    if (beyond) elements = b->machine.memory_bytes / 4 / sizeof(float) * 5;
    if (beyond && elements == 0) return true;
    for (size_t i = 0; i < b->config_count; i++) {
        if (!wanted(b, &b->configs[i], largest, beyond)) continue;
        bench_row *r = add_row(b);
        if (r == NULL) return false;
        r->c = c;
        r->config = &b->configs[i];
        r->elements = elements;
        size_row(r);
    }
    return true;
}

int bench_plan_suite(bench *b, const bench_plan *plan)
{
    bool fine = true;
    for (size_t i = 0; i < bench_case_count && fine; i++) {
        const bench_case *c = &bench_cases[i];
        if (!matches(c, plan->filter)) continue;
        int sizes = 0;
        while (sizes < BENCH_SIZES && c->size[sizes] != 0) sizes++;
        if (plan->quick) {
            fine = add_rows(b, c, c->quick, true);
            continue;
        }
        int last = sizes - (c->size[sizes - 1] == UINT64_MAX ? 2 : 1);
        for (int k = 0; k < sizes && fine; k++) {
            /* There are four arrays of it. */
            bool large = c->data < BENCH_SMALL && c->size[k] * sizeof(float) * 4 > b->machine.memory_bytes / 4;
            if (large)
                bench_note(b, "%s: no size of %" PRIu64 " elements, this machine has too little memory", c->name,
                           c->size[k]);
            else
                fine = add_rows(b, c, c->size[k], k == last);
        }
    }
    if (!fine)
        term_error("out of memory");
    else if (b->row_count == 0)
        return term_usage("--filter '%s' leaves nothing of the suite: see gpuproc help bench", plan->filter);
    return fine ? 0 : EXIT_FAILED;
}

bool bench_plan_given(bench *b, const bench_case *c, uint64_t elements, uint64_t bytes)
{
    for (size_t i = 0; i < b->config_count; i++) {
        bench_row *r = add_row(b);
        if (r == NULL) {
            term_error("out of memory");
            return false;
        }
        *r = (bench_row){.c = c, .config = &b->configs[i], .elements = elements, .bytes_in = bytes};
        r->allowed = r->config->opencl ? GIVEN_ULP : 0;
    }
    return true;
}

/* ---- Times ---------------------------------------------------------------------------- */

static bool is_beyond(const bench *b, const bench_row *r)
{
    return r->c->data == BENCH_GENERATED && r->elements * sizeof(float) > b->machine.memory_bytes;
}

static bool add_time(bench_row *r, double seconds)
{
    if (r->count == r->room) {
        size_t room = r->room * 2 + 16;
        double *more = realloc(r->seconds, 2 * room * sizeof *more);
        if (more == NULL) return false;
        r->seconds = more;
        r->room = room;
    }
    r->seconds[r->count++] = seconds;
    return true;
}

static void keep_report(bench_row *r, const gpuproc_report *report)
{
    r->overlap = report->overlap;
    snprintf(r->stage, sizeof r->stage, "%s", gpuproc_stage_name(report->limit));
    if (r->c->data == BENCH_GIVEN) {
        r->bytes_in = report->bytes_read;
        r->bytes_out = report->bytes_written;
    }
}

/* A row that cannot be measured says why, and that is all. */
static void give_up(bench *b, bench_row *r, const char *why)
{
    snprintf(r->note, sizeof r->note, "%.250s", why);
    r->count = 0;
    bench_note(b, "%s, %s: %.150s", r->c->name, r->config->name, why);
}

static void compare(bench *b, bench_row *r, const bench_result *got, const bench_result *want)
{
    r->difference =
        bench_difference(got, want, r->allowed > 0 && (r->c->data == BENCH_SQUARE || r->c->data == BENCH_GIVEN));
    r->compared = true;
    r->wrong = !(r->difference <= r->allowed);
    if (!r->wrong) return;
    b->wrong++;
    term_error("%s, %" PRIu64 " elements: %s differs from %s by %.3g units in the last place, %.3g are allowed",
               r->c->name, r->elements, r->config->name, b->configs[0].name, r->difference, r->allowed);
}

/* The run that does not count: it warms up, is compared, and tells how long one takes. `want` is the reference's
 * result; `got` is where it is kept if this is the reference. */
static bool prepare(bench *b, bench_lab *lab, bench_row *r, bench_result *reference)
{
    bool is_reference = r->config == &b->configs[0];
    gpuproc_report report = {.struct_size = sizeof report};
    gpuproc_error err = {0};
    bench_result got = {0};
    char path[600];
    if (is_beyond(b, r)) return true;
    if (r->c->data == BENCH_COLD && (!bench_lab_file(lab, 0, r->elements, path) || !bench_drop(path))) {
        give_up(b, r, "its pages cannot be dropped from the page cache");
        return true;
    }
    gpuproc_status st = bench_run_once(lab, r, is_reference, &r->prepared, &got, &report, &err);
    if (st != GPUPROC_OK) {
        if (interrupt_exit_code() == 0) give_up(b, r, err.message);
        bench_result_end(&got);
        return r->c->data != BENCH_GIVEN || !is_reference;
    }
    keep_report(r, &report);
    if (r->c->data != BENCH_GIVEN) r->bytes_out = got.data != NULL ? got.count * gpuproc_dtype_bytes(got.dtype) : 0;
    if (r->c->data == BENCH_SMALL) r->bytes_out *= BENCH_BATCH;
    if (r->config->opencl && strstr(report.device, r->config->device) == NULL)
        give_up(b, r, "not possible on this device, the CPU does it");
    else if (report.fallbacks > 0)
        bench_note(b, "%s, %s: %" PRIu64 " chunks were done again on the CPU", r->c->name, r->config->name,
                   report.fallbacks);
    if (is_reference) {
        bench_result_end(reference);
        *reference = got;
        return true;
    }
    if (reference->scalars > 0 || reference->data != NULL) compare(b, r, &got, reference);
    bench_result_end(&got);
    return true;
}

static bool is_steady(const bench_row *r)
{
    return r->rounds >= BENCH_ROUNDS || (r->rounds >= ROUNDS && r->summary.spread <= STEADY);
}

/* A round of one row: `share` seconds, one time at least. */
static int take_times(bench *b, bench_lab *lab, bench_row *r, double share)
{
    double until = bench_now() + share;
    size_t first = r->count, count = 0;
    double spread = 1;
    do {
        double seconds;
        gpuproc_error err = {0};
        gpuproc_status st = bench_run_once(lab, r, false, &seconds, NULL, NULL, &err);
        if (st != GPUPROC_OK) {
            if (interrupt_exit_code() == 0) give_up(b, r, err.message);
            return 0;
        }
        if (!add_time(r, seconds)) {
            term_error("out of memory");
            return EXIT_FAILED;
        }
        count = r->count - first;
        if (count >= LEAST_TIMES && count % LEAST_TIMES == 0) {
            memcpy(r->seconds + r->room, r->seconds + first, count * sizeof *r->seconds);
            spread = bench_summarise(r->seconds + r->room, count).spread;
        }
    } while (spread > STEADY && count < MOST_TIMES && bench_now() < until && interrupt_exit_code() == 0);
    r->end[r->rounds++] = r->count;
    r->summary = bench_summarise_rounds(r->seconds, r->end, r->rounds, r->seconds + r->room);
    return 0;
}

static bool is_active(const bench *b, const bench_plan *plan, const bench_row *r, double now, double until)
{
    bool few = r->count < (r->summary.median > LONG_TIME * plan->seconds ? 2 : FEWEST_TIMES);
    if (r->note[0] != '\0' || is_beyond(b, r)) return false;
    if (few && r->rounds < BENCH_ROUNDS) return true;
    return !is_steady(r) && now < until;
}

static void show(const bench_plan *plan, const bench_row *r, double begin, double until)
{
    char text[128];
    snprintf(text, sizeof text, "%s, %s", r->c->name, r->config->name);
    double now = bench_now();
    progress_bench(until > begin ? (now - begin) / (until - begin) : 1, text, plan->progress);
}

/* Only where the smaller sizes say that there is time for it. */
static int run_beyond(bench *b, bench_lab *lab, const bench_plan *plan)
{
    double rate = 0;
    int code = 0;
    for (size_t i = 0; i < b->row_count && code == 0 && interrupt_exit_code() == 0; i++) {
        bench_row *r = &b->rows[i];
        if (r->c->data == BENCH_GENERATED && !is_beyond(b, r) && r->config == &b->configs[0] && r->prepared > 0)
            rate = (double)r->elements / r->prepared;
        if (!is_beyond(b, r)) continue;
        double takes = rate > 0 ? (double)r->elements / rate : INFINITY;
        if (takes > HUGE_SHARE * plan->seconds) {
            snprintf(r->note, sizeof r->note, "left out: one run would take %.0f s", takes);
            continue;
        }
        code = take_times(b, lab, r, 0);
        if (code == 0 && r->note[0] == '\0') code = take_times(b, lab, r, 0);
    }
    return code;
}

int bench_run(bench *b, bench_lab *lab, const bench_plan *plan, double until)
{
    double begin = bench_now();
    bench_result reference = {0};
    int code = 0;
    bool fine = true;
    for (size_t i = 0; i < b->row_count && fine && interrupt_exit_code() == 0; i++) {
        show(plan, &b->rows[i], begin, until);
        /* A device's compiler may take seconds for each expression. */
        if (b->rows[i].config->opencl && bench_now() > until - (1 - PREPARING) * plan->seconds)
            give_up(b, &b->rows[i], "left out: preparing the others took too long, which another run may not need");
        else
            fine = prepare(b, lab, &b->rows[i], &reference);
    }
    until = fmax(until, bench_now() + MEASURING * plan->seconds);
    bench_result_end(&reference);
    if (!fine) {
        term_error("%s", b->rows[0].note[0] != '\0' ? b->rows[0].note : "it cannot be run");
        code = EXIT_FAILED;
    }
    if (code == 0) code = run_beyond(b, lab, plan);
    for (unsigned round = 0; code == 0 && interrupt_exit_code() == 0; round++) {
        size_t active = 0;
        double now = bench_now();
        for (size_t i = 0; i < b->row_count; i++) active += is_active(b, plan, &b->rows[i], now, until);
        if (active == 0) break;
        unsigned left = round + 1 < ROUNDS ? ROUNDS - round : 1;
        double share = now < until ? (until - now) / (double)active / left : 0;
        for (size_t i = 0; i < b->row_count && code == 0 && interrupt_exit_code() == 0; i++) {
            if (!is_active(b, plan, &b->rows[i], bench_now(), until)) continue;
            show(plan, &b->rows[i], begin, until);
            code = take_times(b, lab, &b->rows[i], share);
        }
    }
    if (code == 0) bench_predict_rows(b, lab);
    progress_end();
    return code;
}
