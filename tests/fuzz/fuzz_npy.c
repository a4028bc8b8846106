/* Any bytes as an .npy header: no crash, and what is accepted is sane and comes
 * back from the header that we would write for it. */
#include "format/npy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_npy_header h, again;
    gpuproc_error err;
    uint64_t total = 0;
    gpuproc_status first = gp_npy_header_bytes(data, size, "fuzz", &total, &err);
    gpuproc_status st = gp_npy_parse(data, size, "fuzz", &h, &err);
    if (st != GPUPROC_OK) {
        require(err.status == st && err.message[0] != '\0');
        return 0;
    }
    require(first == GPUPROC_OK && h.data_offset == total && total <= size);
    require(h.shape.ndim >= 0 && h.shape.ndim <= GPUPROC_MAX_NDIM);
    uint64_t count;
    require(gp_shape_count(&h.shape, gpuproc_dtype_bytes(h.dtype), &count, NULL) == GPUPROC_OK);

    gp_text text = {0};
    require(gp_npy_make_header(h.dtype, &h.shape, h.fortran, &text) == GPUPROC_OK);
    require(text.length % 64 == 0);
    require(gp_npy_parse(text.data, text.length, "fuzz", &again, NULL) == GPUPROC_OK);
    require(again.dtype == h.dtype && gp_shape_equal(&again.shape, &h.shape));
    gp_text_free(&text);
    return 0;
}
