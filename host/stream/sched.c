#include "stream/sched.h"

#include <string.h>

void gp_sched_init(gp_sched *sched, const gp_sched_actions *actions, void *ctx,
                   gp_sched_slot *slot, unsigned slots, uint64_t chunks, bool ordered_reads,
                   bool folds, bool ordered_writes)
{
    *sched = (gp_sched){.actions = actions, .ctx = ctx, .slot = slot, .slots = slots,
                        .chunks = chunks, .ordered_reads = ordered_reads,
                        .folds = folds, .ordered_writes = ordered_writes};
    memset(slot, 0, slots * sizeof *slot);
}

static void retire(gp_sched *sched, unsigned slot, bool ok)
{
    gp_sched_slot *s = &sched->slot[slot];
    sched->actions->retire(sched->ctx, slot, s->chunk, ok);
    s->state = GP_SLOT_FREE;
    sched->busy--;
    sched->retired++;
}

/* The stage of `slot` has ended: what state it is in now. */
static void settle(gp_sched *sched, unsigned slot, bool ok)
{
    gp_sched_slot *s = &sched->slot[slot];
    switch (s->state) {
    case GP_SLOT_READING: sched->reading = false; break;
    case GP_SLOT_WRITING:
        sched->writing = false;
        if (ok) sched->next_write++;
        break;
    default: break;
    }
    if (!ok) sched->stopping = true;
    if (sched->stopping && !(ok && s->state == GP_SLOT_WRITING)) {
        retire(sched, slot, false);
        return;
    }
    switch (s->state) {
    case GP_SLOT_READING: s->state = GP_SLOT_READY; break;
    case GP_SLOT_COMPUTING: s->state = sched->folds ? GP_SLOT_COMPUTED : GP_SLOT_FOLDED; break;
    case GP_SLOT_FOLDING: s->state = GP_SLOT_FOLDED; break;
    case GP_SLOT_WRITING: retire(sched, slot, true); break;
    default: break;
    }
}

/* Starts the next stage of one slot, if it can be; true where something changed. */
static bool advance_slot(gp_sched *sched, unsigned slot)
{
    gp_sched_slot *s = &sched->slot[slot];
    gp_step (*action)(void *, unsigned, uint64_t);
    switch (s->state) {
    case GP_SLOT_FREE:
        if (sched->next_chunk >= sched->chunks || (sched->ordered_reads && sched->reading))
            return false;
        s->chunk = sched->next_chunk++;
        s->state = GP_SLOT_READING;
        sched->reading = true;
        sched->busy++;
        action = sched->actions->read;
        break;
    case GP_SLOT_READY:
        s->state = GP_SLOT_COMPUTING;
        action = sched->actions->compute;
        break;
    case GP_SLOT_COMPUTED:
        if (s->chunk != sched->next_fold) return false;
        s->state = GP_SLOT_FOLDING;
        sched->next_fold++;
        action = sched->actions->fold;
        break;
    case GP_SLOT_FOLDED:
        if (sched->ordered_writes && (sched->writing || s->chunk != sched->next_write)) return false;
        s->state = GP_SLOT_WRITING;
        sched->writing = true;
        action = sched->actions->write;
        break;
    default: return false;
    }
    gp_step step = action(sched->ctx, slot, s->chunk);
    if (step != GP_STEP_STARTED) settle(sched, slot, step == GP_STEP_DONE);
    return true;
}

void gp_sched_advance(gp_sched *sched)
{
    bool changed = true;
    while (changed && !sched->stopping) {
        changed = false;
        /* Chunks that are further on go first: they free their slot the sooner. */
        for (int state = GP_SLOT_FOLDED; state >= GP_SLOT_FREE; state--) {
            for (unsigned i = 0; i < sched->slots && !sched->stopping; i++) {
                if ((int)sched->slot[i].state == state && advance_slot(sched, i)) changed = true;
            }
        }
    }
    if (!sched->stopping) return;
    /* Stopped: chunks that wait for their next stage are given up. */
    for (unsigned i = 0; i < sched->slots; i++) {
        gp_slot_state state = sched->slot[i].state;
        if (state == GP_SLOT_READY || state == GP_SLOT_COMPUTED || state == GP_SLOT_FOLDED)
            retire(sched, i, false);
    }
}

void gp_sched_ended(gp_sched *sched, unsigned slot, bool ok) { settle(sched, slot, ok); }

void gp_sched_stop(gp_sched *sched) { sched->stopping = true; }

bool gp_sched_finished(const gp_sched *sched)
{
    return sched->busy == 0 && (sched->stopping || sched->next_chunk == sched->chunks);
}
