/* Operations with dtypes of their own: gp_<operation>_<dtype of the first operand>.
 *
 * float16 is a ushort with its bits, complex numbers are float2 and double2. */
#pragma OPENCL FP_CONTRACT OFF
#if !defined(GP_NO_FP64) && defined(cl_khr_fp64)
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#define GP_FLAG_INDEX 32u
#define GP_FLAG_CHECK 6

/* ---- Complex numbers: their parts ---- */

static inline float gp_real_c8(float2 a) { return a.x; }
static inline float gp_imag_c8(float2 a) { return a.y; }
static inline float2 gp_pack_f4(float a, float b) { return (float2)(a, b); }
#ifndef GP_NO_FP64
static inline double gp_real_c16(double2 a) { return a.x; }
static inline double gp_imag_c16(double2 a) { return a.y; }
static inline double2 gp_pack_f8(double a, double b) { return (double2)(a, b); }
#endif

/* ---- Random bits: Philox 4x32-10 (Salmon and others, 2011) ---- */

static inline ulong gp_randbits_u8(ulong counter, ulong key)
{
    uint c0 = (uint)counter, c1 = (uint)(counter >> 32), c2 = 0, c3 = 0;
    uint k0 = (uint)key, k1 = (uint)(key >> 32);
    for (int round_ = 0; round_ < 10; round_++) {
        const uint h0 = mul_hi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
        const uint h1 = mul_hi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (ulong)c0 | (ulong)c1 << 32;
}

static inline ulong gp_mulhi_u8(ulong a, ulong b) { return mul_hi(a, b); }

/* ---- The quantile of the normal distribution: as the CPU's, operation by operation ----
 *
 * Rational approximations of algorithm AS 241 (Wichura, 1988; PPND16). Only + - * / and sqrt. */

#ifndef GP_NO_FP64
/* The 53 bits k that the quantile is of, less 2^52 - 1/2: (p - 1/2) * 2^53, exactly. */
static inline double gp_normal_centred(ulong x)
{
    const ulong k = x >> 11, low = k & ((1ul << 52) - 1);
    const double whole = as_double(0x4330000000000000ul | low); /* 2^52 + low */
    return (whole - (k >> 52 != 0 ? 0x1p52 : 0x1p53)) + 0.5;
}

/* |p - 1/2| <= 0.425. */
static inline double gp_normal_central(double c)
{
    const double q = c * 0x1p-53, r = 0.180625 - q * q;
    double a = 2509.0809287301226727, b = 5226.495278852854561;
    a = a * r + 33430.575583588128105;
    a = a * r + 67265.770927008700853;
    a = a * r + 45921.953931549871457;
    a = a * r + 13731.693765509461125;
    a = a * r + 1971.5909503065514427;
    a = a * r + 133.14166789178437745;
    a = a * r + 3.387132872796366608;
    b = b * r + 28729.085735721942674;
    b = b * r + 39307.89580009271061;
    b = b * r + 21213.794301586595867;
    b = b * r + 5394.1960214247511077;
    b = b * r + 687.1870074920579083;
    b = b * r + 42.313330701600911252;
    b = b * r + 1.0;
    return q * a / b;
}

/* sqrt(-log(p)) of the nearer tail's p = t * 2^-53, 1/2 <= t < 2^52. */
static inline double gp_normal_tail_root(double t)
{
    /* t = f * 2^e with f near 1: between sqrt(1/2) and sqrt(2). */
    const ulong bits = as_ulong(t), from = 0x3fe6a09e667f3bcdul;
    const ulong e = (bits - from + (1024ul << 52)) >> 52; /* + 1024 */
    const double f = as_double(bits - (e << 52) + (1024ul << 52));
    const double up = 0x1p52 + (53 + 1024) - as_double(0x4330000000000000ul | e);
    const double s = (f - 1.0) / (f + 1.0), z = s * s;
    double w = 1.0 / 21;
    w = w * z + 1.0 / 19;
    w = w * z + 1.0 / 17;
    w = w * z + 1.0 / 15;
    w = w * z + 1.0 / 13;
    w = w * z + 1.0 / 11;
    w = w * z + 1.0 / 9;
    w = w * z + 1.0 / 7;
    w = w * z + 1.0 / 5;
    w = w * z + 1.0 / 3;
    const double log_f = 2.0 * s + 2.0 * (s * z * w);
    /* log(2) in two parts, of which the first times a small integer is exact. */
    return sqrt(up * 0x1.62e42feep-1 + (up * 0x1.a39ef35793c76p-33 - log_f));
}

static inline double gp_normal_near_tail(double root)
{
    const double r = root - 1.6;
    double a = 7.7454501427834140764e-4, b = 1.05075007164441684324e-9;
    a = a * r + 0.0227238449892691845833;
    a = a * r + 0.24178072517745061177;
    a = a * r + 1.27045825245236838258;
    a = a * r + 3.64784832476320460504;
    a = a * r + 5.7694972214606914055;
    a = a * r + 4.6303378461565452959;
    a = a * r + 1.42343711074968357734;
    b = b * r + 5.475938084995344946e-4;
    b = b * r + 0.0151986665636164571966;
    b = b * r + 0.14810397642748007459;
    b = b * r + 0.68976733498510000455;
    b = b * r + 1.6763848301838038494;
    b = b * r + 2.05319162663775882187;
    b = b * r + 1.0;
    return a / b;
}

static inline double gp_normal_far_tail(double root)
{
    const double r = root - 5.0;
    double a = 2.01033439929228813265e-7, b = 2.04426310338993978564e-15;
    a = a * r + 2.71155556874348757815e-5;
    a = a * r + 0.0012426609473880784386;
    a = a * r + 0.026532189526576123093;
    a = a * r + 0.29656057182850489123;
    a = a * r + 1.7848265399172913358;
    a = a * r + 5.4637849111641143699;
    a = a * r + 6.6579046435011037772;
    b = b * r + 1.4215117583164458887e-7;
    b = b * r + 1.8463183175100546818e-5;
    b = b * r + 7.868691311456132591e-4;
    b = b * r + 0.0148753612908506148525;
    b = b * r + 0.13692988092273580531;
    b = b * r + 0.59983220655588793769;
    b = b * r + 1.0;
    return a / b;
}

static inline double gp_normal_u8(ulong x)
{
    const double c = gp_normal_centred(x);
    if (fabs(c) <= 0.425 * 0x1p53) return gp_normal_central(c);
    const double root = gp_normal_tail_root(0x1p52 - fabs(c));
    const double z = root > 5.0 ? gp_normal_far_tail(root) : gp_normal_near_tail(root);
    return c < 0.0 ? -z : z;
}
#endif

/* ---- Tables ---- */

/* clang-format off */
#define GP_TAKE(C, T, NONE) \
    static inline T gp_take_##C(__global const T *table, ulong count, long at, uint *flags) \
    { \
        if ((ulong)at < count) return table[at]; \
        *flags |= GP_FLAG_INDEX; \
        return NONE; \
    }
GP_TAKE(i1, char, 0) GP_TAKE(i2, short, 0) GP_TAKE(i4, int, 0) GP_TAKE(i8, long, 0)
GP_TAKE(u1, uchar, 0) GP_TAKE(u2, ushort, 0) GP_TAKE(u4, uint, 0) GP_TAKE(u8, ulong, 0)
GP_TAKE(f2, ushort, 0) GP_TAKE(f4, float, 0.0f) GP_TAKE(c8, float2, (float2)(0.0f, 0.0f))
static inline uchar gp_take_b1(__global const uchar *table, ulong count, long at, uint *flags)
{
    return gp_take_u1(table, count, at, flags) != 0;
}

static inline uchar gp_check_b1(uchar bad, long id, uint *flags)
{
    *flags |= (uint)(bad != 0) << (GP_FLAG_CHECK + id);
    return bad;
}

/* How many elements of the sorted table come before v: left those below it, right those not above.
 * NaN comes after every number. */
#define GP_SEARCH(NAME, T, BEFORE) \
    static inline long NAME(__global const T *table, ulong count, T v) \
    { \
        ulong base = 0; \
        for (ulong left = count; left > 0ul; left /= 2ul) { \
            const ulong half_ = left - left / 2ul; \
            const T x = table[base + half_ - 1ul]; \
            if (BEFORE) base += half_; \
        } \
        return (long)base; \
    }
#define GP_SEARCHES(C, T) \
    GP_SEARCH(gp_searchleft_##C, T, x < v) GP_SEARCH(gp_searchright_##C, T, x <= v)
#define GP_SEARCHES_FLOAT(C, T) \
    GP_SEARCH(gp_searchleft_##C, T, x < v || (v != v && x == x)) \
    GP_SEARCH(gp_searchright_##C, T, x <= v || v != v)
GP_SEARCH(gp_searchleft_b1, uchar, (x != 0) < (v != 0))
GP_SEARCH(gp_searchright_b1, uchar, (x != 0) <= (v != 0))
GP_SEARCHES(i1, char) GP_SEARCHES(i2, short) GP_SEARCHES(i4, int) GP_SEARCHES(i8, long)
GP_SEARCHES(u1, uchar) GP_SEARCHES(u2, ushort) GP_SEARCHES(u4, uint) GP_SEARCHES(u8, ulong)
GP_SEARCHES_FLOAT(f4, float)
#ifndef GP_NO_FP64
GP_TAKE(f8, double, 0.0) GP_TAKE(c16, double2, (double2)(0.0, 0.0))
GP_SEARCHES_FLOAT(f8, double)
#endif
/* clang-format on */
