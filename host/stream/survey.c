#include "stream/survey.h"

#include "base/memory.h"
#include "stream/run_pass.h"

/* ---- Arrays between passes: noted, not made ---------------------------------- */

/* Stands for elements that are not there. */
static int never(void *ctx, uint64_t first, size_t count, void *dst)
{
    (void)ctx;
    (void)first;
    (void)count;
    (void)dst;
    return -1;
}

static gpuproc_status open_nothing(const gp_run *run, gp_dtype dtype, const gp_shape *shape, gp_source **source,
                                   gpuproc_error *err)
{
    gp_origin origin = {.kind = GP_ORIGIN_FUNCTION, .dtype = dtype, .shape = *shape, .count = gp_shape_size(shape),
                        .fd = -1, .generate = never};
    return gp_source_open(&origin, run->engine, true, source, err);
}

static gpuproc_status note_store(gp_run *run, size_t s, gpuproc_error *err)
{
    const gp_plan_stored *stored = &run->plan->stored[s];
    gp_survey *survey = run->survey;
    gp_source **source = &run->source[run->plan->program->inputs + s];
    uint64_t bytes = gp_shape_size(&stored->shape) * gpuproc_dtype_bytes(stored->dtype);
    if (*source != NULL) return GPUPROC_OK;
    survey->store_in_memory[s] = gp_store_fits(run, bytes);
    if (survey->store_in_memory[s]) run->stored_bytes += bytes + GP_STAGING_SLACK;
    survey->stored_bytes = gp_max_u64(survey->stored_bytes, run->stored_bytes);
    return open_nothing(run, stored->dtype, &stored->shape, source, err);
}

/* Streams that several passes read, or that are in Fortran order, have no source yet. */
static gpuproc_status note_spooled(gp_run *run, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_program *program = run->plan->program;
    for (size_t i = 0; i < program->inputs; i++) {
        if (run->source[i] != NULL || run->plan->input_reads[i] == 0) continue;
        run->survey->spooled[i] = true;
        GP_TRY(open_nothing(run, program->input[i].dtype, &program->input[i].shape, &run->source[i], err));
    }
out:
    return st;
}

static gpuproc_status stores_before(gp_run *run, size_t pass, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_plan *plan = run->plan;
    const gp_plan_pass *p = &plan->pass[pass];
    for (size_t o = 0; o < p->pass.outputs; o++) {
        if (p->output_stored[o] != SIZE_MAX) GP_TRY(note_store(run, p->output_stored[o], err));
    }
    for (size_t f = 0; f < p->folds; f++) {
        size_t s = p->fold[f].array < 0 ? SIZE_MAX : (size_t)p->fold[f].array - plan->program->inputs;
        if (s != SIZE_MAX && plan->stored[s].last_read > plan->stored[s].made) GP_TRY(note_store(run, s, err));
    }
out:
    return st;
}

static void stores_after(gp_run *run, size_t pass)
{
    for (size_t s = 0; s < run->plan->storeds; s++) {
        const gp_plan_stored *stored = &run->plan->stored[s];
        gp_source **source = &run->source[run->plan->program->inputs + s];
        if (*source == NULL || stored->last_read > pass || stored->made > pass) continue;
        gp_source_close(*source);
        *source = NULL;
        if (run->survey->store_in_memory[s])
            run->stored_bytes -= gp_shape_size(&stored->shape) * gpuproc_dtype_bytes(stored->dtype) + GP_STAGING_SLACK;
    }
}

/* ---- One pass ---------------------------------------------------------------- */

/* Whether so many are in the page cache is soon known. */
#define SAMPLE_ELEMENTS 65536

/* A few pieces stand for all: whether they would be used where they are. */
static bool is_mapped(const gp_pass_run *p, size_t i)
{
    const gp_pass_input *in = &p->pass->input[i];
    gp_source *source = p->run->source[in->input];
    uint64_t first = in->streamed ? (uint64_t)in->walk.offset : in->first, count = in->streamed ? p->pass->count : in->count;
    uint64_t piece = gp_min_u64(count, in->streamed ? gp_min_u64(p->chunk_elements, SAMPLE_ELEMENTS) : count);
    if (in->streamed && (!gp_walk_contiguous(&in->walk) || p->in_blocks)) return false;
    if (gp_source_is_fortran(source)) return false;
    for (int k = 0; k <= (piece < count ? 2 : 0); k++) {
        gp_view view;
        if (!gp_source_view(source, first + (count - piece) / 2 * (uint64_t)k, piece, &view)) return false;
        gp_source_unview(source, &view);
    }
    return true;
}

static gp_cost_from from_of(const gp_pass_run *p, size_t i)
{
    const gp_run *run = p->run;
    size_t array = (size_t)p->pass->input[i].input, inputs = run->plan->program->inputs;
    const gp_source *source = run->source[array];
    if (gp_pass_product(p, (int)array) != NULL) return GP_FROM_MADE;
    if (array >= inputs && run->survey->store_in_memory[array - inputs]) return GP_FROM_MEMORY;
    if (array >= inputs || run->survey->spooled[array])
        return gp_walk_contiguous(&p->pass->input[i].walk) && !p->in_blocks ? GP_FROM_MAPPED : GP_FROM_CACHE;
    if (source == NULL || gp_source_is_stream(source)) return GP_FROM_STREAM;
    if (gp_run_in_memory(run, &p->pass->input[i])) return GP_FROM_MEMORY;
    if (!gp_source_is_file(source)) return GP_FROM_CACHE;
    if (is_mapped(p, i)) return GP_FROM_MAPPED;
    return gp_source_cached_percent(source) >= 50 ? GP_FROM_CACHE : GP_FROM_DISK;
}

/* Whether an earlier input's read brings this one's elements, too (pass_read.c). */
static bool shares_read(const gp_pass_run *p, size_t i)
{
    const gp_pass_input *in = &p->pass->input[i];
    for (size_t k = 0; k < p->pass->inputs && !p->in_blocks; k++) {
        const gp_pass_input *other = &p->pass->input[k];
        if (k == i || other->input != in->input || !other->streamed || !gp_walk_contiguous(&other->walk)) continue;
        int64_t lag = in->walk.offset - other->walk.offset;
        if ((lag > 0 || (lag == 0 && k < i)) && (uint64_t)lag < p->chunk_elements) return true;
    }
    return false;
}

static uint64_t bytes_of(const gp_pass_run *p, size_t i)
{
    const gp_pass_input *in = &p->pass->input[i];
    uint64_t width = gpuproc_dtype_bytes(in->dtype);
    if (!in->streamed) return in->count * width;
    if (gp_walk_contiguous(&in->walk)) return shares_read(p, i) ? 0 : p->pass->count * width;
    if (p->in_blocks || gp_run_in_memory(p->run, in)) return p->pass->count * width;
    return gp_pass_input_cost_in_order(p->pass, i, p->chunk_elements);
}

static gp_cost_from product_from(const gp_pass_run *p)
{
    gp_cost_from worst = GP_FROM_MEMORY;
    for (size_t k = 0; k < p->products; k++) {
        for (int o = 0; o < 2; o++) {
            int array = p->product[k].stored->operand[o];
            const gp_source *source = p->run->source[array];
            if ((size_t)array >= p->run->plan->program->inputs || !gp_source_is_file(source)) continue;
            gp_cost_from from = gp_source_cached_percent(source) >= 50 ? GP_FROM_CACHE : GP_FROM_DISK;
            if (from > worst) worst = from;
        }
    }
    return worst;
}

static void note_outputs(const gp_pass_run *p, gp_cost_pass *cost)
{
    const gp_plan_pass *plan = p->plan_pass;
    for (size_t o = 0; o < plan->pass.outputs; o++) {
        cost->output_in_memory[o] = gp_pass_in_memory(p, plan->output_target[o], plan->output_stored[o]);
        cost->output_copied[o] = p->input_of[o] != SIZE_MAX;
    }
    for (size_t f = 0; f < plan->folds; f++) {
        const gp_plan_fold *fold = &plan->fold[f];
        size_t s = fold->array < 0 ? SIZE_MAX : (size_t)fold->array - p->run->plan->program->inputs;
        cost->fold_in_memory[f] = fold->target == SIZE_MAX ? s == SIZE_MAX || p->run->survey->store_in_memory[s]
                                                            : gp_pass_in_memory(p, fold->target, SIZE_MAX);
    }
}

static size_t widest(const gp_pass *pass)
{
    size_t bytes = 1;
    for (size_t i = 0; i < pass->inputs; i++) {
        if (pass->input[i].streamed) bytes = (size_t)gp_max_u64(bytes, gpuproc_dtype_bytes(pass->input[i].dtype));
    }
    for (size_t o = 0; o < pass->outputs; o++) bytes = (size_t)gp_max_u64(bytes, gpuproc_dtype_bytes(pass->output[o].dtype));
    return bytes;
}

gpuproc_status gp_pass_note(gp_pass_run *p, const gp_chunking *chunking, gpuproc_error *err)
{
    gp_survey *survey = p->run->survey;
    gp_cost_pass *cost = &survey->pass[p->plan_pass - p->run->plan->pass];
    const gp_pass *pass = p->pass;
    cost->input = gp_calloc(pass->inputs, sizeof *cost->input);
    cost->product = gp_calloc(pass->inputs, sizeof *cost->product);
    cost->output_in_memory = gp_calloc(pass->outputs, sizeof *cost->output_in_memory);
    cost->output_copied = gp_calloc(pass->outputs, sizeof *cost->output_copied);
    cost->fold_in_memory = gp_calloc(p->plan_pass->folds, sizeof *cost->fold_in_memory);
    if (cost->input == NULL || cost->product == NULL || cost->output_in_memory == NULL || cost->output_copied == NULL ||
        cost->fold_in_memory == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a prediction");
    cost->chunks = gp_pass_chunks(p);
    cost->chunk_elements = p->chunk_elements;
    cost->slots = chunking->slots;
    cost->threads = p->threads;
    cost->in_blocks = p->in_blocks;
    cost->copies = p->copies;
    cost->resident_bytes = p->resident_bytes;
    cost->fold_bytes = p->fold_least;
    cost->memory_bytes = chunking->host_bytes + p->resident_bytes + p->run->stored_bytes + p->fold_least;
    survey->memory_bytes = gp_max_u64(survey->memory_bytes, cost->memory_bytes);
    for (size_t i = 0; i < pass->inputs; i++) {
        const gp_plan_stored *product = gp_pass_product(p, pass->input[i].input);
        uint64_t straight = gp_pass_straight_bytes(p, i, widest(pass));
        cost->straightened += straight;
        cost->input[i].from = straight > 0 ? GP_FROM_CACHE : from_of(p, i);
        cost->input[i].bytes = straight > 0 ? pass->count * gpuproc_dtype_bytes(pass->input[i].dtype) : bytes_of(p, i);
        if (product != NULL) cost->product[i] = &product->spec;
    }
    for (size_t k = 0; k < p->products; k++) {
        cost->product_bytes += p->product[k].tiling.read_bytes;
        survey->product_bytes += p->product[k].tiling.read_bytes;
        survey->product_least_bytes += p->product[k].tiling.least_bytes;
    }
    cost->product_from = product_from(p);
    gp_device *device = p->run->devices > 0 ? p->run->device[0] : NULL;
    if (device != NULL && device->api->program_known != NULL && !p->copies && pass->count > 0)
        cost->program_cached = device->api->program_known(device, p->work);
    note_outputs(p, cost);
    return GPUPROC_OK;
}

/* ---- All of them ------------------------------------------------------------- */

gpuproc_status gp_run_survey(gp_run *run, gp_survey *survey, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_plan *plan = run->plan;
    size_t inputs = plan->program->inputs;
    *survey = (gp_survey){0};
    survey->pass = gp_calloc(plan->passes, sizeof *survey->pass);
    survey->store_in_memory = gp_calloc(plan->storeds, sizeof *survey->store_in_memory);
    survey->spooled = gp_calloc(inputs, sizeof *survey->spooled);
    run->kept = gp_calloc(inputs + plan->storeds, sizeof *run->kept);
    run->store = gp_calloc(plan->storeds, sizeof *run->store);
    if (survey->pass == NULL || survey->store_in_memory == NULL || survey->spooled == NULL ||
        run->kept == NULL || run->store == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a prediction");
        goto out;
    }
    survey->passes = plan->passes;
    run->survey = survey;
    GP_TRY(note_spooled(run, err));
    GP_TRY(gp_run_check_budget(run, err));
    for (size_t i = 0; i < plan->passes; i++) {
        survey->pass[i].plan = &plan->pass[i];
        GP_TRY(stores_before(run, i, err));
        GP_TRY(gp_run_pass(run, &plan->pass[i], err));
        stores_after(run, i);
    }
out:
    for (size_t a = 0; a < inputs + plan->storeds; a++) {
        bool ours = a >= inputs || (survey->spooled != NULL && survey->spooled[a]);
        if (ours && run->source[a] != NULL) gp_source_close(run->source[a]);
        if (ours) run->source[a] = NULL;
    }
    run->survey = NULL;
    run->stored_bytes = 0;
    free(run->kept);
    free(run->store);
    run->kept = NULL;
    run->store = NULL;
    if (st != GPUPROC_OK) gp_survey_free(survey);
    return st;
}

void gp_survey_free(gp_survey *survey)
{
    for (size_t i = 0; i < survey->passes; i++) {
        gp_cost_pass *cost = &survey->pass[i];
        free(cost->input);
        free(cost->product);
        free(cost->output_in_memory);
        free(cost->output_copied);
        free(cost->fold_in_memory);
    }
    free(survey->pass);
    free(survey->store_in_memory);
    free(survey->spooled);
    *survey = (gp_survey){0};
}
