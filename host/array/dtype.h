/* Dtypes: what each is, and NumPy 2's promotion (NEP 50). */
#ifndef GP_ARRAY_DTYPE_H
#define GP_ARRAY_DTYPE_H

#include "base/error.h"

/* Short spellings for the inside of the library. */
typedef gpuproc_dtype gp_dtype;
#define GP_DTYPE_COUNT 14

typedef enum gp_kind { GP_KIND_BOOL, GP_KIND_INT, GP_KIND_UINT, GP_KIND_FLOAT, GP_KIND_COMPLEX } gp_kind;

/* The dtypes that have arithmetic of their own (float16 is computed in float32, complex numbers are pairs of floats): (NAME, C type, kind). The C
 * type of bool is uint8_t holding 0 or 1. One list for tables and kernels. */
#define GP_DTYPES_BOOL(X) X(BOOL, uint8_t, BOOL)
#define GP_DTYPES_SIGNED(X) \
    X(INT8, int8_t, INT) X(INT16, int16_t, INT) X(INT32, int32_t, INT) X(INT64, int64_t, INT)
#define GP_DTYPES_UNSIGNED(X)                                                   \
    X(UINT8, uint8_t, UINT) X(UINT16, uint16_t, UINT) X(UINT32, uint32_t, UINT) \
        X(UINT64, uint64_t, UINT)
#define GP_DTYPES_FLOAT(X) X(FLOAT32, float, FLOAT) X(FLOAT64, double, FLOAT)
#define GP_DTYPES_INTEGER(X) GP_DTYPES_SIGNED(X) GP_DTYPES_UNSIGNED(X)
#define GP_DTYPES_NUMBER(X) GP_DTYPES_INTEGER(X) GP_DTYPES_FLOAT(X)
#define GP_DTYPES(X) GP_DTYPES_BOOL(X) GP_DTYPES_NUMBER(X)

gp_kind gp_dtype_kind(gp_dtype dtype);
bool gp_dtype_is_float(gp_dtype dtype);   /* float16/32/64 */
bool gp_dtype_is_integer(gp_dtype dtype); /* signed or unsigned, not bool */

/* NumPy's type letter and size as in an .npy descr: "b1", "i4", "f8". */
const char *gp_dtype_code(gp_dtype dtype);

/* NumPy 2's result_type of two strong dtypes. */
gp_dtype gp_dtype_promote(gp_dtype a, gp_dtype b);

#endif
