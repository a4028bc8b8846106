#include "format/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* ---- The prefix: magic, version, length ---------------------------------- */

gpuproc_status gp_npy_header_bytes(const void *first12, size_t size, const char *where,
                                   uint64_t *total, gpuproc_error *err)
{
    const unsigned char *p = first12;
    size_t seen = size < sizeof magic ? size : sizeof magic;
    if (size == 0)
        return gp_fail_where(err, GPUPROC_TRUNCATED, where, "the file is empty: expected .npy data");
    if (memcmp(p, magic, seen) != 0)
        return gp_fail_where(err, GPUPROC_BAD_HEADER, where,
                             "not an .npy file: it does not begin with \\x93NUMPY "
                             "(a raw file needs its dtype: FILE,dtype=f4)");
    if (size < 8)
        return gp_fail_where(err, GPUPROC_TRUNCATED, where,
                             "the file ends after %zu bytes, inside the .npy header", size);
    unsigned major = p[6], minor = p[7];
    if (major < 1 || major > 3 || minor != 0)
        return gp_fail_where(err, GPUPROC_BAD_HEADER, where,
                             ".npy version %u.%u is not known: expected 1.0, 2.0 or 3.0", major,
                             minor);
    size_t prefix = major == 1 ? 10 : 12;
    if (size < prefix)
        return gp_fail_where(err, GPUPROC_TRUNCATED, where,
                             "the file ends after %zu bytes, inside the .npy header", size);
    uint64_t length = (uint64_t)p[8] | (uint64_t)p[9] << 8;
    if (major > 1) length |= (uint64_t)p[10] << 16 | (uint64_t)p[11] << 24;
    if (length > GP_NPY_MAX_HEADER - GP_NPY_PREFIX)
        return gp_fail_where(err, GPUPROC_BAD_HEADER, where,
                             "the .npy header claims %" PRIu64 " bytes: at most %d are read", length,
                             GP_NPY_MAX_HEADER - GP_NPY_PREFIX);
    *total = prefix + length;
    return GPUPROC_OK;
}

/* ---- The dict: a small part of Python's literals ------------------------- */

typedef struct parser {
    const char *text;
    size_t at, end;
    const char *where;
    gpuproc_error *err;
} parser;

static int peek(const parser *p)
{
    return p->at < p->end ? (unsigned char)p->text[p->at] : -1;
}

/* "expected EXPECTED, found what stands here", with the place. */
static gpuproc_status unexpected(parser *p, const char *expected)
{
    char found[32];
    int c = peek(p);
    if (c < 0) snprintf(found, sizeof found, "its end");
    else if (c >= 0x20 && c < 0x7f) snprintf(found, sizeof found, "'%c'", c);
    else snprintf(found, sizeof found, "the byte 0x%02x", (unsigned)c);
    gpuproc_status st = gp_fail_where(p->err, GPUPROC_BAD_HEADER, p->where,
                                      "malformed .npy header at byte %zu: expected %s, found %s",
                                      p->at, expected, found);
    if (p->err != NULL) p->err->offset = p->at;
    return st;
}

static void skip_space(parser *p)
{
    int c;
    while ((c = peek(p)) == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') p->at++;
}

static gpuproc_status expect(parser *p, char c, const char *what)
{
    skip_space(p);
    if (peek(p) != c) return unexpected(p, what);
    p->at++;
    return GPUPROC_OK;
}

/* True where `word` stands here as a whole word; moves behind it. */
static bool take_word(parser *p, const char *word)
{
    size_t n = strlen(word);
    if (p->end - p->at < n || memcmp(p->text + p->at, word, n) != 0) return false;
    if (p->at + n < p->end) {
        char next = p->text[p->at + n];
        if ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') ||
            (next >= '0' && next <= '9') || next == '_')
            return false;
    }
    p->at += n;
    return true;
}

/* A string in single or double quotes. Keys and dtypes need no escapes, so a
 * backslash is refused rather than understood by halves. */
static gpuproc_status take_string(parser *p, const char *what, const char **begin, size_t *length)
{
    skip_space(p);
    int quote = peek(p);
    if (quote != '\'' && quote != '"') return unexpected(p, what);
    p->at++;
    size_t start = p->at;
    for (int c = peek(p); c != quote; c = peek(p)) {
        if (c < 0x20 || c == '\\') return unexpected(p, "the rest of a string");
        p->at++;
    }
    *begin = p->text + start;
    *length = p->at - start;
    p->at++;
    return GPUPROC_OK;
}

/* A length: decimal digits, behind which Python 2 may have left an L. */
static gpuproc_status take_length(parser *p, int axis, int64_t *out)
{
    int c = peek(p);
    if (c == '-') {
        gpuproc_status st = gp_fail_where(p->err, GPUPROC_BAD_SHAPE, p->where,
                                          "axis %d of the .npy header has a negative length", axis);
        if (p->err != NULL) p->err->offset = p->at;
        return st;
    }
    if (c < '0' || c > '9') return unexpected(p, "a length in the shape");
    int64_t value = 0;
    for (; c >= '0' && c <= '9'; c = peek(p)) {
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(c - '0'), &value))
            return gp_fail_where(p->err, GPUPROC_BAD_SHAPE, p->where,
                                 "axis %d of the .npy header is longer than 2^63 - 1", axis);
        p->at++;
    }
    if (c == 'L' || c == 'l') p->at++;
    *out = value;
    return GPUPROC_OK;
}

static gpuproc_status take_shape(parser *p, gp_shape *shape)
{
    gpuproc_status st = expect(p, '(', "'(', the beginning of the shape");
    if (st != GPUPROC_OK) return st;
    shape->ndim = 0;
    bool comma = true; /* one stands between the last length and here, or there is none yet */
    for (;;) {
        skip_space(p);
        if (peek(p) == ')') break;
        if (!comma) return unexpected(p, "',' or ')' in the shape");
        if (shape->ndim == GPUPROC_MAX_NDIM)
            return gp_fail_where(p->err, GPUPROC_BAD_SHAPE, p->where,
                                 "the array has more than %d dimensions", GPUPROC_MAX_NDIM);
        st = take_length(p, shape->ndim, &shape->dim[shape->ndim]);
        if (st != GPUPROC_OK) return st;
        shape->ndim++;
        skip_space(p);
        comma = peek(p) == ',';
        if (comma) p->at++;
    }
    /* Python reads (3) as a number, not as a tuple; so does NumPy, and refuses it. */
    if (shape->ndim == 1 && !comma) return unexpected(p, "',': a tuple of one needs it");
    p->at++;
    return GPUPROC_OK;
}

static gpuproc_status take_bool(parser *p, bool *out)
{
    skip_space(p);
    *out = take_word(p, "True");
    if (*out || take_word(p, "False")) return GPUPROC_OK;
    return unexpected(p, "True or False as fortran_order");
}

/* Why a dtype that NumPy has cannot be read, from its letter and size; NULL
 * where the text is no dtype at all. */
static const char *kind_refused(const char *code)
{
    switch (code[0]) {
    case 'O': return "Python objects";
    case 'S':
    case 'a': return "byte strings";
    case 'U': return "strings";
    case 'V': return "raw bytes (void)";
    case 'M': return "dates";
    case 'm': return "time differences";
    case 'T': return "variable-width strings";
    case 'g':
    case 'G': return "long double";
    default: break;
    }
    if (strcmp(code, "f16") == 0 || strcmp(code, "f12") == 0 || strcmp(code, "f10") == 0 ||
        strcmp(code, "c32") == 0 || strcmp(code, "c24") == 0 || strcmp(code, "c20") == 0)
        return "long double";
    return NULL;
}

static gpuproc_status refuse_dtype(parser *p, size_t at, const char *text, size_t length,
                                   const char *why)
{
    /* Foreign bytes do not belong on a terminal as they are. */
    char shown[64];
    size_t n = length < sizeof shown - 4 ? length : sizeof shown - 4;
    for (size_t i = 0; i < n; i++) shown[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    snprintf(shown + n, sizeof shown - n, "%s", n < length ? "..." : "");
    gpuproc_status st = gp_fail_where(p->err, GPUPROC_BAD_DTYPE, p->where,
                                      "dtype %s%s%s%s is not supported: expected bool, int8-64, "
                                      "uint8-64, float16-64 or complex64-128",
                                      shown, why ? " (" : "", why ? why : "", why ? ")" : "");
    if (p->err != NULL) p->err->offset = at;
    return st;
}

static gpuproc_status take_descr(parser *p, gp_npy_header *out)
{
    skip_space(p);
    size_t at = p->at;
    int c = peek(p);
    if (c == '[' || c == '(') {
        size_t line = at;
        while (line < p->end && p->text[line] != '\n') line++;
        return refuse_dtype(p, at, p->text + at, line - at,
                            c == '[' ? "structured" : "sub-arrays");
    }
    const char *text;
    size_t length;
    gpuproc_status st = take_string(p, "a dtype in quotes", &text, &length);
    if (st != GPUPROC_OK) return st;
    char code[32];
    if (length >= sizeof code) return refuse_dtype(p, at, text, length, NULL);
    memcpy(code, text, length);
    code[length] = '\0';
    const char *body = code + (code[0] != '\0' && strchr("<>=|", code[0]) != NULL);
    if (strcmp(body, "?") == 0) {
        out->dtype = GPUPROC_BOOL;
        out->big_endian = false;
        return GPUPROC_OK;
    }
    if (gpuproc_dtype_parse(code, &out->dtype, &out->big_endian, NULL) == GPUPROC_OK)
        return GPUPROC_OK;
    return refuse_dtype(p, at, text, length, kind_refused(body));
}

typedef enum key { KEY_DESCR, KEY_FORTRAN, KEY_SHAPE, KEY_COUNT } key;
static const char *const key_names[KEY_COUNT] = {"descr", "fortran_order", "shape"};

/* One "key: value" of the dict. */
static gpuproc_status take_pair(parser *p, bool seen[KEY_COUNT], gp_npy_header *out)
{
    const char *name;
    size_t length, at = p->at;
    gpuproc_status st = take_string(p, "a key in quotes or '}'", &name, &length);
    if (st != GPUPROC_OK) return st;
    int k = 0;
    while (k < KEY_COUNT &&
           !(length == strlen(key_names[k]) && memcmp(name, key_names[k], length) == 0))
        k++;
    if (k == KEY_COUNT || seen[k]) {
        p->at = at;
        return unexpected(p, k == KEY_COUNT ? "one of the keys 'descr', 'fortran_order', 'shape'"
                                            : "each key once");
    }
    seen[k] = true;
    st = expect(p, ':', "':' behind a key");
    if (st != GPUPROC_OK) return st;
    if (k == KEY_DESCR) return take_descr(p, out);
    if (k == KEY_FORTRAN) return take_bool(p, &out->fortran);
    return take_shape(p, &out->shape);
}

static gpuproc_status take_dict(parser *p, gp_npy_header *out)
{
    bool seen[KEY_COUNT] = {false};
    gpuproc_status st = expect(p, '{', "'{', the beginning of a dict");
    if (st != GPUPROC_OK) return st;
    bool comma = true;
    for (;;) {
        skip_space(p);
        if (peek(p) == '}') break;
        if (!comma) return unexpected(p, "',' or '}'");
        st = take_pair(p, seen, out);
        if (st != GPUPROC_OK) return st;
        skip_space(p);
        comma = peek(p) == ',';
        if (comma) p->at++;
    }
    p->at++;
    for (int k = 0; k < KEY_COUNT; k++) {
        if (!seen[k])
            return gp_fail_where(p->err, GPUPROC_BAD_HEADER, p->where,
                                 "malformed .npy header: the key '%s' is missing", key_names[k]);
    }
    skip_space(p);
    return p->at == p->end ? GPUPROC_OK : unexpected(p, "nothing behind the dict");
}

gpuproc_status gp_npy_parse(const void *bytes, size_t size, const char *where,
                            gp_npy_header *out, gpuproc_error *err)
{
    uint64_t total;
    gpuproc_status st = gp_npy_header_bytes(bytes, size, where, &total, err);
    if (st != GPUPROC_OK) return st;
    if (size < total)
        return gp_fail_where(err, GPUPROC_TRUNCATED, where,
                             "the file ends after %zu bytes, inside the .npy header of %" PRIu64
                             " bytes",
                             size, total);
    gp_npy_header header = {.data_offset = total};
    parser p = {.text = bytes,
                .at = ((const unsigned char *)bytes)[6] == 1 ? 10 : 12,
                .end = (size_t)total,
                .where = where,
                .err = err};
    st = take_dict(&p, &header);
    if (st != GPUPROC_OK) return st;
    uint64_t count;
    st = gp_shape_count(&header.shape, gpuproc_dtype_bytes(header.dtype), &count, err);
    if (st != GPUPROC_OK) {
        if (err != NULL && where != NULL) snprintf(err->where, sizeof err->where, "%s", where);
        return st;
    }
    *out = header;
    return GPUPROC_OK;
}

/* ---- Writing -------------------------------------------------------------- */

#define GROWTH_DIGITS 21 /* NumPy keeps room for the longest 64-bit length and a little more */
#define ALIGNMENT 64

/* NumPy calls an array Fortran-ordered only where it is not C-ordered as well. */
static bool order_matters(const gp_shape *shape)
{
    int wide = 0;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] == 0) return false;
        wide += shape->dim[d] > 1;
    }
    return wide > 1;
}

gpuproc_status gp_npy_make_header(gp_dtype dtype, const gp_shape *shape, bool fortran, gp_text *out)
{
    gp_text dict = {0};
    fortran = fortran && order_matters(shape);
    gp_text_add(&dict, "{'descr': '%c%s', 'fortran_order': %s, 'shape': (",
                gpuproc_dtype_bytes(dtype) > 1 ? '<' : '|', gp_dtype_code(dtype),
                fortran ? "True" : "False");
    for (int d = 0; d < shape->ndim; d++)
        gp_text_add(&dict, "%s%" PRId64, d ? ", " : "", shape->dim[d]);
    gp_text_add(&dict, "%s), }", shape->ndim == 1 ? "," : "");
    if (shape->ndim > 0) {
        int64_t growing = shape->dim[fortran ? shape->ndim - 1 : 0];
        int digits = snprintf(NULL, 0, "%" PRId64, growing);
        gp_text_add(&dict, "%*s", GROWTH_DIGITS - digits, "");
    }
    /* 32 dimensions stay far below the 64 KiB of version 1.0, so it always does. A header
     * that is aligned already still gets one more block of spaces: so does NumPy's. */
    size_t length = dict.length + 1;
    size_t pad = ALIGNMENT - (10 + length) % ALIGNMENT;
    length += pad;
    const unsigned char prefix[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 0xff),
        (unsigned char)(length >> 8)};
    bool failed = dict.failed;
    if (!failed) {
        gp_text_add_bytes(out, (const char *)prefix, sizeof prefix);
        gp_text_add_bytes(out, dict.data, dict.length);
        gp_text_add(out, "%*s\n", (int)pad, "");
        failed = out->failed;
    }
    gp_text_free(&dict);
    return failed ? GPUPROC_NO_MEMORY : GPUPROC_OK;
}
