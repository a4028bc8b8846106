/* Text to tokens. */
#ifndef GP_LANG_LEX_H
#define GP_LANG_LEX_H

#include "base/error.h"

typedef enum gp_token_kind {
    GP_TOK_END,     /* of the text */
    GP_TOK_BREAK,   /* ';' or a newline outside parentheses */
    GP_TOK_INT,
    GP_TOK_FLOAT,
    GP_TOK_IMAGINARY, /* 2j */
    GP_TOK_NAME,
    GP_TOK_STRING,
    GP_TOK_PUNCT,   /* an operator, a parenthesis, a comma, ... */
} gp_token_kind;

typedef struct gp_token {
    gp_token_kind kind;
    int start, end;          /* bytes of the text */
    int line, column;        /* of start, from 1, in characters */
    union {
        __int128 integer;    /* INT */
        double real;         /* FLOAT, IMAGINARY */
    } value;
} gp_token;

typedef struct gp_tokens {
    const char *text; /* borrowed */
    gp_token *token;  /* the last one is END */
    size_t count, capacity;
} gp_tokens;

/* Free with gp_lex_free, also after a failure. */
gpuproc_status gp_lex(const char *text, gp_tokens *tokens, gpuproc_error *err);
void gp_lex_free(gp_tokens *tokens);

/* True where the token's text is `s`. */
bool gp_token_is(const gp_tokens *tokens, const gp_token *token, const char *s);

/* gp_fail with the place: the characters from byte `start` up to byte `end` (at most to
 * the end of the line), which begin at line:column. */
gpuproc_status gp_fail_at(gpuproc_error *err, gpuproc_status status, const char *text, int start,
                          int end, int line, int column, const char *fmt, ...) GP_PRINTF(8, 9);

#endif
