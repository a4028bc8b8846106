#include "lang/ir.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal that reads back as the same value, with a '.' in any locale. */
static void add_float(gp_text *out, double f, bool single)
{
    char buf[40];
    int least = single ? 6 : 15, most = single ? 9 : 17;
    if (!isfinite(f)) {
        gp_text_add(out, "%s", isnan(f) ? "nan" : f > 0 ? "inf" : "-inf");
        return;
    }
    for (int digits = least; digits <= most; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, f);
        if (single ? (double)strtof(buf, NULL) == f : strtod(buf, NULL) == f) break;
    }
    char *comma = strchr(buf, ',');
    if (comma != NULL) *comma = '.';
    gp_text_add(out, "%s%s", buf, strpbrk(buf, ".e") == NULL ? ".0" : "");
}

static void add_scalar(gp_text *out, const gpuproc_scalar *s)
{
    switch (gp_dtype_kind(s->dtype)) {
    case GP_KIND_BOOL: gp_text_add(out, "%s", s->value.u ? "True" : "False"); break;
    case GP_KIND_INT: gp_text_add(out, "%" PRId64, s->value.i); break;
    case GP_KIND_UINT: gp_text_add(out, "%" PRIu64, s->value.u); break;
    default: add_float(out, s->value.f, s->dtype == GPUPROC_FLOAT32);
    }
}

static void add_node(gp_text *out, const gp_program *program, size_t i)
{
    const gp_node *node = &program->node[i];
    char shape[256];
    gp_text_add(out, "%%%zu = ", i);
    for (const char *p = gp_op_info_of(node->op)->name; *p != '\0'; p++) {
        char lower = (char)tolower((unsigned char)*p);
        gp_text_add_bytes(out, &lower, 1);
    }
    gp_text_add(out, " %s %s", gpuproc_dtype_name(node->dtype), gp_shape_text(&node->shape, shape, sizeof shape));
    if (node->op == GP_OP_INPUT) gp_text_add(out, " %s", program->input[node->input].name);
    if (node->op == GP_OP_CONST) {
        gp_text_add(out, " ");
        add_scalar(out, &node->value);
    }
    for (int k = 0; k < 3 && node->arg[k] >= 0; k++) gp_text_add(out, " %%%d", node->arg[k]);
    if (node->op == GP_OP_VIEW || node->op == GP_OP_INDEX) {
        const gp_walk *walk = &program->walk[node->walk];
        gp_text_add(out, " from %" PRId64 " by (", walk->offset);
        for (int d = 0; d < walk->shape.ndim; d++)
            gp_text_add(out, "%s%" PRId64, d > 0 ? ", " : "", walk->stride[d]);
        gp_text_add(out, ")%s", walk->bounded ? " bounded" : "");
    }
    if (node->axes != 0) gp_text_add(out, " axes=%#x", node->axes);
    if (node->size != 0) gp_text_add(out, " size=%" PRId64, node->size);
    if (node->op == GP_OP_VAR || node->op == GP_OP_STD) {
        gp_text_add(out, " ddof=");
        add_float(out, node->ddof, false);
    }
    gp_text_add(out, "\n");
}

void gp_program_print(const gp_program *program, gp_text *out)
{
    for (size_t i = 0; i < program->nodes; i++) add_node(out, program, i);
    for (size_t i = 0; i < program->results; i++) {
        const gp_result *r = &program->result[i];
        gp_text_add(out, "%s '%s' = %%%d%s\n", r->named ? "result" : "value", r->name, r->node,
                    r->used ? " (used)" : "");
    }
}
