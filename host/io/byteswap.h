/* Big-endian elements into native ones and back. */
#ifndef GP_IO_BYTESWAP_H
#define GP_IO_BYTESWAP_H

#include <stddef.h>

/* In place: `bytes` of numbers of `width` bytes each (1, 2, 4, 8), aligned to it. */
void gp_byteswap(void *data, size_t bytes, size_t width);

#endif
