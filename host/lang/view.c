#include "lang/build.h"

const gp_shape *gp_build_shape(const gp_builder *b, int node) { return &b->program->node[node].shape; }

int gp_build_map(gp_builder *b, int node, const gp_axis_map *map, const gp_shape *result, bool bounded)
{
    (void)node;
    (void)map;
    (void)result;
    (void)bounded;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_reshape(gp_builder *b, int node, const gp_shape *shape)
{
    (void)node;
    (void)shape;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_broadcast(gp_builder *b, int node, const gp_shape *shape)
{
    (void)node;
    (void)shape;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_transpose(gp_builder *b, int node, const int *axes)
{
    (void)node;
    (void)axes;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_insert_axis(gp_builder *b, int node, int axis)
{
    (void)node;
    (void)axis;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_remove_axis(gp_builder *b, int node, int axis)
{
    (void)node;
    (void)axis;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_slice(gp_builder *b, int node, int axis, int64_t start, int64_t step, int64_t length)
{
    (void)node;
    (void)axis;
    (void)start;
    (void)step;
    (void)length;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_concatenate(gp_builder *b, const int *node, int count, int axis)
{
    (void)node;
    (void)count;
    (void)axis;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_store(gp_builder *b, int node)
{
    (void)node;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_index(gp_builder *b, const gp_shape *shape, int axis)
{
    (void)shape;
    (void)axis;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_number(gp_builder *b, const gp_shape *shape)
{
    (void)shape;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_fill(gp_builder *b, int uniform, const gp_shape *shape)
{
    (void)uniform;
    (void)shape;
    return gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet");
}

int gp_build_array(gp_builder *b, gp_dtype dtype, const gp_shape *shape, const void *data)
{
    gpuproc_error why;
    uint64_t count;
    if (gp_shape_count(shape, gpuproc_dtype_bytes(dtype), &count, &why) != GPUPROC_OK)
        return gp_build_fail(b, GPUPROC_SHAPE, "%s", why.message);
    return gp_build_placed(b, gp_ir_array(b->program, dtype, shape, data));
}

gp_value gp_build_window_view(gp_builder *b, const gp_value *v)
{
    (void)v;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "views are not built yet"));
}
