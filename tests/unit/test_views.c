/* Subscripts and functions that move elements, against real NumPy (tests/golden/views.txt, made by
 * make_views.py): programs are computed here by the plainest interpreter over walks. */
#include "lang/compile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const gp_input inputs[] = {
    {.name = "a", .dtype = GPUPROC_INT64, .shape = {1, {6}}},       {.name = "m", .dtype = GPUPROC_INT64, .shape = {2, {3, 5}}},
    {.name = "t", .dtype = GPUPROC_INT64, .shape = {3, {2, 3, 4}}}, {.name = "f", .dtype = GPUPROC_INT64, .shape = {2, {3, 4}}, .fortran = true},
    {.name = "s", .dtype = GPUPROC_INT64, .shape = {2, {1, 4}}},    {.name = "c", .dtype = GPUPROC_INT64, .shape = {2, {3, 1}}},
    {.name = "z", .dtype = GPUPROC_INT64, .shape = {2, {0, 3}}},    {.name = "o", .dtype = GPUPROC_INT64, .shape = {0, {0}}},
    {.name = "q", .dtype = GPUPROC_INT64, .shape = {4, {2, 1, 3, 2}}}, {.name = "b", .dtype = GPUPROC_BOOL, .shape = {2, {3, 5}}},
    {.name = "k", .dtype = GPUPROC_COMPLEX64, .shape = {2, {3, 5}}}, {.name = "h", .dtype = GPUPROC_FLOAT16, .shape = {1, {6}}},
    {.name = "x", .dtype = GPUPROC_FLOAT32, .shape = {2, {3, 5}}},
};
enum { INPUTS = sizeof inputs / sizeof *inputs };

/* ---- An interpreter of integers ---- */

typedef struct values {
    int64_t *at;    /* C order; of an INPUT: as it lies in storage */
    uint64_t count;
} values;

static int64_t element(const gp_program *p, const values *v, int base, const gp_walk *w, const int64_t *i)
{
    int64_t at = w->offset;
    for (int d = 0; d < w->shape.ndim; d++) {
        assert_true(w->stride[d] == 0 || w->shape.dim[d] != 1);
        if (w->bounded && (i[d] < w->lo[d] || i[d] >= w->hi[d])) return 0;
        at += i[d] * w->stride[d];
    }
    if (base < 0) return at;
    assert_true(at >= 0 && (uint64_t)at < v[base].count);
    assert_true(p->node[base].op == GP_OP_INPUT || gp_node_is_stored(&p->node[base]));
    return v[base].at[at];
}

static int64_t floor_divide(int64_t x, int64_t y)
{
    if (y == 0) fail_msg("divided by zero");
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static int64_t computed(const gp_node *n, int64_t x, int64_t y, int64_t z)
{
    switch (n->op) {
    case GP_OP_ADD: return x + y;
    case GP_OP_SUB: return x - y;
    case GP_OP_MUL: return x * y;
    case GP_OP_NEG: return -x;
    case GP_OP_ABS: return x < 0 ? -x : x;
    case GP_OP_FLOORDIV: return floor_divide(x, y);
    case GP_OP_MOD: return x - y * floor_divide(x, y);
    case GP_OP_EQ: return x == y;
    case GP_OP_LT: return x < y;
    case GP_OP_LE: return x <= y;
    case GP_OP_GT: return x > y;
    case GP_OP_GE: return x >= y;
    case GP_OP_BITAND: return x & y;
    case GP_OP_INVERT: return !x; /* of bools here */
    case GP_OP_CAST: return n->dtype == GPUPROC_BOOL ? x != 0 : x;
    case GP_OP_WHERE: return x ? y : z;
    default: fail_msg("operation %s", gp_op_info_of(n->op)->name); return 0;
    }
}

static int64_t reduced(gp_op op, const int64_t *at, uint64_t count)
{
    int64_t r = count > 0 ? at[0] : 0;
    for (uint64_t i = 1; i < count; i++) {
        if (op == GP_OP_SUM) r += at[i];
        else if (op == GP_OP_MIN) r = at[i] < r ? at[i] : r;
        else if (op == GP_OP_MAX) r = at[i] > r ? at[i] : r;
        else fail_msg("reduction");
    }
    return r;
}

static void steps(const gp_shape *shape, uint64_t number, int64_t *i)
{
    for (int d = shape->ndim; d-- > 0; number /= (uint64_t)shape->dim[d]) i[d] = (int64_t)(number % (uint64_t)shape->dim[d]);
}

static void compute(const gp_program *p, values *v, int index)
{
    const gp_node *n = &p->node[index];
    gp_walk own, arg[3];
    v[index].count = gp_shape_size(&n->shape);
    v[index].at = calloc((size_t)v[index].count + 1, sizeof(int64_t));
    assert_non_null(v[index].at);
    gp_node_walk(p, index, &own);
    assert_true(gp_shape_equal(&own.shape, &n->shape));
    const gp_op_info *info = gp_op_info_of(n->op);
    for (int k = 0; k < info->arity && info->elementwise; k++) {
        gp_walk w;
        gp_walk_whole(&p->node[n->arg[k]].shape, false, &w);
        gp_walk_broadcast(&w, &n->shape, &arg[k]);
    }
    for (uint64_t e = 0; e < v[index].count; e++) {
        int64_t i[GPUPROC_MAX_NDIM], x[3] = {0, 0, 0};
        steps(&n->shape, e, i);
        const values *a = n->arg[0] >= 0 ? &v[n->arg[0]] : NULL;
        int64_t r = 0;
        if (n->op == GP_OP_CONST) r = n->value.value.i;
        else if (n->op == GP_OP_INPUT) r = v[index].at[e]; /* filled in already */
        else if (n->op == GP_OP_INDEX) r = element(p, v, -1, &own, i);
        else if (n->op == GP_OP_VIEW) r = element(p, v, n->arg[0], &own, i);
        else if (n->op == GP_OP_FILL) r = a->at[0];
        else if (n->op == GP_OP_STORE) r = a->at[e];
        else if (info->reduction) r = reduced(n->op, a->at, a->count);
        else {
            for (int k = 0; k < info->arity; k++) {
                int64_t at = arg[k].offset;
                for (int d = 0; d < n->shape.ndim; d++) at += i[d] * arg[k].stride[d];
                x[k] = v[n->arg[k]].at[at];
            }
            r = computed(n, x[0], x[1], x[2]);
        }
        v[index].at[e] = r;
    }
}

static int64_t stored_number(const gp_input *in, uint64_t i)
{
    int64_t r;
    if (in->data != NULL && in->dtype == GPUPROC_BOOL) return ((const unsigned char *)in->data)[i];
    if (in->data != NULL) {
        memcpy(&r, (const char *)in->data + i * sizeof r, sizeof r);
        return r;
    }
    return in->dtype == GPUPROC_BOOL ? i % 3 == 0 : (int64_t)i + 100;
}

/* INPUTs' storage is used by VIEWs; element-wise nodes see them in C order. f is never both. */
static void input_values(const gp_program *p, values *v, int index, bool storage)
{
    const gp_node *n = &p->node[index];
    const gp_input *in = &p->input[n->input];
    uint64_t count = gp_shape_size(&n->shape);
    for (uint64_t e = 0; e < count; e++) {
        int64_t i[GPUPROC_MAX_NDIM];
        steps(&n->shape, e, i);
        gp_walk w;
        gp_walk_whole(&n->shape, in->fortran && storage, &w);
        int64_t at = 0;
        for (int d = 0; d < n->shape.ndim; d++) at += i[d] * w.stride[d];
        v[index].at[at] = stored_number(in, e);
    }
}

static void run(const gp_program *p, values *v)
{
    for (size_t i = 0; i < p->nodes; i++) {
        const gp_node *n = &p->node[i];
        bool from_input = n->op == GP_OP_VIEW && p->node[n->arg[0]].op == GP_OP_INPUT;
        if (n->op == GP_OP_INPUT) {
            v[i].count = gp_shape_size(&n->shape);
            v[i].at = calloc((size_t)v[i].count + 1, sizeof(int64_t));
            assert_non_null(v[i].at);
            input_values(p, v, (int)i, false);
            continue;
        }
        if (from_input) input_values(p, v, n->arg[0], true);
        compute(p, v, (int)i);
        if (from_input) input_values(p, v, n->arg[0], false);
    }
}

/* ---- Against NumPy ---- */

static void append_numbers(gp_text *out, const int64_t *at, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) gp_text_add(out, "%s%lld", out->length > 0 && out->data[out->length - 1] != '|' ? " " : "", (long long)at[i]);
}

/* "shape|values" as in the file; "E" where it does not compile. */
static void answer(const char *text, gp_text *out, gpuproc_error *err)
{
    gp_program p = {0};
    gpuproc_status st = gp_compile(text, inputs, INPUTS, &p, err);
    if (st != GPUPROC_OK) {
        gp_text_add(out, "E");
        return;
    }
    values *v = calloc(p.nodes + 1, sizeof *v);
    assert_non_null(v);
    run(&p, v);
    const char *name = p.result[0].name;
    size_t n = strlen(name);
    bool tuple = p.results > 1 || (strlen(text) + 3 == n && strcmp(name + n - 3, "[0]") == 0);
    if (tuple) {
        gp_text_add(out, "%zu|", p.results);
        for (size_t k = 0; k < p.results; k++) append_numbers(out, v[p.result[k].node].at, 1);
    } else {
        const gp_shape *shape = &p.node[p.result[0].node].shape;
        for (int d = 0; d < shape->ndim; d++) gp_text_add(out, "%s%lld", d > 0 ? "," : "", (long long)shape->dim[d]);
        gp_text_add(out, "|");
        append_numbers(out, v[p.result[0].node].at, v[p.result[0].node].count);
    }
    for (size_t i = 0; i < p.nodes; i++) free(v[i].at);
    free(v);
    gp_program_free(&p);
}

static void as_numpy(void **state)
{
    (void)state;
    char path[4096], line[8192];
    const char *source = getenv("GPUPROC_TEST_SOURCE");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/golden/views.txt", source);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int checked = 0, wrong = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#') continue;
        line[strcspn(line, "\n")] = '\0';
        char *expected = strchr(line, '|');
        assert_non_null(expected);
        *expected++ = '\0';
        gpuproc_error err = {0};
        gp_text got = {0};
        answer(line, &got, &err);
        assert_non_null(got.data);
        bool ok = strcmp(got.data, expected) == 0;
        if (ok && *expected == 'E') ok = err.status >= 200 && err.status < 300 && err.line == 1 && err.column >= 1 && err.length >= 1;
        if (!ok) printf("%s: expected %s, got %s %s\n", line, expected, got.data, err.message);
        wrong += !ok;
        checked++;
        gp_text_free(&got);
    }
    fclose(file);
    assert_int_equal(wrong, 0);
    assert_true(checked > 1000);
}

/* ---- What a program is made of ---- */

static gp_program compiled(const char *text)
{
    gp_program p = {0};
    gpuproc_error err = {0};
    if (gp_compile(text, inputs, INPUTS, &p, &err) != GPUPROC_OK) fail_msg("%.200s: %s", text, err.message);
    return p;
}

static int how_many(const gp_program *p, gp_op op)
{
    int count = 0;
    for (size_t i = 0; i < p->nodes; i++) count += p->node[i].op == op;
    return count;
}

static void has(const char *text, int views, int stores)
{
    gp_program p = compiled(text);
    if (how_many(&p, GP_OP_VIEW) != views || how_many(&p, GP_OP_STORE) != stores)
        fail_msg("%s: %d views, %d stores", text, how_many(&p, GP_OP_VIEW), how_many(&p, GP_OP_STORE));
    gp_program_free(&p);
}

/* Nothing is stored that can be walked. */
static void walks(void **state)
{
    (void)state;
    has("a[1:] - a[:-1]", 2, 0);
    has("a[2:] - 2*a[1:-1] + a[:-2]", 3, 0);
    has("m[:]", 0, 0);
    has("m.T.T", 0, 0);
    has("m[::-1][::-1]", 0, 0);
    has("m.reshape(15)", 1, 0);
    has("m[:, ::2].reshape(-1)", 2, 1);
    has("m[:, ::2].reshape(1, 3, 3, 1)", 1, 0);
    has("f.T.ravel()", 1, 0); /* as it lies */
    has("f.ravel()", 1, 1);
    has("(m + c).T", 2, 0);
    has("(m + c).ravel()", 1, 1);
    has("broadcast_to(c, (3, 5)) + m", 1, 0);
    has("pad(m, 1)", 1, 0);
    has("pad(m, 1)[1:-1, 1:-1]", 0, 0);
    has("pad(pad(m, 1), 1)", 1, 0);
    has("concatenate([m, m + 1, m])", 3, 0);
    has("concatenate([m, 1 // m])", 2, 1);
    has("roll(m, 1, 0)", 2, 0);
    has("tril(m)", 0, 0);
    has("tile(a, 2)", 2, 1);
    has("sliding_window_view(a, 3)", 1, 0);
    has("sliding_window_view(pad(a, 1), 3)", 2, 1); /* what is inside would be no box */
    has("ravel(broadcast_to(2, (3, 4)))", 0, 0);
    has("sum(m[1:]) * m[0]", 2, 0);
}

/* What is shared stays shared, and no stack is needed. */
static void large(void **state)
{
    (void)state;
    static char text[64000];
    size_t used = 0;
    used += (size_t)sprintf(text, "a0 = a + 1\n");
    for (int k = 1; k <= 200; k++) used += (size_t)sprintf(text + used, "a%d = a%d * a%d\n", k, k - 1, k - 1);
    sprintf(text + used, "a200[1:]; a200[None].T.reshape(2, 3)");
    gp_program p = compiled(text);
    assert_true(p.nodes < 1000);
    gp_program_free(&p);
    used = (size_t)sprintf(text, "(a");
    for (int k = 0; k < 9000; k++) used += (size_t)sprintf(text + used, "+a");
    sprintf(text + used, ")[1:]");
    p = compiled(text);
    assert_int_equal(how_many(&p, GP_OP_ADD), 9000);
    gp_program_free(&p);
    used = (size_t)sprintf(text, "a");
    for (int k = 0; k < 5000; k++) used += (size_t)sprintf(text + used, "[::-1]");
    p = compiled(text);
    assert_int_equal(p.nodes, 1);
    gp_program_free(&p);
}

static void says(const char *text, gpuproc_status status, int column, int length, const char *message)
{
    gp_program p = {0};
    gpuproc_error err = {0};
    gpuproc_status st = gp_compile(text, inputs, INPUTS, &p, &err);
    if (st != status || err.column != column || err.length != length || strncmp(err.message, message, strlen(message)) != 0)
        fail_msg("%s: status %d at %d+%d: %s", text, (int)st, (int)err.column, (int)err.length, err.message);
}

static void messages(void **state)
{
    (void)state;
    const gpuproc_status value = GPUPROC_VALUE, type = GPUPROC_TYPE, shape = GPUPROC_SHAPE, later = GPUPROC_UNSUPPORTED;
    says("m[3]", value, 1, 4, "index 3 is out of bounds for axis 0 with size 3");
    says("m[0, -6]", value, 1, 8, "index -6 is out of bounds for axis 1 with size 5");
    says("m[2**80]", value, 1, 8, "index 9223372036854775807 is out of bounds for axis 0");
    says("m[0, 0, 0]", value, 1, 10, "too many indices for array: array is 2-dimensional, but 3 were indexed");
    says("o[0]", value, 1, 4, "too many indices for array: array is 0-dimensional, but 1 were indexed");
    says("m[..., ...]", value, 1, 11, "an index can only have a single ellipsis ('...')");
    says("m[::0]", value, 1, 6, "slice step cannot be zero");
    says("m[0.5]", type, 1, 6, "only integers, slices (`:`), ellipsis");
    says("m[a:]", type, 1, 5, "slice indices must be integers");
    says("m[b[0]]", value, 1, 7, "boolean index did not match indexed array along axis 0; size of axis is 3 but size of corresponding boolean axis is 5");
    says("m[b[:, 0], [0, 1]]", later, 1, 18, "a subscript with several arrays");
    says("t[b, 0]", later, 1, 7, "a mask of 2 dimensions");
    says("5[0]", type, 1, 4, "only arrays, tuples and lists have subscripts");
    says("(1, 2)[2]", value, 1, 9, "tuple index out of range: it has 2 values");
    says("m.foo", GPUPROC_UNKNOWN_NAME, 3, 3, "arrays have no attribute 'foo' here");
    says("m.reshape(4, 4)", value, 1, 15, "cannot reshape array of size 15 into shape (4, 4)");
    says("m.reshape(-1, 4)", value, 1, 16, "cannot reshape array of size 15 into shape (-1, 4)");
    says("m.reshape(-1, -1)", value, 1, 17, "can only specify one unknown dimension");
    says("m.reshape(2**62, 2**62)", value, 1, 23, "cannot reshape array of size 15");
    says("reshape(m, a)", type, 1, 13, "reshape() needs an integer that is known");
    says("m.reshape(5, 3, order='F')", later, 1, 26, "reshape() is possible in C order only");
    says("m.swapaxes(0, 2)", value, 1, 16, "axis 2 is out of bounds for array of dimension 2");
    says("flip(m, (0, -2))", value, 1, 16, "duplicate value in 'axis'");
    says("transpose(m, (0, 0))", value, 1, 20, "repeated axis in transpose");
    says("transpose(m, (0,))", value, 1, 18, "axes don't match array");
    says("squeeze(m, 0)", value, 1, 13, "cannot select an axis to squeeze out");
    says("broadcast_to(a, (5, 5))", shape, 1, 23, "shape (6,) cannot be broadcast to (5, 5)");
    says("broadcast_to(1, (2**40, 2**40))", shape, 1, 31, "shape (1099511627776, 1099511627776)");
    says("pad(a, 2**62)", shape, 1, 13, "");
    says("pad(a, (2**63, 1))", value, 1, 18, "pad(): the integer given as pad_width does not fit int64");
    says("pad(m, ((1, 1), (1, 1), (1, 1)))", value, 1, 32, "pad() needs one number, a pair");
    says("pad(a, 1000, 'wrap')", later, 1, 20, "pad() that repeats the array more than 64 times");
    says("pad(a, 1, 'linear_ramp')", later, 1, 24, "pad() has the modes constant, edge, reflect, symmetric and wrap, found 'linear_ramp'");
    says("concatenate([m, a])", shape, 1, 19, "all the input arrays must have same number of dimensions, but the array at index 0 has 2 dimension(s)");
    says("concatenate([m, c.T])", shape, 1, 21, "all the input array dimensions except for the concatenation axis must match exactly, but along dimension 1, the array at index 0 has size 5 and the array at index 1 has size 3");
    says("concatenate([])", value, 1, 15, "need at least one array to concatenate");
    says("stack([a, m])", shape, 1, 13, "all input arrays must have the same shape");
    says("tile(a, 2**62)", shape, 1, 14, "tile() would make an array that is too large");
    says("[1, [2]]", value, 1, 8, "the lists inside this one have different lengths");
    says("a + [1, None]", type, 3, 1, "a list holds only numbers that are known before data is read, found None");
    says("sliding_window_view(a, 7)", value, 1, 25, "window shape cannot be larger than input array shape");
    says("a, d = m.shape[:1]", type, 8, 11, "2 names stand left of '=', found 1 value for them");
}

/* Names, results and dotted functions. */
static void results(void **state)
{
    (void)state;
    gp_program p = compiled("rows, cols = m.shape; t.shape; m * rows + cols; np.lib.stride_tricks.sliding_window_view(a, 2)[0]");
    assert_int_equal(p.results, 7);
    assert_string_equal(p.result[0].name, "rows");
    assert_true(p.result[0].used && p.result[0].named);
    assert_string_equal(p.result[2].name, "t.shape[0]");
    assert_string_equal(p.result[4].name, "t.shape[2]");
    assert_string_equal(p.result[5].name, "m * rows + cols");
    assert_int_equal(p.node[p.result[6].node].shape.dim[0], 2);
    gp_program_free(&p);
    p = compiled("lib = a; lib.sum(), lib[0], (m[0, 1]), (m[1:, :2], a)[1]");
    assert_int_equal(p.results, 5);
    gp_program_free(&p);
    p = compiled("w = ((1, 1), (0, 2)); v = (1, None); pad(m, w); x.reshape((5, -1)).astype(a.dtype)");
    assert_int_equal(p.results, 2); /* w and v are arguments */
    assert_int_equal(p.node[p.result[1].node].dtype, GPUPROC_INT64);
    gp_program_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy), cmocka_unit_test(walks), cmocka_unit_test(large),
                                       cmocka_unit_test(messages), cmocka_unit_test(results)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
