/* The scheduler: which slot does what next. A pure state machine without threads
 * and without a clock. The loop tells it what ended; it answers by calling the
 * actions, which start the next thing. It can so be run in virtual time.
 *
 *   FREE -> READING -> READY -> COMPUTING -> COMPUTED -> FOLDING -> FOLDED -> WRITING -> FREE
 *
 * Folding takes the chunks in order, one at a time; where there is nothing to fold, a computed chunk
 * counts as folded at once. A slot belongs to a device; a free slot pulls the next chunk, so that devices of
 * different speed share the work by themselves. Any action may end at once: it then returns
 * GP_STEP_DONE and no event follows. */
#ifndef GP_STREAM_SCHED_H
#define GP_STREAM_SCHED_H

#include "base/error.h"

typedef enum gp_slot_state {
    GP_SLOT_FREE,
    GP_SLOT_READING,
    GP_SLOT_READY,
    GP_SLOT_COMPUTING,
    GP_SLOT_COMPUTED,
    GP_SLOT_FOLDING,
    GP_SLOT_FOLDED,
    GP_SLOT_WRITING,
} gp_slot_state;

typedef enum gp_step {
    GP_STEP_STARTED, /* an event will follow */
    GP_STEP_DONE,    /* ended already, well */
    GP_STEP_FAILED,  /* ended already; the action has kept the error */
} gp_step;

typedef struct gp_sched_actions {
    gp_step (*read)(void *ctx, unsigned slot, uint64_t chunk);
    gp_step (*compute)(void *ctx, unsigned slot, uint64_t chunk);
    gp_step (*fold)(void *ctx, unsigned slot, uint64_t chunk); /* NULL where gp_sched_init's folds is false */
    gp_step (*write)(void *ctx, unsigned slot, uint64_t chunk);
    /* The chunk is complete: its partials may be merged, its views given back. After a
     * failure too (ok false), for every chunk that was begun. */
    void (*retire)(void *ctx, unsigned slot, uint64_t chunk, bool ok);
} gp_sched_actions;

typedef struct gp_sched_slot {
    gp_slot_state state;
    uint64_t chunk;
} gp_sched_slot;

typedef struct gp_sched {
    const gp_sched_actions *actions;
    void *ctx;
    gp_sched_slot *slot;
    unsigned slots;
    uint64_t chunks, next_chunk, retired;
    /* Streams go in order, one chunk at a time. */
    bool ordered_reads, ordered_writes;
    bool folds; /* begun in order; the action lets them wait for one another */
    uint64_t next_fold, next_write;
    bool reading; /* ordered_reads: one is under way */
    bool writing;
    bool stopping; /* failed or cancelled: nothing new is begun */
    unsigned busy;
} gp_sched;

/* `slot` has room for `slots` entries and is the caller's. */
void gp_sched_init(gp_sched *sched, const gp_sched_actions *actions, void *ctx,
                   gp_sched_slot *slot, unsigned slots, uint64_t chunks, bool ordered_reads,
                   bool folds, bool ordered_writes);

/* Starts whatever can be started. Call once at the beginning and after each event. */
void gp_sched_advance(gp_sched *sched);

/* The stage that is under way on `slot` has ended. */
void gp_sched_ended(gp_sched *sched, unsigned slot, bool ok);

/* No new chunk is begun and no new stage; what is under way is waited for. */
void gp_sched_stop(gp_sched *sched);

/* Nothing is under way and nothing is left (or it was stopped). */
bool gp_sched_finished(const gp_sched *sched);

#endif
