#include "device/cpu/cpu_pool.h"

#include "base/clock.h"
#include "base/memory.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* The least and the most units that a worker takes at a time. */
#define LEAST 8
#define MOST 512
/* How long an idle worker looks for work before it sleeps: about what a wake-up costs; and where its last wait
 * was a short one, for as long as such a wait. Folds share one piece of memory after the other, with a little
 * to do between them, and a system that wakes a worker may well put it behind the thread that waits for it. */
#define SPIN_NS 30000
#define SPIN_LONG_NS 250000

typedef struct worker {
    gp_cpu_pool *pool;
    unsigned index;
    pthread_t thread;
    uint64_t patience_ns;
} worker;

struct gp_cpu_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned threads, started, looking, asleep;
    bool stop;
    bool spin;
    gp_cpu_task *head, *tail; /* tasks with units that nobody has taken */
    atomic_bool open;         /* head != NULL or stop, for those who look without the lock */
    worker worker[];
};

unsigned gp_cpu_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    long n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
    if (n <= 0) n = sysconf(_SC_NPROCESSORS_ONLN); /* more than a cpu_set_t holds */
    return n > 0 ? (unsigned)n : 1;
}

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void look(gp_cpu_pool *pool, uint64_t end_ns)
{
    while (!atomic_load_explicit(&pool->open, memory_order_relaxed)) {
        for (int i = 0; i < 32; i++) pause_a_little();
        if (gp_now_ns() >= end_ns) return;
    }
}

/* With the lock: the first task that takes one worker more; NULL: none does. */
static gp_cpu_task *find_task(const gp_cpu_pool *pool)
{
    gp_cpu_task *task = pool->head;
    while (task != NULL && task->most != 0 && task->busy >= task->most) task = task->next;
    return task;
}

/* With the lock: waits until there is a task; NULL when the pool ends. */
static gp_cpu_task *wait_for_task(worker *self)
{
    gp_cpu_pool *pool = self->pool;
    gp_cpu_task *task = find_task(pool);
    if (task != NULL || pool->stop) return task;
    uint64_t begin = gp_now_ns();
    if (pool->head == NULL && pool->spin) {
        /* One core is left to whoever makes the next task. */
        bool last = pool->looking + 1 >= pool->threads;
        pool->looking++;
        pthread_mutex_unlock(&pool->lock);
        look(pool, begin + (last ? SPIN_NS : self->patience_ns));
        pthread_mutex_lock(&pool->lock);
        pool->looking--;
    }
    while ((task = find_task(pool)) == NULL && !pool->stop) {
        pool->asleep++;
        pthread_cond_wait(&pool->wake, &pool->lock);
        pool->asleep--;
    }
    self->patience_ns = gp_now_ns() - begin <= SPIN_LONG_NS ? SPIN_LONG_NS : SPIN_NS;
    return task;
}

/* With the lock: out of the queue; nothing is left of it to take. */
static void unlink_task(gp_cpu_pool *pool, const gp_cpu_task *task)
{
    gp_cpu_task **at = &pool->head, *before = NULL;
    while (*at != task) {
        before = *at;
        at = &before->next;
    }
    *at = task->next;
    if (pool->tail == task) pool->tail = before;
    if (pool->head == NULL) atomic_store_explicit(&pool->open, pool->stop, memory_order_relaxed);
}

/* With the lock: takes units of the task. Long runs at first, which read on in memory; short
 * ones to the end, so that all workers come to it together. */
static uint64_t take_units(gp_cpu_pool *pool, gp_cpu_task *task)
{
    uint64_t left = task->units - task->taken;
    unsigned workers = task->most != 0 && task->most < pool->started ? task->most : pool->started;
    uint64_t n = left / (4 * (uint64_t)workers);
    n = gp_min_u64(left, gp_min_u64(MOST, gp_max_u64(task->least ? task->least : LEAST, n)));
    task->taken += n;
    task->busy++;
    if (task->taken == task->units) unlink_task(pool, task);
    return n;
}

static void *work(void *arg)
{
    worker *self = arg;
    gp_cpu_pool *pool = self->pool;
    /* Whatever rounding or flush-to-zero mode the caller's thread had, we have none. */
    fesetenv(FE_DFL_ENV);

    pthread_mutex_lock(&pool->lock);
    gp_cpu_task *task;
    while ((task = wait_for_task(self)) != NULL) {
        uint64_t from = task->taken;
        uint64_t n = take_units(pool, task);
        /* Each that finds more than it takes wakes one more, where none looks for it. */
        bool more = pool->asleep > 0 && pool->looking == 0 && find_task(pool) != NULL;
        pthread_mutex_unlock(&pool->lock);

        if (more) pthread_cond_signal(&pool->wake);
        if (from == 0) task->begin_ns = gp_now_ns();
        if (n > 0) task->run(task, self->index, from, from + n);

        pthread_mutex_lock(&pool->lock);
        task->finished += n;
        task->busy--;
        if (task->finished == task->units) {
            pthread_mutex_unlock(&pool->lock);
            task->finish(task);
            pthread_mutex_lock(&pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

gpuproc_status gp_cpu_pool_new(unsigned threads, gp_cpu_pool **pool, gpuproc_error *err)
{
    gp_cpu_pool *p = gp_calloc(1, sizeof *p + threads * sizeof p->worker[0]);
    if (p == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for %u workers", threads);
    p->threads = threads;
    /* Spinning takes the core from those that work where there are not enough of them. */
    unsigned cores = gp_cpu_cores();
    p->spin = cores > 1 && threads <= cores;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    atomic_init(&p->open, false);
    *pool = p;
    return GPUPROC_OK;
}

void gp_cpu_pool_free(gp_cpu_pool *pool)
{
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    atomic_store_explicit(&pool->open, true, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    for (unsigned i = 0; i < pool->started; i++) pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* With the lock: starts the threads. Fewer than wanted are enough; signals are for the host's own. */
static gpuproc_status start(gp_cpu_pool *pool, gpuproc_error *err)
{
    sigset_t all, old;
    int failed = 0;
    sigfillset(&all);
    /* Faults must still reach whoever handles them: a mapped file may become shorter. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (pool->started < pool->threads) {
        worker *w = &pool->worker[pool->started];
        w->pool = pool;
        w->index = pool->started;
        w->patience_ns = SPIN_NS;
        failed = pthread_create(&w->thread, NULL, work, w);
        if (failed != 0) break;
        pthread_setname_np(w->thread, "gpuproc-cpu");
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (pool->started > 0) return GPUPROC_OK;
    return gp_fail_errno(err, GPUPROC_NO_MEMORY, failed, "", "cannot start a worker thread");
}

gpuproc_status gp_cpu_pool_submit(gp_cpu_pool *pool, gp_cpu_task *task, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    task->next = NULL;
    task->taken = task->finished = task->begin_ns = 0;
    task->busy = 0;
    pthread_mutex_lock(&pool->lock);
    if (pool->started == 0) st = start(pool, err);
    if (st == GPUPROC_OK) {
        if (task->next_up) {
            task->next = pool->head;
            pool->head = task;
        } else if (pool->tail != NULL) {
            pool->tail->next = task;
        } else {
            pool->head = task;
        }
        if (task->next == NULL) pool->tail = task;
        atomic_store_explicit(&pool->open, true, memory_order_relaxed);
    }
    bool wake = pool->asleep > 0 && pool->looking == 0;
    pthread_mutex_unlock(&pool->lock);
    if (wake && st == GPUPROC_OK) pthread_cond_signal(&pool->wake);
    return st;
}

bool gp_cpu_pool_withdraw(gp_cpu_pool *pool, gp_cpu_task *task)
{
    bool over = false;
    pthread_mutex_lock(&pool->lock);
    if (task->taken < task->units) {
        unlink_task(pool, task);
        task->units = task->taken;
        over = task->finished == task->units;
    }
    pthread_mutex_unlock(&pool->lock);
    return over;
}
