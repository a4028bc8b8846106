/* gpuproc info: what a file holds. */
#include "commands.h"
#include "json_text.h"
#include "options.h"
#include "spec.h"
#include "term.h"
#include "stdout.h"
#include "values.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct poptOption table[] = {
    {"json", '\0', POPT_ARG_NONE, NULL, 'j', NULL, NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, 'h', NULL, NULL},
    POPT_TABLEEND};

static json_object *as_json(const char *path, const gpuproc_array_info *a)
{
    json_object *o = json_object_new_object();
    json_add_string(o, "path", path);
    json_add_string(o, "format", a->format);
    json_add_string(o, "dtype", gpuproc_dtype_name(a->dtype));
    json_object_object_add(o, "shape", json_shape(a->ndim, a->shape));
    json_add_string(o, "order", a->fortran_order ? "F" : "C");
    json_add_string(o, "byte_order", a->big_endian ? "big" : "little");
    json_add_count(o, "elements", a->count);
    json_add_count(o, "bytes", a->bytes);
    json_add_count(o, "offset", a->data_offset);
    json_add_count(o, "extra_bytes", a->extra_bytes);
    return o;
}

static void print_line(const char *path, const gpuproc_array_info *a)
{
    FILE *out = stdout_stream();
    fprintf(out, "%s: %s %s (", path, a->format, gpuproc_dtype_name(a->dtype));
    for (int d = 0; d < a->ndim; d++) fprintf(out, "%s%" PRId64, d ? ", " : "", a->shape[d]);
    fprintf(out, "%s), %s order, %s-endian, %" PRIu64 " bytes from offset %" PRIu64, a->ndim == 1 ? "," : "",
            a->fortran_order ? "Fortran" : "C", a->big_endian ? "big" : "little", a->bytes,
            a->data_offset);
    char text[VALUE_TEXT];
    if (a->bytes >= 1024) fprintf(out, " (%s)", bytes_text(a->bytes, text));
    fprintf(out, "\n");
}

/* One file; adds to `list` or prints. */
static int tell(const char *argument, json_object *list)
{
    file_spec spec = {0};
    gpuproc_array *array = NULL;
    gpuproc_array_info info = {.struct_size = sizeof info};
    gpuproc_error err = {0};
    int code = EXIT_USAGE;
    if (!spec_file(argument, &spec)) goto out;
    gpuproc_status st = spec_open(&spec, &array, &err);
    if (st == GPUPROC_OK) st = gpuproc_array_info_get(array, &info, &err);
    code = 0;
    if (st != GPUPROC_OK) {
        code = term_failure(&err, NULL);
        goto out;
    }
    if (list != NULL) json_object_array_add(list, as_json(spec.path, &info));
    else print_line(spec.path, &info);
    if (!spec.raw && info.extra_bytes > 0)
        term_warning("%s: %" PRIu64 " bytes behind the last element are ignored", spec.path,
                     info.extra_bytes);
out:
    gpuproc_array_free(array);
    spec_free(&spec);
    return code;
}

int command_info(int argc, char **argv)
{
    options o;
    json_object *list = NULL;
    bool json = false;
    int value, code = EXIT_USAGE;
    char *argument;
    if (!options_begin(&o, "info", argc, argv, table, false)) goto out;
    while ((value = options_next(&o, &argument)) > 0) {
        free(argument);
        json = json || value == 'j';
        if (value == 'h') {
            code = help_print("info");
            goto out;
        }
    }
    if (value < 0) goto out;
    const char **files = options_rest(&o);
    if (files[0] == NULL) {
        term_error("info needs a file: gpuproc info FILE...");
        goto out;
    }
    if (json) list = json_object_new_array();
    code = 0;
    for (; *files != NULL; files++) { /* a bad file does not hide the others */
        int one = tell(*files, list);
        if (one > code) code = one;
    }
    if (json) {
        json_object *all = json_object_new_object();
        json_object_object_add(all, "files", list);
        json_print(all);
    }
out:
    options_end(&o);
    return code;
}
