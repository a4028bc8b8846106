/* A uniform's value from its 64 bits: gp_uniform_<dtype>. Floats come as float64, also
 * float32 ones, which need no float64 here: the value fits. */
/* clang-format off */
static inline uchar gp_uniform_b1(ulong bits) { return bits != 0ul; }
static inline char gp_uniform_i1(ulong bits) { return (char)bits; }
static inline short gp_uniform_i2(ulong bits) { return (short)bits; }
static inline int gp_uniform_i4(ulong bits) { return (int)bits; }
static inline long gp_uniform_i8(ulong bits) { return (long)bits; }
static inline uchar gp_uniform_u1(ulong bits) { return (uchar)bits; }
static inline ushort gp_uniform_u2(ulong bits) { return (ushort)bits; }
static inline uint gp_uniform_u4(ulong bits) { return (uint)bits; }
static inline ulong gp_uniform_u8(ulong bits) { return bits; }
/* clang-format on */

static inline float gp_uniform_f4(ulong bits)
{
    const uint sign = (uint)(bits >> 32) & 0x80000000u;
    const int exponent = (int)(bits >> 52) & 0x7ff;
    const ulong mantissa = bits & 0x000ffffffffffffful;
    if (exponent == 0x7ff) return as_float(sign | 0x7f800000u | (mantissa != 0ul ? 0x400000u : 0u));
    if (exponent > 896)
        return as_float(sign | ((uint)(exponent - 896) << 23) | (uint)(mantissa >> 29));
    if (exponent < 873) return as_float(sign);
    return as_float(sign | (uint)((mantissa | 0x0010000000000000ul) >> (uint)(926 - exponent)));
}

#ifndef GP_NO_FP64
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
static inline double gp_uniform_f8(ulong bits) { return as_double(bits); }
#endif
