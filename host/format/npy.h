/* The header of .npy files, versions 1.0 to 3.0, in and out. Bytes only: who
 * reads and writes them is not known here. */
#ifndef GP_FORMAT_NPY_H
#define GP_FORMAT_NPY_H

#include "array/dtype.h"
#include "array/shape.h"
#include "base/text.h"

/* NumPy's own readers refuse headers longer than 10000 bytes; the magic, the
 * version and the length stand before that. */
#define GP_NPY_PREFIX 12
#define GP_NPY_MAX_HEADER (GP_NPY_PREFIX + 10000)

typedef struct gp_npy_header {
    gp_dtype dtype;
    bool big_endian, fortran;
    gp_shape shape;
    uint64_t data_offset; /* bytes before the first element: the length of the header */
} gp_npy_header;

/* How long the header is, told from the beginning of the file, so that a pipe
 * can be read without seeking. `size` bytes are there; GP_NPY_PREFIX are always
 * enough. *total is at most GP_NPY_MAX_HEADER. `where` names the file. */
gpuproc_status gp_npy_header_bytes(const void *first12, size_t size, const char *where,
                                   uint64_t *total, gpuproc_error *err);

/* Reads the header. `bytes` is the beginning of the file: all of it, or at least
 * as many bytes as gp_npy_header_bytes tells (GP_NPY_MAX_HEADER are always
 * enough). *out is written on success only; its shape is checked, so that its
 * count and bytes fit into 63 bits. float16 and the complex dtypes are read:
 * whether something can be computed with them is decided elsewhere. */
gpuproc_status gp_npy_parse(const void *bytes, size_t size, const char *where,
                            gp_npy_header *out, gpuproc_error *err);

/* Appends the header that NumPy 2 writes for a little-endian array, byte for
 * byte: room to rewrite the growing axis in place, data at a multiple of 64. */
gpuproc_status gp_npy_make_header(gp_dtype dtype, const gp_shape *shape, bool fortran,
                                  gp_text *out);

#endif
