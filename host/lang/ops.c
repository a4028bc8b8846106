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

static const gp_op_info table[GP_OP_COUNT] = {
    [GP_OP_INPUT] = {"INPUT", "", 0, GP_B | GP_I | GP_F, 0, 0, 0, false, false},
    [GP_OP_CONST] = {"CONST", "", 0, GP_B | GP_I | GP_F, 0, 0, 0, false, false},
#define X(name, arity, kinds, result, spelling, cpu, f32, f64) \
    [GP_OP_##name] = {#name, spelling, arity, kinds, cpu, f32, f64, true, false},
    GP_OPS_ELEMENTWISE(X)
#undef X
#define X(name, accumulator, kinds) [GP_OP_##name] = {#name, spelling_##name, 1, kinds, 0, 0, 0, false, true},
    GP_OPS_REDUCE(X)
#undef X
};

const gp_op_info *gp_op_info_of(gp_op op) { return &table[op]; }
