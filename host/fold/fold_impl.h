/* What fold.c and the kinds of folds share: each kind is a table of these functions. */
#ifndef GP_FOLD_FOLD_IMPL_H
#define GP_FOLD_FOLD_IMPL_H

#include "fold/fold.h"

typedef struct gp_fold_kind {
    uint64_t (*bytes)(const gp_fold_spec *spec);
    /* Allocates the kind's own struct, which begins with gp_fold (spec, kind and workers are filled in by fold.c). */
    gpuproc_status (*open)(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err);
    void (*close)(gp_fold *fold); /* frees the struct, too */
    uint64_t (*room)(const gp_fold *fold, uint64_t count); /* NULL: pieces give nothing */
    bool in_place;
    gpuproc_status (*take)(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err);
    gpuproc_status (*end)(gp_fold *fold, bool *again, gpuproc_error *err); /* NULL: nothing to do */
    void (*rest)(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count); /* NULL: nothing is left */
} gp_fold_kind;

struct gp_fold {
    const gp_fold_kind *kind;
    gp_fold_spec spec;
    const gp_workers *workers;
    const char *warning;
    uint64_t given; /* elements of the result so far: kept by fold.c */
};

extern const gp_fold_kind gp_fold_reduce;   /* reduce_axes.c: reductions along axes */
extern const gp_fold_kind gp_fold_scan;     /* scan.c */
extern const gp_fold_kind gp_fold_window;   /* window.c */
extern const gp_fold_kind gp_fold_quantile; /* quantile.c */
extern const gp_fold_kind gp_fold_bincount; /* bincount.c */
extern const gp_fold_kind gp_fold_unique;   /* unique.c */
extern const gp_fold_kind gp_fold_select;   /* select.c */
extern const gp_fold_kind gp_fold_store;    /* store.c */
extern const gp_fold_kind gp_fold_gram;     /* gram.c */
extern const gp_fold_kind gp_fold_tsqr;     /* tsqr.c: QRR, LSTSQ */
extern const gp_fold_kind gp_fold_dense;    /* dense.c: decompositions of whole matrices */

#endif
