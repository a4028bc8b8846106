#include "io/io_fixture.h"

#include "io/gather.h"
#include "io/residency.h"

#include <inttypes.h>

static gp_origin file_origin(const char *path, gp_dtype dtype, uint64_t count, uint64_t offset)
{
    return (gp_origin){.kind = GP_ORIGIN_FILE, .dtype = dtype, .fd = -1, .count = count,
                       .shape = {.ndim = 1, .dim = {(int64_t)count}},
                       .path = (char *)(uintptr_t)path, .data_offset = offset};
}

static unsigned char *noise(size_t bytes)
{
    unsigned char *p = malloc(bytes);
    uint32_t x = 99;
    for (size_t i = 0; i < bytes; i++) p[i] = (unsigned char)((x = x * 1664525u + 1013904223u) >> 24);
    return p;
}

static void check_range(gp_source *s, const unsigned char *expected, uint64_t first, uint64_t count,
                        size_t width)
{
    size_t room = count * width + GP_STAGING_SLACK;
    unsigned char *buffer = gp_pages_alloc(room + 64);
    memset(buffer + room, 0xA5, 64);
    gp_read r = {.buffer = buffer};
    read_now(&r, s, first, count);
    if (r.status != GPUPROC_OK) print_error("%s\n", r.error.message);
    assert_int_equal(r.status, GPUPROC_OK);
    assert_int_equal(r.bytes, count * width);
    assert_true(r.end_ns >= r.begin_ns && r.begin_ns > 0);
    assert_true((unsigned char *)r.data >= buffer && (unsigned char *)r.data + count * width <= buffer + room);
    assert_int_equal((uintptr_t)r.data % (width > 8 ? 8 : width), 0);
    assert_memory_equal(r.data, expected, count * width);
    for (int i = 0; i < 64; i++) assert_int_equal(buffer[room + (size_t)i], 0xA5);
    gp_pages_free(buffer, room + 64);
}

/* Cold and cached, at every kind of offset, to the file's last byte. */
static void reads_ranges(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a");
    uint64_t offsets[] = {0, 64, 128, 4096, 3, 129};
    size_t total = 9 * 1024 * 1024 + 8 * 13;
    for (size_t o = 0; o < sizeof offsets / sizeof *offsets; o++) {
        unsigned char *data = noise(total + offsets[o]);
        put_file(path, data, total + offsets[o]);
        gp_origin origin = file_origin(path, GPUPROC_FLOAT64, total / 8, offsets[o]);
        uint64_t n = origin.count;
        uint64_t ranges[][2] = {{0, n}, {0, 1}, {n - 1, 1}, {n, 0}, {1, 100000}, {n - 100000, 100000},
                                {511, 513 * 512}};
        for (int keep = 0; keep < 2; keep++) {
            gp_source *s = NULL;
            assert_int_equal(gp_source_open(&origin, f->engine, keep, &s, NULL), GPUPROC_OK);
            assert_false(gp_source_is_stream(s));
            for (int cold = 0; cold < 2; cold++) {
                for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
                    if (cold) make_cold(path);
                    check_range(s, data + offsets[o] + ranges[i][0] * 8, ranges[i][0], ranges[i][1], 8);
                }
            }
            gp_source_close(s);
        }
        free(data);
    }
}

/* A cold read goes past the page cache, unless it is to stay there. */
static void cold_reads_leave_the_cache_alone(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a");
    size_t bytes = 8 << 20;
    unsigned char *data = noise(bytes);
    put_file(path, data, bytes);
    gp_origin origin = file_origin(path, GPUPROC_UINT8, bytes, 0);
    int fd = open(path, O_RDONLY), direct = open(path, O_RDONLY | O_DIRECT);
    for (int keep = 0; keep < 2; keep++) {
        gp_source *s = NULL;
        gp_view view;
        make_cold(path);
        assert_int_equal(gp_source_open(&origin, f->engine, keep, &s, NULL), GPUPROC_OK);
        bool cold = gp_resident_percent(fd, 0, bytes) < 10 && direct >= 0;
        if (cold) assert_false(gp_source_view(s, 0, bytes, &view));
        check_range(s, data, 0, bytes, 1);
        if (cold && !keep) assert_true(gp_resident_percent(fd, 0, bytes) < 10);
        /* Not all: the system may take pages back at any time. */
        if (keep) assert_true(gp_resident_percent(fd, 0, bytes) >= 50);
        gp_source_close(s);
    }
    close(fd);
    if (direct >= 0) close(direct);
    free(data);
}

static void views_what_is_cached(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a");
    size_t bytes = 3 << 20;
    unsigned char *data = noise(bytes);
    put_file(path, data, bytes); /* just written: cached */
    gp_origin origin = file_origin(path, GPUPROC_FLOAT32, 700000, 128);
    gp_source *s = NULL;
    gp_view view;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    bool viewed = gp_source_view(s, 1000, 600000, &view);
    for (int i = 0; i < 20 && !viewed; i++) { /* the system may take pages back at any time */
        put_file(path, data, bytes);
        gp_source_close(s);
        assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
        viewed = gp_source_view(s, 1000, 600000, &view);
    }
    assert_true(viewed);
    assert_memory_equal(view.data, data + 128 + 4000, 2400000);
    assert_true(view.map_bytes <= 2400000 + 8192);
    gp_source_unview(s, &view);
    assert_null(view.map);
    assert_false(gp_source_view(s, 700000, 1, &view));
    assert_false(gp_source_view(s, 0, 0, &view));
    /* The file shrinks: no view, and the read says what is missing. */
    assert_int_equal(truncate(path, 1000), 0);
    assert_false(gp_source_view(s, 0, 700000, &view));
    gp_read r = {.buffer = gp_pages_alloc(2800000 + GP_STAGING_SLACK)};
    read_now(&r, s, 0, 700000);
    assert_int_equal(r.status, GPUPROC_TRUNCATED);
    assert_non_null(strstr(r.error.message, "2799128 are missing"));
    assert_non_null(strstr(r.error.where, f->dir));
    gp_pages_free(r.buffer, 2800000 + GP_STAGING_SLACK);
    gp_source_close(s);
    origin.data_offset = 2; /* not aligned */
    put_file(path, data, bytes);
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    assert_false(gp_source_view(s, 0, 100, &view));
    gp_source_close(s);
    origin.data_offset = 0;
    origin.big_endian = true;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    assert_false(gp_source_view(s, 0, 100, &view));
    gp_source_close(s);
    free(data);
}

static void swaps_bytes(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a");
    gp_dtype dtypes[] = {GPUPROC_UINT8, GPUPROC_INT16, GPUPROC_FLOAT32, GPUPROC_INT64};
    size_t bytes = 1 << 20;
    unsigned char *data = noise(bytes + 5), *swapped = malloc(bytes);
    put_file(path, data, bytes + 5);
    for (int i = 0; i < 4; i++) {
        size_t w = gpuproc_dtype_bytes(dtypes[i]);
        for (size_t k = 0; k < bytes; k++) swapped[k] = data[5 + k / w * w + (w - 1 - k % w)];
        for (int cold = 0; cold < 2; cold++) {
            gp_origin origin = file_origin(path, dtypes[i], bytes / w, 5);
            gp_source *s = NULL;
            origin.big_endian = true;
            if (cold) make_cold(path);
            assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
            check_range(s, swapped, 0, bytes / w, w);
            check_range(s, swapped + 3 * w, 3, 1000, w);
            gp_source_close(s);
        }
    }
    free(swapped);
    free(data);
}

/* Every shape against index arithmetic done the slow way. */
static void gathers_fortran_order(void **state)
{
    fixture *f = *state;
    static const gp_shape shapes[] = {
        {1, {1000}}, {2, {3, 5}}, {2, {700, 300}}, {2, {3, 50000}}, {2, {50000, 3}}, {2, {1, 77}},
        {3, {20, 30, 40}}, {3, {2, 1, 9000}}, {4, {5, 6, 7, 8}}, {5, {1, 4, 1, 600, 20}},
        {3, {300, 2, 90}}, {2, {2, 40000}}, {2, {1500, 40}}, {6, {3, 3, 3, 3, 3, 3}},
    };
    const char *path = path_in(f, "a");
    gp_dtype dtypes[] = {GPUPROC_UINT8, GPUPROC_INT16, GPUPROC_FLOAT32, GPUPROC_FLOAT64};
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const gp_shape *shape = &shapes[i];
        size_t n = gp_shape_size(shape), w = gpuproc_dtype_bytes(dtypes[i % 4]), offset = i % 3 * 64 + i % 2;
        unsigned char *data = noise(n * w + offset), *expected = malloc(n * w);
        int64_t step[GPUPROC_MAX_NDIM], index[GPUPROC_MAX_NDIM] = {0};
        gp_shape_strides(shape, true, step);
        for (size_t k = 0; k < n; k++) {
            int64_t at = 0;
            for (int d = 0; d < shape->ndim; d++) at += index[d] * (shape->dim[d] > 1 ? step[d] : 0);
            memcpy(expected + k * w, data + offset + (size_t)at * w, w);
            for (int d = shape->ndim - 1; d >= 0 && ++index[d] == shape->dim[d]; d--) index[d] = 0;
        }
        put_file(path, data, n * w + offset);
        gp_origin origin = file_origin(path, dtypes[i % 4], n, offset);
        origin.shape = *shape;
        origin.fortran = true;
        gp_source *s = NULL;
        gp_view view;
        make_cold(path);
        assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
        if (gp_gather_needed(shape)) assert_false(gp_source_view(s, 0, n, &view));
        check_range(s, expected, 0, n, w);
        check_range(s, expected, 0, 0, w);
        for (int k = 0; k < 12; k++) {
            uint64_t first = (uint64_t)rand_r(&seed) % n, count = (uint64_t)rand_r(&seed) % (n - first) + 1;
            check_range(s, expected + first * w, first, count, w);
        }
        gp_source_close(s);
        free(expected);
        free(data);
    }
}

static void gather_sees_a_short_file(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a");
    unsigned char *data = noise(100 * 100 * 8);
    put_file(path, data, 100 * 100 * 8);
    gp_origin origin = file_origin(path, GPUPROC_FLOAT64, 10000, 0);
    origin.shape = (gp_shape){2, {100, 100}};
    origin.fortran = true;
    gp_source *s = NULL;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    assert_int_equal(truncate(path, 79999), 0);
    gp_read r = {.buffer = gp_pages_alloc(80000 + GP_STAGING_SLACK)};
    read_now(&r, s, 0, 10000);
    assert_int_equal(r.status, GPUPROC_TRUNCATED);
    assert_non_null(strstr(r.error.message, "1 are missing"));
    gp_pages_free(r.buffer, 80000 + GP_STAGING_SLACK);
    gp_source_close(s);
    free(data);
}

static void refuses_what_is_no_file(void **state)
{
    fixture *f = *state;
    gpuproc_error err;
    gp_source *s = NULL;
    gp_origin origin = file_origin(path_in(f, "missing"), GPUPROC_INT8, 1, 0);
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, &err), GPUPROC_IO_OPEN);
    assert_int_equal(err.native_code, ENOENT);
    assert_non_null(strstr(err.where, "missing"));
    origin.path = f->dir;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, &err), GPUPROC_IO_OPEN);
    assert_non_null(strstr(err.message, "directory"));
    mkfifo(path_in(f, "fifo"), 0600);
    origin = file_origin(path_in(f, "fifo"), GPUPROC_INT8, 1, 0);
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, &err), GPUPROC_IO_OPEN);
    put_file(path_in(f, "a"), "x", 1);
    origin = file_origin(path_in(f, "a"), GPUPROC_FLOAT64, UINT64_MAX / 4, 0);
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, &err), GPUPROC_BAD_SHAPE);
    assert_null(s);
    if (geteuid() != 0) {
        chmod(path_in(f, "a"), 0);
        origin = file_origin(path_in(f, "a"), GPUPROC_INT8, 1, 0);
        assert_int_equal(gp_source_open(&origin, f->engine, false, &s, &err), GPUPROC_IO_OPEN);
        assert_int_equal(err.native_code, EACCES);
    }
}

static void memory_is_viewed_and_copied(void **state)
{
    fixture *f = *state;
    int32_t data[1000];
    for (int i = 0; i < 1000; i++) data[i] = i;
    gp_origin origin = {.kind = GP_ORIGIN_MEMORY, .dtype = GPUPROC_INT32, .count = 1000, .fd = -1,
                        .shape = {1, {1000}}, .data = data};
    gp_source *s = NULL;
    gp_view view;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    assert_true(gp_source_view(s, 10, 20, &view));
    assert_ptr_equal(view.data, data + 10);
    gp_source_unview(s, &view);
    char buffer[8000 + GP_STAGING_SLACK];
    gp_read r = {.buffer = buffer};
    read_now(&r, s, 990, 10);
    assert_int_equal(r.status, GPUPROC_OK);
    assert_memory_equal(r.data, data + 990, 40);
    read_now(&r, s, 990, 11); /* one too many */
    assert_int_equal(r.status, GPUPROC_INTERNAL);
    gp_source_close(s);
}

static int squares(void *ctx, uint64_t first, size_t count, void *dst)
{
    int64_t *v = dst;
    if (first >= *(uint64_t *)ctx) return EIO;
    for (size_t i = 0; i < count; i++) v[i] = (int64_t)((first + i) * (first + i));
    return 0;
}

static void functions_are_called(void **state)
{
    fixture *f = *state;
    uint64_t limit = 500;
    gp_origin origin = {.kind = GP_ORIGIN_FUNCTION, .dtype = GPUPROC_INT64, .count = 1000, .fd = -1,
                        .shape = {1, {1000}}, .generate = squares, .generate_ctx = &limit};
    gp_source *s = NULL;
    gp_view view;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    assert_false(gp_source_view(s, 0, 1, &view));
    char buffer[800 + GP_STAGING_SLACK];
    gp_read r = {.buffer = buffer};
    read_now(&r, s, 100, 100);
    assert_int_equal(r.status, GPUPROC_OK);
    assert_int_equal(((int64_t *)r.data)[99], 199 * 199);
    read_now(&r, s, 500, 100);
    assert_int_equal(r.status, GPUPROC_IO_READ);
    assert_int_equal(r.error.native_code, EIO);
    gp_source_close(s);
}

static void streams_are_read_in_order(void **state)
{
    fixture *f = *state;
    int p[2];
    gpuproc_error err;
    uint16_t data[1000];
    for (int i = 0; i < 1000; i++) data[i] = __builtin_bswap16((uint16_t)i);
    assert_int_equal(pipe(p), 0);
    assert_int_equal(write(p[1], data, 2000), 2000);
    gp_origin origin = {.kind = GP_ORIGIN_STREAM, .dtype = GPUPROC_UINT16, .count = 2000, .fd = p[0],
                        .shape = {2, {2, 1000}}, .path = (char *)(uintptr_t)"-", .big_endian = true};
    gp_source *s = NULL;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    assert_true(gp_source_is_stream(s));
    char buffer[4000 + GP_STAGING_SLACK] __attribute__((aligned(8)));
    gp_read r = {.buffer = buffer};
    read_now(&r, s, 0, 600);
    assert_int_equal(r.status, GPUPROC_OK);
    assert_int_equal(((uint16_t *)r.data)[599], 599);
    close(p[1]);
    read_now(&r, s, 600, 600);
    assert_int_equal(r.status, GPUPROC_TRUNCATED);
    assert_non_null(strstr(r.error.message, "expected 4000 bytes of data, found 2000"));
    assert_string_equal(r.error.where, "standard input");
    gp_source_close(s);
    close(p[0]);
    origin.fortran = true;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, &err), GPUPROC_UNSUPPORTED);
}

static void waiting_stream_is_cancelled(void **state)
{
    fixture *f = *state;
    int p[2];
    waiter w = WAITER;
    char buffer[8 + GP_STAGING_SLACK];
    assert_int_equal(pipe(p), 0);
    gp_origin origin = {.kind = GP_ORIGIN_STREAM, .dtype = GPUPROC_INT8, .count = 8, .fd = p[0],
                        .shape = {1, {8}}};
    gp_source *s = NULL;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    gp_read r = {.source = s, .count = 8, .buffer = buffer, .done = read_ended, .ctx = &w};
    gp_source_read(&r);
    gp_source_cancel(s);
    wait_for(&w, 1);
    assert_int_equal(r.status, GPUPROC_CANCELLED);
    gp_source_close(s);
    close(p[0]);
    close(p[1]);
}

/* Its last elements lie behind 2^32 elements and 2^35 bytes. */
static void huge_sparse_file(void **state)
{
    fixture *f = *state;
    const char *path = path_in(f, "a");
    uint64_t n = ((uint64_t)1 << 32) + 12345;
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    double last[2] = {1.5, 2.5};
    if (ftruncate(fd, (off_t)(n * 8)) != 0) skip();
    assert_int_equal(pwrite(fd, last, 16, (off_t)(n * 8 - 16)), 16);
    close(fd);
    gp_origin origin = file_origin(path, GPUPROC_FLOAT64, n, 0);
    gp_source *s = NULL;
    assert_int_equal(gp_source_open(&origin, f->engine, false, &s, NULL), GPUPROC_OK);
    char *buffer = gp_pages_alloc(800000 + GP_STAGING_SLACK);
    gp_read r = {.buffer = buffer};
    read_now(&r, s, n - 100000, 100000);
    assert_int_equal(r.status, GPUPROC_OK);
    assert_true(((double *)r.data)[99999] == 2.5 && ((double *)r.data)[99998] == 1.5 &&
                ((double *)r.data)[99997] == 0);
    gp_pages_free(buffer, 800000 + GP_STAGING_SLACK);
    gp_source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(reads_ranges),
        BOTH(cold_reads_leave_the_cache_alone),
        BOTH(views_what_is_cached),
        BOTH(swaps_bytes),
        BOTH(gathers_fortran_order),
        BOTH(gather_sees_a_short_file),
        BOTH(refuses_what_is_no_file),
        BOTH(memory_is_viewed_and_copied),
        BOTH(functions_are_called),
        BOTH(streams_are_read_in_order),
        BOTH(waiting_stream_is_cancelled),
        BOTH(huge_sparse_file),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
