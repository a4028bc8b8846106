/* Products of matrices by gp_multiply_run on some workers, in turns with calls of OpenBLAS by its own threads:
 * `linalg [threads [repetitions [library [name]]]]`. `library` is the path of an OpenBLAS that has threads,
 * such as /usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0. */
#include "linalg/multiply.h"
#include "linalg/openblas.h"

#include "base/clock.h"
#include "crew.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A copy of the library: the file itself would be loaded once, and its number of threads be that of both. */
static void *load_copy(const char *path)
{
    FILE *from = fopen(path, "rb");
    int to = memfd_create("openblas", 0);
    char buffer[1 << 16], name[64];
    if (from == NULL || to < 0) {
        if (from != NULL) fclose(from);
        if (to >= 0) close(to);
        return NULL;
    }
    bool whole = true;
    for (size_t n; whole && (n = fread(buffer, 1, sizeof buffer, from)) > 0;)
        whole = write(to, buffer, n) == (ssize_t)n;
    snprintf(name, sizeof name, "/proc/self/fd/%d", to);
    void *library = whole ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
    fclose(from);
    close(to);
    return library;
}

/* The same product by one call of a library with threads of its own. */
static bool direct(void *library, const gp_multiply *p)
{
    typedef void (*real32)(int, int, int, int, int, int, float, const void *, int, const void *, int, float, void *,
                           int);
    typedef void (*real64)(int, int, int, int, int, int, double, const void *, int, const void *, int, double, void *,
                           int);
    typedef void (*complex_gemm)(int, int, int, int, int, int, const void *, const void *, int, const void *, int,
                                 const void *, void *, int);
    const char *name = p->dtype == GPUPROC_FLOAT32     ? "cblas_sgemm"
                       : p->dtype == GPUPROC_FLOAT64   ? "cblas_dgemm"
                       : p->dtype == GPUPROC_COMPLEX64 ? "cblas_cgemm"
                                                       : "cblas_zgemm";
    void *symbol = library == NULL || gp_dtype_kind(p->dtype) < GP_KIND_FLOAT ? NULL : dlsym(library, name);
    if (symbol == NULL) return false;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    if (p->dtype == GPUPROC_FLOAT32) {
        real32 gemm;
        memcpy(&gemm, &symbol, sizeof gemm);
        gemm(101, 111, 111, m, n, k, 1, p->a.data, k, p->b.data, n, 0, p->c, n);
    } else if (p->dtype == GPUPROC_FLOAT64) {
        real64 gemm;
        memcpy(&gemm, &symbol, sizeof gemm);
        gemm(101, 111, 111, m, n, k, 1, p->a.data, k, p->b.data, n, 0, p->c, n);
    } else {
        complex_gemm gemm;
        static const double one[2] = {1, 0}, zero[2];
        static const float one32[2] = {1, 0};
        memcpy(&gemm, &symbol, sizeof gemm);
        bool narrow = p->dtype == GPUPROC_COMPLEX64;
        gemm(101, 111, 111, m, n, k, narrow ? (const void *)one32 : one, p->a.data, k, p->b.data, n, zero, p->c, n);
    }
    return true;
}

typedef struct bench {
    const char *name;
    gp_dtype dtype;
    uint64_t m, n, k;
} bench;

#define SIZES(type, DTYPE)                                                                                             \
    {type " 2048", DTYPE, 2048, 2048, 2048}, {type " 1024", DTYPE, 1024, 1024, 1024},                                  \
        {type " 500", DTYPE, 500, 500, 500}, {type " 100", DTYPE, 100, 100, 100}, {type " 16", DTYPE, 16, 16, 16},     \
    {                                                                                                                  \
        type " 4", DTYPE, 4, 4, 4                                                                                      \
    }
static const bench benches[] = {
    SIZES("float32", GPUPROC_FLOAT32),
    SIZES("float64", GPUPROC_FLOAT64),
    SIZES("complex64", GPUPROC_COMPLEX64),
    {"complex128 1024", GPUPROC_COMPLEX128, 1024, 1024, 1024},
    {"float32 (4096,4096) @ v", GPUPROC_FLOAT32, 4096, 1, 4096},
    {"float32 v @ (4096,4096)", GPUPROC_FLOAT32, 1, 4096, 4096},
    {"float32 (3000,64) @ (64,3000)", GPUPROC_FLOAT32, 3000, 3000, 64},
    {"float32 (64,1M) @ (1M,64)", GPUPROC_FLOAT32, 64, 64, 1 << 20},
    {"float32 (8,2048) @ (2048,2048)", GPUPROC_FLOAT32, 8, 2048, 2048},
    SIZES("int32", GPUPROC_INT32),
    {"int8 1024", GPUPROC_INT8, 1024, 1024, 1024},
    {"int16 1024", GPUPROC_INT16, 1024, 1024, 1024},
    {"int64 1024", GPUPROC_INT64, 1024, 1024, 1024},
    {"bool 1024", GPUPROC_BOOL, 1024, 1024, 1024},
    {"int32 (4096,4096) @ v", GPUPROC_INT32, 4096, 1, 4096},
    {"int32 v @ (4096,4096)", GPUPROC_INT32, 1, 4096, 4096},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int count)
{
    qsort(x, (size_t)count, sizeof *x, by_value);
    return x[count / 2];
}

/* OpenBLAS's threads spin for some 30 ms before they sleep: ours would share a core with them. */
enum { MOST_REPETITIONS = 101, REST_US = 100000 };

/* Seconds of a product, medians; `theirs` is 0 without a library. Small ones are repeated within a turn. */
static bool compare(const bench *b, const gp_linalg *linalg, const gp_workers *workers, void *library, int repetitions,
                    double *ours, double *theirs)
{
    size_t wide = gpuproc_dtype_bytes(b->dtype);
    char *x = malloc(b->m * b->k * wide), *y = malloc(b->k * b->n * wide), *c = malloc(b->m * b->n * wide);
    double time[2][MOST_REPETITIONS];
    bool done = x != NULL && y != NULL && c != NULL, other = false;
    if (done) {
        memset(x, 0, b->m * b->k * wide);
        memset(y, 0, b->k * b->n * wide);
        gp_multiply p = {.dtype = b->dtype,
                         .m = b->m,
                         .n = b->n,
                         .k = b->k,
                         .a = {x, (int64_t)b->k, 1, false},
                         .b = {y, (int64_t)b->n, 1, false},
                         .c = c,
                         .c_row = (int64_t)b->n};
        int times = 1 + (int)(3e6 / ((double)b->m * (double)b->n * (double)b->k));
        if (times > 20000) times = 20000;
        for (int turn = -1; turn < repetitions && done; turn++) {
            uint64_t begin = gp_now_ns();
            for (int i = 0; i < times && done; i++) done = gp_multiply_run(linalg, &p, workers, NULL) == GPUPROC_OK;
            uint64_t between = gp_now_ns();
            if (library != NULL) usleep(REST_US);
            uint64_t again = gp_now_ns();
            for (int i = 0; i < times; i++) other = direct(library, &p);
            uint64_t end = gp_now_ns();
            if (library != NULL) usleep(REST_US);
            if (turn < 0) continue; /* does not count */
            time[0][turn] = (double)(between - begin) / times;
            time[1][turn] = (double)(end - again) / times;
        }
    }
    if (done) *ours = median(time[0], repetitions) * 1e-9;
    *theirs = done && other ? median(time[1], repetitions) * 1e-9 : 0;
    free(x);
    free(y);
    free(c);
    return done;
}

/* Blocks of tall data, as a Gram matrix takes them; and what the whole product would cost. */
static void grams(const gp_linalg *linalg, int repetitions)
{
    static const gp_dtype dtypes[] = {GPUPROC_FLOAT32, GPUPROC_FLOAT64, GPUPROC_COMPLEX64};
    static const uint64_t columns[] = {8, 64, 300};
    enum { K = 4096, N = 300, BLOCKS = 20 };
    static double a[2 * K * N], c[2 * N * N];
    for (size_t d = 0; d < 3; d++)
        for (size_t i = 0; i < 3; i++) {
            uint64_t n = columns[i];
            double time[2][MOST_REPETITIONS];
            const gp_blas *blas = &linalg->blas;
            for (int turn = 0; turn < repetitions; turn++) {
                uint64_t begin = gp_now_ns();
                for (int block = 0; block < BLOCKS; block++)
                    gp_multiply_gram(linalg, dtypes[d], K, n, a, (int64_t)n, c, true);
                uint64_t between = gp_now_ns();
                for (int block = 0; block < BLOCKS && linalg->library != NULL; block++)
                    if (dtypes[d] == GPUPROC_FLOAT32)
                        blas->s.gemm(101, 112, 111, (int)n, (int)n, K, 1, (float *)a, (int)n, (float *)a, (int)n, 1,
                                     (float *)c, (int)n);
                    else if (dtypes[d] == GPUPROC_FLOAT64)
                        blas->d.gemm(101, 112, 111, (int)n, (int)n, K, 1, a, (int)n, a, (int)n, 1, c, (int)n);
                    else
                        blas->c.gemm(101, 113, 111, (int)n, (int)n, K, (float[2]){1, 0}, (float *)a, (int)n, (float *)a,
                                     (int)n, (float[2]){1, 0}, (float *)c, (int)n);
                time[0][turn] = (double)(between - begin) / BLOCKS;
                time[1][turn] = (double)(gp_now_ns() - between) / BLOCKS;
            }
            printf("%-9s gram (%d,%3lu)                 %10.1f us   gemm alone %10.1f us\n",
                   gpuproc_dtype_name(dtypes[d]), (int)K, (unsigned long)n, median(time[0], repetitions) * 1e-3,
                   median(time[1], repetitions) * 1e-3);
        }
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 2;
    int repetitions = argc > 2 ? atoi(argv[2]) : 9;
    if (threads < 1 || threads > 64 || repetitions < 1 || repetitions > MOST_REPETITIONS) return 2;
    gp_linalg *linalg; /* first, or it would find the copy */
    if (gp_linalg_open(&linalg, NULL) != GPUPROC_OK) return 1;
    void *library = argc > 3 && *argv[3] != '\0' ? load_copy(argv[3]) : NULL;
    if (argc > 3 && *argv[3] != '\0' && library == NULL) fprintf(stderr, "%s cannot be loaded\n", argv[3]);
    void (*set_threads)(int) = NULL;
    void *symbol = library == NULL ? NULL : dlsym(library, "openblas_set_num_threads");
    memcpy(&set_threads, &symbol, sizeof symbol);
    if (set_threads != NULL) set_threads((int)threads);
    printf("%s, %u threads\n", gp_linalg_name(linalg), threads);

    gp_workers workers;
    if (!crew_start(threads, &workers)) return 1;
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        const bench *b = &benches[i];
        double ours, theirs;
        if (argc > 4 && strstr(b->name, argv[4]) == NULL) continue;
        if (!compare(b, linalg, &workers, library, repetitions, &ours, &theirs)) return 1;
        double flop =
            (gp_dtype_kind(b->dtype) == GP_KIND_COMPLEX ? 8.0 : 2.0) * (double)b->m * (double)b->n * (double)b->k;
        printf("%-34s %10.1f us %7.1f GF/s", b->name, ours * 1e6, flop / ours * 1e-9);
        if (theirs > 0) printf("   direct %10.1f us   rate %.2f of it", theirs * 1e6, theirs / ours);
        printf("\n");
    }
    if (argc <= 4 || strcmp(argv[4], "gram") == 0) grams(linalg, repetitions);
    crew_end();
    gp_linalg_close(linalg);
    if (library != NULL) dlclose(library);
    return 0;
}
