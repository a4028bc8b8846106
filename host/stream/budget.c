/* What cannot fit is refused before anything is read: a later pass would find it out after
 * the work of the earlier ones. */
#include "stream/run.h"

#include "base/memory.h"

#include <inttypes.h>

bool gp_run_in_memory(const gp_run *run, const gp_pass_input *in)
{
    gp_view view;
    gp_source *source = (size_t)in->input < run->plan->program->inputs ? run->source[in->input] : NULL;
    if (source == NULL || in->count == 0 || !gp_source_view(source, 0, 1, &view)) return false;
    bool mapped = view.map != NULL;
    gp_source_unview(source, &view);
    return !mapped;
}

/* What reads the table, as the text calls it. */
static const char *table_reader(const gp_program *program, int table)
{
    for (size_t i = 0; i < program->nodes; i++) {
        if (program->node[i].arg[0] != table) continue;
        if (program->node[i].op == GP_OP_TAKE) return "take()";
        if (program->node[i].op == GP_OP_SEARCHLEFT || program->node[i].op == GP_OP_SEARCHRIGHT)
            return "searchsorted()";
    }
    return "a table";
}

gpuproc_status gp_run_fail_resident(const gp_run *run, const gp_pass_input *in, uint64_t left,
                                    gpuproc_error *err)
{
    const gp_program *program = run->plan->program;
    bool named = (size_t)in->input < program->inputs && program->input[in->input].name[0] != 0;
    return gp_fail(err, GPUPROC_BUDGET,
                   "%s needs all of %s%s%s in memory, %" PRIu64 " bytes, but the memory budget leaves %" PRIu64,
                   in->table ? table_reader(program, in->node) : "broadcasting", named ? "input '" : "",
                   named ? program->input[in->input].name : "an array between two passes", named ? "'" : "",
                   in->count * gpuproc_dtype_bytes(in->dtype), left);
}

static gpuproc_status check_pass(const gp_run *run, const gp_plan_pass *plan_pass, gpuproc_error *err)
{
    const gp_pass *pass = &plan_pass->pass;
    uint64_t left = run->host_budget;
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_pass_input *in = &pass->input[i];
        uint64_t bytes = in->count * gpuproc_dtype_bytes(in->dtype);
        if (in->streamed || !!gp_run_in_memory(run, in)) continue;
        if (bytes > left) return gp_run_fail_resident(run, in, left, err);
        left -= bytes;
    }
    for (size_t f = 0; f < plan_pass->folds; f++) {
        const gp_fold_spec *spec = &plan_pass->fold[f].spec;
        uint64_t bytes = gp_fold_bytes(spec);
        if (bytes > left)
            return gp_fail(err, GPUPROC_BUDGET,
                           "%s() needs %" PRIu64 " bytes for what it keeps, but the memory budget leaves %" PRIu64,
                           gp_op_info_of(spec->op)->spelling, bytes, left);
        left -= bytes;
    }
    return GPUPROC_OK;
}

gpuproc_status gp_run_check_budget(const gp_run *run, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t i = 0; i < run->plan->passes; i++) {
        if (run->plan->pass[i].pass.count > 0) GP_TRY(check_pass(run, &run->plan->pass[i], err));
    }
out:
    return st;
}
