/* gpuproc: NumPy expressions over arrays of any size.
 *
 * This header is the whole public interface, in the order in which a caller
 * needs it: version, status and errors, dtypes and scalars, session, devices,
 * tuning, calibrating, arrays, jobs, explaining, functions.
 *
 * Ground rules, which hold for every function below unless its comment says
 * otherwise:
 *   - The library is a guest. It never prints, exits, aborts or changes signal
 *     handlers, and it keeps no state outside the handles that it returns.
 *   - Handles may be used from several threads at once, except that a handle
 *     must not be freed while another thread is still using it.
 *   - A function that can fail returns a gpuproc_status and, where `err` is not
 *     NULL, fills *err. Output parameters are written on success only.
 *   - `*_free(NULL)` and `*_close(NULL)` do nothing.
 *   - Option structs start with `struct_size`, which the caller sets to
 *     sizeof(the struct); a zeroed field means "the default".
 *   - Sizes are bytes where the name ends in `bytes` or the comment says so,
 *     elements otherwise. Strings are UTF-8, NUL-terminated, copied on entry.
 */
#ifndef GPUPROC_H
#define GPUPROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define GPUPROC_API __attribute__((visibility("default")))
#define GPUPROC_CHECK __attribute__((warn_unused_result))
#else
#define GPUPROC_API
#define GPUPROC_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ------------------------------------------------------------ */

#define GPUPROC_VERSION_MAJOR 0
#define GPUPROC_VERSION_MINOR 1
#define GPUPROC_VERSION_PATCH 0

/* The version of the library that is linked, "0.1.0".
 * Ownership: static, never NULL. Threads: any. Errors: none. */
GPUPROC_API const char *gpuproc_version(void);

/* ---- Status and errors -------------------------------------------------- */

/* Values are pinned: 1-99 the caller, 100-199 input data, 200-299 the
 * expression, 300-399 devices, 400-499 input and output, 900+ our own faults.
 * X(name, value, text, exit code of the command line) */
#define GPUPROC_STATUS_MAP(X)                                                   \
    X(OK, 0, "ok", 0)                                                           \
    X(INVALID_ARGUMENT, 1, "invalid argument", 2)                               \
    X(NO_MEMORY, 2, "out of memory", 1)                                         \
    X(BUDGET, 3, "does not fit into the memory budget", 1)                      \
    X(CANCELLED, 4, "cancelled", 130)                                           \
    X(TIMEOUT, 5, "timed out", 1)                                               \
    X(UNSUPPORTED, 6, "not supported", 1)                                       \
    X(BAD_HEADER, 100, "malformed header", 1)                                   \
    X(TRUNCATED, 101, "truncated data", 1)                                      \
    X(BAD_DTYPE, 102, "dtype not supported", 1)                                 \
    X(BAD_SHAPE, 103, "shape not valid", 1)                                     \
    X(SYNTAX, 200, "syntax error", 2)                                           \
    X(UNKNOWN_NAME, 201, "unknown name", 2)                                     \
    X(TYPE, 202, "types do not fit", 2)                                         \
    X(SHAPE, 203, "shapes do not fit", 2)                                       \
    X(LIMIT, 204, "expression too large", 2)                                    \
    X(VALUE, 205, "value not allowed", 2)                                       \
    X(DOMAIN, 206, "value not allowed in the data", 1)                          \
    X(DEVICE_NOT_FOUND, 300, "no such device", 1)                               \
    X(DEVICE_UNSUPPORTED, 301, "device cannot do this", 1)                      \
    X(DEVICE_BUILD, 302, "device program did not build", 1)                     \
    X(DEVICE_MEMORY, 303, "out of device memory", 1)                            \
    X(DEVICE_FAILED, 304, "device failed", 1)                                   \
    X(IO_OPEN, 400, "cannot open", 1)                                           \
    X(IO_READ, 401, "cannot read", 1)                                           \
    X(IO_WRITE, 402, "cannot write", 1)                                         \
    X(IO_NO_SPACE, 403, "no space left", 1)                                     \
    X(IO_PIPE, 404, "broken pipe", 1)                                           \
    X(IO_EXISTS, 405, "exists already", 1)                                      \
    X(INTERNAL, 900, "internal error", 1)

typedef enum gpuproc_status {
#define GPUPROC_X(name, value, text, exit_code) GPUPROC_##name = (value),
    GPUPROC_STATUS_MAP(GPUPROC_X)
#undef GPUPROC_X
} gpuproc_status;

/* The text of a status, "out of memory"; "unknown status" for other values.
 * Ownership: static, never NULL. Threads: any. Errors: none. */
GPUPROC_API const char *gpuproc_status_text(gpuproc_status status);

/* The process exit code that the command line documents for a status: 0, 1, 2 or
 * 130. Threads: any. Errors: none; 1 for a value that is no status. */
GPUPROC_API int gpuproc_status_exit_code(gpuproc_status status);

/* What went wrong and where. Owned by the caller; filled by the call that
 * failed. `message` is one line without a final newline and already names what
 * was expected and what was found. */
typedef struct gpuproc_error {
    gpuproc_status status;
    int native_code;      /* errno or OpenCL code, 0 if none */
    char where[256];      /* file or array name; "expression" for its text; "" */
    int64_t line, column; /* in the expression, from 1; 0 where not known */
    int64_t length;       /* characters of the expression from column on, 0: unknown */
    uint64_t offset;      /* byte offset in the file, where it has a meaning */
    char message[512];
} gpuproc_error;

/* ---- Dtypes and scalars ------------------------------------------------- */

/* Values are pinned. FLOAT16 is computed in float32 and rounded after every operation. */
typedef enum gpuproc_dtype {
    GPUPROC_BOOL = 0,
    GPUPROC_INT8 = 1,
    GPUPROC_INT16 = 2,
    GPUPROC_INT32 = 3,
    GPUPROC_INT64 = 4,
    GPUPROC_UINT8 = 5,
    GPUPROC_UINT16 = 6,
    GPUPROC_UINT32 = 7,
    GPUPROC_UINT64 = 8,
    GPUPROC_FLOAT16 = 9,
    GPUPROC_FLOAT32 = 10,
    GPUPROC_FLOAT64 = 11,
    GPUPROC_COMPLEX64 = 12,
    GPUPROC_COMPLEX128 = 13,
} gpuproc_dtype;

/* NumPy's name of a dtype, "float32"; "?" for a value out of range.
 * Ownership: static, never NULL. Threads: any. Errors: none. */
GPUPROC_API const char *gpuproc_dtype_name(gpuproc_dtype dtype);

/* Bytes of one element, 1 to 16; 0 for a value out of range. Threads: any. Errors: none. */
GPUPROC_API size_t gpuproc_dtype_bytes(gpuproc_dtype dtype);

/* Reads a dtype as NumPy users write it: "float32", "f4", "<f4", ">i2", "bool".
 * *big_endian (may be NULL) tells a leading '>'; false for one-byte dtypes.
 * Ownership: `text` is only read. Threads: any. Errors: BAD_DTYPE. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_dtype_parse(const char *text,
                                                             gpuproc_dtype *dtype,
                                                             bool *big_endian,
                                                             gpuproc_error *err);

#define GPUPROC_MAX_NDIM 32

/* One value with its dtype. `u` holds bool and unsigned, `i` signed, `f` the
 * floats (float16 and float32 are held exactly as a double), `c` the parts of complex numbers. */
typedef struct gpuproc_scalar {
    gpuproc_dtype dtype;
    union {
        int64_t i;
        uint64_t u;
        double f;
        double c[2];
    } value;
} gpuproc_scalar;

/* ---- Session ------------------------------------------------------------ */

/* The opened engine: devices, workers, caches. Several may live at once. */
typedef struct gpuproc_session gpuproc_session;

typedef enum gpuproc_log_level {
    GPUPROC_LOG_WARNING = 1, /* something was lost or done another way */
    GPUPROC_LOG_INFO = 2,    /* a choice that was made, with its reason */
} gpuproc_log_level;

/* Called from any thread of the library, or from the caller's within gpuproc_submit, one call at a time per session.
 * `message` is one line and lives for the call only. */
typedef void (*gpuproc_log_fn)(void *ctx, gpuproc_log_level level, const char *message);

typedef struct gpuproc_session_options {
    size_t struct_size;
    unsigned threads;      /* CPU workers; 0: one per available core */
    const char *cache_dir; /* compiled programs; NULL: $XDG_CACHE_HOME/gpuproc; "": none */
    gpuproc_log_fn log;    /* NULL: silent */
    void *log_ctx;
    bool fixed_figures;    /* jobs do not correct what gpuproc_calibrate measured; also where GPUPROC_LEARN is 0 */
} gpuproc_session_options;

/* Opens a session. `options` may be NULL: the defaults. Neither threads are started nor
 * OpenCL is touched until a job or a device listing needs them.
 * Ownership: the caller closes *session with gpuproc_session_close.
 * Threads: any; a session may be used from several at once.
 * Errors: INVALID_ARGUMENT (NULL, struct_size, an unknown GPUPROC_ISA), NO_MEMORY. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_session_open(
    const gpuproc_session_options *options, gpuproc_session **session, gpuproc_error *err);

/* Cancels the jobs that are still under way, waits for them and frees the
 * session. Job handles stay legal until gpuproc_job_free, which other threads may call
 * meanwhile; arrays do not belong to a session.
 * Ownership: ends the caller's; NULL does nothing. Threads: one, while no other
 * uses the session. Errors: none. */
GPUPROC_API void gpuproc_session_close(gpuproc_session *session);

/* ---- Devices ------------------------------------------------------------ */

typedef enum gpuproc_device_kind {
    GPUPROC_DEVICE_CPU = 0,         /* the native CPU path, always device 0 */
    GPUPROC_DEVICE_OPENCL_CPU = 1,
    GPUPROC_DEVICE_OPENCL_GPU = 2,
    GPUPROC_DEVICE_OPENCL_OTHER = 3,
} gpuproc_device_kind;

typedef struct gpuproc_device_info {
    size_t struct_size;
    gpuproc_device_kind kind;
    char name[128], vendor[128], driver[128], platform[128];
    uint64_t memory_bytes;     /* all of it */
    uint64_t max_buffer_bytes; /* the largest single buffer */
    unsigned compute_units;
    bool fp64, fp16;
    bool unified_memory; /* shares memory with the host */
    char note[256];      /* why it cannot be used, or "" */
    /* What multiplies matrices on it: "CLBlast 1.5.3"; of the CPU what the library says of itself, with the kernels
     * that it took ("OpenBLAS 0.3.21 ... SkylakeX ..."), or "built-in" and why; "": the CPU does. */
    char matrices[256];
} gpuproc_device_info;

/* Number of devices, the native CPU (index 0) included, so at least 1. Loads OpenCL on
 * the first call, which can take a second. No OpenCL is not an error: device 0's note
 * then says why. Threads: any. Errors: none. */
GPUPROC_API size_t gpuproc_device_count(gpuproc_session *session);

/* Fills *info (info->struct_size set by the caller) for device `index`, which is
 * below gpuproc_device_count. Sizes are bytes; texts are cut to their fields. For device 0 the library for matrices is
 * looked for, as by the first job that needs it.
 * Ownership: *info is the caller's. Threads: any.
 * Errors: INVALID_ARGUMENT, DEVICE_NOT_FOUND, NO_MEMORY. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_device_info_get(gpuproc_session *session,
                                                                 size_t index,
                                                                 gpuproc_device_info *info,
                                                                 gpuproc_error *err);

/* ---- Tuning ------------------------------------------------------------- */

#define GPUPROC_TUNE_DTYPES 4

typedef struct gpuproc_tune_progress {
    size_t struct_size;
    gpuproc_dtype dtype;    /* being tuned */
    unsigned tried;         /* sets of parameters so far, of all dtypes */
    uint64_t elapsed_ns, limit_ns;
    double gflops_before;   /* with the library's own parameters; 0: being measured */
    double gflops_best;
} gpuproc_tune_progress;

/* Called before each set of parameters is tried, by the thread that tunes. False: enough; the best so
 * far is kept. Getting one ready can take the device's compiler some seconds. */
typedef bool (*gpuproc_tune_fn)(void *ctx, const gpuproc_tune_progress *progress);

typedef struct gpuproc_tune_options {
    size_t struct_size;
    const char *device;       /* as in gpuproc_job_options; NULL, "auto": the first that can be tuned */
    uint64_t limit_ns;        /* how long to search; 0: a minute, or a quarter of one if quick */
    bool quick;               /* float32 only; else float64 too, where the device has it */
    gpuproc_tune_fn progress; /* may be NULL */
    void *progress_ctx;
} gpuproc_tune_options;

typedef struct gpuproc_tuned {
    gpuproc_dtype dtype;
    uint64_t length; /* of the square matrices that were multiplied */
    double gflops_before, gflops_after;
    bool better;     /* parameters were found that beat the library's own, and are used from now on */
    char parameters[256];
} gpuproc_tuned;

typedef struct gpuproc_tune_result {
    size_t struct_size;
    char device[128], library[64];
    unsigned tried, refused; /* refused, of those tried: did not build, did not run, or were wrong */
    bool stopped;            /* by the callback */
    bool stored;             /* in the cache directory, for later sessions */
    size_t count;            /* of tuned */
    gpuproc_tuned tuned[GPUPROC_TUNE_DTYPES];
} gpuproc_tune_result;

/* Searches for parameters with which the device's library multiplies matrices faster, and keeps them in
 * the cache directory, where sessions look for them when they first multiply on that device and with
 * that driver. Every set must give the same product as the library's own parameters do. Blocks; jobs
 * that multiply on the device meanwhile disturb the measurement. Parameters belong to the
 * process: the library has no way back to its own ones, so that where none were better it is
 * left with the best of the others until the process ends.
 * Ownership: `options` (may be NULL) is only read, *result (struct_size set by the caller) is the
 * caller's. Threads: any. Errors: INVALID_ARGUMENT, DEVICE_NOT_FOUND, UNSUPPORTED (a device without
 * such a library), DEVICE_MEMORY, DEVICE_BUILD, DEVICE_FAILED, NO_MEMORY. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_session_tune(gpuproc_session *session,
                                                              const gpuproc_tune_options *options,
                                                              gpuproc_tune_result *result,
                                                              gpuproc_error *err);

/* ---- Calibrating -------------------------------------------------------- */

/* One figure of what a machine or a device can do. */
typedef struct gpuproc_figure {
    size_t struct_size;
    char device[128];   /* "" for the machine and its CPU */
    char name[64];      /* "disk_read"; of the CPU's operations: "op.EXP.float32", "fold.CUMSUM.float64", "row.SUM.float32" */
    char unit[16];      /* "GB/s", "ns", "GFLOP/s", "cores"; operations: "ns" per element and thread */
    char text[128];     /* what it is */
    double value;
    bool measured;      /* else a cautious guess */
    /* Rates of moving data are corrected by what jobs saw: by how many so far (0: by none, or it is none of these), and
     * what it was when it was calibrated. */
    uint64_t jobs;
    double calibrated;
} gpuproc_figure;

typedef struct gpuproc_calibrate_progress {
    size_t struct_size;
    const char *what;    /* being measured, "reading past the page cache"; for the call only */
    const char *device;  /* its name */
    double part;         /* done, 0 to 1 */
    uint64_t elapsed_ns;
} gpuproc_calibrate_progress;

/* Called before each measurement. False: stop; nothing is kept. */
typedef bool (*gpuproc_calibrate_fn)(void *ctx, const gpuproc_calibrate_progress *progress);

/* Measures what the machine and its CPU can do, and `device` (as in gpuproc_job_options: NULL, "auto" and "cpu": the
 * CPU alone; "all": every device; else the named one), by running small jobs, and keeps the figures in the cache
 * directory under the machine, the device and its driver. The CPU takes less than ten seconds, a device a few more.
 * Files of 256 MB for the disk's rates are made in $TMPDIR and go at the end. *stored (may be NULL): kept for later
 * sessions; this one uses them in any case. Other work of the machine meanwhile shows in the figures. Blocks.
 * Threads: any, one at a time. Errors: INVALID_ARGUMENT, DEVICE_NOT_FOUND, NO_MEMORY, CANCELLED (by the
 * callback), and what jobs give. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_calibrate(gpuproc_session *session, const char *device,
                                                           gpuproc_calibrate_fn progress, void *ctx, bool *stored,
                                                           gpuproc_error *err);

/* Jobs that run alone, without a trace and for long enough, correct the rates of moving data (disk, page cache, memory,
 * the way to a device): the last 9 observations of each are kept, from 5 on it goes towards their median, by 25 % for
 * each job at most. So one that was disturbed changes nothing. Kept in the cache directory, too. */

/* Number of figures of the session: the CPU's, and those of `device` (as above) behind them; 0 where there is no such
 * device. What was not measured is a guess. Threads: any. Errors: none. */
GPUPROC_API size_t gpuproc_figure_count(gpuproc_session *session, const char *device);

/* Figure `index`; figure->struct_size is set by the caller. Ownership: *figure is the caller's. Threads: any.
 * Errors: INVALID_ARGUMENT, DEVICE_NOT_FOUND. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_figure_get(gpuproc_session *session, const char *device, size_t index,
                                                            gpuproc_figure *figure, gpuproc_error *err);

/* ---- Arrays ------------------------------------------------------------- */

/* dtype + shape + where the bytes are. Immutable after creation; may be bound
 * in several jobs at once (a stream in one only, once). */
typedef struct gpuproc_array gpuproc_array;

/* An .npy file, versions 1.0 to 3.0, any shape of at most GPUPROC_MAX_NDIM axes, either
 * order and byte order. Reads and checks the header and the file's length; the data
 * is read when a job runs. `path` "-" is standard input: a pipe is read up to the end of
 * its header here, and may be bound in one job.
 * Ownership: the caller frees *array with gpuproc_array_free. Threads: any.
 * Errors: IO_OPEN, IO_READ, BAD_HEADER, BAD_DTYPE, BAD_SHAPE, TRUNCATED, NO_MEMORY. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_array_open_npy(const char *path,
                                                                gpuproc_array **array,
                                                                gpuproc_error *err);

typedef struct gpuproc_raw_layout {
    size_t struct_size;
    gpuproc_dtype dtype;
    int ndim;             /* -1: one dimension, as long as the file */
    const int64_t *shape; /* ndim lengths; one may be -1: what the file holds */
    uint64_t offset;      /* bytes before the first element */
    bool big_endian;
    bool fortran_order;
} gpuproc_raw_layout;

/* A headerless binary file, laid out as `layout` says (offset in bytes, lengths in
 * elements). `path` "-" is standard input; a pipe needs its whole shape (no -1).
 * Ownership: the caller frees *array with gpuproc_array_free; layout is only read.
 * Threads: any. Errors: INVALID_ARGUMENT, IO_OPEN, IO_READ, BAD_SHAPE, TRUNCATED, NO_MEMORY. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_array_open_raw(const char *path,
                                                                const gpuproc_raw_layout *layout,
                                                                gpuproc_array **array,
                                                                gpuproc_error *err);

/* An array in the caller's memory: `shape` has ndim lengths >= 0 (0 axes: one element),
 * C order, native byte order, aligned to its dtype. NULL data is legal for no elements.
 * Ownership: `data` is borrowed: it must live, unchanged, until every job that
 * binds the array has ended. The caller frees *array with gpuproc_array_free.
 * Threads: any. Errors: INVALID_ARGUMENT, BAD_SHAPE, NO_MEMORY. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_array_from_memory(gpuproc_dtype dtype, int ndim,
                                                                   const int64_t *shape,
                                                                   const void *data,
                                                                   gpuproc_array **array,
                                                                   gpuproc_error *err);

/* Writes `count` elements from C-order index `first` on to `dst`; returns 0,
 * or an errno value, which ends the job with IO_READ. `dst` is aligned to the dtype and the
 * library's. Called from any thread of the library, possibly several at once. */
typedef int (*gpuproc_generate_fn)(void *ctx, uint64_t first, size_t count, void *dst);

/* An array whose elements a function makes on demand; it may be asked for an element
 * several times and must make the same one.
 * Ownership: `ctx` is borrowed like from_memory's data; the caller frees *array with
 * gpuproc_array_free. Threads: any. Errors: INVALID_ARGUMENT, BAD_SHAPE, NO_MEMORY. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_array_from_function(
    gpuproc_dtype dtype, int ndim, const int64_t *shape, gpuproc_generate_fn generate, void *ctx,
    gpuproc_array **array, gpuproc_error *err);

typedef struct gpuproc_array_info {
    size_t struct_size;
    gpuproc_dtype dtype;
    int ndim;
    int64_t shape[GPUPROC_MAX_NDIM];
    uint64_t count;       /* elements */
    uint64_t bytes;       /* count * element size */
    uint64_t data_offset; /* bytes before the first element in the file */
    uint64_t extra_bytes; /* bytes behind the last element, which are ignored */
    bool fortran_order, big_endian;
    char format[8];       /* "npy", "raw", "memory", "call" */
} gpuproc_array_info;

/* What is known of an array; info->struct_size is set by the caller.
 * Ownership: *info is the caller's. Threads: any. Errors: INVALID_ARGUMENT. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_array_info_get(const gpuproc_array *array,
                                                                gpuproc_array_info *info,
                                                                gpuproc_error *err);

/* Frees the handle. Jobs that were submitted with it are not disturbed.
 * Ownership: ends the caller's; NULL does nothing. Threads: one, while no other uses the
 * handle. Errors: none. */
GPUPROC_API void gpuproc_array_free(gpuproc_array *array);

/* ---- Jobs --------------------------------------------------------------- */

/* One submitted expression: a future. */
typedef struct gpuproc_job gpuproc_job;

typedef struct gpuproc_input {
    const char *name; /* as in the expression */
    const gpuproc_array *array;
} gpuproc_input;

typedef enum gpuproc_output_kind {
    GPUPROC_OUTPUT_NPY = 0,    /* a file; "-" is standard output */
    GPUPROC_OUTPUT_RAW = 1,    /* the same, data without a header */
    GPUPROC_OUTPUT_MEMORY = 2, /* the caller's buffer */
} gpuproc_output_kind;

typedef struct gpuproc_output {
    const char *name; /* of the result; NULL: the only array result */
    gpuproc_output_kind kind;
    const char *path; /* NPY, RAW */
    /* MEMORY: aligned to the dtype, C order, apart from the data of inputs and other outputs;
     * borrowed until the job ends */
    void *data;
    /* MEMORY: its capacity. Where the result's length depends on the data, a buffer that is too
     * small for it ends the job with INVALID_ARGUMENT; nothing is written beyond it. */
    uint64_t bytes;
} gpuproc_output;

#define GPUPROC_JOB_SYNC 1u         /* one chunk, one stage at a time */
#define GPUPROC_JOB_NO_FALLBACK 2u  /* a device that fails is an error */
#define GPUPROC_JOB_OVERWRITE 4u    /* an existing output file is replaced */
#define GPUPROC_JOB_PREDICT 8u      /* the report tells what was predicted, too */
#define GPUPROC_JOB_BY_RULE 16u     /* threads, slots and chunks as where nothing was calibrated */

typedef struct gpuproc_job_options {
    size_t struct_size;
    const char *device;    /* "auto" (NULL), "cpu", "gpu", "all", a part of a name, an index */
    uint64_t memory_bytes; /* host budget; 0: a quarter of what is available */
    uint64_t chunk_bytes;  /* bytes of the widest array in one chunk; 0: chosen */
    unsigned slots;        /* chunks under way per device; 0: chosen */
    unsigned flags;        /* GPUPROC_JOB_* */
    uint64_t trace_spans;  /* spans to keep at most, 64 bytes each, beside the budget; 0: none (gpuproc_job_span) */
    unsigned threads;      /* CPU workers for it, the session's at most; 0: chosen. With 1 and SYNC none: the job's
                            * own thread computes */
} gpuproc_job_options;

/* Checks the expression against its inputs, plans it, opens its outputs and starts it. The smallest jobs over arrays
 * in memory, for which a thread would take longer than the work (a tenth of a millisecond at most, by calibrated
 * figures), have ended when it returns.
 * Results without a destination must have no axes: gpuproc_job_result returns their values.
 * An array result without a destination is an error, unless a later statement uses
 * its name. Shapes and dtypes follow NumPy 2. Where the length depends on the data (x[x > 0]) the
 * result is as long as it turns out to be: a file is made shorter, a stream waits in a temporary
 * file until its header is known. Temporary files, also for arrays between passes, are in $TMPDIR.
 * Ownership: the caller frees *job with gpuproc_job_free. Inputs' handles may be freed
 * after the call; their data, and the buffers of MEMORY outputs, are borrowed until the job ends.
 * `options` may be NULL. Threads: any.
 * Errors: INVALID_ARGUMENT, all of 200-299 (with line, column and length of the place),
 * UNSUPPORTED, DEVICE_NOT_FOUND, IO_OPEN, IO_EXISTS, IO_NO_SPACE, NO_MEMORY. What shows only
 * while running comes from gpuproc_job_wait. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_submit(
    gpuproc_session *session, const char *expression, const gpuproc_input *inputs,
    size_t input_count, const gpuproc_output *outputs, size_t output_count,
    const gpuproc_job_options *options, gpuproc_job **job, gpuproc_error *err);

/* Waits until the job has ended, at most timeout_ns nanoseconds (UINT64_MAX: for ever,
 * 0: polls), and returns the job's status; GPUPROC_TIMEOUT while it is still under way. May be
 * called again. Ownership: none changes. Threads: any, several at once.
 * Errors: TIMEOUT, or whatever ended the job: CANCELLED, BUDGET, NO_MEMORY, DOMAIN, TRUNCATED,
 * INVALID_ARGUMENT (a buffer too small for its result), 300-399 (with no fallback), 400-499. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_job_wait(gpuproc_job *job, uint64_t timeout_ns,
                                                          gpuproc_error *err);

/* Asks the job to stop at the next chunk. Returns at once; wait to see the end,
 * which is GPUPROC_CANCELLED unless the job was quicker. Its outputs do not appear.
 * Threads: any; async-signal-safe. Errors: none. */
GPUPROC_API void gpuproc_job_cancel(gpuproc_job *job);

typedef struct gpuproc_progress {
    size_t struct_size;
    unsigned pass, passes;            /* from 1 */
    uint64_t bytes_done, bytes_total; /* of input and output, over all passes */
    uint64_t elapsed_ns;
} gpuproc_progress;

/* How far the job is; progress->struct_size is set by the caller. Bytes are exact at
 * the end of each chunk. Threads: any, at any time. Errors: none. */
GPUPROC_API void gpuproc_job_progress(gpuproc_job *job, gpuproc_progress *progress);

/* One result of an ended job. For an array, `path` (or the caller's memory) has
 * the data; for a scalar, `scalar` has the value. Strings live as long as the job. */
typedef struct gpuproc_result {
    size_t struct_size;
    const char *name; /* the assigned name, or the text of the expression */
    bool named;       /* assigned a name */
    bool is_scalar;   /* 0-d and without a destination of its own */
    gpuproc_dtype dtype;
    int ndim;
    int64_t shape[GPUPROC_MAX_NDIM];
    gpuproc_scalar scalar;
    const char *path; /* NULL for memory and scalars */
} gpuproc_result;

/* Number of results, known from submission on: those with a destination, bare
 * expressions, and assigned names that no later statement uses.
 * Threads: any. Errors: none. */
GPUPROC_API size_t gpuproc_job_result_count(const gpuproc_job *job);

/* Result `index` in the order of the expression; result->struct_size is set by the
 * caller. Dtype and shape are known from submission on, but where the length depends on the data
 * the shape is the most that it can be until the job has ended well; the scalar is there when the
 * job has ended well. Ownership: strings are the job's. Threads: any. Errors: INVALID_ARGUMENT. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_job_result(const gpuproc_job *job, size_t index,
                                                            gpuproc_result *result,
                                                            gpuproc_error *err);

/* What a job's time goes to. Reading to writing are the stages of a chunk, in their order; the
 * others are around them. */
typedef enum gpuproc_stage {
    GPUPROC_STAGE_READ = 0,     /* from files, memory and functions */
    GPUPROC_STAGE_UPLOAD = 1,   /* to the device */
    GPUPROC_STAGE_KERNEL = 2,   /* computing */
    GPUPROC_STAGE_DOWNLOAD = 3, /* from the device */
    GPUPROC_STAGE_FOLD = 4,     /* what goes in order, on the host */
    GPUPROC_STAGE_WRITE = 5,    /* to files and memory */
    GPUPROC_STAGE_PROGRAM = 6,  /* getting a device's program, compiled or cached, and putting it away */
    GPUPROC_STAGE_SPOOL = 7,    /* keeping a stream that is needed more than once */
    GPUPROC_STAGE_COMMIT = 8,   /* making outputs safe and giving them their names */
    GPUPROC_STAGE_OPEN = 9,     /* all that gpuproc_submit does: checking, planning, finding devices, opening */
} gpuproc_stage;
#define GPUPROC_STAGES 10

/* The name of a stage, "read"; "?" for a value out of range.
 * Ownership: static, never NULL. Threads: any. Errors: none. */
GPUPROC_API const char *gpuproc_stage_name(gpuproc_stage stage);

/* What one stage did. Spans of several slots overlap: busy_ns is the time in which at least one was
 * under way, sum_ns is all of them one after the other. */
typedef struct gpuproc_stage_report {
    uint64_t spans;
    uint64_t busy_ns, sum_ns;
    uint64_t bytes;          /* that went through it */
    uint64_t bytes_in_place; /* of these: used, or made, where they are, without a transfer */
} gpuproc_stage_report;

/* What an ended job did. Times in nanoseconds. */
typedef struct gpuproc_report {
    size_t struct_size;
    char device[128];      /* names, joined by " + " */
    char reason[256];      /* why that device */
    unsigned passes, slots, threads; /* slots, and workers of the CPU that it might take: of the last pass */
    uint64_t chunks, chunk_elements;
    /* Arrays between passes included. */
    uint64_t bytes_read, bytes_written;
    uint64_t bytes_viewed; /* of bytes_read: used in place, not copied */
    uint64_t wall_ns;
    gpuproc_stage_report stage[GPUPROC_STAGES];
    gpuproc_stage limit;   /* the longest stage, by busy_ns */
    double limit_share;    /* its busy_ns / wall_ns: 1 is all that overlapping can do */
    double overlap;        /* the sum of all busy_ns / wall_ns: how many stages were under way, on average */
    uint64_t clock_error_ns; /* how wrong a span of a device may be placed, at most */
    uint64_t spans_dropped;  /* beyond trace_spans: counted in the stages, not kept */
    uint64_t program_ns;   /* sum_ns of PROGRAM */
    bool program_cached;
    uint64_t memory_bytes; /* staging and block memory that was taken */
    uint64_t fallbacks;    /* chunks done again on the CPU */
    uint64_t retries;      /* beginnings anew with smaller chunks, or with what devices kept given up */
    uint64_t rounds;       /* times that folds went through all chunks once more */
    /* Matrix products: bytes of their operands that the chosen tiles read (part of bytes_read where they come
     * from files), and the least that any tiles could with this memory budget. 0: there were none. */
    uint64_t product_bytes, product_least_bytes;
    char warnings[512];    /* numeric warnings, one line, or "" */
    /* With GPUPROC_JOB_PREDICT: what the cost model said before the job began; else 0. */
    uint64_t predicted_wall_ns, predicted_ns[GPUPROC_STAGES]; /* against wall_ns and the stages' busy_ns */
    bool predicted_calibrated; /* by figures measured on this machine; else by cautious guesses */
} gpuproc_report;

/* Fills *report (report->struct_size set by the caller); only `passes` before the job has
 * ended. Ownership: *report is the caller's. Threads: any. Errors: none. */
GPUPROC_API void gpuproc_job_report(const gpuproc_job *job, gpuproc_report *report);

#define GPUPROC_SPAN_FAILED 1u   /* the device failed at it */
#define GPUPROC_SPAN_FALLBACK 2u /* done again, or read again, for the CPU */
#define GPUPROC_NO_CHUNK UINT64_MAX

/* One stage of one chunk (or a piece of work around the chunks) from its begin to its end. Spans of one
 * slot do not overlap; `bytes` of a stage's spans add up to the report's, where none was dropped. */
typedef struct gpuproc_span {
    size_t struct_size;
    gpuproc_stage stage;
    unsigned flags;          /* GPUPROC_SPAN_* */
    unsigned pass;           /* from 1, what follows the passes counts as the last one's; 0: before them */
    uint64_t chunk;          /* of the pass, from 0; GPUPROC_NO_CHUNK: none */
    int slot;                /* -1: none */
    int device;              /* number among the job's devices; -1: none */
    const char *device_name; /* NULL: none */
    const char *arrays;      /* what was read or written, "x, y"; NULL: nothing */
    uint64_t bytes, bytes_in_place;
    uint64_t begin_ns, end_ns; /* from the job's submission on */
    uint64_t error_ns;         /* by which they may be wrong: a device's clock is not the host's; 0: host */
} gpuproc_span;

/* Number of spans that were kept (gpuproc_job_options.trace_spans); 0 before the job has ended.
 * Threads: any. Errors: none. */
GPUPROC_API size_t gpuproc_job_span_count(const gpuproc_job *job);

/* Span `index`, about in the order of the ends; span->struct_size is set by the caller.
 * Ownership: strings are the job's. Threads: any. Errors: INVALID_ARGUMENT. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_job_span(const gpuproc_job *job, size_t index,
                                                          gpuproc_span *span, gpuproc_error *err);

/* Cancels the job where it is still under way, waits for it and frees it.
 * Ownership: ends the caller's; NULL does nothing. Threads: one, while no other uses the
 * handle. Errors: none. */
GPUPROC_API void gpuproc_job_free(gpuproc_job *job);

/* ---- Explaining --------------------------------------------------------- */

/* What a job would do and take, by the cost model; nothing is read but headers, nothing is written. */
typedef struct gpuproc_explanation gpuproc_explanation;

/* As gpuproc_submit, without beginning: outputs need not be possible, only bound. With device "auto" all devices are
 * candidates, which loads OpenCL; else those that are asked for.
 * Ownership: the caller frees *explanation with gpuproc_explanation_free, before it closes the session. Threads: any.
 * Errors: as gpuproc_submit, BUDGET where the job would not fit. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_explain(
    gpuproc_session *session, const char *expression, const gpuproc_input *inputs, size_t input_count,
    const gpuproc_output *outputs, size_t output_count, const gpuproc_job_options *options,
    gpuproc_explanation **explanation, gpuproc_error *err);

/* Ownership: ends the caller's; NULL does nothing. Threads: one, while no other uses the handle. Errors: none. */
GPUPROC_API void gpuproc_explanation_free(gpuproc_explanation *explanation);

typedef struct gpuproc_explained_stage {
    uint64_t ns;    /* busy */
    uint64_t bytes; /* that go through it */
    uint64_t bytes_in_place;
} gpuproc_explained_stage;

typedef struct gpuproc_explained {
    size_t struct_size;
    size_t passes, candidates;
    size_t chosen;           /* the candidate that would be taken */
    char reason[256];        /* why, in one sentence */
    bool calibrated;         /* the machine's figures were measured */
    uint64_t memory_bytes;   /* that it will take at most */
    uint64_t budget_bytes;   /* that it may */
    uint64_t wall_ns;
    gpuproc_stage limit;     /* the longest stage */
    gpuproc_explained_stage stage[GPUPROC_STAGES];
    unsigned threads;        /* of the CPU */
    /* Amdahl: the part of the work of one thread that more threads do not make shorter, and how many times as fast
     * any number of threads more would be. */
    double serial_share, speedup_left;
    /* Another candidate (its number) would win with that many elements of the largest pass, or more; or less, where
     * other_below. 0: none would, at any size. */
    size_t other;
    uint64_t other_elements;
    bool other_below;
    /* As in the report. */
    uint64_t product_bytes, product_least_bytes;
} gpuproc_explained;

/* Fills *explained (explained->struct_size set by the caller). Threads: any. Errors: none. */
GPUPROC_API void gpuproc_explanation_get(const gpuproc_explanation *explanation, gpuproc_explained *explained);

typedef struct gpuproc_explained_device {
    size_t struct_size;
    char device[128];
    gpuproc_device_kind kind;
    bool calibrated; /* its figures were measured; "auto" takes no other device than the CPU without that */
    bool usable;     /* it can do some of the work */
    char note[256];  /* why the CPU does some or all of the work, or "" */
    uint64_t wall_ns, memory_bytes;
    gpuproc_stage limit;
    gpuproc_explained_stage stage[GPUPROC_STAGES];
} gpuproc_explained_device;

/* Candidate `index`; device->struct_size is set by the caller. Threads: any. Errors: INVALID_ARGUMENT. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_explanation_device(const gpuproc_explanation *explanation, size_t index,
                                                                    gpuproc_explained_device *device,
                                                                    gpuproc_error *err);

typedef struct gpuproc_explained_pass {
    size_t struct_size;
    int ndim;
    int64_t shape[GPUPROC_MAX_NDIM]; /* that it goes through */
    uint64_t elements, chunks, chunk_elements;
    unsigned slots;
    bool in_blocks;          /* chunks are boxes of the shape */
    bool copies;             /* there is nothing to compute */
    bool fortran;            /* it goes backwards through its axes */
    unsigned reductions;     /* values that it makes */
    const char *reads, *writes, *folds; /* names, ", " between them; "" for none; as long as the explanation */
    uint64_t resident_bytes; /* that stay in memory for the pass */
    uint64_t fold_bytes;     /* that its folds keep, at least */
    uint64_t memory_bytes;   /* all that is taken during it */
    uint64_t wall_ns;
    gpuproc_explained_stage stage[GPUPROC_STAGES];
    unsigned threads;        /* of the CPU, that it takes */
    uint64_t rule_wall_ns;   /* what it would take with threads, slots and chunks by rule */
    char choice[160];        /* why these were chosen, where the rule has others; else "" */
} gpuproc_explained_pass;

/* Pass `index`, on the device that is chosen; pass->struct_size is set by the caller. Threads: any.
 * Errors: INVALID_ARGUMENT. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_explanation_pass(const gpuproc_explanation *explanation, size_t index,
                                                                  gpuproc_explained_pass *pass, gpuproc_error *err);

typedef enum gpuproc_program_text {
    GPUPROC_PROGRAM_IR = 0,     /* the typed nodes; of all passes together */
    GPUPROC_PROGRAM_CPU = 1,    /* the CPU's instructions over blocks */
    GPUPROC_PROGRAM_OPENCL = 2, /* the OpenCL C, without the part that is always the same */
} gpuproc_program_text;

/* What is run, as text; NULL where there is none (a pass that only copies), or out of memory.
 * Ownership: the caller frees it with free(). Threads: any. Errors: none. */
GPUPROC_API char *gpuproc_explanation_program(const gpuproc_explanation *explanation, gpuproc_program_text kind,
                                              size_t pass);

/* ---- Functions ---------------------------------------------------------- */

typedef struct gpuproc_function_info {
    size_t struct_size;
    const char *name;     /* "sum", "linalg.norm"; static */
    const char *group;    /* "Structure"; static */
    const char *doc;      /* one line; static */
    char parameters[192]; /* "a, axis=, dtype="; those with = may be left out */
} gpuproc_function_info;

/* How many functions the language of expressions has. Threads: any. Errors: none. */
GPUPROC_API size_t gpuproc_function_count(void);

/* Fills *info (info->struct_size set by the caller) for function `index`, which is below
 * gpuproc_function_count; those of one group follow one another.
 * Ownership: *info is the caller's, its texts are static. Threads: any. Errors: INVALID_ARGUMENT. */
GPUPROC_API GPUPROC_CHECK gpuproc_status gpuproc_function_info_get(size_t index,
                                                                   gpuproc_function_info *info,
                                                                   gpuproc_error *err);

#ifdef __cplusplus
}
#endif

#endif
