/* device/cpu: blocks, slots and the pool, with loops of the test's own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "array/half.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "device/cpu/cpu_walk.h"

#include <fenv.h>
#include <math.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- Loops ---- */

#define LOOP2(name, type, to, expression)                                                        \
    static uint32_t name(void *dst, const void *pa, const void *pb, const void *pc, size_t n)    \
    {                                                                                            \
        const type *a = pa, *b = pb;                                                             \
        to *d = dst;                                                                             \
        (void)pc;                                                                                \
        (void)b;                                                                                 \
        if (n > GP_BLOCK) abort();                                                               \
        for (size_t i = 0; i < n; i++) d[i] = expression;                                        \
        return 0;                                                                                \
    }
LOOP2(add_f4, float, float, a[i] + b[i])
LOOP2(mul_f4, float, float, a[i] * b[i])
LOOP2(sqrt_f4, float, float, sqrtf(a[i]))
LOOP2(add_f8, double, double, a[i] + b[i])
LOOP2(mul_f8, double, double, a[i] * b[i])
LOOP2(add_i4, int32_t, int32_t, (int32_t)((uint32_t)a[i] + (uint32_t)b[i]))
LOOP2(gt_f4, float, uint8_t, a[i] > b[i])
LOOP2(cast_f4_f8, float, double, a[i])
LOOP2(cast_f8_i1, double, int8_t, (int8_t)a[i])
LOOP2(cast_f8_u2, double, uint16_t, (uint16_t)a[i])
LOOP2(cast_f8_f4, double, float, (float)a[i])

static uint32_t floordiv_i4(void *dst, const void *pa, const void *pb, const void *pc, size_t n)
{
    const int32_t *a = pa, *b = pb;
    int32_t *d = dst;
    uint32_t flags = 0;
    (void)pc;
    for (size_t i = 0; i < n; i++) {
        if (b[i] == 0) flags = GP_FLAG_DIVIDE;
        d[i] = b[i] == 0 ? 0 : a[i] / b[i];
    }
    return flags;
}

static uint32_t where_f4(void *dst, const void *pa, const void *pb, const void *pc, size_t n)
{
    const uint8_t *c = pa;
    const float *a = pb, *b = pc;
    float *d = dst;
    for (size_t i = 0; i < n; i++) d[i] = c[i] ? a[i] : b[i];
    return 0;
}

static atomic_uint streamed; /* bytes */

static void copy_stream(void *dst, const void *src, size_t bytes)
{
    if ((uintptr_t)dst % 64 != 0) abort();
    atomic_fetch_add(&streamed, (unsigned)bytes);
    memcpy(dst, src, bytes);
}

static const gp_cpu_ops ops = {
    .name = "test",
    .op = {[GP_OP_ADD] = {[GPUPROC_FLOAT32] = add_f4, [GPUPROC_FLOAT64] = add_f8, [GPUPROC_INT32] = add_i4},
           [GP_OP_MUL] = {[GPUPROC_FLOAT32] = mul_f4, [GPUPROC_FLOAT64] = mul_f8},
           [GP_OP_SQRT] = {[GPUPROC_FLOAT32] = sqrt_f4},
           [GP_OP_GT] = {[GPUPROC_FLOAT32] = gt_f4},
           [GP_OP_FLOORDIV] = {[GPUPROC_INT32] = floordiv_i4},
           [GP_OP_WHERE] = {[GPUPROC_FLOAT32] = where_f4}},
    .cast = {[GPUPROC_FLOAT32] = {[GPUPROC_FLOAT64] = cast_f4_f8},
             [GPUPROC_FLOAT64] = {[GPUPROC_INT8] = cast_f8_i1, [GPUPROC_UINT16] = cast_f8_u2,
                                  [GPUPROC_FLOAT32] = cast_f8_f4}},
    .copy_stream = copy_stream,
};

static void count_bool(void *partial, const void *pv, size_t n, uint64_t first)
{
    gp_partial_count *p = partial;
    const uint8_t *v = pv;
    (void)first;
    for (size_t i = 0; i < n; i++) p->count += v[i];
}

/* Enough to see which block was where: its number of elements and its first index. */
static void mark_block(void *partial, const void *v, size_t n, uint64_t first)
{
    gp_partial_moments *p = partial;
    p->mean = (double)n + ((const double *)v)[0];
    p->m2 = (double)first;
}

static const gp_cpu_reducers reducers = {
    .name = "test",
    .reduce = {[GP_REDUCE_COUNT] = {[GPUPROC_BOOL] = count_bool},
               [GP_REDUCE_MOMENTS] = {[GPUPROC_FLOAT64] = mark_block}},
};

/* ---- Passes ---- */

#define MAX 8
typedef struct fixture {
    gp_program program;
    gp_pass pass;
    gp_pass_input input[MAX];
    gp_pass_output output[MAX];
    gp_pass_reduce reduce[MAX];
    int uniform[MAX];
    gp_device *device;
    gp_device_program *ready;
} fixture;

static void init(fixture *f, const gp_shape *shape)
{
    memset(f, 0, sizeof *f);
    f->pass.program = &f->program;
    f->pass.shape = *shape;
    f->pass.count = gp_shape_size(shape);
    f->pass.input = f->input;
    f->pass.output = f->output;
    f->pass.reduce = f->reduce;
    f->pass.uniform = f->uniform;
}

static void init_flat(fixture *f, uint64_t count) { init(f, &(gp_shape){1, {(int64_t)count}}); }

static int streamed_input(fixture *f, gp_dtype dtype)
{
    int node = gp_ir_input(&f->program, "x", dtype, &f->pass.shape);
    f->input[f->pass.inputs++] =
        (gp_pass_input){.input = (int)f->program.inputs - 1, .node = node, .dtype = dtype, .streamed = true, .count = f->pass.count};
    return node;
}

static int resident_input(fixture *f, gp_dtype dtype, const gp_shape *shape, bool fortran)
{
    int node = gp_ir_input(&f->program, "r", dtype, shape);
    gp_pass_input *in = &f->input[f->pass.inputs++];
    *in = (gp_pass_input){.input = (int)f->program.inputs - 1, .node = node, .dtype = dtype,
                          .count = gp_shape_size(shape)};
    gp_shape_broadcast_strides(shape, fortran, &f->pass.shape, in->stride);
    return node;
}

static int op(fixture *f, gp_op what, gp_dtype dtype, int a, int b, int c)
{
    int node = gp_ir_op(&f->program, what, dtype, a, b, c);
    assert_true(node >= 0);
    return node;
}

static int constant(fixture *f, gp_dtype dtype, double value)
{
    gpuproc_scalar s = {.dtype = dtype};
    if (gp_dtype_is_float(dtype)) {
        s.value.f = value;
    } else {
        s.value.i = (int64_t)value;
    }
    return gp_ir_const(&f->program, s);
}

static void output(fixture *f, int node)
{
    f->output[f->pass.outputs++] = (gp_pass_output){node, f->program.node[node].dtype};
}

static void reduce(fixture *f, int kind, int node)
{
    f->reduce[f->pass.reduces++] = (gp_pass_reduce){kind, node, f->program.node[node].dtype};
}

static void make_ready(fixture *f, unsigned threads)
{
    assert_int_equal(gp_cpu_device_new_with(&ops, &reducers, threads, &f->device, NULL), GPUPROC_OK);
    assert_int_equal(f->device->api->program_new(f->device, &f->pass, &f->ready, NULL), GPUPROC_OK);
}

static gp_slot *new_slot(fixture *f, uint64_t max_count, bool want_in, bool want_out)
{
    bool in[MAX], out[MAX];
    gp_slot *slot;
    for (int i = 0; i < MAX; i++) in[i] = want_in, out[i] = want_out;
    assert_int_equal(f->device->api->slot_new(f->ready, max_count, in, out, &slot, NULL), GPUPROC_OK);
    return slot;
}

static void cleanup(fixture *f)
{
    f->device->api->program_free(f->ready);
    f->device->api->close(f->device);
    gp_program_free(&f->program);
}

static void post(gp_chunk *chunk) { sem_post(chunk->ctx); }

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0) continue;
}

/* Submits one chunk and waits for it. */
static gp_chunk run(fixture *f, gp_slot *slot, uint64_t first, uint64_t count,
                    const void *const *in, void *const *out, const uint64_t *uniform)
{
    sem_t sem;
    sem_init(&sem, 0, 0);
    gp_chunk chunk = {.first = first, .count = count, .input = in, .output = out,
                      .uniform = uniform, .done = post, .ctx = &sem, .status = GPUPROC_INTERNAL};
    assert_int_equal(f->device->api->submit(slot, &chunk, NULL), GPUPROC_OK);
    wait_for(&sem);
    sem_destroy(&sem);
    assert_int_equal(chunk.status, GPUPROC_OK);
    return chunk;
}

static float sample(uint64_t i) { return (float)(i * 2654435761u % 1000) / 8 - 30; }

#define GUARD 64
/* n elements with guard zones, `shift` bytes off a cache line. */
static unsigned char *guarded(size_t bytes, size_t shift)
{
    unsigned char *p = aligned_alloc(64, (bytes + 4 * GUARD) / 64 * 64);
    assert_non_null(p);
    memset(p, 0xA5, (bytes + 4 * GUARD) / 64 * 64);
    return p + GUARD + shift;
}

static void check_guard(unsigned char *p, size_t bytes, size_t shift)
{
    for (size_t i = 0; i < GUARD; i++) assert_int_equal(p[-1 - (ptrdiff_t)i], 0xA5);
    for (size_t i = 0; i < GUARD; i++) assert_int_equal(p[bytes + i], 0xA5);
    free(p - GUARD - shift);
}

/* ---- Tests ---- */

/* sqrt(x*x + y*y), in place, for sizes around blocks, thread counts, and addresses. */
static void test_hypot(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 1023, 1024, 1025, 2048, 10 * 1024 + 7, 200 * 1024 + 13};
    static const unsigned threads[] = {1, 2, 5};
    for (size_t t = 0; t < 3; t++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            size_t n = sizes[k];
            fixture f;
            init_flat(&f, n);
            int x = streamed_input(&f, GPUPROC_FLOAT32), y = streamed_input(&f, GPUPROC_FLOAT32);
            int xx = op(&f, GP_OP_MUL, GPUPROC_FLOAT32, x, x, -1);
            int yy = op(&f, GP_OP_MUL, GPUPROC_FLOAT32, y, y, -1);
            int sum = op(&f, GP_OP_ADD, GPUPROC_FLOAT32, xx, yy, -1);
            output(&f, op(&f, GP_OP_SQRT, GPUPROC_FLOAT32, sum, -1, -1));
            make_ready(&f, threads[t]);
            gp_slot *slot = new_slot(&f, n, false, false);
            assert_null(slot->input[0]);
            assert_null(slot->output[0]);
            /* Also from addresses that are not aligned to the dtype. */
            for (size_t shift = 0; shift <= 5; shift += 5) {
                unsigned char *a = guarded(4 * n, shift), *b = guarded(4 * n, 0);
                unsigned char *z = guarded(4 * n, shift);
                for (size_t i = 0; i < n; i++) {
                    float u = sample(i), v = sample(i + 77);
                    memcpy(a + 4 * i, &u, 4);
                    memcpy(b + 4 * i, &v, 4);
                }
                const void *in[] = {a, b};
                void *out[] = {z};
                run(&f, slot, 0, n, in, out, NULL);
                for (size_t i = 0; i < n; i++) {
                    float u = sample(i), v = sample(i + 77), got;
                    memcpy(&got, z + 4 * i, 4);
                    assert_true(got == sqrtf(u * u + v * v));
                }
                check_guard(a, 4 * n, shift);
                check_guard(b, 4 * n, 0);
                check_guard(z, 4 * n, shift);
            }
            f.device->api->slot_free(slot);
            cleanup(&f);
        }
    }
}

/* Outputs of every kind: a value that is used further, twice the same, an input, a
 * constant, a uniform; into staging and into memory. */
static void test_outputs(void **state)
{
    (void)state;
    enum { N = 3000 };
    for (int staged = 0; staged < 2; staged++) {
        fixture f;
        init_flat(&f, N);
        int x = streamed_input(&f, GPUPROC_FLOAT32);
        int u = gp_ir_reduce(&f.program, GP_OP_MEAN, GPUPROC_FLOAT32, x, 0);
        f.uniform[0] = u;
        f.pass.uniforms = 1;
        int c = constant(&f, GPUPROC_FLOAT32, 1.5);
        int a = op(&f, GP_OP_ADD, GPUPROC_FLOAT32, x, c, -1);
        int b = op(&f, GP_OP_MUL, GPUPROC_FLOAT32, a, u, -1);
        int w = op(&f, GP_OP_WHERE, GPUPROC_FLOAT32, op(&f, GP_OP_GT, GPUPROC_BOOL, a, b, -1), a, c);
        int nodes[] = {a, b, a, x, c, u, w};
        for (int i = 0; i < 7; i++) output(&f, nodes[i]);
        make_ready(&f, 2);
        gp_slot *slot = new_slot(&f, N, staged, staged);
        float *memory = gp_calloc(8 * N, sizeof(float));
        const void *in[1];
        void *out[7];
        float *xs = staged ? slot->input[0] : memory + 7 * N;
        for (size_t i = 0; i < N; i++) xs[i] = sample(i);
        in[0] = xs;
        for (int i = 0; i < 7; i++) out[i] = staged ? slot->output[i] : memory + i * N;
        /* The second chunk brings another uniform. */
        for (double mean = 0.5; mean < 3; mean += 1.75) {
            uint64_t bits;
            memcpy(&bits, &mean, sizeof bits);
            run(&f, slot, 0, N, in, out, &bits);
            for (size_t i = 0; i < N; i++) {
                float va = sample(i) + 1.5f, vb = va * (float)mean;
                float want[] = {va, vb, va, sample(i), 1.5f, (float)mean, va > vb ? va : 1.5f};
                for (int k = 0; k < 7; k++) assert_true(((float *)out[k])[i] == want[k]);
            }
        }
        free(memory);
        f.device->api->slot_free(slot);
        cleanup(&f);
    }
}

/* Many chunks under way on few slots, of which each comes back before it is used again. */
static void test_queue(void **state)
{
    (void)state;
    enum { CHUNK = 20 * GP_BLOCK, CHUNKS = 40, SLOTS = 3, N = CHUNK * CHUNKS - 17 };
    fixture f;
    init_flat(&f, N);
    int x = streamed_input(&f, GPUPROC_FLOAT32);
    int sum = op(&f, GP_OP_ADD, GPUPROC_FLOAT32, x, x, -1);
    output(&f, sum);
    reduce(&f, GP_REDUCE_COUNT, op(&f, GP_OP_GT, GPUPROC_BOOL, sum, constant(&f, GPUPROC_FLOAT32, 0), -1));
    make_ready(&f, 3);
    float *xs = gp_calloc(N, sizeof *xs), *zs = gp_calloc(N, sizeof *zs);
    uint64_t want = 0, got = 0;
    for (size_t i = 0; i < N; i++) {
        xs[i] = sample(i);
        want += xs[i] > 0;
    }
    gp_slot *slot[SLOTS];
    gp_chunk chunk[SLOTS];
    const void *in[SLOTS][1];
    void *out[SLOTS][1];
    sem_t sem[SLOTS];
    for (int s = 0; s < SLOTS; s++) {
        slot[s] = new_slot(&f, CHUNK, false, false);
        sem_init(&sem[s], 0, 0);
        assert_int_equal(slot[s]->partials, 3);
    }
    for (int c = 0; c < CHUNKS + SLOTS; c++) {
        int s = c % SLOTS;
        if (c >= SLOTS) {
            wait_for(&sem[s]);
            assert_int_equal(chunk[s].status, GPUPROC_OK);
            assert_true(chunk[s].kernel.begin_ns > 0);
            assert_true(chunk[s].kernel.end_ns >= chunk[s].kernel.begin_ns);
            const gp_partial_count *p = slot[s]->partial[0];
            for (size_t i = 0; i < slot[s]->partials; i++) got += p[i].count;
        }
        if (c >= CHUNKS) continue;
        uint64_t first = (uint64_t)c * CHUNK;
        in[s][0] = xs + first;
        out[s][0] = zs + first;
        chunk[s] = (gp_chunk){.first = first, .count = gp_min_u64(CHUNK, N - first), .input = in[s],
                              .output = out[s], .done = post, .ctx = &sem[s]};
        assert_int_equal(f.device->api->submit(slot[s], &chunk[s], NULL), GPUPROC_OK);
    }
    assert_true(got == want);
    for (size_t i = 0; i < N; i++) assert_true(zs[i] == xs[i] + xs[i]);
    for (int s = 0; s < SLOTS; s++) {
        f.device->api->slot_free(slot[s]);
        sem_destroy(&sem[s]);
    }
    free(xs);
    free(zs);
    cleanup(&f);
}

/* Ordered partials: one per block, in its place, whatever worker made it; and indices
 * past 2^32, of a pass that is longer than any memory. */
static void test_ordered(void **state)
{
    (void)state;
    enum { N = 33 * GP_BLOCK + 5 };
    const uint64_t first = (uint64_t)GP_BLOCK << 30;
    fixture f;
    init_flat(&f, first + N);
    int x = streamed_input(&f, GPUPROC_FLOAT64);
    reduce(&f, GP_REDUCE_MOMENTS, op(&f, GP_OP_ADD, GPUPROC_FLOAT64, x, x, -1));
    make_ready(&f, 4);
    gp_slot *slot = new_slot(&f, N, true, true);
    double *xs = slot->input[0];
    for (size_t i = 0; i < N; i++) xs[i] = (double)i;
    const void *in[] = {xs};
    run(&f, slot, first, N, in, NULL, NULL);
    const gp_partial_moments *p = slot->partial[0];
    for (size_t b = 0; b < 34; b++) {
        double n = b < 33 ? GP_BLOCK : 5;
        assert_true(p[b].mean == n + 2.0 * (double)(b * GP_BLOCK));
        assert_true(p[b].m2 == (double)(first + b * GP_BLOCK));
    }
    uint64_t host, device, host2;
    f.device->api->slot_bytes(f.ready, N, &host, &device);
    f.device->api->slot_bytes(f.ready, 2 * N, &host2, &device);
    assert_true(host >= N * 8 + GP_STAGING_SLACK + 34 * sizeof *p);
    assert_true(host2 > host + N * 8);
    assert_true(device == 0);
    f.device->api->slot_bytes(f.ready, UINT64_MAX / 2, &host, &device);
    assert_true(host == UINT64_MAX);
    f.device->api->slot_free(slot);
    cleanup(&f);
}

/* Large outputs to memory go past the cache; staging and addresses off a line do not. */
static void test_stream_stores(void **state)
{
    (void)state;
    enum { N = 5 * GP_BLOCK + 3 };
    fixture f;
    init_flat(&f, (uint64_t)1 << 30);
    int x = streamed_input(&f, GPUPROC_FLOAT32);
    int a = op(&f, GP_OP_ADD, GPUPROC_FLOAT32, x, x, -1);
    output(&f, op(&f, GP_OP_MUL, GPUPROC_FLOAT32, a, a, -1));
    output(&f, a);
    make_ready(&f, 2);
    gp_slot *slot = new_slot(&f, N, true, true);
    float *xs = slot->input[0];
    for (size_t i = 0; i < N; i++) xs[i] = sample(i);
    for (size_t shift = 0; shift <= 4; shift += 4) {
        unsigned char *z = guarded(4 * N, shift);
        const void *in[] = {xs};
        void *out[] = {z, slot->output[1]};
        atomic_store(&streamed, 0);
        run(&f, slot, 1 << 20, N, in, out, NULL);
        assert_int_equal(atomic_load(&streamed), shift == 0 ? 4 * N : 0);
        for (size_t i = 0; i < N; i++) {
            float two = sample(i) + sample(i);
            assert_true(((float *)(void *)z)[i] == two * two);
            assert_true(((float *)slot->output[1])[i] == two);
        }
        check_guard(z, 4 * N, shift);
    }
    f.device->api->slot_free(slot);
    cleanup(&f);
}

/* The offset that NumPy's rules give element i of `shape` in an operand. */
static uint64_t offset_of(const gp_shape *shape, const int64_t *stride, uint64_t i)
{
    uint64_t offset = 0;
    for (int d = shape->ndim - 1; d >= 0; d--) {
        uint64_t dim = (uint64_t)shape->dim[d];
        if (dim > 1) offset += i % dim * (uint64_t)stride[d];
        i /= dim;
    }
    return offset;
}

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void test_walk(void **state)
{
    (void)state;
    unsigned seed = 5;
    unsigned char buffer[GP_BLOCK * 8], *operand = gp_calloc(70000, 8);
    for (size_t i = 0; i < 70000 * 8; i++) operand[i] = (unsigned char)(i * 31 + i / 251);
    for (int round = 0; round < 600; round++) {
        gp_shape to = {(int)(next(&seed) % 6), {0}}, from = to;
        uint64_t total = 1;
        for (int d = 0; d < to.ndim; d++) {
            static const int64_t lengths[] = {1, 2, 3, 7, 64, 1025};
            to.dim[d] = lengths[next(&seed) % 6];
            if (total * (uint64_t)to.dim[d] > 60000) to.dim[d] = 1;
            total *= (uint64_t)to.dim[d];
            from.dim[d] = next(&seed) % 2 ? to.dim[d] : 1;
        }
        /* Leading axes may be missing, as in (3,) against (5, 3). */
        while (from.ndim > 0 && from.dim[0] == 1 && next(&seed) % 2) {
            from.ndim--;
            memmove(from.dim, from.dim + 1, (size_t)from.ndim * sizeof from.dim[0]);
        }
        int64_t stride[GPUPROC_MAX_NDIM] = {0};
        gp_shape_broadcast_strides(&from, next(&seed) % 2, &to, stride);
        gp_cpu_walk walk;
        gp_cpu_walk_init(&walk, &to, 0, stride);
        size_t bytes = (size_t)1 << next(&seed) % 4;
        uint64_t first = next(&seed) % total;
        size_t n = (size_t)gp_min_u64(total - first, 1 + next(&seed) % GP_BLOCK);
        const unsigned char *got = gp_cpu_walk_get(&walk, operand, bytes, first, n, buffer);
        for (size_t i = 0; i < n; i++)
            assert_memory_equal(got + i * bytes, operand + offset_of(&to, stride, first + i) * bytes,
                                bytes);
    }
    free(operand);
}

/* Slices, reversed and transposed ones too: offset and strides as they come, inside 70000 elements;
 * and the same as numbers. */
static void test_walk_slices(void **state)
{
    (void)state;
    enum { ROOM = 70000 };
    unsigned seed = 6;
    static unsigned char buffer[GP_BLOCK * 16], operand[ROOM * 16];
    int64_t number[GP_BLOCK];
    for (size_t i = 0; i < sizeof operand; i++) operand[i] = (unsigned char)(i * 31 + i / 251);
    for (int round = 0; round < 2000; round++) {
        static const int64_t lengths[] = {1, 2, 3, 7, 64, 1025};
        gp_shape to = {1 + (int)(next(&seed) % 5), {0}};
        int64_t stride[GPUPROC_MAX_NDIM] = {0}, below = 0, above = 0;
        uint64_t total = 1;
        for (int d = 0; d < to.ndim; d++) {
            to.dim[d] = lengths[next(&seed) % 6];
            if (total * (uint64_t)to.dim[d] > 60000) to.dim[d] = 2;
            total *= (uint64_t)to.dim[d];
            stride[d] = (int64_t)(next(&seed) % 13) - 6;
            if (d > 0 && next(&seed) % 2) stride[d - 1] = stride[d] * to.dim[d]; /* mergeable */
            if (next(&seed) % 8 == 0) stride[d] = 0;
        }
        for (int d = 0; d < to.ndim; d++)
            *(stride[d] < 0 ? &below : &above) += stride[d] * (to.dim[d] - 1);
        if (above - below >= ROOM) continue;
        int64_t offset = -below + (int64_t)(next(&seed) % (unsigned)(ROOM - (above - below)));
        gp_cpu_walk walk;
        gp_cpu_walk_init(&walk, &to, offset, stride);
        size_t bytes = (size_t)1 << next(&seed) % 5;
        uint64_t first = next(&seed) % total;
        size_t n = (size_t)gp_min_u64(total - first, 1 + next(&seed) % GP_BLOCK);
        const unsigned char *got = gp_cpu_walk_get(&walk, operand, bytes, first, n, buffer);
        gp_cpu_walk_numbers(&walk, first, n, number);
        for (size_t i = 0; i < n; i++) {
            uint64_t at = (uint64_t)offset + offset_of(&to, stride, first + i);
            assert_true(at < ROOM);
            assert_int_equal(number[i], at);
            assert_memory_equal(got + i * bytes, operand + at * bytes, bytes);
        }
    }
}

/* Numbers of INDEX nodes may be any int64, and wrap round. */
static void test_numbers_wrap(void **state)
{
    (void)state;
    const gp_shape to = {2, {3, 5}};
    const int64_t stride[] = {INT64_MIN, INT64_MAX};
    int64_t number[15];
    gp_cpu_walk walk;
    gp_cpu_walk_init(&walk, &to, INT64_MIN + 1, stride);
    gp_cpu_walk_numbers(&walk, 0, 15, number);
    for (uint64_t i = 0; i < 15; i++) {
        uint64_t want = (uint64_t)INT64_MIN + 1 + i / 5 * (uint64_t)INT64_MIN + i % 5 * (uint64_t)INT64_MAX;
        assert_true((uint64_t)number[i] == want);
    }
}

/* With the real loops: index numbers, a table, a filled uniform, float16 and complex values in
 * scratch, outputs at odd addresses. */
static void test_new_nodes(void **state)
{
    (void)state;
    enum { ROWS = 700, COLS = 9, N = ROWS * COLS, TABLE = 101 };
    fixture f;
    gp_pass_index index[2];
    init(&f, &(gp_shape){2, {ROWS, COLS}});
    gp_walk walk = {.shape = f.pass.shape, .offset = 50, .stride = {0, -3}};
    gp_walk other = {.shape = f.pass.shape, .offset = -7, .stride = {1, 1000}};
    int small = gp_ir_index(&f.program, &walk), large = gp_ir_index(&f.program, &other);
    index[0] = (gp_pass_index){.node = small, .offset = 50, .stride = {0, -3}};
    index[1] = (gp_pass_index){.node = large, .offset = -7, .stride = {1, 1000}};
    f.pass.index = index;
    f.pass.indices = 2;

    int source = gp_ir_input(&f.program, "t", GPUPROC_COMPLEX128, &(gp_shape){1, {TABLE}});
    int table = gp_ir_table(&f.program, source);
    f.input[f.pass.inputs++] = (gp_pass_input){.node = table, .dtype = GPUPROC_COMPLEX128,
                                               .count = TABLE, .table = true};
    int half = streamed_input(&f, GPUPROC_FLOAT16);
    int uniform = op(&f, GP_OP_NEG, GPUPROC_FLOAT16, constant(&f, GPUPROC_FLOAT16, 1.5), -1, -1);
    f.uniform[f.pass.uniforms++] = uniform;

    int taken = op(&f, GP_OP_TAKE, GPUPROC_COMPLEX128, table, small, -1);
    int re = op(&f, GP_OP_REAL, GPUPROC_FLOAT64, taken, -1, -1);
    int wide = op(&f, GP_OP_CAST, GPUPROC_FLOAT64, half, -1, -1);
    int sum = op(&f, GP_OP_ADD, GPUPROC_FLOAT64, re, wide, -1);
    int filled = gp_ir_fill(&f.program, uniform, &f.pass.shape);
    int filled_wide = op(&f, GP_OP_CAST, GPUPROC_FLOAT64, filled, -1, -1);
    output(&f, op(&f, GP_OP_PACK, GPUPROC_COMPLEX128, sum, filled_wide, -1));
    output(&f, op(&f, GP_OP_CAST, GPUPROC_FLOAT16, sum, -1, -1));
    output(&f, small);
    output(&f, filled);
    output(&f, large);
    assert_int_equal(gp_cpu_device_new(2, &f.device, NULL), GPUPROC_OK);
    gpuproc_error err;
    if (f.device->api->program_new(f.device, &f.pass, &f.ready, &err) != GPUPROC_OK) fail_msg("%s", err.message);
    gp_slot *slot = new_slot(&f, N, true, true);

    static double elements[2 * TABLE];
    static uint16_t halves[N];
    for (int i = 0; i < 2 * TABLE; i++) elements[i] = i * 0.25;
    for (int i = 0; i < N; i++) halves[i] = gp_half_from_f64(i % 128 - 64);
    const void *in[] = {elements, halves};
    unsigned char *packed = guarded(N * 16, 8);
    void *out[] = {packed, slot->output[1], slot->output[2], slot->output[3], slot->output[4]};
    double value = -1.5;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    assert_int_equal(run(&f, slot, GP_BLOCK, N - GP_BLOCK, in, out, &bits).flags, 0);
    for (int i = 0; i < N - GP_BLOCK; i++) {
        int64_t at = 50 - 3 * ((i + GP_BLOCK) % COLS);
        double want[2] = {elements[2 * at] + gp_half_to_f64(halves[i]), -1.5};
        assert_memory_equal(packed + 16 * i, want, 16);
        assert_int_equal(((uint16_t *)out[1])[i], gp_half_from_f64(want[0]));
        assert_int_equal(((int64_t *)out[2])[i], at);
        assert_int_equal(((uint16_t *)out[3])[i], 0xbe00);
        assert_int_equal(((int64_t *)out[4])[i], -7 + (i + GP_BLOCK) / COLS + (i + GP_BLOCK) % COLS * 1000);
    }
    check_guard(packed, (N - GP_BLOCK) * 16, 8);
    f.device->api->slot_free(slot);
    f.device->api->program_free(f.ready);

    /* An index past the end is told. */
    f.input[0].count = 50;
    assert_int_equal(f.device->api->program_new(f.device, &f.pass, &f.ready, NULL), GPUPROC_OK);
    slot = new_slot(&f, N, true, true);
    void *own[] = {slot->output[0], slot->output[1], slot->output[2], slot->output[3], slot->output[4]};
    assert_int_equal(run(&f, slot, 0, N, in, own, &bits).flags, GP_FLAG_INDEX);
    f.device->api->slot_free(slot);
    f.device->api->program_free(f.ready);

    /* Tables and other operands are not to be mixed up. */
    f.input[0].table = false;
    assert_int_equal(f.device->api->program_new(f.device, &f.pass, &f.ready, NULL), GPUPROC_INTERNAL);
    f.input[0].table = true;
    f.output[0].node = table;
    assert_int_equal(f.device->api->program_new(f.device, &f.pass, &f.ready, NULL), GPUPROC_INTERNAL);
    f.device->api->close(f.device);
    gp_program_free(&f.program);
}

/* Values of every new dtype as scalars. */
static void test_new_scalars(void **state)
{
    (void)state;
    fixture f;
    gp_device *device;
    gpuproc_scalar s[3];
    init(&f, &(gp_shape){0, {0}});
    int a = constant(&f, GPUPROC_FLOAT64, 0.1), b = constant(&f, GPUPROC_FLOAT64, -3);
    output(&f, op(&f, GP_OP_PACK, GPUPROC_COMPLEX128, a, b, -1));
    output(&f, op(&f, GP_OP_CAST, GPUPROC_FLOAT16, a, -1, -1));
    int narrow_a = op(&f, GP_OP_CAST, GPUPROC_FLOAT32, a, -1, -1);
    int narrow_b = op(&f, GP_OP_CAST, GPUPROC_FLOAT32, b, -1, -1);
    output(&f, op(&f, GP_OP_PACK, GPUPROC_COMPLEX64, narrow_a, narrow_b, -1));
    assert_int_equal(gp_cpu_device_new(1, &device, NULL), GPUPROC_OK);
    assert_int_equal(gp_cpu_evaluate_scalars(device, &f.pass, NULL, s, NULL, NULL), GPUPROC_OK);
    assert_true(s[0].value.c[0] == 0.1 && s[0].value.c[1] == -3);
    assert_true(s[1].value.f == 0x1.998p-4);
    assert_true(s[2].value.c[0] == (double)0.1f && s[2].value.c[1] == -3);
    device->api->close(device);
    gp_program_free(&f.program);
}

/* x (2^30, 5, 3) + a row + a scalar + a matrix in Fortran order, in a chunk behind 2^31 elements. */
static void test_resident(void **state)
{
    (void)state;
    enum { N = 2 * GP_BLOCK + 9 };
    const uint64_t first = (uint64_t)GP_BLOCK * 3000001;
    fixture f;
    init(&f, &(gp_shape){3, {(int64_t)1 << 30, 5, 3}});
    int x = streamed_input(&f, GPUPROC_FLOAT32);
    int row = resident_input(&f, GPUPROC_FLOAT32, &(gp_shape){1, {3}}, false);
    int one = resident_input(&f, GPUPROC_FLOAT32, &(gp_shape){0, {0}}, false);
    int mat = resident_input(&f, GPUPROC_FLOAT32, &(gp_shape){2, {5, 3}}, true);
    int sum = op(&f, GP_OP_ADD, GPUPROC_FLOAT32, x, row, -1);
    sum = op(&f, GP_OP_ADD, GPUPROC_FLOAT32, sum, one, -1);
    output(&f, op(&f, GP_OP_ADD, GPUPROC_FLOAT32, sum, mat, -1));
    make_ready(&f, 2);
    bool want_in[] = {true, true, false, false}, want_out[] = {true};
    gp_slot *slot;
    assert_int_equal(f.device->api->slot_new(f.ready, N, want_in, want_out, &slot, NULL), GPUPROC_OK);
    float scalar = 1000, matrix[15];
    float *xs = slot->input[0], *rows = slot->input[1], *zs = slot->output[0];
    for (int i = 0; i < 15; i++) matrix[i] = (float)i / 16;
    for (int i = 0; i < 3; i++) rows[i] = (float)i * 2000;
    for (size_t i = 0; i < N; i++) xs[i] = sample(i);
    const void *in[] = {xs, rows, &scalar, matrix};
    void *out[] = {zs};
    run(&f, slot, first, N, in, out, NULL);
    for (size_t i = 0; i < N; i++) {
        uint64_t at = first + i, c = at % 3, r = at / 3 % 5;
        float want = xs[i] + rows[c];
        want += scalar;
        want += matrix[c * 5 + r];
        assert_true(zs[i] == want);
    }
    f.device->api->slot_free(slot);
    cleanup(&f);
}

static void test_flags(void **state)
{
    (void)state;
    enum { N = 100 * GP_BLOCK };
    fixture f;
    init_flat(&f, N);
    int x = streamed_input(&f, GPUPROC_INT32);
    output(&f, op(&f, GP_OP_FLOORDIV, GPUPROC_INT32, constant(&f, GPUPROC_INT32, -7), x, -1));
    make_ready(&f, 2);
    gp_slot *slot = new_slot(&f, N, true, true);
    int32_t *xs = slot->input[0];
    for (size_t i = 0; i < N; i++) xs[i] = (int32_t)i + 1;
    const void *in[] = {xs};
    void *out[] = {slot->output[0]};
    assert_int_equal(run(&f, slot, 0, N, in, out, NULL).flags, 0);
    xs[N - 1] = 0;
    assert_int_equal(run(&f, slot, 0, N, in, out, NULL).flags, GP_FLAG_DIVIDE);
    xs[N - 1] = 1;
    assert_int_equal(run(&f, slot, 0, N, in, out, NULL).flags, 0);
    assert_int_equal(((int32_t *)out[0])[0], -7);
    /* Nothing to do is done, too. */
    run(&f, slot, 0, 0, in, out, NULL);
    f.device->api->slot_free(slot);
    cleanup(&f);
}

static void test_refusals(void **state)
{
    (void)state;
    fixture f;
    gpuproc_error err;
    init_flat(&f, 10);
    int x = streamed_input(&f, GPUPROC_FLOAT32);
    output(&f, op(&f, GP_OP_ERF, GPUPROC_FLOAT32, x, -1, -1));
    assert_int_equal(gp_cpu_device_new_with(&ops, &reducers, 2, &f.device, NULL), GPUPROC_OK);
    assert_int_equal(f.device->api->program_new(f.device, &f.pass, &f.ready, &err),
                     GPUPROC_DEVICE_UNSUPPORTED);
    assert_non_null(strstr(err.message, "erf"));
    f.output[0].node = x;
    assert_int_equal(f.device->api->program_new(f.device, &f.pass, &f.ready, &err), GPUPROC_OK);
    gp_slot *slot = new_slot(&f, 10, true, true);
    gp_chunk chunk = {.first = 1, .count = 1, .done = post};
    assert_int_equal(f.device->api->submit(slot, &chunk, &err), GPUPROC_INTERNAL);
    chunk = (gp_chunk){.first = 0, .count = 11, .done = post};
    assert_int_equal(f.device->api->submit(slot, &chunk, &err), GPUPROC_INTERNAL);
    f.device->api->slot_free(slot);
    f.device->api->slot_free(NULL);
    bool want[] = {true};
    assert_int_equal(f.device->api->slot_new(f.ready, UINT64_MAX / 2, want, want, &slot, &err),
                     GPUPROC_NO_MEMORY);
    cleanup(&f);

    gp_device *device;
    assert_int_equal(gp_cpu_device_new_with(&ops, &reducers, GP_CPU_MAX_THREADS + 1, &device, &err),
                     GPUPROC_INVALID_ARGUMENT);
}

static void test_device(void **state)
{
    (void)state;
    gp_device *device;
    gpuproc_error err;
    assert_int_equal(gp_cpu_device_new_with(&ops, &reducers, 0, &device, NULL), GPUPROC_OK);
    assert_true(gp_cpu_device_threads(device) >= 1);
    assert_int_equal(device->info.compute_units, gp_cpu_device_threads(device));
    assert_int_equal(device->info.kind, GPUPROC_DEVICE_CPU);
    assert_true(device->info.name[0] != '\0');
    assert_true(device->info.memory_bytes > 0);
    assert_true(device->info.fp64 && device->info.unified_memory && device->in_place);
    device->api->close(device);

    char *old = getenv("GPUPROC_ISA");
    char *kept = old ? strdup(old) : NULL;
    setenv("GPUPROC_ISA", "sse9", 1);
    assert_int_equal(gp_cpu_device_new(1, &device, &err), GPUPROC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "sse9"));
    setenv("GPUPROC_ISA", "base", 1);
    assert_int_equal(gp_cpu_device_new(1, &device, &err), GPUPROC_OK);
    assert_string_equal(device->info.driver, "base");
    device->api->close(device);
    if (kept) {
        setenv("GPUPROC_ISA", kept, 1);
    } else {
        unsetenv("GPUPROC_ISA");
    }
    free(kept);
    assert_ptr_equal(gp_cpu_ops_select("base"), &gp_cpu_ops_base);
    assert_ptr_equal(gp_cpu_reducers_select("base"), &gp_cpu_reducers_base);
}

static void test_scalars(void **state)
{
    (void)state;
    fixture f;
    init(&f, &(gp_shape){0, {0}});
    int x = gp_ir_input(&f.program, "x", GPUPROC_FLOAT64, &(gp_shape){1, {9}});
    int sum = gp_ir_reduce(&f.program, GP_OP_SUM, GPUPROC_FLOAT64, x, 0);
    f.uniform[0] = sum;
    f.pass.uniforms = 1;
    int twice = op(&f, GP_OP_ADD, GPUPROC_FLOAT64, sum, sum, -1);
    output(&f, twice);
    output(&f, sum);
    output(&f, op(&f, GP_OP_CAST, GPUPROC_INT8, twice, -1, -1));
    output(&f, op(&f, GP_OP_CAST, GPUPROC_UINT16, op(&f, GP_OP_MUL, GPUPROC_FLOAT64, sum, sum, -1), -1, -1));
    output(&f, op(&f, GP_OP_CAST, GPUPROC_FLOAT32, sum, -1, -1));
    output(&f, constant(&f, GPUPROC_BOOL, 1));
    output(&f, twice);
    gp_device *device;
    assert_int_equal(gp_cpu_device_new_with(&ops, &reducers, 1, &device, NULL), GPUPROC_OK);
    double value = -20.125;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    gpuproc_scalar s[7];
    uint32_t flags = 99;
    assert_int_equal(gp_cpu_evaluate_scalars(device, &f.pass, &bits, s, &flags, NULL), GPUPROC_OK);
    assert_int_equal(flags, 0);
    assert_int_equal(s[0].dtype, GPUPROC_FLOAT64);
    assert_true(s[0].value.f == -40.25 && s[6].value.f == -40.25);
    assert_true(s[1].value.f == -20.125);
    assert_int_equal(s[2].dtype, GPUPROC_INT8);
    assert_true(s[2].value.i == -40);
    assert_int_equal(s[3].dtype, GPUPROC_UINT16);
    assert_true(s[3].value.u == 405);
    assert_int_equal(s[4].dtype, GPUPROC_FLOAT32);
    assert_true(s[4].value.f == (double)-20.125f);
    assert_true(s[5].dtype == GPUPROC_BOOL && s[5].value.u == 1);

    /* The caller's rounding mode neither shows in our numbers nor is lost. */
    value = 0.1;
    memcpy(&bits, &value, sizeof bits);
    fesetround(FE_UPWARD);
    assert_int_equal(gp_cpu_evaluate_scalars(device, &f.pass, &bits, s, NULL, NULL), GPUPROC_OK);
    assert_int_equal(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    assert_true(s[4].value.f == (double)0.1f);

    f.pass.count = 2;
    assert_int_equal(gp_cpu_evaluate_scalars(device, &f.pass, &bits, s, NULL, NULL), GPUPROC_INTERNAL);
    device->api->close(device);
    gp_program_free(&f.program);
}

/* Devices that come and go, some without ever having worked. */
static void test_lifetimes(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        fixture f;
        init_flat(&f, 1);
        int x = streamed_input(&f, GPUPROC_FLOAT32);
        output(&f, op(&f, GP_OP_SQRT, GPUPROC_FLOAT32, x, -1, -1));
        make_ready(&f, 1 + (unsigned)round % 4);
        gp_slot *slot = new_slot(&f, 1, true, true);
        const void *in[] = {slot->input[0]};
        void *out[] = {slot->output[0]};
        ((float *)slot->input[0])[0] = 16;
        if (round % 3 != 0) {
            run(&f, slot, 0, 1, in, out, NULL);
            assert_true(((float *)out[0])[0] == 4);
        }
        f.device->api->slot_free(slot);
        cleanup(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hypot),    cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_queue),    cmocka_unit_test(test_ordered),
        cmocka_unit_test(test_stream_stores), cmocka_unit_test(test_walk),
        cmocka_unit_test(test_walk_slices), cmocka_unit_test(test_numbers_wrap),
        cmocka_unit_test(test_new_nodes), cmocka_unit_test(test_new_scalars),
        cmocka_unit_test(test_resident), cmocka_unit_test(test_flags),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_device),
        cmocka_unit_test(test_scalars),  cmocka_unit_test(test_lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
