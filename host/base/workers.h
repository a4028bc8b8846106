/* Several threads for one piece of work, whoever has them: the CPU device's in a run, the
 * calling thread alone in a test. */
#ifndef GP_BASE_WORKERS_H
#define GP_BASE_WORKERS_H

#include <stdint.h>

typedef struct gp_workers gp_workers;
struct gp_workers {
    unsigned count; /* at least 1 */
    /* Calls run(arg, worker, from, to) for ranges that together are [0, units), on at most `count`
     * threads at once, worker < count telling them apart; returns when all are done. */
    void (*each)(const gp_workers *workers, uint64_t units,
                 void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to), void *arg);
    void *ctx;
};

#endif
