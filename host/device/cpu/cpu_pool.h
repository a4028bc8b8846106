/* Workers that share the units of queued tasks, first come, first served. */
#ifndef GP_DEVICE_CPU_CPU_POOL_H
#define GP_DEVICE_CPU_CPU_POOL_H

#include "base/error.h"

typedef struct gp_cpu_pool gp_cpu_pool;
typedef struct gp_cpu_task gp_cpu_task;

/* Owned by the submitter; must stay in place until finish was called. */
struct gp_cpu_task {
    uint64_t units; /* of work; 0 is legal */
    uint64_t least; /* units that a worker takes at a time, at least; 0: the pool's choice */
    unsigned most;  /* workers at once, at most; 0: all */
    bool next_up;   /* before those that wait */
    /* Does units from to to-1. Called on several workers at once. */
    void (*run)(gp_cpu_task *task, unsigned worker, uint64_t from, uint64_t to);
    /* Called on one worker when all units are done; the pool does not touch the task after. */
    void (*finish)(gp_cpu_task *task);

    /* The pool's. */
    gp_cpu_task *next;
    uint64_t taken, finished;
    unsigned busy; /* workers that are at it */
    uint64_t begin_ns; /* when the first unit was begun; for finish to read */
};

/* Cores that this process may run on, at least 1. */
unsigned gp_cpu_cores(void);

/* Threads start with the first submission. */
gpuproc_status gp_cpu_pool_new(unsigned threads, gp_cpu_pool **pool, gpuproc_error *err);

/* Finishes what is queued, then ends the threads. Not from a worker. */
void gp_cpu_pool_free(gp_cpu_pool *pool);

/* Queues a task. On failure neither run nor finish will be called. */
gpuproc_status gp_cpu_pool_submit(gp_cpu_pool *pool, gp_cpu_task *task, gpuproc_error *err);

/* Takes back the units that no worker has begun. True: none is under way either, and finish will not be
 * called for them; else it is called, or was, as ever. */
bool gp_cpu_pool_withdraw(gp_cpu_pool *pool, gp_cpu_task *task);

#endif
