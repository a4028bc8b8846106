/* QRR and LSTSQ by TSQR: blocks of rows are decomposed by Householder reflections together with the R of those before
 * them in their lane (row_blocks.h), and the lanes' R's are put together in order. No products of the matrix with
 * itself: the condition number is that of the matrix, not its square. */
#include "fold/fold_impl.h"

#include "base/memory.h"
#include "fold/row_blocks.h"
#include "linalg/lapack.h"

#include <string.h>

typedef struct tsqr {
    gp_fold base;
    gp_row_blocks blocks;
    uint64_t n, square; /* square: bytes of an R */
    char *r;            /* of each lane */
    bool *begun;        /* each lane: it has an R */
    char *scratch;      /* for each part */
    uint64_t scratch_bytes;
    void *result;       /* LSTSQ */
} tsqr;

/* Several times as high as wide, so that the R above a block adds little to its work. */
static gp_row_cut cut_of(const gp_fold_spec *spec)
{
    uint64_t rows = (uint64_t)spec->shape.dim[0], n = gp_max_u64((uint64_t)spec->shape.dim[1], 1);
    gp_row_cut cut = {.rows = rows, .columns = (uint64_t)spec->shape.dim[1],
                      .wide = gpuproc_dtype_bytes(spec->operand[0]), .tasks = 1};
    cut.height = gp_max_u64(n <= 512 ? 4 * n : 2 * n, gp_min_u64(gp_max_u64(65536 / n, 1024), 8192));
    cut.height = gp_max_u64(gp_min_u64(cut.height, rows), 1);
    cut.lanes = n <= 256 ? 16 : n <= 512 ? 8 : n <= 1024 ? 4 : 2;
    cut.lanes = gp_max_u64(gp_min_u64(cut.lanes, gp_row_cut_blocks(&cut)), 1);
    return cut;
}

static uint64_t step_bytes(const gp_fold_spec *spec, const gp_row_cut *cut)
{
    /* Two R's are put together in the end. */
    uint64_t height = cut->lanes > 1 ? gp_max_u64(cut->height, cut->columns) : cut->height;
    return gp_lapack_qr_step_bytes(spec->operand[0], height, cut->columns);
}

/* A part's scratch memory, and a block that is held for it. */
static uint64_t per_part(const gp_fold_spec *spec, const gp_row_cut *cut)
{
    uint64_t total;
    return gp_add_u64(step_bytes(spec, cut), gp_row_cut_bytes(cut), &total) ? total : UINT64_MAX;
}

static uint64_t solve_bytes(const gp_fold_spec *spec)
{
    uint64_t n = (uint64_t)spec->shape.dim[1];
    return spec->op == GP_OP_LSTSQ ? gp_lapack_scratch_bytes(GP_OP_LSTSQ, spec->operand[0], n, n, spec->size) : 0;
}

static uint64_t results_of(const gp_fold_spec *spec)
{
    uint64_t n = (uint64_t)spec->shape.dim[1];
    return gp_lapack_elements(spec->op, n, n, spec->size);
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    gp_row_cut cut = cut_of(spec);
    uint64_t total = sizeof(tsqr) + cut.lanes * sizeof(bool), square, result = 0;
    bool ok = gp_mul_u64(cut.columns, cut.columns, &square) && gp_mul_u64(square, cut.wide * cut.lanes, &square) &&
              gp_add_u64(total, square, &total) && gp_add_u64(total, per_part(spec, &cut), &total);
    if (spec->op == GP_OP_LSTSQ)
        ok = ok && gp_add_u64(total, solve_bytes(spec), &total) &&
             gp_mul_u64(results_of(spec), cut.wide, &result) && gp_add_u64(total, result, &total);
    return ok ? total : UINT64_MAX;
}

static void close_tsqr(gp_fold *fold)
{
    tsqr *t = (tsqr *)fold;
    gp_row_blocks_close(&t->blocks);
    free(t->r);
    free(t->begun);
    free(t->scratch);
    free(t->result);
    free(t);
}

static void add_block(void *arg, unsigned part, uint64_t lane, uint64_t task, const void *block, uint64_t rows)
{
    (void)task;
    tsqr *t = arg;
    const gp_fold_spec *spec = &t->base.spec;
    gp_lapack_qr_step(spec->linalg, spec->operand[0], rows, t->n, !t->begun[lane], t->r + lane * t->square, block,
                      t->scratch + part * t->scratch_bytes);
    t->begun[lane] = true;
}

static gpuproc_status open_tsqr(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                                gpuproc_error *err)
{
    gp_row_cut cut = cut_of(spec);
    gpuproc_status st = GPUPROC_OK;
    tsqr *t = NULL;
    if (spec->op == GP_OP_LSTSQ)
        GP_TRY(gp_lapack_check(spec->linalg, GP_OP_LSTSQ, spec->operand[0], cut.columns, cut.columns, spec->size, err));
    GP_TRY(gp_lapack_check(spec->linalg, GP_OP_QRR, spec->operand[0], gp_max_u64(cut.height, cut.columns), cut.columns,
                           0, err));
    t = gp_calloc(1, sizeof *t);
    if (t == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "%s: out of memory", gp_op_info_of(spec->op)->spelling);
    t->n = cut.columns;
    t->square = t->n * t->n * cut.wide;
    t->scratch_bytes = step_bytes(spec, &cut);
    unsigned parts = (unsigned)gp_min_u64(workers, cut.lanes);
    parts = 1 + (unsigned)gp_min_u64(parts - 1, (budget - bytes(spec)) / gp_max_u64(per_part(spec, &cut), 1));
    t->blocks = (gp_row_blocks){.cut = cut, .parts = parts, .slots = parts, .run = add_block, .arg = t};
    GP_TRY(gp_row_blocks_open(&t->blocks, err));
    t->r = gp_aligned_alloc(cut.lanes, t->square);
    if (t->r != NULL) memset(t->r, 0, cut.lanes * t->square); /* R of no rows */
    t->begun = gp_calloc(cut.lanes, sizeof *t->begun);
    t->scratch = gp_aligned_alloc(parts, t->scratch_bytes);
    if (t->r == NULL || t->begun == NULL || t->scratch == NULL)
        st = gp_fail(err, GPUPROC_NO_MEMORY, "%s: out of memory for %llu columns", gp_op_info_of(spec->op)->spelling,
                     (unsigned long long)t->n);

out:
    if (st != GPUPROC_OK && t != NULL)
        close_tsqr(&t->base);
    else if (st == GPUPROC_OK)
        *fold = &t->base;
    return st;
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    (void)err;
    tsqr *t = (tsqr *)fold;
    gp_row_blocks_take(&t->blocks, fold->workers, piece->operand[0], piece->count);
    return GPUPROC_OK;
}

static gpuproc_status solve(tsqr *t, gpuproc_error *err)
{
    gp_fold *fold = &t->base;
    gp_dtype dtype = fold->spec.operand[0];
    gpuproc_status st = GPUPROC_OK;
    void *scratch = gp_aligned_alloc(1, solve_bytes(&fold->spec));
    t->result = gp_aligned_alloc(results_of(&fold->spec), gpuproc_dtype_bytes(dtype));
    if (scratch == NULL || t->result == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "lstsq: out of memory for %llu columns", (unsigned long long)t->n);
        goto out;
    }
    gp_lapack_job job = {.linalg = fold->spec.linalg, .op = GP_OP_LSTSQ, .dtype = dtype, .m = t->n, .n = t->n,
                         .rows = t->blocks.cut.rows, .size = fold->spec.size, .rcond = fold->spec.ddof,
                         .matrix = t->r, .result = t->result, .scratch = scratch};
    GP_TRY(gp_lapack_run(&job, err));
    if (job.rank < gp_min_u64(job.rows, t->n - (uint64_t)job.size))
        fold->warning = "the matrix does not have full rank: of all least squares solutions, this is the one of least norm";
    else
        fold->warning = gp_lapack_warning(&job);

out:
    free(scratch);
    return st;
}

static gpuproc_status end(gp_fold *fold, bool *again, gpuproc_error *err)
{
    (void)again;
    tsqr *t = (tsqr *)fold;
    gp_row_blocks_end(&t->blocks, fold->workers);
    for (uint64_t lane = 1; lane < t->blocks.cut.lanes; lane++)
        add_block(t, 0, 0, 0, t->r + lane * t->square, t->n);
    return fold->spec.op == GP_OP_LSTSQ ? solve(t, err) : GPUPROC_OK;
}

static void rest(gp_fold *fold, const void **data, uint64_t *first, uint64_t *count)
{
    const tsqr *t = (const tsqr *)fold;
    *data = t->result != NULL ? t->result : t->r;
    *first = 0;
    *count = results_of(&fold->spec);
}

const gp_fold_kind gp_fold_tsqr = {
    .bytes = bytes, .open = open_tsqr, .close = close_tsqr, .take = take, .end = end, .rest = rest};
