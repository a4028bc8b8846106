#include "device/opencl/cl_blast.h"

#include "base/memory.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libclblast.so.1"

/* No parameter that cuts up m, n or k is larger. */
#define LARGEST_TILE 256u

/* Status codes beside OpenCL's. X(number, name) */
#define BLAST_ERRORS(X)             \
    X(-1024, NotImplemented)        \
    X(-1022, InvalidMatrixA)        \
    X(-1021, InvalidMatrixB)        \
    X(-1020, InvalidMatrixC)        \
    X(-1017, InvalidDimension)      \
    X(-1016, InvalidLeadDimA)       \
    X(-1015, InvalidLeadDimB)       \
    X(-1014, InvalidLeadDimC)       \
    X(-1011, InsufficientMemoryA)   \
    X(-1010, InsufficientMemoryB)   \
    X(-1009, InsufficientMemoryC)   \
    X(-2050, InsufficientMemoryTemp) \
    X(-2048, InvalidOverrideKernel) \
    X(-2047, MissingOverrideParameter) \
    X(-2046, InvalidLocalMemUsage)  \
    X(-2045, NoHalfPrecision)       \
    X(-2044, NoDoublePrecision)     \
    X(-2041, DatabaseError)         \
    X(-2040, UnknownError)          \
    X(-2039, UnexpectedError)

enum { NOT_IMPLEMENTED = -1024, NO_LOCAL_MEMORY = -2046, NO_HALF = -2045, NO_DOUBLE = -2044 };

/* The library has no call that tells its version; its file's full name does. */
static void name_it(gp_cl_blast *blast)
{
    struct link_map *map = NULL;
    char *path = NULL;
    if (dlinfo(blast->library, RTLD_DI_LINKMAP, &map) == 0 && map != NULL)
        path = realpath(map->l_name, NULL);
    const char *version = path != NULL ? strstr(path, ".so.") : NULL;
    if (version != NULL) snprintf(blast->name, sizeof blast->name, "CLBlast %.16s", version + 4);
    else snprintf(blast->name, sizeof blast->name, "CLBlast");
    free(path);
}

bool gp_cl_blast_load(gp_cl_blast *blast)
{
    memset(blast, 0, sizeof *blast);
    /* RTLD_NODELETE: it keeps programs of drivers, which would be released after the drivers. */
    blast->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (blast->library == NULL) return false;
    struct {
        const char *name;
        void *slot;
    } calls[] = {
#define CALL(name, type, field) {#name, &blast->field},
        GP_BLAST_CALLS(CALL)
#undef CALL
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        void *address = dlsym(blast->library, calls[i].name);
        if (address == NULL) {
            gp_cl_blast_unload(blast);
            return false;
        }
        memcpy(calls[i].slot, &address, sizeof address);
    }
    name_it(blast);
    return true;
}

void gp_cl_blast_unload(gp_cl_blast *blast)
{
    if (blast->library != NULL) dlclose(blast->library);
    memset(blast, 0, sizeof *blast);
}

gpuproc_status gp_cl_blast_fail(gpuproc_error *err, int code, const char *call)
{
    const char *name = NULL;
    switch (code) {
#define NAME(number, text) \
    case number: name = #text; break;
        BLAST_ERRORS(NAME)
#undef NAME
    default: break;
    }
    gpuproc_status st = GPUPROC_DEVICE_FAILED;
    if (code == CL_BUILD_PROGRAM_FAILURE || code == CL_INVALID_BUILD_OPTIONS || code == CL_COMPILER_NOT_AVAILABLE)
        st = GPUPROC_DEVICE_BUILD;
    if (name == NULL) return gp_cl_fail(err, st, code, call);
    if (code == NOT_IMPLEMENTED || code == NO_LOCAL_MEMORY || code == NO_HALF || code == NO_DOUBLE)
        st = GPUPROC_DEVICE_UNSUPPORTED;
    gp_fail(err, st, "%s: %s (%d)", call, name, code);
    if (err != NULL) err->native_code = code;
    return st;
}

int gp_cl_blast_precision(gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_FLOAT32: return 32;
    case GPUPROC_FLOAT64: return 64;
    case GPUPROC_COMPLEX64: return 3232;
    case GPUPROC_COMPLEX128: return 6464;
    default: return 0;
    }
}

static uint64_t rounded(uint64_t length) { return gp_ceil_div(length, LARGEST_TILE) * LARGEST_TILE; }

uint64_t gp_cl_gemm_scratch_most(uint64_t m, uint64_t n, uint64_t k)
{
    /* Copies of all three, with lengths that the parameters divide. */
    uint64_t mk, kn, mn, sum;
    if (m > INT_MAX || n > INT_MAX || k > INT_MAX) return UINT64_MAX;
    if (!gp_mul_u64(rounded(m), rounded(k), &mk) || !gp_mul_u64(rounded(k), rounded(n), &kn) ||
        !gp_mul_u64(rounded(m), rounded(n), &mn) || !gp_add_u64(mk, kn, &sum) || !gp_add_u64(sum, mn, &sum))
        return UINT64_MAX;
    return sum;
}

bool gp_cl_gemm_fits(gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k)
{
    /* The three matrices are no larger than their copies. */
    return gp_cl_blast_precision(dtype) != 0 && gp_cl_gemm_scratch_most(m, n, k) <= INT_MAX;
}

/* In column-major order the same bytes are the transposed matrices, and c^T = b^T a^T. CLBlast then leaves c as
 * it is; in row-major order it would transpose it, there and back. */
gpuproc_status gp_cl_gemm_scratch(const gp_cl_blast *blast, const gp_cl_gemm *g, cl_command_queue queue,
                                  size_t *bytes, gpuproc_error *err)
{
    gp_blast_scratch *call = g->dtype == GPUPROC_FLOAT32     ? blast->sgemm_scratch
                             : g->dtype == GPUPROC_FLOAT64   ? blast->dgemm_scratch
                             : g->dtype == GPUPROC_COMPLEX64 ? blast->cgemm_scratch
                                                             : blast->zgemm_scratch;
    int rc = call(GP_BLAST_COLUMN_MAJOR, g->b_transposed ? GP_BLAST_TRANSPOSED : GP_BLAST_AS_IT_IS,
                  g->a_transposed ? GP_BLAST_TRANSPOSED : GP_BLAST_AS_IT_IS, g->n, g->m, g->k, 0,
                  g->b_transposed ? g->k : g->n, 0, g->a_transposed ? g->m : g->k, 0, g->n, &queue, bytes);
    return rc == 0 ? GPUPROC_OK : gp_cl_blast_fail(err, rc, "CLBlast's size of scratch memory");
}

gpuproc_status gp_cl_gemm_enqueue(const gp_cl_blast *blast, const gp_cl_gemm *g, cl_command_queue queue,
                                  cl_mem scratch, cl_event *event, gpuproc_error *err)
{
    int rc = 0;
#define MULTIPLY(call, one, beta)                                                                          \
    blast->call(GP_BLAST_COLUMN_MAJOR, g->b_transposed ? GP_BLAST_TRANSPOSED : GP_BLAST_AS_IT_IS,          \
                g->a_transposed ? GP_BLAST_TRANSPOSED : GP_BLAST_AS_IT_IS, g->n, g->m, g->k, one, g->b, 0, \
                g->b_transposed ? g->k : g->n, g->a, 0, g->a_transposed ? g->m : g->k, beta, g->c, 0,      \
                g->n, &queue, event, scratch)
    if (g->dtype == GPUPROC_FLOAT32) {
        rc = MULTIPLY(sgemm, 1.0f, g->add ? 1.0f : 0.0f);
    } else if (g->dtype == GPUPROC_FLOAT64) {
        rc = MULTIPLY(dgemm, 1.0, g->add ? 1.0 : 0.0);
    } else if (g->dtype == GPUPROC_COMPLEX64) {
        cl_float2 one = {.s = {1, 0}}, beta = {.s = {g->add ? 1 : 0, 0}};
        rc = MULTIPLY(cgemm, one, beta);
    } else {
        cl_double2 one = {.s = {1, 0}}, beta = {.s = {g->add ? 1 : 0, 0}};
        rc = MULTIPLY(zgemm, one, beta);
    }
#undef MULTIPLY
    return rc == 0 ? GPUPROC_OK : gp_cl_blast_fail(err, rc, "CLBlast's gemm");
}
