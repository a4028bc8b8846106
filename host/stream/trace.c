#include "stream/trace.h"

#include "base/memory.h"

#include <string.h>

/* ---- Busy ---------------------------------------------------------------- */

static void close_first(gp_busy *busy)
{
    busy->closed_ns += busy->stretch[0].end_ns - busy->stretch[0].begin_ns;
    busy->floor_ns = busy->stretch[0].end_ns;
    memmove(&busy->stretch[0], &busy->stretch[1], --busy->open * sizeof *busy->stretch);
}

void gp_busy_add(gp_busy *busy, uint64_t begin, uint64_t end)
{
    if (begin < busy->floor_ns) begin = busy->floor_ns;
    if (end <= begin) return;
    /* The stretches from `from` on up to `to` touch the new one and become one with it. */
    size_t to = busy->open;
    while (to > 0 && busy->stretch[to - 1].begin_ns > end) to--;
    size_t from = to;
    while (from > 0 && busy->stretch[from - 1].end_ns >= begin) {
        from--;
        if (busy->stretch[from].begin_ns < begin) begin = busy->stretch[from].begin_ns;
        if (busy->stretch[from].end_ns > end) end = busy->stretch[from].end_ns;
    }
    if (from == to && busy->open == GP_TRACE_OPEN) {
        if (from == 0) { /* before all that are open: it is the one to close */
            busy->closed_ns += end - begin;
            busy->floor_ns = end;
            return;
        }
        close_first(busy);
        from--;
        to--;
    }
    memmove(&busy->stretch[from + 1], &busy->stretch[to], (busy->open - to) * sizeof *busy->stretch);
    busy->open = busy->open - (to - from) + 1;
    busy->stretch[from].begin_ns = begin;
    busy->stretch[from].end_ns = end;
}

uint64_t gp_busy_ns(const gp_busy *busy)
{
    uint64_t ns = busy->closed_ns;
    for (size_t i = 0; i < busy->open; i++) ns += busy->stretch[i].end_ns - busy->stretch[i].begin_ns;
    return ns;
}

/* ---- Spans ----------------------------------------------------------------- */

static bool make_room(gp_trace *trace)
{
    if (trace->spans >= trace->limit) return false;
    if (gp_grow(&trace->span, &trace->room, trace->spans + 1, sizeof *trace->span)) return true;
    trace->limit = trace->spans; /* it is the job that counts */
    return false;
}

void gp_trace_add(gp_trace *trace, const gp_trace_span *span)
{
    gp_trace_stage *s = &trace->stage[span->stage];
    s->spans++;
    s->sum_ns += span->end_ns - span->begin_ns;
    s->bytes += span->bytes;
    s->bytes_in_place += span->bytes_in_place;
    gp_busy_add(&s->busy, span->begin_ns, span->end_ns);
    if (span->error_ns > trace->error_ns) trace->error_ns = span->error_ns;
    if (trace->limit == 0) return;
    if (make_room(trace)) trace->span[trace->spans++] = *span;
    else trace->dropped++;
}

void gp_trace_free(gp_trace *trace)
{
    free(trace->span);
    *trace = (gp_trace){0};
}

/* ---- Report ---------------------------------------------------------------- */

void gp_trace_report(const gp_trace *trace, uint64_t wall_ns, gpuproc_report *report)
{
    uint64_t longest = 0, all = 0;
    for (int i = 0; i < GPUPROC_STAGES; i++) {
        const gp_trace_stage *s = &trace->stage[i];
        gpuproc_stage_report *r = &report->stage[i];
        *r = (gpuproc_stage_report){.spans = s->spans, .busy_ns = gp_busy_ns(&s->busy), .sum_ns = s->sum_ns,
                                    .bytes = s->bytes, .bytes_in_place = s->bytes_in_place};
        all += r->busy_ns;
        if (r->busy_ns > longest) {
            longest = r->busy_ns;
            report->limit = (gpuproc_stage)i;
        }
    }
    report->wall_ns = wall_ns;
    report->limit_share = wall_ns > 0 ? (double)longest / (double)wall_ns : 0;
    report->overlap = wall_ns > 0 ? (double)all / (double)wall_ns : 0;
    report->clock_error_ns = trace->error_ns;
    report->spans_dropped = trace->dropped;
}
