/* n-dimensional shapes, broadcasting and strides. Lengths are 64-bit. */
#ifndef GP_ARRAY_SHAPE_H
#define GP_ARRAY_SHAPE_H

#include "base/error.h"

typedef struct gp_shape {
    int ndim;
    int64_t dim[GPUPROC_MAX_NDIM]; /* >= 0; zero length is legal */
} gp_shape;

/* Number of elements; fails (BAD_SHAPE) on ndim out of range, a negative
 * length, or more than INT64_MAX elements or INT64_MAX bytes. */
gpuproc_status gp_shape_count(const gp_shape *shape, size_t element_bytes, uint64_t *count,
                              gpuproc_error *err);

/* The count of a shape that was checked before. */
uint64_t gp_shape_size(const gp_shape *shape);

bool gp_shape_equal(const gp_shape *a, const gp_shape *b);

/* NumPy's broadcast of two shapes; SHAPE error that prints both where they do not fit. */
gpuproc_status gp_shape_broadcast(const gp_shape *a, const gp_shape *b, gp_shape *out,
                                  gpuproc_error *err);

/* Strides in elements, C order or Fortran order. stride[d] is meaningless where dim[d] <= 1. */
void gp_shape_strides(const gp_shape *shape, bool fortran, int64_t stride[GPUPROC_MAX_NDIM]);

/* Strides (in elements) with which an operand of shape `from` is walked over
 * the iteration shape `to`, to which it broadcasts: 0 on stretched axes. */
void gp_shape_broadcast_strides(const gp_shape *from, bool fortran, const gp_shape *to,
                                int64_t stride[GPUPROC_MAX_NDIM]);

/* "(3, 4)", "(5,)", "()" as Python prints it; always terminated. Returns buf. */
const char *gp_shape_text(const gp_shape *shape, char *buf, size_t size);

#endif
