/* The files of kernels/, embedded at build time. */
#ifndef GP_EMIT_CL_KERNELS_H
#define GP_EMIT_CL_KERNELS_H

#include <stddef.h>

typedef struct gp_cl_kernel_text {
    const char *name; /* file name without ".cl"; NULL ends the table */
    const char *text; /* NUL-terminated */
    size_t length;
} gp_cl_kernel_text;

extern const gp_cl_kernel_text gp_cl_kernel_texts[];

#endif
