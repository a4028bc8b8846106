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

/* The devices that have a library for matrices. */
static gpuproc_status find_multipliers(gp_pass_run *p, gpuproc_error *err)
{
    const gp_run *run = p->run;
    free(p->multiplier);
    p->multipliers = 0;
    p->multiplier = gp_calloc(run->devices, sizeof *p->multiplier);
    if (p->multiplier == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
    for (size_t d = 0; d < run->devices; d++) {
        if (run->device[d] != run->cpu && run->device[d]->matrix != NULL) p->multiplier[p->multipliers++] = run->device[d];
    }
    return GPUPROC_OK;
}

/* Those of them that have the product's dtype; room for all. */
static size_t multipliers_of(const gp_pass_run *p, const gp_plan_stored *stored, gp_device **device)
{
    size_t count = 0;
    for (size_t m = 0; m < p->multipliers; m++) {
        uint64_t host, there;
        p->multiplier[m]->matrix->bytes(p->multiplier[m], stored->spec.dtype, 1, 1, 1, &host, &there);
        if (there != UINT64_MAX) device[count++] = p->multiplier[m];
    }
    return count;
}

typedef struct tile_need {
    uint64_t budget, element; /* bytes of the pass per element of a tile */
    gp_device *const *device;
    size_t devices;
} tile_need;

static bool tile(const gp_pass_run *p, const gp_plan_stored *stored, const tile_need *n, unsigned slots,
                 gp_product_tiling *tiling, uint64_t *least)
{
    uint64_t bring = bytes_to_bring(p, stored), budget = n->budget;
    gp_product_need need = {.budget = budget, .tile_bytes = n->element * slots, .whole = bring <= budget / 2,
                            .strips = p->plan_pass->columns != 0, .device = n->device, .devices = n->devices};
    if (need.whole) need.budget -= bring;
    if (need.whole && gp_product_tile(&stored->spec, &need, tiling, least)) return true;
    need.whole = false;
    need.budget = budget;
    return gp_product_tile(&stored->spec, &need, tiling, least);
}

/* As many rows as the asked-for chunk size allows. */
static uint64_t fewer_rows(const gp_pass_run *p, uint64_t rows, uint64_t columns, uint64_t element)
{
    if (p->run->chunk_bytes == 0) return rows;
    return gp_min_u64(rows, gp_max_u64(p->run->chunk_bytes / (columns * element), 1));
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
static unsigned at_once(const gp_pass_run *p)
{
    unsigned count = (unsigned)p->multipliers;
    for (size_t d = 0; d < p->run->devices; d++) count += p->run->device[d] == p->run->cpu;
    return count > 0 ? count : 1;
}

/* The product's tiling, for `slots` tiles at a time or for one: writing beside multiplying is worth less than
 * reading much more. */
static gpuproc_status choose_tiling(const gp_pass_run *p, gp_pass_product_run *product, const tile_need *need,
                                    unsigned *slots, gpuproc_error *err)
{
    const gp_run *run = p->run;
    bool free_choice = !run->sync && run->slots == 0 && at_once(p) == 1;
    gp_product_tiling one;
    uint64_t least = 0;
    if (!tile(p, product->stored, need, 1, &one, &least))
        return gp_fail(err, GPUPROC_BUDGET,
                       "a tile of the matrix product takes %" PRIu64 " bytes, but the memory budget leaves %" PRIu64,
                       least, need->budget);
    bool several = tile(p, product->stored, need, *slots, &product->tiling, &least);
    if (several && (!free_choice || product->tiling.read_bytes / 11 <= one.read_bytes / 10)) return GPUPROC_OK;
    product->tiling = one;
    *slots = 1;
    return GPUPROC_OK;
}

static gpuproc_status choose_tilings(gp_pass_run *p, size_t products, uint64_t element, unsigned *slots,
                                     gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_device **device = gp_calloc(p->multipliers, sizeof(gp_device *));
    free(p->product);
    p->products = 0;
    p->product = gp_calloc(products, sizeof *p->product);
    if (p->product == NULL || device == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a pass");
        goto out;
    }
    for (size_t i = 0; i < p->pass->inputs; i++) {
        const gp_plan_stored *stored = gp_pass_product(p, p->pass->input[i].input);
        if (stored == NULL) continue;
        gp_pass_product_run *product = &p->product[p->products++];
        *product = (gp_pass_product_run){.array = p->pass->input[i].input, .stored = stored};
        tile_need need = {.budget = gp_pass_budget(p) / products / 8 * 7, .element = element, .device = device,
                          .devices = multipliers_of(p, stored, device)};
        GP_TRY(choose_tiling(p, product, &need, slots, err));
    }
out:
    free(device);
    return st;
}

/* With devices, or where what they take leaves no room for tiles, without. */
static gpuproc_status choose_with_devices(gp_pass_run *p, size_t products, uint64_t element, unsigned *slots,
                                          gpuproc_error *err)
{
    const gp_run *run = p->run;
    gpuproc_error why = {0};
    for (;;) {
        *slots = run->sync ? 1 : run->slots ? run->slots : at_once(p) + 1;
        gpuproc_status st = choose_tilings(p, products, element, slots, &why);
        if (st == GPUPROC_OK) return st;
        if (st != GPUPROC_BUDGET || p->multipliers == 0 || run->no_fallback) {
            if (err != NULL) *err = why;
            return st;
        }
        p->multipliers = 0;
        gp_run_log(p->run, GPUPROC_LOG_INFO, "the CPU alone multiplies: with devices %s", why.message);
    }
}

/* Chunks of so many rows: whole blocks of reduction. */
static uint64_t whole_rows(const gp_pass_run *p, uint64_t rows, uint64_t columns)
{
    uint64_t unit = GP_BLOCK / greatest_common(columns, GP_BLOCK);
    if (rows >= p->pass->count / columns) return gp_ceil_div(p->pass->count, GP_BLOCK) * GP_BLOCK;
    return gp_min_u64(gp_max_u64(rows / unit, 1) * unit * columns, gp_ceil_div(p->pass->count, GP_BLOCK) * GP_BLOCK);
}

static void tell(const gp_pass_run *p, const gp_pass_product_run *product)
{
    const gp_product_spec *s = &product->stored->spec;
    const gp_product_tiling *t = &product->tiling;
    p->run->counters.product_bytes += t->read_bytes;
    p->run->counters.product_least_bytes += t->least_bytes;
    gp_run_log(p->run, GPUPROC_LOG_INFO,
               "product of (%" PRIu64 ", %" PRIu64 ") and (%" PRIu64 ", %" PRIu64 ") in tiles of %" PRIu64 " x %" PRIu64
               " and panels of %" PRIu64 "%s: reads %.1f MB of operands, no tiles less than %.1f MB with this memory; "
               "panels take %.1f MB",
               s->m, s->k, s->k, s->n, t->rows, t->strip, t->depth, t->keep_b ? ", the second operand's kept" : "",
               (double)t->read_bytes / 1e6, (double)t->least_bytes / 1e6, (double)t->panel_bytes / 1e6);
}

gpuproc_status gp_pass_products_chunking(gp_pass_run *p, gp_slot_bytes_fn slot_bytes, gp_chunking *out,
                                         gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    uint64_t element = element_bytes(slot_bytes, &p->device[0]), panels = 0, host, device;
    uint64_t rows = UINT64_MAX, columns = UINT64_MAX, all = 0;
    unsigned slots;
    GP_TRY(find_multipliers(p, err));
    GP_TRY(choose_with_devices(p, products_of(p), element, &slots, err));
    for (size_t k = 0; k < p->products; k++) {
        const gp_product_tiling *tiling = &p->product[k].tiling;
        rows = gp_min_u64(rows, tiling->rows);
        columns = gp_min_u64(columns, tiling->strip);
        panels += tiling->panel_bytes;
        all = p->product[k].stored->spec.n;
    }
    rows = fewer_rows(p, rows, columns, element);
    p->in_blocks = columns < all;
    if (p->in_blocks) {
        gp_blocks_of_matrix(&p->pass->shape, gp_min_u64(rows, (uint64_t)p->pass->shape.dim[0]), columns, &p->blocks);
        out->elements = gp_ceil_div(gp_shape_size(&p->blocks.most), GP_BLOCK) * GP_BLOCK;
    } else {
        out->elements = whole_rows(p, rows, columns);
        rows = gp_ceil_div(out->elements, columns);
    }
    p->chunk_elements = out->elements;
    out->slots = (unsigned)gp_min_u64(slots, gp_pass_chunks(p));
    slot_bytes(&p->device[0], out->elements, &host, &device);
    out->host_bytes = out->slots * host + panels;
    for (size_t k = 0; k < p->products; k++) {
        p->product[k].tiling.rows = rows; /* what they have in common */
        p->product[k].tiling.strip = columns;
        tell(p, &p->product[k]);
    }
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
    gp_pass_workers(p, &options.workers);
    for (size_t d = 0; d < run->devices; d++) options.cpu = options.cpu || run->device[d] == run->cpu;
    bool none = p->multipliers == 0 && !options.cpu;
    if (none && run->no_fallback)
        return gp_fail(err, GPUPROC_DEVICE_UNSUPPORTED, "%s has no library for matrices: CLBlast was not found",
                       run->device[0]->info.name);
    if (none && run->device[0]->matrix == NULL)
        gp_run_log(run, GPUPROC_LOG_INFO, "%s has no library for matrices: the CPU multiplies", run->device[0]->info.name);
    options.cpu = options.cpu || none;
    options.device = p->multiplier;
    options.devices = p->multipliers;
    options.sharing = (unsigned)p->products;
    for (size_t k = 0; k < p->products; k++) {
        gp_pass_product_run *product = &p->product[k];
        for (int o = 0; o < 2; o++) options.source[o] = run->source[product->stored->operand[o]];
        options.tiling = product->tiling;
        GP_TRY(gp_product_open(&product->stored->spec, &options, run->engine, &run->source[product->array], err));
    }
out:
    return st;
}

/* ---- The trace --------------------------------------------------------------- */

static uint64_t chunk_of(const gp_pass_run *p, const gp_read *read)
{
    for (unsigned s = 0; s < p->slots && read != NULL; s++) {
        const gp_pass_slot *slot = &p->slot[s];
        for (size_t r = 0; r < slot->device->reads; r++) {
            if (&slot->read[r].read == read) return slot->chunk;
        }
    }
    return GPUPROC_NO_CHUNK;
}

static void add_span(gp_pass_run *p, const gp_product_span *span)
{
    const gp_device *device = span->device != NULL || span->stage == GPUPROC_STAGE_READ ? span->device : p->run->cpu;
    gp_trace_span one = {.begin_ns = span->begin_ns, .end_ns = span->end_ns, .chunk = chunk_of(p, span->read),
                         .bytes = span->bytes, .bytes_in_place = span->bytes_in_place,
                         .error_ns = (uint32_t)gp_min_u64(span->error_ns, UINT32_MAX),
                         .pass = atomic_load(&p->run->counters.pass), .slot = -1,
                         .device = gp_run_device_number(p->run, device), .stage = (uint8_t)span->stage,
                         .flags = (uint8_t)span->flags};
    gp_trace_add(&p->run->trace, &one);
}

/* Of several products the one that ended first is first, as the trace wants it. */
void gp_pass_products_trace(gp_pass_run *p)
{
    for (size_t k = 0; k < p->products; k++) {
        const gp_source *source = p->run->source[p->product[k].array];
        p->product[k].span = source != NULL ? gp_product_spans_take(source, &p->product[k].spans) : NULL;
        if (source == NULL) p->product[k].spans = 0;
    }
    for (;;) {
        gp_pass_product_run *first = NULL;
        for (size_t k = 0; k < p->products; k++) {
            gp_pass_product_run *one = &p->product[k];
            if (one->spans > 0 && (first == NULL || one->span->end_ns < first->span->end_ns)) first = one;
        }
        if (first == NULL) return;
        add_span(p, first->span++);
        first->spans--;
    }
}

/* ---- The end ------------------------------------------------------------------ */

static void add_counts(gp_pass_run *p, const gp_product_counts *counts)
{
    gp_counters *c = &p->run->counters;
    c->fallbacks += counts->tiles_again + counts->devices_lost;
    if (counts->used_cpu) c->used_cpu = true;
    for (size_t m = 0; m < p->multipliers && m < 64; m++) {
        for (size_t d = 0; counts->used_device[m] && d < p->run->devices && d < 64; d++) {
            if (p->run->device[d] == p->multiplier[m]) c->used_device[d] = true;
        }
    }
}

void gp_pass_products_close(gp_pass_run *p)
{
    gp_pass_products_trace(p);
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
    p->products = p->multipliers = 0;
}
