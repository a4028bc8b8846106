#include "vanished.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 10000 /* for the job to be told: a submission takes less */

/* A signal handler has no context but this. */
static struct {
    _Atomic(gpuproc_job *) job;
    atomic_bool happened;
    uintptr_t page;
} state;

/* The thread gets zeros for the missing page and goes on; its job is cancelled before, and a
 * cancelled job commits nothing. Only calls that are safe in a handler. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    struct timespec ms = {.tv_nsec = 1000000};
    atomic_store(&state.happened, true);
    gpuproc_job *job = NULL;
    for (int i = 0; info->si_code == BUS_ADRERR && i < WAIT_MS; i++) {
        job = atomic_load(&state.job);
        if (job != NULL) break;
        nanosleep(&ms, NULL);
    }
    void *page = (void *)((uintptr_t)info->si_addr / state.page * state.page);
    if (job != NULL) gpuproc_job_cancel(job);
    if (job == NULL || mmap(page, state.page, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
                            0) == MAP_FAILED)
        signal(number, SIG_DFL); /* no job's data: the instruction faults again, for good */
    errno = saved;
}

void vanished_setup(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    long page = sysconf(_SC_PAGESIZE);
    state.page = page > 0 ? (uintptr_t)page : 4096;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, NULL);
}

void vanished_watch(gpuproc_job *job) { atomic_store(&state.job, job); }

bool vanished(void) { return atomic_load(&state.happened); }
