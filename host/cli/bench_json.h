/* A bench as JSON: what --json prints, --html takes along and --compare reads. */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include "bench.h"
#include "json_text.h"

json_object *bench_json(const bench *b);

/* Reads one of a file ('-': standard input). NULL, told, where it is none. Free with json_object_put. */
json_object *bench_json_read(const char *path);

/* Says what differs between two beyond noise, to `out`. Returns the exit code: 0 nothing is slower, 4 something
 * is, 1 (told) where they cannot be compared. */
#define BENCH_EXIT_SLOWER 4
int bench_compare(json_object *old, json_object *now, bool as_json, FILE *out);

#endif
