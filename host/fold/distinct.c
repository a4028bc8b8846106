#include "fold/distinct.h"

#include "base/memory.h"

#include <stdatomic.h>
#include <string.h>

typedef struct entry {
    uint64_t key, count; /* count 0: a free place of a table */
} entry;

#define TABLE_MOST (UINT64_C(1) << 17)
#define TABLE_LEAST (UINT64_C(1) << 6)
#define LEVELS 48

/* Sorted by key. keys, counts: one allocation. */
typedef struct run {
    uint64_t *key, *count;
    uint64_t entries;
    struct run *next;
} run;

typedef struct table {
    entry *place;   /* slots + scratch of slots */
    uint64_t used;
} table;

struct gp_distinct {
    uint64_t most;  /* entries of runs, duplicates among them counted, while no more than this */
    uint64_t step;
    uint64_t slots; /* of each table; a power of two */
    unsigned parts;
    table *table;
    _Atomic(run *) fresh; /* since the last settle */
    atomic_bool no_memory;
    run *level[LEVELS];   /* a run of 2^i to 2^(i+1) entries, or NULL */
    uint64_t entries;     /* in levels */
};

static void free_runs(run *r)
{
    while (r != NULL) {
        run *next = r->next;
        free(r->key);
        free(r);
        r = next;
    }
}

static run *new_run(uint64_t entries)
{
    run *r = gp_calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->key = malloc(entries * 2 * sizeof *r->key + 1);
    if (r->key == NULL) {
        free(r);
        return NULL;
    }
    r->count = r->key + entries;
    return r;
}

gp_distinct *gp_distinct_new(uint64_t budget, unsigned workers)
{
    gp_distinct *set = gp_calloc(1, sizeof *set);
    if (set == NULL) return NULL;
    /* A quarter for the tables; what is left twice: a merge reads two runs and writes a third. */
    uint64_t share = budget / 4 / (2 * sizeof(entry));
    set->parts = (unsigned)gp_max_u64(gp_min_u64(workers, share / TABLE_LEAST), 1);
    share = gp_min_u64(share / set->parts, TABLE_MOST);
    for (set->slots = TABLE_LEAST; set->slots * 2 <= share;) set->slots *= 2;
    set->most = (budget - budget / 4 - sizeof *set) / (2 * sizeof(entry));
    set->step = set->most / 16;
    set->table = gp_calloc(set->parts, sizeof *set->table);
    bool ok = set->table != NULL;
    for (unsigned i = 0; ok && i < set->parts; i++) {
        set->table[i].place = gp_calloc(2 * set->slots, sizeof(entry));
        ok = set->table[i].place != NULL;
    }
    if (ok) return set;
    gp_distinct_free(set);
    return NULL;
}

void gp_distinct_free(gp_distinct *set)
{
    if (set == NULL) return;
    for (unsigned i = 0; set->table != NULL && i < set->parts; i++) free(set->table[i].place);
    free(set->table);
    free_runs(set->fresh);
    for (int i = 0; i < LEVELS; i++) free_runs(set->level[i]);
    free(set);
}

unsigned gp_distinct_parts(const gp_distinct *set) { return set->parts; }

uint64_t gp_distinct_step(const gp_distinct *set) { return set->step; }

/* By eight bits at a time from the lowest, bits that all keys share left out; from `a` with `b` as scratch. Where they end up. */
static entry *sort_entries(entry *a, entry *b, uint64_t n)
{
    uint64_t all = UINT64_MAX, any = 0;
    for (uint64_t i = 0; i < n; i++) {
        all &= a[i].key;
        any |= a[i].key;
    }
    for (int shift = 0; shift < 64; shift += 8) {
        if (((any & ~all) >> shift & 255) == 0) continue;
        uint64_t at[256] = {0};
        for (uint64_t i = 0; i < n; i++) at[a[i].key >> shift & 255]++;
        for (uint64_t i = 0, sum = 0; i < 256; i++) {
            uint64_t here = at[i];
            at[i] = sum;
            sum += here;
        }
        for (uint64_t i = 0; i < n; i++) b[at[a[i].key >> shift & 255]++] = a[i];
        entry *swap = a;
        a = b;
        b = swap;
    }
    return a;
}

/* The table's entries as a run. */
static void spill(gp_distinct *set, table *t)
{
    if (t->used == 0) return;
    uint64_t n = 0;
    for (uint64_t i = 0; i < set->slots; i++) {
        if (t->place[i].count > 0) t->place[n++] = t->place[i];
    }
    run *r = new_run(n);
    if (r == NULL) {
        set->no_memory = true;
    } else {
        const entry *sorted = sort_entries(t->place, t->place + set->slots, n);
        for (uint64_t i = 0; i < n; i++) {
            r->key[i] = sorted[i].key;
            r->count[i] = sorted[i].count;
        }
        r->entries = n;
        r->next = set->fresh;
        while (!atomic_compare_exchange_weak(&set->fresh, &r->next, r)) continue;
    }
    memset(t->place, 0, set->slots * sizeof *t->place);
    t->used = 0;
}

void gp_distinct_add(gp_distinct *set, unsigned part, const uint64_t *key, size_t n)
{
    table *t = &set->table[part];
    uint64_t mask = set->slots - 1;
    int shift = 64 - __builtin_ctzll(set->slots);
    for (size_t i = 0; i < n; i++) {
        uint64_t at = key[i] * UINT64_C(0x9e3779b97f4a7c15) >> shift;
        while (t->place[at].key != key[i] && t->place[at].count > 0) at = (at + 1) & mask;
        entry *e = &t->place[at];
        if (e->count++ > 0) continue;
        e->key = key[i];
        if (++t->used > set->slots / 2) spill(set, t);
    }
}

static run *merge(const run *a, const run *b)
{
    run *r = new_run(a->entries + b->entries);
    if (r == NULL) return NULL;
    uint64_t i = 0, j = 0, n = 0;
    while (i < a->entries && j < b->entries) {
        uint64_t x = a->key[i], y = b->key[j];
        r->key[n] = x < y ? x : y;
        r->count[n] = (x <= y ? a->count[i] : 0) + (y <= x ? b->count[j] : 0);
        i += x <= y;
        j += y <= x;
        n++;
    }
    for (; i < a->entries; i++, n++) {
        r->key[n] = a->key[i];
        r->count[n] = a->count[i];
    }
    for (; j < b->entries; j++, n++) {
        r->key[n] = b->key[j];
        r->count[n] = b->count[j];
    }
    r->entries = n;
    if (n < a->entries + b->entries) {
        /* What both had in common is given back. */
        memmove(r->key + n, r->count, n * sizeof *r->count);
        uint64_t *smaller = realloc(r->key, 2 * n * sizeof *r->key);
        if (smaller != NULL) r->key = smaller;
        r->count = r->key + n;
    }
    return r;
}

static int level_of(const run *r) { return 63 - __builtin_clzll(r->entries); }

/* Puts a run where its size belongs; runs of one size are merged, so that each key is moved seldom. */
static bool place_run(gp_distinct *set, run *r)
{
    for (;;) {
        int level = level_of(r);
        run *other = set->level[level];
        if (other == NULL) {
            set->level[level] = r;
            set->entries += r->entries;
            return true;
        }
        run *both = merge(r, other);
        set->level[level] = NULL;
        set->entries -= other->entries;
        free_runs(other);
        free_runs(r);
        if (both == NULL) return false;
        r = both;
    }
}

/* All into one run. */
static bool merge_levels(gp_distinct *set)
{
    run *sum = NULL;
    for (int i = 0; i < LEVELS; i++) {
        run *r = set->level[i];
        set->level[i] = NULL;
        if (r == NULL) continue;
        run *both = sum == NULL ? r : merge(sum, r);
        if (sum != NULL) {
            free_runs(sum);
            free_runs(r);
        }
        if (both == NULL) {
            set->entries = 0;
            return false;
        }
        sum = both;
    }
    set->entries = 0;
    return sum == NULL || place_run(set, sum);
}

gp_distinct_result gp_distinct_settle(gp_distinct *set, bool end)
{
    for (unsigned i = 0; end && i < set->parts; i++) spill(set, &set->table[i]);
    if (set->no_memory) return GP_DISTINCT_NO_MEMORY;
    run *r = atomic_exchange(&set->fresh, NULL);
    while (r != NULL) {
        run *next = r->next;
        r->next = NULL;
        if (!place_run(set, r)) {
            free_runs(next);
            return GP_DISTINCT_NO_MEMORY;
        }
        r = next;
    }
    /* The next step may bring as many as it has keys, a sixteenth, and the tables hold at most a sixth. */
    uint64_t limit = end ? set->most : set->most / 4 * 3;
    if ((set->entries > limit || end) && !merge_levels(set)) return GP_DISTINCT_NO_MEMORY;
    return set->entries > limit ? GP_DISTINCT_FULL : GP_DISTINCT_OK;
}

uint64_t gp_distinct_found(const gp_distinct *set, uint64_t *bytes)
{
    *bytes = set->entries * 2 * sizeof(entry) / 9 * 16; /* as gp_distinct_new and _settle divide the budget */
    return set->entries;
}

uint64_t gp_distinct_all(gp_distinct *set, uint64_t **key, uint64_t **count)
{
    for (int i = 0; i < LEVELS; i++) {
        if (set->level[i] == NULL) continue;
        *key = set->level[i]->key;
        *count = set->level[i]->count;
        return set->level[i]->entries;
    }
    *key = *count = NULL;
    return 0;
}
