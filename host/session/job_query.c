/* What a job's owner may ask of it. */
#include "base/clock.h"
#include "base/memory.h"
#include "session/job.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

gpuproc_status gpuproc_job_wait(gpuproc_job *job, uint64_t timeout_ns, gpuproc_error *err)
{
    if (job == NULL) return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "job is NULL: nothing to wait for");
    uint64_t until = 0;
    bool for_ever = !gp_add_u64(gp_now_ns(), timeout_ns, &until);
    struct timespec at = {.tv_sec = (time_t)(until / 1000000000u),
                          .tv_nsec = (long)(until % 1000000000u)};
    int timed_out = 0;
    pthread_mutex_lock(&job->lock);
    while (!job->ended && timed_out == 0) {
        if (for_ever) pthread_cond_wait(&job->changed, &job->lock);
        else timed_out = pthread_cond_timedwait(&job->changed, &job->lock, &at);
    }
    bool ended = job->ended;
    gpuproc_error error = job->error;
    pthread_mutex_unlock(&job->lock);
    if (!ended) return gp_fail(err, GPUPROC_TIMEOUT, "the job is still under way");
    if (err != NULL && error.status != GPUPROC_OK) *err = error;
    return error.status;
}

void gpuproc_job_cancel(gpuproc_job *job)
{
    if (job == NULL) return;
    atomic_store(&job->run.cancelled, true);
    gp_mailbox_wake(&job->run.box);
}

void gpuproc_job_progress(gpuproc_job *job, gpuproc_progress *progress)
{
    if (job == NULL || progress == NULL || progress->struct_size < sizeof *progress) return;
    uint64_t end = atomic_load(&job->end_ns);
    progress->pass = atomic_load(&job->run.counters.pass);
    progress->passes = (unsigned)job->plan.passes;
    progress->bytes_done = atomic_load(&job->run.counters.bytes_done);
    progress->bytes_total = job->bytes_total + atomic_load(&job->run.counters.bytes_again);
    progress->elapsed_ns = (end ? end : gp_now_ns()) - job->begin_ns;
}

size_t gpuproc_job_result_count(const gpuproc_job *job) { return job != NULL ? job->targets : 0; }

gpuproc_status gpuproc_job_result(const gpuproc_job *job, size_t index, gpuproc_result *result,
                                  gpuproc_error *err)
{
    const gp_job_result *r = job != NULL && index < job->targets ? job->shown[index] : NULL;
    if (r == NULL || result == NULL || result->struct_size < sizeof *result)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       r == NULL ? "no result %zu" : "result %zu: struct_size is not set", index);
    const gp_node *node = &job->program.node[r->result->node];
    *result = (gpuproc_result){.struct_size = result->struct_size, .name = r->result->name,
                               .named = r->result->named,
                               .is_scalar = r->path == NULL && !r->to_memory,
                               .dtype = node->dtype, .ndim = node->shape.ndim, .path = r->path};
    gp_shape shape;
    gp_job_result_shape(job, r, &shape);
    memcpy(result->shape, shape.dim, sizeof result->shape);
    if (atomic_load(&job->end_ns) != 0) result->scalar = job->run.value[r->result->node];
    result->scalar.dtype = node->dtype; /* a job that failed has no value */
    return GPUPROC_OK;
}

void gp_job_name_devices(gpuproc_job *job)
{
    const gp_counters *c = &job->run.counters;
    gp_text names = {0};
    bool cpu_named = false;
    for (size_t d = 0; d < job->devices && d < 64; d++) {
        if (!c->used_device[d]) continue;
        cpu_named = cpu_named || job->device[d] == job->run.cpu;
        gp_text_add(&names, "%s%s", names.length ? " + " : "", job->device[d]->info.name);
    }
    if (c->used_cpu && !cpu_named)
        gp_text_add(&names, "%s%s", names.length ? " + " : "", job->run.cpu->info.name);
    snprintf(job->device_names, sizeof job->device_names, "%s", names.data ? names.data : "");
    gp_text_free(&names);
}

void gpuproc_job_report(const gpuproc_job *job, gpuproc_report *report)
{
    if (job == NULL || report == NULL || report->struct_size < sizeof *report) return;
    const gp_counters *c = &job->run.counters;
    size_t size = report->struct_size;
    uint64_t end = atomic_load(&((gpuproc_job *)job)->end_ns);
    *report = (gpuproc_report){.struct_size = size, .passes = (unsigned)job->plan.passes};
    if (end == 0) return; /* the counters are the loop's until then */
    report->slots = c->slots;
    report->threads = c->threads;
    report->chunks = c->chunks;
    report->chunk_elements = c->chunk_elements;
    gp_trace_report(&job->run.trace, end - job->begin_ns, report);
    report->bytes_read = report->stage[GPUPROC_STAGE_READ].bytes;
    report->bytes_viewed = report->stage[GPUPROC_STAGE_READ].bytes_in_place;
    report->bytes_written = report->stage[GPUPROC_STAGE_WRITE].bytes;
    report->program_ns = report->stage[GPUPROC_STAGE_PROGRAM].sum_ns;
    report->program_cached = c->program_cached;
    report->memory_bytes = c->memory_bytes;
    report->fallbacks = c->fallbacks;
    report->retries = c->retries;
    report->rounds = c->rounds;
    report->product_bytes = c->product_bytes;
    report->product_least_bytes = c->product_least_bytes;
    if (job->tell_predicted) {
        report->predicted_wall_ns = (uint64_t)job->predicted.cost.wall_ns;
        for (int i = 0; i < GPUPROC_STAGES; i++) report->predicted_ns[i] = (uint64_t)job->predicted.cost.ns[i];
        report->predicted_calibrated = job->predicted.calibrated;
    }
    snprintf(report->device, sizeof report->device, "%s", job->device_names);
    snprintf(report->reason, sizeof report->reason, "%s", job->reason);
    snprintf(report->warnings, sizeof report->warnings, "%s",
             job->run.warnings.data ? job->run.warnings.data : "");
}
