/* Lines of floats, 64 elements at a time; a part of scan_loops.h.
 *
 * Column k of a group has its elements k, 8 + k, 16 + k and so on: eight neighbours are summed by adding columns
 * to columns, and only the eight totals go through the three steps of EIGHT. For sums whose joins
 * cost much that is half the work of eight elements at a time. */

/* What results are divided by, 0 being nothing, and 1 / by as a sum of two floats; NaN: divide. */
typedef struct divisor {
    double by;
    float high, low;
} divisor;

static divisor divisor_of(double by)
{
    if (by < 1 || by > 1 << 22) return (divisor){by, __builtin_nanf(""), 0};
    float high = (float)(1 / by);
    return (divisor){by, high, (float)(1 / by - high)};
}

#define COLUMNS(i) _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++)

#define LANES_BY(kind, total, earlier, ahead, ONE, TWO, FOUR, ENDS)                        \
    {                                                                                      \
        kind##_eight up1 = kind##_up(total, ONE), a = kind##_join8(up1, total);            \
        kind##_eight up2 = kind##_up(a, TWO), b = kind##_join8(up2, a);                    \
        kind##_eight up4 = kind##_up(b, FOUR), c = kind##_join8(up4, b);                   \
        kind##_eight less = kind##_up(c, ONE), end = kind##_ends(c, ENDS);                 \
        kind##_eight first = kind##_join8(ahead, less), on = kind##_join8(ahead, end);   \
        earlier = first;                                                                   \
        ahead = on;                                                                        \
    }

/* Columns become sums of their eight up to them, from the first element on or from the last; then `earlier` is
 * what stands before (behind) each eight of them, and `ahead` goes on. */
#define SUM_EIGHTS(kind, column)                                      \
    _Pragma("GCC unroll 8") for (int k = 1; k < 8; k++)               \
    {                                                                 \
        kind##_eight sum = kind##_join8(column[k - 1], column[k]);    \
        column[k] = sum;                                              \
    }
#define SUM_EIGHTS_BACK(kind, column)                                 \
    _Pragma("GCC unroll 8") for (int k = 6; k >= 0; k--)              \
    {                                                                 \
        kind##_eight sum = kind##_join8(column[k + 1], column[k]);    \
        column[k] = sum;                                              \
    }
#define LANES(kind, column, earlier, ahead) LANES_BY(kind, column[7], earlier, ahead, UP1, UP2, UP4, LAST)
#define LANES_BACK(kind, column, earlier, ahead) LANES_BY(kind, column[0], earlier, ahead, DOWN1, DOWN2, DOWN4, FIRST)

/* Whole groups: from(i) has the elements of the i-th; give(i, column, earlier) takes it. */
#define GROUPS_IN_TURN(kind, name, count, way, from, give)            \
    for (uint64_t i = 0; i < (count); i++) {                          \
        FETCH64_##kind##_##name(column, from(i))                      \
        SUM_EIGHTS##way(kind, column)                                 \
        LANES##way(kind, column, earlier, ahead)                      \
        give(kind, name, i)                                           \
    }
/* A group is given after the next one has begun: sums of lanes wait for one another longer than a processor looks
 * ahead. It takes twice the registers. */
#define GROUPS_OVERLAPPED(kind, name, count, way, from, give)         \
    if ((count) > 0) {                                                \
        kind##_eight next[8];                                         \
        uint64_t i = 0;                                               \
        FETCH64_##kind##_##name(column, from(0))                      \
        SUM_EIGHTS##way(kind, column)                                 \
        LANES##way(kind, column, earlier, ahead)                      \
        for (; i + 1 < (count); i++) {                                \
            FETCH64_##kind##_##name(next, from(i + 1))                \
            SUM_EIGHTS##way(kind, next)                               \
            give(kind, name, i)                                       \
            LANES##way(kind, next, earlier, ahead)                    \
            COLUMNS(k) column[k] = next[k];                           \
        }                                                             \
        give(kind, name, i)                                           \
    }
#define twice_GROUPS GROUPS_IN_TURN
#ifdef __AVX512F__
#define plain_GROUPS GROUPS_OVERLAPPED
#else
#define plain_GROUPS GROUPS_IN_TURN
#endif
#define JOIN_COLUMNS(kind, earlier, column)                       \
    COLUMNS(k)                                                    \
    {                                                             \
        kind##_eight sum = kind##_join8_too(earlier, column[k]);  \
        column[k] = sum;                                          \
    }

/* Where element i of a group lies in its columns. */
#define AT(i) ((i) % 8 * 8 + (i) / 8)
#define LOAD_COLUMNS(kind, column, w, plane)                                                                    \
    COLUMNS(k)                                                                                                  \
    {                                                                                                           \
        for (int p = 0; p < kind##_words; p++) memcpy((char *)&column[k] + 64 * p, (w) + (uint64_t)p * (plane) + 8 * k, 64); \
    }
#define STORE_COLUMNS(kind, w, plane, column)                                                                   \
    COLUMNS(k)                                                                                                  \
    {                                                                                                           \
        for (int p = 0; p < kind##_words; p++) memcpy((w) + (uint64_t)p * (plane) + 8 * k, (const char *)&column[k] + 64 * p, 64); \
    }

#define GROUP_OF_LINE(i) (x + 64 * (i))
/* Memory is asked for what comes some groups later: into the first cache, and further on into the second. */
#define ASK(from, bytes, level) \
    for (size_t k = 0; k < 64 * sizeof *x; k += 64) __builtin_prefetch((const char *)(from) + k + (bytes), 0, level);
/* The group given before goes past the caches, in whole lines of these: one group after the other, for a processor
 * has but few lines on their way at a time. The first group has perhaps a line that is not whole, and stays. */
#define GO_PAST(i)                                                                                              \
    if (past != 0 && (i) >= 2) {                                                                                \
        char *from = (char *)((uintptr_t)to & ~(uintptr_t)63) + ((i) - 1) * 64 * sizeof *to;                    \
        _Pragma("GCC unroll 8") for (size_t k = 0; k < 64 * sizeof *to; k += 64) gp_line_past_cache(from + past + k, from + k); \
    }
#define GIVE_NOTHING(kind, name, i) (void)earlier;
#define GIVE_LINE(kind, name, i)                            \
    ASK(x + 64 * (i), 2048, 3)                              \
    ASK(x + 64 * (i), ask, 2)                               \
    kind##_eight all = kind##_join8(offset, earlier);       \
    JOIN_COLUMNS(kind, all, column)                         \
    GIVE64_##kind##_##name(to + 64 * (i), column, by)       \
    GO_PAST(i)
#define GIVE_WINDOWS(kind, name, i)                         \
    ASK(x + 64 * (i), 2048, 3)                              \
    kind##_eight behind[8];                                 \
    LOAD_COLUMNS(kind, behind, later + 64 * (i), plane)     \
    JOIN_COLUMNS(kind, earlier, column)                     \
    JOIN_COLUMNS(kind, behind[k], column)                   \
    GIVE64_##kind##_##name(to + 64 * (i), column, by)       \
    GO_PAST(i)

#define SCAN_LONG_LINE(kind, name, type)                                                                    \
    static void kind##_line_##name(gp_line *line, const gp_scan_word *after, uint64_t plane, const void *data, \
                                   void *result, uint64_t n)                                                \
    {                                                                                                       \
        const type *x = data;                                                                               \
        type *out = result;                                                                                 \
        kind##_one carry = kind##_load(line->local, 1), before = kind##_load(line->before, 1);              \
        kind##_eight offset = kind##_spread(before), ahead = kind##_spread(carry), column[8], earlier;      \
        const divisor by = divisor_of(line->by);                                                            \
        const ptrdiff_t past = line->past, ask = line->ask;                                                 \
        line->gone[0] = line->gone[1] = 0;                                                                  \
        while (n > 0) {                                                                                     \
            uint64_t open = line->at % 64;                                                                  \
            const uint64_t whole = open == 0 ? n / 64 : 0;                                                  \
            const gp_scan_word *later;                                                                      \
            type *to = out;                                                                                 \
            if (past != 0 && whole > 2) {                                                                   \
                const uint64_t bytes = 64 * sizeof *to;                                                     \
                line->gone[0] = ((uintptr_t)to & ~(uintptr_t)63) - (uintptr_t)result + bytes;               \
                line->gone[1] = line->gone[0] + (whole - 2) * bytes;                                        \
            }                                                                                               \
            if (out == NULL) {                                                                              \
                kind##_GROUPS(kind, name, whole, , GROUP_OF_LINE, GIVE_NOTHING)                                    \
            } else if (after != NULL) {                                                                     \
                later = after + line->at + 1;                                                               \
                kind##_GROUPS(kind, name, whole, , GROUP_OF_LINE, GIVE_WINDOWS)                                    \
                out += 64 * whole;                                                                          \
            } else {                                                                                        \
                kind##_GROUPS(kind, name, whole, , GROUP_OF_LINE, GIVE_LINE)                                       \
                out += 64 * whole;                                                                          \
            }                                                                                               \
            n -= 64 * whole;                                                                                \
            line->at += 64 * whole;                                                                         \
            x += 64 * whole;                                                                                \
            if (n == 0) break;                                                                              \
            /* A group that is not whole here; what it has before is kept by the caller. */                 \
            uint64_t more = gp_min_u64(64 - open, n);                                                       \
            type group[64], given[64];                                                                      \
            for (uint64_t k = 0; k < 64; k++) group[k] = (type)-0.0;                                        \
            if (open > 0) memcpy(group, (const type *)line->kept + (line->at - open), open * sizeof(type)); \
            memcpy(group + open, x, more * sizeof(type));                                                   \
            kind##_eight ahead_before = ahead;                                                              \
            FETCH64_##kind##_##name(column, group)                                                          \
            SUM_EIGHTS(kind, column)                                                                        \
            LANES(kind, column, earlier, ahead)                                                             \
            to = given;                                                                                     \
            if (after != NULL) {                                                                            \
                later = after + (line->at - open) + 1;                                                      \
                GIVE_WINDOWS(kind, name, 0u)                                                                \
            } else if (out != NULL) {                                                                       \
                GIVE_LINE(kind, name, 0)                                                                    \
            }                                                                                               \
            if (out != NULL) {                                                                              \
                memcpy(out, given + open, more * sizeof(type));                                             \
                out += more;                                                                                \
            }                                                                                               \
            if (open + more != 64) ahead = ahead_before;                                                    \
            line->at += more;                                                                               \
            x += more;                                                                                      \
            n -= more;                                                                                      \
        }                                                                                                   \
        kind##_one last = kind##_last(ahead);                                                               \
        kind##_store(line->local, 1, last);                                                                 \
    }

/* The same from the end: groups of elements 1 to 64, 65 to 128 and so on, the last of them first and filled up.
 * They stay in columns, which is how those of the line meet them. */
#define GROUP_BEFORE(i) (x + at - 64 * ((i) + 1))
#define STORE_AFTER(kind, name, i)                          \
    ASK(GROUP_BEFORE(i), 8192, 2)                           \
    JOIN_COLUMNS(kind, earlier, column)                     \
    STORE_COLUMNS(kind, after + at - 64 * ((i) + 1), plane, column)

#define SCAN_LONG_AFTER(kind, name, type)                                                                   \
    static void kind##_after_##name(gp_scan_word *after, uint64_t plane, const void *data, uint64_t n)      \
    {                                                                                                       \
        const type *x = data;                                                                               \
        if (n == 0) return;                                                                                 \
        kind##_eight ahead = kind##_spread(kind##_neutral), column[8], earlier;                             \
        uint64_t at = (n - 1) / 64 * 64 + 1;                                                                \
        type group[64];                                                                                     \
        for (uint64_t k = 0; k < 64; k++) group[k] = (type)-0.0;                                            \
        memcpy(group, x + at, (n - at) * sizeof(type));                                                     \
        FETCH64_##kind##_##name(column, group)                                                              \
        SUM_EIGHTS_BACK(kind, column)                                                                       \
        LANES_BACK(kind, column, earlier, ahead)                                                            \
        JOIN_COLUMNS(kind, earlier, column)                                                                 \
        STORE_COLUMNS(kind, after + at, plane, column)                                                      \
        const uint64_t whole = at / 64;                                                                     \
        kind##_GROUPS(kind, name, whole, _BACK, GROUP_BEFORE, STORE_AFTER)                                  \
    }

/* ---- Groups of float32: eight rows of eight, turned into columns of float64 and back ---- */

#ifdef __AVX512F__
/* Two rows are one vector. First four rows become four columns' halves, then two columns' halves are put together;
 * the same two steps lead from columns to rows. */
typedef float v16f __attribute__((vector_size(64)));
#define QUARTERS_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27)
#define QUARTERS_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31)
#define HALVES_LOW(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23)
#define HALVES_HIGH(a, b) __builtin_shufflevector(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31)
GP_INTO void turn_pairs(v16f to[4], const v16f from[4])
{
    v16f low0 = QUARTERS_LOW(from[0], from[1]), high0 = QUARTERS_HIGH(from[0], from[1]);
    v16f low1 = QUARTERS_LOW(from[2], from[3]), high1 = QUARTERS_HIGH(from[2], from[3]);
    to[0] = HALVES_LOW(low0, low1), to[1] = HALVES_HIGH(low0, low1);
    to[2] = HALVES_LOW(high0, high1), to[3] = HALVES_HIGH(high0, high1);
}

/* Quotients of float32, as divided: the product with 1 / size, which two floats have to 2^-49 of it, is off by less than
 * 2^-48 of the quotient before it is rounded, and no quotient by an integer below 2^22 is nearer than 2^-47 of it to where
 * rounding turns. What is so small that the low product loses bits is divided, and what is no number. */
GP_INTO void divide_pairs(v16f v[4], const divisor *by)
{
    const __m512 high = _mm512_set1_ps(by->high), low = _mm512_set1_ps(by->low), least = _mm512_set1_ps(0x1p-100f);
    unsigned others = 0;
    __m512 quotient[4];
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)
    {
        quotient[k] = _mm512_fmadd_ps((__m512)v[k], high, _mm512_mul_ps((__m512)v[k], low));
        others |= _mm512_cmp_ps_mask(_mm512_abs_ps(quotient[k]), least, _CMP_NGE_UQ);
    }
    for (int k = 0; k < 4; k++)
        v[k] = others == 0 ? (v16f)quotient[k] : (v16f)_mm512_div_ps((__m512)v[k], _mm512_set1_ps((float)by->by));
}

#define FETCH64_plain_FLOAT32(column, x)                                                      \
    {                                                                                         \
        v16f rows[4], turned[4];                                                              \
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) memcpy(&rows[k], (x) + 16 * k, 64); \
        turn_pairs(turned, rows);                                                             \
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)                                   \
        {                                                                                     \
            column[2 * k].sum = WIDEN(_mm512_castps512_ps256((__m512)turned[k]));             \
            column[2 * k + 1].sum = WIDEN(_mm512_extractf32x8_ps((__m512)turned[k], 1));      \
        }                                                                                     \
    }

#define GIVE64_plain_FLOAT32(out, column, by)                                                 \
    {                                                                                         \
        v16f pairs[4], rows[4];                                                               \
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++)                                   \
            pairs[k] = (v16f)_mm512_insertf32x8(                                              \
                _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)column[2 * k].sum)),          \
                _mm512_cvtpd_ps((__m512d)column[2 * k + 1].sum), 1);                          \
        if ((by).by != 0) divide_pairs(pairs, &(by));                                         \
        if ((_mm512_cmp_ps_mask((__m512)pairs[0], (__m512)pairs[1], _CMP_UNORD_Q) |           \
             _mm512_cmp_ps_mask((__m512)pairs[2], (__m512)pairs[3], _CMP_UNORD_Q)) != 0) {    \
            for (int k = 0; k < 4; k++)                                                       \
                pairs[k] = (v16f)_mm512_mask_mov_ps((__m512)pairs[k],                         \
                    _mm512_cmp_ps_mask((__m512)pairs[k], (__m512)pairs[k], _CMP_UNORD_Q),     \
                    _mm512_set1_ps(__builtin_nanf("")));                                      \
        }                                                                                     \
        turn_pairs(rows, pairs);                                                              \
        _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) memcpy((out) + 16 * k, &rows[k], 64); \
    }
#else
/* Eight rows of eight float32, turned: rows 0 to 3 lie in the lower halves, 4 to 7 in the upper ones. */
#define TURN_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define TURN_HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define TURN_EVEN(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define TURN_ODD(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
/* Four vectors become columns of their halves. */
GP_INTO void turn4(v8f to[4], const v8f from[4])
{
    v8f ab0 = TURN_LOW(from[0], from[1]), ab1 = TURN_HIGH(from[0], from[1]);
    v8f cd0 = TURN_LOW(from[2], from[3]), cd1 = TURN_HIGH(from[2], from[3]);
    to[0] = TURN_EVEN(ab0, cd0), to[1] = TURN_ODD(ab0, cd0);
    to[2] = TURN_EVEN(ab1, cd1), to[3] = TURN_ODD(ab1, cd1);
}

/* What the compiler makes more of than one instruction of. */
#ifdef __AVX__
GP_INTO void two_rows(v8f *to, const float *low)
{
    *to = (v8f)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(low + 32), 1);
}
GP_INTO void give_two_rows(float *low, const v8f *v)
{
    _mm_storeu_ps(low, _mm256_castps256_ps128((__m256)*v));
    _mm_storeu_ps(low + 32, _mm256_extractf128_ps((__m256)*v, 1));
}
GP_INTO bool any_nan(const v8f v[8])
{
    __m256 any = _mm256_setzero_ps();
    _Pragma("GCC unroll 4") for (int k = 0; k < 8; k += 2)
        any = _mm256_or_ps(any, _mm256_cmp_ps((__m256)v[k], (__m256)v[k + 1], _CMP_UNORD_Q));
    return _mm256_movemask_ps(any) != 0;
}
#else
GP_INTO void two_rows(v8f *to, const float *low)
{
    memcpy(to, low, 16);
    memcpy((char *)to + 16, low + 32, 16);
}
GP_INTO void give_two_rows(float *low, const v8f *v)
{
    memcpy(low, v, 16);
    memcpy(low + 32, (const char *)v + 16, 16);
}
GP_INTO bool any_nan(const v8f v[8])
{
    (void)v;
    return true;
}
#endif

/* Where the half row of vector k of eight is. */
#define HALF_ROW(k) ((k) % 4 * 8 + (k) / 4 * 4)

#define FETCH64_plain_FLOAT32(column, x)                                      \
    {                                                                         \
        v8f halves[8], turned[8];                                             \
        COLUMNS(k) two_rows(&halves[k], (x) + HALF_ROW(k));                   \
        turn4(turned, halves);                                                \
        turn4(turned + 4, halves + 4);                                        \
        COLUMNS(k) column[k].sum = WIDEN(turned[k]);                          \
    }

#define GIVE64_plain_FLOAT32(out, column, by)                                                 \
    {                                                                                         \
        v8f narrow[8], turned[8];                                                             \
        COLUMNS(k) narrow[k] = __builtin_convertvector(column[k].sum, v8f);                   \
        if ((by).by != 0) { COLUMNS(k) narrow[k] /= (float)(by).by; }                         \
        if (any_nan(narrow)) {                                                                \
            COLUMNS(k)                                                                        \
            {                                                                                 \
                v8s is_nan = narrow[k] != narrow[k];                                          \
                narrow[k] = (v8f)(((v8s)narrow[k] & ~is_nan) | (0x7fc00000 & is_nan));        \
            }                                                                                 \
        }                                                                                     \
        turn4(turned, narrow);                                                                \
        turn4(turned + 4, narrow + 4);                                                        \
        COLUMNS(k) give_two_rows((out) + HALF_ROW(k), &turned[k]);                            \
    }
#endif

#ifdef __AVX512F__
/* Eight rows of eight float64: row r of the lower halves is beside row r + 2. */
#define PAIR_EVEN(a, b) __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define PAIR_ODD(a, b) __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define QUAD_EVEN(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13)
#define QUAD_ODD(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15)

GP_INTO v8d two_halves(const double *low)
{
    return (v8d)_mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(low)), _mm256_loadu_pd(low + 16), 1);
}

#define TURN_HALF(column, row)                                                                              \
    {                                                                                                       \
        v8d a = two_halves(row), b = two_halves((row) + 8), c = two_halves((row) + 32), d = two_halves((row) + 40); \
        v8d ab0 = PAIR_EVEN(a, b), ab1 = PAIR_ODD(a, b), cd0 = PAIR_EVEN(c, d), cd1 = PAIR_ODD(c, d);       \
        (column)[0].high = QUAD_EVEN(ab0, cd0), (column)[2].high = QUAD_ODD(ab0, cd0);                      \
        (column)[1].high = QUAD_EVEN(ab1, cd1), (column)[3].high = QUAD_ODD(ab1, cd1);                      \
    }
#define FETCH64_twice_FLOAT64(column, x)                      \
    {                                                         \
        const double *rows = x;                               \
        TURN_HALF(column, rows)                               \
        TURN_HALF(column + 4, rows + 4)                       \
        COLUMNS(k) column[k].low = ALL(v8d, 0.0);             \
    }
#else
#define FETCH64_twice_FLOAT64(column, x)                                                                    \
    {                                                                                                       \
        const double *rows = x;                                                                             \
        double turned[64] __attribute__((aligned(64)));                                                     \
        for (int k = 0; k < 64; k++) turned[k] = rows[AT(k)];                                               \
        COLUMNS(k)                                                                                          \
        {                                                                                                   \
            memcpy(&column[k].high, turned + 8 * k, 64);                                                    \
            column[k].low = ALL(v8d, 0.0);                                                                  \
        }                                                                                                   \
    }
#endif

/* What goes out goes through memory: few steps beside those of the sums. */
#define GIVE64_twice_FLOAT64(out, column, by)                                                               \
    {                                                                                                       \
        double *rows = out;                                                                                 \
        double turned[64] __attribute__((aligned(64)));                                                     \
        COLUMNS(k) GIVE_twice_FLOAT64(twice, FLOAT64, turned + 8 * k, column[k])                            \
        for (int k = 0; k < 64 && (by).by != 0; k++) turned[k] /= (by).by;                                  \
        for (int k = 0; k < 64; k++) rows[k] = turned[AT(k)];                                               \
    }
