/* A job's inside. Private to session/. */
#ifndef GP_SESSION_JOB_H
#define GP_SESSION_JOB_H

#include "session/predict.h"
#include "session/session.h"

typedef struct gp_job_result {
    const gp_result *result; /* name and node */
    size_t target;           /* in gpuproc_job.target; SIZE_MAX: not asked for */
    char *path;              /* its destination's, or NULL */
    bool to_memory, npy;
    bool late; /* it grows, and goes to a stream when its length is known */
} gp_job_result;

struct gpuproc_job {
    gpuproc_session *session;     /* referenced: the struct outlives its closing */
    gpuproc_job *next, *previous; /* of the session's jobs */

    gp_program program;
    gp_plan plan;
    gp_plan_target *target;
    gp_sink **sink; /* per target */
    size_t targets;
    /* Per target, for results that grow (job_growing.c). */
    uint64_t *length; /* elements; UINT64_MAX: not known yet */
    uint64_t *room;   /* bytes that the destination takes */
    gp_job_result *result;
    size_t results;
    const gp_job_result **shown; /* those with a target, as many, in the expression's order */

    size_t bound;       /* program inputs that the caller binds; constant arrays follow */
    gp_origin *origin;  /* per program input */
    gp_source **source; /* per program input, then per stored array */
    int *spool;         /* per program input; -1: none */
    bool any_spool;
    gp_device **device;
    size_t devices;
    char reason[256];
    char device_names[128]; /* of those that did the work; known at the end */
    /* For spans, made at the end where they were asked for: per device of the job, then the CPU's; per
     * pass what it reads and what it writes (job_trace.c). */
    char **device_name, **pass_reads, **pass_writes;
    char **pass_folds; /* for explanations (explain.c) */

    gp_run run;
    struct {
        bool job, linalg, devices;
    } first;                 /* for which the session has not had to pay yet, when the job was made */
    gp_prediction predicted; /* for the device that was chosen; empty where none was made */
    bool tell_predicted;     /* in the report */
    bool by_rule;            /* whatever was measured */
    bool alone;              /* no other job of the session was under way when it began, nor began before it ended */
    uint64_t begun;          /* session->begun, with it */
    bool box_made;
    pthread_t thread;
    bool started;
    uint64_t begin_ns, bytes_total;
    _Atomic uint64_t end_ns; /* 0 while under way */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
    gpuproc_error error; /* status OK where it ended well */
};

/* A job up to the point where it would open its outputs and begin: what gpuproc_submit and gpuproc_explain share.
 * Free with gpuproc_job_free. */
gpuproc_status gp_job_make(gpuproc_session *session, const char *expression, const gpuproc_input *inputs,
                           size_t input_count, const gpuproc_output *outputs, size_t output_count,
                           const gpuproc_job_options *options, gpuproc_job **job, gpuproc_error *err);

/* "auto": the device that the model finds fastest, among the CPU and those that were calibrated. `keep`: the
 * prediction is wanted even where there is nothing to choose. */
gpuproc_status gp_job_choose(gpuproc_job *job, bool keep, gpuproc_error *err);
/* The same with the devices that it has: `keep` as above, else where there is something to choose. */
void gp_job_predict(gpuproc_job *job, bool keep);

/* The job has ended: what it saw corrects the figures (learn.c). */
void gp_job_learn(gpuproc_job *job);

/* Cancels every job of the session and waits until none uses it any more. */
void gp_jobs_end(gpuproc_session *session);

/* Fills job->device_names (job_query.c). */
void gp_job_name_devices(gpuproc_job *job);

/* The texts of spans, before the session's devices may go; freed with the job (job_trace.c). */
void gp_job_name_spans(gpuproc_job *job);
void gp_job_free_spans(gpuproc_job *job);

/* Fills job->result and job->target from the program's results and the caller's
 * outputs, and opens the sinks (job_outputs.c). */
gpuproc_status gp_job_bind_outputs(gpuproc_job *job, const gpuproc_output *outputs, size_t count,
                                   gpuproc_error *err);
/* The header of a result of this shape; *header stays empty where it has none. */
gpuproc_status gp_job_make_header(const gpuproc_job *job, const gp_job_result *result,
                                  const gp_shape *shape, gp_text *header, gpuproc_error *err);

/* Whether the result goes to a pipe or the like, which takes bytes in order. */
bool gp_job_to_stream(const gp_job_result *result);

/* Results whose length shows at the end (job_growing.c): whether this one goes to a stream, which
 * wants it in front; its shape, as far as it is known; and its end. */
bool gp_job_goes_late(const gp_job_result *result, const gp_node *node);
void gp_job_result_shape(const gpuproc_job *job, const gp_job_result *result, gp_shape *shape);
gpuproc_status gp_job_end_growing(gpuproc_job *job, gpuproc_error *err);
gpuproc_status gp_job_open_sinks(gpuproc_job *job, const gpuproc_output *outputs, size_t count,
                                 bool overwrite, gpuproc_error *err);

#endif
