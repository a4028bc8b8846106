/* What a job would do, for its owner to read before it begins. */
#include "session/job.h"

#include "base/memory.h"
#include "base/text.h"
#include "device/cpu/cpu_device.h"
#include "emit/cl_source.h"
#include "emit/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct candidate {
    gp_device *device;
    gp_prediction prediction;
    bool calibrated; /* the device's own figures */
} candidate;

struct gpuproc_explanation {
    gpuproc_job *job; /* never started */
    candidate *candidate;
    size_t candidates, chosen;
    char reason[256];
    size_t other;
    uint64_t other_elements;
    bool other_below;
};

/* ---- Candidates -------------------------------------------------------------------- */

static gpuproc_status add_candidate(gpuproc_explanation *x, gp_device *device, gpuproc_error *err)
{
    candidate *c = &x->candidate[x->candidates];
    gp_device_rates rates;
    gpuproc_error why = {0};
    gpuproc_status st = gp_predict(x->job, device, &c->prediction, &why);
    /* What does not fit the CPU's way does not run; a device that it does not fit is no candidate. */
    if (st != GPUPROC_OK && device != x->job->run.cpu && x->job->devices != 1) return GPUPROC_OK;
    if (st != GPUPROC_OK) {
        if (err != NULL) *err = why;
        return st;
    }
    c->device = device;
    c->calibrated = c->prediction.calibrated;
    if (device != x->job->run.cpu) {
        gp_session_device_rates(x->job->session, device, &rates);
        c->calibrated = rates.measured;
    }
    x->candidates++;
    return GPUPROC_OK;
}

static gpuproc_status find_candidates(gpuproc_explanation *x, bool automatic, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_job *job = x->job;
    size_t count = job->devices;
    gp_device *const *device = automatic ? gp_registry_all(job->session->registry, &count) : job->device;
    x->candidate = gp_calloc(count, sizeof *x->candidate);
    if (x->candidate == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an explanation");
    for (size_t d = 0; d < count; d++) GP_TRY(add_candidate(x, device[d], err));
out:
    return st;
}

/* As gp_job_choose does: the fastest of those that were measured. */
static void choose(gpuproc_explanation *x, bool automatic)
{
    size_t measured = 0;
    for (size_t i = 0; i < x->candidates && automatic; i++) {
        if (x->candidate[i].device == x->job->device[0]) x->chosen = i; /* by rule, while nothing is measured */
        measured += i > 0 && x->candidate[i].calibrated;
    }
    if (measured == 0 || !x->candidate[0].prediction.calibrated) return;
    x->chosen = 0;
    for (size_t i = 1; i < x->candidates; i++) {
        const candidate *c = &x->candidate[i];
        if (!c->calibrated || !c->prediction.used) continue;
        if (c->prediction.cost.wall_ns < x->candidate[x->chosen].prediction.cost.wall_ns) x->chosen = i;
    }
}

/* The fastest of the others; SIZE_MAX: there is none. */
static size_t second(const gpuproc_explanation *x)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < x->candidates; i++) {
        const candidate *c = &x->candidate[i];
        if (i == x->chosen || !c->prediction.used) continue;
        if (best == SIZE_MAX || c->prediction.cost.wall_ns < x->candidate[best].prediction.cost.wall_ns) best = i;
    }
    return best;
}

/* ---- Sizes at which another one wins ------------------------------------------------- */

#define MOST_DOUBLINGS 24

static uint64_t largest_pass(const gp_plan *plan)
{
    uint64_t most = 0;
    for (size_t i = 0; i < plan->passes; i++) most = gp_max_u64(most, plan->pass[i].pass.count);
    return most;
}

static bool wins_at(const gpuproc_explanation *x, size_t other, double scale)
{
    const candidate *a = &x->candidate[x->chosen], *b = &x->candidate[other];
    return gp_predict_scaled(x->job, b->device, &b->prediction, scale) <
           gp_predict_scaled(x->job, a->device, &a->prediction, scale);
}

/* The scale between two at which the winner changes. */
static double border(const gpuproc_explanation *x, size_t other, double loses, double wins)
{
    for (int i = 0; i < 8; i++) {
        double middle = sqrt(loses * wins);
        if (wins_at(x, other, middle)) wins = middle;
        else loses = middle;
    }
    return wins;
}

static void find_border(gpuproc_explanation *x)
{
    uint64_t elements = largest_pass(&x->job->plan);
    for (size_t other = 0; other < x->candidates && elements > 0; other++) {
        if (other == x->chosen || !x->candidate[other].prediction.used) continue;
        for (int k = 1; k <= MOST_DOUBLINGS; k++) {
            double up = exp2(k), down = exp2(-k), scale = 0;
            if (wins_at(x, other, up)) scale = border(x, other, up / 2, up);
            else if (down * (double)elements >= 1 && wins_at(x, other, down)) scale = border(x, other, down * 2, down);
            if (scale == 0 || scale * (double)elements >= 0x1p63) continue;
            x->other = other;
            x->other_elements = (uint64_t)(scale * (double)elements);
            x->other_below = scale < 1;
            return;
        }
    }
}

/* ---- The call ------------------------------------------------------------------------ */

/* Memory is there, files would have to be made. */
static gpuproc_status open_memory(gpuproc_job *job, const gpuproc_output *outputs, size_t count, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t o = 0; o < count; o++) {
        gp_target where = {.kind = GP_TARGET_MEMORY, .fd = -1, .data = outputs[o].data};
        if (outputs[o].kind != GPUPROC_OUTPUT_MEMORY || outputs[o].data == NULL) continue;
        const gp_node *node = &job->program.node[job->target[o].node];
        uint64_t bytes = gp_shape_size(&node->shape) * gpuproc_dtype_bytes(node->dtype);
        if (!node->growing && outputs[o].bytes < bytes) continue;
        GP_TRY(gp_sink_open(&where, bytes, job->session->engine, &job->sink[o], err));
    }
out:
    return st;
}

gpuproc_status gpuproc_explain(gpuproc_session *session, const char *expression, const gpuproc_input *inputs,
                               size_t input_count, const gpuproc_output *outputs, size_t output_count,
                               const gpuproc_job_options *options, gpuproc_explanation **explanation,
                               gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    bool automatic = gp_is_auto(options ? options->device : NULL);
    size_t other;
    if (explanation == NULL) return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "explanation is NULL: nowhere to put it");
    gpuproc_explanation *x = gp_calloc(1, sizeof *x);
    if (x == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an explanation");
    GP_TRY(gp_job_make(session, expression, inputs, input_count, outputs, output_count, options, &x->job, err));
    GP_TRY(open_memory(x->job, outputs, output_count, err));
    GP_TRY(find_candidates(x, automatic, err));
    choose(x, automatic);
    other = second(x);
    const candidate *best = &x->candidate[x->chosen], *next = other != SIZE_MAX ? &x->candidate[other] : NULL;
    gp_predict_reason(x->job, best->device, &best->prediction, next ? next->device : NULL,
                      next ? &next->prediction : NULL, x->reason);
    if (automatic && best->device != x->job->run.cpu && !best->calibrated)
        snprintf(x->reason, sizeof x->reason, "%s", x->job->reason);
    find_border(x);
out:
    if (st == GPUPROC_OK) *explanation = x;
    else gpuproc_explanation_free(x);
    return st;
}

void gpuproc_explanation_free(gpuproc_explanation *x)
{
    if (x == NULL) return;
    for (size_t i = 0; x->candidate != NULL && i < x->candidates; i++) gp_prediction_free(&x->candidate[i].prediction);
    free(x->candidate);
    gpuproc_job_free(x->job);
    free(x);
}

/* ---- Questions ------------------------------------------------------------------------- */

static void fill_stages(const gp_cost *cost, gpuproc_explained_stage stage[GPUPROC_STAGES])
{
    for (int i = 0; i < GPUPROC_STAGES; i++)
        stage[i] = (gpuproc_explained_stage){(uint64_t)cost->ns[i], cost->bytes[i], cost->in_place[i]};
}

void gpuproc_explanation_get(const gpuproc_explanation *x, gpuproc_explained *e)
{
    if (x == NULL || e == NULL || e->struct_size < sizeof *e) return;
    const gp_prediction *p = &x->candidate[x->chosen].prediction;
    *e = (gpuproc_explained){.struct_size = e->struct_size, .passes = x->job->plan.passes, .candidates = x->candidates,
                             .chosen = x->chosen, .calibrated = p->calibrated,
                             .memory_bytes = p->survey.memory_bytes, .budget_bytes = x->job->run.host_budget,
                             .wall_ns = (uint64_t)p->cost.wall_ns, .limit = gp_cost_limit(&p->cost),
                             .threads = gp_cpu_device_threads(x->job->run.cpu), .other = x->other,
                             .other_elements = x->other_elements, .other_below = x->other_below,
                             .product_bytes = p->survey.product_bytes,
                             .product_least_bytes = p->survey.product_least_bytes};
    snprintf(e->reason, sizeof e->reason, "%s", x->reason);
    e->serial_share = fmin(p->all_threads_ns / fmax(p->one_thread_ns, 1), 1);
    e->speedup_left = fmax(p->cost.wall_ns / fmax(p->all_threads_ns, 1), 1);
    fill_stages(&p->cost, e->stage);
}

gpuproc_status gpuproc_explanation_device(const gpuproc_explanation *x, size_t index, gpuproc_explained_device *d,
                                          gpuproc_error *err)
{
    if (x == NULL || d == NULL || d->struct_size < sizeof *d || index >= x->candidates)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "no candidate %zu, or struct_size is not set", index);
    const candidate *c = &x->candidate[index];
    const gp_prediction *p = &c->prediction;
    *d = (gpuproc_explained_device){.struct_size = d->struct_size, .kind = c->device->info.kind,
                                    .calibrated = c->calibrated, .usable = p->used,
                                    .wall_ns = (uint64_t)p->cost.wall_ns, .memory_bytes = p->survey.memory_bytes,
                                    .limit = gp_cost_limit(&p->cost)};
    snprintf(d->device, sizeof d->device, "%s", c->device->info.name);
    snprintf(d->note, sizeof d->note, "%s", p->why_not);
    fill_stages(&p->cost, d->stage);
    return GPUPROC_OK;
}

static char *folds_of(const gp_plan_pass *pass)
{
    gp_text text = {0};
    for (size_t f = 0; f < pass->folds; f++)
        gp_text_add(&text, "%s%s", f > 0 ? ", " : "", gp_op_info_of(pass->fold[f].spec.op)->spelling);
    return text.data;
}

/* The texts of passes are made when first asked for, as spans' are. */
static gpuproc_status name_passes(gpuproc_job *job, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    pthread_mutex_lock(&job->lock);
    if (job->pass_reads == NULL) {
        job->run.trace.limit = 1;
        gp_job_name_spans(job);
    }
    if (job->pass_folds == NULL) job->pass_folds = gp_calloc(job->plan.passes, sizeof *job->pass_folds);
    if (job->pass_reads == NULL || job->pass_writes == NULL || job->pass_folds == NULL)
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for an explanation");
    for (size_t i = 0; st == GPUPROC_OK && i < job->plan.passes; i++) {
        if (job->pass_folds[i] == NULL) job->pass_folds[i] = folds_of(&job->plan.pass[i]);
    }
    pthread_mutex_unlock(&job->lock);
    return st;
}

static const char *or_empty(const char *text) { return text != NULL ? text : ""; }

gpuproc_status gpuproc_explanation_pass(const gpuproc_explanation *x, size_t index, gpuproc_explained_pass *e,
                                        gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    if (x == NULL || e == NULL || e->struct_size < sizeof *e || index >= x->job->plan.passes)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "no pass %zu, or struct_size is not set", index);
    gpuproc_job *job = x->job;
    const gp_plan_pass *pass = &job->plan.pass[index];
    const gp_prediction *p = &x->candidate[x->chosen].prediction;
    const gp_cost_pass *cost = &p->survey.pass[index];
    GP_TRY(name_passes(job, err));
    *e = (gpuproc_explained_pass){.struct_size = e->struct_size, .ndim = pass->pass.shape.ndim,
                                  .elements = pass->pass.count, .chunks = cost->chunks,
                                  .chunk_elements = cost->chunk_elements, .slots = cost->slots,
                                  .in_blocks = cost->in_blocks, .copies = cost->copies, .fortran = pass->backwards,
                                  .reductions = (unsigned)pass->finishes, .resident_bytes = cost->resident_bytes,
                                  .fold_bytes = cost->fold_bytes, .memory_bytes = cost->memory_bytes,
                                  .wall_ns = (uint64_t)p->pass[index].wall_ns, .threads = cost->threads};
    e->rule_wall_ns = p->way != NULL ? (uint64_t)p->way[index].rule_ns : e->wall_ns;
    gp_way_text(p, index, gp_cpu_device_threads(job->run.cpu), e->choice);
    memcpy(e->shape, pass->pass.shape.dim, sizeof e->shape);
    e->reads = or_empty(job->pass_reads[index]);
    e->writes = or_empty(job->pass_writes[index]);
    e->folds = or_empty(job->pass_folds[index]);
    fill_stages(&p->pass[index], e->stage);
out:
    return st;
}

/* ---- Programs --------------------------------------------------------------------------- */

/* What begins after the embedded kernels/: the pass's own part. */
static char *own_part(const gp_cl_source *source)
{
    const char *kernel = strstr(source->text, "__kernel"), *begin = kernel;
    for (const char *next = kernel; next != NULL; next = strstr(next + 1, "__kernel")) begin = next;
    return gp_strdup(begin != NULL ? begin : source->text);
}

char *gpuproc_explanation_program(const gpuproc_explanation *x, gpuproc_program_text kind, size_t index)
{
    gp_text text = {0};
    if (x == NULL || (kind != GPUPROC_PROGRAM_IR && index >= x->job->plan.passes)) return NULL;
    if (kind == GPUPROC_PROGRAM_IR) {
        gp_program_print(&x->job->program, &text);
    } else if (kind == GPUPROC_PROGRAM_CPU) {
        const gp_pass *pass = &x->job->plan.pass[index].pass;
        gp_vec_program vec;
        if (x->candidate[0].prediction.survey.pass[index].copies || pass->count == 0) return NULL;
        if (gp_vec_compile(pass, &vec, NULL) != GPUPROC_OK) return NULL;
        gp_vec_print(pass, &vec, &text);
        gp_vec_free(&vec);
    } else {
        const gp_pass *pass = &x->job->plan.pass[index].pass;
        gp_cl_caps caps = {.fp64 = true, .correctly_rounded_divide_sqrt = true, .denormals_f32 = true};
        gp_cl_source source;
        if (x->candidate[0].prediction.survey.pass[index].copies || pass->count == 0) return NULL;
        if (gp_cl_source_make(pass, &caps, &source, NULL) != GPUPROC_OK) return NULL;
        char *own = own_part(&source);
        gp_cl_source_free(&source);
        return own;
    }
    if (!text.failed) return text.data;
    gp_text_free(&text);
    return NULL;
}
