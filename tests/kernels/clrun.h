/* Runs the OpenCL form of a pass on the first device there is, with guard zones
 * around every buffer that the kernel writes. For tests. */
#ifndef GP_TESTS_CLRUN_H
#define GP_TESTS_CLRUN_H

#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include "emit/cl_source.h"

typedef struct clrun {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    gp_cl_caps caps;
} clrun;

/* False where there is no device. */
bool clrun_open(clrun *run);
void clrun_close(clrun *run);

typedef struct clrun_job {
    const gp_pass *pass;
    uint64_t first, count;
    size_t groups;
    const void *const *input;  /* per pass->input */
    const size_t *input_bytes;
    void *const *output;       /* per pass->output: count elements */
    const uint64_t *uniform;
    void *const *partial;      /* per pass->reduce */
    const size_t *partial_bytes;
    uint32_t flags;            /* out */
} clrun_job;

/* Builds (with run->caps) and runs; fails the cmocka test where anything goes wrong or
 * a guard zone has changed. */
void clrun_pass(clrun *run, clrun_job *job);

#endif
