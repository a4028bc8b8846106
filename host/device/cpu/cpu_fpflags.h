/* The processor's own record of what float arithmetic met: sticky flags per thread. */
#ifndef GP_DEVICE_CPU_CPU_FPFLAGS_H
#define GP_DEVICE_CPU_CPU_FPFLAGS_H

#include "emit/pass.h"

#if defined(__SSE2__)
#include <xmmintrin.h>

static inline void gp_fpflags_clear(void)
{
    unsigned csr = _mm_getcsr(), told = _MM_EXCEPT_DIV_ZERO | _MM_EXCEPT_OVERFLOW | _MM_EXCEPT_INVALID;
    if (csr & told) _mm_setcsr(csr & ~told); /* writing is the slow part */
}

static inline uint32_t gp_fpflags_seen(void)
{
    unsigned csr = _mm_getcsr();
    return (csr & _MM_EXCEPT_DIV_ZERO ? GP_FLAG_FLOAT_DIVIDE : 0) |
           (csr & _MM_EXCEPT_OVERFLOW ? GP_FLAG_FLOAT_OVERFLOW : 0) |
           (csr & _MM_EXCEPT_INVALID ? GP_FLAG_FLOAT_INVALID : 0);
}
#else
#include <fenv.h>

static inline void gp_fpflags_clear(void) { (void)feclearexcept(FE_ALL_EXCEPT); }

static inline uint32_t gp_fpflags_seen(void)
{
    int seen = fetestexcept(FE_DIVBYZERO | FE_OVERFLOW | FE_INVALID);
    return (seen & FE_DIVBYZERO ? GP_FLAG_FLOAT_DIVIDE : 0) |
           (seen & FE_OVERFLOW ? GP_FLAG_FLOAT_OVERFLOW : 0) |
           (seen & FE_INVALID ? GP_FLAG_FLOAT_INVALID : 0);
}
#endif

#endif
