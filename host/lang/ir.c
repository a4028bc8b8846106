#include "lang/ir.h"

#include "base/memory.h"

#include <string.h>

void gp_program_free(gp_program *program)
{
    for (size_t i = 0; i < program->inputs; i++) {
        free(program->input[i].name);
        free(program->input[i].data);
    }
    free(program->walk);
    for (size_t i = 0; i < program->results; i++) free(program->result[i].name);
    free(program->node);
    free(program->bucket);
    free(program->input);
    free(program->result);
    *program = (gp_program){0};
}

/* A node without operands' properties filled in; -1 when out of memory. */
static int append(gp_program *program, gp_node node)
{
    if (!gp_grow(&program->node, &program->node_capacity, program->nodes + 1, sizeof node)) return -1;
    program->node[program->nodes] = node;
    return (int)program->nodes++;
}

int gp_ir_declare(gp_program *program, const char *name, gp_dtype dtype, const gp_shape *shape)
{
    gp_shape own = *shape; /* the caller's may be another input's, and they move */
    if (!gp_grow(&program->input, &program->input_capacity, program->inputs + 1, sizeof(gp_input)))
        return -1;
    char *copy = gp_strdup(name);
    if (copy == NULL) return -1;
    program->input[program->inputs] = (gp_input){.name = copy, .dtype = dtype, .shape = own};
    return (int)program->inputs++;
}

int gp_ir_input_node(gp_program *program, int input)
{
    const gp_input *in = &program->input[input];
    return append(program, (gp_node){.op = GP_OP_INPUT, .dtype = in->dtype, .arg = {-1, -1, -1},
                                     .input = input, .shape = in->shape});
}

int gp_ir_input(gp_program *program, const char *name, gp_dtype dtype, const gp_shape *shape)
{
    int input = gp_ir_declare(program, name, dtype, shape);
    return input < 0 ? -1 : gp_ir_input_node(program, input);
}

static bool same(const gp_node *a, const gp_node *b)
{
    return a->op == b->op && a->dtype == b->dtype &&
           memcmp(a->arg, b->arg, sizeof a->arg) == 0 &&
           memcmp(&a->ddof, &b->ddof, sizeof a->ddof) == 0 && a->axes == b->axes &&
           a->size == b->size && a->walk == b->walk && a->growing == b->growing &&
           (a->op != GP_OP_FILL || gp_shape_equal(&a->shape, &b->shape)) &&
           memcmp(&a->value.value, &b->value.value, sizeof a->value.value) == 0;
}

static uint64_t mix(uint64_t hash, uint64_t x)
{
    hash = (hash ^ x) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

/* Of what same() compares. */
static uint64_t hash_of(const gp_node *n)
{
    uint64_t ddof, hash = mix((uint64_t)n->op * GP_DTYPE_COUNT + (uint64_t)n->dtype, n->value.value.u);
    memcpy(&ddof, &n->ddof, sizeof ddof);
    for (int k = 0; k < 3; k++) hash = mix(hash, (uint64_t)(int64_t)n->arg[k]);
    hash = mix(mix(hash, n->axes), (uint64_t)n->size);
    return mix(mix(hash, ddof), (uint64_t)(int64_t)n->walk);
}

/* The bucket in which a node equal to `node` is, or the free one where it belongs. */
static size_t bucket_of(const gp_program *program, const gp_node *node)
{
    size_t at = hash_of(node) & (program->buckets - 1);
    while (program->bucket[at] != 0 && !same(&program->node[program->bucket[at] - 1], node))
        at = (at + 1) & (program->buckets - 1);
    return at;
}

/* Keeps the table at most half full. Inputs are not in it. */
static bool rehash(gp_program *program)
{
    if (program->buckets > 2 * (program->nodes + 1)) return true;
    size_t buckets = program->buckets ? 2 * program->buckets : 64;
    while (buckets <= 2 * (program->nodes + 1)) buckets *= 2;
    int *grown = gp_calloc(buckets, sizeof *grown);
    if (grown == NULL) return false;
    free(program->bucket);
    program->bucket = grown;
    program->buckets = buckets;
    for (size_t i = 0; i < program->nodes; i++) {
        if (program->node[i].op == GP_OP_INPUT) continue;
        size_t at = bucket_of(program, &program->node[i]);
        if (grown[at] == 0) grown[at] = (int)i + 1;
    }
    return true;
}

/* Common subexpressions are one node: an equal one that is there already is taken. */
static int append_once(gp_program *program, gp_node node)
{
    if (!rehash(program)) return -1;
    size_t at = bucket_of(program, &node);
    if (program->bucket[at] != 0) return program->bucket[at] - 1;
    int index = append(program, node);
    if (index >= 0) program->bucket[at] = index + 1;
    return index;
}

int gp_ir_const(gp_program *program, gpuproc_scalar value)
{
    gp_node node = {.op = GP_OP_CONST, .dtype = value.dtype, .arg = {-1, -1, -1}, .uniform = true};
    node.value.dtype = value.dtype;
    node.value.value.u = value.value.u; /* and not the other half of the union */
    return append_once(program, node);
}

int gp_ir_op(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, int c)
{
    gp_node node = {.op = op, .dtype = dtype, .arg = {a, b, c}, .uniform = true};
    for (int k = 0; k < 3 && node.arg[k] >= 0; k++) {
        const gp_node *arg = &program->node[node.arg[k]];
        if (arg->level > node.level) node.level = arg->level;
        node.uniform = node.uniform && arg->uniform;
        /* The checker has broadcast them already; a failure shows in the verifier. */
        (void)gp_shape_broadcast(&node.shape, &arg->shape, &node.shape, NULL);
    }
    return append_once(program, node);
}

int gp_ir_reduce(gp_program *program, gp_op op, gp_dtype dtype, int a, double ddof)
{
    return append_once(program, (gp_node){.op = op, .dtype = dtype, .arg = {a, -1, -1}, .ddof = ddof,
                                          .level = program->node[a].level + 1, .uniform = true});
}

static gp_node node_of(const gp_program *program, gp_op op, gp_dtype dtype, int a, int b)
{
    gp_node node = {.op = op, .dtype = dtype, .arg = {a, b, -1}};
    for (int k = 0; k < 2; k++) {
        int level = node.arg[k] < 0 ? 0 : program->node[node.arg[k]].level;
        if (level > node.level) node.level = level;
    }
    return node;
}

int gp_ir_reduce_axes(gp_program *program, gp_op op, gp_dtype dtype, int a, uint32_t axes, double ddof)
{
    const gp_shape *from = &program->node[a].shape;
    gp_node node = node_of(program, op, dtype, a, -1);
    for (int d = 0; d < from->ndim; d++) {
        if (!(axes >> d & 1)) node.shape.dim[node.shape.ndim++] = from->dim[d];
    }
    if (node.shape.ndim == 0) return gp_ir_reduce(program, op, dtype, a, ddof);
    node.axes = axes;
    node.ddof = ddof;
    node.level++;
    return append_once(program, node);
}

int gp_ir_fold(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, uint32_t axes,
               int64_t size, const gp_shape *shape, bool growing)
{
    gp_node node = node_of(program, op, dtype, a, b);
    node.axes = axes;
    node.size = size;
    node.shape = *shape;
    node.growing = growing;
    node.uniform = shape->ndim == 0;
    node.level++;
    return append_once(program, node);
}

int gp_ir_product(gp_program *program, gp_op op, gp_dtype dtype, int a, int b, int64_t size, const gp_shape *shape)
{
    gp_node node = node_of(program, op, dtype, a, b);
    node.size = size;
    node.shape = *shape;
    node.uniform = false;
    node.level++;
    return append_once(program, node);
}

/* Its place in the list of walks; equal ones only once. */
static int add_walk(gp_program *program, const gp_walk *walk)
{
    for (size_t i = 0; i < program->walks; i++) {
        if (gp_walk_equal(&program->walk[i], walk)) return (int)i;
    }
    if (!gp_grow(&program->walk, &program->walk_capacity, program->walks + 1, sizeof *walk)) return -1;
    program->walk[program->walks] = *walk;
    return (int)program->walks++;
}

int gp_ir_view(gp_program *program, int a, const gp_walk *walk)
{
    gp_walk whole;
    gp_node_walk(program, a, &whole);
    if (gp_walk_equal(&whole, walk)) return a;
    gp_node node = node_of(program, GP_OP_VIEW, program->node[a].dtype, a, -1);
    node.shape = walk->shape;
    node.walk = add_walk(program, walk);
    return node.walk < 0 ? -1 : append_once(program, node);
}

int gp_ir_index(gp_program *program, const gp_walk *walk)
{
    gp_node node = node_of(program, GP_OP_INDEX, GPUPROC_INT64, -1, -1);
    node.shape = walk->shape;
    node.walk = add_walk(program, walk);
    return node.walk < 0 ? -1 : append_once(program, node);
}

int gp_ir_fill(gp_program *program, int a, const gp_shape *shape)
{
    gp_node node = node_of(program, GP_OP_FILL, program->node[a].dtype, a, -1);
    if (gp_shape_equal(shape, &program->node[a].shape)) return a;
    node.shape = *shape;
    node.uniform = true;
    return append_once(program, node);
}

int gp_ir_table(gp_program *program, int a)
{
    return append_once(program, node_of(program, GP_OP_TABLE, program->node[a].dtype, a, -1));
}

int gp_ir_array(gp_program *program, gp_dtype dtype, const gp_shape *shape, const void *data)
{
    size_t bytes = (size_t)gp_shape_size(shape) * gpuproc_dtype_bytes(dtype);
    void *copy = gp_calloc(bytes + 1, 1); /* never NULL for none */
    if (copy == NULL) return -1;
    if (bytes > 0) memcpy(copy, data, bytes);
    int input = gp_ir_declare(program, "", dtype, shape);
    if (input < 0) {
        free(copy);
        return -1;
    }
    program->input[input].data = copy;
    return gp_ir_input_node(program, input);
}

bool gp_node_is_stored(const gp_node *node)
{
    const gp_op_info *info = gp_op_info_of(node->op);
    return info->fold || info->product || (info->reduction && node->axes != 0);
}

void gp_node_walk(const gp_program *program, int index, gp_walk *walk)
{
    const gp_node *node = &program->node[index];
    if (node->op == GP_OP_VIEW || node->op == GP_OP_INDEX) *walk = program->walk[node->walk];
    else gp_walk_whole(&node->shape, node->op == GP_OP_INPUT && program->input[node->input].fortran, walk);
}

int gp_node_base(const gp_program *program, int node)
{
    while (program->node[node].op == GP_OP_VIEW || program->node[node].op == GP_OP_TABLE)
        node = program->node[node].arg[0];
    return node;
}

bool gp_ir_result(gp_program *program, const char *name, bool named, int node)
{
    if (!gp_grow(&program->result, &program->result_capacity, program->results + 1,
                 sizeof(gp_result)))
        return false;
    char *copy = gp_strdup(name);
    if (copy == NULL) return false;
    program->result[program->results++] = (gp_result){copy, named, false, node};
    return true;
}

gpuproc_status gp_ir_sweep(gp_program *program, gpuproc_error *err)
{
    size_t kept = 0;
    int *place = gp_calloc(program->nodes, sizeof *place); /* 0: not needed; else new index + 1 */
    if (place == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < program->results; i++) place[program->result[i].node] = 1;
    for (size_t i = program->nodes; i-- > 0;) { /* users stand behind what they use */
        if (place[i] == 0) continue;
        for (int k = 0; k < 3 && program->node[i].arg[k] >= 0; k++) place[program->node[i].arg[k]] = 1;
    }
    for (size_t i = 0; i < program->nodes; i++) {
        if (place[i] == 0) continue;
        gp_node *node = &program->node[kept];
        if (kept != i) *node = program->node[i];
        for (int k = 0; k < 3 && node->arg[k] >= 0; k++) node->arg[k] = place[node->arg[k]] - 1;
        place[i] = (int)++kept;
    }
    for (size_t i = 0; i < program->results; i++)
        program->result[i].node = place[program->result[i].node] - 1;
    program->nodes = kept;
    /* The table of equal nodes has the old numbers. */
    free(program->bucket);
    program->bucket = NULL;
    program->buckets = 0;
    free(place);
    return GPUPROC_OK;
}
