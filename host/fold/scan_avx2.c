/* Scans and windows for processors with avx2. */
#include "fold/scan_ops.h"

#include "base/memory.h"

#include <string.h>

#ifdef GP_SCAN_avx2
#pragma GCC target("arch=haswell")
#define GP_SCAN_SET gp_scan_ops_avx2
#include "fold/scan_loops.h"
#else
const gp_scan_ops *gp_scan_ops_avx2(gp_op op, gp_dtype dtype)
{
    (void)op;
    (void)dtype;
    return NULL;
}
#endif
