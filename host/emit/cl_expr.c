/* The values of a pass's nodes as OpenCL C: node 7 is the variable n7. */
#include "emit/cl_emit.h"

#include <inttypes.h>
#include <string.h>

const char *gp_cl_type(gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_BOOL:
    case GPUPROC_UINT8: return "uchar";
    case GPUPROC_INT8: return "char";
    case GPUPROC_INT16: return "short";
    case GPUPROC_INT32: return "int";
    case GPUPROC_INT64: return "long";
    case GPUPROC_UINT16: return "ushort";
    case GPUPROC_UINT32: return "uint";
    case GPUPROC_UINT64: return "ulong";
    case GPUPROC_FLOAT32: return "float";
    case GPUPROC_FLOAT64: return "double";
    default: return NULL;
    }
}

/* Bit patterns: exact, also for infinities, NaN and the least integers. */
static void emit_const(gp_cl_emit *emit, int node)
{
    const gp_node *n = &emit->pass->program->node[node];
    const char *type = gp_cl_type(n->dtype);
    gp_text_add(emit->out, "    const %s n%d = ", type, node);
    if (n->dtype == GPUPROC_FLOAT32) {
        const float f = (float)n->value.value.f;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        gp_text_add(emit->out, "as_float(0x%08" PRIx32 "u); /* %.9g */\n", bits, (double)f);
    } else if (n->dtype == GPUPROC_FLOAT64) {
        gp_text_add(emit->out, "as_double(0x%016" PRIx64 "ul); /* %.17g */\n", n->value.value.u,
                    n->value.value.f);
    } else if (n->dtype == GPUPROC_BOOL) {
        gp_text_add(emit->out, "%d;\n", n->value.value.u != 0);
    } else if (gp_dtype_kind(n->dtype) == GP_KIND_INT) {
        gp_text_add(emit->out, "(%s)0x%016" PRIx64 "ul; /* %" PRId64 " */\n", type,
                    n->value.value.u, n->value.value.i);
    } else {
        gp_text_add(emit->out, "(%s)%" PRIu64 "ul;\n", type, n->value.value.u);
    }
}

/* One factor of an operand's index: the coordinate over some neighbouring axes. */
typedef struct axis {
    uint64_t inner; /* elements of the pass per step */
    uint64_t dim;
    int64_t stride;
    bool outermost;
} axis;

/* Neighbouring axes that one stride walks become one; those that the operand is
 * stretched over are left out. */
static int operand_axes(const gp_pass *pass, const gp_pass_input *in, axis out[GPUPROC_MAX_NDIM])
{
    axis all[GPUPROC_MAX_NDIM];
    int n = 0;
    uint64_t inner = 1;
    for (int d = pass->shape.ndim; d-- > 0;) {
        const uint64_t dim = (uint64_t)pass->shape.dim[d];
        if (dim == 0) return 0;
        if (dim == 1) continue;
        axis *last = n > 0 ? &all[n - 1] : NULL;
        if (last != NULL && in->stride[d] == last->stride * (int64_t)last->dim)
            last->dim *= dim;
        else
            all[n++] = (axis){inner, dim, in->stride[d], false};
        inner *= dim;
    }
    if (n > 0) all[n - 1].outermost = true;
    int kept = 0;
    for (int k = 0; k < n; k++)
        if (all[k].stride != 0) out[kept++] = all[k];
    return kept;
}

static bool is_scalar(const gp_pass *pass, const gp_pass_input *in)
{
    axis axes[GPUPROC_MAX_NDIM];
    return !in->streamed && operand_axes(pass, in, axes) == 0;
}

/* The operand's index of element e of the pass. */
static void emit_index(gp_cl_emit *emit, const gp_pass_input *in)
{
    axis axes[GPUPROC_MAX_NDIM];
    const int n = operand_axes(emit->pass, in, axes);
    for (int k = 0; k < n; k++) {
        const axis *a = &axes[k];
        if (k > 0) gp_text_add(emit->out, " + ");
        if (a->inner == 1)
            gp_text_add(emit->out, "e");
        else
            gp_text_add(emit->out, "e / %" PRIu64 "ul", a->inner);
        if (!a->outermost) gp_text_add(emit->out, " %% %" PRIu64 "ul", a->dim);
        if (a->stride != 1) gp_text_add(emit->out, " * %" PRIu64 "ul", (uint64_t)a->stride);
    }
    if (n == 0) gp_text_add(emit->out, "0");
}

static void emit_load(gp_cl_emit *emit, int node, const char *indent)
{
    const int k = emit->node[node].index;
    const gp_pass_input *in = &emit->pass->input[k];
    gp_text_add(emit->out, "%sconst %s n%d = ", indent, gp_cl_type(in->dtype), node);
    gp_text_add(emit->out, "in%d[", k);
    if (in->streamed)
        gp_text_add(emit->out, "i");
    else
        emit_index(emit, in);
    /* Any byte that is not zero is true. */
    gp_text_add(emit->out, in->dtype == GPUPROC_BOOL ? "] != 0;\n" : "];\n");
}

void gp_cl_emit_hoisted(gp_cl_emit *emit)
{
    const gp_pass *pass = emit->pass;
    for (int node = 0; node < (int)pass->program->nodes; node++) {
        const gp_cl_node *n = &emit->node[node];
        const gp_dtype dtype = pass->program->node[node].dtype;
        if (n->role == GP_CL_CONST) emit_const(emit, node);
        if (n->role == GP_CL_UNIFORM)
            gp_text_add(emit->out, "    const %s n%d = gp_uniform_%s(uniform[%d]);\n",
                        gp_cl_type(dtype), node, gp_dtype_code(dtype), n->index);
        /* With nothing to walk there may be nothing to read, either. */
        if (n->role == GP_CL_INPUT && pass->count > 0 && is_scalar(pass, &pass->input[n->index]))
            emit_load(emit, node, "    ");
    }
}

static bool takes_flags(gp_op op, gp_dtype dtype)
{
    return gp_dtype_is_integer(dtype) && (op == GP_OP_FLOORDIV || op == GP_OP_MOD ||
                                          op == GP_OP_FMOD || op == GP_OP_POW ||
                                          op == GP_OP_RECIPROCAL);
}

static void emit_computed(gp_cl_emit *emit, int node, const char *indent)
{
    const gp_program *program = emit->pass->program;
    const gp_node *n = &program->node[node];
    const gp_op_info *info = gp_op_info_of(n->op);
    const gp_dtype operand = program->node[n->arg[info->arity - 1]].dtype;
    gp_text_add(emit->out, "%sconst %s n%d = gp_%s_%s", indent, gp_cl_type(n->dtype), node,
                info->spelling, gp_dtype_code(operand));
    if (n->op == GP_OP_CAST) gp_text_add(emit->out, "_%s", gp_dtype_code(n->dtype));
    for (int k = 0; k < info->arity; k++)
        gp_text_add(emit->out, "%sn%d", k == 0 ? "(" : ", ", n->arg[k]);
    gp_text_add(emit->out, takes_flags(n->op, operand) ? ", &seen);\n" : ");\n");
}

void gp_cl_emit_element(gp_cl_emit *emit, const char *indent)
{
    const gp_pass *pass = emit->pass;
    bool walked = false;
    for (size_t k = 0; k < pass->inputs; k++)
        walked = walked || (!pass->input[k].streamed && !is_scalar(pass, &pass->input[k]) &&
                            emit->node[pass->input[k].node].role == GP_CL_INPUT);
    if (walked) gp_text_add(emit->out, "%sconst ulong e = first + i;\n", indent);
    for (int node = 0; node < (int)pass->program->nodes; node++) {
        const gp_cl_node *n = &emit->node[node];
        if (n->role == GP_CL_COMPUTED) emit_computed(emit, node, indent);
        if (n->role == GP_CL_INPUT && !(pass->count > 0 && is_scalar(pass, &pass->input[n->index])))
            emit_load(emit, node, indent);
    }
    for (size_t k = 0; k < pass->outputs; k++)
        gp_text_add(emit->out, "%sout%zu[i] = n%d;\n", indent, k, pass->output[k].node);
}
