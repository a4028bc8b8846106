/* float16 as its 16 bits, for who has no arithmetic in it: to float32 and float64, which is
 * exact, and back, rounded once to nearest even. NaNs keep their sign and first bits and are
 * quiet. No branches: the compiler vectorises loops of these. */
#ifndef GP_ARRAY_HALF_H
#define GP_ARRAY_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t gp_half_f32_bits(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float gp_half_f32_from(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline uint64_t gp_half_f64_bits(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline double gp_half_f64_from(uint64_t u)
{
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline float gp_half_to_f32(uint16_t h)
{
    const uint32_t magnitude = h & 0x7fffu, sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t normal = (magnitude << 13) + (112u << 23);
    /* 0.5 and a subnormal's bits behind it: taking 0.5 away leaves its value. */
    const uint32_t subnormal = gp_half_f32_bits(gp_half_f32_from(0x3f000000u | magnitude) - 0.5f);
    const uint32_t special = (magnitude << 13) | 0x7f800000u | (magnitude > 0x7c00u ? 0x400000u : 0u);
    return gp_half_f32_from(sign | (magnitude >= 0x7c00u ? special : magnitude < 0x400u ? subnormal : normal));
}

static inline double gp_half_to_f64(uint16_t h) { return (double)gp_half_to_f32(h); }

static inline uint16_t gp_half_from_f32(float x)
{
    const uint32_t bits = gp_half_f32_bits(x), magnitude = bits & 0x7fffffffu;
    const uint32_t normal = ((magnitude + 0xfffu + ((magnitude >> 13) & 1u)) >> 13) - (112u << 10);
    /* Below 2^-14 float16's steps are those of float32 at 0.5: the addition rounds. */
    const uint32_t subnormal = gp_half_f32_bits(gp_half_f32_from(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
    const uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x1ffu);
    const uint32_t h = magnitude > 0x7f800000u ? nan : magnitude >= 0x477ff000u ? 0x7c00u : finite;
    return (uint16_t)(h | (bits >> 16 & 0x8000u));
}

/* Directly: by way of float32 it would be rounded twice. */
static inline uint16_t gp_half_from_f64(double x)
{
    const uint64_t bits = gp_half_f64_bits(x), magnitude = bits & 0x7fffffffffffffffu;
    const uint64_t half = ((uint64_t)1 << 41) - 1;
    const uint64_t normal = ((magnitude + half + ((magnitude >> 42) & 1u)) >> 42) - (1008u << 10);
    const uint64_t subnormal = gp_half_f64_bits(gp_half_f64_from(magnitude) + 0x1p28) - 0x41b0000000000000u;
    const uint64_t finite = magnitude < 0x3f10000000000000u ? subnormal : normal;
    const uint64_t nan = 0x7e00u | ((magnitude >> 42) & 0x1ffu);
    const uint64_t h = magnitude > 0x7ff0000000000000u ? nan : magnitude >= 0x40effe0000000000u ? 0x7c00u : finite;
    return (uint16_t)(h | (bits >> 48 & 0x8000u));
}

#endif
