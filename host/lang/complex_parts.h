/* Complex numbers as pairs of nodes: how the files of complex numbers write their formulas. Everything
 * passes a failure (-1) on. */
#ifndef GP_LANG_COMPLEX_PARTS_H
#define GP_LANG_COMPLEX_PARTS_H

#include "lang/build.h"

typedef struct gp_z {
    int re, im;
} gp_z;

/* Where a formula goes, and the floats that it works in. */
typedef struct gp_zc {
    gp_builder *b;
    gp_dtype part;
} gp_zc;

static inline gp_dtype gp_complex_part_dtype(gp_dtype dtype)
{
    return dtype == GPUPROC_COMPLEX64 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
}

/* Real formulas. */
static inline int gp_r1(const gp_zc *c, gp_op op, int x) { return gp_build_op(c->b, op, c->part, x, -1, -1); }
static inline int gp_r2(const gp_zc *c, gp_op op, int x, int y) { return gp_build_op(c->b, op, c->part, x, y, -1); }
static inline int gp_rc(const gp_zc *c, double value) { return gp_build_float(c->b, c->part, value); }
static inline int gp_rif(const gp_zc *c, int condition, int x, int y)
{
    return gp_build_op(c->b, GP_OP_WHERE, c->part, condition, x, y);
}
static inline int gp_radd(const gp_zc *c, int x, int y) { return gp_r2(c, GP_OP_ADD, x, y); }
static inline int gp_rsub(const gp_zc *c, int x, int y) { return gp_r2(c, GP_OP_SUB, x, y); }
static inline int gp_rmul(const gp_zc *c, int x, int y) { return gp_r2(c, GP_OP_MUL, x, y); }
static inline int gp_rdiv(const gp_zc *c, int x, int y) { return gp_r2(c, GP_OP_DIV, x, y); }
static inline int gp_rabs(const gp_zc *c, int x) { return gp_r1(c, GP_OP_ABS, x); }
static inline int gp_rneg(const gp_zc *c, int x) { return gp_r1(c, GP_OP_NEG, x); }
static inline int gp_rscale(const gp_zc *c, int x, double by) { return gp_rmul(c, x, gp_rc(c, by)); }

/* Bools. */
static inline int gp_ris(const gp_zc *c, gp_op op, int x, int y) { return gp_build_op(c->b, op, GPUPROC_BOOL, x, y, -1); }
static inline int gp_rtest(const gp_zc *c, gp_op op, int x) { return gp_build_op(c->b, op, GPUPROC_BOOL, x, -1, -1); }
static inline int gp_rand(const gp_zc *c, int x, int y) { return gp_ris(c, GP_OP_BITAND, x, y); }
static inline int gp_ror(const gp_zc *c, int x, int y) { return gp_ris(c, GP_OP_BITOR, x, y); }
static inline int gp_rnot(const gp_zc *c, int x) { return gp_rtest(c, GP_OP_INVERT, x); }

static inline gp_z gp_zif(const gp_zc *c, int condition, gp_z x, gp_z y)
{
    return (gp_z){gp_rif(c, condition, x.re, y.re), gp_rif(c, condition, x.im, y.im)};
}

/* complex_arith.c */
gp_z gp_zadd(const gp_zc *c, gp_z x, gp_z y);
gp_z gp_zsub(const gp_zc *c, gp_z x, gp_z y);
gp_z gp_zmul(const gp_zc *c, gp_z x, gp_z y);
gp_z gp_zdiv(const gp_zc *c, gp_z x, gp_z y);
gp_z gp_zreciprocal(const gp_zc *c, gp_z x);
gp_z gp_zsign(const gp_zc *c, gp_z x);
gp_z gp_zpower(const gp_zc *c, gp_z x, gp_z y);
int gp_zcompare(const gp_zc *c, gp_op op, gp_z x, gp_z y); /* a bool */
gp_z gp_zextreme(const gp_zc *c, gp_op op, gp_z x, gp_z y);

/* complex_functions.c: SQRT, EXP, ..., ARCTANH. False where NumPy has none for complex numbers. */
bool gp_zfunction(const gp_zc *c, gp_op op, gp_z x, gp_z *result);

#endif
