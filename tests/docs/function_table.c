/* function_table [--check] README.md: writes the table of what is supported between its two marks, or
 * (--check) fails where it is not what the tables in the source make of it. */
#include "base/text.h"
#include "lang/functions.h"
#include "lang/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "<!-- functions: made by tests/docs/function_table.c -->\n"
#define END "<!-- end of functions -->\n"

static void add_error(gp_text *out, const gp_function *fn)
{
    const gp_op_info *op = gp_op_info_of(fn->op);
    if (fn->op != GP_OP_INPUT && op->elementwise && op->cpu_ulp > 0)
        gp_text_add(out, " (%d ULP; OpenCL %d)", op->cpu_ulp, op->cl_ulp_f32);
}

static void add_function(gp_text *out, const gp_function *fn)
{
    char parameters[256];
    gp_function_parameters(fn, parameters, sizeof parameters);
    gp_text_add(out, "| `%s(%s)` | ", fn->name, parameters);
    for (const char *c = fn->doc; *c != '\0'; c++) gp_text_add(out, *c == '|' ? "\\%c" : "%c", *c);
    add_error(out, fn);
    gp_text_add(out, " |\n");
}

static void make(gp_text *out)
{
    const char *group, *before = "";
    const gp_function *fn;
    gp_text_add(out, "%s",
                "\nOperators: `+ - * / // % ** & | ^ ~ << >> == != < <= > >=` and subscripts. Errors are bounds "
                "in units in the last place, on the CPU and on OpenCL devices; what has none is exact.\n");
    for (size_t i = 0; (fn = gp_function_listed(i, &group)) != NULL; i++) {
        if (strcmp(group, before) != 0) gp_text_add(out, "\n**%s**\n\n| | |\n|---|---|\n", group);
        before = group;
        add_function(out, fn);
    }
    gp_text_add(out, "\n");
}

static char *whole_file(const char *path)
{
    gp_text text = {0};
    char piece[4096];
    size_t n;
    FILE *f = fopen(path, "r");
    if (f == NULL) return NULL;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) gp_text_add_bytes(&text, piece, n);
    fclose(f);
    return text.data;
}

int main(int argc, char **argv)
{
    bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
    const char *path = argv[argc - 1];
    char *old = argc < 2 ? NULL : whole_file(path);
    char *begin = old ? strstr(old, BEGIN) : NULL, *end = begin ? strstr(begin, END) : NULL;
    gp_text table = {0}, all = {0};
    if (end == NULL) {
        fprintf(stderr, "usage: function_table [--check] README.md (with both marks)\n");
        return 2;
    }
    make(&table);
    begin += strlen(BEGIN);
    gp_text_add_bytes(&all, old, (size_t)(begin - old));
    gp_text_add_bytes(&all, table.data, table.length);
    gp_text_add_bytes(&all, end, strlen(end));
    int rc = 0;
    if (check) {
        rc = strcmp(all.data, old) != 0;
        if (rc) fprintf(stderr, "the table in %s is not up to date: run function_table %s\n", path, path);
    } else {
        FILE *f = fopen(path, "w");
        rc = f == NULL || fwrite(all.data, 1, all.length, f) != all.length;
        if (f != NULL && fclose(f) != 0) rc = 1;
    }
    gp_text_free(&table);
    gp_text_free(&all);
    free(old);
    return rc;
}
