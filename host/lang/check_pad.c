/* pad: constants, edges, and what is reflected or wrapped around an array. */
#include "lang/structure.h"

#include <math.h>
#include <string.h>

static gp_value of(int node) { return gp_value_node(node); }

typedef enum pad_mode { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_SYMMETRIC, PAD_WRAP, PAD_EMPTY, PAD_MODES } pad_mode;

typedef struct padding {
    pad_mode mode;
    int axis;
    int64_t before, after;
    int constant[2]; /* nodes */
} padding;

static bool pad_mode_of(gp_builder *b, const gp_function *fn, const gp_value *v, pad_mode *mode)
{
    static const char *const name[PAD_MODES] = {"constant", "edge", "reflect", "symmetric", "wrap", "empty"};
    size_t n;
    *mode = PAD_CONSTANT;
    if (v->kind == GP_VAL_NONE) return true;
    const char *text = gp_argument_string(b, fn, v, &n);
    if (text == NULL) return false;
    for (int k = 0; k < PAD_MODES; k++) {
        *mode = (pad_mode)k;
        if (strlen(name[k]) == n && memcmp(text, name[k], n) == 0) return true;
    }
    gp_build_fail(b, GPUPROC_UNSUPPORTED, "pad() has the modes constant, edge, reflect, symmetric and wrap, found '%.*s'", n > 40 ? 40 : (int)n, text);
    return false;
}

static bool item_pair(gp_builder *b, const gp_value *v, int d, int ndim, const gp_value **pair)
{
    /* n; (n,); (before, after); ((before, after),); one pair or (n,) for each axis */
    pair[0] = pair[1] = v;
    if (v->kind != GP_VAL_TUPLE) return true;
    bool nested = v->items > 0 && gp_build_item(b, v, 0)->kind == GP_VAL_TUPLE;
    if (nested && (v->items == 1 || v->items == ndim)) {
        v = gp_build_item(b, v, v->items == 1 ? 0 : d);
        if (v->kind != GP_VAL_TUPLE) v = NULL;
    } else if (nested) {
        v = NULL;
    }
    if (v != NULL && (v->items == 1 || v->items == 2)) {
        pair[0] = gp_build_item(b, v, 0);
        pair[1] = gp_build_item(b, v, v->items - 1);
        return true;
    }
    gp_build_fail(b, GPUPROC_VALUE, "pad() needs one number, a pair, or a pair for each of the %d axes", ndim);
    return false;
}

/* The pieces before the array: from the outermost in. Reflections of what is mirrored over and over. */
static int mirrored(const padding *p, int node, int64_t length, bool before, gp_piece *piece, int most)
{
    /* Going outwards from the edge: lengths of runs and where each begins. */
    int64_t left = before ? p->before : p->after;
    int64_t inner = p->mode == PAD_REFLECT ? length - 1 : length;
    int count = 0;
    if (left > 0 && p->mode == PAD_EDGE) piece[count++] = (gp_piece){node, before ? 0 : length - 1, 0, left};
    else if (left > 0 && inner == 0) piece[count++] = (gp_piece){node, 0, 0, left};
    for (bool back = true; left > 0 && inner > 0 && p->mode != PAD_EDGE; back = !back) {
        if (count == most) return -1;
        int64_t run = left < inner ? left : inner, skip = p->mode == PAD_REFLECT, start, step;
        bool same_way = p->mode == PAD_WRAP || !back;
        /* The elements outwards: index from + way * i. */
        int64_t from, way;
        if (before) {
            from = same_way ? length - 1 : 0;
            way = same_way ? -1 : 1;
        } else {
            from = same_way ? 0 : length - 1;
            way = same_way ? 1 : -1;
        }
        from += skip * way;
        start = before ? from + way * (run - 1) : from; /* in the order of the array */
        step = before ? -way : way;
        piece[count++] = (gp_piece){node, start, step, run};
        left -= run;
    }
    return count;
}

enum { MOST_RUNS = 64 };

static int pad_mirrored(gp_builder *b, int node, const padding *p)
{
    gp_piece side[MOST_RUNS], piece[2 * MOST_RUNS + 1];
    int64_t length = gp_build_shape(b, node)->dim[p->axis];
    if (length == 0 && p->before + p->after > 0)
        return gp_build_fail(b, GPUPROC_VALUE, "can't extend empty axis %d using modes other than 'constant' or 'empty'", p->axis);
    int lead = mirrored(p, node, length, true, side, MOST_RUNS), count = 0;
    for (int k = lead; k-- > 0;) piece[count++] = side[k];
    piece[count++] = (gp_piece){node, 0, 1, length};
    int tail = lead < 0 ? -1 : mirrored(p, node, length, false, piece + count, MOST_RUNS);
    if (tail < 0)
        return gp_build_fail(b, GPUPROC_UNSUPPORTED, "pad() that repeats the array more than %d times on one side is not possible", MOST_RUNS);
    return gp_build_pieces(b, piece, count + tail, p->axis);
}

static int pad_node(gp_builder *b, int node, const void *how)
{
    const padding *p = how;
    if (p->before == 0 && p->after == 0) return node;
    if (p->mode != PAD_CONSTANT) return pad_mirrored(b, node, p);
    gp_shape shape = *gp_build_shape(b, node);
    gp_piece piece[3] = {{-1, 0, 1, p->before}, {node, 0, 1, shape.dim[p->axis]}, {-1, 0, 1, p->after}};
    for (int k = 0; k < 3; k += 2) {
        gp_shape side = shape;
        side.dim[p->axis] = piece[k].length;
        piece[k].node = gp_build_fill(b, p->constant[k / 2], &side);
    }
    return gp_build_pieces(b, piece, 3, p->axis);
}

static int constant_node(gp_builder *b, const gp_value *v, gp_dtype dtype)
{
    gp_value zero = {.kind = GP_VAL_INT};
    if (v->kind == GP_VAL_NONE) v = &zero;
    if (v->kind != GP_VAL_NODE && !gp_value_is_literal(v)) return gp_build_fail(b, GPUPROC_TYPE, "pad() needs numbers as constant_values");
    if (v->kind == GP_VAL_NODE && (v->complex || v->selected || v->windowed || v->node < 0 || !b->program->node[v->node].uniform || gp_build_shape(b, v->node)->ndim > 0))
        return gp_build_fail(b, GPUPROC_TYPE, "pad() needs single numbers as constant_values");
    if (dtype == GPUPROC_FLOAT16) return gp_build_cast(b, gp_build_as(b, v, GPUPROC_FLOAT32), dtype);
    return gp_build_as(b, v, dtype);
}

static bool is_zero(const gp_value *v)
{
    return v->kind == GP_VAL_NONE || (gp_value_is_literal(v) && !gp_literal_truth(v) && !signbit(gp_literal_double(v)));
}

/* With zeros around: one view with a box. */
static gp_value pad_zeros(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    gp_shape from = gp_structure_shape(b, &x);
    gp_mapping m = gp_mapping_of(&from);
    for (int d = 0; d < from.ndim; d++) {
        const gp_value *width[2];
        int64_t side[2];
        if (!item_pair(b, &args[1], d, from.ndim, width)) return of(-1);
        for (int k = 0; k < 2; k++) {
            if (!gp_argument_int(b, fn, "pad_width", width[k], &side[k])) return of(-1);
            if (side[k] < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "index can't contain negative values"));
            if (__builtin_add_overflow(m.to.dim[d], side[k], &m.to.dim[d]))
                return of(gp_build_fail(b, GPUPROC_SHAPE, "pad() would make an array that is too large"));
        }
        m.map[d].start = -side[0];
    }
    return gp_structure_map(b, x, &m, true);
}

gp_value gp_check_pad(gp_builder *b, const gp_function *fn, const gp_value *args, gp_value x)
{
    padding p;
    int ndim = gp_structure_shape(b, &x).ndim;
    if (!pad_mode_of(b, fn, &args[2], &p.mode)) return of(-1);
    if (args[1].kind == GP_VAL_TUPLE && args[1].items == 0)
        return of(gp_build_fail(b, GPUPROC_VALUE, "pad() needs integers as pad_width, found none"));
    if (p.mode == PAD_EMPTY) p.mode = PAD_CONSTANT;
    else if (p.mode != PAD_CONSTANT && args[3].kind != GP_VAL_NONE)
        return of(gp_build_fail(b, GPUPROC_VALUE, "unsupported keyword arguments for mode: constant_values"));
    if (ndim == 0 && args[1].kind == GP_VAL_INT && args[1].i < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "index can't contain negative values"));
    if (p.mode == PAD_CONSTANT && is_zero(&args[3])) return pad_zeros(b, fn, args, x);
    for (p.axis = 0; p.axis < ndim && x.node >= 0; p.axis++) {
        const gp_value *width[2], *constant[2];
        if (!item_pair(b, &args[1], p.axis, ndim, width) || !item_pair(b, &args[3], p.axis, ndim, constant)) return of(-1);
        if (!gp_argument_int(b, fn, "pad_width", width[0], &p.before) || !gp_argument_int(b, fn, "pad_width", width[1], &p.after))
            return of(-1);
        if (p.before < 0 || p.after < 0) return of(gp_build_fail(b, GPUPROC_VALUE, "index can't contain negative values"));
        gp_value im = x;
        for (int k = 0; k < 2; k++) {
            p.constant[k] = constant_node(b, constant[k], gp_build_dtype(b, x.node));
            if (p.constant[k] < 0) return of(-1);
        }
        x.node = pad_node(b, im.node, &p);
        if (!x.complex || x.node < 0) continue;
        p.constant[0] = p.constant[1] = gp_build_float(b, gp_build_dtype(b, im.im), 0);
        x.im = pad_node(b, im.im, &p);
        if (x.im < 0) return of(-1);
    }
    return x;
}
