/* The functions as help and README list them: group by group. */
#include "lang/functions.h"

#include <stdio.h>
#include <string.h>

static const char *const groups[] = {
    "Element by element", "Reductions, whole or along axes", "Statistics", "Matrices and products", "Linear algebra", "Convolutions",
    "Order statistics and counts", "Scans, differences, windows", "Structure", "Selection and lookup",
    "Generators and random numbers"};
enum { ELEMENTS, REDUCTIONS, STATISTICS, PRODUCTS, LINALG, CONVOLUTIONS, ORDER, SCANS, STRUCTURE, SELECTION, GENERATORS, GROUPS };
_Static_assert(sizeof groups / sizeof *groups == GROUPS, "each has its name");

static size_t group_of(gp_rule rule)
{
    switch (rule) {
    case GP_RULE_SUM:
    case GP_RULE_MEAN:
    case GP_RULE_VARIANCE:
    case GP_RULE_EXTREME:
    case GP_RULE_ARGUMENT:
    case GP_RULE_TRUTH:
    case GP_RULE_PTP:
    case GP_RULE_AGREE: return REDUCTIONS;
    case GP_RULE_STATISTICS: return STATISTICS;
    case GP_RULE_MATRIX: return PRODUCTS;
    case GP_RULE_LINALG: return LINALG;
    case GP_RULE_PRODUCT: return CONVOLUTIONS;
    case GP_RULE_ORDER: return ORDER;
    case GP_RULE_SCAN: return SCANS;
    case GP_RULE_STRUCTURE: return STRUCTURE;
    case GP_RULE_SELECTION: return SELECTION;
    case GP_RULE_GENERATOR: return GENERATORS;
    default: return ELEMENTS;
    }
}

const gp_function *gp_function_listed(size_t i, const char **group)
{
    for (size_t g = 0; g < GROUPS; g++) {
        for (int id = 0; id < GP_FN_COUNT; id++) {
            const gp_function *fn = gp_function_by_id((gp_function_id)id);
            if (group_of(fn->rule) != g || i-- > 0) continue;
            *group = groups[g];
            return fn;
        }
    }
    return NULL;
}

void gp_function_parameters(const gp_function *fn, char *out, size_t size)
{
    size_t length = 0;
    *out = '\0';
    for (const char *at = fn->parameters; *at != '\0' && length < size;) {
        size_t n = strcspn(at, " "), name = strcspn(at, " /?*");
        bool optional = memchr(at, '?', n) != NULL, several = memchr(at, '*', n) != NULL;
        length += (size_t)snprintf(out + length, size - length, "%s%s%.*s%s", at == fn->parameters ? "" : ", ",
                                   several ? "*" : "", (int)name, at, optional ? "=" : "");
        at += n + (at[n] == ' ');
    }
}
