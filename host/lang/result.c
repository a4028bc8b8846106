#include "lang/build.h"

int gp_build_result(gp_builder *b, const gp_value *v) { return gp_build_strong(b, v); }
