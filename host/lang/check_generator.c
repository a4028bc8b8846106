/* Arrays made of nothing: ranges, constants, patterns. Random numbers: check_random.c. */
#include "lang/check_generator.h"

#include <inttypes.h>
#include <math.h>

static gp_value of(int node) { return gp_value_node(node); }
static int int2(gp_builder *b, gp_op op, int x, int y) { return gp_build_op(b, op, GPUPROC_INT64, x, y, -1); }
static int whole(gp_builder *b, int64_t i) { return gp_build_int(b, GPUPROC_INT64, i); }
static gp_value literal_int(__int128 i) { return (gp_value){.kind = GP_VAL_INT, .i = i}; }

static bool dtype_argument(gp_builder *b, const gp_value *v, gp_dtype *dtype)
{
    return v->kind == GP_VAL_NONE || gp_check_dtype(b, v, dtype);
}

bool gp_argument_size(gp_builder *b, const gp_function *fn, const gp_value *v, gp_shape *shape)
{
    gpuproc_error why;
    uint64_t count;
    if (!gp_argument_shape(b, fn, v, shape)) return false;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] >= 0) continue;
        gp_build_fail(b, GPUPROC_VALUE, "negative dimensions are not allowed");
        return false;
    }
    if (gp_shape_count(shape, 16, &count, &why) == GPUPROC_OK) return true;
    gp_build_fail(b, GPUPROC_SHAPE, "%s", why.message);
    return false;
}

/* A node of one value in a shape; complex ones by parts. */
static gp_value filled(gp_builder *b, const gp_value *fill, gp_dtype dtype, const gp_shape *shape)
{
    gp_value v = gp_build_convert(b, fill, dtype);
    if (v.node < 0 || v.selected) return of(v.selected ? gp_build_strong(b, &v) : -1);
    if (!b->program->node[v.node].uniform || gp_build_shape(b, v.node)->ndim > 0) { /* an array that is stretched */
        v.node = gp_build_broadcast(b, v.node, shape);
        if (v.complex && v.node >= 0) v.im = gp_build_broadcast(b, v.im, shape);
    } else if (shape->ndim > 0) {
        v.node = gp_build_fill(b, v.node, shape);
        if (v.complex && v.node >= 0) v.im = gp_build_fill(b, v.im, shape);
    }
    return b->st == GPUPROC_OK ? v : of(-1);
}

static gp_dtype natural_dtype(const gp_builder *b, const gp_value *v)
{
    return v->kind == GP_VAL_NODE ? gp_value_dtype(b, v) : gp_build_common(b, v, 1);
}

/* zeros, ones, empty, full and their _like. */
static gp_value constant(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    bool is_full = fn->id == GP_FN_full || fn->id == GP_FN_full_like;
    bool like = fn->id == GP_FN_zeros_like || fn->id == GP_FN_ones_like || fn->id == GP_FN_full_like || fn->id == GP_FN_empty_like;
    bool ones = fn->id == GP_FN_ones || fn->id == GP_FN_ones_like;
    gp_value fill = is_full ? args[1] : literal_int(ones);
    gp_dtype dtype = GPUPROC_FLOAT64;
    gp_shape shape = {0};
    if (fill.kind == GP_VAL_TUPLE) fill = of(gp_build_strong(b, &fill));
    if (fill.kind == GP_VAL_NODE && fill.node < 0) return of(-1);
    if (like) {
        gp_value a = args[0];
        if (a.kind == GP_VAL_TUPLE || a.selected || a.windowed) a = of(gp_build_strong(b, &a));
        if (a.kind == GP_VAL_NODE && a.node < 0) return of(-1);
        if (a.kind == GP_VAL_NODE) shape = *gp_build_shape(b, a.node);
        dtype = natural_dtype(b, &a);
    } else {
        if (!gp_argument_size(b, fn, &args[0], &shape)) return of(-1);
        if (is_full) dtype = natural_dtype(b, &fill);
    }
    if (!dtype_argument(b, &args[is_full ? 2 : 1], &dtype)) return of(-1);
    return filled(b, &fill, dtype, &shape);
}

/* ---- Ranges ---- */

/* A Python number that is known, or FAILED. */
static bool known(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, gp_value *number)
{
    double f;
    *number = *v;
    if (gp_value_is_literal(v)) return true;
    if (!gp_argument_number(b, fn, what, v, &f)) return false;
    gp_dtype dtype = gp_build_dtype(b, v->node);
    const gp_node *n = &b->program->node[v->node];
    *number = gp_value_float(f);
    if (gp_dtype_is_integer(dtype))
        *number = literal_int(gp_dtype_kind(dtype) == GP_KIND_UINT ? (__int128)n->value.value.u : (__int128)n->value.value.i);
    return true;
}

/* How many: ceil((stop - start) / step), in doubles as NumPy does. -1 after a failure. */
static int64_t range_length(gp_builder *b, const gp_value *start, const gp_value *stop, const gp_value *step)
{
    gp_value difference, quotient;
    const char *problem = "";
    gpuproc_status st = gp_literal_binary(GP_FN_subtract, stop, start, &difference, &problem);
    if (st == GPUPROC_OK) st = gp_literal_binary(GP_FN_divide, &difference, step, &quotient, &problem);
    if (st != GPUPROC_OK) return gp_build_fail(b, st, "arange(): %s", problem);
    double length = ceil(gp_literal_double(&quotient));
    if (isnan(length)) return gp_build_fail(b, GPUPROC_VALUE, "arange: cannot compute length");
    if (length >= 0x1p60) return gp_build_fail(b, GPUPROC_VALUE, "arange(): Maximum allowed size exceeded");
    return length > 0 ? (int64_t)length : 0;
}

/* first + i * delta in floats. NumPy sets the second element by itself, which may differ by a rounding. */
static int float_range(gp_builder *b, gp_dtype dtype, int number, double first, double second)
{
    bool single = dtype == GPUPROC_FLOAT32 || dtype == GPUPROC_FLOAT16;
    gp_dtype work = dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype;
    double delta = single ? (double)((float)second - (float)first) : second - first;
    double sum = single ? (double)((float)first + (float)delta) : first + delta;
    int i = gp_build_cast(b, number, work);
    int node = gp_build_op(b, GP_OP_MUL, work, i, gp_build_float(b, work, delta), -1);
    node = gp_build_op(b, GP_OP_ADD, work, gp_build_float(b, work, first), node, -1);
    if (sum != second && isfinite(second)) {
        int is_second = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, number, whole(b, 1), -1);
        node = gp_build_op(b, GP_OP_WHERE, work, is_second, gp_build_float(b, work, second), node);
    }
    return gp_build_cast(b, node, dtype);
}

/* A constant's value in a dtype. */
static bool value_in(gp_builder *b, const gp_value *literal, gp_dtype dtype, gpuproc_scalar *value)
{
    int node = gp_build_as(b, literal, dtype);
    if (node < 0) return false;
    *value = b->program->node[node].value;
    return true;
}

static int range(gp_builder *b, gp_dtype dtype, const gp_value *start, const gp_value *step, int64_t length)
{
    gp_shape shape = {.ndim = 1, .dim = {length}};
    gp_value next;
    gpuproc_scalar first, second;
    const char *problem = "";
    gpuproc_status st = gp_literal_binary(GP_FN_add, start, step, &next, &problem);
    if (st != GPUPROC_OK) return gp_build_fail(b, st, "arange(): %s", problem);
    if (length < 2) next = *start; /* which may not fit the dtype */
    if (!value_in(b, start, dtype, &first) || !value_in(b, &next, dtype, &second)) return -1;
    int number = gp_build_index(b, &shape, 0);
    if (gp_dtype_is_float(dtype)) return float_range(b, dtype, number, first.value.f, second.value.f);
    if (dtype == GPUPROC_BOOL) {
        if (length > 2) return gp_build_fail(b, GPUPROC_TYPE, "arange() of bool has at most two elements");
        int is_first = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, number, whole(b, 0), -1);
        return gp_build_op(b, GP_OP_WHERE, dtype, is_first, gp_build_int(b, dtype, first.value.i), gp_build_int(b, dtype, second.value.i));
    }
    /* Integers: modulo 2^64, of which the dtype keeps its bits. */
    int64_t delta = (int64_t)(second.value.u - first.value.u);
    if (delta != 1) number = int2(b, GP_OP_MUL, number, whole(b, delta));
    if (first.value.i != 0) number = int2(b, GP_OP_ADD, number, whole(b, first.value.i));
    return gp_build_cast(b, number, dtype);
}

static gp_value arange(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    bool one = args[1].kind == GP_VAL_NONE;
    gp_value v[3] = {args[0], args[1], args[2]}, zero = literal_int(0), unit = literal_int(1);
    if (one) v[1] = args[0];
    if (one) v[0] = zero;
    if (v[2].kind == GP_VAL_NONE) v[2] = unit;
    gp_dtype dtype = gp_build_common(b, v, 3);
    if (dtype == GPUPROC_BOOL) dtype = GPUPROC_INT64;
    static const char *const names[] = {"start", "stop", "step"};
    for (int k = 0; k < 3; k++) {
        gp_value number;
        if (!known(b, fn, names[k], &v[k], &number)) return of(-1);
        v[k] = number;
    }
    if (!dtype_argument(b, &args[3], &dtype)) return of(-1);
    bool complex = gp_dtype_kind(dtype) == GP_KIND_COMPLEX;
    gp_dtype part = dtype == GPUPROC_COMPLEX64 ? GPUPROC_FLOAT32 : complex ? GPUPROC_FLOAT64 : dtype;
    int64_t length = range_length(b, &v[0], &v[1], &v[2]);
    gp_value result = of(length < 0 ? -1 : range(b, part, &v[0], &v[2], length));
    return complex && result.node >= 0 ? gp_build_convert(b, &result, dtype) : result;
}

/* ---- linspace ---- */

typedef struct spaced {
    gp_dtype dtype; /* in which it is computed */
    int number;     /* 0, 1, ... as int64 */
    int64_t count;
    bool endpoint;
} spaced;

static int spaced2(gp_builder *b, const spaced *s, gp_op op, int x, int y) { return gp_build_op(b, op, s->dtype, x, y, -1); }

static int where_number(gp_builder *b, const spaced *s, int64_t at, int x, int y)
{
    int here = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, s->number, whole(b, at), -1);
    return gp_build_op(b, GP_OP_WHERE, s->dtype, here, x, y);
}

/* start + i * step; where the step underflows to 0: start + (i / div) * (stop - start); the last is stop. */
static int line(gp_builder *b, const spaced *s, int start, int stop)
{
    int64_t div = s->endpoint ? s->count - 1 : s->count;
    int i = gp_build_cast(b, s->number, s->dtype), delta = spaced2(b, s, GP_OP_SUB, stop, start), node;
    if (div > 0) {
        int parts = gp_build_float(b, s->dtype, (double)div), step = spaced2(b, s, GP_OP_DIV, delta, parts);
        int none = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, step, gp_build_float(b, s->dtype, 0), -1);
        int scaled = spaced2(b, s, GP_OP_MUL, spaced2(b, s, GP_OP_DIV, i, parts), delta);
        node = gp_build_op(b, GP_OP_WHERE, s->dtype, none, scaled, spaced2(b, s, GP_OP_MUL, i, step));
    } else {
        node = spaced2(b, s, GP_OP_MUL, i, delta);
    }
    node = spaced2(b, s, GP_OP_ADD, node, start);
    return s->endpoint && s->count > 1 ? where_number(b, s, s->count - 1, stop, node) : node;
}

/* A single number as floats, in the dtype of the computation. */
static int end_of(gp_builder *b, const gp_value *v, gp_dtype dtype)
{
    int node = gp_build_as(b, v, dtype);
    if (node < 0 || gp_build_shape(b, node)->ndim == 0) return node;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "start and stop must be single numbers, found an array");
}

/* num, endpoint, and the dtype in which NumPy computes. */
static bool spaced_of(gp_builder *b, const gp_function *fn, const gp_value *args, spaced *s)
{
    *s = (spaced){.count = 50, .endpoint = true};
    if (args[2].kind != GP_VAL_NONE && !gp_argument_int(b, fn, "num", &args[2], &s->count)) return false;
    if (args[3].kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "endpoint", &args[3], &s->endpoint)) return false;
    if (s->count < 0) {
        gp_build_fail(b, GPUPROC_VALUE, "Number of samples, %" PRId64 ", must be non-negative.", s->count);
        return false;
    }
    if (gp_value_is_complex(b, &args[0]) || gp_value_is_complex(b, &args[1])) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of complex numbers is not built", fn->name);
        return false;
    }
    s->dtype = gp_build_common(b, args, 2);
    if (!gp_dtype_is_float(s->dtype)) s->dtype = GPUPROC_FLOAT64;
    gp_shape shape = {.ndim = 1, .dim = {s->count}};
    s->number = gp_build_index(b, &shape, 0);
    return s->number >= 0;
}

static gp_value linspace(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    spaced s;
    if (!spaced_of(b, fn, args, &s)) return of(-1);
    gp_dtype dtype = s.dtype;
    if (!dtype_argument(b, &args[4], &dtype)) return of(-1);
    int start = end_of(b, &args[0], s.dtype), stop = start < 0 ? -1 : end_of(b, &args[1], s.dtype);
    int node = stop < 0 ? -1 : line(b, &s, start, stop);
    if (gp_dtype_is_integer(dtype)) node = gp_build_op(b, GP_OP_FLOOR, s.dtype, node, -1, -1);
    gp_value v = of(node);
    return node < 0 ? v : gp_build_convert(b, &v, dtype);
}

static gp_value logspace(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    spaced s;
    double base = 10;
    if (!spaced_of(b, fn, args, &s)) return of(-1);
    gp_dtype dtype = s.dtype;
    if (args[4].kind != GP_VAL_NONE && !gp_argument_number(b, fn, "base", &args[4], &base)) return of(-1);
    if (!dtype_argument(b, &args[5], &dtype)) return of(-1);
    int start = end_of(b, &args[0], s.dtype), stop = start < 0 ? -1 : end_of(b, &args[1], s.dtype);
    int node = stop < 0 ? -1 : line(b, &s, start, stop);
    gp_value v = of(spaced2(b, &s, GP_OP_POW, gp_build_float(b, s.dtype, base), node));
    return v.node < 0 ? v : gp_build_convert(b, &v, dtype);
}

/* As NumPy: 10 to a line between the logarithms, the sign taken out, the ends as they are given. */
static gp_value geomspace(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    spaced s;
    double start, stop;
    if (!spaced_of(b, fn, args, &s)) return of(-1);
    gp_dtype dtype = s.dtype;
    if (!gp_argument_number(b, fn, "start", &args[0], &start) || !gp_argument_number(b, fn, "stop", &args[1], &stop) ||
        !dtype_argument(b, &args[4], &dtype))
        return of(-1);
    if (start == 0 || stop == 0) return of(gp_build_fail(b, GPUPROC_VALUE, "Geometric sequence cannot include zero"));
    double sign = start < 0 ? -1 : 1;
    int first = gp_build_float(b, s.dtype, start), last = gp_build_float(b, s.dtype, stop);
    int low = gp_build_float(b, s.dtype, log10(start * sign)), high = gp_build_float(b, s.dtype, log10(stop * sign));
    int node = spaced2(b, &s, GP_OP_POW, gp_build_float(b, s.dtype, 10), line(b, &s, low, high));
    node = spaced2(b, &s, GP_OP_MUL, node, gp_build_float(b, s.dtype, sign));
    if (s.count > 0) node = where_number(b, &s, 0, first, node);
    if (s.count > 1 && s.endpoint) node = where_number(b, &s, s.count - 1, last, node);
    gp_value v = of(node);
    return node < 0 ? v : gp_build_convert(b, &v, dtype);
}

/* ---- Patterns ---- */

/* eye, identity, tri: by the distance from the diagonal. */
static gp_value diagonal(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    int64_t rows, columns, k = 0;
    gp_dtype dtype = GPUPROC_FLOAT64;
    bool identity = fn->id == GP_FN_identity;
    if (!gp_argument_int(b, fn, "N", &args[0], &rows)) return of(-1);
    columns = rows;
    if (!identity && args[1].kind != GP_VAL_NONE && !gp_argument_int(b, fn, "M", &args[1], &columns)) return of(-1);
    if (!identity && args[2].kind != GP_VAL_NONE && !gp_argument_int(b, fn, "k", &args[2], &k)) return of(-1);
    if (!dtype_argument(b, &args[identity ? 1 : 3], &dtype)) return of(-1);
    gp_value lengths[2] = {literal_int(rows), literal_int(columns)}, tuple = gp_build_tuple(b, lengths, 2);
    gp_shape shape;
    if (tuple.kind != GP_VAL_TUPLE || !gp_argument_size(b, fn, &tuple, &shape)) return of(-1);
    if (k > INT64_MAX / 2 || k < -(INT64_MAX / 2)) return of(gp_build_fail(b, GPUPROC_VALUE, "%s(): k is too large", fn->name));
    int distance = int2(b, GP_OP_SUB, gp_build_index(b, &shape, 1), gp_build_index(b, &shape, 0));
    gp_value v = of(gp_build_op(b, fn->id == GP_FN_tri ? GP_OP_LE : GP_OP_EQ, GPUPROC_BOOL, distance, whole(b, k), -1));
    return v.node < 0 ? v : gp_build_convert(b, &v, dtype);
}

/* indices(dims): the index along axis 0, along axis 1, ... one behind the other. */
static gp_value indices(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_dtype dtype = GPUPROC_INT64;
    gp_shape dims, shape;
    if (!gp_argument_size(b, fn, &args[0], &dims) || !dtype_argument(b, &args[1], &dtype)) return of(-1);
    if (dims.ndim == 0 || dims.ndim == GPUPROC_MAX_NDIM)
        return of(gp_build_fail(b, GPUPROC_SHAPE, "indices() needs 1 to %d dimensions", GPUPROC_MAX_NDIM - 1));
    shape = (gp_shape){.ndim = dims.ndim + 1, .dim = {dims.ndim}};
    for (int d = 0; d < dims.ndim; d++) {
        if (dtype == GPUPROC_BOOL && dims.dim[d] > 2)
            return of(gp_build_fail(b, GPUPROC_TYPE, "indices() as bools is possible for lengths of at most 2 only"));
        shape.dim[d + 1] = dims.dim[d];
    }
    int which = gp_build_index(b, &shape, 0), node = gp_build_index(b, &shape, dims.ndim);
    for (int d = dims.ndim - 2; d >= 0; d--) {
        int here = gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, which, whole(b, d), -1);
        node = gp_build_op(b, GP_OP_WHERE, GPUPROC_INT64, here, gp_build_index(b, &shape, d + 1), node);
    }
    gp_value v = of(node);
    return node < 0 ? v : gp_build_convert(b, &v, dtype);
}

/* meshgrid(x1, x2, ...): each stretched over all; with 'xy' the first two change places. */
static gp_value meshgrid(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    enum { MOST = 4 };
    gp_value item[MOST];
    gp_shape shape = {0};
    int count = 0, axis[MOST];
    size_t n = 2;
    const char *text = args[MOST].kind == GP_VAL_NONE ? "xy" : gp_argument_string(b, fn, &args[MOST], &n);
    if (text == NULL) return of(-1);
    bool xy = n == 2 && text[0] == 'x' && text[1] == 'y';
    if (!xy && !(n == 2 && text[0] == 'i' && text[1] == 'j'))
        return of(gp_build_fail(b, GPUPROC_VALUE, "meshgrid() has the indexings 'xy' and 'ij'"));
    for (; count < MOST && args[count].kind != GP_VAL_NONE; count++) {
        int node = gp_build_strong(b, &args[count]);
        if (node < 0) return of(-1);
        if (gp_build_shape(b, node)->ndim != 1)
            return of(gp_build_fail(b, GPUPROC_SHAPE, "meshgrid() takes arrays with one axis, found %d", gp_build_shape(b, node)->ndim));
        item[count] = of(node);
    }
    shape.ndim = count;
    for (int k = 0; k < count; k++) {
        axis[k] = xy && count > 1 && k < 2 ? 1 - k : k;
        shape.dim[axis[k]] = gp_build_shape(b, item[k].node)->dim[0];
    }
    for (int k = 0; k < count; k++) {
        for (int d = axis[k] + 1; d < count && item[k].node >= 0; d++)
            item[k].node = gp_build_insert_axis(b, item[k].node, gp_build_shape(b, item[k].node)->ndim);
        if (item[k].node >= 0) item[k].node = gp_build_broadcast(b, item[k].node, &shape);
        if (item[k].node < 0) return of(-1);
    }
    return gp_build_tuple(b, item, count);
}

gp_value gp_check_generator(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    switch (fn->id) {
    case GP_FN_arange: return arange(b, fn, args);
    case GP_FN_linspace: return linspace(b, fn, args);
    case GP_FN_logspace: return logspace(b, fn, args);
    case GP_FN_geomspace: return geomspace(b, fn, args);
    case GP_FN_eye:
    case GP_FN_identity:
    case GP_FN_tri: return diagonal(b, fn, args);
    case GP_FN_indices: return indices(b, fn, args);
    case GP_FN_meshgrid: return meshgrid(b, fn, args);
    case GP_FN_random_random:
    case GP_FN_random_uniform:
    case GP_FN_random_normal:
    case GP_FN_random_standard_normal:
    case GP_FN_random_integers: return gp_check_random(b, fn, args, given);
    default: return constant(b, fn, args);
    }
}
