/* gpuproc devices: what can be used. */
#include "commands.h"
#include "json_text.h"
#include "options.h"
#include "stdout.h"
#include "term.h"
#include "values.h"

#include <stdlib.h>

static const struct poptOption table[] = {
    {"json", '\0', POPT_ARG_NONE, NULL, 'j', NULL, NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, 'h', NULL, NULL},
    POPT_TABLEEND};

static const char *kind_text(gpuproc_device_kind kind)
{
    switch (kind) {
    case GPUPROC_DEVICE_CPU: return "cpu";
    case GPUPROC_DEVICE_OPENCL_CPU: return "opencl-cpu";
    case GPUPROC_DEVICE_OPENCL_GPU: return "opencl-gpu";
    case GPUPROC_DEVICE_OPENCL_OTHER: return "opencl-other";
    }
    return "?";
}

static json_object *as_json(size_t index, const gpuproc_device_info *d)
{
    json_object *o = json_object_new_object();
    json_add_count(o, "index", index);
    json_add_string(o, "kind", kind_text(d->kind));
    json_add_string(o, "name", d->name);
    json_add_string(o, "vendor", d->vendor);
    json_add_string(o, "driver", d->driver);
    json_add_string(o, "platform", d->platform);
    json_add_count(o, "memory_bytes", d->memory_bytes);
    json_add_count(o, "max_buffer_bytes", d->max_buffer_bytes);
    json_add_count(o, "compute_units", d->compute_units);
    json_add_bool(o, "fp64", d->fp64);
    json_add_bool(o, "fp16", d->fp16);
    json_add_bool(o, "unified_memory", d->unified_memory);
    json_add_string(o, "note", d->note);
    json_add_string(o, "matrices", d->matrices);
    return o;
}

static void print_line(size_t index, const gpuproc_device_info *d)
{
    char memory[VALUE_TEXT];
    fprintf(stdout_stream(), "%5zu  %-12s  %5u  %10s  %-4s  %s%s%s%s%s%s\n", index, kind_text(d->kind),
            d->compute_units, bytes_text(d->memory_bytes, memory), d->fp64 ? "yes" : "no", d->name,
            d->matrices[0] ? ", matrices: " : "", d->matrices, d->note[0] ? " (" : "", d->note,
            d->note[0] ? ")" : "");
}

static int list_devices(bool json)
{
    gpuproc_session *session = NULL;
    gpuproc_error err = {0};
    json_object *list = json ? json_object_new_array() : NULL;
    gpuproc_status st = gpuproc_session_open(NULL, &session, &err);
    size_t count = st == GPUPROC_OK ? gpuproc_device_count(session) : 0;
    if (st == GPUPROC_OK && !json)
        fprintf(stdout_stream(), "index  kind          units      memory  fp64  name\n");
    for (size_t i = 0; st == GPUPROC_OK && i < count; i++) {
        gpuproc_device_info info = {.struct_size = sizeof info};
        st = gpuproc_device_info_get(session, i, &info, &err);
        if (st == GPUPROC_OK && json) json_object_array_add(list, as_json(i, &info));
        if (st == GPUPROC_OK && !json) print_line(i, &info);
    }
    if (json && st == GPUPROC_OK) {
        json_object *all = json_object_new_object();
        json_object_object_add(all, "devices", list);
        json_print(all);
    } else if (json) {
        json_object_put(list);
    }
    gpuproc_session_close(session);
    return st == GPUPROC_OK ? 0 : term_failure(&err, NULL);
}

int command_devices(int argc, char **argv)
{
    options o;
    bool json = false;
    int value, code = EXIT_USAGE;
    char *argument;
    if (!options_begin(&o, "devices", argc, argv, table, false)) goto out;
    while ((value = options_next(&o, &argument)) > 0) {
        free(argument);
        json = json || value == 'j';
        if (value == 'h') {
            code = help_print("devices");
            goto out;
        }
    }
    if (value < 0) goto out;
    if (options_rest(&o)[0] != NULL) term_error("devices takes no arguments, found '%s'", options_rest(&o)[0]);
    else code = list_devices(json);
out:
    options_end(&o);
    return code;
}
