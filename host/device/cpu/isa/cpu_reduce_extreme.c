/* MIN, MAX, ARGMIN and ARGMAX of floats.
 *
 * First a block's extreme number and whether it has a NaN, by vectors. Where it stands, or what
 * sign its zero has, is looked for only if the block can win. */
#include "device/cpu/isa/cpu_reduce.h"

#include <math.h>

#define STEP 64

typedef struct found {
    double value; /* the extreme of what is not NaN */
    bool nan;
} found;

#define DEFINE_SCAN(name, T, V, W, order, start)                               \
    static found name(const T *v, size_t n)                                    \
    {                                                                          \
        V m[2] = {V##_splat(start), V##_splat(start)};                         \
        V##_flags bad = {0};                                                   \
        size_t whole = n - n % STEP;                                           \
        for (size_t i = 0; i < whole; i += STEP) {                             \
            for (size_t k = 0; k < STEP; k += 2 * W) {                         \
                V a = V##_load(v + i + k), b = V##_load(v + i + k + W);        \
                m[0] = V##_##order(a, m[0]);                                   \
                m[1] = V##_##order(b, m[1]);                                   \
                bad |= V##_unordered(a, b);                                    \
            }                                                                  \
        }                                                                      \
        T best = V##_##order##_lanes(V##_##order(m[1], m[0]));                 \
        bool nan = V##_any(bad);                                               \
        for (size_t i = whole; i < n; i++) {                                   \
            best = order##_of(v[i], best);                                     \
            nan |= v[i] != v[i];                                               \
        }                                                                      \
        return (found){.value = (double)best, .nan = nan};                     \
    }

#define min_of(x, m) ((x) < (m) ? (x) : (m))
#define max_of(x, m) ((x) > (m) ? (x) : (m))

DEFINE_SCAN(least_f4, float, vf, VF, min, INFINITY)
DEFINE_SCAN(most_f4, float, vf, VF, max, -INFINITY)
DEFINE_SCAN(least_f8, double, vd, VD, min, (double)INFINITY)
DEFINE_SCAN(most_f8, double, vd, VD, max, -(double)INFINITY)

static found scan(const void *v, size_t n, bool wide, bool max)
{
    if (wide) return max ? most_f8(v, n) : least_f8(v, n);
    return max ? most_f4(v, n) : least_f4(v, n);
}

/* Has any element the sign bit `sign`? */
static bool any_with_sign(const void *v, size_t n, bool wide, bool sign)
{
    uint64_t any = 0;
    if (wide) {
        const double *x = v;
        for (size_t i = 0; i < n; i++) {
            uint64_t bits;
            memcpy(&bits, x + i, sizeof bits);
            any |= sign ? bits : ~bits;
        }
        return any >> 63 != 0;
    }
    const float *x = v;
    uint32_t narrow = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        narrow |= sign ? bits : ~bits;
    }
    return narrow >> 31 != 0;
}

/* MIN and MAX: the place does not matter, the sign of a zero does. */
void cpu_settle_extreme(gp_partial_extreme *best, double value, const void *v, size_t n,
                        uint64_t first, bool wide, bool max)
{
    bool seen = best->index >= 0;
    double now = best->value.f;
    if (seen && (isnan(now) || (max ? value < now : value > now))) return;
    if (value == 0) {
        if (seen && now == 0 && (signbit(now) == 0) == max) return; /* cannot be beaten */
        /* All others are on the losing side of zero, so a winning sign is a zero's. */
        bool wins = any_with_sign(v, n, wide, !max);
        value = max == wins ? 0.0 : -0.0;
    }
    *best = (gp_partial_extreme){.value.f = value, .index = (int64_t)first};
}

static void take_value(gp_partial_extreme *best, const void *v, size_t n, uint64_t first, bool wide,
                       bool max)
{
    if (n == 0 || (best->index >= 0 && isnan(best->value.f))) return;
    found block = scan(v, n, wide, max);
    if (block.nan)
        *best = (gp_partial_extreme){.value.f = (double)NAN, .index = (int64_t)first};
    else
        cpu_settle_extreme(best, block.value, v, n, first, wide, max);
}

/* ARGMIN and ARGMAX: the first of equals, and zeros are equal. */
static void take_place(gp_partial_extreme *best, const void *v, size_t n, uint64_t first, bool wide,
                       bool max)
{
    bool seen = best->index >= 0, later = seen && (uint64_t)best->index < first;
    double now = best->value.f;
    if (n == 0 || (later && isnan(now))) return;
    found block = scan(v, n, wide, max);
    if (seen && !block.nan) {
        if (isnan(now) || (max ? block.value < now : block.value > now)) return;
        if (block.value == now && later) return;
    }
    for (size_t i = 0; i < n; i++) {
        double x = wide ? ((const double *)v)[i] : (double)((const float *)v)[i];
        if (block.nan ? isnan(x) : x == block.value) {
            if (block.nan) x = (double)NAN;
            *best = (gp_partial_extreme){.value.f = x, .index = (int64_t)(first + i)};
            return;
        }
    }
}

void cpu_min_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    take_value(partial, v, n, first, false, false);
}

void cpu_min_f8(void *partial, const void *v, size_t n, uint64_t first)
{
    take_value(partial, v, n, first, true, false);
}

void cpu_max_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    take_value(partial, v, n, first, false, true);
}

void cpu_max_f8(void *partial, const void *v, size_t n, uint64_t first)
{
    take_value(partial, v, n, first, true, true);
}

void cpu_argmin_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    take_place(partial, v, n, first, false, false);
}

void cpu_argmin_f8(void *partial, const void *v, size_t n, uint64_t first)
{
    take_place(partial, v, n, first, true, false);
}

void cpu_argmax_f4(void *partial, const void *v, size_t n, uint64_t first)
{
    take_place(partial, v, n, first, false, true);
}

void cpu_argmax_f8(void *partial, const void *v, size_t n, uint64_t first)
{
    take_place(partial, v, n, first, true, true);
}
