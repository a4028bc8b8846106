/* A value that is to be a result: one node, whatever the value is made of. */
#include "lang/build.h"

/* The node whose two parts these are, which needs no putting together; or -1. */
static int taken_apart(const gp_builder *b, int re, int im)
{
    const gp_node *r = &b->program->node[re], *i = &b->program->node[im];
    return r->op == GP_OP_REAL && i->op == GP_OP_IMAG && r->arg[0] == i->arg[0] ? r->arg[0] : -1;
}

static int packed(gp_builder *b, const gp_value *v)
{
    int whole = taken_apart(b, v->node, v->im);
    if (whole >= 0) return whole;
    gp_dtype dtype = gp_value_dtype(b, v);
    return gp_build_op(b, GP_OP_PACK, dtype, v->node, v->im, -1);
}

/* SELECT: one axis of a length that shows at the end, and the axes that the mask does not go along. */
static int selected(gp_builder *b, int node, const gp_value *v)
{
    gp_shape from = *gp_build_shape(b, node), mask_shape = *gp_build_shape(b, v->mask), whole, shape = {.ndim = 1, .dim = {1}};
    gpuproc_error why;
    if (gp_shape_broadcast(&from, &mask_shape, &whole, &why) != GPUPROC_OK)
        return gp_build_fail(b, GPUPROC_SHAPE, "%s", why.message);
    if (!gp_shape_equal(&from, &whole)) node = gp_build_broadcast(b, node, &whole);
    int mask = gp_shape_equal(&mask_shape, &whole) ? v->mask : gp_build_broadcast(b, v->mask, &whole);
    int masked = v->mask_axes > 0 ? v->mask_axes : whole.ndim;
    if (node < 0 || mask < 0) return -1;
    for (int d = 0; d < whole.ndim; d++) {
        if (d < masked) shape.dim[0] *= whole.dim[d];
        else shape.dim[shape.ndim++] = whole.dim[d];
    }
    for (int d = 1; d < shape.ndim; d++) {
        if (shape.dim[d] == 0 && shape.dim[0] > 0)
            return gp_build_fail(b, GPUPROC_UNSUPPORTED, "rows without elements cannot be counted: x[mask] of them is not possible");
    }
    gp_dtype dtype = gp_build_dtype(b, node);
    node = gp_ir_fold(b->program, GP_OP_SELECT, dtype, node, mask, 0, 0, &shape, true);
    return node < 0 ? gp_build_fail(b, GPUPROC_NO_MEMORY, "out of memory") : node;
}

int gp_build_result(gp_builder *b, const gp_value *v)
{
    gp_value plain = *v;
    if (v->kind == GP_VAL_COMPLEX) plain = gp_build_convert(b, v, GPUPROC_COMPLEX128);
    if (plain.kind != GP_VAL_NODE) return gp_build_strong(b, &plain);
    if (plain.windowed) plain = gp_build_window_view(b, &plain);
    if (plain.node < 0) return -1;
    int node = plain.complex ? packed(b, &plain) : plain.node;
    return node >= 0 && plain.selected ? selected(b, node, &plain) : node;
}
