#include "fold/row_blocks.h"

#include "base/memory.h"
#include "fold/share.h"

#include <string.h>

uint64_t gp_row_cut_blocks(const gp_row_cut *cut) { return gp_ceil_div(cut->rows, cut->height); }

uint64_t gp_row_cut_bytes(const gp_row_cut *cut)
{
    uint64_t bytes;
    if (!gp_mul_u64(cut->height, cut->columns, &bytes) || !gp_mul_u64(bytes, cut->wide, &bytes)) return UINT64_MAX;
    return bytes;
}

gpuproc_status gp_row_blocks_open(gp_row_blocks *b, gpuproc_error *err)
{
    b->held = gp_calloc(b->slots, gp_row_cut_bytes(&b->cut));
    return b->held != NULL ? GPUPROC_OK : gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for rows of a matrix");
}

void gp_row_blocks_close(gp_row_blocks *b) { free(b->held); }

/* Blocks one after the other: some that are held, then some that lie in the piece. */
typedef struct batch {
    const gp_row_blocks *of;
    uint64_t first, held, direct;
    const char *piece;
} batch;

static void run_units(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    const batch *b = arg;
    const gp_row_cut *cut = &b->of->cut;
    uint64_t bytes = gp_row_cut_bytes(cut), blocks = b->held + b->direct;
    for (uint64_t unit = from; unit < to; unit++) {
        for (uint64_t i = unit / cut->tasks; i < blocks; i += cut->lanes) {
            const char *block = i < b->held ? b->of->held + i * bytes : b->piece + (i - b->held) * bytes;
            uint64_t row = (b->first + i) * cut->height;
            b->of->run(b->of->arg, part, (b->first + i) % cut->lanes, unit % cut->tasks, block,
                       gp_min_u64(cut->height, cut->rows - row));
        }
    }
}

static void run_batch(const gp_workers *workers, batch *b)
{
    uint64_t units = gp_min_u64(b->held + b->direct, b->of->cut.lanes) * b->of->cut.tasks;
    if (units == 0) return;
    /* One unit after the other to whoever is free, where every worker has memory of its own. */
    if (units > 1 && b->of->parts >= workers->count)
        workers->each(workers, units, run_units, b);
    else
        gp_fold_share_costly(workers, b->of->parts, units, gp_row_cut_bytes(&b->of->cut), run_units, b);
}

static uint64_t hold(gp_row_blocks *b, const char *elements, uint64_t count)
{
    memcpy(b->held + b->count * b->cut.wide, elements, count * b->cut.wide);
    b->count += count;
    return count;
}

void gp_row_blocks_take(gp_row_blocks *b, const gp_workers *workers, const void *elements, uint64_t count)
{
    const char *at = elements;
    uint64_t block = b->cut.height * b->cut.columns, whole = gp_min_u64(b->parts, b->slots);
    if (b->count % block != 0) {
        uint64_t n = hold(b, at, gp_min_u64(block - b->count % block, count));
        at += n * b->cut.wide;
        count -= n;
    }
    batch now = {b, b->first, b->count / block, count / block, at};
    if (b->count % block == 0 && now.held + now.direct >= whole) {
        run_batch(workers, &now);
        b->first += now.held + now.direct;
        b->count = 0;
        at += now.direct * block * b->cut.wide;
        count -= now.direct * block;
    }
    hold(b, at, count);
}

void gp_row_blocks_end(gp_row_blocks *b, const gp_workers *workers)
{
    uint64_t block = b->cut.height * b->cut.columns;
    batch last = {b, b->first, b->count > 0 ? gp_ceil_div(b->count, block) : 0, 0, NULL};
    run_batch(workers, &last);
    b->count = 0;
}
