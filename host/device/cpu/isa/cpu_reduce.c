/* Reductions of integers and bools, and the table of all. These loops are plain: the compiler makes
 * vectors of them. */
#include "device/cpu/isa/cpu_reduce.h"

/* ---- SUM: 128 bits as hi * 2^32 + lo ---- */

static void add_block(gp_partial_isum *sum, int64_t hi, uint64_t lo)
{
    lo += sum->lo;
    sum->hi += hi + (int64_t)(lo >> 32);
    sum->lo = lo & 0xffffffff;
}

/* Up to 32 bits a block's sum fits into 64. */
#define DEFINE_SUM_NARROW(T, wide)                                             \
    static void sum_##T(void *partial, const void *v, size_t n, uint64_t first) \
    {                                                                          \
        (void)first;                                                           \
        const T *x = v;                                                        \
        wide s = 0;                                                            \
        for (size_t i = 0; i < n; i++) s += x[i];                              \
        add_block(partial, (int64_t)s >> 32, (uint64_t)s & 0xffffffff);        \
    }
DEFINE_SUM_NARROW(int8_t, int32_t)
DEFINE_SUM_NARROW(int16_t, int32_t)
DEFINE_SUM_NARROW(int32_t, int64_t)
DEFINE_SUM_NARROW(uint8_t, uint32_t)
DEFINE_SUM_NARROW(uint16_t, uint32_t)
DEFINE_SUM_NARROW(uint32_t, uint64_t)

/* `offset` makes signed numbers unsigned, which all sets can shift. */
static void sum_words(gp_partial_isum *sum, const uint64_t *x, size_t n, uint64_t offset)
{
    uint64_t hi = 0, lo = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t u = x[i] ^ offset;
        hi += u >> 32;
        lo += u & 0xffffffff;
    }
    add_block(sum, (int64_t)hi - (int64_t)(n * (offset >> 32)), lo);
}

static void sum_uint64_t(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    sum_words(partial, v, n, 0);
}

static void sum_int64_t(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    sum_words(partial, v, n, UINT64_C(1) << 63);
}

/* ---- PROD, modulo 2^64 ---- */

#define DEFINE_PROD(name, T, kind)                                             \
    static void prod_##T(void *partial, const void *v, size_t n, uint64_t first) \
    {                                                                          \
        (void)first;                                                           \
        const T *x = v;                                                        \
        uint64_t p = 1;                                                        \
        for (size_t i = 0; i < n; i++) p *= (uint64_t)x[i];                    \
        ((gp_partial_iprod *)partial)->value *= p;                             \
    }
GP_DTYPES_INTEGER(DEFINE_PROD)

/* ---- MIN, MAX, ARGMIN, ARGMAX ---- */

#define min_of(a, b) ((a) < (b) ? (a) : (b))
#define max_of(a, b) ((a) > (b) ? (a) : (b))
#define FIELD_INT i
#define FIELD_UINT u
#define FIELD_BOOL u
#define IS_WORSE_min(a, b) ((a) > (b))
#define IS_WORSE_max(a, b) ((a) < (b))

/* One partial for a value or its first place: equals that come later never replace. */
#define DEFINE_EXTREME(T, field, order)                                                       \
    static void order##_##T(void *partial, const void *v, size_t n, uint64_t first)           \
    {                                                                                         \
        gp_partial_extreme *best = partial;                                                   \
        const T *x = v;                                                                       \
        if (n == 0) return;                                                                   \
        T m = x[0];                                                                           \
        for (size_t i = 1; i < n; i++) m = order##_of(x[i], m);                               \
        if (best->index >= 0 && (IS_WORSE_##order(m, best->value.field) ||                    \
                                 (m == best->value.field && (uint64_t)best->index < first)))  \
            return;                                                                           \
        size_t at = 0;                                                                        \
        while (x[at] != m) at++;                                                              \
        *best = (gp_partial_extreme){.value.field = m, .index = (int64_t)(first + at)};       \
    }
#define DEFINE_EXTREMES_(T, field) DEFINE_EXTREME(T, field, min) DEFINE_EXTREME(T, field, max)
#define DEFINE_EXTREMES(name, T, kind) DEFINE_EXTREMES_(T, FIELD_##kind)
GP_DTYPES_INTEGER(DEFINE_EXTREMES)

/* ---- COUNT ---- */

static void count_bool(void *partial, const void *v, size_t n, uint64_t first)
{
    (void)first;
    const uint8_t *x = v;
    uint64_t count = 0;
    /* 128 bytes at a time, so that the lanes of a byte each cannot overflow. */
    for (; n >= 128; n -= 128, x += 128) {
        uint8_t lane[16] = {0};
        for (int i = 0; i < 128; i += 16) {
            for (int j = 0; j < 16; j++) lane[j] += x[i + j] != 0;
        }
        for (int j = 0; j < 16; j++) count += lane[j];
    }
    for (size_t i = 0; i < n; i++) count += x[i] != 0;
    ((gp_partial_count *)partial)->count += count;
}

/* ---- The table ---- */

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

const gp_cpu_reducers GP_ISA_NAME(gp_cpu_reducers) = {
    .name = TEXT_OF(GP_ISA),
    .reduce =
        {
#define SUM_OF(name, T, kind) [GPUPROC_##name] = sum_##T,
#define PROD_OF(name, T, kind) [GPUPROC_##name] = prod_##T,
#define MIN_OF(name, T, kind) [GPUPROC_##name] = min_##T,
#define MAX_OF(name, T, kind) [GPUPROC_##name] = max_##T,
            [GP_REDUCE_SUM] = {GP_DTYPES_INTEGER(SUM_OF)[GPUPROC_BOOL] = sum_uint8_t,
                               [GPUPROC_FLOAT32] = cpu_sum_f4, [GPUPROC_FLOAT64] = cpu_sum_f8},
            [GP_REDUCE_PROD] = {GP_DTYPES_INTEGER(PROD_OF)[GPUPROC_BOOL] = prod_uint8_t,
                                [GPUPROC_FLOAT32] = cpu_prod_f4, [GPUPROC_FLOAT64] = cpu_prod_f8},
            [GP_REDUCE_MIN] = {GP_DTYPES_INTEGER(MIN_OF)[GPUPROC_BOOL] = min_uint8_t,
                               [GPUPROC_FLOAT32] = cpu_min_f4, [GPUPROC_FLOAT64] = cpu_min_f8},
            [GP_REDUCE_MAX] = {GP_DTYPES_INTEGER(MAX_OF)[GPUPROC_BOOL] = max_uint8_t,
                               [GPUPROC_FLOAT32] = cpu_max_f4, [GPUPROC_FLOAT64] = cpu_max_f8},
            [GP_REDUCE_ARGMIN] = {GP_DTYPES_INTEGER(MIN_OF)[GPUPROC_BOOL] = min_uint8_t,
                                  [GPUPROC_FLOAT32] = cpu_argmin_f4,
                                  [GPUPROC_FLOAT64] = cpu_argmin_f8},
            [GP_REDUCE_ARGMAX] = {GP_DTYPES_INTEGER(MAX_OF)[GPUPROC_BOOL] = max_uint8_t,
                                  [GPUPROC_FLOAT32] = cpu_argmax_f4,
                                  [GPUPROC_FLOAT64] = cpu_argmax_f8},
            [GP_REDUCE_MOMENTS] = {[GPUPROC_FLOAT32] = cpu_moments_f4,
                                   [GPUPROC_FLOAT64] = cpu_moments_f8},
            [GP_REDUCE_COUNT] = {[GPUPROC_BOOL] = count_bool},
        },
    .many = {[GP_REDUCE_SUM] = {[GPUPROC_FLOAT32] = cpu_sum_many_f4}},
    .summary = {[GPUPROC_FLOAT32] = cpu_summary_f4},
};
