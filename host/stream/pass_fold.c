/* The folds of a pass: made and fed on the host, whatever computes the pieces. One thread takes the chunks
 * in order and shares the work among the CPU's workers, so that the loop need not wait for it. */
#include "stream/run_pass.h"

#include "base/clock.h"
#include "base/memory.h"
#include "device/cpu/cpu_device.h"
#include "io/crew.h"

#include <fenv.h>
#include <inttypes.h>

/* Small chunks of a pass of many arrays still fit into this. */
#define ENOUGH_FOR_CHUNKS ((uint64_t)2 << 20)

/* A result in memory that is larger is larger than the caches that would hold it. */
#define FAR_BYTES ((uint64_t)32 << 20)

/* ---- The thread ------------------------------------------------------------- */

/* Where the fold's next elements, at most `room`, can be written where they belong; NULL: nowhere. */
static void *place_of(const gp_pass_fold *fold, uint64_t room)
{
    const gp_plan_fold *plan = fold->plan;
    uint64_t item = gpuproc_dtype_bytes(plan->spec.dtype), given = gp_fold_given(fold->fold), end;
    if (!gp_add_u64(given, room, &end) || end > gp_shape_size(&plan->spec.result)) return NULL;
    uint64_t from = (plan->first + given) * item;
    for (int k = 0; k < 2; k++) {
        void *place = NULL;
        if (fold->sink[k] != NULL && (plan->first + end) * item <= fold->room[k])
            place = gp_sink_place(fold->sink[k], from);
        if (place != NULL && (uintptr_t)place % item == 0) return place;
    }
    return NULL;
}

/* Gives the slot's chunk to every fold that wants it. */
static gpuproc_status take(gp_pass_slot *slot, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    gp_pass_run *p = slot->pass;
    for (size_t f = 0; f < p->folds; f++) {
        gp_pass_fold *fold = &p->fold[f];
        gp_fold_piece *piece = &slot->piece[f];
        *piece = (gp_fold_piece){.first = slot->first, .count = slot->count};
        if (!fold->fed) continue;
        for (int k = 0; k < fold->plan->spec.operands; k++)
            piece->operand[k] = slot->output[fold->plan->output[k]];
        uint64_t room = gp_fold_room(fold->fold, p->chunk_elements);
        if (room > 0) piece->out = place_of(fold, gp_fold_room(fold->fold, slot->count));
        if (piece->out != NULL) {
            /* It goes to its place at once. */
            piece->far = gp_shape_size(&fold->plan->spec.result) > FAR_BYTES / gpuproc_dtype_bytes(fold->plan->spec.dtype);
        } else if (fold->in_place) {
            piece->out = slot->output[fold->plan->output[0]];
        } else if (room > 0) {
            piece->out = gp_pass_staging(NULL, &slot->fold_out[f], room, fold->plan->spec.dtype);
            if (piece->out == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for staging");
        }
        GP_TRY(gp_fold_take(fold->fold, piece, err));
    }
out:
    return st;
}

static void *work(void *arg)
{
    gp_pass_run *p = arg;
    gp_folder *folder = &p->folder;
    gpuproc_error failure = {0};
    fesetenv(FE_DFL_ENV); /* as the workers */
    pthread_mutex_lock(&folder->lock);
    for (;;) {
        while (folder->first == NULL && !folder->stop) pthread_cond_wait(&folder->wake, &folder->lock);
        gp_pass_slot *slot = folder->first;
        if (slot == NULL) break;
        folder->first = slot->next_to_fold;
        pthread_mutex_unlock(&folder->lock);
        uint64_t begin = gp_now_ns();
        /* No piece behind one that is missing. */
        if (failure.status == GPUPROC_OK) failure.status = take(slot, &failure);
        slot->fold.span.begin_ns = begin;
        slot->fold.span.end_ns = gp_now_ns();
        slot->fold.folded = failure;
        gp_mailbox_post(&p->run->box, &slot->fold.mail);
        pthread_mutex_lock(&folder->lock);
    }
    pthread_mutex_unlock(&folder->lock);
    return NULL;
}

gp_step gp_pass_start_fold(void *ctx, unsigned index, uint64_t chunk)
{
    (void)chunk;
    gp_pass_run *p = ctx;
    gp_pass_slot *slot = &p->slot[index];
    gp_folder *folder = &p->folder;
    slot->pending = 1;
    slot->failed = false;
    slot->next_to_fold = NULL;
    pthread_mutex_lock(&folder->lock);
    if (folder->first == NULL) folder->first = slot;
    else folder->last->next_to_fold = slot;
    folder->last = slot;
    pthread_cond_signal(&folder->wake);
    pthread_mutex_unlock(&folder->lock);
    return GP_STEP_STARTED;
}

bool gp_pass_fold_ended(gp_pass_slot *slot, gp_operation *op)
{
    gp_pass_trace_folded(slot, op->span);
    if (op->folded.status != GPUPROC_OK) gp_pass_keep_error(slot->pass, &op->folded);
    return op->folded.status == GPUPROC_OK;
}

static gpuproc_status start_folder(gp_pass_run *p, gpuproc_error *err)
{
    gp_folder *folder = &p->folder;
    pthread_mutex_init(&folder->lock, NULL);
    pthread_cond_init(&folder->wake, NULL);
    int refused = gp_io_thread_start(&folder->thread, work, p);
    folder->made = refused == 0;
    if (folder->made) return GPUPROC_OK;
    pthread_cond_destroy(&folder->wake);
    pthread_mutex_destroy(&folder->lock);
    return gp_fail_errno(err, GPUPROC_NO_MEMORY, refused, NULL, "cannot start a thread that folds");
}

/* ---- Making and freeing --------------------------------------------------- */

/* Whether the fold may write over its operand: nobody else wants it, and it is ours. */
static bool may_overwrite(const gp_pass_run *p, size_t f)
{
    const gp_plan_fold *plan = p->fold[f].plan;
    size_t o = plan->output[0];
    if (!gp_fold_in_place(p->fold[f].fold) || p->input_of[o] != SIZE_MAX ||
        p->plan_pass->output_target[o] != SIZE_MAX)
        return false;
    if (gpuproc_dtype_bytes(plan->spec.operand[0]) != gpuproc_dtype_bytes(plan->spec.dtype)) return false;
    for (size_t k = 0; k < p->folds; k++) {
        for (int a = 0; a < p->fold[k].plan->spec.operands; a++) {
            if ((k != f || a != 0) && p->fold[k].plan->output[a] == o) return false;
        }
    }
    return true;
}

static void find_sinks(const gp_pass_run *p, gp_pass_fold *fold)
{
    const gp_run *run = p->run;
    const gp_plan_fold *plan = fold->plan;
    fold->room[0] = fold->room[1] = UINT64_MAX;
    if (plan->target != SIZE_MAX) {
        fold->sink[0] = run->sink[plan->target];
        if (run->room != NULL) fold->room[0] = run->room[plan->target];
    }
    if (plan->array >= 0) fold->sink[1] = run->store[(size_t)plan->array - run->plan->program->inputs].sink;
}

/* Folds that do better with more than they need: fewer repetitions, more distinct values, more workers at once. */
static bool wants_more(const gp_fold_spec *spec)
{
    switch (spec->op) {
    case GP_OP_QUANTILE:
    case GP_OP_NANQUANTILE:
    case GP_OP_UNIQUE:
    case GP_OP_UNIQUE_COUNTS:
    case GP_OP_BINCOUNT: return true;
#define X(name, kinds) case GP_OP_##name:
    GP_OPS_MATRIX_FOLD(X) return true;
#undef X
    default: return false;
    }
}

bool gp_pass_folds_are_quick(const gp_pass_run *p)
{
    for (size_t f = 0; f < p->plan_pass->folds; f++) {
        if (wants_more(&p->plan_pass->fold[f].spec)) return false;
    }
    return true;
}

gpuproc_status gp_pass_folds_make(gp_pass_run *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t folds = p->plan_pass->folds;
    uint64_t left = gp_pass_budget(p), least = 0, wanting = 0;
    if (folds == 0) return GPUPROC_OK;
    p->fold = gp_calloc(folds, sizeof *p->fold);
    if (p->fold == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for folds");
    for (size_t f = 0; f < folds; f++) {
        if (!gp_add_u64(least, gp_fold_bytes(&p->plan_pass->fold[f].spec), &least)) least = UINT64_MAX;
        wanting += wants_more(&p->plan_pass->fold[f].spec);
    }
    p->fold_least = least;
    /* They share a half, so that chunks have the other one; less where that is too little for chunks. */
    uint64_t reserve = gp_max_u64(left / 2, gp_min_u64(ENOUGH_FOR_CHUNKS, left / 4 * 3));
    uint64_t more = wanting > 0 && left - reserve > least ? (left - reserve - least) / wanting : 0;
    gp_pass_workers(p, &p->workers);
    for (size_t f = 0; f < folds; f++) {
        gp_pass_fold *fold = &p->fold[f];
        fold->plan = &p->plan_pass->fold[f];
        uint64_t budget = gp_fold_bytes(&fold->plan->spec);
        if (wants_more(&fold->plan->spec) && !gp_add_u64(budget, more, &budget)) budget = UINT64_MAX;
        budget = gp_min_u64(budget, gp_pass_budget(p));
        gp_fold_spec spec = fold->plan->spec;
        spec.linalg = p->run->linalg;
        GP_TRY(gp_fold_new(&spec, budget, &p->workers, &fold->fold, err));
        p->fold_bytes += budget;
        p->folds++;
        fold->fed = true;
        find_sinks(p, fold);
    }
    for (size_t f = 0; f < folds; f++) p->fold[f].in_place = may_overwrite(p, f);
    if (p->pass->count > 0 && p->run->survey == NULL) GP_TRY(start_folder(p, err));
out:
    return st;
}

void gp_pass_folds_free(gp_pass_run *p)
{
    if (p->folder.made) {
        pthread_mutex_lock(&p->folder.lock);
        p->folder.stop = true;
        pthread_cond_signal(&p->folder.wake);
        pthread_mutex_unlock(&p->folder.lock);
        pthread_join(p->folder.thread, NULL);
        pthread_cond_destroy(&p->folder.wake);
        pthread_mutex_destroy(&p->folder.lock);
    }
    for (size_t f = 0; f < p->folds; f++) gp_fold_free(p->fold[f].fold);
    free(p->fold);
}

uint64_t gp_pass_fold_room(const gp_pass_run *p, uint64_t elements)
{
    uint64_t bytes = 0;
    for (size_t f = 0; f < p->folds; f++) {
        uint64_t room = gp_fold_room(p->fold[f].fold, elements);
        if (!p->fold[f].in_place && room > 0)
            bytes += room * gpuproc_dtype_bytes(p->fold[f].plan->spec.dtype) + GP_STAGING_SLACK;
    }
    return bytes;
}

/* ---- Behind the last chunk -------------------------------------------------- */

/* A stream has gone by; the planner's owner keeps those in a file that will be wanted again. */
static bool reads_a_stream(const gp_pass_run *p)
{
    for (size_t i = 0; i < p->pass->inputs; i++) {
        const gp_pass_input *in = &p->pass->input[i];
        if (in->streamed && gp_source_is_stream(p->run->source[in->input])) return true;
    }
    return false;
}

gpuproc_status gp_pass_folds_end(gp_pass_run *p, bool *again, gpuproc_error *err)
{
    *again = false;
    for (size_t f = 0; f < p->folds; f++) {
        gp_pass_fold *fold = &p->fold[f];
        bool wants = false;
        if (!fold->fed) continue;
        uint64_t begin = gp_now_ns();
        gpuproc_status st = gp_fold_end(fold->fold, &wants, err);
        gp_run_trace(p->run, GPUPROC_STAGE_FOLD, NULL, begin, gp_now_ns(), 0, 0);
        if (st != GPUPROC_OK) return st;
        fold->fed = wants && p->pass->count > 0;
        *again = *again || fold->fed;
    }
    if (*again && reads_a_stream(p))
        return gp_fail(err, GPUPROC_INTERNAL, "a stream would have to be read again");
    for (size_t i = 0; *again && i < p->pass->inputs; i++) {
        const gp_pass_input *in = &p->pass->input[i];
        if (in->streamed)
            atomic_fetch_add(&p->run->counters.bytes_again, p->pass->count * gpuproc_dtype_bytes(in->dtype));
    }
    return GPUPROC_OK;
}

/* The part of a fold's result that its pieces have not given. */
static gpuproc_status write_rest(gp_pass_run *p, gp_pass_fold *fold, const void *data, uint64_t first,
                                 uint64_t count, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    size_t item = gpuproc_dtype_bytes(fold->plan->spec.dtype);
    uint64_t offset = (fold->plan->first + first) * item;
    for (int k = 0; k < 2 && count > 0; k++) {
        if (fold->sink[k] == NULL || offset >= fold->room[k]) continue;
        gp_write write = {.sink = fold->sink[k], .offset = offset, .data = data,
                          .bytes = gp_min_u64(count * item, fold->room[k] - offset)};
        GP_TRY(gp_run_write(p->run, &write, err));
    }
out:
    return st;
}

gpuproc_status gp_pass_folds_finish(gp_pass_run *p, gpuproc_error *err)
{
    gpuproc_status st = GPUPROC_OK;
    for (size_t f = 0; f < p->folds; f++) {
        gp_pass_fold *fold = &p->fold[f];
        const gp_plan_fold *plan = fold->plan;
        const void *data = NULL;
        uint64_t first = 0, count = 0;
        gp_fold_rest(fold->fold, &data, &first, &count);
        GP_TRY(write_rest(p, fold, data, first, count, err));
        if (plan->spec.result.ndim == 0 && count == 1)
            gp_run_keep_value(p->run, plan->node, plan->spec.dtype, data);
        if (plan->spec.growing && plan->target != SIZE_MAX && p->run->length != NULL)
            p->run->length[plan->target] = first + count;
        const char *warning = gp_fold_warning(fold->fold);
        if (warning != NULL) gp_run_warn(p->run, warning);
        /* Progress counted on the longest result. */
        uint64_t uncounted = gp_shape_size(&plan->spec.result) - first;
        atomic_fetch_add(&p->run->counters.bytes_done, uncounted * gpuproc_dtype_bytes(plan->spec.dtype));
    }
out:
    return st;
}
