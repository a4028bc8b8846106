/* A pass in blocks: its chunks are boxes of its shape instead of runs of C order, where that makes what it
 * reads and writes longer. The order of elements must be no matter, to kernels and to reductions. */
#include "stream/run_pass.h"

#include "base/memory.h"

/* Chunks of C order do not grow beyond that, and only while twice the size saves that much. */
#define MOST_CHUNK_BYTES ((uint64_t)32 << 20)
#define WORTH_PERCENT 15

static bool allows(const gp_pass_reduce *reduce)
{
    return !gp_reduce_ordered((gp_reduce_kind)reduce->kind, reduce->operand);
}

/* Only files and memory take elements in any order. */
static bool takes_any_order(const gp_pass_run *p, size_t o)
{
    size_t target = p->plan_pass->output_target[o];
    gp_sink *sink = gp_pass_sink(p, target);
    if (sink == NULL && p->run->survey != NULL && target != SIZE_MAX) return !p->run->plan->target[target].in_order;
    return sink != NULL && !gp_sink_is_stream(sink);
}

static bool may_use_blocks(const gp_pass_run *p)
{
    const gp_pass *pass = p->pass;
    /* What a kernel finds by an element's index counts on C order. */
    if (p->folds > 0 || pass->indices > 0) return false;
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_pass_input *in = &pass->input[i];
        if (!in->streamed && !in->table) return false;
        if (p->keep[i] || p->ask[i]) return false; /* devices know chunks by their range */
        if (in->streamed && gp_source_is_stream(gp_pass_source(p, i))) return false;
    }
    for (size_t r = 0; r < pass->reduces; r++) {
        if (!allows(&pass->reduce[r])) return false;
    }
    for (size_t o = 0; o < pass->outputs; o++) {
        if (!takes_any_order(p, o)) return false;
    }
    return true;
}

static bool source_in_memory(const gp_pass_run *p, size_t i)
{
    size_t array = (size_t)p->pass->input[i].input, inputs = p->run->plan->program->inputs;
    if (p->run->survey != NULL && array >= inputs)
        return p->run->survey->store_in_memory[array - inputs];
    const gp_source *source = gp_pass_source(p, i);
    return source != NULL && gp_source_in_memory(source);
}

bool gp_pass_is_in_memory(const gp_pass_run *p)
{
    for (size_t i = 0; i < p->pass->inputs; i++) {
        if (p->pass->input[i].streamed && !source_in_memory(p, i)) return false;
    }
    for (size_t o = 0; o < p->pass->outputs; o++) {
        size_t stored = p->copy_to == NULL ? p->plan_pass->output_stored[o] : SIZE_MAX;
        if (!gp_pass_in_memory(p, p->plan_pass->output_target[o], stored)) return false;
    }
    return true;
}

/* Squares whose sides are 8 KiB or more. */
static uint64_t block_bytes(const gp_pass_run *p, size_t widest)
{
    return gp_pass_is_in_memory(p) ? GP_CHUNK_BYTES : 2 * GP_CHUNK_BYTES * (widest < 4 ? 4 / widest : 1);
}

bool gp_pass_would_use_blocks(const gp_pass_run *p, size_t widest)
{
    uint64_t bytes = p->run->chunk_bytes != 0 ? p->run->chunk_bytes : block_bytes(p, widest);
    gp_blocks blocks;
    return may_use_blocks(p) &&
           gp_blocks_choose(p->pass, gp_max_u64(bytes / widest, 1), gp_pass_is_in_memory(p), &blocks);
}

uint64_t gp_pass_large_chunk(const gp_pass_run *p, size_t widest)
{
    const uint64_t usual = GP_CHUNK_BYTES / widest;
    const bool in_memory = gp_pass_is_in_memory(p);
    uint64_t elements = usual, cost = gp_pass_cost_in_order(p->pass, usual, in_memory);
    if (gp_pass_would_use_blocks(p, widest)) return block_bytes(p, widest);
    while (elements < MOST_CHUNK_BYTES / widest && elements < p->pass->count) {
        uint64_t less = gp_pass_cost_in_order(p->pass, 2 * elements, in_memory);
        if (less > cost / 100 * (100 - WORTH_PERCENT)) break;
        elements *= 2;
        cost = less;
    }
    return elements == usual ? 0 : elements * widest;
}

void gp_pass_choose_blocks(gp_pass_run *p)
{
    if (p->plan_pass->products) return; /* they have chosen */
    p->in_blocks = may_use_blocks(p) &&
                   gp_blocks_choose(p->pass, p->chunk_elements, gp_pass_is_in_memory(p), &p->blocks);
}

uint64_t gp_pass_chunks(const gp_pass_run *p)
{
    return p->in_blocks ? p->blocks.count : gp_ceil_div(p->pass->count, p->chunk_elements);
}

void gp_pass_begin_chunk(gp_pass_slot *slot, uint64_t chunk)
{
    const gp_pass_run *p = slot->pass;
    gp_block *b = &slot->block;
    gp_walk whole;
    slot->chunk = chunk;
    if (!p->in_blocks) {
        slot->first = chunk * p->chunk_elements;
        slot->count = gp_min_u64(p->chunk_elements, p->pass->count - slot->first);
        return;
    }
    gp_blocks_at(&p->blocks, chunk, b->lo, &b->shape);
    gp_walk_whole(&p->pass->shape, false, &whole);
    gp_walk_box(&whole, b->lo, &b->shape, &b->place);
    b->together = gp_walk_contiguous(&b->place);
    slot->first = 0;
    slot->count = gp_shape_size(&b->shape);
}

static int64_t place_of(const gp_block *b, const gp_shape *whole, int64_t index)
{
    int64_t step = 1, place = 0;
    for (int d = whole->ndim; d-- > 0;) {
        place += (b->lo[d] + index % b->shape.dim[d]) * step;
        index /= b->shape.dim[d];
        step *= whole->dim[d];
    }
    return place;
}

gpuproc_status gp_pass_merge(const gp_pass_slot *slot, size_t r, const void *partial, size_t partials,
                             gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_pass_run *p = slot->pass;
    int kind = p->pass->reduce[r].kind;
    if (!p->in_blocks || (kind != GP_REDUCE_ARGMIN && kind != GP_REDUCE_ARGMAX))
        return gp_reduce_merge(p->state[r], partial, partials, slot->first, slot->count, err);
    /* Indices in the block become indices of the pass. Both are in C order, so that the first of equal
     * ones stays the first. */
    const gp_partial_extreme *extreme = partial;
    for (size_t i = 0; i < partials; i++) {
        gp_partial_extreme one = extreme[i];
        if (one.index >= 0) one.index = place_of(&slot->block, &p->pass->shape, one.index);
        GP_TRY(gp_reduce_merge(p->state[r], &one, 1, 0, i == 0 ? slot->count : 0, err));
    }
out:
    return st;
}
