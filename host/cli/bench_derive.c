/* What follows from the rows: what a device, overlapping and more threads gain, and from which size. */
#include "bench.h"

#include "values.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_THREADS 32

static bool timed(const bench_row *r)
{
    return r->summary.count > 0 && r->note[0] == '\0';
}

/* The row of the same case that is run in this way; NULL: there is none with times. */
static const bench_row *find(const bench *b, const bench_case *c, uint64_t elements, size_t device, unsigned threads,
                             bool sync)
{
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c == c && r->elements == elements && r->config->index == device && r->config->threads == threads &&
            r->config->sync == sync && timed(r))
            return r;
    }
    return NULL;
}

static bench_finding *add(bench *b)
{
    bench_finding *more = realloc(b->findings, (b->finding_count + 1) * sizeof *more);
    if (more == NULL) return NULL;
    b->findings = more;
    more[b->finding_count] = (bench_finding){0};
    return &more[b->finding_count++];
}

static bool add_ratio(bench *b, int kind, const bench_row *row, const bench_row *against)
{
    if (row == NULL || against == NULL || row == against) return true;
    bench_finding *f = add(b);
    if (f == NULL) return false;
    *f = (bench_finding){
        .kind = kind, .row = row, .against = against, .ratio = against->summary.median / row->summary.median};
    f->beyond_noise = bench_compare_times(against->summary.median, against->summary.spread, row->summary.median,
                                          row->summary.spread) != BENCH_SAME;
    return true;
}

/* The CPU with all threads against one, with the part that does not parallelise from all numbers between. */
static bool add_scaling(bench *b, const bench_row *row)
{
    double threads[MOST_THREADS], seconds[MOST_THREADS];
    size_t count = 0;
    const bench_row *one = find(b, row->c, row->elements, 0, 1, false);
    if (one == NULL || one == row || row->config->index != 0 || row->config->sync) return true;
    for (size_t i = 0; i < b->row_count && count < MOST_THREADS; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c != row->c || r->elements != row->elements || r->config->index != 0 || r->config->sync || !timed(r))
            continue;
        threads[count] = r->config->threads;
        seconds[count++] = r->summary.median;
    }
    if (!add_ratio(b, BENCH_SCALING, row, one)) return false;
    bench_finding *f = &b->findings[b->finding_count - 1];
    if (!bench_fit_amdahl(threads, seconds, count, &f->amdahl)) b->finding_count--;
    return true;
}

/* From its two largest sizes. */
static bool add_break_even(bench *b, const bench_row *row)
{
    const bench_row *smaller = NULL;
    for (size_t i = 0; i < b->row_count; i++) {
        const bench_row *r = &b->rows[i];
        if (r->c == row->c && r->config == row->config && r->elements < row->elements && timed(r) &&
            (smaller == NULL || r->elements > smaller->elements))
            smaller = r;
        if (r->c == row->c && r->config == row->config && r->elements > row->elements && timed(r)) return true;
    }
    unsigned all = b->configs[0].threads;
    /* A device against the CPU; the CPU with all threads against one. */
    unsigned other = row->config->opencl ? all : 1;
    if (smaller == NULL || row->config->sync || (!row->config->opencl && row->config->threads != all) ||
        (!row->config->opencl && all == 1))
        return true;
    const bench_row *a = find(b, row->c, smaller->elements, 0, other, false),
                    *z = find(b, row->c, row->elements, 0, other, false);
    if (a == NULL || z == NULL) return true;
    bench_finding *f = add(b);
    if (f == NULL) return false;
    /* Time goes with the elements; of matrices' products with their rows as well. */
    double power = row->c->flops > 0 && row->c->data == BENCH_SQUARE ? 1.5 : 1;
    double size[2] = {pow((double)smaller->elements, power), pow((double)row->elements, power)};
    double first[2] = {a->summary.median, z->summary.median},
           second[2] = {smaller->summary.median, row->summary.median};
    *f = (bench_finding){.kind = BENCH_BREAK_EVEN,
                         .row = row,
                         .against = z,
                         .ratio = z->summary.median / row->summary.median,
                         .beyond_noise = bench_compare_times(z->summary.median, z->summary.spread, row->summary.median,
                                                             row->summary.spread) != BENCH_SAME};
    f->where = bench_break_even(size, first, second, &f->elements);
    f->elements = f->where == BENCH_FROM || f->where == BENCH_UP_TO ? pow(f->elements, 1 / power) : 0;
    return true;
}

bool bench_derive(bench *b)
{
    bool fine = true;
    unsigned all = b->config_count > 0 ? b->configs[0].threads : 0;
    for (size_t i = 0; i < b->row_count && fine; i++) {
        const bench_row *r = &b->rows[i];
        const bench_config *c = r->config;
        if (!timed(r)) continue;
        if (c->opencl && !c->sync) fine = add_ratio(b, BENCH_SPEEDUP, r, find(b, r->c, r->elements, 0, all, false));
        if (!c->sync && fine)
            fine = add_ratio(b, BENCH_OVERLAP, r, find(b, r->c, r->elements, c->index, c->threads, true));
        if (fine && c->threads == all) fine = add_scaling(b, r);
        if (fine) fine = add_break_even(b, r);
    }
    return fine;
}

static const char *count_text(double n, char buf[VALUE_TEXT])
{
    static const char *const units[] = {"", " Ki", " Mi", " Gi", " Ti"};
    int u = 0;
    for (; u < 4 && n >= 1024; u++) n /= 1024;
    snprintf(buf, VALUE_TEXT, n < 10 && u > 0 ? "%.2g%s" : "%.0f%s", n, units[u]);
    return buf;
}

void bench_finding_text(const bench_finding *f, char *out, size_t room)
{
    char n[VALUE_TEXT];
    const char *noise = f->beyond_noise ? "" : " (within noise)";
    switch (f->kind) {
    case BENCH_SPEEDUP:
    case BENCH_OVERLAP: snprintf(out, room, "%.2f times as fast%s", f->ratio, noise); break;
    case BENCH_SCALING:
        if (isfinite(f->amdahl.most))
            snprintf(out, room, "%.2f times as fast%s; %.0f %% does not parallelise: at most %.1f", f->ratio, noise,
                     100 * f->amdahl.serial, f->amdahl.most);
        else
            snprintf(out, room, "%.2f times as fast%s; no part that does not parallelise", f->ratio, noise);
        break;
    case BENCH_BREAK_EVEN:
        switch (f->where) {
        case BENCH_NEVER: snprintf(out, room, "never%s", noise); break;
        case BENCH_ALWAYS: snprintf(out, room, "at every size%s", noise); break;
        case BENCH_FROM: snprintf(out, room, "from %s elements on%s", count_text(f->elements, n), noise); break;
        case BENCH_UP_TO: snprintf(out, room, "up to %s elements%s", count_text(f->elements, n), noise); break;
        }
        break;
    }
}
