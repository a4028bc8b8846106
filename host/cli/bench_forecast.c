/* What gpuproc explain says of each row, beside what it took; and whether the fastest device is the one that it would
 * have taken. Only where the machine and its devices were calibrated. */
#include "bench_lab.h"

#include "interrupt.h"

#include <math.h>
#include <string.h>

#define FAR 0.3 /* the part of a median by which a prediction may be wrong */

void bench_predict_rows(bench *b, bench_lab *lab)
{
    for (size_t i = 0; i < b->row_count && interrupt_exit_code() == 0; i++) {
        bench_row *r = &b->rows[i];
        /* How fast a function makes its elements, nobody knows before. */
        if (r->summary.count > 0 && r->c->data != BENCH_GENERATED) r->predicted = bench_predict_once(lab, r);
    }
}

static bool is_known(const bench_row *r) { return r->predicted > 0 && r->summary.count > 0; }

/* Every thread, nothing forced: what --device chooses between. */
static bool is_candidate(const bench *b, const bench_row *r)
{
    return is_known(r) && !r->config->sync && r->config->threads == b->configs[0].threads;
}

/* Among the candidates of one case and size, which begin at `first`: whether the one that was predicted to be the
 * fastest is; or as good as that, within the spreads. False: there is no choice. */
static bool judge_choice(const bench *b, size_t first, size_t end, bool *right)
{
    const bench_row *chosen = NULL, *fastest = NULL;
    size_t count = 0;
    for (size_t i = first; i < end; i++) {
        const bench_row *r = &b->rows[i];
        if (!is_candidate(b, r)) continue;
        count++;
        if (chosen == NULL || r->predicted < chosen->predicted) chosen = r;
        if (fastest == NULL || r->summary.median < fastest->summary.median) fastest = r;
    }
    if (count < 2) return false;
    double spread = chosen->summary.spread * chosen->summary.median + fastest->summary.spread * fastest->summary.median;
    *right = chosen->summary.median - fastest->summary.median <= spread;
    return true;
}

bench_forecast bench_judge_forecast(const bench *b)
{
    bench_forecast f = {0};
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (!is_known(r)) continue;
        f.rows++;
        f.within += fabs(r->predicted / r->summary.median - 1) <= FAR;
    }
    for (size_t i = 0, end; i < b->row_count; i = end) {
        bool right = false;
        end = i;
        while (end < b->row_count && b->rows[end].c == b->rows[i].c && b->rows[end].elements == b->rows[i].elements) end++;
        if (!judge_choice(b, i, end, &right)) continue;
        f.choices++;
        f.right += right;
    }
    return f;
}

void bench_forecast_text(const bench_forecast *f, char *out, size_t room)
{
    int n = snprintf(out, room, "%zu of %zu predictions within 30 %% of the median", f->within, f->rows);
    if (f->choices > 0 && n > 0 && (size_t)n < room)
        snprintf(out + n, room - (size_t)n, "; the fastest device predicted in %zu of %zu cases and sizes", f->right,
                 f->choices);
}
