/* For the tests of folds: runs one over operands in memory, cut at random, with threads for workers. */
#ifndef TEST_FOLD_PIECES_H
#define TEST_FOLD_PIECES_H

#include "base/memory.h"
#include "fold/fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t fold_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(2685821657736338717);
}

typedef struct fold_thread {
    void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to);
    void *arg;
    unsigned worker;
    uint64_t from, to;
} fold_thread;

static inline void *fold_thread_main(void *arg)
{
    fold_thread *t = arg;
    if (t->from < t->to) t->run(t->arg, t->worker, t->from, t->to);
    return NULL;
}

static inline void fold_each(const gp_workers *workers, uint64_t units,
                             void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to), void *arg)
{
    pthread_t thread[16];
    fold_thread t[16];
    unsigned n = workers->count;
    for (unsigned i = 0; i < n; i++) {
        t[i] = (fold_thread){run, arg, i, units * i / n, units * (i + 1) / n};
        if (i > 0) assert_int_equal(pthread_create(&thread[i], NULL, fold_thread_main, &t[i]), 0);
    }
    fold_thread_main(&t[0]);
    for (unsigned i = 1; i < n; i++) pthread_join(thread[i], NULL);
}

typedef struct fold_ran {
    gpuproc_status status;
    gpuproc_error err;
    unsigned char *data; /* free it */
    uint64_t count;      /* elements of the result */
    unsigned passes;
    const char *warning;
} fold_ran;

/* most: elements of a piece at most; pieces have 1 to `most`. */
static inline fold_ran fold_run(const gp_fold_spec *spec, const void *a, const void *b, uint64_t budget,
                                unsigned threads, uint64_t most, uint64_t *random)
{
    gp_workers workers = {threads, fold_each, NULL};
    fold_ran ran = {0};
    gp_fold *fold = NULL;
    uint64_t total = gp_shape_size(&spec->shape);
    size_t wide = gpuproc_dtype_bytes(spec->dtype), element[2] = {gpuproc_dtype_bytes(spec->operand[0]),
                                                                 gpuproc_dtype_bytes(spec->operand[1])};
    ran.status = gp_fold_new(spec, budget, &workers, &fold, &ran.err);
    if (ran.status != GPUPROC_OK) return ran;
    bool again = true;
    while (again && ran.status == GPUPROC_OK) {
        ran.passes++;
        for (uint64_t at = 0; at < total && ran.status == GPUPROC_OK;) {
            uint64_t n = gp_min_u64(1 + fold_random(random) % most, total - at);
            uint64_t room = gp_fold_room(fold, n);
            /* Copies of the exact size, so that reading or writing beyond them is seen. */
            void *in = malloc(n * element[0]), *in2 = malloc(n * element[1]);
            unsigned char *out = malloc(room * wide + 1);
            memcpy(in, (const char *)a + at * element[0], n * element[0]);
            if (spec->operands == 2) memcpy(in2, (const char *)b + at * element[1], n * element[1]);
            gp_fold_piece piece = {.first = at, .count = n, .operand = {in, spec->operands == 2 ? in2 : NULL}, .out = out};
            ran.status = gp_fold_take(fold, &piece, &ran.err);
            if (ran.status == GPUPROC_OK) {
                assert_true(piece.out_count <= room);
                assert_int_equal(piece.out_first, ran.count);
                ran.data = realloc(ran.data, (ran.count + piece.out_count) * wide + 1);
                memcpy(ran.data + ran.count * wide, out, piece.out_count * wide);
                ran.count += piece.out_count;
            }
            free(in);
            free(in2);
            free(out);
            at += n;
        }
        if (ran.status == GPUPROC_OK) ran.status = gp_fold_end(fold, &again, &ran.err);
    }
    if (ran.status == GPUPROC_OK) {
        const void *data;
        uint64_t first, count;
        gp_fold_rest(fold, &data, &first, &count);
        assert_int_equal(first, ran.count);
        ran.data = realloc(ran.data, (first + count) * wide + 1);
        if (count > 0) memcpy(ran.data + first * wide, data, count * wide);
        ran.count += count;
        ran.warning = gp_fold_warning(fold);
    }
    gp_fold_free(fold);
    return ran;
}

#endif
