/* The functions of the language, for whom wants to list them. */
#include "base/error.h"
#include "lang/functions.h"

size_t gpuproc_function_count(void) { return GP_FN_COUNT; }

gpuproc_status gpuproc_function_info_get(size_t index, gpuproc_function_info *info, gpuproc_error *err)
{
    if (info == NULL || info->struct_size < sizeof *info)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "function info: struct_size is not set");
    if (index >= GP_FN_COUNT)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "no function %zu: there are %d", index, GP_FN_COUNT);
    const gp_function *fn = gp_function_listed(index, &info->group);
    info->name = fn->name;
    info->doc = fn->doc;
    gp_function_parameters(fn, info->parameters, sizeof info->parameters);
    return GPUPROC_OK;
}
