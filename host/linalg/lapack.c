#include "linalg/lapack_impl.h"

#include "base/memory.h"
#include "lang/ir.h"
#include "linalg/openblas.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ALIGNED 64u
#define BLOCK 64u /* columns at a time: LAPACK's own choice is 32 or 64 */

gp_lapack_type gp_lapack_type_of(gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: return (gp_lapack_type){'s', false, true, 4, 4, FLT_EPSILON};
    case GPUPROC_FLOAT64: return (gp_lapack_type){'d', false, false, 8, 8, DBL_EPSILON};
    case GPUPROC_COMPLEX64: return (gp_lapack_type){'c', true, true, 8, 4, FLT_EPSILON};
    default: return (gp_lapack_type){'z', true, false, 16, 8, DBL_EPSILON};
    }
}

void *gp_lapack_routine(const gp_linalg *linalg, gp_dtype dtype, const char *name)
{
    char full[16];
    snprintf(full, sizeof full, "%c%s_", gp_lapack_type_of(dtype).prefix, name);
    return gp_linalg_symbol(linalg, full);
}

bool gp_lapack_finite(gp_dtype dtype, const void *data, uint64_t count)
{
    gp_lapack_type t = gp_lapack_type_of(dtype);
    uint64_t reals = t.complex ? 2 * count : count;
    bool finite = true;
    if (t.single)
        for (uint64_t i = 0; i < reals; i++) finite &= fabsf(((const float *)data)[i]) <= FLT_MAX;
    else
        for (uint64_t i = 0; i < reals; i++) finite &= fabs(((const double *)data)[i]) <= DBL_MAX;
    return finite;
}

double gp_lapack_real(gp_dtype dtype, const void *data, uint64_t i)
{
    return gp_lapack_type_of(dtype).single ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

void gp_lapack_set_real(gp_dtype dtype, void *data, uint64_t i, double value)
{
    if (gp_lapack_type_of(dtype).single)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}

void gp_lapack_set(gp_dtype dtype, void *data, uint64_t i, double value)
{
    if (!gp_lapack_type_of(dtype).complex) {
        gp_lapack_set_real(dtype, data, i, value);
    } else {
        gp_lapack_set_real(dtype, data, 2 * i, value);
        gp_lapack_set_real(dtype, data, 2 * i + 1, 0);
    }
}

/* ---- Sizes ------------------------------------------------------------------ */

uint64_t gp_lapack_elements(gp_op op, uint64_t m, uint64_t n, int64_t size)
{
    uint64_t least = gp_min_u64(m, n), columns = (uint64_t)size;
    switch (op) {
    case GP_OP_LSTSQ: return gp_plus(gp_plus(gp_times(n - columns, columns), columns), gp_plus(1, n - columns));
    case GP_OP_SOLVE: return gp_times(m, n - m);
    case GP_OP_DET: return 1;
    case GP_OP_SLOGDET: return 2;
    case GP_OP_EIGH: return gp_plus(n, gp_times(n, n));
    case GP_OP_SVD: return gp_plus(gp_plus(gp_times(m, least), least), gp_times(least, n));
    case GP_OP_QR: return gp_plus(gp_times(m, least), gp_times(least, n));
    default: return gp_times(n, n);
    }
}

typedef struct carve {
    char *base;
    uint64_t used;
} carve;

static void *take(carve *c, uint64_t count, size_t size)
{
    uint64_t at = c->used, bytes = gp_times(count, size);
    c->used = bytes > UINT64_MAX - ALIGNED ? UINT64_MAX : gp_plus(at, bytes + (ALIGNED - bytes % ALIGNED) % ALIGNED);
    return c->base != NULL ? c->base + at : NULL;
}

/* The workspace of ?gesdd of (m, n), thin. */
static void lay_svd(carve *c, gp_lapack_type t, uint64_t m, uint64_t n, gp_lapack_scratch *s)
{
    uint64_t k = gp_min_u64(m, n), most = gp_max_u64(m, n), square = gp_times(k, k);
    uint64_t blocks = gp_times(BLOCK + 1, gp_plus(m, n));
    s->values = take(c, k, t.real);
    s->liwork = gp_times(8, k);
    s->iwork = take(c, s->liwork, sizeof(gp_int));
    s->lwork = t.complex ? gp_plus(gp_plus(gp_times(2, square), gp_times(4, k)), blocks)
                         : gp_plus(gp_plus(gp_times(4, square), gp_times(8, k)), blocks);
    s->work = take(c, s->lwork, t.wide);
    if (t.complex) {
        uint64_t tall = gp_plus(gp_times(5, square), gp_times(5, k));
        uint64_t wide = gp_plus(gp_plus(gp_times(2, gp_times(most, k)), gp_times(2, square)), k);
        s->lrwork = most > 4 * k ? tall : gp_max_u64(tall, wide);
        s->rwork = take(c, s->lrwork, t.real);
    }
}

uint64_t gp_lapack_lay(gp_op op, gp_dtype dtype, uint64_t m, uint64_t n, int64_t size, void *base,
                       gp_lapack_scratch *s)
{
    gp_lapack_type t = gp_lapack_type_of(dtype);
    carve c = {base, 0};
    memset(s, 0, sizeof *s);
    switch (op) {
    case GP_OP_DET:
    case GP_OP_SLOGDET: s->pivot = take(&c, m, sizeof(gp_int)); break;
    case GP_OP_SOLVE:
    case GP_OP_INV:
        s->pivot = take(&c, m, sizeof(gp_int));
        s->lwork = gp_times(m, op == GP_OP_INV ? BLOCK : 4);
        s->work = take(&c, s->lwork, t.wide);
        if (t.complex)
            s->rwork = take(&c, gp_times(2, m), t.real);
        else
            s->iwork = take(&c, m, sizeof(gp_int));
        break;
    case GP_OP_EIGH:
        s->values = take(&c, n, t.real);
        s->liwork = gp_plus(3, gp_times(5, n));
        s->iwork = take(&c, s->liwork, sizeof(gp_int));
        s->lwork = gp_plus(gp_plus(1, gp_times(BLOCK + 6, n)), gp_times(t.complex ? 1 : 2, gp_times(n, n)));
        s->work = take(&c, s->lwork, t.wide);
        if (t.complex) {
            s->lrwork = gp_plus(gp_plus(1, gp_times(5, n)), gp_times(2, gp_times(n, n)));
            s->rwork = take(&c, s->lrwork, t.real);
        }
        break;
    case GP_OP_SVD: lay_svd(&c, t, m, n, s); break;
    case GP_OP_LSTSQ: {
        uint64_t k = n - (uint64_t)size;
        lay_svd(&c, t, k, k, s);
        s->a = take(&c, gp_times(k, k), t.wide);
        s->u = take(&c, gp_times(k, k), t.wide);
        s->vh = take(&c, gp_times(k, k), t.wide);
        s->ub = take(&c, gp_times(k, (uint64_t)size), t.wide);
        break;
    }
    case GP_OP_QR:
        s->values = take(&c, gp_min_u64(m, n), t.wide);
        s->lwork = gp_times(BLOCK, gp_max_u64(m, n));
        s->work = take(&c, s->lwork, t.wide);
        break;
    case GP_OP_QRR: /* a step: m rows upon those of R */
        s->a = take(&c, gp_times(gp_plus(m, n), n), t.wide);
        s->values = take(&c, n, t.wide);
        s->lwork = gp_times(BLOCK, n);
        s->work = take(&c, s->lwork, t.wide);
        break;
    default: break;
    }
    return c.used;
}

uint64_t gp_lapack_scratch_bytes(gp_op op, gp_dtype dtype, uint64_t m, uint64_t n, int64_t size)
{
    gp_lapack_scratch scratch;
    return gp_lapack_lay(op, dtype, m, n, size, NULL, &scratch);
}

/* ---- Running ---------------------------------------------------------------- */

/* What an operation calls, at most: names of real dtypes, then of complex ones where they differ. */
typedef struct part {
    gp_op op;
    gp_lapack_part *run;
    const char *routine[4], *real, *complex;
} part;

static const part parts[] = {
    {GP_OP_QRR, NULL, {"geqrf"}, NULL, NULL},
    {GP_OP_LSTSQ, gp_lapack_lstsq, {"geqrf", "gesdd"}, NULL, NULL},
    {GP_OP_SOLVE, gp_lapack_solve, {"getrf", "gecon", "trsm"}, NULL, NULL},
    {GP_OP_INV, gp_lapack_inv, {"getrf", "gecon", "getri"}, NULL, NULL},
    {GP_OP_CHOLESKY, gp_lapack_cholesky, {"potrf"}, NULL, NULL},
    {GP_OP_DET, gp_lapack_det, {"getrf"}, NULL, NULL},
    {GP_OP_SLOGDET, gp_lapack_det, {"getrf"}, NULL, NULL},
    {GP_OP_EIGH, gp_lapack_eigh, {0}, "syevd", "heevd"},
    {GP_OP_SVD, gp_lapack_svd, {"gesdd"}, NULL, NULL},
    {GP_OP_QR, gp_lapack_qr, {"gelqf"}, "orglq", "unglq"},
};

static const part *part_of(gp_op op)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].op == op) return &parts[i];
    return NULL;
}

gpuproc_status gp_lapack_check(const gp_linalg *linalg, gp_op op, gp_dtype dtype, uint64_t m, uint64_t n,
                               int64_t size, gpuproc_error *err)
{
    const part *p = part_of(op);
    const char *name = gp_op_info_of(op)->spelling;
    gp_lapack_type t = gp_lapack_type_of(dtype);
    const char *own = t.complex ? p->complex : p->real;
    bool there = linalg != NULL && gp_linalg_has_lapack(linalg);
    for (size_t i = 0; there && i < 4 && p->routine[i] != NULL; i++)
        there = gp_lapack_routine(linalg, dtype, p->routine[i]) != NULL;
    if (there && own != NULL) there = gp_lapack_routine(linalg, dtype, own) != NULL;
    if (!there)
        return gp_fail(err, GPUPROC_UNSUPPORTED,
                       "%s() needs LAPACK, which is looked for in OpenBLAS (libopenblas.so.0): linear algebra is %s here", name,
                       linalg != NULL ? gp_linalg_name(linalg) : "not open");
    gp_lapack_scratch s;
    gp_lapack_lay(op, dtype, m, n, size, NULL, &s);
    if (gp_plus(m, n) > INT_MAX || s.lwork > INT_MAX || s.lrwork > INT_MAX || s.liwork > INT_MAX)
        return gp_fail(err, GPUPROC_UNSUPPORTED, "%s() of a (%llu, %llu) matrix is more than LAPACK's 32-bit sizes can hold",
                       name, (unsigned long long)m, (unsigned long long)n);
    return GPUPROC_OK;
}

gpuproc_status gp_lapack_run(gp_lapack_job *job, gpuproc_error *err)
{
    gp_lapack_scratch scratch;
    gp_lapack_lay(job->op, job->dtype, job->m, job->n, job->size, job->scratch, &scratch);
    job->condition = 0;
    job->rank = 0;
    return part_of(job->op)->run(job, &scratch, err);
}

const char *gp_lapack_warning(const gp_lapack_job *job)
{
    return job->condition * gp_lapack_type_of(job->dtype).eps > 1
               ? "the matrix is nearly singular: its condition number is above 1/eps, so no digit of the result is certain"
               : NULL;
}
