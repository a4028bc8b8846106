/* What the files of this folder share.
 *
 * Every .c here is compiled once per instruction set; GP_ISA is its name. A loop is
 * an ordinary function named gp_<isa>_<OPERATION>_<DTYPE>, which the table in
 * cpu_table.c takes by that name. The table asks for every cell that the
 * operator table (lang/ops.h) has, so a loop that is missing does not link.
 *
 * A file defines its loops with GP_LOOP1 or GP_LOOP2 and one of the GP_EACH_* lists:
 *
 *     #define ADD(DT, T, U) GP_LOOP2(ADD, DT, T, T, (T)((U)x + (U)y))
 *     GP_EACH_INTEGER(ADD)
 *
 * T is the dtype's C type, U the unsigned type in which its arithmetic wraps
 * without being undefined (never narrower than int: promotion would make it signed). */
#ifndef GP_DEVICE_CPU_ISA_ISA_H
#define GP_DEVICE_CPU_ISA_ISA_H

#include "device/cpu/cpu_ops.h"

#include <math.h>
#include <string.h>

#define GP_PASTE_(a, b, c, d) a##_##b##_##c##_##d
#define GP_PASTE(a, b, c, d) GP_PASTE_(a, b, c, d)
#define GP_FN(OP, DT) GP_PASTE(gp, GP_ISA, OP, DT)
#define GP_CAST_FN(FROM, TO) GP_PASTE(gp, GP_ISA, CAST_##FROM, TO)

#define GP_HIDDEN __attribute__((visibility("hidden")))
#define GP_LOOP_ARGS void *dst, const void *pa, const void *pb, const void *pc, size_t n

/* The computed dtypes with their C types: M(DT, T, U). */
#define GP_EACH_SIGNED(M)                                                       \
    M(INT8, int8_t, uint32_t)                                                   \
    M(INT16, int16_t, uint32_t) M(INT32, int32_t, uint32_t) M(INT64, int64_t, uint64_t)
#define GP_EACH_UNSIGNED(M)                                                     \
    M(UINT8, uint8_t, uint32_t)                                                 \
    M(UINT16, uint16_t, uint32_t) M(UINT32, uint32_t, uint32_t) M(UINT64, uint64_t, uint64_t)
#define GP_EACH_INTEGER(M) GP_EACH_SIGNED(M) GP_EACH_UNSIGNED(M)
/* For floats U holds the bits. */
#define GP_EACH_FLOAT(M) M(FLOAT32, float, uint32_t) M(FLOAT64, double, uint64_t)
#define GP_EACH_NUMBER(M) GP_EACH_INTEGER(M) GP_EACH_FLOAT(M)

/* Declares every cell; the table uses those that exist. */
#define GP_DECLARE_OP(OP, ...)                                                  \
    GP_DECLARE(OP, BOOL) GP_DECLARE(OP, INT8) GP_DECLARE(OP, INT16)             \
    GP_DECLARE(OP, INT32) GP_DECLARE(OP, INT64) GP_DECLARE(OP, UINT8)           \
    GP_DECLARE(OP, UINT16) GP_DECLARE(OP, UINT32) GP_DECLARE(OP, UINT64)        \
    GP_DECLARE(OP, FLOAT32) GP_DECLARE(OP, FLOAT64)
#define GP_DECLARE(OP, DT) GP_HIDDEN uint32_t GP_FN(OP, DT)(GP_LOOP_ARGS);
GP_OPS_ELEMENTWISE(GP_DECLARE_OP)
#undef GP_DECLARE

#define GP_DECLARE(FROM, TO) GP_HIDDEN uint32_t GP_CAST_FN(FROM, TO)(GP_LOOP_ARGS);
GP_DTYPES(GP_DECLARE_OP)
#define GP_DECLARE_HALF(DT, ...) GP_DECLARE(DT, FLOAT16) GP_DECLARE(FLOAT16, DT)
GP_DTYPES(GP_DECLARE_HALF)
#undef GP_DECLARE

#define GP_DECLARE(OP, DT) GP_HIDDEN uint32_t GP_FN(OP, DT)(GP_LOOP_ARGS);
GP_OPS_SPECIAL(GP_DECLARE_OP)
GP_DECLARE(REAL, COMPLEX64) GP_DECLARE(REAL, COMPLEX128) GP_DECLARE(IMAG, COMPLEX64)
GP_DECLARE(IMAG, COMPLEX128)
GP_DECLARE(TAKE, FLOAT16) GP_DECLARE(TAKE, COMPLEX64) GP_DECLARE(TAKE, COMPLEX128)
#undef GP_DECLARE

/* The copy of gp_cpu_ops. */
GP_HIDDEN void GP_FN(copy, stream)(void *dst, const void *src, size_t bytes);

/* dst may be an operand itself (the same index, never a shifted one), so `restrict`
 * would be untrue; ivdep says exactly that no iteration needs another's. */
#if defined(__clang__)
#define GP_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define GP_IVDEP _Pragma("GCC ivdep")
#endif

#define GP_LOOP1(OP, DT, T, R, EXPR)                                            \
    uint32_t GP_FN(OP, DT)(GP_LOOP_ARGS)                                        \
    {                                                                           \
        (void)pb, (void)pc;                                                     \
        R *d = dst;                                                             \
        const T *a = pa;                                                        \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            const T x = a[i];                                                   \
            d[i] = EXPR;                                                        \
        }                                                                       \
        return 0;                                                               \
    }

#define GP_LOOP2(OP, DT, T, R, EXPR)                                            \
    uint32_t GP_FN(OP, DT)(GP_LOOP_ARGS)                                        \
    {                                                                           \
        (void)pc;                                                               \
        R *d = dst;                                                             \
        const T *a = pa, *b = pb;                                               \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            const T x = a[i], y = b[i];                                         \
            d[i] = EXPR;                                                        \
        }                                                                       \
        return 0;                                                               \
    }

/* The same for operations that report a zero divisor: TEST says which elements are one. */
#define GP_LOOP2_FLAG(OP, DT, T, FLAG, TEST, EXPR)                              \
    uint32_t GP_FN(OP, DT)(GP_LOOP_ARGS)                                        \
    {                                                                           \
        (void)pc;                                                               \
        T *d = dst;                                                             \
        const T *a = pa, *b = pb;                                               \
        T seen = 0;                                                             \
        for (size_t i = 0; i < n; i++) {                                        \
            const T y = b[i];                                                   \
            seen |= (T)(TEST);                                                  \
        }                                                                       \
        GP_IVDEP for (size_t i = 0; i < n; i++)                                 \
        {                                                                       \
            const T x = a[i], y = b[i];                                         \
            d[i] = EXPR;                                                        \
        }                                                                       \
        return seen ? (FLAG) : 0;                                               \
    }

/* Bits of floats, so that signs and NaN payloads can be handled as integers. */
static inline uint32_t bits_f4(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline uint64_t bits_f8(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline float from_bits_f4(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}
static inline double from_bits_f8(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

#endif
