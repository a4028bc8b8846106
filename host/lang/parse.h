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
} gp_ast_kind;

typedef struct gp_ast_node {
    gp_ast_kind kind;
    int token;          /* the literal, the name, or the operator */
    const char *spells; /* UNARY, BINARY: the function that the operator stands for */
    bool module;        /* NAME, CALL: written with np. or numpy. */
    int first, last;    /* operands or arguments, linked by `next`; -1: none */
    int next;           /* the next operand of the same parent; -1: the last */
    int keyword;        /* as an argument: the token of its keyword; -1: positional */
    int start, end;     /* bytes of the text */
    int line, column;   /* of start */
} gp_ast_node;

typedef struct gp_statement {
    int name;       /* token of the assigned name; -1: an expression statement */
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

/* Free with gp_parse_free, also after a failure. */
gpuproc_status gp_parse(const gp_tokens *tokens, gp_ast *ast, gpuproc_error *err);
void gp_parse_free(gp_ast *ast);

#endif
