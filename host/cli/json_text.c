#include "json_text.h"

#include "stdout.h"
#include "values.h"

#include <math.h>

json_object *json_value(const gpuproc_scalar *scalar)
{
    char text[VALUE_TEXT];
    switch (scalar->dtype) {
    case GPUPROC_BOOL: return json_object_new_boolean(scalar->value.u != 0);
    case GPUPROC_INT8:
    case GPUPROC_INT16:
    case GPUPROC_INT32:
    case GPUPROC_INT64: return json_object_new_int64(scalar->value.i);
    case GPUPROC_UINT8:
    case GPUPROC_UINT16:
    case GPUPROC_UINT32:
    case GPUPROC_UINT64: return json_object_new_uint64(scalar->value.u);
    case GPUPROC_FLOAT16:
    case GPUPROC_FLOAT32:
    case GPUPROC_FLOAT64:
        value_text(scalar, text);
        if (!isfinite(scalar->value.f)) return json_object_new_string(text);
        return json_object_new_double_s(scalar->value.f, text);
    default: return json_object_new_string(value_text(scalar, text));
    }
}

json_object *json_shape(int ndim, const int64_t *shape)
{
    json_object *a = json_object_new_array();
    for (int d = 0; d < ndim; d++) json_object_array_add(a, json_object_new_int64(shape[d]));
    return a;
}

void json_add_string(json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, value != NULL ? json_object_new_string(value) : NULL);
}

void json_add_count(json_object *o, const char *key, uint64_t value)
{
    json_object_object_add(o, key, json_object_new_uint64(value));
}

void json_add_bool(json_object *o, const char *key, bool value)
{
    json_object_object_add(o, key, json_object_new_boolean(value));
}

static void json_add_number(json_object *o, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.6g", value);
    json_object_object_add(o, key, json_object_new_double_s(value, text));
}

/* Those that did something, by name. */
static json_object *json_stages(const gpuproc_report *r)
{
    json_object *all = json_object_new_object();
    for (int i = 0; i < GPUPROC_STAGES; i++) {
        const gpuproc_stage_report *s = &r->stage[i];
        if (s->spans == 0) continue;
        json_object *o = json_object_new_object();
        json_add_count(o, "spans", s->spans);
        json_add_count(o, "busy_ns", s->busy_ns);
        json_add_count(o, "sum_ns", s->sum_ns);
        json_add_count(o, "bytes", s->bytes);
        json_add_count(o, "bytes_in_place", s->bytes_in_place);
        json_object_object_add(all, gpuproc_stage_name((gpuproc_stage)i), o);
    }
    return all;
}

/* By stage, where the job was calculated beforehand. */
static json_object *json_predicted(const gpuproc_report *r)
{
    if (r->predicted_wall_ns == 0) return NULL;
    json_object *o = json_object_new_object();
    json_add_bool(o, "calibrated", r->predicted_calibrated);
    json_add_count(o, "wall_ns", r->predicted_wall_ns);
    for (int i = 0; i < GPUPROC_STAGES; i++) {
        if (r->predicted_ns[i] > 0) json_add_count(o, gpuproc_stage_name((gpuproc_stage)i), r->predicted_ns[i]);
    }
    return o;
}

json_object *json_report(const gpuproc_report *r)
{
    json_object *o = json_object_new_object();
    json_add_string(o, "device", r->device);
    json_add_string(o, "reason", r->reason);
    json_add_count(o, "passes", r->passes);
    json_add_count(o, "slots", r->slots);
    json_add_count(o, "threads", r->threads);
    json_add_count(o, "chunks", r->chunks);
    json_add_count(o, "chunk_elements", r->chunk_elements);
    json_add_count(o, "bytes_read", r->bytes_read);
    json_add_count(o, "bytes_viewed", r->bytes_viewed);
    json_add_count(o, "bytes_written", r->bytes_written);
    json_add_count(o, "wall_ns", r->wall_ns);
    json_object_object_add(o, "stages", json_stages(r));
    json_object_object_add(o, "predicted", json_predicted(r));
    json_add_string(o, "limit", gpuproc_stage_name(r->limit));
    json_add_number(o, "limit_share", r->limit_share);
    json_add_number(o, "overlap", r->overlap);
    json_add_count(o, "clock_error_ns", r->clock_error_ns);
    json_add_count(o, "spans_dropped", r->spans_dropped);
    json_add_count(o, "program_ns", r->program_ns);
    json_add_bool(o, "program_cached", r->program_cached);
    json_add_count(o, "memory_bytes", r->memory_bytes);
    json_add_count(o, "fallbacks", r->fallbacks);
    json_add_count(o, "retries", r->retries);
    json_add_count(o, "rounds", r->rounds);
    json_add_count(o, "product_bytes", r->product_bytes);
    json_add_count(o, "product_least_bytes", r->product_least_bytes);
    json_add_string(o, "warnings", r->warnings);
    return o;
}

void json_print(json_object *o)
{
    int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    fprintf(stdout_stream(), "%s\n", json_object_to_json_string_ext(o, flags));
    json_object_put(o);
}
