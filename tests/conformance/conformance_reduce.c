/* Every reduction through the public API: see README.md. */
#include "golden.h"

#include "emit/pass.h"

#include <gpuproc/gpuproc.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_OVER 512
#define MAX_RESULTS 24

/* What the file says of one operand. */
typedef struct expected {
    char text[32];
    gp_dtype dtype;
    int ulp;
    const unsigned char *want;
    bool fails;
} expected;

typedef struct over {
    golden_set *set;
    size_t n;
    expected item[MAX_RESULTS];
    size_t items;
} over;

/* One way to run; each must give the bits of the first. */
typedef struct way {
    const char *what, *device;
    unsigned threads, slots, flags;
    uint64_t chunk;
    bool opencl, fp64;
} way;

typedef struct fixture {
    unsigned char *file;
    golden_set set[MAX_SETS];
    over over[MAX_OVER];
    size_t sets, overs;
    gpuproc_session *session[3]; /* by threads, from 1 */
    way way[24];
    size_t ways, devices;
    char index[8][24];
} fixture;

/* ---- reading the file ---------------------------------------------------------------- */

static const unsigned char *read_line(fixture *f, const char *text, const unsigned char *p)
{
    char a[32], b[32];
    size_t n;
    int ulp;
    over *last = f->overs > 0 ? &f->over[f->overs - 1] : NULL;
    if (sscanf(text, "set %31s %31s %zu", a, b, &n) == 3) {
        assert_true(f->sets < MAX_SETS);
        golden_set *s = &f->set[f->sets++];
        *s = (golden_set){.dtype = golden_dtype(b), .n = n, .bytes = p};
        memcpy(s->name, a, sizeof s->name);
        return p + n * gpuproc_dtype_bytes(s->dtype);
    }
    if (sscanf(text, "over %31s %zu", a, &n) == 2) {
        assert_true(f->overs < MAX_OVER && f->sets > 0);
        f->over[f->overs++] = (over){.set = &f->set[f->sets - 1], .n = n};
        return p;
    }
    assert_non_null(last);
    assert_true(last->items < MAX_RESULTS);
    expected *e = &last->item[last->items++];
    if (sscanf(text, "fails %31s", e->text) == 1) {
        e->fails = true;
        return p;
    }
    assert_int_equal(sscanf(text, "is %31s %31s %d", e->text, b, &ulp), 3);
    e->dtype = golden_dtype(b);
    e->ulp = ulp;
    e->want = p;
    return p + gpuproc_dtype_bytes(e->dtype);
}

static void read_golden(fixture *f)
{
    size_t bytes;
    f->file = golden_load("reductions.bin", &bytes);
    const unsigned char *p = f->file, *end = f->file + bytes;
    for (;;) {
        char text[256];
        const unsigned char *eol = memchr(p, '\n', (size_t)(end - p));
        assert_non_null(eol);
        assert_true((size_t)(eol - p) < sizeof text);
        memcpy(text, p, (size_t)(eol - p));
        text[eol - p] = 0;
        p = eol + 1;
        if (strcmp(text, "end") == 0) return;
        if (strncmp(text, "gpuproc reductions 1 ", 21) == 0) continue;
        p = read_line(f, text, p);
        assert_true(p <= end);
    }
}

/* ---- running ----------------------------------------------------------------------------- */

static void fail_on(const way *w, const over *o, const char *text, const char *what)
{
    fail_msg("%s, device %s, threads %u, chunk %llu, set %s of %zu: %s: %s", w->what, w->device, w->threads,
             (unsigned long long)w->chunk, o->set->name, o->n, text, what);
}

static gpuproc_status run(fixture *f, const way *w, gpuproc_array *array, const char *text, gpuproc_job **job,
                          gpuproc_error *err)
{
    gpuproc_input in = {"x", array};
    gpuproc_job_options options = {.struct_size = sizeof options, .device = w->device, .chunk_bytes = w->chunk,
                                   .slots = w->slots, .flags = w->flags | GPUPROC_JOB_NO_FALLBACK};
    gpuproc_status status =
        gpuproc_submit(f->session[w->threads - 1], text, &in, 1, NULL, 0, &options, job, err);
    return status != GPUPROC_OK ? status : gpuproc_job_wait(*job, UINT64_MAX, err);
}

static void scalar_bytes(const gpuproc_scalar *s, unsigned char out[8])
{
    float single = (float)s->value.f;
    memset(out, 0, 8);
    if (s->dtype == GPUPROC_FLOAT32) memcpy(out, &single, sizeof single);
    else memcpy(out, &s->value, gpuproc_dtype_bytes(s->dtype)); /* little-endian, as the file */
}

/* Every text that is asked of an operand of this dtype, one program for all of them, so that a
 * device compiles once for each dtype; `item` has NULL where nothing is said of this operand. */
static size_t list_texts(const fixture *f, const over *o, const char *text[MAX_RESULTS],
                         const expected *item[MAX_RESULTS])
{
    size_t items = 0;
    for (size_t k = 0; k < f->overs; k++) {
        const over *other = &f->over[k];
        if (other->set->dtype != o->set->dtype || (other->n == 0) != (o->n == 0)) continue;
        for (size_t i = 0; i < other->items; i++) {
            const expected *e = &other->item[i];
            size_t j = 0;
            while (j < items && strcmp(text[j], e->text) != 0) j++;
            if (e->fails) continue;
            assert_true(j < MAX_RESULTS);
            if (j == items) text[items] = e->text, item[items++] = NULL;
            if (other == o) item[j] = e;
        }
    }
    return items;
}

/* got[i] keeps the bits of the first way, with which all others are compared. */
static void check_values(fixture *f, const way *w, const over *o, gpuproc_array *array, bool first,
                         unsigned char got[MAX_RESULTS][8])
{
    char text[MAX_RESULTS * 40] = "";
    const expected *item[MAX_RESULTS];
    const char *part[MAX_RESULTS];
    size_t items = list_texts(f, o, part, item);
    for (size_t i = 0; i < items; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%sr%zu = %s", i > 0 ? "; " : "", i, part[i]);
    }
    gpuproc_job *job = NULL;
    gpuproc_error err = {0};
    if (run(f, w, array, text, &job, &err) != GPUPROC_OK) fail_on(w, o, text, err.message);
    assert_int_equal(gpuproc_job_result_count(job), items);
    for (size_t i = 0; i < items; i++) {
        gpuproc_result r = {.struct_size = sizeof r};
        assert_int_equal(gpuproc_job_result(job, i, &r, &err), GPUPROC_OK);
        if (!r.is_scalar) fail_on(w, o, part[i], "no scalar");
        unsigned char now[8];
        scalar_bytes(&r.scalar, now);
        if (first) memcpy(got[i], now, 8);
        else if (memcmp(got[i], now, 8) != 0) fail_on(w, o, part[i], "other bits than the first way");
        if (item[i] == NULL) continue;
        if (r.dtype != item[i]->dtype) fail_on(w, o, part[i], "another dtype");
        char what[120];
        uint64_t n, want = 0;
        memcpy(&n, now, sizeof n);
        memcpy(&want, item[i]->want, gpuproc_dtype_bytes(r.dtype));
        snprintf(what, sizeof what, "got %#llx, want %#llx (within %d ulp)", (unsigned long long)n,
                 (unsigned long long)want, item[i]->ulp);
        if (!golden_close(now, item[i]->want, r.dtype, item[i]->ulp)) fail_on(w, o, part[i], what);
    }
    gpuproc_job_free(job);
}

static void check_failures(fixture *f, const way *w, const over *o, gpuproc_array *array)
{
    for (size_t i = 0; i < o->items; i++) {
        if (!o->item[i].fails) continue;
        gpuproc_job *job = NULL;
        gpuproc_error err = {0};
        gpuproc_status status = run(f, w, array, o->item[i].text, &job, &err);
        if (status != GPUPROC_DOMAIN && status != GPUPROC_SHAPE && status != GPUPROC_VALUE)
            fail_on(w, o, o->item[i].text, gpuproc_status_text(status));
        gpuproc_job_free(job);
    }
}

static void every_way_gives_the_expected_bits(void **state)
{
    fixture *f = *state;
    for (size_t k = 0; k < f->overs; k++) {
        const over *o = &f->over[k];
        size_t size = gpuproc_dtype_bytes(o->set->dtype);
        guarded data = guarded_new(o->n * size);
        guarded_fill(&data, o->set->bytes, o->set->n, size, o->n);
        /* Two dimensions must not matter: 5003 is a prime, 1025 and 1024 are not. */
        int64_t shape[2] = {(int64_t)o->n, 1};
        if (o->n == 1025) shape[0] = 41, shape[1] = 25;
        gpuproc_array *array = NULL;
        gpuproc_error err;
        assert_int_equal(gpuproc_array_from_memory(o->set->dtype, o->n == 1025 ? 2 : 1, shape, data.data, &array, &err),
                         GPUPROC_OK);
        unsigned char got[MAX_RESULTS][8];
        for (size_t i = 0; i < f->ways; i++) {
            const way *w = &f->way[i];
            if (w->opencl && !w->fp64) continue; /* such a device leaves reductions to the CPU */
            check_values(f, w, o, array, i == 0, got);
            check_failures(f, w, o, array);
            if (!guarded_intact(&data)) fail_on(w, o, "all", "wrote beside the operand");
        }
        gpuproc_array_free(array);
        guarded_free(&data);
    }
}

static void a_device_is_there_where_one_must_be(void **state)
{
    const fixture *f = *state;
    const char *required = getenv("GPUPROC_REQUIRE_DEVICE");
    if (f->devices > 1) return;
    if (required != NULL && strcmp(required, "1") == 0) fail_msg("there is no OpenCL device");
    skip();
}

/* ---- setting up ------------------------------------------------------------------------ */

static int open_all(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    read_golden(f);
    gpuproc_error err;
    for (unsigned k = 0; k < 3; k++) {
        gpuproc_session_options options = {.struct_size = sizeof options, .threads = k + 1, .cache_dir = "conformance-cache"};
        if (gpuproc_session_open(&options, &f->session[k], &err) != GPUPROC_OK) return -1;
    }
    f->way[f->ways++] = (way){.what = "plain", .device = "0", .threads = 1};
    f->way[f->ways++] = (way){.what = "threads", .device = "0", .threads = 2};
    f->way[f->ways++] = (way){.what = "chunks", .device = "0", .threads = 3, .chunk = 1};
    f->way[f->ways++] = (way){.what = "slots", .device = "0", .threads = 2, .chunk = 1, .slots = 3};
    f->way[f->ways++] = (way){.what = "uneven chunks", .device = "0", .threads = 1, .chunk = 2 * GP_BLOCK};
    f->way[f->ways++] = (way){.what = "sync", .device = "0", .threads = 1, .chunk = 1, .flags = GPUPROC_JOB_SYNC};
    size_t count = gpuproc_device_count(f->session[0]);
    f->devices = 1;
    for (size_t i = 1; i < count && f->devices < 8; i++) {
        gpuproc_device_info info = {.struct_size = sizeof info};
        if (gpuproc_device_info_get(f->session[0], i, &info, &err) != GPUPROC_OK) return -1;
        if (info.note[0] != 0) continue;
        print_message("device %zu: %s\n", i, info.name);
        char *index = f->index[f->devices++];
        snprintf(index, sizeof f->index[0], "%zu", i);
        way w = {.what = "opencl", .device = index, .threads = 1, .opencl = true, .fp64 = info.fp64};
        f->way[f->ways++] = w;
        w.what = "opencl, chunks", w.chunk = 1, w.slots = 3;
        f->way[f->ways++] = w;
        w.what = "opencl, sync", w.chunk = 2 * GP_BLOCK, w.slots = 0, w.flags = GPUPROC_JOB_SYNC;
        if (f->ways < 24) f->way[f->ways++] = w;
    }
    *state = f;
    return 0;
}

static int close_all(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < 3; k++) gpuproc_session_close(f->session[k]);
    free(f->file);
    free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_there_where_one_must_be),
        cmocka_unit_test(every_way_gives_the_expected_bits),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
