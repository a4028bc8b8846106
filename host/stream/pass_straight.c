/* An input that a pass would read over and over, since each chunk needs a little of every page of it, and
 * that blocks do not help, because the pass goes by the order of its elements: it is brought into that order
 * first, in blocks, into a file without a name. */
#include "stream/run_pass.h"

#include "base/memory.h"

#include <inttypes.h>

/* What writing the elements and reading them back costs, in readings of them. */
#define DETOUR_COST 6
/* Smaller ones are not worth a file. */
#define LEAST_BYTES GP_CHUNK_BYTES

/* Elements that are repeated are stored once. */
static void shape_of(const gp_pass_input *in, gp_shape *shape)
{
    *shape = in->walk.shape;
    for (int d = 0; d < shape->ndim; d++) {
        if (in->walk.stride[d] == 0 && shape->dim[d] > 1 && !in->walk.bounded) shape->dim[d] = 1;
    }
}

static uint64_t bytes_of(const gp_pass_input *in, gp_shape *shape)
{
    shape_of(in, shape);
    return gp_shape_size(shape) * gpuproc_dtype_bytes(in->dtype);
}

/* A pass that copies the elements of an input. */
typedef struct copying {
    gp_pass_input in;
    gp_pass_output out;
    gp_pass pass;
} copying;

static void make_copying(const gp_pass_run *p, size_t i, copying *c)
{
    static const int64_t start[GPUPROC_MAX_NDIM];
    gp_shape shape;
    *c = (copying){.in = p->pass->input[i]};
    shape_of(&p->pass->input[i], &shape);
    gp_walk_box(&p->pass->input[i].walk, start, &shape, &c->in.walk);
    c->in.count = gp_shape_size(&shape);
    c->out = (gp_pass_output){.node = c->in.node, .dtype = c->in.dtype};
    c->pass = (gp_pass){.program = p->pass->program, .shape = shape, .count = c->in.count, .level = p->pass->level,
                        .input = &c->in, .inputs = 1, .output = &c->out, .outputs = 1};
}

/* About the chunk that the pass will have. */
static uint64_t elements_of(const gp_pass_run *p, size_t widest)
{
    uint64_t asked = p->run->chunk_bytes, width = 1;
    for (size_t i = 0; i < p->pass->inputs; i++) {
        if (p->pass->input[i].streamed) width += gpuproc_dtype_bytes(p->pass->input[i].dtype);
    }
    for (size_t o = 0; o < p->pass->outputs; o++) width += gpuproc_dtype_bytes(p->pass->output[o].dtype);
    if (asked == 0) asked = gp_pass_large_chunk(p, widest);
    if (asked == 0) asked = GP_CHUNK_BYTES;
    return gp_min_u64(asked / widest, gp_pass_budget(p) / (3 * width));
}

static bool is_worth_it(const gp_pass_run *p, size_t i, uint64_t elements)
{
    const gp_pass_input *in = &p->pass->input[i];
    gp_shape shape;
    gp_blocks blocks;
    copying c;
    if (!in->streamed || gp_walk_contiguous(&in->walk) || !gp_source_is_file(p->run->source[in->input])) return false;
    uint64_t bytes = bytes_of(in, &shape);
    if (bytes < LEAST_BYTES || gp_pass_input_cost_in_order(p->pass, i, elements) / DETOUR_COST <= bytes) return false;
    make_copying(p, i, &c);
    return gp_blocks_choose(&c.pass, elements, false, &blocks);
}

static gpuproc_status copy(gp_pass_run *p, size_t i, gp_sink *sink, gpuproc_error *err)
{
    size_t target = 0;
    copying c;
    make_copying(p, i, &c);
    gp_plan_pass plan_pass = {.pass = c.pass, .output_target = &target};
    atomic_fetch_add(&p->run->counters.bytes_again, 2 * c.in.count * gpuproc_dtype_bytes(c.in.dtype));
    return gp_run_copy(p->run, &plan_pass, sink, p->resident_bytes + p->fold_bytes, err);
}

static gpuproc_status open_source(gp_pass_run *p, gp_straight *s, gp_dtype dtype, const gp_shape *shape,
                                  gpuproc_error *err)
{
    gp_origin origin = {.fd = -1};
    if (!gp_sink_origin(s->sink, dtype, shape, &origin))
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an input in another order");
    gpuproc_status st = gp_source_open(&origin, p->run->engine, true, &s->source, err);
    free(origin.path);
    return st;
}

static gpuproc_status straighten(gp_pass_run *p, size_t i, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_pass_input *in = &p->straight_pass.input[i];
    gp_straight *s = &p->straight[i];
    gp_target target = {.kind = GP_TARGET_SPOOL, .fd = -1};
    gp_shape shape;
    uint64_t bytes = bytes_of(in, &shape);
    gpuproc_error why = {0};
    gp_walk whole;
    if (gp_sink_open(&target, bytes, p->run->engine, &s->sink, &why) != GPUPROC_OK) {
        gp_run_log(p->run, GPUPROC_LOG_WARNING, "%s: an input is read across its order, slowly", why.message);
        return GPUPROC_OK;
    }
    gp_run_log(p->run, GPUPROC_LOG_INFO,
               "an input is read across its order: its %" PRIu64 " bytes are brought into order first", bytes);
    GP_TRY(copy(p, i, s->sink, err));
    GP_TRY(open_source(p, s, in->dtype, &shape, err));
    gp_walk_whole(&shape, false, &whole);
    gp_walk_broadcast(&whole, &p->pass->shape, &in->walk);
out:
    return st;
}

uint64_t gp_pass_straight_bytes(const gp_pass_run *p, size_t i, size_t widest)
{
    gp_shape shape;
    if (p->copy_to != NULL || p->plan_pass->products || gp_pass_would_use_blocks(p, widest)) return 0;
    return is_worth_it(p, i, elements_of(p, widest)) ? bytes_of(&p->pass->input[i], &shape) : 0;
}

gpuproc_status gp_pass_straighten(gp_pass_run *p, size_t widest, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t inputs = p->pass->inputs;
    bool any = false;
    if (p->copy_to != NULL || p->plan_pass->products || gp_pass_would_use_blocks(p, widest)) return GPUPROC_OK;
    uint64_t elements = elements_of(p, widest);
    for (size_t i = 0; i < inputs; i++) any = any || is_worth_it(p, i, elements);
    if (!any) return GPUPROC_OK;
    p->straight = gp_calloc(inputs, sizeof *p->straight);
    p->straight_pass = *p->pass;
    p->straight_pass.input = gp_calloc(inputs, sizeof *p->straight_pass.input);
    if (p->straight == NULL || p->straight_pass.input == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
    for (size_t i = 0; i < inputs; i++) p->straight_pass.input[i] = p->pass->input[i];
    for (size_t i = 0; i < inputs; i++) {
        if (is_worth_it(p, i, elements)) GP_TRY(straighten(p, i, err));
    }
    p->pass = &p->straight_pass;
    p->less.input = p->straight_pass.input;
out:
    return st;
}

gp_source *gp_pass_source(const gp_pass_run *p, size_t i)
{
    if (p->straight != NULL && p->straight[i].source != NULL) return p->straight[i].source;
    return p->run->source[p->pass->input[i].input];
}

void gp_pass_straight_free(gp_pass_run *p)
{
    for (size_t i = 0; p->straight != NULL && i < p->plan_pass->pass.inputs; i++) {
        if (p->straight[i].source != NULL) gp_source_close(p->straight[i].source);
        if (p->straight[i].sink != NULL) gp_sink_close(p->straight[i].sink);
    }
    p->pass = &p->plan_pass->pass; /* what is freed after this looks at it */
    free(p->straight);
    free(p->straight_pass.input);
}
