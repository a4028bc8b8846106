/* The parts of one running pass, shared by run_pass.c (the loop), pass_slot.c (the stages of one
 * slot), pass_read.c (what a chunk reads) and pass_fold.c. Private to stream/. */
#ifndef GP_STREAM_RUN_PASS_H
#define GP_STREAM_RUN_PASS_H

#include "plan/blocks.h"
#include "plan/chunking.h"
#include "stream/sched.h"
#include "stream/survey.h"

typedef struct gp_pass_run gp_pass_run;
typedef struct gp_pass_slot gp_pass_slot;

typedef enum gp_operation_kind {
    GP_OPERATION_READ,
    GP_OPERATION_COMPUTE,
    GP_OPERATION_FOLD,
    GP_OPERATION_WRITE,
} gp_operation_kind;

/* Something under way that ends with a mail. */
typedef struct gp_operation {
    gp_mail mail; /* first, so that a mail is its operation */
    gp_operation_kind kind;
    gp_pass_run *pass;
    gp_pass_slot *slot;
    size_t index; /* READ: of the read */
    union {
        gp_read read;
        gp_write write;
        gp_chunk chunk;
        struct {
            gpuproc_error folded; /* status OK where it went well */
            gp_span span;
        };
    };
} gp_operation;

/* What a chunk reads at once: for one streamed input, or for several that go through one array in
 * its order, a little apart (pass_read.c). */
typedef struct gp_pass_read {
    gp_source *source;
    gp_dtype dtype;
    const gp_walk *walk;  /* NULL: in the array's order, from element `from` on, `more` than the chunk */
    uint64_t from, more;
    size_t input;         /* the first that it is for; the others follow in gp_read_place.next */
} gp_pass_read;

typedef struct gp_read_place {
    uint64_t lag; /* elements from the read's first to the input's */
    size_t next;  /* input of the same read; SIZE_MAX: none */
} gp_read_place;

typedef struct gp_pass_device {
    gp_pass_run *pass;
    gp_device *device;
    gp_device_program *program; /* NULL: there is nothing to compute */
    gp_pass_read *read;
    size_t reads;
    gp_read_place *place; /* per input */
} gp_pass_device;

/* A fold of the pass. */
typedef struct gp_pass_fold {
    const gp_plan_fold *plan;
    gp_fold *fold;
    bool fed;      /* it wants the pieces of this round */
    bool in_place; /* its results may stand where its operand stands */
    gp_sink *sink[2]; /* the target's, the stored array's; NULL: none */
    uint64_t room[2]; /* bytes that they take */
} gp_pass_fold;

/* The thread that folds. */
typedef struct gp_folder {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    gp_pass_slot *first, *last; /* to be folded */
    bool made, stop;
} gp_folder;

/* Host memory for one input or output of a slot, taken when it is first needed. */
typedef struct gp_staging {
    void *pages;
    size_t bytes;
} gp_staging;

/* A chunk of a pass in blocks. */
typedef struct gp_block {
    int64_t lo[GPUPROC_MAX_NDIM];
    gp_shape shape;
    gp_walk place; /* of its elements in the outputs */
    bool together; /* they lie side by side there */
} gp_block;

struct gp_pass_slot {
    gp_pass_run *pass;
    gp_pass_device *device;
    unsigned index;
    gp_slot *slot;
    /* The CPU's slot for a chunk that its device failed to do; made when needed. */
    gp_slot *cpu_slot;
    bool on_cpu; /* the present chunk was done there */
    bool for_cpu; /* it is being read again for the CPU: its device alone had the bytes */

    uint64_t chunk, first, count; /* of the present chunk; in blocks `first` is 0 */
    gp_block block;        /* in blocks: which one it is */
    gp_walk *block_walk;   /* per read: how it goes through the block */
    unsigned pending;      /* operations under way */
    bool failed;
    gp_staging *in_staging; /* per read */
    gp_staging *out_staging;
    gp_view *view; /* per read */
    bool *viewed;
    const void **input;
    void **output;
    void **work_output; /* per output of pass->work */
    gp_staging *fold_out; /* per fold */
    gp_fold_piece *piece;
    gp_pass_slot *next_to_fold;
    gp_operation *read, *write, compute, fold;
    /* For the trace (pass_trace.c): the reads or writes of the present chunk so far, when the
     * computation was handed over, and the end of the slot's last span. */
    gp_trace_span moving;
    uint64_t submitted_ns, traced_ns;
};

/* An input's elements in the pass's order, in a file of their own; zeros: it is read where it is. */
typedef struct gp_straight {
    gp_sink *sink;
    gp_source *source;
} gp_straight;

/* A broadcast operand, whole in memory. */
typedef struct gp_resident {
    const void *data;
    bool viewed;
    gp_view view;
    void *pages;
    size_t page_bytes;
} gp_resident;

/* A product among the pass's inputs. */
typedef struct gp_pass_product_run {
    int array;
    const gp_plan_stored *stored;
    gp_product_tiling tiling;
    const gp_product_span *span; /* for the trace */
    size_t spans;
} gp_pass_product_run;

struct gp_pass_run {
    gp_run *run;
    const gp_plan_pass *plan_pass;
    const gp_pass *pass;
    /* What devices are given: without the outputs that are inputs as they are, where those need not be
     * copied. */
    const gp_pass *work;
    gp_pass less;
    size_t *input_of; /* per output: the streamed input that it is; SIZE_MAX: none, or it is copied */
    bool copies;      /* nothing is left to compute */
    gp_pass_device *device;
    size_t devices;
    gp_device_program *cpu_program; /* for fallbacks; made when needed */
    gp_resident *resident;
    uint64_t resident_bytes;
    gp_sink *copy_to; /* this pass is gp_run_copy's */
    gp_straight *straight; /* per input, or NULL */
    gp_pass straight_pass;
    uint64_t *uniform;
    unsigned threads; /* of the CPU, that it may take; 0: all */
    bool here;        /* the loop's thread computes: one thread, one slot */
    uint64_t chunk_elements;
    bool in_blocks; /* chunks are blocks of at most so many elements, not runs of C order (pass_blocks.c) */
    gp_blocks blocks;
    /* Per pass->input (kept.c). */
    const void **key;
    bool *keep, *ask; /* told to devices; a device may hold its chunks from an earlier pass */
    uint64_t kept_elements; /* of the chunks that an earlier pass left on devices; 0: none */
    gp_pass_slot *slot;
    unsigned slots;
    gp_staging zeros; /* a chunk of them, for the reads of all slots that would give nothing else */
    gp_reduce_state **state;
    gp_pass_product_run *product;
    size_t products;
    gp_device **multiplier; /* devices that multiply */
    size_t multipliers;
    gp_pass_fold *fold;
    size_t folds;
    gp_folder folder;
    gp_workers workers;
    uint64_t fold_bytes; /* that folds may take */
    uint64_t fold_least; /* and that they need */
    unsigned round; /* folds may want all chunks again: only they get something then */
    gp_sched sched;
    gpuproc_error first_error;
};

/* The pass is ready but for its slots: notes it in the run's survey (survey.c). */
gpuproc_status gp_pass_note(gp_pass_run *pass, const gp_chunking *chunking, gpuproc_error *err);
/* Bytes of what input i needs where it is brought into order first; 0: it is read as it is. */
uint64_t gp_pass_straight_bytes(const gp_pass_run *pass, size_t i, size_t widest);

/* The workers of the CPU that it may take. */
void gp_pass_workers(const gp_pass_run *pass, gp_workers *workers);
/* Beside what is stored, resident, and taken by folds. */
uint64_t gp_pass_budget(const gp_pass_run *pass);
void gp_pass_keep_error(gp_pass_run *pass, const gpuproc_error *err);

/* Which outputs are inputs as they are (pass_read.c). */
gpuproc_status gp_pass_find_copies(gp_pass_run *pass, gpuproc_error *err);
/* The reads of a device's chunks, once the chunk size is chosen. */
gpuproc_status gp_pass_reads_make(gp_pass_run *pass, gp_pass_device *device, gpuproc_error *err);
void gp_pass_reads_free(gp_pass_device *device);
gp_step gp_pass_start_read(void *ctx, unsigned slot, uint64_t chunk);
bool gp_pass_read_ended(gp_pass_slot *slot, gp_operation *op);
/* Reads what only the device that failed has; gp_pass_compute_on_cpu follows. False: it
 * was there already, or failed (slot->failed). */
bool gp_pass_read_held(gp_pass_slot *slot);
void gp_pass_unview(gp_pass_slot *slot);
/* The device's staging, or our own, taken on first use (untouched pages cost nothing
 * until then). NULL when out of memory. */
void *gp_pass_staging(void *device_staging, gp_staging *own, uint64_t elements, gp_dtype dtype);

/* Whether nothing that is read or written is a file. */
bool gp_pass_is_in_memory(const gp_pass_run *pass);

/* Blocks (pass_blocks.c). Bytes of the widest array in a chunk where larger ones than usual read the pass
 * better; 0: they do not. */
uint64_t gp_pass_large_chunk(const gp_pass_run *pass, size_t widest);
/* Whether the pass will be in blocks, most likely. */
bool gp_pass_would_use_blocks(const gp_pass_run *pass, size_t widest);
/* The chunk size is chosen: blocks or not. */
void gp_pass_choose_blocks(gp_pass_run *pass);
uint64_t gp_pass_chunks(const gp_pass_run *pass);
/* Chunk `chunk` is the slot's. */
void gp_pass_begin_chunk(gp_pass_slot *slot, uint64_t chunk);
/* Merges the present chunk's partials of reduction r. */
gpuproc_status gp_pass_merge(const gp_pass_slot *slot, size_t r, const void *partial, size_t partials,
                             gpuproc_error *err);

/* Inputs that are brought into the pass's order before it (pass_straight.c): p->pass is another one then. */
gpuproc_status gp_pass_straighten(gp_pass_run *pass, size_t widest, gpuproc_error *err);
void gp_pass_straight_free(gp_pass_run *pass);
/* Where input i comes from. */
gp_source *gp_pass_source(const gp_pass_run *pass, size_t i);
/* A pass of one input, as it is, to `sink`; `taken` bytes of the budget are somebody else's. */
gpuproc_status gp_run_copy(gp_run *run, const gp_plan_pass *copy, gp_sink *sink, uint64_t taken,
                           gpuproc_error *err);
/* Where a target's elements go; NULL: to gp_run.value, or nowhere. */
gp_sink *gp_pass_sink(const gp_pass_run *pass, size_t target);

/* One span for each stage of a chunk (pass_trace.c). Several reads, or writes, of a chunk are one: from the
 * first to the last. gp_pass_trace_moving begins it, _moved adds to it (times may be 0: now), _ended keeps it
 * where there was anything. */
void gp_pass_trace_moving(gp_pass_slot *slot, gpuproc_stage stage);
void gp_pass_trace_moved(gp_pass_slot *slot, gp_span when, uint64_t bytes, uint64_t bytes_in_place);
void gp_pass_trace_ended(gp_pass_slot *slot);
/* What the device tells of the slot's chunk. */
void gp_pass_trace_computed(gp_pass_slot *slot);
/* The device failed at it. */
void gp_pass_trace_failed(gp_pass_slot *slot);
void gp_pass_trace_folded(gp_pass_slot *slot, gp_span when);

/* Folds (pass_fold.c). */
/* Whether all folds make little of an element: sums, extremes, scans, windows. */
bool gp_pass_folds_are_quick(const gp_pass_run *pass);
gpuproc_status gp_pass_folds_make(gp_pass_run *pass, gpuproc_error *err);
void gp_pass_folds_free(gp_pass_run *pass);
/* The most bytes that a slot of so many elements takes for their results. */
uint64_t gp_pass_fold_room(const gp_pass_run *pass, uint64_t elements);
gp_step gp_pass_start_fold(void *ctx, unsigned slot, uint64_t chunk);
bool gp_pass_fold_ended(gp_pass_slot *slot, gp_operation *op);
/* The pieces are through; *again: some want them once more. */
gpuproc_status gp_pass_folds_end(gp_pass_run *pass, bool *again, gpuproc_error *err);
/* What is left of the results. */
gpuproc_status gp_pass_folds_finish(gp_pass_run *pass, gpuproc_error *err);

/* Products (pass_product.c): the one that an array is, or NULL; chunks that are whole tiles; their sources,
 * open while the pass is under way. */
const gp_plan_stored *gp_pass_product(const gp_pass_run *pass, int array);
gpuproc_status gp_pass_products_chunking(gp_pass_run *pass, gp_slot_bytes_fn slot_bytes, gp_chunking *out,
                                         gpuproc_error *err);
gpuproc_status gp_pass_products_open(gp_pass_run *pass, gpuproc_error *err);
void gp_pass_products_close(gp_pass_run *pass);
/* What they did since the last time, for the trace. */
void gp_pass_products_trace(gp_pass_run *pass);
/* The sink of an output: of its target, or of the array that it is; NULL: none. */
gp_sink *gp_pass_output_sink(const gp_pass_run *pass, size_t output);
/* Whether a target, or the stored array that it is (SIZE_MAX: none), is in memory; in a survey, where it would be. */
bool gp_pass_in_memory(const gp_pass_run *pass, size_t target, size_t stored);

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
bool gp_pass_write_ended(gp_pass_slot *slot, gp_operation *op);
bool gp_pass_compute_ended(gp_pass_slot *slot);
/* The device failed and the CPU has begun the chunk anew, or its bytes are read for that. */
bool gp_pass_compute_again(gp_pass_slot *slot);
/* They have been read: the CPU begins; false: pass->first_error says why not. */
bool gp_pass_compute_on_cpu(gp_pass_slot *slot);

#endif
