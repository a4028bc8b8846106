#include "plan/rates.h"

#include "lang/ir.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_HOST "gpuproc rates 3 host"
#define HEAD_DEVICE "gpuproc rates 3 device"
#define LINE_BYTES 1024

const gp_dtype gp_rates_dtype[GP_RATES_DTYPES] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_INT32, GPUPROC_INT64};

#define X(name, unit, value, text) {#name, unit, text, value},
const gp_rate_info gp_rates_host_info[GP_RATES_HOST_COUNT] = {GP_RATES_HOST(X)};
const gp_rate_info gp_rates_device_info[GP_RATES_DEVICE_COUNT] = {GP_RATES_DEVICE(X)};
#undef X

size_t gp_rates_dtype_index(gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_FLOAT16:
    case GPUPROC_FLOAT32:
    case GPUPROC_COMPLEX64: return 0;
    case GPUPROC_FLOAT64:
    case GPUPROC_COMPLEX128: return 1;
    case GPUPROC_INT64:
    case GPUPROC_UINT64: return 3;
    default: return 2;
    }
}

/* ---- Guesses ------------------------------------------------------------------ */

/* Nanoseconds of one float32 element on one thread; float64 takes twice that. */
static double cautious_op(gp_op op)
{
    switch (op) {
    case GP_OP_DIV:
    case GP_OP_SQRT:
    case GP_OP_RECIPROCAL: return 0.8;
    case GP_OP_FLOORDIV:
    case GP_OP_MOD:
    case GP_OP_FMOD: return 3;
    case GP_OP_POW:
    case GP_OP_LOGADDEXP:
    case GP_OP_LOGADDEXP2: return 8;
    case GP_OP_GCD:
    case GP_OP_LCM: return 60;
    case GP_OP_RANDBITS:
    case GP_OP_NORMAL: return 8;
    case GP_OP_TAKE: return 2;
    case GP_OP_SEARCHLEFT:
    case GP_OP_SEARCHRIGHT: return 20;
    case GP_OP_ARCTAN2:
    case GP_OP_HYPOT:
    case GP_OP_CBRT:
    case GP_OP_EXP:
    case GP_OP_EXP2:
    case GP_OP_EXPM1:
    case GP_OP_LOG:
    case GP_OP_LOG2:
    case GP_OP_LOG10:
    case GP_OP_LOG1P:
    case GP_OP_SIN:
    case GP_OP_COS:
    case GP_OP_TAN:
    case GP_OP_ARCSIN:
    case GP_OP_ARCCOS:
    case GP_OP_ARCTAN:
    case GP_OP_SINH:
    case GP_OP_COSH:
    case GP_OP_TANH:
    case GP_OP_ARCSINH:
    case GP_OP_ARCCOSH:
    case GP_OP_ARCTANH:
    case GP_OP_ERF: return 3;
    default: return 0.3;
    }
}

static double cautious_fold(gp_op op)
{
    switch (op) {
    case GP_OP_QUANTILE:
    case GP_OP_NANQUANTILE: return 6;
    case GP_OP_UNIQUE:
    case GP_OP_UNIQUE_COUNTS: return 20;
    case GP_OP_BINCOUNT:
    case GP_OP_SELECT: return 2;
    case GP_OP_STORE: return 0.3;
    case GP_OP_WINMIN:
    case GP_OP_WINMAX:
    case GP_OP_WINSUM:
    case GP_OP_WINMEAN: return 3;
    default: return 1;
    }
}

void gp_rates_cautious(gp_rates *rates, unsigned threads)
{
    *rates = (gp_rates){.threads = threads};
    for (int i = 0; i < GP_RATES_HOST_COUNT; i++) rates->host[i] = gp_rates_host_info[i].cautious;
    for (int op = 0; op < GP_OP_COUNT; op++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
            double wide = gpuproc_dtype_bytes(gp_rates_dtype[d]) == 8 ? 2 : 1;
            rates->op[op][d] = cautious_op((gp_op)op) * wide;
            rates->fold[op][d] = rates->fold_one[op][d] = cautious_fold((gp_op)op) * wide;
            rates->row[op][d] = rates->row_one[op][d] = rates->fold[op][d];
        }
    }
}

void gp_device_rates_cautious(gp_device_rates *rates)
{
    *rates = (gp_device_rates){0};
    for (int i = 0; i < GP_RATES_DEVICE_COUNT; i++) rates->value[i] = gp_rates_device_info[i].cautious;
}

/* ---- Text --------------------------------------------------------------------- */

/* Figures are whole millionths: no locale shows in them. */
static uint64_t millionths(double value)
{
    return value > 0 ? (uint64_t)llround(fmin(value, 1e12) * 1e6) : 0;
}

const char *const gp_rates_kind[GP_RATES_KINDS] = {"op", "fold", "fold_one", "row", "row_one"};

double (*gp_rates_table(gp_rates *rates, size_t kind))[GP_RATES_DTYPES]
{
    switch (kind) {
    case 0: return rates->op;
    case 1: return rates->fold;
    case 2: return rates->fold_one;
    case 3: return rates->row;
    default: return rates->row_one;
    }
}

static void write_op(gp_text *text, const char *kind, int op, size_t d, double value)
{
    gp_text_add(text, "%s.%s.%s %" PRIu64 "\n", kind, gp_op_info_of((gp_op)op)->name,
                gpuproc_dtype_name(gp_rates_dtype[d]), millionths(value));
}

void gp_rates_write(const gp_rates *rates, const char *key, gp_text *text)
{
    gp_rates cautious;
    gp_rates_cautious(&cautious, rates->threads);
    gp_text_add(text, HEAD_HOST "\nfor %s\nthreads %" PRIu64 "\n", key, millionths(rates->threads));
    for (int i = 0; i < GP_RATES_HOST_COUNT; i++)
        gp_text_add(text, "%s %" PRIu64 "\n", gp_rates_host_info[i].name, millionths(rates->host[i]));
    /* What was not measured is not kept: a later version may guess better. */
    for (int op = 0; op < GP_OP_COUNT; op++) {
        for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
            for (size_t k = 0; k < GP_RATES_KINDS; k++) {
                double value = gp_rates_table((gp_rates *)rates, k)[op][d];
                if (value != gp_rates_table(&cautious, k)[op][d]) write_op(text, gp_rates_kind[k], op, d, value);
            }
        }
    }
    gp_text_add(text, "end\n");
}

void gp_device_rates_write(const gp_device_rates *rates, const char *key, gp_text *text)
{
    gp_text_add(text, HEAD_DEVICE "\nfor %s\n", key);
    for (int i = 0; i < GP_RATES_DEVICE_COUNT; i++)
        gp_text_add(text, "%s %" PRIu64 "\n", gp_rates_device_info[i].name, millionths(rates->value[i]));
    gp_text_add(text, "end\n");
}

/* The next line, without its end; false behind the last, or where it is too long. */
static bool next_line(const char **text, char line[LINE_BYTES])
{
    const char *end = strchr(*text, '\n');
    if (end == NULL || end - *text >= LINE_BYTES) return false;
    memcpy(line, *text, (size_t)(end - *text));
    line[end - *text] = '\0';
    *text = end + 1;
    return true;
}

static bool is_head(const char **text, const char *head, const char *key)
{
    char line[LINE_BYTES];
    return next_line(text, line) && strcmp(line, head) == 0 && next_line(text, line) &&
           strncmp(line, "for ", 4) == 0 && strcmp(line + 4, key) == 0;
}

/* "name millionths"; the name is cut off at its end. */
static bool take_figure(char *line, double *value)
{
    char *space = strchr(line, ' '), *end;
    if (space == NULL || space[1] < '0' || space[1] > '9') return false;
    *space = '\0';
    errno = 0;
    *value = (double)strtoull(space + 1, &end, 10) / 1e6;
    return *end == '\0' && errno == 0;
}

static bool take_named(const gp_rate_info *info, size_t count, const char *name, double value, double *to)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(info[i].name, name) != 0) continue;
        to[i] = value;
        return true;
    }
    return false;
}

static size_t dtype_named(const char *name)
{
    size_t d = 0;
    while (d < GP_RATES_DTYPES && strcmp(gpuproc_dtype_name(gp_rates_dtype[d]), name) != 0) d++;
    return d;
}

/* "op.ADD.float32". Operations come in their order, so that the one from which the search starts is mostly the one. */
static bool take_op(const char *name, double value, int *from, gp_rates *rates)
{
    const char *own = strchr(name, '.'), *dot = own != NULL ? strchr(own + 1, '.') : NULL;
    size_t kind = own != NULL ? (size_t)(own - name) : 0, d = dot != NULL ? dtype_named(dot + 1) : GP_RATES_DTYPES;
    if (d == GP_RATES_DTYPES) return false;
    own++;
    double(*table)[GP_RATES_DTYPES] = NULL;
    for (size_t k = 0; k < GP_RATES_KINDS && table == NULL; k++) {
        if (strlen(gp_rates_kind[k]) == kind && memcmp(name, gp_rates_kind[k], kind) == 0) table = gp_rates_table(rates, k);
    }
    for (int i = 0; table != NULL && i < GP_OP_COUNT; i++) {
        int op = (*from + i) % GP_OP_COUNT;
        const char *known = gp_op_info_of((gp_op)op)->name;
        if (strncmp(known, own, (size_t)(dot - own)) != 0 || known[dot - own] != '\0') continue;
        table[op][d] = value;
        *from = op;
        return true;
    }
    return false;
}

bool gp_rates_read(const char *text, const char *key, gp_rates *rates)
{
    gp_rates r;
    char line[LINE_BYTES];
    double value;
    int figures = 0, op = 0;
    gp_rates_cautious(&r, 0);
    if (!is_head(&text, HEAD_HOST, key)) return false;
    while (next_line(&text, line)) {
        if (strcmp(line, "end") == 0) {
            r.measured = true;
            if (figures != GP_RATES_HOST_COUNT || r.threads == 0 || *text != '\0') return false;
            *rates = r;
            return true;
        }
        if (!take_figure(line, &value)) return false;
        if (strcmp(line, "threads") == 0) {
            if (value < 1 || value > 65536) return false;
            r.threads = (unsigned)value;
        } else if (strchr(line, '.') != NULL) {
            if (!take_op(line, value, &op, &r)) return false;
        } else {
            if (value <= 0 || !take_named(gp_rates_host_info, GP_RATES_HOST_COUNT, line, value, r.host)) return false;
            figures++;
        }
    }
    return false;
}

bool gp_device_rates_read(const char *text, const char *key, gp_device_rates *rates)
{
    gp_device_rates r;
    char line[LINE_BYTES];
    double value;
    int figures = 0;
    gp_device_rates_cautious(&r);
    if (!is_head(&text, HEAD_DEVICE, key)) return false;
    while (next_line(&text, line)) {
        if (strcmp(line, "end") == 0) {
            r.measured = true;
            if (figures != GP_RATES_DEVICE_COUNT || *text != '\0') return false;
            *rates = r;
            return true;
        }
        if (!take_figure(line, &value) ||
            !take_named(gp_rates_device_info, GP_RATES_DEVICE_COUNT, line, value, r.value))
            return false;
        figures++;
    }
    return false;
}
