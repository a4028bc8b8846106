#include "interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define ECHO_NS 50000000

/* Signals belong to the process, so this is one per process. A thread that waits
 * for them may take a lock, which a signal handler must not. */
static struct {
    pthread_mutex_t lock;
    sigset_t set;
    bool holding; /* there may be something to clean up */
    gpuproc_job *job;
    int came;
    struct timespec first; /* when it came */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* timeout(1) and some shells send the same signal to a process and to its group: who means it twice
 * takes longer. */
static bool is_echo(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = (int64_t)(now.tv_sec - state.first.tv_sec) * 1000000000 +
                 (now.tv_nsec - state.first.tv_nsec);
    return ns < ECHO_NS;
}

static void *wait_for_signals(void *unused)
{
    (void)unused;
    for (;;) {
        int number;
        if (sigwait(&state.set, &number) != 0) continue;
        pthread_mutex_lock(&state.lock);
        if (state.came != 0 && is_echo()) {
            pthread_mutex_unlock(&state.lock);
            continue;
        }
        if (state.came != 0 || !state.holding) _exit(128 + number);
        state.came = number;
        clock_gettime(CLOCK_MONOTONIC, &state.first);
        if (state.job != NULL) gpuproc_job_cancel(state.job);
        pthread_mutex_unlock(&state.lock);
    }
    return NULL;
}

void interrupt_setup(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t before;
    sigemptyset(&state.set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN) continue;
        sigaddset(&state.set, numbers[i]);
    }
    if (sigisemptyset(&state.set)) return;
    pthread_t thread;
    if (pthread_sigmask(SIG_BLOCK, &state.set, &before) != 0) return;
    if (pthread_create(&thread, NULL, wait_for_signals, NULL) != 0) {
        pthread_sigmask(SIG_SETMASK, &before, NULL); /* then a signal simply ends the process */
        return;
    }
    pthread_detach(thread);
}

void interrupt_hold(void)
{
    pthread_mutex_lock(&state.lock);
    state.holding = true;
    pthread_mutex_unlock(&state.lock);
}

void interrupt_watch(gpuproc_job *job)
{
    pthread_mutex_lock(&state.lock);
    state.job = job;
    state.holding = true;
    if (job != NULL && state.came != 0) gpuproc_job_cancel(job);
    pthread_mutex_unlock(&state.lock);
}

int interrupt_exit_code(void)
{
    pthread_mutex_lock(&state.lock);
    int code = state.came != 0 ? 128 + state.came : 0;
    pthread_mutex_unlock(&state.lock);
    return code;
}
