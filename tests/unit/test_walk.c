/* Walks: what array/walk.h says of them, and reads along them, against index arithmetic done the
 * slow way. */
#include "io/io_fixture.h"

#include <inttypes.h>

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static bool one_in(uint64_t n) { return random_below(n) == 0; }

/* ---- the slow way ---- */

/* The storage element of each element of the walk in turn; -1: a zero. */
static int64_t *elements_of(const gp_walk *w, uint64_t *count)
{
    int64_t index[GPUPROC_MAX_NDIM] = {0};
    *count = gp_shape_size(&w->shape);
    int64_t *at = malloc((*count + 1) * sizeof *at);
    for (uint64_t k = 0; k < *count; k++) {
        bool inside = true;
        at[k] = w->offset;
        for (int d = 0; d < w->shape.ndim; d++) {
            at[k] += index[d] * w->stride[d];
            if (w->bounded) inside = inside && w->lo[d] <= index[d] && index[d] < w->hi[d];
        }
        if (!inside) at[k] = -1;
        for (int d = w->shape.ndim - 1; d >= 0 && ++index[d] == w->shape.dim[d]; d--) index[d] = 0;
    }
    return at;
}

static void print_walk(const gp_walk *w)
{
    print_error("walk: offset %" PRId64 ", bounded %d\n", w->offset, w->bounded);
    for (int d = 0; d < w->shape.ndim; d++)
        print_error("  dim %" PRId64 " stride %" PRId64 " box %" PRId64 " to %" PRId64 "\n", w->shape.dim[d],
                    w->stride[d], w->lo[d], w->hi[d]);
}

/* ---- random ones ---- */

static int64_t random_stride(int64_t span, int64_t most)
{
    int64_t s;
    switch (random_below(8)) {
    case 0: s = 0; break;
    case 1: s = 1; break;
    case 2: s = 2; break;
    case 3: s = span + 1 + (int64_t)random_below(4); break;
    case 4: s = most > 0 ? (int64_t)random_below((uint64_t)most + 1) : 0; break;
    case 5: s = (int64_t)random_below(20); break;
    default: s = span; break; /* goes on where the axes so far end */
    }
    if (s > most) s = most;
    return one_in(4) ? -s : s;
}

static int64_t random_dim(int64_t room)
{
    static const int64_t dims[] = {1, 2, 3, 4, 7, 16, 33, 100, 511, 2000, 9000, 100000, 1000000};
    int64_t dim = dims[random_below(sizeof dims / sizeof *dims)];
    if (dim > 4) dim += (int64_t)random_below(3);
    return dim < room ? dim : room < 1 ? 1 : room;
}

/* Over an array of n elements (n > 0), with at most `most` elements. */
static void random_walk(int64_t n, int64_t most, gp_walk *w)
{
    int64_t left = n - 1, span = 1, size = 1, low = 0;
    *w = (gp_walk){.shape = {.ndim = (int)random_below(7)}, .bounded = one_in(4)};
    int ndim = w->shape.ndim;
    for (int d = 0; d < ndim; d++) {
        int64_t dim = random_dim(most / size), stride = dim > 1 ? random_stride(span, left / (dim - 1)) : 0;
        int64_t far = (dim - 1) * (stride < 0 ? -stride : stride);
        left -= far;
        span += far;
        if (stride < 0) low += far;
        w->shape.dim[d] = dim;
        w->stride[d] = stride;
        w->hi[d] = dim;
        size *= dim;
    }
    w->offset = low + (int64_t)random_below((uint64_t)left + 1);
    for (int d = 0; w->bounded && d < ndim; d++) { /* zeros around, and cut some away */
        if (w->shape.dim[d] == 1 || one_in(2)) continue;
        int64_t front = one_in(2) ? (int64_t)random_below(9) : 0, behind = one_in(2) ? (int64_t)random_below(9) : 0;
        w->offset -= front * w->stride[d];
        w->shape.dim[d] += front + behind;
        w->lo[d] = front;
        w->hi[d] += front;
        if (one_in(8)) w->hi[d] = w->lo[d];
        if (one_in(3) && w->hi[d] > w->lo[d]) w->lo[d] += (int64_t)random_below((uint64_t)(w->hi[d] - w->lo[d]) + 1);
    }
    for (int d = ndim - 1; d > 0; d--) { /* any order of axes */
        int e = one_in(2) ? d : (int)random_below((uint64_t)d + 1);
        gp_walk old = *w;
        w->shape.dim[d] = old.shape.dim[e], w->shape.dim[e] = old.shape.dim[d];
        w->stride[d] = old.stride[e], w->stride[e] = old.stride[d];
        w->lo[d] = old.lo[e], w->lo[e] = old.lo[d];
        w->hi[d] = old.hi[e], w->hi[e] = old.hi[d];
    }
    if (ndim > 0 && one_in(60)) w->shape.dim[random_below((uint64_t)ndim)] = 0;
    if (!w->bounded) memset(w->lo, 0, sizeof w->lo), memset(w->hi, 0, sizeof w->hi);
}

/* ---- walk.h ---- */

static void wholes(void **state)
{
    (void)state;
    gp_walk w;
    gp_shape s = {3, {3, 1, 4}};
    gp_walk_whole(&s, false, &w);
    assert_true(w.stride[0] == 4 && w.stride[1] == 0 && w.stride[2] == 1 && w.offset == 0 && !w.bounded);
    assert_true(gp_walk_contiguous(&w));
    gp_walk_whole(&s, true, &w);
    assert_true(w.stride[0] == 1 && w.stride[1] == 0 && w.stride[2] == 3);
    assert_false(gp_walk_contiguous(&w));
    gp_walk scalar, other = w;
    gp_walk_whole(&(gp_shape){0}, false, &scalar);
    assert_true(gp_walk_contiguous(&scalar));
    assert_true(gp_walk_equal(&w, &other));
    other.stride[2] = 4;
    assert_false(gp_walk_equal(&w, &other));
    other = w;
    other.bounded = true;
    assert_false(gp_walk_equal(&w, &other));
    assert_false(gp_walk_equal(&w, &scalar));
}

/* Ranges that are told to be outside are; on one axis, all that are. */
static void check_misses(const gp_walk *w, const int64_t *element, uint64_t count)
{
    for (uint64_t at = 0; at < count; at += count / 7 + 1) {
        for (uint64_t n = 1; n <= count - at; n = 3 * n + at % 5) {
            bool outside = true;
            for (uint64_t k = at; k < at + n && outside; k++) outside = element[k] < 0;
            bool told = gp_walk_misses_box(w, at, n);
            assert_true(outside || !told);
            if (w->shape.ndim == 1) assert_int_equal(told, outside && w->bounded);
        }
    }
}

/* normalise, contiguous, span and equal, on the same walks. */
static void normal_forms(void **state)
{
    (void)state;
    seed = 7;
    for (int i = 0; i < 4000; i++) {
        gp_walk w, n, again;
        uint64_t count, same, first = 0, last = 0;
        random_walk(5000, 3000, &w);
        gp_walk_normalise(&w, &n);
        gp_walk_normalise(&n, &again);
        int64_t *a = elements_of(&w, &count), *b = elements_of(&n, &same), low = INT64_MAX, high = -1;
        bool straight = true;
        if (count != same || memcmp(a, b, count * sizeof *a) != 0 || !gp_walk_equal(&n, &again)) {
            print_walk(&w);
            print_walk(&n);
            fail();
        }
        for (uint64_t k = 0; k < count; k++) {
            straight = straight && a[k] == a[0] + (int64_t)k && a[k] >= 0;
            if (a[k] < 0) continue;
            low = a[k] < low ? a[k] : low;
            high = a[k] > high ? a[k] : high;
        }
        assert_int_equal(gp_walk_contiguous(&n), straight);
        if (!w.bounded) assert_int_equal(gp_walk_contiguous(&w), straight);
        assert_int_equal(gp_walk_span(&w, &first, &last), high >= 0);
        if (high >= 0) assert_true(first == (uint64_t)low && last == (uint64_t)high);
        check_misses(&w, a, count);
        for (int d = 0; d < n.shape.ndim; d++) assert_true(n.shape.dim[d] != 1 || n.bounded);
        free(a);
        free(b);
    }
}

static void spans_of_senseless_walks(void **state)
{
    (void)state;
    uint64_t first, last;
    gp_walk w = {.shape = {2, {INT64_MAX, 3}}, .stride = {INT64_MAX, INT64_MAX}};
    assert_true(gp_walk_span(&w, &first, &last));
    assert_true(last == UINT64_MAX);
    w = (gp_walk){.shape = {1, {3}}, .stride = {-1}, .offset = 1};
    assert_true(gp_walk_span(&w, &first, &last));
    assert_true(last == UINT64_MAX);
}

static void parts_and_stretches(void **state)
{
    (void)state;
    seed = 8;
    for (int i = 0; i < 3000; i++) {
        gp_walk w, part, wide;
        uint64_t count, size;
        int64_t lo[GPUPROC_MAX_NDIM] = {0}, index[GPUPROC_MAX_NDIM] = {0}, step[GPUPROC_MAX_NDIM];
        random_walk(3000, 1000, &w);
        if (gp_shape_size(&w.shape) == 0) continue;
        gp_shape shape = w.shape, to = {.ndim = w.shape.ndim + (int)random_below(2)};
        for (int d = 0; d < shape.ndim; d++) {
            lo[d] = (int64_t)random_below((uint64_t)shape.dim[d]);
            shape.dim[d] = (int64_t)random_below((uint64_t)(shape.dim[d] - lo[d])) + 1;
        }
        int added = to.ndim - w.shape.ndim;
        for (int d = 0; d < to.ndim; d++) {
            to.dim[d] = d < added ? 3 : w.shape.dim[d - added];
            if (to.dim[d] == 1 && one_in(2)) to.dim[d] = 4;
        }
        int64_t *all = elements_of(&w, &size), *got;
        gp_shape_strides(&w.shape, false, step);
        for (int way = 0; way < 2; way++) {
            const gp_walk *of = way == 0 ? &part : &wide;
            memset(index, 0, sizeof index);
            if (way == 0) gp_walk_box(&w, lo, &shape, &part);
            else gp_walk_broadcast(&w, &to, &wide);
            got = elements_of(of, &count);
            assert_int_equal(count, gp_shape_size(way == 0 ? &shape : &to));
            for (uint64_t k = 0; k < count; k++) {
                int64_t at = 0;
                for (int d = 0; d < w.shape.ndim; d++) {
                    int64_t j = way == 0 ? index[d] + lo[d] : index[d + added];
                    at += (w.shape.dim[d] == 1 ? 0 : j) * step[d];
                }
                if (got[k] != all[at]) {
                    print_walk(&w);
                    print_walk(of);
                    fail();
                }
                for (int d = of->shape.ndim - 1; d >= 0 && ++index[d] == of->shape.dim[d]; d--) index[d] = 0;
            }
            for (int d = 0; way == 0 && d < of->shape.ndim; d++)
                assert_true(of->shape.dim[d] != 1 || of->stride[d] == 0);
            free(got);
        }
        free(all);
    }
}

/* ---- reads along walks ---- */

#define FILE_BYTES ((size_t)20 << 20)

typedef struct made {
    const unsigned char *data;
    size_t width;
    uint64_t count;
    _Atomic bool wrong;
} made;

static int make(void *ctx, uint64_t first, size_t count, void *dst)
{
    made *m = ctx;
    if (first > m->count || count > m->count - first || (uintptr_t)dst % (m->width > 8 ? 8 : m->width) != 0)
        m->wrong = true;
    else memcpy(dst, m->data + first * m->width, count * m->width);
    return m->wrong ? EINVAL : 0;
}

typedef struct scene {
    fixture *f;
    const char *path;
    unsigned char *data, *buffer;
    size_t room;
} scene;

static void check_read(const scene *c, gp_source *s, const gp_walk *w, const int64_t *at, const gp_origin *o,
                       uint64_t first, uint64_t count)
{
    static const unsigned char zero[16];
    size_t width = gpuproc_dtype_bytes(o->dtype), unit = width > 8 ? 8 : width;
    size_t part = gp_dtype_kind(o->dtype) == GP_KIND_COMPLEX ? width / 2 : width;
    size_t room = count * width + GP_STAGING_SLACK;
    assert_true(room + 64 <= c->room);
    memset(c->buffer, 0x5A, count * width);
    memset(c->buffer + room, 0xA5, 64);
    gp_read r = {.buffer = c->buffer, .walk = w};
    read_now(&r, s, first, count);
    if (r.status != GPUPROC_OK) print_error("%s\n", r.error.message);
    assert_int_equal(r.status, GPUPROC_OK);
    assert_true((unsigned char *)r.data >= c->buffer && (unsigned char *)r.data + count * width <= c->buffer + room);
    assert_int_equal((uintptr_t)r.data % unit, 0);
    for (uint64_t k = 0; k < count; k++) {
        const unsigned char *from = at[first + k] < 0 ? zero : c->data + o->data_offset + (size_t)at[first + k] * width;
        unsigned char e[16];
        memcpy(e, from, width);
        for (size_t j = 0; o->big_endian && j < width; j++) e[j] = from[j / part * part + part - 1 - j % part];
        if (memcmp((unsigned char *)r.data + k * width, e, width) == 0) continue;
        print_error("element %" PRIu64 " of [%" PRIu64 ", +%" PRIu64 "), width %zu, kind %d, offset %" PRIu64 "\n", k,
                    first, count, width, (int)o->kind, o->data_offset);
        print_walk(w);
        fail();
    }
    for (int i = 0; i < 64; i++) assert_int_equal(c->buffer[room + (size_t)i], 0xA5);
}

static void check_walk(const scene *c, int64_t most)
{
    static const gp_dtype dtypes[] = {GPUPROC_UINT8, GPUPROC_INT16, GPUPROC_FLOAT32, GPUPROC_FLOAT64,
                                      GPUPROC_COMPLEX64, GPUPROC_COMPLEX128};
    static const uint64_t offsets[] = {0, 0, 64, 128, 3, 4097};
    gp_dtype dtype = dtypes[random_below(6)];
    size_t width = gpuproc_dtype_bytes(dtype);
    uint64_t small = random_below(5000) + 1, offset = offsets[random_below(6)];
    uint64_t n = one_in(2) && most < 100000 ? small : (FILE_BYTES - 4097) / width;
    gp_walk w;
    uint64_t count;
    random_walk((int64_t)n, most, &w);
    int64_t *at = elements_of(&w, &count);
    gp_origin o = {.kind = GP_ORIGIN_FILE, .dtype = dtype, .shape = {1, {(int64_t)n}}, .count = n, .fd = -1,
                   .path = (char *)(uintptr_t)c->path, .data_offset = offset, .big_endian = one_in(3) && width > 1};
    made m = {c->data, width, n, false};
    uint64_t kind = random_below(5);
    if (kind == 0) {
        o.kind = GP_ORIGIN_MEMORY;
        o.data = c->data;
    } else if (kind == 1) {
        o.kind = GP_ORIGIN_FUNCTION;
        o.generate = make;
        o.generate_ctx = &m;
    }
    if (kind < 2) {
        o.path = NULL;
        o.data_offset = 0;
        o.big_endian = false;
    }
    gp_source *s = NULL;
    assert_int_equal(gp_source_open(&o, c->f->engine, one_in(3), &s, NULL), GPUPROC_OK);
    if (kind == 2) make_cold(c->path);
    check_read(c, s, &w, at, &o, 0, count);
    for (int i = 0; i < 4 && count > 0; i++) {
        uint64_t first = random_below(count), some = random_below(count - first + 1);
        if (kind == 2 && one_in(2)) make_cold(c->path);
        check_read(c, s, &w, at, &o, first, some);
    }
    assert_false(m.wrong);
    gp_source_close(s);
    free(at);
}

static scene new_scene(fixture *f)
{
    scene c = {.f = f, .room = (size_t)48 << 20};
    c.data = malloc(FILE_BYTES);
    c.buffer = gp_pages_alloc(c.room);
    for (size_t i = 0; i < FILE_BYTES; i++) c.data[i] = (unsigned char)random_below(256);
    c.path = strdup(path_in(f, "walked"));
    put_file(c.path, c.data, FILE_BYTES);
    return c;
}

static void free_scene(scene *c)
{
    free(c->data);
    free((void *)(uintptr_t)c->path);
    gp_pages_free(c->buffer, c->room);
}

static void random_walks(void **state)
{
    seed = 42;
    scene c = new_scene(*state);
    for (int i = 0; i < 1500; i++) check_walk(&c, 8000);
    for (int i = 0; i < 40; i++) check_walk(&c, 2000000);
    free_scene(&c);
}

/* What people write: each way that a gather has, large enough for several parts. */
static void usual_walks(void **state)
{
    static const struct {
        int64_t dim[3], stride[3], offset;
        int ndim;
    } usual[] = {
        {{1 << 20}, {2}, 0, 1},                         /* x[::2] */
        {{1 << 20}, {-1}, (1 << 20) - 1, 1},            /* x[::-1] */
        {{1000, 1023}, {1024, 1}, 1, 2},                /* x[:, 1:] */
        {{1024, 1000}, {1, 1024}, 0, 2},                /* x.T */
        {{40, 25000}, {1, 40}, 0, 2},                   /* x.T of a narrow one */
        {{2500, 300}, {1, 4000}, 0, 2},                 /* rows with gaps, transposed */
        {{300, 16}, {4001, 1}, 5, 2},                   /* short runs, wide gaps */
        {{10, 60000}, {100000, 1}, 3, 2},               /* long runs, wide gaps */
        {{150, 1}, {7919, 0}, 1, 2},                    /* elements, wide gaps */
        {{10, 100}, {100000, 1100}, 1, 2},
        {{1000, 1000}, {1, 1}, 17, 2},                  /* windows */
        {{1000, 1000}, {0, 1}, 17, 2},
        {{1000, 1000}, {1, 0}, 17, 2},
        {{2000000}, {0}, 17, 1},
        {{100, 70, 90}, {1, 9000, 100}, 0, 3},          /* axes in another order */
        {{90, 100, 70}, {100, -1, 9000}, 99, 3},
    };
    static const gp_dtype dtypes[] = {GPUPROC_UINT8, GPUPROC_INT16, GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_COMPLEX128};
    seed = 1;
    scene c = new_scene(*state);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        gp_walk w = {.shape = {.ndim = usual[i].ndim}, .offset = usual[i].offset};
        for (int d = 0; d < usual[i].ndim; d++) w.shape.dim[d] = usual[i].dim[d], w.stride[d] = usual[i].stride[d];
        uint64_t count, n;
        int64_t *at = elements_of(&w, &count);
        for (int kind = 0; kind < 4; kind++) { /* memory, function, cached, cold */
            gp_dtype dtype = dtypes[(i + (size_t)kind) % 5];
            n = FILE_BYTES / gpuproc_dtype_bytes(dtype);
            uint64_t first, last;
            assert_true(gp_walk_span(&w, &first, &last));
            made m = {c.data, gpuproc_dtype_bytes(dtype), n, false};
            gp_origin o = {.kind = kind == 0 ? GP_ORIGIN_MEMORY : kind == 1 ? GP_ORIGIN_FUNCTION : GP_ORIGIN_FILE,
                           .dtype = dtype, .shape = {1, {(int64_t)n}}, .count = n, .fd = -1,
                           .data = c.data, .generate = make, .generate_ctx = &m};
            if (kind >= 2) o.path = (char *)(uintptr_t)c.path;
            if (last >= n) continue;
            gp_source *s = NULL;
            assert_int_equal(gp_source_open(&o, c.f->engine, false, &s, NULL), GPUPROC_OK);
            if (kind == 3) make_cold(c.path);
            check_read(&c, s, &w, at, &o, 0, count);
            if (kind == 3) make_cold(c.path);
            check_read(&c, s, &w, at, &o, 7 % count, count - 7 % count - count / 3);
            gp_source_close(s);
        }
        free(at);
    }
    free_scene(&c);
}

static void walks_outside_are_refused(void **state)
{
    fixture *f = *state;
    int32_t data[100] = {0};
    char buffer[4000 + GP_STAGING_SLACK];
    gp_origin o = {.kind = GP_ORIGIN_MEMORY, .dtype = GPUPROC_INT32, .count = 100, .fd = -1,
                   .shape = {1, {100}}, .data = data};
    gp_source *s = NULL;
    assert_int_equal(gp_source_open(&o, f->engine, false, &s, NULL), GPUPROC_OK);
    gp_walk beyond = {.shape = {1, {51}}, .stride = {2}}, before = {.shape = {1, {3}}, .stride = {-1}, .offset = 1};
    gp_walk inside = {.shape = {1, {50}}, .stride = {2}};
    gp_read r = {.buffer = buffer, .walk = &beyond};
    read_now(&r, s, 0, 1);
    assert_int_equal(r.status, GPUPROC_INTERNAL);
    assert_non_null(strstr(r.error.message, "element 100 of an array of 100"));
    r.walk = &before;
    read_now(&r, s, 0, 1);
    assert_int_equal(r.status, GPUPROC_INTERNAL);
    r.walk = &inside;
    read_now(&r, s, 40, 11);
    assert_int_equal(r.status, GPUPROC_INTERNAL);
    read_now(&r, s, 40, 10);
    assert_int_equal(r.status, GPUPROC_OK);
    read_now(&r, s, 50, 0);
    assert_int_equal(r.status, GPUPROC_OK);
    gp_source_close(s);
}

/* A Fortran file in its own order is read and viewed like any other. */
static void fortran_in_its_own_order(void **state)
{
    scene c = new_scene(*state);
    gp_origin o = {.kind = GP_ORIGIN_FILE, .dtype = GPUPROC_FLOAT32, .shape = {2, {1000, 2000}}, .count = 2000000,
                   .fd = -1, .path = (char *)(uintptr_t)c.path, .data_offset = 64, .fortran = true};
    gp_source *s = NULL;
    gp_view view;
    uint64_t count;
    gp_walk w;
    gp_walk_whole(&(gp_shape){2, {2000, 1000}}, false, &w);
    assert_true(gp_walk_contiguous(&w));
    int64_t *at = elements_of(&w, &count);
    assert_int_equal(gp_source_open(&o, c.f->engine, false, &s, NULL), GPUPROC_OK);
    check_read(&c, s, &w, at, &o, 12345, 1000000);
    assert_false(gp_source_view(s, 0, 100, &view));
    for (int i = 0; i < 20; i++) { /* the system may take pages back at any time */
        put_file(c.path, c.data, FILE_BYTES);
        gp_source_close(s);
        assert_int_equal(gp_source_open(&o, c.f->engine, false, &s, NULL), GPUPROC_OK);
        if (gp_source_view_storage(s, 1000, 500000, &view)) break;
    }
    assert_non_null(view.data);
    assert_memory_equal(view.data, c.data + 64 + 4000, 2000000);
    gp_source_unview(s, &view);
    assert_false(gp_source_view_storage(s, 2000000, 1, &view));
    gp_source_close(s);
    free(at);
    free_scene(&c);
}

static int broken(void *ctx, uint64_t first, size_t count, void *dst)
{
    memset(dst, 0, count * 4);
    return first + count > *(uint64_t *)ctx ? ENXIO : 0;
}

static void failures_are_told(void **state)
{
    scene c = new_scene(*state);
    uint64_t limit = 1000000;
    gp_walk w = {.shape = {1, {1000000}}, .stride = {2}};
    gp_source *s = NULL;
    gp_origin o = {.kind = GP_ORIGIN_FUNCTION, .dtype = GPUPROC_FLOAT32, .shape = {1, {2000000}}, .count = 2000000,
                   .fd = -1, .generate = broken, .generate_ctx = &limit};
    assert_int_equal(gp_source_open(&o, c.f->engine, false, &s, NULL), GPUPROC_OK);
    gp_read r = {.buffer = c.buffer, .walk = &w};
    read_now(&r, s, 0, 1000000);
    assert_int_equal(r.status, GPUPROC_IO_READ);
    assert_int_equal(r.error.native_code, ENXIO);
    read_now(&r, s, 0, 300000);
    assert_int_equal(r.status, GPUPROC_OK);
    gp_source_close(s);
    o = (gp_origin){.kind = GP_ORIGIN_FILE, .dtype = GPUPROC_FLOAT32, .shape = {1, {2000000}}, .count = 2000000,
                    .fd = -1, .path = (char *)(uintptr_t)c.path};
    assert_int_equal(gp_source_open(&o, c.f->engine, false, &s, NULL), GPUPROC_OK);
    assert_int_equal(truncate(c.path, 7999999), 0);
    read_now(&r, s, 0, 1000000);
    assert_int_equal(r.status, GPUPROC_TRUNCATED);
    assert_non_null(strstr(r.error.message, "1 are missing"));
    gp_source_close(s);
    free_scene(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wholes),
        cmocka_unit_test(normal_forms),
        cmocka_unit_test(spans_of_senseless_walks),
        cmocka_unit_test(parts_and_stretches),
        BOTH(random_walks),
        BOTH(usual_walks),
        BOTH(walks_outside_are_refused),
        BOTH(fortran_in_its_own_order),
        BOTH(failures_are_told),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
