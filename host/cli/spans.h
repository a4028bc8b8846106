/* The spans of a job in the rows that a trace and a timeline show: one for each stage, and for each device
 * where a stage is a device's. */
#ifndef SPANS_H
#define SPANS_H

#include <gpuproc/gpuproc.h>

#define SPANS_MOST ((uint64_t)1 << 18) /* that are asked for */

typedef struct span_row {
    gpuproc_stage stage;
    int device;              /* -1: the host's */
    const char *name;        /* "disk in" */
    const char *device_name; /* the job's; NULL where there is one device only, or none */
    size_t first, count;     /* in spans.item */
    unsigned tid;            /* of the first lane, from 1; the others follow */
    unsigned lanes;          /* that its spans take so that none overlap */
    uint64_t busy_ns;        /* when at least one was under way */
    uint64_t bytes, bytes_in_place;
} span_row;

typedef struct span_item {
    gpuproc_span span;
    unsigned row, lane;
} span_item;

typedef struct spans {
    span_item *item; /* by row, in it by begin */
    size_t count;
    span_row *row;   /* in the order in which a chunk goes */
    size_t rows;
    gpuproc_report report;
    const char *expression; /* borrowed */
} spans;

/* False when out of memory. The job must live as long. Free with spans_free in either case. */
bool spans_take(spans *s, const gpuproc_job *job, const char *expression);
void spans_free(spans *s);

/* Whether the row is of the stage that limits. */
bool spans_limits(const spans *s, const span_row *row);

#endif
