/* Parameters of CLBlast that were found for a device: given to the library, kept in the cache directory. */
#ifndef GP_DEVICE_CL_TUNED_H
#define GP_DEVICE_CL_TUNED_H

#include "device/opencl/cl_device.h"
#include "device/opencl/cl_xgemm.h"

typedef struct gp_cl_tuned {
    bool found;
    gp_xgemm xgemm;
    /* Products of m * n * k >= this cubed go to Xgemm, smaller ones to the kernel without scratch memory;
     * 0: as the library has it. */
    uint32_t indirect_from;
} gp_cl_tuned;

#define GP_CL_TUNED_DTYPES 4
extern const gp_dtype gp_cl_tuned_dtype[GP_CL_TUNED_DTYPES];

void gp_cl_xgemm_limits(const gp_cl_device *device, gp_dtype dtype, gp_xgemm_limits *limits);

/* Has the library use them, in this process, from its next call on. */
gpuproc_status gp_cl_tuned_set(const gp_cl_device *device, gp_dtype dtype, const gp_cl_tuned *tuned,
                               gpuproc_error *err);

/* "GEMMK=0 KREG=1 ..." */
void gp_cl_tuned_text(const gp_xgemm *x, char *text, size_t bytes);

/* By dtype. What is not there, or not to be trusted, is not found. */
void gp_cl_tuned_load(const gp_cl_device *device, gp_cl_tuned tuned[GP_CL_TUNED_DTYPES]);
/* Leaves what is there of dtypes that were not found now. */
bool gp_cl_tuned_store(const gp_cl_device *device, const gp_cl_tuned tuned[GP_CL_TUNED_DTYPES]);

#endif
