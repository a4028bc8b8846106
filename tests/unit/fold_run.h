/* Runs a fold over an array in memory, cut into pieces, with threads; for the tests of folds. */
#ifndef TESTS_UNIT_FOLD_RUN_H
#define TESTS_UNIT_FOLD_RUN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "fold/fold.h"

typedef struct random_state {
    uint64_t s;
} random_state;

static inline uint64_t random_bits(random_state *r)
{
    uint64_t z = (r->s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t random_below(random_state *r, uint64_t n) { return random_bits(r) % n; }

/* ---- Threads: each takes unit after unit ---- */

typedef struct crew {
    uint64_t units, next;
    pthread_mutex_t lock;
    void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to);
    void *arg;
} crew;

typedef struct member {
    crew *c;
    unsigned worker;
    pthread_t thread;
} member;

static inline void *member_main(void *arg)
{
    member *m = arg;
    for (;;) {
        pthread_mutex_lock(&m->c->lock);
        uint64_t unit = m->c->next++;
        pthread_mutex_unlock(&m->c->lock);
        if (unit >= m->c->units) return NULL;
        m->c->run(m->c->arg, m->worker, unit, unit + 1);
    }
}

static inline void each_threads(const gp_workers *workers, uint64_t units,
                                void (*run)(void *arg, unsigned worker, uint64_t from, uint64_t to), void *arg)
{
    member m[16];
    crew c = {.units = units, .run = run, .arg = arg};
    if (units == 0) return;
    if (workers->count == 1) {
        run(arg, 0, 0, units);
        return;
    }
    pthread_mutex_init(&c.lock, NULL);
    for (unsigned i = 0; i < workers->count; i++) {
        m[i] = (member){.c = &c, .worker = i};
        if (i > 0 && pthread_create(&m[i].thread, NULL, member_main, &m[i]) != 0) abort();
    }
    member_main(&m[0]);
    for (unsigned i = 1; i < workers->count; i++) pthread_join(m[i].thread, NULL);
    pthread_mutex_destroy(&c.lock);
}

/* ---- A fold ---- */

static inline void *exactly(size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes == 0 ? 1 : bytes) != 0) abort();
    return p;
}

/* How long the next piece is: `style` 0: everything, 1: one element, 2: a few, 3: any. */
static inline uint64_t cut(random_state *r, int style, uint64_t left, uint64_t count)
{
    uint64_t n = style == 0 ? left : style == 1 ? 1 : style == 2 ? 1 + random_below(r, 40 + count / 300) : 1 + random_below(r, 1 + count / 2);
    return n < left ? n : left;
}

/* The result, malloced; `in_place`: where the fold allows it. `more`: bytes of budget beyond what it needs. What fails
 * is in *err. */
static inline void *fold_run_with(const gp_fold_spec *spec, const void *data, random_state *r, int style,
                                  unsigned threads, bool in_place, uint64_t more, const char **warning,
                                  gpuproc_status *status, gpuproc_error *err)
{
    gp_workers workers = {.count = threads, .each = each_threads};
    gp_fold *fold = NULL;
    size_t size = gpuproc_dtype_bytes(spec->dtype), item = gpuproc_dtype_bytes(spec->operand[0]);
    uint64_t count = gp_shape_size(&spec->shape), results = gp_shape_size(&spec->result), given = 0;
    char *result = exactly(results * size);
    assert_int_equal(gp_fold_new(spec, gp_fold_bytes(spec) + more, &workers, &fold, err), GPUPROC_OK);
    *status = GPUPROC_OK;
    for (uint64_t first = 0; first < count && *status == GPUPROC_OK;) {
        uint64_t n = cut(r, style, count - first, count);
        uint64_t room = gp_fold_room(fold, n);
        gp_fold_piece piece = {.first = first, .count = n};
        /* Neither more nor less than what it may touch, and aligned as little as it may be. */
        bool same = in_place && gp_fold_in_place(fold);
        size_t bytes = same && room * size > n * item ? room * size : n * item;
        char *x = exactly(bytes + (same ? 0 : item)), *own = same ? NULL : exactly((room + 1) * size);
        char *out = same ? x : own + size;
        char *at = same ? x : x + item;
        memcpy(at, (const char *)data + first * item, n * item);
        piece.operand[0] = at;
        piece.out = out;
        *status = gp_fold_take(fold, &piece, err);
        assert_true(piece.out_count <= room);
        assert_int_equal(piece.out_first, given);
        assert_true(given + piece.out_count <= results);
        memcpy(result + given * size, out, piece.out_count * size);
        given += piece.out_count;
        free(own);
        free(x);
        first += n;
    }
    bool again = false;
    if (*status == GPUPROC_OK) *status = gp_fold_end(fold, &again, err);
    assert_false(again);
    if (*status == GPUPROC_OK) {
        const void *rest;
        uint64_t first, n;
        gp_fold_rest(fold, &rest, &first, &n);
        if (n > 0) {
            assert_int_equal(first, given);
            assert_true(given + n <= results);
            memcpy(result + given * size, rest, n * size);
            given += n;
        }
        assert_int_equal(given, results);
    }
    if (warning != NULL) *warning = gp_fold_warning(fold);
    gp_fold_free(fold);
    return result;
}

static inline void *fold_run(const gp_fold_spec *spec, const void *data, random_state *r, int style, unsigned threads,
                             bool in_place, const char **warning, gpuproc_status *status)
{
    gpuproc_error err;
    return fold_run_with(spec, data, r, style, threads, in_place, 0, warning, status, &err);
}

/* ---- Elements ---- */

static inline long double element(gp_dtype dtype, const void *data, uint64_t i)
{
    switch (dtype) {
#define X(name, type, kind) \
    case GPUPROC_##name: return (long double)((const type *)data)[i];
        GP_DTYPES(X)
#undef X
    default: return 0;
    }
}

/* Modulo 2^64. */
static inline uint64_t element_word(gp_dtype dtype, const void *data, uint64_t i)
{
    switch (dtype) {
#define X(name, type, kind) \
    case GPUPROC_##name: return (uint64_t)((const type *)data)[i];
        GP_DTYPES_BOOL(X)
        GP_DTYPES_INTEGER(X)
#undef X
    default: return 0;
    }
}

/* Elements of any value; `wild`: also NaN, infinities, zeros of both signs and repeated values. */
static inline void *random_elements(random_state *r, gp_dtype dtype, uint64_t n, bool wild)
{
    size_t size = gpuproc_dtype_bytes(dtype);
    char *data = exactly(n * size);
    static const double strange[] = {(double)NAN, -(double)NAN, (double)INFINITY, -(double)INFINITY, 0.0, -0.0, 1, 1e30, 1e-30, -1e30};
    for (uint64_t i = 0; i < n; i++) {
        uint64_t bits = random_bits(r);
        if (gp_dtype_is_float(dtype)) {
            double x = ((double)(bits >> 12) * 0x1p-52 - 0.5) * (bits & 1 ? 100 : 1);
            if (wild) x = bits % 3 ? (double)(int64_t)(bits >> 5 & 7) - 3 : strange[4 + (bits >> 5) % 6];
            if (wild && bits % 97 == 0) x = strange[(bits >> 9) % 10];
            if (dtype == GPUPROC_FLOAT32)
                ((float *)(void *)data)[i] = (float)x;
            else
                ((double *)(void *)data)[i] = x;
        } else if (dtype == GPUPROC_BOOL) {
            data[i] = (char)(wild ? bits % 50 != 0 : bits & 1);
        } else {
            if (wild) bits %= 5;
            memcpy(data + i * size, &bits, size);
        }
    }
    return data;
}

static const gp_dtype all_dtypes[] = {
#define X(name, type, kind) GPUPROC_##name,
    GP_DTYPES(X)
#undef X
};

static inline bool fold_takes(gp_op op, gp_dtype dtype)
{
    int kind = dtype == GPUPROC_BOOL ? GP_B : gp_dtype_is_float(dtype) ? GP_F : GP_I;
    return (gp_op_info_of(op)->kinds & kind) != 0;
}

/* The fold gives the bytes of `result` however its operand is cut and whoever works on it. */
static inline void fold_same_when_cut(const gp_fold_spec *spec, const void *data, const void *result,
                                      bool may_be_in_place, random_state *r)
{
    uint64_t count = gp_shape_size(&spec->shape);
    gpuproc_status st;
    for (int style = 0; style < 4; style++) {
        if (style == 1 && count > 3000) continue;
        unsigned threads = (style == 2 && count > 1000) || style == 1 ? 1 : 2 + (unsigned)random_below(r, 3);
        bool in_place = may_be_in_place && random_below(r, 2) == 0;
        gpuproc_error err;
        /* Folds over matrices let more workers in where there is memory for them. */
        uint64_t more = spec->linalg != NULL && random_below(r, 2) == 0 ? gp_fold_bytes(spec) * random_below(r, 8) : 0;
        void *other = fold_run_with(spec, data, r, style, threads, in_place, more, NULL, &st, &err);
        if (memcmp(other, result, gp_shape_size(&spec->result) * gpuproc_dtype_bytes(spec->dtype)) != 0) {
            char text[200];
            print_message("%s of %s %s axes %x size %d style %d threads %u\n", gp_op_info_of(spec->op)->name,
                          gpuproc_dtype_name(spec->dtype), gp_shape_text(&spec->shape, text, sizeof text), spec->axes,
                          (int)spec->size, style, threads);
            fail();
        }
        free(other);
    }
}

/* Up to four short axes, one of them longer now and then, which is *axis. */
static inline gp_shape random_small_shape(random_state *r, int *axis)
{
    static const int64_t lengths[] = {1, 2, 3, 5, 8, 9, 17};
    gp_shape shape = {.ndim = 1 + (int)random_below(r, 4)};
    for (int d = 0; d < shape.ndim; d++)
        shape.dim[d] = random_below(r, 40) == 0 ? 0 : lengths[random_below(r, 7)];
    *axis = (int)random_below(r, (uint64_t)shape.ndim);
    if (random_below(r, 2) == 0) shape.dim[*axis] = 1 + (int64_t)random_below(r, 1500);
    return shape;
}

#endif
