/* The trace: busy time against brute force, the schedule that paper gives in virtual time, and what a real
 * job tells of itself. */
#include "stream/sched.h"
#include "stream/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Busy time -------------------------------------------------------------- */

static void busy_is_the_union(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 200; round++) {
        static bool used[4000];
        gp_busy busy = {0};
        uint64_t now = 0, expected = 0;
        memset(used, 0, sizeof used);
        /* Ends ascend, begins lie anywhere within the last 30: at most 15 gaps back. */
        for (int k = 0; k < 300; k++) {
            now += (uint64_t)rand_r(&seed) % 9;
            uint64_t long_ = (uint64_t)rand_r(&seed) % 30, begin = now > long_ ? now - long_ : 0;
            gp_busy_add(&busy, begin, now);
            for (uint64_t t = begin; t < now; t++) used[t] = true;
        }
        for (size_t t = 0; t < sizeof used; t++) expected += used[t];
        assert_int_equal(gp_busy_ns(&busy), expected);
    }
}

static void busy_in_any_order(void **state)
{
    (void)state;
    static const uint64_t span[][2] = {{50, 60}, {10, 20}, {30, 40}, {15, 35}, {70, 70}, {0, 5}, {5, 10}, {0, 100}};
    static const uint64_t expected[] = {10, 20, 30, 40, 40, 45, 50, 100};
    gp_busy busy = {0};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        gp_busy_add(&busy, span[i][0], span[i][1]);
        assert_int_equal(gp_busy_ns(&busy), expected[i]);
    }
    assert_int_equal(busy.open, 1);
}

static void busy_forgets_what_is_far_back(void **state)
{
    (void)state;
    gp_busy busy = {0};
    for (uint64_t k = 0; k < 10 * GP_TRACE_OPEN; k++) gp_busy_add(&busy, 10 * k, 10 * k + 4);
    assert_int_equal(gp_busy_ns(&busy), 40 * GP_TRACE_OPEN);
    assert_true(busy.open <= GP_TRACE_OPEN);
    /* Over everything: what is closed is counted once, the gaps behind the floor never. */
    gp_busy_add(&busy, 0, 100 * GP_TRACE_OPEN);
    assert_int_equal(gp_busy_ns(&busy), busy.closed_ns + 100 * GP_TRACE_OPEN - busy.floor_ns);
    assert_true(gp_busy_ns(&busy) <= 100 * GP_TRACE_OPEN);
}

static void only_so_many_are_kept(void **state)
{
    (void)state;
    gp_trace trace = {.limit = 10};
    for (uint64_t k = 0; k < 25; k++) {
        gp_trace_span span = {.begin_ns = 3 * k, .end_ns = 3 * k + 2, .bytes = 8, .stage = GPUPROC_STAGE_READ};
        gp_trace_add(&trace, &span);
    }
    assert_int_equal(trace.spans, 10);
    assert_int_equal(trace.dropped, 15);
    gpuproc_report report = {0};
    gp_trace_report(&trace, 100, &report);
    assert_int_equal(report.stage[GPUPROC_STAGE_READ].spans, 25);
    assert_int_equal(report.stage[GPUPROC_STAGE_READ].busy_ns, 50);
    assert_int_equal(report.stage[GPUPROC_STAGE_READ].bytes, 200);
    assert_int_equal(report.spans_dropped, 15);
    gp_trace_free(&trace);
    gp_trace_add(&trace, &(gp_trace_span){.begin_ns = 1, .end_ns = 2});
    assert_null(trace.span); /* not asked for: only sums */
    assert_int_equal(trace.dropped, 0);
}

/* ---- Virtual time ------------------------------------------------------------ */

#define MAX_SLOTS 16
#define STAGES 6
#define US 1000u /* the unit of virtual time, in ns */

/* Engines that do one thing at a time: a disk that reads, a device with three engines, a thread that
 * folds, a disk that writes; each takes so many units for a chunk. */
typedef struct world {
    gp_sched sched;
    gp_sched_slot slot[MAX_SLOTS];
    uint64_t takes[STAGES], free_at[STAGES];
    uint64_t now, ends[MAX_SLOTS]; /* UINT64_MAX: nothing under way */
    gp_trace trace;
} world;

static uint64_t serve(world *w, gpuproc_stage stage, unsigned slot, uint64_t chunk, uint64_t ready)
{
    uint64_t begin = ready > w->free_at[stage] ? ready : w->free_at[stage], end = begin + w->takes[stage];
    if (w->takes[stage] == 0) return ready;
    w->free_at[stage] = end;
    gp_trace_add(&w->trace, &(gp_trace_span){.begin_ns = begin * US, .end_ns = end * US, .chunk = chunk, .pass = 1,
                                             .slot = (int16_t)slot, .stage = (uint8_t)stage, .bytes = 64});
    return end;
}

static gp_step step(world *w, unsigned slot, uint64_t end)
{
    if (end <= w->now) return GP_STEP_DONE;
    w->ends[slot] = end;
    return GP_STEP_STARTED;
}

static gp_step do_read(void *ctx, unsigned slot, uint64_t chunk)
{
    world *w = ctx;
    return step(w, slot, serve(w, GPUPROC_STAGE_READ, slot, chunk, w->now));
}

static gp_step do_compute(void *ctx, unsigned slot, uint64_t chunk)
{
    world *w = ctx;
    uint64_t t = serve(w, GPUPROC_STAGE_UPLOAD, slot, chunk, w->now);
    t = serve(w, GPUPROC_STAGE_KERNEL, slot, chunk, t);
    return step(w, slot, serve(w, GPUPROC_STAGE_DOWNLOAD, slot, chunk, t));
}

static gp_step do_fold(void *ctx, unsigned slot, uint64_t chunk)
{
    world *w = ctx;
    return step(w, slot, serve(w, GPUPROC_STAGE_FOLD, slot, chunk, w->now));
}

static gp_step do_write(void *ctx, unsigned slot, uint64_t chunk)
{
    world *w = ctx;
    return step(w, slot, serve(w, GPUPROC_STAGE_WRITE, slot, chunk, w->now));
}

static void do_retire(void *ctx, unsigned slot, uint64_t chunk, bool ok)
{
    (void)ctx, (void)slot, (void)chunk;
    assert_true(ok);
}

static const gp_sched_actions actions = {do_read, do_compute, do_fold, do_write, do_retire};

static void run(world *w, const uint64_t takes[STAGES], unsigned slots, uint64_t chunks)
{
    *w = (world){.trace.limit = 1u << 20};
    memcpy(w->takes, takes, sizeof w->takes);
    for (unsigned s = 0; s < MAX_SLOTS; s++) w->ends[s] = UINT64_MAX;
    gp_sched_init(&w->sched, &actions, w, w->slot, slots, chunks, false, takes[GPUPROC_STAGE_FOLD] > 0, false);
    for (;;) {
        gp_sched_advance(&w->sched);
        if (gp_sched_finished(&w->sched)) return;
        unsigned next = 0;
        for (unsigned s = 1; s < slots; s++) {
            if (w->ends[s] < w->ends[next]) next = s;
        }
        assert_true(w->ends[next] != UINT64_MAX); /* else it hangs */
        w->now = w->ends[next];
        w->ends[next] = UINT64_MAX;
        gp_sched_ended(&w->sched, next, true);
    }
}

static int by_begin(const void *a, const void *b)
{
    const gp_trace_span *x = a, *y = b;
    return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns ? 1
           : x->end_ns < y->end_ns ? -1 : x->end_ns > y->end_ns;
}

/* Spans of one slot do not overlap, and their bytes add up. */
static void check_spans(gp_trace *trace, unsigned slots)
{
    uint64_t bytes[GPUPROC_STAGES] = {0};
    qsort(trace->span, trace->spans, sizeof *trace->span, by_begin);
    for (unsigned slot = 0; slot < slots; slot++) {
        uint64_t end = 0;
        for (size_t i = 0; i < trace->spans; i++) {
            if (trace->span[i].slot != (int)slot) continue;
            assert_true(trace->span[i].begin_ns >= end);
            end = trace->span[i].end_ns;
        }
    }
    for (size_t i = 0; i < trace->spans; i++) bytes[trace->span[i].stage] += trace->span[i].bytes;
    for (int s = 0; s < GPUPROC_STAGES; s++) assert_int_equal(bytes[s], trace->stage[s].bytes);
}

/* Begin and end of each chunk in each stage as paper gives them: a stage begins when the chunk has left the
 * one before, the engine has left the chunk before, and (the first stage) the slot is free. All take the same
 * order. */
static void equals_paper(void **state)
{
    (void)state;
    static const uint64_t cases[][STAGES] = {
        {3, 1, 2, 1, 0, 2}, {1, 3, 1, 1, 0, 1}, {1, 1, 5, 1, 2, 1}, {2, 2, 2, 2, 2, 2},
        {1, 0, 4, 0, 0, 0}, {1, 1, 1, 4, 1, 1}, {1, 1, 1, 1, 1, 6}, {1, 1, 1, 1, 7, 1}};
    enum { CHUNKS = 60 };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (unsigned slots = 1; slots <= 7; slots += 2) {
            const uint64_t *takes = cases[c];
            static world w;
            static uint64_t end[CHUNKS][STAGES];
            uint64_t begin_of[CHUNKS][STAGES];
            run(&w, takes, slots, CHUNKS);
            for (size_t k = 0; k < CHUNKS; k++) {
                /* With equal times for all chunks slots become free in order. */
                uint64_t t = k >= slots ? end[k - slots][STAGES - 1] : 0;
                for (size_t s = 0; s < STAGES; s++) {
                    if (takes[s] > 0 && k > 0 && end[k - 1][s] > t) t = end[k - 1][s];
                    begin_of[k][s] = t;
                    t += takes[s];
                    end[k][s] = t;
                }
            }
            uint64_t wall = end[CHUNKS - 1][STAGES - 1], longest = 0, all = 0;
            size_t limit = 0;
            assert_int_equal(w.now, wall);
            for (size_t i = 0; i < w.trace.spans; i++) {
                const gp_trace_span *span = &w.trace.span[i];
                assert_int_equal(span->begin_ns, begin_of[span->chunk][span->stage] * US);
                assert_int_equal(span->end_ns, end[span->chunk][span->stage] * US);
            }
            gpuproc_report report = {0};
            gp_trace_report(&w.trace, wall * US, &report);
            for (size_t s = 0; s < STAGES; s++) {
                assert_int_equal(report.stage[s].busy_ns, CHUNKS * takes[s] * US);
                assert_int_equal(report.stage[s].spans, takes[s] > 0 ? CHUNKS : 0);
                all += CHUNKS * takes[s];
                if (CHUNKS * takes[s] > longest) {
                    longest = CHUNKS * takes[s];
                    limit = s;
                }
            }
            assert_int_equal(report.limit, limit);
            assert_true(report.limit_share == (double)longest / (double)wall);
            assert_true(report.overlap == (double)all / (double)wall);
            /* One slot: nothing overlaps and nothing waits; with enough of them the longest stage never rests. */
            if (slots == 1) assert_true(report.overlap == 1);
            if (slots == 7) assert_true(report.limit_share > 0.85);
            check_spans(&w.trace, slots);
            gp_trace_free(&w.trace);
        }
    }
}

/* ---- Real jobs ------------------------------------------------------------------ */

#define COUNT 300007

typedef struct told {
    gpuproc_report report;
    size_t spans;
} told;

static told submit_and_check(gpuproc_session *session, const char *text, const char *device, unsigned flags,
                             const gpuproc_array *x, double *y, uint64_t limit)
{
    gpuproc_input in = {"x", x};
    gpuproc_output out = {.kind = GPUPROC_OUTPUT_MEMORY, .data = y, .bytes = COUNT * sizeof *y};
    gpuproc_job_options o = {.struct_size = sizeof o, .device = device, .chunk_bytes = 200000, .flags = flags,
                             .trace_spans = limit};
    gpuproc_job *job = NULL;
    gpuproc_error err = {0};
    told t = {.report.struct_size = sizeof t.report};
    if (gpuproc_submit(session, text, &in, 1, &out, y != NULL, &o, &job, &err) != GPUPROC_OK ||
        gpuproc_job_wait(job, UINT64_MAX, &err) != GPUPROC_OK)
        fail_msg("%s: %s", text, err.message);
    gpuproc_job_report(job, &t.report);
    t.spans = gpuproc_job_span_count(job);
    gp_trace_span *span = calloc(t.spans + 1, sizeof *span);
    uint64_t bytes[GPUPROC_STAGES] = {0}, in_place[GPUPROC_STAGES] = {0}, count[GPUPROC_STAGES] = {0};
    gp_busy *busy = calloc(GPUPROC_STAGES, sizeof *busy);
    for (size_t i = 0; i < t.spans; i++) {
        gpuproc_span s = {.struct_size = sizeof s};
        assert_int_equal(gpuproc_job_span(job, i, &s, NULL), GPUPROC_OK);
        assert_true(s.begin_ns <= s.end_ns && s.end_ns <= t.report.wall_ns);
        assert_true((unsigned)s.stage < GPUPROC_STAGES);
        assert_true(s.pass <= t.report.passes);
        if (s.stage == GPUPROC_STAGE_KERNEL) assert_non_null(s.device_name);
        if (s.stage == GPUPROC_STAGE_READ && s.pass == 1) assert_string_equal(s.arrays, "x");
        span[i] = (gp_trace_span){.begin_ns = s.begin_ns, .end_ns = s.end_ns, .slot = (int16_t)s.slot};
        bytes[s.stage] += s.bytes;
        in_place[s.stage] += s.bytes_in_place;
        count[s.stage]++;
        gp_busy_add(&busy[s.stage], s.begin_ns, s.end_ns);
    }
    if (limit > 0 && t.report.spans_dropped == 0) {
        for (int i = 0; i < GPUPROC_STAGES; i++) {
            const gpuproc_stage_report *r = &t.report.stage[i];
            assert_int_equal(bytes[i], r->bytes);
            assert_int_equal(in_place[i], r->bytes_in_place);
            assert_int_equal(count[i], r->spans);
            assert_int_equal(gp_busy_ns(&busy[i]), r->busy_ns);
        }
        assert_int_equal(bytes[GPUPROC_STAGE_READ], t.report.bytes_read);
        assert_int_equal(bytes[GPUPROC_STAGE_WRITE], t.report.bytes_written);
    }
    qsort(span, t.spans, sizeof *span, by_begin);
    for (int slot = 0; slot < (int)t.report.slots; slot++) {
        uint64_t end = 0;
        for (size_t i = 0; i < t.spans; i++) {
            if (span[i].slot != slot) continue;
            assert_true(span[i].begin_ns >= end);
            end = span[i].end_ns;
        }
    }
    gpuproc_span none = {.struct_size = sizeof none};
    assert_int_equal(gpuproc_job_span(job, t.spans, &none, NULL), GPUPROC_INVALID_ARGUMENT);
    none.struct_size = 4;
    assert_int_equal(gpuproc_job_span(job, 0, &none, NULL), GPUPROC_INVALID_ARGUMENT);
    free(busy);
    free(span);
    gpuproc_job_free(job);
    return t;
}

static int generate(void *ctx, uint64_t first, size_t count, void *dst)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++) ((double *)dst)[i] = (double)((first + i) % 1000);
    return 0;
}

static void jobs_tell_of_themselves(void **state)
{
    (void)state;
    static const int64_t shape[] = {COUNT};
    gpuproc_session_options so = {.struct_size = sizeof so, .threads = 2};
    gpuproc_session *session = NULL;
    gpuproc_array *made = NULL, *there = NULL;
    double *x = malloc(COUNT * sizeof *x), *y = malloc(COUNT * sizeof *y);
    uint64_t all = COUNT * sizeof *x;
    (void)generate(NULL, 0, COUNT, x);
    assert_int_equal(gpuproc_session_open(&so, &session, NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_array_from_function(GPUPROC_FLOAT64, 1, shape, generate, NULL, &made, NULL), GPUPROC_OK);
    assert_int_equal(gpuproc_array_from_memory(GPUPROC_FLOAT64, 1, shape, x, &there, NULL), GPUPROC_OK);
    bool opencl = gpuproc_device_count(session) > 1;
    for (int d = 0; d < (opencl ? 3 : 1); d++) {
        const char *device = d == 0 ? "cpu" : d == 1 ? "1" : "all";
        for (unsigned sync = 0; sync < 2; sync++) {
            unsigned flags = sync ? GPUPROC_JOB_SYNC : 0;
            told t = submit_and_check(session, "x * 2 + 1", device, flags, made, y, 10000);
            assert_int_equal(t.report.bytes_read, all);
            assert_int_equal(t.report.bytes_written, all);
            assert_int_equal(t.report.stage[GPUPROC_STAGE_KERNEL].bytes, 2 * all);
            assert_int_equal(t.report.stage[GPUPROC_STAGE_KERNEL].spans, t.report.chunks);
            assert_int_equal(t.report.stage[GPUPROC_STAGE_READ].spans, t.report.chunks);
            assert_true(t.report.limit_share > 0 && t.report.limit_share <= 1);
            if (sync && d < 2) assert_true(t.report.overlap <= 1);
            /* Several passes, one of which reads twice; folds. */
            t = submit_and_check(session, "(x - mean(x)) / std(x)", device, flags, made, y, 10000);
            assert_true(t.report.passes > 1 && t.report.stage[GPUPROC_STAGE_READ].bytes >= all);
            t = submit_and_check(session, "cumsum(x)", device, flags, made, y, 10000);
            assert_int_equal(t.report.stage[GPUPROC_STAGE_FOLD].bytes, all);
            (void)submit_and_check(session, "sum(median(x) + x)", device, flags, made, NULL, 10000);
            /* Used where it is. */
            t = submit_and_check(session, "x * 2 + 1", device, flags, there, y, 10000);
            if (d == 0) assert_int_equal(t.report.stage[GPUPROC_STAGE_READ].bytes_in_place, all);
        }
    }
    told t = submit_and_check(session, "x * 2 + 1", "cpu", 0, made, y, 5);
    assert_int_equal(t.spans, 5);
    assert_true(t.report.spans_dropped > 0);
    t = submit_and_check(session, "x * 2 + 1", "cpu", 0, made, y, 0);
    assert_int_equal(t.spans, 0);
    assert_int_equal(t.report.spans_dropped, 0);
    assert_int_equal(t.report.bytes_read, all);
    assert_true(t.report.stage[GPUPROC_STAGE_KERNEL].busy_ns > 0);
    gpuproc_array_free(made);
    gpuproc_array_free(there);
    gpuproc_session_close(session);
    free(x);
    free(y);
}

static void stages_have_names(void **state)
{
    (void)state;
    assert_string_equal(gpuproc_stage_name(GPUPROC_STAGE_READ), "read");
    assert_string_equal(gpuproc_stage_name(GPUPROC_STAGE_COMMIT), "commit");
    assert_string_equal(gpuproc_stage_name(GPUPROC_STAGE_OPEN), "open");
    assert_string_equal(gpuproc_stage_name((gpuproc_stage)GPUPROC_STAGES), "?");
    assert_string_equal(gpuproc_stage_name((gpuproc_stage)-1), "?");
    assert_int_equal(gpuproc_job_span_count(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_is_the_union),      cmocka_unit_test(busy_in_any_order),
        cmocka_unit_test(busy_forgets_what_is_far_back), cmocka_unit_test(only_so_many_are_kept),
        cmocka_unit_test(equals_paper),           cmocka_unit_test(jobs_tell_of_themselves),
        cmocka_unit_test(stages_have_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
