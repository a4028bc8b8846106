/* CLBlast, which multiplies matrices on OpenCL devices, found at run time: nothing is linked and its headers are not
 * needed. Its C functions catch what the library throws and return a status: OpenCL's code, or one of its own. */
#ifndef GP_DEVICE_CL_BLAST_H
#define GP_DEVICE_CL_BLAST_H

#include "array/dtype.h"
#include "device/opencl/cl_api.h"

/* Enumerations of its interface. */
#define GP_BLAST_COLUMN_MAJOR 102
#define GP_BLAST_AS_IT_IS 111
#define GP_BLAST_TRANSPOSED 112

#define GP_BLAST_GEMM(name, scalar)                                                                            \
    typedef int name(int layout, int a_transpose, int b_transpose, size_t m, size_t n, size_t k, scalar alpha, \
                     cl_mem a, size_t a_offset, size_t a_row, cl_mem b, size_t b_offset, size_t b_row,         \
                     scalar beta, cl_mem c, size_t c_offset, size_t c_row, cl_command_queue *queue,            \
                     cl_event *event, cl_mem scratch);
GP_BLAST_GEMM(gp_blast_sgemm, float)
GP_BLAST_GEMM(gp_blast_dgemm, double)
GP_BLAST_GEMM(gp_blast_cgemm, cl_float2)
GP_BLAST_GEMM(gp_blast_zgemm, cl_double2)
#undef GP_BLAST_GEMM

typedef int gp_blast_scratch(int layout, int a_transpose, int b_transpose, size_t m, size_t n, size_t k,
                             size_t a_offset, size_t a_row, size_t b_offset, size_t b_row, size_t c_offset,
                             size_t c_row, cl_command_queue *queue, size_t *bytes);
typedef int gp_blast_override(cl_device_id device, const char *kernel, int precision, size_t count,
                              const char **name, const size_t *value);

/* X(its name, our type, field) */
#define GP_BLAST_CALLS(X)                                              \
    X(CLBlastSgemmWithTempBuffer, gp_blast_sgemm, sgemm)               \
    X(CLBlastDgemmWithTempBuffer, gp_blast_dgemm, dgemm)               \
    X(CLBlastCgemmWithTempBuffer, gp_blast_cgemm, cgemm)               \
    X(CLBlastZgemmWithTempBuffer, gp_blast_zgemm, zgemm)               \
    X(CLBlastSGemmTempBufferSize, gp_blast_scratch, sgemm_scratch)     \
    X(CLBlastDGemmTempBufferSize, gp_blast_scratch, dgemm_scratch)     \
    X(CLBlastCGemmTempBufferSize, gp_blast_scratch, cgemm_scratch)     \
    X(CLBlastZGemmTempBufferSize, gp_blast_scratch, zgemm_scratch)     \
    X(CLBlastOverrideParameters, gp_blast_override, override_parameters)

typedef struct gp_cl_blast {
    void *library;
    char name[32]; /* "CLBlast 1.5.3" */
#define GP_BLAST_FIELD(name, type, field) type *field;
    GP_BLAST_CALLS(GP_BLAST_FIELD)
#undef GP_BLAST_FIELD
} gp_cl_blast;

/* False where the library or one of its calls is missing. */
bool gp_cl_blast_load(gp_cl_blast *blast);
void gp_cl_blast_unload(gp_cl_blast *blast);

/* c = a @ b, or c += a @ b: (m, k) and (k, n) to (m, n) in C order, packed. Transposed operands lie as (k, m) and
 * (n, k). Nothing is empty. */
typedef struct gp_cl_gemm {
    gp_dtype dtype;
    uint64_t m, n, k;
    cl_mem a, b, c;
    bool a_transposed, b_transposed, add;
} gp_cl_gemm;

/* Whether CLBlast has the dtype, and its kernels, which count elements in ints, can count these. */
bool gp_cl_gemm_fits(gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k);
/* Elements of scratch memory, at most, whatever its parameters are. */
uint64_t gp_cl_gemm_scratch_most(uint64_t m, uint64_t n, uint64_t k);
/* Bytes of scratch memory that gp_cl_gemm_enqueue needs just now. */
gpuproc_status gp_cl_gemm_scratch(const gp_cl_blast *blast, const gp_cl_gemm *gemm, cl_command_queue queue,
                                  size_t *bytes, gpuproc_error *err);
/* The first one of a kind compiles, which takes seconds. *event may be set after an error too. */
gpuproc_status gp_cl_gemm_enqueue(const gp_cl_blast *blast, const gp_cl_gemm *gemm, cl_command_queue queue,
                                  cl_mem scratch, cl_event *event, gpuproc_error *err);

/* Reports that `call` returned `code`, as gp_cl_fail does for OpenCL's own: DEVICE_UNSUPPORTED, DEVICE_MEMORY,
 * DEVICE_BUILD or DEVICE_FAILED. */
gpuproc_status gp_cl_blast_fail(gpuproc_error *err, int code, const char *call);

/* Its number for a dtype; 0 for one that it has not. */
int gp_cl_blast_precision(gp_dtype dtype);

#endif
