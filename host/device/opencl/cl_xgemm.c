#include "device/opencl/cl_xgemm.h"

#include <string.h>

#define ATTEMPTS 100000
/* Elements of C that one item keeps in registers: beyond that compilers spill, and take minutes. */
#define ITEM_MOST 64u

static const char *const names[] = {
#define NAME(name) #name,
    GP_XGEMM_PARAMETERS(NAME)
#undef NAME
};

/* What is tried, 0 at the end of a list. */
#define VALUES 6
static const uint16_t values[GP_XGEMM_COUNT][VALUES] = {
    [GP_XGEMM_KREG] = {1, 2, 4},
    [GP_XGEMM_KWG] = {16, 32},
    [GP_XGEMM_KWI] = {2, 8},
    [GP_XGEMM_MDIMA] = {4, 8, 16, 32},
    [GP_XGEMM_MDIMC] = {4, 8, 16, 32},
    [GP_XGEMM_MWG] = {16, 32, 64, 128},
    [GP_XGEMM_NDIMB] = {4, 8, 16, 32},
    [GP_XGEMM_NDIMC] = {4, 8, 16, 32},
    [GP_XGEMM_NWG] = {16, 32, 64, 128},
    [GP_XGEMM_VWM] = {1, 2, 4, 8},
    [GP_XGEMM_VWN] = {1, 2, 4, 8},
};

const char *gp_xgemm_name(size_t parameter) { return names[parameter]; }

static bool divides(unsigned part, unsigned whole) { return part != 0 && whole % part == 0; }

/* Those of the second kernel that mean nothing in it have one value. */
static bool second_kernel_valid(const uint16_t *v)
{
    return v[GP_XGEMM_KWG] == 1 && v[GP_XGEMM_KWI] == 1 && v[GP_XGEMM_SA] == 0 && v[GP_XGEMM_SB] == 0 &&
           v[GP_XGEMM_STRM] == 0 && v[GP_XGEMM_STRN] == 0 && v[GP_XGEMM_MDIMA] == v[GP_XGEMM_MDIMC] &&
           v[GP_XGEMM_NDIMB] == v[GP_XGEMM_NDIMC] && divides(v[GP_XGEMM_VWN], v[GP_XGEMM_KREG]);
}

static bool first_kernel_valid(const uint16_t *v)
{
    unsigned items = v[GP_XGEMM_MDIMC] * (unsigned)v[GP_XGEMM_NDIMC];
    return v[GP_XGEMM_KREG] == 1 && divides(v[GP_XGEMM_KWI], v[GP_XGEMM_KWG]) &&
           divides(v[GP_XGEMM_MDIMA], items) && divides(v[GP_XGEMM_NDIMB], items) &&
           divides(items / v[GP_XGEMM_MDIMA], v[GP_XGEMM_KWG]) &&
           divides(items / v[GP_XGEMM_NDIMB], v[GP_XGEMM_KWG]) &&
           divides(v[GP_XGEMM_MDIMA] * (unsigned)v[GP_XGEMM_VWM], v[GP_XGEMM_MWG]) &&
           divides(v[GP_XGEMM_NDIMB] * (unsigned)v[GP_XGEMM_VWN], v[GP_XGEMM_NWG]) &&
           (v[GP_XGEMM_SA] || v[GP_XGEMM_MDIMA] == v[GP_XGEMM_MDIMC]) &&
           (v[GP_XGEMM_SB] || v[GP_XGEMM_NDIMB] == v[GP_XGEMM_NDIMC]);
}

bool gp_xgemm_valid(const gp_xgemm *x, const gp_xgemm_limits *limits)
{
    const uint16_t *v = x->value;
    for (size_t i = 0; i < GP_XGEMM_COUNT; i++) {
        bool flag = i == GP_XGEMM_GEMMK || i == GP_XGEMM_SA || i == GP_XGEMM_SB || i == GP_XGEMM_STRM ||
                    i == GP_XGEMM_STRN;
        if (flag ? v[i] > 1 : v[i] == 0 || v[i] > 128) return false;
    }
    unsigned items = v[GP_XGEMM_MDIMC] * (unsigned)v[GP_XGEMM_NDIMC];
    unsigned elements = v[GP_XGEMM_MWG] * (unsigned)v[GP_XGEMM_NWG];
    uint64_t local = (v[GP_XGEMM_SA] * (uint64_t)v[GP_XGEMM_MWG] + v[GP_XGEMM_SB] * (uint64_t)v[GP_XGEMM_NWG]) *
                     v[GP_XGEMM_KWG] * limits->element_bytes;
    if (!divides(v[GP_XGEMM_MDIMC] * (unsigned)v[GP_XGEMM_VWM], v[GP_XGEMM_MWG]) ||
        !divides(v[GP_XGEMM_NDIMC] * (unsigned)v[GP_XGEMM_VWN], v[GP_XGEMM_NWG]))
        return false;
    if (items > limits->group_items || v[GP_XGEMM_MDIMC] > limits->group_side[0] ||
        v[GP_XGEMM_NDIMC] > limits->group_side[1] || local > limits->local_bytes || elements / items > ITEM_MOST)
        return false;
    return v[GP_XGEMM_GEMMK] ? second_kernel_valid(v) : first_kernel_valid(v);
}

/* Steele, Lea, Flood: splitmix64. The same seed tries the same sets in the same order. */
static unsigned chance(uint64_t *seed, unsigned below)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % below);
}

static uint16_t some_value(size_t parameter, uint64_t *seed)
{
    unsigned count = 0;
    while (count < VALUES && values[parameter][count] != 0) count++;
    return count == 0 ? (uint16_t)chance(seed, 2) : values[parameter][chance(seed, count)];
}

/* Gives parameters that mean nothing beside the others the one value that is valid. */
static void settle(gp_xgemm *x)
{
    uint16_t *v = x->value;
    if (v[GP_XGEMM_GEMMK]) {
        v[GP_XGEMM_KWG] = v[GP_XGEMM_KWI] = 1;
        v[GP_XGEMM_SA] = v[GP_XGEMM_SB] = v[GP_XGEMM_STRM] = v[GP_XGEMM_STRN] = 0;
    } else {
        v[GP_XGEMM_KREG] = 1;
    }
    if (!v[GP_XGEMM_SA]) v[GP_XGEMM_MDIMA] = v[GP_XGEMM_MDIMC];
    if (!v[GP_XGEMM_SB]) v[GP_XGEMM_NDIMB] = v[GP_XGEMM_NDIMC];
}

bool gp_xgemm_random(const gp_xgemm_limits *limits, uint64_t *seed, gp_xgemm *x)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        for (size_t i = 0; i < GP_XGEMM_COUNT; i++) x->value[i] = some_value(i, seed);
        /* The second kernel is seldom the better one. */
        x->value[GP_XGEMM_GEMMK] = chance(seed, 8) == 0;
        settle(x);
        if (gp_xgemm_valid(x, limits)) return true;
    }
    return false;
}

bool gp_xgemm_near(const gp_xgemm *from, const gp_xgemm_limits *limits, uint64_t *seed, gp_xgemm *x)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        *x = *from;
        for (unsigned changes = 1 + chance(seed, 3); changes > 0; changes--) {
            size_t parameter = 1 + chance(seed, GP_XGEMM_COUNT - 1); /* but for GEMMK */
            x->value[parameter] = some_value(parameter, seed);
        }
        settle(x);
        if (memcmp(x, from, sizeof *x) != 0 && gp_xgemm_valid(x, limits)) return true;
    }
    return false;
}
