/* Arrays whose elements get another place: what is done to a node is done to both parts of a complex one. */
#include "lang/structure.h"

static gp_value of(int node) { return gp_value_node(node); }

gp_value gp_structure_change(gp_builder *b, gp_value v, gp_change f, const void *how)
{
    if (v.node < 0) return of(-1);
    v.node = f(b, v.node, how);
    if (v.complex && v.node >= 0) v.im = f(b, v.im, how);
    return v.node < 0 || (v.complex && v.im < 0) ? of(-1) : v;
}

gp_value gp_structure_array(gp_builder *b, const gp_function *fn, const gp_value *v)
{
    if (v->kind != GP_VAL_NODE) return of(gp_build_strong(b, v));
    if (v->selected)
        return of(gp_build_fail(b, GPUPROC_UNSUPPORTED, "%s() of x[mask] is not possible: how many elements it has shows only when it runs", fn->name));
    return gp_build_window_view(b, v);
}

gp_shape gp_structure_shape(const gp_builder *b, const gp_value *v) { return *gp_build_shape(b, v->node); }

/* ---- Shapes ---- */

static int reshape_node(gp_builder *b, int node, const void *how) { return gp_build_reshape(b, node, how); }
static int broadcast_node(gp_builder *b, int node, const void *how) { return gp_build_broadcast(b, node, how); }

gp_value gp_structure_reshape(gp_builder *b, gp_value v, const gp_shape *shape)
{
    return gp_structure_change(b, v, reshape_node, shape);
}

gp_value gp_structure_broadcast(gp_builder *b, gp_value v, const gp_shape *shape)
{
    return gp_structure_change(b, v, broadcast_node, shape);
}

gp_value gp_structure_ravel(gp_builder *b, gp_value x)
{
    gp_shape from = gp_structure_shape(b, &x), to = {.ndim = 1};
    to.dim[0] = (int64_t)gp_shape_size(&from);
    return gp_structure_reshape(b, x, &to);
}

/* ---- Axes ---- */

gp_mapping gp_mapping_of(const gp_shape *shape)
{
    gp_mapping m = {.to = *shape};
    for (int d = 0; d < shape->ndim; d++) m.map[d] = (gp_axis_map){d, 0, 1, -1};
    return m;
}

static int map_node(gp_builder *b, int node, const void *how)
{
    const gp_mapping *m = how;
    return gp_build_map(b, node, m->map, &m->to, false);
}

static int bounded_map_node(gp_builder *b, int node, const void *how)
{
    const gp_mapping *m = how;
    return gp_build_map(b, node, m->map, &m->to, true);
}

gp_value gp_structure_map(gp_builder *b, gp_value v, const gp_mapping *m, bool bounded)
{
    return gp_structure_change(b, v, bounded ? bounded_map_node : map_node, m);
}

static int transpose_node(gp_builder *b, int node, const void *how) { return gp_build_transpose(b, node, how); }

gp_value gp_structure_transpose(gp_builder *b, gp_value v, const int *axes)
{
    return gp_structure_change(b, v, transpose_node, axes);
}

gp_value gp_structure_swap_axes(gp_builder *b, gp_value x, int a, int c)
{
    int axes[GPUPROC_MAX_NDIM];
    for (int d = 0; d < gp_structure_shape(b, &x).ndim; d++) axes[d] = d == a ? c : d == c ? a : d;
    return gp_structure_transpose(b, x, axes);
}

gp_value gp_structure_with_axes(gp_builder *b, gp_value x, uint64_t axes, int count)
{
    gp_shape from = gp_structure_shape(b, &x);
    gp_mapping m = {.to = {.ndim = from.ndim + count}};
    if (m.to.ndim > GPUPROC_MAX_NDIM)
        return of(gp_build_fail(b, GPUPROC_VALUE, "an array can have at most %d dimensions", GPUPROC_MAX_NDIM));
    for (int d = 0, k = 0; d < m.to.ndim; d++) {
        m.to.dim[d] = 1;
        if (axes >> d & 1) continue;
        m.to.dim[d] = from.dim[k];
        m.map[k++] = (gp_axis_map){d, 0, 1, -1};
    }
    return gp_structure_map(b, x, &m, false);
}

gp_value gp_structure_at_least(gp_builder *b, gp_value x, int ndim)
{
    int own = gp_structure_shape(b, &x).ndim, count = ndim - own;
    if (count <= 0) return x;
    /* NumPy's atleast_3d puts them around: (n,) is (1, n, 1), (m, n) is (m, n, 1). */
    uint64_t axes = ndim < 3 || own == 0 ? ((uint64_t)1 << count) - 1 : own == 1 ? 1 | 4 : 4;
    return gp_structure_with_axes(b, x, axes, count);
}
