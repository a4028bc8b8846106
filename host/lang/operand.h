/* What the functions that take a whole array share (reductions, statistics, quantiles, scans): the operand
 * taken apart into nodes, its axes, its mask, and the way back to a value. The functions return false,
 * -1 or a value whose node is -1 after a failure, which then stands in the builder. */
#ifndef GP_LANG_OPERAND_H
#define GP_LANG_OPERAND_H

#include "lang/build.h"
#include "lang/checks.h"

typedef struct gp_operand {
    int re, im;     /* float16 has become float32; im: -1 for what is real */
    int mask;       /* -1, or a bool node of the same shape: only the elements where it is true count */
    gp_dtype dtype; /* what it is for NumPy: float16 and the complex ones, too */
    bool selected;  /* x[mask]: one axis, in place of the first mask_axes of the nodes' */
    int mask_axes;
    gp_shape shape; /* of the nodes */
    uint32_t axes;  /* that are gone along; 0 where there are none (a scalar) */
    bool whole;     /* all of them */
    bool extra;     /* axis=(): goes along one more axis of length 1, which the result never has */
    bool keepdims;
} gp_operand;

/* The argument of that name; a NONE where the function has none or it is left out. */
const gp_value *gp_argument_named(const gp_function *fn, const gp_value *args, const char *name);
/* out= and the like are refused with a message. */
bool gp_argument_refuse(gp_builder *b, const gp_function *fn, const gp_value *args, const char *name);

bool gp_operand_take(gp_builder *b, const gp_function *fn, const gp_value *v, gp_operand *x);
/* where=: fewer elements count. */
bool gp_operand_where(gp_builder *b, const gp_function *fn, const gp_value *v, gp_operand *x);
/* One more condition on what counts; `mask` is a bool node of the operand's shape. */
bool gp_operand_narrow(gp_builder *b, gp_operand *x, int mask);
/* axis=: an int, a tuple, None. `one`: ints and None only. */
bool gp_operand_axes(gp_builder *b, const gp_function *fn, const gp_value *axis, bool one, gp_operand *x);
bool gp_operand_keepdims(gp_builder *b, const gp_function *fn, const gp_value *v, gp_operand *x);
/* How many elements go into one of the result, masks left aside. */
uint64_t gp_operand_length(const gp_operand *x);
/* The part of a complex dtype; float32 for float16; else the dtype itself. */
gp_dtype gp_dtype_worked(gp_dtype dtype);
bool gp_operand_no_complex(gp_builder *b, const gp_function *fn, const gp_operand *x);
/* NaN in it: a bool node (never for integers: -1). */
int gp_operand_nan(gp_builder *b, const gp_operand *x);

/* `node`, of the operand's shape, reduced along its axes, which are then gone. */
int gp_operand_reduce(gp_builder *b, const gp_operand *x, gp_op op, gp_dtype dtype, int node, double ddof);
/* A fold whose result has the kept axes, with `lead` axes before them. */
int gp_operand_fold(gp_builder *b, gp_op op, gp_dtype dtype, int a, int second, uint32_t axes, int64_t size,
                    const gp_shape *shape, bool growing);
gp_shape gp_operand_kept(const gp_operand *x);
/* A result of gp_operand_reduce with the axes put back, of length 1, as it broadcasts with the operand. */
int gp_operand_put_back(gp_builder *b, const gp_operand *x, int node);
/* The number of elements that count, per element of the result, in `dtype`. */
int gp_operand_count(gp_builder *b, const gp_operand *x, gp_dtype dtype);
/* `node` where the mask is true, else the node `otherwise`. */
int gp_operand_masked(gp_builder *b, const gp_operand *x, int node, int otherwise);
/* A node as it is, or a failure of the whole job (a DOMAIN error with the check's message) where the bool
 * node `bad` turns out to be true: for what NumPy refuses only when it sees the data. */
int gp_operand_guard(gp_builder *b, int node, int bad, gp_check_id id);
/* A uniform node in the shape of the result (without keepdims). */
int gp_operand_filled(gp_builder *b, const gp_operand *x, int uniform);
/* The value of a result: cast to NumPy's dtype (complex: from im, too, which may be -1), keepdims. */
gp_value gp_operand_value(gp_builder *b, const gp_operand *x, int re, int im, gp_dtype dtype);
/* Nodes, or their parts, as a value of a dtype; no axes are put back. */
gp_value gp_value_of_parts(gp_builder *b, int re, int im, gp_dtype dtype);

/* A function of two values; a reduction of one along an axis argument (NULL: all). */
gp_value gp_value_apply(gp_builder *b, gp_function_id id, gp_value x, gp_value y);
gp_value gp_value_reduced(gp_builder *b, gp_function_id id, gp_value x, const gp_value *axis, bool keepdims);

static inline gp_value gp_value_int(int64_t i) { return (gp_value){.kind = GP_VAL_INT, .i = i}; }

/* check_count.c: histogram, bincount, unique. */
gp_value gp_check_count(gp_builder *b, const gp_function *fn, const gp_value *args);

static inline int gp_build_unary(gp_builder *b, gp_op op, gp_dtype dtype, int x)
{
    return gp_build_op(b, op, dtype, x, -1, -1);
}
static inline int gp_build_binary(gp_builder *b, gp_op op, gp_dtype dtype, int x, int y)
{
    return gp_build_op(b, op, dtype, x, y, -1);
}

#endif
