#include "fold/scan_ops.h"

#include "base/past_cache.h"

/* The best set of loops that the processor has. All give the same bits. */
const gp_scan_ops *gp_scan_ops_of(gp_op op, gp_dtype dtype)
{
#ifdef GP_SCAN_avx512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))
        return gp_scan_ops_avx512(op, dtype);
#endif
#ifdef GP_SCAN_avx2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))
        return gp_scan_ops_avx2(op, dtype);
#endif
    return gp_scan_ops_base(op, dtype);
}

void gp_scan_line_past(const gp_scan_ops *ops, gp_line *line, const gp_scan_word *after, uint64_t plane, const void *x,
                       void *out, uint64_t n, size_t item)
{
    char room[GP_SCAN_BLOCK * sizeof(gp_scan_word) + 64] __attribute__((aligned(64)));
    char *made = room + (uintptr_t)out % 64;
    line->past = (char *)out - made;
    line->gone[0] = line->gone[1] = 0;
    ops->line(line, after, plane, x, made, n);
    ops->copy(out, made, line->gone[0]);
    ops->copy((char *)out + line->gone[1], made + line->gone[1], n * item - line->gone[1]);
    line->past = 0;
}
