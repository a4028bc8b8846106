/* What ended jobs teach about the figures (plan/correct.h), in this session and, by the cache
 * directory, in later ones. Nothing of this can make a job fail. */
#include "session/job.h"

#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"

#include <stdlib.h>
#include <string.h>

/* What was learnt is written so seldom, and when the session is closed. */
#define STORE_NS UINT64_C(30000000000)

bool gp_session_learns(const gpuproc_session_options *options)
{
    const char *learn = getenv("GPUPROC_LEARN"), *rates = getenv("GPUPROC_RATES");
    bool fixed =
        (options != NULL && options->fixed_figures) || (learn != NULL && strcmp(learn, "0") == 0);
    return !fixed && (rates == NULL || *rates == '\0');
}

/* Pipes are as fast as who reads them. */
static bool writes_stream(const gpuproc_job *job)
{
    for (size_t i = 0; i < job->results; i++) {
        if (job->result[i].path != NULL && gp_job_to_stream(&job->result[i])) return true;
    }
    return false;
}

/* By the schedule that was predicted, and by figures that are this machine's. */
static bool is_telling(const gpuproc_job *job)
{
    const gp_counters *c = &job->run.counters;
    const gp_prediction *p = &job->predicted;
    return job->session->learns && job->alone && p->made && p->calibrated && p->survey.passes == 1 && !writes_stream(job) &&
           !job->run.sync && !job->by_rule && job->run.trace.limit == 0 && c->fallbacks == 0 && c->retries == 0 &&
           c->rounds == 0 && c->threads == gp_cpu_device_threads(job->run.cpu);
}

/* With the lock. */
static gp_learnt *learnt_of(gpuproc_session *session, const gp_device *device)
{
    for (gp_learnt *l = session->learnt; l != NULL; l = l->next) {
        if (l->device == device) return l;
    }
    gp_learnt *l = gp_calloc(1, sizeof *l);
    if (l == NULL) return NULL;
    l->device = device;
    l->next = session->learnt;
    session->learnt = l;
    return l;
}

void gp_session_correct(gpuproc_session *session, const gp_device *device, double *values)
{
    if (!session->learns) return;
    gp_learnt *l = learnt_of(session, device);
    if (l == NULL) return;
    bool anew = l->corrections.figures == 0; /* or calibrated since */
    for (size_t i = 0; i < l->corrections.figures; i++)
        anew = anew || l->corrections.figure[i].base != values[l->corrections.figure[i].figure];
    if (anew) {
        gp_corrections_begin(&l->corrections, device != NULL, values);
        gp_session_load_corrections(session, device, &l->corrections);
        l->changed = false;
    }
    gp_corrections_apply(&l->corrections, values);
}

const gp_correction *gp_session_correction(gpuproc_session *session, const gp_device *device,
                                           int figure, gp_correction *copy)
{
    const gp_correction *found = NULL;
    pthread_mutex_lock(&session->jobs_lock);
    for (const gp_learnt *l = session->learnt; l != NULL && found == NULL; l = l->next) {
        if (l->device == device) found = gp_corrections_find(&l->corrections, figure);
    }
    if (found != NULL) *copy = *found;
    pthread_mutex_unlock(&session->jobs_lock);
    return found != NULL ? copy : NULL;
}

static void store_changed(gpuproc_session *session)
{
    for (gp_learnt *l = session->learnt; l != NULL; l = l->next) {
        if (l->changed) gp_session_store_corrections(session, l->device, &l->corrections);
        l->changed = false;
    }
    session->learnt_stored_ns = gp_now_ns();
}

void gp_job_learn(gpuproc_job *job)
{
    gpuproc_session *session = job->session;
    gp_observation seen[GP_CORRECTED_MOST];
    gpuproc_report report = {.struct_size = sizeof report};
    if (job->error.status != GPUPROC_OK || !is_telling(job)) return;
    gpuproc_job_report(job, &report);
    const gp_prediction *p = &job->predicted;
    const gp_device *device = p->on_device[0] ? job->device[0] : NULL;
    gp_device_rates own;
    if (device != NULL) gp_session_device_rates(session, device, &own);
    pthread_mutex_lock(&session->jobs_lock);
    bool alone = job->begun == session->begun; /* to the end */
    size_t count = !alone ? 0 : gp_observe(&p->survey.pass[0], &p->cost, report.stage, session->rates.host,
                                           device ? own.value : NULL, seen);
    for (size_t i = 0; i < count; i++) {
        gp_learnt *l = learnt_of(session, seen[i].device ? device : NULL);
        if (l == NULL || l->corrections.figures == 0) continue;
        gp_corrections_add(&l->corrections, seen[i].figure, seen[i].value);
        l->changed = true;
        if (!seen[i].device) gp_corrections_apply(&l->corrections, session->rates.host);
    }
    if (count > 0 && gp_now_ns() - session->learnt_stored_ns > STORE_NS) store_changed(session);
    pthread_mutex_unlock(&session->jobs_lock);
}

void gp_session_end_learning(gpuproc_session *session)
{
    store_changed(session);
    for (gp_learnt *l = session->learnt; l != NULL;) {
        gp_learnt *next = l->next;
        free(l);
        l = next;
    }
    session->learnt = NULL;
}
