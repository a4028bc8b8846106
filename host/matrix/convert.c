/* Operands of another dtype than the product's. Real numbers by simple loops; float16 and complex numbers go
 * through a little buffer of real numbers. */
#include "matrix/product_impl.h"

#include "array/half.h"
#include "base/memory.h"

#include <string.h>

enum { SOME = 512, UNIT = 64 << 10 };

#define TO(NAME, TYPE) \
    case GPUPROC_##NAME: \
        for (size_t i = 0; i < n; i++) ((TYPE *)out)[i] = (TYPE)x[i]; \
        break;
/* From one C type to all real dtypes; a list of its own, since GP_DTYPES cannot stand in itself. */
#define FROM(NAME, TYPE, KIND) \
    static void from_##NAME(const TYPE *restrict x, gp_dtype to, void *restrict out, size_t n) \
    { \
        switch (to) { \
            TO(INT8, int8_t) TO(INT16, int16_t) TO(INT32, int32_t) TO(INT64, int64_t) \
            TO(UINT8, uint8_t) TO(UINT16, uint16_t) TO(UINT32, uint32_t) TO(UINT64, uint64_t) \
            TO(FLOAT32, float) TO(FLOAT64, double) \
        default: break; \
        } \
    }
GP_DTYPES(FROM)

#define CASE(NAME, TYPE, KIND) \
    case GPUPROC_##NAME: from_##NAME(in, to, out, n); break;
static void real_to_real(gp_dtype from, const void *in, gp_dtype to, void *out, size_t n)
{
    switch (from) {
        GP_DTYPES(CASE)
    case GPUPROC_FLOAT16:
        if (to == GPUPROC_FLOAT32)
            for (size_t i = 0; i < n; i++) ((float *)out)[i] = gp_half_to_f32(((const uint16_t *)in)[i]);
        else
            for (size_t i = 0; i < n; i++) ((double *)out)[i] = gp_half_to_f64(((const uint16_t *)in)[i]);
        break;
    default: break;
    }
}

static void to_pairs(gp_dtype from, const char *in, gp_dtype to, void *out, size_t n)
{
    double parts[SOME];
    bool single = to == GPUPROC_COMPLEX64;
    size_t wide = gpuproc_dtype_bytes(from);
    for (size_t at = 0; at < n; at += SOME) {
        size_t some = n - at < SOME ? n - at : SOME;
        real_to_real(from, in + at * wide, single ? GPUPROC_FLOAT32 : GPUPROC_FLOAT64, parts, some);
        for (size_t i = 0; i < some; i++) {
            if (single) {
                memcpy((float *)out + 2 * (at + i), (float *)parts + i, sizeof(float));
                ((float *)out)[2 * (at + i) + 1] = 0;
            } else {
                ((double *)out)[2 * (at + i)] = parts[i];
                ((double *)out)[2 * (at + i) + 1] = 0;
            }
        }
    }
}

typedef struct conversion {
    gp_dtype from, to;
    const char *in;
    char *out;
    uint64_t count;
} conversion;

static void convert_some(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    const conversion *c = arg;
    uint64_t first = from * UNIT, n = gp_min_u64(to * UNIT, c->count) - first;
    const char *in = c->in + first * gpuproc_dtype_bytes(c->from);
    char *out = c->out + first * gpuproc_dtype_bytes(c->to);
    (void)worker;
    if (gp_dtype_kind(c->to) != GP_KIND_COMPLEX) real_to_real(c->from, in, c->to, out, n);
    else if (gp_dtype_kind(c->from) != GP_KIND_COMPLEX) to_pairs(c->from, in, c->to, out, n);
    else real_to_real(GPUPROC_FLOAT32, in, GPUPROC_FLOAT64, out, 2 * n);
}

void gp_product_convert(gp_dtype from, const void *in, gp_dtype to, void *out, uint64_t count,
                        const gp_workers *workers)
{
    conversion c = {from, to, in, out, count};
    uint64_t units = gp_ceil_div(count, UNIT);
    if (from == to) memcpy(out, in, count * gpuproc_dtype_bytes(to));
    else if (units <= 1) convert_some(&c, 0, 0, units);
    else workers->each(workers, units, convert_some, &c);
}
