/* Functions of two whole arrays: convolutions with a short kernel, allclose, array_equal. */
#include "lang/operand.h"

#include <inttypes.h>
#include <string.h>

#define KERNEL_MOST 64 /* numbers: each is an operation of the program */

static gp_value failed(void) { return gp_value_node(-1); }

static bool is_bad(const gp_builder *b, const gp_value *v)
{
    return b->st != GPUPROC_OK || (v->kind == GP_VAL_NODE && v->node < 0);
}

/* Lists become arrays and windows views; the rest stays as it is. */
static gp_value plain(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    if (v->kind == GP_VAL_TUPLE) return gp_value_node(gp_argument_array(b, fn, v));
    return gp_build_window_view(b, v);
}

/* A value as a node, with the shape that it has for NumPy (a selection: one axis, -1 long). */
static bool take_shape(gp_builder *b, gp_value *v, gp_shape *shape)
{
    if (v->kind != GP_VAL_NODE && v->kind != GP_VAL_COMPLEX) *v = gp_value_node(gp_build_strong(b, v));
    if (is_bad(b, v)) return false;
    *shape = v->kind == GP_VAL_NODE ? *gp_build_shape(b, v->node) : (gp_shape){0};
    if (v->selected) *shape = (gp_shape){1, {-1}};
    return true;
}

/* ---- Convolutions ---- */

typedef struct kernel {
    const gp_value *list;
    gp_dtype dtype;
    int64_t length;
} kernel;

static bool take_kernel(gp_builder *b, const gp_function *fn, const gp_value *v, kernel *k)
{
    k->list = v;
    k->length = v->items;
    if (v->kind != GP_VAL_TUPLE) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() needs a literal list as its second argument, as in %s(x, [1, 2, 1])", fn->name, fn->name);
    } else if (v->items == 0) {
        gp_build_fail(b, GPUPROC_VALUE, "v cannot be empty");
    } else if (v->items > KERNEL_MOST) {
        gp_build_fail(b, GPUPROC_LIMIT, "%s() takes at most %d numbers as its second argument, found %d", fn->name, KERNEL_MOST, v->items);
    } else {
        int node = gp_argument_array(b, fn, v);
        if (node < 0) return false;
        k->dtype = gp_build_dtype(b, node);
        if (gp_build_shape(b, node)->ndim != 1)
            gp_build_fail(b, GPUPROC_VALUE, "object too deep for desired array");
        else if (gp_dtype_kind(k->dtype) == GP_KIND_COMPLEX)
            gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() takes real numbers as its second argument", fn->name);
    }
    return b->st == GPUPROC_OK;
}

/* Where the result begins in the full one, and how long it is. */
static bool take_mode(gp_builder *b, const gp_function *fn, const gp_value *v, int64_t n, int64_t m, int64_t *from, int64_t *length)
{
    size_t size = 4;
    const char *mode = v->kind == GP_VAL_NONE ? (fn->id == GP_FN_convolve ? "full" : "valid") : gp_argument_string(b, fn, v, &size);
    int64_t less = n < m ? n : m, more = n < m ? m : n;
    if (mode == NULL) return false;
    if (v->kind == GP_VAL_NONE) size = strlen(mode);
    if (size == 4 && memcmp(mode, "full", 4) == 0) {
        *from = 0;
        *length = n + m - 1;
    } else if (size == 4 && memcmp(mode, "same", 4) == 0) {
        *from = (less - 1) / 2;
        *length = more;
    } else if (size == 5 && memcmp(mode, "valid", 5) == 0) {
        *from = less - 1;
        *length = more - less + 1;
    } else {
        gp_build_fail(b, GPUPROC_VALUE, "mode must be one of 'valid', 'same', or 'full' (got '%.*s')", (int)(size < 40 ? size : 40), mode);
    }
    return b->st == GPUPROC_OK;
}

/* Element i is the sum of x[i + from - j] * kernel[j], of what is inside x. */
static int convolved(gp_builder *b, const kernel *k, int x, bool backwards, int64_t from, int64_t length)
{
    gp_dtype dtype = gp_build_dtype(b, x);
    gp_shape shape = {1, {length}};
    int total = -1;
    for (int64_t j = 0; j < k->length; j++) {
        const gp_value *factor = gp_build_item(b, k->list, (int)(backwards ? k->length - 1 - j : j));
        gp_axis_map map = {.to = 0, .start = from - j, .step = 1, .to2 = -1};
        int term = gp_build_binary(b, GP_OP_MUL, dtype, x, gp_build_as(b, factor, dtype));
        term = term < 0 ? -1 : gp_build_map(b, term, &map, &shape, true);
        total = total < 0 ? term : gp_build_binary(b, GP_OP_ADD, dtype, total, term);
        if (total < 0) return -1;
    }
    return total;
}

static gp_value convolve(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *x_of = &args[0], *v_of = &args[1];
    kernel k;
    gp_operand x;
    int64_t from = 0, length = 0;
    if (fn->id == GP_FN_convolve && v_of->kind != GP_VAL_TUPLE && x_of->kind == GP_VAL_TUPLE) {
        x_of = &args[1]; /* the order does not matter */
        v_of = &args[0];
    }
    if (!take_kernel(b, fn, v_of, &k) || !gp_operand_take(b, fn, x_of, &x)) return failed();
    if (x.selected || x.shape.ndim != 1)
        return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "%s() needs an array of one dimension%s", fn->name,
                                           x.selected ? ", whose length is known" : ""));
    if (x.shape.dim[0] == 0) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "a cannot be empty"));
    if (fn->id == GP_FN_correlate && k.length > x.shape.dim[0])
        return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "correlate() needs a second argument no longer than the first"));
    if (!take_mode(b, fn, &args[2], x.shape.dim[0], k.length, &from, &length)) return failed();
    bool backwards = fn->id == GP_FN_correlate;
    gp_dtype dtype = gp_dtype_promote(x.dtype, k.dtype), work = gp_dtype_worked(dtype);
    if (dtype == GPUPROC_BOOL) return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() needs numbers, found bools", fn->name));
    int re = gp_build_cast(b, x.re, work), im = x.im < 0 ? -1 : gp_build_cast(b, x.im, work);
    re = re < 0 ? -1 : convolved(b, &k, re, backwards, from, length);
    if (im >= 0) im = convolved(b, &k, im, backwards, from, length);
    return gp_value_of_parts(b, re, im, dtype);
}

/* ---- Agreement ---- */

static gp_value allclose(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_value close[GP_MAX_PARAMETERS];
    for (int k = 0; k < GP_MAX_PARAMETERS; k++) close[k] = k < 2 ? plain(b, fn, &args[k]) : args[k];
    if (is_bad(b, &close[0]) || is_bad(b, &close[1])) return failed();
    gp_value each = gp_check_special(b, gp_function_by_id(GP_FN_isclose), close, given);
    return gp_value_reduced(b, GP_FN_all, each, NULL, false);
}

static gp_value array_equal(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value x = plain(b, fn, &args[0]), y = plain(b, fn, &args[1]);
    gp_shape from, to;
    bool nan = false;
    if (args[2].kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "equal_nan", &args[2], &nan)) return failed();
    if (!take_shape(b, &x, &from) || !take_shape(b, &y, &to)) return failed();
    if (x.selected != y.selected)
        return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() cannot compare a selection with an array: its length shows only when it runs", fn->name));
    if (!gp_shape_equal(&from, &to)) return gp_value_node(gp_build_int(b, GPUPROC_BOOL, false));
    gp_value same = gp_value_apply(b, GP_FN_equal, x, y);
    if (nan) {
        gp_value is_nan = is_bad(b, &same) ? failed() : gp_check_operator(b, GP_FN_isnan, &x, 1);
        gp_value other = is_bad(b, &is_nan) ? failed() : gp_check_operator(b, GP_FN_isnan, &y, 1);
        same = gp_value_apply(b, GP_FN_logical_or, same, gp_value_apply(b, GP_FN_logical_and, is_nan, other));
    }
    return gp_value_reduced(b, GP_FN_all, same, NULL, false);
}

gp_value gp_check_pair(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    switch (fn->id) {
    case GP_FN_allclose: return allclose(b, fn, args, given);
    case GP_FN_array_equal: return array_equal(b, fn, args);
    case GP_FN_convolve:
    case GP_FN_correlate: return convolve(b, fn, args);
    default: return gp_value_node(gp_build_fail(b, GPUPROC_INTERNAL, "no rule for %s", fn->name));
    }
}
