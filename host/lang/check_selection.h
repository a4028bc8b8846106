/* What the files of selection share. */
#ifndef GP_LANG_CHECK_SELECTION_H
#define GP_LANG_CHECK_SELECTION_H

#include "lang/build.h"

/* check_take.c: take, take_along_axis, choose, select; check_search.c: searchsorted, digitize, isin, interp. */
gp_value gp_check_take_function(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given);
gp_value gp_check_search_function(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given);

gp_value gp_check_flattened(gp_builder *b, const gp_value *v);

/* A node as the table of TAKE and SEARCH*: element (i0, i1, ...) of it is element walk->offset +
 * i0*stride[0] + ... of the table. */
int gp_build_table(gp_builder *b, int node, gp_walk *walk);

/* A constant array of the text; NULL where the node is something else. */
const gp_input *gp_build_constant(const gp_builder *b, int node);
gpuproc_scalar gp_constant_element(const gp_input *constant, uint64_t i);

#endif
