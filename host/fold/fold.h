/* Folds: operations that take the elements of their operands in C order, chunk after chunk, and
 * give the elements of a result: reductions along axes, scans, windows, quantiles, counts,
 * selections. They run on the host, whichever device made the operands, so that their bits do not
 * depend on it; nor do they depend on how the elements are cut into pieces or on the number of
 * workers.
 *
 * gp_fold_new, gp_fold_take for every piece in order, gp_fold_end; where that says `again`, all
 * pieces once more; then gp_fold_rest; gp_fold_free. One thread at a time; the calls block
 * and share their work among the workers. A fold of no elements gets no pieces, only the end. */
#ifndef GP_FOLD_FOLD_H
#define GP_FOLD_FOLD_H

#include "base/workers.h"
#include "lang/ir.h"
#include "linalg/linalg.h"

typedef struct gp_fold gp_fold;

typedef struct gp_fold_spec {
    gp_op op;            /* a reduction (along axes) or one of GP_OPS_FOLD */
    gp_dtype operand[2]; /* dtypes of the operands; the second: weights of BINCOUNT, mask of SELECT */
    int operands;        /* 1 or 2 */
    gp_shape shape;      /* of the operands: what the pieces go through in C order */
    uint32_t axes;       /* as in gp_node; never 0 for reductions, scans and windows */
    int64_t size;        /* as in gp_node */
    double ddof;
    gp_dtype dtype;      /* of the result */
    gp_shape result;     /* its shape; the most, where it grows */
    bool growing;
    const double *q;     /* QUANTILE: borrowed */
    size_t qs;
    const gp_linalg *linalg; /* GP_OPS_MATRIX_FOLD: borrowed */
} gp_fold_spec;

/* The bytes that the fold will hold at most, beside the pieces: known before anything is read.
 * UINT64_MAX where they do not fit 64 bits. Folds that can do with less (more
 * repetitions) say the least that they need. */
uint64_t gp_fold_bytes(const gp_fold_spec *spec);

/* `budget`: bytes that it may take, at least gp_fold_bytes (else BUDGET, with a message that names
 * the operation and the bytes). The spec is copied; q must live as long as the fold. */
gpuproc_status gp_fold_new(const gp_fold_spec *spec, uint64_t budget, const gp_workers *workers,
                           gp_fold **fold, gpuproc_error *err);
void gp_fold_free(gp_fold *fold);

/* The most elements of the result that one piece of `count` elements can complete. 0: a fold that
 * gives all at the end. */
uint64_t gp_fold_room(const gp_fold *fold, uint64_t count);

/* Elements of the result that the pieces have given so far. */
uint64_t gp_fold_given(const gp_fold *fold);

/* One piece: elements [first, first + count) of the operands, aligned to their dtypes. `out` has room for
 * gp_fold_room(count) elements, aligned to the result's dtype; it may be operand[0] itself where
 * gp_fold_in_place says so. The fold fills out_first and out_count: `out` holds elements
 * [out_first, out_first + out_count) of the result. Results come in order and without gaps. */
typedef struct gp_fold_piece {
    uint64_t first, count;
    const void *operand[2];
    void *out;
    bool far; /* `out` is in a result that is larger than the caches, and not read soon */
    uint64_t out_first, out_count;
} gp_fold_piece;

gpuproc_status gp_fold_take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err);
bool gp_fold_in_place(const gp_fold *fold);

/* After the last piece. *again: the fold needs all the pieces once more (quantiles narrow down where
 * their values are), from the first; at most a few times. DOMAIN error for what NumPy refuses. */
gpuproc_status gp_fold_end(gp_fold *fold, bool *again, gpuproc_error *err);

/* What the pieces have not given yet: elements [*first, *first + *count) of the result, up to its end;
 * *data lives as long as the fold. Where the result grows, *first + *count is its length in elements. */
void gp_fold_rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count);

/* The warning that NumPy would give, a static text, or NULL; after the end. */
const char *gp_fold_warning(const gp_fold *fold);

#endif
