/* The JSON object format: complete events ("X") of one process, whose threads are the rows; times are in
 * microseconds. Events of one thread must nest, so a row whose spans overlap has several threads. */
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

static void put_meta(FILE *out, const char *what, unsigned tid, const char *key, json_object *value)
{
    json_object *o = json_object_new_object(), *args = json_object_new_object();
    json_add_string(o, "ph", "M");
    json_add_string(o, "name", what);
    json_add_count(o, "pid", PID);
    json_add_count(o, "tid", tid);
    json_object_object_add(args, key, value);
    json_object_object_add(o, "args", args);
    put(out, o, ",");
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

/* Spans are many: they are printed directly, but for texts that are not ours. */
static void put_string(FILE *out, const char *key, const char *text)
{
    if (text == NULL) return;
    json_object *o = json_object_new_string(text);
    fprintf(out, ",\"%s\":%s", key, json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

/* Nanoseconds as microseconds, without rounding. */
static void put_times(FILE *out, uint64_t begin_ns, uint64_t end_ns)
{
    uint64_t ns = end_ns - begin_ns;
    fprintf(out, ",\"ts\":%" PRIu64 ".%03u,\"dur\":%" PRIu64 ".%03u", begin_ns / 1000, (unsigned)(begin_ns % 1000),
            ns / 1000, (unsigned)(ns % 1000));
}

static void put_span(FILE *out, const span_item *item, unsigned tid)
{
    const gpuproc_span *span = &item->span;
    const char *stage = gpuproc_stage_name(span->stage);
    fprintf(out, "{\"ph\":\"X\",\"name\":\"%s", stage);
    if (span->chunk != GPUPROC_NO_CHUNK) fprintf(out, " %" PRIu64, span->chunk);
    fprintf(out, "\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%u", stage, PID, tid);
    put_times(out, span->begin_ns, span->end_ns);
    fprintf(out, ",\"args\":{\"pass\":%u", span->pass);
    if (span->chunk != GPUPROC_NO_CHUNK) fprintf(out, ",\"chunk\":%" PRIu64, span->chunk);
    if (span->slot >= 0) fprintf(out, ",\"slot\":%d", span->slot);
    put_string(out, "device", span->device_name);
    put_string(out, "arrays", span->arrays);
    fprintf(out, ",\"bytes\":%" PRIu64, span->bytes);
    if (span->bytes_in_place > 0) fprintf(out, ",\"bytes_in_place\":%" PRIu64, span->bytes_in_place);
    if (span->error_ns > 0) fprintf(out, ",\"clock_error_ns\":%" PRIu64, span->error_ns);
    if (span->flags & GPUPROC_SPAN_FAILED) fputs(",\"failed\":true", out);
    if (span->flags & GPUPROC_SPAN_FALLBACK) fputs(",\"fallback\":true", out);
    fputs("}},\n", out);
}

/* The last event closes the list without a comma: the whole job, as a row of its own below the others. */
static void put_job(FILE *out, const spans *s, unsigned tid)
{
    fprintf(out, "{\"ph\":\"X\",\"cat\":\"job\",\"pid\":%d,\"tid\":%u", PID, tid);
    put_string(out, "name", s->expression);
    put_times(out, 0, s->report.wall_ns);
    fputs(",\"args\":{}}\n", out);
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
