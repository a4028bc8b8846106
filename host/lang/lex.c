#include "lang/lex.h"

#include "base/memory.h"
#include "lang/compile.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

typedef struct lexer {
    const char *text;
    int length;
    int at;          /* byte */
    int line;
    int line_start;  /* the byte at which `column` was last known */
    int column;      /* of line_start */
    int depth;       /* of open parentheses and brackets */
    locale_t c_locale;
    gp_tokens *out;
    gpuproc_error *err;
} lexer;

void gp_lex_free(gp_tokens *tokens)
{
    free(tokens->token);
    *tokens = (gp_tokens){0};
}

bool gp_token_is(const gp_tokens *tokens, const gp_token *token, const char *s)
{
    size_t n = (size_t)(token->end - token->start);
    return strlen(s) == n && memcmp(tokens->text + token->start, s, n) == 0;
}

static bool starts_character(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

/* Puts a place into an error that is there already. */
static void place_error(gpuproc_error *err, const char *text, int start, int end, int line, int column)
{
    if (err == NULL) return;
    int64_t length = 0;
    for (int i = start; i < end && text[i] != '\0' && text[i] != '\n'; i++)
        length += starts_character(text[i]);
    snprintf(err->where, sizeof err->where, "expression");
    err->line = line;
    err->column = column;
    err->length = length > 0 ? length : 1;
}

gpuproc_status gp_fail_at(gpuproc_error *err, gpuproc_status status, const char *text, int start,
                          int end, int line, int column, const char *fmt, ...)
{
    if (err == NULL) return status;
    char message[sizeof err->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    gp_fail(err, status, "%s", message);
    place_error(err, text, start, end, line, column);
    return status;
}

/* The column of byte `at`, which is on the current line and not before the last one asked for. */
static int column_of(lexer *lx, int at)
{
    for (; lx->line_start < at; lx->line_start++) lx->column += starts_character(lx->text[lx->line_start]);
    return lx->column;
}

#define FAIL(lx, status, start, end, ...) \
    gp_fail_at((lx)->err, status, (lx)->text, start, end, (lx)->line, column_of(lx, start), __VA_ARGS__)

static gpuproc_status add(lexer *lx, gp_token token)
{
    if (!gp_grow(&lx->out->token, &lx->out->capacity, lx->out->count + 1, sizeof token))
        return gp_fail(lx->err, GPUPROC_NO_MEMORY, "out of memory");
    token.line = lx->line;
    token.column = column_of(lx, token.start);
    lx->out->token[lx->out->count++] = token;
    return GPUPROC_OK;
}

static gpuproc_status add_here(lexer *lx, gp_token_kind kind, int bytes)
{
    gp_token token = {.kind = kind, .start = lx->at, .end = lx->at + bytes};
    lx->at += bytes;
    return add(lx, token);
}

/* ASCII only and without the locale. */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* The code point at `p` and its bytes; -1 where it is not valid UTF-8. */
static int32_t decode(const unsigned char *p, int *bytes)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int n = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3
            : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
    *bytes = 1;
    if (n == 0) return -1;
    int32_t code = n == 1 ? p[0] : p[0] & (0x7F >> n);
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) return -1; /* also the final NUL */
        code = code << 6 | (p[i] & 0x3F);
    }
    if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return -1;
    *bytes = n;
    return code;
}

/* Letters beyond ASCII, roughly: the scripts, without punctuation, symbols and emoji. */
static bool is_wide_letter(int32_t c)
{
    return c == 0xAA || c == 0xB5 || c == 0xBA || (c >= 0xC0 && c < 0x2000 && c != 0xD7 && c != 0xF7) ||
           (c >= 0x2070 && c < 0x209D) || (c >= 0x2C00 && c < 0x2E00) ||
           (c >= 0x3040 && c < 0xD800) || (c >= 0xF900 && c < 0xFE00) ||
           (c >= 0xFF21 && c < 0xFFE0) || (c >= 0x10000 && c < 0x1F000) ||
           (c >= 0x20000 && c < 0x30000);
}

/* What someone probably meant by a sign that looks like an operator. */
static const char *look_alike(int32_t c)
{
    switch (c) {
    case 0xD7: case 0xB7: case 0x22C5: return "*";
    case 0xF7: case 0x2215: return "/";
    case 0x2212: case 0x2013: case 0x2014: return "-";
    case 0x2264: return "<=";
    case 0x2265: return ">=";
    case 0x2260: return "!=";
    case 0xB2: return "**2";
    case 0xB3: return "**3";
    case 0x221A: return "sqrt()";
    case 0x221E: return "inf";
    case 0xA0: case 0x2009: case 0x202F: case 0x3000: return "an ordinary space";
    case 0x2018: case 0x2019: case 0x201C: case 0x201D: return "a straight quote";
    default: return NULL;
    }
}

static gpuproc_status odd_character(lexer *lx)
{
    int bytes;
    int32_t c = decode((const unsigned char *)lx->text + lx->at, &bytes);
    int start = lx->at, end = lx->at + bytes;
    if (c < 0)
        return FAIL(lx, GPUPROC_SYNTAX, start, end, "byte 0x%02x is not valid UTF-8",
                    (unsigned char)lx->text[start]);
    if (c < 0x20 || c == 0x7F || (c >= 0x80 && c < 0xA0))
        return FAIL(lx, GPUPROC_SYNTAX, start, end, "unexpected control character U+%04" PRIX32,
                    (uint32_t)c);
    const char *meant = look_alike(c);
    if (meant != NULL)
        return FAIL(lx, GPUPROC_SYNTAX, start, end,
                    "unexpected character '%.*s' (U+%04" PRIX32 "): write %s", bytes,
                    lx->text + start, (uint32_t)c, meant);
    return FAIL(lx, GPUPROC_SYNTAX, start, end, "unexpected character '%.*s'", bytes,
                lx->text + start);
}

/* Bytes of the name at `at`; 0 where none begins there. */
static int name_bytes(const lexer *lx, int at)
{
    int start = at;
    for (;;) {
        char c = lx->text[at];
        if (is_letter(c) || (at > start && is_digit(c))) {
            at++;
        } else if ((unsigned char)c >= 0x80) {
            int bytes;
            int32_t code = decode((const unsigned char *)lx->text + at, &bytes);
            if (code < 0 || !is_wide_letter(code)) break;
            at += bytes;
        } else {
            break;
        }
    }
    return at - start;
}

static int digit_value(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

static gpuproc_status integer(lexer *lx, int base, int start, int digits, int end)
{
    gp_token token = {.kind = GP_TOK_INT, .start = start, .end = end};
    for (int i = digits; i < end; i++) {
        if (lx->text[i] == '_') continue;
        if (__builtin_mul_overflow(token.value.integer, (__int128)base, &token.value.integer) ||
            __builtin_add_overflow(token.value.integer, (__int128)digit_value(lx->text[i]),
                                   &token.value.integer))
            return FAIL(lx, GPUPROC_VALUE, start, end,
                        "integer of more than 127 bits: write a float, 1e40 for example");
    }
    lx->at = end;
    return add(lx, token);
}

/* Digits with single underscores between them, from `at` on; returns where they end, and
 * sets *bad where an underscore stands alone. */
static int digits_end(const lexer *lx, int at, int base, bool *bad)
{
    int start = at;
    for (; digit_value(lx->text[at]) < base || lx->text[at] == '_'; at++) {
        if (lx->text[at] == '_' && (at == start || digit_value(lx->text[at + 1]) >= base)) *bad = true;
    }
    return at;
}

static gpuproc_status real(lexer *lx, gp_token_kind kind, int start, int end)
{
    int n = 0;
    char stack[64], *digits = stack;
    if (end - start >= (int)sizeof stack) {
        digits = gp_calloc((size_t)(end - start) + 1, 1);
        if (digits == NULL) return gp_fail(lx->err, GPUPROC_NO_MEMORY, "out of memory");
    }
    for (int i = start; i < end; i++) {
        if (lx->text[i] != '_') digits[n++] = lx->text[i];
    }
    digits[n] = '\0';
    gp_token token = {.kind = kind, .start = start, .end = kind == GP_TOK_IMAGINARY ? end + 1 : end};
    token.value.real = strtod_l(digits, NULL, lx->c_locale);
    if (digits != stack) free(digits);
    lx->at = token.end;
    return add(lx, token);
}

static gpuproc_status number(lexer *lx)
{
    int start = lx->at, at = start;
    bool bad = false, is_real = false;
    const char *t = lx->text;
    int base = 10, digits = start;
    if (t[at] == '0' && t[at + 1] != '\0' && strchr("xXoObB", t[at + 1]) != NULL) {
        base = t[at + 1] == 'x' || t[at + 1] == 'X' ? 16 : t[at + 1] == 'o' || t[at + 1] == 'O' ? 8 : 2;
        digits = at + 2;
        if (t[digits] == '_') digits++;
        at = digits_end(lx, digits, base, &bad);
        if (at == digits) bad = true;
    } else {
        at = digits_end(lx, at, 10, &bad);
        if (t[at] == '.') {
            is_real = true;
            at = digits_end(lx, at + 1, 10, &bad);
        }
        if (t[at] == 'e' || t[at] == 'E') {
            int sign = t[at + 1] == '+' || t[at + 1] == '-';
            if (is_digit(t[at + 1 + sign])) {
                is_real = true;
                at = digits_end(lx, at + 1 + sign, 10, &bad);
            }
        }
    }
    int tail = is_digit(t[at]) ? 1 : name_bytes(lx, at);
    if (tail == 1 && (t[at] == 'j' || t[at] == 'J') && base == 10 && !bad)
        return real(lx, GP_TOK_IMAGINARY, start, at);
    if (tail > 0 && base == 10 && !bad)
        return FAIL(lx, GPUPROC_SYNTAX, start, at + tail,
                    "a name cannot follow a number directly: to multiply, write %.*s*%.*s",
                    at - start > 40 ? 40 : at - start, t + start, tail > 40 ? 40 : tail, t + at);
    if (bad || tail > 0)
        return FAIL(lx, GPUPROC_SYNTAX, start, at + tail, "malformed number");
    if (is_real) return real(lx, GP_TOK_FLOAT, start, at);
    if (base == 10 && t[start] == '0') {
        for (int i = start; i < at; i++) {
            if (t[i] != '0' && t[i] != '_')
                return FAIL(lx, GPUPROC_SYNTAX, start, at,
                            "leading zeros are not allowed in an integer (octal is 0o17)");
        }
    }
    return integer(lx, base, start, digits, at);
}

static gpuproc_status string(lexer *lx)
{
    char quote = lx->text[lx->at];
    int end = lx->at + 1;
    while (lx->text[end] != quote) {
        int bytes;
        if (lx->text[end] == '\0' || lx->text[end] == '\n')
            return FAIL(lx, GPUPROC_SYNTAX, lx->at, end, "this string is not closed");
        if (decode((const unsigned char *)lx->text + end, &bytes) < 0) {
            lx->at = end;
            return odd_character(lx);
        }
        end += bytes;
    }
    return add_here(lx, GP_TOK_STRING, end + 1 - lx->at);
}

/* The longest operator that begins here. */
static int punct_bytes(const char *p)
{
    static const char *const all[] = {"**=", "//=", "<<=", ">>=", "**", "//", "<<", ">>", "<=", ">=",
                                      "==", "!=", "<>", "&&", "||", ":=", "+=", "-=", "*=", "/=",
                                      "%=", "&=", "|=", "^=", "@=", "->", "..."};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strncmp(p, all[i], strlen(all[i])) == 0) return (int)strlen(all[i]);
    }
    return *p != '\0' && strchr("+-*/%@&|^~<>()[]{},.:=!?", *p) != NULL ? 1 : 0;
}

static void new_line(lexer *lx)
{
    lx->line++;
    lx->line_start = lx->at;
    lx->column = 1;
}

static gpuproc_status next(lexer *lx)
{
    const char *t = lx->text + lx->at;
    if (*t == ' ' || *t == '\t' || *t == '\r') {
        lx->at++;
        return GPUPROC_OK;
    }
    if (*t == '#') {
        /* A comment may hold anything that is text. */
        while (lx->text[lx->at] != '\0' && lx->text[lx->at] != '\n') {
            int bytes;
            if (decode((const unsigned char *)lx->text + lx->at, &bytes) < 0) return odd_character(lx);
            lx->at += bytes;
        }
        return GPUPROC_OK;
    }
    if (*t == '\\' && (t[1] == '\n' || (t[1] == '\r' && t[2] == '\n'))) {
        lx->at += t[1] == '\n' ? 2 : 3;
        new_line(lx);
        return GPUPROC_OK;
    }
    if (*t == '\n') {
        gpuproc_status st = GPUPROC_OK;
        if (lx->depth == 0) st = add_here(lx, GP_TOK_BREAK, 1);
        else lx->at++;
        new_line(lx);
        return st;
    }
    if (*t == ';') return add_here(lx, GP_TOK_BREAK, 1);
    if (is_digit(*t) || (*t == '.' && is_digit(t[1]))) return number(lx);
    if (*t == '"' || *t == '\'') return string(lx);
    int bytes = name_bytes(lx, lx->at);
    if (bytes > 0) return add_here(lx, GP_TOK_NAME, bytes);
    bytes = punct_bytes(t);
    if (bytes == 0) return odd_character(lx);
    if (*t == '(' || *t == '[') lx->depth++;
    if ((*t == ')' || *t == ']') && lx->depth > 0) lx->depth--;
    return add_here(lx, GP_TOK_PUNCT, bytes);
}

gpuproc_status gp_lex(const char *text, gp_tokens *tokens, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    *tokens = (gp_tokens){.text = text};
    size_t length = strnlen(text, (size_t)GP_LANG_MAX_TEXT + 1);
    lexer lx = {.text = text, .length = (int)length, .line = 1, .column = 1, .out = tokens, .err = err};
    if (length > GP_LANG_MAX_TEXT)
        return FAIL(&lx, GPUPROC_LIMIT, 0, 1, "the expression is longer than %u bytes",
                    GP_LANG_MAX_TEXT);
    /* Numbers are read the same way whatever locale the caller has set. */
    lx.c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (lx.c_locale == (locale_t)0) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    while (lx.at < lx.length) GP_TRY(next(&lx));
    GP_TRY(add_here(&lx, GP_TOK_END, 0));
out:
    freelocale(lx.c_locale);
    return st;
}
