/* What the files of generators share. */
#ifndef GP_LANG_CHECK_GENERATOR_H
#define GP_LANG_CHECK_GENERATOR_H

#include "lang/build.h"

gp_value gp_check_random(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given); /* check_random.c */

/* A shape that can be made: no -1, and few enough elements to be counted. */
bool gp_argument_size(gp_builder *b, const gp_function *fn, const gp_value *v, gp_shape *shape);

#endif
