#include "lang/build.h"

gp_value gp_check_selection(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)args;
    (void)given;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() is not built yet", fn->name));
}

gp_value gp_check_select(gp_builder *b, const gp_value *x, const gp_value *mask)
{
    (void)x;
    (void)mask;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "x[mask] is not built yet"));
}

gp_value gp_check_take(gp_builder *b, const gp_value *x, const gp_value *index, int axis)
{
    (void)x;
    (void)index;
    (void)axis;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "x[integers] is not built yet"));
}
