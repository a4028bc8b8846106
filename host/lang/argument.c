/* Arguments that are not arrays: axes, shapes, numbers, strings, lists. */
#include "lang/build.h"

#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

static const char *name_of(const gp_function *fn) { return fn != NULL ? fn->name : "this"; }

/* An integer that is known before any data is read. */
static bool is_integer(const gp_builder *b, const gp_value *v, __int128 *i)
{
    if (v->kind == GP_VAL_INT || v->kind == GP_VAL_BOOL) {
        *i = v->i;
        return v->kind == GP_VAL_INT;
    }
    if (v->kind != GP_VAL_NODE || v->complex || v->node < 0) return false;
    const gp_node *n = &b->program->node[v->node];
    if (n->op != GP_OP_CONST || !gp_dtype_is_integer(n->dtype)) return false;
    *i = gp_dtype_kind(n->dtype) == GP_KIND_UINT ? (__int128)n->value.value.u : (__int128)n->value.value.i;
    return true;
}

bool gp_argument_wide(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, __int128 *i)
{
    if (is_integer(b, v, i)) return true;
    gp_build_fail(b, GPUPROC_TYPE, "%s() needs an integer that is known before data is read as %s", name_of(fn), what);
    return false;
}

bool gp_argument_int(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, int64_t *i)
{
    __int128 wide;
    if (!gp_argument_wide(b, fn, what, v, &wide)) return false;
    if (wide < INT64_MIN || wide > INT64_MAX) {
        gp_build_fail(b, GPUPROC_VALUE, "%s(): the integer given as %s does not fit int64", name_of(fn), what);
        return false;
    }
    *i = (int64_t)wide;
    return true;
}

bool gp_argument_bool(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, bool *is)
{
    if (v->kind == GP_VAL_BOOL || v->kind == GP_VAL_INT) {
        *is = v->i != 0;
        return true;
    }
    gp_build_fail(b, GPUPROC_TYPE, "%s() needs True or False as %s", name_of(fn), what);
    return false;
}

bool gp_argument_number(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, double *f)
{
    if (gp_value_is_literal(v)) *f = gp_literal_double(v);
    else if (v->kind != GP_VAL_NODE || v->complex || !gp_build_is_const(b, v->node, f)) {
        gp_build_fail(b, GPUPROC_TYPE, "%s() needs a number that is known before data is read as %s", name_of(fn), what);
        return false;
    }
    return true;
}

/* ---- Axes and shapes ---- */

bool gp_argument_axis(gp_builder *b, const gp_function *fn, const gp_value *v, int ndim, int *axis)
{
    __int128 wide;
    if (!is_integer(b, v, &wide)) {
        gp_build_fail(b, GPUPROC_TYPE, "%s() needs an integer as axis", name_of(fn));
        return false;
    }
    if (wide < -ndim || wide >= ndim) {
        int64_t shown = wide < INT64_MIN ? INT64_MIN : wide > INT64_MAX ? INT64_MAX : (int64_t)wide;
        gp_build_fail(b, GPUPROC_VALUE, "axis %" PRId64 " is out of bounds for array of dimension %d", shown, ndim);
        return false;
    }
    *axis = (int)(wide < 0 ? wide + ndim : wide);
    return true;
}

bool gp_argument_axes(gp_builder *b, const gp_function *fn, const gp_value *v, int ndim, uint32_t *axes)
{
    int axis;
    *axes = 0;
    if (v->kind == GP_VAL_NONE) return true;
    if (v->kind != GP_VAL_TUPLE) {
        if (!gp_argument_axis(b, fn, v, ndim, &axis)) return false;
        *axes = 1u << axis;
        return true;
    }
    if (v->items == 0) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() along no axis, axis=(), is not possible: None is all of them", name_of(fn));
        return false;
    }
    for (int k = 0; k < v->items; k++) {
        if (!gp_argument_axis(b, fn, gp_build_item(b, v, k), ndim, &axis)) return false;
        if (*axes >> axis & 1) {
            gp_build_fail(b, GPUPROC_VALUE, "duplicate value in 'axis'");
            return false;
        }
        *axes |= 1u << axis;
    }
    return true;
}

bool gp_argument_shape(gp_builder *b, const gp_function *fn, const gp_value *v, gp_shape *shape)
{
    bool one = v->kind != GP_VAL_TUPLE;
    int count = one ? 1 : v->items;
    if (count > GPUPROC_MAX_NDIM) {
        gp_build_fail(b, GPUPROC_VALUE, "maximum supported dimension for an array is %d, found %d", GPUPROC_MAX_NDIM, count);
        return false;
    }
    *shape = (gp_shape){.ndim = count};
    for (int k = 0; k < count; k++) {
        if (!gp_argument_int(b, fn, one ? "a shape" : "a length of a shape", one ? v : gp_build_item(b, v, k), &shape->dim[k]))
            return false;
        if (shape->dim[k] >= -1) continue;
        gp_build_fail(b, GPUPROC_VALUE, "negative dimensions are not allowed");
        return false;
    }
    return true;
}

const char *gp_argument_string(gp_builder *b, const gp_function *fn, const gp_value *v, size_t *length)
{
    if (v->kind != GP_VAL_STRING) {
        gp_build_fail(b, GPUPROC_TYPE, "%s() needs a string here, in quotes", name_of(fn));
        return NULL;
    }
    const gp_token *t = &b->tokens->token[v->token];
    *length = (size_t)(t->end - t->start) - 2; /* without the quotes */
    return b->tokens->text + t->start + 1;
}

/* ---- Tuples and lists ---- */

gp_value gp_build_tuple(gp_builder *b, const gp_value *item, int count)
{
    if (!gp_grow(&b->item, &b->item_capacity, b->items + (size_t)count + 1, sizeof *b->item))
        return gp_value_node(gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory"));
    gp_value v = {.kind = GP_VAL_TUPLE, .items = count, .item = (int)b->items};
    for (int k = 0; k < count; k++) b->item[b->items++] = item[k];
    return v;
}

const gp_value *gp_build_item(const gp_builder *b, const gp_value *tuple, int i) { return &b->item[tuple->item + i]; }

typedef struct array_list {
    gp_builder *b;
    const gp_function *fn;
    gp_shape shape;
    bool strong;
    gp_dtype dtype; /* of what has one; in the end the array's */
    char *data;     /* NULL while the dtype is looked for */
    size_t at;      /* elements */
} array_list;

static bool refused(array_list *l, const char *what)
{
    gp_build_fail(l->b, GPUPROC_TYPE, "a list holds only numbers that are known before data is read, found %s", what);
    return false;
}

static bool type_number(array_list *l, const gp_value *v)
{
    if (v->kind == GP_VAL_NODE) {
        double unused;
        if (v->complex || !gp_build_is_const(l->b, v->node, &unused)) return refused(l, "a value that is computed");
        gp_dtype own = gp_build_dtype(l->b, v->node);
        l->dtype = l->strong ? gp_dtype_promote(l->dtype, own) : own;
        l->strong = true;
        return true;
    }
    if (v->kind == GP_VAL_COMPLEX) return refused(l, "a complex number");
    if (!gp_value_is_literal(v)) return refused(l, v->kind == GP_VAL_NONE ? "None" : "something else");
    gp_dtype own = v->kind == GP_VAL_BOOL ? GPUPROC_BOOL : v->kind == GP_VAL_FLOAT ? GPUPROC_FLOAT64
                   : v->i > INT64_MAX ? GPUPROC_UINT64 : GPUPROC_INT64;
    l->dtype = l->strong ? gp_dtype_promote(l->dtype, own) : own;
    l->strong = true;
    return true;
}

static bool put_number(array_list *l, const gp_value *v)
{
    gpuproc_scalar s;
    int node = gp_build_as(l->b, v, l->dtype);
    if (node < 0) return false;
    s = l->b->program->node[node].value;
    size_t bytes = gpuproc_dtype_bytes(l->dtype);
    char *to = l->data + l->at * bytes;
    float single = (float)s.value.f;
    if (l->dtype == GPUPROC_FLOAT32) memcpy(to, &single, sizeof single);
    else if (l->dtype == GPUPROC_FLOAT64) memcpy(to, &s.value.f, sizeof s.value.f);
    else memcpy(to, &s.value.u, bytes); /* little-endian: the low bytes */
    l->at++;
    return true;
}

static bool each(array_list *l, const gp_value *v, int depth)
{
    if (v->kind != GP_VAL_TUPLE) {
        if (depth == l->shape.ndim) return l->data == NULL ? type_number(l, v) : put_number(l, v);
        gp_build_fail(l->b, GPUPROC_VALUE, "the lists inside this one have different lengths");
        return false;
    }
    if (depth == l->shape.ndim || v->items != l->shape.dim[depth]) {
        gp_build_fail(l->b, GPUPROC_VALUE, "the lists inside this one have different lengths");
        return false;
    }
    for (int k = 0; k < v->items; k++) {
        if (!each(l, gp_build_item(l->b, v, k), depth + 1)) return false;
    }
    return true;
}

int gp_argument_array(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    array_list l = {.b = b, .fn = fn, .dtype = GPUPROC_FLOAT64};
    if (v->kind == GP_VAL_NODE) return v->node;
    for (const gp_value *inner = v; inner->kind == GP_VAL_TUPLE;) {
        if (l.shape.ndim == GPUPROC_MAX_NDIM)
            return gp_build_fail(b, GPUPROC_VALUE, "a list of more than %d dimensions", GPUPROC_MAX_NDIM);
        l.shape.dim[l.shape.ndim++] = inner->items;
        if (inner->items == 0) break;
        inner = gp_build_item(b, inner, 0);
    }
    if (!each(&l, v, 0)) return -1;
    if (l.dtype == GPUPROC_FLOAT16) l.dtype = GPUPROC_FLOAT32;
    l.data = gp_calloc((size_t)gp_shape_size(&l.shape) + 1, gpuproc_dtype_bytes(l.dtype));
    if (l.data == NULL) return gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    int node = each(&l, v, 0) ? gp_build_array(b, l.dtype, &l.shape, l.data) : -1;
    free(l.data);
    return node;
}
