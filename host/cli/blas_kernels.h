/* Which of its kernels OpenBLAS takes. */
#ifndef BLAS_KERNELS_H
#define BLAS_KERNELS_H

/* Names them in the environment, unless it already does. Before any thread, and before OpenBLAS is loaded. */
void blas_kernels_name(void);

#endif
