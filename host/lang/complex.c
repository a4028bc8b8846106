#include "lang/build.h"

bool gp_value_is_complex(const gp_builder *b, const gp_value *v)
{
    (void)b;
    return v->kind == GP_VAL_COMPLEX || (v->kind == GP_VAL_NODE && v->complex);
}

gp_value gp_check_complex(gp_builder *b, const gp_function *fn, const gp_value *v, int count)
{
    (void)v;
    (void)count;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of complex numbers is not built yet", fn->name));
}
