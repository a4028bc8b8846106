/* The operator table: every operation that the typed IR knows. The checker, both
 * emitters, the function reference and the conformance test are made from it.
 *
 * X(NAME, arity, operand kinds, result, OpenCL spelling, CPU ULP, OpenCL ULP f32, OpenCL ULP f64)
 *
 * operand kinds: which dtypes the operands may have (all operands of one
 *   operation have the same dtype T, except WHERE, whose first is bool, and CAST).
 *   B bool, I integers, F floats.
 * result: T (the operands' dtype), B (bool), U8, or TO (CAST: the node's dtype).
 * OpenCL spelling: a function of the files of kernels/, which have one
 *   per dtype (the spelling is completed with the dtype's suffix: gp_add_f4).
 * ULP: the largest error that is allowed, in units in the last place of the
 *   correctly rounded result; 0 means the same bits everywhere (any NaN is as good as
 *   another). CPU values hold for float32 and float64 over the whole domain; OpenCL's are the
 *   limits of OpenCL 1.2's full profile. LOGADDEXP and LOGADDEXP2 of float64: where the
 *   result is much smaller than an operand (it cancels), an error of 2^-62 of the
 *   larger operand is allowed, too.
 *
 * What the operations do where NumPy leaves it open, on every device:
 *   MINIMUM, MAXIMUM, FMIN, FMAX of +0 and -0: the second operand.
 *   RECIPROCAL of an integer 0, and FLOORDIV, MOD, FMOD by an integer 0: 0 and GP_FLAG_DIVIDE.
 *   POW of integers with a negative exponent: 0 and GP_FLAG_NEG_POWER. */
#ifndef GP_LANG_OPS_H
#define GP_LANG_OPS_H

#include <stdbool.h>

#define GP_B 1
#define GP_I 2
#define GP_F 4  /* float32, float64 */
#define GP_H 8  /* float16: stored and cast only; lang computes in float32 and casts back */
#define GP_C 16 /* complex: stored, taken apart and put together; lang computes with the parts */

/* clang-format off */
#define GP_OPS_BINARY(X) \
    X(ADD,         2, GP_I|GP_F,      T, "add",       0, 0, 0) \
    X(SUB,         2, GP_I|GP_F,      T, "sub",       0, 0, 0) \
    X(MUL,         2, GP_I|GP_F,      T, "mul",       0, 0, 0) \
    X(DIV,         2, GP_F,           T, "div",       0, 0, 0) \
    X(FLOORDIV,    2, GP_I|GP_F,      T, "floordiv",  0, 0, 0) \
    X(MOD,         2, GP_I|GP_F,      T, "mod",       0, 0, 0) \
    X(FMOD,        2, GP_I|GP_F,      T, "fmod",      0, 0, 0) \
    X(POW,         2, GP_I|GP_F,      T, "pow",       1, 16, 16) \
    X(ARCTAN2,     2, GP_F,           T, "arctan2",   1, 6, 6) \
    X(HYPOT,       2, GP_F,           T, "hypot",     1, 4, 4) \
    X(LOGADDEXP,   2, GP_F,           T, "logaddexp", 4, 8, 8) \
    X(LOGADDEXP2,  2, GP_F,           T, "logaddexp2",4, 8, 8) \
    X(COPYSIGN,    2, GP_F,           T, "copysign",  0, 0, 0) \
    X(NEXTAFTER,   2, GP_F,           T, "nextafter", 0, 0, 0) \
    X(HEAVISIDE,   2, GP_F,           T, "heaviside", 0, 0, 0) \
    X(MINIMUM,     2, GP_B|GP_I|GP_F, T, "minimum",   0, 0, 0) \
    X(MAXIMUM,     2, GP_B|GP_I|GP_F, T, "maximum",   0, 0, 0) \
    X(FMIN,        2, GP_F,           T, "fmin",      0, 0, 0) \
    X(FMAX,        2, GP_F,           T, "fmax",      0, 0, 0) \
    X(BITAND,      2, GP_B|GP_I,      T, "bitand",    0, 0, 0) \
    X(BITOR,       2, GP_B|GP_I,      T, "bitor",     0, 0, 0) \
    X(BITXOR,      2, GP_B|GP_I,      T, "bitxor",    0, 0, 0) \
    X(SHL,         2, GP_I,           T, "shl",       0, 0, 0) \
    X(SHR,         2, GP_I,           T, "shr",       0, 0, 0) \
    X(GCD,         2, GP_I,           T, "gcd",       0, 0, 0) \
    X(LCM,         2, GP_I,           T, "lcm",       0, 0, 0) \
    X(EQ,          2, GP_B|GP_I|GP_F, B, "eq",        0, 0, 0) \
    X(NE,          2, GP_B|GP_I|GP_F, B, "ne",        0, 0, 0) \
    X(LT,          2, GP_B|GP_I|GP_F, B, "lt",        0, 0, 0) \
    X(LE,          2, GP_B|GP_I|GP_F, B, "le",        0, 0, 0) \
    X(GT,          2, GP_B|GP_I|GP_F, B, "gt",        0, 0, 0) \
    X(GE,          2, GP_B|GP_I|GP_F, B, "ge",        0, 0, 0)

#define GP_OPS_UNARY(X) \
    X(NEG,         1, GP_I|GP_F,      T, "neg",       0, 0, 0) \
    X(ABS,         1, GP_I|GP_F,      T, "abs",       0, 0, 0) \
    X(SIGN,        1, GP_I|GP_F,      T, "sign",      0, 0, 0) \
    X(SQUARE,      1, GP_I|GP_F,      T, "square",    0, 0, 0) \
    X(RECIPROCAL,  1, GP_I|GP_F,      T, "reciprocal",0, 0, 0) \
    X(INVERT,      1, GP_B|GP_I,      T, "invert",    0, 0, 0) \
    X(BITCOUNT,    1, GP_I,           U8,"bitcount",  0, 0, 0) \
    X(SQRT,        1, GP_F,           T, "sqrt",      0, 0, 0) \
    X(CBRT,        1, GP_F,           T, "cbrt",      1, 2, 2) \
    X(EXP,         1, GP_F,           T, "exp",       1, 3, 3) \
    X(EXP2,        1, GP_F,           T, "exp2",      1, 3, 3) \
    X(EXPM1,       1, GP_F,           T, "expm1",     1, 3, 3) \
    X(LOG,         1, GP_F,           T, "log",       1, 3, 3) \
    X(LOG2,        1, GP_F,           T, "log2",      1, 3, 3) \
    X(LOG10,       1, GP_F,           T, "log10",     1, 3, 3) \
    X(LOG1P,       1, GP_F,           T, "log1p",     1, 2, 2) \
    X(SIN,         1, GP_F,           T, "sin",       1, 4, 4) \
    X(COS,         1, GP_F,           T, "cos",       1, 4, 4) \
    X(TAN,         1, GP_F,           T, "tan",       1, 5, 5) \
    X(ARCSIN,      1, GP_F,           T, "arcsin",    1, 4, 4) \
    X(ARCCOS,      1, GP_F,           T, "arccos",    1, 4, 4) \
    X(ARCTAN,      1, GP_F,           T, "arctan",    1, 5, 5) \
    X(SINH,        1, GP_F,           T, "sinh",      1, 4, 4) \
    X(COSH,        1, GP_F,           T, "cosh",      1, 4, 4) \
    X(TANH,        1, GP_F,           T, "tanh",      1, 5, 5) \
    X(ARCSINH,     1, GP_F,           T, "arcsinh",   1, 4, 4) \
    X(ARCCOSH,     1, GP_F,           T, "arccosh",   1, 4, 4) \
    X(ARCTANH,     1, GP_F,           T, "arctanh",   1, 5, 5) \
    X(ERF,         1, GP_F,           T, "erf",       1, 16, 16) \
    X(FLOOR,       1, GP_F,           T, "floor",     0, 0, 0) \
    X(CEIL,        1, GP_F,           T, "ceil",      0, 0, 0) \
    X(TRUNC,       1, GP_F,           T, "trunc",     0, 0, 0) \
    X(RINT,        1, GP_F,           T, "rint",      0, 0, 0) \
    X(SPACING,     1, GP_F,           T, "spacing",   0, 0, 0) \
    X(ISNAN,       1, GP_F,           B, "isnan",     0, 0, 0) \
    X(ISINF,       1, GP_F,           B, "isinf",     0, 0, 0) \
    X(ISFINITE,    1, GP_F,           B, "isfinite",  0, 0, 0) \
    X(SIGNBIT,     1, GP_F,           B, "signbit",   0, 0, 0)

/* CAST: any to any; float to integer saturates, NaN gives 0; anything to bool is x != 0.
 * WHERE: (bool, T, T). */
#define GP_OPS_OTHER(X) \
    X(CAST,        1, GP_B|GP_I|GP_F|GP_H, TO, "cast", 0, 0, 0) \
    X(WHERE,       3, GP_B|GP_I|GP_F, T,  "where",    0, 0, 0)

/* Operations with dtypes of their own, each with its rule in verify.c.
 * REAL, IMAG: complex to its part's float; PACK: two floats to complex.
 * RANDBITS: (uint64 counter, uint64 key) to uint64, Philox 4x32-10: counter words (lo, hi, 0, 0),
 *   key words (lo, hi); the result is output word 0 + 2^32 * word 1.
 * MULHI: the upper 64 bits of a product of two uint64.
 * NORMAL: uint64 to float64, the quantile of the standard normal distribution at
 *   ((x >> 11) + 0.5) * 2^-53, by operations that are correctly rounded everywhere.
 * TAKE: (TABLE, int64 index) to the table's element; the index is in range or GP_FLAG_INDEX is set.
 * SEARCHLEFT, SEARCHRIGHT: (sorted TABLE, value of its dtype) to int64, NumPy's searchsorted.
 * CHECK: (bool, int64 number of a gp_check) to bool: the first operand as it is, and where it is true
 *   the check's flag (GP_FLAG_CHECK), which fails the job with the check's message. */
#define GP_OPS_SPECIAL(X) \
    X(REAL,        1, GP_C,           TO, "real",     0, 0, 0) \
    X(IMAG,        1, GP_C,           TO, "imag",     0, 0, 0) \
    X(PACK,        2, GP_F,           TO, "pack",     0, 0, 0) \
    X(RANDBITS,    2, GP_I,           TO, "randbits", 0, 0, 0) \
    X(MULHI,       2, GP_I,           TO, "mulhi",    0, 0, 0) \
    X(NORMAL,      1, GP_I,           TO, "normal",   0, 0, 0) \
    X(TAKE,        2, GP_B|GP_I|GP_F|GP_H|GP_C, TO, "take", 0, 0, 0) \
    X(SEARCHLEFT,  2, GP_B|GP_I|GP_F, TO, "searchleft",  0, 0, 0) \
    X(SEARCHRIGHT, 2, GP_B|GP_I|GP_F, TO, "searchright", 0, 0, 0) \
    X(CHECK,       2, GP_B,           TO, "check",    0, 0, 0)

/* Reductions, over the whole array or along axes: X(NAME, accumulator of emit/reduce.h, operand kinds). The
 * node's dtype is the result's. */
#define GP_OPS_REDUCE(X) \
    X(SUM,           SUM,     GP_I|GP_F) \
    X(MEAN,          SUM,     GP_I|GP_F) \
    X(PROD,          PROD,    GP_I|GP_F) \
    X(MIN,           MIN,     GP_B|GP_I|GP_F) \
    X(MAX,           MAX,     GP_B|GP_I|GP_F) \
    X(ARGMIN,        ARGMIN,  GP_B|GP_I|GP_F) \
    X(ARGMAX,        ARGMAX,  GP_B|GP_I|GP_F) \
    X(VAR,           MOMENTS, GP_F) \
    X(STD,           MOMENTS, GP_F) \
    X(ANY,           COUNT,   GP_B) \
    X(ALL,           COUNT,   GP_B) \
    X(COUNT_NONZERO, COUNT,   GP_B)

/* Folds: what takes the elements of its operands in C order, chunk after chunk, on the host
 * (fold/fold.h): X(NAME, operands' kinds). With the reductions along axes they are the operations
 * whose result is stored: an array of its own, which later passes read.
 *   CUM*: running sum, product, maximum, minimum along the one axis of node.axes.
 *   WIN*: sum, mean (the rounded sum, divided), minimum, maximum over windows of node.size elements along the one axis of node.axes,
 *     which becomes shorter by size - 1.
 *   QUANTILE, NANQUANTILE: over node.axes (0: all); arg[1] is a constant INPUT of float64 with the
 *     q's (shape () or (k,)); node.size is the method (gp_quantile_method). Result: q's shape, then the
 *     kept axes. Operand and result float32 or float64.
 *   BINCOUNT: operand int64; arg[1]: weights (float64) or -1. Result int64, or float64 with weights: size bins,
 *     what is below 0 and from size on being left out; where it grows, size bins or more (node.shape has
 *     the most that is allowed, and a negative operand is a DOMAIN error).
 *   UNIQUE, UNIQUE_COUNTS: sorted distinct values, and how often (int64), growing.
 *   SELECT: the elements of arg[0] where arg[1] (bool, of the same shape) is true, growing along axis 0.
 *   STORE: the operand itself, so that what follows may walk it. */
#define GP_OPS_FOLD(X) \
    X(CUMSUM,        GP_I|GP_F) \
    X(CUMPROD,       GP_I|GP_F) \
    X(CUMMAX,        GP_B|GP_I|GP_F) \
    X(CUMMIN,        GP_B|GP_I|GP_F) \
    X(WINSUM,        GP_I|GP_F) \
    X(WINMEAN,       GP_F) \
    X(WINMAX,        GP_B|GP_I|GP_F) \
    X(WINMIN,        GP_B|GP_I|GP_F) \
    X(QUANTILE,      GP_F) \
    X(NANQUANTILE,   GP_F) \
    X(BINCOUNT,      GP_I) \
    X(UNIQUE,        GP_B|GP_I|GP_F|GP_H) \
    X(UNIQUE_COUNTS, GP_B|GP_I|GP_F|GP_H) \
    X(SELECT,        GP_B|GP_I|GP_F|GP_H|GP_C) \
    X(STORE,         GP_B|GP_I|GP_F|GP_H|GP_C) \
    GP_OPS_MATRIX_FOLD(X)

/* Folds over a matrix, of shape (m, n); float32, float64 and (where so said) complex. All but the first
 * three keep the whole matrix in memory and may have a stack (..., m, n) of them, whose results follow one another. The
 * result is one array; where
 * NumPy gives several they lie flat one after the other, in C order, and views take them apart.
 * GRAM: x.T @ x, conjugated for complex x; (n, n).
 * QRR: the R of a QR decomposition, streamed (TSQR); (n, n), zeros below, rows of zeros where m < n.
 * LSTSQ: of [A | b], `size` columns of b, `ddof` rcond (< 0: NumPy's default; what is no proper fraction is eps);
 *   streamed (TSQR): flat x (k, size), residuals (size), rank (1), singular values (k), with k = n - size. The residuals
 *   are NaN where NumPy has none (m <= k, or rank < k), and those of columns of b behind one with NaN; singular values
 *   beyond min(m, k) are 0.
 * SOLVE, of [a | b]: x, (n - m columns). INV. CHOLESKY: the lower one. DET: (); SLOGDET: sign, then log.
 * EIGH: w (n), then v (n, n). SVD: u (m, k), s (k), vh (k, n), k = min(m, n). QR: q (m, k), r (k, n). */
#define GP_OPS_MATRIX_FOLD(X) \
    X(GRAM,          GP_F|GP_C) \
    X(QRR,           GP_F|GP_C) \
    X(LSTSQ,         GP_F|GP_C) \
    X(SOLVE,         GP_F|GP_C) \
    X(INV,           GP_F|GP_C) \
    X(CHOLESKY,      GP_F|GP_C) \
    X(DET,           GP_F|GP_C) \
    X(SLOGDET,       GP_F|GP_C) \
    X(EIGH,          GP_F|GP_C) \
    X(SVD,           GP_F|GP_C) \
    X(QR,            GP_F|GP_C)

/* Products: stored nodes whose operands are arrays as they lie in storage (INPUT, VIEW, stored nodes) and which
 * come tile by tile (matrix/product.h): X(NAME, kinds).
 * MATMUL: (..., m, k) and (..., k, n) with the same stack; dtypes may differ from the node's, to which the
 *   elements are converted; float16 gives float32. `size`: GP_MATMUL_* bits. The node's shape is (..., m, n),
 *   where axes of length 1 may be left out. */
#define GP_OPS_PRODUCT(X) \
    X(MATMUL,        GP_B|GP_I|GP_F|GP_H|GP_C)
/* clang-format on */

#define GP_MATMUL_CONJ_A 1 /* the first operand is conjugated */
#define GP_MATMUL_CONJ_B 2

typedef enum gp_quantile_method {
    GP_QUANTILE_LINEAR, GP_QUANTILE_LOWER, GP_QUANTILE_HIGHER, GP_QUANTILE_MIDPOINT,
    GP_QUANTILE_NEAREST, GP_QUANTILE_INVERTED_CDF, GP_QUANTILE_AVERAGED_INVERTED_CDF,
    GP_QUANTILE_CLOSEST_OBSERVATION, GP_QUANTILE_INTERPOLATED_INVERTED_CDF, GP_QUANTILE_HAZEN,
    GP_QUANTILE_WEIBULL, GP_QUANTILE_MEDIAN_UNBIASED, GP_QUANTILE_NORMAL_UNBIASED,
    GP_QUANTILE_METHODS,
    /* Not a method of NumPy's: median() and nanmedian(), which take the mean of the two in the middle. The q
     * does not matter, but there must be one. */
    GP_QUANTILE_MEDIAN = GP_QUANTILE_METHODS
} gp_quantile_method;

#define GP_OPS_ELEMENTWISE(X) GP_OPS_BINARY(X) GP_OPS_UNARY(X) GP_OPS_OTHER(X)

typedef enum gp_op {
    GP_OP_INPUT, /* element of an input array */
    GP_OP_CONST, /* a literal, typed */
    GP_OP_INDEX, /* int64: what its walk gives, taken as a number: offset + i0*stride[0] + ... */
    GP_OP_VIEW,  /* an INPUT or a stored node, walked another way */
    GP_OP_FILL,  /* a uniform node's value, in a shape */
    GP_OP_TABLE, /* an INPUT or a stored node as the table of TAKE and SEARCH*: all of it, flat, in C order; shape () */
#define X(name, ...) GP_OP_##name,
    GP_OPS_ELEMENTWISE(X)
    GP_OPS_SPECIAL(X)
    GP_OPS_REDUCE(X)
    GP_OPS_FOLD(X)
    GP_OPS_PRODUCT(X)
#undef X
    GP_OP_COUNT
} gp_op;

static inline bool gp_op_is_quantile(gp_op op)
{
    return op == GP_OP_QUANTILE || op == GP_OP_NANQUANTILE;
}

typedef struct gp_op_info {
    const char *name;     /* "ADD" */
    const char *spelling; /* "add"; "" for INPUT and CONST; lower-case name for reductions */
    int arity;
    int kinds; /* GP_B | GP_I | ... */
    int cpu_ulp, cl_ulp_f32, cl_ulp_f64;
    bool elementwise, reduction, fold, product;
    bool special; /* element-wise, with dtypes of its own: one of GP_OPS_SPECIAL */
} gp_op_info;

#endif
