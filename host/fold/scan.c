/* Running sums, products and extremes along one axis.
 *
 * The elements of a cell are *inner* apart. Where that is 1, a cell is a line: long ones are cut into
 * blocks (fold/scan_ops.h), of which the workers first find the sums, then what stands before each, then
 * the elements; short ones (and products of floats) go one element after the other, and the workers
 * share the cells. Else rows are added to a row of values: the workers share the columns, or, where the rows are
 * short and the groups many, the groups. */
#include "fold/fold_impl.h"

#include "base/memory.h"
#include "base/past_cache.h"
#include "fold/axes.h"
#include "fold/scan_ops.h"

#include <string.h>

#define SHORT 64          /* elements of a line that is not cut */
#define SEGMENTS 512      /* blocks that are worked on at a time, at most: read twice, so that caches should hold them */
#define SEGMENTS_UNIT 8   /* that a worker takes */
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
    segment *segment;
    uint64_t segments, most_segments;
} scan;

static bool is_cut(const gp_axes *a, const gp_scan_ops *ops)
{
    return a->inner == 1 && a->rows > SHORT && ops->line != NULL;
}

/* As many as the operand can have in one piece, whose begin may cut one more. */
static uint64_t most_segments(const gp_axes *a)
{
    uint64_t of_a_line = gp_ceil_div(a->rows, GP_SCAN_BLOCK), all;
    if (!gp_mul_u64(a->groups, of_a_line, &all) || all >= SEGMENTS) return SEGMENTS;
    return all + 1;
}

static bool shares_groups(const gp_axes *a) { return a->inner <= SMALL_ROW && a->groups > 1; }

static bool memory_of(const gp_fold_spec *spec, const gp_axes *a, const gp_scan_ops *ops, uint64_t *bytes)
{
    uint64_t sets = shares_groups(a) ? SETS + 1 : 1;
    if (!gp_mul_u64(a->inner, sets * (uint64_t)ops->planes * sizeof(gp_scan_word), bytes)) return false;
    uint64_t kept = 2 * GP_SCAN_BLOCK * gpuproc_dtype_bytes(spec->operand[0]);
    return gp_add_u64(*bytes, is_cut(a, ops) ? most_segments(a) * sizeof(segment) + kept : 0, bytes);
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
    free(s->segment);
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
        s->most_segments = most_segments(&s->axes);
        bool cuts = is_cut(&s->axes, ops);
        if (cuts) {
            s->segment = gp_calloc(s->most_segments, sizeof *s->segment);
            for (int k = 0; k < 2; k++) s->kept[k] = gp_calloc(GP_SCAN_BLOCK, s->item);
        }
        if (s->value == NULL || (cuts && (s->segment == NULL || s->kept[0] == NULL || s->kept[1] == NULL))) {
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

static void sum_segments(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    scan *s = arg;
    uint64_t end = gp_min_u64(to * SEGMENTS_UNIT, s->segments);
    for (uint64_t i = from * SEGMENTS_UNIT; i < end; i++) {
        if (s->segment[i].whole != NULL) s->ops->total(s->segment[i].sum, s->segment[i].whole);
    }
}

/* What the sums of the next blocks will read is on its way while this block's elements are made. */
static void ask_for_next(const scan *s, const segment *g)
{
    const char *next = g->x + s->most_segments * GP_SCAN_BLOCK * s->item;
    for (uint64_t k = 0; k < g->n * s->item; k += 64) __builtin_prefetch(next + k, 0, 2);
}

static void write_segments(void *arg, unsigned worker, uint64_t from, uint64_t to)
{
    (void)worker;
    scan *s = arg;
    uint64_t end = gp_min_u64(to * SEGMENTS_UNIT, s->segments);
    bool far = s->piece->far;
    char made[GP_SCAN_BLOCK * sizeof(gp_scan_word)] __attribute__((aligned(64)));
    for (uint64_t i = from * SEGMENTS_UNIT; i < end; i++) {
        segment *g = &s->segment[i];
        if (far) ask_for_next(s, g);
        s->ops->line(&g->line, NULL, 0, g->x, far ? made : g->out, g->n);
        if (far) gp_copy_past_cache(g->out, made, g->n * s->item);
    }
    if (far) gp_past_cache_end();
}

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

/* Cuts elements [at, end) of the piece, whose first is `in` of its line, and keeps what blocks that are
 * not whole have: of the one that was open, in the one place, of the one that remains so, in the other,
 * for x may be written over. */
static uint64_t cut(scan *s, const char *x, char *out, uint64_t in, uint64_t left)
{
    uint64_t n = 0, item = s->item, rows = s->axes.rows;
    char *kept = s->kept[s->keeps], *keep = s->kept[!s->keeps];
    for (; n < s->most_segments && left > 0; n++) {
        uint64_t at = in % GP_SCAN_BLOCK, size = gp_min_u64(rows - (in - at), GP_SCAN_BLOCK);
        segment *g = &s->segment[n];
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

/* The sums of blocks, then what stands before each, then the elements. */
static void take_line(scan *s)
{
    const gp_fold_piece *p = s->piece;
    const gp_workers *workers = s->base.workers;
    for (uint64_t done = 0; done < p->count;) {
        const char *x = (const char *)p->operand[0] + done * s->item;
        char *out = (char *)p->out + done * s->item;
        s->segments = cut(s, x, out, (p->first + done) % s->axes.rows, p->count - done);
        uint64_t units = gp_ceil_div(s->segments, SEGMENTS_UNIT);
        if (s->axes.rows > GP_SCAN_BLOCK) workers->each(workers, units, sum_segments, s);
        for (uint64_t i = 0; i < s->segments; i++) {
            segment *g = &s->segment[i];
            uint64_t at = g->line.at;
            if (g->begins) new_line(s, &g->line);
            else if (i == 0) g->line = s->line; /* goes on from before; a block that is full went over at once */
            else next_block(s, &g->line, &g[-1].line, g[-1].sum);
            g->line.at = at;
            g->line.kept = s->kept[s->keeps];
            done += g->n;
        }
        workers->each(workers, units, write_segments, s);
        const segment *last = &s->segment[s->segments - 1];
        s->line = last->line;
        if (last->whole != NULL) next_block(s, &s->line, &last->line, last->sum);
        if (s->segments > 1 || last->line.at == last->n) s->keeps = !s->keeps;
    }
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
