/* Counting: histogram, bincount, unique. */
#include "lang/operand.h"

#include <inttypes.h>
#include <math.h>

#define BINCOUNT_MOST ((int64_t)1 << 40) /* bins, where only the data say how many: the memory budget is the real limit */

static const gp_dtype f8 = GPUPROC_FLOAT64, i8 = GPUPROC_INT64;

static gp_value failed(void) { return gp_value_node(-1); }

/* ---- Histograms ---- */

typedef struct histogram {
    gp_operand x;
    int64_t bins;
    gp_dtype edge;    /* dtype of the edges */
    /* Bins of one width: the first and the last edge, and the width, in the dtype that NumPy's linspace
     * works in: float64 where the range is given, else the edges' own. */
    gp_dtype line;
    int first, last, width;
    int table, edges; /* edges that are given: as a table, and as they are; else -1 */
} histogram;

/* A float operation whose result is rounded to float16 where the edges are. */
static int rounded(gp_builder *b, const histogram *h, int node)
{
    if (h->edge != GPUPROC_FLOAT16 || h->line != GPUPROC_FLOAT32) return node;
    return gp_build_cast(b, gp_build_cast(b, node, GPUPROC_FLOAT16), GPUPROC_FLOAT32);
}

static int op(gp_builder *b, const histogram *h, gp_op what, int x, int y)
{
    return rounded(b, h, gp_build_binary(b, what, h->line, x, y));
}

/* The edge of each index (int64): linspace's formula, whose last one is exact. */
static int edge_of(gp_builder *b, const histogram *h, int index)
{
    int at = rounded(b, h, gp_build_cast(b, index, h->line));
    int edge = op(b, h, GP_OP_ADD, op(b, h, GP_OP_MUL, at, h->width), h->first);
    int end = gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, index, gp_build_int(b, i8, h->bins));
    edge = gp_build_op(b, GP_OP_WHERE, h->line, end, h->last, edge);
    if (h->edge == GPUPROC_FLOAT16) edge = gp_build_cast(b, edge, GPUPROC_FLOAT16);
    return gp_build_cast(b, edge, gp_dtype_worked(h->edge));
}

static int all_edges(gp_builder *b, const histogram *h)
{
    gp_shape shape = {1, {h->bins + 1}};
    return gp_build_cast(b, edge_of(b, h, gp_build_index(b, &shape, 0)), h->edge);
}

static bool take_range(gp_builder *b, const gp_function *fn, const gp_value *range, histogram *h)
{
    double end[2] = {0, 1};
    gp_dtype work = gp_dtype_worked(h->edge);
    h->line = work;
    if (range->kind != GP_VAL_NONE) {
        if (range->kind != GP_VAL_TUPLE || range->items != 2) {
            gp_build_fail(b, GPUPROC_TYPE, "%s() needs two numbers as range=, as in range=(0, 1)", fn->name);
            return false;
        }
        for (int k = 0; k < 2; k++) {
            if (!gp_argument_number(b, fn, "range", gp_build_item(b, range, k), &end[k])) return false;
        }
        if (end[0] > end[1]) gp_build_fail(b, GPUPROC_VALUE, "max must be larger than min in range parameter.");
        else if (!isfinite(end[0]) || !isfinite(end[1]))
            gp_build_fail(b, GPUPROC_VALUE, "supplied range of [%g, %g] is not finite", end[0], end[1]);
        h->line = f8;
    } else if (gp_shape_size(&h->x.shape) > 0) {
        gp_value v = gp_value_of_parts(b, h->x.re, -1, gp_build_dtype(b, h->x.re));
        v.selected = h->x.selected;
        v.mask = h->x.mask;
        gp_value low = gp_value_reduced(b, GP_FN_min, v, NULL, false), high = gp_value_reduced(b, GP_FN_max, v, NULL, false);
        int half = gp_build_float(b, work, 0.5);
        int first = gp_build_cast(b, low.node, work), last = gp_build_cast(b, high.node, work);
        if (gp_dtype_is_float(h->x.dtype)) {
            int wide = gp_build_unary(b, GP_OP_ISFINITE, GPUPROC_BOOL, gp_build_binary(b, GP_OP_SUB, work, last, first));
            last = gp_operand_guard(b, last, gp_build_unary(b, GP_OP_INVERT, GPUPROC_BOOL, wide), GP_CHECK_RANGE_NOT_FINITE);
        }
        int same = gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, first, last);
        h->first = gp_build_op(b, GP_OP_WHERE, work, same, op(b, h, GP_OP_SUB, first, half), first);
        h->last = gp_build_op(b, GP_OP_WHERE, work, same, op(b, h, GP_OP_ADD, last, half), last);
    }
    if (range->kind != GP_VAL_NONE || gp_shape_size(&h->x.shape) == 0) {
        if (end[0] == end[1]) {
            end[0] -= 0.5;
            end[1] += 0.5;
        }
        h->first = gp_build_float(b, h->line, end[0]);
        h->last = gp_build_float(b, h->line, end[1]);
    }
    h->width = op(b, h, GP_OP_DIV, op(b, h, GP_OP_SUB, h->last, h->first), gp_build_float(b, h->line, (double)h->bins));
    return b->st == GPUPROC_OK;
}

/* bins= that are edges. */
static bool take_edges(gp_builder *b, const gp_function *fn, const gp_value *bins, histogram *h)
{
    double before = -INFINITY;
    gp_operand e;
    if (!gp_operand_take(b, fn, bins, &e) || !gp_operand_no_complex(b, fn, &e)) return false;
    if (e.selected || e.shape.ndim != 1 || e.shape.dim[0] < 1) {
        gp_build_fail(b, GPUPROC_VALUE, "`bins` must be 1d, when an array");
        return false;
    }
    for (int k = 0; bins->kind == GP_VAL_TUPLE && k < bins->items; k++) {
        double edge;
        if (!gp_argument_number(b, fn, "bins", gp_build_item(b, bins, k), &edge)) return false;
        if (edge < before) {
            gp_build_fail(b, GPUPROC_VALUE, "`bins` must increase monotonically, when an array");
            return false;
        }
        before = edge;
    }
    h->bins = e.shape.dim[0] - 1;
    h->edge = e.dtype;
    h->edges = gp_build_cast(b, e.re, e.dtype);
    h->line = gp_dtype_promote(gp_build_dtype(b, h->x.re), gp_build_dtype(b, e.re)); /* what is compared in */
    int stored = gp_build_store(b, gp_build_cast(b, e.re, h->line));
    if (stored < 0) return false;
    h->table = gp_build_placed(b, gp_ir_table(b->program, stored));
    return h->table >= 0;
}

static bool take_bins(gp_builder *b, const gp_function *fn, const gp_value *args, histogram *h)
{
    const gp_value *bins = gp_argument_named(fn, args, "bins");
    *h = (histogram){.bins = 10, .table = -1, .edges = -1};
    if (!gp_operand_take(b, fn, &args[0], &h->x) || !gp_operand_no_complex(b, fn, &h->x)) return false;
    if (h->x.dtype == GPUPROC_BOOL) {
        h->x.dtype = GPUPROC_UINT8;
        h->x.re = gp_build_cast(b, h->x.re, GPUPROC_UINT8);
    }
    h->edge = gp_dtype_is_float(h->x.dtype) ? h->x.dtype : f8;
    if (bins->kind == GP_VAL_STRING) {
        gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() needs the number of bins or their edges", fn->name);
        return false;
    }
    if (bins->kind == GP_VAL_TUPLE || (bins->kind == GP_VAL_NODE && gp_build_shape(b, bins->node)->ndim > 0))
        return take_edges(b, fn, bins, h);
    if (bins->kind != GP_VAL_NONE && !gp_argument_int(b, fn, "bins", bins, &h->bins)) return false;
    if (h->bins < 1) gp_build_fail(b, GPUPROC_VALUE, "`bins` must be positive, when an integer");
    else if (h->bins > INT32_MAX) gp_build_fail(b, GPUPROC_LIMIT, "%s() takes at most %d bins", fn->name, INT32_MAX);
    return b->st == GPUPROC_OK && take_range(b, fn, gp_argument_named(fn, args, "range"), h);
}

/* The bin of each element, -1 or one too many for what is outside. Bins of one width as NumPy finds them:
 * by the distance from the first edge, then corrected by the edges themselves. */
static int uniform_bins(gp_builder *b, const histogram *h)
{
    gp_dtype work = gp_dtype_worked(h->edge);
    int x = gp_build_cast(b, h->x.re, work), first = gp_build_cast(b, h->first, work), last = gp_build_cast(b, h->last, work);
    int keep = gp_build_binary(b, GP_OP_BITAND, GPUPROC_BOOL, gp_build_binary(b, GP_OP_GE, GPUPROC_BOOL, x, first),
                               gp_build_binary(b, GP_OP_LE, GPUPROC_BOOL, x, last));
    int one = gp_build_int(b, i8, 1), highest = gp_build_int(b, i8, h->bins - 1);
    int from = gp_build_cast(b, gp_build_binary(b, GP_OP_SUB, work, x, first), h->line);
    from = op(b, h, GP_OP_DIV, rounded(b, h, from), op(b, h, GP_OP_SUB, h->last, h->first));
    from = op(b, h, GP_OP_MUL, from, gp_build_float(b, h->line, (double)h->bins));
    int index = gp_build_binary(b, GP_OP_MINIMUM, i8, gp_build_cast(b, from, i8), highest);
    int below = gp_build_binary(b, GP_OP_LT, GPUPROC_BOOL, x, edge_of(b, h, index));
    index = gp_build_binary(b, GP_OP_SUB, i8, index, gp_build_cast(b, below, i8));
    int above = gp_build_binary(b, GP_OP_GE, GPUPROC_BOOL, x, edge_of(b, h, gp_build_binary(b, GP_OP_ADD, i8, index, one)));
    above = gp_build_binary(b, GP_OP_BITAND, GPUPROC_BOOL, above, gp_build_binary(b, GP_OP_NE, GPUPROC_BOOL, index, highest));
    index = gp_build_binary(b, GP_OP_ADD, i8, index, gp_build_cast(b, above, i8));
    return gp_build_op(b, GP_OP_WHERE, i8, keep, index, gp_build_int(b, i8, -1));
}

static int given_bins(gp_builder *b, const histogram *h)
{
    int x = gp_build_cast(b, h->x.re, h->line);
    int index = gp_build_binary(b, GP_OP_SUB, i8, gp_build_binary(b, GP_OP_SEARCHRIGHT, i8, h->table, x), gp_build_int(b, i8, 1));
    int end = gp_build_binary(b, GP_OP_TAKE, h->line, h->table, gp_build_int(b, i8, h->bins));
    int at_end = gp_build_binary(b, GP_OP_EQ, GPUPROC_BOOL, x, end); /* the last bin is closed */
    return gp_build_op(b, GP_OP_WHERE, i8, at_end, gp_build_int(b, i8, h->bins - 1), index);
}

/* weights=, as float64, of the operand's shape; -1 where there are none. *dtype: what the counts become. */
static int take_weights(gp_builder *b, const gp_function *fn, const gp_value *v, const gp_operand *x, gp_dtype *dtype)
{
    gp_operand w;
    *dtype = i8;
    if (v->kind == GP_VAL_NONE || !gp_operand_take(b, fn, v, &w) || !gp_operand_no_complex(b, fn, &w)) return -1;
    bool alike = w.selected == x->selected && (!w.selected || w.mask == x->mask);
    if (!alike || !gp_shape_equal(&w.shape, &x->shape))
        return gp_build_fail(b, GPUPROC_SHAPE, "weights should have the same shape as a.");
    *dtype = w.dtype;
    return gp_build_cast(b, w.re, f8);
}

static gp_value count_bins(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *density = gp_argument_named(fn, args, "density");
    histogram h;
    bool dense = false;
    gp_dtype dtype;
    if (density->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "density", density, &dense)) return failed();
    if (!take_bins(b, fn, args, &h)) return failed();
    int edges = h.table < 0 ? all_edges(b, &h) : h.edges;
    if (fn->id == GP_FN_histogram_bin_edges) return gp_value_node(edges);
    int weights = take_weights(b, fn, gp_argument_named(fn, args, "weights"), &h.x, &dtype);
    if (b->st != GPUPROC_OK) return failed();
    if (h.bins == 0) return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() needs two edges at least", fn->name));
    int index = h.table < 0 ? uniform_bins(b, &h) : given_bins(b, &h);
    if (h.x.mask >= 0) index = gp_operand_masked(b, &h.x, index, gp_build_int(b, i8, -1));
    gp_shape shape = {1, {h.bins}};
    int counts = gp_operand_fold(b, GP_OP_BINCOUNT, weights < 0 ? i8 : f8, index, weights, 0, h.bins, &shape, false);
    /* Sums of integers wrap in their dtype. */
    if (gp_dtype_is_integer(dtype) && dtype != GPUPROC_UINT64) counts = gp_build_cast(b, counts, i8);
    counts = gp_build_cast(b, counts, dtype);
    if (dense && counts >= 0) {
        gp_value total = gp_value_reduced(b, GP_FN_sum, gp_value_node(counts), NULL, false);
        int from = gp_build_cast(b, gp_build_slice(b, edges, 0, 0, 1, h.bins), f8);
        int wide = gp_build_binary(b, GP_OP_SUB, f8, gp_build_cast(b, gp_build_slice(b, edges, 0, 1, 1, h.bins), f8), from);
        counts = gp_build_binary(b, GP_OP_DIV, f8, gp_build_cast(b, counts, f8), wide);
        counts = gp_build_binary(b, GP_OP_DIV, f8, counts, total.node < 0 ? -1 : gp_build_cast(b, total.node, f8));
    }
    if (counts < 0 || edges < 0) return failed();
    return gp_build_tuple(b, (gp_value[2]){gp_value_node(counts), gp_value_node(edges)}, 2);
}

/* ---- bincount, unique ---- */

static bool no_selection(gp_builder *b, const gp_function *fn, const gp_operand *x)
{
    if (!x->selected) return true;
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of a selection is not possible", fn->name);
    return false;
}

/* The most bins that values of a dtype can need. */
static int64_t most_bins(gp_dtype dtype)
{
    switch (dtype) {
    case GPUPROC_BOOL: return 2;
    case GPUPROC_INT8: return 1 << 7;
    case GPUPROC_UINT8: return 1 << 8;
    case GPUPROC_INT16: return 1 << 15;
    case GPUPROC_UINT16: return 1 << 16;
    default: return BINCOUNT_MOST;
    }
}

static gp_value bincount(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    const gp_value *least = gp_argument_named(fn, args, "minlength");
    gp_operand x;
    gp_dtype dtype;
    int64_t minlength = 0;
    if (!gp_operand_take(b, fn, &args[0], &x) || !no_selection(b, fn, &x)) return failed();
    if (x.dtype != GPUPROC_BOOL && !gp_dtype_is_integer(x.dtype))
        return gp_value_node(gp_build_fail(b, GPUPROC_TYPE, "bincount() counts integers, found %s", gpuproc_dtype_name(x.dtype)));
    if (x.shape.ndim != 1) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "bincount() needs an array of one dimension, found %d", x.shape.ndim));
    if (least->kind != GP_VAL_NONE && !gp_argument_int(b, fn, "minlength", least, &minlength)) return failed();
    if (minlength < 0) return gp_value_node(gp_build_fail(b, GPUPROC_VALUE, "'minlength' must not be negative"));
    if (minlength > BINCOUNT_MOST)
        return gp_value_node(gp_build_fail(b, GPUPROC_LIMIT, "bincount() makes at most %" PRId64 " bins, found minlength=%" PRId64, BINCOUNT_MOST, minlength));
    int weights = take_weights(b, fn, gp_argument_named(fn, args, "weights"), &x, &dtype);
    if (b->st != GPUPROC_OK) return failed();
    if (x.shape.dim[0] == 0) weights = -1; /* NumPy counts nothing in integers, whatever it would weigh */
    int64_t bins = most_bins(x.dtype);
    gp_shape most = {1, {minlength > bins ? minlength : bins}};
    return gp_value_node(gp_operand_fold(b, GP_OP_BINCOUNT, weights < 0 ? i8 : f8, gp_build_cast(b, x.re, i8), weights, 0, minlength, &most, true));
}

static gp_value unique(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    static const char *const others[] = {"return_index", "return_inverse", "axis"};
    const gp_value *how_often = gp_argument_named(fn, args, "return_counts"), *nan = gp_argument_named(fn, args, "equal_nan");
    bool counts = fn->id == GP_FN_unique_counts, equal_nan = true;
    gp_operand x;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        if (!gp_argument_refuse(b, fn, args, others[k])) return failed();
    }
    if (how_often->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "return_counts", how_often, &counts)) return failed();
    if (nan->kind != GP_VAL_NONE && !gp_argument_bool(b, fn, "equal_nan", nan, &equal_nan)) return failed();
    if (!gp_operand_take(b, fn, &args[0], &x) || !no_selection(b, fn, &x) || !gp_operand_no_complex(b, fn, &x)) return failed();
    if (!equal_nan || fn->id != GP_FN_unique) {
        if (gp_dtype_is_float(x.dtype))
            return gp_value_node(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() takes all NaN for one: write unique(x, return_counts=True)", fn->name));
    }
    gp_shape most = {1, {(int64_t)gp_shape_size(&x.shape)}};
    int elements = gp_build_cast(b, x.re, x.dtype); /* float16 is counted as it is */
    int values = gp_operand_fold(b, GP_OP_UNIQUE, x.dtype, elements, -1, 0, 0, &most, true);
    if (!counts || values < 0) return gp_value_node(values);
    int often = gp_operand_fold(b, GP_OP_UNIQUE_COUNTS, i8, elements, -1, 0, 0, &most, true);
    if (often < 0) return failed();
    return gp_build_tuple(b, (gp_value[2]){gp_value_node(values), gp_value_node(often)}, 2);
}

gp_value gp_check_count(gp_builder *b, const gp_function *fn, const gp_value *args)
{
    switch (fn->id) {
    case GP_FN_bincount: return bincount(b, fn, args);
    case GP_FN_unique:
    case GP_FN_unique_values:
    case GP_FN_unique_counts: return unique(b, fn, args);
    default: return count_bins(b, fn, args);
    }
}
