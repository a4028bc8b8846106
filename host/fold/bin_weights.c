#include "fold/bin_weights.h"

#include "base/memory.h"
#include "emit/reduce.h"

#include <math.h>
#include <string.h>

#define EXACT_BINS 4096

/* The value is high + low. */
typedef struct pair {
    double high, low;
} pair;

struct gp_bin_weights {
    uint64_t bins;
    unsigned parts;
    gp_exact *exact; /* parts * bins of them; or NULL */
    pair *pair;
};

static bool is_exact(int64_t size) { return size > 0 && size <= EXACT_BINS; }

uint64_t gp_bin_weights_bytes(int64_t size) { return is_exact(size) ? sizeof(gp_exact) : sizeof(pair); }

gp_bin_weights *gp_bin_weights_new(int64_t size, uint64_t bins, unsigned parts)
{
    gp_bin_weights *w = gp_calloc(1, sizeof *w);
    if (w == NULL) return NULL;
    w->bins = bins;
    w->parts = is_exact(size) ? parts : 1;
    if (is_exact(size))
        w->exact = gp_calloc(bins * w->parts, sizeof *w->exact); /* zero: nothing added */
    else
        w->pair = gp_calloc(bins, sizeof *w->pair);
    if (w->exact == NULL && w->pair == NULL) {
        free(w);
        return NULL;
    }
    return w;
}

void gp_bin_weights_free(gp_bin_weights *weights)
{
    if (weights == NULL) return;
    free(weights->exact);
    free(weights->pair);
    free(weights);
}

bool gp_bin_weights_exact(const gp_bin_weights *weights) { return weights->exact != NULL; }

bool gp_bin_weights_grow(gp_bin_weights *w, uint64_t bins)
{
    pair *larger = gp_calloc(bins, sizeof *larger);
    if (larger == NULL) return false;
    memcpy(larger, w->pair, w->bins * sizeof *larger);
    free(w->pair);
    w->pair = larger;
    w->bins = bins;
    return true;
}

static void add_to_pair(pair *p, double x)
{
    double sum = p->high + x;
    if (!isfinite(sum)) {
        *p = (pair){sum, 0};
        return;
    }
    double of_x = sum - p->high;
    double lost = (p->high - (sum - of_x)) + (x - of_x) + p->low;
    p->high = sum + lost;
    p->low = lost - (p->high - sum);
}

void gp_bin_weights_add(gp_bin_weights *w, unsigned part, const int64_t *index, const double *weight, uint64_t n,
                        uint64_t bins)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t bin = (uint64_t)index[i]; /* those below 0 become too large */
        if (bin >= bins) continue;
        if (w->exact != NULL)
            gp_exact_add(&w->exact[part * w->bins + bin], weight[i]);
        else
            add_to_pair(&w->pair[bin], weight[i]);
    }
}

void gp_bin_weights_round(gp_bin_weights *w, uint64_t bins, double *out)
{
    for (uint64_t i = 0; i < bins; i++) {
        if (w->exact == NULL) {
            out[i] = w->pair[i].high + w->pair[i].low;
            continue;
        }
        for (unsigned p = 1; p < w->parts; p++) gp_exact_merge(&w->exact[i], &w->exact[p * w->bins + i]);
        /* NumPy adds to +0.0. */
        out[i] = gp_exact_round(&w->exact[i]) + 0.0;
    }
}
