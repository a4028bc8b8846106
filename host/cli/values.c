#include "values.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number: 0.DIGITS times 10 to `point`. */
typedef struct decimal {
    char digits[24];
    int point;
} decimal;

typedef enum precision { HALF, SINGLE, DOUBLE } precision;

/* Rounded to float16: 11 bits, fewer below 2^-14. */
static double half_of(double value)
{
    int exponent;
    frexp(value, &exponent);
    double unit = ldexp(1, (exponent < -13 ? -13 : exponent) - 11);
    return rint(value / unit) * unit;
}

static bool reads_back(const char *text, double value, precision p)
{
    if (p == SINGLE) return strtof(text, NULL) == (float)value;
    return (p == HALF ? half_of(strtod(text, NULL)) : strtod(text, NULL)) == value;
}

static decimal decimal_of(const char *scientific)
{
    decimal d = {.digits = ""};
    size_t n = 0;
    const char *p = scientific;
    for (; *p != 'e'; p++) {
        if (*p != '.') d.digits[n++] = *p;
    }
    while (n > 1 && d.digits[n - 1] == '0') n--;
    d.digits[n] = '\0';
    d.point = atoi(p + 1) + 1;
    return d;
}

/* Adds one to the last digit of "d.ddde+XX"; false where it would carry. */
static bool step_up(char *scientific)
{
    char *last = strchr(scientific, 'e') - 1;
    if (*last == '9') return false;
    ++*last;
    return true;
}

/* The fewest digits that read back as `value`, which is positive and finite. */
static decimal shortest(double value, precision p)
{
    char text[40];
    int most = p == HALF ? 5 : p == SINGLE ? 9 : 17;
    for (int n = 1; n < most; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, value);
        if (reads_back(text, value, p)) return decimal_of(text);
        /* Above a power of two the neighbours are further off than below it: there
         * the next number up may read back where the nearest one does not. */
        if (step_up(text) && reads_back(text, value, p)) return decimal_of(text);
    }
    snprintf(text, sizeof text, "%.*e", most - 1, value);
    return decimal_of(text);
}

/* As NumPy 2.4 has it: positional from 1e-4 up to 1e16 (float32: 1e6, float16: 1e3), with a ".0" at least. */
static void float_text(double value, precision p, char *buf)
{
    if (isnan(value)) {
        strcpy(buf, "nan");
        return;
    }
    if (signbit(value)) *buf++ = '-';
    value = fabs(value);
    if (isinf(value)) {
        strcpy(buf, "inf");
        return;
    }
    if (value == 0) {
        strcpy(buf, "0.0");
        return;
    }
    decimal d = shortest(value, p);
    int n = (int)strlen(d.digits);
    if (value >= (p == HALF ? 1e3 : p == SINGLE ? 1e6 : 1e16) || value < 1e-4) {
        snprintf(buf, VALUE_TEXT - 1, "%c%s%se%+03d", d.digits[0], n > 1 ? "." : "", d.digits + 1,
                 d.point - 1);
    } else if (d.point <= 0) {
        snprintf(buf, VALUE_TEXT - 1, "0.%.*s%s", -d.point, "0000", d.digits);
    } else if (d.point >= n) {
        snprintf(buf, VALUE_TEXT - 1, "%s%.*s.0", d.digits, d.point - n, "0000000000000000");
    } else {
        snprintf(buf, VALUE_TEXT - 1, "%.*s.%s", d.point, d.digits, d.digits + d.point);
    }
}

/* A part of a complex number: whole ones without the ".0". */
static void part_text(double value, precision p, char buf[VALUE_TEXT])
{
    float_text(value, p, buf);
    size_t n = strlen(buf);
    if (n > 2 && strcmp(buf + n - 2, ".0") == 0) buf[n - 2] = '\0';
}

/* As Python: (1+2j), and 2j where the real part is +0. */
static void complex_text(const gpuproc_scalar *scalar, char buf[VALUE_TEXT])
{
    char re[VALUE_TEXT], im[VALUE_TEXT];
    precision p = scalar->dtype == GPUPROC_COMPLEX64 ? SINGLE : DOUBLE;
    part_text(scalar->value.c[0], p, re);
    part_text(scalar->value.c[1], p, im);
    if (strcmp(re, "0") == 0) snprintf(buf, VALUE_TEXT, "%.36sj", im);
    else snprintf(buf, VALUE_TEXT, "(%.36s%s%.36sj)", re, im[0] == '-' ? "" : "+", im);
}

const char *value_text(const gpuproc_scalar *scalar, char buf[VALUE_TEXT])
{
    switch (scalar->dtype) {
    case GPUPROC_BOOL: strcpy(buf, scalar->value.u ? "True" : "False"); break;
    case GPUPROC_INT8:
    case GPUPROC_INT16:
    case GPUPROC_INT32:
    case GPUPROC_INT64: snprintf(buf, VALUE_TEXT, "%" PRId64, scalar->value.i); break;
    case GPUPROC_UINT8:
    case GPUPROC_UINT16:
    case GPUPROC_UINT32:
    case GPUPROC_UINT64: snprintf(buf, VALUE_TEXT, "%" PRIu64, scalar->value.u); break;
    case GPUPROC_FLOAT32: float_text(scalar->value.f, SINGLE, buf); break;
    case GPUPROC_FLOAT16: float_text(scalar->value.f, HALF, buf); break;
    case GPUPROC_FLOAT64: float_text(scalar->value.f, DOUBLE, buf); break;
    case GPUPROC_COMPLEX64:
    case GPUPROC_COMPLEX128: complex_text(scalar, buf); break;
    }
    return buf;
}

const char *bytes_text(uint64_t bytes, char buf[VALUE_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        snprintf(buf, VALUE_TEXT, "%" PRIu64 " B", bytes);
        return buf;
    }
    double value = (double)bytes / 1024;
    int unit = 0;
    for (; value >= 1023.95 && unit < 5; unit++) value /= 1024;
    snprintf(buf, VALUE_TEXT, "%.1f %s", value, units[unit]);
    return buf;
}

/* Three digits: 1.23, 12.3, 123. */
static const char *three_digits(double v, const char *unit, char buf[VALUE_TEXT])
{
    int places = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
    snprintf(buf, VALUE_TEXT, "%.*f %s", places, v, unit);
    return buf;
}

const char *time_text(uint64_t ns, char buf[VALUE_TEXT])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double v = (double)ns;
    int u = 0;
    for (; u < 3 && v >= 999.5; u++) v /= 1000;
    if (u == 0) snprintf(buf, VALUE_TEXT, "%.0f ns", v);
    else three_digits(v, units[u], buf);
    return buf;
}

const char *rate_text(uint64_t bytes, uint64_t ns, char buf[VALUE_TEXT])
{
    static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
    buf[0] = '\0';
    if (bytes == 0 || ns == 0) return buf;
    double v = (double)bytes / (double)ns * 1e9;
    int u = 0;
    for (; u < 4 && v >= 999.5; u++) v /= 1000;
    return three_digits(v, units[u], buf);
}
