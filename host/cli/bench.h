/* gpuproc bench: what is measured, and what came of it. One command fills a `bench` from top to bottom:
 * machine and devices, limits, rows (case x size x configuration), what follows from them. */
#ifndef BENCH_H
#define BENCH_H

#include "bench_stats.h"
#include "values.h"

#include <gpuproc/gpuproc.h>
#include <stdio.h>

#define BENCH_SIZES 3
#define BENCH_SCHEMA "gpuproc-bench-1"

/* Where a case's inputs are, and of which shape. */
typedef enum bench_data {
    BENCH_VECTORS,   /* in memory: x, y of n elements */
    BENCH_ROWS,      /* in memory: x of (n / 256, 256) */
    BENCH_SQUARE,    /* in memory: x, y of (sqrt n, sqrt n) */
    BENCH_TALL,      /* in memory: x of (n / 64, 64) */
    BENCH_SMALL,     /* in memory; BENCH_BATCH jobs, one after the other */
    BENCH_CACHED,    /* a file in the page cache */
    BENCH_COLD,      /* a file that is not */
    BENCH_GENERATED, /* a function of the index; nothing is stored */
    BENCH_GIVEN,     /* the user's */
} bench_data;
#define BENCH_BATCH 50
#define BENCH_COLUMNS 256

typedef struct bench_case {
    const char *name, *group, *expression;
    bench_data data;
    unsigned inputs; /* 1: x, 2: x and y */
    bool array;      /* the result is an array: in memory, or in a file where the data is */
    double flops;    /* per element; of square matrices per element and row */
    double ulp;      /* by which an OpenCL device may differ: units in the last place; 0: the same bits;
                      * -1: one for each of the terms of a square matrix's products */
    uint64_t size[BENCH_SIZES], quick; /* elements; 0: none */
    uint64_t memory_bytes;             /* of the job; 0: its own choice */
} bench_case;

/* How something is run. */
typedef struct bench_config {
    char name[64];    /* "cpu x2", "device 1, sync" */
    char device[128]; /* its name */
    size_t index;     /* of the device */
    unsigned threads; /* of the session */
    bool opencl, sync;
    gpuproc_session *session; /* not its own */
} bench_config;

typedef struct bench_row {
    const bench_case *c;
    const bench_config *config;
    uint64_t elements;
    uint64_t bytes_in, bytes_out; /* the least that must be read and written */
    double flops;
    double *seconds; /* as they came; the second half is for putting them into order */
    size_t count, room;
    size_t end[BENCH_ROUNDS], rounds; /* the k-th round's times are those before seconds[end[k]] */
    bench_summary summary;
    double predicted;  /* seconds that gpuproc_explain said; 0: nothing, without figures that were measured */
    double prepared;   /* seconds of the run that does not count */
    const char *limit; /* of the machine, which applies: "memory read" */
    double fraction;   /* of it that was reached; 0: no limit is known */
    bool compared;     /* with the result of the reference */
    double difference; /* units in the last place */
    double allowed;
    bool wrong;
    double overlap; /* stages under way, on average */
    char stage[16]; /* the longest */
    char note[256]; /* why there is no time, or "" */
} bench_row;

/* Bytes per second, and operations per second, of the machine itself. */
typedef struct bench_limits {
    /* By own loops on all threads: what is read over and over, of this size. */
    struct {
        uint64_t bytes;
        double read, copy; /* copy: bytes read and bytes written together */
    } memory[BENCH_SIZES];
    double read_one, copy_one; /* one thread, the largest of the sizes */
    double flops, flops_one;   /* float32 multiply-and-add, two operations each */
    double cached;             /* read() of a file that is cached, all threads */
    double cold;               /* of one that is not; 0: not known */
} bench_limits;

typedef struct bench_machine {
    char cpu[128], kernel[208], date[40], temporary[64];
    unsigned cores;
    uint64_t memory_bytes;
    char command[512];
    double others; /* cores that other programs used while it was measured; below 0: not known */
} bench_machine;

/* What follows from rows of one case. */
typedef struct bench_finding {
    enum { BENCH_SPEEDUP, BENCH_OVERLAP, BENCH_SCALING, BENCH_BREAK_EVEN } kind;
    const bench_row *row;     /* that it is about: the device, the overlapped one, the one with most threads */
    const bench_row *against; /* the CPU with all threads, the one with --sync, the one with one thread */
    double ratio;             /* how many times as fast as `against` */
    bool beyond_noise;
    bench_amdahl amdahl; /* SCALING */
    bench_break where;   /* BREAK_EVEN: from which size `row`'s way is faster than `against`'s */
    double elements;
} bench_finding;

typedef struct bench {
    bench_machine machine;
    gpuproc_device_info *devices;
    size_t device_count;
    bench_config *configs;
    size_t config_count;
    bench_limits limits;
    bench_row *rows;
    size_t row_count, row_room;
    bench_case *given; /* of the user's expression; NULL: the suite */
    bench_finding *findings;
    size_t finding_count;
    char (*notes)[256];
    size_t note_count;
    double seconds; /* that it took */
    size_t wrong;   /* rows whose result differs by more than is allowed */
    bool interrupted;
} bench;

void bench_note(bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
double bench_now(void);
#define BENCH_CALM 0.1 /* cores that others may use before times are no longer the machine's own */
const char *bench_where(bench_data data); /* "memory" */
uint64_t bench_moved(const bench_row *row);

/* The suite's table. */
extern const bench_case bench_cases[];
extern const size_t bench_case_count;

/* Fills b->findings from the rows. False: out of memory. */
bool bench_derive(bench *b);

/* Limits that apply to rows, and the fraction that was reached. */
void bench_apply_limits(bench *b);

/* How many times as fast `row` is as `against`, and so on, in words. */
void bench_finding_text(const bench_finding *f, char *out, size_t room);

const char *bench_finding_title(int kind);
/* Of which commit the program was built, "unknown" where that is not known; and by what. */
const char *bench_commit(void);
const char *bench_compiler(void);

/* Predictions: of how many rows, within 30 % of the median; cases and sizes that had a choice between devices, and
 * where the one that was predicted to be the fastest was, or as good within the spreads (bench_forecast.c). */
typedef struct bench_forecast {
    size_t rows, within, choices, right;
} bench_forecast;
bench_forecast bench_judge_forecast(const bench *b);
void bench_forecast_text(const bench_forecast *f, char *out, size_t room);

/* How it is told. */
void bench_print_text(const bench *b, FILE *out);
void bench_print_markdown(const bench *b, FILE *out);
void bench_print_csv(const bench *b, FILE *out);
void bench_print_html(const bench *b, FILE *out);

/* The table of rows: the text of each column, "" where there is none. */
#define BENCH_COLUMNS_SHOWN 9
#define BENCH_SPREAD_TEXT \
    "Times are medians; the spread is half the width over the median, of the middle half of all times or of the " \
    "medians of the rounds, whichever is more."
size_t bench_columns(const bench *b); /* so many of them: the last one, predictions, only where there are any */
const char *bench_column_title(size_t column);
bool bench_column_left(size_t column); /* text goes left, numbers right */
void bench_cells(const bench_row *r, char cell[BENCH_COLUMNS_SHOWN][VALUE_TEXT]);

#endif
