/* Quantiles: against NumPy (golden/quantiles.txt), against sorting where the data is narrowed down to in several
 * passes, and of cells. */
#include "cases.h"
#include "fold_pieces.h"

#include "fold/quantile_method.h"

#include <math.h>
#include <stdio.h>

static const char *const methods[] = {
    "linear",  "lower",   "higher",          "midpoint",       "nearest", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased",
    "median"};

static double value_of(const void *data, gp_dtype dtype, uint64_t i)
{
    return dtype == GPUPROC_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static bool same(double x, double y) { return isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof x) == 0; }

/* Over all elements, and any zero for any other. */
static gp_fold_spec spec_of(gp_dtype operand, gp_dtype dtype, int method, bool nan, uint64_t n, const double *q, size_t qs)
{
    return (gp_fold_spec){.op = nan ? GP_OP_NANQUANTILE : GP_OP_QUANTILE,
                          .operand = {operand},
                          .operands = 1,
                          .shape = {1, {(int64_t)n}},
                          .size = method,
                          .dtype = dtype,
                          .result = {1, {(int64_t)qs}},
                          .q = q,
                          .qs = qs};
}

static size_t numbers(char **at, double *out)
{
    size_t n = 0;
    for (char *end;; *at = end) {
        out[n] = strtod(*at, &end);
        if (end == *at) break;
        n++;
        assert_true(n < 256);
    }
    while (**at == ' ' || **at == ':') (*at)++;
    return n;
}

static gp_dtype dtype_of(const char *code) { return strcmp(code, "f4") == 0 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64; }

static void goldens(void **unused)
{
    (void)unused;
    char path[4096];
    const char *folder = getenv("GPUPROC_TEST_SOURCE");
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/golden/quantiles.txt", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t room = 0, cases = 0, n = 0;
    uint64_t random = 20260308;
    double element[256], q[256], expected[256];
    float narrow[256];
    gp_dtype operand = GPUPROC_FLOAT64;
    while (getline(&line, &room, file) > 0) {
        char name[64], code[8], data[64];
        int used = 0;
        if (sscanf(line, "data %63s %7s : %n", data, code, &used) == 2 && used > 0) {
            char *at = line + used;
            operand = dtype_of(code);
            n = numbers(&at, element);
            for (size_t i = 0; i < n; i++) narrow[i] = (float)element[i];
            continue;
        }
        if (sscanf(line, "case %63s %7s %63s : %n", name, code, data, &used) != 3) continue;
        char *at = line + used;
        size_t qs = numbers(&at, q);
        assert_int_equal(numbers(&at, expected), qs);
        bool nan = strncmp(name, "nan", 3) == 0;
        int method = 0;
        while (strcmp(methods[method], name + (nan ? 3 : 0)) != 0) method++;
        gp_fold_spec spec = spec_of(operand, dtype_of(code), method, nan, n, q, qs);
        const void *in = operand == GPUPROC_FLOAT32 ? (void *)narrow : (void *)element;
        fold_ran ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec), 1 + cases % 2, 1 + cases % 7, &random);
        assert_int_equal(ran.status, GPUPROC_OK);
        assert_int_equal(ran.count, qs);
        for (size_t i = 0; i < qs; i++) {
            double found = value_of(ran.data, spec.dtype, i);
            if (!same(found, expected[i]))
                fail_msg("%s %s %s q %.17g: expected %a, found %a", name, code, data, q[i], expected[i], found);
        }
        if (strncmp(data, "allnan", 6) == 0 && nan)
            assert_string_equal(ran.warning, "All-NaN slice encountered");
        else
            assert_null(ran.warning);
        free(ran.data);
        cases++;
    }
    free(line);
    fclose(file);
    assert_true(cases > 500);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (x == 0 && y == 0) return (signbit(y) != 0) - (signbit(x) != 0);
    return (x > y) - (x < y);
}

/* What q is of n elements, of which NaNs are left out. Sorts them. */
static void by_sorting(const gp_fold_spec *spec, double *element, uint64_t n, unsigned char *out, size_t stride)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (!isnan(element[i])) element[kept++] = element[i];
    }
    qsort(element, kept, sizeof *element, compare);
    for (size_t i = 0; i < spec->qs; i++, out += stride) {
        if (kept == 0 || (kept < n && spec->op == GP_OP_QUANTILE)) {
            gp_quantile_write_nan(spec, out);
            continue;
        }
        gp_quantile_place place = gp_quantile_place_of((gp_quantile_method)spec->size, kept, spec->q[i]);
        gp_quantile_write(spec, &place, element[place.prev], element[place.next], out);
    }
}

enum { NORMAL, UNIFORM, EQUAL, TWO, BITS, SPECIAL, NANS, CLOSE, SORTED, KINDS };

static double draw(int kind, gp_dtype dtype, uint64_t i, uint64_t *random)
{
    static const double special[] = {0.0, -0.0, INFINITY, -INFINITY, 5e-324, -5e-324, 1e-40, -1e-45, 1.0, 1e38};
    uint64_t bits = fold_random(random);
    double unit = (double)(bits >> 11) * 0x1p-53, v = 0;
    float narrow;
    switch (kind) {
    case NORMAL: v = (unit - 0.5) * (double)(fold_random(random) >> 40) * 1e-7; break;
    case UNIFORM: v = unit; break;
    case EQUAL: v = -0.3; break;
    case TWO: v = bits >> 63 != 0 ? 1.5 : -2.5; break;
    case BITS:
        narrow = 0;
        memcpy(&v, &bits, sizeof v);
        memcpy(&narrow, &bits, sizeof narrow);
        if (dtype == GPUPROC_FLOAT32) v = (double)narrow;
        if (isnan(v)) v = 1;
        break;
    case SPECIAL: v = special[(bits >> 32) % 10]; break;
    case NANS: v = (bits >> 32) % 9 == 0 ? (bits >> 60 != 0 ? NAN : -NAN) : unit; break;
    case CLOSE: v = 1 + unit * (dtype == GPUPROC_FLOAT32 ? 1e-3 : 1e-7); break;
    default: v = (double)i * 0.37 - 1000; break;
    }
    return dtype == GPUPROC_FLOAT32 ? (double)(float)v : v;
}

static void put(void *data, gp_dtype dtype, uint64_t i, double v)
{
    if (dtype == GPUPROC_FLOAT32)
        ((float *)data)[i] = (float)v;
    else
        ((double *)data)[i] = v;
}

/* Over more elements than the memory that is given holds. */
static void narrows_down(void **unused)
{
    (void)unused;
    uint64_t random = 20260309;
    enum { N = 260000, QS = 40 };
    double *element = malloc(N * sizeof *element), q[QS];
    void *in = malloc(N * sizeof(double));
    for (int i = 0; i < QS; i++) q[i] = i == 0 ? 0.5 : i == 1 ? 0 : i == 2 ? 1 : (double)(fold_random(&random) >> 11) * 0x1p-53;
    for (int turn = 0; turn < 2 * KINDS; turn++) {
        int kind = turn / 2;
        gp_dtype dtype = turn % 2 == 0 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
        unsigned char expected[QS * sizeof(double)];
        gp_fold_spec all = spec_of(dtype, GPUPROC_FLOAT64, kind == SORTED ? GP_QUANTILE_HAZEN : GP_QUANTILE_LINEAR,
                                   kind == NANS, N, q, QS);
        for (uint64_t i = 0; i < N; i++) {
            element[i] = draw(kind, dtype, i, &random);
            put(in, dtype, i, element[i]);
        }
        by_sorting(&all, element, N, expected, sizeof(double));
        for (int round = 0; round < 5; round++) {
            gp_fold_spec spec = all;
            spec.qs = round == 0 ? 1 : round == 1 ? 3 : QS;
            uint64_t most = round == 4 ? 90000 : 20000, budget = gp_fold_bytes(&spec);
            if (round == 1) budget += UINT64_C(1) << 20;
            if (round == 3) budget += UINT64_C(64) << 20; /* all at once */
            fold_ran ran = fold_run_pieces(&spec, in, NULL, budget, 1 + (unsigned)round % 4, most, &random);
            if (ran.status != GPUPROC_OK) fail_msg("%s", ran.err.message);
            if (round == 3) assert_int_equal(ran.passes, 1);
            if (round < 2) assert_true(ran.passes <= (dtype == GPUPROC_FLOAT32 ? 2 : 4) + 2 * (unsigned)round);
            if (round == 0) assert_true(ran.passes > 1);
            for (size_t i = 0; i < spec.qs; i++) {
                double x = value_of(ran.data, GPUPROC_FLOAT64, i), y = value_of(expected, GPUPROC_FLOAT64, i);
                if (!same(x, y)) fail_msg("kind %d %s q %g: expected %a, found %a", kind, gpuproc_dtype_name(dtype), q[i], y, x);
            }
            assert_null(ran.warning);
            free(ran.data);
        }
        /* One NaN makes all of them NaN. */
        put(in, dtype, fold_random(&random) % N, -(double)NAN);
        gp_fold_spec spec = spec_of(dtype, dtype, GP_QUANTILE_LINEAR, false, N, q, 2);
        fold_ran ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec), 2, 50000, &random);
        assert_int_equal(ran.status, GPUPROC_OK);
        assert_int_equal(ran.passes, 1);
        assert_true(isnan(value_of(ran.data, dtype, 0)) && isnan(value_of(ran.data, dtype, 1)));
        free(ran.data);
    }
    /* NaNs only; and data that is another one in the second pass. */
    for (uint64_t i = 0; i < N; i++) put(in, GPUPROC_FLOAT64, i, NAN);
    gp_fold_spec spec = spec_of(GPUPROC_FLOAT64, GPUPROC_FLOAT64, GP_QUANTILE_LINEAR, true, N, q, 1);
    fold_ran ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec), 2, 50000, &random);
    assert_int_equal(ran.passes, 1);
    assert_true(isnan(value_of(ran.data, GPUPROC_FLOAT64, 0)));
    assert_string_equal(ran.warning, "All-NaN slice encountered");
    free(ran.data);
    free(element);
    free(in);
}

/* A file that changes while it is read must not be a danger. */
static void changing(void **unused)
{
    (void)unused;
    enum { N = 220000 };
    gp_workers workers = {3, each_threads, NULL};
    double *in = malloc(N * sizeof *in), q = 0.5;
    for (int way = 0; way < 3; way++) {
        gp_fold_spec spec = spec_of(GPUPROC_FLOAT64, GPUPROC_FLOAT64, GP_QUANTILE_LINEAR, false, N, &q, 1);
        gp_fold *fold = NULL;
        gpuproc_error err = {0};
        bool again = false;
        assert_int_equal(gp_fold_new(&spec, gp_fold_bytes(&spec), &workers, &fold, &err), GPUPROC_OK);
        for (int i = 0; i < N; i++) in[i] = way == 1 ? 1.0 : (double)i;
        gp_fold_piece piece = {.count = N, .operand = {in}};
        assert_int_equal(gp_fold_take(fold, &piece, &err), GPUPROC_OK);
        assert_int_equal(gp_fold_end(fold, &again, &err), GPUPROC_OK);
        assert_true(again);
        for (int i = 0; i < N; i++) in[i] = way == 0 ? N / 2.0 : way == 1 ? -7.0 : (double)i * 2;
        assert_int_equal(gp_fold_take(fold, &piece, &err), GPUPROC_OK);
        assert_int_equal(gp_fold_end(fold, &again, &err), GPUPROC_IO_READ);
        gp_fold_free(fold);
    }
    free(in);
}

static void cells(void **unused)
{
    (void)unused;
    uint64_t random = 20260310;
    double q[5] = {0.5, 0.9, 0, 0.123, 1};
    for (int round = 0; round < RANDOM_CASES(120); round++) {
        uint64_t count = 1 + fold_random(&random) % 40, cell = 1 + fold_random(&random) % (round % 4 == 0 ? 3000 : 60);
        gp_dtype dtype = round % 2 == 0 ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64;
        int kind = round % KINDS;
        gp_fold_spec spec = spec_of(dtype, dtype, (int)(fold_random(&random) % 14), round % 3 == 0, 0, q,
                                    round % 5 < 2 ? 1 : 5);
        /* The kept axis between ones, the reduced one behind it. */
        spec.shape = (gp_shape){4, {1, (int64_t)count, 1, (int64_t)cell}};
        spec.axes = 9;
        size_t wide = gpuproc_dtype_bytes(dtype);
        uint64_t n = count * cell;
        double *element = malloc(n * sizeof *element);
        void *in = malloc(n * sizeof(double));
        unsigned char *expected = malloc(count * 5 * sizeof(double));
        for (uint64_t i = 0; i < n; i++) {
            element[i] = draw(kind, dtype, i, &random);
            if (kind == NANS && round % 2 == 0 && i / cell % 3 == 0) element[i] = NAN;
            put(in, dtype, i, element[i]);
        }
        bool all_nan = false;
        for (uint64_t i = 0; i < count; i++) {
            bool none = true;
            for (uint64_t k = 0; k < cell; k++) none = none && isnan(element[i * cell + k]);
            all_nan = all_nan || (none && spec.op == GP_OP_NANQUANTILE);
            by_sorting(&spec, element + i * cell, cell, expected + i * wide, count * wide);
        }
        fold_ran ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec) + (round % 3 == 0 ? 0 : 1 << 20),
                                1 + (unsigned)round % 4, 1 + fold_random(&random) % (3 * cell + 2), &random);
        if (ran.status != GPUPROC_OK) fail_msg("%s", ran.err.message);
        assert_int_equal(ran.passes, 1);
        assert_int_equal(ran.count, count * spec.qs);
        for (uint64_t i = 0; i < ran.count; i++)
            assert_true(same(value_of(ran.data, dtype, i), value_of(expected, dtype, i)));
        assert_true((ran.warning != NULL) == all_nan);
        free(ran.data);
        free(element);
        free(in);
        free(expected);
    }
}

/* Cells that do not fit, in the memory that narrowing down needs for each. */
static void large_cells(void **unused)
{
    (void)unused;
    uint64_t random = 20260313;
    double q[3] = {0.5, 0.9, 0.01};
    enum { CELLS = 3, CELL = 450000 };
    double *element = malloc(CELLS * CELL * sizeof *element);
    float *in = malloc(CELLS * CELL * sizeof *in), expected[3 * CELLS];
    for (int turn = 0; turn < 2; turn++) {
        gp_fold_spec spec = spec_of(GPUPROC_FLOAT32, GPUPROC_FLOAT32, GP_QUANTILE_LINEAR, turn == 1, 0, q, 3);
        spec.shape = (gp_shape){2, {CELLS, CELL}};
        spec.axes = 2;
        for (uint64_t i = 0; i < CELLS * CELL; i++) {
            element[i] = draw((int)(i / CELL) + turn, GPUPROC_FLOAT32, i, &random);
            if (i / CELL == 1 && (turn == 1 || i % CELL == 7)) element[i] = NAN;
            in[i] = (float)element[i];
        }
        for (int i = 0; i < CELLS; i++)
            by_sorting(&spec, element + i * CELL, CELL, (unsigned char *)&expected[i], sizeof(float) * CELLS);
        assert_true(gp_fold_bytes(&spec) < CELLS * CELL * sizeof *in);
        fold_ran ran = fold_run_pieces(&spec, in, NULL, gp_fold_bytes(&spec), 2, CELL + CELL / 2, &random);
        if (ran.status != GPUPROC_OK) fail_msg("%s", ran.err.message);
        assert_true(ran.passes > 1);
        assert_int_equal(ran.count, 3 * CELLS);
        for (uint64_t i = 0; i < ran.count; i++)
            assert_true(same(value_of(ran.data, GPUPROC_FLOAT32, i), (double)expected[i]));
        assert_true((ran.warning != NULL) == (turn == 1));
        free(ran.data);
    }
    free(element);
    free(in);
}

static void nothing(void **unused)
{
    (void)unused;
    uint64_t random = 20260311;
    double q[2] = {0.5, 0.9};
    static const gp_shape shapes[] = {{1, {0}}, {2, {3, 0}}, {2, {0, 3}}, {2, {0, 0}}};
    static const uint64_t results[] = {1, 3, 0, 0};
    for (int i = 0; i < 4; i++) {
        for (size_t qs = 1; qs < 3; qs++) {
            gp_fold_spec spec = spec_of(GPUPROC_FLOAT32, GPUPROC_FLOAT32, GP_QUANTILE_MEDIAN, false, 0, q, qs);
            spec.shape = shapes[i];
            spec.axes = i == 0 ? 1 : 2;
            fold_ran ran = fold_run_pieces(&spec, q, NULL, gp_fold_bytes(&spec), 2, 5, &random);
            assert_int_equal(ran.status, GPUPROC_OK);
            assert_int_equal(ran.count, results[i] * qs);
            for (uint64_t k = 0; k < ran.count; k++) assert_true(isnan(value_of(ran.data, GPUPROC_FLOAT32, k)));
            if (ran.count > 0)
                assert_string_equal(ran.warning, "Mean of empty slice.");
            else
                assert_null(ran.warning);
            free(ran.data);
        }
    }
}

static void refusals(void **unused)
{
    (void)unused;
    uint64_t random = 20260312;
    double q = 0.5;
    gp_fold_spec spec = spec_of(GPUPROC_FLOAT32, GPUPROC_FLOAT32, GP_QUANTILE_LINEAR, false, 0, &q, 1);
    spec.shape = (gp_shape){2, {1 << 12, INT64_C(1) << 36}};
    spec.axes = 2;
    fold_ran ran = fold_run_pieces(&spec, &q, NULL, 1 << 30, 2, 5, &random);
    assert_int_equal(ran.status, GPUPROC_BUDGET);
    assert_non_null(strstr(ran.err.message, "quantile() needs"));
    spec.shape = (gp_shape){2, {3, 5}};
    spec.axes = 1;
    ran = fold_run_pieces(&spec, &q, NULL, 1 << 30, 2, 5, &random);
    assert_int_equal(ran.status, GPUPROC_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goldens),  cmocka_unit_test(narrows_down), cmocka_unit_test(changing),
        cmocka_unit_test(cells),    cmocka_unit_test(large_cells), cmocka_unit_test(nothing),     cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
