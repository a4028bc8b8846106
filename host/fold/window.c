/* Sums, minima and maxima over all windows of `size` elements along one axis.
 *
 * The elements of a cell are cut into blocks of `size`. A window that begins at place k of a block is the end of
 * this block from k on, and the beginning of the next one: both are running sums, one from the
 * block's end and one from its beginning, so that an element costs the same for any size. Where the
 * window is small, its elements are simply added. Which of the two it is depends on the shape only.
 *
 * What is kept: the open block's elements, the ends of the block before, the beginning so far. */
#include "fold/fold_impl.h"

#include "array/dtype.h"
#include "base/memory.h"
#include "base/past_cache.h"
#include "fold/axes.h"
#include "base/clones.h"
#include "fold/scan_ops.h"

#include <string.h>

#define SMALL_SIZE 16      /* of windows that are added directly, and: */
#define SMALL_ROW 4096     /* elements of a row */
#define SMALL_GROUP 131072 /* elements, for groups to be shared */
#define UNIT 16384
#define LONG_RUN 32        /* blocks: a run begins with the ends of the block before it, made once more */
#define LINE_BYTES 64u /* of a processor's cache: the ends are taken by as many, from after[1] on */
#define LINE (LINE_BYTES / sizeof(gp_scan_word))
#define AFTER_FROM (LINE - 1)
#define SETS_BYTES (2u << 20)
#define SETS_MAX 16u

/* What a worker has of one group. */
typedef struct state {
    char *raw;            /* the open block; directly: the last size - 1 rows, and room for as many */
    gp_scan_word *after;  /* size + 1 rows: ends of the block before, and the identity */
    gp_scan_word *value;  /* a row: the beginning of the open block */
    gp_line line;         /* the same, where a row is one element */
} state;

typedef struct layout {
    gp_axes axes;
    const gp_scan_ops *ops;
    uint64_t size, item;
    uint64_t block;    /* elements of a block: size rows */
    uint64_t results;  /* of a group */
    bool direct, mean;
    bool far;          /* results of the piece go past the caches */
    uint64_t raw, words; /* bytes, words of a state */
    uint64_t bytes;      /* of a state with what is left free in it */
    unsigned sets;       /* for workers; 0: none */
} layout;

typedef struct window {
    gp_fold base;
    layout l;
    void *memory;
    state kept, set[SETS_MAX];

    const gp_fold_piece *piece;
    uint64_t group0, groups, units;
    uint64_t run; /* blocks that a worker takes at once */
    state *last;  /* who had the last of them */
    /* Blocks that are whole in the piece: `blocks` of them from x on, the first being number `block0`. */
    const char *x;
    char *out;
    uint64_t blocks;
} window;

/* Words from one row of ends to the same row in the next plane. */
static uint64_t after_plane(const layout *l)
{
    return l->axes.inner == 1 ? GP_SCAN_AFTER(l->block) : l->block + l->axes.inner;
}

static bool layout_of(const gp_fold_spec *spec, layout *l, uint64_t *bytes)
{
    *l = (layout){.axes = gp_axes_of(&spec->shape, spec->axes), .size = (uint64_t)spec->size,
                   .mean = spec->op == GP_OP_WINMEAN};
    const gp_axes *a = &l->axes;
    l->ops = gp_scan_ops_of(spec->op, spec->operand[0]);
    l->item = gpuproc_dtype_bytes(spec->operand[0]);
    if (gp_shape_size(&spec->shape) == 0 || l->size > a->rows) {
        l->results = 0;
        l->direct = true;
        *bytes = 0;
        return true;
    }
    l->direct = l->size <= SMALL_SIZE && a->inner <= SMALL_ROW;
    l->results = (a->rows - l->size + 1) * a->inner;
    uint64_t planes = (uint64_t)l->ops->planes;
    l->block = l->size * a->inner;
    l->raw = (l->direct ? 2 * (l->block - a->inner) : l->block) * l->item;
    if (!gp_add_u64(l->raw, 63, &l->raw)) return false;
    l->raw &= ~(uint64_t)63;
    l->words = 0;
    if (!l->direct && (!gp_add_u64(after_plane(l), a->inner, &l->words) || !gp_mul_u64(l->words, planes, &l->words)))
        return false;
    uint64_t one;
    if (!gp_add_u64(l->words, AFTER_FROM + LINE - 1, &one)) return false;
    if (!gp_mul_u64(one / LINE * LINE, sizeof(gp_scan_word), &one) || !gp_add_u64(one, l->raw, &one)) return false;
    uint64_t sets = one == 0 ? SETS_MAX : SETS_BYTES / one;
    l->sets = sets < 2 ? 0 : sets > SETS_MAX ? SETS_MAX : (unsigned)sets;
    l->bytes = one;
    return gp_mul_u64(one, l->sets + 1, bytes) && gp_add_u64(*bytes, LINE_BYTES, bytes);
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    layout l;
    uint64_t n;
    return layout_of(spec, &l, &n) ? n : UINT64_MAX;
}

static void begin_group(const layout *l, state *s)
{
    memcpy(s->line.before, l->ops->identity, sizeof s->line.before);
    memcpy(s->line.local, l->ops->identity, sizeof s->line.local);
    s->line.at = 0;
}

static void fill(const layout *l, gp_scan_word *to, uint64_t plane, uint64_t from, uint64_t n)
{
    for (int p = 0; p < l->ops->planes; p++) {
        for (uint64_t j = 0; j < n; j++) to[(uint64_t)p * plane + from + j] = l->ops->identity[p];
    }
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    (void)budget;
    (void)workers;
    const char *name = gp_op_info_of(spec->op)->spelling;
    uint64_t size;
    layout l;
    if (gp_scan_ops_of(spec->op, spec->operand[0]) == NULL ||
        (spec->op == GP_OP_WINMEAN && !gp_dtype_is_float(spec->operand[0])) || spec->dtype != spec->operand[0] || spec->size < 1)
        return gp_fail(err, GPUPROC_INTERNAL, "%s(): expected an operand of the result's dtype, found %s", name,
                       gpuproc_dtype_name(spec->operand[0]));
    if (!layout_of(spec, &l, &size)) return gp_fail(err, GPUPROC_NO_MEMORY, "%s(): out of memory", name);
    window *w = gp_calloc(1, sizeof *w);
    void *memory = gp_calloc(1, size);
    if (w == NULL || memory == NULL) {
        free(w);
        free(memory);
        return gp_fail(err, GPUPROC_NO_MEMORY, "%s(): out of memory", name);
    }
    w->l = l;
    w->memory = memory;
    char *at = (char *)memory + (LINE_BYTES - (uintptr_t)memory % LINE_BYTES) % LINE_BYTES;
    for (unsigned i = 0; i < l.sets + 1 && l.results > 0; i++, at += l.bytes) {
        state *s = i == 0 ? &w->kept : &w->set[i - 1];
        s->raw = at;
        if (!l.direct) {
            s->after = (gp_scan_word *)(void *)(at + l.raw) + AFTER_FROM;
            s->value = s->after + (uint64_t)l.ops->planes * after_plane(&l);
            fill(&l, s->after, after_plane(&l), l.block, l.axes.inner);
        }
    }
    *fold = &w->base;
    return GPUPROC_OK;
}

static void close(gp_fold *fold)
{
    window *w = (window *)fold;
    free(w->memory);
    free(w);
}

static uint64_t room(const gp_fold *fold, uint64_t count)
{
    return gp_min_u64(count, gp_shape_size(&fold->spec.result) - fold->given);
}

/* Where the result of the window that element `at` of group g ends goes; it must have one. */
static char *result_at(const window *w, uint64_t g, uint64_t at)
{
    const layout *l = &w->l;
    uint64_t index = g * l->results + (at - (l->size - 1) * l->axes.inner);
    return (char *)w->piece->out + (index - w->base.given) * l->item;
}

GP_CLONES static void divide_floats(float *x, uint64_t n, float by)
{
    for (uint64_t i = 0; i < n; i++) x[i] /= by;
}

GP_CLONES static void divide_doubles(double *x, uint64_t n, double by)
{
    for (uint64_t i = 0; i < n; i++) x[i] /= by;
}

/* n results that are sums become what was asked for. */
static void finish(const layout *l, void *out, uint64_t n)
{
    if (!l->mean) return;
    if (l->item == sizeof(float)) divide_floats(out, n, (float)l->size);
    else divide_doubles(out, n, (double)l->size);
}

static void add_directly(const layout *l, const void *x, void *out, uint64_t n)
{
    l->ops->direct(x, out, n, l->size, l->axes.inner);
    finish(l, out, n);
}

/* ---- Large windows ---- */

/* A block is complete: `x` has all of it. */
static void next_block(const layout *l, state *s, const char *x, uint64_t c0, uint64_t cn)
{
    if (l->axes.inner == 1)
        l->ops->after(s->after, after_plane(l), x, l->size);
    else
        l->ops->after_rows(s->after + c0, after_plane(l), x + c0 * l->item, l->size, cn, l->axes.inner);
    begin_group(l, s);
}

/* Elements of one block whose rows are one element. Parts end with whole groups of the line. */
static void add_to_line(const layout *l, state *s, const char *x, char *out, uint64_t n)
{
    s->line.by = !l->mean ? 0 : l->item == sizeof(float) ? (double)(float)l->size : (double)l->size;
    if (out == NULL || !l->far) {
        l->ops->line(&s->line, s->after, after_plane(l), x, out, n);
        return;
    }
    while (n > 0) {
        uint64_t part = gp_min_u64(n, GP_SCAN_BLOCK - s->line.at % 64), bytes = part * l->item;
        gp_scan_line_past(l->ops, &s->line, s->after, after_plane(l), x, out, part, l->item);
        x += bytes;
        out += bytes;
        n -= part;
    }
}

/* Elements of one row (or, where rows are one element, of one block) from element `in` of the block on. */
static void add(const layout *l, state *s, const char *x, char *out, uint64_t in, uint64_t n, uint64_t c0, uint64_t cn)
{
    uint64_t inner = l->axes.inner, column = in % inner;
    if (inner == 1) {
        s->line.at = in;
        s->line.kept = s->raw;
        add_to_line(l, s, x, out, n);
        return;
    }
    uint64_t from = gp_max_u64(column, c0), to = gp_min_u64(column + n, c0 + cn);
    if (from >= to) return;
    uint64_t skip = (from - column) * l->item;
    if (in < inner) fill(l, s->value, inner, from, to - from);
    l->ops->window_row(s->value + from, inner, s->after + in - column + inner + from, after_plane(l), x + skip,
                       out == NULL ? NULL : out + skip, to - from);
    if (out != NULL) finish(l, out + skip, to - from);
}

/* Elements [from, to) of group g. */
static void walk(const window *w, state *s, uint64_t g, const char *x, uint64_t from, uint64_t to, uint64_t c0, uint64_t cn)
{
    const layout *l = &w->l;
    uint64_t inner = l->axes.inner, none = (l->size - 1) * inner;
    if (from == 0) begin_group(l, s);
    while (from < to) {
        uint64_t in = from % l->block, n = gp_min_u64(to - from, l->block - in);
        if (inner > 1) n = gp_min_u64(n, inner - in % inner);
        if (from < none) n = gp_min_u64(n, none - from);
        add(l, s, x, from < none ? NULL : result_at(w, g, from), in, n, c0, cn);
        bool all = inner == 1 && n == l->block;
        if (!all && inner == 1) memcpy(s->raw + in * l->item, x, n * l->item);
        if (inner > 1) {
            uint64_t column = in % inner, a = gp_max_u64(column, c0), b = gp_min_u64(column + n, c0 + cn);
            if (a < b) memcpy(s->raw + (in - column + a) * l->item, x + (a - column) * l->item, (b - a) * l->item);
        }
        if (in + n == l->block) next_block(l, s, all ? x : s->raw, c0, cn);
        from += n;
        x += n * l->item;
    }
}

/* ---- Small windows ---- */

/* Elements [from, to) of group g: those windows that begin in what is kept, then the others. */
static void walk_direct(const window *w, state *s, uint64_t g, const char *x, uint64_t from, uint64_t to, bool keep)
{
    const layout *l = &w->l;
    uint64_t inner = l->axes.inner, back = (l->size - 1) * inner, n = to - from;
    uint64_t have = gp_min_u64(from, back), head = gp_min_u64(back, n);
    if (have > 0) {
        memcpy(s->raw + have * l->item, x, head * l->item);
        if (have + head > back) add_directly(l, s->raw, result_at(w, g, back + from - have), have + head - back);
    }
    /* With nothing before, the first windows begin at x. */
    uint64_t begin = from;
    if (to - begin > back) add_directly(l, x, result_at(w, g, begin + back), to - begin - back);
    if (!keep || back == 0) return;
    if (n >= back) {
        memcpy(s->raw, x + (n - back) * l->item, back * l->item);
    } else {
        uint64_t all = have + n, stay = gp_min_u64(all, back);
        if (have == 0) memcpy(s->raw, x, n * l->item);
        memmove(s->raw, s->raw + (all - stay) * l->item, stay * l->item);
    }
}

/* ---- Sharing ---- */

static void stretch_of(const window *w, uint64_t g, uint64_t *from, uint64_t *to, const char **x)
{
    const gp_fold_piece *p = w->piece;
    uint64_t start = g * w->l.axes.group, begin = gp_max_u64(start, p->first);
    uint64_t end = gp_min_u64(start + w->l.axes.group, p->first + p->count);
    *from = begin - start;
    *to = end - start;
    *x = (const char *)p->operand[0] + (begin - p->first) * w->l.item;
}

static void copy_state(const layout *l, state *to, const state *from)
{
    memcpy(to->raw, from->raw, l->raw);
    if (!l->direct) memcpy(to->after, from->after, l->words * sizeof(gp_scan_word));
    to->line = from->line;
}

static void take_groups(void *arg, unsigned worker, uint64_t first, uint64_t last)
{
    (void)worker;
    window *w = arg;
    const layout *l = &w->l;
    for (uint64_t u = first; u < last; u++) {
        state *s = &w->set[u];
        uint64_t g0 = w->group0 + u * w->groups / w->units, g1 = w->group0 + (u + 1) * w->groups / w->units;
        for (uint64_t g = g0; g < g1; g++) {
            uint64_t from, to;
            const char *x;
            stretch_of(w, g, &from, &to, &x);
            if (from > 0) copy_state(l, s, &w->kept);
            if (l->direct)
                walk_direct(w, s, g, x, from, to, to < l->axes.group);
            else
                walk(w, s, g, x, from, to, 0, l->axes.inner);
        }
    }
    if (l->far) gp_past_cache_end();
}

static void take_columns(void *arg, unsigned worker, uint64_t first, uint64_t last)
{
    (void)worker;
    window *w = arg;
    const layout *l = &w->l;
    uint64_t step = gp_ceil_div(gp_ceil_div(l->axes.inner, w->units), 64) * 64;
    uint64_t c0 = gp_min_u64(first * step, l->axes.inner), c1 = gp_min_u64(last * step, l->axes.inner);
    if (c0 >= c1) return;
    state own = w->kept; /* the line is for rows of one element only; the memory is shared by columns */
    for (uint64_t g = w->group0; g < w->group0 + w->groups; g++) {
        uint64_t from, to;
        const char *x;
        stretch_of(w, g, &from, &to, &x);
        walk(w, &own, g, x, from, to, c0, c1 - c0);
    }
}

/* Runs [first, last) of the blocks that are whole in the piece, but the very first of a group. */
static void take_blocks(void *arg, unsigned worker, uint64_t first, uint64_t last)
{
    window *w = arg;
    const layout *l = &w->l;
    state *s = &w->set[worker];
    uint64_t b0 = first * w->run, b1 = gp_min_u64(last * w->run, w->blocks), bytes_of = l->size * l->item;
    if (b0 > 0)
        next_block(l, s, w->x + (b0 - 1) * bytes_of, 0, 1); /* once more: another worker may have had it */
    else
        copy_state(l, s, &w->kept);
    for (uint64_t b = b0; b < b1; b++) {
        const char *x = w->x + b * bytes_of;
        add(l, s, x, w->out + b * bytes_of, 0, l->size, 0, 1);
        next_block(l, s, x, 0, 1);
    }
    if (b1 == w->blocks) w->last = s;
    if (l->far) gp_past_cache_end();
}

static void take_direct(void *arg, unsigned worker, uint64_t first, uint64_t last)
{
    (void)worker;
    window *w = arg;
    const layout *l = &w->l;
    uint64_t from = first * UNIT, to = gp_min_u64(last * UNIT, w->blocks);
    if (from < to) add_directly(l, w->x + from * l->item, w->out + from * l->item, to - from);
}

/* One group with all workers. */
static void share_group(window *w, uint64_t g)
{
    const layout *l = &w->l;
    const gp_workers *workers = w->base.workers;
    uint64_t from, to, back = (l->size - 1) * l->axes.inner;
    const char *x;
    stretch_of(w, g, &from, &to, &x);
    if (l->direct) {
        /* All windows that begin in the piece; then those that begin before it, and what is kept. */
        uint64_t n = to - from;
        if (n > back) {
            w->x = x;
            w->out = result_at(w, g, from + back);
            w->blocks = n - back; /* results */
            workers->each(workers, gp_ceil_div(w->blocks, UNIT), take_direct, w);
        }
        uint64_t head = gp_min_u64(n, back);
        if (head > 0) walk_direct(w, &w->kept, g, x, from, from + head, true);
        if (n > head && back > 0) memcpy(w->kept.raw, x + (n - back) * l->item, back * l->item);
        return;
    }
    /* The first block has no results but one: it goes with what the piece has of an open block. */
    uint64_t head = gp_min_u64(to, gp_max_u64(gp_ceil_div(from, l->size), 1) * l->size);
    walk(w, &w->kept, g, x, from, head, 0, 1);
    x += (head - from) * l->item;
    uint64_t blocks = (to - head) / l->size;
    if (blocks > 0) {
        w->x = x;
        w->out = result_at(w, g, head);
        w->blocks = blocks;
        gp_workers some = *workers;
        some.count = (unsigned)gp_min_u64(l->sets, workers->count);
        w->run = gp_min_u64(gp_max_u64(blocks / (8 * (uint64_t)some.count), 1), LONG_RUN);
        some.each(&some, gp_ceil_div(blocks, w->run), take_blocks, w);
        copy_state(l, &w->kept, w->last);
        head += blocks * l->size;
        x += blocks * l->size * l->item;
    }
    walk(w, &w->kept, g, x, head, to, 0, 1);
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    (void)err;
    window *w = (window *)fold;
    const layout *l = &w->l;
    const gp_axes *a = &l->axes;
    const gp_workers *workers = fold->workers;
    if (piece->count == 0 || l->results == 0) return GPUPROC_OK;
    w->piece = piece;
    w->l.far = piece->far;
    w->group0 = piece->first / a->group;
    w->groups = gp_ceil_div(piece->first + piece->count, a->group) - w->group0;
    uint64_t end = piece->first + piece->count, in = end % a->group, none = (l->size - 1) * a->inner;
    uint64_t done = end / a->group * l->results + (in > none ? in - none : 0);

    if (l->sets > 0 && a->groups > 1 && a->group <= SMALL_GROUP) {
        w->units = gp_min_u64(gp_min_u64(l->sets, w->groups), gp_ceil_div(piece->count, UNIT));
        workers->each(workers, w->units, take_groups, w);
        copy_state(l, &w->kept, &w->set[w->units - 1]);
    } else if (l->direct || (a->inner == 1 && l->sets > 0)) {
        for (uint64_t g = w->group0; g < w->group0 + w->groups; g++) share_group(w, g);
    } else if (a->inner == 1) {
        for (uint64_t g = w->group0; g < w->group0 + w->groups; g++) {
            uint64_t from, to;
            const char *x;
            stretch_of(w, g, &from, &to, &x);
            walk(w, &w->kept, g, x, from, to, 0, 1);
        }
    } else {
        w->units = gp_min_u64(gp_ceil_div(a->inner, 256), 4 * (uint64_t)workers->count);
        workers->each(workers, w->units, take_columns, w);
    }
    if (l->far) gp_past_cache_end(); /* what this thread did by itself */
    piece->out_count = done - fold->given;
    return GPUPROC_OK;
}

const gp_fold_kind gp_fold_window = {.bytes = bytes, .open = open, .close = close, .room = room, .take = take};
