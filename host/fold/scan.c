/* Running sums, products and extremes along one axis.
 *
 * The elements of a cell are *inner* apart. Where that is 1, a cell is a line: long ones are cut into
 * blocks (fold/scan_ops.h), and parts of some blocks taken by the workers in turn: who has one finds its blocks' sums,
 * waits for what stands before it, hands on what stands behind it, and then makes the elements, while its cache still
 * has them. Memory is read once. Short lines (and products of floats) go one element after the other, and the workers
 * share the cells. Else rows are added to a row of values: the workers share the columns, or, where the rows are
 * short and the groups many, the groups. */
#include "fold/fold_impl.h"

#include "base/memory.h"
#include "base/past_cache.h"
#include "fold/axes.h"
#include "fold/scan_ops.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#define REST() __builtin_ia32_pause()
#else
#define REST() ((void)0)
#endif

#define SHORT 64          /* elements of a line that is not cut */
#define PART 32           /* blocks that a worker takes: they are read twice, so that its cache should hold them */
#define PATIENCE 4096     /* looks, before a worker that waits for another one lets others have the core */
#define UNIT 16384        /* elements that are worth a worker's while */
#define SETS 16           /* of values, where the groups are shared */
#define SMALL_ROW 256     /* elements of a row, for the groups to be shared */

typedef struct segment {
    gp_line line;
    const char *x;
    char *out;
    uint64_t n;
    bool begins;       /* the line */
    const char *whole; /* the elements of its block, where that ends here and another one follows */
    gp_scan_word sum[2];
} segment;

typedef struct scan {
    gp_fold base;
    gp_axes axes;
    const gp_scan_ops *ops;
    gp_scan_word *value; /* of the group that is not over: planes of `inner`; then those of the sets */
    gp_line line;        /* the same, of a line that is cut */
    char *kept[2];       /* the elements of a block that is not over: of the one that `keeps` */
    bool keeps;
    uint64_t item;

    /* The piece, for the workers. */
    const gp_fold_piece *piece;
    uint64_t group0, groups, units;
    uint64_t block0, blocks; /* of the piece, counted from the first line on */
    atomic_uint_fast64_t taken, passed; /* parts that somebody has; parts behind which `line` is */
} scan;

static bool is_cut(const gp_axes *a, const gp_scan_ops *ops)
{
    return a->inner == 1 && a->rows > SHORT && ops->line != NULL;
}

static bool shares_groups(const gp_axes *a) { return a->inner <= SMALL_ROW && a->groups > 1; }

static bool memory_of(const gp_fold_spec *spec, const gp_axes *a, const gp_scan_ops *ops, uint64_t *bytes)
{
    uint64_t sets = shares_groups(a) ? SETS + 1 : 1;
    if (!gp_mul_u64(a->inner, sets * (uint64_t)ops->planes * sizeof(gp_scan_word), bytes)) return false;
    uint64_t kept = 2 * GP_SCAN_BLOCK * gpuproc_dtype_bytes(spec->operand[0]);
    return gp_add_u64(*bytes, is_cut(a, ops) ? kept : 0, bytes);
}

static uint64_t bytes(const gp_fold_spec *spec)
{
    gp_axes a = gp_axes_of(&spec->shape, spec->axes);
    const gp_scan_ops *ops = gp_scan_ops_of(spec->op, spec->operand[0]);
    uint64_t n;
    if (ops == NULL || gp_shape_size(&spec->shape) == 0) return 0;
    return memory_of(spec, &a, ops, &n) ? n : UINT64_MAX;
}

static void close(gp_fold *fold)
{
    scan *s = (scan *)fold;
    free(s->value);
    free(s->kept[0]);
    free(s->kept[1]);
    free(s);
}

static gpuproc_status open(const gp_fold_spec *spec, uint64_t budget, unsigned workers, gp_fold **fold,
                           gpuproc_error *err)
{
    (void)budget;
    (void)workers;
    const gp_scan_ops *ops = gp_scan_ops_of(spec->op, spec->operand[0]);
    const char *name = gp_op_info_of(spec->op)->spelling;
    if (ops == NULL || spec->dtype != spec->operand[0])
        return gp_fail(err, GPUPROC_INTERNAL, "%s(): expected an operand of the result's dtype, found %s", name,
                       gpuproc_dtype_name(spec->operand[0]));
    scan *s = gp_calloc(1, sizeof *s);
    if (s == NULL) return gp_fail(err, GPUPROC_NO_MEMORY, "%s(): out of memory", name);
    s->axes = gp_axes_of(&spec->shape, spec->axes);
    s->ops = ops;
    s->item = gpuproc_dtype_bytes(spec->operand[0]);
    if (gp_shape_size(&spec->shape) > 0) {
        uint64_t sets = shares_groups(&s->axes) ? SETS + 1 : 1;
        s->value = gp_calloc(s->axes.inner, sets * (uint64_t)ops->planes * sizeof(gp_scan_word));
        bool cuts = is_cut(&s->axes, ops);
        if (cuts) {
            for (int k = 0; k < 2; k++) s->kept[k] = gp_calloc(GP_SCAN_BLOCK, s->item);
        }
        if (s->value == NULL || (cuts && (s->kept[0] == NULL || s->kept[1] == NULL))) {
            close(&s->base);
            return gp_fail(err, GPUPROC_NO_MEMORY, "%s(): out of memory", name);
        }
    }
    *fold = &s->base;
    return GPUPROC_OK;
}

static uint64_t room(const gp_fold *fold, uint64_t count)
{
    (void)fold;
    return count;
}

/* ---- Lines that are cut ---- */

static void new_line(const scan *s, gp_line *line)
{
    *line = (gp_line){0};
    memcpy(line->before, s->ops->identity, sizeof line->before);
    memcpy(line->local, s->ops->identity, sizeof line->local);
}

/* The block after one whose sum is `sum`. */
static void next_block(const scan *s, gp_line *line, const gp_line *done, const gp_scan_word sum[2])
{
    new_line(s, line);
    memcpy(line->before, done->before, sizeof line->before);
    s->ops->join(line->before, sum);
}

static uint64_t blocks_of_line(const scan *s) { return gp_ceil_div(s->axes.rows, GP_SCAN_BLOCK); }

static uint64_t block_of(const scan *s, uint64_t element)
{
    return element / s->axes.rows * blocks_of_line(s) + element % s->axes.rows / GP_SCAN_BLOCK;
}

/* The first element of a block, of those that the piece has. */
static uint64_t begin_of(const scan *s, uint64_t block)
{
    const gp_fold_piece *p = s->piece;
    if (block == s->block0) return p->first;
    if (block == s->block0 + s->blocks) return p->first + p->count;
    return block / blocks_of_line(s) * s->axes.rows + block % blocks_of_line(s) * GP_SCAN_BLOCK;
}

/* Cuts a part's elements, and keeps what blocks that are not whole have: of the one that was open, in the one
 * place, of the one that remains so, in the other, for x may be written over. Only the piece's first part can have the
 * one, and only its last the other. */
static uint64_t cut(const scan *s, segment *segments, uint64_t part)
{
    uint64_t n = 0, item = s->item, rows = s->axes.rows;
    uint64_t block = s->block0 + part * PART, end_block = gp_min_u64(block + PART, s->block0 + s->blocks);
    uint64_t from = begin_of(s, block), left = begin_of(s, end_block) - from, in = from % rows;
    const char *x = (const char *)s->piece->operand[0] + (from - s->piece->first) * item;
    char *out = (char *)s->piece->out + (from - s->piece->first) * item;
    char *kept = s->kept[s->keeps], *keep = s->kept[!s->keeps];
    for (; left > 0; n++) {
        uint64_t at = in % GP_SCAN_BLOCK, size = gp_min_u64(rows - (in - at), GP_SCAN_BLOCK);
        segment *g = &segments[n];
        *g = (segment){.x = x, .out = out, .n = gp_min_u64(size - at, left), .line.at = at};
        if (at > 0) memcpy(kept + at * item, x, g->n * item);
        if (at + g->n < size && at == 0) memcpy(keep, x, g->n * item);
        if (at + g->n == GP_SCAN_BLOCK && in + g->n < rows) g->whole = at > 0 ? kept : x;
        g->begins = in == 0;
        x += g->n * item;
        out += g->n * item;
        left -= g->n;
        in = (in + g->n) % rows;
    }
    return n;
}

/* Whoever has the part before is at work, as parts are taken in turn, and waits for nobody behind it. */
static void await_turn(scan *s, uint64_t part)
{
    for (unsigned looks = 0; atomic_load_explicit(&s->passed, memory_order_acquire) != part; looks++) {
        if (looks < PATIENCE) REST();
        else (void)sched_yield();
    }
}

/* What stands before each block of a part whose turn it is; then the next one's turn has come. */
static void pass_on(scan *s, segment *segments, uint64_t n, uint64_t part)
{
    await_turn(s, part);
    for (uint64_t i = 0; i < n; i++) {
        segment *g = &segments[i];
        uint64_t at = g->line.at;
        if (g->begins) new_line(s, &g->line);
        else if (i == 0) g->line = s->line; /* goes on from before; a block that is full went over at once */
        else next_block(s, &g->line, &g[-1].line, g[-1].sum);
        g->line.at = at;
        g->line.kept = s->kept[s->keeps];
    }
    const segment *last = &segments[n - 1];
    if (last->whole != NULL) next_block(s, &s->line, &last->line, last->sum);
    atomic_store_explicit(&s->passed, part + 1, memory_order_release);
}

static void write_elements(const scan *s, segment *segments, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        segment *g = &segments[i];
        if (!s->piece->far) {
            s->ops->line(&g->line, NULL, 0, g->x, g->out, g->n);
            continue;
        }
        g->line.ask = (ptrdiff_t)((uint64_t)s->base.workers->count * PART * GP_SCAN_BLOCK * s->item);
        gp_scan_line_past(s->ops, &g->line, NULL, 0, g->x, g->out, g->n, s->item);
    }
}

/* Some parts, whichever are next: those of several workers lie side by side. */
static void take_parts(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    scan *s = arg;
    segment segments[PART];
    uint64_t parts = gp_ceil_div(s->blocks, PART);
    for (; from < to; from++) {
        uint64_t part = atomic_fetch_add_explicit(&s->taken, 1, memory_order_relaxed), n = cut(s, segments, part);
        for (uint64_t i = 0; i < n; i++) {
            if (segments[i].whole != NULL) s->ops->total(segments[i].sum, segments[i].whole);
        }
        pass_on(s, segments, n, part);
        write_elements(s, segments, n);
        /* The block that remains open goes on from here with the next piece. */
        if (part + 1 == parts && segments[n - 1].whole == NULL) s->line = segments[n - 1].line;
    }
    if (s->piece->far) gp_past_cache_end();
}

static void take_line(scan *s)
{
    const gp_fold_piece *p = s->piece;
    const gp_workers *workers = s->base.workers;
    s->block0 = block_of(s, p->first);
    s->blocks = block_of(s, p->first + p->count - 1) + 1 - s->block0;
    atomic_store_explicit(&s->taken, 0, memory_order_relaxed);
    atomic_store_explicit(&s->passed, 0, memory_order_relaxed);
    workers->each(workers, gp_ceil_div(s->blocks, PART), take_parts, s);
    bool goes_on = s->blocks == 1 && p->first % s->axes.rows % GP_SCAN_BLOCK > 0; /* the block that was open */
    if (!goes_on) s->keeps = !s->keeps;
}

/* ---- Groups ---- */

static gp_scan_word *values_of_set(const scan *s, uint64_t set)
{
    return s->value + set * s->axes.inner * (uint64_t)s->ops->planes;
}

static void begin_values(const scan *s, gp_scan_word *value, uint64_t from, uint64_t n)
{
    for (int p = 0; p < s->ops->planes; p++) {
        for (uint64_t j = 0; j < n; j++) value[(uint64_t)p * s->axes.inner + from + j] = s->ops->identity[p];
    }
}

/* Columns [c0, c0 + cn) of elements [from, to) of a group, which is element `at` of the piece. */
static void scan_group(const scan *s, gp_scan_word *value, uint64_t from, uint64_t to, uint64_t at,
                       uint64_t c0, uint64_t cn)
{
    const char *x = (const char *)s->piece->operand[0] + at * s->item;
    char *out = (char *)s->piece->out + at * s->item;
    uint64_t inner = s->axes.inner;
    if (from == 0) begin_values(s, value, c0, cn);
    if (inner == 1) {
        s->ops->sequence(value, x, out, to - from);
        return;
    }
    while (from < to) {
        uint64_t phase = from % inner, part = gp_min_u64(inner - phase, to - from);
        uint64_t rows = part == inner ? (to - from) / inner : 1, done = part == inner ? rows * inner : part;
        uint64_t begin = gp_max_u64(phase, c0), end = gp_min_u64(phase + part, c0 + cn);
        if (begin < end)
            s->ops->rows(value + begin, inner, x + (begin - phase) * s->item, out + (begin - phase) * s->item, rows,
                         end - begin, inner);
        from += done;
        x += done * s->item;
        out += done * s->item;
    }
}

/* All groups of the piece, some columns. */
static void scan_columns(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    const scan *s = arg;
    const gp_fold_piece *p = s->piece;
    uint64_t step = gp_ceil_div(gp_ceil_div(s->axes.inner, s->units), 64) * 64;
    uint64_t c0 = gp_min_u64(from * step, s->axes.inner), c1 = gp_min_u64(to * step, s->axes.inner);
    for (uint64_t at = 0; at < p->count && c0 < c1;) {
        uint64_t in = (p->first + at) % s->axes.group, n = gp_min_u64(s->axes.group - in, p->count - at);
        scan_group(s, s->value, in, in + n, at, c0, c1 - c0);
        at += n;
    }
}

/* Some groups, each with all its columns; set 0 of the values is kept from piece to piece. */
static void scan_groups(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    const scan *s = arg;
    const gp_fold_piece *p = s->piece;
    for (uint64_t u = from; u < to; u++) {
        gp_scan_word *value = values_of_set(s, u + 1);
        uint64_t g0 = s->group0 + u * s->groups / s->units, g1 = s->group0 + (u + 1) * s->groups / s->units;
        for (uint64_t g = g0; g < g1; g++) {
            uint64_t start = g * s->axes.group, begin = gp_max_u64(start, p->first);
            uint64_t end = gp_min_u64(start + s->axes.group, p->first + p->count);
            if (begin != start) memcpy(value, s->value, s->axes.inner * (uint64_t)s->ops->planes * sizeof *value);
            scan_group(s, value, begin - start, end - start, begin - p->first, 0, s->axes.inner);
        }
    }
}

static gpuproc_status take(gp_fold *fold, gp_fold_piece *piece, gpuproc_error *err)
{
    (void)err;
    scan *s = (scan *)fold;
    const gp_axes *a = &s->axes;
    const gp_workers *workers = fold->workers;
    piece->out_count = piece->count;
    if (piece->count == 0) return GPUPROC_OK;
    s->piece = piece;
    s->group0 = piece->first / a->group;
    s->groups = gp_ceil_div(piece->first + piece->count, a->group) - s->group0;
    if (is_cut(a, s->ops)) {
        take_line(s);
    } else if (shares_groups(a)) {
        s->units = gp_min_u64(gp_min_u64(SETS, s->groups), gp_ceil_div(piece->count, UNIT));
        workers->each(workers, s->units, scan_groups, s);
        memcpy(s->value, values_of_set(s, s->units), a->inner * (uint64_t)s->ops->planes * sizeof *s->value);
    } else {
        s->units = gp_min_u64(gp_ceil_div(a->inner, 256), 4 * (uint64_t)workers->count);
        workers->each(workers, s->units, scan_columns, s);
    }
    return GPUPROC_OK;
}

const gp_fold_kind gp_fold_scan = {
    .bytes = bytes, .open = open, .close = close, .room = room, .in_place = true, .take = take};
