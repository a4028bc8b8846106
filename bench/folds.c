/* How fast folds go through elements in memory, on some threads, by the side of a plain copy:
 * `folds [threads [repetitions]]`. The array is handed over in pieces of 4 MiB, as a run does. */
#include "fold/fold.h"

#include "base/clock.h"
#include "crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct copy_job {
    char *to;
    const char *from;
} copy_job;

#define PIECE (4u << 20)

static void copy(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    copy_job *c = arg;
    memcpy(c->to + from * (PIECE / 4), c->from + from * (PIECE / 4), (to - from) * (PIECE / 4));
}

typedef struct bench {
    const char *name;
    gp_op op;
    gp_dtype operand, result;
    gp_shape shape;
    uint32_t axes;
    int64_t size;
} bench;

static gp_linalg *linalg;

static double once(const bench *b, const gp_workers *workers, const char *data, char *out)
{
    gp_fold_spec spec = {.op = b->op, .operand = {b->operand}, .operands = 1, .shape = b->shape,
                         .axes = b->axes, .size = b->size, .dtype = b->result, .linalg = linalg};
    for (int d = 0; d < b->shape.ndim; d++) {
        if (gp_op_info_of(b->op)->reduction && (b->axes >> d & 1) != 0) continue;
        int64_t length = b->shape.dim[d];
        if (b->size > 0 && (b->axes >> d & 1) != 0) length -= b->size - 1;
        spec.result.dim[spec.result.ndim++] = length;
    }
    gp_fold *fold = NULL;
    gpuproc_error err;
    uint64_t item = gpuproc_dtype_bytes(b->operand), count = gp_shape_size(&b->shape);
    if (gp_fold_new(&spec, UINT64_MAX, workers, &fold, &err) != GPUPROC_OK) return 0;
    uint64_t begin = gp_now_ns();
    for (uint64_t first = 0; first < count; first += PIECE / item) {
        gp_fold_piece piece = {.first = first, .count = count - first < PIECE / item ? count - first : PIECE / item,
                               .operand = {data + first * item}, .out = out};
        if (gp_op_info_of(b->op)->fold) piece.out = out + first * item;
        if (gp_fold_take(fold, &piece, &err) != GPUPROC_OK) return 0;
    }
    bool again;
    (void)gp_fold_end(fold, &again, &err);
    double seconds = (double)(gp_now_ns() - begin) * 1e-9;
    gp_fold_free(fold);
    return seconds;
}

#define F4 GPUPROC_FLOAT32
#define F8 GPUPROC_FLOAT64
#define I4 GPUPROC_INT32
#define I8 GPUPROC_INT64
static const bench benches[] = {
    {"sum f4 (65536,1024) axis 0", GP_OP_SUM, F4, F4, {2, {65536, 1024}}, 1, 0},
    {"sum f4 (65536,1024) axis 1", GP_OP_SUM, F4, F4, {2, {65536, 1024}}, 2, 0},
    {"sum f8 (32768,1024) axis 0", GP_OP_SUM, F8, F8, {2, {32768, 1024}}, 1, 0},
    {"sum f8 (32768,1024) axis 1", GP_OP_SUM, F8, F8, {2, {32768, 1024}}, 2, 0},
    {"sum i4 (65536,1024) axis 0", GP_OP_SUM, I4, I8, {2, {65536, 1024}}, 1, 0},
    {"sum f4 (2e7,3) axis 0", GP_OP_SUM, F4, F4, {2, {20000000, 3}}, 1, 0},
    {"sum f4 (2e7,3) axis 1", GP_OP_SUM, F4, F4, {2, {20000000, 3}}, 2, 0},
    {"sum f4 (3,2e7) axis 0", GP_OP_SUM, F4, F4, {2, {3, 20000000}}, 1, 0},
    {"sum f4 (3,2e7) axis 1", GP_OP_SUM, F4, F4, {2, {3, 20000000}}, 2, 0},
    {"sum f4 (1e6,60) axis 1", GP_OP_SUM, F4, F4, {2, {1000000, 60}}, 2, 0},
    {"sum f4 (1e6,60) axis 0", GP_OP_SUM, F4, F4, {2, {1000000, 60}}, 1, 0},
    {"sum f4 (400,400,400) 0,2", GP_OP_SUM, F4, F4, {3, {400, 400, 400}}, 5, 0},
    {"sum f4 (400,400,400) 1", GP_OP_SUM, F4, F4, {3, {400, 400, 400}}, 2, 0},
    {"max f4 (65536,1024) axis 0", GP_OP_MAX, F4, F4, {2, {65536, 1024}}, 1, 0},
    {"max f4 (65536,1024) axis 1", GP_OP_MAX, F4, F4, {2, {65536, 1024}}, 2, 0},
    {"argmax f4 (65536,1024) axis 0", GP_OP_ARGMAX, F4, I8, {2, {65536, 1024}}, 1, 0},
    {"argmax f4 (65536,1024) axis 1", GP_OP_ARGMAX, F4, I8, {2, {65536, 1024}}, 2, 0},
    {"var f4 (65536,1024) axis 0", GP_OP_VAR, F4, F4, {2, {65536, 1024}}, 1, 0},
    {"var f4 (65536,1024) axis 1", GP_OP_VAR, F4, F4, {2, {65536, 1024}}, 2, 0},
    {"cumsum f4 (64Mi)", GP_OP_CUMSUM, F4, F4, {1, {67108864}}, 1, 0},
    {"cumsum f8 (32Mi)", GP_OP_CUMSUM, F8, F8, {1, {33554432}}, 1, 0},
    {"cumsum i8 (32Mi)", GP_OP_CUMSUM, I8, I8, {1, {33554432}}, 1, 0},
    {"cummax f4 (64Mi)", GP_OP_CUMMAX, F4, F4, {1, {67108864}}, 1, 0},
    {"cumprod f4 (64Mi)", GP_OP_CUMPROD, F4, F4, {1, {67108864}}, 1, 0},
    {"cumsum f4 (65536,1024) 0", GP_OP_CUMSUM, F4, F4, {2, {65536, 1024}}, 1, 0},
    {"cumsum f4 (2e7,3) axis 0", GP_OP_CUMSUM, F4, F4, {2, {20000000, 3}}, 1, 0},
    {"cumsum f4 (2e7,3) axis 1", GP_OP_CUMSUM, F4, F4, {2, {20000000, 3}}, 2, 0},
    {"winsum f4 (64Mi) 1000", GP_OP_WINSUM, F4, F4, {1, {67108864}}, 1, 1000},
    {"winsum f4 (64Mi) 5", GP_OP_WINSUM, F4, F4, {1, {67108864}}, 1, 5},
    {"winsum f8 (32Mi) 1000", GP_OP_WINSUM, F8, F8, {1, {33554432}}, 1, 1000},
    {"winmax f4 (64Mi) 1000", GP_OP_WINMAX, F4, F4, {1, {67108864}}, 1, 1000},
    {"gram f4 (1Mi,64)", GP_OP_GRAM, F4, F4, {2, {1048576, 64}}, 0, 0},
    {"gram f8 (32768,1024)", GP_OP_GRAM, F8, F8, {2, {32768, 1024}}, 0, 0},
    {"qrr f4 (1Mi,64)", GP_OP_QRR, F4, F4, {2, {1048576, 64}}, 0, 0},
    {"lstsq f8 (2Mi,16)", GP_OP_LSTSQ, F8, F8, {2, {2097152, 16}}, 0, 1},
    {"winsum f4 (65536,1024) 0 1000", GP_OP_WINSUM, F4, F4, {2, {65536, 1024}}, 1, 1000},
};

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 2;
    int repetitions = argc > 2 ? atoi(argv[2]) : 3;
    size_t bytes = 256u << 20;
    float *data = aligned_alloc(4096, bytes);
    char *out = aligned_alloc(4096, bytes + PIECE);
    if (data == NULL || out == NULL || threads < 1 || threads > 64) return 1;
    for (size_t i = 0; i < bytes / 4; i++) data[i] = (float)(i * 2654435761u % 1000) * 0.001f;
    memset(out, 1, bytes + PIECE);

    if (gp_linalg_open(&linalg, NULL) != GPUPROC_OK) return 1;

    gp_workers workers;
    if (!crew_start(threads, &workers)) return 1;

    double best = 1e9;
    for (int k = 0; k < repetitions; k++) {
        uint64_t begin = gp_now_ns();
        copy_job c = {out, (const char *)data};
        for (size_t at = 0; at < bytes; at += PIECE, c.to += PIECE, c.from += PIECE) crew_each(&workers, 4, copy, &c);
        double s = (double)(gp_now_ns() - begin) * 1e-9;
        if (s < best) best = s;
    }
    printf("%-32s %6.1f GB/s of elements\n", "copy", (double)bytes / best * 1e-9);
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        const bench *b = &benches[i];
        if (argc > 3 && strstr(b->name, argv[3]) == NULL) continue;
        best = 1e9;
        for (int k = 0; k < repetitions; k++) {
            double s = once(b, &workers, (const char *)data, out);
            if (s > 0 && s < best) best = s;
        }
        double n = (double)gp_shape_size(&b->shape);
        printf("%-32s %6.1f GB/s  %5.2f ns each\n", b->name, n * (double)gpuproc_dtype_bytes(b->operand) / best * 1e-9, best / n * 1e9);
    }
    crew_end();
    gp_linalg_close(linalg);
    free(data);
    free(out);
    return 0;
}
