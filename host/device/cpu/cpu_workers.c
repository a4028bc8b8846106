/* The CPU's workers for others on the host. */
#include "device/cpu/cpu_device.h"
#include "device/cpu/cpu_slot.h"

#include "base/clock.h"
#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* Whoever has been woken should be there by then. */
#define LATE_NS 100000

/* Its units are taken by whoever asked for it and by as many workers as there are tickets: so the work begins
 * before anybody wakes up, and never runs on more threads than the pool has. */
typedef struct errand {
    gp_cpu_task task; /* first: the pool gives it back. Its units are the tickets */
    uint64_t units, threads;
    atomic_uint_fast64_t taken;
    atomic_bool helped; /* somebody has come */
    void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
} errand;

/* Up to `most` units: long runs at first, which read on in memory; short ones to the end, so that all come to it
 * together. */
static bool run_next(errand *e, unsigned worker, uint64_t most)
{
    uint64_t u = atomic_load_explicit(&e->taken, memory_order_relaxed), n;
    do {
        if (u >= e->units) return false;
        n = gp_min_u64(gp_max_u64((e->units - u) / (4 * e->threads), 1), most);
    } while (!atomic_compare_exchange_weak(&e->taken, &u, u + n));
    e->run(e->arg, worker, u, u + n);
    return true;
}

/* This thread goes on on another core, if it may. In virtual machines a worker that was woken often waits on the
 * very core that this thread keeps busy, for milliseconds, while another one rests: to the system a resting
 * core there looks as if it were taken away. */
static void change_core(void)
{
    cpu_set_t all, others;
    int here = sched_getcpu();
    if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof all, &all) != 0) return;
    others = all;
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0)
        (void)sched_setaffinity(0, sizeof all, &all);
}

/* The part of the thread that asked. Unit by unit, as long as nobody else has come. */
static void run_own(errand *e, bool late_counts)
{
    uint64_t late = gp_now_ns() + LATE_NS;
    while (run_next(e, 0, late_counts ? 1 : UINT64_MAX)) {
        if (!late_counts) continue;
        bool helped = atomic_load_explicit(&e->helped, memory_order_relaxed);
        if (!helped && gp_now_ns() < late) continue;
        if (!helped) change_core();
        late_counts = false;
    }
}

static void help(gp_cpu_task *task, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    (void)to;
    errand *e = (errand *)task;
    atomic_store_explicit(&e->helped, true, memory_order_relaxed);
    while (run_next(e, (unsigned)from + 1, UINT64_MAX)) {}
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
    uint64_t threads = gp_min_u64(workers->count, units);
    if (units == 0) return;
    if (threads == 1) {
        run(arg, 0, 0, units);
        return;
    }
    errand e = {.task = {.units = threads - 1, .least = 1, .next_up = true, .run = help, .finish = finish},
                .units = units, .threads = threads, .run = run, .arg = arg};
    atomic_init(&e.taken, 0);
    atomic_init(&e.helped, false);
    pthread_mutex_init(&e.lock, NULL);
    pthread_cond_init(&e.ended, NULL);
    /* Where no thread could be started there is this one. */
    bool helped = gp_cpu_pool_submit(cpu->pool, &e.task, NULL) == GPUPROC_OK;
    run_own(&e, helped && cpu->threads <= gp_cpu_cores());
    if (helped && !gp_cpu_pool_withdraw(cpu->pool, &e.task)) {
        pthread_mutex_lock(&e.lock);
        while (!e.done) pthread_cond_wait(&e.ended, &e.lock);
        pthread_mutex_unlock(&e.lock);
    }
    pthread_cond_destroy(&e.ended);
    pthread_mutex_destroy(&e.lock);
}

void gp_cpu_device_workers(gp_device *device, gp_workers *workers)
{
    *workers = (gp_workers){.count = gp_cpu_device_threads(device), .each = each, .ctx = device};
}
