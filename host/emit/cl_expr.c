/* The values of a pass's nodes as OpenCL C: node 7 is the variable n7. */
#include "array/half.h"
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
    case GPUPROC_UINT16:
    case GPUPROC_FLOAT16: return "ushort";
    case GPUPROC_UINT32: return "uint";
    case GPUPROC_UINT64: return "ulong";
    case GPUPROC_FLOAT32: return "float";
    case GPUPROC_FLOAT64: return "double";
    case GPUPROC_COMPLEX64: return "float2";
    case GPUPROC_COMPLEX128: return "double2";
    default: return NULL;
    }
}

/* Bit patterns: exact, also for infinities, NaN and the least integers. */
static void emit_const(gp_cl_emit *emit, int node)
{
    const gp_node *n = &emit->pass->program->node[node];
    const char *type = gp_cl_type(n->dtype);
    gp_text_add(emit->out, "    const %s n%d = ", type, node);
    if (n->dtype == GPUPROC_FLOAT16) {
        gp_text_add(emit->out, "0x%04x; /* %.9g */\n", (unsigned)gp_half_from_f64(n->value.value.f),
                    n->value.value.f);
    } else if (n->dtype == GPUPROC_FLOAT32) {
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
static int walk_axes(const gp_pass *pass, const int64_t *stride, axis out[GPUPROC_MAX_NDIM])
{
    axis all[GPUPROC_MAX_NDIM];
    int n = 0;
    uint64_t inner = 1;
    for (int d = pass->shape.ndim; d-- > 0;) {
        const uint64_t dim = (uint64_t)pass->shape.dim[d];
        if (dim == 0) return 0;
        if (dim == 1) continue;
        axis *last = n > 0 ? &all[n - 1] : NULL;
        if (last != NULL && (uint64_t)stride[d] == (uint64_t)last->stride * last->dim)
            last->dim *= dim;
        else
            all[n++] = (axis){inner, dim, stride[d], false};
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
    return !in->streamed && walk_axes(pass, in->stride, axes) == 0;
}

/* offset + i0*stride[0] + ... at element e of the pass, modulo 2^64: negative ones wrap round to
 * where they belong. */
static void emit_walk(gp_cl_emit *emit, int64_t offset, const int64_t *stride)
{
    axis axes[GPUPROC_MAX_NDIM];
    const int n = walk_axes(emit->pass, stride, axes);
    if (offset != 0 || n == 0)
        gp_text_add(emit->out, "%" PRIu64 "ul%s", (uint64_t)offset, n > 0 ? " + " : "");
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
        emit_walk(emit, in->offset, in->stride);
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
        if (n->role == GP_CL_UNIFORM && dtype == GPUPROC_FLOAT16)
            gp_text_add(emit->out, "    const ushort n%d = gp_cast_f4_f2(gp_uniform_f4(uniform[%d]));\n",
                        node, n->index);
        else if (n->role == GP_CL_UNIFORM)
            gp_text_add(emit->out, "    const %s n%d = gp_uniform_%s(uniform[%d]);\n",
                        gp_cl_type(dtype), node, gp_dtype_code(dtype), n->index);
        /* With nothing to walk there may be nothing to read, either. */
        if (n->role == GP_CL_INPUT && pass->count > 0 && is_scalar(pass, &pass->input[n->index]))
            emit_load(emit, node, "    ");
    }
}

static bool takes_flags(gp_op op, gp_dtype dtype)
{
    return op == GP_OP_TAKE || op == GP_OP_CHECK ||
           (gp_dtype_is_integer(dtype) &&
            (op == GP_OP_FLOORDIV || op == GP_OP_MOD || op == GP_OP_FMOD || op == GP_OP_POW ||
             op == GP_OP_RECIPROCAL));
}

gp_dtype gp_cl_operand_dtype(const gp_program *program, const gp_node *n)
{
    return program->node[n->arg[n->op == GP_OP_WHERE ? 1 : 0]].dtype;
}

static void emit_computed(gp_cl_emit *emit, int node, const char *indent)
{
    const gp_program *program = emit->pass->program;
    const gp_node *n = &program->node[node];
    const gp_op_info *info = gp_op_info_of(n->op);
    const gp_dtype operand = gp_cl_operand_dtype(program, n);
    if (n->op == GP_OP_FILL) {
        gp_text_add(emit->out, "%sconst %s n%d = n%d;\n", indent, gp_cl_type(n->dtype), node, n->arg[0]);
        return;
    }
    gp_text_add(emit->out, "%sconst %s n%d = gp_%s_%s", indent, gp_cl_type(n->dtype), node,
                info->spelling, gp_dtype_code(operand));
    if (n->op == GP_OP_CAST) gp_text_add(emit->out, "_%s", gp_dtype_code(n->dtype));
    for (int k = 0; k < info->arity; k++) {
        const gp_cl_node *arg = &emit->node[n->arg[k]];
        gp_text_add(emit->out, k == 0 ? "(" : ", ");
        if (arg->role == GP_CL_TABLE)
            gp_text_add(emit->out, "in%d, %" PRIu64 "ul", arg->index, emit->pass->input[arg->index].count);
        else
            gp_text_add(emit->out, "n%d", n->arg[k]);
    }
    gp_text_add(emit->out, takes_flags(n->op, operand) ? ", &seen);\n" : ");\n");
}

void gp_cl_emit_element(gp_cl_emit *emit, const char *indent)
{
    const gp_pass *pass = emit->pass;
    bool walked = false;
    for (size_t k = 0; k < pass->inputs; k++)
        walked = walked || (!pass->input[k].streamed && !is_scalar(pass, &pass->input[k]) &&
                            emit->node[pass->input[k].node].role == GP_CL_INPUT);
    for (size_t k = 0; k < pass->indices; k++)
        walked = walked || emit->node[pass->index[k].node].role == GP_CL_INDEX;
    if (walked) gp_text_add(emit->out, "%sconst ulong e = first + i;\n", indent);
    for (int node = 0; node < (int)pass->program->nodes; node++) {
        const gp_cl_node *n = &emit->node[node];
        if (n->role == GP_CL_COMPUTED) emit_computed(emit, node, indent);
        if (n->role == GP_CL_INDEX) {
            const gp_pass_index *index = &pass->index[n->index];
            gp_text_add(emit->out, "%sconst long n%d = (long)(", indent, node);
            emit_walk(emit, index->offset, index->stride);
            gp_text_add(emit->out, ");\n");
        }
        if (n->role == GP_CL_INPUT && !(pass->count > 0 && is_scalar(pass, &pass->input[n->index])))
            emit_load(emit, node, indent);
    }
    for (size_t k = 0; k < pass->outputs; k++)
        gp_text_add(emit->out, "%sout%zu[i] = n%d;\n", indent, k, pass->output[k].node);
}
