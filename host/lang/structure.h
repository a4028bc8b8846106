/* What the functions that give elements another place share: check_structure.c and the files of its subjects. */
#ifndef GP_LANG_STRUCTURE_H
#define GP_LANG_STRUCTURE_H

#include "lang/build.h"

/* What is done to a node, and by gp_structure_change to both parts of a complex one. */
typedef int (*gp_change)(gp_builder *b, int node, const void *how);
gp_value gp_structure_change(gp_builder *b, gp_value v, gp_change f, const void *how);

/* An argument as an array that has a shape. */
gp_value gp_structure_array(gp_builder *b, const gp_function *fn, const gp_value *v);
gp_shape gp_structure_shape(const gp_builder *b, const gp_value *v);

/* How each axis of an array goes through a result of shape `to`. */
typedef struct gp_mapping {
    gp_axis_map map[GPUPROC_MAX_NDIM];
    gp_shape to;
} gp_mapping;

gp_mapping gp_mapping_of(const gp_shape *shape); /* that changes nothing */
gp_value gp_structure_map(gp_builder *b, gp_value v, const gp_mapping *m, bool bounded);

gp_value gp_structure_reshape(gp_builder *b, gp_value v, const gp_shape *shape);
gp_value gp_structure_ravel(gp_builder *b, gp_value x);
gp_value gp_structure_broadcast(gp_builder *b, gp_value v, const gp_shape *shape);
gp_value gp_structure_transpose(gp_builder *b, gp_value v, const int *axes);
gp_value gp_structure_swap_axes(gp_builder *b, gp_value x, int a, int c);

/* With axes of length 1 at the places of the mask. */
gp_value gp_structure_with_axes(gp_builder *b, gp_value x, uint64_t axes, int count);
gp_value gp_structure_at_least(gp_builder *b, gp_value x, int ndim);

/* The subjects; `x` is the first argument as an array. */
gp_value gp_check_axes(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x);
gp_value gp_check_join(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given);
gp_value gp_check_repeat(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given, gp_value x);
gp_value gp_check_pad(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x);

#endif
