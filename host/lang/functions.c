#include "lang/functions.h"

#include <string.h>

static const gp_function functions[] = {
#define F(name, rule, op, parameters, method, doc) \
    {#name, GP_FN_##name, GP_RULE_##rule, GP_OP_##op, parameters, method, doc},
#define M(submodule, name, rule, op, parameters, method, doc) \
    {#submodule "." #name, GP_FN_##submodule##_##name, GP_RULE_##rule, GP_OP_##op, parameters, method, doc},
#define ALIAS(other, name)
#define C(name, value, doc)
#include "lang/functions.def"
#undef F
#undef M
#undef ALIAS
#undef C
};

static const struct {
    const char *other;
    gp_function_id id;
} aliases[] = {
#define F(...)
#define M(...)
#define ALIAS(other, name) {#other, GP_FN_##name},
#define C(name, value, doc)
#include "lang/functions.def"
#undef F
#undef M
#undef ALIAS
#undef C
};

static const struct {
    const char *name;
    double value;
} constants[] = {
#define F(...)
#define M(...)
#define ALIAS(other, name)
#define C(name, value, doc) {#name, value},
#include "lang/functions.def"
#undef F
#undef M
#undef ALIAS
#undef C
};

static const struct {
    const char *name;
    gp_dtype dtype;
} dtypes[] = {
    {"bool", GPUPROC_BOOL},       {"int8", GPUPROC_INT8},         {"int16", GPUPROC_INT16},
    {"int32", GPUPROC_INT32},     {"int64", GPUPROC_INT64},       {"uint8", GPUPROC_UINT8},
    {"uint16", GPUPROC_UINT16},   {"uint32", GPUPROC_UINT32},     {"uint64", GPUPROC_UINT64},
    {"float16", GPUPROC_FLOAT16}, {"float32", GPUPROC_FLOAT32},   {"float64", GPUPROC_FLOAT64},
    {"complex64", GPUPROC_COMPLEX64}, {"complex128", GPUPROC_COMPLEX128},
    {"bool_", GPUPROC_BOOL},      {"int_", GPUPROC_INT64},        {"uint", GPUPROC_UINT64},
    {"intp", GPUPROC_INT64},      {"uintp", GPUPROC_UINT64},      {"byte", GPUPROC_INT8},
    {"ubyte", GPUPROC_UINT8},     {"short", GPUPROC_INT16},       {"ushort", GPUPROC_UINT16},
    {"intc", GPUPROC_INT32},      {"uintc", GPUPROC_UINT32},      {"longlong", GPUPROC_INT64},
    {"ulonglong", GPUPROC_UINT64}, {"half", GPUPROC_FLOAT16},     {"single", GPUPROC_FLOAT32},
    {"double", GPUPROC_FLOAT64},  {"csingle", GPUPROC_COMPLEX64}, {"cdouble", GPUPROC_COMPLEX128},
    {"int", GPUPROC_INT64},       {"float", GPUPROC_FLOAT64},     {"complex", GPUPROC_COMPLEX128},
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static bool equal(const char *known, const char *name, size_t length)
{
    return strlen(known) == length && memcmp(known, name, length) == 0;
}

const gp_function *gp_function_find(const char *name, size_t length)
{
    for (size_t i = 0; i < LENGTH(functions); i++) {
        if (equal(functions[i].name, name, length)) return &functions[i];
    }
    for (size_t i = 0; i < LENGTH(aliases); i++) {
        if (equal(aliases[i].other, name, length)) return &functions[aliases[i].id];
    }
    return NULL;
}

bool gp_constant_find(const char *name, size_t length, double *value)
{
    for (size_t i = 0; i < LENGTH(constants); i++) {
        if (!equal(constants[i].name, name, length)) continue;
        *value = constants[i].value;
        return true;
    }
    return false;
}

bool gp_dtype_name_find(const char *name, size_t length, gp_dtype *dtype)
{
    for (size_t i = 0; i < LENGTH(dtypes); i++) {
        if (!equal(dtypes[i].name, name, length)) continue;
        *dtype = dtypes[i].dtype;
        return true;
    }
    return false;
}

const char *gp_known_name(size_t i)
{
    if (i < LENGTH(functions)) return functions[i].name;
    i -= LENGTH(functions);
    if (i < LENGTH(aliases)) return aliases[i].other;
    i -= LENGTH(aliases);
    if (i < LENGTH(constants)) return constants[i].name;
    i -= LENGTH(constants);
    return i < LENGTH(dtypes) ? dtypes[i].name : NULL;
}

const char *gp_usual_name(const char *name, size_t length)
{
    static const char *const usual[][2] = {
        {"ln", "log"}, {"avg", "average"}, {"stdev", "std"}, {"variance", "var"}, {"sgn", "sign"}, {"pow", "power"},
        {"atan2", "arctan2"}, {"ceiling", "ceil"}, {"rand", "random.random"}, {"randn", "random.standard_normal"},
        {"random.rand", "random.random"}, {"random.randn", "random.standard_normal"}, {"random.randint", "random.integers"},
    };
    for (size_t i = 0; i < LENGTH(usual); i++) {
        if (strlen(usual[i][0]) == length && memcmp(usual[i][0], name, length) == 0) return usual[i][1];
    }
    return NULL;
}

static int least(int a, int b) { return a < b ? a : b; }

int gp_edit_distance(const char *a, size_t a_length, const char *b, size_t b_length, int limit)
{
    enum { LONGEST = 63 };
    if (a_length > LONGEST || b_length > LONGEST) return limit + 1;
    int row[3][LONGEST + 1]; /* the current row and the two before it, in turn */
    for (size_t j = 0; j <= b_length; j++) row[0][j] = (int)j;
    for (size_t i = 1; i <= a_length; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= b_length; j++) {
            int change = before[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(change, least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], earlier[j - 2] + 1);
        }
    }
    return row[a_length % 3][b_length];
}

const gp_function *gp_function_by_id(gp_function_id id) { return &functions[id]; }
