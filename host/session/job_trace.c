/* The spans of an ended job, for its owner. */
#include "base/memory.h"
#include "session/job.h"

#include <string.h>

/* ---- Names ------------------------------------------------------------------ */

static void add_name(gp_text *text, const char *name)
{
    gp_text_add(text, "%s%s", text->length ? ", " : "", name);
}

static const char *input_name(const gpuproc_job *job, size_t array)
{
    if (array >= job->program.inputs) return "between passes";
    const gp_input *input = &job->program.input[array];
    return input->data == NULL && input->name != NULL ? input->name : "constants";
}

static char *reads_of(const gpuproc_job *job, const gp_plan_pass *pass)
{
    gp_text text = {0};
    for (size_t i = 0; i < pass->pass.inputs; i++) {
        const char *name = input_name(job, (size_t)pass->pass.input[i].input);
        bool told = false;
        for (size_t k = 0; k < i && !told; k++)
            told = strcmp(name, input_name(job, (size_t)pass->pass.input[k].input)) == 0;
        if (!told) add_name(&text, name);
    }
    return text.data; /* NULL: nothing, or out of memory: a name less */
}

static const char *target_name(const gpuproc_job *job, size_t target)
{
    for (size_t r = 0; r < job->results; r++) {
        if (job->result[r].target == target) return job->result[r].result->name;
    }
    return "result";
}

static char *writes_of(const gpuproc_job *job, const gp_plan_pass *pass)
{
    gp_text text = {0};
    bool between = false;
    for (size_t o = 0; o < pass->pass.outputs; o++) {
        if (pass->output_target[o] != SIZE_MAX) add_name(&text, target_name(job, pass->output_target[o]));
    }
    for (size_t f = 0; f < pass->folds; f++) {
        if (pass->fold[f].target != SIZE_MAX) add_name(&text, target_name(job, pass->fold[f].target));
        between = between || pass->fold[f].array >= 0;
    }
    if (between) add_name(&text, "between passes");
    return text.data;
}

void gp_job_name_spans(gpuproc_job *job)
{
    size_t passes = job->plan.passes;
    if (job->run.trace.limit == 0 && job->run.trace.spans == 0) return;
    job->device_name = gp_calloc(job->devices + 1, sizeof *job->device_name);
    job->pass_reads = gp_calloc(passes, sizeof *job->pass_reads);
    job->pass_writes = gp_calloc(passes, sizeof *job->pass_writes);
    for (size_t d = 0; job->device_name != NULL && d <= job->devices; d++)
        job->device_name[d] = gp_strdup(d < job->devices ? job->device[d]->info.name : job->run.cpu->info.name);
    for (size_t i = 0; i < passes; i++) {
        if (job->pass_reads != NULL) job->pass_reads[i] = reads_of(job, &job->plan.pass[i]);
        if (job->pass_writes != NULL) job->pass_writes[i] = writes_of(job, &job->plan.pass[i]);
    }
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++) free(names[i]);
    free(names);
}

void gp_job_free_spans(gpuproc_job *job)
{
    free_names(job->device_name, job->devices + 1);
    free_names(job->pass_reads, job->plan.passes);
    free_names(job->pass_writes, job->plan.passes);
    free_names(job->pass_folds, job->plan.passes);
    gp_trace_free(&job->run.trace);
}

/* ---- Questions --------------------------------------------------------------- */

static bool has_ended(const gpuproc_job *job) { return atomic_load(&((gpuproc_job *)job)->end_ns) != 0; }

size_t gpuproc_job_span_count(const gpuproc_job *job)
{
    return job != NULL && has_ended(job) ? job->run.trace.spans : 0;
}

static const char *name_at(char *const *names, size_t count, size_t index)
{
    return names != NULL && index < count ? names[index] : NULL;
}

gpuproc_status gpuproc_job_span(const gpuproc_job *job, size_t index, gpuproc_span *span, gpuproc_error *err)
{
    size_t spans = gpuproc_job_span_count(job);
    if (span == NULL || span->struct_size < sizeof *span)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "span %zu: struct_size is not set", index);
    if (index >= spans)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "no span %zu: there are %zu", index, spans);
    const gp_trace_span *s = &job->run.trace.span[index];
    *span = (gpuproc_span){.struct_size = span->struct_size, .stage = (gpuproc_stage)s->stage,
                           .flags = s->flags, .pass = s->pass, .chunk = s->chunk, .slot = s->slot,
                           .device = s->device, .bytes = s->bytes, .bytes_in_place = s->bytes_in_place,
                           .begin_ns = s->begin_ns - job->begin_ns, .end_ns = s->end_ns - job->begin_ns,
                           .error_ns = s->error_ns};
    if (s->device >= 0) span->device_name = name_at(job->device_name, job->devices + 1, (size_t)s->device);
    if (s->pass > 0 && s->stage == GPUPROC_STAGE_READ)
        span->arrays = name_at(job->pass_reads, job->plan.passes, s->pass - 1);
    if (s->pass > 0 && s->stage == GPUPROC_STAGE_WRITE)
        span->arrays = name_at(job->pass_writes, job->plan.passes, s->pass - 1);
    return GPUPROC_OK;
}
