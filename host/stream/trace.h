/* What happened in a job, and when: one span for each stage of a chunk, and the sums over them, which are
 * made from the same spans. The loop thread alone writes; anyone reads when the job has ended.
 *
 * Spans are kept where they were asked for, up to a number; the sums go on behind it. */
#ifndef GP_STREAM_TRACE_H
#define GP_STREAM_TRACE_H

#include "base/error.h"

typedef struct gp_trace_span {
    uint64_t begin_ns, end_ns; /* by gp_now_ns's clock */
    uint64_t chunk;            /* of the pass; GPUPROC_NO_CHUNK: of none */
    uint64_t bytes, bytes_in_place;
    uint32_t error_ns; /* how wrong begin and end may be: device times were mapped to the host's clock */
    uint32_t pass;     /* from 1; 0: before them */
    int16_t slot, device; /* -1: none; device: index in gp_run.device, or their number: the CPU beside them */
    uint8_t stage;        /* gpuproc_stage */
    uint8_t flags;        /* GPUPROC_SPAN_* */
} gp_trace_span;

/* The time in which at least one of the spans was under way, without keeping the spans. They come about in
 * the order of their ends, so only the last stretches are still open; a span that reaches back behind
 * `floor_ns`, over more gaps than are kept, is cut there. */
#define GP_TRACE_OPEN 64
typedef struct gp_busy {
    uint64_t closed_ns, floor_ns;
    size_t open;
    struct {
        uint64_t begin_ns, end_ns;
    } stretch[GP_TRACE_OPEN]; /* ascending, apart */
} gp_busy;

void gp_busy_add(gp_busy *busy, uint64_t begin_ns, uint64_t end_ns);
uint64_t gp_busy_ns(const gp_busy *busy);

typedef struct gp_trace_stage {
    uint64_t spans, sum_ns, bytes, bytes_in_place;
    gp_busy busy;
} gp_trace_stage;

typedef struct gp_trace {
    uint64_t limit; /* spans to keep; 0: only the sums */
    gp_trace_span *span;
    size_t spans, room;
    uint64_t dropped; /* beyond the limit, or out of memory for them */
    gp_trace_stage stage[GPUPROC_STAGES];
    uint64_t error_ns; /* the largest */
} gp_trace;

/* Never fails: what cannot be kept is counted. */
void gp_trace_add(gp_trace *trace, const gp_trace_span *span);
void gp_trace_free(gp_trace *trace);

/* The report's part: stages, which of them limits, and how well they overlap. */
void gp_trace_report(const gp_trace *trace, uint64_t wall_ns, gpuproc_report *report);

#endif
