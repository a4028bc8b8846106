/* The tables themselves: each asks for every cell that lang/ops.h has. */
#include "device/cpu/isa/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* A whole cache line at a time: what streaming stores are made for. */
#define LINE 64

void GP_FN(copy, stream)(void *dst, const void *src, size_t bytes)
{
#if defined(__x86_64__)
    char *d = dst;
    const char *s = src;
    size_t head = (size_t)(-(uintptr_t)d % LINE);
    if (bytes < head + LINE) {
        memcpy(dst, src, bytes);
        return;
    }
    memcpy(d, s, head);
    size_t i = head;
    for (; i + LINE <= bytes; i += LINE) {
#if defined(GP_ISA_avx512)
        _mm512_stream_si512((void *)(d + i), _mm512_loadu_si512((const void *)(s + i)));
#elif defined(GP_ISA_avx2)
        for (size_t j = 0; j < LINE; j += 32) {
            __m256i v = _mm256_loadu_si256((const void *)(s + i + j));
            _mm256_stream_si256((void *)(d + i + j), v);
        }
#else
        for (size_t j = 0; j < LINE; j += 16) {
            __m128i v = _mm_loadu_si128((const void *)(s + i + j));
            _mm_stream_si128((void *)(d + i + j), v);
        }
#endif
    }
    memcpy(d + i, s + i, bytes - i);
#else
    memcpy(dst, src, bytes);
#endif
}

#define CELL(OP, KINDS, DT, KIND)                                               \
    [GP_OP_##OP][GPUPROC_##DT] =                                                \
        __builtin_choose_expr(((KINDS) & (KIND)) != 0, &GP_FN(OP, DT), (gp_cpu_fn)NULL),
#define ROW(OP, arity, KINDS, ...)                                              \
    CELL(OP, KINDS, BOOL, GP_B) CELL(OP, KINDS, INT8, GP_I)                     \
    CELL(OP, KINDS, INT16, GP_I) CELL(OP, KINDS, INT32, GP_I)                   \
    CELL(OP, KINDS, INT64, GP_I) CELL(OP, KINDS, UINT8, GP_I)                   \
    CELL(OP, KINDS, UINT16, GP_I) CELL(OP, KINDS, UINT32, GP_I)                 \
    CELL(OP, KINDS, UINT64, GP_I) CELL(OP, KINDS, FLOAT32, GP_F)                \
    CELL(OP, KINDS, FLOAT64, GP_F)

/* CAST's own row would need the result's dtype: its loops are in `cast`. */
#define ROW_WHERE(X) X(WHERE, 3, GP_B | GP_I | GP_F)

/* The special operations and the dtypes that each has. */
#define SPECIAL(OP, DT) [GP_OP_##OP][GPUPROC_##DT] = GP_FN(OP, DT),
#define SPECIALS                                                                \
    SPECIAL(REAL, COMPLEX64) SPECIAL(REAL, COMPLEX128)                          \
    SPECIAL(IMAG, COMPLEX64) SPECIAL(IMAG, COMPLEX128)                          \
    SPECIAL(PACK, FLOAT32) SPECIAL(PACK, FLOAT64)                               \
    SPECIAL(RANDBITS, UINT64) SPECIAL(MULHI, UINT64) SPECIAL(NORMAL, UINT64)    \
    SPECIAL(TAKE, FLOAT16) SPECIAL(TAKE, COMPLEX64) SPECIAL(TAKE, COMPLEX128)     \
    SPECIAL(CHECK, BOOL)
#define ROW_TABLES(X)                                                           \
    X(TAKE, 2, GP_B | GP_I | GP_F)                                              \
    X(SEARCHLEFT, 2, GP_B | GP_I | GP_F) X(SEARCHRIGHT, 2, GP_B | GP_I | GP_F)

#define CAST_CELL(FROM, TO) [GPUPROC_##FROM][GPUPROC_##TO] = GP_CAST_FN(FROM, TO),
#define CAST_ROW(FROM, ...)                                                     \
    CAST_CELL(FROM, BOOL) CAST_CELL(FROM, INT8) CAST_CELL(FROM, INT16)          \
    CAST_CELL(FROM, INT32) CAST_CELL(FROM, INT64) CAST_CELL(FROM, UINT8)        \
    CAST_CELL(FROM, UINT16) CAST_CELL(FROM, UINT32) CAST_CELL(FROM, UINT64)     \
    CAST_CELL(FROM, FLOAT32) CAST_CELL(FROM, FLOAT64)
#define CAST_HALF(DT, ...) CAST_CELL(DT, FLOAT16)

/* A dtype or an operation that these lists do not know must not slip through. */
#define ONE(...) +1
_Static_assert(0 GP_DTYPES(ONE) == 11, "ROW, CAST_ROW and GP_DECLARE_OP list 11 dtypes");
_Static_assert(0 GP_OPS_OTHER(ONE) == 2, "CAST and WHERE are all the others");
_Static_assert(0 GP_OPS_SPECIAL(ONE) == 10, "SPECIALS and ROW_TABLES have them all");

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define TABLE_(isa) gp_cpu_ops_##isa
#define TABLE(isa) TABLE_(isa)

const gp_cpu_ops TABLE(GP_ISA) = {
    .name = TEXT(GP_ISA),
    .op = {GP_OPS_BINARY(ROW) GP_OPS_UNARY(ROW) ROW_WHERE(ROW) ROW_TABLES(ROW) SPECIALS},
    .cast = {GP_DTYPES(CAST_ROW) GP_DTYPES(CAST_HALF) CAST_ROW(FLOAT16)},
    .copy_stream = GP_FN(copy, stream),
};
