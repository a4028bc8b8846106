/* Sorted tables: searchsorted, digitize, isin, interp. */
#include "lang/check_selection.h"

#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }
static int op2(gp_builder *b, gp_op op, gp_dtype dtype, int x, int y) { return gp_build_op(b, op, dtype, x, y, -1); }
static int is2(gp_builder *b, gp_op op, int x, int y) { return gp_build_op(b, op, GPUPROC_BOOL, x, y, -1); }
static int whole(gp_builder *b, int64_t i) { return gp_build_int(b, GPUPROC_INT64, i); }

/* A constant array in another dtype, its elements in the order of `order` (NULL: as they are). */
static int constant_as(gp_builder *b, const gp_input *constant, gp_dtype dtype, const uint64_t *order)
{
    size_t count = (size_t)gp_shape_size(&constant->shape), bytes = gpuproc_dtype_bytes(dtype);
    const gp_shape shape = constant->shape;
    const gp_input from = *constant; /* the list of inputs may move */
    char *data = gp_calloc(count + 1, bytes);
    if (data == NULL) return gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    int node = -1;
    for (size_t i = 0; i < count; i++) {
        int element = gp_build_placed(b, gp_ir_const(b->program, gp_constant_element(&from, order != NULL ? order[i] : i)));
        element = gp_build_cast(b, element, dtype);
        if (element < 0) goto out;
        double f = b->program->node[element].value.value.f;
        float single = (float)f;
        if (dtype == GPUPROC_FLOAT32) memcpy(data + i * bytes, &single, bytes);
        else memcpy(data + i * bytes, &b->program->node[element].value.value, bytes);
    }
    node = gp_build_array(b, dtype, &shape, data);
out:
    free(data);
    return node;
}

static int as(gp_builder *b, int node, gp_dtype dtype)
{
    if (node < 0 || gp_build_dtype(b, node) == dtype) return node;
    const gp_input *constant = gp_build_constant(b, node);
    return constant != NULL ? constant_as(b, constant, dtype, NULL) : gp_build_cast(b, node, dtype);
}

/* A one-dimensional table; its length in *length. */
static int line(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, int64_t *length)
{
    int node = gp_build_strong(b, v);
    if (node < 0) return -1;
    const gp_shape *shape = gp_build_shape(b, node);
    if (shape->ndim != 1) return gp_build_fail(b, GPUPROC_SHAPE, "%s() needs a list or an array with one axis as %s", fn->name, what);
    *length = shape->dim[0];
    return node;
}

/* What is compared: NumPy's common dtype; float16 as float32, which orders it alike. */
static gp_dtype searched(gp_dtype a, gp_dtype b)
{
    gp_dtype dtype = gp_dtype_promote(a, b);
    return dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype;
}

/* The table of `a`, all of it in its order. */
static int ordered_table(gp_builder *b, int a)
{
    gp_walk walk;
    int node = a < 0 ? -1 : gp_build_table(b, a, &walk);
    if (node < 0) return -1;
    bool all = walk.offset == 0 && (walk.stride[0] == 1 || walk.shape.dim[0] < 2) &&
               gp_shape_size(gp_build_shape(b, gp_node_base(b->program, node))) == (uint64_t)walk.shape.dim[0];
    if (all) return node;
    int stored = gp_build_placed(b, gp_ir_fold(b->program, GP_OP_STORE, gp_build_dtype(b, a), a, -1, 0, 0, gp_build_shape(b, a), false));
    return stored < 0 ? -1 : gp_build_table(b, stored, &walk);
}

static int search(gp_builder *b, int a, int v, bool right)
{
    if (a < 0 || v < 0) return -1;
    gp_dtype dtype = searched(gp_build_dtype(b, a), gp_build_dtype(b, v));
    int table = ordered_table(b, as(b, a, dtype));
    return gp_build_op(b, right ? GP_OP_SEARCHRIGHT : GP_OP_SEARCHLEFT, GPUPROC_INT64, table, gp_build_cast(b, v, dtype), -1);
}

static gp_value searchsorted(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    int64_t length = 0;
    size_t n = 0;
    const char *side = args[2].kind == GP_VAL_NONE ? "left" : gp_argument_string(b, fn, &args[2], &n);
    if (args[2].kind == GP_VAL_NONE) n = 4;
    if (side == NULL) return of(-1);
    bool right = n == 5 && memcmp(side, "right", 5) == 0;
    if (!right && !(n == 4 && memcmp(side, "left", 4) == 0))
        return of(gp_build_fail(b, GPUPROC_VALUE, "searchsorted() has the sides 'left' and 'right'"));
    int a = line(b, fn, "a", &args[0], &length), v = a < 0 ? -1 : gp_build_strong(b, &args[1]);
    return of(search(b, a, v, right));
}

/* 1: a constant goes up, -1: down, 0: neither. */
static int direction(const gp_input *constant)
{
    uint64_t count = gp_shape_size(&constant->shape);
    bool up = true, down = true;
    for (uint64_t i = 1; i < count; i++) {
        gpuproc_scalar x = gp_constant_element(constant, i - 1), y = gp_constant_element(constant, i);
        bool is_float = gp_dtype_is_float(x.dtype), is_unsigned = gp_dtype_kind(x.dtype) == GP_KIND_UINT;
        up = up && (is_float ? x.value.f <= y.value.f : is_unsigned ? x.value.u <= y.value.u : x.value.i <= y.value.i);
        down = down && (is_float ? x.value.f >= y.value.f : is_unsigned ? x.value.u >= y.value.u : x.value.i >= y.value.i);
    }
    return up ? 1 : down ? -1 : 0;
}

static gp_value digitize(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    int64_t length = 0;
    bool right = false;
    if (args[2].kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "right", &args[2], &right)) return of(-1);
    int bins = line(b, fn, "bins", &args[1], &length), x = bins < 0 ? -1 : gp_build_strong(b, &args[0]);
    if (x < 0) return of(-1);
    const gp_input *constant = gp_build_constant(b, bins);
    int way = constant != NULL ? direction(constant) : 1; /* an array's bins must go up */
    if (way == 0) return of(gp_build_fail(b, GPUPROC_VALUE, "bins must be monotonically increasing or decreasing"));
    if (way > 0) return of(search(b, bins, x, !right));
    uint64_t *order = gp_calloc((size_t)length + 1, sizeof *order);
    if (order == NULL) return of(gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory"));
    for (int64_t i = 0; i < length; i++) order[i] = (uint64_t)(length - 1 - i);
    bins = constant_as(b, constant, gp_build_dtype(b, bins), order);
    free(order);
    return of(op2(b, GP_OP_SUB, GPUPROC_INT64, whole(b, length), search(b, bins, x, !right)));
}

/* ---- isin ---- */

enum { FEW = 16, FEW_LOOKED_UP = 64 };

typedef struct ordered {
    gpuproc_scalar value;
    uint64_t place;
} ordered;

static int by_value(const void *x, const void *y)
{
    const gpuproc_scalar *a = &((const ordered *)x)->value, *b = &((const ordered *)y)->value;
    if (gp_dtype_is_float(a->dtype)) { /* NaN last */
        if (isnan(a->value.f) || isnan(b->value.f)) return (isnan(a->value.f) != 0) - (isnan(b->value.f) != 0);
        return (a->value.f > b->value.f) - (a->value.f < b->value.f);
    }
    if (gp_dtype_kind(a->dtype) == GP_KIND_INT) return (a->value.i > b->value.i) - (a->value.i < b->value.i);
    return (a->value.u > b->value.u) - (a->value.u < b->value.u);
}

/* A constant array, sorted. */
static int sorted(gp_builder *b, int node)
{
    const gp_input *constant = gp_build_constant(b, node);
    size_t count = (size_t)gp_shape_size(&constant->shape);
    ordered *list = gp_calloc(count + 1, sizeof *list);
    uint64_t *order = gp_calloc(count + 1, sizeof *order);
    int result = -1;
    if (list == NULL || order == NULL) {
        gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < count; i++) list[i] = (ordered){gp_constant_element(constant, i), i};
    qsort(list, count, sizeof *list, by_value);
    for (size_t i = 0; i < count; i++) order[i] = list[i].place;
    result = constant_as(b, constant, constant->dtype, order);
out:
    free(order);
    free(list);
    return result;
}

/* x is one of the elements of a sorted table: that at the place where it belongs. */
static int in_table(gp_builder *b, int x, int values, int64_t count)
{
    int place = search(b, values, x, false), table = ordered_table(b, values);
    place = op2(b, GP_OP_MINIMUM, GPUPROC_INT64, place, whole(b, count - 1));
    return is2(b, GP_OP_EQ, gp_build_op(b, GP_OP_TAKE, gp_build_dtype(b, x), table, place, -1), x);
}

/* x is one of few: compared with each. */
static int in_few(gp_builder *b, int x, int values, int64_t count)
{
    const gp_input *constant = gp_build_constant(b, values);
    int result = -1, table = -1;
    gp_walk walk;
    if (constant == NULL && (table = gp_build_table(b, values, &walk)) < 0) return -1;
    for (int64_t k = 0; k < count; k++) {
        int value = constant != NULL
                        ? gp_build_placed(b, gp_ir_const(b->program, gp_constant_element(gp_build_constant(b, values), (uint64_t)k)))
                        : gp_build_op(b, GP_OP_TAKE, gp_build_dtype(b, x), table, whole(b, walk.offset + k * walk.stride[0]), -1);
        int same = is2(b, GP_OP_EQ, x, value);
        result = result < 0 ? same : is2(b, GP_OP_BITOR, result, same);
        if (same < 0) return -1;
    }
    return result;
}

static gp_value isin(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    bool invert = false;
    if (args[2].kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "invert", &args[2], &invert)) return of(-1);
    int x = gp_build_strong(b, &args[0]);
    gp_value list = x < 0 ? of(-1) : gp_value_is_literal(&args[1]) ? of(gp_argument_array(b, fn, &args[1])) : args[1];
    if (list.kind == GP_VAL_NODE && list.node < 0) return of(-1);
    list = gp_check_flattened(b, &list);
    if (list.node < 0) return of(-1);
    if (list.complex) return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "isin() of complex numbers is not built"));
    int64_t count = gp_build_shape(b, list.node)->dim[0];
    gp_dtype dtype = searched(gp_build_dtype(b, x), gp_build_dtype(b, list.node));
    bool constant = gp_build_constant(b, list.node) != NULL;
    if (!constant && count > FEW_LOOKED_UP)
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED,
                                "isin() needs a list of values, or an array of at most %d: the %" PRId64 " values would have to be sorted",
                                FEW_LOOKED_UP, count));
    if (count == 0) {
        x = gp_build_cast(b, x, GPUPROC_BOOL);
        return of(is2(b, invert ? GP_OP_EQ : GP_OP_NE, x, x));
    }
    x = gp_build_cast(b, x, dtype);
    int values = as(b, list.node, dtype), hit = -1;
    if (values < 0) return of(-1);
    hit = constant && count > FEW ? in_table(b, x, sorted(b, values), count) : in_few(b, x, values, count);
    return of(invert ? gp_build_op(b, GP_OP_INVERT, GPUPROC_BOOL, hit, -1, -1) : hit);
}

/* ---- interp ---- */

static int f2(gp_builder *b, gp_op op, int x, int y) { return op2(b, op, GPUPROC_FLOAT64, x, y); }
static int choose(gp_builder *b, int condition, int x, int y) { return gp_build_op(b, GP_OP_WHERE, GPUPROC_FLOAT64, condition, x, y); }
static int look(gp_builder *b, int table, int place) { return gp_build_op(b, GP_OP_TAKE, GPUPROC_FLOAT64, table, place, -1); }

/* As NumPy: on the line through the point before x, or through the one behind it where that gives NaN. */
static gp_value interp(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    int64_t n = 0, values = 0;
    int xp = line(b, fn, "xp", &args[1], &n), fp = xp < 0 ? -1 : line(b, fn, "fp", &args[2], &values);
    int x = fp < 0 ? -1 : gp_build_strong(b, &args[0]);
    if (x < 0) return of(-1);
    if (n == 0) return of(gp_build_fail(b, GPUPROC_VALUE, "array of sample points is empty"));
    if (n != values) return of(gp_build_fail(b, GPUPROC_VALUE, "fp and xp are not of the same length"));
    xp = as(b, xp, GPUPROC_FLOAT64);
    fp = as(b, fp, GPUPROC_FLOAT64);
    x = gp_build_cast(b, x, GPUPROC_FLOAT64);
    int xs = ordered_table(b, xp), ys = ordered_table(b, fp);
    int last = whole(b, n - 1), zero = whole(b, 0), one = whole(b, 1);
    int place = op2(b, GP_OP_SUB, GPUPROC_INT64, search(b, xp, x, true), one);
    int low = op2(b, GP_OP_MAXIMUM, GPUPROC_INT64, op2(b, GP_OP_MINIMUM, GPUPROC_INT64, place, last), zero);
    int at_end = is2(b, GP_OP_EQ, low, last);
    if (n > 1) low = op2(b, GP_OP_MINIMUM, GPUPROC_INT64, low, whole(b, n - 2)); /* a line, though not used at the end */
    int high = op2(b, GP_OP_MINIMUM, GPUPROC_INT64, op2(b, GP_OP_ADD, GPUPROC_INT64, low, one), last);
    int x0 = look(b, xs, low), x1 = look(b, xs, high), y0 = look(b, ys, low), y1 = look(b, ys, high);
    int slope = n == 1 ? gp_build_float(b, GPUPROC_FLOAT64, 0) : f2(b, GP_OP_DIV, f2(b, GP_OP_SUB, y1, y0), f2(b, GP_OP_SUB, x1, x0));
    int before = f2(b, GP_OP_ADD, f2(b, GP_OP_MUL, slope, f2(b, GP_OP_SUB, x, x0)), y0);
    int behind = f2(b, GP_OP_ADD, f2(b, GP_OP_MUL, slope, f2(b, GP_OP_SUB, x, x1)), y1);
    int none = gp_build_op(b, GP_OP_ISNAN, GPUPROC_BOOL, behind, -1, -1);
    behind = choose(b, is2(b, GP_OP_BITAND, none, is2(b, GP_OP_EQ, y0, y1)), y0, behind);
    int result = choose(b, gp_build_op(b, GP_OP_ISNAN, GPUPROC_BOOL, before, -1, -1), behind, before);
    result = choose(b, is2(b, GP_OP_EQ, x0, x), y0, result);
    result = choose(b, at_end, look(b, ys, last), result);
    int left = args[3].kind == GP_VAL_NONE ? look(b, ys, zero) : gp_build_as(b, &args[3], GPUPROC_FLOAT64);
    int right = args[4].kind == GP_VAL_NONE ? look(b, ys, last) : gp_build_as(b, &args[4], GPUPROC_FLOAT64);
    result = choose(b, is2(b, GP_OP_LT, place, zero), left, result);
    result = choose(b, is2(b, GP_OP_GT, x, look(b, xs, last)), right, result);
    return of(choose(b, gp_build_op(b, GP_OP_ISNAN, GPUPROC_BOOL, x, -1, -1), x, result));
}

gp_value gp_check_search_function(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    switch (fn->id) {
    case GP_FN_searchsorted: return searchsorted(b, fn, args);
    case GP_FN_digitize: return digitize(b, fn, args);
    case GP_FN_isin: return isin(b, fn, args);
    default: return interp(b, fn, args);
    }
}
