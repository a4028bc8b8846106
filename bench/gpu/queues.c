/* Questions 1 and 3: what runs beside what. */
#include "gpu.h"

#include <stdlib.h>
#include <string.h>

/* Wall time of two busy kernels, each in its queue (which may be the same). */
static double pair(const busy *a, const busy *b, cl_command_queue first, cl_command_queue second)
{
    double took[7];
    for (int k = 0; k < 7; k++) {
        double begin = now();
        busy_start(a, first, NULL);
        clFlush(first);
        busy_start(b, second, NULL);
        clFlush(second);
        clFinish(first);
        clFinish(second);
        took[k] = now() - begin;
    }
    return median(took, 7);
}

void ask_pairs(const gpu *g)
{
    busy a, b;
    if (!busy_new(g, 1, 5e-3, 64, &a)) return;
    if (!busy_new(g, 1, 5e-3, 64, &b)) {
        busy_free(&a);
        return;
    }
    cl_command_queue one = queue_new(g, 0), other = queue_new(g, 0), loose = NULL;
    if (g->out_of_order) loose = queue_new(g, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    double in_order = pair(&a, &b, one, one);
    tell(1, "two kernels in one in-order queue", in_order * 1e3, "ms");
    tell(1, "in two in-order queues", pair(&a, &b, one, other) / in_order, "of that");
    if (loose != NULL) tell(1, "in one out-of-order queue", pair(&a, &b, loose, loose) / in_order, "of that");
    if (loose != NULL) clReleaseCommandQueue(loose);
    clReleaseCommandQueue(one);
    clReleaseCommandQueue(other);
    busy_free(&a);
    busy_free(&b);
}

/* ---- 3: chunks that are uploaded, computed on and downloaded by three queues ---- */

#define CHUNKS 40
#define SLOTS 4
#define BYTES ((size_t)32 << 20)

typedef struct slot {
    cl_mem staging, back, device; /* pinned, pinned, the device's */
    void *up, *down;
    cl_event uploaded, computed, downloaded;
} slot;

typedef struct pipeline {
    cl_command_queue queue[3];
    slot slot[SLOTS];
    cl_kernel kernel;
} pipeline;

static const char *const scale_source =
    "__kernel void scale(__global float4 *x, uint rounds)\n"
    "{\n"
    "    float4 v = x[get_global_id(0)];\n"
    "    for (uint i = 0; i < rounds; i++) v = fma(v, 0.999f, 0.5f);\n"
    "    x[get_global_id(0)] = v;\n"
    "}\n";

static bool open_slot(const gpu *g, pipeline *p, slot *s)
{
    cl_int code;
    s->staging = clCreateBuffer(g->context, CL_MEM_ALLOC_HOST_PTR | CL_MEM_READ_ONLY, BYTES, NULL, &code);
    s->back = clCreateBuffer(g->context, CL_MEM_ALLOC_HOST_PTR | CL_MEM_WRITE_ONLY, BYTES, NULL, &code);
    s->device = clCreateBuffer(g->context, CL_MEM_READ_WRITE, BYTES, NULL, &code);
    if (s->staging == NULL || s->back == NULL || s->device == NULL) return false;
    s->up = clEnqueueMapBuffer(p->queue[0], s->staging, CL_TRUE, CL_MAP_WRITE, 0, BYTES, 0, NULL, NULL, &code);
    s->down = clEnqueueMapBuffer(p->queue[2], s->back, CL_TRUE, CL_MAP_READ, 0, BYTES, 0, NULL, NULL, &code);
    if (s->up == NULL || s->down == NULL) return false;
    memset(s->up, 1, BYTES);
    memset(s->down, 1, BYTES);
    return true;
}

static void close_slot(pipeline *p, slot *s)
{
    if (s->up != NULL) clEnqueueUnmapMemObject(p->queue[0], s->staging, s->up, 0, NULL, NULL);
    if (s->down != NULL) clEnqueueUnmapMemObject(p->queue[2], s->back, s->down, 0, NULL, NULL);
    if (s->staging != NULL) clReleaseMemObject(s->staging);
    if (s->back != NULL) clReleaseMemObject(s->back);
    if (s->device != NULL) clReleaseMemObject(s->device);
}

static void release(cl_event *e)
{
    if (*e != NULL) clReleaseEvent(*e);
    *e = NULL;
}

/* stages: bit 0 upload, 1 kernel, 2 download. Wall time of all chunks. */
static double run(pipeline *p, unsigned stages, cl_uint rounds, bool flush, bool one_queue)
{
    size_t items = BYTES / 16, local = 64;
    double begin = now();
    for (int c = 0; c < CHUNKS; c++) {
        slot *s = &p->slot[c % SLOTS];
        if (s->downloaded != NULL) clWaitForEvents(1, &s->downloaded);
        release(&s->uploaded);
        release(&s->computed);
        release(&s->downloaded);
        cl_command_queue up = p->queue[0], compute = p->queue[one_queue ? 0 : 1], down = p->queue[one_queue ? 0 : 2];
        if (stages & 1) clEnqueueWriteBuffer(up, s->device, CL_FALSE, 0, BYTES, s->up, 0, NULL, &s->uploaded);
        if (flush) clFlush(up);
        clSetKernelArg(p->kernel, 0, sizeof s->device, &s->device);
        clSetKernelArg(p->kernel, 1, sizeof rounds, &rounds);
        if (stages & 2)
            clEnqueueNDRangeKernel(compute, p->kernel, 1, NULL, &items, &local, s->uploaded != NULL,
                                   s->uploaded != NULL ? &s->uploaded : NULL, &s->computed);
        if (flush) clFlush(compute);
        cl_event *after = s->computed != NULL ? &s->computed : s->uploaded != NULL ? &s->uploaded : NULL;
        if (stages & 4)
            clEnqueueReadBuffer(down, s->device, CL_FALSE, 0, BYTES, s->down, after != NULL, after, &s->downloaded);
        if (flush) clFlush(down);
    }
    for (int q = 0; q < 3; q++) clFinish(p->queue[q]);
    for (int k = 0; k < SLOTS; k++) {
        release(&p->slot[k].uploaded);
        release(&p->slot[k].computed);
        release(&p->slot[k].downloaded);
    }
    return now() - begin;
}

static double best(pipeline *p, unsigned stages, cl_uint rounds, bool flush, bool one_queue)
{
    double took[3];
    for (int k = 0; k < 3; k++) took[k] = run(p, stages, rounds, flush, one_queue);
    return median(took, 3);
}

static void measure_pipeline(pipeline *p)
{
    run(p, 7, 1, true, false);
    double up = best(p, 1, 1, true, false), down = best(p, 4, 1, true, false);
    cl_uint rounds = 1;
    double kernel = best(p, 2, rounds, true, false), aim = up > down ? up : down;
    for (int k = 0; k < 8 && kernel < 0.9 * aim; k++) {
        rounds = (cl_uint)((double)rounds * (aim / kernel > 8 ? 8 : aim / kernel)) + 1;
        kernel = best(p, 2, rounds, true, false);
    }
    double longest = up > down ? up : down;
    if (kernel > longest) longest = kernel;
    tell(3, "upload alone", up * 1e3, "ms");
    tell(3, "kernel alone", kernel * 1e3, "ms");
    tell(3, "download alone", down * 1e3, "ms");
    tell(3, "three queues with clFlush, by the longest", best(p, 7, rounds, true, false) / longest, "times");
    tell(3, "three queues without clFlush, by the longest", best(p, 7, rounds, false, false) / longest, "times");
    tell(3, "one queue, by the longest", best(p, 7, rounds, true, true) / longest, "times");
    tell(3, "upload and download together, by the longer", best(p, 5, rounds, true, false) / (up > down ? up : down), "times");
}

void ask_pipeline(const gpu *g)
{
    pipeline p = {0};
    bool good = true;
    for (int q = 0; q < 3; q++) good = (p.queue[q] = queue_new(g, 0)) != NULL && good;
    p.kernel = kernel_new(g, 3, "the pipeline's kernel", scale_source, "scale");
    good = good && p.kernel != NULL;
    for (int k = 0; k < SLOTS && good; k++) good = open_slot(g, &p, &p.slot[k]);
    if (good) measure_pipeline(&p);
    else tell_failed(3, "pipeline", CL_OUT_OF_RESOURCES);
    for (int k = 0; k < SLOTS; k++) close_slot(&p, &p.slot[k]);
    for (int q = 0; q < 3; q++) {
        if (p.queue[q] == NULL) continue;
        clFinish(p.queue[q]);
        clReleaseCommandQueue(p.queue[q]);
    }
    if (p.kernel != NULL) clReleaseKernel(p.kernel);
}
