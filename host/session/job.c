/* Submitting a job and running it on its loop thread; the smallest on the caller's. */
#include "session/job.h"

#include "base/clock.h"
#include "base/machine.h"
#include "base/memory.h"
#include "io/crew.h"
#include "io/gather.h"
#include "lang/compile.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- The list of a session's jobs ------------------------------------------ */

static void link_job(gpuproc_job *job, gpuproc_session *session)
{
    pthread_mutex_lock(&session->jobs_lock);
    job->session = session;
    job->next = session->jobs;
    if (job->next != NULL) job->next->previous = job;
    session->jobs = job;
    session->references++;
    pthread_mutex_unlock(&session->jobs_lock);
}

static void unlink_job(gpuproc_job *job)
{
    gpuproc_session *session = job->session;
    pthread_mutex_lock(&session->jobs_lock);
    if (job->previous != NULL) job->previous->next = job->next;
    else session->jobs = job->next;
    if (job->next != NULL) job->next->previous = job->previous;
    pthread_mutex_unlock(&session->jobs_lock);
    gp_session_release(session);
}

static void begin_running(gpuproc_job *job)
{
    gpuproc_session *session = job->session;
    pthread_mutex_lock(&session->jobs_lock);
    job->alone = session->running++ == 0;
    job->begun = ++session->begun;
    session->used = true;
    pthread_mutex_unlock(&session->jobs_lock);
}

static void end_running(gpuproc_session *session)
{
    pthread_mutex_lock(&session->jobs_lock);
    if (--session->running == 0) pthread_cond_broadcast(&session->quiet);
    pthread_mutex_unlock(&session->jobs_lock);
}

/* The lock keeps other threads from freeing a job that is looked at here. */
void gp_jobs_end(gpuproc_session *session)
{
    pthread_mutex_lock(&session->jobs_lock);
    for (gpuproc_job *job = session->jobs; job != NULL; job = job->next) gpuproc_job_cancel(job);
    while (session->running > 0) pthread_cond_wait(&session->quiet, &session->jobs_lock);
    pthread_mutex_unlock(&session->jobs_lock);
}

/* ---- Running --------------------------------------------------------------- */

static gpuproc_status open_source(gpuproc_job *job, size_t i, bool keep_cached, gpuproc_error *err)
{
    return gp_source_open(&job->origin[i], job->session->engine, keep_cached, &job->source[i], err);
}

/* A stream that several passes read, or that is in Fortran order, is kept in a file first. */
static gpuproc_status spool_streams(gpuproc_job *job, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < job->program.inputs; i++) {
        if (job->source[i] != NULL || job->plan.input_reads[i] == 0) continue;
        uint64_t begin = gp_now_ns();
        GP_TRY(gp_spool(&job->origin[i], &job->run.cancelled, &job->spool[i], err));
        gp_run_trace(&job->run, GPUPROC_STAGE_SPOOL, NULL, begin, gp_now_ns(),
                     job->origin[i].count * gpuproc_dtype_bytes(job->origin[i].dtype), 0);
        GP_TRY(open_source(job, i, true, err));
    }
out:
    return st;
}

static gpuproc_status run_to_the_end(gpuproc_job *job, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    GP_TRY(spool_streams(job, err));
    GP_TRY(gp_run_plan(&job->run, err));
    if (atomic_load(&job->run.cancelled)) {
        st = gp_fail(err, GPUPROC_CANCELLED, "cancelled");
        goto out;
    }
    GP_TRY(gp_job_end_growing(job, err));
    for (size_t t = 0; t < job->targets; t++) {
        if (job->sink[t] == NULL) continue;
        uint64_t begin = gp_now_ns();
        GP_TRY(gp_sink_commit(job->sink[t], err));
        gp_run_trace(&job->run, GPUPROC_STAGE_COMMIT, NULL, begin, gp_now_ns(), 0, 0);
    }
out:
    return st;
}

/* Closes sources and sinks; outputs that were not committed disappear. */
static void close_files(gpuproc_job *job)
{
    for (size_t t = 0; job->sink != NULL && t < job->targets; t++) {
        if (job->sink[t] != NULL) gp_sink_close(job->sink[t]);
        job->sink[t] = NULL;
    }
    for (size_t i = 0; job->source != NULL && i < job->program.inputs; i++) {
        if (job->source[i] != NULL) gp_source_close(job->source[i]);
        job->source[i] = NULL;
    }
    for (size_t i = 0; job->spool != NULL && i < job->program.inputs; i++) {
        if (job->spool[i] >= 0) close(job->spool[i]);
        job->spool[i] = -1;
    }
}

static void *run_job(void *ctx)
{
    gpuproc_job *job = ctx;
    gpuproc_error err = {0};
    gpuproc_status st = run_to_the_end(job, &err);
    /* A failure must never look like a success, whoever forgot to say what it was. */
    if (st != err.status) (void)gp_fail(&err, st, "%s", gpuproc_status_text(st));
    close_files(job);
    gp_job_name_devices(job);
    gp_job_name_spans(job);
    atomic_store(&job->end_ns, gp_now_ns());
    pthread_mutex_lock(&job->lock);
    job->error = err;
    job->ended = true;
    pthread_cond_broadcast(&job->changed);
    pthread_mutex_unlock(&job->lock);
    gp_job_learn(job);
    end_running(job->session);
    return NULL;
}

/* ---- Submitting ------------------------------------------------------------- */

static gpuproc_status check_arguments(const gpuproc_session *session, const char *expression,
                                      const gpuproc_input *inputs, size_t input_count,
                                      const gpuproc_output *outputs, size_t output_count,
                                      const gpuproc_job_options *options, gpuproc_job **job,
                                      gpuproc_error *err)
{
    if (session == NULL || expression == NULL || job == NULL || (input_count > 0 && inputs == NULL) ||
        (output_count > 0 && outputs == NULL))
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "session, expression and job must not be NULL");
    if (options != NULL && options->struct_size < sizeof *options)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "job options: struct_size is %zu, expected %zu",
                       options->struct_size, sizeof *options);
    for (size_t i = 0; i < input_count; i++) {
        if (inputs[i].name == NULL || inputs[i].array == NULL)
            return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "input %zu has no name or no array", i);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(inputs[i].name, inputs[k].name) == 0)
                return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "input '%.100s' is bound twice",
                               inputs[i].name);
        }
    }
    return GPUPROC_OK;
}

/* Whether its order in storage shows. */
static bool is_fortran(const gp_origin *origin)
{
    return origin->fortran && gp_gather_needed(&origin->shape);
}

static gpuproc_status compile(gpuproc_job *job, const char *expression, const gpuproc_input *inputs,
                              size_t count, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_input *bound = gp_calloc(count, sizeof *bound);
    if (bound == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for inputs");
    for (size_t i = 0; i < count; i++) {
        bound[i].name = gp_strdup(inputs[i].name);
        bound[i].dtype = inputs[i].array->origin.dtype;
        bound[i].shape = inputs[i].array->origin.shape;
        bound[i].fortran = is_fortran(&inputs[i].array->origin);
        if (bound[i].name == NULL) {
            st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for inputs");
            goto out;
        }
    }
    GP_TRY(gp_compile(expression, bound, count, &job->program, err));
    job->bound = count;
out:
    for (size_t i = 0; i < count; i++) free(bound[i].name);
    free(bound);
    return st;
}

/* An array that the caller bound, or one that the expression itself has. */
static gpuproc_status describe_input(gpuproc_job *job, const gpuproc_input *inputs, size_t i,
                                     gpuproc_error *err)
{
    const gp_input *input = &job->program.input[i];
    if (i >= job->bound) {
        job->origin[i] = (gp_origin){.kind = GP_ORIGIN_MEMORY, .dtype = input->dtype, .shape = input->shape,
                                     .count = gp_shape_size(&input->shape), .fd = -1, .data = input->data};
        return GPUPROC_OK;
    }
    if (!gp_origin_copy(&inputs[i].array->origin, &job->origin[i]))
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory or descriptors for inputs");
    job->origin[i].fortran = is_fortran(&job->origin[i]);
    return GPUPROC_OK;
}

/* Folds that may want to see their operand more than once. */
static bool is_seen_again(const gpuproc_job *job, size_t input)
{
    for (size_t i = 0; i < job->plan.passes; i++) {
        const gp_plan_pass *pass = &job->plan.pass[i];
        bool again = false, reads = false;
        for (size_t f = 0; f < pass->folds; f++)
            again = again || gp_op_is_quantile(pass->fold[f].spec.op);
        for (size_t k = 0; k < pass->pass.inputs; k++)
            reads = reads || (size_t)pass->pass.input[k].input == input;
        if (again && reads) return true;
    }
    return false;
}

/* Asking takes as long as a small job does. */
#define ASK_AGAIN_NS 20000000u

static uint64_t memory_available(gpuproc_session *session)
{
    uint64_t now = gp_now_ns();
    pthread_mutex_lock(&session->jobs_lock);
    if (session->available_ns == 0 || now - session->available_ns > ASK_AGAIN_NS) {
        session->available = gp_machine_memory_available();
        session->available_ns = now;
    }
    uint64_t available = session->available;
    pthread_mutex_unlock(&session->jobs_lock);
    return available;
}

static gpuproc_status open_inputs(gpuproc_job *job, const gpuproc_input *inputs, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t count = job->program.inputs;
    uint64_t again = 0; /* bytes that are read more than once */
    job->origin = gp_calloc(count, sizeof *job->origin);
    job->source = gp_calloc(count + job->plan.storeds, sizeof *job->source);
    job->spool = gp_calloc(count, sizeof *job->spool);
    if (job->origin == NULL || job->source == NULL || job->spool == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for inputs");
    for (size_t i = 0; i < count; i++) {
        job->spool[i] = -1;
        job->origin[i].fd = -1;
    }
    for (size_t i = 0; i < count; i++) {
        GP_TRY(describe_input(job, inputs, i, err));
        if (job->plan.input_reads[i] > 1 || is_seen_again(job, i))
            again += job->origin[i].count * gpuproc_dtype_bytes(job->origin[i].dtype);
    }
    bool keep = again == 0 || again <= memory_available(job->session) / 2;
    for (size_t i = 0; i < count; i++) {
        unsigned reads = job->plan.input_reads[i];
        bool several = reads > 1 || is_seen_again(job, i);
        bool spooled = job->origin[i].kind == GP_ORIGIN_STREAM && (several || job->origin[i].fortran);
        if (reads > 0 && !spooled) GP_TRY(open_source(job, i, keep && several, err));
    }
out:
    return st;
}

static void give_back_streams(const gpuproc_job *job, const gpuproc_input *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (job->plan.input_reads[i] > 0) atomic_store(&((gpuproc_array *)inputs[i].array)->taken, false);
    }
}

/* A stream that two readers share would give each of them wrong elements. */
static gpuproc_status take_streams(const gpuproc_job *job, const gpuproc_input *inputs,
                                   gpuproc_error *err)
{
    for (size_t i = 0; i < job->bound; i++) {
        if (job->plan.input_reads[i] == 0 || job->origin[i].kind != GP_ORIGIN_STREAM) continue;
        if (!atomic_exchange(&((gpuproc_array *)inputs[i].array)->taken, true)) continue;
        give_back_streams(job, inputs, i);
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "input '%.100s' is a stream, which can be bound once only", inputs[i].name);
    }
    return GPUPROC_OK;
}

static uint64_t host_budget(gpuproc_session *session, const gpuproc_job_options *options)
{
    uint64_t asked = options ? options->memory_bytes : 0;
    return asked ? asked : memory_available(session) / 4;
}

static void prepare_run(gpuproc_job *job, const gpuproc_job_options *options)
{
    gpuproc_session *session = job->session;
    gp_run *run = &job->run;
    unsigned flags = options ? options->flags : 0;
    run->plan = &job->plan;
    run->engine = session->engine;
    run->cpu = gp_registry_cpu(session->registry);
    run->device = job->device;
    run->devices = job->devices;
    run->device_lock = &session->device_lock;
    run->source = job->source;
    run->sink = job->sink;
    run->chunk_bytes = options ? options->chunk_bytes : 0;
    run->slots = options ? options->slots : 0;
    run->threads = options ? options->threads : 0;
    run->sync = (flags & GPUPROC_JOB_SYNC) != 0;
    run->no_fallback = (flags & GPUPROC_JOB_NO_FALLBACK) != 0;
    run->trace.limit = options ? options->trace_spans : 0;
    run->log = gp_session_log;
    run->log_ctx = session;
    run->room = job->room;
    run->length = job->length;
    job->by_rule = (flags & GPUPROC_JOB_BY_RULE) != 0;
    job->tell_predicted = (flags & GPUPROC_JOB_PREDICT) != 0;
    job->bytes_total = gp_run_bytes(&job->plan);
}

static bool has_matrices(const gp_plan *plan)
{
    for (size_t i = 0; i < plan->passes; i++) {
        if (plan->pass[i].products) return true;
        for (size_t f = 0; f < plan->pass[i].folds; f++) {
            switch (plan->pass[i].fold[f].spec.op) {
#define X(name, kinds) case GP_OP_##name:
                GP_OPS_MATRIX_FOLD(X)
#undef X
                return true;
            default: break;
            }
        }
    }
    return false;
}

static gpuproc_status job_new(gpuproc_session *session, gpuproc_job **out, gpuproc_error *err)
{
    gpuproc_job *job = gp_calloc(1, sizeof *job);
    if (job == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a job");
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&job->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&job->lock, NULL);
    job->begin_ns = gp_now_ns();
    link_job(job, session);
    pthread_mutex_lock(&session->jobs_lock);
    job->first.job = !session->used;
    job->first.linalg = session->linalg == NULL;
    pthread_mutex_unlock(&session->jobs_lock);
    job->first.devices = !gp_registry_loaded(session->registry);
    *out = job;
    return GPUPROC_OK;
}

gpuproc_status gp_job_make(gpuproc_session *session, const char *expression, const gpuproc_input *inputs,
                           size_t input_count, const gpuproc_output *outputs, size_t output_count,
                           const gpuproc_job_options *options, gpuproc_job **out, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_job *job = NULL;
    GP_TRY(check_arguments(session, expression, inputs, input_count, outputs, output_count, options,
                           out, err));
    GP_TRY(job_new(session, &job, err));
    GP_TRY(compile(job, expression, inputs, input_count, err));
    GP_TRY(gp_job_bind_outputs(job, outputs, output_count, err));
    /* Asked once: what is available changes, and the run must fit what was planned. */
    job->run.host_budget = host_budget(session, options);
    GP_TRY(gp_plan_make(&job->program, job->target, job->targets, job->run.host_budget, &job->plan, err));
    gp_work work;
    gp_work_of_plan(&job->plan, &work);
    GP_TRY(gp_choose_devices(session->registry, options ? options->device : NULL, &work, &job->device,
                             &job->devices, job->reason, err));
    GP_TRY(open_inputs(job, inputs, err));
    job->run.value = gp_calloc(job->program.nodes, sizeof *job->run.value);
    if (job->run.value == NULL || !gp_mailbox_init(&job->run.box)) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a job");
        goto out;
    }
    job->box_made = true;
    prepare_run(job, options);
    if (has_matrices(&job->plan)) {
        gp_linalg *linalg;
        GP_TRY(gp_session_linalg(session, &linalg, err));
        job->run.linalg = linalg;
    }
out:
    if (st == GPUPROC_OK) *out = job;
    else gpuproc_job_free(job);
    return st;
}

/* What it will take, where that was asked for, and the best device and ways, where those are open. A prediction that cannot be made
 * is no reason not to run. */
static gpuproc_status predict(gpuproc_job *job, const gpuproc_job_options *options, gpuproc_error *err)
{
    if (gp_is_auto(options ? options->device : NULL)) return gp_job_choose(job, job->tell_predicted, err);
    gp_job_predict(job, job->tell_predicted);
    return GPUPROC_OK;
}

gpuproc_status gpuproc_submit(gpuproc_session *session, const char *expression,
                              const gpuproc_input *inputs, size_t input_count,
                              const gpuproc_output *outputs, size_t output_count,
                              const gpuproc_job_options *options, gpuproc_job **out,
                              gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_job *job = NULL;
    int refused;
    if (out == NULL) return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "session, expression and job must not be NULL");
    GP_TRY(gp_job_make(session, expression, inputs, input_count, outputs, output_count, options, &job, err));
    GP_TRY(gp_job_open_sinks(job, outputs, output_count,
                             options && (options->flags & GPUPROC_JOB_OVERWRITE), err));
    GP_TRY(predict(job, options, err));
    GP_TRY(take_streams(job, inputs, err));
    gp_run_trace(&job->run, GPUPROC_STAGE_OPEN, NULL, job->begin_ns, gp_now_ns(), 0, 0);
    begin_running(job);
    if (job->predicted.no_thread) {
        (void)run_job(job);
        goto out;
    }
    /* Signals are for the caller's threads; without them SIGXFSZ is a failing write here. */
    refused = gp_io_thread_start(&job->thread, run_job, job);
    if (refused != 0) {
        end_running(session);
        give_back_streams(job, inputs, input_count);
        st = gp_fail_errno(err, GPUPROC_NO_MEMORY, refused, NULL, "cannot start the job's thread");
        goto out;
    }
    job->started = true;
out:
    if (st == GPUPROC_OK) *out = job;
    else gpuproc_job_free(job);
    if (st != GPUPROC_OK && err != NULL && err->status != st)
        (void)gp_fail(err, st, "%s", gpuproc_status_text(st));
    return st;
}

void gpuproc_job_free(gpuproc_job *job)
{
    if (job == NULL) return;
    if (job->started) {
        gpuproc_job_cancel(job);
        pthread_join(job->thread, NULL);
    }
    close_files(job);
    unlink_job(job);
    for (size_t i = 0; job->origin != NULL && i < job->program.inputs; i++) gp_origin_free(&job->origin[i]);
    for (size_t i = 0; job->result != NULL && i < job->results; i++) free(job->result[i].path);
    gp_job_free_spans(job);
    gp_prediction_free(&job->predicted);
    gp_plan_free(&job->plan);
    gp_program_free(&job->program);
    if (job->box_made) gp_mailbox_destroy(&job->run.box);
    gp_text_free(&job->run.warnings);
    free(job->run.value);
    free(job->origin);
    free(job->source);
    free(job->spool);
    free(job->sink);
    free(job->target);
    free(job->result);
    free(job->length);
    free(job->room);
    free(job->shown);
    free(job->device);
    pthread_cond_destroy(&job->changed);
    pthread_mutex_destroy(&job->lock);
    free(job);
}
