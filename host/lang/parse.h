/* Tokens to tree. The tree is a list in which operands stand before what uses them
 * (postorder), so that whoever walks it needs no recursion. */
#ifndef GP_LANG_PARSE_H
#define GP_LANG_PARSE_H

#include "lang/lex.h"

typedef enum gp_ast_kind {
    GP_AST_INT,
    GP_AST_FLOAT,
    GP_AST_STRING,
    GP_AST_NAME,   /* also True, False, None and dtype names */
    GP_AST_UNARY,  /* first: the operand */
    GP_AST_BINARY, /* first: the left operand, its `next`: the right one */
    GP_AST_CALL,   /* name(args) */
    GP_AST_METHOD, /* object.name(args); first: the object */
    GP_AST_ATTRIBUTE, /* object.name: T, real, imag, size, shape, ndim, dtype; first: the object */
    GP_AST_INDEX,  /* object[...]; first: the object, its `next`: what stands between the brackets (a TUPLE
                      where there are commas) */
    GP_AST_SLICE,  /* a:b:c between brackets; three operands, NAME None where left out (token -1) */
    GP_AST_ELLIPSIS,
    GP_AST_TUPLE,  /* (a, b), (a,), () and [a, b]; `list` for the latter */
    GP_AST_IMAGINARY, /* 2j */
} gp_ast_kind;

typedef struct gp_ast_node {
    gp_ast_kind kind;
    int token;          /* the literal, the name, or the operator; -1: the None of a slice */
    const char *spells; /* UNARY, BINARY: the function that the operator stands for */
    /* NAME, CALL: written with np. or numpy.; a submodule's function has it in its name: np.random.normal
     * is found as "random.normal", np.linalg.norm as "linalg.norm" (functions.def), written without np. too. */
    bool module;
    bool list;
    int first, last;    /* operands or arguments, linked by `next`; -1: none */
    int next;           /* the next operand of the same parent; -1: the last */
    int keyword;        /* as an argument: the token of its keyword; -1: positional */
    int start, end;     /* bytes of the text */
    int line, column;   /* of start */
} gp_ast_node;

typedef struct gp_statement {
    int name;       /* token of the assigned name; -1: an expression statement */
    /* a, b = ...: the names' tokens are those at name, name + 2, ...; else 1. */
    int names;
    int first;      /* nodes [first, root] belong to it */
    int root;
    int start, end; /* bytes of the expression, parentheses included */
} gp_statement;

typedef struct gp_ast {
    gp_ast_node *node;
    size_t nodes, node_capacity;
    gp_statement *statement;
    size_t statements, statement_capacity;
} gp_ast;

/* The tokens of a dotted function (linalg.norm) become one: the first one grows. Free with
 * gp_parse_free, also after a failure. */
gpuproc_status gp_parse(gp_tokens *tokens, gp_ast *ast, gpuproc_error *err);
void gp_parse_free(gp_ast *ast);

#endif
