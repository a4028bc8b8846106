#include "peer_loops.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define THREADS 2

typedef struct part {
    const float *x, *y;
    float *out;
    const uint64_t *word;
    size_t from, to;
    uint64_t sum;
} part;

/* Cuts `count` into THREADS parts that start at multiples of `step`, and runs them. */
static bool run_parts(part parts[THREADS], size_t count, size_t step, void *(*work)(void *))
{
    pthread_t thread[THREADS];
    size_t each = (count / THREADS + step - 1) / step * step, started = 0;
    for (; started < THREADS; started++) {
        part *p = &parts[started];
        p->from = each * started < count ? each * started : count;
        p->to = started + 1 == THREADS || p->from + each > count ? count : p->from + each;
        if (pthread_create(&thread[started], NULL, work, p) != 0) break;
    }
    for (size_t t = 0; t < started; t++) pthread_join(thread[t], NULL);
    return started == THREADS;
}

/* ---- sqrt(x*x + y*y) ------------------------------------------------------- */

static void hypot_plain(part *p, size_t i)
{
    for (; i < p->to; i++) p->out[i] = sqrtf(p->x[i] * p->x[i] + p->y[i] * p->y[i]);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static size_t hypot_avx2(part *p)
{
    size_t i = p->from;
    for (; i + 16 <= p->to; i += 16) {
        __m256 x0 = _mm256_loadu_ps(p->x + i), x1 = _mm256_loadu_ps(p->x + i + 8);
        __m256 y0 = _mm256_loadu_ps(p->y + i), y1 = _mm256_loadu_ps(p->y + i + 8);
        __m256 s0 = _mm256_add_ps(_mm256_mul_ps(x0, x0), _mm256_mul_ps(y0, y0));
        __m256 s1 = _mm256_add_ps(_mm256_mul_ps(x1, x1), _mm256_mul_ps(y1, y1));
        _mm256_stream_ps(p->out + i, _mm256_sqrt_ps(s0));
        _mm256_stream_ps(p->out + i + 8, _mm256_sqrt_ps(s1));
    }
    _mm_sfence();
    return i;
}
#endif

static void *hypot_work(void *arg)
{
    part *p = arg;
    size_t i = p->from;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) i = hypot_avx2(p);
#endif
    hypot_plain(p, i);
    return NULL;
}

bool peer_hypot(const float *x, const float *y, float *out, size_t count)
{
    part parts[THREADS];
    for (int t = 0; t < THREADS; t++) parts[t] = (part){.x = x, .y = y, .out = out};
    return run_parts(parts, count, 16, hypot_work);
}

/* ---- Words, in memory or of a mapped file ------------------------------------- */

/* Asking for what comes next in good time: the processors' own prefetching starts anew on each page. */
#define AHEAD 4096

static uint64_t sum_plain(const uint64_t *word, size_t i, size_t to)
{
    uint64_t s[4] = {0};
    for (; i + 4 <= to; i += 4) {
        for (int k = 0; k < 4; k++) s[k] += word[i + (size_t)k];
    }
    for (; i < to; i++) s[0] += word[i];
    return s[0] + s[1] + s[2] + s[3];
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint64_t *word, size_t i, size_t to)
{
    __m256i s[4];
    uint64_t lane[4];
    for (int k = 0; k < 4; k++) s[k] = _mm256_setzero_si256();
    for (; i + 16 <= to; i += 16) {
        for (size_t k = 0; k < 4; k += 2) _mm_prefetch((const char *)(word + i + 4 * k) + AHEAD, _MM_HINT_T0);
        for (size_t k = 0; k < 4; k++)
            s[k] = _mm256_add_epi64(s[k], _mm256_loadu_si256((const __m256i *)(word + i + 4 * k)));
    }
    s[0] = _mm256_add_epi64(_mm256_add_epi64(s[0], s[1]), _mm256_add_epi64(s[2], s[3]));
    _mm256_storeu_si256((__m256i *)lane, s[0]);
    return lane[0] + lane[1] + lane[2] + lane[3] + sum_plain(word, i, to);
}
#endif

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static uint64_t sum_avx512(const uint64_t *word, size_t i, size_t to)
{
    __m512i s[4];
    for (int k = 0; k < 4; k++) s[k] = _mm512_setzero_si512();
    for (; i + 32 <= to; i += 32) {
        for (size_t k = 0; k < 4; k++) {
            _mm_prefetch((const char *)(word + i + 8 * k) + AHEAD, _MM_HINT_T0);
            s[k] = _mm512_add_epi64(s[k], _mm512_loadu_si512(word + i + 8 * k));
        }
    }
    return (uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(_mm512_add_epi64(s[0], s[1]), _mm512_add_epi64(s[2], s[3]))) +
           sum_plain(word, i, to);
}
#endif

static void *sum_work(void *arg)
{
    part *p = arg;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        p->sum = sum_avx512(p->word, p->from, p->to);
        return NULL;
    }
    if (__builtin_cpu_supports("avx2")) {
        p->sum = sum_avx2(p->word, p->from, p->to);
        return NULL;
    }
#endif
    p->sum = sum_plain(p->word, p->from, p->to);
    return NULL;
}

bool peer_sum(const void *words, size_t bytes, uint64_t *sum)
{
    part parts[THREADS];
    for (int t = 0; t < THREADS; t++) parts[t] = (part){.word = words};
    if (!run_parts(parts, bytes / 8, 512, sum_work)) return false;
    *sum = 0;
    for (int t = 0; t < THREADS; t++) *sum += parts[t].sum;
    return true;
}

bool peer_mapped_sum(const char *path, uint64_t *sum, uint64_t *bytes)
{
    struct stat st;
    void *map = MAP_FAILED;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    if (fstat(fd, &st) != 0) goto out;
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) goto out;
    ok = peer_sum(map, (size_t)st.st_size, sum);
    *bytes = (uint64_t)st.st_size / 8 * 8;
out:
    if (map != MAP_FAILED) munmap(map, (size_t)st.st_size);
    close(fd);
    return ok;
}
