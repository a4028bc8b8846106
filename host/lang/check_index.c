/* Subscripts and attributes. */
#include "lang/build.h"

#include <inttypes.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }

static bool same(const char *a, size_t length, const char *b) { return strlen(b) == length && memcmp(a, b, length) == 0; }

static gp_value of_int(int64_t i) { return (gp_value){.kind = GP_VAL_INT, .i = i}; }

/* An integer, also a constant of an integer dtype. */
static bool whole_number(const gp_builder *b, const gp_value *v, __int128 *i)
{
    if (v->kind == GP_VAL_INT) {
        *i = v->i;
        return true;
    }
    if (v->kind != GP_VAL_NODE || v->complex || v->node < 0) return false;
    const gp_node *n = &b->program->node[v->node];
    if (n->op != GP_OP_CONST || !gp_dtype_is_integer(n->dtype)) return false;
    *i = gp_dtype_kind(n->dtype) == GP_KIND_UINT ? (__int128)n->value.value.u : (__int128)n->value.value.i;
    return true;
}

/* ---- a:b:c ---- */

/* Python's slice.indices: false after a failure. */
static bool slice_of(gp_builder *b, const gp_value *slice, int64_t length, int64_t *start, int64_t *step, int64_t *count)
{
    __int128 part[3];
    bool there[3];
    for (int k = 0; k < 3; k++) {
        const gp_value *v = gp_build_item(b, slice, k);
        there[k] = v->kind != GP_VAL_NONE;
        if (!there[k] || whole_number(b, v, &part[k])) continue;
        gp_build_fail(b, GPUPROC_TYPE, "slice indices must be integers that are known before data is read, or None");
        return false;
    }
    __int128 by = there[2] ? part[2] : 1, lowest = by < 0 ? -1 : 0, highest = by < 0 ? length - 1 : length, end[2];
    if (by == 0) {
        gp_build_fail(b, GPUPROC_VALUE, "slice step cannot be zero");
        return false;
    }
    for (int k = 0; k < 2; k++) {
        __int128 i = there[k] ? part[k] + (part[k] < 0 ? length : 0) : (by < 0) == (k == 0) ? highest : lowest;
        end[k] = i < lowest ? lowest : i > highest ? highest : i;
    }
    __int128 span = by < 0 ? end[0] - end[1] : end[1] - end[0], size = by < 0 ? -by : by;
    *count = span <= 0 ? 0 : (int64_t)((span + size - 1) / size);
    *start = *count == 0 ? 0 : (int64_t)end[0];
    *step = *count <= 1 ? 1 : (int64_t)by;
    return true;
}

static gp_value tuple_part(gp_builder *b, const gp_value *tuple, const gp_value *index)
{
    __int128 i;
    int64_t start, step, count;
    if (whole_number(b, index, &i)) {
        if (i < -tuple->items || i >= tuple->items)
            return of(gp_build_fail(b, GPUPROC_VALUE, "%s index out of range: it has %d values", tuple->list ? "list" : "tuple", tuple->items));
        return *gp_build_item(b, tuple, (int)(i < 0 ? i + tuple->items : i));
    }
    if (index->kind != GP_VAL_SLICE)
        return of(gp_build_fail(b, GPUPROC_TYPE, "a %s is indexed with an integer or a slice", tuple->list ? "list" : "tuple"));
    if (!slice_of(b, index, tuple->items, &start, &step, &count)) return of(-1);
    gp_value part = gp_build_tuple(b, NULL, 0);
    part.list = tuple->list;
    for (int64_t k = 0; k < count && b->st == GPUPROC_OK; k++) {
        gp_value item = *gp_build_item(b, tuple, (int)(start + k * step));
        gp_value added = gp_build_tuple(b, &item, 1); /* stands behind the ones before */
        if (k == 0) part.item = added.item;
        part.items++;
    }
    return part;
}

/* ---- Arrays ---- */

/* The subscript of an array, taken apart. */
typedef struct subscript {
    gp_axis_map map[GPUPROC_MAX_NDIM];
    gp_shape shape;       /* after the basic part */
    int axis;             /* of the array that has been reached */
    int advanced;         /* the result's axis that an array stands for; -1: none */
    bool is_mask;
    gp_value array;
    int ints;             /* integers before or behind the array ... */
    bool apart, gap;      /* ... one of them with something between */
} subscript;

static bool axis_left(gp_builder *b, const gp_shape *from, int axis, int wanted)
{
    if (axis < from->ndim) return true;
    gp_build_fail(b, GPUPROC_VALUE, "too many indices for array: array is %d-dimensional, but %d were indexed", from->ndim, wanted);
    return false;
}

static void add_axis(subscript *s, int64_t length) { s->shape.dim[s->shape.ndim++] = length; }

static bool room_for_axis(gp_builder *b, const subscript *s)
{
    if (s->shape.ndim < GPUPROC_MAX_NDIM) return true;
    gp_build_fail(b, GPUPROC_SHAPE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM);
    return false;
}

static bool take_whole(subscript *s, const gp_shape *from)
{
    s->map[s->axis] = (gp_axis_map){s->shape.ndim, 0, 1, -1};
    add_axis(s, from->dim[s->axis++]);
    return true;
}

static bool take_int(gp_builder *b, subscript *s, const gp_shape *from, __int128 i)
{
    int64_t length = from->dim[s->axis];
    if (i < -length || i >= length) {
        int64_t shown = i < INT64_MIN ? INT64_MIN : i > INT64_MAX ? INT64_MAX : (int64_t)i;
        gp_build_fail(b, GPUPROC_VALUE, "index %" PRId64 " is out of bounds for axis %d with size %" PRId64, shown, s->axis, length);
        return false;
    }
    s->map[s->axis++] = (gp_axis_map){-1, (int64_t)(i < 0 ? i + length : i), 0, -1};
    s->ints++;
    if (s->gap) s->apart = true;
    return true;
}

static bool take_array(gp_builder *b, subscript *s, const gp_shape *from, gp_value array)
{
    const gp_node *n = &b->program->node[array.node];
    bool is_mask = n->dtype == GPUPROC_BOOL;
    if (s->advanced >= 0) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "a subscript with several arrays is not possible: only one of them");
        return false;
    }
    if (is_mask && n->shape.ndim != 1) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "a mask of %d dimensions can only be the whole subscript: x[mask]", n->shape.ndim);
        return false;
    }
    if (is_mask && n->shape.dim[0] != from->dim[s->axis]) {
        gp_build_fail(b, GPUPROC_VALUE, "boolean index did not match indexed array along axis %d; size of axis is %" PRId64
                      " but size of corresponding boolean axis is %" PRId64, s->axis, from->dim[s->axis], n->shape.dim[0]);
        return false;
    }
    s->advanced = s->shape.ndim;
    s->is_mask = is_mask;
    s->array = array;
    s->apart = s->ints > 0 && s->gap;
    s->gap = false;
    return take_whole(s, from);
}

/* An index that is an array or a list becomes a node of bools or integers; false after a failure. */
static bool as_array(gp_builder *b, gp_value *v)
{
    if (v->kind == GP_VAL_TUPLE && v->list) {
        int node = gp_argument_array(b, NULL, v);
        if (node < 0) return false;
        if (gp_shape_size(gp_build_shape(b, node)) == 0 && b->program->node[node].dtype == GPUPROC_FLOAT64)
            node = gp_build_array(b, GPUPROC_INT64, &(gp_shape){.ndim = 1}, NULL); /* x[[]] */
        *v = of(node);
        return node >= 0;
    }
    bool is_index = v->kind == GP_VAL_NODE && v->node >= 0 && !v->complex && !gp_dtype_is_float(gp_build_dtype(b, v->node));
    if (is_index && !v->selected) {
        if (v->windowed) *v = gp_build_window_view(b, v);
        return v->node >= 0;
    }
    if (is_index) gp_build_fail(b, GPUPROC_UNSUPPORTED, "an index of which only a part is selected is not possible");
    else
        gp_build_fail(b, GPUPROC_TYPE, "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or "
                      "boolean arrays are valid indices");
    return false;
}

static bool take_item(gp_builder *b, subscript *s, const gp_shape *from, gp_value *item, int consumed)
{
    __int128 i;
    int64_t start, step, count;
    switch (item->kind) {
    case GP_VAL_NONE:
        s->gap = s->gap || s->ints > 0 || s->advanced >= 0;
        if (room_for_axis(b, s)) add_axis(s, 1);
        return b->st == GPUPROC_OK;
    case GP_VAL_ELLIPSIS:
        s->gap = s->gap || s->ints > 0 || s->advanced >= 0;
        for (int rest = from->ndim - consumed; rest > 0; rest--) {
            if (!room_for_axis(b, s)) return false;
            take_whole(s, from);
        }
        return true;
    default: break;
    }
    if (!axis_left(b, from, s->axis, consumed)) return false;
    if (whole_number(b, item, &i)) return take_int(b, s, from, i);
    if (!room_for_axis(b, s)) return false;
    if (item->kind != GP_VAL_SLICE) return as_array(b, item) && take_array(b, s, from, *item);
    s->gap = s->gap || s->ints > 0 || s->advanced >= 0;
    if (!slice_of(b, item, from->dim[s->axis], &start, &step, &count)) return false;
    s->map[s->axis++] = (gp_axis_map){s->shape.ndim, start, step, -1};
    add_axis(s, count);
    return true;
}

static bool take_apart(gp_builder *b, const gp_value *index, const gp_shape *from, subscript *s)
{
    bool several = index->kind == GP_VAL_TUPLE && !index->list;
    int count = several ? index->items : 1, consumed = 0, ellipses = 0;
    for (int k = 0; k < count; k++) {
        const gp_value *item = several ? gp_build_item(b, index, k) : index;
        ellipses += item->kind == GP_VAL_ELLIPSIS;
        consumed += item->kind != GP_VAL_ELLIPSIS && item->kind != GP_VAL_NONE;
    }
    if (ellipses > 1) {
        gp_build_fail(b, GPUPROC_VALUE, "an index can only have a single ellipsis ('...')");
        return false;
    }
    if (consumed > from->ndim) return axis_left(b, from, from->ndim, consumed);
    *s = (subscript){.advanced = -1};
    for (int k = 0; k < count; k++) {
        gp_value item = several ? *gp_build_item(b, index, k) : *index;
        if (!take_item(b, s, from, &item, consumed)) return false;
    }
    while (s->axis < from->ndim) {
        if (!room_for_axis(b, s)) return false;
        take_whole(s, from);
    }
    return true;
}

/* What integer arrays make: NumPy puts their axes first where an integer stands apart. */
static gp_value taken(gp_builder *b, const subscript *s, const gp_value *x)
{
    int more = gp_build_shape(b, s->array.node)->ndim;
    gp_value v = gp_check_take(b, x, &s->array, s->advanced);
    if (!s->apart || s->advanced == 0 || v.kind != GP_VAL_NODE || v.node < 0) return v;
    int axes[GPUPROC_MAX_NDIM], ndim = gp_build_shape(b, v.node)->ndim;
    for (int k = 0; k < ndim; k++)
        axes[k] = k < more ? s->advanced + k : k - more < s->advanced ? k - more : k;
    v.node = gp_build_transpose(b, v.node, axes);
    if (v.complex) v.im = gp_build_transpose(b, v.im, axes);
    return v.node < 0 ? of(-1) : v;
}

static gp_value array_part(gp_builder *b, const gp_value *object, const gp_value *index)
{
    gp_value x = *object, only = *index;
    gp_shape from = *gp_build_shape(b, x.node);
    bool list = only.kind == GP_VAL_TUPLE && only.list;
    if (list && !as_array(b, &only)) return of(-1);
    if (only.kind == GP_VAL_NODE && only.node >= 0 && gp_build_dtype(b, only.node) == GPUPROC_BOOL) {
        if (!as_array(b, &only)) return of(-1);
        if (gp_build_shape(b, only.node)->ndim == 0)
            return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "a mask of a single bool is not possible"));
        const gp_shape *mask = gp_build_shape(b, only.node);
        if (mask->ndim > from.ndim) return of(axis_left(b, &from, from.ndim, mask->ndim) ? 0 : -1);
        for (int d = 0; d < mask->ndim; d++) {
            if (mask->dim[d] == from.dim[d]) continue;
            return of(gp_build_fail(b, GPUPROC_VALUE, "boolean index did not match indexed array along axis %d; size of axis is %" PRId64
                                    " but size of corresponding boolean axis is %" PRId64, d, from.dim[d], mask->dim[d]));
        }
        return gp_check_select(b, &x, &only);
    }
    subscript s;
    if (!take_apart(b, &only, &from, &s)) return of(-1);
    x.node = gp_build_map(b, object->node, s.map, &s.shape, false);
    if (x.complex) x.im = gp_build_map(b, object->im, s.map, &s.shape, false);
    if (x.node < 0 || (x.complex && x.im < 0)) return of(-1);
    if (s.advanced < 0) return x;
    if (!s.is_mask) return taken(b, &s, &x);
    if (s.advanced > 0)
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "a mask along axis %d is not possible, only along the first one: transpose the array before", s.advanced));
    return gp_check_select(b, &x, &s.array);
}

gp_value gp_check_subscript(gp_builder *b, const gp_value *object, const gp_value *index)
{
    gp_value x = *object;
    if (x.kind == GP_VAL_TUPLE) return tuple_part(b, &x, index);
    if (x.kind != GP_VAL_NODE)
        return of(gp_build_fail(b, GPUPROC_TYPE, "only arrays, tuples and lists have subscripts"));
    if (x.selected)
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "x[mask] cannot have another subscript: how many elements it has shows only when it runs"));
    x = gp_build_window_view(b, &x);
    if (x.node < 0) return of(-1);
    return array_part(b, &x, index);
}

/* ---- Attributes ---- */

static gp_value shape_tuple(gp_builder *b, const gp_shape *shape)
{
    gp_value length[GPUPROC_MAX_NDIM];
    for (int d = 0; d < shape->ndim; d++) length[d] = of_int(shape->dim[d]);
    return gp_build_tuple(b, length, shape->ndim);
}

bool gp_check_shape(gp_builder *b, const gp_value *v, gp_shape *shape)
{
    *shape = (gp_shape){0};
    if (gp_value_is_literal(v) || v->kind == GP_VAL_COMPLEX) return true;
    gp_value x = *v;
    if (x.kind == GP_VAL_TUPLE) x = of(gp_argument_array(b, NULL, v));
    else if (x.kind != GP_VAL_NODE) x = of(gp_build_strong(b, v));
    else if (x.complex && !x.selected && !x.windowed) x = gp_build_window_view(b, &x);
    if (x.node < 0) return false;
    if (x.selected || b->program->node[x.node].growing) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "how many elements this has shows only when it runs");
        return false;
    }
    *shape = *gp_build_shape(b, x.node);
    if (!x.windowed) return true;
    shape->dim[x.window_axis] -= x.window - 1;
    if (shape->ndim == GPUPROC_MAX_NDIM) {
        gp_build_fail(b, GPUPROC_SHAPE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM);
        return false;
    }
    shape->dim[shape->ndim++] = x.window;
    return true;
}

static gp_dtype own_dtype(const gp_builder *b, const gp_value *v)
{
    if (v->kind == GP_VAL_COMPLEX) return GPUPROC_COMPLEX128;
    if (v->kind != GP_VAL_NODE)
        return v->kind == GP_VAL_BOOL ? GPUPROC_BOOL : v->kind == GP_VAL_INT ? GPUPROC_INT64 : GPUPROC_FLOAT64;
    gp_dtype dtype = gp_build_dtype(b, v->node);
    return !v->complex ? dtype : dtype == GPUPROC_FLOAT32 ? GPUPROC_COMPLEX64 : GPUPROC_COMPLEX128;
}

static gp_value real_part(const gp_value *v)
{
    if (v->kind == GP_VAL_COMPLEX) return gp_value_float(v->f);
    gp_value part = *v;
    part.complex = false;
    return part;
}

static gp_value imaginary_part(gp_builder *b, const gp_value *v)
{
    if (v->kind == GP_VAL_COMPLEX) return gp_value_float(v->f_im);
    if (v->kind != GP_VAL_NODE) return v->kind == GP_VAL_FLOAT ? gp_value_float(0) : of_int(0);
    gp_value part = *v;
    part.complex = false;
    gp_shape shape = *gp_build_shape(b, v->node);
    gp_value none = of_int(0);
    part.node = v->complex ? v->im : gp_build_fill(b, gp_build_as(b, &none, gp_build_dtype(b, v->node)), &shape);
    return part.node < 0 ? of(-1) : part;
}

/* The last `last` axes in reverse. */
gp_value gp_check_reversed_axes(gp_builder *b, const gp_value *v, int last)
{
    if (v->kind != GP_VAL_NODE || v->selected) return *v; /* of at most one axis */
    gp_value x = gp_build_window_view(b, v);
    int axes[GPUPROC_MAX_NDIM];
    if (x.node < 0) return of(-1);
    int ndim = gp_build_shape(b, x.node)->ndim, first = ndim - last;
    for (int d = 0; d < ndim; d++) axes[d] = d < first ? d : ndim - 1 - (d - first);
    x.node = gp_build_transpose(b, x.node, axes);
    if (x.complex) x.im = gp_build_transpose(b, x.im, axes);
    return x.node < 0 || (x.complex && x.im < 0) ? of(-1) : x;
}

gp_value gp_check_attribute(gp_builder *b, const gp_value *object, const char *name, size_t length)
{
    gp_shape shape;
    int shown = length > 60 ? 60 : (int)length;
    gp_value x = object->kind == GP_VAL_NODE && object->complex && !object->selected && !object->windowed
                     ? gp_build_window_view(b, object) : *object;
    if (b->st != GPUPROC_OK) return of(-1);
    bool number = x.kind == GP_VAL_NODE || x.kind == GP_VAL_COMPLEX || gp_value_is_literal(&x);
    if (!number)
        return of(gp_build_fail(b, GPUPROC_UNKNOWN_NAME, "only arrays have attributes here, such as '%.*s'", shown, name));
    if (same(name, length, "real")) return real_part(&x);
    if (same(name, length, "imag")) return imaginary_part(b, &x);
    if (same(name, length, "dtype")) return (gp_value){.kind = GP_VAL_DTYPE, .dtype = own_dtype(b, &x)};
    if (same(name, length, "itemsize")) return of_int((int64_t)gpuproc_dtype_bytes(own_dtype(b, &x)));
    if (same(name, length, "T") && x.selected) return x;
    bool known = false;
    static const char *const all[] = {"T", "mT", "shape", "ndim", "size", "nbytes"};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) known = known || same(name, length, all[k]);
    if (!known) {
        const gp_function *fn = gp_function_find(name, length);
        if (fn != NULL && fn->method)
            return of(gp_build_fail(b, GPUPROC_UNKNOWN_NAME, "'%.*s' is a method: write x.%.*s()", shown, name, shown, name));
        return of(gp_build_fail(b, GPUPROC_UNKNOWN_NAME, "arrays have no attribute '%.*s' here: they have T, mT, real, imag, shape, "
                                "ndim, size, dtype, itemsize and nbytes", shown, name));
    }
    if (!gp_check_shape(b, &x, &shape)) return of(-1);
    int64_t size = (int64_t)gp_shape_size(&shape);
    if (same(name, length, "shape")) return shape_tuple(b, &shape);
    if (same(name, length, "ndim")) return of_int(shape.ndim);
    if (same(name, length, "size")) return of_int(size);
    if (same(name, length, "nbytes")) return of_int(size * (int64_t)gpuproc_dtype_bytes(own_dtype(b, &x)));
    if (same(name, length, "T")) return gp_check_reversed_axes(b, &x, shape.ndim);
    if (shape.ndim < 2)
        return of(gp_build_fail(b, GPUPROC_VALUE, "matrix transpose with ndim < 2 is undefined"));
    return gp_check_reversed_axes(b, &x, 2);
}
