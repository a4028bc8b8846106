#include "lang/build.h"

gp_value gp_check_scan(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)args;
    (void)given;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() is not built yet", fn->name));
}
