/* Which result goes where. */
#include "base/memory.h"
#include "format/npy.h"
#include "session/job.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const gp_node *node_of(const gpuproc_job *job, const gp_job_result *r)
{
    return &job->program.node[r->result->node];
}

/* A result that the caller wants although nothing says where it goes: the last word
 * on a name, or a bare expression. */
static bool is_final(const gp_job_result *r) { return !r->result->named || !r->result->used; }

static gp_job_result *by_name(gpuproc_job *job, const char *name)
{
    for (size_t i = 0; i < job->results; i++) {
        if (job->result[i].result->named && strcmp(job->result[i].result->name, name) == 0)
            return &job->result[i];
    }
    return NULL;
}

/* The result of an output without a name: the only final array, or the only final result. */
static gp_job_result *the_only(gpuproc_job *job, size_t *arrays)
{
    gp_job_result *array = NULL, *any = NULL;
    size_t all = 0;
    *arrays = 0;
    for (size_t i = 0; i < job->results; i++) {
        gp_job_result *r = &job->result[i];
        if (!is_final(r)) continue;
        all++;
        any = r;
        if (node_of(job, r)->shape.ndim == 0) continue;
        ++*arrays;
        array = r;
    }
    if (*arrays == 1) return array;
    return *arrays == 0 && all == 1 ? any : NULL;
}

static gpuproc_status find_result(gpuproc_job *job, const gpuproc_output *output,
                                  gp_job_result **found, gpuproc_error *err)
{
    size_t arrays;
    *found = output->name != NULL ? by_name(job, output->name) : the_only(job, &arrays);
    if (*found != NULL && (*found)->target != SIZE_MAX)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "result '%.100s' has two outputs",
                       (*found)->result->name);
    if (*found != NULL) return GPUPROC_OK;
    if (output->name != NULL)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "no result is named '%.100s': assign it in the expression, %.100s = ...",
                       output->name, output->name);
    return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                   "an output without a name takes the only array result, but the expression has "
                   "%zu: name them, -o NAME=FILE",
                   arrays);
}

static void add_target(gpuproc_job *job, gp_job_result *r, bool has_output)
{
    const gp_node *node = node_of(job, r);
    r->target = job->targets;
    /* Only the header of an .npy file can tell of another order. */
    job->target[job->targets++] = (gp_plan_target){
        .node = r->result->node, .scalar = !has_output && node->uniform && node->shape.ndim == 0,
        .c_order = !r->npy, .in_order = gp_job_to_stream(r)};
}

gpuproc_status gp_job_bind_outputs(gpuproc_job *job, const gpuproc_output *outputs, size_t count,
                                   gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    job->results = job->program.results;
    job->result = gp_calloc(job->results, sizeof *job->result);
    job->target = gp_calloc(job->results, sizeof *job->target);
    job->sink = gp_calloc(job->results, sizeof *job->sink);
    job->shown = gp_calloc(job->results, sizeof *job->shown);
    job->length = gp_calloc(job->results, sizeof *job->length);
    job->room = gp_calloc(job->results, sizeof *job->room);
    if (job->length == NULL || job->room == NULL || job->result == NULL || job->target == NULL || job->sink == NULL || job->shown == NULL)
        return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for results");
    for (size_t i = 0; i < job->results; i++) {
        job->length[i] = job->room[i] = UINT64_MAX;
        job->result[i] = (gp_job_result){.result = &job->program.result[i], .target = SIZE_MAX};
    }
    for (size_t o = 0; o < count; o++) {
        gp_job_result *r = NULL;
        if ((unsigned)outputs[o].kind > GPUPROC_OUTPUT_MEMORY)
            return gp_fail(err, GPUPROC_INVALID_ARGUMENT, "output %zu: kind %d does not exist", o,
                           (int)outputs[o].kind);
        GP_TRY(find_result(job, &outputs[o], &r, err));
        r->to_memory = outputs[o].kind == GPUPROC_OUTPUT_MEMORY;
        r->npy = outputs[o].kind == GPUPROC_OUTPUT_NPY;
        if (outputs[o].path != NULL && !r->to_memory) {
            r->path = gp_strdup(outputs[o].path);
            if (r->path == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for results");
        }
        add_target(job, r, true);
    }
    for (size_t i = 0; i < job->results; i++) {
        gp_job_result *r = &job->result[i];
        const gp_node *node = node_of(job, r);
        if (r->target != SIZE_MAX || !is_final(r)) continue;
        if (node->shape.ndim > 0) {
            char shape[160];
            return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                           "result '%.100s' is an array, %s %s%s: say where it goes, %s%.100s%sFILE.npy",
                           r->result->name, gpuproc_dtype_name(node->dtype),
                           node->growing ? "of at most " : "", gp_shape_text(&node->shape, shape, sizeof shape), "-o ",
                           r->result->named ? r->result->name : "", r->result->named ? "=" : "");
        }
        add_target(job, r, false);
    }
    for (size_t i = 0, n = 0; i < job->results; i++) {
        if (job->result[i].target != SIZE_MAX) job->shown[n++] = &job->result[i];
    }
out:
    return st;
}

/* ---- Sinks ---------------------------------------------------------------- */

gpuproc_status gp_job_make_header(const gpuproc_job *job, const gp_job_result *r,
                                  const gp_shape *shape, gp_text *header, gpuproc_error *err)
{
    if (!r->npy) return GPUPROC_OK;
    gpuproc_status st = gp_npy_make_header(node_of(job, r)->dtype, shape,
                                           job->plan.target_fortran[r->target], header);
    if (st == GPUPROC_OK && header->failed) st = GPUPROC_NO_MEMORY;
    if (st == GPUPROC_OK) return st;
    return gp_fail(err, st, "cannot make a header: %s", gpuproc_status_text(st));
}

/* The caller's buffer: how much of it there is shows a growing result only in the end. */
static gpuproc_status check_buffer(const gpuproc_output *output, const gp_node *node, uint64_t bytes,
                                   gpuproc_error *err)
{
    size_t align = (size_t)gp_min_u64(gpuproc_dtype_bytes(node->dtype), 8);
    uint64_t capacity = output->data == NULL ? 0 : output->bytes;
    if (capacity < bytes && !node->growing)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "the buffer for the result has %" PRIu64 " bytes, %" PRIu64 " are needed", capacity,
                       bytes);
    if (capacity > 0 && (uintptr_t)output->data % align != 0)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "the buffer for the result is not aligned to its dtype, %s",
                       gpuproc_dtype_name(node->dtype));
    return GPUPROC_OK;
}

static gpuproc_status open_sink(gpuproc_job *job, const gpuproc_output *output, gp_job_result *r,
                                bool overwrite, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_node *node = node_of(job, r);
    uint64_t bytes = gp_shape_size(&node->shape) * gpuproc_dtype_bytes(node->dtype);
    gp_text header = {0};
    gp_target where = {.kind = GP_TARGET_FILE, .path = output->path, .fd = -1, .overwrite = overwrite,
                       .growing = node->growing};
    if (output->kind == GPUPROC_OUTPUT_MEMORY) {
        GP_TRY(check_buffer(output, node, bytes, err));
        job->room[r->target] = output->data == NULL ? 0 : output->bytes;
        bytes = gp_min_u64(bytes, job->room[r->target]);
        where.kind = GP_TARGET_MEMORY;
        where.data = output->data;
    } else if (output->path == NULL || output->path[0] == '\0') {
        st = gp_fail(err, GPUPROC_INVALID_ARGUMENT, "an output file needs a path");
        goto out;
    } else if (gp_job_goes_late(r, node)) {
        r->late = true;
        where = (gp_target){.kind = GP_TARGET_SPOOL, .fd = -1, .growing = true};
    } else if (strcmp(output->path, "-") == 0) {
        where.kind = GP_TARGET_STREAM;
        where.fd = STDOUT_FILENO;
    }
    if (!r->late) {
        GP_TRY(gp_job_make_header(job, r, &node->shape, &header, err));
        where.header = header.data;
        where.header_bytes = header.length;
    }
    GP_TRY(gp_sink_open(&where, bytes, job->session->engine, &job->sink[r->target], err));
out:
    gp_text_free(&header);
    return st;
}

static gp_job_result *result_of(gpuproc_job *job, size_t target)
{
    for (size_t i = 0; i < job->results; i++) {
        if (job->result[i].target == target) return &job->result[i];
    }
    return NULL;
}

gpuproc_status gp_job_open_sinks(gpuproc_job *job, const gpuproc_output *outputs, size_t count,
                                 bool overwrite, gpuproc_error *err)
{
    /* Targets were added in the order of the outputs, before those without one. */
    for (size_t o = 0; o < count; o++) {
        gpuproc_status st = open_sink(job, &outputs[o], result_of(job, o), overwrite, err);
        if (st != GPUPROC_OK) return st;
        for (size_t k = 0; k < o; k++) {
            if (!gp_sink_same_file(job->sink[k], job->sink[o])) continue;
            return gp_fail_where(err, GPUPROC_INVALID_ARGUMENT, outputs[o].path,
                                 "two results cannot go to the same file, %.200s", outputs[o].path);
        }
    }
    return GPUPROC_OK;
}
