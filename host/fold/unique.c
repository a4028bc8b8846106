#include "fold/fold_impl.h"

#include "base/error.h"

static uint64_t bytes(const gp_fold_spec *spec)
{
    (void)spec;
    return 0;
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    (void)budget;
    (void)workers;
    (void)fold;
    return gp_fail(err, GPUPROC_UNSUPPORTED, "%s() is not built yet", gp_op_info_of(spec->op)->spelling);
}

const gp_fold_kind gp_fold_unique = {.bytes = bytes, .open = open};
