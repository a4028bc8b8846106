/* What gp_reduce needs: the layouts of emit/reduce.h and the steps of a work-group of
 * GP_LANES work-items. Functions with "group" or "block" in their name have barriers: all
 * work-items call them, and any two calls may share local memory.
 *
 * Float sums are exact. A block is cut by a power of two ("sigma") into multiples of
 * one unit, so few that they add without rounding in any order; what is left over is
 * cut again until nothing is. Each cut's total goes into a fixed-point number of
 * 68 limbs, which spans all of float64. */
#pragma OPENCL FP_CONTRACT OFF
#if !defined(GP_NO_FP64) && defined(cl_khr_fp64)
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

#define GP_LANES 64
#define GP_BLOCK 1024
#define GP_PER_LANE (GP_BLOCK / GP_LANES)

#define GP_EXACT_LIMBS 68
#define GP_EXACT_NAN 1u
#define GP_EXACT_PINF 2u
#define GP_EXACT_NINF 4u
#define GP_EXACT_SEEN 8u
#define GP_EXACT_NOT_NEGZERO 16u

/* Bytes and offsets: gp_exact is 68 limbs, flags, adds; the others are two or one
 * 64-bit words. Partials are written as 64-bit words (all of them are multiples). */
#define GP_EXACT_WORDS (GP_EXACT_LIMBS + 1)

/* ---- Work-group steps ----
 *
 * Inlined by force: PoCL 3.1 gives each group its own local memory only where the kernel itself
 * names it, and a compiler may move the name into a function that is always called with it. */
#define GP_INLINE static inline __attribute__((always_inline))

/* clang-format off */
/* Halves the lanes, 32, 16, 8, 4, 2, 1: lane j with lane j + 32, and so on. Eight
 * work-items take three of the halvings each, all of them the last three: three barriers
 * instead of eight, and the very same tree. */
#define GP_TREE(NAME, T, OP) \
    GP_INLINE T NAME(__local T *lanes, uint lane, T x) \
    { \
        barrier(CLK_LOCAL_MEM_FENCE); \
        lanes[lane] = x; \
        barrier(CLK_LOCAL_MEM_FENCE); \
        if (lane < 8) { \
            const T a = lanes[lane] OP lanes[lane + 32], b = lanes[lane + 8] OP lanes[lane + 40]; \
            const T c = lanes[lane + 16] OP lanes[lane + 48], d = lanes[lane + 24] OP lanes[lane + 56]; \
            const T ac = a OP c, bd = b OP d; \
            lanes[lane] = ac OP bd; \
        } \
        barrier(CLK_LOCAL_MEM_FENCE); \
        const T e = lanes[0] OP lanes[4], f = lanes[1] OP lanes[5]; \
        const T g = lanes[2] OP lanes[6], h = lanes[3] OP lanes[7]; \
        const T eg = e OP g, fh = f OP h; \
        return eg OP fh; \
    }
GP_TREE(gp_group_sum_u8, ulong, +)
GP_TREE(gp_group_product_u8, ulong, *)
/* clang-format on */

/* The least key, and of equal keys the least index (ULONG_MAX: none). In lane 0 only. */
GP_INLINE ulong2 gp_group_least(__local ulong *keys, __local ulong *indices, uint lane, ulong key,
                                ulong index)
{
    barrier(CLK_LOCAL_MEM_FENCE);
    keys[lane] = key;
    indices[lane] = index;
    barrier(CLK_LOCAL_MEM_FENCE);
    ulong2 least = (ulong2)(key, index);
    if (lane == 0) {
        for (uint j = 1; j < GP_LANES; j++) {
            /* Nothing seen has the largest key and index: it never wins against something. */
            if (keys[j] < least.x || (keys[j] == least.x && indices[j] < least.y))
                least = (ulong2)(keys[j], indices[j]);
        }
    }
    return least;
}

GP_INLINE uint gp_group_or(__local uint *word, uint lane, uint x)
{
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0) *word = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (x != 0) atomic_or(word, x);
    barrier(CLK_LOCAL_MEM_FENCE);
    return *word;
}

GP_INLINE uint gp_group_max(__local uint *word, uint lane, uint x)
{
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0) *word = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (x != 0) atomic_max(word, x);
    barrier(CLK_LOCAL_MEM_FENCE);
    return *word;
}

/* ---- Sums of integers ---- */

/* value = hi * 2^32 + lo; `hi` wraps in unsigned arithmetic and is signed in the partial. */
static inline void gp_isum_add_i8(ulong *hi, ulong *lo, long x)
{
    *hi += (ulong)(x >> 32);
    *lo += (ulong)x & 0xfffffffful;
}

static inline void gp_isum_add_u8(ulong *hi, ulong *lo, ulong x)
{
    *hi += x >> 32;
    *lo += x & 0xfffffffful;
}

/* ---- Minimum and its kin: the least key wins ---- */

/* clang-format off */
#define GP_SIGN64 0x8000000000000000ul
static inline ulong gp_key_u8(ulong x) { return x; }
static inline ulong gp_key_i8(long x) { return (ulong)x ^ GP_SIGN64; }
static inline ulong gp_unkey_u8(ulong key) { return key; }
static inline ulong gp_unkey_i8(ulong key) { return key ^ GP_SIGN64; }
/* clang-format on */

/* Floats by their bits, so that this needs no float64: -0.0 comes below +0.0. A
 * NaN's key is 0, in both directions, which no number has. */
static inline ulong gp_key_f4(float x)
{
    const uint bits = as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0ul;
    return (ulong)((bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u);
}

/* For the opposite direction; again 0 is for NaN alone. */
static inline ulong gp_antikey_f4(float x)
{
    const ulong key = gp_key_f4(x);
    return key == 0ul ? key : 0xfffffffful - key;
}

static inline float gp_no_negative_zero_f4(float x) { return as_uint(x) == 0x80000000u ? 0.0f : x; }

/* The bits of the same value as float64. */
static inline ulong gp_widen_f4(uint bits)
{
    const ulong sign = (ulong)(bits & 0x80000000u) << 32;
    const uint exponent = (bits >> 23) & 0xffu;
    const ulong mantissa = (ulong)(bits & 0x7fffffu);
    if (exponent == 0xffu) return sign | 0x7ff0000000000000ul | (mantissa << 29);
    if (exponent != 0u) return sign | ((ulong)(exponent + 896u) << 52) | (mantissa << 29);
    if (mantissa == 0ul) return sign;
    const uint up = (uint)clz(mantissa) - 40u; /* to bit 23 */
    return sign | ((ulong)(897u - up) << 52) | (((mantissa << up) & 0x7ffffful) << 29);
}

static inline ulong gp_unkey_f4(ulong key)
{
    const uint bits = (uint)key;
    if (key == 0ul) return 0x7ff8000000000000ul;
    return gp_widen_f4((bits & 0x80000000u) != 0 ? bits & 0x7fffffffu : ~bits);
}

static inline ulong gp_unantikey_f4(ulong key)
{
    return gp_unkey_f4(key == 0ul ? key : 0xfffffffful - key);
}

static inline ulong gp_key_bits_f8(ulong bits)
{
    if ((bits & ~GP_SIGN64) > 0x7ff0000000000000ul) return 0ul;
    return (bits & GP_SIGN64) != 0 ? ~bits : bits | GP_SIGN64;
}

static inline ulong gp_unkey_f8(ulong key)
{
    if (key == 0ul) return 0x7ff8000000000000ul;
    return (key & GP_SIGN64) != 0 ? key & ~GP_SIGN64 : ~key;
}

static inline ulong gp_unantikey_f8(ulong key) { return gp_unkey_f8(key == 0ul ? key : ~key); }

#ifndef GP_NO_FP64

static inline ulong gp_key_f8(double x) { return gp_key_bits_f8(as_ulong(x)); }

static inline ulong gp_antikey_f8(double x)
{
    const ulong key = gp_key_f8(x);
    return key == 0ul ? key : ~key;
}

static inline double gp_no_negative_zero_f8(double x) { return as_ulong(x) == GP_SIGN64 ? 0.0 : x; }

GP_TREE(gp_group_sum_f8, double, +)
GP_TREE(gp_group_product_f8, double, *)

/* ---- Exact sums of floats ---- */

/* What an operand is for the sum: its flags. */
static inline uint gp_exact_flags(double x)
{
    const ulong bits = as_ulong(x), magnitude = bits & ~GP_SIGN64;
    uint flags = GP_EXACT_SEEN;
    if (bits != GP_SIGN64) flags |= GP_EXACT_NOT_NEGZERO;
    if (magnitude > 0x7ff0000000000000ul) flags |= GP_EXACT_NAN;
    if (magnitude == 0x7ff0000000000000ul)
        flags |= (bits & GP_SIGN64) != 0 ? GP_EXACT_NINF : GP_EXACT_PINF;
    return flags;
}

static inline double gp_finite_or_zero(double x)
{
    return (as_ulong(x) & 0x7ff0000000000000ul) == 0x7ff0000000000000ul ? 0.0 : x;
}

/* Exponent + 64 as float64 stores it, as if denormals had exponents below 1; 0 for zero. */
static inline uint gp_exact_height(double x)
{
    const ulong bits = as_ulong(x) & ~GP_SIGN64;
    if (bits == 0ul) return 0u;
    if (bits >= 0x0010000000000000ul) return (uint)(bits >> 52) + 64u;
    return 64u + 12u - (uint)clz(bits);
}

/* Carries, so that limbs 0 to 66 are in [0, 2^32). One work-item. */
GP_INLINE void gp_exact_carry(__local long *limb)
{
    long carry = 0;
    for (uint i = 0; i < GP_EXACT_LIMBS - 1; i++) {
        const long x = limb[i] + carry;
        limb[i] = x & 0xffffffffl;
        carry = x >> 32;
    }
    limb[GP_EXACT_LIMBS - 1] += carry;
}

/* Adds x * 2^shift, x finite. One work-item. */
GP_INLINE void gp_exact_add(__local long *limb, uint *adds, double x, int shift)
{
    const ulong bits = as_ulong(x);
    const uint stored = (uint)(bits >> 52) & 0x7ffu;
    const ulong m = stored == 0u ? bits & 0x000ffffffffffffful
                                 : (bits & 0x000ffffffffffffful) | 0x0010000000000000ul;
    if (m == 0ul) return;
    /* The lowest bit of m weighs 2^(exponent - 1075), that of limb 0 2^-1088. Where a negative
     * shift takes it below that, the bits that leave are zeros. */
    int at = (int)max(stored, 1u) - 1075 + 1088 + shift;
    ulong whole = m;
    if (at < 0) {
        whole >>= (uint)-at;
        at = 0;
    }
    const uint i = (uint)at >> 5, up = (uint)at & 31u;
    const long a = (long)((whole << up) & 0xfffffffful);
    const long b = (long)((whole >> (32u - up)) & 0xfffffffful);
    const long c = up == 0u ? 0l : (long)(whole >> (64u - up));
    const bool negative = (bits & GP_SIGN64) != 0;
    limb[i] += negative ? -a : a;
    limb[i + 1] += negative ? -b : b;
    limb[i + 2] += negative ? -c : c;
    if (++*adds == 1u << 28) {
        gp_exact_carry(limb);
        *adds = 0;
    }
}

GP_INLINE uint gp_exact_group_height(__local uint *word, uint lane, const double *value)
{
    uint height = 0;
    for (uint j = 0; j < GP_PER_LANE; j++) height = max(height, gp_exact_height(value[j]));
    return gp_group_max(word, lane, height);
}

/* Adds a block's values, GP_PER_LANE finite ones per lane, which it destroys. `adds` counts in
 * lane 0 only. With sigma = 2^(e + 12) for values below 2^(e + 1), each piece is a multiple of
 * 2^-53 sigma and the 1024 of them stay below sigma / 2: sums need at most 53 bits. Near
 * the ends of the range, the cut is made in a scaled copy: `wide` is false where
 * the values (float32) never come near them. */
GP_INLINE void gp_exact_block(__local long *limb, __local double *lanes, __local uint *word,
                                  uint lane, double *value, uint *adds, bool wide)
{
    uint height = gp_exact_group_height(word, lane, value);
    while (height != 0u) {
        const bool huge_ = wide && height > 1900u, tiny = wide && height < 264u;
        const int shift = huge_ ? 600 : tiny ? -300 : 0;
        const double scale = huge_ ? 0x1p-600 : tiny ? 0x1p300 : 1.0;
        const double back = huge_ ? 0x1p600 : tiny ? 0x1p-300 : 1.0;
        const double sigma = as_double((ulong)((int)height - 64 + 12 - shift) << 52);
        double sum = 0.0;
        for (uint j = 0; j < GP_PER_LANE; j++) {
            const double x = value[j];
            /* Scaling down would cost small values their low bits: they wait. */
            if (huge_ && fabs(x) < 0x1p500) continue;
            const double y = x * scale, piece = (sigma + y) - sigma;
            sum += piece;
            value[j] = (y - piece) * back;
        }
        const double total = gp_group_sum_f8(lanes, lane, sum);
        if (lane == 0) gp_exact_add(limb, adds, total, shift);
        height = gp_exact_group_height(word, lane, value);
    }
}

/* ---- Ordered reductions: one partial per block ---- */

GP_INLINE void gp_prod_block(__global ulong *out, __local double *lanes, uint lane,
                                 const double *value, uint n)
{
    double product = 1.0;
    for (uint j = 0; j < GP_PER_LANE; j++)
        if (lane + j * GP_LANES < n) product = product * value[j];
    product = gp_group_product_f8(lanes, lane, product);
    if (lane == 0) out[0] = as_ulong(product);
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* n: elements of the block. */
GP_INLINE void gp_moments_block(__global ulong *out, __local double *lanes, uint lane,
                                    const double *value, uint n)
{
    double s = 0.0;
    for (uint j = 0; j < GP_PER_LANE; j++)
        if (lane + j * GP_LANES < n) s = s + value[j];
    const double m = gp_group_sum_f8(lanes, lane, s) / (double)n;
    double d1 = 0.0, d2 = 0.0;
    for (uint j = 0; j < GP_PER_LANE; j++) {
        if (lane + j * GP_LANES >= n) continue;
        const double d = value[j] - m, square = d * d;
        d1 = d1 + d;
        d2 = d2 + square;
    }
    d1 = gp_group_sum_f8(lanes, lane, d1);
    d2 = gp_group_sum_f8(lanes, lane, d2);
    if (lane == 0) {
        const bool finite = (as_ulong(m) & 0x7ff0000000000000ul) != 0x7ff0000000000000ul;
        const double over = d1 / (double)n, left = d1 * over;
        out[0] = finite ? as_ulong(m) : 0x7ff8000000000000ul;
        out[1] = finite ? as_ulong(over) : 0x7ff8000000000000ul;
        out[2] = finite ? as_ulong(d2 - left) : 0x7ff8000000000000ul;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

#endif
