/* SELECT: the elements where the mask is true, close together. */
#include "fold/fold_impl.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/clones.h"
#include "fold/share.h"

#include <string.h>

#define BLOCK 16384u /* elements */
#define BLOCKS 1024u /* are shared at once */

typedef struct selection {
    gp_fold base;
    unsigned workers;
    uint64_t before[BLOCKS]; /* how many are selected in this block; then in those before it */
} selection;

static uint64_t bytes(const gp_fold_spec *spec)
{
    (void)spec;
    return sizeof(selection);
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    (void)spec;
    (void)budget;
    selection *s = gp_calloc(1, sizeof *s);
    if (s == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "select: out of memory");
    s->workers = workers;
    *fold = &s->base;
    return GPUPROC_OK;
}

static void close(gp_fold *fold) { free(fold); }

static uint64_t room(const gp_fold *fold, uint64_t count)
{
    (void)fold;
    return count;
}

typedef struct job {
    selection *s;
    const unsigned char *mask, *in;
    unsigned char *out;
    uint64_t count;
    size_t element;
} job;

static GP_CLONES uint64_t count_true(const unsigned char *mask, size_t n)
{
    uint64_t total = 0;
    for (size_t at = 0; at < n;) {
        /* Short enough for sums of bytes. */
        size_t stop = at + 240 < n ? at + 240 : n;
        unsigned char some = 0;
        for (; at < stop; at++) some = (unsigned char)(some + (mask[at] != 0));
        total += some;
    }
    return total;
}

static void count_blocks(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    (void)part;
    const job *j = arg;
    for (uint64_t i = from; i < to; i++)
        j->s->before[i] = count_true(j->mask + i * BLOCK, gp_min_u64(BLOCK, j->count - i * BLOCK));
}

/* Copies `left` elements, exactly: what lies behind them is another block's. Eight masks at a time are mostly
 * all false or all true; else each element is written and the next one decides whether over it. */
#define COMPACT(name, type)                                                                      \
    static void compact_##name(const unsigned char *mask, size_t n, const void *from, void *to, \
                               uint64_t left)                                                    \
    {                                                                                            \
        const type *in = from;                                                                   \
        type *out = to;                                                                          \
        size_t i = 0;                                                                            \
        while (left >= 8 && i + 8 <= n) {                                                        \
            uint64_t eight;                                                                      \
            memcpy(&eight, mask + i, sizeof eight);                                              \
            if (eight == UINT64_C(0x0101010101010101)) {                                         \
                memcpy(out, in + i, 8 * sizeof *in);                                             \
                out += 8;                                                                        \
                left -= 8;                                                                       \
            } else if (eight != 0) {                                                             \
                size_t m = 0;                                                                    \
                for (size_t k = 0; k < 8; k++) {                                                 \
                    out[m] = in[i + k];                                                          \
                    m += mask[i + k] != 0;                                                       \
                }                                                                                \
                out += m;                                                                        \
                left -= m;                                                                       \
            }                                                                                    \
            i += 8;                                                                              \
        }                                                                                        \
        for (; left > 0 && i < n; i++) {                                                         \
            if (mask[i] != 0) {                                                                  \
                *out++ = in[i];                                                                  \
                left--;                                                                          \
            }                                                                                    \
        }                                                                                        \
    }

typedef struct sixteen {
    uint64_t half[2];
} sixteen;

COMPACT(1, uint8_t)
COMPACT(2, uint16_t)
COMPACT(4, uint32_t)
COMPACT(8, uint64_t)
COMPACT(16, sixteen)

static void copy_blocks(void *arg, unsigned part, uint64_t from, uint64_t to)
{
    (void)part;
    const job *j = arg;
    for (uint64_t i = from; i < to; i++) {
        const unsigned char *mask = j->mask + i * BLOCK, *in = j->in + i * BLOCK * j->element;
        uint64_t selected = j->s->before[i + 1] - j->s->before[i];
        unsigned char *out = j->out + j->s->before[i] * j->element;
        size_t n = gp_min_u64(BLOCK, j->count - i * BLOCK);
        if (selected == 0) continue;
        if (selected == n) {
            memcpy(out, in, n * j->element);
            continue;
        }
        switch (j->element) {
        case 1: compact_1(mask, n, in, out, selected); break;
        case 2: compact_2(mask, n, in, out, selected); break;
        case 4: compact_4(mask, n, in, out, selected); break;
        case 8: compact_8(mask, n, in, out, selected); break;
        default: compact_16(mask, n, in, out, selected); break;
        }
    }
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    (void)err;
    selection *s = (selection *)fold;
    job j = {s, piece->operand[1], piece->operand[0], piece->out, 0, gpuproc_dtype_bytes(fold->spec.operand[0])};
    for (uint64_t done = 0; done < piece->count; done += j.count) {
        j.count = gp_min_u64(piece->count - done, (uint64_t)BLOCK * (BLOCKS - 1));
        uint64_t blocks = gp_ceil_div(j.count, BLOCK), sum = 0;
        gp_fold_share_costly(fold->workers, s->workers, blocks, BLOCK, count_blocks, &j);
        for (uint64_t i = 0; i < blocks; i++) {
            uint64_t selected = s->before[i];
            s->before[i] = sum;
            sum += selected;
        }
        s->before[blocks] = sum;
        gp_fold_share_costly(fold->workers, s->workers, blocks, BLOCK, copy_blocks, &j);
        j.in += j.count * j.element;
        j.mask += j.count;
        j.out += sum * j.element;
        piece->out_count += sum;
    }
    return GPUPROC_OK;
}

const gp_fold_kind gp_fold_select = {.bytes = bytes, .open = open, .close = close, .room = room, .take = take};
