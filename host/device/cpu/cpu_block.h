/* Running bound code over blocks: one worker's scratch memory and its loop. */
#ifndef GP_DEVICE_CPU_CPU_BLOCK_H
#define GP_DEVICE_CPU_CPU_BLOCK_H

#include "device/cpu/cpu_code.h"

/* How an output's elements get to their destination. */
typedef enum gp_cpu_store {
    GP_CPU_STORE_DIRECT, /* the last instruction writes them there */
    GP_CPU_STORE_COPY,   /* made in scratch, copied */
    GP_CPU_STORE_STREAM, /* made in scratch, stored past the cache */
} gp_cpu_store;

/* One chunk as the workers see it; nothing of it changes while they run. */
typedef struct gp_cpu_job {
    uint64_t first, count;    /* elements */
    const void *const *input; /* as gp_chunk.input */
    void *const *output;      /* as gp_chunk.output */
    const uint8_t *store;     /* gp_cpu_store per output */
    const uint64_t *uniform;
    unsigned char *const *partial; /* per reduction: one per worker, or one per block */
} gp_cpu_job;

typedef struct gp_cpu_block gp_cpu_block;

/* Memory for blocks of at most `capacity` elements. Belongs to one thread at a time. NULL: no memory. */
gp_cpu_block *gp_cpu_block_new(const gp_cpu_code *code, size_t capacity);
void gp_cpu_block_free(gp_cpu_block *block);
/* What gp_cpu_block_new takes, in bytes. */
size_t gp_cpu_block_bytes(const gp_cpu_code *code, size_t capacity);

/* Evaluates blocks from to to-1 of the job (block: GP_BLOCK elements, counted from job->first) and
 * returns GP_FLAG_*. `worker` chooses the unordered partials. */
uint32_t gp_cpu_block_run(gp_cpu_block *block, const gp_cpu_job *job, unsigned worker, uint64_t from,
                          uint64_t to);

/* Chooses how output `index` gets to `destination`. large: it is bigger than the caches and not
 * read soon. */
gp_cpu_store gp_cpu_store_choose(const gp_cpu_code *code, size_t index, const void *destination,
                                 bool large);

#endif
