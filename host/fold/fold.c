#include "fold/fold_impl.h"

#include "base/error.h"

static const gp_fold_kind *kind_of(gp_op op)
{
    switch (op) {
    case GP_OP_CUMSUM:
    case GP_OP_CUMPROD:
    case GP_OP_CUMMAX:
    case GP_OP_CUMMIN: return &gp_fold_scan;
    case GP_OP_WINSUM:
    case GP_OP_WINMEAN:
    case GP_OP_WINMAX:
    case GP_OP_WINMIN: return &gp_fold_window;
    case GP_OP_QUANTILE:
    case GP_OP_NANQUANTILE: return &gp_fold_quantile;
    case GP_OP_BINCOUNT: return &gp_fold_bincount;
    case GP_OP_UNIQUE:
    case GP_OP_UNIQUE_COUNTS: return &gp_fold_unique;
    case GP_OP_SELECT: return &gp_fold_select;
    case GP_OP_STORE: return &gp_fold_store;
    case GP_OP_GRAM: return &gp_fold_gram;
    case GP_OP_QRR:
    case GP_OP_LSTSQ: return &gp_fold_tsqr;
    case GP_OP_SOLVE:
    case GP_OP_INV:
    case GP_OP_CHOLESKY:
    case GP_OP_DET:
    case GP_OP_SLOGDET:
    case GP_OP_EIGH:
    case GP_OP_SVD:
    case GP_OP_QR: return &gp_fold_dense;
    default: return gp_op_info_of(op)->reduction ? &gp_fold_reduce : NULL;
    }
}

uint64_t gp_fold_bytes(const gp_fold_spec *spec) { return kind_of(spec->op)->bytes(spec); }

gpuproc_status gp_fold_new(const gp_fold_spec *spec, uint64_t budget, const gp_workers *workers,
                           gp_fold **fold, gpuproc_error *err)
{
    const gp_fold_kind *kind = kind_of(spec->op);
    uint64_t least = kind->bytes(spec);
    if (least > budget)
        return gp_fail(err, GPUPROC_BUDGET,
                       "%s() needs %llu bytes for what it keeps, but the memory budget leaves %llu",
                       gp_op_info_of(spec->op)->spelling, (unsigned long long)least,
                       (unsigned long long)budget);
    gpuproc_status st = kind->open(spec, budget, workers->count, fold, err);
    if (st != GPUPROC_OK) return st;
    (*fold)->kind = kind;
    (*fold)->spec = *spec;
    (*fold)->workers = workers;
    return GPUPROC_OK;
}

void gp_fold_free(gp_fold *fold)
{
    if (fold != NULL) fold->kind->close(fold);
}

uint64_t gp_fold_room(const gp_fold *fold, uint64_t count)
{
    return fold->kind->room != NULL ? fold->kind->room(fold, count) : 0;
}

uint64_t gp_fold_given(const gp_fold *fold) { return fold->given; }

bool gp_fold_in_place(const gp_fold *fold) { return fold->kind->in_place; }

gpuproc_status gp_fold_take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    piece->out_first = fold->given;
    piece->out_count = 0;
    gpuproc_status st = fold->kind->take(fold, piece, err);
    fold->given += piece->out_count;
    return st;
}

gpuproc_status gp_fold_end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    *again = false;
    return fold->kind->end == NULL ? GPUPROC_OK : fold->kind->end(fold, again, err);
}

void gp_fold_rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    *data = NULL;
    *first = fold->given;
    *count = 0;
    if (fold->kind->rest != NULL) fold->kind->rest(fold, data, first, count);
}

const char *gp_fold_warning(const gp_fold *fold) { return fold->warning; }
