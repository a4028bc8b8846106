#include "linalg/linalg.h"

#include "base/memory.h"
#include "linalg/openblas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void *gp_linalg_symbol(const gp_linalg *linalg, const char *name)
{
    return linalg->library == NULL ? NULL : dlsym(linalg->library, name);
}

static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool find_blas(void *library, gp_blas *blas)
{
    return find(library, "cblas_sgemm", &blas->s.gemm) && find(library, "cblas_sgemv", &blas->s.gemv) &&
           find(library, "cblas_ssyrk", &blas->s.syrk) && find(library, "cblas_dgemm", &blas->d.gemm) &&
           find(library, "cblas_dgemv", &blas->d.gemv) && find(library, "cblas_dsyrk", &blas->d.syrk) &&
           find(library, "cblas_cgemm", &blas->c.gemm) && find(library, "cblas_cgemv", &blas->c.gemv) &&
           find(library, "cblas_cherk", &blas->c.herk) && find(library, "cblas_zgemm", &blas->z.gemm) &&
           find(library, "cblas_zgemv", &blas->z.gemv) && find(library, "cblas_zherk", &blas->z.herk);
}

/* OpenBLAS may be built without LAPACK: one routine of each family shows it. */
static bool has_lapack(void *library)
{
    static const char *const names[] = {"sgeqrf_", "dgetrf_", "dpotrf_", "cgesdd_", "zheevd_", "zungqr_"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (dlsym(library, names[i]) == NULL) return false;
    return true;
}

/* An OpenBLAS that does not know a processor, because it is older, takes its kernels for those of 2004: for SSE, which
 * is slower than our own loops, and adds in an order that depends on where vectors lie in memory. */
static bool has_old_kernels(void *library)
{
#if defined(__x86_64__)
    static const char *const old[] = {"Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Core2", "Penryn", "Dunnington",
                                      "Nehalem", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat", "Atom", "Nano"};
    const char *(*core)(void);
    if (!__builtin_cpu_supports("avx2") || !find(library, "openblas_get_corename", &core)) return false;
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        if (strcasecmp(core(), old[i]) == 0) return true;
#else
    (void)library;
#endif
    return false;
}

/* Takes an OpenBLAS whose integers are int; anything else is left alone. One built for a single thread gives its
 * buffers away without a lock: called from two threads at once it multiplies wrongly, now and then. */
static bool take_library(gp_linalg *linalg, const char *path)
{
    /* Whoever loaded it before us set its threads as he wants them. */
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
    bool ours = library == NULL;
    if (ours) library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL) return false;
    char *(*config)(void);
    void (*set_threads)(int);
    if (!find(library, "openblas_get_config", &config) || !find(library, "openblas_set_num_threads", &set_threads) ||
        strstr(config(), "USE64BITINT") != NULL || !find_blas(library, &linalg->blas)) {
        dlclose(library);
        return false;
    }
    if (strstr(config(), "SINGLE_THREADED") != NULL) {
        strcpy(linalg->name, "built-in (the OpenBLAS found is made for one thread)");
        dlclose(library);
        return false;
    }
    if (ours) set_threads(1);
    linalg->products = !has_old_kernels(library);
    snprintf(linalg->name, sizeof linalg->name, "%s%s", config(),
             linalg->products ? "" : " (it does not know this processor: products are built-in; OPENBLAS_CORETYPE helps)");
    linalg->library = library;
    linalg->lapack = has_lapack(library);
    return true;
}

gpuproc_status gp_linalg_open(gp_linalg **linalg, gpuproc_error *err)
{
    gp_linalg *l = gp_calloc(1, sizeof *l);
    *linalg = l;
    if (l == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "no memory for linear algebra");
    strcpy(l->name, "built-in");
    const char *path = getenv("GPUPROC_BLAS");
    if (path != NULL && *path != '\0') {
        if (strcmp(path, "none") != 0) take_library(l, path);
        return GPUPROC_OK;
    }
    static const char *const names[] = {"libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (take_library(l, names[i])) break;
    return GPUPROC_OK;
}

void gp_linalg_close(gp_linalg *linalg)
{
    if (linalg == NULL) return;
    if (linalg->library != NULL) dlclose(linalg->library);
    free(linalg);
}

const char *gp_linalg_name(const gp_linalg *linalg) { return linalg->name; }

bool gp_linalg_has_lapack(const gp_linalg *linalg) { return linalg->lapack; }
