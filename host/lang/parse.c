#include "lang/parse.h"

#include "base/memory.h"
#include "lang/compile.h"
#include "lang/functions.h"

#include <string.h>

typedef struct parser {
    gp_tokens *in;
    size_t at;
    int depth;
    gp_ast *out;
    gpuproc_error *err;
    gpuproc_status st; /* the first failure; every function returns -1 from then on */
} parser;

enum { PREC_COMPARE = 1, PREC_OR, PREC_XOR, PREC_AND, PREC_SHIFT, PREC_SUM, PREC_TERM };

typedef struct binary {
    const char *sign, *function;
    int precedence;
} binary;

static const binary binaries[] = {
    {"<", "less", PREC_COMPARE},          {"<=", "less_equal", PREC_COMPARE},
    {">", "greater", PREC_COMPARE},       {">=", "greater_equal", PREC_COMPARE},
    {"==", "equal", PREC_COMPARE},        {"!=", "not_equal", PREC_COMPARE},
    {"|", "bitwise_or", PREC_OR},         {"^", "bitwise_xor", PREC_XOR},
    {"&", "bitwise_and", PREC_AND},       {"<<", "left_shift", PREC_SHIFT},
    {">>", "right_shift", PREC_SHIFT},    {"+", "add", PREC_SUM},
    {"-", "subtract", PREC_SUM},          {"*", "multiply", PREC_TERM},
    {"/", "divide", PREC_TERM},           {"//", "floor_divide", PREC_TERM},
    {"%", "remainder", PREC_TERM},        {"@", "matmul", PREC_TERM},
};

/* What is not of this language, and what is written instead. */
static const struct {
    const char *sign, *advice;
} foreign[] = {
    {"and", "'and' does not work on arrays: write (a) & (b), or logical_and(a, b)"},
    {"or", "'or' does not work on arrays: write (a) | (b), or logical_or(a, b)"},
    {"not", "'not' does not work on arrays: write ~(condition), or logical_not(x)"},
    {"&&", "'&&' is not an operator: write (a) & (b), or logical_and(a, b)"},
    {"||", "'||' is not an operator: write (a) | (b), or logical_or(a, b)"},
    {"!", "'!' is not an operator: write ~(condition), or logical_not(x)"},
    {"?", "'?' is not an operator: write where(condition, a, b)"},
    {"if", "'if' does not work on arrays: write where(condition, a, b)"},
    {"else", "'else' does not work on arrays: write where(condition, a, b)"},
    {"is", "'is' does not compare values: write == (or isnan(x))"},
    {"in", "'in' is not possible here: compare with == and join with |"},
    {"lambda", "'lambda' is not possible here: write the expression itself"},
    {"<>", "'<>' is not an operator: write !="},
    {"{", "braces are not possible here"},
    {":=", "':=' is not possible here: write a statement of its own, name = value"},
    {"->", "'->' is not an operator"},
    {"...", "'...' is possible only between square brackets, as in x[..., 0]"},
};

static const char *const keywords[] = {"as", "assert", "async", "await", "break", "class", "continue",
                                       "def", "del", "elif", "except", "finally", "for", "from",
                                       "global", "import", "nonlocal", "pass", "raise", "return",
                                       "try", "while", "with", "yield"};

void gp_parse_free(gp_ast *ast)
{
    free(ast->node);
    free(ast->statement);
    *ast = (gp_ast){0};
}

static const gp_token *peek(const parser *p, size_t ahead)
{
    size_t i = p->at + ahead;
    return &p->in->token[i < p->in->count ? i : p->in->count - 1];
}

static bool is(const parser *p, const gp_token *token, const char *s)
{
    return (token->kind == GP_TOK_PUNCT || token->kind == GP_TOK_NAME) &&
           gp_token_is(p->in, token, s);
}

static bool here(const parser *p, const char *s) { return is(p, peek(p, 0), s); }

#define FAIL(p, status, token, ...)                                                      \
    ((p)->st = gp_fail_at((p)->err, status, (p)->in->text, (token)->start, (token)->end, \
                          (token)->line, (token)->column, __VA_ARGS__),                  \
     -1)

static bool is_keyword(const parser *p, const gp_token *token)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (is(p, token, keywords[i])) return true;
    }
    return false;
}

/* The message for a token that cannot stand where it stands. */
static int unexpected(parser *p, const char *expected)
{
    const gp_token *t = peek(p, 0);
    int n = t->end - t->start > 40 ? 40 : t->end - t->start;
    const char *text = p->in->text + t->start;
    if (t->kind == GP_TOK_END) return FAIL(p, GPUPROC_SYNTAX, t, "the text ends where %s was expected", expected);
    if (t->kind == GP_TOK_BREAK)
        return FAIL(p, GPUPROC_SYNTAX, t, "the statement ends where %s was expected", expected);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (!is(p, t, foreign[i].sign)) continue;
        return FAIL(p, GPUPROC_SYNTAX, t, "%s", foreign[i].advice);
    }
    if (is_keyword(p, t))
        return FAIL(p, GPUPROC_SYNTAX, t,
                    "'%.*s' is a word of Python that cannot be used here: expected %s", n, text, expected);
    if (is(p, t, ")")) return FAIL(p, GPUPROC_SYNTAX, t, "')' without a '(' before it, or too early: expected %s", expected);
    if (is(p, t, "]")) return FAIL(p, GPUPROC_SYNTAX, t, "']' without a '[' before it, or too early: expected %s", expected);
    if (is(p, t, ":")) return FAIL(p, GPUPROC_SYNTAX, t, "':' is possible only between square brackets, as in x[1:3]: expected %s", expected);
    if (is(p, t, "=")) return FAIL(p, GPUPROC_SYNTAX, t, "'=' cannot stand inside an expression: to compare, write ==");
    if (n > 1 && text[n - 1] == '=' && t->kind == GP_TOK_PUNCT && !is(p, t, "==") && !is(p, t, "!=") &&
        !is(p, t, "<=") && !is(p, t, ">="))
        return FAIL(p, GPUPROC_SYNTAX, t, "'%.*s' is not possible here: write name = name %.*s value", n,
                    text, n - 1, text);
    return FAIL(p, GPUPROC_SYNTAX, t, "expected %s, found '%.*s'", expected, n, text);
}

static bool deeper(parser *p)
{
    if (++p->depth <= GP_LANG_MAX_DEPTH) return true;
    (void)FAIL(p, GPUPROC_LIMIT, peek(p, 0), "the expression is nested deeper than %d levels: give parts of it names",
         GP_LANG_MAX_DEPTH);
    return false;
}

/* Appends a node that begins where `start` begins and ends with the token before
 * the current one. */
static int append(parser *p, gp_ast_kind kind, size_t token, int start, int line, int column)
{
    gp_ast *ast = p->out;
    if (!gp_grow(&ast->node, &ast->node_capacity, ast->nodes + 1, sizeof *ast->node)) {
        p->st = gp_fail(p->err, GPUPROC_NO_MEMORY, "out of memory");
        return -1;
    }
    ast->node[ast->nodes] = (gp_ast_node){.kind = kind, .token = (int)token, .first = -1, .last = -1,
                                          .next = -1, .keyword = -1, .start = start,
                                          .end = p->in->token[p->at - 1].end, .line = line,
                                          .column = column};
    return (int)ast->nodes++;
}

static void adopt(parser *p, int parent, int child)
{
    gp_ast_node *node = p->out->node;
    if (node[parent].first < 0) node[parent].first = child;
    else node[node[parent].last].next = child;
    node[parent].last = child;
}

static int expression(parser *p, int least);

/* The arguments between the parentheses: linked by `next`; *first is -1 for none. */
static int arguments(parser *p, size_t open, int *first)
{
    int last = -1;
    *first = -1;
    if (!deeper(p)) return -1;
    while (!here(p, ")")) {
        int keyword = -1;
        if (peek(p, 0)->kind == GP_TOK_NAME && is(p, peek(p, 1), "=")) {
            keyword = (int)p->at;
            p->at += 2;
        } else if (last >= 0 && p->out->node[last].keyword >= 0) {
            return FAIL(p, GPUPROC_SYNTAX, peek(p, 0), "a positional argument cannot follow a keyword argument");
        }
        int arg = expression(p, PREC_COMPARE);
        if (arg < 0) return -1;
        p->out->node[arg].keyword = keyword;
        if (last < 0) *first = arg;
        else p->out->node[last].next = arg;
        last = arg;
        if (here(p, ",")) {
            p->at++;
        } else if (!here(p, ")")) {
            if (peek(p, 0)->kind == GP_TOK_END || peek(p, 0)->kind == GP_TOK_BREAK)
                return FAIL(p, GPUPROC_SYNTAX, &p->in->token[open], "this '(' is never closed");
            return unexpected(p, "',' or ')'");
        }
    }
    p->at++;
    p->depth--;
    return last;
}

/* A node for name(args) or object.name(args) at its opening parenthesis. */
static int call(parser *p, gp_ast_kind kind, size_t name, bool module, int object, const gp_token *start_of)
{
    int first, start = start_of->start, line = start_of->line, column = start_of->column;
    if (object >= 0) {
        start = p->out->node[object].start;
        line = p->out->node[object].line;
        column = p->out->node[object].column;
    }
    size_t open = p->at++;
    int last = arguments(p, open, &first);
    if (p->st != GPUPROC_OK) return -1;
    int node = append(p, kind, name, start, line, column);
    if (node < 0) return -1;
    p->out->node[node].module = module;
    if (object >= 0) adopt(p, node, object);
    if (first >= 0) {
        adopt(p, node, first);
        p->out->node[node].last = last;
    }
    return node;
}

/* A tuple or list of the nodes linked from `first`, which began at token `open`. */
static int tuple(parser *p, const gp_token *open, int first, int last, bool list)
{
    int node = append(p, GP_AST_TUPLE, p->at - 1, open->start, open->line, open->column);
    if (node < 0) return -1;
    p->out->node[node].list = list;
    p->out->node[node].first = first;
    p->out->node[node].last = last;
    return node;
}

/* Between the brackets of a list, a tuple or a subscript: items with commas, up to `close`, which
 * is passed. *first: -1 for none. Returns how many; -1 after a failure. *comma: one was there. */
static int items(parser *p, const gp_token *open, const char *close, int (*item)(parser *), const char *expected,
                 int *first, int *last, bool *comma)
{
    int count = 0;
    *first = *last = -1;
    *comma = false;
    while (!here(p, close)) {
        int node = item(p);
        if (node < 0) return -1;
        if (*last < 0) *first = node;
        else p->out->node[*last].next = node;
        *last = node;
        count++;
        if (here(p, ",")) {
            *comma = true;
            p->at++;
        } else if (!here(p, close)) {
            gp_token_kind kind = peek(p, 0)->kind;
            if (kind == GP_TOK_END || kind == GP_TOK_BREAK)
                return FAIL(p, GPUPROC_SYNTAX, open, "this '%c' is never closed", p->in->text[open->start]);
            return unexpected(p, expected);
        }
    }
    p->at++;
    return count;
}

static int value(parser *p) { return expression(p, PREC_COMPARE); }

/* (a), or a tuple. */
static int parenthesised(parser *p)
{
    const gp_token *open = peek(p, 0);
    int first, last;
    bool comma;
    p->at++;
    if (!deeper(p)) return -1;
    int count = items(p, open, ")", value, "an operator or ')'", &first, &last, &comma);
    if (count < 0) return -1;
    p->depth--;
    if (count != 1 || comma) return tuple(p, open, first, last, false);
    gp_ast_node *inner = &p->out->node[first];
    /* What is underlined in a message has its parentheses. */
    inner->start = open->start;
    inner->end = p->in->token[p->at - 1].end;
    inner->line = open->line;
    inner->column = open->column;
    return first;
}

static int list(parser *p)
{
    const gp_token *open = peek(p, 0);
    int first, last;
    bool comma;
    p->at++;
    if (!deeper(p) || items(p, open, "]", value, "',' or ']'", &first, &last, &comma) < 0) return -1;
    p->depth--;
    return tuple(p, open, first, last, true);
}

/* The None of what is left out. */
static int left_out(parser *p)
{
    const gp_token *t = peek(p, 0);
    int node = append(p, GP_AST_NAME, p->at, t->start, t->line, t->column);
    if (node < 0) return -1;
    p->out->node[node].token = -1;
    p->out->node[node].end = t->end;
    return node;
}

/* One part of a:b:c. */
static int slice_part(parser *p)
{
    return here(p, ":") || here(p, ",") || here(p, "]") ? left_out(p) : value(p);
}

/* What may stand between commas of a subscript: a value, a:b:c, or ... */
static int subscript_item(parser *p)
{
    const gp_token *t = peek(p, 0);
    if (here(p, "...")) {
        p->at++;
        return append(p, GP_AST_ELLIPSIS, p->at - 1, t->start, t->line, t->column);
    }
    int part[3] = {slice_part(p), -1, -1};
    if (part[0] < 0 || !here(p, ":")) return part[0];
    size_t colon = p->at;
    for (int k = 1; k < 3; k++) {
        bool colons = here(p, ":");
        if (colons) p->at++;
        part[k] = colons ? slice_part(p) : left_out(p);
        if (part[k] < 0) return -1;
    }
    int node = append(p, GP_AST_SLICE, colon, t->start, t->line, t->column);
    for (int k = 0; k < 3 && node >= 0; k++) adopt(p, node, part[k]);
    return node;
}

static int subscript(parser *p, int object)
{
    const gp_token *open = peek(p, 0);
    int first, last;
    bool comma;
    size_t at = p->at++;
    if (!deeper(p)) return -1;
    int count = items(p, open, "]", subscript_item, "',' or ']'", &first, &last, &comma);
    if (count < 0) return -1;
    if (count == 0) return FAIL(p, GPUPROC_SYNTAX, open, "empty square brackets: expected an index between them");
    p->depth--;
    int index = count == 1 && !comma ? first : tuple(p, open, first, last, false);
    if (index < 0) return -1;
    const gp_ast_node *o = &p->out->node[object];
    int node = append(p, GP_AST_INDEX, at, o->start, o->line, o->column);
    if (node < 0) return -1;
    adopt(p, node, object);
    adopt(p, node, index);
    return node;
}

/* Where a dotted name that is called, random.normal(, is a function of a submodule, its tokens
 * become one. Names of np's submodules, and linalg even without np, are taken also where there is no such function: the
 * checker tells so. */
static void join_dotted(parser *p, size_t token, bool module)
{
    static const char *const submodules[] = {"random", "lib", "fft"};
    gp_token *first = &p->in->token[token];
    const gp_token *t = first;
    size_t parts = 1;
    while (is(p, t + 1, ".") && t[2].kind == GP_TOK_NAME && t[1].start == t->end && t[2].start == t[1].end) {
        t += 2;
        parts++;
    }
    if (parts == 1 || !is(p, t + 1, "(")) return;
    bool known = gp_function_find(p->in->text + first->start, (size_t)(t->end - first->start)) != NULL;
    known = known || is(p, first, "linalg");
    for (size_t i = 0; i < sizeof submodules / sizeof *submodules && module; i++)
        known = known || is(p, first, submodules[i]);
    if (!known) return;
    first->end = t->end;
    p->at = token + 2 * (parts - 1);
}

static int name(parser *p)
{
    const gp_token *start = peek(p, 0);
    bool module = false;
    if ((here(p, "np") || here(p, "numpy")) && is(p, peek(p, 1), ".")) {
        if (peek(p, 2)->kind != GP_TOK_NAME) {
            p->at += 2;
            return unexpected(p, "a name of NumPy");
        }
        p->at += 2;
        module = true;
    }
    size_t token = p->at;
    const gp_token *t = peek(p, 0);
    if (!module && is_keyword(p, t)) return unexpected(p, "a value");
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign && !module; i++) {
        if (is(p, t, foreign[i].sign)) return unexpected(p, "a value");
    }
    join_dotted(p, token, module);
    p->at++;
    if (here(p, "(")) return call(p, GP_AST_CALL, token, module, -1, start);
    int node = append(p, GP_AST_NAME, token, start->start, start->line, start->column);
    if (node >= 0) p->out->node[node].module = module;
    return node;
}

static int primary(parser *p)
{
    const gp_token *t = peek(p, 0);
    gp_ast_kind kind;
    switch (t->kind) {
    case GP_TOK_NAME: return name(p);
    case GP_TOK_INT: kind = GP_AST_INT; break;
    case GP_TOK_FLOAT: kind = GP_AST_FLOAT; break;
    case GP_TOK_IMAGINARY: kind = GP_AST_IMAGINARY; break;
    case GP_TOK_STRING: kind = GP_AST_STRING; break;
    default: return is(p, t, "(") ? parenthesised(p) : is(p, t, "[") ? list(p) : unexpected(p, "a value");
    }
    p->at++;
    return append(p, kind, p->at - 1, t->start, t->line, t->column);
}

static int attribute(parser *p, int object, size_t name)
{
    const gp_ast_node *o = &p->out->node[object];
    int node = append(p, GP_AST_ATTRIBUTE, name, o->start, o->line, o->column);
    if (node >= 0) adopt(p, node, object);
    return node;
}

static int postfix(parser *p)
{
    int node = primary(p);
    while (node >= 0) {
        if (here(p, "(")) return FAIL(p, GPUPROC_SYNTAX, peek(p, 0), "a value cannot be called: to multiply, write *");
        if (here(p, "[")) {
            node = subscript(p, node);
            continue;
        }
        if (!here(p, ".")) break;
        p->at++;
        if (peek(p, 0)->kind != GP_TOK_NAME) return unexpected(p, "the name of a method");
        size_t method = p->at++;
        if (here(p, "(")) node = call(p, GP_AST_METHOD, method, false, node, peek(p, 0));
        else node = attribute(p, node, method);
    }
    return node;
}

/* Makes the node of an operator; `start_of` is its leftmost operand or -1. */
static int operation(parser *p, gp_ast_kind kind, size_t op, const char *function, int a, int b)
{
    int node = b >= 0 ? append(p, kind, op, p->out->node[a].start, p->out->node[a].line, p->out->node[a].column)
                      : append(p, kind, op, p->in->token[op].start, p->in->token[op].line, p->in->token[op].column);
    if (node < 0) return -1;
    p->out->node[node].spells = function;
    adopt(p, node, a);
    if (b >= 0) adopt(p, node, b);
    return node;
}

static int unary(parser *p)
{
    const char *function = here(p, "-") ? "negative" : here(p, "+") ? "positive" : here(p, "~") ? "invert" : NULL;
    if (function == NULL) {
        int base = postfix(p);
        if (base < 0 || !here(p, "**")) return base;
        size_t op = p->at++;
        if (!deeper(p)) return -1;
        int exponent = unary(p); /* right associative, and binds tighter than a sign on its left */
        p->depth--;
        return exponent < 0 ? -1 : operation(p, GP_AST_BINARY, op, "power", base, exponent);
    }
    size_t op = p->at++;
    if (!deeper(p)) return -1;
    int operand = unary(p);
    p->depth--;
    return operand < 0 ? -1 : operation(p, GP_AST_UNARY, op, function, operand, -1);
}

static const binary *binary_here(const parser *p)
{
    const gp_token *t = peek(p, 0);
    if (t->kind != GP_TOK_PUNCT) return NULL;
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        if (gp_token_is(p->in, t, binaries[i].sign)) return &binaries[i];
    }
    return NULL;
}

/* Precedence climbing: operators that bind at least as tightly as `least`. Chains
 * of equal operators are a loop, so only nesting costs stack, and that is limited. */
static int expression(parser *p, int least)
{
    int left = unary(p);
    bool compared = false;
    while (left >= 0) {
        const binary *op = binary_here(p);
        if (op == NULL || op->precedence < least) break;
        if (op->precedence == PREC_COMPARE && compared)
            return FAIL(p, GPUPROC_SYNTAX, peek(p, 0),
                        "comparisons cannot be chained: write (a < b) & (b < c), with parentheses, as & "
                        "binds tighter than <");
        compared = op->precedence == PREC_COMPARE;
        size_t token = p->at++;
        int right = expression(p, op->precedence + 1);
        if (right < 0) return -1;
        left = operation(p, GP_AST_BINARY, token, op->function, left, right);
    }
    return left;
}

static bool at_end(const parser *p)
{
    gp_token_kind kind = peek(p, 0)->kind;
    return kind == GP_TOK_BREAK || kind == GP_TOK_END;
}

static int add_statement(parser *p, int assigned, int names, size_t first_token, size_t first_node, int root)
{
    gp_ast *ast = p->out;
    if (!gp_grow(&ast->statement, &ast->statement_capacity, ast->statements + 1, sizeof *ast->statement)) {
        p->st = gp_fail(p->err, GPUPROC_NO_MEMORY, "out of memory");
        return -1;
    }
    ast->statement[ast->statements++] =
        (gp_statement){assigned, names, (int)first_node, root, p->in->token[first_token].start,
                       p->in->token[p->at - 1].end};
    return 0;
}

/* True where the statement is (a, b): one pair of parentheses around all of it, with a
 * comma directly inside. */
static bool is_tuple_in_parentheses(const parser *p)
{
    if (!here(p, "(") || is(p, peek(p, 1), ")")) return false;
    int depth = 0;
    bool comma = false;
    for (size_t i = 0;; i++) {
        const gp_token *t = peek(p, i);
        if (t->kind == GP_TOK_END || t->kind == GP_TOK_BREAK) return false;
        if (is(p, t, "(") || is(p, t, "[")) depth++;
        if (is(p, t, ",") && depth == 1) comma = true;
        if ((is(p, t, ")") || is(p, t, "]")) && --depth == 0) {
            gp_token_kind after = peek(p, i + 1)->kind;
            return comma && (after == GP_TOK_END || after == GP_TOK_BREAK);
        }
    }
}

/* How many names stand before '=': a, b = ...; 0 where this is no assignment. */
static int assigned_names(const parser *p)
{
    int names = 0;
    for (size_t i = 0; peek(p, i)->kind == GP_TOK_NAME; i += 2) {
        names++;
        if (is(p, peek(p, i + 1), "=")) return names;
        if (!is(p, peek(p, i + 1), ",")) break;
    }
    return 0;
}

static int assignment(parser *p, int names)
{
    static const char *const reserved[] = {"True", "False", "None", "and", "or", "not", "if", "else",
                                           "is", "in", "lambda"};
    int assigned = (int)p->at;
    for (int k = 0; k < names; k++, p->at += 2) {
        for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
            if (here(p, reserved[i]))
                return FAIL(p, GPUPROC_SYNTAX, peek(p, 0), "'%s' cannot be assigned to", reserved[i]);
        }
        if (is_keyword(p, peek(p, 0))) return unexpected(p, "a name");
    }
    if (peek(p, 0)->kind == GP_TOK_NAME && is(p, peek(p, 1), "="))
        return FAIL(p, GPUPROC_SYNTAX, peek(p, 1), "one statement assigns one name: write a = 1; b = a");
    size_t first_token = p->at, first_node = p->out->nodes;
    const gp_token *open = peek(p, 0);
    int root = value(p), last = root;
    if (root < 0) return -1;
    if (here(p, ",")) { /* a tuple without parentheses */
        int first = root;
        while (here(p, ",")) {
            p->at++;
            if (at_end(p)) break;
            int node = value(p);
            if (node < 0) return -1;
            p->out->node[last].next = node;
            last = node;
        }
        root = tuple(p, open, first, last, false);
        if (root < 0) return -1;
    }
    return add_statement(p, assigned, names, first_token, first_node, root);
}

static int statement(parser *p)
{
    int names = assigned_names(p);
    bool wrapped = names == 0 && is_tuple_in_parentheses(p);
    if (names > 0 && assignment(p, names) < 0) return -1;
    if (wrapped) p->at++;
    for (bool more = names == 0; more;) {
        size_t first_token = p->at, first_node = p->out->nodes;
        int root = value(p);
        if (root < 0 || add_statement(p, -1, 1, first_token, first_node, root) < 0) return -1;
        more = here(p, ",");
        if (more) {
            p->at++;
            more = !(wrapped ? here(p, ")") : at_end(p));
        }
    }
    if (here(p, "="))
        return FAIL(p, GPUPROC_SYNTAX, peek(p, 0),
                    "only names can stand left of '=' (to compare, write ==)");
    if (wrapped && here(p, ")")) p->at++;
    return at_end(p) ? 0 : unexpected(p, "an operator or the end of the statement");
}

gpuproc_status gp_parse(gp_tokens *tokens, gp_ast *ast, gpuproc_error *err)
{
    parser p = {.in = tokens, .out = ast, .err = err};
    *ast = (gp_ast){0};
    while (peek(&p, 0)->kind != GP_TOK_END) {
        if (peek(&p, 0)->kind == GP_TOK_BREAK) p.at++;
        else if (statement(&p) < 0) return p.st;
    }
    if (ast->statements == 0)
        (void)FAIL(&p, GPUPROC_SYNTAX, peek(&p, 0), "the expression is empty");
    return p.st;
}
