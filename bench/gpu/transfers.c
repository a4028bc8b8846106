/* Questions 2 and 9: ways to move bytes between host and device. */
#include "gpu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPEATS 5
#define LARGEST ((size_t)256 << 20)

typedef struct way {
    const char *name;
    bool pinned; /* the host's side is mapped memory of a buffer */
    cl_mem_flags flags;
    cl_bitfield nv; /* of clCreateBufferNV; 0: not by that */
} way;

/* cl_nv_create_buffer: NVIDIA's own call that says where a buffer lies. */
#define NV_PINNED ((cl_bitfield)2)
typedef cl_mem(CL_API_CALL *create_nv)(cl_context, cl_mem_flags, cl_bitfield, size_t, void *, cl_int *);

static cl_mem make_pinned(const gpu *g, const way *w, void *host)
{
    cl_int code;
    if (w->nv == 0) return clCreateBuffer(g->context, w->flags | CL_MEM_READ_WRITE, LARGEST, host, &code);
    create_nv create = (create_nv)clGetExtensionFunctionAddressForPlatform(g->platform, "clCreateBufferNV");
    return create != NULL ? create(g->context, w->flags | CL_MEM_READ_WRITE, w->nv, LARGEST, NULL, &code) : NULL;
}

typedef struct place {
    cl_mem pinned, device;
    void *host; /* page-aligned; of `pinned` where that is there */
    bool own;   /* host is ours */
} place;

static bool open_place(const gpu *g, cl_command_queue queue, const way *w, place *p)
{
    cl_int code;
    *p = (place){0};
    p->device = clCreateBuffer(g->context, CL_MEM_READ_WRITE, LARGEST, NULL, &code);
    if (!w->pinned || (w->flags & CL_MEM_USE_HOST_PTR)) {
        if (posix_memalign(&p->host, 4096, LARGEST) != 0) p->host = NULL;
        p->own = p->host != NULL;
        if (p->own) memset(p->host, 1, LARGEST); /* untouched pages would look fast */
    }
    if (w->pinned) {
        p->pinned = make_pinned(g, w, w->flags & CL_MEM_USE_HOST_PTR ? p->host : NULL);
        void *map = p->pinned == NULL ? NULL
                                      : clEnqueueMapBuffer(queue, p->pinned, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
                                                           LARGEST, 0, NULL, NULL, &code);
        if (map == NULL) return false;
        if (!p->own) p->host = map;
        memset(p->host, 1, LARGEST);
    }
    return p->device != NULL && p->host != NULL;
}

static void close_place(cl_command_queue queue, place *p)
{
    if (p->pinned != NULL && p->host != NULL) clEnqueueUnmapMemObject(queue, p->pinned, p->host, 0, NULL, NULL);
    clFinish(queue);
    if (p->pinned != NULL) clReleaseMemObject(p->pinned);
    if (p->device != NULL) clReleaseMemObject(p->device);
    if (p->own) free(p->host);
}

/* Rate, and when the call that does not block is back. */
static void measure(cl_command_queue queue, const place *p, bool up, size_t bytes, const char *name)
{
    double took[REPEATS], back[REPEATS];
    char what[128];
    for (int k = -1; k < REPEATS; k++) {
        double begin = now();
        cl_int code = up ? clEnqueueWriteBuffer(queue, p->device, CL_FALSE, 0, bytes, p->host, 0, NULL, NULL)
                         : clEnqueueReadBuffer(queue, p->device, CL_FALSE, 0, bytes, p->host, 0, NULL, NULL);
        double returned = now();
        clFinish(queue);
        if (code != CL_SUCCESS) {
            tell_failed(2, name, code);
            return;
        }
        if (k >= 0) took[k] = now() - begin;
        if (k >= 0) back[k] = returned - begin;
    }
    snprintf(what, sizeof what, "%s %s, %zu MiB", up ? "up" : "down", name, bytes >> 20);
    double all = median(took, REPEATS);
    tell(2, what, (double)bytes / all * 1e-9, "GB/s");
    snprintf(what, sizeof what, "%s %s, %zu MiB: the call returns after", up ? "up" : "down", name, bytes >> 20);
    tell(2, what, median(back, REPEATS) / all, "of it");
}

/* Up and down at once, each in its queue, between two places. */
static void measure_both(const gpu *g, cl_command_queue queue, const place *a, const way *w)
{
    cl_command_queue other = queue_new(g, 0);
    place b;
    size_t bytes = (size_t)64 << 20;
    double took[REPEATS];
    char what[128];
    if (other != NULL && open_place(g, other, w, &b)) {
        for (int k = 0; k < REPEATS; k++) {
            double begin = now();
            clEnqueueWriteBuffer(queue, a->device, CL_FALSE, 0, bytes, a->host, 0, NULL, NULL);
            clFlush(queue);
            clEnqueueReadBuffer(other, b.device, CL_FALSE, 0, bytes, b.host, 0, NULL, NULL);
            clFlush(other);
            clFinish(queue);
            clFinish(other);
            took[k] = now() - begin;
        }
        snprintf(what, sizeof what, "both ways at once %s, 64 MiB each", w->name);
        tell(2, what, 2 * (double)bytes / median(took, REPEATS) * 1e-9, "GB/s");
        close_place(other, &b);
    }
    if (other != NULL) clReleaseCommandQueue(other);
}

/* The device's own buffer, mapped: what clpeak measures. */
static void measure_map(const gpu *g, cl_command_queue queue, size_t bytes)
{
    cl_int code;
    double up[REPEATS], down[REPEATS];
    char what[64];
    cl_mem buffer = clCreateBuffer(g->context, CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &code);
    for (int k = -1; buffer != NULL && k < REPEATS; k++) {
        double begin = now();
        void *map = clEnqueueMapBuffer(queue, buffer, CL_TRUE, CL_MAP_READ, 0, bytes, 0, NULL, NULL, &code);
        if (k >= 0) down[k] = now() - begin;
        if (map == NULL) break;
        clEnqueueUnmapMemObject(queue, buffer, map, 0, NULL, NULL);
        map = clEnqueueMapBuffer(queue, buffer, CL_TRUE, CL_MAP_WRITE, 0, bytes, 0, NULL, NULL, &code);
        if (map == NULL) break;
        memset(map, k, bytes);
        begin = now();
        clEnqueueUnmapMemObject(queue, buffer, map, 0, NULL, NULL);
        clFinish(queue);
        if (k >= 0) up[k] = now() - begin;
    }
    if (buffer == NULL || code != CL_SUCCESS) {
        tell_failed(2, "map and unmap", code);
    } else {
        snprintf(what, sizeof what, "up by unmap, %zu MiB", bytes >> 20);
        tell(2, what, (double)bytes / median(up, REPEATS) * 1e-9, "GB/s");
        snprintf(what, sizeof what, "down by map, %zu MiB", bytes >> 20);
        tell(2, what, (double)bytes / median(down, REPEATS) * 1e-9, "GB/s");
    }
    if (buffer != NULL) clReleaseMemObject(buffer);
}

/* ---- 9 ---- */

static double read_all(int fd, char *to, size_t bytes)
{
    double begin = now();
    for (size_t at = 0; at < bytes;) {
        size_t piece = bytes - at < ((size_t)4 << 20) ? bytes - at : (size_t)4 << 20;
        ssize_t got = pread(fd, to + at, piece, (off_t)at);
        if (got <= 0) return -1;
        at += (size_t)got;
    }
    return now() - begin;
}

/* The next page in it: what may be read past the page cache. */
static char *aligned(void *host) { return (char *)(((uintptr_t)host + 4095) & ~(uintptr_t)4095); }

void ask_direct_read(const gpu *g)
{
    static const way pinned = {"mapped ALLOC_HOST_PTR", true, CL_MEM_ALLOC_HOST_PTR, 0};
    char name[] = "/var/tmp/gpu_questions.XXXXXX";
    place p;
    cl_command_queue queue = queue_new(g, 0);
    int fd = queue != NULL ? mkstemp(name) : -1, direct;
    if (fd < 0) {
        tell_failed(9, "a file and a queue", CL_OUT_OF_RESOURCES);
        if (queue != NULL) clReleaseCommandQueue(queue);
        return;
    }
    if (!open_place(g, queue, &pinned, &p)) {
        tell_failed(9, "mapped memory", CL_OUT_OF_RESOURCES);
    } else {
        direct = write(fd, p.host, (size_t)64 << 20) == (ssize_t)64 << 20 ? open(name, O_RDONLY | O_DIRECT) : -1;
        fsync(fd);
        double took = direct < 0 ? -1 : read_all(direct, aligned(p.host), (size_t)64 << 20);
        if (took > 0) tell(9, "pread with O_DIRECT into mapped memory", 0.0671 / took, "GB/s");
        else tell_text(9, "pread with O_DIRECT into mapped memory", "is refused");
        if (direct >= 0) close(direct);
    }
    close_place(queue, &p);
    clReleaseCommandQueue(queue);
    close(fd);
    unlink(name);
}

void ask_transfers(const gpu *g)
{
    static const way ways[] = {{"pageable", false, 0, 0},
                               {"mapped ALLOC_HOST_PTR", true, CL_MEM_ALLOC_HOST_PTR, 0},
                               {"USE_HOST_PTR", true, CL_MEM_USE_HOST_PTR, 0},
                               {"clCreateBufferNV, pinned", true, 0, NV_PINNED}};
    static const size_t sizes[] = {(size_t)1 << 20, (size_t)16 << 20, (size_t)64 << 20, LARGEST};
    cl_command_queue queue = queue_new(g, 0);
    if (queue == NULL) return;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        place p;
        if (!open_place(g, queue, &ways[w], &p)) {
            if (ways[w].nv != 0) tell_text(2, ways[w].name, "is not to be had");
            else tell_failed(2, ways[w].name, CL_OUT_OF_RESOURCES);
        } else {
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
                measure(queue, &p, true, sizes[s], ways[w].name);
                measure(queue, &p, false, sizes[s], ways[w].name);
            }
            measure_both(g, queue, &p, &ways[w]);
        }
        close_place(queue, &p);
    }
    measure_map(g, queue, (size_t)64 << 20);
    measure_map(g, queue, LARGEST);
    clReleaseCommandQueue(queue);
}
