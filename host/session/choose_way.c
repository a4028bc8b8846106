/* Threads, slots and chunk sizes of a job's passes, by what the model says of each (plan/choose.h).
 */
#include "session/job.h"

#include "base/memory.h"
#include "device/cpu/cpu_device.h"

#include <stdio.h>
#include <string.h>

/* Its inputs are used where they are, and what it makes is written. Reading into staging is left to the rule: smaller
 * chunks and fewer slots were slower than the model says. */
static bool only_writes(const gp_cost_pass *pass)
{
    bool writes = false;
    for (size_t i = 0; i < pass->plan->pass.inputs; i++) {
        if (pass->input[i].from != GP_FROM_MEMORY && pass->input[i].from != GP_FROM_MAPPED) return false;
    }
    for (size_t o = 0; o < pass->plan->pass.outputs; o++)
        writes = writes || (!pass->output_in_memory[o] && pass->plan->output_target[o] != SIZE_MAX);
    return writes;
}

/* What of a pass is not fixed: by the caller, by what it is, or by what the model does not know. */
static gp_choose_free free_of(const gpuproc_job *job, const gp_cost_pass *pass, bool on_device)
{
    const gp_run *run = &job->run;
    bool streams = false;
    for (size_t i = 0; i < pass->plan->pass.inputs; i++) streams = streams || pass->input[i].from == GP_FROM_STREAM;
    gp_choose_free f = {.unit = GP_BLOCK};
    if (on_device || pass->plan->products || streams || pass->plan->pass.count == 0) return f;
    f.threads = run->threads == 0 && !pass->copies;
    /* Folds like runs, and boxes are cut for what they read. */
    bool chunks = pass->plan->folds == 0 && !pass->in_blocks && pass->straightened == 0 && only_writes(pass);
    f.chunk = chunks && run->chunk_bytes == 0;
    f.slots = chunks && run->slots == 0 && !run->sync;
    return f;
}

gpuproc_status gp_choose_ways(const gpuproc_job *job, const gp_cost_machine *machine,
                              const gp_device_rates *device, gp_prediction *p, bool *any,
                              gpuproc_error *err)
{
    size_t passes = p->survey.passes;
    const bool alone = gp_job_waits_for_nothing(job, p);
    *any = false;
    p->choice = gp_calloc(passes, sizeof *p->choice);
    p->way = gp_calloc(passes, sizeof *p->way);
    if (p->choice == NULL || p->way == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a prediction");
    for (size_t i = 0; i < passes; i++) {
        gp_cost_machine m = *machine;
        m.device = p->on_device[i] ? device : NULL;
        gp_choose_free open = free_of(job, &p->survey.pass[i], p->on_device[i]);
        if (alone) open.away_ns = machine->rates->host[GP_RATE_HOST_thread_ns] / (double)passes;
        if (gp_choose(&p->survey.pass[i], &m, &open, &p->way[i])) *any = true;
        p->choice[i] = p->way[i].choice;
    }
    return GPUPROC_OK;
}

void gp_way_text(const gp_prediction *p, size_t pass, unsigned all, char text[160])
{
    text[0] = '\0';
    if (p->choice == NULL) return;
    const gp_choice *c = &p->choice[pass];
    bool pipeline = c->slots != 0 || c->chunk_elements != 0,
         here = c->threads == 1 && p->survey.pass[pass].slots == 1;
    if (c->threads == 0 && !pipeline) return;
    if (here)
        snprintf(text, 160,
                 "one thread, the job's own: waking others would take longer than the work");
    else if (c->threads != 0)
        snprintf(text, 160, "%u of %u threads, as more would not help%s", c->threads, all,
                 pipeline ? ";" : "");
    size_t n = strnlen(text, 159);
    if (pipeline && !here)
        snprintf(text + n, 160 - n, "%s%s: less memory to get first, less time to fill and drain",
                 n > 0 ? " " : "",
                 c->chunk_elements != 0 && c->slots != 0 ? "smaller chunks in fewer slots"
                 : c->chunk_elements != 0                ? "smaller chunks"
                                                         : "fewer slots");
}
