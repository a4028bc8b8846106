/* As fold_run.h, for folds of one or two operands, of any length of the result, and of several passes. */
#ifndef TEST_FOLD_PIECES_H
#define TEST_FOLD_PIECES_H

#include "base/memory.h"
#include "fold_run.h"

static inline uint64_t fold_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(2685821657736338717);
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
static inline fold_ran fold_run_pieces(const gp_fold_spec *spec, const void *a, const void *b, uint64_t budget,
                                       unsigned threads, uint64_t most, uint64_t *random)
{
    gp_workers workers = {.count = threads, .each = each_threads};
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
