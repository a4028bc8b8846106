/* Where stored arrays are between the pass that makes them and those that read them: small ones
 * in memory, which counts against the budget, the others in files without names. */
#include "stream/run.h"

#include "base/memory.h"

uint64_t gp_run_budget(const gp_run *run)
{
    return run->host_budget - gp_min_u64(run->host_budget, run->stored_bytes);
}

bool gp_store_fits(const gp_run *run, uint64_t bytes)
{
    return bytes <= run->host_budget / 8 && run->stored_bytes + bytes <= run->host_budget / 4;
}

static gpuproc_status open_store(gp_run *run, size_t s, gpuproc_error *err)
{
    const gp_plan_stored *stored = &run->plan->stored[s];
    gp_store *store = &run->store[s];
    gp_target target = {.kind = GP_TARGET_SPOOL, .fd = -1};
    uint64_t bytes = gp_shape_size(&stored->shape) * gpuproc_dtype_bytes(stored->dtype);
    if (gp_store_fits(run, bytes)) {
        store->bytes = bytes + GP_STAGING_SLACK;
        store->pages = gp_pages_alloc(store->bytes);
        if (store->pages == NULL)
            return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an array between two passes");
        run->stored_bytes += store->bytes;
        target.kind = GP_TARGET_MEMORY;
        target.data = store->pages;
    }
    return gp_sink_open(&target, bytes, run->engine, &store->sink, err);
}

static gpuproc_status open_source(gp_run *run, size_t s, gpuproc_error *err)
{
    const gp_plan_stored *stored = &run->plan->stored[s];
    gp_origin origin = {.fd = -1};
    if (!gp_sink_origin(run->store[s].sink, stored->dtype, &stored->shape, &origin))
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an array between two passes");
    gpuproc_status st = gp_source_open(&origin, run->engine, true,
                                       &run->source[run->plan->program->inputs + s], err);
    free(origin.path);
    return st;
}

static void close_store(gp_run *run, size_t s)
{
    gp_store *store = &run->store[s];
    gp_source **source = &run->source[run->plan->program->inputs + s];
    if (*source != NULL) gp_source_close(*source);
    *source = NULL;
    if (store->sink != NULL) gp_sink_close(store->sink);
    if (store->pages != NULL) {
        gp_pages_free(store->pages, store->bytes);
        run->stored_bytes -= store->bytes;
    }
    *store = (gp_store){0};
}

gpuproc_status gp_stores_before(gp_run *run, size_t pass, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_plan_pass *p = &run->plan->pass[pass];
    for (size_t o = 0; o < p->pass.outputs; o++) {
        size_t s = p->output_stored[o];
        if (s != SIZE_MAX && run->store[s].sink == NULL) GP_TRY(open_store(run, s, err));
    }
    for (size_t f = 0; f < p->folds; f++) {
        if (p->fold[f].array < 0) continue;
        size_t s = (size_t)p->fold[f].array - run->plan->program->inputs;
        if (run->plan->stored[s].last_read <= run->plan->stored[s].made) continue; /* nobody wants it */
        /* It is there already where another fold makes another part of it. */
        if (run->store[s].sink == NULL) GP_TRY(open_store(run, s, err));
    }
out:
    return st;
}

gpuproc_status gp_stores_after(gp_run *run, size_t pass, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t s = 0; s < run->plan->storeds; s++) {
        const gp_plan_stored *stored = &run->plan->stored[s];
        if (run->store[s].sink == NULL) continue;
        if (stored->last_read <= pass && stored->made <= pass) close_store(run, s);
        else if (stored->made == pass) GP_TRY(open_source(run, s, err));
    }
out:
    return st;
}

void gp_stores_free(gp_run *run)
{
    for (size_t s = 0; run->store != NULL && s < run->plan->storeds; s++) close_store(run, s);
    free(run->store);
    run->store = NULL;
}
