/* A walk: the elements of a stored array in the order in which something wants them. Every
 * slice, transposition, broadcast, reshaping without a copy, shift and sliding window of an array
 * is one: element (i0, i1, ...) of the walk is element offset + i0*stride[0] + i1*stride[1] + ...
 * of the array as it lies in storage.
 *
 * A bounded walk has a box: an element outside lo[k] <= i_k < hi[k] on some axis is zero (False),
 * and nothing is read for it. Inside the box every element lies inside the array. */
#ifndef GP_ARRAY_WALK_H
#define GP_ARRAY_WALK_H

#include "array/shape.h"

typedef struct gp_walk {
    gp_shape shape;
    int64_t offset;                     /* elements; may lie outside the array where bounded */
    int64_t stride[GPUPROC_MAX_NDIM];   /* elements; may be negative or 0; 0 where dim is 1 */
    bool bounded;
    int64_t lo[GPUPROC_MAX_NDIM], hi[GPUPROC_MAX_NDIM]; /* where bounded */
} gp_walk;

/* The whole array of this shape, in its order of storage. */
void gp_walk_whole(const gp_shape *shape, bool fortran, gp_walk *walk);

/* Element i of the walk, in C order, is element offset + i of storage, and there is no box. */
bool gp_walk_contiguous(const gp_walk *walk);

bool gp_walk_equal(const gp_walk *a, const gp_walk *b);

/* The walk stretched over `to`, to which its shape broadcasts. */
void gp_walk_broadcast(const gp_walk *walk, const gp_shape *to, gp_walk *out);

/* The part of a walk that begins at index lo[k] and has `shape`. */
void gp_walk_box(const gp_walk *walk, const int64_t *lo, const gp_shape *shape, gp_walk *out);

/* The storage elements [first, last] that the walk touches, those for zeros not counted;
 * false where it touches none. `last` is UINT64_MAX where one is negative or beyond 2^63. */
bool gp_walk_span(const gp_walk *walk, uint64_t *first, uint64_t *last);

/* Whether elements [first, first + count) of the walk, in C order, all lie outside its box. May say no where
 * they do and more than one axis is in play. */
bool gp_walk_misses_box(const gp_walk *walk, uint64_t first, uint64_t count);

/* The same elements in the same order with as few axes as possible: none of length 1, none that
 * continues the one in front of it, no box that holds everything. Without elements it is one axis
 * of length 0; of nothing but zeros, one axis with an empty box. */
void gp_walk_normalise(const gp_walk *walk, gp_walk *out);

#endif
