/* Casts: gp_cast_<from>_<to>. Between integers they wrap; from a float they
 * truncate, saturate, and make 0 of NaN (NumPy leaves that open); to bool they ask
 * for "not zero"; to a float they round to nearest even.
 * float16 (f2) is a ushort with its bits, and is rounded to once, by integers: devices need no
 * half type. */
#pragma OPENCL FP_CONTRACT OFF
#if !defined(GP_NO_FP64) && defined(cl_khr_fp64)
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

/* clang-format off */
#define GP_CAST(FROM, F, TO, T) \
    static inline T gp_cast_##FROM##_##TO(F a) { return (T)a; }

/* The bounds are powers of two or zero, and so exact in every float: OVER is the first
 * value past the largest, UNDER the least one. */
#define GP_CAST_SATURATE(FROM, F, TO, T, LEAST, MOST, UNDER, OVER) \
    static inline T gp_cast_##FROM##_##TO(F a) \
    { \
        if (a != a) return (T)0; \
        if (a <= (F)UNDER) return LEAST; \
        if (a >= (F)OVER) return MOST; \
        return (T)a; \
    }

#define GP_CASTS_TO_INTEGERS(FROM, F) \
    GP_CAST(FROM, F, i1, char) GP_CAST(FROM, F, i2, short) \
    GP_CAST(FROM, F, i4, int) GP_CAST(FROM, F, i8, long) \
    GP_CAST(FROM, F, u1, uchar) GP_CAST(FROM, F, u2, ushort) \
    GP_CAST(FROM, F, u4, uint) GP_CAST(FROM, F, u8, ulong)

#define GP_CASTS_SATURATED(FROM, F) \
    GP_CAST_SATURATE(FROM, F, i1, char, CHAR_MIN, CHAR_MAX, -0x1p7f, 0x1p7f) \
    GP_CAST_SATURATE(FROM, F, i2, short, SHRT_MIN, SHRT_MAX, -0x1p15f, 0x1p15f) \
    GP_CAST_SATURATE(FROM, F, i4, int, INT_MIN, INT_MAX, -0x1p31f, 0x1p31f) \
    GP_CAST_SATURATE(FROM, F, i8, long, LONG_MIN, LONG_MAX, -0x1p63f, 0x1p63f) \
    GP_CAST_SATURATE(FROM, F, u1, uchar, 0, UCHAR_MAX, 0.0f, 0x1p8f) \
    GP_CAST_SATURATE(FROM, F, u2, ushort, 0, USHRT_MAX, 0.0f, 0x1p16f) \
    GP_CAST_SATURATE(FROM, F, u4, uint, 0, UINT_MAX, 0.0f, 0x1p32f) \
    GP_CAST_SATURATE(FROM, F, u8, ulong, 0, ULONG_MAX, 0.0f, 0x1p64f)

#define GP_CAST_TO_BOOL(FROM, F) \
    static inline uchar gp_cast_##FROM##_b1(F a) { return a != 0; }

#define GP_CASTS_OF_INTEGER(FROM, F) \
    GP_CAST_TO_BOOL(FROM, F) GP_CASTS_TO_INTEGERS(FROM, F) GP_CAST(FROM, F, f4, float)
#define GP_CASTS_OF_FLOAT(FROM, F) \
    GP_CAST_TO_BOOL(FROM, F) GP_CASTS_SATURATED(FROM, F) GP_CAST(FROM, F, f4, float)

GP_CASTS_OF_INTEGER(b1, uchar)
GP_CASTS_OF_INTEGER(i1, char)
GP_CASTS_OF_INTEGER(i2, short)
GP_CASTS_OF_INTEGER(i4, int)
GP_CASTS_OF_INTEGER(i8, long)
GP_CASTS_OF_INTEGER(u1, uchar)
GP_CASTS_OF_INTEGER(u2, ushort)
GP_CASTS_OF_INTEGER(u4, uint)
GP_CASTS_OF_INTEGER(u8, ulong)
GP_CASTS_OF_FLOAT(f4, float)

static inline float gp_cast_f2_f4(ushort a)
{
    const uint magnitude = a & 0x7fffu, sign = (uint)(a & 0x8000u) << 16;
    if (magnitude > 0x7c00u) return as_float(sign | 0x7fc00000u | (magnitude << 13));
    if (magnitude == 0x7c00u) return as_float(sign | 0x7f800000u);
    if (magnitude >= 0x400u) return as_float(sign | ((magnitude << 13) + (112u << 23)));
    /* 0.5 and a subnormal's bits behind it: taking 0.5 away leaves its value. */
    return as_float(sign | as_uint(as_float(0x3f000000u | magnitude) - 0.5f));
}

static inline ushort gp_cast_f4_f2(float a)
{
    const uint bits = as_uint(a), magnitude = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;
    if (magnitude > 0x7f800000u) return (ushort)(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
    if (magnitude >= 0x477ff000u) return (ushort)(sign | 0x7c00u); /* 65520 and above */
    if (magnitude >= 0x38800000u)
        return (ushort)(sign | (((magnitude + 0xfffu + ((magnitude >> 13) & 1u)) >> 13) - (112u << 10)));
    /* Below 2^-14 float16's steps are those of float32 at 0.5: the addition rounds. */
    return (ushort)(sign | (as_uint(as_float(magnitude) + 0.5f) - 0x3f000000u));
}

static inline uchar gp_cast_f2_b1(ushort a) { return (a & 0x7fffu) != 0; }
/* An integer that is not infinite as float16 is exact as float32. */
#define GP_CAST_HALF(C, T) \
    static inline ushort gp_cast_##C##_f2(T a) { return gp_cast_f4_f2((float)a); } \
    static inline T gp_cast_f2_##C(ushort a) { return gp_cast_f4_##C(gp_cast_f2_f4(a)); }
GP_CAST_HALF(i1, char) GP_CAST_HALF(i2, short) GP_CAST_HALF(i4, int) GP_CAST_HALF(i8, long)
GP_CAST_HALF(u1, uchar) GP_CAST_HALF(u2, ushort) GP_CAST_HALF(u4, uint) GP_CAST_HALF(u8, ulong)
static inline ushort gp_cast_b1_f2(uchar a) { return a != 0 ? 0x3c00u : 0u; }

#ifndef GP_NO_FP64
static inline double gp_cast_f2_f8(ushort a)
{
    const ulong nan = (ulong)(a & 0x8000u) << 48 | 0x7ff8000000000000ul | (ulong)(a & 0x3ffu) << 42;
    return (a & 0x7fffu) > 0x7c00u ? as_double(nan) : (double)gp_cast_f2_f4(a);
}
static inline ushort gp_cast_f8_f2(double a)
{
    const ulong bits = as_ulong(a), magnitude = bits & 0x7ffffffffffffffful;
    const uint sign = (uint)(bits >> 48) & 0x8000u;
    if (magnitude > 0x7ff0000000000000ul)
        return (ushort)(sign | 0x7e00u | ((uint)(magnitude >> 42) & 0x1ffu));
    if (magnitude >= 0x40effe0000000000ul) return (ushort)(sign | 0x7c00u);
    if (magnitude >= 0x3f10000000000000ul)
        return (ushort)(sign | ((uint)((magnitude + 0x1fffffffffful + ((magnitude >> 42) & 1ul)) >> 42) -
                                (1008u << 10)));
    return (ushort)(sign | (uint)(as_ulong(as_double(magnitude) + 0x1p28) - 0x41b0000000000000ul));
}
GP_CASTS_OF_FLOAT(f8, double)
GP_CAST(b1, uchar, f8, double)
GP_CAST(i1, char, f8, double)
GP_CAST(i2, short, f8, double)
GP_CAST(i4, int, f8, double)
GP_CAST(i8, long, f8, double)
GP_CAST(u1, uchar, f8, double)
GP_CAST(u2, ushort, f8, double)
GP_CAST(u4, uint, f8, double)
GP_CAST(u8, ulong, f8, double)
GP_CAST(f4, float, f8, double)
GP_CAST(f8, double, f8, double)
#endif
/* clang-format on */
