#include "linalg/transpose.h"

#include "base/memory.h"

#define TILE 16u /* rows and columns: some cache lines of both sides */

typedef struct sixteen {
    uint64_t half[2];
} sixteen;

#define TRANSPOSE(name, type)                                                                                   \
    static void tile_##name(uint64_t rows, uint64_t columns, const type *restrict in, uint64_t in_row,          \
                            type *restrict out, uint64_t out_row)                                               \
    {                                                                                                           \
        for (uint64_t j = 0; j < columns; j++)                                                                  \
            for (uint64_t i = 0; i < rows; i++) out[j * out_row + i] = in[i * in_row + j];                      \
    }                                                                                                           \
    static void transpose_##name(uint64_t rows, uint64_t columns, const type *in, uint64_t in_row, type *out,   \
                                 uint64_t out_row)                                                              \
    {                                                                                                           \
        for (uint64_t i = 0; i < rows; i += TILE)                                                               \
            for (uint64_t j = 0; j < columns; j += TILE) {                                                      \
                const type *from = in + i * in_row + j;                                                         \
                type *to = out + j * out_row + i;                                                               \
                if (rows - i >= TILE && columns - j >= TILE)                                                    \
                    tile_##name(TILE, TILE, from, in_row, to, out_row);                                         \
                else                                                                                            \
                    tile_##name(gp_min_u64(rows - i, TILE), gp_min_u64(columns - j, TILE), from, in_row, to,    \
                                out_row);                                                                       \
            }                                                                                                   \
    }                                                                                                           \
    static void swap_##name(uint64_t n, type *data, uint64_t row)                                               \
    {                                                                                                           \
        for (uint64_t block = 0; block < n; block += TILE)                                                      \
            for (uint64_t i = block; i < n; i++)                                                                \
                for (uint64_t j = block; j < block + TILE && j < i; j++) {                                      \
                    type x = data[i * row + j];                                                                 \
                    data[i * row + j] = data[j * row + i];                                                      \
                    data[j * row + i] = x;                                                                      \
                }                                                                                               \
    }

TRANSPOSE(4, uint32_t)
TRANSPOSE(8, uint64_t)
TRANSPOSE(16, sixteen)

void gp_transpose(size_t wide, uint64_t rows, uint64_t columns, const void *in, uint64_t in_row, void *out,
                  uint64_t out_row)
{
    switch (wide) {
    case 4: transpose_4(rows, columns, in, in_row, out, out_row); break;
    case 8: transpose_8(rows, columns, in, in_row, out, out_row); break;
    default: transpose_16(rows, columns, in, in_row, out, out_row); break;
    }
}

void gp_transpose_square(size_t wide, uint64_t n, void *data, uint64_t row)
{
    switch (wide) {
    case 4: swap_4(n, data, row); break;
    case 8: swap_8(n, data, row); break;
    default: swap_16(n, data, row); break;
    }
}
