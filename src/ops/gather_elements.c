/* SPDX-License-Identifier: Apache-2.0 */
/* gather_elements: y[i, j, k] = x[indices[i, j, k], j, k] (for axis 0), one number for each
 * element; the gradient adds dy where it came from. A number outside the axis reads 0 and adds
 * nothing. */
#include "ops/cases.h"
#include "ops/gather.h"
#include <snug/graph.h>

static const snug_attr attrs[] = {ATTR_INT(snug_gather_attrs, axis, -SNUG_MAX_DIMS,
                                           SNUG_MAX_DIMS - 1, 0,
                                           "along which; negative ones count from the end"),
                                  {0}};
static const snug_attr grad_attrs[] = {
    ATTR_INT(snug_gather_attrs, axis, 0, SNUG_MAX_DIMS - 1, 0, "along which"),
    ATTR_INT(snug_gather_attrs, dim, 1, 0x1p40, 1, "its length in dx"),
    {0}};

/* Input `i` agrees with the indices in all axes but one. */
static snug_status check_shapes(const snug_infer *f, int axis)
{
    const snug_shape *x = &f->in[0].shape, *ids = &f->in[1].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    bool same = x->n_dims == ids->n_dims;
    for (int d = 0; same && d < x->n_dims; d++)
        same = (d == axis || x->dim[d] == ids->dim[d]) && x->kind[d] == ids->kind[d];
    snug_shape_text(x, a, sizeof a);
    snug_shape_text(ids, b, sizeof b);
    CHECK(same, SNUG_ESHAPE, "'%s': indices %s may differ from %s in axis %d only", f->name, b, a,
          axis);
    CHECK(f->in[1].dtype == SNUG_I32, SNUG_ESHAPE, "'%s': indices %s (of %s) are %s, not i32",
          f->name, b, a, snug_dtype_get(f->in[1].dtype)->name);
    return SNUG_OK;
}

static snug_status elements_shape(snug_infer *f)
{
    const snug_gather_attrs *a = f->attrs;
    int axis;
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    TRY(check_shapes(f, axis));
    f->out[0] = (snug_type){.shape = f->in[1].shape, .dtype = f->in[0].dtype};
    return SNUG_OK;
}

static snug_status elements_grad_shape(snug_infer *f)
{
    const snug_gather_attrs *a = f->attrs;
    int axis;
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    TRY(snug_infer_float(f, 0, -1));
    TRY(check_shapes(f, -1));
    f->out[0] = f->in[0];
    f->out[0].shape.dim[axis] = a->dim;
    int64_t n = 1;
    for (int d = 0; d < f->in[0].shape.n_dims; d++)
        TRY(snug_infer_mul(f, n, f->out[0].shape.dim[d], &n));
    return SNUG_OK;
}

static int elements_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_gather_attrs *a = s->attrs;
    int n = 0, axis = snug_shape_axis(&s->in[0].shape, a->axis);
    for (int i = 0; i < 2; i++) {
        if (axis > 0) n = snug_use_batch(s, u, n, 0, i);
        for (int d = 1; d < s->in[0].shape.n_dims; d++)
            if (d != axis) n = snug_use_axis(u, n, 0, d, i, d);
    }
    return n;
}

static snug_status elements_grad(snug_grad *g)
{
    snug_shape x = snug_value_type(g->in[0]).shape;
    int axis = snug_shape_axis(&x, ((const snug_gather_attrs *)g->attrs)->axis);
    snug_gather_attrs back = {axis, x.dim[axis]};
    snug_value *in[] = {g->dout[0], g->in[1]};
    if (!g->dout[0] || !g->need[0]) return SNUG_OK;
    return snug_apply_all(g->graph, &snug_op_gather_elements_grad, NULL, &back, 2, in, &g->din[0]);
}

static void elements_ref(const snug_call *c)
{
    snug_gathered g = snug_gathered_of(c->attrs, &c->in[0].type.shape, &c->in[1].type.shape);
    int axis = snug_shape_axis(&c->in[1].type.shape, ((const snug_gather_attrs *)c->attrs)->axis);
    int64_t picked = c->in[1].type.shape.dim[axis];
    for (int64_t i = 0; i < g.picked; i++) {
        int64_t id = (int64_t)snug_load(&c->in[1], i);
        int64_t from = (i / g.inner / picked * g.n + id) * g.inner + i % g.inner;
        bool there = id >= 0 && id < g.n;
        snug_store(&c->out[0], i, there ? snug_load(&c->in[0], from) : 0);
    }
}

static void elements_grad_ref(const snug_call *c)
{
    const snug_shape *dx = &c->out[0].type.shape;
    snug_gathered g = snug_gathered_of(c->attrs, dx, &c->in[1].type.shape);
    int64_t picked = c->in[1].type.shape.dim[((const snug_gather_attrs *)c->attrs)->axis];
    for (int64_t i = 0; i < snug_shape_elements(dx); i++) {
        int64_t outer = i / g.inner / g.n, at = i / g.inner % g.n;
        double sum = 0;
        for (int64_t p = 0; p < picked; p++) {
            int64_t from = (outer * picked + p) * g.inner + i % g.inner;
            if ((int64_t)snug_load(&c->in[1], from) == at) sum += snug_load(&c->in[0], from);
        }
        snug_store(&c->out[0], i, sum);
    }
}

static const snug_gather_attrs second = {.axis = 1}, first = {.axis = 0}, g_second = {1, 5},
                               g_first = {0, 4};

static const snug_case elements_cases[] = {
    {.name = "columns",
     .attrs = &second,
     .n_in = 2,
     .in = INPUTS(BATCH(7, 5, 2), INDICES(5, 7, 3, 2))},
    {.name = "rows", .attrs = &first, .n_in = 2, .in = INPUTS(FIXED(4, 3), FIXED_INDICES(4, 6, 3))},
    {.name = "outside", .attrs = &second, .n_in = 2, .in = INPUTS(BATCH(7, 3), INDICES(5, 7, 4))},
    {0}};

static const snug_case elements_grad_cases[] = {{.name = "columns",
                                                 .attrs = &g_second,
                                                 .n_in = 2,
                                                 .in = INPUTS(BATCH(7, 3, 2), INDICES(5, 7, 3, 2))},
                                                {.name = "rows",
                                                 .attrs = &g_first,
                                                 .n_in = 2,
                                                 .in = INPUTS(FIXED(6, 3), FIXED_INDICES(5, 6, 3))},
                                                {0}};

const snug_op snug_op_gather_elements = {
    .name = "gather_elements",
    .doc = "gather_elements(x, indices i32; axis) -> y, of the shape of indices\n"
           "y[i, j, ..] = x[indices[i, j, ..], j, ..] along axis 0, likewise along others, which\n"
           "are not the batch axis; 0 where an index is outside.\n"
           "Gradient: gather_elements_grad(dy, indices).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_gather_attrs),
    .shape = elements_shape,
    .axes = elements_axes,
    .grad = elements_grad,
    .cost = snug_cost_elementwise,
    .ref = elements_ref,
    .cases = elements_cases};

const snug_op snug_op_gather_elements_grad = {
    .name = "gather_elements_grad",
    .doc = "gather_elements_grad(dy, indices i32; axis, dim) -> dx\n"
           "dx[indices[i, j, ..], j, ..] += dy[i, j, ..] from zeros; the axis has `dim` elements.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_gather_attrs),
    .shape = elements_grad_shape,
    .axes = elements_axes,
    .cost = snug_cost_elementwise,
    .ref = elements_grad_ref,
    .cases = elements_grad_cases};
