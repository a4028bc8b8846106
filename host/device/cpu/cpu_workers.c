/* The CPU's workers for others on the host. */
#include "device/cpu/cpu_device.h"
#include "device/cpu/cpu_slot.h"

#include <pthread.h>

typedef struct errand {
    gp_cpu_task task; /* first: the pool gives it back */
    void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
} errand;

static void run_some(gp_cpu_task *task, unsigned worker, uint64_t from, uint64_t to)
{
    errand *e = (errand *)task;
    e->run(e->arg, worker, from, to);
}

static void finish(gp_cpu_task *task)
{
    errand *e = (errand *)task;
    pthread_mutex_lock(&e->lock);
    e->done = true;
    pthread_cond_signal(&e->ended);
    pthread_mutex_unlock(&e->lock);
}

static void each(const gp_workers *workers, uint64_t units,
                 void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to), void *arg)
{
    gp_cpu_device *cpu = workers->ctx;
    if (units == 0) return;
    /* One unit is not worth another thread; nor is there one where none could be started. */
    errand e = {.task = {.units = units, .least = 1, .next_up = true, .run = run_some, .finish = finish},
                .run = run, .arg = arg};
    if (units == 1) {
        run(arg, 0, 0, 1);
        return;
    }
    pthread_mutex_init(&e.lock, NULL);
    pthread_cond_init(&e.ended, NULL);
    if (gp_cpu_pool_submit(cpu->pool, &e.task, NULL) == GPUPROC_OK) {
        pthread_mutex_lock(&e.lock);
        while (!e.done) pthread_cond_wait(&e.ended, &e.lock);
        pthread_mutex_unlock(&e.lock);
    } else {
        run(arg, 0, 0, units);
    }
    pthread_cond_destroy(&e.ended);
    pthread_mutex_destroy(&e.lock);
}

void gp_cpu_device_workers(gp_device *device, gp_workers *workers)
{
    *workers = (gp_workers){.count = gp_cpu_device_threads(device), .each = each, .ctx = device};
}
