#include "emit/vec.h"

#include "base/memory.h"

#include <inttypes.h>

/* What compiling knows of a node. */
typedef struct node_info {
    bool needed;
    int uniform; /* index into pass->uniform, or -1 */
    int input;   /* index into pass->input, or -1 */
    int index;   /* index into pass->index, or -1 */
    int value;   /* index into vec->value, or -1: not there yet */
} node_info;

static bool is_leaf(const gp_node *node, const node_info *info)
{
    return info->uniform >= 0 || info->input >= 0 || info->index >= 0 || node->op == GP_OP_CONST;
}

static gpuproc_status check_node(const gp_pass *pass, int node, const char *what, size_t index,
                                 gpuproc_error *err)
{
    if (node >= 0 && (size_t)node < pass->program->nodes) return GPUPROC_OK;
    return gp_fail(err, GPUPROC_INTERNAL, "%s %zu of a pass names node %d of %zu", what, index, node,
                   pass->program->nodes);
}

static gpuproc_status check_dtype(const gp_pass *pass, int node, gp_dtype dtype, const char *what,
                                  size_t index, gpuproc_error *err)
{
    gp_dtype has = pass->program->node[node].dtype;
    if (has == dtype) return GPUPROC_OK;
    return gp_fail(err, GPUPROC_INTERNAL, "%s %zu of a pass is listed as %s, its node %d is %s", what,
                   index, gpuproc_dtype_name(dtype), node, gpuproc_dtype_name(has));
}

/* Enters the pass's lists into `info` and marks the roots. */
static gpuproc_status enter_lists(const gp_pass *pass, node_info *info, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_program *program = pass->program;
    for (size_t n = 0; n < program->nodes; n++) info[n] = (node_info){false, -1, -1, -1, -1};
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_pass_input *in = &pass->input[i];
        GP_TRY(check_node(pass, in->node, "input", i, err));
        GP_TRY(check_dtype(pass, in->node, in->dtype, "input", i, err));
        info[in->node].input = (int)i;
    }
    for (size_t i = 0; i < pass->indices; i++) {
        GP_TRY(check_node(pass, pass->index[i].node, "index", i, err));
        info[pass->index[i].node].index = (int)i;
    }
    for (size_t i = 0; i < pass->uniforms; i++) {
        GP_TRY(check_node(pass, pass->uniform[i], "uniform", i, err));
        if (gp_dtype_kind(program->node[pass->uniform[i]].dtype) == GP_KIND_COMPLEX) {
            st = gp_fail(err, GPUPROC_INTERNAL, "uniform %zu of a pass is complex: its parts were expected", i);
            goto out;
        }
        info[pass->uniform[i]].uniform = (int)i;
    }
    for (size_t i = 0; i < pass->outputs; i++) {
        GP_TRY(check_node(pass, pass->output[i].node, "output", i, err));
        GP_TRY(check_dtype(pass, pass->output[i].node, pass->output[i].dtype, "output", i, err));
        info[pass->output[i].node].needed = true;
    }
    for (size_t i = 0; i < pass->reduces; i++) {
        GP_TRY(check_node(pass, pass->reduce[i].node, "reduction", i, err));
        GP_TRY(check_dtype(pass, pass->reduce[i].node, pass->reduce[i].operand, "reduction", i, err));
        info[pass->reduce[i].node].needed = true;
    }
out:
    return st;
}

/* Operands stand before their users, so one sweep from the end finds all that is needed. */
static size_t mark_needed(const gp_program *program, node_info *info)
{
    size_t needed = 0;
    for (size_t n = program->nodes; n-- > 0;) {
        const gp_node *node = &program->node[n];
        if (!info[n].needed) continue;
        needed++;
        if (is_leaf(node, &info[n])) continue;
        for (int k = 0; k < 3; k++) {
            if (node->arg[k] >= 0) info[node->arg[k]].needed = true;
        }
    }
    return needed;
}

static int add_value(gp_vec_program *vec, gp_vec_kind kind, gp_dtype dtype, int32_t index)
{
    vec->value[vec->values] = (gp_vec_value){(uint8_t)kind, (uint8_t)dtype, index};
    return (int)vec->values++;
}

static void add_leaf(const gp_pass *pass, size_t n, node_info *info, gp_vec_program *vec)
{
    const gp_node *node = &pass->program->node[n];
    if (info[n].uniform >= 0) {
        info[n].value = add_value(vec, GP_VEC_UNIFORM, node->dtype, info[n].uniform);
    } else if (info[n].input >= 0) {
        gp_vec_kind kind = pass->input[info[n].input].table ? GP_VEC_TABLE : GP_VEC_INPUT;
        info[n].value = add_value(vec, kind, node->dtype, info[n].input);
    } else if (info[n].index >= 0) {
        info[n].value = add_value(vec, GP_VEC_INDEX, node->dtype, info[n].index);
    } else {
        info[n].value = add_value(vec, GP_VEC_CONST, node->dtype, (int32_t)vec->constants);
        vec->constant[vec->constants] = node->value;
        vec->constant[vec->constants++].dtype = node->dtype;
    }
}

/* TAKE and SEARCH* have a table first; nothing else may see one. */
static gpuproc_status check_tables(const gp_program *program, size_t n, const node_info *info,
                                   const gp_vec_program *vec, gpuproc_error *err)
{
    const gp_node *node = &program->node[n];
    bool looks_up = node->op == GP_OP_TAKE || node->op == GP_OP_SEARCHLEFT ||
                    node->op == GP_OP_SEARCHRIGHT;
    for (int k = 0; k < 3 && node->arg[k] >= 0; k++) {
        bool table = vec->value[info[node->arg[k]].value].kind == GP_VEC_TABLE;
        if (table != (looks_up && k == 0))
            return gp_fail(err, GPUPROC_INTERNAL, "operand %d of node %zu (%s) is %s table", k, n,
                           gp_op_info_of(node->op)->name, table ? "a" : "no");
    }
    return GPUPROC_OK;
}

static gpuproc_status add_node(const gp_pass *pass, size_t n, node_info *info, gp_vec_program *vec,
                               gpuproc_error *err)
{
    const gp_program *program = pass->program;
    const gp_node *node = &program->node[n];
    if (is_leaf(node, &info[n])) {
        add_leaf(pass, n, info, vec);
        return GPUPROC_OK;
    }
    if (node->op == GP_OP_INPUT)
        return gp_fail(err, GPUPROC_INTERNAL, "node %zu is an input that the pass does not list", n);
    if (node->op == GP_OP_FILL) {
        info[n].value = info[node->arg[0]].value;
        return GPUPROC_OK;
    }
    if (!gp_op_info_of(node->op)->elementwise)
        return gp_fail(err, GPUPROC_INTERNAL, "node %zu (%s) is not known before the pass", n,
                       gp_op_info_of(node->op)->name);

    gpuproc_status st = check_tables(program, n, info, vec, err);
    if (st != GPUPROC_OK) return st;
    int typed = node->op == GP_OP_WHERE ? node->arg[1] : node->arg[0];
    gp_dtype type = program->node[typed].dtype;
    if (node->op == GP_OP_CAST && type == node->dtype) {
        info[n].value = info[node->arg[0]].value;
        return GPUPROC_OK;
    }
    gp_vec_instr instr = {.op = node->op, .type = type, .to = node->dtype, .arg = {-1, -1, -1}};
    for (int k = 0; k < 3; k++) {
        if (node->arg[k] >= 0) instr.arg[k] = info[node->arg[k]].value;
    }
    instr.dst = info[n].value = add_value(vec, GP_VEC_TEMP, node->dtype, -1);
    vec->instr[vec->instrs++] = instr;
    return GPUPROC_OK;
}

/* A root that is a bool input as it stands: the file may hold bytes other than 0 and 1, which
 * every loop takes for true; what leaves the pass, or is compared for size, is 0 or 1. */
static int32_t clean_root(gp_vec_program *vec, int32_t v)
{
    if (vec->value[v].kind != GP_VEC_INPUT || vec->value[v].dtype != GPUPROC_BOOL) return v;
    for (size_t i = 0; i < vec->instrs; i++) {
        const gp_vec_instr *old = &vec->instr[i];
        if (old->op == GP_OP_CAST && old->to == GPUPROC_BOOL && old->arg[0] == v) return old->dst;
    }
    int32_t dst = add_value(vec, GP_VEC_TEMP, GPUPROC_BOOL, -1);
    vec->instr[vec->instrs++] = (gp_vec_instr){
        .op = GP_OP_CAST, .type = GPUPROC_BOOL, .to = GPUPROC_BOOL, .dst = dst, .arg = {v, -1, -1}};
    return dst;
}

static void find_roots(const gp_pass *pass, const node_info *info, gp_vec_program *vec)
{
    for (size_t i = 0; i < pass->outputs; i++)
        vec->output[i] = clean_root(vec, info[pass->output[i].node].value);
    for (size_t i = 0; i < pass->reduces; i++) {
        int32_t v = info[pass->reduce[i].node].value;
        vec->reduce[i] = pass->reduce[i].kind == GP_REDUCE_COUNT ? v : clean_root(vec, v);
    }
}

/* A table is no array of the pass's shape. */
static gpuproc_status check_roots(const gp_pass *pass, const gp_vec_program *vec, gpuproc_error *err)
{
    size_t tables = 0;
    for (size_t i = 0; i < pass->outputs; i++)
        tables += vec->value[vec->output[i]].kind == GP_VEC_TABLE;
    for (size_t i = 0; i < pass->reduces; i++)
        tables += vec->value[vec->reduce[i]].kind == GP_VEC_TABLE;
    if (tables == 0) return GPUPROC_OK;
    return gp_fail(err, GPUPROC_INTERNAL, "a table is an output of a pass");
}

/* last[v]: the last instruction that reads value v; SIZE_MAX: it is read behind all of them, or
 * it has no slot to give back. */
static void find_last_uses(const gp_pass *pass, const gp_vec_program *vec, size_t *last)
{
    for (size_t i = 0; i < vec->instrs; i++) {
        for (int k = 0; k < 3; k++) {
            if (vec->instr[i].arg[k] >= 0) last[vec->instr[i].arg[k]] = i;
        }
    }
    for (size_t v = 0; v < vec->values; v++) {
        if (vec->value[v].kind != GP_VEC_TEMP) last[v] = SIZE_MAX;
    }
    for (size_t i = 0; i < pass->outputs; i++) last[vec->output[i]] = SIZE_MAX;
    for (size_t i = 0; i < pass->reduces; i++) last[vec->reduce[i]] = SIZE_MAX;
}

static size_t value_bytes(const gp_vec_program *vec, int32_t v)
{
    return gpuproc_dtype_bytes((gpuproc_dtype)vec->value[v].dtype);
}

/* Puts the slots of the operands that die in instruction i on the stack of spare ones: those with
 * elements of `bytes` (same), or the others. */
static size_t release(const gp_vec_program *vec, size_t i, size_t *last, size_t bytes, bool same,
                      int32_t *spare, size_t spares)
{
    for (int k = 2; k >= 0; k--) {
        int32_t v = vec->instr[i].arg[k];
        if (v < 0 || last[v] != i || (value_bytes(vec, v) == bytes) != same) continue;
        spare[spares++] = vec->value[v].index;
        last[v] = SIZE_MAX; /* x*x gives its slot back once */
    }
    return spares;
}

/* Gives each temporary a scratch slot, taking those of dead values again, the latest first since it
 * is in the nearest cache. A result may take the slot of an operand that dies in its instruction
 * only where their elements have one size: the loops allow dst == operand, but no other overlap. */
static gpuproc_status assign_scratch(const gp_pass *pass, gp_vec_program *vec, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t spares = 0;
    int32_t *spare = gp_calloc(vec->values, sizeof *spare);
    size_t *last = gp_calloc(vec->values, sizeof *last);
    if (spare == NULL || last == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a vector program");
        goto out;
    }
    find_last_uses(pass, vec, last);
    vec->slot_bytes = 8;
    for (size_t i = 0; i < vec->instrs; i++) {
        int32_t dst = vec->instr[i].dst;
        size_t bytes = value_bytes(vec, dst);
        if (bytes > vec->slot_bytes) vec->slot_bytes = bytes;
        spares = release(vec, i, last, bytes, true, spare, spares);
        vec->value[dst].index = spares > 0 ? spare[--spares] : (int32_t)vec->scratch++;
        spares = release(vec, i, last, bytes, false, spare, spares);
    }
out:
    free(last);
    free(spare);
    return st;
}

gpuproc_status gp_vec_compile(const gp_pass *pass, gp_vec_program *vec, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_program *program = pass->program;
    *vec = (gp_vec_program){0};
    node_info *info = gp_calloc(program->nodes, sizeof *info);
    if (info == NULL) goto no_memory;
    GP_TRY(enter_lists(pass, info, err));

    size_t needed = mark_needed(program, info), room = needed + pass->inputs;
    vec->value = gp_calloc(room, sizeof *vec->value);
    vec->instr = gp_calloc(room, sizeof *vec->instr);
    vec->constant = gp_calloc(needed, sizeof *vec->constant);
    vec->output = gp_calloc(pass->outputs, sizeof *vec->output);
    vec->reduce = gp_calloc(pass->reduces, sizeof *vec->reduce);
    if (vec->value == NULL || vec->instr == NULL || vec->constant == NULL || vec->output == NULL ||
        vec->reduce == NULL)
        goto no_memory;

    for (size_t n = 0; n < program->nodes; n++) {
        if (info[n].needed) GP_TRY(add_node(pass, n, info, vec, err));
    }
    find_roots(pass, info, vec);
    GP_TRY(check_roots(pass, vec, err));
    GP_TRY(assign_scratch(pass, vec, err));
    goto out;

no_memory:
    st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a vector program");
out:
    free(info);
    if (st != GPUPROC_OK) gp_vec_free(vec);
    return st;
}

void gp_vec_free(gp_vec_program *vec)
{
    if (vec == NULL) return;
    free(vec->value);
    free(vec->instr);
    free(vec->constant);
    free(vec->output);
    free(vec->reduce);
    *vec = (gp_vec_program){0};
}

/* "i0", "c1", "u0", "t2", "x0" (an index): where a value lives. */
static void print_value(const gp_vec_program *vec, int32_t v, gp_text *out)
{
    static const char letter[] = {
        [GP_VEC_INPUT] = 'i', [GP_VEC_TABLE] = 'i', [GP_VEC_INDEX] = 'x', [GP_VEC_CONST] = 'c',
        [GP_VEC_UNIFORM] = 'u', [GP_VEC_TEMP] = 't'};
    gp_text_add(out, "%c%" PRId32, letter[vec->value[v].kind], vec->value[v].index);
}

static void print_constant(gpuproc_scalar c, gp_text *out)
{
    switch (gp_dtype_kind(c.dtype)) {
    case GP_KIND_INT: gp_text_add(out, "%" PRId64, c.value.i); break;
    case GP_KIND_BOOL:
    case GP_KIND_UINT: gp_text_add(out, "%" PRIu64, c.value.u); break;
    default: gp_text_add(out, "%.17g", c.value.f); break;
    }
}

static void print_leaf(const gp_pass *pass, const gp_vec_program *vec, int32_t v, gp_text *out)
{
    gp_vec_value value = vec->value[v];
    print_value(vec, v, out);
    gp_text_add(out, " = ");
    if (value.kind == GP_VEC_INPUT || value.kind == GP_VEC_TABLE) {
        const gp_pass_input *in = &pass->input[value.index];
        const char *how = in->table ? "table" : in->streamed ? "streamed" : "resident";
        /* Numbers behind the program's inputs are stored arrays, which have no names. */
        if ((size_t)in->input < pass->program->inputs)
            gp_text_add(out, "%s %s", pass->program->input[in->input].name, how);
        else
            gp_text_add(out, "stored %%%d %s", gp_node_base(pass->program, in->node), how);
    } else if (value.kind == GP_VEC_INDEX) {
        gp_text_add(out, "index");
    } else if (value.kind == GP_VEC_UNIFORM) {
        gp_text_add(out, "%%%d", pass->uniform[value.index]);
    } else {
        print_constant(vec->constant[value.index], out);
    }
    gp_text_add(out, " %s\n", gpuproc_dtype_name((gpuproc_dtype)value.dtype));
}

void gp_vec_print(const gp_pass *pass, const gp_vec_program *vec, gp_text *out)
{
    for (size_t v = 0; v < vec->values; v++) {
        if (vec->value[v].kind != GP_VEC_TEMP) print_leaf(pass, vec, (int32_t)v, out);
    }
    for (size_t i = 0; i < vec->instrs; i++) {
        const gp_vec_instr *instr = &vec->instr[i];
        print_value(vec, instr->dst, out);
        gp_text_add(out, " = %s %s", gp_op_info_of(instr->op)->spelling,
                    gpuproc_dtype_name(instr->type));
        if (instr->to != instr->type) gp_text_add(out, "->%s", gpuproc_dtype_name(instr->to));
        for (int k = 0; k < 3 && instr->arg[k] >= 0; k++) {
            gp_text_add(out, " ");
            print_value(vec, instr->arg[k], out);
        }
        gp_text_add(out, "\n");
    }
    for (size_t i = 0; i < pass->outputs; i++) {
        gp_text_add(out, "output %zu = ", i);
        print_value(vec, vec->output[i], out);
        gp_text_add(out, "\n");
    }
    for (size_t i = 0; i < pass->reduces; i++) {
        gp_text_add(out, "reduce %zu = ", i);
        print_value(vec, vec->reduce[i], out);
        gp_text_add(out, "\n");
    }
}
