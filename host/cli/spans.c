#include "spans.h"

#include <stdlib.h>
#include <string.h>

static const char *const row_names[GPUPROC_STAGES] = {
    [GPUPROC_STAGE_READ] = "disk in", [GPUPROC_STAGE_UPLOAD] = "up",
    [GPUPROC_STAGE_KERNEL] = "compute", [GPUPROC_STAGE_DOWNLOAD] = "down",
    [GPUPROC_STAGE_FOLD] = "fold", [GPUPROC_STAGE_WRITE] = "disk out",
    [GPUPROC_STAGE_PROGRAM] = "program", [GPUPROC_STAGE_SPOOL] = "spool",
    [GPUPROC_STAGE_COMMIT] = "commit",
    [GPUPROC_STAGE_OPEN] = "open"};

/* What is before the chunks stands above them. */
static int place_of(gpuproc_stage stage)
{
    static const int place[GPUPROC_STAGES] = {
        [GPUPROC_STAGE_OPEN] = 0,     [GPUPROC_STAGE_SPOOL] = 1,  [GPUPROC_STAGE_PROGRAM] = 2,
        [GPUPROC_STAGE_READ] = 3,     [GPUPROC_STAGE_UPLOAD] = 4, [GPUPROC_STAGE_KERNEL] = 5,
        [GPUPROC_STAGE_DOWNLOAD] = 6, [GPUPROC_STAGE_FOLD] = 7,   [GPUPROC_STAGE_WRITE] = 8,
        [GPUPROC_STAGE_COMMIT] = 9};
    return place[stage];
}

/* Also the order of items: programs of several devices are one row. */
static int device_of(const gpuproc_span *span)
{
    return span->stage == GPUPROC_STAGE_PROGRAM ? -1 : span->device;
}

static int by_number(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

static int compare(const void *a, const void *b)
{
    const gpuproc_span *x = &((const span_item *)a)->span, *y = &((const span_item *)b)->span;
    if (x->stage != y->stage) return place_of(x->stage) - place_of(y->stage);
    if (device_of(x) != device_of(y)) return device_of(x) - device_of(y);
    if (x->begin_ns != y->begin_ns) return by_number(x->begin_ns, y->begin_ns);
    return by_number(x->end_ns, y->end_ns);
}

/* Each span goes to the first lane that is free. */
static bool fill_row(spans *s, unsigned number)
{
    span_row *row = &s->row[number];
    uint64_t covered = 0, *free_at = NULL;
    for (size_t i = row->first; i < row->first + row->count; i++) {
        span_item *item = &s->item[i];
        const gpuproc_span *span = &item->span;
        unsigned lane = 0;
        while (lane < row->lanes && free_at[lane] > span->begin_ns) lane++;
        if (lane == row->lanes) {
            uint64_t *more = realloc(free_at, ++row->lanes * sizeof *free_at);
            if (more == NULL) {
                free(free_at);
                return false;
            }
            free_at = more;
        }
        free_at[lane] = span->end_ns;
        item->row = number;
        item->lane = lane;
        uint64_t begin = span->begin_ns > covered ? span->begin_ns : covered;
        if (span->end_ns > begin) {
            row->busy_ns += span->end_ns - begin;
            covered = span->end_ns;
        }
        row->bytes += span->bytes;
        row->bytes_in_place += span->bytes_in_place;
    }
    free(free_at);
    return true;
}

/* A device's name is told where there are several. */
static void name_devices(spans *s)
{
    int seen = -1;
    bool several = false;
    for (size_t i = 0; i < s->rows; i++) {
        if (s->row[i].device < 0) continue;
        several = several || (seen >= 0 && s->row[i].device != seen);
        seen = s->row[i].device;
    }
    for (size_t i = 0; i < s->rows && !several; i++) s->row[i].device_name = NULL;
}

static bool make_rows(spans *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const gpuproc_span *span = &s->item[i].span;
        span_row *last = s->rows > 0 ? &s->row[s->rows - 1] : NULL;
        if (last == NULL || last->stage != span->stage || last->device != device_of(span)) {
            span_row *more = realloc(s->row, (s->rows + 1) * sizeof *more);
            if (more == NULL) return false;
            s->row = more;
            last = &more[s->rows++];
            *last = (span_row){.stage = span->stage, .device = device_of(span), .first = i,
                               .name = row_names[span->stage],
                               .device_name = device_of(span) >= 0 ? span->device_name : NULL};
        }
        last->count++;
    }
    for (unsigned r = 0, tid = 1; r < s->rows; r++) {
        if (!fill_row(s, r)) return false;
        s->row[r].tid = tid;
        tid += s->row[r].lanes;
    }
    name_devices(s);
    return true;
}

bool spans_take(spans *s, const gpuproc_job *job, const char *expression)
{
    *s = (spans){.expression = expression, .report = {.struct_size = sizeof s->report}};
    gpuproc_job_report(job, &s->report);
    size_t count = gpuproc_job_span_count(job);
    s->item = calloc(count + 1, sizeof *s->item);
    if (s->item == NULL) return false;
    for (; s->count < count; s->count++) {
        gpuproc_span *span = &s->item[s->count].span;
        span->struct_size = sizeof *span;
        if (gpuproc_job_span(job, s->count, span, NULL) != GPUPROC_OK) break;
    }
    qsort(s->item, s->count, sizeof *s->item, compare);
    return make_rows(s);
}

void spans_free(spans *s)
{
    free(s->item);
    free(s->row);
    *s = (spans){0};
}

bool spans_limits(const spans *s, const span_row *row) { return row->stage == s->report.limit; }
