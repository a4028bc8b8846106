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

static const char *group_of(gp_rule rule)
{
    switch (rule) {
    case GP_RULE_SUM:
    case GP_RULE_MEAN:
    case GP_RULE_VARIANCE:
    case GP_RULE_EXTREME:
    case GP_RULE_ARGUMENT:
    case GP_RULE_TRUTH: return "Reductions, whole or along axes";
    case GP_RULE_STRUCTURE: return "Structure";
    case GP_RULE_STATISTICS: return "Statistics";
    case GP_RULE_ORDER: return "Order statistics and counts";
    case GP_RULE_SCAN: return "Scans, differences, windows";
    case GP_RULE_SELECTION: return "Selection and lookup";
    case GP_RULE_GENERATOR: return "Generators and random numbers";
    default: return "Element by element";
    }
}

/* The list has underscores for the dots of submodules. */
static void add_name(gp_text *out, const char *name)
{
    static const char *const modules[] = {"random_", "linalg_"};
    const char *dot = strstr(name, "_accumulate");
    for (size_t m = 0; m < sizeof modules / sizeof *modules; m++) {
        if (strncmp(name, modules[m], strlen(modules[m])) == 0) dot = name + strlen(modules[m]) - 1;
    }
    if (dot == NULL) gp_text_add(out, "%s", name);
    else gp_text_add(out, "%.*s.%s", (int)(dot - name), name, dot + 1);
}

/* "a axis? min/a_min?" as "a, axis=, min=". */
static void add_parameters(gp_text *out, const char *parameters)
{
    for (const char *at = parameters; *at != '\0';) {
        size_t n = strcspn(at, " "), name = strcspn(at, " /?*");
        bool optional = memchr(at, '?', n) != NULL, several = memchr(at, '*', n) != NULL;
        gp_text_add(out, "%s%s%.*s%s", at == parameters ? "" : ", ", several ? "*" : "", (int)name, at,
                    optional ? "=" : "");
        at += n + (at[n] == ' ');
    }
}

static void add_error(gp_text *out, const gp_function *fn)
{
    const gp_op_info *op = gp_op_info_of(fn->op);
    if (fn->op != GP_OP_INPUT && op->elementwise && op->cpu_ulp > 0)
        gp_text_add(out, " (%d ULP; OpenCL %d)", op->cpu_ulp, op->cl_ulp_f32);
}

static void add_group(gp_text *out, const char *group)
{
    bool any = false;
    for (int i = 0; i < GP_FN_COUNT; i++) {
        const gp_function *fn = gp_function_by_id((gp_function_id)i);
        if (strcmp(group_of(fn->rule), group) != 0) continue;
        if (!any) gp_text_add(out, "\n**%s**\n\n| | |\n|---|---|\n", group);
        any = true;
        gp_text_add(out, "| `");
        add_name(out, fn->name);
        gp_text_add(out, "(");
        add_parameters(out, fn->parameters);
        gp_text_add(out, ")` | ");
        for (const char *c = fn->doc; *c != '\0'; c++) gp_text_add(out, *c == '|' ? "\\%c" : "%c", *c);
        add_error(out, fn);
        gp_text_add(out, " |\n");
    }
}

static void make(gp_text *out)
{
    static const char *const groups[] = {
        "Element by element", "Reductions, whole or along axes", "Statistics", "Order statistics and counts",
        "Scans, differences, windows", "Structure", "Selection and lookup", "Generators and random numbers"};
    gp_text_add(out, "%s",
                "\nOperators: `+ - * / // % ** & | ^ ~ << >> == != < <= > >=` and subscripts. Errors are bounds "
                "in units in the last place, on the CPU and on OpenCL devices; what has none is exact.\n");
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) add_group(out, groups[g]);
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
