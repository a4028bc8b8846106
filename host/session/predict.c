/* Calculating what a job would take, and choosing by it. */
#include "session/job.h"

#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "emit/cl_source.h"

#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* ---- One device ------------------------------------------------------------------ */

static unsigned processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Whether the device would do the pass, by what its source needs. */
static bool can_do(const gp_device *device, const gp_cost_pass *pass, char why[256])
{
    gp_cl_caps caps = {.fp64 = device->info.fp64, .correctly_rounded_divide_sqrt = true, .denormals_f32 = true,
                       .is_cpu = device->info.kind == GPUPROC_DEVICE_OPENCL_CPU};
    gp_cl_source source;
    gpuproc_error err = {0};
    if (pass->plan->products) return device->matrix != NULL;
    if (pass->copies || pass->plan->pass.count == 0) return false;
    if (gp_cl_source_make(&pass->plan->pass, &caps, &source, &err) != GPUPROC_OK) {
        snprintf(why, 256, "%.255s", err.message);
        return false;
    }
    gp_cl_source_free(&source);
    return true;
}

typedef struct figures {
    gp_rates rates;
    gp_device_rates device;
} figures;

static figures *find_figures(gpuproc_session *session, const gp_device *device)
{
    figures *f = gp_calloc(1, sizeof *f);
    if (f == NULL) return NULL;
    gp_session_rates(session, &f->rates);
    if (device != NULL) gp_session_device_rates(session, device, &f->device);
    return f;
}

/* Files that become safe at the end, and their bytes. */
static unsigned files_of(const gpuproc_job *job, uint64_t *bytes)
{
    unsigned files = 0;
    uint64_t most = 0; /* what grows seldom comes to what it may */
    for (size_t i = 0; i < job->plan.passes; i++) most = gp_max_u64(most, job->plan.pass[i].pass.count);
    *bytes = 0;
    for (size_t i = 0; i < job->results; i++) {
        const gp_job_result *r = &job->result[i];
        const gp_node *node = &job->program.node[r->result->node];
        if (r->path == NULL || r->to_memory || strcmp(r->path, "-") == 0) continue;
        files++;
        uint64_t elements = gp_shape_size(&node->shape);
        if (node->growing) elements = gp_cost_growing(node->op, elements, most);
        *bytes += elements * gpuproc_dtype_bytes(node->dtype);
    }
    return files;
}

/* What the session pays once, and has not yet. */
static double once(const gpuproc_job *job, const figures *f, const gp_device *device)
{
    double ns = job->first.job ? f->rates.host[GP_RATE_HOST_first_ns] : 0;
    if (job->first.linalg && job->run.linalg != NULL) ns += f->rates.host[GP_RATE_HOST_linalg_ns];
    if (job->first.devices && device != NULL) ns += f->device.value[GP_RATE_DEVICE_open_ns];
    return ns;
}

static gp_cost_machine machine_of(const gpuproc_job *job, const figures *f, const gp_device *device, unsigned threads,
                                  double scale)
{
    return (gp_cost_machine){.rates = &f->rates, .threads = threads, .cores = gp_max_u64(processors(), threads),
                             .sync = job->run.sync, .once_ns = once(job, f, device), .scale = scale};
}

bool gp_job_waits_for_nothing(const gpuproc_job *job, const gp_prediction *p)
{
    if (!p->calibrated || job->by_rule || job->devices != 1) return false;
    for (size_t i = 0; i < p->survey.passes; i++) {
        if (p->on_device[i]) return false;
    }
    for (size_t s = 0; s < job->plan.storeds; s++) {
        if (!p->survey.store_in_memory[s]) return false;
    }
    for (size_t i = 0; i < job->program.inputs; i++) {
        if (job->plan.input_reads[i] > 0 && job->origin[i].kind != GP_ORIGIN_MEMORY) return false;
    }
    for (size_t i = 0; i < job->results; i++) {
        if (job->result[i].path != NULL && !job->result[i].to_memory) return false;
    }
    return true;
}

/* So small that a thread of its own would take longer to start than the job takes (job.c). */
static bool needs_no_thread(const gpuproc_job *job, const gp_prediction *p, const gp_cost_machine *machine, double work_ns)
{
    if (work_ns > GP_CHOOSE_SMALL_NS || !gp_job_waits_for_nothing(job, p)) return false;
    for (size_t i = 0; i < p->survey.passes; i++) {
        const gp_cost_pass *pass = &p->survey.pass[i];
        if (pass->plan->pass.count > 0 && !gp_cost_is_here(pass, machine)) return false;
    }
    return true;
}

/* `as_chosen`: with as many threads as each pass takes, at most. Whether it needs no thread of its own. */
static bool calculate(const gpuproc_job *job, const figures *f, const gp_device *device, const gp_prediction *p,
                      unsigned threads, bool as_chosen, double scale, gp_cost *each, gp_cost *sum)
{
    uint64_t bytes;
    unsigned files = files_of(job, &bytes);
    gp_cost_machine m = machine_of(job, f, device, threads, scale);
    *sum = (gp_cost){0};
    for (size_t i = 0; i < p->survey.passes; i++) {
        m.device = device != NULL && p->on_device[i] ? &f->device : NULL;
        m.shares = device != NULL && device->in_place;
        gp_cost own = {0};
        gp_cost_pass pass = p->survey.pass[i];
        if (!as_chosen) pass.threads = 0;
        (void)gp_cost_of_pass(&pass, &m, &own);
        if (each != NULL) each[i] = own;
        for (int k = 0; k < GPUPROC_STAGES; k++) {
            sum->ns[k] += own.ns[k];
            sum->bytes[k] += own.bytes[k];
            sum->in_place[k] += own.in_place[k];
        }
        sum->wall_ns += own.wall_ns;
        sum->compute_ns += own.compute_ns;
        sum->memory_ns += own.memory_ns;
        sum->multiply_ns += own.multiply_ns;
        sum->device_ns += own.device_ns;
    }
    uint64_t spooled = 0;
    for (size_t i = 0; i < job->program.inputs; i++) {
        if (p->survey.spooled[i]) spooled += job->origin[i].count * gpuproc_dtype_bytes(job->origin[i].dtype);
    }
    m.device = NULL;
    m.own_thread = !as_chosen || device != NULL || !needs_no_thread(job, p, &m, sum->wall_ns);
    gp_cost_of_job(&m, files, bytes, spooled, sum);
    return !m.own_thread;
}

static gpuproc_status survey(gpuproc_job *job, gp_device *device, const gp_choice *choice, gp_survey *survey,
                             gpuproc_error *err)
{
    const gp_run *r = &job->run;
    gp_run run = {.plan = r->plan, .engine = r->engine, .cpu = r->cpu, .device = &device, .devices = 1,
                  .device_lock = r->device_lock, .linalg = r->linalg, .source = r->source, .sink = r->sink,
                  .room = r->room, .host_budget = r->host_budget, .chunk_bytes = r->chunk_bytes, .slots = r->slots,
                  .threads = r->threads, .choice = choice, .sync = r->sync, .value = r->value};
    gpuproc_status st = gp_run_survey(&run, survey, err);
    gp_trace_free(&run.trace);
    return st;
}

static bool other_chunks(const gp_prediction *p)
{
    for (size_t i = 0; i < p->survey.passes; i++) {
        if (p->choice[i].slots != 0 || p->choice[i].chunk_elements != 0) return true;
    }
    return false;
}

/* As the model would have it, where it may choose: surveyed anew where chunks are others, so that what is told is
 * what will be done. */
static gpuproc_status choose_ways(gpuproc_job *job, const figures *f, gp_device *device, unsigned threads,
                                  gp_prediction *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_survey chosen = {0};
    bool any = false;
    gp_cost_machine m = machine_of(job, f, device, threads, 1);
    if (job->by_rule || !p->calibrated || job->devices > 1) return GPUPROC_OK;
    GP_TRY(gp_choose_ways(job, &m, &f->device, p, &any, err));
    if (!any) return GPUPROC_OK;
    for (size_t i = 0; i < p->survey.passes; i++) {
        if (p->choice[i].threads != 0) p->survey.pass[i].threads = p->choice[i].threads;
    }
    if (!other_chunks(p)) return GPUPROC_OK;
    GP_TRY(survey(job, device != NULL ? device : job->run.cpu, p->choice, &chosen, err));
    for (size_t i = 0; i < chosen.passes; i++) {
        chosen.pass[i].op_ns = p->survey.pass[i].op_ns;
        chosen.pass[i].device_op_ns = p->survey.pass[i].device_op_ns;
    }
    gp_survey_free(&p->survey);
    p->survey = chosen;
out:
    return st;
}

gpuproc_status gp_predict(gpuproc_job *job, gp_device *device, gp_prediction *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_device *cpu = gp_registry_cpu(job->session->registry);
    figures *f = NULL;
    gp_cost cost;
    *p = (gp_prediction){0};
    if (device == cpu) device = NULL;
    f = find_figures(job->session, device);
    p->pass = gp_calloc(job->plan.passes, sizeof *p->pass);
    p->on_device = gp_calloc(job->plan.passes, sizeof *p->on_device);
    if (f == NULL || p->pass == NULL || p->on_device == NULL) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a prediction");
        goto out;
    }
    GP_TRY(survey(job, device != NULL ? device : cpu, NULL, &p->survey, err));
    p->used = device == NULL;
    for (size_t i = 0; i < p->survey.passes; i++) {
        p->on_device[i] = device != NULL && can_do(device, &p->survey.pass[i], p->why_not);
        p->used = p->used || p->on_device[i];
        if (job->plan.pass[i].pass.count > 0)
            GP_TRY(gp_cost_ops(&f->rates, device != NULL ? &f->device : NULL, &p->survey.pass[i], err));
    }
    unsigned threads = gp_cpu_device_threads(cpu);
    p->calibrated = f->rates.measured && (device == NULL || f->device.measured);
    GP_TRY(choose_ways(job, f, device, threads, p, err));
    calculate(job, f, device, p, 1, false, 1, NULL, &cost);
    p->one_thread_ns = cost.wall_ns;
    calculate(job, f, device, p, 1000000, false, 1, NULL, &cost);
    p->all_threads_ns = cost.wall_ns;
    p->no_thread = calculate(job, f, device, p, threads, true, 1, p->pass, &p->cost);
    p->computing = p->cost.compute_ns >= p->cost.memory_ns;
    p->made = true;
out:
    free(f);
    if (st != GPUPROC_OK) gp_prediction_free(p);
    return st;
}

void gp_prediction_free(gp_prediction *p)
{
    gp_survey_free(&p->survey);
    free(p->pass);
    free(p->on_device);
    free(p->choice);
    free(p->way);
    *p = (gp_prediction){0};
}

double gp_predict_scaled(gpuproc_job *job, gp_device *device, const gp_prediction *p, double scale)
{
    gp_device *cpu = gp_registry_cpu(job->session->registry);
    gp_cost cost;
    if (device == cpu) device = NULL;
    figures *f = find_figures(job->session, device);
    if (f == NULL) return p->cost.wall_ns;
    calculate(job, f, device, p, gp_cpu_device_threads(cpu), true, scale, NULL, &cost);
    free(f);
    return cost.wall_ns;
}

/* ---- Why -------------------------------------------------------------------------- */

static const char *kind_of_work(const gp_plan *plan)
{
    bool product = false, matrix = false, fold = false, reduce = false;
    for (size_t i = 0; i < plan->passes; i++) {
        product = product || plan->pass[i].products;
        reduce = reduce || plan->pass[i].pass.reduces > 0;
        for (size_t f = 0; f < plan->pass[i].folds; f++) {
            gp_op op = plan->pass[i].fold[f].spec.op;
            matrix = matrix || (op >= GP_OP_GRAM && op <= GP_OP_QR);
            fold = fold || op != GP_OP_STORE;
        }
    }
    return product ? "a product of matrices" : matrix ? "linear algebra" : fold ? "work in order"
           : reduce ? "a reduction" : "element-wise work";
}

static const char *limit_of(const gp_prediction *p)
{
    bool disk = false;
    if (p->cost.multiply_ns > p->cost.ns[gp_cost_limit(&p->cost)] / 2) return "multiplying";
    switch (gp_cost_limit(&p->cost)) {
    case GPUPROC_STAGE_READ:
        for (size_t i = 0; i < p->survey.passes; i++) {
            const gp_cost_pass *pass = &p->survey.pass[i];
            for (size_t k = 0; pass->input != NULL && k < pass->plan->pass.inputs; k++)
                disk = disk || pass->input[k].from == GP_FROM_DISK;
            disk = disk || (pass->product_bytes > 0 && pass->product_from == GP_FROM_DISK);
        }
        return disk ? "the disk" : "reading";
    case GPUPROC_STAGE_UPLOAD:
    case GPUPROC_STAGE_DOWNLOAD: return "the way to the device";
    case GPUPROC_STAGE_KERNEL: return p->computing ? "computing" : "memory";
    case GPUPROC_STAGE_FOLD: return "what goes in order";
    case GPUPROC_STAGE_WRITE: return "writing";
    case GPUPROC_STAGE_COMMIT: return "making the result safe on the disk";
    case GPUPROC_STAGE_PROGRAM: return "compiling";
    case GPUPROC_STAGE_SPOOL: return "keeping what comes through a pipe";
    default: return "what any job costs";
    }
}

static void size_text(double bytes, char text[32])
{
    const char *unit = bytes >= 1e9 ? "GB" : bytes >= 1e6 ? "MB" : bytes >= 1e3 ? "kB" : "bytes";
    double value = bytes >= 1e9 ? bytes / 1e9 : bytes >= 1e6 ? bytes / 1e6 : bytes >= 1e3 ? bytes / 1e3 : bytes;
    snprintf(text, 32, "%.*f %s", value < 10 && bytes >= 1e3 ? 1 : 0, value, unit);
}

static const char *short_name(const gp_device *device, const char *cpu)
{
    if (device->info.kind == GPUPROC_DEVICE_CPU) return cpu;
    return device->info.kind == GPUPROC_DEVICE_OPENCL_GPU ? "the GPU" : device->info.name;
}

void gp_predict_reason(const gpuproc_job *job, const gp_device *best, const gp_prediction *p,
                       const gp_device *other, const gp_prediction *others, char reason[256])
{
    char bytes[32], why[128] = "";
    size_text((double)(p->cost.bytes[GPUPROC_STAGE_READ] + p->cost.bytes[GPUPROC_STAGE_WRITE]), bytes);
    double waits = others != NULL ? 1 - others->cost.device_ns / fmax(others->cost.wall_ns, 1) : 0;
    if (other != NULL && others != NULL && best->info.kind == GPUPROC_DEVICE_CPU && waits > 0.5) {
        snprintf(why, sizeof why, "; %.60s would wait for %.0f %% of the time", short_name(other, "the CPU"),
                 100 * fmax(waits, 0));
    } else if (other != NULL && others != NULL) {
        snprintf(why, sizeof why, "; %.60s would take %.3g times as long", short_name(other, "the CPU"),
                 others->cost.wall_ns / fmax(p->cost.wall_ns, 1));
    }
    snprintf(reason, 256, "%s on %s is limited by %s%s: %.80s", kind_of_work(&job->plan), bytes, limit_of(p), why,
             short_name(best, "CPU"));
}

/* ---- Choosing --------------------------------------------------------------------- */

/* The prediction for the job's device becomes the job's, with the ways that it chose. */
static void keep_prediction(gpuproc_job *job, gp_prediction *p)
{
    gp_prediction_free(&job->predicted);
    job->predicted = *p;
    job->run.choice = job->predicted.choice;
    *p = (gp_prediction){0};
}

void gp_job_predict(gpuproc_job *job, bool keep)
{
    gp_prediction p = {0};
    if (!keep && (job->by_rule || job->devices != 1 || !gp_session_is_measured(job->session))) return;
    if (gp_predict(job, job->devices > 0 ? job->device[0] : NULL, &p, NULL) == GPUPROC_OK) keep_prediction(job, &p);
}

static bool ends_before(gpuproc_job *job, gp_device *cpu, double ns)
{
    gp_prediction p;
    if (job->device[0] != cpu || gp_predict(job, cpu, &p, NULL) != GPUPROC_OK) return false;
    bool before = p.calibrated && p.cost.wall_ns <= ns;
    gp_prediction_free(&p);
    return before;
}

gpuproc_status gp_job_choose(gpuproc_job *job, bool keep, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gpuproc_session *session = job->session;
    gp_prediction best = {0}, other = {0}, loser = {0};
    gp_device *chosen = gp_registry_cpu(session->registry), *second = NULL;
    double least = gp_session_any_device_rates(session);
    size_t count = 0, measured = 0;
    /* No device was ever measured here, or the CPU will have ended before there is one: what the rule of thumb said
     * stays, and OpenCL need not be loaded. */
    bool others = least > 0 && !(job->first.devices && ends_before(job, chosen, least));
    gp_device *const *device = others ? gp_registry_all(session->registry, &count) : NULL;
    for (size_t d = 1; d < count; d++) {
        gp_device_rates rates;
        gp_session_device_rates(session, device[d], &rates);
        measured += rates.measured;
    }
    if (measured == 0) {
        gp_job_predict(job, keep);
        return GPUPROC_OK;
    }
    if (gp_predict(job, chosen, &best, NULL) != GPUPROC_OK) return GPUPROC_OK;
    if (!best.calibrated) { /* guesses are not compared with measurements */
        gp_prediction_free(&best);
        gp_job_predict(job, keep);
        return GPUPROC_OK;
    }
    for (size_t d = 1; d < count; d++) {
        gp_device_rates rates;
        gp_session_device_rates(session, device[d], &rates);
        if (!rates.measured || gp_predict(job, device[d], &other, NULL) != GPUPROC_OK) continue;
        bool wins = other.used && other.cost.wall_ns < best.cost.wall_ns;
        gp_prediction *worse = wins ? &best : &other;
        if (other.used && (second == NULL || worse->cost.wall_ns < loser.cost.wall_ns)) {
            gp_prediction_free(&loser);
            loser = *worse;
            second = wins ? chosen : device[d];
            *worse = (gp_prediction){0};
        }
        gp_prediction_free(worse);
        if (wins) {
            best = other;
            chosen = device[d];
        }
        other = (gp_prediction){0};
    }
    if (second != NULL) gp_predict_reason(job, chosen, &best, second, &loser, job->reason);
    if (chosen != job->device[0]) {
        gp_device **list = gp_calloc(1, sizeof(gp_device *));
        if (list == NULL) {
            st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a list of devices");
            goto out;
        }
        list[0] = chosen;
        free(job->device);
        job->device = list;
        job->devices = 1;
        job->run.device = list;
        job->run.devices = 1;
    }
out:
    gp_prediction_free(&loser);
    gp_prediction_free(&other);
    if (st == GPUPROC_OK) keep_prediction(job, &best);
    gp_prediction_free(&best);
    return st;
}
