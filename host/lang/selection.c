/* Selected values, x[mask], in element-wise functions. */
#include "lang/build.h"

/* A single number, which goes with any selection. */
static bool is_single(const gp_builder *b, const gp_value *v)
{
    return v->kind != GP_VAL_NODE || gp_build_shape(b, v->node)->ndim == 0;
}

bool gp_selection_take(gp_builder *b, gp_value *v, int count, gp_value *selection)
{
    *selection = (gp_value){.kind = GP_VAL_NONE};
    for (int k = 0; k < count; k++) {
        if (v[k].kind == GP_VAL_NODE && v[k].node < 0) return false;
        if (v[k].kind == GP_VAL_NODE && v[k].windowed) {
            v[k] = gp_build_window_view(b, &v[k]);
            if (v[k].node < 0) return false;
        }
        if (v[k].kind == GP_VAL_NODE && v[k].selected && selection->kind == GP_VAL_NONE) *selection = v[k];
    }
    if (selection->kind == GP_VAL_NONE) return true;
    for (int k = 0; k < count; k++) {
        bool same = v[k].kind == GP_VAL_NODE && v[k].selected && v[k].mask == selection->mask &&
                    v[k].mask_axes == selection->mask_axes;
        if (!same && !is_single(b, &v[k])) {
            gp_build_fail(b, GPUPROC_UNSUPPORTED,
                          "how many elements x[mask] has shows only when it runs: beside it there can be single numbers and what "
                          "the same mask selects");
            return false;
        }
        v[k].selected = false;
    }
    return true;
}

gp_value gp_selection_apply(gp_builder *b, gp_value result, const gp_value *selection)
{
    (void)b;
    if (selection->kind == GP_VAL_NONE || result.kind != GP_VAL_NODE || result.node < 0) return result;
    result.selected = true;
    result.mask = selection->mask;
    result.mask_axes = selection->mask_axes;
    return result;
}
