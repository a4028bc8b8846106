#include "device/cpu/cpu_ops.h"

#include <string.h>

typedef enum level { BASE, AVX2, AVX512, LEVELS } level;

static const char *const level_name[LEVELS] = {"base", "avx2", "avx512"};

/* What the isa files were compiled for, and more than one bit each. */
static level processor_level(void)
{
    level best = BASE;
#if defined(GP_HAVE_AVX2) || defined(GP_HAVE_AVX512)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#endif
#ifdef GP_HAVE_AVX2
    if (avx2) best = AVX2;
#endif
#ifdef GP_HAVE_AVX512
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd"))
        best = AVX512;
#endif
    return best;
}

static level chosen_level(const char *limit)
{
    level best = processor_level();
    if (limit == NULL) return best;
    for (level l = BASE; l < LEVELS; l++) {
        if (strcmp(limit, level_name[l]) == 0 && l < best) best = l;
    }
    return best;
}

const gp_cpu_ops *gp_cpu_ops_select(const char *limit)
{
    switch (chosen_level(limit)) {
#ifdef GP_HAVE_AVX512
    case AVX512: return &gp_cpu_ops_avx512;
#endif
#ifdef GP_HAVE_AVX2
    case AVX2: return &gp_cpu_ops_avx2;
#endif
    default: return &gp_cpu_ops_base;
    }
}

const gp_cpu_reducers *gp_cpu_reducers_select(const char *limit)
{
    switch (chosen_level(limit)) {
#ifdef GP_HAVE_AVX512
    case AVX512: return &gp_cpu_reducers_avx512;
#endif
#ifdef GP_HAVE_AVX2
    case AVX2: return &gp_cpu_reducers_avx2;
#endif
    default: return &gp_cpu_reducers_base;
    }
}
