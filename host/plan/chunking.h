/* How much travels at once: chunk size and slots, from the memory budget. */
#ifndef GP_PLAN_CHUNKING_H
#define GP_PLAN_CHUNKING_H

#include "base/error.h"

/* Large enough that the cost per chunk (wake-ups, mapping, launches: some 50 us)
 * stays below 2 % at 10 GB/s, small enough that a few slots stay in a shared cache. */
#define GP_CHUNK_BYTES ((uint64_t)8 << 20)

/* Chunks under way, where there is room for all and nothing else was asked for. */
#define GP_CHUNKING_SLOTS 6

/* What a device says one slot of `elements` takes; `ctx` is the caller's. */
typedef void (*gp_slot_bytes_fn)(void *ctx, uint64_t elements, uint64_t *host, uint64_t *device);

typedef struct gp_chunking_request {
    uint64_t count;         /* elements of the pass */
    size_t widest_bytes;    /* of the widest streamed element; >= 1 */
    size_t streams;         /* streamed inputs, and outputs */
    uint64_t chunk_bytes;   /* asked for, of the widest array; 0: choose */
    uint64_t large_bytes;   /* chosen where there is room: larger chunks read this pass better; 0: they do not */
    unsigned slots;         /* asked for; 0: choose */
    bool sync;              /* one slot */
    bool transfers;         /* chunks are uploaded and downloaded: many of them overlap better */
    uint64_t memory_bytes;  /* chunks of what lies in memory anyway, where nothing but the wake-ups depends on their
                             * size; 0: they do not lie there */
    uint64_t host_budget;   /* bytes for all slots of this device */
    uint64_t device_budget; /* the same on the device; 0: unlimited */
    gp_slot_bytes_fn slot_bytes;
    void *ctx;
} gp_chunking_request;

typedef struct gp_chunking {
    uint64_t elements; /* of a chunk; a multiple of GP_BLOCK */
    unsigned slots;
    uint64_t host_bytes; /* of all slots */
} gp_chunking;

/* BUDGET, naming the least that would do, where not even the smallest chunk fits. */
gpuproc_status gp_chunking_choose(const gp_chunking_request *request, gp_chunking *out,
                                  gpuproc_error *err);

#endif
