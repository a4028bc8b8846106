/* Element-wise operations on integers and bool: gp_<operation>_<dtype>.
 *
 * NumPy's rules: arithmetic wraps, // and % floor, x // 0 is 0. OpenCL leaves
 * signed overflow, division by zero, INT_MIN / -1 and shifts past the width open, so
 * everything runs in the unsigned type of the same or a larger width and is guarded.
 * `flags` collects GP_FLAG_* of emit/pass.h per work-item. */
#define GP_FLAG_DIVIDE 1u
#define GP_FLAG_NEG_POWER 2u

static inline uint gp_hcf_uint(uint a, uint b)
{
    while (b != 0u) {
        const uint t = a % b;
        a = b;
        b = t;
    }
    return a;
}

static inline ulong gp_hcf_ulong(ulong a, ulong b)
{
    while (b != 0ul) {
        const ulong t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* clang-format off */

/* Any dtype without NaN, bool included. */
#define GP_ORDERED(C, T) \
    static inline uchar gp_eq_##C(T a, T b) { return a == b; } \
    static inline uchar gp_ne_##C(T a, T b) { return a != b; } \
    static inline uchar gp_lt_##C(T a, T b) { return a < b; } \
    static inline uchar gp_le_##C(T a, T b) { return a <= b; } \
    static inline uchar gp_gt_##C(T a, T b) { return a > b; } \
    static inline uchar gp_ge_##C(T a, T b) { return a >= b; } \
    static inline T gp_minimum_##C(T a, T b) { return a < b ? a : b; } \
    static inline T gp_maximum_##C(T a, T b) { return a > b ? a : b; } \
    static inline T gp_bitand_##C(T a, T b) { return (T)(a & b); } \
    static inline T gp_bitor_##C(T a, T b) { return (T)(a | b); } \
    static inline T gp_bitxor_##C(T a, T b) { return (T)(a ^ b); } \
    static inline T gp_where_##C(uchar c, T a, T b) { return c != 0 ? a : b; }

/* W: the unsigned type that it is computed in. */
#define GP_INTEGER(C, T, W, BITS) \
    GP_ORDERED(C, T) \
    static inline T gp_add_##C(T a, T b) { return (T)((W)a + (W)b); } \
    static inline T gp_sub_##C(T a, T b) { return (T)((W)a - (W)b); } \
    static inline T gp_mul_##C(T a, T b) { return (T)((W)a * (W)b); } \
    static inline T gp_neg_##C(T a) { return (T)((W)0 - (W)a); } \
    static inline T gp_square_##C(T a) { return (T)((W)a * (W)a); } \
    static inline T gp_invert_##C(T a) { return (T)~a; } \
    static inline T gp_shl_##C(T a, T b) \
    { return (ulong)b < (ulong)(BITS) ? (T)((W)a << (uint)b) : (T)0; } \
    static inline W gp_power_of_##C(W base, W exponent) \
    { \
        W out = 1; \
        for (; exponent != 0; exponent >>= 1) { \
            if ((exponent & 1) != 0) out *= base; \
            base *= base; \
        } \
        return out; \
    }

#define GP_UNSIGNED(C, T, W, BITS) \
    GP_INTEGER(C, T, W, BITS) \
    static inline T gp_floordiv_##C(T a, T b, uint *flags) \
    { \
        if (b == 0) { *flags |= GP_FLAG_DIVIDE; return 0; } \
        return (T)(a / b); \
    } \
    static inline T gp_mod_##C(T a, T b, uint *flags) \
    { \
        if (b == 0) { *flags |= GP_FLAG_DIVIDE; return 0; } \
        return (T)(a % b); \
    } \
    static inline T gp_fmod_##C(T a, T b, uint *flags) { return gp_mod_##C(a, b, flags); } \
    static inline T gp_reciprocal_##C(T a, uint *flags) { return gp_floordiv_##C((T)1, a, flags); } \
    static inline T gp_pow_##C(T a, T b, uint *flags) \
    { (void)flags; return (T)gp_power_of_##C((W)a, (W)b); } \
    static inline T gp_shr_##C(T a, T b) \
    { return (ulong)b < (ulong)(BITS) ? (T)(a >> (uint)b) : (T)0; } \
    static inline T gp_abs_##C(T a) { return a; } \
    static inline T gp_sign_##C(T a) { return (T)(a != 0); } \
    static inline uchar gp_bitcount_##C(T a) { return (uchar)popcount((W)a); } \
    static inline T gp_gcd_##C(T a, T b) { return (T)gp_hcf_##W((W)a, (W)b); } \
    static inline T gp_lcm_##C(T a, T b) \
    { \
        const W hcf = gp_hcf_##W((W)a, (W)b); \
        return (T)((W)a / (hcf + (hcf == 0)) * (W)b); \
    }

/* -1 as a divisor never reaches the hardware: INT_MIN / -1 is undefined. */
#define GP_SIGNED(C, T, W, BITS) \
    GP_INTEGER(C, T, W, BITS) \
    static inline W gp_magnitude_##C(T a) { return a < 0 ? (W)0 - (W)a : (W)a; } \
    static inline T gp_floordiv_##C(T a, T b, uint *flags) \
    { \
        if (b == 0) { *flags |= GP_FLAG_DIVIDE; return 0; } \
        if (b == -1) return gp_neg_##C(a); \
        const T q = (T)(a / b); \
        return (T)(q - ((a % b != 0) && ((a < 0) != (b < 0)))); \
    } \
    static inline T gp_fmod_##C(T a, T b, uint *flags) \
    { \
        if (b == 0) { *flags |= GP_FLAG_DIVIDE; return 0; } \
        return b == -1 ? (T)0 : (T)(a % b); \
    } \
    static inline T gp_mod_##C(T a, T b, uint *flags) \
    { \
        const T r = gp_fmod_##C(a, b, flags); \
        return (r != 0) && ((r < 0) != (b < 0)) ? (T)(r + b) : r; \
    } \
    static inline T gp_reciprocal_##C(T a, uint *flags) \
    { \
        if (a == 0) { *flags |= GP_FLAG_DIVIDE; return 0; } \
        return a == 1 || a == -1 ? a : (T)0; \
    } \
    static inline T gp_pow_##C(T a, T b, uint *flags) \
    { \
        if (b < 0) { *flags |= GP_FLAG_NEG_POWER; return 0; } \
        return (T)gp_power_of_##C((W)a, (W)b); \
    } \
    static inline T gp_shr_##C(T a, T b) \
    { return (ulong)b < (ulong)(BITS) ? (T)(a >> (uint)b) : (T)(a < 0 ? -1 : 0); } \
    static inline T gp_abs_##C(T a) { return (T)gp_magnitude_##C(a); } \
    static inline T gp_sign_##C(T a) { return (T)((a > 0) - (a < 0)); } \
    static inline uchar gp_bitcount_##C(T a) { return (uchar)popcount(gp_magnitude_##C(a)); } \
    static inline T gp_gcd_##C(T a, T b) \
    { return (T)gp_hcf_##W(gp_magnitude_##C(a), gp_magnitude_##C(b)); } \
    static inline T gp_lcm_##C(T a, T b) \
    { \
        const W x = gp_magnitude_##C(a), y = gp_magnitude_##C(b), hcf = gp_hcf_##W(x, y); \
        return (T)(x / (hcf + (hcf == 0)) * y); \
    }

GP_ORDERED(b1, uchar)
static inline uchar gp_invert_b1(uchar a) { return a == 0; }

GP_SIGNED(i1, char, uint, 8)
GP_SIGNED(i2, short, uint, 16)
GP_SIGNED(i4, int, uint, 32)
GP_SIGNED(i8, long, ulong, 64)
GP_UNSIGNED(u1, uchar, uint, 8)
GP_UNSIGNED(u2, ushort, uint, 16)
GP_UNSIGNED(u4, uint, uint, 32)
GP_UNSIGNED(u8, ulong, ulong, 64)
/* clang-format on */
