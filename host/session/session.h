/* What the public handles are. Private to session/. */
#ifndef GP_SESSION_SESSION_H
#define GP_SESSION_SESSION_H

#include "device/registry.h"
#include "io/source.h"
#include "plan/correct.h"
#include "plan/rates.h"
#include "stream/run.h"

#include <pthread.h>

struct gpuproc_session {
    gp_registry *registry;
    gp_io_engine *engine;
    gpuproc_log_fn log;
    void *log_ctx;
    pthread_mutex_t log_lock;
    pthread_mutex_t device_lock; /* around every call of a device, see device.h */
    pthread_mutex_t jobs_lock;   /* everything below, and the jobs' links */
    pthread_cond_t quiet;        /* no job is under way any more */
    gpuproc_job *jobs;
    size_t running;    /* jobs whose loop has not ended */
    gp_linalg *linalg; /* opened when the first job needs it */
    char *cache_dir;   /* as in the options; NULL: the default */
    gp_rates rates;    /* the machine's, once rates_known (rates_store.c) */
    bool rates_known;
    struct gp_learnt *learnt; /* what jobs taught about them (learn.c) */
    uint64_t learnt_stored_ns, begun; /* `begun`: jobs so far */
    bool learns;
    bool used;         /* a job was begun */
    uint64_t available, available_ns; /* memory, and when that was asked */
    size_t references; /* the caller's and one of each job, which may be freed after closing */
};

/* The library for matrices, looked for when it is first wanted. */
gpuproc_status gp_session_linalg(gpuproc_session *session, gp_linalg **linalg, gpuproc_error *err);

/* Gives one reference back; the last one frees the struct. */
void gp_session_release(gpuproc_session *session);

struct gpuproc_array {
    gp_origin origin;
    uint64_t extra_bytes;
    const char *format; /* static */
    _Atomic bool taken; /* a stream that a job reads or has read */
};

/* A copy that owns its path and a descriptor of its own; false when out of either.
 * Free with gp_origin_free. */
bool gp_origin_copy(const gp_origin *from, gp_origin *to);
void gp_origin_free(gp_origin *origin);

/* What of a plan may be worth a device: its products of matrices. */
typedef struct gp_work {
    size_t products;
    double operations, bytes; /* of all: additions and multiplications, operands and results */
    gp_dtype dtype;           /* of the largest */
} gp_work;
void gp_work_of_plan(const gp_plan *plan, gp_work *work);
/* Whether "auto" would take this device for it, and not the CPU. */
bool gp_work_is_for(const gp_work *work, const gp_device *device);

/* Which devices a job uses, by the words of gpuproc_job_options.device (NULL: auto) and, for auto, by its work
 * (NULL: nothing for a device). *devices is the caller's to free; `reason` says why in one sentence. */
gpuproc_status gp_choose_devices(gp_registry *registry, const char *wish, const gp_work *work, gp_device ***devices,
                                 size_t *count, char reason[256], gpuproc_error *err);

bool gp_is_auto(const char *wish);

/* The machine's figures: those that were measured and kept, else cautious ones (rates_store.c). The same of a
 * device that is not the CPU. gp_rates_any_device: some device's were ever kept; looks at no device. */
void gp_session_rates(gpuproc_session *session, gp_rates *rates);
bool gp_session_is_measured(gpuproc_session *session); /* the machine's */
void gp_session_device_rates(gpuproc_session *session, const gp_device *device, gp_device_rates *rates);
double gp_session_any_device_rates(gpuproc_session *session); /* the least ns for getting one; 0: there are none */
bool gp_session_keep_rates(gpuproc_session *session, const gp_rates *rates);

/* What jobs taught about the figures of the machine (NULL) or of a device (learn.c). */
typedef struct gp_learnt {
    struct gp_learnt *next;
    const gp_device *device;
    gp_corrections corrections;
    bool changed; /* since it was written */
} gp_learnt;
bool gp_session_learns(const gpuproc_session_options *options);
/* With the session's jobs_lock: puts what was learnt over calibrated figures. */
void gp_session_correct(gpuproc_session *session, const gp_device *device, double *values);
/* NULL: nothing is known of it. */
const gp_correction *gp_session_correction(gpuproc_session *session, const gp_device *device, int figure,
                                           gp_correction *copy);
/* Writes what is new, and frees all; no job is under way. */
void gp_session_end_learning(gpuproc_session *session);
/* In the cache directory (rates_store.c): what is not there, or odd, leaves *corrections as it was. */
void gp_session_load_corrections(const gpuproc_session *session, const gp_device *device, gp_corrections *corrections);
void gp_session_store_corrections(const gpuproc_session *session, const gp_device *device,
                                  const gp_corrections *corrections);
bool gp_session_keep_device_rates(gpuproc_session *session, const gp_device *device, const gp_device_rates *rates);

/* Copies a stream into a temporary file without a name and makes *origin a file
 * there, so that it can be read more than once. *fd keeps the file alive. */
gpuproc_status gp_spool(gp_origin *origin, const _Atomic bool *cancelled, int *fd,
                        gpuproc_error *err);

/* The session's log with its lock, in the form of gp_run.log. */
void gp_session_log(void *session, gpuproc_log_level level, const char *message);

#endif
