#include "stream/run.h"

#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "lang/checks.h"
#include "stream/run_pass.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void gp_run_log(gp_run *run, gpuproc_log_level level, const char *fmt, ...)
{
    if (run->log == NULL) return;
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    run->log(run->log_ctx, level, line);
}

void gp_run_warn(gp_run *run, const char *text)
{
    if (run->warnings.data != NULL && strstr(run->warnings.data, text) != NULL) return;
    gp_text_add(&run->warnings, "%s%s", run->warnings.length ? "; " : "", text);
}

void gp_run_warn_flags(gp_run *run, uint32_t flags)
{
    if (flags & GP_FLAG_DIVIDE) gp_run_warn(run, "divide by zero in integer arithmetic");
    if (flags & GP_FLAG_FLOAT_DIVIDE) gp_run_warn(run, "divide by zero");
    if (flags & GP_FLAG_FLOAT_OVERFLOW) gp_run_warn(run, "overflow");
    if (flags & GP_FLAG_FLOAT_INVALID) gp_run_warn(run, "invalid value");
}

gpuproc_status gp_run_check_flags(uint32_t flags, gpuproc_error *err)
{
    if (flags & GP_FLAG_NEG_POWER)
        return gp_fail(err, GPUPROC_DOMAIN, "integers to negative integer powers are not allowed");
    if (flags & GP_FLAG_INDEX)
        return gp_fail(err, GPUPROC_DOMAIN, "index is out of bounds for the array that is taken from");
    for (int id = 0; id < GP_CHECK_COUNT; id++) {
        if (flags >> (GP_FLAG_CHECK + id) & 1)
            return gp_fail(err, GPUPROC_DOMAIN, "%s", gp_check_message((gp_check_id)id));
    }
    return GPUPROC_OK;
}

uint64_t gp_run_uniform_bits(const gpuproc_scalar *value)
{
    /* The union's members share their 64 bits; float16 and float32 are held as doubles. Kernels read
     * no complex ones. */
    return value->value.u;
}

static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31) return mantissa ? copysign((double)NAN, sign) : sign * (double)INFINITY;
    return sign * (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24));
}

void gp_run_keep_value(gp_run *run, int node, gp_dtype dtype, const void *element)
{
    gpuproc_scalar *value = &run->value[node];
    uint16_t half;
    float pair[2];
    *value = (gpuproc_scalar){.dtype = dtype};
    switch (dtype) {
#define X(name, type, kind)                                                      \
    case GPUPROC_##name: {                                                       \
        type v;                                                                  \
        memcpy(&v, element, sizeof v);                                           \
        if (GP_KIND_##kind == GP_KIND_FLOAT) value->value.f = (double)v;         \
        else if (GP_KIND_##kind == GP_KIND_INT) value->value.i = (int64_t)v;     \
        else value->value.u = (uint64_t)v;                                       \
        break;                                                                   \
    }
        GP_DTYPES(X)
#undef X
    case GPUPROC_FLOAT16:
        memcpy(&half, element, sizeof half);
        value->value.f = half_value(half);
        break;
    case GPUPROC_COMPLEX64:
        memcpy(pair, element, sizeof pair);
        value->value.c[0] = (double)pair[0];
        value->value.c[1] = (double)pair[1];
        break;
    case GPUPROC_COMPLEX128: memcpy(value->value.c, element, sizeof value->value.c); break;
    default: break;
    }
}

/* ---- The trace ----------------------------------------------------------- */

int16_t gp_run_device_number(const gp_run *run, const gp_device *device)
{
    size_t d = 0;
    while (d < run->devices && run->device[d] != device) d++;
    return device != NULL ? (int16_t)gp_min_u64(d, INT16_MAX) : -1;
}

void gp_run_trace(gp_run *run, gpuproc_stage stage, const gp_device *device, uint64_t begin_ns, uint64_t end_ns,
                  uint64_t bytes, uint64_t bytes_in_place)
{
    gp_trace_span span = {.begin_ns = begin_ns, .end_ns = end_ns, .chunk = GPUPROC_NO_CHUNK, .bytes = bytes,
                          .bytes_in_place = bytes_in_place, .pass = atomic_load(&run->counters.pass),
                          .slot = -1, .device = gp_run_device_number(run, device), .stage = (uint8_t)stage};
    gp_trace_add(&run->trace, &span);
}

/* ---- One operation alone ------------------------------------------------- */

typedef struct lone {
    gp_mail mail;
    gp_run *run;
} lone;

static void read_done(gp_read *read)
{
    lone *l = read->ctx;
    gp_mailbox_post(&l->run->box, &l->mail);
}

static void write_done(gp_write *write)
{
    lone *l = write->ctx;
    gp_mailbox_post(&l->run->box, &l->mail);
}

gpuproc_status gp_run_read(gp_run *run, gp_read *read, uint64_t bytes, gpuproc_error *err)
{
    lone l = {.run = run};
    read->done = read_done;
    read->ctx = &l;
    gp_source_read(read);
    /* The only mail is this one; the rest are wakes. */
    do {
        if (atomic_load(&run->cancelled)) gp_source_cancel(read->source);
    } while (gp_mailbox_take(&run->box) == NULL);
    gp_run_trace(run, GPUPROC_STAGE_READ, NULL, read->begin_ns, read->end_ns, bytes, 0);
    if (read->status != GPUPROC_OK && err != NULL) *err = read->error;
    return read->status;
}

gpuproc_status gp_run_write(gp_run *run, gp_write *write, gpuproc_error *err)
{
    lone l = {.run = run};
    write->done = write_done;
    write->ctx = &l;
    gp_sink_write(write);
    do {
        if (atomic_load(&run->cancelled)) gp_sink_cancel(write->sink);
    } while (gp_mailbox_take(&run->box) == NULL);
    gp_run_trace(run, GPUPROC_STAGE_WRITE, NULL, write->begin_ns, write->end_ns, write->bytes, 0);
    if (write->status != GPUPROC_OK && err != NULL) *err = write->error;
    return write->status;
}

/* Evaluates the scalars of `pass` into run->value. */
static gpuproc_status evaluate_scalars(gp_run *run, const gp_pass *pass, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    uint32_t flags = 0;
    uint64_t *uniform = NULL;
    gpuproc_scalar *value = NULL;
    if (pass->outputs == 0) return GPUPROC_OK;
    uniform = gp_calloc(pass->uniforms, sizeof *uniform);
    value = gp_calloc(pass->outputs, sizeof *value);
    if (uniform == NULL || value == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while computing scalars");
        goto out;
    }
    for (size_t u = 0; u < pass->uniforms; u++)
        uniform[u] = gp_run_uniform_bits(&run->value[pass->uniform[u]]);
    GP_TRY(gp_cpu_evaluate_scalars(run->cpu, pass, uniform, value, &flags, err));
    for (size_t o = 0; o < pass->outputs; o++) run->value[pass->output[o].node] = value[o];
    gp_run_warn_flags(run, flags);
    st = gp_run_check_flags(flags, err);
out:
    free(uniform);
    free(value);
    return st;
}

uint64_t gp_run_bytes(const gp_plan *plan)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->passes; i++) {
        const gp_pass *pass = &plan->pass[i].pass;
        for (size_t k = 0; k < pass->inputs && pass->count > 0; k++) {
            const gp_pass_input *in = &pass->input[k];
            bytes += (in->streamed ? pass->count : in->count) * gpuproc_dtype_bytes(in->dtype);
        }
        for (size_t o = 0; o < pass->outputs; o++) {
            if (plan->pass[i].output_target[o] != SIZE_MAX)
                bytes += pass->count * gpuproc_dtype_bytes(pass->output[o].dtype);
        }
        for (size_t f = 0; f < plan->pass[i].folds; f++) {
            const gp_fold_spec *spec = &plan->pass[i].fold[f].spec;
            uint64_t most = gp_shape_size(&spec->result);
            if (spec->growing) most = gp_min_u64(most, pass->count); /* it seldom comes to the most that is allowed */
            bytes += most * gpuproc_dtype_bytes(spec->dtype);
        }
    }
    return bytes;
}

gpuproc_status gp_run_plan(gp_run *run, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t arrays = run->plan->program->inputs + run->plan->storeds;
    fenv_t env;
    /* This thread and the one for folds, which inherits it, round to nearest and keep subnormals. */
    fegetenv(&env);
    fesetenv(FE_DFL_ENV);
    run->kept = gp_calloc(arrays, sizeof *run->kept);
    run->store = gp_calloc(run->plan->storeds, sizeof *run->store);
    if (run->kept == NULL || run->store == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a job");
        goto out;
    }
    GP_TRY(gp_run_check_budget(run, err));
    for (size_t i = 0; i < run->plan->passes; i++) {
        atomic_store(&run->counters.pass, (unsigned)i + 1);
        GP_TRY(evaluate_scalars(run, &run->plan->pass[i].scalars, err));
        GP_TRY(gp_stores_before(run, i, err));
        GP_TRY(gp_run_pass(run, &run->plan->pass[i], err));
        (void)gp_kept_forget(run, i + 1);
        GP_TRY(gp_stores_after(run, i, err));
    }
    GP_TRY(evaluate_scalars(run, &run->plan->last_scalars, err));
out:
    if (run->kept != NULL) (void)gp_kept_forget(run, run->plan->passes);
    gp_stores_free(run);
    free(run->kept);
    run->kept = NULL;
    fesetenv(&env);
    return st;
}
