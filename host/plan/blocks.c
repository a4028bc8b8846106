#include "plan/blocks.h"

#include "base/memory.h"

#include <string.h>

/* Of files and of memory: what a run costs beside its bytes, a call or the parts of cache lines at
 * its ends; and gaps that are read over (io/gather.c), or that share cache lines. */
typedef struct place {
    double run_bytes;
    int64_t gap_bytes;
} place;
static const place FILES = {4096, 4096}, MEMORY = {64, 64};
/* Blocks must save that part of what chunks cost. */
#define WORTH_PERCENT 25u

static int64_t absolute(int64_t step) { return step < 0 ? -step : step; }

/* Axes longer than 1 with elements of their own, the nearest in storage first. */
static int order_axes(const gp_walk *walk, int *order)
{
    int axes = 0;
    for (int d = walk->shape.ndim; d-- > 0;) {
        if (walk->shape.dim[d] == 1 || walk->stride[d] == 0) continue;
        int at = axes++;
        for (; at > 0 && absolute(walk->stride[order[at - 1]]) > absolute(walk->stride[d]); at--)
            order[at] = order[at - 1];
        order[at] = d;
    }
    return axes;
}

/* Bytes that a box costs, with gaps that are cheaper to read than to leave out. Floating point, since
 * nothing here may overflow and nothing needs the last digit. */
static double cost_of_box(const gp_walk *walk, const gp_shape *box, size_t width, int64_t gap,
                          double run_bytes)
{
    int order[GPUPROC_MAX_NDIM], axes = order_axes(walk, order);
    double run = (double)width, runs = 1;
    for (int i = 0; i < axes; i++) {
        double n = (double)box->dim[order[i]], step = (double)absolute(walk->stride[order[i]]) * (double)width;
        if (n == 1) continue;
        if (runs == 1 && step - run <= (double)gap) run += (n - 1) * step;
        else runs *= n;
    }
    return runs * (run + run_bytes);
}

static void c_order(const gp_shape *shape, gp_walk *walk) { gp_walk_whole(shape, false, walk); }

/* All reads and writes of one box of the pass. */
static double cost_of_piece(const gp_pass *pass, const gp_shape *box, const place *at)
{
    double cost = 0;
    gp_walk out;
    c_order(&pass->shape, &out);
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_pass_input *in = &pass->input[i];
        if (in->streamed)
            cost += cost_of_box(&in->walk, box, gpuproc_dtype_bytes(in->dtype), at->gap_bytes,
                                at->run_bytes);
    }
    for (size_t o = 0; o < pass->outputs; o++)
        cost +=
            cost_of_box(&out, box, gpuproc_dtype_bytes(pass->output[o].dtype), 0, at->run_bytes);
    return cost;
}

/* The box that `elements` of C order are, about. */
static void box_of_run(const gp_shape *whole, uint64_t elements, gp_shape *box)
{
    *box = *whole;
    uint64_t left = gp_max_u64(elements, 1);
    for (int d = whole->ndim; d-- > 0;) {
        box->dim[d] = (int64_t)gp_min_u64((uint64_t)whole->dim[d], left);
        left = gp_max_u64(left / (uint64_t)box->dim[d], 1);
    }
}

static double cost_in_order(const gp_pass *pass, uint64_t elements, const place *at)
{
    gp_shape box;
    box_of_run(&pass->shape, elements, &box);
    return (double)pass->count / (double)gp_shape_size(&box) * cost_of_piece(pass, &box, at);
}

static uint64_t whole_number(double cost) { return cost < 1e18 ? (uint64_t)cost : (uint64_t)1e18; }

static const place *place_of(bool in_memory)
{
    return in_memory ? &MEMORY : &FILES;
}

uint64_t gp_pass_cost_in_order(const gp_pass *pass, uint64_t elements, bool in_memory)
{
    return pass->count > 0 ? whole_number(cost_in_order(pass, elements, place_of(in_memory))) : 0;
}

uint64_t gp_pass_input_cost_in_order(const gp_pass *pass, size_t i, uint64_t elements)
{
    gp_shape box;
    const gp_pass_input *in = &pass->input[i];
    box_of_run(&pass->shape, elements, &box);
    return whole_number((double)pass->count / (double)gp_shape_size(&box) *
                        cost_of_box(&in->walk, &box, gpuproc_dtype_bytes(in->dtype),
                                    FILES.gap_bytes, FILES.run_bytes));
}

/* The walk that suffers most from chunks of C order; NULL: none does. */
static const gp_pass_input *worst_input(const gp_pass *pass, uint64_t elements, const place *at)
{
    const gp_pass_input *worst = NULL;
    double most = 1;
    gp_shape box;
    box_of_run(&pass->shape, elements, &box);
    double pieces = (double)pass->count / (double)gp_shape_size(&box);
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_pass_input *in = &pass->input[i];
        size_t width = gpuproc_dtype_bytes(in->dtype);
        if (!in->streamed) continue;
        double cost = pieces * cost_of_box(&in->walk, &box, width, at->gap_bytes, at->run_bytes) -
                      cost_of_box(&in->walk, &pass->shape, width, at->gap_bytes, at->run_bytes);
        if (cost <= most) continue;
        most = cost;
        worst = in;
    }
    return worst;
}

/* One of the two orders in which a block grows. */
typedef struct side {
    int order[GPUPROC_MAX_NDIM], axes, at;
} side;

/* Elements in a row along this side's order. */
static double run_of(const side *s, const gp_shape *box, const gp_shape *whole)
{
    double run = 1;
    for (int i = 0; i < s->axes; i++) {
        run *= (double)box->dim[s->order[i]];
        if (box->dim[s->order[i]] < whole->dim[s->order[i]]) break;
    }
    return run;
}

/* Twice as long, or as long as there is room; false: the side is full, or the block is. */
static bool grow(side *s, gp_shape *box, const gp_shape *whole, uint64_t most)
{
    while (s->at < s->axes && box->dim[s->order[s->at]] == whole->dim[s->order[s->at]]) s->at++;
    if (s->at == s->axes) return false;
    int64_t *n = &box->dim[s->order[s->at]];
    int64_t all = whole->dim[s->order[s->at]];
    uint64_t others = gp_shape_size(box) / (uint64_t)*n;
    int64_t room = (int64_t)gp_min_u64(most / others, INT64_MAX);
    int64_t next = *n > all / 2 ? all : *n * 2;
    if (next > room) next = room;
    if (next <= *n) return false;
    *n = next;
    return true;
}

/* Grows a block along both orders: runs that are read shall be about `favour` times those that are written. */
static void grow_block(const gp_pass *pass, const gp_walk *across, uint64_t most, double favour, gp_shape *box)
{
    side out = {.axes = 0}, in = {.axes = 0};
    gp_walk straight;
    c_order(&pass->shape, &straight);
    *box = pass->shape;
    for (int d = 0; d < box->ndim; d++) box->dim[d] = 1;
    out.axes = order_axes(&straight, out.order);
    in.axes = order_axes(across, in.order);
    for (;;) {
        bool first = run_of(&in, box, &pass->shape) < favour * run_of(&out, box, &pass->shape);
        if (grow(first ? &in : &out, box, &pass->shape, most)) continue;
        if (!grow(first ? &out : &in, box, &pass->shape, most)) break;
    }
    /* What repeats elements belongs to neither, and is whole where there is room. */
    for (int d = box->ndim; d-- > 0;) {
        uint64_t room = most / (gp_shape_size(box) / (uint64_t)box->dim[d]);
        if (box->dim[d] == 1) box->dim[d] = (int64_t)gp_min_u64((uint64_t)pass->shape.dim[d], room);
    }
}

/* Blocks of one size instead of large ones and a small rest. */
static void even_out(const gp_shape *whole, gp_shape *box)
{
    for (int d = 0; d < whole->ndim; d++) {
        uint64_t n = gp_ceil_div((uint64_t)whole->dim[d], (uint64_t)box->dim[d]);
        int64_t even = (int64_t)gp_ceil_div((uint64_t)whole->dim[d], n);
        int64_t line = even >= 1024 ? 64 : 1; /* borders of lines and pages, where that is little */
        even = (even + line - 1) / line * line;
        if (even < box->dim[d]) box->dim[d] = even;
    }
}

static uint64_t count_of(const gp_shape *whole, const gp_shape *box)
{
    uint64_t count = 1;
    for (int d = 0; d < whole->ndim; d++) count *= gp_ceil_div((uint64_t)whole->dim[d], (uint64_t)box->dim[d]);
    return count;
}

bool gp_blocks_choose(const gp_pass *pass, uint64_t elements, bool in_memory, gp_blocks *blocks)
{
    const place *at = place_of(in_memory);
    if (pass->count <= elements || pass->shape.ndim < 2) return false;
    const gp_pass_input *worst = worst_input(pass, elements, at);
    if (worst == NULL) return false;
    double least = cost_in_order(pass, elements, at) * (100 - WORTH_PERCENT) / 100;
    bool found = false;
    /* Squares are the rule; where a side is short, another form may have runs without an end. */
    for (double favour = 1.0 / 16; favour <= 16; favour *= 2) {
        gp_shape box;
        grow_block(pass, &worst->walk, elements, favour, &box);
        even_out(&pass->shape, &box);
        double cost =
            (double)pass->count / (double)gp_shape_size(&box) * cost_of_piece(pass, &box, at);
        if (cost >= least) continue;
        least = cost;
        found = true;
        *blocks = (gp_blocks){.whole = pass->shape, .most = box, .count = count_of(&pass->shape, &box)};
    }
    return found;
}

void gp_blocks_of_matrix(const gp_shape *shape, uint64_t rows, uint64_t columns, gp_blocks *blocks)
{
    *blocks = (gp_blocks){.whole = *shape, .most = {2, {(int64_t)rows, (int64_t)columns}}, .columns_first = true};
    blocks->count = gp_ceil_div((uint64_t)shape->dim[0], rows) * gp_ceil_div((uint64_t)shape->dim[1], columns);
}

void gp_blocks_at(const gp_blocks *b, uint64_t index, int64_t lo[GPUPROC_MAX_NDIM], gp_shape *shape)
{
    *shape = b->whole;
    if (b->columns_first) {
        uint64_t down = gp_ceil_div((uint64_t)b->whole.dim[0], (uint64_t)b->most.dim[0]);
        uint64_t along = gp_ceil_div((uint64_t)b->whole.dim[1], (uint64_t)b->most.dim[1]);
        index = index % down * along + index / down;
    }
    for (int d = b->whole.ndim; d-- > 0;) {
        uint64_t blocks = gp_ceil_div((uint64_t)b->whole.dim[d], (uint64_t)b->most.dim[d]);
        lo[d] = (int64_t)(index % blocks) * b->most.dim[d];
        index /= blocks;
        int64_t left = b->whole.dim[d] - lo[d];
        shape->dim[d] = left < b->most.dim[d] ? left : b->most.dim[d];
    }
}
