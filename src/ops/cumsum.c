/* SPDX-License-Identifier: Apache-2.0 */
/* cumsum: sums up to each element of an axis, y[i] = sum over j <= i of x[j]; exclusive: j < i;
 * reverse: j >= i. The gradient runs the other way. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <snug/graph.h>

static const snug_attr attrs[] = {
    ATTR_INT(snug_cumsum_attrs, axis, -SNUG_MAX_DIMS, SNUG_MAX_DIMS - 1, -1,
             "along which; negative ones count from the end"),
    ATTR_BOOL(snug_cumsum_attrs, exclusive, "without the element itself"),
    ATTR_BOOL(snug_cumsum_attrs, reverse, "from the end"),
    {0}};

static snug_status cumsum_shape(snug_infer *f)
{
    const snug_cumsum_attrs *a = f->attrs;
    int axis;
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    return snug_shape_same(f);
}

static int cumsum_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_cumsum_attrs *a = s->attrs;
    int n = 0, axis = snug_shape_axis(&s->in[0].shape, a->axis);
    if (axis > 0) n = snug_use_batch(s, u, n, 0, 0);
    for (int d = 1; d < s->in[0].shape.n_dims; d++)
        if (d != axis) n = snug_use_axis(u, n, 0, d, 0, d);
    return n;
}

static snug_status cumsum_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_cumsum_attrs back = *(const snug_cumsum_attrs *)g->attrs;
    back.reverse = !back.reverse;
    return snug_apply_all(g->graph, &snug_op_cumsum, NULL, &back, 1, &g->dout[0], &g->din[0]);
}

static void cumsum_ref(const snug_call *c)
{
    const snug_cumsum_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    int axis = snug_shape_axis(x, a->axis);
    int64_t n = x->dim[axis], inner = snug_shape_span(x, axis + 1, x->n_dims);
    int64_t lines = snug_shape_span(x, 0, axis) * inner;
    for (int64_t l = 0; l < lines; l++) {
        int64_t first = l / inner * n * inner + l % inner;
        double sum = 0;
        for (int64_t k = 0; k < n; k++) {
            int64_t at = first + (a->reverse ? n - 1 - k : k) * inner;
            double v = snug_load(&c->in[0], at);
            snug_store(&c->out[0], at, a->exclusive ? sum : sum + v);
            sum += v;
        }
    }
}

static const snug_cumsum_attrs last = {.axis = -1}, middle = {.axis = 1, .exclusive = 1},
                               reverse = {.axis = 1, .reverse = 1},
                               both = {.axis = -1, .exclusive = 1, .reverse = 1},
                               first = {.axis = 0};

static const snug_case cases[] = {
    {.name = "last", .attrs = &last, .n_in = 1, .in = INPUTS(BATCH(7, 13))},
    {.name = "exclusive", .attrs = &middle, .n_in = 1, .in = INPUTS(BATCH(3, 5, 4))},
    {.name = "reverse", .attrs = &reverse, .n_in = 1, .in = INPUTS(BATCH(3, 5, 70))},
    {.name = "both", .attrs = &both, .n_in = 1, .in = INPUTS(BATCH(3, 9))},
    {.name = "fixed", .attrs = &first, .n_in = 1, .in = INPUTS(FIXED(9, 3))},
    {.name = "tokens",
     .attrs = &reverse,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(8, 128, 128))},
    {0}};

const snug_op snug_op_cumsum = {
    .name = "cumsum",
    .doc = "cumsum(x; axis, exclusive, reverse) -> y\n"
           "y[i] = the sum of x[j] with j <= i along the axis, which is not the batch axis; with\n"
           "exclusive j < i, with reverse j >= i (j > i).\n"
           "Gradient: cumsum of dy, reversed.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_cumsum_attrs),
    .inplace = {1},
    .shape = cumsum_shape,
    .axes = cumsum_axes,
    .grad = cumsum_grad,
    .cost = snug_cost_elementwise,
    .ref = cumsum_ref,
    .cases = cases};
