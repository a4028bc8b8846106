#include "fold/scan_ops.h"

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
