#include "matrix/product_impl.h"

#include "base/memory.h"

static uint64_t absolute(int64_t step) { return step < 0 ? 0 - (uint64_t)step : (uint64_t)step; }

/* Elements of a column are nearer to each other than those of a row. */
static bool lies_swapped(const gp_walk *walk)
{
    int rows = walk->shape.ndim - 2, columns = rows + 1;
    if (walk->shape.dim[rows] < 2 || walk->shape.dim[columns] < 2 || walk->stride[rows] == 0) return false;
    return absolute(walk->stride[rows]) < absolute(walk->stride[columns]);
}

/* The same matrix all over the stack. */
static bool is_shared(const gp_walk *walk)
{
    for (int d = 0; d < walk->shape.ndim - 2; d++) {
        if (walk->shape.dim[d] == 1) continue;
        if (walk->stride[d] != 0) return false;
        if (walk->bounded && (walk->lo[d] > 0 || walk->hi[d] < walk->shape.dim[d])) return false;
    }
    return true;
}

void gp_product_form_of(const gp_product_spec *spec, gp_product_form *form)
{
    for (int o = 0; o < GP_OPERANDS; o++) form->swapped[o] = lies_swapped(&spec->walk[o]);
    form->joined = spec->stack <= 1 || is_shared(&spec->walk[GP_RIGHT]);
    if (form->joined && spec->stack > 1) form->swapped[GP_LEFT] = false;
}

bool gp_product_room(const gp_product_spec *spec, const gp_product_form *form, const gp_product_tiling *t,
                     uint64_t room[GP_OPERANDS])
{
    uint64_t rows = form->joined ? t->rows : gp_min_u64(t->rows, spec->m);
    return gp_mul_u64(rows, t->depth, &room[GP_LEFT]) && gp_mul_u64(room[GP_LEFT], t->items, &room[GP_LEFT]) &&
           gp_mul_u64(t->strip, t->depth, &room[GP_RIGHT]) && gp_mul_u64(room[GP_RIGHT], t->items, &room[GP_RIGHT]);
}

bool gp_product_rows_of_read(const gp_product_spec *spec, uint64_t strip, const gp_read *read, gp_product_job *job)
{
    uint64_t n = spec->n, rows = spec->stack * spec->m, offset = 0;
    job->width = n;
    if (read->walk != NULL) {
        gp_walk w;
        gp_walk_normalise(read->walk, &w);
        if (w.bounded || w.offset < 0 || w.shape.ndim > 2) return false;
        int last = w.shape.ndim - 1;
        uint64_t length = last >= 0 ? (uint64_t)w.shape.dim[last] : 1;
        int64_t step = last >= 0 ? w.stride[last] : 1;
        offset = (uint64_t)w.offset;
        rows = 1;
        if (n == 0 || length == 0) {
            rows = 0;
        } else if (last == 1) {
            rows = (uint64_t)w.shape.dim[0];
            if (step != 1 || (uint64_t)w.stride[0] != n) return false;
            job->width = length;
        } else if (step == 1 && offset % n == 0 && length % n == 0) {
            rows = length / n;
        } else if (step == 1) {
            job->width = length;
        } else if ((uint64_t)step == n) {
            job->width = 1;
            rows = length;
        } else {
            return false;
        }
    }
    if (n == 0 || rows == 0) return read->count == 0;
    job->column = offset % n;
    job->row = offset / n + read->first / job->width;
    job->rows = read->count / job->width;
    return job->column + job->width <= n && job->width <= strip && read->first % job->width == 0 && read->count % job->width == 0 &&
           offset / n + rows <= spec->stack * spec->m && read->first / job->width <= rows &&
           job->rows <= rows - read->first / job->width;
}

gp_product_step gp_product_next(const gp_product_spec *spec, const gp_product_form *form,
                                const gp_product_tiling *t, gp_product_cursor *c)
{
    gp_product_job *job = c->job;
    uint64_t left = job->row + job->rows - c->row;
    gp_product_step s = {.job = job, .row = c->row, .items = 1, .i = c->row, .k = c->k};
    s.rows = gp_min_u64(left, t->rows);
    s.depth = gp_min_u64(t->depth, spec->k - c->k);
    if (!form->joined) {
        s.item = c->row / spec->m;
        s.i = c->row % spec->m;
        if (t->items > 1 && t->rows >= spec->m && t->depth >= spec->k && s.i == 0 && left >= spec->m) {
            s.items = gp_min_u64(t->items, left / spec->m);
            s.rows = s.items * spec->m;
        } else {
            s.rows = gp_min_u64(s.rows, spec->m - s.i);
        }
    }
    c->k += s.depth;
    if (c->k < spec->k) return s;
    c->k = 0;
    c->row += s.rows;
    if (c->row == job->row + job->rows) c->job = NULL;
    return s;
}
