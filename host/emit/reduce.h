/* Reductions with the same bits for any chunking, thread count and device.
 *
 * A device reduces a chunk to *partials*, plain bytes in the layouts below; the
 * loop merges them into a *state*; at the end of the pass a reduction node's value
 * is made from the state.
 *
 * Two families:
 *   - unordered: partials merge exactly, in any order. One partial per worker or
 *     work-group and chunk. Float sums are exact (a fixed-point accumulator that
 *     spans the whole range of float64), so no order can show, and the result is the correctly
 *     rounded sum. Integer sums keep 128 bits; minimum and the like have no rounding.
 *   - ordered: PROD of floats and MOMENTS round, so their tree is fixed by element
 *     index: one partial per block of GP_BLOCK elements (made in GP_LANES lanes,
 *     then by halving the lanes), and blocks merge as nodes of an aligned
 *     binary tree: (level l, index i) covers blocks [i*2^l, (i+1)*2^l). What has no
 *     sibling at the end is folded from the right; see emit/reduce_tree.h.
 *
 * Lanes, exactly: lane j begins with +0.0 (PROD: 1.0) and takes the block's elements j,
 * j+64, j+128, ... in this order, each widened to float64 first; the elements that a short last
 * block lacks are left out. Halving: lane[j] += lane[j+32] for j < 32, then 16, 8, 4, 2, 1. Every
 * operation is rounded to float64 by itself (no fused multiply-add), and subnormal numbers
 * are kept. The bits of a NaN do not matter: the result's NaN is made at the end. */
#ifndef GP_EMIT_REDUCE_H
#define GP_EMIT_REDUCE_H

#include "emit/pass.h"

typedef enum gp_reduce_kind {
    GP_REDUCE_SUM,
    GP_REDUCE_PROD,
    GP_REDUCE_MIN,
    GP_REDUCE_MAX,
    GP_REDUCE_ARGMIN,
    GP_REDUCE_ARGMAX,
    GP_REDUCE_MOMENTS,
    GP_REDUCE_COUNT,
} gp_reduce_kind;

gp_reduce_kind gp_reduce_kind_of(gp_op op); /* op is a reduction */

/* SUM of floats. Weight of limb i: 2^(32*i - 1088); the value is the sum of
 * limb[i] * weight. Limbs are signed and may overlap until normalised; `adds` counts
 * additions since then (each changes a limb by less than 2^32; normalise before 2^30). */
#define GP_EXACT_LIMBS 68
#define GP_EXACT_BIAS 1088
#define GP_EXACT_NAN 1u
#define GP_EXACT_PINF 2u
#define GP_EXACT_NINF 4u
#define GP_EXACT_SEEN 8u     /* something was added */
#define GP_EXACT_NOT_NEGZERO 16u /* something other than -0.0 was added */
typedef struct gp_exact {
    int64_t limb[GP_EXACT_LIMBS];
    uint32_t flags;
    uint32_t adds;
} gp_exact;

/* SUM of integers: value = hi * 2^32 + lo, where lo may be 2^32 or more: how a value is
 * split does not show; good for 2^31 elements per partial. */
typedef struct gp_partial_isum {
    int64_t hi;
    uint64_t lo;
} gp_partial_isum;

/* PROD of integers: the product modulo 2^64; identity 1. */
typedef struct gp_partial_iprod {
    uint64_t value;
} gp_partial_iprod;

/* MIN, MAX, ARGMIN, ARGMAX. `value`: the winner widened to 64 bits (double, int64 or
 * uint64 by the operand's kind; bool as uint64). index: of its first occurrence,
 * counted over the whole pass; -1: nothing seen. A NaN wins over every number and the first
 * NaN over later ones. Among equals the first wins; MIN takes -0.0 as below
 * +0.0, MAX +0.0 as above -0.0, so that order cannot show (ARGMIN and ARGMAX do not: they
 * are equal there). MIN and MAX may leave any index >= 0. */
typedef struct gp_partial_extreme {
    union {
        double f;
        int64_t i;
        uint64_t u;
    } value;
    int64_t index;
} gp_partial_extreme;

/* COUNT: how many operands are true. */
typedef struct gp_partial_count {
    uint64_t count;
} gp_partial_count;

/* PROD of floats, per block, computed in float64. */
typedef struct gp_partial_prod {
    double value;
} gp_partial_prod;

/* MOMENTS, per block of n elements, in float64: mean and sum of squared distances
 * from it. Lane sums S_j of the elements v, halved to S; m = S / n; d = v - m; D = sum d,
 * Q = sum d*d (same lanes and halving, the product rounded before it is added);
 * mean = m; low = D / n, which the rounding of m took from the mean; m2 = Q - D * (D / n). A
 * non-finite m leaves NaN in all. m2 may come out a little below zero; the merge takes that for
 * zero. */
typedef struct gp_partial_moments {
    double mean, low, m2;
} gp_partial_moments;

bool gp_reduce_ordered(gp_reduce_kind kind, gp_dtype operand);
/* Bytes of one partial. */
size_t gp_reduce_partial_bytes(gp_reduce_kind kind, gp_dtype operand);
/* Sets `count` unordered partials to "nothing seen yet". */
void gp_reduce_partial_init(gp_reduce_kind kind, gp_dtype operand, void *partials, size_t count);

/* What has been merged so far; belongs to one reduction of one pass; one thread at a time. */
typedef struct gp_reduce_state gp_reduce_state;

gp_reduce_state *gp_reduce_state_new(gp_reduce_kind kind, gp_dtype operand); /* NULL: no memory */
void gp_reduce_state_free(gp_reduce_state *state);

/* Merges the partials of one chunk of `count` elements that begins at element
 * `first` (a multiple of GP_BLOCK). Ordered: one partial per block, in order; else
 * `partials` of them. Chunks may come in any order; the state's memory stays
 * small (logarithmic per gap between chunks). */
gpuproc_status gp_reduce_merge(gp_reduce_state *state, const void *partial, size_t partials,
                               uint64_t first, uint64_t count, gpuproc_error *err);

/* The value of reduction node `op` with result dtype `dtype` over `count`
 * elements; all of them merged. DOMAIN error for min/max/argmin/argmax of nothing.
 * *warning (may be NULL) is set to a static text where NumPy would warn, else NULL. */
gpuproc_status gp_reduce_finish(gp_reduce_state *state, gp_op op, gp_dtype dtype, uint64_t count,
                                double ddof, gpuproc_scalar *value, const char **warning,
                                gpuproc_error *err);

/* ---- Exact sums (exact.c) ---- */
void gp_exact_init(gp_exact *sum);
void gp_exact_add(gp_exact *sum, double x);            /* any x, NaN and infinities too */
void gp_exact_merge(gp_exact *sum, const gp_exact *other);
void gp_exact_normalise(gp_exact *sum);                /* limbs 0..66 in [0, 2^32), the top one signed */
double gp_exact_round(const gp_exact *sum);            /* to nearest even */
float gp_exact_round_f32(const gp_exact *sum);         /* directly, without double rounding */
double gp_exact_mean(const gp_exact *sum, uint64_t n); /* round(sum) / n, without overflow on the way */

#endif
