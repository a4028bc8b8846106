/* What a pass will cost: bytes and time per stage from the plan and a machine's figures. Pure: it looks at nothing
 * but its arguments, so that it can be tested on paper. What is measured the same way: gpuproc_report.stage. */
#ifndef GP_PLAN_COST_H
#define GP_PLAN_COST_H

#include "plan/plan.h"
#include "plan/rates.h"

/* Where a pass's input comes from. */
typedef enum gp_cost_from {
    GP_FROM_MEMORY, /* the caller's, or an array between passes that is in memory: used where it is */
    GP_FROM_MAPPED, /* a file in the page cache, used where it is */
    GP_FROM_CACHE,  /* the same, copied */
    GP_FROM_DISK,
    GP_FROM_MADE,   /* a product: made while it is read */
    GP_FROM_STREAM, /* nobody knows how fast it comes */
} gp_cost_from;

typedef struct gp_cost_input {
    gp_cost_from from;
    uint64_t bytes; /* that are moved, which a walk may make more than there are elements */
} gp_cost_input;

/* A pass as it would run on one device. */
typedef struct gp_cost_pass {
    const gp_plan_pass *plan;
    uint64_t chunks, chunk_elements;
    unsigned slots;
    unsigned threads;        /* of the CPU, that it takes; 0: the machine's */
    bool in_blocks;
    bool copies;             /* nothing is computed */
    gp_cost_input *input;    /* per plan->pass.input */
    bool *output_in_memory;  /* per plan->pass.output: it is made where it stays */
    bool *output_copied;     /* it is an input as it is: written from where it was read */
    bool *fold_in_memory;    /* per plan->fold: its result stays in memory */
    double op_ns;            /* of the CPU's program, per element and thread; 0: there is none */
    double device_op_ns;     /* the same on a device; set by gp_cost_ops */
    const gp_product_spec **product; /* per plan->pass.input: the product that it is, or NULL */
    uint64_t product_bytes;  /* of operands that its products read */
    gp_cost_from product_from;
    bool program_cached;     /* a device's program is in the cache */
    uint64_t straightened;   /* bytes that are brought into order before it */
    uint64_t resident_bytes, fold_bytes, memory_bytes;
} gp_cost_pass;

typedef struct gp_cost_machine {
    const gp_rates *rates;
    const gp_device_rates *device; /* NULL: the CPU computes */
    bool shares;      /* the device computes in the host's memory, where the arrays are */
    unsigned threads; /* of the CPU that compute */
    unsigned cores;   /* processors that these and reading and writing share; 0: as many as threads */
    bool sync;
    bool own_thread; /* the job has one; gp_cost_of_job counts that */
    double once_ns; /* that the session takes but once, and has not yet: of the first job, of libraries */
    double scale; /* so many times as many elements; 1 */
} gp_cost_machine;

typedef struct gp_cost {
    uint64_t bytes[GPUPROC_STAGES], in_place[GPUPROC_STAGES];
    double ns[GPUPROC_STAGES]; /* busy, as a report has it */
    double wall_ns;
    double compute_ns, memory_ns; /* of KERNEL: what computing alone would take, and moving alone */
    double multiply_ns;           /* of KERNEL: making products */
    double device_ns;             /* that a device other than the CPU has something to do */
} gp_cost;

/* Fills op_ns and device_op_ns from the CPU's program of the pass. */
gpuproc_status gp_cost_ops(const gp_rates *rates, const gp_device_rates *device, gp_cost_pass *pass,
                           gpuproc_error *err);

/* One pass, added to *sum (zeroed in the beginning). Returns its own wall time. */
double gp_cost_of_pass(const gp_cost_pass *pass, const gp_cost_machine *machine, gp_cost *sum);

/* The thread that runs the job computes, and wakes no other. */
bool gp_cost_is_here(const gp_cost_pass *pass, const gp_cost_machine *machine);

/* Behind the last pass: what a job costs by itself, `outputs` files of `bytes` made safe, and
 * `spooled` bytes of streams kept in files before the first pass. */
void gp_cost_of_job(const gp_cost_machine *machine, unsigned outputs, uint64_t bytes, uint64_t spooled, gp_cost *sum);

/* Elements that a growing result of `most` may come to, made from `count`: nobody knows. */
uint64_t gp_cost_growing(gp_op op, uint64_t most, uint64_t count);

/* The longest stage. */
gpuproc_stage gp_cost_limit(const gp_cost *cost);

#endif
