#include "plan/chunking.h"

#include "base/memory.h"
#include "emit/pass.h"

#include <inttypes.h>

/* A pipeline of three stages over n chunks takes (n + 2) / n of its longest stage: 2 % with these. */
#define PIPELINE_CHUNKS 96
#define SMALL_CHUNK_BYTES ((uint64_t)1 << 20)
/* More streams than these share the room, down to the smallest chunks: fresh memory for all of them would cost
 * more than the work on it. */
#define MANY_STREAMS 16
#define SHARED_CHUNK_BYTES ((uint64_t)64 << 10)
#define FEWEST_SLOTS 3 /* read, compute and write of different chunks together */

/* Whatever was asked for: partial sums hold 2^31 elements (emit/reduce.h), and no sum
 * of sizes of one chunk overflows. */
#define MOST_ELEMENTS ((uint64_t)1 << 30)
#define MOST_SLOTS 1024

static uint64_t whole_blocks(uint64_t elements)
{
    return elements < GP_BLOCK ? GP_BLOCK : elements / GP_BLOCK * GP_BLOCK;
}

static bool fits(const gp_chunking_request *r, uint64_t elements, unsigned slots, uint64_t *total)
{
    uint64_t host = 0, device = 0;
    r->slot_bytes(r->ctx, elements, &host, &device);
    if (r->device_budget != 0 && device > r->device_budget / slots) return false;
    return gp_mul_u64(host, slots, total) && *total <= r->host_budget;
}

static gpuproc_status too_small(const gp_chunking_request *r, uint64_t elements, gpuproc_error *err)
{
    uint64_t host = 0, device = 0;
    r->slot_bytes(r->ctx, elements, &host, &device);
    if (host <= r->host_budget)
        return gp_fail(err, GPUPROC_BUDGET,
                       "one chunk of %" PRIu64 " elements takes %" PRIu64
                       " bytes on the device, but there are %" PRIu64,
                       elements, device, r->device_budget);
    return gp_fail(err, GPUPROC_BUDGET,
                   "one chunk of %" PRIu64 " elements takes %" PRIu64
                   " bytes, but the memory budget leaves %" PRIu64,
                   elements, host, r->host_budget);
}

gpuproc_status gp_chunking_choose(const gp_chunking_request *r, gp_chunking *out,
                                  gpuproc_error *err)
{
    uint64_t usual = r->memory_bytes ? r->memory_bytes : GP_CHUNK_BYTES;
    uint64_t bytes = r->chunk_bytes ? r->chunk_bytes : r->large_bytes ? r->large_bytes : usual;
    if (r->transfers && r->chunk_bytes == 0 && r->large_bytes == 0 && r->count / PIPELINE_CHUNKS < bytes / r->widest_bytes)
        bytes = gp_max_u64(r->count / PIPELINE_CHUNKS * r->widest_bytes, SMALL_CHUNK_BYTES);
    if (r->streams > MANY_STREAMS && r->chunk_bytes == 0 && r->large_bytes == 0)
        bytes = gp_max_u64(bytes / r->streams * MANY_STREAMS, SHARED_CHUNK_BYTES);
    uint64_t elements = whole_blocks(gp_min_u64(bytes / r->widest_bytes, MOST_ELEMENTS));
    unsigned slots = r->sync ? 1 : r->slots ? r->slots : r->large_bytes ? FEWEST_SLOTS : GP_CHUNKING_SLOTS;
    uint64_t total = 0;

    /* No chunk larger than the array, no more slots than chunks. */
    uint64_t all_blocks = gp_max_u64(gp_ceil_div(r->count, GP_BLOCK), 1);
    if (elements / GP_BLOCK > all_blocks) elements = all_blocks * GP_BLOCK;
    uint64_t chunks = gp_ceil_div(r->count, elements);
    slots = (unsigned)gp_min_u64(gp_min_u64(slots, MOST_SLOTS), gp_max_u64(chunks, 1));

    uint64_t small = whole_blocks(SMALL_CHUNK_BYTES / r->widest_bytes);
    while (!fits(r, elements, slots, &total)) {
        if (r->chunk_bytes == 0 && elements > small) elements = whole_blocks(elements / 2);
        else if (r->slots == 0 && slots > FEWEST_SLOTS) slots--;
        else if (r->chunk_bytes == 0 && elements > GP_BLOCK) elements = whole_blocks(elements / 2);
        else if (slots > 1) slots--;
        else return too_small(r, elements, err);
    }
    *out = (gp_chunking){.elements = elements, .slots = slots, .host_bytes = total};
    return GPUPROC_OK;
}
