/* The parts of one running pass, shared by run_pass.c (the loop) and pass_slot.c
 * (the stages of one slot). Private to stream/. */
#ifndef GP_STREAM_RUN_PASS_H
#define GP_STREAM_RUN_PASS_H

#include "plan/chunking.h"
#include "stream/run.h"
#include "stream/sched.h"

typedef struct gp_pass_run gp_pass_run;
typedef struct gp_pass_slot gp_pass_slot;

typedef enum gp_operation_kind {
    GP_OPERATION_READ,
    GP_OPERATION_COMPUTE,
    GP_OPERATION_WRITE,
    GP_OPERATION_RESIDENT,
} gp_operation_kind;

/* Something under way that ends with a mail. */
typedef struct gp_operation {
    gp_mail mail; /* first, so that a mail is its operation */
    gp_operation_kind kind;
    gp_pass_run *pass;
    gp_pass_slot *slot;
    size_t index; /* of the input or output */
    union {
        gp_read read;
        gp_write write;
        gp_chunk chunk;
    };
} gp_operation;

typedef struct gp_pass_device {
    gp_pass_run *pass;
    gp_device *device;
    gp_device_program *program;
} gp_pass_device;

/* Host memory for one input or output of a slot, taken when it is first needed. */
typedef struct gp_staging {
    void *pages;
    size_t bytes;
} gp_staging;

struct gp_pass_slot {
    gp_pass_run *pass;
    gp_pass_device *device;
    unsigned index;
    gp_slot *slot;
    /* The CPU's slot for a chunk that its device failed to do; made when needed. */
    gp_slot *cpu_slot;
    bool on_cpu; /* the present chunk was done there */
    bool for_cpu; /* it is being read again for the CPU: its device alone had the bytes */

    uint64_t first, count; /* of the present chunk */
    unsigned pending;      /* operations under way */
    bool failed;
    gp_staging *in_staging, *out_staging;
    gp_view *view;
    bool *viewed;
    const void **input;
    void **output;
    gp_operation *read, *write, compute;
};

/* A broadcast operand, whole in memory. */
typedef struct gp_resident {
    const void *data;
    bool viewed;
    gp_view view;
    void *pages;
    size_t page_bytes;
} gp_resident;

struct gp_pass_run {
    gp_run *run;
    const gp_plan_pass *plan_pass;
    const gp_pass *pass;
    gp_pass_device *device;
    size_t devices;
    gp_device_program *cpu_program; /* for fallbacks; made when needed */
    gp_resident *resident;
    uint64_t resident_bytes;
    uint64_t *uniform;
    uint64_t chunk_elements;
    /* Per pass->input (kept.c). */
    const void **key;
    bool *keep, *ask; /* told to devices; a device may hold its chunks from an earlier pass */
    uint64_t kept_elements; /* of the chunks that an earlier pass left on devices; 0: none */
    gp_pass_slot *slot;
    unsigned slots;
    gp_reduce_state **state;
    gp_sched sched;
    gpuproc_error first_error;
};

/* What devices keep from pass to pass (kept.c). */
gpuproc_status gp_kept_prepare(gp_pass_run *pass, gpuproc_error *err);
/* The chunk size is chosen: which inputs to ask for, and what of old sizes is useless. */
void gp_kept_begin(gp_pass_run *pass);
/* Drops what no pass from this one on reads; true where there was something. */
bool gp_kept_forget(gp_run *run, size_t pass);

extern const gp_sched_actions gp_pass_actions; /* pass_slot.c */

gpuproc_status gp_pass_slot_new(gp_pass_run *pass, gp_pass_device *device, unsigned index,
                                gp_pass_slot *slot, gpuproc_error *err);
void gp_pass_slot_free(gp_pass_slot *slot);
void gp_pass_devices_free(gp_pass_run *pass);

/* What an ended operation means for its slot; false: the chunk has failed and
 * pass->first_error says why. */
bool gp_pass_read_ended(gp_pass_slot *slot, gp_operation *op);
bool gp_pass_write_ended(gp_pass_slot *slot, gp_operation *op);
bool gp_pass_compute_ended(gp_pass_slot *slot);
/* The device failed and the CPU has begun the chunk anew, or its bytes are read for that. */
bool gp_pass_compute_again(gp_pass_slot *slot);
/* They have been read: the CPU begins; false: pass->first_error says why not. */
bool gp_pass_compute_on_cpu(gp_pass_slot *slot);

#endif
