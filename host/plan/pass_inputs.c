/* How a pass reads its arrays: streamed with the chunks, or resident. */
#include "plan/planner.h"

#include "base/memory.h"

/* A broadcast operand is kept where it takes no more than this part of the budget. */
#define RESIDENT_SHARE 8
/* What is read several times over is kept where it takes no more than this part. */
#define REPEATED_SHARE 4

/* A value that comes from the table of uniform values: not a constant, not filled anew. */
static bool is_value(const gp_node *n)
{
    /* A complex one comes in its parts. */
    return n->uniform && n->op != GP_OP_CONST && n->op != GP_OP_FILL &&
           gp_dtype_kind(n->dtype) != GP_KIND_COMPLEX;
}

bool gp_planner_is_array(const gp_node *n)
{
    return n->op == GP_OP_INPUT || n->op == GP_OP_VIEW || n->op == GP_OP_TABLE ||
           (gp_node_is_stored(n) && !n->uniform);
}

/* Operands stand before their node, so one sweep from the end does it. */
void gp_planner_mark_operands(const gp_planner *p, bool through_uniform)
{
    for (size_t i = p->program->nodes; i-- > 0;) {
        const gp_node *n = gp_planner_node(p, (int)i);
        if (!p->mark[i] || gp_planner_is_array(n)) continue;
        bool stop = gp_op_info_of(n->op)->reduction || gp_node_is_stored(n) ||
                    (is_value(n) && !through_uniform);
        for (int k = 0; k < 3 && !stop; k++) {
            if (n->arg[k] >= 0) p->mark[n->arg[k]] = true;
        }
    }
}

/* A walk over the operands' whole shape as the pass sees it: its tile, in its order of axes. */
static void into_frame(const gp_walk *whole, const gp_pass *pass, const gp_frame *frame, gp_walk *out)
{
    gp_walk stretched, ordered;
    gp_walk_broadcast(whole, &frame->whole, &stretched);
    ordered = stretched;
    for (int d = 0; d < pass->shape.ndim && frame->order != NULL; d++) {
        int from = frame->order[d];
        ordered.shape.dim[d] = stretched.shape.dim[from];
        ordered.stride[d] = stretched.stride[from];
        ordered.lo[d] = stretched.lo[from];
        ordered.hi[d] = stretched.hi[from];
    }
    static const int64_t none[GPUPROC_MAX_NDIM];
    gp_walk_box(&ordered, frame->lo != NULL ? frame->lo : none, &pass->shape, out);
    for (int d = 0; d < pass->shape.ndim; d++) {
        if (pass->shape.dim[d] == 1) out->stride[d] = 0;
    }
}

/* Whether a walk that repeats elements does so from the outside: the same ones come again later, where a
 * chunk does not have them any more. */
static bool comes_back(const gp_walk *walk)
{
    bool outer_repeats = false;
    for (int d = 0; d < walk->shape.ndim; d++) {
        if (walk->shape.dim[d] == 1) continue;
        if (walk->stride[d] == 0) outer_repeats = true;
        else if (outer_repeats) return true;
    }
    return false;
}

static bool should_stay(const gp_planner *p, const gp_pass *pass, const gp_pass_input *in)
{
    uint64_t first, last;
    if (in->walk.bounded || gp_walk_contiguous(&in->walk)) return false;
    if (!gp_walk_span(&in->walk, &first, &last)) return false;
    uint64_t span = last - first + 1, bytes = span * gpuproc_dtype_bytes(in->dtype);
    bool stretched = false;
    for (int d = 0; d < pass->shape.ndim; d++)
        stretched = stretched || (in->walk.stride[d] == 0 && pass->shape.dim[d] > 1);
    if (stretched && bytes <= p->memory / RESIDENT_SHARE) return true;
    return comes_back(&in->walk) && bytes <= p->memory / REPEATED_SHARE;
}

static void choose_way(const gp_planner *p, const gp_pass *pass, const gp_frame *frame, gp_pass_input *in)
{
    bool made = (size_t)in->input >= p->program->inputs &&
                p->plan->stored[(size_t)in->input - p->program->inputs].product;
    in->streamed = made || frame->in_blocks || !should_stay(p, pass, in);
    in->count = pass->count;
    if (in->streamed) return;
    uint64_t first = 0, last = 0;
    gp_walk_span(&in->walk, &first, &last);
    in->first = first;
    in->count = last - first + 1;
    in->offset = in->walk.offset - (int64_t)first;
    for (int d = 0; d < pass->shape.ndim; d++) in->stride[d] = in->walk.stride[d];
}

static bool reads_all_in_order(const gp_pass_input *in, uint64_t elements)
{
    return in->streamed && gp_walk_contiguous(&in->walk) && in->walk.offset == 0 && in->count == elements;
}

static int array_number(const gp_planner *p, const gp_pass *pass, int base)
{
    const gp_node *n = gp_planner_node(p, base);
    if (n->op == GP_OP_INPUT) return n->input;
    return gp_planner_makes(p, base, pass->level) ? p->product_of[base] : p->array_of[base];
}

/* The present pass reads it; where it is a product, its operands, too, more than once. */
static void note_reader(gp_planner *p, int array)
{
    if ((size_t)array < p->program->inputs) return;
    gp_plan_stored *s = &p->plan->stored[(size_t)array - p->program->inputs];
    if (p->plan->passes > 0) s->last_read = p->plan->passes - 1;
    for (int k = 0; k < 2 && s->product; k++) {
        p->plan->input_reads[s->operand[k]] += 3;
        note_reader(p, s->operand[k]);
    }
}

static void add_array(gp_planner *p, gp_pass *pass, const gp_frame *frame, int node)
{
    const gp_node *n = gp_planner_node(p, node);
    int base = gp_node_base(p->program, node);
    const gp_node *from = gp_planner_node(p, base);
    gp_pass_input *in = &pass->input[pass->inputs++];
    *in = (gp_pass_input){.node = node, .dtype = n->dtype, .input = array_number(p, pass, base)};
    uint64_t elements = gp_shape_size(&from->shape);
    if (n->op == GP_OP_TABLE) {
        in->table = true;
        in->count = elements;
    } else {
        gp_walk whole;
        gp_node_walk(p->program, node, &whole);
        into_frame(&whole, pass, frame, &in->walk);
        choose_way(p, pass, frame, in);
    }
    note_reader(p, in->input);
    bool fortran = from->op == GP_OP_INPUT && p->program->input[from->input].fortran;
    p->plan->input_reads[in->input] += in->table || (!fortran && reads_all_in_order(in, elements)) ||
                                               (!in->streamed && in->first == 0) ? 1 : 3;
}

static void add_index(const gp_planner *p, gp_pass *pass, const gp_frame *frame, int node)
{
    gp_walk whole, walk;
    gp_pass_index *index = &pass->index[pass->indices++];
    gp_node_walk(p->program, node, &whole);
    into_frame(&whole, pass, frame, &walk);
    *index = (gp_pass_index){.node = node, .offset = walk.offset};
    for (int d = 0; d < pass->shape.ndim; d++) index->stride[d] = walk.stride[d];
}

gpuproc_status gp_planner_fill_inputs(gp_planner *p, gp_pass *pass, const gp_frame *frame, gpuproc_error *err)
{
    size_t inputs = 0, uniforms = 0, indices = 0;
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (!p->mark[i]) continue;
        const gp_node *n = gp_planner_node(p, (int)i);
        inputs += gp_planner_is_array(n);
        indices += n->op == GP_OP_INDEX;
        uniforms += is_value(n);
    }
    pass->input = gp_calloc(inputs, sizeof *pass->input);
    pass->index = gp_calloc(indices, sizeof *pass->index);
    pass->uniform = gp_calloc(uniforms, sizeof *pass->uniform);
    if (pass->input == NULL || pass->index == NULL || pass->uniform == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = gp_planner_node(p, (int)i);
        if (!p->mark[i]) continue;
        if (is_value(n)) pass->uniform[pass->uniforms++] = (int)i;
        else if (n->op == GP_OP_INDEX) add_index(p, pass, frame, (int)i);
        else if (gp_planner_is_array(n)) add_array(p, pass, frame, (int)i);
    }
    return GPUPROC_OK;
}
