/* JSON pieces that several commands print. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <gpuproc/gpuproc.h>
#include <json-c/json.h>

/* A number or a boolean; NaN and the infinities, which JSON does not have, as the
 * strings "nan", "inf" and "-inf". Complex values as strings. */
json_object *json_value(const gpuproc_scalar *scalar);
json_object *json_shape(int ndim, const int64_t *shape);
json_object *json_report(const gpuproc_report *report);

/* Adds a member; a NULL string is null. */
void json_add_string(json_object *o, const char *key, const char *value);
void json_add_count(json_object *o, const char *key, uint64_t value);
void json_add_bool(json_object *o, const char *key, bool value);

/* Prints to standard output, one line, and frees. */
void json_print(json_object *o);

#endif
