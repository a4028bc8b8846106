#include "plan/cost.h"

#include "base/memory.h"
#include "emit/vec.h"
#include "io/writeback.h"

#include <math.h>

/* ---- Operations ----------------------------------------------------------------- */

/* Vectors hold more of what is narrower than the dtype that was measured. */
static double narrow(gp_dtype a, gp_dtype b)
{
    double wide = fmax((double)gpuproc_dtype_bytes(a), (double)gpuproc_dtype_bytes(b));
    return wide < 4 ? wide / 4 : 1;
}

static gp_op op_of_reduce(int kind)
{
    switch ((gp_reduce_kind)kind) {
    case GP_REDUCE_SUM: return GP_OP_SUM;
    case GP_REDUCE_PROD: return GP_OP_PROD;
    case GP_REDUCE_MIN: return GP_OP_MIN;
    case GP_REDUCE_MAX: return GP_OP_MAX;
    case GP_REDUCE_ARGMIN: return GP_OP_ARGMIN;
    case GP_REDUCE_ARGMAX: return GP_OP_ARGMAX;
    case GP_REDUCE_MOMENTS: return GP_OP_VAR;
    case GP_REDUCE_COUNT: return GP_OP_COUNT_NONZERO;
    }
    return GP_OP_SUM;
}

static bool is_wide(gp_dtype dtype) { return gpuproc_dtype_bytes(dtype) >= 8; }

/* Devices are measured by class; on the CPU the same classes differ by some such factors. */
static double device_op(const gp_device_rates *r, gp_op op, gp_dtype dtype)
{
    bool wide = is_wide(dtype);
    const double *v = r->value;
    switch (op) {
    case GP_OP_DIV:
    case GP_OP_SQRT:
    case GP_OP_RECIPROCAL:
    case GP_OP_FLOORDIV:
    case GP_OP_MOD:
    case GP_OP_FMOD: return v[wide ? GP_RATE_DEVICE_divide_f8 : GP_RATE_DEVICE_divide_f4];
    case GP_OP_POW:
    case GP_OP_LOGADDEXP:
    case GP_OP_LOGADDEXP2:
    case GP_OP_NORMAL:
    case GP_OP_RANDBITS:
    case GP_OP_SEARCHLEFT:
    case GP_OP_SEARCHRIGHT: return v[wide ? GP_RATE_DEVICE_power_f8 : GP_RATE_DEVICE_power_f4];
    case GP_OP_ARCTAN2:
    case GP_OP_HYPOT: return v[wide ? GP_RATE_DEVICE_function_f8 : GP_RATE_DEVICE_function_f4];
    case GP_OP_SIN:
    case GP_OP_COS:
    case GP_OP_TAN: return v[wide ? GP_RATE_DEVICE_sine_f8 : GP_RATE_DEVICE_sine_f4];
    default: break;
    }
    if (op >= GP_OP_CBRT && op <= GP_OP_ERF)
        return v[wide ? GP_RATE_DEVICE_function_f8 : GP_RATE_DEVICE_function_f4];
    return v[wide ? GP_RATE_DEVICE_cheap_f8 : GP_RATE_DEVICE_cheap_f4];
}

/* A sum of floats is exact, which takes longer. */
static int device_reduce(int kind, gp_dtype type)
{
    if (kind == GP_REDUCE_MOMENTS) return GP_RATE_DEVICE_moments;
    return kind == GP_REDUCE_SUM && gp_dtype_kind(type) == GP_KIND_FLOAT ? GP_RATE_DEVICE_sum : GP_RATE_DEVICE_reduce;
}

static void add_ops(const gp_rates *rates, const gp_device_rates *device, const gp_pass *pass,
                    const gp_vec_program *vec, gp_cost_pass *cost)
{
    for (size_t i = 0; i < vec->instrs; i++) {
        const gp_vec_instr *in = &vec->instr[i];
        gp_dtype type = gpuproc_dtype_bytes(in->to) > gpuproc_dtype_bytes(in->type) ? in->to : in->type;
        cost->op_ns += rates->op[in->op][gp_rates_dtype_index(type)] * narrow(in->type, in->to);
        if (device != NULL) cost->device_op_ns += device_op(device, in->op, type);
    }
    for (size_t r = 0; r < pass->reduces; r++) {
        gp_dtype type = pass->reduce[r].operand;
        /* Whatever is reduced is got once. */
        if (r == 0) cost->op_ns += rates->op[GP_OP_INPUT][gp_rates_dtype_index(type)] * narrow(type, type);
        cost->op_ns += rates->op[op_of_reduce(pass->reduce[r].kind)][gp_rates_dtype_index(type)] * narrow(type, type);
        if (device != NULL) cost->device_op_ns += device->value[device_reduce(pass->reduce[r].kind, type)];
    }
}

gpuproc_status gp_cost_ops(const gp_rates *rates, const gp_device_rates *device, gp_cost_pass *cost,
                           gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_pass less = cost->plan->pass;
    gp_vec_program vec = {0};
    bool compiled = false;
    cost->op_ns = cost->device_op_ns = 0;
    if (cost->copies || less.count == 0) return GPUPROC_OK;
    less.output = gp_calloc(less.outputs, sizeof *less.output);
    if (less.output == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a prediction");
    less.outputs = 0;
    for (size_t o = 0; o < cost->plan->pass.outputs; o++) {
        if (!cost->output_copied[o]) less.output[less.outputs++] = cost->plan->pass.output[o];
    }
    if (less.outputs + less.reduces > 0) {
        GP_TRY(gp_vec_compile(&less, &vec, err));
        compiled = true;
        add_ops(rates, device, &less, &vec, cost);
    }
out:
    if (compiled) gp_vec_free(&vec);
    free(less.output);
    return st;
}

/* ---- Threads -------------------------------------------------------------------- */

/* What takes `one` on one thread and `all` on as many as were measured: a part is shared, the rest is not. Where one
 * was measured and no more, all is shared. */
static double on_threads(double one, double all, const gp_cost_machine *m, unsigned threads)
{
    double measured = fmax(m->rates->threads, 1);
    if (measured <= 1) return one / threads;
    if (threads <= 1) return one;
    double shared = fmin(fmax((one - all) / (1 - 1 / measured), 0), all * measured);
    return all - shared / measured + shared / threads;
}

/* The same of memory, of which more threads than were measured get no more. */
static double on_memory(double one, double all, const gp_cost_machine *m)
{
    if (m->rates->threads <= 1) return all;
    return on_threads(one, all, m, m->threads < m->rates->threads ? m->threads : m->rates->threads);
}

/* What work on all threads takes longer because the others wake up while one works already: no longer than that one
 * would take alone. */
static double waking_ns(const gp_cost_machine *m, double ns)
{
    return fmin(m->rates->host[GP_RATE_HOST_wake_ns], ns * m->threads) * (1 - 1.0 / m->threads);
}

/* ---- Folds ---------------------------------------------------------------------- */

/* Of one decomposition, as the textbooks count. */
static double matrix_flops(gp_op op, double m, double n)
{
    double k = fmin(m, n);
    switch (op) {
    case GP_OP_GRAM: return m * n * n;
    case GP_OP_QRR:
    case GP_OP_LSTSQ: return 2 * m * n * n;
    case GP_OP_SOLVE:
    case GP_OP_DET:
    case GP_OP_SLOGDET: return 2.0 / 3 * m * m * m + 2 * m * m * fmax(n - m, 0);
    case GP_OP_INV: return 2 * m * m * m;
    case GP_OP_CHOLESKY: return m * m * m / 3;
    case GP_OP_EIGH: return 9 * m * m * m;
    case GP_OP_SVD: return 4 * m * n * k + 16 * k * k * k;
    case GP_OP_QR: return 4 * m * n * k;
    default: return 0;
    }
}

static int lapack_rate(gp_op op)
{
    switch (op) {
    case GP_OP_INV: return GP_RATE_HOST_lapack_inv;
    case GP_OP_CHOLESKY: return GP_RATE_HOST_lapack_cholesky;
    case GP_OP_EIGH: return GP_RATE_HOST_lapack_eigh;
    case GP_OP_SVD: return GP_RATE_HOST_lapack_svd;
    case GP_OP_QR:
    case GP_OP_QRR:
    case GP_OP_LSTSQ: return GP_RATE_HOST_lapack_qr;
    default: return GP_RATE_HOST_lapack_lu;
    }
}

static double gemm_rate(const gp_cost_machine *m, gp_dtype type)
{
    bool wide = gp_dtype_kind(type) == GP_KIND_COMPLEX ? type == GPUPROC_COMPLEX128 : is_wide(type);
    double all = m->rates->host[wide ? GP_RATE_HOST_gemm_f8 : GP_RATE_HOST_gemm_f4];
    return all * fmin(m->threads / fmax(m->rates->threads, 1), 1);
}

/* *cpu_ns: processor time of all threads. */
static double fold_ns(const gp_plan_fold *fold, const gp_cost_machine *m, double elements, double *cpu_ns)
{
    const gp_fold_spec *spec = &fold->spec;
    const gp_rates *r = m->rates;
    gp_dtype type = spec->operand[0];
    *cpu_ns = 0;
    if (spec->op >= GP_OP_GRAM && spec->op <= GP_OP_QR && spec->shape.ndim >= 2) {
        double rows = (double)spec->shape.dim[spec->shape.ndim - 2], columns = (double)spec->shape.dim[spec->shape.ndim - 1];
        double flops = matrix_flops(spec->op, rows, columns) * (gp_dtype_kind(type) == GP_KIND_COMPLEX ? 4 : 1);
        if (rows * columns > 0) flops *= elements / (rows * columns);
        if (spec->op == GP_OP_GRAM) {
            double f4 = flops * on_threads(1 / r->host[GP_RATE_HOST_gram_one], 1 / r->host[GP_RATE_HOST_gram], m, m->threads);
            return f4 * gemm_rate(m, GPUPROC_FLOAT32) / gemm_rate(m, type);
        }
        return flops / (r->host[lapack_rate(spec->op)] * (is_wide(type) ? 1 : 2));
    }
    size_t d = gp_rates_dtype_index(type);
    bool row = gp_op_info_of(spec->op)->reduction && spec->shape.ndim > 0 && (spec->axes >> (spec->shape.ndim - 1) & 1) != 0;
    double one = (row ? r->row_one : r->fold_one)[spec->op][d] * narrow(type, type);
    double all = (row ? r->row : r->fold)[spec->op][d] * narrow(type, type), few = GP_RATES_FOLD_ELEMENTS;
    double each = on_threads(one, all, m, m->threads);
    *cpu_ns = one * elements;
    if (elements >= few) return each * elements;
    /* Less to share, and as long to wake the workers; but never longer than one of them takes. */
    return fmin(one * elements, each * few - (few - elements) * one / m->threads);
}

/* Half of a selection; a histogram's bins are few. */
#define USUAL_BINS 4096

uint64_t gp_cost_growing(gp_op op, uint64_t most, uint64_t count)
{
    uint64_t elements = gp_min_u64(most, count);
    return op == GP_OP_BINCOUNT ? gp_min_u64(elements, USUAL_BINS) : elements / 2;
}

static double fold_bytes(const gp_plan_fold *fold, uint64_t count)
{
    const gp_fold_spec *spec = &fold->spec;
    uint64_t most = gp_shape_size(&spec->result);
    if (spec->growing) most = gp_cost_growing(spec->op, most, count);
    return (double)most * (double)gpuproc_dtype_bytes(spec->dtype);
}

/* ---- Stages --------------------------------------------------------------------- */

/* Bytes of a pass up to which caches hold them all, and from which they hold next to nothing of them. */
#define NEAR_BYTES ((double)(8 << 20))
#define FAR_BYTES ((double)(192 << 20)) /* what the figures of far memory were measured with */

static double far_part(double bytes)
{
    return log(fmin(fmax(bytes / NEAR_BYTES, 1), FAR_BYTES / NEAR_BYTES)) / log(FAR_BYTES / NEAR_BYTES);
}

typedef struct stages {
    double bytes[GPUPROC_STAGES], in_place[GPUPROC_STAGES], ns[GPUPROC_STAGES];
    double mapped, memory; /* bytes that the kernel finds in mapped files, and elsewhere in memory */
    double placed;         /* that it makes where they stay */
    double cpu_ns;         /* processor time of all stages */
    double compute_ns, memory_ns, multiply_ns, device_ns;
} stages;

/* Whether neighbours of the pass are no neighbours in storage. */
static bool is_turned(const gp_pass_input *in)
{
    const gp_walk *walk = &in->walk;
    int last = walk->shape.ndim - 1;
    return in->streamed && last >= 0 && !gp_walk_contiguous(walk) && walk->stride[last] != 1 && walk->stride[last] != 0;
}

static void read_input(const gp_cost_machine *m, const gp_cost_input *in, bool turned, stages *s)
{
    const double *r = m->rates->host;
    double bytes = (double)in->bytes * m->scale;
    gp_cost_from from = in->from;
    s->bytes[GPUPROC_STAGE_READ] += from == GP_FROM_MADE ? 0 : bytes;
    if (from == GP_FROM_MEMORY && turned) {
        double part = far_part(2 * bytes), ns = bytes * ((1 - part) / r[GP_RATE_HOST_turned] + part / r[GP_RATE_HOST_turned_far]);
        s->memory += bytes;
        s->ns[GPUPROC_STAGE_READ] += ns;
        s->cpu_ns += ns;
        return;
    }
    if ((m->device == NULL || m->shares) && (from == GP_FROM_MEMORY || from == GP_FROM_MAPPED)) {
        s->in_place[GPUPROC_STAGE_READ] += bytes;
        if (from == GP_FROM_MAPPED) s->mapped += bytes;
        else s->memory += bytes;
        return;
    }
    double rate = from == GP_FROM_MEMORY ? r[GP_RATE_HOST_copy]
                  : from == GP_FROM_DISK ? r[GP_RATE_HOST_disk_read] : r[GP_RATE_HOST_cache_read];
    s->memory += bytes;
    if (from == GP_FROM_MADE) return;
    s->ns[GPUPROC_STAGE_READ] += bytes / rate;
    if (from != GP_FROM_DISK) s->cpu_ns += bytes / rate * r[GP_RATE_HOST_read_cores];
}

/* Products are made while the pass reads them. */
static void make_products(const gp_cost_pass *pass, const gp_cost_machine *m, stages *s)
{
    const double *r = m->rates->host;
    const gp_plan_pass *plan = pass->plan;
    double read_ns = 0, ns = 0, bytes = (double)pass->product_bytes * m->scale;
    for (size_t i = 0; i < plan->pass.inputs; i++) {
        if (pass->input[i].from != GP_FROM_MADE) continue;
        const gp_product_spec *p = pass->product[i];
        if (p == NULL) continue;
        bool wide = gp_dtype_kind(p->dtype) == GP_KIND_COMPLEX ? p->dtype == GPUPROC_COMPLEX128 : is_wide(p->dtype);
        double rate = gemm_rate(m, p->dtype);
        double flops = 2.0 * (double)p->stack * (double)p->m * (double)p->n * (double)p->k * m->scale;
        if (gp_dtype_kind(p->dtype) == GP_KIND_COMPLEX) flops *= 4;
        double device = m->device == NULL ? 0 : m->device->value[wide ? GP_RATE_DEVICE_gemm_f8 : GP_RATE_DEVICE_gemm_f4];
        double own = flops / (device > 0 ? device : rate);
        if (device > 0) {
            own += (double)pass->chunks * m->scale * m->device->value[GP_RATE_DEVICE_gemm_ns];
            s->device_ns += own;
        }
        ns += own;
    }
    if (bytes <= 0 && ns <= 0) return;
    if (pass->product_from == GP_FROM_DISK) read_ns = bytes / r[GP_RATE_HOST_disk_read];
    else if (pass->product_from != GP_FROM_MEMORY) read_ns = bytes / r[GP_RATE_HOST_cache_read];
    else s->in_place[GPUPROC_STAGE_READ] += bytes;
    s->bytes[GPUPROC_STAGE_READ] += bytes;
    s->ns[GPUPROC_STAGE_READ] += read_ns;
    s->bytes[GPUPROC_STAGE_KERNEL] += bytes;
    s->ns[GPUPROC_STAGE_KERNEL] += ns;
    s->multiply_ns = ns;
    if (s->device_ns <= 0) {
        s->cpu_ns += ns * m->threads;
        return;
    }
    double made = (double)plan->pass.count * 8 * m->scale;
    s->bytes[GPUPROC_STAGE_UPLOAD] += bytes;
    s->ns[GPUPROC_STAGE_UPLOAD] += bytes / m->device->value[GP_RATE_DEVICE_upload];
    s->bytes[GPUPROC_STAGE_DOWNLOAD] += made;
    s->ns[GPUPROC_STAGE_DOWNLOAD] += made / m->device->value[GP_RATE_DEVICE_download];
}

static void write_bytes(const gp_cost_machine *m, double bytes, bool in_memory, stages *s)
{
    const double *r = m->rates->host;
    s->bytes[GPUPROC_STAGE_WRITE] += bytes;
    if (in_memory) {
        s->in_place[GPUPROC_STAGE_WRITE] += bytes;
        return;
    }
    s->ns[GPUPROC_STAGE_WRITE] += bytes / r[GP_RATE_HOST_write];
    s->cpu_ns += bytes / r[GP_RATE_HOST_write] * r[GP_RATE_HOST_write_cores];
}

/* What is moved takes so long, of which `far` from where caches do not reach. */
typedef struct moving {
    double ns, far_ns;
} moving;

/* Arrays in memory, of which caches may hold a part from the last job, and mapped files. */
static moving move(const gp_cost_machine *m, double memory, double stored, double mapped)
{
    const double *r = m->rates->host;
    double all = memory + stored, memory_ns = on_memory(1 / r[GP_RATE_HOST_memory_one], 1 / r[GP_RATE_HOST_memory], m);
    double part = far_part(all);
    double near = all * (1 - part) * on_memory(1 / r[GP_RATE_HOST_near_one], 1 / r[GP_RATE_HOST_near], m);
    double far = part * memory_ns * (memory + stored * r[GP_RATE_HOST_memory] / r[GP_RATE_HOST_store]) +
                 mapped * on_memory(1 / r[GP_RATE_HOST_mapped_one], 1 / r[GP_RATE_HOST_mapped], m);
    return (moving){near + far, far};
}

/* Caches are as fast as computing goes; of waiting for what is far, or of computing meanwhile, a part shows. */
static double beside(const gp_cost_machine *m, double computed, const moving *moved)
{
    return fmax(computed, moved->ns) + fmin(computed, moved->far_ns) * m->rates->host[GP_RATE_HOST_unhidden];
}

static bool is_computed(const gp_cost_pass *pass, double out)
{
    return !pass->copies && (pass->op_ns > 0 || out > 0 || pass->plan->pass.reduces > 0);
}

static void compute(const gp_cost_pass *pass, const gp_cost_machine *m, double elements, double in, double out,
                    stages *s)
{
    const double *r = m->rates->host;
    double chunks = (double)pass->chunks * m->scale;
    if (!is_computed(pass, out)) return;
    s->bytes[GPUPROC_STAGE_KERNEL] += in + out;
    if (m->device == NULL || pass->plan->products) {
        moving moved = move(m, s->memory + out - s->placed, s->placed, s->mapped);
        double alone = pass->op_ns / r[GP_RATE_HOST_crowd], all = pass->op_ns / fmax(m->rates->threads, 1);
        double computed = on_threads(alone, all, m, m->threads) * elements;
        double kernel = beside(m, computed, &moved);
        kernel += waking_ns(m, kernel);
        s->ns[GPUPROC_STAGE_KERNEL] += kernel;
        s->compute_ns = computed;
        s->memory_ns = moved.ns;
        s->cpu_ns += kernel * m->threads;
        return;
    }
    const double *d = m->device->value;
    s->bytes[GPUPROC_STAGE_UPLOAD] = in;
    s->ns[GPUPROC_STAGE_UPLOAD] = in / d[GP_RATE_DEVICE_upload];
    s->compute_ns = pass->device_op_ns * elements;
    s->memory_ns = (in + out) / d[GP_RATE_DEVICE_memory];
    s->ns[GPUPROC_STAGE_KERNEL] = fmax(s->compute_ns, s->memory_ns) +
                                  chunks * d[GP_RATE_DEVICE_launch_ns];
    s->device_ns += s->ns[GPUPROC_STAGE_KERNEL];
    s->bytes[GPUPROC_STAGE_DOWNLOAD] = out;
    s->ns[GPUPROC_STAGE_DOWNLOAD] = out / d[GP_RATE_DEVICE_download];
}

/* What a fold takes that is the first to look at its operand: beside computing that comes out of memory or of mapped
 * files, and what the fold writes goes there. */
static double fold_from_memory(const gp_cost_pass *pass, size_t f, const gp_cost_machine *m, const stages *s, double computed)
{
    double folds = (double)pass->plan->folds;
    double written = pass->fold_in_memory[f] ? fold_bytes(&pass->plan->fold[f], pass->plan->pass.count) * m->scale : 0;
    moving moved = move(m, s->memory / folds, written, s->mapped / folds);
    return beside(m, computed, &moved);
}

static void fill_stages(const gp_cost_pass *pass, const gp_cost_machine *m, stages *s)
{
    const gp_pass *p = &pass->plan->pass;
    double elements = (double)p->count * m->scale, in = 0, out = 0;
    for (size_t i = 0; i < p->inputs; i++) {
        read_input(m, &pass->input[i], is_turned(&p->input[i]), s);
        in += (double)pass->input[i].bytes * m->scale;
    }
    make_products(pass, m, s);
    for (size_t o = 0; o < p->outputs; o++) {
        double bytes = elements * (double)gpuproc_dtype_bytes(p->output[o].dtype);
        bool goes = pass->plan->output_target[o] != SIZE_MAX || pass->plan->output_stored[o] != SIZE_MAX;
        if (!pass->output_copied[o]) out += bytes;
        if (!pass->output_copied[o] && pass->output_in_memory[o]) s->placed += bytes;
        if (goes) write_bytes(m, bytes, pass->output_in_memory[o], s);
    }
    compute(pass, m, elements, in, out, s);
    for (size_t f = 0; f < pass->plan->folds; f++) {
        const gp_plan_fold *fold = &pass->plan->fold[f];
        double cpu_ns, ns = fold_ns(fold, m, elements, &cpu_ns);
        if (!is_computed(pass, out)) ns = fold_from_memory(pass, f, m, s, ns);
        s->ns[GPUPROC_STAGE_FOLD] += ns;
        s->cpu_ns += fmax(cpu_ns, ns);
        s->bytes[GPUPROC_STAGE_FOLD] += elements * (double)gpuproc_dtype_bytes(fold->spec.operand[0]);
        write_bytes(m, fold_bytes(fold, p->count) * m->scale, pass->fold_in_memory[f], s);
    }
}

/* Staging that is made for the pass: of what is computed and not made where it stays, and of what is copied. */
static double staging_bytes(const gp_cost_pass *pass, const gp_cost_machine *m)
{
    const gp_pass *p = &pass->plan->pass;
    double width = 0, chunks = fmax(ceil((double)pass->chunks * m->scale), 1);
    for (size_t i = 0; i < p->inputs; i++) {
        bool copied = (m->device != NULL && !m->shares) || (pass->input[i].from != GP_FROM_MEMORY && pass->input[i].from != GP_FROM_MAPPED) ||
                      (is_turned(&p->input[i]) && !pass->copies);
        if (p->input[i].streamed && copied) width += (double)gpuproc_dtype_bytes(p->input[i].dtype);
    }
    for (size_t o = 0; o < p->outputs; o++) {
        if (!pass->output_copied[o] && !(pass->output_in_memory[o] && (m->device == NULL || m->shares)))
            width += (double)gpuproc_dtype_bytes(p->output[o].dtype);
    }
    for (size_t f = 0; f < pass->plan->folds; f++) {
        const gp_fold_spec *spec = &pass->plan->fold[f].spec;
        bool scan = gp_shape_size(&spec->result) >= p->count;
        if (scan && !pass->fold_in_memory[f]) width += (double)gpuproc_dtype_bytes(spec->dtype);
    }
    return width * (double)pass->chunk_elements * fmin(pass->slots, chunks);
}

/* ---- Walls ---------------------------------------------------------------------- */

gpuproc_stage gp_cost_limit(const gp_cost *cost)
{
    gpuproc_stage longest = GPUPROC_STAGE_READ;
    for (int i = 0; i < GPUPROC_STAGES; i++) {
        if (cost->ns[i] > cost->ns[longest]) longest = (gpuproc_stage)i;
    }
    return longest;
}

/* As stream/run_pass.c has it. */
bool gp_cost_is_here(const gp_cost_pass *pass, const gp_cost_machine *m)
{
    unsigned threads = pass->threads != 0 && pass->threads < m->threads ? pass->threads : m->threads;
    return m->device == NULL && threads == 1 && pass->slots == 1 && pass->plan->folds == 0 && !pass->plan->products &&
           !pass->copies;
}

/* What a chunk more takes. */
static double chunk_ns(const gp_cost_pass *pass, const gp_cost_machine *m)
{
    double ns = m->rates->host[GP_RATE_HOST_chunk_ns];
    for (size_t i = 0; i < pass->plan->pass.inputs; i++) {
        bool mapped = m->device == NULL && pass->input[i].from == GP_FROM_MAPPED && pass->plan->pass.input[i].streamed;
        if (mapped) ns += m->rates->host[GP_RATE_HOST_map_ns];
    }
    return ns;
}

double gp_cost_of_pass(const gp_cost_pass *pass, const gp_cost_machine *machine, gp_cost *sum)
{
    gp_cost_machine own = *machine, *m = &own;
    const double *r = m->rates->host;
    if (pass->threads != 0 && pass->threads < m->threads) own.threads = pass->threads;
    const bool here = gp_cost_is_here(pass, m);
    double each = chunk_ns(pass, m);
    stages s = {0};
    double all = 0, longest = 0, chunks = fmax(ceil((double)pass->chunks * m->scale), 1), before = 0, wall;
    if (pass->plan->pass.count == 0) return 0;
    fill_stages(pass, m, &s);
    for (int i = GPUPROC_STAGE_READ; i <= GPUPROC_STAGE_WRITE; i++) {
        all += s.ns[i];
        longest = fmax(longest, s.ns[i]);
    }
    /* Brought into order: read, written, and read again with the pass. */
    before = (double)pass->straightened * m->scale *
             (1 / r[GP_RATE_HOST_cache_read] + 1 / r[GP_RATE_HOST_write]);
    before += (staging_bytes(pass, m) + (double)pass->fold_bytes * m->scale) / r[GP_RATE_HOST_fresh];
    if (m->device != NULL && !pass->copies && !pass->plan->products) {
        double program = pass->program_cached ? m->device->value[GP_RATE_DEVICE_cached_ns] +
                                                    (double)pass->plan->pass.reduces * m->device->value[GP_RATE_DEVICE_cached_reduce_ns]
                                              : m->device->value[GP_RATE_DEVICE_program_ns];
        s.ns[GPUPROC_STAGE_PROGRAM] = program;
        before += program;
    }
    if (here) {
        wall = all + (chunks - 1) * each;
    } else if (m->sync || pass->slots == 1) {
        wall = all + chunks * each;
    } else {
        /* Stages overlap, but those that need processors share them, and no more chunks are under way than there are
         * slots; the pipeline fills and drains. */
        double shared = s.cpu_ns / (m->cores > 0 ? m->cores : m->threads);
        double steady = fmax(fmax(longest, shared), fmax(chunks * each, all / pass->slots));
        wall = fmin(steady + (all - longest) / chunks, all + chunks * each);
    }
    if (!here) before += r[GP_RATE_HOST_hand_ns];
    size_t roots = pass->plan->pass.outputs + pass->plan->pass.reduces + pass->plan->folds;
    if (roots > 1) before += (double)(roots - 1) * r[GP_RATE_HOST_root_ns];
    if (pass->plan->products) before += r[GP_RATE_HOST_products_ns];
    wall += before + r[GP_RATE_HOST_pass_ns] + (pass->plan->folds > 0 ? r[GP_RATE_HOST_folds_ns] : 0);
    for (int i = 0; i < GPUPROC_STAGES; i++) {
        sum->ns[i] += s.ns[i];
        sum->bytes[i] += (uint64_t)s.bytes[i];
        sum->in_place[i] += (uint64_t)s.in_place[i];
    }
    sum->wall_ns += wall;
    sum->compute_ns += s.compute_ns;
    sum->memory_ns += s.memory_ns;
    sum->multiply_ns += s.multiply_ns;
    sum->device_ns += s.device_ns;
    return wall;
}

/* While a large file is written its beginning is made safe already (io/writeback.h). */
static double commit_ns(const gp_cost_machine *m, double bytes, double wall_ns)
{
    double rate = m->rates->host[GP_RATE_HOST_commit], early = bytes - (double)GP_WRITEBACK_LAG;
    if (early <= (double)GP_WRITEBACK_STEP) return bytes / rate;
    return (bytes - fmin(early, rate * wall_ns * early / bytes)) / rate;
}

void gp_cost_of_job(const gp_cost_machine *m, unsigned outputs, uint64_t bytes, uint64_t spooled, gp_cost *sum)
{
    const double *r = m->rates->host;
    double commit = 0, open = r[GP_RATE_HOST_job_ns] + (m->own_thread ? r[GP_RATE_HOST_thread_ns] : 0) + m->once_ns;
    for (unsigned o = 0; o < outputs; o++)
        commit += r[GP_RATE_HOST_commit_ns] + commit_ns(m, (double)bytes * m->scale / outputs, sum->wall_ns);
    double spool = (double)spooled * m->scale * (1 / r[GP_RATE_HOST_write] + 1 / r[GP_RATE_HOST_cache_read]);
    sum->ns[GPUPROC_STAGE_SPOOL] += spool;
    sum->bytes[GPUPROC_STAGE_SPOOL] += spooled;
    sum->wall_ns += spool;
    sum->ns[GPUPROC_STAGE_COMMIT] += commit;
    sum->ns[GPUPROC_STAGE_OPEN] += open;
    sum->wall_ns += commit + open;
}
