/* NumPy's element-wise rules once more, one value at a time and without regard to
 * speed: what kernels are compared with. */
#ifndef GP_TESTS_ORACLE_H
#define GP_TESTS_ORACLE_H

#include "emit/pass.h"

/* Reads element i of `data` (float32 widened, integers to 64 bits). */
gpuproc_scalar oracle_load(gp_dtype dtype, const void *data, size_t i);

/* True where `got` is right for op(a, b) with result dtype `to`; ORs what the
 * operation should have flagged into *flags. */
bool oracle_check(gp_op op, gp_dtype to, gpuproc_scalar a, gpuproc_scalar b, gpuproc_scalar got,
                  uint32_t *flags);

#endif
