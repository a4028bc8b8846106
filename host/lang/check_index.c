#include "lang/build.h"

gp_value gp_check_subscript(gp_builder *b, const gp_value *object, const gp_value *index)
{
    (void)object;
    (void)index;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "subscripts are not built yet"));
}

gp_value gp_check_attribute(gp_builder *b, const gp_value *object, const char *name, size_t length)
{
    (void)object;
    return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "attribute '%.*s' is not built yet", (int)length, name));
}
