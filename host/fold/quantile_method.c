#include "fold/quantile_method.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* An index of NumPy's discrete methods: `index` itself where `exactly` says so, else the next one. */
static gp_quantile_place discrete(double index, uint64_t n, bool odd)
{
    double prev = floor(index);
    bool exactly = index - prev == 0 && (!odd || fmod(prev, 2) != 0);
    double at = exactly ? prev : prev + 1;
    uint64_t rank = at > 0 ? gp_min_u64((uint64_t)at, n - 1) : 0;
    return (gp_quantile_place){.prev = rank, .next = rank, .taken = true};
}

static gp_quantile_place taken(double index, uint64_t n)
{
    uint64_t rank = index > 0 ? gp_min_u64((uint64_t)index, n - 1) : 0;
    return (gp_quantile_place){.prev = rank, .next = rank, .taken = true};
}

static double virtual_index(double n, double q, double alpha, double beta)
{
    return n * q + (alpha + q * (1 - alpha - beta)) - 1;
}

static double index_of(gp_quantile_method method, double n, double q)
{
    switch (method) {
    case GP_QUANTILE_MIDPOINT: return 0.5 * (floor((n - 1) * q) + ceil((n - 1) * q));
    case GP_QUANTILE_AVERAGED_INVERTED_CDF: return n * q - 1;
    case GP_QUANTILE_INTERPOLATED_INVERTED_CDF: return virtual_index(n, q, 0, 1);
    case GP_QUANTILE_HAZEN: return virtual_index(n, q, 0.5, 0.5);
    case GP_QUANTILE_WEIBULL: return virtual_index(n, q, 0, 0);
    case GP_QUANTILE_MEDIAN_UNBIASED: return virtual_index(n, q, 1 / 3.0, 1 / 3.0);
    case GP_QUANTILE_NORMAL_UNBIASED: return virtual_index(n, q, 3 / 8.0, 3 / 8.0);
    default: return (n - 1) * q;
    }
}

gp_quantile_place gp_quantile_place_of(gp_quantile_method method, uint64_t n, double q)
{
    double count = (double)n;
    switch ((int)method) {
    case GP_QUANTILE_LOWER: return taken(floor((count - 1) * q), n);
    case GP_QUANTILE_HIGHER: return taken(ceil((count - 1) * q), n);
    case GP_QUANTILE_NEAREST: return taken(rint((count - 1) * q), n);
    case GP_QUANTILE_INVERTED_CDF: return discrete(count * q - 1, n, false);
    case GP_QUANTILE_CLOSEST_OBSERVATION: return discrete(count * q - 1 - 0.5, n, true);
    case GP_QUANTILE_MEDIAN: return (gp_quantile_place){.prev = (n - 1) / 2, .next = n / 2};
    default: break;
    }

    /* Outside of the elements NumPy takes the nearest one, twice; past the end it calls that one -1, which
     * shows in gamma. */
    double index = index_of(method, count, q);
    double prev = floor(index);
    gp_quantile_place place = {0};
    if (index < 0) {
        prev = 0;
    } else if (!(index < count - 1)) {
        prev = -1;
        place.prev = place.next = n - 1;
    } else {
        place.prev = gp_min_u64((uint64_t)prev, n - 1);
        place.next = gp_min_u64(place.prev + 1, n - 1);
    }
    place.gamma = index - prev;
    if (method == GP_QUANTILE_AVERAGED_INVERTED_CDF)
        place.gamma = place.gamma == 0 ? 0.5 : 1;
    else if (method == GP_QUANTILE_MIDPOINT)
        place.gamma = index == floor(index) ? 0 : 0.5;
    return place;
}

uint64_t gp_quantile_plan_bytes(size_t qs)
{
    uint64_t bytes;
    size_t each = sizeof(gp_quantile_place) + 2 * sizeof(uint64_t) + 2 * sizeof(size_t);
    return gp_mul_u64(qs, each, &bytes) ? bytes : UINT64_MAX;
}

void gp_quantile_plan_init(gp_quantile_plan *plan, size_t qs, void *memory)
{
    plan->place = memory;
    plan->rank = (uint64_t *)(plan->place + qs);
    plan->at = (size_t *)(plan->rank + 2 * qs);
    plan->ranks = 0;
}

static int compare_ranks(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t find_rank(const uint64_t *rank, size_t ranks, uint64_t wanted)
{
    size_t low = 0, high = ranks - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rank[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void gp_quantile_plan_make(gp_quantile_plan *plan, const gp_fold_spec *spec, uint64_t n)
{
    size_t ranks = 0;
    for (size_t i = 0; i < spec->qs; i++) {
        plan->place[i] = gp_quantile_place_of((gp_quantile_method)spec->size, n, spec->q[i]);
        plan->rank[ranks++] = plan->place[i].prev;
        if (plan->place[i].next != plan->place[i].prev) plan->rank[ranks++] = plan->place[i].next;
    }
    qsort(plan->rank, ranks, sizeof *plan->rank, compare_ranks);
    size_t kept = 0;
    for (size_t i = 0; i < ranks; i++) {
        if (i == 0 || plan->rank[i] != plan->rank[i - 1]) plan->rank[kept++] = plan->rank[i];
    }
    plan->ranks = kept;
    for (size_t i = 0; i < spec->qs; i++) {
        plan->at[2 * i] = find_rank(plan->rank, kept, plan->place[i].prev);
        plan->at[2 * i + 1] = find_rank(plan->rank, kept, plan->place[i].next);
    }
}

static void put(const gp_fold_spec *spec, double value, void *out)
{
    if (spec->dtype == GPUPROC_FLOAT32) {
        float narrow = (float)value;
        memcpy(out, &narrow, sizeof narrow);
    } else {
        memcpy(out, &value, sizeof value);
    }
}

/* In the operand's arithmetic, as NumPy: a q that is an array of float64 makes a result of float64, but the
 * difference is float32's all the same. */
static double between_f32(float a, float b, double t)
{
    float difference = b - a;
    return t >= 0.5 ? (double)(b - difference * (float)(1 - t)) : (double)(a + difference * (float)t);
}

static double between_mixed(float a, float b, double t)
{
    double difference = (double)(b - a);
    return t >= 0.5 ? (double)b - difference * (1 - t) : (double)a + difference * t;
}

static double between_f64(double a, double b, double t)
{
    double difference = b - a;
    return t >= 0.5 ? b - difference * (1 - t) : a + difference * t;
}

/* A mean, which begins with +0.0. */
static double median(double prev, double next, bool one, bool narrow)
{
    if (one) return prev + 0.0;
    return narrow ? (double)((0.0F + (float)prev + (float)next) / 2) : (0.0 + prev + next) / 2;
}

void gp_quantile_write(const gp_fold_spec *spec, const gp_quantile_place *place, double prev, double next,
                       void *out)
{
    bool narrow = spec->operand[0] == GPUPROC_FLOAT32;
    double value;
    if (place->taken)
        value = prev;
    else if ((int)spec->size == GP_QUANTILE_MEDIAN)
        value = median(prev, next, place->prev == place->next, narrow);
    else if (!narrow)
        value = between_f64(prev, next, place->gamma);
    else if (spec->dtype == GPUPROC_FLOAT32)
        value = between_f32((float)prev, (float)next, place->gamma);
    else
        value = between_mixed((float)prev, (float)next, place->gamma);
    put(spec, value, out);
}

void gp_quantile_write_nan(const gp_fold_spec *spec, void *out) { put(spec, (double)NAN, out); }
