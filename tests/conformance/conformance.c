/* Every element-wise operation and dtype through the public API: see README.md. */
#include "golden.h"

#include "emit/pass.h"

#include <gpuproc/gpuproc.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Results of one program: many, because a device's compiler takes its time for each. */
#define BATCH 16

/* How one writes an operation; x, y and z are its operands. */
static const char *const spelled[GP_OP_COUNT] = {
    [GP_OP_ADD] = "x + y", [GP_OP_SUB] = "x - y", [GP_OP_MUL] = "x * y", [GP_OP_DIV] = "x / y",
    [GP_OP_FLOORDIV] = "x // y", [GP_OP_MOD] = "x % y", [GP_OP_FMOD] = "fmod(x, y)", [GP_OP_POW] = "x ** y",
    [GP_OP_ARCTAN2] = "arctan2(x, y)", [GP_OP_HYPOT] = "hypot(x, y)", [GP_OP_LOGADDEXP] = "logaddexp(x, y)",
    [GP_OP_LOGADDEXP2] = "logaddexp2(x, y)", [GP_OP_COPYSIGN] = "copysign(x, y)",
    [GP_OP_NEXTAFTER] = "nextafter(x, y)", [GP_OP_HEAVISIDE] = "heaviside(x, y)",
    [GP_OP_MINIMUM] = "minimum(x, y)", [GP_OP_MAXIMUM] = "maximum(x, y)", [GP_OP_FMIN] = "fmin(x, y)",
    [GP_OP_FMAX] = "fmax(x, y)", [GP_OP_BITAND] = "x & y", [GP_OP_BITOR] = "x | y", [GP_OP_BITXOR] = "x ^ y",
    [GP_OP_SHL] = "x << y", [GP_OP_SHR] = "x >> y", [GP_OP_GCD] = "gcd(x, y)", [GP_OP_LCM] = "lcm(x, y)",
    [GP_OP_EQ] = "x == y", [GP_OP_NE] = "x != y", [GP_OP_LT] = "x < y", [GP_OP_LE] = "x <= y", [GP_OP_GT] = "x > y",
    [GP_OP_GE] = "x >= y", [GP_OP_NEG] = "-x", [GP_OP_ABS] = "abs(x)", [GP_OP_SIGN] = "sign(x)",
    [GP_OP_SQUARE] = "square(x)", [GP_OP_RECIPROCAL] = "reciprocal(x)", [GP_OP_INVERT] = "~x",
    [GP_OP_BITCOUNT] = "bitwise_count(x)", [GP_OP_SQRT] = "sqrt(x)", [GP_OP_CBRT] = "cbrt(x)", [GP_OP_EXP] = "exp(x)",
    [GP_OP_EXP2] = "exp2(x)", [GP_OP_EXPM1] = "expm1(x)", [GP_OP_LOG] = "log(x)", [GP_OP_LOG2] = "log2(x)",
    [GP_OP_LOG10] = "log10(x)", [GP_OP_LOG1P] = "log1p(x)", [GP_OP_SIN] = "sin(x)", [GP_OP_COS] = "cos(x)",
    [GP_OP_TAN] = "tan(x)", [GP_OP_ARCSIN] = "arcsin(x)", [GP_OP_ARCCOS] = "arccos(x)", [GP_OP_ARCTAN] = "arctan(x)",
    [GP_OP_SINH] = "sinh(x)", [GP_OP_COSH] = "cosh(x)", [GP_OP_TANH] = "tanh(x)", [GP_OP_ARCSINH] = "arcsinh(x)",
    [GP_OP_ARCCOSH] = "arccosh(x)", [GP_OP_ARCTANH] = "arctanh(x)", [GP_OP_ERF] = "erf(x)",
    [GP_OP_FLOOR] = "floor(x)", [GP_OP_CEIL] = "ceil(x)", [GP_OP_TRUNC] = "trunc(x)", [GP_OP_RINT] = "rint(x)",
    [GP_OP_SPACING] = "spacing(x)", [GP_OP_ISNAN] = "isnan(x)", [GP_OP_ISINF] = "isinf(x)",
    [GP_OP_ISFINITE] = "isfinite(x)", [GP_OP_SIGNBIT] = "signbit(x)", [GP_OP_CAST] = "x.astype(t)",
    [GP_OP_WHERE] = "where(x, y, z)",
};

/* Negative exponents of integers are an error, so they are taken out and the golden 0 put in. */
#define SIGNED_POWER "where(y < 0, 0, x ** where(y < 0, 0, y))"

typedef struct device {
    char index[24];
    bool opencl, fp64;
} device;

typedef struct fixture {
    golden *golden;
    gpuproc_session *session[2]; /* with one thread, with two */
    device device[8];
    size_t devices;
} fixture;

typedef struct way {
    const device *device;
    gpuproc_session *session;
    unsigned threads;
    uint64_t chunk;
    size_t n;
    bool zero_d;
} way;

/* ---- writing a program ------------------------------------------------------------- */

static void spell(const golden_case *c, char *text, size_t room)
{
    bool is_signed = gp_dtype_kind(c->operand) == GP_KIND_INT;
    const char *form = c->op == GP_OP_POW && is_signed ? SIGNED_POWER : spelled[c->op];
    size_t used = 0;
    text[0] = 0;
    for (const char *p = form; *p != 0; p++) {
        /* A letter that stands alone is an operand. */
        bool alone = (p == form || p[-1] < 'a' || p[-1] > 'z') && (p[1] < 'a' || p[1] > 'z');
        bool operand = alone && *p >= 'x' && *p <= 'z', type = alone && *p == 't';
        const char *name = operand ? c->arg[*p - 'x']->name : gpuproc_dtype_name(c->result);
        used += (size_t)(operand || type ? snprintf(text + used, room - used, "%s", name)
                                         : snprintf(text + used, room - used, "%c", *p));
        assert_true(used < room);
    }
}

static void fail_on(const way *w, const char *text, const char *what)
{
    fail_msg("device %s, n %zu%s, chunk %llu, threads %u: %s: %s", w->device->index, w->n,
             w->zero_d ? " (0-d)" : "", (unsigned long long)w->chunk, w->threads, text, what);
}

/* ---- one program -------------------------------------------------------------------- */

typedef struct bound {
    const golden_set *set;
    guarded buffer;
    gpuproc_array *array;
} bound;

static size_t bind_sets(const golden_case *const *item, size_t items, const way *w, bound *in)
{
    size_t count = 0;
    for (size_t i = 0; i < items; i++) {
        for (int k = 0; k < item[i]->arity; k++) {
            const golden_set *set = item[i]->arg[k];
            size_t j = 0;
            while (j < count && in[j].set != set) j++;
            if (j < count) continue;
            size_t size = gpuproc_dtype_bytes(set->dtype);
            int64_t shape = (int64_t)w->n;
            in[count] = (bound){.set = set, .buffer = guarded_new(w->n * size)};
            guarded_fill(&in[count].buffer, set->bytes, set->n, size, w->n);
            gpuproc_error err;
            if (gpuproc_array_from_memory(set->dtype, w->zero_d ? 0 : 1, &shape, in[count].buffer.data,
                                          &in[count].array, &err) != GPUPROC_OK) {
                fail_on(w, set->name, err.message);
            }
            count++;
        }
    }
    return count;
}

static int allowed(const golden_case *c, const device *d)
{
    const gp_op_info *info = gp_op_info_of(c->op);
    if (!gp_dtype_is_float(c->operand)) return 0;
    if (!d->opencl) return info->cpu_ulp;
    return c->operand == GPUPROC_FLOAT32 ? info->cl_ulp_f32 : info->cl_ulp_f64;
}

/* lang/ops.h: where the sum of a logaddexp cancels, its bound is one on the operands. */
static bool cancelled(const golden_case *c, size_t k, const void *got, const void *want, bool opencl)
{
    if (c->op != GP_OP_LOGADDEXP && c->op != GP_OP_LOGADDEXP2) return false;
    size_t size = gpuproc_dtype_bytes(c->operand);
    double x = golden_value(c->arg[0]->bytes + k * size, c->operand);
    double y = golden_value(c->arg[1]->bytes + k * size, c->operand);
    double g = golden_value(got, c->operand), w = golden_value(want, c->operand);
    double unit = !opencl ? 0x1p-62 : c->operand == GPUPROC_FLOAT32 ? 0x1p-21 : 0x1p-50;
    return fabs(g - w) <= unit * fmax(fabs(x), fabs(y));
}

static void compare(const golden_case *c, const char *text, const guarded *out, const way *w)
{
    size_t size = gpuproc_dtype_bytes(c->result);
    int ulp = allowed(c, w->device);
    for (size_t i = 0; i < w->n; i++) {
        size_t k = i % c->n;
        const unsigned char *got = out->data + i * size, *want = c->want + k * size;
        if (golden_close(got, want, c->result, ulp) || cancelled(c, k, got, want, w->device->opencl)) continue;
        char what[400];
        int used = snprintf(what, sizeof what, "[%zu], operands", i);
        for (int j = 0; j < c->arity; j++) {
            uint64_t raw = 0;
            size_t bytes = gpuproc_dtype_bytes(c->arg[j]->dtype);
            memcpy(&raw, c->arg[j]->bytes + k * bytes, bytes);
            used += snprintf(what + used, sizeof what - (size_t)used, " %#llx", (unsigned long long)raw);
        }
        uint64_t got_raw = 0, want_raw = 0;
        memcpy(&got_raw, got, size);
        memcpy(&want_raw, want, size);
        snprintf(what + used, sizeof what - (size_t)used, ": got %#llx, want %#llx (within %d ulp)",
                 (unsigned long long)got_raw, (unsigned long long)want_raw, ulp);
        fail_on(w, text, what);
    }
}

static void run_batch(const golden_case *const *item, size_t items, const way *w)
{
    bound in[3 * BATCH];
    size_t ins = bind_sets(item, items, w, in);
    char text[BATCH][160], whole[BATCH * 170] = "", name[BATCH][24];
    guarded out[BATCH];
    gpuproc_input input[3 * BATCH];
    gpuproc_output output[BATCH] = {0};
    for (size_t i = 0; i < ins; i++) input[i] = (gpuproc_input){in[i].set->name, in[i].array};
    for (size_t i = 0; i < items; i++) {
        spell(item[i], text[i], sizeof text[i]);
        snprintf(name[i], sizeof name[i], "o%zu", i);
        size_t used = strlen(whole);
        snprintf(whole + used, sizeof whole - used, "%s%s = %s", i > 0 ? "; " : "", name[i], text[i]);
        out[i] = guarded_new(w->n * gpuproc_dtype_bytes(item[i]->result));
        output[i] = (gpuproc_output){.name = name[i], .kind = GPUPROC_OUTPUT_MEMORY, .data = out[i].data,
                                     .bytes = out[i].bytes};
    }

    gpuproc_job_options options = {.struct_size = sizeof options, .device = w->device->index,
                                   .chunk_bytes = w->chunk, .flags = GPUPROC_JOB_NO_FALLBACK};
    gpuproc_job *job = NULL;
    gpuproc_error err = {0};
    gpuproc_status status = gpuproc_submit(w->session, whole, input, ins, output, items, &options, &job, &err);
    if (status == GPUPROC_OK) status = gpuproc_job_wait(job, UINT64_MAX, &err);
    if (status != GPUPROC_OK) fail_on(w, whole, err.message);
    assert_int_equal(gpuproc_job_result_count(job), items);
    for (size_t i = 0; i < items; i++) {
        gpuproc_result result = {.struct_size = sizeof result};
        assert_int_equal(gpuproc_job_result(job, i, &result, &err), GPUPROC_OK);
        if (result.dtype != item[i]->result) fail_on(w, text[i], gpuproc_dtype_name(result.dtype));
        if (result.ndim != (w->zero_d ? 0 : 1)) fail_on(w, text[i], "another number of dimensions");
        if (result.ndim == 1) assert_int_equal(result.shape[0], w->n);
    }
    gpuproc_job_free(job);

    for (size_t i = 0; i < items; i++) {
        if (!guarded_intact(&out[i])) fail_on(w, text[i], "wrote beside its result");
        compare(item[i], text[i], &out[i], w);
        guarded_free(&out[i]);
    }
    for (size_t i = 0; i < ins; i++) {
        const golden_set *s = in[i].set;
        size_t size = gpuproc_dtype_bytes(s->dtype);
        if (!guarded_intact(&in[i].buffer)) fail_on(w, s->name, "wrote beside an operand");
        for (size_t k = 0; k < w->n; k++) {
            if (memcmp(in[i].buffer.data + k * size, s->bytes + k % s->n * size, size) != 0)
                fail_on(w, s->name, "changed an operand");
        }
        gpuproc_array_free(in[i].array);
        guarded_free(&in[i].buffer);
    }
}

/* ---- the matrix -------------------------------------------------------------------- */

static bool needs_fp64(const golden_case *c)
{
    bool needs = c->result == GPUPROC_FLOAT64;
    for (int k = 0; k < c->arity; k++) needs |= c->arg[k]->dtype == GPUPROC_FLOAT64;
    return needs;
}

static void every_case(fixture *f, const device *d)
{
    static const size_t sizes[] = {0, 1, 2, GP_BLOCK - 1, GP_BLOCK, GP_BLOCK + 1, 5003};
    const golden_case *item[BATCH];
    size_t items = 0;
    for (size_t i = 0; i <= f->golden->items; i++) {
        const golden_case *c = i < f->golden->items ? &f->golden->item[i] : NULL;
        if (c != NULL && d->opencl && !d->fp64 && needs_fp64(c)) continue;
        if (c != NULL) {
            if (spelled[c->op] == NULL) fail_msg("%s has no spelling here", gp_op_info_of(c->op)->name);
            assert_true(c->n <= 5003);
            item[items++] = c;
        }
        if (items < BATCH && c != NULL) continue;
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            for (unsigned threads = 1; threads <= (d->opencl ? 1 : 2); threads++) {
                way w = {.device = d, .session = f->session[threads - 1], .threads = threads, .n = sizes[k]};
                run_batch(item, items, &w);
                w.chunk = 1; /* the smallest: one block */
                if (w.n > GP_BLOCK) run_batch(item, items, &w);
                w.zero_d = w.n == 1;
                if (w.zero_d) run_batch(item, items, &w);
            }
        }
        items = 0;
    }
}

static void the_cpu_conforms(void **state)
{
    fixture *f = *state;
    every_case(f, &f->device[0]);
}

static void every_opencl_device_conforms(void **state)
{
    fixture *f = *state;
    if (f->devices < 2) {
        const char *required = getenv("GPUPROC_REQUIRE_DEVICE");
        if (required != NULL && strcmp(required, "1") == 0) fail_msg("there is no OpenCL device");
        skip();
    }
    for (size_t i = 1; i < f->devices; i++) every_case(f, &f->device[i]);
}

static void every_operation_is_in_the_golden_file(void **state)
{
    const fixture *f = *state;
    static const gp_dtype computed[] = {
#define X(name, type, kind) GPUPROC_##name,
        GP_DTYPES(X)
#undef X
    };
    for (int op = 0; op < GP_OP_COUNT; op++) {
        const gp_op_info *info = gp_op_info_of((gp_op)op);
        if (!info->elementwise || info->special) continue; /* conformance_special.c */
        for (size_t d = 0; d < sizeof computed / sizeof *computed; d++) {
            gp_dtype t = computed[d];
            int kind = t == GPUPROC_BOOL ? GP_B : gp_dtype_is_float(t) ? GP_F : GP_I;
            if ((info->kinds & kind) == 0) continue;
            size_t seen = 0;
            for (size_t i = 0; i < f->golden->items; i++) {
                seen += f->golden->item[i].op == (gp_op)op && f->golden->item[i].operand == t;
            }
            if (seen < (op == GP_OP_CAST ? 11 : 1)) fail_msg("no %s of %s", info->name, gpuproc_dtype_name(t));
        }
    }
}

/* An integer to a negative power is refused on every device, wherever the exponent comes. */
static void a_negative_power_of_an_integer_is_an_error(void **state)
{
    fixture *f = *state;
    static int32_t x[5003], y[5003], out[5003];
    for (size_t i = 0; i < 5003; i++) x[i] = 3;
    y[4000] = -1;
    for (size_t d = 0; d < f->devices; d++) {
        int64_t shape = 5003;
        gpuproc_array *ax = NULL, *ay = NULL;
        gpuproc_error err = {0};
        assert_int_equal(gpuproc_array_from_memory(GPUPROC_INT32, 1, &shape, x, &ax, &err), GPUPROC_OK);
        assert_int_equal(gpuproc_array_from_memory(GPUPROC_INT32, 1, &shape, y, &ay, &err), GPUPROC_OK);
        gpuproc_input in[] = {{"x", ax}, {"y", ay}};
        gpuproc_output o = {.kind = GPUPROC_OUTPUT_MEMORY, .data = out, .bytes = sizeof out};
        gpuproc_job_options options = {.struct_size = sizeof options, .device = f->device[d].index, .chunk_bytes = 1};
        gpuproc_job *job = NULL;
        assert_int_equal(gpuproc_submit(f->session[1], "x ** y", in, 2, &o, 1, &options, &job, &err), GPUPROC_OK);
        assert_int_equal(gpuproc_job_wait(job, UINT64_MAX, &err), GPUPROC_DOMAIN);
        gpuproc_job_free(job);
        gpuproc_array_free(ax);
        gpuproc_array_free(ay);
    }
}

/* ---- setting up --------------------------------------------------------------------- */

static int open_all(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->golden = golden_read_elementwise();
    gpuproc_error err;
    for (unsigned k = 0; k < 2; k++) {
        gpuproc_session_options options = {.struct_size = sizeof options, .threads = k + 1, .cache_dir = "conformance-cache"};
        if (gpuproc_session_open(&options, &f->session[k], &err) != GPUPROC_OK) return -1;
    }
    size_t count = gpuproc_device_count(f->session[0]);
    for (size_t i = 0; i < count && f->devices < 8; i++) {
        gpuproc_device_info info = {.struct_size = sizeof info};
        if (gpuproc_device_info_get(f->session[0], i, &info, &err) != GPUPROC_OK) return -1;
        if (info.note[0] != 0) {
            print_message("device %zu, %s, is left out: %s\n", i, info.name, info.note);
            continue;
        }
        device *d = &f->device[f->devices++];
        *d = (device){.opencl = info.kind != GPUPROC_DEVICE_CPU, .fp64 = info.fp64};
        snprintf(d->index, sizeof d->index, "%zu", i);
        print_message("device %s: %s\n", d->index, info.name);
    }
    *state = f;
    return 0;
}

static int close_all(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < 2; k++) gpuproc_session_close(f->session[k]);
    golden_free(f->golden);
    free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_in_the_golden_file),
        cmocka_unit_test(the_cpu_conforms),
        cmocka_unit_test(every_opencl_device_conforms),
        cmocka_unit_test(a_negative_power_of_an_integer_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
