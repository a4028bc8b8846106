/* Scans and windows for processors with avx512. */
#include "fold/scan_ops.h"

#include "base/memory.h"

#include <string.h>

#ifdef GP_SCAN_avx512
#pragma GCC target("arch=skylake-avx512,prefer-vector-width=512")
#define GP_SCAN_SET gp_scan_ops_avx512
#include "fold/scan_loops.h"
#else
const gp_scan_ops *gp_scan_ops_avx512(gp_op op, gp_dtype dtype)
{
    (void)op;
    (void)dtype;
    return NULL;
}
#endif
