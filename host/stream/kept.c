/* Inputs that stay on a discrete device for a later pass. A device recognises a chunk by its
 * source and its range of elements, so passes over one shape keep to one chunk size. */
#include "stream/run_pass.h"

#include "base/memory.h"

static bool can_keep(const gp_device *device)
{
    return !device->in_place && device->api->holds != NULL;
}

static bool any_can_keep(const gp_run *run)
{
    for (size_t d = 0; d < run->devices; d++) {
        if (can_keep(run->device[d])) return true;
    }
    return false;
}

/* Chunks of the array as it is from front to back: what devices can keep for another pass. */
static bool is_whole(const gp_run *run, const gp_pass *pass, const gp_pass_input *in)
{
    const gp_plan *plan = run->plan;
    const gp_shape *shape = (size_t)in->input < plan->program->inputs
                                ? &plan->program->input[in->input].shape
                                : &plan->stored[(size_t)in->input - plan->program->inputs].shape;
    return in->streamed && in->walk.offset == 0 && gp_walk_contiguous(&in->walk) &&
           pass->count == gp_shape_size(shape);
}

/* Whether this pass or a later one streams the array so. */
static bool read_from(const gp_run *run, size_t pass, int input)
{
    const gp_plan *plan = run->plan;
    for (; pass < plan->passes; pass++) {
        const gp_pass *p = &plan->pass[pass].pass;
        for (size_t i = 0; i < p->inputs; i++) {
            if (p->input[i].input == input && is_whole(run, p, &p->input[i])) return true;
        }
    }
    return false;
}

gpuproc_status gp_kept_prepare(gp_pass_run *p, gpuproc_error *err)
{
    const gp_run *run = p->run;
    bool possible = any_can_keep(run) && p->copy_to == NULL;
    size_t next = possible ? (size_t)(p->plan_pass - run->plan->pass) + 1 : 0;
    p->key = gp_calloc(p->pass->inputs, sizeof *p->key);
    p->keep = gp_calloc(p->pass->inputs, sizeof *p->keep);
    p->ask = gp_calloc(p->pass->inputs, sizeof *p->ask);
    if (p->key == NULL || p->keep == NULL || p->ask == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
    for (size_t i = 0; possible && i < p->pass->inputs; i++) {
        const gp_pass_input *in = &p->pass->input[i];
        if (!is_whole(run, p->pass, in)) continue;
        /* Sources are not shared by jobs and are forgotten before they end: their address
         * tells them apart. */
        p->key[i] = run->source[in->input];
        p->keep[i] = read_from(run, next, in->input);
        if (run->kept[in->input] != 0) p->kept_elements = run->kept[in->input];
    }
    return GPUPROC_OK;
}

static void forget(gp_run *run, size_t input)
{
    pthread_mutex_lock(run->device_lock);
    for (size_t d = 0; d < run->devices; d++) {
        if (can_keep(run->device[d]))
            run->device[d]->api->forget(run->device[d], run->source[input]);
    }
    pthread_mutex_unlock(run->device_lock);
    run->kept[input] = 0;
}

void gp_kept_begin(gp_pass_run *p)
{
    for (size_t i = 0; i < p->pass->inputs; i++) {
        size_t input = (size_t)p->pass->input[i].input;
        uint64_t *elements = &p->run->kept[input];
        if (!is_whole(p->run, p->pass, &p->pass->input[i])) continue;
        p->ask[i] = *elements == p->chunk_elements;
        if (*elements != 0 && !p->ask[i]) forget(p->run, input);
        if (p->keep[i]) *elements = p->chunk_elements;
    }
}

bool gp_kept_forget(gp_run *run, size_t pass)
{
    bool any = false;
    for (size_t i = 0; i < run->plan->program->inputs + run->plan->storeds; i++) {
        if (run->kept[i] == 0 || read_from(run, pass, (int)i)) continue;
        forget(run, i);
        any = true;
    }
    return any;
}
