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

json_object *json_report(const gpuproc_report *r)
{
    json_object *o = json_object_new_object();
    json_add_string(o, "device", r->device);
    json_add_string(o, "reason", r->reason);
    json_add_count(o, "passes", r->passes);
    json_add_count(o, "slots", r->slots);
    json_add_count(o, "chunks", r->chunks);
    json_add_count(o, "chunk_elements", r->chunk_elements);
    json_add_count(o, "bytes_read", r->bytes_read);
    json_add_count(o, "bytes_viewed", r->bytes_viewed);
    json_add_count(o, "bytes_written", r->bytes_written);
    json_add_count(o, "wall_ns", r->wall_ns);
    json_add_count(o, "read_ns", r->read_ns);
    json_add_count(o, "upload_ns", r->upload_ns);
    json_add_count(o, "kernel_ns", r->kernel_ns);
    json_add_count(o, "download_ns", r->download_ns);
    json_add_count(o, "write_ns", r->write_ns);
    json_add_count(o, "program_ns", r->program_ns);
    json_add_bool(o, "program_cached", r->program_cached);
    json_add_count(o, "memory_bytes", r->memory_bytes);
    json_add_count(o, "fallbacks", r->fallbacks);
    json_add_string(o, "warnings", r->warnings);
    return o;
}

void json_print(json_object *o)
{
    int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    fprintf(stdout_stream(), "%s\n", json_object_to_json_string_ext(o, flags));
    json_object_put(o);
}
