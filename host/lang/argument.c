#include "lang/build.h"

bool gp_argument_axes(gp_builder *b, const gp_function *fn, const gp_value *v, int ndim, uint32_t *axes)
{
    (void)fn;
    (void)v;
    (void)ndim;
    (void)axes;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return false;
}

bool gp_argument_axis(gp_builder *b, const gp_function *fn, const gp_value *v, int ndim, int *axis)
{
    (void)fn;
    (void)v;
    (void)ndim;
    (void)axis;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return false;
}

bool gp_argument_int(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, int64_t *i)
{
    (void)fn;
    (void)what;
    (void)v;
    (void)i;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return false;
}

bool gp_argument_bool(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, bool *is)
{
    (void)fn;
    (void)what;
    (void)v;
    (void)is;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return false;
}

bool gp_argument_number(gp_builder *b, const gp_function *fn, const char *what, const gp_value *v, double *f)
{
    (void)fn;
    (void)what;
    (void)v;
    (void)f;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return false;
}

bool gp_argument_shape(gp_builder *b, const gp_function *fn, const gp_value *v, gp_shape *shape)
{
    (void)fn;
    (void)v;
    (void)shape;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return false;
}

const char *gp_argument_string(gp_builder *b, const gp_function *fn, const gp_value *v, size_t *length)
{
    (void)fn;
    (void)v;
    (void)length;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return NULL;
}

int gp_argument_array(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    (void)fn;
    (void)v;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return -1;
}

gp_value gp_build_tuple(gp_builder *b, const gp_value *item, int count)
{
    (void)item;
    (void)count;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "arguments of this kind are not built yet");
    return gp_value_node(-1);
}

const gp_value *gp_build_item(const gp_builder *b, const gp_value *tuple, int i)
{
    (void)b;
    (void)tuple;
    (void)i;
    return NULL;
}
