#include "lang/ir.h"

/* The macro cannot make lower-case letters. */
#define spelling_SUM "sum"
#define spelling_MEAN "mean"
#define spelling_PROD "prod"
#define spelling_MIN "min"
#define spelling_MAX "max"
#define spelling_ARGMIN "argmin"
#define spelling_ARGMAX "argmax"
#define spelling_VAR "var"
#define spelling_STD "std"
#define spelling_ANY "any"
#define spelling_ALL "all"
#define spelling_COUNT_NONZERO "count_nonzero"
#define spelling_CUMSUM "cumsum"
#define spelling_CUMPROD "cumprod"
#define spelling_CUMMAX "cummax"
#define spelling_CUMMIN "cummin"
#define spelling_WINSUM "winsum"
#define spelling_WINMEAN "winmean"
#define spelling_WINMAX "winmax"
#define spelling_WINMIN "winmin"
#define spelling_QUANTILE "quantile"
#define spelling_NANQUANTILE "nanquantile"
#define spelling_BINCOUNT "bincount"
#define spelling_UNIQUE "unique"
#define spelling_UNIQUE_COUNTS "unique_counts"
#define spelling_SELECT "select"
#define spelling_STORE "store"
#define spelling_GRAM "gram"
#define spelling_QRR "qrr"
#define spelling_LSTSQ "lstsq"
#define spelling_SOLVE "solve"
#define spelling_INV "inv"
#define spelling_CHOLESKY "cholesky"
#define spelling_DET "det"
#define spelling_SLOGDET "slogdet"
#define spelling_EIGH "eigh"
#define spelling_SVD "svd"
#define spelling_QR "qr"
#define spelling_MATMUL "matmul"

#define ANY_KIND (GP_B | GP_I | GP_F | GP_H | GP_C)

static const gp_op_info table[GP_OP_COUNT] = {
    [GP_OP_INPUT] = {.name = "INPUT", .spelling = "", .kinds = ANY_KIND},
    [GP_OP_CONST] = {.name = "CONST", .spelling = "", .kinds = ANY_KIND},
    [GP_OP_INDEX] = {.name = "INDEX", .spelling = "index", .kinds = GP_I},
    [GP_OP_VIEW] = {.name = "VIEW", .spelling = "view", .arity = 1, .kinds = ANY_KIND},
    [GP_OP_FILL] = {.name = "FILL", .spelling = "fill", .arity = 1, .kinds = ANY_KIND},
    [GP_OP_TABLE] = {.name = "TABLE", .spelling = "table", .arity = 1, .kinds = ANY_KIND},
#define X(name, arity, kinds, result, spelling, cpu, f32, f64) \
    [GP_OP_##name] = {#name, spelling, arity, kinds, cpu, f32, f64, .elementwise = true},
    GP_OPS_ELEMENTWISE(X)
#undef X
#define X(name, arity, kinds, result, spelling, cpu, f32, f64) \
    [GP_OP_##name] = {#name, spelling, arity, kinds, cpu, f32, f64, .elementwise = true, .special = true},
    GP_OPS_SPECIAL(X)
#undef X
#define X(name, accumulator, kinds) \
    [GP_OP_##name] = {#name, spelling_##name, 1, kinds, 0, 0, 0, .reduction = true},
    GP_OPS_REDUCE(X)
#undef X
#define X(name, kinds) [GP_OP_##name] = {#name, spelling_##name, 1, kinds, 0, 0, 0, .fold = true},
    GP_OPS_FOLD(X)
#undef X
#define X(name, kinds) [GP_OP_##name] = {#name, spelling_##name, 2, kinds, 0, 0, 0, .product = true},
    GP_OPS_PRODUCT(X)
#undef X
};

const gp_op_info *gp_op_info_of(gp_op op) { return &table[op]; }
