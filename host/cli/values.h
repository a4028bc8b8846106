/* Scalars as text. */
#ifndef VALUES_H
#define VALUES_H

#include <gpuproc/gpuproc.h>

#define VALUE_TEXT 80

/* As Python prints str() of a NumPy scalar: 0.1, 1e-05, 3.0, inf, True; floats
 * with the fewest digits that read back as the same value of their dtype. */
const char *value_text(const gpuproc_scalar *scalar, char buf[VALUE_TEXT]);

/* Bytes with a unit, "1.5 GiB". */
const char *bytes_text(uint64_t bytes, char buf[VALUE_TEXT]);

/* A time with a unit and three digits, "1.23 ms". */
const char *time_text(uint64_t ns, char buf[VALUE_TEXT]);

/* Bytes in a time, "3.41 GB/s"; "" where there is no time or there are no bytes. */
const char *rate_text(uint64_t bytes, uint64_t ns, char buf[VALUE_TEXT]);

#endif
