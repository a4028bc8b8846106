/* What can be called, and how each is typed: the list of functions.def. */
#ifndef GP_LANG_FUNCTIONS_H
#define GP_LANG_FUNCTIONS_H

#include "array/dtype.h"
#include "lang/ops.h"

typedef enum gp_rule {
    GP_RULE_ARITHMETIC, /* + - *: bools become logic, or an error */
    GP_RULE_DIVIDE,     /* integers become float64 */
    GP_RULE_BOOL_TO_I1, /* common dtype; bools become int8 */
    GP_RULE_POWER,
    GP_RULE_FLOAT_POWER,
    GP_RULE_FLOAT2,     /* floats of at least the operands' precision */
    GP_RULE_EXTREME2,
    GP_RULE_BITS2,      /* bools and integers */
    GP_RULE_SHIFT,
    GP_RULE_INTEGER2,
    GP_RULE_COMPARE,
    GP_RULE_LOGIC2,
    GP_RULE_LOGIC_NOT,
    GP_RULE_NEGATIVE,
    GP_RULE_POSITIVE,
    GP_RULE_ABSOLUTE,
    GP_RULE_NUMBER1,    /* any number, not bool */
    GP_RULE_SMALL1,     /* any number; bool becomes int8 */
    GP_RULE_INVERT,
    GP_RULE_BITCOUNT,
    GP_RULE_FLOAT1,     /* floats of at least the operand's precision */
    GP_RULE_ERF,
    GP_RULE_KEEP1,      /* rounding: nothing to do for integers and bools */
    GP_RULE_CLASSIFY,
    GP_RULE_INFINITY1,
    GP_RULE_SIGNBIT,
    GP_RULE_ANGLE,
    GP_RULE_SINC,
    GP_RULE_ROUND, /* from here on: arguments that are not all operands */
    GP_RULE_NAN_TO_NUM,
    GP_RULE_ISCLOSE,
    GP_RULE_WHERE,
    GP_RULE_CLIP,
    GP_RULE_ASTYPE,
    GP_RULE_SUM,
    GP_RULE_MEAN,
    GP_RULE_VARIANCE,
    GP_RULE_EXTREME,
    GP_RULE_ARGUMENT,
    GP_RULE_TRUTH,
    GP_RULE_PTP,
    GP_RULE_AGREE,
    GP_RULE_STRUCTURE,  /* from here on: gp_check_structure and so on (build.h) */
    GP_RULE_STATISTICS,
    GP_RULE_PRODUCT,
    GP_RULE_MATRIX,
    GP_RULE_LINALG,
    GP_RULE_ORDER,
    GP_RULE_SCAN,
    GP_RULE_SELECTION,
    GP_RULE_GENERATOR,
    GP_RULE_COMPLEX,
} gp_rule;

typedef enum gp_function_id {
#define F(name, ...) GP_FN_##name,
#define M(submodule, name, ...) GP_FN_##submodule##_##name,
#define ALIAS(other, name)
#define C(name, value, doc)
#include "lang/functions.def"
#undef F
#undef M
#undef ALIAS
#undef C
    GP_FN_COUNT
} gp_function_id;

typedef struct gp_function {
    const char *name; /* "sum", "linalg.norm" */
    gp_function_id id;
    gp_rule rule;
    gp_op op;
    const char *parameters; /* as in functions.def */
    bool method;
    const char *doc;
} gp_function;

#define GP_MAX_PARAMETERS 12

/* By name or alias, `length` bytes; NULL where there is none. */
const gp_function *gp_function_find(const char *name, size_t length);

const gp_function *gp_function_by_id(gp_function_id id);

/* The i-th function when they are listed group by group ("Structure"), and its group; NULL behind the last. */
const gp_function *gp_function_listed(size_t i, const char **group);
/* Its parameters as they are called: "a axis? min/a_min?" is "a, axis=, min=". */
void gp_function_parameters(const gp_function *fn, char *out, size_t size);

/* The value of a named constant. */
bool gp_constant_find(const char *name, size_t length, double *value);

/* A dtype by NumPy's or Python's name: "float32", "bool_", "int", "double". */
bool gp_dtype_name_find(const char *name, size_t length, gp_dtype *dtype);

/* The i-th of all names that the language knows (functions, aliases, constants, dtypes);
 * NULL behind the last. */
const char *gp_known_name(size_t i);

/* What is called otherwise elsewhere: NumPy's name for it, or NULL. */
const char *gp_usual_name(const char *name, size_t length);

/* How many letters must change to make `a` from `b`, a swap counting as one; more
 * than `limit` may be returned as limit + 1. Names longer than 63 bytes never match. */
int gp_edit_distance(const char *a, size_t a_length, const char *b, size_t b_length, int limit);

#endif
