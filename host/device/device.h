/* The small interface to what runs a pass's kernel: the CPU, an OpenCL device, or
 * a fake one in tests. Three objects by lifetime: device > program > slot.
 *
 *   device   found once per session
 *   program  one pass made ready for one device
 *   slot     the buffers of one chunk under way: host staging that reads fill and
 *            writes drain, and whatever the device needs behind it
 *
 * Only the loop thread calls these functions, except where noted; a device reports the end
 * of a submission from any thread through gp_chunk.done, which posts to the loop.
 * "Cannot do this" (DEVICE_UNSUPPORTED from program_new) is a normal answer. */
#ifndef GP_DEVICE_DEVICE_H
#define GP_DEVICE_DEVICE_H

#include "base/memory.h"
#include "emit/pass.h"
#include "emit/reduce.h"

typedef struct gp_device gp_device;
typedef struct gp_device_program gp_device_program;
typedef struct gp_slot gp_slot;
typedef struct gp_chunk gp_chunk;

/* When a stage of a chunk ran, by gp_now_ns's clock; 0, 0: it did not run. */
typedef struct gp_span {
    uint64_t begin_ns, end_ns;
} gp_span;

/* One chunk to compute. Owned by the stream; lives until `done` was called. */
struct gp_chunk {
    uint64_t first, count;  /* elements of the pass; first is a multiple of GP_BLOCK */
    /* Per pass->input: where its bytes are: element `first` of a streamed one,
     * the whole operand of a resident one. Native byte order, C order, aligned
     * to the dtype. Either the slot's staging or memory that stays readable until done.
     * NULL: the device `holds` them. */
    const void *const *input;
    /* Per pass->input, both or neither may be NULL: whose elements they are (compared, never
     * followed), and whether a later pass reads them again, so that keeping them on the
     * device spares it a way. It may keep them or not. */
    const void *const *key;
    const bool *keep;
    /* Per pass->output: where element `first` goes: the slot's staging or the caller's memory. */
    void *const *output;
    const uint64_t *uniform; /* per pass->uniform: 64 bits (double bits for floats) */
    unsigned threads;        /* of the CPU, at most; 0: all. Other devices take what they have */
    /* Called once, from any thread, when outputs and partials are complete on the host. */
    void (*done)(gp_chunk *chunk);
    void *ctx;

    /* Filled by the device before `done`. */
    gpuproc_status status;
    gpuproc_error error; /* where status is not OK */
    uint32_t flags;      /* GP_FLAG_* that were seen */
    gp_span upload, kernel, download;
    uint64_t clock_error_ns; /* by which the spans may be placed wrongly: times of another clock; 0: ours */
};

/* A slot as the stream sees it. Staging pointers are NULL where the device takes
 * the bytes from wherever they are and none was asked for. */
struct gp_slot {
    gp_device_program *program;
    void **input;         /* per pass->input: staging for max_count elements + slack, or NULL */
    void **output;        /* per pass->output: staging for max_count elements, or NULL */
    const void **partial; /* per pass->reduce: partials of the last chunk */
    size_t partials;      /* unordered partials per reduction (ordered: one per block) */
};

/* GB/s to the device and from it: from memory as anybody has it, from memory that the driver has pinned, and through a
 * mapping of the device's buffer, where copying is part of it. 0: it does not go. */
typedef struct gp_device_ways {
    double pageable[2], staged[2], mapped[2];
} gp_device_ways;

typedef struct gp_device_api {
    /* Makes `pass` ready (compiles or loads from the cache). */
    gpuproc_status (*program_new)(gp_device *device, const gp_pass *pass,
                                  gp_device_program **program, gpuproc_error *err);
    void (*program_free)(gp_device_program *program);
    /* Whether program_new would find it in the cache; from any thread. NULL: nothing takes long there. */
    bool (*program_known)(gp_device *device, const gp_pass *pass);

    /* Memory that one slot takes for chunks of max_count elements, on the host and on
     * the device: at most, as if it gave staging for every streamed input and output. */
    void (*slot_bytes)(const gp_device_program *program, uint64_t max_count, uint64_t *host,
                       uint64_t *device);
    /* want_input[i], want_output[i]: give staging for it (a device that always
     * stages gives it anyway). Each staging area is page-aligned, has GP_STAGING_SLACK
     * bytes more than the elements need, and is touched already. */
    gpuproc_status (*slot_new)(gp_device_program *program, uint64_t max_count,
                               const bool *want_input, const bool *want_output, gp_slot **slot,
                               gpuproc_error *err);
    void (*slot_free)(gp_slot *slot);

    /* Starts a chunk on a free slot and returns at once. An error here means that
     * `done` will not be called. */
    gpuproc_status (*submit)(gp_slot *slot, gp_chunk *chunk, gpuproc_error *err);

    /* NULL, both, where nothing is ever kept.
     * holds: a chunk of these elements that was `keep` has been kept and is whole; until
     * `forget` a chunk of exactly them may come without its bytes.
     * forget: drops what was kept under this key; no chunk with it is under way. */
    bool (*holds)(const gp_device_program *program, const void *key, uint64_t first,
                  uint64_t count);
    void (*forget)(gp_device *device, const void *key);

    /* Measures how fast so many bytes go there and back, by each way; blocks. NULL: there is none. */
    gpuproc_status (*ways)(gp_device *device, size_t bytes, gp_device_ways *ways, gpuproc_error *err);

    void (*close)(gp_device *device);
} gp_device_api;

/* Products of matrices on a device, where it has a library for them; each tile is used by one thread at a time,
 * different ones by different threads at once, without any lock of the caller's.
 *
 * A tile (m, n) of C stays on the device while panels of A (m, k) and B (k, n) come and are added. There are two
 * places for panels, which take turns, so that one is filled while the other is uploaded and multiplied. */
typedef struct gp_device_tile gp_device_tile;

typedef struct gp_device_panel {
    void *data;     /* staging that the caller fills: room for max_m * max_k or max_k * max_n elements */
    bool transposed; /* filled column after column: A as (k, m), B as (n, k) in C order */
} gp_device_panel;

/* When what a tile did ran; zeros: nothing did, or it is not known. */
typedef struct gp_device_tile_times {
    gp_span program;        /* of what was last added from a place: getting the library's kernels, */
    gp_span upload, kernel; /* which is known once `panels` or `take` has waited for it */
    gp_span download;       /* of the last take */
    uint64_t error_ns;      /* by which these may be placed wrongly: times of another clock */
} gp_device_tile_times;

typedef struct gp_device_matrix_api {
    /* Memory that such a tile takes on the host and on the device, at most (staging, the library's scratch
     * memory); where they share theirs, both are all of it. UINT64_MAX: the device has no such dtype. */
    void (*bytes)(gp_device *device, gp_dtype dtype, uint64_t max_m, uint64_t max_n, uint64_t max_k,
                  uint64_t *host_bytes, uint64_t *device_bytes);
    /* DEVICE_UNSUPPORTED for dtypes or sizes that it has not, DEVICE_MEMORY where there is too little. */
    gpuproc_status (*tile_new)(gp_device *device, gp_dtype dtype, uint64_t max_m, uint64_t max_n, uint64_t max_k,
                               gp_device_tile **tile, gpuproc_error *err);
    void (*tile_free)(gp_device_tile *tile);
    /* The place `which` (0, 1): blocks until what was added from it is done with it. */
    gpuproc_status (*panels)(gp_device_tile *tile, unsigned which, gp_device_panel *a, gp_device_panel *b,
                             gpuproc_error *err);
    /* tile = (first) or += A @ B from that place, begun and not waited for. The caller has set
     * `transposed` of the panels that it filled. */
    gpuproc_status (*add)(gp_device_tile *tile, unsigned which, const gp_device_panel *a, const gp_device_panel *b,
                          uint64_t m, uint64_t n, uint64_t k, bool first, gpuproc_error *err);
    /* Brings the tile to `c`, rows c_row elements apart; blocks until it is there. */
    gpuproc_status (*take)(gp_device_tile *tile, void *c, int64_t c_row, uint64_t m, uint64_t n,
                           gpuproc_error *err);
    /* May be NULL. */
    void (*times)(const gp_device_tile *tile, unsigned which, gp_device_tile_times *times);
    /* Looks for better parameters, as gpuproc_session_tune says; session/ has checked the structs. */
    gpuproc_status (*tune)(gp_device *device, const gpuproc_tune_options *options,
                           gpuproc_tune_result *result, gpuproc_error *err);
} gp_device_matrix_api;

struct gp_device {
    const gp_device_api *api;
    const gp_device_matrix_api *matrix; /* NULL: the CPU multiplies */
    gpuproc_device_info info;
    /* The device reads inputs where they are and writes outputs where they go (the
     * CPU): no staging is needed for memory and for views. */
    bool in_place;
    uint64_t memory_budget; /* device bytes that slots may take, beside what is kept */
    /* How getting the last program went. */
    uint64_t program_ns;
    bool program_cached;
};

#endif
