/* The loops of scan_ops.h, the text of which is compiled once per instruction set: by scan_base.c,
 * scan_avx2.c and scan_avx512.c, which say to which table (GP_SCAN_SET) it leads. Not by GP_CLONES:
 * gcc takes vectors apart before it makes the clones. */
#include "fold/scan_ops.h"

#ifdef __AVX__
#include <immintrin.h>
#endif

#include "base/memory.h"
#include "base/past_cache.h"
#include "fold/double_double.h"
#include "fold/keys.h"

#if defined(__GNUC__) && !defined(__clang__)
/* gcc 12 takes vectors that are made of one element for not initialised in some clones. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

typedef double v8d __attribute__((vector_size(64)));
typedef int64_t v8i __attribute__((vector_size(64)));
typedef uint64_t v8u __attribute__((vector_size(64)));

#ifdef __AVX512F__
#define WIDEN(v) ((v8d)_mm512_cvtps_pd((__m256)(v)))
#else
#define WIDEN(v) __builtin_convertvector(v, v8d)
#endif

/* v moved up by k elements, `fill` moving in. */
#define UP1(v, fill) __builtin_shufflevector(fill, v, 7, 8, 9, 10, 11, 12, 13, 14)
#define UP2(v, fill) __builtin_shufflevector(fill, v, 6, 7, 8, 9, 10, 11, 12, 13)
#define UP4(v, fill) __builtin_shufflevector(fill, v, 4, 5, 6, 7, 8, 9, 10, 11)
/* The same, moved down. */
#define DOWN1(v, fill) __builtin_shufflevector(v, fill, 1, 2, 3, 4, 5, 6, 7, 8)
#define DOWN2(v, fill) __builtin_shufflevector(v, fill, 2, 3, 4, 5, 6, 7, 8, 9)
#define DOWN4(v, fill) __builtin_shufflevector(v, fill, 4, 5, 6, 7, 8, 9, 10, 11)
#define LAST(v) __builtin_shufflevector(v, v, 7, 7, 7, 7, 7, 7, 7, 7)
#define FIRST(v) __builtin_shufflevector(v, v, 0, 0, 0, 0, 0, 0, 0, 0)
#define ALL(type, x) ((type){x, x, x, x, x, x, x, x})

/* Which NaN an operation gives depends on the instruction; one goes out. */
GP_INTO float one_nan_FLOAT32(float x) { return x != x ? __builtin_nanf("") : x; }
GP_INTO double one_nan_FLOAT64(double x) { return x != x ? __builtin_nan("") : x; }

/* Each kind: a value (one), eight of them (eight), how two join, and what joins without effect. */

/* ---- float64 sums of float32 ---- */
typedef struct plain_one { double sum; } plain_one;
typedef struct plain_eight { v8d sum; } plain_eight;
#define plain_words 1
#define plain_ends(v, ENDS) {ENDS((v).sum)}
#define plain_neutral ((plain_one){-0.0})
#define plain_join(a, b) {(a).sum + (b).sum}
#define plain_join8 plain_join
/* The same sum from the units that multiply, which some processors have apart from those that add. */
#ifdef __AVX512F__
#define plain_join8_too(a, b) {(v8d)_mm512_fmadd_pd((__m512d)(a).sum, _mm512_set1_pd(1), (__m512d)(b).sum)}
#else
#define plain_join8_too plain_join8
#endif
#define plain_up(v, UP) {UP((v).sum, ALL(v8d, -0.0))}
#define plain_spread(s) {ALL(v8d, (s).sum)}
#define plain_last(v) {(v).sum[7]}
GP_INTO void plain_store(gp_scan_word *w, uint64_t p, plain_one s) { (void)p; w[0].f = s.sum; }
GP_INTO plain_one plain_load(const gp_scan_word *w, uint64_t p) { (void)p; return (plain_one){w[0].f}; }
GP_INTO plain_one plain_FLOAT32(float x) { return (plain_one){(double)x}; }
GP_INTO float plain_back_FLOAT32(plain_one s) { return one_nan_FLOAT32((float)s.sum); }

/* ---- Double-double sums of float64 ---- */
typedef struct twice_one { double high, low; } twice_one;
typedef struct twice_eight { v8d high, low; } twice_eight;
#define twice_words 2
#define twice_ends(v, ENDS) {ENDS((v).high), ENDS((v).low)}
#define twice_neutral ((twice_one){-0.0, 0})
#define TWO_SUM_ERROR(a, b, s) (((a) - ((s) - ((s) - (a)))) + ((b) - ((s) - (a))))
#define twice_join(a, b) \
    {(a).high + (b).high, ((a).low + (b).low) + TWO_SUM_ERROR((a).high, (b).high, (a).high + (b).high)}
#define twice_join8 twice_join
#define twice_join8_too twice_join8
#define twice_up(v, UP) {UP((v).high, ALL(v8d, -0.0)), UP((v).low, ALL(v8d, 0.0))}
#define twice_spread(s) {ALL(v8d, (s).high), ALL(v8d, (s).low)}
#define twice_last(v) {(v).high[7], (v).low[7]}
GP_INTO void twice_store(gp_scan_word *w, uint64_t p, twice_one s) { w[0].f = s.high, w[p].f = s.low; }
GP_INTO twice_one twice_load(const gp_scan_word *w, uint64_t p) { return (twice_one){w[0].f, w[p].f}; }
GP_INTO twice_one twice_FLOAT64(double x) { return (twice_one){x, 0}; }
GP_INTO double twice_back_FLOAT64(twice_one s) { return one_nan_FLOAT64(gp_dd_round(s.high, s.low)); }

/* ---- Sums and products of integers ---- */
#define WORD_KIND(kind)                                                                          \
    typedef struct kind##_one { uint64_t word; } kind##_one;                                                  \
    typedef struct kind##_eight { v8u word; } kind##_eight;                                                   \
    GP_INTO void kind##_store(gp_scan_word *w, uint64_t p, kind##_one s) { (void)p; w[0].u = s.word; }        \
    GP_INTO kind##_one kind##_load(const gp_scan_word *w, uint64_t p) { (void)p; return (kind##_one){w[0].u}; }
WORD_KIND(word)
WORD_KIND(power)
#define word_words 1
#define word_ends(v, ENDS) {ENDS((v).word)}
#define word_neutral ((word_one){0})
#define word_join(a, b) {(a).word + (b).word}
#define word_join8 word_join
#define word_up(v, UP) {UP((v).word, ALL(v8u, 0))}
#define word_spread(s) {ALL(v8u, (s).word)}
#define word_last(v) {(v).word[7]}
#define power_words 1
#define power_ends word_ends
#define power_neutral ((power_one){1})
#define power_join(a, b) {(a).word * (b).word}
#define power_join8 power_join
#define power_up(v, UP) {UP((v).word, ALL(v8u, 1))}
#define power_spread word_spread
#define power_last word_last
#define X(name, type, k)                                                                       \
    GP_INTO word_one word_##name(type x) { return (word_one){(uint64_t)x}; }                   \
    GP_INTO type word_back_##name(word_one s) { return (type)s.word; }                         \
    GP_INTO power_one power_##name(type x) { return (power_one){(uint64_t)x}; }                \
    GP_INTO type power_back_##name(power_one s) { return (type)s.word; }
GP_DTYPES_INTEGER(X)
#undef X

/* ---- Minima of keys: of minima and of maxima ---- */
#define KEY_KIND(kind)                                                                                        \
    typedef struct kind##_one { int64_t key; } kind##_one;                                                    \
    typedef struct kind##_eight { v8i key; } kind##_eight;                                                    \
    GP_INTO void kind##_store(gp_scan_word *w, uint64_t p, kind##_one s) { (void)p; w[0].i = s.key; }         \
    GP_INTO kind##_one kind##_load(const gp_scan_word *w, uint64_t p) { (void)p; return (kind##_one){w[0].i}; }
KEY_KIND(least)
KEY_KIND(most)
#define least_words 1
#define least_ends(v, ENDS) {ENDS((v).key)}
#define least_neutral ((least_one){INT64_MAX})
#define least_join(a, b) {(b).key < (a).key ? (b).key : (a).key}
#define least_join8(a, b) {((b).key & ((b).key < (a).key)) | ((a).key & ~((b).key < (a).key))}
#define least_up(v, UP) {UP((v).key, ALL(v8i, INT64_MAX))}
#define least_spread(s) {ALL(v8i, (s).key)}
#define least_last(v) {(v).key[7]}
#define most_words 1
#define most_ends least_ends
#define most_neutral ((most_one){INT64_MAX})
#define most_join least_join
#define most_join8 least_join8
#define most_up least_up
#define most_spread least_spread
#define most_last least_last
#define X(name, type, k)                                                                              \
    GP_INTO least_one least_##name(type x) { return (least_one){gp_key_min_##name(x)}; }              \
    GP_INTO type least_back_##name(least_one s) { return gp_key_value_##name(s.key, false); }         \
    GP_INTO most_one most_##name(type x) { return (most_one){gp_key_max_##name(x)}; }                 \
    GP_INTO type most_back_##name(most_one s) { return gp_key_value_##name(s.key, true); }
GP_DTYPES(X)
#undef X

/* ---- Products of floats: only one after the other ---- */
typedef struct product_one { double value; } product_one;
#define product_words 1
#define product_neutral ((product_one){1})
#define product_join(a, b) {(a).value * (b).value}
GP_INTO void product_store(gp_scan_word *w, uint64_t p, product_one s) { (void)p; w[0].f = s.value; }
GP_INTO product_one product_load(const gp_scan_word *w, uint64_t p) { (void)p; return (product_one){w[0].f}; }
GP_INTO product_one product_FLOAT32(float x) { return (product_one){(double)x}; }
GP_INTO float product_back_FLOAT32(product_one s) { return one_nan_FLOAT32((float)s.value); }
GP_INTO product_one product_FLOAT64(double x) { return (product_one){x}; }
GP_INTO double product_back_FLOAT64(product_one s) { return one_nan_FLOAT64(s.value); }

/* ---- The loops ---- */

#define SCAN_PLAIN(kind, name, type)                                                                        \
    static void kind##_sequence_##name(gp_scan_word *value, const void *data, void *result, uint64_t n) \
    {                                                                                                       \
        const type *x = data;                                                                               \
        type *out = result;                                                                                 \
        kind##_one s = kind##_load(value, 1);                                                               \
        for (uint64_t i = 0; i < n; i++) {                                                                  \
            kind##_one next = kind##_##name(x[i]), sum = kind##_join(s, next);                              \
            s = sum;                                                                                        \
            out[i] = kind##_back_##name(s);                                                                 \
        }                                                                                                   \
        kind##_store(value, 1, s);                                                                          \
    }                                                                                                       \
    static void kind##_rows_##name(gp_scan_word *value, uint64_t plane, const void *data,         \
                                             void *result, uint64_t rows, uint64_t width, uint64_t step)    \
    {                                                                                                       \
        for (uint64_t r = 0; r < rows; r++) {                                                               \
            const type *x = (const type *)data + r * step;                                                  \
            type *out = (type *)result + r * step;                                                          \
            GP_APART for (uint64_t j = 0; j < width; j++) {                                     \
                kind##_one s = kind##_load(value + j, plane), next = kind##_##name(x[j]);                   \
                kind##_one sum = kind##_join(s, next);                                                      \
                kind##_store(value + j, plane, sum);                                                        \
                out[j] = kind##_back_##name(sum);                                                           \
            }                                                                                               \
        }                                                                                                   \
    }

/* Windows: `after` and what it is joined with come from the block before (see scan_ops.h). */
#define SCAN_WINDOW(kind, name, type)                                                                       \
    static void kind##_window_rows_##name(gp_scan_word *value, uint64_t plane,                    \
                                                    const gp_scan_word *after, uint64_t after_plane,        \
                                                    const void *data, void *result, uint64_t width)         \
    {                                                                                                       \
        const type *x = data;                                                                               \
        type *out = result;                                                                                 \
        GP_APART for (uint64_t j = 0; j < width; j++) {                                         \
            kind##_one s = kind##_load(value + j, plane), next = kind##_##name(x[j]);                       \
            kind##_one sum = kind##_join(s, next);                                                          \
            kind##_store(value + j, plane, sum);                                                            \
            if (out != NULL) {                                                                              \
                kind##_one earlier = kind##_load(after + j, after_plane), both = kind##_join(earlier, sum); \
                out[j] = kind##_back_##name(both);                                                          \
            }                                                                                               \
        }                                                                                                   \
    }                                                                                                       \
    static void kind##_after_rows_##name(gp_scan_word *after, uint64_t plane, const void *data,   \
                                                   uint64_t rows, uint64_t width, uint64_t step)            \
    {                                                                                                       \
        for (uint64_t r = rows; r-- > 0;) {                                                                 \
            const type *x = (const type *)data + r * step;                                                  \
            gp_scan_word *to = after + r * step;                                                            \
            GP_APART for (uint64_t j = 0; j < width; j++) {                                     \
                kind##_one later = kind##_load(to + step + j, plane), one = kind##_##name(x[j]);            \
                kind##_one sum = kind##_join(one, later);                                                   \
                kind##_store(to + j, plane, sum);                                                           \
            }                                                                                               \
        }                                                                                                   \
    }                                                                                                       \
    static void kind##_direct_##name(const void *data, void *result, uint64_t n, uint64_t size,   \
                                               uint64_t step)                                               \
    {                                                                                                       \
        const type *x = data;                                                                               \
        type *out = result;                                                                                 \
        gp_scan_word w[kind##_words * 64];                                                                  \
        for (uint64_t i = 0; i < n; i += 64) {                                                              \
            const uint64_t m = gp_min_u64(64, n - i);                                                       \
            for (uint64_t j = 0; j < m; j++) kind##_store(w + j, 64, kind##_##name(x[i + j]));              \
            for (uint64_t k = 1; k < size; k++) {                                                           \
                const type *y = x + i + k * step;                                                           \
                for (uint64_t j = 0; j < m; j++) {                                                          \
                    kind##_one s = kind##_load(w + j, 64), next = kind##_##name(y[j]);                      \
                    kind##_one sum = kind##_join(s, next);                                                  \
                    kind##_store(w + j, 64, sum);                                                           \
                }                                                                                           \
            }                                                                                               \
            for (uint64_t j = 0; j < m; j++) out[i + j] = kind##_back_##name(kind##_load(w + j, 64));       \
        }                                                                                                   \
    }

#define SCAN_JOIN(kind)                                                                   \
    static void kind##_merge(gp_scan_word to[2], const gp_scan_word next[2])              \
    {                                                                                     \
        kind##_one a = kind##_load(to, 1), b = kind##_load(next, 1), sum = kind##_join(a, b); \
        kind##_store(to, 1, sum);                                                         \
    }

/* Eight elements (v); those before them in the block (ahead, eight times the same, which goes on without
 * waiting for them to be put in place). */
#define EIGHT_BY(kind, v, ONE, TWO, FOUR, ENDS)                             \
    {                                                                       \
        kind##_eight up1 = kind##_up(v, ONE), a = kind##_join8(up1, v);     \
        kind##_eight up2 = kind##_up(a, TWO), b = kind##_join8(up2, a);     \
        kind##_eight up4 = kind##_up(b, FOUR), c = kind##_join8(up4, b);    \
        kind##_eight sum = kind##_join8(ahead, c), end = kind##_ends(c, ENDS); \
        kind##_eight next = kind##_join8(ahead, end);                       \
        v = sum;                                                            \
        ahead = next;                                                       \
    }
#define EIGHT(kind, v) EIGHT_BY(kind, v, UP1, UP2, UP4, LAST)
#define EIGHT_BACK(kind, v) EIGHT_BY(kind, v, DOWN1, DOWN2, DOWN4, FIRST)

#define SCAN_LINE(kind, name, type)                                                                         \
    static void kind##_line_##name(gp_line *line, const gp_scan_word *after, uint64_t plane,      \
                                             const void *data, void *result, uint64_t n)                    \
    {                                                                                                       \
        const type *x = data;                                                                               \
        type *out = result;                                                                                 \
        kind##_one carry = kind##_load(line->local, 1), before = kind##_load(line->before, 1);              \
        kind##_eight offset = kind##_spread(before), ahead = kind##_spread(carry);                          \
        while (n > 0) {                                                                                     \
            uint64_t open = line->at % 8;                                                                   \
            kind##_eight v;                                                                                 \
            gp_scan_word w[kind##_words * 8] __attribute__((aligned(64)));                                  \
            /* Whole groups: those of which nothing is given, those of windows, and the others. */          \
            const uint64_t eights = open == 0 ? n / 8 : 0;                                                  \
            if (out == NULL) {                                                                              \
                for (uint64_t i = 0; i < eights; i++) {                                                     \
                    FETCH(kind, name, v, x + 8 * i)                                                         \
                    EIGHT(kind, v)                                                                          \
                }                                                                                           \
            } else if (after != NULL) {                                                                     \
                const gp_scan_word *later = after + line->at + 1;                                           \
                for (uint64_t i = 0; i < eights; i++) {                                                     \
                    FETCH(kind, name, v, x + 8 * i)                                                         \
                    EIGHT(kind, v)                                                                          \
                    for (int p = 0; p < kind##_words; p++)                                                  \
                        memcpy((char *)&offset + 64 * p, later + (uint64_t)p * plane + 8 * i, 64);          \
                    kind##_eight sum = kind##_join8(offset, v);                                             \
                    GIVE(kind, name, out + 8 * i, sum)                                                      \
                }                                                                                           \
                out += 8 * eights;                                                                          \
            } else {                                                                                        \
                for (uint64_t i = 0; i < eights; i++) {                                                     \
                    FETCH(kind, name, v, x + 8 * i)                                                         \
                    EIGHT(kind, v)                                                                          \
                    kind##_eight sum = kind##_join8(offset, v);                                             \
                    GIVE(kind, name, out + 8 * i, sum)                                                      \
                }                                                                                           \
                out += 8 * eights;                                                                          \
            }                                                                                               \
            n -= 8 * eights;                                                                                \
            line->at += 8 * eights;                                                                         \
            x += 8 * eights;                                                                                \
            if (n == 0) break;                                                                              \
            uint64_t more = gp_min_u64(8 - open, n);                                                        \
            type all[8] = {0};                                                                              \
            if (open > 0) memcpy(all, (const type *)line->kept + (line->at - open), open * sizeof(type));   \
            memcpy(all + open, x, more * sizeof(type));                                                     \
            for (uint64_t k = 0; k < 8; k++) {                                                              \
                kind##_one one = k < open + more ? kind##_##name(all[k]) : kind##_neutral;                  \
                kind##_store(w + k, 8, one);                                                                \
            }                                                                                               \
            memcpy(&v, w, sizeof v);                                                                        \
            kind##_eight ahead_before = ahead;                                                              \
            EIGHT(kind, v)                                                                                  \
            memcpy(w, &v, sizeof w);                                                                        \
            for (uint64_t k = open; k < open + more && out != NULL; k++) {                                  \
                kind##_one earlier = before, inside = kind##_load(w + k, 8);                                \
                if (after != NULL) earlier = kind##_load(after + line->at - open + k + 1, plane);           \
                kind##_one sum = kind##_join(earlier, inside);                                              \
                *out++ = kind##_back_##name(sum);                                                           \
            }                                                                                               \
            if (open + more != 8) ahead = ahead_before;                                                     \
            line->at += more;                                                                               \
            x += more;                                                                                      \
            n -= more;                                                                                      \
        }                                                                                                   \
        kind##_one last = kind##_last(ahead);                                                               \
        kind##_store(line->local, 1, last);                                                                 \
    }

/* A whole block, as 32 sums side by side. Nothing else depends on how its sum comes about. */
#define SCAN_TOTAL(kind, name, type)                                                              \
    static void kind##_total_##name(gp_scan_word total[2], const void *data)                      \
    {                                                                                             \
        const type *x = data;                                                                     \
        kind##_eight side[4], v;                                                                   \
        gp_scan_word w[kind##_words * 8] __attribute__((aligned(64), unused));                    \
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) FETCH(kind, name, side[j], x + 8 * j)  \
        for (int i = 32; i < GP_SCAN_BLOCK; i += 32) {                                            \
            for (size_t k = 0; k < 32 * sizeof(type); k += 64) {                                  \
                __builtin_prefetch((const char *)(x + i) + k + 2048, 0, 3);                       \
                __builtin_prefetch((const char *)(x + i) + k + 8192, 0, 2);                       \
            }                                                                                     \
            _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)                                   \
            {                                                                                     \
                FETCH(kind, name, v, x + i + 8 * j)                                               \
                kind##_eight both = kind##_join8(side[j], v);                                      \
                side[j] = both;                                                                    \
            }                                                                                     \
        }                                                                                         \
        kind##_eight one = kind##_join8(side[0], side[1]), two = kind##_join8(side[2], side[3]);          \
        kind##_eight ahead = kind##_spread(kind##_neutral);                                       \
        v = (kind##_eight)kind##_join8(one, two);                                                     \
        EIGHT(kind, v)                                                                            \
        kind##_one last = kind##_last(ahead);                                                     \
        kind##_store(total, 1, last);                                                             \
    }

/* The same from the end: groups of eight from the last element on. after[n] is there already. */
#define SCAN_AFTER(kind, name, type)                                                                        \
    static void kind##_after_##name(gp_scan_word *after, uint64_t plane, const void *data, uint64_t n) \
    {                                                                                                       \
        const type *x = data;                                                                               \
        kind##_one carry = kind##_load(after + n, plane);                                                   \
        kind##_eight ahead = kind##_spread(carry);                                                          \
        kind##_eight v;                                                                                     \
        gp_scan_word w[kind##_words * 8] __attribute__((aligned(64)));                                      \
        for (; n >= 8; n -= 8) {                                                                            \
            FETCH(kind, name, v, x + n - 8)                                                                 \
            EIGHT_BACK(kind, v)                                                                             \
            for (int p = 0; p < kind##_words; p++)                                                          \
                memcpy(after + n - 8 + (uint64_t)p * plane, (const char *)&v + 64 * p, 64);                 \
        }                                                                                                   \
        if (n == 0) return;                                                                                 \
        for (uint64_t k = 0; k < 8; k++)                                                                    \
            kind##_store(w + k, 8, k < n ? kind##_##name(x[n - 1 - k]) : kind##_neutral);                   \
        memcpy(&v, w, sizeof v);                                                                            \
        EIGHT(kind, v)                                                                                      \
        memcpy(w, &v, sizeof w);                                                                            \
        for (uint64_t k = 0; k < n; k++) kind##_store(after + n - 1 - k, plane, kind##_load(w + k, 8));     \
    }

/* Eight elements as values, and values as elements: one by one, where there is nothing better. */
#define FETCH_ONES(kind, name, v, x)                                                     \
    {                                                                                    \
        for (int k = 0; k < 8; k++) kind##_store(w + k, 8, kind##_##name((x)[k]));       \
        memcpy(&v, w, sizeof v);                                                         \
    }
#define GIVE_ONES(kind, name, out, v)                                                            \
    {                                                                                            \
        memcpy(w, &v, sizeof w);                                                                 \
        for (int k = 0; k < 8; k++) (out)[k] = kind##_back_##name(kind##_load(w + k, 8));        \
    }
#define FETCH(kind, name, v, x) FETCH_##kind##_##name(kind, name, v, x)
#define GIVE(kind, name, out, v) GIVE_##kind##_##name(kind, name, out, v)

#define FETCH_word_INT8 FETCH_ONES
#define GIVE_word_INT8 GIVE_ONES
#define FETCH_word_INT16 FETCH_ONES
#define GIVE_word_INT16 GIVE_ONES
#define FETCH_word_INT32 FETCH_ONES
#define GIVE_word_INT32 GIVE_ONES
#define FETCH_word_INT64 FETCH_ONES
#define GIVE_word_INT64 GIVE_ONES
#define FETCH_word_UINT8 FETCH_ONES
#define GIVE_word_UINT8 GIVE_ONES
#define FETCH_word_UINT16 FETCH_ONES
#define GIVE_word_UINT16 GIVE_ONES
#define FETCH_word_UINT32 FETCH_ONES
#define GIVE_word_UINT32 GIVE_ONES
#define FETCH_word_UINT64 FETCH_ONES
#define GIVE_word_UINT64 GIVE_ONES
#define FETCH_power_INT8 FETCH_ONES
#define GIVE_power_INT8 GIVE_ONES
#define FETCH_power_INT16 FETCH_ONES
#define GIVE_power_INT16 GIVE_ONES
#define FETCH_power_INT32 FETCH_ONES
#define GIVE_power_INT32 GIVE_ONES
#define FETCH_power_INT64 FETCH_ONES
#define GIVE_power_INT64 GIVE_ONES
#define FETCH_power_UINT8 FETCH_ONES
#define GIVE_power_UINT8 GIVE_ONES
#define FETCH_power_UINT16 FETCH_ONES
#define GIVE_power_UINT16 GIVE_ONES
#define FETCH_power_UINT32 FETCH_ONES
#define GIVE_power_UINT32 GIVE_ONES
#define FETCH_power_UINT64 FETCH_ONES
#define GIVE_power_UINT64 GIVE_ONES
#define FETCH_least_BOOL FETCH_ONES
#define GIVE_least_BOOL GIVE_ONES
#define FETCH_least_INT8 FETCH_ONES
#define GIVE_least_INT8 GIVE_ONES
#define FETCH_least_INT16 FETCH_ONES
#define GIVE_least_INT16 GIVE_ONES
#define FETCH_least_INT32 FETCH_ONES
#define GIVE_least_INT32 GIVE_ONES
#define FETCH_least_INT64 FETCH_ONES
#define GIVE_least_INT64 GIVE_ONES
#define FETCH_least_UINT8 FETCH_ONES
#define GIVE_least_UINT8 GIVE_ONES
#define FETCH_least_UINT16 FETCH_ONES
#define GIVE_least_UINT16 GIVE_ONES
#define FETCH_least_UINT32 FETCH_ONES
#define GIVE_least_UINT32 GIVE_ONES
#define FETCH_least_UINT64 FETCH_ONES
#define GIVE_least_UINT64 GIVE_ONES
#define FETCH_least_FLOAT64 FETCH_ONES
#define GIVE_least_FLOAT64 GIVE_ONES
#define FETCH_most_BOOL FETCH_ONES
#define GIVE_most_BOOL GIVE_ONES
#define FETCH_most_INT8 FETCH_ONES
#define GIVE_most_INT8 GIVE_ONES
#define FETCH_most_INT16 FETCH_ONES
#define GIVE_most_INT16 GIVE_ONES
#define FETCH_most_INT32 FETCH_ONES
#define GIVE_most_INT32 GIVE_ONES
#define FETCH_most_INT64 FETCH_ONES
#define GIVE_most_INT64 GIVE_ONES
#define FETCH_most_UINT8 FETCH_ONES
#define GIVE_most_UINT8 GIVE_ONES
#define FETCH_most_UINT16 FETCH_ONES
#define GIVE_most_UINT16 GIVE_ONES
#define FETCH_most_UINT32 FETCH_ONES
#define GIVE_most_UINT32 GIVE_ONES
#define FETCH_most_UINT64 FETCH_ONES
#define GIVE_most_UINT64 GIVE_ONES
#define FETCH_most_FLOAT64 FETCH_ONES
#define GIVE_most_FLOAT64 GIVE_ONES

typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8s __attribute__((vector_size(32)));

#define FETCH_plain_FLOAT32(kind, name, v, x)                     \
    {                                                             \
        v8f narrow;                                               \
        memcpy(&narrow, x, sizeof narrow);                        \
        v.sum = WIDEN(narrow);                                    \
    }
#define GIVE_plain_FLOAT32(kind, name, out, v)                                        \
    {                                                                                 \
        v8f narrow = __builtin_convertvector((v).sum, v8f);                           \
        v8s is_nan = narrow != narrow;                                                \
        v8s bits = ((v8s)narrow & ~is_nan) | (0x7fc00000 & is_nan);                   \
        memcpy(out, &bits, sizeof bits);                                              \
    }
#define FETCH_twice_FLOAT64(kind, name, v, x)         \
    {                                                 \
        memcpy(&v.high, x, sizeof v.high);            \
        v.low = ALL(v8d, 0.0);                        \
    }
#define GIVE_twice_FLOAT64(kind, name, out, v)                                                    \
    {                                                                                             \
        v8d both = (v).high + (v).low;                                                            \
        v8i alone = ((v).low == 0.0) | (both != both);                                            \
        v8i bits = ((v8i)(v).high & alone) | ((v8i)both & ~alone);                                \
        v8i is_nan = (v8d)bits != (v8d)bits;                                                      \
        bits = (bits & ~is_nan) | (0x7ff8000000000000 & is_nan);                                  \
        memcpy(out, &bits, sizeof bits);                                                          \
    }
#define FETCH_KEY_FLOAT32(v, x, turn)                                         \
    {                                                                         \
        v8f narrow;                                                           \
        memcpy(&narrow, x, sizeof narrow);                                    \
        v8s bits = (v8s)narrow;                                               \
        bits ^= (bits >> 31) & INT32_MAX;                                     \
        v8i is_nan = __builtin_convertvector(narrow != narrow, v8i);          \
        v.key = turn __builtin_convertvector(bits, v8i);                      \
        v.key = (v.key & ~is_nan) | (INT64_MIN & is_nan);                     \
    }
#define GIVE_KEY_FLOAT32(out, v, turn)                                        \
    {                                                                         \
        v8i is_nan = (v).key == INT64_MIN;                                    \
        v8i key = turn (v).key;                                               \
        v8s bits = __builtin_convertvector(key, v8s);                         \
        bits ^= (bits >> 31) & INT32_MAX;                                     \
        v8s nan = __builtin_convertvector(is_nan, v8s);                       \
        bits = (bits & ~nan) | (0x7fc00000 & nan);                            \
        memcpy(out, &bits, sizeof bits);                                      \
    }
#define FETCH_least_FLOAT32(kind, name, v, x) FETCH_KEY_FLOAT32(v, x, +)
#define FETCH_most_FLOAT32(kind, name, v, x) FETCH_KEY_FLOAT32(v, x, ~)
#define GIVE_least_FLOAT32(kind, name, out, v) GIVE_KEY_FLOAT32(out, v, +)
#define GIVE_most_FLOAT32(kind, name, out, v) GIVE_KEY_FLOAT32(out, v, ~)

#include "fold/scan_long.h"
#include "fold/scan_ones.h"

#ifdef __AVX512F__
#define SCAN_EXACT_LINE SCAN_LINE
#define SCAN_EXACT_AFTER SCAN_AFTER
#else
#define SCAN_EXACT_LINE SCAN_ONES_LINE
#define SCAN_EXACT_AFTER SCAN_ONES_AFTER
#endif

SCAN_JOIN(plain)
SCAN_JOIN(twice)
SCAN_JOIN(word)
SCAN_JOIN(power)
SCAN_JOIN(least)
SCAN_JOIN(most)
SCAN_PLAIN(plain, FLOAT32, float)
SCAN_TOTAL(plain, FLOAT32, float)
SCAN_LONG_LINE(plain, FLOAT32, float)
SCAN_LONG_AFTER(plain, FLOAT32, float)
SCAN_WINDOW(plain, FLOAT32, float)
SCAN_PLAIN(twice, FLOAT64, double)
SCAN_TOTAL(twice, FLOAT64, double)
SCAN_LONG_LINE(twice, FLOAT64, double)
SCAN_LONG_AFTER(twice, FLOAT64, double)
SCAN_WINDOW(twice, FLOAT64, double)
SCAN_PLAIN(product, FLOAT32, float)
SCAN_PLAIN(product, FLOAT64, double)
#define SCAN_EXACT(kind, name, type) \
    SCAN_PLAIN(kind, name, type) SCAN_TOTAL(kind, name, type) SCAN_EXACT_LINE(kind, name, type)
#define SCAN_EXACT_WINDOWS(kind, name, type) \
    SCAN_EXACT(kind, name, type) SCAN_EXACT_AFTER(kind, name, type) SCAN_WINDOW(kind, name, type)
#define X(name, type, k) SCAN_EXACT_WINDOWS(word, name, type) SCAN_EXACT(power, name, type)
GP_DTYPES_INTEGER(X)
#undef X
#define X(name, type, k) SCAN_EXACT_WINDOWS(least, name, type) SCAN_EXACT_WINDOWS(most, name, type)
GP_DTYPES(X)
#undef X

/* ---- The table ---- */

static void copy(void *to, const void *from, size_t bytes) { gp_copy_past_cache(to, from, bytes); }

#define OPS(kind, name, ...)                                                                                \
    [GPUPROC_##name] = {kind##_words, copy, kind##_sequence_##name, kind##_rows_##name, kind##_line_##name,       \
                        kind##_total_##name, kind##_merge, kind##_after_##name, kind##_window_rows_##name,                       \
                        kind##_after_rows_##name, kind##_direct_##name, {__VA_ARGS__}},
#define OPS_POWER(name)                                                                                     \
    [GPUPROC_##name] = {1, copy, power_sequence_##name, power_rows_##name, power_line_##name, power_total_##name, power_merge, NULL, NULL, NULL, \
                        NULL, {{.u = 1}}},

static const gp_scan_ops sums[GP_DTYPE_COUNT] = {
#define X(name, type, k) OPS(word, name, {.u = 0})
    GP_DTYPES_INTEGER(X)
#undef X
    OPS(plain, FLOAT32, {.f = -0.0})
    OPS(twice, FLOAT64, {.f = -0.0}, {.f = 0})
};

static const gp_scan_ops products[GP_DTYPE_COUNT] = {
#define X(name, type, k) OPS_POWER(name)
    GP_DTYPES_INTEGER(X)
#undef X
    [GPUPROC_FLOAT32] = {1, copy, product_sequence_FLOAT32, product_rows_FLOAT32, NULL, NULL, NULL, NULL, NULL, NULL, NULL, {{.f = 1}}},
    [GPUPROC_FLOAT64] = {1, copy, product_sequence_FLOAT64, product_rows_FLOAT64, NULL, NULL, NULL, NULL, NULL, NULL, NULL, {{.f = 1}}},
};

static const gp_scan_ops minima[GP_DTYPE_COUNT] = {
#define X(name, type, k) OPS(least, name, {.i = INT64_MAX})
    GP_DTYPES(X)
#undef X
};

static const gp_scan_ops maxima[GP_DTYPE_COUNT] = {
#define X(name, type, k) OPS(most, name, {.i = INT64_MAX})
    GP_DTYPES(X)
#undef X
};

const gp_scan_ops *GP_SCAN_SET(gp_op op, gp_dtype dtype)
{
    const gp_scan_ops *ops = op == GP_OP_CUMSUM || op == GP_OP_WINSUM || op == GP_OP_WINMEAN ? &sums[dtype]
                             : op == GP_OP_CUMPROD ? &products[dtype]
                             : op == GP_OP_CUMMIN || op == GP_OP_WINMIN ? &minima[dtype]
                                                   : &maxima[dtype];
    return ops->planes == 0 ? NULL : ops;
}
