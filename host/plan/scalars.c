/* Values between passes: uniform nodes that are made of reductions. */
#include "plan/planner.h"

#include "base/memory.h"

#include <string.h>

static bool is_known_elsewhere(const gp_node *n)
{
    return gp_op_info_of(n->op)->reduction || gp_node_is_stored(n);
}

/* Makes a pass of shape () that computes the `wanted` uniform nodes, as far as they
 * are not known; what it reads is reductions and known ones. */
gpuproc_status gp_planner_scalars(gp_planner *p, const bool *wanted, gp_pass *pass, gpuproc_error *err)
{
    size_t outputs = 0;
    pass->program = p->program;
    pass->count = 1;
    memset(p->mark, 0, p->program->nodes);
    for (size_t i = 0; i < p->program->nodes; i++) {
        const gp_node *n = gp_planner_node(p, (int)i);
        bool compute = wanted[i] && n->uniform && !p->known[i] && !is_known_elsewhere(n);
        p->mark[i] = compute;
        outputs += compute;
    }
    pass->output = gp_calloc(outputs, sizeof *pass->output);
    if (pass->output == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory while planning");
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (!p->mark[i]) continue;
        pass->output[pass->outputs++] =
            (gp_pass_output){.node = (int)i, .dtype = gp_planner_node(p, (int)i)->dtype};
        p->known[i] = true;
    }
    gp_planner_mark_operands(p, true);
    /* Only reductions are read from the table; everything above them is evaluated anew. */
    for (size_t i = 0; i < p->program->nodes; i++) {
        if (!is_known_elsewhere(gp_planner_node(p, (int)i))) p->mark[i] = false;
    }
    gp_frame frame = {0};
    return gp_planner_fill_inputs(p, pass, &frame, err);
}
