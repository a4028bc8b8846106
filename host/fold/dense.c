/* Decompositions of whole matrices, and of stacks of them. The rows are gathered until a matrix is whole. Of a stack,
 * several matrices are held and done at once by the workers, and their results are given piece by piece; a single
 * matrix's is given in the end. */
#include "fold/fold_impl.h"

#include "base/memory.h"
#include "fold/share.h"
#include "linalg/lapack.h"

#include <string.h>

#define HELD_BYTES (256u << 10) /* of small matrices, for each part */

typedef struct part {
    char *scratch; /* aligned, as `result` is */
    char *result;  /* of one matrix, where results are given piece by piece */
    double condition;
    gpuproc_status failed;
    uint64_t at; /* the matrix that failed */
    gpuproc_error err;
} part;

typedef struct dense {
    gp_fold base;
    uint64_t m, n, stack;
    uint64_t matrix, matrix_bytes, results, result_bytes; /* elements and bytes of one */
    uint64_t stride;   /* bytes from one that is held to the next */
    bool at_end;       /* results are given in the end */
    unsigned parts;
    part *part;
    char *scratch;     /* of all parts, and their results */
    uint64_t part_bytes;
    char *held;
    uint64_t slots, count; /* matrices that it has room for; elements that are there */
    uint64_t done;     /* matrices */
    char *result;      /* at_end */
    char *out;         /* where the next results go */
} dense;

typedef struct need {
    uint64_t stack, matrix, matrix_bytes, stride, results, result_bytes, scratch_bytes, part_bytes, slots, per_part, total;
    bool at_end;
} need;

static need need_of(const gp_fold_spec *spec)
{
    need w = {.stack = 1};
    uint64_t m = (uint64_t)spec->shape.dim[spec->shape.ndim - 2], n = (uint64_t)spec->shape.dim[spec->shape.ndim - 1];
    size_t wide = gpuproc_dtype_bytes(spec->operand[0]);
    for (int d = 0; d < spec->shape.ndim - 2; d++) w.stack = gp_times(w.stack, (uint64_t)spec->shape.dim[d]);
    w.matrix = gp_times(m, n);
    w.matrix_bytes = gp_times(w.matrix, wide);
    w.results = gp_lapack_elements(spec->op, m, n, spec->size);
    w.result_bytes = gp_times(w.results, wide);
    w.stride = gp_aligned_bytes(w.matrix_bytes);
    w.at_end = w.stack == 1 || w.matrix == 0;
    w.scratch_bytes = gp_aligned_bytes(gp_lapack_scratch_bytes(spec->op, spec->operand[0], m, n, spec->size));
    w.part_bytes = gp_plus(w.scratch_bytes, w.at_end ? 0 : gp_aligned_bytes(w.result_bytes));
    w.slots = gp_min_u64(gp_max_u64(HELD_BYTES / gp_max_u64(w.stride, 1), 1), gp_max_u64(w.stack, 1));
    w.per_part = gp_plus(gp_plus(gp_times(w.slots, w.stride), w.part_bytes), sizeof(part));
    w.total = gp_plus(sizeof(dense), w.per_part);
    if (w.at_end) w.total = gp_plus(w.total, gp_times(w.stack, w.result_bytes));
    return w;
}

static uint64_t bytes(const gp_fold_spec *spec) { return need_of(spec).total; }

static void close_dense(gp_fold *fold)
{
    dense *d = (dense *)fold;
    free(d->part);
    free(d->scratch);
    free(d->held);
    free(d->result);
    free(d);
}

static gpuproc_status open_dense(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                                 gpuproc_error *err)
{
    need w = need_of(spec);
    gpuproc_status st = GPUPROC_OK;
    dense *d = gp_calloc(1, sizeof *d);
    const char *name = gp_op_info_of(spec->op)->spelling;
    if (d == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "%s: out of memory", name);
    d->m = (uint64_t)spec->shape.dim[spec->shape.ndim - 2];
    d->n = (uint64_t)spec->shape.dim[spec->shape.ndim - 1];
    GP_TRY(gp_lapack_check(spec->linalg, spec->op, spec->operand[0], d->m, d->n, spec->size, err));
    uint64_t most = gp_max_u64(gp_ceil_div(w.stack, w.slots), 1);
    d->parts = 1 + (unsigned)gp_min_u64(gp_min_u64(workers, most) - 1, (budget - w.total) / w.per_part);
    d->stack = w.stack;
    d->matrix = w.matrix;
    d->matrix_bytes = w.matrix_bytes;
    d->results = w.results;
    d->result_bytes = w.result_bytes;
    d->stride = w.stride;
    d->part_bytes = w.part_bytes;
    d->slots = w.slots * d->parts;
    d->at_end = w.at_end;
    d->part = gp_calloc(d->parts, sizeof *d->part);
    d->scratch = gp_aligned_alloc(d->parts, d->part_bytes);
    d->held = gp_aligned_alloc(d->slots, d->stride);
    if (d->at_end) d->result = gp_aligned_alloc(d->stack, d->result_bytes);
    if (d->part == NULL || d->scratch == NULL || d->held == NULL || (d->at_end && d->result == NULL)) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "%s: out of memory for a (%llu, %llu) matrix", name,
                     (unsigned long long)d->m, (unsigned long long)d->n);
        goto out;
    }
    for (unsigned p = 0; p < d->parts; p++) {
        d->part[p].scratch = d->scratch + p * d->part_bytes;
        d->part[p].result = d->at_end ? NULL : d->part[p].scratch + w.scratch_bytes;
    }
    d->out = d->result;

out:
    if (st != GPUPROC_OK)
        close_dense(&d->base);
    else
        *fold = &d->base;
    return st;
}

/* With the matrices that one piece can make whole. */
static uint64_t room(const gp_fold *fold, uint64_t count)
{
    const dense *d = (const dense *)fold;
    return d->at_end ? 0 : gp_ceil_div(count, d->matrix) * d->results;
}

static void decompose(void *arg, unsigned p, uint64_t from, uint64_t to)
{
    dense *d = arg;
    part *own = &d->part[p];
    const gp_fold_spec *spec = &d->base.spec;
    for (uint64_t i = from; i < to && own->failed == GPUPROC_OK; i++) {
        char *out = d->out + i * d->result_bytes;
        gp_lapack_job job = {.linalg = spec->linalg, .op = spec->op, .dtype = spec->operand[0], .m = d->m, .n = d->n,
                             .rows = d->m, .size = spec->size, .matrix = d->held + i * d->stride,
                             .result = own->result != NULL ? own->result : out, .scratch = own->scratch};
        own->failed = gp_lapack_run(&job, &own->err);
        if (own->result != NULL) memcpy(out, own->result, d->result_bytes);
        own->at = i;
        if (gp_lapack_warning(&job) != NULL) own->condition = job.condition;
    }
}

/* The first `matrices` that are held. */
static gpuproc_status run(dense *d, uint64_t matrices, gpuproc_error *err)
{
    uint64_t each = gp_max_u64(d->matrix, 1) * gp_max_u64(gp_min_u64(d->m, d->n), 1);
    gp_fold_share_costly(d->base.workers, d->parts, matrices, each, decompose, d);
    const part *failed = NULL;
    for (unsigned p = 0; p < d->parts; p++) {
        const part *own = &d->part[p];
        if (own->failed != GPUPROC_OK && (failed == NULL || own->at < failed->at)) failed = own;
    }
    if (failed != NULL && err != NULL) *err = failed->err;
    d->done += matrices;
    d->out += matrices * d->result_bytes;
    return failed != NULL ? failed->failed : GPUPROC_OK;
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    dense *d = (dense *)fold;
    size_t wide = gpuproc_dtype_bytes(fold->spec.operand[0]);
    const char *at = piece->operand[0];
    uint64_t left = piece->count, before = d->done;
    if (!d->at_end) d->out = piece->out;
    while (left > 0) {
        uint64_t begun = d->count % d->matrix, n = gp_min_u64(left, d->matrix - begun);
        memcpy(d->held + d->count / d->matrix * d->stride + begun * wide, at, n * wide);
        d->count += n;
        at += n * wide;
        left -= n;
        uint64_t whole = d->count / d->matrix;
        if (whole == 0 || (left > 0 && whole < d->slots)) continue;
        gpuproc_status st = run(d, whole, err);
        if (st != GPUPROC_OK) return st;
        /* What follows the last whole one: less than a matrix, so that it does not overlap. */
        d->count -= whole * d->matrix;
        memcpy(d->held, d->held + whole * d->stride, d->count * wide);
    }
    if (!d->at_end) piece->out_count = (d->done - before) * d->results;
    return GPUPROC_OK;
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    (void)again;
    dense *d = (dense *)fold;
    /* Matrices of no elements have results all the same, a determinant of 1. */
    while (d->matrix == 0 && d->done < d->stack) {
        gpuproc_status st = run(d, gp_min_u64(d->stack - d->done, d->slots), err);
        if (st != GPUPROC_OK) return st;
    }
    for (unsigned p = 0; p < d->parts; p++) {
        gp_lapack_job job = {.op = fold->spec.op, .dtype = fold->spec.operand[0], .condition = d->part[p].condition};
        if (fold->warning == NULL) fold->warning = gp_lapack_warning(&job);
    }
    return GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    const dense *d = (const dense *)fold;
    *data = d->result;
    *first = d->at_end ? 0 : d->stack * d->results;
    *count = d->at_end ? d->stack * d->results : 0;
}

const gp_fold_kind gp_fold_dense = {.bytes = bytes,
                                    .open = open_dense,
                                    .close = close_dense,
                                    .room = room,
                                    .take = take,
                                    .end = end,
                                    .rest = rest};
