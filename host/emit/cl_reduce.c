/* The kernel gp_reduce around the steps of kernels/reductions.cl. Lane j of a
 * work-group takes elements j, j+64, ... of each block of its group. */
#include "emit/cl_emit.h"

#include <inttypes.h>

/* How one reduction is carried out. */
typedef enum shape_of {
    INT_SUM,
    INT_PROD,
    EXTREME,
    COUNT_TRUE,
    EXACT_SUM,
    BLOCK_PROD,
    BLOCK_MOMENTS,
} shape_of;

static shape_of shape(const gp_pass_reduce *r)
{
    const bool is_float = gp_dtype_is_float(r->operand);
    switch ((gp_reduce_kind)r->kind) {
    case GP_REDUCE_SUM: return is_float ? EXACT_SUM : INT_SUM;
    case GP_REDUCE_PROD: return is_float ? BLOCK_PROD : INT_PROD;
    case GP_REDUCE_MOMENTS: return BLOCK_MOMENTS;
    case GP_REDUCE_COUNT: return COUNT_TRUE;
    default: return EXTREME;
    }
}

bool gp_cl_reduce_needs_fp64(const gp_pass_reduce *reduce)
{
    const shape_of s = shape(reduce);
    return s == EXACT_SUM || s == BLOCK_PROD || s == BLOCK_MOMENTS;
}

size_t gp_cl_reduce_local_bytes(const gp_pass *pass)
{
    size_t bytes = 3 * GP_LANES * 8 + 8;
    for (size_t k = 0; k < pass->reduces; k++)
        if (shape(&pass->reduce[k]) == EXACT_SUM) bytes += GP_EXACT_LIMBS * 8;
    return bytes;
}

/* Ordered reductions keep a lane's values of the block as float64, once per operand. */
static bool keeps_values(const gp_pass_reduce *r)
{
    return shape(r) == BLOCK_PROD || shape(r) == BLOCK_MOMENTS;
}

static bool first_keeper(const gp_pass *pass, size_t k)
{
    if (!keeps_values(&pass->reduce[k])) return false;
    for (size_t before = 0; before < k; before++)
        if (keeps_values(&pass->reduce[before]) &&
            pass->reduce[before].node == pass->reduce[k].node)
            return false;
    return true;
}

static void emit_declarations(gp_cl_emit *emit)
{
    const gp_pass *pass = emit->pass;
    bool lanes_f8 = false, lanes_u8 = false, lanes_at = false, word = false;
    for (size_t k = 0; k < pass->reduces; k++) {
        const shape_of s = shape(&pass->reduce[k]);
        lanes_f8 = lanes_f8 || gp_cl_reduce_needs_fp64(&pass->reduce[k]);
        lanes_u8 = lanes_u8 || s == INT_SUM || s == INT_PROD || s == COUNT_TRUE || s == EXTREME;
        lanes_at = lanes_at || s == EXTREME;
        word = word || s == EXACT_SUM;
    }
    if (lanes_f8) gp_text_add(emit->out, "    __local double lanes_f8[GP_LANES];\n");
    if (lanes_u8) gp_text_add(emit->out, "    __local ulong lanes_u8[GP_LANES];\n");
    if (lanes_at) gp_text_add(emit->out, "    __local ulong lanes_at[GP_LANES];\n");
    if (word) gp_text_add(emit->out, "    __local uint word;\n");
    for (size_t k = 0; k < pass->reduces; k++)
        if (shape(&pass->reduce[k]) == EXACT_SUM)
            gp_text_add(emit->out, "    __local long limb%zu[GP_EXACT_LIMBS];\n", k);

    gp_text_add(emit->out, "    const uint lane = (uint)get_local_id(0);\n"
                           "    const ulong group = get_group_id(0), groups = get_num_groups(0);\n"
                           "    const ulong blocks = (count + (GP_BLOCK - 1)) / GP_BLOCK;\n");
    for (size_t k = 0; k < pass->reduces; k++) {
        const gp_pass_reduce *r = &pass->reduce[k];
        if (first_keeper(pass, k))
            gp_text_add(emit->out, "    double v%d[GP_PER_LANE];\n", r->node);
        switch (shape(r)) {
        case INT_SUM: gp_text_add(emit->out, "    ulong hi%zu = 0, lo%zu = 0;\n", k, k); break;
        case INT_PROD: gp_text_add(emit->out, "    ulong product%zu = 1;\n", k); break;
        case EXTREME:
            gp_text_add(emit->out, "    ulong key%zu = ULONG_MAX, at%zu = ULONG_MAX;\n", k, k);
            break;
        case COUNT_TRUE: gp_text_add(emit->out, "    ulong true%zu = 0;\n", k); break;
        case EXACT_SUM:
            gp_text_add(emit->out,
                        "    double x%zu[GP_PER_LANE];\n"
                        "    uint mark%zu = 0, adds%zu = 0;\n"
                        "    for (uint j = lane; j < GP_EXACT_LIMBS; j += GP_LANES) limb%zu[j] = 0;\n",
                        k, k, k, k);
            break;
        case BLOCK_PROD:
        case BLOCK_MOMENTS: break;
        }
    }
}

/* "u8", "i8", "f4" or "f8": of which type the ordering keys are made. */
static const char *key_code(gp_dtype dtype)
{
    switch (gp_dtype_kind(dtype)) {
    case GP_KIND_INT: return "i8";
    case GP_KIND_FLOAT: return dtype == GPUPROC_FLOAT32 ? "f4" : "f8";
    default: return "u8";
    }
}

/* Maxima look for the least key, too, of the keys turned round. */
static bool is_max(const gp_pass_reduce *r)
{
    return r->kind == GP_REDUCE_MAX || r->kind == GP_REDUCE_ARGMAX;
}

static void emit_key(gp_cl_emit *emit, const gp_pass_reduce *r)
{
    const char *code = key_code(r->operand);
    if (gp_dtype_is_float(r->operand)) {
        const char *key = is_max(r) ? "antikey" : "key";
        /* The two zeros are equal for the arg kinds. */
        if (r->kind == GP_REDUCE_ARGMIN || r->kind == GP_REDUCE_ARGMAX)
            gp_text_add(emit->out, "gp_%s_%s(gp_no_negative_zero_%s(n%d))", key, code, code,
                        r->node);
        else
            gp_text_add(emit->out, "gp_%s_%s(n%d)", key, code, r->node);
    } else {
        gp_text_add(emit->out, "%sgp_key_%s(n%d)", is_max(r) ? "~" : "", code, r->node);
    }
}

static void emit_accumulate(gp_cl_emit *emit, size_t k)
{
    const gp_pass_reduce *r = &emit->pass->reduce[k];
    const char *indent = "            ";
    if (first_keeper(emit->pass, k))
        gp_text_add(emit->out, "%sv%d[j] = (double)n%d;\n", indent, r->node, r->node);
    switch (shape(r)) {
    case INT_SUM:
        gp_text_add(emit->out, "%sgp_isum_add_%s(&hi%zu, &lo%zu, n%d);\n", indent,
                    key_code(r->operand), k, k, r->node);
        break;
    case INT_PROD:
        gp_text_add(emit->out, "%sproduct%zu *= (ulong)%sn%d;\n", indent, k,
                    gp_dtype_kind(r->operand) == GP_KIND_INT ? "(long)" : "", r->node);
        break;
    case EXTREME:
        gp_text_add(emit->out, "%sconst ulong next%zu = ", indent, k);
        emit_key(emit, r);
        gp_text_add(emit->out,
                    ";\n%sif (next%zu < key%zu || at%zu == ULONG_MAX) {\n"
                    "%s    key%zu = next%zu;\n%s    at%zu = first + i;\n%s}\n",
                    indent, k, k, k, indent, k, k, indent, k, indent);
        break;
    case COUNT_TRUE:
        gp_text_add(emit->out, "%strue%zu += n%d != 0;\n", indent, k, r->node);
        break;
    case EXACT_SUM:
        gp_text_add(emit->out,
                    "%sx%zu[j] = gp_finite_or_zero((double)n%d);\n"
                    "%smark%zu |= gp_exact_flags((double)n%d);\n",
                    indent, k, r->node, indent, k, r->node);
        break;
    case BLOCK_PROD:
    case BLOCK_MOMENTS: break;
    }
}

static void emit_block_end(gp_cl_emit *emit, size_t k)
{
    const gp_pass_reduce *r = &emit->pass->reduce[k];
    switch (shape(r)) {
    case EXACT_SUM:
        gp_text_add(emit->out,
                    "        gp_exact_block(limb%zu, lanes_f8, &word, lane, x%zu, &adds%zu, %s);\n",
                    k, k, k, r->operand == GPUPROC_FLOAT64 ? "true" : "false");
        break;
    case BLOCK_PROD:
        gp_text_add(emit->out,
                    "        gp_prod_block((__global ulong *)part%zu + b, lanes_f8, lane, v%d, "
                    "n);\n",
                    k, r->node);
        break;
    case BLOCK_MOMENTS:
        gp_text_add(emit->out,
                    "        gp_moments_block((__global ulong *)part%zu + 3 * b, lanes_f8, lane, "
                    "v%d, n);\n",
                    k, r->node);
        break;
    default: break;
    }
}

static void emit_group_end(gp_cl_emit *emit, size_t k)
{
    const gp_pass_reduce *r = &emit->pass->reduce[k];
    gp_text *out = emit->out;
    switch (shape(r)) {
    case INT_SUM:
        gp_text_add(out,
                    "    hi%zu = gp_group_sum_u8(lanes_u8, lane, hi%zu);\n"
                    "    lo%zu = gp_group_sum_u8(lanes_u8, lane, lo%zu);\n"
                    "    if (lane == 0) {\n"
                    "        ((__global ulong *)part%zu)[2 * group] = hi%zu;\n"
                    "        ((__global ulong *)part%zu)[2 * group + 1] = lo%zu;\n"
                    "    }\n",
                    k, k, k, k, k, k, k, k);
        break;
    case INT_PROD:
        gp_text_add(out,
                    "    product%zu = gp_group_product_u8(lanes_u8, lane, product%zu);\n"
                    "    if (lane == 0) ((__global ulong *)part%zu)[group] = product%zu;\n",
                    k, k, k, k);
        break;
    case COUNT_TRUE:
        gp_text_add(out,
                    "    true%zu = gp_group_sum_u8(lanes_u8, lane, true%zu);\n"
                    "    if (lane == 0) ((__global ulong *)part%zu)[group] = true%zu;\n",
                    k, k, k, k);
        break;
    case EXTREME: {
        const bool is_float = gp_dtype_is_float(r->operand);
        gp_text_add(out,
                    "    const ulong2 least%zu = gp_group_least(lanes_u8, lanes_at, lane, key%zu, "
                    "at%zu);\n"
                    "    if (lane == 0) {\n"
                    "        ((__global ulong *)part%zu)[2 * group] = least%zu.y == ULONG_MAX ? 0ul : "
                    "gp_%s_%s(%sleast%zu.x);\n"
                    "        ((__global ulong *)part%zu)[2 * group + 1] = least%zu.y;\n"
                    "    }\n",
                    k, k, k, k, k, is_float && is_max(r) ? "unantikey" : "unkey",
                    key_code(r->operand), !is_float && is_max(r) ? "~" : "", k, k, k);
        break;
    }
    case EXACT_SUM:
        gp_text_add(out,
                    "    mark%zu = gp_group_or(&word, lane, mark%zu);\n"
                    "    for (uint j = lane; j < GP_EXACT_LIMBS; j += GP_LANES)\n"
                    "        ((__global long *)part%zu)[group * GP_EXACT_WORDS + j] = limb%zu[j];\n"
                    "    if (lane == 0) {\n"
                    "        __global uint *end = (__global uint *)part%zu + (group + 1) * "
                    "(GP_EXACT_WORDS * 2) - 2;\n"
                    "        end[0] = mark%zu;\n"
                    "        end[1] = adds%zu;\n"
                    "    }\n",
                    k, k, k, k, k, k, k);
        break;
    case BLOCK_PROD:
    case BLOCK_MOMENTS: break;
    }
}

void gp_cl_emit_reduce_body(gp_cl_emit *emit)
{
    const gp_pass *pass = emit->pass;
    emit_declarations(emit);
    gp_cl_emit_hoisted(emit);
    gp_text_add(emit->out, "    for (ulong b = group; b < blocks; b += groups) {\n"
                           "        const ulong from = b * GP_BLOCK;\n"
                           "        const uint n = (uint)min(count - from, (ulong)GP_BLOCK);\n"
                           "        for (uint j = 0; j < GP_PER_LANE; j++) {\n");
    for (size_t k = 0; k < pass->reduces; k++)
        if (shape(&pass->reduce[k]) == EXACT_SUM)
            gp_text_add(emit->out, "            x%zu[j] = 0.0;\n", k);
        else if (first_keeper(pass, k))
            gp_text_add(emit->out, "            v%d[j] = 0.0;\n", pass->reduce[k].node);
    gp_text_add(emit->out, "            if (lane + j * GP_LANES >= n) continue;\n"
                           "            const ulong i = from + lane + j * GP_LANES;\n");
    gp_cl_emit_element(emit, "            ");
    for (size_t k = 0; k < pass->reduces; k++) emit_accumulate(emit, k);
    gp_text_add(emit->out, "        }\n");
    for (size_t k = 0; k < pass->reduces; k++) emit_block_end(emit, k);
    gp_text_add(emit->out, "    }\n");
    for (size_t k = 0; k < pass->reduces; k++) emit_group_end(emit, k);
}
