/* STORE: the operand's elements, as they are. */
#include "fold/fold_impl.h"

#include "base/memory.h"

#include <string.h>

static uint64_t bytes(const gp_fold_spec *spec)
{
    (void)spec;
    return 0;
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    (void)spec;
    (void)budget;
    (void)workers;
    *fold = gp_calloc(1, sizeof **fold);
    return *fold != NULL ? GPUPROC_OK : gp_fail(err, GPUPROC_NO_MEMORY, "out of memory for a fold");
}

static void close_fold(gp_fold *fold) { free(fold); }

static uint64_t room(const gp_fold *fold, uint64_t count)
{
    (void)fold;
    return count;
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    (void)err;
    if (piece->out != piece->operand[0])
        memcpy(piece->out, piece->operand[0], (size_t)piece->count * gpuproc_dtype_bytes(fold->spec.dtype));
    piece->out_count = piece->count;
    return GPUPROC_OK;
}

const gp_fold_kind gp_fold_store = {
    .bytes = bytes, .open = open, .close = close_fold, .room = room, .in_place = true, .take = take};
