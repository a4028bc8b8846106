/* The figures of the machine and its CPU. Each is what a stage of a job says of itself, over what the job did; of an
 * operation it is the difference that the operation makes to one. */
#include "session/calibrate.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OPERATION_ELEMENTS (1 << 20)
#define FOLD_SIDE 1024

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

/* Nanoseconds of one thread per element. */
static gpuproc_status time_kernel(gp_calibration *c, const char *expression, size_t dtype, double *ns, gpuproc_error *err)
{
    gpuproc_report r;
    gp_trial t = {.expression = expression, .dtype = dtype, .shape = {OPERATION_ELEMENTS}, .repeat = 16, .enough_ns = 25000000};
    gpuproc_status st = gp_calibration_run(c, &t, &r, err);
    if (st == GPUPROC_OK)
        *ns = gp_calibration_thread_ns(c, r.stage[GPUPROC_STAGE_KERNEL].busy_ns) / OPERATION_ELEMENTS;
    return st;
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

static gpuproc_status measure_many(gp_calibration *c, const char *text, size_t dtype, double *ns, gpuproc_error *err)
{
    gp_text expression = {0};
    many_times(text, dtype >= 2, &expression);
    gpuproc_status st = expression.failed ? gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an expression")
                                          : time_kernel(c, expression.data, dtype, ns, err);
    gp_text_free(&expression);
    return st;
}

static gpuproc_status measure_operations(gp_calibration *c, size_t dtype, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_rates cautious;
    double alone, many;
    gp_rates_cautious(&cautious, c->threads);
    GP_TRY(time_kernel(c, "max(x)", dtype, &alone, err));
    GP_TRY(measure_many(c, "@+y", dtype, &many, err));
    double add = fmax((many - alone) / (3 * TIMES - 2), 0.005), cheap = cautious.op[GP_OP_ADD][dtype];
    for (int op = 0; op < GP_OP_COUNT; op++) {
        if (cautious.op[op][dtype] == cheap) rates->op[op][dtype] = add; /* the cheap ones are much alike */
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!(table[i].kinds & (dtype >= 2 ? INTEGERS : FLOATS))) continue;
        GP_TRY(measure_many(c, table[i].text, dtype, &many, err));
        rates->op[table[i].op][dtype] = fmax((many - alone - (2 * TIMES - 2) * add) / TIMES, 0.005);
    }
    rates->op[GP_OP_RECIPROCAL][dtype] = dtype < 2 ? rates->op[GP_OP_DIV][dtype] : rates->op[GP_OP_FLOORDIV][dtype];
out:
    return st;
}

static gpuproc_status measure_reductions(gp_calibration *c, size_t dtype, gp_rates *rates, gpuproc_error *err)
{
    static const struct {
        gp_op op, same;
        const char *text;
    } reduction[] = {
        {GP_OP_SUM, GP_OP_MEAN, "sum(x)"},          {GP_OP_PROD, GP_OP_PROD, "prod(x)"},
        {GP_OP_MIN, GP_OP_MAX, "min(x)"},           {GP_OP_ARGMIN, GP_OP_ARGMAX, "argmin(x)"},
        {GP_OP_VAR, GP_OP_STD, "var(x)"},           {GP_OP_COUNT_NONZERO, GP_OP_ANY, "count_nonzero(x)"},
    };
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < sizeof reduction / sizeof reduction[0]; i++) {
        double ns;
        GP_TRY(time_kernel(c, reduction[i].text, dtype, &ns, err));
        rates->op[reduction[i].op][dtype] = rates->op[reduction[i].same][dtype] = ns;
    }
out:
    return st;
}

/* ---- Folds ------------------------------------------------------------------------- */

static gpuproc_status measure_fold(gp_calibration *c, const char *text, bool array, int64_t rows, size_t dtype, double *ns,
                                   gpuproc_error *err)
{
    gpuproc_report r;
    gp_trial t = {.expression = text, .dtype = dtype, .shape = {rows, FOLD_SIDE}, .output = array, .repeat = 8,
                  .enough_ns = 40000000};
    gpuproc_status st = gp_calibration_run(c, &t, &r, err);
    if (st == GPUPROC_OK)
        *ns = gp_calibration_thread_ns(c, r.stage[GPUPROC_STAGE_FOLD].busy_ns) / ((double)rows * FOLD_SIDE);
    return st;
}

static gpuproc_status measure_folds(gp_calibration *c, size_t dtype, gp_rates *rates, gpuproc_error *err)
{
    static const struct {
        const char *text;
        bool array, floats, integers;
        gp_op op[4]; /* that the figure is for */
    } fold[] = {
        {"sum(x, axis=0)", true, true, true, {GP_OP_SUM, GP_OP_MEAN, GP_OP_PROD, GP_OP_COUNT_NONZERO}},
        {"max(x, axis=0)", true, true, true, {GP_OP_MIN, GP_OP_MAX, GP_OP_ANY, GP_OP_ALL}},
        {"argmax(x, axis=0)", true, true, true, {GP_OP_ARGMIN, GP_OP_ARGMAX, GP_OP_ARGMIN, GP_OP_ARGMIN}},
        {"var(x, axis=0)", true, true, false, {GP_OP_VAR, GP_OP_STD, GP_OP_VAR, GP_OP_VAR}},
        {"cumsum(x)", true, true, true, {GP_OP_CUMSUM, GP_OP_CUMPROD, GP_OP_CUMMAX, GP_OP_CUMMIN}},
        {"median(x)", false, true, false, {GP_OP_QUANTILE, GP_OP_NANQUANTILE, GP_OP_QUANTILE, GP_OP_QUANTILE}},
        {"bincount(reshape(x, -1))", true, false, true, {GP_OP_BINCOUNT, GP_OP_BINCOUNT, GP_OP_BINCOUNT, GP_OP_BINCOUNT}},
        {"unique(x)", true, true, true, {GP_OP_UNIQUE, GP_OP_UNIQUE_COUNTS, GP_OP_UNIQUE, GP_OP_UNIQUE}},
        {"x[x > 0.5]", true, true, true, {GP_OP_SELECT, GP_OP_SELECT, GP_OP_SELECT, GP_OP_SELECT}},
    };
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < sizeof fold / sizeof fold[0]; i++) {
        double ns;
        if (dtype < 2 ? !fold[i].floats : !fold[i].integers) continue;
        /* A few elements are sorted at once; it is streams of them that are wanted. */
        int64_t rows = fold[i].op[0] == GP_OP_QUANTILE ? 3 * FOLD_SIDE - 8 : FOLD_SIDE;
        GP_TRY(measure_fold(c, fold[i].text, fold[i].array, rows, dtype, &ns, err));
        for (int k = 0; k < 4; k++) rates->fold[fold[i].op[k]][dtype] = ns;
    }
out:
    return st;
}

/* ---- Memory and fixed costs ---------------------------------------------------------- */

static double rate(uint64_t bytes, uint64_t ns) { return (double)bytes / (double)gp_max_u64(ns, 1); }

/* What all threads do, where they all have something to do. */
static double shared_rate(const gp_calibration *c, double work, uint64_t busy_ns)
{
    return work * c->threads / gp_calibration_thread_ns(c, busy_ns);
}

static gpuproc_status measure_memory(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_report r;
    gp_trial t = {.expression = "max(maximum(x, y))", .shape = {(int64_t)(c->bytes / 4)}, .repeat = 3};
    gpuproc_status st = gp_calibration_run(c, &t, &r, err);
    if (st != GPUPROC_OK) return st;
    rates->host[GP_RATE_HOST_memory] = shared_rate(c, 2 * (double)c->bytes, r.stage[GPUPROC_STAGE_KERNEL].busy_ns);
    gp_trial copy = {.expression = "x", .shape = {(int64_t)(c->bytes / 4)}, .output = true, .repeat = 3};
    st = gp_calibration_run(c, &copy, &r, err);
    if (st == GPUPROC_OK)
        rates->host[GP_RATE_HOST_copy] = rate(c->bytes, gp_max_u64(r.stage[GPUPROC_STAGE_KERNEL].busy_ns,
                                                                   r.stage[GPUPROC_STAGE_WRITE].busy_ns));
    return st;
}

static gpuproc_status measure_fixed(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report one, two, many;
    gp_trial t = {.expression = "max(x)", .shape = {1024}, .repeat = 30};
    GP_TRY(gp_calibration_run(c, &t, &one, err));
    t.expression = "max(x - max(x))";
    GP_TRY(gp_calibration_run(c, &t, &two, err));
    double pass = fmax((double)two.wall_ns - (double)one.wall_ns, 1000);
    rates->host[GP_RATE_HOST_pass_ns] = fmin(pass, (double)one.wall_ns);
    rates->host[GP_RATE_HOST_job_ns] = fmax((double)one.wall_ns - pass, 1000);
    t = (gp_trial){.expression = "max(x)", .shape = {OPERATION_ELEMENTS}, .chunk_bytes = 8192, .repeat = 6};
    GP_TRY(gp_calibration_run(c, &t, &many, err));
    double chunks_ns = fmin((double)many.wall_ns - (double)one.wall_ns, c->cpu_ns);
    rates->host[GP_RATE_HOST_chunk_ns] = fmax(chunks_ns / (double)many.chunks, 100);
out:
    return st;
}

/* ---- Matrices --------------------------------------------------------------------------- */

static void measure_matrices(gp_calibration *c, gp_rates *rates)
{
    gpuproc_report r;
    for (size_t d = 0; d < 2; d++) {
        gp_trial t = {.expression = "x @ y", .dtype = d, .shape = {FOLD_SIDE, FOLD_SIDE}, .output = true, .repeat = 2};
        /* What this installation cannot do keeps its guess. */
        if (gp_calibration_run(c, &t, &r, NULL) != GPUPROC_OK) continue;
        rates->host[d == 0 ? GP_RATE_HOST_gemm_f4 : GP_RATE_HOST_gemm_f8] =
            shared_rate(c, 2.0 * FOLD_SIDE * FOLD_SIDE * FOLD_SIDE, r.stage[GPUPROC_STAGE_KERNEL].busy_ns);
    }
    gp_trial t = {.expression = "linalg.inv(x)", .dtype = 1, .shape = {512, 512}, .output = true, .repeat = 2};
    if (gp_calibration_run(c, &t, &r, NULL) == GPUPROC_OK)
        rates->host[GP_RATE_HOST_lapack] =
            shared_rate(c, 2.0 * 512 * 512 * 512, r.stage[GPUPROC_STAGE_FOLD].busy_ns);
}

/* ---- Files ------------------------------------------------------------------------------ */

static double cores_used(double cpu_ns, uint64_t ns, unsigned threads)
{
    return fmin(fmax(cpu_ns / (double)gp_max_u64(ns, 1), 0.1), threads);
}

static gpuproc_status measure_writing(gp_calibration *c, const char *path, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report small, large;
    gp_trial t = {.expression = "x", .shape = {1024}, .file_out = path, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &small, err));
    t = (gp_trial){.expression = "x", .shape = {(int64_t)(c->bytes / 4)}, .file_out = path, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &large, err));
    uint64_t write = large.stage[GPUPROC_STAGE_WRITE].busy_ns, commit = large.stage[GPUPROC_STAGE_COMMIT].busy_ns;
    rates->host[GP_RATE_HOST_write] = rate(c->bytes, write);
    rates->host[GP_RATE_HOST_write_cores] = cores_used(c->cpu_ns, write, c->threads);
    rates->host[GP_RATE_HOST_commit_ns] = (double)gp_max_u64(small.stage[GPUPROC_STAGE_COMMIT].busy_ns, 1000);
    double more = (double)commit - rates->host[GP_RATE_HOST_commit_ns];
    rates->host[GP_RATE_HOST_commit] = fmin((double)c->bytes / fmax(more, 1), 1000);
out:
    return st;
}

static void forget_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fdatasync(fd);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

static gpuproc_status measure_reading(gp_calibration *c, const char *path, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_report r;
    int64_t elements = (int64_t)(c->bytes / 4);
    gp_trial t = {.expression = "max(x)", .shape = {elements}, .file_in = path, .repeat = 3};
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    rates->host[GP_RATE_HOST_mapped] = shared_rate(c, (double)c->bytes, r.stage[GPUPROC_STAGE_KERNEL].busy_ns);
    /* What is not aligned cannot be mapped, and is copied. */
    t = (gp_trial){.expression = "max(x)", .shape = {elements - 1}, .file_in = path, .offset = 2, .repeat = 4};
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    uint64_t ns = r.stage[GPUPROC_STAGE_READ].busy_ns;
    double kernel = (double)c->bytes / rates->host[GP_RATE_HOST_memory] * c->threads;
    rates->host[GP_RATE_HOST_cache_read] = rate(c->bytes, ns);
    rates->host[GP_RATE_HOST_read_cores] = cores_used(c->cpu_ns - kernel, ns, c->threads);
    forget_file(path);
    t = (gp_trial){.expression = "max(x)", .shape = {elements}, .file_in = path};
    GP_TRY(gp_calibration_run(c, &t, &r, err));
    rates->host[GP_RATE_HOST_disk_read] = rate(c->bytes, gp_max_u64(r.stage[GPUPROC_STAGE_READ].busy_ns, 1));
    if (r.stage[GPUPROC_STAGE_READ].busy_ns == 0) rates->host[GP_RATE_HOST_disk_read] = rates->host[GP_RATE_HOST_cache_read];
out:
    return st;
}

static gpuproc_status measure_files(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_text path = {0};
    const char *folder = getenv("TMPDIR");
    gp_text_add(&path, "%s/gpuproc-calibrate-XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
    int fd = path.failed ? -1 : mkstemp(path.data);
    if (fd < 0) {
        st = gp_fail_errno(err, GPUPROC_IO_OPEN, errno, path.data ? path.data : "", "cannot make a file to measure with");
        goto out;
    }
    close(fd);
    GP_TRY(gp_calibration_step(c, "writing", 4, err));
    GP_TRY(measure_writing(c, path.data, rates, err));
    GP_TRY(gp_calibration_step(c, "reading out of the page cache and past it", 4, err));
    GP_TRY(measure_reading(c, path.data, rates, err));
out:
    if (fd >= 0) unlink(path.data);
    gp_text_free(&path);
    return st;
}

/* ---- All of it ---------------------------------------------------------------------------- */

gpuproc_status gp_calibrate_cpu(gp_calibration *c, gp_rates *rates, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    GP_TRY(gp_calibration_step(c, "memory", 3, err));
    GP_TRY(measure_memory(c, rates, err));
    GP_TRY(gp_calibration_step(c, "what a job costs", 3, err));
    GP_TRY(measure_fixed(c, rates, err));
    GP_TRY(measure_files(c, rates, err));
    for (size_t d = 0; d < GP_RATES_DTYPES; d++) {
        static const char *const what[] = {"operations on float32", "operations on float64", "operations on int32",
                                           "operations on int64"};
        GP_TRY(gp_calibration_step(c, what[d], d < 2 ? 12 : 4, err));
        GP_TRY(measure_operations(c, d, rates, err));
        GP_TRY(measure_reductions(c, d, rates, err));
        GP_TRY(gp_calibration_step(c, "what goes in order", 2, err));
        GP_TRY(measure_folds(c, d, rates, err));
    }
    GP_TRY(gp_calibration_step(c, "matrices", 6, err));
    measure_matrices(c, rates);
out:
    return st;
}
