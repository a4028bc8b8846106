/* Random numbers. Element number n (in C order) of a function's array is made from Philox 4x32-10 with the
 * counter n and a key that is made of the seed and the function: it depends on nothing else, so the numbers are
 * the same on every device and for every chunking. */
#include "lang/check_generator.h"

#include <math.h>

static gp_value of(int node) { return gp_value_node(node); }

/* The streams of different functions differ for the same seed. */
enum { STREAM_RANDOM = 1, STREAM_NORMAL = 2, STREAM_INTEGERS = 3 };

static uint64_t splitmix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static int unsigned2(gp_builder *b, gp_op op, int x, int y) { return gp_build_op(b, op, GPUPROC_UINT64, x, y, -1); }
static int unsigned_int(gp_builder *b, uint64_t u) { return gp_build_int(b, GPUPROC_UINT64, (int64_t)u); }

/* 64 random bits for each element. */
static int bits(gp_builder *b, const gp_function *fn, const gp_value *size, const gp_value *seed, uint64_t stream)
{
    gp_shape shape = {0};
    __int128 number = 0;
    if (size->kind != GP_VAL_NONE && !gp_argument_size(b, fn, size, &shape)) return -1;
    if (seed->kind != GP_VAL_NONE && !gp_argument_wide(b, fn, "seed", seed, &number)) return -1;
    if (number < 0) return gp_build_fail(b, GPUPROC_VALUE, "%s() needs a seed that is not negative", fn->name);
    if (number > UINT64_MAX) return gp_build_fail(b, GPUPROC_VALUE, "%s() needs a seed below 2**64", fn->name);
    uint64_t key = splitmix64(splitmix64((uint64_t)number) + stream);
    int counter = gp_build_cast(b, gp_build_number(b, &shape), GPUPROC_UINT64);
    return unsigned2(b, GP_OP_RANDBITS, counter, unsigned_int(b, key));
}

static bool float_dtype(gp_builder *b, const gp_function *fn, const gp_value *v, gp_dtype *dtype)
{
    *dtype = GPUPROC_FLOAT64;
    if (v->kind != GP_VAL_NONE && !gp_check_dtype(b, v, dtype)) return false;
    if (gp_dtype_is_float(*dtype)) return true;
    gp_build_fail(b, GPUPROC_TYPE, "%s() makes floats, found dtype %s", fn->name, gpuproc_dtype_name(*dtype));
    return false;
}

/* The upper 53 bits, from 0 up to but not 1; float32 and float16 take as many as they hold, for no rounding up to 1. */
static int unit(gp_builder *b, int random, gp_dtype dtype)
{
    int digits = dtype == GPUPROC_FLOAT64 ? 53 : dtype == GPUPROC_FLOAT32 ? 24 : 11;
    gp_dtype work = dtype == GPUPROC_FLOAT16 ? GPUPROC_FLOAT32 : dtype;
    int whole = gp_build_cast(b, unsigned2(b, GP_OP_SHR, random, unsigned_int(b, (uint64_t)(64 - digits))), work);
    int node = gp_build_op(b, GP_OP_MUL, work, whole, gp_build_float(b, work, 1.0 / (double)((uint64_t)1 << digits)), -1);
    return gp_build_cast(b, node, dtype);
}

static gp_value apply(gp_builder *b, gp_function_id id, gp_value x, gp_value y)
{
    gp_value v[2] = {x, y};
    if ((x.kind == GP_VAL_NODE && x.node < 0) || (y.kind == GP_VAL_NODE && y.node < 0)) return of(-1);
    return gp_check_operator(b, id, v, 2);
}

/* A parameter of a distribution: a single number, or an array that fits the size. */
static bool parameter(gp_builder *b, gp_value *v, double otherwise)
{
    if (v->kind == GP_VAL_NONE) *v = gp_value_float(otherwise);
    else if (v->kind == GP_VAL_NODE) *v = of(gp_build_as(b, v, GPUPROC_FLOAT64));
    else if (gp_value_is_literal(v)) *v = gp_value_float(gp_literal_double(v));
    else *v = of(gp_build_strong(b, v));
    return v->kind != GP_VAL_NODE || v->node >= 0;
}

/* Is it a number, and known now? */
static bool is_known(const gp_builder *b, const gp_value *v, double *f)
{
    if (!gp_value_is_literal(v)) return v->kind == GP_VAL_NODE && !v->complex && gp_build_is_const(b, v->node, f);
    *f = gp_literal_double(v);
    return true;
}

/* What NumPy refuses; arrays are taken as they are. */
static bool range_is_valid(gp_builder *b, const gp_function *fn, const gp_value *low, const gp_value *high)
{
    double l, h;
    if (!is_known(b, low, &l) || !is_known(b, high, &h) || (isfinite(h - l) && h >= l)) return true;
    gp_build_fail(b, GPUPROC_VALUE, isfinite(h - l) ? "%s(): high < low" : "%s(): high - low is not finite", fn->name);
    return false;
}

static bool scale_is_valid(gp_builder *b, const gp_function *fn, const gp_value *scale)
{
    double s;
    if (!is_known(b, scale, &s) || isnan(s) || !signbit(s)) return true;
    gp_build_fail(b, GPUPROC_VALUE, "%s(): scale < 0", fn->name);
    return false;
}

/* base + scale * x */
static gp_value moved(gp_builder *b, gp_value base, gp_value scale, int x)
{
    return x < 0 ? of(-1) : apply(b, GP_FN_add, base, apply(b, GP_FN_multiply, scale, of(x)));
}

/* low + the upper half of bits * (high - low): every integer as often as any other, to 2^-64 of it. */
static gp_value integers(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    __int128 low = 0, high = 0;
    bool endpoint = false, one = args[1].kind == GP_VAL_NONE;
    gp_dtype dtype = GPUPROC_INT64;
    if (!gp_argument_wide(b, fn, one ? "high" : "low", &args[0], one ? &high : &low)) return of(-1);
    if (!one && !gp_argument_wide(b, fn, "high", &args[1], &high)) return of(-1);
    if (args[4].kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "endpoint", &args[4], &endpoint)) return of(-1);
    if (args[5].kind != GP_VAL_NONE && !gp_check_dtype(b, &args[5], &dtype)) return of(-1);
    __int128 last = high - !endpoint;
    if (last < low) return of(gp_build_fail(b, GPUPROC_VALUE, "%s(): %s", fn->name, endpoint ? "low > high" : "low >= high"));
    if (!gp_dtype_is_integer(dtype) && dtype != GPUPROC_BOOL)
        return of(gp_build_fail(b, GPUPROC_TYPE, "%s() makes integers, found dtype %s", fn->name, gpuproc_dtype_name(dtype)));
    if (!gp_build_fits(low, dtype) || !gp_build_fits(last, dtype))
        return of(gp_build_fail(b, GPUPROC_VALUE, "%s(): %s is out of bounds for %s", fn->name,
                                gp_build_fits(low, dtype) ? "high" : "low", gpuproc_dtype_name(dtype)));
    int random = bits(b, fn, &args[2], &args[3], STREAM_INTEGERS);
    unsigned __int128 range = (unsigned __int128)(last - low) + 1;
    if (range <= UINT64_MAX) random = unsigned2(b, GP_OP_MULHI, random, unsigned_int(b, (uint64_t)range));
    int node = gp_build_cast(b, random, GPUPROC_INT64);
    if (low != 0) node = gp_build_op(b, GP_OP_ADD, GPUPROC_INT64, node, gp_build_int(b, GPUPROC_INT64, (int64_t)low), -1);
    return of(gp_build_cast(b, node, dtype));
}

static int normal_bits(gp_builder *b, const gp_function *fn, const gp_value *size, const gp_value *seed)
{
    return gp_build_op(b, GP_OP_NORMAL, GPUPROC_FLOAT64, bits(b, fn, size, seed, STREAM_NORMAL), -1, -1);
}

gp_value gp_check_random(gp_builder *b, const gp_function *fn, const gp_value *args, const bool *given)
{
    (void)given;
    gp_dtype dtype;
    gp_value base = args[0], scale = args[1];
    switch (fn->id) {
    case GP_FN_random_random: { /* size seed dtype */
        if (!float_dtype(b, fn, &args[2], &dtype)) return of(-1);
        int random = bits(b, fn, &args[0], &args[1], STREAM_RANDOM);
        return of(random < 0 ? -1 : unit(b, random, dtype));
    }
    case GP_FN_random_standard_normal: /* size seed dtype */
        return float_dtype(b, fn, &args[2], &dtype) ? of(gp_build_cast(b, normal_bits(b, fn, &args[0], &args[1]), dtype)) : of(-1);
    case GP_FN_random_uniform: { /* low high size seed */
        if (!parameter(b, &base, 0) || !parameter(b, &scale, 1) || !range_is_valid(b, fn, &base, &scale)) return of(-1);
        int random = bits(b, fn, &args[2], &args[3], STREAM_RANDOM);
        if (random < 0) return of(-1);
        return moved(b, base, apply(b, GP_FN_subtract, scale, base), unit(b, random, GPUPROC_FLOAT64));
    }
    case GP_FN_random_normal: /* loc scale size seed */
        if (!parameter(b, &base, 0) || !parameter(b, &scale, 1) || !scale_is_valid(b, fn, &scale)) return of(-1);
        return moved(b, base, scale, normal_bits(b, fn, &args[2], &args[3]));
    default: return integers(b, fn, args);
    }
}
