/* linalg.*: folds over matrices, and views that take their results apart. */
#include "lang/matrix.h"

gp_value gp_check_linalg(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)args;
    (void)given;
    return gp_value_node(gp_build_fail(b, GPUPROC_INTERNAL, "no rule for %s", fn->name));
}
