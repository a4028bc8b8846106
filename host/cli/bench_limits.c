/* The machine's own limits, by loops that do nothing else: memory, arithmetic, files. */
#include "bench_limits.h"

#include "interrupt.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define X86 1
#endif

#define MOST_THREADS 256u
#define ROUNDS 5
#define LEAST_COLD (8u << 20) /* bytes of a file whose reading tells of the disk */
#define SLICE 0.03            /* seconds of one round */

typedef enum kind { READ, COPY, FLOPS, FILE_READ } kind;

/* One thread's part. */
typedef struct part {
    pthread_mutex_t *gate; /* closed until all are there */
    kind kind;
    const char *from;
    char *to;
    size_t bytes;
    unsigned times;
    const char *path;
    off_t offset;
    uint64_t sum;            /* so that nothing is left out */
    double begin, end, done; /* seconds; bytes or operations */
} part;

/* ---- The loops ------------------------------------------------------------------ */

static uint64_t read_words(const char *from, size_t bytes)
{
    const uint64_t *p = (const uint64_t *)(const void *)from;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i + 32 <= bytes / 8; i += 32) {
        for (size_t k = 0; k < 32; k += 4) {
            a ^= p[i + k];
            b ^= p[i + k + 1];
            c ^= p[i + k + 2];
            d ^= p[i + k + 3];
        }
    }
    return a ^ b ^ c ^ d;
}

#define FMA_STEPS 1024
#define FMA_VECTORS 12 /* enough that none waits for its own last result */

#ifdef X86
__attribute__((target("avx512f"))) static double fma_512(double *sum)
{
    __m512 v[FMA_VECTORS], x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.001f);
    for (int k = 0; k < FMA_VECTORS; k++) v[k] = _mm512_set1_ps((float)k);
    for (int i = 0; i < FMA_STEPS; i++) {
#pragma GCC unroll 12
        for (int k = 0; k < FMA_VECTORS; k++) v[k] = _mm512_fmadd_ps(v[k], x, y);
    }
    for (int k = 1; k < FMA_VECTORS; k++) v[0] = _mm512_add_ps(v[0], v[k]);
    *sum += _mm512_cvtss_f32(v[0]);
    return 2.0 * 16 * FMA_VECTORS * FMA_STEPS;
}

__attribute__((target("avx2,fma"))) static double fma_256(double *sum)
{
    __m256 v[FMA_VECTORS], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.001f);
    for (int k = 0; k < FMA_VECTORS; k++) v[k] = _mm256_set1_ps((float)k);
    for (int i = 0; i < FMA_STEPS; i++) {
#pragma GCC unroll 12
        for (int k = 0; k < FMA_VECTORS; k++) v[k] = _mm256_fmadd_ps(v[k], x, y);
    }
    for (int k = 1; k < FMA_VECTORS; k++) v[0] = _mm256_add_ps(v[0], v[k]);
    *sum += _mm256_cvtss_f32(v[0]);
    return 2.0 * 8 * FMA_VECTORS * FMA_STEPS;
}
#endif

/* What any compiler makes vectors of. */
static double multiply_add(double *sum)
{
    float v[48];
    for (int k = 0; k < 48; k++) v[k] = (float)k;
    for (int i = 0; i < FMA_STEPS; i++) {
        for (int k = 0; k < 48; k++) v[k] = v[k] * 0.999f + 0.001f;
    }
    for (int k = 0; k < 48; k++) *sum += v[k];
    return 2.0 * 48 * FMA_STEPS;
}

/* Operations that were done. */
static double arithmetic(double *sum)
{
#ifdef X86
    if (__builtin_cpu_supports("avx512f")) return fma_512(sum);
    if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2")) return fma_256(sum);
#endif
    return multiply_add(sum);
}

static void read_file(part *p)
{
    size_t piece = 1 << 20;
    char *buffer = malloc(piece);
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    for (size_t at = 0; fd >= 0 && buffer != NULL && at < p->bytes;) {
        ssize_t n = pread(fd, buffer, p->bytes - at < piece ? p->bytes - at : piece, p->offset + (off_t)at);
        if (n <= 0) break;
        at += (size_t)n;
        p->done += (double)n;
    }
    if (fd >= 0) close(fd);
    free(buffer);
}

static void *work(void *arg)
{
    part *p = arg;
    double sum = 0;
    pthread_mutex_lock(p->gate);
    pthread_mutex_unlock(p->gate);
    p->begin = bench_now();
    for (unsigned k = 0; k < p->times; k++) {
        switch (p->kind) {
        case READ:
            p->sum += read_words(p->from, p->bytes);
            p->done += (double)p->bytes;
            __asm__ volatile("" ::: "memory");
            break;
        case COPY:
            memcpy(p->to, p->from, p->bytes);
            p->done += 2 * (double)p->bytes;
            __asm__ volatile("" ::: "memory");
            break;
        case FLOPS: p->done += arithmetic(&sum); break;
        case FILE_READ: read_file(p); break;
        }
    }
    p->end = bench_now();
    p->sum += sum > 1e30;
    return NULL;
}

/* What `threads` do in a second of the kind that `like` has, each on its own part; 0 where there are not so many. */
static double rate(const part *like, unsigned threads)
{
    pthread_t thread[MOST_THREADS];
    part parts[MOST_THREADS];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    size_t each = like->bytes / threads / 4096 * 4096;
    unsigned begun = 0;
    pthread_mutex_lock(&gate);
    for (; begun < threads; begun++) {
        part *p = &parts[begun];
        *p = *like;
        p->gate = &gate;
        p->bytes = each;
        if (like->from != NULL) p->from = like->from + begun * each;
        if (like->to != NULL) p->to = like->to + begun * each;
        p->offset = (off_t)(begun * each);
        if (pthread_create(&thread[begun], NULL, work, p) != 0) break;
    }
    pthread_mutex_unlock(&gate);
    double begin = INFINITY, end = 0, done = 0;
    for (unsigned i = 0; i < begun; i++) {
        pthread_join(thread[i], NULL);
        begin = fmin(begin, parts[i].begin);
        end = fmax(end, parts[i].end);
        done += parts[i].done;
    }
    return begun == threads && end > begin ? done / (end - begin) : 0;
}

/* The best of some rounds: a limit is what the machine can do when nobody disturbs it. */
static double best_rate(part like, unsigned threads)
{
    double best = 0;
    like.times = 1;
    double once = rate(&like, threads), amount = like.kind == FLOPS ? 1e6 * threads : (double)like.bytes;
    if (once > 0) like.times = (unsigned)fmin(1e6, fmax(1, SLICE * once / amount));
    for (int i = 0; i < ROUNDS && interrupt_exit_code() == 0; i++) best = fmax(best, rate(&like, threads));
    return best;
}

void bench_measure_limits(bench *b, const bench_lab *lab)
{
    bench_limits *l = &b->limits;
    unsigned threads = b->machine.cores;
    uint64_t most = lab->room * sizeof(float);
    static const uint64_t sizes[BENCH_SIZES] = {UINT64_C(128) << 10, UINT64_C(8) << 20, UINT64_C(256) << 20};
    for (int i = 0; i < BENCH_SIZES && interrupt_exit_code() == 0; i++) {
        uint64_t bytes = sizes[i] < most ? sizes[i] : most;
        part like = {.kind = READ, .from = (const char *)lab->x, .to = (char *)lab->out, .bytes = (size_t)bytes};
        l->memory[i].bytes = bytes;
        l->memory[i].read = best_rate(like, threads);
        if (i == BENCH_SIZES - 1) l->read_one = best_rate(like, 1);
        like.kind = COPY;
        like.bytes /= 2; /* as much again is written */
        l->memory[i].copy = best_rate(like, threads);
        if (i == BENCH_SIZES - 1) l->copy_one = best_rate(like, 1);
    }
    l->flops = best_rate((part){.kind = FLOPS}, threads);
    l->flops_one = best_rate((part){.kind = FLOPS}, 1);
}

void bench_measure_files(bench *b, const char *path, uint64_t bytes, bool own)
{
    part like = {.kind = FILE_READ, .path = path, .bytes = (size_t)bytes, .times = 1};
    if (own && bytes >= LEAST_COLD && bench_drop(path))
        b->limits.cold = rate(&like, b->machine.cores < 4 ? 4 : b->machine.cores);
    bench_warm(path);
    b->limits.cached = best_rate(like, b->machine.cores);
}

/* ---- Rows against them ------------------------------------------------------------ */

static int memory_level(const bench_limits *l, uint64_t bytes)
{
    int i = 0;
    while (i + 1 < BENCH_SIZES && bytes > l->memory[i].bytes * 2) i++;
    return i;
}

/* The time that the machine needs at least, by what limits it. */
void bench_apply_limits(bench *b)
{
    const bench_limits *l = &b->limits;
    for (size_t i = 0; i < b->row_count; i++) {
        bench_row *r = &b->rows[i];
        double moved = (double)bench_moved(r), least = 0, rate_of = 0;
        int level = memory_level(l, bench_moved(r));
        if (r->summary.count == 0 || r->note[0] != '\0' || r->c->data == BENCH_SMALL) continue;
        switch (r->c->data) {
        case BENCH_GIVEN:
        case BENCH_CACHED:
            rate_of = l->cached;
            r->limit = "cached file";
            break;
        case BENCH_COLD:
            rate_of = l->cold;
            r->limit = "disk";
            break;
        case BENCH_GENERATED: break; /* what the function gives is not known */
        default:
            rate_of = r->bytes_out * 8 < r->bytes_in ? l->memory[level].read : l->memory[level].copy;
            r->limit = r->bytes_out * 8 < r->bytes_in ? "memory read" : "memory copy";
        }
        if (rate_of > 0) least = moved / rate_of;
        if (l->flops > 0 && r->flops / l->flops > least && rate_of > 0) {
            least = r->flops / l->flops;
            r->limit = "arithmetic";
        }
        if (least > 0)
            r->fraction = least / r->summary.median;
        else
            r->limit = NULL;
    }
}
