/* SPDX-License-Identifier: Apache-2.0 */
/* gather: parts of x along an axis by number, y[.., i.., ..] = x[.., indices[i..], ..]; its
 * gradient, which adds the parts of dy where they came from; scatter_add, which does so onto a
 * tensor. A number that is not in the axis reads zeros, and what would be added there is dropped.
 */
#include "ops/gather.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <snug/graph.h>

static const snug_attr attrs[] = {ATTR_INT(snug_gather_attrs, axis, -SNUG_MAX_DIMS,
                                           SNUG_MAX_DIMS - 1, 0,
                                           "along which; negative ones count from the end"),
                                  {0}};

/* ---- rules ------------------------------------------------------------------------------------
 */

/* Input `ids` holds whole numbers; beside it the shape of input `x` is told. */
static snug_status check_ids(const snug_infer *f, int ids, int x)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(f->in[ids].dtype == SNUG_I32, SNUG_ESHAPE,
          "'%s': indices %s (input %d, beside %s) are %s, but must be i32", f->name,
          snug_shape_text(&f->in[ids].shape, a, sizeof a), ids,
          snug_shape_text(&f->in[x].shape, b, sizeof b), snug_dtype_get(f->in[ids].dtype)->name);
    return SNUG_OK;
}

/* y's shape: x's with indices in the place of the axis. */
static snug_status gathered_shape(const snug_infer *f, const snug_shape *x, const snug_shape *ids,
                                  int axis, snug_shape *y)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    snug_shape_text(x, a, sizeof a);
    snug_shape_text(ids, b, sizeof b);
    CHECK(x->n_dims - 1 + ids->n_dims <= SNUG_MAX_DIMS, SNUG_ESHAPE,
          "'%s': indices %s in axis %d of %s make more than %d axes", f->name, b, axis, a,
          SNUG_MAX_DIMS);
    CHECK(!snug_shape_has_batch(ids) || axis == 0, SNUG_ESHAPE,
          "'%s': indices %s count samples, which must stay in front: gather along axis 0 of %s",
          f->name, b, a);
    int64_t n = 1;
    *y = (snug_shape){.n_dims = x->n_dims - 1 + ids->n_dims};
    for (int d = 0; d < y->n_dims; d++) {
        int i = d - axis;
        bool own = i < 0 || i >= ids->n_dims;
        int from = own && i >= 0 ? d - ids->n_dims + 1 : own ? d : i;
        y->dim[d] = own ? x->dim[from] : ids->dim[from];
        y->kind[d] = own ? x->kind[from] : ids->kind[from];
        TRY(snug_infer_mul(f, n, y->dim[d], &n));
    }
    return SNUG_OK;
}

static snug_status gather_shape(snug_infer *f)
{
    const snug_gather_attrs *a = f->attrs;
    int axis;
    TRY(check_ids(f, 1, 0));
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    f->out[0].dtype = f->in[0].dtype;
    return gathered_shape(f, &f->in[0].shape, &f->in[1].shape, axis, &f->out[0].shape);
}

/* Axes of the tensors like x (input `in`, or output 0 of a gradient) and like y. */
static int gather_uses(const snug_shape *x, const snug_shape *ids, int axis, bool back,
                       snug_axis_use *u)
{
    int n = 0;
    for (int d = 0; d < x->n_dims; d++) {
        if (d == axis) continue;
        int there = d < axis ? d : d + ids->n_dims - 1;
        n = snug_use_axis(u, n, 0, back ? d : there, 0, back ? there : d);
        if (x->kind[d] == SNUG_AXIS_BATCH) u[n - 1].how = SNUG_FOLLOW_BATCH;
    }
    for (int d = 0; d < ids->n_dims && !back; d++) {
        n = snug_use_axis(u, n, 0, axis + d, 1, d);
        if (ids->kind[d] == SNUG_AXIS_BATCH) u[n - 1].how = SNUG_FOLLOW_BATCH;
    }
    return n;
}

static int gather_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_gather_attrs *a = s->attrs;
    const snug_shape *x = &s->in[0].shape;
    return gather_uses(x, &s->in[1].shape, snug_shape_axis(x, a->axis), false, u);
}

/* Of a matrix, embedding's: the same sums, and a kernel for them. */
static snug_status gather_grad(snug_grad *g)
{
    snug_shape x = snug_value_type(g->in[0]).shape, ids = snug_value_type(g->in[1]).shape;
    if (!g->dout[0] || !g->need[0]) return SNUG_OK;
    int axis = snug_shape_axis(&x, ((const snug_gather_attrs *)g->attrs)->axis);
    snug_value *in[] = {g->dout[0], g->in[1]};
    if (x.n_dims == 2 && axis == 0 && ids.n_dims > 0) {
        snug_embedding_attrs rows = {.rows = x.dim[0]};
        return snug_apply_all(g->graph, &snug_op_embedding_grad, NULL, &rows, 2, in, &g->din[0]);
    }
    snug_gather_attrs back = {axis, x.dim[axis]};
    return snug_apply_all(g->graph, &snug_op_gather_grad, NULL, &back, 2, in, &g->din[0]);
}

static snug_cost gather_cost(const snug_sig *s)
{
    double bytes = (double)snug_type_bytes(&s->out[0]);
    return (snug_cost){.bytes_read = bytes, .bytes_written = bytes};
}

static void gather_ref(const snug_call *c)
{
    snug_gathered g = snug_gathered_of(c->attrs, &c->in[0].type.shape, &c->in[1].type.shape);
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        int64_t id = (int64_t)snug_load(&c->in[1], i / g.inner % g.picked);
        int64_t from = (i / g.inner / g.picked * g.n + id) * g.inner + i % g.inner;
        bool there = id >= 0 && id < g.n;
        snug_store(&c->out[0], i, there ? snug_load(&c->in[0], from) : 0);
    }
}

static const snug_gather_attrs first = {.axis = 0}, second = {.axis = 1}, last = {.axis = -1};

static const snug_case gather_cases[] = {
    {.name = "rows", .attrs = &first, .n_in = 2, .in = INPUTS(FIXED(5, 13), INDICES(5, 7))},
    {.name = "cubes", .attrs = &first, .n_in = 2, .in = INPUTS(FIXED(4, 3, 2), INDICES(4, 7, 2))},
    {.name = "columns", .attrs = &last, .n_in = 2, .in = INPUTS(BATCH(7, 5), FIXED_INDICES(5, 3))},
    {.name = "middle",
     .attrs = &second,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 5, 4), FIXED_INDICES(5, 2, 3))},
    {.name = "outside",
     .attrs = &second,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 5, 4), FIXED_INDICES(9, 6))},
    {.name = "tokens",
     .attrs = &second,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(8, 128, 128), FIXED_INDICES(128, 64))},
    {0}};

const snug_op snug_op_gather = {
    .name = "gather",
    .doc =
        "gather(x, indices i32; axis) -> y\n"
        "y[.., i.., ..] = x[.., indices[i..], ..]: the axes of indices take the place of one of\n"
        "x, which is not the batch axis. Zeros where an index is outside it.\n"
        "Gradient: gather_grad(dy, indices), or embedding_grad for the rows of a matrix.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_gather_attrs),
    .shape = gather_shape,
    .axes = gather_axes,
    .grad = gather_grad,
    .cost = gather_cost,
    .ref = gather_ref,
    .cases = gather_cases};

/* ---- gather_grad ------------------------------------------------------------------------------
 */

static const snug_attr grad_attrs[] = {
    ATTR_INT(snug_gather_attrs, axis, 0, SNUG_MAX_DIMS - 1, 0, "of dx, along which"),
    ATTR_INT(snug_gather_attrs, dim, 1, 0x1p40, 1, "its length"),
    {0}};

static snug_status gather_grad_shape(snug_infer *f)
{
    const snug_gather_attrs *a = f->attrs;
    const snug_shape *dy = &f->in[0].shape, *ids = &f->in[1].shape;
    char p[SNUG_SHAPE_TEXT], q[SNUG_SHAPE_TEXT];
    snug_shape x = {.n_dims = dy->n_dims - ids->n_dims + 1}, want;
    TRY(check_ids(f, 1, 0));
    TRY(snug_infer_float(f, 0, -1));
    bool fits = a->axis < x.n_dims;
    for (int d = 0; d < x.n_dims && fits; d++) {
        int from = d < a->axis ? d : d + ids->n_dims - 1;
        x.dim[d] = d == a->axis ? a->dim : dy->dim[from];
        x.kind[d] = d == a->axis ? SNUG_AXIS_FIXED : dy->kind[from];
    }
    if (fits) TRY(gathered_shape(f, &x, ids, (int)a->axis, &want));
    CHECK(fits && snug_shape_equal(&want, dy), SNUG_ESHAPE,
          "gather_grad '%s': dy %s has not the axes of indices %s at %" PRId64, f->name,
          snug_shape_text(dy, p, sizeof p), snug_shape_text(ids, q, sizeof q), a->axis);
    int64_t n = 1;
    for (int d = 0; d < x.n_dims; d++) TRY(snug_infer_mul(f, n, x.dim[d], &n));
    f->out[0] = (snug_type){.shape = x, .dtype = f->in[0].dtype};
    return SNUG_OK;
}

static int gather_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_gather_attrs *a = s->attrs;
    const snug_shape *ids = &s->in[1].shape;
    int n = gather_uses(&s->out[0].shape, ids, (int)a->axis, true, u);
    for (int d = 0; d < ids->n_dims; d++) {
        n = snug_use_axis(u, n, 0, -1, 0, (int)a->axis + d);
        n = snug_use_axis(u, n, 0, -1, 1, d);
    }
    return n;
}

static snug_cost add_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

/* One element of dx. */
typedef struct added {
    const snug_call *c;
    snug_gathered g;
    int64_t outer, at, inner;
} added;

static double added_partial(const void *arg, int64_t begin, int64_t end)
{
    const added *a = arg;
    const snug_gathered *g = &a->g;
    double sum = 0;
    for (int64_t p = begin; p < end; p++)
        if ((int64_t)snug_load(&a->c->in[1], p) == a->at)
            sum += snug_load(&a->c->in[0], (a->outer * g->picked + p) * g->inner + a->inner);
    return sum;
}

static void gather_grad_ref(const snug_call *c)
{
    const snug_shape *ids = &c->in[1].type.shape;
    added a = {.c = c, .g = snug_gathered_of(c->attrs, &c->out[0].type.shape, ids)};
    leaf_rows rows = leaf_rows_of(c, ids, ids->n_dims);
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        a.inner = i % a.g.inner, a.at = i / a.g.inner % a.g.n, a.outer = i / a.g.inner / a.g.n;
        snug_store(&c->out[0], i, leaf_sum(&rows, c->out[0].type.dtype, added_partial, &a));
    }
}

static const snug_gather_attrs g_rows = {0, 5}, g_cubes = {0, 4}, g_middle = {1, 5},
                               g_tokens = {1, 128};

static const snug_case gather_grad_cases[] = {
    {.name = "rows", .attrs = &g_rows, .n_in = 2, .in = INPUTS(BATCH(7, 13), INDICES(5, 7))},
    {.name = "cubes",
     .attrs = &g_cubes,
     .n_in = 2,
     .in = INPUTS(BATCH(7, 2, 3, 2), INDICES(4, 7, 2))},
    {.name = "middle",
     .attrs = &g_middle,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 2, 3, 4), FIXED_INDICES(5, 2, 3))},
    {.name = "outside",
     .attrs = &g_middle,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 6), FIXED_INDICES(9, 6))},
    {.name = "tokens",
     .attrs = &g_tokens,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(8, 64, 128), FIXED_INDICES(128, 64))},
    {0}};

const snug_op snug_op_gather_grad = {
    .name = "gather_grad",
    .doc = "gather_grad(dy, indices i32; axis, dim) -> dx\n"
           "dx[.., v, ..] = the sum of dy[.., i.., ..] over all i.. where indices is v, over\n"
           "samples by leaves; the axis has `dim` elements.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_gather_attrs),
    .shape = gather_grad_shape,
    .axes = gather_grad_axes,
    .cost = add_cost,
    .ref = gather_grad_ref,
    .cases = gather_grad_cases};

/* ---- scatter_add ------------------------------------------------------------------------------
 */

static snug_status scatter_shape(snug_infer *f)
{
    const snug_gather_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    snug_shape want;
    int axis;
    char p[SNUG_SHAPE_TEXT], q[SNUG_SHAPE_TEXT], r[SNUG_SHAPE_TEXT];
    TRY(check_ids(f, 1, 0));
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 2, 0));
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    TRY(gathered_shape(f, x, &f->in[1].shape, axis, &want));
    snug_shape_text(&f->in[1].shape, q, sizeof q);
    snug_shape_text(x, p, sizeof p);
    CHECK(!snug_shape_has_batch(&f->in[1].shape), SNUG_ESHAPE,
          "scatter_add '%s': indices %s count samples, whose sums onto %s would not be parts of "
          "one step's",
          f->name, q, p);
    CHECK(snug_shape_equal(&want, &f->in[2].shape), SNUG_ESHAPE,
          "scatter_add '%s': updates are %s, not what indices %s take of %s", f->name,
          snug_shape_text(&f->in[2].shape, r, sizeof r), q, p);
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int scatter_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_gather_attrs *a = s->attrs;
    const snug_shape *x = &s->in[0].shape;
    int axis = snug_shape_axis(x, a->axis), n = 0;
    for (int d = 0; d < x->n_dims; d++) {
        if (d == axis) continue;
        int there = d < axis ? d : d + s->in[1].shape.n_dims - 1;
        for (int i = 0; i <= 2; i += 2) {
            n = snug_use_axis(u, n, 0, d, i, i ? there : d);
            if (x->kind[d] == SNUG_AXIS_BATCH) u[n - 1].how = SNUG_FOLLOW_BATCH;
        }
    }
    return n;
}

static snug_status scatter_grad(snug_grad *g)
{
    g->din[0] = g->dout[0];
    if (!g->dout[0] || !g->need[2]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->in[1]};
    return snug_apply_all(g->graph, &snug_op_gather, NULL, g->attrs, 2, in, &g->din[2]);
}

static void scatter_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    snug_gathered g = snug_gathered_of(c->attrs, x, &c->in[1].type.shape);
    for (int64_t i = 0; i < snug_shape_elements(x); i++) {
        int64_t outer = i / g.inner / g.n, at = i / g.inner % g.n;
        double sum = snug_load(&c->in[0], i);
        for (int64_t p = 0; p < g.picked; p++)
            if ((int64_t)snug_load(&c->in[1], p) == at)
                sum += snug_load(&c->in[2], (outer * g.picked + p) * g.inner + i % g.inner);
        snug_store(&c->out[0], i, sum);
    }
}

static const snug_case scatter_cases[] = {
    {.name = "rows",
     .attrs = &first,
     .n_in = 3,
     .in = INPUTS(FIXED(5, 6), FIXED_INDICES(5, 7), FIXED(7, 6))},
    {.name = "columns",
     .attrs = &last,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 5), FIXED_INDICES(5, 3), BATCH(7, 3))},
    {.name = "outside",
     .attrs = &second,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 5, 2), FIXED_INDICES(9, 6), BATCH(3, 6, 2))},
    {0}};

const snug_op snug_op_scatter_add = {
    .name = "scatter_add",
    .doc = "scatter_add(x, indices i32, updates; axis) -> y\n"
           "y = x, and y[.., indices[i..], ..] += updates[.., i.., ..] for every i..; an index\n"
           "outside the axis adds nothing. Indices do not count samples.\n"
           "Gradient: dx = dy, dupdates = gather(dy, indices).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_gather_attrs),
    .inplace = {1},
    .shape = scatter_shape,
    .axes = scatter_axes,
    .grad = scatter_grad,
    .cost = add_cost,
    .ref = scatter_ref,
    .cases = scatter_cases};
