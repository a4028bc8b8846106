/* Lines of floats, 64 elements at a time; a part of scan_loops.h.
 *
 * Column k of a group has its elements k, 8 + k, 16 + k and so on: eight neighbours are summed by adding columns
 * to columns, and only the eight totals go through the three steps of EIGHT. For sums whose joins
 * cost much that is half the work of eight elements at a time. */

#define COLUMNS(i) _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++)

#define LANES_BY(kind, total, earlier, ahead, ONE, TWO, FOUR, ENDS)                        \
    kind##_eight earlier;                                                                  \
    {                                                                                      \
        kind##_eight up1 = kind##_up(total, ONE), a = kind##_join8(up1, total);            \
        kind##_eight up2 = kind##_up(a, TWO), b = kind##_join8(up2, a);                    \
        kind##_eight up4 = kind##_up(b, FOUR), c = kind##_join8(up4, b);                   \
        kind##_eight less = kind##_up(c, ONE), end = kind##_ends(c, ENDS);                 \
        kind##_eight first = kind##_join8(ahead, less), next = kind##_join8(ahead, end); \
        earlier = first;                                                                   \
        ahead = next;                                                                      \
    }

/* Columns become sums of their group up to them, from the first element on or from the last; `earlier` is what stands
 * before (behind) each eight of them, and `ahead` goes on. */
#define GROUP(kind, column, earlier, ahead)                           \
    _Pragma("GCC unroll 8") for (int k = 1; k < 8; k++)               \
    {                                                                 \
        kind##_eight sum = kind##_join8(column[k - 1], column[k]);    \
        column[k] = sum;                                              \
    }                                                                 \
    LANES_BY(kind, column[7], earlier, ahead, UP1, UP2, UP4, LAST)
#define GROUP_BACK(kind, column, earlier, ahead)                      \
    _Pragma("GCC unroll 8") for (int k = 6; k >= 0; k--)              \
    {                                                                 \
        kind##_eight sum = kind##_join8(column[k + 1], column[k]);    \
        column[k] = sum;                                              \
    }                                                                 \
    LANES_BY(kind, column[0], earlier, ahead, DOWN1, DOWN2, DOWN4, FIRST)
#define JOIN_COLUMNS(kind, earlier, column)                   \
    COLUMNS(k)                                                \
    {                                                         \
        kind##_eight sum = kind##_join8(earlier, column[k]);  \
        column[k] = sum;                                      \
    }

/* Columns from elements, and elements from columns: AT(i) is where element i of a group lies in its columns. */
#define AT(i) ((i) % 8 * 8 + (i) / 8)
#define OPEN_COLUMNS(kind, name, column, w, x, n)                                                    \
    {                                                                                                \
        for (uint64_t k = 0; k < 64; k++)                                                            \
            kind##_store(w + AT(k), 64, k < (n) ? kind##_##name((x)[k]) : kind##_neutral);           \
        LOAD_COLUMNS(kind, column, w, 64)                                                            \
    }
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

/* `after` is kept in columns, too: word j of a block of n, n being plane - 1, belongs to the group of
 * element j - 1. The last group, where it is not whole, has its words in order. */
static inline uint64_t after_at(uint64_t j, uint64_t plane)
{
    uint64_t group = (j - 1) / 64 * 64;
    return group + 64 < plane ? group + 1 + AT(j - 1 - group) : j;
}

#define SCAN_LONG_LINE(kind, name, type)                                                                    \
    static void kind##_line_##name(gp_line *line, const gp_scan_word *after, uint64_t plane, const void *data, \
                                   void *result, uint64_t n)                                                \
    {                                                                                                       \
        const type *x = data;                                                                               \
        type *out = result;                                                                                 \
        kind##_one carry = kind##_load(line->local, 1), before = kind##_load(line->before, 1);              \
        kind##_eight offset = kind##_spread(before), ahead = kind##_spread(carry), column[8];               \
        while (n > 0) {                                                                                     \
            uint64_t open = line->at % 64;                                                                  \
            const uint64_t whole = open == 0 ? n / 64 : 0;                                                  \
            if (out == NULL) {                                                                          \
                for (uint64_t i = 0; i < whole; i++) {                                                      \
                    FETCH64_##kind##_##name(column, x + 64 * i)                                             \
                    GROUP(kind, column, earlier, ahead)                                                     \
                    (void)earlier;                                                                          \
                }                                                                                           \
            } else if (after != NULL) {                                                                     \
                const gp_scan_word *later = after + line->at + 1;                                           \
                for (uint64_t i = 0; i < whole; i++) {                                                      \
                    FETCH64_##kind##_##name(column, x + 64 * i)                                             \
                    GROUP(kind, column, earlier, ahead)                                                     \
                    JOIN_COLUMNS(kind, earlier, column)                                                     \
                    kind##_eight behind[8];                                                                 \
                    LOAD_COLUMNS(kind, behind, later + 64 * i, plane)                                       \
                    JOIN_COLUMNS(kind, behind[k], column)                                                   \
                    GIVE64_##kind##_##name(out + 64 * i, column)                                            \
                }                                                                                           \
                out += 64 * whole;                                                                          \
            } else {                                                                                        \
                for (uint64_t i = 0; i < whole; i++) {                                                      \
                    FETCH64_##kind##_##name(column, x + 64 * i)                                             \
                    GROUP(kind, column, earlier, ahead)                                                     \
                    kind##_eight all = kind##_join8(offset, earlier);                                       \
                    JOIN_COLUMNS(kind, all, column)                                                         \
                    GIVE64_##kind##_##name(out + 64 * i, column)                                            \
                }                                                                                           \
                out += 64 * whole;                                                                          \
            }                                                                                               \
            n -= 64 * whole;                                                                                \
            line->at += 64 * whole;                                                                         \
            x += 64 * whole;                                                                                \
            if (n == 0) break;                                                                              \
            /* A group that is not whole here; what it has before is kept by the caller. */                 \
            uint64_t more = gp_min_u64(64 - open, n);                                                       \
            type group[64];                                                                                 \
            gp_scan_word w[kind##_words * 64] __attribute__((aligned(64)));                                 \
            if (open > 0) memcpy(group, (const type *)line->kept + (line->at - open), open * sizeof(type)); \
            memcpy(group + open, x, more * sizeof(type));                                                   \
            OPEN_COLUMNS(kind, name, column, w, group, open + more)                                           \
            kind##_eight ahead_before = ahead;                                                              \
            GROUP(kind, column, earlier, ahead)                                                             \
            kind##_eight all = kind##_join8(offset, earlier);                                               \
            if (after != NULL) all = earlier;                                                               \
            JOIN_COLUMNS(kind, all, column)                                                                 \
            STORE_COLUMNS(kind, w, 64, column)                                                              \
            for (uint64_t k = open; k < open + more && out != NULL; k++) {                                  \
                kind##_one sum = kind##_load(w + AT(k), 64);                                                \
                if (after != NULL) {                                                                        \
                    kind##_one behind = kind##_load(after + after_at(line->at - open + k + 1, plane), plane); \
                    kind##_one both = kind##_join(behind, sum);                                             \
                    sum = both;                                                                             \
                }                                                                                           \
                *out++ = kind##_back_##name(sum);                                                           \
            }                                                                                               \
            if (open + more != 64) ahead = ahead_before;                                                    \
            line->at += more;                                                                               \
            x += more;                                                                                      \
            n -= more;                                                                                      \
        }                                                                                                   \
        kind##_one last = kind##_last(ahead);                                                               \
        kind##_store(line->local, 1, last);                                                                 \
    }

/* The same from the end: groups of elements 1 to 64, 65 to 128 and so on, the last of them first. */
#define SCAN_LONG_AFTER(kind, name, type)                                                                   \
    static void kind##_after_##name(gp_scan_word *after, uint64_t plane, const void *data, uint64_t n)      \
    {                                                                                                       \
        const type *x = data;                                                                               \
        if (n == 0) return;                                                                                 \
        kind##_one carry = kind##_load(after + n, plane);                                                   \
        kind##_eight ahead = kind##_spread(carry), column[8];                                               \
        uint64_t open = (n - 1) % 64, at = n - open;                                                        \
        if (open > 0) {                                                                                     \
            gp_scan_word w[kind##_words * 64] __attribute__((aligned(64)));                                 \
            OPEN_COLUMNS(kind, name, column, w, x + at, open)                                               \
            GROUP_BACK(kind, column, earlier, ahead)                                                        \
            JOIN_COLUMNS(kind, earlier, column)                                                             \
            STORE_COLUMNS(kind, w, 64, column)                                                              \
            for (uint64_t k = 0; k < open; k++)                                                             \
                kind##_store(after + after_at(at + k, plane), plane, kind##_load(w + AT(k), 64));           \
        }                                                                                                   \
        while (at > 1) {                                                                                    \
            at -= 64;                                                                                       \
            FETCH64_##kind##_##name(column, x + at)                                                         \
            GROUP_BACK(kind, column, earlier, ahead)                                                        \
            JOIN_COLUMNS(kind, earlier, column)                                                             \
            STORE_COLUMNS(kind, after + at, plane, column)                                                  \
        }                                                                                                   \
    }

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

#define GIVE64_plain_FLOAT32(out, column)                                                     \
    {                                                                                         \
        v8f narrow[8], turned[8];                                                             \
        COLUMNS(k) narrow[k] = __builtin_convertvector(column[k].sum, v8f);                   \
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
#define GIVE64_twice_FLOAT64(out, column)                                                                   \
    {                                                                                                       \
        double *rows = out;                                                                                 \
        double turned[64] __attribute__((aligned(64)));                                                     \
        COLUMNS(k) GIVE_twice_FLOAT64(twice, FLOAT64, turned + 8 * k, column[k])                            \
        for (int k = 0; k < 64; k++) rows[k] = turned[AT(k)];                                               \
    }
