/* Between the tree and the program: what the checker's files share. Every function
 * that returns a node or a value returns -1 (or a value whose node is -1) after a failure, which then
 * stands in `st` and in the caller's error record. */
#ifndef GP_LANG_BUILD_H
#define GP_LANG_BUILD_H

#include "lang/ir.h"
#include "lang/literal.h"
#include "lang/parse.h"

typedef struct gp_place {
    int start, end, line, column;
} gp_place;

typedef struct gp_variable {
    int token; /* its name */
    gp_value value;
    bool named;        /* false: an expression statement */
    bool replaced;     /* assigned again later */
    bool used;
    int statement;
} gp_variable;

typedef struct gp_builder {
    const gp_tokens *tokens;
    const gp_ast *ast;
    gp_program *program;
    gpuproc_error *err;
    gpuproc_status st;
    gp_place place;        /* what is being checked, for messages and nodes */
    gp_value *value;       /* per node of the tree */
    int *input_node;       /* per input; -1: not used yet */
    gp_variable *variable; /* one per statement, in order */
    size_t variables, variable_capacity;
    gp_value *item;        /* the items of tuples and slices */
    size_t items, item_capacity;
} gp_builder;

int gp_build_fail(gp_builder *b, gpuproc_status status, const char *fmt, ...) GP_PRINTF(3, 4);

/* Fails: something goes on with a result whose length shows only at the end. */
int gp_build_no_length(gp_builder *b);
/* What every new node goes through: memory, the limit, the place, operands of a known length. `node` may be -1: out
 * of memory. */
int gp_build_placed(gp_builder *b, int node);

gp_dtype gp_build_dtype(const gp_builder *b, int node);
bool gp_build_is_const(const gp_builder *b, int node, double *value);

/* Nodes. Operands are cast and broadcast-checked by the caller's choice of dtype: gp_build_op
 * checks shapes, not dtypes. */
int gp_build_op(gp_builder *b, gp_op op, gp_dtype dtype, int x, int y, int z);
int gp_build_reduce(gp_builder *b, gp_op op, gp_dtype dtype, int x, double ddof);
int gp_build_int(gp_builder *b, gp_dtype dtype, int64_t value);     /* dtype: an integer or bool */
int gp_build_float(gp_builder *b, gp_dtype dtype, double value);    /* rounded to the dtype */
int gp_build_cast(gp_builder *b, int node, gp_dtype dtype);

/* A value as a node of `dtype`: cast, or a literal that takes the dtype (VALUE where an integer
 * does not fit it). */
int gp_build_as(gp_builder *b, const gp_value *v, gp_dtype dtype);
/* A value as a node in its own dtype; literals become int64, float64 or bool, lists of numbers arrays. */
int gp_build_strong(gp_builder *b, const gp_value *v);
/* Whether a Python integer fits an integer dtype (bool: 0 and 1). */
bool gp_build_fits(__int128 i, gp_dtype dtype);

/* The dtype of a NODE, complex where it is a pair. */
gp_dtype gp_value_dtype(const gp_builder *b, const gp_value *v);
/* NumPy's common dtype of values, literals being weak. */
gp_dtype gp_build_common(const gp_builder *b, const gp_value *v, int count);
/* The float dtype in which NumPy computes a function of floats: may be FLOAT16. */
gp_dtype gp_build_float_common(const gp_builder *b, const gp_value *v, int count);
/* float16 (half.c): gp_build_op does all of it; the value rounded to float16; an operation that only
 * float32 has, on operands of float16. */
double gp_half_round(double value);
int gp_build_half_op(gp_builder *b, gp_op op, gp_dtype dtype, const int *arg);

static inline gp_value gp_value_node(int node) { return (gp_value){.kind = GP_VAL_NODE, .node = node}; }
static inline gp_value gp_value_float(double f) { return (gp_value){.kind = GP_VAL_FLOAT, .f = f}; }

/* ---- Shapes and views (view.c): nodes of any kind, element-wise ones too: what is asked for is pushed
 * down to the leaves, so nothing is copied; where that cannot be (a reshape of what is not
 * contiguous), the node is STOREd first. All return a node, or -1. ---- */

const gp_shape *gp_build_shape(const gp_builder *b, int node);

/* How one axis of a node is taken. */
typedef struct gp_axis_map {
    int to;         /* the axis of the result that goes along it; -1: none, one index is taken */
    int64_t start;  /* the index at 0 of the result's axis; may lie outside where the map is bounded */
    int64_t step;   /* may be negative or 0 */
    int to2;        /* a second axis of the result that goes along it, with step 1 (windows); -1: none */
} gp_axis_map;

/* Element (i...) of the result is the node's element with index start + step * i on each axis. `bounded`:
 * an index outside the axis makes the element zero. */
int gp_build_map(gp_builder *b, int node, const gp_axis_map *map, const gp_shape *result, bool bounded);
int gp_build_reshape(gp_builder *b, int node, const gp_shape *shape); /* of as many elements */
int gp_build_broadcast(gp_builder *b, int node, const gp_shape *shape); /* SHAPE error where it does not */
int gp_build_transpose(gp_builder *b, int node, const int *axes); /* axis k of the result is axes[k] */
int gp_build_insert_axis(gp_builder *b, int node, int axis);   /* of length 1 before `axis` */
int gp_build_remove_axis(gp_builder *b, int node, int axis);   /* of length 1 */
int gp_build_slice(gp_builder *b, int node, int axis, int64_t start, int64_t step, int64_t length);
int gp_build_concatenate(gp_builder *b, const int *node, int count, int axis); /* where() of bounded views */
/* Pieces one after the other along an axis, nothing copied: elements start, start + step, ... of nodes of
 * one dtype whose other axes are equal. */
typedef struct gp_piece {
    int node;
    int64_t start, step, length;
} gp_piece;
int gp_build_pieces(gp_builder *b, const gp_piece *piece, int count, int axis);
int gp_build_where(gp_builder *b, int condition, int x, int y); /* of one dtype, float16 too */
/* A windowed value as the real view that it stands for: the windows are the last axis. A complex one
 * with both parts in one shape. Any other as it is. */
gp_value gp_build_window_view(gp_builder *b, const gp_value *v);
int gp_build_store(gp_builder *b, int node); /* as a stored node (or INPUT), which may be viewed */
/* int64: the index along one axis of a shape, 0, 1, 2, ...; and the C-order element number. */
int gp_build_index(gp_builder *b, const gp_shape *shape, int axis);
int gp_build_number(gp_builder *b, const gp_shape *shape);
/* int64: offset + the index along one axis, of shape (1, ..., n, ..., 1). */
int gp_build_axis_index(gp_builder *b, const gp_shape *shape, int axis, int64_t offset);
int gp_build_fill(gp_builder *b, int uniform, const gp_shape *shape);
/* A constant array of the program. */
int gp_build_array(gp_builder *b, gp_dtype dtype, const gp_shape *shape, const void *data);

/* ---- Arguments (argument.c) ---- */

/* An axis argument: an int, a tuple of ints, or None. *axes: a bit each; 0 for None. Message as NumPy's. */
bool gp_argument_axes(gp_builder *b, const gp_function *fn, const gp_value *v, int ndim, uint32_t *axes);
bool gp_argument_axis(gp_builder *b, const gp_function *fn, const gp_value *v, int ndim, int *axis);
bool gp_argument_wide(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, __int128 *i);
bool gp_argument_int(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, int64_t *i);
bool gp_argument_bool(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, bool *is);
bool gp_argument_number(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, double *f);
/* A shape: an int or a tuple of ints. -1 is let through. */
bool gp_argument_shape(gp_builder *b, const gp_function *fn, const gp_value *v, gp_shape *shape);
/* A string argument; NULL after a failure. *length bytes. */
const char *gp_argument_string(gp_builder *b, const gp_function *fn, const gp_value *v, size_t *length);
/* A list or tuple of numbers, nested ones too, as a constant array in the dtype NumPy gives it; a
 * number as an array of shape (); a node is let through. fn: for messages, or NULL. */
int gp_argument_array(gp_builder *b, const gp_function *fn, const gp_value *v);
gp_value gp_build_tuple(gp_builder *b, const gp_value *item, int count);
const gp_value *gp_build_item(const gp_builder *b, const gp_value *tuple, int i);

/* ---- Who types what; each in a file of its own. args[i].kind is NONE and given[i] false where left out. */
gp_value gp_check_subscript(gp_builder *b, const gp_value *object, const gp_value *index);   /* check_index.c */
gp_value gp_check_attribute(gp_builder *b, const gp_value *object, const char *name, size_t length);
/* Its shape; false (a failure) where it shows only when it runs. */
bool gp_check_shape(gp_builder *b, const gp_value *v, gp_shape *shape);
gp_value gp_check_reversed_axes(gp_builder *b, const gp_value *v, int last);
gp_value gp_check_structure(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given); /* check_structure.c */
gp_value gp_check_order(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given);     /* check_order.c: quantiles, histogram, bincount, unique */
gp_value gp_check_scan(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given);      /* check_scan.c: scans, diff, windows */
gp_value gp_check_statistics(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given); /* check_statistics.c: nan*, ptp, average, cov, corrcoef, norm */
gp_value gp_check_pair(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given);      /* check_pair.c: dot, convolve, allclose, ... */
gp_value gp_check_generator(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given); /* check_generator.c */
gp_value gp_check_selection(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given); /* check_selection.c: compress, nonzero, take, searchsorted, isin, ... */
gp_value gp_check_select(gp_builder *b, const gp_value *x, const gp_value *mask); /* x[mask] */
/* take(x, index, axis): `index` is a node of integers of any shape, which stands where `axis` was. */
gp_value gp_check_take(gp_builder *b, const gp_value *x, const gp_value *index, int axis);
gp_value gp_check_nonzero(gp_builder *b, const gp_value *x); /* a tuple of selected indices */

/* Selections in element-wise functions: takes the masks off `v`, whose values must be selected by the same
 * mask or single numbers; *selection then holds it, or NONE. gp_selection_apply puts it on a result. */
bool gp_selection_take(gp_builder *b, gp_value *v, int count, gp_value *selection);
gp_value gp_selection_apply(gp_builder *b, gp_value result, const gp_value *selection);

/* Complex. Any function with a complex operand (complex.c): */
bool gp_value_is_complex(const gp_builder *b, const gp_value *v);
gp_value gp_check_complex(gp_builder *b, const gp_function *fn, const gp_value *v, int count);
gp_value gp_check_complex_function(gp_builder *b, const gp_function *fn, const gp_value *args); /* real, imag, conj, angle */
/* Python's arithmetic between literals of which one is complex. */
gp_value gp_check_complex_literal(gp_builder *b, gp_function_id id, const gp_value *v, int count);
int gp_complex_truth(gp_builder *b, const gp_value *v);
/* A value converted to any dtype: complex ones are pairs. */
gp_value gp_build_convert(gp_builder *b, const gp_value *v, gp_dtype dtype);

/* A value that is whole (STOREd view of a window, PACKed complex, SELECT fold): a node that can be a result. */
int gp_build_result(gp_builder *b, const gp_value *v);

/* Functions whose arguments are all operands. `v` has as many as the function's arity. */
gp_value gp_check_elementwise(gp_builder *b, const gp_function *fn, const gp_value *v);
/* An operator: Python's arithmetic where all operands are literals, else the function. */
gp_value gp_check_operator(gp_builder *b, gp_function_id id, const gp_value *v, int count);
/* A call of the tree: binds the arguments. */
gp_value gp_check_call(gp_builder *b, const gp_ast_node *call);
/* Everything else that has arguments of its own; args[i].kind is NONE where left out. */
gp_value gp_check_special(gp_builder *b, const gp_function *fn, const gp_value *args,
                          const bool *given);
gp_value gp_check_reduction(gp_builder *b, const gp_function *fn, const gp_value *args,
                            const bool *given);
/* A dtype from a dtype's name or a string; false after a failure. */
bool gp_check_dtype(gp_builder *b, const gp_value *v, gp_dtype *dtype);
/* UNKNOWN_NAME with "did you mean". */
void gp_check_unknown(gp_builder *b, const char *what, int token, bool callable);

gpuproc_status gp_check(const gp_tokens *tokens, const gp_ast *ast, gp_program *program,
                        gpuproc_error *err);

#endif
