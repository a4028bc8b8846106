/* Opening and closing a session; its devices. */
#include "session/session.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "session/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ENGINE_DEPTH 16

void gp_session_log(void *ctx, gpuproc_log_level level, const char *message)
{
    gpuproc_session *session = ctx;
    if (session->log == NULL) return;
    pthread_mutex_lock(&session->log_lock);
    session->log(session->log_ctx, level, message);
    pthread_mutex_unlock(&session->log_lock);
}

gpuproc_status gpuproc_session_open(const gpuproc_session_options *options,
                                    gpuproc_session **session, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    if (session == NULL)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "session is NULL: nowhere to put the handle");
    if (options != NULL && options->struct_size < sizeof *options)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "session options: struct_size is %zu, expected %zu", options->struct_size,
                       sizeof *options);
    gpuproc_session *s = gp_calloc(1, sizeof *s);
    if (s == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a session");
    pthread_mutex_init(&s->log_lock, NULL);
    pthread_mutex_init(&s->device_lock, NULL);
    pthread_mutex_init(&s->jobs_lock, NULL);
    pthread_cond_init(&s->quiet, NULL);
    s->references = 1;
    s->learns = gp_session_learns(options);
    s->learnt_stored_ns = gp_now_ns();
    if (options != NULL) {
        s->log = options->log;
        s->log_ctx = options->log_ctx;
    }
    if (options != NULL && options->cache_dir != NULL && (s->cache_dir = gp_strdup(options->cache_dir)) == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a session");
        goto out;
    }
    GP_TRY(gp_registry_new(options ? options->threads : 0, options ? options->cache_dir : NULL,
                           &s->registry, err));
    GP_TRY(gp_io_engine_new(ENGINE_DEPTH, &s->engine, err));
out:
    if (st == GPUPROC_OK) *session = s;
    else gpuproc_session_close(s);
    return st;
}

void gp_session_release(gpuproc_session *s)
{
    pthread_mutex_lock(&s->jobs_lock);
    bool last = --s->references == 0;
    pthread_mutex_unlock(&s->jobs_lock);
    if (!last) return;
    pthread_cond_destroy(&s->quiet);
    pthread_mutex_destroy(&s->jobs_lock);
    pthread_mutex_destroy(&s->device_lock);
    pthread_mutex_destroy(&s->log_lock);
    free(s->cache_dir);
    free(s);
}

void gpuproc_session_close(gpuproc_session *s)
{
    if (s == NULL) return;
    gp_jobs_end(s);
    if (s->registry != NULL) gp_session_end_learning(s);
    if (s->engine != NULL) gp_io_engine_free(s->engine);
    if (s->registry != NULL) gp_registry_free(s->registry);
    gp_linalg_close(s->linalg);
    s->linalg = NULL;
    gp_session_release(s);
}

size_t gpuproc_device_count(gpuproc_session *session)
{
    size_t count;
    if (session == NULL) return 0;
    (void)gp_registry_all(session->registry, &count);
    return count;
}

gpuproc_status gp_session_linalg(gpuproc_session *session, gp_linalg **linalg, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    pthread_mutex_lock(&session->jobs_lock);
    if (session->linalg == NULL) st = gp_linalg_open(&session->linalg, err);
    *linalg = session->linalg;
    pthread_mutex_unlock(&session->jobs_lock);
    return st;
}

gpuproc_status gpuproc_device_info_get(gpuproc_session *session, size_t index,
                                       gpuproc_device_info *info, gpuproc_error *err)
{
    if (session == NULL) return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "session is NULL");
    size_t count;
    gp_device *const *device = gp_registry_all(session->registry, &count);
    if (info == NULL || info->struct_size < sizeof *info)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "device info: struct_size is not set");
    if (index >= count)
        return gp_fail(err, GPUPROC_DEVICE_NOT_FOUND, "no device %zu: there are %zu", index, count);
    size_t size = info->struct_size;
    gp_linalg *linalg = NULL;
    if (index == 0) {
        gpuproc_status st = gp_session_linalg(session, &linalg, err);
        if (st != GPUPROC_OK) return st;
    }
    *info = device[index]->info;
    info->struct_size = size;
    if (linalg != NULL) snprintf(info->matrices, sizeof info->matrices, "%s", gp_linalg_name(linalg));
    if (index == 0 && info->note[0] == '\0')
        snprintf(info->note, sizeof info->note, "%s", gp_registry_note(session->registry));
    return GPUPROC_OK;
}
