/* Elements by their indices: take, x[indices], and choices among several arrays. */
#include "lang/check_selection.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }
static int op2(gp_builder *b, gp_op op, int x, int y) { return gp_build_op(b, op, GPUPROC_INT64, x, y, -1); }
static int is2(gp_builder *b, gp_op op, int x, int y) { return gp_build_op(b, op, GPUPROC_BOOL, x, y, -1); }
static int number(gp_builder *b, int64_t i) { return gp_build_int(b, GPUPROC_INT64, i); }

typedef enum take_mode { RAISE, WRAP, CLIP } take_mode;

const gp_input *gp_build_constant(const gp_builder *b, int node)
{
    const gp_node *n = &b->program->node[node];
    return n->op == GP_OP_INPUT && b->program->input[n->input].data != NULL ? &b->program->input[n->input] : NULL;
}

gpuproc_scalar gp_constant_element(const gp_input *constant, uint64_t i)
{
    gpuproc_scalar s = {.dtype = constant->dtype};
    size_t bytes = gpuproc_dtype_bytes(constant->dtype);
    const char *from = (const char *)constant->data + i * bytes;
    float f;
    switch (gp_dtype_kind(constant->dtype)) {
    case GP_KIND_FLOAT:
        memcpy(&f, from, sizeof f);
        if (constant->dtype == GPUPROC_FLOAT32) s.value.f = (double)f;
        else memcpy(&s.value.f, from, sizeof s.value.f);
        break;
    default:
        memcpy(&s.value.u, from, bytes); /* little-endian */
        if (gp_dtype_kind(constant->dtype) != GP_KIND_INT || bytes == 8) break;
        s.value.i = (int64_t)(s.value.u << (64 - 8 * bytes)) >> (64 - 8 * bytes); /* the sign */
    }
    return s;
}

/* A leaf that can be a table as it lies, or an unbounded view of one. Tables are in C order, which walks over a
 * Fortran input are not. */
static bool is_table(const gp_builder *b, int node)
{
    const gp_node *n = &b->program->node[node];
    if (n->op == GP_OP_INPUT || (gp_node_is_stored(n) && !n->growing)) return true;
    const gp_node *base = &b->program->node[gp_node_base(b->program, node)];
    bool fortran = base->op == GP_OP_INPUT && b->program->input[base->input].fortran;
    return n->op == GP_OP_VIEW && !b->program->walk[n->walk].bounded && !fortran;
}

int gp_build_table(gp_builder *b, int node, gp_walk *walk)
{
    if (node < 0) return -1;
    if (!is_table(b, node)) {
        const gp_shape shape = *gp_build_shape(b, node);
        node = gp_build_placed(b, gp_ir_fold(b->program, GP_OP_STORE, gp_build_dtype(b, node), node, -1, 0, 0, &shape, false));
        if (node < 0) return -1;
    }
    if (b->program->node[node].op == GP_OP_VIEW) gp_node_walk(b->program, node, walk);
    else gp_walk_whole(gp_build_shape(b, node), false, walk);
    return gp_build_placed(b, gp_ir_table(b->program, gp_node_base(b->program, node)));
}

/* An index of an axis of `length` elements, by the mode; false where it is out of range. */
static bool settled(int64_t *i, int64_t length, take_mode mode)
{
    if (mode == WRAP) *i = length > 0 ? (*i % length + length) % length : 0;
    else if (mode == CLIP) *i = *i < 0 ? 0 : *i >= length ? length - 1 : *i;
    else if (*i < 0) *i += length;
    return *i >= 0 && *i < length;
}

/* A constant index, every element settled; -1 after a failure. */
static int settled_constant(gp_builder *b, const gp_input *constant, int64_t length, int axis, take_mode mode)
{
    uint64_t count = gp_shape_size(&constant->shape);
    int64_t *index = gp_calloc((size_t)count + 1, sizeof *index);
    int node = -1;
    if (index == NULL) return gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    for (uint64_t k = 0; k < count; k++) {
        int64_t i = index[k] = gp_constant_element(constant, k).value.i;
        if (settled(&index[k], length, mode)) continue;
        gp_build_fail(b, GPUPROC_VALUE, "index %" PRId64 " is out of bounds for axis %d with size %" PRId64, i, axis, length);
        goto out;
    }
    node = gp_build_array(b, GPUPROC_INT64, &constant->shape, index);
out:
    free(index);
    return node;
}

/* An index node of int64, by the mode; *ok: a bool node, true where it is in range, or -1 where it always is. */
static int settled_index(gp_builder *b, int index, int64_t length, int axis, take_mode mode, int *ok)
{
    const gp_input *constant = gp_build_constant(b, index);
    *ok = -1;
    if (constant != NULL && gp_dtype_kind(constant->dtype) != GP_KIND_FLOAT) return settled_constant(b, constant, length, axis, mode);
    index = gp_build_cast(b, index, GPUPROC_INT64);
    int zero = number(b, 0), n = number(b, length);
    if (mode == WRAP && length > 0) return op2(b, GP_OP_MOD, index, n);
    if (mode == CLIP && length > 0) return op2(b, GP_OP_MINIMUM, op2(b, GP_OP_MAXIMUM, index, zero), number(b, length - 1));
    index = gp_build_op(b, GP_OP_WHERE, GPUPROC_INT64, is2(b, GP_OP_LT, index, zero), op2(b, GP_OP_ADD, index, n), index);
    *ok = is2(b, GP_OP_BITAND, is2(b, GP_OP_GE, index, zero), is2(b, GP_OP_LT, index, n));
    return index;
}

/* TAKE of one real node; the index's axes stand where `axis` was. along: take_along_axis, whose index has an axis for
 * each of x. */
static int take_node(gp_builder *b, int x, int index, int axis, take_mode mode, bool along)
{
    const gp_shape from = *gp_build_shape(b, x), shape = *gp_build_shape(b, index);
    gp_shape result = {.ndim = along ? from.ndim : from.ndim - 1 + shape.ndim};
    gp_walk walk;
    int ok, width = along ? 1 : shape.ndim;
    if (result.ndim > GPUPROC_MAX_NDIM) return gp_build_fail(b, GPUPROC_SHAPE, "take() would make more than %d axes", GPUPROC_MAX_NDIM);
    for (int d = 0; d < result.ndim; d++)
        result.dim[d] = d < axis ? from.dim[d] : d < axis + width ? shape.dim[along ? d : d - axis] : from.dim[d - width + 1];
    if (from.dim[axis] == 0 && gp_shape_size(&shape) > 0)
        return gp_build_fail(b, GPUPROC_VALUE, "cannot take from axis %d, which has no elements", axis);
    int table = gp_build_table(b, x, &walk);
    int at = table < 0 ? -1 : settled_index(b, index, from.dim[axis], axis, mode, &ok);
    if (at < 0) return -1;
    for (int d = along ? from.ndim : axis + 1; d < from.ndim; d++) { /* behind the index's own axes */
        at = gp_build_insert_axis(b, at, gp_build_shape(b, at)->ndim);
        if (ok >= 0) ok = gp_build_insert_axis(b, ok, gp_build_shape(b, ok)->ndim);
        if (at < 0) return -1;
    }
    bool plain = walk.offset == 0 && walk.stride[axis] == 1 && from.ndim == 1 && !along;
    if (walk.stride[axis] != 1) at = op2(b, GP_OP_MUL, at, number(b, walk.stride[axis]));
    if (walk.offset != 0) at = op2(b, GP_OP_ADD, at, number(b, walk.offset));
    for (int d = 0; d < from.ndim; d++) {
        if (d == axis || walk.stride[d] == 0) continue;
        int own = gp_build_index(b, &result, d < axis ? d : d + width - 1);
        if (walk.stride[d] != 1) own = op2(b, GP_OP_MUL, own, number(b, walk.stride[d]));
        at = op2(b, GP_OP_ADD, at, own);
    }
    if (at < 0) return -1;
    /* An element of another row may lie there. */
    if (ok >= 0 && !(plain && gp_shape_size(gp_build_shape(b, gp_node_base(b->program, table))) == (uint64_t)from.dim[0]))
        at = gp_build_op(b, GP_OP_WHERE, GPUPROC_INT64, ok, at, number(b, -1));
    if (at >= 0 && !gp_shape_equal(gp_build_shape(b, at), &result)) at = gp_build_broadcast(b, at, &result);
    return gp_build_op(b, GP_OP_TAKE, gp_build_dtype(b, x), table, at, -1);
}

/* Few constant indices along an axis: slices, so that only what is needed is read. -1: not possible. */
enum { FEW = 8 };

static int take_slices(gp_builder *b, int x, const gp_input *constant, int axis, take_mode mode)
{
    int piece[FEW], count = (int)gp_shape_size(&constant->shape);
    int64_t length = gp_build_shape(b, x)->dim[axis];
    for (int k = 0; k < count; k++) {
        int64_t given = gp_constant_element(constant, (uint64_t)k).value.i, i = given;
        if (!settled(&i, length, mode))
            return gp_build_fail(b, GPUPROC_VALUE, "index %" PRId64 " is out of bounds for axis %d with size %" PRId64, given, axis, length);
        piece[k] = gp_build_slice(b, x, axis, i, 1, 1);
        if (piece[k] < 0) return -1;
    }
    if (constant->shape.ndim == 0) return gp_build_remove_axis(b, piece[0], axis);
    return count == 1 ? piece[0] : gp_build_concatenate(b, piece, count, axis);
}

static int take_part(gp_builder *b, int x, int index, int axis, take_mode mode)
{
    const gp_input *constant = gp_build_constant(b, index);
    if (constant != NULL && constant->shape.ndim <= 1 && gp_shape_size(&constant->shape) - 1 < FEW)
        return take_slices(b, x, constant, axis, mode);
    return take_node(b, x, index, axis, mode, false);
}

/* The index as a node of integers. */
static int index_of(gp_builder *b, const gp_value *v)
{
    int index = gp_value_is_literal(v) ? gp_argument_array(b, NULL, v) : gp_build_strong(b, v);
    if (index < 0) return -1;
    gp_dtype dtype = gp_build_dtype(b, index);
    const gp_input *constant = gp_build_constant(b, index);
    if (constant != NULL && gp_shape_size(&constant->shape) == 0) { /* [] is of float64, but says nothing by that */
        gp_shape shape = constant->shape;
        return gp_build_array(b, GPUPROC_INT64, &shape, "");
    }
    if (gp_dtype_is_integer(dtype)) return index;
    if (dtype == GPUPROC_BOOL) return gp_build_cast(b, index, GPUPROC_INT64);
    return gp_build_fail(b, GPUPROC_TYPE, "indices are integers, found %s", gpuproc_dtype_name(dtype));
}

static gp_value take(gp_builder *b, const gp_value *x, const gp_value *index, int axis, take_mode mode)
{
    gp_value v = *x;
    int at = index_of(b, index);
    if (at < 0) return of(-1);
    if (axis < 0) v = gp_check_flattened(b, x);
    else if (!gp_value_is_complex(b, x) || v.selected) v = of(gp_build_strong(b, x));
    if (v.complex && v.node >= 0) v = gp_build_window_view(b, &v); /* both parts in one shape */
    if (v.node < 0) return of(-1);
    if (axis < 0) axis = 0;
    v.node = take_part(b, v.node, at, axis, mode);
    if (v.complex && v.node >= 0) v.im = take_part(b, v.im, at, axis, mode);
    return b->st == GPUPROC_OK ? v : of(-1);
}

gp_value gp_check_take(gp_builder *b, const gp_value *x, const gp_value *index, int axis)
{
    return take(b, x, index, axis, RAISE);
}

static bool mode_of(gp_builder *b, const gp_function *fn, const gp_value *v, bool given, take_mode *mode)
{
    static const char *const names[] = {"raise", "wrap", "clip"};
    size_t length;
    *mode = RAISE;
    if (!given) return true;
    const char *text = gp_argument_string(b, fn, v, &length);
    for (int k = 0; text != NULL && k < 3; k++) {
        if (strlen(names[k]) != length || memcmp(names[k], text, length) != 0) continue;
        *mode = (take_mode)k;
        return true;
    }
    if (text != NULL) gp_build_fail(b, GPUPROC_VALUE, "%s() has the modes 'raise', 'wrap' and 'clip'", fn->name);
    return false;
}

static gp_value take_along_axis(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    gp_value x = gp_value_is_complex(b, &args[0]) && !args[0].selected ? args[0] : of(gp_build_strong(b, &args[0]));
    int axis, index = x.node < 0 ? -1 : index_of(b, &args[1]);
    if (index < 0) return of(-1);
    if (args[2].kind == GP_VAL_NONE) return take(b, &args[0], &args[1], -1, RAISE);
    const gp_shape from = *gp_build_shape(b, x.node), shape = *gp_build_shape(b, index);
    if (!gp_argument_axis(b, fn, &args[2], from.ndim, &axis)) return of(-1);
    bool fits = from.ndim == shape.ndim;
    for (int d = 0; fits && d < from.ndim; d++) fits = d == axis || from.dim[d] == shape.dim[d];
    if (!fits)
        return of(gp_build_fail(b, GPUPROC_SHAPE, "take_along_axis() needs indices with the shape of the array but for the axis"));
    if (x.complex) x = gp_build_window_view(b, &x);
    x.node = take_node(b, x.node, index, axis, RAISE, true);
    if (x.complex && x.node >= 0) x.im = take_node(b, x.im, index, axis, RAISE, true);
    return b->st == GPUPROC_OK ? x : of(-1);
}

static gp_value where3(gp_builder *b, gp_value condition, gp_value x, gp_value y)
{
    gp_value args[GP_MAX_PARAMETERS] = {condition, x, y};
    bool given[GP_MAX_PARAMETERS] = {true, true, true};
    return gp_check_special(b, gp_function_by_id(GP_FN_where), args, given);
}

/* All choices in their common dtype, so that a WHERE of some of them does not stop short of it. */
static bool in_common(gp_builder *b, const gp_value *tuple, const gp_value *other, gp_value *item, int *count)
{
    *count = 0;
    if (tuple->kind != GP_VAL_TUPLE || tuple->items == 0 || tuple->items > 64) {
        gp_build_fail(b, GPUPROC_TYPE, "expected a list of 1 to 64 choices here");
        return false;
    }
    for (int k = 0; k < tuple->items; k++) {
        item[k] = *gp_build_item(b, tuple, k);
        if (item[k].kind == GP_VAL_TUPLE) item[k] = of(gp_build_strong(b, &item[k]));
    }
    *count = tuple->items;
    if (other != NULL) item[(*count)++] = *other;
    gp_dtype dtype = gp_build_common(b, item, *count);
    for (int k = 0; k < *count; k++) {
        item[k] = gp_build_convert(b, &item[k], dtype);
        if (item[k].node < 0) return false;
    }
    return true;
}

/* select(): the first choice whose condition is true. */
static gp_value choice(gp_builder *b, const gp_value *args)
{
    gp_value item[65], otherwise = args[2].kind == GP_VAL_NONE ? (gp_value){.kind = GP_VAL_INT} : args[2];
    int count;
    if (args[0].kind != GP_VAL_TUPLE || args[1].kind != GP_VAL_TUPLE || args[0].items != args[1].items)
        return of(gp_build_fail(b, GPUPROC_VALUE, "select() needs a list of conditions and a list of as many choices"));
    if (!in_common(b, &args[1], &otherwise, item, &count)) return of(-1);
    gp_value result = item[count - 1];
    for (int k = args[0].items - 1; k >= 0 && b->st == GPUPROC_OK; k--) {
        gp_value condition = *gp_build_item(b, &args[0], k);
        int node = gp_build_strong(b, &condition);
        if (node < 0) return of(-1);
        if (gp_build_dtype(b, node) != GPUPROC_BOOL)
            return of(gp_build_fail(b, GPUPROC_TYPE, "select() needs bools as conditions, found %s",
                                    gpuproc_dtype_name(gp_build_dtype(b, node))));
        result = where3(b, of(node), item[k], result);
    }
    return result;
}

/* choose(): the choice whose number stands in the array. */
static gp_value choose(gp_builder *b, const gp_value *args, take_mode mode)
{
    gp_value item[65];
    int64_t numbers[64];
    int count, ok, index = index_of(b, &args[0]);
    if (index < 0 || !in_common(b, &args[1], NULL, item, &count)) return of(-1);
    if (gp_build_dtype(b, index) == GPUPROC_UINT64)
        return of(gp_build_fail(b, GPUPROC_TYPE, "choose() takes no uint64, which does not fit into int64: write a.astype('int64')"));
    if (mode == RAISE) { /* a table of the numbers themselves tells where one is out of range */
        gp_shape shape = {.ndim = 1, .dim = {count}};
        gp_walk walk;
        for (int k = 0; k < count; k++) numbers[k] = k;
        int table = gp_build_table(b, gp_build_array(b, GPUPROC_INT64, &shape, numbers), &walk);
        index = gp_build_op(b, GP_OP_TAKE, GPUPROC_INT64, table, gp_build_cast(b, index, GPUPROC_INT64), -1);
    } else {
        index = settled_index(b, index, count, 0, mode, &ok);
    }
    gp_value result = item[count - 1];
    for (int k = count - 2; k >= 0 && index >= 0 && b->st == GPUPROC_OK; k--)
        result = where3(b, of(is2(b, GP_OP_EQ, index, number(b, k))), item[k], result);
    if (count == 1 && index >= 0) result = where3(b, of(is2(b, GP_OP_EQ, index, number(b, 0))), item[0], item[0]);
    return b->st == GPUPROC_OK ? result : of(-1);
}

gp_value gp_check_take_function(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    take_mode mode;
    int axis = -1;
    switch (fn->id) {
    case GP_FN_take_along_axis: {
        gp_value v[3] = {args[0], args[1], given[2] ? args[2] : (gp_value){.kind = GP_VAL_INT, .i = -1}};
        return take_along_axis(b, fn, v);
    }
    case GP_FN_select: return choice(b, args);
    case GP_FN_choose: return mode_of(b, fn, &args[2], given[2], &mode) ? choose(b, args, mode) : of(-1);
    default: break;
    }
    if (!mode_of(b, fn, &args[3], given[3], &mode)) return of(-1);
    if (args[2].kind != GP_VAL_NONE) {
        int ndim = args[0].kind == GP_VAL_NODE ? gp_build_shape(b, args[0].node)->ndim : 1;
        if (!gp_argument_axis(b, fn, &args[2], ndim, &axis)) return of(-1);
    }
    return take(b, &args[0], &args[1], axis, mode);
}
