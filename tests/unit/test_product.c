/* Products as sources against a plain triple loop: every form of operand, of read and of tiling. Values are small
 * integers, so that every sum is exact and every difference an error. */
#include "io/io_fixture.h"
#include "matrix/product_impl.h"

#include <complex.h>

/* ---- operands ---- */

typedef struct operand {
    gp_dtype dtype;
    uint64_t stack, rows, columns; /* stack 1: shared by all */
    bool fortran, big_endian, file, negative, swapped_view;
    char *values;   /* as stored */
    gp_origin origin;
    gp_walk walk;
    gp_source *source;
    char path[128];
    double complex *exact; /* (stack, rows, columns) */
} operand;

static unsigned next_random(unsigned *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 16; }

static void store(gp_dtype dtype, void *at, double complex v)
{
    double x = creal(v);
    switch (dtype) {
    case GPUPROC_BOOL: *(uint8_t *)at = x != 0; break;
    case GPUPROC_INT8: *(int8_t *)at = (int8_t)x; break;
    case GPUPROC_INT16: *(int16_t *)at = (int16_t)x; break;
    case GPUPROC_INT32: *(int32_t *)at = (int32_t)x; break;
    case GPUPROC_INT64: *(int64_t *)at = (int64_t)x; break;
    case GPUPROC_UINT8: *(uint8_t *)at = (uint8_t)x; break;
    case GPUPROC_UINT16: *(uint16_t *)at = (uint16_t)x; break;
    case GPUPROC_UINT32: *(uint32_t *)at = (uint32_t)x; break;
    case GPUPROC_UINT64: *(uint64_t *)at = (uint64_t)x; break;
    case GPUPROC_FLOAT16: *(uint16_t *)at = (uint16_t[]){0xc200, 0xc000, 0xbc00, 0, 0x3c00, 0x4000, 0x4200}[(int)x + 3]; break;
    case GPUPROC_FLOAT32: *(float *)at = (float)x; break;
    case GPUPROC_FLOAT64: *(double *)at = x; break;
    case GPUPROC_COMPLEX64: *(float complex *)at = (float complex)v; break;
    case GPUPROC_COMPLEX128: *(double complex *)at = v; break;
    }
}

static double complex load(gp_dtype dtype, const void *at)
{
    switch (dtype) {
    case GPUPROC_BOOL: return *(const uint8_t *)at;
    case GPUPROC_INT8: return *(const int8_t *)at;
    case GPUPROC_INT16: return *(const int16_t *)at;
    case GPUPROC_INT32: return *(const int32_t *)at;
    case GPUPROC_INT64: return (double)*(const int64_t *)at;
    case GPUPROC_UINT8: return *(const uint8_t *)at;
    case GPUPROC_UINT16: return *(const uint16_t *)at;
    case GPUPROC_UINT32: return *(const uint32_t *)at;
    case GPUPROC_UINT64: return (double)*(const uint64_t *)at;
    case GPUPROC_FLOAT32: return *(const float *)at;
    case GPUPROC_FLOAT64: return *(const double *)at;
    case GPUPROC_COMPLEX64: return *(const float complex *)at;
    case GPUPROC_COMPLEX128: return *(const double complex *)at;
    default: return 0;
    }
}

static double complex a_value(gp_dtype dtype, unsigned *seed)
{
    double x = (double)(next_random(seed) % 7) - 3, y = (double)(next_random(seed) % 7) - 3;
    if (dtype == GPUPROC_BOOL) return next_random(seed) % 8 == 0;
    if (gp_dtype_kind(dtype) == GP_KIND_UINT) return x < 0 ? -x : x;
    return gp_dtype_kind(dtype) == GP_KIND_COMPLEX ? CMPLX(x, y) : x;
}

static void reverse(char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes / 2; i++) {
        char c = at[i];
        at[i] = at[bytes - 1 - i];
        at[bytes - 1 - i] = c;
    }
}

/* Makes values in storage that look through the walk like `exact`. */
static void make(fixture *f, operand *o, uint64_t stack, const char *name, unsigned *seed)
{
    size_t wide = gpuproc_dtype_bytes(o->dtype);
    size_t part = gp_dtype_kind(o->dtype) == GP_KIND_COMPLEX ? wide / 2 : wide;
    uint64_t own = o->stack, count = own * o->rows * o->columns;
    gp_shape stored = {3, {(int64_t)own, (int64_t)o->rows, (int64_t)o->columns}};
    if (o->swapped_view) stored = (gp_shape){3, {(int64_t)own, (int64_t)o->columns, (int64_t)o->rows}};
    gp_walk w;
    gp_walk_whole(&stored, o->fortran, &w);
    if (o->swapped_view) {
        int64_t step = w.stride[1];
        w.stride[1] = w.stride[2];
        w.stride[2] = step;
        w.shape = (gp_shape){3, {(int64_t)own, (int64_t)o->rows, (int64_t)o->columns}};
    }
    if (o->negative && o->rows > 0) {
        w.offset += w.stride[1] * ((int64_t)o->rows - 1);
        w.stride[1] = -w.stride[1];
    }
    o->exact = calloc(count + 1, sizeof *o->exact);
    o->values = calloc(count + 1, wide);
    for (uint64_t s = 0, i = 0; s < own; s++) {
        for (uint64_t r = 0; r < o->rows; r++) {
            for (uint64_t c = 0; c < o->columns; c++, i++) {
                char *at = o->values + wide * (size_t)(w.offset + (int64_t)s * w.stride[0] + (int64_t)r * w.stride[1] +
                                                       (int64_t)c * w.stride[2]);
                o->exact[i] = a_value(o->dtype, seed);
                store(o->dtype, at, o->exact[i]);
                if (o->big_endian) {
                    reverse(at, part);
                    if (part < wide) reverse(at + part, part);
                }
            }
        }
    }
    gp_shape all = {3, {(int64_t)stack, (int64_t)o->rows, (int64_t)o->columns}};
    gp_walk_broadcast(&w, &all, &o->walk);
    o->origin = (gp_origin){.kind = GP_ORIGIN_MEMORY, .dtype = o->dtype, .shape = stored, .count = count, .fd = -1,
                            .fortran = o->fortran, .data = o->values};
    if (o->file) {
        strcpy(o->path, path_in(f, name));
        put_file(o->path, o->values, count * wide);
        o->origin.kind = GP_ORIGIN_FILE;
        o->origin.path = o->path;
        o->origin.big_endian = o->big_endian;
    }
    assert_int_equal(gp_source_open(&o->origin, f->engine, false, &o->source, NULL), GPUPROC_OK);
}

static void unmake(operand *o)
{
    gp_source_close(o->source);
    free(o->values);
    free(o->exact);
}

/* ---- a product ---- */

typedef struct product {
    fixture *f;
    operand a, b;
    gp_product_spec spec;
    gp_product_tiling tiling;
    gp_linalg *linalg;
    gp_product_options options;
    gp_source *source;
    double complex *exact;
} product;

/* Really at the same time, and in an order of their own. */
typedef struct share {
    void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to);
    void *arg;
    unsigned worker;
    uint64_t from, to;
} share;

static void *run_share(void *arg)
{
    share *s = arg;
    if (s->to > s->from) s->run(s->arg, s->worker, s->from, s->to);
    return NULL;
}

static void each(const gp_workers *workers, uint64_t units,
                 void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to), void *arg)
{
    share s[8];
    pthread_t thread[8];
    unsigned n = workers->count;
    for (unsigned i = 0; i < n; i++) {
        s[i] = (share){run, arg, i, units * i / n, units * (i + 1) / n};
        assert_int_equal(pthread_create(&thread[i], NULL, run_share, &s[i]), 0);
    }
    for (unsigned i = 0; i < n; i++) pthread_join(thread[i], NULL);
}

static product *new_product(fixture *f, gp_dtype dtype, operand a, operand b, uint64_t stack, uint64_t m, uint64_t n,
                            uint64_t k)
{
    product *p = calloc(1, sizeof *p);
    unsigned seed = (unsigned)(m * 31 + n * 7 + k);
    p->f = f;
    p->a = a;
    p->b = b;
    p->a.rows = m;
    p->a.columns = p->b.rows = k;
    p->b.columns = n;
    make(f, &p->a, stack, "a", &seed);
    make(f, &p->b, stack, "b", &seed);
    p->spec = (gp_product_spec){.dtype = dtype, .operand = {a.dtype, b.dtype}, .walk = {p->a.walk, p->b.walk},
                                .stack = stack, .m = m, .n = n, .k = k};
    assert_int_equal(gp_linalg_open(&p->linalg, NULL), GPUPROC_OK);
    p->options = (gp_product_options){.source = {p->a.source, p->b.source}, .linalg = p->linalg,
                                      .workers = {.count = 2, .each = each}, .cpu = true};
    return p;
}

static void compute_exact(product *p)
{
    const gp_product_spec *s = &p->spec;
    p->exact = calloc(s->stack * s->m * s->n + 1, sizeof *p->exact);
    for (uint64_t t = 0, at = 0; t < s->stack; t++)
        for (uint64_t i = 0; i < s->m; i++)
            for (uint64_t j = 0; j < s->n; j++, at++) {
                double complex sum = 0;
                for (uint64_t l = 0; l < s->k; l++) {
                    double complex x = p->a.exact[((p->a.stack > 1 ? t : 0) * s->m + i) * s->k + l];
                    double complex y = p->b.exact[((p->b.stack > 1 ? t : 0) * s->k + l) * s->n + j];
                    sum += (s->conjugate[0] ? conj(x) : x) * (s->conjugate[1] ? conj(y) : y);
                }
                if (s->dtype == GPUPROC_BOOL) sum = sum != 0;
                p->exact[at] = sum;
            }
}

static void open_product(product *p)
{
    gpuproc_error err = {0};
    if (p->exact == NULL) compute_exact(p);
    p->options.tiling = p->tiling;
    gpuproc_status st = gp_product_open(&p->spec, &p->options, p->f->engine, &p->source, &err);
    if (st != GPUPROC_OK) print_error("%s\n", err.message);
    assert_int_equal(st, GPUPROC_OK);
}

static void free_product(product *p)
{
    unmake(&p->a);
    unmake(&p->b);
    gp_linalg_close(p->linalg);
    free(p->exact);
    free(p);
}

typedef struct reading {
    gp_read read;
    gp_walk walk;
    waiter *w;
    uint64_t row, rows;
} reading;

static void reading_ended(gp_read *read) { ended(((reading *)read->ctx)->w); }

static void check_rows(const product *p, const reading *r, uint64_t column, uint64_t width)
{
    size_t wide = gpuproc_dtype_bytes(p->spec.dtype);
    for (uint64_t i = 0; i < r->rows * width; i++) {
        uint64_t row = r->row + i / width, col = column + i % width;
        double complex got = load(p->spec.dtype, (char *)r->read.data + i * wide), want = p->exact[row * p->spec.n + col];
        if (got != want)
            fail_msg("row %llu, column %llu: expected %g, found %g", (unsigned long long)row, (unsigned long long)col,
                     creal(want), creal(got));
    }
}

/* All of it by reads of so many rows, all under way at once, strip by strip. */
static void read_all(product *p, uint64_t chunk)
{
    uint64_t all = p->spec.stack * p->spec.m, n = p->spec.n, strip = p->tiling.strip;
    size_t wide = gpuproc_dtype_bytes(p->spec.dtype);
    for (uint64_t column = 0; column < n || column == 0; column += strip) {
        uint64_t width = gp_min_u64(strip, n - column), count = gp_max_u64(gp_ceil_div(all, chunk), 1);
        reading *r = calloc(count, sizeof *r);
        waiter w = WAITER;
        for (uint64_t i = 0; i < count; i++) {
            r[i].w = &w;
            r[i].row = i * chunk;
            r[i].rows = gp_min_u64(chunk, all - i * chunk);
            r[i].walk = (gp_walk){.shape = {2, {(int64_t)all, (int64_t)width}}, .offset = (int64_t)column,
                                  .stride = {(int64_t)n, 1}};
            r[i].read = (gp_read){.source = p->source, .walk = width < n ? &r[i].walk : NULL, .first = r[i].row * width,
                                  .count = r[i].rows * width, .done = reading_ended, .ctx = &r[i]};
            r[i].read.buffer = gp_pages_alloc(r[i].read.count * wide + GP_STAGING_SLACK);
            gp_source_read(&r[i].read);
        }
        wait_for(&w, (int)count);
        for (uint64_t i = 0; i < count; i++) {
            if (r[i].read.status != GPUPROC_OK) print_error("%s\n", r[i].read.error.message);
            assert_int_equal(r[i].read.status, GPUPROC_OK);
            check_rows(p, &r[i], column, width);
            gp_pages_free(r[i].read.buffer, r[i].read.count * wide + GP_STAGING_SLACK);
        }
        free(r);
    }
}

/* Everything that was read and multiplied is told, once. */
static void check_spans(product *p)
{
    uint64_t bytes[GPUPROC_STAGES] = {0};
    size_t count;
    const gp_product_span *span = gp_product_spans_take(p->source, &count);
    for (size_t i = 0; i < count; i++) {
        assert_true(span[i].begin_ns <= span[i].end_ns && span[i].bytes_in_place <= span[i].bytes);
        assert_null(span[i].device);
        bytes[span[i].stage] += span[i].bytes;
    }
    uint64_t all = p->spec.stack * p->spec.m * p->spec.n * p->spec.k;
    assert_int_equal(bytes[GPUPROC_STAGE_KERNEL] > 0, all > 0);
    if (all > 0) assert_true(bytes[GPUPROC_STAGE_READ] > 0);
    (void)gp_product_spans_take(p->source, &count);
    assert_int_equal(count, 0);
}

/* Where nobody takes them they become fewer, and their bytes stay. */
static void spans_that_nobody_takes(void **state)
{
    gp_product_spans s = {0};
    size_t count;
    uint64_t bytes[2] = {0};
    (void)state;
    assert_int_equal(gp_product_spans_init(&s, NULL), GPUPROC_OK);
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 1; i <= 10000; i++)
            gp_product_spans_add(&s, &(gp_product_span){.stage = i % 2 ? GPUPROC_STAGE_READ : GPUPROC_STAGE_KERNEL,
                                                        .begin_ns = i, .end_ns = i + 1, .bytes = i});
        gp_product_spans_add(&s, &(gp_product_span){.stage = GPUPROC_STAGE_UPLOAD, .bytes = 7}); /* did not happen */
        const gp_product_span *span = gp_product_spans_swap(&s, &count);
        assert_true(count > 100 && count < 10000);
        bytes[0] = bytes[1] = 0;
        for (size_t i = 0; i < count; i++) {
            assert_int_not_equal(span[i].stage, GPUPROC_STAGE_UPLOAD);
            bytes[span[i].stage == GPUPROC_STAGE_READ] += span[i].bytes;
        }
        assert_int_equal(bytes[1], 25000000);
        assert_int_equal(bytes[0], 25005000);
    }
    gp_product_spans_free(&s);
}

static void check(product *p, uint64_t strip, uint64_t rows, uint64_t depth, uint64_t items, bool keep_b, uint64_t chunk)
{
    p->tiling = (gp_product_tiling){.strip = strip, .rows = rows, .depth = depth, .items = items, .keep_b = keep_b};
    for (int whole = 0; whole < 2; whole++) {
        p->tiling.whole = whole;
        open_product(p);
        read_all(p, chunk);
        gp_product_counts counts;
        gp_product_counts_of(p->source, &counts);
        assert_true(counts.tiles > 0);
        check_spans(p);
        gp_source_close(p->source);
    }
}

/* A few tilings, with reads that do not end where tiles do. */
static void check_all(product *p)
{
    uint64_t n = p->spec.n, k = p->spec.k, all = p->spec.stack * p->spec.m;
    check(p, n, all, k, 1, false, all);
    check(p, n, 7, gp_max_u64(k / 3, 1), 1, true, 10);
    check(p, gp_max_u64(n / 2, 1), 5, gp_max_u64(k / 2, 1), 1, true, 9);
    check(p, gp_max_u64(n / 3, 1), 16, k, 1, false, 3);
    check(p, n, all, k, 4, false, 11);
    free_product(p);
}

static void operands_of_every_order(void **state)
{
    for (int i = 0; i < 64; i++) {
        operand a = {.dtype = GPUPROC_FLOAT32, .stack = 1, .file = i & 1, .fortran = i >> 1 & 1, .big_endian = i & 1 && i >> 2 & 1};
        operand b = {.dtype = GPUPROC_FLOAT32, .stack = 1, .file = i >> 3 & 1, .fortran = i >> 4 & 1, .negative = i >> 5 & 1};
        check_all(new_product(*state, GPUPROC_FLOAT32, a, b, 1, 37, 29, 23));
    }
    for (int i = 0; i < 8; i++) {
        operand a = {.dtype = GPUPROC_FLOAT64, .stack = 1, .swapped_view = i & 1, .negative = i >> 1 & 1};
        operand b = {.dtype = GPUPROC_FLOAT64, .stack = 1, .swapped_view = i >> 2 & 1, .file = true};
        check_all(new_product(*state, GPUPROC_FLOAT64, a, b, 1, 19, 31, 40));
    }
}

static void every_dtype_by_every_other(void **state)
{
    for (int i = 0; i < GP_DTYPE_COUNT; i++)
        for (int j = 0; j < GP_DTYPE_COUNT; j++) {
            gp_dtype dtype = gp_dtype_promote((gp_dtype)i, (gp_dtype)j);
            if (dtype == GPUPROC_FLOAT16) dtype = GPUPROC_FLOAT32;
            operand a = {.dtype = (gp_dtype)i, .stack = 1, .file = (i + j) % 2 == 0, .big_endian = (i + j) % 4 == 0};
            operand b = {.dtype = (gp_dtype)j, .stack = 1, .swapped_view = i % 2};
            product *p = new_product(*state, dtype, a, b, 1, 13, 9, 6);
            p->spec.conjugate[0] = gp_dtype_kind((gp_dtype)i) == GP_KIND_COMPLEX;
            p->spec.conjugate[1] = gp_dtype_kind((gp_dtype)j) == GP_KIND_COMPLEX && i % 3 == 0;
            check(p, 9, 5, 4, 1, true, 6);
            check(p, 9, 13, 6, 1, false, 13);
            free_product(p);
        }
}

static void stacks(void **state)
{
    for (int i = 0; i < 32; i++) {
        operand a = {.dtype = i & 1 ? GPUPROC_FLOAT32 : GPUPROC_INT32, .stack = i & 2 ? 12 : 1, .file = i & 16, .swapped_view = i & 8};
        operand b = {.dtype = a.dtype, .stack = i & 4 ? 12 : 1, .file = i & 1, .swapped_view = i & 16};
        check_all(new_product(*state, a.dtype, a, b, 12, 6, 5, 7));
        check_all(new_product(*state, a.dtype, a, b, 12, 1, 5, 7));
        check_all(new_product(*state, a.dtype, a, b, 12, 6, 1, 1));
    }
}

static void nothing_to_multiply(void **state)
{
    operand a = {.dtype = GPUPROC_FLOAT32, .stack = 1}, b = a;
    product *p = new_product(*state, GPUPROC_FLOAT32, a, b, 1, 5, 6, 0);
    check(p, 6, 5, 1, 1, false, 2);
    free_product(p);
    p = new_product(*state, GPUPROC_FLOAT32, a, b, 1, 0, 6, 4);
    check(p, 6, 1, 4, 1, true, 1);
    free_product(p);
}

/* ---- a device that fails ---- */

typedef enum fault { NOWHERE, AT_NEW, AT_PANELS, AT_ADD, AT_TAKE, FAULTS } fault;

typedef struct fake {
    gp_device device;
    fault where;
    int from;  /* which of these calls fails, and all that follow */
    atomic_int calls[FAULTS], tiles;
    atomic_int logged, warned;
    uint64_t most_rows; /* of a tile so far */
} fake;

struct gp_device_tile {
    fake *owner;
    uint64_t max[3];
    double *place[2][2], *c;
};

static gpuproc_status may_fail(fake *f, fault where, gpuproc_error *err)
{
    int n = atomic_fetch_add(&f->calls[where], 1);
    if (f->where != where || n < f->from) return GPUPROC_OK;
    return gp_fail(err, GPUPROC_DEVICE_FAILED, "broke at %d, call %d", (int)where, n);
}

static gpuproc_status fake_new(gp_device *device, gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k,
                               gp_device_tile **tile, gpuproc_error *err)
{
    fake *f = (fake *)device;
    gpuproc_status st = may_fail(f, AT_NEW, err);
    if (st != GPUPROC_OK) return st;
    assert_int_equal(dtype, GPUPROC_FLOAT64);
    f->most_rows = gp_max_u64(f->most_rows, m);
    gp_device_tile *t = calloc(1, sizeof *t);
    *t = (gp_device_tile){.owner = f, .max = {m, n, k}, .c = calloc(m * n, 8)};
    for (int i = 0; i < 2; i++) {
        t->place[i][0] = malloc(m * k * 8);
        t->place[i][1] = malloc(k * n * 8);
    }
    atomic_fetch_add(&f->tiles, 1);
    *tile = t;
    return GPUPROC_OK;
}

static void fake_free(gp_device_tile *t)
{
    for (int i = 0; i < 4; i++) free(t->place[i / 2][i % 2]);
    free(t->c);
    atomic_fetch_sub(&t->owner->tiles, 1);
    free(t);
}

static gpuproc_status fake_panels(gp_device_tile *t, unsigned which, gp_device_panel *a, gp_device_panel *b,
                                  gpuproc_error *err)
{
    *a = (gp_device_panel){.data = t->place[which][0]};
    *b = (gp_device_panel){.data = t->place[which][1]};
    return may_fail(t->owner, AT_PANELS, err);
}

static gpuproc_status fake_add(gp_device_tile *t, unsigned which, const gp_device_panel *a, const gp_device_panel *b,
                               uint64_t m, uint64_t n, uint64_t k, bool first, gpuproc_error *err)
{
    assert_true(m <= t->max[0] && n <= t->max[1] && k <= t->max[2]);
    for (uint64_t i = 0; i < m; i++)
        for (uint64_t j = 0; j < n; j++) {
            double sum = first ? 0 : t->c[i * n + j];
            for (uint64_t l = 0; l < k; l++)
                sum += t->place[which][0][a->transposed ? l * m + i : i * k + l] *
                       t->place[which][1][b->transposed ? j * k + l : l * n + j];
            t->c[i * n + j] = sum;
        }
    return may_fail(t->owner, AT_ADD, err);
}

static gpuproc_status fake_take(gp_device_tile *t, void *c, int64_t c_row, uint64_t m, uint64_t n, gpuproc_error *err)
{
    gpuproc_status st = may_fail(t->owner, AT_TAKE, err);
    for (uint64_t i = 0; i < m; i++)
        for (uint64_t j = 0; j < n; j++)
            ((double *)c)[(int64_t)i * c_row + (int64_t)j] = st == GPUPROC_OK ? t->c[i * n + j] : -77;
    return st;
}

static void fake_bytes(gp_device *device, gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, uint64_t *host,
                       uint64_t *there)
{
    (void)device;
    *host = *there = (2 * (m * k + k * n) + m * n) * gpuproc_dtype_bytes(dtype);
}

static const gp_device_matrix_api fake_api = {.tile_new = fake_new, .tile_free = fake_free, .panels = fake_panels,
                                              .add = fake_add, .take = fake_take, .bytes = fake_bytes};

static void note_log(void *ctx, gpuproc_log_level level, const char *message)
{
    if (level == GPUPROC_LOG_WARNING) atomic_fetch_add(&((fake *)ctx)->warned, 1);
    assert_non_null(strstr(message, "fake"));
    atomic_fetch_add(&((fake *)ctx)->logged, 1);
}

static gp_product_counts run_on_chunks(product *p, fake *f, bool cpu, bool other, uint64_t chunk)
{
    gp_product_counts counts;
    gp_device *devices[2] = {&f->device, &f->device};
    f->device.matrix = &fake_api;
    if (f->device.memory_budget == 0) f->device.memory_budget = 1 << 20;
    strcpy(f->device.info.name, "fake");
    p->options.device = devices;
    p->options.devices = other ? 2 : 1;
    p->options.cpu = cpu;
    p->options.log = note_log;
    p->options.log_ctx = f;
    open_product(p);
    read_all(p, chunk);
    gp_product_counts_of(p->source, &counts);
    gp_source_close(p->source);
    assert_int_equal(f->tiles, 0);
    return counts;
}

static gp_product_counts run_on(product *p, fake *f, bool cpu, bool other)
{
    return run_on_chunks(p, f, cpu, other, 8);
}

static product *for_devices(fixture *f, int i)
{
    operand a = {.dtype = i & 1 ? GPUPROC_FLOAT64 : GPUPROC_INT16, .stack = 1, .file = i & 2, .swapped_view = i & 4};
    operand b = {.dtype = GPUPROC_FLOAT64, .stack = 1, .file = i & 8, .swapped_view = i & 16};
    product *p = new_product(f, GPUPROC_FLOAT64, a, b, 1, 40, 22, 17);
    p->tiling = (gp_product_tiling){.strip = i & 32 ? 22 : 11, .rows = 8, .depth = 6, .items = 1, .keep_b = i & 64};
    return p;
}

static void devices_multiply(void **state)
{
    for (int i = 0; i < 128; i++) {
        product *p = for_devices(*state, i);
        fake f = {.where = NOWHERE};
        gp_product_counts counts = run_on(p, &f, false, i % 3 == 0);
        assert_false(counts.used_cpu);
        assert_true(counts.used_device[0] || counts.used_device[1]);
        assert_int_equal(counts.tiles, i & 32 ? 5 : 10);
        assert_int_equal(f.logged, 0);
        fake g = {.where = NOWHERE};
        run_on(p, &g, true, false);
        free_product(p);
    }
}

static void failing_devices_are_replaced(void **state)
{
    for (int where = AT_NEW; where < FAULTS; where++)
        for (int from = 0; from < 20; from++)
            for (int i = 0; i < 4; i++) {
                product *p = for_devices(*state, 37 * from + i * 13 + 1);
                fake f = {.where = (fault)where, .from = from};
                gp_product_counts counts = run_on(p, &f, i & 1, i & 2);
                bool failed = atomic_load(&f.calls[where]) > from;
                if (failed) assert_true(f.logged >= 1 && f.logged <= 2);
                if (failed && where != AT_NEW) assert_true(counts.tiles_again > 0 && counts.used_cpu);
                if (!failed) assert_int_equal(counts.tiles_again, 0);
                if (where != AT_NEW) assert_int_equal(counts.devices_lost, 0);
                else if (i == 0) assert_int_equal(counts.devices_lost, failed); /* nobody else began without it */
                free_product(p);
            }
}

/* A device takes lower tiles where its memory holds no others, and where even those do not fit, none. */
static void memory_of_devices_bounds_tiles(void **state)
{
    static const struct {
        uint64_t bytes, rows;
    } cases[] = {{1 << 20, 400}, {110000, 200}, {70000, 100}, {40000, 50}, {1000, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int no_fallback = 0; no_fallback < 2; no_fallback++) {
            operand a = {.dtype = GPUPROC_FLOAT64, .stack = 1, .file = c & 1}, b = a;
            product *p = new_product(*state, GPUPROC_FLOAT64, a, b, 1, 400, 22, 17);
            fake f = {.device = {.memory_budget = cases[c].bytes}};
            if (cases[c].rows == 0 && no_fallback) {
                free_product(p);
                continue;
            }
            p->tiling = (gp_product_tiling){.strip = 22, .rows = 400, .depth = 17, .items = 1};
            p->options.no_fallback = no_fallback;
            gp_product_counts counts = run_on_chunks(p, &f, false, false, 400);
            assert_int_equal(f.most_rows, cases[c].rows);
            assert_int_equal(f.logged, cases[c].rows < 400);
            assert_int_equal(f.warned, 0);
            assert_int_equal(counts.used_cpu, cases[c].rows == 0);
            assert_int_equal(counts.used_device[0], cases[c].rows > 0);
            assert_int_equal(counts.tiles_again + counts.devices_lost, 0);
            free_product(p);
        }
}

static void without_fallback_reads_fail(void **state)
{
    for (int where = AT_NEW; where < FAULTS; where++) {
        product *p = for_devices(*state, 1);
        fake f = {.where = (fault)where, .device = {.matrix = &fake_api, .memory_budget = 1 << 20}};
        gp_device *device = &f.device;
        p->options.device = &device;
        p->options.devices = 1;
        p->options.cpu = false;
        p->options.no_fallback = true;
        open_product(p);
        for (int i = 0; i < 2; i++) {
            gp_walk walk = {.shape = {2, {40, 11}}, .stride = {22, 1}};
            gp_read r = {.walk = &walk, .buffer = gp_pages_alloc(40 * 11 * 8)};
            read_now(&r, p->source, 0, 40 * 11);
            assert_int_equal(r.status, GPUPROC_DEVICE_FAILED);
            assert_non_null(strstr(r.error.message, "broke"));
            gp_pages_free(r.buffer, 40 * 11 * 8);
        }
        gp_source_close(p->source);
        assert_int_equal(f.tiles, 0);
        free_product(p);
    }
}

/* ---- what goes wrong ---- */

static int fails_behind(void *ctx, uint64_t first, uint64_t count, void *out)
{
    memset(out, 0, count * 4);
    return first + count > *(uint64_t *)ctx ? EIO : 0;
}

/* The first error of an operand ends the reads that need it, and no others. */
static void errors_of_operands_end_reads(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 8; i++) {
        operand a = {.dtype = GPUPROC_FLOAT32, .stack = 1}, b = a;
        product *p = new_product(f, GPUPROC_FLOAT32, a, b, 1, 40, 12, 30);
        uint64_t good = i & 1 ? 20 * 30 : 10 * 12;
        gp_origin origin = {.kind = GP_ORIGIN_FUNCTION, .dtype = GPUPROC_FLOAT32, .fd = -1, .generate = fails_behind,
                            .generate_ctx = &good};
        origin.shape = i & 1 ? p->a.origin.shape : p->b.origin.shape;
        origin.count = gp_shape_size(&origin.shape);
        gp_source *source = NULL;
        assert_int_equal(gp_source_open(&origin, f->engine, false, &source, NULL), GPUPROC_OK);
        p->options.source[i & 1 ? 0 : 1] = source;
        p->tiling = (gp_product_tiling){.strip = 12, .rows = 10, .depth = 15, .items = 1, .keep_b = i & 2};
        open_product(p);
        reading r[4] = {{.row = 0}};
        waiter w = WAITER;
        for (uint64_t t = 0; t < 4; t++) {
            r[t] = (reading){.w = &w, .read = {.source = p->source, .first = t * 10 * 12, .count = 10 * 12,
                                               .done = reading_ended, .ctx = &r[t], .buffer = gp_pages_alloc(8192)}};
            gp_source_read(&r[t].read);
        }
        wait_for(&w, 4);
        for (int t = 0; t < 4; t++) {
            bool ok = (i & 1) && t < 2;
            assert_int_equal(r[t].read.status, ok ? GPUPROC_OK : GPUPROC_IO_READ);
            gp_pages_free(r[t].read.buffer, 8192);
        }
        gp_source_close(p->source);
        gp_source_close(source);
        free_product(p);
    }
}

static void cancelled_and_wrong_reads_fail(void **state)
{
    operand a = {.dtype = GPUPROC_FLOAT32, .stack = 1, .file = true}, b = a;
    product *p = new_product(*state, GPUPROC_FLOAT32, a, b, 1, 40, 12, 30);
    char *buffer = gp_pages_alloc(1 << 16);
    gp_read r = {.buffer = buffer};
    p->tiling = (gp_product_tiling){.strip = 12, .rows = 10, .depth = 15, .items = 1};
    open_product(p);
    read_now(&r, p->source, 5, 12);
    assert_int_equal(r.status, GPUPROC_INTERNAL);
    read_now(&r, p->source, 39 * 12, 24);
    assert_int_equal(r.status, GPUPROC_INTERNAL);
    gp_walk beyond = {.shape = {2, {40, 5}}, .offset = 8, .stride = {12, 1}};
    r.walk = &beyond;
    read_now(&r, p->source, 0, 5);
    assert_int_equal(r.status, GPUPROC_INTERNAL);
    /* One row, one column, and a few rows in the middle. */
    gp_walk walks[] = {{.shape = {1, {7}}, .offset = 3 * 12 + 2, .stride = {1}},
                       {.shape = {1, {40}}, .offset = 4, .stride = {12}},
                       {.shape = {2, {9, 3}}, .offset = 5 * 12 + 1, .stride = {12, 1}},
                       {.shape = {1, {24}}, .offset = 12, .stride = {1}}};
    for (int i = 0; i < 4; i++) {
        r.walk = &walks[i];
        read_now(&r, p->source, 0, gp_shape_size(&walks[i].shape));
        assert_int_equal(r.status, GPUPROC_OK);
        for (int64_t at = 0; at < (int64_t)r.count; at++) {
            int64_t wide = walks[i].shape.dim[1], e = walks[i].offset + at * walks[i].stride[0];
            if (walks[i].shape.ndim == 2) e = walks[i].offset + at / wide * 12 + at % wide;
            assert_true(((float *)r.data)[at] == (float)creal(p->exact[e]));
        }
    }
    r.walk = NULL;
    gp_source_cancel(p->source);
    read_now(&r, p->source, 0, 12);
    assert_int_equal(r.status, GPUPROC_CANCELLED);
    gp_source_close(p->source);
    gp_pages_free(buffer, 1 << 16);
    free_product(p);
}

/* Sums that round: the bits are the same with any number of workers, wherever the operands are. */
static void bits_do_not_depend_on_workers_or_place(void **state)
{
    const uint64_t m = 150, n = 130, k = 700;
    float *first = malloc(m * n * 4), *buffer = gp_pages_alloc(m * n * 4);
    for (int i = 0; i < 12; i++) {
        operand a = {.dtype = GPUPROC_FLOAT32, .stack = 1, .file = i & 1}, b = {.dtype = GPUPROC_FLOAT32, .stack = 1, .file = i & 2};
        product *p = new_product(*state, GPUPROC_FLOAT32, a, b, 1, m, n, k);
        unsigned seed = 7;
        for (uint64_t e = 0; e < m * k; e++) ((float *)p->a.values)[e] = 1.0f / (float)(1 + next_random(&seed) % 1000);
        for (uint64_t e = 0; e < k * n; e++) ((float *)p->b.values)[e] = 1.0f / (float)(1 + next_random(&seed) % 1000);
        if (a.file) put_file(p->a.path, p->a.values, m * k * 4);
        if (b.file) put_file(p->b.path, p->b.values, k * n * 4);
        p->exact = calloc(1, 16);
        p->tiling = (gp_product_tiling){.strip = n, .rows = 64, .depth = 256, .items = 1, .keep_b = i & 1, .whole = i & 2};
        p->options.workers.count = 1 + (unsigned)i / 4;
        open_product(p);
        for (uint64_t row = 0; row < m; row += 64) {
            gp_read r = {.buffer = buffer};
            read_now(&r, p->source, row * n, gp_min_u64(64, m - row) * n);
            assert_int_equal(r.status, GPUPROC_OK);
            if (i == 0) memcpy(first + row * n, r.data, r.count * 4);
            assert_memory_equal(first + row * n, r.data, r.count * 4);
        }
        gp_source_close(p->source);
        free_product(p);
    }
    free(first);
    gp_pages_free(buffer, m * n * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(operands_of_every_order, with_uring, fixture_close),
        cmocka_unit_test_setup_teardown(every_dtype_by_every_other, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(stacks, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(nothing_to_multiply, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(devices_multiply, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(failing_devices_are_replaced, with_threads, fixture_close),
        cmocka_unit_test(spans_that_nobody_takes),
        cmocka_unit_test_setup_teardown(memory_of_devices_bounds_tiles, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(without_fallback_reads_fail, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(errors_of_operands_end_reads, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(cancelled_and_wrong_reads_fail, with_threads, fixture_close),
        cmocka_unit_test_setup_teardown(bits_do_not_depend_on_workers_or_place, with_threads, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
