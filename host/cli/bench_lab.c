#include "bench_lab.h"

#include "interrupt.h"
#include "term.h"
#include "vanished.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define HEADER 128

static float *new_floats(uint64_t count)
{
    float *p = aligned_alloc(PAGE, (size_t)((count * sizeof *p + PAGE - 1) / PAGE * PAGE));
    if (p != NULL) memset(p, 0, (size_t)(count * sizeof *p)); /* touched: no faults while time is taken */
    return p;
}

/* From 0.5 to 3.5, without a pattern that could be learnt; positive, so that sums do not cancel and an order
 * of additions can be judged by the result. */
static void fill(float *v, uint64_t count, uint32_t seed)
{
    for (uint64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (float)(seed >> 8) * (3.0f / 16777216.0f) + 0.5f;
    }
}

bool bench_lab_open(bench_lab *lab, bench *b, uint64_t room)
{
    *lab = (bench_lab){.b = b, .room = room};
    if (room == 0) return true;
    lab->x = new_floats(room);
    lab->y = new_floats(room);
    lab->out = new_floats(room);
    lab->reference = new_floats(room);
    if (lab->x == NULL || lab->y == NULL || lab->out == NULL || lab->reference == NULL) {
        term_error("out of memory for arrays of %" PRIu64 " elements", room);
        return false;
    }
    fill(lab->x, room, 1);
    fill(lab->y, room, 2);
    return true;
}

/* ---- Files ------------------------------------------------------------------ */

static bool make_folder(bench_lab *lab)
{
    if (lab->folder[0] != '\0') return true;
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == '\0') parent = "/var/tmp";
    int n = snprintf(lab->folder, sizeof lab->folder, "%s/gpuproc-bench-XXXXXX", parent);
    if (n > 0 && n < (int)sizeof lab->folder && mkdtemp(lab->folder) != NULL) return true;
    term_error("cannot make a folder in %s (set TMPDIR): %s", parent, strerror(errno));
    lab->folder[0] = '\0';
    return false;
}

/* With all that is in it: the folder is the lab's own. */
static void remove_files(bench_lab *lab)
{
    if (lab->folder[0] == '\0') return;
    DIR *d = opendir(lab->folder);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL) closedir(d);
    if (rmdir(lab->folder) != 0) term_warning("cannot remove %s: %s", lab->folder, strerror(errno));
    lab->folder[0] = '\0';
}

void bench_lab_close(bench_lab *lab)
{
    remove_files(lab);
    free(lab->x);
    free(lab->y);
    free(lab->out);
    free(lab->reference);
    *lab = (bench_lab){0};
}

static bool write_all(int fd, const void *data, size_t bytes)
{
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool write_npy(int fd, const float *values, uint64_t room, uint64_t elements)
{
    char head[HEADER + 1];
    memcpy(head, "\x93NUMPY\x01\x00", 8);
    head[8] = (char)(HEADER - 10);
    head[9] = 0;
    int n = snprintf(head + 10, sizeof head - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ",), }",
                     elements);
    memset(head + 10 + n, ' ', (size_t)(HEADER - 11 - n));
    head[HEADER - 1] = '\n';
    if (!write_all(fd, head, HEADER)) return false;
    const uint64_t most = 1 << 20;
    for (uint64_t done = 0; done < elements && interrupt_exit_code() == 0;) {
        uint64_t from = done % room, count = elements - done;
        if (count > room - from) count = room - from;
        if (count > most) count = most;
        if (!write_all(fd, values + from, (size_t)count * sizeof *values)) return false;
        done += count;
    }
    return fsync(fd) == 0; /* so that nothing is written later, while time is taken, and pages can be dropped */
}

bool bench_lab_file(bench_lab *lab, int which, uint64_t elements, char path[600])
{
    if (!make_folder(lab)) return false;
    snprintf(path, 600, "%s/%c%" PRIu64 ".npy", lab->folder, which == 0 ? 'x' : 'y', elements);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) return true;
    bool fine = fd >= 0 && write_npy(fd, which == 0 ? lab->x : lab->y, lab->room, elements);
    if (!fine) term_error("cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return fine;
}

/* The part of a file that is in the page cache. */
static double resident(int fd, size_t bytes)
{
    size_t pages = (bytes + PAGE - 1) / PAGE, in = 0;
    unsigned char *there = malloc(pages + 1);
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    bool fine = there != NULL && map != MAP_FAILED && mincore(map, bytes, there) == 0;
    for (size_t i = 0; fine && i < pages; i++) in += there[i] & 1u;
    if (map != MAP_FAILED) munmap(map, bytes);
    free(there);
    return fine ? (double)in / (double)pages : 1;
}

bool bench_drop(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat s;
    bool dropped = fd >= 0 && fstat(fd, &s) == 0 && s.st_size > 0 &&
                   posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 && resident(fd, (size_t)s.st_size) < 0.05;
    if (fd >= 0) close(fd);
    return dropped;
}

void bench_warm(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *buffer = malloc(1 << 20);
    while (fd >= 0 && buffer != NULL && read(fd, buffer, 1 << 20) > 0) {
    }
    free(buffer);
    if (fd >= 0) close(fd);
}

/* ---- One run ------------------------------------------------------------------ */

/* Cheap enough that making the values is not what is measured, and different from place to place. */
static int generate(void *ctx, uint64_t first, size_t count, void *dst)
{
    (void)ctx;
    float *out = dst;
    uint32_t from = (uint32_t)first;
    for (size_t i = 0; i < count; i++) out[i] = (float)(int32_t)((from + (uint32_t)i) & 1023u);
    return 0;
}

typedef struct task {
    gpuproc_array *array[64];
    gpuproc_input input[64];
    size_t inputs, outputs;
    gpuproc_output output;
    gpuproc_job_options options;
    char path[600];
} task;

static int shape_of(const bench_row *row, int64_t shape[2])
{
    int64_t n = (int64_t)row->elements, side = (int64_t)llround(sqrt((double)n));
    switch (row->c->data) {
    case BENCH_ROWS:
        shape[0] = n / BENCH_COLUMNS;
        shape[1] = BENCH_COLUMNS;
        return 2;
    case BENCH_SQUARE:
        shape[0] = side;
        shape[1] = side;
        return 2;
    case BENCH_TALL:
        shape[0] = n / 64;
        shape[1] = 64;
        return 2;
    default: shape[0] = n; return 1;
    }
}

static gpuproc_status bind_suite(bench_lab *lab, const bench_row *row, task *t, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    int64_t shape[2];
    int ndim = shape_of(row, shape);
    for (unsigned i = 0; i < row->c->inputs && st == GPUPROC_OK; i++) {
        char path[600];
        switch (row->c->data) {
        case BENCH_GENERATED:
            st = gpuproc_array_from_function(GPUPROC_FLOAT32, ndim, shape, generate, NULL, &t->array[i], err);
            break;
        case BENCH_CACHED:
        case BENCH_COLD:
            if (!bench_lab_file(lab, (int)i, row->elements, path)) {
                *err = (gpuproc_error){.status = GPUPROC_IO_WRITE, .message = "its file could not be made"};
                return err->status;
            }
            if (row->c->data == BENCH_COLD) bench_drop(path);
            st = gpuproc_array_open_npy(path, &t->array[i], err);
            break;
        default:
            st = gpuproc_array_from_memory(GPUPROC_FLOAT32, ndim, shape, i == 0 ? lab->x : lab->y, &t->array[i], err);
        }
        if (st == GPUPROC_OK) t->input[t->inputs++] = (gpuproc_input){i == 0 ? "x" : "y", t->array[i]};
    }
    return st;
}

static gpuproc_status bind(bench_lab *lab, const bench_row *row, bool reference, task *t, gpuproc_error *err)
{
    bool file = row->c->data == BENCH_CACHED || row->c->data == BENCH_COLD || row->c->data == BENCH_GIVEN;
    gpuproc_status st = GPUPROC_OK;
    if (row->c->data != BENCH_GIVEN) {
        st = bind_suite(lab, row, t, err);
    } else {
        for (size_t i = 0; i < lab->given_count && st == GPUPROC_OK; i++) {
            st = spec_open(&lab->given[i], &t->array[i], err);
            if (st == GPUPROC_OK) t->input[t->inputs++] = (gpuproc_input){lab->given[i].name, t->array[i]};
        }
    }
    if (st != GPUPROC_OK) return st;
    t->options = (gpuproc_job_options){.struct_size = sizeof t->options,
                                       .memory_bytes = row->c->memory_bytes,
                                       .flags = GPUPROC_JOB_OVERWRITE | (row->config->sync ? GPUPROC_JOB_SYNC : 0)};
    t->outputs = (row->c->data == BENCH_GIVEN ? lab->given_array : row->c->array) ? 1 : 0;
    if (t->outputs == 0) return GPUPROC_OK;
    if (!file) {
        t->output = (gpuproc_output){.kind = GPUPROC_OUTPUT_MEMORY,
                                     .data = reference ? lab->reference : lab->out,
                                     .bytes = lab->room * sizeof(float)};
        return GPUPROC_OK;
    }
    if (!make_folder(lab)) {
        *err = (gpuproc_error){.status = GPUPROC_IO_WRITE, .message = "there is no folder for results"};
        return err->status;
    }
    snprintf(t->path, sizeof t->path, "%s/%s.npy", lab->folder, reference ? "reference" : "out");
    t->output = (gpuproc_output){.kind = GPUPROC_OUTPUT_NPY, .path = t->path};
    return GPUPROC_OK;
}

static bool map_result(bench_result *r, const char *path)
{
    gpuproc_array *array = NULL;
    gpuproc_array_info info = {.struct_size = sizeof info};
    bool fine = gpuproc_array_open_npy(path, &array, NULL) == GPUPROC_OK &&
                gpuproc_array_info_get(array, &info, NULL) == GPUPROC_OK;
    gpuproc_array_free(array);
    int fd = fine ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    r->dtype = info.dtype;
    r->count = info.count;
    r->mapped = (size_t)(info.data_offset + info.bytes);
    r->map = mmap(NULL, r->mapped, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (r->map == MAP_FAILED) {
        r->mapped = 0;
        return false;
    }
    r->data = (char *)r->map + info.data_offset;
    return true;
}

static gpuproc_status take_result(gpuproc_job *job, const task *t, bench_result *r, gpuproc_error *err)
{
    *r = (bench_result){0};
    for (size_t i = 0; i < gpuproc_job_result_count(job); i++) {
        gpuproc_result one = {.struct_size = sizeof one};
        gpuproc_status st = gpuproc_job_result(job, i, &one, err);
        if (st != GPUPROC_OK) return st;
        if (one.is_scalar) {
            if (r->scalars < BENCH_SCALARS) r->scalar[r->scalars++] = one.scalar;
        } else if (t->output.kind == GPUPROC_OUTPUT_MEMORY) {
            r->dtype = one.dtype;
            r->data = t->output.data;
            r->count = 1;
            for (int d = 0; d < one.ndim; d++) r->count *= (uint64_t)one.shape[d];
        } else if (!map_result(r, t->path)) {
            *err = (gpuproc_error){.status = GPUPROC_IO_READ, .message = "the result cannot be read back"};
            return err->status;
        }
    }
    return GPUPROC_OK;
}

void bench_result_end(bench_result *r)
{
    if (r->mapped > 0) munmap(r->map, r->mapped);
    *r = (bench_result){0};
}

gpuproc_status bench_run_once(bench_lab *lab, const bench_row *row, bool reference, double *seconds,
                              bench_result *result, gpuproc_report *report, gpuproc_error *err)
{
    task t = {0};
    char device[24];
    gpuproc_job *job = NULL;
    unsigned times = row->c->data == BENCH_SMALL ? BENCH_BATCH : 1;
    gpuproc_status st = bind(lab, row, reference, &t, err);
    snprintf(device, sizeof device, "%zu", row->config->index);
    t.options.device = device;
    double begin = bench_now();
    for (unsigned k = 0; k < times && st == GPUPROC_OK; k++) {
        gpuproc_job_free(job);
        job = NULL;
        st = gpuproc_submit(row->config->session, row->c->expression, t.input, t.inputs, &t.output, t.outputs,
                            &t.options, &job, err);
        interrupt_watch(job);
        vanished_watch(job);
        if (st == GPUPROC_OK) st = gpuproc_job_wait(job, UINT64_MAX, err);
        interrupt_watch(NULL);
        vanished_watch(NULL);
        if (vanished()) {
            *err = (gpuproc_error){.status = GPUPROC_TRUNCATED, .message = "an input became shorter while it was read"};
            st = err->status;
        }
    }
    *seconds = bench_now() - begin;
    if (st == GPUPROC_OK && report != NULL) gpuproc_job_report(job, report);
    if (st == GPUPROC_OK && result != NULL) st = take_result(job, &t, result, err);
    gpuproc_job_free(job);
    for (size_t i = 0; i < sizeof t.array / sizeof *t.array; i++) gpuproc_array_free(t.array[i]);
    return st;
}

double bench_predict_once(bench_lab *lab, const bench_row *row)
{
    task t = {0};
    char device[24];
    gpuproc_error err = {0};
    gpuproc_explanation *x = NULL;
    gpuproc_explained told = {.struct_size = sizeof told};
    gpuproc_explained_device on = {.struct_size = sizeof on};
    double seconds = 0;
    snprintf(device, sizeof device, "%zu", row->config->index);
    gpuproc_status st = bind(lab, row, false, &t, &err);
    t.options.device = device;
    if (st == GPUPROC_OK)
        st = gpuproc_explain(row->config->session, row->c->expression, t.input, t.inputs, &t.output, t.outputs, &t.options,
                             &x, &err);
    if (st == GPUPROC_OK) {
        gpuproc_explanation_get(x, &told);
        st = gpuproc_explanation_device(x, told.chosen, &on, &err);
    }
    if (st == GPUPROC_OK && told.calibrated && on.calibrated)
        seconds = (double)told.wall_ns * 1e-9 * (row->c->data == BENCH_SMALL ? BENCH_BATCH : 1);
    gpuproc_explanation_free(x);
    for (size_t i = 0; i < sizeof t.array / sizeof *t.array; i++) gpuproc_array_free(t.array[i]);
    return seconds;
}
