/* float16: stored as it is, computed in float32 and rounded back after every operation, as NumPy does. */
#include "lang/build.h"

#include <math.h>

double gp_half_round(double value)
{
    if (!isfinite(value) || value == 0) return value;
    int exponent;
    frexp(value, &exponent);
    double unit = ldexp(1, (exponent < -13 ? -13 : exponent) - 11);
    double rounded = rint(value / unit) * unit; /* both exact but for the rint */
    return fabs(rounded) > 65504 ? copysign(INFINITY, value) : copysign(rounded, value);
}

static int op2(gp_builder *b, gp_op op, int x, int y) { return gp_build_op(b, op, GPUPROC_FLOAT32, x, y, -1); }
static int op1(gp_builder *b, gp_op op, int x) { return gp_build_op(b, op, GPUPROC_FLOAT32, x, -1, -1); }
static int number(gp_builder *b, double value) { return gp_build_float(b, GPUPROC_FLOAT32, value); }

/* From one float16 to the next in the direction of `to`, as a positive float32, exactly: 2^13 times
 * float32's step, which has 13 more bits; but at least the smallest float16. NaN from an infinity. */
static int step(gp_builder *b, int x, int to)
{
    int fine = op2(b, GP_OP_SUB, op2(b, GP_OP_NEXTAFTER, x, to), x);
    int coarse = op2(b, GP_OP_MUL, op1(b, GP_OP_ABS, fine), number(b, 8192));
    int not_finite = op2(b, GP_OP_MUL, x, number(b, 0)); /* 0 or NaN */
    return op2(b, GP_OP_ADD, op2(b, GP_OP_MAXIMUM, coarse, number(b, 0x1p-24)), not_finite);
}

static int spacing(gp_builder *b, int x)
{
    int largest = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, x, number(b, 65504), -1);
    return gp_build_op(b, GP_OP_WHERE, GPUPROC_FLOAT32, largest, number(b, INFINITY),
                       step(b, x, number(b, INFINITY)));
}

static int nextafter16(gp_builder *b, int x, int to)
{
    int there = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, x, to, -1);
    int away = op2(b, GP_OP_COPYSIGN, step(b, x, to), op2(b, GP_OP_SUB, to, x));
    int infinite = gp_build_op(b, GP_OP_ISINF, GPUPROC_BOOL, x, -1, -1);
    int from_infinity = gp_build_op(b, GP_OP_WHERE, GPUPROC_FLOAT32, gp_build_op(b, GP_OP_ISNAN, GPUPROC_BOOL, to, -1, -1), to,
                                    op2(b, GP_OP_COPYSIGN, number(b, 65504), x));
    int sum = op2(b, GP_OP_ADD, x, away), vanished = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, sum, number(b, 0), -1);
    sum = gp_build_op(b, GP_OP_WHERE, GPUPROC_FLOAT32, vanished, op2(b, GP_OP_COPYSIGN, sum, x), sum);
    int moved = gp_build_op(b, GP_OP_WHERE, GPUPROC_FLOAT32, infinite, from_infinity, sum);
    return gp_build_op(b, GP_OP_WHERE, GPUPROC_FLOAT32, there, x, moved);
}

int gp_build_half_op(gp_builder *b, gp_op op, gp_dtype dtype, const int *arg)
{
    int wide[3];
    for (int k = 0; k < 3; k++) {
        wide[k] = arg[k];
        if (arg[k] >= 0 && gp_build_dtype(b, arg[k]) == GPUPROC_FLOAT16)
            wide[k] = gp_build_cast(b, arg[k], GPUPROC_FLOAT32);
        if (arg[k] >= 0 && wide[k] < 0) return -1;
    }
    gp_dtype result = dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype;
    int node = op == GP_OP_SPACING     ? spacing(b, wide[0])
               : op == GP_OP_NEXTAFTER ? nextafter16(b, wide[0], wide[1])
                                       : gp_build_op(b, op, result, wide[0], wide[1], wide[2]);
    return gp_build_cast(b, node, dtype);
}
