#include "bench_json.h"

#include "term.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FILE (64u << 20)

/* With nine digits; JSON has no infinities, so these are null. */
static void add_number(json_object *o, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.9g", value);
    json_object_object_add(o, key, isfinite(value) ? json_object_new_double_s(value, text) : NULL);
}

static json_object *machine_json(const bench *b)
{
    json_object *o = json_object_new_object();
    const bench_machine *m = &b->machine;
    json_add_string(o, "cpu", m->cpu);
    json_add_count(o, "cores", m->cores);
    json_add_count(o, "memory_bytes", m->memory_bytes);
    json_add_string(o, "kernel", m->kernel);
    json_add_string(o, "temporary_files", m->temporary);
    add_number(o, "others_cores", m->others >= 0 ? m->others : NAN);
    return o;
}

static json_object *devices_json(const bench *b)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < b->device_count; i++) {
        const gpuproc_device_info *d = &b->devices[i];
        json_object *o = json_object_new_object();
        json_add_count(o, "index", i);
        json_add_string(o, "name", d->name);
        json_add_string(o, "vendor", d->vendor);
        json_add_string(o, "driver", d->driver);
        json_add_string(o, "platform", d->platform);
        json_add_count(o, "compute_units", d->compute_units);
        json_add_count(o, "memory_bytes", d->memory_bytes);
        json_add_string(o, "matrices", d->matrices);
        json_object_array_add(list, o);
    }
    return list;
}

static json_object *limits_json(const bench_limits *l)
{
    json_object *o = json_object_new_object(), *memory = json_object_new_array();
    for (int i = 0; i < BENCH_SIZES; i++) {
        json_object *level = json_object_new_object();
        if (l->memory[i].bytes == 0) {
            json_object_put(level);
            continue;
        }
        json_add_count(level, "bytes", l->memory[i].bytes);
        add_number(level, "read_bytes_per_s", l->memory[i].read);
        add_number(level, "copy_bytes_per_s", l->memory[i].copy);
        json_object_array_add(memory, level);
    }
    json_object_object_add(o, "memory", memory);
    add_number(o, "one_thread_read_bytes_per_s", l->read_one);
    add_number(o, "one_thread_copy_bytes_per_s", l->copy_one);
    add_number(o, "flops", l->flops);
    add_number(o, "one_thread_flops", l->flops_one);
    add_number(o, "cached_file_bytes_per_s", l->cached);
    add_number(o, "cold_file_bytes_per_s", l->cold);
    return o;
}

static json_object *row_json(const bench_row *r)
{
    json_object *o = json_object_new_object();
    json_add_string(o, "case", r->c->name);
    json_add_string(o, "group", r->c->group);
    json_add_string(o, "expression", r->c->expression);
    json_add_string(o, "data", bench_where(r->c->data));
    json_add_count(o, "elements", r->elements);
    json_add_count(o, "bytes_in", r->bytes_in);
    json_add_count(o, "bytes_out", r->bytes_out);
    add_number(o, "flops", r->flops);
    json_add_count(o, "jobs", r->c->data == BENCH_SMALL ? BENCH_BATCH : 1);
    json_add_string(o, "config", r->config->name);
    json_add_string(o, "device", r->config->device);
    json_add_count(o, "threads", r->config->threads);
    json_add_bool(o, "sync", r->config->sync);
    json_add_count(o, "samples", r->summary.count);
    bool timed = r->summary.count > 0;
    add_number(o, "median_s", timed ? r->summary.median : NAN);
    add_number(o, "spread", timed ? r->summary.spread : NAN);
    add_number(o, "min_s", timed ? r->summary.least : NAN);
    add_number(o, "max_s", timed ? r->summary.most : NAN);
    json_add_string(o, "limit", r->limit);
    add_number(o, "fraction", r->limit != NULL ? r->fraction : NAN);
    add_number(o, "overlap", r->overlap);
    add_number(o, "predicted_ns", r->predicted > 0 ? round(r->predicted * 1e9) : NAN);
    json_add_string(o, "longest_stage", r->stage[0] != '\0' ? r->stage : NULL);
    add_number(o, "difference", r->compared ? r->difference : NAN);
    add_number(o, "allowed", r->compared ? r->allowed : NAN);
    json_object_object_add(o, "correct", r->compared ? json_object_new_boolean(!r->wrong) : NULL);
    json_add_string(o, "note", r->note);
    return o;
}

static json_object *finding_json(const bench_finding *f)
{
    static const char *const kinds[] = {"speedup", "overlap", "scaling", "break_even"};
    static const char *const wheres[] = {"never", "always", "from", "up_to"};
    char text[160];
    json_object *o = json_object_new_object();
    json_add_string(o, "kind", kinds[f->kind]);
    json_add_string(o, "case", f->row->c->name);
    json_add_count(o, "elements", f->row->elements);
    json_add_string(o, "config", f->row->config->name);
    json_add_string(o, "against", f->against->config->name);
    add_number(o, "ratio", f->ratio);
    json_add_bool(o, "beyond_noise", f->beyond_noise);
    if (f->kind == BENCH_SCALING) {
        add_number(o, "serial_fraction", f->amdahl.serial);
        add_number(o, "most", f->amdahl.most);
    }
    if (f->kind == BENCH_BREAK_EVEN) {
        json_add_string(o, "where", wheres[f->where]);
        add_number(o, "break_even_elements", f->elements > 0 ? f->elements : NAN);
    }
    bench_finding_text(f, text, sizeof text);
    json_add_string(o, "text", text);
    return o;
}

static json_object *forecast_json(const bench *b)
{
    bench_forecast f = bench_judge_forecast(b);
    if (f.rows == 0) return NULL;
    json_object *o = json_object_new_object();
    json_add_count(o, "rows", f.rows);
    json_add_count(o, "within", f.within);
    json_add_count(o, "choices", f.choices);
    json_add_count(o, "right", f.right);
    return o;
}

json_object *bench_json(const bench *b)
{
    json_object *o = json_object_new_object(), *list;
    json_add_string(o, "schema", BENCH_SCHEMA);
    json_add_string(o, "date", b->machine.date);
    json_add_string(o, "command", b->machine.command);
    json_add_string(o, "version", gpuproc_version());
    json_add_string(o, "commit", bench_commit());
    json_add_string(o, "compiler", bench_compiler());
    json_object_object_add(o, "machine", machine_json(b));
    json_object_object_add(o, "devices", devices_json(b));
    add_number(o, "seconds", b->seconds);
    json_object_object_add(o, "limits", limits_json(&b->limits));
    list = json_object_new_array();
    for (size_t i = 0; i < b->row_count; i++) json_object_array_add(list, row_json(&b->rows[i]));
    json_object_object_add(o, "results", list);
    list = json_object_new_array();
    for (size_t i = 0; i < b->finding_count; i++) json_object_array_add(list, finding_json(&b->findings[i]));
    json_object_object_add(o, "findings", list);
    list = json_object_new_array();
    for (size_t i = 0; i < b->note_count; i++) json_object_array_add(list, json_object_new_string(b->notes[i]));
    json_object_object_add(o, "notes", list);
    json_add_count(o, "wrong", b->wrong);
    json_object_object_add(o, "forecast", forecast_json(b));
    return o;
}

/* ---- Reading ---------------------------------------------------------------------- */

static char *read_whole(const char *path, size_t *bytes)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text = NULL;
    size_t room = 0;
    *bytes = 0;
    while (f != NULL && *bytes < MOST_FILE) {
        if (*bytes + 1 >= room) {
            room = room * 2 + 65536;
            char *more = realloc(text, room);
            if (more == NULL) break;
            text = more;
        }
        size_t n = fread(text + *bytes, 1, room - 1 - *bytes, f);
        *bytes += n;
        if (n == 0) break;
    }
    bool fine = f != NULL && text != NULL && feof(f) && !ferror(f);
    if (!fine)
        term_error("cannot read %s: %s", path,
                   f == NULL || ferror(f) ? strerror(errno) : "too large for results of a bench");
    if (f != NULL && f != stdin) fclose(f);
    if (!fine) {
        free(text);
        return NULL;
    }
    text[*bytes] = '\0';
    return text;
}

json_object *bench_json_read(const char *path)
{
    size_t bytes;
    char *text = read_whole(path, &bytes);
    if (text == NULL) return NULL;
    json_object *o = json_tokener_parse(text), *schema = NULL, *results = NULL;
    free(text);
    if (json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, "schema", &schema) &&
        json_object_is_type(schema, json_type_string) && strcmp(json_object_get_string(schema), BENCH_SCHEMA) == 0 &&
        json_object_object_get_ex(o, "results", &results) && json_object_is_type(results, json_type_array))
        return o;
    term_error("%s: expected what gpuproc bench --json printed (\"schema\": \"" BENCH_SCHEMA "\")", path);
    json_object_put(o);
    return NULL;
}
