/* Calls: which argument is which, and the functions whose arguments are not all operands. */
#include "lang/matrix.h"

#include "base/memory.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }

static const char *text_of(const gp_builder *b, int token, int *length)
{
    const gp_token *t = &b->tokens->token[token];
    *length = t->end - t->start > 60 ? 60 : t->end - t->start;
    return b->tokens->text + t->start;
}

static size_t length_of(const gp_builder *b, int token)
{
    return (size_t)(b->tokens->token[token].end - b->tokens->token[token].start);
}

static void place_at(gp_builder *b, const gp_ast_node *node)
{
    b->place = (gp_place){node->start, node->end, node->line, node->column};
}

static void place_at_token(gp_builder *b, int token)
{
    const gp_token *t = &b->tokens->token[token];
    b->place = (gp_place){t->start, t->end, t->line, t->column};
}

/* ---- Arguments ---- */

typedef struct parameter {
    const char *name[2]; /* name[1] may be NULL */
    size_t length[2];
    bool optional;
    bool rest; /* x.f(a, b): all positional arguments from here on, as a tuple where there are several */
} parameter;

/* Reads "a axis? ddof/correction?" and "a shape*" (see functions.def). */
static int parameters(const char *spec, parameter out[GP_MAX_PARAMETERS])
{
    int count = 0;
    while (*spec != '\0' && count < GP_MAX_PARAMETERS) {
        parameter *p = &out[count++];
        size_t n = strcspn(spec, "/?* ");
        *p = (parameter){{spec, NULL}, {n, 0}, false, false};
        spec += n;
        if (*spec == '/') {
            n = strcspn(++spec, "?* ");
            p->name[1] = spec;
            p->length[1] = n;
            spec += n;
        }
        for (; *spec == '?' || *spec == '*'; spec++) *(*spec == '?' ? &p->optional : &p->rest) = true;
        if (*spec == ' ') spec++;
    }
    return count;
}

static int parameter_index(const parameter *p, int count, const char *name, size_t length)
{
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 2; k++) {
            if (p[i].name[k] != NULL && p[i].length[k] == length && memcmp(p[i].name[k], name, length) == 0)
                return i;
        }
    }
    return -1;
}

/* "a, axis, dtype" */
static const char *listed(const parameter *p, int count, char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    for (int i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%.*s", i ? ", " : "", (int)p[i].length[0], p[i].name[0]);
    return buf;
}

/* The positional arguments from `first` on, at most up to a keyword: several are a tuple. *last: the
 * last one. */
static gp_value rest_of(gp_builder *b, int first, int *last)
{
    int count = 0;
    for (int a = first; a >= 0 && b->ast->node[a].keyword < 0; a = b->ast->node[a].next) {
        count++;
        *last = a;
    }
    if (count == 1) return b->value[first];
    gp_value *item = gp_calloc((size_t)count, sizeof *item);
    if (item == NULL) return of(gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory"));
    for (int k = 0, a = first; k < count; k++, a = b->ast->node[a].next) item[k] = b->value[a];
    gp_value v = gp_build_tuple(b, item, count);
    free(item);
    return v;
}

/* Puts the call's arguments (linked from `first`) into the slots of the function's parameters. */
static bool bind(gp_builder *b, const gp_function *fn, const gp_ast_node *call,
                 gp_value args[GP_MAX_PARAMETERS], bool given[GP_MAX_PARAMETERS])
{
    parameter p[GP_MAX_PARAMETERS];
    int count = parameters(fn->parameters, p), positional = 0;
    char names[160];
    listed(p, count, names, sizeof names);
    for (int i = 0; i < GP_MAX_PARAMETERS; i++) {
        args[i] = (gp_value){.kind = GP_VAL_NONE};
        given[i] = false;
    }
    for (int a = call->first; a >= 0; a = b->ast->node[a].next) {
        const gp_ast_node *arg = &b->ast->node[a];
        int slot = positional;
        if (arg->keyword >= 0) {
            int n;
            const char *keyword = text_of(b, arg->keyword, &n);
            slot = parameter_index(p, count, keyword, length_of(b, arg->keyword));
            if (slot < 0) {
                place_at_token(b, arg->keyword);
                gp_build_fail(b, GPUPROC_SYNTAX, "%s() has no keyword '%.*s' here: it takes %s", fn->name, n, keyword, names);
                return false;
            }
            if (given[slot]) {
                place_at_token(b, arg->keyword);
                gp_build_fail(b, GPUPROC_SYNTAX, "%s() got '%.*s' twice", fn->name, n, keyword);
                return false;
            }
        } else if (positional++ >= count) {
            place_at(b, arg);
            gp_build_fail(b, GPUPROC_SYNTAX, "%s() takes at most %d argument%s (%s)", fn->name, count, count == 1 ? "" : "s", names);
            return false;
        }
        given[slot] = true;
        bool takes_rest = call->kind == GP_AST_METHOD && p[slot].rest && arg->keyword < 0;
        args[slot] = takes_rest ? rest_of(b, a, &a) : b->value[a];
        if (b->st != GPUPROC_OK) return false;
    }
    for (int i = 0; i < count; i++) {
        if (given[i] || p[i].optional) continue;
        gp_build_fail(b, GPUPROC_SYNTAX, "%s() needs its argument '%.*s' (it takes %s)", fn->name,
                      (int)p[i].length[0], p[i].name[0], names);
        return false;
    }
    return true;
}

bool gp_check_dtype(gp_builder *b, const gp_value *v, gp_dtype *dtype)
{
    char name[24];
    if (v->kind == GP_VAL_DTYPE) {
        *dtype = v->dtype;
    } else if (v->kind == GP_VAL_STRING) {
        size_t n = length_of(b, v->token) - 2; /* without the quotes */
        const char *text = b->tokens->text + b->tokens->token[v->token].start + 1;
        int shown = n > 40 ? 40 : (int)n;
        bool big = false;
        snprintf(name, sizeof name, "%.*s", shown, text);
        if (n >= sizeof name || (!gp_dtype_name_find(text, n, dtype) &&
                                 gpuproc_dtype_parse(name, dtype, &big, NULL) != GPUPROC_OK)) {
            gp_build_fail(b, GPUPROC_TYPE, "'%.*s' is not a dtype: write float32, 'f4', int64, ...", shown, text);
            return false;
        }
        if (big) {
            gp_build_fail(b, GPUPROC_TYPE, "values are computed in the machine's byte order: write '%s' without '>'", name + 1);
            return false;
        }
    } else {
        gp_build_fail(b, GPUPROC_TYPE, "expected a dtype such as float32 or 'f4' here");
        return false;
    }
    return true;
}

/* float32(x), and Python's int(x), float(x) and complex(x), which make Python numbers. */
static gp_value convert(gp_builder *b, const gp_ast_node *call, gp_dtype dtype)
{
    int n;
    const char *name = text_of(b, call->token, &n);
    bool python = !call->module && (gp_token_is(b->tokens, &b->tokens->token[call->token], "int") ||
                                    gp_token_is(b->tokens, &b->tokens->token[call->token], "float") ||
                                    gp_token_is(b->tokens, &b->tokens->token[call->token], "complex"));
    gp_value target = {.kind = GP_VAL_DTYPE, .dtype = dtype};
    if (!gp_check_dtype(b, &target, &dtype)) return of(-1);
    if (call->first < 0 || call->first != call->last || b->ast->node[call->first].keyword >= 0)
        return of(gp_build_fail(b, GPUPROC_SYNTAX, "%.*s() takes one value", n, name));
    gp_value v = gp_build_window_view(b, &b->value[call->first]);
    if (b->st != GPUPROC_OK) return of(-1);
    if (!gp_value_is_literal(&v) && v.kind != GP_VAL_NODE && v.kind != GP_VAL_COMPLEX) return of(gp_build_strong(b, &v));
    if (!python) return gp_build_convert(b, &v, dtype);
    if (v.kind == GP_VAL_NODE)
        return of(gp_build_fail(b, GPUPROC_TYPE, "%.*s() makes one Python number: for an array write %s(x)", n, name,
                                gpuproc_dtype_name(dtype)));
    if (dtype == GPUPROC_COMPLEX128)
        return v.kind == GP_VAL_COMPLEX ? v : (gp_value){.kind = GP_VAL_COMPLEX, .f = gp_literal_double(&v)};
    if (v.kind == GP_VAL_COMPLEX) return of(gp_build_fail(b, GPUPROC_TYPE, "%.*s() of a complex number: write .real", n, name));
    if (dtype == GPUPROC_FLOAT64) return gp_value_float(gp_literal_double(&v));
    if (v.kind != GP_VAL_FLOAT) return (gp_value){.kind = GP_VAL_INT, .i = v.i};
    if (!(v.f > -0x1p126 && v.f < 0x1p126))
        return of(gp_build_fail(b, GPUPROC_VALUE, "this float has no integer of at most 127 bits"));
    return (gp_value){.kind = GP_VAL_INT, .i = (__int128)v.f};
}

/* ---- Functions with arguments of their own ---- */

/* NumPy's where() is the one that wraps an integer literal instead of refusing it. */
static int wrapped_choice(gp_builder *b, const gp_value *v, gp_dtype dtype)
{
    bool wraps = v->kind == GP_VAL_INT && gp_dtype_is_integer(dtype) &&
                 (gp_build_fits(v->i, GPUPROC_INT64) || gp_build_fits(v->i, GPUPROC_UINT64));
    if (!wraps) return gp_build_as(b, v, dtype);
    return gp_build_cast(b, gp_build_int(b, GPUPROC_UINT64, (int64_t)v->i), dtype);
}

/* A complex choice: the parts, each for itself. */
static gp_value where_complex(gp_builder *b, int condition, const gp_value *v, gp_dtype dtype)
{
    gp_value x = gp_build_convert(b, &v[0], dtype), y = gp_build_convert(b, &v[1], dtype);
    if (x.node < 0 || y.node < 0) return of(-1);
    gp_dtype part = gp_build_dtype(b, x.node);
    x.node = gp_build_op(b, GP_OP_WHERE, part, condition, x.node, y.node);
    x.im = gp_build_op(b, GP_OP_WHERE, part, condition, x.im, y.im);
    return x.im < 0 ? of(-1) : x;
}

static gp_value where(gp_builder *b, const gp_value *args)
{
    gp_dtype dtype = gp_build_common(b, args + 1, 2);
    bool literals = args[1].kind != GP_VAL_NODE && args[2].kind != GP_VAL_NODE;
    int condition = gp_build_as(b, &args[0], GPUPROC_BOOL);
    if (condition < 0) return of(-1);
    if (gp_dtype_kind(dtype) == GP_KIND_COMPLEX) return where_complex(b, condition, args + 1, dtype);
    int x = literals ? gp_build_as(b, &args[1], dtype) : wrapped_choice(b, &args[1], dtype);
    int y = x < 0 ? -1 : literals ? gp_build_as(b, &args[2], dtype) : wrapped_choice(b, &args[2], dtype);
    return of(y < 0 ? -1 : gp_build_op(b, GP_OP_WHERE, dtype, condition, x, y));
}

static int clip(gp_builder *b, const gp_value *args)
{
    int x = gp_build_strong(b, &args[0]);
    if (x < 0) return -1;
    gp_value v[3] = {of(x), args[1], args[2]};
    gp_dtype own = gp_build_dtype(b, x);
    if (gp_dtype_is_integer(own)) { /* a bound beyond the dtype bounds nothing */
        if (v[1].kind == GP_VAL_INT && v[1].i < 0 && !gp_build_fits(v[1].i, own)) v[1].kind = GP_VAL_NONE;
        if (v[2].kind == GP_VAL_INT && v[2].i > 0 && !gp_build_fits(v[2].i, own)) v[2].kind = GP_VAL_NONE;
    }
    bool low = v[1].kind != GP_VAL_NONE, high = v[2].kind != GP_VAL_NONE;
    if (!low && !high) {
        if (own == GPUPROC_BOOL) return gp_build_fail(b, GPUPROC_TYPE, "clip() of bool needs a bound");
        return x;
    }
    gp_dtype dtype = gp_build_common(b, v, 3);
    x = gp_build_cast(b, x, dtype);
    if (low) x = gp_build_op(b, GP_OP_MAXIMUM, dtype, x, gp_build_as(b, &v[1], dtype), -1);
    if (high) x = gp_build_op(b, GP_OP_MINIMUM, dtype, x, gp_build_as(b, &v[2], dtype), -1);
    return x;
}

static int round_to(gp_builder *b, const gp_value *args, bool given)
{
    int x = gp_build_strong(b, &args[0]);
    if (x < 0) return -1;
    int decimals = 0;
    if (given && args[1].kind != GP_VAL_INT)
        return gp_build_fail(b, GPUPROC_TYPE, "round() needs an integer literal as decimals");
    if (given && (args[1].i < -400 || args[1].i > 400))
        return gp_build_fail(b, GPUPROC_VALUE, "round() takes decimals from -400 to 400");
    if (given) decimals = (int)args[1].i;
    gp_dtype dtype = gp_build_dtype(b, x), result = dtype;
    if (dtype == GPUPROC_BOOL) {
        if (decimals == 0) return gp_build_op(b, GP_OP_RINT, GPUPROC_FLOAT16, gp_build_cast(b, x, GPUPROC_FLOAT16), -1, -1);
        return gp_build_fail(b, GPUPROC_TYPE, "round() with decimals is not possible for bool");
    }
    if (gp_dtype_is_integer(dtype)) {
        if (decimals >= 0) return x;
        dtype = GPUPROC_FLOAT64;
        x = gp_build_cast(b, x, dtype);
    }
    double power = pow(10, abs(decimals));
    int factor = decimals != 0 ? gp_build_float(b, dtype, power) : -1;
    if (decimals != 0) x = gp_build_op(b, decimals > 0 ? GP_OP_MUL : GP_OP_DIV, dtype, x, factor, -1);
    x = gp_build_op(b, GP_OP_RINT, dtype, x, -1, -1);
    if (decimals != 0) x = gp_build_op(b, decimals > 0 ? GP_OP_DIV : GP_OP_MUL, dtype, x, factor, -1);
    return gp_build_cast(b, x, result);
}

static int nan_to_num(gp_builder *b, const gp_value *args)
{
    int x = gp_build_strong(b, &args[0]);
    if (x < 0) return -1;
    gp_dtype dtype = gp_build_dtype(b, x);
    double largest = dtype == GPUPROC_FLOAT16 ? 65504 : dtype == GPUPROC_FLOAT32 ? (double)FLT_MAX : DBL_MAX;
    const double instead[3] = {0.0, largest, -largest};
    const double of_what[3] = {NAN, INFINITY, -INFINITY};
    if (!gp_dtype_is_float(dtype)) return x;
    int result = x;
    for (int k = 0; k < 3; k++) {
        gp_value value = args[2 + k].kind == GP_VAL_NONE ? gp_value_float(instead[k]) : args[2 + k];
        if (!gp_value_is_literal(&value)) {
            int node = gp_build_strong(b, &value);
            if (node < 0) return -1;
            if (!b->program->node[node].uniform)
                return gp_build_fail(b, GPUPROC_TYPE, "nan_to_num() takes single numbers as replacements: for arrays write where(isnan(x), y, x)");
        }
        int hit = k == 0 ? gp_build_op(b, GP_OP_ISNAN, GPUPROC_BOOL, x, -1, -1)
                         : gp_build_op(b, GP_OP_EQ, GPUPROC_BOOL, x, gp_build_float(b, dtype, of_what[k]), -1);
        result = gp_build_op(b, GP_OP_WHERE, dtype, hit, gp_build_as(b, &value, dtype), result);
    }
    return result;
}

static gp_value apply(gp_builder *b, gp_function_id id, gp_value x, gp_value y)
{
    gp_value v[2] = {x, y};
    if ((x.kind == GP_VAL_NODE && x.node < 0) || (y.kind == GP_VAL_NODE && y.node < 0)) return of(-1);
    return gp_check_operator(b, id, v, 2);
}

static gp_value call1(gp_builder *b, gp_function_id id, gp_value x)
{
    return x.kind == GP_VAL_NODE && x.node < 0 ? x : gp_check_elementwise(b, gp_function_by_id(id), &x);
}

static gp_value call2(gp_builder *b, gp_function_id id, gp_value x, gp_value y)
{
    gp_value v[2] = {x, y};
    return x.kind == GP_VAL_NODE && x.node < 0 ? x : gp_check_elementwise(b, gp_function_by_id(id), v);
}

/* NumPy's formula: |x - y| <= atol + rtol * |y|, y finite; or x == y; or both NaN. */
static gp_value isclose(gp_builder *b, const gp_value *args, const bool *given)
{
    gp_value x = args[0], y = args[1];
    gp_value rtol = given[2] ? args[2] : gp_value_float(1e-5), atol = given[3] ? args[3] : gp_value_float(1e-8);
    if (given[4] && args[4].kind != GP_VAL_BOOL)
        return of(gp_build_fail(b, GPUPROC_TYPE, "isclose() needs True or False as equal_nan"));
    if (y.kind == GP_VAL_NODE) {
        if (!y.complex && !gp_dtype_is_float(gp_build_dtype(b, y.node))) y = gp_build_convert(b, &y, GPUPROC_FLOAT64);
    } else if (gp_value_is_literal(&y)) {
        y = gp_value_float(gp_literal_double(&y));
    }
    gp_value distance = call1(b, GP_FN_absolute, apply(b, GP_FN_subtract, x, y));
    gp_value allowed = apply(b, GP_FN_add, atol, apply(b, GP_FN_multiply, rtol, call1(b, GP_FN_absolute, y)));
    gp_value near = apply(b, GP_FN_less_equal, distance, allowed);
    near = apply(b, GP_FN_bitwise_and, near, call1(b, GP_FN_isfinite, y));
    near = apply(b, GP_FN_bitwise_or, near, apply(b, GP_FN_equal, x, y));
    if (given[4] && args[4].i != 0)
        near = apply(b, GP_FN_bitwise_or, near,
                     apply(b, GP_FN_bitwise_and, call1(b, GP_FN_isnan, x), call1(b, GP_FN_isnan, y)));
    return near.kind == GP_VAL_NODE ? near : of(gp_build_strong(b, &near));
}

/* round() and nan_to_num() of each part of a complex number, else of the number. */
static gp_value by_parts(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_value v[GP_MAX_PARAMETERS], result = args[0];
    bool complex = gp_value_is_complex(b, &args[0]);
    memcpy(v, args, sizeof v);
    if (complex) result = gp_build_convert(b, &args[0], gp_build_common(b, args, 1));
    for (int k = 0; k < (complex ? 2 : 1); k++) {
        if (complex) v[0] = of(k == 0 ? result.node : result.im);
        int node = fn->rule == GP_RULE_ROUND ? round_to(b, v, given[1]) : nan_to_num(b, v);
        if (node < 0) return of(-1);
        if (!complex) return of(node);
        *(k == 0 ? &result.node : &result.im) = node;
    }
    return result;
}

static gp_value clip_of(gp_builder *b, const gp_value *args)
{
    bool complex = false;
    for (int k = 0; k < 3; k++) complex = complex || gp_value_is_complex(b, &args[k]);
    if (complex) {
        gp_dtype dtype = gp_build_common(b, args, 3);
        gp_value x = gp_build_convert(b, &args[0], dtype);
        if (args[1].kind != GP_VAL_NONE) x = call2(b, GP_FN_maximum, x, gp_build_convert(b, &args[1], dtype));
        if (args[2].kind != GP_VAL_NONE) x = call2(b, GP_FN_minimum, x, gp_build_convert(b, &args[2], dtype));
        return x;
    }
    for (int k = 1; k < 3; k++) {
        if (args[k].kind != GP_VAL_NONE && !gp_value_is_literal(&args[k]) && gp_build_strong(b, &args[k]) < 0) return of(-1);
    }
    return of(clip(b, args));
}

/* Functions of elements, some of whose arguments say how. */
static gp_value elementwise_special(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_value v[GP_MAX_PARAMETERS], selection, result;
    memcpy(v, args, sizeof v);
    if (!gp_selection_take(b, v, 3, &selection)) return of(-1);
    switch (fn->rule) {
    case GP_RULE_WHERE:
        for (int k = 0; k < 3; k++) {
            if (!gp_value_is_literal(&v[k]) && !gp_value_is_complex(b, &v[k]) && gp_build_strong(b, &v[k]) < 0) return of(-1);
        }
        result = where(b, v);
        break;
    case GP_RULE_CLIP: result = clip_of(b, v); break;
    default: result = by_parts(b, fn, v, given);
    }
    return gp_selection_apply(b, result, &selection);
}

gp_value gp_check_special(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    gp_dtype dtype;
    switch (fn->rule) {
    case GP_RULE_WHERE:
        if (given[1] != given[2]) return of(gp_build_fail(b, GPUPROC_SYNTAX, "where() takes a condition alone, or with x and y"));
        if (!given[1]) return gp_check_nonzero(b, &args[0]);
        return elementwise_special(b, fn, args, given);
    case GP_RULE_CLIP:
    case GP_RULE_ROUND:
    case GP_RULE_NAN_TO_NUM: return elementwise_special(b, fn, args, given);
    case GP_RULE_ISCLOSE: return isclose(b, args, given);
    case GP_RULE_ASTYPE:
        if (!gp_check_dtype(b, &args[1], &dtype)) return of(-1);
        return gp_build_convert(b, &args[0], dtype);
    case GP_RULE_COMPLEX: return gp_check_complex_function(b, fn, args);
    case GP_RULE_STRUCTURE: return gp_check_structure(b, fn, args, given);
    case GP_RULE_STATISTICS: return gp_check_statistics(b, fn, args, given);
    case GP_RULE_PRODUCT:
    case GP_RULE_AGREE: return gp_check_pair(b, fn, args, given);
    case GP_RULE_MATRIX: return gp_check_matrix(b, fn, args, given);
    case GP_RULE_LINALG: return gp_check_linalg(b, fn, args, given);
    case GP_RULE_ORDER: return gp_check_order(b, fn, args, given);
    case GP_RULE_SCAN: return gp_check_scan(b, fn, args, given);
    case GP_RULE_SELECTION: return gp_check_selection(b, fn, args, given);
    case GP_RULE_GENERATOR: return gp_check_generator(b, fn, args, given);
    default: return gp_check_reduction(b, fn, args, given);
    }
}

static gp_value call_function(gp_builder *b, const gp_function *fn, const gp_ast_node *call)
{
    gp_value args[GP_MAX_PARAMETERS];
    bool given[GP_MAX_PARAMETERS];
    if (!bind(b, fn, call, args, given)) return of(-1);
    for (int k = 0; k < GP_MAX_PARAMETERS && fn->rule < GP_RULE_SUM; k++) {
        bool list = args[k].kind == GP_VAL_TUPLE && (fn->rule < GP_RULE_ROUND || fn->rule == GP_RULE_WHERE);
        args[k] = list ? of(gp_argument_array(b, fn, &args[k])) /* sqrt([1, 2]) */ : gp_build_window_view(b, &args[k]);
        if (b->st != GPUPROC_OK) return of(-1);
    }
    if (fn->rule >= GP_RULE_ROUND) return gp_check_special(b, fn, args, given);
    return gp_check_elementwise(b, fn, args);
}

gp_value gp_check_call(gp_builder *b, const gp_ast_node *call)
{
    int n;
    const char *name = text_of(b, call->token, &n);
    size_t length = length_of(b, call->token);
    const gp_function *fn = gp_function_find(name, length);
    gp_dtype dtype;
    if (call->kind == GP_AST_METHOD) {
        if (fn != NULL && fn->method && (fn->id != GP_FN_round || n == 5)) return call_function(b, fn, call);
        place_at_token(b, call->token);
        if (fn != NULL)
            return of(gp_build_fail(b, GPUPROC_UNKNOWN_NAME, "arrays have no method '%.*s': write %s(x)", n, name, fn->name));
        gp_check_unknown(b, "method", call->token, true);
        return of(-1);
    }
    if (fn != NULL) return call_function(b, fn, call);
    if (gp_dtype_name_find(name, length, &dtype)) return convert(b, call, dtype);
    place_at_token(b, call->token);
    if (gp_token_is(b->tokens, &b->tokens->token[call->token], "not") || gp_token_is(b->tokens, &b->tokens->token[call->token], "print"))
        return of(gp_build_fail(b, GPUPROC_SYNTAX, "'%.*s' is not a function here", n, name));
    gp_check_unknown(b, "function", call->token, true);
    return of(-1);
}
