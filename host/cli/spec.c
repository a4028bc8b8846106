#include "spec.h"

#include "term.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool spec_is_name(const char *text, size_t length)
{
    if (length == 0 || isdigit((unsigned char)text[0])) return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_') return false;
    }
    return true;
}

void spec_free(file_spec *spec)
{
    free(spec->name);
    free(spec->path);
    *spec = (file_spec){0};
}

static char *copy_of(const char *text, size_t length)
{
    char *copy = strndup(text, length);
    if (copy == NULL) term_error("out of memory");
    return copy;
}

/* Where the ",key=" that behind a file's name begins, or the end. */
static const char *find_keys(const char *text, const char *const *keys)
{
    for (const char *p = strchr(text, ','); p != NULL; p = strchr(p + 1, ',')) {
        for (size_t k = 0; keys[k] != NULL; k++) {
            size_t n = strlen(keys[k]);
            if (strncmp(p + 1, keys[k], n) == 0 && p[1 + n] == '=') return p;
        }
    }
    return text + strlen(text);
}

/* 1000x200, 1000, (1000, 200), (5,) or () */
static bool parse_shape(const char *value, size_t length, file_spec *spec)
{
    const char *p = value, *end = value + length;
    char separator = 'x';
    bool unknown = false, fine = true;
    if (length >= 2 && p[0] == '(' && end[-1] == ')') {
        p++;
        end--;
        separator = ',';
    }
    while (end > p && end[-1] == ' ') end--;
    if (separator == ',' && end > p && end[-1] == ',') end--;
    int ndim = 0;
    while (fine && (p < end || (ndim == 0 && separator == 'x'))) {
        char *after;
        errno = 0;
        int64_t n = strtoll(p, &after, 10);
        fine = after != p && after <= end && errno == 0 && n >= -1 && !(n == -1 && unknown) &&
               ndim < GPUPROC_MAX_NDIM && !isspace((unsigned char)*p) && *p != '+';
        if (!fine) break;
        unknown = unknown || n == -1;
        spec->shape[ndim++] = n;
        p = after;
        if (p == end) break;
        fine = *p++ == separator && p < end;
        while (separator == ',' && p < end && *p == ' ') p++;
    }
    spec->layout.ndim = ndim;
    if (!fine)
        term_error("'%.*s' is not a shape: expected lengths such as 1000x200 or (1000,200), one of "
                   "which may be -1", (int)length, value);
    return fine;
}

static bool parse_dtype(const char *value, size_t length, file_spec *spec)
{
    char *text = copy_of(value, length);
    if (text == NULL) return false;
    gpuproc_error err;
    bool big = false;
    gpuproc_status st = gpuproc_dtype_parse(text, &spec->layout.dtype, &big, &err);
    if (st != GPUPROC_OK) term_failure(&err, NULL);
    if (big) spec->layout.big_endian = true;
    free(text);
    return st == GPUPROC_OK;
}

static bool is_word(const char *value, size_t length, const char *word)
{
    return strlen(word) == length && strncasecmp(value, word, length) == 0;
}

static bool parse_raw_key(const char *key, const char *value, size_t length, file_spec *spec)
{
    switch (key[0]) {
    case 'd': return parse_dtype(value, length, spec);
    case 's': return parse_shape(value, length, spec);
    case 'e':
        if (is_word(value, length, "big") || is_word(value, length, "little")) {
            spec->layout.big_endian = is_word(value, length, "big");
            return true;
        }
        term_error("endian=%.*s: expected big or little", (int)length, value);
        return false;
    default: break;
    }
    if (key[1] == 'r') { /* order */
        if (is_word(value, length, "c") || is_word(value, length, "f")) {
            spec->layout.fortran_order = is_word(value, length, "f");
            return true;
        }
        term_error("order=%.*s: expected C or F", (int)length, value);
        return false;
    }
    char *text = copy_of(value, length);
    bool fine = text != NULL && spec_size(text, "offset", 0, &spec->layout.offset);
    free(text);
    return fine;
}

/* Length of a value: to the next comma that is not inside parentheses. */
static size_t value_length(const char *value)
{
    size_t n = 0;
    for (int depth = 0; value[n] != '\0' && (value[n] != ',' || depth > 0); n++)
        depth += (value[n] == '(') - (value[n] == ')');
    return n;
}

static const char *const raw_keys[] = {"dtype", "shape", "offset", "order", "endian", NULL};

static bool parse_raw(const char *keys, file_spec *spec)
{
    bool dtype = false;
    spec->raw = true;
    spec->layout = (gpuproc_raw_layout){.struct_size = sizeof spec->layout, .ndim = -1};
    for (const char *p = keys; *p == ',';) {
        p++;
        size_t k = 0;
        while (raw_keys[k] != NULL &&
               !(strncmp(p, raw_keys[k], strlen(raw_keys[k])) == 0 && p[strlen(raw_keys[k])] == '='))
            k++;
        if (raw_keys[k] == NULL) {
            term_error("'%.*s' behind a raw file: expected dtype=, shape=, offset=, order= or endian=",
                       (int)value_length(p), p);
            return false;
        }
        const char *value = p + strlen(raw_keys[k]) + 1;
        size_t length = value_length(value);
        if (!parse_raw_key(raw_keys[k], value, length, spec)) return false;
        dtype = dtype || k == 0;
        p = value + length;
    }
    if (!dtype) term_error("a raw file needs its dtype: %s,dtype=f4%s", spec->path, keys);
    return dtype;
}

bool spec_file(const char *text, file_spec *spec)
{
    const char *keys = find_keys(text, raw_keys);
    spec->path = copy_of(text, (size_t)(keys - text));
    if (spec->path == NULL) return false;
    if (spec->path[0] == '\0') {
        term_error("'%s' names no file", text);
        return false;
    }
    return *keys == '\0' || parse_raw(keys, spec);
}

bool spec_input(const char *text, file_spec *spec)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || !spec_is_name(text, (size_t)(equals - text))) {
        term_error("'%s' is not an input: expected NAME=FILE", text);
        return false;
    }
    spec->name = copy_of(text, (size_t)(equals - text));
    return spec->name != NULL && spec_file(equals + 1, spec);
}

/* The program's standard output has been moved away from descriptor 1, so these names mean "-". */
static bool is_stdout(const char *path)
{
    static const char *const names[] = {"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(path, names[i]) == 0) return true;
    }
    return false;
}

bool spec_output(const char *text, file_spec *spec)
{
    static const char *const keys[] = {"format", NULL};
    const char *equals = strchr(text, '='), *key = find_keys(text, keys);
    if (equals != NULL && equals < key && spec_is_name(text, (size_t)(equals - text))) {
        spec->name = copy_of(text, (size_t)(equals - text));
        if (spec->name == NULL) return false;
        text = equals + 1;
    }
    spec->path = copy_of(text, (size_t)(key - text));
    if (spec->path == NULL) return false;
    if (spec->path[0] == '\0') {
        term_error("-o '%s' names no file", text);
        return false;
    }
    if (is_stdout(spec->path)) strcpy(spec->path, "-");
    if (*key == '\0') return true;
    const char *format = key + strlen(",format=");
    spec->raw = strcmp(format, "raw") == 0;
    if (spec->raw || strcmp(format, "npy") == 0) return true;
    term_error("format=%s: expected npy or raw", format);
    return false;
}

gpuproc_status spec_open(const file_spec *spec, gpuproc_array **array, gpuproc_error *err)
{
    if (!spec->raw) return gpuproc_array_open_npy(spec->path, array, err);
    gpuproc_raw_layout layout = spec->layout;
    layout.shape = spec->shape;
    return gpuproc_array_open_raw(spec->path, &layout, array, err);
}

bool spec_takes_header(const file_spec *spec)
{
    char first[6] = {0};
    struct stat st;
    if (!spec->raw || spec->layout.offset != 0 || stat(spec->path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
    FILE *f = fopen(spec->path, "rbe");
    if (f == NULL) return false;
    size_t n = fread(first, 1, sizeof first, f);
    fclose(f);
    return n == sizeof first && memcmp(first, "\x93NUMPY", sizeof first) == 0;
}

bool spec_size(const char *text, const char *option, uint64_t whole, uint64_t *bytes)
{
    char *end;
    double n = isdigit((unsigned char)text[0]) || text[0] == '.' ? strtod(text, &end) : -1;
    double unit = 1;
    if (n >= 0 && *end == '%' && whole > 0 && end[1] == '\0' && n <= 100) {
        unit = (double)whole / 100;
        end++;
    } else if (n >= 0) {
        static const char letters[] = "KMGT";
        const char *letter = *end == '\0' ? NULL : strchr(letters, toupper((unsigned char)*end));
        if (letter != NULL) {
            unit = ldexp(1, 10 * (int)(letter - letters + 1));
            end++;
            if (*end == 'i') end++;
        }
        if (*end == 'B' || (*end == 'b' && letter != NULL)) end++;
    }
    if (n < 0 || *end != '\0' || !isfinite(n) || n * unit >= 9e18) {
        term_error("%s '%s' is not a size: expected bytes such as 4096, 512K, 1.5G%s", option, text,
                   whole > 0 ? " or 25%" : "");
        return false;
    }
    *bytes = (uint64_t)(n * unit);
    /* Numbers without a unit are exact beyond what a double holds. */
    if (unit == 1 && strchr(text, '.') == NULL && strpbrk(text, "eExX") == NULL)
        *bytes = strtoull(text, NULL, 10);
    return true;
}

bool spec_count(const char *text, const char *option, unsigned most, unsigned *count)
{
    char *end;
    errno = 0;
    unsigned long n = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
    if (n < 1 || n > most || errno != 0 || *end != '\0') {
        term_error("%s '%s': expected a number from 1 to %u", option, text, most);
        return false;
    }
    *count = (unsigned)n;
    return true;
}
