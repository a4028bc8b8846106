/* gpuproc-bench-memory: the library on arrays in memory, beside loops written by hand.
 *
 *   gpuproc-bench-memory ELEMENTS
 *
 * Makes x and y (float32), then obeys one command per line of standard input and answers each
 * with one line of JSON, so that a script can let it take turns with other programs:
 *
 *   eval EXPRESSION   the expression over x and y into memory, submission to end
 *   reduce EXPRESSION the same, for an expression with scalar results only
 *   hypot             sqrt(x*x + y*y) by the hand-written loop
 *   read              the raw sum of x's words: what memory gives two threads
 *   mapsum PATH       the raw sum of a mapped file's words
 *   product DTYPE N   the product of two N by N matrices, DTYPE f4 or f8
 *   same              whether the last eval and the last hypot gave the same bits */
#include "peer_loops.h"

#include <gpuproc/gpuproc.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A, B and C of the last product. */
typedef struct matrices {
    gpuproc_dtype dtype;
    int64_t length;
    void *data[3];
    gpuproc_array *array[2];
} matrices;

typedef struct bench {
    gpuproc_session *session;
    gpuproc_array *x_array, *y_array;
    float *x, *y, *out, *peer_out;
    size_t count;
    matrices m;
    double used; /* processor seconds at the last answer */
} bench;

static double read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double now(void) { return read_clock(CLOCK_MONOTONIC); }

static void answer_error(const char *text) { printf("{\"error\": \"%s\"}\n", text); }

/* With the processor's time since the last answer: on a busy machine it says more. */
static void answer_time(bench *b, double seconds, double bytes)
{
    double used = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    printf("{\"seconds\": %.9f, \"bytes\": %.0f, \"cpu_seconds\": %.9f}\n", seconds, bytes,
           used - b->used);
    b->used = used;
}

static void eval(bench *b, const char *expression, size_t outputs)
{
    gpuproc_error err = {0};
    gpuproc_job *job = NULL;
    const gpuproc_input inputs[] = {{"x", b->x_array}, {"y", b->y_array}};
    const gpuproc_output output = {.kind = GPUPROC_OUTPUT_MEMORY, .data = b->out,
                                   .bytes = b->count * sizeof *b->out};
    const gpuproc_job_options options = {.struct_size = sizeof options, .device = "cpu"};
    double begin = now();
    gpuproc_status st = gpuproc_submit(b->session, expression, inputs, 2, &output, outputs, &options,
                                       &job, &err);
    if (st == GPUPROC_OK) st = gpuproc_job_wait(job, UINT64_MAX, &err);
    gpuproc_job_free(job);
    double seconds = now() - begin;
    if (st != GPUPROC_OK) answer_error(err.message);
    else answer_time(b, seconds, 3.0 * sizeof(float) * (double)b->count);
}

static void free_matrices(matrices *m)
{
    for (int i = 0; i < 3; i++) free(m->data[i]);
    for (int i = 0; i < 2; i++) gpuproc_array_free(m->array[i]);
    *m = (matrices){0};
}

static bool make_matrices(matrices *m, gpuproc_dtype dtype, int64_t length)
{
    size_t count = (size_t)length * (size_t)length;
    int64_t shape[2] = {length, length};
    gpuproc_error err;
    if (m->dtype == dtype && m->length == length) return true;
    free_matrices(m);
    bool fine = true;
    for (int i = 0; i < 3 && fine; i++) {
        m->data[i] = aligned_alloc(4096, (count * gpuproc_dtype_bytes(dtype) + 4095) / 4096 * 4096);
        fine = m->data[i] != NULL;
        for (size_t k = 0; fine && k < count; k++) {
            double v = (double)(k * 2654435761u % 1000) / 1000;
            if (dtype == GPUPROC_FLOAT32) ((float *)m->data[i])[k] = (float)v;
            else ((double *)m->data[i])[k] = v;
        }
        if (fine && i < 2)
            fine = gpuproc_array_from_memory(dtype, 2, shape, m->data[i], &m->array[i], &err) == GPUPROC_OK;
    }
    if (fine) {
        m->dtype = dtype;
        m->length = length;
    } else {
        free_matrices(m);
    }
    return fine;
}

static void product(bench *b, const char *arguments)
{
    gpuproc_error err = {0};
    gpuproc_job *job = NULL;
    gpuproc_dtype dtype = strncmp(arguments, "f8 ", 3) == 0 ? GPUPROC_FLOAT64 : GPUPROC_FLOAT32;
    int64_t length = strtoll(arguments + 3, NULL, 10);
    if (strlen(arguments) < 4 || length < 1 || length > 65536 || !make_matrices(&b->m, dtype, length)) {
        answer_error("expected f4 or f8, and a length for which there is memory");
        return;
    }
    const gpuproc_input inputs[] = {{"a", b->m.array[0]}, {"b", b->m.array[1]}};
    const gpuproc_output output = {.kind = GPUPROC_OUTPUT_MEMORY, .data = b->m.data[2],
                                   .bytes = (uint64_t)(length * length) * gpuproc_dtype_bytes(dtype)};
    const gpuproc_job_options options = {.struct_size = sizeof options, .device = "cpu"};
    double begin = now();
    gpuproc_status st = gpuproc_submit(b->session, "a @ b", inputs, 2, &output, 1, &options, &job, &err);
    if (st == GPUPROC_OK) st = gpuproc_job_wait(job, UINT64_MAX, &err);
    gpuproc_job_free(job);
    double seconds = now() - begin;
    if (st != GPUPROC_OK) answer_error(err.message);
    else answer_time(b, seconds, 3.0 * (double)output.bytes);
}

static void obey(bench *b, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    double begin = now();
    if (strncmp(line, "eval ", 5) == 0) {
        eval(b, line + 5, 1);
    } else if (strncmp(line, "reduce ", 7) == 0) {
        eval(b, line + 7, 0);
    } else if (strncmp(line, "product ", 8) == 0) {
        product(b, line + 8);
    } else if (strcmp(line, "hypot") == 0) {
        bool ok = peer_hypot(b->x, b->y, b->peer_out, b->count);
        if (ok) answer_time(b, now() - begin, 3.0 * sizeof(float) * (double)b->count);
        else answer_error("no threads");
    } else if (strcmp(line, "read") == 0) {
        uint64_t sum;
        bool ok = peer_sum(b->x, b->count * sizeof *b->x, &sum);
        if (ok) answer_time(b, now() - begin, (double)(b->count * sizeof *b->x));
        else answer_error("no threads");
    } else if (strncmp(line, "mapsum ", 7) == 0) {
        uint64_t sum, bytes;
        bool ok = peer_mapped_sum(line + 7, &sum, &bytes);
        if (ok) answer_time(b, now() - begin, (double)bytes);
        else answer_error(strerror(errno));
    } else if (strcmp(line, "same") == 0) {
        bool same = memcmp(b->out, b->peer_out, b->count * sizeof *b->out) == 0;
        printf("{\"same\": %s}\n", same ? "true" : "false");
    } else {
        answer_error("unknown command");
    }
    fflush(stdout);
}

static float *new_floats(size_t count, float value)
{
    float *p = aligned_alloc(4096, (count * sizeof *p + 4095) / 4096 * 4096);
    for (size_t i = 0; p != NULL && i < count; i++) p[i] = value; /* touched: no faults later */
    return p;
}

/* Values between -3 and 3, without a pattern that a cache or a branch could learn. */
static void fill(float *v, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (float)(seed >> 8) * (6.0f / 16777216.0f) - 3.0f;
    }
}

int main(int argc, char **argv)
{
    bench b = {0};
    gpuproc_error err = {0};
    char *line = NULL;
    size_t room = 0;
    int code = 1;
    b.count = argc == 2 ? strtoull(argv[1], NULL, 0) : 0;
    if (b.count == 0) {
        fprintf(stderr, "usage: gpuproc-bench-memory ELEMENTS\n");
        return 2;
    }
    b.x = new_floats(b.count, 0);
    b.y = new_floats(b.count, 0);
    b.out = new_floats(b.count, 1);
    b.peer_out = new_floats(b.count, 2);
    if (b.x == NULL || b.y == NULL || b.out == NULL || b.peer_out == NULL) {
        fprintf(stderr, "out of memory\n");
        goto out;
    }
    fill(b.x, b.count, 1);
    fill(b.y, b.count, 2);
    int64_t shape[1] = {(int64_t)b.count};
    if (gpuproc_session_open(NULL, &b.session, &err) != GPUPROC_OK ||
        gpuproc_array_from_memory(GPUPROC_FLOAT32, 1, shape, b.x, &b.x_array, &err) != GPUPROC_OK ||
        gpuproc_array_from_memory(GPUPROC_FLOAT32, 1, shape, b.y, &b.y_array, &err) != GPUPROC_OK) {
        fprintf(stderr, "%s\n", err.message);
        goto out;
    }
    while (getline(&line, &room, stdin) > 0) obey(&b, line);
    code = 0;
out:
    free(line);
    free_matrices(&b.m);
    gpuproc_array_free(b.x_array);
    gpuproc_array_free(b.y_array);
    gpuproc_session_close(b.session);
    free(b.x);
    free(b.y);
    free(b.out);
    free(b.peer_out);
    return code;
}
