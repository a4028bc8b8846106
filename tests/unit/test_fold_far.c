/* Scans and sliding windows whose results go past the caches (piece.far) have the same bits as without, wherever the
 * result begins in a line of the cache and however it is cut; and nothing beside it is written. */
#include "cases.h"
#include "fold_run.h"

enum { LINE = 64, GUARD = 4 * LINE, MARK = 0xa5 };

/* How the elements are cut and where they lie: the same for both. */
typedef struct way {
    unsigned threads;
    uint64_t piece;        /* elements of a piece at most */
    uint64_t in_at, out_at; /* elements behind the beginning of a line of the cache */
    bool in_place;
} way;

static void assert_untouched(const unsigned char *from, const unsigned char *to)
{
    for (; from < to; from++) assert_int_equal(*from, MARK);
}

/* The result, malloced. */
static unsigned char *run(const gp_fold_spec *spec, const unsigned char *data, const way *w, bool far)
{
    gp_workers workers = {.count = w->threads, .each = each_threads};
    size_t item = gpuproc_dtype_bytes(spec->operand[0]), size = gpuproc_dtype_bytes(spec->dtype);
    uint64_t count = gp_shape_size(&spec->shape), results = gp_shape_size(&spec->result), given = 0;
    unsigned char *result = exactly(results * size);
    gp_fold *fold = NULL;
    gpuproc_error err;
    assert_int_equal(gp_fold_new(spec, gp_fold_bytes(spec), &workers, &fold, &err), GPUPROC_OK);
    for (uint64_t first = 0; first < count;) {
        uint64_t n = count - first < w->piece ? count - first : w->piece, room = gp_fold_room(fold, n);
        size_t most = (n > room ? n : room) * (item > size ? item : size) + LINE * 8;
        unsigned char *in = exactly(most), *own = exactly(GUARD + most + GUARD), *out = own + GUARD + w->out_at * size;
        bool same = w->in_place && gp_fold_in_place(fold);
        unsigned char *x = same ? out : in + w->in_at * item;
        memset(own, MARK, GUARD + most + GUARD);
        memcpy(x, data + first * item, n * item);
        gp_fold_piece piece = {.first = first, .count = n, .operand = {x}, .out = out, .far = far};
        assert_int_equal(gp_fold_take(fold, &piece, &err), GPUPROC_OK);
        assert_int_equal(piece.out_first, given);
        assert_true(piece.out_count <= room && given + piece.out_count <= results);
        assert_untouched(own, out);
        assert_untouched(out + (same && n > piece.out_count ? n : piece.out_count) * size, own + GUARD + most + GUARD);
        memcpy(result + given * size, out, piece.out_count * size);
        given += piece.out_count;
        first += n;
        free(in);
        free(own);
    }
    bool again = false;
    assert_int_equal(gp_fold_end(fold, &again, &err), GPUPROC_OK);
    assert_false(again);
    const void *rest;
    uint64_t first, n;
    gp_fold_rest(fold, &rest, &first, &n);
    if (n > 0) memcpy(result + first * size, rest, n * size);
    assert_int_equal(given + n, results);
    gp_fold_free(fold);
    return result;
}

static const gp_op scans[] = {GP_OP_CUMSUM, GP_OP_CUMPROD, GP_OP_CUMMAX, GP_OP_CUMMIN};
static const gp_op windows[] = {GP_OP_WINSUM, GP_OP_WINMEAN, GP_OP_WINMAX, GP_OP_WINMIN};
enum { OPS = 4 };

/* `size`: of the windows; 0: a scan. Along the last axis. */
static void check(gp_op op, gp_dtype dtype, const gp_shape *shape, int64_t size, const way *w, random_state *r, bool wild)
{
    int axis = shape->ndim - 1;
    if (!fold_takes(op, dtype) || size > shape->dim[axis]) return;
    gp_fold_spec spec = {.op = op, .operand = {dtype}, .operands = 1, .shape = *shape, .result = *shape,
                         .axes = 1u << axis, .size = size, .dtype = dtype};
    if (size > 0) spec.result.dim[axis] -= size - 1;
    unsigned char *data = random_elements(r, dtype, gp_shape_size(shape), wild);
    unsigned char *near = run(&spec, data, w, false), *far = run(&spec, data, w, true);
    if (memcmp(near, far, gp_shape_size(&spec.result) * gpuproc_dtype_bytes(dtype)) != 0) {
        char text[200];
        fail_msg("%s of %s %s, windows of %d, threads %u, pieces of %llu, in at %d, out at %d%s", gp_op_info_of(op)->name,
                 gpuproc_dtype_name(dtype), gp_shape_text(shape, text, sizeof text), (int)size, w->threads,
                 (unsigned long long)w->piece, (int)w->in_at, (int)w->out_at, w->in_place ? ", in place" : "");
    }
    free(near);
    free(far);
    free(data);
}

static way any_way(random_state *r, uint64_t count)
{
    return (way){.threads = 1 + (unsigned)random_below(r, 2),
                 .piece = random_below(r, 2) == 0 ? count + 1 : 1 + random_below(r, count + 1),
                 .in_at = random_below(r, 8),
                 .out_at = random_below(r, 17),
                 .in_place = random_below(r, 4) == 0};
}

/* Every dtype and operation that there is, once for each length. */
static void each_kind(gp_shape shape, int64_t size, random_state *r)
{
    for (int k = 0; k < OPS; k++) {
        for (size_t d = 0; d < sizeof all_dtypes / sizeof all_dtypes[0]; d++) {
            way w = any_way(r, gp_shape_size(&shape));
            check(size > 0 ? windows[k] : scans[k], all_dtypes[d], &shape, size, &w, r, random_below(r, 3) == 0);
        }
    }
}

static void short_lines(void **state)
{
    (void)state;
    random_state r = {1};
    for (int64_t n = 0; n <= 200; n++) {
        each_kind((gp_shape){1, {n}}, 0, &r);
        if (n == 0) continue;
        each_kind((gp_shape){1, {n}}, 1 + (int64_t)random_below(&r, (uint64_t)n), &r);
        each_kind((gp_shape){2, {3, n}}, n % 2 ? 0 : 1 + n / 3, &r);
    }
}

/* Around blocks of scans and of windows, whose sizes decide how the windows are added. */
static void around_blocks(void **state)
{
    (void)state;
    static const int64_t lengths[] = {1023, 1024, 1025, 2048, 4032, 4095, 4096, 4097, 4160, 8191, 8193};
    static const int64_t sizes[] = {0, 2, 15, 16, 17, 63, 64, 65, 1000, 1024, 1025, 4000};
    random_state r = {2};
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) each_kind((gp_shape){1, {lengths[l]}}, sizes[s], &r);
        each_kind((gp_shape){2, {2, lengths[l]}}, 0, &r);
    }
}

/* Each place of a line of the cache in which a result can begin. */
static void every_beginning(void **state)
{
    (void)state;
    random_state r = {3};
    for (int k = 0; k < OPS; k++) {
        for (size_t d = 0; d < sizeof all_dtypes / sizeof all_dtypes[0]; d++) {
            uint64_t places = LINE / gpuproc_dtype_bytes(all_dtypes[d]);
            for (uint64_t at = 0; at < places; at++) {
                gp_shape shape = {1, {1100 + (int64_t)random_below(&r, 200)}};
                way w = {.threads = 1 + (unsigned)(at & 1), .piece = 5000, .in_at = random_below(&r, 8), .out_at = at};
                check(scans[k], all_dtypes[d], &shape, 0, &w, &r, at % 3 == 0);
                check(windows[k], all_dtypes[d], &shape, at % 2 ? 5 : 100, &w, &r, at % 3 == 0);
            }
        }
    }
}

/* Larger than a core's caches, with as many threads as there are parts for. */
static void large(void **state)
{
    (void)state;
    static const gp_dtype dtypes[] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_INT64, GPUPROC_UINT8};
    static const int64_t sizes[] = {0, 7, 1000, 100000};
    gp_shape shape = {1, {RANDOM_CASES(1500007)}};
    random_state r = {4};
    for (int k = 0; k < OPS; k++) {
        for (size_t d = 0; d < sizeof dtypes / sizeof dtypes[0]; d++) {
            size_t s = ((size_t)k + d) % 4; /* each with each once, over all operations */
            for (unsigned threads = 1; threads <= 2; threads++) {
                way w = {.threads = threads, .piece = threads == 1 ? 400001 : 2000000, .in_at = threads, .out_at = 3};
                check(scans[k], dtypes[d], &shape, 0, &w, &r, false);
                if (sizes[s] > 0) check(windows[k], dtypes[d], &shape, sizes[s], &w, &r, false);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_lines),
        cmocka_unit_test(around_blocks),
        cmocka_unit_test(every_beginning),
        cmocka_unit_test(large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
