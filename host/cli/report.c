#include "report.h"

#include "term.h"
#include "values.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* ---- Notes --------------------------------------------------------------- */

static void note_times(const gpuproc_report *r)
{
    char text[256] = "";
    for (int i = 0; i <= GPUPROC_STAGE_WRITE; i++) {
        size_t n = strlen(text);
        if (r->stage[i].busy_ns > 0)
            snprintf(text + n, sizeof text - n, ", %s %.3f s", gpuproc_stage_name((gpuproc_stage)i),
                     (double)r->stage[i].busy_ns / 1e9);
    }
    double wall = (double)r->wall_ns / 1e9;
    uint64_t moved = r->bytes_read + r->bytes_written;
    term_note("time: %.3f s in all%s (stages overlap); %.2f GB/s", wall, text,
              wall > 0 ? (double)moved / wall / 1e9 : 0.0);
}

void report_note(const gpuproc_report *r)
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

/* ---- The table ----------------------------------------------------------- */

/* "predicted" of a stage; "" where nothing was. */
static const char *predicted_text(const gpuproc_report *r, gpuproc_stage stage, char buf[VALUE_TEXT])
{
    if (r->predicted_wall_ns == 0) return "";
    return r->predicted_ns[stage] > 0 ? time_text(r->predicted_ns[stage], buf) : "-";
}

static void print_stage(const gpuproc_report *r, gpuproc_stage stage)
{
    char predicted[VALUE_TEXT];
    const gpuproc_stage_report *s = &r->stage[stage];
    char busy[VALUE_TEXT], bytes[VALUE_TEXT], rate[VALUE_TEXT];
    if (s->spans == 0) return;
    uint64_t moved = s->bytes - s->bytes_in_place;
    double share = r->wall_ns > 0 ? 100.0 * (double)s->busy_ns / (double)r->wall_ns : 0;
    if (s->bytes > 0) bytes_text(s->bytes, bytes);
    else bytes[0] = '\0';
    const char *how = moved == 0 && s->bytes > 0 ? "in place" : rate_text(moved, s->busy_ns, rate);
    char line[256];
    int n = snprintf(line, sizeof line, "%-9s %9s %9s %5.1f %% %7" PRIu64 " %11s  %9s%s", gpuproc_stage_name(stage),
                     time_text(s->busy_ns, busy), predicted_text(r, stage, predicted), share, s->spans, bytes, how,
                     stage == r->limit && s->busy_ns > 0 ? "  <- limits" : "");
    while (n > 0 && line[n - 1] == ' ') line[--n] = '\0';
    term_hint("%s", line);
}

static void print_overlap(const gpuproc_report *r)
{
    char sum[VALUE_TEXT], wall[VALUE_TEXT];
    uint64_t all = 0;
    for (int i = 0; i < GPUPROC_STAGES; i++) all += r->stage[i].busy_ns;
    term_hint("overlap: longest stage / wall %.2f, sum of stages / wall %.2f", r->limit_share, r->overlap);
    term_hint("stages one after the other: %s; wall: %s", time_text(all, sum),
              time_text(r->wall_ns, wall));
}

static void print_trouble(const gpuproc_report *r)
{
    if (r->rounds > 0)
        term_hint("data went through %" PRIu64 " more time%s, for results that need it", r->rounds,
                  r->rounds == 1 ? "" : "s");
    if (r->retries + r->fallbacks == 0) {
        term_hint("retries and fallbacks: none");
        return;
    }
    term_hint("retries: %" PRIu64 " with smaller chunks; fallbacks: %" PRIu64 " to the CPU", r->retries,
              r->fallbacks);
}

void report_print(const gpuproc_report *r)
{
    char a[VALUE_TEXT], b[VALUE_TEXT], wall[VALUE_TEXT];
    struct rusage usage;
    term_say("report: %s on %s%s%s%s", time_text(r->wall_ns, wall), r->device[0] ? r->device : "no device",
             r->reason[0] ? " (" : "", r->reason, r->reason[0] ? ")" : "");
    term_hint("%-9s %9s %9s %7s %7s %11s  %9s", "stage", "busy", "predicted", "of wall", "spans", "bytes", "rate");
    for (int i = 0; i < GPUPROC_STAGES; i++) print_stage(r, (gpuproc_stage)i);
    print_overlap(r);
    if (r->predicted_wall_ns > 0 && r->wall_ns > 0)
        term_hint("predicted: %s, %.2f of what it took%s", time_text(r->predicted_wall_ns, wall),
                  (double)r->predicted_wall_ns / (double)r->wall_ns,
                  r->predicted_calibrated ? "" : " (not calibrated: see gpuproc calibrate)");
    term_hint("plan: passes %u, chunks %" PRIu64 " of %" PRIu64 " elements, slots %u", r->passes, r->chunks,
              r->chunk_elements, r->slots);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        term_hint("memory: %s taken for chunks and arrays, %s resident at the peak", bytes_text(r->memory_bytes, a),
                  bytes_text((uint64_t)usage.ru_maxrss * 1024, b));
    if (r->clock_error_ns > 0)
        term_hint("the device's times may be off by %s", time_text(r->clock_error_ns, a));
    print_trouble(r);
}
