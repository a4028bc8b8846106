/* Lines of integers and keys, one element after the other; a part of scan_loops.h, for instruction sets whose
 * vectors are shorter than 64 bytes: there moving elements up within a vector costs more than waiting for each
 * other does. Their joins are exact, so that the order does not show. */

#define SCAN_ONES_LINE(kind, name, type)                                                                    \
    static void kind##_line_##name(gp_line *line, const gp_scan_word *after, uint64_t plane, const void *data, \
                                   void *result, uint64_t n)                                                \
    {                                                                                                       \
        const type *x = data;                                                                               \
        type *out = result;                                                                                 \
        kind##_one s = kind##_load(line->local, 1), before = kind##_load(line->before, 1);                  \
        for (uint64_t i = 0; i < n; i++) {                                                                  \
            kind##_one next = kind##_##name(x[i]), sum = kind##_join(s, next);                              \
            s = sum;                                                                                        \
            if (out == NULL) continue;                                                                      \
            if (after != NULL) before = kind##_load(after + line->at + i + 1, plane);                       \
            kind##_one all = kind##_join(before, s);                                                        \
            out[i] = kind##_back_##name(all);                                                               \
        }                                                                                                   \
        line->at += n;                                                                                      \
        kind##_store(line->local, 1, s);                                                                    \
    }

#define SCAN_ONES_AFTER(kind, name, type)                                                                   \
    static void kind##_after_##name(gp_scan_word *after, uint64_t plane, const void *data, uint64_t n)      \
    {                                                                                                       \
        const type *x = data;                                                                               \
        kind##_one s = kind##_load(after + n, plane);                                                       \
        while (n-- > 0) {                                                                                   \
            kind##_one next = kind##_##name(x[n]), sum = kind##_join(next, s);                              \
            s = sum;                                                                                        \
            kind##_store(after + n, plane, s);                                                              \
        }                                                                                                   \
    }
