/* The tree, statement by statement, to the program. */
#include "lang/matrix.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static gp_value of(int node) { return gp_value_node(node); }

static const char *token_text(const gp_builder *b, int token, size_t *length)
{
    const gp_token *t = &b->tokens->token[token];
    *length = (size_t)(t->end - t->start);
    return b->tokens->text + t->start;
}

static bool same_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

/* ---- Names ---- */

/* The latest assignment to a name; NULL where there is none. */
static gp_variable *variable_find(gp_builder *b, const char *name, size_t length)
{
    for (size_t i = b->variables; i-- > 0;) {
        size_t n;
        if (!b->variable[i].named || b->variable[i].replaced) continue;
        const char *text = token_text(b, b->variable[i].token, &n);
        if (same_text(text, n, name, length)) return &b->variable[i];
    }
    return NULL;
}

static int input_find(const gp_builder *b, const char *name, size_t length)
{
    for (size_t i = 0; i < b->program->inputs; i++) {
        if (same_text(b->program->input[i].name, strlen(b->program->input[i].name), name, length))
            return (int)i;
    }
    return -1;
}

static int input_node(gp_builder *b, int index)
{
    if (b->input_node[index] >= 0) return b->input_node[index];
    const gp_input *in = &b->program->input[index];
    gpuproc_error why;
    uint64_t count;
    if (gp_shape_count(&in->shape, gpuproc_dtype_bytes(in->dtype), &count, &why) != GPUPROC_OK)
        return gp_build_fail(b, why.status, "'%.80s': %.300s", in->name, why.message);
    int node = gp_ir_input_node(b->program, index);
    if (node < 0) return gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    b->program->node[node].line = b->place.line;
    b->program->node[node].column = b->place.column;
    b->input_node[index] = node;
    return node;
}

/* Complex ones as their parts. */
static gp_value input_value(gp_builder *b, int index)
{
    int node = input_node(b, index);
    if (node < 0 || gp_dtype_kind(gp_build_dtype(b, node)) != GP_KIND_COMPLEX) return of(node);
    gp_dtype part = gp_build_dtype(b, node) == GPUPROC_COMPLEX64 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
    gp_value v = of(gp_build_op(b, GP_OP_REAL, part, node, -1, -1));
    v.complex = true;
    v.im = gp_build_op(b, GP_OP_IMAG, part, node, -1, -1);
    return v.im < 0 ? of(-1) : v;
}

typedef struct suggestion {
    const char *text;
    size_t length;
    int distance;
} suggestion;

static void suggest(suggestion *best, const char *name, size_t length, const char *candidate, size_t n)
{
    int d = length == n && strncasecmp(name, candidate, n) == 0 ? 0 : gp_edit_distance(name, length, candidate, n, best->distance);
    /* A short name must not be replaced altogether. */
    if (d >= best->distance || (size_t)d * 2 >= (length > n ? length : n) + (d <= 1)) return;
    *best = (suggestion){candidate, n, d};
}

void gp_check_unknown(gp_builder *b, const char *what, int token, bool callable)
{
    size_t length;
    const char *name = token_text(b, token, &length), *known;
    if (*what == 'f' && (variable_find(b, name, length) != NULL || input_find(b, name, length) >= 0)) {
        gp_build_fail(b, GPUPROC_SYNTAX, "'%.*s' is a value and cannot be called: to multiply, write *",
                      length > 80 ? 80 : (int)length, name);
        return;
    }
    suggestion best = {NULL, 0, 3};
    const char *usual = gp_usual_name(name, length);
    if (usual != NULL) best = (suggestion){usual, strlen(usual), 1};
    gp_dtype dtype;
    double value;
    if (!callable) {
        for (size_t i = 0; i < b->variables; i++) {
            size_t n = 0;
            if (!b->variable[i].named) continue;
            const char *text = token_text(b, b->variable[i].token, &n);
            suggest(&best, name, length, text, n);
        }
        for (size_t i = 0; i < b->program->inputs; i++)
            suggest(&best, name, length, b->program->input[i].name, strlen(b->program->input[i].name));
    }
    for (size_t i = 0; (known = gp_known_name(i)) != NULL; i++) {
        size_t n = strlen(known);
        const gp_function *fn = gp_function_find(known, n);
        bool is_method = fn != NULL && fn->method;
        if (callable && (gp_constant_find(known, n, &value) || (*what == 'm' && !is_method))) continue;
        if (callable && *what == 'f' && fn == NULL && !gp_dtype_name_find(known, n, &dtype)) continue;
        suggest(&best, name, length, known, n);
    }
    int shown = length > 80 ? 80 : (int)length;
    if (best.text != NULL)
        gp_build_fail(b, GPUPROC_UNKNOWN_NAME, "unknown %s '%.*s', did you mean '%.*s'?", what, shown, name,
                      (int)best.length, best.text);
    else
        gp_build_fail(b, GPUPROC_UNKNOWN_NAME, "unknown %s '%.*s'", what, shown, name);
}

static gp_value name(gp_builder *b, const gp_ast_node *node)
{
    size_t length;
    gp_value v = {.kind = GP_VAL_NONE};
    if (node->token < 0) return v; /* left out of a slice */
    const char *text = token_text(b, node->token, &length);
    if (!node->module) {
        gp_variable *variable = variable_find(b, text, length);
        if (variable != NULL) {
            variable->used = true;
            return variable->value;
        }
        int input = input_find(b, text, length);
        if (input >= 0) return input_value(b, input);
        if (same_text(text, length, "None", 4)) return v;
        bool is_true = same_text(text, length, "True", 4);
        if (is_true || same_text(text, length, "False", 5)) return (gp_value){.kind = GP_VAL_BOOL, .i = is_true};
    }
    if (gp_constant_find(text, length, &v.f)) {
        v.kind = GP_VAL_FLOAT;
        return v;
    }
    if (gp_dtype_name_find(text, length, &v.dtype)) {
        v.kind = GP_VAL_DTYPE;
        return v;
    }
    if (same_text(text, length, "newaxis", 7)) return v;
    if (gp_function_find(text, length) != NULL)
        return of(gp_build_fail(b, GPUPROC_SYNTAX, "'%.*s' is a function: write %.*s(...)", (int)length, text,
                                (int)length, text));
    gp_check_unknown(b, "name", node->token, false);
    return of(-1);
}

/* ---- Nodes ---- */

static gp_value operation(gp_builder *b, const gp_ast_node *node)
{
    gp_value v[2] = {b->value[node->first], {.kind = GP_VAL_NONE}};
    int count = node->kind == GP_AST_UNARY ? 1 : 2;
    if (count == 2) v[1] = b->value[b->ast->node[node->first].next];
    /* What goes wrong between two operands is shown at the operator. */
    const gp_token *op = &b->tokens->token[node->token];
    b->place = (gp_place){op->start, op->end, op->line, op->column};
    /* Python's own lists and tuples: `[1, 2] * 3` repeats there, `+` joins. */
    if ((v[0].kind == GP_VAL_TUPLE && v[1].kind != GP_VAL_NODE) || (v[1].kind == GP_VAL_TUPLE && v[0].kind != GP_VAL_NODE))
        return of(gp_build_fail(b, GPUPROC_TYPE, "operators do not work on lists and tuples alone: beside them there must be an array"));
    for (int k = 0; k < count; k++) {
        if (v[k].kind == GP_VAL_TUPLE) v[k] = of(gp_build_strong(b, &v[k]));
        else v[k] = gp_build_window_view(b, &v[k]);
        if (b->st != GPUPROC_OK) return of(-1);
    }
    const gp_function *fn = gp_function_find(node->spells, strlen(node->spells));
    return fn->id == GP_FN_matmul ? gp_check_matmul(b, fn, v) : gp_check_operator(b, fn->id, v, count);
}

/* A TUPLE or SLICE of the operands. */
static gp_value sequence(gp_builder *b, const gp_ast_node *node, gp_value_kind kind)
{
    int count = 0;
    for (int a = node->first; a >= 0; a = b->ast->node[a].next) count++;
    if (!gp_grow(&b->item, &b->item_capacity, b->items + (size_t)count + 1, sizeof *b->item))
        return of(gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory"));
    gp_value v = {.kind = kind, .items = count, .item = (int)b->items, .list = node->list};
    for (int a = node->first; a >= 0; a = b->ast->node[a].next) b->item[b->items++] = b->value[a];
    return v;
}

static gp_value attribute(gp_builder *b, const gp_ast_node *node)
{
    size_t length;
    const char *text = token_text(b, node->token, &length);
    const gp_token *t = &b->tokens->token[node->token];
    b->place = (gp_place){t->start, t->end, t->line, t->column};
    return gp_check_attribute(b, &b->value[node->first], text, length);
}

static gp_value check_node(gp_builder *b, const gp_ast_node *node)
{
    b->place = (gp_place){node->start, node->end, node->line, node->column};
    switch (node->kind) {
    case GP_AST_INT: return (gp_value){.kind = GP_VAL_INT, .i = b->tokens->token[node->token].value.integer};
    case GP_AST_FLOAT: return gp_value_float(b->tokens->token[node->token].value.real);
    case GP_AST_STRING: return (gp_value){.kind = GP_VAL_STRING, .token = node->token};
    case GP_AST_NAME: return name(b, node);
    case GP_AST_UNARY:
    case GP_AST_BINARY: return operation(b, node);
    case GP_AST_IMAGINARY:
        return (gp_value){.kind = GP_VAL_COMPLEX, .f_im = b->tokens->token[node->token].value.real};
    case GP_AST_TUPLE: return sequence(b, node, GP_VAL_TUPLE);
    case GP_AST_SLICE: return sequence(b, node, GP_VAL_SLICE);
    case GP_AST_ELLIPSIS: return (gp_value){.kind = GP_VAL_ELLIPSIS};
    case GP_AST_ATTRIBUTE: return attribute(b, node);
    case GP_AST_INDEX:
        return gp_check_subscript(b, &b->value[node->first], &b->value[b->ast->node[node->first].next]);
    default: return gp_check_call(b, node);
    }
}

/* ---- Statements ---- */

static void add_variable(gp_builder *b, gp_variable variable)
{
    if (variable.named) {
        size_t length;
        const char *text = token_text(b, variable.token, &length);
        gp_variable *before = variable_find(b, text, length);
        if (before != NULL) before->replaced = true;
    }
    if (!gp_grow(&b->variable, &b->variable_capacity, b->variables + 1, sizeof variable))
        gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    else
        b->variable[b->variables++] = variable;
}

/* What grows has a length only at the end: nothing may be computed with it. `first`: the nodes since. */
static void refuse_growing_operands(gp_builder *b, size_t first)
{
    const gp_program *p = b->program;
    for (size_t i = first; i < p->nodes; i++) {
        for (int k = 0; k < 3 && p->node[i].arg[k] >= 0; k++) {
            if (!p->node[p->node[i].arg[k]].growing) continue;
            gp_build_fail(b, GPUPROC_UNSUPPORTED, "how many elements this has shows only when it has been computed: it can only be a result");
            return;
        }
    }
}

static void statement(gp_builder *b, int index)
{
    const gp_statement *s = &b->ast->statement[index];
    for (int i = s->first; i <= s->root; i++) {
        size_t nodes = b->program->nodes;
        b->value[i] = check_node(b, &b->ast->node[i]);
        if (b->st == GPUPROC_OK) refuse_growing_operands(b, nodes);
        if (b->st != GPUPROC_OK) return;
    }
    gp_value value = b->value[s->root];
    if (s->names > 1 && (value.kind != GP_VAL_TUPLE || value.items != s->names)) {
        const gp_ast_node *root = &b->ast->node[s->root];
        b->place = (gp_place){s->start, s->end, root->line, root->column};
        gp_build_fail(b, GPUPROC_TYPE, "%d names stand left of '=', found %d value%s for them", s->names,
                      value.kind == GP_VAL_TUPLE ? value.items : 1,
                      value.kind == GP_VAL_TUPLE && value.items != 1 ? "s" : "");
        return;
    }
    for (int k = 0; k < s->names && b->st == GPUPROC_OK; k++) {
        gp_value own = s->names > 1 ? *gp_build_item(b, &value, k) : value;
        add_variable(b, (gp_variable){.token = s->name + 2 * k, .value = own, .named = s->name >= 0, .statement = index});
    }
}

static bool is_number(const gp_value *v)
{
    return v->kind == GP_VAL_NODE || v->kind == GP_VAL_COMPLEX || gp_value_is_literal(v);
}

/* Also (nested) lists of numbers: one array. */
static bool is_array(const gp_builder *b, const gp_value *v, int depth)
{
    if (v->kind != GP_VAL_TUPLE) return is_number(v);
    for (int k = 0; k < v->items; k++) {
        if (depth > GPUPROC_MAX_NDIM || !is_array(b, gp_build_item(b, v, k), depth + 1)) return false;
    }
    return true;
}

/* Tuples in tuples are arguments: p = ((1, 1), (0, 2)). */
static bool is_result(const gp_builder *b, const gp_value *v)
{
    for (int k = 0; v->kind == GP_VAL_TUPLE && !v->list && k < v->items; k++) {
        const gp_value *item = gp_build_item(b, v, k);
        if (item->kind == GP_VAL_TUPLE && !item->list) return false;
    }
    return is_array(b, v, 0);
}

/* `part`: which of several values; -1 for the only one. */
static void result(gp_builder *b, const gp_variable *v, const gp_value *value, int part)
{
    const gp_statement *s = &b->ast->statement[v->statement];
    size_t length = (size_t)(s->end - s->start);
    const char *text = b->tokens->text + s->start;
    if (v->named) text = token_text(b, v->token, &length);
    /* As NumPy: an integer that is too large for int64 may be uint64. */
    int node = value->kind == GP_VAL_INT && value->i > INT64_MAX ? gp_build_as(b, value, GPUPROC_UINT64)
                                                                 : gp_build_result(b, value);
    if (node < 0) return;
    gp_text name = {0};
    gp_text_add_bytes(&name, text, length);
    if (part >= 0) gp_text_add(&name, "[%d]", part);
    if (name.failed || name.data == NULL || !gp_ir_result(b->program, name.data, v->named, node))
        gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory");
    else
        b->program->result[b->program->results - 1].used = v->used;
    gp_text_free(&name);
}

/* Each statement's value becomes a result, a tuple's values one each; except where its name was
 * assigned again. */
static void results(gp_builder *b)
{
    for (size_t i = 0; i < b->variables && b->st == GPUPROC_OK; i++) {
        const gp_variable v = b->variable[i];
        const gp_statement *s = &b->ast->statement[v.statement];
        const gp_ast_node *root = &b->ast->node[s->root];
        /* t = float32 is a name for a dtype. */
        if (v.replaced || (v.named && !is_result(b, &v.value))) continue;
        b->place = (gp_place){s->start, s->end, root->line, root->column};
        if (v.value.kind != GP_VAL_TUPLE || v.value.list) {
            gp_value whole = gp_build_window_view(b, &v.value);
            if (b->st == GPUPROC_OK) result(b, &v, &whole, -1);
            continue;
        }
        for (int k = 0; k < v.value.items && b->st == GPUPROC_OK; k++) {
            gp_value item = *gp_build_item(b, &v.value, k);
            item = gp_build_window_view(b, &item);
            if (b->st == GPUPROC_OK) result(b, &v, &item, k);
        }
    }
    if (b->st == GPUPROC_OK && b->program->results == 0)
        gp_build_fail(b, GPUPROC_SYNTAX, "the expression computes nothing");
}

gpuproc_status gp_check(const gp_tokens *tokens, const gp_ast *ast, gp_program *program, gpuproc_error *err)
{
    gp_builder b = {.tokens = tokens, .ast = ast, .program = program, .err = err,
                    .place = {0, 0, 1, 1}};
    b.value = gp_calloc(ast->nodes, sizeof *b.value);
    b.input_node = gp_calloc(program->inputs, sizeof *b.input_node);
    if (b.value == NULL || b.input_node == NULL) gp_build_fail(&b, GPUPROC_NO_MEMORY, "out of memory");
    for (size_t i = 0; b.input_node != NULL && i < program->inputs; i++) b.input_node[i] = -1;
    for (size_t i = 0; i < ast->statements && b.st == GPUPROC_OK; i++) statement(&b, (int)i);
    if (b.st == GPUPROC_OK) results(&b);
    free(b.item);
    free(b.variable);
    free(b.input_node);
    free(b.value);
    return b.st;
}
