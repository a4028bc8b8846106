/* The OpenCL backend's own objects, shared by its files only.
 *
 * Two ways for the bytes, by device:
 *   discrete  host staging that the driver allocated and mapped once (pinned), a device
 *             buffer behind each, and three in-order queues: up, compute, down
 *   unified   buffers over the host's own bytes, made per chunk, and one queue; nothing
 *             is copied. Where a pointer does not suit the device, a buffer and copies. */
#ifndef GP_DEVICE_CL_DEVICE_H
#define GP_DEVICE_CL_DEVICE_H

#include "device/device.h"
#include "device/opencl/cl_api.h"
#include "device/opencl/cl_blast.h"
#include "device/opencl/cl_cache.h"
#include "emit/cl_source.h"

#include <pthread.h>
#include <stdatomic.h>

/* Elements of one chunk's input that stay on the device for a later pass. */
typedef struct gp_cl_kept gp_cl_kept;
struct gp_cl_kept {
    gp_cl_kept *next; /* of its bucket */
    const void *key;
    uint64_t first, count;
    cl_mem buffer;
    uint64_t bytes;
    atomic_bool whole; /* its upload has ended well */
};

#define GP_CL_KEPT_BUCKETS 1024

typedef struct gp_cl_device {
    gp_device base; /* first: a gp_device * is a gp_cl_device * */
    const gp_cl_api *api;
    const gp_cl_cache *cache; /* may be NULL */
    const gp_cl_blast *blast; /* NULL: there is no CLBlast */
    cl_platform_id platform;
    cl_device_id id;
    cl_device_type type;
    gp_cl_caps caps;
    bool unified;
    size_t address_align;       /* bytes: of sub-buffers, and of host memory used in place */
    size_t max_parameter_bytes; /* of a kernel's arguments */
    char *identity;             /* what a cached binary depends on */
    pthread_mutex_t lock;       /* of the context's making */
    cl_context context;         /* made by the first program or product */
    bool tuned;                 /* what was tuned for this device has been looked for */
    gp_cl_kept *kept[GP_CL_KEPT_BUCKETS];
    uint64_t kept_bytes, kept_budget;
} gp_cl_device;

/* ---- Filling a device (cl_info.c) ---- */

/* Asks for everything above; what cannot be asked ends up in base.info.note. NO_MEMORY
 * is the only error. platform_text: "name version". */
gpuproc_status gp_cl_device_query(gp_cl_device *device, const char *platform_name,
                                  const char *platform_version, gpuproc_error *err);
/* A platform's string, trimmed; NULL where it cannot be had. Owned. */
char *gp_cl_platform_text(const gp_cl_api *api, cl_platform_id platform, cl_platform_info param);

/* ---- Moving (cl_ways.c) ---- */

gpuproc_status gp_cl_ways(gp_device *device, size_t bytes, gp_device_ways *ways, gpuproc_error *err);

/* ---- Programs (cl_program.c, cl_build.c) ---- */

typedef struct gp_cl_operand {
    size_t element_bytes;
    bool streamed;
    uint64_t count; /* of a resident one */
    /* A resident input's buffer, shared by the program's slots, and where its bytes were. */
    cl_mem resident;
    const void *resident_from;
} gp_cl_operand;

typedef struct gp_cl_partials {
    size_t bytes; /* of one */
    bool ordered; /* one per block, else one per group */
} gp_cl_partials;

struct gp_device_program {
    gp_cl_device *device;
    gp_cl_operand *input, *output;
    size_t inputs, outputs;
    gp_cl_partials *reduce;
    size_t reduces;
    size_t uniforms;
    char kernel[32];
    size_t local, groups;
    cl_program program;
    cl_command_queue up, compute, down; /* unified: all the same one */
    bool profiling;
    /* Host minus device time: the least difference seen, which is nearest to the truth. */
    _Atomic int64_t clock_offset, clock_least; /* and what it is at least */
    gp_cl_key key;
    bool cached;
    atomic_bool ran;  /* a chunk was completed: the binary is worth keeping */
    atomic_bool lost; /* the driver does not even tell when work has ended */
};

/* program->program from the cache or from the source, and its kernel checked. */
gpuproc_status gp_cl_program_build(gp_device_program *program, const gp_cl_source *source,
                                   gpuproc_error *err);
bool gp_cl_program_known(gp_device *device, const gp_pass *pass);
/* Keeps the binary on disk. After the first launch, since drivers compile more then. */
void gp_cl_program_keep(const gp_device_program *program);

/* device->context, made where there is none yet. */
gpuproc_status gp_cl_device_context(gp_cl_device *device, gpuproc_error *err);

gpuproc_status gp_cl_program_new(gp_device *device, const gp_pass *pass,
                                 gp_device_program **program, gpuproc_error *err);
void gp_cl_program_free(gp_device_program *program);

/* Work-groups for a chunk of `count` elements. */
size_t gp_cl_groups(const gp_device_program *program, uint64_t count);

/* Waits until nothing is under way; false where the driver refuses to. */
bool gp_cl_program_drain(gp_device_program *program);

/* ---- Slots (cl_slot.c) ---- */

/* Host memory that transfers can use: page-aligned, touched. */
typedef struct gp_cl_host {
    void *data;
    size_t bytes;
    void *pages;   /* unified: ours */
    cl_mem pinned; /* discrete: the driver's, mapped for its whole life */
    void *mapped;
} gp_cl_host;

/* The queue maps and unmaps it. */
gpuproc_status gp_cl_host_new(const gp_cl_device *device, cl_command_queue queue, size_t bytes,
                              gp_cl_host *host, gpuproc_error *err);
void gp_cl_host_free(const gp_cl_device *device, cl_command_queue queue, gp_cl_host *host);

/* One streamed operand of a slot. */
typedef struct gp_cl_area {
    gp_cl_host staging;
    cl_mem buffer; /* discrete: for the slot's life; unified: for one chunk */
    void *mapped;  /* unified output: its bytes while the host may read them */
    bool copied;   /* the bytes travel by Write or Read */
    gp_cl_kept *kept; /* an input's: used in place of `buffer` for the present chunk */
} gp_cl_area;

typedef struct gp_cl_slot {
    gp_slot base; /* first */
    uint64_t max_count;
    cl_kernel kernel;
    gp_cl_area *input, *output;

    /* What the kernel reports: its flags, then the partials, read back in one go. */
    cl_mem result;
    cl_mem *view; /* sub-buffers of it: the flags, then one per reduction */
    size_t views;
    size_t *offset;
    size_t result_bytes;
    cl_mem uniform;
    gp_cl_host host; /* result_bytes, then GP_CL_ZERO_BYTES of zero, then the uniforms */
    uint64_t *uniform_host;
    bool uniform_sent, flags_dirty;

    /* Events of the chunk under way: uploads, the kernel, downloads. */
    cl_event *event;
    size_t events, event_capacity, kernel_event;
    gp_chunk *chunk;
    uint64_t submitted_ns;
    atomic_bool ended; /* done was called, or is to be: by whoever sets this first */
    bool armed;        /* a callback was set */
    bool lost; /* commands may still be using its memory: never to be freed */
    bool callback_due; /* the chunk was ended without its callback, which may still come */
    atomic_bool left;  /* then: by whoever of the two comes first; the other frees the slot */
} gp_cl_slot;

#define GP_CL_ZERO_BYTES 64

void gp_cl_slot_bytes(const gp_device_program *program, uint64_t max_count, uint64_t *host,
                      uint64_t *device);
gpuproc_status gp_cl_slot_new(gp_device_program *program, uint64_t max_count,
                              const bool *want_input, const bool *want_output, gp_slot **slot,
                              gpuproc_error *err);
void gp_cl_slot_free(gp_slot *slot);
/* The slot's own memory, without anything of OpenCL's. */
void gp_cl_slot_free_memory(gp_cl_slot *slot);
/* Gives back what the last chunk left: events, and buffers made for that chunk. */
void gp_cl_slot_reap(gp_cl_slot *slot);

/* ---- What stays from pass to pass (cl_keep.c); discrete devices only ---- */

/* Where the elements are, or NULL. */
gp_cl_kept *gp_cl_kept_find(const gp_cl_device *device, const void *key, uint64_t first,
                            uint64_t count);
/* Room to upload them to; NULL where there is none, which is no error. */
gp_cl_kept *gp_cl_kept_new(gp_cl_device *device, const void *key, uint64_t first, uint64_t count,
                           size_t element_bytes);
void gp_cl_kept_drop(gp_cl_device *device, gp_cl_kept *kept);

bool gp_cl_holds(const gp_device_program *program, const void *key, uint64_t first,
                 uint64_t count);
void gp_cl_forget(gp_device *device, const void *key);

/* ---- Submission (cl_submit.c, cl_buffers.c, cl_finish.c) ---- */

gpuproc_status gp_cl_submit(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err);
/* Makes sure that every operand of the chunk has a buffer. */
gpuproc_status gp_cl_buffers_prepare(gp_cl_slot *slot, const gp_chunk *chunk, gpuproc_error *err);
/* Has gp_chunk.done called when the last event is complete, in whatever way is left. */
gpuproc_status gp_cl_finish_arm(gp_cl_slot *slot, gpuproc_error *err);
/* Ends a submission that failed half-way: waits for what was started. */
void gp_cl_finish_abandon(gp_cl_slot *slot);

/* ---- Matrices (cl_matrix.c, cl_tuned.c, cl_tune.c) ---- */

extern const gp_device_matrix_api gp_cl_matrix_api;

/* Gives CLBlast the parameters that were found for this device, once. */
void gp_cl_tuned_apply(gp_cl_device *device);
gpuproc_status gp_cl_tune(gp_device *device, const gpuproc_tune_options *options,
                          gpuproc_tune_result *result, gpuproc_error *err);

#endif
