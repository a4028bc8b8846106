/* Casts: gp_cast_<from>_<to>. Between integers they wrap; from a float they
 * truncate, saturate, and make 0 of NaN (NumPy leaves that open); to bool they ask
 * for "not zero"; to a float they round to nearest even. */
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

#ifndef GP_NO_FP64
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
