/* A pass as OpenCL C: what it needs, then the texts that it needs, then its kernel. */
#include "emit/cl_source.h"

#include "base/memory.h"
#include "emit/cl_emit.h"
#include "emit/cl_kernels.h"

#include <stddef.h>
#include <string.h>

/* kernels/reductions.cl writes these layouts word by word. */
_Static_assert(sizeof(gp_exact) == (GP_EXACT_LIMBS + 1) * 8 && GP_EXACT_LIMBS == 68, "");
_Static_assert(offsetof(gp_exact, flags) == GP_EXACT_LIMBS * 8, "");
_Static_assert(offsetof(gp_exact, adds) == GP_EXACT_LIMBS * 8 + 4, "");
_Static_assert(GP_EXACT_NAN == 1 && GP_EXACT_PINF == 2 && GP_EXACT_NINF == 4 &&
                   GP_EXACT_SEEN == 8 && GP_EXACT_NOT_NEGZERO == 16 && GP_EXACT_BIAS == 1088, "");
_Static_assert(sizeof(gp_partial_isum) == 16 && offsetof(gp_partial_isum, lo) == 8, "");
_Static_assert(sizeof(gp_partial_iprod) == 8 && sizeof(gp_partial_count) == 8, "");
_Static_assert(sizeof(gp_partial_extreme) == 16 && offsetof(gp_partial_extreme, index) == 8, "");
_Static_assert(sizeof(gp_partial_prod) == 8, "");
_Static_assert(sizeof(gp_partial_moments) == 24 && offsetof(gp_partial_moments, m2) == 16, "");
_Static_assert(GP_LANES == 64 && GP_BLOCK == 1024, "kernels/reductions.cl has them, too");
_Static_assert(GP_FLAG_DIVIDE == 1 && GP_FLAG_NEG_POWER == 2, "kernels/integers.cl has them, too");
_Static_assert(GP_FLAG_INDEX == 32 && GP_FLAG_CHECK == 6, "kernels/special.cl has it, too");

/* What every full-profile device offers: bytes of arguments (1024) and of local memory. */
#define MAX_POINTERS 120
#define MAX_LOCAL_BYTES (32u * 1024u)
/* Operations: compilers take minutes for more. */
#define MAX_COMPUTED 2000

static void note_dtype(gp_cl_emit *emit, gp_dtype dtype)
{
    emit->fp64 = emit->fp64 || dtype == GPUPROC_FLOAT64 || dtype == GPUPROC_COMPLEX128;
}

/* What a computed node asks for. */
static void note_computed(gp_cl_emit *emit, const gp_node *n)
{
    const gp_program *program = emit->pass->program;
    const gp_dtype operand = gp_cl_operand_dtype(program, n);
    note_dtype(emit, operand);
    if (n->op == GP_OP_FILL) return;
    if (gp_op_info_of(n->op)->special) {
        emit->special = true;
        return; /* what moves float32 computes nothing with it */
    }
    if (operand == GPUPROC_FLOAT32 || n->dtype == GPUPROC_FLOAT32) emit->float32 = true;
    if (n->op == GP_OP_CAST)
        emit->casts = true;
    else if (gp_dtype_is_float(operand))
        emit->floats = true;
    else
        emit->integers = true;
    if (operand == GPUPROC_FLOAT32 &&
        (n->op == GP_OP_DIV || n->op == GP_OP_FLOORDIV || n->op == GP_OP_RECIPROCAL ||
         n->op == GP_OP_SQRT))
        emit->divide32 = true;
}

/* Marks the roots, and finds how each input and uniform gets its value. */
static gpuproc_status find_ends(gp_cl_emit *emit, bool *needed, gpuproc_error *err)
{
    const gp_pass *pass = emit->pass;
    const size_t nodes = pass->program->nodes;
    for (size_t k = 0; k < pass->outputs; k++) {
        if ((size_t)pass->output[k].node >= nodes)
            return gp_fail(err, GPUPROC_INTERNAL, "output %zu of a pass is node %d of %zu", k,
                           pass->output[k].node, nodes);
        needed[pass->output[k].node] = true;
    }
    for (size_t k = 0; k < pass->reduces; k++) {
        if ((size_t)pass->reduce[k].node >= nodes)
            return gp_fail(err, GPUPROC_INTERNAL, "reduction %zu of a pass is of node %d of %zu", k,
                           pass->reduce[k].node, nodes);
        needed[pass->reduce[k].node] = true;
        if (gp_cl_reduce_needs_fp64(&pass->reduce[k])) emit->fp64 = true;
        if (pass->reduce[k].operand == GPUPROC_FLOAT32) emit->float32 = true;
    }
    for (size_t k = 0; k < pass->inputs; k++) {
        if ((size_t)pass->input[k].node >= nodes)
            return gp_fail(err, GPUPROC_INTERNAL, "input %zu of a pass is node %d of %zu", k,
                           pass->input[k].node, nodes);
        /* Its type is among the kernel's arguments, used or not. */
        note_dtype(emit, pass->input[k].dtype);
        emit->node[pass->input[k].node] =
            (gp_cl_node){pass->input[k].table ? GP_CL_TABLE : GP_CL_INPUT, (int)k};
    }
    for (size_t k = 0; k < pass->indices; k++) {
        if ((size_t)pass->index[k].node >= nodes)
            return gp_fail(err, GPUPROC_INTERNAL, "index %zu of a pass is node %d of %zu", k,
                           pass->index[k].node, nodes);
        emit->node[pass->index[k].node] = (gp_cl_node){GP_CL_INDEX, (int)k};
    }
    for (size_t k = 0; k < pass->uniforms; k++) {
        if ((size_t)pass->uniform[k] >= nodes)
            return gp_fail(err, GPUPROC_INTERNAL, "uniform %zu of a pass is node %d of %zu", k,
                           pass->uniform[k], nodes);
        const gp_dtype dtype = pass->program->node[pass->uniform[k]].dtype;
        if (gp_dtype_kind(dtype) == GP_KIND_COMPLEX)
            return gp_fail(err, GPUPROC_INTERNAL,
                           "uniform %zu of a pass is complex: its parts were expected", k);
        if (dtype == GPUPROC_FLOAT16) emit->casts = true;
        emit->node[pass->uniform[k]] = (gp_cl_node){GP_CL_UNIFORM, (int)k};
    }
    return GPUPROC_OK;
}

/* Gives every node its role and notes what the pass needs. */
static gpuproc_status analyse(gp_cl_emit *emit, bool *needed, gpuproc_error *err)
{
    const gp_program *program = emit->pass->program;
    size_t computed = 0;
    gpuproc_status st = find_ends(emit, needed, err);
    if (st != GPUPROC_OK) return st;
    for (size_t i = program->nodes; i-- > 0;) {
        const gp_node *n = &program->node[i];
        gp_cl_node *role = &emit->node[i];
        if (!needed[i]) {
            role->role = GP_CL_UNUSED;
            continue;
        }
        note_dtype(emit, n->dtype);
        if (n->op == GP_OP_CONST) role->role = GP_CL_CONST;
        if (role->role != GP_CL_UNUSED) continue;
        const gp_op_info *info = gp_op_info_of(n->op);
        if (!info->elementwise && n->op != GP_OP_FILL)
            return gp_fail(err, GPUPROC_INTERNAL, "a pass needs node %zu (%s), which nothing gives",
                           i, info->name);
        role->role = GP_CL_COMPUTED;
        note_computed(emit, n);
        if (++computed > MAX_COMPUTED)
            return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                           "the pass has more than %d operations, which device compilers take too long for",
                           MAX_COMPUTED);
        for (int k = 0; k < info->arity; k++) needed[n->arg[k]] = true;
    }
    return GPUPROC_OK;
}

static gpuproc_status check_device(const gp_cl_emit *emit, const gp_cl_caps *caps,
                                   gpuproc_error *err)
{
    const gp_pass *pass = emit->pass;
    if (emit->fp64 && !caps->fp64)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                       "the pass needs float64, which the device does not have");
    if (emit->divide32 && !caps->correctly_rounded_divide_sqrt && !caps->fp64)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                       "the pass needs correctly rounded float32 division or square root, "
                       "which the device does not have");
    if (emit->float32 && !caps->denormals_f32)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                       "the pass needs float32 denormals, which the device flushes to zero");
    if (pass->inputs + pass->outputs + pass->reduces > MAX_POINTERS)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                       "the pass has %zu arrays; a kernel takes at most %d",
                       pass->inputs + pass->outputs + pass->reduces, MAX_POINTERS);
    if (pass->reduces > 0 && gp_cl_reduce_local_bytes(pass) > MAX_LOCAL_BYTES)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED,
                       "the pass's sums take %zu bytes of local memory; a device has at least %u",
                       gp_cl_reduce_local_bytes(pass), MAX_LOCAL_BYTES);
    return GPUPROC_OK;
}

static bool add_kernel_text(gp_text *out, const char *name)
{
    for (const gp_cl_kernel_text *k = gp_cl_kernel_texts; k->name != NULL; k++) {
        if (strcmp(k->name, name) != 0) continue;
        gp_text_add_bytes(out, k->text, k->length);
        gp_text_add(out, "\n");
        return true;
    }
    return false;
}

static gpuproc_status add_kernel_texts(gp_cl_emit *emit, const gp_cl_caps *caps, gpuproc_error *err)
{
    gp_text *out = emit->out;
    if (!emit->fp64 && !(emit->divide32 && !caps->correctly_rounded_divide_sqrt))
        gp_text_add(out, "#define GP_NO_FP64 1\n");
    if (emit->divide32 && !caps->correctly_rounded_divide_sqrt)
        gp_text_add(out, "#define GP_DIVIDE_WIDE 1\n");
    const struct {
        const char *name;
        bool wanted;
    } text[] = {
        {"uniforms", emit->pass->uniforms > 0}, {"integers", emit->integers},
        {"floats", emit->floats},               {"casts", emit->casts},
        {"special", emit->special},             {"reductions", emit->pass->reduces > 0},
    };
    for (size_t k = 0; k < sizeof text / sizeof text[0]; k++)
        if (text[k].wanted && !add_kernel_text(out, text[k].name))
            return gp_fail(err, GPUPROC_INTERNAL, "the library has no kernels/%s.cl", text[k].name);
    return GPUPROC_OK;
}

static void add_signature(gp_cl_emit *emit, const gp_cl_source *source)
{
    const gp_pass *pass = emit->pass;
    gp_text *out = emit->out;
    gp_text_add(out, "/* The pass. */\n#pragma OPENCL FP_CONTRACT OFF\n");
    if (emit->fp64)
        gp_text_add(out, "#ifdef cl_khr_fp64\n#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n#endif\n");
    gp_text_add(out,
                "__kernel __attribute__((reqd_work_group_size(%zu, 1, 1))) void %s(\n"
                "    const ulong first, const ulong count,\n",
                source->local_size, source->kernel);
    for (size_t k = 0; k < pass->inputs; k++)
        gp_text_add(out, "    __global const %s *restrict in%zu,\n",
                    gp_cl_type(pass->input[k].dtype), k);
    for (size_t k = 0; k < pass->outputs; k++)
        gp_text_add(out, "    __global %s *restrict out%zu,\n", gp_cl_type(pass->output[k].dtype),
                    k);
    if (pass->uniforms > 0) gp_text_add(out, "    __constant ulong *restrict uniform,\n");
    gp_text_add(out, "    __global uint *restrict flags");
    for (size_t k = 0; k < pass->reduces; k++)
        gp_text_add(out, ",\n    __global uchar *restrict part%zu", k);
    gp_text_add(out, ")\n{\n    uint seen = 0;\n");
}

static void add_map_body(gp_cl_emit *emit, bool is_cpu)
{
    gp_text *out = emit->out;
    gp_cl_emit_hoisted(emit);
    if (is_cpu) {
        /* One work-item walks neighbouring elements, which a compiler for CPUs vectorises. */
        gp_text_add(out, "    for (ulong from = get_global_id(0) * %dul; from < count;\n"
                         "         from += get_global_size(0) * %dul) {\n"
                         "        const ulong to = min(from + %dul, count);\n"
                         "        for (ulong i = from; i < to; i++) {\n",
                    GP_BLOCK, GP_BLOCK, GP_BLOCK);
        gp_cl_emit_element(emit, "            ");
        gp_text_add(out, "        }\n    }\n");
    } else {
        gp_text_add(out, "    for (ulong i = get_global_id(0); i < count; i += get_global_size(0)) {\n");
        gp_cl_emit_element(emit, "        ");
        gp_text_add(out, "    }\n");
    }
}

gpuproc_status gp_cl_source_make(const gp_pass *pass, const gp_cl_caps *caps, gp_cl_source *source,
                                 gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_text text = {0};
    gp_cl_emit emit = {.pass = pass, .out = &text};
    bool *needed = NULL;
    *source = (gp_cl_source){0};

    emit.node = gp_calloc(pass->program->nodes, sizeof *emit.node);
    needed = gp_calloc(pass->program->nodes, sizeof *needed);
    if (emit.node == NULL || needed == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "no memory for the OpenCL source of a pass");
        goto out;
    }
    GP_TRY(analyse(&emit, needed, err));
    GP_TRY(check_device(&emit, caps, err));

    const bool reduces = pass->reduces > 0;
    source->kernel = reduces ? "gp_reduce" : "gp_map";
    source->local_size = !reduces && caps->is_cpu ? 1 : GP_LANES;
    source->options = emit.divide32 && caps->correctly_rounded_divide_sqrt
                          ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt"
                          : "-cl-std=CL1.2";

    GP_TRY(add_kernel_texts(&emit, caps, err));
    add_signature(&emit, source);
    if (reduces)
        gp_cl_emit_reduce_body(&emit);
    else
        add_map_body(&emit, caps->is_cpu);
    gp_text_add(&text, "    if (seen != 0) atomic_or(flags, seen);\n}\n");
    if (text.failed) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "no memory for the OpenCL source of a pass");
        goto out;
    }
    source->text = text.data;
    source->length = text.length;
    text = (gp_text){0};

out:
    free(needed);
    free(emit.node);
    gp_text_free(&text);
    if (st != GPUPROC_OK) *source = (gp_cl_source){0};
    return st;
}

void gp_cl_source_free(gp_cl_source *source)
{
    free(source->text);
    *source = (gp_cl_source){0};
}
