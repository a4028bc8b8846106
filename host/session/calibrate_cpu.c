/* The CPU's figures. Each is what a stage of a job says of itself, over what the job did; of an operation it is the
 * difference that the operation makes to one. */
#include "session/calibrate.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>

#define OPERATION_ELEMENTS (1 << 17)
#define SLOW_ELEMENTS (1 << 14) /* of what takes long enough with them */
#define SLOW_NS 3
#define FOLD_SIDE 256
#define MOST_ROWS 4096

/* ---- Operations --------------------------------------------------------------------- */

enum { FLOATS = 1, INTEGERS = 2 };

/* '@' stands for x times, or plus, something. */
typedef struct operation {
    gp_op op;
    const char *text;
    int kinds;
} operation;

/* ADD comes first: the others are told apart from it. */
static const operation table[] = {
    {GP_OP_MUL, "@*y", FLOATS | INTEGERS},
    {GP_OP_DIV, "@/y", FLOATS},
    {GP_OP_FLOORDIV, "@//y", FLOATS | INTEGERS},
    {GP_OP_MOD, "@%y", FLOATS | INTEGERS},
    {GP_OP_FMOD, "fmod(@,y)", FLOATS},
    {GP_OP_POW, "power(@,y)", FLOATS},
    {GP_OP_ARCTAN2, "arctan2(@,y)", FLOATS},
    {GP_OP_HYPOT, "hypot(@,y)", FLOATS},
    {GP_OP_LOGADDEXP, "logaddexp(@,y)", FLOATS},
    {GP_OP_LOGADDEXP2, "logaddexp2(@,y)", FLOATS},
    {GP_OP_MINIMUM, "minimum(@,y)", FLOATS | INTEGERS},
    {GP_OP_MAXIMUM, "maximum(@,y)", FLOATS | INTEGERS},
    {GP_OP_ABS, "abs(@)", FLOATS | INTEGERS},
    {GP_OP_SQUARE, "square(@)", FLOATS | INTEGERS},
    {GP_OP_SQRT, "sqrt(@)", FLOATS},
    {GP_OP_CBRT, "cbrt(@)", FLOATS},
    {GP_OP_EXP, "exp(@)", FLOATS},
    {GP_OP_EXP2, "exp2(@)", FLOATS},
    {GP_OP_EXPM1, "expm1(@)", FLOATS},
    {GP_OP_LOG, "log(@)", FLOATS},
    {GP_OP_LOG2, "log2(@)", FLOATS},
    {GP_OP_LOG10, "log10(@)", FLOATS},
    {GP_OP_LOG1P, "log1p(@)", FLOATS},
    {GP_OP_SIN, "sin(@)", FLOATS},
    {GP_OP_COS, "cos(@)", FLOATS},
    {GP_OP_TAN, "tan(@)", FLOATS},
    {GP_OP_ARCSIN, "arcsin(@)", FLOATS},
    {GP_OP_ARCCOS, "arccos(@)", FLOATS},
    {GP_OP_ARCTAN, "arctan(@)", FLOATS},
    {GP_OP_SINH, "sinh(@)", FLOATS},
    {GP_OP_COSH, "cosh(@)", FLOATS},
    {GP_OP_TANH, "tanh(@)", FLOATS},
    {GP_OP_ARCSINH, "arcsinh(@)", FLOATS},
    {GP_OP_ARCCOSH, "arccosh(@+1)", FLOATS},
    {GP_OP_ARCTANH, "arctanh(@)", FLOATS},
    {GP_OP_ERF, "erf(@)", FLOATS},
    {GP_OP_FLOOR, "floor(@)", FLOATS},
    {GP_OP_RINT, "rint(@)", FLOATS},
    {GP_OP_GCD, "gcd(@,y)", INTEGERS},
};

/* Nanoseconds of one thread per element, where all compute. Measured on the job's own thread, since others sometimes
 * wake up when all is done. */
static gpuproc_status time_kernel(gp_calibration *c, const char *expression, size_t dtype, bool slow, double crowd, double *ns,
                                  gpuproc_error *err)
{
    gpuproc_report r;
    int64_t elements = slow ? SLOW_ELEMENTS : OPERATION_ELEMENTS;
    gp_trial t = {.expression = expression, .dtype = dtype, .shape = {elements}, .threads = 1, .sync = true, .repeat = 4,
                  .enough_ns = 5000000};
    gpuproc_status st = gp_calibration_run(c, &t, &r, err);
    if (st != GPUPROC_OK) return st;
    *ns = (double)r.stage[GPUPROC_STAGE_KERNEL].busy_ns * crowd / (double)elements;
    return GPUPROC_OK;
}

/* Dozens of one operation show beside what a job costs. */
#define TIMES 12

/* The operation so many times, of slightly different operands, added up: two cheap operations beside each, but the
 * first. */
static void many_times(const char *text, bool integers, gp_text *out)
{
    gp_text_add(out, "max(");
    for (int i = 0; i < TIMES; i++) {
        gp_text_add(out, "%s", i > 0 ? "+(" : "(");
        for (const char *p = text; *p != '\0'; p++) {
            if (*p != '@') gp_text_add_bytes(out, p, 1);
            else if (i == 0) gp_text_add(out, "x");
            else gp_text_add(out, integers ? "(x+%d)" : "(x*0.%d)", integers ? i : 99 - i);
        }
        gp_text_add(out, ")");
    }
    gp_text_add(out, ")");
}

static gpuproc_status measure_many(gp_calibration *c, const char *text, size_t dtype, bool slow, double crowd, double *ns,
                                   gpuproc_error *err)
{
    gp_text expression = {0};
    many_times(text, dtype >= 2, &expression);
    gpuproc_status st = expression.failed ? gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an expression")
                                          : time_kernel(c, expression.data, dtype, slow, crowd, ns, err);
    gp_text_free(&expression);
    return st;
}

static gpuproc_status measure_operations(gp_calibration *c, size_t dtype, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_rates cautious;
    const double crowd = rates->host[GP_RATE_HOST_crowd];
    double alone, many;
    gp_rates_cautious(&cautious, c->threads);
    GP_TRY(time_kernel(c, "max(x)", dtype, false, crowd, &alone, err));
    GP_TRY(measure_many(c, "@+y", dtype, false, crowd, &many, err));
    double add = fmax((many - alone) / (3 * TIMES - 2), 0.005), cheap = cautious.op[GP_OP_ADD][dtype];
    for (int op = 0; op < GP_OP_COUNT; op++) {
        if (cautious.op[op][dtype] == cheap) rates->op[op][dtype] = add; /* the cheap ones are much alike */
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!(table[i].kinds & (dtype >= 2 ? INTEGERS : FLOATS))) continue;
        bool slow = cautious.op[table[i].op][dtype] >= SLOW_NS;
        GP_TRY(measure_many(c, table[i].text, dtype, slow, crowd, &many, err));
        rates->op[table[i].op][dtype] = fmax((many - alone - (2 * TIMES - 2) * add) / TIMES, 0.005);
    }
    rates->op[GP_OP_RECIPROCAL][dtype] = dtype < 2 ? rates->op[GP_OP_DIV][dtype] : rates->op[GP_OP_FLOORDIV][dtype];
out:
    return st;
}

/* What each reduction adds to a pass, and what they all share: getting the operand. Told apart by one and two of them. */
static gpuproc_status measure_reductions(gp_calibration *c, size_t dtype, gp_rates *rates, gpuproc_error *err)
{
    static const struct {
        gp_op op, same;
        const char *text;
    } reduction[] = {
        {GP_OP_SUM, GP_OP_MEAN, "sum(x)"},          {GP_OP_PROD, GP_OP_PROD, "prod(x)"},
        {GP_OP_ARGMIN, GP_OP_ARGMAX, "argmin(x)"},
        {GP_OP_VAR, GP_OP_STD, "var(x)"},           {GP_OP_COUNT_NONZERO, GP_OP_ANY, "count_nonzero(x)"},
    };
    gpuproc_status st = GPUPROC_OK;
    const double crowd = rates->host[GP_RATE_HOST_crowd];
    double one, two, ns;
    GP_TRY(time_kernel(c, "max(x)", dtype, false, crowd, &one, err));
    GP_TRY(time_kernel(c, "min(x); max(x)", dtype, false, crowd, &two, err));
    double added = fmin(fmax(two - one, 0.005), one), got = one - added;
    rates->op[GP_OP_MIN][dtype] = rates->op[GP_OP_MAX][dtype] = added;
    rates->op[GP_OP_INPUT][dtype] = got;
    for (size_t i = 0; i < sizeof reduction / sizeof reduction[0]; i++) {
        GP_TRY(time_kernel(c, reduction[i].text, dtype, false, crowd, &ns, err));
        rates->op[reduction[i].op][dtype] = rates->op[reduction[i].same][dtype] = fmax(ns - got, 0.005);
    }
out:
    return st;
}

/* ---- Folds ------------------------------------------------------------------------- */

typedef struct fold {
    const char *text, *row; /* row: the same along the last axis, where there is that; integers are much alike */
    bool array, floats, integers;
    int64_t rows;
    gp_op op[4]; /* that the figure is for */
} fold;

static gpuproc_status measure_fold(gp_calibration *c, const fold *f, const char *text, size_t dtype, bool alone, double *ns,
                                   gpuproc_error *err)
{
    gpuproc_report r;
    /* There is more of float32 (make_data). */
    int64_t rows = dtype > 0 && f->rows > MOST_ROWS ? MOST_ROWS : f->rows;
    gp_trial t = {.expression = text, .dtype = dtype, .shape = {rows, FOLD_SIDE}, .output = f->array, .repeat = 3,
                  .enough_ns = 8000000, .alone = alone};
    gpuproc_status st = gp_calibration_run(c, &t, &r, err);
    if (st == GPUPROC_OK) *ns = (double)r.stage[GPUPROC_STAGE_FOLD].busy_ns / ((double)rows * FOLD_SIDE);
    return st;
}

/* By all threads, and by one alone. */
static gpuproc_status measure_with_one(gp_calibration *c, const fold *f, const char *text, size_t dtype, double *all,
                                       double *one, gpuproc_error *err)
{
    gpuproc_status st = measure_fold(c, f, text, dtype, false, all, err);
    *one = *all;
    return st == GPUPROC_OK && c->alone != NULL ? measure_fold(c, f, text, dtype, true, one, err) : st;
}

static gpuproc_status measure_folds(gp_calibration *c, size_t dtype, gp_rates *rates, gpuproc_error *err)
{
    static const fold folds[] = {
        {"sum(x, axis=0)", "sum(x, axis=1)", true, true, true, 4096, {GP_OP_SUM, GP_OP_MEAN, GP_OP_PROD, GP_OP_COUNT_NONZERO}},
        {"max(x, axis=0)", "max(x, axis=1)", true, true, true, 4096, {GP_OP_MIN, GP_OP_MAX, GP_OP_ANY, GP_OP_ALL}},
        {"argmax(x, axis=0)", "argmax(x, axis=1)", true, true, true, 4096, {GP_OP_ARGMIN, GP_OP_ARGMAX, GP_OP_ARGMIN, GP_OP_ARGMIN}},
        {"var(x, axis=0)", "var(x, axis=1)", true, true, false, 4096, {GP_OP_VAR, GP_OP_STD, GP_OP_VAR, GP_OP_VAR}},
        {"cumsum(x)", NULL, true, true, true, 4096, {GP_OP_CUMSUM, GP_OP_CUMPROD, GP_OP_CUMMAX, GP_OP_CUMMIN}},
        {"median(x)", NULL, false, true, false, 16384, {GP_OP_QUANTILE, GP_OP_NANQUANTILE, GP_OP_QUANTILE, GP_OP_QUANTILE}},
        {"bincount(reshape(x, -1))", NULL, true, false, true, 4096, {GP_OP_BINCOUNT, GP_OP_BINCOUNT, GP_OP_BINCOUNT, GP_OP_BINCOUNT}},
        {"unique(x)", NULL, true, true, true, 256, {GP_OP_UNIQUE, GP_OP_UNIQUE_COUNTS, GP_OP_UNIQUE, GP_OP_UNIQUE}},
        {"x[x > 0.5]", NULL, true, true, true, 4096, {GP_OP_SELECT, GP_OP_SELECT, GP_OP_SELECT, GP_OP_SELECT}},
    };
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
        double all, one, row, row_one;
        if (dtype < 2 ? !folds[i].floats : !folds[i].integers) continue;
        GP_TRY(measure_with_one(c, &folds[i], folds[i].text, dtype, &all, &one, err));
        row = all;
        row_one = one;
        if (folds[i].row != NULL && dtype < 2)
            GP_TRY(measure_with_one(c, &folds[i], folds[i].row, dtype, &row, &row_one, err));
        for (int k = 0; k < 4; k++) {
            gp_op op = folds[i].op[k];
            rates->fold[op][dtype] = all;
            rates->fold_one[op][dtype] = one;
            rates->row[op][dtype] = row;
            rates->row_one[op][dtype] = row_one;
        }
    }
out:
    return st;
}

/* ---- All of it ---------------------------------------------------------------------------- */

gpuproc_status gp_calibrate_cpu(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    GP_TRY(gp_calibrate_machine(c, rates, err));
    for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
        static const char *const what[] = {"operations on float32", "operations on float64", "operations on int32",
                                           "operations on int64"};
        GP_TRY(gp_calibration_step(c, what[d], d < 2 ? 12 : 4, err));
        GP_TRY(measure_operations(c, d, rates, err));
        GP_TRY(measure_reductions(c, d, rates, err));
        GP_TRY(gp_calibration_step(c, "what goes in order", 3, err));
        GP_TRY(measure_folds(c, d, rates, err));
    }
out:
    return st;
}
