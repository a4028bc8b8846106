/* Operations with dtypes of their own: complex numbers' parts, random bits, tables. */
#include "device/cpu/isa/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- Complex numbers: their parts ---- */

#define PARTS(DT, T)                                                            \
    uint32_t GP_FN(REAL, DT)(GP_LOOP_ARGS)                                      \
    {                                                                           \
        (void)pb, (void)pc;                                                     \
        T *d = dst;                                                             \
        const T *a = pa;                                                        \
        for (size_t i = 0; i < n; i++) d[i] = a[2 * i];                         \
        return 0;                                                               \
    }                                                                           \
    uint32_t GP_FN(IMAG, DT)(GP_LOOP_ARGS)                                      \
    {                                                                           \
        (void)pb, (void)pc;                                                     \
        T *d = dst;                                                             \
        const T *a = pa;                                                        \
        for (size_t i = 0; i < n; i++) d[i] = a[2 * i + 1];                     \
        return 0;                                                               \
    }
PARTS(COMPLEX64, float)
PARTS(COMPLEX128, double)

#define PACK(DT, T)                                                             \
    uint32_t GP_FN(PACK, DT)(GP_LOOP_ARGS)                                      \
    {                                                                           \
        (void)pc;                                                               \
        T *restrict d = dst;                                                    \
        const T *a = pa, *b = pb;                                               \
        for (size_t i = 0; i < n; i++) {                                        \
            d[2 * i] = a[i];                                                    \
            d[2 * i + 1] = b[i];                                                \
        }                                                                       \
        return 0;                                                               \
    }
PACK(FLOAT32, float)
PACK(FLOAT64, double)

/* ---- Random bits: Philox 4x32-10 (Salmon and others, 2011) ---- */

#define ROUNDS(C0, C1, C2, C3, K0, K1, WORD, PRODUCT, HIGH)                     \
    for (int round = 0; round < 10; round++) {                                  \
        const PRODUCT p0 = MULTIPLY(C0, 0xD2511F53), p1 = MULTIPLY(C2, 0xCD9E8D57); \
        C0 = HIGH(p1) ^ C1 ^ K0;                                                \
        C1 = (WORD)p1;                                                          \
        C2 = HIGH(p0) ^ C3 ^ K1;                                                \
        C3 = (WORD)p0;                                                          \
        K0 += 0x9E3779B9u;                                                      \
        K1 += 0xBB67AE85u;                                                      \
    }

static inline uint64_t philox(uint64_t counter, uint64_t key)
{
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
#define MULTIPLY(x, m) ((uint64_t)(x) * (m))
#define HIGH(p) (uint32_t)((p) >> 32)
    ROUNDS(c0, c1, c2, c3, k0, k1, uint32_t, uint64_t, HIGH)
#undef MULTIPLY
#undef HIGH
    return c0 | (uint64_t)c1 << 32;
}

/* Several at a time, a word in the lower half of each lane: compilers do not find out that the
 * multiplication needs those halves only. What the upper halves hold does not matter. */
#if defined(GP_ISA_avx512)
#define LANES 8
#define MULTIPLY(x, m) (words)_mm512_mul_epu32((__m512i)(x), _mm512_set1_epi64(INT64_C(m)))
#elif defined(GP_ISA_avx2)
#define LANES 4
#define MULTIPLY(x, m) (words)_mm256_mul_epu32((__m256i)(x), _mm256_set1_epi64x(INT64_C(m)))
#elif defined(__SSE2__)
#define LANES 2
#define MULTIPLY(x, m) (words)_mm_mul_epu32((__m128i)(x), _mm_set1_epi64x(INT64_C(m)))
#else
#define LANES 1
#endif

#if LANES > 1
typedef uint64_t words __attribute__((vector_size(8 * LANES)));

static inline words philox_words(words counter, words key)
{
    words c0 = counter, c1 = counter >> 32, c2 = counter ^ counter, c3 = c2;
    words k0 = key, k1 = key >> 32;
#define HIGH(p) ((p) >> 32)
    ROUNDS(c0, c1, c2, c3, k0, k1, words, words, HIGH)
#undef HIGH
    return (c0 & UINT32_MAX) | c1 << 32;
}
#endif

uint32_t GP_FN(RANDBITS, UINT64)(GP_LOOP_ARGS)
{
    (void)pc;
    uint64_t *d = dst;
    const uint64_t *a = pa, *b = pb;
    size_t i = 0;
#if LANES > 1
    for (; i + LANES <= n; i += LANES) {
        words counter, key;
        memcpy(&counter, a + i, sizeof counter);
        memcpy(&key, b + i, sizeof key);
        counter = philox_words(counter, key);
        memcpy(d + i, &counter, sizeof counter);
    }
#endif
    for (; i < n; i++) d[i] = philox(a[i], b[i]);
    return 0;
}

GP_LOOP2(MULHI, UINT64, uint64_t, uint64_t, (uint64_t)((unsigned __int128)x * y >> 64))

/* ---- Tables ---- */

/* E: the type that is copied; C: what an element becomes on its way. */
#define TAKE(DT, E, C)                                                          \
    uint32_t GP_FN(TAKE, DT)(GP_LOOP_ARGS)                                      \
    {                                                                           \
        (void)pc;                                                               \
        const gp_cpu_table *table = pa;                                         \
        const E *element = table->element, none = {0};                          \
        const int64_t *b = pb;                                                  \
        E *d = dst;                                                             \
        uint32_t flags = 0;                                                     \
        for (size_t i = 0; i < n; i++) {                                        \
            const uint64_t at = (uint64_t)b[i];                                 \
            if (at < table->count) {                                            \
                const E x = element[at];                                        \
                d[i] = C(x);                                                    \
            } else {                                                            \
                d[i] = none;                                                    \
                flags = GP_FLAG_INDEX;                                          \
            }                                                                   \
        }                                                                       \
        return flags;                                                           \
    }
typedef struct pair_f4 { float part[2]; } pair_f4;
typedef struct pair_f8 { double part[2]; } pair_f8;
#define AS_IT_IS(x) (x)
#define TRUTH(x) ((x) != 0)
TAKE(BOOL, uint8_t, TRUTH)
#define TAKE_NUMBER(DT, T, U) TAKE(DT, T, AS_IT_IS)
GP_EACH_NUMBER(TAKE_NUMBER)
TAKE(FLOAT16, uint16_t, AS_IT_IS)
TAKE(COMPLEX64, pair_f4, AS_IT_IS)
TAKE(COMPLEX128, pair_f8, AS_IT_IS)

/* The numbers of checks are all the same in practice: one constant. */
uint32_t GP_FN(CHECK, BOOL)(GP_LOOP_ARGS)
{
    (void)pc;
    uint8_t *d = dst;
    const uint8_t *a = pa;
    const int64_t *b = pb;
    uint32_t flags = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t bad = a[i] != 0;
        flags |= (uint32_t)bad << (GP_FLAG_CHECK + (b[i] & 31)) % 32;
        d[i] = bad;
    }
    return flags;
}

/* How many elements of the sorted table come before v: LEFT those below it, RIGHT those not above.
 * NaN comes after every number. One step per halving, without a branch on the data. */
#define SEARCH(OP, DT, T, BEFORE)                                               \
    uint32_t GP_FN(OP, DT)(GP_LOOP_ARGS)                                        \
    {                                                                           \
        (void)pc;                                                               \
        const gp_cpu_table *table = pa;                                         \
        const T *b = pb;                                                        \
        int64_t *d = dst;                                                       \
        for (size_t i = 0; i < n; i++) {                                        \
            const T v = b[i];                                                   \
            const T *base = table->element;                                     \
            uint64_t left = table->count;                                       \
            while (left > 0) {                                                  \
                const uint64_t half = left - left / 2;                          \
                const T x = base[half - 1];                                     \
                base += BEFORE(x, v) ? half : 0;                                \
                left /= 2;                                                      \
            }                                                                   \
            d[i] = base - (const T *)table->element;                            \
        }                                                                       \
        return 0;                                                               \
    }
#define LESS(x, v) ((x) < (v))
#define NOT_ABOVE(x, v) ((x) <= (v))
#define SEARCH_INTEGER(DT, T, U)                                                \
    SEARCH(SEARCHLEFT, DT, T, LESS)                                             \
    SEARCH(SEARCHRIGHT, DT, T, NOT_ABOVE)
GP_EACH_INTEGER(SEARCH_INTEGER)

#define LESS_TRUTH(x, v) (((x) != 0) < ((v) != 0))
#define NOT_ABOVE_TRUTH(x, v) (((x) != 0) <= ((v) != 0))
SEARCH(SEARCHLEFT, BOOL, uint8_t, LESS_TRUTH)
SEARCH(SEARCHRIGHT, BOOL, uint8_t, NOT_ABOVE_TRUTH)

#define LESS_FLOAT(x, v) (((x) < (v)) | (((v) != (v)) & ((x) == (x))))
#define NOT_ABOVE_FLOAT(x, v) (((x) <= (v)) | ((v) != (v)))
#define SEARCH_FLOAT(DT, T, U)                                                  \
    SEARCH(SEARCHLEFT, DT, T, LESS_FLOAT)                                       \
    SEARCH(SEARCHRIGHT, DT, T, NOT_ABOVE_FLOAT)
GP_EACH_FLOAT(SEARCH_FLOAT)
