/* Products of matrices against a plain triple loop in wider arithmetic: with OpenBLAS, where it is, and without. */
#include "cases.h"
#include "product_check.h"

#include "base/memory.h"
#include "linalg/openblas.h"

#include <sys/mman.h>

/* Replaces the library's, so that the linker leaves base/memory.c out. */
static int allocations, failing; /* the number of the one that fails; 0: none */

void *gp_calloc(size_t count, size_t size)
{
    if (__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) == failing) return NULL;
    return calloc(count ? count : 1, size ? size : 1);
}

static unsigned char *product(const gp_linalg *linalg, gp_multiply *p, unsigned threads, const void *old)
{
    size_t bytes = p->m * (uint64_t)p->c_row * gpuproc_dtype_bytes(p->dtype);
    gp_workers workers = {.count = threads, .each = each_threads};
    gpuproc_error err = {0};
    unsigned char *c = malloc(bytes + 1);
    memcpy(c, old, bytes);
    p->c = c;
    assert_int_equal(gp_multiply_run(linalg, p, &workers, &err), GPUPROC_OK);
    return c;
}

/* All elements where they are few, a sample else. */
static void check(const gp_linalg *linalg, gp_dtype dtype, uint64_t m, uint64_t n, uint64_t k, int la, int lb, bool add,
                  int values, random_state *random)
{
    matrix a = make(dtype, m, k, la, random, values), b = make(dtype, k, n, lb, random, values);
    a.m.conjugate = random_below(random, 2);
    b.m.conjugate = random_below(random, 2);
    uint64_t pad = random_below(random, 2) * 3;
    matrix c = make(dtype, m, n + pad, C_ORDER, random, add && values != SPECIAL ? values : SMALL_INTEGERS);
    size_t element = gpuproc_dtype_bytes(dtype), bytes = m * (n + pad) * element;
    if (!add) memset(c.memory, 0xff, bytes); /* NaN: must not survive */
    gp_multiply p = {
        .dtype = dtype, .m = m, .n = n, .k = k, .a = a.m, .b = b.m, .c_row = (int64_t)(n + pad), .add = add};
    unsigned char *out = product(linalg, &p, 1 + (unsigned)random_below(random, 3), c.memory);
    if (m * n * k < 20000) {
        for (uint64_t i = 0; i < m; i++)
            for (uint64_t j = 0; j < n; j++) check_element(&p, c.memory, i, j, values == SMALL_INTEGERS);
    } else {
        for (uint64_t i = 0; i < 1 + 60000 / k && i < 60; i++)
            check_element(&p, c.memory, random_below(random, m), random_below(random, n), values == SMALL_INTEGERS);
        check_element(&p, c.memory, m - 1, n - 1, values == SMALL_INTEGERS);
    }
    for (uint64_t i = 0; i < m; i++) /* nothing between the rows is written */
        assert_memory_equal(out + (i * (n + pad) + n) * element, (char *)c.memory + (i * (n + pad) + n) * element,
                            pad * element);
    free(out);
    free(a.memory);
    free(b.memory);
    free(c.memory);
}

/* ---- Tests ---- */

static void small_products(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100};
    random_state random = {1};
    for (int which = 0; which < 2; which++)
        for (size_t d = 0; d < DTYPES; d++)
            for (int round = 0; round < RANDOM_CASES(100); round++) {
                uint64_t m = sizes[random_below(&random, 17)], n = sizes[random_below(&random, 17)],
                         k = sizes[random_below(&random, 17)];
                check(linalgs[which], dtypes[d], m, n, k, (int)random_below(&random, LAYOUTS),
                      (int)random_below(&random, LAYOUTS), random_below(&random, 2),
                      round % 2 ? NUMBERS : SMALL_INTEGERS, &random);
            }
}

static void layouts(void **state)
{
    (void)state;
    static const uint64_t shapes[][3] = {{1, 1, 1}, {1, 1, 40},   {1, 40, 30}, {40, 1, 30},
                                         {5, 6, 1}, {21, 23, 19}, {1, 7, 1},   {7, 1, 1}};
    random_state random = {2};
    for (int which = 0; which < 2; which++)
        for (size_t d = 0; d < DTYPES; d++)
            for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
                for (int layout = 0; layout < LAYOUTS * LAYOUTS; layout++)
                    check(linalgs[which], dtypes[d], shapes[s][0], shapes[s][1], shapes[s][2], layout % LAYOUTS,
                          layout / LAYOUTS, layout & 1, NUMBERS, &random);
}

static void cut_products(void **state)
{
    (void)state;
    static const uint64_t shapes[][3] = {{300, 301, 299}, {130, 700, 257}, {700, 65, 300},  {3, 5, 150000},
                                         {1, 3, 750000},  {1, 2500, 1000}, {2500, 1, 1100}, {2, 40000, 33},
                                         {40000, 2, 33},  {64, 64, 9000}};
    random_state random = {3};
    for (int which = 0; which < 2; which++)
        for (size_t d = 0; d < DTYPES; d++)
            for (size_t s = (d + (size_t)which) % 2; s < sizeof shapes / sizeof shapes[0]; s += 2)
                check(linalgs[which], dtypes[d], shapes[s][0], shapes[s][1], shapes[s][2],
                      (int)random_below(&random, LAYOUTS_TAKEN), (int)random_below(&random, LAYOUTS_TAKEN),
                      random_below(&random, 2), s % 3 ? NUMBERS : SMALL_INTEGERS, &random);
}

static void special_values(void **state)
{
    (void)state;
    random_state random = {4};
    for (int which = 0; which < 2; which++)
        for (size_t d = 9; d < DTYPES; d++)
            for (int round = 0; round < RANDOM_CASES(200); round++) {
                uint64_t m = 1 + random_below(&random, 20), n = 1 + random_below(&random, 20),
                         k = 1 + random_below(&random, 8);
                if (round % 3 == 1) m = 1;
                if (round % 3 == 2) n = 1;
                check(linalgs[which], dtypes[d], m, n, k, (int)random_below(&random, LAYOUTS_TAKEN),
                      (int)random_below(&random, LAYOUTS_TAKEN), random_below(&random, 2), SPECIAL, &random);
            }
}

static void nothing_to_add(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++)
        for (size_t d = 0; d < DTYPES; d++)
            for (int add = 0; add < 2; add++) {
                unsigned char c[6 * 16], zero[6 * 16] = {0};
                memset(c, 0xff, sizeof c);
                size_t bytes = gpuproc_dtype_bytes(dtypes[d]);
                gp_workers workers = {.count = 2, .each = each_threads};
                gp_multiply p = {.dtype = dtypes[d],
                                 .m = 2,
                                 .n = 2,
                                 .a = {NULL, 0, 1, false},
                                 .b = {NULL, 2, 1, false},
                                 .c = c,
                                 .c_row = 3,
                                 .add = add};
                assert_int_equal(gp_multiply_run(linalgs[which], &p, &workers, NULL), GPUPROC_OK);
                if (add)
                    assert_int_equal(c[0], 0xff);
                else {
                    assert_memory_equal(c, zero, 2 * bytes);
                    assert_memory_equal(c + 3 * bytes, zero, 2 * bytes);
                }
                assert_int_equal(c[2 * bytes], 0xff);
                memset(c, 0xff, sizeof c);
                p.k = 3, p.m = 0;
                assert_int_equal(gp_multiply_run(linalgs[which], &p, &workers, NULL), GPUPROC_OK);
                p.m = 2, p.n = 0;
                assert_int_equal(gp_multiply_run(linalgs[which], &p, &workers, NULL), GPUPROC_OK);
                assert_int_equal(c[0], 0xff);
            }
}

static void same_bits(void **state)
{
    (void)state;
    static const uint64_t shapes[][3] = {{301, 407, 211}, {1, 3000, 2000}, {3000, 1, 2000},
                                         {7, 9, 40000},   {1, 1, 2200001}, {700, 600, 10}};
    static const unsigned threads[] = {2, 3, 7};
    random_state random = {5};
    for (int which = 0; which < 2; which++)
        for (size_t d = 9; d < DTYPES; d++)
            for (size_t s = (d + (size_t)which) % 2; s < sizeof shapes / sizeof shapes[0]; s += 2) {
                uint64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
                matrix a = make(dtypes[d], m, k, (int)random_below(&random, LAYOUTS_TAKEN), &random, NUMBERS);
                matrix b = make(dtypes[d], k, n, (int)random_below(&random, LAYOUTS_TAKEN), &random, NUMBERS);
                size_t bytes = m * n * gpuproc_dtype_bytes(dtypes[d]);
                void *old = calloc(bytes, 1);
                gp_multiply p = {.dtype = dtypes[d], .m = m, .n = n, .k = k, .a = a.m, .b = b.m, .c_row = (int64_t)n};
                unsigned char *one = product(linalgs[which], &p, 1, old);
                for (int t = 0; t < 3; t++) {
                    unsigned char *more = product(linalgs[which], &p, threads[t], old);
                    assert_memory_equal(one, more, bytes);
                    free(more);
                }
                free(one);
                free(old);
                free(a.memory);
                free(b.memory);
            }
}

/* Calls from several threads at once, each alone: nothing of OpenBLAS may be shared between them. */
typedef struct caller {
    pthread_t thread;
    const gp_multiply *p;
    unsigned char *c;
} caller;

static void *call_often(void *arg)
{
    caller *me = arg;
    gp_workers alone = {.count = 1, .each = each_threads};
    gp_multiply p = *me->p;
    p.c = me->c;
    for (int i = 0; i < 40; i++)
        if (gp_multiply_run(linalgs[1], &p, &alone, NULL) != GPUPROC_OK) return arg;
    return NULL;
}

static void many_callers(void **state)
{
    (void)state;
    enum { N = 130, CALLERS = 6 }; /* large enough for buffers of the library's own */
    random_state random = {6};
    matrix a = make(GPUPROC_FLOAT64, N, N, C_ORDER, &random, NUMBERS),
           b = make(GPUPROC_FLOAT64, N, N, F_ORDER, &random, NUMBERS);
    gp_multiply p = {.dtype = GPUPROC_FLOAT64, .m = N, .n = N, .k = N, .a = a.m, .b = b.m, .c_row = N};
    unsigned char *old = calloc(N * N, 8), *expected = product(linalgs[1], &p, 1, old);
    caller callers[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.p = &p, .c = malloc(N * N * 8)};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        void *failed;
        pthread_join(callers[i].thread, &failed);
        assert_null(failed);
        assert_memory_equal(callers[i].c, expected, N * N * 8);
        free(callers[i].c);
    }
    free(expected);
    free(old);
    free(a.memory);
    free(b.memory);
}

static void taken(void **state)
{
    (void)state;
    static const struct {
        int64_t row, column;
        uint64_t rows, columns;
        bool yes;
    } cases[] = {
        {5, 1, 4, 5, true},   {4, 1, 4, 5, false}, {1, 4, 4, 5, true},   {1, 3, 4, 5, false}, {10, 2, 4, 5, false},
        {-5, 1, 4, 5, false}, {0, 1, 4, 5, false}, {0, 1, 1, 5, true},   {7, 3, 1, 5, true},  {7, -3, 1, 5, false},
        {7, 0, 1, 5, false},  {3, 9, 5, 1, true},  {-3, 9, 5, 1, false}, {0, 0, 1, 1, true},  {-1, -1, 1, 1, true},
        {0, 0, 0, 5, true},   {0, 0, 5, 0, true},  {5, -1, 4, 5, false}, {1, 1, 4, 5, false}, {1, 1, 4, 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gp_matrix m = {NULL, cases[i].row, cases[i].column, false};
        if (gp_multiply_takes(&m, cases[i].rows, cases[i].columns) != cases[i].yes) fail_msg("case %zu", i);
    }
}

/* Strides that no int holds, over memory that is not there but where it is touched. */
static void far_rows(void **state)
{
    (void)state;
    const int64_t far = (INT64_C(1) << 31) + 7;
    size_t bytes = (size_t)(2 * far + 4) * sizeof(float);
    float *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) skip();
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) data[i * far + j] = (float)(4 * i + j);
    for (int which = 0; which < 2; which++) {
        float b[8] = {1, 2, 3, 4, 5, 6, 7, 8}, c[6], expected[6] = {34, 40, 98, 120, 162, 200};
        gp_workers workers = {.count = 1, .each = each_threads};
        gp_multiply p = {.dtype = GPUPROC_FLOAT32,
                         .m = 3,
                         .n = 2,
                         .k = 4,
                         .a = {data, far, 1, false},
                         .b = {b, 2, 1, false},
                         .c = c,
                         .c_row = 2};
        assert_int_equal(gp_multiply_run(linalgs[which], &p, &workers, NULL), GPUPROC_OK);
        assert_memory_equal(c, expected, sizeof c);
    }
    munmap(data, bytes);
}

static void without_memory(void **state)
{
    (void)state;
    static const uint64_t shapes[][3] = {{300, 300, 300}, {2, 3, 400000}};
    for (int which = 0; which < 2; which++)
        for (size_t s = 0; s < 2; s++)
            for (failing = 1;; failing++) {
                uint64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
                float *a = calloc(m * k, 4), *b = calloc(k * n, 4), *c = calloc(m * n, 4);
                gp_workers workers = {.count = 2, .each = each_threads};
                gp_multiply p = {.dtype = GPUPROC_FLOAT32,
                                 .m = m,
                                 .n = n,
                                 .k = k,
                                 .a = {a, (int64_t)k, 1, false},
                                 .b = {b, (int64_t)n, 1, false},
                                 .c = c,
                                 .c_row = (int64_t)n};
                gpuproc_error err = {0};
                allocations = 0;
                gpuproc_status st = gp_multiply_run(linalgs[which], &p, &workers, &err);
                bool reached = allocations >= failing;
                assert_int_equal(st, reached ? GPUPROC_NO_MEMORY : GPUPROC_OK);
                assert_int_equal(err.status, st);
                free(a);
                free(b);
                free(c);
                if (!reached) break;
            }
    failing = 1, allocations = 0;
    gp_linalg *none;
    assert_int_equal(gp_linalg_open(&none, NULL), GPUPROC_NO_MEMORY);
    assert_null(none);
    failing = 0;
}

/* What is found, and what is not taken. */
static void libraries(void **state)
{
    (void)state;
    assert_string_equal(gp_linalg_name(linalgs[0]), "built-in");
    assert_false(gp_linalg_has_lapack(linalgs[0]));
    assert_null(gp_linalg_symbol(linalgs[0], "dgetrf_"));
    char *before = getenv("GPUPROC_BLAS") ? strdup(getenv("GPUPROC_BLAS")) : NULL;
    static const char *const others[] = {"/nowhere/libopenblas.so", "libm.so.6", "none"};
    for (size_t i = 0; i < 3; i++) {
        gp_linalg *l;
        setenv("GPUPROC_BLAS", others[i], 1);
        assert_int_equal(gp_linalg_open(&l, NULL), GPUPROC_OK);
        assert_string_equal(gp_linalg_name(l), "built-in");
        gp_linalg_close(l);
    }
    /* One that is not made for several threads, where Debian has it. */
    gp_linalg *l;
    setenv("GPUPROC_BLAS", "/usr/lib/x86_64-linux-gnu/openblas-serial/libopenblas.so.0", 1);
    assert_int_equal(gp_linalg_open(&l, NULL), GPUPROC_OK);
    assert_memory_equal(gp_linalg_name(l), "built-in", 8);
    assert_false(gp_linalg_has_lapack(l));
    gp_linalg_close(l);
    if (before)
        setenv("GPUPROC_BLAS", before, 1);
    else
        unsetenv("GPUPROC_BLAS");
    free(before);
    gp_linalg_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries),      cmocka_unit_test(taken),          cmocka_unit_test(small_products),
        cmocka_unit_test(layouts),        cmocka_unit_test(cut_products),   cmocka_unit_test(special_values),
        cmocka_unit_test(nothing_to_add), cmocka_unit_test(same_bits),      cmocka_unit_test(many_callers),
        cmocka_unit_test(far_rows),       cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, open_both, close_both);
}
