/* Workers that wait in a barrier, so that nothing is started while time is taken; for the benchmarks of parts of
 * the library. One crew a program. */
#ifndef GP_BENCH_CREW_H
#define GP_BENCH_CREW_H

#include "base/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define CREW_MOST 64

typedef struct crew_job {
    uint64_t units;
    unsigned workers; /* who may take them */
    atomic_uint_fast64_t next;
    void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to);
    void *arg;
} crew_job;

static struct {
    pthread_barrier_t begin, end;
    pthread_t thread[CREW_MOST];
    unsigned threads;
    crew_job *job;
} crew;

static void crew_work(crew_job *j, unsigned worker)
{
    if (worker >= j->workers) return;
    for (uint64_t u; (u = atomic_fetch_add(&j->next, 1)) < j->units;) j->run(j->arg, worker, u, u + 1);
}

static void *crew_member(void *arg)
{
    for (;;) {
        pthread_barrier_wait(&crew.begin);
        if (crew.job == NULL) return NULL;
        crew_work(crew.job, (unsigned)(size_t)arg);
        pthread_barrier_wait(&crew.end);
    }
}

static void crew_each(const gp_workers *workers, uint64_t units,
                      void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to), void *arg)
{
    if (workers->count == 1 || units == 1) {
        run(arg, 0, 0, units);
        return;
    }
    crew_job j = {.units = units, .workers = workers->count, .run = run, .arg = arg};
    crew.job = &j;
    pthread_barrier_wait(&crew.begin);
    crew_work(&j, 0);
    pthread_barrier_wait(&crew.end);
}

/* `threads` with the caller, 1 to CREW_MOST; false where they cannot be started. */
static bool crew_start(unsigned threads, gp_workers *workers)
{
    *workers = (gp_workers){.count = threads, .each = crew_each};
    if (threads < 1 || threads > CREW_MOST) return false;
    crew.threads = threads;
    pthread_barrier_init(&crew.begin, NULL, threads);
    pthread_barrier_init(&crew.end, NULL, threads);
    for (unsigned i = 1; i < threads; i++) {
        if (pthread_create(&crew.thread[i], NULL, crew_member, (void *)(size_t)i) != 0) return false;
    }
    return true;
}

static void crew_end(void)
{
    crew.job = NULL;
    if (crew.threads > 1) pthread_barrier_wait(&crew.begin);
    for (unsigned i = 1; i < crew.threads; i++) pthread_join(crew.thread[i], NULL);
}

#endif
