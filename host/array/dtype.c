#include "array/dtype.h"

#include <string.h>

typedef struct info {
    const char *name, *code;
    size_t bytes;
    gp_kind kind;
} info;

static const info table[GP_DTYPE_COUNT] = {
    [GPUPROC_BOOL] = {"bool", "b1", 1, GP_KIND_BOOL},
    [GPUPROC_INT8] = {"int8", "i1", 1, GP_KIND_INT},
    [GPUPROC_INT16] = {"int16", "i2", 2, GP_KIND_INT},
    [GPUPROC_INT32] = {"int32", "i4", 4, GP_KIND_INT},
    [GPUPROC_INT64] = {"int64", "i8", 8, GP_KIND_INT},
    [GPUPROC_UINT8] = {"uint8", "u1", 1, GP_KIND_UINT},
    [GPUPROC_UINT16] = {"uint16", "u2", 2, GP_KIND_UINT},
    [GPUPROC_UINT32] = {"uint32", "u4", 4, GP_KIND_UINT},
    [GPUPROC_UINT64] = {"uint64", "u8", 8, GP_KIND_UINT},
    [GPUPROC_FLOAT16] = {"float16", "f2", 2, GP_KIND_FLOAT},
    [GPUPROC_FLOAT32] = {"float32", "f4", 4, GP_KIND_FLOAT},
    [GPUPROC_FLOAT64] = {"float64", "f8", 8, GP_KIND_FLOAT},
    [GPUPROC_COMPLEX64] = {"complex64", "c8", 8, GP_KIND_COMPLEX},
    [GPUPROC_COMPLEX128] = {"complex128", "c16", 16, GP_KIND_COMPLEX},
};

static bool valid(gp_dtype dtype) { return (unsigned)dtype < GP_DTYPE_COUNT; }

const char *gpuproc_dtype_name(gpuproc_dtype dtype) { return valid(dtype) ? table[dtype].name : "?"; }
size_t gpuproc_dtype_bytes(gpuproc_dtype dtype) { return valid(dtype) ? table[dtype].bytes : 0; }
const char *gp_dtype_code(gp_dtype dtype) { return valid(dtype) ? table[dtype].code : "?"; }
gp_kind gp_dtype_kind(gp_dtype dtype) { return table[dtype].kind; }
bool gp_dtype_is_float(gp_dtype dtype) { return table[dtype].kind == GP_KIND_FLOAT; }

bool gp_dtype_is_integer(gp_dtype dtype)
{
    return table[dtype].kind == GP_KIND_INT || table[dtype].kind == GP_KIND_UINT;
}

gpuproc_status gpuproc_dtype_parse(const char *text, gpuproc_dtype *dtype, bool *big_endian,
                                   gpuproc_error *err)
{
    if (text == NULL || dtype == NULL)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "a dtype's name and a place for it are needed");
    const char *body = text;
    bool big = false;
    if (*body == '<' || *body == '>' || *body == '=' || *body == '|') big = *body++ == '>';
    for (int i = 0; i < GP_DTYPE_COUNT; i++) {
        bool letter_code = strcmp(body, table[i].code) == 0;
        if (!letter_code && strcmp(body, table[i].name) != 0) continue;
        *dtype = (gpuproc_dtype)i;
        if (big_endian != NULL) *big_endian = big && table[i].bytes > 1;
        return GPUPROC_OK;
    }
    return gp_fail(err, GPUPROC_BAD_DTYPE,
                   "'%.40s' is not a dtype that gpuproc knows: expected bool, int8-64, uint8-64, "
                   "float16-64 or complex64/128 (or a code such as <f4)",
                   text);
}

/* NumPy 2: the smallest dtype to which both convert safely. */
gp_dtype gp_dtype_promote(gp_dtype a, gp_dtype b)
{
    static const gp_dtype signed_of[] = {GPUPROC_INT8, GPUPROC_INT16, GPUPROC_INT32, GPUPROC_INT64};
    if (a == b) return a;
    gp_kind ka = gp_dtype_kind(a), kb = gp_dtype_kind(b);
    if (ka > kb) return gp_dtype_promote(b, a);
    size_t na = table[a].bytes, nb = table[b].bytes;
    if (ka == GP_KIND_BOOL) return b;
    if (ka == kb) return na > nb ? a : b;
    if (kb == GP_KIND_UINT) { /* signed with unsigned: a signed one that holds both */
        if (na > nb) return a;
        for (int i = 0; i < 4; i++) {
            if (table[signed_of[i]].bytes > nb) return signed_of[i];
        }
        return GPUPROC_FLOAT64;
    }
    /* Integer with float or complex: a float with enough mantissa for the integer. */
    if (ka == GP_KIND_INT || ka == GP_KIND_UINT) {
        gp_dtype need = na == 1 ? GPUPROC_FLOAT16 : na == 2 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
        return need == b ? b : gp_dtype_promote(need, b);
    }
    /* Float with complex. */
    return a == GPUPROC_FLOAT64 || b == GPUPROC_COMPLEX128 ? GPUPROC_COMPLEX128 : GPUPROC_COMPLEX64;
}
