/* Passes made by hand, for tests. */
#ifndef GP_TESTS_PASSES_H
#define GP_TESTS_PASSES_H

#include "emit/pass.h"
#include "emit/reduce.h"

#define PASS_MAX 128

typedef struct hand_pass {
    gp_program program;
    gp_pass pass;
    gp_pass_input input[PASS_MAX];
    gp_pass_index index[PASS_MAX];
    gp_pass_output output[PASS_MAX];
    gp_pass_reduce reduce[PASS_MAX];
    int uniform[PASS_MAX];
} hand_pass;

static inline void hand_init(hand_pass *h, int ndim, const int64_t *dim)
{
    *h = (hand_pass){0};
    h->pass.program = &h->program;
    h->pass.input = h->input;
    h->pass.index = h->index;
    h->pass.output = h->output;
    h->pass.reduce = h->reduce;
    h->pass.uniform = h->uniform;
    h->pass.shape.ndim = ndim;
    for (int d = 0; d < ndim; d++) h->pass.shape.dim[d] = dim[d];
    h->pass.count = gp_shape_size(&h->pass.shape);
}

static inline void hand_free(hand_pass *h) { gp_program_free(&h->program); }

/* An operand of the pass's shape. */
static inline int hand_input(hand_pass *h, gp_dtype dtype)
{
    const int node = gp_ir_input(&h->program, "x", dtype, &h->pass.shape);
    h->input[h->pass.inputs] = (gp_pass_input){.input = (int)h->pass.inputs, .node = node,
                                               .dtype = dtype, .streamed = true,
                                               .count = h->pass.count};
    h->pass.inputs++;
    return node;
}

/* A resident operand of its own shape. */
static inline int hand_resident(hand_pass *h, gp_dtype dtype, int ndim, const int64_t *dim,
                                bool fortran)
{
    gp_shape shape = {.ndim = ndim};
    for (int d = 0; d < ndim; d++) shape.dim[d] = dim[d];
    const int node = gp_ir_input(&h->program, "x", dtype, &shape);
    gp_pass_input *in = &h->input[h->pass.inputs];
    *in = (gp_pass_input){.input = (int)h->pass.inputs, .node = node, .dtype = dtype,
                          .count = gp_shape_size(&shape)};
    gp_shape_broadcast_strides(&shape, fortran, &h->pass.shape, in->stride);
    h->pass.inputs++;
    return node;
}

/* The same, walked in any other way: a slice of `count` elements. */
static inline int hand_walked(hand_pass *h, gp_dtype dtype, uint64_t count, int64_t offset,
                              const int64_t *stride)
{
    gp_pass_input *in = &h->input[h->pass.inputs];
    const int node = hand_resident(h, dtype, 1, (int64_t[]){1}, false);
    in->count = count;
    in->offset = offset;
    for (int d = 0; d < h->pass.shape.ndim; d++) in->stride[d] = stride[d];
    return node;
}

/* A table of `count` elements. */
static inline int hand_table(hand_pass *h, gp_dtype dtype, uint64_t count)
{
    const gp_shape shape = {1, {(int64_t)count}};
    const int node = gp_ir_table(&h->program, gp_ir_input(&h->program, "t", dtype, &shape));
    h->input[h->pass.inputs] = (gp_pass_input){.input = (int)h->pass.inputs, .node = node,
                                               .dtype = dtype, .table = true, .count = count};
    h->pass.inputs++;
    return node;
}

static inline int hand_index(hand_pass *h, int64_t offset, const int64_t *stride)
{
    gp_walk walk = {.shape = h->pass.shape, .offset = offset};
    gp_pass_index *index = &h->index[h->pass.indices++];
    *index = (gp_pass_index){.offset = offset};
    for (int d = 0; d < h->pass.shape.ndim; d++) walk.stride[d] = index->stride[d] = stride[d];
    return index->node = gp_ir_index(&h->program, &walk);
}

static inline void hand_output(hand_pass *h, int node)
{
    h->output[h->pass.outputs++] = (gp_pass_output){node, h->program.node[node].dtype};
}

static inline void hand_reduce(hand_pass *h, gp_reduce_kind kind, int node)
{
    h->reduce[h->pass.reduces++] = (gp_pass_reduce){kind, node, h->program.node[node].dtype};
}

static inline void hand_uniform(hand_pass *h, int node)
{
    h->uniform[h->pass.uniforms++] = node;
}

#endif
