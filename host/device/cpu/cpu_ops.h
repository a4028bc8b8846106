/* The CPU's loops: one per operation and dtype, compiled once per instruction set
 * (the files of isa/) and chosen at run time. What the operator table gives 0 ULP has the
 * same bits in every set; transcendental functions have the same on AVX2 and AVX-512, and
 * within their ULP in the base set, which has no fused multiply-add. */
#ifndef GP_DEVICE_CPU_CPU_OPS_H
#define GP_DEVICE_CPU_CPU_OPS_H

#include "emit/pass.h"
#include "emit/reduce.h"

/* dst[i] = op(a[i], b[i], c[i]) for i < n, n <= GP_BLOCK (TAKE, SEARCH*: a is a gp_cpu_table). Touches exactly n elements of
 * each operand; pointers are aligned to their dtype, no more. dst may be equal to
 * an operand whose elements have the same size, and must not overlap otherwise. Returns GP_FLAG_*. */
typedef uint32_t (*gp_cpu_fn)(void *dst, const void *a, const void *b, const void *c, size_t n);

/* What the first operand of TAKE and SEARCH* points to. */
typedef struct gp_cpu_table {
    const void *element;
    uint64_t count;
} gp_cpu_table;

typedef struct gp_cpu_ops {
    const char *name; /* "base", "avx2", "avx512" */
    /* By operation and operand dtype (WHERE: of the second operand; TAKE, SEARCH*: of the table);
     * NULL where the operator table has no such operation. */
    gp_cpu_fn op[GP_OP_COUNT][GP_DTYPE_COUNT];
    gp_cpu_fn cast[GP_DTYPE_COUNT][GP_DTYPE_COUNT]; /* [from][to] */
    /* Copies past the cache, for a destination that will not be read soon. On x86 such stores
     * are ordered with nothing: whoever tells another thread of them puts an sfence before, once
     * for all of them (it waits until memory has everything). */
    void (*copy_stream)(void *dst, const void *src, size_t bytes);
} gp_cpu_ops;

/* Adds the n <= GP_BLOCK elements at v, of which the first has index `first` in
 * the pass, to *partial (unordered kinds), or makes the block's partial (ordered ones). */
typedef void (*gp_cpu_reduce_fn)(void *partial, const void *v, size_t n, uint64_t first);

/* Blocks that lie in memory one behind the other and are taken at once, where there is a loop for it. */
#define GP_MANY_BLOCKS 4

/* SUM, MOMENTS, MIN and MAX of the same elements at once: the same partials as from the four by
 * themselves, in about half the time. A partial that is NULL is not wanted. */
typedef void (*gp_cpu_summary_fn)(gp_exact *sum, gp_partial_moments *moments,
                                  gp_partial_extreme *min, gp_partial_extreme *max, const void *v,
                                  size_t n, uint64_t first);

typedef struct gp_cpu_reducers {
    const char *name;
    gp_cpu_reduce_fn reduce[GP_REDUCE_COUNT + 1][GP_DTYPE_COUNT]; /* [kind][operand dtype] */
    /* The same for n = GP_MANY_BLOCKS * GP_BLOCK elements, for unordered kinds; asks memory for what is behind them.
     * NULL: one block after the other is as good. */
    gp_cpu_reduce_fn many[GP_REDUCE_COUNT + 1][GP_DTYPE_COUNT];
    gp_cpu_summary_fn summary[GP_DTYPE_COUNT]; /* pays where SUM and MOMENTS are wanted; NULL: none */
} gp_cpu_reducers;

extern const gp_cpu_ops gp_cpu_ops_base, gp_cpu_ops_avx2, gp_cpu_ops_avx512;
extern const gp_cpu_reducers gp_cpu_reducers_base, gp_cpu_reducers_avx2, gp_cpu_reducers_avx512;

/* The best set for this processor; `limit` ("base", "avx2", ...; NULL: none) caps the choice. */
const gp_cpu_ops *gp_cpu_ops_select(const char *limit);
const gp_cpu_reducers *gp_cpu_reducers_select(const char *limit);

#endif
