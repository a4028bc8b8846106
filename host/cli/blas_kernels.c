#include "blas_kernels.h"

#include <stdlib.h>

/* OpenBLAS goes by the processor's model number, and a release that is older than the processor takes kernels for SSE.
 * What the processor can do is known better than its model: so its kernels are named. Only the program may do so, since
 * the environment is the process's; the library does without slow kernels (host/linalg). */
static const char *kernels(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return __builtin_cpu_is("amd") ? "Zen" : "Haswell";
#endif
    return NULL;
}

void blas_kernels_name(void)
{
    const char *name = kernels();
    if (name != NULL) setenv("OPENBLAS_CORETYPE", name, 0);
}
