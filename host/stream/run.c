#include "stream/run.h"

#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "stream/run_pass.h"

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

uint64_t gp_run_uniform_bits(const gpuproc_scalar *value)
{
    /* The union's members share their 64 bits; float32 is held as a double. */
    return value->value.u;
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
    if (flags & GP_FLAG_NEG_POWER)
        st = gp_fail(err, GPUPROC_DOMAIN, "integers to negative integer powers are not allowed");
out:
    free(uniform);
    free(value);
    return st;
}

gpuproc_status gp_run_plan(gp_run *run, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    run->kept = gp_calloc(run->plan->program->inputs, sizeof *run->kept);
    if (run->kept == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a job");
    for (size_t i = 0; i < run->plan->passes; i++) {
        atomic_store(&run->counters.pass, (unsigned)i + 1);
        GP_TRY(evaluate_scalars(run, &run->plan->pass[i].scalars, err));
        GP_TRY(gp_run_pass(run, &run->plan->pass[i], err));
        (void)gp_kept_forget(run, i + 1);
    }
    GP_TRY(evaluate_scalars(run, &run->plan->last_scalars, err));
out:
    (void)gp_kept_forget(run, run->plan->passes);
    free(run->kept);
    run->kept = NULL;
    return st;
}
