/* Results whose length depends on the data. What can be made shorter in the end (a file, memory) gets its
 * length then; a stream gets header and data when both are known, from a file without a name. */
#include "base/memory.h"
#include "io/target_path.h"
#include "session/job.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((uint64_t)4 << 20)

bool gp_job_goes_late(const gp_job_result *r, const gp_node *node)
{
    struct stat now;
    if (!node->growing || r->path == NULL) return false;
    if (strcmp(r->path, "-") == 0 || gp_target_descriptor(r->path) >= 0) return true;
    return stat(r->path, &now) == 0 && !S_ISREG(now.st_mode) && !S_ISDIR(now.st_mode);
}

static void shape_of_length(const gp_node *node, uint64_t length, gp_shape *shape)
{
    uint64_t row = 1;
    *shape = node->shape;
    for (int d = 1; d < shape->ndim; d++) row *= (uint64_t)shape->dim[d];
    shape->dim[0] = row > 0 ? (int64_t)(length / row) : 0;
}

void gp_job_result_shape(const gpuproc_job *job, const gp_job_result *r, gp_shape *shape)
{
    const gp_node *node = &job->program.node[r->result->node];
    *shape = node->shape;
    if (!node->growing || atomic_load(&job->end_ns) == 0) return;
    uint64_t length = job->length[r->target];
    if (length != UINT64_MAX) shape_of_length(node, length, shape);
}

/* Opened only now: its header comes first and has the length. */
static gpuproc_status copy_to_stream(gpuproc_job *job, gp_job_result *r, const gp_shape *shape,
                                     const gp_text *header, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_dtype dtype = job->program.node[r->result->node].dtype;
    size_t item = gpuproc_dtype_bytes(dtype);
    uint64_t count = gp_shape_size(shape), step = PIECE_BYTES / item;
    bool standard = strcmp(r->path, "-") == 0;
    gp_target target = {.kind = standard ? GP_TARGET_STREAM : GP_TARGET_FILE, .path = r->path,
                        .fd = standard ? STDOUT_FILENO : -1, .header = header->data,
                        .header_bytes = header->length};
    gp_origin origin = {.fd = -1};
    gp_sink *stream = NULL;
    gp_source *source = NULL;
    size_t bytes = (size_t)(step * item) + GP_STAGING_SLACK;
    void *pages = gp_pages_alloc(bytes);
    if (pages == NULL || !gp_sink_origin(job->sink[r->target], dtype, shape, &origin)) {
        st = gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a result");
        goto out;
    }
    GP_TRY(gp_source_open(&origin, job->session->engine, true, &source, err));
    GP_TRY(gp_sink_open(&target, count * item, job->session->engine, &stream, err));
    for (uint64_t first = 0; first < count; first += step) {
        gp_read read = {.source = source, .first = first, .count = gp_min_u64(step, count - first),
                        .buffer = pages};
        GP_TRY(gp_run_read(&job->run, &read, read.count * item, err));
        gp_write write = {.sink = stream, .offset = first * item, .data = read.data,
                          .bytes = (size_t)read.count * item};
        GP_TRY(gp_run_write(&job->run, &write, err));
        if (!atomic_load(&job->run.cancelled)) continue;
        st = gp_fail(err, GPUPROC_CANCELLED, "cancelled");
        goto out;
    }
    GP_TRY(gp_sink_commit(stream, err));
out:
    if (source != NULL) gp_source_close(source);
    if (stream != NULL) gp_sink_close(stream);
    free(origin.path);
    gp_pages_free(pages, bytes);
    return st;
}

static gpuproc_status end_one(gpuproc_job *job, gp_job_result *r, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    const gp_node *node = &job->program.node[r->result->node];
    uint64_t length = job->length[r->target];
    gp_text header = {0};
    gp_shape shape;
    if (length == UINT64_MAX)
        return gp_fail(err, GPUPROC_INTERNAL, "a growing result has no length in the end");
    shape_of_length(node, length, &shape);
    uint64_t bytes = length * gpuproc_dtype_bytes(node->dtype), room = job->room[r->target];
    if (bytes > room)
        return gp_fail(err, GPUPROC_INVALID_ARGUMENT,
                       "the buffer for the result has %" PRIu64 " bytes, %" PRIu64 " are needed", room, bytes);
    GP_TRY(gp_job_make_header(job, r, &shape, &header, err));
    GP_TRY(gp_sink_set_length(job->sink[r->target], bytes, r->late ? NULL : header.data, err));
    if (!r->late) goto out;
    GP_TRY(copy_to_stream(job, r, &shape, &header, err));
    gp_sink_close(job->sink[r->target]);
    job->sink[r->target] = NULL;
out:
    gp_text_free(&header);
    return st;
}

gpuproc_status gp_job_end_growing(gpuproc_job *job, gpuproc_error *err)
{
    for (size_t i = 0; i < job->results; i++) {
        gp_job_result *r = &job->result[i];
        if (r->target == SIZE_MAX || !job->program.node[r->result->node].growing) continue;
        gpuproc_status st = end_one(job, r, err);
        if (st != GPUPROC_OK) return st;
    }
    return GPUPROC_OK;
}
