/* What a careful programmer would write by hand for one task: the marks that the
 * engine is held against. Two threads each, started anew for each call. */
#ifndef BENCH_PEER_LOOPS_H
#define BENCH_PEER_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out[i] = sqrt(x[i]*x[i] + y[i]*y[i]); AVX2 and stores past the cache where the processor has
 * them. out: aligned to 64. False: no thread. */
bool peer_hypot(const float *x, const float *y, float *out, size_t count);

/* The sum of the 64-bit words in memory: as fast as reading gets. False: no thread. */
bool peer_sum(const void *words, size_t bytes, uint64_t *sum);

/* The sum of a file's 64-bit words through a mapping. False: errno says why. */
bool peer_mapped_sum(const char *path, uint64_t *sum, uint64_t *bytes);

#endif
