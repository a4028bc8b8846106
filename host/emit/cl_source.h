/* The OpenCL form of a pass: the text of one kernel behind the embedded
 * kernels/ *.cl, deterministic byte for byte.
 *
 * Kernel "gp_map" (a pass without reductions), arguments in this order:
 *   ulong first      index of the chunk's first element in the pass
 *   ulong count      elements of the chunk
 *   __global const T *  one per pass->input: a streamed one holds the chunk's elements
 *                    from its element 0 on; a resident one holds the array's elements from `first` on
 *   __global T *     one per pass->output: the chunk's elements from 0 on
 *   __constant ulong *  the uniforms' 64-bit values in pass->uniform order (double bits
 *                    for floats; absent where there are none)
 *   __global uint *  flags: the kernel ORs GP_FLAG_* into it (atomic, rarely)
 * float16 elements are ushort, complex ones float2 and double2, aligned as those.
 * Work size: any number of groups of `local_size`; work-items stride over the chunk.
 *
 * Kernel "gp_reduce" (a pass with reductions, and possibly outputs): the same
 * arguments, then one `__global uchar *` per pass->reduce: partials, in the layouts
 * of emit/reduce.h: for an unordered one as many as work-groups, written whole by
 * the kernel (no initialisation needed); for an ordered one, one per block of the chunk.
 * Group g takes the chunk's blocks g, g+groups, ... */
#ifndef GP_EMIT_CL_SOURCE_H
#define GP_EMIT_CL_SOURCE_H

#include "emit/pass.h"
#include "emit/reduce.h"

/* What the text has to know of a device. */
typedef struct gp_cl_caps {
    bool fp64;
    bool correctly_rounded_divide_sqrt; /* float32, with the build option */
    bool denormals_f32;
    bool is_cpu; /* explicit vectors pay there */
} gp_cl_caps;

typedef struct gp_cl_source {
    char *text;           /* owned */
    size_t length;
    const char *kernel;   /* "gp_map" or "gp_reduce" */
    const char *options;  /* build options; static */
    size_t local_size;    /* required work-group size */
} gp_cl_source;

/* DEVICE_UNSUPPORTED, with the reason, where the device lacks what the pass needs. */
gpuproc_status gp_cl_source_make(const gp_pass *pass, const gp_cl_caps *caps, gp_cl_source *source,
                                 gpuproc_error *err);
void gp_cl_source_free(gp_cl_source *source);

#endif
