/* What a machine and its devices can do, measured (session/calibrate.c) or cautiously guessed: the figures that
 * the cost model (cost.h) calculates with, and their text form, in which they are kept.
 *
 * Rates of moving are bytes per nanosecond, which is GB/s; times are nanoseconds. What many threads share is
 * given for one thread: an element's time there, which so many threads divide. */
#ifndef GP_PLAN_RATES_H
#define GP_PLAN_RATES_H

#include "base/text.h"
#include "lang/ops.h"
#include "array/dtype.h"

/* X(name, unit, cautious, what it is), of the machine. */
#define GP_RATES_HOST(X) \
    X(disk_read,     "GB/s",  1.0,   "reading a file that is not in the page cache") \
    X(cache_read,    "GB/s",  4.0,   "copying a file out of the page cache") \
    X(copy,          "GB/s",  5.0,   "copying in memory, for a device's staging") \
    X(memory,        "GB/s",  10.0,  "computing on arrays in memory, all threads: the bound of memory") \
    X(memory_one,    "GB/s",  8.0,   "the same on one thread") \
    X(near,          "GB/s",  20.0,  "computing on arrays that caches hold, all threads") \
    X(near_one,      "GB/s",  10.0,  "the same on one thread") \
    X(store,         "GB/s",  10.0,  "writing results into far memory beside that, all threads") \
    X(turned,        "GB/s",  1.0,   "copying across its order what caches hold: transposing") \
    X(turned_far,    "GB/s",  1.0,   "the same in far memory") \
    X(mapped,        "GB/s",  6.0,   "computing on a mapped file that is in the page cache, all threads") \
    X(mapped_one,    "GB/s",  4.0,   "the same on one thread") \
    X(unhidden,      "times", 0.6,   "of computing and moving, the part of the shorter that shows beside the longer") \
    X(crowd,         "times", 1.0,   "by which a thread is slower where all compute") \
    X(fresh,         "GB/s",  4.0,   "getting memory from the system, first touch, and giving it back") \
    X(write,         "GB/s",  1.5,   "writing into the page cache") \
    X(write_cores,   "cores", 1.0,   "processors that writing keeps busy") \
    X(read_cores,    "cores", 1.0,   "processors that copying out of the page cache keeps busy") \
    X(commit,        "GB/s",  1.0,   "making written bytes safe on the disk, behind the last one") \
    X(commit_ns,     "ns",    2e6,   "making any output safe and giving it its name") \
    X(job_ns,        "ns",    5e4,   "a job of nothing: compiling, planning, opening") \
    X(thread_ns,     "ns",    1.5e5, "a thread of its own, which small jobs do without, and waiting for that") \
    X(first_ns,      "ns",    5e5,   "the first job of a session beyond that: threads, code that nobody has run yet") \
    X(linalg_ns,     "ns",    4e6,   "getting the library for matrices, once") \
    X(pass_ns,       "ns",    8e4,   "one pass more, on the job's own thread") \
    X(root_ns,       "ns",    5e3,   "one result or reduction more in a pass: compiling, planning") \
    X(folds_ns,      "ns",    5e4,   "a pass with folds more than one without") \
    X(products_ns,   "ns",    1e5,   "a pass with products of matrices more than one without") \
    X(chunk_ns,      "ns",    2e4,   "one chunk more: wake-ups") \
    X(map_ns,        "ns",    1e4,   "one chunk of a mapped file more: mapping it and giving that back") \
    X(hand_ns,       "ns",    1e4,   "a pass that hands its chunks to workers, which the job's own thread would not") \
    X(wake_ns,       "ns",    3e4,   "until another worker helps with a chunk") \
    X(gemm_f4,       "GFLOP/s", 40,  "products of float32 matrices, all threads") \
    X(gemm_f8,       "GFLOP/s", 20,  "products of float64 matrices, all threads") \
    X(gram,          "GFLOP/s", 20,  "x.T @ x of thin float32 matrices, all threads") \
    X(gram_one,      "GFLOP/s", 12,  "the same on one thread") \
    X(lapack_lu,     "GFLOP/s", 4,   "solve and det of float64 matrices") \
    X(lapack_inv,    "GFLOP/s", 4,   "inverses") \
    X(lapack_cholesky, "GFLOP/s", 4, "Cholesky's decomposition") \
    X(lapack_qr,     "GFLOP/s", 3,   "QR decompositions") \
    X(lapack_eigh,   "GFLOP/s", 2,   "eigenvalues and vectors of symmetric ones") \
    X(lapack_svd,    "GFLOP/s", 2,   "singular values and vectors")

/* The same of one device that is not the CPU. */
#define GP_RATES_DEVICE(X) \
    X(upload,        "GB/s",  4.0,   "host to device, as jobs do it: staged, or in place where memory is shared") \
    X(download,      "GB/s",  4.0,   "device to host, the same way") \
    X(up_pageable,   "GB/s",  2.0,   "host to device from ordinary memory") \
    X(up_staged,     "GB/s",  4.0,   "host to device from pinned memory") \
    X(up_mapped,     "GB/s",  2.0,   "host to device through a mapping, copying included") \
    X(down_pageable, "GB/s",  2.0,   "device to host into ordinary memory") \
    X(down_staged,   "GB/s",  4.0,   "device to host into pinned memory") \
    X(down_mapped,   "GB/s",  2.0,   "device to host through a mapping, copying included") \
    X(memory,        "GB/s",  20.0,  "computing on arrays in the device's memory") \
    X(open_ns,       "ns",    1e8,   "finding it and making it ready, once per session") \
    X(launch_ns,     "ns",    1e5,   "a chunk more: launches and their ends") \
    X(program_ns,    "ns",    3e8,   "compiling the program of a pass") \
    X(cached_ns,     "ns",    2e7,   "getting the program of a pass from the cache") \
    X(cached_reduce_ns, "ns", 1e6,   "one reduction more in that") \
    X(cheap_f4,      "ns",    0.01,  "an addition of float32, per element") \
    X(cheap_f8,      "ns",    0.04,  "an addition of float64") \
    X(divide_f4,     "ns",    0.03,  "a division of float32") \
    X(divide_f8,     "ns",    0.15,  "a division of float64") \
    X(function_f4,   "ns",    0.1,   "exp() of float32") \
    X(function_f8,   "ns",    0.5,   "exp() of float64") \
    X(power_f4,      "ns",    0.4,   "a power of float32") \
    X(power_f8,      "ns",    2.0,   "a power of float64") \
    X(sine_f4,       "ns",    0.2,   "sin() of float32") \
    X(sine_f8,       "ns",    1.0,   "sin() of float64") \
    X(reduce,        "ns",    0.05,  "an element of a reduction") \
    X(sum,           "ns",    0.1,   "an element of a sum of floats, which is exact") \
    X(moments,       "ns",    0.2,   "an element of a variance") \
    X(gemm_ns,       "ns",    2e5,   "a tile of a product, whatever its size") \
    X(gemm_f4,       "GFLOP/s", 20,  "products of float32 matrices; 0: not on it") \
    X(gemm_f8,       "GFLOP/s", 5,   "products of float64 matrices; 0: not on it")

enum {
#define X(name, unit, value, text) GP_RATE_HOST_##name,
    GP_RATES_HOST(X)
#undef X
    GP_RATES_HOST_COUNT
};

enum {
#define X(name, unit, value, text) GP_RATE_DEVICE_##name,
    GP_RATES_DEVICE(X)
#undef X
    GP_RATES_DEVICE_COUNT
};

/* Elements with which folds are measured, about: what waking the workers takes is in their figures. */
#define GP_RATES_FOLD_ELEMENTS 1000000

/* The dtypes whose operations are measured; others take the nearest. */
#define GP_RATES_DTYPES 4
extern const gp_dtype gp_rates_dtype[GP_RATES_DTYPES];

typedef struct gp_rate_info {
    const char *name, *unit, *text;
    double cautious;
} gp_rate_info;
extern const gp_rate_info gp_rates_host_info[GP_RATES_HOST_COUNT];
extern const gp_rate_info gp_rates_device_info[GP_RATES_DEVICE_COUNT];

/* Of the machine and its CPU. */
typedef struct gp_rates {
    bool measured;
    unsigned threads; /* that it was measured with */
    double host[GP_RATES_HOST_COUNT];
    /* Nanoseconds per element and thread, where all compute: element-wise operations, whole reductions. */
    double op[GP_OP_COUNT][GP_RATES_DTYPES];
    /* Reductions along axes, scans, ...: nanoseconds per element with all threads, and with one alone. */
    double fold[GP_OP_COUNT][GP_RATES_DTYPES], fold_one[GP_OP_COUNT][GP_RATES_DTYPES];
    /* The same of reductions along the last axis. */
    double row[GP_OP_COUNT][GP_RATES_DTYPES], row_one[GP_OP_COUNT][GP_RATES_DTYPES];
} gp_rates;

/* These tables, and what they are called: "op", "fold", "fold_one", "row", "row_one". */
#define GP_RATES_KINDS 5
extern const char *const gp_rates_kind[GP_RATES_KINDS];
double (*gp_rates_table(gp_rates *rates, size_t kind))[GP_RATES_DTYPES];

typedef struct gp_device_rates {
    bool measured;
    double value[GP_RATES_DEVICE_COUNT];
} gp_device_rates;

/* Figures that no machine in use should fall short of by much. */
void gp_rates_cautious(gp_rates *rates, unsigned threads);
void gp_device_rates_cautious(gp_device_rates *rates);

/* The measured dtype that stands for this one. */
size_t gp_rates_dtype_index(gp_dtype dtype);

/* The text: a line with the version, one "for KEY", then a figure a line; ended by "end". Reading takes exactly
 * what writing gave for the same key; anything else is refused, and leaves *rates as it was. */
void gp_rates_write(const gp_rates *rates, const char *key, gp_text *text);
bool gp_rates_read(const char *text, const char *key, gp_rates *rates);
void gp_device_rates_write(const gp_device_rates *rates, const char *key, gp_text *text);
bool gp_device_rates_read(const char *text, const char *key, gp_device_rates *rates);

#endif
