/* The JSON object format: complete events ("X") of one process, whose threads are the rows; times are in
 * microseconds. Events of one thread must nest, so a row whose spans overlap has several threads. Events are
 * written one by one: a trace may be large. */
#include "trace_json.h"

#include "json_text.h"

#include <inttypes.h>

#define PID 1

static void put(FILE *out, json_object *o, const char *end)
{
    int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    fprintf(out, "%s%s\n", json_object_to_json_string_ext(o, flags), end);
    json_object_put(o);
}

static json_object *event(const char *phase, const char *name, unsigned tid)
{
    json_object *o = json_object_new_object();
    json_add_string(o, "ph", phase);
    json_add_string(o, "name", name);
    json_add_count(o, "pid", PID);
    json_add_count(o, "tid", tid);
    return o;
}

static void put_meta(FILE *out, const char *what, unsigned tid, const char *key, json_object *value)
{
    json_object *o = event("M", what, tid), *args = json_object_new_object();
    json_object_object_add(args, key, value);
    json_object_object_add(o, "args", args);
    put(out, o, ",");
}

/* Nanoseconds as microseconds, without rounding. */
static void add_us(json_object *o, const char *key, uint64_t ns)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRIu64 ".%03u", ns / 1000, (unsigned)(ns % 1000));
    json_object_object_add(o, key, json_object_new_double_s((double)ns / 1000, text));
}

static void put_names(FILE *out, const spans *s)
{
    put_meta(out, "process_name", 0, "name", json_object_new_string("gpuproc"));
    for (size_t r = 0; r < s->rows; r++) {
        const span_row *row = &s->row[r];
        for (unsigned lane = 0; lane < row->lanes; lane++) {
            char name[256], number[24] = "";
            unsigned tid = row->tid + lane;
            if (lane > 0) snprintf(number, sizeof number, " (%u)", lane + 1);
            snprintf(name, sizeof name, "%s%s%s%s", row->name, row->device_name ? ": " : "",
                     row->device_name ? row->device_name : "", number);
            put_meta(out, "thread_name", tid, "name", json_object_new_string(name));
            put_meta(out, "thread_sort_index", tid, "sort_index", json_object_new_int64(tid));
        }
    }
}

static json_object *arguments(const gpuproc_span *span)
{
    json_object *o = json_object_new_object();
    json_add_count(o, "pass", span->pass);
    if (span->chunk != GPUPROC_NO_CHUNK) json_add_count(o, "chunk", span->chunk);
    if (span->slot >= 0) json_add_count(o, "slot", (uint64_t)span->slot);
    if (span->device_name != NULL) json_add_string(o, "device", span->device_name);
    if (span->arrays != NULL) json_add_string(o, "arrays", span->arrays);
    json_add_count(o, "bytes", span->bytes);
    if (span->bytes_in_place > 0) json_add_count(o, "bytes_in_place", span->bytes_in_place);
    if (span->error_ns > 0) json_add_count(o, "clock_error_ns", span->error_ns);
    if (span->flags & GPUPROC_SPAN_FAILED) json_add_bool(o, "failed", true);
    if (span->flags & GPUPROC_SPAN_FALLBACK) json_add_bool(o, "fallback", true);
    return o;
}

static void put_span(FILE *out, const span_item *item, unsigned tid)
{
    const gpuproc_span *span = &item->span;
    const char *stage = gpuproc_stage_name(span->stage);
    char name[64];
    if (span->chunk != GPUPROC_NO_CHUNK) snprintf(name, sizeof name, "%s %" PRIu64, stage, span->chunk);
    else snprintf(name, sizeof name, "%s", stage);
    json_object *o = event("X", name, tid);
    json_add_string(o, "cat", stage);
    add_us(o, "ts", span->begin_ns);
    add_us(o, "dur", span->end_ns - span->begin_ns);
    json_object_object_add(o, "args", arguments(span));
    put(out, o, ",");
}

/* The last event closes the list without a comma: the whole job, as a row of its own below the others. */
static void put_job(FILE *out, const spans *s, unsigned tid)
{
    json_object *o = event("X", s->expression, tid);
    json_add_string(o, "cat", "job");
    add_us(o, "ts", 0);
    add_us(o, "dur", s->report.wall_ns);
    json_object_object_add(o, "args", json_object_new_object());
    put(out, o, "");
}

void trace_json_write(const spans *s, FILE *out)
{
    unsigned tid = s->rows > 0 ? s->row[s->rows - 1].tid + s->row[s->rows - 1].lanes : 1;
    json_object *about = json_object_new_object();
    json_add_string(about, "expression", s->expression);
    json_add_string(about, "version", gpuproc_version());
    json_object_object_add(about, "report", json_report(&s->report));
    fputs("{\"displayTimeUnit\":\"ms\",\n\"otherData\":", out);
    put(out, about, ",");
    fputs("\"traceEvents\":[\n", out);
    put_names(out, s);
    put_meta(out, "thread_name", tid, "name", json_object_new_string("job"));
    put_meta(out, "thread_sort_index", tid, "sort_index", json_object_new_int64(tid));
    for (size_t i = 0; i < s->count; i++) put_span(out, &s->item[i], s->row[s->item[i].row].tid + s->item[i].lane);
    put_job(out, s, tid);
    fputs("]}\n", out);
}
