#include "plan/choose.h"

#include "base/memory.h"
#include "plan/chunking.h"

/* Predictions are good to some tenths of a time: what is only a little faster may as well be
 * slower. */
#define LEAST_GAIN 0.1
#define LEAST_GAIN_NS 10000

/* No smaller chunks than these, of the widest array: files and disks want runs, which the model
 * does not know. */
#define SMALLEST_BYTES ((uint64_t)1 << 20)
#define MOST_HALVINGS 6

static uint64_t bytes_of_element(const gp_cost_pass *pass)
{
    const gp_pass *p = &pass->plan->pass;
    uint64_t bytes = 1;
    for (size_t i = 0; i < p->inputs; i++) {
        if (p->input[i].streamed) bytes = gp_max_u64(bytes, gpuproc_dtype_bytes(p->input[i].dtype));
    }
    for (size_t o = 0; o < p->outputs; o++)
        bytes = gp_max_u64(bytes, gpuproc_dtype_bytes(p->output[o].dtype));
    return bytes;
}

typedef struct search {
    const gp_cost_pass *pass;
    const gp_cost_machine *machine;
    const gp_choose_free *free;
    gp_choice best;
    double best_ns;
} search;

static uint64_t chunks_of(const search *s, const gp_choice *c)
{
    return c->chunk_elements != 0 ? gp_ceil_div(s->pass->plan->pass.count, c->chunk_elements) : s->pass->chunks;
}

/* By rule. Where there were no more slots because there were no more chunks, there are with more of those. */
static unsigned slots_of(const search *s, uint64_t chunks)
{
    unsigned slots = s->pass->slots;
    if (!s->free->slots || chunks <= s->pass->chunks || slots < s->pass->chunks) return slots;
    return (unsigned)gp_min_u64(chunks, gp_max_u64(slots, GP_CHUNKING_SLOTS));
}

static double with_thread(const search *s, const gp_cost_pass *pass, double ns)
{
    return ns + (ns > GP_CHOOSE_SMALL_NS || !gp_cost_is_here(pass, s->machine) ? s->free->away_ns : 0);
}

static void try_one(search *s, gp_choice c)
{
    gp_cost_pass pass = *s->pass;
    gp_cost cost = {0};
    pass.chunks = chunks_of(s, &c);
    if (c.threads != 0) pass.threads = c.threads;
    if (c.chunk_elements != 0) pass.chunk_elements = c.chunk_elements;
    pass.slots = (unsigned)gp_min_u64(c.slots != 0 ? c.slots : slots_of(s, pass.chunks), pass.chunks);
    double ns = with_thread(s, &pass, gp_cost_of_pass(&pass, s->machine, &cost));
    if (ns >= s->best_ns) return;
    s->best = c;
    s->best_ns = ns;
}

/* Fewer than the rule has: less memory, and one of them alone wakes nobody. */
static void try_slots(search *s, gp_choice c)
{
    unsigned rule = slots_of(s, chunks_of(s, &c));
    try_one(s, c);
    for (unsigned slots = 1; s->free->slots && slots < rule && slots <= 4; slots++) {
        c.slots = slots;
        try_one(s, c);
    }
}

static void try_chunks(search *s)
{
    uint64_t least = SMALLEST_BYTES / bytes_of_element(s->pass), elements = s->pass->chunk_elements;
    try_slots(s, (gp_choice){0});
    for (int k = 0; s->free->chunk && k < MOST_HALVINGS; k++) {
        elements = elements / 2 / s->free->unit * s->free->unit;
        if (elements < least || elements == 0) break;
        try_slots(s, (gp_choice){.chunk_elements = elements});
    }
}

bool gp_choose(const gp_cost_pass *pass, const gp_cost_machine *machine, const gp_choose_free *free,
               gp_chosen *chosen)
{
    gp_cost cost = {0};
    const double own = gp_cost_of_pass(pass, machine, &cost);
    search s = {.pass = pass, .machine = machine, .free = free};
    const double rule = s.best_ns = with_thread(&s, pass, own);
    unsigned all = pass->threads != 0 ? pass->threads : machine->threads;
    *chosen = (gp_chosen){.rule_ns = own, .ns = own};
    if (pass->plan->pass.count == 0) return false;
    try_chunks(&s);
    for (unsigned t = 1; free->threads && machine->device == NULL && t < all; t *= 2)
        try_slots(&s, (gp_choice){.threads = t, .chunk_elements = s.best.chunk_elements});
    if (rule - s.best_ns < LEAST_GAIN * rule || rule - s.best_ns < LEAST_GAIN_NS) return false;
    chosen->choice = s.best;
    chosen->rule_ns = rule;
    chosen->ns = s.best_ns;
    return true;
}
