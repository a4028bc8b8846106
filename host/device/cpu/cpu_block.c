#include "device/cpu/cpu_block.h"

#include "array/half.h"
#include "base/memory.h"
#include "device/cpu/cpu_fpflags.h"

#include <string.h>

#define LINE 64
/* Buffers lie an odd number of cache lines further than a page apart, so that the
 * same element of different buffers does not fall into the same cache sets, and no
 * load looks like the store before it to a processor that compares low address bits only. */
#define STAGGER (17 * LINE)

struct gp_cpu_block {
    const gp_cpu_code *code;
    size_t capacity;
    bool filled;              /* constants are there */
    bool uniform_known;       /* uniforms of the last job are there */
    uint64_t *uniform;        /* their values */
    unsigned char **buffer;   /* per value: its memory here */
    const void **at;          /* per value: its elements in this block; [values]: NULL */
    unsigned char **partial;  /* per reduction: this worker's, where unordered */
};

typedef struct layout {
    size_t uniform, buffer, at, partial, scratch, end;
    size_t slot; /* bytes from one scratch slot to the next */
} layout;

static size_t round_up(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

static size_t take(size_t *end, size_t bytes)
{
    size_t at = *end;
    *end += round_up(bytes);
    return at;
}

/* Memory of one value that is not a scratch slot. */
static size_t value_room(const gp_cpu_code *code, size_t v, size_t capacity)
{
    if (code->vec.value[v].kind == GP_VEC_TABLE) return round_up(sizeof(gp_cpu_table));
    size_t bytes = capacity * gpuproc_dtype_bytes((gpuproc_dtype)code->vec.value[v].dtype);
    return round_up(bytes) + (capacity > 1 ? STAGGER : 0);
}

/* Everything lies in one piece of memory. Sizes are bounded by the limits on programs. */
static layout plan(const gp_cpu_code *code, size_t capacity)
{
    layout l = {0};
    size_t values = code->vec.values;
    size_t end = round_up(sizeof(gp_cpu_block));
    l.uniform = take(&end, code->uniforms * sizeof(uint64_t));
    l.buffer = take(&end, values * sizeof(void *));
    l.at = take(&end, (values + 1) * sizeof(void *));
    l.partial = take(&end, code->reduces * sizeof(void *));
    for (size_t r = 0; r < code->reduces; r++) take(&end, code->reduce[r].partial_bytes);
    l.scratch = end;
    l.slot = round_up(capacity * code->vec.slot_bytes) + (capacity > 1 ? STAGGER : 0);
    end += code->vec.scratch * l.slot;
    for (size_t v = 0; v < values; v++) {
        if (code->vec.value[v].kind != GP_VEC_TEMP) take(&end, value_room(code, v, capacity));
    }
    l.end = end;
    return l;
}

size_t gp_cpu_block_bytes(const gp_cpu_code *code, size_t capacity)
{
    return plan(code, capacity).end;
}

gp_cpu_block *gp_cpu_block_new(const gp_cpu_code *code, size_t capacity)
{
    layout l = plan(code, capacity);
    unsigned char *base = aligned_alloc(LINE, l.end);
    if (base == NULL) return NULL;
    memset(base, 0, l.scratch);
    gp_cpu_block *block = (gp_cpu_block *)base;
    block->code = code;
    block->capacity = capacity;
    block->uniform = (uint64_t *)(base + l.uniform);
    block->buffer = (unsigned char **)(base + l.buffer);
    block->at = (const void **)(base + l.at);
    block->partial = (unsigned char **)(base + l.partial);

    size_t end = l.partial + round_up(code->reduces * sizeof(void *));
    for (size_t r = 0; r < code->reduces; r++)
        block->partial[r] = base + take(&end, code->reduce[r].partial_bytes);
    end = l.scratch + code->vec.scratch * l.slot;
    for (size_t v = 0; v < code->vec.values; v++) {
        gp_vec_value value = code->vec.value[v];
        block->buffer[v] = value.kind == GP_VEC_TEMP
                               ? base + l.scratch + (size_t)value.index * l.slot
                               : base + take(&end, value_room(code, v, capacity));
        block->at[v] = block->buffer[v];
    }
    return block;
}

void gp_cpu_block_free(gp_cpu_block *block) { free(block); }

/* Fills a value's block with one scalar: 64 bits as gpuproc_scalar holds them. */
static void fill_value(gp_cpu_block *block, size_t v, uint64_t bits)
{
    gp_dtype dtype = (gp_dtype)block->code->vec.value[v].dtype;
    size_t bytes = gpuproc_dtype_bytes(dtype);
    if (dtype == GPUPROC_FLOAT32) {
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        float narrow = (float)wide;
        gp_cpu_fill(block->buffer[v], &narrow, bytes, block->capacity);
        return;
    }
    if (dtype == GPUPROC_FLOAT16) {
        double wide;
        memcpy(&wide, &bits, sizeof wide);
        uint16_t narrow = gp_half_from_f64(wide);
        gp_cpu_fill(block->buffer[v], &narrow, bytes, block->capacity);
        return;
    }
    /* Narrow integers are the low bytes of wide ones. */
    uint8_t b1 = (uint8_t)bits;
    uint16_t b2 = (uint16_t)bits;
    uint32_t b4 = (uint32_t)bits;
    const void *element = bytes == 1 ? (void *)&b1 : bytes == 2 ? (void *)&b2
                        : bytes == 4 ? (void *)&b4 : (void *)&bits;
    gp_cpu_fill(block->buffer[v], element, bytes, block->capacity);
}

static void fill_constants(gp_cpu_block *block)
{
    const gp_vec_program *vec = &block->code->vec;
    if (block->filled) return;
    for (size_t v = 0; v < vec->values; v++) {
        if (vec->value[v].kind == GP_VEC_CONST)
            fill_value(block, v, vec->constant[vec->value[v].index].value.u);
    }
    block->filled = true;
}

static void fill_uniforms(gp_cpu_block *block, const uint64_t *uniform)
{
    const gp_cpu_code *code = block->code;
    if (code->uniforms == 0) return;
    size_t bytes = code->uniforms * sizeof *uniform;
    if (block->uniform_known && memcmp(block->uniform, uniform, bytes) == 0) return;
    memcpy(block->uniform, uniform, bytes);
    for (size_t v = 0; v < code->vec.values; v++) {
        if (code->vec.value[v].kind == GP_VEC_UNIFORM)
            fill_value(block, v, uniform[code->vec.value[v].index]);
    }
    block->uniform_known = true;
}

/* Of an element of so many bytes: a complex number's is that of its parts, which the loops read. */
static size_t alignment(size_t bytes) { return bytes < 8 ? bytes : 8; }

/* Elements offset to offset+n-1 of the job. */
static void point_inputs(gp_cpu_block *block, const gp_cpu_job *job, uint64_t offset, size_t n)
{
    const gp_cpu_code *code = block->code;
    for (size_t i = 0; i < code->inputs; i++) {
        const gp_cpu_input *in = &code->input[i];
        if (in->value < 0 || in->table) continue;
        if (!in->streamed) {
            /* One element for all was filled in when the range began. */
            if (in->walk.kind != GP_CPU_WALK_SCALAR)
                block->at[in->value] = gp_cpu_walk_get(&in->walk, job->input[i], in->bytes,
                                                       job->first + offset, n,
                                                       block->buffer[in->value]);
            continue;
        }
        const unsigned char *at = (const unsigned char *)job->input[i] + offset * in->bytes;
        if (((uintptr_t)at & (alignment(in->bytes) - 1)) != 0)
            at = memcpy(block->buffer[in->value], at, n * in->bytes);
        block->at[in->value] = at;
    }
    for (size_t i = 0; i < code->indices; i++) {
        const gp_cpu_index *index = &code->index[i];
        if (index->value >= 0)
            gp_cpu_walk_numbers(&index->walk, job->first + offset, n,
                                (int64_t *)(void *)block->buffer[index->value]);
    }
}

/* Elements that go through all steps before the next ones do, where no reduction wants whole
 * blocks: few enough that operands, temporaries and what is fetched ahead share the first-level
 * cache, enough that calls and their loops' ends do not count. */
#define STRETCH 512

/* Asking memory for what comes next while this is computed. The processor's own prefetching
 * starts anew on each page: left alone, memory idles while the loops run in the cache, and the
 * loops wait for memory after. */
#define AHEAD 4 /* inputs; more streams than that keep memory busy by themselves */

typedef struct ahead {
    const unsigned char *at[AHEAD];
    size_t inputs, lines; /* lines: to ask for before each step */
} ahead;

/* The stretch after next, seen from `offset`, `stretch` elements, so that it is there in time; spread over the steps,
 * because all at once would have to queue. */
static void plan_ahead(const gp_cpu_code *code, const gp_cpu_job *job, uint64_t offset, size_t stretch, ahead *a)
{
    size_t widest = 0;
    a->inputs = 0;
    for (size_t i = 0; i < code->inputs && a->inputs < AHEAD; i++) {
        const gp_cpu_input *in = &code->input[i];
        if (in->value < 0 || !in->streamed) continue;
        a->at[a->inputs++] = (const unsigned char *)job->input[i] + (offset + 2 * stretch) * in->bytes;
        if (in->bytes > widest) widest = in->bytes;
    }
    a->lines = stretch / LINE * widest / (code->vec.instrs + 1) + 1;
}

static inline void ask_ahead(ahead *a)
{
    for (size_t i = 0; i < a->inputs; i++) {
        for (size_t k = 0; k < a->lines; k++) __builtin_prefetch(a->at[i] + k * LINE, 0, 2);
        a->at[i] += a->lines * LINE;
    }
}

static void begin_range(gp_cpu_block *block, const gp_cpu_job *job, unsigned worker)
{
    const gp_cpu_code *code = block->code;
    fill_constants(block);
    fill_uniforms(block, job->uniform);
    for (size_t i = 0; i < code->inputs; i++) {
        const gp_cpu_input *in = &code->input[i];
        if (in->value < 0 || in->streamed) continue;
        if (in->table)
            *(gp_cpu_table *)(void *)block->buffer[in->value] =
                (gp_cpu_table){job->input[i], in->count};
        else if (in->walk.kind == GP_CPU_WALK_SCALAR)
            block->at[in->value] = gp_cpu_walk_get(&in->walk, job->input[i], in->bytes, 0,
                                                   block->capacity, block->buffer[in->value]);
    }
    for (size_t o = 0; o < code->outputs; o++) {
        if (code->output[o].direct)
            block->at[code->output[o].value] = block->buffer[code->output[o].value];
    }
    /* Workers' partials are neighbours: on their own copy they do not fight for a cache line. */
    for (size_t r = 0; r < code->reduces; r++) {
        const gp_cpu_reduce *red = &code->reduce[r];
        if (!red->ordered)
            memcpy(block->partial[r], job->partial[r] + worker * red->partial_bytes,
                   red->partial_bytes);
    }
}

static void end_range(gp_cpu_block *block, const gp_cpu_job *job, unsigned worker)
{
    const gp_cpu_code *code = block->code;
    for (size_t r = 0; r < code->reduces; r++) {
        const gp_cpu_reduce *red = &code->reduce[r];
        if (!red->ordered)
            memcpy(job->partial[r] + worker * red->partial_bytes, block->partial[r],
                   red->partial_bytes);
    }
#if defined(__x86_64__)
    /* Stores past the cache are not ordered by what tells the others that we are done. Once per
     * range: a fence waits for memory. */
    for (size_t o = 0; o < code->outputs; o++) {
        if (job->store[o] == GP_CPU_STORE_STREAM) {
            __builtin_ia32_sfence();
            break;
        }
    }
#endif
}

static void store_outputs(gp_cpu_block *block, const gp_cpu_job *job, uint64_t offset, size_t n)
{
    const gp_cpu_code *code = block->code;
    for (size_t o = 0; o < code->outputs; o++) {
        const gp_cpu_output *out = &code->output[o];
        unsigned char *to = (unsigned char *)job->output[o] + offset * out->bytes;
        if (job->store[o] == GP_CPU_STORE_COPY) memcpy(to, block->at[out->value], n * out->bytes);
        if (job->store[o] == GP_CPU_STORE_STREAM)
            code->ops->copy_stream(to, block->at[out->value], n * out->bytes);
    }
}

/* The worker's own partial of an unordered reduction; NULL for index -1. */
static void *partial_of(const gp_cpu_block *block, int32_t index)
{
    return index >= 0 ? block->partial[index] : NULL;
}

static void reduce_block(gp_cpu_block *block, const gp_cpu_job *job, uint64_t index, size_t n)
{
    const gp_cpu_code *code = block->code;
    uint64_t first = job->first + index * GP_BLOCK;
    for (size_t r = 0; r < code->reduces; r++) {
        const gp_cpu_reduce *red = &code->reduce[r];
        const void *v = block->at[red->value];
        void *partial = red->ordered ? job->partial[r] + index * red->partial_bytes
                                     : block->partial[r];
        if (red->summary != NULL)
            red->summary(partial_of(block, red->with_sum), partial, partial_of(block, red->with_min),
                         partial_of(block, red->with_max), v, n, first);
        else if (!red->taken_along) red->fn(partial, v, n, first);
    }
}

/* Blocks of a job of reductions alone, many at once, as long as there are as many. Returns where it ended. */
static uint64_t reduce_many(gp_cpu_block *block, const gp_cpu_job *job, uint64_t offset, uint64_t end)
{
    const gp_cpu_code *code = block->code;
    const size_t n = GP_MANY_BLOCKS * GP_BLOCK;
    for (size_t i = 0; i < code->inputs; i++) {
        if (((uintptr_t)job->input[i] & (alignment(code->input[i].bytes) - 1)) != 0) return offset;
    }
    for (; end - offset >= n; offset += n) {
        for (size_t r = 0; r < code->reduces; r++) {
            const gp_cpu_reduce *red = &code->reduce[r];
            int32_t input = code->vec.value[red->value].index;
            red->many(block->partial[r], (const unsigned char *)job->input[input] + offset * red->bytes, n,
                      job->first + offset);
        }
    }
    return offset;
}

uint32_t gp_cpu_block_run(gp_cpu_block *block, const gp_cpu_job *job, unsigned worker, uint64_t from,
                          uint64_t to)
{
    const gp_cpu_code *code = block->code;
    const gp_cpu_step *last = code->step + code->vec.instrs;
    const void **at = block->at;
    uint32_t flags = 0;
    ahead next;
    begin_range(block, job, worker);
    size_t stretch = code->reduces > 0 ? GP_BLOCK : STRETCH;
    uint64_t offset = from * GP_BLOCK, end = gp_min_u64(job->count, to * GP_BLOCK);
    if (code->many) offset = reduce_many(block, job, offset, end);
    for (; offset < end; offset += stretch) {
        size_t n = (size_t)gp_min_u64(stretch, end - offset);
        point_inputs(block, job, offset, n);
        plan_ahead(code, job, offset, stretch, &next);
        for (size_t o = 0; o < code->outputs; o++) {
            if (job->store[o] == GP_CPU_STORE_DIRECT)
                at[code->output[o].value] =
                    (unsigned char *)job->output[o] + offset * code->output[o].bytes;
        }
        for (const gp_cpu_step *s = code->step; s < last; s++) {
            ask_ahead(&next);
            if (s->watch_begins) gp_fpflags_clear();
            flags |= s->fn((void *)(uintptr_t)at[s->dst], at[s->arg[0]], at[s->arg[1]],
                           at[s->arg[2]], n);
            if (s->watch_ends) flags |= gp_fpflags_seen();
        }
        ask_ahead(&next);
        store_outputs(block, job, offset, n);
        reduce_block(block, job, offset / GP_BLOCK, n);
    }
    end_range(block, job, worker);
    return flags;
}

gp_cpu_store gp_cpu_store_choose(const gp_cpu_code *code, size_t index, const void *destination,
                                 bool large)
{
    const gp_cpu_output *out = &code->output[index];
    if (large && (uintptr_t)destination % LINE == 0) return GP_CPU_STORE_STREAM;
    return out->direct && (uintptr_t)destination % alignment(out->bytes) == 0 ? GP_CPU_STORE_DIRECT
                                                                   : GP_CPU_STORE_COPY;
}
