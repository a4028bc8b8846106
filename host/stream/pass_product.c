/* Products of matrices that a pass reads: how much of them is made at once, and who makes it. The pass itself
 * runs on the CPU, where the tile is; the devices multiply. */
#include "stream/run_pass.h"

#include "base/memory.h"
#include "device/cpu/cpu_device.h"

#include <inttypes.h>

const gp_plan_stored *gp_pass_product(const gp_pass_run *p, int array)
{
    const gp_plan *plan = p->run->plan;
    if ((size_t)array < plan->program->inputs) return NULL;
    const gp_plan_stored *stored = &plan->stored[(size_t)array - plan->program->inputs];
    return stored->product ? stored : NULL;
}

static size_t products_of(const gp_pass_run *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->pass->inputs; i++) count += gp_pass_product(p, p->pass->input[i].input) != NULL;
    return count;
}

/* The product as this pass sees it: with the columns of its strip only. */
static gp_product_spec spec_of(const gp_pass_run *p, const gp_plan_stored *stored)
{
    gp_product_spec spec = stored->spec;
    if (p->plan_pass->strip_pitch != 0) spec.n = (uint64_t)p->pass->shape.dim[p->pass->shape.ndim - 1];
    return spec;
}

/* ---- Tiles ------------------------------------------------------------------ */

/* Bytes of the operands that have to be brought into memory if they are to be there as a whole. */
static uint64_t bytes_to_bring(const gp_pass_run *p, const gp_plan_stored *stored)
{
    uint64_t sum = 0;
    for (int k = 0; k < 2; k++) {
        gp_source *source = p->run->source[stored->operand[k]];
        uint64_t bytes = gp_shape_size(&stored->spec.walk[k].shape), low, high;
        gp_view view;
        if (!gp_walk_span(&stored->spec.walk[k], &low, &high)) continue;
        bool there = gp_source_view_storage(source, low, 1, &view) && view.map == NULL;
        if (there) continue;
        if (view.map != NULL) gp_source_unview(source, &view);
        if (!gp_mul_u64(bytes, gpuproc_dtype_bytes(stored->spec.operand[k]), &bytes) ||
            !gp_add_u64(sum, bytes, &sum))
            return UINT64_MAX;
    }
    return sum;
}

static bool tile(const gp_pass_run *p, const gp_plan_stored *stored, uint64_t budget, uint64_t element,
                 unsigned slots, gp_product_tiling *tiling, uint64_t *least)
{
    gp_product_spec spec = spec_of(p, stored);
    uint64_t bring = bytes_to_bring(p, stored);
    gp_product_need need = {.budget = budget, .tile_bytes = element * slots, .whole = bring <= budget / 2};
    if (need.whole) need.budget -= bring;
    if (need.whole && gp_product_tile(&spec, &need, tiling, least)) return true;
    need.whole = false;
    need.budget = budget;
    return gp_product_tile(&spec, &need, tiling, least);
}

static uint64_t greatest_common(uint64_t a, uint64_t b) { return b == 0 ? a : greatest_common(b, a % b); }

/* Bytes that a slot takes for one element more. */
static uint64_t element_bytes(gp_slot_bytes_fn slot_bytes, void *ctx)
{
    uint64_t few, many, device;
    slot_bytes(ctx, GP_BLOCK, &few, &device);
    slot_bytes(ctx, 1025 * (uint64_t)GP_BLOCK, &many, &device);
    return gp_max_u64(gp_ceil_div(many - few, 1024 * (uint64_t)GP_BLOCK), 1);
}

/* How many multiply at once, beside the slot that is being written. */
static unsigned multipliers(const gp_run *run)
{
    unsigned count = 0;
    for (size_t d = 0; d < run->devices; d++) count += run->device[d] == run->cpu || run->device[d]->matrix != NULL;
    return count > 0 ? count : 1;
}

gpuproc_status gp_pass_products_chunking(gp_pass_run *p, gp_slot_bytes_fn slot_bytes, gp_chunking *out,
                                         gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_run *run = p->run;
    size_t products = products_of(p);
    uint64_t element = element_bytes(slot_bytes, &p->device[0]), budget = gp_pass_budget(p) / products, least = 0;
    uint64_t columns = p->pass->shape.ndim == 0 ? 1 : (uint64_t)p->pass->shape.dim[p->pass->shape.ndim - 1];
    unsigned slots = run->sync ? 1 : run->slots ? run->slots : multipliers(run) + 1;
    uint64_t rows = UINT64_MAX, panels = 0;
    p->product = gp_calloc(products, sizeof *p->product);
    if (p->product == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
    for (size_t i = 0; i < p->pass->inputs; i++) {
        const gp_plan_stored *stored = gp_pass_product(p, p->pass->input[i].input);
        if (stored == NULL) continue;
        gp_pass_product_run *product = &p->product[p->products++];
        gp_product_tiling one;
        product->array = p->pass->input[i].input;
        product->stored = stored;
        bool alone = tile(p, stored, budget / 8 * 7, element, 1, &one, &least);
        bool several = alone && tile(p, stored, budget / 8 * 7, element, slots, &product->tiling, &least);
        /* Writing beside multiplying is worth less than reading much more. */
        bool free_choice = !run->sync && run->slots == 0 && multipliers(run) == 1;
        if (alone && (!several || (free_choice && product->tiling.read_bytes / 11 > one.read_bytes / 10))) {
            product->tiling = one;
            slots = 1;
        }
        if (!alone) {
            st = gp_fail(err, GPUPROC_BUDGET,
                         "a tile of the matrix product takes %" PRIu64 " bytes, but the memory budget leaves %" PRIu64,
                         least, budget);
            goto out;
        }
        rows = gp_min_u64(rows, product->tiling.rows);
        columns = product->tiling.strip;
        panels += product->tiling.panel_bytes;
    }
    uint64_t unit = GP_BLOCK / greatest_common(gp_max_u64(columns, 1), GP_BLOCK); /* rows that are whole blocks */
    if (run->chunk_bytes != 0)
        rows = gp_min_u64(rows, gp_max_u64(run->chunk_bytes / (gp_max_u64(columns, 1) * element), 1));
    rows = gp_max_u64(rows / unit, 1) * unit;
    if (rows >= gp_ceil_div(p->pass->count, columns)) out->elements = gp_ceil_div(p->pass->count, GP_BLOCK) * GP_BLOCK;
    else out->elements = rows * columns;
    uint64_t chunks = gp_ceil_div(p->pass->count, out->elements);
    out->slots = (unsigned)gp_min_u64(slots, chunks);
    uint64_t host, device;
    slot_bytes(&p->device[0], out->elements, &host, &device);
    out->host_bytes = out->slots * host + panels;
    for (size_t k = 0; k < p->products; k++) p->product[k].tiling.rows = out->elements / columns;
out:
    return st;
}

/* ---- Sources ---------------------------------------------------------------- */

static void log_line(void *ctx, gpuproc_log_level level, const char *message)
{
    gp_run_log(ctx, level, "%s", message);
}

gpuproc_status gp_pass_products_open(gp_pass_run *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_run *run = p->run;
    gp_product_options options = {.linalg = run->linalg, .no_fallback = run->no_fallback, .log = log_line,
                                  .log_ctx = run};
    p->multiplier = gp_calloc(run->devices, sizeof *p->multiplier);
    if (p->multiplier == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
    gp_cpu_device_workers(run->cpu, &options.workers);
    for (size_t d = 0; d < run->devices; d++) {
        if (run->device[d] == run->cpu) options.cpu = true;
        else if (run->device[d]->matrix != NULL) p->multiplier[options.devices++] = run->device[d];
    }
    options.cpu = options.cpu || options.devices == 0;
    options.device = p->multiplier;
    for (size_t k = 0; k < p->products; k++) {
        gp_pass_product_run *product = &p->product[k];
        for (int o = 0; o < 2; o++) options.source[o] = run->source[product->stored->operand[o]];
        options.tiling = product->tiling;
        GP_TRY(gp_product_open(&product->stored->spec, &options, run->engine, &run->source[product->array], err));
    }
out:
    return st;
}

static void add_counts(gp_pass_run *p, const gp_product_counts *counts)
{
    gp_counters *c = &p->run->counters;
    c->bytes_read += counts->bytes_read;
    c->read_ns += counts->read_ns;
    c->kernel_ns += counts->multiply_ns;
    c->fallbacks += counts->tiles_again;
    if (counts->used_cpu) c->used_cpu = true;
    for (size_t m = 0; m < p->run->devices && m < 64; m++) {
        for (size_t d = 0; counts->used_device[m] && d < p->run->devices && d < 64; d++) {
            if (p->run->device[d] == p->multiplier[m]) c->used_device[d] = true;
        }
    }
}

void gp_pass_products_close(gp_pass_run *p)
{
    for (size_t k = 0; k < p->products; k++) {
        gp_source **source = &p->run->source[p->product[k].array];
        gp_product_counts counts;
        if (*source == NULL) continue;
        gp_product_counts_of(*source, &counts);
        add_counts(p, &counts);
        gp_source_close(*source);
        *source = NULL;
    }
    free(p->product);
    free(p->multiplier);
    p->product = NULL;
    p->multiplier = NULL;
    p->products = 0;
}
