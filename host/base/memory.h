/* Checked size arithmetic and allocation. */
#ifndef GP_BASE_MEMORY_H
#define GP_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* True where the result fits; *out is written only then. */
static inline bool gp_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool gp_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

/* The same that stop at UINT64_MAX: for sums that say how much something would take. */
static inline uint64_t gp_times(uint64_t a, uint64_t b)
{
    uint64_t c;
    return gp_mul_u64(a, b, &c) ? c : UINT64_MAX;
}

static inline uint64_t gp_plus(uint64_t a, uint64_t b)
{
    uint64_t c;
    return gp_add_u64(a, b, &c) ? c : UINT64_MAX;
}

static inline uint64_t gp_min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t gp_max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* a / b rounded up; b > 0. Does not overflow. */
static inline uint64_t gp_ceil_div(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

/* calloc with checked multiplication: count elements of size bytes, zeroed.
 * Never asks for 0 bytes, so NULL always means "out of memory". */
void *gp_calloc(size_t count, size_t size);

/* The same on a boundary of GP_ALIGNED bytes, but not zeroed. Released by free(). For what BLAS and LAPACK compute on:
 * kernels for SSE add in another order where a vector lies at another place between two boundaries. */
#define GP_ALIGNED 64u
void *gp_aligned_alloc(size_t count, size_t size);

/* bytes, so that what lies behind them is on such a boundary again; UINT64_MAX where it does not fit. */
static inline uint64_t gp_aligned_bytes(uint64_t bytes)
{
    return gp_plus(bytes, GP_ALIGNED - 1) == UINT64_MAX ? UINT64_MAX : (bytes + GP_ALIGNED - 1) / GP_ALIGNED * GP_ALIGNED;
}

/* Grows *array (elements of `size` bytes) to hold at least `need` elements,
 * doubling *capacity. On failure returns false and leaves both as they are. */
bool gp_grow(void *array, size_t *capacity, size_t need, size_t size);

/* What staging memory has behind its elements, so that a transfer may be aligned to pages
 * on both sides of a chunk. */
#define GP_STAGING_SLACK 8192u

/* Page-aligned memory for staging, not touched yet; NULL when out of memory.
 * Free with gp_pages_free and the same size. */
void *gp_pages_alloc(size_t bytes);
void gp_pages_free(void *pages, size_t bytes);

#endif
