#include "device/cpu/cpu_code.h"

#include "base/memory.h"

static gpuproc_status bind_step(gp_cpu_code *code, size_t i, gpuproc_error *err)
{
    const gp_vec_instr *instr = &code->vec.instr[i];
    gp_cpu_step *step = &code->step[i];
    step->fn = instr->op == GP_OP_CAST ? code->ops->cast[instr->type][instr->to]
                                       : code->ops->op[instr->op][instr->type];
    if (step->fn == NULL)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "the cpu has no loop for %s of %s to %s",
                       gp_op_info_of(instr->op)->spelling, gpuproc_dtype_name(instr->type),
                       gpuproc_dtype_name(instr->to));
    step->dst = instr->dst;
    for (int k = 0; k < 3; k++)
        step->arg[k] = instr->arg[k] >= 0 ? instr->arg[k] : (int32_t)code->vec.values;
    return GPUPROC_OK;
}

static gpuproc_status bind_reduce(gp_cpu_code *code, size_t r, const gp_pass_reduce *from,
                                  const gp_cpu_reducers *reducers, gpuproc_error *err)
{
    gp_reduce_kind kind = (gp_reduce_kind)from->kind;
    gp_cpu_reduce *to = &code->reduce[r];
    *to = (gp_cpu_reduce){.value = code->vec.reduce[r],
                          .bytes = gpuproc_dtype_bytes(from->operand),
                          .kind = kind,
                          .operand = from->operand,
                          .ordered = gp_reduce_ordered(kind, from->operand),
                          .partial_bytes = gp_reduce_partial_bytes(kind, from->operand),
                          .fn = reducers->reduce[kind][from->operand],
                          .many = reducers->many[kind][from->operand]};
    if (to->fn != NULL) return GPUPROC_OK;
    return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "the cpu has no loop for reduction %d of %s",
                   from->kind, gpuproc_dtype_name(from->operand));
}

/* Float operations whose flags are those of IEEE arithmetic, and so NumPy's warnings. */
static bool is_watched(const gp_vec_instr *instr)
{
    switch (instr->op) {
    case GP_OP_ADD:
    case GP_OP_SUB:
    case GP_OP_MUL:
    case GP_OP_DIV:
    case GP_OP_SQUARE:
    case GP_OP_RECIPROCAL:
    case GP_OP_SQRT: return gp_dtype_is_float(instr->type);
    default: return false;
    }
}

static void bind_watches(gp_cpu_code *code)
{
    const gp_vec_instr *instr = code->vec.instr;
    for (size_t i = 0; i < code->vec.instrs; i++) {
        if (!is_watched(&instr[i])) continue;
        code->step[i].watch_begins = i == 0 || !is_watched(&instr[i - 1]);
        code->step[i].watch_ends = i + 1 == code->vec.instrs || !is_watched(&instr[i + 1]);
    }
}

/* The reduction of this kind over the same value as `r`, or -1. */
static int32_t beside(const gp_cpu_code *code, const gp_cpu_reduce *r, gp_reduce_kind kind)
{
    for (size_t i = 0; i < code->reduces; i++) {
        if (code->reduce[i].kind == kind && code->reduce[i].value == r->value) return (int32_t)i;
    }
    return -1;
}

static void bind_summaries(gp_cpu_code *code, const gp_cpu_reducers *reducers)
{
    for (size_t i = 0; i < code->reduces; i++) {
        gp_cpu_reduce *r = &code->reduce[i];
        if (r->kind != GP_REDUCE_MOMENTS || beside(code, r, GP_REDUCE_SUM) < 0) continue;
        r->summary = reducers->summary[r->operand];
        if (r->summary == NULL) continue;
        r->with_sum = beside(code, r, GP_REDUCE_SUM);
        r->with_min = beside(code, r, GP_REDUCE_MIN);
        r->with_max = beside(code, r, GP_REDUCE_MAX);
        code->reduce[r->with_sum].taken_along = true;
        if (r->with_min >= 0) code->reduce[r->with_min].taken_along = true;
        if (r->with_max >= 0) code->reduce[r->with_max].taken_along = true;
    }
}

static bool takes_many(const gp_cpu_code *code)
{
    if (code->vec.instrs > 0 || code->outputs > 0 || code->reduces == 0) return false;
    for (size_t r = 0; r < code->reduces; r++) {
        gp_vec_value value = code->vec.value[code->reduce[r].value];
        if (code->reduce[r].many == NULL || value.kind != GP_VEC_INPUT || !code->input[value.index].streamed)
            return false;
    }
    return true;
}

static void bind_inputs(gp_cpu_code *code, const gp_pass *pass)
{
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_pass_input *from = &pass->input[i];
        gp_cpu_input *to = &code->input[i];
        to->value = -1;
        to->bytes = gpuproc_dtype_bytes(from->dtype);
        to->streamed = from->streamed;
        to->table = from->table;
        to->count = from->count;
        if (!from->streamed && !from->table)
            gp_cpu_walk_init(&to->walk, &pass->shape, from->offset, from->stride);
    }
    for (size_t i = 0; i < pass->indices; i++) {
        code->index[i].value = -1;
        gp_cpu_walk_init(&code->index[i].walk, &pass->shape, pass->index[i].offset,
                         pass->index[i].stride);
    }
    for (size_t v = 0; v < code->vec.values; v++) {
        gp_vec_value value = code->vec.value[v];
        if (value.kind == GP_VEC_INPUT || value.kind == GP_VEC_TABLE)
            code->input[value.index].value = (int32_t)v;
        if (value.kind == GP_VEC_INDEX) code->index[value.index].value = (int32_t)v;
    }
}

static gpuproc_status bind_outputs(gp_cpu_code *code, const gp_pass *pass, gpuproc_error *err)
{
    bool *taken = gp_calloc(code->vec.values, sizeof *taken);
    if (taken == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a cpu program");
    for (size_t i = 0; i < pass->outputs; i++) {
        int32_t v = code->vec.output[i];
        code->output[i] = (gp_cpu_output){v, gpuproc_dtype_bytes(pass->output[i].dtype),
                                          code->vec.value[v].kind == GP_VEC_TEMP && !taken[v]};
        taken[v] = true;
    }
    free(taken);
    return GPUPROC_OK;
}

gpuproc_status gp_cpu_code_init(gp_cpu_code *code, const gp_pass *pass, const gp_cpu_ops *ops,
                                const gp_cpu_reducers *reducers, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    *code = (gp_cpu_code){.ops = ops,
                          .count = pass->count,
                          .inputs = pass->inputs,
                          .indices = pass->indices,
                          .outputs = pass->outputs,
                          .reduces = pass->reduces,
                          .uniforms = pass->uniforms};
    GP_TRY(gp_vec_compile(pass, &code->vec, err));
    code->step = gp_calloc(code->vec.instrs, sizeof *code->step);
    code->input = gp_calloc(pass->inputs, sizeof *code->input);
    code->index = gp_calloc(pass->indices, sizeof *code->index);
    code->output = gp_calloc(pass->outputs, sizeof *code->output);
    code->reduce = gp_calloc(pass->reduces, sizeof *code->reduce);
    if (code->step == NULL || code->input == NULL || code->index == NULL || code->output == NULL ||
        code->reduce == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a cpu program");
        goto out;
    }
    for (size_t i = 0; i < code->vec.instrs; i++) GP_TRY(bind_step(code, i, err));
    bind_watches(code);
    for (size_t i = 0; i < pass->reduces; i++)
        GP_TRY(bind_reduce(code, i, &pass->reduce[i], reducers, err));
    bind_summaries(code, reducers);
    bind_inputs(code, pass);
    GP_TRY(bind_outputs(code, pass, err));
    code->many = takes_many(code);
out:
    if (st != GPUPROC_OK) gp_cpu_code_free(code);
    return st;
}

void gp_cpu_code_free(gp_cpu_code *code)
{
    if (code == NULL) return;
    gp_vec_free(&code->vec);
    free(code->step);
    free(code->input);
    free(code->index);
    free(code->output);
    free(code->reduce);
    *code = (gp_cpu_code){0};
}
