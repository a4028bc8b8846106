#include "fold/axes.h"

gp_axes gp_axes_of(const gp_shape *shape, uint32_t axes)
{
    uint64_t length[GPUPROC_MAX_NDIM + 2];
    bool reduced[GPUPROC_MAX_NDIM + 2];
    int n = 0;
    bool any = false;
    gp_axes a = {.groups = 1, .runs = 1, .rows = 1, .inner = 1, .cells = 1, .reduced = 1};
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->dim[d] == 1) continue;
        bool is = (axes >> d & 1) != 0;
        uint64_t dim = (uint64_t)shape->dim[d];
        any = any || is;
        if (n > 0 && reduced[n - 1] == is) {
            length[n - 1] *= dim;
        } else {
            reduced[n] = is;
            length[n++] = dim;
        }
    }
    /* Nothing but axes of length 1 is reduced: as if the innermost were. */
    if (!any) reduced[n] = true, length[n++] = 1;

    int first = 0;
    if (!reduced[0]) a.groups = length[first++];
    if (!reduced[n - 1]) a.inner = length[--n];
    a.rows = length[--n];
    for (int d = first; d < n; d += 2, a.pairs++) {
        a.pair[a.pairs][0] = length[d];
        a.pair[a.pairs][1] = length[d + 1];
        a.runs *= length[d] * length[d + 1];
        a.cells *= length[d + 1];
        a.reduced *= length[d];
    }
    a.cells *= a.inner;
    a.reduced *= a.rows;
    a.run = a.rows * a.inner;
    a.group = a.runs * a.run;
    return a;
}

void gp_axes_run(const gp_axes *axes, uint64_t run, uint64_t *row, uint64_t *visit)
{
    uint64_t rows = 1, visits = 1;
    *row = *visit = 0;
    for (int p = axes->pairs; p-- > 0;) {
        *row += run % axes->pair[p][1] * rows;
        run /= axes->pair[p][1];
        *visit += run % axes->pair[p][0] * visits;
        run /= axes->pair[p][0];
        rows *= axes->pair[p][1];
        visits *= axes->pair[p][0];
    }
}
