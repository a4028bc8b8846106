/* The scheduler in virtual time: engines that do one thing at a time and take as
 * long as they are told, so that the makespan is known on paper. */
#include "stream/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_SLOTS 16
#define MAX_CHUNKS 1000

typedef struct engine {
    double free_at;
} engine;

typedef struct fake_device {
    double upload, kernel, download;
    engine up, compute, down;
} fake_device;

typedef struct world {
    gp_sched sched;
    gp_sched_slot slot[MAX_SLOTS];
    unsigned device_of[MAX_SLOTS];
    fake_device device[2];
    double read, write; /* 0: at once */
    double fold;        /* the same; < 0: nothing is folded */
    engine reader, folder, writer;
    double now, ends[MAX_SLOTS]; /* < 0: nothing under way */
    bool fails[MAX_SLOTS];       /* the stage under way will fail */
    unsigned begun[MAX_CHUNKS], done_ok[MAX_CHUNKS], given_up[MAX_CHUNKS];
    uint64_t reads[MAX_CHUNKS], folds[MAX_CHUNKS], writes[MAX_CHUNKS];
    size_t read_count, fold_count, write_count, steps, fail_at; /* the step that fails, from 1 */
    bool fail_at_once;
} world;

static double serve(engine *e, double ready, double takes)
{
    double begin = ready > e->free_at ? ready : e->free_at;
    e->free_at = begin + takes;
    return e->free_at;
}

static gp_step step_at(world *w, unsigned slot, double end)
{
    w->steps++;
    bool fails = w->steps == w->fail_at;
    if (fails && w->fail_at_once) return GP_STEP_FAILED;
    if (end <= w->now && !fails) return GP_STEP_DONE;
    w->ends[slot] = end;
    w->fails[slot] = fails;
    return GP_STEP_STARTED;
}

static gp_step do_read(void *ctx, unsigned slot, uint64_t chunk)
{
    world *w = ctx;
    w->begun[chunk]++;
    w->reads[w->read_count++] = chunk;
    return step_at(w, slot, w->read > 0 ? serve(&w->reader, w->now, w->read) : w->now);
}

static gp_step do_compute(void *ctx, unsigned slot, uint64_t chunk)
{
    (void)chunk;
    world *w = ctx;
    fake_device *d = &w->device[w->device_of[slot]];
    double up = serve(&d->up, w->now, d->upload);
    double computed = serve(&d->compute, up, d->kernel);
    return step_at(w, slot, serve(&d->down, computed, d->download));
}

static gp_step do_fold(void *ctx, unsigned slot, uint64_t chunk)
{
    world *w = ctx;
    w->folds[w->fold_count++] = chunk;
    return step_at(w, slot, w->fold > 0 ? serve(&w->folder, w->now, w->fold) : w->now);
}

static gp_step do_write(void *ctx, unsigned slot, uint64_t chunk)
{
    world *w = ctx;
    w->writes[w->write_count++] = chunk;
    return step_at(w, slot, w->write > 0 ? serve(&w->writer, w->now, w->write) : w->now);
}

static void do_retire(void *ctx, unsigned slot, uint64_t chunk, bool ok)
{
    (void)slot;
    world *w = ctx;
    if (ok) w->done_ok[chunk]++;
    else w->given_up[chunk]++;
}

static const gp_sched_actions actions = {do_read, do_compute, do_fold, do_write, do_retire};

/* Runs until nothing is under way; returns the makespan. */
static double run(world *w, unsigned slots, uint64_t chunks, bool ordered_reads, bool ordered_writes)
{
    for (unsigned s = 0; s < MAX_SLOTS; s++) w->ends[s] = -1;
    gp_sched_init(&w->sched, &actions, w, w->slot, slots, chunks, ordered_reads, w->fold >= 0,
                  ordered_writes);
    for (size_t guard = 0; guard < 100000; guard++) {
        gp_sched_advance(&w->sched);
        if (gp_sched_finished(&w->sched)) return w->now;
        int next = -1;
        for (unsigned s = 0; s < slots; s++) {
            if (w->ends[s] >= 0 && (next < 0 || w->ends[s] < w->ends[next])) next = (int)s;
        }
        assert_true(next >= 0); /* else it hangs: not finished, and nothing under way */
        w->now = w->ends[next];
        w->ends[next] = -1;
        gp_sched_ended(&w->sched, (unsigned)next, !w->fails[next]);
    }
    fail_msg("the schedule does not end");
    return 0;
}

static void assert_all_done(const world *w, uint64_t chunks)
{
    for (uint64_t c = 0; c < chunks; c++) {
        assert_int_equal(w->begun[c], 1);
        assert_int_equal(w->done_ok[c], 1);
        assert_int_equal(w->given_up[c], 0);
    }
}

static void one_device(void **state)
{
    (void)state;
    static const double stages[][3] = {{1, 1, 1}, {3, 1, 1}, {1, 3, 1}, {1, 1, 3}, {2, 2, 0.1},
                                       {0.1, 5, 0.1}, {1, 0.9, 1}};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        world *w = calloc(1, sizeof *w);
        w->fold = -1;
        w->device[0] = (fake_device){.upload = stages[i][0], .kernel = stages[i][1],
                                     .download = stages[i][2]};
        double longest = stages[i][0];
        for (int k = 1; k < 3; k++) longest = stages[i][k] > longest ? stages[i][k] : longest;
        double span = run(w, 3, 100, false, false);
        assert_all_done(w, 100);
        assert_true(span <= 1.05 * 100 * longest);
        assert_true(span >= 100 * longest);
        free(w);
    }
}

static void five_stages(void **state)
{
    (void)state;
    static const double slow[5] = {0, 1, 2, 3, 4};
    for (size_t i = 0; i < 5; i++) {
        world *w = calloc(1, sizeof *w);
        double t[5] = {1, 1, 1, 1, 1};
        w->fold = -1;
        t[(size_t)slow[i]] = 1.5;
        w->read = t[0];
        w->device[0] = (fake_device){.upload = t[1], .kernel = t[2], .download = t[3]};
        w->write = t[4];
        double span = run(w, 6, 200, false, false);
        assert_all_done(w, 200);
        assert_true(span <= 1.05 * 200 * 1.5);
        free(w);
    }
}

static void two_devices(void **state)
{
    (void)state;
    static const double speed[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        world *w = calloc(1, sizeof *w);
        w->fold = -1;
        w->device[0] = (fake_device){.upload = 1, .kernel = 1, .download = 1};
        w->device[1] = (fake_device){.upload = speed[i], .kernel = speed[i], .download = speed[i]};
        for (unsigned s = 3; s < 6; s++) w->device_of[s] = 1;
        double span = run(w, 6, 400, false, false);
        double bound = 400 / (1 + 1 / speed[i]);
        assert_all_done(w, 400);
        assert_true(span <= 1.05 * bound);
        free(w);
    }
}

/* Folding is one more stage of the pipeline: of chunks in order, on one engine. */
static void folds_in_order(void **state)
{
    (void)state;
    static const double fold[] = {0, 0.5, 1, 1.5};
    for (size_t i = 0; i < 4; i++) {
        for (int devices = 1; devices <= 2; devices++) {
            world *w = calloc(1, sizeof *w);
            w->read = w->write = 1;
            w->fold = fold[i];
            w->device[0] = (fake_device){.upload = 1, .kernel = 1, .download = 1};
            w->device[1] = (fake_device){.upload = 7, .kernel = 3, .download = 2}; /* overtaken */
            for (unsigned s = 6; s < 12; s++) w->device_of[s] = 1;
            double span = run(w, 6u * (unsigned)devices, 200, false, i & 1);
            assert_all_done(w, 200);
            assert_int_equal(w->fold_count, 200);
            for (uint64_t c = 0; c < 200; c++) assert_int_equal(w->folds[c], c);
            if (devices == 1) assert_true(span <= 1.05 * 200 * (fold[i] > 1 ? fold[i] : 1));
            free(w);
        }
    }
}

/* One slot is the synchronous mode: the sum of all stages. */
static void synchronous(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    w->read = 1;
    w->write = 1;
    w->device[0] = (fake_device){.upload = 1, .kernel = 1, .download = 1};
    w->fold = 2;
    double span = run(w, 1, 50, false, false);
    assert_true(span > 349.99 && span < 350.01);
    free(w);
}

static void streams_keep_order(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    w->read = 0.5;
    w->write = 0.5;
    w->device[0] = (fake_device){.upload = 1, .kernel = 1, .download = 1};
    w->device[1] = (fake_device){.upload = 7, .kernel = 3, .download = 2}; /* overtaken */
    for (unsigned s = 3; s < 6; s++) w->device_of[s] = 1;
    run(w, 6, 100, true, true);
    assert_all_done(w, 100);
    for (uint64_t c = 0; c < 100; c++) {
        assert_int_equal(w->reads[c], c);
        assert_int_equal(w->writes[c], c);
    }
    free(w);
}

/* Whatever step fails, at once or later: every begun chunk is retired exactly once,
 * nothing new is begun, and the schedule ends. */
static void fails_at_every_step(void **state)
{
    (void)state;
    for (size_t k = 1; k <= 81; k++) {
        for (int variant = 0; variant < 8; variant++) {
            world *w = calloc(1, sizeof *w);
            w->read = 0.7;
            w->write = variant & 2 ? 0.3 : 0;
            w->device[0] = (fake_device){.upload = 1, .kernel = 1, .download = 1};
            w->fold = variant & 4 ? 0.4 : -1;
            size_t all = variant & 4 ? 80 : 60;
            w->fail_at = k;
            w->fail_at_once = variant & 1;
            run(w, 4, 20, variant & 2, variant & 2);
            size_t failed = 0;
            for (uint64_t c = 0; c < 20; c++) {
                assert_true(w->begun[c] <= 1);
                assert_int_equal(w->done_ok[c] + w->given_up[c], w->begun[c]);
                failed += w->given_up[c];
            }
            assert_true(w->steps <= all);
            if (k <= w->steps && k <= all) assert_true(failed >= 1);
            if (k > all) assert_all_done(w, 20); /* none failed */
            /* What was folded is a beginning of the chunks. */
            for (uint64_t c = 0; c < w->fold_count; c++) assert_int_equal(w->folds[c], c);
            free(w);
        }
    }
}

static void no_chunks(void **state)
{
    (void)state;
    world *w = calloc(1, sizeof *w);
    assert_true(run(w, 2, 0, false, false) == 0);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_device),         cmocka_unit_test(five_stages),
        cmocka_unit_test(two_devices),        cmocka_unit_test(synchronous),
        cmocka_unit_test(streams_keep_order), cmocka_unit_test(fails_at_every_step),
        cmocka_unit_test(folds_in_order),     cmocka_unit_test(no_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
