#include "lang/ir.h"

static const gp_op_info table[GP_OP_COUNT] = {
    [GP_OP_INPUT] = {"INPUT", "", 0, GP_B | GP_I | GP_F, 0, 0, 0, false, false},
    [GP_OP_CONST] = {"CONST", "", 0, GP_B | GP_I | GP_F, 0, 0, 0, false, false},
#define X(name, arity, kinds, result, spelling, cpu, f32, f64) \
    [GP_OP_##name] = {#name, spelling, arity, kinds, cpu, f32, f64, true, false},
    GP_OPS_ELEMENTWISE(X)
#undef X
#define X(name, accumulator, kinds) [GP_OP_##name] = {#name, "", 1, kinds, 0, 0, 0, false, true},
    GP_OPS_REDUCE(X)
#undef X
};

const gp_op_info *gp_op_info_of(gp_op op) { return &table[op]; }
