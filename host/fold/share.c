#include "fold/share.h"

#include "base/memory.h"

/* Less than this is not worth waking anybody. */
#define SHARE_LEAST 2048u

typedef struct cut {
    gp_fold_part *run;
    void *arg;
    uint64_t count;
    unsigned parts;
} cut;

static uint64_t begin_of(const cut *c, uint64_t part)
{
    return c->count / c->parts * part + gp_min_u64(part, c->count % c->parts);
}

static void run_parts(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    const cut *c = arg;
    for (uint64_t part = from; part < to; part++)
        c->run(c->arg, (unsigned)part, begin_of(c, part), begin_of(c, part + 1));
}

void gp_fold_share_costly(const gp_workers *workers, unsigned parts, uint64_t count, uint64_t each,
                          gp_fold_part *run, void *arg)
{
    if (count == 0) return;
    if (parts < 2 || count < 2 || (count < SHARE_LEAST && each < SHARE_LEAST && count * each < SHARE_LEAST)) {
        run(arg, 0, 0, count);
        return;
    }
    cut c = {run, arg, count, parts < count ? parts : (unsigned)count};
    workers->each(workers, c.parts, run_parts, &c);
}

void gp_fold_share(const gp_workers *workers, unsigned parts, uint64_t count, gp_fold_part *run,
                   void *arg)
{
    gp_fold_share_costly(workers, parts, count, 1, run, arg);
}
