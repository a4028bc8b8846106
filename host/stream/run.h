/* Runs a plan: the loop of one job. Everything here happens on the job's loop
 * thread, except where noted; engine threads, CPU workers and OpenCL callbacks only
 * post to its mailbox. */
#ifndef GP_STREAM_RUN_H
#define GP_STREAM_RUN_H

#include "device/device.h"
#include "io/sink.h"
#include "io/source.h"
#include "plan/choose.h"
#include "plan/plan.h"
#include "stream/mailbox.h"
#include "stream/trace.h"

#include <stdatomic.h>

/* What happened so far; written by the loop, read by anyone. */
typedef struct gp_counters {
    _Atomic unsigned pass;
    _Atomic uint64_t bytes_done;
    _Atomic uint64_t bytes_again; /* beside gp_run_bytes: folds wanted the data once more */
    /* From here on: when the job has ended. Times and bytes are the trace's. */
    uint64_t chunks, chunk_elements, memory_bytes, fallbacks, retries, rounds;
    uint64_t product_bytes, product_least_bytes;
    unsigned slots, threads;
    bool program_cached;
    bool used_device[64]; /* by index in gp_run.device; beyond: not told */
    bool used_cpu;        /* the CPU did chunks */
} gp_counters;

/* Where a stored array is, from the pass that makes it to the last one that reads it (store.c). */
typedef struct gp_store {
    gp_sink *sink;
    void *pages; /* of a small one; NULL: in a file */
    size_t bytes;
} gp_store;

typedef struct gp_survey gp_survey; /* survey.h */

typedef struct gp_run {
    const gp_plan *plan;
    gp_io_engine *engine;
    gp_device *cpu;               /* for fallbacks and scalars */
    gp_device *const *device;     /* that share the passes */
    size_t devices;
    pthread_mutex_t *device_lock; /* held around every call of a device */
    const gp_linalg *linalg;      /* NULL where the plan has no matrices */
    gp_source **source;           /* per array; NULL where not read, and for stored arrays */
    gp_sink *const *sink;         /* per plan target; NULL: its bytes go to `value` */
    const uint64_t *room;         /* per target: bytes that its sink takes, the rest is dropped; NULL: all */
    uint64_t *length;             /* per target: elements of a growing one, filled in; NULL: not wanted */
    uint64_t host_budget, chunk_bytes;
    unsigned slots;
    unsigned threads;             /* of the CPU, asked for; 0: all, or what was chosen */
    const gp_choice *choice;      /* per pass of the plan, below what was asked for; NULL: by rule */
    bool sync, no_fallback;
    void (*log)(void *ctx, gpuproc_log_level level, const char *message);
    void *log_ctx;

    gp_survey *survey; /* nothing is run: what would be is noted here */

    /* The run's own. Per array: elements of the chunks in which devices keep it for a later
     * pass; 0: not kept (kept.c). */
    uint64_t *kept;
    gp_store *store;       /* per stored array */
    uint64_t stored_bytes; /* of those in memory: they are taken from the budget */
    gpuproc_scalar *value; /* per node: uniform ones and 0-d targets without a sink */
    gp_mailbox box;
    _Atomic bool cancelled; /* set by anyone, then gp_mailbox_wake */
    gp_counters counters;
    gp_trace trace; /* `limit` is the caller's, who frees it */
    gp_text warnings; /* "; "-separated */
} gp_run;

/* Runs every pass. On success all outputs are written (not committed) and all values known. */
gpuproc_status gp_run_plan(gp_run *run, gpuproc_error *err);

/* One pass (run_pass.c). */
gpuproc_status gp_run_pass(gp_run *run, const gp_plan_pass *pass, gpuproc_error *err);

/* The bytes that gp_counters.bytes_done comes to when all went well. */
uint64_t gp_run_bytes(const gp_plan *plan);

/* One read (of so many bytes) or write that is alone under way: starts it, waits, and gives its error to *err. Both end with
 * CANCELLED where the run is cancelled and a stream has nothing to give, or nobody to take. */
gpuproc_status gp_run_read(gp_run *run, gp_read *read, uint64_t bytes, gpuproc_error *err);
gpuproc_status gp_run_write(gp_run *run, gp_write *write, gpuproc_error *err);

/* Notes a piece of work that belongs to no chunk. */
void gp_run_trace(gp_run *run, gpuproc_stage stage, const gp_device *device, uint64_t begin_ns, uint64_t end_ns,
                  uint64_t bytes, uint64_t bytes_in_place);
/* The device's number in spans. */
int16_t gp_run_device_number(const gp_run *run, const gp_device *device);

/* Stored arrays: those that pass `pass` makes get a place, before it; those that it made become
 * readable, and those that it was the last to read go, behind it. gp_stores_free: all go. */
gpuproc_status gp_stores_before(gp_run *run, size_t pass, gpuproc_error *err);
gpuproc_status gp_stores_after(gp_run *run, size_t pass, gpuproc_error *err);
void gp_stores_free(gp_run *run);
/* Whether a stored array of so many bytes stays in memory. */
bool gp_store_fits(const gp_run *run, uint64_t bytes);
/* What is left of the host budget. */
uint64_t gp_run_budget(const gp_run *run);

/* The input is an array in the caller's memory: it is there anyway. */
bool gp_run_in_memory(const gp_run *run, const gp_pass_input *in);

/* Before the first pass: BUDGET where some pass keeps more than the budget has (budget.c). */
gpuproc_status gp_run_check_budget(const gp_run *run, gpuproc_error *err);
/* BUDGET: the pass input has to be in memory as a whole, and `left` bytes do not hold it. */
gpuproc_status gp_run_fail_resident(const gp_run *run, const gp_pass_input *in, uint64_t left,
                                    gpuproc_error *err);

/* Tells the session's log; fmt makes one line. */
void gp_run_log(gp_run *run, gpuproc_log_level level, const char *fmt, ...) GP_PRINTF(3, 4);
/* Adds a numeric warning to the list, once. */
void gp_run_warn(gp_run *run, const char *text);
/* The warnings among the GP_FLAG_* that kernels saw. */
void gp_run_warn_flags(gp_run *run, uint32_t flags);
/* The errors among them: DOMAIN. */
gpuproc_status gp_run_check_flags(uint32_t flags, gpuproc_error *err);
/* One element becomes the node's value. */
void gp_run_keep_value(gp_run *run, int node, gp_dtype dtype, const void *element);
/* The 64 bits of a uniform value as kernels read them. */
uint64_t gp_run_uniform_bits(const gpuproc_scalar *value);

#endif
