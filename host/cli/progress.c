#include "progress.h"

#include "term.h"
#include "values.h"

#include <inttypes.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define FIRST_AFTER (1000 * MS) /* short jobs draw nothing */
#define EVERY (100 * MS)
#define EVERY_JSON (500 * MS)

bool progress_parse(const char *text, progress_mode *mode)
{
    static const char *const words[] = {"auto", "always", "never", "json"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *mode = (progress_mode)i;
        return true;
    }
    term_error("--progress '%s': expected auto, always, never or json", text);
    return false;
}

static const char full[] = "########################################";

/* Columns of a bar beside `others`. */
static int bar_room(int others)
{
    int room = term_width() - others;
    return room > 40 ? 40 : room < 5 ? 5 : room;
}

static void draw_bar(const gpuproc_progress *p)
{
    double part = p->bytes_total > 0 ? (double)p->bytes_done / (double)p->bytes_total : 0;
    if (part > 1) part = 1;
    double seconds = (double)p->elapsed_ns / 1e9;
    double rate = seconds > 0 ? (double)p->bytes_done / seconds : 0;
    char line[256], pass[32] = "", left[48] = "";
    if (p->passes > 1) snprintf(pass, sizeof pass, "pass %u/%u ", p->pass, p->passes);
    if (rate > 0 && part > 0.01 && part < 1) {
        uint64_t s = (uint64_t)((double)(p->bytes_total - p->bytes_done) / rate + 0.5);
        if (s < 360000)
            snprintf(left, sizeof left, ", %" PRIu64 ":%02" PRIu64 " left", s / 60, s % 60);
    }
    int width = term_width(), room = bar_room(45);
    int marks = (int)(part * room);
    int n = snprintf(line, sizeof line, "%s[%.*s%*s] %3d%% %.2f GB/s%s", pass, marks, full,
                     room - marks, "", (int)(part * 100), rate / 1e9, left);
    if (n >= width && width > 1 && width < (int)sizeof line) line[width - 1] = '\0';
    term_progress(line);
}

static void print_json(const gpuproc_progress *p, bool end)
{
    fprintf(stderr,
            "{\"progress\":\"%s\",\"pass\":%u,\"passes\":%u,\"bytes_done\":%" PRIu64
            ",\"bytes_total\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64 "}\n",
            end ? "end" : "running", p->pass, p->passes, p->bytes_done, p->bytes_total,
            p->elapsed_ns);
}

gpuproc_status progress_wait(gpuproc_job *job, progress_mode mode, gpuproc_error *err)
{
    bool bar = mode == PROGRESS_ALWAYS || (mode == PROGRESS_AUTO && term_is_interactive());
    bool json = mode == PROGRESS_JSON;
    uint64_t wait = UINT64_MAX;
    if (bar) wait = mode == PROGRESS_ALWAYS ? EVERY : FIRST_AFTER;
    if (json) wait = EVERY_JSON;
    gpuproc_progress p = {.struct_size = sizeof p};
    gpuproc_status st;
    while ((st = gpuproc_job_wait(job, wait, err)) == GPUPROC_TIMEOUT) {
        gpuproc_job_progress(job, &p);
        if (json) print_json(&p, false);
        else draw_bar(&p);
        if (bar) wait = EVERY;
    }
    if (bar) term_progress(NULL);
    if (json) {
        gpuproc_job_progress(job, &p);
        print_json(&p, true);
    }
    return st;
}

void progress_tune(const gpuproc_tune_progress *p, progress_mode mode)
{
    const char *dtype = gpuproc_dtype_name(p->dtype);
    double part = p->limit_ns > 0 ? (double)p->elapsed_ns / (double)p->limit_ns : 0;
    if (part > 1) part = 1;
    if (mode == PROGRESS_JSON) {
        fprintf(stderr,
                "{\"progress\":\"running\",\"dtype\":\"%s\",\"tried\":%u,\"elapsed_ns\":%" PRIu64
                ",\"limit_ns\":%" PRIu64 ",\"gflops_before\":%.6g,\"gflops_best\":%.6g}\n",
                dtype, p->tried, p->elapsed_ns, p->limit_ns, p->gflops_before, p->gflops_best);
        return;
    }
    if (mode != PROGRESS_ALWAYS && !(mode == PROGRESS_AUTO && term_is_interactive())) return;
    char line[256], state[96];
    if (p->gflops_before > 0)
        snprintf(state, sizeof state, "%u tried, %.4g -> %.4g GFLOP/s", p->tried, p->gflops_before, p->gflops_best);
    else snprintf(state, sizeof state, "compiling and measuring as it is");
    int room = bar_room(60), marks = (int)(part * room);
    snprintf(line, sizeof line, "%s [%.*s%*s] %3d%% %s", dtype, marks, full, room - marks, "", (int)(part * 100), state);
    int width = term_width();
    if (width > 1 && width < (int)sizeof line) line[width - 1] = '\0';
    term_progress(line);
}

static void progress_part(double part, const char *what, int most, progress_mode mode)
{
    if (mode != PROGRESS_ALWAYS && !(mode == PROGRESS_AUTO && term_is_interactive())) return;
    char line[256];
    int room = bar_room(most), marks = (int)(part * room);
    snprintf(line, sizeof line, "[%.*s%*s] %3d%% %.100s", marks, full, room - marks, "", (int)(part * 100), what);
    int width = term_width();
    if (width > 1 && width < (int)sizeof line) line[width - 1] = '\0';
    term_progress(line);
}

void progress_bench(double part, const char *text, progress_mode mode)
{
    if (part > 1) part = 1;
    if (mode == PROGRESS_JSON) fprintf(stderr, "{\"progress\":\"running\",\"part\":%.4f,\"what\":\"%s\"}\n", part, text);
    else progress_part(part, text, 50, mode);
}

void progress_calibrate(const gpuproc_calibrate_progress *p, progress_mode mode)
{
    if (mode == PROGRESS_JSON)
        fprintf(stderr, "{\"progress\":\"running\",\"what\":\"%s\",\"part\":%.3f,\"elapsed_ns\":%" PRIu64 "}\n",
                p->what, p->part, p->elapsed_ns);
    else progress_part(p->part, p->what, 60, mode);
}

void progress_end(void) { term_progress(NULL); }
