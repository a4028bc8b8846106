/* Element-wise operations on float32 and float64: gp_<operation>_<dtype>.
 *
 * NumPy's rules. Nothing is contracted; what must be the same bits on every
 * device and is not a basic operation (fmod, nextafter) is made from integers, because
 * devices' own versions are not exact everywhere.
 *
 * GP_NO_FP64: the device or the pass has no float64.
 * GP_DIVIDE_WIDE: the device's float32 division and square root are not correctly
 *   rounded. Through float64 they are: 53 >= 2 * 24 + 2 bits. */
#pragma OPENCL FP_CONTRACT OFF
#if !defined(GP_NO_FP64) && defined(cl_khr_fp64)
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

#ifdef GP_DIVIDE_WIDE
static inline float gp_div_f4(float a, float b) { return (float)((double)a / (double)b); }
static inline float gp_sqrt_f4(float a) { return (float)sqrt((double)a); }
#else
static inline float gp_div_f4(float a, float b) { return a / b; }
static inline float gp_sqrt_f4(float a) { return sqrt(a); }
#endif
#ifndef GP_NO_FP64
static inline double gp_div_f8(double a, double b) { return a / b; }
static inline double gp_sqrt_f8(double a) { return sqrt(a); }
#endif

/* clang-format off */

/* C dtype code, T type, U unsigned type of its size, S the suffix of its literals,
 * MANT stored mantissa bits, BITS width, STEP by how much a remainder of MANT + 1 bits
 * may be shifted in 64. */
#define GP_FLOAT(C, T, U, S, MANT, BITS, STEP) \
    static inline U gp_bits_##C(T a) { return as_##U(a); } \
    static inline U gp_sign_bit_##C(void) { return (U)1 << (BITS - 1); } \
    static inline U gp_inf_bits_##C(void) { return (((U)1 << (BITS - 1 - MANT)) - 1) << MANT; } \
    static inline U gp_abs_bits_##C(T a) { return as_##U(a) & ~gp_sign_bit_##C(); } \
    static inline T gp_nan_##C(void) { return as_##T((U)(gp_inf_bits_##C() | ((U)1 << (MANT - 1)))); } \
    static inline bool gp_is_nan_##C(T a) { return gp_abs_bits_##C(a) > gp_inf_bits_##C(); } \
    \
    static inline T gp_add_##C(T a, T b) { return a + b; } \
    static inline T gp_sub_##C(T a, T b) { return a - b; } \
    static inline T gp_mul_##C(T a, T b) { return a * b; } \
    static inline T gp_neg_##C(T a) { return as_##T((U)(as_##U(a) ^ gp_sign_bit_##C())); } \
    static inline T gp_abs_##C(T a) { return as_##T(gp_abs_bits_##C(a)); } \
    static inline T gp_square_##C(T a) { return a * a; } \
    static inline T gp_reciprocal_##C(T a) { return gp_div_##C((T)1, a); } \
    static inline T gp_sign_##C(T a) \
    { return a > (T)0 ? (T)1 : a < (T)0 ? (T)-1 : a == (T)0 ? (T)0 : a; } \
    static inline T gp_copysign_##C(T a, T b) \
    { return as_##T((U)(gp_abs_bits_##C(a) | (as_##U(b) & gp_sign_bit_##C()))); } \
    static inline uchar gp_signbit_##C(T a) { return (as_##U(a) & gp_sign_bit_##C()) != 0; } \
    static inline uchar gp_isnan_##C(T a) { return gp_is_nan_##C(a); } \
    static inline uchar gp_isinf_##C(T a) { return gp_abs_bits_##C(a) == gp_inf_bits_##C(); } \
    static inline uchar gp_isfinite_##C(T a) { return gp_abs_bits_##C(a) < gp_inf_bits_##C(); } \
    \
    static inline uchar gp_eq_##C(T a, T b) { return a == b; } \
    static inline uchar gp_ne_##C(T a, T b) { return !(a == b); } \
    static inline uchar gp_lt_##C(T a, T b) { return a < b; } \
    static inline uchar gp_le_##C(T a, T b) { return a <= b; } \
    static inline uchar gp_gt_##C(T a, T b) { return a > b; } \
    static inline uchar gp_ge_##C(T a, T b) { return a >= b; } \
    static inline T gp_where_##C(uchar c, T a, T b) { return c != 0 ? a : b; } \
    /* Of equal operands (the two zeros) the second, as NumPy. */ \
    static inline T gp_minimum_##C(T a, T b) { return a < b || gp_is_nan_##C(a) ? a : b; } \
    static inline T gp_maximum_##C(T a, T b) { return a > b || gp_is_nan_##C(a) ? a : b; } \
    static inline T gp_fmin_##C(T a, T b) { return a < b || gp_is_nan_##C(b) ? a : b; } \
    static inline T gp_fmax_##C(T a, T b) { return a > b || gp_is_nan_##C(b) ? a : b; } \
    \
    static inline T gp_floor_##C(T a) { return floor(a); } \
    static inline T gp_ceil_##C(T a) { return ceil(a); } \
    static inline T gp_trunc_##C(T a) { return trunc(a); } \
    static inline T gp_rint_##C(T a) { return rint(a); } \
    \
    static inline T gp_nextafter_##C(T a, T b) \
    { \
        if (gp_is_nan_##C(a) || gp_is_nan_##C(b)) return gp_nan_##C(); \
        if (a == b) return b; \
        if (a == (T)0) return as_##T((U)((as_##U(b) & gp_sign_bit_##C()) | (U)1)); \
        return as_##T((U)(as_##U(a) + ((a < b) == (a > (T)0) ? (U)1 : ~(U)0))); \
    } \
    /* To the next value away from zero. */ \
    static inline T gp_spacing_##C(T a) \
    { \
        if (gp_abs_bits_##C(a) >= gp_inf_bits_##C()) return gp_nan_##C(); \
        if (a == (T)0) return as_##T((U)1); \
        return as_##T((U)(as_##U(a) + (U)1)) - a; \
    } \
    static inline T gp_heaviside_##C(T a, T b) \
    { return gp_is_nan_##C(a) ? a : a == (T)0 ? b : a < (T)0 ? (T)0 : (T)1; } \
    \
    /* Long division of the mantissas, STEP bits at a time: exact. */ \
    static inline T gp_fmod_##C(T a, T b) \
    { \
        const U x = gp_abs_bits_##C(a), y = gp_abs_bits_##C(b), sign = as_##U(a) & gp_sign_bit_##C(); \
        const ulong hidden = 1ul << MANT; \
        if (y == 0 || x >= gp_inf_bits_##C() || y > gp_inf_bits_##C()) return gp_nan_##C(); \
        if (x < y) return a; \
        const int ex = max((int)(x >> MANT), 1), ey = max((int)(y >> MANT), 1); \
        const ulong m = (y >> MANT) == 0 ? (ulong)y : ((ulong)y & (hidden - 1)) | hidden; \
        ulong r = (x >> MANT) == 0 ? (ulong)x : ((ulong)x & (hidden - 1)) | hidden; \
        r %= m; \
        for (int left = ex - ey; left > 0 && r != 0ul; left -= STEP) \
            r = (r << (uint)min(left, STEP)) % m; \
        if (r == 0ul) return as_##T(sign); \
        const int up = min((int)clz(r) - (63 - MANT), ey - 1); \
        /* A set hidden bit adds the one that is taken from the exponent. */ \
        return as_##T((U)(sign | (U)((r << (uint)up) + ((ulong)(ey - up - 1) << MANT)))); \
    } \
    static inline T gp_mod_##C(T a, T b) \
    { \
        const T r = gp_fmod_##C(a, b); \
        if (b == (T)0) return r; \
        if (r == (T)0) return gp_copysign_##C((T)0, b); \
        return (b < (T)0) != (r < (T)0) ? r + b : r; \
    } \
    static inline T gp_floordiv_##C(T a, T b) \
    { \
        if (b == (T)0) return gp_div_##C(a, b); \
        const T r = gp_fmod_##C(a, b); \
        T q = gp_div_##C(a - r, b); \
        if (r != (T)0 && (b < (T)0) != (r < (T)0)) q -= (T)1; \
        if (q == (T)0) return gp_copysign_##C((T)0, gp_div_##C(a, b)); \
        const T whole = floor(q); \
        return q - whole > (T)0.5##S ? whole + (T)1 : whole; \
    } \
    \
    static inline T gp_pow_##C(T a, T b) { return pow(a, b); } \
    static inline T gp_arctan2_##C(T a, T b) { return atan2(a, b); } \
    static inline T gp_hypot_##C(T a, T b) { return hypot(a, b); } \
    static inline T gp_logaddexp_##C(T a, T b) \
    { \
        if (a == b) return a + (T)0.693147180559945309417232121458176568##S; \
        const T d = a - b; \
        if (d > (T)0) return a + log1p(exp(-d)); \
        if (d <= (T)0) return b + log1p(exp(d)); \
        return d; \
    } \
    static inline T gp_logaddexp2_##C(T a, T b) \
    { \
        const T log2e = (T)1.442695040888963407359924681001892137##S; \
        if (a == b) return a + (T)1; \
        const T d = a - b; \
        if (d > (T)0) return a + log2e * log1p(exp2(-d)); \
        if (d <= (T)0) return b + log2e * log1p(exp2(d)); \
        return d; \
    } \
    static inline T gp_cbrt_##C(T a) { return cbrt(a); } \
    static inline T gp_exp_##C(T a) { return exp(a); } \
    static inline T gp_exp2_##C(T a) { return exp2(a); } \
    static inline T gp_expm1_##C(T a) { return expm1(a); } \
    static inline T gp_log_##C(T a) { return log(a); } \
    static inline T gp_log2_##C(T a) { return log2(a); } \
    static inline T gp_log10_##C(T a) { return log10(a); } \
    static inline T gp_log1p_##C(T a) { return log1p(a); } \
    static inline T gp_sin_##C(T a) { return sin(a); } \
    static inline T gp_cos_##C(T a) { return cos(a); } \
    static inline T gp_tan_##C(T a) { return tan(a); } \
    static inline T gp_arcsin_##C(T a) { return asin(a); } \
    static inline T gp_arccos_##C(T a) { return acos(a); } \
    static inline T gp_arctan_##C(T a) { return atan(a); } \
    static inline T gp_sinh_##C(T a) { return sinh(a); } \
    static inline T gp_cosh_##C(T a) { return cosh(a); } \
    static inline T gp_tanh_##C(T a) { return tanh(a); } \
    static inline T gp_arcsinh_##C(T a) { return asinh(a); } \
    static inline T gp_arccosh_##C(T a) { return acosh(a); } \
    static inline T gp_arctanh_##C(T a) { return atanh(a); } \
    static inline T gp_erf_##C(T a) { return erf(a); }

GP_FLOAT(f4, float, uint, f, 23, 32, 40)
#ifndef GP_NO_FP64
GP_FLOAT(f8, double, ulong, , 52, 64, 11)
#endif
/* clang-format on */
