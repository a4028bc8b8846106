/* A job's spans as Chrome trace events, which Perfetto and chrome://tracing open. */
#ifndef TRACE_JSON_H
#define TRACE_JSON_H

#include "spans.h"

#include <stdio.h>

void trace_json_write(const spans *s, FILE *out);

#endif
