#include "io/byteswap.h"

#include <stdint.h>

void gp_byteswap(void *data, size_t bytes, size_t width)
{
    size_t n = bytes / width;
    if (width == 2) {
        uint16_t *v = data;
        for (size_t i = 0; i < n; i++) v[i] = __builtin_bswap16(v[i]);
    } else if (width == 4) {
        uint32_t *v = data;
        for (size_t i = 0; i < n; i++) v[i] = __builtin_bswap32(v[i]);
    } else if (width == 8) {
        uint64_t *v = data;
        for (size_t i = 0; i < n; i++) v[i] = __builtin_bswap64(v[i]);
    }
}
