/* einsum's subscripts: letters to labels. */
#include "lang/einsum.h"

#include <string.h>

#define OPERANDS 6
#define ELLIPSIS 128 /* label of the last axis that '...' stands for; those before it go up */

static gp_value failed(void) { return gp_value_node(-1); }

typedef struct subscripts {
    const char *text;
    size_t length;
    gp_term term[OPERANDS];
    int operands, wide; /* wide: the most axes that an ellipsis stands for */
    int used[GP_EINSUM_LABELS];
} subscripts;

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool bad(gp_builder *b, const char *what)
{
    gp_build_fail(b, GPUPROC_VALUE, "einsum(): %s", what);
    return false;
}

/* The labels of text[from, to) for an array of `ndim` axes; -1: as many as an ellipsis has elsewhere. */
static bool take_labels(gp_builder *b, subscripts *s, size_t from, size_t to, int ndim, int *label, int *count)
{
    int letters = 0, dots = -1;
    *count = 0;
    for (size_t i = from; i < to; i++) letters += is_letter(s->text[i]);
    int wide = ndim < 0 ? s->wide : ndim - letters;
    for (size_t i = from; i < to; i++) {
        char c = s->text[i];
        if (c == ' ') continue;
        if (c == '.') {
            if (dots >= 0 || i + 2 >= to || s->text[i + 1] != '.' || s->text[i + 2] != '.') return bad(b, "dots stand for axes only as '...', once for an array");
            if (wide < 0) break;
            dots = *count;
            i += 2;
            if (*count + wide > GPUPROC_MAX_NDIM) return bad(b, "too many subscripts for an array");
            for (int k = wide; k-- > 0;) label[(*count)++] = ELLIPSIS + k;
            continue;
        }
        if (!is_letter(c)) return bad(b, "subscripts are letters, commas, '...' and '->'");
        if (*count == GPUPROC_MAX_NDIM) return bad(b, "too many subscripts for an array");
        label[(*count)++] = (unsigned char)c;
    }
    if (ndim >= 0 && (wide < 0 || (dots < 0 && wide != 0))) {
        gp_build_fail(b, GPUPROC_VALUE, "einsum(): '%.*s' has %d subscripts, found an array of %d dimensions", (int)(to - from), s->text + from, letters, ndim);
        return false;
    }
    if (ndim >= 0 && dots >= 0 && wide > s->wide) s->wide = wide;
    return true;
}

static bool take_operands(gp_builder *b, subscripts *s, size_t end)
{
    size_t from = 0;
    for (int k = 0; k < s->operands; k++) {
        size_t to = from;
        int count;
        while (to < end && s->text[to] != ',') to++;
        if ((k + 1 < s->operands) != (to < end)) {
            gp_build_fail(b, GPUPROC_VALUE, "einsum() got %d array%s, found subscripts for %s", s->operands, s->operands == 1 ? "" : "s",
                          to < end ? "more" : "fewer");
            return false;
        }
        int ndim = gp_build_shape(b, s->term[k].v.node)->ndim;
        if (!take_labels(b, s, from, to, ndim, s->term[k].label, &count)) return false;
        for (int d = 0; d < ndim; d++) s->used[s->term[k].label[d]]++;
        from = to + 1;
    }
    return true;
}

/* What '...' stands for, then what is there once, in the order of letters. */
static bool implicit(gp_builder *b, const subscripts *s, int *out, int *outs)
{
    *outs = 0;
    for (int k = s->wide; k-- > 0;) out[(*outs)++] = ELLIPSIS + k;
    for (int c = 0; c < ELLIPSIS; c++) {
        if (s->used[c] != 1) continue;
        if (*outs == GPUPROC_MAX_NDIM) return bad(b, "the result would have too many dimensions");
        out[(*outs)++] = c;
    }
    return true;
}

static bool right_output(gp_builder *b, const subscripts *s, const int *out, int outs)
{
    for (int k = 0; k < outs; k++) {
        if (s->used[out[k]] == 0) return bad(b, "a subscript after '->' is in none of the arrays");
        for (int j = 0; j < k; j++) {
            if (out[j] == out[k]) return bad(b, "a subscript after '->' is there twice");
        }
    }
    return true;
}

gp_value gp_check_einsum(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    subscripts s = {0};
    int out[GPUPROC_MAX_NDIM], outs;
    if (args[0].kind != GP_VAL_STRING)
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "einsum() needs its subscripts first, in quotes, as in einsum('ij,jk->ik', a, b)"));
    s.text = gp_argument_string(b, fn, &args[0], &s.length);
    for (int k = 0; s.text != NULL && k < OPERANDS && args[1 + k].kind != GP_VAL_NONE; k++) {
        s.term[k].v = gp_matrix_value(b, fn, &args[1 + k]);
        if (gp_matrix_failed(b, &s.term[k].v)) return failed();
        s.operands++;
    }
    if (s.text == NULL) return failed();
    size_t end = 0;
    while (end < s.length && s.text[end] != '-') end++;
    bool given = end < s.length;
    bool arrow = !given || (end + 1 < s.length && s.text[end + 1] == '>') || bad(b, "'-' is possible only in '->'");
    if (!arrow || !take_operands(b, &s, end)) return failed();
    if (!given && !implicit(b, &s, out, &outs)) return failed();
    if (given && (!take_labels(b, &s, end + 2, s.length, -1, out, &outs) || !right_output(b, &s, out, outs))) return failed();
    return gp_build_einsum(b, "einsum", s.term, s.operands, out, outs);
}
